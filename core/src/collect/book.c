/**
 * Booking: one finished operation becomes one set of new values (semantics 10).
 *
 * Three steps. Find: every cell the operation touches, made if it is its first use; if any finds no room, the whole
 * operation goes to the overflow series of its kind in the shared lane, for which room is reserved. Write the record,
 * which nobody sees yet. Put every number and the record's sequence into the redo set and commit.
 */
#include "base/log.h"
#include "collect/operation.h"
#include "segment/ring.h"

#include <string.h>

#define X(name, field, key, is_token, direction, scale)                                                                \
    (((is_token) && (direction) == TACHO_DIRECTION_IN) ? TACHO_UNIT_BIT(TACHO_UNIT_##name) : 0) |
#define INPUT_UNITS (TACHO_UNIT_MAP(X) 0u)
static const uint32_t input_units = INPUT_UNITS;
#undef X
#define X(name, field, key, is_token, direction, scale)                                                                \
    (((is_token) && (direction) == TACHO_DIRECTION_OUT) ? TACHO_UNIT_BIT(TACHO_UNIT_##name) : 0) |
#define OUTPUT_UNITS (TACHO_UNIT_MAP(X) 0u)
static const uint32_t output_units = OUTPUT_UNITS;
#undef X

/** Everything found and computed before anything is written. */
typedef struct booking {
    tacho_collector *collector;
    tacho__lane *lane;
    const tacho__op *op;
    const tacho__bound *bound;
    tacho__session_cell *cell;
    tacho__usage_cell *usage;      /* NULL: nothing to put there */
    tacho__failure_cell *failures; /* NULL: likewise */
    uint32_t error;                /* index among the error names */
    uint32_t flags;                /* of the record */
    uint32_t nonzero;              /* units with a count */
    bool overflow;
    bool timed, money, booked; /* has a duration; has usage or cost; and they count here */
    bool has_inclusive;
    uint64_t duration_ns, input, output;
    tacho__inclusive below, inclusive; /* of descendants; with the own amounts */
    tacho__spot duration, first_token, per_token, input_spot, output_spot, cost_spot;
    bool has_first_token, has_per_token, has_counts, has_cost;
} booking;

/* ---------------------------------------------------------------------------------------------------- step 1: find */

static void sum_units(booking *b) {
    b->nonzero = 0;
    b->input = b->output = 0;
    if (!(b->op->flags & TACHO__RECORD_USAGE)) {
        return;
    }
    for (uint32_t left = b->op->present; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint64_t count = tacho__op_count(b->op, unit);
        b->nonzero |= count ? TACHO_UNIT_BIT(unit) : 0;
        b->input += input_units >> unit & 1 ? count : 0;
        b->output += output_units >> unit & 1 ? count : 0;
    }
}

/* A parent that reports what its descendants booked already: kept in its record, not booked (semantics 23). */
static void compare_with_descendants(booking *b) {
    const uint64_t own = b->input + b->output, below = b->below.input + b->below.output;
    const uint64_t difference = own > below ? own - below : below - own;
    b->flags |= TACHO__RECORD_NOT_BOOKED;
    b->booked = false;
    if (own && difference > below / 100) {
        tacho__drop_count(b->lane->segment, TACHO__DROP_USAGE_CONFLICT);
    }
}

static int64_t add_money(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void sum_inclusive(booking *b) {
    const tacho__op *op = b->op;
    b->inclusive = b->below;
    if (b->booked) {
        b->inclusive.input += b->input;
        b->inclusive.output += b->output;
        b->inclusive.booked += 1;
        b->inclusive.states |= 1u << op->cost_state;
        if (op->cost_pusd != TACHO_COST_UNKNOWN) {
            b->inclusive.cost_pusd = add_money(b->inclusive.cost_pusd, op->cost_pusd);
        }
    }
    b->has_inclusive = b->inclusive.booked != 0;
}

static void weigh(booking *b) {
    const tacho__op *op = b->op;
    b->flags = op->flags & TACHO__OP_RECORD_FLAGS;
    b->timed = (op->flags & TACHO__RECORD_TIMED) != 0;
    b->duration_ns = b->timed ? (uint64_t)(op->end_ns - op->begin_ns) : 0;
    b->money = (op->flags & (TACHO__RECORD_USAGE | TACHO__RECORD_ABSENT | TACHO__OP_COST)) != 0;
    b->booked = b->money;
    sum_units(b);
    memset(&b->below, 0, sizeof b->below);
    const bool parent = tacho__open_read(b->lane, op, &b->below);
    if (b->money && b->below.booked) {
        compare_with_descendants(b);
    }
    if (parent || b->money) {
        sum_inclusive(b);
    } else {
        b->has_inclusive = false;
        memset(&b->inclusive, 0, sizeof b->inclusive);
    }
    if (b->has_inclusive) {
        b->flags |= TACHO__RECORD_INCLUSIVE;
    }
}

static bool find_sketch(booking *b, tacho__half *link, uint8_t grid, uint64_t value, tacho__spot *spot, bool *has) {
    tacho__sketch *sketch = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__HISTOGRAM_LINES, b->overflow);
    *has = true;
    return sketch && tacho__spot_find(&b->collector->writer, b->lane, sketch, grid, value, b->overflow, spot);
}

static bool find_usage(booking *b) {
    const tacho__op *op = b->op;
    b->usage = NULL;
    b->has_per_token = b->has_counts = b->has_cost = false;
    if (!b->money && !b->has_inclusive) {
        return true;
    }
    tacho__half *link = &b->bound->block->duration.usage;
    b->usage = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__USAGE_LINES, b->overflow);
    bool found = b->usage != NULL;
    if (found && b->booked && op->flags & TACHO__RECORD_USAGE) {
        found = find_sketch(b, &b->usage->input, TACHO__GRID_TOKENS, b->input, &b->input_spot, &b->has_counts) &&
                find_sketch(b, &b->usage->output, TACHO__GRID_TOKENS, b->output, &b->output_spot, &b->has_counts);
    }
    if (found && b->booked && op->cost_pusd != TACHO_COST_UNKNOWN && op->cost_pusd >= 0) {
        found = find_sketch(b, &b->usage->cost_sketch, TACHO__GRID_USD, (uint64_t)op->cost_pusd, &b->cost_spot,
                            &b->has_cost);
    }
    if (found && b->timed && b->output && op->flags & TACHO__RECORD_FIRST_TOKEN) {
        const uint64_t rest = op->end_ns > op->first_token_ns ? (uint64_t)(op->end_ns - op->first_token_ns) : 0;
        const uint64_t per_token = rest / (b->output > 1 ? b->output - 1 : 1);
        found =
            find_sketch(b, &b->usage->time_per_token, TACHO__GRID_SECONDS, per_token, &b->per_token, &b->has_per_token);
    }
    return found;
}

static bool find_failures(booking *b) {
    const tacho__op *op = b->op;
    b->failures = NULL;
    if (op->outcome == TACHO_OUTCOME_OK && op->warnings == 0) {
        return true;
    }
    tacho__half *link = &b->bound->block->duration.failures;
    b->failures = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__FAILURE_LINES, b->overflow);
    b->error = TACHO__ERROR_NAMES;
    if (b->failures && op->error_type) {
        b->error = tacho__series_error(b->collector, b->lane, b->bound, op->error_type);
        if (b->error == TACHO__ERROR_NAMES) {
            tacho__drop_count(b->lane->segment, TACHO__DROP_ERROR_NAME_OVERFLOW);
        }
    }
    return b->failures != NULL;
}

/* All cells, or false: no room. */
static bool find_all(booking *b, tacho_series *series) {
    const tacho__op *op = b->op;
    tacho__writer *writer = &b->collector->writer;
    b->bound = tacho__series_bound(b->collector, b->lane, series);
    b->cell = b->bound ? tacho__session_cell_find(writer, b->lane, op->session_slot) : NULL;
    if (!b->cell) {
        return false;
    }
    b->overflow = b->bound->descriptor->flags & TACHO__SERIES_IS_OVERFLOW;
    tacho__block *block = b->bound->block;
    bool found = !b->timed || tacho__spot_find(writer, b->lane, &block->duration, series->grid, b->duration_ns,
                                               b->overflow, &b->duration);
    b->has_first_token = false;
    if (found && op->flags & TACHO__RECORD_FIRST_TOKEN) {
        const uint64_t first = op->first_token_ns > op->begin_ns ? (uint64_t)(op->first_token_ns - op->begin_ns) : 0;
        found = find_sketch(b, &block->duration.first_token, series->grid, first, &b->first_token, &b->has_first_token);
    }
    return found && find_usage(b) && find_failures(b);
}

/* -------------------------------------------------------------------------------------------------- step 2: record */

static void pack_counts(const booking *b, tacho__record *record) {
    uint32_t used = 0;
    record->stored = record->wide = 0;
    for (uint32_t left = b->nonzero; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint64_t count = tacho__op_count(b->op, unit);
        const uint32_t halves = count > UINT32_MAX ? 2 : 1;
        if (used + halves > TACHO__RECORD_COUNTS) {
            record->flags |= TACHO__RECORD_CUT;
            tacho__drop_count(b->lane->segment, TACHO__DROP_COUNTS_CUT);
            return;
        }
        record->stored |= TACHO_UNIT_BIT(unit);
        record->counts[used++] = (uint32_t)count;
        if (halves == 2) {
            record->wide |= TACHO_UNIT_BIT(unit);
            record->counts[used++] = (uint32_t)(count >> 32);
        }
    }
}

/* State of a sum by the states that occur in it (semantics 27). */
static uint8_t join_states(uint32_t states) {
    uint32_t joined = TACHO_COST_STATE_UNKNOWN;
    bool first = true;
    for (uint32_t state = 0; state < TACHO__COST_STATES; ++state) {
        if (states >> state & 1) {
            joined = first ? state : tacho_cost_state_join(joined, state);
            first = false;
        }
    }
    return (uint8_t)joined;
}

static uint32_t clamp_half(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void compose(const booking *b, tacho__record *record, int64_t end_wall_ns) {
    const tacho__op *op = b->op;
    record->id = op->id;
    record->parent = op->parent;
    record->trace[0] = op->trace[0];
    record->trace[1] = op->trace[1];
    record->begin_ns = op->begin_ns;
    record->end_ns = op->end_ns;
    record->end_wall_ns = end_wall_ns;
    record->series = tacho__get_half(&b->bound->block->duration.series);
    record->session_slot = op->session_slot;
    record->kind = op->kind;
    record->outcome = op->outcome;
    record->session = op->session;
    record->requested_model = tacho__op_requested_model(b->collector, b->lane, op);
    record->model = op->model;
    record->provider = op->provider ? op->provider : b->bound->descriptor->provider;
    record->tool = op->tool;
    record->error_type = op->error_type;
    record->category = op->category;
    record->cost_state = b->money ? op->cost_state : TACHO_COST_STATE_UNKNOWN;
    record->component_count = op->component_count;
    record->inclusive_state = b->has_inclusive ? join_states(b->inclusive.states) : 0;
    record->flags = b->flags;
    record->present = op->flags & TACHO__RECORD_USAGE ? op->present : 0;
    record->weight = 1;
    record->first_token_ns = op->flags & TACHO__RECORD_FIRST_TOKEN && op->first_token_ns > op->begin_ns
                                 ? (uint64_t)(op->first_token_ns - op->begin_ns)
                                 : 0;
    record->cost_pusd = op->cost_pusd;
    record->reported_pusd = op->reported_pusd;
    record->table_pusd = op->table_pusd;
    record->sheet = op->sheet;
    record->table_date = op->table_date;
    record->retries = op->retries;
    record->interventions = op->interventions;
    record->warnings = op->warnings;
    record->tool_calls = op->tool_calls + clamp_half(b->below.tools);
    record->context_size = op->context_size;
    record->context_limit = op->context_limit;
    memcpy(record->components, op->components, op->component_count * sizeof *op->components);
    pack_counts(b, record);
    record->inclusive_input = b->inclusive.input;
    record->inclusive_output = b->inclusive.output;
    record->inclusive_cost = b->inclusive.cost_pusd;
}

/* --------------------------------------------------------------------------------------------------- step 3: numbers
 */

static void put_block(const booking *b, tacho__set *set) {
    const tacho__op *op = b->op;
    tacho__block *block = b->bound->block;
    if (b->timed) {
        tacho__spot_put(set, &b->duration);
    } else {
        tacho__set_add(set, &block->untimed, 1);
    }
    if (op->outcome != TACHO_OUTCOME_OK) {
        tacho__set_add(set, &block->outcome[op->outcome - 1], 1);
    }
    if (op->retries) {
        tacho__set_add(set, &block->retries, op->retries);
    }
    if (op->interventions) {
        tacho__set_add(set, &block->interventions, op->interventions);
    }
    if (b->has_first_token) {
        tacho__spot_put(set, &b->first_token);
    }
}

static void put_failures(const booking *b, tacho__set *set) {
    const tacho__op *op = b->op;
    if (!b->failures) {
        return;
    }
    if (op->outcome != TACHO_OUTCOME_OK) {
        tacho__set_add(set, &b->failures->category[op->category], 1);
        if (op->error_type) {
            tacho__set_add(set, &b->failures->type[b->error], 1);
        }
    }
    if (op->warnings) {
        tacho__set_add(set, &b->failures->warnings, op->warnings);
    }
}

/* The sums that series and sessions have in common, at the places where each has them. */
typedef struct money_cells {
    tacho__word *units, *cost, *states, *calls, *absent, *table_of_reported, *not_booked, *flags;
} money_cells;

static void put_money(const booking *b, tacho__set *set, const money_cells *cells) {
    const tacho__op *op = b->op;
    if (!b->booked) {
        if (b->money) {
            tacho__set_add(set, cells->not_booked, 1);
        }
        return;
    }
    for (uint32_t left = b->nonzero; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho__set_add(set, &cells->units[unit], tacho__op_count(op, unit));
    }
    tacho__set_add(set, &cells->states[op->cost_state], 1);
    if (op->cost_state >= TACHO_COST_STATE_PARTIAL && op->cost_state <= TACHO_COST_STATE_EXACT &&
        op->cost_pusd != TACHO_COST_UNKNOWN) {
        tacho__set_add_money(set, &cells->cost[op->cost_state - TACHO_COST_STATE_PARTIAL], op->cost_pusd);
    }
    if (op->cost_state == TACHO_COST_STATE_REPORTED && op->table_pusd != TACHO_COST_UNKNOWN) {
        tacho__set_add_money(set, cells->table_of_reported, op->table_pusd);
    }
    if (op->flags & TACHO__RECORD_USAGE) {
        tacho__set_add(set, cells->calls, 1);
    }
    if (op->flags & TACHO__RECORD_ABSENT) {
        tacho__set_add(set, cells->absent, 1);
    }
}

static void put_flag(tacho__set *set, tacho__word *flags) {
    if (set->saturated) {
        tacho__set_word(set, flags, tacho__get(flags) | TACHO__SATURATED);
    }
}

static void put_usage(const booking *b, tacho__set *set) {
    tacho__usage_cell *usage = b->usage;
    if (!usage) {
        return;
    }
    const money_cells cells = {usage->units,       usage->cost,    usage->states,
                               &usage->calls,      &usage->absent, &usage->table_of_reported,
                               &usage->not_booked, &usage->flags};
    put_money(b, set, &cells);
    if (b->has_counts) {
        tacho__spot_put(set, &b->input_spot);
        tacho__spot_put(set, &b->output_spot);
        if (b->timed) {
            tacho__set_add(set, &usage->timed_output, b->output);
            tacho__set_add(set, &usage->timed_ns, b->duration_ns);
        }
    }
    if (b->has_cost) {
        tacho__spot_put(set, &b->cost_spot);
    }
    if (b->has_per_token) {
        tacho__spot_put(set, &b->per_token);
    }
    if (b->has_inclusive) {
        tacho__set_add_money(set, &usage->inclusive_cost, b->inclusive.cost_pusd);
        tacho__set_add(set, &usage->inclusive_input, b->inclusive.input);
        tacho__set_add(set, &usage->inclusive_output, b->inclusive.output);
        tacho__set_add(set, &usage->inclusive_calls, 1);
    }
    put_flag(set, &usage->flags);
}

/* Context: as the caller says, else the prompt of a model call (semantics 28); a drop by more than half is a
 * compaction. */
static uint32_t put_context(const booking *b, tacho__set *set, uint32_t size, uint32_t limit) {
    const tacho__op *op = b->op;
    tacho__session_cell *cell = b->cell;
    uint32_t compactions = op->compactions;
    if (size) {
        const uint64_t stamp = tacho__stamp(op->end_ns);
        const uint64_t before =
            atomic_exchange_explicit(&b->lane->segment->context[op->session_slot], size, memory_order_relaxed);
        if (compactions == 0 && op->session_slot != TACHO__SESSION_OTHER && size < before / 2) {
            compactions = 1;
        }
        if (stamp >= tacho__get(&cell->context_stamp)) {
            tacho__set_word(set, &cell->context_size, size);
            tacho__set_word(set, &cell->context_stamp, stamp);
        }
        if (size > tacho__get(&cell->context_max)) {
            tacho__set_word(set, &cell->context_max, size);
        }
    }
    if (limit && limit != tacho__get(&cell->context_limit)) {
        tacho__set_word(set, &cell->context_limit, limit);
    }
    if (compactions) {
        tacho__set_add(set, &cell->compactions, compactions);
    }
    return compactions;
}

static void put_session_times(const booking *b, tacho__set *set, unsigned group) {
    const tacho__op *op = b->op;
    tacho__session_cell *cell = b->cell;
    const uint64_t end = tacho__stamp(op->end_ns), begin = ~tacho__stamp(op->begin_ns);
    if (end > tacho__get(&cell->latest_end)) {
        tacho__set_word(set, &cell->latest_end, end);
    }
    if (begin > tacho__get(&cell->earliest_begin)) {
        tacho__set_word(set, &cell->earliest_begin, begin);
    }
    if (group == TACHO__GROUP_STEP && b->timed) {
        tacho__set_add(set, &cell->step_ns, b->duration_ns);
        tacho__set_add(set, &cell->timed_steps, 1);
    } else if (group == TACHO__GROUP_TOOL && b->timed) {
        tacho__set_add(set, &cell->tool_ns, b->duration_ns);
    }
}

static void put_session(const booking *b, tacho__set *set, unsigned group) {
    const tacho__op *op = b->op;
    tacho__session_cell *cell = b->cell;
    tacho__set_add(set, op->outcome == TACHO_OUTCOME_OK ? &cell->ok[group] : &cell->outcome[group][op->outcome - 1], 1);
    put_session_times(b, set, group);
    if (op->kind == TACHO_KIND_LLM || op->kind == TACHO_KIND_EMBEDDING) {
        tacho__set_add(set, &cell->model_calls, 1);
    }
    if (op->retries | op->interventions | op->warnings) {
        tacho__set_add(set, &cell->retries, op->retries);
        tacho__set_add(set, &cell->interventions, op->interventions);
        tacho__set_add(set, &cell->warnings, op->warnings);
    }
    if (b->money) {
        const money_cells cells = {cell->units,       cell->cost,    cell->states,
                                   &cell->calls,      &cell->absent, &cell->table_of_reported,
                                   &cell->not_booked, &cell->flags};
        put_money(b, set, &cells);
        put_flag(set, &cell->flags);
    }
}

static void commit(booking *b, tacho_series *series, tacho__op *op, int64_t end_wall_ns) {
    tacho__record record TACHO__UNINITIALIZED;
    tacho__set set = tacho__set_begin(b->lane);
    const bool model_call = op->kind == TACHO_KIND_LLM && op->flags & TACHO__RECORD_USAGE && b->booked;
    if (op->context_size == 0 && model_call) {
        op->context_size = clamp_half(b->input);
    }
    if (op->context_size | op->context_limit | op->compactions) {
        const uint32_t compactions = put_context(b, &set, op->context_size, op->context_limit);
        b->flags |= compactions ? TACHO__RECORD_COMPACTION : 0;
    }
    compose(b, &record, end_wall_ns);
    put_block(b, &set);
    put_usage(b, &set);
    put_failures(b, &set);
    put_session(b, &set, series->group);
    if (b->timed && tacho__slowest_wants(b->lane, op->kind, b->duration_ns)) {
        tacho__slowest_put(&b->collector->writer, b->lane, &set, &record, b->duration_ns);
    }
    tacho__ring_put(b->lane, &set, &record);
    if (set.saturated) {
        tacho__drop_count(b->lane->segment, TACHO__DROP_SATURATED);
    }
    tacho__set_commit(&set, b->lane->base);
}

/* -------------------------------------------------------------------------------------------------------- all of it */

static tacho__log_class lost_class = TACHO__LOG_CLASS("operation_lost", TACHO__LOG_WARNING);

/* There was no room: the shared lane has a reserve for the overflow series of every kind. */
static bool move_to_overflow(booking *b, tacho_series **series) {
    const bool reentrant = b->lane->reentrant;
    tacho__writer *writer = &b->collector->writer;
    const uint64_t generation = b->lane->segment->generation;
    tacho__drop_count(b->lane->segment, TACHO__DROP_SEGMENT_FULL);
    if (!b->lane->shared) {
        tacho__lane_leave(writer, b->lane);
        b->lane = tacho__lane_enter_shared(writer, reentrant);
    }
    if (!b->lane) {
        return false;
    }
    *series = b->collector->overflow[b->op->kind];
    if (b->lane->segment->generation == generation && find_all(b, *series)) {
        return true;
    }
    tacho__drop_count(b->lane->segment, TACHO__DROP_LOST);
    tacho__lane_leave(writer, b->lane);
    return false;
}

void tacho__op_book(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    booking b TACHO__UNINITIALIZED;
    b.collector = collector;
    b.lane = lane;
    b.op = op;
    weigh(&b);
    tacho_series *series = op->picked ? op->picked : op->series;
    if (!find_all(&b, series) && !move_to_overflow(&b, &series)) {
        tacho__log(&lost_class, "an operation could not be counted anywhere; the segment is full");
        return;
    }
    commit(&b, series, op, end_wall_ns);
    tacho__inclusive told = b.inclusive;
    told.tools = op->kind == TACHO_KIND_TOOL;
    if (told.booked == 0) {
        told.input = told.output = 0;
        told.cost_pusd = 0;
        told.states = 0;
    }
    tacho__open_tell_parent(b.lane, op, &told);
    tacho__open_free(collector, b.lane, op);
    tacho__lane_leave(&collector->writer, b.lane);
}
