/** The bucket that a duration falls into, as the segment would book it. */
#ifndef TACHO_SNAPSHOT_GRID_H
#define TACHO_SNAPSHOT_GRID_H

#include <stdint.h>

/**
 * Absolute index (snapshot/buckets.h) of a duration of an operation of this kind (its word; NULL = custom). Found by
 * bisection over the exact bounds: the table that makes recording fast is filled in by a collector, and history is read
 * without one.
 */
int32_t tacho__grid_index(const char *kind, uint64_t ns);

#endif
