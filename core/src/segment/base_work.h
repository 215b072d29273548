/** A base in the making. For the files base*.c only. */
#ifndef TACHO_SEGMENT_BASE_WORK_H
#define TACHO_SEGMENT_BASE_WORK_H

#include "segment/base.h"
#include "segment/view.h"

#define TACHO__BASE_TEXT_CACHE 1024u

/* What becomes of the parts of one view. */
typedef struct tacho__joining {
    const tacho__view *view;
    uint32_t *series;   /* new number by old number */
    uint16_t *sessions; /* new slot by old slot */
} tacho__joining;

typedef struct tacho__record_pick {
    int64_t end_wall_ns;
    const tacho__stored_record *record;
    uint32_t joining;
    uint32_t index; /* in the view */
} tacho__record_pick;

typedef struct tacho__base_work {
    tacho__segment *segment;
    tacho__joining *joining; /* by view */
    size_t count;
    uint32_t max_series;
    uint32_t *table; /* number + 1 of a series, by hash */
    uint32_t table_mask;
    struct tacho__session_pick *picks; /* sessions by id, those that keep a slot first */
    size_t pick_count;
    uint32_t session_slots; /* with `other` */
    tacho__record_pick *records;
    size_t record_count, most_records;
    uint64_t records_lost;
    tacho__series_view *series;                 /* scratch */
    tacho__custom_view *custom;                 /* likewise */
    uint32_t small_next;                        /* cell of 16 bytes that is free; a multiple of four: none */
    uint32_t metric_series[TACHO__METRICS + 1]; /* series by metric, and caches */
    uint32_t metric_overflow[TACHO__METRICS];   /* series that takes the rest; 0 = none yet */
    uint64_t kept_lines, kept_texts;            /* for definitions and their overflow series */
    uint32_t window;                            /* raw durations kept of a series */
    struct tacho__base_window *windows;         /* by number */
    struct {
        tacho__line old, new;
    } texts[TACHO__BASE_TEXT_CACHE]; /* of the view that is being read */
} tacho__base_work;

/* Sums of foreign bytes stay at the end of their range. */
static inline void tacho__base_add(tacho__word *cell, uint64_t more) {
    uint64_t sum;
    tacho__put(cell, __builtin_add_overflow(tacho__get(cell), more, &sum) ? UINT64_MAX : sum);
}
static inline void tacho__base_add_money(tacho__word *cell, int64_t more) {
    int64_t sum;
    if (__builtin_add_overflow((int64_t)tacho__get(cell), more, &sum)) {
        sum = more < 0 ? INT64_MIN + 1 : INT64_MAX;
    }
    tacho__put(cell, (uint64_t)sum);
}
/** The cell that a link names, made if there is none; NULL = no room. */
void *tacho__base_cell(tacho__segment *segment, tacho__half *link, uint32_t lines, tacho__pocket pocket);
/** Line of a text of the view that is being read; 0 for none. */
tacho__line tacho__base_text(tacho__base_work *work, const tacho__view *view, tacho__line line);
/** Adds usage and money to the cells of a series or session. */
typedef struct tacho__money_cells {
    tacho__word *units, *cost, *states, *calls, *absent, *table_of_reported, *not_booked, *flags;
} tacho__money_cells;
void tacho__base_add_money_cells(const tacho__money_cells *cells, const tacho__usage_sums *usage);

/** Finds the slots of all sessions; before the segment is made. False: out of memory. */
bool tacho__base_pick_sessions(tacho__base_work *work);
/** Adds the sessions of all views; false: no room. */
bool tacho__base_add_sessions(tacho__base_work *work);
void tacho__base_free_sessions(tacho__base_work *work);

/** Adds all series of operations and components of a view; false: no room or memory. */
bool tacho__base_add_series(tacho__base_work *work, size_t joining);
bool tacho__base_add_histogram(tacho__segment *segment, tacho__sketch *sketch, const tacho__histogram *from,
                               tacho__pocket pocket);
/** Sets aside what definitions of custom metrics and their overflow series may need; before anything is added. */
void tacho__base_keep_metrics(tacho__base_work *work);
/** Adds its custom metrics and caches; false: no room. */
bool tacho__base_add_metrics(tacho__base_work *work, size_t joining);

/** Reads the newest durations of a series of a view, which is series `number` of the base. False: out of memory. */
bool tacho__base_read_window(tacho__base_work *work, const tacho__view *view, uint32_t series, uint32_t number);
/** Writes the newest ones of all views. */
void tacho__base_write_windows(tacho__base_work *work);
void tacho__base_free_windows(tacho__base_work *work);

/** Finds the records that stay; before the segment is made. False: out of memory. */
bool tacho__base_pick_records(tacho__base_work *work);
/** Writes them, and the slowest of each kind. False: no room. */
bool tacho__base_add_records(tacho__base_work *work);

#endif
