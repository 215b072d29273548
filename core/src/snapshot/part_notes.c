#include "snapshot/part_notes.h"

#include "base/text.h"
#include "snapshot/notes.h"
#include "wire/msgpack_reader.h"

#include <string.h>

/* How much there is of each sort. */
typedef struct totals {
    uint32_t notes, events, components;
} totals;

/* The next note of a record that can be read; false: there are no more. */
static bool next_note(const tacho__view *view, uint64_t id, uint32_t *index, uint32_t *sort, tacho__msgpack *value) {
    tacho__note_view note;
    while (tacho__view_note(view, id, (*index)++, &note)) {
        *sort = note.sort;
        if (tacho__msgpack_check(note.bytes, note.length, 0, value, NULL) == TACHO_OK) {
            return true;
        }
    }
    return false;
}

static void count_note(uint32_t sort, const tacho__msgpack *value, totals *out) {
    out->notes += sort == TACHO__NOTE_METADATA && value->type == TACHO__MSGPACK_MAP ? value->count : 0;
    out->events += sort == TACHO__NOTE_EVENT;
    out->components += sort == TACHO__NOTE_COMPONENT;
}

static const char *take_text(const tacho__msgpack *value, tacho__arena *arena) {
    char clean[TACHO__TEXT_CAP + 1];
    return value->type == TACHO__MSGPACK_STR
               ? tacho__arena_bytes(arena, clean, tacho__text_clean((const char *)value->bytes, value->length, clean))
               : NULL;
}

static void take_component(const tacho__msgpack *value, tacho__arena *arena, tacho_named *list, uint32_t *count) {
    tacho__msgpack name, ns;
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    tacho_named one = {NULL, 0};
    if (value->type == TACHO__MSGPACK_ARRAY && tacho__msgpack_next(&walker, &name) &&
        tacho__msgpack_next(&walker, &ns) && tacho__msgpack_as_int(&ns, &one.value) == TACHO_OK) {
        one.name = take_text(&name, arena);
    }
    if (one.name && one.value >= 0) {
        list[(*count)++] = one;
    }
}

/* Room for what there is; the components of the record itself first. */
static bool make_room(const totals *all, tacho__arena *arena, tacho_record_view *to, tacho_note **notes,
                      tacho_event **events, tacho_named **components) {
    *notes = tacho__arena_array(arena, all->notes + 1u, sizeof **notes);
    *events = tacho__arena_array(arena, all->events + 1u, sizeof **events);
    *components = tacho__arena_array(arena, to->component_count + all->components + 1u, sizeof **components);
    if (!*notes || !*events || !*components) {
        return false;
    }
    if (to->component_count > 0) {
        memcpy(*components, to->components, to->component_count * sizeof **components);
    }
    return true;
}

static void take_all(const tacho__view *view, uint64_t id, tacho__arena *arena, tacho_record_view *to,
                     tacho_note *notes, tacho_event *events, tacho_named *components) {
    tacho__msgpack value;
    uint32_t sort, index = 0;
    while (next_note(view, id, &index, &sort, &value)) {
        switch (sort) {
        case TACHO__NOTE_METADATA:
            tacho__metadata_append(&value, arena, notes, &to->metadata_count);
            break;
        case TACHO__NOTE_EVENT:
            if (tacho__event_take(&value, arena, &events[to->event_count])) {
                events[to->event_count].at_ns = tacho__view_wall(view, events[to->event_count].at_ns);
                to->event_count++;
            }
            break;
        case TACHO__NOTE_COMPONENT:
            take_component(&value, arena, components, &to->component_count);
            break;
        case TACHO__NOTE_DESCRIPTION:
            to->description = take_text(&value, arena);
            break;
        default:
            break;
        }
    }
}

void tacho__part_take_notes(const tacho__view *view, const tacho__record_view *from, tacho__arena *arena,
                            tacho_record_view *to) {
    totals all = {0, 0, 0};
    tacho__msgpack value;
    uint32_t sort, index = 0;
    tacho_note *notes;
    tacho_event *events;
    tacho_named *components;
    while (next_note(view, from->id, &index, &sort, &value)) {
        count_note(sort, &value, &all);
    }
    if (index == 1 || !make_room(&all, arena, to, &notes, &events, &components)) {
        return;
    }
    take_all(view, from->id, arena, to, notes, events, components);
    tacho__metadata_settle(notes, &to->metadata_count);
    tacho__events_settle(events, to->event_count);
    to->metadata = to->metadata_count > 0 ? notes : NULL;
    to->events = to->event_count > 0 ? events : NULL;
    to->components = to->component_count > 0 ? components : NULL;
}
