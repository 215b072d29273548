#include "base/decimal.h"

#include <string.h>

static const uint64_t powers[TACHO__DECIMAL_DIGITS + 1] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
};

/* Exponents beyond this are as good as infinite: no int64 of any unit is reached from there. */
#define EXPONENT_CLAMP INT64_C(1000000000000000)

size_t tacho__decimal_text_unsigned(uint64_t value, unsigned digits, char out[TACHO__DECIMAL_TEXT]) {
    uint64_t whole = value / powers[digits], fraction = value % powers[digits];
    char reversed[20];
    size_t count = 0, at = 0;
    do {
        reversed[count++] = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole != 0);
    while (count > 0) {
        out[at++] = reversed[--count];
    }
    if (fraction != 0) {
        out[at++] = '.';
        for (unsigned place = digits; fraction != 0; fraction %= powers[place]) {
            out[at++] = (char)('0' + fraction / powers[--place]);
        }
    }
    out[at] = '\0';
    return at;
}

size_t tacho__decimal_text(int64_t value, unsigned digits, char out[TACHO__DECIMAL_TEXT]) {
    if (value >= 0) {
        return tacho__decimal_text_unsigned((uint64_t)value, digits, out);
    }
    char magnitude[TACHO__DECIMAL_TEXT];
    size_t length = tacho__decimal_text_unsigned(0 - (uint64_t)value, digits, magnitude);
    out[0] = '-';
    memcpy(out + 1, magnitude, length + 1);
    return length + 1;
}

/*
 * A number taken apart: 0.DIGITS x 10^point. 20 digits are enough for every int64 (19) and the digit that decides the
 * rounding; `more` says whether anything but zeros follows them.
 */
#define KEPT 20

typedef struct number {
    bool negative, more;
    unsigned count; /* significant digits kept; 0 for zero */
    uint8_t digits[KEPT];
    int64_t point;
} number;

typedef struct scanner {
    const char *next, *end;
} scanner;

static bool at_digit(const scanner *scan) {
    return scan->next < scan->end && *scan->next >= '0' && *scan->next <= '9';
}

static bool take(scanner *scan, char a, char b) {
    if (scan->next < scan->end && (*scan->next == a || *scan->next == b)) {
        scan->next++;
        return true;
    }
    return false;
}

/* Reads a run of digits before (`step` 1) or after (`step` 0) the point; false if there is none. */
static bool scan_digits(scanner *scan, number *out, int step) {
    const char *first = scan->next;
    for (; at_digit(scan); scan->next++) {
        uint8_t digit = (uint8_t)(*scan->next - '0');
        if (out->count == 0 && digit == 0) {
            out->point += step - 1; /* a leading zero moves the point only behind it */
            continue;
        }
        out->point += step;
        if (out->count < KEPT) {
            out->digits[out->count++] = digit;
        } else {
            out->more = out->more || digit != 0;
        }
    }
    return scan->next > first;
}

static bool scan_exponent(scanner *scan, number *out) {
    bool negative = scan->next < scan->end && *scan->next == '-';
    take(scan, '+', '-');
    if (!at_digit(scan)) {
        return false;
    }
    int64_t exponent = 0;
    for (; at_digit(scan); scan->next++) {
        exponent = exponent < EXPONENT_CLAMP ? exponent * 10 + (*scan->next - '0') : exponent;
    }
    out->point += negative ? -exponent : exponent;
    return true;
}

static bool scan_number(const char *text, size_t length, number *out) {
    scanner scan = {.next = text, .end = text + length};
    out->negative = length > 0 && *text == '-';
    take(&scan, '+', '-');
    if (!scan_digits(&scan, out, 1) || (take(&scan, '.', '.') && !scan_digits(&scan, out, 0))) {
        return false;
    }
    return (!take(&scan, 'e', 'E') || scan_exponent(&scan, out)) && scan.next == scan.end;
}

static unsigned digit_at(const number *from, int64_t place) {
    return place >= 0 && place < (int64_t)from->count ? from->digits[place] : 0;
}

/* Sets `*whole` to the number rounded to an integer; false if it was not one and has to be. */
static bool round_at(const number *from, int64_t point, tacho__decimal_rounding rounding, uint64_t *whole) {
    uint64_t value = 0;
    for (int64_t place = 0; place < point; place++) {
        value = value * 10 + digit_at(from, place);
    }
    /* In front of the first digit stand only zeros: below a tenth nothing is left to decide. */
    unsigned first = point < 0 ? 0 : digit_at(from, point);
    bool rest = from->more || point < 0;
    for (int64_t place = point + 1; !rest && place < (int64_t)from->count; place++) {
        rest = digit_at(from, place) != 0;
    }
    *whole = value + (first > 5 || (first == 5 && (rest || value % 2 == 1)));
    return rounding == TACHO__DECIMAL_HALF_EVEN || (first == 0 && !rest);
}

tacho_status tacho__decimal_parse(const char *text, size_t length, unsigned digits, tacho__decimal_rounding rounding,
                                  int64_t *value) {
    number parsed = {0};
    if (!scan_number(text, length, &parsed)) {
        return TACHO_INVALID;
    }
    uint64_t whole = 0;
    if (parsed.count > 0) {
        int64_t point = parsed.point + (int64_t)digits;
        if (point > KEPT - 1 || !round_at(&parsed, point, rounding, &whole) || whole > (uint64_t)INT64_MAX) {
            return TACHO_LIMIT;
        }
    }
    *value = parsed.negative ? -(int64_t)whole : (int64_t)whole;
    return TACHO_OK;
}
