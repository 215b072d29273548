/* Any bytes: the JSON reader gives the same events and the same end for a document at once and in pieces. */
#include "wire/json_reader.h"
#include <stdlib.h>
#include <string.h>

typedef struct trace {
    uint64_t sum;
    int depth;
} trace;

static tacho_status note(void *context, tacho__json_event event, const char *text, size_t length) {
    trace *seen = context;
    seen->sum = seen->sum * 31 + (uint64_t)event + length;
    for (size_t i = 0; i < length; i++)
        seen->sum = seen->sum * 31 + (unsigned char)text[i];
    seen->depth += event == TACHO__JSON_OBJECT_BEGIN || event == TACHO__JSON_ARRAY_BEGIN;
    seen->depth -= event == TACHO__JSON_OBJECT_END || event == TACHO__JSON_ARRAY_END;
    if (seen->depth < 0 || seen->depth > 16)
        abort();
    return TACHO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    tacho__json_limits limits = {16, 4096, (tacho__json_utf8)(data[0] % 3), data[0] & 64};
    size_t piece = 1 + data[1] % 32;
    const char *bytes = (const char *)data + 2;
    size -= 2;
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    trace whole = {0, 0}, pieces = {0, 0};
    tacho_status at_once = tacho__json_read(reader, bytes, size, note, &whole);
    tacho__json_place place = tacho__json_reader_place(reader);
    if ((at_once == TACHO_OK) != (strlen(place.reason) == 0))
        abort();
    tacho__json_begin(reader, note, &pieces);
    for (size_t at = 0; at < size; at += piece)
        tacho__json_feed(reader, bytes + at, size - at < piece ? size - at : piece);
    tacho_status in_pieces = tacho__json_finish(reader);
    if ((at_once == TACHO_OK) != (in_pieces == TACHO_OK) || (at_once == TACHO_OK && whole.sum != pieces.sum))
        abort();
    tacho__json_reader_free(reader);
    return 0;
}
