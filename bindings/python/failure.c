/**
 * What is known of an exception without reading its message: class names along the method resolution order, an HTTP
 * status, a provider's error code, an errno (semantics 29, 30). The core's table decides what they mean.
 */
#include "core.h"
#include <string.h>

#define CLASSES 8

/* What the tables of the core are fed with, and the objects that keep its texts alive. */
typedef struct facts {
    tacho_failure failure;
    const char *names[CLASSES];
    PyObject *code;
} facts;

/* tp_name of a built-in type may be "module.Name". */
static const char *unqualified(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static void read_classes(PyTypeObject *type, facts *out) {
    PyObject *mro = type->tp_mro;
    Py_ssize_t count = mro == NULL ? 0 : PyTuple_GET_SIZE(mro);
    for (Py_ssize_t i = 0; i < count && out->failure.class_count < CLASSES; i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        if (base == (PyObject *)&PyBaseObject_Type || !PyType_Check(base)) {
            continue;
        }
        out->names[out->failure.class_count++] = unqualified(((PyTypeObject *)base)->tp_name);
    }
    out->failure.class_names = out->names;
}

/* An attribute that may be a property of the program: whatever goes wrong in it is not our business. */
static PyObject *attribute(PyObject *value, const char *name) {
    PyObject *found = PyObject_GetAttrString(value, name);
    if (found == NULL) {
        PyErr_Clear();
    }
    return found;
}

static int32_t number_of(PyObject *value) {
    long number = value != NULL && PyLong_Check(value) ? PyLong_AsLong(value) : 0;
    PyErr_Clear();
    return number > 0 && number < INT32_MAX ? (int32_t)number : 0;
}

static void read_status(PyObject *exception, facts *out) {
    static const char *const names[] = {"status_code", "status"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && out->failure.http_status == 0; i++) {
        PyObject *found = attribute(exception, names[i]);
        out->failure.http_status = number_of(found);
        Py_XDECREF(found);
    }
}

static void read_code(PyObject *exception, facts *out) {
    PyObject *code = attribute(exception, "code");
    if (code != NULL && PyUnicode_Check(code)) {
        out->failure.code = PyUnicode_AsUTF8(code);
        PyErr_Clear();
        out->code = code;
        return;
    }
    if (out->failure.http_status == 0) { /* urllib.error.HTTPError keeps its status in `code` */
        out->failure.http_status = number_of(code);
    }
    Py_XDECREF(code);
}

static void read_exception(PyObject *exception, facts *out) {
    PyTypeObject *type = Py_TYPE(exception);
    read_classes(type, out);
    if (PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_OSError)) {
        PyObject *number = attribute(exception, "errno");
        out->failure.error_number = number_of(number);
        Py_XDECREF(number);
    }
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) { /* built-in exceptions have neither */
        read_status(exception, out);
        read_code(exception, out);
    }
}

/* SystemExit with 0 or None is a normal end (semantics 29). */
static int is_clean_exit(PyObject *exception) {
    if (!PyObject_TypeCheck(exception, (PyTypeObject *)PyExc_SystemExit)) {
        return 0;
    }
    PyObject *code = attribute(exception, "code");
    int clean = code == NULL || code == Py_None || (PyLong_Check(code) && PyLong_AsLong(code) == 0);
    Py_XDECREF(code);
    PyErr_Clear();
    return clean;
}

static void decide(facts *given, core_failure *out) {
    tacho_classify(&given->failure, &out->category, &out->outcome);
    const char *type = given->failure.class_count > 0 ? given->names[0] : "";
    size_t length = strnlen(type, sizeof(out->type) - 1);
    memcpy(out->type, type, length);
    out->type[length] = '\0';
    Py_XDECREF(given->code);
}

void core_failure_read(PyObject *exception, core_failure *out) {
    facts given = {.failure = TACHO_FAILURE_INIT};
    if (is_clean_exit(exception)) {
        *out = (core_failure){TACHO_CATEGORY_NONE, TACHO_OUTCOME_OK, ""};
        return;
    }
    read_exception(exception, &given);
    decide(&given, out);
}

static void read_word(PyObject *word, core_failure *out) {
    core_text text = core_text_of(word);
    facts given = {.failure = TACHO_FAILURE_INIT};
    tacho_category category = TACHO_CATEGORY_OTHER;
    if (text.bytes != NULL && tacho_category_parse(text.bytes, &category) == TACHO_OK) {
        out->category = category;
        out->outcome = category == TACHO_CATEGORY_TIMEOUT ? TACHO_OUTCOME_TIMEOUT : TACHO_OUTCOME_ERROR;
        out->type[0] = '\0';
    } else {
        if (text.bytes != NULL) {
            given.names[0] = unqualified(text.bytes);
            given.failure.class_count = 1;
            given.failure.class_names = given.names;
        }
        decide(&given, out);
    }
    core_text_done(&text);
}

void core_failure_given(PyObject *error, core_failure *out) {
    if (PyExceptionInstance_Check(error)) {
        core_failure_read(error, out);
    } else if (PyExceptionClass_Check(error)) {
        facts given = {.failure = TACHO_FAILURE_INIT};
        read_classes((PyTypeObject *)error, &given);
        decide(&given, out);
    } else {
        read_word(error, out);
    }
}

void core_failure_end(core_operation *op) {
    core_failure failure;
    core_raised raised = core_raised_take();
#if PY_VERSION_HEX < 0x030C0000
    PyErr_NormalizeException(&raised.type, &raised.value, &raised.traceback);
#endif
    core_failure_read(raised.value, &failure);
    core_raised_put(&raised);
    if (failure.outcome != TACHO_OUTCOME_OK) {
        (void)tacho_operation_fail(&op->op, failure.category, failure.type[0] == '\0' ? NULL : failure.type);
    }
    (void)tacho_end(&op->op, failure.outcome);
}
