#include "segment/segment.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/crc32c.h"
#include "segment/metrics.h"
#include "segment/reader_clock.h"
#include "segment/sketch.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/version.h>
#include <unistd.h>

/* Every overflow series with every histogram on every octave, every session: what the shared lane may ever need. */
#define RESERVE_LINES                                                                                                  \
    (TACHO__KINDS * (TACHO__BLOCK_LINES + TACHO__OCTAVES + TACHO__USAGE_LINES + TACHO__FAILURE_LINES + 1 +             \
                     5 * (TACHO__HISTOGRAM_LINES + TACHO__OCTAVES)) +                                                  \
     TACHO__HISTOGRAM_LINES + TACHO__OCTAVES + TACHO__SESSION_CELLS * TACHO__CELL_LINES + TACHO__REDO_LINES)
#define FIRST_LINES   (TACHO__BACKING_STEP / TACHO__LINE) /* more than header, regions and overflow series take */
#define WINDOW_LINES  (UINT32_C(2) << 20 >> 6)            /* all windows together: 2 MiB */
#define OVERFLOW_NAME "other"

static tacho__region place_region(uint64_t *next, uint32_t count, uint32_t stride) {
    const tacho__region region = {(tacho__line)*next, count, stride, 0};
    *next += ((uint64_t)count * stride + TACHO__LINE - 1) / TACHO__LINE;
    return region;
}

static void write_immutable(tacho__segment *segment, const tacho__segment_plan *plan) {
    tacho__header *header = segment->header;
    memcpy(header->magic, TACHO__MAGIC, sizeof header->magic);
    header->major = TACHO__FORMAT_MAJOR;
    header->minor = TACHO__FORMAT_MINOR;
    header->byte_order = TACHO__BYTE_ORDER;
    header->header_bytes = TACHO__HEADER_BYTES;
    header->line_bytes = TACHO__LINE;
    if (plan->id) {
        memcpy(header->id, plan->id, sizeof header->id);
    } else {
        tacho__random_bytes(header->id, sizeof header->id);
    }
    header->generation = plan->generation;
    header->started_wall_ns = plan->wall_ns;
    header->started_mono_ns = plan->mono_ns;
    tacho__boot_id(header->boot_id);
    header->clock = plan->clock;
    header->pid = (uint64_t)getpid();
    struct stat namespace;
    if (stat("/proc/self/ns/pid", &namespace) == 0) {
        header->pid_namespace = (uint64_t) namespace.st_ino;
    }
    header->max_bytes = plan->bytes;
    header->id_base = tacho__random_id();
    header->max_series = plan->max_series;
    header->role = plan->role;
    header->window = plan->window;
    snprintf(header->writer, sizeof header->writer, "tachograph %s", TACHO_VERSION);
    snprintf(header->prices, sizeof header->prices, "%s", plan->prices ? plan->prices : "");
    tacho__grid_describe(header->grids);
}

static void place_regions(tacho__segment *segment, const tacho__segment_plan *plan) {
    const uint32_t session_slots = plan->session_slots ? plan->session_slots : TACHO__SESSION_CELLS;
    tacho__header *header = segment->header;
    uint64_t next = TACHO__HEADER_BYTES / TACHO__LINE;
    tacho__region *regions = header->regions;
    regions[TACHO__REGION_LANES] = place_region(&next, TACHO__LANES, sizeof(tacho__lane_header));
    regions[TACHO__REGION_SERIES] = place_region(&next, TACHO__SERIES_CHUNKS, sizeof(tacho__half));
    regions[TACHO__REGION_SESSIONS] = place_region(&next, session_slots, sizeof(tacho__session_slot));
    regions[TACHO__REGION_OPEN] = place_region(&next, TACHO__OPEN_SLOTS, sizeof(tacho__open_slot));
    regions[TACHO__REGION_METRICS] = place_region(&next, TACHO__METRICS, sizeof(tacho__metric_definition));
    if (plan->ended_records) {
        regions[TACHO__REGION_RECORDS] = place_region(&next, plan->ended_records, sizeof(tacho__stored_record));
    }
    if (plan->folded) {
        regions[TACHO__REGION_FOLDED] = place_region(&next, plan->folded, sizeof(tacho__folded));
    }
    segment->lanes = tacho__at(segment, regions[TACHO__REGION_LANES].first);
    segment->sessions = tacho__at(segment, regions[TACHO__REGION_SESSIONS].first);
    segment->open = tacho__at(segment, regions[TACHO__REGION_OPEN].first);
    segment->next = next;
    tacho__put(&header->lines_used, next);
}

static bool add_overflow_series(tacho__segment *segment) {
    const tacho__line name =
        tacho__segment_intern(segment, OVERFLOW_NAME, sizeof OVERFLOW_NAME - 1, TACHO__POCKET_ORDINARY);
    for (uint8_t kind = 0; kind <= TACHO__KINDS; ++kind) {
        const bool component = kind == TACHO__SERIES_COMPONENTS;
        const char identity[4] = {component ? TACHO__TYPE_COMPONENT : TACHO__TYPE_OPERATION,
                                  (char)(component ? 0 : kind), TACHO__SERIES_IS_OVERFLOW, 0};
        const tacho__descriptor descriptor = {
            .hash = tacho__hash(identity, sizeof identity, 0),
            .type = (uint8_t)identity[0],
            .kind = (uint8_t)identity[1],
            .grid = component ? TACHO__GRID_SECONDS : tacho__grid_of_kind(kind),
            .flags = TACHO__SERIES_IS_OVERFLOW,
            .name = name,
            .component = component ? name : 0,
            .created_mono_ns = segment->header->started_mono_ns,
        };
        uint32_t number;
        if (!tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, &number)) {
            return false;
        }
    }
    return tacho__metrics_begin(segment, name);
}

static bool make_index(tacho__segment *segment) {
    uint64_t size = 1024;
    while (size < segment->text_left * 2) {
        size *= 2;
    }
    segment->index = tacho__calloc(size, sizeof *segment->index);
    segment->index_mask = size - 1;
    return segment->index != NULL;
}

static void set_pockets(tacho__segment *segment) {
    segment->lines = segment->bytes / TACHO__LINE;
    segment->detail_left = segment->lines / 2;
    segment->text_left = segment->lines / 4;
    segment->detail_text_left = segment->lines / 16;
    segment->window_left = segment->lines / 4 < WINDOW_LINES ? segment->lines / 4 : WINDOW_LINES;
}

/* The file gets its name when a reader may have it. */
typedef struct new_file {
    const tacho__registry *registry;
    char name[TACHO__REGISTRY_NAME];
} new_file;

/* A file that is cut short kills the process that has it mapped, at its next store. So not even its owner may open it
 * for writing any more, unless he gives himself the right to, or is root. We have it open already. */
static void protect(int file) {
    (void)!fchmod(file, 0400);
}

static tacho_status make_backing(tacho__segment *segment, const tacho__segment_plan *plan, new_file *file) {
    if (!plan->registry) {
        return tacho__backing_private(&segment->backing, segment->bytes);
    }
    int descriptor;
    tacho_status status = tacho__registry_create(plan->registry, file->name, &descriptor);
    if (status == TACHO_OK) {
        file->registry = plan->registry;
        protect(descriptor);
        status = tacho__backing_file(&segment->backing, segment->bytes, descriptor);
    }
    /* The shared lane's reserve exists before anything else is counted on. */
    if (status == TACHO_OK && !tacho__backing_grow(&segment->backing, (RESERVE_LINES + FIRST_LINES) * TACHO__LINE)) {
        status = TACHO_IO;
    }
    return status;
}

static tacho_status fill(tacho__segment *segment, const tacho__segment_plan *plan) {
    segment->base = segment->backing.base;
    segment->header = (tacho__header *)segment->base;
    set_pockets(segment);
    if (!make_index(segment)) {
        return TACHO_NOMEM;
    }
    write_immutable(segment, plan);
    place_regions(segment, plan);
    if (!add_overflow_series(segment)) {
        return TACHO_NOMEM;
    }
    tacho__header *header = segment->header;
    tacho__put(&header->anchors[0].wall_ns, (uint64_t)plan->wall_ns);
    tacho__put(&header->anchors[0].mono_ns, (uint64_t)plan->mono_ns);
    header->crc32c = tacho__crc32c(header, offsetof(tacho__header, crc32c));
    atomic_store_explicit(&header->ready, TACHO__READY, memory_order_release);
    return TACHO_OK;
}

static tacho_status publish(const tacho__segment *segment, const new_file *file) {
    char name[TACHO__REGISTRY_NAME];
    if (!file->registry) {
        return TACHO_OK;
    }
    tacho__registry_name(segment->header->id, name);
    return tacho__registry_publish(file->registry, file->name, name);
}

tacho_status tacho__segment_create(const tacho__segment_plan *plan, tacho__segment **out) {
    *out = NULL;
    tacho__segment *segment = tacho__calloc(1, sizeof *segment);
    if (!segment) {
        return TACHO_NOMEM;
    }
    segment->bytes = plan->bytes / TACHO__HEADER_BYTES * TACHO__HEADER_BYTES;
    segment->generation = plan->generation;
    segment->backing.file = -1;
    atomic_init(&segment->references, 1);
    new_file file = {.registry = NULL};
    tacho_status status = make_backing(segment, plan, &file);
    if (status == TACHO_OK) {
        status = fill(segment, plan);
    }
    if (status == TACHO_OK) {
        status = publish(segment, &file);
    }
    if (status != TACHO_OK) {
        if (file.registry) {
            tacho__registry_remove(file.registry, file.name);
        }
        tacho__segment_release(segment);
        return status;
    }
    *out = segment;
    return TACHO_OK;
}

void tacho__segment_retain(tacho__segment *segment) {
    atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
}

void tacho__segment_release(tacho__segment *segment) {
    if (!segment || atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    tacho__backing_close(&segment->backing);
    tacho__free(segment->index);
    tacho__free(segment);
}

bool tacho__segment_has(const tacho__segment *segment, uint32_t count) {
    return segment->next + count <= segment->lines - RESERVE_LINES;
}

void tacho__segment_abandon(tacho__segment *segment) {
    if (segment) {
        tacho__backing_abandon(&segment->backing);
    }
}

tacho__line tacho__segment_reserve(tacho__segment *segment, uint32_t count, tacho__pocket pocket) {
    const uint64_t spared = pocket == TACHO__POCKET_RESERVE ? 0 : RESERVE_LINES;
    const uint64_t needed = segment->next + count + spared;
    if (needed > segment->lines || (pocket == TACHO__POCKET_DETAIL && count > segment->detail_left)) {
        return 0;
    }
    /* What the shared lane may need later has its blocks already, so a full disk stops everything but it. */
    if (needed * TACHO__LINE > segment->backing.ready &&
        !tacho__backing_grow(&segment->backing, needed * TACHO__LINE)) {
        return 0;
    }
    if (pocket == TACHO__POCKET_DETAIL) {
        segment->detail_left -= count;
    }
    const tacho__line line = (tacho__line)segment->next;
    segment->next += count;
    return line;
}

void tacho__segment_publish(tacho__segment *segment) {
    atomic_store_explicit(&segment->header->lines_used, segment->next, memory_order_release);
}

tacho__line tacho__segment_take(tacho__segment *segment, uint32_t count, tacho__pocket pocket) {
    const tacho__line line = tacho__segment_reserve(segment, count, pocket);
    /* Released, so that whoever sees a link to a line also sees that the line is in use. */
    tacho__segment_publish(segment);
    return line;
}

static tacho__half *directory_of(const tacho__segment *segment) {
    return tacho__at(segment, segment->header->regions[TACHO__REGION_SERIES].first);
}

tacho__descriptor *tacho__segment_descriptor(const tacho__segment *segment, uint32_t number) {
    if (number >= atomic_load_explicit(&segment->header->series_count, memory_order_acquire)) {
        return NULL;
    }
    const tacho__line chunk = tacho__get_half(&directory_of(segment)[number / TACHO__SERIES_CHUNK]);
    return (tacho__descriptor *)tacho__at(segment, chunk) + number % TACHO__SERIES_CHUNK;
}

bool tacho__segment_describe(tacho__segment *segment, const tacho__descriptor *from, tacho__pocket pocket,
                             uint32_t *number) {
    tacho__header *header = segment->header;
    const uint32_t count = tacho__get_half(&header->series_count);
    if (count >= TACHO__SERIES_CHUNK * TACHO__SERIES_CHUNKS - 1) { /* records name series with 16 bits, 0 = none */
        return false;
    }
    tacho__half *chunk = &directory_of(segment)[count / TACHO__SERIES_CHUNK];
    if (tacho__get_half(chunk) == 0) {
        const tacho__line line = tacho__segment_take(segment, TACHO__SERIES_CHUNK, pocket);
        if (line == 0) {
            return false;
        }
        tacho__put_half(chunk, line);
    }
    tacho__descriptor *descriptor =
        (tacho__descriptor *)tacho__at(segment, tacho__get_half(chunk)) + count % TACHO__SERIES_CHUNK;
    tacho__store_body(descriptor, from, sizeof *descriptor);
    *number = count;
    atomic_store_explicit(&header->series_count, count + 1, memory_order_release);
    return true;
}

/* Sum that stays at the end of the range: times far from the anchor come from callers. */
static int64_t add_clamped(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN + 1 : INT64_MAX) : sum;
}

static int64_t subtract_clamped(int64_t a, int64_t b) {
    int64_t difference;
    return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? INT64_MIN + 1 : INT64_MAX) : difference;
}

static const tacho__anchor *anchor_of(const tacho__segment *segment) {
    const uint64_t index = atomic_load_explicit(&segment->header->anchor_index, memory_order_acquire);
    return &segment->header->anchors[index & 1];
}

int64_t tacho__segment_wall(const tacho__segment *segment, int64_t mono_ns) {
    const tacho__anchor *anchor = anchor_of(segment);
    return add_clamped((int64_t)tacho__get(&anchor->wall_ns),
                       subtract_clamped(mono_ns, (int64_t)tacho__get(&anchor->mono_ns)));
}

int64_t tacho__segment_mono(const tacho__segment *segment, int64_t wall_ns) {
    const tacho__anchor *anchor = anchor_of(segment);
    return add_clamped((int64_t)tacho__get(&anchor->mono_ns),
                       subtract_clamped(wall_ns, (int64_t)tacho__get(&anchor->wall_ns)));
}

void tacho__segment_anchor(tacho__segment *segment, int64_t mono_ns, int64_t wall_ns) {
    const int64_t moved = subtract_clamped(wall_ns, tacho__segment_wall(segment, mono_ns));
    if (moved <= TACHO__ANCHOR_STEP && moved >= -TACHO__ANCHOR_STEP) {
        return;
    }
    /* The pair that nobody reads is written, then the index turns: a reader never sees half a pair. */
    tacho__header *header = segment->header;
    const uint64_t other = ~tacho__get(&header->anchor_index) & 1;
    tacho__put(&header->anchors[other].wall_ns, (uint64_t)wall_ns);
    tacho__put(&header->anchors[other].mono_ns, (uint64_t)mono_ns);
    atomic_store_explicit(&header->anchor_index, other, memory_order_release);
}
