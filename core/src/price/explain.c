#include <tachograph/price_table.h>

#include "price/cost_state.h"

#include <string.h>

const char *tacho_price_model_provider(const tacho_price_model *model) {
    tacho__match match;
    if (!model || !tacho__match_of_handle(model, &match) || match.provider == TACHO__PRICE_NONE) {
        return "";
    }
    const tacho__price_provider *list = TACHO__PRICE_AT(match.table, TACHO__PRICE_PROVIDERS, tacho__price_provider);
    return tacho__price_text_at(match.table, list[match.provider].id);
}

const char *tacho_price_model_id(const tacho_price_model *model) {
    tacho__match match;
    return model && tacho__match_of_handle(model, &match) ? match.id : "";
}

tacho_status tacho_price_explain(const tacho_price_table *table, const char *provider, const char *model,
                                 tacho_price_step step, void *context, tacho_price_model *out) {
    if (!out) {
        return TACHO_INVALID;
    }
    table = table ? table : tacho_price_table_builtin();
    tacho__match match, below;
    if (!tacho__match_find(table, provider, model, &match, step, context)) {
        *out = (tacho_price_model){.struct_size = (uint32_t)sizeof *out, .table = table};
        return TACHO_NOT_FOUND;
    }
    bool lower = tacho__match_below(table, provider, model, &match, &below);
    tacho__handle_of_match(&match, lower ? &below : NULL, out);
    return TACHO_OK;
}

static void view_card(const tacho_price_table *table, uint32_t card, tacho_price_sheet_view *out) {
    const uint16_t *words = TACHO__PRICE_AT(table, TACHO__PRICE_CARDS, uint16_t) + card;
    const tacho__price_rate *rates = TACHO__PRICE_AT(table, TACHO__PRICE_RATES, tacho__price_rate);
    uint32_t mask = (uint32_t)words[0] | (uint32_t)words[1] << 16;
    words += 2;
    out->rate_count = 0;
    for (; mask; mask &= mask - 1) {
        const tacho__price_rate *rate = &rates[*words++];
        out->rates[out->rate_count++] = (tacho_price_rate){(uint32_t)__builtin_ctz(mask), rate->per, rate->amount};
    }
}

static void view_sheet(const tacho_price_table *table, const tacho__price_sheet *sheet, uint32_t band,
                       tacho_price_sheet_view *out) {
    const tacho__price_band *bands = TACHO__PRICE_AT(table, TACHO__PRICE_BANDS, tacho__price_band) + sheet->bands;
    *out = (tacho_price_sheet_view){
        .struct_size = (uint32_t)sizeof *out,
        .sheet = sheet->id,
        .service = sheet->service,
        .band = band,
        .threshold = band ? bands[band - 1].threshold : 0,
        .from_unix_s = sheet->from_minute ? (int64_t)sheet->from_minute * 60 : INT64_MIN,
        .to_unix_s = sheet->to_minute == TACHO__PRICE_ALWAYS ? INT64_MAX : (int64_t)sheet->to_minute * 60,
        .hour_from_minute = sheet->hour_from == TACHO__PRICE_ANY_HOUR ? -1 : sheet->hour_from,
        .hour_to_minute = sheet->hour_to == TACHO__PRICE_ANY_HOUR ? -1 : sheet->hour_to,
        .weekdays = sheet->weekdays,
        .inclusive = sheet->flags & TACHO__PRICE_SHEET_INCLUSIVE ? 1 : 0,
    };
    view_card(table, band ? bands[band - 1].card : sheet->card, out);
}

tacho_status tacho_price_model_sheet(const tacho_price_model *model, size_t index, tacho_price_sheet_view *out) {
    tacho__match match;
    if (!model || !out) {
        return TACHO_INVALID;
    }
    if (!tacho__match_of_handle(model, &match)) {
        return TACHO_NOT_FOUND;
    }
    const tacho__price_sheet *sheets = TACHO__PRICE_AT(match.table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    for (uint32_t i = 0; i < match.list_count; i++) {
        const tacho__price_sheet *sheet = &sheets[match.list[i]];
        if (index <= sheet->band_count) {
            view_sheet(match.table, sheet, (uint32_t)index, out);
            return TACHO_OK;
        }
        index -= sheet->band_count + 1u;
    }
    return TACHO_NOT_FOUND;
}

tacho_status tacho_price_table_at(const tacho_price_table *table, size_t index, tacho_price_model *out) {
    if (!out) {
        return TACHO_INVALID;
    }
    table = table ? table : tacho_price_table_builtin();
    if (index >= TACHO__PRICE_COUNT(table, TACHO__PRICE_MODELS)) {
        return TACHO_NOT_FOUND;
    }
    tacho__match match;
    tacho__match_entry(table, (uint32_t)index, &match);
    tacho__handle_of_match(&match, NULL, out);
    return TACHO_OK;
}
