/**
 * What one row adds up: every number is an exact integer sum or a bucket count, so groups may be added, and what one
 * source knows more than another is their difference. All derived figures (rates, means, percentiles, the cost state of
 * a sum) are made in one place, tacho__group_row, whether the sums come from live series, from a file or from history.
 */
#ifndef TACHO_SNAPSHOT_GROUP_H
#define TACHO_SNAPSHOT_GROUP_H

#include "snapshot/arena.h"
#include "snapshot/buckets.h"
#include "snapshot/recent.h"
#include "snapshot/tags.h"

#include <tachograph/snapshot.h>

#define TACHO__GROUP_COST_STATES (TACHO_COST_STATE_FREE + 1)

/** What rows are told apart by: borrowed texts; NULL = not known or not grouped by. */
typedef struct tacho__keys {
    const char *operation, *kind, *provider, *model, *tool, *session, *day;
    tacho__tags_of tags;
} tacho__keys;

typedef struct tacho__group {
    union {
        tacho__keys keys;
        struct {
            const char *operation, *kind, *provider, *model, *tool, *session, *day;
            tacho__tags_of tags;
        };
    };
    bool providers_differ; /* a row by model tells its provider only if all its calls have the same */
    /* calls */
    int64_t outcomes[TACHO_OUTCOME_COUNT];
    int64_t unsplit;         /* calls whose outcome is not known: part of a rest (semantics 5) */
    int64_t unavailable;     /* timeouts, and errors of category network, timeout, rate_limit or provider */
    bool categories_unknown; /* some errors are in no category: `unavailable` is too small */
    int64_t in_flight;       /* -1 = unknown */
    int64_t retries, interventions, warnings, low_confidence;
    tacho_named *error_types; /* owned array, not sorted */
    uint32_t error_type_count, error_type_room;
    /* time of the timed calls */
    tacho__buckets durations;
    tacho__recent recent;
    int64_t timed, total_ns, min_ns, max_ns; /* min and max hold when timed > 0 */
    int64_t first_tokens, first_token_ns;    /* calls with a first token; sum of their times */
    int64_t speed_ns, speed_tokens;          /* seconds and output tokens of timed calls with usage */
    /* usage */
    int64_t usage_calls;             /* calls that reported usage */
    int64_t usage_absent;            /* model calls that did not */
    int64_t units[TACHO_UNIT_COUNT]; /* all known as soon as one call reported usage (semantics 26) */
    /* money */
    int64_t cost_calls[TACHO__GROUP_COST_STATES]; /* calls that took part in the cost, by state */
    int64_t cost_pusd;                            /* sum of the priced part */
    int64_t low_confidence_pusd;                  /* part of it that low confidence calls make up */
    /* sessions */
    int64_t steps, tool_calls;
    int64_t context_size, context_at_ns, max_context_size, compressions; /* context -1 = unknown */
    int64_t context_limit;                                               /* as context_size; -1 = unknown */
    int64_t started_at_ns, ended_at_ns;                                  /* 0 = unknown */
} tacho__group;

/** An empty group. */
void tacho__group_init(tacho__group *group);
void tacho__group_free(tacho__group *group);

/**
 * Adds one finished operation. Names of error types are copied into `texts`, which has to live as long as the group;
 * keys are not taken. False when out of memory: the group is then of no use.
 */
bool tacho__group_add_record(tacho__group *group, tacho__arena *texts, const tacho_record_view *record);
/** Adds `more`; its keys are not looked at. False when out of memory. */
bool tacho__group_merge(tacho__group *group, tacho__arena *texts, const tacho__group *more);
/** The same for an empty group, which keeps its keys; `more` stays whole, and has to live as long as the group. */
bool tacho__group_start(tacho__group *group, tacho__arena *texts, const tacho__group *more);
/** Takes `less` away; nothing falls below 0. Min and max stay. */
void tacho__group_subtract(tacho__group *group, const tacho__group *less);
/** Counts an error type. False when out of memory. */
bool tacho__group_error_type(tacho__group *group, tacho__arena *texts, const char *name, int64_t n);

int64_t tacho__group_calls(const tacho__group *group);
/** State and amount of the cost of the sum (semantics 27). */
tacho_cost_state tacho__group_cost_state(const tacho__group *group);
int64_t tacho__group_cost(const tacho__group *group);
/** ok / (ok + error + timeout) (semantics 29); NaN for denominator 0. */
double tacho__group_success_rate(const tacho__group *group);
/** Semantics 29; NaN for denominator 0, and where errors are in no category. */
double tacho__group_availability(const tacho__group *group);
/** Sums of the token classes by direction (TACHO_DIRECTION_NONE = all tokens); -1 where no usage was reported. */
int64_t tacho__group_tokens(const tacho__group *group, int direction);

/** Fills a row with everything but `session`-only fields that are unknown; texts are copied into `arena`. */
void tacho__group_row(const tacho__group *group, tacho__arena *arena, tacho_row *row);

/** a + b of two amounts that are >= 0, saturating. */
static inline int64_t tacho__sum(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/** sum / n, rounded half up; -1 for n = 0. Both are >= 0. */
static inline int64_t tacho__mean(int64_t sum, int64_t n) {
    return n > 0 ? sum / n + (sum % n >= n - sum % n) : -1;
}

#endif
