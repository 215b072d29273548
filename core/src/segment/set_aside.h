/**
 * Files of numbers that nobody could read and that were kept for people: `damaged-base-` and 16 hexadecimal digits
 * (core/FORMAT.md 1.18). Their numbers are missing in every answer as long as the file is there.
 */
#ifndef TACHO_SEGMENT_SET_ASIDE_H
#define TACHO_SEGMENT_SET_ASIDE_H

#include "segment/registry.h"

#define TACHO__SET_ASIDE_MOST 16u /* more than these are not told */

/** Names of the files, in no order; how many there are, at most TACHO__SET_ASIDE_MOST. */
size_t tacho__set_aside_list(const tacho__registry *registry, char names[TACHO__SET_ASIDE_MOST][TACHO__REGISTRY_NAME]);

#endif
