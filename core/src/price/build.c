#include "price/build.h"

#include "base/hash.h"
#include "base/memory.h"
#include "price/build_state.h"

#include <string.h>

tacho__price_builder *tacho__price_builder_new(void) {
    tacho__price_builder *builder = tacho__calloc(1, sizeof *builder);
    if (builder) {
        uint32_t none = 0;
        tacho__pool_put(&builder->pools[TACHO__PRICE_CONTEXTS], &none, sizeof none, sizeof none);
    }
    return builder;
}

void tacho__price_builder_free(tacho__price_builder *builder) {
    if (!builder) {
        return;
    }
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        tacho__pool_free(&builder->pools[section]);
    }
    tacho__pool_free(&builder->ids);
    for (size_t i = 0; i < builder->count; i++) {
        tacho__free((char *)(uintptr_t)builder->models[i].id);
    }
    tacho__free(builder->models);
    tacho__free(builder);
}

void tacho__sheet_draft_init(tacho__sheet_draft *draft) {
    memset(draft, 0, sizeof *draft);
    draft->when.to_minute = TACHO__PRICE_ALWAYS;
    draft->when.hour_from = TACHO__PRICE_ANY_HOUR;
    draft->when.hour_to = TACHO__PRICE_ANY_HOUR;
    draft->when.weekdays = 0x7f;
}

/* ------------------------------------------------------------------------------------------------ texts, providers */

tacho__price_text tacho__build_text(tacho__price_builder *builder, const char *text) {
    size_t length = strlen(text);
    if (length > 255) {
        builder->overfull = true;
        return 0;
    }
    uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_TEXTS], text, length + 1, 1);
    return at << 8 | (uint32_t)length;
}

static const char *text_at(const tacho__price_builder *builder, tacho__price_text text) {
    return (const char *)tacho__pool_at(&builder->pools[TACHO__PRICE_TEXTS], text >> 8);
}

uint16_t tacho__build_find_provider(const tacho__price_builder *builder, const char *id) {
    for (uint32_t i = 0; i < builder->provider_count; i++) {
        if (strcmp(text_at(builder, builder->providers[i].id), id) == 0) {
            return (uint16_t)i;
        }
    }
    return TACHO__PRICE_NONE;
}

uint16_t tacho__build_provider(tacho__price_builder *builder, const char *id) {
    uint16_t found = tacho__build_find_provider(builder, id);
    if (found != TACHO__PRICE_NONE || builder->provider_count == TACHO__BUILD_PROVIDERS_MAX || strlen(id) > 255) {
        return found;
    }
    tacho__price_provider *fresh = &builder->providers[builder->provider_count];
    fresh->id = tacho__build_text(builder, id);
    for (int i = 0; i < TACHO__PRICE_FALLBACKS; i++) {
        fresh->fallbacks[i] = TACHO__PRICE_NONE;
    }
    return (uint16_t)builder->provider_count++;
}

const char *tacho__build_provider_id(const tacho__price_builder *builder, uint16_t provider) {
    return provider < builder->provider_count ? text_at(builder, builder->providers[provider].id) : "";
}

void tacho__build_fallback(tacho__price_builder *builder, uint16_t provider, uint16_t to) {
    uint16_t *fallbacks = builder->providers[provider].fallbacks;
    for (int i = 0; i < TACHO__PRICE_FALLBACKS; i++) {
        if (fallbacks[i] == TACHO__PRICE_NONE || fallbacks[i] == to) {
            fallbacks[i] = to;
            return;
        }
    }
}

uint16_t tacho__build_fallback_at(const tacho__price_builder *builder, uint16_t provider, int index) {
    return builder->providers[provider].fallbacks[index];
}

void tacho__build_alias(tacho__price_builder *builder, uint16_t provider, int kind, const char *text) {
    if (provider != TACHO__PRICE_NONE) {
        tacho__price_alias alias = {tacho__build_text(builder, text), provider, (uint16_t)kind};
        tacho__pool_put(&builder->pools[TACHO__PRICE_ALIASES], &alias, sizeof alias, sizeof alias);
    }
}

void tacho__build_set_rules(tacho__price_builder *builder, uint16_t provider, const tacho__json_node *models) {
    builder->rules[provider] = models;
}

const tacho__json_node *tacho__build_rules(const tacho__price_builder *builder, uint16_t provider) {
    return builder->rules[provider];
}

void tacho__build_flags(tacho__price_builder *builder, uint32_t flags) {
    builder->flags |= flags;
}

void tacho__build_source(tacho__price_builder *builder, const char *name, const char *version, const char *hash) {
    if (builder->source_count < TACHO__BUILD_SOURCES_MAX) {
        tacho__build_source_name *fresh = &builder->sources[builder->source_count++];
        strncpy(fresh->name, name, TACHO__BUILD_SOURCE_TEXT - 1);
        strncpy(fresh->version, version, TACHO__BUILD_SOURCE_TEXT - 1);
        strncpy(fresh->hash, hash, TACHO__BUILD_SOURCE_TEXT - 1);
    }
}

/* --------------------------------------------------------------------------------------------------- cards, sheets */

static uint32_t put_card(tacho__price_builder *builder, const tacho__card_draft *card) {
    uint16_t words[2 + TACHO_UNIT_COUNT] = {(uint16_t)card->mask, (uint16_t)(card->mask >> 16)};
    size_t count = 2;
    for (uint32_t mask = card->mask; mask; mask &= mask - 1) {
        const tacho__price_rate *rate = &card->rates[__builtin_ctz(mask)];
        uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_RATES], rate, sizeof *rate, sizeof *rate);
        builder->overfull |= at / sizeof *rate > UINT16_MAX;
        words[count++] = (uint16_t)(at / sizeof *rate);
    }
    size_t bytes = count * sizeof *words;
    return tacho__pool_put(&builder->pools[TACHO__PRICE_CARDS], words, bytes, sizeof *words) / 2;
}

static uint16_t put_bands(tacho__price_builder *builder, const tacho__sheet_draft *draft) {
    tacho__price_band bands[TACHO__BUILD_BANDS] = {{0, 0}};
    for (uint32_t i = 0; i < draft->band_count; i++) {
        bands[i] = (tacho__price_band){draft->thresholds[i], put_card(builder, &draft->bands[i])};
    }
    size_t bytes = draft->band_count * sizeof *bands;
    uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_BANDS], bands, bytes, sizeof *bands);
    builder->overfull |= at / sizeof *bands > UINT16_MAX;
    return (uint16_t)(at / sizeof *bands);
}

static uint16_t put_modifiers(tacho__price_builder *builder, const tacho__sheet_draft *draft) {
    size_t bytes = draft->modifier_count * sizeof(tacho__price_modifier);
    uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_MODIFIERS], draft->modifiers, bytes,
                                  sizeof(tacho__price_modifier));
    return (uint16_t)(at / sizeof(tacho__price_modifier));
}

/* The id of a sheet is made from what it says, not from where it lies: equal in every table that has it. */
static uint32_t hash_card(const tacho__card_draft *card, uint64_t seed) {
    uint64_t hash = tacho__hash(&card->mask, sizeof card->mask, seed);
    for (uint32_t mask = card->mask; mask; mask &= mask - 1) {
        const tacho__price_rate *rate = &card->rates[__builtin_ctz(mask)];
        hash = tacho__hash(rate, sizeof *rate, hash);
    }
    return (uint32_t)hash;
}

static uint32_t hash_sheet(const tacho__sheet_draft *draft, const tacho__price_sheet *when) {
    uint64_t hash = tacho__hash(when, sizeof *when, hash_card(&draft->card, 1));
    for (uint32_t i = 0; i < draft->band_count; i++) {
        hash = tacho__hash(&draft->thresholds[i], sizeof(uint32_t), hash + hash_card(&draft->bands[i], 2));
    }
    hash = tacho__hash(draft->modifiers, draft->modifier_count * sizeof *draft->modifiers, hash);
    return (uint32_t)hash ? (uint32_t)hash : 1;
}

static uint16_t put_sheet(tacho__price_builder *builder, const tacho__sheet_draft *draft) {
    tacho__price_sheet sheet = draft->when;
    sheet.id = sheet.card = 0;
    sheet.bands = sheet.modifiers = sheet.reserved = 0;
    sheet.band_count = (uint8_t)draft->band_count;
    sheet.modifier_count = (uint8_t)draft->modifier_count;
    sheet.id = hash_sheet(draft, &sheet);
    sheet.card = put_card(builder, &draft->card);
    sheet.bands = draft->band_count ? put_bands(builder, draft) : 0;
    sheet.modifiers = draft->modifier_count ? put_modifiers(builder, draft) : 0;
    uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_SHEETS], &sheet, sizeof sheet, sizeof sheet);
    builder->overfull |= at / sizeof sheet > UINT16_MAX;
    return (uint16_t)(at / sizeof sheet);
}

static uint32_t put_list(tacho__price_builder *builder, const tacho__sheet_draft *sheets, size_t count) {
    uint16_t list[TACHO__BUILD_SHEETS];
    for (size_t i = 0; i < count; i++) {
        list[i] = put_sheet(builder, &sheets[i]);
    }
    uint32_t at = tacho__pool_put(&builder->pools[TACHO__PRICE_LISTS], list, count * sizeof *list, sizeof *list);
    return at / (uint32_t)sizeof *list;
}

/* --------------------------------------------------------------------------------------------------------- models */

static size_t key_of(char *out, uint16_t provider, const char *id) {
    size_t length = strlen(id);
    memcpy(out, &provider, sizeof provider);
    memcpy(out + sizeof provider, id, length); /* NOLINT(bugprone-not-null-terminated-result): a key has a length */
    return length + sizeof provider;
}

tacho__built_model *tacho__build_find_own(const tacho__price_builder *builder, uint16_t provider, const char *id) {
    char key[2 + 256];
    if (strlen(id) > 255) {
        return NULL;
    }
    uint32_t position;
    bool found = tacho__pool_find(&builder->ids, key, key_of(key, provider, id), &position);
    return found ? &builder->models[position] : NULL;
}

static tacho__built_model *add_model(tacho__price_builder *builder, uint16_t provider, const char *id) {
    if (builder->count == builder->capacity) {
        size_t more = builder->capacity ? builder->capacity * 2 : 1024;
        tacho__built_model *grown = tacho__realloc(builder->models, more * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        builder->models = grown;
        builder->capacity = more;
    }
    size_t bytes = strlen(id) + 1;
    char *copy = tacho__malloc(bytes);
    if (!copy) {
        return NULL;
    }
    memcpy(copy, id, bytes);
    char key[2 + 256];
    tacho__pool_name(&builder->ids, key, key_of(key, provider, id), (uint32_t)builder->count);
    tacho__built_model *fresh = &builder->models[builder->count++];
    *fresh = (tacho__built_model){.id = copy, .provider = provider};
    return fresh;
}

tacho_status tacho__build_model(tacho__price_builder *builder, uint16_t provider, const char *id, uint32_t context,
                                unsigned rank, const tacho__sheet_draft *sheets, size_t count, unsigned flags) {
    if (provider == TACHO__PRICE_NONE || strlen(id) > 255 || count > TACHO__BUILD_SHEETS) {
        return TACHO_LIMIT;
    }
    tacho__built_model *model = tacho__build_find_own(builder, provider, id);
    if (model && model->rank > rank) {
        return TACHO_OK;
    }
    if (!model) {
        model = add_model(builder, provider, id);
        if (!model) {
            return TACHO_NOMEM;
        }
    }
    model->rank = (uint8_t)rank;
    model->flags = (uint8_t)flags;
    model->list = put_list(builder, sheets, count);
    model->list_count = (uint32_t)count;
    model->context = context ? context : model->context;
    return TACHO_OK;
}

tacho_status tacho__build_same(tacho__price_builder *builder, uint16_t provider, const char *id, uint16_t of_provider,
                               const char *of_id) {
    const tacho__built_model *of = tacho__build_find_own(builder, of_provider, of_id);
    if (!of) {
        return TACHO_NOT_FOUND;
    }
    tacho__built_model copy = *of;
    if (strlen(id) > 255 || tacho__build_find_own(builder, provider, id)) {
        return TACHO_OK;
    }
    tacho__built_model *fresh = add_model(builder, provider, id);
    if (!fresh) {
        return TACHO_NOMEM;
    }
    copy.id = fresh->id;
    copy.provider = provider;
    copy.rank = TACHO__BUILD_ALIAS;
    *fresh = copy;
    return TACHO_OK;
}

tacho_status tacho__build_glob(tacho__price_builder *builder, uint16_t provider, const char *pattern,
                               const tacho__sheet_draft *sheets, size_t count) {
    if (strlen(pattern) > 255 || count > TACHO__BUILD_SHEETS) {
        return TACHO_LIMIT;
    }
    tacho__price_glob glob = {tacho__build_text(builder, pattern), put_list(builder, sheets, count) << 8, provider,
                              (uint8_t)count, 0};
    tacho__pool_put(&builder->pools[TACHO__PRICE_GLOBS], &glob, sizeof glob, sizeof glob);
    return TACHO_OK;
}

tacho_status tacho__build_contract(tacho__price_builder *builder, uint16_t provider, const char *pattern,
                                   const tacho__price_modifier *modifier) {
    if (strlen(pattern) > 255) {
        return TACHO_LIMIT;
    }
    uint32_t at =
        tacho__pool_put(&builder->pools[TACHO__PRICE_MODIFIERS], modifier, sizeof *modifier, sizeof *modifier);
    tacho__price_glob glob = {tacho__build_text(builder, pattern), (uint32_t)(at / sizeof *modifier) << 8, provider, 0,
                              0};
    tacho__pool_put(&builder->pools[TACHO__PRICE_GLOBS], &glob, sizeof glob, sizeof glob);
    return TACHO_OK;
}

const tacho__built_model *tacho__build_find(const tacho__price_builder *builder, uint16_t provider, const char *id) {
    return tacho__build_find_own(builder, provider, id);
}

size_t tacho__build_count(const tacho__price_builder *builder) {
    return builder->count;
}

const tacho__built_model *tacho__build_at(const tacho__price_builder *builder, size_t index) {
    return &builder->models[index];
}

void tacho__build_mark(tacho__price_builder *builder, uint16_t provider, const char *id, unsigned flags) {
    tacho__built_model *model = tacho__build_find_own(builder, provider, id);
    if (model) {
        model->flags = (uint8_t)(model->flags | flags);
    }
}

static void card_at(const tacho__price_builder *builder, uint32_t card, tacho__card_draft *out) {
    const uint16_t *words =
        (const uint16_t *)(const void *)tacho__pool_at(&builder->pools[TACHO__PRICE_CARDS], card * sizeof *words);
    out->mask = (uint32_t)words[0] | (uint32_t)words[1] << 16;
    words += 2;
    for (uint32_t mask = out->mask; mask; mask &= mask - 1) {
        memcpy(&out->rates[__builtin_ctz(mask)],
               tacho__pool_at(&builder->pools[TACHO__PRICE_RATES], *words++ * sizeof(tacho__price_rate)),
               sizeof(tacho__price_rate));
    }
}

void tacho__build_sheet_at(const tacho__price_builder *builder, const tacho__built_model *model, uint32_t index,
                           tacho__sheet_draft *out) {
    uint16_t sheet;
    memcpy(&sheet, tacho__pool_at(&builder->pools[TACHO__PRICE_LISTS], (model->list + index) * sizeof sheet),
           sizeof sheet);
    tacho__sheet_draft_init(out);
    memcpy(&out->when, tacho__pool_at(&builder->pools[TACHO__PRICE_SHEETS], sheet * sizeof out->when),
           sizeof out->when);
    card_at(builder, out->when.card, &out->card);
    out->band_count = out->when.band_count;
    out->modifier_count = out->when.modifier_count;
    for (uint32_t i = 0; i < out->band_count; i++) {
        tacho__price_band band;
        memcpy(&band, tacho__pool_at(&builder->pools[TACHO__PRICE_BANDS], (out->when.bands + i) * sizeof band),
               sizeof band);
        out->thresholds[i] = band.threshold;
        card_at(builder, band.card, &out->bands[i]);
    }
    if (out->modifier_count) {
        memcpy(out->modifiers,
               tacho__pool_at(&builder->pools[TACHO__PRICE_MODIFIERS], out->when.modifiers * sizeof *out->modifiers),
               out->modifier_count * sizeof *out->modifiers);
    }
}
