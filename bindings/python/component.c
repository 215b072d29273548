/**
 * Two small types: Component, the context manager of operation.component(name), and Ready, the awaitable of
 * __aenter__ and __aexit__, which have nothing to wait for.
 */
#include "core.h"

typedef struct component {
    PyObject_HEAD core_operation *op;
    PyObject *name;
    uint64_t began_id; /* of the operation, which may begin again as another one */
    uint64_t began_ns; /* from the begin of the operation */
} component;

static PyObject *component_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    core_state *state = core_state_of(type);
    PyObject *op, *name;
    if (state == NULL || !PyArg_ParseTuple(args, "O!O:component", state->operation_type, &op, &name)) {
        return NULL;
    }
    component *self = (component *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->op = core_own(op);
        self->name = core_own(name);
    }
    return (PyObject *)self;
}

static PyObject *component_enter(component *self, PyObject *unused) {
    (void)unused;
    self->began_id = tacho_operation_id(&self->op->op);
    self->began_ns = tacho_operation_elapsed_ns(&self->op->op);
    return core_own(self);
}

static PyObject *component_exit(component *self, PyObject *args) {
    (void)args;
    uint64_t now = tacho_operation_elapsed_ns(&self->op->op);
    core_text name = core_text_of(self->name);
    tacho_status status = TACHO_OK;
    /* Once the operation has begun again, how long the part took is not known: no duration, which the core counts. */
    int same = self->began_id == tacho_operation_id(&self->op->op) && now >= self->began_ns;
    if (self->op->series != NULL) {
        status = tacho_operation_component(&self->op->op, name.bytes, same ? now - self->began_ns : UINT64_MAX);
    }
    core_text_done(&name);
    return core_done(self->op->series == NULL ? NULL : self->op->series->collector, status);
}

static PyObject *component_aenter(component *self, PyObject *unused) {
    (void)component_enter(self, unused);
    PyObject *ready = core_ready_new(self->op->scope.state, (PyObject *)self);
    Py_DECREF(self);
    return ready;
}

static PyObject *component_aexit(component *self, PyObject *args) {
    PyObject *left = component_exit(self, args);
    PyObject *ready = left == NULL ? NULL : core_ready_new(self->op->scope.state, left);
    Py_XDECREF(left);
    return ready;
}

static int component_traverse(component *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->op);
    return 0;
}

static void component_dealloc(component *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->op);
    Py_CLEAR(self->name);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef component_methods[] = {{"__enter__", CORE_METHOD(component_enter), METH_NOARGS, NULL},
                                          {"__exit__", CORE_METHOD(component_exit), METH_VARARGS, NULL},
                                          {"__aenter__", CORE_METHOD(component_aenter), METH_NOARGS, NULL},
                                          {"__aexit__", CORE_METHOD(component_aexit), METH_VARARGS, NULL},
                                          {NULL, NULL, 0, NULL}};

static PyType_Slot component_slots[] = {{Py_tp_doc, "Times one named part of an operation."},
                                        {Py_tp_new, (void *)component_new},
                                        {Py_tp_dealloc, (void *)component_dealloc},
                                        {Py_tp_traverse, (void *)component_traverse},
                                        {Py_tp_methods, component_methods},
                                        {0, NULL}};

PyType_Spec core_component_spec = {.name = "tachograph._core.Component",
                                   .basicsize = sizeof(component),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                   .slots = component_slots};

/* ----------------------------------------------------------------------------------------------------------- Ready */

typedef struct ready {
    PyObject_HEAD PyObject *value; /* NULL = taken */
} ready;

PyObject *core_ready_new(core_state *state, PyObject *value) {
    ready *self = (ready *)state->ready_type->tp_alloc(state->ready_type, 0);
    if (self != NULL) {
        self->value = core_own(value);
    }
    return (PyObject *)self;
}

static PyObject *ready_await(PyObject *self) {
    return core_own(self);
}

/* The value is an operation, a session, a component or None: never one that StopIteration would take apart. */
static PyObject *ready_next(ready *self) {
    if (self->value == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "already awaited");
        return NULL;
    }
    PyErr_SetObject(PyExc_StopIteration, self->value);
    Py_CLEAR(self->value);
    return NULL;
}

static int ready_traverse(ready *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->value);
    return 0;
}

static void ready_dealloc(ready *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->value);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot ready_slots[] = {{Py_tp_dealloc, (void *)ready_dealloc},
                                    {Py_tp_traverse, (void *)ready_traverse},
                                    {Py_tp_iternext, (void *)ready_next},
                                    {Py_am_await, (void *)ready_await},
                                    {0, NULL}};

PyType_Spec core_ready_spec = {.name = "tachograph._core.Ready",
                               .basicsize = sizeof(ready),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                               .slots = ready_slots};
