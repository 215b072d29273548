#include "segment/ring.h"

#define SEQUENCE_BITS 8 /* of an entry: the place + 1 */

static tacho__slowest *table_of(tacho__writer *writer, tacho__lane *lane, unsigned kind) {
    if (lane->slowest[kind] || !tacho__writer_lock(writer, lane)) {
        return lane->slowest[kind];
    }
    tacho__half *link = &lane->header->slowest[kind];
    tacho__line line = tacho__get_half(link);
    if (line == 0) {
        line = tacho__segment_take(lane->segment, TACHO__SLOWEST_LINES, TACHO__POCKET_DETAIL);
        atomic_store_explicit(link, line, memory_order_release);
    }
    tacho__writer_unlock(writer);
    lane->slowest[kind] = line ? tacho__at(lane->segment, line) : NULL;
    if (line == 0) { /* asked once: nothing is wanted any more until a reset */
        lane->slowest_floor[kind] = UINT64_MAX;
    }
    lane->slowest_used[kind] = 0;
    lane->slowest_free[kind] = 0;
    return lane->slowest[kind];
}

/* The entry that the newcomer takes, and from which duration on the next one is wanted. */
static uint32_t take_entry(tacho__lane *lane, unsigned kind, uint64_t duration_ns) {
    uint64_t *held = lane->slowest_ns[kind];
    uint32_t entry = lane->slowest_least[kind];
    if (lane->slowest_used[kind] < TACHO__SLOWEST) {
        entry = lane->slowest_used[kind]++;
    }
    held[entry] = duration_ns;
    if (lane->slowest_used[kind] == TACHO__SLOWEST) {
        uint32_t least = 0;
        for (uint32_t i = 1; i < TACHO__SLOWEST; ++i) {
            least = held[i] < held[least] ? i : least;
        }
        lane->slowest_least[kind] = (uint8_t)least;
        lane->slowest_floor[kind] = held[least] + 1;
    }
    return entry;
}

tacho__stored_record *tacho__slowest_place(tacho__writer *writer, tacho__lane *lane, tacho__set *set, unsigned kind,
                                           uint64_t duration_ns, uint64_t *sequence) {
    tacho__slowest *table = table_of(writer, lane, kind);
    if (!table) {
        tacho__drop_count(lane->segment, TACHO__DROP_SLOWEST_UNKEPT);
        return NULL;
    }
    const uint32_t entry = take_entry(lane, kind, duration_ns);
    const uint32_t place = lane->slowest_free[kind];
    const uint64_t replaced = tacho__get(&table->entry[entry]);
    *sequence = ++lane->slowest_sequence;
    /* The place of whoever is replaced is the free one now; before the table is full it is the next one. */
    lane->slowest_free[kind] =
        (uint8_t)(replaced ? (replaced & ((1u << SEQUENCE_BITS) - 1)) - 1 : lane->slowest_used[kind]);
    tacho__set_word(set, &table->entry[entry], *sequence << SEQUENCE_BITS | (place + 1));
    return &table->place[place];
}
