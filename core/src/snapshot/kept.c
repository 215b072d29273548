#include "snapshot/kept.h"

#include "base/memory.h"

#include <stdint.h>

struct tacho__kept_text {
    const char *from, *to;
};

static size_t find_slot(const tacho__kept *kept, const char *text) {
    const size_t mask = kept->size - 1;
    size_t slot = (size_t)((uintptr_t)text * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
    while (kept->texts[slot].from && kept->texts[slot].from != text) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static bool grow(tacho__kept *kept) {
    tacho__kept before = *kept;
    kept->size = before.size ? before.size * 2 : 64;
    kept->texts = tacho__calloc(kept->size, sizeof *kept->texts);
    if (!kept->texts) {
        *kept = before;
        return false;
    }
    for (size_t i = 0; i < before.size; i++) {
        if (before.texts[i].from) {
            kept->texts[find_slot(kept, before.texts[i].from)] = before.texts[i];
        }
    }
    tacho__free(before.texts);
    return true;
}

const char *tacho__keep(tacho__kept *kept, const char *text) {
    if (!text) {
        return NULL;
    }
    if (kept->count * 2 >= kept->size && !grow(kept)) {
        kept->arena->failed = true;
        return NULL;
    }
    struct tacho__kept_text *slot = &kept->texts[find_slot(kept, text)];
    if (!slot->from) {
        const char *copy = tacho__arena_text(kept->arena, text);
        if (!copy) {
            return NULL;
        }
        *slot = (struct tacho__kept_text){text, copy};
        kept->count++;
    }
    return slot->to;
}

void tacho__kept_end(tacho__kept *kept) {
    tacho__free(kept->texts);
    kept->texts = NULL;
    kept->count = kept->size = 0;
}
