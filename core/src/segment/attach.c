/**
 * The order `base`, segments, `base` again is what makes sums right while somebody folds: a segment that vanishes
 * between the first two steps is found in the new `base`, whose inode differs, and everything is read again. Reading
 * the segments first would count some of them twice, reading `base` only once would lose some (all interleavings of a
 * folder killed at any step and a reader were explored: core/DESIGN.md).
 */
#include "segment/attach.h"
#include "segment/reader_clock.h"
#include "segment/set_aside.h"

#include "base/memory.h"
#include "segment/view.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES          5
#define LAST_FREE_TRY  3 /* from this one on nobody else folds, if possible */
#define LEASE_TRIES    250
#define LEASE_PAUSE_NS 2000000

const char *tacho__skip_name(unsigned reason) {
#define X(name, text) text,
    static const char *const names[] = {TACHO__SKIP_MAP(X)};
#undef X
    return reason < TACHO__SKIP_COUNT ? names[reason] : "";
}

/* An older major looks foreign to the reader; a person wants to know the difference. */
static bool is_older(int file) {
    tacho__header header;
    return pread(file, &header, sizeof header, 0) == (ssize_t)sizeof header &&
           memcmp(header.magic, TACHO__MAGIC, sizeof header.magic) == 0 && header.byte_order == TACHO__BYTE_ORDER &&
           header.major < TACHO__FORMAT_MAJOR;
}

tacho__skip tacho__skip_of(tacho_status status, int file) {
    switch (status) {
    case TACHO_FOREIGN:
        return file >= 0 && is_older(file) ? TACHO__SKIP_OLDER : TACHO__SKIP_FOREIGN;
    case TACHO_NEWER:
        return TACHO__SKIP_NEWER;
    case TACHO_DAMAGED:
        return TACHO__SKIP_DAMAGED;
    case TACHO_NO_DATA:
        return TACHO__SKIP_UNFINISHED;
    default:
        return TACHO__SKIP_UNREADABLE;
    }
}

typedef struct reading {
    const tacho__registry *registry;
    int64_t mono_ns, wall_ns;
    const tacho__visitor *visitor;
    uint64_t *skipped;
    tacho__copy *copy;
    tacho__reader_clock clock;
    const tacho__view *base; /* NULL = there is none, or it cannot be read */
} reading;

/* Makes a view of an open file; one that cannot be read, or is not what its name says, is counted. */
static tacho_status open_view(const reading *how, const tacho__registry_file *file, const uint8_t *id,
                              tacho_status status, tacho__copy *copy, tacho__view **view) {
    *view = NULL;
    if (status == TACHO_OK) {
        const bool alive = id && tacho__registry_is_alive(file->file);
        status = tacho__view_of_file_in(copy, file->file, alive, how->mono_ns, how->wall_ns, view);
    }
    if (status == TACHO_OK && !tacho__view_is_of(*view, id)) {
        status = TACHO_FOREIGN;
    }
    if (status != TACHO_OK) {
        how->skipped[tacho__skip_of(status, file->file)] += 1;
        return TACHO_OK;
    }
    tacho__view_follow(*view, &how->clock);
    return how->visitor->take(how->visitor->context, *view);
}

/* One file, by name; one that is gone is no error: the second look at `base` says whether it was folded. */
static tacho_status read_one(const reading *how, const uint8_t id[16]) {
    char name[TACHO__REGISTRY_NAME];
    tacho__registry_file file = {.file = -1};
    tacho__view *view;
    tacho__registry_name(id, name);
    tacho_status status = tacho__registry_find(how->registry, name, &file);
    if (status == TACHO_NOT_FOUND) {
        return TACHO_OK;
    }
    status = open_view(how, &file, id, status, how->copy, &view);
    tacho__view_free(view);
    if (file.file >= 0) {
        close(file.file);
    }
    return status;
}

static tacho_status read_segments(const reading *how, const uint8_t *without) {
    uint8_t(*ids)[16];
    size_t count;
    tacho_status status = tacho__registry_list(how->registry, &ids, &count);
    for (size_t i = 0; i < count && status == TACHO_OK; ++i) {
        if ((without && memcmp(ids[i], without, 16) == 0) || (how->base && tacho__view_contains(how->base, ids[i]))) {
            continue;
        }
        status = read_one(how, ids[i]);
    }
    tacho__free(ids);
    return status;
}

/* Which file `base` is now; all zero when there is none. */
static tacho__registry_file identity_of_base(const tacho__registry *registry) {
    tacho__registry_file file;
    if (tacho__registry_find(registry, TACHO__REGISTRY_BASE, &file) != TACHO_OK) {
        return (tacho__registry_file){0};
    }
    return file;
}

static bool is_same_base(const tacho__registry *registry, const tacho__registry_file *before) {
    const tacho__registry_file now = identity_of_base(registry);
    if (now.inode != 0) {
        close(now.file);
    }
    return now.inode == before->inode && now.device == before->device;
}

/* `base`, which stays in memory while the segments are read, because its list says which of them it contains. */
static tacho_status read_all(reading *how, const tacho__registry_file *base, const uint8_t *without) {
    tacho__view *view = NULL;
    tacho_status status = base->inode != 0 ? open_view(how, base, NULL, TACHO_OK, NULL, &view) : TACHO_OK;
    how->base = view;
    if (status == TACHO_OK) {
        status = read_segments(how, without);
    }
    tacho__view_free(view);
    if (status == TACHO_OK && !is_same_base(how->registry, base)) {
        status = TACHO_BUSY;
    }
    return status;
}

/* One look at everything. TACHO_BUSY: somebody folded meanwhile. */
static tacho_status read_once(reading *how, const uint8_t *without) {
    memset(how->skipped, 0, TACHO__SKIP_COUNT * sizeof *how->skipped);
    /* Held open, so that its inode cannot be given to the next `base`. */
    const tacho__registry_file base = identity_of_base(how->registry);
    const tacho_status status = read_all(how, &base, without);
    if (base.inode != 0) {
        close(base.file);
    }
    return status;
}

/* Whoever has the lease is the only one to fold. Where it cannot be had for long, a keeper has it, which folds seldom.
 */
static void keep_folders_out(tacho__registry *own) {
    const struct timespec pause = {0, LEASE_PAUSE_NS};
    for (int i = 0; i < LEASE_TRIES; ++i) {
        if (tacho__registry_lease_try(own)) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

tacho_status tacho__registry_read(const tacho__registry *registry, const uint8_t *without, int64_t mono_ns,
                                  int64_t wall_ns, const tacho__visitor *visitor, uint64_t skipped[TACHO__SKIP_COUNT]) {
    tacho__copy copy = {NULL, 0};
    tacho__registry own;
    tacho__registry_beside(registry, &own);
    reading how = {registry, mono_ns, wall_ns, visitor, skipped, &copy, tacho__reader_clock_now(), NULL};
    tacho_status status = read_once(&how, without);
    for (int i = 1; i < TRIES && status == TACHO_BUSY; ++i) {
        if (i == LAST_FREE_TRY) {
            keep_folders_out(&own);
        }
        visitor->restart(visitor->context);
        status = read_once(&how, without);
    }
    tacho__registry_lease_release(&own);
    tacho__copy_free(&copy);
    char aside[TACHO__SET_ASIDE_MOST][TACHO__REGISTRY_NAME];
    skipped[TACHO__SKIP_DAMAGED] += tacho__set_aside_list(registry, aside);
    return status;
}
