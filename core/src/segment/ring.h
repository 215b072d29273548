/** Recent records and the slowest ones of a lane (core/FORMAT.md 1.9, 1.10): bodies first, one word in the redo last.
 */
#ifndef TACHO_SEGMENT_RING_H
#define TACHO_SEGMENT_RING_H

#include "segment/lane.h"

/** Writes the record of an operation; its sequence number becomes valid with the set. */
void tacho__ring_put(tacho__lane *lane, tacho__set *set, tacho__record *record);

/** Whether a finished operation belongs to the slowest of its kind in this lane so far. */
static inline bool tacho__slowest_wants(const tacho__lane *lane, unsigned kind, uint64_t duration_ns) {
    return duration_ns >= lane->slowest_floor[kind];
}

/** Writes it among the slowest. Without room for a table it is counted and left out. */
void tacho__slowest_put(tacho__writer *writer, tacho__lane *lane, tacho__set *set, tacho__record *record,
                        uint64_t duration_ns);

#endif
