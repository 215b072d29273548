/* The end of a table: rows in order, totals, and what a person should know about them. */
#include "snapshot/table_parts.h"

#include "base/memory.h"
#include "base/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MODELS 3 /* models that a warning names; the others are counted */

typedef struct owned_rows {
    tacho_rows rows; /* first: tacho_rows_free gets its address */
    tacho__arena arena;
} owned_rows;

static int number_order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

/* A row without a key stands last. */
static int key_order(const char *left, const char *right) {
    return left && right ? strcmp(left, right) : (left == NULL) - (right == NULL);
}

static int name_order(const tacho_row *a, const tacho_row *b) {
#define THEN(key)                                                                                                      \
    if (a->key != b->key && (order = key_order(a->key, b->key)) != 0) {                                                \
        return order;                                                                                                  \
    }
    int order;
    THEN(day)
    THEN(session)
    THEN(model)
    THEN(provider)
    THEN(tool)
    THEN(operation)
    THEN(kind)
#undef THEN
    return tacho__tags_order((tacho__tags_of){a->tags, a->tag_count}, (tacho__tags_of){b->tags, b->tag_count});
}

static int row_order(const void *left, const void *right) {
    const tacho_row *a = left, *b = right;
    int order = a->day || b->day ? key_order(a->day, b->day) : 0;
    if (order == 0) {
        order = number_order(b->cost_pusd, a->cost_pusd); /* unknown is the smallest integer */
    }
    if (order == 0) {
        order = number_order(b->calls, a->calls);
    }
    return order != 0 ? order : name_order(a, b);
}

static int text_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

static void warn_unpriced(tacho__table *table, const tacho__group *total) {
    int64_t calls = total->cost_calls[TACHO_COST_STATE_UNKNOWN];
    if (calls == 0 || table->unpriced_count == 0) {
        return;
    }
    qsort(table->unpriced, table->unpriced_count, sizeof *table->unpriced, text_order);
    const char *names = table->unpriced[0];
    for (size_t i = 1; names && i < table->unpriced_count && i < NAMED_MODELS; i++) {
        names = tacho__arena_print(&table->arena, "%s, %s", names, table->unpriced[i]);
    }
    if (names && table->unpriced_count > NAMED_MODELS) {
        names = tacho__arena_print(&table->arena, "%s and %zu more", names, table->unpriced_count - NAMED_MODELS);
    }
    if (names) {
        names = tacho__arena_print(&table->arena, "%" PRId64 " call%s of %zu model%s ha%s no price: %s", calls,
                                   plural(calls), table->unpriced_count, plural((int64_t)table->unpriced_count),
                                   calls == 1 ? "s" : "ve", names);
    }
    tacho__table_warn(table, names);
}

static void warn_low_confidence(tacho__table *table, const tacho__group *total) {
    if (total->low_confidence == 0) {
        return;
    }
    char usd[TACHO__DECIMAL_TEXT];
    tacho__money_text(total->low_confidence_pusd, usd);
    const char *text = tacho__arena_print(
        &table->arena, "%" PRId64 " call%s (%s USD) %s of low confidence: only preliminary counts were found",
        total->low_confidence, plural(total->low_confidence), usd, total->low_confidence == 1 ? "is" : "are");
    tacho__table_warn(table, text);
}

/* Calls that failed have no usage as a rule, and that says nothing about the cost: only more than these are told. */
static void warn_absent(tacho__table *table, const tacho__group *total) {
    int64_t calls = total->usage_absent;
    if (calls > tacho__group_calls(total) - total->outcomes[TACHO_OUTCOME_OK]) {
        tacho__table_warn(table, tacho__arena_print(&table->arena,
                                                    "%" PRId64 " model call%s reported no usage: %s cost is not known",
                                                    calls, plural(calls), calls == 1 ? "its" : "their"));
    }
}

static void warn_partial(tacho__table *table, const tacho__group *total) {
    int64_t calls = total->cost_calls[TACHO_COST_STATE_PARTIAL];
    if (calls > 0) {
        tacho__table_warn(table, tacho__arena_print(&table->arena, "%" PRId64 " call%s ha%s a price for a part only",
                                                    calls, plural(calls), calls == 1 ? "s" : "ve"));
    }
}

/* A context belongs to a session: of a row about several it would be that of whichever call came last. */
static void forget_context(tacho_row *row) {
    row->context_size = row->max_context_size = row->context_limit = -1;
    row->compressions = 0;
}

static void make_rows(tacho__table *table, owned_rows *owned) {
    tacho_row *rows = tacho__arena_array(&owned->arena, table->count, sizeof *rows);
    for (size_t i = 0; rows && i < table->count; i++) {
        tacho__group_row(table->groups[i], &owned->arena, &rows[i]);
        if (!(tacho__query_keys(&table->query) & TACHO_BY_BIT(TACHO_BY_SESSION))) {
            forget_context(&rows[i]);
        }
    }
    owned->rows.rows = rows;
    owned->rows.count = rows ? table->count : 0;
    if (owned->rows.count > 0) {
        qsort(rows, owned->rows.count, sizeof *rows, row_order);
    }
    size_t limit = table->query.limit;
    if (limit > 0 && owned->rows.count > limit) {
        tacho__table_warn(table, tacho__arena_print(&table->arena, "%zu of %zu rows are shown; totals are over all",
                                                    limit, owned->rows.count));
        owned->rows.count = limit;
    }
}

/* As a column is called. */
static void name_tags(const tacho__table *table, owned_rows *owned) {
    const uint32_t count = table->query.by_tag_count;
    const char **names = count > 0 ? tacho__arena_array(&owned->arena, count, sizeof *names) : NULL;
    for (uint32_t i = 0; names && i < count; i++) {
        names[i] = tacho__arena_print(&owned->arena, "tag:%s", table->query.by_tags[i]);
    }
    owned->rows.by_tags = names;
    owned->rows.by_tag_count = names ? count : 0;
}

static void copy_warnings(const tacho__table *table, owned_rows *owned) {
    const char **warnings = tacho__arena_array(&owned->arena, table->warning_count, sizeof *warnings);
    for (size_t i = 0; warnings && i < table->warning_count; i++) {
        warnings[i] = tacho__arena_text(&owned->arena, table->warnings[i]);
    }
    owned->rows.warnings = warnings;
    owned->rows.warning_count = warnings ? table->warning_count : 0;
}

static tacho_status finish(tacho__table *table, owned_rows *owned) {
    tacho__group total;
    tacho__group_init(&total);
    if (tacho__table_total(table, &total) == TACHO_OK) {
        warn_unpriced(table, &total);
        warn_partial(table, &total);
        warn_absent(table, &total);
        warn_low_confidence(table, &total);
        make_rows(table, owned);
        tacho__group_row(&total, &owned->arena, &owned->rows.totals);
        forget_context(&owned->rows.totals);
        copy_warnings(table, owned);
        name_tags(table, owned);
    }
    tacho__group_free(&total);
    return table->arena.failed || owned->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

tacho_status tacho__table_finish(tacho__table *table, tacho_rows **out) {
    *out = NULL;
    owned_rows *owned = tacho__calloc(1, sizeof *owned);
    tacho_status status = TACHO_NOMEM;
    if (owned) {
        owned->rows.struct_size = sizeof owned->rows;
        owned->rows.by = table->query.by;
        owned->rows.by_also = table->query.by_also & ~TACHO_BY_BIT(table->query.by);
        status = finish(table, owned);
    }
    tacho__table_free(table);
    if (status == TACHO_OK) {
        *out = &owned->rows;
    } else if (owned) {
        tacho_rows_free(&owned->rows);
    }
    return status;
}

void tacho_rows_free(tacho_rows *rows) {
    if (rows) {
        owned_rows *owned = (owned_rows *)(void *)rows;
        tacho__arena_free(&owned->arena);
        tacho__free(owned);
    }
}
