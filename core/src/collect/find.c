/** First step of a booking: sums, and every cell the operation touches, made if this is its first use. */
#include "collect/booking.h"
#include "price/usage_fields.h"
#include "segment/window.h"

#include <string.h>

static void sum_units(tacho__booking *b) {
    b->nonzero = b->op->flags & TACHO__RECORD_USAGE ? b->op->nonzero : 0;
    b->input = b->output = 0;
    for (uint32_t left = b->nonzero; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        const uint64_t count = tacho__op_count(b->op, unit);
        b->input += TACHO__UNITS_INPUT_TOKENS >> unit & 1 ? count : 0;
        b->output += TACHO__UNITS_OUTPUT_TOKENS >> unit & 1 ? count : 0;
    }
}

/* A parent that reports what its descendants booked already: kept in its record, not booked (semantics 23). */
static void compare_with_descendants(tacho__booking *b) {
    const uint64_t own = b->input + b->output, below = b->below.input + b->below.output;
    const uint64_t difference = own > below ? own - below : below - own;
    b->flags |= TACHO__RECORD_NOT_BOOKED;
    b->booked = false;
    if (own && difference > below / 100) {
        tacho__drop_count(b->lane->segment, TACHO__DROP_USAGE_CONFLICT);
    }
}

static uint64_t add(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static int64_t add_money(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void sum_inclusive(tacho__booking *b) {
    const tacho__op *op = b->op;
    b->inclusive = b->below;
    if (b->booked) {
        b->inclusive.input = add(b->inclusive.input, b->input);
        b->inclusive.output = add(b->inclusive.output, b->output);
        b->inclusive.booked += 1;
        b->inclusive.states |= 1u << op->cost_state;
        if (op->cost_pusd != TACHO_COST_UNKNOWN) {
            b->inclusive.cost_pusd = add_money(b->inclusive.cost_pusd, op->cost_pusd);
        }
    }
    b->has_inclusive = b->inclusive.booked != 0;
}

void tacho__booking_weigh(tacho__booking *b) {
    const tacho__op *op = b->op;
    b->flags = op->flags & TACHO__OP_RECORD_FLAGS;
    b->timed = (op->flags & TACHO__RECORD_TIMED) != 0;
    b->duration_ns = b->timed ? (uint64_t)(op->end_ns - op->begin_ns) : 0;
    b->money = (op->flags & (TACHO__RECORD_USAGE | TACHO__RECORD_ABSENT | TACHO__OP_COST)) != 0;
    b->booked = b->money;
    sum_units(b);
    memset(&b->below, 0, sizeof b->below);
    const bool parent = tacho__open_read(b->lane, op, &b->below);
    if (b->money && b->below.booked) {
        compare_with_descendants(b);
    }
    if (parent || b->money) {
        sum_inclusive(b);
    } else {
        b->has_inclusive = false;
        memset(&b->inclusive, 0, sizeof b->inclusive);
    }
    if (b->has_inclusive) {
        b->flags |= TACHO__RECORD_INCLUSIVE;
    }
}

static bool find_sketch(tacho__booking *b, tacho__half *link, uint8_t grid, uint64_t value, tacho__spot *spot,
                        bool *has) {
    tacho__sketch *sketch = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__HISTOGRAM_LINES, b->overflow);
    *has = true;
    return sketch && tacho__spot_find(&b->collector->writer, b->lane, sketch, grid, value, b->overflow, spot);
}

static bool find_usage(tacho__booking *b) {
    const tacho__op *op = b->op;
    b->usage = NULL;
    b->has_per_token = b->has_counts = b->has_cost = false;
    if (!b->money && !b->has_inclusive) {
        return true;
    }
    tacho__half *link = &b->bound->block->duration.usage;
    b->usage = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__USAGE_LINES, b->overflow);
    bool found = b->usage != NULL;
    if (found && b->booked && op->flags & TACHO__RECORD_USAGE) {
        found = find_sketch(b, &b->usage->input, TACHO__GRID_TOKENS, b->input, &b->input_spot, &b->has_counts) &&
                find_sketch(b, &b->usage->output, TACHO__GRID_TOKENS, b->output, &b->output_spot, &b->has_counts);
    }
    if (found && b->booked && op->cost_pusd != TACHO_COST_UNKNOWN && op->cost_pusd >= 0) {
        found = find_sketch(b, &b->usage->cost_sketch, TACHO__GRID_USD, (uint64_t)op->cost_pusd, &b->cost_spot,
                            &b->has_cost);
    }
    if (found && b->timed && b->output && op->flags & TACHO__RECORD_FIRST_TOKEN) {
        const uint64_t rest = op->end_ns > op->first_token_ns ? (uint64_t)(op->end_ns - op->first_token_ns) : 0;
        const uint64_t per_token = rest / (b->output > 1 ? b->output - 1 : 1);
        found =
            find_sketch(b, &b->usage->time_per_token, TACHO__GRID_SECONDS, per_token, &b->per_token, &b->has_per_token);
    }
    return found;
}

static bool find_failures(tacho__booking *b) {
    const tacho__op *op = b->op;
    b->failures = NULL;
    if (op->outcome == TACHO_OUTCOME_OK && op->warnings == 0) {
        return true;
    }
    tacho__half *link = &b->bound->block->duration.failures;
    b->failures = tacho__cell_find(&b->collector->writer, b->lane, link, TACHO__FAILURE_LINES, b->overflow);
    b->error = TACHO__ERROR_NAMES;
    if (b->failures && op->error_type) {
        b->error = tacho__series_error(b->collector, b->lane, b->bound, op->error_type);
        if (b->error == TACHO__ERROR_NAMES) {
            tacho__drop_count(b->lane->segment, TACHO__DROP_ERROR_NAME_OVERFLOW);
        }
    }
    return b->failures != NULL;
}

/* All cells, or false: no room. */
bool tacho__booking_find(tacho__booking *b, tacho_series *series) {
    const tacho__op *op = b->op;
    tacho__writer *writer = &b->collector->writer;
    b->bound = tacho__series_bound(b->collector, b->lane, series);
    b->cell = b->bound ? tacho__session_cell_find(writer, b->lane, op->session_slot) : NULL;
    if (!b->cell) {
        return false;
    }
    b->overflow = b->bound->descriptor->flags & TACHO__SERIES_IS_OVERFLOW;
    tacho__block *block = b->bound->block;
    bool found = !b->timed || tacho__spot_find(writer, b->lane, &block->duration, series->grid, b->duration_ns,
                                               b->overflow, &b->duration);
    b->has_window = found && b->timed && tacho__window_find(writer, b->lane, b->bound->window);
    b->has_first_token = false;
    if (found && op->flags & TACHO__RECORD_FIRST_TOKEN) {
        const uint64_t first = op->first_token_ns > op->begin_ns ? (uint64_t)(op->first_token_ns - op->begin_ns) : 0;
        found = find_sketch(b, &block->duration.first_token, series->grid, first, &b->first_token, &b->has_first_token);
    }
    return found && find_usage(b) && find_failures(b);
}
