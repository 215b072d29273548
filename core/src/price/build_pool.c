#include "price/build_pool.h"

#include "base/hash.h"
#include "base/memory.h"

#include <string.h>

static tacho__pool_slot *slot_of(const tacho__pool *pool, const void *bytes, size_t length, uint64_t hash) {
    for (size_t i = hash & (pool->slot_count - 1);; i = (i + 1) & (pool->slot_count - 1)) {
        tacho__pool_slot *slot = &pool->slots[i];
        if (slot->length == 0 ||
            (slot->hash == hash && slot->length == length && memcmp(pool->bytes + slot->at, bytes, length) == 0)) {
            return slot;
        }
    }
}

static bool grow_slots(tacho__pool *pool) {
    if (pool->used * 4 < pool->slot_count * 3) {
        return true;
    }
    size_t count = pool->slot_count ? pool->slot_count * 2 : 1024;
    tacho__pool_slot *slots = tacho__calloc(count, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (size_t i = 0; i < pool->slot_count; i++) {
        if (pool->slots[i].length) {
            size_t at = pool->slots[i].hash & (count - 1);
            while (slots[at].length) {
                at = (at + 1) & (count - 1);
            }
            slots[at] = pool->slots[i];
        }
    }
    tacho__free(pool->slots);
    pool->slots = slots;
    pool->slot_count = count;
    return true;
}

static bool grow_bytes(tacho__pool *pool, size_t more) {
    if (pool->capacity - pool->length >= more) {
        return true;
    }
    size_t capacity = (pool->capacity + more) * 2;
    char *bytes = capacity > UINT32_MAX ? NULL : tacho__realloc(pool->bytes, capacity);
    if (!bytes) {
        return false;
    }
    pool->bytes = bytes;
    pool->capacity = capacity;
    return true;
}

/* The slot of the bytes, filled; NULL when out of memory. */
static tacho__pool_slot *place(tacho__pool *pool, const void *bytes, size_t length, size_t align) {
    if (!grow_slots(pool) || !grow_bytes(pool, length + align)) {
        pool->failed = true;
        return NULL;
    }
    uint64_t hash = tacho__hash(bytes, length, 0);
    tacho__pool_slot *slot = slot_of(pool, bytes, length, hash);
    if (slot->length == 0) {
        while (pool->length % align) {
            pool->bytes[pool->length++] = 0;
        }
        *slot = (tacho__pool_slot){hash, (uint32_t)pool->length, (uint32_t)length, 0};
        memcpy(pool->bytes + pool->length, bytes, length);
        pool->length += length;
        pool->used++;
    }
    return slot;
}

uint32_t tacho__pool_put(tacho__pool *pool, const void *bytes, size_t length, size_t align) {
    tacho__pool_slot *slot = length ? place(pool, bytes, length, align) : NULL;
    return slot ? slot->at : 0;
}

void tacho__pool_name(tacho__pool *pool, const void *name, size_t length, uint32_t number) {
    tacho__pool_slot *slot = place(pool, name, length, 1);
    if (slot) {
        slot->number = number;
    }
}

bool tacho__pool_find(const tacho__pool *pool, const void *name, size_t length, uint32_t *number) {
    if (pool->slot_count == 0) {
        return false;
    }
    const tacho__pool_slot *slot = slot_of(pool, name, length, tacho__hash(name, length, 0));
    if (slot->length) {
        *number = slot->number;
    }
    return slot->length != 0;
}

const char *tacho__pool_at(const tacho__pool *pool, size_t offset) {
    return pool->bytes ? pool->bytes + offset : "";
}

void tacho__pool_free(tacho__pool *pool) {
    tacho__free(pool->bytes);
    tacho__free(pool->slots);
    *pool = (tacho__pool){0};
}
