#include "codec/rows_text.h"

#include "codec/people.h"
#include "snapshot/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What people look for in a table, in this order. */
typedef enum figure {
    CALLS,
    FAILED,
    RUNNING,
    AVAILABILITY,
    MEDIAN,
    SLOW,
    FIRST_TOKEN,
    TIME,
    INPUT,
    CACHE_READ,
    CACHE_WRITE,
    OUTPUT,
    REASONING,
    TOKENS,
    COST,
    SHARE,
    FIGURES
} figure;

/* Ranks: what is left out first where the width does not suffice (codec/text_table.h). */
static const tacho__text_column titles[FIGURES] = {
    [CALLS] = {"CALLS", .right = true},
    [FAILED] = {"FAIL", .right = true, .red = true, .rank = 3},
    [RUNNING] = {"RUNNING", .right = true, .rank = 6},
    [AVAILABILITY] = {"AVAILABLE", .right = true, .rank = 3},
    [MEDIAN] = {"P50", .right = true, .rank = 5},
    [SLOW] = {"P95", .right = true, .rank = 4},
    [FIRST_TOKEN] = {"1ST TOKEN", .right = true, .rank = 8},
    [TIME] = {"TIME", .right = true, .rank = 6},
    [INPUT] = {"INPUT", .right = true, .rank = 2},
    [CACHE_READ] = {"FROM CACHE", .right = true, .rank = 2},
    [CACHE_WRITE] = {"TO CACHE", .right = true, .rank = 2},
    [OUTPUT] = {"OUTPUT", .right = true, .rank = 1},
    [REASONING] = {"REASONING", .right = true, .rank = 7},
    [TOKENS] = {"TOKENS", .right = true, .rank = 9},
    [COST] = {"COST", .right = true},
    [SHARE] = {"SHARE", .right = true, .rank = 10},
};

/* Sum of counts of which -1 is unknown. */
static int64_t known_sum(int64_t a, int64_t b) {
    int64_t sum;
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t count_of(const tacho_row *row, figure what) {
    switch (what) {
    case CALLS:
        return row->calls;
    case FAILED:
        return row->errors;
    case RUNNING:
        return row->in_flight;
    case INPUT:
        return row->units[TACHO_UNIT_INPUT];
    case CACHE_READ:
        return row->units[TACHO_UNIT_CACHE_READ];
    case CACHE_WRITE:
        return known_sum(row->units[TACHO_UNIT_CACHE_WRITE], row->units[TACHO_UNIT_CACHE_WRITE_1H]);
    case OUTPUT:
        return row->units[TACHO_UNIT_OUTPUT];
    case REASONING:
        return row->units[TACHO_UNIT_REASONING];
    default:
        return row->total_tokens;
    }
}

static int64_t time_of(const tacho_row *row, figure what) {
    switch (what) {
    case MEDIAN:
        return row->p50_ns;
    case SLOW:
        return row->p95_ns;
    case FIRST_TOKEN:
        return row->first_token_ns;
    default:
        return row->total_ns;
    }
}

static double share_of(const tacho_row *row, const tacho_row *totals) {
    bool known = row->cost_pusd != TACHO_COST_UNKNOWN && totals->cost_pusd != TACHO_COST_UNKNOWN;
    return known && totals->cost_pusd > 0 ? (double)row->cost_pusd / (double)totals->cost_pusd : (double)NAN;
}

static const char *figure_text(const tacho_row *row, const tacho_row *totals, figure what,
                               char out[TACHO__PEOPLE_TEXT]) {
    switch (what) {
    case MEDIAN:
    case SLOW:
    case FIRST_TOKEN:
    case TIME:
        return tacho__people_time(time_of(row, what), out);
    case COST:
        return tacho__people_cost(row->cost_pusd, (tacho_cost_state)row->cost_state, out);
    case SHARE:
        return tacho__people_part(share_of(row, totals), out);
    case AVAILABILITY:
        return tacho__people_part(row->availability, out);
    default:
        return tacho__people_count(count_of(row, what), out);
    }
}

/* True if a column tells anything about these rows. */
static bool telling(const tacho_rows *rows, figure what) {
    const tacho_row *all = &rows->totals;
    switch (what) {
    case CALLS:
        return true;
    case COST:
        return all->cost_pusd != TACHO_COST_UNKNOWN || all->unpriced_calls > 0;
    case SHARE:
        return rows->count > 1 && all->cost_pusd != TACHO_COST_UNKNOWN && all->cost_pusd > 0;
    case AVAILABILITY:
        return rows->by == TACHO_BY_PROVIDER && !isnan(all->availability);
    case MEDIAN:
    case SLOW:
    case FIRST_TOKEN:
    case TIME:
        return time_of(all, what) >= 0;
    default:
        return count_of(all, what) > 0;
    }
}

static bool is_tags(const tacho_field *field) {
    return field->type == TACHO_FIELD_TAGS;
}

/* Each tag has a column. */
static void add_keys(tacho__text_table *table, const tacho_rows *rows, const tacho__columns *keys,
                     const tacho_zone *zone) {
    if (keys->count == 0) {
        tacho__text_column_add(table, (tacho__text_column){.title = ""});
    }
    for (size_t i = 0; i < keys->count; i++) {
        for (uint32_t j = 0; is_tags(keys->field[i]) && j < rows->by_tag_count; j++) {
            tacho__text_column_add(table, (tacho__text_column){.title = rows->by_tags[j]}); /* as its owner writes it */
        }
        if (is_tags(keys->field[i])) {
            continue;
        }
        const char *name = keys->field[i]->name;
        tacho__text_column column = {.title = tacho__people_title(&table->arena, name),
                                     .rank = i > 0 && strcmp(name, "kind") == 0 ? 6 : 0};
        if (strcmp(name, "day") == 0) {
            const char *day = tacho__arena_print(&table->arena, "DAY (%.40s)", tacho__people_zone(zone));
            column.title = day ? day : "";
        }
        tacho__text_column_add(table, column);
    }
}

static void add_key(tacho__text_table *table, size_t at, const char *key, const char *total) {
    tacho__text_cell(table, at, !total ? key ? key : "-" : at == 0 ? total : "");
}

/* `total` names the row of the totals; NULL = an ordinary row. */
static void add_row(tacho__text_table *table, const tacho_rows *rows, const tacho_row *row, const tacho__columns *keys,
                    const char *total, const figure *shown, size_t count) {
    char text[TACHO__PEOPLE_TEXT];
    size_t at = 0;
    tacho__text_row(table);
    for (size_t i = 0; i < keys->count; i++) {
        for (uint32_t j = 0; is_tags(keys->field[i]) && j < rows->by_tag_count; j++) {
            add_key(table, at++, j < row->tag_count ? row->tags[j].value : NULL, total);
        }
        if (!is_tags(keys->field[i])) {
            add_key(table, at++, tacho__field_text(keys->field[i], row), total);
        }
    }
    if (at == 0) {
        tacho__text_cell(table, at++, total ? total : "all");
    }
    for (size_t i = 0; i < count; i++) {
        tacho__text_cell(table, at + i, figure_text(row, &rows->totals, shown[i], text));
    }
}

tacho_status tacho__rows_text(const tacho_rows *rows, const tacho__text_layout *layout, const tacho_zone *zone,
                              tacho__buffer *out) {
    tacho__text_table table;
    tacho__columns keys;
    figure shown[FIGURES];
    size_t count = 0;
    tacho__text_table_begin(&table);
    tacho__columns_keys(rows, &keys);
    add_keys(&table, rows, &keys, zone);
    for (figure what = 0; what < FIGURES; what++) {
        if (telling(rows, what)) {
            shown[count++] = what;
            tacho__text_column_add(&table, titles[what]);
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        add_row(&table, rows, &rows->rows[i], &keys, NULL, shown, count);
    }
    if (rows->count > 1) {
        tacho__text_footer(&table);
        add_row(&table, rows, &rows->totals, &keys, "TOTAL", shown, count);
    }
    tacho_status status = tacho__text_table_write(&table, layout, out);
    tacho__text_table_free(&table);
    return status;
}

/* ------------------------------------------------------------------------------------------------- chosen columns */

static void add_chosen(tacho__text_table *table, const tacho__columns *columns, const tacho_row *row, bool total,
                       const tacho_zone *zone) {
    char text[TACHO__PEOPLE_TEXT];
    tacho__text_row(table);
    for (size_t i = 0; i < columns->count; i++) {
        const tacho_field *field = columns->field[i];
        bool key = field->type == TACHO_FIELD_TEXT || is_tags(field);
        const char *shown = is_tags(field) ? tacho__people_tags(&table->arena, row->tags, row->tag_count)
                                           : tacho__people_field(field, row, zone, text);
        tacho__text_cell(table, i, !total || !key ? shown : i == 0 ? "TOTAL" : "");
    }
}

tacho_status tacho__rows_text_columns(const tacho_rows *rows, const tacho__columns *columns,
                                      const tacho__text_layout *layout, const tacho_zone *zone, tacho__buffer *out) {
    tacho__text_table table;
    tacho__text_table_begin(&table);
    for (size_t i = 0; i < columns->count; i++) {
        bool text = columns->field[i]->type == TACHO_FIELD_TEXT || columns->field[i]->type == TACHO_FIELD_STATE ||
                    is_tags(columns->field[i]);
        tacho__text_column column = {.title = tacho__people_title(&table.arena, columns->field[i]->name),
                                     .right = !text};
        tacho__text_column_add(&table, column);
    }
    for (size_t i = 0; i < rows->count; i++) {
        add_chosen(&table, columns, &rows->rows[i], false, zone);
    }
    if (rows->count > 1) {
        tacho__text_footer(&table);
        add_chosen(&table, columns, &rows->totals, true, zone);
    }
    tacho_status status = tacho__text_table_write(&table, layout, out);
    tacho__text_table_free(&table);
    return status;
}
