/**
 * The order `base`, segments, `base` again is what makes sums right while somebody folds: a segment that vanishes
 * between the first two steps is found in the new `base`, whose inode differs, and everything is read again. Reading
 * the segments first would count some of them twice, reading `base` only once would lose some (all interleavings of a
 * folder killed at any step and a reader were explored: core/DESIGN.md).
 */
#include "segment/attach.h"

#include "base/memory.h"
#include "segment/view.h"

#include <string.h>
#include <unistd.h>

#define TRIES 4

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

static bool keep(tacho__attached *out, tacho__view *view) {
    if (out->count == out->room) {
        const size_t more = out->room ? out->room * 2 : 16;
        tacho__view **grown = tacho__realloc(out->views, more * sizeof *grown);
        if (!grown) {
            tacho__view_free(view);
            return false;
        }
        out->views = grown;
        out->room = more;
    }
    out->views[out->count++] = view;
    return true;
}

typedef struct reading {
    const tacho__registry *registry;
    int64_t mono_ns, wall_ns;
    tacho__attached *out;
} reading;

/* One file, by name; one that is gone is no error: the second look at `base` says whether it was folded. */
static tacho_status read_one(const reading *how, const char *name) {
    tacho__registry_file file = {.file = -1};
    tacho__view *view = NULL;
    tacho_status status = tacho__registry_find(how->registry, name, &file);
    if (status == TACHO_NOT_FOUND) {
        return TACHO_OK;
    }
    if (status == TACHO_OK) {
        status = tacho__view_of_file(file.file, tacho__registry_is_alive(file.file), how->mono_ns, how->wall_ns, &view);
    }
    if (status == TACHO_OK) {
        status = keep(how->out, view) ? TACHO_OK : TACHO_NOMEM;
    } else {
        how->out->skipped[tacho__skip_of(status, file.file)] += 1;
        status = TACHO_OK;
    }
    if (file.file >= 0) {
        close(file.file);
    }
    return status;
}

static bool is_folded(const tacho__attached *out, const uint8_t id[16]) {
    return out->count > 0 && tacho__view_contains(out->views[0], id);
}

static tacho_status read_segments(const reading *how, const uint8_t *without) {
    uint8_t(*ids)[16];
    size_t count;
    tacho_status status = tacho__registry_list(how->registry, &ids, &count);
    const bool has_base = how->out->count > 0;
    for (size_t i = 0; i < count && status == TACHO_OK; ++i) {
        char name[TACHO__REGISTRY_NAME];
        if ((without && memcmp(ids[i], without, 16) == 0) || (has_base && is_folded(how->out, ids[i]))) {
            continue;
        }
        tacho__registry_name(ids[i], name);
        status = read_one(how, name);
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

static void empty(tacho__attached *attached) {
    for (size_t i = 0; i < attached->count; ++i) {
        tacho__view_free(attached->views[i]);
    }
    attached->count = 0;
    memset(attached->skipped, 0, sizeof attached->skipped);
}

static tacho_status read_base(const reading *how, const tacho__registry_file *base) {
    tacho__view *view;
    if (base->inode == 0) {
        return TACHO_OK;
    }
    const tacho_status status = tacho__view_of_file(base->file, false, how->mono_ns, how->wall_ns, &view);
    if (status != TACHO_OK) {
        how->out->skipped[tacho__skip_of(status, base->file)] += 1;
        return TACHO_OK;
    }
    return keep(how->out, view) ? TACHO_OK : TACHO_NOMEM;
}

tacho_status tacho__registry_read(const tacho__registry *registry, const uint8_t *without, int64_t mono_ns,
                                  int64_t wall_ns, tacho__attached *out) {
    memset(out, 0, sizeof *out);
    const reading how = {registry, mono_ns, wall_ns, out};
    tacho_status status = TACHO_BUSY;
    for (int i = 0; i < TRIES && status == TACHO_BUSY; ++i) {
        empty(out);
        /* Held open, so that its inode cannot be given to the next `base`. */
        const tacho__registry_file base = identity_of_base(registry);
        status = read_base(&how, &base);
        if (status == TACHO_OK) {
            status = read_segments(&how, without);
        }
        if (status == TACHO_OK && !is_same_base(registry, &base)) {
            status = TACHO_BUSY;
        }
        if (base.inode != 0) {
            close(base.file);
        }
    }
    if (status != TACHO_OK) {
        tacho__attached_free(out);
    }
    return status;
}

void tacho__attached_free(tacho__attached *attached) {
    empty(attached);
    tacho__free(attached->views);
    attached->views = NULL;
    attached->room = 0;
}
