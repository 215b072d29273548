/** W3C trace context, level 2: the `traceparent` header (w3c/trace-context, spec/20-http_request_header_format.md). */
#ifndef TACHO_BASE_TRACEPARENT_H
#define TACHO_BASE_TRACEPARENT_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__TRACEPARENT_LENGTH 55

typedef struct tacho__traceparent {
    uint64_t trace_high; /* the first 16 hexadecimal digits of the trace id */
    uint64_t trace_low;  /* the last 16; high and low are never both 0 */
    uint64_t parent;     /* id of the caller's operation, never 0 */
    uint8_t flags;       /* bit 0 sampled, bit 1 random trace id; other bits are passed on */
} tacho__traceparent;

/**
 * Reads a header. Upper case, an all-zero id, version ff, and for version 00 anything after the 55 characters make it
 * invalid, and then it has to be ignored whole. Later versions: the first 55 characters, then the end or '-'.
 *
 * @return TACHO_OK or TACHO_INVALID (`*out` untouched)
 */
tacho_status tacho__traceparent_parse(const char *text, size_t length, tacho__traceparent *out);

/** Prints version 00: 55 characters and a NUL. */
void tacho__traceparent_text(const tacho__traceparent *traceparent, char out[TACHO__TRACEPARENT_LENGTH + 1]);

#endif
