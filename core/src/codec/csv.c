#include "codec/csv.h"

#include "base/decimal.h"
#include "base/money.h"
#include "base/seconds.h"
#include "base/timestamp.h"
#include "snapshot/fields.h"

#include <string.h>

static void next_cell(tacho__csv *csv) {
    if (csv->filled) {
        tacho__buffer_byte(csv->out, ',');
    }
    csv->filled = true;
}

void tacho__csv_text(tacho__csv *csv, const char *text) {
    next_cell(csv);
    if (!text) {
        return;
    }
    bool formula = *text && strchr("=+-@\t\r\n", *text);
    bool quoted = strpbrk(text, ",\"\r\n") || *text == '\0';
    if (quoted) {
        tacho__buffer_byte(csv->out, '"');
    }
    if (formula) {
        tacho__buffer_byte(csv->out, '\'');
    }
    for (const char *at = text; *at; at++) {
        if (*at == '"') {
            tacho__buffer_byte(csv->out, '"');
        }
        tacho__buffer_byte(csv->out, *at);
    }
    if (quoted) {
        tacho__buffer_byte(csv->out, '"');
    }
}

void tacho__csv_number(tacho__csv *csv, const char *text) {
    next_cell(csv);
    tacho__buffer_string(csv->out, text);
}

static void named_cell(tacho__csv *csv, const tacho_field *field, const void *base, tacho__named_values named) {
    uint32_t count;
    tacho__field_named(field, base, &count);
    tacho__buffer json = TACHO__BUFFER_INIT;
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &json, false);
    tacho__json_field_value(&writer, field, base, named);
    const char *text = tacho__buffer_text(&json);
    csv->out->failed = csv->out->failed || !text;
    tacho__csv_text(csv, count > 0 ? text : NULL);
    tacho__buffer_free(&json);
}

static void number_cell(tacho__csv *csv, const tacho_field *field, const void *base) {
    char text[TACHO__DECIMAL_TEXT];
    int64_t value = tacho__field_integer(field, base);
    switch (field->type) {
    case TACHO_FIELD_SECONDS:
        tacho__seconds_text((uint64_t)value, text);
        break;
    case TACHO_FIELD_MILLIS:
        tacho__decimal_text(value, 3, text);
        break;
    case TACHO_FIELD_SCALED:
        tacho__decimal_text(value, tacho__field_digits(base), text);
        break;
    case TACHO_FIELD_USD:
        tacho__money_text(value, text);
        break;
    case TACHO_FIELD_TIME:
        tacho__timestamp_text(value, text);
        break;
    default:
        tacho__decimal_text(value, 0, text);
        break;
    }
    tacho__csv_number(csv, text);
}

void tacho__csv_field(tacho__csv *csv, const tacho_field *field, const void *base, tacho__named_values named) {
    if (tacho__field_unknown(field, base)) {
        tacho__csv_text(csv, NULL);
        return;
    }
    switch (field->type) {
    case TACHO_FIELD_TEXT:
    case TACHO_FIELD_STATE:
        tacho__csv_text(csv, tacho__field_text(field, base));
        break;
    case TACHO_FIELD_NAMED:
    case TACHO_FIELD_TAGS:
    case TACHO_FIELD_NOTES:
    case TACHO_FIELD_EVENTS:
        named_cell(csv, field, base, named);
        break;
    case TACHO_FIELD_RATIO:
        next_cell(csv);
        tacho__buffer_double(csv->out, tacho__field_ratio(field, base));
        break;
    default:
        number_cell(csv, field, base);
        break;
    }
}

void tacho__csv_line_end(tacho__csv *csv) {
    tacho__buffer_append(csv->out, "\r\n", 2);
    csv->filled = false;
}
