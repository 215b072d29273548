#include "snapshot/tags.h"

#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool tacho__tags_equal(tacho__tags_of a, tacho__tags_of b) {
    bool equal = a.count == b.count;
    for (uint32_t i = 0; equal && i < a.count; i++) {
        equal = same(a.list[i].name, b.list[i].name) && same(a.list[i].value, b.list[i].value);
    }
    return equal;
}

const char *tacho__tags_value(tacho__tags_of tags, const char *name) {
    for (uint32_t i = 0; i < tags.count; i++) {
        if (same(tags.list[i].name, name)) {
            return tags.list[i].value;
        }
    }
    return NULL;
}

int tacho__tags_order(tacho__tags_of a, tacho__tags_of b) {
    int order = 0;
    for (uint32_t i = 0; i < a.count && i < b.count && order == 0; i++) {
        const char *left = a.list[i].value, *right = b.list[i].value;
        order = left && right ? strcmp(left, right) : (left == NULL) - (right == NULL);
    }
    return order;
}

tacho__tags_of tacho__tags_copy(tacho__arena *arena, tacho__tags_of tags, bool texts_live) {
    tacho_tag *list = tags.count > 0 ? tacho__arena_array(arena, tags.count, sizeof *list) : NULL;
    if (!list) {
        return (tacho__tags_of){NULL, 0};
    }
    memcpy(list, tags.list, tags.count * sizeof *list);
    for (uint32_t i = 0; i < tags.count && !texts_live; i++) {
        list[i].name = tacho__arena_text(arena, list[i].name);
        list[i].value = tacho__arena_text(arena, list[i].value);
    }
    return (tacho__tags_of){list, tags.count};
}

const char *tacho__tags_text(tacho__tags_of tags, char out[TACHO__TAGS_TEXT]) {
    size_t used = 0;
    for (uint32_t i = 0; i < tags.count; i++) {
        const tacho_tag *tag = &tags.list[i];
        const int printed = tag->value ? snprintf(out + used, TACHO__TAGS_TEXT - used, "%s%c%s%c", tag->name,
                                                  TACHO__TAGS_VALUE_BEHIND, tag->value, TACHO__TAGS_NEXT_BEHIND)
                                       : 0;
        if (printed < 0 || used + (size_t)printed >= TACHO__TAGS_TEXT) {
            break; /* names and values have at most 200 bytes: a file of somebody else's making */
        }
        used += (size_t)printed;
    }
    out[used] = '\0';
    return used > 0 ? out : NULL;
}

const char *tacho__tags_text_value(const char *text, const char *name, size_t *length) {
    const size_t wanted = strlen(name);
    while (text && *text) {
        const size_t named = strcspn(text, "\x1f");
        const char *value = text + named + (text[named] != '\0');
        *length = strcspn(value, "\x1e");
        if (named == wanted && memcmp(text, name, wanted) == 0) {
            return value;
        }
        text = value + *length + (value[*length] != '\0');
    }
    return NULL;
}
