/**
 * Metadata and events: mappings of the program as notes of the core. Texts, numbers, truth and None stay what they are,
 * anything else is told as str() tells it. What cannot be read is left out.
 */
#include "core.h"

#define NOTES 32

typedef struct notes {
    tacho_note note[NOTES];
    core_text names[NOTES], values[NOTES];
    uint32_t count;
} notes;

static void notes_done(notes *all) {
    for (uint32_t i = 0; i < all->count; i++) {
        core_text_done(&all->names[i]);
        core_text_done(&all->values[i]);
    }
}

/* What str() says; its exceptions are the program's: dropped, but KeyboardInterrupt and its like stay set. */
static core_text text_of_any(PyObject *value) {
    if (PyUnicode_Check(value)) {
        return core_text_of(value);
    }
    PyObject *text = PyObject_Str(value);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
    }
    core_text result = text == NULL ? (core_text){NULL, NULL} : core_text_of(text);
    Py_XDECREF(text);
    return result;
}

static void read_value(PyObject *value, tacho_note *note, core_text *text) {
    int over = 0;
    if (value == Py_None) {
        note->type = TACHO_NOTE_NONE;
        return;
    }
    if (PyBool_Check(value)) {
        note->type = TACHO_NOTE_BOOLEAN;
        note->integer = value == Py_True;
        return;
    }
    if (PyFloat_CheckExact(value)) {
        note->type = TACHO_NOTE_NUMBER;
        note->number = PyFloat_AS_DOUBLE(value);
        return;
    }
    if (PyLong_CheckExact(value)) {
        note->type = TACHO_NOTE_INTEGER;
        note->integer = PyLong_AsLongLongAndOverflow(value, &over);
        if (!over) {
            return;
        }
    }
    *text = text_of_any(value);
    note->type = text->bytes == NULL ? TACHO_NOTE_NONE : TACHO_NOTE_TEXT;
    note->text = text->bytes;
}

static void read_dict(PyObject *dict, notes *out) {
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (out->count < NOTES && PyDict_Next(dict, &at, &name, &value)) {
        core_text text = core_text_of(name);
        if (text.bytes == NULL || text.bytes[0] == '\0') {
            core_text_done(&text);
            continue;
        }
        const uint32_t i = out->count++;
        out->names[i] = text;
        out->values[i] = (core_text){NULL, NULL};
        out->note[i] = (tacho_note){.name = text.bytes};
        read_value(value, &out->note[i], &out->values[i]);
    }
}

/* Any mapping as a dict that nobody else changes meanwhile; NULL: it is none. */
static PyObject *dict_of(PyObject *mapping) {
    PyObject *dict = PyDict_Check(mapping) ? PyDict_Copy(mapping)
                                           : PyObject_CallFunctionObjArgs((PyObject *)&PyDict_Type, mapping, NULL);
    if (dict == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
    }
    return dict;
}

tacho_status core_metadata_add(core_operation *op, PyObject *mapping) {
    PyObject *dict = dict_of(mapping);
    notes all = {.count = 0};
    if (dict == NULL) {
        return TACHO_INVALID;
    }
    read_dict(dict, &all);
    tacho_status status = tacho_operation_metadata(&op->op, all.note, all.count);
    notes_done(&all);
    Py_DECREF(dict);
    return status;
}

int core_metadata_record(core_collector *collector, core_series *series, PyObject *mapping, tacho_finished *finished,
                         tacho_status *status) {
    PyObject *dict = mapping == NULL ? NULL : dict_of(mapping);
    notes all = {.count = 0};
    if (mapping != NULL && dict == NULL && core_leave_out(collector, "metadata", TACHO_INVALID) < 0) {
        return -1;
    }
    if (series->notes != NULL) { /* first: of equal names the last one counts */
        read_dict(series->notes, &all);
    }
    if (dict != NULL) {
        read_dict(dict, &all);
    }
    finished->metadata = all.note;
    finished->metadata_count = all.count;
    *status = PyErr_Occurred() ? TACHO_OK : tacho_record(series->handle, finished);
    notes_done(&all);
    Py_XDECREF(dict);
    return PyErr_Occurred() ? -1 : 0;
}

PyObject *core_operation_event(core_operation *op, PyObject *args, PyObject *kwargs) {
    PyObject *name;
    notes all = {.count = 0};
    if (!PyArg_UnpackTuple(args, "event", 1, 1, &name)) {
        return NULL;
    }
    if (op->series == NULL) {
        return core_none();
    }
    core_text text = core_text_of(name);
    if (kwargs != NULL) {
        read_dict(kwargs, &all);
    }
    tacho_status status = tacho_operation_event(&op->op, text.bytes, all.note, all.count);
    notes_done(&all);
    core_text_done(&text);
    return PyErr_Occurred() ? NULL : core_done(op->series->collector, status);
}
