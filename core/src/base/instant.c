#include <tachograph/instant.h>

#include "base/timestamp.h"

#include <string.h>

#define NS_PER_SECOND INT64_C(1000000000)

_Static_assert(TACHO_INSTANT_TEXT == TACHO__TIMESTAMP_TEXT, "room for the longest text");

size_t tacho_instant_text(int64_t unix_ns, char out[TACHO_INSTANT_TEXT]) {
    return tacho__timestamp_text(unix_ns, out);
}

tacho_status tacho_instant_parse(const char *text, size_t length, int64_t *unix_ns) {
    return text && unix_ns ? tacho__timestamp_parse(text, length, unix_ns) : TACHO_INVALID;
}

/* Seconds of a unit; 0 = there is none of that letter. */
static int64_t unit_seconds(char letter) {
    static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
    const char *const letters = "smhdw", *at = letter ? strchr(letters, letter) : NULL;
    return at ? seconds[at - letters] : 0;
}

tacho_status tacho_instant_ago(const char *text, size_t length, int64_t now_ns, int64_t *unix_ns) {
    int64_t span = 0;
    if (!text || !unix_ns || length < 2 || unit_seconds(text[length - 1]) == 0) {
        return TACHO_INVALID;
    }
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return TACHO_INVALID;
        }
        const int64_t digit = text[i] - '0';
        span = span > (INT64_MAX - digit) / 10 ? INT64_MAX : span * 10 + digit;
    }
    if (__builtin_mul_overflow(span, unit_seconds(text[length - 1]) * NS_PER_SECOND, &span) || span >= now_ns) {
        span = now_ns - 1;
    }
    *unix_ns = now_ns > 0 ? now_ns - span : 1;
    return TACHO_OK;
}
