/** The metric table of metrics.def as data (semantics 2). Static, shared by all threads. */
#ifndef TACHO_COLLECT_METRICS_H
#define TACHO_COLLECT_METRICS_H

#include <stdint.h>

typedef enum tacho__metric_id {
#define X(id, name, genai, genai_next, statsd, instrument, unit, labels, merge, read, help) TACHO__METRIC_##id,
#include "collect/metrics.def"
#undef X
    TACHO__METRIC_COUNT
} tacho__metric_id;

typedef enum tacho__instrument { TACHO__COUNTER, TACHO__GAUGE, TACHO__HISTOGRAM } tacho__instrument;
typedef enum tacho__metric_unit {
    TACHO__UNIT_ONE,
    TACHO__UNIT_S,
    TACHO__UNIT_TOKEN,
    TACHO__UNIT_USD,
    TACHO__UNIT_BY
} tacho__metric_unit;
typedef enum tacho__metric_merge {
    TACHO__MERGE_SUM,
    TACHO__MERGE_SUM_LIVE,
    TACHO__MERGE_NEWEST,
    TACHO__MERGE_MAX
} tacho__metric_merge;

/* Labels of a metric, as bits. L_SERIES stands for operation, kind, provider, model and the declared tags. X(NAME,
 * word) */
#define TACHO__METRIC_LABEL_MAP(X)                                                                                     \
    X(SERIES, "series")                                                                                                \
    X(TOOL, "tool")                                                                                                    \
    X(COMPONENT, "component")                                                                                          \
    X(OUTCOME, "outcome")                                                                                              \
    X(CATEGORY, "error_category")                                                                                      \
    X(TYPE, "error_type")                                                                                              \
    X(TOKEN, "token_class")                                                                                            \
    X(TTL, "ttl")                                                                                                      \
    X(UNIT, "unit")                                                                                                    \
    X(STATE, "cost_state")                                                                                             \
    X(CACHE, "cache")                                                                                                  \
    X(PROVIDER, "provider")                                                                                            \
    X(CAUSE, "cause")                                                                                                  \
    X(ALERT, "alertname")                                                                                              \
    X(CUSTOM, "as declared")

typedef enum tacho__metric_label_place {
#define X(name, word) TACHO__LABEL_PLACE_##name,
    TACHO__METRIC_LABEL_MAP(X)
#undef X
        TACHO__LABEL_PLACE_COUNT
} tacho__metric_label_place;

typedef struct tacho__metric {
    const char *name;       /* in our own profile */
    const char *genai;      /* in the profile of the conventions 1.41; "" = the own name is used */
    const char *genai_next; /* in the profile of the conventions to come; "" likewise */
    const char *statsd;
    const char *read;   /* region and field of core/FORMAT.md that a snapshot reads it from */
    const char *help;   /* one sentence with its full stop */
    uint32_t labels;    /* bit (1 << tacho__metric_label_place) */
    uint8_t instrument; /* tacho__instrument */
    uint8_t unit;       /* tacho__metric_unit */
    uint8_t merge;      /* tacho__metric_merge */
} tacho__metric;

/** The metric of an id; NULL for one not on the list. */
const tacho__metric *tacho__metric_at(tacho__metric_id id);
/** "counter", "s", "sum": the word of a value; "" for one not on its list. Static storage. */
const char *tacho__instrument_word(unsigned instrument);
const char *tacho__metric_unit_word(unsigned unit);
const char *tacho__metric_merge_word(unsigned merge);
/** Word of the label at a place; "" beyond the last. */
const char *tacho__metric_label_word(unsigned place);

#endif
