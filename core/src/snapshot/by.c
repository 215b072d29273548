#include <tachograph/snapshot.h>

#include <string.h>

static const char *const words[] = {
#define X(name, text) text,
    TACHO_BY_MAP(X)
#undef X
};

const char *tacho_by_text(int by) {
    return by >= 0 && by < TACHO_BY_COUNT ? words[by] : "";
}

tacho_status tacho_by_parse(const char *text, tacho_by *out) {
    for (int i = 0; text && i < TACHO_BY_COUNT; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = (tacho_by)i;
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}
