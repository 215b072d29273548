/**
 * The newest raw durations of a group (semantics 12): what exact recent percentiles are read from. Merging keeps the
 * last `wanted` by their end, over series, lanes and processes alike.
 */
#ifndef TACHO_SNAPSHOT_RECENT_H
#define TACHO_SNAPSHOT_RECENT_H

#include "snapshot/arena.h"

#include <stdint.h>

typedef struct tacho__recent_call {
    int64_t ended_at_ns; /* Unix time */
    int64_t duration_ns;
} tacho__recent_call;

typedef struct tacho__recent {
    tacho__recent_call *calls; /* owned; the earliest end first */
    uint32_t count;
    uint32_t wanted;  /* how many they should be; 0 = nothing was timed yet */
    bool missing;     /* something timed has no window: the newest durations are not known */
    int64_t since_ns; /* of calls that ended before, some are not here; INT64_MIN = the last `wanted` are */
} tacho__recent;

#define TACHO__RECENT_NONE                                                                                             \
    { NULL, 0, 0, false, INT64_MIN }
#define TACHO__RECENT_MOST 65536u

void tacho__recent_free(tacho__recent *recent);
/** Sorts calls that were put in in any order, and leaves out what is not among the last `wanted`. */
void tacho__recent_settle(tacho__recent *recent);
/** A copy in an arena, which owns it. False when out of memory. */
bool tacho__recent_keep(const tacho__recent *recent, tacho__arena *arena, tacho__recent *out);
/** Adds all of `more`. False when out of memory: nothing is added. */
bool tacho__recent_merge(tacho__recent *recent, const tacho__recent *more);
/**
 * Exact percentile of the durations in ns, type 7 of Hyndman and Fan (1996), rounded half up; -1 where there is none.
 * `out`: of `permilles`, in their order.
 *
 * @return false when out of memory
 */
bool tacho__recent_quantiles(const tacho__recent *recent, const unsigned *permilles, int64_t *out, unsigned count);

#endif
