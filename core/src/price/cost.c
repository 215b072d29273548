#include <tachograph/price.h>

#include "base/money.h"
#include "price/cost_state.h"
#include "price/match.h"
#include "price/served.h"
#include "price/usage_fields.h"

#include <string.h>

#define NS_PER_MINUTE INT64_C(60000000000)

/* What one pricing needs, gathered before the loop over the units. */
typedef struct pricing {
    const tacho_price_table *table;
    const tacho__price_sheet *sheet;
    const uint16_t *card; /* mask in two halves, then rate indexes */
    uint32_t mask;
    uint32_t used;                   /* bit per unit with a count above 0 */
    uint64_t numerator, denominator; /* of the token rates */
    bool tier_missing;
} pricing;

/* Units at whose rate a unit without a rate of its own is charged: first that has one. */
static const uint8_t parents[TACHO_UNIT_COUNT][3] = {
#define NO TACHO_UNIT_COUNT
    [TACHO_UNIT_INPUT] = {NO, NO, NO},
    [TACHO_UNIT_OUTPUT] = {NO, NO, NO},
    [TACHO_UNIT_CACHE_READ] = {TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_CACHE_WRITE] = {TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_CACHE_WRITE_1H] = {TACHO_UNIT_CACHE_WRITE, TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_REASONING] = {TACHO_UNIT_OUTPUT, NO},
    [TACHO_UNIT_INPUT_AUDIO] = {TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_CACHE_READ_AUDIO] = {TACHO_UNIT_CACHE_READ, TACHO_UNIT_INPUT_AUDIO, TACHO_UNIT_INPUT},
    [TACHO_UNIT_OUTPUT_AUDIO] = {TACHO_UNIT_OUTPUT, NO},
    [TACHO_UNIT_INPUT_IMAGE] = {TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_CACHE_READ_IMAGE] = {TACHO_UNIT_CACHE_READ, TACHO_UNIT_INPUT_IMAGE, TACHO_UNIT_INPUT},
    [TACHO_UNIT_OUTPUT_IMAGE] = {TACHO_UNIT_OUTPUT, NO},
    [TACHO_UNIT_INPUT_VIDEO] = {TACHO_UNIT_INPUT, NO},
    [TACHO_UNIT_CACHE_READ_VIDEO] = {TACHO_UNIT_CACHE_READ, TACHO_UNIT_INPUT_VIDEO, TACHO_UNIT_INPUT},
    [TACHO_UNIT_OUTPUT_VIDEO] = {TACHO_UNIT_OUTPUT, NO},
    [TACHO_UNIT_CITATION] = {TACHO_UNIT_OUTPUT, NO},
    [TACHO_UNIT_INPUT_TOOL] = {TACHO_UNIT_INPUT, NO},
#undef NO
};

/* Fees that somebody charges whenever they occur; other counts (seconds, images) only describe a call that is billed by
 * the token. */
#define FEES                                                                                                           \
    (TACHO_UNIT_BIT(TACHO_UNIT_WEB_SEARCHES) | TACHO_UNIT_BIT(TACHO_UNIT_FILE_SEARCHES) |                              \
     TACHO_UNIT_BIT(TACHO_UNIT_CODE_SESSIONS) | TACHO_UNIT_BIT(TACHO_UNIT_SEARCH_UNITS))

#define SUSPECT                                                                                                        \
    (TACHO_USAGE_FAULT_NEGATIVE | TACHO_USAGE_FAULT_TOO_LARGE | TACHO_USAGE_FAULT_SUBSET_LARGER |                      \
     TACHO_USAGE_FAULT_NOT_A_NUMBER | TACHO_USAGE_FAULT_FRACTIONAL)

/* ---------------------------------------------------------------------------------------------------- choosing a sheet
 */

static bool holds_at(const tacho__price_sheet *sheet, int64_t minute) {
    if (minute < (int64_t)sheet->from_minute ||
        (sheet->to_minute != TACHO__PRICE_ALWAYS && minute >= (int64_t)sheet->to_minute)) {
        return false;
    }
    if (sheet->hour_from == TACHO__PRICE_ANY_HOUR && sheet->weekdays == 0x7f) {
        return true;
    }
    int64_t day = minute / 1440, of_day = minute % 1440;
    if (!(sheet->weekdays >> ((day + 3) % 7) & 1)) { /* 1970-01-01 was a Thursday; bit 0 = Monday */
        return false;
    }
    if (sheet->hour_from == TACHO__PRICE_ANY_HOUR) {
        return true;
    }
    return sheet->hour_from <= sheet->hour_to ? of_day >= sheet->hour_from && of_day < sheet->hour_to
                                              : of_day >= sheet->hour_from || of_day < sheet->hour_to;
}

static const tacho__price_sheet *last_holding(const tacho__match *match, int64_t minute, uint32_t service,
                                              uint32_t region) {
    const tacho__price_sheet *sheets = TACHO__PRICE_AT(match->table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    for (uint32_t i = match->list_count; i-- > 0;) {
        const tacho__price_sheet *sheet = &sheets[match->list[i]];
        if (sheet->service == service && (sheet->region == TACHO__PRICE_REGION_ANY || sheet->region == region) &&
            holds_at(sheet, minute)) {
            return sheet;
        }
    }
    return NULL;
}

/* Before the first dated sheet the oldest one is the best that is known; but the user's dates and hours are meant. */
static const tacho__price_sheet *oldest(const tacho__match *match) {
    if (match->table->sheets->flags & TACHO__PRICE_TABLE_USER) {
        return NULL;
    }
    const tacho__price_sheet *sheets = TACHO__PRICE_AT(match->table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    for (uint32_t i = 0; i < match->list_count; i++) {
        if (sheets[match->list[i]].service == TACHO_PRICE_SERVICE_STANDARD) {
            return &sheets[match->list[i]];
        }
    }
    return NULL;
}

static uint32_t modifier_bit(const tacho__price_modifier *modifier) {
    if (modifier->kind == TACHO__PRICE_MODIFIES_REGION) {
        return TACHO_PRICE_MODIFIER_REGION;
    }
    if (modifier->kind == TACHO__PRICE_MODIFIES_ALWAYS) {
        return TACHO_PRICE_MODIFIER_CONTRACT;
    }
    return modifier->condition == TACHO_PRICE_SERVICE_BATCH  ? TACHO_PRICE_MODIFIER_BATCH
           : modifier->condition == TACHO_PRICE_SERVICE_FAST ? TACHO_PRICE_MODIFIER_FAST
                                                             : TACHO_PRICE_MODIFIER_SERVICE;
}

/* Rates of the service's own sheet already contain its price; only the standard sheet is multiplied for it. */
static void apply_modifiers(pricing *p, uint32_t service, uint32_t region, tacho_cost *out) {
    const tacho__price_modifier *modifier =
        TACHO__PRICE_AT(p->table, TACHO__PRICE_MODIFIERS, tacho__price_modifier) + p->sheet->modifiers;
    p->tier_missing = p->sheet->service != service;
    for (uint32_t i = 0; i < p->sheet->modifier_count; i++, modifier++) {
        bool serves = modifier->kind == TACHO__PRICE_MODIFIES_SERVICE && modifier->condition == service &&
                      p->sheet->service != service;
        bool places = modifier->kind == TACHO__PRICE_MODIFIES_REGION && modifier->condition == region;
        if (!serves && !places && modifier->kind != TACHO__PRICE_MODIFIES_ALWAYS) {
            continue;
        }
        if (serves) {
            p->tier_missing = false;
            out->service = service;
        }
        p->numerator *= modifier->numerator;
        p->denominator *= modifier->denominator;
        out->modifiers |= modifier_bit(modifier);
    }
}

static void choose_card(pricing *p, const tacho_usage *usage, tacho_cost *out) {
    const tacho__price_band *bands = TACHO__PRICE_AT(p->table, TACHO__PRICE_BANDS, tacho__price_band) + p->sheet->bands;
    bool inclusive = p->sheet->flags & TACHO__PRICE_SHEET_INCLUSIVE;
    uint32_t card = p->sheet->card;
    int64_t prompt = p->sheet->band_count ? tacho_usage_input_tokens(usage) : 0;
    for (uint32_t i = 0; i < p->sheet->band_count; i++) {
        int64_t threshold = bands[i].threshold;
        if (prompt > threshold || (inclusive && prompt == threshold)) {
            card = bands[i].card;
            out->band = i + 1;
        }
    }
    p->card = TACHO__PRICE_AT(p->table, TACHO__PRICE_CARDS, uint16_t) + card;
    p->mask = (uint32_t)p->card[0] | (uint32_t)p->card[1] << 16;
}

/* ------------------------------------------------------------------------------------------------------------ amounts
 */

/* The baseline of x86-64 has no instruction for it, and the call to the compiler's library costs more than this. */
static inline unsigned count_bits(uint32_t bits) {
    bits -= bits >> 1 & UINT32_C(0x55555555);
    bits = (bits & UINT32_C(0x33333333)) + (bits >> 2 & UINT32_C(0x33333333));
    return ((bits + (bits >> 4)) & UINT32_C(0x0F0F0F0F)) * UINT32_C(0x01010101) >> 24;
}

static const tacho__price_rate *own_rate(const pricing *p, unsigned unit) {
    uint32_t bit = TACHO_UNIT_BIT(unit);
    if (!(p->mask & bit)) {
        return NULL;
    }
    unsigned rank = count_bits(p->mask & (bit - 1));
    return TACHO__PRICE_AT(p->table, TACHO__PRICE_RATES, tacho__price_rate) + p->card[2 + rank];
}

static const tacho__price_rate *rate_of(const pricing *p, unsigned unit, tacho_cost *out) {
    const tacho__price_rate *rate = own_rate(p, unit);
    for (int i = 0; !rate && i < 3; i++) {
        unsigned parent = parents[unit][i];
        if (parent == TACHO_UNIT_COUNT || !(TACHO__UNITS_TOKENS & TACHO_UNIT_BIT(unit))) {
            break;
        }
        rate = own_rate(p, parent);
        out->flags |= rate ? TACHO_COST_PARENT_RATE : 0;
    }
    return rate;
}

static void price_unit(const pricing *p, unsigned unit, int64_t count, tacho_cost *out) {
    uint32_t bit = TACHO_UNIT_BIT(unit);
    const tacho__price_rate *rate = rate_of(p, unit, out);
    if (!rate) {
        out->unpriced |= bit;
        return;
    }
    bool token = TACHO__UNITS_TOKENS & bit, saturated = false;
    int64_t amount = tacho__money_product((uint64_t)count, rate->amount, rate->per, token ? p->numerator : 1,
                                          token ? p->denominator : 1, &saturated);
    out->priced |= bit;
    out->component_pusd[unit] = amount;
    out->table_pusd = tacho__money_add(out->table_pusd, amount, &saturated);
    if (TACHO__UNITS_INPUT_TOKENS & bit) {
        out->input_pusd = tacho__money_add(out->input_pusd, amount, &saturated);
    } else if (TACHO__UNITS_OUTPUT_TOKENS & bit) {
        out->output_pusd = tacho__money_add(out->output_pusd, amount, &saturated);
    }
    out->flags |= saturated ? TACHO_COST_OVERFLOW : 0;
}

static void price_units(const pricing *p, const tacho_usage *usage, tacho_cost *out) {
    const int64_t *counts = tacho__usage_counts_const(usage);
    out->table_pusd = out->input_pusd = out->output_pusd = 0;
    for (uint32_t left = p->used; left; left &= left - 1) {
        unsigned unit = (unsigned)__builtin_ctz(left);
        price_unit(p, unit, counts[unit], out);
    }
    /* A fee per request is due once for every call, whether or not somebody counted it. */
    if (p->mask & ~p->used & TACHO_UNIT_BIT(TACHO_UNIT_REQUESTS)) {
        price_unit(p, TACHO_UNIT_REQUESTS, 1, out);
    }
    if (out->priced) {
        out->unpriced &= TACHO__UNITS_TOKENS | FEES;
    } else {
        out->unpriced &= ~TACHO_UNIT_BIT(TACHO_UNIT_REQUESTS);
    }
}

/* Every rate of the card that was used is 0. */
static bool is_free(const pricing *p) {
    for (unsigned i = 0; i < count_bits(p->mask); i++) {
        if (TACHO__PRICE_AT(p->table, TACHO__PRICE_RATES, tacho__price_rate)[p->card[2 + i]].amount != 0) {
            return false;
        }
    }
    return p->mask != 0;
}

static uint32_t table_state(const pricing *p, const tacho__match *match, const tacho_usage *usage, tacho_cost *out) {
    if (p->sheet->flags & TACHO__PRICE_SHEET_UNKNOWN) {
        out->flags |= TACHO_COST_UNKNOWN_RATE;
    }
    if (usage->faults & SUSPECT) {
        out->flags |= TACHO_COST_INCONSISTENT;
    }
    if (usage->faults & TACHO_USAGE_FAULT_OVERLAP_SPLIT) {
        out->flags |= TACHO_COST_SPLIT;
    }
    if (p->tier_missing) {
        out->flags |= TACHO_COST_TIER_UNPRICED;
    }
    if (p->mask == 0 && (match->flags & TACHO__PRICE_ENTRY_FREE)) {
        out->unpriced = 0;
        return TACHO_COST_STATE_FREE;
    }
    if (out->unpriced) {
        return out->priced ? TACHO_COST_STATE_PARTIAL : TACHO_COST_STATE_UNKNOWN;
    }
    if (p->mask == 0) {
        return TACHO_COST_STATE_UNKNOWN;
    }
    if (out->flags & (TACHO_COST_UNKNOWN_RATE | TACHO_COST_OVERFLOW)) { /* what stands there is a lower bound */
        return TACHO_COST_STATE_PARTIAL;
    }
    if (is_free(p)) {
        return TACHO_COST_STATE_FREE;
    }
    bool estimated = out->flags & (TACHO_COST_INCONSISTENT | TACHO_COST_SPLIT | TACHO_COST_TIER_UNPRICED);
    estimated |= match->match == TACHO_PRICE_MATCH_FALLBACK || match->match == TACHO_PRICE_MATCH_MAKER ||
                 (match->flags & TACHO__PRICE_ENTRY_ESTIMATED);
    return estimated ? TACHO_COST_STATE_ESTIMATED : TACHO_COST_STATE_EXACT;
}

static void set_unknown(tacho_cost *out) {
    out->table_pusd = out->input_pusd = out->output_pusd = TACHO_COST_UNKNOWN;
    out->state = TACHO_COST_STATE_UNKNOWN;
}

/* False where no sheet of this table holds. */
static bool price_from_table(const tacho__match *match, const tacho_usage *usage, uint32_t used, int64_t at_unix_ns,
                             tacho_cost *out) {
    pricing p = {.table = match->table, .used = used, .numerator = 1, .denominator = 1};
    bool unknown_tier = false;
    uint32_t service = tacho__served_service(usage, &unknown_tier), region = tacho__served_region(usage);
    int64_t minute = at_unix_ns < 0 ? 0 : at_unix_ns / NS_PER_MINUTE;
    out->match = match->match;
    p.sheet = last_holding(match, minute, service, region);
    if (!p.sheet) {
        p.sheet = last_holding(match, minute, TACHO_PRICE_SERVICE_STANDARD, region);
    }
    if (!p.sheet) {
        p.sheet = oldest(match);
    }
    if (!p.sheet) {
        return false;
    }
    out->sheet = p.sheet->id;
    out->service = p.sheet->service;
    choose_card(&p, usage, out);
    apply_modifiers(&p, service, region, out);
    if (match->denominator) {
        p.numerator *= match->numerator;
        p.denominator *= match->denominator;
        out->modifiers |= TACHO_PRICE_MODIFIER_CONTRACT;
    }
    p.tier_missing |= unknown_tier;
    price_units(&p, usage, out);
    out->state = table_state(&p, match, usage, out);
    if (out->state == TACHO_COST_STATE_UNKNOWN) {
        set_unknown(out);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- answers
 */

static uint32_t days_of(uint32_t date) {
    uint32_t y = date / 10000, m = date / 100 % 100, d = date % 100;
    y -= m <= 2;
    uint32_t era = y / 400, yoe = y % 400, doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool is_stale(uint32_t table_date, int64_t at_unix_ns) {
    return at_unix_ns / (NS_PER_MINUTE * 1440) > (int64_t)days_of(table_date) + TACHO_PRICE_STALE_DAYS;
}

/* Explicit user price, then what was reported, then the table; a reported 0 beside tokens that cost is not believed. */
static void settle_reported(const tacho_usage *usage, const tacho__match *match, tacho_cost *out) {
    out->total_pusd = out->table_pusd;
    if (!(usage->flags & TACHO_USAGE_REPORTED_COST) || usage->reported_cost_pusd < 0) {
        return;
    }
    out->reported_pusd = usage->reported_cost_pusd;
    bool user = match && (match->match == TACHO_PRICE_MATCH_USER || match->match == TACHO_PRICE_MATCH_USER_GLOB) &&
                (match->table->sheets->flags & TACHO__PRICE_TABLE_OVER_REPORTED);
    if (user && out->state != TACHO_COST_STATE_UNKNOWN) {
        return;
    }
    if (out->reported_pusd == 0 && !(usage->flags & TACHO_USAGE_BYOK) && out->table_pusd > 0) {
        out->flags |= TACHO_COST_REPORTED_ZERO;
        return;
    }
    out->total_pusd = out->reported_pusd;
    if (out->state != TACHO_COST_STATE_FREE || out->reported_pusd != 0) {
        out->state = TACHO_COST_STATE_REPORTED;
    }
}

static void start_cost(tacho_cost *out, const tacho_price_table *table, int64_t at_unix_ns) {
    memset(out, 0, sizeof *out);
    out->struct_size = (uint32_t)sizeof *out;
    out->reported_pusd = TACHO_COST_UNKNOWN;
    out->priced_at_ns = at_unix_ns;
    out->table_version = table ? table->version : "";
    out->table_date = table ? table->sheets->date : 0;
    if (table && is_stale(out->table_date, at_unix_ns)) {
        out->flags |= TACHO_COST_STALE;
    }
    set_unknown(out);
}

static void price_canonical(const tacho_price_model *model, const tacho_usage *usage, uint32_t used, int64_t at_unix_ns,
                            tacho_cost *out) {
    tacho__match match;
    bool known = model && tacho__match_of_handle(model, &match);
    start_cost(out, known ? match.table : model ? model->table : NULL, at_unix_ns);
    if (known && !(usage->flags & TACHO_USAGE_ABSENT) && !price_from_table(&match, usage, used, at_unix_ns, out) &&
        tacho__match_below_handle(model, &match)) {
        start_cost(out, match.table, at_unix_ns);
        price_from_table(&match, usage, used, at_unix_ns, out);
    }
    settle_reported(usage, known ? &match : NULL, out);
}

/* Bits of the units with a count above 0; *outside is set if a count is not between 0 and its limit. */
static uint32_t used_units(const tacho_usage *usage, bool *outside) {
    const int64_t *counts = tacho__usage_counts_const(usage);
    uint32_t used = 0, beyond = 0;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        used |= (uint32_t)(counts[unit] != 0) << unit;
        beyond |= (uint64_t)counts[unit] > (uint64_t)TACHO_COUNT_MAX;
    }
    *outside = beyond;
    return used;
}

/* Not inlined, so that only usage which needs it pays for a copy. */
static __attribute__((noinline)) tacho_status price_copy(const tacho_price_model *model, const tacho_usage *usage,
                                                         int64_t at_unix_ns, tacho_cost *out) {
    tacho_usage canonical;
    bool outside;
    tacho_status status = tacho_usage_normalise(usage, &canonical);
    if (status == TACHO_OK) {
        price_canonical(model, &canonical, used_units(&canonical, &outside), at_unix_ns, out);
    }
    return status;
}

tacho_status tacho_price_cost(const tacho_price_model *model, const tacho_usage *usage, int64_t at_unix_ns,
                              tacho_cost *out) {
    if (!out || !usage) {
        return TACHO_INVALID;
    }
    bool outside = true;
    uint32_t used = usage->struct_size >= sizeof *usage ? used_units(usage, &outside) : 0;
    if (outside || (usage->flags & (TACHO_USAGE_INCLUSIVE | TACHO_USAGE_ABSENT))) {
        return price_copy(model, usage, at_unix_ns, out);
    }
    price_canonical(model, usage, used, at_unix_ns, out);
    return TACHO_OK;
}

tacho_status tacho_calculate_cost(const tacho_price_table *table, const tacho_usage *usage, int64_t at_unix_ns,
                                  tacho_cost *out) {
    if (!usage || !out || usage->struct_size < offsetof(tacho_usage, input)) {
        return TACHO_INVALID;
    }
    tacho_price_model model;
    tacho_price_model_find(table, usage->provider, usage->model, &model);
    return tacho_price_cost(&model, usage, at_unix_ns, out);
}
