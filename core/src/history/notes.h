/**
 * The column `notes`: what of a record has no column, as a MessagePack map of `components` (name -> nanoseconds),
 * `metadata` (name -> value), `events` ([Unix ns, name, fields] each) and `description`; what there is none of is left
 * out.
 */
#ifndef TACHO_HISTORY_NOTES_H
#define TACHO_HISTORY_NOTES_H

#include "base/buffer.h"
#include "snapshot/arena.h"

#include <tachograph/snapshot.h>

/** Notes that were read; kept from row to row. */
typedef struct tacho__notes {
    tacho_named *components;
    uint32_t count, room;
    tacho__buffer names; /* of the components, each with its NUL */
    tacho__arena arena;  /* the rest */
} tacho__notes;

/** Makes the notes of a record in `out`; nothing if there is nothing to note. Failures are the buffer's. */
void tacho__notes_write(const tacho_record_view *view, tacho__buffer *out);
/**
 * Reads notes and puts them into the record; they live until the next reading. Notes that cannot be read are left out:
 * they are details, and the rest of the row is good. TACHO_OK; TACHO_NOMEM.
 */
tacho_status tacho__notes_read(tacho__notes *notes, const void *bytes, size_t length, tacho_record_view *view);
void tacho__notes_free(tacho__notes *notes);

#endif
