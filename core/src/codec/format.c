#include <tachograph/codec.h>

#include <string.h>

static const char *const words[] = {
#define X(name, text) text,
    TACHO_FORMAT_MAP(X)
#undef X
};

const char *tacho_format_text(int format) {
    return format >= 0 && format < TACHO_FORMAT_COUNT ? words[format] : "";
}

tacho_status tacho_format_parse(const char *text, tacho_format *out) {
    for (int i = 0; text && i < TACHO_FORMAT_COUNT; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = (tacho_format)i;
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}
