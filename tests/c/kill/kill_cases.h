/** The public calls that write to a segment, each in the situations in which it writes differently. */
#ifndef TACHO_TESTS_KILL_CASES_H
#define TACHO_TESTS_KILL_CASES_H

#include "support/recorder.h"

typedef struct world {
    recorder r;
    tacho_series *step, *llm, *tool, *bare; /* `bare` has no model: the end picks its series */
    tacho_session *session;
    tacho_operation op, parent;
    tacho_metric *counter, *gauge, *histogram;
    tacho_cache *cache;
    uint32_t round; /* how often the case ran before in this world */
} world;

/** The world in which a case runs. */
void kill_world_open(world *w);
void kill_world_close(world *w);

typedef struct kill_case {
    const char *function;      /* the public call under test */
    const char *what;          /* in which situation; unique */
    void (*prepare)(world *w); /* before every run; may be NULL */
    void (*run)(world *w);     /* what is stopped at every store */
    bool wraps;                /* overwrites records of others, which may vanish one store earlier */
    uint32_t lone;             /* steps that are one store, without a set */
} kill_case;

extern const kill_case kill_cases[];
extern const size_t kill_case_count;

/** Public calls that change nothing in a segment, and why. */
typedef struct kill_exemption {
    const char *function, *reason;
} kill_exemption;
extern const kill_exemption kill_exemptions[];
extern const size_t kill_exemption_count;

/** Which case changes what a metric of the table reads: the case's `what`, or a reason in parentheses. */
typedef struct kill_metric {
    const char *read, *covered;
} kill_metric;
extern const kill_metric kill_metrics[];
extern const size_t kill_metric_count;

#endif
