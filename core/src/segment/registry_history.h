/**
 * The file `history` of a registry (core/FORMAT.md 5): which history its operations are handed to, and how far that is.
 * Written by whoever holds the lease of the history.
 */
#ifndef TACHO_SEGMENT_REGISTRY_HISTORY_H
#define TACHO_SEGMENT_REGISTRY_HISTORY_H

#include "segment/registry.h"

#define TACHO__HISTORY_PATH 4096 /* bytes of a path with its NUL */

typedef struct tacho__registry_history {
    char path[TACHO__HISTORY_PATH]; /* absolute */
    int64_t handed_ns;              /* Unix time of the last snapshot that was handed over; 0 = none was */
    uint64_t recorded;              /* records that the registry had made until then, also lost ones */
} tacho__registry_history;

/** TACHO_OK; as tacho__registry_write; TACHO_NOMEM. */
tacho_status tacho__registry_history_save(const tacho__registry *registry, const tacho__registry_history *state);
/** TACHO_OK; TACHO_NOT_FOUND; TACHO_DAMAGED; TACHO_NEWER; TACHO_DENIED, TACHO_FOREIGN, TACHO_IO. */
tacho_status tacho__registry_history_load(const tacho__registry *registry, tacho__registry_history *out);

#endif
