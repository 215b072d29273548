/**
 * SQLite and fork(). A child gets a copy of whatever SQLite was in the middle of: mutexes that nobody will let go of,
 * and a list of open files with locks that are the parent's. So the keeper is inside here while it has a connection
 * open, and fork() waits for it to come out, but not for long: what the host does must not hang on a disk. A child that
 * could not be spared is told so, and never touches SQLite.
 */
#ifndef TACHO_HISTORY_IN_USE_H
#define TACHO_HISTORY_IN_USE_H

#include <stdbool.h>

#define TACHO__FORK_WAIT_MS 100 /* longest wait of a fork() */

/** Once before the first tacho__sqlite_enter, and before any thread may be inside. Any number of times. */
void tacho__sqlite_prepare(void);
/** False, and not entered: SQLite was lost in a fork. Not recursive; nothing else of the library is locked inside, but
 * for base/unforked.h. */
bool tacho__sqlite_enter(void);
void tacho__sqlite_leave(void);
/** Whether this process was forked while SQLite was in use. */
bool tacho__sqlite_is_lost(void);

#endif
