#include "codec/columns.h"

#include "snapshot/fields.h"

#include <stdbool.h>
#include <string.h>

static const char *const usage_columns[] = {"calls",
                                            "errors",
                                            "input_tokens",
                                            "cache_read_tokens",
                                            "cache_write_tokens",
                                            "cache_write_1h_tokens",
                                            "output_tokens",
                                            "reasoning_tokens",
                                            "cost_usd",
                                            "cost_state",
                                            "unpriced_calls",
                                            "total_input_tokens",
                                            "total_output_tokens",
                                            "total_tokens",
                                            "success_rate",
                                            "timed_calls",
                                            "total_seconds",
                                            "min_seconds",
                                            "avg_seconds",
                                            "p50_seconds",
                                            "p95_seconds",
                                            "p99_seconds",
                                            "max_seconds",
                                            NULL};

const char *const *tacho__columns_keys(uint32_t by) {
    static const char *const keys[TACHO_BY_COUNT][3] = {
        [TACHO_BY_MODEL] = {"model"}, [TACHO_BY_PROVIDER] = {"provider"}, [TACHO_BY_SESSION] = {"session"},
        [TACHO_BY_DAY] = {"day"},     [TACHO_BY_TOOL] = {"tool"},         [TACHO_BY_OPERATION] = {"operation", "kind"},
        [TACHO_BY_KIND] = {"kind"},   [TACHO_BY_TOTAL] = {NULL}};
    return keys[by < TACHO_BY_COUNT ? by : TACHO_BY_TOTAL];
}

static bool add_names(const char *const *names, tacho__columns *out) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    for (size_t i = 0; names[i]; i++) {
        const tacho_field *field = tacho__field_find(fields, count, names[i]);
        if (!field || out->count == TACHO__COLUMNS_MAX) {
            return false;
        }
        out->field[out->count++] = field;
    }
    return true;
}

tacho_status tacho__columns_resolve(const char *const *names, uint32_t by, tacho__columns *out) {
    out->count = 0;
    if (names) {
        return add_names(names, out) ? TACHO_OK : TACHO_INVALID;
    }
    return add_names(tacho__columns_keys(by), out) && add_names(usage_columns, out) ? TACHO_OK : TACHO_INVALID;
}

static bool is_key(const char *name) {
    for (uint32_t by = 0; by < TACHO_BY_COUNT; by++) {
        const char *const *keys = tacho__columns_keys(by);
        for (size_t i = 0; keys[i]; i++) {
            if (strcmp(keys[i], name) == 0) {
                return true;
            }
        }
    }
    return false;
}

void tacho__columns_all(uint32_t by, tacho__columns *out) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    out->count = 0;
    add_names(tacho__columns_keys(by), out);
    if (by == TACHO_BY_MODEL) {
        add_names((const char *const[]){"provider", NULL}, out);
    }
    for (size_t i = 0; i < count && out->count < TACHO__COLUMNS_MAX; i++) {
        if (!is_key(fields[i].name)) {
            out->field[out->count++] = &fields[i];
        }
    }
}

void tacho__columns_of_totals(const tacho__columns *columns, tacho__columns *out) {
    out->count = 0;
    for (size_t i = 0; i < columns->count; i++) {
        if (!is_key(columns->field[i]->name)) {
            out->field[out->count++] = columns->field[i];
        }
    }
}
