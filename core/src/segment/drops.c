#include "segment/drops.h"

const char *tacho__drop_name(unsigned cause) {
#define X(name, text, meaning) text,
    static const char *const names[] = {TACHO__DROP_MAP(X)};
#undef X
    return cause < TACHO__DROP_COUNT ? names[cause] : "";
}
