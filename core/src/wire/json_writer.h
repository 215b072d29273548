/**
 * Streaming JSON into a buffer. Commas, colons, indentation and escaping are the writer's; values in the wrong place (a
 * value without key in an object, an end without begin, more than one value at the top) are a fault of the caller and
 * mark it `broken`.
 *
 * Money and seconds print from integers, exactly (semantics 59); unknown money is null; NaN and infinities are null.
 * Not thread-safe.
 */
#ifndef TACHO_WIRE_JSON_WRITER_H
#define TACHO_WIRE_JSON_WRITER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** Most objects and arrays open at once. */
#define TACHO__JSON_WRITER_DEPTH 64

typedef struct tacho__json_writer {
    tacho__buffer *out;
    uint64_t object_bits; /* bit d: the container at depth d is an object */
    uint64_t filled_bits; /* bit d: the container at depth d has an entry */
    uint32_t depth;       /* containers open */
    bool pretty;
    bool after_key;
    bool done;   /* a whole value stands at the top */
    bool broken; /* used out of order or too deep; nothing more is written */
} tacho__json_writer;

/** Starts one document at the end of `out`. `pretty`: 2 spaces per level and "key": value; else no white space at all.
 */
void tacho__json_writer_init(tacho__json_writer *writer, tacho__buffer *out, bool pretty);
/** TACHO_OK for one complete document; TACHO_INVALID if broken or incomplete; else as tacho__buffer_status. */
tacho_status tacho__json_writer_finish(const tacho__json_writer *writer);

void tacho__json_object_begin(tacho__json_writer *writer);
void tacho__json_object_end(tacho__json_writer *writer);
void tacho__json_array_begin(tacho__json_writer *writer);
void tacho__json_array_end(tacho__json_writer *writer);

/** A key, NUL-terminated; escaped like a string. */
void tacho__json_key(tacho__json_writer *writer, const char *key);
void tacho__json_key_bytes(tacho__json_writer *writer, const char *key, size_t length);

/** A string: `"`, `\`, U+0000..1F, U+007F and U+2028/2029 are escaped, ill-formed UTF-8 becomes U+FFFD. NULL = null. */
void tacho__json_string(tacho__json_writer *writer, const char *text);
void tacho__json_string_bytes(tacho__json_writer *writer, const char *text, size_t length);
void tacho__json_null(tacho__json_writer *writer);
void tacho__json_bool(tacho__json_writer *writer, bool value);
void tacho__json_int(tacho__json_writer *writer, int64_t value);
void tacho__json_uint(tacho__json_writer *writer, uint64_t value);
/** Shortest text that reads back as the same double; null for NaN and infinities. */
void tacho__json_double(tacho__json_writer *writer, double value);
/** A number given as its text, which the caller vouches for: a valid JSON number. */
void tacho__json_number_text(tacho__json_writer *writer, const char *text, size_t length);
/** `value` x 10^-`digits` as a number: 2.34. `digits` 0..18. */
void tacho__json_decimal(tacho__json_writer *writer, int64_t value, unsigned digits);
/** Money as a decimal STRING in USD ("24.8189432"); null if unknown. */
void tacho__json_money(tacho__json_writer *writer, int64_t pusd);
/** Nanoseconds as a number of seconds: 2.34. */
void tacho__json_seconds(tacho__json_writer *writer, uint64_t ns);
/** Nanoseconds since 1970 as an RFC 3339 string in UTC. */
void tacho__json_timestamp(tacho__json_writer *writer, int64_t unix_ns);

#endif
