/** The grid of durations, as the segment keeps it. */
#ifndef TACHO_SNAPSHOT_GRID_H
#define TACHO_SNAPSHOT_GRID_H
#include <math.h>
#include <stdint.h>
static inline int32_t tacho__grid_index(const char *kind, uint64_t ns) {
    (void)kind;
    return ns == 0 ? -321 : (int32_t)ceil(log2((double)ns * 1e-9) * 16.0) - 1;
}
#endif
