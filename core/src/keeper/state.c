/* The file `state` of a registry (core/FORMAT.md 4). */
#include "keeper/windows.h"

#include "base/memory.h"
#include "segment/registry.h"
#include "segment/system.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

#include <errno.h>
#include <unistd.h>

#define FORMAT     "tachograph-state"
#define VERSION    1
#define MOST_BYTES (UINT64_C(16) << 20)

tacho_status tacho__state_save(const tacho__registry *registry, const tacho__ladder *ladder) {
    tacho__buffer out = {.limit = MOST_BYTES};
    tacho__msgpack_put_map(&out, 3);
    tacho__msgpack_put_key(&out, "format");
    tacho__msgpack_put_key(&out, FORMAT);
    tacho__msgpack_put_key(&out, "version");
    tacho__msgpack_put_uint(&out, VERSION);
    tacho__msgpack_put_key(&out, "windows");
    tacho__ladder_put(&out, ladder);
    tacho_status status = tacho__buffer_status(&out);
    if (status == TACHO_OK) {
        status = tacho__registry_write(registry, TACHO__REGISTRY_STATE, out.data, out.length);
    }
    tacho__buffer_free(&out);
    return status;
}

static tacho_status read_all(int file, void *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        const ssize_t n = tacho__system_calls.read_at(file, (char *)bytes + done, length - done, (off_t)done);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return n == 0 ? TACHO_DAMAGED : TACHO_IO;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return TACHO_OK;
}

static tacho_status parse(const void *bytes, size_t length, tacho__ladder **out) {
    tacho__msgpack root, windows, format;
    uint64_t version;
    if (tacho__msgpack_check(bytes, length, MOST_BYTES, &root, NULL) != TACHO_OK ||
        !tacho__msgpack_get(&root, "format", &format) || !tacho__msgpack_is(&format, FORMAT) ||
        tacho__msgpack_get_uint(&root, "version", &version) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    if (version > VERSION) {
        return TACHO_NEWER;
    }
    return tacho__msgpack_get_map(&root, "windows", &windows) == TACHO_OK ? tacho__ladder_get(&windows, out)
                                                                          : TACHO_NOT_FOUND;
}

tacho_status tacho__state_load(const tacho__registry *registry, tacho__ladder **out) {
    *out = NULL;
    tacho__registry_file file;
    tacho_status status = tacho__registry_find(registry, TACHO__REGISTRY_STATE, &file);
    if (status != TACHO_OK) {
        return status;
    }
    void *bytes = file.bytes > 0 && file.bytes <= MOST_BYTES ? tacho__malloc(file.bytes) : NULL;
    status = bytes ? read_all(file.file, bytes, file.bytes) : TACHO_DAMAGED;
    close(file.file);
    if (status == TACHO_OK) {
        status = parse(bytes, file.bytes, out);
    }
    tacho__free(bytes);
    return status;
}
