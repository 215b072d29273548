/**
 * How far the records of a registry were handed to history: by segment and lane, because sequences do not depend on any
 * clock. A segment that joined `base` needs no entry any more; its records there say where they were made.
 */
#ifndef TACHO_SEGMENT_HANDED_H
#define TACHO_SEGMENT_HANDED_H

#include "segment/layout.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tacho__handed_segment {
    uint8_t id[16];
    uint64_t generation;
    uint64_t recorded;            /* records that it had made, lost ones among them; all are handed over or missed */
    bool is_over;                 /* its process was dead: also those that were in flight */
    uint64_t lanes[TACHO__LANES]; /* sequence of the newest record of each */
} tacho__handed_segment;

/** Begins as zeros. */
typedef struct tacho__handed {
    tacho__handed_segment *segments; /* those that were seen last come first */
    size_t count;
    uint8_t base[16];       /* id of `base`; zero = there was none */
    uint64_t base_recorded; /* as `recorded`, of those in it */
    uint64_t base_last;     /* tacho__segment_key of the newest that had joined it; 0 = none */
    char one[24];           /* id of a record that the history has; "" = none */
    bool again;             /* but it does not: all that there is has to be handed over once more */
} tacho__handed;

/** NULL = not seen yet. */
const tacho__handed_segment *tacho__handed_find(const tacho__handed *handed, const uint8_t id[16], uint64_t generation);
/** Adds it, or replaces what is known of the same segment. False when out of memory. */
bool tacho__handed_put(tacho__handed *handed, const tacho__handed_segment *segment);
/** Nothing happens if there is none. */
void tacho__handed_remove(tacho__handed *handed, const uint8_t id[16], uint64_t generation);
/** What it holds; it is as at its beginning then. */
void tacho__handed_free(tacho__handed *handed);

#endif
