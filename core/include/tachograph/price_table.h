/**
 * Making, comparing and explaining price tables: what the command `tacho prices` stands on. Nothing here runs while
 * recording; everything allocates freely. See price.h for pricing itself and core/doc/prices.md for the file formats.
 */
#ifndef TACHOGRAPH_PRICE_TABLE_H
#define TACHOGRAPH_PRICE_TABLE_H

#include <tachograph/price.h>

/** One file of prices: genai-prices JSON (v2), litellm's price map, or our own schema. Recognised by its content. */
typedef struct tacho_price_source {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;    /* for messages and the table's header: "genai-prices", a file name */
    const char *version; /* as the source calls it; NULL = not known */
    const char *text;    /* UTF-8 JSON; comments are allowed */
    size_t length;
} tacho_price_source;

#define TACHO_PRICE_SOURCE_INIT                                                                                        \
    { .struct_size = (uint32_t)sizeof(tacho_price_source) }

#define TACHO_PRICE_FILE_MAX 67108864u /* bytes of a file of prices: 64 MiB */

/* Flags of tacho_price_build. */
#define TACHO_PRICE_BUILD_USER         1u /* user prices: asked before another table; patterns and "*" allowed */
#define TACHO_PRICE_BUILD_DETECT       4u /* USER when every source is of our own schema */
#define TACHO_PRICE_BUILD_NO_OVERRIDES 2u /* leave out the corrections and aliases that the library carries */

/** What was built, or why not. Free with tacho_price_built_clear. */
typedef struct tacho_price_built {
    uint32_t struct_size;
    uint32_t models;      /* ids with a price */
    uint32_t rejected;    /* prices that were not used: see `report` */
    uint32_t quarantined; /* changes of 10 times and more against `previous`: the previous price stays */
    uint32_t reviewed;    /* used, and worth a look */
    uint32_t reserved;
    void *bytes; /* the table, for a file or tacho_price_table_load */
    size_t length;
    char *report; /* one line per finding, NUL-terminated; never NULL after TACHO_OK */
    /* where a source was refused; `fault` = "" after success */
    size_t fault_source; /* index into the sources */
    uint64_t fault_line, fault_column;
    char fault[120];
} tacho_price_built;

#define TACHO_PRICE_BUILT_INIT                                                                                         \
    { .struct_size = (uint32_t)sizeof(tacho_price_built) }

/** One step of a search for a price: the rule, what was looked for, and whether it was there. Texts live as long as
 * the call. */
typedef void (*tacho_price_step)(void *context, const char *rule, const char *provider, const char *id, int found);

/** A rate of a sheet. */
typedef struct tacho_price_rate {
    uint32_t unit;       /* tacho_unit */
    uint32_t per;        /* units the amount is for */
    int64_t amount_fusd; /* femto-USD */
} tacho_price_rate;

/** A sheet of a model, flattened: one per band. */
typedef struct tacho_price_sheet_view {
    uint32_t struct_size;
    uint32_t sheet;                           /* id, as in tacho_cost.sheet */
    uint32_t service;                         /* tacho_price_service */
    uint32_t band;                            /* 0 = base */
    uint64_t threshold;                       /* tokens of prompt that the band begins at or above */
    int64_t from_unix_s, to_unix_s;           /* INT64_MIN, INT64_MAX = open */
    int32_t hour_from_minute, hour_to_minute; /* of the day, UTC; -1 = all day */
    uint32_t weekdays;                        /* bit 0 = Monday; 0x7f = all */
    uint32_t inclusive;                       /* 1: the band begins at the threshold, 0: above it */
    uint32_t rate_count;
    uint32_t reserved;
    tacho_price_rate rates[TACHO_UNIT_COUNT];
} tacho_price_sheet_view;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Build a table out of sources, later ones winning over earlier ones of the same kind; genai-prices is the base,
 * litellm adds ids and rate classes, our own schema overrides both.
 *
 * @param date      day to write into the table, as 20261121
 * @param previous  table whose prices stay where a new one differs by 10 times or more; NULL = no such check
 * @param out       TACHO_PRICE_BUILT_INIT; cleared by the caller whatever the result
 * @return TACHO_OK; TACHO_DAMAGED, TACHO_INVALID, TACHO_FOREIGN (with `fault`, line and column of one source);
 *         TACHO_LIMIT (the table would be larger than 4 MiB); TACHO_NOMEM
 */
TACHO_API tacho_status tacho_price_build(const tacho_price_source *sources, size_t count, uint32_t date, uint32_t flags,
                                         const tacho_price_table *previous, tacho_price_built *out);
TACHO_API void tacho_price_built_clear(tacho_price_built *built);

/**
 * A table from a file's bytes, whatever form it has: a table as `tacho prices build` writes it, user prices in our own
 * schema (they stand above `base`), or the JSON of a source (a whole table).
 *
 * @param built  filled where a JSON text was built or refused (`fault`, line, column); cleared by the caller
 * @return as tacho_price_table_load and tacho_price_build
 */
TACHO_API tacho_status tacho_price_table_read(tacho_price_table **out, const void *bytes, size_t length,
                                              const tacho_price_table *base, tacho_price_built *built);

/** Resolve a model as tacho_price_model_find does and tell every step. TACHO_OK or TACHO_NOT_FOUND. */
TACHO_API tacho_status tacho_price_explain(const tacho_price_table *table, const char *provider, const char *model,
                                           tacho_price_step step, void *context, tacho_price_model *out);

/** Provider and id under which a handle's prices stand in the table; "" for an unknown model. */
TACHO_API const char *tacho_price_model_provider(const tacho_price_model *model);
TACHO_API const char *tacho_price_model_id(const tacho_price_model *model);

/** The i-th (sheet, band) of a model in the table's order (of those that hold, the last sheet is used): TACHO_OK or
 * TACHO_NOT_FOUND behind the last. */
TACHO_API tacho_status tacho_price_model_sheet(const tacho_price_model *model, size_t index,
                                               tacho_price_sheet_view *out);

/** The i-th id of a table, in no particular order, as a handle: TACHO_OK or TACHO_NOT_FOUND behind the last. Tables
 * under this one are not visited. */
TACHO_API tacho_status tacho_price_table_at(const tacho_price_table *table, size_t index, tacho_price_model *out);

#ifdef __cplusplus
}
#endif
#endif
