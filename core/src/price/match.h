/** From (provider, model) as people and providers write them to an entry of a table: reference/cost-tables.md 2.6. */
#ifndef TACHO_PRICE_MATCH_H
#define TACHO_PRICE_MATCH_H

#include "price/decoration.h"
#include "price/table.h"

/** One step of a search, for `tacho prices MODEL`: what was looked for, and whether it was found. */
typedef void (*tacho__match_step)(void *context, const char *rule, const char *provider, const char *id, int found);

/** What a name resolved to: the fields of tacho_price_model.opaque. */
typedef struct tacho__match {
    const tacho_price_table *table;
    const uint16_t *list; /* indexes of sheets */
    uint32_t list_count;
    uint32_t flags; /* TACHO__PRICE_ENTRY_* */
    uint32_t match; /* tacho_price_match */
    uint32_t context;
    uint16_t provider;               /* TACHO__PRICE_NONE with a pattern for any provider */
    const char *id;                  /* as the table has it */
    uint16_t numerator, denominator; /* of a contract in the user's prices above the table; 0 = none */
} tacho__match;

/** Index of a provider by id, alias or URL; TACHO__PRICE_NONE when it is not known. */
uint16_t tacho__match_provider(const tacho_price_table *table, const char *name, size_t length);

/** Resolve; `step` may be NULL. False when there is no price. No allocation, no lock. */
bool tacho__match_find(const tacho_price_table *table, const char *provider, const char *model, tacho__match *out,
                       tacho__match_step step, void *context);

/**
 * The same search under the table that `above` was found in; false when the user's prices there always hold (so that
 * nobody needs what lies below), or when there is no other price.
 */
bool tacho__match_below(const tacho_price_table *table, const char *provider, const char *model,
                        const tacho__match *above, tacho__match *out);

/** The i-th entry of a table, as an exact match. `index` is below the number of models. */
void tacho__match_entry(const tacho_price_table *table, uint32_t index, tacho__match *out);

/** Whether a whole text matches a pattern of `*` and `?`. */
bool tacho__glob_matches(const char *pattern, const char *text);

/** Lower-case ASCII without white space around it; 0 when it is empty or too long. */
size_t tacho__match_fold(const char *text, char out[TACHO__MODEL_ID_MAX + 1]);

#endif
