#include "base/seconds.h"

#include "base/clock.h"

#include <math.h>

#define NS_DIGITS 9

size_t tacho__seconds_text(uint64_t ns, char out[TACHO__DECIMAL_TEXT]) {
    return tacho__decimal_text_unsigned(ns, NS_DIGITS, out);
}

tacho_status tacho__seconds_parse(const char *text, size_t length, uint64_t *ns) {
    int64_t value;
    tacho_status status = tacho__decimal_parse(text, length, NS_DIGITS, TACHO__DECIMAL_HALF_EVEN, &value);
    if (status != TACHO_OK) {
        return status;
    }
    if (value < 0) {
        return TACHO_INVALID;
    }
    *ns = (uint64_t)value;
    return TACHO_OK;
}

tacho_status tacho__seconds_from_double(double seconds, uint64_t *ns) {
    if (!(seconds >= 0) || !isfinite(seconds)) {
        return TACHO_INVALID;
    }
    int exponent;
    double fraction = frexp(seconds, &exponent); /* seconds = fraction x 2^exponent, fraction in [0.5, 1) or 0 */
    if (exponent > 34) {                         /* 2^34 seconds are beyond 2^63 ns */
        return TACHO_INVALID;
    }
    /* Multiplying the 53-bit mantissa as an integer keeps the product exact, so there is one rounding and not two. */
    unsigned __int128 product = (unsigned __int128)(uint64_t)ldexp(fraction, 53) * TACHO__NS_PER_SECOND;
    int shift = 53 - exponent; /* >= 19 */
    if (shift > 84) {          /* below 2^-31 seconds: under half a nanosecond */
        *ns = 0;
        return TACHO_OK;
    }
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1), rest = product & (2 * half - 1);
    unsigned __int128 whole = product >> shift;
    whole += rest > half || (rest == half && (whole & 1) != 0);
    if (whole > TACHO__SECONDS_MAX_NS) {
        return TACHO_INVALID;
    }
    *ns = (uint64_t)whole;
    return TACHO_OK;
}
