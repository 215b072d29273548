/**
 * What a table of usage is about: keyword arguments as a tacho_query.
 */
#include "core.h"
#include <string.h>

/* One grouping key into the query: the first is its `by`, the others are beside it. */
static int add_key(PyObject *key, int first, tacho_query *out) {
    tacho_by by;
    core_text text = core_text_of(key);
    tacho_status status = tacho_by_parse(text.bytes, &by);
    core_text_done(&text);
    if (status != TACHO_OK) {
        PyErr_Format(PyExc_ValueError, "unknown grouping key %R: %s, %s, %s, %s, %s, %s, %s or %s", key,
                     tacho_by_text(0), tacho_by_text(1), tacho_by_text(2), tacho_by_text(3), tacho_by_text(4),
                     tacho_by_text(5), tacho_by_text(6), tacho_by_text(7));
        return -1;
    }
    out->by = first ? by : out->by;
    out->by_also |= first ? 0u : TACHO_BY_BIT(by);
    return 0;
}

/* A text, or any number of them. */
static int read_keys(PyObject *by, tacho_query *out) {
    if (PyUnicode_Check(by)) {
        return add_key(by, 1, out);
    }
    PyObject *keys = PySequence_Fast(by, "by is a grouping key or a sequence of them");
    Py_ssize_t count = keys == NULL ? 0 : PySequence_Fast_GET_SIZE(keys);
    int result = keys == NULL ? -1 : 0;
    out->by = TACHO_BY_TOTAL;
    for (Py_ssize_t i = 0; i < count && result == 0; i++) {
        result = add_key(PySequence_Fast_GET_ITEM(keys, i), i == 0, out);
    }
    Py_XDECREF(keys);
    return result;
}

static int read_instant(core_state *state, PyObject *value, int64_t *out) {
    return core_given(value) == NULL ? 0 : core_instant_of(state, value, out);
}

int core_query_read(core_state *state, PyObject *args, PyObject *kwargs, tacho_query *out) {
    static char *names[] = {"by", "kinds", "session", "since", "until", NULL};
    static const char *const words[] = {"usual", "all", "calls"};
    PyObject *by, *since = NULL, *until = NULL;
    const char *kinds = words[0];
    *out = (tacho_query)TACHO_QUERY_INIT;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$szOO:usage", names, &by, &kinds, &out->session, &since,
                                     &until)) {
        return -1;
    }
    while (out->all_kinds < 3 && strcmp(words[out->all_kinds], kinds) != 0) {
        out->all_kinds++;
    }
    if (out->all_kinds == 3) {
        PyErr_SetString(PyExc_ValueError, "kinds is usual, all or calls");
        return -1;
    }
    return read_keys(by, out) < 0 || read_instant(state, since, &out->since_ns) < 0 ||
                   read_instant(state, until, &out->until_ns) < 0
               ? -1
               : 0;
}
