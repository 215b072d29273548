#include "collect/memo.h"

#include "base/hash.h"
#include "base/memory.h"

bool tacho__memo_start(tacho__memo *memo, uint32_t names) {
    uint32_t sets = 1;
    while (sets * TACHO__MEMO_SET < 2 * names) { /* half full at most, if the hosts' names are not without end */
        sets *= 2;
    }
    memo->place = tacho__calloc(sets, TACHO__MEMO_SET * sizeof *memo->place);
    memo->set_mask = sets - 1;
    tacho__random_bytes(&memo->seed, sizeof memo->seed);
    return memo->place != NULL;
}

void tacho__memo_stop(tacho__memo *memo) {
    tacho__free(memo->place);
    memo->place = NULL;
}

void tacho__memo_clear(tacho__memo *memo) {
    for (uint64_t i = 0; i < (memo->set_mask + 1) * TACHO__MEMO_SET; ++i) {
        if (atomic_load_explicit(&memo->place[i], memory_order_relaxed) != 0) { /* else its page stays untouched */
            atomic_store_explicit(&memo->place[i], 0, memory_order_relaxed);
        }
    }
}

void tacho__memo_put(tacho__memo *memo, uint64_t key, uint32_t number) {
    _Atomic uint64_t *set = tacho__memo_set(memo, key);
    uint64_t place = key >> 3; /* who has to go when all are taken: other bits than those that order the set */
    for (uint64_t i = 0; i < TACHO__MEMO_SET; ++i) {
        const uint64_t word = atomic_load_explicit(&set[(key + i) % TACHO__MEMO_SET], memory_order_relaxed);
        if (word == 0 || word >> TACHO__MEMO_BITS == key >> TACHO__MEMO_BITS) {
            place = key + i;
            break;
        }
    }
    const uint64_t word = key >> TACHO__MEMO_BITS << TACHO__MEMO_BITS | (number + 1);
    atomic_store_explicit(&set[place % TACHO__MEMO_SET], word, memory_order_release);
}
