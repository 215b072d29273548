/**
 * Custom metrics and caches of a base. Metrics of the same name, unit and labels are one. What only a living process
 * has (the size of its cache, its part of a gauge that is summed) was taken away when it was recovered.
 */
#include "base/memory.h"
#include "segment/base_work.h"
#include "segment/metrics.h"
#include "segment/sketch.h"

#include <string.h>

#define CELLS_PER_LINE (TACHO__LINE / TACHO__METRIC_CELL)
#define CUSTOM_LINES   (TACHO__HISTOGRAM_LINES + 2 + 2 * TACHO__OCTAVES + 4 * TACHO__METRIC_LABELS + TACHO__SERIES_CHUNK)

/* Most that one definition and its overflow series need: texts of four lines each, every octave twice, a descriptor. */
#define DEFINITION_TEXTS ((3 + TACHO__METRIC_LABELS) * 4u)
#define DEFINITION_LINES (DEFINITION_TEXTS + TACHO__HISTOGRAM_LINES + 2 + 2 * TACHO__OCTAVES + 2)
#define MOST_SERIES      (TACHO__SERIES_CHUNK * TACHO__SERIES_CHUNKS - 1)

/* ---------------------------------------------------------------------------------------------------- what is kept */

void tacho__base_keep_metrics(tacho__base_work *work) {
    const uint32_t lines = TACHO__METRICS * DEFINITION_LINES + TACHO__SERIES_CHUNK;
    const uint32_t texts = TACHO__METRICS * DEFINITION_TEXTS;
    work->kept_lines = lines;
    work->kept_texts = texts;
    work->segment->lines -= work->kept_lines;
    work->segment->text_left -= work->kept_texts;
}

/* What is kept may be used between these two; what was used of it is gone. */
typedef struct loan {
    uint64_t next, texts;
} loan;

static loan lend(tacho__base_work *work) {
    tacho__segment *segment = work->segment;
    const loan before = {segment->next, segment->text_left};
    segment->lines += work->kept_lines;
    segment->text_left += work->kept_texts;
    return before;
}

static void give_back(tacho__base_work *work, loan before) {
    tacho__segment *segment = work->segment;
    const uint64_t used = segment->next - before.next;
    work->kept_lines -= used < work->kept_lines ? used : work->kept_lines;
    work->kept_texts = segment->text_left - before.texts;
    segment->lines -= work->kept_lines;
    segment->text_left = before.texts;
}

static tacho__line intern(tacho__segment *segment, const char *text) {
    return text ? tacho__segment_intern(segment, text, strlen(text), TACHO__POCKET_ORDINARY) : 0;
}

static bool is_text(const tacho__segment *segment, tacho__line line, const char *text) {
    return strcmp(tacho__segment_text(segment, line), text ? text : "") == 0;
}

/* ------------------------------------------------------------------------------------------------------ definitions */

static tacho__metric_definition *definition_at(const tacho__base_work *work, uint32_t number) {
    const tacho__region *region = &work->segment->header->regions[TACHO__REGION_METRICS];
    return (tacho__metric_definition *)tacho__at(work->segment, region->first) + number;
}

static bool is_same(const tacho__base_work *work, const tacho__metric_definition *known,
                    const tacho__metric_view *one) {
    const tacho__segment *segment = work->segment;
    bool same = known->type == one->type && known->grid == one->grid && known->merge == one->merge &&
                known->label_count == one->label_count && is_text(segment, known->name, one->name) &&
                is_text(segment, known->unit, one->unit);
    for (uint32_t i = 0; same && i < one->label_count; ++i) {
        same = is_text(segment, known->labels[i], one->labels[i]);
    }
    return same;
}

static uint16_t define(tacho__base_work *work, const tacho__metric_view *one) {
    tacho__metric_definition definition = {.name = intern(work->segment, one->name),
                                           .unit = intern(work->segment, one->unit),
                                           .description = intern(work->segment, one->description),
                                           .type = one->type,
                                           .grid = one->grid,
                                           .merge = one->merge,
                                           .label_count = (uint8_t)one->label_count,
                                           .overflow = TACHO__SERIES_METRICS + one->type - TACHO__TYPE_COUNTER};
    bool whole = definition.name && definition.unit;
    for (uint32_t i = 0; i < one->label_count; ++i) {
        definition.labels[i] = intern(work->segment, one->labels[i]);
        whole = whole && definition.labels[i];
    }
    uint16_t number;
    return whole && tacho__metric_define(work->segment, &definition, &number) ? number : UINT16_MAX;
}

/* Number of a metric in the base; UINT16_MAX beyond the bound of definitions. */
static uint16_t metric_of(tacho__base_work *work, const tacho__metric_view *one) {
    const uint32_t count = tacho__get_half(&work->segment->header->metrics);
    for (uint32_t i = 0; i < count; ++i) {
        if (is_same(work, definition_at(work, i), one)) {
            return (uint16_t)i;
        }
    }
    if (count >= TACHO__METRICS) {
        return UINT16_MAX;
    }
    const loan before = lend(work);
    const uint16_t number = define(work, one);
    give_back(work, before);
    return number;
}

/* ----------------------------------------------------------------------------------------------------------- series */

static bool has_labels(const tacho__segment *segment, tacho__descriptor *known, const tacho__custom_view *one) {
    bool same = true;
    for (uint32_t i = 0; same && i < TACHO__METRIC_LABELS; ++i) {
        same = is_text(segment, *tacho__descriptor_label(known, i), one->labels[i]);
    }
    return same;
}

/* A new series of a metric; UINT32_MAX where there is no room. */
static uint32_t describe(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one,
                         uint16_t metric, bool overflow) {
    tacho__segment *segment = work->segment;
    tacho__descriptor descriptor = {.hash = one->hash,
                                    .type = one->type,
                                    .grid = (uint8_t)one->histogram.grid,
                                    .flags = overflow ? TACHO__SERIES_IS_OVERFLOW : one->flags,
                                    .metric = metric,
                                    .created_mono_ns = tacho__view_describe(view)->started_wall_ns};
    const uint32_t numbers = tacho__get_half(&segment->header->series_count);
    bool whole = overflow || (tacho__segment_has(segment, CUSTOM_LINES) && numbers < MOST_SERIES - TACHO__METRICS);
    for (uint32_t i = 0; whole && !overflow && i < TACHO__METRIC_LABELS; ++i) {
        tacho__line *label = tacho__descriptor_label(&descriptor, i);
        *label = intern(segment, one->labels[i]);
        whole = !one->labels[i] || *label;
    }
    uint32_t number;
    return whole && tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, &number) ? number
                                                                                                   : UINT32_MAX;
}

static uint32_t builtin_of(const tacho__custom_view *one) {
    return one->type == TACHO__TYPE_CACHE ? TACHO__SERIES_CACHES
                                          : TACHO__SERIES_METRICS + one->type - TACHO__TYPE_COUNTER;
}

/* The series that takes what is beyond the bound: of the metric, or of its type. */
static uint32_t overflow_of(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one,
                            uint16_t metric) {
    if (one->type == TACHO__TYPE_CACHE || metric < 3) {
        return builtin_of(one);
    }
    uint32_t *known = &work->metric_overflow[metric];
    if (*known == 0) {
        const loan before = lend(work);
        const uint32_t made = describe(work, view, one, metric, true);
        give_back(work, before);
        if (made == UINT32_MAX) {
            return builtin_of(one);
        }
        tacho__metric_set_overflow(work->segment, metric, made);
        *known = made;
    }
    return *known;
}

static bool is_overflow(const tacho__custom_view *one) {
    return one->flags & TACHO__SERIES_IS_OVERFLOW;
}

static uint32_t beyond(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one, uint16_t metric,
                       tacho__drop cause) {
    tacho__drop_count(work->segment, cause);
    return overflow_of(work, view, one, metric);
}

/* The series of the base for one of a view. */
static uint32_t number_of(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one,
                          uint16_t metric) {
    const bool cache = one->type == TACHO__TYPE_CACHE;
    if (is_overflow(one)) {
        return overflow_of(work, view, one, metric);
    }
    for (uint32_t place = (uint32_t)one->hash & work->table_mask;; place = (place + 1) & work->table_mask) {
        const uint32_t number = work->table[place];
        if (number == 0) {
            uint32_t *count = &work->metric_series[cache ? TACHO__METRICS : metric];
            if (*count >= work->max_series) {
                return beyond(work, view, one, metric, TACHO__DROP_SERIES_OVERFLOW);
            }
            const uint32_t made = describe(work, view, one, metric, false);
            if (made == UINT32_MAX) {
                return beyond(work, view, one, metric, TACHO__DROP_SEGMENT_FULL);
            }
            *count += 1;
            work->table[place] = made + 1;
            return made;
        }
        tacho__descriptor *known = tacho__segment_descriptor(work->segment, number - 1);
        if (known->hash == one->hash && known->type == one->type && known->metric == metric &&
            has_labels(work->segment, known, one)) {
            return number - 1;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------ cells */

/* A cell of 16 bytes, four in a line. */
static void *small_cell(tacho__base_work *work, tacho__half *first) {
    uint32_t place = tacho__get_half(first);
    if (place == 0) {
        if (work->small_next % CELLS_PER_LINE == 0) {
            work->small_next = tacho__segment_take(work->segment, 1, TACHO__POCKET_ORDINARY) * CELLS_PER_LINE;
        }
        place = work->small_next;
        if (place == 0) {
            return NULL;
        }
        work->small_next += 1;
        tacho__put_half(first, place);
    }
    return work->segment->base + (uint64_t)place * TACHO__METRIC_CELL;
}

static bool add_counter(tacho__base_work *work, tacho__half *first, uint32_t number, const tacho__custom_view *one) {
    tacho__counter_cell *cell = small_cell(work, first);
    if (cell) {
        tacho__put_half(&cell->series, number);
        tacho__base_add(&cell->value, one->total);
    }
    return cell != NULL;
}

static bool add_gauge(tacho__base_work *work, tacho__half *first, const tacho__view *view, uint8_t rule,
                      const tacho__custom_view *one) {
    if (one->changed_mono_ns == INT64_MIN) {
        return true;
    }
    tacho__gauge_cell *cell = small_cell(work, first);
    if (!cell) {
        return false;
    }
    const uint64_t stamp = tacho__stamp(tacho__view_wall(view, one->changed_mono_ns)), known = tacho__get(&cell->stamp);
    const bool larger = one->value > (int64_t)tacho__get(&cell->value);
    if (known == 0 || (rule == TACHO__METRIC_MAX ? larger : stamp > known)) {
        tacho__put(&cell->value, (uint64_t)one->value);
    }
    tacho__put(&cell->stamp, stamp > known ? stamp : known);
    return true;
}

static bool add_histogram(tacho__base_work *work, tacho__half *first, uint32_t number, const tacho__custom_view *one) {
    const tacho__pocket pocket = number < TACHO__SERIES_BUILTIN ? TACHO__POCKET_RESERVE : TACHO__POCKET_ORDINARY;
    if (one->histogram.count == 0) {
        return true;
    }
    tacho__sketch *sketch = tacho__base_cell(work->segment, first, TACHO__HISTOGRAM_LINES, pocket);
    if (sketch) {
        tacho__put_half(&sketch->series, number);
    }
    return sketch && tacho__base_add_histogram(work->segment, sketch, &one->histogram, pocket);
}

static bool add_cache(tacho__base_work *work, tacho__half *first, uint32_t number, const tacho__custom_view *one) {
    tacho__cache_cell *cell = tacho__base_cell(work->segment, first, 1, TACHO__POCKET_ORDINARY);
    for (uint32_t i = 0; cell && i < TACHO__CACHE_EVENTS; ++i) {
        tacho__base_add(&cell->events[i], one->events[i]);
    }
    if (cell) {
        tacho__put_half(&cell->series, number);
    }
    return cell != NULL;
}

static bool add_value(tacho__base_work *work, const tacho__view *view, uint32_t number, uint8_t rule,
                      const tacho__custom_view *one) {
    tacho__half *first = &tacho__segment_descriptor(work->segment, number)->first_block;
    switch (one->type) {
    case TACHO__TYPE_COUNTER:
        return add_counter(work, first, number, one);
    case TACHO__TYPE_GAUGE:
        return add_gauge(work, first, view, rule, one);
    case TACHO__TYPE_HISTOGRAM:
        return add_histogram(work, first, number, one);
    default:
        return add_cache(work, first, number, one);
    }
}

/* Only a histogram may need more than it has. */
static bool has_room(const tacho__base_work *work, uint32_t number, const tacho__custom_view *one) {
    tacho__half *first = &tacho__segment_descriptor(work->segment, number)->first_block;
    return (one->type != TACHO__TYPE_HISTOGRAM && tacho__get_half(first) != 0) ||
           tacho__segment_has(work->segment, CUSTOM_LINES);
}

static uint64_t to_millionths(uint8_t grid, uint64_t stored) {
    switch (grid) {
    case TACHO__GRID_SECONDS:
    case TACHO__GRID_LONG_SECONDS:
        return stored / 1000;
    case TACHO__GRID_ONE:
        return stored;
    case TACHO__GRID_USD:
        return stored / 1000000;
    default:
        return stored > INT64_MAX / 1000000 ? INT64_MAX : stored * 1000000;
    }
}

/* Bounds of all grids are powers of the same number, so a bucket of one is a bucket of another. */
static void change_grid(const tacho__histogram *from, tacho__histogram *to) {
    const uint8_t grid = (uint8_t)from->grid;
    const int moved = tacho__grid_absolute(from->grid, 0) - tacho__grid_absolute(TACHO__GRID_ONE, 0);
    *to = (tacho__histogram){.count = from->count,
                             .zero = from->zero,
                             .low = from->low,
                             .high = from->high,
                             .sum = to_millionths(grid, from->sum),
                             .min = to_millionths(grid, from->min),
                             .max = to_millionths(grid, from->max),
                             .octaves = UINT32_MAX,
                             .grid = TACHO__GRID_ONE};
    for (int i = 0; i < (int)TACHO__BUCKETS; ++i) {
        const uint64_t count = tacho__histogram_bucket(from, (unsigned)i);
        const int last = (int)TACHO__BUCKETS - 1, place = i + moved;
        to->bucket[place < 0 ? 0 : place > last ? last : place] += count;
        to->low += place < 0 && i > 0 ? count : 0;
        to->high += place > last && i < last ? count : 0;
    }
}

/* The series `other` of the type, in millionths: where everything else has no room. */
static bool add_to_builtin(tacho__base_work *work, const tacho__view *view, uint8_t grid,
                           const tacho__custom_view *one) {
    tacho__custom_view *changed = tacho__malloc(sizeof *changed);
    if (!changed) {
        return false;
    }
    *changed = *one;
    changed->total = to_millionths(grid, one->total);
    if (one->value != INT64_MIN) {
        const uint64_t size = to_millionths(grid, (uint64_t)(one->value < 0 ? -one->value : one->value));
        changed->value = one->value < 0 ? -(int64_t)size : (int64_t)size;
    }
    if (one->type == TACHO__TYPE_HISTOGRAM && grid != TACHO__GRID_ONE) {
        change_grid(&one->histogram, &changed->histogram);
    }
    const loan before = lend(work);
    const bool done = add_value(work, view, builtin_of(one), TACHO__METRIC_NEWEST, changed);
    give_back(work, before);
    tacho__free(changed);
    return done;
}

static bool add_one(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one, uint16_t metric) {
    uint32_t number = number_of(work, view, one, metric);
    if (number >= TACHO__SERIES_BUILTIN && number != work->metric_overflow[metric] && !has_room(work, number, one)) {
        number = beyond(work, view, one, metric, TACHO__DROP_SEGMENT_FULL);
    }
    const tacho__descriptor *found = tacho__segment_descriptor(work->segment, number);
    if (number < TACHO__SERIES_BUILTIN || found->grid != one->histogram.grid) {
        return add_to_builtin(work, view, (uint8_t)one->histogram.grid, one);
    }
    const bool overflow = number == work->metric_overflow[metric];
    const loan before = overflow ? lend(work) : (loan){0, 0};
    const bool done = add_value(work, view, number, definition_at(work, metric)->merge, one);
    if (overflow) {
        give_back(work, before);
    }
    return done;
}

/* One without a place for its definition: what it counted is in the series `other` of its type. */
static bool add_homeless(tacho__base_work *work, const tacho__view *view, const tacho__custom_view *one) {
    if (!is_overflow(one) || one->total > 0 || one->histogram.count > 0) {
        tacho__drop_count(work->segment, TACHO__DROP_METRIC_OVERFLOW);
    }
    return add_to_builtin(work, view, (uint8_t)one->histogram.grid, one);
}

bool tacho__base_add_metrics(tacho__base_work *work, size_t index) {
    const tacho__view *view = work->joining[index].view;
    uint16_t metrics[TACHO__METRICS];
    for (uint32_t i = 0; i < tacho__view_metric_count(view); ++i) {
        tacho__metric_view one;
        metrics[i] = tacho__view_metric(view, i, &one) ? metric_of(work, &one) : UINT16_MAX;
    }
    bool done = true;
    for (uint32_t i = 0; done && i < tacho__view_series_count(view); ++i) {
        const int type = tacho__view_custom_type(view, i);
        if (type == 0 || !tacho__view_custom(view, i, work->custom)) {
            continue;
        }
        const bool cache = type == TACHO__TYPE_CACHE;
        const bool known = work->custom->metric < tacho__view_metric_count(view);
        const uint16_t metric = cache ? 0 : known ? metrics[work->custom->metric] : UINT16_MAX;
        const bool homeless = metric == UINT16_MAX || (!cache && definition_at(work, metric)->type != type);
        done = homeless ? add_homeless(work, view, work->custom) : add_one(work, view, work->custom, metric);
    }
    return done;
}
