/**
 * Folding: the segments of dead processes are added to `base` and their files go (core/FORMAT.md 1.15).
 *
 * Whoever folds may be killed at any point. A new `base` appears by one rename, with the list of the segments that it
 * contains; until then nothing has changed, and from then on readers leave those segments out, whether their files are
 * gone yet or not. Whoever folds next removes files that are on the list.
 */
#ifndef TACHO_SEGMENT_FOLD_H
#define TACHO_SEGMENT_FOLD_H

#include "segment/registry.h"

#define TACHO__FOLD_MOST    64u                  /* segments at a time */
#define TACHO__FOLD_BYTES   (UINT64_C(16) << 20) /* of segments in memory at a time, and one segment more */
#define TACHO__FOLD_AT_OPEN 4u                   /* segments that opening a collector takes the time for */
#define TACHO__FOLD_IDS     4096u                /* ids that a base remembers, newest */

typedef struct tacho__folding {
    uint32_t folded;  /* segments added to `base` */
    uint32_t removed; /* files of segments that were in it already: their folder was killed */
    uint32_t left;    /* segments of dead processes that cannot be folded: damaged, of a newer version */
    bool more;        /* and others are left for the next time */
} tacho__folding;

/**
 * Folds up to TACHO__FOLD_MOST segments. The caller holds the lease.
 *
 * @param wall_ns  now, Unix time
 * @return TACHO_OK, also when there was nothing to do; TACHO_NOMEM; TACHO_IO, TACHO_DENIED (the folder cannot be read
 *         or written); TACHO_NEWER (`base` is of a newer version); TACHO_FULL. Then nothing has changed.
 */
tacho_status tacho__fold(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out);

/** Whether there is a segment whose process has died. Any thread. */
bool tacho__fold_is_due(const tacho__registry *registry);

/**
 * The same for anybody who opens or reads the registry: takes the lease for as long as it lasts if nobody has it.
 * TACHO_BUSY when somebody has; never waits. Any thread.
 */
tacho_status tacho__fold_if_free(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out);
/** The same of TACHO__FOLD_AT_OPEN segments at most: for a host that waits until its collector is open. */
tacho_status tacho__fold_at_open(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out);

#endif
