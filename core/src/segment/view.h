/** A view inside: the private copy and how it is read without trusting it. For the files reader*.c only. */
#ifndef TACHO_SEGMENT_VIEW_H
#define TACHO_SEGMENT_VIEW_H

#include "segment/reader.h"

/**
 * What was complete when copying began. Everything a record or descriptor below these counts refers to was written
 * before them, so it is in the copy; what came while copying may refer to what was copied too early, and is left to the
 * next view.
 */
typedef struct tacho__heads {
    uint32_t series;
    uint64_t records[TACHO__LANES];
    uint64_t steady[TACHO__LANES]; /* records from this one on were not overwritten while copying */
} tacho__heads;

/** Where a copy came from, to ask again what may have changed while copying; neither = bytes that stand still. */
typedef struct tacho__source {
    const uint8_t *live; /* memory, or NULL */
    int file;            /* or -1 */
} tacho__source;

struct tacho__view {
    uint64_t *words;   /* the copy, `lines` whole lines */
    tacho__copy *copy; /* whose memory `words` is; NULL = the view's own */
    uint64_t lines;
    tacho__view_info info;
    const tacho__header *header;
    tacho__heads heads;
    uint32_t session_slots;              /* with `other`, which is the last */
    uint32_t ended_first, ended_count;   /* region of records that are in no ring; 0 = none */
    uint32_t folded_first, folded_count; /* ids of the segments that a base contains; 0 = none */
    uint32_t lanes_first, sessions_first, open_first, series_first, metrics_first; /* lines of the regions, checked */
    int64_t anchor_wall, anchor_mono;
    const tacho__stored_record **records; /* those that are whole */
    uint8_t *record_lanes;                /* of each, or TACHO__PLACE_ORPHAN */
    uint64_t key;
    uint32_t record_count;
    const tacho__stored_record **slowest;
    uint32_t slowest_count;
    uint32_t *sessions; /* slots that were used */
    uint32_t session_count;
    uint32_t *open; /* open slots in use */
    uint32_t open_count;
    uint64_t (*window_first)[TACHO__WINDOWS]; /* by lane: first value that is whole; NULL = bytes that rest */
    struct tacho__note_place *notes;          /* by operation */
    uint32_t note_count;
    char writer[33];
    char prices[49];
};

/** `count` lines from `line` on, or NULL where the copy does not have them (line 0 included). */
static inline const void *tacho__view_lines(const tacho__view *view, tacho__line line, uint64_t count) {
    return line != 0 && line + count <= view->lines ? (const uint8_t *)view->words + (uint64_t)line * TACHO__LINE
                                                    : NULL;
}

/** A text, or NULL for none and for what is no string. */
const char *tacho__view_text(const tacho__view *view, tacho__line line);
/** The descriptor of a series, or NULL. */
static inline const tacho__descriptor *tacho__view_descriptor(const tacho__view *view, uint32_t number) {
    if (number >= view->info.series) {
        return NULL;
    }
    const tacho__half *directory = tacho__view_lines(view, view->series_first, 1);
    const tacho__line line = tacho__get_half(&directory[number / TACHO__SERIES_CHUNK]);
    const tacho__descriptor *chunk = tacho__view_lines(view, line, TACHO__SERIES_CHUNK);
    return chunk ? &chunk[number % TACHO__SERIES_CHUNK] : NULL;
}
/** Where record `index` was made, and by whom. */
void tacho__view_record_origin(const tacho__view *view, uint32_t index, uint64_t *maker, uint64_t *place);
const tacho__lane_header *tacho__view_lane(const tacho__view *view, uint32_t lane);
const tacho__session_slot *tacho__view_slot(const tacho__view *view, uint32_t slot);
const tacho__open_slot *tacho__view_open_slot(const tacho__view *view, uint32_t slot);

/**
 * Finishes what a dead process left half done (segment/recover.c), in the copy: sets that were published and not
 * applied, and operations in flight, which become orphans. Before anything is read. TACHO_OK; TACHO_NOMEM.
 */
tacho_status tacho__view_recover(tacho__view *view);

/** Whether a header can be read by this version, in `length` bytes. As tacho__view_of_bytes. */
tacho_status tacho__view_check(const tacho__header *header, size_t length);
/** Checks the copy and fills in the rest; takes over `view` with its words and heads. As tacho__view_of_bytes. */
tacho_status tacho__view_open_copy(tacho__view *view, const tacho__source *source, int64_t mono_ns, int64_t wall_ns,
                                   tacho__view **out);
/** Memory for that many lines, those that were copied kept; `words` moves. False: out of memory. */
bool tacho__view_make_room(tacho__view *view, uint64_t lines);
/** Collects records and slowest of all lanes. */
tacho_status tacho__view_find_records(tacho__view *view, const tacho__source *source);
/** Copies notes and windows of live memory once more, so that they are whole. */
tacho_status tacho__view_find_notes(tacho__view *view, const tacho__source *source);
/** Words of the copy anew, from where it came from; false: they cannot be had any more. */
bool tacho__view_copy_again(tacho__view *view, const tacho__source *source, const void *copied, size_t bytes);
tacho_status tacho__view_find_windows(tacho__view *view, const tacho__source *source);
/** An empty histogram of a grid, and the cells of one lane added to it. */
void tacho__view_histogram_start(tacho__histogram *out, uint32_t grid);
void tacho__view_sketch_add(const tacho__view *view, tacho__histogram *out, const tacho__sketch *sketch);

#endif
