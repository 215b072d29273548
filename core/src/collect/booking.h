/** A booking in the making: what collect/find.c finds, collect/compose.c writes as a record, collect/book.c books. */
#ifndef TACHO_COLLECT_BOOKING_H
#define TACHO_COLLECT_BOOKING_H

#include "collect/operation.h"

/** Everything found and computed before anything is written. */
typedef struct tacho__booking {
    tacho_collector *collector;
    tacho__lane *lane;
    const tacho__op *op;
    const tacho__bound *bound;
    tacho__session_cell *cell;
    bool has_window;
    tacho__usage_cell *usage;      /* NULL: nothing to put there */
    tacho__failure_cell *failures; /* NULL: likewise */
    uint32_t error;                /* index among the error names */
    uint32_t flags;                /* of the record */
    uint32_t nonzero;              /* units with a count */
    bool overflow;
    bool timed, money, booked; /* has a duration; has usage or cost; and they count here */
    bool has_inclusive;
    uint64_t duration_ns, input, output;
    tacho__inclusive below, inclusive; /* of descendants; with the own amounts */
    tacho__spot duration, first_token, per_token, input_spot, output_spot, cost_spot;
    bool has_first_token, has_per_token, has_counts, has_cost;
} tacho__booking;

/** Weighs the operation: its sums, and what its descendants booked. `collector`, `lane` and `op` are set. */
void tacho__booking_weigh(tacho__booking *b);
/** Finds every cell that the operation touches; false: no room. Any number of times. */
bool tacho__booking_find(tacho__booking *b, tacho_series *series);
/** Writes the record, its sequence word last. */
void tacho__booking_compose(const tacho__booking *b, int64_t end_wall_ns, tacho__stored_record *out, uint64_t sequence);
#endif
