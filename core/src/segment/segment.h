/**
 * A segment as its writer sees it: the mapping, and what only the writer needs to know about it.
 *
 * Lines are given out in ascending order and never come back. Three pockets keep the promise that counting never stops:
 * details (rings, slowest tables, texts of records) may take half of the segment; ordinary cells all of it but a
 * reserve; the reserve belongs to the shared lane and holds every overflow series with every histogram it can have.
 *
 * Functions that take lines or add texts need the writer's lock (segment/writer.h); finding a text does not.
 */
#ifndef TACHO_SEGMENT_SEGMENT_H
#define TACHO_SEGMENT_SEGMENT_H

#include "segment/backing.h"
#include "segment/drops.h"
#include "segment/layout.h"
#include "segment/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tachograph/status.h>

#define TACHO__SEGMENT_DEFAULT (UINT64_C(8) << 20)
#define TACHO__SEGMENT_LEAST   (UINT64_C(1) << 20)
#define TACHO__SEGMENT_MOST    (UINT64_C(1) << 30)

typedef enum tacho__pocket { TACHO__POCKET_DETAIL, TACHO__POCKET_ORDINARY, TACHO__POCKET_RESERVE } tacho__pocket;

typedef struct tacho__segment {
    tacho__backing backing;
    uint8_t *base; /* of the backing */
    tacho__header *header;
    tacho__lane_header *lanes;
    tacho__session_slot *sessions;
    tacho__open_slot *open;
    uint64_t bytes;
    uint64_t generation;
    uint64_t lines, next; /* next = header->lines_used */
    uint64_t detail_left; /* lines */
    uint64_t text_left, detail_text_left;
    _Atomic uint32_t detail_texts_over; /* not even the shortest text of a record has room; read without the lock */
    uint64_t window_left;               /* lines */
    uint32_t windows_given;
    tacho__word *index; /* of strings: high half of the hash, line; open addressing; found without lock */
    uint64_t index_mask;
    tacho__half open_chunks_given;
    uint8_t open_owner[TACHO__OPEN_SLOTS / TACHO__OPEN_CHUNK]; /* lane by chunk */
    uint32_t session_handles[TACHO__SESSION_CELLS];
    tacho__word context[TACHO__SESSION_CELLS]; /* newest context size of a session, all lanes */
    _Atomic uint32_t references;
    struct tacho__segment *next_retired;
    uint64_t retired_ns; /* when another one took its place; monotonic, of the system */
} tacho__segment;

typedef struct tacho__segment_plan {
    uint64_t bytes; /* TACHO__SEGMENT_LEAST .. _MOST */
    uint64_t generation;
    uint32_t max_series;
    uint32_t window;   /* raw durations kept of a series; 0 = none */
    const uint8_t *id; /* 16 bytes; NULL = random */
    int64_t wall_ns, mono_ns;
    uint64_t clock;                  /* tacho__clock_number */
    const tacho__registry *registry; /* the file is made there; NULL = private memory. Read during create only */
    const char *prices;              /* version of the price table; NULL = unknown */
    uint32_t role;                   /* TACHO__ROLE_*; the rest is for a base, and 0 for a process */
    uint32_t session_slots, ended_records, folded;
} tacho__segment_plan;

/**
 * Makes a segment, complete with header and overflow series. In a registry it has its name from the end of this call
 * on, and replaces the earlier generation of the same id, if there is one.
 *
 * @return TACHO_OK; TACHO_NOMEM; in a registry also TACHO_DENIED and TACHO_IO, and then nothing is left behind
 */
tacho_status tacho__segment_create(const tacho__segment_plan *plan, tacho__segment **out);
/** One more user; one less, and the last one unmaps. NULL is allowed for the second. */
void tacho__segment_retain(tacho__segment *segment);
void tacho__segment_release(tacho__segment *segment);

/** In a forked child, of the parent's segment (NULL is allowed): see tacho__backing_abandon. */
void tacho__segment_abandon(tacho__segment *segment);

/** The bytes of a line. */
static inline void *tacho__at(const tacho__segment *segment, tacho__line line) {
    return segment->base + (uint64_t)line * TACHO__LINE;
}

/**
 * Copies a body into lines that nothing links to yet, word by word: a reader may be copying the segment at this moment.
 * `bytes` is rounded up to words; `from` must have that many.
 */
static inline void tacho__store_body(void *to, const void *from, size_t bytes) {
    tacho__word *words = to;
    for (size_t i = 0; i < (bytes + 7) / 8; ++i) {
        uint64_t word;
        memcpy(&word, (const char *)from + 8 * i, sizeof word);
        tacho__put(&words[i], word);
    }
}

/** `count` fresh zeroed lines; 0 when the pocket is empty. Needs the lock. */
tacho__line tacho__segment_take(tacho__segment *segment, uint32_t count, tacho__pocket pocket);

/** The same in two steps, for what must be complete before a reader may copy it. */
tacho__line tacho__segment_reserve(tacho__segment *segment, uint32_t count, tacho__pocket pocket);
void tacho__segment_publish(tacho__segment *segment);

/** Whether that many lines are left for ordinary cells. Needs the lock. */
bool tacho__segment_has(const tacho__segment *segment, uint32_t count);

/** Counts a drop. Any thread. */
static inline void tacho__drop_count(tacho__segment *segment, tacho__drop cause) {
    atomic_fetch_add_explicit(&segment->header->drops[cause], 1, memory_order_relaxed);
}

/** The line of a text that is in the segment already; 0 = not there. Any thread, no lock. */
tacho__line tacho__segment_find(const tacho__segment *segment, const char *text, size_t length);
/**
 * The line of a text, which is cleaned (base/text.h) and added if it is new; 0 for the empty text, and when there is no
 * room (counted). Needs the lock.
 */
tacho__line tacho__segment_intern(tacho__segment *segment, const char *text, size_t length, tacho__pocket pocket);
/** The bytes of a string, NUL-terminated; "" for line 0. */
const char *tacho__segment_text(const tacho__segment *segment, tacho__line line);

/**
 * The descriptor of a series; NULL beyond the count. Any thread for numbers that were published.
 */
tacho__descriptor *tacho__segment_descriptor(const tacho__segment *segment, uint32_t number);
/**
 * Adds a descriptor (a copy of `from`); false when there is no room. Needs the lock.
 */
bool tacho__segment_describe(tacho__segment *segment, const tacho__descriptor *from, tacho__pocket pocket,
                             uint32_t *number);

/** Renews the anchor if the wall clock has moved against the monotonic clock by more than 100 ms. Needs the lock. */
void tacho__segment_anchor(tacho__segment *segment, int64_t mono_ns, int64_t wall_ns);
/** Unix ns of a mono, by the anchor. Any thread. */
int64_t tacho__segment_wall(const tacho__segment *segment, int64_t mono_ns);
/** Mono of Unix ns, by the anchor; clamped. Any thread. */
int64_t tacho__segment_mono(const tacho__segment *segment, int64_t wall_ns);

#endif
