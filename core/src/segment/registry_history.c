#include "segment/registry_history.h"

#include "base/memory.h"
#include "segment/system.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT        "tachograph-history"
#define VERSION       1
#define MOST_BYTES    ((size_t)4 << 20)
#define MOST_SEGMENTS 4096u
#define FIELDS        5 /* of a segment */

/* -------------------------------------------------------------------------------------------------------- writing */

static void put_lanes(tacho__buffer *out, const tacho__handed_segment *segment) {
    uint32_t used = 0;
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        used += segment->lanes[lane] != 0;
    }
    tacho__msgpack_put_array(out, 2 * used);
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        if (segment->lanes[lane] != 0) {
            tacho__msgpack_put_uint(out, lane);
            tacho__msgpack_put_uint(out, segment->lanes[lane]);
        }
    }
}

static void put_segments(tacho__buffer *out, const tacho__handed *handed) {
    const uint32_t count = handed->count < MOST_SEGMENTS ? (uint32_t)handed->count : MOST_SEGMENTS;
    tacho__msgpack_put_array(out, count);
    for (uint32_t i = 0; i < count; ++i) {
        const tacho__handed_segment *segment = &handed->segments[i];
        tacho__msgpack_put_array(out, FIELDS);
        tacho__msgpack_put_bin(out, segment->id, sizeof segment->id);
        tacho__msgpack_put_uint(out, segment->generation);
        tacho__msgpack_put_uint(out, segment->recorded);
        tacho__msgpack_put_bool(out, segment->is_over);
        put_lanes(out, segment);
    }
}

static void put(tacho__buffer *out, const char *path, const tacho__handed *handed) {
    tacho__msgpack_put_map(out, 8);
    tacho__msgpack_put_key(out, "format");
    tacho__msgpack_put_key(out, FORMAT);
    tacho__msgpack_put_key(out, "version");
    tacho__msgpack_put_uint(out, VERSION);
    tacho__msgpack_put_key(out, "path"); /* a path may be no UTF-8 */
    tacho__msgpack_put_bin(out, path, strlen(path));
    tacho__msgpack_put_key(out, "one");
    tacho__msgpack_put_str(out, handed->one, strlen(handed->one));
    tacho__msgpack_put_key(out, "base");
    tacho__msgpack_put_bin(out, handed->base, sizeof handed->base);
    tacho__msgpack_put_key(out, "base_recorded");
    tacho__msgpack_put_uint(out, handed->base_recorded);
    tacho__msgpack_put_key(out, "base_last");
    tacho__msgpack_put_uint(out, handed->base_last);
    tacho__msgpack_put_key(out, "segments");
    put_segments(out, handed);
}

tacho_status tacho__registry_history_save(const tacho__registry *registry, const char *path,
                                          const tacho__handed *handed) {
    tacho__buffer out = {.limit = MOST_BYTES};
    put(&out, path, handed);
    tacho_status status = tacho__buffer_status(&out);
    if (status == TACHO_OK) {
        status = tacho__registry_write(registry, TACHO__REGISTRY_HISTORY, out.data, out.length);
    }
    tacho__buffer_free(&out);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- reading */

static bool next_uint(tacho__msgpack_walker *walker, uint64_t *out) {
    tacho__msgpack value;
    return tacho__msgpack_next(walker, &value) && tacho__msgpack_as_uint(&value, out) == TACHO_OK;
}

static bool next_array(tacho__msgpack_walker *walker, tacho__msgpack *out) {
    return tacho__msgpack_next(walker, out) && out->type == TACHO__MSGPACK_ARRAY;
}

static bool read_lanes(const tacho__msgpack *array, tacho__handed_segment *out) {
    tacho__msgpack_walker walker = tacho__msgpack_walk(array);
    uint64_t lane, sequence;
    for (uint32_t i = 0; i + 1 < array->count; i += 2) {
        if (!next_uint(&walker, &lane) || lane >= TACHO__LANES || !next_uint(&walker, &sequence)) {
            return false;
        }
        out->lanes[lane] = sequence;
    }
    return true;
}

static bool read_segment(const tacho__msgpack *array, tacho__handed_segment *out) {
    tacho__msgpack_walker walker = tacho__msgpack_walk(array);
    tacho__msgpack id, over, lanes;
    memset(out, 0, sizeof *out);
    if (array->type != TACHO__MSGPACK_ARRAY || !tacho__msgpack_next(&walker, &id) || id.type != TACHO__MSGPACK_BIN ||
        id.length != sizeof out->id || !next_uint(&walker, &out->generation) || !next_uint(&walker, &out->recorded) ||
        !tacho__msgpack_next(&walker, &over) || over.type != TACHO__MSGPACK_BOOL || !next_array(&walker, &lanes)) {
        return false;
    }
    memcpy(out->id, id.bytes, sizeof out->id);
    out->is_over = over.as.boolean;
    return read_lanes(&lanes, out);
}

static tacho_status read_segments(const tacho__msgpack *root, tacho__handed *out) {
    tacho__msgpack array, one;
    if (tacho__msgpack_get_array(root, "segments", &array) != TACHO_OK || array.count > MOST_SEGMENTS) {
        return TACHO_DAMAGED;
    }
    out->segments = tacho__calloc(array.count + 1u, sizeof *out->segments);
    if (!out->segments) {
        return TACHO_NOMEM;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(&array);
    while (tacho__msgpack_next(&walker, &one)) {
        if (!read_segment(&one, &out->segments[out->count++])) {
            return TACHO_DAMAGED;
        }
    }
    return TACHO_OK;
}

static tacho_status read_handed(const tacho__msgpack *root, tacho__handed *out) {
    const uint8_t *base;
    const char *one;
    size_t length, one_length;
    if (tacho__msgpack_get_bin(root, "base", &base, &length) != TACHO_OK || length != sizeof out->base ||
        tacho__msgpack_get_str(root, "one", &one, &one_length) != TACHO_OK || one_length >= sizeof out->one ||
        tacho__msgpack_get_uint(root, "base_recorded", &out->base_recorded) != TACHO_OK ||
        tacho__msgpack_get_uint(root, "base_last", &out->base_last) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    memcpy(out->base, base, length);
    memcpy(out->one, one, one_length);
    return read_segments(root, out);
}

static tacho_status read_path(const tacho__msgpack *root, char path[TACHO__HISTORY_PATH]) {
    const uint8_t *bytes;
    size_t length;
    if (tacho__msgpack_get_bin(root, "path", &bytes, &length) != TACHO_OK || length == 0 ||
        length >= TACHO__HISTORY_PATH || memchr(bytes, 0, length)) {
        return TACHO_DAMAGED;
    }
    memcpy(path, bytes, length);
    path[length] = 0;
    return TACHO_OK;
}

static tacho_status parse(const void *bytes, size_t length, char path[TACHO__HISTORY_PATH], tacho__handed *handed) {
    tacho__msgpack root, format;
    uint64_t version;
    if (tacho__msgpack_check(bytes, length, MOST_BYTES, &root, NULL) != TACHO_OK ||
        !tacho__msgpack_get(&root, "format", &format) || !tacho__msgpack_is(&format, FORMAT) ||
        tacho__msgpack_get_uint(&root, "version", &version) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    if (version > VERSION) {
        return TACHO_NEWER;
    }
    tacho_status status = read_path(&root, path);
    if (status == TACHO_OK && handed) {
        status = read_handed(&root, handed);
    }
    return status;
}

/* The whole file; it is replaced and never changed. Freed by the caller. */
static tacho_status read_file(int file, uint8_t **out, size_t *length) {
    struct stat about;
    *out = NULL;
    if (fstat(file, &about) != 0 || about.st_size < 0) {
        return TACHO_IO;
    }
    if ((uint64_t)about.st_size > MOST_BYTES) {
        return TACHO_DAMAGED;
    }
    *length = (size_t)about.st_size;
    *out = tacho__malloc(*length + 1);
    if (!*out) {
        return TACHO_NOMEM;
    }
    return tacho__system_calls.read_at(file, *out, *length, 0) == (ssize_t)*length ? TACHO_OK : TACHO_IO;
}

tacho_status tacho__registry_history_load(const tacho__registry *registry, char path[TACHO__HISTORY_PATH],
                                          tacho__handed *handed) {
    tacho__registry_file file;
    uint8_t *bytes;
    size_t length = 0;
    path[0] = 0;
    if (handed) {
        *handed = (tacho__handed){.count = 0};
    }
    tacho_status status = tacho__registry_find(registry, TACHO__REGISTRY_HISTORY, &file);
    if (status != TACHO_OK) {
        return status;
    }
    status = read_file(file.file, &bytes, &length);
    close(file.file);
    if (status == TACHO_OK) {
        status = parse(bytes, length, path, handed);
    }
    tacho__free(bytes);
    if (status != TACHO_OK) {
        path[0] = 0;
        if (handed) {
            tacho__handed_free(handed);
        }
    }
    return status;
}
