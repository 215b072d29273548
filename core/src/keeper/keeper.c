/*
 * Who has jobs, when the thread begins and when it ends.
 *
 * The lock is held over nothing that may take long, so a fork, which takes it, does not wait.
 */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/memory.h"
#include "collect/collector.h"
#include "collect/reading.h"
#include "keeper/kept.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES (UINT64_C(1) << 20)
#define SHORT_NS    UINT64_C(10000000) /* of a close when the patience is used up */
#define READING_NS  TACHO__NS_PER_SECOND
#define SLOW_NS     UINT64_C(100000000) /* a close that took longer has used some of it up */

tacho__keeper_state tacho__keeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .pace_ns = TACHO__KEEPER_LEASE};

static void lock(void) {
    pthread_mutex_lock(&tacho__keeper.lock);
}

static void unlock(void) {
    pthread_mutex_unlock(&tacho__keeper.lock);
}

/* False when the time is over. */
static bool wait_until(const struct timespec *until) {
    return pthread_cond_timedwait(&tacho__keeper.changed, &tacho__keeper.lock, until) != ETIMEDOUT;
}

static struct timespec from_now(uint64_t ns) {
    const uint64_t at = tacho__now(&tacho__clock_system) + ns;
    return (struct timespec){.tv_sec = (time_t)(at / TACHO__NS_PER_SECOND),
                             .tv_nsec = (long)(at % TACHO__NS_PER_SECOND)};
}

/* -------------------------------------------------------------------------------------------------------- the process
 */

static void prepare_condition(void) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tacho__keeper.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void revive(tacho_collector *collector);
static void unlink_kept(tacho__kept **list, tacho__kept *kept);

/* What the parent's thread was doing with a job is nobody's any more. */
static void disinherit(tacho__kept *kept) {
    bool again = false;
    for (uint32_t i = 0; i < kept->count; ++i) {
        again |= kept->jobs[i].job.again != NULL;
    }
    atomic_store_explicit(&kept->collector->leaving, NULL, memory_order_relaxed);
    if (!again) {
        tacho__kept_free(kept);
        return;
    }
    unlink_kept(&tacho__keeper.first, kept);
    kept->next = tacho__keeper.inherited;
    tacho__keeper.inherited = kept;
    atomic_store_explicit(&kept->collector->reviving, revive, memory_order_relaxed);
}

/* The child has neither the thread nor its jobs: files and connections in them are the parent's, so they are not even
 * closed. Leases are given up elsewhere (base/unforked.h). */
static void in_child(void) {
    tacho__keeper.is = TACHO__THREAD_NONE;
    tacho__keeper.running = NULL;
    while (tacho__keeper.first) {
        disinherit(tacho__keeper.first);
    }
    prepare_condition(); /* nobody waits here any more */
    unlock();
}

/* The child uses the collector: jobs that its parent had for it begin anew. */
static void revive(tacho_collector *collector) {
    tacho__kept_job jobs[TACHO__KEEPER_JOBS];
    uint32_t count = 0;
    lock();
    tacho__kept *kept = tacho__keeper.inherited;
    while (kept && kept->collector != collector) {
        kept = kept->next;
    }
    if (kept) {
        count = kept->count;
        memcpy(jobs, kept->jobs, count * sizeof *jobs);
        unlink_kept(&tacho__keeper.inherited, kept);
        tacho__registry_release(kept->registry);
        tacho__free(kept);
    }
    unlock();
    for (uint32_t i = 0; i < count; ++i) {
        if (jobs[i].job.again) {
            jobs[i].job.again(collector, jobs[i].job.context);
        }
    }
}

/* Takes the thread's end over, if it has ended. */
static void reap(void) {
    if (tacho__keeper.is == TACHO__THREAD_OVER) {
        const pthread_t thread = tacho__keeper.thread;
        tacho__keeper.is = TACHO__THREAD_NONE;
        unlock();
        pthread_join(thread, NULL);
        lock();
    }
}

/*
 * Closes that come one after another, and the exit at their end, have one patience together: what holds one of them up
 * (a disk, a locked file) mostly holds up all. It is whole again when nobody has waited for as long as it lasts.
 */
static struct timespec wait_at_most(uint64_t *begin) {
    *begin = tacho__now(&tacho__clock_system);
    if (*begin - tacho__keeper.waited_at_ns > TACHO__KEEPER_PATIENCE) {
        tacho__keeper.waited_ns = 0;
    }
    const uint64_t left =
        tacho__keeper.waited_ns < TACHO__KEEPER_PATIENCE ? TACHO__KEEPER_PATIENCE - tacho__keeper.waited_ns : 0;
    return from_now(left > SHORT_NS ? left : SHORT_NS);
}

/* A turn that is just work does not count. */
static void has_waited(uint64_t begin) {
    const uint64_t now = tacho__now(&tacho__clock_system);
    if (now - begin > SLOW_NS) {
        tacho__keeper.waited_ns += now - begin;
        tacho__keeper.waited_at_ns = now;
    }
}

/* At exit, or when the library is closed. Part of the library, so that nothing is installed in the host. */
__attribute__((destructor)) static void at_exit(void) {
    uint64_t begin;
    lock();
    const struct timespec until = wait_at_most(&begin);
    tacho__keeper.exiting = true;
    pthread_cond_broadcast(&tacho__keeper.changed);
    while (tacho__keeper.is == TACHO__THREAD_RUNS && wait_until(&until)) {
    }
    reap();
    unlock();
}

static void prepare(void) {
    prepare_condition();
    pthread_atfork(lock, unlock, in_child);
}

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static bool start_thread(void) {
    reap();
    if (tacho__keeper.is == TACHO__THREAD_RUNS) {
        return true;
    }
    sigset_t all, before;
    pthread_attr_t about;
    sigfillset(&all);
    pthread_attr_init(&about);
    pthread_attr_setstacksize(&about, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&tacho__keeper.thread, &about, tacho__keeper_body, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&about);
    tacho__keeper.is = started ? TACHO__THREAD_RUNS : TACHO__THREAD_NONE;
    return started;
}

/* ------------------------------------------------------------------------------------------------------- collectors */

static tacho__kept *find(const tacho_collector *collector) {
    tacho__kept *kept = tacho__keeper.first;
    while (kept && kept->collector != collector) {
        kept = kept->next;
    }
    return kept;
}

static tacho__kept_job *find_job(tacho__kept *kept, const char *name) {
    for (uint32_t i = 0; kept && i < kept->count; ++i) {
        if (strcmp(kept->jobs[i].job.name, name) == 0) {
            return &kept->jobs[i];
        }
    }
    return NULL;
}

static void unlink_kept(tacho__kept **list, tacho__kept *kept) {
    while (*list != kept) {
        list = &(*list)->next;
    }
    *list = kept->next;
}

void tacho__kept_let_go(tacho__kept *kept, tacho__lease lease) {
    tacho__kept_lease *held = &kept->leases[lease];
    held->acts = false;
    for (uint32_t i = 0; i < kept->count; ++i) { /* another may act until they begin again */
        kept->jobs[i].begun &= kept->jobs[i].job.lease != lease;
    }
    if (lease == TACHO__LEASE_REGISTRY && kept->registry) {
        tacho__registry_lease_release(kept->registry);
    }
    tacho__registry_unlock(&held->file);
}

void tacho__kept_free(tacho__kept *kept) {
    unlink_kept(&tacho__keeper.first, kept);
    tacho__registry_release(kept->registry);
    tacho__free(kept);
}

/* True when the thread is done with a collector. */
static bool wait_for(tacho__kept *kept, const struct timespec *until) {
    kept->state = TACHO__KEPT_LEAVING;
    pthread_cond_broadcast(&tacho__keeper.changed);
    while (tacho__keeper.is == TACHO__THREAD_RUNS && kept->state != TACHO__KEPT_LEFT && wait_until(until)) {
    }
    return tacho__keeper.is != TACHO__THREAD_RUNS || kept->state == TACHO__KEPT_LEFT;
}

/* A turn that is about to ask the clock of a collector is there for a moment; after it the clock may be gone. */
static bool wait_for_reading(const tacho__kept *kept) {
    const struct timespec until = from_now(READING_NS);
    while (tacho__keeper.running == kept && tacho__keeper.reads && wait_until(&until)) {
    }
    return tacho__keeper.is != TACHO__THREAD_RUNS || kept->state == TACHO__KEPT_LEFT;
}

/* Where there is no thread any more: after the exit of the process. */
static void drop_jobs(tacho__kept *kept) {
    for (uint32_t i = 0; i < kept->count; ++i) {
        if (kept->jobs[i].job.drop) {
            kept->jobs[i].job.drop(kept->jobs[i].job.context);
        }
    }
}

static void end_if_idle(const struct timespec *until) {
    pthread_cond_broadcast(&tacho__keeper.changed);
    while (!tacho__keeper.first && tacho__keeper.is == TACHO__THREAD_RUNS && wait_until(until)) {
    }
    reap();
}

/*
 * The last reference to the collector is gone. Waits for the last turn of its jobs; true = the caller frees it. The
 * thread does, if that takes too long.
 */
static bool leave(tacho_collector *collector) {
    uint64_t begin;
    lock();
    const struct timespec until = wait_at_most(&begin);
    tacho__kept *kept = find(collector);
    const bool mine = !kept || wait_for(kept, &until) || wait_for_reading(kept);
    if (kept && mine) {
        drop_jobs(kept);
        tacho__kept_free(kept);
    } else if (kept) {
        kept->state = TACHO__KEPT_ORPHAN;
    }
    end_if_idle(&until);
    has_waited(begin);
    unlock();
    return mine;
}

static void add_job(tacho__kept *kept, const tacho__keeper_job *job) {
    kept->jobs[kept->count++] = (tacho__kept_job){.job = *job, .due_ns = tacho__now(&tacho__clock_system)};
}

static tacho__kept *keep(tacho_collector *collector) {
    tacho__kept *kept = tacho__calloc(1, sizeof *kept);
    if (kept) {
        kept->collector = collector;
        kept->registry = tacho_collector_dir(collector, NULL) ? tacho__collector_registry(collector) : NULL;
        for (unsigned lease = 0; lease < TACHO__LEASES; ++lease) {
            kept->leases[lease] =
                (tacho__kept_lease){.acts = !kept->registry || lease == TACHO__LEASE_NONE, .file = -1};
        }
        kept->next = tacho__keeper.first;
        if (kept->registry) {
            const tacho__keeper_job fold = tacho__fold_job(kept->registry);
            add_job(kept, &fold);
        }
        tacho__keeper.first = kept;
    }
    return kept;
}

static tacho_status add(tacho_collector *collector, const tacho__keeper_job *job) {
    tacho__kept *kept = find(collector);
    if (find_job(kept, job->name)) {
        return TACHO_BUSY;
    }
    if (kept && kept->count == TACHO__KEEPER_JOBS) {
        return TACHO_FULL;
    }
    if (!start_thread()) {
        return TACHO_NOMEM;
    }
    kept = kept ? kept : keep(collector);
    if (!kept) {
        return TACHO_NOMEM;
    }
    add_job(kept, job);
    atomic_store_explicit(&collector->leaving, leave, memory_order_release);
    return TACHO_OK;
}

tacho_status tacho__keeper_add(tacho_collector *collector, const tacho__keeper_job *job) {
    pthread_once(&prepared, prepare);
    lock();
    const tacho_status status = tacho__keeper.exiting ? TACHO_STOPPED : add(collector, job);
    pthread_cond_broadcast(&tacho__keeper.changed);
    unlock();
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ asking
 */

void *tacho__keeper_context(tacho_collector *collector, const char *name) {
    lock();
    tacho__kept_job *job = find_job(find(collector), name);
    void *context = job ? job->job.context : NULL;
    unlock();
    return context;
}

bool tacho__keeper_holds(tacho_collector *collector, tacho__lease lease) {
    lock();
    const tacho__kept *kept = find(collector);
    const bool holds = kept && kept->leases[lease].acts;
    unlock();
    return holds;
}

/* One turn of all jobs; the number of the wish. */
static uint64_t ask(tacho__kept *kept) {
    pthread_cond_broadcast(&tacho__keeper.changed);
    return kept ? ++kept->asked : 0;
}

void tacho__keeper_ask(tacho_collector *collector) {
    lock();
    ask(find(collector));
    unlock();
}

tacho_status tacho__keeper_flush(tacho_collector *collector, uint64_t timeout_ns) {
    const struct timespec until = from_now(timeout_ns);
    lock();
    tacho__kept *kept = find(collector);
    const uint64_t asked = ask(kept);
    bool done = !kept;
    while (!done && tacho__keeper.is == TACHO__THREAD_RUNS && wait_until(&until)) {
        kept = find(collector); /* the caller holds the collector, so it is the same as long as no fork came between */
        done = !kept || kept->flushed >= asked || kept->parted;
    }
    unlock();
    return done ? TACHO_OK : TACHO_BUSY;
}

void tacho__keeper_hurry(tacho_collector *collector, const char *name, uint64_t in_ns) {
    const uint64_t due = tacho__now(&tacho__clock_system) + in_ns;
    lock();
    tacho__kept_job *job = find_job(find(collector), name);
    if (job && due < job->due_ns) {
        job->due_ns = due;
        pthread_cond_broadcast(&tacho__keeper.changed);
    }
    unlock();
}

uint64_t tacho__keeper_share(void) {
    uint64_t among = 4;
    lock();
    for (const tacho__kept *kept = tacho__keeper.first; tacho__keeper.exiting && kept; kept = kept->next) {
        ++among;
    }
    unlock();
    return TACHO__KEEPER_PATIENCE / among;
}

void tacho__keeper_has_read(void) {
    lock();
    tacho__keeper.reads = false;
    pthread_cond_broadcast(&tacho__keeper.changed);
    unlock();
}

bool tacho__keeper_runs(void) {
    lock();
    const bool runs = tacho__keeper.is == TACHO__THREAD_RUNS;
    unlock();
    return runs;
}

void tacho__keeper_set_pace(uint64_t interval_ns) {
    atomic_store_explicit(&tacho__keeper.pace_ns, interval_ns, memory_order_relaxed);
}
