/*
 * Layout. Texts lie in blocks of BLOCK_BYTES; entries lie in segments that double in size, so neither ever moves and a
 * reader needs no lock. The hash index is open addressing with linear probing over ids; it is rebuilt when three
 * quarters full, and only the thread that interns looks at it.
 */
#include "base/strings.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define DEFAULT_COUNT 65536u
#define DEFAULT_BYTES ((size_t)4 << 20)
#define BLOCK_BYTES   4064u
#define FIRST_SEGMENT 64u
#define SEGMENTS      27 /* 64 x (2^27 - 1) > 2^32 */
#define FIRST_INDEX   128u

typedef struct entry {
    const char *text;
    uint32_t length;
    uint32_t hash; /* upper half of the 64-bit hash; the lower half picks the place */
} entry;

typedef struct block {
    struct block *next;
    char text[BLOCK_BYTES];
} block;

struct tacho__strings {
    _Atomic uint32_t count;
    _Atomic uint64_t refused;
    uint32_t max_count;
    size_t bytes, max_bytes;
    uint64_t seed;
    uint32_t *index; /* id + 1, or 0 for a free place */
    size_t places;   /* a power of two */
    block *blocks;   /* the newest first */
    size_t block_used;
    _Atomic(entry *) segments[SEGMENTS];
};

/* Segment k holds ids 64 x (2^k - 1) .. 64 x (2^(k+1) - 1) - 1. */
static unsigned segment_of(uint32_t id, uint32_t *offset) {
    uint64_t shifted = (uint64_t)id / FIRST_SEGMENT + 1;
    unsigned segment = 63u - (unsigned)__builtin_clzll(shifted);
    *offset = id - (uint32_t)(FIRST_SEGMENT * ((UINT64_C(1) << segment) - 1));
    return segment;
}

static entry *entry_at(const tacho__strings *strings, uint32_t id) {
    uint32_t offset;
    unsigned segment = segment_of(id, &offset);
    return atomic_load_explicit(&strings->segments[segment], memory_order_acquire) + offset;
}

tacho__strings *tacho__strings_new(uint32_t max_count, size_t max_bytes) {
    tacho__strings *strings = tacho__calloc(1, sizeof *strings);
    if (strings == NULL) {
        return NULL;
    }
    strings->max_count = max_count == 0 ? DEFAULT_COUNT : max_count;
    strings->max_bytes = max_bytes == 0 ? DEFAULT_BYTES : max_bytes;
    tacho__random_bytes(&strings->seed, sizeof strings->seed);
    strings->places = FIRST_INDEX;
    strings->index = tacho__calloc(strings->places, sizeof *strings->index);
    uint32_t id;
    if (strings->index == NULL || tacho__strings_intern(strings, "", 0, &id) != TACHO_OK) {
        tacho__strings_free(strings);
        return NULL;
    }
    return strings;
}

void tacho__strings_free(tacho__strings *strings) {
    if (strings == NULL) {
        return;
    }
    for (block *next, *here = strings->blocks; here != NULL; here = next) {
        next = here->next;
        tacho__free(here);
    }
    for (int segment = 0; segment < SEGMENTS; segment++) {
        tacho__free(atomic_load_explicit(&strings->segments[segment], memory_order_relaxed));
    }
    tacho__free(strings->index);
    tacho__free(strings);
}

/* The place of a cleaned text in the index: where its id is, or the free place where it belongs. */
static size_t place_of(const tacho__strings *strings, const char *text, size_t length, uint64_t hash) {
    size_t place = (size_t)hash & (strings->places - 1);
    for (; strings->index[place] != 0; place = (place + 1) & (strings->places - 1)) {
        const entry *here = entry_at(strings, strings->index[place] - 1);
        if (here->hash == (uint32_t)(hash >> 32) && here->length == length && memcmp(here->text, text, length) == 0) {
            break;
        }
    }
    return place;
}

static bool grow_index(tacho__strings *strings) {
    size_t places = strings->places * 2;
    uint32_t *index = tacho__calloc(places, sizeof *index);
    if (index == NULL) {
        return false;
    }
    uint32_t count = atomic_load_explicit(&strings->count, memory_order_relaxed);
    for (uint32_t id = 0; id < count; id++) {
        const entry *here = entry_at(strings, id);
        size_t place = (size_t)tacho__hash(here->text, here->length, strings->seed) & (places - 1);
        while (index[place] != 0) {
            place = (place + 1) & (places - 1);
        }
        index[place] = id + 1;
    }
    tacho__free(strings->index);
    strings->index = index;
    strings->places = places;
    return true;
}

static char *room_for(tacho__strings *strings, size_t size) {
    if (strings->blocks == NULL || BLOCK_BYTES - strings->block_used < size) {
        block *fresh = tacho__malloc(sizeof *fresh);
        if (fresh == NULL) {
            return NULL;
        }
        fresh->next = strings->blocks;
        strings->blocks = fresh;
        strings->block_used = 0;
    }
    return strings->blocks->text + strings->block_used;
}

static entry *entry_for(tacho__strings *strings, uint32_t id) {
    uint32_t offset;
    unsigned segment = segment_of(id, &offset);
    if (atomic_load_explicit(&strings->segments[segment], memory_order_relaxed) == NULL) {
        entry *fresh = tacho__calloc((size_t)FIRST_SEGMENT << segment, sizeof *fresh);
        if (fresh == NULL) {
            return NULL;
        }
        atomic_store_explicit(&strings->segments[segment], fresh, memory_order_release);
    }
    return entry_at(strings, id);
}

/* Adds a text that is not there yet. Whatever is refused leaves the table as it was. */
static tacho_status add(tacho__strings *strings, const char *text, size_t length, uint64_t hash, uint32_t *id) {
    uint32_t count = atomic_load_explicit(&strings->count, memory_order_relaxed);
    if (count >= strings->max_count || strings->bytes + length + 1 > strings->max_bytes) {
        atomic_fetch_add_explicit(&strings->refused, 1, memory_order_relaxed);
        return TACHO_FULL;
    }
    if ((size_t)count + 1 > strings->places / 4 * 3 && !grow_index(strings)) {
        return TACHO_NOMEM;
    }
    char *copy = room_for(strings, length + 1);
    entry *slot = copy == NULL ? NULL : entry_for(strings, count);
    if (slot == NULL) {
        return TACHO_NOMEM;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    strings->block_used += length + 1;
    strings->bytes += length + 1;
    *slot = (entry){.text = copy, .length = (uint32_t)length, .hash = (uint32_t)(hash >> 32)};
    strings->index[place_of(strings, text, length, hash)] = count + 1;
    atomic_store_explicit(&strings->count, count + 1, memory_order_release);
    *id = count;
    return TACHO_OK;
}

tacho_status tacho__strings_find(const tacho__strings *strings, const char *text, size_t length, uint32_t *id) {
    char clean[TACHO__TEXT_CAP + 1];
    size_t size = tacho__text_clean(text, length, clean);
    uint32_t found = strings->index[place_of(strings, clean, size, tacho__hash(clean, size, strings->seed))];
    *id = found == 0 ? TACHO__STRING_EMPTY : found - 1;
    return found == 0 ? TACHO_NOT_FOUND : TACHO_OK;
}

tacho_status tacho__strings_intern(tacho__strings *strings, const char *text, size_t length, uint32_t *id) {
    char clean[TACHO__TEXT_CAP + 1];
    size_t size = tacho__text_clean(text, length, clean);
    uint64_t hash = tacho__hash(clean, size, strings->seed);
    uint32_t found = strings->index[place_of(strings, clean, size, hash)];
    *id = TACHO__STRING_EMPTY;
    if (found == 0) {
        return add(strings, clean, size, hash, id);
    }
    *id = found - 1;
    return TACHO_OK;
}

tacho__string tacho__strings_get(const tacho__strings *strings, uint32_t id) {
    if (id >= atomic_load_explicit(&strings->count, memory_order_acquire)) {
        return (tacho__string){.text = "", .length = 0};
    }
    const entry *here = entry_at(strings, id);
    return (tacho__string){.text = here->text, .length = here->length};
}

uint32_t tacho__strings_count(const tacho__strings *strings) {
    return atomic_load_explicit(&strings->count, memory_order_acquire);
}

size_t tacho__strings_bytes(const tacho__strings *strings) {
    return strings->bytes;
}

uint64_t tacho__strings_refused(const tacho__strings *strings) {
    return atomic_load_explicit(&strings->refused, memory_order_relaxed);
}
