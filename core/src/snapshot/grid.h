/** The bucket that a duration falls into, as the segment would book it. */
#ifndef TACHO_SNAPSHOT_GRID_H
#define TACHO_SNAPSHOT_GRID_H

#include "segment/sketch.h"
#include "snapshot/buckets.h"

#include <tachograph/record.h>

/** Absolute index (snapshot/buckets.h) of a duration of an operation of this kind. */
static inline int32_t tacho__grid_index(const char *kind, uint64_t ns) {
    tacho_kind number = TACHO_KIND_CUSTOM;
    if (ns == 0) {
        return TACHO__BUCKET_ZERO;
    }
    if (kind) {
        tacho_kind_parse(kind, &number);
    }
    const tacho__grid *grid = &tacho__grids[tacho__grid_of_kind((unsigned)number)];
    bool low, high;
    return grid->absolute + (int32_t)tacho__grid_place(grid, ns, &low, &high);
}

#endif
