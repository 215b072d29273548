/**
 * One operation's writes as one set (semantics 10, core/FORMAT.md 1.13): new absolute values are collected in the
 * lane's redo area, its count is published, the values are applied, the count goes back to 0. Whoever dies in between
 * leaves either nothing or a set that can be applied again.
 *
 * Rules: a cell is put once per set; all cells belong to the lane, or are written under the lock only; everything a set
 * points to exists before it begins. Against a kill only the order of the compiler matters, so signal fences are
 * enough.
 */
#ifndef TACHO_SEGMENT_REDO_H
#define TACHO_SEGMENT_REDO_H

#include "segment/layout.h"

#include <stdbool.h>

typedef struct tacho__set {
    tacho__word *next;
    const uint8_t *base;
    tacho__word *closes; /* id of the open slot that the set ends; NULL = none */
    bool saturated;      /* a sum reached the end of its range */
} tacho__set;

static inline uint64_t tacho__set_target(const tacho__set *set, const void *cell) {
    return (uint64_t)((const uint8_t *)cell - set->base);
}

static inline void tacho__set_entry(tacho__set *set, uint64_t target, uint64_t value) {
    tacho__put(&set->next[0], target);
    tacho__put(&set->next[1], value);
    set->next += 2;
}

/** The cell becomes `value`. */
static inline void tacho__set_word(tacho__set *set, tacho__word *cell, uint64_t value) {
    tacho__set_entry(set, tacho__set_target(set, cell), value);
}
static inline void tacho__set_half(tacho__set *set, tacho__half *cell, uint32_t value) {
    tacho__set_entry(set, tacho__set_target(set, cell) | TACHO__REDO_HALF, value);
}

/** The cell counts one more. */
static inline void tacho__set_count(tacho__set *set, tacho__word *cell) {
    tacho__set_word(set, cell, tacho__get(cell) + 1);
}

/** The cell grows by `more`, at most to the end of its range. */
static inline void tacho__set_add(tacho__set *set, tacho__word *cell, uint64_t more) {
    uint64_t sum;
    if (__builtin_add_overflow(tacho__get(cell), more, &sum)) {
        sum = UINT64_MAX;
        set->saturated = true;
    }
    tacho__set_word(set, cell, sum);
}

/** The same for an amount of money. */
static inline void tacho__set_add_money(tacho__set *set, tacho__word *cell, int64_t more) {
    int64_t sum;
    if (__builtin_add_overflow((int64_t)tacho__get(cell), more, &sum)) {
        sum = more < 0 ? INT64_MIN + 1 : INT64_MAX;
        set->saturated = true;
    }
    tacho__set_word(set, cell, (uint64_t)sum);
}

/**
 * The operation `id` ends with this set: its open slot becomes free, and never counts as an orphan again. After all
 * other entries. The slot may be another lane's, which uses it again at once: recovery compares the id first.
 */
static inline void tacho__set_close(tacho__set *set, tacho__word *slot_id, uint64_t id) {
    tacho__put(&set->next[0], tacho__set_target(set, slot_id) | TACHO__REDO_CLOSE);
    tacho__put(&set->next[1], id);
    set->closes = slot_id;
}

static inline void tacho__set_publish(const tacho__set *set, tacho__redo *redo) {
    tacho__put(&redo->mark, 0); /* of cells as they were before this set */
    atomic_signal_fence(memory_order_seq_cst);
    const tacho__word *end = set->closes ? set->next + 2 : set->next;
    atomic_store_explicit(&redo->count, (uint64_t)(end - redo->word), memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void tacho__set_conclude(const tacho__set *set, tacho__redo *redo) {
    if (set->closes) {
        atomic_store_explicit(set->closes, 0, memory_order_release);
    }
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&redo->count, 0, memory_order_release);
}

/* ---- the short set */

/** What the marks of a histogram have in common. */
static inline uint64_t tacho__mark_of(const uint8_t *base, const tacho__sketch *sketch) {
    return (uint64_t)((const uint8_t *)sketch - base) << TACHO__MARK_SKETCH;
}

/**
 * The short set, one store per word: `bucket` becomes `count`, its histogram gets a new sum. The store to the bucket
 * decides: whoever dies before it leaves nothing, and whoever dies after it leaves what the sum has to become. `mark`
 * says which bucket of which histogram.
 */
static inline void tacho__short_set(tacho__redo *redo, uint64_t mark, tacho__half *bucket, uint32_t count,
                                    tacho__sketch *sketch, uint64_t sum) {
    tacho__put(&redo->mark, mark + (count & TACHO__MARK_ODD));
    atomic_signal_fence(memory_order_seq_cst); /* the old mark must not be seen with the new sum */
    tacho__put(&redo->sum, sum);
    atomic_signal_fence(memory_order_seq_cst);
    tacho__put_half(bucket, count);
    atomic_signal_fence(memory_order_seq_cst);
    tacho__put(&sketch->sum, sum);
}

/** The same, and one more on `counter`. */
static inline void tacho__counted_set(tacho__redo *redo, const uint8_t *base, uint64_t mark, tacho__half *bucket,
                                      uint32_t count, tacho__sketch *sketch, uint64_t sum, tacho__word *counter) {
    const uint64_t counted = tacho__get(counter) + 1;
    tacho__put(&redo->mark, mark + (TACHO__MARK_COUNTER | (count & TACHO__MARK_ODD)));
    atomic_signal_fence(memory_order_seq_cst);
    tacho__put(&redo->sum, sum);
    tacho__put(&redo->counter, (uint64_t)((const uint8_t *)counter - base) << 32 | (uint32_t)counted);
    atomic_signal_fence(memory_order_seq_cst);
    tacho__put_half(bucket, count);
    atomic_signal_fence(memory_order_seq_cst);
    tacho__put(&sketch->sum, sum);
    tacho__put(counter, counted);
}

/** Whether what `mark` tells has happened: the bucket, now `in_bucket`, has got its new count. */
static inline bool tacho__mark_holds(uint64_t mark, uint32_t in_bucket) {
    return mark != 0 && (mark & TACHO__MARK_ODD) == (in_bucket & 1);
}
static inline uint64_t tacho__mark_bucket(uint64_t mark) {
    return mark & ((UINT64_C(1) << 32) - 4);
}
static inline uint64_t tacho__mark_histogram(uint64_t mark) {
    return (mark >> 32) * TACHO__LINE;
}

/* ---- applying a set */

/** The words from `to` on become the values. `count` is known to the compiler. */
static inline void tacho__redo_copy(tacho__word *to, const tacho__word *values, unsigned count) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; ++i) {
        tacho__put(&to[i], tacho__get(&values[i]));
    }
}

/** Applies the entries from `word` to the end of the set, all of which are published. */
static inline void tacho__set_apply(const tacho__set *set, const tacho__word *word, uint8_t *base) {
    while (word < set->next) {
        const uint64_t target = tacho__get(word++);
        uint8_t *cell = base + (target & TACHO__REDO_OFFSETS);
        if (target & TACHO__REDO_HALF) {
            tacho__put_half((tacho__half *)cell, (uint32_t)tacho__get(word++));
            continue;
        }
        for (uint64_t more = (target >> TACHO__REDO_MORE) + 1; more > 0; --more, cell += sizeof(tacho__word)) {
            tacho__put((tacho__word *)cell, tacho__get(word++));
        }
    }
}

/** Publishes and applies the set, which is in `redo`. */
static inline void tacho__set_commit(const tacho__set *set, tacho__redo *redo, uint8_t *base) {
    tacho__set_publish(set, redo);
    tacho__set_apply(set, redo->word, base);
    tacho__set_conclude(set, redo);
}

#endif
