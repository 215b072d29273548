#include "codec/plain_rows.h"

#include "codec/csv.h"
#include "codec/json_field.h"
#include "codec/output.h"
#include "codec/people.h"
#include "codec/style.h"
#include "snapshot/fields.h"

#include <string.h>

typedef struct tacho__plain_rows {
    const tacho_field *fields;
    size_t field_count;
    const void *rows;
    size_t count, size; /* rows, and bytes of one */
    const void *totals; /* a row, or NULL */
    const char *schema;
    const char *const *columns; /* of a table for people: names of fields, NULL-terminated */
} tacho__plain_rows;

static const void *row_at(const tacho__plain_rows *rows, size_t index) {
    return (const char *)rows->rows + index * rows->size;
}

/* ------------------------------------------------------------------------------------------------------------- json */

static void json_row(tacho__json_writer *writer, const tacho__plain_rows *rows, const void *row) {
    tacho__json_object_begin(writer);
    for (size_t i = 0; i < rows->field_count; i++) {
        tacho__json_field_member(writer, &rows->fields[i], row, TACHO__NAMED_COUNTS);
    }
    tacho__json_object_end(writer);
}

static void json_rows(tacho__json_writer *writer, const tacho__plain_rows *rows) {
    tacho__json_array_begin(writer);
    for (size_t i = 0; i < rows->count; i++) {
        json_row(writer, rows, row_at(rows, i));
    }
    tacho__json_array_end(writer);
}

static tacho_status write_json(const tacho__plain_rows *rows, const tacho_style *style, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, true);
    tacho_status status = tacho__json_envelope(&writer, rows->schema, style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "rows");
    json_rows(&writer, rows);
    if (rows->totals) {
        tacho__json_key(&writer, "totals");
        json_row(&writer, rows, rows->totals);
    }
    tacho__json_envelope_end(&writer, NULL, 0);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_jsonl(const tacho__plain_rows *rows, tacho__output *output) {
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < rows->count && status == TACHO_OK && tacho__output_pass(output); i++) {
        tacho__json_writer writer;
        tacho__json_writer_init(&writer, &output->buffer, false);
        json_row(&writer, rows, row_at(rows, i));
        status = tacho__json_writer_finish(&writer);
        tacho__buffer_byte(&output->buffer, '\n');
    }
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- csv */

static tacho_status write_csv(const tacho__plain_rows *rows, tacho__output *output) {
    tacho__csv csv = {&output->buffer, false};
    for (size_t i = 0; i < rows->field_count; i++) {
        tacho__csv_text(&csv, rows->fields[i].name);
    }
    tacho__csv_line_end(&csv);
    for (size_t i = 0; i < rows->count && tacho__output_pass(output); i++) {
        for (size_t j = 0; j < rows->field_count; j++) {
            tacho__csv_field(&csv, &rows->fields[j], row_at(rows, i), TACHO__NAMED_COUNTS);
        }
        tacho__csv_line_end(&csv);
    }
    return TACHO_OK;
}

/* ------------------------------------------------------------------------------------------------------------- text */

static void text_row(tacho__text_table *table, const tacho_field *const *columns, size_t count, const void *row,
                     const tacho_zone *zone) {
    char text[TACHO__PEOPLE_TEXT];
    tacho__text_row(table);
    for (size_t i = 0; i < count; i++) {
        uint32_t count_of = 0;
        const bool tagged = columns[i]->type == TACHO_FIELD_TAGS;
        const tacho_tag *tags = tagged ? tacho__field_tags(columns[i], row, &count_of) : NULL;
        tacho__text_cell(table, i,
                         tagged ? tacho__people_tags(&table->arena, tags, count_of)
                                : tacho__people_field(columns[i], row, zone, text));
    }
}

static tacho_status rows_text(const tacho__plain_rows *rows, const tacho__text_layout *layout, const tacho_zone *zone,
                              tacho__buffer *out) {
    const tacho_field *columns[TACHO__TEXT_COLUMNS];
    size_t count = 0;
    tacho__text_table table;
    if (rows->count == 0) {
        return TACHO_OK;
    }
    tacho__text_table_begin(&table);
    for (; rows->columns[count]; count++) {
        columns[count] = tacho__field_find(rows->fields, rows->field_count, rows->columns[count]);
        bool text = columns[count]->type == TACHO_FIELD_TEXT || columns[count]->type == TACHO_FIELD_TAGS;
        tacho__text_column_add(&table,
                               (tacho__text_column){.title = tacho__people_title(&table.arena, columns[count]->name),
                                                    .right = !text,
                                                    .rank = (uint8_t)(count > 3 ? count : 0)});
    }
    for (size_t i = 0; i < rows->count; i++) {
        text_row(&table, columns, count, row_at(rows, i), zone);
    }
    tacho_status status = tacho__text_table_write(&table, layout, out);
    tacho__text_table_free(&table);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- formats
 */

static tacho_status write_rows(const tacho__plain_rows *rows, tacho_format format, const tacho_style *style,
                               tacho__output *output) {
    tacho__text_layout layout = tacho__style_layout(style, format == TACHO_FORMAT_PLAIN);
    switch (format) {
    case TACHO_FORMAT_JSON:
        return write_json(rows, style, output);
    case TACHO_FORMAT_JSONL:
        return write_jsonl(rows, output);
    case TACHO_FORMAT_CSV:
        return write_csv(rows, output);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_TEXT:
    case TACHO_FORMAT_PLAIN:
        return rows_text(rows, &layout, tacho__style_zone(style), &output->buffer);
    default:
        return TACHO_UNSUPPORTED;
    }
}

static tacho__plain_rows of_caches(const tacho_cache_rows *caches) {
    static const char *const columns[] = {"cache",           "hits", "misses",   "hit_rate", "evictions",
                                          "size_rejections", "size", "capacity", NULL};
    tacho__plain_rows rows = {.rows = caches->rows,
                              .count = caches->count,
                              .size = sizeof(tacho_cache_row),
                              .totals = &caches->totals,
                              .schema = "tacho.caches/1",
                              .columns = columns};
    rows.fields = tacho_cache_fields(&rows.field_count);
    return rows;
}

static tacho__plain_rows of_metrics(const tacho_metric_rows *metrics) {
    static const char *const columns[] = {"metric", "labels", "value", "unit", "count", "avg",
                                          "p50",    "p95",    "p99",   "max",  "sum",   NULL};
    tacho__plain_rows rows = {.rows = metrics->rows,
                              .count = metrics->count,
                              .size = sizeof(tacho_metric_row),
                              .schema = "tacho.metrics/1",
                              .columns = columns};
    rows.fields = tacho_metric_fields(&rows.field_count);
    return rows;
}

tacho_status tacho_write_caches(const tacho_cache_rows *caches, tacho_format format, const tacho_style *style,
                                tacho_sink sink, void *context) {
    tacho__output output;
    const tacho__plain_rows rows = of_caches(caches);
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_rows(&rows, format, style, &output));
}

tacho_status tacho_write_metrics(const tacho_metric_rows *metrics, tacho_format format, const tacho_style *style,
                                 tacho_sink sink, void *context) {
    tacho__output output;
    const tacho__plain_rows rows = of_metrics(metrics);
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_rows(&rows, format, style, &output));
}

void tacho__json_caches(tacho__json_writer *writer, const tacho_cache_rows *caches) {
    const tacho__plain_rows rows = of_caches(caches);
    json_rows(writer, &rows);
}

void tacho__json_metrics(tacho__json_writer *writer, const tacho_metric_rows *metrics) {
    const tacho__plain_rows rows = of_metrics(metrics);
    json_rows(writer, &rows);
}

tacho_status tacho__caches_text(const tacho_cache_rows *caches, const tacho__text_layout *layout,
                                const tacho_zone *zone, tacho__buffer *out) {
    const tacho__plain_rows rows = of_caches(caches);
    return rows_text(&rows, layout, zone, out);
}

tacho_status tacho__metrics_text(const tacho_metric_rows *metrics, const tacho__text_layout *layout,
                                 const tacho_zone *zone, tacho__buffer *out) {
    const tacho__plain_rows rows = of_metrics(metrics);
    return rows_text(&rows, layout, zone, out);
}
