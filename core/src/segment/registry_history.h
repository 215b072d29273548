/**
 * The file `history` of a registry (core/FORMAT.md 5): which history its operations are handed to, and how far that is.
 * Written by whoever holds the lease of the history.
 */
#ifndef TACHO_SEGMENT_REGISTRY_HISTORY_H
#define TACHO_SEGMENT_REGISTRY_HISTORY_H

#include "segment/handed.h"
#include "segment/registry.h"

#define TACHO__HISTORY_PATH 4096 /* bytes of a path with its NUL */

/** TACHO_OK; as tacho__registry_write; TACHO_NOMEM. Of more than 4,096 segments the last are left out. */
tacho_status tacho__registry_history_save(const tacho__registry *registry, const char *path,
                                          const tacho__handed *handed);
/**
 * @param path    receives the absolute path of the history; "" on failure
 * @param handed  receives how far it is, freed by the caller with tacho__handed_free; NULL = not wanted
 * @return TACHO_OK; TACHO_NOT_FOUND; TACHO_DAMAGED; TACHO_NEWER; TACHO_DENIED, TACHO_FOREIGN, TACHO_IO; TACHO_NOMEM
 */
tacho_status tacho__registry_history_load(const tacho__registry *registry, char path[TACHO__HISTORY_PATH],
                                          tacho__handed *handed);

#endif
