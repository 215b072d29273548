/**
 * The keeper: the one native thread of a process, and the jobs that it runs (semantics 33, 34, 60).
 *
 * There is none until somebody adds a job to a collector. It serves every collector of the process that has jobs. Those
 * that share a registry try its leases every few seconds, and their jobs run only while this process holds theirs; in
 * private memory they always run. It never calls into a language, and blocks all signals.
 *
 * A job runs in the thread, one job at a time, and must not take longer than the 2 seconds for which a close waits. It
 * may read the collector, and must not close it nor call anything of this header but what is for jobs, and
 * tacho__keeper_holds.
 *
 * The thread ends with the last collector that has jobs, and at exit, whichever comes first; jobs then run once more. A
 * forked child has no thread and no jobs, whatever its parent had, and may have its own.
 */
#ifndef TACHO_KEEPER_KEEPER_H
#define TACHO_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <tachograph/collector.h>

#define TACHO__KEEPER_JOBS  8u                   /* of a collector */
#define TACHO__KEEPER_LEASE UINT64_C(5000000000) /* between two attempts at the lease, +-20 % */
/* Longest wait of all closes and the exit of a process that come one after another. */
#define TACHO__KEEPER_PATIENCE UINT64_C(2000000000)

/** A process that cannot do a thing must not keep it from those who can: what not everybody can has its own lease. */
typedef enum tacho__lease {
    TACHO__LEASE_REGISTRY, /* `lease`: folding, windows */
    TACHO__LEASE_HISTORY,  /* `lease-history` */
    TACHO__LEASE_NONE,     /* a job that every process has for itself */
    TACHO__LEASES
} tacho__lease;

typedef struct tacho__keeper_job {
    const char *name;   /* one of a name per collector; static storage */
    tacho__lease lease; /* who holds it runs the job */
    uint64_t interval_ns;
    /** One turn. `now_ns`: Unix time by the collector's clock. */
    void (*run)(void *context, int64_t now_ns);
    /** This process has become the one that acts, before the first turn; NULL is allowed. */
    void (*begin)(void *context, int64_t now_ns);
    /** The collector is going away: frees the context. Not called in a forked child. NULL is allowed. */
    void (*drop)(void *context);
    /**
     * At the first use of the collector in a forked child: adds a job like this one. The context is the parent's, whose
     * job may have been at any point: only what never changes may be read. NULL = the child has none.
     */
    void (*again)(tacho_collector *collector, const void *context);
    void *context;
} tacho__keeper_job;

/**
 * Gives a collector a job, and starts the thread if there is none. The first turn comes at once.
 *
 * @return TACHO_OK: the context is the keeper's until `drop`. Else it stays the caller's: TACHO_BUSY (there is one of
 *         this name), TACHO_FULL, TACHO_NOMEM (also when the system refuses a thread), TACHO_STOPPED (the process is
 *         exiting). Any thread.
 */
tacho_status tacho__keeper_add(tacho_collector *collector, const tacho__keeper_job *job);

/** The context of a job; NULL = there is none of this name. Lives as long as the collector. Any thread. */
void *tacho__keeper_context(tacho_collector *collector, const char *name);

/** Whether this process is the one that acts for the collector: jobs of this lease run here. Any thread. */
bool tacho__keeper_holds(tacho_collector *collector, tacho__lease lease);

/**
 * One turn of every job of the collector, now. TACHO_OK, also when there is none or another process acts; TACHO_BUSY
 * (not over after `timeout_ns`; they go on). Any thread but the keeper's.
 */
tacho_status tacho__keeper_flush(tacho_collector *collector, uint64_t timeout_ns);

/** As tacho__keeper_flush, but does not wait for it. */
void tacho__keeper_ask(tacho_collector *collector);

/** For jobs: how long one may wait for others (a locked file), so that the last turns of all collectors fit into the
 * patience of an exit. Nanoseconds. */
uint64_t tacho__keeper_share(void);

/** For jobs: the next turn of a job of this collector comes in `in_ns` at the latest. Once: the turn after it is an
 * interval later, as usual. */
void tacho__keeper_hurry(tacho_collector *collector, const char *name, uint64_t in_ns);

/** For jobs: from here to its end this turn asks nothing of the collector but to count, so that whoever closes it need
 * not wait. */
void tacho__keeper_has_read(void);

/** Whether the process has a keeper thread. */
bool tacho__keeper_runs(void);
/** For tests: time between two attempts at the lease, from the next one on. */
void tacho__keeper_set_pace(uint64_t interval_ns);

#endif
