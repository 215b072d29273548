/** What of a snapshot history does not have yet. */
#ifndef TACHO_HISTORY_HAND_OVER_H
#define TACHO_HISTORY_HAND_OVER_H

#include "history/visit.h"

#include <stdbool.h>
#include <tachograph/history.h>

/** How much older than the last hand-over of somebody else a record may be, and is handed over once more. */
#define TACHO__HAND_OVER_MARGIN INT64_C(60000000000)

/** Records that a segment had made when it was looked at last. */
typedef struct tacho__handed_part {
    uint8_t id[16];
    uint64_t generation, recorded;
} tacho__handed_part;

/** What was handed over. Begins as zeros. */
typedef struct tacho__handed {
    uint64_t *ids; /* of records that are still in the rings, ascending */
    size_t count;
    bool known;        /* `ids` says all; else what was recorded before `until_ns` was handed over by somebody else */
    int64_t until_ns;  /* Unix time; 0 = nothing was */
    uint64_t recorded; /* records that there had been until then */
    uint64_t skipped;  /* segments that could not be read then */
    tacho__handed_part *parts; /* of them */
    size_t part_count;
    char one[24]; /* of `ids`, as the file has it; "" = none */
} tacho__handed;

/** Nothing was, but for the number of records. */
void tacho__handed_forget(tacho__handed *handed);

/**
 * Hands over what is new. What cannot be told from what was handed over before is handed over again: history keeps one
 * row for an id. If the file does not have what it was given, somebody has removed it or put another one there: then
 * all that is in the rings is handed over once more. A transaction is a visit.
 *
 * @param missed  receives how many records were overwritten before they could be handed over
 * @return TACHO_OK; as tacho__visit_history: then `handed` is as before, and the next call hands over all that is
 * missing
 */
tacho_status tacho__hand_over(tacho__visit *visit, const tacho_snapshot *snapshot, tacho__handed *handed,
                              uint64_t *missed);

/**
 * The same of a segment that a reset has replaced. `handed` NULL: another process hands over for this one, and what it
 * has handed over is not known here; nothing counts as missed then. Otherwise it stays as it is.
 *
 * @param seen  how many records of the segment are accounted for; receives how many there are
 */
tacho_status tacho__hand_over_replaced(tacho__visit *visit, const tacho_snapshot *snapshot, const tacho__handed *handed,
                                       uint64_t *seen, uint64_t *missed);
/** Records of a segment that were there at the last hand-over; 0 = it was not known. */
uint64_t tacho__handed_of(const tacho__handed *handed, const uint8_t id[16], uint64_t generation);
void tacho__handed_free(tacho__handed *handed);

#endif
