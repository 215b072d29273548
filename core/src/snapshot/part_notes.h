/** Notes of a record of a segment (core/FORMAT.md 1.8) as fields of its view. */
#ifndef TACHO_SNAPSHOT_PART_NOTES_H
#define TACHO_SNAPSHOT_PART_NOTES_H

#include "segment/reader.h"
#include "snapshot/arena.h"

#include <tachograph/snapshot.h>

/** Fills in metadata, events, description, and the components that the record itself had no room for. */
void tacho__part_take_notes(const tacho__view *view, const tacho__record_view *from, tacho__arena *arena,
                            tacho_record_view *to);

#endif
