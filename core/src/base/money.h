/**
 * Money: int64 pico-USD (10^-12 USD, "pusd"), rates: int64 femto-USD (10^-15 USD, "fusd") per a number of units.
 *
 * A component of a bill is one 128-bit product with exactly one rounding (ties to even); a total is the checked sum of
 * rounded components, so bills always add up. Unknown is a value of its own and never 0. int64 pico-USD reaches 9.2
 * million USD. No function here uses binary floating point. All are pure; any thread.
 */
#ifndef TACHO_BASE_MONEY_H
#define TACHO_BASE_MONEY_H

#include "base/decimal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__MONEY_UNKNOWN     INT64_MIN
#define TACHO__MONEY_MAX         INT64_MAX
#define TACHO__MONEY_MIN         (INT64_MIN + 1)
#define TACHO__PUSD_PER_USD      INT64_C(1000000000000)
#define TACHO__MONEY_PUSD_DIGITS 12
#define TACHO__MONEY_FUSD_DIGITS 15
/** Bounds of tacho__money_product; inside them no overflow can go unnoticed. */
#define TACHO__MONEY_MAX_PER         UINT64_C(1000000000)
#define TACHO__MONEY_MAX_DENOMINATOR UINT64_C(1000000)

/**
 * count x rate_fusd x numerator / (per x denominator), in pico-USD, rounded once, half to even.
 *
 * @param count       units billed (tokens, requests, ...)
 * @param rate_fusd   femto-USD per `per` units; INT64_MIN (unknown) gives TACHO__MONEY_UNKNOWN
 * @param per         1..TACHO__MONEY_MAX_PER
 * @param numerator   of a modifier such as 1/2 or 11/10; at most UINT32_MAX
 * @param denominator 1..TACHO__MONEY_MAX_DENOMINATOR
 * @param saturated   set to true (never to false) if the result was clamped to TACHO__MONEY_MIN or _MAX; may be NULL
 * @return the amount; TACHO__MONEY_UNKNOWN also for arguments outside these ranges
 */
int64_t tacho__money_product(uint64_t count, int64_t rate_fusd, uint64_t per, uint64_t numerator, uint64_t denominator,
                             bool *saturated);

/**
 * a + b; unknown if either is. Clamps, and sets `*saturated` to true (never to false), instead of overflowing.
 * Whoever sums only the priced part of a bill (semantics 27) leaves the unknown ones out and counts them.
 */
int64_t tacho__money_add(int64_t a_pusd, int64_t b_pusd, bool *saturated);

/** Prints USD: "24.8189432", "0", "-1.5"; nothing ("" and 0) for unknown, which each format spells its own way. */
size_t tacho__money_text(int64_t pusd, char out[TACHO__DECIMAL_TEXT]);

/** Reads USD exactly as pico-USD: TACHO_OK, TACHO_INVALID, TACHO_LIMIT (too big, or finer than a pico-USD). */
tacho_status tacho__money_parse(const char *text, size_t length, int64_t *pusd);
/** The same, but rounds half to even what is finer: for costs that a provider reports. */
tacho_status tacho__money_parse_rounded(const char *text, size_t length, int64_t *pusd);
/** Reads USD exactly as femto-USD (rates). Same results as tacho__money_parse. */
tacho_status tacho__money_parse_rate(const char *text, size_t length, int64_t *fusd);

#endif
