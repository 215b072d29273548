/**
 * Prices: from usage to money, exact to the pico-dollar.
 *
 * Rates are int64 femto-USD with a native `per`; each component is one 128-bit product rounded once (half to even) to
 * int64 pico-USD; a total is the sum of its rounded components, so amounts always add up. Nothing here touches binary
 * floating point. What has no price is unknown, never 0 (semantics 26, 27).
 */
#ifndef TACHOGRAPH_PRICE_H
#define TACHOGRAPH_PRICE_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>
#include <tachograph/usage.h>
#include <tachograph/version.h>

#define TACHO_COST_UNKNOWN     INT64_MIN              /* an amount that is not known */
#define TACHO_PUSD_PER_USD     INT64_C(1000000000000) /* pico-USD */
#define TACHO_PRICE_STALE_DAYS 60                     /* an answer from an older table carries TACHO_COST_STALE */

/*
 * How sure a cost is: X(ENUM, value, name). Values are ABI; the order of `estimated < reported < exact` is the order of
 * strength that a sum takes the weakest of (semantics 27).
 *   unknown    nothing could be priced; the amount is TACHO_COST_UNKNOWN
 *   partial    some units have no price: the amount is the priced part
 *   estimated  a price is used that may not be the one billed (another host's, a proportional split, clamped usage)
 *   reported   the provider or the caller gave the amount
 *   exact      every unit has a price under the sheet that held at the start of the call
 *   free       the model is known to cost nothing
 */
#define TACHO_COST_STATE_MAP(X)                                                                                        \
    X(UNKNOWN, 0, "unknown")                                                                                           \
    X(PARTIAL, 1, "partial")                                                                                           \
    X(ESTIMATED, 2, "estimated")                                                                                       \
    X(REPORTED, 3, "reported")                                                                                         \
    X(EXACT, 4, "exact")                                                                                               \
    X(FREE, 5, "free")

typedef enum tacho_cost_state {
#define X(name, value, text) TACHO_COST_STATE_##name = value,
    TACHO_COST_STATE_MAP(X)
#undef X
} tacho_cost_state;

/*
 * How the price of a model was found: X(ENUM, value, name). First hit wins, in this order.
 */
#define TACHO_PRICE_MATCH_MAP(X)                                                                                       \
    X(NONE, 0, "none")             /* no price */                                                                      \
    X(USER, 1, "user")             /* the user's price, exact id */                                                    \
    X(USER_GLOB, 2, "user_glob")   /* the user's price, pattern */                                                     \
    X(EXACT, 3, "exact")           /* provider and id as written, after normalising */                                 \
    X(DECORATED, 4, "decorated")   /* after one decoration (a date, "@default", ":0") was removed */                   \
    X(FINE_TUNED, 5, "fine_tuned") /* ft:base:... under the sheet of ft:base */                                        \
    X(FALLBACK, 6, "fallback")     /* the provider's fallback provider has the id */                                   \
    X(AGREEING, 7, "agreeing")     /* no provider given; all providers with this id agree */                           \
    X(MAKER, 8, "maker")           /* no provider given, hosts differ: the price of the model's maker; estimated */

typedef enum tacho_price_match {
#define X(name, value, text) TACHO_PRICE_MATCH_##name = value,
    TACHO_PRICE_MATCH_MAP(X)
#undef X
} tacho_price_match;

/*
 * Class of service that a sheet holds for: X(ENUM, value, name). A usage is FAST when its `speed` or its tier says so:
 * no provider sells that together with another class.
 */
#define TACHO_PRICE_SERVICE_MAP(X)                                                                                     \
    X(STANDARD, 0, "standard")                                                                                         \
    X(BATCH, 1, "batch")                                                                                               \
    X(FLEX, 2, "flex")                                                                                                 \
    X(PRIORITY, 3, "priority")                                                                                         \
    X(ULTRAFAST, 4, "ultrafast")                                                                                       \
    X(FAST, 5, "fast")

typedef enum tacho_price_service {
#define X(name, value, text) TACHO_PRICE_SERVICE_##name = value,
    TACHO_PRICE_SERVICE_MAP(X)
#undef X
} tacho_price_service;

/* Bits of tacho_cost.modifiers: what multiplied the rates. */
#define TACHO_PRICE_MODIFIER_BATCH    1u
#define TACHO_PRICE_MODIFIER_FAST     2u
#define TACHO_PRICE_MODIFIER_REGION   4u
#define TACHO_PRICE_MODIFIER_CONTRACT 8u
#define TACHO_PRICE_MODIFIER_SERVICE  16u /* flex, priority: a ratio of the standard sheet, not rates of their own */

/* Bits of tacho_cost.flags. */
#define TACHO_COST_STALE         1u   /* the table is older than TACHO_PRICE_STALE_DAYS at the instant of pricing */
#define TACHO_COST_PARENT_RATE   2u   /* a class without a rate of its own was charged at the rate of its parent */
#define TACHO_COST_SPLIT         4u   /* overlapping classes were split in proportion */
#define TACHO_COST_INCONSISTENT  8u   /* impossible usage was clamped or rounded (see tacho_usage.faults) */
#define TACHO_COST_TIER_UNPRICED 16u  /* the service class has no price here: the standard sheet was used */
#define TACHO_COST_UNKNOWN_RATE  32u  /* the sheet holds a rate of a kind that this version does not know */
#define TACHO_COST_OVERFLOW      64u  /* an amount was larger than int64 pico-USD (9.22 million USD) and saturated */
#define TACHO_COST_REPORTED_ZERO 128u /* a reported cost of 0 beside paid tokens was not believed */
#define TACHO_COST_PARTS         256u /* sum over several parts that had different sheets */

/** One priced usage. All amounts in pico-USD; TACHO_COST_UNKNOWN where not known. Plain data: copy it freely. */
typedef struct tacho_cost {
    uint32_t struct_size;      /* set by the functions below */
    uint32_t state;            /* tacho_cost_state */
    uint32_t match;            /* tacho_price_match */
    uint32_t flags;            /* TACHO_COST_* bits */
    uint32_t sheet;            /* id of the sheet (hash of its content, equal in every table that has it); 0 = none */
    uint32_t band;             /* 0 = base rates, n = the n-th threshold of the sheet was crossed */
    uint32_t modifiers;        /* TACHO_PRICE_MODIFIER_* bits */
    uint32_t service;          /* tacho_price_service that was priced */
    uint32_t priced;           /* bit per unit: has an amount in component_pusd */
    uint32_t unpriced;         /* bit per unit: was used, has no price */
    uint32_t table_date;       /* day the table was made, as 20261121; 0 = no table */
    uint32_t reserved;         /* 0 */
    int64_t total_pusd;        /* what counts: reported, else from the table; the priced part when partial */
    int64_t input_pusd;        /* token prices of the input classes, without fees */
    int64_t output_pusd;       /* token prices of the output classes, without fees */
    int64_t reported_pusd;     /* as the provider or the caller reported */
    int64_t table_pusd;        /* as the table says; with `reported_pusd` this is the drift */
    int64_t priced_at_ns;      /* instant whose prices were used: start of the call, Unix nanoseconds */
    const char *table_version; /* "2026-11-21.3f9a01bc"; lives as long as the table; "" without table */
    int64_t component_pusd[TACHO_UNIT_COUNT]; /* per unit; 0 where nothing was used */
} tacho_cost;

/** A price table: built in, or loaded from bytes, with the user's prices above it. Immutable, shared by all threads. */
typedef struct tacho_price_table tacho_price_table;

/**
 * What one (provider, model) resolved to: a small plain value to keep beside a bound handle. Valid as long as the
 * table. A zeroed one stands for a model without a price.
 */
typedef struct tacho_price_model {
    uint32_t struct_size;
    uint32_t match;   /* tacho_price_match */
    uint32_t context; /* size of the context window in tokens, 0 = not known */
    uint32_t flags;   /* 0 */
    const tacho_price_table *table;
    uint64_t opaque[5];
    uint64_t below[7]; /* the same one table down: asked where the user's dates or hours do not hold */
} tacho_price_model;

#ifdef __cplusplus
extern "C" {
#endif

/** Name of a value of the lists above ("exact"); "?" for a value not on the list. Static storage. */
TACHO_API const char *tacho_cost_state_name(uint32_t state);
TACHO_API const char *tacho_price_match_name(uint32_t match);
TACHO_API const char *tacho_price_service_name(uint32_t service);
/** The state of a name, or -1. */
TACHO_API int tacho_cost_state_find(const char *name);

/**
 * State of a sum of two costs (semantics 27). Start a sum with the first cost, not with a constant.
 * A cost that is unknown counts only through the state (partial), never as 0.
 */
TACHO_API uint32_t tacho_cost_state_join(uint32_t a, uint32_t b);

/** Add `more` to `sum` (both filled by this library): amounts add up, states join, components add up. */
TACHO_API void tacho_cost_add(tacho_cost *sum, const tacho_cost *more);

/* --------------------------------------------------------------------------------------------------------- tables */

/** The table compiled into the library. Never NULL, never freed, no start-up work. */
TACHO_API const tacho_price_table *tacho_price_table_builtin(void);

/**
 * Use a table from bytes: a file of `tacho prices build`, or user prices and sources as JSON (tachograph/price_table.h
 * has a form that says where a JSON text is wrong).
 *
 * @param out    the caller's; NULL on failure
 * @param bytes  the file; checked whole (every offset, hash order, checksum), then copied
 * @param base   asked for what user prices do not have; a whole table does not ask. NULL = none. Must outlive *out
 * @return TACHO_OK; TACHO_FOREIGN, TACHO_DAMAGED, TACHO_NEWER, TACHO_INVALID (a wrong value in JSON), TACHO_LIMIT
 *         (a table over 4 MiB, a JSON text over 64 MiB), TACHO_NOMEM
 */
TACHO_API tacho_status tacho_price_table_load(tacho_price_table **out, const void *bytes, size_t length,
                                              const tacho_price_table *base);

/** Free a loaded table; every handle found in it is dead then. NULL and the built-in table are harmless. */
TACHO_API void tacho_price_table_free(tacho_price_table *table);

/** Version ("2026-11-21.3f9a01bc": day and checksum) and day (20261121) of a table; lives as long as the table. */
TACHO_API const char *tacho_price_table_version(const tacho_price_table *table);
TACHO_API uint32_t tacho_price_table_date(const tacho_price_table *table);

/* --------------------------------------------------------------------------------------------------------- pricing */

/**
 * Resolve a model once.
 *
 * @param table     NULL = the built-in table
 * @param provider  name, alias, or base URL ("https://api.anthropic.com/v1"); NULL = not known
 * @param model     as the caller or the provider writes it; decorations are understood (see core/doc/prices.md)
 * @return TACHO_OK; TACHO_NOT_FOUND (*out is a handle whose costs are unknown); TACHO_INVALID
 *
 * Any thread; no allocation, no lock; at most 1 microsecond.
 */
TACHO_API tacho_status tacho_price_model_find(const tacho_price_table *table, const char *provider, const char *model,
                                              tacho_price_model *out);

/**
 * Price one usage.
 *
 * @param model       from tacho_price_model_find; NULL or zeroed = unknown model (a reported cost still counts)
 * @param usage       normalised or not (it is normalised here); only tier, speed, region and numbers are read
 * @param at_unix_ns  start of the call, Unix nanoseconds: the sheet that held then is used
 * @return TACHO_OK whatever the state; TACHO_INVALID for NULL pointers
 *
 * Any thread; no allocation, no lock, no system call; at most 200 ns.
 */
TACHO_API tacho_status tacho_price_cost(const tacho_price_model *model, const tacho_usage *usage, int64_t at_unix_ns,
                                        tacho_cost *out);

/**
 * The same from strings: `usage->provider` and `usage->model` name the model; at most 1 microsecond.
 * `table` NULL = the built-in table.
 */
TACHO_API tacho_status tacho_calculate_cost(const tacho_price_table *table, const tacho_usage *usage,
                                            int64_t at_unix_ns, tacho_cost *out);

/**
 * Price every part of a response under its own model and add them up. `provider` and `model` are used where a part
 * names none; NULL = not known.
 */
TACHO_API tacho_status tacho_response_cost(const tacho_price_table *table, const tacho_response *response,
                                           const char *provider, const char *model, int64_t at_unix_ns,
                                           tacho_cost *out);

/* ----------------------------------------------------------------------------------------------------------- money */

#define TACHO_MONEY_TEXT_SIZE 24 /* longest text of tacho_money_format with its NUL */

/**
 * Write an amount in USD as a plain decimal: no exponent, no trailing zeros ("24.8189432", "0", "-0.000000000001");
 * TACHO_COST_UNKNOWN is the empty text.
 * @return length without NUL; 0 and "" where `size` is too small
 */
TACHO_API size_t tacho_money_format(int64_t pusd, char *out, size_t size);

/**
 * Read a decimal number of USD ("0.0160614", "1e-06"), rounded half to even to a pico-USD.
 * @return TACHO_OK; TACHO_INVALID (not a number), TACHO_LIMIT (does not fit)
 */
TACHO_API tacho_status tacho_money_parse(const char *text, size_t length, int64_t *out_pusd);

#ifdef __cplusplus
}
#endif
#endif
