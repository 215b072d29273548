/** Second step of a booking: the record (core/FORMAT.md 1.9). */
#include "collect/booking.h"
#include "collect/compose.h"

/* Counts other than 0, packed: which units, which of them take two halves. */
static void store_counts(const tacho__booking *b, tacho__stored_record *out, uint32_t *flags) {
    uint32_t used = 0, stored = 0, wide = 0;
    uint32_t halves[TACHO__RECORD_COUNTS] TACHO__UNINITIALIZED;
    for (uint32_t left = b->nonzero; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint64_t count = tacho__op_count(b->op, unit);
        const uint32_t needed = count > UINT32_MAX ? 2 : 1;
        if (used + needed > TACHO__RECORD_COUNTS) {
            *flags |= TACHO__RECORD_CUT;
            tacho__drop_count(b->lane->segment, TACHO__DROP_COUNTS_CUT);
            break;
        }
        stored |= TACHO_UNIT_BIT(unit);
        halves[used++] = (uint32_t)count;
        if (needed == 2) {
            wide |= TACHO_UNIT_BIT(unit);
            halves[used++] = (uint32_t)(count >> 32);
        }
    }
    tacho__record_store(out, offsetof(tacho__record, stored), tacho__record_pair(stored, wide));
    for (uint32_t i = 0; i < used; i += 2) {
        tacho__record_store(out, offsetof(tacho__record, counts) + sizeof halves[0] * i,
                            tacho__record_pair(halves[i], i + 1 < used ? halves[i + 1] : 0));
    }
}

/* State of a sum by the states that occur in it (semantics 27). */
static uint32_t join_states(uint32_t states) {
    uint32_t joined = TACHO_COST_STATE_UNKNOWN;
    bool first = true;
    for (uint32_t state = 0; state < TACHO__COST_STATES; ++state) {
        if (states >> state & 1) {
            joined = first ? state : tacho_cost_state_join(joined, state);
            first = false;
        }
    }
    return joined;
}

static void store_inclusive(const tacho__booking *b, tacho__stored_record *out) {
    tacho__record_store(out, offsetof(tacho__record, inclusive_input), b->inclusive.input);
    tacho__record_store(out, offsetof(tacho__record, inclusive_output), b->inclusive.output);
    tacho__record_store(out, offsetof(tacho__record, inclusive_cost), (uint64_t)b->inclusive.cost_pusd);
}

static void store_amounts(const tacho__booking *b, tacho__stored_record *out, uint32_t flags) {
    const tacho__op *op = b->op;
    const bool first = flags & TACHO__RECORD_FIRST_TOKEN && op->first_token_ns > op->begin_ns;
    const uint32_t tools = b->below.tools > UINT32_MAX ? UINT32_MAX : (uint32_t)b->below.tools;
    const uint32_t cost_state = b->money ? op->cost_state : (uint32_t)TACHO_COST_STATE_UNKNOWN;
    const uint32_t inclusive = b->has_inclusive ? join_states(b->inclusive.states) : 0;
    const uint32_t bytes = op->category | cost_state << 8 | (uint32_t)op->component_count << 16 | inclusive << 24;
    tacho__record_store(out, offsetof(tacho__record, category), tacho__record_pair(bytes, flags));
    tacho__record_store(out, offsetof(tacho__record, present),
                        tacho__record_pair(op->flags & TACHO__RECORD_USAGE ? op->present : 0, 1));
    tacho__record_store(out, offsetof(tacho__record, first_token_ns),
                        first ? (uint64_t)(op->first_token_ns - op->begin_ns) : 0);
    tacho__record_store(out, offsetof(tacho__record, cost_pusd), (uint64_t)op->cost_pusd);
    tacho__record_store(out, offsetof(tacho__record, reported_pusd), (uint64_t)op->reported_pusd);
    tacho__record_store(out, offsetof(tacho__record, table_pusd), (uint64_t)op->table_pusd);
    tacho__record_store(out, offsetof(tacho__record, sheet), tacho__record_pair(op->sheet, op->table_date));
    tacho__record_store(out, offsetof(tacho__record, retries), tacho__record_pair(op->retries, op->interventions));
    tacho__record_store(out, offsetof(tacho__record, warnings),
                        tacho__record_pair(op->warnings, op->tool_calls + tools));
    tacho__record_store(out, offsetof(tacho__record, context_size),
                        tacho__record_pair(op->context_size, op->context_limit));
}

void tacho__booking_compose(const tacho__booking *b, int64_t end_wall_ns, tacho__stored_record *out,
                            uint64_t sequence) {
    uint32_t flags = b->flags | tacho__op_served(b->op) << TACHO__RECORD_SERVED_SHIFT;
    tacho__record_begin(out);
    tacho__record_head(b->op, out, end_wall_ns);
    tacho__record_names(b->op, b->bound, tacho__op_requested_model(b->collector, b->lane, b->op), out);
    if (flags & TACHO__RECORD_USAGE) {
        store_counts(b, out, &flags);
    }
    store_amounts(b, out, flags);
    tacho__record_components(b->op, out);
    if (b->has_inclusive) {
        store_inclusive(b, out);
    }
    tacho__record_end(out, sequence);
}
