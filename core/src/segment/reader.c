/** The copy: taking it, checking its header, finding its regions. */
#include "segment/reader.h"

#include "base/memory.h"
#include "segment/crc32c.h"
#include "segment/system.h"
#include "segment/view.h"

#include <string.h>

#define WORDS_PER_LINE (TACHO__LINE / 8)

static int64_t add_clamped(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN + 1 : INT64_MAX) : sum;
}

static int64_t subtract_clamped(int64_t a, int64_t b) {
    int64_t difference;
    return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? INT64_MIN + 1 : INT64_MAX) : difference;
}

/* ------------------------------------------------------------------------------------------------------ the header */

tacho_status tacho__view_check(const tacho__header *header, size_t length) {
    if (length < TACHO__HEADER_BYTES || memcmp(header->magic, TACHO__MAGIC, sizeof header->magic) != 0 ||
        header->byte_order != TACHO__BYTE_ORDER) {
        return TACHO_FOREIGN;
    }
    if (atomic_load_explicit(&header->ready, memory_order_acquire) != TACHO__READY) {
        return TACHO_NO_DATA;
    }
    if (header->major != TACHO__FORMAT_MAJOR) {
        return header->major > TACHO__FORMAT_MAJOR ? TACHO_NEWER : TACHO_FOREIGN;
    }
    if (header->crc32c != tacho__crc32c(header, offsetof(tacho__header, crc32c))) {
        return TACHO_DAMAGED;
    }
    if (header->incompat != 0) {
        return TACHO_NEWER;
    }
    return header->header_bytes == TACHO__HEADER_BYTES && header->line_bytes == TACHO__LINE ? TACHO_OK : TACHO_DAMAGED;
}

/* First line of a region that has the expected shape and lies inside the copy; 0 = it does not. */
static uint32_t find_region(const tacho__view *view, unsigned index, uint32_t count, uint32_t stride) {
    const tacho__region *region = &view->header->regions[index];
    const uint64_t lines = ((uint64_t)count * stride + TACHO__LINE - 1) / TACHO__LINE;
    const bool fits = region->count == count && region->stride == stride &&
                      region->first >= TACHO__HEADER_BYTES / TACHO__LINE && region->first + lines <= view->lines;
    return fits ? region->first : 0;
}

/* The same for a region that need not exist; false = it should and does not fit. */
static bool find_optional(const tacho__view *view, unsigned index, uint32_t most, uint32_t stride, uint32_t *first,
                          uint32_t *count) {
    *count = view->header->regions[index].count;
    *first = *count && *count <= most ? find_region(view, index, *count, stride) : 0;
    return *count == 0 || *first != 0;
}

static bool find_base_regions(tacho__view *view) {
    const bool base = view->header->role == TACHO__ROLE_BASE;
    view->session_slots = base ? view->header->regions[TACHO__REGION_SESSIONS].count : TACHO__SESSION_CELLS;
    return view->session_slots > 0 && view->session_slots <= TACHO__BASE_SESSIONS + 1 &&
           find_optional(view, TACHO__REGION_RECORDS, TACHO__BASE_RECORDS, sizeof(tacho__stored_record),
                         &view->ended_first, &view->ended_count) &&
           find_optional(view, TACHO__REGION_FOLDED, UINT32_MAX / sizeof(tacho__folded), sizeof(tacho__folded),
                         &view->folded_first, &view->folded_count);
}

static bool find_regions(tacho__view *view) {
    if (!find_base_regions(view)) {
        return false;
    }
    view->lanes_first = find_region(view, TACHO__REGION_LANES, TACHO__LANES, sizeof(tacho__lane_header));
    view->series_first = find_region(view, TACHO__REGION_SERIES, TACHO__SERIES_CHUNKS, sizeof(tacho__half));
    view->sessions_first = find_region(view, TACHO__REGION_SESSIONS, view->session_slots, sizeof(tacho__session_slot));
    view->open_first = find_region(view, TACHO__REGION_OPEN, TACHO__OPEN_SLOTS, sizeof(tacho__open_slot));
    view->metrics_first = find_region(view, TACHO__REGION_METRICS, TACHO__METRICS, sizeof(tacho__metric_definition));
    return view->lanes_first && view->series_first && view->sessions_first && view->open_first && view->metrics_first;
}

static void fill_info(tacho__view *view, int64_t mono_ns, int64_t wall_ns) {
    const tacho__header *header = view->header;
    tacho__view_info *info = &view->info;
    memcpy(info->id, header->id, sizeof info->id);
    memcpy(view->writer, header->writer, sizeof header->writer);
    memcpy(view->prices, header->prices, sizeof header->prices);
    const tacho__anchor *anchor = &header->anchors[tacho__get(&header->anchor_index) & 1];
    view->anchor_wall = (int64_t)tacho__get(&anchor->wall_ns);
    view->anchor_mono = (int64_t)tacho__get(&anchor->mono_ns);
    info->generation = header->generation;
    info->started_mono_ns = header->started_mono_ns;
    info->started_wall_ns = header->started_wall_ns;
    info->taken_mono_ns = mono_ns;
    info->taken_wall_ns = wall_ns;
    info->ended_mono_ns = (int64_t)tacho__get(&header->ended_mono_ns);
    info->pid = header->pid;
    info->pid_namespace = header->pid_namespace;
    info->writer = view->writer;
    info->prices = view->prices[0] ? view->prices : NULL;
    info->bytes_used = view->lines * TACHO__LINE;
    info->bytes_max = header->max_bytes;
    info->series = view->heads.series;
    if (info->series > TACHO__SERIES_CHUNK * TACHO__SERIES_CHUNKS) {
        info->series = TACHO__SERIES_CHUNK * TACHO__SERIES_CHUNKS;
        info->faults += 1;
    }
    info->operation_series = tacho__get_half(&header->operation_series);
    info->component_series = tacho__get_half(&header->component_series);
    info->max_series = header->max_series;
    info->models = tacho__get_half(&header->models);
    info->providers = tacho__get_half(&header->providers);
    info->tools = tacho__get_half(&header->tools);
    info->role = header->role;
}

/* -------------------------------------------------------------------------------------------------- sessions and open
 */

static tacho_status find_sessions(tacho__view *view) {
    view->sessions = tacho__calloc(view->session_slots, sizeof *view->sessions);
    if (!view->sessions) {
        return TACHO_NOMEM;
    }
    for (uint32_t slot = 0; slot < view->session_slots; ++slot) {
        if (tacho__get_half(&tacho__view_slot(view, slot)->state) != TACHO__SESSION_FREE) {
            view->sessions[view->session_count++] = slot;
        }
    }
    view->info.sessions = view->session_count;
    return TACHO_OK;
}

static tacho_status find_open(tacho__view *view) {
    view->open = tacho__calloc(TACHO__OPEN_SLOTS, sizeof *view->open);
    if (!view->open) {
        return TACHO_NOMEM;
    }
    for (uint32_t slot = 0; slot < TACHO__OPEN_SLOTS; ++slot) {
        if (tacho__get(&tacho__view_open_slot(view, slot)->id) != 0) {
            view->open[view->open_count++] = slot;
        }
    }
    return TACHO_OK;
}

/* ---------------------------------------------------------------------------------------------------------- opening */

/* In live memory: counts that a copy made from now on can answer for. The sequence word of the newest record is what
 * its writer released last. */
static void read_heads(const uint8_t *base, tacho__heads *out) {
    const tacho__header *header = (const tacho__header *)base;
    const tacho__lane_header *lanes =
        (const tacho__lane_header *)(base + (uint64_t)header->regions[TACHO__REGION_LANES].first * TACHO__LINE);
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const uint64_t written = atomic_load_explicit(&lanes[i].records, memory_order_acquire);
        const uint32_t ring = tacho__get_half(&lanes[i].ring), capacity = tacho__get_half(&lanes[i].ring_capacity);
        out->records[i] = written;
        if (written && ring && capacity) {
            const tacho__stored_record *records = (const tacho__stored_record *)(base + (uint64_t)ring * TACHO__LINE);
            (void)atomic_load_explicit(&records[(written - 1) % capacity].word[0], memory_order_acquire);
        }
    }
    out->series = atomic_load_explicit(&header->series_count, memory_order_acquire);
}

/* Of bytes that nobody writes any more. */
static void copied_heads(tacho__view *view) {
    view->heads.series = tacho__get_half(&view->header->series_count);
    for (uint32_t i = 0; i < TACHO__LANES && view->lanes_first; ++i) {
        view->heads.records[i] = tacho__get(&tacho__view_lane(view, i)->records);
    }
}

tacho_status tacho__view_open_copy(tacho__view *view, const tacho__source *source, int64_t mono_ns, int64_t wall_ns,
                                   tacho__view **out) {
    view->header = (const tacho__header *)view->words;
    tacho_status status = tacho__view_check(view->header, view->lines * TACHO__LINE);
    if (status == TACHO_OK) {
        status = find_regions(view) ? TACHO_OK : TACHO_DAMAGED;
    }
    if (status == TACHO_OK && !view->info.alive) {
        status = tacho__view_recover(view);
    }
    if (status == TACHO_OK) {
        if (!source->live && source->file < 0) {
            copied_heads(view);
        }
        fill_info(view, mono_ns, wall_ns);
    }
    if (status == TACHO_OK) {
        status = find_sessions(view);
    }
    if (status == TACHO_OK) {
        status = find_open(view);
    }
    if (status == TACHO_OK) {
        status = tacho__view_find_records(view, source);
    }
    if (status == TACHO_OK) {
        status = tacho__view_find_windows(view, source);
    }
    if (status == TACHO_OK) {
        status = tacho__view_find_notes(view, source);
    }
    if (status != TACHO_OK) {
        tacho__view_free(view);
        return status;
    }
    *out = view;
    return TACHO_OK;
}

bool tacho__view_copy_again(tacho__view *view, const tacho__source *source, const void *copied, size_t bytes) {
    const size_t offset = (size_t)((const uint8_t *)copied - (const uint8_t *)view->words);
    uint64_t *to = view->words + offset / 8;
    if (source->live) {
        tacho__word *from = (tacho__word *)(uintptr_t)(source->live + offset);
        for (size_t i = 0; i < bytes / 8; ++i) {
            to[i] = atomic_load_explicit(&from[i], memory_order_acquire);
        }
        return true;
    }
    return tacho__system_calls.read_at(source->file, to, bytes, (off_t)offset) == (ssize_t)bytes;
}

static void copy_words(uint64_t *to, const uint8_t *from, uint64_t first_line, uint64_t end_line) {
    tacho__word *source = (tacho__word *)(uintptr_t)from;
    for (uint64_t i = first_line * WORDS_PER_LINE; i < end_line * WORDS_PER_LINE; ++i) {
        to[i] = atomic_load_explicit(&source[i], memory_order_acquire);
    }
}

/*
 * Copies until nothing was added meanwhile: a link that was copied never leads to a line that was not. `lines_used`
 * only grows up to the bound, so this ends.
 */
static tacho_status copy_live(tacho__view *view, const tacho__header *header) {
    uint64_t copied = 0, used;
    while ((used = atomic_load_explicit(&header->lines_used, memory_order_acquire)) > copied) {
        uint64_t *grown = tacho__realloc(view->words, used * TACHO__LINE);
        if (!grown) {
            return TACHO_NOMEM;
        }
        view->words = grown;
        copy_words(grown, (const uint8_t *)header, copied, used);
        copied = used;
    }
    view->lines = copied;
    return TACHO_OK;
}

tacho_status tacho__view_live(const void *base, int64_t mono_ns, int64_t wall_ns, tacho__view **out) {
    *out = NULL;
    tacho__view *view = tacho__calloc(1, sizeof *view);
    if (!view) {
        return TACHO_NOMEM;
    }
    read_heads(base, &view->heads);
    const tacho_status status = copy_live(view, base);
    if (status != TACHO_OK) {
        tacho__view_free(view);
        return status;
    }
    view->info.alive = true;
    const tacho__source source = {base, -1};
    return tacho__view_open_copy(view, &source, mono_ns, wall_ns, out);
}

/* Of a file that was extended in steps, only what is in use; of a header that makes no sense, everything. */
static uint64_t lines_used(const uint8_t *bytes, size_t length) {
    uint64_t used;
    memcpy(&used, bytes + offsetof(tacho__header, lines_used), sizeof used);
    const uint64_t lines = length / TACHO__LINE;
    return used >= TACHO__HEADER_BYTES / TACHO__LINE && used < lines ? used : lines;
}

static tacho_status view_of(const void *bytes, size_t length, bool dead, int64_t mono_ns, int64_t wall_ns,
                            tacho__view **out) {
    *out = NULL;
    if (length < TACHO__HEADER_BYTES) {
        return TACHO_FOREIGN;
    }
    tacho__view *view = tacho__calloc(1, sizeof *view);
    if (!view) {
        return TACHO_NOMEM;
    }
    view->lines = lines_used(bytes, length);
    view->words = tacho__malloc(view->lines * TACHO__LINE);
    if (!view->words) {
        tacho__view_free(view);
        return TACHO_NOMEM;
    }
    memcpy(view->words, bytes, view->lines * TACHO__LINE);
    view->info.alive = !dead;
    const tacho__source source = {NULL, -1};
    return tacho__view_open_copy(view, &source, mono_ns, wall_ns, out);
}

tacho_status tacho__view_of_bytes(const void *bytes, size_t length, int64_t mono_ns, int64_t wall_ns,
                                  tacho__view **out) {
    return view_of(bytes, length, false, mono_ns, wall_ns, out);
}

tacho_status tacho__view_of_dead(const void *bytes, size_t length, int64_t mono_ns, int64_t wall_ns,
                                 tacho__view **out) {
    return view_of(bytes, length, true, mono_ns, wall_ns, out);
}

void tacho__view_free(tacho__view *view) {
    if (view) {
        if (!view->copy) {
            tacho__free(view->words);
        }
        tacho__free(view->sessions);
        tacho__free(view->open);
        tacho__free((void *)view->records);
        tacho__free(view->record_lanes);
        tacho__free((void *)view->slowest);
        tacho__free(view->window_first);
        tacho__free(view->notes);
        tacho__free(view);
    }
}

/* ----------------------------------------------------------------------------------------------------------- answers
 */

const tacho__view_info *tacho__view_describe(const tacho__view *view) {
    return &view->info;
}

const tacho__folded *tacho__view_folded(const tacho__view *view, uint32_t *count) {
    const tacho__folded *folded = tacho__view_lines(view, view->folded_first, 1);
    *count = folded ? view->folded_count : 0;
    return folded;
}

bool tacho__view_is_of(const tacho__view *view, const uint8_t *id) {
    return !id || memcmp(view->header->id, id, sizeof view->header->id) == 0;
}

bool tacho__view_contains(const tacho__view *base, const uint8_t id[16]) {
    const tacho__folded *folded = tacho__view_lines(base, base->folded_first, 1);
    for (uint32_t i = 0; folded && i < base->folded_count; ++i) {
        if (memcmp(folded[i].id, id, sizeof folded[i].id) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t tacho__view_drops(const tacho__view *view, unsigned cause) {
    return cause < TACHO__DROPS ? tacho__get(&view->header->drops[cause]) : 0;
}

int64_t tacho__view_wall(const tacho__view *view, int64_t mono_ns) {
    return add_clamped(view->anchor_wall, subtract_clamped(mono_ns, view->anchor_mono));
}

const char *tacho__view_text(const tacho__view *view, tacho__line line) {
    const tacho__string_entry *entry = tacho__view_lines(view, line, 1);
    if (!entry || entry->length == 0 || entry->length > TACHO__STRING_BYTES) {
        return NULL;
    }
    const uint64_t lines = (sizeof *entry + entry->length + TACHO__LINE) / TACHO__LINE;
    const bool whole = tacho__view_lines(view, line, lines) != NULL;
    return whole && entry->bytes[entry->length] == 0 && !memchr(entry->bytes, 0, entry->length) ? entry->bytes : NULL;
}

const tacho__lane_header *tacho__view_lane(const tacho__view *view, uint32_t lane) {
    return (const tacho__lane_header *)tacho__view_lines(view, view->lanes_first, 1) + lane;
}

const tacho__session_slot *tacho__view_slot(const tacho__view *view, uint32_t slot) {
    return (const tacho__session_slot *)tacho__view_lines(view, view->sessions_first, 1) + slot;
}

const tacho__open_slot *tacho__view_open_slot(const tacho__view *view, uint32_t slot) {
    return (const tacho__open_slot *)tacho__view_lines(view, view->open_first, 1) + slot;
}

uint32_t tacho__view_open_count(const tacho__view *view) {
    return view->open_count;
}

static uint8_t kind_of(const tacho__open_slot *slot) {
    return (uint8_t)(tacho__get(&slot->series) >> 48);
}

bool tacho__view_open(const tacho__view *view, uint32_t index, tacho__open_view *out) {
    if (index >= view->open_count) {
        return false;
    }
    const tacho__open_slot *slot = tacho__view_open_slot(view, view->open[index]);
    const uint64_t series = tacho__get(&slot->series), texts = tacho__get(&slot->texts);
    memset(out, 0, sizeof *out);
    out->id = tacho__get(&slot->id);
    out->parent = tacho__get(&slot->parent);
    out->trace[0] = tacho__get(&slot->trace[0]);
    out->trace[1] = tacho__get(&slot->trace[1]);
    out->begin_mono_ns = (int64_t)tacho__get(&slot->begin);
    out->series = (uint32_t)series;
    out->kind = kind_of(slot);
    out->session_slot = (uint32_t)(series >> 32 & 0xFFFF);
    out->session = tacho__view_text(view, (tacho__line)texts);
    out->model = tacho__view_text(view, (tacho__line)(texts >> 32));
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, out->series);
    out->operation = descriptor ? tacho__view_text(view, descriptor->name) : NULL;
    return out->kind < TACHO__KINDS;
}

uint64_t tacho__view_in_flight(const tacho__view *view, unsigned kind) {
    int64_t count = 0;
    for (uint32_t i = 0; i < view->open_count; ++i) {
        const tacho__open_slot *slot = tacho__view_open_slot(view, view->open[i]);
        count += kind_of(slot) == kind;
    }
    for (uint32_t lane = 0; lane < TACHO__LANES && kind < TACHO__KIND_CELLS; ++lane) {
        count = add_clamped(count, (int64_t)tacho__get(&tacho__view_lane(view, lane)->unlisted[kind]));
    }
    return count > 0 ? (uint64_t)count : 0;
}
