/*
 * Files are looked at one by one, as a reader of numbers does it, but the answer is about the files: what changes while
 * this happens may show as it was or as it is.
 */
#include <tachograph/registry.h>

#include "base/clock.h"
#include "base/memory.h"
#include "segment/attach.h"
#include "segment/reader_clock.h"
#include "segment/registry_history.h"
#include "segment/set_aside.h"
#include "segment/view.h"
#include "snapshot/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

typedef struct look {
    tacho_registry_state state;
    tacho__arena arena;
} look;

typedef struct looking {
    const tacho__registry *registry;
    look *out;
    tacho__view *base; /* NULL = there is none */
    tacho_registry_segment *segments;
    tacho__reader_clock clock;
} looking;

static const char *hex_of(tacho__arena *arena, const uint8_t id[16]) {
    char text[33];
    for (size_t i = 0; i < 16; i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    return tacho__arena_text(arena, text);
}

static void take_drops(tacho__arena *arena, const tacho__view *view, tacho_registry_segment *to) {
    tacho_named *drops = tacho__arena_array(arena, TACHO__DROP_COUNT, sizeof *drops);
    for (unsigned cause = 0; drops && cause < TACHO__DROP_COUNT; cause++) {
        uint64_t count = tacho__view_drops(view, cause);
        if (count > 0) {
            drops[to->drop_count++] =
                (tacho_named){tacho__drop_name(cause), count > INT64_MAX ? INT64_MAX : (int64_t)count};
        }
    }
    to->drops = to->drop_count > 0 ? drops : NULL;
}

static void take_view(look *out, const tacho__view *view, tacho_registry_segment *to) {
    const tacho__view_info *info = tacho__view_describe(view);
    to->writer = tacho__arena_text(&out->arena, info->writer);
    to->prices = tacho__arena_text(&out->arena, info->prices);
    to->process = (int64_t)info->pid;
    to->started_at_ns = info->started_wall_ns;
    to->generation = info->generation;
    to->used_bytes = info->bytes_used;
    to->max_bytes = info->bytes_max;
    to->series = info->series;
    to->max_series = info->max_series;
    to->records_lost = info->records_lost;
    to->orphans = info->orphans;
    take_drops(&out->arena, view, to);
}

/* Opens and reads a file; what it holds goes into `to`. The view is the caller's, NULL where the file is left out. */
static tacho__view *look_at(looking *how, const char *name, const uint8_t *id, tacho_registry_segment *to) {
    tacho__registry_file file = {.file = -1};
    tacho__view *view = NULL;
    tacho_status status = tacho__registry_find(how->registry, name, &file);
    *to = (tacho_registry_segment){.struct_size = (uint32_t)sizeof *to};
    to->name = tacho__arena_text(&how->out->arena, name);
    if (status == TACHO_NOT_FOUND) {
        to->name = NULL;
        return NULL;
    }
    if (status == TACHO_OK) {
        to->file_bytes = file.bytes;
        to->is_alive = tacho__registry_is_alive(file.file);
        status = tacho__view_of_file(file.file, to->is_alive, how->clock.now.mono_ns, how->clock.now.wall_ns, &view);
    }
    if (status == TACHO_OK && !tacho__view_is_of(view, id)) {
        status = TACHO_FOREIGN;
        tacho__view_free(view);
        view = NULL;
    }
    if (status == TACHO_OK) {
        tacho__view_follow(view, &how->clock);
        take_view(how->out, view, to);
    } else {
        to->skipped = tacho__skip_name(tacho__skip_of(status, file.file));
    }
    if (file.file >= 0) {
        close(file.file);
    }
    return view;
}

static void count_segment(tacho_registry_state *state, const tacho_registry_segment *segment) {
    state->file_bytes += segment->file_bytes;
    if (segment->is_base || segment->is_folded) {
        return;
    }
    state->skipped += segment->skipped != NULL;
    state->live += !segment->skipped && segment->is_alive;
    state->dead += !segment->skipped && !segment->is_alive;
}

static void add_segment(looking *how, const char *name, const uint8_t *id) {
    tacho_registry_state *state = &how->out->state;
    tacho_registry_segment *segment = &how->segments[state->count];
    tacho__view *view = look_at(how, name, id, segment);
    if (!segment->name) { /* gone since it was listed, or out of memory */
        tacho__view_free(view);
        return;
    }
    if (id) {
        segment->is_folded = how->base && tacho__view_contains(how->base, id);
        tacho__view_free(view);
    } else {
        segment->is_base = 1;
        segment->is_alive = 0;
        segment->process = 0;
        how->base = view;
        state->folded_segments = view ? view->folded_count : 0;
    }
    count_segment(state, segment);
    state->count++;
}

/* What a `base` held that could not be read is missing as long as the file is there. */
static void add_set_aside(looking *how) {
    char names[TACHO__SET_ASIDE_MOST][TACHO__REGISTRY_NAME];
    tacho_registry_state *state = &how->out->state;
    const size_t count = tacho__set_aside_list(how->registry, names);
    for (size_t i = 0; i < count; i++) {
        tacho_registry_segment *segment = &how->segments[state->count];
        tacho__view_free(look_at(how, names[i], NULL, segment));
        if (segment->name) {
            segment->is_alive = 0;
            segment->skipped = tacho__skip_name(TACHO__SKIP_DAMAGED);
            count_segment(state, segment);
            state->count++;
        }
    }
}

static int by_begin(const void *a, const void *b) {
    const tacho_registry_segment *left = a, *right = b;
    if (left->is_base != right->is_base) {
        return left->is_base ? -1 : 1;
    }
    if (left->started_at_ns != right->started_at_ns) {
        return left->started_at_ns < right->started_at_ns ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

static tacho_status look_at_segments(looking *how) {
    uint8_t(*ids)[16];
    size_t count;
    tacho_status status = tacho__registry_list(how->registry, &ids, &count);
    if (status != TACHO_OK) {
        return status;
    }
    how->segments = tacho__arena_array(&how->out->arena, count + 1 + TACHO__SET_ASIDE_MOST, sizeof *how->segments);
    if (how->segments) {
        add_segment(how, TACHO__REGISTRY_BASE, NULL);
    }
    for (size_t i = 0; how->segments && i < count; i++) {
        char name[TACHO__REGISTRY_NAME];
        tacho__registry_name(ids[i], name);
        add_segment(how, name, ids[i]);
    }
    tacho__free(ids);
    if (how->segments) {
        add_set_aside(how);
    }
    tacho__view_free(how->base);
    how->out->state.segments = how->segments;
    if (how->segments) {
        qsort(how->segments, how->out->state.count, sizeof *how->segments, by_begin);
    }
    return how->out->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

/* Who holds a flock is written in /proc/locks alone: "1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF". */
static int64_t holder_of(const struct stat *file) {
    char line[256];
    int64_t found = 0;
    FILE *locks = fopen("/proc/locks", "re");
    while (locks && found == 0 && fgets(line, sizeof line, locks)) {
        long long process;
        unsigned long long inode;
        unsigned major, minor;
        /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers fit the types that it prints them from */
        if (sscanf(line, "%*s FLOCK %*s WRITE %lld %x:%x:%llu", &process, &major, &minor, &inode) == 4 &&
            inode == (unsigned long long)file->st_ino && major == major(file->st_dev) && minor == minor(file->st_dev)) {
            found = process > 0 ? process : 0;
        }
    }
    if (locks) {
        fclose(locks);
    }
    return found;
}

static void look_at_lease(looking *how) {
    tacho__registry_file file;
    struct stat about;
    if (tacho__registry_find(how->registry, TACHO__REGISTRY_LEASE, &file) != TACHO_OK) {
        return;
    }
    how->out->state.lease_is_held = tacho__registry_is_alive(file.file);
    if (how->out->state.lease_is_held && fstat(file.file, &about) == 0) {
        how->out->state.lease_process = holder_of(&about);
    }
    close(file.file);
}

static void look_at_history(looking *how) {
    char path[TACHO__HISTORY_PATH];
    if (tacho__registry_history_load(how->registry, path, NULL) == TACHO_OK) {
        how->out->state.history = tacho__arena_text(&how->out->arena, path);
    }
}

static tacho_status look_inside(const tacho__registry *registry, const char *dir, look *out) {
    looking how = {.registry = registry, .out = out, .clock = tacho__reader_clock_now()};
    struct statvfs space;
    tacho_registry_state *state = &out->state;
    *state = (tacho_registry_state){.struct_size = (uint32_t)sizeof *state};
    state->path = tacho__arena_text(&out->arena, dir);
    state->id = hex_of(&out->arena, registry->id);
    state->created_at_ns = registry->created_at_ns;
    if (fstatvfs(registry->folder, &space) == 0) {
        state->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    }
    look_at_lease(&how);
    look_at_history(&how);
    return look_at_segments(&how);
}

tacho_status tacho_registry_look(const char *dir, tacho_registry_state **out) {
    tacho__registry *registry;
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (!dir) {
        return TACHO_INVALID;
    }
    tacho_status status = tacho__registry_open(dir, 0, &registry);
    if (status != TACHO_OK) {
        return status;
    }
    look *found = tacho__calloc(1, sizeof *found);
    status = found ? look_inside(registry, dir, found) : TACHO_NOMEM;
    tacho__registry_release(registry);
    if (status != TACHO_OK && found) {
        tacho__arena_free(&found->arena);
        tacho__free(found);
        return status;
    }
    *out = found ? &found->state : NULL;
    return status;
}

void tacho_registry_state_free(tacho_registry_state *state) {
    look *found = (look *)state; /* its first member */
    if (found) {
        tacho__arena_free(&found->arena);
        tacho__free(found);
    }
}
