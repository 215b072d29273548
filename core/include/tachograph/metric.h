/**
 * Counters, gauges and histograms that an application declares itself.
 *
 * A metric is declared once by name; its series are found by the values of its labels and bound once. A handle
 * (tacho_metric) is one bound series; what tacho_counter and its sisters give is the series whose labels are all empty.
 * Recording through a handle takes no lock, no allocation and no system call, except at first use per thread and series
 * (a gauge reads the clock). A NULL collector or handle is the disabled mode: TACHO_OK and nothing happens.
 *
 * Values are kept as integers, so that merging is exact: nanoseconds for the unit `s`, whole numbers for `By` and
 * `{token}`, millionths for every other unit; what does not fit is rounded to the nearest of them. At most 2,000 series
 * per metric (tacho_config.max_series) and 253 metrics in a process; what is beyond goes to the overflow series of the
 * metric, or to the metric `other` of the type, so that totals stay exact, and is counted.
 *
 * Handles keep the collector alive; any thread may use them, also after a reset (their numbers start at zero again).
 */
#ifndef TACHOGRAPH_METRIC_H
#define TACHOGRAPH_METRIC_H

#include <tachograph/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(ENUM, word) */
#define TACHO_METRIC_TYPE_MAP(X) X(COUNTER, "counter") X(GAUGE, "gauge") X(HISTOGRAM, "histogram")
/** How the gauges of several processes become one. Counters and histograms always add up. */
#define TACHO_MERGE_MAP(X) X(SUM, "sum") X(NEWEST, "newest") X(MAX, "max")

typedef enum tacho_metric_type {
#define X(name, text) TACHO_METRIC_##name,
    TACHO_METRIC_TYPE_MAP(X)
#undef X
        TACHO_METRIC_TYPE_COUNT
} tacho_metric_type;
typedef enum tacho_merge {
#define X(name, text) TACHO_MERGE_##name,
    TACHO_MERGE_MAP(X)
#undef X
        TACHO_MERGE_COUNT
} tacho_merge;

/** Word of a value, "" for one not on the list; static storage. And back: TACHO_NOT_FOUND leaves *out alone. */
TACHO_API const char *tacho_metric_type_text(int type);
TACHO_API const char *tacho_merge_text(int merge);
TACHO_API tacho_status tacho_merge_parse(const char *text, tacho_merge *out);

typedef struct tacho_metric tacho_metric; /* a bound series of a declared metric */

/** What is declared. Texts are copied. */
typedef struct tacho_metric_spec {
    uint32_t struct_size;
    uint32_t label_count; /* 0..8 */
    const char *name;     /* a letter or `_`, then letters, digits, `_ . - /`; at most 200 bytes; no name of our own */
    const char *description; /* one sentence for people; NULL = none */
    const char *unit; /* UCUM: s, By, {token}, {request} ...; NULL = 1. `seconds`, `bytes`, `tokens` are understood */
    const char *const
        *labels;    /* names: a letter or `_`, then letters, digits, `_ .`; not `le` or `quantile`, not twice */
    uint32_t merge; /* gauges: tacho_merge, see TACHO_METRIC_SPEC_INIT; else not read */
    uint32_t reserved;
} tacho_metric_spec;
#define TACHO_METRIC_SPEC_INIT                                                                                         \
    { sizeof(tacho_metric_spec), 0, NULL, NULL, NULL, NULL, TACHO_MERGE_NEWEST, 0 }

/**
 * Declare a metric, or find it: the same name with the same type, unit, labels and merge rule is the same metric (the
 * first description stays).
 *
 * @param out  the series with empty labels, with a reference; tacho_metric_release drops it
 * @return TACHO_OK; TACHO_INVALID (a name that is not allowed, or declared before as something else); TACHO_NOMEM;
 *         TACHO_FULL (the 1,024th metric). From the 254th on it is no error: the handle books to the metric `other` of
 *         the type, and that is counted.
 *
 * Takes the collector's slow-path lock.
 */
TACHO_API tacho_status tacho_counter(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out);
TACHO_API tacho_status tacho_gauge(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out);
TACHO_API tacho_status tacho_histogram(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out);

#define TACHO_METRIC_WORDS_MAX 2048 /* room for what a declaration is in words */
/**
 * A declaration in words: `a counter in s with the labels route, method`. The same words are the same metric, so a
 * language that declares before there is a collector can compare.
 *
 * @param size  TACHO_METRIC_WORDS_MAX holds everything; the words are cut to what is less
 * @return TACHO_OK; TACHO_INVALID (a declaration that is not allowed)
 */
TACHO_API tacho_status tacho_metric_words(tacho_metric_type type, const tacho_metric_spec *spec, char *out,
                                          size_t size);
/**
 * What a name is declared as in a collector, in the same words.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND (not declared) with "" in `out`; TACHO_INVALID
 *
 * Takes the collector's slow-path lock.
 */
TACHO_API tacho_status tacho_metric_declared(tacho_collector *collector, const char *name, char *out, size_t size);
/** Count one value as lost (`operation_lost`): for a language whose handle could not be declared, and which may not
 * raise where it records. */
TACHO_API void tacho_metric_lost(tacho_collector *collector);

/**
 * Bind the series of these label values of the metric that `metric` belongs to.
 *
 * @param values  in the order of the declaration; NULL = empty. Cleaned; cut at 200 bytes with a hash suffix
 * @param count   as many as the metric has labels
 * @param out     the handle, with a reference
 * @return TACHO_OK; TACHO_INVALID (another count); TACHO_NOMEM. A full table is not an error: the handle books to the
 *         overflow series, and that is counted.
 *
 * Takes the collector's slow-path lock for values that are new; hot code keeps the handle.
 */
TACHO_API tacho_status tacho_metric_labels(tacho_metric *metric, const char *const *values, size_t count,
                                           tacho_metric **out);
/** Index of a label by its name, -1 for none; names in the order of the declaration. */
TACHO_API int tacho_metric_label_find(const tacho_metric *metric, const char *name);
/** Number of labels, and the name of one (NULL beyond); lives as long as the handle. */
TACHO_API uint32_t tacho_metric_label_count(const tacho_metric *metric);
TACHO_API const char *tacho_metric_label_name(const tacho_metric *metric, uint32_t index);
/** One more reference / one less. NULL is allowed. */
TACHO_API tacho_metric *tacho_metric_retain(tacho_metric *metric);
TACHO_API void tacho_metric_release(tacho_metric *metric);

/*
 * Recording. TACHO_OK, also when nothing is recorded because the collector is disabled; TACHO_INVALID (a handle of
 * another type; a value that is NaN, infinite or too large; for counters and histograms a negative one): counted and
 * not recorded. Sums that reach the end of their range stay there, which is counted too.
 */

/** Counters: `amount` >= 0 more; `count` more, the fastest call. */
TACHO_API tacho_status tacho_counter_add(tacho_metric *metric, double amount);
TACHO_API tacho_status tacho_counter_count(tacho_metric *metric, uint64_t count);
/** Gauges: the value is `value` from now on; it is `amount` more or (negative) less. The latest call wins. */
TACHO_API tacho_status tacho_gauge_set(tacho_metric *metric, double value);
TACHO_API tacho_status tacho_gauge_add(tacho_metric *metric, double amount);
/** Histograms: one more value. Of a duration in nanoseconds: in the unit of the metric for `s`, `ms` and `us`, else as
 * seconds. TACHO_INVALID also for a duration in a metric of bytes or tokens. */
TACHO_API tacho_status tacho_histogram_observe(tacho_metric *metric, double value);
TACHO_API tacho_status tacho_histogram_observe_ns(tacho_metric *metric, uint64_t duration_ns);
/** Nanoseconds of the collector's monotonic clock, to be given to tacho_histogram_stop, which observes the time since
 * then. 0 without a handle. */
TACHO_API uint64_t tacho_histogram_start(const tacho_metric *metric);
TACHO_API tacho_status tacho_histogram_stop(tacho_metric *metric, uint64_t started_ns);

#ifdef __cplusplus
}
#endif
#endif
