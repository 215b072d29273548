/*
 * A configuration file is read once, so clarity goes before speed: the events of the JSON reader move a dotted path,
 * and each plain value is handed on under the path of that moment. An array collects its plain values in `list`;
 * objects inside arrays get their index as a part of the path ("alerts.0.name").
 */
#include "config/file.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "wire/json_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 16

typedef struct level {
    size_t path; /* length of the path of the container itself */
    size_t list; /* of an array: where its plain values begin in flattener.list */
    uint64_t members, plain;
    int is_array;
} level;

typedef struct flattener {
    tacho__settings_visit visit;
    void *context;
    tacho__buffer path; /* dotted */
    tacho__buffer list; /* plain values of the arrays that are open, commas between those of one array */
    level levels[DEPTH];
    size_t depth;
} flattener;

static level *innermost(flattener *flat) {
    return &flat->levels[flat->depth - 1];
}

static tacho_status hand_on(flattener *flat, const char *value) {
    const char *path = tacho__buffer_text(&flat->path);
    return path == NULL || value == NULL ? TACHO_NOMEM : flat->visit(flat->context, path, value);
}

static void dot(flattener *flat) {
    if (flat->path.length > 0) {
        tacho__buffer_byte(&flat->path, '.');
    }
}

static tacho_status begin(flattener *flat, int is_array) {
    if (flat->depth == 0 && is_array) {
        return TACHO_FOREIGN;
    }
    if (flat->depth == DEPTH) {
        return TACHO_LIMIT;
    }
    if (flat->depth > 0 && innermost(flat)->is_array) {
        flat->path.length = innermost(flat)->path;
        dot(flat);
        tacho__buffer_uint(&flat->path, innermost(flat)->members++);
    }
    flat->levels[flat->depth++] = (level){flat->path.length, flat->list.length, 0, 0, is_array};
    return TACHO_OK;
}

/* An array ends: its plain values are one setting, unless it held only containers. */
static tacho_status end(flattener *flat) {
    level *ended = innermost(flat);
    tacho_status status = TACHO_OK;
    flat->depth--;
    if (ended->is_array && (ended->plain > 0 || ended->members == 0)) {
        const char *list = tacho__buffer_text(&flat->list);
        flat->path.length = ended->path;
        status = hand_on(flat, list == NULL ? NULL : list + ended->list);
        flat->list.length = ended->list;
    }
    return status;
}

static void key(flattener *flat, const char *text, size_t length) {
    flat->path.length = innermost(flat)->path;
    dot(flat);
    tacho__buffer_append(&flat->path, text, length);
}

static tacho_status plain(flattener *flat, const char *text, size_t length) {
    if (flat->depth == 0) {
        return TACHO_FOREIGN;
    }
    level *inside = innermost(flat);
    size_t start = flat->list.length;
    if (inside->is_array) {
        inside->members++;
        if (inside->plain++ > 0) {
            tacho__buffer_byte(&flat->list, ',');
        }
        tacho__buffer_append(&flat->list, text, length);
        return TACHO_OK;
    }
    tacho__buffer_append(&flat->list, text, length);
    const char *list = tacho__buffer_text(&flat->list);
    tacho_status status = hand_on(flat, list == NULL ? NULL : list + start);
    flat->list.length = start;
    return status;
}

static tacho_status take_event(void *context, tacho__json_event event, const char *text, size_t length) {
    flattener *flat = context;
    if (length > 0 && memchr(text, '\0', length) != NULL) {
        return TACHO_DAMAGED;
    }
    switch (event) {
    case TACHO__JSON_OBJECT_BEGIN:
    case TACHO__JSON_ARRAY_BEGIN:
        return begin(flat, event == TACHO__JSON_ARRAY_BEGIN);
    case TACHO__JSON_OBJECT_END:
    case TACHO__JSON_ARRAY_END:
        return end(flat);
    case TACHO__JSON_KEY:
        key(flat, text, length);
        return TACHO_OK;
    case TACHO__JSON_TRUE:
        return plain(flat, "true", 4);
    case TACHO__JSON_FALSE:
        return plain(flat, "false", 5);
    case TACHO__JSON_NUMBER:
    case TACHO__JSON_STRING:
        return plain(flat, text, length);
    case TACHO__JSON_NULL:
        break;
    }
    return TACHO_OK;
}

static tacho_status flatten(flattener *flat, const char *bytes, size_t length, char *fault, size_t fault_size) {
    const tacho__json_limits limits = {
        .max_depth = DEPTH, .max_bytes = TACHO__SETTINGS_FILE_MAX, .utf8 = TACHO__JSON_UTF8_REJECT, .comments = 1};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    if (reader == NULL) {
        return TACHO_NOMEM;
    }
    tacho_status status = tacho__json_read(reader, bytes, length, take_event, flat);
    if (status != TACHO_OK) {
        tacho__json_place place = tacho__json_reader_place(reader);
        const char *why = place.reason != NULL && place.reason[0] != '\0' ? place.reason : tacho_status_text(status);
        snprintf(fault, fault_size, "line %" PRIu64 ", column %" PRIu64 ": %s", place.line, place.column,
                 status == TACHO_FOREIGN ? "the outermost value must be an object" : why);
    }
    tacho__json_reader_free(reader);
    return status;
}

static tacho_status status_of_errno(void) {
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return TACHO_NOT_FOUND;
    case EACCES:
    case EPERM:
        return TACHO_DENIED;
    case ENOMEM:
        return TACHO_NOMEM;
    default:
        return TACHO_IO;
    }
}

/* Reads `size` bytes, or what there is if the file became shorter meanwhile. */
static tacho_status read_all(int file, char *bytes, size_t size, size_t *length) {
    *length = 0;
    while (*length < size) {
        ssize_t got = read(file, bytes + *length, size - *length);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return status_of_errno();
        }
        *length += got > 0 ? (size_t)got : 0;
    }
    return TACHO_OK;
}

static tacho_status slurp_open(int file, size_t most, char **out, size_t *length) {
    struct stat found;
    if (fstat(file, &found) < 0) {
        return status_of_errno();
    }
    if (!S_ISREG(found.st_mode)) {
        return TACHO_FOREIGN;
    }
    if ((uint64_t)found.st_size > most) {
        return TACHO_LIMIT;
    }
    *out = tacho__malloc((size_t)found.st_size + 1);
    if (*out == NULL) {
        return TACHO_NOMEM;
    }
    tacho_status status = read_all(file, *out, (size_t)found.st_size, length);
    if (status != TACHO_OK) {
        tacho__free(*out);
        *out = NULL;
    }
    return status;
}

tacho_status tacho__settings_slurp(const char *path, size_t most, char **out, size_t *length) {
    *out = NULL;
    *length = 0;
    /* O_NONBLOCK: a pipe of that name must not hold the host up. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        return status_of_errno();
    }
    tacho_status status = slurp_open(file, most, out, length);
    close(file);
    return status;
}

tacho_status tacho__settings_file_read(const char *path, tacho__settings_visit visit, void *context, char *fault,
                                       size_t fault_size) {
    char *bytes;
    size_t length;
    tacho_status status = tacho__settings_slurp(path, TACHO__SETTINGS_FILE_MAX, &bytes, &length);
    if (status != TACHO_OK) {
        snprintf(fault, fault_size, "%s", tacho_status_text(status));
        return status;
    }
    flattener flat = {.visit = visit, .context = context, .path = TACHO__BUFFER_INIT, .list = TACHO__BUFFER_INIT};
    status = flatten(&flat, bytes, length, fault, fault_size);
    tacho__buffer_free(&flat.path);
    tacho__buffer_free(&flat.list);
    tacho__free(bytes);
    return status;
}
