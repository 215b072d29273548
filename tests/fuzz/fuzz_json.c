/*
 * libFuzzer target of wire/json_reader. The first byte chooses the options and the size of the pieces, the rest is the
 * document. Read whole and in pieces it has to give the same events and the same status, and a fault has to lie inside
 * it; text has to be valid UTF-8 where that is promised; numbers have to be numbers for base/decimal as well. Built
 * with -DTACHO_BUILD_FUZZERS=ON and clang.
 */
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "base/text.h"
#include "wire/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct seen {
    const tacho__json_limits *limits;
    uint64_t hash, events;
    uint32_t depth;
} seen;

static tacho_status see(void *context, tacho__json_event event, const char *text, size_t length) {
    seen *all = context;
    all->events++;
    all->hash = tacho__hash(&event, sizeof event, all->hash);
    all->hash = tacho__hash(text, length, all->hash);
    all->depth += event == TACHO__JSON_OBJECT_BEGIN || event == TACHO__JSON_ARRAY_BEGIN;
    all->depth -= event == TACHO__JSON_OBJECT_END || event == TACHO__JSON_ARRAY_END;
    if (all->depth > all->limits->max_depth) {
        abort();
    }
    bool is_text = event == TACHO__JSON_STRING || event == TACHO__JSON_KEY;
    if (is_text && all->limits->utf8 != TACHO__JSON_UTF8_PASS && !tacho__text_valid(text, length)) {
        abort();
    }
    int64_t value;
    if (event == TACHO__JSON_NUMBER &&
        tacho__decimal_parse(text, length, 12, TACHO__DECIMAL_HALF_EVEN, &value) == TACHO_INVALID) {
        abort();
    }
    return TACHO_OK;
}

static tacho_status read_in_pieces(tacho__json_reader *reader, const char *text, size_t size, size_t piece, seen *all) {
    tacho_status status = tacho__json_begin(reader, see, all);
    for (size_t at = 0; at < size && status == TACHO_OK; at += piece) {
        /* A block of its own for each piece, so that a pointer kept from the last one is seen. */
        size_t length = size - at < piece ? size - at : piece;
        char *copy = malloc(length);
        memcpy(copy, text + at, length);
        status = tacho__json_feed(reader, copy, length);
        free(copy);
    }
    return status == TACHO_OK ? tacho__json_finish(reader) : status;
}

static void compare(tacho__json_reader *reader, const char *text, size_t size, size_t piece, seen start) {
    seen whole = start, pieces = start;
    tacho_status first = tacho__json_read(reader, text, size, see, &whole);
    tacho__json_place first_place = tacho__json_reader_place(reader);
    tacho_status second = read_in_pieces(reader, text, size, piece, &pieces);
    tacho__json_place second_place = tacho__json_reader_place(reader);
    /* The size limit is seen before the first event of a whole document, but only with the piece that exceeds it. */
    if (size > start.limits->max_bytes) {
        return;
    }
    if (first != second || whole.hash != pieces.hash || whole.events != pieces.events) {
        abort();
    }
    if (first_place.offset > size || second_place.offset > size || first_place.reason == NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    tacho__json_limits limits = {
        .utf8 = (tacho__json_utf8)(data[0] % 3),
        .comments = data[0] >> 2 & 1,
        .max_depth = data[0] & 8 ? 3 : 20,
        .max_bytes = data[0] & 16 ? 64 : 1 << 20,
    };
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    seen start = {.limits = &limits};
    compare(reader, (const char *)data + 1, size - 1, (size_t)(data[0] >> 5) + 1, start);
    compare(reader, (const char *)data + 1, size - 1, 13, start); /* the same reader again */
    tacho__json_reader_free(reader);
    return 0;
}
