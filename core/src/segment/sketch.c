#include "segment/sketch.h"

#include "segment/reader.h"

#include <string.h>

const uint16_t tacho__log2_steps[64] = {0,    91,   181,  270,  358,  444,  529,  613,  696,  777,  857,  937,  1015,
                                        1092, 1169, 1244, 1318, 1392, 1464, 1536, 1606, 1676, 1745, 1814, 1881, 1948,
                                        2014, 2079, 2144, 2208, 2271, 2334, 2396, 2457, 2517, 2577, 2637, 2696, 2754,
                                        2811, 2869, 2925, 2981, 3037, 3092, 3146, 3200, 3253, 3306, 3359, 3411, 3463,
                                        3514, 3565, 3615, 3665, 3714, 3763, 3812, 3860, 3908, 3955, 4002, 4049};

/* 4096 x log2(10^9) = 122459.6 and 4096 x log2(10^12) = 163279.4, rounded up, plus 256 per bucket of the first
 * exponent. */
#define SECONDS_STEPS 122460
#define USD_STEPS     163280

const tacho__grid tacho__grids[TACHO__GRIDS] = {
    [TACHO__GRID_SECONDS] = {tacho__bounds_seconds, SECONDS_STEPS - 320 * 256, -320},
    [TACHO__GRID_LONG_SECONDS] = {tacho__bounds_seconds + 128, SECONDS_STEPS - 192 * 256, -192},
    [TACHO__GRID_TOKENS] = {tacho__bounds_tokens, 0, 0},
    [TACHO__GRID_USD] = {tacho__bounds_usd, USD_STEPS - 352 * 256, -352},
    [TACHO__GRID_BYTES] = {tacho__bounds_tokens, 0, 0},
};

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
