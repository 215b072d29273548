#include "codec/snapshot_file.h"

#include "segment/layout.h"
#include "wire/msgpack_writer.h"

#include <string.h>
#include <tachograph/version.h>

static void put_text(tacho__buffer *out, const char *key, const char *text) {
    tacho__msgpack_put_key(out, key);
    tacho__msgpack_put_str(out, text, text ? strlen(text) : 0);
}

static void put_frame(tacho__buffer *out, const char *key, const tacho__frame_sort *sort, const void *structs,
                      size_t count) {
    tacho__msgpack_put_key(out, key);
    tacho__frame_put(out, sort, structs, count);
}

static void put_series(tacho__buffer *out, const tacho__part *part) {
    tacho__series_list *list;
    if (tacho__series_of_part(part, &list) != TACHO_OK) {
        out->failed = true;
        return;
    }
    put_frame(out, "series", &tacho__frame_series, list->series, list->count);
    tacho__series_list_free(list);
}

static void put_drops(tacho__buffer *out, const tacho__part *part) {
    tacho__msgpack_put_key(out, "drops");
    tacho__msgpack_put_map(out, (uint32_t)part->drop_count);
    for (size_t i = 0; i < part->drop_count; i++) {
        tacho__msgpack_put_key(out, part->drops[i].name);
        tacho__msgpack_put_int(out, part->drops[i].value);
    }
}

static void put_process(tacho__buffer *out, const tacho__process *process) {
    const struct {
        const char *key;
        int64_t value;
    } members[] = {{"pid", process->pid},
                   {"started_at_ns", process->started_at_ns},
                   {"cpu_ns", process->cpu_ns},
                   {"memory_bytes", process->memory_bytes},
                   {"descriptors", process->descriptors}};
    const size_t count = process->pid != 0 ? sizeof members / sizeof *members : 0;
    tacho__msgpack_put_key(out, "process");
    tacho__msgpack_put_map(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        tacho__msgpack_put_key(out, members[i].key);
        tacho__msgpack_put_int(out, members[i].value);
    }
}

static void put_part(tacho__buffer *out, const tacho__part *part) {
    tacho_field columns[TACHO__FRAME_COLUMNS];
    tacho__frame_sort records = tacho__frame_records(columns);
    tacho__msgpack_put_map(out, part->contains_count > 0 ? 16 : 15);
    tacho__msgpack_put_key(out, "segment");
    tacho__msgpack_put_bin(out, part->segment, sizeof part->segment);
    tacho__msgpack_put_key(out, "generation");
    tacho__msgpack_put_uint(out, part->generation);
    tacho__msgpack_put_key(out, "taken_at_ns");
    tacho__msgpack_put_int(out, part->taken_at_ns);
    tacho__msgpack_put_key(out, "started_at_ns");
    tacho__msgpack_put_int(out, part->started_at_ns);
    put_text(out, "prices", part->prices);
    tacho__msgpack_put_key(out, "records_lost");
    tacho__msgpack_put_uint(out, part->records_lost);
    put_process(out, &part->process);
    if (part->contains_count > 0) {
        tacho__msgpack_put_key(out, "contains");
        tacho__msgpack_put_bin(out, part->contains, part->contains_count * sizeof *part->contains);
    }
    put_drops(out, part);
    put_series(out, part);
    put_frame(out, "sessions", &tacho__frame_sessions, part->sessions, part->session_count);
    put_frame(out, "records", &records, part->records, part->record_count);
    put_frame(out, "slowest", &records, part->slowest, part->slowest_count);
    put_frame(out, "metrics", &tacho__frame_metrics, part->metrics, part->metric_count);
    put_frame(out, "custom", &tacho__frame_custom, part->custom, part->custom_count);
    put_frame(out, "caches", &tacho__frame_caches, part->caches, part->cache_count);
}

static uint32_t count_reasons(const tacho_snapshot *snapshot) {
    uint32_t count = 0;
    for (unsigned reason = 0; reason < TACHO__SKIP_COUNT; reason++) {
        count += snapshot->skipped[reason] > 0;
    }
    return count;
}

static void put_skipped(tacho__buffer *out, const tacho_snapshot *snapshot, uint32_t reasons) {
    tacho__msgpack_put_key(out, "segments_skipped");
    tacho__msgpack_put_map(out, reasons);
    for (unsigned reason = 0; reason < TACHO__SKIP_COUNT; reason++) {
        if (snapshot->skipped[reason] > 0) {
            tacho__msgpack_put_key(out, tacho__skip_name(reason));
            tacho__msgpack_put_uint(out, snapshot->skipped[reason]);
        }
    }
}

void tacho__snapshot_encode(const tacho_snapshot *snapshot, tacho__buffer *out) {
    uint32_t reasons = count_reasons(snapshot);
    tacho__msgpack_put_map(out, reasons > 0 ? 5 : 4);
    put_text(out, "format", TACHO__SNAPSHOT_FORMAT);
    tacho__msgpack_put_key(out, "version");
    tacho__msgpack_put_uint(out, TACHO__SNAPSHOT_VERSION);
    put_text(out, "writer", "tachograph " TACHO_VERSION);
    tacho__msgpack_put_key(out, "parts");
    tacho__msgpack_put_array(out, (uint32_t)snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++) {
        put_part(out, snapshot->parts[i]);
    }
    if (reasons > 0) {
        put_skipped(out, snapshot, reasons);
    }
}
