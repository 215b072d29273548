/**
 * The type Snapshot: an immutable copy of all numbers, live or loaded; every reading function reads one.
 */
#include "core.h"
#include <errno.h>

typedef struct snapshot {
    PyObject_HEAD core_state *state;
    tacho_snapshot *handle;
} snapshot;

static PyObject *snapshot_new(core_state *state, tacho_snapshot *handle) {
    snapshot *self = (snapshot *)state->snapshot_type->tp_alloc(state->snapshot_type, 0);
    if (self == NULL) {
        tacho_snapshot_free(handle);
        return NULL;
    }
    self->state = state;
    self->handle = handle;
    return (PyObject *)self;
}

typedef tacho_status (*taker)(tacho_collector *collector, tacho_snapshot **out);

static PyObject *take(core_collector *collector, taker reader) {
    tacho_snapshot *handle = NULL;
    tacho_status status = reader(collector->handle, &handle);
    return status == TACHO_OK ? snapshot_new(collector->state, handle)
                              : core_raise(collector->state, status, "snapshot");
}

/* Of everybody that shares the collector's folder: that reads files, so others may run meanwhile. */
static tacho_status take_shared(tacho_collector *collector, tacho_snapshot **out) {
    tacho_status status;
    if (tacho_collector_dir(collector, NULL) == NULL) {
        return tacho_snapshot_take(collector, out);
    }
    collector = tacho_collector_retain(collector);
    Py_BEGIN_ALLOW_THREADS status = tacho_snapshot_take(collector, out);
    Py_END_ALLOW_THREADS tacho_collector_close(collector);
    return status;
}

PyObject *core_snapshot_of(core_collector *collector, PyObject *args) {
    int alone = 0;
    if (!PyArg_ParseTuple(args, "|p:take_snapshot", &alone)) {
        return NULL;
    }
    return take(collector, alone ? tacho_snapshot_take_process : take_shared);
}

PyObject *core_snapshot_of_process(core_collector *collector) {
    return take(collector, tacho_snapshot_take_process);
}

/* A file could not be used; the system's reason where it gave one. */
static PyObject *raise_file(core_state *state, tacho_status status, const char *name, int reason) {
    char detail[512];
    int by_system = status == TACHO_NOT_FOUND || status == TACHO_DENIED || status == TACHO_IO;
    PyOS_snprintf(detail, sizeof(detail), "%s: '%.400s'",
                  by_system && reason != 0 ? strerror(reason) : tacho_status_text(status), name);
    return core_raise_sentence(state, status, detail);
}

/* What save() leaves alone exists and is something else, which "the bytes are not of this format" does not tell. */
static PyObject *raise_save(core_state *state, tacho_status status, const char *name, int reason) {
    char detail[512];
    if (status != TACHO_FOREIGN) {
        return raise_file(state, status, name, reason);
    }
    PyOS_snprintf(detail, sizeof(detail), "it exists and is no snapshot, and was left alone: '%.400s'", name);
    return core_raise_sentence(state, status, detail);
}

/* -1 and an exception with the reason where the path is a folder; 0 where it is none. */
static int raise_registry(core_state *state, tacho_status status, const char *name) {
    char why[TACHO_REGISTRY_WHY], sentence[TACHO_REGISTRY_WHY + 500];
    if (status == TACHO_IO || !tacho_registry_why(name, status, why)) { /* the system says more of a failed reading */
        return 0;
    }
    PyOS_snprintf(sentence, sizeof(sentence), "the registry '%.400s' cannot be read: %s", name, why);
    core_raise_sentence(state, status, sentence);
    return -1;
}

PyObject *core_load(core_state *state, PyObject *path) {
    PyObject *encoded = NULL;
    if (!PyUnicode_FSConverter(path, &encoded)) {
        return NULL;
    }
    const char *name = PyBytes_AS_STRING(encoded);
    tacho_snapshot *handle = NULL;
    tacho_status status;
    int reason;
    Py_BEGIN_ALLOW_THREADS errno = 0;
    status = tacho_load(name, &handle);
    reason = errno;
    Py_END_ALLOW_THREADS PyObject *loaded = status == TACHO_OK ? snapshot_new(state, handle)
                                            : raise_registry(state, status, name) < 0
                                                ? NULL
                                                : raise_file(state, status, name, reason);
    Py_DECREF(encoded);
    return loaded;
}

static PyObject *snapshot_save(snapshot *self, PyObject *path) {
    PyObject *encoded = NULL;
    if (!PyUnicode_FSConverter(path, &encoded)) {
        return NULL;
    }
    const char *name = PyBytes_AS_STRING(encoded);
    tacho_status status;
    int reason;
    Py_BEGIN_ALLOW_THREADS errno = 0;
    status = tacho_save(self->handle, name);
    reason = errno;
    Py_END_ALLOW_THREADS PyObject *saved =
        status == TACHO_OK ? PyUnicode_DecodeFSDefault(name) : raise_save(self->state, status, name, reason);
    Py_DECREF(encoded);
    return saved;
}

typedef tacho_status (*rows_reader)(const tacho_snapshot *snapshot, tacho_rows **out);

static PyObject *read_rows(snapshot *self, rows_reader reader) {
    tacho_rows *rows = NULL;
    tacho_status status = reader(self->handle, &rows);
    return status == TACHO_OK ? core_table_of_rows(self->state, rows, (PyObject *)self)
                              : core_raise(self->state, status, NULL);
}

static PyObject *snapshot_operations(snapshot *self, PyObject *unused) {
    (void)unused;
    return read_rows(self, tacho_snapshot_operations);
}

static PyObject *snapshot_tools(snapshot *self, PyObject *unused) {
    (void)unused;
    return read_rows(self, tacho_snapshot_tools);
}

static PyObject *snapshot_models(snapshot *self, PyObject *unused) {
    (void)unused;
    return read_rows(self, tacho_snapshot_models);
}

static PyObject *snapshot_providers(snapshot *self, PyObject *unused) {
    (void)unused;
    return read_rows(self, tacho_snapshot_providers);
}

static PyObject *snapshot_usage(snapshot *self, PyObject *args, PyObject *kwargs) {
    core_query query;
    tacho_rows *rows = NULL;
    PyObject *table = NULL;
    if (core_query_read(self->state, args, kwargs, &query) == 0) {
        tacho_status status = tacho_snapshot_usage(self->handle, &query.query, &rows);
        table = status == TACHO_OK ? core_table_of_rows(self->state, rows, (PyObject *)self)
                                   : core_raise(self->state, status, query.query.session);
    }
    core_query_done(&query);
    return table;
}

static PyObject *snapshot_sessions(snapshot *self, PyObject *unused) {
    (void)unused;
    return read_rows(self, tacho_snapshot_sessions);
}

static PyObject *snapshot_caches(snapshot *self, PyObject *unused) {
    (void)unused;
    tacho_cache_rows *rows = NULL;
    tacho_status status = tacho_snapshot_caches(self->handle, &rows);
    return status == TACHO_OK ? core_table_of_caches(self->state, rows, (PyObject *)self)
                              : core_raise(self->state, status, NULL);
}

static PyObject *snapshot_metrics(snapshot *self, PyObject *args) {
    const char *name = NULL;
    tacho_metric_rows *rows = NULL;
    if (!PyArg_ParseTuple(args, "|z:metrics", &name)) {
        return NULL;
    }
    tacho_status status = tacho_snapshot_metrics(self->handle, name, &rows);
    return status == TACHO_OK ? core_table_of_metrics(self->state, rows, (PyObject *)self)
                              : core_raise(self->state, status, NULL);
}

static PyObject *records_table(snapshot *self, tacho_status status, tacho_records *records) {
    return status == TACHO_OK ? core_table_of_records(self->state, records, (PyObject *)self)
                              : core_raise(self->state, status, NULL);
}

static PyObject *snapshot_slowest(snapshot *self, PyObject *args) {
    Py_ssize_t n = 0;
    if (!PyArg_ParseTuple(args, "|n:slowest", &n)) {
        return NULL;
    }
    if (n < 0) {
        PyErr_SetString(PyExc_ValueError, "n must not be negative");
        return NULL;
    }
    tacho_records *records = NULL;
    tacho_status status = tacho_snapshot_slowest(self->handle, (size_t)n, &records);
    return records_table(self, status, records);
}

static PyObject *snapshot_records(snapshot *self, PyObject *args) {
    tacho_query query = TACHO_QUERY_INIT;
    query.all_kinds = 1;
    if (!PyArg_ParseTuple(args, "|z:records", &query.session)) {
        return NULL;
    }
    tacho_records *records = NULL;
    tacho_status status = tacho_snapshot_records(self->handle, &query, &records);
    return records_table(self, status, records);
}

static PyObject *snapshot_summary(snapshot *self, PyObject *args) {
    const char *session = NULL;
    if (!PyArg_ParseTuple(args, "|z:summary", &session)) {
        return NULL;
    }
    tacho_summary *summary = NULL;
    tacho_status status = tacho_snapshot_summary(self->handle, session, &summary);
    return status == TACHO_OK ? core_table_of_summary(self->state, summary, (PyObject *)self)
                              : core_raise(self->state, status, session);
}

static PyObject *snapshot_system(snapshot *self, PyObject *unused) {
    (void)unused;
    tacho_system system = TACHO_SYSTEM_INIT;
    tacho_status status = tacho_snapshot_system(self->handle, &system);
    return status == TACHO_OK ? core_table_of_system(self->state, &system) : core_raise(self->state, status, NULL);
}

static PyObject *snapshot_export(snapshot *self, PyObject *args) {
    const char *word;
    tacho_format format;
    if (!PyArg_ParseTuple(args, "s:export", &word)) {
        return NULL;
    }
    if (tacho_format_parse(word, &format) != TACHO_OK) {
        return PyErr_Format(PyExc_ValueError, "unknown format '%.40s'; it is one of json, jsonl, msgpack, text and csv",
                            word);
    }
    tacho_style style = TACHO_STYLE_INIT;
    core_output output = {NULL, 0, 0, 0};
    tacho_status status = tacho_export(self->handle, format, &style, core_output_sink, &output);
    return core_output_done(self->state, &output, status, format == TACHO_FORMAT_MSGPACK);
}

static PyObject *snapshot_merge(PyObject *left, PyObject *right) {
    if (Py_TYPE(left) != Py_TYPE(right)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    snapshot *a = (snapshot *)left, *b = (snapshot *)right;
    tacho_snapshot *merged = NULL;
    tacho_status status = tacho_snapshot_merge(a->handle, b->handle, &merged);
    return status == TACHO_OK ? snapshot_new(a->state, merged) : core_raise(a->state, status, "merge");
}

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%.80s objects come from snapshot() and load()", type->tp_name);
    return NULL;
}

static int snapshot_traverse(snapshot *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void snapshot_dealloc(snapshot *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    tacho_snapshot_free(self->handle);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef snapshot_methods[] = {
    {"operations", CORE_METHOD(snapshot_operations), METH_NOARGS, "Table of operations without kind tool."},
    {"tools", CORE_METHOD(snapshot_tools), METH_NOARGS, "Table of tools."},
    {"models", CORE_METHOD(snapshot_models), METH_NOARGS, "Table of models."},
    {"providers", CORE_METHOD(snapshot_providers), METH_NOARGS, "Table of providers."},
    {"usage", CORE_METHOD(snapshot_usage), METH_VARARGS | METH_KEYWORDS,
     "usage(by, *, kinds='usual', session=None, since=None, until=None): table by one or several keys."},
    {"caches", CORE_METHOD(snapshot_caches), METH_NOARGS, "One row per cache of the application."},
    {"metrics", CORE_METHOD(snapshot_metrics), METH_VARARGS, "One row per series of custom metrics."},
    {"sessions", CORE_METHOD(snapshot_sessions), METH_NOARGS, "Table of sessions."},
    {"slowest", CORE_METHOD(snapshot_slowest), METH_VARARGS, "slowest(n=0): table of the slowest records; 0 = 10."},
    {"records", CORE_METHOD(snapshot_records), METH_VARARGS, "records(session=None): table of the recent records."},
    {"summary", CORE_METHOD(snapshot_summary), METH_VARARGS, "summary(session=None): the session summary."},
    {"system", CORE_METHOD(snapshot_system), METH_NOARGS, "What runs, and what it takes of the machine."},
    {"export", CORE_METHOD(snapshot_export), METH_VARARGS, "export(format): str, or bytes for msgpack."},
    {"save", CORE_METHOD(snapshot_save), METH_O, "save(path): write JSON (.json) or MessagePack; gives the path."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot snapshot_slots[] = {{Py_tp_doc, "An immutable copy of all numbers; `a | b` merges two."},
                                       {Py_tp_new, (void *)no_new},
                                       {Py_tp_dealloc, (void *)snapshot_dealloc},
                                       {Py_tp_traverse, (void *)snapshot_traverse},
                                       {Py_tp_methods, snapshot_methods},
                                       {Py_nb_or, (void *)snapshot_merge},
                                       {0, NULL}};

PyType_Spec core_snapshot_spec = {.name = "tachograph._core.Snapshot",
                                  .basicsize = sizeof(snapshot),
                                  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                  .slots = snapshot_slots};
