/**
 * A session summary in the making: records (a history file), or sums that somebody else holds exactly (the session
 * slots and series of a segment), go in; one tacho_summary comes out.
 *
 * One thread at a time. Every failure is remembered: a caller may check tacho__digest_finish only.
 */
#ifndef TACHO_SNAPSHOT_DIGEST_H
#define TACHO_SNAPSHOT_DIGEST_H

#include "snapshot/group.h"

typedef struct tacho__digest tacho__digest;

/** Which totals a sum belongs to. */
typedef enum tacho__digest_part {
    TACHO__DIGEST_ALL,        /* every operation: usage, cost, retries, context, times */
    TACHO__DIGEST_OPERATIONS, /* those that are no tool calls */
    TACHO__DIGEST_STEPS,
    TACHO__DIGEST_MODEL_CALLS, /* kinds llm and embedding */
    TACHO__DIGEST_PARTS
} tacho__digest_part;

/** What a summary tells beside its sums. Texts are copied. */
typedef struct tacho__digest_facts {
    const char *session;     /* NULL = the whole process */
    const char *price_table; /* version of the table that priced it; NULL = none */
    int64_t records_lost, series_overflow;
    const tacho_named *drops; /* of the whole process; copied */
    uint32_t drop_count;
    const tacho_named *skipped; /* segments that could not be read; copied */
    uint32_t skipped_count;
} tacho__digest_facts;

/** TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__digest_create(tacho__digest **out);
/** Adds a record to everything: totals, tools, models, slowest. Any order. The caller has chosen the session. */
tacho_status tacho__digest_add(tacho__digest *digest, const tacho_record_view *record);
/** Adds exact sums to one of the totals. */
tacho_status tacho__digest_add_total(tacho__digest *digest, tacho__digest_part part, const tacho__group *group);
/** Adds sums of one tool (key `tool`) or one model (key `model`) to the tables. */
tacho_status tacho__digest_add_tool(tacho__digest *digest, const tacho__group *group);
tacho_status tacho__digest_add_model(tacho__digest *digest, const tacho__group *group);
/** Adds a record to the tables and to the slowest only: its totals are in sums that are added elsewhere. */
tacho_status tacho__digest_add_detail(tacho__digest *digest, const tacho_record_view *record);
/** Adds a record to the slowest only. */
tacho_status tacho__digest_add_slowest(tacho__digest *digest, const tacho_record_view *record);
/**
 * The tables get a row for what their records do not tell (semantics 5): `tools` and `models` are the exact sums.
 */
tacho_status tacho__digest_add_rest(tacho__digest *digest, const tacho__group *tools, const tacho__group *models);

/** Remembers that something for the digest found no memory. TACHO_NOMEM. */
tacho_status tacho__digest_refuse(tacho__digest *digest);
/** Makes the summary and ends the digest, also on failure. TACHO_OK; TACHO_NOMEM. Freed with tacho_summary_free. */
tacho_status tacho__digest_finish(tacho__digest *digest, const tacho__digest_facts *facts, tacho_summary **out);
/** Drops a digest that is not finished. NULL is allowed. */
void tacho__digest_free(tacho__digest *digest);

/** Caches and custom metrics become the summary's, which frees them. */
void tacho__summary_own(tacho_summary *summary, tacho_cache_rows *caches, tacho_metric_rows *metrics);

#endif
