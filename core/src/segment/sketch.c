#include "segment/sketch.h"

#include "segment/reader.h"

#include <pthread.h>
#include <string.h>

/* Keys of the values in a grid: 32 per octave, and one more octave because value - 1 may be just below a power of two.
 */
#define KEYS ((TACHO__OCTAVES + 2) * 32)

static uint16_t guesses[TACHO__GRIDS][KEYS];

tacho__grid tacho__grids[TACHO__GRIDS] = {
    [TACHO__GRID_SECONDS] = {tacho__bounds_seconds, guesses[TACHO__GRID_SECONDS], 0, -320},
    [TACHO__GRID_LONG_SECONDS] = {tacho__bounds_seconds + 128, guesses[TACHO__GRID_LONG_SECONDS], 0, -192},
    [TACHO__GRID_TOKENS] = {tacho__bounds_tokens, guesses[TACHO__GRID_TOKENS], 0, 0},
    [TACHO__GRID_USD] = {tacho__bounds_usd, guesses[TACHO__GRID_USD], 0, -352},
    [TACHO__GRID_BYTES] = {tacho__bounds_tokens, guesses[TACHO__GRID_BYTES], 0, 0},
};

/* The smallest value with a key; keys are exponent and mantissa bits of value - 1. */
static uint64_t least_value(uint32_t key) {
    const uint64_t bits = (uint64_t)key << 47;
    double form;
    memcpy(&form, &bits, sizeof form);
    const uint64_t below = (uint64_t)form;
    return below + ((double)below < form) + 1;
}

static void prepare(tacho__grid *grid, uint16_t *out) {
    grid->first_key = tacho__grid_key(grid->bounds[0] + 1);
    uint32_t bucket = 0;
    for (uint32_t i = 0; i < KEYS; ++i) {
        const uint64_t value = least_value(grid->first_key + i);
        while (bucket < TACHO__BUCKETS - 1 && value > grid->bounds[bucket + 1]) {
            ++bucket;
        }
        out[i] = (uint16_t)bucket;
    }
}

static void prepare_all(void) {
    for (uint32_t i = 0; i < TACHO__GRIDS; ++i) {
        if (tacho__grids[i].bounds) {
            prepare(&tacho__grids[i], guesses[i]);
        }
    }
}

void tacho__grids_prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_all);
}

void tacho__grid_describe(tacho__grid_spec out[TACHO__GRIDS]) {
    static const tacho__grid_spec specs[TACHO__GRIDS] = {
        [TACHO__GRID_SECONDS] = {TACHO__UNIT_SECONDS, -20, TACHO__OCTAVES, 4, {0}, 1000000000, 0},
        [TACHO__GRID_LONG_SECONDS] = {TACHO__UNIT_SECONDS, -12, TACHO__OCTAVES, 4, {0}, 1000000000, 0},
        [TACHO__GRID_TOKENS] = {TACHO__UNIT_TOKENS, 0, TACHO__OCTAVES, 4, {0}, 1, 0},
        [TACHO__GRID_USD] = {TACHO__UNIT_USD, -22, TACHO__OCTAVES, 4, {0}, 1000000000000, 0},
        [TACHO__GRID_BYTES] = {TACHO__UNIT_BYTES, 0, TACHO__OCTAVES, 4, {0}, 1, 0},
        [TACHO__GRID_ONE] = {TACHO__UNIT_ONE, -16, TACHO__OCTAVES, 4, {0}, 1000000, 0},
    };
    memcpy(out, specs, sizeof specs);
}

int tacho__grid_absolute(uint32_t grid, unsigned index) {
    return grid < TACHO__GRIDS ? tacho__grids[grid].absolute + (int)index : 0;
}
