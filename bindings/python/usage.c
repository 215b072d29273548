/**
 * Usage: classes given by keyword, and responses that the core reads by a dialect.
 */
#include "core.h"
#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------- classes by keyword */

static const char **slot_of(tacho_usage *usage, const char *name) {
    return strcmp(name, "model") == 0            ? &usage->model
           : strcmp(name, "provider") == 0       ? &usage->provider
           : strcmp(name, "response_id") == 0    ? &usage->response_id
           : strcmp(name, "service_tier") == 0   ? &usage->service_tier
           : strcmp(name, "requested_tier") == 0 ? &usage->requested_tier
           : strcmp(name, "speed") == 0          ? &usage->speed
           : strcmp(name, "region") == 0         ? &usage->region
                                                 : NULL;
}

/* 1 when `name` is one of the texts. Names are keywords, so each comes once and 8 places are enough. */
static int read_text(const char *name, PyObject *value, core_usage *out) {
    const char **slot = slot_of(&out->classes, name);
    if (slot == NULL) {
        return 0;
    }
    core_text *text = &out->texts[out->text_count++];
    *text = core_text_of(value);
    *slot = text->bytes;
    out->refused = text->bytes == NULL ? name : out->refused;
    return 1;
}

/* Whole numbers as they are, seconds and other scaled units times their scale; what is no number is left out. */
static void read_count(tacho_unit unit, PyObject *value, core_usage *out) {
    int scale = tacho_unit_describe(unit)->scale;
    long long count = 0;
    if (scale == 1 && PyIndex_Check(value)) {
        PyObject *index = PyNumber_Index(value);
        int overflow = 0;
        count = index == NULL ? -1 : PyLong_AsLongLongAndOverflow(index, &overflow);
        Py_XDECREF(index);
        count = overflow != 0 ? overflow * (TACHO_COUNT_MAX + 1) : count;
    } else {
        double number = PyFloat_AsDouble(value) * scale, whole = nearbyint(number);
        if (!PyErr_Occurred() && number == number) {
            count = number > (double)TACHO_COUNT_MAX    ? TACHO_COUNT_MAX + 1
                    : number < -(double)TACHO_COUNT_MAX ? -1
                                                        : (long long)whole;
            /* 1.001 s x 1000 is 1000.9999999999999: no fraction */
            int fraction = fabs(number - whole) > (scale == 1 ? 0 : 1e-6);
            out->classes.faults |= fraction ? TACHO_USAGE_FAULT_FRACTIONAL : 0u;
        } else {
            out->classes.faults |= TACHO_USAGE_FAULT_NOT_A_NUMBER;
        }
    }
    if (PyErr_Occurred()) {
        core_drop();
        return;
    }
    tacho_usage_set(&out->classes, unit, count);
}

static int read_item(const char *name, PyObject *value, core_usage *out) {
    int unit = tacho_unit_find(name);
    if (unit >= 0) {
        read_count((tacho_unit)unit, value, out);
        return 0;
    }
    if (strcmp(name, "inclusive") == 0) {
        out->classes.flags |= core_truth_of(value) ? TACHO_USAGE_INCLUSIVE : 0u;
        return 0;
    }
    if (read_text(name, value, out)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "usage() got an unexpected keyword argument '%.100s'", name);
    return -1;
}

int core_usage_read(PyObject *kwargs, core_usage *out) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    memset(out, 0, sizeof(*out));
    out->classes.struct_size = (uint32_t)sizeof(tacho_usage);
    while (kwargs != NULL && PyDict_Next(kwargs, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key);
        if (name == NULL || (value != Py_None && read_item(name, value, out) < 0) || PyErr_Occurred()) {
            core_usage_done(out);
            return -1;
        }
    }
    out->classes.present = 0; /* the caller named what there is: everything else is 0 (semantics 26) */
    return 0;
}

int core_usage_is_misspelt(PyObject *value) {
    PyObject *key, *count;
    Py_ssize_t at = 0;
    if (!PyDict_Check(value) || PyDict_GET_SIZE(value) == 0) {
        return 0;
    }
    while (PyDict_Next(value, &at, &key, &count)) {
        if (!PyUnicode_Check(key) || PyBool_Check(count) || !(PyLong_Check(count) || PyFloat_Check(count))) {
            return 0;
        }
    }
    return 1;
}

/* Sums that our own results carry beside the classes. */
static int is_sum(const char *name) {
    return strncmp(name, "total_", 6) == 0;
}

/* 1 for a number under a name that means nothing to us, 0 for anything else that classes may have, -1 for what only a
 * response has. */
static int strange_number(PyObject *key, PyObject *value) {
    tacho_usage words;
    const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
    if (name == NULL) {
        PyErr_Clear();
        return -1;
    }
    const int number = !PyBool_Check(value) && (PyLong_Check(value) || PyFloat_Check(value));
    const int known = tacho_unit_find(name) >= 0 || slot_of(&words, name) != NULL || strcmp(name, "inclusive") == 0;
    if (known || value == Py_None) {
        return 0;
    }
    return !number ? -1 : !is_sum(name);
}

int core_usage_is_partly_misspelt(PyObject *value, const tacho_response *read) {
    PyObject *key, *number;
    Py_ssize_t at = 0;
    int strange = 0;
    if (!PyDict_Check(value) || tacho_response_dialect(read) != NULL || tacho_response_parts(read) != 1) {
        return 0;
    }
    while (PyDict_Next(value, &at, &key, &number)) {
        const int one = strange_number(key, number);
        if (one < 0) {
            return 0;
        }
        strange |= one;
    }
    return strange;
}

void core_usage_misspelt(tacho_usage *out, const tacho_response *known) {
    if (known != NULL) {
        *out = *tacho_response_usage(known, 0);
        out->faults |= TACHO_USAGE_FAULT_UNKNOWN_CLASS;
        return;
    }
    memset(out, 0, sizeof(*out));
    out->struct_size = (uint32_t)sizeof(*out);
    out->flags = TACHO_USAGE_ABSENT;
    out->faults = TACHO_USAGE_FAULT_UNKNOWN_CLASS;
}

void core_usage_done(core_usage *usage) {
    while (usage->text_count > 0) {
        core_text_done(&usage->texts[--usage->text_count]);
    }
}

/* ------------------------------------------------------------------------------------------------------- responses */

/* The reader is kept for the next response. A response whose attributes are computed may come back here while it is
 * being read; that call gets a reader of its own. */
static tacho_response *take_reader(core_state *state) {
    tacho_response *reader = state->response;
    state->response = NULL;
    if (reader == NULL && tacho_response_create(&reader) != TACHO_OK) {
        return NULL;
    }
    return reader;
}

void core_response_done(core_state *state, tacho_response *response) {
    if (response == NULL) {
        return;
    }
    if (state->response == NULL) {
        tacho_response_clear(response);
        state->response = response;
    } else {
        tacho_response_free(response);
    }
}

static tacho_status read_bytes(tacho_response *reader, const tacho_dialect *dialect, const char *provider,
                               PyObject *value) {
    char *bytes = NULL;
    Py_ssize_t length = 0;
    if (PyBytes_Check(value)) {
        (void)PyBytes_AsStringAndSize(value, &bytes, &length);
    } else {
        bytes = (char *)(uintptr_t)PyUnicode_AsUTF8AndSize(value, &length);
    }
    if (bytes == NULL) {
        PyErr_Clear();
        return TACHO_DAMAGED;
    }
    return tacho_response_read_json(reader, dialect, provider, bytes, (size_t)length);
}

int core_usage_check(core_collector *collector, PyObject **value, PyObject **dialect, const char *provider) {
    core_text name = core_text_of(*dialect);
    const int known = core_given(*dialect) == NULL || tacho_dialect_find(name.bytes, provider) != NULL;
    core_text_done(&name);
    if (!known) {
        *dialect = NULL;
        if (core_leave_out(collector, "dialect", TACHO_INVALID) < 0) {
            return -1;
        }
    }
    if (PyLong_Check(*value) || PyFloat_Check(*value) || PyComplex_Check(*value)) {
        *value = Py_None;
        return core_leave_out(collector, "usage", TACHO_INVALID);
    }
    return 0;
}

tacho_status core_response_read(core_state *state, PyObject *value, PyObject *dialect, const char *provider,
                                tacho_response **out) {
    core_text name = core_text_of(dialect);
    const tacho_dialect *found = tacho_dialect_find(name.bytes, provider);
    tacho_response *reader = take_reader(state);
    tacho_status status = reader == NULL ? TACHO_NOMEM : TACHO_OK;
    core_text_done(&name);
    if (reader != NULL && (PyUnicode_Check(value) || PyBytes_Check(value))) {
        status = read_bytes(reader, found, provider, value);
    } else if (reader != NULL) {
        tacho_value_source source;
        PyObject *raised = NULL;
        core_value_source(value, &raised, &source);
        status = tacho_response_read(reader, found, provider, &source);
        if (raised != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
            Py_DECREF(raised);
        }
    }
    *out = reader;
    return status;
}
