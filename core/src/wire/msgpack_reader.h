/**
 * Bounded MessagePack reading (msgpack/msgpack spec.md, 2021-04-30) without copies and without the heap.
 *
 * Foreign bytes first pass tacho__msgpack_check, which walks everything once within fixed limits; after that the cursor
 * below reads them in place and cannot leave them. msgpack-c is not used for reading: it trusts element counts
 * (`reference/reliability.md` section 0 point 6), and its object tree would be a second copy of a table that is used in
 * place. Reading never writes: several threads may read the same bytes.
 */
#ifndef TACHO_WIRE_MSGPACK_READER_H
#define TACHO_WIRE_MSGPACK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__MSGPACK_MAX_DEPTH 16
#define TACHO__MSGPACK_MAX_BYTES (UINT64_C(64) << 20)

typedef enum tacho__msgpack_type {
    TACHO__MSGPACK_NIL,
    TACHO__MSGPACK_BOOL,
    TACHO__MSGPACK_UINT, /* 0 .. 2^64 - 1, whatever the encoding */
    TACHO__MSGPACK_INT,  /* -2^63 .. -1: negative integers only */
    TACHO__MSGPACK_DOUBLE,
    TACHO__MSGPACK_STR,
    TACHO__MSGPACK_BIN,
    TACHO__MSGPACK_ARRAY,
    TACHO__MSGPACK_MAP,
    TACHO__MSGPACK_EXT
} tacho__msgpack_type;

/** One value inside checked bytes; valid as long as they are. Copy it freely. */
typedef struct tacho__msgpack {
    tacho__msgpack_type type;
    int8_t ext_type;      /* EXT only */
    uint32_t count;       /* ARRAY: elements; MAP: pairs; else 0 */
    const uint8_t *bytes; /* STR, BIN, EXT: the content (not NUL-terminated); ARRAY, MAP: the first element */
    size_t length;        /* STR, BIN, EXT: bytes of content */
    const uint8_t *end;   /* end of the checked bytes */
    union {
        bool boolean;
        uint64_t u;
        int64_t i;
        double number;
    } as;
} tacho__msgpack;

/**
 * Checks that `bytes` hold exactly one value and nothing after it, within `max_bytes` (0 = TACHO__MSGPACK_MAX_BYTES)
 * and TACHO__MSGPACK_MAX_DEPTH containers, with no count larger than the bytes that are left, and gives its root. The
 * text of str values is not checked for UTF-8: whoever keeps it cleans it (base/text.h).
 *
 * @param offset where it went wrong, in bytes from the start; may be NULL
 * @return TACHO_OK; TACHO_DAMAGED (truncated, 0xc1, trailing bytes, no bytes); TACHO_LIMIT (size or depth)
 */
tacho_status tacho__msgpack_check(const void *bytes, size_t length, uint64_t max_bytes, tacho__msgpack *root,
                                  size_t *offset);

/** Walks an ARRAY's elements, or a MAP's keys and values in turn. Start with tacho__msgpack_walk. */
typedef struct tacho__msgpack_walker {
    const uint8_t *next;
    const uint8_t *end;
    uint64_t left; /* values still to come */
} tacho__msgpack_walker;

/** A walker over `container`; over nothing if it is no ARRAY or MAP. */
tacho__msgpack_walker tacho__msgpack_walk(const tacho__msgpack *container);
/** Gives the next value (of a map: key, value, key, ...) and steps over all that is inside it. False at the end. */
bool tacho__msgpack_next(tacho__msgpack_walker *walker, tacho__msgpack *value);
/** Gives the next pair of a map. False at the end. */
bool tacho__msgpack_next_pair(tacho__msgpack_walker *walker, tacho__msgpack *key, tacho__msgpack *value);

/** True if `value` is a str equal to the NUL-terminated `text`. */
bool tacho__msgpack_is(const tacho__msgpack *value, const char *text);

/**
 * Looks a str key up in a map, from its front; of equal keys the first counts. Cost: the bytes before it; walk a map
 * with many keys instead. False if `map` is no map or has no such key.
 */
bool tacho__msgpack_get(const tacho__msgpack *map, const char *key, tacho__msgpack *value);

/*
 * Typed look-ups. TACHO_OK; TACHO_NOT_FOUND (no such key, or nil: unknown is absent); TACHO_FOREIGN (another type, or
 * an integer outside the range). The result is written only on TACHO_OK.
 */
tacho_status tacho__msgpack_get_uint(const tacho__msgpack *map, const char *key, uint64_t *value);
tacho_status tacho__msgpack_get_int(const tacho__msgpack *map, const char *key, int64_t *value);
tacho_status tacho__msgpack_get_bool(const tacho__msgpack *map, const char *key, bool *value);
/** Integers are converted. */
tacho_status tacho__msgpack_get_double(const tacho__msgpack *map, const char *key, double *value);
/** `*text` points into the checked bytes and is not NUL-terminated. */
tacho_status tacho__msgpack_get_str(const tacho__msgpack *map, const char *key, const char **text, size_t *length);
tacho_status tacho__msgpack_get_bin(const tacho__msgpack *map, const char *key, const uint8_t **bytes, size_t *length);
tacho_status tacho__msgpack_get_array(const tacho__msgpack *map, const char *key, tacho__msgpack *array);
tacho_status tacho__msgpack_get_map(const tacho__msgpack *map, const char *key, tacho__msgpack *value);

/** A value as uint64 or int64: TACHO_OK or TACHO_FOREIGN. */
tacho_status tacho__msgpack_as_uint(const tacho__msgpack *value, uint64_t *number);
tacho_status tacho__msgpack_as_int(const tacho__msgpack *value, int64_t *number);

#endif
