/**
 * The columns of the table `record`, once: the statements that create, fill and read it are made from this list, so a
 * column cannot be written in one place and forgotten in another.
 */
#ifndef TACHO_HISTORY_COLUMNS_H
#define TACHO_HISTORY_COLUMNS_H

#include "base/buffer.h"

#include <sqlite3.h>
#include <stdint.h>
#include <tachograph/snapshot.h>

/* Bits of tacho__history_row.line_flags: which kind of line the figures were taken from (semantics 57). */
#define TACHO__LINE_WRAPPED   1u /* it stood inside a progress line */
#define TACHO__LINE_SIDECHAIN 2u /* a line of a sub-agent, or a replay */

/** One stored operation: what every face shows, and what an importer has to remember to judge a later competitor. */
typedef struct tacho__history_row {
    tacho_record_view view;
    const char *agent;  /* sub-agent that it belongs to, as the source names it; NULL = none */
    const char *line;   /* id of the line that the figures were taken from; NULL = not imported */
    int64_t line_flags; /* TACHO__LINE_* bits */
    const void *notes;  /* see history/notes.h; NULL = none */
    size_t notes_length;
    const char *tags;  /* see history/tags.h; NULL = none */
    int64_t estimated; /* 1: the duration is the difference of two log lines (semantics 38) */
} tacho__history_row;

/** A row in which everything is unknown. */
void tacho__history_row_init(tacho__history_row *row);

/** How many columns there are; they are numbered in the order of the table. */
int tacho__column_count(void);
/** Position of the column `source_id`: the first two are `source` and `source_id`, the key. */
#define TACHO__COLUMN_SOURCE    0
#define TACHO__COLUMN_SOURCE_ID 1

/** Appends "name TYPE, name TYPE ..." for CREATE TABLE. */
void tacho__columns_declare(tacho__buffer *sql);
/** Columns that a SELECT asks for, in its order. */
typedef struct tacho__selection {
    uint8_t column[128];
    int count;
} tacho__selection;

/** Every column, in the order of the table. */
void tacho__selection_all(tacho__selection *selection);
/** What tables and sums need: without ids and sources, and of the units only those in the mask. Reads in half the time.
 */
void tacho__selection_sums(tacho__selection *selection, uint32_t units);

/** Appends "name, name ..." for SELECT and INSERT. */
void tacho__columns_list(tacho__buffer *sql, const tacho__selection *selection);
/** Appends "?1,?2 ...". */
void tacho__columns_places(tacho__buffer *sql);
/** Appends "name = excluded.name, ..." for all but the key; with `fill`, only where the stored value is NULL. */
void tacho__columns_assign(tacho__buffer *sql, int fill);

/** Binds a row to the places 1..n. Texts have to live until the statement is reset. The first SQLite failure, or OK. */
int tacho__columns_bind(sqlite3_stmt *statement, const tacho__history_row *row);
/** Reads a row of a SELECT; what was not selected is unknown. Texts live until the next step or reset of the statement.
 */
void tacho__columns_read(sqlite3_stmt *statement, const tacho__selection *selection, tacho__history_row *row);

#endif
