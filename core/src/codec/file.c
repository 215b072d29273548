/* Saving and loading: the only calls of the library that open a file of the caller's, by its path. */
#include "codec/snapshot_file.h"

#include "base/hash.h"
#include "base/memory.h"
#include "codec/base64.h"
#include "codec/snapshot_json.h"
#include "segment/system.h"
#include "wire/json_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX    (UINT64_C(128) << 20) /* bytes of a file: the JSON form of the largest snapshot */
#define FIRST_BYTES 64

/* ---------------------------------------------------------------------------------------------------------- reading */

static tacho_status read_whole(int descriptor, tacho__buffer *out) {
    for (;;) {
        if (!tacho__buffer_reserve(out, 65536)) {
            return tacho__buffer_status(out);
        }
        ssize_t got = read(descriptor, out->data + out->length, 65536);
        if (got == 0) {
            return TACHO_OK;
        }
        if (got < 0 && errno != EINTR) {
            return TACHO_IO;
        }
        out->length += got > 0 ? (size_t)got : 0;
    }
}

static tacho_status open_status(void) {
    return errno == ENOENT || errno == ENOTDIR ? TACHO_NOT_FOUND : errno == EACCES ? TACHO_DENIED : TACHO_IO;
}

/* What is no regular file is refused: reading a pipe or a device could wait for ever. */
static tacho_status check_regular(int descriptor) {
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        return TACHO_IO;
    }
    if (S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return TACHO_IO;
    }
    errno = 0;
    return S_ISREG(about.st_mode) ? TACHO_OK : TACHO_FOREIGN;
}

static tacho_status read_file(const char *path, tacho__buffer *out) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) {
        return open_status();
    }
    tacho_status status = check_regular(descriptor);
    if (status == TACHO_OK) {
        status = read_whole(descriptor, out);
    }
    int problem = errno;
    close(descriptor);
    errno = problem;
    return status;
}

/* Picks the string under the top-level key "snapshot" out of the JSON form. */
typedef struct search {
    unsigned depth;
    bool here; /* the next value is it */
    bool found;
    tacho__buffer *out;
} search;

static tacho_status look(void *context, tacho__json_event event, const char *text, size_t length) {
    search *state = context;
    bool here = state->here;
    state->here = false;
    switch (event) {
    case TACHO__JSON_OBJECT_BEGIN:
    case TACHO__JSON_ARRAY_BEGIN:
        state->depth++;
        return TACHO_OK;
    case TACHO__JSON_OBJECT_END:
    case TACHO__JSON_ARRAY_END:
        state->depth--;
        return TACHO_OK;
    case TACHO__JSON_KEY:
        state->here = state->depth == 1 && length == 8 && memcmp(text, "snapshot", 8) == 0;
        return TACHO_OK;
    case TACHO__JSON_STRING:
        if (here && !state->found) {
            state->found = true;
            return tacho__base64_decode(state->out, text, length);
        }
        return TACHO_OK;
    default:
        return TACHO_OK;
    }
}

static tacho_status decode_json(const tacho__buffer *file, tacho_snapshot **out) {
    tacho__json_limits limits = {.max_bytes = FILE_MAX, .utf8 = TACHO__JSON_UTF8_PASS};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    if (!reader) {
        return TACHO_NOMEM;
    }
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    search state = {.out = &bytes};
    tacho_status status = tacho__json_read(reader, file->data, file->length, look, &state);
    tacho__json_reader_free(reader);
    if (status == TACHO_OK) {
        status = state.found ? tacho_snapshot_decode(bytes.data, bytes.length, out) : TACHO_FOREIGN;
    }
    tacho__buffer_free(&bytes);
    return status == TACHO_FOREIGN && state.found ? TACHO_DAMAGED : status;
}

/* A folder that is no registry is what it is for everybody else: a directory. */
static tacho_status load_folder(const char *path, tacho_snapshot **out) {
    tacho_status status = tacho_snapshot_attach(path, out);
    errno = status == TACHO_NOT_FOUND ? EISDIR : 0;
    return status == TACHO_NOT_FOUND ? TACHO_IO : status;
}

tacho_status tacho_load(const char *path, tacho_snapshot **out) {
    tacho__buffer file = {.limit = FILE_MAX};
    if (out) {
        *out = NULL;
    }
    if (!path || !out) {
        return TACHO_INVALID;
    }
    tacho_status status = read_file(path, &file);
    if (status == TACHO_IO && errno == EISDIR) {
        return load_folder(path, out);
    }
    if (status == TACHO_OK) {
        bool json = tacho__snapshot_recognise(file.data, file.length) == TACHO__SNAPSHOT_JSON;
        status = json ? decode_json(&file, out) : tacho_snapshot_decode(file.data, file.length, out);
    }
    int problem = errno;
    tacho__buffer_free(&file);
    errno = problem;
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- saving */

/* May this path be replaced? Nothing there, an empty file, or a snapshot. */
static tacho_status may_replace(const char *path) {
    char first[FIRST_BYTES];
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) {
        return errno == ENOENT ? TACHO_OK : TACHO_IO;
    }
    tacho_status status = TACHO_FOREIGN;
    if (fstat(descriptor, &about) != 0) {
        status = TACHO_IO;
    } else if (S_ISREG(about.st_mode)) {
        ssize_t got = read(descriptor, first, sizeof first);
        status = got < 0                                                                    ? TACHO_IO
                 : tacho__snapshot_recognise(first, (size_t)got) == TACHO__SNAPSHOT_FOREIGN ? TACHO_FOREIGN
                                                                                            : TACHO_OK;
    }
    int problem = errno;
    close(descriptor);
    errno = problem;
    return status;
}

static tacho_status write_whole(int descriptor, const tacho__buffer *bytes) {
    size_t done = 0;
    while (done < bytes->length) {
        ssize_t put = tacho__system_calls.write_to(descriptor, bytes->data + done, bytes->length - done);
        if (put < 0 && errno != EINTR) {
            return TACHO_IO;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return fsync(descriptor) == 0 ? TACHO_OK : TACHO_IO;
}

/* Written beside, then renamed: a reader, and a crash, find the old file or the new one. */
static tacho_status replace(const char *path, const tacho__buffer *bytes) {
    char random[17];
    tacho__hex_text(tacho__random_id(), random);
    size_t size = strlen(path) + sizeof ".." + sizeof random;
    char *beside = tacho__malloc(size);
    if (!beside) {
        return TACHO_NOMEM;
    }
    snprintf(beside, size, "%s.%s", path, random);
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    tacho_status status = descriptor >= 0 ? write_whole(descriptor, bytes) : TACHO_IO;
    int problem = errno;
    if (descriptor >= 0 && close(descriptor) != 0 && status == TACHO_OK) {
        problem = errno;
        status = TACHO_IO;
    }
    if (status == TACHO_OK && rename(beside, path) != 0) {
        problem = errno;
        status = TACHO_IO;
    }
    if (status != TACHO_OK && descriptor >= 0) {
        unlink(beside);
    }
    tacho__free(beside);
    errno = problem;
    return status;
}

static int keep(void *context, const char *bytes, size_t length) {
    tacho__buffer_append(context, bytes, length);
    return 0;
}

static bool is_json(const char *path) {
    size_t length = strlen(path);
    return length >= 5 && strcmp(path + length - 5, ".json") == 0;
}

static tacho_status make_json(const tacho_snapshot *snapshot, tacho__buffer *out) {
    tacho__output output;
    tacho__output_begin(&output, keep, out);
    return tacho__output_end(&output, tacho__snapshot_json(snapshot, NULL, true, true, &output));
}

tacho_status tacho_save(const tacho_snapshot *snapshot, const char *path) {
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    tacho_status status = TACHO_OK;
    if (!snapshot || !path) {
        return TACHO_INVALID;
    }
    if (is_json(path)) {
        status = make_json(snapshot, &bytes);
    } else {
        tacho__snapshot_encode(snapshot, &bytes);
    }
    if (status == TACHO_OK) {
        status = tacho__buffer_status(&bytes);
    }
    if (status == TACHO_OK) {
        status = may_replace(path);
    }
    if (status == TACHO_OK) {
        status = replace(path, &bytes);
    }
    int problem = errno;
    tacho__buffer_free(&bytes);
    errno = problem;
    return status;
}
