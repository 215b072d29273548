/* A summary in every format. */
#include "codec/summary_json.h"

#include "codec/csv.h"
#include "codec/plain_rows.h"
#include "codec/style.h"
#include "codec/summary_text.h"

static tacho_status write_json(const tacho_summary *summary, const tacho_style *style, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, true);
    tacho_status status = tacho__json_envelope(&writer, "tacho.summary/1", style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "rows");
    tacho__json_array_begin(&writer);
    tacho__json_summary(&writer, summary);
    tacho__json_array_end(&writer);
    tacho__json_key(&writer, "totals");
    tacho__json_object_begin(&writer);
    tacho__json_summary_scalars(&writer, summary);
    tacho__json_object_end(&writer);
    tacho__json_envelope_end(&writer, summary->models->warnings, summary->models->warning_count);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_jsonl(const tacho_summary *summary, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, false);
    tacho__json_summary(&writer, summary);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

/* A list in a cell: JSON, as in the other columns that hold more than a figure; empty where there is nothing. */
static void list_cell(tacho__csv *csv, const tacho_summary *summary, bool metrics) {
    tacho__buffer json = TACHO__BUFFER_INIT;
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &json, false);
    size_t count = 0;
    if (metrics && summary->metrics) {
        count = summary->metrics->count;
        tacho__json_metrics(&writer, summary->metrics);
    } else if (!metrics && summary->caches) {
        count = summary->caches->count;
        tacho__json_caches(&writer, summary->caches);
    }
    const char *text = tacho__buffer_text(&json);
    csv->out->failed = csv->out->failed || !text;
    tacho__csv_text(csv, count > 0 ? text : NULL);
    tacho__buffer_free(&json);
}

static tacho_status write_csv(const tacho_summary *summary, tacho__output *output) {
    size_t count;
    const tacho_field *fields = tacho_summary_fields(&count);
    tacho__csv csv = {&output->buffer, false};
    for (size_t i = 0; i < count; i++) {
        tacho__csv_text(&csv, fields[i].name);
    }
    tacho__csv_text(&csv, "caches");
    tacho__csv_text(&csv, "metrics");
    tacho__csv_line_end(&csv);
    for (size_t i = 0; i < count; i++) {
        tacho__csv_field(&csv, &fields[i], summary, TACHO__NAMED_COUNTS);
    }
    list_cell(&csv, summary, false);
    list_cell(&csv, summary, true);
    tacho__csv_line_end(&csv);
    return TACHO_OK;
}

static tacho_status write_summary(const tacho_summary *summary, tacho_format format, const tacho_style *style,
                                  tacho__output *output) {
    tacho__text_layout layout = tacho__style_layout(style, format == TACHO_FORMAT_PLAIN);
    switch (format) {
    case TACHO_FORMAT_JSON:
        return write_json(summary, style, output);
    case TACHO_FORMAT_JSONL:
        return write_jsonl(summary, output);
    case TACHO_FORMAT_CSV:
        return write_csv(summary, output);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_TEXT:
    case TACHO_FORMAT_PLAIN:
        return tacho__summary_text(summary, &layout, tacho__style_zone(style), output);
    default:
        return TACHO_UNSUPPORTED;
    }
}

tacho_status tacho_write_summary(const tacho_summary *summary, tacho_format format, const tacho_style *style,
                                 tacho_sink sink, void *context) {
    tacho__output output;
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_summary(summary, format, style, &output));
}
