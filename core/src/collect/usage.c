/**
 * Usage of an operation in flight: counts, price, and what happens when the same response is reported again (semantics
 * 22 to 27, 51). Nothing is booked here; the end does that.
 */
#include "base/hash.h"
#include "collect/operation.h"
#include "price/served.h"
#include "price/usage_fields.h"

#include <string.h>

#define LAST_SHIFT 58

/* ---------------------------------------------------------------------------------------------------------- prices */

/* The price of what `op` is booked as. A series that stands for many models finds it by the text. */
static tacho_price_model price_of(tacho_collector *collector, const tacho__lane *lane, const tacho__op *op) {
    const tacho_series *series = op->picked ? op->picked : op->series;
    if (series->price.table) {
        return series->price;
    }
    tacho_price_model price = {0};
    const char *model = op->model ? tacho__segment_text(lane->segment, op->model) : op->series->names.model;
    const char *provider = op->provider ? tacho__segment_text(lane->segment, op->provider) : op->series->names.provider;
    if (*model) {
        tacho_price_model_find(collector->prices, *provider ? provider : NULL, model, &price);
    }
    return price;
}

/* How the response was served: as its newest report says, or an earlier one. */
static void served_as(const tacho__op *op, tacho_usage *usage) {
    const char *tier = tacho__served_tier(tacho__op_served(op));
    const char *place = tacho__served_place(tacho__op_served(op));
    usage->service_tier = tier ? tier : usage->service_tier;
    usage->region = place ? place : usage->region;
}

static void price(tacho_collector *collector, const tacho__lane *lane, const tacho__op *op, const tacho_usage *usage,
                  tacho_cost *out) {
    const tacho_price_model model = price_of(collector, lane, op);
    tacho_price_cost(&model, usage, tacho__segment_wall(lane->segment, op->begin_ns), out);
}

static int64_t add_known(int64_t sum, int64_t more) {
    if (more == TACHO_COST_UNKNOWN) {
        return sum;
    }
    if (sum == TACHO_COST_UNKNOWN) {
        return more;
    }
    int64_t result;
    return __builtin_add_overflow(sum, more, &result) ? (more < 0 ? INT64_MIN + 1 : INT64_MAX) : result;
}

static int64_t negative(int64_t amount) {
    return amount == TACHO_COST_UNKNOWN ? amount : -amount;
}

static void forget_cost(tacho__op *op) {
    op->flags &= ~TACHO__OP_COST;
    op->cost_pusd = op->table_pusd = TACHO_COST_UNKNOWN;
    op->reported_pusd = TACHO_COST_UNKNOWN;
    op->cost_state = TACHO_COST_STATE_UNKNOWN;
}

static void add_cost(tacho__op *op, const tacho_cost *cost) {
    op->sheet = cost->sheet ? cost->sheet : op->sheet;
    op->table_date = cost->table_date ? cost->table_date : op->table_date;
    op->table_pusd = add_known(op->table_pusd, cost->table_pusd);
    if (op->flags & TACHO__OP_COST_GIVEN) {
        return; /* what the caller gave stays */
    }
    op->cost_state =
        (uint8_t)(op->flags & TACHO__OP_COST ? tacho_cost_state_join(op->cost_state, cost->state) : cost->state);
    op->cost_pusd = add_known(op->cost_pusd, cost->total_pusd);
    if (op->cost_pusd == INT64_MAX) {
        op->cost_state = TACHO_COST_STATE_PARTIAL; /* the sum saturated: a lower bound */
    }
    op->reported_pusd = add_known(op->reported_pusd, cost->reported_pusd);
    op->flags |= TACHO__OP_COST;
}

static void take_back_cost(tacho__op *op, const tacho_cost *cost) {
    op->table_pusd = add_known(op->table_pusd, negative(cost->table_pusd));
    if (!(op->flags & TACHO__OP_COST_GIVEN)) {
        op->cost_pusd = add_known(op->cost_pusd, negative(cost->total_pusd));
    }
}

/* ---------------------------------------------------------------------------------------------------------- counts */

static uint64_t count_of(const tacho_usage *usage, unsigned unit) {
    const int64_t count = tacho__usage_counts_const(usage)[unit];
    return count > 0 ? (uint64_t)count : 0;
}

static_assert(TACHO_UNIT_COUNT % 4 == 0, "units are looked at four by four");

/* Units that a usage has counts of; of the others there is nothing to do but to say that they are present. */
static uint32_t nonzero_of(const tacho_usage *usage) {
    const int64_t *counts = tacho__usage_counts_const(usage);
    uint32_t nonzero = 0;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit += 4) { /* most have counts of the first six only */
        if ((counts[unit] | counts[unit + 1] | counts[unit + 2] | counts[unit + 3]) == 0) {
            continue;
        }
        for (unsigned i = unit; i < unit + 4; ++i) {
            nonzero |= (uint32_t)(counts[i] > 0) << i;
        }
    }
    return nonzero & usage->present;
}

/* The fields that `usage` names replace those of the operation. */
static void replace_counts(tacho__op *op, const tacho_usage *usage) {
    if (!(op->flags & TACHO__RECORD_USAGE)) {
        memset(op->low, 0, sizeof op->low);
        memset(op->high, 0, sizeof op->high);
        op->present = op->nonzero = 0;
    }
    for (uint32_t left = nonzero_of(usage) | (op->nonzero & usage->present); left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho__op_set_count(op, unit, count_of(usage, unit));
    }
    op->present |= usage->present;
    op->flags |= TACHO__RECORD_USAGE;
}

static void add_counts(tacho__op *op, const tacho_usage *usage) {
    for (uint32_t left = nonzero_of(usage); left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho__op_set_count(op, unit, tacho__op_count(op, unit) + count_of(usage, unit));
    }
    op->present |= usage->present;
}

/* Remembers a usage, so that a second report of the same response can replace it. */
static void remember(tacho__op *op, const tacho_usage *usage, bool several_parts) {
    uint32_t used = 0;
    bool wide = several_parts;
    memset(op->last, 0, sizeof op->last);
    for (uint32_t left = nonzero_of(usage); left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        if (used < TACHO__LAST_COUNTS) {
            op->last[used++] = (uint64_t)unit << LAST_SHIFT | count_of(usage, unit);
        } else {
            wide = true;
        }
    }
    op->flags = wide ? op->flags | TACHO__OP_LAST_WIDE : op->flags & ~TACHO__OP_LAST_WIDE;
}

static void recall(const tacho__op *op, tacho_usage *out) {
    *out = (tacho_usage)TACHO_USAGE_INIT;
    out->present = UINT32_MAX;
    for (uint32_t i = 0; i < TACHO__LAST_COUNTS; ++i) {
        const uint64_t word = op->last[i];
        if (word) {
            tacho_usage_set(out, (tacho_unit)(word >> LAST_SHIFT), (int64_t)(word & ((UINT64_C(1) << LAST_SHIFT) - 1)));
        }
    }
}

static void counts_of(const tacho__op *op, tacho_usage *out) {
    *out = (tacho_usage)TACHO_USAGE_INIT;
    for (uint32_t left = op->present; left; left &= left - 1) {
        const unsigned unit = (unsigned)__builtin_ctz(left);
        tacho_usage_set(out, (tacho_unit)unit, (int64_t)tacho__op_count(op, unit));
    }
    out->present = op->present;
}

/* ---------------------------------------------------------------------------------------------------------- reports */

/** One report: a usage, or the sum over the parts of a response, with its cost. */
typedef struct report {
    tacho_collector *collector;
    tacho__lane *lane;
    tacho__op *op;
    const tacho_usage *usage;
    const tacho_cost *cost; /* NULL: by the price of the operation's model */
    bool several_parts;
    uint64_t response;
} report;

static void cost_of(const report *r, const tacho_usage *usage, tacho_cost *out) {
    if (r->cost) {
        *out = *r->cost;
    } else {
        price(r->collector, r->lane, r->op, usage, out);
    }
}

static void first_report(const report *r) {
    tacho_cost cost TACHO__UNINITIALIZED;
    replace_counts(r->op, r->usage);
    cost_of(r, r->usage, &cost);
    add_cost(r->op, &cost);
}

/* The only response so far, again: the last value of each field counts. */
static void repeat_only(const report *r) {
    tacho_usage all;
    tacho_cost cost TACHO__UNINITIALIZED;
    counts_of(r->op, &all);
    tacho_usage_update(&all, r->usage);
    replace_counts(r->op, &all);
    if (!(r->op->flags & TACHO__OP_COST_GIVEN)) {
        forget_cost(r->op);
    }
    r->op->table_pusd = TACHO_COST_UNKNOWN;
    served_as(r->op, &all);
    cost_of(r, &all, &cost);
    add_cost(r->op, &cost);
}

static void another_response(const report *r) {
    tacho_cost cost TACHO__UNINITIALIZED;
    remember(r->op, r->usage, r->several_parts);
    add_counts(r->op, r->usage);
    cost_of(r, r->usage, &cost);
    add_cost(r->op, &cost);
    r->op->flags |= TACHO__OP_SEVERAL;
}

/* The newest of several responses, again: its part is taken out and put in anew. */
static void repeat_last(const report *r) {
    tacho_usage before, after;
    tacho_cost cost TACHO__UNINITIALIZED;
    if (r->op->flags & TACHO__OP_LAST_WIDE || r->several_parts) {
        tacho__drop_count(r->lane->segment, TACHO__DROP_USAGE_CONFLICT);
        return;
    }
    recall(r->op, &before);
    after = before;
    tacho_usage_update(&after, r->usage);
    served_as(r->op, &before);
    served_as(r->op, &after);
    price(r->collector, r->lane, r->op, &before, &cost);
    take_back_cost(r->op, &cost);
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; ++unit) {
        const uint64_t was = count_of(&before, unit);
        const uint64_t rest = tacho__op_count(r->op, unit) - was;
        tacho__op_set_count(r->op, unit, rest + count_of(&after, unit));
    }
    remember(r->op, &after, false);
    price(r->collector, r->lane, r->op, &after, &cost);
    add_cost(r->op, &cost);
}

static void add_report(const report *r) {
    tacho__op *op = r->op;
    const bool continues = (r->usage->flags & TACHO_USAGE_CONTINUES) != 0;
    const bool again = continues || (r->response != 0 && r->response == op->response);
    tacho__op_set_served(op, tacho__served_join(again ? tacho__op_served(op) : 0, tacho__served_of(r->usage)));
    if (again && !continues) {
        tacho__drop_count(r->lane->segment, TACHO__DROP_USAGE_REPEATED);
    }
    if (!(op->flags & TACHO__RECORD_USAGE)) {
        first_report(r);
    } else if (!again) {
        another_response(r);
    } else if (op->flags & TACHO__OP_SEVERAL) {
        repeat_last(r);
    } else {
        repeat_only(r);
    }
    op->response = r->response;
    if (op->flags & TACHO__OP_CLAMPED) {
        op->flags &= ~TACHO__OP_CLAMPED;
        tacho__drop_count(r->lane->segment, TACHO__DROP_SATURATED);
    }
}

/* Which response a usage is of; 0 = nobody knows. An event without an id goes on with the newest one. */
static uint64_t response_of(const tacho__op *op, const tacho_usage *usage) {
    const char *id = usage->response_id;
    if (id && *id) {
        return tacho__hash(id, strlen(id), 0) | 1;
    }
    return usage->flags & TACHO_USAGE_CONTINUES ? op->response : 0;
}

static bool is_absent(const tacho_usage *usage) {
    return (usage->flags & TACHO_USAGE_ABSENT) != 0;
}

static void report_absent(tacho__op *op, const tacho_usage *usage) {
    op->flags |= op->flags & TACHO__RECORD_USAGE ? 0 : TACHO__RECORD_ABSENT;
    if (usage->flags & TACHO_USAGE_REPORTED_COST && !(op->flags & TACHO__OP_COST)) {
        op->cost_pusd = op->reported_pusd = usage->reported_cost_pusd;
        op->cost_state = TACHO_COST_STATE_REPORTED;
        op->flags |= TACHO__OP_COST;
    }
}

void tacho__op_usage(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_usage *usage) {
    if (usage->faults) {
        tacho__drop_count(lane->segment, TACHO__DROP_USAGE_FAULT);
    }
    tacho__op_answered_by(collector, lane, op, usage->provider ? usage->provider : "",
                          usage->model ? usage->model : "");
    if (is_absent(usage)) {
        report_absent(op, usage);
        return;
    }
    op->flags &= ~TACHO__RECORD_ABSENT;
    const report r = {collector, lane, op, usage, NULL, false, response_of(op, usage)};
    add_report(&r);
}

void tacho__op_response(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const tacho_response *response) {
    const size_t parts = tacho_response_parts(response);
    if (parts == 0) {
        return;
    }
    const tacho_usage *first = tacho_response_usage(response, 0);
    if (parts == 1) {
        tacho__op_usage(collector, lane, op, first);
        return;
    }
    tacho_usage sum = *first;
    for (size_t i = 1; i < parts; ++i) {
        tacho_usage_add(&sum, tacho_response_usage(response, i));
    }
    if (sum.faults) {
        tacho__drop_count(lane->segment, TACHO__DROP_USAGE_FAULT);
    }
    tacho__op_answered_by(collector, lane, op, first->provider ? first->provider : "",
                          first->model ? first->model : "");
    tacho_cost cost TACHO__UNINITIALIZED;
    const tacho_series *series = op->picked ? op->picked : op->series;
    tacho_response_cost(collector->prices, response, *series->names.provider ? series->names.provider : NULL,
                        *series->names.model ? series->names.model : NULL,
                        tacho__segment_wall(lane->segment, op->begin_ns), &cost);
    op->flags &= ~TACHO__RECORD_ABSENT;
    const report r = {collector, lane, op, &sum, &cost, true, response_of(op, first)};
    add_report(&r);
}

/* A model that becomes known after its usage: what could not be priced then can be now. */
static void price_again(tacho_collector *collector, const tacho__lane *lane, tacho__op *op) {
    const uint32_t wanted = TACHO__RECORD_USAGE | TACHO__OP_COST;
    if ((op->flags & (wanted | TACHO__OP_COST_GIVEN)) != wanted || op->cost_state != TACHO_COST_STATE_UNKNOWN) {
        return;
    }
    tacho_usage all;
    tacho_cost cost TACHO__UNINITIALIZED;
    counts_of(op, &all);
    forget_cost(op);
    price(collector, lane, op, &all, &cost);
    add_cost(op, &cost);
}

void tacho__op_answered_by(tacho_collector *collector, tacho__lane *lane, tacho__op *op, const char *provider,
                           const char *model) {
    if (!*provider && !*model) {
        return;
    }
    if (*provider) {
        op->provider = tacho__lane_text(collector, lane, tacho__provider_name(provider));
    }
    if (*model) {
        op->model = tacho__lane_text(collector, lane, model);
    }
    tacho_series *picked = tacho__series_pick(collector, lane, op->series,
                                              op->provider ? tacho__segment_text(lane->segment, op->provider) : "",
                                              op->model ? tacho__segment_text(lane->segment, op->model) : "");
    op->picked = picked ? picked : op->picked;
    op->flags |= TACHO__OP_MODEL;
    price_again(collector, lane, op);
}
