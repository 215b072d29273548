#include "base/money.h"

/* Femto-USD per pico-USD: part of every divisor, so that the one rounding is to pico-USD. */
#define FUSD_PER_PUSD 1000u

typedef unsigned __int128 wide;

static int64_t clamp(bool negative, wide magnitude, bool *saturated) {
    if (magnitude > (wide)INT64_MAX) {
        if (saturated != NULL) {
            *saturated = true;
        }
        return negative ? TACHO__MONEY_MIN : TACHO__MONEY_MAX;
    }
    return negative ? -(int64_t)magnitude : (int64_t)magnitude;
}

int64_t tacho__money_product(uint64_t count, int64_t rate_fusd, uint64_t per, uint64_t numerator, uint64_t denominator,
                             bool *saturated) {
    if (rate_fusd == TACHO__MONEY_UNKNOWN || per == 0 || per > TACHO__MONEY_MAX_PER || denominator == 0 ||
        denominator > TACHO__MONEY_MAX_DENOMINATOR || numerator > UINT32_MAX) {
        return TACHO__MONEY_UNKNOWN;
    }
    bool negative = rate_fusd < 0;
    wide product = (wide)count * (negative ? 0 - (uint64_t)rate_fusd : (uint64_t)rate_fusd);
    wide divisor = (wide)per * denominator * FUSD_PER_PUSD;
    /* The divisor is at most 10^18, so a product beyond 128 bits means an amount beyond 2^68: clamped as such. */
    if (product > UINT64_MAX && numerator != 0 && product > ~(wide)0 / numerator) {
        return clamp(negative, ~(wide)0, saturated);
    }
    product *= numerator;
    wide quotient, remainder;
    if (product <= UINT64_MAX && divisor <= UINT64_MAX) { /* nearly always: one division of the machine */
        quotient = (uint64_t)product / (uint64_t)divisor;
        remainder = (uint64_t)product % (uint64_t)divisor;
    } else {
        quotient = product / divisor;
        remainder = product - quotient * divisor;
    }
    wide twice = remainder * 2;
    quotient += twice > divisor || (twice == divisor && (quotient & 1) != 0);
    return clamp(negative, quotient, saturated);
}

int64_t tacho__money_add(int64_t a_pusd, int64_t b_pusd, bool *saturated) {
    if (a_pusd == TACHO__MONEY_UNKNOWN || b_pusd == TACHO__MONEY_UNKNOWN) {
        return TACHO__MONEY_UNKNOWN;
    }
    int64_t sum;
    bool overflow = __builtin_add_overflow(a_pusd, b_pusd, &sum);
    if (!overflow && sum != TACHO__MONEY_UNKNOWN) {
        return sum;
    }
    return clamp(a_pusd < 0, ~(wide)0, saturated);
}

size_t tacho__money_text(int64_t pusd, char out[TACHO__DECIMAL_TEXT]) {
    if (pusd == TACHO__MONEY_UNKNOWN) {
        out[0] = '\0';
        return 0;
    }
    return tacho__decimal_text(pusd, TACHO__MONEY_PUSD_DIGITS, out);
}

tacho_status tacho__money_parse(const char *text, size_t length, int64_t *pusd) {
    return tacho__decimal_parse(text, length, TACHO__MONEY_PUSD_DIGITS, TACHO__DECIMAL_EXACT, pusd);
}

tacho_status tacho__money_parse_rounded(const char *text, size_t length, int64_t *pusd) {
    return tacho__decimal_parse(text, length, TACHO__MONEY_PUSD_DIGITS, TACHO__DECIMAL_HALF_EVEN, pusd);
}

tacho_status tacho__money_parse_rate(const char *text, size_t length, int64_t *fusd) {
    return tacho__decimal_parse(text, length, TACHO__MONEY_FUSD_DIGITS, TACHO__DECIMAL_EXACT, fusd);
}
