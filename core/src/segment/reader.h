/**
 * Reading a segment: a private copy of its bytes, and checked answers out of that copy.
 *
 * The copy is taken from live memory (word by word, writers are never waited for) or from bytes that somebody read from
 * a file. Nothing in it is trusted: every offset is checked against the length of the copy, every list has an end, and
 * what does not fit is left out and counted in `faults`. So any bytes are harmless.
 *
 * Numbers are merged over lanes. Texts live as long as the view, are NUL-terminated, and NULL where there is none.
 * Times are mono (nanoseconds of the monotonic clock of the writer's boot, may be negative); tacho__view_wall makes
 * Unix nanoseconds of them. A view is immutable: any number of threads may read it.
 */
#ifndef TACHO_SEGMENT_READER_H
#define TACHO_SEGMENT_READER_H

#include "segment/drops.h"
#include "segment/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/record.h>

typedef struct tacho__view tacho__view;

typedef struct tacho__view_info {
    uint8_t id[16];
    uint64_t generation;
    int64_t started_mono_ns, started_wall_ns;
    int64_t taken_mono_ns, taken_wall_ns; /* when the copy was taken */
    int64_t ended_mono_ns;                /* 0 = not ended */
    bool alive; /* its writer lived when the copy was taken; true for bytes of which nobody can tell */
    uint64_t pid, pid_namespace;
    const char *writer;
    const char *prices; /* version of the price table; NULL = unknown */
    uint64_t bytes_used, bytes_max;
    uint32_t series, operation_series, component_series, max_series;
    uint32_t sessions, models, providers, tools;
    uint64_t records_lost; /* records overwritten, not kept or unreadable */
    uint64_t faults;       /* places in the copy that made no sense */
    uint32_t role;         /* TACHO__ROLE_* */
    uint32_t sets_applied; /* of a dead process: sets that it had published and not applied */
    uint32_t orphans;      /* of a dead process: operations that were in flight */
} tacho__view_info;

/**
 * Copies a live segment of this process.
 *
 * @param base     its first byte; it must stay mapped during the call
 * @param mono_ns  now
 * @param wall_ns  now
 * @return TACHO_OK; TACHO_NOMEM; and as tacho__view_of_bytes
 */
tacho_status tacho__view_live(const void *base, int64_t mono_ns, int64_t wall_ns, tacho__view **out);

/**
 * The same from bytes, which are copied.
 *
 * @return TACHO_OK; TACHO_NOMEM; TACHO_FOREIGN (no segment), TACHO_NEWER (a major or an incompatible bit that this
 *         version does not know), TACHO_DAMAGED (checksum, header), TACHO_NO_DATA (not ready)
 */
tacho_status tacho__view_of_bytes(const void *bytes, size_t length, int64_t mono_ns, int64_t wall_ns,
                                  tacho__view **out);
/**
 * The same for the segment of a process that is dead for sure. What it left half done is finished in the copy: an
 * operation whose end had been published is booked whole, one that was in flight is booked as orphaned, with its begin
 * and without a duration. The bytes given stay as they are; the same bytes always give the same numbers.
 */
tacho_status tacho__view_of_dead(const void *bytes, size_t length, int64_t mono_ns, int64_t wall_ns, tacho__view **out);
/**
 * The same from a file, by pread only: a file that somebody cuts short is damaged, never a signal. Another process may
 * be writing it, which is never waited for.
 *
 * @param alive  whether that process lives; the segment of a dead one is made whole as above
 * @return as tacho__view_of_bytes, and TACHO_IO (the file could not be read)
 */
tacho_status tacho__view_of_file(int file, bool alive, int64_t mono_ns, int64_t wall_ns, tacho__view **out);

/**
 * Memory that one view after the other copies its file into, so that reading many files costs fresh memory once. Begins
 * zeroed; one view at a time.
 */
typedef struct tacho__copy {
    uint64_t *words;
    size_t bytes;
} tacho__copy;

/** tacho__view_of_file into `copy`, which the view uses until it is freed. */
tacho_status tacho__view_of_file_in(tacho__copy *copy, int file, bool alive, int64_t mono_ns, int64_t wall_ns,
                                    tacho__view **out);
void tacho__copy_free(tacho__copy *copy);
void tacho__view_free(tacho__view *view); /* NULL is allowed */

/**
 * Whether a segment is the one that its name says (`id`; NULL = a file whose name says nothing). A copy under another
 * name is not: its numbers would be added once more, at each folding.
 */
bool tacho__view_is_of(const tacho__view *view, const uint8_t *id);
/** The segments whose numbers are contained in this base; 0 of them in a process's segment. Lives as the view. */
const tacho__folded *tacho__view_folded(const tacho__view *view, uint32_t *count);
/** Whether a segment's numbers are contained in this base (role TACHO__ROLE_BASE). */
bool tacho__view_contains(const tacho__view *base, const uint8_t id[16]);

const tacho__view_info *tacho__view_describe(const tacho__view *view);
/** How often a cause of drops.h occurred; 0 beyond the list. */
uint64_t tacho__view_drops(const tacho__view *view, unsigned cause);
/** Unix nanoseconds of a mono, by the anchor. */
int64_t tacho__view_wall(const tacho__view *view, int64_t mono_ns);

/** A histogram. Buckets of octaves whose bit is not set in `octaves` hold anything. */
typedef struct tacho__histogram {
    uint64_t count; /* zeros and buckets */
    uint64_t zero;
    uint64_t low, high; /* of `count`: outside the grid, in its first or last bucket */
    uint64_t sum;       /* stored units of the grid: ns, tokens, pusd */
    uint64_t min, max;  /* valid if count > 0 */
    uint32_t octaves;
    uint32_t grid; /* TACHO__GRID_* */
    uint64_t bucket[TACHO__BUCKETS];
} tacho__histogram;

/** Count of one bucket, 0 to TACHO__BUCKETS - 1. */
static inline uint64_t tacho__histogram_bucket(const tacho__histogram *histogram, unsigned index) {
    return histogram->octaves >> (index / TACHO__OCTAVE_BUCKETS) & 1 ? histogram->bucket[index] : 0;
}

/**
 * Index of a bucket of this grid in the exponential histogram of scale 4 of OpenTelemetry: bucket n holds
 * (2^(n/16), 2^((n+1)/16)] seconds, tokens or dollars.
 */
int tacho__grid_absolute(uint32_t grid, unsigned index);

/** Usage and money of a series or a session. */
typedef struct tacho__usage_sums {
    uint64_t units[TACHO__UNITS];
    int64_t cost_pusd[TACHO__COST_STATES];   /* by state; unknown and free are 0 */
    uint64_t cost_calls[TACHO__COST_STATES]; /* calls by cost state; calls that reported neither usage nor cost are in
                                                none */
    uint64_t calls;                          /* that reported usage */
    uint64_t absent;                         /* whose usage was reported as absent */
    uint64_t not_booked;                     /* whose report repeats that of descendants */
    int64_t table_of_reported_pusd;          /* what the table says of the calls of state reported */
    bool saturated;
} tacho__usage_sums;

typedef struct tacho__error_type {
    const char *name; /* NULL = the rest, beyond eight names */
    uint64_t count;
} tacho__error_type;

/** One series, all lanes together. 26 KiB: one of them, reused, is enough. */
typedef struct tacho__series_view {
    uint32_t number;
    uint8_t type;  /* TACHO__TYPE_OPERATION or _COMPONENT */
    uint8_t kind;  /* tacho_kind */
    uint8_t flags; /* TACHO__SERIES_* */
    uint64_t hash; /* equal for equal labels in every segment */
    int64_t created_mono_ns;
    const char *name, *provider, *model, *component;
    tacho_tag tags[TACHO__TAGS];
    uint32_t tag_count;

    uint64_t calls; /* all finished operations */
    uint64_t ok;
    uint64_t failed[TACHO__FAILED_OUTCOMES]; /* error, timeout, cancelled, aborted, orphaned: outcome - 1 */
    uint64_t untimed;                        /* calls without a duration */
    uint64_t retries, interventions, warnings;
    uint64_t categories[TACHO__CATEGORIES];
    tacho__error_type error_types[TACHO__ERROR_NAMES + 1];
    uint32_t error_type_count;
    uint64_t in_flight; /* open slots of this series */

    bool has_usage;
    tacho__usage_sums usage;
    uint64_t timed_output, timed_ns; /* output tokens and time of timed calls with usage */
    int64_t inclusive_cost_pusd;
    uint64_t inclusive_input, inclusive_output, inclusive_calls;

    tacho__histogram duration;       /* ns; always */
    tacho__histogram first_token;    /* ns; the others have count 0 where nothing was recorded */
    tacho__histogram time_per_token; /* ns */
    tacho__histogram input;          /* tokens */
    tacho__histogram output;         /* tokens */
    tacho__histogram cost;           /* pusd */
} tacho__series_view;

uint32_t tacho__view_series_count(const tacho__view *view);
/** Series `number` (0 to count - 1), also those without a call; false if its descriptor is damaged. */
bool tacho__view_series(const tacho__view *view, uint32_t number, tacho__series_view *out);

/** What a series is called. Its lanes are visited with tacho__view_next_lane. */
typedef struct tacho__series_head {
    uint32_t number;
    uint8_t type, kind, flags, grid; /* as in tacho__series_view; grid of durations */
    uint16_t window;                 /* 0 = its durations are in no window */
    uint64_t hash;
    const char *name, *provider, *model, *component;
    tacho__line tags, error_names, next; /* checked when they are followed */
    uint32_t lanes;                      /* visited so far */
} tacho__series_head;

/** Histograms of a series, in the order of tacho__lane_cells. */
enum {
    TACHO__SKETCH_DURATION,
    TACHO__SKETCH_FIRST_TOKEN,
    TACHO__SKETCH_TIME_PER_TOKEN,
    TACHO__SKETCH_INPUT,
    TACHO__SKETCH_OUTPUT,
    TACHO__SKETCH_COST,
    TACHO__SKETCHES
};

/** Grid of one of them. */
static inline uint32_t tacho__sketch_grid(const tacho__series_head *head, unsigned sketch) {
    return sketch <= TACHO__SKETCH_FIRST_TOKEN      ? head->grid
           : sketch == TACHO__SKETCH_TIME_PER_TOKEN ? TACHO__GRID_SECONDS
           : sketch == TACHO__SKETCH_COST           ? TACHO__GRID_USD
                                                    : TACHO__GRID_TOKENS;
}

/** The cells of a series in one lane, inside the copy; NULL = nothing of that sort. Of a component only durations. */
typedef struct tacho__lane_cells {
    const tacho__block *block; /* NULL of a component */
    const tacho__usage_cell *usage;
    const tacho__failure_cell *failures;
    const tacho__sketch *sketch[TACHO__SKETCHES];
} tacho__lane_cells;

/** Series `number`; false if its descriptor is damaged, or one of a custom metric. */
bool tacho__view_series_head(const tacho__view *view, uint32_t number, tacho__series_head *out);
/** The tags on a line of a series or record; returns how many. */
uint32_t tacho__view_tags(const tacho__view *view, tacho__line line, tacho_tag out[TACHO__TAGS]);
/** Says that this series is about to be read, so that its cells come nearer. Any number. */
void tacho__view_expect_series(const tacho__view *view, uint32_t number);
/** Its cells in the next lane; false: there are no more. */
bool tacho__view_next_lane(const tacho__view *view, tacho__series_head *head, tacho__lane_cells *out);
/** Name of error type `index` (below TACHO__ERROR_NAMES) of a series, or NULL. */
const char *tacho__view_error_name(const tacho__view *view, const tacho__series_head *head, uint32_t index);
/** Operations of a series in flight. */
uint64_t tacho__view_series_in_flight(const tacho__view *view, uint32_t number);

/** Octaves of a sketch that are in the copy, the lowest first: 16 counts each, and the high halves of these, or NULL.
 */
typedef struct tacho__sketch_octaves {
    uint32_t present; /* bit per octave */
    uint32_t count;
    bool wide; /* some have high halves; else `high` is not filled in */
    const tacho__octave *low[TACHO__OCTAVES], *high[TACHO__OCTAVES];
} tacho__sketch_octaves;

void tacho__view_octaves(const tacho__view *view, const tacho__sketch *sketch, tacho__sketch_octaves *out);

/** A raw duration of a window (core/FORMAT.md 1.8). */
typedef struct tacho__recent_value {
    int64_t end_mono_ns;
    uint64_t duration_ns;
} tacho__recent_value;

typedef struct tacho__recent_view {
    uint64_t count;        /* values of all lanes, each lane's last `wanted` */
    uint32_t wanted;       /* how many the newest ones of all lanes should be */
    bool refused;          /* a lane had no room, or its window made no sense */
    int64_t since_mono_ns; /* of what ended before, values may be missing; INT64_MIN = the last `wanted` are there */
} tacho__recent_view;

/**
 * The newest durations of a series, in no order.
 *
 * @param values  room for `room` of them; NULL with room 0 counts only
 * @return false: the series has no window, or not in every lane that used it
 */
bool tacho__view_recent(const tacho__view *view, uint32_t series, tacho__recent_view *about,
                        tacho__recent_value *values, size_t room);

/** What a custom metric is. */
typedef struct tacho__metric_view {
    uint8_t type;                          /* TACHO__TYPE_COUNTER, _GAUGE or _HISTOGRAM */
    uint8_t grid;                          /* TACHO__GRID_*: says how many stored units make one */
    uint8_t merge;                         /* TACHO__METRIC_* */
    const char *name, *unit, *description; /* description NULL = none */
    const char *labels[TACHO__METRIC_LABELS];
    uint32_t label_count;
} tacho__metric_view;

/** Definitions, the three named `other` included. */
uint32_t tacho__view_metric_count(const tacho__view *view);
bool tacho__view_metric(const tacho__view *view, uint32_t number, tacho__metric_view *out);

/** A series of a custom metric, or a cache, all lanes together. */
typedef struct tacho__custom_view {
    uint8_t type;    /* TACHO__TYPE_COUNTER to _CACHE */
    uint8_t flags;   /* TACHO__SERIES_IS_OVERFLOW */
    uint32_t metric; /* number of the definition; caches: 0 */
    uint64_t hash;
    const char *labels[TACHO__METRIC_LABELS]; /* NULL = empty; a cache has its name in the first */
    uint64_t total;                           /* counter, stored units of the grid */
    int64_t value;                            /* gauge, the same */
    uint64_t events[TACHO__CACHE_EVENTS];     /* cache */
    uint64_t size, capacity;                  /* cache; UINT64_MAX = unknown */
    int64_t changed_mono_ns;                  /* of a gauge or of a cache's size; INT64_MIN = never set */
    tacho__histogram histogram;               /* histogram, stored units of the grid */
} tacho__custom_view;

/** Type of series `number` if it is one of these and whole, else 0. */
int tacho__view_custom_type(const tacho__view *view, uint32_t number);
/** The series; false where its type is 0. */
bool tacho__view_custom(const tacho__view *view, uint32_t number, tacho__custom_view *out);

/** One session, all lanes together. */
typedef struct tacho__session_view {
    uint32_t slot;
    bool is_other; /* all sessions that found no slot */
    bool ended;
    uint64_t shared;                               /* sessions in this slot: 1, in `other` any number */
    const char *id;                                /* "other" for that slot */
    int64_t opened_mono_ns, ended_mono_ns;         /* of the session; ended 0 = not ended */
    int64_t first_begin_mono_ns, last_end_mono_ns; /* of its operations; INT64_MIN = none */
    uint64_t ok[TACHO__GROUPS];                    /* steps, tools, others */
    uint64_t failed[TACHO__GROUPS][TACHO__FAILED_OUTCOMES];
    uint64_t step_ns, timed_steps, tool_ns;
    uint64_t model_calls;
    uint64_t retries, interventions, warnings, compactions;
    uint64_t context_size, context_max, context_limit; /* 0 = unknown; size and limit are the newest */
    int64_t context_mono_ns;                           /* when that was; INT64_MIN = never */
    tacho__usage_sums usage;
} tacho__session_view;

/** Slots that were ever used, `other` included if it was. */
uint32_t tacho__view_session_count(const tacho__view *view);
bool tacho__view_session(const tacho__view *view, uint32_t index, tacho__session_view *out);

typedef struct tacho__component_view {
    const char *name;
    uint64_t duration_ns;
} tacho__component_view;

/** One finished operation. */
typedef struct tacho__record_view {
    uint64_t id, parent; /* parent 0 = root */
    uint64_t trace[2];
    int64_t begin_mono_ns, end_mono_ns;
    int64_t end_wall_ns;     /* Unix ns: as the caller gave it, else by the anchor */
    int64_t duration_ns;     /* -1 = unknown */
    int64_t begin_wall_ns;   /* end minus duration; the end where that is unknown */
    uint64_t first_token_ns; /* from the begin; valid with the flag */
    uint32_t series;
    uint32_t flags; /* TACHO__RECORD_* */
    uint8_t kind, outcome, category, cost_state, inclusive_state;
    uint32_t session_slot;
    tacho__line tags; /* of its series; 0 = none */
    const char *session, *operation, *requested_model, *model, *provider, *tool, *error_type;
    uint32_t present; /* units reported; 0 = none */
    uint32_t weight;
    uint64_t units[TACHO__UNITS];                 /* 0 where not present */
    int64_t cost_pusd, reported_pusd, table_pusd; /* INT64_MIN = unknown */
    uint32_t sheet, table_date;
    uint32_t retries, interventions, warnings, tool_calls;
    uint32_t context_size, context_limit; /* 0 = unknown */
    tacho__component_view components[TACHO__RECORD_COMPONENTS];
    uint32_t component_count;
    uint64_t inclusive_input, inclusive_output; /* valid with the flag */
    int64_t inclusive_cost_pusd;
    uint64_t maker; /* tacho__segment_key of the segment that it was made in */
    uint64_t place; /* there: TACHO__PLACE_* */
} tacho__record_view;

/** One note of an operation (core/FORMAT.md 1.8). */
typedef struct tacho__note_view {
    uint32_t sort; /* TACHO__NOTE_* */
    uint32_t length;
    const uint8_t *bytes; /* MessagePack that nobody checked yet */
} tacho__note_view;

/** Note `index` (0, 1 ...) of an operation, the oldest of a lane first; false: there are no more. */
bool tacho__view_note(const tacho__view *view, uint64_t id, uint32_t index, tacho__note_view *out);

/** A number for a segment and its generation, other than 0: equal ones are the same, as far as 64 bits can tell. */
uint64_t tacho__segment_key(const uint8_t id[16], uint64_t generation);
/** Records that a lane had made when the copy was taken. */
uint64_t tacho__view_lane_records(const tacho__view *view, uint32_t lane);
/** Records that can be read, in no order, all lanes. */
uint32_t tacho__view_record_count(const tacho__view *view);
bool tacho__view_record(const tacho__view *view, uint32_t index, tacho__record_view *out);
/** The slowest since the start: at most 32 of each kind and lane, in no order; the 32 slowest of a kind are among them.
 */
uint32_t tacho__view_slowest_count(const tacho__view *view);
bool tacho__view_slowest(const tacho__view *view, uint32_t index, tacho__record_view *out);

/** One operation in flight. */
typedef struct tacho__open_view {
    uint64_t id, parent;
    uint64_t trace[2];
    int64_t begin_mono_ns;
    uint32_t series;
    uint8_t kind;
    uint32_t session_slot;
    const char *session, *operation, *model;
} tacho__open_view;

uint32_t tacho__view_open_count(const tacho__view *view);
bool tacho__view_open(const tacho__view *view, uint32_t index, tacho__open_view *out);
/** Operations in flight of one kind, those without an open slot included. */
uint64_t tacho__view_in_flight(const tacho__view *view, unsigned kind);

#endif
