#include "history/notes.h"

#include "base/memory.h"
#include "base/text.h"
#include "snapshot/notes.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

static void write_components(const tacho_record_view *view, tacho__buffer *out) {
    tacho__msgpack_put_key(out, "components");
    tacho__msgpack_put_map(out, view->component_count);
    for (uint32_t i = 0; i < view->component_count; i++) {
        tacho__msgpack_put_key(out, view->components[i].name ? view->components[i].name : "");
        tacho__msgpack_put_int(out, view->components[i].value);
    }
}

void tacho__notes_write(const tacho_record_view *view, tacho__buffer *out) {
    tacho__buffer_clear(out);
    const uint32_t pairs = (view->component_count > 0 ? 1u : 0u) + (view->metadata_count > 0 ? 1u : 0u) +
                           (view->event_count > 0 ? 1u : 0u) + (view->description ? 1u : 0u);
    if (pairs == 0) {
        return;
    }
    tacho__msgpack_put_map(out, pairs);
    if (view->component_count > 0) {
        write_components(view, out);
    }
    if (view->metadata_count > 0) {
        tacho__msgpack_put_key(out, "metadata");
        tacho__metadata_put(out, view->metadata, view->metadata_count);
    }
    if (view->event_count > 0) {
        tacho__msgpack_put_key(out, "events");
        tacho__events_put(out, view->events, view->event_count);
    }
    if (view->description) {
        tacho__msgpack_put_key(out, "description");
        tacho__msgpack_put_key(out, view->description);
    }
}

static tacho_status make_room(tacho__notes *notes, uint32_t count) {
    if (count <= notes->room) {
        return TACHO_OK;
    }
    tacho_named *grown = tacho__realloc(notes->components, count * sizeof *grown);
    if (!grown) {
        return TACHO_NOMEM;
    }
    notes->components = grown;
    notes->room = count;
    return TACHO_OK;
}

/* Names lie one behind the other in a buffer that may still move: they get their addresses when all are there. */
static void address_names(tacho__notes *notes) {
    const char *name = notes->names.data;
    for (uint32_t i = 0; i < notes->count; i++) {
        notes->components[i].name = name;
        name += strlen(name) + 1;
    }
}

static tacho_status read_components(tacho__notes *notes, const tacho__msgpack *map) {
    tacho__msgpack_walker walker = tacho__msgpack_walk(map);
    tacho__msgpack key, value;
    int64_t ns;
    tacho_status status = make_room(notes, map->count);
    while (status == TACHO_OK && tacho__msgpack_next_pair(&walker, &key, &value)) {
        if (key.type == TACHO__MSGPACK_STR && !memchr(key.bytes, 0, key.length) &&
            tacho__msgpack_as_int(&value, &ns) == TACHO_OK) {
            tacho__buffer_append(&notes->names, key.bytes, key.length);
            tacho__buffer_byte(&notes->names, 0);
            notes->components[notes->count++].value = ns;
            status = tacho__buffer_status(&notes->names);
        }
    }
    if (status == TACHO_OK) {
        address_names(notes);
    }
    return status;
}

static tacho_status read_rest(tacho__notes *notes, const tacho__msgpack *root, tacho_record_view *view) {
    tacho__msgpack value;
    const char *text;
    size_t length;
    bool done = true;
    if (tacho__msgpack_get_map(root, "metadata", &value) == TACHO_OK) {
        done = tacho__metadata_take(&value, &notes->arena, &view->metadata, &view->metadata_count);
    }
    if (done && tacho__msgpack_get_array(root, "events", &value) == TACHO_OK) {
        done = tacho__events_take(&value, &notes->arena, &view->events, &view->event_count);
    }
    if (done && tacho__msgpack_get_str(root, "description", &text, &length) == TACHO_OK) {
        char clean[TACHO__TEXT_CAP + 1];
        view->description = tacho__arena_bytes(&notes->arena, clean, tacho__text_clean(text, length, clean));
        done = view->description != NULL;
    }
    return done ? TACHO_OK : TACHO_NOMEM;
}

tacho_status tacho__notes_read(tacho__notes *notes, const void *bytes, size_t length, tacho_record_view *view) {
    tacho__msgpack root, components;
    tacho__buffer_clear(&notes->names);
    tacho__arena_free(&notes->arena);
    notes->count = 0;
    if (!bytes || tacho__msgpack_check(bytes, length, 0, &root, NULL) != TACHO_OK) {
        return TACHO_OK;
    }
    tacho_status status = TACHO_OK;
    if (tacho__msgpack_get_map(&root, "components", &components) == TACHO_OK) {
        status = read_components(notes, &components);
        view->components = notes->components;
        view->component_count = status == TACHO_OK ? notes->count : 0;
    }
    return status == TACHO_OK ? read_rest(notes, &root, view) : status;
}

void tacho__notes_free(tacho__notes *notes) {
    tacho__free(notes->components);
    tacho__buffer_free(&notes->names);
    tacho__arena_free(&notes->arena);
}
