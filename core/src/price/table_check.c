/*
 * Foreign tables are used in place without further checks, so everything that pricing relies on is proved here once:
 * sections inside the bytes and aligned, texts terminated, every index inside its section, ids sorted by hash, per and
 * denominators not 0, amounts not negative.
 */
#include "price/table.h"

#include "base/hash.h"
#include "base/money.h"

#include <string.h>

typedef struct check {
    const tacho_price_table *table;
    bool bad;
} check;

static const size_t element_sizes[TACHO__PRICE_SECTIONS] = {
#define X(name, type) sizeof(type),
    TACHO__PRICE_SECTION_MAP(X)
#undef X
};

static void demand(check *c, bool holds) {
    c->bad |= !holds;
}

static void check_text(check *c, tacho__price_text text) {
    uint32_t at = text >> 8, length = text & 0xff;
    uint32_t size = TACHO__PRICE_COUNT(c->table, TACHO__PRICE_TEXTS);
    demand(c, at < size && length < size - at && tacho__price_text_at(c->table, text)[length] == 0);
}

static void check_card(check *c, uint32_t card) {
    uint32_t words = TACHO__PRICE_COUNT(c->table, TACHO__PRICE_CARDS);
    const uint16_t *at = TACHO__PRICE_AT(c->table, TACHO__PRICE_CARDS, uint16_t);
    if (card >= words || words - card < 2) {
        c->bad = true;
        return;
    }
    uint32_t mask = (uint32_t)at[card] | (uint32_t)at[card + 1] << 16;
    uint32_t count = (uint32_t)__builtin_popcount(mask);
    if (words - card - 2 < count) {
        c->bad = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        demand(c, at[card + 2 + i] < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_RATES));
    }
}

static void check_rates(check *c) {
    const tacho__price_rate *rates = TACHO__PRICE_AT(c->table, TACHO__PRICE_RATES, tacho__price_rate);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_RATES); i++) {
        demand(c, rates[i].amount >= 0 && rates[i].per > 0 && rates[i].per <= TACHO__MONEY_MAX_PER);
    }
}

static void check_sheet(check *c, const tacho__price_sheet *sheet) {
    const tacho__price_band *bands = TACHO__PRICE_AT(c->table, TACHO__PRICE_BANDS, tacho__price_band);
    check_card(c, sheet->card);
    uint32_t bands_end = (uint32_t)sheet->bands + sheet->band_count;
    uint32_t modifiers_end = (uint32_t)sheet->modifiers + sheet->modifier_count;
    demand(c, sheet->id != 0 && sheet->service <= TACHO_PRICE_SERVICE_FAST &&
                  sheet->region <= TACHO__PRICE_REGION_REGIONAL);
    if (bands_end > TACHO__PRICE_COUNT(c->table, TACHO__PRICE_BANDS) ||
        modifiers_end > TACHO__PRICE_COUNT(c->table, TACHO__PRICE_MODIFIERS)) {
        c->bad = true;
        return;
    }
    for (uint32_t i = sheet->bands; i < bands_end; i++) {
        check_card(c, bands[i].card);
        demand(c, i == sheet->bands || bands[i - 1].threshold < bands[i].threshold);
    }
    demand(c, sheet->modifier_count <= 8);
}

static void check_modifiers(check *c) {
    const tacho__price_modifier *modifiers = TACHO__PRICE_AT(c->table, TACHO__PRICE_MODIFIERS, tacho__price_modifier);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_MODIFIERS); i++) {
        demand(c, modifiers[i].denominator > 0 && modifiers[i].denominator <= 1000 && modifiers[i].numerator <= 1000);
    }
}

static void check_list(check *c, uint32_t list, uint32_t count) {
    const uint16_t *lists = TACHO__PRICE_AT(c->table, TACHO__PRICE_LISTS, uint16_t);
    uint32_t words = TACHO__PRICE_COUNT(c->table, TACHO__PRICE_LISTS);
    if (list > words || words - list < count) {
        c->bad = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        demand(c, lists[list + i] < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_SHEETS));
    }
}

static void check_models(check *c) {
    const tacho__price_entry *entries = TACHO__PRICE_AT(c->table, TACHO__PRICE_MODELS, tacho__price_entry);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_MODELS) && !c->bad; i++) {
        check_text(c, entries[i].id);
        check_list(c, entries[i].list >> 8, entries[i].list_count);
        demand(c, i == 0 || entries[i - 1].hash <= entries[i].hash);
        demand(c, entries[i].provider < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_PROVIDERS) &&
                      entries[i].context < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_CONTEXTS));
        demand(c, !c->bad && (uint32_t)tacho__hash(tacho__price_text_at(c->table, entries[i].id), entries[i].id & 0xff,
                                                   0) == entries[i].hash);
    }
}

static void check_names(check *c) {
    uint32_t providers = TACHO__PRICE_COUNT(c->table, TACHO__PRICE_PROVIDERS);
    const tacho__price_provider *provider = TACHO__PRICE_AT(c->table, TACHO__PRICE_PROVIDERS, tacho__price_provider);
    for (uint32_t i = 0; i < providers; i++) {
        check_text(c, provider[i].id);
        for (int f = 0; f < TACHO__PRICE_FALLBACKS; f++) {
            demand(c, provider[i].fallbacks[f] == TACHO__PRICE_NONE || provider[i].fallbacks[f] < providers);
        }
    }
    const tacho__price_alias *aliases = TACHO__PRICE_AT(c->table, TACHO__PRICE_ALIASES, tacho__price_alias);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_ALIASES); i++) {
        check_text(c, aliases[i].text);
        demand(c, aliases[i].provider < providers);
    }
    const tacho__price_glob *globs = TACHO__PRICE_AT(c->table, TACHO__PRICE_GLOBS, tacho__price_glob);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_GLOBS); i++) {
        check_text(c, globs[i].pattern);
        check_list(c, globs[i].list_count ? globs[i].list >> 8 : 0, globs[i].list_count);
        demand(c, globs[i].list_count || globs[i].list >> 8 < TACHO__PRICE_COUNT(c->table, TACHO__PRICE_MODIFIERS));
        demand(c, globs[i].provider == TACHO__PRICE_NONE || globs[i].provider < providers);
    }
}

static bool sections_fit(const tacho__price_header *sheets, size_t length) {
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        tacho__price_extent extent = sheets->sections[section];
        uint64_t end = (uint64_t)extent.offset + (uint64_t)extent.count * element_sizes[section];
        if (extent.offset % 8 || extent.offset < sizeof *sheets || end > length) {
            return false;
        }
    }
    return true;
}

tacho_status tacho__price_check(const tacho__price_header *sheets, size_t length) {
    if (length < sizeof *sheets || sheets->magic != TACHO__PRICE_MAGIC || sheets->length != length) {
        return TACHO_DAMAGED;
    }
    size_t hashed = offsetof(tacho__price_header, flags);
    if (tacho__hash((const char *)sheets + hashed, length - hashed, 0) != sheets->checksum ||
        !sections_fit(sheets, length)) {
        return TACHO_DAMAGED;
    }
    tacho_price_table table = {.sheets = sheets};
    check c = {.table = &table, .bad = TACHO__PRICE_COUNT(&table, TACHO__PRICE_CONTEXTS) == 0};
    check_rates(&c);
    check_modifiers(&c);
    const tacho__price_sheet *list = TACHO__PRICE_AT(&table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(&table, TACHO__PRICE_SHEETS) && !c.bad; i++) {
        check_sheet(&c, &list[i]);
    }
    check_names(&c);
    check_models(&c);
    return c.bad ? TACHO_DAMAGED : TACHO_OK;
}
