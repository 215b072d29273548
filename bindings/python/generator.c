/**
 * What a call of a tracked generator function gives. It stands between the consumer and the generator, hands send,
 * throw and close through, and measures from the first step to the end (semantics 7): a generator that is never stepped
 * is not recorded; one that is closed or dropped is aborted.
 *
 * Its operation is current only while a step runs. What the generator's own `with` blocks made current is taken back
 * after the step and put in place for the next one, so that the consumer never finds itself inside the generator, nor
 * the generator inside what the consumer has begun since. Values are put back by value, never by token: the next step
 * may come in another context or thread.
 *
 * Async generators (async_generator.c) share all of it but the steps themselves.
 */
#include "core.h"

/* ------------------------------------------------------------------------------------------------- begin and end */

static void begin(core_stream *self) {
    core_state *state = self->tracked->state;
    self->begun = 1;
    core_series *series = core_tracked_series(self->tracked);
    core_operation *op = series == NULL ? NULL : core_operation_take(state);
    if (op == NULL) {
        PyErr_Clear();
        return;
    }
    op->series = core_own(series);
    op->metadata = core_own(self->tracked->metadata);
    self->first_token = series->kind == TACHO_KIND_LLM;
    self->by_variable = self->tracked->shape == CORE_ASYNC_GENERATOR || state->greenlets;
    if (self->tracked->nest) {
        core_operation_begin_here(op);
    } else {
        core_operation_begin(op, NULL);
    }
    self->op = op;
}

/* The operation becomes current; the variable gets what it held inside when the last step ended. */
static void make_current(core_stream *self) {
    core_state *state = self->tracked->state;
    if (!self->by_variable) {
        core_place place;
        core_place_here(&place);
        core_stack_push(self->op, &place);
    }
    if (self->by_variable || state->ambient) {
        self->outside = core_ambient_get(state);
        if (self->stepped || self->by_variable) {
            core_ambient_set(state, self->stepped ? self->inside : (PyObject *)self->op);
        }
    }
}

void core_stream_enter(core_stream *self) {
    if (!self->begun) {
        begin(self);
    }
    if (self->op != NULL && self->tracked->nest) {
        make_current(self);
        self->current = 1;
    }
}

void core_stream_leave(core_stream *self) {
    if (!self->current) {
        return;
    }
    core_state *state = self->tracked->state;
    core_raised raised = core_raised_take();
    self->current = 0;
    self->stepped = 1;
    if (self->op->stack != NULL) {
        core_stack_pop(self->op);
    }
    if (self->by_variable || state->ambient) {
        Py_XSETREF(self->inside, core_ambient_get(state));
        core_ambient_set(state, self->outside);
        Py_CLEAR(self->outside);
    }
    core_raised_put(&raised);
}

/* Books it. What the variable held inside is of no use any more. */
static void finish(core_stream *self, core_operation *op, tacho_outcome outcome) {
    Py_CLEAR(self->last);
    Py_CLEAR(self->inside);
    (void)tacho_end(&op->op, outcome);
    op->phase = CORE_ENDED;
    core_operation_return(op);
}

static core_operation *take(core_stream *self) {
    core_operation *op = self->op;
    self->op = NULL;
    return op;
}

void core_stream_end(core_stream *self, tacho_outcome outcome) {
    core_operation *op = take(self);
    if (op != NULL) {
        finish(self, op, outcome);
    }
}

void core_stream_end_raised(core_stream *self) {
    core_operation *op = take(self);
    if (op != NULL) {
        core_raised raised = core_raised_take();
        Py_CLEAR(self->last);
        Py_CLEAR(self->inside);
        core_raised_put(&raised);
        core_failure_end(op);
        op->phase = CORE_ENDED;
        core_operation_return(op);
    }
}

int core_stream_end_returned(core_stream *self, PyObject *result) {
    core_operation *op = take(self);
    if (op == NULL) {
        return 0;
    }
    PyObject *told = core_given(result) != NULL ? result : self->last;
    int failed = told != NULL && self->tracked->reports && core_tracked_report(self->tracked, op, told) < 0;
    core_raised raised = core_raised_take();
    finish(self, op, op->planned);
    core_raised_put(&raised);
    return failed ? -1 : 0;
}

void core_stream_yielded(core_stream *self, PyObject *item) {
    if (self->op == NULL) {
        return;
    }
    if (self->first_token) {
        self->first_token = 0;
        (void)tacho_operation_first_token(&self->op->op);
    }
    if (self->tracked->reports) {
        Py_XSETREF(self->last, core_own(item));
    }
}

/* ----------------------------------------------------------------------------------------------------------- steps */

static PyObject *raise_taken_apart(void) {
    PyErr_SetNone(PyExc_StopIteration);
    return NULL;
}

static PySendResult step(PyObject *object, PyObject *value, PyObject **result) {
    core_stream *self = (core_stream *)object;
    *result = NULL;
    if (self->inner == NULL) {
        (void)raise_taken_apart();
        return PYGEN_ERROR;
    }
    if (self->running) { /* from within itself or from another thread: the generator refuses, and goes on running */
        return core_send(self->inner, value, result);
    }
    core_stream_enter(self);
    self->running = 1;
    PySendResult how = core_send(self->inner, value, result);
    self->running = 0;
    core_stream_leave(self);
    if (how == PYGEN_NEXT) {
        core_stream_yielded(self, *result);
    } else if (how == PYGEN_ERROR) {
        core_stream_end_raised(self);
    } else if (core_stream_end_returned(self, *result) < 0) {
        Py_CLEAR(*result);
        return PYGEN_ERROR;
    }
    return how;
}

static PyObject *generator_send(PyObject *self, PyObject *value) {
    PyObject *result = NULL;
    if (step(self, value, &result) == PYGEN_RETURN) {
        core_raise_stop(result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *generator_next(PyObject *self) {
    return generator_send(self, Py_None);
}

/* throw or close of the generator, as a step. */
static PyObject *call_inner(core_stream *self, const char *name, PyObject *args) {
    char outer = self->running;
    if (!outer) {
        core_stream_enter(self);
    }
    self->running = 1;
    PyObject *method = PyObject_GetAttrString(self->inner, name);
    PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, args);
    Py_XDECREF(method);
    self->running = outer;
    if (!outer) {
        core_stream_leave(self);
    }
    return result;
}

static PyObject *generator_throw(core_stream *self, PyObject *args) {
    if (self->inner == NULL) {
        return raise_taken_apart();
    }
    self->begun = 1; /* thrown into before its first step: never recorded */
    PyObject *result = call_inner(self, "throw", args);
    if (self->running || self->op == NULL) {
        return result;
    }
    if (result != NULL) {
        core_stream_yielded(self, result);
        return result;
    }
    PyObject *value = core_stop_value();
    if (value == NULL) {
        core_stream_end_raised(self);
        return NULL;
    }
    if (core_stream_end_returned(self, value) == 0) {
        core_raise_stop(value);
    }
    Py_DECREF(value);
    return NULL;
}

static PyObject *generator_close(core_stream *self, PyObject *unused) {
    (void)unused;
    self->begun = 1; /* closed before its first step: never recorded */
    PyObject *result = self->inner == NULL ? core_none() : call_inner(self, "close", NULL);
    if (self->running) {
        return result;
    }
    if (result == NULL) {
        core_stream_end_raised(self);
    } else {
        core_stream_end(self, TACHO_OUTCOME_ABORTED);
    }
    return result;
}

/* ------------------------------------------------------------------------------------------------------------ type */

PyObject *core_stream_new(core_tracked *tracked, PyObject *inner) {
    core_state *state = tracked->state;
    PyTypeObject *type = tracked->shape == CORE_ASYNC_GENERATOR ? state->async_generator_type : state->generator_type;
    core_stream *self = (core_stream *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->tracked = core_own(tracked);
        self->inner = core_own(inner);
    }
    return (PyObject *)self;
}

PyObject *core_stream_getattro(PyObject *self, PyObject *name) {
    return core_inner_getattro(self, ((core_stream *)self)->inner, name);
}

PyObject *core_stream_class(core_stream *self, void *unused) {
    (void)unused;
    return core_inner_class((PyObject *)self, self->inner);
}

PyObject *core_stream_repr(core_stream *self) {
    return core_inner_repr(self->inner);
}

int core_stream_traverse(core_stream *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->tracked);
    Py_VISIT(self->inner);
    Py_VISIT(self->op);
    Py_VISIT(self->last);
    Py_VISIT(self->inside);
    Py_VISIT(self->outside);
    return 0;
}

/* The generator's finally blocks run here, if it was left in the middle: inside its operation, as in any other step. */
static void drop_inner(core_stream *self) {
    const int inside = self->op != NULL && !self->current;
    if (inside) {
        core_stream_enter(self);
    }
    Py_CLEAR(self->inner);
    if (inside) {
        core_stream_leave(self);
    }
}

int core_stream_clear(core_stream *self) {
    drop_inner(self);
    Py_CLEAR(self->last);
    return 0;
}

void core_stream_dealloc(core_stream *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    core_raised raised = core_raised_take();
    if (self->weak != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    drop_inner(self);
    core_stream_leave(self);
    core_stream_end(self, TACHO_OUTCOME_ABORTED);
    Py_CLEAR(self->last);
    Py_CLEAR(self->inside);
    Py_CLEAR(self->outside);
    Py_CLEAR(self->tracked);
    core_raised_put(&raised);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef generator_methods[] = {{"send", CORE_METHOD(generator_send), METH_O, NULL},
                                          {"throw", CORE_METHOD(generator_throw), METH_VARARGS, NULL},
                                          {"close", CORE_METHOD(generator_close), METH_NOARGS, NULL},
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
                                        {Py_tp_iter, (void *)PyObject_SelfIter},
                                        {Py_tp_iternext, (void *)generator_next},
#if PY_VERSION_HEX >= 0x030A0000
                                        {Py_am_send, (void *)step},
#endif
                                        {Py_tp_methods, generator_methods},
                                        {Py_tp_getset, generator_getset},
                                        {Py_tp_members, generator_members},
                                        {0, NULL}};

PyType_Spec core_generator_spec = {.name = "tachograph._core.Generator",
                                   .basicsize = sizeof(core_stream),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                   .slots = generator_slots};
