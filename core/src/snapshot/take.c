/* Taking a snapshot: of one collector, of the registry that it shares, or of a registry that is only read. */
#include "snapshot/snapshot.h"

#include "base/clock.h"
#include "base/memory.h"
#include "collect/reading.h"
#include "segment/fold.h"

#include <string.h>

/* Of every view a part; the views are gone afterwards, whatever happens. */
static tacho_status add_parts(tacho__attached *attached, tacho__part **parts, size_t *count) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < attached->count && status == TACHO_OK; i++) {
        tacho__view *view = attached->views[i];
        attached->views[i] = NULL;
        status = tacho__part_of_view(view, &parts[*count]);
        *count += status == TACHO_OK;
    }
    return status;
}

/* `own` is one part that is not among the views, or NULL; its reference goes to the snapshot. */
static tacho_status of_registry(tacho__attached *attached, tacho__part *own, tacho_snapshot **out) {
    tacho__part **parts = tacho__calloc(attached->count + 1, sizeof(tacho__part *));
    size_t count = 0;
    if (!parts) {
        tacho__part_release(own);
        return TACHO_NOMEM;
    }
    if (own) {
        parts[count++] = own;
    }
    tacho_status status = add_parts(attached, parts, &count);
    if (status == TACHO_OK) {
        status = tacho__snapshot_of_parts(parts, count, out);
    } else {
        for (size_t i = 0; i < count; i++) {
            tacho__part_release(parts[i]);
        }
    }
    tacho__free(parts);
    if (status == TACHO_OK) {
        memcpy((*out)->skipped, attached->skipped, sizeof attached->skipped);
    }
    return status;
}

/* Whoever reads leaves fewer files to the next, if nobody else is at it. Without that, reading says the same. */
static void fold_first(const tacho__registry *registry) {
    tacho__folding done;
    tacho__fold_if_free(registry, tacho__wall(&tacho__clock_system), &done);
}

tacho_status tacho_snapshot_take_process(tacho_collector *collector, tacho_snapshot **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!collector) {
        return tacho__snapshot_of_parts(NULL, 0, out); /* disabled mode: nothing was recorded */
    }
    tacho__part *part;
    tacho_status status = tacho__part_take(collector, &part);
    return status == TACHO_OK ? tacho__snapshot_of_parts(&part, 1, out) : status;
}

tacho_status tacho_snapshot_take(tacho_collector *collector, tacho_snapshot **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    tacho__registry *registry = tacho__collector_registry(collector);
    if (!registry) {
        return tacho_snapshot_take_process(collector, out);
    }
    *out = NULL;
    tacho__part *own;
    tacho_status status = tacho__part_take(collector, &own);
    tacho__attached attached;
    if (status == TACHO_OK) {
        int64_t mono = (int64_t)tacho__now(&tacho__clock_system);
        fold_first(registry);
        status = tacho__registry_read(registry, own->segment, mono, own->taken_at_ns, &attached);
        if (status != TACHO_OK) {
            tacho__part_release(own);
        }
    }
    if (status == TACHO_OK) {
        status = of_registry(&attached, own, out);
        tacho__attached_free(&attached);
    }
    tacho__registry_release(registry);
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
    tacho__attached attached;
    fold_first(registry);
    status = tacho__registry_read(registry, NULL, (int64_t)tacho__now(&tacho__clock_system),
                                  tacho__wall(&tacho__clock_system), &attached);
    if (status == TACHO_OK) {
        status = of_registry(&attached, NULL, out);
        tacho__attached_free(&attached);
    }
    tacho__registry_release(registry);
    return status;
}
