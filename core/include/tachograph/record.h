/**
 * Recording: bound series, operations, finished operations after the fact.
 *
 * No call here raises, blocks, prints or exits. On the record path (begin, end, usage and the other operation calls
 * through a bound handle) there is no lock, no allocation and no system call but the clock, except at first use per
 * process, thread and series. A NULL collector, series or operation is the disabled mode: the call does nothing and
 * returns TACHO_OK. Durations are nanoseconds of the monotonic clock; money is pico-USD (10^-12 USD).
 */
#ifndef TACHOGRAPH_RECORD_H
#define TACHOGRAPH_RECORD_H

#include <tachograph/collector.h>
#include <tachograph/usage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds, outcomes, categories: values are ABI and on-disk; append, never renumber. X(ENUM, text) */
#define TACHO_KIND_MAP(X)                                                                                              \
    X(CUSTOM, "custom")                                                                                                \
    X(STEP, "step")                                                                                                    \
    X(LLM, "llm")                                                                                                      \
    X(EMBEDDING, "embedding")                                                                                          \
    X(TOOL, "tool")                                                                                                    \
    X(AGENT, "agent")                                                                                                  \
    X(WORKFLOW, "workflow")                                                                                            \
    X(RETRIEVER, "retriever") X(RERANKER, "reranker") X(GUARDRAIL, "guardrail") X(EVALUATOR, "evaluator")
#define TACHO_OUTCOME_MAP(X)                                                                                           \
    X(OK, "ok")                                                                                                        \
    X(ERROR, "error") X(TIMEOUT, "timeout") X(CANCELLED, "cancelled") X(ABORTED, "aborted") X(ORPHANED, "orphaned")
#define TACHO_CATEGORY_MAP(X)                                                                                          \
    X(NONE, "")                                                                                                        \
    X(NETWORK, "network")                                                                                              \
    X(AUTH, "auth")                                                                                                    \
    X(RATE_LIMIT, "rate_limit")                                                                                        \
    X(TIMEOUT, "timeout")                                                                                              \
    X(INVALID_REQUEST, "invalid_request")                                                                              \
    X(CONTEXT_LENGTH, "context_length")                                                                                \
    X(CONTENT_FILTER, "content_filter")                                                                                \
    X(PROVIDER, "provider") X(TOOL, "tool") X(INTERNAL, "internal") X(OTHER, "other")

typedef enum tacho_kind {
#define X(name, text) TACHO_KIND_##name,
    TACHO_KIND_MAP(X)
#undef X
        TACHO_KIND_COUNT
} tacho_kind;
typedef enum tacho_outcome {
#define X(name, text) TACHO_OUTCOME_##name,
    TACHO_OUTCOME_MAP(X)
#undef X
        TACHO_OUTCOME_COUNT
} tacho_outcome;
typedef enum tacho_category {
#define X(name, text) TACHO_CATEGORY_##name,
    TACHO_CATEGORY_MAP(X)
#undef X
        TACHO_CATEGORY_COUNT
} tacho_category;

/** Text of a value, "" for one not on the list; static storage. And back: TACHO_NOT_FOUND leaves *out alone. */
TACHO_API const char *tacho_kind_text(int kind);
TACHO_API const char *tacho_outcome_text(int outcome);
TACHO_API const char *tacho_category_text(int category);
TACHO_API tacho_status tacho_kind_parse(const char *text, tacho_kind *out);
TACHO_API tacho_status tacho_outcome_parse(const char *text, tacho_outcome *out);
TACHO_API tacho_status tacho_category_parse(const char *text, tacho_category *out);

/** What is known of a failure; every field may be left out. Feeds tacho_classify (semantics 29, 30). */
typedef struct tacho_failure {
    uint32_t struct_size;
    int32_t http_status;            /* 0 = unknown */
    int32_t error_number;           /* errno; 0 = unknown */
    uint32_t class_count;           /* 0..8 */
    const char *code;               /* provider's error code ("context_length_exceeded"); NULL = unknown */
    const char *const *class_names; /* method resolution order, most derived first, unqualified names */
} tacho_failure;
#define TACHO_FAILURE_INIT                                                                                             \
    { sizeof(tacho_failure), 0, 0, 0, NULL, NULL }

/**
 * Category and outcome of a failure, from one table over code, HTTP status, class names, errno, in that order; else
 * `other`. Message text is never read. *outcome becomes error, timeout, cancelled, aborted or (SystemExit) error.
 */
TACHO_API void tacho_classify(const tacho_failure *failure, tacho_category *category, tacho_outcome *outcome);

typedef struct tacho_series tacho_series; /* a bound handle: kind, name and labels resolved once */

#define TACHO_TAGS_MAX 8 /* declared tags of a collector, and tags in a query */

typedef struct tacho_tag {
    const char *name;  /* a name declared in tacho_config.tags becomes a label; others are dropped and counted */
    const char *value; /* UTF-8; cut at 200 bytes with a hash suffix */
} tacho_tag;

typedef struct tacho_labels {
    uint32_t struct_size;
    uint32_t tag_count;
    const char *provider; /* OpenTelemetry name or alias; NULL = none */
    const char *model;    /* requested model id; NULL = none, or known at the end only (semantics 18) */
    const tacho_tag *tags;
} tacho_labels;
#define TACHO_LABELS_INIT                                                                                              \
    { sizeof(tacho_labels), 0, NULL, NULL, NULL }
#define TACHO_LABELS(...) ((tacho_labels){.struct_size = sizeof(tacho_labels), __VA_ARGS__})

/**
 * Resolve a series once; hot paths keep the handle.
 *
 * @param name    UTF-8, 1..200 bytes after cleaning; copied
 * @param labels  NULL = none; copied
 * @param out     the handle, with a reference; tacho_series_release drops it
 * @return TACHO_OK; TACHO_INVALID (empty name, kind not on the list); TACHO_NOMEM. A full table is not an error: the
 *         handle books to the overflow series, and that is counted.
 *
 * Any thread. Takes the collector's slow-path lock.
 */
TACHO_API tacho_status tacho_bind(tacho_collector *collector, tacho_kind kind, const char *name,
                                  const tacho_labels *labels, tacho_series **out);
/** One more reference / one less. NULL is allowed. */
TACHO_API tacho_series *tacho_series_retain(tacho_series *series);
TACHO_API void tacho_series_release(tacho_series *series);

/** An operation in flight, on the caller's stack. Opaque. Any thread of the process may end it (semantics 8). */
typedef struct tacho_operation {
    uint64_t opaque[64];
} tacho_operation;

typedef struct tacho_begin_options {
    uint32_t struct_size;
    uint32_t flags;                /* 0 */
    const tacho_operation *parent; /* in flight or ended; NULL = root */
    tacho_session *session;        /* NULL = the parent's, else the collector's */
    const char *traceparent; /* W3C trace context; NULL = the parent's, else a random trace id; invalid = ignored */
    const char *description; /* as tacho_operation_describe; NULL = none */
} tacho_begin_options;
#define TACHO_BEGIN_OPTIONS_INIT                                                                                       \
    { sizeof(tacho_begin_options), 0, NULL, NULL, NULL, NULL }

/** Begin now. `parent` NULL = root of a trace. Always leaves `op` in a state that every other call accepts. */
TACHO_API tacho_status tacho_begin(tacho_series *series, const tacho_operation *parent, tacho_operation *op);
/** The same with a session or a trace context given. options NULL = tacho_begin without parent. */
TACHO_API tacho_status tacho_begin_with(tacho_series *series, const tacho_begin_options *options, tacho_operation *op);
/**
 * End now and book everything the operation collected, all or nothing.
 *
 * @return TACHO_OK; with TACHO_CONFIG_STRICT also TACHO_ENDED (ended before), TACHO_INVALID (outcome not on the list)
 */
TACHO_API tacho_status tacho_end(tacho_operation *op, tacho_outcome outcome);

/** Why it failed: kept until the end; the first call wins. `type` = class name or code, cut at 200 bytes; NULL = none.
 */
TACHO_API tacho_status tacho_operation_fail(tacho_operation *op, tacho_category category, const char *type);
/** Book a finished component of this operation's time at once. name: 1..200 bytes. The first 8 stay in the
 * record, the others in its notes. */
TACHO_API tacho_status tacho_operation_component(tacho_operation *op, const char *name, uint64_t duration_ns);
/** Book a finished tool call as a child operation of kind tool at once. error_type NULL = none. */
TACHO_API tacho_status tacho_operation_tool_call(tacho_operation *op, const char *tool, uint64_t duration_ns,
                                                 tacho_outcome outcome, tacho_category category,
                                                 const char *error_type);
/**
 * Report usage; priced here, at the operation's start time (semantics 22 to 27, 51). A second call with the same
 * response id replaces field by field (last named value), anything else adds.
 *
 * @return TACHO_OK; TACHO_INVALID (a count that is negative, no number or above 2^53: counted, the rest is booked)
 */
TACHO_API tacho_status tacho_operation_usage(tacho_operation *op, const tacho_usage *usage);
/** Report a provider's response that a dialect has read: every part of it. TACHO_OK; TACHO_INVALID as
 * tacho_operation_usage, if it names our own classes. */
TACHO_API tacho_status tacho_operation_response(tacho_operation *op, const tacho_response *response);
/** The model or provider that answered; the end picks the series by it (semantics 18). */
TACHO_API tacho_status tacho_operation_model(tacho_operation *op, const char *model);
TACHO_API tacho_status tacho_operation_provider(tacho_operation *op, const char *provider);
/** A cost reported by the provider, in pico-USD >= 0; it wins over the table's figure. */
TACHO_API tacho_status tacho_operation_cost(tacho_operation *op, int64_t cost_pusd);
/** The first token (or item) arrived now; the first call wins. */
TACHO_API tacho_status tacho_operation_first_token(tacho_operation *op);
/** One more attempt; `reason` becomes an event `retry` with the field `reason`, NULL = none. */
TACHO_API tacho_status tacho_operation_retry(tacho_operation *op, const char *reason);
/** A human stepped in. */
TACHO_API tacho_status tacho_operation_human(tacho_operation *op);
/** A warning; `type` becomes an event `warning` with the field `type`, NULL = none. */
TACHO_API tacho_status tacho_operation_warn(tacho_operation *op, const char *type);
/** Context size in tokens; limit 0 = unknown; compressed != 0 = a compaction happened. */
TACHO_API tacho_status tacho_operation_context(tacho_operation *op, uint64_t size, uint64_t limit, int compressed);
/** The tool a step used: a field of its record, not a tool call. */
TACHO_API tacho_status tacho_operation_tool(tacho_operation *op, const char *tool);

/* ---- notes: what belongs to the record of one operation and to no number (semantics 14). They are kept in a ring of
 * their own, the oldest lost first, at most 1 KiB for each operation; what does not fit is left out and counted
 * (`note_refused`, `note_lost`). Nothing is recorded there that the caller did not pass: no prompts, no arguments. */

typedef enum tacho_note_type {
    TACHO_NOTE_NONE, /* known to be nothing */
    TACHO_NOTE_TEXT,
    TACHO_NOTE_INTEGER,
    TACHO_NOTE_NUMBER,
    TACHO_NOTE_BOOLEAN
} tacho_note_type;

/** One named value: of the metadata of an operation, or a field of an event. */
typedef struct tacho_note {
    const char *name;
    uint32_t type; /* tacho_note_type */
    uint32_t reserved;
    const char *text; /* TEXT: UTF-8, cut at 200 bytes with a hash suffix */
    int64_t integer;  /* INTEGER; BOOLEAN: 0 or 1 */
    double number;    /* NUMBER */
} tacho_note;

/**
 * Add metadata to the record. Any number of times; of equal names the last value counts.
 *
 * @param notes  names of 1..200 bytes; copied
 * @return TACHO_OK; TACHO_INVALID (a name that is empty, a type off its list: nothing is added)
 */
TACHO_API tacho_status tacho_operation_metadata(tacho_operation *op, const tacho_note *notes, size_t count);
/** Add an event that happens now, with a name of 1..200 bytes and fields. As above. */
TACHO_API tacho_status tacho_operation_event(tacho_operation *op, const char *name, const tacho_note *fields,
                                             size_t count);
/** What the operation is about, in a few words: cut at 200 bytes; the last call counts. NULL and "" do nothing. */
TACHO_API tacho_status tacho_operation_describe(tacho_operation *op, const char *description);

/** 64-bit id, shown as 16 hex digits; 0 when disabled. */
TACHO_API uint64_t tacho_operation_id(const tacho_operation *op);
/** Nanoseconds since the begin, or the whole duration after the end. */
TACHO_API uint64_t tacho_operation_elapsed_ns(const tacho_operation *op);
/** "00-<32 hex>-<16 hex>-01" of this operation, NUL-terminated, into 56 bytes. */
TACHO_API tacho_status tacho_operation_traceparent(const tacho_operation *op, char out[56]);
/** Whether a text is a W3C trace context. One that is none is counted and ignored at the begin. TACHO_OK;
 * TACHO_INVALID.
 */
TACHO_API tacho_status tacho_traceparent_check(const char *text);
/** Cost so far (or at the end) in pico-USD; TACHO_COST_UNKNOWN when nothing is priced. *state may be NULL. */
TACHO_API int64_t tacho_operation_cost_pusd(const tacho_operation *op, tacho_cost_state *state);
/** The outcome after the end; -1 while in flight. */
TACHO_API int tacho_operation_outcome(const tacho_operation *op);

#define TACHO_DURATION_UNKNOWN UINT64_MAX /* counted, but in no percentile: `calls` grows, `timed_calls` does not */

typedef struct tacho_component {
    const char *name;
    uint64_t duration_ns;
} tacho_component;

/** One finished operation, after the fact. Start from TACHO_FINISHED_INIT: zero fields mean what their comment says. */
typedef struct tacho_finished {
    uint32_t struct_size;
    uint32_t outcome;  /* tacho_outcome */
    uint32_t category; /* tacho_category */
    uint32_t retries;
    uint64_t duration_ns;           /* or TACHO_DURATION_UNKNOWN */
    int64_t ended_at_ns;            /* Unix time in ns; 0 = now */
    int64_t cost_pusd;              /* reported; TACHO_COST_UNKNOWN = none */
    uint64_t first_token_ns;        /* from the start; 0 = unknown */
    const char *error_type;         /* NULL = none */
    const char *tool;               /* a field of the record; NULL = none */
    const tacho_usage *usage;       /* NULL = unknown */
    const tacho_response *response; /* instead of usage; NULL = none */
    const tacho_component *components;
    uint32_t component_count;
    uint32_t interventions;
    uint32_t warnings;
    uint32_t compressed;           /* != 0: a compaction happened */
    uint64_t context_size;         /* tokens; 0 = unknown */
    uint64_t context_limit;        /* tokens; 0 = unknown */
    const tacho_operation *parent; /* NULL = root */
    tacho_session *session;        /* NULL = the parent's, else the collector's */
    const char *description;       /* as tacho_operation_describe; NULL = none */
    const tacho_note *metadata;    /* as tacho_operation_metadata */
    uint32_t metadata_count;
    uint32_t reserved;
} tacho_finished;
#define TACHO_FINISHED_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(tacho_finished), 0, 0, 0, 0, 0, TACHO_COST_UNKNOWN, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0,  \
            NULL, NULL, NULL, NULL, 0, 0                                                                               \
    }

/**
 * Record one finished operation, all or nothing.
 *
 * @return TACHO_OK; TACHO_INVALID (a value off its list, or a duration of more than 292 years: counted, not recorded; a
 *         wrong count as for tacho_operation_usage: counted, and recorded without it)
 */
TACHO_API tacho_status tacho_record(tacho_series *series, const tacho_finished *finished);

/** Count one successful operation of this duration on the series and its session: no record, no clock. The fastest
 * call. */
TACHO_API tacho_status tacho_observe(tacho_series *series, uint64_t duration_ns);

/** A duration in seconds to nanoseconds, half to even; TACHO_INVALID for NaN, infinite, negative or over 292 years
 * (counted). */
TACHO_API tacho_status tacho_seconds_to_ns(tacho_collector *collector, double seconds, uint64_t *out_ns);

#ifdef __cplusplus
}
#endif
#endif
