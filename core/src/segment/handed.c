#include "segment/handed.h"

#include "base/memory.h"

#include <string.h>

const tacho__handed_segment *tacho__handed_find(const tacho__handed *handed, const uint8_t id[16],
                                                uint64_t generation) {
    for (size_t i = 0; i < handed->count; ++i) {
        const tacho__handed_segment *one = &handed->segments[i];
        if (one->generation == generation && memcmp(one->id, id, sizeof one->id) == 0) {
            return one;
        }
    }
    return NULL;
}

bool tacho__handed_put(tacho__handed *handed, const tacho__handed_segment *segment) {
    const tacho__handed_segment *there = tacho__handed_find(handed, segment->id, segment->generation);
    if (there) {
        handed->segments[there - handed->segments] = *segment;
        return true;
    }
    tacho__handed_segment *grown = tacho__realloc(handed->segments, (handed->count + 1) * sizeof *grown);
    if (grown) {
        handed->segments = grown;
        grown[handed->count++] = *segment;
    }
    return grown != NULL;
}

void tacho__handed_remove(tacho__handed *handed, const uint8_t id[16], uint64_t generation) {
    const tacho__handed_segment *there = tacho__handed_find(handed, id, generation);
    if (there) {
        tacho__handed_segment *one = &handed->segments[there - handed->segments];
        handed->count -= 1;
        memmove(one, one + 1, (size_t)(&handed->segments[handed->count] - one) * sizeof *one);
    }
}

void tacho__handed_free(tacho__handed *handed) {
    tacho__free(handed->segments);
    *handed = (tacho__handed){.count = 0};
}
