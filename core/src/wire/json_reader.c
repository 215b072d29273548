/*
 * YAJL has no way to begin again, so each document gets a YAJL parser of its own, made from memory that the reader
 * keeps: a handful of blocks, handed out best fit, never returned between documents unless one has grown large.
 *
 * YAJL does not check what its allocator returns. When the heap refuses, the allocator therefore leaves YAJL by
 * longjmp; nothing of YAJL's leaks, because every block it had is on the reader's list, and no handler is jumped over,
 * because YAJL never allocates while it calls one.
 */
#include "wire/json_reader.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define DEFAULT_DEPTH 128u
#define DEFAULT_BYTES (UINT64_C(32) << 20)
#define BLOCKS        16                /* YAJL holds at most 7 at once */
#define KEEP_BYTES    ((size_t)1 << 20) /* larger blocks go back to the heap with the next document */
#define REASON        96

typedef struct block {
    void *memory;
    size_t capacity;
    bool used;
} block;

struct tacho__json_reader {
    tacho__json_limits limits;
    tacho__json_handler handler;
    void *context;
    yajl_handle yajl; /* NULL between documents */
    tacho_status status;
    const char *why; /* set with a status that is neither YAJL's nor the handler's */
    uint32_t depth;
    unsigned bom;           /* bytes of a byte order mark taken */
    uint64_t taken;         /* bytes of earlier pieces */
    uint64_t lines;         /* line ends in earlier pieces */
    uint64_t line_start;    /* offset of the line that the earlier pieces end in */
    tacho__buffer repaired; /* a string whose UTF-8 was not well-formed */
    block blocks[BLOCKS];
    jmp_buf refused; /* where the allocator goes when the heap refuses */
    tacho__json_place place;
    char reason[REASON];
};

/* --- memory for YAJL ------------------------------------------------------------------------------------------- */

/* The smallest free block that is large enough; else any place on the list that holds no block; else NULL. */
static block *best_block(tacho__json_reader *reader, size_t size) {
    block *best = NULL;
    for (block *here = reader->blocks; here < reader->blocks + BLOCKS; here++) {
        if (here->used || (here->memory != NULL && here->capacity < size)) {
            continue;
        }
        if (best == NULL || best->memory == NULL || (here->memory != NULL && here->capacity < best->capacity)) {
            best = here;
        }
    }
    return best;
}

static void *refuse(tacho__json_reader *reader) {
    longjmp(reader->refused, 1);
    return NULL;
}

static void *block_malloc(void *context, size_t size) {
    tacho__json_reader *reader = context;
    block *here = best_block(reader, size);
    if (here == NULL) {
        return refuse(reader);
    }
    if (here->memory == NULL) {
        here->memory = tacho__malloc(size);
        here->capacity = size;
    }
    here->used = here->memory != NULL;
    return here->used ? here->memory : refuse(reader);
}

static block *block_of(tacho__json_reader *reader, const void *memory) {
    block *here = reader->blocks;
    while (here->memory != memory) {
        here++;
    }
    return here;
}

static void *block_realloc(void *context, void *memory, size_t size) {
    tacho__json_reader *reader = context;
    if (memory == NULL) {
        return block_malloc(context, size);
    }
    block *here = block_of(reader, memory);
    if (here->capacity < size) {
        void *grown = tacho__realloc(memory, size);
        if (grown == NULL) {
            return refuse(reader);
        }
        here->memory = grown;
        here->capacity = size;
    }
    return here->memory;
}

static void block_free(void *context, void *memory) {
    if (memory != NULL) {
        block_of(context, memory)->used = false;
    }
}

/* Takes everything back from a YAJL parser, whatever state it is in. */
static void drop_parser(tacho__json_reader *reader, size_t keep_bytes) {
    reader->yajl = NULL;
    for (block *here = reader->blocks; here < reader->blocks + BLOCKS; here++) {
        here->used = false;
        if (here->memory != NULL && here->capacity > keep_bytes) {
            tacho__free(here->memory);
            *here = (block){0};
        }
    }
}

/* --- events ---------------------------------------------------------------------------------------------------- */

static int emit(tacho__json_reader *reader, tacho__json_event event, const char *text, size_t length) {
    reader->status = reader->handler(reader->context, event, text, length);
    return reader->status == TACHO_OK;
}

/* Stops YAJL for a reason of our own. */
static int stop(tacho__json_reader *reader, tacho_status status, const char *why) {
    reader->status = status;
    reader->why = why;
    return 0;
}

static int emit_text(tacho__json_reader *reader, tacho__json_event event, const unsigned char *bytes, size_t length) {
    const char *text = (const char *)bytes;
    if (reader->limits.utf8 == TACHO__JSON_UTF8_PASS || tacho__text_valid(text, length)) {
        return emit(reader, event, text, length);
    }
    if (reader->limits.utf8 == TACHO__JSON_UTF8_REJECT) {
        return stop(reader, TACHO_DAMAGED, "a string is not UTF-8");
    }
    tacho__buffer_clear(&reader->repaired);
    for (size_t at = 0; at < length;) {
        uint32_t code;
        bool valid;
        char encoded[4];
        at += tacho__text_decode(text + at, length - at, &code, &valid);
        tacho__buffer_append(&reader->repaired, encoded, tacho__text_encode(code, encoded));
    }
    reader->status = tacho__buffer_status(&reader->repaired);
    return reader->status == TACHO_OK && emit(reader, event, reader->repaired.data, reader->repaired.length);
}

static int open_container(tacho__json_reader *reader, tacho__json_event event) {
    if (reader->depth == reader->limits.max_depth) {
        return stop(reader, TACHO_LIMIT, "nested too deeply");
    }
    reader->depth++;
    return emit(reader, event, NULL, 0);
}

static int close_container(tacho__json_reader *reader, tacho__json_event event) {
    reader->depth--;
    return emit(reader, event, NULL, 0);
}

static int on_null(void *reader) {
    return emit(reader, TACHO__JSON_NULL, NULL, 0);
}

static int on_boolean(void *reader, int value) {
    return emit(reader, value ? TACHO__JSON_TRUE : TACHO__JSON_FALSE, NULL, 0);
}

static int on_number(void *reader, const char *text, size_t length) {
    return emit(reader, TACHO__JSON_NUMBER, text, length);
}

static int on_string(void *reader, const unsigned char *text, size_t length) {
    return emit_text(reader, TACHO__JSON_STRING, text, length);
}

static int on_key(void *reader, const unsigned char *text, size_t length) {
    return emit_text(reader, TACHO__JSON_KEY, text, length);
}

static int on_object_begin(void *reader) {
    return open_container(reader, TACHO__JSON_OBJECT_BEGIN);
}

static int on_object_end(void *reader) {
    return close_container(reader, TACHO__JSON_OBJECT_END);
}

static int on_array_begin(void *reader) {
    return open_container(reader, TACHO__JSON_ARRAY_BEGIN);
}

static int on_array_end(void *reader) {
    return close_container(reader, TACHO__JSON_ARRAY_END);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* given, it replaces yajl_integer and yajl_double: no number is ever converted */
    .yajl_string = on_string,
    .yajl_start_map = on_object_begin,
    .yajl_map_key = on_key,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array_begin,
    .yajl_end_array = on_array_end,
};

/* --- calls into YAJL, each with its way out --------------------------------------------------------------------- */

static tacho_status make_parser(tacho__json_reader *reader) {
    if (setjmp(reader->refused)) {
        return TACHO_NOMEM;
    }
    yajl_alloc_funcs memory = {.malloc = block_malloc, .realloc = block_realloc, .free = block_free, .ctx = reader};
    reader->yajl = yajl_alloc(&callbacks, &memory, reader);
    yajl_config(reader->yajl, yajl_allow_comments, reader->limits.comments != 0);
    /* Its check misses what escapes produce: half a surrogate pair. emit_text looks at the result instead. */
    yajl_config(reader->yajl, yajl_dont_validate_strings, 1);
    return TACHO_OK;
}

/* Parses a piece, or with `bytes` NULL ends the document. */
static tacho_status run_parser(tacho__json_reader *reader, const char *bytes, size_t length) {
    if (setjmp(reader->refused)) {
        return TACHO_NOMEM;
    }
    yajl_status status = bytes != NULL ? yajl_parse(reader->yajl, (const unsigned char *)bytes, length)
                                       : yajl_complete_parse(reader->yajl);
    if (status == yajl_status_client_canceled) {
        return reader->status;
    }
    return status == yajl_status_ok ? TACHO_OK : TACHO_DAMAGED;
}

static void read_reason(tacho__json_reader *reader) {
    if (setjmp(reader->refused)) {
        return;
    }
    unsigned char *text = yajl_get_error(reader->yajl, 0, NULL, 0);
    size_t length = strcspn((const char *)text, "\n");
    length = length < REASON - 1 ? length : REASON - 1;
    memcpy(reader->reason, text, length);
    reader->reason[length] = '\0';
    yajl_free_error(reader->yajl, text);
    reader->place.reason = reader->reason;
}

/* --- position ---------------------------------------------------------------------------------------------------- */

/* Moves the position over bytes that were read without fault. */
static void advance(tacho__json_reader *reader, const char *bytes, size_t length) {
    const char *end = bytes + length;
    for (const char *at = bytes; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        reader->lines++;
        reader->line_start = reader->taken + (uint64_t)(at - bytes) + 1;
    }
    reader->taken += length;
}

static tacho_status fail(tacho__json_reader *reader, tacho_status status, const char *reason) {
    reader->status = status;
    reader->place = (tacho__json_place){.offset = reader->taken,
                                        .line = reader->lines + 1,
                                        .column = reader->taken - reader->line_start + 1,
                                        .reason = reason};
    return status;
}

/* Remembers where and why, once. `bytes` is the piece in which it happened, NULL at the end of the document. */
static tacho_status fail_in(tacho__json_reader *reader, tacho_status status, const char *bytes, size_t length) {
    if (bytes != NULL && reader->yajl != NULL) {
        size_t consumed = yajl_get_bytes_consumed(reader->yajl);
        advance(reader, bytes, consumed < length ? consumed : length);
    }
    bool from_yajl = status == TACHO_DAMAGED && reader->status == TACHO_OK && reader->yajl != NULL;
    fail(reader, status, reader->why != NULL ? reader->why : tacho_status_text(status));
    if (from_yajl) {
        read_reason(reader);
    }
    return status;
}

/* --- the reader ------------------------------------------------------------------------------------------------- */

tacho__json_reader *tacho__json_reader_new(const tacho__json_limits *limits) {
    tacho__json_reader *reader = tacho__calloc(1, sizeof *reader);
    if (reader == NULL) {
        return NULL;
    }
    reader->limits = limits != NULL ? *limits : (tacho__json_limits){0};
    if (reader->limits.max_depth == 0) {
        reader->limits.max_depth = DEFAULT_DEPTH;
    }
    if (reader->limits.max_bytes == 0) {
        reader->limits.max_bytes = DEFAULT_BYTES;
    }
    reader->place.reason = "";
    return reader;
}

void tacho__json_reader_free(tacho__json_reader *reader) {
    if (reader == NULL) {
        return;
    }
    drop_parser(reader, 0);
    tacho__buffer_free(&reader->repaired);
    tacho__free(reader);
}

tacho_status tacho__json_begin(tacho__json_reader *reader, tacho__json_handler handler, void *context) {
    drop_parser(reader, KEEP_BYTES);
    if (reader->repaired.capacity > KEEP_BYTES) {
        tacho__buffer_free(&reader->repaired);
    }
    reader->handler = handler;
    reader->context = context;
    reader->status = TACHO_OK;
    reader->why = NULL;
    reader->depth = 0;
    reader->bom = 0;
    reader->taken = reader->lines = reader->line_start = 0;
    reader->place = (tacho__json_place){.reason = ""};
    tacho_status status = make_parser(reader);
    return status == TACHO_OK ? TACHO_OK : fail(reader, status, tacho_status_text(status));
}

/* Steps over a byte order mark, which editors put before configuration files and RFC 8259 lets readers ignore. */
static tacho_status skip_mark(tacho__json_reader *reader, const char **bytes, size_t *length) {
    static const char mark[3] = {'\xEF', '\xBB', '\xBF'};
    while (*length > 0 && reader->bom < sizeof mark && reader->taken == reader->bom && **bytes == mark[reader->bom]) {
        reader->bom++;
        reader->taken++;
        ++*bytes;
        --*length;
    }
    bool torn = *length > 0 && reader->bom > 0 && reader->bom < sizeof mark;
    return torn ? fail(reader, TACHO_DAMAGED, "lexical error: half a byte order mark") : TACHO_OK;
}

/* Parses a piece and leaves the position before it, unless it failed. */
static tacho_status feed(tacho__json_reader *reader, const char **bytes, size_t *length) {
    if (reader->status != TACHO_OK) {
        return reader->status;
    }
    if (*length > reader->limits.max_bytes - reader->taken) {
        return fail(reader, TACHO_LIMIT, "the document is too long");
    }
    tacho_status status = skip_mark(reader, bytes, length);
    if (status != TACHO_OK || *length == 0) {
        return status;
    }
    status = run_parser(reader, *bytes, *length);
    return status == TACHO_OK ? TACHO_OK : fail_in(reader, status, *bytes, *length);
}

tacho_status tacho__json_feed(tacho__json_reader *reader, const char *bytes, size_t length) {
    tacho_status status = feed(reader, &bytes, &length);
    if (status == TACHO_OK) {
        advance(reader, bytes, length);
    }
    return status;
}

tacho_status tacho__json_finish(tacho__json_reader *reader) {
    if (reader->status != TACHO_OK) {
        return reader->status;
    }
    tacho_status status = run_parser(reader, NULL, 0);
    return status == TACHO_OK ? TACHO_OK : fail_in(reader, status, NULL, 0);
}

tacho_status tacho__json_read(tacho__json_reader *reader, const char *bytes, size_t length, tacho__json_handler handler,
                              void *context) {
    tacho_status status = tacho__json_begin(reader, handler, context);
    if (status == TACHO_OK) {
        status = feed(reader, &bytes, &length);
    }
    if (status != TACHO_OK) {
        return status;
    }
    status = run_parser(reader, NULL, 0);
    if (status == TACHO_OK) {
        return TACHO_OK; /* and nobody will ask for a position: the line ends need no counting */
    }
    advance(reader, bytes, length);
    return fail_in(reader, status, NULL, 0);
}

tacho__json_place tacho__json_reader_place(const tacho__json_reader *reader) {
    return reader->place;
}
