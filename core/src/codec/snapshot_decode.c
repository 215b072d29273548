/*
 * Foreign bytes: bounded by tacho__msgpack_check, then by the counts of snapshot_file.h; every value is checked for
 * type and range (frame.c), every text is cleaned, and what is left is as harmless as a live segment.
 */
#include "codec/snapshot_file.h"

#include "base/memory.h"
#include "base/text.h"
#include "segment/layout.h"
#include "snapshot/packed.h"

#include <string.h>
#include <tachograph/codec.h>
#include <tachograph/metric.h>

/* The beginning of a snapshot file, behind the byte of the map: "format" and its value, then the key "version". */
#define CONTAINED_MAX 65536u /* segments in a sum of dead ones */
#define BEGINNING                                                                                                      \
    "\xa6"                                                                                                             \
    "format"                                                                                                           \
    "\xb3" TACHO__SNAPSHOT_FORMAT "\xa7"                                                                               \
    "version"
/* The beginning of our JSON export, as our writer lays it out. */
#define JSON_BEGINNING "{\n  \"schema\": \"tacho.snapshot/"

static bool begins(const unsigned char *bytes, size_t length, const char *text, size_t text_length) {
    return memcmp(bytes, text, length < text_length ? length : text_length) == 0;
}

tacho__snapshot_kind tacho__snapshot_recognise(const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    if (length == 0) {
        return TACHO__SNAPSHOT_MSGPACK; /* cut short as far as it gets */
    }
    if (at[0] >= 0x84 && at[0] <= 0x8f && begins(at + 1, length - 1, BEGINNING, sizeof BEGINNING - 1)) {
        return TACHO__SNAPSHOT_MSGPACK;
    }
    return begins(at, length, JSON_BEGINNING, sizeof JSON_BEGINNING - 1) ? TACHO__SNAPSHOT_JSON
                                                                         : TACHO__SNAPSHOT_FOREIGN;
}

/* True for a whole beginning that names a later version. */
static bool is_newer(const unsigned char *bytes, size_t length) {
    size_t version = sizeof BEGINNING; /* the byte of the map, and the beginning without its NUL */
    return length > version && bytes[version] != TACHO__SNAPSHOT_VERSION &&
           (bytes[version] < 0x80 || (bytes[version] >= 0xcc && bytes[version] <= 0xcf));
}

/* What a file may still hold. */
typedef struct allowance {
    size_t records, series;
} allowance;

static bool allow(size_t *left, size_t count) {
    bool enough = count <= *left;
    *left -= enough ? count : 0;
    return enough;
}

static tacho_status find_frame(const tacho__msgpack *map, const char *key, const tacho__frame_sort *sort, size_t *left,
                               tacho__frame_reader *reader) {
    tacho__msgpack frame;
    if (tacho__msgpack_get_map(map, key, &frame) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    tacho_status status = tacho__frame_open(&frame, sort, reader);
    return status != TACHO_OK || allow(left, reader->rows) ? status : TACHO_LIMIT;
}

static tacho_status open_frame(const tacho__msgpack *map, const char *key, const tacho__frame_sort *sort, size_t *left,
                               tacho__arena *arena, tacho__frame_reader *reader, void **structs) {
    tacho_status status = find_frame(map, key, sort, left, reader);
    if (status != TACHO_OK) {
        return status;
    }
    *structs = tacho__arena_array(arena, reader->rows, sort->size);
    return *structs ? TACHO_OK : TACHO_NOMEM;
}

/* One row, by way of a struct that is used again. */
static tacho_status take_row(tacho__frame_reader *reader, tacho__arena *texts, tacho__part *part) {
    tacho__part_series one;
    tacho__part_series_init(&one);
    tacho_status status = tacho__frame_next(reader, texts, &one);
    tacho__part_series_complete(&one);
    if (status == TACHO_OK && !tacho__part_add_series(part, &one)) {
        status = TACHO_NOMEM;
    }
    tacho__part_series_free(&one);
    return status;
}

static tacho_status take_series(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho__frame_reader reader;
    tacho__arena texts = {NULL, false};
    tacho_status status = find_frame(map, "series", &tacho__frame_series, &left->series, &reader);
    for (size_t i = 0; status == TACHO_OK && i < reader.rows; i++) {
        status = take_row(&reader, &texts, part);
    }
    tacho__arena_free(&texts);
    return status;
}

static tacho_status take_sessions(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho__frame_reader reader;
    void *structs;
    tacho_status status =
        open_frame(map, "sessions", &tacho__frame_sessions, &left->series, &part->arena, &reader, &structs);
    if (status != TACHO_OK) {
        return status;
    }
    part->sessions = structs;
    for (size_t i = 0; i < reader.rows && status == TACHO_OK; i++) {
        tacho__part_session *session = &part->sessions[i];
        tacho__part_session_init(session);
        part->session_count = i + 1;
        status = tacho__frame_next(&reader, &part->arena, session);
        session->sums.session = session->id;
        tacho__part_session_complete(session);
    }
    return status;
}

/* A word that this version does not know would be counted as something else. */
static bool known_words(const tacho_record_view *record) {
    tacho_outcome outcome;
    return record->outcome && tacho_outcome_parse(record->outcome, &outcome) == TACHO_OK;
}

static tacho_status take_records(const tacho__msgpack *map, const char *key, tacho__part *part, allowance *left,
                                 tacho_record_view **records, size_t *count) {
    tacho_field columns[TACHO__FRAME_COLUMNS];
    tacho__frame_sort sort = tacho__frame_records(columns);
    tacho__frame_reader reader;
    void *structs;
    tacho_status status = open_frame(map, key, &sort, &left->records, &part->arena, &reader, &structs);
    if (status != TACHO_OK) {
        return status;
    }
    *records = structs;
    for (size_t i = 0; i < reader.rows && status == TACHO_OK; i++) {
        (*records)[i].struct_size = sizeof(tacho_record_view);
        *count = i + 1;
        status = tacho__frame_next(&reader, &part->arena, &(*records)[i]);
        if (status == TACHO_OK && !known_words(&(*records)[i])) {
            status = TACHO_DAMAGED;
        }
    }
    return status;
}

/* Words become those of the lists; false for a definition that makes no sense. */
static bool settle_metric(tacho__part_metric *metric) {
    int type = 0, merge = 0;
    while (type < TACHO_METRIC_TYPE_COUNT && metric->type && strcmp(metric->type, tacho_metric_type_text(type)) != 0) {
        type++;
    }
    while (merge < TACHO_MERGE_COUNT && metric->merge && strcmp(metric->merge, tacho_merge_text(merge)) != 0) {
        merge++;
    }
    bool known = metric->type && metric->merge && type < TACHO_METRIC_TYPE_COUNT && merge < TACHO_MERGE_COUNT;
    known = known && metric->name && metric->unit && metric->digits <= 9 && metric->label_count <= TACHO__PART_LABELS;
    for (int64_t i = 0; known && i < metric->label_count; i++) {
        known = metric->labels[i] != NULL;
    }
    metric->type = tacho_metric_type_text(type);
    metric->merge = tacho_merge_text(merge);
    return known;
}

static tacho_status take_metrics(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho__frame_reader reader;
    void *structs;
    tacho_status status =
        open_frame(map, "metrics", &tacho__frame_metrics, &left->series, &part->arena, &reader, &structs);
    part->metrics = status == TACHO_OK ? structs : NULL;
    for (size_t i = 0; status == TACHO_OK && i < reader.rows; i++) {
        part->metric_count = i + 1;
        status = tacho__frame_next(&reader, &part->arena, &part->metrics[i]);
        if (status == TACHO_OK && !settle_metric(&part->metrics[i])) {
            status = TACHO_DAMAGED;
        }
    }
    return status;
}

static tacho_status take_custom(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho__frame_reader reader;
    void *structs;
    tacho_status status =
        open_frame(map, "custom", &tacho__frame_custom, &left->series, &part->arena, &reader, &structs);
    part->custom = status == TACHO_OK ? structs : NULL;
    for (size_t i = 0; status == TACHO_OK && i < reader.rows; i++) {
        part->custom_count = i + 1;
        status = tacho__frame_next(&reader, &part->arena, &part->custom[i]);
        if (status == TACHO_OK && (size_t)part->custom[i].metric >= part->metric_count) {
            status = TACHO_DAMAGED;
        }
    }
    return status;
}

static tacho_status take_caches(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho__frame_reader reader;
    void *structs;
    tacho_status status =
        open_frame(map, "caches", &tacho__frame_caches, &left->series, &part->arena, &reader, &structs);
    part->caches = status == TACHO_OK ? structs : NULL;
    for (size_t i = 0; status == TACHO_OK && i < reader.rows; i++) {
        part->cache_count = i + 1;
        status = tacho__frame_next(&reader, &part->arena, &part->caches[i]);
        if (status == TACHO_OK && !part->caches[i].name) {
            status = TACHO_DAMAGED;
        }
    }
    return status;
}

static tacho_status take_text(const tacho__msgpack *map, const char *key, tacho__arena *arena, const char **out) {
    const char *text;
    size_t length;
    char clean[TACHO__TEXT_CAP + 1];
    tacho_status status = tacho__msgpack_get_str(map, key, &text, &length);
    if (status != TACHO_OK) {
        return status == TACHO_NOT_FOUND ? TACHO_OK : TACHO_DAMAGED;
    }
    *out = tacho__arena_bytes(arena, clean, tacho__text_clean(text, length, clean));
    return *out ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status take_drops(const tacho__msgpack *map, tacho__part *part) {
    tacho__msgpack drops, key, value;
    if (tacho__msgpack_get_map(map, "drops", &drops) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    part->drops = tacho__arena_array(&part->arena, drops.count, sizeof *part->drops);
    tacho__msgpack_walker walker = tacho__msgpack_walk(&drops);
    while (part->drops && tacho__msgpack_next_pair(&walker, &key, &value)) {
        char clean[TACHO__TEXT_CAP + 1];
        int64_t n;
        if (key.type != TACHO__MSGPACK_STR || tacho__msgpack_as_int(&value, &n) != TACHO_OK || n < 0) {
            return TACHO_DAMAGED;
        }
        const char *name =
            tacho__arena_bytes(&part->arena, clean, tacho__text_clean((const char *)key.bytes, key.length, clean));
        part->drops[part->drop_count++] = (tacho_named){name, n};
    }
    return part->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

/* The whole map or nothing; a part without it is one whose process is not known. */
static tacho_status take_process(const tacho__msgpack *map, tacho__process *out) {
    tacho__msgpack process;
    tacho__process read = TACHO__PROCESS_UNKNOWN;
    tacho_status found = tacho__msgpack_get_map(map, "process", &process);
    if (found != TACHO_OK || process.count == 0) {
        return found == TACHO_OK || found == TACHO_NOT_FOUND ? TACHO_OK : TACHO_DAMAGED;
    }
    if (tacho__msgpack_get_int(&process, "pid", &read.pid) != TACHO_OK || read.pid <= 0 ||
        tacho__msgpack_get_int(&process, "started_at_ns", &read.started_at_ns) != TACHO_OK ||
        tacho__msgpack_get_int(&process, "cpu_ns", &read.cpu_ns) != TACHO_OK ||
        tacho__msgpack_get_int(&process, "memory_bytes", &read.memory_bytes) != TACHO_OK ||
        tacho__msgpack_get_int(&process, "descriptors", &read.descriptors) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    *out = read;
    return TACHO_OK;
}

static tacho_status take_contained(const tacho__msgpack *map, tacho__part *part) {
    const uint8_t *bytes;
    size_t length;
    tacho_status found = tacho__msgpack_get_bin(map, "contains", &bytes, &length);
    if (found != TACHO_OK || length == 0) {
        return found == TACHO_OK || found == TACHO_NOT_FOUND ? TACHO_OK : TACHO_DAMAGED;
    }
    if (length % sizeof(tacho__folded) != 0 || length / sizeof(tacho__folded) > CONTAINED_MAX) {
        return TACHO_DAMAGED;
    }
    tacho__folded *contains = tacho__arena_array(&part->arena, length / sizeof *contains, sizeof *contains);
    if (!contains) {
        return TACHO_NOMEM;
    }
    memcpy(contains, bytes, length);
    part->contains = contains;
    part->contains_count = length / sizeof *contains;
    return TACHO_OK;
}

static tacho_status take_head(const tacho__msgpack *map, tacho__part *part) {
    const uint8_t *segment;
    size_t length;
    if (tacho__msgpack_get_bin(map, "segment", &segment, &length) != TACHO_OK || length != sizeof part->segment ||
        tacho__msgpack_get_uint(map, "generation", &part->generation) != TACHO_OK ||
        tacho__msgpack_get_int(map, "taken_at_ns", &part->taken_at_ns) != TACHO_OK ||
        tacho__msgpack_get_int(map, "started_at_ns", &part->started_at_ns) != TACHO_OK ||
        tacho__msgpack_get_uint(map, "records_lost", &part->records_lost) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    memcpy(part->segment, segment, sizeof part->segment);
    return take_text(map, "prices", &part->arena, &part->prices);
}

static tacho_status take_part(const tacho__msgpack *map, tacho__part *part, allowance *left) {
    tacho_status status = map->type == TACHO__MSGPACK_MAP ? take_head(map, part) : TACHO_DAMAGED;
    if (status == TACHO_OK) {
        status = take_process(map, &part->process);
    }
    if (status == TACHO_OK) {
        status = take_contained(map, part);
    }
    if (status == TACHO_OK) {
        status = take_drops(map, part);
    }
    if (status == TACHO_OK) {
        status = take_series(map, part, left);
    }
    if (status == TACHO_OK) {
        status = take_sessions(map, part, left);
    }
    if (status == TACHO_OK) {
        status = take_records(map, "records", part, left, &part->records, &part->record_count);
    }
    if (status == TACHO_OK) {
        status = take_records(map, "slowest", part, left, &part->slowest, &part->slowest_count);
    }
    if (status == TACHO_OK) {
        status = take_metrics(map, part, left);
    }
    if (status == TACHO_OK) {
        status = take_custom(map, part, left);
    }
    return status == TACHO_OK ? take_caches(map, part, left) : status;
}

static tacho_status take_parts(const tacho__msgpack *list, tacho_snapshot **out) {
    allowance left = {TACHO__SNAPSHOT_RECORDS_MAX, TACHO__SNAPSHOT_SERIES_MAX};
    tacho__msgpack one;
    size_t count = 0;
    if (list->count > TACHO__SNAPSHOT_PARTS_MAX) {
        return TACHO_LIMIT;
    }
    tacho__part **parts = tacho__calloc(list->count, sizeof(tacho__part *));
    tacho_status status = parts ? TACHO_OK : TACHO_NOMEM;
    tacho__msgpack_walker walker = tacho__msgpack_walk(list);
    while (status == TACHO_OK && tacho__msgpack_next(&walker, &one)) {
        tacho__part *part = tacho__part_new(NULL);
        status = part ? take_part(&one, part, &left) : TACHO_NOMEM;
        if (status == TACHO_OK) {
            parts[count++] = part;
        } else {
            tacho__part_release(part);
        }
    }
    if (status == TACHO_OK) {
        status = tacho__snapshot_of_parts(parts, count, out);
    } else {
        while (count > 0) {
            tacho__part_release(parts[--count]);
        }
    }
    tacho__free(parts);
    return status;
}

/* Optional; reasons that this version does not know are stepped over. */
static void take_skipped(const tacho__msgpack *root, tacho_snapshot *snapshot) {
    tacho__msgpack map;
    for (unsigned reason = 0; reason < TACHO__SKIP_COUNT; reason++) {
        if (tacho__msgpack_get_map(root, "segments_skipped", &map) == TACHO_OK) {
            (void)tacho__msgpack_get_uint(&map, tacho__skip_name(reason), &snapshot->skipped[reason]);
            snapshot->skipped[reason] &= INT64_MAX;
        }
    }
}

tacho_status tacho_snapshot_decode(const void *bytes, size_t length, tacho_snapshot **out) {
    tacho__msgpack root, parts;
    uint64_t version;
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    if (tacho__snapshot_recognise(bytes, length) != TACHO__SNAPSHOT_MSGPACK) {
        return TACHO_FOREIGN;
    }
    if (is_newer(bytes, length)) {
        return TACHO_NEWER;
    }
    tacho_status status = tacho__msgpack_check(bytes, length, 0, &root, NULL);
    if (status != TACHO_OK) {
        return status;
    }
    if (tacho__msgpack_get_uint(&root, "version", &version) != TACHO_OK || version != TACHO__SNAPSHOT_VERSION ||
        tacho__msgpack_get_array(&root, "parts", &parts) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    status = take_parts(&parts, out);
    if (status == TACHO_OK) {
        take_skipped(&root, *out);
    }
    return status;
}
