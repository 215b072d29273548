#include "snapshot/delta.h"

#include "snapshot/quantile.h"

#include <math.h>
#include <string.h>

#define CELL(name) cells[TACHO__DELTA_##name]

int64_t tacho__delta_calls(const tacho__delta *delta) {
    int64_t calls = 0;
    for (int i = TACHO__DELTA_OK; i <= TACHO__DELTA_ORPHANED; ++i) {
        calls = tacho__sum(calls, delta->cells[i]);
    }
    return calls;
}

bool tacho__delta_any(const tacho__delta *delta) {
    bool any = delta->durations.total > 0;
    for (int i = 0; i < TACHO__DELTA_CELLS; ++i) {
        any |= delta->cells[i] != 0;
    }
    return any;
}

static void add_cell(tacho__delta *delta, tacho__delta_cell cell, int64_t more) {
    delta->cells[cell] = tacho__sum(delta->cells[cell], more > 0 ? more : 0);
}

static void add_cost(tacho__delta *delta, const tacho__group *group) {
    for (int state = TACHO_COST_STATE_PARTIAL; state < TACHO__GROUP_COST_STATES; ++state) {
        add_cell(delta, TACHO__DELTA_PRICED, group->cost_calls[state]);
    }
    add_cell(delta, TACHO__DELTA_UNPRICED, group->cost_calls[TACHO_COST_STATE_UNKNOWN]);
    add_cell(delta, TACHO__DELTA_COST_PUSD, group->cost_pusd);
}

static void add_usage(tacho__delta *delta, const tacho__group *group) {
    add_cell(delta, TACHO__DELTA_USAGE_CALLS, group->usage_calls);
    add_cell(delta, TACHO__DELTA_INPUT, group->units[TACHO_UNIT_INPUT]);
    add_cell(delta, TACHO__DELTA_OUTPUT, group->units[TACHO_UNIT_OUTPUT]);
    add_cell(delta, TACHO__DELTA_TOTAL_INPUT, tacho__group_tokens(group, TACHO_DIRECTION_IN));
    add_cell(delta, TACHO__DELTA_TOTAL_OUTPUT, tacho__group_tokens(group, TACHO_DIRECTION_OUT));
    add_cell(delta, TACHO__DELTA_TOKENS, tacho__group_tokens(group, TACHO_DIRECTION_NONE));
}

bool tacho__delta_add_group(tacho__delta *delta, const tacho__group *group) {
    for (int outcome = 0; outcome < TACHO_OUTCOME_COUNT; ++outcome) {
        add_cell(delta, (tacho__delta_cell)(TACHO__DELTA_OK + outcome), group->outcomes[outcome]);
    }
    add_cell(delta, TACHO__DELTA_UNAVAILABLE, group->unavailable);
    add_cell(delta, TACHO__DELTA_RETRIES, group->retries);
    add_cell(delta, TACHO__DELTA_INTERVENTIONS, group->interventions);
    add_cost(delta, group);
    add_usage(delta, group);
    add_cell(delta, TACHO__DELTA_TIMED, group->timed);
    add_cell(delta, TACHO__DELTA_TIMED_NS, group->total_ns);
    return tacho__buckets_merge(&delta->durations, &group->durations);
}

bool tacho__delta_add(tacho__delta *delta, const tacho__delta *more) {
    for (int i = 0; i < TACHO__DELTA_CELLS; ++i) {
        add_cell(delta, (tacho__delta_cell)i, more->cells[i]);
    }
    return tacho__buckets_merge(&delta->durations, &more->durations);
}

void tacho__delta_since(tacho__delta *now, const tacho__delta *before) {
    for (int i = 0; i < TACHO__DELTA_CELLS; ++i) {
        now->cells[i] = now->cells[i] > before->cells[i] ? now->cells[i] - before->cells[i] : 0;
    }
    tacho__buckets_subtract(&now->durations, &before->durations);
}

void tacho__delta_clear(tacho__delta *delta) {
    tacho__buckets_free(&delta->durations);
    memset(delta, 0, sizeof *delta);
}

/* -------------------------------------------------------------------------------------------------------------- bytes
 */

void tacho__varint_put(tacho__buffer *out, uint64_t value) {
    for (; value > 0x7f; value >>= 7) {
        tacho__buffer_byte(out, (char)((value & 0x7f) | 0x80));
    }
    tacho__buffer_byte(out, (char)value);
}

bool tacho__varint_get(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        const uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

static void put_buckets(tacho__buffer *out, const tacho__buckets *buckets) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < buckets->length; ++i) {
        used += buckets->counts[i] > 0;
    }
    tacho__varint_put(out, used);
    int32_t next = TACHO__BUCKET_ZERO;
    for (uint32_t i = 0; i < buckets->length; ++i) {
        if (buckets->counts[i] > 0) {
            const int32_t index = buckets->first + (int32_t)i;
            tacho__varint_put(out, (uint64_t)(index - next));
            tacho__varint_put(out, buckets->counts[i]);
            next = index + 1;
        }
    }
}

void tacho__delta_put(tacho__buffer *out, const tacho__delta *delta) {
    uint64_t mask = 0;
    for (unsigned i = 0; i < TACHO__DELTA_CELLS; ++i) {
        mask |= (uint64_t)(delta->cells[i] > 0) << i;
    }
    tacho__varint_put(out, mask);
    for (unsigned i = 0; i < TACHO__DELTA_CELLS; ++i) {
        if (delta->cells[i] > 0) {
            tacho__varint_put(out, (uint64_t)delta->cells[i]);
        }
    }
    put_buckets(out, &delta->durations);
}

static tacho_status get_buckets(const uint8_t **at, const uint8_t *end, tacho__buckets *buckets) {
    uint64_t used, skip, n;
    uint64_t index = 0; /* above TACHO__BUCKET_ZERO */
    if (!tacho__varint_get(at, end, &used) || used > TACHO__BUCKET_HIGHEST - TACHO__BUCKET_ZERO + 1) {
        return TACHO_DAMAGED;
    }
    for (; used > 0; --used) {
        if (!tacho__varint_get(at, end, &skip) || !tacho__varint_get(at, end, &n) ||
            skip > TACHO__BUCKET_HIGHEST - TACHO__BUCKET_ZERO - index || n > INT64_MAX) {
            return TACHO_DAMAGED;
        }
        index += skip;
        if (!tacho__buckets_add(buckets, (int32_t)index + TACHO__BUCKET_ZERO, n)) {
            return TACHO_NOMEM;
        }
        ++index;
        if (index > TACHO__BUCKET_HIGHEST - TACHO__BUCKET_ZERO && used > 1) {
            return TACHO_DAMAGED;
        }
    }
    return TACHO_OK;
}

tacho_status tacho__delta_get(const uint8_t *bytes, size_t length, tacho__delta *delta) {
    const uint8_t *at = bytes, *end = bytes + length;
    uint64_t mask, value;
    if (!tacho__varint_get(&at, end, &mask)) {
        return TACHO_DAMAGED;
    }
    for (unsigned i = 0; mask >> i && i < 64; ++i) {
        if (!(mask >> i & 1)) {
            continue;
        }
        if (!tacho__varint_get(&at, end, &value) || value > INT64_MAX) {
            return TACHO_DAMAGED;
        }
        if (i < TACHO__DELTA_CELLS) { /* later ones are of a newer writer */
            add_cell(delta, (tacho__delta_cell)i, (int64_t)value);
        }
        if (i == 63) {
            break;
        }
    }
    const tacho_status status = get_buckets(&at, end, &delta->durations);
    return status == TACHO_OK && at != end ? TACHO_DAMAGED : status;
}

/* ------------------------------------------------------------------------------------------------------------ numbers
 */

/* Middle of a bucket in ns: as exact as buckets are about an extreme. */
static int64_t middle_ns(int32_t index) {
    return index == TACHO__BUCKET_ZERO ? 0 : (int64_t)(exp2((index + 0.5) / 16) * 1e9);
}

static int64_t lowest_ns(const tacho__buckets *buckets) {
    uint32_t i = 0;
    while (i + 1 < buckets->length && buckets->counts[i] == 0) {
        ++i;
    }
    return middle_ns(buckets->first + (int32_t)i);
}

static int64_t highest_ns(const tacho__buckets *buckets) {
    uint32_t i = buckets->length;
    while (i > 1 && buckets->counts[i - 1] == 0) {
        --i;
    }
    return middle_ns(buckets->first + (int32_t)i - 1);
}

static double seconds_of(int64_t ns) {
    return ns < 0 ? (double)NAN : (double)ns / 1e9;
}

static double of_durations(const tacho__delta *delta, const tacho__selector *selector) {
    const tacho__buckets *buckets = &delta->durations;
    if (buckets->total == 0) {
        return (double)NAN;
    }
    const int64_t low = lowest_ns(buckets), high = highest_ns(buckets);
    switch (selector->stat) {
    case TACHO__STAT_MIN:
        return seconds_of(low);
    case TACHO__STAT_MAX:
        return seconds_of(high);
    case TACHO__STAT_STD:
        return seconds_of(tacho__spread(buckets, low, high));
    default:
        return seconds_of(tacho__quantile(buckets, selector->permille, low, high));
    }
}

static double ratio(int64_t part, int64_t whole) {
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static double of_usage(const tacho__delta *delta, tacho__delta_cell cell) {
    /* As for cost: no call at all adds nothing, which is known; calls without usage are not. */
    const bool known = delta->CELL(USAGE_CALLS) > 0 || tacho__delta_calls(delta) == 0;
    return known ? (double)delta->cells[cell] : (double)NAN;
}

int64_t tacho__delta_money(const tacho__delta *delta, const tacho__selector *selector) {
    const int64_t calls = tacho__delta_calls(delta);
    if (delta->CELL(PRICED) == 0) {
        return calls == 0 && selector->stat == TACHO__STAT_COST ? 0 : TACHO_COST_UNKNOWN;
    }
    return selector->stat == TACHO__STAT_COST ? delta->CELL(COST_PUSD)
                                              : tacho__mean(delta->CELL(COST_PUSD), delta->CELL(PRICED));
}

double tacho__delta_number(const tacho__delta *delta, const tacho__selector *selector, double seconds) {
    const int64_t failed = tacho__sum(delta->CELL(ERROR), delta->CELL(TIMEOUT));
    const int64_t ended = tacho__sum(delta->CELL(OK), failed);
    switch (selector->stat) {
    case TACHO__STAT_CALLS:
        return (double)tacho__delta_calls(delta);
    case TACHO__STAT_ERRORS:
        return (double)failed;
    case TACHO__STAT_ERROR_RATE:
        return ratio(failed, ended);
    case TACHO__STAT_SUCCESS_RATE:
        return ratio(delta->CELL(OK), ended);
    case TACHO__STAT_AVAILABILITY:
        return ratio(ended - delta->CELL(UNAVAILABLE), ended);
    case TACHO__STAT_RETRIES:
        return (double)delta->CELL(RETRIES);
    case TACHO__STAT_INTERVENTIONS:
        return (double)delta->CELL(INTERVENTIONS);
    case TACHO__STAT_AVG:
        return ratio(delta->CELL(TIMED_NS), delta->CELL(TIMED)) / 1e9;
    case TACHO__STAT_RATE:
        return seconds > 0 ? (double)tacho__delta_calls(delta) / seconds : (double)NAN;
    case TACHO__STAT_COST:
    case TACHO__STAT_COST_PER_CALL: {
        const int64_t pusd = tacho__delta_money(delta, selector);
        return pusd == TACHO_COST_UNKNOWN ? (double)NAN : (double)pusd / (double)TACHO_PUSD_PER_USD;
    }
    case TACHO__STAT_TOKENS:
        return of_usage(delta, TACHO__DELTA_TOKENS);
    case TACHO__STAT_INPUT_TOKENS:
        return of_usage(delta, TACHO__DELTA_INPUT);
    case TACHO__STAT_OUTPUT_TOKENS:
        return of_usage(delta, TACHO__DELTA_OUTPUT);
    case TACHO__STAT_TOTAL_INPUT_TOKENS:
        return of_usage(delta, TACHO__DELTA_TOTAL_INPUT);
    case TACHO__STAT_TOTAL_OUTPUT_TOKENS:
        return of_usage(delta, TACHO__DELTA_TOTAL_OUTPUT);
    default:
        return of_durations(delta, selector);
    }
}
