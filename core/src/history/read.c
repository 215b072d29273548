/**
 * The readings of history.h: rows are walked and handed to the same tables, lists and digests that a snapshot uses, so
 * that the same calls give the same numbers (semantics 1).
 */
#include <tachograph/history.h>

#include "history/select.h"
#include "snapshot/digest.h"
#include "snapshot/record_list.h"
#include "snapshot/session_match.h"
#include "snapshot/table.h"

#include <stdio.h>
#include <string.h>

/* Rows that were recorded here show no source, as in a snapshot. */
static tacho_record_view shown(const tacho__history_row *row) {
    tacho_record_view view = row->view;
    if (view.source && strcmp(view.source, TACHO__SOURCE_LIVE) == 0) {
        view.source = view.source_id = NULL;
    }
    return view;
}

static tacho_status add_to_table(void *context, const tacho__history_row *row) {
    tacho_record_view view = shown(row);
    return tacho__table_add(context, &view);
}

typedef struct list_feed {
    tacho__record_list *list;
    const tacho_query *query;
} list_feed;

static tacho_status add_to_list(void *context, const tacho__history_row *row) {
    const list_feed *feed = context;
    tacho_record_view view = shown(row);
    return tacho__query_wants_tags(feed->query, &view) ? tacho__record_list_add(feed->list, &view) : TACHO_OK;
}

/* The query with a session prefix made whole; `session` holds its text. */
static tacho_status resolve(tacho_history *history, const tacho_query *query, tacho__buffer *session,
                            tacho_query *resolved) {
    const tacho_query none = TACHO_QUERY_INIT;
    *resolved = query ? *query : none;
    if (!resolved->session) {
        return TACHO_OK;
    }
    tacho_status status = tacho__select_session(history, resolved->session, session);
    if (status == TACHO_INVALID) {
        snprintf(history->problem, sizeof history->problem,
                 "several sessions begin with '%.64s', or it is shorter than %d characters", resolved->session,
                 TACHO__SESSION_PREFIX);
    } else if (status == TACHO_NOT_FOUND) {
        snprintf(history->problem, sizeof history->problem, "no session begins with '%.64s'", resolved->session);
    }
    resolved->session = tacho__buffer_text(session);
    return status;
}

/* Tables of calls need no rows without usage and cost; the others decide for themselves. */
static uint32_t rows_of(const tacho_query *query) {
    const uint32_t of_calls = TACHO_BY_BIT(TACHO_BY_MODEL) | TACHO_BY_BIT(TACHO_BY_PROVIDER) |
                              TACHO_BY_BIT(TACHO_BY_DAY) | TACHO_BY_BIT(TACHO_BY_TOTAL) | TACHO_BY_BIT(TACHO_BY_TAG);
    bool calls = query->all_kinds == TACHO_KINDS_CALLS ||
                 (query->all_kinds == TACHO_KINDS_USUAL && (tacho__query_keys(query) & ~of_calls) == 0);
    return TACHO__SELECT_SUMS | (calls ? TACHO__SELECT_MODEL_CALLS : 0);
}

tacho_status tacho_history_usage(tacho_history *history, const tacho_query *query, tacho_rows **out) {
    tacho__buffer session = TACHO__BUFFER_INIT;
    tacho__table *table = NULL;
    tacho_query resolved;
    if (!history || !out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    tacho_status status = resolve(history, query, &session, &resolved);
    if (status == TACHO_OK) {
        status = tacho__table_create(&resolved, &table);
    }
    if (status == TACHO_OK) {
        status = tacho__select_walk(history, &resolved, rows_of(&resolved), add_to_table, table);
    }
    if (status == TACHO_OK) {
        status = tacho__table_finish(table, out);
    } else {
        tacho__table_free(table);
    }
    tacho__buffer_free(&session);
    return status;
}

tacho_status tacho_history_records(tacho_history *history, const tacho_query *query, tacho_records **out) {
    tacho__buffer session = TACHO__BUFFER_INIT;
    tacho__record_list *list = NULL;
    tacho_query resolved;
    if (!history || !out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (query && !tacho__query_makes_sense(query)) {
        return TACHO_INVALID;
    }
    tacho_status status = resolve(history, query, &session, &resolved);
    if (status == TACHO_OK) {
        list = tacho__record_list_new(TACHO__RECORDS_BY_END, resolved.limit);
        list_feed feed = {list, &resolved};
        status = list ? tacho__select_walk(history, &resolved, 0, add_to_list, &feed) : TACHO_NOMEM;
    }
    if (status == TACHO_OK) {
        status = tacho__record_list_finish(list, 0, out);
    } else {
        tacho__record_list_free(list);
    }
    tacho__buffer_free(&session);
    return status;
}

/* A digest being fed, and the price table of its newest call: "2026-11-21.3f9a01bc" of "2026-11-21.3f9a01bc/1a2b3c4d".
 */
typedef struct summary_feed {
    tacho__digest *digest;
    int64_t priced_at_ns;
    char table[TACHO__PRICE_TABLE_TEXT];
} summary_feed;

static tacho_status add_to_digest(void *context, const tacho__history_row *row) {
    summary_feed *feed = context;
    tacho_record_view view = shown(row);
    if (view.price_sheet && view.ended_at_ns >= feed->priced_at_ns) {
        feed->priced_at_ns = view.ended_at_ns;
        snprintf(feed->table, sizeof feed->table, "%.*s", (int)strcspn(view.price_sheet, "/"), view.price_sheet);
    }
    return tacho__digest_add(feed->digest, &view);
}

tacho_status tacho_history_summary(tacho_history *history, const char *session, tacho_summary **out) {
    tacho__buffer id = TACHO__BUFFER_INIT;
    tacho_query query = TACHO_QUERY_INIT;
    summary_feed feed = {0};
    if (!history || !out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    query.session = session;
    tacho_status status = session ? resolve(history, &query, &id, &query) : tacho__select_newest_session(history, &id);
    query.session = tacho__buffer_text(&id);
    if (status == TACHO_OK) {
        status = tacho__digest_create(&feed.digest);
    }
    if (status == TACHO_OK) {
        status = tacho__select_walk(history, &query, 0, add_to_digest, &feed);
    }
    if (status == TACHO_OK) {
        const tacho__digest_facts facts = {.session = query.session, .price_table = feed.table[0] ? feed.table : NULL};
        status = tacho__digest_finish(feed.digest, &facts, out);
    } else {
        tacho__digest_free(feed.digest);
    }
    tacho__buffer_free(&id);
    return status;
}

tacho_status tacho_history_count(tacho_history *history, uint64_t *out) {
    sqlite3_stmt *statement = NULL;
    if (!history || !out) {
        return TACHO_INVALID;
    }
    *out = 0;
    tacho_status status = tacho__store_look(history);
    if (status != TACHO_OK || history->empty) {
        return status;
    }
    int result = sqlite3_prepare_v2(history->db, "SELECT count(*) FROM record", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *out = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    status = tacho__store_fail(history, result);
    sqlite3_finalize(statement);
    return status;
}

const char *tacho_history_prices(tacho_history *history) {
    sqlite3_stmt *statement = NULL;
    if (!history) {
        return "";
    }
    history->prices[0] = 0;
    if (!tacho__store_ready(history)) {
        return history->prices;
    }
    int result = sqlite3_prepare_v2(history->db,
                                    "SELECT price_sheet FROM record WHERE price_sheet IS NOT NULL"
                                    " ORDER BY key DESC LIMIT 1",
                                    -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *sheet = (const char *)sqlite3_column_text(statement, 0);
        if (sheet) { /* not without memory */
            snprintf(history->prices, sizeof history->prices, "%.*s", (int)strcspn(sheet, "/"), sheet);
        }
    }
    sqlite3_finalize(statement);
    return history->prices;
}
