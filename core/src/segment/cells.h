/**
 * The cells of a series in one lane: blocks, extensions, histograms. Two steps, always in this order: find (which makes
 * what is missing, empty, and may take the writer's lock at the first use), then put into the lane's redo set.
 */
#ifndef TACHO_SEGMENT_CELLS_H
#define TACHO_SEGMENT_CELLS_H

#include "segment/lane.h"
#include "segment/sketch.h"

/** Where one value of a histogram goes. */
typedef struct tacho__spot {
    tacho__sketch *sketch;
    tacho__half *bucket; /* NULL: the value is 0 */
    tacho__half *carry;  /* high half of a bucket that is full; else NULL */
    uint64_t value;
    bool low, high;
} tacho__spot;

/** Where a bucket is; NULL when its octave has no line yet. */
static inline tacho__half *tacho__sketch_bucket(uint8_t *base, const tacho__sketch *sketch, size_t bucket) {
    const uint64_t entry = tacho__get_half(&sketch->octaves[bucket / TACHO__OCTAVE_BUCKETS]);
    return __builtin_expect(entry != 0, 1) ? (tacho__half *)base + entry + bucket : NULL;
}

/* The rest of tacho__spot_find: makes the octave line, or finds the high half. */
bool tacho__spot_find_slow(tacho__writer *writer, tacho__lane *lane, tacho__spot *spot, uint32_t bucket, bool overflow);

/** Finds the bucket of `value`; false when there is no room for its octave. `overflow`: of an overflow series. */
static inline bool tacho__spot_find(tacho__writer *writer, tacho__lane *lane, tacho__sketch *sketch, uint8_t grid,
                                    uint64_t value, bool overflow, tacho__spot *spot) {
    spot->sketch = sketch;
    spot->value = value;
    spot->bucket = spot->carry = NULL;
    spot->low = spot->high = false;
    if (__builtin_expect(value == 0, 0)) {
        return true;
    }
    const uint32_t bucket = tacho__grid_place(&tacho__grids[grid], value, &spot->low, &spot->high);
    spot->bucket = tacho__sketch_bucket(lane->base, sketch, bucket);
    if (__builtin_expect(!spot->bucket || tacho__get_half(spot->bucket) == UINT32_MAX, 0)) {
        return tacho__spot_find_slow(writer, lane, spot, bucket, overflow);
    }
    return true;
}

/** Puts the value that was found a place. */
static inline void tacho__spot_put(tacho__set *set, const tacho__spot *spot) {
    tacho__sketch *sketch = spot->sketch;
    if (__builtin_expect(spot->bucket == NULL, 0)) {
        tacho__set_count(set, &sketch->zero);
    } else {
        if (__builtin_expect(spot->carry != NULL, 0)) {
            tacho__set_half(set, spot->bucket, 0);
            tacho__set_half(set, spot->carry, tacho__get_half(spot->carry) + 1);
        } else {
            tacho__set_half(set, spot->bucket, tacho__get_half(spot->bucket) + 1);
        }
        tacho__set_add(set, &sketch->sum, spot->value);
    }
    if (__builtin_expect(~spot->value > tacho__get(&sketch->min_inverse), 0)) {
        tacho__set_word(set, &sketch->min_inverse, ~spot->value);
    }
    if (__builtin_expect(spot->value > tacho__get(&sketch->max), 0)) {
        tacho__set_word(set, &sketch->max, spot->value);
    }
    if (__builtin_expect(spot->low | spot->high, 0)) {
        tacho__half *outside = spot->low ? &sketch->low : &sketch->high;
        const uint32_t count = tacho__get_half(outside);
        tacho__set_half(set, outside, count == UINT32_MAX ? count : count + 1);
    }
}

/**
 * The bucket of an ordinary duration: one between those seen so far, inside the grid, in an octave that exists, in a
 * bucket with room. NULL in any other case.
 */
static inline tacho__half *tacho__bucket_of_duration(const tacho__lane *lane, const tacho__bound *bound,
                                                     uint64_t value) {
    if (__builtin_expect(value - bound->least >= bound->span, 0)) {
        return NULL;
    }
    const size_t place = tacho__grid_bucket(bound->grid, value);
    tacho__half *bucket = tacho__sketch_bucket(lane->base, &bound->block->duration, place);
    return __builtin_expect(bucket && tacho__get_half(bucket) != UINT32_MAX, 1) ? bucket : NULL;
}

/* The first bucket for a duration below the grid that is no new extreme: operations that do nothing are that short. */
static inline tacho__half *tacho__bucket_below(const tacho__lane *lane, const tacho__bound *bound, uint64_t value) {
    const tacho__block *block = bound->block;
    if (!block || value == 0 || value > bound->grid->bounds[0] || ~value > tacho__get(&block->duration.min_inverse) ||
        value > tacho__get(&block->duration.max)) {
        return NULL;
    }
    tacho__half *bucket = tacho__sketch_bucket(lane->base, &block->duration, 0);
    const bool room =
        bucket && tacho__get_half(bucket) != UINT32_MAX && tacho__get_half(&block->duration.low) != UINT32_MAX;
    return room ? bucket : NULL;
}

/** The bucket of a duration between those seen so far; `below`: it counts as below the grid, too. NULL: unusual. */
static inline tacho__half *tacho__bucket_of_usual(const tacho__lane *lane, const tacho__bound *bound, uint64_t value,
                                                  bool *below) {
    tacho__half *bucket = tacho__bucket_of_duration(lane, bound, value);
    *below = !bucket;
    return bucket ? bucket : tacho__bucket_below(lane, bound, value);
}

/**
 * An ordinary duration and one more on the counter as a short set. False, and nothing done,
 * if it is not ordinary. What tacho_observe lives on.
 */
static inline bool tacho__count_duration(const tacho__lane *lane, const tacho__bound *bound, uint64_t value) {
    if (__builtin_expect(value - bound->least >= bound->span, 0)) {
        return false;
    }
    tacho__sketch *sketch = &bound->block->duration;
    uint8_t *base = lane->base;
    const size_t number = tacho__grid_bucket(bound->grid, value);
    const uint64_t entry = tacho__get_half(&sketch->octaves[number / TACHO__OCTAVE_BUCKETS]);
    if (__builtin_expect(entry == 0, 0)) {
        return false;
    }
    const uint64_t place = entry + number;
    const uint64_t mark = tacho__mark_of(base, sketch) + place * sizeof(tacho__half);
    tacho__half *bucket = (tacho__half *)base + place;
    uint32_t count;
    uint64_t sum;
    if (__builtin_expect(__builtin_add_overflow(tacho__get_half(bucket), 1u, &count), 0) ||
        __builtin_expect(__builtin_add_overflow(tacho__get(&sketch->sum), value, &sum), 0)) {
        return false;
    }
    tacho__counted_set(lane->redo, base, mark, bucket, count, sketch, sum, bound->counter);
    return true;
}

/** Brings up to date what is ordinary. `counter`: see tacho__bound. */
void tacho__bound_quicken(tacho__bound *bound, tacho__word *counter);

/** The same for the histogram of a custom metric, whose cell is known. */
void tacho__known_quicken(const tacho__lane *lane, tacho__known *known, uint8_t grid);

/** The same for what a model call writes to; the histograms of `usage` exist. Does nothing beyond the
 * first series of a lane. */
void tacho__bound_quicken_model(tacho__lane *lane, tacho__bound *bound, tacho__usage_cell *usage);

/** A new block of series `number` in this lane, linked to its chain. NULL = no room. Needs the lock. */
tacho__block *tacho__block_make(tacho__lane *lane, uint32_t number, bool overflow);

/**
 * The cell that `link` names (`lines` long), made if there is none. NULL = no room.
 */
void *tacho__cell_find(tacho__writer *writer, tacho__lane *lane, tacho__half *link, uint32_t lines, bool overflow);

/** The lane's cell of a session slot; NULL = no room. */
tacho__session_cell *tacho__session_cell_find(tacho__writer *writer, tacho__lane *lane, uint32_t slot);

#endif
