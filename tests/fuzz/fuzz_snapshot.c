/*
 * Any bytes: decoding a snapshot refuses them or gives one that every reader of numbers can walk. What is read and
 * written again reads as the same.
 */
#include <tachograph.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct written {
    char *bytes;
    size_t length;
} written;

static int swallow(void *context, const char *bytes, size_t length) {
    (void)bytes;
    *(size_t *)context += length;
    return 0;
}

static int keep(void *context, const char *bytes, size_t length) {
    written *out = context;
    out->bytes = realloc(out->bytes, out->length + length);
    if (out->bytes == NULL) {
        abort();
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    return 0;
}

/* Encoding, decoding and encoding again gives the same bytes. */
static void check_round_trip(const tacho_snapshot *snapshot) {
    written first = {NULL, 0}, second = {NULL, 0};
    tacho_snapshot *again = NULL;
    if (tacho_export(snapshot, TACHO_FORMAT_MSGPACK, NULL, keep, &first) != TACHO_OK ||
        tacho_snapshot_decode(first.bytes, first.length, &again) != TACHO_OK ||
        tacho_export(again, TACHO_FORMAT_MSGPACK, NULL, keep, &second) != TACHO_OK || first.length != second.length ||
        memcmp(first.bytes, second.bytes, first.length) != 0) {
        abort();
    }
    tacho_snapshot_free(again);
    free(first.bytes);
    free(second.bytes);
}

static void read_everything(const tacho_snapshot *snapshot) {
    static const tacho_format formats[] = {TACHO_FORMAT_JSON, TACHO_FORMAT_TEXT, TACHO_FORMAT_CSV};
    size_t length = 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        tacho_export(snapshot, formats[i], NULL, swallow, &length);
    }
    for (uint32_t by = 0; by < TACHO_BY_COUNT; by++) {
        tacho_query query = TACHO_QUERY_INIT;
        tacho_rows *rows = NULL;
        query.by = by;
        query.by_tags[0] = "tier";
        query.by_tag_count = 1;
        if (tacho_snapshot_usage(snapshot, &query, &rows) == TACHO_OK) {
            tacho_write_rows(rows, TACHO_FORMAT_TABLE, NULL, NULL, NULL, swallow, &length);
            tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, NULL, NULL, swallow, &length);
            tacho_rows_free(rows);
        }
    }
    tacho_records *records = NULL;
    if (tacho_snapshot_records(snapshot, NULL, &records) == TACHO_OK) {
        tacho_write_records(records, TACHO_FORMAT_TABLE, NULL, swallow, &length);
        tacho_write_records(records, TACHO_FORMAT_JSONL, NULL, swallow, &length);
        for (size_t i = 0; i < records->count && i < 3; i++) {
            tacho_summary *summary = NULL;
            const char *session = records->records[i].session;
            if (session != NULL && tacho_snapshot_summary(snapshot, session, &summary) == TACHO_OK) {
                tacho_write_summary(summary, TACHO_FORMAT_TEXT, NULL, swallow, &length);
                tacho_summary_free(summary);
            }
        }
        tacho_records_free(records);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tacho_snapshot *snapshot = NULL, *merged = NULL;
    if (tacho_snapshot_decode(data, size, &snapshot) != TACHO_OK) {
        if (snapshot != NULL) {
            abort();
        }
        return 0;
    }
    read_everything(snapshot);
    check_round_trip(snapshot);
    if (tacho_snapshot_merge(snapshot, snapshot, &merged) == TACHO_OK) {
        check_round_trip(merged);
        tacho_snapshot_free(merged);
    }
    tacho_snapshot_free(snapshot);
    return 0;
}
