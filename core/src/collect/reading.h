/** What readers above this folder take from a live collector. */
#ifndef TACHO_COLLECT_READING_H
#define TACHO_COLLECT_READING_H

#include "segment/reader.h"

#include <tachograph/collector.h>

/**
 * A view of the collector's segment as it is now; renews the anchor when the wall clock has stepped. Writers are not
 * waited for. TACHO_OK; TACHO_NOMEM. Any thread. Freed with tacho__view_free; independent of the collector.
 */
tacho_status tacho__collector_view(tacho_collector *collector, tacho__view **out);

struct tacho__glance;
/** How many records the lanes of the collector's segment have made. False when out of memory in a forked child. Any
 * thread. */
bool tacho__collector_glance(tacho_collector *collector, struct tacho__glance *out);

struct tacho__registry;
/** The registry that the collector shares, with a reference for the caller; NULL = private memory only. Any thread. */
struct tacho__registry *tacho__collector_registry(tacho_collector *collector);

/**
 * How the id of a session begins that nobody named; 32 random hexadecimal digits follow. Readers that promise equal
 * bytes for equal numbers leave such an id out.
 */
#define TACHO__SESSION_MADE_UP "auto-"

#endif
