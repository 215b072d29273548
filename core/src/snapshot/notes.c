#include "snapshot/notes.h"

#include "base/text.h"
#include "wire/msgpack_writer.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------------------- writing */

static void put_text(tacho__buffer *out, const char *text) {
    tacho__msgpack_put_str(out, text ? text : "", text ? strlen(text) : 0);
}

static void put_value(tacho__buffer *out, const tacho_note *note) {
    switch (note->type) {
    case TACHO_NOTE_TEXT:
        put_text(out, note->text);
        break;
    case TACHO_NOTE_INTEGER:
        tacho__msgpack_put_int(out, note->integer);
        break;
    case TACHO_NOTE_NUMBER:
        tacho__msgpack_put_double(out, note->number);
        break;
    case TACHO_NOTE_BOOLEAN:
        tacho__msgpack_put_bool(out, note->integer != 0);
        break;
    default:
        tacho__msgpack_put_nil(out);
        break;
    }
}

void tacho__metadata_put(tacho__buffer *out, const tacho_note *notes, uint32_t count) {
    tacho__msgpack_put_map(out, notes ? count : 0);
    for (uint32_t i = 0; notes && i < count; i++) {
        put_text(out, notes[i].name);
        put_value(out, &notes[i]);
    }
}

void tacho__events_put(tacho__buffer *out, const tacho_event *events, uint32_t count) {
    tacho__msgpack_put_array(out, events ? count : 0);
    for (uint32_t i = 0; events && i < count; i++) {
        tacho__msgpack_put_array(out, 3);
        tacho__msgpack_put_int(out, events[i].at_ns);
        put_text(out, events[i].name);
        tacho__metadata_put(out, events[i].fields, events[i].field_count);
    }
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static const char *take_text(const tacho__msgpack *value, tacho__arena *arena) {
    char clean[TACHO__TEXT_CAP + 1];
    if (value->type != TACHO__MSGPACK_STR) {
        return NULL;
    }
    return tacho__arena_bytes(arena, clean, tacho__text_clean((const char *)value->bytes, value->length, clean));
}

/* False for a value of a type that notes do not have. */
static bool take_value(const tacho__msgpack *value, tacho__arena *arena, tacho_note *note) {
    switch (value->type) {
    case TACHO__MSGPACK_NIL:
        note->type = TACHO_NOTE_NONE;
        return true;
    case TACHO__MSGPACK_BOOL:
        note->type = TACHO_NOTE_BOOLEAN;
        note->integer = value->as.boolean;
        return true;
    case TACHO__MSGPACK_UINT:
    case TACHO__MSGPACK_INT:
        note->type = TACHO_NOTE_INTEGER;
        return tacho__msgpack_as_int(value, &note->integer) == TACHO_OK;
    case TACHO__MSGPACK_DOUBLE:
        note->type = TACHO_NOTE_NUMBER;
        note->number = value->as.number;
        return true;
    case TACHO__MSGPACK_STR:
        note->type = TACHO_NOTE_TEXT;
        note->text = take_text(value, arena);
        return note->text != NULL;
    default:
        return false;
    }
}

void tacho__metadata_append(const tacho__msgpack *map, tacho__arena *arena, tacho_note *notes, uint32_t *count) {
    tacho__msgpack key, value;
    tacho__msgpack_walker walker = tacho__msgpack_walk(map);
    while (map->type == TACHO__MSGPACK_MAP && tacho__msgpack_next_pair(&walker, &key, &value)) {
        tacho_note note = {.name = take_text(&key, arena)};
        if (note.name && *note.name && take_value(&value, arena, &note)) {
            notes[(*count)++] = note;
        }
    }
}

void tacho__metadata_settle(tacho_note *notes, uint32_t *count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) { /* insertion: there are few, and the last of equals has to win */
        const tacho_note note = notes[i];
        uint32_t at = kept;
        while (at > 0 && strcmp(notes[at - 1].name, note.name) > 0) {
            at--;
        }
        if (at > 0 && strcmp(notes[at - 1].name, note.name) == 0) {
            notes[at - 1] = note;
            continue;
        }
        memmove(&notes[at + 1], &notes[at], (kept - at) * sizeof *notes);
        notes[at] = note;
        kept++;
    }
    *count = kept;
}

bool tacho__metadata_take(const tacho__msgpack *map, tacho__arena *arena, const tacho_note **notes, uint32_t *count) {
    *count = 0;
    *notes = NULL;
    if (map->type != TACHO__MSGPACK_MAP || map->count == 0) {
        return true;
    }
    tacho_note *list = tacho__arena_array(arena, map->count, sizeof *list);
    if (list) {
        tacho__metadata_append(map, arena, list, count);
        *notes = *count > 0 ? list : NULL;
    }
    return !arena->failed;
}

bool tacho__event_take(const tacho__msgpack *value, tacho__arena *arena, tacho_event *out) {
    tacho__msgpack at, name, fields;
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    *out = (tacho_event){0};
    if (value->type != TACHO__MSGPACK_ARRAY || value->count != 3 || !tacho__msgpack_next(&walker, &at) ||
        !tacho__msgpack_next(&walker, &name) || !tacho__msgpack_next(&walker, &fields) ||
        tacho__msgpack_as_int(&at, &out->at_ns) != TACHO_OK) {
        return false;
    }
    out->name = take_text(&name, arena);
    return out->name && tacho__metadata_take(&fields, arena, &out->fields, &out->field_count);
}

static int by_time(const void *left, const void *right) {
    const tacho_event *a = left, *b = right;
    const int order = (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
    return order != 0 ? order : strcmp(a->name, b->name);
}

void tacho__events_settle(tacho_event *events, uint32_t count) {
    if (count > 1) {
        qsort(events, count, sizeof *events, by_time);
    }
}

bool tacho__events_take(const tacho__msgpack *array, tacho__arena *arena, const tacho_event **events, uint32_t *count) {
    *count = 0;
    *events = NULL;
    if (array->type != TACHO__MSGPACK_ARRAY || array->count == 0) {
        return true;
    }
    tacho_event *list = tacho__arena_array(arena, array->count, sizeof *list);
    tacho__msgpack_walker walker = tacho__msgpack_walk(array);
    tacho__msgpack one;
    while (list && tacho__msgpack_next(&walker, &one)) {
        *count += tacho__event_take(&one, arena, &list[*count]);
    }
    *events = *count > 0 ? list : NULL;
    return !arena->failed;
}

static const tacho_note *copy_notes(tacho__arena *arena, const tacho_note *notes, uint32_t count) {
    tacho_note *copy = count > 0 ? tacho__arena_array(arena, count, sizeof *copy) : NULL;
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i] = notes[i];
        copy[i].name = tacho__arena_text(arena, notes[i].name);
        copy[i].text = tacho__arena_text(arena, notes[i].text);
    }
    return copy;
}

void tacho__notes_copy(tacho__arena *arena, tacho_record_view *record) {
    record->metadata = copy_notes(arena, record->metadata, record->metadata_count);
    const tacho_event *events = record->events;
    tacho_event *copy = record->event_count > 0 ? tacho__arena_array(arena, record->event_count, sizeof *copy) : NULL;
    for (uint32_t i = 0; copy && i < record->event_count; i++) {
        copy[i] = events[i];
        copy[i].name = tacho__arena_text(arena, events[i].name);
        copy[i].fields = copy_notes(arena, events[i].fields, events[i].field_count);
    }
    record->events = copy;
}
