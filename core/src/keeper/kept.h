/**
 * What the keeper knows: one `kept` per collector that has jobs. All of it is under `tacho__keeper.lock`, which is
 * never held while a job runs.
 */
#ifndef TACHO_KEEPER_KEPT_H
#define TACHO_KEEPER_KEPT_H

#include "keeper/keeper.h"
#include "segment/registry.h"

#include <pthread.h>

typedef struct tacho__kept_job {
    tacho__keeper_job job;
    uint64_t due_ns; /* monotonic */
    bool begun;
} tacho__kept_job;

typedef enum tacho__kept_state {
    TACHO__KEPT_ACTIVE,
    TACHO__KEPT_LEAVING, /* its collector is being closed: the thread has its last turn, then lets go */
    TACHO__KEPT_LEFT,
    TACHO__KEPT_ORPHAN /* whoever closed it has waited long enough: the thread frees the collector */
} tacho__kept_state;

typedef struct tacho__kept_lease {
    bool acts;       /* this process holds it, or needs none */
    int file;        /* of TACHO__LEASE_HISTORY while it is held; -1 */
    uint64_t due_ns; /* when to try it again; monotonic */
} tacho__kept_lease;

typedef struct tacho__kept {
    struct tacho__kept *next;
    tacho_collector *collector;
    tacho__registry *registry; /* NULL = private memory */
    tacho__kept_state state;
    tacho__kept_lease leases[TACHO__LEASES];
    bool parted;      /* had its last turn at exit */
    uint64_t asked;   /* flushes wanted so far */
    uint64_t flushed; /* and done */
    uint32_t count;
    tacho__kept_job jobs[TACHO__KEEPER_JOBS];
} tacho__kept;

typedef enum tacho__keeper_thread { TACHO__THREAD_NONE, TACHO__THREAD_RUNS, TACHO__THREAD_OVER } tacho__keeper_thread;

typedef struct tacho__keeper_state {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the monotonic clock; anything here has changed */
    pthread_t thread;       /* to be joined when it is over */
    tacho__keeper_thread is;
    bool exiting;
    const tacho__kept *running;       /* whose job has its turn; NULL = nobody's */
    bool reads;                       /* and it may still ask the collector */
    uint64_t waited_ns, waited_at_ns; /* by closes that were slow, and the end of the last one; monotonic */
    tacho__kept *first;
    tacho__kept *inherited; /* of a forked child: what its parent had, until the collector is used */
    _Atomic uint64_t pace_ns;
} tacho__keeper_state;

extern tacho__keeper_state tacho__keeper;

/** The body of the thread. */
void *tacho__keeper_body(void *unused);
/** Whether a lease is of any use: there is a job for it, and a registry that has it. Needs the lock. */
static inline bool tacho__kept_wants(const tacho__kept *kept, tacho__lease lease) {
    bool wants = false;
    for (uint32_t i = 0; kept->registry && i < kept->count; ++i) {
        wants |= kept->jobs[i].job.lease == lease;
    }
    return wants;
}
/** Gives back what is held of a lease. Needs the lock. */
void tacho__kept_let_go(tacho__kept *kept, tacho__lease lease);
/** The job that every collector with a registry has: folding the segments of dead processes. */
tacho__keeper_job tacho__fold_job(tacho__registry *registry);
/** Takes a collector off the list and frees what the keeper had of it. Needs the lock. */
void tacho__kept_free(tacho__kept *kept);

#endif
