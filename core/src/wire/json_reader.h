/**
 * Bounded JSON reading over YAJL: a stream of events with raw number text (semantics 45).
 *
 * One reader serves many documents: it keeps the memory of the last one, so that reading a log line by line asks the
 * heap for nothing after the first lines. Text handed to the handler is valid only during the call. Not thread-safe:
 * one reader per thread. What is bounded: bytes of a document, depth, and with them the reader's own memory.
 */
#ifndef TACHO_WIRE_JSON_READER_H
#define TACHO_WIRE_JSON_READER_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

typedef enum tacho__json_event {
    TACHO__JSON_NULL,
    TACHO__JSON_FALSE,
    TACHO__JSON_TRUE,
    TACHO__JSON_NUMBER, /* `text` is the number as it stands in the document: "-1.50e-06" */
    TACHO__JSON_STRING, /* `text` is unescaped; may contain NUL */
    TACHO__JSON_KEY,    /* as STRING; the value follows */
    TACHO__JSON_OBJECT_BEGIN,
    TACHO__JSON_OBJECT_END,
    TACHO__JSON_ARRAY_BEGIN,
    TACHO__JSON_ARRAY_END
} tacho__json_event;

/**
 * Receives one event. `text` is not NUL-terminated; NULL and 0 for events without text. Duplicate keys are reported as
 * they stand. Anything but TACHO_OK stops the reader, which returns that status.
 */
typedef tacho_status (*tacho__json_handler)(void *context, tacho__json_event event, const char *text, size_t length);

typedef enum tacho__json_utf8 {
    TACHO__JSON_UTF8_REPLACE, /* ill-formed bytes in strings and keys become U+FFFD: logs */
    TACHO__JSON_UTF8_REJECT,  /* ill-formed bytes are an error: configuration, price data */
    TACHO__JSON_UTF8_PASS     /* handed over as they are; the handler repairs what it keeps */
} tacho__json_utf8;

typedef struct tacho__json_limits {
    uint32_t max_depth; /* open objects and arrays; 0 = 128 */
    uint64_t max_bytes; /* of one document; 0 = 32 MiB */
    tacho__json_utf8 utf8;
    int comments; /* nonzero: slash-star and slash-slash comments are white space (configuration files) */
} tacho__json_limits;

/** Where and why a document was refused. How a document is cut into pieces may move it within the token at fault. */
typedef struct tacho__json_place {
    uint64_t offset;    /* bytes before the fault, or before the end of the token that is at fault */
    uint64_t line;      /* from 1 */
    uint64_t column;    /* from 1, in bytes */
    const char *reason; /* static or owned by the reader until its next document; without a full stop */
} tacho__json_place;

typedef struct tacho__json_reader tacho__json_reader;

/** Makes a reader; `limits` is copied, NULL = all defaults. NULL when out of memory. Free with tacho__json_reader_free.
 */
tacho__json_reader *tacho__json_reader_new(const tacho__json_limits *limits);
/** NULL is allowed. Not from inside a handler. */
void tacho__json_reader_free(tacho__json_reader *reader);

/**
 * Reads one whole document.
 *
 * @return TACHO_OK; TACHO_DAMAGED (not JSON, truncated, or more than one value); TACHO_LIMIT (depth or size);
 *         TACHO_NOMEM; or what the handler returned. After any of these the reader takes the next document.
 */
tacho_status tacho__json_read(tacho__json_reader *reader, const char *bytes, size_t length, tacho__json_handler handler,
                              void *context);

/** Begins a document that arrives in pieces; whatever was under way is dropped. TACHO_OK or TACHO_NOMEM. */
tacho_status tacho__json_begin(tacho__json_reader *reader, tacho__json_handler handler, void *context);
/** Takes the next piece. Results as tacho__json_read; after a failure further pieces are ignored with the same status.
 */
tacho_status tacho__json_feed(tacho__json_reader *reader, const char *bytes, size_t length);
/** Ends the document: TACHO_DAMAGED if it is incomplete, else what feeding returned. */
tacho_status tacho__json_finish(tacho__json_reader *reader);

/** Where the last document failed; all zero and reason "" after success. Valid until the next document begins. */
tacho__json_place tacho__json_reader_place(const tacho__json_reader *reader);

#endif
