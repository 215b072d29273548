/*
 * From what the rows found to canonical usage (reference/cost-tables.md 2.3 and 2.7): totals minus their subsets,
 * overlaps through their join class, splits by time to live, the named fix of a dialect.
 */
#include "price/dialect_rows.h"
#include "price/response.h"
#include "price/usage_fields.h"

#include <string.h>

/* The rows of one usage, gathered by what they feed. */
typedef struct tally {
    int64_t add[TACHO_UNIT_COUNT], subset[TACHO_UNIT_COUNT], inside[TACHO_UNIT_COUNT];
    uint32_t has_add, has_subset, has_inside;
    int64_t total[3]; /* by direction */
    bool has_total[3];
    int64_t of_tool;
    int64_t own_total, cost, ticks, upstream, byok;
    bool has_own_total, has_cost, has_ticks, has_upstream, inclusive, fallback, delta;
    uint32_t faults;
} tally;

static int64_t capped(int64_t a, int64_t b) {
    return a > TACHO_COUNT_MAX - b ? TACHO_COUNT_MAX : a + b;
}

static int64_t without(int64_t whole, int64_t part, tally *t) {
    if (part > whole) {
        t->faults |= TACHO_USAGE_FAULT_SUBSET_LARGER;
        return 0;
    }
    return whole - part;
}

static void gather_special(tally *t, const tacho__dialect_row *row, int64_t value) {
    switch (row->target) {
    case TACHO__TARGET_TOTAL:
        t->own_total = value;
        t->has_own_total = true;
        break;
    case TACHO__TARGET_COST:
        t->cost = value;
        t->has_cost = true;
        break;
    case TACHO__TARGET_TICKS:
        t->ticks = value;
        t->has_ticks = true;
        break;
    case TACHO__TARGET_UPSTREAM:
        t->upstream = value;
        t->has_upstream = true;
        break;
    case TACHO__TARGET_BYOK:
        t->byok = value;
        break;
    case TACHO__TARGET_INCLUSIVE:
        t->inclusive = value != 0;
        break;
    case TACHO__TARGET_FALLBACK:
        t->fallback = value != 0;
        break;
    case TACHO__TARGET_DELTA:
        t->delta = value != 0;
        break;
    default:
        break;
    }
}

static void gather_unit(tally *t, const tacho__dialect_row *row, int64_t value) {
    uint32_t bit = TACHO_UNIT_BIT(row->target);
    int direction = tacho_unit_describe(row->target)->direction;
    uint32_t *has = row->rule == TACHO__RULE_ADD      ? &t->has_add
                    : row->rule == TACHO__RULE_INSIDE ? &t->has_inside
                                                      : &t->has_subset;
    int64_t *values = row->rule == TACHO__RULE_ADD ? t->add : row->rule == TACHO__RULE_INSIDE ? t->inside : t->subset;
    if (row->rule == TACHO__RULE_TOTAL) {
        t->total[direction] = capped(t->total[direction], value);
        t->has_total[direction] = true;
        return;
    }
    if ((row->flags & TACHO__ROW_OTHERWISE) && (*has & bit)) {
        return;
    }
    values[row->target] = capped(values[row->target], value);
    *has |= bit;
    if (row->flags & TACHO__ROW_OF_TOOL) {
        t->of_tool = capped(t->of_tool, value);
    }
}

static void gather(const tacho_dialect *dialect, const tacho__slots *slots, bool of_item, tally *t) {
    memset(t, 0, sizeof *t);
    t->faults = slots->faults;
    for (uint8_t i = 0; i < dialect->row_count; i++) {
        const tacho__dialect_row *row = &dialect->rows[i];
        if (!(slots->present >> i & 1) || (strstr(row->path, "[]") != NULL) != of_item) {
            continue;
        }
        if (row->target < TACHO_UNIT_COUNT) {
            gather_unit(t, row, slots->values[i]);
        } else {
            gather_special(t, row, slots->values[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------- fixes
 */

static void fix_gemini(tally *t) {
    int64_t thoughts = t->subset[TACHO_UNIT_REASONING], tool = t->subset[TACHO_UNIT_INPUT_TOOL];
    int64_t sum = capped(capped(t->total[TACHO_DIRECTION_IN], tool), t->total[TACHO_DIRECTION_OUT]);
    bool inside = t->has_own_total && thoughts > 0 && sum == t->own_total;
    t->total[TACHO_DIRECTION_IN] = capped(t->total[TACHO_DIRECTION_IN], tool);
    if (!inside) {
        t->total[TACHO_DIRECTION_OUT] = capped(t->total[TACHO_DIRECTION_OUT], thoughts);
        t->has_total[TACHO_DIRECTION_OUT] |= t->has_subset >> TACHO_UNIT_REASONING & 1;
    }
    t->subset[TACHO_UNIT_INPUT_TOOL] = without(tool, t->of_tool, t);
}

static void fix_xai(tally *t) {
    int64_t reasoning = t->subset[TACHO_UNIT_REASONING];
    int64_t sum = capped(t->total[TACHO_DIRECTION_IN], t->total[TACHO_DIRECTION_OUT]);
    if (!t->has_own_total || sum != t->own_total) {
        t->total[TACHO_DIRECTION_OUT] = capped(t->total[TACHO_DIRECTION_OUT], reasoning);
    }
}

static void fix_converse(tally *t) {
    int64_t cached = capped(t->add[TACHO_UNIT_CACHE_READ], t->add[TACHO_UNIT_CACHE_WRITE]);
    int64_t plain = capped(t->add[TACHO_UNIT_INPUT], t->add[TACHO_UNIT_OUTPUT]);
    if (cached > 0 && t->has_own_total && t->own_total == plain) {
        t->add[TACHO_UNIT_INPUT] = without(t->add[TACHO_UNIT_INPUT], cached, t);
    }
}

static void apply_fix(const tacho_dialect *dialect, tally *t) {
    switch (dialect->fix) {
    case TACHO__FIX_GEMINI:
        fix_gemini(t);
        break;
    case TACHO__FIX_XAI_REASONING:
        fix_xai(t);
        break;
    case TACHO__FIX_CONVERSE_INCLUSIVE:
        fix_converse(t);
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------------------------------------------------ classes
 */

/* The class of both a modality and the cache; split in proportion where the provider does not say. */
static void join_modality(tally *t, tacho_unit modality, tacho_unit join) {
    int64_t cached = t->subset[TACHO_UNIT_CACHE_READ], count = t->subset[modality];
    int64_t total = t->total[TACHO_DIRECTION_IN];
    bool given = t->has_subset & TACHO_UNIT_BIT(join);
    if (!given && cached > 0 && count > 0 && total > 0) {
        unsigned __int128 product = (unsigned __int128)(uint64_t)cached * (uint64_t)count;
        int64_t share = (int64_t)(product / (uint64_t)total);
        t->subset[join] = share < count ? share : count;
        t->has_subset |= TACHO_UNIT_BIT(join);
        t->faults |= TACHO_USAGE_FAULT_OVERLAP_SPLIT;
    }
    t->subset[modality] = without(count, t->subset[join], t);
}

static void split_writes(tally *t, int64_t *whole) {
    uint32_t both = TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE) | TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE_1H);
    if (!(t->has_inside & both)) {
        return;
    }
    int64_t hour = t->inside[TACHO_UNIT_CACHE_WRITE_1H], parts = capped(t->inside[TACHO_UNIT_CACHE_WRITE], hour);
    if (parts > *whole) {
        t->faults |= *whole > 0 ? TACHO_USAGE_FAULT_SUBSET_LARGER : 0;
        *whole = parts;
    }
    *whole -= hour; /* the rest of a short split lives 5 minutes */
}

static void classes_of(tally *t, tacho_usage *usage, tacho_unit plain, int direction) {
    int64_t *counts = tacho__usage_counts(usage), sum = 0;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        const tacho_unit_info *info = tacho_unit_describe(unit);
        if (info->is_token && info->direction == direction && unit != plain) {
            counts[unit] = capped(counts[unit], t->subset[unit]);
            sum = capped(sum, t->subset[unit]);
        }
    }
    if (t->has_total[direction]) {
        counts[plain] = capped(counts[plain], without(t->total[direction], sum, t));
        usage->present |= TACHO_UNIT_BIT(plain);
        usage->flags |= direction == TACHO_DIRECTION_IN ? TACHO_USAGE_INPUT_REST : TACHO_USAGE_OUTPUT_REST;
    }
}

static void make_classes(tally *t, tacho_usage *usage) {
    int64_t *counts = tacho__usage_counts(usage);
    memcpy(counts, t->add, sizeof t->add);
    usage->present = t->has_add | t->has_subset | t->has_inside;
    join_modality(t, TACHO_UNIT_INPUT_AUDIO, TACHO_UNIT_CACHE_READ_AUDIO);
    join_modality(t, TACHO_UNIT_INPUT_IMAGE, TACHO_UNIT_CACHE_READ_IMAGE);
    join_modality(t, TACHO_UNIT_INPUT_VIDEO, TACHO_UNIT_CACHE_READ_VIDEO);
    int64_t joins = capped(capped(t->subset[TACHO_UNIT_CACHE_READ_AUDIO], t->subset[TACHO_UNIT_CACHE_READ_IMAGE]),
                           t->subset[TACHO_UNIT_CACHE_READ_VIDEO]);
    t->subset[TACHO_UNIT_CACHE_READ] = without(t->subset[TACHO_UNIT_CACHE_READ], joins, t);
    bool subset = t->has_subset & TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE);
    split_writes(t, subset ? &t->subset[TACHO_UNIT_CACHE_WRITE] : &counts[TACHO_UNIT_CACHE_WRITE]);
    if (t->has_inside & TACHO_UNIT_BIT(TACHO_UNIT_CACHE_WRITE_1H)) {
        int64_t *hour = subset ? &t->subset[TACHO_UNIT_CACHE_WRITE_1H] : &counts[TACHO_UNIT_CACHE_WRITE_1H];
        *hour = capped(*hour, t->inside[TACHO_UNIT_CACHE_WRITE_1H]);
    }
    classes_of(t, usage, TACHO_UNIT_INPUT, TACHO_DIRECTION_IN);
    classes_of(t, usage, TACHO_UNIT_OUTPUT, TACHO_DIRECTION_OUT);
}

/* The charge that a provider reports; what was paid upstream is an addend only where the caller's own key was used. */
static void take_cost(const tally *t, tacho_usage *usage) {
    if (t->has_cost) {
        usage->reported_cost_pusd = t->cost;
    } else if (t->has_ticks && t->ticks <= INT64_MAX / 100) {
        usage->reported_cost_pusd = t->ticks * 100;
    } else {
        return;
    }
    usage->flags |= TACHO_USAGE_REPORTED_COST;
    if (t->byok && t->has_upstream && usage->reported_cost_pusd <= INT64_MAX - t->upstream) {
        usage->reported_cost_pusd += t->upstream;
        usage->flags |= TACHO_USAGE_BYOK;
    }
}

static const char *text_of(const tacho__slots *own, const tacho__slots *top, tacho__dialect_target target) {
    unsigned index = (unsigned)(target - TACHO__TARGET_MODEL);
    if (own->has_text >> index & 1) {
        return own->texts[index];
    }
    return top->has_text >> index & 1 ? top->texts[index] : NULL;
}

static void take_texts(const tacho__slots *own, const tacho__slots *top, tacho_usage *usage) {
    usage->model = text_of(own, top, TACHO__TARGET_MODEL);
    usage->provider = text_of(own, top, TACHO__TARGET_PROVIDER);
    usage->response_id = text_of(own, top, TACHO__TARGET_ID);
    usage->service_tier = text_of(own, top, TACHO__TARGET_TIER);
    usage->speed = text_of(own, top, TACHO__TARGET_SPEED);
    usage->region = text_of(own, top, TACHO__TARGET_REGION);
}

static void check_total(const tally *t, tacho_usage *usage) {
    if (t->has_own_total && t->own_total != tacho_usage_total_tokens(usage)) {
        usage->faults |= TACHO_USAGE_FAULT_TOTAL_MISMATCH;
    }
}

/* Under our own names the caller says all there is: what is not named is 0, not unknown (semantics 25, 26). */
static void complete_own(const tally *t, tacho_usage *usage) {
    if (usage->present) {
        usage->present = 0;
        usage->flags |= t->inclusive ? TACHO_USAGE_INCLUSIVE : 0;
        tacho_usage_normalise(usage, usage);
    }
}

/* Google bills Gemini 3 and later by the different queries, Gemini 2 once for a prompt that was searched for at all. */
static void take_searches(const tacho_response *response, tacho_usage *usage) {
    if (response->dialect->fix == TACHO__FIX_GEMINI && response->query_count > 0) {
        bool once = usage->model && strstr(usage->model, "gemini-2");
        tacho_usage_set(usage, TACHO_UNIT_WEB_SEARCHES, once ? 1 : response->query_count);
    }
}

/* Returns whether the usage is that of an answer after a refusal. */
static bool settle_slots(tacho_response *response, const tacho__slots *own, bool of_item, tacho_usage *usage) {
    tally t;
    gather(response->dialect, own, of_item, &t);
    *usage = (tacho_usage){.struct_size = (uint32_t)sizeof *usage};
    apply_fix(response->dialect, &t);
    make_classes(&t, usage);
    take_cost(&t, usage);
    take_texts(own, &response->top, usage);
    take_searches(response, usage);
    usage->flags |= t.delta && !usage->response_id ? TACHO_USAGE_CONTINUES : 0;
    usage->faults = t.faults;
    if (response->dialect == &tacho__dialects[TACHO__DIALECT_OWN]) {
        complete_own(&t, usage);
    }
    check_total(&t, usage);
    if (!usage->present && !(usage->flags & TACHO_USAGE_REPORTED_COST)) {
        usage->flags |= TACHO_USAGE_ABSENT;
    }
    response->faults |= usage->faults;
    return t.fallback;
}

#define FEES                                                                                                           \
    (TACHO_UNIT_BIT(TACHO_UNIT_WEB_SEARCHES) | TACHO_UNIT_BIT(TACHO_UNIT_FILE_SEARCHES) |                              \
     TACHO_UNIT_BIT(TACHO_UNIT_CODE_SESSIONS))

/* Take out the attempts of before `end` that were refused before they said anything: nobody bills them. */
static uint32_t drop_refused(tacho_usage *usages, uint32_t count, uint32_t end) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i >= end || tacho_usage_output_tokens(&usages[i]) > 0) {
            usages[kept++] = usages[i];
        }
    }
    return kept;
}

/* Tokens of the iterations replace the top level, which leaves some of them out; fees stand at the top level only. */
static void settle_items(tacho_response *response) {
    tacho_usage top = response->usages[0];
    uint32_t answered = 0; /* the last attempt that another model made after a refusal */
    for (uint32_t i = 0; i < response->item_count; i++) {
        if (settle_slots(response, &response->items[i], true, &response->usages[i])) {
            answered = i;
        }
    }
    response->usage_count = drop_refused(response->usages, response->item_count, answered);
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (TACHO_UNIT_BIT(unit) & FEES & top.present) {
            tacho_usage_set(&response->usages[0], (tacho_unit)unit, tacho_usage_get(&top, (tacho_unit)unit));
        }
    }
}

tacho_status tacho__response_settle(tacho_response *response) {
    response->faults = 0;
    response->usage_count = 1;
    if (response->failed) {
        response->usage_count = 0;
        return TACHO_NOMEM;
    }
    (void)settle_slots(response, &response->top, false, &response->usages[0]);
    if (response->dialect->fix == TACHO__FIX_ITERATIONS && response->item_count > 0) {
        settle_items(response);
    }
    return response->usages[0].flags & TACHO_USAGE_ABSENT ? TACHO_NO_DATA : TACHO_OK;
}
