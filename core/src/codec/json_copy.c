#include "codec/json_copy.h"

#include "wire/json_reader.h"

#include <string.h>

static tacho_status copy_event(void *context, tacho__json_event event, const char *text, size_t length) {
    tacho__json_writer *writer = context;
    switch (event) {
    case TACHO__JSON_NULL:
        tacho__json_null(writer);
        break;
    case TACHO__JSON_FALSE:
    case TACHO__JSON_TRUE:
        tacho__json_bool(writer, event == TACHO__JSON_TRUE);
        break;
    case TACHO__JSON_NUMBER:
        tacho__json_number_text(writer, text, length);
        break;
    case TACHO__JSON_STRING:
        tacho__json_string_bytes(writer, text, length);
        break;
    case TACHO__JSON_KEY:
        tacho__json_key_bytes(writer, text, length);
        break;
    case TACHO__JSON_OBJECT_BEGIN:
        tacho__json_object_begin(writer);
        break;
    case TACHO__JSON_OBJECT_END:
        tacho__json_object_end(writer);
        break;
    case TACHO__JSON_ARRAY_BEGIN:
        tacho__json_array_begin(writer);
        break;
    case TACHO__JSON_ARRAY_END:
        tacho__json_array_end(writer);
        break;
    }
    return writer->broken ? TACHO_LIMIT : TACHO_OK;
}

tacho_status tacho__json_copy(tacho__json_writer *writer, const char *text) {
    tacho__json_limits limits = {.max_depth = TACHO__JSON_WRITER_DEPTH / 2};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    if (!reader) {
        return TACHO_NOMEM;
    }
    tacho_status status = tacho__json_read(reader, text, strlen(text), copy_event, writer);
    tacho__json_reader_free(reader);
    return status == TACHO_DAMAGED ? TACHO_INVALID : status;
}
