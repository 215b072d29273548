/** Opening and closing a history file, and adding to it. What is read out of it is in select.c. */
#include <tachograph/history.h>

#include "base/folders.h"
#include "base/memory.h"
#include "history/in_use.h"
#include "history/lock.h"
#include "history/migrate.h"
#include "history/schema.h"
#include "history/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local char open_problem[256];

/*
 * SQLite would make the file with mode 0644. O_EXCL makes it sure that what is closed here is a new file, which no
 * connection of this process can have open: closing any other descriptor of it would drop SQLite's locks.
 */
static tacho_status make_file(const char *path) {
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST) {
        return errno == EACCES || errno == EPERM || errno == EROFS ? TACHO_DENIED : TACHO_IO;
    }
    return TACHO_OK;
}

static tacho_status open_failed(tacho_history *history, tacho_status status, const char *why) {
    if (why) {
        snprintf(open_problem, sizeof open_problem, "%s", why);
    }
    tacho_history_close(history);
    return status;
}

static const char *why(tacho_status status, sqlite3 *db) {
    switch (status) {
    case TACHO_FOREIGN:
        return "the file is not a history of tachograph";
    case TACHO_NEWER:
        return "the file was written by a newer version of tachograph";
    case TACHO_UNSUPPORTED:
        return "the file has an older layout, and bringing it up to date needs permission to write to it and beside it";
    case TACHO_DAMAGED:
        return "the file is damaged";
    default:
        return db ? sqlite3_errmsg(db) : tacho_status_text(status);
    }
}

/*
 * A writer that was killed leaves its journal: until somebody who may write has put the file back, nobody may read it.
 * A reader opens it for writing for that, and for nothing else.
 */
static void roll_back(const char *path, int wait_ms) {
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL) ==
        SQLITE_OK) {
        sqlite3_busy_timeout(db, wait_ms);
        sqlite3_exec(db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
    }
    sqlite3_close(db);
}

static tacho_status open_checked(tacho_history *history, const char *path, uint32_t flags) {
    bool read_only = (flags & TACHO_HISTORY_READ_ONLY) != 0;
    int mode = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX |
               SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
    int empty = 0;
    int result = sqlite3_open_v2(path, &history->db, mode, NULL);
    if (result != SQLITE_OK) {
        return tacho__schema_status(result);
    }
    sqlite3_busy_timeout(history->db, history->wait_ms);
    tacho_status status = tacho__schema_check(history->db, &empty);
    if (read_only && sqlite3_extended_errcode(history->db) == SQLITE_READONLY_ROLLBACK) {
        roll_back(path, history->wait_ms);
        status = tacho__schema_check(history->db, &empty);
    }
    if (status == TACHO_UNSUPPORTED) {
        tacho_status migrated = tacho__migrate(path, history->wait_ms);
        status = migrated == TACHO_OK ? tacho__schema_check(history->db, &empty) : migrated;
        status = status == TACHO_DENIED ? TACHO_UNSUPPORTED : status;
    }
    if (status != TACHO_OK) {
        return status;
    }
    history->empty = empty;
    if (!read_only) {
        status = tacho__lock_try(path);
    }
    return status == TACHO_OK ? tacho__schema_configure(history->db, read_only, empty) : status;
}

tacho_status tacho_history_open(tacho_history **out, const char *path, uint32_t flags) {
    return tacho__history_open(out, path, flags, TACHO__LOCK_WAIT_MS);
}

tacho_status tacho__history_open(tacho_history **out, const char *path, uint32_t flags, int wait_ms) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    open_problem[0] = 0;
    if (!path || !*path) {
        return TACHO_INVALID;
    }
    if (tacho__sqlite_is_lost()) {
        return open_failed(NULL, TACHO_UNSUPPORTED, "SQLite was in use when this process was forked");
    }
    struct stat info;
    bool missing = stat(path, &info) != 0;
    if (missing && (flags & TACHO_HISTORY_READ_ONLY)) {
        return open_failed(NULL, TACHO_NOT_FOUND, "there is no such file");
    }
    if (!missing && !S_ISREG(info.st_mode)) {
        return open_failed(NULL, TACHO_FOREIGN, "it is not a regular file");
    }
    tacho_status status = missing && (flags & TACHO_HISTORY_MAKE_FOLDER) ? tacho__make_folders(path) : TACHO_OK;
    if (status == TACHO_OK && missing) {
        status = make_file(path);
    }
    if (status != TACHO_OK) {
        return open_failed(NULL, status, strerror(errno));
    }
    tacho_history *history = tacho__calloc(1, sizeof *history);
    if (!history) {
        return TACHO_NOMEM;
    }
    history->lock_fd = -1;
    history->wait_ms = wait_ms;
    history->read_only = (flags & TACHO_HISTORY_READ_ONLY) != 0;
    tacho__selection_all(&history->whole);
    tacho__size_signal_hold(&history->size_signal); /* a file of an older layout is written, and an interrupted one */
    status = open_checked(history, path, flags);
    tacho__size_signal_let_go(&history->size_signal);
    if (status != TACHO_OK) {
        return open_failed(history, status, why(status, history->db));
    }
    *out = history;
    return TACHO_OK;
}

void tacho_history_close(tacho_history *history) {
    if (!history) {
        return;
    }
    tacho__store_finish(history, TACHO_STOPPED);
    for (int i = 0; i < TACHO__STORE_STATEMENT_COUNT; i++) {
        sqlite3_finalize(history->statements[i]);
    }
    sqlite3_close(history->db);
    tacho__buffer_free(&history->notes_out);
    tacho__notes_free(&history->notes_in);
    tacho__buffer_free(&history->tags_out);
    tacho__stored_tags_free(&history->tags_in);
    tacho__free(history);
}

const char *tacho_history_problem(const tacho_history *history) {
    return history ? history->problem : open_problem;
}

static tacho_status add_view(tacho_history *history, const tacho_record_view *view) {
    tacho__history_row row;
    size_t size = view->struct_size < sizeof row.view ? view->struct_size : sizeof row.view;
    tacho__history_row_init(&row);
    memcpy(&row.view, view, size);
    row.view.struct_size = (uint32_t)sizeof row.view;
    if (!row.view.source) {
        row.view.source = TACHO__SOURCE_LIVE;
    }
    if (!row.view.source_id) {
        row.view.source_id = row.view.id;
    }
    if (!row.view.source_id || !row.view.kind) {
        return TACHO_INVALID;
    }
    return tacho__store_add(history, &row);
}

tacho_status tacho_history_add(tacho_history *history, const tacho_record_view *records, size_t count) {
    if (!history || (!records && count)) {
        return TACHO_INVALID;
    }
    tacho_status status = tacho__store_begin(history);
    for (size_t i = 0; i < count && status == TACHO_OK; i++) {
        status = add_view(history, &records[i]);
    }
    return tacho__store_finish(history, status);
}

tacho_status tacho_history_add_snapshot(tacho_history *history, const tacho_snapshot *snapshot) {
    tacho_records *records = NULL;
    tacho_query all = TACHO_QUERY_INIT;
    all.all_kinds = 1;
    if (!history || !snapshot) {
        return TACHO_INVALID;
    }
    tacho_status status = tacho_snapshot_records(snapshot, &all, &records);
    if (status == TACHO_OK) {
        status = tacho_history_add(history, records->records, records->count);
    }
    tacho_records_free(records);
    return status;
}
