/**
 * What a name was found to be: from the name as the caller wrote it to the series that takes it, without the lock.
 *
 * One table for all names that calls bring along (models and providers that answered, components, tools, caches). A
 * name is known by a hash under a seed of this collector's own, so nobody can aim for collisions: 48 bits of it are
 * compared, within a set of eight. One word holds these bits and the number, so no reader ever sees half an entry. A
 * set that is full gives up one of its entries; that name is then looked up under the lock once more.
 */
#ifndef TACHO_COLLECT_MEMO_H
#define TACHO_COLLECT_MEMO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TACHO__MEMO_SET  8u
#define TACHO__MEMO_BITS 16u /* of a word are the number plus 1 */
#define TACHO__MEMO_NONE UINT32_MAX

typedef struct tacho__memo {
    _Atomic uint64_t *place;
    uint64_t set_mask;
    uint64_t seed; /* of the hashes */
} tacho__memo;

/** Room for about `names` names, in pages that are touched as they fill. False: no memory. */
bool tacho__memo_start(tacho__memo *memo, uint32_t names);
void tacho__memo_stop(tacho__memo *memo);
/** Forgets everything. Needs the lock. */
void tacho__memo_clear(tacho__memo *memo);
/** Remembers `number` (below 65,535) under `key`. Needs the lock. */
void tacho__memo_put(tacho__memo *memo, uint64_t key, uint32_t number);

static inline _Atomic uint64_t *tacho__memo_set(const tacho__memo *memo, uint64_t key) {
    return &memo->place[(key >> TACHO__MEMO_BITS & memo->set_mask) * TACHO__MEMO_SET];
}

/** The number under `key`, or TACHO__MEMO_NONE. Any thread, no lock. */
static inline uint32_t tacho__memo_find(const tacho__memo *memo, uint64_t key) {
    const _Atomic uint64_t *set = tacho__memo_set(memo, key);
    for (uint64_t i = 0; i < TACHO__MEMO_SET; ++i) {
        const uint64_t word = atomic_load_explicit(&set[(key + i) % TACHO__MEMO_SET], memory_order_acquire);
        if (word == 0) {
            break;
        }
        if (word >> TACHO__MEMO_BITS == key >> TACHO__MEMO_BITS) {
            return (uint32_t)(word & ((1u << TACHO__MEMO_BITS) - 1)) - 1;
        }
    }
    return TACHO__MEMO_NONE;
}

#endif
