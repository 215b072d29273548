/**
 * Booking of the usual end of a model call: ok, a duration, a usage of counts below 2^32, a cost by the table, no
 * children, and every figure between those already seen. One straight line over cells that were found before; the
 * numbers are those of the general case (book.c), which also takes everything that is not usual.
 */
#include "collect/compose.h"
#include "price/usage_fields.h"
#include "segment/ring.h"
#include "segment/window.h"

#include <string.h>

#define USUAL                                                                                                          \
    (TACHO__RECORD_WALL | TACHO__RECORD_ON_PARENT | TACHO__RECORD_MORE | TACHO__RECORD_NOTES | TACHO__RECORD_LOW |     \
     TACHO__OP_MODEL | TACHO__OP_SEVERAL | TACHO__OP_LAST_WIDE | ~((UINT32_C(1) << TACHO__OP_SERVED_SHIFT) - 1))
#define HALVES 4u /* entries of the set: one bucket of each histogram */
#define NEEDED (TACHO__RECORD_TIMED | TACHO__RECORD_USAGE | TACHO__OP_COST)

/* What the operation consumed: its counts in the order of their units, as the record keeps them. */
typedef struct counts {
    uint64_t input, output;
    uint32_t used;
    uint32_t halves[TACHO__RECORD_COUNTS + 1];
} counts;

static inline bool is_usual(const tacho__lane *lane, const tacho__op *op) {
    return (op->flags & ~USUAL) == NEEDED && op->outcome == TACHO_OUTCOME_OK && op->kind == TACHO_KIND_LLM &&
           op->cost_pusd > 0 && op->cost_state >= TACHO_COST_STATE_PARTIAL &&
           op->cost_state <= TACHO_COST_STATE_EXACT && op->cost_state != TACHO_COST_STATE_REPORTED &&
           (op->slot == TACHO__NO_SLOT || tacho__get_half(&lane->segment->open[op->slot].had_child) == 0);
}

/* False: a count is too large for one half, or there are too many. */
static inline bool read_counts(const tacho__op *op, counts *out) {
    uint64_t input = 0, output = 0;
    uint32_t used = 0, high = 0;
    for (uint32_t left = op->nonzero; left && used < TACHO__RECORD_COUNTS; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint32_t count = op->low[unit];
        high |= op->high[unit];
        input += TACHO__UNITS_INPUT_TOKENS >> unit & 1 ? count : 0;
        output += TACHO__UNITS_OUTPUT_TOKENS >> unit & 1 ? count : 0;
        out->halves[used++] = count;
    }
    out->halves[used] = 0;
    out->input = input;
    out->output = output;
    out->used = used;
    return high == 0 && used < TACHO__RECORD_COUNTS;
}

/* The bucket of a value between those seen so far, in a bucket with room; NULL in any other case. */
static inline tacho__half *bucket_of(const tacho__lane *lane, const tacho__quick_sketch *quick, const tacho__grid *grid,
                                     uint64_t value) {
    if (__builtin_expect(value - quick->least >= quick->span, 0)) {
        return NULL;
    }
    const size_t place = tacho__grid_bucket(grid, value);
    const uint64_t line = tacho__get_half(&quick->sketch->octaves[place / TACHO__OCTAVE_BUCKETS]);
    tacho__half *bucket = (tacho__half *)lane->base + line * TACHO__OCTAVE_BUCKETS + place % TACHO__OCTAVE_BUCKETS;
    return __builtin_expect(line != 0 && tacho__get_half(bucket) != UINT32_MAX, 1) ? bucket : NULL;
}

static inline void put_units(tacho__set *set, const tacho__op *op, const counts *c, tacho__word *series,
                             tacho__word *session) {
    const uint32_t *half = c->halves;
    for (uint32_t left = op->nonzero; left; left &= left - 1, ++half) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho__set_add(set, &series[unit], *half);
        tacho__set_add(set, &session[unit], *half);
    }
}

static inline void put_usage(tacho__set *set, const tacho__op *op, const counts *c, tacho__usage_cell *usage,
                             uint64_t duration_ns) {
    tacho__set_count(set, &usage->states[op->cost_state]);
    tacho__set_add_money(set, &usage->cost[op->cost_state - TACHO_COST_STATE_PARTIAL], op->cost_pusd);
    tacho__set_count(set, &usage->calls);
    tacho__set_add(set, &usage->timed_output, c->output);
    tacho__set_add(set, &usage->timed_ns, duration_ns);
    tacho__set_add_money(set, &usage->inclusive_cost, op->cost_pusd);
    tacho__set_add(set, &usage->inclusive_input, c->input);
    tacho__set_add(set, &usage->inclusive_output, c->output);
    tacho__set_count(set, &usage->inclusive_calls);
}

static inline void put_session(tacho__set *set, const tacho__op *op, tacho__session_cell *cell) {
    const uint64_t end = tacho__stamp(op->end_ns), begin = ~tacho__stamp(op->begin_ns);
    tacho__set_count(set, &cell->ok[TACHO__GROUP_OTHER]);
    if (end > tacho__get(&cell->latest_end)) {
        tacho__set_word(set, &cell->latest_end, end);
    }
    if (__builtin_expect(begin > tacho__get(&cell->earliest_begin), 0)) {
        tacho__set_word(set, &cell->earliest_begin, begin);
    }
    tacho__set_count(set, &cell->model_calls);
    tacho__set_count(set, &cell->states[op->cost_state]);
    tacho__set_add_money(set, &cell->cost[op->cost_state - TACHO_COST_STATE_PARTIAL], op->cost_pusd);
    tacho__set_count(set, &cell->calls);
}

/* The context of the session: the prompt of its last model call. Gives the flag of the record. */
static inline uint32_t put_context(tacho__set *set, tacho__lane *lane, const tacho__op *op, tacho__session_cell *cell,
                                   uint32_t size, uint32_t limit) {
    tacho__word *newest = &lane->segment->context[op->session_slot];
    const uint64_t stamp = tacho__stamp(op->end_ns);
    uint32_t flag = 0;
    if (tacho__get(newest) != size) { /* else nothing would change: no atomic operation for it */
        const uint64_t before = atomic_exchange_explicit(newest, size, memory_order_relaxed);
        if (op->session_slot != TACHO__SESSION_OTHER && size < before / 2) {
            tacho__set_count(set, &cell->compactions);
            flag = TACHO__RECORD_COMPACTION;
        }
    }
    if (stamp >= tacho__get(&cell->context_stamp)) {
        tacho__set_word(set, &cell->context_size, size);
        tacho__set_word(set, &cell->context_stamp, stamp);
    }
    if (size > tacho__get(&cell->context_max)) {
        tacho__set_word(set, &cell->context_max, size);
    }
    if (limit && limit != tacho__get(&cell->context_limit)) {
        tacho__set_word(set, &cell->context_limit, limit);
    }
    return flag;
}

static inline void compose(tacho_collector *collector, tacho__lane *lane, const tacho__bound *bound,
                           const tacho__op *op, const counts *c, uint32_t flags, uint32_t limit, int64_t end_wall_ns,
                           tacho__stored_record *out, uint64_t sequence) {
    const tacho__descriptor *descriptor = bound->descriptor;
    const bool other = op->picked || descriptor->flags & (TACHO__SERIES_OTHER_MODEL | TACHO__SERIES_IS_OVERFLOW);
    const uint32_t bytes =
        (uint32_t)op->cost_state << 8 | (uint32_t)op->component_count << 16 | (uint32_t)op->cost_state << 24;
    flags |= (op->flags & TACHO__OP_RECORD_FLAGS) | TACHO__RECORD_INCLUSIVE |
             tacho__op_served(op) << TACHO__RECORD_SERVED_SHIFT;
    tacho__record_begin(out);
    tacho__record_head(op, out, end_wall_ns);
    tacho__record_names(op, bound, other ? tacho__op_requested_model(collector, lane, op) : descriptor->model, out);
    tacho__record_store(out, offsetof(tacho__record, category), tacho__record_pair(bytes, flags));
    tacho__record_store(out, offsetof(tacho__record, present), tacho__record_pair(op->present, 1));
    tacho__record_store(out, offsetof(tacho__record, first_token_ns), 0);
    tacho__record_store(out, offsetof(tacho__record, cost_pusd), (uint64_t)op->cost_pusd);
    tacho__record_store(out, offsetof(tacho__record, reported_pusd), (uint64_t)op->reported_pusd);
    tacho__record_store(out, offsetof(tacho__record, table_pusd), (uint64_t)op->table_pusd);
    tacho__record_store(out, offsetof(tacho__record, sheet), tacho__record_pair(op->sheet, op->table_date));
    tacho__record_store(out, offsetof(tacho__record, retries), 0);
    tacho__record_store(out, offsetof(tacho__record, warnings), 0);
    tacho__record_store(out, offsetof(tacho__record, context_size), tacho__record_pair((uint32_t)c->input, limit));
    tacho__record_components(op, out);
    tacho__record_store(out, offsetof(tacho__record, stored), tacho__record_pair(op->nonzero, 0));
    for (uint32_t i = 0; i < c->used; i += 2) {
        tacho__record_store(out, offsetof(tacho__record, counts) + 4 * i,
                            tacho__record_pair(c->halves[i], c->halves[i + 1]));
    }
    tacho__record_store(out, offsetof(tacho__record, inclusive_input), c->input);
    tacho__record_store(out, offsetof(tacho__record, inclusive_output), c->output);
    tacho__record_store(out, offsetof(tacho__record, inclusive_cost), (uint64_t)op->cost_pusd);
    tacho__record_end(out, sequence);
}

static inline void tell_parent(tacho__lane *lane, const tacho__op *op, const counts *c) {
    if (op->parent_slot != TACHO__NO_SLOT) {
        const tacho__inclusive told = {.input = c->input,
                                       .output = c->output,
                                       .booked = 1,
                                       .cost_pusd = op->cost_pusd,
                                       .states = 1u << op->cost_state};
        tacho__open_tell_parent(lane, op, &told);
    }
}

bool tacho__op_book_model_call(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    const tacho_series *series = op->picked ? op->picked : op->series;
    const tacho__bound *bound = &lane->bound[series->slot];
    const tacho__model_cells *cells = bound->model;
    tacho__session_cell *cell = lane->cells[op->session_slot];
    const uint64_t duration_ns = (uint64_t)(op->end_ns - op->begin_ns);
    counts c TACHO__UNINITIALIZED;
    if (!cells || !cell || !is_usual(lane, op) || !read_counts(op, &c) || c.input > UINT32_MAX ||
        tacho__slowest_wants(lane, TACHO_KIND_LLM, duration_ns)) {
        return false;
    }
    bool below;
    tacho__half *duration = tacho__bucket_of_usual(lane, bound, duration_ns, &below);
    tacho__half *input = bucket_of(lane, &cells->input, &tacho__grids[TACHO__GRID_TOKENS], c.input);
    tacho__half *output = bucket_of(lane, &cells->output, &tacho__grids[TACHO__GRID_TOKENS], c.output);
    tacho__half *cost = bucket_of(lane, &cells->cost, &tacho__grids[TACHO__GRID_USD], (uint64_t)op->cost_pusd);
    if (!duration || !input || !output || !cost || !lane->ring) {
        return false;
    }
    const bool window = tacho__window_find(&collector->writer, lane, bound->window);
    tacho__set set = tacho__set_begin(lane);
    tacho__set_half(&set, duration, tacho__get_half(duration) + 1);
    tacho__set_half(&set, input, tacho__get_half(input) + 1);
    tacho__set_half(&set, output, tacho__get_half(output) + 1);
    tacho__set_half(&set, cost, tacho__get_half(cost) + 1);
    if (below) {
        tacho__half *low = &bound->block->duration.low;
        tacho__set_half(&set, low, tacho__get_half(low) + 1);
    }
    tacho__set_add(&set, &bound->block->duration.sum, duration_ns);
    tacho__set_add(&set, &cells->input.sketch->sum, c.input);
    tacho__set_add(&set, &cells->output.sketch->sum, c.output);
    tacho__set_add(&set, &cells->cost.sketch->sum, (uint64_t)op->cost_pusd);
    put_units(&set, op, &c, cells->usage->units, cell->units);
    put_usage(&set, op, &c, cells->usage, duration_ns);
    put_session(&set, op, cell);
    if (__builtin_expect(set.saturated, 0)) {
        return false; /* nothing was published yet */
    }
    const uint32_t flag = put_context(&set, lane, op, cell, (uint32_t)c.input, series->price.context);
    if (window) {
        tacho__window_put(&set, bound->window, op->end_ns, duration_ns);
    }
    uint64_t sequence;
    tacho__stored_record *place = tacho__ring_place(lane, &set, &sequence);
    compose(collector, lane, bound, op, &c, flag, series->price.context, end_wall_ns, place, sequence);
    tacho__open_close(lane, &set, op);
    tacho__set_commit_sorted(&set, lane->redo, lane->base, HALVES + below);
    tell_parent(lane, op, &c);
    tacho__open_return(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
    return true;
}
