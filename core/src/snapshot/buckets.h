/**
 * Counts by bucket of the base-2 scale-4 grid (semantics 11), for the buckets that are in use: what a percentile is
 * read from. Indices are absolute, so adding two of them is exact. Bucket i holds values in (2^(i/16), 2^((i+1)/16)]
 * units (seconds, tokens, dollars), bucket TACHO__BUCKET_ZERO those that are 0.
 */
#ifndef TACHO_SNAPSHOT_BUCKETS_H
#define TACHO_SNAPSHOT_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

/** Highest index of any grid (2^32 tokens), and the one below the lowest (2^-22 dollars). */
#define TACHO__BUCKET_HIGHEST 511
#define TACHO__BUCKET_ZERO    (-353)

enum {
    TACHO__BUCKETS_HEAP,  /* counts are freed with the buckets */
    TACHO__BUCKETS_ARENA, /* of an arena: replaced when there have to be more of them */
    TACHO__BUCKETS_LENT   /* somebody else's, who keeps them as they are: replaced when anything is added */
};

typedef struct tacho__buckets {
    uint64_t *counts; /* NULL while empty */
    int16_t first;    /* index of counts[0] */
    uint16_t length;  /* entries of counts */
    uint32_t owner;   /* TACHO__BUCKETS_* */
    uint64_t total;   /* sum of counts */
} tacho__buckets;

/** Adds `n` to a bucket; an index outside the bounds goes to the nearest. False when out of memory: nothing is added.
 */
bool tacho__buckets_add(tacho__buckets *buckets, int32_t index, uint64_t n);
/** Adds all of `more`. False when out of memory: nothing is added. */
bool tacho__buckets_merge(tacho__buckets *buckets, const tacho__buckets *more);
/** Takes `less` away; what would fall below 0 stays at 0. Not from lent ones. */
void tacho__buckets_subtract(tacho__buckets *buckets, const tacho__buckets *less);
void tacho__buckets_free(tacho__buckets *buckets);

#endif
