/* A whole snapshot in every format. */
#include "codec/snapshot_file.h"

#include "codec/snapshot_json.h"

static tacho_status write_msgpack(const tacho_snapshot *snapshot, tacho__output *output) {
    tacho__snapshot_encode(snapshot, &output->buffer);
    return tacho__buffer_status(&output->buffer);
}

static tacho_status write_steps(const tacho_snapshot *snapshot, const tacho_style *style, tacho_sink sink,
                                void *context) {
    tacho_records *records;
    tacho_status status = tacho_snapshot_records(snapshot, NULL, &records);
    if (status == TACHO_OK) {
        status = tacho_write_records(records, TACHO_FORMAT_CSV, style, sink, context);
        tacho_records_free(records);
    }
    return status;
}

static tacho_status write_summary(const tacho_snapshot *snapshot, tacho_format format, const tacho_style *style,
                                  tacho_sink sink, void *context) {
    tacho_summary *summary;
    tacho_status status = tacho_snapshot_summary(snapshot, NULL, &summary);
    if (status == TACHO_OK) {
        status = tacho_write_summary(summary, format, style, sink, context);
        tacho_summary_free(summary);
    }
    return status;
}

tacho_status tacho_export(const tacho_snapshot *snapshot, tacho_format format, const tacho_style *style,
                          tacho_sink sink, void *context) {
    tacho__output output;
    switch (format) {
    case TACHO_FORMAT_MSGPACK:
        tacho__output_begin(&output, sink, context);
        return tacho__output_end(&output, write_msgpack(snapshot, &output));
    case TACHO_FORMAT_JSON:
    case TACHO_FORMAT_JSONL:
        tacho__output_begin(&output, sink, context);
        return tacho__output_end(&output,
                                 tacho__snapshot_json(snapshot, style, format == TACHO_FORMAT_JSON, false, &output));
    case TACHO_FORMAT_CSV:
        return write_steps(snapshot, style, sink, context);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_PLAIN:
    case TACHO_FORMAT_TEXT:
        return write_summary(snapshot, format, style, sink, context);
    default:
        return TACHO_UNSUPPORTED;
    }
}
