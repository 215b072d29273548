/* Records in every format. */
#include "codec/records.h"

#include "codec/json_field.h"
#include "codec/style.h"
#include "snapshot/fields.h"

static void write_record(tacho__json_writer *writer, const tacho_record_view *record) {
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    tacho__json_object_begin(writer);
    for (size_t i = 0; i < count; i++) {
        tacho__json_field_member(writer, &fields[i], record, TACHO__NAMED_TIMES);
    }
    tacho__json_object_end(writer);
}

static tacho_status write_json(const tacho_records *records, const tacho_style *style, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, true);
    tacho_status status = tacho__json_envelope(&writer, "tacho.records/1", style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "rows");
    tacho__json_array_begin(&writer);
    for (size_t i = 0; i < records->count && tacho__output_pass(output); i++) {
        write_record(&writer, &records->records[i]);
    }
    tacho__json_array_end(&writer);
    tacho__json_key(&writer, "totals");
    tacho__json_object_begin(&writer);
    tacho__json_key(&writer, "records");
    tacho__json_uint(&writer, records->count);
    tacho__json_key(&writer, "records_lost");
    tacho__json_uint(&writer, records->lost);
    tacho__json_object_end(&writer);
    const char *warnings[2];
    size_t count = 0;
    if (records->lost > 0) {
        warnings[count++] = "some records were overwritten before they were read";
    }
    if (records->unread) {
        warnings[count++] = records->unread;
    }
    tacho__json_envelope_end(&writer, warnings, count);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_jsonl(const tacho_records *records, tacho__output *output) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < records->count && status == TACHO_OK && tacho__output_pass(output); i++) {
        tacho__json_writer writer;
        tacho__json_writer_init(&writer, &output->buffer, false);
        write_record(&writer, &records->records[i]);
        status = tacho__json_writer_finish(&writer);
        tacho__buffer_byte(&output->buffer, '\n');
    }
    return status;
}

static tacho_status write_records(const tacho_records *records, tacho_format format, const tacho_style *style,
                                  tacho__output *output) {
    bool plain = format == TACHO_FORMAT_PLAIN;
    tacho__text_layout layout = tacho__style_layout(style, plain);
    switch (format) {
    case TACHO_FORMAT_JSON:
        return write_json(records, style, output);
    case TACHO_FORMAT_JSONL:
        return write_jsonl(records, output);
    case TACHO_FORMAT_CSV:
        return tacho__records_csv(records, output);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_TEXT:
    case TACHO_FORMAT_PLAIN:
        return tacho__records_text(records, &layout, tacho__style_zone(style), output);
    default:
        return TACHO_UNSUPPORTED;
    }
}

tacho_status tacho_write_records(const tacho_records *records, tacho_format format, const tacho_style *style,
                                 tacho_sink sink, void *context) {
    tacho__output output;
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_records(records, format, style, &output));
}
