#include "base/guard.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#if defined(__linux__) && !defined(TACHO_PORTABLE)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#define HAS_FUTEX 1
#endif

#define WAITED_FOR  (UINT32_C(1) << 31)
#define SHORT_TRIES 40    /* before the processor is given away */
#define FEW_TRIES   240   /* of a handler that must not wait for ever */
#define SHORT_NS    50000 /* between these; 10 ms in all */

static TACHO__THREAD_LOCAL uint32_t my_number;
static TACHO__THREAD_LOCAL uint32_t open_guards; /* held openly by this thread */

uint32_t tacho__thread_number(void) {
    static _Atomic uint32_t last;
    if (my_number == 0) { /* a handler in between takes one too, and this one wins: nothing was done under the other */
        uint32_t number;
        do {
            number = (atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1) & ~WAITED_FOR;
        } while (number == 0);
        my_number = number;
    }
    return my_number;
}

/* Everything but what the processor raises in the thread itself: that must keep its usual consequence. */
static void block_signals(sigset_t *before) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; ++i) {
        sigdelset(&all, own[i]);
    }
    pthread_sigmask(SIG_BLOCK, &all, before);
}

static void sleep_until_left(tacho__guard *guard, uint32_t seen) {
    uint32_t expected = seen;
    if (!(seen & WAITED_FOR) && !atomic_compare_exchange_strong_explicit(&guard->holder, &expected, seen | WAITED_FOR,
                                                                         memory_order_relaxed, memory_order_relaxed)) {
        return;
    }
#ifdef HAS_FUTEX
    syscall(SYS_futex, &guard->holder, FUTEX_WAIT_PRIVATE, seen | WAITED_FOR, NULL, NULL, 0);
#else
    sched_yield();
#endif
}

static void wake_one(tacho__guard *guard) {
#ifdef HAS_FUTEX
    syscall(SYS_futex, &guard->holder, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
#else
    (void)guard;
#endif
}

/* One attempt. `seen` gets what was found instead of a free guard. */
static bool attempt(tacho__guard *guard, uint32_t value, bool open, uint32_t *seen) {
    *seen = 0;
    open_guards += open; /* before it is held: a handler that comes right after must see it */
    if (atomic_compare_exchange_strong_explicit(&guard->holder, seen, value, memory_order_acquire,
                                                memory_order_relaxed)) {
        return true;
    }
    open_guards -= open;
    return false;
}

/* Takes a guard that somebody else holds. */
static bool take_contended(tacho__guard *guard, uint32_t me, bool open, bool patient) {
    uint32_t mark = 0;
    for (uint32_t tries = 0; patient || tries < FEW_TRIES; ++tries) {
        uint32_t seen;
        if (attempt(guard, me | mark, open, &seen)) {
            return true;
        }
        if (tries < SHORT_TRIES) {
            continue;
        }
        if (patient) {
            mark = WAITED_FOR; /* others may sleep behind us: whoever leaves wakes one */
            sleep_until_left(guard, seen);
        } else {
            nanosleep(&(struct timespec){.tv_nsec = SHORT_NS}, NULL);
        }
    }
    return false;
}

static bool enter(tacho__guard *guard, tacho__guard_way way) {
    const uint32_t me = tacho__thread_number();
    const bool open = way != TACHO__GUARD_QUIET, patient = way == TACHO__GUARD_ALL || open_guards == 0;
    uint32_t seen;
    if (attempt(guard, me, open, &seen)) {
        return true;
    }
    if ((seen & ~WAITED_FOR) == me) { /* once more, in a handler or further in */
        guard->depth += 1;
        open_guards += open;
        return true;
    }
    return take_contended(guard, me, open, patient);
}

bool tacho__guard_enter(tacho__guard *guard, tacho__guard_way way) {
    if (way != TACHO__GUARD_QUIET) {
        return enter(guard, way);
    }
    sigset_t before;
    block_signals(&before);
    if (!enter(guard, way)) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return false;
    }
    if (guard->quiet == 0) {
        guard->quiet = guard->depth + 1;
        guard->before = before;
    }
    return true;
}

/* The outermost leaves when `depth` is 0, so that a handler between entering and leaving changes nothing. */
static void leave(tacho__guard *guard) {
    if (guard->depth > 0) {
        guard->depth -= 1;
    } else if (atomic_exchange_explicit(&guard->holder, 0, memory_order_release) & WAITED_FOR) {
        wake_one(guard);
    }
}

void tacho__guard_leave(tacho__guard *guard) {
    const uint32_t seen = atomic_load_explicit(&guard->holder, memory_order_relaxed);
    if ((seen & ~WAITED_FOR) != tacho__thread_number()) {
        return;
    }
    if (guard->quiet == 0) {
        leave(guard);
        open_guards -= open_guards > 0;
        return;
    }
    if (guard->quiet <= guard->depth) { /* further in than where signals were blocked */
        guard->depth -= 1;
        return;
    }
    const sigset_t before = guard->before;
    guard->quiet = 0;
    leave(guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void tacho__guard_reset(tacho__guard *guard) {
    memset(&guard->before, 0, sizeof guard->before);
    guard->depth = guard->quiet = 0;
    atomic_store_explicit(&guard->holder, 0, memory_order_relaxed);
}

void tacho__guard_forget_all(void) {
    open_guards = 0;
}
