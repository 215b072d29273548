#include "history/store.h"

#include "history/lock.h"
#include "history/schema.h"

#include <stdio.h>
#include <string.h>

tacho_status tacho__store_fail(tacho_history *history, int result) {
    tacho_status status = tacho__schema_status(result);
    if (status != TACHO_OK) {
        bool told = sqlite3_errcode(history->db) == (result & 0xff) || sqlite3_extended_errcode(history->db) == result;
        const char *words = told ? sqlite3_errmsg(history->db) : sqlite3_errstr(result);
        snprintf(history->problem, sizeof history->problem, "%s", words);
        history->result = result;
    }
    return status;
}

static void write_put(tacho_history *history, tacho__buffer *sql, int fill) {
    tacho__buffer_string(sql, "INSERT INTO record(");
    tacho__columns_list(sql, &history->whole);
    tacho__buffer_string(sql, ") VALUES(");
    tacho__columns_places(sql);
    tacho__buffer_string(sql, ") ON CONFLICT(source, source_id) DO UPDATE SET ");
    tacho__columns_assign(sql, fill);
}

static void write_select(tacho_history *history, tacho__buffer *sql, const char *rest) {
    tacho__buffer_string(sql, "SELECT ");
    tacho__columns_list(sql, &history->whole);
    tacho__buffer_string(sql, rest);
}

static void write_statement(tacho_history *history, tacho__buffer *sql, tacho__store_statement which) {
    static const char *const texts[TACHO__STORE_STATEMENT_COUNT] = {
        [TACHO__STORE_FIND] = " FROM record WHERE source=?1 AND source_id=?2",
        [TACHO__STORE_OF_SESSION] = " FROM record WHERE session=?2 AND source=?1",
        [TACHO__STORE_PLACE] = "UPDATE record SET parent_id=?3, context_size=?4, compressions=?5, low_confidence=?6"
                               " WHERE source=?1 AND source_id=?2",
        [TACHO__STORE_REMOVE] = "DELETE FROM record WHERE source=?1 AND source_id=?2",
        [TACHO__STORE_UNIT_PUT] = "INSERT OR IGNORE INTO unit(name) VALUES(?1)",
        [TACHO__STORE_UNITS] = "SELECT name FROM unit",
        [TACHO__STORE_MARK_PUT] = "INSERT OR REPLACE INTO mark(source, source_id, kind, session, agent, value, at_ns)"
                                  " VALUES(?1,?2,?3,?4,?5,?6,?7)",
        [TACHO__STORE_MARK_FIND] = "SELECT source, source_id, kind, session, agent, value, at_ns FROM mark"
                                   " WHERE source=?1 AND source_id=?2 AND kind=?3",
        [TACHO__STORE_MARK_REMOVE] = "DELETE FROM mark WHERE source=?1 AND source_id=?2 AND kind=?3",
        [TACHO__STORE_MARK_OF_SESSION] = "SELECT source, source_id, kind, session, agent, value, at_ns FROM mark"
                                         " WHERE session=?2 AND source=?1",
        [TACHO__STORE_PROGRESS_PUT] = "INSERT OR REPLACE INTO progress(source, file, inode, offset, head_hash,"
                                      " head_bytes, lines, pending) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
        [TACHO__STORE_PROGRESS_FIND] = "SELECT inode, offset, head_hash, head_bytes, lines, pending FROM progress"
                                       " WHERE source=?1 AND file=?2",
        [TACHO__STORE_DATA_VERSION] = "PRAGMA data_version",
        [TACHO__STORE_BEGIN] = "BEGIN IMMEDIATE",
        [TACHO__STORE_COMMIT] = "COMMIT",
    };
    if (which == TACHO__STORE_PUT || which == TACHO__STORE_ADD) {
        write_put(history, sql, which == TACHO__STORE_ADD);
    } else if (which == TACHO__STORE_FIND || which == TACHO__STORE_OF_SESSION) {
        write_select(history, sql, texts[which]);
    } else {
        tacho__buffer_string(sql, texts[which]);
    }
}

sqlite3_stmt *tacho__store_use(tacho_history *history, tacho__store_statement which) {
    sqlite3_stmt **kept = &history->statements[which];
    if (*kept) {
        sqlite3_reset(*kept);
        return *kept;
    }
    tacho__buffer sql = TACHO__BUFFER_INIT;
    write_statement(history, &sql, which);
    const char *text = tacho__buffer_text(&sql);
    int result = text ? sqlite3_prepare_v3(history->db, text, (int)sql.length, SQLITE_PREPARE_PERSISTENT, kept, NULL)
                      : SQLITE_NOMEM;
    tacho__buffer_free(&sql);
    tacho__store_fail(history, result);
    return *kept;
}

tacho_status tacho__store_run(tacho_history *history, sqlite3_stmt *statement) {
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    int result = sqlite3_step(statement);
    tacho_status status = tacho__store_fail(history, result);
    sqlite3_reset(statement);
    return status;
}

/* Another process may have made the tables since: whoever has the transaction sees for itself. */
tacho_status tacho__store_look(tacho_history *history) {
    int empty = history->empty;
    tacho_status status = empty ? tacho__schema_check(history->db, &empty) : TACHO_OK;
    history->empty = empty;
    return status;
}

bool tacho__store_ready(tacho_history *history) {
    return tacho__store_look(history) == TACHO_OK && !history->empty;
}

static tacho_status begin(tacho_history *history) {
    tacho_status status = tacho__store_run(history, tacho__store_use(history, TACHO__STORE_BEGIN));
    if (status != TACHO_OK) {
        return status;
    }
    history->in_transaction = true;
    history->created = false;
    status = tacho__store_look(history);
    if (status == TACHO_OK && history->empty) {
        status = tacho__schema_create(history->db);
        history->created = status == TACHO_OK;
        history->empty = !history->created;
    }
    return status;
}

/* By the name that SQLite has for the file, which is absolute: the working directory may have changed. */
static tacho_status take_lock(tacho_history *history) {
    const char *path = sqlite3_db_filename(history->db, "main");
    return tacho__lock_take(path, history->wait_ms, &history->lock_fd, &history->lock_fd);
}

tacho_status tacho__store_begin(tacho_history *history) {
    if (history->read_only) {
        return TACHO_DENIED;
    }
    tacho_status status = take_lock(history);
    if (status != TACHO_OK) {
        snprintf(history->problem, sizeof history->problem, "%s",
                 status == TACHO_BUSY ? "another process writes this history" : "its lock file cannot be used");
        return status;
    }
    tacho__size_signal_hold(&history->size_signal);
    status = begin(history);
    if (status != TACHO_OK && history->in_transaction) {
        return tacho__store_finish(history, status);
    }
    if (status != TACHO_OK) {
        tacho__size_signal_let_go(&history->size_signal);
        tacho__lock_give(&history->lock_fd);
    }
    return status;
}

/* What was made and announced in the transaction is gone. */
static void roll_back(tacho_history *history) {
    sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
    history->units = 0;
    history->empty = history->empty || history->created;
}

/* A statement that stands on a row keeps its read lock beyond COMMIT, and other programs from writing. */
static void end_reading(tacho_history *history) {
    for (int i = 0; i < TACHO__STORE_STATEMENT_COUNT; i++) {
        sqlite3_reset(history->statements[i]);
    }
}

tacho_status tacho__store_finish(tacho_history *history, tacho_status status) {
    if (!history->in_transaction) {
        return status;
    }
    end_reading(history);
    if (status == TACHO_OK) {
        status = tacho__store_run(history, tacho__store_use(history, TACHO__STORE_COMMIT));
    }
    if (!sqlite3_get_autocommit(history->db)) {
        roll_back(history);
    }
    history->in_transaction = false;
    tacho__size_signal_let_go(&history->size_signal);
    tacho__lock_give(&history->lock_fd);
    return status;
}

int64_t tacho__store_data_version(tacho_history *history) {
    sqlite3_stmt *statement = tacho__store_use(history, TACHO__STORE_DATA_VERSION);
    int64_t version = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (statement) {
        sqlite3_reset(statement);
    }
    return version;
}

tacho_status tacho__store_units(tacho_history *history, uint32_t *units) {
    sqlite3_stmt *statement = tacho__store_use(history, TACHO__STORE_UNITS);
    int result = history->result;
    while (statement && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        int unit = name ? tacho_unit_find(name) : -1;
        history->units |= unit < 0 ? 0 : TACHO_UNIT_BIT(unit);
    }
    if (statement) {
        sqlite3_reset(statement);
    }
    *units = history->units;
    return tacho__store_fail(history, result);
}

/* Before the first row of a unit: says in the file that there is such a unit. */
static tacho_status announce_units(tacho_history *history, uint32_t present) {
    tacho_status status = TACHO_OK;
    for (int unit = 0; unit < TACHO_UNIT_COUNT && status == TACHO_OK; unit++) {
        sqlite3_stmt *statement;
        if (!(present & ~history->units & TACHO_UNIT_BIT(unit))) {
            continue;
        }
        statement = tacho__store_use(history, TACHO__STORE_UNIT_PUT);
        if (statement) {
            sqlite3_bind_text(statement, 1, tacho_unit_describe((tacho_unit)unit)->field, -1, SQLITE_STATIC);
        }
        status = statement ? tacho__store_run(history, statement) : tacho__store_fail(history, history->result);
    }
    if (status == TACHO_OK) {
        history->units |= present;
    }
    return status;
}

static tacho_status write_row(tacho_history *history, tacho__store_statement which, const tacho__history_row *row) {
    tacho_status status = announce_units(history, row->view.present);
    sqlite3_stmt *statement = status == TACHO_OK ? tacho__store_use(history, which) : NULL;
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    tacho__history_row noted = *row;
    tacho__notes_write(&row->view, &history->notes_out);
    noted.notes = history->notes_out.length ? history->notes_out.data : NULL;
    noted.notes_length = history->notes_out.length;
    tacho__tags_write(&row->view, &history->tags_out);
    noted.tags = row->view.tag_count > 0 ? tacho__buffer_text(&history->tags_out) : NULL;
    const bool failed = history->notes_out.failed || history->tags_out.failed;
    int result = failed ? SQLITE_NOMEM : tacho__columns_bind(statement, &noted);
    return result == SQLITE_OK ? tacho__store_run(history, statement) : tacho__store_fail(history, result);
}

tacho_status tacho__store_put(tacho_history *history, const tacho__history_row *row) {
    return write_row(history, TACHO__STORE_PUT, row);
}

tacho_status tacho__store_add(tacho_history *history, const tacho__history_row *row) {
    return write_row(history, TACHO__STORE_ADD, row);
}

/* A kept statement with (source, second) bound; the texts have to live until it is reset. */
static sqlite3_stmt *use_keyed(tacho_history *history, tacho__store_statement which, const char *source,
                               const char *second) {
    sqlite3_stmt *statement = tacho__store_use(history, which);
    if (statement) {
        sqlite3_bind_text(statement, 1, source, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    }
    return statement;
}

tacho_status tacho__store_place(tacho_history *history, const tacho__history_row *row) {
    const tacho_record_view *view = &row->view;
    sqlite3_stmt *statement = use_keyed(history, TACHO__STORE_PLACE, view->source, view->source_id);
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    sqlite3_bind_text(statement, 3, view->parent_id, -1, SQLITE_STATIC); /* NULL binds NULL */
    if (view->context_size < 0) {
        sqlite3_bind_null(statement, 4);
    } else {
        sqlite3_bind_int64(statement, 4, view->context_size);
    }
    sqlite3_bind_int64(statement, 5, view->compressions);
    sqlite3_bind_int64(statement, 6, view->low_confidence);
    return tacho__store_run(history, statement);
}

tacho_status tacho__store_find(tacho_history *history, const char *source, const char *source_id,
                               tacho__history_row *row) {
    sqlite3_stmt *statement = use_keyed(history, TACHO__STORE_FIND, source, source_id);
    int result = statement ? sqlite3_step(statement) : history->result;
    if (result == SQLITE_ROW) {
        tacho__columns_read(statement, &history->whole, row);
    }
    return result == SQLITE_DONE ? TACHO_NOT_FOUND : tacho__store_fail(history, result);
}

tacho_status tacho__store_remove(tacho_history *history, const char *source, const char *source_id) {
    return tacho__store_run(history, use_keyed(history, TACHO__STORE_REMOVE, source, source_id));
}

tacho_status tacho__store_of_session(tacho_history *history, const char *source, const char *session,
                                     tacho__store_row_visit visit, void *context) {
    sqlite3_stmt *statement = use_keyed(history, TACHO__STORE_OF_SESSION, source, session);
    int result = history->result;
    tacho_status status = TACHO_OK;
    while (statement && status == TACHO_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        tacho__history_row row;
        tacho__columns_read(statement, &history->whole, &row);
        status = visit(context, &row);
    }
    if (status == TACHO_OK) {
        status = tacho__store_fail(history, result);
    }
    if (statement) {
        sqlite3_reset(statement);
    }
    return status;
}
