#include "segment/registry_history.h"

#include "segment/system.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

#include <string.h>
#include <unistd.h>

#define FORMAT     "tachograph-history"
#define VERSION    1
#define MOST_BYTES 8192

tacho_status tacho__registry_history_save(const tacho__registry *registry, const tacho__registry_history *state) {
    tacho__buffer out = {.limit = MOST_BYTES};
    tacho__msgpack_put_map(&out, 5);
    tacho__msgpack_put_key(&out, "format");
    tacho__msgpack_put_key(&out, FORMAT);
    tacho__msgpack_put_key(&out, "version");
    tacho__msgpack_put_uint(&out, VERSION);
    tacho__msgpack_put_key(&out, "path"); /* a path may be no UTF-8 */
    tacho__msgpack_put_bin(&out, state->path, strlen(state->path));
    tacho__msgpack_put_key(&out, "handed_ns");
    tacho__msgpack_put_int(&out, state->handed_ns);
    tacho__msgpack_put_key(&out, "recorded");
    tacho__msgpack_put_uint(&out, state->recorded);
    tacho_status status = tacho__buffer_status(&out);
    if (status == TACHO_OK) {
        status = tacho__registry_write(registry, TACHO__REGISTRY_HISTORY, out.data, out.length);
    }
    tacho__buffer_free(&out);
    return status;
}

static tacho_status parse(const void *bytes, size_t length, tacho__registry_history *out) {
    tacho__msgpack root, format;
    const uint8_t *path;
    size_t path_length;
    uint64_t version;
    if (tacho__msgpack_check(bytes, length, MOST_BYTES, &root, NULL) != TACHO_OK ||
        !tacho__msgpack_get(&root, "format", &format) || !tacho__msgpack_is(&format, FORMAT) ||
        tacho__msgpack_get_uint(&root, "version", &version) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    if (version > VERSION) {
        return TACHO_NEWER;
    }
    if (tacho__msgpack_get_bin(&root, "path", &path, &path_length) != TACHO_OK || path_length == 0 ||
        path_length >= sizeof out->path || memchr(path, 0, path_length) ||
        tacho__msgpack_get_int(&root, "handed_ns", &out->handed_ns) != TACHO_OK ||
        tacho__msgpack_get_uint(&root, "recorded", &out->recorded) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    memcpy(out->path, path, path_length);
    out->path[path_length] = 0;
    return TACHO_OK;
}

tacho_status tacho__registry_history_load(const tacho__registry *registry, tacho__registry_history *out) {
    tacho__registry_file file;
    uint8_t bytes[MOST_BYTES];
    *out = (tacho__registry_history){.handed_ns = 0};
    const tacho_status status = tacho__registry_find(registry, TACHO__REGISTRY_HISTORY, &file);
    if (status != TACHO_OK) {
        return status;
    }
    const ssize_t length = tacho__system_calls.read_at(file.file, bytes, sizeof bytes, 0);
    close(file.file);
    return length < 0 ? TACHO_IO : parse(bytes, (size_t)length, out);
}
