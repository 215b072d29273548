/*
 * The keeper's job that hands finished operations to history (semantics 33 to 36).
 *
 * The keeper's thread opens the file for each transaction and closes it again, so that a fork between two of them
 * inherits nothing. What cannot be written now stays in the rings and is tried again in the next turn; nobody waits for
 * it.
 */
#include <tachograph/history.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "collect/collector.h"
#include "collect/reading.h"
#include "config/history_setting.h"
#include "history/hand_over.h"
#include "history/in_use.h"
#include "history/watch.h"
#include "keeper/keeper.h"
#include "segment/registry_history.h"
#include "snapshot/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <tachograph/settings.h>
#include <time.h>
#include <unistd.h>

#define NAME       "history"
#define WATCH      "history_watch"
#define LEAVING_MS 50 /* for threads that are in a replaced segment still */

typedef struct keeping {
    tacho_collector *collector;
    tacho__registry *registry; /* NULL = private memory */
    uint64_t interval_ns;
    /* From here on the thread's alone. */
    tacho__handed handed;
    tacho__watch watch;
    bool is_refused;                /* the last turn */
    char path[TACHO__HISTORY_PATH]; /* never changes */
} keeping;

static tacho__log_class refused = TACHO__LOG_CLASS("history_refused", TACHO__LOG_WARNING);
static tacho__log_class ignored = TACHO__LOG_CLASS("setting_ignored", TACHO__LOG_WARNING);

/* ----------------------------------------------------------------------------------------------------------- the turns
 */

static void count(tacho_collector *collector, tacho__drop cause, uint64_t more) {
    if (more > 0 && tacho__writer_lock(&collector->writer, NULL)) {
        atomic_fetch_add_explicit(&tacho__segment_of(collector)->header->drops[cause], more, memory_order_relaxed);
        tacho__writer_unlock(&collector->writer);
    }
}

/* Without it, who comes next hands over more than needed. */
static void save(const keeping *self) {
    if (self->registry) {
        tacho__registry_history_save(self->registry, self->path, &self->handed);
    }
}

/* How far whoever holds the lease has come, if it is the same file. */
static bool load(const keeping *self, tacho__handed *out) {
    char path[TACHO__HISTORY_PATH];
    *out = (tacho__handed){.count = 0};
    if (!self->registry || tacho__registry_history_load(self->registry, path, out) != TACHO_OK) {
        return false;
    }
    if (strcmp(path, self->path) != 0) {
        tacho__handed_free(out);
        return false;
    }
    return true;
}

/*
 * What is known already is of own segments that resets replaced, or from an earlier time with the lease: whoever had it
 * in between knows more. What was recorded only grows.
 */
static void begin(void *context, int64_t now_ns) {
    keeping *self = context;
    tacho__handed left;
    (void)now_ns;
    if (load(self, &left)) {
        for (size_t i = 0; i < self->handed.count; ++i) {
            const tacho__handed_segment *mine = &self->handed.segments[i],
                                        *theirs = tacho__handed_find(&left, mine->id, mine->generation);
            if (!theirs || theirs->recorded < mine->recorded) {
                (void)tacho__handed_put(&left, mine);
            }
        }
        tacho__handed_free(&self->handed);
        self->handed = left;
    }
    save(self);
}

static void tell(keeping *self, const char *problem) {
    self->is_refused = true;
    count(self->collector, TACHO__DROP_HISTORY_REFUSED, 1);
    tacho__log(&refused, "history '%.200s' cannot be written (%s): tried again every %llu s", self->path, problem,
               (unsigned long long)(self->interval_ns / TACHO__NS_PER_SECOND));
}

static tacho__visit visit_of(const keeping *self) {
    return (tacho__visit){.path = self->path, .until_ns = tacho__now(&tacho__clock_system) + tacho__keeper_share()};
}

/* A thread that a reset interrupted on its way into the old segment is there for a moment. */
static bool wait_until_left(tacho_collector *collector, const tacho__segment *segment) {
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < LEAVING_MS; ++i) {
        if (tacho__writer_has_left(&collector->writer, segment)) {
            return true;
        }
        nanosleep(&moment, NULL);
    }
    return false;
}

/* By the collector's clock, which is the caller's: when somebody has been waited for, it may be gone. */
typedef struct instant {
    int64_t mono_ns, wall_ns;
} instant;

static instant instant_of(const keeping *self) {
    const tacho__clock *clock = &self->collector->clock;
    return (instant){(int64_t)tacho__now(clock), tacho__wall(clock)};
}

/* Who does not hold the lease learns from the one who does how far a segment of his own was handed over. */
static void learn(keeping *self, const tacho__header *header) {
    tacho__handed theirs;
    if (!tacho__handed_find(&self->handed, header->id, header->generation) && load(self, &theirs)) {
        const tacho__handed_segment *one = tacho__handed_find(&theirs, header->id, header->generation);
        if (one) {
            (void)tacho__handed_put(&self->handed, one);
        }
        tacho__handed_free(&theirs);
    }
}

/* True when nothing more can come from it. */
static bool hand_one_over(keeping *self, const tacho__replaced *one, bool holds, instant now) {
    const tacho__header *header = one->segment->header;
    tacho_snapshot *snapshot;
    uint64_t missed = 0;
    const bool left = wait_until_left(self->collector, one->segment);
    tacho_status status = tacho__snapshot_of_segment(one->segment, now.mono_ns, now.wall_ns, &snapshot);
    if (status != TACHO_OK) {
        return false;
    }
    if (!holds) {
        learn(self, header);
    }
    tacho__visit visit = visit_of(self);
    status = tacho__hand_over_replaced(&visit, snapshot, &self->handed, &missed);
    tacho_snapshot_free(snapshot);
    count(self->collector, TACHO__DROP_HISTORY_MISSED, missed);
    if (status != TACHO_OK) {
        tell(self, visit.problem);
    } else if (left && !holds) {
        tacho__handed_remove(&self->handed, header->id, header->generation);
    }
    return status == TACHO_OK && left;
}

/* What resets took away. After a failure the rest waits for the next turn as well. From here on the thread may wait for
 * others. */
static bool hand_replaced_over(keeping *self, bool holds, instant now) {
    tacho__keeper_has_read();
    tacho__replaced *all = tacho__replaced_take(self->collector);
    bool done = true;
    for (tacho__replaced *one = all, *next; one; one = next) {
        next = one->next;
        done = done && hand_one_over(self, one, holds, now);
        if (done) {
            tacho__replaced_free(one);
        } else {
            tacho__replaced_push(self->collector, one);
        }
    }
    return done;
}

/* Segments that were replaced before the snapshot was taken are on the list by then, and what is known of them is from
 * before. */
static void run(void *context, int64_t now_ns) {
    keeping *self = context;
    tacho_snapshot *snapshot;
    uint64_t missed = 0;
    (void)now_ns;
    tacho_status status = tacho_snapshot_take(self->collector, &snapshot);
    if (status != TACHO_OK) {
        return; /* the next turn will see it all */
    }
    if (!hand_replaced_over(self, true, instant_of(self))) {
        tacho_snapshot_free(snapshot);
        return;
    }
    tacho__visit visit = visit_of(self);
    status = tacho__hand_over(&visit, snapshot, &self->handed, &missed);
    tacho_snapshot_free(snapshot);
    count(self->collector, TACHO__DROP_HISTORY_MISSED, missed);
    if (status == TACHO_OK) {
        self->is_refused = false;
        save(self);
    } else {
        tell(self, visit.problem);
    }
}

/* Nobody else has what a reset took away, so who does not hold the lease hands that over himself. */
static void run_replaced(void *context, int64_t now_ns) {
    keeping *self = context;
    (void)now_ns;
    if (!tacho__keeper_holds(self->collector, TACHO__LEASE_HISTORY)) {
        hand_replaced_over(self, false, instant_of(self));
    }
}

/* All segments of the registry, or the only one; freed by the caller. 0 = none could be looked at. */
static size_t glance_at_all(const keeping *self, tacho__glance **out) {
    tacho__glance own, *others = NULL;
    size_t count = 0;
    *out = NULL;
    if (!tacho__collector_glance(self->collector, &own)) {
        return 0;
    }
    if (self->registry) {
        (void)tacho__glance_registry(self->registry, own.id, &others, &count);
    }
    *out = tacho__realloc(others, (count + 1) * sizeof own);
    if (!*out) {
        tacho__free(others);
        return 0;
    }
    (*out)[count] = own;
    return count + 1;
}

/* Between two turns. A file that could not be written is left alone until the next turn is due. */
static void watch(void *context, int64_t now_ns) {
    keeping *self = context;
    tacho__glance *all;
    (void)now_ns;
    tacho__keeper_has_read();
    const size_t count = glance_at_all(self, &all);
    if (count > 0) {
        const tacho__watch_advice advice = tacho__watch_look(&self->watch, all, count, &self->handed, self->interval_ns,
                                                             tacho__now(&tacho__clock_system));
        if (advice.hurry && !self->is_refused) {
            tacho__keeper_hurry(self->collector, NAME, 0);
        }
        tacho__keeper_hurry(self->collector, WATCH, advice.look_ns);
    }
    tacho__free(all);
}

static void drop(void *context) {
    keeping *self = context;
    tacho__watch_free(&self->watch);
    tacho__handed_free(&self->handed);
    tacho__registry_release(self->registry);
    tacho__free(self);
}

static void again(tacho_collector *collector, const void *context) {
    const keeping *parents = context;
    (void)tacho_history_keep(collector, parents->path, parents->interval_ns);
}

/* ------------------------------------------------------------------------------------------------------------ starting
 */

/* A reset put the segment aside; whoever waits for its numbers flushes. */
static void after_reset(tacho_collector *collector) {
    tacho__keeper_ask(collector);
}

/* The working directory may change before the thread opens the file. */
static tacho_status write_path(const char *path, char out[TACHO__HISTORY_PATH]) {
    char folder[TACHO__HISTORY_PATH] = "";
    if (!path) {
        return tacho_default_history_path(out, TACHO__HISTORY_PATH);
    }
    if (path[0] != '/' && !getcwd(folder, sizeof folder)) {
        return TACHO_NOT_FOUND;
    }
    const int length = snprintf(out, TACHO__HISTORY_PATH, "%s%s%s", folder, folder[0] && folder[1] ? "/" : "", path);
    return path[0] && length > 0 && length < TACHO__HISTORY_PATH ? TACHO_OK : TACHO_INVALID;
}

static bool is_held(const tacho__registry *registry) {
    tacho__registry_file file;
    if (tacho__registry_find(registry, TACHO__REGISTRY_LEASE_HISTORY, &file) != TACHO_OK) {
        return false;
    }
    const bool held = tacho__registry_is_alive(file.file);
    close(file.file);
    return held;
}

/* Semantics 34: as long as somebody keeps a history for the registry, all that share it keep that one. */
static void join_others(keeping *self) {
    char path[TACHO__HISTORY_PATH];
    if (!self->registry || !is_held(self->registry) ||
        tacho__registry_history_load(self->registry, path, NULL) != TACHO_OK || strcmp(path, self->path) == 0) {
        return;
    }
    count(self->collector, TACHO__DROP_SETTING_IGNORED, 1);
    tacho__log(&ignored, "history '%.200s' is ignored: this registry keeps '%.200s'", self->path, path);
    memcpy(self->path, path, sizeof self->path);
}

static tacho_status start(keeping *self) {
    const tacho__keeper_job job = {.name = NAME,
                                   .lease = TACHO__LEASE_HISTORY,
                                   .interval_ns = self->interval_ns,
                                   .run = run,
                                   .begin = begin,
                                   .drop = drop,
                                   .again = again,
                                   .context = self};
    const tacho__keeper_job replaced = {.name = "history_replaced",
                                        .lease = TACHO__LEASE_NONE,
                                        .interval_ns = self->interval_ns,
                                        .run = run_replaced,
                                        .context = self};
    const tacho__keeper_job looks = {.name = WATCH,
                                     .lease = TACHO__LEASE_HISTORY,
                                     .interval_ns = tacho__watch_pace(self->interval_ns),
                                     .run = watch,
                                     .context = self};
    tacho_status status = tacho__keeper_add(self->collector, &job);
    if (status == TACHO_OK) { /* there is room: a collector has five jobs at most */
        (void)tacho__keeper_add(self->collector, &replaced);
        (void)tacho__keeper_add(self->collector, &looks);
    }
    return status;
}

tacho_status tacho_history_keep(tacho_collector *collector, const char *path, uint64_t interval_ns) {
    if (!collector) {
        return TACHO_OK;
    }
    if (tacho__sqlite_is_lost()) { /* whoever else shares the registry hands over */
        count(collector, TACHO__DROP_HISTORY_REFUSED, 1);
        return TACHO_UNSUPPORTED;
    }
    keeping *self = tacho__calloc(1, sizeof *self);
    if (!self) {
        return TACHO_NOMEM;
    }
    tacho__sqlite_prepare();
    self->collector = collector;
    self->interval_ns = interval_ns ? interval_ns : TACHO_HISTORY_INTERVAL;
    tacho_status status = write_path(path, self->path);
    if (status == TACHO_OK) {
        self->registry = tacho_collector_dir(collector, NULL) ? tacho__collector_registry(collector) : NULL;
        join_others(self);
        status = start(self);
    }
    if (status != TACHO_OK) {
        drop(self);
        return status;
    }
    atomic_store_explicit(&collector->wants_replaced, true, memory_order_relaxed);
    atomic_store_explicit(&collector->reset, after_reset, memory_order_release);
    return TACHO_OK;
}

tacho_status tacho_history_kept(tacho_collector *collector, char *out, size_t size) {
    const keeping *self = collector ? tacho__keeper_context(collector, NAME) : NULL;
    if (!out || size == 0) {
        return TACHO_INVALID;
    }
    out[0] = 0;
    if (!self) {
        return TACHO_NOT_FOUND;
    }
    return (size_t)snprintf(out, size, "%s", self->path) < size ? TACHO_OK : TACHO_FULL;
}

void tacho_history_follow_settings(void) {
    tacho__settings_follow_history(tacho_history_keep);
}
