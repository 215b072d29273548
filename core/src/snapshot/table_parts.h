/** Inside of a table, shared by table.c (adding) and table_rows.c (finishing). */
#ifndef TACHO_SNAPSHOT_TABLE_PARTS_H
#define TACHO_SNAPSHOT_TABLE_PARTS_H

#include "snapshot/table.h"

struct tacho__table {
    tacho_query query;
    uint64_t seed;
    tacho__arena arena;    /* keys, texts; `failed` remembers every refusal of memory */
    tacho__group **groups; /* rows in the order of their first record; room for index_size / 2 */
    size_t count;
    uint32_t *index; /* hash table: 0 = free, else position in groups + 1 */
    size_t index_size;
    const char **unpriced; /* distinct models without a price */
    size_t unpriced_count, unpriced_room;
    const char **warnings;
    size_t warning_count;
    tacho_tag picked[TACHO_TAGS_MAX]; /* scratch: the tags of the row that is looked for */
};

/** "2026-11-20" of an instant in a zone (NULL = UTC); NULL for an unknown instant. */
const char *tacho__day_text(const tacho_zone *zone, int64_t unix_ns, char out[16]);

#endif
