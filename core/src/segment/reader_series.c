/** Series and sessions out of the copy, merged over lanes. */
#include "segment/view.h"

#include <string.h>

/* Sums of foreign bytes must not wrap: they stay at the end of the range. */
static void add(uint64_t *sum, uint64_t more) {
    if (__builtin_add_overflow(*sum, more, sum)) {
        *sum = UINT64_MAX;
    }
}

static void add_word(uint64_t *sum, const tacho__word *word) {
    add(sum, tacho__get(word));
}

static void add_money(int64_t *sum, const tacho__word *word) {
    const int64_t more = (int64_t)tacho__get(word);
    int64_t result;
    if (__builtin_add_overflow(*sum, more, &result)) {
        result = more < 0 ? INT64_MIN + 1 : INT64_MAX;
    }
    *sum = result;
}

/* ------------------------------------------------------------------------------------------------------- histograms */

void tacho__view_histogram_start(tacho__histogram *out, uint32_t grid) {
    out->count = out->zero = out->low = out->high = out->sum = out->max = 0;
    out->min = UINT64_MAX;
    out->octaves = 0;
    out->grid = grid;
}

static void add_octave(tacho__histogram *out, uint32_t octave, const tacho__octave *low, const tacho__octave *high) {
    uint64_t *buckets = &out->bucket[(size_t)octave * TACHO__OCTAVE_BUCKETS];
    if (!(out->octaves >> octave & 1)) {
        memset(buckets, 0, TACHO__OCTAVE_BUCKETS * sizeof *buckets);
        out->octaves |= 1u << octave;
    }
    for (uint32_t i = 0; i < TACHO__OCTAVE_BUCKETS; ++i) {
        uint64_t count = tacho__get_half(&low->bucket[i]);
        if (high) {
            count |= (uint64_t)tacho__get_half(&high->bucket[i]) << 32;
        }
        add(&buckets[i], count);
        add(&out->count, count);
    }
}

/* High halves of what was found; few ever have any. */
static void find_high(const tacho__view *view, const tacho__octaves *highs, tacho__sketch_octaves *out) {
    uint32_t left = out->present;
    for (uint32_t i = 0; i < out->count; ++i, left &= left - 1) {
        const tacho__line line = tacho__get_half(&highs->line[__builtin_ctz(left)]);
        out->high[i] = tacho__view_lines(view, line, 1);
        out->wide |= out->high[i] != NULL;
    }
}

void tacho__view_octaves(const tacho__view *view, const tacho__sketch *sketch, tacho__sketch_octaves *out) {
    const tacho__octaves *highs = tacho__view_lines(view, tacho__get_half(&sketch->high_directory), 2);
    uint32_t present = 0, count = 0;
    for (uint32_t octave = 0; octave < TACHO__OCTAVES; ++octave) {
        const tacho__line line = tacho__octave_line(tacho__get_half(&sketch->octaves[octave]), octave);
        if (line == 0) {
            continue;
        }
        const tacho__octave *low = tacho__view_lines(view, line, 1);
        out->low[count] = low;
        count += low != NULL;
        present |= (uint32_t)(low != NULL) << octave;
    }
    out->present = present;
    out->count = count;
    out->wide = false;
    if (__builtin_expect(highs != NULL, 0)) {
        find_high(view, highs, out);
    }
}

void tacho__view_sketch_add(const tacho__view *view, tacho__histogram *out, const tacho__sketch *sketch) {
    tacho__sketch_octaves octaves;
    tacho__view_octaves(view, sketch, &octaves);
    uint32_t left = octaves.present;
    for (uint32_t i = 0; i < octaves.count; ++i, left &= left - 1) {
        add_octave(out, (uint32_t)__builtin_ctz(left), octaves.low[i], octaves.wide ? octaves.high[i] : NULL);
    }
    add_word(&out->zero, &sketch->zero);
    add_word(&out->count, &sketch->zero);
    add(&out->low, tacho__get_half(&sketch->low));
    add(&out->high, tacho__get_half(&sketch->high));
    add_word(&out->sum, &sketch->sum);
    const uint64_t least = ~tacho__get(&sketch->min_inverse), most = tacho__get(&sketch->max);
    out->min = least < out->min ? least : out->min;
    out->max = most > out->max ? most : out->max;
}

/* ----------------------------------------------------------------------------------------------------------- series */

static void add_usage(tacho__series_view *out, const tacho__usage_cell *cell) {
    tacho__usage_sums *sums = &out->usage;
    out->has_usage = true;
    for (uint32_t i = 0; i < TACHO__UNITS; ++i) {
        add_word(&sums->units[i], &cell->units[i]);
    }
    for (uint32_t i = 0; i < TACHO__COST_SUMS; ++i) {
        add_money(&sums->cost_pusd[i + 1], &cell->cost[i]);
    }
    for (uint32_t i = 0; i < TACHO__COST_STATES; ++i) {
        add_word(&sums->cost_calls[i], &cell->states[i]);
    }
    add_word(&sums->calls, &cell->calls);
    add_word(&sums->absent, &cell->absent);
    add_word(&sums->not_booked, &cell->not_booked);
    add_money(&sums->table_of_reported_pusd, &cell->table_of_reported);
    sums->saturated |= (tacho__get(&cell->flags) & TACHO__SATURATED) != 0;
    add_word(&out->timed_output, &cell->timed_output);
    add_word(&out->timed_ns, &cell->timed_ns);
    add_money(&out->inclusive_cost_pusd, &cell->inclusive_cost);
    add_word(&out->inclusive_input, &cell->inclusive_input);
    add_word(&out->inclusive_output, &cell->inclusive_output);
    add_word(&out->inclusive_calls, &cell->inclusive_calls);
}

static void add_failures(tacho__series_view *out, const tacho__failure_cell *cell,
                         uint64_t types[TACHO__ERROR_NAMES + 1]) {
    for (uint32_t i = 0; i < TACHO__CATEGORIES; ++i) {
        add_word(&out->categories[i], &cell->category[i]);
    }
    for (uint32_t i = 0; i <= TACHO__ERROR_NAMES; ++i) {
        add_word(&types[i], &cell->type[i]);
    }
    add_word(&out->warnings, &cell->warnings);
}

static const tacho__sketch *linked_sketch(const tacho__view *view, const tacho__half *link) {
    return tacho__view_lines(view, tacho__get_half(link), TACHO__HISTOGRAM_LINES);
}

static void find_usage(const tacho__view *view, const tacho__block *block, tacho__lane_cells *out) {
    const tacho__usage_cell *usage =
        tacho__view_lines(view, tacho__get_half(&block->duration.usage), TACHO__USAGE_LINES);
    out->usage = usage;
    if (usage) {
        out->sketch[TACHO__SKETCH_TIME_PER_TOKEN] = linked_sketch(view, &usage->time_per_token);
        out->sketch[TACHO__SKETCH_INPUT] = linked_sketch(view, &usage->input);
        out->sketch[TACHO__SKETCH_OUTPUT] = linked_sketch(view, &usage->output);
        out->sketch[TACHO__SKETCH_COST] = linked_sketch(view, &usage->cost_sketch);
    }
}

bool tacho__view_next_lane(const tacho__view *view, tacho__series_head *head, tacho__lane_cells *out) {
    const bool operation = head->type == TACHO__TYPE_OPERATION;
    const uint32_t lines = operation ? TACHO__BLOCK_LINES : TACHO__HISTOGRAM_LINES;
    const tacho__block *block = head->lanes < TACHO__LANES ? tacho__view_lines(view, head->next, lines) : NULL;
    if (!block || tacho__get_half(&block->duration.series) != head->number) {
        return false;
    }
    head->next = tacho__get_half(&block->duration.next);
    head->lanes += 1;
    *out = (tacho__lane_cells){.block = operation ? block : NULL, .sketch = {&block->duration}};
    if (operation) {
        out->sketch[TACHO__SKETCH_FIRST_TOKEN] = linked_sketch(view, &block->duration.first_token);
        out->failures = tacho__view_lines(view, tacho__get_half(&block->duration.failures), TACHO__FAILURE_LINES);
        find_usage(view, block, out);
    }
    return true;
}

static void add_lane(const tacho__view *view, tacho__series_view *out, const tacho__lane_cells *cells,
                     uint64_t types[TACHO__ERROR_NAMES + 1]) {
    tacho__histogram *const histograms[TACHO__SKETCHES] = {&out->duration, &out->first_token, &out->time_per_token,
                                                           &out->input,    &out->output,      &out->cost};
    for (uint32_t i = 0; i < TACHO__SKETCHES; ++i) {
        if (cells->sketch[i]) {
            tacho__view_sketch_add(view, histograms[i], cells->sketch[i]);
        }
    }
    if (cells->block) {
        add_word(&out->untimed, &cells->block->untimed);
        for (uint32_t i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
            add_word(&out->failed[i], &cells->block->outcome[i]);
        }
        add_word(&out->retries, &cells->block->retries);
        add_word(&out->interventions, &cells->block->interventions);
    }
    if (cells->usage) {
        add_usage(out, cells->usage);
    }
    if (cells->failures) {
        add_failures(out, cells->failures, types);
    }
}

const char *tacho__view_error_name(const tacho__view *view, const tacho__series_head *head, uint32_t index) {
    const tacho__error_names *names = tacho__view_lines(view, head->error_names, 1);
    return names ? tacho__view_text(view, tacho__get_half(&names->name[index])) : NULL;
}

static void name_errors(const tacho__view *view, tacho__series_view *out, const tacho__series_head *head,
                        const uint64_t types[TACHO__ERROR_NAMES + 1]) {
    uint64_t rest = types[TACHO__ERROR_NAMES];
    for (uint32_t i = 0; i < TACHO__ERROR_NAMES; ++i) {
        const char *name = types[i] ? tacho__view_error_name(view, head, i) : NULL;
        if (name) {
            out->error_types[out->error_type_count++] = (tacho__error_type){name, types[i]};
        } else {
            add(&rest, types[i]);
        }
    }
    if (rest) {
        out->error_types[out->error_type_count++] = (tacho__error_type){NULL, rest};
    }
}

uint32_t tacho__view_tags(const tacho__view *view, tacho__line line, tacho_tag out[TACHO__TAGS]) {
    const tacho__tags *tags = tacho__view_lines(view, line, 1);
    uint32_t count = 0;
    for (uint32_t i = 0; tags && i < TACHO__TAGS && tags->pair[i].name; ++i) {
        const tacho_tag tag = {tacho__view_text(view, tags->pair[i].name), tacho__view_text(view, tags->pair[i].value)};
        if (tag.name) {
            out[count++] = tag;
        }
    }
    return count;
}

static void start_series(tacho__series_view *out, const tacho__series_head *head) {
    memset(out, 0, offsetof(tacho__series_view, duration));
    out->number = head->number;
    out->type = head->type;
    out->kind = head->kind;
    out->flags = head->flags;
    out->hash = head->hash;
    out->name = head->name;
    out->provider = head->provider;
    out->model = head->model;
    out->component = head->component;
    tacho__view_histogram_start(&out->duration, head->grid);
    tacho__view_histogram_start(&out->first_token, head->grid);
    tacho__view_histogram_start(&out->time_per_token, TACHO__GRID_SECONDS);
    tacho__view_histogram_start(&out->input, TACHO__GRID_TOKENS);
    tacho__view_histogram_start(&out->output, TACHO__GRID_TOKENS);
    tacho__view_histogram_start(&out->cost, TACHO__GRID_USD);
}

uint32_t tacho__view_series_count(const tacho__view *view) {
    return view->info.series;
}

bool tacho__view_series_head(const tacho__view *view, uint32_t number, tacho__series_head *out) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, number);
    if (!descriptor || descriptor->grid > TACHO__GRID_LONG_SECONDS || descriptor->kind >= TACHO__KINDS ||
        (descriptor->type != TACHO__TYPE_OPERATION && descriptor->type != TACHO__TYPE_COMPONENT)) {
        return false;
    }
    *out = (tacho__series_head){.number = number,
                                .type = descriptor->type,
                                .kind = descriptor->kind,
                                .flags = descriptor->flags,
                                .grid = descriptor->grid,
                                .window = descriptor->window,
                                .hash = descriptor->hash,
                                .name = tacho__view_text(view, descriptor->name),
                                .provider = tacho__view_text(view, descriptor->provider),
                                .model = tacho__view_text(view, descriptor->model),
                                .component = tacho__view_text(view, descriptor->component),
                                .tags = descriptor->tags,
                                .error_names = tacho__get_half(&descriptor->error_names),
                                .next = tacho__get_half(&descriptor->first_block)};
    return true;
}

/* A block and the octaves behind it, which were taken at the same time as a rule. */
#define EXPECTED_LINES 8u

void tacho__view_expect_series(const tacho__view *view, uint32_t number) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, number);
    const uint8_t *cells =
        descriptor ? tacho__view_lines(view, tacho__get_half(&descriptor->first_block), EXPECTED_LINES) : NULL;
    if (cells) {
        __builtin_prefetch(tacho__view_lines(view, descriptor->name, 1));
        for (uint32_t i = 0; i < EXPECTED_LINES; ++i) {
            __builtin_prefetch(cells + (size_t)i * TACHO__LINE);
        }
    }
}

uint64_t tacho__view_series_in_flight(const tacho__view *view, uint32_t number) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < view->open_count; ++i) {
        count += (uint32_t)tacho__get(&tacho__view_open_slot(view, view->open[i])->series) == number;
    }
    return count;
}

bool tacho__view_series(const tacho__view *view, uint32_t number, tacho__series_view *out) {
    tacho__series_head head;
    tacho__lane_cells cells;
    uint64_t types[TACHO__ERROR_NAMES + 1] = {0};
    if (!tacho__view_series_head(view, number, &head)) {
        return false;
    }
    start_series(out, &head);
    out->created_mono_ns = tacho__view_descriptor(view, number)->created_mono_ns;
    out->tag_count = tacho__view_tags(view, head.tags, out->tags);
    while (tacho__view_next_lane(view, &head, &cells)) {
        add_lane(view, out, &cells, types);
    }
    name_errors(view, out, &head, types);
    out->calls = out->duration.count;
    add(&out->calls, out->untimed);
    out->ok = out->calls;
    for (uint32_t i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
        out->ok -= out->failed[i] < out->ok ? out->failed[i] : out->ok;
    }
    out->in_flight = tacho__view_series_in_flight(view, number);
    return true;
}

/* --------------------------------------------------------------------------------------------------------- sessions */

static void add_session_usage(tacho__usage_sums *sums, const tacho__session_cell *cell) {
    for (uint32_t i = 0; i < TACHO__UNITS; ++i) {
        add_word(&sums->units[i], &cell->units[i]);
    }
    for (uint32_t i = 0; i < TACHO__COST_SUMS; ++i) {
        add_money(&sums->cost_pusd[i + 1], &cell->cost[i]);
    }
    for (uint32_t i = 0; i < TACHO__COST_STATES; ++i) {
        add_word(&sums->cost_calls[i], &cell->states[i]);
    }
    add_word(&sums->calls, &cell->calls);
    add_word(&sums->absent, &cell->absent);
    add_word(&sums->not_booked, &cell->not_booked);
    add_money(&sums->table_of_reported_pusd, &cell->table_of_reported);
    sums->saturated |= (tacho__get(&cell->flags) & TACHO__SATURATED) != 0;
}

/* Stamps of a session while its cells are added up. */
typedef struct stamps {
    uint64_t latest_end, earliest_begin, context;
} stamps;

static void add_session_cell(tacho__session_view *out, const tacho__session_cell *cell, stamps *seen) {
    for (uint32_t group = 0; group < TACHO__GROUPS; ++group) {
        add_word(&out->ok[group], &cell->ok[group]);
        for (uint32_t i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
            add_word(&out->failed[group][i], &cell->outcome[group][i]);
        }
    }
    add_word(&out->step_ns, &cell->step_ns);
    add_word(&out->timed_steps, &cell->timed_steps);
    add_word(&out->tool_ns, &cell->tool_ns);
    add_word(&out->model_calls, &cell->model_calls);
    add_word(&out->retries, &cell->retries);
    add_word(&out->interventions, &cell->interventions);
    add_word(&out->warnings, &cell->warnings);
    add_word(&out->compactions, &cell->compactions);
    const uint64_t end = tacho__get(&cell->latest_end), begin = tacho__get(&cell->earliest_begin);
    seen->latest_end = end > seen->latest_end ? end : seen->latest_end;
    seen->earliest_begin = begin > seen->earliest_begin ? begin : seen->earliest_begin;
    if (tacho__get(&cell->context_stamp) > seen->context) {
        seen->context = tacho__get(&cell->context_stamp);
        out->context_size = tacho__get(&cell->context_size);
        out->context_limit = tacho__get(&cell->context_limit);
    }
    const uint64_t most = tacho__get(&cell->context_max);
    out->context_max = most > out->context_max ? most : out->context_max;
    add_session_usage(&out->usage, cell);
}

uint32_t tacho__view_session_count(const tacho__view *view) {
    return view->session_count;
}

bool tacho__view_session(const tacho__view *view, uint32_t index, tacho__session_view *out) {
    if (index >= view->session_count) {
        return false;
    }
    const uint32_t number = view->sessions[index];
    const tacho__session_slot *slot = tacho__view_slot(view, number);
    memset(out, 0, sizeof *out);
    out->slot = number;
    out->is_other = number == view->session_slots - 1;
    out->ended = tacho__get_half(&slot->state) == TACHO__SESSION_ENDED;
    out->shared = tacho__get(&slot->shared);
    out->id = out->is_other ? "other" : tacho__view_text(view, tacho__get_half(&slot->id));
    out->opened_mono_ns = tacho__stamp_mono(tacho__get(&slot->opened));
    out->ended_mono_ns = out->ended ? tacho__stamp_mono(tacho__get(&slot->ended)) : 0;
    stamps seen = {0, 0, 0};
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        const tacho__session_cell *cell =
            tacho__view_lines(view, tacho__get_half(&slot->cells[lane]), TACHO__CELL_LINES);
        if (cell) {
            add_session_cell(out, cell, &seen);
        }
    }
    out->last_end_mono_ns = seen.latest_end ? tacho__stamp_mono(seen.latest_end) : INT64_MIN;
    out->context_mono_ns = seen.context ? tacho__stamp_mono(seen.context) : INT64_MIN;
    out->first_begin_mono_ns = seen.earliest_begin ? tacho__stamp_mono(~seen.earliest_begin) : INT64_MIN;
    return out->id != NULL;
}
