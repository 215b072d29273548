/**
 * The core's structs as Python values, by the field tables that JSON and CSV walk too: no field is named here.
 * Unknown becomes None, durations float seconds, money Decimal, times aware datetimes in UTC.
 */
#include "core.h"
#include <math.h>
#include <string.h>

/* The pointer stands at the offset; the count follows it. */
static PyObject *named_dict(const char *at, int seconds) {
    const tacho_named *pairs;
    uint32_t count;
    memcpy(&pairs, at, sizeof(pairs));
    memcpy(&count, at + sizeof(pairs), sizeof(count));
    PyObject *dict = PyDict_New();
    for (uint32_t i = 0; dict != NULL && i < count; i++) {
        PyObject *name = core_string(pairs[i].name);
        PyObject *value = seconds ? core_seconds(pairs[i].value) : PyLong_FromLongLong(pairs[i].value);
        if (name == NULL || value == NULL || PyDict_SetItem(dict, name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return dict;
}

/* name -> text or None */
static PyObject *tags_dict(const char *at) {
    const tacho_tag *tags;
    uint32_t count;
    memcpy(&tags, at, sizeof(tags));
    memcpy(&count, at + sizeof(tags), sizeof(count));
    PyObject *dict = PyDict_New();
    for (uint32_t i = 0; dict != NULL && i < count; i++) {
        PyObject *name = core_string(tags[i].name), *value = core_string(tags[i].value);
        if (name == NULL || value == NULL || PyDict_SetItem(dict, name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return dict;
}

static int64_t integer_at(const char *at) {
    int64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static PyObject *count_at(const char *at) {
    int64_t value = integer_at(at);
    return value < 0 ? core_none() : PyLong_FromLongLong(value);
}

static PyObject *millis_at(const char *at) {
    int64_t value = integer_at(at);
    return value < 0 ? core_none() : PyFloat_FromDouble((double)value / 1000.0);
}

static PyObject *ratio_at(const char *at) {
    double value;
    memcpy(&value, at, sizeof(value));
    return isnan(value) ? core_none() : PyFloat_FromDouble(value);
}

static PyObject *text_at(const char *at) {
    const char *text;
    memcpy(&text, at, sizeof(text));
    return core_string(text);
}

static PyObject *state_at(const char *at) {
    int32_t state;
    memcpy(&state, at, sizeof(state));
    return core_string(tacho_cost_state_name((uint32_t)state));
}

/* A figure of a custom metric: whole numbers of bytes and tokens as int, everything else as float. */
static PyObject *scaled_at(const char *at, const char *base) {
    int64_t value = integer_at(at);
    uint32_t digits;
    memcpy(&digits, base + sizeof(digits), sizeof(digits));
    if (value == TACHO_VALUE_UNKNOWN) {
        return core_none();
    }
    return digits == 0 ? PyLong_FromLongLong(value) : PyFloat_FromDouble((double)value / (digits == 9 ? 1e9 : 1e6));
}

static PyObject *note_value(const tacho_note *note) {
    switch (note->type) {
    case TACHO_NOTE_TEXT:
        return core_string(note->text);
    case TACHO_NOTE_INTEGER:
        return PyLong_FromLongLong(note->integer);
    case TACHO_NOTE_NUMBER:
        return PyFloat_FromDouble(note->number);
    case TACHO_NOTE_BOOLEAN:
        return PyBool_FromLong(note->integer != 0);
    default:
        return core_none();
    }
}

static PyObject *notes_dict(const tacho_note *notes, uint32_t count) {
    PyObject *dict = PyDict_New();
    for (uint32_t i = 0; dict != NULL && i < count; i++) {
        PyObject *name = core_string(notes[i].name);
        PyObject *value = note_value(&notes[i]);
        if (name == NULL || value == NULL || PyDict_SetItem(dict, name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *metadata_at(const char *at) {
    const tacho_note *notes;
    uint32_t count;
    memcpy(&notes, at, sizeof(notes));
    memcpy(&count, at + sizeof(notes), sizeof(count));
    return notes_dict(notes, count);
}

static PyObject *events_at(core_state *state, const char *at) {
    const tacho_event *events;
    uint32_t count;
    memcpy(&events, at, sizeof(events));
    memcpy(&count, at + sizeof(events), sizeof(count));
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        PyObject *when = core_instant(state, events[i].at_ns);
        PyObject *fields = notes_dict(events[i].fields, events[i].field_count);
        PyObject *event = when == NULL || fields == NULL
                              ? NULL
                              : Py_BuildValue("{s:s,s:O,s:O}", "name", events[i].name, "at", when, "fields", fields);
        Py_XDECREF(when);
        Py_XDECREF(fields);
        if (event == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, event);
        }
    }
    return list;
}

static PyObject *value_of(core_state *state, const tacho_field *field, const char *base, int times) {
    const char *at = base + field->offset;
    switch ((tacho_field_type)field->type) {
    case TACHO_FIELD_TEXT:
        return text_at(at);
    case TACHO_FIELD_COUNT:
        return count_at(at);
    case TACHO_FIELD_SECONDS:
        return core_seconds(integer_at(at));
    case TACHO_FIELD_USD:
        return core_money(state, integer_at(at));
    case TACHO_FIELD_RATIO:
        return ratio_at(at);
    case TACHO_FIELD_TIME:
        return core_instant(state, integer_at(at));
    case TACHO_FIELD_STATE:
        return state_at(at);
    case TACHO_FIELD_MILLIS:
        return millis_at(at);
    case TACHO_FIELD_NAMED:
        return named_dict(at, times);
    case TACHO_FIELD_SCALED:
        return scaled_at(at, base);
    case TACHO_FIELD_TAGS:
        return tags_dict(at);
    case TACHO_FIELD_NOTES:
        return metadata_at(at);
    case TACHO_FIELD_EVENTS:
        return events_at(state, at);
    }
    return core_none();
}

PyObject *core_fields_values(core_state *state, const tacho_field *fields, size_t count, const void *base, int times) {
    PyObject *values = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; values != NULL && i < count; i++) {
        PyObject *value = value_of(state, &fields[i], base, times);
        if (value == NULL) {
            Py_CLEAR(values);
        } else {
            PyTuple_SET_ITEM(values, (Py_ssize_t)i, value);
        }
    }
    return values;
}

static const char *type_word(uint16_t type) {
    static const char *const words[] = {"text",  "count",   "seconds", "usd",  "ratio", "time",  "state",
                                        "named", "seconds", "number",  "tags", "notes", "events"};
    return type < sizeof(words) / sizeof(words[0]) ? words[type] : "?";
}

PyObject *core_fields_describe(const tacho_field *fields, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *entry = Py_BuildValue("(sss)", fields[i].name, type_word(fields[i].type), fields[i].help);
        if (entry == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, entry);
        }
    }
    return list;
}
