/** The tables of a history file, and the check that a file is one. */
#ifndef TACHO_HISTORY_SCHEMA_H
#define TACHO_HISTORY_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>
#include <tachograph/status.h>

/** PRAGMA application_id of our files: "TACH". */
#define TACHO__HISTORY_APPLICATION_ID 0x54414348
/** PRAGMA user_version: the layout below. A file with a higher one is refused. */
#define TACHO__HISTORY_VERSION 3

/**
 * Says what an open file is, by SQLite itself and without changing it.
 *
 * @param empty receives 1 for a file without any content, which tacho__schema_create may fill
 * @return TACHO_OK (ours, or empty); TACHO_UNSUPPORTED (ours, of an older layout: see migrate.h); TACHO_FOREIGN;
 *         TACHO_NEWER; TACHO_DAMAGED; TACHO_BUSY; TACHO_IO
 */
tacho_status tacho__schema_check(sqlite3 *db, int *empty);

/** Creates all tables and views; inside a transaction of the caller's. */
tacho_status tacho__schema_create(sqlite3 *db);

/** The layout that a file says it has. */
tacho_status tacho__schema_layout(sqlite3 *db, int64_t *layout);

/** Makes a file of an older layout one of this, in a transaction of its own. TACHO_DAMAGED: its tables are others. */
tacho_status tacho__schema_upgrade(sqlite3 *db, int64_t layout);

/**
 * Sets the PRAGMAs of a connection and checks the row that each returns. TACHO_IO when one did not take.
 *
 * @param empty  the file has no content yet: it will have pages of our size
 */
tacho_status tacho__schema_configure(sqlite3 *db, int read_only, int empty);

/** Our status for a result of SQLite. */
tacho_status tacho__schema_status(int result);

#endif
