/*
 * genai-prices, JSON form v2: a list of providers, each with models; a model has a matching rule, dated prices with
 * tiers, and variants (batch, flex, ...) that replace single rates. Its rules match by prefix and pattern; this reader
 * turns them into exact ids: all ids that a rule names, and of each prefix the prefix itself. An id goes to the first
 * model whose rule matches it, as in the source.
 */
#include "price/build_read.h"
#include "price/decoration.h"
#include "price/genai_rule.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct genai {
    tacho__price_builder *builder;
    tacho__build_report *report;
    const char *provider_id;
    uint16_t provider;
    const tacho__json_node *models; /* first of the provider */
    const tacho__json_node *model;
    tacho__sheet_draft *sheets; /* TACHO__BUILD_SHEETS */
    size_t count;
} genai;

typedef struct rate_key {
    const char *key;
    tacho_unit unit;
    uint32_t per;
} rate_key;

#define HOUR_MS 3600000u
static const rate_key rate_keys[] = {
    {"input_mtok", TACHO_UNIT_INPUT, 1000000},
    {"output_mtok", TACHO_UNIT_OUTPUT, 1000000},
    {"cache_read_mtok", TACHO_UNIT_CACHE_READ, 1000000},
    {"cache_write_mtok", TACHO_UNIT_CACHE_WRITE, 1000000},
    {"cache_write_5m_mtok", TACHO_UNIT_CACHE_WRITE, 1000000},
    {"cache_write_1h_mtok", TACHO_UNIT_CACHE_WRITE_1H, 1000000},
    {"output_reasoning_mtok", TACHO_UNIT_REASONING, 1000000},
    {"output_citation_mtok", TACHO_UNIT_CITATION, 1000000},
    {"input_tool_mtok", TACHO_UNIT_INPUT_TOOL, 1000000},
    {"input_audio_mtok", TACHO_UNIT_INPUT_AUDIO, 1000000},
    {"cache_audio_read_mtok", TACHO_UNIT_CACHE_READ_AUDIO, 1000000},
    {"output_audio_mtok", TACHO_UNIT_OUTPUT_AUDIO, 1000000},
    {"input_image_mtok", TACHO_UNIT_INPUT_IMAGE, 1000000},
    {"cache_image_read_mtok", TACHO_UNIT_CACHE_READ_IMAGE, 1000000},
    {"output_image_mtok", TACHO_UNIT_OUTPUT_IMAGE, 1000000},
    {"input_video_mtok", TACHO_UNIT_INPUT_VIDEO, 1000000},
    {"cache_video_read_mtok", TACHO_UNIT_CACHE_READ_VIDEO, 1000000},
    {"output_video_mtok", TACHO_UNIT_OUTPUT_VIDEO, 1000000},
    {"requests_kcount", TACHO_UNIT_REQUESTS, 1000},
    {"web_searches_kcount", TACHO_UNIT_WEB_SEARCHES, 1000},
    {"storage_searches_kcount", TACHO_UNIT_FILE_SEARCHES, 1000},
    {"code_executions_kcount", TACHO_UNIT_CODE_SESSIONS, 1000},
    {"rerank_searches_kcount", TACHO_UNIT_SEARCH_UNITS, 1000},
    {"audio_hours", TACHO_UNIT_INPUT_AUDIO_TIME, HOUR_MS},
    {"input_audio_hours", TACHO_UNIT_INPUT_AUDIO_TIME, HOUR_MS},
    {"output_audio_hours", TACHO_UNIT_OUTPUT_AUDIO_TIME, HOUR_MS},
    {"input_mchars", TACHO_UNIT_INPUT_CHARACTERS, 1000000},
    {"input_gpixels", TACHO_UNIT_PIXELS, 1000000000},
    {"input_document_kpages", TACHO_UNIT_PAGES, 1000},
};

static const rate_key *find_key(const char *key) {
    for (size_t i = 0; i < sizeof rate_keys / sizeof *rate_keys; i++) {
        if (strcmp(rate_keys[i].key, key) == 0) {
            return &rate_keys[i];
        }
    }
    return NULL;
}

static bool ends_in(const char *text, const char *end) {
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* ------------------------------------------------------------------------------------------------------------ rates */

static void set_rate(const genai *g, tacho__card_draft *card, const rate_key *key, const tacho__json_node *price) {
    tacho__price_rate rate;
    bool numeric = price && (price->kind == TACHO__JSON_TREE_NUMBER || price->kind == TACHO__JSON_TREE_STRING);
    if (!numeric || tacho__build_rate(price->text, price->length, key->per, &rate) != TACHO_OK) {
        tacho__report_line(g->report, "rejected", g->provider_id, tacho__json_member_text(g->model, "id", "?"),
                           "a rate that is not a number of at least 0");
        return;
    }
    card->mask |= TACHO_UNIT_BIT(key->unit);
    card->rates[key->unit] = rate;
}

/*
 * Start of a tier, which the source means exclusively. xAI's bands begin at their threshold; newer data say so by a
 * start of 199999, older data have 200000: both are 200000, inclusive (TACHO__PRICE_SHEET_INCLUSIVE).
 */
static uint32_t start_of_tier(const tacho__json_node *tier) {
    const tacho__json_node *start = tacho__json_member(tier, "start");
    uint32_t at = start ? (uint32_t)strtoul(start->text, NULL, 10) : 0;
    return at % 1000 == 999 ? at + 1 : at;
}

static const tacho__json_node *price_above(const tacho__json_node *tiered, uint32_t threshold) {
    const tacho__json_node *found = tacho__json_member(tiered, "base");
    const tacho__json_node *tiers = tacho__json_member(tiered, "tiers");
    uint32_t best = 0;
    for (const tacho__json_node *tier = tiers ? tiers->first : NULL; tier; tier = tier->next) {
        uint32_t at = start_of_tier(tier);
        if (at <= threshold && at >= best) {
            best = at;
            found = tacho__json_member(tier, "price");
        }
    }
    return found;
}

static void note_thresholds(tacho__sheet_draft *sheet, const tacho__json_node *price) {
    const tacho__json_node *tiers = tacho__json_member(price, "tiers");
    for (const tacho__json_node *tier = tiers ? tiers->first : NULL; tier; tier = tier->next) {
        uint32_t at = start_of_tier(tier);
        uint32_t i = 0;
        while (i < sheet->band_count && sheet->thresholds[i] < at) {
            i++;
        }
        if ((i < sheet->band_count && sheet->thresholds[i] == at) || sheet->band_count == TACHO__BUILD_BANDS) {
            continue;
        }
        memmove(&sheet->thresholds[i + 1], &sheet->thresholds[i], (sheet->band_count - i) * sizeof at);
        sheet->thresholds[i] = at;
        sheet->band_count++;
    }
}

/* `over` replaces single rates of `prices`; both are the members of a price object, either may be NULL. */
static const tacho__json_node *price_of(const tacho__json_node *prices, const tacho__json_node *const *over,
                                        size_t over_count, const char *key) {
    for (size_t i = 0; i < over_count; i++) {
        const tacho__json_node *price = tacho__json_member(over[i], key);
        if (price && price->kind != TACHO__JSON_TREE_NULL) {
            return price;
        }
    }
    const tacho__json_node *price = tacho__json_member(prices, key);
    return price && price->kind != TACHO__JSON_TREE_NULL ? price : NULL;
}

static void fill_cards(const genai *g, tacho__sheet_draft *sheet, const rate_key *key, const tacho__json_node *price) {
    bool tiered = price->kind == TACHO__JSON_TREE_OBJECT;
    set_rate(g, &sheet->card, key, tiered ? tacho__json_member(price, "base") : price);
    for (uint32_t i = 0; i < sheet->band_count; i++) {
        set_rate(g, &sheet->bands[i], key, tiered ? price_above(price, sheet->thresholds[i]) : price);
    }
}

/* A token rate of a kind we cannot hold makes what is priced by the sheet partial; an unknown fee is only told. */
static void note_unknown(const genai *g, tacho__sheet_draft *sheet, const tacho__json_node *prices) {
    for (const tacho__json_node *price = prices ? prices->first : NULL; price; price = price->next) {
        if (price->kind != TACHO__JSON_TREE_NULL && !find_key(price->key)) {
            sheet->when.flags |= ends_in(price->key, "_mtok") ? TACHO__PRICE_SHEET_UNKNOWN : 0;
            tacho__report_line(g->report, "review", g->provider_id, tacho__json_member_text(g->model, "id", "?"),
                               price->key);
        }
    }
}

static void fill_sheet(const genai *g, tacho__sheet_draft *sheet, const tacho__json_node *prices,
                       const tacho__json_node *const *over, size_t over_count) {
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof rate_keys / sizeof *rate_keys; i++) {
            const tacho__json_node *price = price_of(prices, over, over_count, rate_keys[i].key);
            if (price && pass == 0) {
                note_thresholds(sheet, price);
            } else if (price) {
                fill_cards(g, sheet, &rate_keys[i], price);
            }
        }
    }
    note_unknown(g, sheet, prices);
    if (strcmp(g->provider_id, "x-ai") == 0) {
        sheet->when.flags |= TACHO__PRICE_SHEET_INCLUSIVE; /* the only vendor whose bands begin at their threshold */
    }
}

/* ----------------------------------------------------------------------------------------------------------- sheets */

static void set_constraint(tacho__sheet_draft *sheet, const tacho__json_node *constraint) {
    const char *start = tacho__json_member_text(constraint, "start_date", NULL);
    const char *from = tacho__json_member_text(constraint, "start_time", NULL);
    const char *to = tacho__json_member_text(constraint, "end_time", NULL);
    if (start) {
        tacho__build_day(start, &sheet->when.from_minute);
    }
    if (from && to) {
        tacho__build_time_of_day(from, &sheet->when.hour_from);
        tacho__build_time_of_day(to, &sheet->when.hour_to);
    }
}

static tacho__sheet_draft *next_sheet(genai *g) {
    if (g->count == TACHO__BUILD_SHEETS) {
        return NULL;
    }
    tacho__sheet_draft *sheet = &g->sheets[g->count++];
    tacho__sheet_draft_init(sheet);
    return sheet;
}

/* The class of service of a variant; -1 for conditions that a call does not tell us (a route, a kind of search). */
static int service_of(const tacho__json_node *variant) {
    const tacho__json_node *when = tacho__json_member(variant, "when");
    const tacho__json_node *only = when ? when->first : NULL;
    if (!only || only->next) {
        return -1;
    }
    bool known = strcmp(only->key, "processing") == 0 || strcmp(only->key, "service_tier") == 0 ||
                 strcmp(only->key, "speed") == 0;
    for (int service = TACHO_PRICE_SERVICE_BATCH; known && service <= TACHO_PRICE_SERVICE_FAST; service++) {
        if (strcmp(only->text, tacho_price_service_name((uint32_t)service)) == 0) {
            return service;
        }
    }
    return -1;
}

static uint32_t start_of(const tacho__json_node *variant) {
    uint32_t minutes = 0;
    const char *start = tacho__json_member_text(tacho__json_member(variant, "constraint"), "start_date", NULL);
    return start && tacho__build_day(start, &minutes) ? minutes : 0;
}

#define VARIANTS_MAX 32

/* Variants of one service, in the source's order; of those active at `minute`, the first that has a rate counts. */
static size_t variants_at(const tacho__json_node *variants, int service, uint32_t minute,
                          const tacho__json_node **out) {
    size_t count = 0;
    for (const tacho__json_node *v = variants ? variants->first : NULL; v && count < VARIANTS_MAX; v = v->next) {
        if (service_of(v) == service && start_of(v) <= minute) {
            out[count++] = tacho__json_member(v, "prices");
        }
    }
    return count;
}

/* One standard price seen under a service: a sheet from each day on which a variant begins. */
static void add_variants(genai *g, const tacho__json_node *prices, const tacho__json_node *constraint, int service) {
    const tacho__json_node *variants = tacho__json_member(g->model, "price_variants");
    uint32_t minute = 0, next = 0;
    while (next != TACHO__PRICE_ALWAYS) {
        minute = next;
        next = TACHO__PRICE_ALWAYS;
        for (const tacho__json_node *v = variants->first; v; v = v->next) {
            uint32_t start = start_of(v);
            if (service_of(v) == service && start > minute && start < next) {
                next = start;
            }
        }
        const tacho__json_node *over[VARIANTS_MAX];
        size_t count = variants_at(variants, service, minute, over);
        tacho__sheet_draft *sheet = count ? next_sheet(g) : NULL;
        if (!sheet) {
            continue;
        }
        set_constraint(sheet, constraint);
        sheet->when.service = (uint8_t)service;
        sheet->when.from_minute = sheet->when.from_minute > minute ? sheet->when.from_minute : minute;
        sheet->when.to_minute = next;
        if (sheet->when.from_minute >= next) {
            g->count--;
            continue;
        }
        fill_sheet(g, sheet, prices, over, count);
    }
}

static void add_price(genai *g, const tacho__json_node *prices, const tacho__json_node *constraint) {
    tacho__sheet_draft *sheet = next_sheet(g);
    if (!sheet) {
        return;
    }
    set_constraint(sheet, constraint);
    fill_sheet(g, sheet, prices, NULL, 0);
    if (tacho__json_member(g->model, "price_variants")) {
        for (int service = TACHO_PRICE_SERVICE_BATCH; service <= TACHO_PRICE_SERVICE_FAST; service++) {
            add_variants(g, prices, constraint, service);
        }
    }
}

static void make_sheets(genai *g) {
    const tacho__json_node *prices = tacho__json_member(g->model, "prices");
    g->count = 0;
    if (prices && prices->kind == TACHO__JSON_TREE_OBJECT) {
        add_price(g, prices, NULL);
        return;
    }
    for (const tacho__json_node *dated = prices ? prices->first : NULL; dated; dated = dated->next) {
        add_price(g, tacho__json_member(dated, "prices"), tacho__json_member(dated, "constraint"));
    }
}

/* -------------------------------------------------------------------------------------------------------------- ids */

/* A model with prices that name nothing is known to cost nothing. */
static bool is_free(const genai *g) {
    for (size_t i = 0; i < g->count; i++) {
        if (g->sheets[i].card.mask || (g->sheets[i].when.flags & TACHO__PRICE_SHEET_UNKNOWN)) {
            return false;
        }
    }
    return g->count > 0;
}

static void add_id(const genai *g, const char *id, bool own) {
    const tacho__json_node *context = tacho__json_member(g->model, "context_window");
    char folded[TACHO__MODEL_ID_MAX + 1];
    size_t length = strlen(id);
    if (length == 0 || length > TACHO__MODEL_ID_MAX) {
        return;
    }
    for (size_t i = 0; i <= length; i++) {
        folded[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] + ('a' - 'A')) : id[i];
    }
    const tacho__json_node *first = tacho__genai_find(g->models, folded);
    if (first == g->model || (own && !first)) {
        tacho__build_model(g->builder, g->provider, folded, context ? (uint32_t)strtoul(context->text, NULL, 10) : 0,
                           TACHO__BUILD_GENAI, g->sheets, g->count, is_free(g) ? TACHO__PRICE_ENTRY_FREE : 0);
    }
}

static void add_named_id(void *context, const char *id) {
    add_id(context, id, false);
}

static void add_model(genai *g) {
    make_sheets(g);
    add_id(g, tacho__json_member_text(g->model, "id", ""), true);
    tacho__genai_ids(tacho__json_member(g->model, "match"), add_named_id, g);
}

static void add_provider(genai *g, const tacho__json_node *provider) {
    const tacho__json_node *models = tacho__json_member(provider, "models");
    const tacho__json_node *fallbacks = tacho__json_member(provider, "fallback_model_providers");
    g->provider_id = tacho__json_member_text(provider, "id", "");
    g->provider = tacho__build_provider(g->builder, g->provider_id);
    if (g->provider == TACHO__PRICE_NONE || !models) {
        return;
    }
    tacho__build_alias(g->builder, g->provider, TACHO__PRICE_ALIAS_NAME, g->provider_id);
    for (const tacho__json_node *to = fallbacks ? fallbacks->first : NULL; to; to = to->next) {
        uint16_t other = tacho__build_provider(g->builder, to->text);
        if (other != TACHO__PRICE_NONE) {
            tacho__build_fallback(g->builder, g->provider, other);
        }
    }
    g->models = models->first;
    tacho__build_set_rules(g->builder, g->provider, g->models);
    for (g->model = models->first; g->model; g->model = g->model->next) {
        add_model(g);
    }
}

tacho_status tacho__read_genai(tacho__price_builder *builder, const tacho__json_node *root,
                               tacho__build_report *report) {
    if (root->kind != TACHO__JSON_TREE_ARRAY) {
        return TACHO_FOREIGN;
    }
    genai g = {.builder = builder, .report = report};
    g.sheets = tacho__malloc(TACHO__BUILD_SHEETS * sizeof *g.sheets);
    if (!g.sheets) {
        return TACHO_NOMEM;
    }
    for (const tacho__json_node *provider = root->first; provider; provider = provider->next) {
        add_provider(&g, provider);
    }
    tacho__free(g.sheets);
    return TACHO_OK;
}
