/*
 * Our own schema (core/doc/prices.md), for the corrections that the library carries and for the user's prices:
 *   providers  names, hosts and fallbacks of providers
 *   prices     rates of a model (or a pattern), dated, per service and region
 *   aliases    further ids for prices that are there
 *   modifiers  factors for a service, a region or a contract, on models that are there
 */
#include "price/build_read.h"
#include "price/match.h"
#include "price/overrides.h"

#include "base/memory.h"
#include "base/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct own {
    tacho__price_builder *builder;
    tacho__build_report *report;
    bool user;
    tacho__sheet_draft *sheets; /* TACHO__BUILD_SHEETS, of one model */
    tacho__price_fault *fault;
} own;

static tacho_status refuse(own *o, const tacho__json_node *where, const char *reason) {
    return tacho__price_refuse(o->fault, where, "%s", reason);
}

static const tacho__json_node *first_of(const tacho__json_node *root, const char *key) {
    const tacho__json_node *list = tacho__json_member(root, key);
    return list && list->kind == TACHO__JSON_TREE_ARRAY ? list->first : NULL;
}

static bool is_pattern(const char *id) {
    return strpbrk(id, "*?") != NULL;
}

/* -------------------------------------------------------------------------------------------------------- providers */

static void add_names(own *o, uint16_t provider, const tacho__json_node *entry, const char *key, int kind) {
    for (const tacho__json_node *name = first_of(entry, key); name; name = name->next) {
        tacho__build_alias(o->builder, provider, kind, name->text);
    }
}

static tacho_status read_providers(own *o, const tacho__json_node *providers) {
    for (const tacho__json_node *entry = providers ? providers->first : NULL; entry; entry = entry->next) {
        uint16_t provider = entry->key ? tacho__build_provider(o->builder, entry->key) : TACHO__PRICE_NONE;
        if (provider == TACHO__PRICE_NONE) {
            return refuse(o, entry, "\"providers\" is an object of at most 1,000 names");
        }
        tacho__build_alias(o->builder, provider, TACHO__PRICE_ALIAS_NAME, entry->key);
        add_names(o, provider, entry, "aliases", TACHO__PRICE_ALIAS_NAME);
        add_names(o, provider, entry, "hosts", TACHO__PRICE_ALIAS_HOST);
        add_names(o, provider, entry, "makes", TACHO__PRICE_ALIAS_MAKES);
        for (const tacho__json_node *to = first_of(entry, "fallback"); to; to = to->next) {
            uint16_t other = tacho__build_provider(o->builder, to->text);
            if (other != TACHO__PRICE_NONE) {
                tacho__build_fallback(o->builder, provider, other);
            }
        }
    }
    return TACHO_OK;
}

/* ------------------------------------------------------------------------------------------------------------ prices
 */

static tacho_status refuse_unit(own *o, const tacho__json_node *rate) {
    const char *names[TACHO_UNIT_COUNT];
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        names[unit] = tacho_unit_describe((tacho_unit)unit)->field;
    }
    return tacho__price_refuse(o->fault, rate, "no such unit \"%.32s\"; the nearest is \"%s\"", rate->key,
                               names[tacho__nearest(rate->key, names, TACHO_UNIT_COUNT)]);
}

static bool is_zero(const tacho__json_node *number) {
    size_t digits = strcspn(number->text, "eE");
    return strcspn(number->text, "123456789") >= digits;
}

static tacho_status read_rates(own *o, const tacho__json_node *rates, uint32_t per, tacho__card_draft *card) {
    uint32_t seen = 0; /* a band begins with the rates below it, so `card->mask` does not tell */
    for (const tacho__json_node *rate = rates->first; rate; rate = rate->next) {
        int unit = tacho_unit_find(rate->key);
        if (unit < 0) {
            return refuse_unit(o, rate);
        }
        if (seen & TACHO_UNIT_BIT((unsigned)unit)) {
            return refuse(o, rate, "the price of this unit is given twice");
        }
        seen |= TACHO_UNIT_BIT((unsigned)unit);
        const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
        uint32_t units = info->is_token ? per : info->scale;
        bool numeric = rate->kind == TACHO__JSON_TREE_NUMBER || rate->kind == TACHO__JSON_TREE_STRING;
        if (!numeric || tacho__build_rate(rate->text, rate->length, units, &card->rates[unit]) != TACHO_OK) {
            return refuse(o, rate, "a price is a number of USD, at least 0");
        }
        if (card->rates[unit].amount == 0 && !is_zero(rate)) {
            return refuse(o, rate, "too small to be told from 0: amounts have 15 decimal places");
        }
        int64_t tenth_cent = INT64_C(1000000000000); /* $0.001 in femto-USD */
        if (info->is_token && card->rates[unit].amount / card->rates[unit].per > tenth_cent) {
            return refuse(o, rate,
                          "more than $0.001 per token: prices are for a million tokens unless \"per\" says so");
        }
        card->mask |= TACHO_UNIT_BIT((unsigned)unit);
    }
    return TACHO_OK;
}

static tacho_status read_bands(own *o, const tacho__json_node *price, uint32_t per, tacho__sheet_draft *sheet) {
    for (const tacho__json_node *band = first_of(price, "bands"); band; band = band->next) {
        const tacho__json_node *above = tacho__json_member(band, "above"), *from = tacho__json_member(band, "from");
        const tacho__json_node *limit = above ? above : from, *rates = tacho__json_member(band, "rates");
        if (!limit || limit->kind != TACHO__JSON_TREE_NUMBER || !rates || sheet->band_count == TACHO__BUILD_BANDS) {
            return refuse(o, band, "a band has \"above\" or \"from\" (tokens of prompt) and \"rates\"; at most 8");
        }
        uint32_t i = sheet->band_count++;
        sheet->thresholds[i] = (uint32_t)strtoul(limit->text, NULL, 10);
        if (i && sheet->thresholds[i] <= sheet->thresholds[i - 1]) {
            return refuse(o, limit, "bands have rising limits");
        }
        sheet->when.flags |= from ? TACHO__PRICE_SHEET_INCLUSIVE : 0;
        sheet->bands[i] = sheet->card; /* what the band does not name costs what it costs below */
        tacho_status status = read_rates(o, rates, per, &sheet->bands[i]);
        if (status != TACHO_OK) {
            return status;
        }
    }
    return TACHO_OK;
}

static int service_named(const char *name) {
    for (int service = 0; service <= TACHO_PRICE_SERVICE_FAST; service++) {
        if (strcmp(name, tacho_price_service_name((uint32_t)service)) == 0) {
            return service;
        }
    }
    return -1;
}

static int region_named(const char *name) {
    static const char *const names[] = {"any", "global", "regional"};
    for (int region = 0; region < 3; region++) {
        if (strcmp(name, names[region]) == 0) {
            return region;
        }
    }
    return -1;
}

static tacho_status read_dates(own *o, const tacho__json_node *price, tacho__price_sheet *when) {
    const tacho__json_node *from = tacho__json_member(price, "from"), *to = tacho__json_member(price, "to");
    if (from && !tacho__build_day(from->text, &when->from_minute)) {
        return refuse(o, from, "a day is written 2026-11-21, with a time 2026-11-21T16:30Z (UTC)");
    }
    if (to && !tacho__build_day(to->text, &when->to_minute)) {
        return refuse(o, to, "a day is written 2026-11-21, with a time 2026-11-21T16:30Z (UTC)");
    }
    if (when->to_minute != TACHO__PRICE_ALWAYS && when->to_minute <= when->from_minute) {
        return refuse(o, to, "\"to\" lies after \"from\"; it is the first day on which the price no longer holds");
    }
    return TACHO_OK;
}

static tacho_status read_when(own *o, const tacho__json_node *price, tacho__price_sheet *when) {
    const tacho__json_node *hours = tacho__json_member(price, "hours");
    const tacho__json_node *currency = tacho__json_member(price, "currency");
    int service = service_named(tacho__json_member_text(price, "service", "standard"));
    int region = region_named(tacho__json_member_text(price, "region", "any"));
    if (currency && strcmp(currency->text, "USD") != 0) {
        return refuse(o, currency, "only USD; convert the price at the rate of your contract");
    }
    if (service < 0) {
        return refuse(o, tacho__json_member(price, "service"), "standard, batch, flex, priority, ultrafast or fast");
    }
    if (region < 0) {
        return refuse(o, tacho__json_member(price, "region"), "any, global or regional");
    }
    when->service = (uint8_t)service;
    when->region = (uint8_t)region;
    if (hours) {
        char from[6] = "", to[6] = "";
        if (hours->length != 11 || sscanf(hours->text, "%5[0-9:]-%5[0-9:]", from, to) != 2 ||
            !tacho__build_time_of_day(from, &when->hour_from) || !tacho__build_time_of_day(to, &when->hour_to)) {
            return refuse(o, hours, "hours are written 16:30-00:30 (UTC)");
        }
    }
    return read_dates(o, price, when);
}

static tacho_status read_sheet(own *o, const tacho__json_node *price, tacho__sheet_draft *sheet) {
    const tacho__json_node *rates = tacho__json_member(price, "rates"), *per = tacho__json_member(price, "per");
    uint32_t units = per ? (uint32_t)strtoul(per->text, NULL, 10) : 1000000;
    tacho__sheet_draft_init(sheet);
    if (!rates || rates->kind != TACHO__JSON_TREE_OBJECT || !rates->first) {
        return refuse(o, price, "a price has \"rates\": {unit: USD, ...}");
    }
    if (units == 0 || units > 1000000000) {
        return refuse(o, per, "\"per\" is a number of tokens from 1 to 1,000,000,000");
    }
    tacho_status status = read_when(o, price, &sheet->when);
    if (status == TACHO_OK) {
        status = read_rates(o, rates, units, &sheet->card);
    }
    return status == TACHO_OK ? read_bands(o, price, units, sheet) : status;
}

static bool same_model(const tacho__json_node *a, const tacho__json_node *b) {
    return strcmp(tacho__json_member_text(a, "model", ""), tacho__json_member_text(b, "model", "")) == 0 &&
           strcmp(tacho__json_member_text(a, "provider", "*"), tacho__json_member_text(b, "provider", "*")) == 0;
}

/* Two sheets that say the same when they hold would leave it to chance which one is meant. */
static bool same_condition(const tacho__price_sheet *a, const tacho__price_sheet *b) {
    bool apart = a->to_minute <= b->from_minute || b->to_minute <= a->from_minute;
    bool nested = a->from_minute != b->from_minute && a->to_minute == TACHO__PRICE_ALWAYS &&
                  b->to_minute == TACHO__PRICE_ALWAYS; /* the later one follows the earlier one */
    bool same = a->service == b->service && a->region == b->region && a->hour_from == b->hour_from &&
                a->hour_to == b->hour_to && a->weekdays == b->weekdays;
    return same && !apart && !nested;
}

static int by_start(const void *left, const void *right) {
    const tacho__sheet_draft *a = left, *b = right;
    bool hours_a = a->when.hour_from != TACHO__PRICE_ANY_HOUR, hours_b = b->when.hour_from != TACHO__PRICE_ANY_HOUR;
    if (hours_a != hours_b) {
        return hours_a ? 1 : -1; /* the narrower one is looked at first, so it stands last */
    }
    return a->when.from_minute < b->when.from_minute ? -1 : a->when.from_minute > b->when.from_minute;
}

/* All prices of the model that `price` names; `price` is the first of them. */
static tacho_status read_model(own *o, const tacho__json_node *price) {
    size_t count = 0;
    for (const tacho__json_node *other = price; other; other = other->next) {
        if (!same_model(price, other)) {
            continue;
        }
        if (count == TACHO__BUILD_SHEETS) {
            return refuse(o, other, "too many prices for one model");
        }
        tacho_status status = read_sheet(o, other, &o->sheets[count]);
        if (status != TACHO_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            if (same_condition(&o->sheets[i].when, &o->sheets[count].when)) {
                return refuse(o, other, "two prices of this model hold at the same time");
            }
        }
        count++;
    }
    qsort(o->sheets, count, sizeof *o->sheets, by_start);
    const char *id = tacho__json_member_text(price, "model", NULL);
    const char *provider_id = tacho__json_member_text(price, "provider", "*");
    char folded[TACHO__MODEL_ID_MAX + 1];
    if (!id || !tacho__match_fold(id, folded)) {
        return refuse(o, price, "a price names its \"model\" (at most 255 bytes)");
    }
    const tacho__json_node *context = tacho__json_member(price, "context");
    bool any = strcmp(provider_id, "*") == 0;
    uint16_t provider = any && is_pattern(folded) ? TACHO__PRICE_NONE : tacho__build_provider(o->builder, provider_id);
    if (provider != TACHO__PRICE_NONE) {
        tacho__build_alias(o->builder, provider, TACHO__PRICE_ALIAS_NAME, provider_id);
    }
    if (is_pattern(folded)) {
        return o->user ? tacho__build_glob(o->builder, provider, folded, o->sheets, count)
                       : refuse(o, price, "patterns are for user prices");
    }
    return tacho__build_model(o->builder, provider, folded, context ? (uint32_t)strtoul(context->text, NULL, 10) : 0,
                              TACHO__BUILD_OVERRIDE, o->sheets, count, 0);
}

static tacho_status read_prices(own *o, const tacho__json_node *root) {
    for (const tacho__json_node *price = first_of(root, "prices"); price; price = price->next) {
        bool seen = false;
        for (const tacho__json_node *before = first_of(root, "prices"); before != price; before = before->next) {
            seen |= same_model(before, price);
        }
        tacho_status status = seen ? TACHO_OK : read_model(o, price);
        if (status != TACHO_OK) {
            return status;
        }
    }
    return TACHO_OK;
}

/* ----------------------------------------------------------------------------------------------- aliases, modifiers */

static tacho_status read_aliases(own *o, const tacho__json_node *root) {
    for (const tacho__json_node *alias = first_of(root, "aliases"); alias; alias = alias->next) {
        const char *provider_id = tacho__json_member_text(alias, "provider", NULL);
        const char *id = tacho__json_member_text(alias, "id", NULL), *same = tacho__json_member_text(alias, "is", NULL);
        if (!provider_id || !id || !same) {
            return refuse(o, alias, "an alias has \"provider\", \"id\" and \"is\"");
        }
        uint16_t provider = tacho__build_provider(o->builder, provider_id);
        uint16_t of = tacho__build_find_provider(o->builder, tacho__json_member_text(alias, "of", provider_id));
        tacho_status status =
            of == TACHO__PRICE_NONE ? TACHO_NOT_FOUND : tacho__build_same(o->builder, provider, id, of, same);
        if (status == TACHO_NOT_FOUND) {
            tacho__report_line(o->report, "remark", provider_id, id, "alias of an id that is not in the sources");
        } else if (status != TACHO_OK) {
            return status;
        }
    }
    return TACHO_OK;
}

/* Takes one to four digits; -1 if there are none. */
static int take_number(const char **text) {
    size_t digits = strspn(*text, "0123456789"), taken = digits < 4 ? digits : 4;
    int number = taken > 0 ? 0 : -1;
    for (; taken > 0; taken--, (*text)++) {
        number = number * 10 + (**text - '0');
    }
    return number;
}

/* "17/20", "11"; what is left behind the numbers counts too: 0.85 is not 0. */
static bool read_factor(const tacho__json_node *factor, int *numerator, int *denominator) {
    if (!factor) {
        return false;
    }
    const char *text = factor->text;
    *numerator = take_number(&text);
    *denominator = 1;
    if (*text == '/') {
        text++;
        *denominator = take_number(&text);
    }
    bool whole = text == factor->text + factor->length;
    return whole && *numerator >= 0 && *numerator <= 1000 && *denominator >= 1 && *denominator <= 1000;
}

static tacho_status read_modifier(own *o, const tacho__json_node *entry, tacho__price_modifier *out) {
    const char *service = tacho__json_member_text(entry, "service", NULL);
    const char *region = tacho__json_member_text(entry, "region", NULL);
    const tacho__json_node *factor = tacho__json_member(entry, "factor");
    int numerator, denominator, kind = service ? service_named(service) : region ? region_named(region) : 0;
    if (!read_factor(factor, &numerator, &denominator)) {
        return refuse(o, factor ? factor : entry, "a \"factor\" is written 1/2 or 11/10; both parts at most 1000");
    }
    if (kind < 0) {
        return refuse(o, entry, "no such service or region");
    }
    *out = (tacho__price_modifier){.kind = service  ? TACHO__PRICE_MODIFIES_SERVICE
                                           : region ? TACHO__PRICE_MODIFIES_REGION
                                                    : TACHO__PRICE_MODIFIES_ALWAYS,
                                   .condition = (uint8_t)kind,
                                   .numerator = (uint16_t)numerator,
                                   .denominator = (uint16_t)denominator};
    return TACHO_OK;
}

/* A sheet that has its own rates for the service needs no factor for it. */
static void modify_model(own *o, const tacho__built_model *model, const tacho__price_modifier *modifier) {
    tacho__built_model copy = *model;
    bool changed = false;
    for (uint32_t i = 0; i < copy.list_count; i++) {
        tacho__build_sheet_at(o->builder, &copy, i, &o->sheets[i]);
        tacho__sheet_draft *sheet = &o->sheets[i];
        bool service = modifier->kind == TACHO__PRICE_MODIFIES_SERVICE;
        if ((service && sheet->when.service != TACHO_PRICE_SERVICE_STANDARD) ||
            sheet->modifier_count == TACHO__BUILD_MODIFIERS) {
            continue;
        }
        sheet->modifiers[sheet->modifier_count++] = *modifier;
        changed = true;
    }
    if (changed) {
        char id[TACHO__MODEL_ID_MAX + 1];
        snprintf(id, sizeof id, "%s", copy.id);
        tacho__build_model(o->builder, copy.provider, id, copy.context, TACHO__BUILD_OVERRIDE, o->sheets,
                           copy.list_count, copy.flags);
    }
}

/* In user prices a factor without condition is a contract, on whatever the tables below say. */
static tacho_status read_contract(own *o, const tacho__json_node *entry, const tacho__price_modifier *modifier) {
    const char *name = tacho__json_member_text(entry, "provider", NULL);
    uint16_t provider = name ? tacho__build_provider(o->builder, name) : TACHO__PRICE_NONE;
    tacho_status status = TACHO_OK;
    if (!first_of(entry, "models")) {
        return tacho__build_contract(o->builder, provider, "*", modifier);
    }
    for (const tacho__json_node *model = first_of(entry, "models"); model && status == TACHO_OK; model = model->next) {
        status = tacho__build_contract(o->builder, provider, model->text, modifier);
    }
    return status;
}

static tacho_status read_modifiers(own *o, const tacho__json_node *root) {
    for (const tacho__json_node *entry = first_of(root, "modifiers"); entry; entry = entry->next) {
        tacho__price_modifier modifier = {0};
        tacho_status status = read_modifier(o, entry, &modifier);
        if (status != TACHO_OK) {
            return status;
        }
        if (o->user && modifier.kind == TACHO__PRICE_MODIFIES_ALWAYS) {
            status = read_contract(o, entry, &modifier);
            if (status != TACHO_OK) {
                return status;
            }
            continue;
        }
        uint16_t provider = tacho__build_find_provider(o->builder, tacho__json_member_text(entry, "provider", ""));
        for (const tacho__json_node *name = first_of(entry, "models"); name; name = name->next) {
            for (size_t i = 0; i < tacho__build_count(o->builder); i++) {
                const tacho__built_model *model = tacho__build_at(o->builder, i);
                if (model->provider == provider && tacho__glob_matches(name->text, model->id)) {
                    modify_model(o, model, &modifier);
                }
            }
        }
    }
    return TACHO_OK;
}

tacho_status tacho__read_own(tacho__price_builder *builder, const tacho__json_node *root, bool user,
                             tacho__build_report *report, tacho__price_fault *fault) {
    own o = {.builder = builder, .report = report, .user = user, .fault = fault};
    tacho_status status = tacho__own_shape(root, fault);
    if (status != TACHO_OK) {
        return status;
    }
    o.sheets = tacho__malloc(TACHO__BUILD_SHEETS * sizeof *o.sheets);
    if (!o.sheets) {
        return TACHO_NOMEM;
    }
    status = read_providers(&o, tacho__json_member(root, "providers"));
    if (status == TACHO_OK) {
        status = read_prices(&o, root);
    }
    if (status == TACHO_OK) {
        status = read_aliases(&o, root);
    }
    if (status == TACHO_OK) {
        status = read_modifiers(&o, root);
    }
    tacho__free(o.sheets);
    return status;
}

tacho_status tacho__add_overrides(tacho__price_builder *builder, tacho__build_report *report) {
    tacho__json_tree *tree;
    tacho__price_fault fault;
    tacho_status status =
        tacho__json_tree_read(&tree, tacho__price_overrides_text, tacho__price_overrides_length, NULL);
    if (status == TACHO_OK) {
        status = tacho__read_own(builder, tacho__json_tree_root(tree), false, report, &fault);
        tacho__json_tree_free(tree);
    }
    return status;
}
