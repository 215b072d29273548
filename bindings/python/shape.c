/**
 * What a decorated object is: which wrapper fits it, and how it is called in the tables.
 */
#include "core.h"
#include <string.h>

#define UNWRAPPINGS 32 /* a partial of a method of a partial ...: a bound against self-made loops */

/* The next layer inside, as a new reference, or NULL without exception. */
static PyObject *inside(PyObject *function) {
    if (PyMethod_Check(function)) {
        return core_own(PyMethod_GET_FUNCTION(function));
    }
    if (strcmp(Py_TYPE(function)->tp_name, "functools.partial") == 0) {
        PyObject *inner = PyObject_GetAttrString(function, "func");
        PyErr_Clear();
        return inner;
    }
    return NULL;
}

static PyObject *innermost(PyObject *function) {
    PyObject *at = core_own(function);
    for (int i = 0; i < UNWRAPPINGS; i++) {
        PyObject *inner = inside(at);
        if (inner == NULL) {
            break;
        }
        Py_SETREF(at, inner);
    }
    return at;
}

static long flags_of(PyObject *function) {
    PyObject *code = PyObject_GetAttrString(function, "__code__");
    PyObject *flags = code == NULL ? NULL : PyObject_GetAttrString(code, "co_flags");
    long value = flags == NULL ? 0 : PyLong_AsLong(flags);
    Py_XDECREF(code);
    Py_XDECREF(flags);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return value;
}

/* An instance with a __call__ written in Python has the shape of that method. */
static long flags_of_callable(PyObject *function) {
    long flags = flags_of(function);
    if (flags == 0 && !PyFunction_Check(function)) {
        PyObject *call = PyObject_GetAttrString((PyObject *)Py_TYPE(function), "__call__");
        PyErr_Clear();
        flags = call == NULL ? 0 : flags_of(call);
        Py_XDECREF(call);
    }
    return flags;
}

static int refuse(PyObject *function, const char *what) {
    PyErr_Format(PyExc_TypeError, "%R is %s and cannot be tracked", function, what);
    return -1;
}

int core_shape_of(PyObject *function, core_shape *shape) {
    if (PyType_Check(function)) {
        return refuse(function, "a class");
    }
    if (!PyCallable_Check(function)) {
        return refuse(function, "no function");
    }
    PyObject *inner = innermost(function);
    long flags = flags_of_callable(inner);
    Py_DECREF(inner);
    *shape = flags & CO_ASYNC_GENERATOR                       ? CORE_ASYNC_GENERATOR
             : flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE) ? CORE_ASYNC
             : flags & CO_GENERATOR                           ? CORE_GENERATOR
                                                              : CORE_SYNC;
    return 0;
}

static PyObject *text_attribute(PyObject *value, const char *name) {
    PyObject *text = PyObject_GetAttrString(value, name);
    if (text == NULL || !PyUnicode_Check(text)) {
        PyErr_Clear();
        Py_CLEAR(text);
    }
    return text;
}

PyObject *core_function_name(PyObject *function) {
    PyObject *inner = innermost(function);
    PyObject *name = text_attribute(inner, "__qualname__");
    if (name == NULL) {
        name = text_attribute((PyObject *)Py_TYPE(inner), "__qualname__");
    }
    Py_DECREF(inner);
    PyObject *plain = name == NULL ? NULL : PyObject_CallMethod(name, "replace", "ss", "<locals>.", "");
    Py_XDECREF(name);
    return plain;
}

/* -------------------------------------------------------------------------- what a wrapper shows of the one inside */

PyObject *core_inner_getattro(PyObject *self, PyObject *inner, PyObject *name) {
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value == NULL && inner != NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        value = PyObject_GetAttr(inner, name);
    }
    return value;
}

PyObject *core_inner_class(PyObject *self, PyObject *inner) {
    return core_own(inner == NULL ? Py_TYPE(self) : Py_TYPE(inner));
}

PyObject *core_inner_repr(PyObject *inner) {
    return PyUnicode_FromFormat("<tracked %R>", inner == NULL ? Py_None : inner);
}
