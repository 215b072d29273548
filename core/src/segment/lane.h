/**
 * Lanes: where a thread writes without asking anybody.
 *
 * A lane belongs to one thread (or, in a serialized writer, to whoever holds the host's lock). Entering it sets its
 * busy flag; that is what a re-entrant call (signal handler) and a reset look at. Re-entrant calls and threads beyond
 * the 64th take one of 16 lanes of guests, for one call, by one compare-and-swap. Where none is free, and for
 * operations that found no room, there is the shared lane, which calls enter one after the other; no signal handler
 * comes between, so whoever waits for it never waits for its own thread.
 *
 * Every pointer in a lane is of the segment generation it was resolved for; entering compares one number, and a lane
 * that fell behind is resolved again. So a reset touches no other thread's data.
 */
#ifndef TACHO_SEGMENT_LANE_H
#define TACHO_SEGMENT_LANE_H

#include "base/clock.h"
#include "base/guard.h"
#include "base/pages.h"
#include "segment/redo.h"
#include "segment/segment.h"
#include "segment/sketch.h"

#include <stdbool.h>
#include <stdint.h>

#define TACHO__WRITERS 256u /* writers that may exist in a process at a time */
#define TACHO__NO_SLOT UINT16_MAX
/** After this time everybody sees what a thread has stored, also where the kernel cannot be asked for a barrier. */
#define TACHO__STORES_ARE_SEEN_NS UINT64_C(20000000)
#define TACHO__LANE_NONE          ((tacho__lane *)0)

/** The notes ring of a lane (segment/notes.h). */
typedef struct tacho__notes_ring {
    uint8_t *base; /* NULL = no note yet */
    uint32_t bytes;
} tacho__notes_ring;

/** A window of this lane (segment/window.h). */
typedef struct tacho__lane_window {
    tacho__window_value *next; /* place of the next value; NULL = its page has to be found */
    tacho__word *written;
    uint64_t count;
    uint32_t number;
    bool refused; /* no room: not asked for again */
} tacho__lane_window;

/** A histogram of a lane, and the values [least, least + span) for which nothing but bucket and sum change. */
typedef struct tacho__quick_sketch {
    tacho__sketch *sketch;
    uint64_t least, span;
} tacho__quick_sketch;

/** What the usual end of a model call writes to, besides the block. */
typedef struct tacho__model_cells {
    tacho__usage_cell *usage;
    tacho__quick_sketch input, output, cost;
} tacho__model_cells;

#define TACHO__LANE_MODELS 32u /* series of a lane that have model cells; the others take the general way */

/**
 * What a lane knows of a series: its own block, and the descriptor. The rest is for tacho_observe: durations in
 * [least, least + span] need no look at anything but their bucket; a span of 0 sends everything the long way.
 */
typedef struct tacho__bound {
    tacho__block *block;
    tacho__descriptor *descriptor;
    uint64_t least, span;
    const tacho__grid *grid;
    tacho__word *counter;       /* ok operations of this group in the collector's own session */
    tacho__lane_window *window; /* NULL = none */
    tacho__model_cells *model;  /* NULL = none yet */
} tacho__bound;                 /* one line per series */

#define TACHO__LANE_BUSY UINT64_MAX

/**
 * What a lane knows of a custom metric or cache. Of a histogram: values in [least, least + span) need no look at
 * anything but their bucket; a span of 0 sends everything the long way.
 */
typedef struct tacho__known {
    void *cell; /* of a gauge the only one there is; NULL = not resolved yet */
    uint64_t least, span;
    const tacho__grid *grid;
    uint64_t mark;        /* what the marks of its short sets have in common */
    uint64_t reserved[3]; /* one line per series */
} tacho__known;

/** By slot of the handle. Grown by the lane's owner only. */
typedef struct tacho__customs {
    tacho__known *known;
    uint32_t bytes;     /* of them */
    uint32_t next, end; /* cells left of the line for small ones, in units of TACHO__METRIC_CELL */
} tacho__customs;

/** What is known of the slot at this byte, which is below `bytes`. */
static inline tacho__known *tacho__customs_known(const tacho__customs *customs, uint32_t at) {
    return (tacho__known *)((uint8_t *)customs->known + at);
}
/** The same of any byte; NULL = nothing yet. */
static inline tacho__known *tacho__customs_at(const tacho__customs *customs, uint32_t at) {
    return __builtin_expect(at < customs->bytes, 1) ? tacho__customs_known(customs, at) : NULL;
}

typedef struct tacho__lane {
    _Atomic uint64_t state;      /* TACHO__LANE_BUSY while its owner is inside, else `pass` */
    _Atomic uint64_t generation; /* of the segment that everything below points into */
    uint64_t pass;               /* what `gate` of its writer has to be: see tacho__writer_pass */
    uint8_t *base;
    tacho__redo *redo;
    tacho__bound *bound; /* by series slot; a NULL block = not resolved yet */
    tacho__customs customs;
    tacho__segment *segment;
    tacho__lane_header *header;
    uint64_t serial; /* of the writer as it was when the lane was taken */
    uint32_t number;
    tacho__stored_record *ring; /* NULL = none */
    uint64_t ring_mask;
    uint64_t records;
    uint64_t id_next; /* ids are id_base + id_next; lanes count in steps of TACHO__LANES */
    uint64_t id_base;
    uint64_t random[2];                        /* state of the generator of trace ids */
    uint64_t slowest_floor[TACHO__KIND_CELLS]; /* the shortest duration that is wanted */
    tacho__slowest *slowest[TACHO__KIND_CELLS];
    uint8_t slowest_used[TACHO__KIND_CELLS];  /* entries in use */
    uint8_t slowest_least[TACHO__KIND_CELLS]; /* entry with the smallest duration, once all are in use */
    uint8_t slowest_free[TACHO__KIND_CELLS];  /* place that no entry names */
    uint64_t slowest_sequence;
    uint64_t slowest_ns[TACHO__KIND_CELLS][TACHO__SLOWEST];
    tacho__session_cell *cells[TACHO__SESSION_CELLS];
    tacho__lane_window windows[TACHO__WINDOWS];
    tacho__notes_ring notes;
    tacho__model_cells models[TACHO__LANE_MODELS];
    uint32_t model_count;
    tacho__line own_session; /* id line of the collector's own session, which has slot 0; 0 = not looked up yet */
    bool reentrant;          /* entered from inside a call of the same thread: must not ask for memory */
    bool shared;
    bool taken; /* under the writer's lock */
    uint32_t chunk_next, chunk_end;
    uint16_t open_free_count;
    uint16_t open_free[TACHO__OPEN_SLOTS]; /* stack of own open slots that are free for sure */
    uint64_t open_chunks;                  /* as in the lane's header */
    _Atomic uint32_t open_returned;        /* another lane freed a slot of ours */
} tacho__lane;

/**
 * The writer. Its first page is what the kernel empties in a forked child: `serial` then differs from what any thread
 * has in its cache, so the comparison at every entry is also what notices a fork, however the process was forked.
 */
typedef struct tacho__writer {
    union {
        struct {
            _Atomic uint64_t serial; /* unique in the process; low 8 bits: place in the table of living writers */
            _Atomic uint64_t gate;   /* what entering compares: a pass, or 0 while recording is switched off */
            tacho__guard lock;       /* everything that takes lines, texts, series, sessions */
            tacho__guard sharing;    /* entry to the shared lane */
            _Atomic uint32_t guests; /* bit per lane of guests: taken */
            _Atomic uint64_t lost;   /* operations that found no way in, until they can be counted in the segment */
        };
        uint8_t page[TACHO__PAGE];
    };
    bool wiped; /* that page is emptied indeed; else `process` tells */
    bool serialized;
    uint32_t series_slots;
    uint32_t place;
    int64_t process;             /* id of the process that wrote `serial` */
    uint64_t first_serial;       /* before any fork */
    _Atomic uint64_t generation; /* number of `segment` */
    _Atomic uint32_t owned;      /* lanes that threads have; changes under the lock */
    _Atomic(tacho__segment *) segment;
    /* Made at first use, under the lock; freed with the writer. Those of guests lie in pages that exist from the start,
     * because a signal handler may not ask for memory. */
    _Atomic(tacho__lane *) lanes[TACHO__LANES];
    uint8_t *guest_pages;
    const tacho__clock *clock;
    tacho__segment *previous; /* kept after a reset for operations that were in flight */
    tacho__segment *retired;  /* replaced, perhaps still written to */
    /**
     * In a forked child, at its first use, with the lock held: makes a segment for this process and calls
     * tacho__writer_arrive. False: no memory.
     */
    bool (*begin_anew)(struct tacho__writer *writer);
    /* Set by begin_anew: called once, after the lock was given back. */
    _Atomic(void (*)(struct tacho__writer *)) arrived;
} tacho__writer;

/**
 * Starts writing to `segment`, which belongs to the writer from now on, also on failure. The caller has the writer in
 * pages of its own (base/pages.h), zeroed but for `wiped`, `serialized`, `series_slots`, `clock` and `begin_anew`.
 * TACHO_OK; TACHO_NOMEM; TACHO_FULL (256 writers exist).
 */
tacho_status tacho__writer_open(tacho__writer *writer, tacho__segment *segment);
/** Keeps the process from forking, and writers from being opened and closed, until the other is called. */
void tacho__writers_hold(void);
void tacho__writers_let_go(void);
/** 0 switches recording off for tacho__lane_enter's usual case, 1 on. Any thread. */
void tacho__writer_set_gate(tacho__writer *writer, bool open);
/**
 * The pass of a generation: of no other writer's lanes, because a signal handler may change the thread's cache to the
 * lane of another writer just before it is entered.
 */
static inline uint64_t tacho__writer_pass(const tacho__writer *writer, uint64_t generation) {
    return generation * TACHO__WRITERS + writer->place;
}
/** No thread may be inside any more. */
void tacho__writer_close(tacho__writer *writer);

/** True in a forked child before its first use of this writer. */
bool tacho__writer_is_inherited(const tacho__writer *writer);
/** Makes it a writer of this process, if it is inherited. False: no memory. */
bool tacho__writer_settle(tacho__writer *writer);
/**
 * What begin_anew ends with: the child writes to `segment` from now on. Lanes, locks and segments of the parent's
 * threads are let go of; what one of them was inside of at the fork stays in memory, because this very thread may be
 * the one (a signal handler that forked). With the lock held. False: no memory, and the next call tries again. The
 * segment belongs to the writer in any case. `open`: as tacho__writer_set_gate.
 */
bool tacho__writer_arrive(tacho__writer *writer, tacho__segment *segment, bool open);
/** Counts an operation that found no way in. Any thread, any time. */
static inline void tacho__writer_lose(tacho__writer *writer) {
    atomic_fetch_add_explicit(&writer->lost, 1, memory_order_relaxed);
}
/** Counts the end of an operation that another process began, if that is what this serial tells (semantics 8). */
void tacho__writer_count_foreign(uint64_t serial);
/** Takes back a lane of a thread that ends, if the writer with this serial is still there. */
void tacho__writer_take_back(uint64_t serial, uint32_t number);
extern _Atomic uint64_t tacho__writers_living[TACHO__WRITERS]; /* serials, by place */

/** True while the writer with this serial is open. Any thread. */
static inline bool tacho__writer_lives(uint64_t serial) {
    return serial != 0 &&
           atomic_load_explicit(&tacho__writers_living[serial & (TACHO__WRITERS - 1)], memory_order_acquire) == serial;
}
/**
 * Puts a new segment in place of the current one, which is unmapped, here or at a later reset, once nobody writes to it
 * any more; it stays as `previous` if `keep`. Of those that wait there is at most one for each lane. Needs the lock.
 */
void tacho__writer_replace(tacho__writer *writer, tacho__segment *segment, bool keep);
/** Whether nobody can write to a replaced segment any more. Any thread, without the lock. */
bool tacho__writer_has_left(tacho__writer *writer, const tacho__segment *segment);

typedef struct tacho__lane_cache {
    uint64_t serial;
    tacho__lane *lane;
} tacho__lane_cache;

/* The lane this thread used last. Others are found again in a list of its own, without a lock. */
extern TACHO__THREAD_LOCAL tacho__lane_cache tacho__lane_cached;
#define TACHO__LANE_UNCACHED ((tacho__lane_cache){UINT64_MAX, TACHO__LANE_NONE}) /* 0 is the serial after a fork */

static inline bool tacho__lane_is_cached(const tacho__writer *writer) {
    return tacho__lane_cached.serial == atomic_load_explicit(&writer->serial, memory_order_relaxed);
}
/** The lane that the thread used last, if it is one of this writer; else NULL. */
static inline tacho__lane *tacho__lane_of_thread(const tacho__writer *writer) {
    return tacho__lane_is_cached(writer) ? tacho__lane_cached.lane : TACHO__LANE_NONE;
}

/** Bytes of the pages in which the lanes of guests lie. */
size_t tacho__lanes_guest_bytes(const tacho__writer *writer);
/** What all lanes of the process need once. */
void tacho__lanes_prepare(void);
/** The lane of this number, made or settled in the current segment, taken; NULL: no memory or no room. Needs the lock.
 */
tacho__lane *tacho__lane_make(tacho__writer *writer, uint32_t number);
/** The next thread may take it. Needs the lock. */
void tacho__lane_give_back(tacho__writer *writer, tacho__lane *lane);

/* A thread that has no lane in its cache. */
tacho__lane *tacho__lane_enter_new(tacho__writer *writer);
/* A lane whose state was not what the gate says: `before`. It is marked busy by now. */
tacho__lane *tacho__lane_enter_odd(tacho__writer *writer, tacho__lane *lane, uint64_t before);

/**
 * The caller's lane, entered; NULL when that is impossible (counted). Pair with tacho__lane_leave. Recording may be
 * switched off: the caller looks at that first.
 */
static inline tacho__lane *tacho__lane_enter(tacho__writer *writer) {
    if (__builtin_expect(!tacho__lane_is_cached(writer), 0)) {
        return tacho__lane_enter_new(writer);
    }
    tacho__lane *lane = tacho__lane_cached.lane;
    const uint64_t before = atomic_load_explicit(&lane->state, memory_order_relaxed);
    atomic_store_explicit(&lane->state, TACHO__LANE_BUSY, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(before != atomic_load_explicit(&writer->gate, memory_order_acquire), 0)) {
        return tacho__lane_enter_odd(writer, lane, before);
    }
    return lane;
}

/** The shared lane, entered, for an operation that found no room; its lane has been left. NULL as above. */
tacho__lane *tacho__lane_enter_shared(tacho__writer *writer, bool reentrant);
/* A lane that no thread owns. */
void tacho__lane_leave_borrowed(tacho__writer *writer, tacho__lane *lane);

static inline void tacho__lane_leave(tacho__writer *writer, tacho__lane *lane) {
    if (__builtin_expect(lane->number >= TACHO__LANES_OWNED, 0)) {
        tacho__lane_leave_borrowed(writer, lane);
        return;
    }
    atomic_store_explicit(&lane->state, lane->pass, memory_order_release);
}

/**
 * The writer's lock, from inside a lane or from outside (lane NULL). In a forked child the first call makes it a
 * process of its own. False, and not locked: a signal handler that interrupted somebody who looks (below) while others
 * hold the lock; or a child without memory for a segment.
 */
bool tacho__writer_lock(tacho__writer *writer, const tacho__lane *lane);
/** The same for looking things up only, without the cost of blocking signals. */
bool tacho__writer_lock_to_look(tacho__writer *writer);
void tacho__writer_unlock(tacho__writer *writer);

/** Lines for a cell of this lane, from its own chunk if they fit; 0 = no room. Takes the lock when the chunk is used
 * up. */
tacho__line tacho__lane_take(tacho__writer *writer, tacho__lane *lane, uint32_t lines, bool overflow);
/** The same with the lock held. */
tacho__line tacho__lane_take_locked(tacho__lane *lane, uint32_t lines, bool overflow);

static inline tacho__set tacho__set_begin(const tacho__lane *lane) {
    return (tacho__set){lane->redo->word, lane->base, NULL, false};
}

/** Commits the set, and counts it if a sum reached the end of its range. */
static inline void tacho__lane_commit(tacho__lane *lane, const tacho__set *set) {
    tacho__set_commit(set, lane->redo, lane->base);
    if (__builtin_expect(set->saturated, 0)) {
        tacho__drop_count(lane->segment, TACHO__DROP_SATURATED);
    }
}

/** A new operation id, never 0. */
static inline uint64_t tacho__lane_id(tacho__lane *lane) {
    uint64_t id;
    do {
        id = lane->id_base + lane->id_next;
        lane->id_next += TACHO__LANES;
    } while (__builtin_expect(id == 0, 0));
    return id;
}

/** 64 random bits (wyrand, Wang Yi 2019: one multiplication), seeded by the kernel for each lane. */
static inline uint64_t tacho__lane_random(tacho__lane *lane) {
    const uint64_t state = (lane->random[0] += UINT64_C(0xA0761D6478BD642F));
    const unsigned __int128 product = (unsigned __int128)state * (state ^ UINT64_C(0xE7037ED1A0B428DB));
    return ((uint64_t)(product >> 64) ^ (uint64_t)product) + lane->random[1];
}

#endif
