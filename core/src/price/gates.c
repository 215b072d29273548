/*
 * Import gates: each would have caught a defect that one of the sources really had (reference/cost-tables.md,
 * section 4). They look at the finished models, so every source passes them.
 */
#include "price/match.h"
#include "price/overrides.h"

#include "base/memory.h"

#include <tachograph/price_table.h>

#include <stdio.h>
#include <string.h>

#define CHANGE_LIMIT 10
#define TOKEN_LIMIT  INT64_C(1000000000000) /* $0.001 in femto-USD */

/* Units whose price says what a model costs: the ones compared with the table before. */
static const tacho_unit compared[] = {TACHO_UNIT_INPUT, TACHO_UNIT_OUTPUT, TACHO_UNIT_CACHE_READ,
                                      TACHO_UNIT_CACHE_WRITE, TACHO_UNIT_CACHE_WRITE_1H};

static bool has(const tacho__card_draft *card, tacho_unit unit) {
    return card->mask & TACHO_UNIT_BIT(unit);
}

/* Sign of a / per_a - limit * b / per_b, exactly. */
static int compare_rates(const tacho__price_rate *a, const tacho__price_rate *b, unsigned limit) {
    unsigned __int128 left = (unsigned __int128)(uint64_t)a->amount * b->per;
    unsigned __int128 right = (unsigned __int128)(uint64_t)b->amount * a->per * limit;
    return (left > right) - (left < right);
}

static void drop(tacho__card_draft *card, tacho_unit unit) {
    card->mask &= ~TACHO_UNIT_BIT(unit);
}

/* True when the card had a rate that must not be used. */
static bool check_card(tacho__card_draft *card, const char **why) {
    bool rejected = false;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        const tacho__price_rate *rate = &card->rates[unit];
        if (has(card, unit) && tacho_unit_describe(unit)->is_token && rate->amount / rate->per > TOKEN_LIMIT) {
            *why = "more than $0.001 per token: an error of units";
            card->mask = 0;
            return true;
        }
    }
    if (has(card, TACHO_UNIT_CACHE_READ) && has(card, TACHO_UNIT_INPUT) &&
        compare_rates(&card->rates[TACHO_UNIT_CACHE_READ], &card->rates[TACHO_UNIT_INPUT], 1) > 0) {
        *why = "a cache read dearer than the input; the input's price is used";
        drop(card, TACHO_UNIT_CACHE_READ);
        rejected = true;
    }
    return rejected;
}

/* An input of 0 beside an output that costs is more often a gap than a gift. */
static bool has_suspicious_zero(const tacho__card_draft *card) {
    if (!has(card, TACHO_UNIT_INPUT) || !has(card, TACHO_UNIT_OUTPUT)) {
        return false;
    }
    bool input = card->rates[TACHO_UNIT_INPUT].amount != 0, output = card->rates[TACHO_UNIT_OUTPUT].amount != 0;
    return input != output;
}

static void view_to_card(const tacho_price_sheet_view *view, tacho__card_draft *card) {
    card->mask = 0;
    for (uint32_t i = 0; i < view->rate_count; i++) {
        card->mask |= TACHO_UNIT_BIT(view->rates[i].unit);
        card->rates[view->rates[i].unit] = (tacho__price_rate){view->rates[i].amount_fusd, view->rates[i].per, 0};
    }
}

static bool holds_alike(const tacho_price_sheet_view *view, const tacho__price_sheet *when) {
    int64_t from = when->from_minute ? (int64_t)when->from_minute * 60 : INT64_MIN;
    int32_t hour = when->hour_from == TACHO__PRICE_ANY_HOUR ? -1 : when->hour_from;
    return view->service == when->service && view->from_unix_s == from && view->hour_from_minute == hour &&
           view->weekdays == when->weekdays;
}

/* Rates and bands of the sheet of the table before that says the same when it holds. */
static bool previous_rates(const tacho_price_model *model, const tacho__price_sheet *when, tacho__sheet_draft *old) {
    tacho_price_sheet_view view;
    uint32_t found = 0;
    old->band_count = 0;
    for (size_t i = 0; tacho_price_model_sheet(model, i, &view) == TACHO_OK; i++) {
        if (!found && view.band == 0 && holds_alike(&view, when)) {
            found = view.sheet;
            view_to_card(&view, &old->card);
            old->when.flags = view.inclusive ? TACHO__PRICE_SHEET_INCLUSIVE : 0;
        } else if (found && view.sheet == found && view.band == old->band_count + 1 &&
                   old->band_count < TACHO__BUILD_BANDS) {
            old->thresholds[old->band_count] = (uint32_t)view.threshold;
            view_to_card(&view, &old->bands[old->band_count++]);
            old->when.flags = view.inclusive ? TACHO__PRICE_SHEET_INCLUSIVE : 0;
        }
    }
    return found;
}

/* 10 times and more, a tenth and less, or nothing any more. What was free and costs now is believed. */
static bool jumped(const tacho__card_draft *now, const tacho__card_draft *before) {
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        tacho_unit unit = compared[i];
        if (has(now, unit) && has(before, unit) && before->rates[unit].amount != 0 &&
            (compare_rates(&now->rates[unit], &before->rates[unit], CHANGE_LIMIT) >= 0 ||
             compare_rates(&before->rates[unit], &now->rates[unit], CHANGE_LIMIT) >= 0)) {
            return true;
        }
    }
    return false;
}

static bool sheet_jumped(const tacho__sheet_draft *now, const tacho__sheet_draft *before) {
    bool any = jumped(&now->card, &before->card);
    for (uint32_t i = 0; !any && i < now->band_count && i < before->band_count; i++) {
        any = jumped(&now->bands[i], &before->bands[i]);
    }
    return any;
}

/* The sheet's conditions and modifiers with the rates of the table before. */
static void restore(tacho__sheet_draft *sheet, const tacho__sheet_draft *old) {
    sheet->card = old->card;
    sheet->band_count = old->band_count;
    memcpy(sheet->thresholds, old->thresholds, sizeof old->thresholds);
    memcpy(sheet->bands, old->bands, sizeof old->bands);
    sheet->when.flags = (uint8_t)((sheet->when.flags & ~TACHO__PRICE_SHEET_INCLUSIVE) | old->when.flags);
}

typedef struct gate {
    tacho__price_builder *builder;
    const tacho_price_table *previous;
    tacho__build_report *report;
    tacho__sheet_draft *sheets;
    tacho__sheet_draft *old; /* room for one */
} gate;

static bool gate_sheet(const gate *g, const char *provider, const char *id, tacho__sheet_draft *sheet,
                       const tacho_price_model *before) {
    const char *why = "";
    bool changed = check_card(&sheet->card, &why);
    for (uint32_t i = 0; i < sheet->band_count; i++) {
        changed |= check_card(&sheet->bands[i], &why);
    }
    if (changed) {
        tacho__report_line(g->report, "rejected", provider, id, why);
    }
    if (has_suspicious_zero(&sheet->card)) {
        tacho__report_line(g->report, "review", provider, id, "zero beside a rate that is not");
    }
    if (before && previous_rates(before, &sheet->when, g->old) && sheet_jumped(sheet, g->old)) {
        tacho__report_line(g->report, "quarantined", provider, id,
                           "changed by 10 times or more; the price of the table before stays");
        restore(sheet, g->old);
        changed = true;
    }
    return changed;
}

static void gate_model(const gate *g, const tacho__built_model *model) {
    tacho__built_model copy = *model;
    const char *provider = tacho__build_provider_id(g->builder, copy.provider);
    tacho_price_model before;
    bool known = g->previous && tacho_price_model_find(g->previous, provider, copy.id, &before) == TACHO_OK &&
                 before.match == TACHO_PRICE_MATCH_EXACT;
    bool changed = false;
    size_t kept = 0;
    for (uint32_t i = 0; i < copy.list_count; i++) {
        tacho__sheet_draft *sheet = &g->sheets[kept];
        tacho__build_sheet_at(g->builder, &copy, i, sheet);
        changed |= gate_sheet(g, provider, copy.id, sheet, known ? &before : NULL);
        kept += sheet->card.mask != 0 || (sheet->when.flags & TACHO__PRICE_SHEET_UNKNOWN) ||
                (copy.flags & TACHO__PRICE_ENTRY_FREE);
    }
    if (changed) {
        char id[TACHO__MODEL_ID_MAX + 1];
        snprintf(id, sizeof id, "%s", copy.id);
        tacho__build_model(g->builder, copy.provider, id, copy.context, TACHO__BUILD_OVERRIDE, g->sheets, kept,
                           copy.flags);
    }
}

void tacho__gate_all(tacho__price_builder *builder, const tacho_price_table *previous, tacho__build_report *report) {
    gate g = {builder, previous, report, tacho__malloc((TACHO__BUILD_SHEETS + 1) * sizeof *g.sheets), NULL};
    g.old = g.sheets ? g.sheets + TACHO__BUILD_SHEETS : NULL;
    for (size_t i = 0; g.sheets && i < tacho__build_count(builder); i++) {
        const tacho__built_model *model = tacho__build_at(builder, i);
        if (model->rank != TACHO__BUILD_OVERRIDE) {
            gate_model(&g, model);
        }
    }
    tacho__free(g.sheets);
}
