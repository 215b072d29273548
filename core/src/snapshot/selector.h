/**
 * What a number is asked for by its words: `STAT{LABEL="value",...}`, for example `p95{operation="answer"}` (faces 5).
 *
 * STAT: calls errors error_rate success_rate availability retries interventions avg min max std p50..p99.9 rate cost
 * cost_per_call tokens and the token sums of a row. Labels: operation, kind, provider, model, tool, component, and
 * `tag:NAME` for a declared tag; matchers `=` and `!=`, where `*` in a value stands for any text. Without a component
 * only whole operations are meant.
 */
#ifndef TACHO_SNAPSHOT_SELECTOR_H
#define TACHO_SNAPSHOT_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__SELECTOR_MATCHERS 8u
#define TACHO__SELECTOR_VALUE    201u
#define TACHO__SELECTOR_PROBLEM  160u

typedef enum tacho__stat {
    TACHO__STAT_CALLS,
    TACHO__STAT_ERRORS,
    TACHO__STAT_ERROR_RATE,
    TACHO__STAT_SUCCESS_RATE,
    TACHO__STAT_AVAILABILITY,
    TACHO__STAT_RETRIES,
    TACHO__STAT_INTERVENTIONS,
    TACHO__STAT_AVG,
    TACHO__STAT_MIN,
    TACHO__STAT_MAX,
    TACHO__STAT_STD,
    TACHO__STAT_QUANTILE,
    TACHO__STAT_RATE,
    TACHO__STAT_COST,
    TACHO__STAT_COST_PER_CALL,
    TACHO__STAT_TOKENS,
    TACHO__STAT_INPUT_TOKENS,
    TACHO__STAT_OUTPUT_TOKENS,
    TACHO__STAT_TOTAL_INPUT_TOKENS,
    TACHO__STAT_TOTAL_OUTPUT_TOKENS
} tacho__stat;

/** What a series is called; NULL = it has none. */
typedef struct tacho__labels {
    const char *operation, *kind, *provider, *model, *component;
    const char *tags; /* declared tags as tacho__tags_text makes it */
} tacho__labels;

typedef struct tacho__matcher {
    unsigned label; /* as in the list above, from 0 */
    bool unlike;
    char tag[TACHO__SELECTOR_VALUE]; /* name of the tag */
    char value[TACHO__SELECTOR_VALUE];
} tacho__matcher;

typedef struct tacho__selector {
    tacho__stat stat;
    unsigned permille; /* of a quantile */
    uint32_t count;
    tacho__matcher matchers[TACHO__SELECTOR_MATCHERS];
} tacho__selector;

/** Reads one. TACHO_OK; TACHO_INVALID, and `problem` says what is wrong and where, in one sentence. */
tacho_status tacho__selector_parse(const char *text, tacho__selector *out, char problem[TACHO__SELECTOR_PROBLEM]);
/** Whether a series is meant. */
bool tacho__selector_matches(const tacho__selector *selector, const tacho__labels *labels);
/** Whether the number is an amount of money. */
static inline bool tacho__selector_is_money(const tacho__selector *selector) {
    return selector->stat == TACHO__STAT_COST || selector->stat == TACHO__STAT_COST_PER_CALL;
}

#endif
