/**
 * Makes price tables: readers of the sources add models and their sheets, and the result is the bytes of a table. One
 * builder serves the built-in table, `tacho prices build` and the user's own prices. Not thread-safe; allocates freely:
 * nothing here runs while recording.
 */
#ifndef TACHO_PRICE_BUILD_H
#define TACHO_PRICE_BUILD_H

#include "base/buffer.h"
#include "price/json_tree.h"
#include "price/table_layout.h"

#include <stdbool.h>
#include <tachograph/price.h>

#define TACHO__BUILD_BANDS     8
#define TACHO__BUILD_MODIFIERS 8
#define TACHO__BUILD_SHEETS    250 /* per model id */

/** Rates by unit; `mask` says which there are. */
typedef struct tacho__card_draft {
    uint32_t mask;
    tacho__price_rate rates[TACHO_UNIT_COUNT];
} tacho__card_draft;

/** A sheet under construction; tacho__sheet_draft_init gives one that always holds and has no rates. */
typedef struct tacho__sheet_draft {
    tacho__price_sheet when; /* conditions, flags; card, bands and modifiers are filled by the builder */
    tacho__card_draft card;
    uint32_t band_count;
    uint32_t thresholds[TACHO__BUILD_BANDS];
    tacho__card_draft bands[TACHO__BUILD_BANDS];
    uint32_t modifier_count;
    tacho__price_modifier modifiers[TACHO__BUILD_MODIFIERS];
} tacho__sheet_draft;

/** Where a model's prices come from; a higher one replaces a lower one. */
typedef enum tacho__build_rank {
    TACHO__BUILD_ALIAS = 0, /* another id for known prices */
    TACHO__BUILD_LITELLM,
    TACHO__BUILD_GENAI,
    TACHO__BUILD_OVERRIDE
} tacho__build_rank;

typedef struct tacho__price_builder tacho__price_builder;

/** A model as the builder holds it; valid until the next one is added. */
typedef struct tacho__built_model {
    const char *id;
    uint16_t provider;
    uint8_t rank;
    uint8_t flags; /* TACHO__PRICE_ENTRY_* */
    uint32_t list; /* first in LISTS */
    uint32_t list_count;
    uint32_t context;
} tacho__built_model;

tacho__price_builder *tacho__price_builder_new(void);
void tacho__price_builder_free(tacho__price_builder *builder);

void tacho__sheet_draft_init(tacho__sheet_draft *draft);

/** Index of a provider, which is added when new; TACHO__PRICE_NONE when there are too many. */
uint16_t tacho__build_provider(tacho__price_builder *builder, const char *id);
/** Index of a provider that is there, by id; else TACHO__PRICE_NONE. */
uint16_t tacho__build_find_provider(const tacho__price_builder *builder, const char *id);
const char *tacho__build_provider_id(const tacho__price_builder *builder, uint16_t provider);
void tacho__build_fallback(tacho__price_builder *builder, uint16_t provider, uint16_t to);
/** The i-th fallback of a provider; TACHO__PRICE_NONE. */
uint16_t tacho__build_fallback_at(const tacho__price_builder *builder, uint16_t provider, int index);
void tacho__build_alias(tacho__price_builder *builder, uint16_t provider, int kind, const char *text);
void tacho__build_flags(tacho__price_builder *builder, uint32_t flags);

/**
 * Add a model id with its sheets, in rising precedence: of those that hold, the last is used.
 * An id of lower or equal rank is replaced; one of higher rank stays.
 * @return TACHO_OK (also when the older one stays); TACHO_LIMIT (an id over 255 bytes, too many sheets); TACHO_NOMEM
 */
tacho_status tacho__build_model(tacho__price_builder *builder, uint16_t provider, const char *id, uint32_t context,
                                unsigned rank, const tacho__sheet_draft *sheets, size_t count, unsigned flags);

/** Another id for the prices of a model that is there; never replaces one. TACHO_NOT_FOUND without the model. */
tacho_status tacho__build_same(tacho__price_builder *builder, uint16_t provider, const char *id, uint16_t of_provider,
                               const char *of_id);

/** A pattern, for the user's prices; `provider` TACHO__PRICE_NONE = any. */
tacho_status tacho__build_glob(tacho__price_builder *builder, uint16_t provider, const char *pattern,
                               const tacho__sheet_draft *sheets, size_t count);

/** A factor on every price that the pattern finds in the tables below; for the user's contracts. */
tacho_status tacho__build_contract(tacho__price_builder *builder, uint16_t provider, const char *pattern,
                                   const tacho__price_modifier *modifier);

/** Remember the first model node of a provider in genai-prices, whose rules say which ids it matches; NULL = none. The
 * document outlives the reading of the others. */
void tacho__build_set_rules(tacho__price_builder *builder, uint16_t provider, const tacho__json_node *models);
const tacho__json_node *tacho__build_rules(const tacho__price_builder *builder, uint16_t provider);

/** The model of that id, or NULL. */
const tacho__built_model *tacho__build_find(const tacho__price_builder *builder, uint16_t provider, const char *id);
size_t tacho__build_count(const tacho__price_builder *builder);
const tacho__built_model *tacho__build_at(const tacho__price_builder *builder, size_t index);
/** The i-th sheet of a model, as a draft again. */
void tacho__build_sheet_at(const tacho__price_builder *builder, const tacho__built_model *model, uint32_t index,
                           tacho__sheet_draft *out);
/** Mark a model (TACHO__PRICE_ENTRY_*). */
void tacho__build_mark(tacho__price_builder *builder, uint16_t provider, const char *id, unsigned flags);

/** A source that went in, for the table's header. */
void tacho__build_source(tacho__price_builder *builder, const char *name, const char *version, const char *hash);

/**
 * Write the table as MessagePack.
 * @param date  day it was made, as 20261121
 * @return TACHO_OK; TACHO_NOMEM; TACHO_LIMIT (the table would exceed TACHO__PRICE_MAX)
 */
tacho_status tacho__build_finish(tacho__price_builder *builder, uint32_t date, tacho__buffer *out);

#endif
