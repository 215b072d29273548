/**
 * Exceptions: TachoError and one subclass per status of the core, made from the status list itself, so a status cannot
 * be forgotten. A status that has a natural built-in exception derives from that too: code that catches OSError goes on
 * working.
 */
#include "core.h"
#include <stdio.h>
#include <string.h>

#define ENTRY(name, value, text) {TACHO_##name, #name, text},
static const struct status_entry {
    tacho_status status;
    const char *name;
    const char *text;
} status_list[] = {TACHO_STATUS_MAP(ENTRY)};
#undef ENTRY

_Static_assert(sizeof(status_list) / sizeof(status_list[0]) == CORE_STATUSES, "CORE_STATUSES counts the status list");

static PyObject *built_in_of(tacho_status status) {
    switch (status) {
    case TACHO_INVALID:
        return PyExc_ValueError;
    case TACHO_NOMEM:
        return PyExc_MemoryError;
    case TACHO_NOT_FOUND:
        return PyExc_LookupError;
    case TACHO_IO:
        return PyExc_OSError;
    case TACHO_DENIED:
        return PyExc_PermissionError;
    default:
        return NULL;
    }
}

/* NOT_FOUND becomes NotFoundError. */
static void class_name(const char *name, char out[64]) {
    size_t length = 0;
    int start = 1;
    for (; *name != '\0' && length < 50; name++) {
        if (*name == '_') {
            start = 1;
            continue;
        }
        out[length++] = (char)(start ? *name : *name - 'A' + 'a');
        start = 0;
    }
    memcpy(out + length, "Error", sizeof("Error"));
}

static PyObject *new_error(const struct status_entry *entry, PyObject *base, char short_name[64]) {
    char full[96];
    class_name(entry->name, short_name);
    snprintf(full, sizeof(full), "tachograph.%s", short_name);
    PyObject *natural = built_in_of(entry->status);
    PyObject *bases = natural == NULL ? PyTuple_Pack(1, base) : PyTuple_Pack(2, base, natural);
    PyObject *members = Py_BuildValue("{s:i}", "status", (int)entry->status);
    PyObject *error = NULL;
    if (bases != NULL && members != NULL) {
        error = PyErr_NewExceptionWithDoc(full, entry->text, bases, members);
    }
    Py_XDECREF(bases);
    Py_XDECREF(members);
    return error;
}

int core_errors_ready(PyObject *module, core_state *state) {
    PyObject *base = PyErr_NewExceptionWithDoc("tachograph.TachoError",
                                               "What tachograph raises; `status` is the core's number.", NULL, NULL);
    state->errors[CORE_STATUSES] = base;
    if (base == NULL || PyModule_AddObject(module, "TachoError", core_own(base)) < 0) {
        return -1;
    }
    for (int i = 1; i < CORE_STATUSES; i++) { /* 0 is success */
        char name[64];
        state->errors[i] = new_error(&status_list[i], base, name);
        if (state->errors[i] == NULL || PyModule_AddObject(module, name, core_own(state->errors[i])) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *error_of(core_state *state, tacho_status status) {
    int index = -(int)status;
    return index > 0 && index < CORE_STATUSES ? state->errors[index] : state->errors[CORE_STATUSES];
}

PyObject *core_raise_sentence(core_state *state, tacho_status status, const char *sentence) {
    PyErr_SetString(error_of(state, status), sentence[0] == '\0' ? tacho_status_text(status) : sentence);
    return NULL;
}

PyObject *core_raise(core_state *state, tacho_status status, const char *detail) {
    PyObject *error = error_of(state, status);
    if (detail != NULL && detail[0] != '\0') {
        PyErr_Format(error, "%s: %s", detail, tacho_status_text(status));
    } else {
        PyErr_SetString(error, tacho_status_text(status));
    }
    return NULL;
}

void core_drop(void) {
    if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
    }
}

PyObject *core_done(core_collector *collector, tacho_status status) {
    if (PyErr_Occurred()) {
        return NULL; /* what a conversion has left set must reach the program */
    }
    if (status != TACHO_OK && collector != NULL && collector->strict) {
        return core_raise(collector->state, status, NULL);
    }
    return core_none();
}

int core_forgive(core_collector *collector) {
    if (!PyErr_Occurred()) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception) || (collector != NULL && collector->strict)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* A bind without a name is what the core counts as invalid and nothing else comes of. */
static void count_invalid(core_collector *collector) {
    tacho_series *none = NULL;
    core_raised raised = core_raised_take();
    (void)tacho_bind(collector->handle, TACHO_KIND_CUSTOM, "", NULL, &none);
    core_raised_put(&raised);
}

int core_refuse(core_collector *collector, const char *argument, tacho_status status) {
    if (core_forgive(collector) < 0) {
        return -1;
    }
    if (collector->strict) {
        core_raise(collector->state, status, argument);
        return -1;
    }
    return 0;
}

int core_leave_out(core_collector *collector, const char *argument, tacho_status status) {
    count_invalid(collector);
    return core_refuse(collector, argument, status);
}

core_raised core_raised_take(void) {
    core_raised raised = {NULL, NULL, NULL};
#if PY_VERSION_HEX >= 0x030C0000
    raised.value = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&raised.type, &raised.value, &raised.traceback);
#endif
    return raised;
}

void core_raised_put(core_raised *raised) {
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(raised->value);
#else
    PyErr_Restore(raised->type, raised->value, raised->traceback);
#endif
}
