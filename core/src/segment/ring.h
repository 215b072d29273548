/**
 * Places for records in a lane (core/FORMAT.md 1.9, 1.10): among the recent ones and among the slowest. The caller
 * writes the record there; the set makes it visible together with everything else of the operation.
 */
#ifndef TACHO_SEGMENT_RING_H
#define TACHO_SEGMENT_RING_H

#include "segment/lane.h"

/** The place of the next record, whose number is that of `records` afterwards. The lane has a ring. */
static inline tacho__stored_record *tacho__ring_turn(tacho__lane *lane) {
    const uint64_t before = lane->records++;
    /* The ring is larger than the first cache: ask for the next place now, so that it is there when it is written. */
    const tacho__stored_record *next = &lane->ring[(before + 1) & lane->ring_mask];
    __builtin_prefetch(&next->word[0], 1);
    __builtin_prefetch(&next->word[8], 1);
    return &lane->ring[before & lane->ring_mask];
}

/** Place and sequence number of the next record; NULL (counted) in a lane without a ring. */
static inline tacho__stored_record *tacho__ring_place(tacho__lane *lane, tacho__set *set, uint64_t *sequence) {
    if (__builtin_expect(!lane->ring, 0)) {
        tacho__set_count(set, &lane->header->records_unkept);
        return NULL;
    }
    tacho__stored_record *place = tacho__ring_turn(lane);
    *sequence = lane->records;
    tacho__set_word(set, &lane->header->records, lane->records);
    return place;
}

/** Whether a finished operation belongs to the slowest of its kind in this lane so far. */
static inline bool tacho__slowest_wants(const tacho__lane *lane, unsigned kind, uint64_t duration_ns) {
    return duration_ns >= lane->slowest_floor[kind];
}

/** Place and sequence for it; NULL (counted) where there is no room for a table. */
tacho__stored_record *tacho__slowest_place(tacho__writer *writer, tacho__lane *lane, tacho__set *set, unsigned kind,
                                           uint64_t duration_ns, uint64_t *sequence);

#endif
