/**
 * Base-2 exponential histograms of scale 4 on fixed grids (semantics 11, core/FORMAT.md 1.4).
 *
 * The bucket of a value is found without logarithm and without rounding: a table over the top mantissa bits gives a
 * lower estimate, one comparison with an exact integer bound settles it.
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

/** A grid with its tables in one place: what looks a bucket up loads one pointer. */
typedef struct tacho__grid {
    uint64_t bounds[TACHO__BUCKETS + 1]; /* bucket i holds bounds[i] < value <= bounds[i + 1] */
    uint16_t guesses[TACHO__GRID_KEYS];  /* by tacho__grid_key: first bucket that is possible */
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

/* Exponent and five mantissa bits of value - 1, read off its binary64 form. The minus makes intervals of keys closed
 * above, as buckets are. For values from 2 to 2^53; value 1 has no exponent and is below every grid but those of whole
 * units. */
static inline size_t tacho__grid_key(uint64_t value) {
    const double form = (double)(int64_t)(value - 1);
    uint64_t bits;
    memcpy(&bits, &form, sizeof bits);
    return (size_t)(bits >> 47) - (1023u << 5);
}

/**
 * Bucket of `value`, which must be in (bounds[0], bounds[TACHO__BUCKETS]]. A key spans at most 1/22 octave, a bucket
 * 1/16: so at most one bound lies inside, and one exact comparison decides.
 */
static inline size_t tacho__grid_bucket(const tacho__grid *grid, uint64_t value) {
    const size_t guess = grid->guesses[tacho__grid_key(value)];
    return guess + (value > grid->bounds[guess + 1]);
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
