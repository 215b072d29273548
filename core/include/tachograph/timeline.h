/**
 * A number over time: one value per step of the last minutes, hours or days, without a database.
 *
 * The first call starts the keeper, the one native thread of the process, which adds up every ten seconds what is new.
 * In a registry only one process does it; the others read what it saved in the last minute, and add what is new since.
 */
#ifndef TACHOGRAPH_TIMELINE_H
#define TACHOGRAPH_TIMELINE_H

#include <tachograph/collector.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One step. Times are Unix nanoseconds. */
typedef struct tacho_point {
    int64_t start_ns, end_ns; /* multiples of the step; days are UTC */
    double value;             /* NaN = unknown, or there was nothing that it could be of; dollars if it is money */
    int64_t value_pusd;       /* money exactly; TACHO_COST_UNKNOWN, also for what is no money */
    int64_t n;                /* operations that ended in it; components where a component is asked for */
    int32_t complete;         /* 1: all of it is over and was watched; else the value is of a part of it */
    int32_t reserved;
} tacho_point;

typedef struct tacho_timeline {
    uint32_t struct_size;
    int32_t is_money;          /* 1: `value_pusd` is the value */
    const tacho_point *points; /* oldest first; the last one contains now */
    size_t count;
    int64_t step_ns;
    int64_t covered_ns;  /* time within the period that was watched in this step */
    const char *problem; /* what is wrong with the question; "" if nothing */
} tacho_timeline;        /* grow at the end only */

/**
 * The values of a number over a period.
 *
 * A value is off its step by at most half of the ten seconds between two feeds; durations by 2.2 % (semantics 11),
 * `min` and `max` too. Known are 10 minutes in steps of 10s, 2 hours in steps of 1m, 48 hours in longer steps; a point
 * before that has n = 0 and is not complete. At most 128 series are told apart; the others are in the sums over all.
 *
 * @param collector  NULL = disabled mode: no point is known
 * @param what    `STAT{LABEL="value",...}` as in rules: calls errors error_rate success_rate availability retries
 *                interventions avg min max std p50..p99.9 rate cost cost_per_call tokens input_tokens output_tokens
 *                total_input_tokens total_output_tokens; labels operation, kind, provider, model, tool, component,
 *                tag:NAME
 * @param period  a number and one of s m h d w: "10m", "1h"
 * @param step    "10s", "1m", "15m", "1h" or "1d"; NULL = the shortest that is known for the whole period
 * @param out     ended with tacho_timeline_free; given also with TACHO_INVALID, for its `problem`
 * @return TACHO_OK; TACHO_INVALID (also for more than 10,000 points); TACHO_NOMEM; as tacho_snapshot_take. Any thread.
 */
TACHO_API tacho_status tacho_timeline_take(tacho_collector *collector, const char *what, const char *period,
                                           const char *step, tacho_timeline **out);
TACHO_API void tacho_timeline_free(tacho_timeline *timeline); /* NULL is allowed */

/**
 * Waits until the keeper has done once more what it does from time to time (windows, folding, history).
 *
 * @return TACHO_OK, also where there is no keeper or it is another process, which hands over in its own time;
 *         TACHO_BUSY (not over in time); TACHO_IO (the history could not be written; it is tried again). Any thread.
 */
TACHO_API tacho_status tacho_collector_flush(tacho_collector *collector, uint64_t timeout_ns);

#ifdef __cplusplus
}
#endif
#endif
