/**
 * A part of a snapshot: what one segment generation knew at one instant, as plain sums. Parts come from a live segment
 * or from a file; both look the same from here on. Immutable once built; shared by reference between snapshots.
 */
#ifndef TACHO_SNAPSHOT_PART_H
#define TACHO_SNAPSHOT_PART_H

#include "collect/process.h"
#include "snapshot/group.h"
#include "snapshot/series_store.h"

#include <stdatomic.h>

#define TACHO__PART_CATEGORIES 16
#define TACHO__PART_LABELS     8

/** Sums and buckets of one measure in the stored unit of its grid: ns, tokens, pusd. */
typedef struct tacho__measure {
    tacho__buckets buckets;
    int64_t sum, min, max; /* min and max hold when there are values */
    int64_t low, high;     /* values outside the grid, which stand in its first or last bucket */
} tacho__measure;

/** One series. `sums.kind`, `sums.operation`, `sums.provider` and `sums.model` are its labels. */
typedef struct tacho__part_series {
    tacho__group sums;
    const char *component; /* not NULL: a component of the operation, and only durations are kept */
    int64_t flags;         /* TACHO__SERIES_* */
    int64_t duration_low, duration_high;
    int64_t absent, not_booked;     /* calls whose usage was reported as absent, or repeats that of descendants */
    int64_t table_of_reported_pusd; /* what the price table says of the calls of state reported */
    int64_t inclusive_calls, inclusive_input, inclusive_output, inclusive_pusd;
    int64_t categories[TACHO__PART_CATEGORIES];
    tacho__measure first_token, time_per_token, input, output, cost;
} tacho__part_series;

/** Outcomes of a session are counted by these groups (core/FORMAT.md 1.11). */
typedef enum tacho__session_group {
    TACHO__SESSION_STEPS,
    TACHO__SESSION_TOOLS,
    TACHO__SESSION_OTHERS,
    TACHO__SESSION_GROUPS
} tacho__session_group;

/** One session slot. `sums` holds usage, cost, retries, interventions, warnings, context and the span of time. */
typedef struct tacho__part_session {
    tacho__group sums;
    const char *id;
    int64_t shared; /* sessions in this slot; more than 1, or `is_other`: no single session */
    int64_t is_other;
    int64_t ended;
    int64_t opened_at_ns, ended_at_ns; /* Unix time; 0 = unknown, not ended */
    int64_t model_calls;
    int64_t step_ns, timed_steps, tool_ns;
    int64_t outcomes[TACHO__SESSION_GROUPS][TACHO_OUTCOME_COUNT];
} tacho__part_session;

/** What a custom metric is (core/FORMAT.md 1.16). */
typedef struct tacho__part_metric {
    const char *name, *unit, *description; /* description NULL = none */
    const char *type, *merge;              /* words of tachograph/metric.h */
    const char *labels[TACHO__PART_LABELS];
    int64_t label_count;
    int64_t digits; /* values are integers of this many decimal digits: 9, 6 or 0 */
} tacho__part_metric;

/** One series of a custom metric. */
typedef struct tacho__part_custom {
    int64_t metric;                         /* index in the part */
    int64_t flags;                          /* TACHO__SERIES_IS_OVERFLOW */
    const char *values[TACHO__PART_LABELS]; /* of the labels; NULL = empty */
    int64_t value;                          /* counter, gauge */
    int64_t changed_at_ns;                  /* gauge: Unix time of the latest change */
    tacho__measure measure;                 /* histogram */
} tacho__part_custom;

/** One cache. */
typedef struct tacho__part_cache {
    const char *name;
    int64_t flags;
    int64_t hits, misses, evictions, size_rejections;
    int64_t size, capacity; /* -1 = unknown */
} tacho__part_cache;

/** Where a record was made (segment/reader.h). */
typedef struct tacho__part_origin {
    uint64_t maker, place;
} tacho__part_origin;

typedef struct tacho__part {
    _Atomic uint32_t references;
    tacho__arena arena;         /* everything below, but series and what sessions own */
    tacho__series_store *store; /* of the series; shared with the parts that were taken with this one */
    uint8_t segment[16];
    uint64_t generation;
    int64_t taken_at_ns;                  /* Unix time */
    int64_t started_at_ns;                /* of the segment */
    tacho__process process;               /* of a segment that lives */
    const struct tacho__folded *contains; /* segments that this sum of dead ones contains; NULL = none */
    size_t contains_count;
    const char *prices; /* version of the price table; NULL = unknown */
    uint64_t records_lost;
    struct tacho__packed *series, **series_end; /* list of entries; where the next one is linked */
    size_t series_count;
    tacho__part_session *sessions;
    size_t session_count;
    tacho_record_view *records; /* in no order */
    size_t record_count;
    tacho__part_origin *origins; /* of records; these three only of a segment that was read: else NULL */
    uint64_t *made;              /* records by lane, TACHO__LANES; NULL of a sum of dead ones as well */
    bool is_dead;                /* its process was */
    tacho_record_view *slowest;  /* in no order; may repeat records */
    size_t slowest_count;
    tacho_named *drops; /* causes that occurred */
    size_t drop_count;
    tacho__part_metric *metrics;
    size_t metric_count;
    tacho__part_custom *custom;
    size_t custom_count;
    tacho__part_cache *caches;
    size_t cache_count;
} tacho__part;

/** An empty part with one reference, whose series are of `store` (NULL = its own); NULL when out of memory. */
tacho__part *tacho__part_new(tacho__series_store *store);
tacho__part *tacho__part_retain(tacho__part *part);
/** Drops a reference; the last one frees. NULL is allowed. */
void tacho__part_release(tacho__part *part);
/** Fills what `sums` of an operation's series has from the categories of its failures. */
void tacho__part_series_complete(tacho__part_series *series);
/** Puts a series or session at its start: empty sums. */
void tacho__part_series_init(tacho__part_series *series);
/** Gives back what a series owns: buckets, error types, recent durations. */
void tacho__part_series_free(tacho__part_series *series);
void tacho__part_session_init(tacho__part_session *session);
/** Fills the counts of `sums` that follow from the outcomes of the groups. */
void tacho__part_session_complete(tacho__part_session *session);

struct tacho__view;
struct tacho__kept;
/** Takes series; custom metrics and caches: from a view. False when out of memory. */
bool tacho__part_take_series(const struct tacho__view *view, tacho__part *part);
bool tacho__part_take_custom(const struct tacho__view *view, struct tacho__kept *kept, tacho__part *part);

struct tacho_collector;
/** A part of a live collector. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__part_take(struct tacho_collector *collector, tacho__series_store *store, tacho__part **out);
/** The same of a view, of which the part keeps nothing. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__part_of_view(const struct tacho__view *view, tacho__series_store *store, tacho__part **out);

#endif
