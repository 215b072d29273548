#include "history/store.h"

static void bind_text(sqlite3_stmt *statement, int place, const char *text) {
    if (text) {
        sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(statement, place);
    }
}

static sqlite3_stmt *use(tacho_history *history, tacho__store_statement which, const tacho__mark *mark) {
    sqlite3_stmt *statement = tacho__store_use(history, which);
    if (statement) {
        bind_text(statement, 1, mark->source);
        bind_text(statement, 2, mark->source_id);
        bind_text(statement, 3, mark->kind);
    }
    return statement;
}

static void read_mark(sqlite3_stmt *statement, tacho__mark *mark) {
    const char **texts[] = {&mark->source, &mark->source_id, &mark->kind, &mark->session, &mark->agent, &mark->value};
    for (int i = 0; i < 6; i++) {
        *texts[i] = (const char *)sqlite3_column_text(statement, i);
    }
    mark->at_ns = sqlite3_column_int64(statement, 6);
}

tacho_status tacho__mark_put(tacho_history *history, const tacho__mark *mark) {
    sqlite3_stmt *statement = use(history, TACHO__STORE_MARK_PUT, mark);
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    bind_text(statement, 4, mark->session);
    bind_text(statement, 5, mark->agent);
    bind_text(statement, 6, mark->value);
    if (mark->at_ns) {
        sqlite3_bind_int64(statement, 7, mark->at_ns);
    } else {
        sqlite3_bind_null(statement, 7);
    }
    return tacho__store_run(history, statement);
}

tacho_status tacho__mark_find(tacho_history *history, tacho__mark *mark) {
    sqlite3_stmt *statement = use(history, TACHO__STORE_MARK_FIND, mark);
    int result = statement ? sqlite3_step(statement) : history->result;
    if (result == SQLITE_ROW) {
        read_mark(statement, mark);
    }
    return result == SQLITE_DONE ? TACHO_NOT_FOUND : tacho__store_fail(history, result);
}

tacho_status tacho__mark_remove(tacho_history *history, const tacho__mark *mark) {
    return tacho__store_run(history, use(history, TACHO__STORE_MARK_REMOVE, mark));
}

tacho_status tacho__mark_of_session(tacho_history *history, const char *source, const char *session,
                                    tacho__mark_visit visit, void *context) {
    sqlite3_stmt *statement = tacho__store_use(history, TACHO__STORE_MARK_OF_SESSION);
    int result = history->result;
    tacho_status status = TACHO_OK;
    if (statement) {
        bind_text(statement, 1, source);
        bind_text(statement, 2, session);
    }
    while (statement && status == TACHO_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        tacho__mark mark;
        read_mark(statement, &mark);
        status = visit(context, &mark);
    }
    if (status == TACHO_OK) {
        status = tacho__store_fail(history, result);
    }
    if (statement) {
        sqlite3_reset(statement);
    }
    return status;
}
