#include "history/visit.h"

#include "base/clock.h"
#include "history/in_use.h"
#include "history/store.h"

#include <stdio.h>
#include <time.h>

#define ATTEMPT_MS 20      /* inside, where a fork waits */
#define PAUSE_NS   5000000 /* between two attempts */

static tacho_status visit_once(tacho__visit *visit, tacho__visit_work work, void *context) {
    tacho_history *history;
    if (!tacho__sqlite_enter()) {
        snprintf(visit->problem, sizeof visit->problem, "SQLite was in use when this process was forked");
        return TACHO_UNSUPPORTED;
    }
    tacho_status status = tacho__history_open(&history, visit->path, TACHO_HISTORY_MAKE_FOLDER, ATTEMPT_MS);
    if (status == TACHO_OK) {
        status = work(context, history);
    }
    snprintf(visit->problem, sizeof visit->problem, "%s", tacho_history_problem(history));
    tacho_history_close(history);
    tacho__sqlite_leave();
    return status;
}

tacho_status tacho__visit_history(tacho__visit *visit, tacho__visit_work work, void *context) {
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    tacho_status status = visit_once(visit, work, context);
    while (status == TACHO_BUSY && tacho__now(&tacho__clock_system) < visit->until_ns) {
        nanosleep(&pause, NULL);
        status = visit_once(visit, work, context);
    }
    return status;
}
