/**
 * A file line by line, from an offset, in bounded memory. The file is read, never mapped: it may be cut by its owner at
 * any time, and a cut mapping kills the process that looks at it.
 */
#ifndef TACHO_INGEST_LINE_READER_H
#define TACHO_INGEST_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** Longer lines are passed over without being kept. */
#define TACHO__LINE_BYTES_MAX ((size_t)32 << 20)

typedef struct tacho__line_reader {
    int fd;       /* -1 = closed */
    char *buffer; /* owned; kept from file to file */
    size_t capacity;
    size_t start, end; /* bytes of the buffer that are not handed out yet */
    uint64_t offset;   /* of buffer[start] in the file */
    uint64_t line;     /* lines before buffer[start] */
    bool at_end;       /* the file has no more bytes */
    bool skipping;     /* inside a line that is too long */
} tacho__line_reader;

#define TACHO__LINE_READER_INIT                                                                                        \
    { .fd = -1 }

/** Opens a file, read only, without blocking on pipes. TACHO_OK; TACHO_NOT_FOUND; TACHO_DENIED; TACHO_IO. */
tacho_status tacho__line_reader_open(tacho__line_reader *reader, const char *path);
/** Goes to a byte that begins a line, with `line` lines before it. TACHO_OK; TACHO_IO. */
tacho_status tacho__line_reader_seek(tacho__line_reader *reader, uint64_t offset, uint64_t line);
/**
 * The next line without its end ("\n" or "\r\n"). It lives until the next call.
 *
 * @return TACHO_OK; TACHO_LIMIT (a line of more than TACHO__LINE_BYTES_MAX was passed over); TACHO_NO_DATA (no further
 *         line end: see tacho__line_reader_tail); TACHO_IO; TACHO_NOMEM
 */
tacho_status tacho__line_reader_next(tacho__line_reader *reader, const char **text, size_t *length);
/** After TACHO_NO_DATA: what stands behind the last line end. It is not counted as read. */
void tacho__line_reader_tail(const tacho__line_reader *reader, const char **text, size_t *length);
/** Closes the file and keeps the buffer. */
void tacho__line_reader_close(tacho__line_reader *reader);
/** Closes and gives the buffer back. */
void tacho__line_reader_free(tacho__line_reader *reader);

#endif
