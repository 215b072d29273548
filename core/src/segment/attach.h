/**
 * Reading a registry: every segment in it, and `base`, in which the dead ones were added up, as a private copy.
 *
 * Processes come, go and are folded while this happens; nothing waits for anybody. What cannot be read is skipped and
 * counted by reason, and never keeps the others from being read.
 */
#ifndef TACHO_SEGMENT_ATTACH_H
#define TACHO_SEGMENT_ATTACH_H

#include "segment/reader.h"
#include "segment/registry.h"

/** Why a segment was left out: X(ENUM, name). The names are labels: append only. */
#define TACHO__SKIP_MAP(X)                                                                                             \
    X(FOREIGN, "foreign")       /* no segment, or not a plain file of this user */                                     \
    X(OLDER, "older")           /* an older major version */                                                           \
    X(NEWER, "newer")           /* a newer major version, or a feature that must be understood */                      \
    X(DAMAGED, "damaged")       /* a checksum or an offset does not fit, or the file is cut short */                   \
    X(UNFINISHED, "unfinished") /* never completed by its writer */                                                    \
    X(UNREADABLE, "unreadable") /* the operating system refused to read it, or there was no memory for it */

typedef enum tacho__skip {
#define X(name, text) TACHO__SKIP_##name,
    TACHO__SKIP_MAP(X)
#undef X
        TACHO__SKIP_COUNT
} tacho__skip;

/** "damaged"; "" beyond the list. Static storage. */
const char *tacho__skip_name(unsigned reason);

/** Why a file was left out that could not be opened, or made a view of; `file` may be -1. */
tacho__skip tacho__skip_of(tacho_status status, int file);

/** Who gets the segments of a registry, `base` first, if there is one. */
typedef struct tacho__visitor {
    void *context;
    /** The view lives during the call. Anything but TACHO_OK ends the reading. */
    tacho_status (*take)(void *context, const tacho__view *view);
    /** `base` was replaced meanwhile: what was taken so far is void, and everything comes again. */
    void (*restart)(void *context);
} tacho__visitor;

/**
 * Copies every segment that is not in `base` already, and `base`, one after the other into the same memory.
 *
 * @param without  id of a segment to leave out (the caller's own), or NULL
 * @param skipped  segments that could not be read, by reason
 * @return TACHO_OK (also when nothing could be read: see `skipped`); TACHO_NOMEM; TACHO_IO (the folder cannot be
 *         listed); TACHO_BUSY (`base` was replaced four times meanwhile); what `take` returned
 */
tacho_status tacho__registry_read(const tacho__registry *registry, const uint8_t *without, int64_t mono_ns,
                                  int64_t wall_ns, const tacho__visitor *visitor, uint64_t skipped[TACHO__SKIP_COUNT]);

#endif
