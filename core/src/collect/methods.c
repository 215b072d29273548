/** What can be said about an operation while it is in flight. Each call enters the lane, changes the operation, leaves.
 */
#include "collect/operation.h"

#include "base/traceparent.h"

#include <string.h>

/* A call on an operation that is not in flight: harmless, counted when it has ended, reported in a strict collector. */
static tacho_status refused(const tacho__op *op) {
    if (!op || op->serial == 0 || !tacho__writer_lives(op->serial)) {
        return TACHO_OK;
    }
    tacho_collector *collector = op->series->collector;
    if (!tacho__is_enabled(collector) || atomic_load_explicit(&op->state, memory_order_relaxed) == TACHO__OP_OPEN) {
        return TACHO_OK;
    }
    return tacho__misuse(collector, TACHO_ENDED);
}

static void leave(tacho__op *op, tacho__lane *lane) {
    tacho__lane_leave(&op->series->collector->writer, lane);
}

static uint32_t more(uint32_t count) {
    return count == UINT32_MAX ? count : count + 1;
}

static uint32_t clamp(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static tacho_status invalid(const tacho__op *op) {
    if (op && op->serial && tacho__writer_lives(op->serial)) {
        tacho__count(op->series->collector, TACHO__DROP_INVALID);
    }
    return TACHO_INVALID;
}

tacho_status tacho_operation_fail(tacho_operation *operation, tacho_category category, const char *type) {
    tacho__op *op = tacho__op_of(operation);
    if ((unsigned)category >= TACHO_CATEGORY_COUNT) {
        return invalid(op);
    }
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    if (!(op->flags & TACHO__OP_FAILED)) {
        op->flags |= TACHO__OP_FAILED;
        op->category = (unsigned)category & 15u;
        op->error_type = tacho__lane_text(op->series->collector, lane, type);
    }
    leave(op, lane);
    return TACHO_OK;
}

tacho_status tacho_operation_usage(tacho_operation *operation, const tacho_usage *usage) {
    tacho__op *op = tacho__op_of(operation);
    tacho_usage clean;
    if (tacho_usage_normalise(usage, &clean) != TACHO_OK) {
        return invalid(op);
    }
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    tacho__op_usage(op->series->collector, lane, op, &clean);
    leave(op, lane);
    return tacho__usage_is_wrong(clean.faults) ? TACHO_INVALID : TACHO_OK;
}

tacho_status tacho_operation_response(tacho_operation *operation, const tacho_response *response) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = response ? tacho__op_enter(op) : NULL;
    if (!lane) {
        return response ? refused(op) : invalid(op);
    }
    tacho__op_response(op->series->collector, lane, op, response);
    leave(op, lane);
    return tacho__response_is_wrong(response) ? TACHO_INVALID : TACHO_OK;
}

tacho_status tacho_operation_model(tacho_operation *operation, const char *model) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    tacho__op_answered_by(op->series->collector, lane, op, "", model ? model : "");
    leave(op, lane);
    return TACHO_OK;
}

tacho_status tacho_operation_provider(tacho_operation *operation, const char *provider) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    tacho__op_answered_by(op->series->collector, lane, op, provider ? provider : "", "");
    leave(op, lane);
    return TACHO_OK;
}

tacho_status tacho_operation_cost(tacho_operation *operation, int64_t cost_pusd) {
    tacho__op *op = tacho__op_of(operation);
    if (cost_pusd < 0) {
        return invalid(op);
    }
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    op->flags |= TACHO__OP_COST | TACHO__OP_COST_GIVEN;
    op->cost_pusd = op->reported_pusd = cost_pusd;
    op->cost_state = TACHO_COST_STATE_REPORTED;
    leave(op, lane);
    return TACHO_OK;
}

tacho_status tacho_operation_first_token(tacho_operation *operation) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    if (!(op->flags & TACHO__RECORD_FIRST_TOKEN)) {
        op->first_token_ns = (int64_t)tacho__now(&op->series->collector->clock);
        op->flags |= TACHO__RECORD_FIRST_TOKEN;
    }
    leave(op, lane);
    return TACHO_OK;
}

/* Counters of the operation itself need no lane: one thread at a time talks about an operation. */
static bool is_open(const tacho__op *op) {
    return op && atomic_load_explicit(&op->state, memory_order_relaxed) == TACHO__OP_OPEN;
}

/* A word about what happened goes to the notes, which needs the lane. */
static void note_word(tacho__op *op, const char *event, const char *field, const char *word) {
    tacho__lane *lane = word && *word ? tacho__op_enter(op) : NULL;
    if (lane) {
        tacho__op_event(lane, op, event, field, word);
        leave(op, lane);
    }
}

tacho_status tacho_operation_retry(tacho_operation *operation, const char *reason) {
    tacho__op *op = tacho__op_of(operation);
    if (!is_open(op)) {
        return refused(op);
    }
    op->retries = more(op->retries);
    op->flags |= TACHO__OP_TOLD;
    note_word(op, "retry", "reason", reason);
    return TACHO_OK;
}

tacho_status tacho_operation_human(tacho_operation *operation) {
    tacho__op *op = tacho__op_of(operation);
    if (!is_open(op)) {
        return refused(op);
    }
    op->interventions = more(op->interventions);
    op->flags |= TACHO__OP_TOLD;
    return TACHO_OK;
}

tacho_status tacho_operation_warn(tacho_operation *operation, const char *type) {
    tacho__op *op = tacho__op_of(operation);
    if (!is_open(op)) {
        return refused(op);
    }
    op->warnings = more(op->warnings);
    op->flags |= TACHO__OP_TOLD;
    note_word(op, "warning", "type", type);
    return TACHO_OK;
}

tacho_status tacho_operation_context(tacho_operation *operation, uint64_t size, uint64_t limit, int compressed) {
    tacho__op *op = tacho__op_of(operation);
    if (!is_open(op)) {
        return refused(op);
    }
    op->context_size = clamp(size);
    op->flags |= TACHO__OP_TOLD;
    op->context_limit = limit ? clamp(limit) : op->context_limit;
    if (compressed && op->compactions < UINT8_MAX) {
        op->compactions += 1;
    }
    return TACHO_OK;
}

tacho_status tacho_operation_tool(tacho_operation *operation, const char *tool) {
    tacho__op *op = tacho__op_of(operation);
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    op->tool = tacho__lane_text(op->series->collector, lane, tool);
    leave(op, lane);
    return TACHO_OK;
}

/* ------------------------------------------------------------------------------------------- components, tool calls */

/* The component as a set of its own; false: no room. */
static bool book_component(tacho_collector *collector, tacho__lane *lane, tacho_series *series, uint64_t ns,
                           uint32_t *number) {
    const tacho__bound *bound = tacho__series_bound(collector, lane, series);
    if (!bound) {
        return false;
    }
    const bool overflow = bound->descriptor->flags & TACHO__SERIES_IS_OVERFLOW;
    tacho__spot spot;
    if (!tacho__spot_find(&collector->writer, lane, &bound->block->duration, series->grid, ns, overflow, &spot)) {
        return false;
    }
    tacho__set set = tacho__set_begin(lane);
    tacho__spot_put(&set, &spot);
    tacho__lane_commit(lane, &set);
    *number = tacho__get_half(&bound->block->duration.series);
    return true;
}

static void list_component(tacho__lane *lane, tacho__op *op, uint32_t number, const char *name, uint64_t ns) {
    if (op->component_count == TACHO__RECORD_COMPONENTS) {
        op->flags |= TACHO__RECORD_MORE;
        tacho__op_more_component(lane, op, name, ns);
        return;
    }
    const uint64_t most = (UINT64_C(1) << 48) - 1;
    op->components[op->component_count++] = (ns > most ? most : ns) << 16 | (number + 1);
}

tacho__lane *tacho__op_component(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const char *name,
                                 uint64_t ns) {
    tacho_series *series = tacho__series_component(collector, lane, op->series, name);
    const uint64_t generation = lane->segment->generation;
    uint32_t number;
    if (book_component(collector, lane, series, ns, &number)) {
        list_component(lane, op, number, name, ns);
        return lane;
    }
    const bool reentrant = lane->reentrant;
    tacho__drop_count(lane->segment, TACHO__DROP_SEGMENT_FULL);
    if (!lane->shared) {
        tacho__lane_leave(&collector->writer, lane);
        lane = tacho__lane_enter_shared(&collector->writer, reentrant);
    }
    if (!lane) {
        return NULL;
    }
    if (lane->segment->generation == generation &&
        book_component(collector, lane, collector->overflow[TACHO__SERIES_COMPONENTS], ns, &number)) {
        list_component(lane, op, number, name, ns);
    } else {
        tacho__drop_count(lane->segment, TACHO__DROP_LOST);
    }
    return lane;
}

tacho_status tacho_operation_component(tacho_operation *operation, const char *name, uint64_t duration_ns) {
    tacho__op *op = tacho__op_of(operation);
    if (!name || !*name || duration_ns > TACHO__DURATION_MOST) {
        return invalid(op);
    }
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    lane = tacho__op_component(op->series->collector, lane, op, name, duration_ns);
    if (lane) {
        leave(op, lane);
    }
    return TACHO_OK;
}

static void fill_tool_call(tacho__op *call, const tacho__op *parent, uint64_t duration_ns) {
    call->parent = parent->id;
    call->trace[0] = parent->trace[0];
    call->trace[1] = parent->trace[1];
    call->session = parent->session;
    call->session_slot = parent->session_slot;
    call->flags = TACHO__RECORD_ON_PARENT;
    call->end_ns = call->begin_ns = (int64_t)tacho__now(&parent->series->collector->clock);
    if (duration_ns != TACHO_DURATION_UNKNOWN) {
        call->flags |= TACHO__RECORD_TIMED;
        call->begin_ns -= (int64_t)duration_ns;
    }
}

tacho_status tacho_operation_tool_call(tacho_operation *operation, const char *tool, uint64_t duration_ns,
                                       tacho_outcome outcome, tacho_category category, const char *error_type) {
    tacho__op *op = tacho__op_of(operation);
    const bool known = duration_ns <= TACHO__DURATION_MOST || duration_ns == TACHO_DURATION_UNKNOWN;
    if (!tool || !*tool || !known || (unsigned)outcome >= TACHO_OUTCOME_COUNT ||
        (unsigned)category >= TACHO_CATEGORY_COUNT) {
        return invalid(op);
    }
    tacho__lane *lane = tacho__op_enter(op);
    if (!lane) {
        return refused(op);
    }
    tacho_collector *collector = op->series->collector;
    tacho__op call TACHO__UNINITIALIZED;
    tacho__op_init(&call, tacho__series_tool(collector, lane, op->series, tool), lane);
    fill_tool_call(&call, op, duration_ns);
    call.category = (unsigned)category & 15u;
    call.error_type = outcome == TACHO_OUTCOME_OK ? 0 : tacho__lane_text(collector, lane, error_type);
    tacho__op_conclude(&call, outcome);
    op->tool_calls = more(op->tool_calls);
    op->flags |= TACHO__OP_TOLD;
    tacho__op_book(collector, lane, &call, 0);
    return TACHO_OK;
}

/* ----------------------------------------------------------------------------------------------------------- answers
 */

uint64_t tacho_operation_id(const tacho_operation *operation) {
    return operation ? tacho__op_of_const(operation)->id : 0;
}

uint64_t tacho_operation_elapsed_ns(const tacho_operation *operation) {
    const tacho__op *op = tacho__op_of_const(operation);
    if (!op || op->serial == 0) {
        return 0;
    }
    if (atomic_load_explicit(&op->state, memory_order_acquire) == TACHO__OP_ENDED) {
        return (uint64_t)(op->end_ns > op->begin_ns ? op->end_ns - op->begin_ns : 0);
    }
    if (!tacho__writer_lives(op->serial)) {
        return 0;
    }
    const int64_t now = (int64_t)tacho__now(&op->series->collector->clock);
    return now > op->begin_ns ? (uint64_t)(now - op->begin_ns) : 0;
}

tacho_status tacho_operation_traceparent(const tacho_operation *operation, char out[56]) {
    const tacho__op *op = tacho__op_of_const(operation);
    if (!out) {
        return TACHO_INVALID;
    }
    out[0] = 0;
    if (!op || op->id == 0) {
        return TACHO_NO_DATA;
    }
    const tacho__traceparent trace = {op->trace[0], op->trace[1], op->id, 1};
    tacho__traceparent_text(&trace, out);
    return TACHO_OK;
}

int64_t tacho_operation_cost_pusd(const tacho_operation *operation, tacho_cost_state *state) {
    const tacho__op *op = tacho__op_of_const(operation);
    const bool known = op && op->serial && op->flags & TACHO__OP_COST;
    if (state) {
        *state = known ? (tacho_cost_state)op->cost_state : TACHO_COST_STATE_UNKNOWN;
    }
    return known ? op->cost_pusd : TACHO_COST_UNKNOWN;
}

int tacho_operation_outcome(const tacho_operation *operation) {
    const tacho__op *op = tacho__op_of_const(operation);
    return op && atomic_load_explicit(&op->state, memory_order_acquire) == TACHO__OP_ENDED ? op->outcome : -1;
}
