/** What of a snapshot history does not have yet. */
#ifndef TACHO_HISTORY_HAND_OVER_H
#define TACHO_HISTORY_HAND_OVER_H

#include "history/visit.h"
#include "segment/handed.h"

/** Entries that are kept of segments that a snapshot does not have: hidden for a turn, or replaced by a reset. */
#define TACHO__HANDED_UNSEEN 256u

/**
 * Hands over what is new, a transaction a visit. What is new is told by the sequence of a record in its lane, so no
 * clock matters, and a segment that cannot be read for a turn is where it was. If the file does not have what it was
 * given, somebody has removed it or put another one there: then all that is in the rings is handed over once more. What
 * is handed over twice does no harm: history keeps one row for an id.
 *
 * @param handed  how far it is; receives how far it is then
 * @param missed  receives how many records were overwritten before they could be handed over
 * @return TACHO_OK; as tacho__visit_history; TACHO_NOMEM: then `handed` is as before, and the next call hands over all
 * that is missing
 */
tacho_status tacho__hand_over(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                              uint64_t *missed);

/** The same of a segment that a reset has replaced; what is known of all others stays. */
tacho_status tacho__hand_over_replaced(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                                       uint64_t *missed);

#endif
