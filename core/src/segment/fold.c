#include "segment/fold.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/base.h"
#include "segment/view.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    const tacho__registry *registry;
    int64_t wall_ns;
    tacho__folding *out;
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
static void take(folder *f, const tacho__registry_file *file) {
    if (tacho__registry_is_alive(file->file) || !has_name(file->file)) {
        return;
    }
    const bool room = f->count - f->has_base + f->out->folded < TACHO__FOLD_MOST && f->bytes < TACHO__FOLD_BYTES;
    if (!room) {
        f->more = true;
        return;
    }
    tacho__view *view = NULL;
    if (tacho__view_of_file(file->file, false, f->wall_ns, f->wall_ns, &view) == TACHO_OK &&
        view->header->ro_compat == 0 && view->header->role == TACHO__ROLE_PROCESS) {
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
            take(f, &file);
            close(file.file);
        }
    }
    tacho__free(ids);
    return status;
}

static tacho_status write_base(folder *f) {
    const tacho__base_plan plan = {.views = (const tacho__view *const *)f->views,
                                   .count = f->count,
                                   .has_base = f->has_base,
                                   .outstanding = f->folded,
                                   .outstanding_count = f->folded_count};
    tacho__segment *base;
    tacho_status status = tacho__base_build(&plan, &base);
    if (status == TACHO_OK) {
        status = tacho__registry_write(f->registry, TACHO__REGISTRY_BASE, base->base, tacho__base_length(base));
        tacho__segment_release(base);
    }
    return status;
}

static void remove_folded(folder *f) {
    for (size_t i = f->has_base; i < f->count; ++i) {
        char name[TACHO__REGISTRY_NAME];
        tacho__registry_name(tacho__view_describe(f->views[i])->id, name);
        tacho__registry_remove(f->registry, name);
        f->out->folded += 1;
    }
}

/* As many segments as memory may hold at a time become a part of the next `base`. */
static tacho_status fold_some(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out, bool *more) {
    folder f = {.registry = registry, .wall_ns = wall_ns, .out = out};
    out->left = 0;
    tacho_status status = read_base(&f);
    if (status == TACHO_OK) {
        status = read_folded(&f);
    }
    if (status == TACHO_OK) {
        status = take_all(&f);
    }
    if (status == TACHO_OK && f.count > f.has_base) {
        status = write_base(&f);
        if (status == TACHO_OK) {
            remove_folded(&f);
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

tacho_status tacho__fold(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out) {
    memset(out, 0, sizeof *out);
    tacho__registry_sweep(registry);
    tacho_status status;
    bool more;
    do {
        status = fold_some(registry, wall_ns, out, &more);
    } while (more && out->folded < TACHO__FOLD_MOST);
    return status;
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

tacho_status tacho__fold_if_free(const tacho__registry *registry, int64_t wall_ns, tacho__folding *out) {
    memset(out, 0, sizeof *out);
    if (!tacho__registry_is_ours(registry) || !tacho__fold_is_due(registry)) {
        return TACHO_OK;
    }
    /* A lease of its own: the registry's may be held by the keeper of this very process, for long. */
    tacho__registry own = {.folder = registry->folder, .lease = -1};
    if (!tacho__registry_lease_try(&own)) {
        return TACHO_BUSY;
    }
    const tacho_status status = tacho__fold(registry, wall_ns, out);
    tacho__registry_lease_release(&own);
    return status;
}
