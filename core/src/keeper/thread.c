/*
 * The thread: looks what is due, does it without the lock, waits for the next thing. Every wait is on one condition, so
 * whatever somebody wants is done at once.
 */
#include "keeper/kept.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "collect/collector.h"

#define NEVER UINT64_MAX

static void lock(void) {
    pthread_mutex_lock(&tacho__keeper.lock);
}

static void unlock(void) {
    pthread_mutex_unlock(&tacho__keeper.lock);
}

static uint64_t now_ns(void) {
    return tacho__now(&tacho__clock_system);
}

/* So that processes that began together do not ask together. */
static uint64_t next_attempt(uint64_t now) {
    const uint64_t pace = atomic_load_explicit(&tacho__keeper.pace_ns, memory_order_relaxed);
    return now + pace / 5 * 4 + tacho__random_id() % (pace / 5 * 2 + 1);
}

/* ------------------------------------------------------------------------------------------------------------- turns
 */

/* Whoever closed the collector has stopped waiting, and may free what he gave it. It is the thread's alone by then. */
static void adopt(const tacho__kept *kept) {
    if (kept->state == TACHO__KEPT_ORPHAN) {
        kept->collector->clock = tacho__clock_system;
        kept->collector->prices = tacho_price_table_builtin();
    }
}

static void run(tacho__kept *kept, uint32_t i) {
    adopt(kept);
    const tacho__keeper_job job = kept->jobs[i].job;
    const bool begin = !kept->jobs[i].begun;
    kept->jobs[i].begun = true;
    kept->jobs[i].due_ns = NEVER; /* unless somebody hurries it meanwhile */
    const int64_t wall = tacho__wall(&kept->collector->clock);
    tacho__keeper.running = kept;
    tacho__keeper.reads = true;
    unlock();
    if (begin && job.begin) {
        job.begin(job.context, wall);
    }
    job.run(job.context, wall);
    lock();
    tacho__keeper.running = NULL;
    pthread_cond_broadcast(&tacho__keeper.changed);
    const uint64_t usual = now_ns() + job.interval_ns;
    kept->jobs[i].due_ns = kept->jobs[i].due_ns < usual ? kept->jobs[i].due_ns : usual;
}

static bool acts_for(const tacho__kept *kept, uint32_t job) {
    return kept->leases[kept->jobs[job].job.lease].acts;
}

/* A turn of every job that is for this process to do. */
static void run_all(tacho__kept *kept) {
    for (uint32_t i = 0; i < kept->count; ++i) {
        if (acts_for(kept, i)) {
            run(kept, i);
        }
    }
}

static bool take(tacho__kept *kept, tacho__lease lease) {
    if (lease == TACHO__LEASE_REGISTRY) {
        return tacho__registry_lease_try(kept->registry);
    }
    return tacho__registry_lock(kept->registry, TACHO__REGISTRY_LEASE_HISTORY, &kept->leases[lease].file);
}

/* The host may have closed everything it had, and the lock with it. */
static bool has_lost(const tacho__kept *kept, tacho__lease lease) {
    if (!kept->registry || !kept->leases[lease].acts || lease == TACHO__LEASE_NONE) {
        return false;
    }
    return !tacho__registry_holds(lease == TACHO__LEASE_REGISTRY ? &kept->registry->lease : &kept->leases[lease].file);
}

static void try_lease(tacho__kept *kept, tacho__lease lease, uint64_t now) {
    kept->leases[lease].acts = take(kept, lease);
    kept->leases[lease].due_ns = kept->leases[lease].acts ? NEVER : next_attempt(now);
    for (uint32_t i = 0; i < kept->count; ++i) {
        if (kept->jobs[i].job.lease == lease && kept->leases[lease].acts) {
            kept->jobs[i].due_ns = now;
        }
    }
}

/* Those that somebody else had when they were tried before; `due` limits it to those whose time has come. */
static void try_leases(tacho__kept *kept, uint64_t now, bool due) {
    for (unsigned lease = 0; lease < TACHO__LEASES; ++lease) {
        tacho__kept_lease *which = &kept->leases[lease];
        if (has_lost(kept, lease)) {
            tacho__kept_let_go(kept, lease);
            which->due_ns = now;
        }
        const bool wanted = !which->acts && tacho__kept_wants(kept, lease);
        if (wanted && (!due || which->due_ns <= now)) {
            try_lease(kept, lease, now);
        }
    }
}

static void give_leases_back(tacho__kept *kept) {
    for (unsigned lease = 0; lease < TACHO__LEASES; ++lease) {
        tacho__kept_let_go(kept, lease);
    }
}

/* ----------------------------------------------------------------------------------------------------------- leaving
 */

static void drop_jobs(tacho__kept *kept) {
    for (uint32_t i = 0; i < kept->count; ++i) {
        const tacho__keeper_job job = kept->jobs[i].job;
        unlock();
        if (job.drop) {
            job.drop(job.context);
        }
        lock();
    }
}

static void let_go(tacho__kept *kept) {
    if (!kept->parted) {
        try_leases(kept, now_ns(), false); /* whoever had them may have ended with us */
        run_all(kept);
    }
    drop_jobs(kept);
    give_leases_back(kept);
    if (kept->state != TACHO__KEPT_ORPHAN) {
        kept->state = TACHO__KEPT_LEFT; /* whoever closes it is waiting, and frees both */
        kept->count = 0;
        return;
    }
    adopt(kept);
    tacho_collector *collector = kept->collector;
    tacho__kept_free(kept);
    unlock();
    tacho__collector_free(collector);
    lock();
}

/* At exit: contexts stay, because other threads may be in them still. */
static void part(tacho__kept *kept) {
    try_leases(kept, now_ns(), false);
    run_all(kept);
    kept->parted = true;
    give_leases_back(kept);
}

/* ------------------------------------------------------------------------------------------------------------- order
 */

static bool serve_flush(tacho__kept *kept) {
    const uint64_t asked = kept->asked;
    if (asked == kept->flushed) {
        return false;
    }
    try_leases(kept, now_ns(), false);
    run_all(kept);
    kept->flushed = asked;
    return true;
}

static bool serve_due(tacho__kept *kept, uint64_t now) {
    try_leases(kept, now, true);
    for (uint32_t i = 0; i < kept->count; ++i) {
        if (acts_for(kept, i) && kept->jobs[i].due_ns <= now) {
            run(kept, i);
            return true;
        }
    }
    return false;
}

/* One thing that is due; the list may have changed when it is done. */
static bool serve(tacho__kept *kept, uint64_t now) {
    switch (kept->state) {
    case TACHO__KEPT_LEAVING:
    case TACHO__KEPT_ORPHAN:
        let_go(kept);
        return true;
    case TACHO__KEPT_ACTIVE:
        if (tacho__keeper.exiting && !kept->parted) {
            part(kept);
            return true;
        }
        return !kept->parted && (serve_flush(kept) || serve_due(kept, now));
    default:
        return false;
    }
}

static bool serve_any(void) {
    const uint64_t now = now_ns();
    for (tacho__kept *kept = tacho__keeper.first; kept; kept = kept->next) {
        if (serve(kept, now)) {
            pthread_cond_broadcast(&tacho__keeper.changed);
            return true;
        }
    }
    return false;
}

static uint64_t next_due(void) {
    uint64_t next = NEVER;
    for (const tacho__kept *kept = tacho__keeper.first; kept; kept = kept->next) {
        for (unsigned lease = 0; lease < TACHO__LEASES; ++lease) {
            const bool tries = !kept->leases[lease].acts && tacho__kept_wants(kept, lease);
            next = tries && kept->leases[lease].due_ns < next ? kept->leases[lease].due_ns : next;
        }
        for (uint32_t i = 0; i < kept->count; ++i) {
            if (acts_for(kept, i) && kept->jobs[i].due_ns < next) {
                next = kept->jobs[i].due_ns;
            }
        }
    }
    return next;
}

static void wait_until(uint64_t due) {
    if (due == NEVER) {
        pthread_cond_wait(&tacho__keeper.changed, &tacho__keeper.lock);
        return;
    }
    const struct timespec until = {.tv_sec = (time_t)(due / TACHO__NS_PER_SECOND),
                                   .tv_nsec = (long)(due % TACHO__NS_PER_SECOND)};
    pthread_cond_timedwait(&tacho__keeper.changed, &tacho__keeper.lock, &until);
}

void *tacho__keeper_body(void *unused) {
    lock();
    for (;;) {
        if (serve_any()) {
            continue;
        }
        if (tacho__keeper.exiting || !tacho__keeper.first) {
            break;
        }
        wait_until(next_due());
    }
    tacho__keeper.is = TACHO__THREAD_OVER;
    pthread_cond_broadcast(&tacho__keeper.changed);
    unlock();
    return unused;
}
