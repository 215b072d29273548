/** Append-only bytes in which equal runs are kept once, and a map from names to numbers. For the price table builder.
 */
#ifndef TACHO_PRICE_BUILD_POOL_H
#define TACHO_PRICE_BUILD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tacho__pool_slot {
    uint64_t hash;
    uint32_t at;     /* offset in bytes */
    uint32_t length; /* 0 = empty slot */
    uint32_t number; /* tacho__pool_name: what the name stands for */
} tacho__pool_slot;

/** A zeroed pool is empty and usable. */
typedef struct tacho__pool {
    char *bytes;
    size_t length, capacity;
    tacho__pool_slot *slots;
    size_t slot_count, used;
    bool failed; /* out of memory at some time: results are not to be used */
} tacho__pool;

/** Offset of a run equal to these bytes, which is added at a multiple of `align` when new. 0 bytes are at offset 0. */
uint32_t tacho__pool_put(tacho__pool *pool, const void *bytes, size_t length, size_t align);
/** Remember a number under a name that is new. */
void tacho__pool_name(tacho__pool *pool, const void *name, size_t length, uint32_t number);
bool tacho__pool_find(const tacho__pool *pool, const void *name, size_t length, uint32_t *number);
/** Address of an offset; valid until the next put. */
const char *tacho__pool_at(const tacho__pool *pool, size_t offset);
void tacho__pool_free(tacho__pool *pool);

#endif
