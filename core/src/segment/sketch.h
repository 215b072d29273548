/**
 * Base-2 exponential histograms of scale 4 on fixed grids (semantics 11, core/FORMAT.md 1.4).
 *
 * The bucket of a value is found without logarithm and without rounding: a table over the top mantissa bits gives a
 * lower estimate, two comparisons with exact integer bounds settle it.
 */
#ifndef TACHO_SEGMENT_SKETCH_H
#define TACHO_SEGMENT_SKETCH_H

#include "segment/layout.h"

#include <stdbool.h>

extern const uint64_t tacho__bounds_seconds[641]; /* 2^-20 .. 2^20 seconds, in ns */
extern const uint64_t tacho__bounds_tokens[513];  /* 2^0 .. 2^32 */
extern const uint64_t tacho__bounds_usd[513];     /* 2^-22 .. 2^10 USD, in pusd */
extern const uint16_t tacho__log2_steps[64];      /* floor(4096 x log2(1 + i/64)) */

typedef struct tacho__grid {
    const uint64_t *bounds; /* TACHO__BUCKETS + 1: bucket i holds bounds[i] < value <= bounds[i + 1] */
    int32_t offset;         /* 4096 x log2(real value of bounds[0]), rounded up */
    int32_t absolute;       /* index of bucket 0 in the OpenTelemetry data model */
} tacho__grid;

extern const tacho__grid tacho__grids[TACHO__GRIDS]; /* reserved ones have no bounds */

/** What a header says about its grids. */
void tacho__grid_describe(tacho__grid_spec out[TACHO__GRIDS]);

/** The grid of durations of a kind. */
static inline uint8_t tacho__grid_of_kind(unsigned kind) {
    return kind == 5 || kind == 6 ? TACHO__GRID_LONG_SECONDS : TACHO__GRID_SECONDS; /* agent, workflow */
}

/** Bucket of `value`, which must be in (bounds[0], bounds[TACHO__BUCKETS]]. */
static inline uint32_t tacho__grid_bucket(const tacho__grid *grid, uint64_t value) {
    const uint32_t power = 63u - (uint32_t)__builtin_clzll(value);
    const uint32_t mantissa = (uint32_t)((value << (63u - power)) >> 57) & 63u;
    const int32_t steps = (int32_t)(power << 12) + tacho__log2_steps[mantissa] - grid->offset;
    uint32_t guess = steps < 0 ? 0 : (uint32_t)steps >> 8;
    if (guess > TACHO__BUCKETS - 1) {
        guess = TACHO__BUCKETS - 1;
    }
    /* The estimate is below the truth by less than 1.4 buckets, and a value on a bound belongs below it. */
    return guess + (value > grid->bounds[guess]) + (value > grid->bounds[guess + 1]) - 1;
}

/** Bucket of any value above 0; *low and *high say that it is outside the grid. */
static inline uint32_t tacho__grid_place(const tacho__grid *grid, uint64_t value, bool *low, bool *high) {
    *low = value <= grid->bounds[0];
    *high = value > grid->bounds[TACHO__BUCKETS];
    if (*low | *high) {
        return *low ? 0 : TACHO__BUCKETS - 1;
    }
    return tacho__grid_bucket(grid, value);
}

#endif
