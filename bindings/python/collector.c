/**
 * The type Collector and the default collector of the module.
 */
#include "core.h"
#include <string.h>

/* -------------------------------------------------------------------------------------------------------- settings */

#define SETTINGS 64
#define TOLD     256 /* sentences about settings that are remembered as told */

/* Settings in the text form that the core reads; `owners` keeps the texts alive. */
typedef struct arguments {
    tacho_setting list[SETTINGS];
    size_t count;
    PyObject *owners;
} arguments;

static int keep(arguments *out, PyObject *text, const char **slot) {
    if (text == NULL || PyList_Append(out->owners, text) < 0) {
        return -1;
    }
    *slot = PyUnicode_AsUTF8(text);
    return *slot == NULL ? -1 : 0;
}

static PyObject *text_of_setting(PyObject *value) {
    if (PyBool_Check(value)) {
        return PyUnicode_FromString(value == Py_True ? "true" : "false");
    }
    if (PyList_Check(value) || PyTuple_Check(value)) {
        PyObject *comma = PyUnicode_FromString(",");
        PyObject *joined = comma == NULL ? NULL : PyUnicode_Join(comma, value);
        Py_XDECREF(comma);
        return joined;
    }
    return PyObject_Str(value);
}

static int add_setting(arguments *out, PyObject *key, PyObject *value) {
    if (out->count >= SETTINGS) {
        PyErr_SetString(PyExc_ValueError, "too many settings");
        return -1;
    }
    tacho_setting *setting = &out->list[out->count++];
    PyObject *text = text_of_setting(value);
    int failed = keep(out, key, &setting->key) < 0 || keep(out, text, &setting->value) < 0;
    Py_XDECREF(text);
    return failed ? -1 : 0;
}

static int read_settings(PyObject *config, PyObject *prefix, arguments *out);

/* A dict may hold itself. */
static int read_nested(PyObject *config, PyObject *prefix, arguments *out) {
    if (Py_EnterRecursiveCall(" in settings")) {
        return -1;
    }
    int result = read_settings(config, prefix, out);
    Py_LeaveRecursiveCall();
    return result;
}

/* serve={"port": 9109} is the setting serve.port; None leaves a setting at what it would be without. */
static int read_settings(PyObject *config, PyObject *prefix, arguments *out) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (config != NULL && PyDict_Next(config, &at, &key, &value)) {
        if (!PyUnicode_Check(key)) {
            PyErr_SetString(PyExc_TypeError, "names of settings are str");
            return -1;
        }
        PyObject *full = prefix == NULL ? core_own(key) : PyUnicode_FromFormat("%U.%U", prefix, key);
        int failed = full == NULL;
        if (!failed && value != Py_None) {
            failed = PyDict_Check(value) ? read_nested(value, full, out) < 0 : add_setting(out, full, value) < 0;
        }
        Py_XDECREF(full);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

/* Settings of a dict, the environment and the files. NULL with an exception. */
static tacho_settings *settings_of(core_state *state, PyObject *config) {
    arguments given = {.count = 0, .owners = PyList_New(0)};
    tacho_settings *settings = NULL;
    char problem[400] = "";
    if (given.owners != NULL && read_settings(config, NULL, &given) == 0) {
        tacho_status status = tacho_settings_read(&settings, given.list, given.count, problem, sizeof(problem));
        if (status != TACHO_OK) {
            core_raise_sentence(state, status, problem);
            tacho_settings_free(settings);
            settings = NULL;
        }
    }
    Py_XDECREF(given.owners);
    return settings;
}

/* ------------------------------------------------------------------------------------------------------------ open */

/* What was skipped in the surroundings, as warnings of the logger "tachograph"; the same sentence once. */
CORE_RARE static void tell_problems(core_state *state, const tacho_settings *settings) {
    PyObject *logging = PyImport_ImportModule("logging");
    PyObject *logger = logging == NULL ? NULL : PyObject_CallMethod(logging, "getLogger", "s", "tachograph");
    const char *sentence;
    if (state->told == NULL) {
        state->told = PySet_New(NULL);
    }
    for (size_t i = 0; logger != NULL && state->told != NULL && (sentence = tacho_settings_problem(settings, i)); i++) {
        PyObject *text = core_string(sentence);
        PyObject *done = NULL;
        if (text != NULL && PySet_Contains(state->told, text) == 0 && PySet_GET_SIZE(state->told) < TOLD &&
            PySet_Add(state->told, text) == 0) {
            done = PyObject_CallMethod(logger, "warning", "sO", "%s", text);
        }
        Py_XDECREF(done);
        Py_XDECREF(text);
        PyErr_Clear();
    }
    PyErr_Clear();
    Py_XDECREF(logger);
    Py_XDECREF(logging);
}

/* What keeps a history is a module of its own; where it cannot be loaded, the settings are told as a problem. */
CORE_RARE static void load_history(const tacho_settings *settings) {
    PyObject *io = NULL;
    if (strcmp(tacho_settings_get(settings, "history", NULL), "off") != 0 && tacho_settings_enabled(settings)) {
        io = PyImport_ImportModule("tachograph._io");
        PyErr_Clear();
    }
    Py_XDECREF(io);
}

static tacho_status open_handle(core_collector *self) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_status status = tacho_settings_config(self->settings, &config);
    if (status != TACHO_OK) {
        return status;
    }
    config.flags |= TACHO_CONFIG_SERIALIZED;
    self->strict = (config.flags & TACHO_CONFIG_STRICT) != 0;
    load_history(self->settings);
    status = tacho_settings_open(self->settings, &config, &self->handle);
    if (status == TACHO_OK && !tacho_settings_enabled(self->settings)) {
        (void)tacho_collector_set_enabled(self->handle, 0);
    }
    return status;
}

static core_collector *collector_new(PyTypeObject *type, core_state *state, PyObject *config) {
    core_collector *self = (core_collector *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    self->series = PyDict_New();
    self->sessions = PyDict_New();
    self->settings = settings_of(state, config);
    if (self->series == NULL || self->sessions == NULL || self->settings == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    tacho_status status = open_handle(self);
    size_t skipped = tacho_settings_skipped(self->settings);
    if (status != TACHO_OK) {
        const char *last = skipped == 0 ? NULL : tacho_settings_problem(self->settings, skipped - 1);
        (void)(last == NULL ? core_raise(state, status, "opening a collector")
                            : core_raise_sentence(state, status, last));
        Py_CLEAR(self);
    } else if (skipped > 0) {
        tell_problems(state, self->settings);
    }
    return self;
}

static PyObject *collector_type_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_SetString(PyExc_TypeError, "Collector() takes settings by name only");
        return NULL;
    }
    core_state *state = core_state_of(type);
    return state == NULL ? NULL : (PyObject *)collector_new(type, state, kwargs);
}

int core_recording(const core_collector *collector) {
    return collector->handle != NULL && !collector->closed && tacho_collector_enabled(collector->handle);
}

/* The default collector is of the Python class, so that collector() has all its methods. */
static core_collector *standard_new(core_state *state, PyObject *config) {
    PyObject *module = PyImport_ImportModule("tachograph.collector");
    PyObject *type = module == NULL ? NULL : PyObject_GetAttrString(module, "Collector");
    core_collector *made = NULL;
    if (type != NULL && PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, state->collector_type)) {
        made = collector_new((PyTypeObject *)type, state, config);
    } else if (type != NULL) {
        PyErr_SetString(PyExc_TypeError, "tachograph.collector.Collector is not a Collector");
    }
    Py_XDECREF(module);
    Py_XDECREF(type);
    return made;
}

static void standard_replace(core_state *state, core_collector *made) {
    Py_XSETREF(state->standard, made);
    state->generation++;
}

core_collector *core_standard(core_state *state) {
    if (state->standard == NULL) {
        core_collector *made = standard_new(state, state->arguments);
        if (made == NULL) {
            return NULL;
        }
        if (state->standard == NULL) { /* importing the class may have come here first */
            standard_replace(state, made);
        } else {
            Py_DECREF(made);
        }
    }
    return state->standard;
}

core_collector *core_follow(core_state *state, uint64_t *generation, core_collector **followed) {
    *generation = state->generation;
    core_collector *collector = core_standard(state);
    *generation = state->generation; /* opening it may have changed that */
    if (collector == NULL) {
        PyErr_Clear();
        return NULL;
    }
    Py_XSETREF(*followed, core_own(collector));
    collector->used = 1;
    return collector;
}

/* ------------------------------------------------------------------------------------- configure, reset, close */

/* What may change while recording goes on. */
static int only_enabled(PyObject *config) {
    return config != NULL && PyDict_GET_SIZE(config) == 1 && PyDict_GetItemString(config, "enabled") != NULL;
}

PyObject *core_configure(core_state *state, PyObject *config) {
    core_collector *old = state->standard;
    if (old != NULL && !old->closed && only_enabled(config)) {
        tacho_settings *settings = settings_of(state, config); /* "false" is as good as False */
        if (settings == NULL) {
            return NULL;
        }
        (void)tacho_collector_set_enabled(old->handle, tacho_settings_enabled(settings));
        tacho_settings_free(settings);
        return core_own(old);
    }
    if (old != NULL && old->used && !old->closed) {
        return core_raise_sentence(state, TACHO_BUSY, "configure() after the first record may change `enabled` only");
    }
    PyObject *kept = config == NULL ? PyDict_New() : PyDict_Copy(config);
    core_collector *made = kept == NULL ? NULL : standard_new(state, kept);
    if (made == NULL) {
        Py_XDECREF(kept);
        return NULL;
    }
    Py_XSETREF(state->arguments, kept);
    standard_replace(state, made);
    return core_own(made);
}

static PyObject *collector_reset(core_collector *self, PyObject *unused) {
    (void)unused;
    tacho_status status;
    Py_BEGIN_ALLOW_THREADS status = tacho_collector_reset(self->handle);
    Py_END_ALLOW_THREADS self->used = 0;
    return status == TACHO_OK ? core_none() : core_raise(self->state, status, "reset");
}

PyObject *core_reset(core_state *state) {
    core_collector *old = state->standard;
    if (old == NULL) {
        return core_none(); /* nothing was recorded; the settings are read at the first use anyway */
    }
    tacho_settings *settings = settings_of(state, state->arguments);
    if (settings == NULL) {
        return NULL;
    }
    int same = !old->closed && tacho_settings_same_collector(old->settings, settings);
    int enabled = tacho_settings_enabled(settings);
    tacho_settings_free(settings);
    if (same) {
        (void)tacho_collector_set_enabled(old->handle, enabled);
        return collector_reset(old, NULL);
    }
    core_collector *made = standard_new(state, state->arguments);
    if (made == NULL) {
        return NULL;
    }
    standard_replace(state, made);
    return core_none();
}

static PyObject *collector_close(core_collector *self, PyObject *args, PyObject *kwargs) {
    int done = core_flush(self, args, kwargs, "|d:close");
    if (done < 0) {
        return NULL;
    }
    self->closed = 1;
    (void)tacho_collector_set_enabled(self->handle, 0);
    return PyBool_FromLong(done);
}

/* What was recorded is in the segment already; what waits is what the keeper does with it. */
static PyObject *collector_flush(core_collector *self, PyObject *args, PyObject *kwargs) {
    int done = core_flush(self, args, kwargs, "|d:flush");
    return done < 0 ? NULL : PyBool_FromLong(done);
}

/* ------------------------------------------------------------------------------------------------------------ type */

static PyObject *collector_enabled(core_collector *self, PyObject *unused) {
    (void)unused;
    return PyBool_FromLong(core_recording(self));
}

static PyObject *get_session_id(core_collector *self, void *unused) {
    (void)unused;
    return core_string(tacho_session_id(tacho_collector_session(self->handle)));
}

static int collector_traverse(core_collector *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->series);
    Py_VISIT(self->sessions);
    return 0;
}

static int collector_clear(core_collector *self) {
    Py_CLEAR(self->series);
    Py_CLEAR(self->sessions);
    return 0;
}

static void collector_dealloc(core_collector *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)collector_clear(self);
    Py_BEGIN_ALLOW_THREADS tacho_collector_close(self->handle); /* waits for the last turn of its jobs */
    Py_END_ALLOW_THREADS tacho_settings_free(self->settings);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *collector_counter(core_collector *self, PyObject *args, PyObject *kwargs) {
    return core_metric_function(self->state, self, TACHO_METRIC_COUNTER, args, kwargs);
}
static PyObject *collector_gauge(core_collector *self, PyObject *args, PyObject *kwargs) {
    return core_metric_function(self->state, self, TACHO_METRIC_GAUGE, args, kwargs);
}
static PyObject *collector_histogram(core_collector *self, PyObject *args, PyObject *kwargs) {
    return core_metric_function(self->state, self, TACHO_METRIC_HISTOGRAM, args, kwargs);
}
static PyObject *collector_cache(core_collector *self, PyObject *args, PyObject *kwargs) {
    return core_cache_function(self->state, self, args, kwargs);
}

static PyMethodDef collector_methods[] = {
    {"operation", CORE_METHOD(core_operation_function), METH_VARARGS | METH_KEYWORDS,
     "A new Operation of this collector."},
    {"record", CORE_METHOD(core_record_function), METH_VARARGS | METH_KEYWORDS, "Record one finished operation."},
    {"session", CORE_METHOD(core_session_function), METH_VARARGS | METH_KEYWORDS, "A session block of this collector."},
    {"counter", CORE_METHOD(collector_counter), METH_VARARGS | METH_KEYWORDS, "Declare a counter of this collector."},
    {"gauge", CORE_METHOD(collector_gauge), METH_VARARGS | METH_KEYWORDS, "Declare a gauge of this collector."},
    {"histogram", CORE_METHOD(collector_histogram), METH_VARARGS | METH_KEYWORDS,
     "Declare a histogram of this collector."},
    {"cache", CORE_METHOD(collector_cache), METH_VARARGS | METH_KEYWORDS, "Handle of a cache of the application."},
    {"record_cache", CORE_METHOD(core_record_cache_function), METH_VARARGS | METH_KEYWORDS,
     "Count an event of a cache."},
    {"take_snapshot", CORE_METHOD(core_snapshot_of), METH_VARARGS,
     "An immutable copy of all numbers, those of others that share its folder included unless `alone`."},
    {"timeline_points", CORE_METHOD(core_timeline_points), METH_VARARGS,
     "(start, end, value, n, complete) of each step of a period: what, period, step."},
    {"enabled", CORE_METHOD(collector_enabled), METH_NOARGS, "Whether it records."},
    {"reset", CORE_METHOD(collector_reset), METH_NOARGS, "Start over with all numbers at zero."},
    {"close", CORE_METHOD(collector_close), METH_VARARGS | METH_KEYWORDS,
     "Stop recording; what was recorded can still be read. True when all of it was written."},
    {"flush", CORE_METHOD(collector_flush), METH_VARARGS | METH_KEYWORDS,
     "True when all that was recorded was written."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef collector_getset[] = {
    {"session_id", (getter)get_session_id, NULL, "Id of the session of operations that have no other.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot collector_slots[] = {{Py_tp_doc, "The handle an application records through; settings by name."},
                                        {Py_tp_new, (void *)collector_type_new},
                                        {Py_tp_dealloc, (void *)collector_dealloc},
                                        {Py_tp_traverse, (void *)collector_traverse},
                                        {Py_tp_clear, (void *)collector_clear},
                                        {Py_tp_methods, collector_methods},
                                        {Py_tp_getset, collector_getset},
                                        {0, NULL}};

PyType_Spec core_collector_spec = {.name = "tachograph._core.Collector",
                                   .basicsize = sizeof(core_collector),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                   .slots = collector_slots};
