/**
 * What a table of usage is about: keyword arguments as a tacho_query. Its texts are those of Python's objects, which
 * core_query holds.
 */
#include "core.h"
#include <string.h>
#include <time.h>

/* UTF-8 that lives as long as the object; NULL for what is no such text, without an exception. */
static const char *text_of(PyObject *value) {
    Py_ssize_t length = 0;
    const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &length) : NULL;
    PyErr_Clear();
    return text != NULL && strlen(text) == (size_t)length ? text : NULL;
}

static int refuse(const char *what, PyObject *key, const char *const *words, size_t count) {
    PyObject *list = PyUnicode_FromString(words[0]);
    for (size_t i = 1; list != NULL && i < count; i++) {
        PyObject *longer = PyUnicode_FromFormat(i + 1 < count ? "%U, %s" : "%U or %s", list, words[i]);
        Py_DECREF(list);
        list = longer;
    }
    if (list != NULL) {
        PyErr_Format(PyExc_ValueError, "unknown %s %R: %U", what, key, list);
        Py_DECREF(list);
    }
    return -1;
}

/* One grouping key into the query: the first is its `by`, the others are beside it. */
static int add_key(PyObject *key, int first, tacho_query *out) {
    const char *text = text_of(key);
    tacho_status status = first ? tacho_query_by(out, text) : tacho_query_by_also(out, text);
    if (status == TACHO_NOT_FOUND) {
        const char *words[TACHO_BY_COUNT];
        for (int i = 0; i < TACHO_BY_COUNT; i++) {
            words[i] = tacho_by_text(i);
        }
        return refuse("grouping key", key, words, TACHO_BY_COUNT);
    }
    if (status != TACHO_OK) {
        PyErr_Format(PyExc_ValueError, "a table groups by %d tags at most", TACHO_TAGS_MAX);
    }
    return status == TACHO_OK ? 0 : -1;
}

/* A text, or any number of them. */
static int read_keys(PyObject *by, core_query *out) {
    if (PyUnicode_Check(by)) {
        out->keys = core_own(by);
        return add_key(by, 1, &out->query);
    }
    out->keys = PySequence_Fast(by, "by is a grouping key or a sequence of them");
    Py_ssize_t count = out->keys == NULL ? 0 : PySequence_Fast_GET_SIZE(out->keys);
    int result = out->keys == NULL ? -1 : 0;
    out->query.by = TACHO_BY_TOTAL;
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        result = add_key(PySequence_Fast_GET_ITEM(out->keys, i), i == 0, &out->query);
    }
    return result;
}

/* None asks for operations without a tag. */
static int add_limit(PyObject *key, PyObject *value, tacho_query *out) {
    const char *text = text_of(key), *wanted = value == Py_None ? NULL : text_of(value);
    const int is_tag = text != NULL && strncmp(text, "tag:", 4) == 0;
    if (wanted == NULL && (value != Py_None || !is_tag)) {
        PyErr_Format(PyExc_TypeError, "where: the value of %R is a text%s, not %R", key, is_tag ? " or None" : "",
                     value);
        return -1;
    }
    tacho_status status = tacho_query_where(out, text, wanted);
    if (status == TACHO_NOT_FOUND) {
        size_t count;
        const char *const *words = tacho_query_where_keys(&count);
        return refuse("key in where", key, words, count);
    }
    if (status != TACHO_OK) {
        PyErr_Format(PyExc_ValueError, "where: %d tags are the most", TACHO_TAGS_MAX);
    }
    return status == TACHO_OK ? 0 : -1;
}

static int read_where(PyObject *where, core_query *out) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (core_given(where) == NULL) {
        return 0;
    }
    out->where = PyDict_New();
    if (out->where == NULL || PyDict_Update(out->where, where) < 0) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_SetString(PyExc_TypeError, "where is a mapping of keys to values");
        }
        return -1;
    }
    int result = 0;
    while (result == 0 && PyDict_Next(out->where, &at, &key, &value)) {
        result = add_limit(key, value, &out->query);
    }
    return result;
}

/* How long ago: a timedelta that is not below 0, or a text as the command takes it. 1 = it was that; -1 = exception. */
static int read_ago(core_state *state, PyObject *value, const char *text, int64_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (text != NULL) {
        return tacho_instant_ago(text, strlen(text), now_ns, out) == TACHO_OK;
    }
    if (core_import(&state->timedelta, "datetime", "timedelta") == NULL) {
        return -1;
    }
    int is_span = PyObject_IsInstance(value, state->timedelta);
    PyObject *total = is_span > 0 ? PyObject_CallMethod(value, "total_seconds", NULL) : NULL;
    double seconds = total == NULL ? -1 : PyFloat_AsDouble(total);
    Py_XDECREF(total);
    if (is_span > 0 && !PyErr_Occurred() && seconds < 0) {
        PyErr_SetString(PyExc_ValueError, "how long ago is not below 0");
    }
    if (is_span <= 0 || PyErr_Occurred()) {
        return is_span == 0 ? 0 : -1;
    }
    *out = seconds * 1e9 < (double)now_ns - 1 ? now_ns - (int64_t)(seconds * 1e9) : 1;
    return 1;
}

static int read_instant(core_state *state, PyObject *value, int64_t *out) {
    if (core_given(value) == NULL) {
        return 0;
    }
    const char *text = text_of(value);
    int ago = read_ago(state, value, text, out);
    if (ago != 0) {
        return ago > 0 ? 0 : -1;
    }
    if (core_instant_of(state, value, out) == 0) {
        return 0;
    }
    if (text != NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Format(PyExc_ValueError,
                     "%R is no time: give an aware datetime, ISO text with its zone (2026-06-01T12:00:00Z), epoch "
                     "seconds, or how long ago (30m, 24h, 7d, 2w)",
                     value);
    }
    return -1;
}

int core_query_read(core_state *state, PyObject *args, PyObject *kwargs, core_query *out) {
    static char *names[] = {"by", "kinds", "session", "since", "until", "where", NULL};
    static const char *const words[] = {"usual", "all", "calls"};
    PyObject *by, *since = NULL, *until = NULL, *where = NULL;
    const char *kinds = words[0];
    *out = (core_query){TACHO_QUERY_INIT, NULL, NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$szOOO:usage", names, &by, &kinds, &out->query.session, &since,
                                     &until, &where)) {
        return -1;
    }
    while (out->query.all_kinds < 3 && strcmp(words[out->query.all_kinds], kinds) != 0) {
        out->query.all_kinds++;
    }
    if (out->query.all_kinds == 3) {
        PyErr_SetString(PyExc_ValueError, "kinds is usual, all or calls");
        return -1;
    }
    return read_where(where, out) < 0 || read_keys(by, out) < 0 ||
                   read_instant(state, since, &out->query.since_ns) < 0 ||
                   read_instant(state, until, &out->query.until_ns) < 0
               ? -1
               : 0;
}

void core_query_done(core_query *query) {
    Py_XDECREF(query->keys);
    Py_XDECREF(query->where);
}
