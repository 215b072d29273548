#include "price/decoration.h"

#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int number(const char *text, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit(text[i])) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static bool is_date(int year, int month, int day) {
    return year >= 2000 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Length of the date at the end, without its separator: 8 (20251211), 10 (2025-12-11) or 0. */
static size_t date_at_end(const char *id, size_t length) {
    if (length > 9 && is_date(number(id + length - 8, 4), number(id + length - 4, 2), number(id + length - 2, 2))) {
        return 8;
    }
    if (length <= 11) {
        return 0;
    }
    const char *dashed = id + length - 10;
    if (dashed[4] == '-' && dashed[7] == '-' &&
        is_date(number(dashed, 4), number(dashed + 5, 2), number(dashed + 8, 2))) {
        return 10;
    }
    return 0;
}

static bool ends_with(const char *id, size_t length, const char *end) {
    size_t size = strlen(end);
    return length > size && memcmp(id + length - size, end, size) == 0;
}

/* "-v1:0" or ":0", any digits: versions of Amazon Bedrock. */
static size_t cut_version(const char *id, size_t length) {
    size_t at = length;
    while (at > 0 && is_digit(id[at - 1])) {
        at--;
    }
    if (at == length || at < 2 || id[at - 1] != ':') {
        return 0;
    }
    size_t colon = --at;
    while (at > 0 && is_digit(id[at - 1])) {
        at--;
    }
    return at < colon && at > 2 && id[at - 1] == 'v' && id[at - 2] == '-' ? at - 2 : colon;
}

size_t tacho__decoration_length(const char *id, size_t length, bool *dated) {
    size_t date = date_at_end(id, length);
    *dated = date != 0;
    if (date && (id[length - date - 1] == '-' || id[length - date - 1] == '@')) {
        return length - date - 1;
    }
    *dated = false;
    if (ends_with(id, length, ":beta")) {
        return length - strlen(":beta");
    }
    /* A version after "@" names a build of the same model (Vertex AI: "@default", "@001"). */
    const char *version = memchr(id, '@', length);
    if (version && version > id) {
        return (size_t)(version - id);
    }
    return cut_version(id, length);
}

bool tacho__decoration_cut_date(const char *id, char out[TACHO__MODEL_ID_MAX + 1]) {
    bool dated;
    size_t length = strlen(id);
    size_t base = length <= TACHO__MODEL_ID_MAX ? tacho__decoration_length(id, length, &dated) : 0;
    if (base == 0 || !dated) {
        return false;
    }
    memcpy(out, id, base);
    out[base] = 0;
    return true;
}

size_t tacho__decoration_swap_date(const char *id, size_t length, char out[TACHO__MODEL_ID_MAX + 1]) {
    size_t date = date_at_end(id, length);
    if (date == 0 || length > TACHO__MODEL_ID_MAX - 2) {
        return 0;
    }
    size_t base = length - date;
    const char *from = id + base;
    char *to = out + base;
    memcpy(out, id, base);
    if (date == 8) {
        memcpy(to, from, 4);
        to[4] = '-';
        memcpy(to + 5, from + 4, 2);
        to[7] = '-';
        memcpy(to + 8, from + 6, 2);
        to[10] = 0;
        return base + 10;
    }
    memcpy(to, from, 4);
    memcpy(to + 4, from + 5, 2);
    memcpy(to + 6, from + 8, 2);
    to[8] = 0;
    return base + 8;
}
