#include "history/store.h"

static sqlite3_stmt *use(tacho_history *history, tacho__store_statement which, const tacho__progress *progress) {
    sqlite3_stmt *statement = tacho__store_use(history, which);
    if (statement) {
        sqlite3_bind_text(statement, 1, progress->source, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, progress->file, -1, SQLITE_STATIC);
    }
    return statement;
}

/* SQLite has signed 64-bit integers only; inodes and hashes are the same bits there. */
tacho_status tacho__progress_put(tacho_history *history, const tacho__progress *progress) {
    sqlite3_stmt *statement = use(history, TACHO__STORE_PROGRESS_PUT, progress);
    const uint64_t numbers[] = {progress->inode,      progress->offset, progress->head_hash,
                                progress->head_bytes, progress->lines,  progress->pending};
    if (!statement) {
        return tacho__store_fail(history, history->result);
    }
    for (int i = 0; i < 6; i++) {
        sqlite3_bind_int64(statement, 3 + i, (sqlite3_int64)numbers[i]);
    }
    return tacho__store_run(history, statement);
}

tacho_status tacho__progress_find(tacho_history *history, tacho__progress *progress) {
    sqlite3_stmt *statement = use(history, TACHO__STORE_PROGRESS_FIND, progress);
    uint64_t *const numbers[] = {&progress->inode,      &progress->offset, &progress->head_hash,
                                 &progress->head_bytes, &progress->lines,  &progress->pending};
    int result = statement ? sqlite3_step(statement) : history->result;
    for (int i = 0; result == SQLITE_ROW && i < 6; i++) {
        *numbers[i] = (uint64_t)sqlite3_column_int64(statement, i);
    }
    if (statement) {
        sqlite3_reset(statement);
    }
    return result == SQLITE_DONE ? TACHO_NOT_FOUND : tacho__store_fail(history, result);
}
