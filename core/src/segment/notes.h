/** Notes of operations (core/FORMAT.md 1.8): a ring of small MessagePack values in each lane, the oldest lost first. */
#ifndef TACHO_SEGMENT_NOTES_H
#define TACHO_SEGMENT_NOTES_H

#include "segment/lane.h"

typedef struct tacho__note {
    uint64_t id; /* of the operation */
    uint32_t sort, length;
    const uint8_t *bytes; /* MessagePack, at most TACHO__NOTE_BYTES */
} tacho__note;

/** Adds a note. False: no room (counted). Takes the writer's lock at the first note of a lane. */
bool tacho__notes_add(tacho__writer *writer, tacho__lane *lane, const tacho__note *note);
/** The same in a segment that nobody else writes, without counting. */
void tacho__notes_copy_to(tacho__segment *segment, uint32_t lane, const tacho__note *note);

#endif
