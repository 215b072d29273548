#include "segment/fold.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/base.h"
#include "segment/reader_clock.h"
#include "segment/system.h"
#include "segment/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    const tacho__registry *registry;
    int64_t wall_ns;
    tacho__reader_clock clock;
    tacho__folding *out;
    uint32_t most;                            /* segments to fold in all */
    tacho__view *views[TACHO__FOLD_MOST + 1]; /* `base` first, if there is one */
    size_t count;
    bool has_base;
    bool more;             /* dead segments that found no room this time */
    uint64_t bytes;        /* of the views, `base` apart */
    tacho__folded *folded; /* what `base` contains already */
    size_t folded_count;
} folder;

/* A `base` that cannot be read is kept under another name: nobody can tell what it said. */
static tacho_status set_base_aside(const folder *f) {
    char name[TACHO__REGISTRY_NAME], digits[17];
    tacho__hex_text(tacho__random_id(), digits);
    snprintf(name, sizeof name, "damaged-base-%s", digits);
    return tacho__registry_publish(f->registry, TACHO__REGISTRY_BASE, name);
}

static tacho_status read_base(folder *f) {
    tacho__registry_file file;
    tacho_status status = tacho__registry_find(f->registry, TACHO__REGISTRY_BASE, &file);
    if (status == TACHO_NOT_FOUND) {
        return TACHO_OK;
    }
    if (status == TACHO_OK) {
        status = tacho__view_of_file(file.file, false, f->wall_ns, f->wall_ns, &f->views[0]);
        close(file.file);
        f->has_base = status == TACHO_OK;
        f->count = f->has_base;
    }
    const bool damaged = status == TACHO_DAMAGED || status == TACHO_FOREIGN || status == TACHO_NO_DATA;
    return damaged ? set_base_aside(f) : status;
}

/* The ids of the newest segments that joined, so that there is room for those that join now. */
static tacho_status read_folded(folder *f) {
    const tacho__view *base = f->views[0];
    const size_t count = f->has_base ? base->folded_count : 0;
    const tacho__folded *list = count ? tacho__view_lines(base, base->folded_first, 1) : NULL;
    const size_t kept = count < TACHO__FOLD_IDS - TACHO__FOLD_MOST ? count : TACHO__FOLD_IDS - TACHO__FOLD_MOST;
    f->folded = tacho__calloc(kept + 1, sizeof *f->folded);
    if (!f->folded) {
        return TACHO_NOMEM;
    }
    if (kept) {
        memcpy(f->folded, list + (count - kept), kept * sizeof *f->folded);
    }
    f->folded_count = kept;
    return TACHO_OK;
}

/* The file of the name still, and not one that a reset has replaced: its process lives and has another. */
static bool has_name(int file) {
    struct stat about;
    return fstat(file, &about) == 0 && about.st_nlink > 0;
}

/* Reads a dead segment. What nobody can read stays where it is, and readers count it. */
static void take(folder *f, const tacho__registry_file *file, const uint8_t id[16]) {
    if (tacho__registry_is_alive(file->file) || !has_name(file->file)) {
        return;
    }
    const bool room = f->count - f->has_base + f->out->folded < f->most && f->bytes < TACHO__FOLD_BYTES;
    if (!room) {
        f->more = true;
        return;
    }
    tacho__view *view = NULL;
    if (tacho__view_of_file(file->file, false, f->wall_ns, f->wall_ns, &view) == TACHO_OK &&
        view->header->ro_compat == 0 && view->header->role == TACHO__ROLE_PROCESS && tacho__view_is_of(view, id)) {
        tacho__view_follow(view, &f->clock);
        f->views[f->count++] = view;
        f->bytes += tacho__view_describe(view)->bytes_used;
        return;
    }
    tacho__view_free(view);
    f->out->left += 1;
}

static tacho_status take_all(folder *f) {
    uint8_t(*ids)[16];
    size_t count;
    const tacho_status status = tacho__registry_list(f->registry, &ids, &count);
    for (size_t i = 0; i < count && status == TACHO_OK; ++i) {
        char name[TACHO__REGISTRY_NAME];
        tacho__registry_name(ids[i], name);
        tacho__registry_file file;
        if (f->has_base && tacho__view_contains(f->views[0], ids[i])) {
            tacho__registry_remove(f->registry, name);
            f->out->removed += 1;
        } else if (tacho__registry_find(f->registry, name, &file) == TACHO_OK) {
            take(f, &file, ids[i]);
            close(file.file);
        }
    }
    tacho__free(ids);
    return status;
}

/* A base of the first `count` views. */
static tacho_status write_base(const folder *f, size_t count, bool without_records) {
    const tacho__base_plan plan = {.views = (const tacho__view *const *)f->views,
                                   .count = count,
                                   .without_records = without_records,
                                   .has_base = f->has_base,
                                   .outstanding = f->folded,
                                   .outstanding_count = f->folded_count};
    tacho__segment *base;
    tacho_status status = tacho__base_build(&plan, &base);
    if (status == TACHO_OK) {
        status = tacho__registry_write_lasting(f->registry, TACHO__REGISTRY_BASE, base->base, tacho__base_length(base));
        tacho__segment_release(base);
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------- on a disk that is full
 */

static void name_of(const tacho__view *view, char name[TACHO__REGISTRY_NAME]) {
    tacho__registry_name(tacho__view_describe(view)->id, name);
}

/* A segment is read-only, for its owner too. */
static void cut(const folder *f, const char *name, const tacho__registry_file *file, uint64_t length) {
    struct stat about;
    if (fchmod(file->file, 0600) != 0) {
        return;
    }
    const int writable =
        tacho__system_calls.open_at(f->registry->folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);
    if (writable >= 0) {
        if (fstat(writable, &about) == 0 && (uint64_t)about.st_ino == file->inode &&
            (uint64_t)about.st_dev == file->device) {
            (void)!ftruncate(writable, (off_t)length);
        }
        close(writable);
    }
}

/* The blocks behind what a dead process used: those that its shared lane might have needed, and the last step of
 * growth. Who has the lock is the only one who may write there; readers copy what the header says is in use. */
static void trim(const folder *f, const tacho__view *view) {
    char name[TACHO__REGISTRY_NAME];
    name_of(view, name);
    tacho__registry_file found;
    tacho__header header;
    if (tacho__registry_find(f->registry, name, &found) != TACHO_OK) {
        return;
    }
    if (tacho__system_calls.lock(found.file, LOCK_EX | LOCK_NB) == 0 &&
        pread(found.file, &header, sizeof header, 0) == (ssize_t)sizeof header &&
        memcmp(header.id, view->header->id, sizeof header.id) == 0) {
        const uint64_t used = tacho__get(&header.lines_used) * TACHO__LINE;
        if (used < found.bytes) {
            cut(f, name, &found, used);
        }
    }
    flock(found.file, LOCK_UN); /* a child may have been forked meanwhile */
    close(found.file);
}

static void put_smallest_first(folder *f) {
    size_t smallest = f->has_base;
    for (size_t i = smallest + 1; i < f->count; ++i) {
        const bool smaller =
            tacho__view_describe(f->views[i])->bytes_used < tacho__view_describe(f->views[smallest])->bytes_used;
        smallest = smaller ? i : smallest;
    }
    tacho__view *first = f->views[f->has_base];
    f->views[f->has_base] = f->views[smallest];
    f->views[smallest] = first;
}

/* The new base must find room beside what it replaces. So what nobody needs is given back first; then the segments join
 * one by one, the smallest first, whose room the next one has; at last without records, which are most of a base. */
static tacho_status write_with_less(folder *f, size_t *joined) {
    for (size_t i = f->has_base; i < f->count; ++i) {
        trim(f, f->views[i]);
    }
    tacho_status status = write_base(f, f->count, false);
    if (status == TACHO_IO) {
        put_smallest_first(f);
        *joined = f->has_base + 1u;
        status = write_base(f, *joined, false);
        status = status == TACHO_IO ? write_base(f, *joined, true) : status;
        f->more = f->more || f->count > *joined;
    }
    return status;
}

static void remove_folded(folder *f, size_t joined) {
    for (size_t i = f->has_base; i < joined; ++i) {
        char name[TACHO__REGISTRY_NAME];
        name_of(f->views[i], name);
        tacho__registry_remove(f->registry, name);
        f->out->folded += 1;
    }
}

/* As many segments as memory may hold at a time become a part of the next `base`. */
static tacho_status fold_some(const tacho__registry *registry, int64_t wall_ns, uint32_t most, tacho__folding *out,
                              bool *more) {
    folder f = {.registry = registry, .wall_ns = wall_ns, .out = out, .most = most, .clock = tacho__reader_clock_now()};
    out->left = 0;
    tacho_status status = read_base(&f);
    if (status == TACHO_OK) {
        status = read_folded(&f);
    }
    if (status == TACHO_OK) {
        status = take_all(&f);
    }
    if (status == TACHO_OK && f.count > f.has_base) {
        size_t joined = f.count;
        status = write_base(&f, joined, false);
        if (status == TACHO_IO) {
            status = write_with_less(&f, &joined);
        }
        if (status == TACHO_OK) {
            remove_folded(&f, joined);
        }
    }
    *more = status == TACHO_OK && f.more && f.count > f.has_base;
    out->more = f.more;
    for (size_t i = 0; i < f.count; ++i) {
        tacho__view_free(f.views[i]);
    }
    tacho__free(f.folded);
    return status;
}

static tacho_status fold_most(const tacho__registry *registry, int64_t wall_ns, uint32_t most, tacho__folding *out) {
    memset(out, 0, sizeof *out);
    tacho__registry_sweep(registry);
    tacho_status status;
    bool more;
    do {
        status = fold_some(registry, wall_ns, most, out, &more);
    } while (more && out->folded < most);
    return status;
}

tacho_status tacho__fold(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out) {
    return fold_most(registry, wall_ns, TACHO__FOLD_MOST, out);
}

/* Most who ask find nothing, and need not read `base` for that. */
bool tacho__fold_is_due(const tacho__registry *registry) {
    uint8_t(*ids)[16];
    size_t count;
    bool dead = false;
    if (tacho__registry_list(registry, &ids, &count) != TACHO_OK) {
        return false;
    }
    for (size_t i = 0; i < count && !dead; ++i) {
        char name[TACHO__REGISTRY_NAME];
        tacho__registry_name(ids[i], name);
        tacho__registry_file file;
        if (tacho__registry_find(registry, name, &file) == TACHO_OK) {
            dead = !tacho__registry_is_alive(file.file) && has_name(file.file);
            close(file.file);
        }
    }
    tacho__free(ids);
    return dead;
}

static tacho_status fold_most_if_free(const tacho__registry *registry, int64_t wall_ns, uint32_t most,
                                      tacho__folding *out) {
    memset(out, 0, sizeof *out);
    if (!tacho__registry_is_ours(registry) || !tacho__fold_is_due(registry)) {
        return TACHO_OK;
    }
    /* A lease of its own: the registry's may be held by the keeper of this very process, for long. */
    tacho__registry own;
    tacho__registry_beside(registry, &own);
    if (!tacho__registry_lease_try(&own)) {
        return TACHO_BUSY;
    }
    const tacho_status status = fold_most(registry, wall_ns, most, out);
    tacho__registry_lease_release(&own);
    return status;
}

tacho_status tacho__fold_if_free(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out) {
    return fold_most_if_free(registry, wall_ns, TACHO__FOLD_MOST, out);
}

tacho_status tacho__fold_at_open(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out) {
    return fold_most_if_free(registry, wall_ns, TACHO__FOLD_AT_OPEN, out);
}
