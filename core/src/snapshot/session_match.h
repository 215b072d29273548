/** Finding a session by the beginning of its id, as people type it. */
#ifndef TACHO_SNAPSHOT_SESSION_MATCH_H
#define TACHO_SNAPSHOT_SESSION_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <tachograph/status.h>

/** Shortest prefix that is accepted, in bytes. */
#define TACHO__SESSION_PREFIX 4

/** A search in progress: start with `wanted` set, show it every id, ask for the result. */
typedef struct tacho__session_match {
    const char *wanted;
    const char *found; /* borrowed from the ids that were shown */
    bool exact;        /* `found` is `wanted`, whatever else begins with it */
    bool several;
} tacho__session_match;

/** Shows one id; the same id may be shown often. NULL does nothing. */
void tacho__session_match_show(tacho__session_match *match, const char *id);
/** TACHO_OK (`found`); TACHO_NOT_FOUND; TACHO_INVALID (several ids begin like this, or the prefix is too short). */
tacho_status tacho__session_match_result(const tacho__session_match *match);

#endif
