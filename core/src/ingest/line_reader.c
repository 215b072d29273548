#include "ingest/line_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)256 << 10)
#define KEEP  ((size_t)4 << 20) /* a larger buffer does not outlive its file */

tacho_status tacho__line_reader_open(tacho__line_reader *reader, const char *path) {
    tacho__line_reader_close(reader);
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (reader->fd >= 0) {
        return tacho__line_reader_seek(reader, 0, 0);
    }
    return errno == ENOENT ? TACHO_NOT_FOUND : errno == EACCES || errno == EPERM ? TACHO_DENIED : TACHO_IO;
}

tacho_status tacho__line_reader_seek(tacho__line_reader *reader, uint64_t offset, uint64_t line) {
    reader->start = reader->end = 0;
    reader->offset = offset;
    reader->line = line;
    reader->at_end = reader->skipping = false;
    return lseek(reader->fd, (off_t)offset, SEEK_SET) < 0 ? TACHO_IO : TACHO_OK;
}

/* Room behind `end`: what was handed out is overwritten first, then the buffer grows. */
static tacho_status make_room(tacho__line_reader *reader) {
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (reader->capacity - reader->end >= CHUNK) {
        return TACHO_OK;
    }
    size_t capacity = reader->capacity * 2 > reader->end + CHUNK ? reader->capacity * 2 : reader->end + CHUNK;
    char *grown = tacho__realloc(reader->buffer, capacity);
    if (!grown) {
        return TACHO_NOMEM;
    }
    reader->buffer = grown;
    reader->capacity = capacity;
    return TACHO_OK;
}

static tacho_status fill(tacho__line_reader *reader) {
    tacho_status status = make_room(reader);
    if (status != TACHO_OK) {
        return status;
    }
    ssize_t got;
    do { /* one chunk at a time: room that is not needed is never touched */
        got = read(reader->fd, reader->buffer + reader->end, CHUNK);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return TACHO_IO;
    }
    reader->at_end = got == 0;
    reader->end += (size_t)got;
    return TACHO_OK;
}

/* Hands out `length` bytes and their line end. */
static void take(tacho__line_reader *reader, size_t length) {
    reader->start += length + 1;
    reader->offset += length + 1;
    reader->line++;
}

static void drop_all(tacho__line_reader *reader) {
    reader->offset += reader->end - reader->start;
    reader->start = reader->end = 0;
}

tacho_status tacho__line_reader_next(tacho__line_reader *reader, const char **text, size_t *length) {
    size_t searched = 0; /* bytes from start that hold no line end */
    for (;;) {
        const char *from = reader->buffer + reader->start;
        size_t here = reader->end - reader->start;
        const char *found = here > searched ? memchr(from + searched, '\n', here - searched) : NULL;
        if (found) {
            bool skipped = reader->skipping;
            size_t bytes = (size_t)(found - from);
            reader->skipping = false;
            take(reader, bytes);
            *text = from;
            *length = bytes > 0 && from[bytes - 1] == '\r' ? bytes - 1 : bytes;
            return skipped || bytes > TACHO__LINE_BYTES_MAX ? TACHO_LIMIT : TACHO_OK;
        }
        if (reader->at_end) {
            return TACHO_NO_DATA;
        }
        searched = here;
        if (here > TACHO__LINE_BYTES_MAX) {
            reader->skipping = true;
            drop_all(reader);
            searched = 0;
        }
        tacho_status status = fill(reader);
        if (status != TACHO_OK) {
            return status;
        }
    }
}

void tacho__line_reader_tail(const tacho__line_reader *reader, const char **text, size_t *length) {
    *text = reader->buffer + reader->start;
    *length = reader->skipping ? 0 : reader->end - reader->start;
}

void tacho__line_reader_close(tacho__line_reader *reader) {
    if (reader->fd >= 0) {
        close(reader->fd);
    }
    reader->fd = -1;
    if (reader->capacity > KEEP) {
        tacho__free(reader->buffer);
        reader->buffer = NULL;
        reader->capacity = 0;
    }
}

void tacho__line_reader_free(tacho__line_reader *reader) {
    tacho__line_reader_close(reader);
    tacho__free(reader->buffer);
    reader->buffer = NULL;
    reader->capacity = 0;
}
