/**
 * The store behind history.h: rows, marks and reading positions in one SQLite file. A handle belongs to one thread at a
 * time. Writers call tacho__store_begin, any number of put and remove calls, tacho__store_commit; readers need nothing.
 */
#ifndef TACHO_HISTORY_STORE_H
#define TACHO_HISTORY_STORE_H

#include "base/size_signal.h"
#include "history/columns.h"
#include "history/notes.h"
#include "history/tags.h"

#include <stdbool.h>
#include <tachograph/history.h>

/** Source of records that were made here and not imported: their ids are random and unique, so they are the key. */
#define TACHO__SOURCE_LIVE "live"
/** Room for the version of a price table, with its NUL. A record's price_sheet is "version/sheet". */
#define TACHO__PRICE_TABLE_TEXT 64

/* Every statement that is prepared once and kept. X(name) */
#define TACHO__STORE_STATEMENTS(X)                                                                                     \
    X(PUT)                                                                                                             \
    X(ADD)                                                                                                             \
    X(PLACE)                                                                                                           \
    X(FIND)                                                                                                            \
    X(REMOVE)                                                                                                          \
    X(OF_SESSION)                                                                                                      \
    X(UNIT_PUT)                                                                                                        \
    X(UNITS)                                                                                                           \
    X(MARK_PUT)                                                                                                        \
    X(MARK_FIND)                                                                                                       \
    X(MARK_REMOVE)                                                                                                     \
    X(MARK_OF_SESSION)                                                                                                 \
    X(PROGRESS_PUT)                                                                                                    \
    X(PROGRESS_FIND)                                                                                                   \
    X(DATA_VERSION)                                                                                                    \
    X(BEGIN)                                                                                                           \
    X(COMMIT)

typedef enum tacho__store_statement {
#define X(name) TACHO__STORE_##name,
    TACHO__STORE_STATEMENTS(X)
#undef X
        TACHO__STORE_STATEMENT_COUNT
} tacho__store_statement;

struct tacho_history {
    sqlite3 *db;
    int lock_fd; /* of the sidecar lock while it is held; -1 */
    bool read_only;
    int wait_ms;                    /* for others who write */
    tacho__size_signal size_signal; /* held while SQLite may write */
    int result;                     /* of SQLite, of the last failure */
    bool in_transaction;
    bool empty;              /* the file has no tables yet: the first transaction makes them */
    bool created;            /* this transaction made them */
    tacho__buffer notes_out; /* of the row being written */
    tacho__notes notes_in;   /* of the row being read */
    tacho__buffer tags_out;
    tacho__stored_tags tags_in;
    uint32_t units;         /* that the file says it has: bits written or read by this handle */
    tacho__selection whole; /* all columns */
    sqlite3_stmt *statements[TACHO__STORE_STATEMENT_COUNT]; /* prepared at first use */
    char problem[256];                                      /* of the last failure; "" = none */
    char prices[TACHO__PRICE_TABLE_TEXT];                   /* answer of tacho_history_prices */
};

/** tacho_history_open, with how long the handle waits for others who write, also in here, in place of 2 s. */
tacho_status tacho__history_open(tacho_history **out, const char *path, uint32_t flags, int wait_ms);
/** Keeps SQLite's words for the failure `result` and gives our status for it. TACHO_OK for OK, ROW and DONE. */
tacho_status tacho__store_fail(tacho_history *history, int result);
/** The kept statement, prepared and reset; NULL (and a problem) on failure. */
sqlite3_stmt *tacho__store_use(tacho_history *history, tacho__store_statement which);
/** Runs a kept statement to its end and resets it. */
tacho_status tacho__store_run(tacho_history *history, sqlite3_stmt *statement);

/**
 * True if there are tables to read from. A file without any is a history in which nothing is; the first transaction
 * makes them, so that what a new file costs in waiting for the disk is paid once.
 */
bool tacho__store_ready(tacho_history *history);
/** Sets history->empty as the file is now. TACHO_OK; else nobody knows: damaged, locked for too long. */
tacho_status tacho__store_look(tacho_history *history);
/** Takes the sidecar lock and begins a transaction. TACHO_OK; TACHO_BUSY (somebody held it for 2 s); TACHO_DENIED; ...
 */
tacho_status tacho__store_begin(tacho_history *history);
/** Commits (or, with a bad `status`, rolls back) and gives the lock back. Returns `status`, or why the commit failed.
 */
tacho_status tacho__store_finish(tacho_history *history, tacho_status status);
/** A number that changes when another connection has changed the file; 0 on failure. */
int64_t tacho__store_data_version(tacho_history *history);

/** Units that any stored row reported; a reader asks for these columns only. TACHO_OK or why it could not be read. */
tacho_status tacho__store_units(tacho_history *history, uint32_t *units);

/** Stores a row as it is, in place of one with the same key. */
tacho_status tacho__store_put(tacho_history *history, const tacho__history_row *row);
/** Adds a row, or fills what the one with the same key did not know. */
tacho_status tacho__store_add(tacho_history *history, const tacho__history_row *row);
/** Changes of a stored row only what depends on its neighbours: parent, context size, compressions, low confidence. */
tacho_status tacho__store_place(tacho_history *history, const tacho__history_row *row);
/** TACHO_OK or TACHO_NOT_FOUND. Texts of `row` live until the next call with this handle. */
tacho_status tacho__store_find(tacho_history *history, const char *source, const char *source_id,
                               tacho__history_row *row);
tacho_status tacho__store_remove(tacho_history *history, const char *source, const char *source_id);

/** Calls `visit` for each row of a source and session; a status other than TACHO_OK from it ends the walk. */
typedef tacho_status (*tacho__store_row_visit)(void *context, const tacho__history_row *row);
tacho_status tacho__store_of_session(tacho_history *history, const char *source, const char *session,
                                     tacho__store_row_visit visit, void *context);

/** What an importer read that is no operation. Texts NULL = unknown, time 0 = unknown. */
typedef struct tacho__mark {
    const char *source, *source_id, *kind; /* the key */
    const char *session, *agent, *value;
    int64_t at_ns;
} tacho__mark;

tacho_status tacho__mark_put(tacho_history *history, const tacho__mark *mark);
/** `mark` has its key; the rest is filled. TACHO_OK or TACHO_NOT_FOUND. Texts live until the next call. */
tacho_status tacho__mark_find(tacho_history *history, tacho__mark *mark);
tacho_status tacho__mark_remove(tacho_history *history, const tacho__mark *mark);
typedef tacho_status (*tacho__mark_visit)(void *context, const tacho__mark *mark);
tacho_status tacho__mark_of_session(tacho_history *history, const char *source, const char *session,
                                    tacho__mark_visit visit, void *context);

/** How far a file was read. The head is what says whether it is still the same file. */
typedef struct tacho__progress {
    const char *source, *file; /* the key */
    uint64_t inode;
    uint64_t offset;    /* bytes that are done with: always the start of a line */
    uint64_t head_hash; /* of the first head_bytes bytes */
    uint64_t head_bytes;
    uint64_t lines;   /* lines before offset */
    uint64_t pending; /* bytes behind offset that wait for their line end */
} tacho__progress;

tacho_status tacho__progress_put(tacho_history *history, const tacho__progress *progress);
/** `progress` has its key; the rest is filled. TACHO_OK or TACHO_NOT_FOUND. */
tacho_status tacho__progress_find(tacho_history *history, tacho__progress *progress);

#endif
