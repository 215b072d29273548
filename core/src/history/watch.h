/**
 * When to hand over before the interval is over: a lane that has filled half of its ring since. Between two turns the
 * keeper only looks at the counts of the lanes, the more often the faster they grow.
 */
#ifndef TACHO_HISTORY_WATCH_H
#define TACHO_HISTORY_WATCH_H

#include "segment/glance.h"
#include "segment/handed.h"

/** Shortest time between two looks, and so between two turns. */
#define TACHO__WATCH_LEAST UINT64_C(100000000)
/** An interval has that many looks if nothing happens. The first ones come sooner: many programs begin busy. */
#define TACHO__WATCH_LOOKS 8u
#define TACHO__WATCH_FIRST 16u /* the first one comes after that part of the usual time, each after twice as long */

/** Begins as zeros. */
typedef struct tacho__watch {
    struct tacho__watched *seen; /* in the last look */
    size_t count;
    uint64_t looked_ns; /* monotonic */
    uint64_t pause_ns;  /* from the last look to the next one */
} tacho__watch;

typedef struct tacho__watch_advice {
    bool hurry;       /* a turn is wanted now */
    uint64_t look_ns; /* from now until the next look */
} tacho__watch_advice;

/** How long between two looks at an interval, at most. */
uint64_t tacho__watch_pace(uint64_t interval_ns);

/**
 * One look. Where memory is missing, it is as if there had been none.
 *
 * @param glances  all segments
 * @param handed   what was handed over of them
 */
tacho__watch_advice tacho__watch_look(tacho__watch *self, const tacho__glance *glances, size_t count,
                                      const tacho__handed *handed, uint64_t interval_ns, uint64_t now_ns);
void tacho__watch_free(tacho__watch *self);

#endif
