/** Series of a base: the same labels are one series; what is beyond the bound goes to the overflow series. */
#include "base/memory.h"
#include "segment/base_work.h"
#include "segment/sketch.h"
#include "segment/window.h"

#include <string.h>

/* What one series may need at most: a block, both extensions, six histograms with every octave twice, texts. */
#define SERIES_LINES                                                                                                   \
    (TACHO__BLOCK_LINES + TACHO__USAGE_LINES + TACHO__FAILURE_LINES + 2 +                                              \
     6 * (TACHO__HISTOGRAM_LINES + 2 + 2 * TACHO__OCTAVES) + (4 + 2 * TACHO__TAGS + TACHO__ERROR_NAMES) * 4 +          \
     TACHO__SERIES_CHUNK)

void *tacho__base_cell(tacho__segment *segment, tacho__half *link, uint32_t lines, tacho__pocket pocket) {
    tacho__line line = tacho__get_half(link);
    if (line == 0) {
        line = tacho__segment_take(segment, lines, pocket);
        tacho__put_half(link, line);
    }
    return line ? tacho__at(segment, line) : NULL;
}

tacho__line tacho__base_text(tacho__base_work *work, const tacho__view *view, tacho__line line) {
    if (line == 0) {
        return 0;
    }
    const uint32_t place = line % TACHO__BASE_TEXT_CACHE;
    if (work->texts[place].old != line) {
        const char *text = tacho__view_text(view, line);
        work->texts[place].old = line;
        work->texts[place].new =
            text ? tacho__segment_intern(work->segment, text, strlen(text), TACHO__POCKET_DETAIL) : 0;
    }
    return work->texts[place].new;
}

/* ------------------------------------------------------------------------------------------------------- histograms */

/* The line of an octave, made if there is none. NULL = no room. */
static tacho__octave *octave_of(tacho__segment *segment, tacho__sketch *sketch, uint32_t octave, tacho__pocket pocket) {
    tacho__line line = tacho__octave_line(tacho__get_half(&sketch->octaves[octave]), octave);
    if (line == 0) {
        line = tacho__segment_take(segment, 1, pocket);
        if (line == 0) {
            return NULL;
        }
        tacho__put_half(&sketch->octaves[octave], tacho__octave_entry(line, octave));
    }
    return tacho__at(segment, line);
}

static bool add_bucket(tacho__segment *segment, tacho__sketch *sketch, uint32_t index, uint64_t more,
                       tacho__pocket pocket) {
    const uint32_t octave = index / TACHO__OCTAVE_BUCKETS, place = index % TACHO__OCTAVE_BUCKETS;
    tacho__octave *low = octave_of(segment, sketch, octave, pocket);
    if (!low) {
        return false;
    }
    tacho__octaves *directory =
        tacho__get_half(&sketch->high_directory) ? tacho__base_cell(segment, &sketch->high_directory, 2, pocket) : NULL;
    const tacho__line line = directory ? tacho__get_half(&directory->line[octave]) : 0;
    tacho__octave *high = line ? tacho__at(segment, line) : NULL;
    uint64_t sum = tacho__get_half(&low->bucket[place]);
    sum |= high ? (uint64_t)tacho__get_half(&high->bucket[place]) << 32 : 0;
    sum = sum > UINT64_MAX - more ? UINT64_MAX : sum + more;
    if (sum >> 32 && !high) {
        directory = tacho__base_cell(segment, &sketch->high_directory, 2, pocket);
        high = directory ? tacho__base_cell(segment, &directory->line[octave], 1, pocket) : NULL;
        if (!high) {
            return false;
        }
    }
    tacho__put_half(&low->bucket[place], (uint32_t)sum);
    if (high) {
        tacho__put_half(&high->bucket[place], (uint32_t)(sum >> 32));
    }
    return true;
}

static void add_half(tacho__half *cell, uint64_t more) {
    const uint64_t sum = tacho__get_half(cell) + (more < UINT32_MAX ? more : UINT32_MAX);
    tacho__put_half(cell, sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX);
}

bool tacho__base_add_histogram(tacho__segment *segment, tacho__sketch *sketch, const tacho__histogram *from,
                               tacho__pocket pocket) {
    for (uint32_t i = 0; i < TACHO__BUCKETS; ++i) {
        const uint64_t count = tacho__histogram_bucket(from, i);
        if (count && !add_bucket(segment, sketch, i, count, pocket)) {
            return false;
        }
    }
    tacho__base_add(&sketch->zero, from->zero);
    tacho__base_add(&sketch->sum, from->sum);
    add_half(&sketch->low, from->low);
    add_half(&sketch->high, from->high);
    if (from->count && ~from->min > tacho__get(&sketch->min_inverse)) {
        tacho__put(&sketch->min_inverse, ~from->min);
    }
    if (from->count && from->max > tacho__get(&sketch->max)) {
        tacho__put(&sketch->max, from->max);
    }
    return true;
}

static bool add_linked(tacho__segment *segment, tacho__half *link, const tacho__histogram *from, tacho__pocket pocket) {
    if (from->count == 0) {
        return true;
    }
    tacho__sketch *sketch = tacho__base_cell(segment, link, TACHO__HISTOGRAM_LINES, pocket);
    return sketch && tacho__base_add_histogram(segment, sketch, from, pocket);
}

/* -------------------------------------------------------------------------------------------------- usage, failures
 */

void tacho__base_add_money_cells(const tacho__money_cells *cells, const tacho__usage_sums *usage) {
    for (uint32_t i = 0; i < TACHO__UNITS; ++i) {
        tacho__base_add(&cells->units[i], usage->units[i]);
    }
    for (uint32_t i = 0; i < TACHO__COST_SUMS; ++i) {
        tacho__base_add_money(&cells->cost[i], usage->cost_pusd[i + 1]);
    }
    for (uint32_t i = 0; i < TACHO__COST_STATES; ++i) {
        tacho__base_add(&cells->states[i], usage->cost_calls[i]);
    }
    tacho__base_add(cells->calls, usage->calls);
    tacho__base_add(cells->absent, usage->absent);
    tacho__base_add(cells->not_booked, usage->not_booked);
    tacho__base_add_money(cells->table_of_reported, usage->table_of_reported_pusd);
    if (usage->saturated) {
        tacho__put(cells->flags, tacho__get(cells->flags) | TACHO__SATURATED);
    }
}

static bool add_usage(tacho__segment *segment, tacho__block *block, const tacho__series_view *one,
                      tacho__pocket pocket) {
    if (!one->has_usage) {
        return true;
    }
    tacho__usage_cell *cell = tacho__base_cell(segment, &block->duration.usage, TACHO__USAGE_LINES, pocket);
    if (!cell) {
        return false;
    }
    const tacho__money_cells cells = {cell->units,       cell->cost,    cell->states,
                                      &cell->calls,      &cell->absent, &cell->table_of_reported,
                                      &cell->not_booked, &cell->flags};
    tacho__base_add_money_cells(&cells, &one->usage);
    tacho__base_add(&cell->timed_output, one->timed_output);
    tacho__base_add(&cell->timed_ns, one->timed_ns);
    tacho__base_add_money(&cell->inclusive_cost, one->inclusive_cost_pusd);
    tacho__base_add(&cell->inclusive_input, one->inclusive_input);
    tacho__base_add(&cell->inclusive_output, one->inclusive_output);
    tacho__base_add(&cell->inclusive_calls, one->inclusive_calls);
    return add_linked(segment, &cell->time_per_token, &one->time_per_token, pocket) &&
           add_linked(segment, &cell->input, &one->input, pocket) &&
           add_linked(segment, &cell->output, &one->output, pocket) &&
           add_linked(segment, &cell->cost_sketch, &one->cost, pocket);
}

/* Index of an error type among the eight names of a series; the ninth counts the rest. */
static uint32_t error_index(tacho__segment *segment, tacho__descriptor *descriptor, const char *name,
                            tacho__pocket pocket) {
    tacho__error_names *names = name ? tacho__base_cell(segment, &descriptor->error_names, 1, pocket) : NULL;
    const tacho__line line = names ? tacho__segment_intern(segment, name, strlen(name), TACHO__POCKET_ORDINARY) : 0;
    for (uint32_t i = 0; line && i < TACHO__ERROR_NAMES; ++i) {
        const tacho__line taken = tacho__get_half(&names->name[i]);
        if (taken == 0) {
            tacho__put_half(&names->name[i], line);
        }
        if (taken == 0 || taken == line) {
            return i;
        }
    }
    return TACHO__ERROR_NAMES;
}

static bool add_failures(tacho__segment *segment, tacho__descriptor *descriptor, tacho__block *block,
                         const tacho__series_view *one, tacho__pocket pocket) {
    uint64_t any = one->warnings;
    for (uint32_t i = 0; i < TACHO__CATEGORIES; ++i) {
        any |= one->categories[i];
    }
    if (any == 0) {
        return true;
    }
    tacho__failure_cell *cell = tacho__base_cell(segment, &block->duration.failures, TACHO__FAILURE_LINES, pocket);
    if (!cell) {
        return false;
    }
    for (uint32_t i = 0; i < TACHO__CATEGORIES; ++i) {
        tacho__base_add(&cell->category[i], one->categories[i]);
    }
    for (uint32_t i = 0; i < one->error_type_count; ++i) {
        const tacho__error_type *type = &one->error_types[i];
        tacho__base_add(&cell->type[error_index(segment, descriptor, type->name, pocket)], type->count);
    }
    tacho__base_add(&cell->warnings, one->warnings);
    return true;
}

static bool add_counts(tacho__segment *segment, uint32_t number, const tacho__series_view *one, tacho__pocket pocket) {
    tacho__descriptor *descriptor = tacho__segment_descriptor(segment, number);
    const bool operation = descriptor->type == TACHO__TYPE_OPERATION;
    tacho__block *block = tacho__base_cell(segment, &descriptor->first_block,
                                           operation ? TACHO__BLOCK_LINES : TACHO__HISTOGRAM_LINES, pocket);
    if (!block) {
        return false;
    }
    tacho__put_half(&block->duration.series, number);
    if (!tacho__base_add_histogram(segment, &block->duration, &one->duration, pocket)) {
        return false;
    }
    if (!operation) {
        return true;
    }
    tacho__base_add(&block->untimed, one->untimed);
    for (uint32_t i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
        tacho__base_add(&block->outcome[i], one->failed[i]);
    }
    tacho__base_add(&block->retries, one->retries);
    tacho__base_add(&block->interventions, one->interventions);
    return add_linked(segment, &block->duration.first_token, &one->first_token, pocket) &&
           add_usage(segment, block, one, pocket) && add_failures(segment, descriptor, block, one, pocket);
}

/* ---------------------------------------------------------------------------------------------------------- labels */

static tacho__line intern(tacho__segment *segment, const char *text) {
    return text ? tacho__segment_intern(segment, text, strlen(text), TACHO__POCKET_ORDINARY) : 0;
}

static bool same_text(const tacho__segment *segment, tacho__line line, const char *text) {
    return strcmp(tacho__segment_text(segment, line), text ? text : "") == 0;
}

/* The hash stands for the labels, but comes from a file. */
static bool is_same(const tacho__segment *segment, const tacho__descriptor *known, const tacho__series_view *one) {
    return known->type == one->type && known->kind == one->kind && known->grid == one->duration.grid &&
           same_text(segment, known->name, one->name) && same_text(segment, known->provider, one->provider) &&
           same_text(segment, known->model, one->model) && same_text(segment, known->component, one->component);
}

static uint32_t overflow_of(const tacho__series_view *one) {
    return one->type == TACHO__TYPE_COMPONENT ? TACHO__SERIES_COMPONENTS : one->kind;
}

static bool describe_tags(tacho__segment *segment, const tacho__series_view *one, tacho__descriptor *descriptor) {
    if (one->tag_count == 0) {
        return true;
    }
    tacho__tags tags = {0};
    for (uint32_t i = 0; i < one->tag_count; ++i) {
        tags.pair[i].name = intern(segment, one->tags[i].name);
        tags.pair[i].value = intern(segment, one->tags[i].value);
    }
    descriptor->tags = tacho__segment_take(segment, 1, TACHO__POCKET_ORDINARY);
    if (descriptor->tags) {
        tacho__store_body(tacho__at(segment, descriptor->tags), &tags, sizeof tags);
    }
    return descriptor->tags != 0;
}

/* A new series; the overflow series at the bound or without room. */
static uint32_t describe(tacho__base_work *work, const tacho__view *view, const tacho__series_view *one) {
    tacho__segment *segment = work->segment;
    tacho__half *count =
        one->type == TACHO__TYPE_COMPONENT ? &segment->header->component_series : &segment->header->operation_series;
    tacho__descriptor descriptor = {.hash = one->hash,
                                    .type = one->type,
                                    .kind = one->kind,
                                    .grid = (uint8_t)one->duration.grid,
                                    .flags = one->flags,
                                    .created_mono_ns = tacho__view_wall(view, one->created_mono_ns)};
    uint32_t number;
    if (tacho__get_half(count) >= work->max_series) {
        tacho__drop_count(segment, TACHO__DROP_SERIES_OVERFLOW);
        return overflow_of(one);
    }
    if (!tacho__segment_has(segment, SERIES_LINES)) {
        tacho__drop_count(segment, TACHO__DROP_SEGMENT_FULL);
        return overflow_of(one);
    }
    descriptor.name = intern(segment, one->name);
    descriptor.provider = intern(segment, one->provider);
    descriptor.model = intern(segment, one->model);
    descriptor.component = intern(segment, one->component);
    const bool whole = descriptor.name && (!one->provider || descriptor.provider) &&
                       (!one->model || descriptor.model) && (!one->component || descriptor.component);
    descriptor.window = one->type == TACHO__TYPE_OPERATION ? tacho__window_number(segment) : 0;
    if (!whole || !describe_tags(segment, one, &descriptor) ||
        !tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, &number)) {
        tacho__drop_count(segment, TACHO__DROP_SEGMENT_FULL);
        return overflow_of(one);
    }
    tacho__put_half(count, tacho__get_half(count) + 1);
    return number;
}

/* The series in the base for one of a view. */
static uint32_t number_of(tacho__base_work *work, const tacho__view *view, const tacho__series_view *one) {
    if (one->flags & TACHO__SERIES_IS_OVERFLOW) {
        return overflow_of(one);
    }
    for (uint32_t place = (uint32_t)one->hash & work->table_mask;; place = (place + 1) & work->table_mask) {
        const uint32_t number = work->table[place];
        if (number == 0) {
            const uint32_t made = describe(work, view, one);
            if (made >= TACHO__SERIES_RESERVED) { /* what went to an overflow series does so each time */
                work->table[place] = made + 1;
            }
            return made;
        }
        const tacho__descriptor *known = tacho__segment_descriptor(work->segment, number - 1);
        if (known->hash == one->hash && is_same(work->segment, known, one)) {
            return number - 1;
        }
    }
}

bool tacho__base_add_series(tacho__base_work *work, size_t index) {
    tacho__joining *joining = &work->joining[index];
    tacho__series_view *one = work->series;
    for (uint32_t i = 0; i < tacho__view_series_count(joining->view); ++i) {
        if (!tacho__view_series(joining->view, i, one)) {
            continue;
        }
        joining->series[i] = overflow_of(one);
        const uint32_t grid = one->type == TACHO__TYPE_COMPONENT ? TACHO__GRID_SECONDS : tacho__grid_of_kind(one->kind);
        if (one->duration.grid != grid || (one->calls == 0 && one->warnings == 0)) {
            continue;
        }
        uint32_t number = number_of(work, joining->view, one);
        if (number >= TACHO__SERIES_RESERVED && !tacho__segment_has(work->segment, SERIES_LINES)) {
            tacho__drop_count(work->segment, TACHO__DROP_SEGMENT_FULL);
            number = overflow_of(one);
        }
        joining->series[i] = number;
        const tacho__pocket pocket = number < TACHO__SERIES_RESERVED ? TACHO__POCKET_RESERVE : TACHO__POCKET_ORDINARY;
        if (!add_counts(work->segment, number, one, pocket) ||
            !tacho__base_read_window(work, joining->view, i, number)) {
            return false;
        }
    }
    return true;
}
