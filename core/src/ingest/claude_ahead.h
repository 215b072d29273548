/** Batches of a source, read ahead by a thread of their own where there is more than one to come. */
#ifndef TACHO_INGEST_CLAUDE_AHEAD_H
#define TACHO_INGEST_CLAUDE_AHEAD_H

#include "ingest/claude_batch.h"

typedef struct tacho__claude_ahead tacho__claude_ahead;

/**
 * @param source    belongs to this until tacho__claude_ahead_free
 * @param threaded  true = read ahead if a thread can be had; the thread takes no signals
 * @return NULL when out of memory
 */
tacho__claude_ahead *tacho__claude_ahead_new(tacho__claude_source *source, bool threaded);
/** The next batch, or NULL when out of memory; it lives until the next call. After one whose status is not TACHO_OK
 * there is none. */
tacho__claude_batch *tacho__claude_ahead_next(tacho__claude_ahead *ahead);
/** Waits at most `ns` for the next batch. True if there is one, or if nobody reads ahead: then it has to be read. */
bool tacho__claude_ahead_wait(tacho__claude_ahead *ahead, uint64_t ns);
/** Stops reading, waits for the thread, frees the batches. NULL is allowed. */
void tacho__claude_ahead_free(tacho__claude_ahead *ahead);

#endif
