#include "history/in_use.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int forking; /* threads that wait in fork() */
static _Atomic bool lost;
static _Thread_local bool got; /* by this thread, which forks */

static void wait_a_moment(void) {
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

static void before_fork(void) {
    got = !tacho__sqlite_is_lost() && pthread_mutex_trylock(&in_use) == 0;
    if (got || tacho__sqlite_is_lost()) {
        return;
    }
    atomic_fetch_add_explicit(&forking, 1, memory_order_relaxed);
    for (int i = 0; i < TACHO__FORK_WAIT_MS && !got; ++i) {
        wait_a_moment();
        got = pthread_mutex_trylock(&in_use) == 0;
    }
    atomic_fetch_sub_explicit(&forking, 1, memory_order_relaxed);
}

static void in_parent(void) {
    if (got) {
        pthread_mutex_unlock(&in_use);
    }
}

static void in_child(void) {
    atomic_store_explicit(&forking, 0, memory_order_relaxed);
    if (!got) {
        atomic_store_explicit(&lost, true, memory_order_relaxed);
    }
    in_parent();
}

static void prepare(void) {
    pthread_atfork(before_fork, in_parent, in_child);
}

void tacho__sqlite_prepare(void) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    pthread_once(&prepared, prepare);
}

/* Who comes out and goes in again at once would leave a waiting fork() no chance. */
bool tacho__sqlite_enter(void) {
    for (int i = 0; i < TACHO__FORK_WAIT_MS && atomic_load_explicit(&forking, memory_order_relaxed) > 0; ++i) {
        wait_a_moment();
    }
    return !tacho__sqlite_is_lost() && pthread_mutex_lock(&in_use) == 0;
}

void tacho__sqlite_leave(void) {
    pthread_mutex_unlock(&in_use);
}

bool tacho__sqlite_is_lost(void) {
    return atomic_load_explicit(&lost, memory_order_relaxed);
}
