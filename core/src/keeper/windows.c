#include "keeper/windows.h"

#include "base/memory.h"
#include "collect/collector.h"
#include "collect/reading.h"
#include "keeper/keeper.h"
#include "snapshot/snapshot.h"

#include <pthread.h>

#define NAME "windows"

typedef struct windows {
    pthread_mutex_t lock;
    tacho_collector *collector;
    tacho__registry *registry; /* NULL = private memory */
    tacho__ladder *ladder;
    int64_t saved_ns;
} windows;

static tacho_status feed(tacho_collector *collector, tacho__ladder *ladder, int64_t now_ns) {
    tacho_snapshot *snapshot;
    tacho_status status = tacho_snapshot_take(collector, &snapshot);
    if (status == TACHO_OK) {
        status = tacho__ladder_feed(ladder, snapshot, now_ns);
        tacho_snapshot_free(snapshot);
    }
    return status;
}

/* What the former holder left. If that cannot be read, watching begins anew. */
static void begin(void *context, int64_t now_ns) {
    windows *self = context;
    tacho__ladder *left;
    (void)now_ns;
    pthread_mutex_lock(&self->lock);
    if (self->registry && tacho__state_load(self->registry, &left) == TACHO_OK) {
        tacho__ladder_free(self->ladder);
        self->ladder = left;
    }
    pthread_mutex_unlock(&self->lock);
}

static void run(void *context, int64_t now_ns) {
    windows *self = context;
    pthread_mutex_lock(&self->lock);
    const tacho_status status = feed(self->collector, self->ladder, now_ns);
    const bool due = now_ns - self->saved_ns >= TACHO__WINDOWS_SAVE || now_ns < self->saved_ns;
    if (status == TACHO_OK && self->registry && due && tacho__state_save(self->registry, self->ladder) == TACHO_OK) {
        self->saved_ns = now_ns;
    }
    pthread_mutex_unlock(&self->lock);
}

static void drop(void *context) {
    windows *self = context;
    tacho__ladder_free(self->ladder);
    tacho__registry_release(self->registry);
    pthread_mutex_destroy(&self->lock);
    tacho__free(self);
}

static windows *make(tacho_collector *collector) {
    windows *self = tacho__calloc(1, sizeof *self);
    tacho__ladder *ladder = self ? tacho__ladder_new() : NULL;
    if (!ladder) {
        tacho__free(self);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->collector = collector;
    self->registry = tacho_collector_dir(collector, NULL) ? tacho__collector_registry(collector) : NULL;
    self->ladder = ladder;
    return self;
}

/* The first to ask waits for the first turn, which takes the lease if it is free. */
static void start(tacho_collector *collector) {
    windows *self = tacho__keeper_context(collector, NAME) ? NULL : make(collector);
    if (!self) {
        return;
    }
    const tacho__keeper_job job = {.name = NAME,
                                   .interval_ns = (uint64_t)TACHO__LADDER_FEED,
                                   .run = run,
                                   .begin = begin,
                                   .drop = drop,
                                   .context = self};
    if (tacho__keeper_add(collector, &job) == TACHO_OK) {
        tacho__keeper_flush(collector, TACHO__KEEPER_PATIENCE);
    } else {
        drop(self);
    }
}

static tacho_status read_own(windows *self, int64_t now_ns, tacho__windows_visit visit, void *context) {
    pthread_mutex_lock(&self->lock);
    tacho_status status = feed(self->collector, self->ladder, now_ns);
    status = status == TACHO_OK ? visit(context, self->ladder) : status;
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* A ladder for this one question. */
static tacho_status read_saved(tacho_collector *collector, int64_t now_ns, tacho__windows_visit visit, void *context) {
    tacho__registry *registry = tacho_collector_dir(collector, NULL) ? tacho__collector_registry(collector) : NULL;
    tacho__ladder *ladder = NULL;
    if (!registry || tacho__state_load(registry, &ladder) != TACHO_OK) {
        ladder = tacho__ladder_new();
    }
    tacho_status status = ladder ? feed(collector, ladder, now_ns) : TACHO_NOMEM;
    status = status == TACHO_OK ? visit(context, ladder) : status;
    tacho__ladder_free(ladder);
    tacho__registry_release(registry);
    return status;
}

tacho_status tacho__windows_read(tacho_collector *collector, int64_t now_ns, tacho__windows_visit visit,
                                 void *context) {
    start(collector);
    windows *self = tacho__keeper_context(collector, NAME);
    return self && tacho__keeper_holds(collector, TACHO__LEASE_REGISTRY)
               ? read_own(self, now_ns, visit, context)
               : read_saved(collector, now_ns, visit, context);
}
