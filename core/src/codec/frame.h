/**
 * A frame: many structs of one sort as MessagePack, {"columns": [names], "rows": [[values]]}. A reader finds columns by
 * name, so columns may be added, and moved, without a new version of the format; a column that it requires and does not
 * find makes the frame damaged.
 */
#ifndef TACHO_CODEC_FRAME_H
#define TACHO_CODEC_FRAME_H

#include "base/buffer.h"
#include "snapshot/arena.h"
#include "wire/msgpack_reader.h"

#include <tachograph/snapshot.h>

/* Types of columns beside tacho_field_type. */
enum {
    TACHO__FRAME_COUNT = 64, /* int64_t >= 0, always known */
    TACHO__FRAME_AMOUNT,     /* int64_t of any sign, always known */
    TACHO__FRAME_SMALL,      /* uint32_t */
    TACHO__FRAME_BUCKETS,    /* tacho__buckets: [index, count, index, count ...], ascending */
    TACHO__FRAME_RECENT,     /* tacho__recent: [] or [wanted, missing, since, end, duration, later by, duration ...] */
    TACHO__FRAME_TYPES       /* as NAMED: the error types of the tacho__group that the struct begins with */
};

/** One sort of frame. The fields' `help` is not used. */
typedef struct tacho__frame_sort {
    const tacho_field *fields;
    size_t count; /* at most TACHO__FRAME_COLUMNS */
    size_t size;  /* bytes of the struct */
} tacho__frame_sort;

#define TACHO__FRAME_COLUMNS 128

/** Writes `count` structs. */
void tacho__frame_put(tacho__buffer *out, const tacho__frame_sort *sort, const void *structs, size_t count);

typedef struct tacho__frame_reader {
    const tacho__frame_sort *sort;
    int16_t column[TACHO__FRAME_COLUMNS * 2]; /* field by position of the value; -1 = unknown column */
    size_t columns;                           /* values in a row */
    size_t rows;
    tacho__msgpack_walker walker;
} tacho__frame_reader;

/** Opens a frame. TACHO_OK; TACHO_DAMAGED (no frame, or a column is missing or there twice). */
tacho_status tacho__frame_open(const tacho__msgpack *frame, const tacho__frame_sort *sort, tacho__frame_reader *reader);
/**
 * Reads the next row into a struct that was put at its start by the caller. Texts are cleaned and copied into `arena`.
 * TACHO_OK; TACHO_DAMAGED (a value of another type, or outside its range); TACHO_NOMEM.
 */
tacho_status tacho__frame_next(tacho__frame_reader *reader, tacho__arena *arena, void *out);

#endif
