/**
 * A number over time, and waiting for the keeper. Both may take a moment, so other threads run meanwhile.
 */
#include "core.h"

static PyObject *value_of(core_state *state, const tacho_timeline *timeline, const tacho_point *point) {
    if (timeline->is_money) {
        return core_money(state, point->value_pusd);
    }
    return Py_IS_NAN(point->value) ? core_none() : PyFloat_FromDouble(point->value);
}

static PyObject *point_of(core_state *state, const tacho_timeline *timeline, const tacho_point *point) {
    PyObject *start = core_instant(state, point->start_ns), *end = core_instant(state, point->end_ns);
    PyObject *value = value_of(state, timeline, point);
    PyObject *made = NULL;
    if (start != NULL && end != NULL && value != NULL) {
        made = Py_BuildValue("(OOOLO)", start, end, value, (long long)point->n, point->complete ? Py_True : Py_False);
    }
    Py_XDECREF(start);
    Py_XDECREF(end);
    Py_XDECREF(value);
    return made;
}

static PyObject *points_of(core_state *state, const tacho_timeline *timeline) {
    PyObject *list = PyList_New((Py_ssize_t)timeline->count);
    for (size_t i = 0; list != NULL && i < timeline->count; i++) {
        PyObject *point = point_of(state, timeline, &timeline->points[i]);
        if (point == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, point);
        }
    }
    return list;
}

PyObject *core_timeline_points(core_collector *self, PyObject *args) {
    const char *what, *period, *step = NULL;
    if (!PyArg_ParseTuple(args, "ss|z:timeline", &what, &period, &step)) {
        return NULL;
    }
    tacho_timeline *timeline = NULL;
    tacho_collector *collector = tacho_collector_retain(self->handle);
    tacho_status status;
    Py_BEGIN_ALLOW_THREADS status = tacho_timeline_take(collector, what, period, step, &timeline);
    Py_END_ALLOW_THREADS tacho_collector_close(collector);
    PyObject *result = NULL;
    if (status == TACHO_OK) {
        result = points_of(self->state, timeline);
    } else if (status == TACHO_INVALID && timeline != NULL) {
        PyErr_SetString(PyExc_ValueError, timeline->problem);
    } else {
        result = core_raise(self->state, status, "timeline");
    }
    tacho_timeline_free(timeline);
    return result;
}

int core_flush(core_collector *self, PyObject *args, PyObject *kwargs, const char *format) {
    static char *names[] = {"timeout", NULL};
    double seconds = 2;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &seconds)) {
        return -1;
    }
    seconds = seconds > 0 ? seconds : 0;
    uint64_t wait = seconds < 1e6 ? (uint64_t)(seconds * 1e9) : UINT64_C(1000000000000000);
    tacho_collector *collector = tacho_collector_retain(self->handle);
    tacho_status status;
    Py_BEGIN_ALLOW_THREADS status = tacho_collector_flush(collector, wait);
    Py_END_ALLOW_THREADS tacho_collector_close(collector);
    return status == TACHO_OK;
}
