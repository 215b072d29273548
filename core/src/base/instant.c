#include <tachograph/instant.h>

#include "base/timestamp.h"

_Static_assert(TACHO_INSTANT_TEXT == TACHO__TIMESTAMP_TEXT, "room for the longest text");

size_t tacho_instant_text(int64_t unix_ns, char out[TACHO_INSTANT_TEXT]) {
    return tacho__timestamp_text(unix_ns, out);
}

tacho_status tacho_instant_parse(const char *text, size_t length, int64_t *unix_ns) {
    return text && unix_ns ? tacho__timestamp_parse(text, length, unix_ns) : TACHO_INVALID;
}
