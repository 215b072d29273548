#include "base/traceparent.h"

#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

/* "vv-tttttttttttttttttttttttttttttttt-pppppppppppppppp-ff" */
#define TRACE_AT  3
#define PARENT_AT 36
#define FLAGS_AT  53

static bool dashes_stand(const char *text) {
    return text[TRACE_AT - 1] == '-' && text[PARENT_AT - 1] == '-' && text[FLAGS_AT - 1] == '-';
}

/* Version 00 is exactly 55 characters; of a later one we know only how it begins. */
static bool length_fits(const char *text, size_t length, uint64_t version) {
    return length == TACHO__TRACEPARENT_LENGTH || (version > 0 && text[TACHO__TRACEPARENT_LENGTH] == '-');
}

tacho_status tacho__traceparent_parse(const char *text, size_t length, tacho__traceparent *out) {
    uint64_t version, high, low, parent, flags;
    if (length < TACHO__TRACEPARENT_LENGTH || !dashes_stand(text) || !tacho__hex_parse(text, 2, &version) ||
        !tacho__hex_parse(text + TRACE_AT, 16, &high) || !tacho__hex_parse(text + TRACE_AT + 16, 16, &low) ||
        !tacho__hex_parse(text + PARENT_AT, 16, &parent) || !tacho__hex_parse(text + FLAGS_AT, 2, &flags)) {
        return TACHO_INVALID;
    }
    if (version == 0xff || (high | low) == 0 || parent == 0 || !length_fits(text, length, version)) {
        return TACHO_INVALID;
    }
    *out = (tacho__traceparent){.trace_high = high, .trace_low = low, .parent = parent, .flags = (uint8_t)flags};
    return TACHO_OK;
}

void tacho__traceparent_text(const tacho__traceparent *traceparent, char out[TACHO__TRACEPARENT_LENGTH + 1]) {
    char hex[17];
    memcpy(out, "00-", sizeof "00-"); /* the id comes over the NUL */
    tacho__hex_text(traceparent->trace_high, hex);
    memcpy(out + TRACE_AT, hex, 16);
    tacho__hex_text(traceparent->trace_low, hex);
    memcpy(out + TRACE_AT + 16, hex, 16);
    out[PARENT_AT - 1] = '-';
    tacho__hex_text(traceparent->parent, hex);
    memcpy(out + PARENT_AT, hex, 16);
    out[FLAGS_AT - 1] = '-';
    tacho__hex_text(traceparent->flags, hex);
    memcpy(out + FLAGS_AT, hex + 14, 3);
}
