/**
 * Reading: an immutable merged copy of all numbers, and the tables and the summary over it. Everything that reads
 * (summary, tables, exports, commands) reads a snapshot; nothing reads the collector's structures.
 *
 * Rows, records and summaries are plain structs described by field tables: a binding, JSON and CSV walk the same table,
 * so a field has one name everywhere. Strings inside live as long as the object they came from.
 */
#ifndef TACHOGRAPH_SNAPSHOT_H
#define TACHOGRAPH_SNAPSHOT_H

#include <tachograph/query.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tacho_snapshot tacho_snapshot; /* immutable; reference counted; any thread */

/* How "unknown" is stored in the structs below: text NULL, counts and nanoseconds -1, money TACHO_COST_UNKNOWN, ratios
 * NaN. */
typedef enum tacho_field_type {
    TACHO_FIELD_TEXT,    /* const char *; NULL = unknown */
    TACHO_FIELD_COUNT,   /* int64_t; -1 = unknown */
    TACHO_FIELD_SECONDS, /* int64_t nanoseconds, shown as decimal seconds; -1 = unknown */
    TACHO_FIELD_USD,     /* int64_t pico-USD, shown as decimal USD; TACHO_COST_UNKNOWN = unknown */
    TACHO_FIELD_RATIO,   /* double; NaN = unknown */
    TACHO_FIELD_TIME,    /* int64_t Unix nanoseconds, shown as RFC 3339 UTC; 0 = unknown */
    TACHO_FIELD_STATE,   /* int32_t tacho_cost_state, shown as its word */
    TACHO_FIELD_NAMED,   /* const tacho_named * and a following uint32_t count: name -> count (rows), nanoseconds
                            (records) */
    TACHO_FIELD_MILLIS, /* int64_t milliseconds, shown as decimal seconds; -1 = unknown (billed audio and video time) */
    TACHO_FIELD_SCALED, /* int64_t with the decimal digits that the uint32_t at offset 4 of the struct tells;
                           TACHO_VALUE_UNKNOWN = unknown */
    TACHO_FIELD_TAGS,   /* const tacho_tag * and a following uint32_t count: name -> text; value NULL = unknown */
    TACHO_FIELD_NOTES,  /* const tacho_note * and a following uint32_t count: name -> value */
    TACHO_FIELD_EVENTS  /* const tacho_event * and a following uint32_t count */
} tacho_field_type;

typedef struct tacho_field {
    const char *name; /* as in JSON, CSV, Python and Lua */
    uint16_t type;    /* tacho_field_type */
    uint16_t offset;  /* in bytes from the start of the struct */
    const char *help; /* one sentence with the unit */
} tacho_field;

typedef struct tacho_named {
    const char *name;
    int64_t value; /* a count in rows (error types), nanoseconds in records (components) */
} tacho_named;

/** Something that happened during an operation. */
typedef struct tacho_event {
    const char *name;
    int64_t at_ns; /* Unix time */
    const tacho_note *fields;
    uint32_t field_count;
    uint32_t reserved;
} tacho_event;

/** One row of any table. Grouping keys that the table does not group by are NULL. */
typedef struct tacho_row {
    uint32_t struct_size;
    int32_t cost_state; /* of the sum, semantics 27 */
    /* grouping keys */
    const char *operation, *kind, *provider, *model, *tool, *session, *day;
    /* calls */
    int64_t calls, attempts, errors, timed_calls, unpriced_calls;
    double success_rate;                                      /* ok / (ok + error + timeout) */
    int64_t ok, error, timeout, cancelled, aborted, orphaned; /* outcomes, disjoint */
    const tacho_named *error_types;                           /* type -> count */
    uint32_t error_type_count;
    uint32_t reserved;
    int64_t retries, interventions, warnings, low_confidence_calls;
    /* time */
    int64_t total_ns, avg_ns, min_ns, max_ns; /* exact, over the timed calls */
    int64_t std_ns, p50_ns, p95_ns, p99_ns;   /* from the sketch: within 2.2 % (std about 3 %) */
    int64_t first_token_ns;                   /* mean over the calls that reported one */
    double tokens_per_second;                 /* output tokens / seconds of the timed calls that reported usage */
    /* usage: disjoint classes; -1 where no call of the group reported usage */
    int64_t units[TACHO_UNIT_COUNT];
    int64_t total_input_tokens, total_output_tokens, total_tokens;
    /* money */
    int64_t cost_pusd; /* the priced part; unknown when nothing is priced */
    /* sessions */
    int64_t steps, tool_calls, context_size, max_context_size, compressions;
    int64_t started_at_ns, ended_at_ns; /* Unix time of the first begin and the last end; 0 = unknown */
    double availability;                /* semantics 29; unknown where the categories of errors are not kept */
    int64_t in_flight;                  /* begun and not ended; -1 = unknown, as in every row made of records */
    int64_t context_limit;              /* as context_size */
    /* the newest durations, at most tacho_config.window: exact percentiles of type 7. Unknown (-1) in tables made of
     * records, and where a call belongs to a series without a window (beyond the 64th of its process, or out of room:
     * causes window_short, window_refused); p50_ns to p99_ns then are the best there is */
    int64_t recent_calls, recent_p50_ns, recent_p95_ns, recent_p99_ns;
    const tacho_tag
        *tags; /* grouping keys too: those that the table groups by, in its order; value NULL = without it */
    uint32_t tag_count;
    uint32_t reserved2;
} tacho_row;

/** One finished operation. */
typedef struct tacho_record_view {
    uint32_t struct_size;
    int32_t cost_state;
    uint32_t present; /* units that were reported; 0 = no usage */
    uint32_t reserved;
    const char *id, *parent_id, *trace_id, *session;
    const char *operation, *kind, *provider, *model, *requested_model, *tool;
    const char *outcome, *error_category, *error_type;
    int64_t started_at_ns, ended_at_ns, duration_ns; /* duration -1 = unknown */
    int64_t first_token_ns;                          /* from the start; -1 = unknown */
    int64_t units[TACHO_UNIT_COUNT];
    int64_t total_tokens;
    int64_t cost_pusd, reported_pusd, table_pusd;
    int64_t retries, interventions, warnings, error_count, tool_calls;
    int64_t context_size, context_limit, compressions;
    int64_t low_confidence;        /* 1: imported with preliminary counts only; else 0 */
    const tacho_named *components; /* name -> nanoseconds */
    uint32_t component_count;
    uint32_t weight;                /* how many operations this record stands for (sampling); 1 */
    const char *source, *source_id; /* where it was imported from; NULL = recorded live */
    const char *price_sheet;        /* sheet that priced it; NULL = none */
    const char *service_tier;       /* class of service it was priced in: "batch", "priority" ...; NULL = not said */
    const char *region;             /* "global" or "regional", as far as a price depends on it; NULL = not said */
    const char *description;        /* NULL = none */
    const tacho_note *metadata;     /* what the caller added; sorted by name */
    uint32_t metadata_count;
    uint32_t reserved2;
    const tacho_event *events; /* in the order in which they happened */
    uint32_t event_count;
    uint32_t reserved3;
    const tacho_tag *tags; /* declared tags that it was recorded with, in the order of their declaration */
    uint32_t tag_count;
    uint32_t reserved4;
} tacho_record_view;

#define TACHO_VALUE_UNKNOWN INT64_MIN

/** One series of a metric that the application declared (tachograph/metric.h). Figures are integers of `digits` decimal
 * digits of the unit: 9 for seconds, 0 for bytes and tokens, else 6. */
typedef struct tacho_metric_row {
    uint32_t struct_size;
    uint32_t digits;
    const char *metric, *type, *unit, *merge, *description; /* description NULL = none */
    const tacho_tag *labels;                                /* of the overflow series all values are `other` */
    uint32_t label_count;
    uint32_t reserved;
    int64_t value;              /* counters and gauges */
    int64_t count;              /* histograms, as the rest: values; -1 in counters and gauges */
    int64_t sum, min, max, avg; /* exact (avg rounded to a digit) */
    int64_t p50, p95, p99;      /* from the sketch: within 2.2 % */
    int64_t low, high;          /* of `count`: values outside the grid, in its first or last bucket */
    int64_t changed_at_ns;      /* gauges: Unix time of the latest change; 0 = unknown */
} tacho_metric_row;

/** One cache of the application (tachograph/cache.h). */
typedef struct tacho_cache_row {
    uint32_t struct_size;
    uint32_t reserved;
    const char *cache;
    int64_t hits, misses, total_requests; /* total = hits + misses */
    double hit_rate;                      /* hits / total; NaN without requests */
    int64_t evictions, size_rejections;
    int64_t size, capacity; /* entries now, entries that fit, all processes together; -1 = never told */
} tacho_cache_row;

/** The field tables, in the order in which the fields are shown. Static storage. */
TACHO_API const tacho_field *tacho_row_fields(size_t *count);     /* of tacho_row */
TACHO_API const tacho_field *tacho_record_fields(size_t *count);  /* of tacho_record_view */
TACHO_API const tacho_field *tacho_summary_fields(size_t *count); /* scalars of tacho_summary */
/** Names of the fields of a summary that say how far it can be trusted: its `data_quality`. */
TACHO_API const char *const *tacho_summary_quality(size_t *count);
TACHO_API const tacho_field *tacho_metric_fields(size_t *count); /* of tacho_metric_row */
TACHO_API const tacho_field *tacho_cache_fields(size_t *count);  /* of tacho_cache_row */

/**
 * A table: rows sorted by cost, then calls (both falling), then name; days in calendar order. Totals are over all rows,
 * also those that query->limit left out. A row without its grouping key stands for calls that had none, or, where a
 * warning says so, for records that were overwritten before they were read. tacho_rows_free frees all of it.
 */
typedef struct tacho_rows {
    uint32_t struct_size;
    uint32_t by; /* tacho_by */
    const tacho_row *rows;
    size_t count;
    tacho_row totals;
    const char *const *warnings; /* English sentences without full stop, for a person */
    size_t warning_count;
    uint32_t by_also; /* TACHO_BY_BIT of further grouping keys */
    uint32_t by_tag_count;
    const char *const *by_tags; /* "tag:" and the name, of each tag that is a grouping key */
} tacho_rows;
TACHO_API void tacho_rows_free(tacho_rows *rows); /* NULL is allowed */

/**
 * Take a snapshot of what a live collector can see: its own numbers, and those of all others that share its registry,
 * living or dead. Writers are never waited for. Segments that cannot be read are left out and counted
 * (`segments_skipped` of the summary).
 *
 * @return TACHO_OK; TACHO_NOMEM; of a registry also TACHO_IO (the folder cannot be listed) and TACHO_BUSY (dead
 *         processes were being added up all the time; try again)
 */
TACHO_API tacho_status tacho_snapshot_take(tacho_collector *collector, tacho_snapshot **out);
/** The same of this collector alone, whoever shares its registry. TACHO_OK; TACHO_NOMEM. */
TACHO_API tacho_status tacho_snapshot_take_process(tacho_collector *collector, tacho_snapshot **out);
/**
 * The same of a registry from outside: no collector is needed, and the processes notice nothing. The segments of dead
 * processes are added up in the folder first, if nobody else is doing that.
 *
 * @param dir  the folder, as in tacho_config
 * @return TACHO_OK (also when nobody has recorded yet); TACHO_NOT_FOUND (no folder, or no registry in it); TACHO_DENIED
 *         (not a folder of this user alone, or a symbolic link); TACHO_UNSUPPORTED (a filesystem of the network);
 *         TACHO_FOREIGN, TACHO_NEWER, TACHO_DAMAGED (its `meta`); TACHO_INVALID; and as tacho_snapshot_take
 */
TACHO_API tacho_status tacho_snapshot_attach(const char *dir, tacho_snapshot **out);
TACHO_API tacho_snapshot *tacho_snapshot_retain(tacho_snapshot *snapshot);
TACHO_API void tacho_snapshot_free(tacho_snapshot *snapshot); /* drops one reference; NULL is allowed */
/** Merge snapshots: per (segment, generation) the later part counts, so merging twice changes nothing (semantics 37).
 */
TACHO_API tacho_status tacho_snapshot_merge(const tacho_snapshot *a, const tacho_snapshot *b, tacho_snapshot **out);

/* The tables of faces "Reading". Each gives rows to be freed with tacho_rows_free. TACHO_OK; TACHO_NOMEM. */
TACHO_API tacho_status tacho_snapshot_operations(const tacho_snapshot *snapshot,
                                                 tacho_rows **out); /* without kind tool */
TACHO_API tacho_status tacho_snapshot_tools(const tacho_snapshot *snapshot, tacho_rows **out);
TACHO_API tacho_status tacho_snapshot_models(const tacho_snapshot *snapshot, tacho_rows **out);
/** One row per provider: its model calls, and other operations that name it and are no step, agent or workflow. */
TACHO_API tacho_status tacho_snapshot_providers(const tacho_snapshot *snapshot, tacho_rows **out);
TACHO_API tacho_status tacho_snapshot_sessions(const tacho_snapshot *snapshot, tacho_rows **out);
/**
 * Usage and cost by query->by and the keys of query->by_also; day, session and a time range are answered from the
 * records, with a warning for what the ring lost. Also TACHO_NOT_FOUND (no such session) and TACHO_INVALID (a session
 * prefix that is short or not unique).
 */
TACHO_API tacho_status tacho_snapshot_usage(const tacho_snapshot *snapshot, const tacho_query *query, tacho_rows **out);

/** Series of custom metrics by name, then labels; merged over processes by the merge rule of the metric. */
typedef struct tacho_metric_rows {
    uint32_t struct_size;
    uint32_t reserved;
    const tacho_metric_row *rows;
    size_t count;
} tacho_metric_rows;
/** `metric` NULL = all. TACHO_OK; TACHO_NOMEM. An unlabelled counter or histogram has a row from its declaration on,
 * any other series from its first record on. */
TACHO_API tacho_status tacho_snapshot_metrics(const tacho_snapshot *snapshot, const char *metric,
                                              tacho_metric_rows **out);
TACHO_API void tacho_metric_rows_free(tacho_metric_rows *rows); /* NULL is allowed */

/** Caches by name. `totals` is over all of them; its `cache` is NULL. */
typedef struct tacho_cache_rows {
    uint32_t struct_size;
    uint32_t reserved;
    const tacho_cache_row *rows;
    size_t count;
    tacho_cache_row totals;
} tacho_cache_rows;
/** TACHO_OK; TACHO_NOMEM. */
TACHO_API tacho_status tacho_snapshot_caches(const tacho_snapshot *snapshot, tacho_cache_rows **out);
TACHO_API void tacho_cache_rows_free(tacho_cache_rows *rows); /* NULL is allowed */

/** Records: an array of views sorted by end time, oldest first; those of tacho_snapshot_slowest by duration, slowest
 * first.
 */
typedef struct tacho_records {
    uint32_t struct_size;
    uint32_t by_duration; /* != 0: slowest first, and so they are printed; else as a tree */
    const tacho_record_view *records;
    size_t count;
    uint64_t lost;      /* records that were overwritten before this snapshot */
    const char *unread; /* what tacho_snapshot_unread says; NULL = nothing */
} tacho_records;
TACHO_API tacho_status tacho_snapshot_records(const tacho_snapshot *snapshot, const tacho_query *query,
                                              tacho_records **out);
/**
 * What the snapshot lacks because segments of processes could not be read, as a sentence without full stop ("" if
 * nothing). It stands in the warnings of all rows too.
 *
 * @return how many segments; 0 for NULL
 */
TACHO_API uint64_t tacho_snapshot_unread(const tacho_snapshot *snapshot, char *out, size_t size);
/** The slowest finished operations since start, slowest first, at most n (0 = 10) over all kinds. */
TACHO_API tacho_status tacho_snapshot_slowest(const tacho_snapshot *snapshot, size_t n, tacho_records **out);
TACHO_API void tacho_records_free(tacho_records *records); /* NULL is allowed */

/** The session summary. Lists are owned by the summary. */
typedef struct tacho_summary {
    uint32_t struct_size;
    int32_t cost_state;
    const char *session; /* NULL = the process since start or reset */
    int64_t started_at_ns, ended_at_ns;
    int64_t total_operations;                         /* neither tool calls nor components */
    int64_t successful_operations, failed_operations; /* ok; error + timeout */
    int64_t total_steps, total_tool_calls;
    int64_t total_ns; /* wall time from the first begin to the last end; -1 = unknown */
    int64_t avg_step_ns;
    int64_t total_tokens, total_input_tokens, total_output_tokens;
    int64_t units[TACHO_UNIT_COUNT];
    int64_t total_cost_pusd;
    int64_t model_calls, unpriced_calls;
    double success_rate; /* over steps when there are any, else over operations */
    int64_t retries, interventions;
    double intervention_rate; /* interventions / steps, else / operations */
    int64_t context_size, max_context_size, compressions;
    double cache_hit_rate; /* cache read tokens / all input tokens; NaN without input */
    const char *most_used_tool, *least_used_tool;
    const char *price_table; /* "version date" of the table that priced it */
    int64_t records_lost, usage_absent, low_confidence_calls, series_overflow; /* data quality */
    const tacho_rows *tools, *models;
    const tacho_records *slowest; /* at most 5 */
    int64_t context_limit;        /* of the newest context; -1 = unknown */
    const tacho_named *drops;     /* what was dropped or ignored, by cause, in the whole process; data quality */
    uint32_t drop_count;
    uint32_t reserved;
    const tacho_named *segments_skipped; /* segments of the registry that could not be read, by reason; data quality */
    uint32_t segments_skipped_count;
    uint32_t reserved2;
    /* Of the application, which belong to no session: NULL in the summary of one, and in one of a history. */
    const tacho_cache_rows *caches;
    const tacho_metric_rows *metrics;
    /* Neither successful nor failed: cancelled, given up, and in flight when their process died. */
    int64_t cancelled_operations, aborted_operations, orphaned_operations;
} tacho_summary;

/**
 * @param session  NULL = the process since start or reset; else an id, or a prefix of at least 4 bytes
 * @return TACHO_OK; TACHO_NOT_FOUND; TACHO_INVALID (a prefix that is short or not unique); TACHO_NOMEM
 */
TACHO_API tacho_status tacho_snapshot_summary(const tacho_snapshot *snapshot, const char *session, tacho_summary **out);
TACHO_API void tacho_summary_free(tacho_summary *summary); /* NULL is allowed */

/** What runs, and what it takes of the machine (semantics 31), when the snapshot was taken. */
typedef struct tacho_system {
    uint32_t struct_size;
    uint32_t reserved;
    int64_t total_requests;      /* ended operations of kind llm, embedding and tool */
    int64_t concurrent_requests; /* those in flight */
    int64_t active_sessions;     /* used within 15 minutes and not ended; those that found no slot are not seen */
    int64_t active_agents;       /* operations of kind agent in flight */
    int64_t in_flight;           /* operations of any kind in flight */
    int64_t processes;           /* how many the next three are sums over */
    int64_t cpu_ns;              /* user and system time; -1 = unknown, as the next two */
    int64_t memory_bytes;        /* resident */
    int64_t descriptors;         /* open */
    int64_t started_at_ns;       /* when recording began: start or reset; Unix time, 0 = unknown */
    int64_t uptime_ns;           /* since then; -1 = unknown */
} tacho_system;
#define TACHO_SYSTEM_INIT                                                                                              \
    { sizeof(tacho_system), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
TACHO_API const tacho_field *tacho_system_fields(size_t *count); /* of tacho_system; static storage */
/** Fills `out`, which starts as TACHO_SYSTEM_INIT. TACHO_OK; TACHO_INVALID (struct_size); TACHO_NOMEM. */
TACHO_API tacho_status tacho_snapshot_system(const tacho_snapshot *snapshot, tacho_system *out);

#ifdef __cplusplus
}
#endif
#endif
