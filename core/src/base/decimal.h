/**
 * Fixed-point decimals: an integer that counts units of 10^-digits, and its text. Money, seconds and millionths all
 * print and read through here, so none of them ever passes through binary floating point (semantics 59).
 */
#ifndef TACHO_BASE_DECIMAL_H
#define TACHO_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** Room for any text that tacho__decimal_text prints, with its NUL. */
#define TACHO__DECIMAL_TEXT 32
/** Most fraction digits. */
#define TACHO__DECIMAL_DIGITS 18

/**
 * Prints `value` x 10^-`digits` without exponent, trailing zeros or a bare point: "24.8189432", "0", "-1.5".
 *
 * @param digits 0..TACHO__DECIMAL_DIGITS
 * @return bytes without the NUL
 */
size_t tacho__decimal_text(int64_t value, unsigned digits, char out[TACHO__DECIMAL_TEXT]);
/** The same for an unsigned value. */
size_t tacho__decimal_text_unsigned(uint64_t value, unsigned digits, char out[TACHO__DECIMAL_TEXT]);

typedef enum tacho__decimal_rounding {
    TACHO__DECIMAL_EXACT,    /* digits that do not fit make the text unusable */
    TACHO__DECIMAL_HALF_EVEN /* one rounding, ties to the even neighbour */
} tacho__decimal_rounding;

/**
 * Reads "[+-]digits[.digits][e[+-]digits]" (the numbers of JSON, and leading zeros) as units of 10^-`digits`.
 *
 * @return TACHO_OK; TACHO_INVALID (no such number); TACHO_LIMIT (outside INT64_MIN + 1 .. INT64_MAX, or, if exact,
 * finer than one unit). `*value` is written only on TACHO_OK.
 */
tacho_status tacho__decimal_parse(const char *text, size_t length, unsigned digits, tacho__decimal_rounding rounding,
                                  int64_t *value);

#endif
