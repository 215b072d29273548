#include "segment/glance.h"

#include "base/memory.h"
#include "segment/system.h"
#include "segment/view.h"

#include <string.h>
#include <unistd.h>

static void glance(const tacho__header *header, const tacho__lane_header *lanes, tacho__glance *out) {
    memcpy(out->id, header->id, sizeof out->id);
    out->generation = header->generation;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const uint32_t capacity = tacho__get_half(&lanes[i].ring_capacity);
        out->records[i] = tacho__get(&lanes[i].records);
        out->capacity[i] = capacity <= TACHO__RING_RECORDS ? (uint16_t)capacity : 0;
    }
}

void tacho__glance_live(const tacho__segment *segment, tacho__glance *out) {
    glance(segment->header, segment->lanes, out);
}

static bool read_part(int file, void *to, size_t bytes, uint64_t from) {
    return tacho__system_calls.read_at(file, to, bytes, (off_t)from) == (ssize_t)bytes;
}

static bool glance_file(int file, tacho__header *header, tacho__lane_header *lanes, tacho__glance *out) {
    const tacho__region *region = &header->regions[TACHO__REGION_LANES];
    if (!read_part(file, header, sizeof *header, 0) || tacho__view_check(header, sizeof *header) != TACHO_OK ||
        region->count != TACHO__LANES || region->stride != sizeof *lanes ||
        !read_part(file, lanes, TACHO__LANES * sizeof *lanes, (uint64_t)region->first * TACHO__LINE)) {
        return false;
    }
    glance(header, lanes, out);
    return true;
}

static bool glance_one(const tacho__registry *registry, const uint8_t id[16], uint8_t *scratch, tacho__glance *out) {
    char name[TACHO__REGISTRY_NAME];
    tacho__registry_file file;
    tacho__registry_name(id, name);
    if (tacho__registry_find(registry, name, &file) != TACHO_OK) {
        return false;
    }
    const bool seen =
        glance_file(file.file, (tacho__header *)scratch, (tacho__lane_header *)(scratch + sizeof(tacho__header)), out);
    close(file.file);
    return seen;
}

tacho_status tacho__glance_registry(const tacho__registry *registry, const uint8_t *without, tacho__glance **out,
                                    size_t *count) {
    uint8_t(*ids)[16] = NULL;
    size_t listed = 0;
    *out = NULL;
    *count = 0;
    tacho_status status = tacho__registry_list(registry, &ids, &listed);
    uint8_t *scratch = tacho__malloc(sizeof(tacho__header) + TACHO__LANES * sizeof(tacho__lane_header));
    if (status == TACHO_OK) {
        *out = tacho__calloc(listed + 1, sizeof **out);
        status = *out && scratch ? TACHO_OK : TACHO_NOMEM;
    }
    for (size_t i = 0; i < listed && status == TACHO_OK; ++i) {
        const bool wanted = !without || memcmp(ids[i], without, 16) != 0;
        *count += wanted && glance_one(registry, ids[i], scratch, &(*out)[*count]);
    }
    tacho__free(scratch);
    tacho__free(ids);
    if (status != TACHO_OK) {
        tacho__free(*out);
        *out = NULL;
    }
    return status;
}
