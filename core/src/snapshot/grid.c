#include "snapshot/grid.h"

#include "segment/sketch.h"
#include "snapshot/buckets.h"

#include <tachograph/record.h>

int32_t tacho__grid_index(const char *kind, uint64_t ns) {
    tacho_kind number = TACHO_KIND_CUSTOM;
    if (ns == 0) {
        return TACHO__BUCKET_ZERO;
    }
    if (kind) {
        tacho_kind_parse(kind, &number);
    }
    tacho__grids_prepare(); /* a loaded snapshot is read where nothing was recorded */
    const tacho__grid *grid = &tacho__grids[tacho__grid_of_kind((unsigned)number)];
    uint32_t low = 0, high = TACHO__BUCKETS - 1; /* what is outside goes to the first or last bucket */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ns <= grid->bounds[middle + 1]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return grid->absolute + (int32_t)low;
}
