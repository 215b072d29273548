/**
 * The sum of dead segments (core/FORMAT.md 1.15): one segment of role TACHO__ROLE_BASE that says what they said.
 *
 * It is built anew each time, from the base so far and the segments that join it, in private memory. So nothing of the
 * old one is trusted or changed, texts that nothing names any more go, and it can be abandoned at any point.
 *
 * Bounded: series as in one process, the rest in the overflow series; the 1,024 sessions that were active last, the
 * rest in `other`; the 16,384 newest records, the others counted as lost; the 32 slowest of each kind; the ids of the
 * 4,096 segments that joined last. Sums over all series and over all sessions stay exact.
 */
#ifndef TACHO_SEGMENT_BASE_H
#define TACHO_SEGMENT_BASE_H

#include "segment/reader.h"
#include "segment/segment.h"

#define TACHO__BASE_BYTES (UINT64_C(32) << 20) /* most that it may have */

typedef struct tacho__base_plan {
    const tacho__view *const *views; /* the base so far first, if there is one; the others of dead processes */
    size_t count;
    bool has_base;                    /* views[0] is one */
    const tacho__folded *outstanding; /* segments of the base so far whose files may still be there */
    size_t outstanding_count;
    bool without_records; /* on a disk that is full: they are counted as lost */
} tacho__base_plan;

/** TACHO_OK; TACHO_NOMEM; TACHO_FULL (not even the overflow series found room). The caller releases *out. */
tacho_status tacho__base_build(const tacho__base_plan *plan, tacho__segment **out);

/** Bytes of a base that are in use: what is written to its file. */
static inline size_t tacho__base_length(const tacho__segment *base) {
    return (size_t)tacho__get(&base->header->lines_used) * TACHO__LINE;
}

#endif
