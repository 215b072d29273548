/** Walking over the stored operations that a query wants. */
#ifndef TACHO_HISTORY_SELECT_H
#define TACHO_HISTORY_SELECT_H

#include "history/store.h"

/** Texts of the row live during the call. A status other than TACHO_OK ends the walk and is returned. */
typedef tacho_status (*tacho__select_visit)(void *context, const tacho__history_row *row);

#define TACHO__SELECT_MODEL_CALLS 1u /* leave out rows that take part in no cost */
#define TACHO__SELECT_SUMS        2u /* rows without ids, source and what else no table shows */

/**
 * Shows every row within the bounds of `query` (times, session as a whole id, model, provider, operation, tool), in the
 * order of the file; what is grouped and which kinds count is the visitor's business.
 */
tacho_status tacho__select_walk(tacho_history *history, const tacho_query *query, uint32_t flags,
                                tacho__select_visit visit, void *context);

/** The whole id of the session that begins with `wanted`, appended to `out`. TACHO_OK; TACHO_NOT_FOUND; TACHO_INVALID.
 */
tacho_status tacho__select_session(tacho_history *history, const char *wanted, tacho__buffer *out);
/** The session of the operation that ended last. TACHO_OK; TACHO_NO_DATA. */
tacho_status tacho__select_newest_session(tacho_history *history, tacho__buffer *out);

#endif
