/* Rows in every format. */
#include "codec/csv.h"
#include "codec/json_field.h"
#include "codec/rows_text.h"
#include "codec/style.h"

static tacho_status write_json(const tacho_rows *rows, const tacho__columns *columns, const char *schema,
                               const tacho_style *style, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, true);
    tacho_status status = tacho__json_envelope(&writer, schema ? schema : "tacho.usage/1", style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "rows");
    tacho__json_array_begin(&writer);
    for (size_t i = 0; i < rows->count && tacho__output_pass(output); i++) {
        tacho__json_row(&writer, columns, &rows->rows[i]);
    }
    tacho__json_array_end(&writer);
    tacho__columns totals;
    tacho__columns_of_totals(columns, &totals);
    tacho__json_key(&writer, "totals");
    tacho__json_row(&writer, &totals, &rows->totals);
    tacho__json_envelope_end(&writer, rows->warnings, rows->warning_count);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_jsonl(const tacho_rows *rows, const tacho__columns *columns, tacho__output *output) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < rows->count && status == TACHO_OK && tacho__output_pass(output); i++) {
        tacho__json_writer writer;
        tacho__json_writer_init(&writer, &output->buffer, false);
        tacho__json_row(&writer, columns, &rows->rows[i]);
        status = tacho__json_writer_finish(&writer);
        tacho__buffer_byte(&output->buffer, '\n');
    }
    return status;
}

/* Of tags, each is a column of its own: spreadsheets look at cells. */
static void write_csv_titles(const tacho_rows *rows, const tacho_field *field, tacho__csv *csv) {
    if (field->type != TACHO_FIELD_TAGS) {
        tacho__csv_text(csv, field->name);
    }
    for (uint32_t i = 0; field->type == TACHO_FIELD_TAGS && i < rows->by_tag_count; i++) {
        tacho__csv_text(csv, rows->by_tags[i]);
    }
}

static void write_csv_cells(const tacho_field *field, const tacho_row *row, tacho__csv *csv) {
    if (field->type != TACHO_FIELD_TAGS) {
        tacho__csv_field(csv, field, row, TACHO__NAMED_COUNTS);
    }
    for (uint32_t i = 0; field->type == TACHO_FIELD_TAGS && i < row->tag_count; i++) {
        tacho__csv_text(csv, row->tags[i].value);
    }
}

static tacho_status write_csv(const tacho_rows *rows, const tacho__columns *columns, tacho__output *output) {
    tacho__csv csv = {&output->buffer, false};
    for (size_t i = 0; i < columns->count; i++) {
        write_csv_titles(rows, columns->field[i], &csv);
    }
    tacho__csv_line_end(&csv);
    for (size_t i = 0; i < rows->count && tacho__output_pass(output); i++) {
        for (size_t j = 0; j < columns->count; j++) {
            write_csv_cells(columns->field[j], &rows->rows[i], &csv);
        }
        tacho__csv_line_end(&csv);
    }
    return TACHO_OK;
}

static tacho_status write_text(const tacho_rows *rows, const tacho__columns *columns, bool chosen, bool plain,
                               const tacho_style *style, tacho__output *output) {
    tacho__text_layout layout = tacho__style_layout(style, plain);
    const tacho_zone *zone = tacho__style_zone(style);
    return chosen ? tacho__rows_text_columns(rows, columns, &layout, zone, &output->buffer)
                  : tacho__rows_text(rows, &layout, zone, &output->buffer);
}

static tacho_status write_rows(const tacho_rows *rows, tacho_format format, const char *schema,
                               const char *const *fields, const tacho_style *style, tacho__output *output) {
    tacho__columns columns;
    tacho_status status = tacho__columns_resolve(fields, rows, &columns);
    if (status != TACHO_OK) {
        return status;
    }
    switch (format) {
    case TACHO_FORMAT_JSON:
        return write_json(rows, &columns, schema, style, output);
    case TACHO_FORMAT_JSONL:
        return write_jsonl(rows, &columns, output);
    case TACHO_FORMAT_CSV:
        return write_csv(rows, &columns, output);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_TEXT:
        return write_text(rows, &columns, fields != NULL, false, style, output);
    case TACHO_FORMAT_PLAIN:
        return write_text(rows, &columns, fields != NULL, true, style, output);
    default:
        return TACHO_UNSUPPORTED;
    }
}

tacho_status tacho_write_rows(const tacho_rows *rows, tacho_format format, const char *schema,
                              const char *const *fields, const tacho_style *style, tacho_sink sink, void *context) {
    tacho__output output;
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_rows(rows, format, schema, fields, style, &output));
}
