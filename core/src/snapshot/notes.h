/**
 * Notes of a record as MessagePack and back: metadata is a map of name to value, events an array of [Unix ns, name,
 * map]. What cannot be read is left out: notes are details, and the rest of the record is good.
 */
#ifndef TACHO_SNAPSHOT_NOTES_H
#define TACHO_SNAPSHOT_NOTES_H

#include "base/buffer.h"
#include "snapshot/arena.h"
#include "wire/msgpack_reader.h"

#include <tachograph/snapshot.h>

void tacho__metadata_put(tacho__buffer *out, const tacho_note *notes, uint32_t count);
void tacho__events_put(tacho__buffer *out, const tacho_event *events, uint32_t count);

/** Reads them into the arena; names and texts are cleaned. False when out of memory. */
bool tacho__metadata_take(const tacho__msgpack *map, tacho__arena *arena, const tacho_note **notes, uint32_t *count);
bool tacho__events_take(const tacho__msgpack *array, tacho__arena *arena, const tacho_event **events, uint32_t *count);

/** An event [ns, name, map] as `out`; false: it cannot be read. What does not fit into the arena marks it as failed. */
bool tacho__event_take(const tacho__msgpack *value, tacho__arena *arena, tacho_event *out);
/** Sorts metadata by name; of equal names the last one stays. */
void tacho__metadata_settle(tacho_note *notes, uint32_t *count);
/** Reads the pairs of a map behind `count` notes that are there; `notes` has room for all of them. */
void tacho__metadata_append(const tacho__msgpack *map, tacho__arena *arena, tacho_note *notes, uint32_t *count);
/** Copies of all notes of a record in another arena. */
void tacho__notes_copy(tacho__arena *arena, tacho_record_view *record);
/** Sorts events by their time. */
void tacho__events_settle(tacho_event *events, uint32_t count);

#endif
