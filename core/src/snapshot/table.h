/**
 * A table in the making: records, or sums that somebody else holds, go in; rows come out. Used over the records of a
 * snapshot and over those of a history file alike, so that the same calls give the same rows (semantics 1).
 *
 * One thread at a time. Every failure is remembered: a caller may check tacho__table_finish only.
 */
#ifndef TACHO_SNAPSHOT_TABLE_H
#define TACHO_SNAPSHOT_TABLE_H

#include "snapshot/group.h"

typedef struct tacho__table tacho__table;

/**
 * @param query  what to group by and which records count; NULL = by model, no restriction. Its texts and zone have to
 *               live as long as the table. `session` is compared with the whole id: resolve a prefix first
 *               (snapshot/session_match.h)
 * @return TACHO_OK; TACHO_INVALID (`by` not on the list); TACHO_NOMEM
 */
tacho_status tacho__table_create(const tacho_query *query, tacho__table **out);

/** TACHO_BY_BIT of every key that a query groups by. */
static inline uint32_t tacho__query_keys(const tacho_query *query) {
    return (query->by < TACHO_BY_COUNT ? TACHO_BY_BIT(query->by) : 0) | query->by_also;
}

/** True if a record has the tags that the query asks for. */
bool tacho__query_makes_sense(const tacho_query *query); /* its keys and counts are in range */
bool tacho__query_wants_tags(const tacho_query *query, const tacho_record_view *record);
/** True if the query wants this record: kind, time, session, model, provider, operation, tool, tags. */
bool tacho__table_wants(const tacho__table *table, const tacho_record_view *record);
/** The same for sums that have an operation's keys; not for queries with a time. */
bool tacho__table_wants_group(const tacho__table *table, const tacho__group *group);
/** Adds a record if the query wants it, else does nothing. TACHO_OK; TACHO_NOMEM. Texts are copied. */
tacho_status tacho__table_add(tacho__table *table, const tacho_record_view *record);
/** Adds sums to the row with the keys of `group` (those that the table groups by). TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__table_add_group(tacho__table *table, const tacho__group *group);
/** Room for that many rows, where somebody can tell. */
void tacho__table_expect(tacho__table *table, size_t rows);
/** The same for sums whose texts and buckets live, and stay as they are, until the table is finished: most rows need no
 * copy of them. */
tacho_status tacho__table_lend_group(tacho__table *table, const tacho__group *group);
/** The rows so far tell nothing of what is in flight. */
void tacho__table_forget_in_flight(tacho__table *table);
/** Remembers that something for the table found no memory. TACHO_NOMEM. */
tacho_status tacho__table_refuse(tacho__table *table);
/** Adds a warning: an English sentence without full stop; copied. NULL does nothing. */
void tacho__table_warn(tacho__table *table, const char *warning);
/**
 * The row for what no record tells: `all` less what the table holds. Does nothing if there is nothing left.
 *
 * @param what  for the warning: "17 records were overwritten before they were read"
 */
tacho_status tacho__table_add_rest(tacho__table *table, const tacho__group *all, const char *what);
/** Sums over all rows so far: the caller gives an empty group. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__table_total(tacho__table *table, tacho__group *total);

/**
 * Makes the rows and ends the table, also on failure.
 *
 * @param out  freed with tacho_rows_free
 * @return TACHO_OK; TACHO_NOMEM (now or earlier)
 */
tacho_status tacho__table_finish(tacho__table *table, tacho_rows **out);
/** Drops a table that is not finished. NULL is allowed. */
void tacho__table_free(tacho__table *table);

#endif
