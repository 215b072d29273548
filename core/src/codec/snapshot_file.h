/**
 * The snapshot file (core/FORMAT.md "Snapshot file"): MessagePack whose first bytes are always the same, so that a file
 * is recognised before it is read.
 */
#ifndef TACHO_CODEC_SNAPSHOT_FILE_H
#define TACHO_CODEC_SNAPSHOT_FILE_H

#include "codec/frame.h"
#include "snapshot/snapshot.h"

#define TACHO__SNAPSHOT_FORMAT    "tachograph-snapshot"
#define TACHO__SNAPSHOT_VERSION   1u
#define TACHO__SNAPSHOT_PARTS_MAX 4096u
/** Bounds of one file over all parts; they keep a hostile file from taking more memory than about 20 times its size. */
#define TACHO__SNAPSHOT_RECORDS_MAX 262144u
#define TACHO__SNAPSHOT_SERIES_MAX  131072u

extern const tacho__frame_sort tacho__frame_series;
extern const tacho__frame_sort tacho__frame_sessions;
extern const tacho__frame_sort tacho__frame_metrics;
extern const tacho__frame_sort tacho__frame_custom;
extern const tacho__frame_sort tacho__frame_caches;
/** Records: all of tacho_record_fields, the units that were reported, the weight; into `columns`, which has to stay. */
tacho__frame_sort tacho__frame_records(tacho_field columns[TACHO__FRAME_COLUMNS]);

/** Appends the bytes of a snapshot file. */
void tacho__snapshot_encode(const tacho_snapshot *snapshot, tacho__buffer *out);

/** What the first bytes of a file say. */
typedef enum tacho__snapshot_kind {
    TACHO__SNAPSHOT_FOREIGN, /* neither of the two */
    TACHO__SNAPSHOT_MSGPACK, /* a snapshot file, perhaps cut short */
    TACHO__SNAPSHOT_JSON     /* our JSON export, perhaps cut short */
} tacho__snapshot_kind;
tacho__snapshot_kind tacho__snapshot_recognise(const void *bytes, size_t length);

#endif
