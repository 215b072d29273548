/* Both texts come from the one list in <tachograph/status.h>. */
#include <tachograph/status.h>

const char *tacho_status_text(tacho_status status) {
    switch (status) {
#define X(name, value, text)                                                                                           \
    case TACHO_##name:                                                                                                 \
        return text;
        TACHO_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

const char *tacho_status_name(tacho_status status) {
    switch (status) {
#define X(name, value, text)                                                                                           \
    case TACHO_##name:                                                                                                 \
        return #name;
        TACHO_STATUS_MAP(X)
#undef X
    }
    return "?";
}

const char *tacho_version(void) {
    return TACHO_VERSION;
}
