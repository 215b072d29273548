/*
 * litellm's price map: one flat object per id, rates for one unit as binary floats in decimal. It has the widest rate
 * classes (batch, flex, priority, seconds, images) and ids, and no dates. So genai-prices stays the price where both
 * know an id and agree; litellm adds ids, service classes and units. Where they disagree about an id that genai-prices
 * only matches by a pattern, litellm's exact id is believed.
 */
#include "price/build_read.h"
#include "price/decoration.h"
#include "price/genai_rule.h"

#include "base/decimal.h"
#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct litellm {
    tacho__price_builder *builder;
    tacho__build_report *report;
    const tacho__json_node *entry;
    uint16_t provider;
    char id[TACHO__MODEL_ID_MAX + 1];
    tacho__sheet_draft sheets[TACHO_PRICE_SERVICE_FAST + 1]; /* by service */
    tacho__sheet_draft *merged;                              /* TACHO__BUILD_SHEETS */
} litellm;

/* What litellm calls a provider, where we call it otherwise; a trailing "*" matches the rest. */
static const struct {
    const char *theirs, *ours;
} providers[] = {
    {"bedrock*", "aws"},
    {"vertex_ai*", "google"},
    {"gemini", "google"},
    {"palm", "google"},
    {"azure*", "azure"},
    {"text-completion-openai", "openai"},
    {"cohere_chat", "cohere"},
    {"xai", "x-ai"},
    {"moonshot", "moonshotai"},
    {"together_ai", "together"},
    {"fireworks_ai*", "fireworks"},
    {"voyage", "voyageai"},
    {"codestral", "mistral"},
    {"text-completion-codestral", "mistral"},
    {"github_copilot", "github-copilot"},
    {"bigmodel", "zhipuai"},
    {"meta_llama", "meta"},
};

typedef struct rate_key {
    const char *key;
    uint8_t unit;
    uint16_t per;
} rate_key;

#define SECOND_MS 1000
static const rate_key rate_keys[] = {
    {"input_cost_per_token", TACHO_UNIT_INPUT, 1},
    {"output_cost_per_token", TACHO_UNIT_OUTPUT, 1},
    {"input_cost_per_token_cache_hit", TACHO_UNIT_CACHE_READ, 1},
    {"cache_read_input_token_cost", TACHO_UNIT_CACHE_READ, 1},
    {"cache_creation_input_token_cost", TACHO_UNIT_CACHE_WRITE, 1},
    {"cache_creation_input_token_cost_above_1hr", TACHO_UNIT_CACHE_WRITE_1H, 1},
    {"output_cost_per_reasoning_token", TACHO_UNIT_REASONING, 1},
    {"input_cost_per_audio_token", TACHO_UNIT_INPUT_AUDIO, 1},
    {"output_cost_per_audio_token", TACHO_UNIT_OUTPUT_AUDIO, 1},
    {"cache_read_input_audio_token_cost", TACHO_UNIT_CACHE_READ_AUDIO, 1},
    {"input_cost_per_image_token", TACHO_UNIT_INPUT_IMAGE, 1},
    {"output_cost_per_image_token", TACHO_UNIT_OUTPUT_IMAGE, 1},
    {"output_cost_per_video_token", TACHO_UNIT_OUTPUT_VIDEO, 1},
    {"citation_cost_per_token", TACHO_UNIT_CITATION, 1},
    {"input_cost_per_request", TACHO_UNIT_REQUESTS, 1},
    {"input_cost_per_query", TACHO_UNIT_SEARCH_UNITS, 1},
    {"code_interpreter_cost_per_session", TACHO_UNIT_CODE_SESSIONS, 1},
    {"input_cost_per_second", TACHO_UNIT_INPUT_AUDIO_TIME, SECOND_MS},
    {"input_cost_per_audio_per_second", TACHO_UNIT_INPUT_AUDIO_TIME, SECOND_MS},
    {"output_cost_per_second", TACHO_UNIT_OUTPUT_AUDIO_TIME, SECOND_MS},
    {"input_cost_per_video_per_second", TACHO_UNIT_INPUT_VIDEO_TIME, SECOND_MS},
    {"output_cost_per_video_per_second", TACHO_UNIT_OUTPUT_VIDEO_TIME, SECOND_MS},
    {"input_cost_per_image", TACHO_UNIT_INPUT_IMAGES, 1},
    {"output_cost_per_image", TACHO_UNIT_OUTPUT_IMAGES, 1},
    {"input_cost_per_pixel", TACHO_UNIT_PIXELS, 1},
    {"ocr_cost_per_page", TACHO_UNIT_PAGES, 1},
    {"input_cost_per_character", TACHO_UNIT_INPUT_CHARACTERS, 1},
    {"output_cost_per_character", TACHO_UNIT_OUTPUT_CHARACTERS, 1},
};

static bool has(const tacho__card_draft *card, tacho_unit unit) {
    return card->mask & TACHO_UNIT_BIT(unit);
}

static bool is_equal(const tacho__price_rate *a, const tacho__price_rate *b) {
    return a->amount == b->amount && a->per == b->per; /* both in lowest terms */
}

/* ------------------------------------------------------------------------------------------------------------- keys */

/* "input_cost_per_token_above_272k_tokens_priority" into base name, threshold and service. */
static void split_key(const char *key, char base[96], uint32_t *threshold, int *service) {
    static const struct {
        const char *end;
        int service;
    } ends[] = {{"_priority", TACHO_PRICE_SERVICE_PRIORITY},
                {"_flex", TACHO_PRICE_SERVICE_FLEX},
                {"_ultrafast", TACHO_PRICE_SERVICE_ULTRAFAST},
                {"_batches", TACHO_PRICE_SERVICE_BATCH}};
    size_t length = strlen(key) < 95 ? strlen(key) : 0;
    *service = TACHO_PRICE_SERVICE_STANDARD;
    *threshold = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t size = strlen(ends[i].end);
        if (length > size && memcmp(key + length - size, ends[i].end, size) == 0) {
            length -= size;
            *service = ends[i].service;
        }
    }
    memcpy(base, key, length);
    base[length] = 0;
    char *above = strstr(base, "_above_");
    while (above && !strstr(above, "k_tokens")) {
        above = strstr(above + 1, "_above_");
    }
    char *last = above;
    for (char *next = above; next; next = strstr(next + 1, "_above_")) {
        last = next;
    }
    char *digits = last ? last + strlen("_above_") : base + length, *end;
    unsigned long thousands = *digits >= '0' && *digits <= '9' ? strtoul(digits, &end, 10) : ULONG_MAX;
    /* A class of service that we do not know stands behind: such a key is no rate of the standard sheet. */
    if (thousands < 4000000 && strcmp(end, "k_tokens") == 0) {
        *threshold = (uint32_t)thousands * 1000;
        *last = 0;
    }
}

static const rate_key *find_key(const char *base) {
    for (size_t i = 0; i < sizeof rate_keys / sizeof *rate_keys; i++) {
        if (strcmp(rate_keys[i].key, base) == 0) {
            return &rate_keys[i];
        }
    }
    return NULL;
}

/* Seconds of a video model are seconds of video. */
static tacho_unit unit_of(const litellm *l, const rate_key *key) {
    const char *mode = tacho__json_member_text(l->entry, "mode", "");
    if (key->unit == TACHO_UNIT_OUTPUT_AUDIO_TIME && strcmp(mode, "video_generation") == 0) {
        return TACHO_UNIT_OUTPUT_VIDEO_TIME;
    }
    return key->unit;
}

/* The card of a threshold; new ones begin empty and are completed when all keys are read. */
static tacho__card_draft *card_for(tacho__sheet_draft *sheet, uint32_t threshold) {
    if (threshold == 0) {
        return &sheet->card;
    }
    uint32_t i = 0;
    while (i < sheet->band_count && sheet->thresholds[i] < threshold) {
        i++;
    }
    if (i < sheet->band_count && sheet->thresholds[i] == threshold) {
        return &sheet->bands[i];
    }
    if (sheet->band_count == TACHO__BUILD_BANDS) {
        return NULL;
    }
    memmove(&sheet->thresholds[i + 1], &sheet->thresholds[i], (sheet->band_count - i) * sizeof *sheet->thresholds);
    memmove(&sheet->bands[i + 1], &sheet->bands[i], (sheet->band_count - i) * sizeof *sheet->bands);
    sheet->band_count++;
    sheet->thresholds[i] = threshold;
    sheet->bands[i].mask = 0;
    return &sheet->bands[i];
}

static void put_rate(litellm *l, tacho__card_draft *card, tacho_unit unit, uint32_t per,
                     const tacho__json_node *value) {
    tacho__price_rate rate;
    if (!card || value->kind != TACHO__JSON_TREE_NUMBER) {
        return;
    }
    if (tacho__build_rate(value->text, value->length, per, &rate) != TACHO_OK) {
        tacho__report_line(l->report, "rejected", "litellm", l->id, "a rate below 0 or too large");
        return;
    }
    card->rates[unit] = rate;
    card->mask |= TACHO_UNIT_BIT(unit);
}

/* Tokens from which a tier holds: the first of the two numbers of "range"; 0 when it is no whole number. */
static uint32_t tier_start(const tacho__json_node *tier) {
    const tacho__json_node *range = tacho__json_member(tier, "range");
    const tacho__json_node *start = range ? range->first : NULL;
    int64_t tokens = 0;
    if (!start || tacho__decimal_parse(start->text, start->length, 0, TACHO__DECIMAL_EXACT, &tokens) != TACHO_OK) {
        return 0;
    }
    return tokens < 0 || tokens > UINT32_MAX ? 0 : (uint32_t)tokens;
}

static void read_tiers(litellm *l, const tacho__json_node *tiers, tacho__sheet_draft *sheet) {
    for (const tacho__json_node *tier = tiers->first; tier; tier = tier->next) {
        tacho__card_draft *card = card_for(sheet, tier_start(tier));
        for (const tacho__json_node *value = tier->first; value; value = value->next) {
            const rate_key *key = find_key(value->key);
            if (key) {
                put_rate(l, card, unit_of(l, key), key->per, value);
            }
        }
    }
}

/* What a band does not name costs there what it costs below. */
static void complete_bands(tacho__sheet_draft *sheet) {
    const tacho__card_draft *below = &sheet->card;
    for (uint32_t i = 0; i < sheet->band_count; i++) {
        tacho__card_draft *card = &sheet->bands[i];
        for (uint32_t mask = below->mask & ~card->mask; mask; mask &= mask - 1) {
            card->rates[__builtin_ctz(mask)] = below->rates[__builtin_ctz(mask)];
        }
        card->mask |= below->mask;
        below = card;
    }
}

static void read_entry(litellm *l) {
    for (int service = 0; service <= TACHO_PRICE_SERVICE_FAST; service++) {
        tacho__sheet_draft_init(&l->sheets[service]);
        l->sheets[service].when.service = (uint8_t)service;
    }
    for (const tacho__json_node *value = l->entry->first; value; value = value->next) {
        char base[96];
        uint32_t threshold;
        int service;
        split_key(value->key, base, &threshold, &service);
        const rate_key *key = find_key(base);
        if (key) {
            put_rate(l, card_for(&l->sheets[service], threshold), unit_of(l, key), key->per, value);
        } else if (strcmp(value->key, "tiered_pricing") == 0) {
            read_tiers(l, value, &l->sheets[0]);
        } else if (strcmp(value->key, "search_context_cost_per_query") == 0) {
            const tacho__json_node *medium = tacho__json_member(value, "search_context_size_medium");
            if (medium) {
                put_rate(l, &l->sheets[0].card, TACHO_UNIT_WEB_SEARCHES, 1, medium);
            }
        }
    }
    bool inclusive = strcmp(tacho__build_provider_id(l->builder, l->provider), "x-ai") == 0;
    for (int service = 0; service <= TACHO_PRICE_SERVICE_FAST; service++) {
        complete_bands(&l->sheets[service]);
        l->sheets[service].when.flags |= inclusive ? TACHO__PRICE_SHEET_INCLUSIVE : 0;
    }
}

/* ----------------------------------------------------------------------------------------------------------- services
 */

static bool is_half(const tacho__price_rate *part, const tacho__price_rate *whole) {
    return (unsigned __int128)(uint64_t)part->amount * whole->per * 2 ==
           (unsigned __int128)(uint64_t)whole->amount * part->per;
}

/* A service that costs half throughout is a factor, which holds for every class and date; others have their own card.
 */
static bool is_half_price(const tacho__card_draft *service, const tacho__card_draft *standard) {
    for (uint32_t mask = service->mask; mask; mask &= mask - 1) {
        int unit = __builtin_ctz(mask);
        if (!has(standard, (tacho_unit)unit) || !is_half(&service->rates[unit], &standard->rates[unit])) {
            return false;
        }
    }
    return service->mask != 0;
}

static void add_factor(tacho__sheet_draft *sheet, int service) {
    if (sheet->modifier_count < TACHO__BUILD_MODIFIERS) {
        sheet->modifiers[sheet->modifier_count++] =
            (tacho__price_modifier){TACHO__PRICE_MODIFIES_SERVICE, (uint8_t)service, 1, 2, 0};
    }
}

/* Append the services that `sheets` does not have. */
static size_t add_services(const litellm *l, tacho__sheet_draft *sheets, size_t count) {
    size_t standard_count = count;
    for (int service = TACHO_PRICE_SERVICE_BATCH; service <= TACHO_PRICE_SERVICE_FAST; service++) {
        const tacho__sheet_draft *own = &l->sheets[service];
        bool there = own->card.mask == 0;
        for (size_t i = 0; i < standard_count; i++) {
            there |= sheets[i].when.service == service;
        }
        if (there) {
            continue;
        }
        if (!is_half_price(&own->card, &l->sheets[0].card)) {
            if (count < TACHO__BUILD_SHEETS) {
                sheets[count++] = *own;
            }
            continue;
        }
        for (size_t i = 0; i < standard_count; i++) {
            if (sheets[i].when.service == TACHO_PRICE_SERVICE_STANDARD) {
                add_factor(&sheets[i], service);
            }
        }
    }
    return count;
}

/* ----------------------------------------------------------------------------------------------------------- merging
 */

static bool same_base(const tacho__card_draft *a, const tacho__card_draft *b) {
    static const tacho_unit base[] = {TACHO_UNIT_INPUT, TACHO_UNIT_OUTPUT};
    for (size_t i = 0; i < 2; i++) {
        bool in_a = has(a, base[i]) && a->rates[base[i]].amount, in_b = has(b, base[i]) && b->rates[base[i]].amount;
        if (in_a != in_b || (in_a && !is_equal(&a->rates[base[i]], &b->rates[base[i]]))) {
            return false;
        }
    }
    return true;
}

/* Whether litellm's price is one that genai-prices has for the model, at any date. */
static bool agrees(litellm *l, const tacho__built_model *model) {
    for (uint32_t i = 0; i < model->list_count; i++) {
        tacho__build_sheet_at(l->builder, model, i, &l->merged[0]);
        if (l->merged[0].when.service == TACHO_PRICE_SERVICE_STANDARD &&
            same_base(&l->merged[0].card, &l->sheets[0].card)) {
            return true;
        }
    }
    return false;
}

/* Fees that genai-prices does not have: searches, sessions, seconds, images. Token rates stay as they are there. */
static void add_fees(const litellm *l, tacho__card_draft *card) {
    for (uint32_t mask = l->sheets[0].card.mask & ~card->mask; mask; mask &= mask - 1) {
        int unit = __builtin_ctz(mask);
        if (!tacho_unit_describe((tacho_unit)unit)->is_token && card->mask && unit != TACHO_UNIT_REQUESTS) {
            card->rates[unit] = l->sheets[0].card.rates[unit];
            card->mask |= TACHO_UNIT_BIT(unit);
        }
    }
}

static void merge_services(litellm *l, const tacho__built_model *model) {
    tacho__built_model copy = *model;
    if (copy.list_count + TACHO_PRICE_SERVICE_FAST > TACHO__BUILD_SHEETS) {
        return;
    }
    for (uint32_t i = 0; i < copy.list_count; i++) {
        tacho__build_sheet_at(l->builder, &copy, i, &l->merged[i]);
        add_fees(l, &l->merged[i].card);
        for (uint32_t band = 0; band < l->merged[i].band_count; band++) {
            add_fees(l, &l->merged[i].bands[band]);
        }
    }
    size_t count = add_services(l, l->merged, copy.list_count);
    tacho__build_model(l->builder, copy.provider, l->id, copy.context, copy.rank, l->merged, count, copy.flags);
}

static void add_own(litellm *l) {
    const tacho__json_node *context = tacho__json_member(l->entry, "max_input_tokens");
    l->merged[0] = l->sheets[0];
    size_t count = add_services(l, l->merged, 1);
    tacho__build_model(l->builder, l->provider, l->id, context ? (uint32_t)strtoul(context->text, NULL, 10) : 0,
                       TACHO__BUILD_LITELLM, l->merged, count, 0);
}

/* Zeros everywhere are "not known" in this source, not "free". */
static bool is_priced(const tacho__card_draft *card) {
    for (uint32_t mask = card->mask; mask; mask &= mask - 1) {
        if (card->rates[__builtin_ctz(mask)].amount) {
            return true;
        }
    }
    return false;
}

/* A host that sells another's models at that one's prices: the price is found there, with its dates and tiers. */
static bool is_found_in_fallback(const litellm *l) {
    for (int i = 0; i < TACHO__PRICE_FALLBACKS; i++) {
        uint16_t to = tacho__build_fallback_at(l->builder, l->provider, i);
        const tacho__json_node *rules = to != TACHO__PRICE_NONE ? tacho__build_rules(l->builder, to) : NULL;
        if (rules && tacho__genai_find(rules, l->id)) {
            return true;
        }
    }
    return false;
}

static void add_entry(litellm *l) {
    const tacho__built_model *known = tacho__build_find(l->builder, l->provider, l->id);
    if (known && known->rank >= TACHO__BUILD_GENAI) {
        if (agrees(l, known)) {
            merge_services(l, known);
        } else if (is_priced(&l->sheets[0].card)) {
            tacho__report_line(l->report, "review", tacho__build_provider_id(l->builder, l->provider), l->id,
                               "genai-prices and litellm disagree; genai-prices is used");
        }
        return;
    }
    if (known || !is_priced(&l->sheets[0].card)) {
        return; /* the first of two spellings of one id stays */
    }
    const tacho__json_node *rules = tacho__build_rules(l->builder, l->provider);
    const tacho__json_node *family = rules ? tacho__genai_find(rules, l->id) : NULL;
    if (!family && is_found_in_fallback(l)) {
        return;
    }
    const char *family_id = family ? tacho__json_member_text(family, "id", "") : "";
    const tacho__built_model *same = family ? tacho__build_find(l->builder, l->provider, family_id) : NULL;
    if (same && agrees(l, same)) {
        tacho__build_same(l->builder, l->provider, l->id, l->provider, family_id);
        merge_services(l, tacho__build_find(l->builder, l->provider, l->id));
        return;
    }
    add_own(l);
}

static const char *our_provider(const char *theirs) {
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        const char *name = providers[i].theirs;
        size_t size = strcspn(name, "*");
        if (strncmp(name, theirs, size) == 0 && (name[size] == '*' || theirs[size] == 0)) {
            return providers[i].ours;
        }
    }
    return theirs;
}

/* The id without the routing name in front of it ("azure/gpt-4o"), in lower case. */
static bool set_id(litellm *l, const char *key, const char *theirs) {
    const char *slash = strchr(key, '/');
    size_t size = slash ? (size_t)(slash - key) : 0;
    bool routed = slash && strncmp(theirs, key, size) == 0;
    routed |= slash && size == 8 && strncmp(key, "together", size) == 0;
    const char *id = routed ? slash + 1 : key;
    size_t length = strlen(id);
    if (length == 0 || length > TACHO__MODEL_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i <= length; i++) {
        l->id[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] + ('a' - 'A')) : id[i];
    }
    return true;
}

/* Rows that no response ever names: sizes of images, commitments to capacity, web search as a model. */
static bool is_a_model(const char *key, const tacho__json_node *entry) {
    static const char *const not_models[] = {"search", "guardrail", "vector_store"};
    const char *mode = tacho__json_member_text(entry, "mode", "");
    for (size_t i = 0; i < sizeof not_models / sizeof *not_models; i++) {
        if (strcmp(mode, not_models[i]) == 0) {
            return false;
        }
    }
    const char *size = strstr(key, "-x-");
    bool sized = size && size > key && size[-1] >= '0' && size[-1] <= '9' && size[3] >= '0' && size[3] <= '9';
    return !sized && !strstr(key, "-commitment/") && strcmp(key, "sample_spec") != 0;
}

tacho_status tacho__read_litellm(tacho__price_builder *builder, const tacho__json_node *root,
                                 tacho__build_report *report) {
    litellm *l = tacho__calloc(1, sizeof *l);
    tacho__sheet_draft *merged = tacho__malloc(TACHO__BUILD_SHEETS * sizeof *merged);
    for (const tacho__json_node *entry = l && merged ? root->first : NULL; entry; entry = entry->next) {
        const char *theirs = tacho__json_member_text(entry, "litellm_provider", NULL);
        if (!theirs || !is_a_model(entry->key, entry)) {
            continue;
        }
        *l = (litellm){.builder = builder, .report = report, .entry = entry, .merged = merged};
        const char *name = our_provider(theirs);
        l->provider = tacho__build_provider(builder, name);
        if (l->provider == TACHO__PRICE_NONE || !set_id(l, entry->key, theirs)) {
            continue;
        }
        tacho__build_alias(builder, l->provider, TACHO__PRICE_ALIAS_NAME, name);
        read_entry(l);
        add_entry(l);
    }
    tacho_status status = l && merged ? TACHO_OK : TACHO_NOMEM;
    tacho__free(merged);
    tacho__free(l);
    return status;
}
