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

#endif
