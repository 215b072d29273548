/* Taking a snapshot: of one collector, of the registry that it shares, or of a registry that is only read. */
#include "snapshot/snapshot.h"

#include "base/clock.h"
#include "base/memory.h"
#include "collect/reading.h"
#include "segment/fold.h"

#include <string.h>

/* Parts that are being taken, which share what their series are called. */
typedef struct taking {
    tacho__series_store *store;
    tacho__part **parts;
    size_t count, room;
    size_t kept; /* parts that do not come from the registry, and stay when it is read again */
} taking;

static bool add(taking *t, tacho__part *part) {
    if (t->count == t->room) {
        const size_t more = t->room ? t->room * 2 : 16;
        tacho__part **grown = tacho__realloc(t->parts, more * sizeof(tacho__part *));
        if (!grown) {
            tacho__part_release(part);
            return false;
        }
        t->parts = grown;
        t->room = more;
    }
    t->parts[t->count++] = part;
    return true;
}

static tacho_status take_view(void *context, const tacho__view *view) {
    taking *t = context;
    tacho__part *part;
    const tacho_status status = tacho__part_of_view(view, t->store, &part);
    return status != TACHO_OK || add(t, part) ? status : TACHO_NOMEM;
}

static void take_anew(void *context) {
    taking *t = context;
    while (t->count > t->kept) {
        tacho__part_release(t->parts[--t->count]);
    }
}

/* Whoever reads leaves fewer files to the next, if nobody else is at it. Without that, reading says the same. */
static void fold_first(const tacho__registry *registry) {
    tacho__folding done;
    tacho__fold_if_free(registry, tacho__wall(&tacho__clock_system), &done);
}

/* A snapshot of a collector (NULL = none), and of a registry (NULL = none). */
static tacho_status take(tacho_collector *collector, const tacho__registry *registry, tacho_snapshot **out) {
    taking t = {.store = tacho__series_store_new()};
    tacho__part *own = NULL;
    uint64_t skipped[TACHO__SKIP_COUNT] = {0};
    tacho_status status = t.store ? TACHO_OK : TACHO_NOMEM;
    if (status == TACHO_OK && collector) {
        status = tacho__part_take(collector, t.store, &own);
        t.kept = 1;
    }
    if (status == TACHO_OK && own && !add(&t, own)) {
        status = TACHO_NOMEM;
    }
    if (status == TACHO_OK && registry) {
        const int64_t mono = (int64_t)tacho__now(&tacho__clock_system);
        const int64_t wall = own ? own->taken_at_ns : tacho__wall(&tacho__clock_system);
        const tacho__visitor visitor = {&t, take_view, take_anew};
        fold_first(registry);
        status = tacho__registry_read(registry, own ? own->segment : NULL, mono, wall, &visitor, skipped);
    }
    if (status == TACHO_OK) {
        status = tacho__snapshot_of_parts(t.parts, t.count, out);
    } else {
        t.kept = 0;
        take_anew(&t);
    }
    if (status == TACHO_OK) {
        memcpy((*out)->skipped, skipped, sizeof skipped);
    }
    tacho__free(t.parts);
    tacho__series_store_release(t.store);
    return status;
}

tacho_status tacho__snapshot_of_segment(const tacho__segment *segment, int64_t mono_ns, int64_t wall_ns,
                                        tacho_snapshot **out) {
    tacho__view *view;
    taking t = {.store = tacho__series_store_new()};
    *out = NULL;
    tacho_status status = t.store ? TACHO_OK : TACHO_NOMEM;
    if (status == TACHO_OK) {
        status = tacho__view_live(segment->base, mono_ns, wall_ns, &view);
    }
    if (status == TACHO_OK) {
        status = take_view(&t, view);
        tacho__view_free(view);
    }
    if (status == TACHO_OK) {
        status = tacho__snapshot_of_parts(t.parts, t.count, out);
    }
    tacho__free(t.parts);
    tacho__series_store_release(t.store);
    return status;
}

tacho_status tacho_snapshot_take_process(tacho_collector *collector, tacho_snapshot **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    return take(collector, NULL, out); /* without a collector, in disabled mode: nothing was recorded */
}

tacho_status tacho_snapshot_take(tacho_collector *collector, tacho_snapshot **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    tacho__registry *registry = tacho__collector_registry(collector);
    const tacho_status status = take(collector, registry, out);
    if (registry) {
        tacho__registry_release(registry);
    }
    return status;
}

tacho_status tacho_snapshot_attach(const char *dir, tacho_snapshot **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!dir) {
        return TACHO_INVALID;
    }
    tacho__registry *registry;
    tacho_status status = tacho__registry_open(dir, 0, &registry);
    if (status != TACHO_OK) {
        return status;
    }
    status = take(NULL, registry, out);
    tacho__registry_release(registry);
    return status;
}
