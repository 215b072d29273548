/* Series of custom metrics, one row per name, labels and kind, merged over the parts (semantics 16). */
#include "base/memory.h"
#include "segment/layout.h"
#include "snapshot/quantile.h"
#include "snapshot/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <tachograph/metric.h>

typedef struct entry {
    const tacho__part_metric *metric;
    const tacho__part_custom *series;
    bool live; /* of the latest generation of its process: what is so now, not what was */
} entry;

typedef struct metric_table {
    tacho_metric_rows rows; /* first: the handle */
    tacho__arena arena;
    tacho_metric_row *filled;
} metric_table;

/* -------------------------------------------------------------------------------------------------------- identity */

static int text_order(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "");
}

/* Value of a label; the overflow series stands for any. */
static const char *value_of(const entry *one, int64_t label) {
    bool overflow = (one->series->flags & TACHO__SERIES_IS_OVERFLOW) != 0;
    return overflow ? "other" : one->series->values[label];
}

static int entry_order(const void *left, const void *right) {
    const entry *a = left, *b = right;
    const tacho__part_metric *x = a->metric, *y = b->metric;
    int order = text_order(x->name, y->name);
    order = order ? order : text_order(x->type, y->type);
    order = order ? order : text_order(x->unit, y->unit);
    order = order ? order : text_order(x->merge, y->merge);
    order = order ? order : (x->label_count > y->label_count) - (x->label_count < y->label_count);
    for (int64_t i = 0; i < x->label_count && order == 0; i++) {
        order = text_order(x->labels[i], y->labels[i]);
    }
    for (int64_t i = 0; i < x->label_count && order == 0; i++) {
        order = text_order(value_of(a, i), value_of(b, i));
    }
    return order;
}

/* All series of all parts that are asked for; NULL when out of memory. */
static entry *gather(const tacho_snapshot *snapshot, const char *metric, size_t *count) {
    size_t most = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        most += snapshot->parts[i]->custom_count;
    }
    entry *entries = tacho__calloc(most ? most : 1, sizeof *entries);
    *count = 0;
    for (size_t i = 0; i < snapshot->count && entries; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->custom_count; j++) {
            const tacho__part_custom *series = &part->custom[j];
            const tacho__part_metric *of = &part->metrics[series->metric];
            if (!metric || strcmp(of->name, metric) == 0) {
                entries[(*count)++] = (entry){of, series, tacho__snapshot_is_newest(snapshot, i)};
            }
        }
    }
    return entries;
}

/* ---------------------------------------------------------------------------------------------------------- merging */

static void merge_gauge(tacho_metric_row *row, const entry *one, bool first) {
    const tacho__part_custom *series = one->series;
    bool newest = strcmp(one->metric->merge, tacho_merge_text(TACHO_MERGE_NEWEST)) == 0;
    if (!newest && !one->live) {
        return;
    }
    if (newest) {
        if (first || series->changed_at_ns > row->changed_at_ns) {
            row->value = series->value;
        }
    } else if (row->value == TACHO_VALUE_UNKNOWN) {
        row->value = series->value;
    } else if (strcmp(one->metric->merge, tacho_merge_text(TACHO_MERGE_MAX)) == 0) {
        row->value = series->value > row->value ? series->value : row->value;
    } else {
        row->value = tacho__sum(row->value, series->value);
    }
    row->changed_at_ns =
        first || series->changed_at_ns > row->changed_at_ns ? series->changed_at_ns : row->changed_at_ns;
}

static bool merge_histogram(tacho_metric_row *row, const tacho__measure *from, tacho__buckets *buckets) {
    if (from->buckets.total == 0) {
        return true;
    }
    bool first = buckets->total == 0;
    row->min = first || from->min < row->min ? from->min : row->min;
    row->max = first || from->max > row->max ? from->max : row->max;
    row->sum = tacho__sum(row->sum, from->sum);
    row->low = tacho__sum(row->low, from->low);
    row->high = tacho__sum(row->high, from->high);
    return tacho__buckets_merge(buckets, &from->buckets);
}

static double per_one(int64_t digits) {
    return digits == 9 ? 1e9 : digits == 6 ? 1e6 : 1.0;
}

static void finish_histogram(tacho_metric_row *row, const tacho__buckets *buckets) {
    row->count = buckets->total > INT64_MAX ? INT64_MAX : (int64_t)buckets->total;
    if (row->count == 0) {
        row->min = row->max = row->avg = row->p50 = row->p95 = row->p99 = TACHO_VALUE_UNKNOWN;
        return;
    }
    static const unsigned percentiles[] = {500, 950, 990};
    int64_t values[3];
    double one = per_one(row->digits);
    row->avg = (row->sum + row->count / 2) / row->count;
    tacho__quantiles(buckets, row->min, row->max, one, percentiles, values, 3);
    row->p50 = values[0];
    row->p95 = values[1];
    row->p99 = values[2];
}

static void start_row(tacho__arena *arena, const entry *one, tacho_metric_row *row) {
    const tacho__part_metric *metric = one->metric;
    *row = (tacho_metric_row){.struct_size = sizeof *row,
                              .digits = (uint32_t)metric->digits,
                              .metric = tacho__arena_text(arena, metric->name),
                              .type = metric->type,
                              .unit = tacho__arena_text(arena, metric->unit),
                              .merge = metric->merge,
                              .description = tacho__arena_text(arena, metric->description),
                              .label_count = (uint32_t)metric->label_count,
                              .value = TACHO_VALUE_UNKNOWN,
                              .count = -1,
                              .low = -1,
                              .high = -1};
    tacho_tag *labels = tacho__arena_array(arena, row->label_count, sizeof *labels);
    for (int64_t i = 0; i < metric->label_count && labels; i++) {
        labels[i] =
            (tacho_tag){tacho__arena_text(arena, metric->labels[i]), tacho__arena_text(arena, value_of(one, i))};
    }
    row->labels = labels;
    row->sum = row->min = row->max = row->avg = row->p50 = row->p95 = row->p99 = TACHO_VALUE_UNKNOWN;
}

/* One row of `count` entries with the same identity. */
static bool fill_row(tacho__arena *arena, const entry *entries, size_t count, tacho_metric_row *row) {
    start_row(arena, entries, row);
    bool done = true;
    if (strcmp(row->type, tacho_metric_type_text(TACHO_METRIC_HISTOGRAM)) == 0) {
        tacho__buckets buckets = {0};
        row->sum = row->low = row->high = 0;
        for (size_t i = 0; i < count && done; i++) {
            done = merge_histogram(row, &entries[i].series->measure, &buckets);
        }
        finish_histogram(row, &buckets);
        tacho__buckets_free(&buckets);
        return done;
    }
    bool gauge = strcmp(row->type, tacho_metric_type_text(TACHO_METRIC_GAUGE)) == 0;
    row->value = gauge ? TACHO_VALUE_UNKNOWN : 0;
    for (size_t i = 0; i < count; i++) {
        if (gauge) {
            merge_gauge(row, &entries[i], i == 0);
        } else {
            row->value = tacho__sum(row->value, entries[i].series->value);
        }
    }
    return done;
}

static bool fill_table(metric_table *table, const entry *entries, size_t count) {
    bool done = true;
    table->filled = tacho__arena_array(&table->arena, count, sizeof *table->filled);
    for (size_t i = 0, end; i < count && table->filled && done; i = end) {
        for (end = i + 1; end < count && entry_order(&entries[i], &entries[end]) == 0; end++) {
        }
        tacho_metric_row *row = &table->filled[table->rows.count];
        done = fill_row(&table->arena, &entries[i], end - i, row);
        bool unset =
            strcmp(row->type, tacho_metric_type_text(TACHO_METRIC_GAUGE)) == 0 && row->value == TACHO_VALUE_UNKNOWN;
        table->rows.count += !unset;
    }
    table->rows.rows = table->filled;
    return table->filled && done && !table->arena.failed;
}

tacho_status tacho_snapshot_metrics(const tacho_snapshot *snapshot, const char *metric, tacho_metric_rows **out) {
    size_t count;
    *out = NULL;
    metric_table *table = tacho__calloc(1, sizeof *table);
    entry *entries = table ? gather(snapshot, metric, &count) : NULL;
    if (!entries) {
        tacho__free(table);
        return TACHO_NOMEM;
    }
    if (count > 1) {
        qsort(entries, count, sizeof *entries, entry_order);
    }
    table->rows.struct_size = sizeof table->rows;
    bool done = fill_table(table, entries, count);
    tacho__free(entries);
    if (!done) {
        tacho_metric_rows_free(&table->rows);
        return TACHO_NOMEM;
    }
    *out = &table->rows;
    return TACHO_OK;
}

void tacho_metric_rows_free(tacho_metric_rows *rows) {
    if (rows) {
        metric_table *table = (metric_table *)rows;
        tacho__arena_free(&table->arena);
        tacho__free(table);
    }
}

/* ----------------------------------------------------------------------------------------------------------- fields */

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_metric_row, member), help }

static const tacho_field fields[] = {
    FIELD(metric, TEXT, metric, "Name of the metric as it was declared"),
    FIELD(type, TEXT, type, "counter, gauge or histogram"),
    FIELD(unit, TEXT, unit, "Unit of the figures, 1 = plain numbers"),
    FIELD(merge, TEXT, merge, "How processes become one: sum, newest or max"),
    FIELD(labels, TAGS, labels, "Values by label; null = not given"),
    FIELD(value, SCALED, value, "Sum of a counter, value of a gauge"),
    FIELD(count, COUNT, count, "Values in a histogram"),
    FIELD(sum, SCALED, sum, "Sum of the values of a histogram, exact"),
    FIELD(min, SCALED, min, "Smallest value, exact"),
    FIELD(avg, SCALED, avg, "Mean of the values"),
    FIELD(p50, SCALED, p50, "Median, within 2.2 %"),
    FIELD(p95, SCALED, p95, "95th percentile, within 2.2 %"),
    FIELD(p99, SCALED, p99, "99th percentile, within 2.2 %"),
    FIELD(max, SCALED, max, "Largest value, exact"),
    FIELD(low, COUNT, low, "Values below the grid, counted in its first bucket"),
    FIELD(high, COUNT, high, "Values above the grid, counted in its last bucket"),
    FIELD(description, TEXT, description, "What the metric is about"),
};

const tacho_field *tacho_metric_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}
