#include "history/select.h"

#include "snapshot/session_match.h"

#include <string.h>

/* Conditions of a query: those that do not restrict are left out, so that SQLite can use an index for the others. */
typedef struct condition {
    const char *sql; /* with its place */
    const char *text;
    int64_t number;
    bool wanted;
} condition;

#define CONDITIONS 7

static void list_conditions(const tacho_query *query, condition list[CONDITIONS]) {
    const condition all[CONDITIONS] = {
        {"ended_at_ns>=?1", NULL, query->since_ns, query->since_ns != 0},
        {"ended_at_ns<?2", NULL, query->until_ns, query->until_ns != 0},
        {"session=?3", query->session, 0, query->session != NULL},
        {"model=?4", query->model, 0, query->model != NULL},
        {"provider=?5", query->provider, 0, query->provider != NULL},
        {"operation=?6", query->operation, 0, query->operation != NULL},
        {"tool=?7", query->tool, 0, query->tool != NULL},
    };
    memcpy(list, all, sizeof all);
}

static sqlite3_stmt *prepare(tacho_history *history, const condition list[CONDITIONS], uint32_t flags,
                             const tacho__selection *selection) {
    tacho__buffer sql = TACHO__BUFFER_INIT;
    sqlite3_stmt *statement = NULL;
    tacho__buffer_string(&sql, "SELECT ");
    tacho__columns_list(&sql, selection);
    tacho__buffer_string(&sql, " FROM record WHERE ");
    tacho__buffer_string(
        &sql, flags & TACHO__SELECT_MODEL_CALLS ? "(kind IN ('llm', 'embedding') OR cost_state IS NOT NULL)" : "1");
    for (int i = 0; i < CONDITIONS; i++) {
        if (list[i].wanted) {
            tacho__buffer_string(&sql, " AND ");
            tacho__buffer_string(&sql, list[i].sql);
        }
    }
    const char *text = tacho__buffer_text(&sql);
    int result = text ? sqlite3_prepare_v2(history->db, text, -1, &statement, NULL) : SQLITE_NOMEM;
    tacho__store_fail(history, result);
    tacho__buffer_free(&sql);
    return statement;
}

static void bind_conditions(sqlite3_stmt *statement, const condition list[CONDITIONS]) {
    for (int i = 0; i < CONDITIONS; i++) {
        if (list[i].wanted && list[i].text) {
            sqlite3_bind_text(statement, i + 1, list[i].text, -1, SQLITE_STATIC);
        } else if (list[i].wanted) {
            sqlite3_bind_int64(statement, i + 1, list[i].number);
        }
    }
}

tacho_status tacho__select_walk(tacho_history *history, const tacho_query *query, uint32_t flags,
                                tacho__select_visit visit, void *context) {
    condition list[CONDITIONS];
    tacho__selection selection = history->whole;
    uint32_t units;
    if (!tacho__store_ready(history)) {
        return TACHO_OK;
    }
    tacho_status status = tacho__store_units(history, &units);
    if (status != TACHO_OK) {
        return status;
    }
    if (flags & TACHO__SELECT_SUMS) {
        tacho__selection_sums(&selection, units);
    }
    list_conditions(query, list);
    sqlite3_stmt *statement = prepare(history, list, flags, &selection);
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    bind_conditions(statement, list);
    int result = SQLITE_ROW;
    while (status == TACHO_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        tacho__history_row row;
        tacho__columns_read(statement, &selection, &row);
        status = tacho__notes_read(&history->notes_in, row.notes, row.notes_length, &row.view);
        status = status == TACHO_OK ? tacho__tags_read(&history->tags_in, row.tags, &row.view) : status;
        status = status == TACHO_OK ? visit(context, &row) : status;
    }
    if (status == TACHO_OK) {
        status = tacho__store_fail(history, result);
    }
    sqlite3_finalize(statement);
    return status;
}

static tacho_status one_text(tacho_history *history, sqlite3_stmt *statement, tacho__buffer *out) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        tacho__buffer_string(out, (const char *)sqlite3_column_text(statement, 0));
    }
    return result == SQLITE_ROW ? tacho__buffer_status(out) : tacho__store_fail(history, result);
}

tacho_status tacho__select_newest_session(tacho_history *history, tacho__buffer *out) {
    sqlite3_stmt *statement = NULL;
    if (!tacho__store_ready(history)) {
        return TACHO_NO_DATA;
    }
    int result = sqlite3_prepare_v2(history->db,
                                    "SELECT session FROM record WHERE session IS NOT NULL"
                                    " ORDER BY ended_at_ns DESC, session LIMIT 1" /* unknown times last */,
                                    -1, &statement, NULL);
    tacho_status status = result == SQLITE_OK ? one_text(history, statement, out) : tacho__store_fail(history, result);
    sqlite3_finalize(statement);
    return status == TACHO_OK && out->length == 0 ? TACHO_NO_DATA : status;
}

tacho_status tacho__select_session(tacho_history *history, const char *wanted, tacho__buffer *out) {
    sqlite3_stmt *statement = NULL;
    tacho__session_match match = {.wanted = wanted};
    size_t length = strlen(wanted);
    if (!tacho__store_ready(history)) {
        return TACHO_NOT_FOUND;
    }
    int result = sqlite3_prepare_v2(history->db,
                                    "SELECT DISTINCT session FROM record WHERE session>=?1"
                                    " ORDER BY session",
                                    -1, &statement, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, wanted, (int)length, SQLITE_STATIC);
    }
    /* What begins with `wanted` follows it directly; the whole id, if it exists, is the first. */
    while (result == SQLITE_OK && !match.several && !match.exact) {
        int step = sqlite3_step(statement);
        if (step != SQLITE_ROW) {
            result = step == SQLITE_DONE ? SQLITE_OK : step;
            break;
        }
        const char *session = (const char *)sqlite3_column_text(statement, 0);
        if (!session || strncmp(session, wanted, length) != 0) {
            break;
        }
        if (out->length == 0) {
            tacho__buffer_string(out, session);
            session = tacho__buffer_text(out);
        }
        tacho__session_match_show(&match, session);
    }
    tacho_status status =
        result == SQLITE_OK ? tacho__session_match_result(&match) : tacho__store_fail(history, result);
    sqlite3_finalize(statement);
    return status == TACHO_OK ? tacho__buffer_status(out) : status;
}
