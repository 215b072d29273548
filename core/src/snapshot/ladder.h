/**
 * The ladder: what was added to each series in steps of 10 s, 1 min and 15 min, so that windows of minutes and hours
 * need no database (semantics 32).
 *
 * It is fed with snapshots, whose sums only ever grow; what is new since the last one belongs to the step in the middle
 * of that time. Nothing else tells it anything, so the sums of a window are exact, and its edges off by at most half of
 * the time between two feeds. Steps that are over are kept as bytes in which nothing takes room that did not change.
 * All of it together is bounded; the oldest fine steps go first.
 *
 * One thread at a time. Knows no clock.
 */
#ifndef TACHO_SNAPSHOT_LADDER_H
#define TACHO_SNAPSHOT_LADDER_H

#include "base/buffer.h"
#include "snapshot/selector.h"

#include <tachograph/snapshot.h>

#define TACHO__LADDER_TIERS  3u
#define TACHO__LADDER_SERIES 128u                 /* and one for all others */
#define TACHO__LADDER_BYTES  (UINT64_C(4) << 20)  /* of everything it holds */
#define TACHO__LADDER_FEED   INT64_C(10000000000) /* how often it wants to be fed */

typedef struct tacho__ladder tacho__ladder;

/** Step and number of steps of a tier: 10 s x 60, 1 min x 120, 15 min x 192. */
int64_t tacho__ladder_step(unsigned tier);
unsigned tacho__ladder_steps(unsigned tier);

/** An empty one; NULL when out of memory. */
tacho__ladder *tacho__ladder_new(void);
void tacho__ladder_free(tacho__ladder *ladder); /* NULL is allowed */

/**
 * Takes a snapshot of everything in.
 *
 * @param now_ns  when it was taken, Unix time
 * @return TACHO_OK; TACHO_NOMEM: what was added since the last feed may be missing
 */
tacho_status tacho__ladder_feed(tacho__ladder *ladder, const tacho_snapshot *snapshot, int64_t now_ns);

/** One stretch of time. */
typedef struct tacho__ladder_point {
    int64_t start_ns, end_ns;
    double number; /* NaN = unknown */
    int64_t pusd;  /* of money; TACHO_COST_UNKNOWN */
    int64_t n;     /* operations; components where they are asked for */
    bool complete; /* the whole of it was watched */
    bool watched;  /* some of it was */
} tacho__ladder_point;

/**
 * Fills `points`, whose start and end are given and are multiples of the step of a tier, in ascending order.
 *
 * @return TACHO_OK; TACHO_NOMEM
 */
tacho_status tacho__ladder_read(const tacho__ladder *ladder, const tacho__selector *selector,
                                tacho__ladder_point *points, size_t count);
/** From when on everything was watched in steps of at most `step_ns`; INT64_MAX = nothing yet. */
int64_t tacho__ladder_since(const tacho__ladder *ladder, int64_t step_ns);
/** When it was fed last; 0 = never. */
int64_t tacho__ladder_fed(const tacho__ladder *ladder);
/** Bytes that it holds. */
uint64_t tacho__ladder_bytes(const tacho__ladder *ladder);
/** Series that it tells apart. */
uint32_t tacho__ladder_series(const tacho__ladder *ladder);

/** Appends it as a MessagePack map (core/FORMAT.md 4). */
void tacho__ladder_put(tacho__buffer *out, const tacho__ladder *ladder);
struct tacho__msgpack;
/** Makes one of such a map. TACHO_OK; TACHO_DAMAGED; TACHO_NEWER; TACHO_NOMEM. */
tacho_status tacho__ladder_get(const struct tacho__msgpack *map, tacho__ladder **out);

#endif
