/**
 * Inside a response: what the rows of a dialect found, and the walker that finds it in JSON events. The importers of
 * logs use the walker directly: they feed it the events of the usage object that stands inside a larger document.
 */
#ifndef TACHO_PRICE_RESPONSE_H
#define TACHO_PRICE_RESPONSE_H

#include "price/dialect.h"
#include "wire/json_reader.h"

#define TACHO__RESPONSE_TEXTS (TACHO__TARGET_TEXTS_END - TACHO__TARGET_MODEL)

/** Values of one usage, by row. */
typedef struct tacho__slots {
    uint64_t present; /* bit per row */
    int64_t values[TACHO__DIALECT_ROWS_MAX];
    uint32_t documents[TACHO__DIALECT_ROWS_MAX]; /* event of the stream that the value came with */
    uint32_t faults;
    uint32_t has_text; /* bit per text */
    char texts[TACHO__RESPONSE_TEXTS][TACHO_RESPONSE_STRING_MAX];
} tacho__slots;

#define TACHO__PENDING_MAX 4
#define TACHO__QUERIES_MAX 64 /* different searches of one response that are told apart */

/* An element of an array whose row depends on a member that may come last. */
typedef struct tacho__pending {
    uint16_t node; /* of the array; TACHO__TRIE_NONE = none under way */
    uint8_t depth;
    uint8_t count;
    uint8_t match_length;
    char match[32];
    struct {
        uint8_t key_length, number_length;
        char key[32], number[32];
    } members[TACHO__PENDING_MAX];
} tacho__pending;

typedef struct tacho__frame {
    uint16_t node;
    uint8_t is_array, is_item;
} tacho__frame;

typedef struct tacho__walker {
    tacho__trie trie;
    uint16_t next; /* node of the value that follows a key */
    uint32_t depth;
    tacho__frame frames[TACHO_RESPONSE_DEPTH_MAX + 1];
    char key[32]; /* the last key, for pending elements */
    uint8_t key_length;
    tacho__pending pending;
} tacho__walker;

struct tacho_response {
    const tacho_dialect *dialect;
    uint32_t document; /* number of the document under way, from 1 */
    tacho__slots top;
    tacho__slots *items; /* TACHO_RESPONSE_PARTS_MAX, made when the first is needed */
    uint32_t item_count;
    uint32_t item_document; /* document that the items came with */
    int32_t item;           /* element under way; -1 = none */
    uint32_t query_count;
    uint64_t queries[TACHO__QUERIES_MAX]; /* hashes of the different searches: their text is content and is not kept */
    tacho__walker walker;
    tacho__json_reader *reader;
    tacho_usage usages[TACHO_RESPONSE_PARTS_MAX];
    size_t usage_count;
    uint32_t faults;
    bool failed; /* out of memory */
};

/** Start a document (or, with a response that already has one, the next event of a stream) under a dialect. */
void tacho__response_begin(tacho_response *response, const tacho_dialect *dialect);
/** One event; `text` need not be NUL-terminated. Events must nest properly; deeper than the limit gives TACHO_LIMIT. */
tacho_status tacho__response_event(tacho_response *response, tacho__json_event event, const char *text, size_t length);
/** Turn what was found into usages: TACHO_OK or TACHO_NO_DATA. */
tacho_status tacho__response_settle(tacho_response *response);

/** Walk a value of the host language. */
void tacho__response_pull(tacho_response *response, const tacho_value_source *source);
/** Fingerprint of a value of the host language. */
tacho__fingerprint tacho__response_pull_fingerprint(const tacho_value_source *source);

/** A scalar for a row: a number's text, a text, or a boolean ("true", "false"). */
void tacho__response_number(tacho_response *response, uint16_t row, const char *text, size_t length);
void tacho__response_text(tacho_response *response, uint16_t row, const char *text, size_t length);
void tacho__response_boolean(tacho_response *response, uint16_t row, bool value);
/** The next element of an array of usages begins; false when there is no room for it. */
bool tacho__response_item(tacho_response *response);

#endif
