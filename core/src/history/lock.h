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

/** Whether the lock file of the history `path` (`path`.lock, 0600) is there or could be made. TACHO_OK; TACHO_DENIED;
 * TACHO_IO; TACHO_NOMEM. */
tacho_status tacho__lock_try(const char *path);
/**
 * Waits at most `wait_ms` for the exclusive lock; the file is open as long as the lock is held. *file is -1 on failure.
 * A child that is forked meanwhile closes its copy and sets `place`, if not NULL, to -1.
 * TACHO_OK; TACHO_BUSY; TACHO_DENIED; TACHO_IO; TACHO_NOMEM.
 */
tacho_status tacho__lock_take(const char *path, int wait_ms, int *file, int *place);
/** Nothing happens at -1; *file is -1 then. */
void tacho__lock_give(int *file);

#endif
