/** The column `tags`: declared tags as a JSON object in their order, `{"tier":"gold"}`, for json_extract of plain SQL.
 */
#ifndef TACHO_HISTORY_TAGS_H
#define TACHO_HISTORY_TAGS_H

#include "base/buffer.h"
#include "snapshot/arena.h"
#include "wire/json_reader.h"

#include <tachograph/snapshot.h>

/** Tags that were read; kept from row to row. */
typedef struct tacho__stored_tags {
    tacho__json_reader *reader; /* made when it is first needed */
    tacho__arena arena;
    tacho_tag list[TACHO_TAGS_MAX];
    uint32_t count;
    const char *name; /* whose value follows */
} tacho__stored_tags;

/** Makes the text of a record in `out`; nothing if it has no tags. Failures are the buffer's. */
void tacho__tags_write(const tacho_record_view *view, tacho__buffer *out);
/** Reads a text (NULL = no tags) and puts its tags into the record; they live until the next reading. What is no such
 * text is left out. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__tags_read(tacho__stored_tags *tags, const char *text, tacho_record_view *view);
void tacho__stored_tags_free(tacho__stored_tags *tags);

#endif
