/*
 * Two batches go round: one is being stored by the caller while the thread fills the other. `filled` and `given` count
 * batches since the start; the lock guards them and `stop`, the batches themselves belong to whom the counts say.
 */
#include "ingest/claude_ahead.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define BATCHES 2u

struct tacho__claude_ahead {
    tacho__claude_source *source;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t filled, given; /* given: including the one the caller has */
    bool stop;
    tacho__claude_batch batches[BATCHES];
};

/* Fills a batch. A failure to begin it is its status. */
static void fill(tacho__claude_ahead *ahead, tacho__claude_batch *batch) {
    tacho_status status = tacho__claude_batch_begin(batch);
    if (status == TACHO_OK) {
        tacho__claude_source_read(ahead->source, batch);
    } else {
        batch->status = status;
    }
}

/* The caller gives its batch back by asking for the next. */
static bool is_full(const tacho__claude_ahead *ahead) {
    uint64_t returned = ahead->given ? ahead->given - 1 : 0;
    return ahead->filled - returned >= BATCHES;
}

static bool wait_for_room(tacho__claude_ahead *ahead) {
    pthread_mutex_lock(&ahead->lock);
    while (!ahead->stop && is_full(ahead)) {
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    bool go_on = !ahead->stop;
    pthread_mutex_unlock(&ahead->lock);
    return go_on;
}

static void *read_ahead(void *context) {
    tacho__claude_ahead *ahead = context;
    tacho_status status = TACHO_OK;
    while (status == TACHO_OK && wait_for_room(ahead)) {
        tacho__claude_batch *batch = &ahead->batches[ahead->filled % BATCHES];
        fill(ahead, batch);
        status = batch->status;
        pthread_mutex_lock(&ahead->lock);
        ahead->filled++;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

/* Signals are the host's: its threads take them. */
static bool start_thread(tacho__claude_ahead *ahead) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&ahead->thread, NULL, read_ahead, ahead) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

tacho__claude_ahead *tacho__claude_ahead_new(tacho__claude_source *source, bool threaded) {
    tacho__claude_ahead *ahead = tacho__calloc(1, sizeof *ahead);
    if (!ahead) {
        return NULL;
    }
    ahead->source = source;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_condattr_t monotonic; /* a wall clock that is set must not make anybody wait */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ahead->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ahead->threaded = threaded && start_thread(ahead);
    return ahead;
}

tacho__claude_batch *tacho__claude_ahead_next(tacho__claude_ahead *ahead) {
    if (!ahead->threaded) {
        fill(ahead, &ahead->batches[0]);
        return &ahead->batches[0];
    }
    pthread_mutex_lock(&ahead->lock);
    ahead->given++;
    pthread_cond_signal(&ahead->changed);
    while (ahead->filled < ahead->given) {
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    tacho__claude_batch *batch = &ahead->batches[(ahead->given - 1) % BATCHES];
    pthread_mutex_unlock(&ahead->lock);
    return batch;
}

bool tacho__claude_ahead_wait(tacho__claude_ahead *ahead, uint64_t ns) {
    struct timespec end;
    int result = 0;
    if (!ahead->threaded) {
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    uint64_t late_ns = (uint64_t)end.tv_nsec + ns;
    end.tv_sec += (time_t)(late_ns / TACHO__NS_PER_SECOND);
    end.tv_nsec = (long)(late_ns % TACHO__NS_PER_SECOND);
    pthread_mutex_lock(&ahead->lock);
    while (ahead->filled <= ahead->given && result == 0) {
        result = pthread_cond_timedwait(&ahead->changed, &ahead->lock, &end);
    }
    bool there = ahead->filled > ahead->given;
    pthread_mutex_unlock(&ahead->lock);
    return there;
}

void tacho__claude_ahead_free(tacho__claude_ahead *ahead) {
    if (!ahead) {
        return;
    }
    if (ahead->threaded) {
        pthread_mutex_lock(&ahead->lock);
        ahead->stop = true;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
        pthread_join(ahead->thread, NULL);
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        tacho__claude_batch_free(&ahead->batches[i]);
    }
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->changed);
    tacho__free(ahead);
}
