/**
 * What a call of a tracked async generator function gives, and the awaitable of one of its steps. The operation is
 * current from the first send of a step until that step yields, returns or raises; while the step waits for something,
 * the event loop runs other tasks in contexts of their own.
 */
#include "core.h"

/* How a step that returns is to be read. */
typedef enum step_kind { STEP_ITEM, STEP_CLOSE } step_kind;

typedef struct core_step {
    PyObject_HEAD core_stream *stream;
    PyObject *inner; /* the awaitable of the async generator */
    char kind;       /* step_kind */
    char entered;    /* this step runs, or waits */
    char passes;     /* the stream was busy: the async generator decides what to say to that */
} core_step;

static PyObject *step_new(core_stream *stream, PyObject *inner, step_kind kind) {
    PyTypeObject *type = stream->tracked->state->step_type;
    core_step *self = inner == NULL ? NULL : (core_step *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->stream = core_own(stream);
        self->inner = core_own(inner);
        self->kind = (char)kind;
    }
    Py_XDECREF(inner);
    return (PyObject *)self;
}

/* ----------------------------------------------------------------------------------------------------------- steps */

static void enter(core_step *self) {
    core_stream *stream = self->stream;
    if (self->entered || self->passes) {
        return;
    }
    if (stream->running) {
        self->passes = 1;
        return;
    }
    if (self->kind == STEP_CLOSE) {
        stream->begun = 1; /* closed before its first step: never recorded */
    }
    self->entered = stream->running = 1;
    core_stream_enter(stream);
}

static void leave(core_step *self) {
    if (self->entered) {
        self->entered = self->stream->running = 0;
        core_stream_leave(self->stream);
    }
}

/* The step has come to its end with `item`; 0, or -1 with an exception of a hook that must reach the program. */
static void stepped(core_step *self, PyObject *item) {
    core_stream *stream = self->stream;
    if (!self->entered) {
        return;
    }
    leave(self);
    if (self->kind == STEP_CLOSE) {
        core_stream_end(stream, TACHO_OUTCOME_ABORTED);
    } else {
        core_stream_yielded(stream, item);
    }
}

/* The step has raised; StopAsyncIteration is the end of the async generator. */
static void raised(core_step *self) {
    core_stream *stream = self->stream;
    if (!self->entered) {
        return;
    }
    leave(self);
    if (!PyErr_ExceptionMatches(PyExc_StopAsyncIteration)) {
        core_stream_end_raised(stream);
        return;
    }
    core_raised stop = core_raised_take();
    if (core_stream_end_returned(stream, NULL) == 0) {
        core_raised_put(&stop);
        return;
    }
    Py_XDECREF(stop.type); /* the exception of the hook counts */
    Py_XDECREF(stop.value);
    Py_XDECREF(stop.traceback);
}

static PySendResult step_send_to(PyObject *object, PyObject *value, PyObject **result) {
    core_step *self = (core_step *)object;
    enter(self);
    PySendResult how = core_send(self->inner, value, result);
    if (how == PYGEN_RETURN) {
        stepped(self, *result);
    } else if (how == PYGEN_ERROR) {
        raised(self);
    }
    return how;
}

static PyObject *step_send(PyObject *self, PyObject *value) {
    PyObject *result = NULL;
    if (step_send_to(self, value, &result) == PYGEN_RETURN) {
        core_raise_stop(result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *step_next(PyObject *self) {
    return step_send(self, Py_None);
}

static PyObject *call_inner(core_step *self, const char *name, PyObject *args) {
    PyObject *method = PyObject_GetAttrString(self->inner, name);
    PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
    Py_XDECREF(method);
    return result;
}

static PyObject *step_throw(core_step *self, PyObject *args) {
    enter(self);
    PyObject *result = call_inner(self, "throw", args);
    if (result != NULL) {
        return result; /* it waits again */
    }
    PyObject *item = core_stop_value();
    if (item == NULL) {
        raised(self);
        return NULL;
    }
    stepped(self, item);
    core_raise_stop(item);
    Py_DECREF(item);
    return NULL;
}

static PyObject *step_close(core_step *self, PyObject *unused) {
    (void)unused;
    PyObject *result = call_inner(self, "close", NULL);
    leave(self);
    return result;
}

static PyObject *step_await(PyObject *self) {
    return core_own(self);
}

static int step_traverse(core_step *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->stream);
    Py_VISIT(self->inner);
    return 0;
}

static void step_dealloc(core_step *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    leave(self);
    Py_CLEAR(self->inner);
    Py_CLEAR(self->stream);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef step_methods[] = {{"send", CORE_METHOD(step_send), METH_O, NULL},
                                     {"throw", CORE_METHOD(step_throw), METH_VARARGS, NULL},
                                     {"close", CORE_METHOD(step_close), METH_NOARGS, NULL},
                                     {NULL, NULL, 0, NULL}};

static PyType_Slot step_slots[] = {{Py_tp_dealloc, (void *)step_dealloc},   {Py_tp_traverse, (void *)step_traverse},
                                   {Py_tp_iter, (void *)PyObject_SelfIter}, {Py_tp_iternext, (void *)step_next},
                                   {Py_am_await, (void *)step_await},
#if PY_VERSION_HEX >= 0x030A0000
                                   {Py_am_send, (void *)step_send_to},
#endif
                                   {Py_tp_methods, step_methods},           {0, NULL}};

PyType_Spec core_step_spec = {.name = "tachograph._core.Step",
                              .basicsize = sizeof(core_step),
                              .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                              .slots = step_slots};

/* ------------------------------------------------------------------------------------------------- async generator */

/* The awaitable that the async generator gives for a call of its own. */
static PyObject *awaitable(core_stream *self, const char *name, PyObject *args, step_kind kind) {
    if (self->inner == NULL) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return NULL;
    }
    PyObject *method = PyObject_GetAttrString(self->inner, name);
    PyObject *inner = method == NULL ? NULL : PyObject_CallObject(method, args);
    Py_XDECREF(method);
    return step_new(self, inner, kind);
}

static PyObject *generator_anext(PyObject *self) {
    return awaitable((core_stream *)self, "__anext__", NULL, STEP_ITEM);
}

static PyObject *generator_asend(core_stream *self, PyObject *args) {
    return awaitable(self, "asend", args, STEP_ITEM);
}

static PyObject *generator_athrow(core_stream *self, PyObject *args) {
    self->begun = 1; /* thrown into before its first step: never recorded */
    return awaitable(self, "athrow", args, STEP_ITEM);
}

static PyObject *generator_aclose(core_stream *self, PyObject *unused) {
    (void)unused;
    return awaitable(self, "aclose", NULL, STEP_CLOSE);
}

static PyMethodDef generator_methods[] = {{"asend", CORE_METHOD(generator_asend), METH_VARARGS, NULL},
                                          {"athrow", CORE_METHOD(generator_athrow), METH_VARARGS, NULL},
                                          {"aclose", CORE_METHOD(generator_aclose), METH_NOARGS, NULL},
                                          {NULL, NULL, 0, NULL}};

static PyGetSetDef generator_getset[] = {{"__class__", (getter)core_stream_class, NULL, NULL, NULL},
                                         {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef generator_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(core_stream, weak), READONLY, NULL}, {NULL, 0, 0, 0, NULL}};

static PyType_Slot generator_slots[] = {{Py_tp_dealloc, (void *)core_stream_dealloc},
                                        {Py_tp_traverse, (void *)core_stream_traverse},
                                        {Py_tp_clear, (void *)core_stream_clear},
                                        {Py_tp_getattro, (void *)core_stream_getattro},
                                        {Py_tp_repr, (void *)core_stream_repr},
                                        {Py_am_aiter, (void *)PyObject_SelfIter},
                                        {Py_am_anext, (void *)generator_anext},
                                        {Py_tp_methods, generator_methods},
                                        {Py_tp_getset, generator_getset},
                                        {Py_tp_members, generator_members},
                                        {0, NULL}};

PyType_Spec core_async_generator_spec = {.name = "tachograph._core.AsyncGenerator",
                                         .basicsize = sizeof(core_stream),
                                         .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                         .slots = generator_slots};
