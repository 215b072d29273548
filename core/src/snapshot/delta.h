/**
 * What was added to a series in some time: the sums that windows and trends are made of, as plain numbers and buckets,
 * and as bytes in which everything that is zero takes no room (core/FORMAT.md 4).
 */
#ifndef TACHO_SNAPSHOT_DELTA_H
#define TACHO_SNAPSHOT_DELTA_H

#include "base/buffer.h"
#include "snapshot/group.h"
#include "snapshot/selector.h"

/** X(ENUM): order of the cells in bytes; append only. */
#define TACHO__DELTA_MAP(X)                                                                                            \
    X(OK)                                                                                                              \
    X(ERROR)                                                                                                           \
    X(TIMEOUT)                                                                                                         \
    X(CANCELLED)                                                                                                       \
    X(ABORTED)                                                                                                         \
    X(ORPHANED)                                                                                                        \
    X(UNAVAILABLE)                                                                                                     \
    X(RETRIES)                                                                                                         \
    X(INTERVENTIONS)                                                                                                   \
    X(PRICED)      /* calls that took part in the cost, with a price */                                                \
    X(UNPRICED)    /* and without */                                                                                   \
    X(COST_PUSD)   /* of the priced ones */                                                                            \
    X(USAGE_CALLS) /* calls that reported usage */                                                                     \
    X(INPUT)       /* tokens of the class input */                                                                     \
    X(OUTPUT)      /* tokens of the class output */                                                                    \
    X(TOTAL_INPUT)                                                                                                     \
    X(TOTAL_OUTPUT)                                                                                                    \
    X(TOKENS)                                                                                                          \
    X(TIMED)                                                                                                           \
    X(TIMED_NS)

typedef enum tacho__delta_cell {
#define X(name) TACHO__DELTA_##name,
    TACHO__DELTA_MAP(X)
#undef X
        TACHO__DELTA_CELLS
} tacho__delta_cell;

typedef struct tacho__delta {
    int64_t cells[TACHO__DELTA_CELLS];
    tacho__buckets durations;
} tacho__delta;

/** Number of operations. */
int64_t tacho__delta_calls(const tacho__delta *delta);
/** Whether there is anything in it. */
bool tacho__delta_any(const tacho__delta *delta);
/** Adds all of `group`, or `more`. False when out of memory. */
bool tacho__delta_add_group(tacho__delta *delta, const tacho__group *group);
bool tacho__delta_add(tacho__delta *delta, const tacho__delta *more);
/** Turns cumulative sums into what they have more than `before`; what is less counts as 0. */
void tacho__delta_since(tacho__delta *now, const tacho__delta *before);
/** Everything to 0; buckets are freed. */
void tacho__delta_clear(tacho__delta *delta);

/** Appends it as bytes. */
void tacho__delta_put(tacho__buffer *out, const tacho__delta *delta);
/** Adds what tacho__delta_put wrote. TACHO_OK; TACHO_DAMAGED; TACHO_NOMEM. */
tacho_status tacho__delta_get(const uint8_t *bytes, size_t length, tacho__delta *delta);

/** 7 bits a byte, lowest first, the highest bit set in all but the last. */
void tacho__varint_put(tacho__buffer *out, uint64_t value);
/** Reads one and steps over it; false at the end and for more than 64 bits. */
bool tacho__varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value);

/** A number of it: NaN = unknown. `seconds`: the time it covers, for rates. Money is in dollars. */
double tacho__delta_number(const tacho__delta *delta, const tacho__selector *selector, double seconds);
/** The same for money, exactly: pico-USD; TACHO_COST_UNKNOWN. */
int64_t tacho__delta_money(const tacho__delta *delta, const tacho__selector *selector);

#endif
