/**
 * Booking: one finished operation becomes one set of new values (semantics 10).
 *
 * Three steps. Find (find.c): every cell the operation touches, made if this is its first use; if any finds no room,
 * the whole operation goes to the overflow series of its kind in the shared lane, for which room is reserved. Compose
 * (compose.c): the record, which nobody sees yet. Here: every number and the record's sequence go into the redo set,
 * which is committed.
 */
#include "base/log.h"
#include "collect/booking.h"
#include "segment/ring.h"
#include "segment/window.h"

/* --------------------------------------------------------------------------------------------------- step 3: numbers
 */

static void put_block(const tacho__booking *b, tacho__set *set) {
    const tacho__op *op = b->op;
    tacho__block *block = b->bound->block;
    if (b->timed) {
        tacho__spot_put(set, &b->duration);
        if (b->has_window) {
            tacho__window_put(set, b->bound->window, op->end_ns, b->duration_ns);
        }
    } else {
        tacho__set_count(set, &block->untimed);
    }
    if (op->outcome != TACHO_OUTCOME_OK) {
        tacho__set_count(set, &block->outcome[op->outcome - 1]);
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

static void put_failures(const tacho__booking *b, tacho__set *set) {
    const tacho__op *op = b->op;
    if (!b->failures) {
        return;
    }
    if (op->outcome != TACHO_OUTCOME_OK) {
        tacho__set_count(set, &b->failures->category[op->category]);
        if (op->error_type) {
            tacho__set_count(set, &b->failures->type[b->error]);
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

static void put_money(const tacho__booking *b, tacho__set *set, const money_cells *cells) {
    const tacho__op *op = b->op;
    if (!b->booked) {
        if (b->money) {
            tacho__set_count(set, cells->not_booked);
        }
        return;
    }
    for (uint32_t left = b->nonzero; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho__set_add(set, &cells->units[unit], tacho__op_count(op, unit));
    }
    tacho__set_count(set, &cells->states[op->cost_state]);
    if (op->cost_state >= TACHO_COST_STATE_PARTIAL && op->cost_state <= TACHO_COST_STATE_EXACT &&
        op->cost_pusd != TACHO_COST_UNKNOWN) {
        tacho__set_add_money(set, &cells->cost[op->cost_state - TACHO_COST_STATE_PARTIAL], op->cost_pusd);
    }
    if (op->cost_state == TACHO_COST_STATE_REPORTED && op->table_pusd != TACHO_COST_UNKNOWN) {
        tacho__set_add_money(set, cells->table_of_reported, op->table_pusd);
    }
    if (op->flags & TACHO__RECORD_USAGE) {
        tacho__set_count(set, cells->calls);
    }
    if (op->flags & TACHO__RECORD_ABSENT) {
        tacho__set_count(set, cells->absent);
    }
}

static void put_flag(tacho__set *set, tacho__word *flags) {
    if (set->saturated) {
        tacho__set_word(set, flags, tacho__get(flags) | TACHO__SATURATED);
    }
}

static void put_usage(const tacho__booking *b, tacho__set *set) {
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
        tacho__set_count(set, &usage->inclusive_calls);
    }
    put_flag(set, &usage->flags);
}

/* Context: as the caller says, else the prompt of a model call and the window of its model (semantics 28); a drop by
 * more than half is a compaction. */
static uint32_t put_context(const tacho__booking *b, tacho__set *set, uint32_t size, uint32_t limit) {
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

static void put_session_times(const tacho__booking *b, tacho__set *set, unsigned group) {
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
        tacho__set_count(set, &cell->timed_steps);
    } else if (group == TACHO__GROUP_TOOL && b->timed) {
        tacho__set_add(set, &cell->tool_ns, b->duration_ns);
    }
}

static void put_session(const tacho__booking *b, tacho__set *set, unsigned group) {
    const tacho__op *op = b->op;
    tacho__session_cell *cell = b->cell;
    tacho__set_count(set, op->outcome == TACHO_OUTCOME_OK ? &cell->ok[group] : &cell->outcome[group][op->outcome - 1]);
    put_session_times(b, set, group);
    if (op->kind == TACHO_KIND_LLM || op->kind == TACHO_KIND_EMBEDDING) {
        tacho__set_count(set, &cell->model_calls);
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

/* The record of the operation, among the recent ones and perhaps among the slowest. */
static void put_records(tacho__booking *b, tacho__set *set, int64_t end_wall_ns) {
    uint64_t sequence;
    tacho__stored_record *place;
    if (b->timed && tacho__slowest_wants(b->lane, b->op->kind, b->duration_ns)) {
        place = tacho__slowest_place(&b->collector->writer, b->lane, set, b->op->kind, b->duration_ns, &sequence);
        if (place) {
            tacho__booking_compose(b, end_wall_ns, place, sequence);
        }
    }
    place = tacho__ring_place(b->lane, set, &sequence);
    if (place) {
        tacho__booking_compose(b, end_wall_ns, place, sequence);
    }
}

static void commit(tacho__booking *b, const tacho_series *series, tacho__op *op, int64_t end_wall_ns) {
    tacho__set set = tacho__set_begin(b->lane);
    const bool model_call = op->kind == TACHO_KIND_LLM && op->flags & TACHO__RECORD_USAGE && b->booked;
    if (op->context_size == 0 && model_call) {
        op->context_size = b->input > UINT32_MAX ? UINT32_MAX : (uint32_t)b->input;
    }
    if (op->context_size && !op->context_limit && op->kind == TACHO_KIND_LLM) {
        op->context_limit = series->price.context;
    }
    if (op->context_size | op->context_limit | op->compactions) {
        const uint32_t compactions = put_context(b, &set, op->context_size, op->context_limit);
        b->flags |= compactions ? TACHO__RECORD_COMPACTION : 0;
    }
    put_block(b, &set);
    put_usage(b, &set);
    put_failures(b, &set);
    put_session(b, &set, series->group);
    put_records(b, &set, end_wall_ns);
    tacho__open_close(b->lane, &set, op);
    tacho__lane_commit(b->lane, &set);
}

/* -------------------------------------------------------------------------------------------------------- all of it */

static tacho__log_class lost_class = TACHO__LOG_CLASS("operation_lost", TACHO__LOG_WARNING);

/* There was no room: the shared lane has a reserve for the overflow series of every kind. */
static bool move_to_overflow(tacho__booking *b, tacho_series **series) {
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
    if (b->lane->segment->generation == generation && tacho__booking_find(b, *series)) {
        return true;
    }
    tacho__drop_count(b->lane->segment, TACHO__DROP_LOST);
    tacho__lane_leave(writer, b->lane);
    return false;
}

/* What is ordinary for this series in this lane has changed: a first value, a new extreme. */
static void quicken(tacho__booking *b, const tacho_series *series) {
    tacho__bound *bound = &b->lane->bound[series->slot];
    if (b->timed && (b->duration.low | b->duration.high) == 0 && b->duration_ns - bound->least >= bound->span) {
        tacho__session_cell *own = tacho__session_cell_find(&b->collector->writer, b->lane, 0);
        if (own) {
            tacho__bound_quicken(bound, &own->ok[series->group]);
        }
    }
    if (b->op->kind == TACHO_KIND_LLM && b->has_counts && b->has_cost) {
        tacho__bound_quicken_model(b->lane, bound, b->usage);
    }
}

void tacho__op_book_any(tacho_collector *collector, tacho__lane *lane, tacho__op *op, int64_t end_wall_ns) {
    tacho__booking b TACHO__UNINITIALIZED;
    b.collector = collector;
    b.lane = lane;
    b.op = op;
    tacho__booking_weigh(&b);
    tacho_series *series = op->picked ? op->picked : op->series;
    if (!tacho__booking_find(&b, series) && !move_to_overflow(&b, &series)) {
        tacho__log(&lost_class, "an operation could not be counted anywhere; the segment is full");
        return;
    }
    commit(&b, series, op, end_wall_ns);
    quicken(&b, series);
    tacho__inclusive told = b.inclusive;
    told.tools = op->kind == TACHO_KIND_TOOL;
    tacho__open_tell_parent(b.lane, op, &told);
    tacho__open_return(collector, b.lane, op);
    tacho__lane_leave(&collector->writer, b.lane);
}
