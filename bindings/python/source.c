/**
 * Python objects as the core pulls them (tacho_value_source, semantics 55): mappings by key, everything else by
 * attribute. No provider's package is imported; the core asks for the few members that a dialect names.
 *
 * Attributes may be computed by the program's code. What that raises is dropped and the member counts as absent, but
 * for KeyboardInterrupt and the like, which reach the program after the read.
 */
#include "core.h"
#include <string.h>

/* An exception is set: keep it if it is not an Exception, else drop it. */
static void settle(PyObject **raised) {
    if (!PyErr_Occurred()) {
        return;
    }
    if (*raised != NULL || PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    *raised = value;
    Py_XDECREF(type);
    Py_XDECREF(traceback);
}

static int is_number(PyObject *value) {
    return PyFloat_Check(value) || PyLong_Check(value) || PyIndex_Check(value) ||
           strcmp(Py_TYPE(value)->tp_name, "decimal.Decimal") == 0;
}

static tacho_value_kind kind_of(void *context, void *item) {
    (void)context;
    PyObject *value = item;
    if (value == Py_None) {
        return TACHO_VALUE_NULL;
    }
    if (PyBool_Check(value)) {
        return TACHO_VALUE_BOOLEAN;
    }
    if (PyUnicode_Check(value)) {
        return TACHO_VALUE_TEXT;
    }
    if (PyDict_Check(value)) {
        return TACHO_VALUE_MAP;
    }
    if (PyList_Check(value) || PyTuple_Check(value)) {
        return TACHO_VALUE_ARRAY;
    }
    if (is_number(value)) {
        return TACHO_VALUE_NUMBER;
    }
    if (PyType_Check(value) || PyCallable_Check(value) || PyBytes_Check(value) || PyModule_Check(value)) {
        return TACHO_VALUE_OTHER;
    }
    return TACHO_VALUE_MAP;
}

/* A mapping that is no dict answers by key where it has no attribute of that name. */
static PyObject *member_of(PyObject *value, PyObject *name) {
    PyObject *found = PyObject_GetAttr(value, name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError) && PyMapping_Check(value)) {
        PyErr_Clear();
        found = PyObject_GetItem(value, name);
    }
    return found;
}

static int get_key(void *context, void *item, const char *key, void **out) {
    PyObject *value = item;
    PyObject **raised = context;
    PyObject *name = *raised != NULL ? NULL : PyUnicode_InternFromString(key);
    PyObject *found = NULL;
    if (name != NULL && PyDict_Check(value)) {
        found = core_own(PyDict_GetItemWithError(value, name));
    } else if (name != NULL) {
        found = member_of(value, name);
    }
    Py_XDECREF(name);
    settle(raised);
    *out = found;
    return found != NULL;
}

/* The members of a dict, one by one: no name is made for the many keys that a dialect knows and a response does not
 * have. Reading a member may run the program's code, which may change the dict: nothing of it is held but references.
 */
static int each(void *context, void *item, tacho_value_visit visit, void *visitor) {
    PyObject **raised = context;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!PyDict_Check((PyObject *)item)) {
        return 0;
    }
    while (*raised == NULL && PyDict_Next(item, &at, &key, &value)) {
        Py_ssize_t length = 0;
        const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &length) : NULL;
        if (name == NULL) { /* no text, or one with lone surrogates: no dialect asks for it */
            PyErr_Clear();
            continue;
        }
        Py_INCREF(key);
        Py_INCREF(value);
        visit(visitor, name, (size_t)length, value);
        Py_DECREF(value);
        Py_DECREF(key);
    }
    return 1;
}

static size_t length_of(void *context, void *item) {
    (void)context;
    return (size_t)(PyList_Check(item) ? PyList_GET_SIZE(item) : PyTuple_GET_SIZE(item));
}

static int get_index(void *context, void *item, size_t index, void **out) {
    if (index >= length_of(context, item)) { /* the program may have shortened it since */
        return 0;
    }
    Py_ssize_t at = (Py_ssize_t)index;
    *out = core_own(PyList_Check(item) ? PyList_GET_ITEM(item, at) : PyTuple_GET_ITEM(item, at));
    return 1;
}

/* Decimal text of a number. The str() of an int's subclass may be anything (an enumeration's name): base types only. */
static PyObject *text_of_number(PyObject *value) {
    if (PyFloat_Check(value)) {
        char *text = PyOS_double_to_string(PyFloat_AS_DOUBLE(value), 'r', 0, 0, NULL);
        PyObject *result = text == NULL ? NULL : PyUnicode_FromString(text);
        PyMem_Free(text);
        return result;
    }
    if (PyLong_Check(value)) {
        return PyLong_Type.tp_repr(value);
    }
    if (PyIndex_Check(value)) {
        PyObject *index = PyNumber_Index(value);
        PyObject *result = index == NULL ? NULL : PyLong_Type.tp_repr(index);
        Py_XDECREF(index);
        return result;
    }
    return PyObject_Str(value);
}

/* Texts are cut between characters; a number that does not fit has no text at all. */
static size_t text_of(void *context, void *item, char *out, size_t size) {
    PyObject **raised = context;
    PyObject *value = item;
    int number = !PyUnicode_Check(value);
    PyObject *text = number ? text_of_number(value) : core_own(value);
    Py_ssize_t length = 0;
    const char *bytes = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    size_t written = 0;
    if (bytes != NULL && ((size_t)length <= size || !number)) {
        written = (size_t)length <= size ? (size_t)length : size;
        while (written < (size_t)length && written > 0 && ((unsigned char)bytes[written] & 0xC0) == 0x80) {
            written--;
        }
        memcpy(out, bytes, written);
    }
    Py_XDECREF(text);
    settle(raised);
    return written;
}

static int truth_of(void *context, void *item) {
    (void)context;
    return item == Py_True;
}

static void release(void *context, void *item) {
    (void)context;
    Py_DECREF((PyObject *)item);
}

void core_value_source(PyObject *root, PyObject **raised, tacho_value_source *out) {
    *out = (tacho_value_source){.struct_size = (uint32_t)sizeof(*out),
                                .context = raised,
                                .root = root,
                                .kind = kind_of,
                                .get_key = get_key,
                                .length = length_of,
                                .get_index = get_index,
                                .text = text_of,
                                .truth = truth_of,
                                .release = release,
                                .each = each};
}
