/**
 * Second step of a booking: the record (core/FORMAT.md 1.9), composed word by word in registers and stored straight
 * into its place. A struct in between would be written in small pieces and read back in words, which stalls the
 * processor at every word.
 */
#include "collect/booking.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of records are composed for little-endian processors");

static void store(tacho__stored_record *out, size_t offset, uint64_t word) {
    atomic_store_explicit(&out->word[offset / 8], word, TACHO__RECORD_ORDER);
}

static uint64_t pair(uint32_t low, uint32_t high) {
    return low | (uint64_t)high << 32;
}

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
    store(out, offsetof(tacho__record, stored), pair(stored, wide));
    for (uint32_t i = 0; i < used; i += 2) {
        store(out, offsetof(tacho__record, counts) + 4 * i, pair(halves[i], i + 1 < used ? halves[i + 1] : 0));
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

static void store_names(const tacho__booking *b, tacho__line requested, tacho__stored_record *out) {
    const tacho__op *op = b->op;
    const uint32_t series = tacho__get_half(&b->bound->block->duration.series);
    const tacho__line provider = op->provider ? op->provider : b->bound->descriptor->provider;
    store(out, offsetof(tacho__record, series),
          pair(series, op->session_slot | (uint32_t)op->kind << 16 | (uint32_t)op->outcome << 24));
    store(out, offsetof(tacho__record, session), pair(op->session, requested));
    store(out, offsetof(tacho__record, model), pair(op->model, provider));
    store(out, offsetof(tacho__record, tool), pair(op->tool, op->error_type));
}

static void store_inclusive(const tacho__booking *b, tacho__stored_record *out) {
    store(out, offsetof(tacho__record, inclusive_input), b->inclusive.input);
    store(out, offsetof(tacho__record, inclusive_output), b->inclusive.output);
    store(out, offsetof(tacho__record, inclusive_cost), (uint64_t)b->inclusive.cost_pusd);
}

static inline void store_head(const tacho__op *op, tacho__stored_record *out, int64_t end_wall_ns) {
    store(out, offsetof(tacho__record, id), op->id);
    store(out, offsetof(tacho__record, parent), op->parent);
    store(out, offsetof(tacho__record, trace), op->trace[0]);
    store(out, offsetof(tacho__record, trace) + 8, op->trace[1]);
    store(out, offsetof(tacho__record, begin_ns), (uint64_t)op->begin_ns);
    store(out, offsetof(tacho__record, end_ns), (uint64_t)op->end_ns);
    store(out, offsetof(tacho__record, end_wall_ns), (uint64_t)end_wall_ns);
}

static void store_components(const tacho__op *op, tacho__stored_record *out) {
    for (uint32_t i = 0; i < op->component_count; ++i) {
        store(out, offsetof(tacho__record, components) + 8 * i, op->components[i]);
    }
}

static void store_amounts(const tacho__booking *b, tacho__stored_record *out, uint32_t flags) {
    const tacho__op *op = b->op;
    const bool first = flags & TACHO__RECORD_FIRST_TOKEN && op->first_token_ns > op->begin_ns;
    const uint32_t tools = b->below.tools > UINT32_MAX ? UINT32_MAX : (uint32_t)b->below.tools;
    const uint32_t cost_state = b->money ? op->cost_state : (uint32_t)TACHO_COST_STATE_UNKNOWN;
    const uint32_t inclusive = b->has_inclusive ? join_states(b->inclusive.states) : 0;
    const uint32_t bytes = op->category | cost_state << 8 | (uint32_t)op->component_count << 16 | inclusive << 24;
    store(out, offsetof(tacho__record, category), pair(bytes, flags));
    store(out, offsetof(tacho__record, present), pair(op->flags & TACHO__RECORD_USAGE ? op->present : 0, 1));
    store(out, offsetof(tacho__record, first_token_ns), first ? (uint64_t)(op->first_token_ns - op->begin_ns) : 0);
    store(out, offsetof(tacho__record, cost_pusd), (uint64_t)op->cost_pusd);
    store(out, offsetof(tacho__record, reported_pusd), (uint64_t)op->reported_pusd);
    store(out, offsetof(tacho__record, table_pusd), (uint64_t)op->table_pusd);
    store(out, offsetof(tacho__record, sheet), pair(op->sheet, op->table_date));
    store(out, offsetof(tacho__record, retries), pair(op->retries, op->interventions));
    store(out, offsetof(tacho__record, warnings), pair(op->warnings, op->tool_calls + tools));
    store(out, offsetof(tacho__record, context_size), pair(op->context_size, op->context_limit));
}

static void begin_record(tacho__stored_record *out) {
    tacho__put(&out->word[0], 0);
    TACHO__RECORD_FENCE();
}

static void end_record(tacho__stored_record *out, uint64_t sequence) {
    atomic_store_explicit(&out->word[0], sequence, memory_order_release);
}

void tacho__booking_compose_plain(const tacho__booking *b, int64_t end_wall_ns, tacho__stored_record *out,
                                  uint64_t sequence) {
    const tacho__op *op = b->op;
    const tacho__descriptor *descriptor = b->bound->descriptor;
    const bool other = descriptor->flags & (TACHO__SERIES_OTHER_MODEL | TACHO__SERIES_IS_OVERFLOW);
    begin_record(out);
    store_head(op, out, end_wall_ns);
    store_names(b, other ? tacho__op_requested_model(b->collector, b->lane, op) : descriptor->model, out);
    store(out, offsetof(tacho__record, category),
          pair((uint32_t)op->component_count << 16, b->flags | TACHO__RECORD_SHORT));
    if (op->component_count) {
        store_components(op, out);
    }
    end_record(out, sequence);
}

void tacho__booking_compose(const tacho__booking *b, int64_t end_wall_ns, tacho__stored_record *out,
                            uint64_t sequence) {
    uint32_t flags = b->flags;
    begin_record(out);
    store_head(b->op, out, end_wall_ns);
    store_names(b, tacho__op_requested_model(b->collector, b->lane, b->op), out);
    if (flags & TACHO__RECORD_USAGE) {
        store_counts(b, out, &flags);
    }
    store_amounts(b, out, flags);
    store_components(b->op, out);
    if (b->has_inclusive) {
        store_inclusive(b, out);
    }
    end_record(out, sequence);
}
