/**
 * A lock that knows which thread holds it. Two things that pthread mutexes do not promise are built on that.
 *
 * Signal handlers: who enters quietly is not interrupted by a handler of its own thread (signals are blocked while the
 * guard is held), and who enters openly can be: the handler finds that its own thread is the holder and goes in. So an
 * open holder only reads what the guard protects.
 *
 * Fork: a guard that a thread held which does not exist in the child is made free by setting it to zero; all zero is a
 * valid free guard, also when the kernel writes the zeros (base/pages.h).
 */
#ifndef TACHO_BASE_GUARD_H
#define TACHO_BASE_GUARD_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The thread-local words of the record path need no call to be found, also in a library that is opened later. A
 * portable build leaves that to the compiler. */
#ifdef TACHO_PORTABLE
#define TACHO__THREAD_LOCAL _Thread_local
#else
#define TACHO__THREAD_LOCAL __attribute__((tls_model("initial-exec"))) _Thread_local
#endif

typedef struct tacho__guard {
    _Atomic uint32_t holder; /* number of a thread, and whether somebody waits; 0 = free */
    uint32_t depth;          /* how often its holder has entered once more; this and the rest are the holder's */
    uint32_t quiet;          /* depth at which signals were blocked, plus 1; 0 = they are not */
    sigset_t before;         /* the mask of signals before that */
} tacho__guard;

typedef enum tacho__guard_way {
    TACHO__GUARD_OPEN,  /* signal handlers may come, and may enter; for reading only, and not for long */
    TACHO__GUARD_QUIET, /* no signal handler comes in this thread until the guard is left */
    TACHO__GUARD_ALL    /* openly, waiting also where waiting might be for nothing: for what collects all guards */
} tacho__guard_way;

/**
 * Enters; any number of times in one thread, each paired with a leave. False, and not entered: the caller is a signal
 * handler of a thread that holds another guard openly, and this one did not become free soon; it may never become free.
 */
bool tacho__guard_enter(tacho__guard *guard, tacho__guard_way way);
/** Leaves; does nothing in a thread that is not the holder (it was, before a fork). */
void tacho__guard_leave(tacho__guard *guard);
/** In a forked child: free, whoever held it in the parent. No other thread may know it yet. */
void tacho__guard_reset(tacho__guard *guard);
/** In a forked child: this thread holds nothing. */
void tacho__guard_forget_all(void);

/** A number of this thread, 1 to 2^31 - 1, unique among the living ones of the process. */
uint32_t tacho__thread_number(void);

#endif
