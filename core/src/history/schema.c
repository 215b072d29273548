/**
 * Layout 3. `record`: one finished operation each, keyed by (source, source_id), NULL = unknown (semantics 56). `mark`:
 * what an importer read that is no operation itself but decides about others: prompts, compactions, results whose call
 * was not read yet. `progress`: how far each log file was read. The views carry the names of the JSON output.
 */
#include "history/schema.h"

#include "history/columns.h"

#include <stdlib.h>
#include <string.h>

/* The id stands first in the key: keys then differ in their first column, and comparing them is quicker by half. */
static const char tables[] =
    "CREATE UNIQUE INDEX record_key ON record(source_id, source);"
    "CREATE INDEX record_session ON record(session, ended_at_ns);"
    "CREATE INDEX record_ended ON record(ended_at_ns);"
    "CREATE TABLE unit(name TEXT PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TABLE mark(source TEXT NOT NULL, source_id TEXT NOT NULL, kind TEXT NOT NULL, session TEXT, agent TEXT,"
    " at_ns INTEGER, value TEXT, PRIMARY KEY(source, source_id, kind)) WITHOUT ROWID;"
    "CREATE INDEX mark_session ON mark(session);"
    "CREATE TABLE progress(source TEXT NOT NULL, file TEXT NOT NULL, inode INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " head_hash INTEGER NOT NULL, head_bytes INTEGER NOT NULL, lines INTEGER NOT NULL, pending INTEGER NOT NULL,"
    " PRIMARY KEY(source, file)) WITHOUT ROWID;";

/* Exact decimals out of integers, in SQL: 24818943200000 pico-USD is '24.8189432'. */
#define USD(column)                                                                                                    \
    "CASE WHEN " column " IS NULL THEN NULL ELSE rtrim(rtrim(printf('%s%d.%012d', iif(" column                         \
    "<0,'-',''), abs(" column ")/1000000000000, abs(" column ")%1000000000000), '0'), '.') END"
#define TIME(column) "strftime('%Y-%m-%dT%H:%M:%fZ', " column "/1000/1000/1000.0, 'unixepoch')"

static const char views[] =
    "CREATE VIEW records AS SELECT id, parent_id, trace_id, session, operation, kind, provider, model, requested_model,"
    " tool, agent, outcome, error_category, error_type, " TIME("started_at_ns") " AS started_at, " TIME(
        "ended_at_ns") " AS ended_at, duration_ns/1e9 AS seconds, estimated, first_token_ns/1e9 AS first_token_seconds,"
                       " input AS input_tokens, cache_read AS cache_read_tokens, cache_write AS cache_write_tokens,"
                       " cache_write_1h AS cache_write_1h_tokens, output AS output_tokens,"
                       " reasoning AS reasoning_tokens, web_searches, total_tokens, " USD(
                           "cost_pusd") " AS cost_usd, cost_state, low_confidence, retries, interventions, warnings,"
                                        " error_count, tool_calls, context_size, context_limit, compressions, weight,"
                                        " service_tier, region, tags, source, source_id FROM record;"
                                        "CREATE VIEW calls AS SELECT * FROM records"
                                        " WHERE kind IN ('llm', 'embedding');";

tacho_status tacho__schema_status(int result) {
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return TACHO_OK;
    case SQLITE_NOMEM:
        return TACHO_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TACHO_BUSY;
    case SQLITE_NOTADB:
        return TACHO_FOREIGN;
    case SQLITE_CORRUPT:
        return TACHO_DAMAGED;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return TACHO_DENIED;
    default:
        return TACHO_IO;
    }
}

static tacho_status read_number(sqlite3 *db, const char *sql, int64_t *number) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? TACHO_OK : result == SQLITE_DONE ? TACHO_DAMAGED : tacho__schema_status(result);
}

/* TACHO_DAMAGED where a column of ours is not there. */
static tacho_status check_columns(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int result = sql ? sqlite3_prepare_v2(db, sql, -1, &statement, NULL) : SQLITE_NOMEM;
    sqlite3_finalize(statement);
    return (result & 0xff) == SQLITE_ERROR ? TACHO_DAMAGED : tacho__schema_status(result);
}

static tacho_status check_tables(sqlite3 *db) {
    static const char *const others[] = {"SELECT source, source_id, kind, session, agent, at_ns, value FROM mark",
                                         ("SELECT source, file, inode, offset, head_hash, head_bytes, lines, pending"
                                          " FROM progress"),
                                         "SELECT name FROM unit"};
    tacho__buffer sql = TACHO__BUFFER_INIT;
    tacho__selection whole;
    tacho__selection_all(&whole);
    tacho__buffer_string(&sql, "SELECT key, ");
    tacho__columns_list(&sql, &whole);
    tacho__buffer_string(&sql, " FROM record");
    tacho_status status = check_columns(db, tacho__buffer_text(&sql));
    tacho__buffer_free(&sql);
    for (size_t i = 0; i < sizeof others / sizeof others[0] && status == TACHO_OK; i++) {
        status = check_columns(db, others[i]);
    }
    return status;
}

static tacho_status check(sqlite3 *db, int *empty) {
    int64_t application = 0, version = 0, objects = 0;
    *empty = 0;
    tacho_status status = read_number(db, "PRAGMA application_id", &application);
    if (status == TACHO_OK) {
        status = read_number(db, "PRAGMA user_version", &version);
    }
    if (status == TACHO_OK) {
        status = read_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
    }
    if (status != TACHO_OK) {
        return status;
    }
    if (application == 0 && version == 0 && objects == 0) {
        *empty = 1;
        return TACHO_OK;
    }
    if (application != TACHO__HISTORY_APPLICATION_ID) {
        return TACHO_FOREIGN;
    }
    if (version > TACHO__HISTORY_VERSION) {
        return TACHO_NEWER;
    }
    if (version > 0 && version < TACHO__HISTORY_VERSION) {
        return TACHO_UNSUPPORTED;
    }
    status = read_number(db,
                         "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name IN"
                         " ('record', 'mark', 'progress', 'unit')",
                         &objects);
    if (status == TACHO_OK && (objects != 4 || version != TACHO__HISTORY_VERSION)) {
        status = TACHO_DAMAGED;
    }
    return status == TACHO_OK ? check_tables(db) : status;
}

/*
 * Between two questions somebody else may have made the tables, all of them in one transaction: whoever looks once more
 * sees them whole. Not in a transaction of our own: its end would wipe out what SQLite says of a failure.
 */
tacho_status tacho__schema_check(sqlite3 *db, int *empty) {
    tacho_status status = check(db, empty);
    return status == TACHO_FOREIGN || status == TACHO_DAMAGED ? check(db, empty) : status;
}

tacho_status tacho__schema_create(sqlite3 *db) {
    tacho__buffer sql = TACHO__BUFFER_INIT;
    tacho__buffer_string(&sql, "PRAGMA application_id=");
    tacho__buffer_int(&sql, TACHO__HISTORY_APPLICATION_ID);
    tacho__buffer_string(&sql, "; PRAGMA user_version=");
    tacho__buffer_int(&sql, TACHO__HISTORY_VERSION);
    tacho__buffer_string(&sql, "; CREATE TABLE record(key INTEGER PRIMARY KEY, ");
    tacho__columns_declare(&sql);
    tacho__buffer_string(&sql, ");");
    tacho__buffer_string(&sql, tables);
    tacho__buffer_string(&sql, views);
    const char *text = tacho__buffer_text(&sql);
    int result = text ? sqlite3_exec(db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
    tacho__buffer_free(&sql);
    return tacho__schema_status(result);
}

tacho_status tacho__schema_layout(sqlite3 *db, int64_t *layout) {
    return read_number(db, "PRAGMA user_version", layout);
}

/* What each layout is made the next one by; the views are made anew at the end. */
static const char *const upgrades[TACHO__HISTORY_VERSION] = {
    [1] = "ALTER TABLE record ADD COLUMN service_tier TEXT;"
          "ALTER TABLE record ADD COLUMN region TEXT;"
          "DROP INDEX record_key;"
          "CREATE UNIQUE INDEX record_key ON record(source_id, source);",
    [2] = "ALTER TABLE record ADD COLUMN tags TEXT;",
};

tacho_status tacho__schema_upgrade(sqlite3 *db, int64_t layout) {
    tacho__buffer sql = TACHO__BUFFER_INIT;
    tacho__buffer_string(&sql, "BEGIN IMMEDIATE; DROP VIEW IF EXISTS calls; DROP VIEW IF EXISTS records;");
    for (int64_t from = layout; from > 0 && from < TACHO__HISTORY_VERSION; from++) {
        tacho__buffer_string(&sql, upgrades[from]);
    }
    tacho__buffer_string(&sql, views);
    tacho__buffer_string(&sql, "PRAGMA user_version=");
    tacho__buffer_int(&sql, TACHO__HISTORY_VERSION);
    tacho__buffer_string(&sql, "; COMMIT");
    const char *text = tacho__buffer_text(&sql);
    int result = text ? sqlite3_exec(db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
    tacho__buffer_free(&sql);
    if (result != SQLITE_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return (result & 0xff) == SQLITE_ERROR ? TACHO_DAMAGED : tacho__schema_status(result);
}

/* A PRAGMA that does not take says nothing: only the row that it (or its question) returns tells. */
static tacho_status set_pragma(sqlite3 *db, const char *set, const char *ask, const char *expected) {
    sqlite3_stmt *statement = NULL;
    int result = set ? sqlite3_exec(db, set, NULL, NULL, NULL) : SQLITE_OK;
    if (result == SQLITE_OK) {
        result = sqlite3_prepare_v2(db, ask, -1, &statement, NULL);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    const char *answer = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    tacho_status status = tacho__schema_status(result);
    if (status == TACHO_OK && (!answer || strcmp(answer, expected) != 0)) {
        status = TACHO_IO; /* it did not take, or this SQLite does not know it and has no row */
    }
    sqlite3_finalize(statement);
    return status;
}

tacho_status tacho__schema_configure(sqlite3 *db, int read_only, int empty) {
    static const char *const pragmas[][3] = {
        {"PRAGMA trusted_schema=OFF", "PRAGMA trusted_schema", "0"},
        {"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"},
        {"PRAGMA synchronous=NORMAL", "PRAGMA synchronous", "1"},
        {"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2"},
        {"PRAGMA cache_size=-8192", "PRAGMA cache_size", "-8192"},
    };
    tacho_status status = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK ? TACHO_OK : TACHO_IO;
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0] && status == TACHO_OK; i++) {
        status = set_pragma(db, pragmas[i][0], pragmas[i][1], pragmas[i][2]);
    }
    if (status == TACHO_OK && empty) {
        status = set_pragma(db, "PRAGMA page_size=16384", "PRAGMA page_size", "16384");
    }
    /* Semantics 36: this SQLite may lose pages in WAL with several processes, so the rollback journal it is. */
    if (status == TACHO_OK && !read_only) {
        status = set_pragma(db, NULL, "PRAGMA journal_mode=DELETE", "delete");
    }
    return status;
}
