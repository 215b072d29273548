/**
 * A growable run of bytes that every writer appends to.
 *
 * Appending never fails loudly: on refusal by the heap or by `limit` the buffer is marked `failed`, keeps what it had
 * and ignores what follows, so that a writer checks once, at the end (tacho__buffer_status). Not thread-safe.
 */
#ifndef TACHO_BASE_BUFFER_H
#define TACHO_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tachograph/status.h>

typedef struct tacho__buffer {
    char *data;      /* owned; NULL while empty; not NUL-terminated unless tacho__buffer_text was called */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* most bytes it may hold; 0 = no limit */
    bool failed;     /* something was not appended; stays set until tacho__buffer_clear or _free */
    bool over_limit; /* and it was `limit` that refused it */
} tacho__buffer;

#define TACHO__BUFFER_INIT                                                                                             \
    { 0 }

/** Makes room for `more` further bytes. False (and `failed`) when that is refused. */
bool tacho__buffer_reserve(tacho__buffer *buffer, size_t more);
/** Appends the decimal digits of `value`. */
void tacho__buffer_uint(tacho__buffer *buffer, uint64_t value);
/** Appends `value` in decimal, with a minus sign if negative. */
void tacho__buffer_int(tacho__buffer *buffer, int64_t value);
/**
 * Appends the shortest decimal text that reads back as the same double ("0.1", "1e+22"), independent of the locale;
 * "NaN", "+Inf", "-Inf" for those. JSON has no such values: its writer prints null instead.
 */
void tacho__buffer_double(tacho__buffer *buffer, double value);
/** The bytes as a NUL-terminated string (the NUL is not counted in `length`), or NULL when `failed`. */
const char *tacho__buffer_text(tacho__buffer *buffer);
/** Forgets the content and the failure, keeps the memory. */
void tacho__buffer_clear(tacho__buffer *buffer);
/** Gives the memory back; the buffer is empty and usable again. `limit` stays. */
void tacho__buffer_free(tacho__buffer *buffer);

/** TACHO_OK; TACHO_LIMIT if `limit` refused something; TACHO_NOMEM if the heap did. */
tacho_status tacho__buffer_status(const tacho__buffer *buffer);

/** Appends `length` bytes; `bytes` may be NULL if `length` is 0. */
static inline void tacho__buffer_append(tacho__buffer *buffer, const void *bytes, size_t length) {
    if (length > 0 && tacho__buffer_reserve(buffer, length)) {
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
    }
}

/** Appends a NUL-terminated string without its NUL. */
static inline void tacho__buffer_string(tacho__buffer *buffer, const char *text) {
    tacho__buffer_append(buffer, text, strlen(text));
}

/** Appends one byte. */
static inline void tacho__buffer_byte(tacho__buffer *buffer, char byte) {
    tacho__buffer_append(buffer, &byte, 1);
}

#endif
