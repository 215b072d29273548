/** Inside of a snapshot: its parts. */
#ifndef TACHO_SNAPSHOT_SNAPSHOT_H
#define TACHO_SNAPSHOT_SNAPSHOT_H

#include "segment/attach.h"
#include "segment/segment.h"
#include "snapshot/part.h"
#include "snapshot/series_list.h"

struct tacho_snapshot {
    _Atomic uint32_t references;
    uint64_t skipped[TACHO__SKIP_COUNT];  /* segments that could not be read when it was taken, by reason */
    _Atomic(tacho__series_list *) series; /* NULL = nobody has asked yet */
    size_t count;
    tacho__part *parts[]; /* by segment, then generation: no pair twice */
};

/** A snapshot of `count` parts, whose references it takes over also on failure; of equal ones the latest is kept. */
tacho_status tacho__snapshot_of_parts(tacho__part **parts, size_t count, tacho_snapshot **out);

/** A snapshot of one segment, whose numbers are as of now. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__snapshot_of_segment(const tacho__segment *segment, int64_t mono_ns, int64_t wall_ns,
                                        tacho_snapshot **out);

/** Segments of the registry that are not in this snapshot because they could not be read, in all and by reason. */
/** The same as a sentence; NULL = every segment was read, or out of memory. */
const char *tacho__skips_text(const tacho_named *skips, uint32_t count, tacho__arena *arena);
const char *tacho__snapshot_unread(const tacho_snapshot *snapshot, tacho__arena *arena);
uint64_t tacho__snapshot_skipped(const tacho_snapshot *snapshot);
const tacho_named *tacho__snapshot_skips(const tacho_snapshot *snapshot, tacho__arena *arena, uint32_t *count);
/**
 * The series of all parts, added up; operations in flight are those of segments that have not started over. Lives as
 * long as the snapshot. NULL when out of memory. Any thread.
 */
const tacho__series_list *tacho__snapshot_series(const tacho_snapshot *snapshot);
/** False for a part whose segment has started over since: what was in flight then ends elsewhere. */
bool tacho__snapshot_is_newest(const tacho_snapshot *snapshot, size_t part);
/** Records that the segments overwrote before this snapshot was taken. */
uint64_t tacho__snapshot_records_lost(const tacho_snapshot *snapshot);
/** What was dropped or ignored, by cause, over all parts; in `arena`, sorted by name. NULL and 0 when there is none. */
const tacho_named *tacho__snapshot_drops(const tacho_snapshot *snapshot, tacho__arena *arena, uint32_t *count);
/** Version of the price table of the latest part; NULL = unknown. */
const char *tacho__snapshot_prices(const tacho_snapshot *snapshot);
/** Resolves what a person typed for a session. As tacho__session_match_result. */
tacho_status tacho__snapshot_find_session(const tacho_snapshot *snapshot, const char *wanted, const char **found);

#endif
