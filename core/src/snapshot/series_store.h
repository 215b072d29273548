/**
 * Memory that the parts of one snapshot share for their series: who they are, each once, and their sums, packed
 * (snapshot/packed.h). Processes of one registry record the same series as a rule: names are kept once, and the same
 * number names a series in every part.
 *
 * Not thread-safe while parts are made; read from any thread after that.
 */
#ifndef TACHO_SNAPSHOT_SERIES_STORE_H
#define TACHO_SNAPSHOT_SERIES_STORE_H

#include "snapshot/tags.h"

#include <stdatomic.h>
#include <stdint.h>

/** Labels of a series; NULL = none. */
typedef struct tacho__identity {
    const char *operation, *kind, *tool, *provider, *model;
    const char *component; /* not NULL: a component of the operation */
    int64_t flags;         /* TACHO__SERIES_* */
    uint64_t hash;         /* any that equal labels have in common */
    tacho__tags_of tags;   /* declared ones */
} tacho__identity;

#define TACHO__IDENTITY_NONE UINT32_MAX

typedef struct tacho__series_store {
    _Atomic uint32_t references;
    tacho__arena arena;   /* texts, and what few series have */
    tacho__arena entries; /* opened and closed only */
    tacho__identity *identities;
    uint32_t count, room;
    uint32_t *index; /* hash table: 0 = free, else number + 1 */
    uint32_t index_size;
    uint32_t likely; /* the one after the last that was found: processes make their series in the same order */
} tacho__series_store;

/** An empty store with one reference; NULL when out of memory. */
tacho__series_store *tacho__series_store_new(void);
tacho__series_store *tacho__series_store_retain(tacho__series_store *store);
/** Drops a reference; the last one frees. NULL is allowed. */
void tacho__series_store_release(tacho__series_store *store);
/** Makes room for so many series in all at once, if that is not absurd. False when out of memory. */
bool tacho__series_store_expect(tacho__series_store *store, uint32_t count);
/** Number of these labels; texts are copied where they are new. TACHO__IDENTITY_NONE when out of memory. */
uint32_t tacho__series_store_identify(tacho__series_store *store, const tacho__identity *labels);

#endif
