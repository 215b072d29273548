#include "snapshot/series_store.h"

#include "base/memory.h"

#include <string.h>
#include <tachograph/record.h>

#define FIRST_ROOM    64u
#define EXPECTED_MOST (UINT32_C(1) << 20)

tacho__series_store *tacho__series_store_new(void) {
    tacho__series_store *store = tacho__calloc(1, sizeof *store);
    if (store) {
        atomic_init(&store->references, 1);
    }
    return store;
}

tacho__series_store *tacho__series_store_retain(tacho__series_store *store) {
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    return store;
}

void tacho__series_store_release(tacho__series_store *store) {
    if (!store || atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    tacho__free(store->identities);
    tacho__free(store->index);
    tacho__arena_free(&store->arena);
    tacho__arena_free(&store->entries);
    tacho__free(store);
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The hash alone proves nothing: texts are foreign. */
static bool is(const tacho__identity *a, const tacho__identity *b) {
    return a->hash == b->hash && a->flags == b->flags && same(a->operation, b->operation) && same(a->kind, b->kind) &&
           same(a->tool, b->tool) && same(a->provider, b->provider) && same(a->model, b->model) &&
           same(a->component, b->component) && tacho__tags_equal(a->tags, b->tags);
}

static uint32_t find_slot(const tacho__series_store *store, const tacho__identity *labels) {
    const uint32_t mask = store->index_size - 1;
    uint32_t slot = (uint32_t)labels->hash & mask;
    while (store->index[slot] && !is(&store->identities[store->index[slot] - 1], labels)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Room for `room` series in all, with a hash table of twice that, rounded up to a power of two. */
static bool grow(tacho__series_store *store, uint32_t room) {
    uint32_t size = FIRST_ROOM;
    while (size < room * 2) {
        size *= 2;
    }
    uint32_t *index = tacho__calloc(size, sizeof *index);
    tacho__identity *identities = tacho__realloc(store->identities, room * sizeof *identities);
    if (identities) {
        store->identities = identities;
    }
    if (!index || !identities) {
        tacho__free(index);
        return false;
    }
    tacho__free(store->index);
    store->room = room;
    store->index = index;
    store->index_size = size;
    for (uint32_t i = 0; i < store->count; i++) {
        index[find_slot(store, &identities[i])] = i + 1;
    }
    return true;
}

bool tacho__series_store_expect(tacho__series_store *store, uint32_t count) {
    return count <= store->room || count > EXPECTED_MOST || grow(store, count);
}

/* A kind that we know has a text of its own, which is compared by its address. */
static const char *kind_text(tacho__arena *arena, const char *kind) {
    tacho_kind known;
    return kind && tacho_kind_parse(kind, &known) == TACHO_OK ? tacho_kind_text((int)known)
                                                              : tacho__arena_text(arena, kind);
}

static uint32_t add(tacho__series_store *store, const tacho__identity *labels) {
    if (store->count == store->room && !grow(store, store->room ? store->room * 2 : FIRST_ROOM)) {
        return TACHO__IDENTITY_NONE;
    }
    tacho__arena *arena = &store->arena;
    const char *operation = tacho__arena_text(arena, labels->operation);
    const bool named = same(labels->operation, labels->tool);
    store->identities[store->count] = (tacho__identity){
        operation,
        kind_text(arena, labels->kind),
        named ? operation : tacho__arena_text(arena, labels->tool), /* a tool's series is called as the tool */
        tacho__arena_text(arena, labels->provider),
        tacho__arena_text(arena, labels->model),
        tacho__arena_text(arena, labels->component),
        labels->flags,
        labels->hash,
        tacho__tags_copy(arena, labels->tags, false),
    };
    if (arena->failed) {
        return TACHO__IDENTITY_NONE;
    }
    store->index[find_slot(store, labels)] = store->count + 1;
    return store->count++;
}

uint32_t tacho__series_store_identify(tacho__series_store *store, const tacho__identity *labels) {
    uint32_t number = store->likely;
    if (number >= store->count || !is(&store->identities[number], labels)) {
        const uint32_t found = store->count > 0 ? store->index[find_slot(store, labels)] : 0;
        number = found ? found - 1 : add(store, labels);
    }
    store->likely = number + 1;
    return number;
}
