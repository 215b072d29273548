#include "codec/snapshot_json.h"

#include "codec/base64.h"
#include "codec/plain_rows.h"
#include "codec/snapshot_file.h"
#include "codec/summary_json.h"
#include "collect/reading.h"

#include <string.h>

/* Everything that is shown, read before a byte is written. */
typedef struct reading {
    tacho_summary *summary;
    tacho_rows *operations, *tools, *providers, *models, *sessions;
    tacho_records *slowest;
    tacho_cache_rows *caches;
    tacho_metric_rows *metrics;
} reading;

static tacho_status read_all(const tacho_snapshot *snapshot, reading *all) {
    tacho_status status = tacho_snapshot_summary(snapshot, NULL, &all->summary);
    if (status == TACHO_OK) {
        status = tacho_snapshot_operations(snapshot, &all->operations);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_tools(snapshot, &all->tools);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_providers(snapshot, &all->providers);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_models(snapshot, &all->models);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_sessions(snapshot, &all->sessions);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_caches(snapshot, &all->caches);
    }
    if (status == TACHO_OK) {
        status = tacho_snapshot_metrics(snapshot, NULL, &all->metrics);
    }
    return status == TACHO_OK ? tacho_snapshot_slowest(snapshot, 0, &all->slowest) : status;
}

/* An id that nobody gave is random: equal numbers would not give equal bytes. */
static bool made_up(const char *session) {
    const size_t length = sizeof TACHO__SESSION_MADE_UP - 1;
    return session && strncmp(session, TACHO__SESSION_MADE_UP, length) == 0 && strlen(session) == length + 32;
}

static void forget_in_records(const tacho_records *records) {
    for (size_t i = 0; i < records->count; i++) {
        tacho_record_view *record = (tacho_record_view *)(uintptr_t)&records->records[i]; /* our own copy */
        record->session = made_up(record->session) ? NULL : record->session;
    }
}

static void forget_made_up(reading *all) {
    for (size_t i = 0; i < all->sessions->count; i++) {
        tacho_row *row = (tacho_row *)(uintptr_t)&all->sessions->rows[i];
        row->session = made_up(row->session) ? NULL : row->session;
    }
    forget_in_records(all->slowest);
    forget_in_records(all->summary->slowest);
}

static void free_all(reading *all) {
    tacho_summary_free(all->summary);
    tacho_rows_free(all->operations);
    tacho_rows_free(all->tools);
    tacho_rows_free(all->providers);
    tacho_rows_free(all->models);
    tacho_rows_free(all->sessions);
    tacho_records_free(all->slowest);
    tacho_cache_rows_free(all->caches);
    tacho_metric_rows_free(all->metrics);
}

static void write_rows(tacho__json_writer *writer, const char *key, const tacho_rows *rows) {
    tacho__json_key(writer, key);
    tacho__json_rows_whole(writer, rows);
}

static void write_file(tacho__json_writer *writer, const tacho_snapshot *snapshot, tacho__output *output) {
    tacho__buffer file = TACHO__BUFFER_INIT, text = TACHO__BUFFER_INIT;
    tacho__snapshot_encode(snapshot, &file);
    if (!file.failed) {
        tacho__base64_encode(&text, file.data, file.length);
    }
    output->buffer.failed = output->buffer.failed || file.failed || text.failed;
    tacho__json_key(writer, "snapshot");
    tacho__json_string_bytes(writer, text.data, text.length);
    tacho__buffer_free(&file);
    tacho__buffer_free(&text);
}

static tacho_status write_all(const tacho_snapshot *snapshot, const reading *all, const tacho_style *style, bool pretty,
                              bool carry, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, pretty);
    tacho_status status = tacho__json_envelope(&writer, "tacho.snapshot/1", style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "summary");
    tacho__json_summary(&writer, all->summary);
    write_rows(&writer, "operations", all->operations);
    write_rows(&writer, "tools", all->tools);
    write_rows(&writer, "providers", all->providers);
    write_rows(&writer, "models", all->models);
    write_rows(&writer, "sessions", all->sessions);
    tacho__json_key(&writer, "slowest");
    tacho__json_records_plain(&writer, all->slowest);
    tacho__json_key(&writer, "caches");
    tacho__json_caches(&writer, all->caches);
    tacho__json_key(&writer, "metrics");
    tacho__json_metrics(&writer, all->metrics);
    if (carry) {
        write_file(&writer, snapshot, output);
    }
    tacho__json_envelope_end(&writer, all->models->warnings, all->models->warning_count);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

tacho_status tacho__snapshot_json(const tacho_snapshot *snapshot, const tacho_style *style, bool pretty, bool carry,
                                  tacho__output *output) {
    reading all = {0};
    tacho_status status = read_all(snapshot, &all);
    if (status == TACHO_OK) {
        forget_made_up(&all);
        status = write_all(snapshot, &all, style, pretty, carry, output);
    }
    free_all(&all);
    return status;
}
