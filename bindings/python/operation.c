/**
 * The type Operation: an operation in flight, by `with`, `async with`, decorator, or start and end by hand; also what
 * current() gives inside a tracked call. What an operation reports is in operation_report.c.
 */
#include "core.h"

/* ------------------------------------------------------------------------------------------------------------ life */

static void operation_prepare(core_operation *op) {
    op->phase = CORE_NEW;
    op->planned = TACHO_OUTCOME_OK;
    op->entered = 0;
}

core_operation *core_operation_new(core_state *state) {
    core_operation *op = PyObject_GC_New(core_operation, state->operation_type);
    if (op == NULL) {
        return NULL;
    }
    op->scope.state = state;
    op->scope.sequence = 0;
    op->series = NULL;
    op->below = NULL;
    op->stack = NULL;
    op->context = NULL;
    op->previous = NULL;
    op->session = NULL;
    op->within = NULL;
    op->traceparent = op->metadata = NULL;
    op->shown = 0;
    operation_prepare(op);
    return op; /* tracked by the collector of garbage only when the program can see it */
}

void core_operation_show(core_operation *op) {
    if (!op->shown) {
        op->shown = 1;
        PyObject_GC_Track(op);
    }
}

core_operation *core_operation_take(core_state *state) {
    core_operation *op = state->pool;
    if (op == NULL) {
        return core_operation_new(state);
    }
    state->pool = op->below;
    state->pooled--;
    op->below = NULL;
    return op;
}

void core_operation_return(core_operation *op) {
    core_state *state = op->scope.state;
    if (Py_REFCNT(op) != 1 || state->pooled >= CORE_POOL) {
        Py_DECREF(op);
        return;
    }
    if (op->shown) {
        op->shown = 0;
        PyObject_GC_UnTrack(op);
    }
    Py_CLEAR(op->series);
    Py_CLEAR(op->within);
    Py_CLEAR(op->metadata);
    operation_prepare(op);
    op->below = state->pool;
    state->pool = op;
    state->pooled++;
}

void core_pool_clear(core_state *state) {
    while (state->pool != NULL) {
        core_operation *op = state->pool;
        state->pool = op->below;
        op->below = NULL;
        Py_DECREF(op);
    }
    state->pooled = 0;
}

CORE_RARE static void begin_with(core_operation *op, core_operation *parent, core_session *session) {
    core_text traceparent = core_text_of(op->traceparent);
    tacho_begin_options options = TACHO_BEGIN_OPTIONS_INIT;
    options.parent = parent == NULL ? NULL : &parent->op;
    options.session = session == NULL ? NULL : session->handle;
    options.traceparent = traceparent.bytes;
    (void)tacho_begin_with(op->series == NULL ? NULL : op->series->handle, &options, &op->op);
    core_text_done(&traceparent);
}

static void begin_inside(core_operation *op, core_scope *outer) {
    core_collector *collector = op->series == NULL ? NULL : op->series->collector;
    core_operation *parent = core_scope_operation(outer, collector);
    core_session *session = op->session != NULL ? op->session : core_scope_session(outer, collector);
    core_session *within = session == NULL && parent != NULL ? parent->within : session;
    Py_XSETREF(op->within, (core_session *)core_own(within));
    op->scope.sequence = ++op->scope.state->sequence;
    op->phase = CORE_OPEN;
    if (collector != NULL) {
        collector->used = 1;
    }
    if (session != NULL || op->traceparent != NULL) {
        begin_with(op, parent, session);
    } else {
        (void)tacho_begin(collector == NULL ? NULL : op->series->handle, parent == NULL ? NULL : &parent->op, &op->op);
    }
    if (collector != NULL && op->series->notes != NULL) {
        (void)core_metadata_add(op, op->series->notes);
    }
    if (op->metadata != NULL && collector != NULL) {
        (void)core_metadata_add(op, op->metadata);
    }
}

void core_operation_begin(core_operation *op, core_scope *outer) {
    if (outer != NULL || op->session != NULL || op->traceparent != NULL || op->metadata != NULL || op->within != NULL ||
        op->series == NULL || op->series->notes != NULL) {
        begin_inside(op, outer);
        return;
    }
    op->scope.sequence = ++op->scope.state->sequence;
    op->phase = CORE_OPEN;
    op->series->collector->used = 1;
    (void)tacho_begin(op->series->handle, NULL, &op->op);
}

void core_operation_begin_here(core_operation *op) {
    core_place place;
    core_scope *outer = core_scope_find(op->scope.state, &place);
    core_operation_begin(op, outer);
    Py_XDECREF(outer);
}

static tacho_status operation_end(core_operation *op, tacho_outcome outcome) {
    if (op->phase == CORE_NEW) {
        return TACHO_INVALID;
    }
    op->phase = CORE_ENDED;
    return tacho_end(&op->op, outcome);
}

/* -------------------------------------------------------------------------------------------------------- creation */

/* What cannot be followed or kept is told now: nothing raises in a begin. 0, or -1 in strict mode. */
static int check_begin(core_collector *collector, PyObject **traceparent, PyObject **metadata) {
    if (*traceparent != NULL) {
        core_text text = core_text_of(*traceparent);
        const int is_text = text.bytes != NULL;
        const tacho_status status = tacho_traceparent_check(text.bytes);
        core_text_done(&text);
        if (!is_text) {
            *traceparent = NULL;
            if (core_leave_out(collector, "traceparent", status) < 0) {
                return -1;
            }
        } else if (status != TACHO_OK && core_refuse(collector, "traceparent", status) < 0) { /* counted at the begin */
            return -1;
        }
    }
    if (*metadata != NULL && !PyDict_Check(*metadata) && !PyObject_HasAttrString(*metadata, "keys")) {
        *metadata = NULL;
        return core_leave_out(collector, "metadata", TACHO_INVALID);
    }
    return 0;
}

PyObject *core_operation_function(core_collector *collector, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"name", "kind", "provider", "model", "session", "tags", "metadata", "traceparent", NULL};
    PyObject *name, *kind = NULL, *provider = NULL, *model = NULL, *session = NULL, *tags = NULL;
    PyObject *metadata = NULL, *traceparent = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOOOOO:operation", names, &name, &kind, &provider, &model,
                                     &session, &tags, &metadata, &traceparent)) {
        return NULL;
    }
    core_operation *op = core_operation_new(collector->state);
    if (op == NULL) {
        return NULL;
    }
    (void)tacho_begin(NULL, NULL, &op->op);
    op->series = core_series_find(collector, kind, name, provider, model, tags);
    if (op->series != NULL && core_given(session) != NULL) {
        op->session = core_session_of(collector, session);
    }
    traceparent = core_given(traceparent);
    metadata = core_given(metadata);
    if (PyErr_Occurred() || (op->series != NULL && check_begin(collector, &traceparent, &metadata) < 0)) {
        Py_DECREF(op);
        return NULL;
    }
    op->traceparent = core_own(traceparent);
    op->metadata = core_own(metadata);
    core_operation_show(op);
    return (PyObject *)op;
}

static PyObject *operation_type_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    core_state *state = core_state_of(type);
    core_collector *collector = state == NULL ? NULL : core_standard(state);
    return collector == NULL ? NULL : core_operation_function(collector, args, kwargs);
}

static int operation_traverse(core_operation *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->series);
    Py_VISIT(self->session);
    Py_VISIT(self->within);
    Py_VISIT(self->previous);
    Py_VISIT(self->metadata);
    return 0;
}

static int operation_clear(core_operation *self) {
    Py_CLEAR(self->previous);
    Py_CLEAR(self->session);
    Py_CLEAR(self->within);
    Py_CLEAR(self->traceparent);
    Py_CLEAR(self->metadata);
    return 0; /* the series stays until the end: the operation in flight points into it */
}

static void operation_dealloc(core_operation *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->phase == CORE_OPEN && self->series != NULL) {
        (void)operation_end(self, TACHO_OUTCOME_ABORTED); /* begun and dropped */
    }
    (void)operation_clear(self);
    Py_CLEAR(self->series);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ----------------------------------------------------------------------------------------------- with, start, end */

static int is_nothing(const core_operation *op) {
    return op == op->scope.state->nothing;
}

/* TACHO_INVALID when it is running already. */
static tacho_status operation_start(core_operation *op) {
    if (op->phase == CORE_OPEN) {
        return is_nothing(op) ? TACHO_OK : TACHO_INVALID;
    }
    operation_prepare(op);
    core_operation_begin_here(op);
    return TACHO_OK;
}

static core_collector *collector_of(const core_operation *op) {
    return op->series == NULL ? NULL : op->series->collector;
}

static PyObject *operation_enter(core_operation *self, PyObject *unused) {
    (void)unused;
    if (is_nothing(self)) {
        return core_own(self);
    }
    tacho_status status = operation_start(self);
    if (status == TACHO_OK && !self->entered && self->series != NULL) {
        if (core_scope_enter(&self->scope, &self->previous) < 0) {
            return NULL;
        }
        self->entered = 1;
    }
    PyObject *done = core_done(collector_of(self), status);
    Py_XDECREF(done);
    return done == NULL ? NULL : core_own(self);
}

static void operation_leave(core_operation *self) {
    if (self->entered) {
        PyObject *previous = self->previous;
        self->previous = NULL;
        self->entered = 0;
        core_scope_leave(&self->scope, previous);
    }
}

static PyObject *operation_exit(core_operation *self, PyObject *args) {
    PyObject *type = NULL, *value = NULL, *traceback = NULL;
    if (!PyArg_UnpackTuple(args, "__exit__", 0, 3, &type, &value, &traceback)) {
        return NULL;
    }
    if (is_nothing(self)) {
        return core_none();
    }
    operation_leave(self);
    if (self->phase != CORE_OPEN) {
        return core_none(); /* ended by hand inside the block */
    }
    core_failure failure = {TACHO_CATEGORY_NONE, self->planned, ""};
    PyObject *error = core_given(value) != NULL ? value : core_given(type);
    if (error != NULL) {
        core_failure_given(error, &failure);
        if (failure.outcome != TACHO_OUTCOME_OK) {
            (void)tacho_operation_fail(&self->op, failure.category, failure.type[0] == '\0' ? NULL : failure.type);
        }
    }
    return core_done(collector_of(self), operation_end(self, failure.outcome));
}

static PyObject *operation_aenter(core_operation *self, PyObject *unused) {
    PyObject *entered = operation_enter(self, unused);
    PyObject *ready = entered == NULL ? NULL : core_ready_new(self->scope.state, entered);
    Py_XDECREF(entered);
    return ready;
}

static PyObject *operation_aexit(core_operation *self, PyObject *args) {
    PyObject *left = operation_exit(self, args);
    PyObject *ready = left == NULL ? NULL : core_ready_new(self->scope.state, left);
    Py_XDECREF(left);
    return ready;
}

static PyObject *operation_start_method(core_operation *self, PyObject *unused) {
    (void)unused;
    PyObject *done = core_done(collector_of(self), operation_start(self));
    Py_XDECREF(done);
    return done == NULL ? NULL : core_own(self);
}

static PyObject *operation_end_method(core_operation *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"outcome", NULL};
    PyObject *word = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:end", names, &word)) {
        return NULL;
    }
    if (is_nothing(self)) {
        return core_none();
    }
    tacho_outcome outcome = self->planned;
    tacho_status status = TACHO_OK;
    if (word != NULL) {
        core_text text = core_text_of(word);
        status = text.bytes == NULL ? TACHO_INVALID : tacho_outcome_parse(text.bytes, &outcome);
        core_text_done(&text);
    }
    operation_leave(self);
    tacho_status ended = operation_end(self, outcome);
    return core_done(collector_of(self), status == TACHO_OK ? ended : TACHO_INVALID);
}

/* As a decorator: every call of the function is an operation like this one. */
static PyObject *operation_call(core_operation *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"function", NULL};
    PyObject *function;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:operation", names, &function)) {
        return NULL;
    }
    core_series *series = self->series;
    if (series == NULL) {
        return core_own(function);
    }
    PyObject *kind = core_string(tacho_kind_text((int)series->kind));
    core_track_options options = {.name = series->name,
                                  .kind = kind,
                                  .provider = series->provider,
                                  .model = series->model,
                                  .tags = series->tags,
                                  .nest = 1,
                                  .collector = (PyObject *)series->collector};
    PyObject *tracked = kind == NULL ? NULL : core_track(self->scope.state, function, &options);
    Py_XDECREF(kind);
    return tracked;
}

/* ----------------------------------------------------------------------------------------------------- attributes */

static PyObject *get_seconds(core_operation *self, void *unused) {
    (void)unused;
    return self->phase == CORE_NEW || self->series == NULL
               ? core_none()
               : core_seconds((int64_t)tacho_operation_elapsed_ns(&self->op));
}

static PyObject *get_cost_usd(core_operation *self, void *unused) {
    (void)unused;
    return self->phase == CORE_NEW || self->series == NULL
               ? core_none()
               : core_money(self->scope.state, tacho_operation_cost_pusd(&self->op, NULL));
}

static PyObject *get_outcome(core_operation *self, void *unused) {
    (void)unused;
    int outcome = self->phase == CORE_ENDED && self->series != NULL ? tacho_operation_outcome(&self->op) : -1;
    return outcome < 0 ? core_none() : core_string(tacho_outcome_text(outcome));
}

static PyObject *get_id(core_operation *self, void *unused) {
    (void)unused;
    uint64_t id = self->phase == CORE_NEW ? 0 : tacho_operation_id(&self->op);
    if (id == 0) {
        return core_none();
    }
    char text[17];
    PyOS_snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
    return PyUnicode_FromString(text);
}

static PyObject *get_name(core_operation *self, void *unused) {
    (void)unused;
    return self->series == NULL ? core_none() : core_own(self->series->name);
}

static PyObject *get_kind(core_operation *self, void *unused) {
    (void)unused;
    return self->series == NULL ? core_none() : core_string(tacho_kind_text((int)self->series->kind));
}

static PyObject *get_record(core_operation *self, void *unused) {
    (void)unused;
    core_collector *collector = collector_of(self);
    if (collector == NULL || self->phase != CORE_ENDED) {
        return core_none();
    }
    PyObject *snapshot = core_snapshot_of_process(collector);
    PyObject *id = snapshot == NULL ? NULL : get_id(self, NULL);
    PyObject *results = id == NULL ? NULL : PyImport_ImportModule("tachograph.results");
    PyObject *record = results == NULL ? NULL : PyObject_CallMethod(results, "record_of", "OO", snapshot, id);
    Py_XDECREF(snapshot);
    Py_XDECREF(id);
    Py_XDECREF(results);
    return record;
}

static PyObject *operation_traceparent(core_operation *self, PyObject *unused) {
    (void)unused;
    char text[56];
    if (self->phase == CORE_NEW || self->series == NULL || tacho_operation_traceparent(&self->op, text) != TACHO_OK ||
        text[0] == '\0') {
        return core_none();
    }
    return PyUnicode_FromString(text);
}

static PyObject *operation_repr(core_operation *self) {
    static const char *const phases[] = {"not begun", "running", "ended"};
    if (self->series == NULL) {
        return PyUnicode_FromString("<tachograph.Operation that records nothing>");
    }
    return PyUnicode_FromFormat("<tachograph.Operation %R %s, %s>", self->series->name,
                                tacho_kind_text((int)self->series->kind), phases[self->phase]);
}

static PyObject *operation_component(core_operation *self, PyObject *name) {
    return PyObject_CallFunction((PyObject *)self->scope.state->component_type, "OO", self, name);
}

#define NAMED(function, flags) CORE_METHOD(function), (flags) | METH_KEYWORDS
static PyMethodDef operation_methods[] = {
    {"__enter__", CORE_METHOD(operation_enter), METH_NOARGS, NULL},
    {"__exit__", CORE_METHOD(operation_exit), METH_VARARGS, NULL},
    {"__aenter__", CORE_METHOD(operation_aenter), METH_NOARGS, NULL},
    {"__aexit__", CORE_METHOD(operation_aexit), METH_VARARGS, NULL},
    {"start", CORE_METHOD(operation_start_method), METH_NOARGS,
     "Begin by hand and return the operation. It does not become the current one; end it with end()."},
    {"end", NAMED(operation_end_method, METH_VARARGS),
     "End by hand: outcome is ok, error, timeout, cancelled or aborted. A second end is counted and ignored."},
    {"component", CORE_METHOD(operation_component), METH_O,
     "A context manager that times one named part of the operation."},
    {"add_component", CORE_METHOD(core_operation_add_component), METH_VARARGS, "add_component(name, seconds)"},
    {"usage", NAMED(core_operation_usage, METH_VARARGS),
     "usage(response, dialect=None) or usage(input=..., output=..., ...): what the call consumed, in disjoint "
     "classes."},
    {"tool_call", NAMED(core_operation_tool_call, METH_VARARGS),
     "tool_call(name, seconds, success=True, error=None): one finished tool call inside this operation."},
    {"model", CORE_METHOD(core_operation_model), METH_O, "The id of the model that answered."},
    {"provider", CORE_METHOD(core_operation_provider), METH_O, "The provider that answered."},
    {"cost", CORE_METHOD(core_operation_cost), METH_O,
     "A cost in USD reported by the provider; it wins over the table's."},
    {"first_token", CORE_METHOD(core_operation_first_token), METH_NOARGS,
     "The first token arrived now; the first call wins."},
    {"retry", CORE_METHOD(core_operation_retry), METH_VARARGS, "retry(reason=None): one more attempt."},
    {"human", CORE_METHOD(core_operation_human), METH_NOARGS, "A human stepped in."},
    {"warn", CORE_METHOD(core_operation_warn), METH_VARARGS, "warn(type=None): a warning."},
    {"context", NAMED(core_operation_context, METH_VARARGS),
     "context(size, limit=None, compressed=False): size of the context window in tokens."},
    {"event", NAMED(core_operation_event, METH_VARARGS),
     "event(name, **fields): something that happened now; it stands in the record."},
    {"fail", NAMED(core_operation_fail, METH_VARARGS),
     "fail(category, type=None): it failed without an exception. The first call wins."},
    {"cache", CORE_METHOD(core_operation_cache), METH_VARARGS,
     "cache(name, event): a hit, miss, eviction or size_rejection of a cache of the application."},
    {"traceparent", CORE_METHOD(operation_traceparent), METH_NOARGS, "W3C trace context of this operation, or None."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef operation_getset[] = {
    {"seconds", (getter)get_seconds, NULL, "Duration in seconds, so far or at the end; None before the begin.", NULL},
    {"cost_usd", (getter)get_cost_usd, NULL, "Cost as Decimal; None when unknown.", NULL},
    {"outcome", (getter)get_outcome, NULL, "Outcome after the end, else None.", NULL},
    {"record", (getter)get_record, NULL, "The Record after the end; None before it, or when the ring has lost it.",
     NULL},
    {"id", (getter)get_id, NULL, "16 hex digits; None before the begin or when disabled.", NULL},
    {"name", (getter)get_name, NULL, "Name of the operation.", NULL},
    {"kind", (getter)get_kind, NULL, "Kind of the operation.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot operation_slots[] = {
    {Py_tp_doc, "An operation in flight: `with`, `async with`, decorator, or start() and end()."},
    {Py_tp_new, (void *)operation_type_new},
    {Py_tp_dealloc, (void *)operation_dealloc},
    {Py_tp_traverse, (void *)operation_traverse},
    {Py_tp_clear, (void *)operation_clear},
    {Py_tp_call, (void *)operation_call},
    {Py_tp_repr, (void *)operation_repr},
    {Py_tp_methods, operation_methods},
    {Py_tp_getset, operation_getset},
    {0, NULL}};

PyType_Spec core_operation_spec = {.name = "tachograph.Operation",
                                   .basicsize = sizeof(core_operation),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                   .slots = operation_slots};
