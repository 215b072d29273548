/**
 * The copy out of a file that another process may be writing.
 *
 * The order of the calls is what makes it right: first the counts that the copy will answer for, then the copy, until
 * no line was added meanwhile, then the counts again, which say what may have been overwritten while it was copied.
 * Aligned words are copied whole by the kernel; what belongs together is one word, or is checked.
 */
#include "base/memory.h"
#include "base/pages.h"
#include "segment/segment.h"
#include "segment/system.h"
#include "segment/view.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* All bytes or nothing: the file ends earlier than it says. */
static tacho_status read_all(int file, void *to, uint64_t from, uint64_t bytes) {
    uint8_t *next = to;
    while (bytes > 0) {
        const ssize_t n = tacho__system_calls.read_at(file, next, bytes, (off_t)from);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? TACHO_IO : TACHO_DAMAGED;
        }
        next += n;
        from += (uint64_t)n;
        bytes -= (uint64_t)n;
    }
    atomic_thread_fence(memory_order_acquire);
    return TACHO_OK;
}

/* The region of lanes, from where the header says. */
static tacho_status read_lanes(int file, const tacho__header *header, tacho__lane_header *out) {
    const tacho__region *region = &header->regions[TACHO__REGION_LANES];
    if (region->count != TACHO__LANES || region->stride != sizeof(tacho__lane_header)) {
        return TACHO_DAMAGED;
    }
    return read_all(file, out, (uint64_t)region->first * TACHO__LINE, TACHO__LANES * sizeof *out);
}

/* What the header says is believed only as far as the file goes. */
static bool has_lines(int file, uint64_t lines) {
    struct stat about;
    return lines <= TACHO__SEGMENT_MOST / TACHO__LINE && fstat(file, &about) == 0 &&
           lines * TACHO__LINE <= (uint64_t)about.st_size;
}

#define COPY_STEP  ((size_t)2 << 20) /* a large page, so that a copy is made of few pages */
#define SPARE_MOST ((size_t)8 << 20) /* what a segment may have by default */

/*
 * The memory of the last reading, for the next one: clearing it anew takes the kernel a fifth of a reading. At most one
 * in the process, whose first word says how long it is.
 */
static _Atomic(uint64_t *) spare;

static bool take_spare(tacho__copy *out, size_t bytes) {
    uint64_t *words = atomic_exchange_explicit(&spare, NULL, memory_order_acquire);
    *out = (tacho__copy){words, words ? (size_t)*words : 0};
    if (out->bytes < bytes) {
        tacho__pages_free(out->words, out->bytes);
        return false;
    }
    return true;
}

void tacho__copy_free(tacho__copy *copy) {
    if (copy->words && copy->bytes <= SPARE_MOST) {
        *copy->words = copy->bytes;
        uint64_t *before = atomic_exchange_explicit(&spare, copy->words, memory_order_acq_rel);
        *copy = (tacho__copy){before, before ? (size_t)*before : 0};
    }
    tacho__pages_free(copy->words, copy->bytes);
    *copy = (tacho__copy){NULL, 0};
}

static bool new_copy(tacho__copy *out, size_t bytes) {
    *out = (tacho__copy){tacho__pages_new(bytes, NULL), bytes};
    if (out->words) {
        tacho__memory_expect(out->words, bytes);
    }
    return out->words != NULL;
}

/* At least `bytes`, of which the first `kept` are kept. */
static bool grow_copy(tacho__copy *copy, size_t bytes, size_t kept) {
    if (bytes <= copy->bytes) {
        return true;
    }
    const size_t more = (bytes + COPY_STEP - 1) / COPY_STEP * COPY_STEP;
    tacho__copy grown;
    if (!take_spare(&grown, more) && !new_copy(&grown, more)) {
        return false;
    }
    if (kept > 0) {
        memcpy(grown.words, copy->words, kept);
    }
    tacho__copy_free(copy);
    *copy = grown;
    return true;
}

bool tacho__view_make_room(tacho__view *view, uint64_t lines) {
    if (view->copy) {
        const bool grown = grow_copy(view->copy, lines * TACHO__LINE, view->lines * TACHO__LINE);
        view->words = view->copy->words;
        return grown;
    }
    uint64_t *grown = tacho__realloc(view->words, lines * TACHO__LINE);
    if (grown) {
        view->words = grown;
        tacho__memory_expect(grown, lines * TACHO__LINE);
    }
    return grown != NULL;
}

static tacho_status copy_lines(tacho__view *view, int file, uint64_t lines) {
    if (!has_lines(file, lines)) {
        return TACHO_DAMAGED;
    }
    if (!tacho__view_make_room(view, lines)) {
        return TACHO_NOMEM;
    }
    const tacho_status status = read_all(file, (uint8_t *)view->words + view->lines * TACHO__LINE,
                                         view->lines * TACHO__LINE, (lines - view->lines) * TACHO__LINE);
    if (status == TACHO_OK) {
        view->lines = lines;
    }
    return status;
}

/* Until nothing was added meanwhile; the bound of the segment ends it. */
static tacho_status copy_growing(tacho__view *view, int file, const tacho__header *header) {
    uint64_t used = tacho__get(&header->lines_used);
    tacho_status status = used >= TACHO__HEADER_BYTES / TACHO__LINE ? TACHO_OK : TACHO_DAMAGED;
    while (status == TACHO_OK && used > view->lines) {
        status = copy_lines(view, file, used);
        if (status == TACHO_OK) {
            status = read_all(file, &used, offsetof(tacho__header, lines_used), sizeof used);
        }
    }
    return status;
}

/* The writer may be overwriting the record that is one ring before its next one. */
static void find_steady(tacho__heads *heads, const tacho__lane_header *lanes) {
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const uint64_t next = tacho__get(&lanes[i].records) + 1, capacity = tacho__get_half(&lanes[i].ring_capacity);
        heads->steady[i] = next > capacity ? next - capacity + 1 : 1;
    }
}

static tacho_status copy_file(tacho__view *view, int file, tacho__header *header, tacho__lane_header *lanes) {
    struct stat about;
    if (fstat(file, &about) != 0) {
        return TACHO_IO;
    }
    if (about.st_size < (off_t)sizeof *header) {
        return TACHO_FOREIGN;
    }
    tacho_status status = read_all(file, header, 0, sizeof *header);
    if (status == TACHO_OK) {
        status = tacho__view_check(header, sizeof *header);
    }
    if (status == TACHO_OK) {
        status = read_lanes(file, header, lanes);
    }
    uint32_t series = 0; /* counted after the records, the newest of which may be the first of its series */
    if (status == TACHO_OK) {
        status = read_all(file, &series, offsetof(tacho__header, series_count), sizeof series);
    }
    if (status != TACHO_OK) {
        return status;
    }
    view->heads.series = series;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        view->heads.records[i] = tacho__get(&lanes[i].records);
    }
    status = copy_growing(view, file, header);
    if (status == TACHO_OK && view->info.alive) {
        status = read_lanes(file, header, lanes);
        find_steady(&view->heads, lanes);
    }
    return status;
}

tacho_status tacho__view_of_file_in(tacho__copy *copy, int file, bool alive, int64_t mono_ns, int64_t wall_ns,
                                    tacho__view **out) {
    *out = NULL;
    tacho__view *view = tacho__calloc(1, sizeof *view);
    uint8_t *first = tacho__malloc(sizeof(tacho__header) + TACHO__LANES * sizeof(tacho__lane_header));
    tacho_status status = view && first ? TACHO_OK : TACHO_NOMEM;
    if (status == TACHO_OK) {
        view->copy = copy;
        view->info.alive = alive;
        status = copy_file(view, file, (tacho__header *)first, (tacho__lane_header *)(first + sizeof(tacho__header)));
    }
    tacho__free(first);
    if (status != TACHO_OK) {
        tacho__view_free(view);
        return status;
    }
    const tacho__source source = {NULL, alive ? file : -1};
    return tacho__view_open_copy(view, &source, mono_ns, wall_ns, out);
}

tacho_status tacho__view_of_file(int file, bool alive, int64_t mono_ns, int64_t wall_ns, tacho__view **out) {
    return tacho__view_of_file_in(NULL, file, alive, mono_ns, wall_ns, out);
}
