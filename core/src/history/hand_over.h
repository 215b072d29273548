/** What of a snapshot history does not have yet. */
#ifndef TACHO_HISTORY_HAND_OVER_H
#define TACHO_HISTORY_HAND_OVER_H

#include <stdbool.h>
#include <tachograph/history.h>

/** How much older than the last hand-over of somebody else a record may be, and is handed over once more. */
#define TACHO__HAND_OVER_MARGIN INT64_C(60000000000)

/** What was handed over. Begins as zeros; `ids` is freed with tacho__free. */
typedef struct tacho__handed {
    uint64_t *ids; /* of records that are still in the rings, ascending */
    size_t count;
    bool known;        /* `ids` says all; else what was recorded before `until_ns` was handed over by somebody else */
    int64_t until_ns;  /* Unix time; 0 = nothing was */
    uint64_t recorded; /* records that there had been until then */
} tacho__handed;

/**
 * Hands over what is new. What cannot be told from what was handed over before is handed over again: history keeps one
 * row for an id.
 *
 * @param missed  receives how many records were overwritten before they could be handed over
 * @return TACHO_OK; as tacho_history_add: then `handed` is as before, and the next call hands over all that is missing
 */
tacho_status tacho__hand_over(tacho_history *history, const tacho_snapshot *snapshot, tacho__handed *handed,
                              uint64_t *missed);

#endif
