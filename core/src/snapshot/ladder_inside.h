/** Inside of a ladder, for ladder.c and ladder_bytes.c. */
#ifndef TACHO_SNAPSHOT_LADDER_INSIDE_H
#define TACHO_SNAPSHOT_LADDER_INSIDE_H

#include "snapshot/delta.h"
#include "snapshot/ladder.h"

#define TACHO__LADDER_ALL    (TACHO__LADDER_SERIES + 1)
#define TACHO__LADDER_MOST   192u /* steps of any tier */
#define TACHO__LADDER_GAPS   16u
#define TACHO__LADDER_LABELS 6u

typedef struct tacho__ladder_series_state {
    tacho__labels labels; /* one block of memory, at `text` */
    char *text;
    uint64_t hash;
    tacho__delta total;                     /* since ever, at the last feed */
    tacho__delta open[TACHO__LADDER_TIERS]; /* in the step that is not over */
} tacho__ladder_series_state;

/** A step that is over: for each series in which anything changed, its number, the length of its bytes, its bytes. */
typedef struct tacho__ladder_bytes_of_step {
    int64_t start_ns;
    uint8_t *bytes;
    uint32_t length;
} tacho__ladder_bytes_of_step;

typedef struct tacho__ladder_tier {
    int64_t since_ns; /* from when on it was watched; INT64_MAX = not yet */
    int64_t open_ns;  /* start of the step that is not over */
    uint32_t first, count;
    tacho__ladder_bytes_of_step steps[TACHO__LADDER_MOST]; /* a ring, oldest first */
} tacho__ladder_tier;

typedef struct tacho__ladder_gap {
    int64_t from_ns, to_ns;
} tacho__ladder_gap;

struct tacho__ladder {
    int64_t fed_ns;
    uint64_t epoch; /* of a single process: which generation of its segment; 0 = several */
    uint64_t bytes; /* of steps that are over */
    uint32_t count; /* series; number 0 stands for all that have none of their own */
    uint32_t gap_count;
    tacho__ladder_gap gaps[TACHO__LADDER_GAPS]; /* longer than a fine step without a feed */
    tacho__ladder_tier tiers[TACHO__LADDER_TIERS];
    tacho__ladder_series_state series[TACHO__LADDER_ALL];
};

/** The series of these labels, made if there is room; NULL = no room; `*failed` = no memory. Texts are copied. */
tacho__ladder_series_state *tacho__ladder_find(tacho__ladder *ladder, const tacho__labels *labels, bool *failed);
/** The `i`-th oldest step of a tier. */
static inline const tacho__ladder_bytes_of_step *tacho__ladder_at(const tacho__ladder_tier *tier, unsigned number,
                                                                  uint32_t i) {
    return &tier->steps[(tier->first + i) % tacho__ladder_steps(number)];
}
/** Adds a step that is over behind the others; the bytes are the ladder's from now on. */
void tacho__ladder_push(tacho__ladder *ladder, unsigned tier, tacho__ladder_bytes_of_step step);
/** The open step of a tier as bytes; empty if nothing changed in it. */
void tacho__ladder_pack(const tacho__ladder *ladder, unsigned tier, tacho__buffer *out);
/** Walks the series in the bytes of a step; false at the end, or where they are damaged. */
bool tacho__ladder_next(const uint8_t **at, const uint8_t *end, uint64_t *series, const uint8_t **bytes,
                        uint64_t *length);
/** Drops the oldest fine steps until everything fits again. */
void tacho__ladder_fit(tacho__ladder *ladder);

#endif
