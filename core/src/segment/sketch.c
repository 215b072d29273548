#include "segment/sketch.h"

#include "segment/reader.h"

#include <pthread.h>
#include <string.h>

tacho__grid tacho__grids[TACHO__GRID_ONE + 1];

/* The smallest value with a key, or the first beyond it where no integer has it. */
static uint64_t least_value(uint32_t key) {
    const uint64_t bits = (uint64_t)(key + (1023u << 5)) << 47;
    double form;
    memcpy(&form, &bits, sizeof form);
    const uint64_t below = (uint64_t)form;
    return below + ((double)below < form);
}

static void prepare(tacho__grid *grid, const uint64_t *bounds, int32_t absolute) {
    memcpy(grid->bounds, bounds, sizeof grid->bounds);
    grid->absolute = absolute;
    uint32_t bucket = 0;
    for (uint32_t key = 0; key < TACHO__GRID_KEYS; ++key) {
        const uint64_t value = least_value(key);
        while (bucket < TACHO__BUCKETS - 1 && value > grid->bounds[bucket + 1]) {
            ++bucket;
        }
        grid->steps[key] = ((uint64_t)(bucket + 1) << TACHO__GRID_STEP) - (grid->bounds[bucket + 1] + 1);
    }
}

static void prepare_all(void) {
    prepare(&tacho__grids[TACHO__GRID_SECONDS], tacho__bounds_seconds, -320);
    prepare(&tacho__grids[TACHO__GRID_LONG_SECONDS], tacho__bounds_seconds + 128, -192);
    prepare(&tacho__grids[TACHO__GRID_TOKENS], tacho__bounds_tokens, 0);
    prepare(&tacho__grids[TACHO__GRID_USD], tacho__bounds_usd, -352);
    prepare(&tacho__grids[TACHO__GRID_BYTES], tacho__bounds_tokens, 0);
    prepare(&tacho__grids[TACHO__GRID_ONE], tacho__bounds_one, -256);
}

void tacho__grids_prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_all);
}

void tacho__grid_describe(tacho__grid_spec out[TACHO__GRIDS]) {
    static const tacho__grid_spec specs[TACHO__GRIDS] = {
        [TACHO__GRID_SECONDS] = {TACHO__GRID_UNIT_SECONDS, -20, TACHO__OCTAVES, 4, {0}, 1000000000, 0},
        [TACHO__GRID_LONG_SECONDS] = {TACHO__GRID_UNIT_SECONDS, -12, TACHO__OCTAVES, 4, {0}, 1000000000, 0},
        [TACHO__GRID_TOKENS] = {TACHO__GRID_UNIT_TOKENS, 0, TACHO__OCTAVES, 4, {0}, 1, 0},
        [TACHO__GRID_USD] = {TACHO__GRID_UNIT_USD, -22, TACHO__OCTAVES, 4, {0}, 1000000000000, 0},
        [TACHO__GRID_BYTES] = {TACHO__GRID_UNIT_BYTES, 0, TACHO__OCTAVES, 4, {0}, 1, 0},
        [TACHO__GRID_ONE] = {TACHO__GRID_UNIT_ONE, -16, TACHO__OCTAVES, 4, {0}, 1000000, 0},
    };
    memcpy(out, specs, sizeof specs);
}

int tacho__grid_absolute(uint32_t grid, unsigned index) {
    tacho__grids_prepare();
    return grid <= TACHO__GRID_ONE ? tacho__grids[grid].absolute + (int)index : 0;
}
