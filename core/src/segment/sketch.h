/**
 * Base-2 exponential histograms of scale 4 on fixed grids (semantics 11, core/FORMAT.md 1.4).
 *
 * The bucket of a value is found without logarithm and without rounding: a table over the top mantissa bits says which
 * bucket is the first that is possible, and which integer is the last in it.
 */
#ifndef TACHO_SEGMENT_SKETCH_H
#define TACHO_SEGMENT_SKETCH_H

#include "segment/layout.h"

#include <stdbool.h>
#include <string.h>

extern const uint64_t tacho__bounds_seconds[641]; /* 2^-20 .. 2^20 seconds, in ns */
extern const uint64_t tacho__bounds_tokens[513];  /* 2^0 .. 2^32 */
extern const uint64_t tacho__bounds_usd[513];     /* 2^-22 .. 2^10 USD, in pusd */
extern const uint64_t tacho__bounds_one[513];     /* 2^-16 .. 2^16, in millionths */

#define TACHO__GRID_KEYS (54u * 32u) /* every value up to 2^53; none beyond is inside a grid */
#define TACHO__GRID_STEP 54u         /* bit of a step from which on it is a bucket */

/** A grid with its tables in one place: what looks a bucket up loads one pointer. */
typedef struct tacho__grid {
    uint64_t bounds[TACHO__BUCKETS + 1]; /* bucket i holds bounds[i] < value <= bounds[i + 1] */
    uint64_t steps[TACHO__GRID_KEYS];    /* by tacho__grid_key: what a value is added to */
    int32_t absolute;                    /* index of bucket 0 in the OpenTelemetry data model */
} tacho__grid;

extern tacho__grid tacho__grids[TACHO__GRID_ONE + 1]; /* the others are reserved */

/** Fills the grids in; before their first use, any number of times, any thread. */
void tacho__grids_prepare(void);

/** What a header says about its grids. */
void tacho__grid_describe(tacho__grid_spec out[TACHO__GRIDS]);

/** The grid of durations of a kind. */
static inline uint8_t tacho__grid_of_kind(unsigned kind) {
    return kind == 5 || kind == 6 ? TACHO__GRID_LONG_SECONDS : TACHO__GRID_SECONDS; /* agent, workflow */
}

/* Exponent and five mantissa bits of a value from 1 to 2^53, read off its binary64 form. */
static inline size_t tacho__grid_key(uint64_t value) {
    const double form = (double)(int64_t)value;
    uint64_t bits;
    memcpy(&bits, &form, sizeof bits);
    return (size_t)(bits >> 47) - (1023u << 5);
}

/**
 * Bucket of `value`, which must be in (bounds[0], bounds[TACHO__BUCKETS]]. A key spans at most 1/22 octave, a bucket
 * 1/16: so the values of a key are in at most two buckets. The step of a key is (second bucket << 54) less what the
 * smallest value of the second one is: a value below that stays below the bucket's bits when the two are added.
 */
static inline size_t tacho__grid_bucket(const tacho__grid *grid, uint64_t value) {
    return (grid->steps[tacho__grid_key(value)] + value) >> TACHO__GRID_STEP;
}

/** Bucket of any value above 0; *low and *high say that it is outside the grid. */
static inline uint32_t tacho__grid_place(const tacho__grid *grid, uint64_t value, bool *low, bool *high) {
    *low = value <= grid->bounds[0];
    *high = value > grid->bounds[TACHO__BUCKETS];
    if (*low | *high) {
        return *low ? 0 : TACHO__BUCKETS - 1;
    }
    return (uint32_t)tacho__grid_bucket(grid, value);
}

#endif
