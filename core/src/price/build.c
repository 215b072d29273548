#include "price/build.h"

#include "base/hash.h"
#include "base/memory.h"
#include "price/build_pool.h"
#include "price/decoration.h"
#include "wire/msgpack_writer.h"

#include <stdlib.h>
#include <string.h>

#define PROVIDERS_MAX 1000u
#define SOURCES_MAX   8u
#define SOURCE_TEXT   96u

typedef struct source {
    char name[SOURCE_TEXT], version[SOURCE_TEXT], hash[SOURCE_TEXT];
} source;

struct tacho__price_builder {
    tacho__pool pools[TACHO__PRICE_SECTIONS]; /* all but MODELS, which is made at the end */
    tacho__pool ids;                          /* (provider, id) -> position in `models` */
    tacho__built_model *models;
    size_t count, capacity;
    tacho__price_provider providers[PROVIDERS_MAX];
    const tacho__json_node *rules[PROVIDERS_MAX];
    uint32_t provider_count;
    source sources[SOURCES_MAX];
    uint32_t source_count;
    uint32_t flags;
    bool failed; /* out of memory somewhere: told at the end */
    bool overfull;
};

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

static tacho__price_text put_text(tacho__price_builder *builder, const char *text) {
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
    if (found != TACHO__PRICE_NONE || builder->provider_count == PROVIDERS_MAX || strlen(id) > 255) {
        return found;
    }
    tacho__price_provider *fresh = &builder->providers[builder->provider_count];
    fresh->id = put_text(builder, id);
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
        tacho__price_alias alias = {put_text(builder, text), provider, (uint16_t)kind};
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
    if (builder->source_count < SOURCES_MAX) {
        source *fresh = &builder->sources[builder->source_count++];
        strncpy(fresh->name, name, SOURCE_TEXT - 1);
        strncpy(fresh->version, version, SOURCE_TEXT - 1);
        strncpy(fresh->hash, hash, SOURCE_TEXT - 1);
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
    memcpy(out + sizeof provider, id, length);
    return length + sizeof provider;
}

static tacho__built_model *find_model(const tacho__price_builder *builder, uint16_t provider, const char *id) {
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
    char *copy = tacho__malloc(strlen(id) + 1);
    if (!copy) {
        return NULL;
    }
    strcpy(copy, id);
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
    tacho__built_model *model = find_model(builder, provider, id);
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
    const tacho__built_model *of = find_model(builder, of_provider, of_id);
    if (!of) {
        return TACHO_NOT_FOUND;
    }
    tacho__built_model copy = *of;
    if (strlen(id) > 255 || find_model(builder, provider, id)) {
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
    tacho__price_glob glob = {put_text(builder, pattern), put_list(builder, sheets, count) << 8, provider,
                              (uint8_t)count, 0};
    tacho__pool_put(&builder->pools[TACHO__PRICE_GLOBS], &glob, sizeof glob, sizeof glob);
    return TACHO_OK;
}

const tacho__built_model *tacho__build_find(const tacho__price_builder *builder, uint16_t provider, const char *id) {
    return find_model(builder, provider, id);
}

size_t tacho__build_count(const tacho__price_builder *builder) {
    return builder->count;
}

const tacho__built_model *tacho__build_at(const tacho__price_builder *builder, size_t index) {
    return &builder->models[index];
}

void tacho__build_mark(tacho__price_builder *builder, uint16_t provider, const char *id, unsigned flags) {
    tacho__built_model *model = find_model(builder, provider, id);
    if (model) {
        model->flags = (uint8_t)(model->flags | flags);
    }
}

static void card_at(const tacho__price_builder *builder, uint32_t card, tacho__card_draft *out) {
    const uint16_t *words =
        (const uint16_t *)(const void *)tacho__pool_at(&builder->pools[TACHO__PRICE_CARDS], card * 2);
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
    memcpy(&sheet, tacho__pool_at(&builder->pools[TACHO__PRICE_LISTS], (model->list + index) * 2), sizeof sheet);
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

/* -------------------------------------------------------------------------------------------------------- writing */

/* A dated id may lend its base id's price to other dates only while all dated ids of that base cost the same. */
static void mark_siblings(tacho__price_builder *builder) {
    for (size_t i = 0; i < builder->count; i++) {
        char base[256];
        if (!tacho__decoration_cut_date(builder->models[i].id, base)) {
            continue;
        }
        tacho__built_model *model = find_model(builder, builder->models[i].provider, base);
        if (model && (model->list != builder->models[i].list || model->list_count != builder->models[i].list_count)) {
            model->flags |= TACHO__PRICE_ENTRY_SIBLINGS;
        }
    }
}

static int by_hash(const void *left, const void *right) {
    const tacho__price_entry *a = left, *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    if (a->provider != b->provider) {
        return a->provider < b->provider ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_length(const void *left, const void *right) {
    size_t a = strlen((*(tacho__built_model *const *)left)->id), b = strlen((*(tacho__built_model *const *)right)->id);
    return a < b   ? 1
           : a > b ? -1
                   : strcmp((*(tacho__built_model *const *)left)->id, (*(tacho__built_model *const *)right)->id);
}

/* An id that ends another one ("gpt-4o" in "openai/gpt-4o") is kept inside it: a tenth of the table. Long ones first.
 */
static tacho__price_text put_id(tacho__price_builder *builder, tacho__pool *endings, const char *id) {
    uint32_t at;
    size_t length = strlen(id);
    if (tacho__pool_find(endings, id, length, &at)) {
        return at << 8 | (uint32_t)length;
    }
    tacho__price_text text = put_text(builder, id);
    for (size_t i = 1; i < length; i++) {
        uint32_t known;
        bool begins = strchr("/.:@", id[i - 1]) != NULL;
        if (begins && !tacho__pool_find(endings, id + i, length - i, &known)) {
            tacho__pool_name(endings, id + i, length - i, (text >> 8) + (uint32_t)i);
        }
    }
    return text;
}

static void put_ids(tacho__price_builder *builder, tacho__price_text *texts) {
    tacho__pool endings = {0};
    const tacho__built_model **order = tacho__calloc(builder->count + 1, sizeof *order);
    builder->failed |= !order;
    for (size_t i = 0; order && i < builder->count; i++) {
        order[i] = &builder->models[i];
    }
    if (order) {
        qsort(order, builder->count, sizeof *order, by_length);
    }
    for (size_t i = 0; order && i < builder->count; i++) {
        texts[order[i] - builder->models] = put_id(builder, &endings, order[i]->id);
    }
    builder->failed |= endings.failed;
    tacho__pool_free(&endings);
    tacho__free(order);
}

static tacho__price_entry *make_entries(tacho__price_builder *builder) {
    tacho__price_entry *entries = tacho__calloc(builder->count + 1, sizeof *entries);
    tacho__price_text *texts = tacho__calloc(builder->count + 1, sizeof *texts);
    builder->failed |= !texts;
    if (texts) {
        put_ids(builder, texts);
    }
    for (size_t i = 0; entries && texts && i < builder->count; i++) {
        const tacho__built_model *model = &builder->models[i];
        uint32_t context = tacho__pool_put(&builder->pools[TACHO__PRICE_CONTEXTS], &model->context, 4, 4) / 4;
        entries[i] = (tacho__price_entry){
            .hash = (uint32_t)tacho__hash(model->id, strlen(model->id), 0),
            .id = texts[i],
            .list = model->list << 8 | model->flags,
            .provider = model->provider,
            .list_count = (uint8_t)model->list_count,
            .context = (uint8_t)(context > 255 ? 0 : context),
        };
        builder->overfull |= model->list >= 1u << 24;
    }
    tacho__free(texts);
    if (entries) {
        qsort(entries, builder->count, sizeof *entries, by_hash);
    }
    return entries;
}

static const size_t element_sizes[TACHO__PRICE_SECTIONS] = {
#define X(name, type) sizeof(type),
    TACHO__PRICE_SECTION_MAP(X)
#undef X
};

/* Names first, each kind by its text: pricing looks names up by halving. */
static int by_alias(const void *left, const void *right, void *texts) {
    const tacho__price_alias *a = left, *b = right;
    const char *text = texts;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return strcmp(text + (a->text >> 8), text + (b->text >> 8));
}

static void sort_aliases(tacho__price_builder *builder) {
    tacho__pool *aliases = &builder->pools[TACHO__PRICE_ALIASES];
    if (aliases->bytes) {
        qsort_r(aliases->bytes, aliases->length / sizeof(tacho__price_alias), sizeof(tacho__price_alias), by_alias,
                builder->pools[TACHO__PRICE_TEXTS].bytes);
    }
}

static void write_section(tacho__buffer *out, size_t start, tacho__price_header *header, int section, const void *bytes,
                          size_t length) {
    while ((out->length - start) % 8) {
        tacho__buffer_byte(out, 0);
    }
    header->sections[section].offset = (uint32_t)(out->length - start);
    header->sections[section].count = (uint32_t)(length / element_sizes[section]);
    tacho__buffer_append(out, bytes, length);
}

static void write_sheets(tacho__price_builder *builder, const tacho__price_entry *entries, uint32_t date,
                         tacho__buffer *out) {
    tacho__price_header header = {.magic = TACHO__PRICE_MAGIC, .flags = builder->flags, .date = date};
    size_t start = out->length;
    tacho__buffer_append(out, &header, sizeof header);
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        const tacho__pool *pool = &builder->pools[section];
        const void *bytes = section == TACHO__PRICE_MODELS      ? (const void *)entries
                            : section == TACHO__PRICE_PROVIDERS ? (const void *)builder->providers
                                                                : tacho__pool_at(pool, 0);
        size_t length = section == TACHO__PRICE_MODELS      ? builder->count * sizeof *entries
                        : section == TACHO__PRICE_PROVIDERS ? builder->provider_count * sizeof *builder->providers
                                                            : pool->length;
        write_section(out, start, &header, section, bytes, length);
    }
    header.length = (uint32_t)(out->length - start);
    if (out->failed) {
        return;
    }
    memcpy(out->data + start, &header, sizeof header);
    size_t hashed = offsetof(tacho__price_header, flags);
    header.checksum = tacho__hash(out->data + start + hashed, header.length - hashed, 0);
    memcpy(out->data + start, &header, sizeof header);
}

static void write_front(const tacho__price_builder *builder, uint32_t date, size_t sheets_length, tacho__buffer *out) {
    tacho__msgpack_put_map(out, 6);
    tacho__msgpack_put_key(out, "format");
    tacho__msgpack_put_key(out, TACHO__PRICE_FORMAT);
    tacho__msgpack_put_key(out, "version");
    tacho__msgpack_put_uint(out, TACHO__PRICE_VERSION);
    tacho__msgpack_put_key(out, "date");
    tacho__msgpack_put_uint(out, date);
    tacho__msgpack_put_key(out, "sources");
    tacho__msgpack_put_array(out, builder->source_count);
    for (uint32_t i = 0; i < builder->source_count; i++) {
        tacho__msgpack_put_map(out, 3);
        tacho__msgpack_put_key(out, "name");
        tacho__msgpack_put_key(out, builder->sources[i].name);
        tacho__msgpack_put_key(out, "version");
        tacho__msgpack_put_key(out, builder->sources[i].version);
        tacho__msgpack_put_key(out, "hash");
        tacho__msgpack_put_key(out, builder->sources[i].hash);
    }
    /* The padding makes the content of `sheets` begin at a multiple of 8 bytes from the start of the file. */
    size_t bin_header = sheets_length < 256 ? 2 : sheets_length < 65536 ? 3 : 5;
    size_t ahead = out->length + strlen("pad") + 1 + 2 + strlen("sheets") + 1 + bin_header;
    char zeros[8] = {0};
    tacho__msgpack_put_key(out, "pad");
    tacho__msgpack_put_bin(out, zeros, (8 - ahead % 8) % 8);
    tacho__msgpack_put_key(out, "sheets");
}

static bool any_pool_failed(const tacho__price_builder *builder) {
    bool failed = builder->failed || builder->ids.failed;
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        failed |= builder->pools[section].failed;
    }
    return failed;
}

tacho_status tacho__build_finish(tacho__price_builder *builder, uint32_t date, tacho__buffer *out) {
    mark_siblings(builder);
    sort_aliases(builder);
    tacho__price_entry *entries = make_entries(builder);
    tacho__buffer sheets = TACHO__BUFFER_INIT;
    tacho_status status = TACHO_NOMEM;
    if (entries && !any_pool_failed(builder)) {
        write_sheets(builder, entries, date, &sheets);
        write_front(builder, date, sheets.length, out);
        tacho__msgpack_put_bin(out, sheets.data, sheets.length);
        status = sheets.failed ? TACHO_NOMEM : tacho__buffer_status(out);
        if (status == TACHO_OK && (builder->overfull || out->length > TACHO__PRICE_MAX)) {
            status = TACHO_LIMIT;
        }
    }
    tacho__buffer_free(&sheets);
    tacho__free(entries);
    return status;
}
