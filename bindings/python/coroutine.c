/**
 * The awaitable of a tracked async function. It stands between the driver (an event loop, another coroutine) and the
 * coroutine, hands send, throw and close through, and measures from the first step to the end; a coroutine that is
 * never awaited is not recorded. While it runs, its operation is in the ContextVar, which tasks made inside inherit.
 *
 * The previous value is put back by value, never by token: a coroutine may be ended in another context than it began
 * in.
 */
#include "core.h"

typedef struct core_coroutine {
    PyObject_HEAD core_tracked *tracked;
    PyObject *inner, *weak;
    core_operation *op; /* begun and not ended */
    char begun, running;
} core_coroutine;

/* ------------------------------------------------------------------------------------------------- begin and end */

static void begin(core_coroutine *self) {
    self->begun = 1;
    core_series *series = core_tracked_series(self->tracked);
    core_operation *op = series == NULL ? NULL : core_operation_take(self->tracked->state);
    if (op == NULL) {
        PyErr_Clear();
        return;
    }
    op->series = core_own(series);
    op->metadata = core_own(self->tracked->metadata);
    if (self->tracked->nest) {
        core_operation_begin_here(op);
        op->entered = core_scope_enter(&op->scope, &op->previous) == 0;
        PyErr_Clear();
    } else {
        core_operation_begin(op, NULL);
    }
    self->op = op;
}

/* Takes the operation out of the context; the caller books it. */
static core_operation *leave(core_coroutine *self) {
    core_operation *op = self->op;
    self->op = NULL;
    if (op != NULL && op->entered) {
        PyObject *previous = op->previous;
        op->previous = NULL;
        op->entered = 0;
        core_scope_leave(&op->scope, previous);
    }
    return op;
}

static void end(core_coroutine *self, tacho_outcome outcome) {
    core_operation *op = leave(self);
    if (op != NULL) {
        (void)tacho_end(&op->op, outcome);
        op->phase = CORE_ENDED;
        core_operation_return(op);
    }
}

/* The coroutine raised; the exception stays set. */
static void end_raised(core_coroutine *self) {
    core_operation *op = leave(self);
    if (op != NULL) {
        core_failure_end(op);
        op->phase = CORE_ENDED;
        core_operation_return(op);
    }
}

/* The coroutine returned. 0, or -1 with an exception of a hook that must reach the program. */
static int end_returned(core_coroutine *self, PyObject *result) {
    core_operation *op = leave(self);
    int failed = 0;
    if (op != NULL) {
        failed = self->tracked->reports && core_tracked_report(self->tracked, op, result) < 0;
        (void)tacho_end(&op->op, op->planned);
        op->phase = CORE_ENDED;
        core_operation_return(op);
    }
    return failed ? -1 : 0;
}

/* ----------------------------------------------------------------------------------------------------------- steps */

PyObject *core_stop_value(void) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return NULL;
    }
    PyObject *type, *exception, *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    PyObject *value = PyObject_GetAttrString(exception, "value");
    Py_XDECREF(type);
    Py_XDECREF(exception);
    Py_XDECREF(traceback);
    return value;
}

void core_raise_stop(PyObject *value) {
    if (value == Py_None) {
        PyErr_SetNone(PyExc_StopIteration); /* without arguments, as the interpreter does it */
        return;
    }
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
}

PySendResult core_send(PyObject *inner, PyObject *value, PyObject **result) {
#if PY_VERSION_HEX >= 0x030A0000
    return PyIter_Send(inner, value, result);
#else
    *result = PyObject_CallMethod(inner, "send", "O", value);
    if (*result != NULL) {
        return PYGEN_NEXT;
    }
    *result = core_stop_value();
    return *result == NULL ? PYGEN_ERROR : PYGEN_RETURN;
#endif
}

/* The garbage collector took the coroutine apart: to who still holds it, it is one that has ended. */
static void raise_taken_apart(void) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
}

static PySendResult step(PyObject *object, PyObject *value, PyObject **result) {
    core_coroutine *self = (core_coroutine *)object;
    if (self->inner == NULL) {
        raise_taken_apart();
        return PYGEN_ERROR;
    }
    if (self->running) { /* sent to from within itself: the coroutine refuses, and goes on running */
        return core_send(self->inner, value, result);
    }
    if (!self->begun) {
        begin(self);
    }
    self->running = 1;
    PySendResult how = core_send(self->inner, value, result);
    self->running = 0;
    if (how == PYGEN_NEXT) {
        return how;
    }
    if (how == PYGEN_ERROR) {
        end_raised(self);
    } else if (end_returned(self, *result) < 0) {
        Py_CLEAR(*result);
        return PYGEN_ERROR;
    }
    return how;
}

static PyObject *coroutine_send(PyObject *self, PyObject *value) {
    PyObject *result = NULL;
    if (step(self, value, &result) == PYGEN_RETURN) {
        core_raise_stop(result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *coroutine_next(PyObject *self) {
    return coroutine_send(self, Py_None);
}

/* The coroutine's throw or close. From within itself the coroutine refuses, and goes on running. */
static PyObject *call_inner(core_coroutine *self, const char *name, PyObject *args) {
    char outer = self->running;
    self->running = 1;
    PyObject *method = PyObject_GetAttrString(self->inner, name);
    PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
    Py_XDECREF(method);
    self->running = outer;
    return result;
}

static PyObject *coroutine_throw(core_coroutine *self, PyObject *args) {
    if (self->inner == NULL) {
        raise_taken_apart();
        return NULL;
    }
    self->begun = 1; /* thrown into before its first step: never recorded */
    PyObject *result = call_inner(self, "throw", args);
    if (result != NULL || self->op == NULL || self->running) {
        return result; /* it goes on; or it never began */
    }
    PyObject *value = core_stop_value();
    if (value == NULL) {
        end_raised(self);
        return NULL;
    }
    if (end_returned(self, value) == 0) {
        core_raise_stop(value);
    }
    Py_DECREF(value);
    return NULL;
}

static PyObject *coroutine_close(core_coroutine *self, PyObject *unused) {
    (void)unused;
    self->begun = 1; /* closed before its first step: never recorded */
    PyObject *result = self->inner == NULL ? core_none() : call_inner(self, "close", NULL);
    if (self->running) {
        return result;
    }
    if (result == NULL) {
        end_raised(self);
    } else {
        end(self, TACHO_OUTCOME_ABORTED);
    }
    return result;
}

/* ------------------------------------------------------------------------------------------------------------ type */

PyObject *core_coroutine_new(core_tracked *tracked, PyObject *inner) {
    PyTypeObject *type = tracked->state->coroutine_type;
    core_coroutine *self = (core_coroutine *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->tracked = core_own(tracked);
        self->inner = core_own(inner);
    }
    return (PyObject *)self;
}

static PyObject *coroutine_getattro(PyObject *self, PyObject *name) {
    return core_inner_getattro(self, ((core_coroutine *)self)->inner, name);
}

static PyObject *coroutine_await(PyObject *self) {
    return core_own(self);
}

static PyObject *coroutine_repr(core_coroutine *self) {
    return core_inner_repr(self->inner);
}

static PyObject *get_class(core_coroutine *self, void *unused) {
    (void)unused;
    return core_inner_class((PyObject *)self, self->inner);
}

static int coroutine_traverse(core_coroutine *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->tracked);
    Py_VISIT(self->inner);
    Py_VISIT(self->op);
    return 0;
}

static int coroutine_clear(core_coroutine *self) {
    Py_CLEAR(self->inner);
    return 0;
}

static void coroutine_dealloc(core_coroutine *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weak != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    Py_CLEAR(self->inner); /* runs the coroutine's finally blocks, if it was left in the middle */
    end(self, TACHO_OUTCOME_ABORTED);
    Py_CLEAR(self->tracked);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef coroutine_methods[] = {{"__await__", CORE_METHOD(coroutine_await), METH_NOARGS, NULL},
                                          {"send", CORE_METHOD(coroutine_send), METH_O, NULL},
                                          {"throw", CORE_METHOD(coroutine_throw), METH_VARARGS, NULL},
                                          {"close", CORE_METHOD(coroutine_close), METH_NOARGS, NULL},
                                          {NULL, NULL, 0, NULL}};

static PyGetSetDef coroutine_getset[] = {{"__class__", (getter)get_class, NULL, NULL, NULL},
                                         {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef coroutine_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(core_coroutine, weak), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

static PyType_Slot coroutine_slots[] = {{Py_tp_dealloc, (void *)coroutine_dealloc},
                                        {Py_tp_traverse, (void *)coroutine_traverse},
                                        {Py_tp_clear, (void *)coroutine_clear},
                                        {Py_tp_getattro, (void *)coroutine_getattro},
                                        {Py_tp_repr, (void *)coroutine_repr},
                                        {Py_tp_iternext, (void *)coroutine_next},
                                        {Py_am_await, (void *)coroutine_await},
#if PY_VERSION_HEX >= 0x030A0000
                                        {Py_am_send, (void *)step},
#endif
                                        {Py_tp_methods, coroutine_methods},
                                        {Py_tp_getset, coroutine_getset},
                                        {Py_tp_members, coroutine_members},
                                        {0, NULL}};

PyType_Spec core_coroutine_spec = {.name = "tachograph._core.Coroutine",
                                   .basicsize = sizeof(core_coroutine),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                   .slots = coroutine_slots};
