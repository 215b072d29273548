/**
 * The life of a writer: opening, resets, closing; and what a fork does to all writers of a process.
 *
 * fork() runs the three handlers below, so that the child gets tables that nobody was changing. A child made by clone()
 * or _Fork() runs none; the kernel empties the first page of each writer for it all the same, and the first use notices
 * (tacho__writer_settle). vfork and posix_spawn share the parent's memory and are nothing special.
 */
#include "base/hash.h"
#include "base/memory.h"
#include "base/unforked.h"
#include "segment/lane.h"
#include "segment/metrics.h"
#include "segment/sketch.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__) && !defined(TACHO_PORTABLE)
#include <sys/syscall.h>
#endif

_Atomic uint64_t tacho__writers_living[TACHO__WRITERS];
static tacho__writer *writers[TACHO__WRITERS]; /* under `living`, as everything that adds or removes */
static _Atomic uint64_t last_serial;

/* In pages like a writer's, so that no child finds it held. */
typedef struct living_page {
    union {
        tacho__guard guard;
        uint8_t page[TACHO__PAGE];
    };
} living_page;
static tacho__guard unwiped_living;
static tacho__guard *living = &unwiped_living;

#if defined(__linux__) && defined(SYS_membarrier) && !defined(TACHO_PORTABLE)
#define MEMBARRIER_PRIVATE_EXPEDITED          (1 << 3)
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)
static void register_barrier(void) {
    syscall(SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}
static bool barrier_everywhere(void) {
    return syscall(SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0) == 0;
}
#else
static void register_barrier(void) {}
static bool barrier_everywhere(void) {
    return false;
}
#endif

/* ------------------------------------------------------------------------------------------------------------ locks */

bool tacho__writer_is_inherited(const tacho__writer *writer) {
    return atomic_load_explicit(&writer->serial, memory_order_relaxed) == 0 ||
           (!writer->wiped && (int64_t)getpid() != writer->process);
}

/* What could not be counted when it was lost. */
static void count_lost(tacho__writer *writer) {
    const uint64_t lost = atomic_exchange_explicit(&writer->lost, 0, memory_order_relaxed);
    tacho__segment *segment = atomic_load_explicit(&writer->segment, memory_order_relaxed);
    atomic_fetch_add_explicit(&segment->header->drops[TACHO__DROP_LOST], lost, memory_order_relaxed);
}

static void abandon_segments(tacho__writer *writer);

static bool inherit_nothing(tacho__writer *writer) {
    abandon_segments(writer); /* both once more, for a child that came without the handlers */
    tacho__unforked_disinherit();
    return writer->begin_anew(writer);
}

bool tacho__writer_lock(tacho__writer *writer, const tacho__lane *lane) {
    (void)lane;
    if (!tacho__guard_enter(&writer->lock, TACHO__GUARD_QUIET)) {
        return false;
    }
    if (__builtin_expect(tacho__writer_is_inherited(writer), 0) && !inherit_nothing(writer)) {
        tacho__guard_leave(&writer->lock);
        return false;
    }
    if (__builtin_expect(atomic_load_explicit(&writer->lost, memory_order_relaxed) != 0, 0)) {
        count_lost(writer);
    }
    return true;
}

bool tacho__writer_lock_to_look(tacho__writer *writer) {
    if (__builtin_expect(tacho__writer_is_inherited(writer), 0)) {
        return tacho__writer_lock(writer, NULL);
    }
    return tacho__guard_enter(&writer->lock, TACHO__GUARD_OPEN);
}

void tacho__writer_unlock(tacho__writer *writer) {
    tacho__guard_leave(&writer->lock);
    if (__builtin_expect(atomic_load_explicit(&writer->arrived, memory_order_relaxed) != NULL, 0)) {
        void (*const arrived)(tacho__writer *) = atomic_exchange_explicit(&writer->arrived, NULL, memory_order_relaxed);
        if (arrived) {
            arrived(writer);
        }
    }
}

bool tacho__writer_settle(tacho__writer *writer) {
    if (!tacho__writer_is_inherited(writer)) {
        return true;
    }
    const bool here = tacho__writer_lock(writer, NULL);
    if (here) {
        tacho__writer_unlock(writer);
    }
    return here;
}

/* ---------------------------------------------------------------------------------------------------- living writers
 */

static uint64_t new_serial(uint32_t place) {
    return (atomic_fetch_add_explicit(&last_serial, 1, memory_order_relaxed) + 1) * TACHO__WRITERS + place;
}

static void become(tacho__writer *writer) {
    const uint64_t serial = new_serial(writer->place);
    writer->process = (int64_t)getpid();
    atomic_store_explicit(&tacho__writers_living[writer->place], serial, memory_order_release);
    atomic_store_explicit(&writer->serial, serial, memory_order_release);
}

static bool register_writer(tacho__writer *writer) {
    bool found = false;
    tacho__guard_enter(living, TACHO__GUARD_QUIET);
    for (uint32_t place = 0; place < TACHO__WRITERS && !found; ++place) {
        if (!writers[place]) {
            writers[place] = writer;
            writer->place = place;
            become(writer);
            writer->first_serial = atomic_load_explicit(&writer->serial, memory_order_relaxed);
            found = true;
        }
    }
    tacho__guard_leave(living);
    return found;
}

static void unregister_writer(const tacho__writer *writer) {
    tacho__guard_enter(living, TACHO__GUARD_QUIET);
    if (writers[writer->place] == writer) {
        atomic_store_explicit(&tacho__writers_living[writer->place], 0, memory_order_release);
        writers[writer->place] = NULL;
    }
    tacho__guard_leave(living);
}

void tacho__writer_take_back(uint64_t serial, uint32_t number) {
    if (!tacho__guard_enter(living, TACHO__GUARD_QUIET)) {
        return;
    }
    tacho__writer *writer = tacho__writer_lives(serial) ? writers[serial % TACHO__WRITERS] : NULL;
    if (writer && atomic_load_explicit(&writer->serial, memory_order_relaxed) == serial &&
        tacho__writer_lock(writer, NULL)) {
        tacho__lane_give_back(writer, writer->lanes[number]);
        tacho__writer_unlock(writer);
    }
    tacho__guard_leave(living);
}

void tacho__writer_count_foreign(uint64_t serial) {
    if (!tacho__guard_enter(living, TACHO__GUARD_QUIET)) {
        return;
    }
    /* A place keeps its writer through forks; what it was called between its opening and now, it was in a parent. */
    tacho__writer *writer = writers[serial % TACHO__WRITERS];
    if (writer && serial >= writer->first_serial &&
        serial != atomic_load_explicit(&writer->serial, memory_order_relaxed) && tacho__writer_lock(writer, NULL)) {
        tacho__drop_count(atomic_load_explicit(&writer->segment, memory_order_relaxed), TACHO__DROP_FOREIGN_END);
        tacho__writer_unlock(writer);
    }
    tacho__guard_leave(living);
}

/* ------------------------------------------------------------------------------------------------------------- fork */

/* Files and memory of the parent's segments: whatever still writes there reaches nobody, and their locks are not ours.
 */
static void abandon_segments(tacho__writer *writer) {
    tacho__segment_abandon(atomic_load_explicit(&writer->segment, memory_order_relaxed));
    tacho__segment_abandon(writer->previous);
    for (tacho__segment *segment = writer->retired; segment; segment = segment->next_retired) {
        tacho__segment_abandon(segment);
    }
}

static void hold_all(void) {
    tacho__guard_enter(living, TACHO__GUARD_ALL);
    for (uint32_t place = 0; place < TACHO__WRITERS; ++place) {
        if (writers[place]) {
            tacho__guard_enter(&writers[place]->lock, TACHO__GUARD_ALL);
        }
    }
}

static void let_all_go(void) {
    for (uint32_t place = TACHO__WRITERS; place-- > 0;) {
        if (writers[place]) {
            tacho__guard_leave(&writers[place]->lock);
        }
    }
    tacho__guard_leave(living);
}

/* Nothing here may ask for memory or a lock of others; the rest follows at the first use. The thread's cache stays: no
 * writer will have that serial again, and a call that the fork interrupted on its way in may be about to read it. */
static void disinherit_all(void) {
    tacho__guard_forget_all();
    tacho__guard_reset(living);
    for (uint32_t place = 0; place < TACHO__WRITERS; ++place) {
        tacho__writer *writer = writers[place];
        atomic_store_explicit(&tacho__writers_living[place], 0, memory_order_relaxed);
        if (writer) {
            atomic_store_explicit(&writer->serial, 0, memory_order_relaxed);
            atomic_store_explicit(&writer->gate, 0, memory_order_relaxed);
            atomic_store_explicit(&writer->lost, 0, memory_order_relaxed);
            atomic_store_explicit(&writer->guests, 0, memory_order_relaxed);
            tacho__guard_reset(&writer->lock);
            tacho__guard_reset(&writer->sharing);
            abandon_segments(writer);
        }
    }
}

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare_process(void) {
    bool wiped = false;
    tacho__unforked_prepare();
    living_page *page = tacho__pages_new(sizeof *page, &wiped);
    if (page && wiped) {
        living = &page->guard;
    } else {
        tacho__pages_free(page, sizeof *page);
    }
    pthread_atfork(hold_all, let_all_go, disinherit_all);
}

void tacho__writers_hold(void) {
    pthread_once(&prepared, prepare_process);
    tacho__guard_enter(living, TACHO__GUARD_QUIET);
}

void tacho__writers_let_go(void) {
    tacho__guard_leave(living);
}

static bool any_lane_busy(const tacho__writer *writer) {
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const tacho__lane *lane = writer->lanes[i];
        if (lane && atomic_load_explicit(&lane->state, memory_order_relaxed) == TACHO__LANE_BUSY) {
            return true;
        }
    }
    return false;
}

/* Lanes and segments as the parent left them: used again, or, if somebody was inside, left where they are for ever. */
static void leave_behind(tacho__writer *writer) {
    const bool busy = any_lane_busy(writer);
    if (!busy) {
        for (tacho__segment *segment = writer->retired, *next; segment; segment = next) {
            next = segment->next_retired;
            tacho__segment_release(segment);
        }
        tacho__segment_release(writer->previous);
        tacho__segment_release(atomic_load_explicit(&writer->segment, memory_order_relaxed));
    }
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        tacho__lane *lane = writer->lanes[i];
        if (busy) {
            writer->lanes[i] = NULL;
        } else if (lane) {
            lane->taken = false;
            tacho__random_bytes(lane->random, sizeof lane->random);
        }
    }
    atomic_store_explicit(&writer->owned, 0, memory_order_relaxed);
    writer->guest_pages = busy ? NULL : writer->guest_pages;
    writer->retired = writer->previous = NULL;
}

static bool make_first_lanes(tacho__writer *writer) {
    if (!writer->guest_pages) {
        writer->guest_pages = tacho__pages_new(tacho__lanes_guest_bytes(writer), NULL);
    }
    /* The shared lane exists from the start: it is where everything goes that finds no room later. */
    return writer->guest_pages && tacho__lane_make(writer, TACHO__LANE_SHARED) &&
           (!writer->serialized || tacho__lane_make(writer, 0));
}

bool tacho__writer_arrive(tacho__writer *writer, tacho__segment *segment, bool open) {
    register_barrier();
    leave_behind(writer);
    atomic_store_explicit(&writer->segment, segment, memory_order_release);
    atomic_store_explicit(&writer->generation, segment->generation, memory_order_release);
    atomic_store_explicit(&writer->gate, open ? tacho__writer_pass(writer, segment->generation) : 0,
                          memory_order_release);
    become(writer);
    if (make_first_lanes(writer)) {
        return true;
    }
    atomic_store_explicit(&writer->serial, 0, memory_order_relaxed); /* the next call tries again */
    return false;
}

/* --------------------------------------------------------------------------------------------- life of the writer */

tacho_status tacho__writer_open(tacho__writer *writer, tacho__segment *segment) {
    tacho__grids_prepare();
    tacho__lanes_prepare();
    register_barrier();
    atomic_init(&writer->segment, segment);
    atomic_init(&writer->generation, segment->generation);
    const bool registered = register_writer(writer);
    atomic_init(&writer->gate, tacho__writer_pass(writer, segment->generation));
    if (registered && make_first_lanes(writer)) {
        return TACHO_OK;
    }
    tacho__writer_close(writer);
    return registered ? TACHO_NOMEM : TACHO_FULL;
}

void tacho__writer_close(tacho__writer *writer) {
    if (tacho__writer_is_inherited(writer)) {
        abandon_segments(writer);
    }
    unregister_writer(writer);
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        tacho__lane *lane = writer->lanes[i];
        if (lane) {
            tacho__customs_free(&lane->customs);
        }
        if (lane && (i < TACHO__LANES_OWNED || i == TACHO__LANE_SHARED)) {
            tacho__free(lane->bound);
            tacho__free(lane);
        }
    }
    tacho__pages_free(writer->guest_pages, tacho__lanes_guest_bytes(writer));
    for (tacho__segment *segment = writer->retired, *next; segment; segment = next) {
        next = segment->next_retired;
        tacho__segment_release(segment);
    }
    tacho__segment_release(writer->previous);
    tacho__segment_release(atomic_load_explicit(&writer->segment, memory_order_relaxed));
}

void tacho__writer_set_gate(tacho__writer *writer, bool open) {
    if (!tacho__writer_lock(writer, NULL)) {
        return; /* a child without memory: the gate is set when it has a segment */
    }
    const uint64_t generation = atomic_load_explicit(&writer->generation, memory_order_relaxed);
    atomic_store_explicit(&writer->gate, open ? tacho__writer_pass(writer, generation) : 0, memory_order_release);
    tacho__writer_unlock(writer);
}

/*
 * Nobody can write to a replaced segment any more: each lane that is resolved for it is outside. A lane of another
 * generation cannot come here: it is resolved under the lock, for the newest. Under the lock.
 *
 * Entering a lane stores `state` and loads `gate` without a fence between; `barrier` is that fence. Without it, time
 * is: a store does not stay in the buffer of a processor for milliseconds.
 */
static bool is_left(const tacho__writer *writer, const tacho__segment *segment, bool barrier) {
    const bool settled = barrier || tacho__now(&tacho__clock_system) - segment->retired_ns > TACHO__STORES_ARE_SEEN_NS;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const tacho__lane *lane = writer->lanes[i];
        if (!lane || atomic_load_explicit(&lane->generation, memory_order_acquire) != segment->generation) {
            continue;
        }
        const bool outside = atomic_load_explicit(&lane->state, memory_order_acquire) != TACHO__LANE_BUSY;
        if (!outside || !(settled || !lane->taken)) {
            return false;
        }
    }
    return true;
}

static void free_retired(tacho__writer *writer) {
    const bool barrier = barrier_everywhere();
    tacho__segment **link = &writer->retired;
    while (*link) {
        tacho__segment *segment = *link;
        if (is_left(writer, segment, barrier)) {
            *link = segment->next_retired;
            tacho__segment_release(segment);
        } else {
            link = &segment->next_retired;
        }
    }
}

void tacho__writer_replace(tacho__writer *writer, tacho__segment *segment, bool keep) {
    tacho__segment *old = atomic_load_explicit(&writer->segment, memory_order_relaxed);
    tacho__segment_release(writer->previous);
    writer->previous = NULL;
    if (keep) {
        tacho__segment_retain(old);
        writer->previous = old;
    }
    atomic_store_explicit(&writer->segment, segment, memory_order_release);
    atomic_store_explicit(&writer->generation, segment->generation, memory_order_release);
    if (atomic_load_explicit(&writer->gate, memory_order_relaxed) != 0) {
        atomic_store_explicit(&writer->gate, tacho__writer_pass(writer, segment->generation), memory_order_release);
    }
    old->retired_ns = tacho__now(&tacho__clock_system);
    old->next_retired = writer->retired;
    writer->retired = old;
    free_retired(writer);
}

bool tacho__writer_has_left(tacho__writer *writer, const tacho__segment *segment) {
    if (!tacho__writer_lock(writer, NULL)) {
        return false;
    }
    const bool left = is_left(writer, segment, barrier_everywhere());
    tacho__writer_unlock(writer);
    return left;
}
