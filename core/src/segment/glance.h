/** A look at how many records the lanes of segments have made, which costs far less than a snapshot. */
#ifndef TACHO_SEGMENT_GLANCE_H
#define TACHO_SEGMENT_GLANCE_H

#include "segment/registry.h"
#include "segment/segment.h"

typedef struct tacho__glance {
    uint8_t id[16];
    uint64_t generation;
    uint64_t records[TACHO__LANES];
    uint16_t capacity[TACHO__LANES]; /* of the ring; 0 = there is none */
} tacho__glance;

/** Of a segment of this process. Any thread; the caller keeps the segment. */
void tacho__glance_live(const tacho__segment *segment, tacho__glance *out);
/**
 * Of the segments of a registry, the dead ones among them; those that cannot be read are left out.
 *
 * @param without  id of a segment to leave out, or NULL
 * @param out      freed with tacho__free
 * @return TACHO_OK; TACHO_NOMEM; TACHO_IO
 */
tacho_status tacho__glance_registry(const tacho__registry *registry, const uint8_t *without, tacho__glance **out,
                                    size_t *count);

#endif
