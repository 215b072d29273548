/**
 * The wrapper that @track puts around a function: a C type with vectorcall, so that a call hands its arguments through
 * as they came, and a method descriptor, so that obj.method() makes no bound method. It adds no frame to a traceback.
 *
 * To the program it looks like the function: attributes go to its own dictionary first (filled as functools.wraps fills
 * it) and to the function where that has none; __class__ is the function's, so that inspect, frameworks and tools that
 * ask "is this a function, is it async" get the answer they had without it.
 */
#include "core.h"

/* ------------------------------------------------------------------------------------------------------- recording */

CORE_RARE static core_series *bind_again(core_tracked *self) {
    core_raised raised = core_raised_take();
    core_collector *collector = core_standard(self->state);
    core_series *old = self->series;
    core_series *series = NULL;
    if (collector != NULL) {
        series = core_series_bind(collector, old->kind, old->name, old->provider, old->model, old->tags);
    }
    if (series != NULL) {
        Py_SETREF(self->series, series);
        self->generation = self->state->generation;
    }
    PyErr_Clear();
    core_raised_put(&raised);
    return series;
}

core_series *core_tracked_series(core_tracked *self) {
    return self->follows && self->generation != self->state->generation ? bind_again(self) : self->series;
}

static void enter(core_operation *op, const core_place *place) {
    if (!op->scope.state->greenlets) {
        core_stack_push(op, place);
        return;
    }
    op->entered = core_scope_enter(&op->scope, &op->previous) == 0;
    PyErr_Clear();
}

/* Both places are looked at: the program may have ended or entered the operation by hand, through current(). */
static void leave(core_operation *op) {
    if (op->stack != NULL) {
        core_stack_pop(op);
    }
    if (op->entered) {
        PyObject *previous = op->previous;
        op->previous = NULL;
        op->entered = 0;
        core_scope_leave(&op->scope, previous);
    }
}

static inline core_operation *begin(core_tracked *self) {
    core_series *series = core_tracked_series(self);
    core_operation *op = series == NULL ? NULL : core_operation_take(self->state);
    if (op == NULL) {
        PyErr_Clear();
        return NULL;
    }
    op->series = core_own(series);
    op->metadata = core_own(self->metadata);
    core_scope *outer = NULL;
    if (self->nest) {
        core_place place;
        outer = core_scope_find(self->state, &place);
        enter(op, &place);
    }
    core_operation_begin(op, outer); /* last: the clock is read in there */
    Py_XDECREF(outer);
    return op;
}

static int report_cost(core_tracked *self, core_operation *op, PyObject *result) {
    PyObject *usd = PyObject_CallOneArg(self->cost, result);
    int64_t pusd;
    if (usd != NULL && usd != Py_None && core_money_of(usd, &pusd) == TACHO_OK) {
        (void)tacho_operation_cost(&op->op, pusd);
    }
    Py_XDECREF(usd);
    return core_forgive(op->series->collector);
}

int core_tracked_report(core_tracked *self, core_operation *op, PyObject *result) {
    if (self->usage_is_result && core_operation_report(op, result, NULL) < 0) {
        return -1;
    }
    if (self->usage != NULL) {
        PyObject *usage = PyObject_CallOneArg(self->usage, result);
        int failed = usage == NULL ? core_forgive(op->series->collector) < 0
                                   : usage != Py_None && core_operation_report(op, usage, NULL) < 0;
        Py_XDECREF(usage);
        if (failed) {
            return -1;
        }
    }
    return self->cost == NULL ? 0 : report_cost(self, op, result);
}

static PyObject *call(PyObject *callable, PyObject *const *arguments, size_t count, PyObject *names) {
    core_tracked *self = (core_tracked *)callable;
    core_operation *op = begin(self);
    PyObject *result = PyObject_Vectorcall(self->wrapped, arguments, count, names);
    if (op == NULL) {
        return result;
    }
    leave(op);
    if (result == NULL) {
        core_failure_end(op);
    } else {
        if (self->reports && core_tracked_report(self, op, result) < 0) {
            Py_CLEAR(result);
        }
        (void)tacho_end(&op->op, op->planned);
    }
    op->phase = CORE_ENDED;
    core_operation_return(op);
    return result;
}

/* A coroutine, generator or async generator: measured from its first step on. */
static PyObject *call_lazy(PyObject *callable, PyObject *const *arguments, size_t count, PyObject *names) {
    core_tracked *self = (core_tracked *)callable;
    PyObject *inner = PyObject_Vectorcall(self->wrapped, arguments, count, names);
    if (inner == NULL) {
        return NULL; /* the arguments did not fit: nothing to measure */
    }
    PyObject *outer = self->shape == CORE_ASYNC ? core_coroutine_new(self, inner) : core_stream_new(self, inner);
    Py_DECREF(inner);
    return outer;
}

/* -------------------------------------------------------------------------------------------------------- creation */

/* What functools.update_wrapper copies, and the function's own attributes. */
static int copy_attributes(PyObject *dict, PyObject *wrapped) {
    static const char *const names[] = {"__module__", "__name__",        "__qualname__",
                                        "__doc__",    "__annotations__", "__type_params__"};
    PyObject *own = PyObject_GetAttrString(wrapped, "__dict__");
    int failed = own != NULL && PyDict_Check(own) && PyDict_Update(dict, own) < 0;
    Py_XDECREF(own);
    PyErr_Clear();
    for (size_t i = 0; !failed && i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *value = PyObject_GetAttrString(wrapped, names[i]);
        failed = value != NULL && PyDict_SetItemString(dict, names[i], value) < 0;
        PyErr_Clear();
        Py_XDECREF(value);
    }
    return failed || PyDict_SetItemString(dict, "__wrapped__", wrapped) < 0 ? -1 : 0;
}

static core_series *bind(core_collector *collector, PyObject *function, const core_track_options *options) {
    PyObject *name = core_given(options->name) == NULL ? core_function_name(function) : core_own(options->name);
    core_series *series = name == NULL ? NULL
                                       : core_series_find(collector, options->kind, name, options->provider,
                                                          options->model, options->tags);
    Py_XDECREF(name);
    return series;
}

static PyObject *wrap(core_state *state, core_collector *collector, PyObject *function,
                      const core_track_options *options) {
    core_shape shape;
    if (core_shape_of(function, &shape) < 0) {
        return NULL;
    }
    core_series *series = bind(collector, function, options);
    if (series == NULL || !core_recording(collector)) { /* disabled, but checked all the same */
        Py_XDECREF(series);
        return series == NULL ? NULL : core_own(function);
    }
    core_tracked *self = (core_tracked *)state->tracked_type->tp_alloc(state->tracked_type, 0);
    if (self == NULL) {
        Py_DECREF(series);
        return NULL;
    }
    self->vectorcall = shape == CORE_SYNC ? call : call_lazy;
    self->state = state;
    self->wrapped = core_own(function);
    self->series = series;
    self->usage = core_own(core_given(options->usage));
    self->cost = core_own(core_given(options->cost));
    self->metadata = core_own(core_given(options->metadata));
    self->generation = state->generation;
    self->follows = core_given(options->collector) == NULL;
    self->nest = (char)(options->nest != 0);
    self->usage_is_result = (char)(options->usage_is_result != 0);
    self->reports = self->usage != NULL || self->cost != NULL || self->usage_is_result;
    self->shape = shape;
    self->dict = PyDict_New();
    if (self->dict == NULL || copy_attributes(self->dict, function) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int check_hooks(const core_track_options *options) {
    if ((core_given(options->usage) != NULL && !PyCallable_Check(options->usage)) ||
        (core_given(options->cost) != NULL && !PyCallable_Check(options->cost))) {
        PyErr_SetString(PyExc_TypeError, "usage= and cost= are functions of the result");
        return -1;
    }
    return 0;
}

/* @track over @classmethod or @staticmethod: the function inside is tracked. */
static PyObject *wrap_inside(core_state *state, PyObject *function, const core_track_options *options) {
    PyObject *inner = PyObject_GetAttrString(function, "__func__");
    PyObject *tracked = inner == NULL ? NULL : core_track(state, inner, options);
    PyObject *outer = tracked == NULL ? NULL : PyObject_CallOneArg((PyObject *)Py_TYPE(function), tracked);
    Py_XDECREF(inner);
    Py_XDECREF(tracked);
    return outer;
}

PyObject *core_track(core_state *state, PyObject *function, const core_track_options *options) {
    if (check_hooks(options) < 0) {
        return NULL;
    }
    if (Py_TYPE(function) == &PyClassMethod_Type || Py_TYPE(function) == &PyStaticMethod_Type) {
        return wrap_inside(state, function, options);
    }
    if (Py_TYPE(function) == state->tracked_type) { /* wrapped twice: recorded once, as the outer one says */
        function = ((core_tracked *)function)->wrapped;
    }
    PyObject *given = core_given(options->collector);
    if (given != NULL && !PyObject_TypeCheck(given, state->collector_type)) {
        PyErr_Format(PyExc_TypeError, "collector must be a Collector, not %.80s", Py_TYPE(given)->tp_name);
        return NULL;
    }
    core_collector *collector = given == NULL ? core_standard(state) : (core_collector *)given;
    return collector == NULL ? NULL : wrap(state, collector, function, options);
}

PyObject *core_track_function(core_state *state, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"function", "name", "kind",     "provider",  "model",    "tags", "usage",
                            "cost",     "nest", "response", "collector", "metadata", NULL};
    core_track_options options = {.nest = 1};
    PyObject *function;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOOOOOppOO:track", names, &function, &options.name,
                                     &options.kind, &options.provider, &options.model, &options.tags, &options.usage,
                                     &options.cost, &options.nest, &options.usage_is_result, &options.collector,
                                     &options.metadata)) {
        return NULL;
    }
    return core_track(state, function, &options);
}

/* ------------------------------------------------------------------------------------------------------------ type */

static PyObject *tracked_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    core_state *state = core_state_of(type);
    return state == NULL ? NULL : core_track_function(state, args, kwargs);
}

static PyObject *tracked_get(PyObject *self, PyObject *object, PyObject *type) {
    (void)type;
    return object == NULL || object == Py_None ? core_own(self) : PyMethod_New(self, object);
}

static PyObject *tracked_getattro(PyObject *self, PyObject *name) {
    PyObject *value = PyObject_GenericGetAttr(self, name);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        value = PyObject_GetAttr(((core_tracked *)self)->wrapped, name);
    }
    return value;
}

static PyObject *tracked_repr(core_tracked *self) {
    return PyUnicode_FromFormat("<tracked %R>", self->wrapped);
}

static PyObject *get_class(core_tracked *self, void *unused) {
    (void)unused;
    return core_own(PyFunction_Check(self->wrapped) ? (PyObject *)Py_TYPE(self->wrapped) : (PyObject *)Py_TYPE(self));
}

/* Pickled as any function is: by the name it is found under. */
static PyObject *tracked_reduce(PyObject *self, PyObject *unused) {
    (void)unused;
    return PyObject_GetAttrString(self, "__qualname__");
}

static int tracked_traverse(core_tracked *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->wrapped);
    Py_VISIT(self->dict);
    Py_VISIT(self->series);
    Py_VISIT(self->usage);
    Py_VISIT(self->cost);
    Py_VISIT(self->metadata);
    return 0;
}

static int tracked_clear(core_tracked *self) {
    Py_CLEAR(self->dict);
    Py_CLEAR(self->usage);
    Py_CLEAR(self->cost);
    Py_CLEAR(self->metadata);
    return 0;
}

static void tracked_dealloc(core_tracked *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weak != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    (void)tracked_clear(self);
    Py_CLEAR(self->series);
    Py_CLEAR(self->wrapped);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef tracked_methods[] = {{"__reduce__", tracked_reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyGetSetDef tracked_getset[] = {{"__class__", (getter)get_class, NULL, NULL, NULL},
                                       {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
                                       {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef tracked_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(core_tracked, vectorcall), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(core_tracked, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(core_tracked, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot tracked_slots[] = {{Py_tp_new, (void *)tracked_new},
                                      {Py_tp_dealloc, (void *)tracked_dealloc},
                                      {Py_tp_traverse, (void *)tracked_traverse},
                                      {Py_tp_clear, (void *)tracked_clear},
                                      {Py_tp_call, (void *)PyVectorcall_Call},
                                      {Py_tp_descr_get, (void *)tracked_get},
                                      {Py_tp_getattro, (void *)tracked_getattro},
                                      {Py_tp_setattro, (void *)PyObject_GenericSetAttr},
                                      {Py_tp_repr, (void *)tracked_repr},
                                      {Py_tp_methods, tracked_methods},
                                      {Py_tp_getset, tracked_getset},
                                      {Py_tp_members, tracked_members},
                                      {0, NULL}};

PyType_Spec core_tracked_spec = {.name = "tachograph._core.Tracked",
                                 .basicsize = sizeof(core_tracked),
                                 .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                                          Py_TPFLAGS_METHOD_DESCRIPTOR,
                                 .slots = tracked_slots};
