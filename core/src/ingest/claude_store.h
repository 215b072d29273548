/** Between facts and the history file, inside a transaction. */
#ifndef TACHO_INGEST_CLAUDE_STORE_H
#define TACHO_INGEST_CLAUDE_STORE_H

#include "history/store.h"
#include "ingest/claude_fact.h"

/**
 * Joins what the file has under the keys of the facts, and all of the sessions that they touch.
 *
 * @param fresh true if the file has nothing of this source: then nobody is asked
 */
tacho_status tacho__claude_load(tacho__facts *facts, tacho_history *history, bool fresh);

/**
 * Stores what the file does not have yet of the touched sessions. They are not touched any more.
 *
 * @param calls_new  the calls that are new to the file are added to it
 * @param touched    receives the number of facts in these sessions
 */
tacho_status tacho__claude_write(tacho__facts *facts, tacho_history *history, uint64_t *calls_new, size_t *touched);

#endif
