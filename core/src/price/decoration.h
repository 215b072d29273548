/**
 * Decorations of model ids: what hosts hang on an id without meaning another model (a date, "@default", ":0"). Exactly
 * one may be removed to find a price; "-latest" is not one of them, because it is data that moves.
 */
#ifndef TACHO_PRICE_DECORATION_H
#define TACHO_PRICE_DECORATION_H

#include <stdbool.h>
#include <stddef.h>

#define TACHO__MODEL_ID_MAX 255 /* bytes; longer ids have no price */

/** Length of `id` without its last decoration; 0 when it has none. `*dated`: the decoration is a date. */
size_t tacho__decoration_length(const char *id, size_t length, bool *dated);

/** The id without a date at its end, NUL-terminated; false when it has none. */
bool tacho__decoration_cut_date(const char *id, char out[TACHO__MODEL_ID_MAX + 1]);

/** The id with the date at its end in the other notation (-20251211 and -2025-12-11); 0 when it has none. */
size_t tacho__decoration_swap_date(const char *id, size_t length, char out[TACHO__MODEL_ID_MAX + 1]);

#endif
