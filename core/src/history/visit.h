/** A short visit to a history file by the keeper: the connection lives no longer than a transaction (history/in_use.h).
 */
#ifndef TACHO_HISTORY_VISIT_H
#define TACHO_HISTORY_VISIT_H

#include <stdint.h>
#include <tachograph/history.h>

/** Where to, and how long to wait for others who write there. */
typedef struct tacho__visit {
    const char *path;
    uint64_t until_ns; /* monotonic; of the system's clock */
    char problem[256]; /* receives what went wrong */
} tacho__visit;

/** May be called again after it was not possible: what it does twice must be the same as once. */
typedef tacho_status (*tacho__visit_work)(void *context, tacho_history *history);

/**
 * Opens the file, which is made if it is missing, does the work and closes the file; until nobody else has it or the
 * time is over. No fork happens meanwhile, and between two attempts there may be one.
 *
 * @return what `work` says; as tacho_history_open; TACHO_BUSY (the time is over); TACHO_UNSUPPORTED (lost in a fork)
 */
tacho_status tacho__visit_history(tacho__visit *visit, tacho__visit_work work, void *context);

#endif
