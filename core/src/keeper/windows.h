/** The job that feeds the ladder (snapshot/ladder.h), and leaves it to the next holder of the lease. */
#ifndef TACHO_KEEPER_WINDOWS_H
#define TACHO_KEEPER_WINDOWS_H

#include "snapshot/ladder.h"

#include <tachograph/collector.h>

#define TACHO__WINDOWS_SAVE INT64_C(60000000000) /* between two savings */

/** What a reader wants of the ladder, which is fed up to now. */
typedef tacho_status (*tacho__windows_visit)(void *context, const tacho__ladder *ladder);

/**
 * Starts the job if there is none yet, feeds the ladder and calls `visit`: here, if this process keeps it; else with
 * what the process that does has saved.
 *
 * @return what `visit` says; TACHO_NOMEM; as tacho_snapshot_take
 */
tacho_status tacho__windows_read(tacho_collector *collector, int64_t now_ns, tacho__windows_visit visit, void *context);

struct tacho__registry;
/** `state` of a registry: writes and reads the ladder in it. TACHO_OK; TACHO_NOT_FOUND; TACHO_DAMAGED; TACHO_NEWER;
 * TACHO_NOMEM; as tacho__registry_write. */
tacho_status tacho__state_save(const struct tacho__registry *registry, const tacho__ladder *ladder);
tacho_status tacho__state_load(const struct tacho__registry *registry, tacho__ladder **out);

#endif
