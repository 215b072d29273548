#include "price/cost_state.h"

#include <tachograph/price_table.h>

#include "base/money.h"

#include <string.h>

static const char *const state_names[] = {
#define X(name, value, text) [value] = text,
    TACHO_COST_STATE_MAP(X)
#undef X
};

static const char *const match_names[] = {
#define X(name, value, text) [value] = text,
    TACHO_PRICE_MATCH_MAP(X)
#undef X
};

static const char *const service_names[] = {
#define X(name, value, text) [value] = text,
    TACHO_PRICE_SERVICE_MAP(X)
#undef X
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const char *tacho_cost_state_name(uint32_t state) {
    return state < COUNT(state_names) ? state_names[state] : "?";
}

const char *tacho_price_match_name(uint32_t match) {
    return match < COUNT(match_names) ? match_names[match] : "?";
}

const char *tacho_price_service_name(uint32_t service) {
    return service < COUNT(service_names) ? service_names[service] : "?";
}

int tacho_cost_state_find(const char *name) {
    for (size_t i = 0; name && i < COUNT(state_names); i++) {
        if (strcmp(state_names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

uint32_t tacho_cost_state_join(uint32_t a, uint32_t b) {
    if (a == b) {
        return a;
    }
    if (a == TACHO_COST_STATE_UNKNOWN || b == TACHO_COST_STATE_UNKNOWN || a == TACHO_COST_STATE_PARTIAL ||
        b == TACHO_COST_STATE_PARTIAL) {
        return TACHO_COST_STATE_PARTIAL;
    }
    return a < b ? a : b; /* the weaker one; free is the strongest */
}

static int64_t add_known(int64_t a, int64_t b, bool *saturated) {
    if (a == TACHO_COST_UNKNOWN || b == TACHO_COST_UNKNOWN) {
        return a == TACHO_COST_UNKNOWN ? b : a;
    }
    return tacho__money_add(a, b, saturated);
}

void tacho_cost_add(tacho_cost *sum, const tacho_cost *more) {
    bool beyond = false;
    sum->total_pusd = add_known(sum->total_pusd, more->total_pusd, &beyond);
    bool saturated = beyond;
    sum->table_pusd = add_known(sum->table_pusd, more->table_pusd, &saturated);
    sum->input_pusd = add_known(sum->input_pusd, more->input_pusd, &saturated);
    sum->output_pusd = add_known(sum->output_pusd, more->output_pusd, &saturated);
    sum->reported_pusd = add_known(sum->reported_pusd, more->reported_pusd, &saturated);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        sum->component_pusd[unit] = tacho__money_add(sum->component_pusd[unit], more->component_pusd[unit], &saturated);
    }
    if (sum->sheet != more->sheet) {
        sum->flags |= TACHO_COST_PARTS;
        sum->sheet = 0;
    }
    sum->state = beyond ? TACHO_COST_STATE_PARTIAL : tacho_cost_state_join(sum->state, more->state);
    sum->flags |= more->flags | (saturated ? TACHO_COST_OVERFLOW : 0);
    sum->priced |= more->priced;
    sum->unpriced |= more->unpriced;
    sum->modifiers |= more->modifiers;
    sum->match = sum->match == more->match ? sum->match : TACHO_PRICE_MATCH_NONE;
    sum->band = sum->band > more->band ? sum->band : more->band;
}

/* -------------------------------------------------------------------------------------------------------- handles */

typedef struct handle {
    const uint16_t *list;
    uint16_t list_count;
    uint16_t provider;
    uint32_t flags;
    const char *id;
    uint16_t numerator, denominator;
} handle;

_Static_assert(sizeof(handle) <= sizeof(((tacho_price_model *)0)->opaque), "a handle fits its public form");

typedef struct lower_handle {
    const tacho_price_table *table;
    handle inside;
    uint32_t match, context;
} lower_handle;

_Static_assert(sizeof(lower_handle) <= sizeof(((tacho_price_model *)0)->below), "the lower one fits too");

static handle handle_of(const tacho__match *match) {
    return (handle){match->list,      (uint16_t)match->list_count, match->provider, match->flags, match->id,
                    match->numerator, match->denominator};
}

static bool match_of(const handle *inside, const tacho_price_table *table, uint32_t match, uint32_t context,
                     tacho__match *out) {
    if (!inside->list || !table) {
        return false;
    }
    *out = (tacho__match){.table = table,
                          .list = inside->list,
                          .list_count = inside->list_count,
                          .flags = inside->flags,
                          .match = match,
                          .context = context,
                          .provider = inside->provider,
                          .id = inside->id,
                          .numerator = inside->numerator,
                          .denominator = inside->denominator};
    return true;
}

void tacho__handle_of_match(const tacho__match *match, const tacho__match *below, tacho_price_model *out) {
    handle inside = handle_of(match);
    *out = (tacho_price_model){
        .struct_size = (uint32_t)sizeof *out, .match = match->match, .context = match->context, .table = match->table};
    memcpy(out->opaque, &inside, sizeof inside);
    if (below) {
        lower_handle lower = {below->table, handle_of(below), below->match, below->context};
        memcpy(out->below, &lower, sizeof lower);
    }
}

tacho_status tacho_price_model_find(const tacho_price_table *table, const char *provider, const char *model,
                                    tacho_price_model *out) {
    return tacho_price_explain(table, provider, model, NULL, NULL, out);
}

bool tacho__match_of_handle(const tacho_price_model *model, tacho__match *out) {
    handle inside;
    memcpy(&inside, model->opaque, sizeof inside);
    return match_of(&inside, model->table, model->match, model->context, out);
}

bool tacho__match_below_handle(const tacho_price_model *model, tacho__match *out) {
    lower_handle lower;
    memcpy(&lower, model->below, sizeof lower);
    return match_of(&lower.inside, lower.table, lower.match, lower.context, out);
}

/* -------------------------------------------------------------------------------------------------------- amounts */

size_t tacho_money_format(int64_t pusd, char *out, size_t size) {
    char text[TACHO__DECIMAL_TEXT];
    size_t length = tacho__money_text(pusd, text);
    if (!out || size <= length) {
        if (out && size) {
            out[0] = 0;
        }
        return 0;
    }
    memcpy(out, text, length);
    out[length] = 0;
    return length;
}

tacho_status tacho_money_parse(const char *text, size_t length, int64_t *out_pusd) {
    return text && out_pusd ? tacho__money_parse_rounded(text, length, out_pusd) : TACHO_INVALID;
}
