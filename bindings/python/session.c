/**
 * Sessions: a `with` or `async with` block to which everything inside belongs.
 */
#include "core.h"

core_session *core_session_new(core_collector *collector, PyObject *id, PyObject *summary) {
    core_session *session = PyObject_GC_New(core_session, collector->state->session_type);
    if (session == NULL) {
        return NULL;
    }
    session->scope.state = collector->state;
    session->scope.sequence = 0;
    session->collector = core_own(collector);
    session->handle = NULL;
    session->id = core_own(core_given(id));
    session->summary = core_own(core_given(summary));
    session->outer = NULL;
    session->previous = NULL;
    PyObject_GC_Track(session);
    return session;
}

/* A full table still gives a working handle: its operations go to the counted slot `other`. */
static int session_open(core_session *session) {
    core_text id = core_text_of(session->id);
    tacho_status status = session->collector->handle == NULL
                              ? TACHO_OK
                              : tacho_session_open(session->collector->handle, id.bytes, &session->handle);
    core_text_done(&id);
    if (status != TACHO_OK && session->handle == NULL && session->collector->strict) {
        core_raise(session->scope.state, status, "opening a session");
        return -1;
    }
    if (session->id == NULL && session->handle != NULL) {
        session->id = core_string(tacho_session_id(session->handle));
    }
    return 0;
}

core_session *core_session_of(core_collector *collector, PyObject *value) {
    if (Py_TYPE(value) == collector->state->session_type) {
        return core_own(value);
    }
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "session must be a str or a Session, not %.80s", Py_TYPE(value)->tp_name);
        return NULL;
    }
    core_session *session = core_own(PyDict_GetItemWithError(collector->sessions, value));
    if (session != NULL || PyErr_Occurred()) {
        return session;
    }
    session = core_session_new(collector, value, NULL);
    if (session == NULL || session_open(session) < 0) {
        Py_XDECREF(session);
        return NULL;
    }
    if (PyDict_GET_SIZE(collector->sessions) >= CORE_SESSIONS) {
        PyDict_Clear(collector->sessions); /* they can be joined again by their ids */
    }
    if (PyDict_SetItem(collector->sessions, value, (PyObject *)session) < 0) {
        Py_CLEAR(session);
    }
    return session;
}

PyObject *core_session_function(core_collector *collector, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"id", "name", "user", "tags", "summary", NULL};
    PyObject *id = NULL, *name = NULL, *user = NULL, *tags = NULL, *summary = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOOO:session", names, &id, &name, &user, &tags, &summary)) {
        return NULL;
    }
    id = core_given(id);
    if (id != NULL && (!PyUnicode_Check(id) || PyUnicode_GET_LENGTH(id) == 0)) {
        PyErr_SetString(PyExc_TypeError, "the id of a session is a str of 1 to 200 bytes");
        return NULL;
    }
    return (PyObject *)core_session_new(collector, id, summary);
}

static PyObject *session_enter(core_session *self, PyObject *unused) {
    (void)unused;
    core_state *state = self->scope.state;
    if (self->handle != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this session is open already");
        return NULL;
    }
    core_place place;
    core_scope *outer = core_scope_find(state, &place);
    if (outer != NULL && Py_TYPE(outer) == state->operation_type) {
        core_operation_show((core_operation *)outer); /* kept by this session from now on */
    }
    Py_XSETREF(self->outer, outer);
    if (session_open(self) < 0) {
        return NULL;
    }
    self->scope.sequence = ++state->sequence;
    return core_scope_enter(&self->scope, &self->previous) < 0 ? NULL : core_own(self);
}

/* The summary is written by Python: it knows streams and paths. */
static int write_summary(core_session *self) {
    PyObject *results = PyImport_ImportModule("tachograph.results");
    PyObject *written = results == NULL ? NULL
                                        : PyObject_CallMethod(results, "write_summary", "OOO", self->collector,
                                                              self->id == NULL ? Py_None : self->id, self->summary);
    Py_XDECREF(results);
    Py_XDECREF(written);
    return written == NULL ? core_forgive(self->collector) : 0;
}

static PyObject *session_exit(core_session *self, PyObject *args) {
    (void)args;
    PyObject *previous = self->previous;
    self->previous = NULL;
    core_scope_leave(&self->scope, previous);
    Py_CLEAR(self->outer);
    tacho_session_end(self->handle);
    self->handle = NULL;
    if (self->summary != NULL && write_summary(self) < 0) {
        return NULL;
    }
    return core_none();
}

static PyObject *session_aenter(core_session *self, PyObject *unused) {
    PyObject *entered = session_enter(self, unused);
    PyObject *ready = entered == NULL ? NULL : core_ready_new(self->scope.state, entered);
    Py_XDECREF(entered);
    return ready;
}

static PyObject *session_aexit(core_session *self, PyObject *args) {
    PyObject *left = session_exit(self, args);
    PyObject *ready = left == NULL ? NULL : core_ready_new(self->scope.state, left);
    Py_XDECREF(left);
    return ready;
}

static PyObject *get_id(core_session *self, void *unused) {
    (void)unused;
    return self->id == NULL ? core_none() : core_own(self->id);
}

static PyObject *session_type_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    core_state *state = core_state_of(type);
    core_collector *collector = state == NULL ? NULL : core_standard(state);
    return collector == NULL ? NULL : core_session_function(collector, args, kwargs);
}

static int session_traverse(core_session *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->collector);
    Py_VISIT(self->summary);
    Py_VISIT(self->outer);
    Py_VISIT(self->previous);
    return 0;
}

static int session_clear(core_session *self) {
    Py_CLEAR(self->summary);
    Py_CLEAR(self->outer);
    Py_CLEAR(self->previous);
    return 0;
}

static void session_dealloc(core_session *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    tacho_session_end(self->handle);
    (void)session_clear(self);
    Py_CLEAR(self->id);
    Py_CLEAR(self->collector);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef session_methods[] = {{"__enter__", CORE_METHOD(session_enter), METH_NOARGS, NULL},
                                        {"__exit__", CORE_METHOD(session_exit), METH_VARARGS, NULL},
                                        {"__aenter__", CORE_METHOD(session_aenter), METH_NOARGS, NULL},
                                        {"__aexit__", CORE_METHOD(session_aexit), METH_VARARGS, NULL},
                                        {NULL, NULL, 0, NULL}};

static PyGetSetDef session_getset[] = {
    {"id", (getter)get_id, NULL, "The id; None before a session with a random id has begun.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot session_slots[] = {{Py_tp_doc, "One agent run or user session, as a `with` or `async with` block."},
                                      {Py_tp_new, (void *)session_type_new},
                                      {Py_tp_dealloc, (void *)session_dealloc},
                                      {Py_tp_traverse, (void *)session_traverse},
                                      {Py_tp_clear, (void *)session_clear},
                                      {Py_tp_methods, session_methods},
                                      {Py_tp_getset, session_getset},
                                      {0, NULL}};

PyType_Spec core_session_spec = {.name = "tachograph.Session",
                                 .basicsize = sizeof(core_session),
                                 .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                 .slots = session_slots};
