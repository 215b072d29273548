#include "segment/lane.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/metrics.h"
#include "segment/sketch.h"

#include <pthread.h>
#include <string.h>

#define CHUNK_LINES 32u
/* Rings shrink as the space for details does: no lane may take more than a quarter of what is left. */
#define DETAIL_SHARE 4u

TACHO__THREAD_LOCAL tacho__lane_cache tacho__lane_cached = {UINT64_MAX, TACHO__LANE_NONE};

/* ---------------------------------------------------------------------------------------------------------- lines */

tacho__line tacho__lane_take_locked(tacho__lane *lane, uint32_t lines, bool overflow) {
    const tacho__pocket pocket = lane->shared && overflow ? TACHO__POCKET_RESERVE : TACHO__POCKET_ORDINARY;
    const uint32_t left = lane->chunk_end - lane->chunk_next;
    if (left < lines) {
        if (left > 0 || lines > CHUNK_LINES / 4) { /* what is left of the chunk is for single lines, which most are */
            return tacho__segment_take(lane->segment, lines, pocket);
        }
        tacho__line chunk = tacho__segment_take(lane->segment, CHUNK_LINES, pocket);
        if (chunk == 0) {
            return tacho__segment_take(lane->segment, lines, pocket);
        }
        lane->chunk_next = chunk;
        lane->chunk_end = chunk + CHUNK_LINES;
        tacho__put_half(&lane->header->chunk_end, lane->chunk_end);
    }
    const tacho__line line = lane->chunk_next;
    lane->chunk_next += lines;
    /* Before anything links to the line: a death here wastes it, never gives it out twice. */
    tacho__put_half(&lane->header->chunk_next, lane->chunk_next);
    return line;
}

tacho__line tacho__lane_take(tacho__writer *writer, tacho__lane *lane, uint32_t lines, bool overflow) {
    if (lane->chunk_end - lane->chunk_next >= lines) {
        return tacho__lane_take_locked(lane, lines, overflow);
    }
    if (!tacho__writer_lock(writer, lane)) {
        return 0;
    }
    const tacho__line line = tacho__lane_take_locked(lane, lines, overflow);
    tacho__writer_unlock(writer);
    return line;
}

/* ---------------------------------------------------------------------------------------------- a lane's beginning */

static void give_ring(tacho__lane *lane) {
    static const uint32_t sizes[] = {TACHO__RING_RECORDS, 256, 64};
    tacho__lane_header *header = lane->header;
    tacho__line ring = tacho__get_half(&header->ring);
    uint32_t capacity = tacho__get_half(&header->ring_capacity);
    for (size_t i = 0; ring == 0 && i < sizeof sizes / sizeof *sizes; ++i) {
        const uint32_t lines = sizes[i] * TACHO__RECORD_BYTES / TACHO__LINE;
        if ((uint64_t)lines * DETAIL_SHARE <= lane->segment->detail_left) {
            ring = tacho__segment_take(lane->segment, lines, TACHO__POCKET_DETAIL);
            capacity = sizes[i];
        }
    }
    lane->ring = ring ? tacho__at(lane->segment, ring) : NULL;
    lane->ring_mask = ring ? capacity - 1 : 0;
    if (ring) {
        tacho__put_half(&header->ring, ring);
        tacho__put_half(&header->ring_capacity, capacity);
    }
}

/* Resolves everything for the writer's current segment. Under the lock; the lane is not in use by anybody else. */
static bool settle(tacho__writer *writer, tacho__lane *lane) {
    tacho__segment *segment = atomic_load_explicit(&writer->segment, memory_order_relaxed);
    tacho__lane_header *header = &segment->lanes[lane->number];
    tacho__line redo = tacho__get_half(&header->redo);
    if (redo == 0) {
        redo = tacho__segment_take(segment, TACHO__REDO_LINES,
                                   lane->shared ? TACHO__POCKET_RESERVE : TACHO__POCKET_ORDINARY);
        if (redo == 0) {
            return false;
        }
        tacho__put_half(&header->redo, redo);
    }
    if (lane->segment) { /* else it is fresh, and most of it need never be touched */
        memset(lane->bound, 0, writer->series_slots * sizeof(*lane->bound));
    }
    memset(lane->cells, 0, sizeof lane->cells);
    memset(lane->windows, 0, sizeof lane->windows);
    tacho__customs_forget(&lane->customs);
    lane->notes.base = NULL;
    lane->model_count = 0;
    lane->own_session = 0;
    memset(lane->slowest, 0, sizeof lane->slowest);
    memset(lane->slowest_ns, 0, sizeof lane->slowest_ns);
    memset(lane->slowest_floor, 0, sizeof lane->slowest_floor);
    memset(lane->slowest_used, 0, sizeof lane->slowest_used);
    memset(lane->slowest_free, 0, sizeof lane->slowest_free);
    atomic_store_explicit(&lane->open_returned, 0, memory_order_relaxed);
    lane->segment = segment;
    lane->base = segment->base;
    lane->header = header;
    lane->redo = tacho__at(segment, redo);
    lane->records = 0;
    lane->id_base = segment->header->id_base;
    lane->id_next = lane->number;
    lane->chunk_next = lane->chunk_end = 0;
    lane->open_free_count = 0;
    lane->open_chunks = 0;
    give_ring(lane);
    if (tacho__get_half(&segment->header->lane_count) <= lane->number) {
        tacho__put_half(&segment->header->lane_count, lane->number + 1);
    }
    tacho__put_half(&header->state, TACHO__LANE_TAKEN);
    lane->pass = tacho__writer_pass(writer, segment->generation);
    atomic_store_explicit(&lane->generation, segment->generation, memory_order_release);
    return true;
}

static void leave(tacho__lane *lane) {
    atomic_store_explicit(&lane->state, lane->pass, memory_order_release);
}

/* The generation of the lane is that of the segment: only recording is switched off, which is the caller's business. */
static bool is_current(const tacho__writer *writer, const tacho__lane *lane) {
    return atomic_load_explicit(&lane->generation, memory_order_relaxed) ==
           atomic_load_explicit(&writer->generation, memory_order_acquire);
}

static size_t guest_stride(const tacho__writer *writer) {
    const size_t bytes = sizeof(tacho__lane) + writer->series_slots * sizeof(tacho__bound);
    return (bytes + TACHO__LINE - 1) / TACHO__LINE * TACHO__LINE;
}

size_t tacho__lanes_guest_bytes(const tacho__writer *writer) {
    return TACHO__LANES_GUEST * guest_stride(writer);
}

/* Memory for a lane and its table of series. */
static tacho__lane *allot_lane(const tacho__writer *writer, uint32_t number) {
    if (number >= TACHO__LANES_OWNED && number < TACHO__LANE_SHARED) {
        tacho__lane *guest =
            (tacho__lane *)(writer->guest_pages + (number - TACHO__LANES_OWNED) * guest_stride(writer));
        guest->bound = (tacho__bound *)(guest + 1);
        return guest;
    }
    tacho__lane *lane = tacho__calloc(1, sizeof *lane);
    if (lane) {
        lane->bound = tacho__calloc(writer->series_slots, sizeof(*lane->bound));
    }
    if (lane && !lane->bound) {
        tacho__free(lane);
        return NULL;
    }
    return lane;
}

static void count_owned(tacho__writer *writer, tacho__lane *lane, bool taken) {
    if (lane->taken != taken && lane->number < TACHO__LANES_OWNED) {
        const uint32_t owned = atomic_load_explicit(&writer->owned, memory_order_relaxed);
        atomic_store_explicit(&writer->owned, taken ? owned + 1 : owned - 1, memory_order_relaxed);
    }
    lane->taken = taken;
}

tacho__lane *tacho__lane_make(tacho__writer *writer, uint32_t number) {
    if (!writer->lanes[number]) {
        tacho__lane *lane = allot_lane(writer, number);
        if (!lane) {
            return NULL;
        }
        lane->number = number;
        lane->shared = number == TACHO__LANE_SHARED;
        tacho__random_bytes(lane->random, sizeof lane->random);
        writer->lanes[number] = lane;
    }
    tacho__lane *lane = writer->lanes[number];
    if (!is_current(writer, lane) && !settle(writer, lane)) {
        return NULL;
    }
    if (atomic_load_explicit(&lane->state, memory_order_relaxed) != TACHO__LANE_BUSY) {
        leave(lane);
    }
    tacho__put_half(&lane->header->state, TACHO__LANE_TAKEN);
    tacho__put(&lane->header->owner, tacho__thread_number());
    lane->serial = atomic_load_explicit(&writer->serial, memory_order_relaxed);
    count_owned(writer, lane, true);
    return lane;
}

static bool renew(tacho__writer *writer, tacho__lane *lane) {
    bool done = is_current(writer, lane);
    if (!done && tacho__writer_lock(writer, lane)) {
        done = settle(writer, lane);
        tacho__writer_unlock(writer);
    }
    if (!done) {
        leave(lane);
    }
    return done;
}

/* --------------------------------------------------------------------------------------------------------- threads */

void tacho__lane_give_back(tacho__writer *writer, tacho__lane *lane) {
    count_owned(writer, lane, false);
    if (is_current(writer, lane)) { /* else its header went with a segment that a reset replaced */
        tacho__put_half(&lane->header->state, TACHO__LANE_RETURNED);
    }
}

/* What a thread gives back when it ends: a list, because it may have recorded through several writers. */
typedef struct holding {
    struct holding *next;
    uint64_t serial;
    uint32_t number;
} holding;

static pthread_key_t holdings_key;
static pthread_once_t holdings_once = PTHREAD_ONCE_INIT;
static bool holdings_usable;

static void thread_ends(void *list) {
    tacho__lane_cached = TACHO__LANE_UNCACHED;
    for (holding *held = list, *next; held; held = next) {
        next = held->next;
        tacho__writer_take_back(held->serial, held->number);
        tacho__free(held);
    }
}

static void make_key(void) {
    holdings_usable = pthread_key_create(&holdings_key, thread_ends) == 0;
}

void tacho__lanes_prepare(void) {
    pthread_once(&holdings_once, make_key);
}

/* Lanes that this thread holds already: the cache has few places, and two writers may share one. */
static tacho__lane *find_held(const tacho__writer *writer) {
    for (holding *held = pthread_getspecific(holdings_key); held; held = held->next) {
        if (held->serial == writer->serial) {
            return writer->lanes[held->number];
        }
    }
    return NULL;
}

/* NULL: out of memory. */
static holding *remember(const tacho__writer *writer, uint32_t number) {
    holding *list = pthread_getspecific(holdings_key);
    for (holding *held = list; held; held = held->next) {
        if (!tacho__writer_lives(held->serial)) { /* of a writer that is gone: use it again */
            held->serial = writer->serial;
            held->number = number;
            return held;
        }
    }
    holding *held = tacho__malloc(sizeof *held);
    if (!held) {
        return NULL;
    }
    *held = (holding){list, writer->serial, number};
    if (pthread_setspecific(holdings_key, held) != 0) {
        tacho__free(held);
        return NULL;
    }
    return held;
}

/* A lane for this thread to keep; NULL when all are taken. Under the lock. */
static tacho__lane *claim(tacho__writer *writer) {
    for (uint32_t number = 0; number < TACHO__LANES_OWNED; ++number) {
        const tacho__lane *lane = writer->lanes[number];
        if (lane && lane->taken) {
            continue;
        }
        holding *held = remember(writer, number);
        tacho__lane *mine = held ? tacho__lane_make(writer, number) : NULL;
        if (held && !mine) {
            held->serial = 0; /* dead at once: the next claim uses it again */
        }
        return mine;
    }
    return NULL;
}

/* A signal handler between these stores must not find the serial of one writer with a lane of another. */
static void remember_as_last(const tacho__writer *writer, tacho__lane *lane) {
    volatile tacho__lane_cache *last = &tacho__lane_cached;
    last->serial = TACHO__LANE_UNCACHED.serial;
    last->lane = lane;
    last->serial = writer->serial;
}

static tacho__lane *own_lane(tacho__writer *writer) {
    tacho__lane *lane = writer->serialized ? writer->lanes[0] : holdings_usable ? find_held(writer) : NULL;
    const bool some = atomic_load_explicit(&writer->owned, memory_order_relaxed) < TACHO__LANES_OWNED;
    if (!lane && some && holdings_usable && tacho__writer_lock(writer, NULL)) {
        lane = claim(writer);
        tacho__writer_unlock(writer);
    }
    if (lane) {
        remember_as_last(writer, lane);
    }
    return lane;
}

/* ---------------------------------------------------------------------------------- lanes that no thread owns */

/* Busy, and resolved for the writer's segment; false: neither. */
static bool occupy(tacho__writer *writer, tacho__lane *lane, bool reentrant) {
    lane->reentrant = reentrant;
    lane->serial = atomic_load_explicit(&writer->serial, memory_order_relaxed);
    atomic_store_explicit(&lane->state, TACHO__LANE_BUSY, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return is_current(writer, lane) || renew(writer, lane);
}

tacho__lane *tacho__lane_enter_shared(tacho__writer *writer, bool reentrant) {
    if (!tacho__guard_enter(&writer->sharing, TACHO__GUARD_QUIET)) {
        tacho__writer_lose(writer);
        return NULL;
    }
    tacho__lane *lane = tacho__writer_settle(writer) ? writer->lanes[TACHO__LANE_SHARED] : NULL;
    if (!lane || !occupy(writer, lane, reentrant)) {
        tacho__guard_leave(&writer->sharing);
        tacho__writer_lose(writer);
        return NULL;
    }
    tacho__drop_count(lane->segment, TACHO__DROP_LANE_SHARED);
    return lane;
}

/* Number of a guests' lane that is the caller's now; TACHO__LANES = all are taken. */
static uint32_t claim_guest(tacho__writer *writer) {
    const uint32_t all = (UINT32_C(1) << TACHO__LANES_GUEST) - 1;
    uint32_t taken = atomic_load_explicit(&writer->guests, memory_order_relaxed);
    while (taken != all) {
        const uint32_t one = ~taken & (taken + 1); /* the lowest that is free */
        if (atomic_compare_exchange_weak_explicit(&writer->guests, &taken, taken | one, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return TACHO__LANES_OWNED + (uint32_t)__builtin_ctz(one);
        }
    }
    return TACHO__LANES;
}

static void release_guest(tacho__writer *writer, uint32_t number) {
    const uint32_t one = UINT32_C(1) << (number - TACHO__LANES_OWNED);
    atomic_fetch_and_explicit(&writer->guests, ~one, memory_order_release);
}

static tacho__lane *first_use_of_guest(tacho__writer *writer, uint32_t number) {
    tacho__lane *lane = NULL;
    if (tacho__writer_lock(writer, NULL)) {
        lane = tacho__lane_make(writer, number);
        tacho__writer_unlock(writer);
    }
    return lane;
}

/* A lane for one call. */
static tacho__lane *enter_guest(tacho__writer *writer, bool reentrant) {
    const uint32_t number = claim_guest(writer);
    if (number == TACHO__LANES) {
        return tacho__lane_enter_shared(writer, reentrant);
    }
    tacho__lane *lane = writer->lanes[number];
    if (__builtin_expect(!lane, 0)) {
        lane = first_use_of_guest(writer, number);
    }
    if (!lane || !occupy(writer, lane, reentrant)) { /* no room for its redo area */
        release_guest(writer, number);
        return tacho__lane_enter_shared(writer, reentrant);
    }
    return lane;
}

void tacho__lane_leave_borrowed(tacho__writer *writer, tacho__lane *lane) {
    lane->reentrant = false;
    const bool stale = lane->serial != atomic_load_explicit(&writer->serial, memory_order_relaxed);
    leave(lane);
    if (lane->shared) {
        tacho__guard_leave(&writer->sharing);
    } else if (!stale) { /* else the call began before a fork, and what it had claimed is not here */
        release_guest(writer, lane->number);
    }
}

/* -------------------------------------------------------------------------------------------------- unusual entries */

tacho__lane *tacho__lane_enter_new(tacho__writer *writer) {
    if (!tacho__writer_settle(writer)) {
        tacho__writer_lose(writer);
        return NULL;
    }
    tacho__lane *lane = own_lane(writer);
    return lane ? tacho__lane_enter(writer) : enter_guest(writer, false);
}

tacho__lane *tacho__lane_enter_odd(tacho__writer *writer, tacho__lane *lane, uint64_t before) {
    if (lane->serial != atomic_load_explicit(&writer->serial, memory_order_relaxed)) {
        /* This call was interrupted on its way in, by a signal handler that forked: here is the child. */
        atomic_store_explicit(&lane->state, before, memory_order_relaxed);
        return tacho__lane_enter_new(writer);
    }
    if (before == TACHO__LANE_BUSY) { /* this thread is inside already, further out */
        return enter_guest(writer, true);
    }
    return renew(writer, lane) ? lane : tacho__lane_enter_shared(writer, false);
}
