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

/* Grouping keys by name, in the order of a row's fields: bits of tacho_by under which a table has each. */
static const struct {
    const char *name;
    uint32_t by;
} keys[] = {{"operation", TACHO_BY_BIT(TACHO_BY_OPERATION)},
            {"kind", TACHO_BY_BIT(TACHO_BY_OPERATION) | TACHO_BY_BIT(TACHO_BY_KIND)},
            {"provider", TACHO_BY_BIT(TACHO_BY_PROVIDER)},
            {"model", TACHO_BY_BIT(TACHO_BY_MODEL)},
            {"tool", TACHO_BY_BIT(TACHO_BY_TOOL)},
            {"session", TACHO_BY_BIT(TACHO_BY_SESSION)},
            {"day", TACHO_BY_BIT(TACHO_BY_DAY)},
            {"tags", TACHO_BY_BIT(TACHO_BY_TAG)}};
#define KEYS (sizeof keys / sizeof *keys)

static bool add_name(const char *name, tacho__columns *out) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    const tacho_field *field = tacho__field_find(fields, count, name);
    if (!field || out->count == TACHO__COLUMNS_MAX) {
        return false;
    }
    out->field[out->count++] = field;
    return true;
}

static bool add_names(const char *const *names, tacho__columns *out) {
    bool done = true;
    for (size_t i = 0; names[i] && done; i++) {
        done = add_name(names[i], out);
    }
    return done;
}

static void add_keys(uint32_t by, uint32_t but, bool kind, tacho__columns *out) {
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].by & by && !(keys[i].by & but) && (kind || strcmp(keys[i].name, "kind") != 0)) {
            add_name(keys[i].name, out);
        }
    }
}

/* The cost of an operation is told whatever kinds it had; every other row of an operation has its kind. */
static bool has_kind(const tacho_rows *rows) {
    bool found = rows->count == 0;
    for (size_t i = 0; i < rows->count && !found; i++) {
        found = rows->rows[i].kind != NULL;
    }
    return found;
}

void tacho__columns_keys(const tacho_rows *rows, tacho__columns *out) {
    const uint32_t first = rows->by < TACHO_BY_COUNT ? TACHO_BY_BIT(rows->by) : 0;
    out->count = 0;
    const bool kind = has_kind(rows);
    add_keys(first, 0, kind, out);
    add_keys(rows->by_also, first, kind, out);
}

tacho_status tacho__columns_resolve(const char *const *names, const tacho_rows *rows, tacho__columns *out) {
    out->count = 0;
    if (!names) {
        tacho__columns_keys(rows, out);
    }
    return add_names(names ? names : usage_columns, out) ? TACHO_OK : TACHO_INVALID;
}

static bool is_key(const char *name) {
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void tacho__columns_all(const tacho_rows *rows, tacho__columns *out) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    tacho__columns_keys(rows, out);
    if (rows->by == TACHO_BY_MODEL && !(rows->by_also & TACHO_BY_BIT(TACHO_BY_PROVIDER))) {
        add_name("provider", out);
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
