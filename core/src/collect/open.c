/**
 * Open slots: operations in flight, for everybody to see (semantics 9, 49, core/FORMAT.md 1.12).
 *
 * A lane claims from its own chunks of eight. The slot of a parent is where its descendants add what they booked; they
 * may do so from any thread at any time, so a slot that had children is used again only when nobody is adding: an adder
 * announces itself, then compares the id; the claimer has cleared the id before it looks for announcements.
 */
#include "collect/operation.h"

#define CHUNKS (TACHO__OPEN_SLOTS / TACHO__OPEN_CHUNK)

static void push_free(tacho__lane *lane, uint32_t chunk) {
    for (uint32_t i = chunk * TACHO__OPEN_CHUNK; i < (chunk + 1) * TACHO__OPEN_CHUNK; ++i) {
        if (atomic_load_explicit(&lane->segment->open[i].id, memory_order_acquire) == 0) {
            lane->open_free[lane->open_free_count++] = (uint16_t)i;
        }
    }
}

/* One more chunk. The second half of the chunks is for lanes that have none yet, unless there is only one lane. */
static bool take_chunk(tacho_collector *collector, tacho__lane *lane) {
    tacho__segment *segment = lane->segment;
    const bool more = collector->writer.serialized || lane->open_chunks == 0;
    const uint32_t bound = more ? CHUNKS : CHUNKS / 2;
    if (tacho__get_half(&segment->open_chunks_given) >= bound || !tacho__writer_lock(&collector->writer, lane)) {
        return false;
    }
    const uint32_t chunk = tacho__get_half(&segment->open_chunks_given);
    if (chunk < bound) {
        tacho__put_half(&segment->open_chunks_given, chunk + 1);
        segment->open_owner[chunk] = (uint8_t)lane->number;
        lane->open_chunks |= UINT64_C(1) << chunk;
        tacho__put(&lane->header->open_chunks, lane->open_chunks);
        push_free(lane, chunk);
    }
    tacho__writer_unlock(&collector->writer);
    return lane->open_free_count > 0;
}

/* The stack of free slots is empty: collect what other lanes gave back, else take a chunk. */
static bool refill(tacho_collector *collector, tacho__lane *lane) {
    /* Exchanged on both sides: a slot that is given back between is seen here, or asked for again. */
    if (atomic_load_explicit(&lane->open_returned, memory_order_relaxed) &&
        atomic_exchange_explicit(&lane->open_returned, 0, memory_order_acq_rel)) {
        for (uint32_t chunk = 0; chunk < CHUNKS; ++chunk) {
            if (lane->open_chunks >> chunk & 1) {
                push_free(lane, chunk);
            }
        }
    }
    return lane->open_free_count > 0 || take_chunk(collector, lane);
}

/* Makes a slot that had children fit for a new operation; false while a child is still adding. */
static bool clean(tacho__open_slot *slot) {
    if (tacho__get_half(&slot->had_child) == 0) {
        return true;
    }
    if (atomic_fetch_add_explicit(&slot->adding, 0, memory_order_acq_rel) != 0) {
        return false;
    }
    tacho__put_half(&slot->had_child, 0);
    tacho__put(&slot->inclusive_input, 0);
    tacho__put(&slot->inclusive_output, 0);
    tacho__put(&slot->inclusive_cost, 0);
    tacho__put(&slot->inclusive_states, 0);
    tacho__put(&slot->booked, 0);
    tacho__put(&slot->tools, 0);
    return true;
}

static uint16_t pop(tacho_collector *collector, tacho__lane *lane) {
    for (int tries = 0; tries < 4; ++tries) {
        if (lane->open_free_count == 0 && !refill(collector, lane)) {
            break;
        }
        const uint16_t number = lane->open_free[--lane->open_free_count];
        if (clean(&lane->segment->open[number])) {
            return number;
        }
        atomic_store_explicit(&lane->open_returned, 1, memory_order_relaxed); /* found again later */
    }
    return TACHO__NO_SLOT;
}

static void count_unlisted(tacho__lane *lane, unsigned kind, uint64_t more) {
    tacho__word *cell = &lane->header->unlisted[kind];
    tacho__put(cell, tacho__get(cell) + more);
}

void tacho__open_claim_slow(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    op->slot = pop(collector, lane);
    if (op->slot == TACHO__NO_SLOT) {
        op->flags |= TACHO__OP_UNLISTED;
        count_unlisted(lane, op->kind, 1);
        tacho__drop_count(lane->segment, TACHO__DROP_OPEN_UNLISTED);
        return;
    }
    tacho__open_fill(lane, op);
}

void tacho__open_return_slow(tacho_collector *collector, tacho__lane *lane, tacho__op *op) {
    if (op->flags & TACHO__OP_UNLISTED) {
        op->flags &= ~TACHO__OP_UNLISTED;
        count_unlisted(lane, op->kind, UINT64_MAX);
    }
    if (op->slot == TACHO__NO_SLOT) {
        return;
    }
    const uint16_t number = op->slot;
    op->slot = TACHO__NO_SLOT;
    tacho__lane *owner = collector->writer.lanes[lane->segment->open_owner[number / TACHO__OPEN_CHUNK]];
    if (owner) { /* in a call that a fork interrupted, lanes may be gone */
        (void)atomic_exchange_explicit(&owner->open_returned, 1, memory_order_acq_rel);
    }
}

bool tacho__open_read(const tacho__lane *lane, const tacho__op *op, tacho__inclusive *out) {
    if (op->slot == TACHO__NO_SLOT) {
        return false;
    }
    const tacho__open_slot *slot = &lane->segment->open[op->slot];
    if (tacho__get_half(&slot->had_child) == 0) {
        return false;
    }
    out->input = tacho__get(&slot->inclusive_input);
    out->output = tacho__get(&slot->inclusive_output);
    out->cost_pusd = (int64_t)tacho__get(&slot->inclusive_cost);
    out->states = (uint32_t)tacho__get(&slot->inclusive_states);
    out->booked = tacho__get(&slot->booked);
    out->tools = tacho__get(&slot->tools);
    return true;
}

/* Several threads may add at a time. */
static void add(tacho__word *cell, uint64_t more) {
    uint64_t now = tacho__get(cell), sum;
    while (more) {
        sum = __builtin_add_overflow(now, more, &sum) ? UINT64_MAX : sum;
        if (atomic_compare_exchange_weak_explicit(cell, &now, sum, memory_order_relaxed, memory_order_relaxed)) {
            return;
        }
    }
}

static void add_money(tacho__word *cell, int64_t more) {
    uint64_t now = tacho__get(cell);
    int64_t sum;
    while (more) {
        sum = __builtin_add_overflow((int64_t)now, more, &sum) ? INT64_MAX : sum; /* no cost is negative */
        if (atomic_compare_exchange_weak_explicit(cell, &now, (uint64_t)sum, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return;
        }
    }
}

void tacho__open_tell_parent(tacho__lane *lane, const tacho__op *op, const tacho__inclusive *sums) {
    if (op->parent_slot == TACHO__NO_SLOT || !(sums->booked | sums->tools)) {
        return;
    }
    tacho__open_slot *slot = &lane->segment->open[op->parent_slot];
    atomic_fetch_add_explicit(&slot->adding, 1, memory_order_acq_rel);
    if (atomic_load_explicit(&slot->id, memory_order_relaxed) == op->parent) {
        add(&slot->inclusive_input, sums->input);
        add(&slot->inclusive_output, sums->output);
        add_money(&slot->inclusive_cost, sums->cost_pusd);
        atomic_fetch_or_explicit(&slot->inclusive_states, sums->states, memory_order_relaxed);
        add(&slot->tools, sums->tools);
        add(&slot->booked, sums->booked);
    }
    atomic_fetch_sub_explicit(&slot->adding, 1, memory_order_release);
}
