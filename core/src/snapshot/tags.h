/** Declared tags of a series or record: names with their values, in the order of their declaration. */
#ifndef TACHO_SNAPSHOT_TAGS_H
#define TACHO_SNAPSHOT_TAGS_H

#include "snapshot/arena.h"

#include <stdbool.h>
#include <tachograph/record.h>

typedef struct tacho__tags_of {
    const tacho_tag *list; /* borrowed */
    uint32_t count;        /* 0 = none, and `list` says nothing */
} tacho__tags_of;

/** Whether both hold the same names and values in the same order. */
bool tacho__tags_equal(tacho__tags_of a, tacho__tags_of b);
/** The value of a tag; NULL = without it. */
const char *tacho__tags_value(tacho__tags_of tags, const char *name);
/** Order of rows: by the values, one after the other; those without a tag stand last. */
int tacho__tags_order(tacho__tags_of a, tacho__tags_of b);
/** A copy in an arena, with its texts; without them if they live as long. None when out of memory (the arena says so).
 */
tacho__tags_of tacho__tags_copy(tacho__arena *arena, tacho__tags_of tags, bool texts_live);

/* Names and values have no control characters: these may stand between them. */
#define TACHO__TAGS_VALUE_BEHIND 0x1F /* a name */
#define TACHO__TAGS_NEXT_BEHIND  0x1E /* a value */
#define TACHO__TAGS_TEXT         3300 /* 8 pairs of 200 bytes each, what stands between, and the NUL */

/** All tags as one text: name, 0x1F, value, 0x1E, name ...; NULL for none. */
const char *tacho__tags_text(tacho__tags_of tags, char out[TACHO__TAGS_TEXT]);
/** The value of a tag in such a text (NULL = no tags): its length in `length`; NULL = without it. */
const char *tacho__tags_text_value(const char *text, const char *name, size_t *length);

#endif
