#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "history_dump.h"

#include "base/buffer.h"

#include <sqlite3.h>

static sqlite3 *open_file(const char *path) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

static void dump_rows(sqlite3 *db, const char *sql, tacho__buffer *out) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            const char *name = sqlite3_column_name(statement, i);
            if (text && strcmp(name, "key") != 0) {
                tacho__buffer_string(out, name);
                tacho__buffer_byte(out, '=');
                tacho__buffer_string(out, text);
                tacho__buffer_byte(out, ' ');
            }
        }
        tacho__buffer_byte(out, '\n');
    }
    sqlite3_finalize(statement);
}

char *history_dump(const char *path) {
    tacho__buffer out = TACHO__BUFFER_INIT;
    sqlite3 *db = open_file(path);
    dump_rows(db, "SELECT * FROM record ORDER BY source, source_id", &out);
    dump_rows(db, "SELECT * FROM mark ORDER BY source, kind, source_id", &out);
    sqlite3_close(db);
    assert_non_null(tacho__buffer_text(&out));
    return out.data;
}

long long history_number(const char *path, const char *sql) {
    sqlite3_stmt *statement = NULL;
    long long number = -1;
    sqlite3 *db = open_file(path);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}
