/** Brings a history file of an older layout up to date, after a copy of it was laid beside it (semantics 36). */
#ifndef TACHO_HISTORY_MIGRATE_H
#define TACHO_HISTORY_MIGRATE_H

#include <tachograph/status.h>

/**
 * Under the sidecar lock and in one transaction: either all of it happens or nothing. The copy is `path`.layoutN, N
 * being the old layout, with mode 0600; it is complete before the file is touched, and stays. A file that somebody else
 * has brought up to date meanwhile is left alone.
 *
 * @return TACHO_OK; TACHO_DENIED (no permission to write here); TACHO_BUSY; TACHO_DAMAGED (the tables are not those of
 *         its layout); TACHO_IO; TACHO_NOMEM
 */
tacho_status tacho__migrate(const char *path, int wait_ms);

#endif
