/** A collector with a few operations whose numbers are worked out in the tests. */
#ifndef TACHO_TEST_FILL_COLLECTOR_H
#define TACHO_TEST_FILL_COLLECTOR_H

#include "make_record.h"

#include <tachograph.h>

#define NOON INT64_C(1764504000) /* 2025-11-30T12:00:00Z */

/** Fields of a tacho_finished; a cost of 0 means none. */
#define FINISHED(...) ((tacho_finished){__VA_ARGS__})
#define PLAIN         FINISHED(.outcome = TACHO_OUTCOME_OK)

/** session NULL = a random one. */
tacho_collector *open_collector(const char *session);
/** One finished operation that took `ms` (-1 = unknown) and ended `at` seconds after noon. */
void record_call(tacho_collector *collector, tacho_kind kind, const char *name, const char *model, int64_t ms,
                 int64_t at, tacho_finished more);
/** Two steps (9 s), three model calls (7 s, one of a model without a price), three tool calls: 1 s to 20 s after noon.
 */
void fill_collector(tacho_collector *collector);
tacho_snapshot *take_snapshot(tacho_collector *collector);

#endif
