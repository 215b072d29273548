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
#define UNITS  6u /* the token classes that most calls have come first; a call with any other unit is not usual */
#define NEEDED (TACHO__RECORD_TIMED | TACHO__RECORD_USAGE | TACHO__OP_COST)

#define PAIRS (UNITS / 2)

/* What the operation consumed. */
typedef struct counts {
    uint64_t input, output;
    uint64_t pair[PAIRS]; /* counts of two units, as the record keeps them */
} counts;

/* The entries of the set, each at a place that the compiler knows. */
typedef struct entries {
    tacho__redo_entry duration, below, input, output, cost; /* buckets */
    tacho__redo_entry duration_sum, input_sum, output_sum, cost_sum;
    tacho__redo_entry state, state_cost, session_state, session_cost, session_calls, records;
    struct {
        tacho__word target, value[UNITS];
    } units, session_units;
    struct {
        tacho__word target, value[7]; /* calls to inclusive_calls */
    } usage;
    struct {
        tacho__word target, value[3]; /* ok of other operations, model_calls, latest_end */
    } session;
    struct {
        tacho__word target, value[4]; /* context_size to context_limit */
    } context;
} entries;

static_assert(offsetof(tacho__usage_cell, inclusive_calls) - offsetof(tacho__usage_cell, calls) ==
                  6 * sizeof(tacho__word),
              "a run");
static_assert(offsetof(tacho__session_cell, latest_end) == (TACHO__GROUP_OTHER + 2) * sizeof(tacho__word), "a run");
static_assert(offsetof(tacho__session_cell, context_limit) - offsetof(tacho__session_cell, context_size) ==
                  3 * sizeof(tacho__word),
              "a run");

/* Everything that the operation changes. */
typedef struct call {
    const tacho__op *op;
    uint64_t duration_ns;
    counts count;
    tacho__block *block;
    const tacho__model_cells *cells;
    tacho__session_cell *session;
    tacho__half *duration, *input, *output, *cost; /* buckets */
    bool below;
} call;

static inline bool is_usual(const tacho__lane *lane, const tacho__op *op, const tacho__session_cell *cell) {
    return (op->flags & ~USUAL) == NEEDED && op->outcome == TACHO_OUTCOME_OK && op->kind == TACHO_KIND_LLM &&
           op->cost_pusd > 0 && op->cost_state >= TACHO_COST_STATE_PARTIAL &&
           op->cost_state <= TACHO_COST_STATE_EXACT && op->cost_state != TACHO_COST_STATE_REPORTED &&
           ~tacho__stamp(op->begin_ns) <= tacho__get(&cell->earliest_begin) &&
           (op->slot == TACHO__NO_SLOT || tacho__get_half(&lane->segment->open[op->slot].had_child) == 0);
}

/* False: a count is too large for one half, or of a unit that is not usual. */
static inline bool read_counts(const tacho__op *op, counts *out) {
    uint32_t high[PAIRS], above = 0;
    memcpy(out->pair, op->low, sizeof out->pair);
    memcpy(high, op->high, sizeof high);
    out->input = out->output = 0;
#pragma GCC unroll 6
    for (unsigned unit = 0; unit < UNITS; ++unit) {
        out->input += TACHO__UNITS_INPUT_TOKENS >> unit & 1 ? op->low[unit] : 0;
        out->output += TACHO__UNITS_OUTPUT_TOKENS >> unit & 1 ? op->low[unit] : 0;
    }
#pragma GCC unroll 3
    for (unsigned i = 0; i < PAIRS; ++i) {
        above |= high[i];
    }
    return above == 0 && op->nonzero >> UNITS == 0;
}

/* The bucket of a value between those seen so far, in a bucket with room; NULL in any other case. */
static inline tacho__half *bucket_of(const tacho__lane *lane, const tacho__quick_sketch *quick, const tacho__grid *grid,
                                     uint64_t value) {
    if (__builtin_expect(value - quick->least >= quick->span, 0)) {
        return NULL;
    }
    tacho__half *bucket = tacho__sketch_bucket(lane->base, quick->sketch, tacho__grid_bucket(grid, value));
    return __builtin_expect(bucket && tacho__get_half(bucket) != UINT32_MAX, 1) ? bucket : NULL;
}

/* ---------------------------------------------------------------------------------------------------------- numbers
 */

static inline void put_bucket(const tacho__set *set, tacho__redo_entry *entry, const tacho__half *bucket,
                              uint32_t more) {
    tacho__put(&entry->target, tacho__set_target(set, bucket) | TACHO__REDO_HALF);
    tacho__put(&entry->value, tacho__get_half(bucket) + more);
}

/* What the sum becomes; `*full`: it would saturate. */
static inline uint64_t grown(bool *full, const tacho__word *cell, uint64_t more) {
    uint64_t sum;
    if (__builtin_expect(__builtin_add_overflow(tacho__get(cell), more, &sum), 0)) {
        *full = true;
    }
    return sum;
}

/* The same for an amount of money. */
static inline uint64_t richer(bool *full, const tacho__word *cell, int64_t more) {
    int64_t sum;
    if (__builtin_expect(__builtin_add_overflow((int64_t)tacho__get(cell), more, &sum), 0)) {
        *full = true;
    }
    return (uint64_t)sum;
}

static inline void put_sum(bool *full, const tacho__set *set, tacho__redo_entry *entry, const tacho__word *cell,
                           uint64_t more) {
    tacho__put(&entry->target, tacho__set_target(set, cell));
    tacho__put(&entry->value, grown(full, cell, more));
}

static inline void put_money(bool *full, const tacho__set *set, tacho__redo_entry *entry, const tacho__word *cell,
                             int64_t more) {
    tacho__put(&entry->target, tacho__set_target(set, cell));
    tacho__put(&entry->value, richer(full, cell, more));
}

static inline void put_histograms(const call *c, const tacho__set *set, entries *e, bool *full) {
    const tacho__sketch *duration = &c->block->duration;
    put_bucket(set, &e->duration, c->duration, 1);
    put_bucket(set, &e->below, &duration->low, c->below);
    put_bucket(set, &e->input, c->input, 1);
    put_bucket(set, &e->output, c->output, 1);
    put_bucket(set, &e->cost, c->cost, 1);
    put_sum(full, set, &e->duration_sum, &duration->sum, c->duration_ns);
    put_sum(full, set, &e->input_sum, &c->cells->input.sketch->sum, c->count.input);
    put_sum(full, set, &e->output_sum, &c->cells->output.sketch->sum, c->count.output);
    put_sum(full, set, &e->cost_sum, &c->cells->cost.sketch->sum, (uint64_t)c->op->cost_pusd);
}

static inline void apply_histograms(const call *c, const entries *e) {
    tacho__put_half(c->duration, (uint32_t)tacho__get(&e->duration.value));
    tacho__put_half(&c->block->duration.low, (uint32_t)tacho__get(&e->below.value));
    tacho__put_half(c->input, (uint32_t)tacho__get(&e->input.value));
    tacho__put_half(c->output, (uint32_t)tacho__get(&e->output.value));
    tacho__put_half(c->cost, (uint32_t)tacho__get(&e->cost.value));
    tacho__put(&c->block->duration.sum, tacho__get(&e->duration_sum.value));
    tacho__put(&c->cells->input.sketch->sum, tacho__get(&e->input_sum.value));
    tacho__put(&c->cells->output.sketch->sum, tacho__get(&e->output_sum.value));
    tacho__put(&c->cells->cost.sketch->sum, tacho__get(&e->cost_sum.value));
}

static inline void put_units(const call *c, const tacho__set *set, entries *e, bool *full) {
    const tacho__word *series = c->cells->usage->units, *session = c->session->units;
    tacho__put(&e->units.target, tacho__set_target(set, series) | TACHO__REDO_RUN(UNITS));
    tacho__put(&e->session_units.target, tacho__set_target(set, session) | TACHO__REDO_RUN(UNITS));
#pragma GCC unroll 6
    for (unsigned unit = 0; unit < UNITS; ++unit) {
        tacho__put(&e->units.value[unit], grown(full, &series[unit], c->op->low[unit]));
        tacho__put(&e->session_units.value[unit], grown(full, &session[unit], c->op->low[unit]));
    }
}

static inline void put_usage(const call *c, const tacho__set *set, entries *e, bool *full) {
    const tacho__usage_cell *usage = c->cells->usage;
    const int64_t cost = c->op->cost_pusd;
    const unsigned state = c->op->cost_state, sum = state - TACHO_COST_STATE_PARTIAL;
    put_sum(full, set, &e->state, &usage->states[state], 1);
    put_money(full, set, &e->state_cost, &usage->cost[sum], cost);
    put_sum(full, set, &e->session_state, &c->session->states[state], 1);
    put_money(full, set, &e->session_cost, &c->session->cost[sum], cost);
    put_sum(full, set, &e->session_calls, &c->session->calls, 1);
    tacho__put(&e->usage.target, tacho__set_target(set, &usage->calls) | TACHO__REDO_RUN(7));
    tacho__put(&e->usage.value[0], grown(full, &usage->calls, 1));
    tacho__put(&e->usage.value[1], grown(full, &usage->timed_output, c->count.output));
    tacho__put(&e->usage.value[2], grown(full, &usage->timed_ns, c->duration_ns));
    tacho__put(&e->usage.value[3], richer(full, &usage->inclusive_cost, cost));
    tacho__put(&e->usage.value[4], grown(full, &usage->inclusive_input, c->count.input));
    tacho__put(&e->usage.value[5], grown(full, &usage->inclusive_output, c->count.output));
    tacho__put(&e->usage.value[6], grown(full, &usage->inclusive_calls, 1));
}

static inline void apply_usage(const call *c, const entries *e) {
    tacho__usage_cell *usage = c->cells->usage;
    const unsigned state = c->op->cost_state, sum = state - TACHO_COST_STATE_PARTIAL;
    tacho__redo_copy(usage->units, e->units.value, UNITS);
    tacho__redo_copy(c->session->units, e->session_units.value, UNITS);
    tacho__redo_copy(&usage->calls, e->usage.value, 7);
    tacho__put(&usage->states[state], tacho__get(&e->state.value));
    tacho__put(&usage->cost[sum], tacho__get(&e->state_cost.value));
    tacho__put(&c->session->states[state], tacho__get(&e->session_state.value));
    tacho__put(&c->session->cost[sum], tacho__get(&e->session_cost.value));
    tacho__put(&c->session->calls, tacho__get(&e->session_calls.value));
}

static inline uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static inline void put_session(const call *c, const tacho__set *set, entries *e) {
    const tacho__session_cell *cell = c->session;
    const uint64_t end = tacho__stamp(c->op->end_ns);
    tacho__put(&e->session.target, tacho__set_target(set, &cell->ok[TACHO__GROUP_OTHER]) | TACHO__REDO_RUN(3));
    tacho__put(&e->session.value[0], tacho__get(&cell->ok[TACHO__GROUP_OTHER]) + 1);
    tacho__put(&e->session.value[1], tacho__get(&cell->model_calls) + 1);
    tacho__put(&e->session.value[2], larger(end, tacho__get(&cell->latest_end)));
}

/* The context of the session: the prompt of its last model call. */
static inline void put_context(const call *c, const tacho__set *set, entries *e, uint32_t limit) {
    const tacho__session_cell *cell = c->session;
    const uint64_t stamp = tacho__stamp(c->op->end_ns), size = c->count.input;
    const uint64_t before = tacho__get(&cell->context_stamp);
    tacho__put(&e->context.target, tacho__set_target(set, &cell->context_size) | TACHO__REDO_RUN(4));
    tacho__put(&e->context.value[0], stamp >= before ? size : tacho__get(&cell->context_size));
    tacho__put(&e->context.value[1], larger(stamp, before));
    tacho__put(&e->context.value[2], larger(size, tacho__get(&cell->context_max)));
    tacho__put(&e->context.value[3], limit ? limit : tacho__get(&cell->context_limit));
}

/* What a drop of the context makes of it. Gives the flag of the record. */
static inline uint32_t put_compaction(const call *c, tacho__set *set, tacho__word *newest) {
    const uint64_t size = c->count.input;
    if (tacho__get(newest) == size) { /* nothing would change: no atomic operation for it */
        return 0;
    }
    const uint64_t before = atomic_exchange_explicit(newest, size, memory_order_relaxed);
    if (c->op->session_slot == TACHO__SESSION_OTHER || size >= before / 2) {
        return 0;
    }
    tacho__set_count(set, &c->session->compactions);
    return TACHO__RECORD_COMPACTION;
}

static inline void commit(const call *c, const tacho__set *set, tacho__lane *lane) {
    const entries *e = (const entries *)lane->redo->word;
    tacho__set_publish(set, lane->redo);
    apply_histograms(c, e);
    apply_usage(c, e);
    tacho__redo_copy(&c->session->ok[TACHO__GROUP_OTHER], e->session.value, 3);
    tacho__redo_copy(&c->session->context_size, e->context.value, 4);
    tacho__put(&lane->header->records, tacho__get(&e->records.value));
    tacho__set_apply(set, (const tacho__word *)(e + 1), lane->base);
    tacho__set_conclude(set, lane->redo);
}

/* ----------------------------------------------------------------------------------------------------------- record
 */

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
    tacho__record_store(out, offsetof(tacho__record, stored), tacho__record_pair((UINT32_C(1) << UNITS) - 1, 0));
#pragma GCC unroll 3
    for (unsigned i = 0; i < PAIRS; ++i) {
        tacho__record_store(out, offsetof(tacho__record, counts) + sizeof *c->pair * i, c->pair[i]);
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

/* ------------------------------------------------------------------------------------------------------- all of it */

/* Finds what is known of the series in this lane; false: something about the operation is not usual. */
static inline bool find(tacho__lane *lane, const tacho__bound *bound, call *c) {
    const tacho__op *op = c->op;
    c->cells = bound->model;
    c->block = bound->block;
    c->session = lane->cells[op->session_slot];
    if (!c->cells || !c->session || !is_usual(lane, op, c->session) || !read_counts(op, &c->count) ||
        c->count.input > UINT32_MAX || !lane->ring || tacho__slowest_wants(lane, TACHO_KIND_LLM, c->duration_ns)) {
        return false;
    }
    const tacho__grid *tokens = &tacho__grids[TACHO__GRID_TOKENS];
    c->duration = tacho__bucket_of_usual(lane, bound, c->duration_ns, &c->below);
    c->input = bucket_of(lane, &c->cells->input, tokens, c->count.input);
    c->output = bucket_of(lane, &c->cells->output, tokens, c->count.output);
    c->cost = bucket_of(lane, &c->cells->cost, &tacho__grids[TACHO__GRID_USD], (uint64_t)op->cost_pusd);
    return c->duration && c->input && c->output && c->cost;
}

bool tacho__op_book_model_call(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    const tacho_series *series = op->picked ? op->picked : op->series;
    const tacho__bound *bound = &lane->bound[series->slot];
    const uint32_t limit = series->price.context;
    call c TACHO__UNINITIALIZED;
    c.op = op;
    c.duration_ns = (uint64_t)(op->end_ns - op->begin_ns);
    if (!find(lane, bound, &c)) {
        return false;
    }
    const bool window = tacho__window_find(&collector->writer, lane, bound->window);
    tacho__set set = tacho__set_begin(lane);
    entries *e = (entries *)lane->redo->word;
    bool full = false;
    put_histograms(&c, &set, e, &full);
    put_units(&c, &set, e, &full);
    put_usage(&c, &set, e, &full);
    put_session(&c, &set, e);
    put_context(&c, &set, e, limit);
    if (__builtin_expect(full, 0)) {
        return false; /* nothing was published yet */
    }
    set.next = (tacho__word *)(e + 1);
    const uint32_t flag = put_compaction(&c, &set, &lane->segment->context[op->session_slot]);
    if (window) {
        tacho__window_put(&set, bound->window, op->end_ns, c.duration_ns);
    }
    const uint64_t sequence = lane->records + 1;
    tacho__stored_record *place = tacho__ring_turn(lane);
    tacho__put(&e->records.target, tacho__set_target(&set, &lane->header->records));
    tacho__put(&e->records.value, sequence);
    compose(collector, lane, bound, op, &c.count, flag, limit, end_wall_ns, place, sequence);
    tacho__open_close(lane, &set, op);
    commit(&c, &set, lane);
    tell_parent(lane, op, &c.count);
    tacho__open_return(collector, lane, op);
    tacho__lane_leave(&collector->writer, lane);
    return true;
}
