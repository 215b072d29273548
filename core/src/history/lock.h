/**
 * The sidecar lock: one writer of a history file at a time, over all processes (semantics 36). It lies beside the file
 * and not on it, because closing any descriptor of the file itself would drop SQLite's own locks in this process
 * (`reference/reliability.md` section 0 point 5).
 */
#ifndef TACHO_HISTORY_LOCK_H
#define TACHO_HISTORY_LOCK_H

#include <tachograph/status.h>

/** How long a writer waits for another one, unless it says otherwise. */
#ifdef TACHO_TESTING
#define TACHO__LOCK_WAIT_MS 50
#else
#define TACHO__LOCK_WAIT_MS 2000
#endif

/** Opens (creates, 0600) `path`.lock; *fd is the caller's, -1 on failure. TACHO_OK; TACHO_DENIED; TACHO_IO;
 * TACHO_NOMEM. */
tacho_status tacho__lock_open(const char *path, int *fd);
/**
 * Waits at most `wait_ms` for the exclusive lock. A child that is forked while it is held closes its copy and
 * sets `place`, if not NULL, to -1. TACHO_OK; TACHO_BUSY; TACHO_IO.
 */
tacho_status tacho__lock_take(int fd, int wait_ms, int *place);
void tacho__lock_give(int fd);

#endif
