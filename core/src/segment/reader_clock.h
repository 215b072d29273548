/**
 * What a reader's own clock says about the times of a segment. The anchor of a segment is as old as the last snapshot
 * that its process took; when the wall clock was set since, it is wrong. Whoever has the same monotonic clock knows
 * better.
 */
#ifndef TACHO_SEGMENT_READER_CLOCK_H
#define TACHO_SEGMENT_READER_CLOCK_H

#include "base/clock.h"
#include "segment/reader.h"

/** So far may the wall clock move against the monotonic one before anybody takes notice. */
#define TACHO__ANCHOR_STEP INT64_C(100000000)

/** The boot of this machine; all zero where the kernel does not tell. */
void tacho__boot_id(uint8_t out[16]);
/** What `clock` of a header says (core/FORMAT.md 1.2): 0 = not the system's clock, else which one of this boot. */
uint64_t tacho__clock_number(const tacho__clock *clock);

typedef struct tacho__reader_clock {
    uint8_t boot_id[16];
    uint64_t number;
    tacho__clock_pair now;
} tacho__reader_clock;

/** The system's clock as this process sees it now. */
tacho__reader_clock tacho__reader_clock_now(void);

/**
 * Moves the anchor of a view whose segment has the same clock, if it is more than TACHO__ANCHOR_STEP off: by a whole
 * number of them, so that two readings of a record give the same time. The start of the segment is told by it, too.
 * Before anything is read.
 */
void tacho__view_follow(tacho__view *view, const tacho__reader_clock *clock);

#endif
