#include "codec/json_field.h"

#include "codec/json_copy.h"
#include "snapshot/fields.h"

static void write_named(tacho__json_writer *writer, const tacho_field *field, const void *base,
                        tacho__named_values named) {
    uint32_t count;
    const tacho_named *list = tacho__field_named(field, base, &count);
    tacho__json_object_begin(writer);
    for (uint32_t i = 0; list && i < count; i++) {
        tacho__json_key(writer, list[i].name);
        if (named == TACHO__NAMED_TIMES && list[i].value >= 0) {
            tacho__json_seconds(writer, (uint64_t)list[i].value);
        } else {
            tacho__json_int(writer, list[i].value);
        }
    }
    tacho__json_object_end(writer);
}

static void write_tags(tacho__json_writer *writer, const tacho_field *field, const void *base) {
    uint32_t count;
    const tacho_tag *list = tacho__field_tags(field, base, &count);
    tacho__json_object_begin(writer);
    for (uint32_t i = 0; list && i < count; i++) {
        tacho__json_key(writer, list[i].name);
        tacho__json_string(writer, list[i].value);
    }
    tacho__json_object_end(writer);
}

static void write_note(tacho__json_writer *writer, const tacho_note *note) {
    tacho__json_key(writer, note->name);
    switch (note->type) {
    case TACHO_NOTE_TEXT:
        tacho__json_string(writer, note->text);
        break;
    case TACHO_NOTE_INTEGER:
        tacho__json_int(writer, note->integer);
        break;
    case TACHO_NOTE_NUMBER:
        tacho__json_double(writer, note->number);
        break;
    case TACHO_NOTE_BOOLEAN:
        tacho__json_bool(writer, note->integer != 0);
        break;
    default:
        tacho__json_null(writer);
        break;
    }
}

static void write_notes(tacho__json_writer *writer, const tacho_note *notes, uint32_t count) {
    tacho__json_object_begin(writer);
    for (uint32_t i = 0; notes && i < count; i++) {
        write_note(writer, &notes[i]);
    }
    tacho__json_object_end(writer);
}

static void write_events(tacho__json_writer *writer, const tacho_event *events, uint32_t count) {
    tacho__json_array_begin(writer);
    for (uint32_t i = 0; events && i < count; i++) {
        tacho__json_object_begin(writer);
        tacho__json_key(writer, "name");
        tacho__json_string(writer, events[i].name);
        tacho__json_key(writer, "at");
        tacho__json_timestamp(writer, events[i].at_ns);
        tacho__json_key(writer, "fields");
        write_notes(writer, events[i].fields, events[i].field_count);
        tacho__json_object_end(writer);
    }
    tacho__json_array_end(writer);
}

/* A list of notes or events. */
void tacho__json_field_list(tacho__json_writer *writer, const tacho_field *field, const void *base) {
    uint32_t count;
    if (field->type == TACHO_FIELD_EVENTS) {
        const tacho_event *events = tacho__field_events(field, base, &count);
        write_events(writer, events, count);
    } else {
        const tacho_note *notes = tacho__field_notes(field, base, &count);
        write_notes(writer, notes, count);
    }
}

void tacho__json_field_value(tacho__json_writer *writer, const tacho_field *field, const void *base,
                             tacho__named_values named) {
    if (tacho__field_unknown(field, base)) {
        tacho__json_null(writer);
        return;
    }
    switch (field->type) {
    case TACHO_FIELD_TEXT:
    case TACHO_FIELD_STATE:
        tacho__json_string(writer, tacho__field_text(field, base));
        break;
    case TACHO_FIELD_COUNT:
        tacho__json_int(writer, tacho__field_integer(field, base));
        break;
    case TACHO_FIELD_SECONDS:
        tacho__json_seconds(writer, (uint64_t)tacho__field_integer(field, base));
        break;
    case TACHO_FIELD_MILLIS:
        tacho__json_decimal(writer, tacho__field_integer(field, base), 3);
        break;
    case TACHO_FIELD_SCALED:
        tacho__json_decimal(writer, tacho__field_integer(field, base), tacho__field_digits(base));
        break;
    case TACHO_FIELD_TAGS:
        write_tags(writer, field, base);
        break;
    case TACHO_FIELD_USD:
        tacho__json_money(writer, tacho__field_integer(field, base));
        break;
    case TACHO_FIELD_RATIO:
        tacho__json_double(writer, tacho__field_ratio(field, base));
        break;
    case TACHO_FIELD_TIME:
        tacho__json_timestamp(writer, tacho__field_integer(field, base));
        break;
    case TACHO_FIELD_NOTES:
    case TACHO_FIELD_EVENTS:
        tacho__json_field_list(writer, field, base);
        break;
    default:
        write_named(writer, field, base, named);
        break;
    }
}

void tacho__json_field_member(tacho__json_writer *writer, const tacho_field *field, const void *base,
                              tacho__named_values named) {
    tacho__json_key(writer, field->name);
    tacho__json_field_value(writer, field, base, named);
}

void tacho__json_row(tacho__json_writer *writer, const tacho__columns *columns, const tacho_row *row) {
    tacho__json_object_begin(writer);
    for (size_t i = 0; i < columns->count; i++) {
        tacho__json_field_member(writer, columns->field[i], row, TACHO__NAMED_COUNTS);
    }
    tacho__json_object_end(writer);
}

tacho_status tacho__json_envelope(tacho__json_writer *writer, const char *schema, const tacho_style *style) {
    tacho__json_object_begin(writer);
    tacho__json_key(writer, "schema");
    tacho__json_string(writer, schema);
    if (style && style->generated_at_ns != 0) {
        tacho__json_key(writer, "generated_at");
        tacho__json_timestamp(writer, style->generated_at_ns);
    }
    tacho__json_key(writer, "query");
    if (style && style->query_json) {
        return tacho__json_copy(writer, style->query_json);
    }
    tacho__json_object_begin(writer);
    tacho__json_object_end(writer);
    return TACHO_OK;
}

void tacho__json_envelope_end(tacho__json_writer *writer, const char *const *warnings, size_t count) {
    tacho__json_key(writer, "warnings");
    tacho__json_array_begin(writer);
    for (size_t i = 0; i < count; i++) {
        tacho__json_string(writer, warnings[i]);
    }
    tacho__json_array_end(writer);
    tacho__json_object_end(writer);
}
