/**
 * The module `tachograph._core`: its state, its types, and the functions that work on the default collector.
 *
 * Import does nothing but make types: no settings are read, no collector is opened, no thread is started (semantics
 * 58). The default collector is opened when the first function is decorated or the first thing is recorded.
 */
#include "core.h"

static int module_exec(PyObject *module);
static int module_traverse(PyObject *module, visitproc visit, void *arg);
static int module_clear(PyObject *module);
static void module_free(void *module);
static PyMethodDef module_methods[];

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, (void *)module_exec},
#if PY_VERSION_HEX >= 0x030C0000
                                          {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
                                          {0, NULL}};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tachograph._core",
    .m_doc = "The native core of tachograph. Use the package `tachograph`; names here may change.",
    .m_size = (Py_ssize_t)sizeof(core_state),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free};

core_state *core_state_of_module(PyObject *module) {
    return (core_state *)PyModule_GetState(module);
}

core_state *core_state_of(PyTypeObject *type) {
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (!PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) {
            continue;
        }
        PyObject *module = ((PyHeapTypeObject *)base)->ht_module;
        if (module != NULL && PyModule_GetDef(module) == &module_def) {
            return core_state_of_module(module);
        }
    }
    PyErr_SetString(PyExc_TypeError, "not a type of tachograph");
    return NULL;
}

/* ------------------------------------------------------------------------- functions on the default collector */

static core_collector *standard_of(PyObject *module) {
    return core_standard(core_state_of_module(module));
}

typedef PyObject *(*collector_call)(core_collector *collector, PyObject *args, PyObject *kwargs);

/* Reading the arguments may run code of the program, which may replace the default collector meanwhile. */
static PyObject *call_standard(PyObject *module, collector_call call, PyObject *args, PyObject *kwargs) {
    core_collector *collector = core_own(standard_of(module));
    PyObject *result = collector == NULL ? NULL : call(collector, args, kwargs);
    Py_XDECREF(collector);
    return result;
}

static PyObject *module_operation(PyObject *module, PyObject *args, PyObject *kwargs) {
    return call_standard(module, core_operation_function, args, kwargs);
}

static PyObject *module_record(PyObject *module, PyObject *args, PyObject *kwargs) {
    return call_standard(module, core_record_function, args, kwargs);
}

static PyObject *module_session(PyObject *module, PyObject *args, PyObject *kwargs) {
    return call_standard(module, core_session_function, args, kwargs);
}

static PyObject *module_counter(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_metric_function(core_state_of_module(module), NULL, TACHO_METRIC_COUNTER, args, kwargs);
}

static PyObject *module_gauge(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_metric_function(core_state_of_module(module), NULL, TACHO_METRIC_GAUGE, args, kwargs);
}

static PyObject *module_histogram(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_metric_function(core_state_of_module(module), NULL, TACHO_METRIC_HISTOGRAM, args, kwargs);
}

static PyObject *module_cache(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_cache_function(core_state_of_module(module), NULL, args, kwargs);
}

static PyObject *module_record_cache(PyObject *module, PyObject *args, PyObject *kwargs) {
    return call_standard(module, core_record_cache_function, args, kwargs);
}

static PyObject *module_take(PyObject *module, PyObject *args) {
    core_collector *collector = standard_of(module);
    return collector == NULL ? NULL : core_snapshot_of(collector, args);
}

static PyObject *module_standard(PyObject *module, PyObject *unused) {
    (void)unused;
    return (PyObject *)core_own(standard_of(module));
}

static PyObject *module_enabled(PyObject *module, PyObject *unused) {
    (void)unused;
    core_collector *collector = standard_of(module);
    return collector == NULL ? NULL : PyBool_FromLong(core_recording(collector));
}

/* --------------------------------------------------------------------------------------- functions of no collector */

static PyObject *module_current(PyObject *module, PyObject *unused) {
    (void)unused;
    core_state *state = core_state_of_module(module);
    core_place place;
    core_scope *scope = core_scope_find(state, &place);
    core_operation *op = core_scope_operation(scope, NULL);
    if (op == NULL) {
        op = state->nothing;
    } else {
        core_operation_show(op);
    }
    core_own(op);
    Py_XDECREF(scope);
    return (PyObject *)op;
}

static PyObject *module_scope(PyObject *module, PyObject *unused) {
    (void)unused;
    core_place place;
    core_scope *scope = core_scope_find(core_state_of_module(module), &place);
    if (scope == NULL) {
        return core_none();
    }
    if (Py_TYPE(scope) == scope->state->operation_type) {
        core_operation_show((core_operation *)scope);
    }
    return (PyObject *)scope;
}

static PyObject *module_with_scope(PyObject *module, PyObject *args) {
    core_state *state = core_state_of_module(module);
    PyObject *scope, *function, *arguments, *keywords;
    if (!PyArg_ParseTuple(args, "OOO!O!", &scope, &function, &PyTuple_Type, &arguments, &PyDict_Type, &keywords)) {
        return NULL;
    }
    int known = PyObject_TypeCheck(scope, state->operation_type) || PyObject_TypeCheck(scope, state->session_type);
    PyObject *previous = NULL;
    if (known && core_scope_enter((core_scope *)scope, &previous) < 0) {
        return NULL;
    }
    PyObject *result = PyObject_Call(function, arguments, keywords);
    if (known) {
        core_scope_leave((core_scope *)scope, previous);
    }
    return result;
}

static PyObject *module_enclosing_session(PyObject *module, PyObject *unused) {
    (void)unused;
    core_state *state = core_state_of_module(module);
    core_place place;
    core_scope *scope = core_scope_find(state, &place);
    core_session *session = NULL;
    if (scope != NULL) {
        session = Py_TYPE(scope) == state->session_type ? (core_session *)scope : ((core_operation *)scope)->within;
    }
    PyObject *id = session == NULL || session->id == NULL ? core_none() : core_own(session->id);
    Py_XDECREF(scope);
    return id;
}

static PyObject *module_calculate_cost(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_calculate_cost(core_state_of_module(module), args, kwargs);
}

static PyObject *module_track(PyObject *module, PyObject *args, PyObject *kwargs) {
    return core_track_function(core_state_of_module(module), args, kwargs);
}

static PyObject *module_configure(PyObject *module, PyObject *args, PyObject *kwargs) {
    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_SetString(PyExc_TypeError, "configure() takes settings by name only");
        return NULL;
    }
    return core_configure(core_state_of_module(module), kwargs);
}

static PyObject *module_reset(PyObject *module, PyObject *unused) {
    (void)unused;
    return core_reset(core_state_of_module(module));
}

static PyObject *module_load(PyObject *module, PyObject *path) {
    return core_load(core_state_of_module(module), path);
}

static PyObject *module_quality(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    size_t count = 0;
    const char *const *names = tacho_summary_quality(&count);
    PyObject *all = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; all != NULL && i < count; i++) {
        PyObject *name = core_string(names[i]);
        if (name == NULL) {
            Py_CLEAR(all);
        } else {
            PyTuple_SET_ITEM(all, (Py_ssize_t)i, name);
        }
    }
    return all;
}

static PyObject *module_fields(PyObject *module, PyObject *what) {
    (void)module;
    size_t count = 0;
    const tacho_field *fields = NULL;
    if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "row") == 0) {
        fields = tacho_row_fields(&count);
    } else if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "record") == 0) {
        fields = tacho_record_fields(&count);
    } else if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "summary") == 0) {
        fields = tacho_summary_fields(&count);
    } else if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "system") == 0) {
        fields = tacho_system_fields(&count);
    } else if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "cache") == 0) {
        fields = tacho_cache_fields(&count);
    } else if (PyUnicode_Check(what) && PyUnicode_CompareWithASCIIString(what, "metric") == 0) {
        fields = tacho_metric_fields(&count);
    } else {
        PyErr_SetString(PyExc_ValueError, "expected 'row', 'record', 'summary', 'system', 'cache' or 'metric'");
        return NULL;
    }
    return core_fields_describe(fields, count);
}

static PyObject *module_words(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    PyObject *units = PyTuple_New(TACHO_UNIT_COUNT);
    for (int i = 0; units != NULL && i < TACHO_UNIT_COUNT; i++) {
        const tacho_unit_info *unit = tacho_unit_describe((tacho_unit)i);
        PyObject *pair = Py_BuildValue("(ss)", unit->field, unit->key);
        if (pair == NULL) {
            Py_CLEAR(units);
        } else {
            PyTuple_SET_ITEM(units, i, pair);
        }
    }
    return units;
}

static PyObject *module_default_save_file(PyObject *module, PyObject *unused) {
    (void)unused;
    char path[4096];
    tacho_status status = tacho_default_save_file(path, sizeof(path));
    return status == TACHO_OK ? PyUnicode_DecodeFSDefault(path)
                              : core_raise(core_state_of_module(module), status, "no place to save to");
}

#define WITH_KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

/* Written once here; python/tachograph/_core.pyi has the signatures for type checkers. */
static PyMethodDef module_methods[] = {
    {"operation", WITH_KEYWORDS(module_operation), METH_VARARGS | METH_KEYWORDS,
     "A new Operation of the default collector."},
    {"record", WITH_KEYWORDS(module_record), METH_VARARGS | METH_KEYWORDS,
     "Record one finished operation on the default collector."},
    {"session", WITH_KEYWORDS(module_session), METH_VARARGS | METH_KEYWORDS,
     "A session block of the default collector."},
    {"counter", WITH_KEYWORDS(module_counter), METH_VARARGS | METH_KEYWORDS, "Declare a counter."},
    {"gauge", WITH_KEYWORDS(module_gauge), METH_VARARGS | METH_KEYWORDS, "Declare a gauge."},
    {"histogram", WITH_KEYWORDS(module_histogram), METH_VARARGS | METH_KEYWORDS, "Declare a histogram."},
    {"cache", WITH_KEYWORDS(module_cache), METH_VARARGS | METH_KEYWORDS, "Handle of a cache of the application."},
    {"record_cache", WITH_KEYWORDS(module_record_cache), METH_VARARGS | METH_KEYWORDS, "Count an event of a cache."},
    {"take_snapshot", module_take, METH_VARARGS, "An immutable copy of the default collector's numbers."},
    {"standard", module_standard, METH_NOARGS, "The default collector, opened now if it was not."},
    {"enabled", module_enabled, METH_NOARGS, "Whether the default collector records."},
    {"current", module_current, METH_NOARGS, "The innermost operation, or one that records nothing. Never raises."},
    {"scope", module_scope, METH_NOARGS, "The innermost operation or session, or None."},
    {"with_scope", module_with_scope, METH_VARARGS,
     "with_scope(scope, function, args, kwargs): call inside a scope of another thread."},
    {"enclosing_session", module_enclosing_session, METH_NOARGS, "Id of the session block around the caller, or None."},
    {"calculate_cost", WITH_KEYWORDS(module_calculate_cost), METH_VARARGS | METH_KEYWORDS,
     "Price one usage; the fields of tachograph.Cost as a tuple."},
    {"track", WITH_KEYWORDS(module_track), METH_VARARGS | METH_KEYWORDS, "Wrap one function; see tachograph.track."},
    {"configure", WITH_KEYWORDS(module_configure), METH_VARARGS | METH_KEYWORDS,
     "Open the default collector with these settings."},
    {"reset", module_reset, METH_NOARGS, "Start the default collector over, with its settings read again."},
    {"load", module_load, METH_O, "Read a snapshot from a file that save() made."},
    {"quality", module_quality, METH_NOARGS, "Names of the summary's fields that say how far it can be trusted."},
    {"fields", module_fields, METH_O,
     "(name, type, help) of each field of 'row', 'record', 'summary', 'system', 'cache' or 'metric'."},
    {"units", module_words, METH_NOARGS, "(field, key) of each unit of usage."},
    {"default_save_file", module_default_save_file, METH_NOARGS, "A new file for save() without a path."},
    {NULL, NULL, 0, NULL}};

/* ------------------------------------------------------------------------------------------------------ life of it */

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **slot, int visible) {
    *slot = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *slot == NULL || (visible && PyModule_AddType(module, *slot) < 0) ? -1 : 0;
}

static int add_types(PyObject *module, core_state *state) {
    return add_type(module, &core_collector_spec, &state->collector_type, 1) < 0 ||
                   add_type(module, &core_series_spec, &state->series_type, 0) < 0 ||
                   add_type(module, &core_session_spec, &state->session_type, 1) < 0 ||
                   add_type(module, &core_operation_spec, &state->operation_type, 1) < 0 ||
                   add_type(module, &core_component_spec, &state->component_type, 0) < 0 ||
                   add_type(module, &core_ready_spec, &state->ready_type, 0) < 0 ||
                   add_type(module, &core_tracked_spec, &state->tracked_type, 1) < 0 ||
                   add_type(module, &core_coroutine_spec, &state->coroutine_type, 0) < 0 ||
                   add_type(module, &core_generator_spec, &state->generator_type, 0) < 0 ||
                   add_type(module, &core_async_generator_spec, &state->async_generator_type, 0) < 0 ||
                   add_type(module, &core_step_spec, &state->step_type, 0) < 0 ||
                   add_type(module, &core_snapshot_spec, &state->snapshot_type, 1) < 0 ||
                   add_type(module, &core_table_spec, &state->table_type, 1) < 0 ||
                   add_type(module, &core_metric_specs[0], &state->metric_types[0], 1) < 0 ||
                   add_type(module, &core_metric_specs[1], &state->metric_types[1], 1) < 0 ||
                   add_type(module, &core_metric_specs[2], &state->metric_types[2], 1) < 0 ||
                   add_type(module, &core_timer_spec, &state->timer_type, 0) < 0 ||
                   add_type(module, &core_cache_spec, &state->cache_type, 1) < 0
               ? -1
               : 0;
}

static int module_exec(PyObject *module) {
    core_state *state = core_state_of_module(module);
    if (core_errors_ready(module, state) < 0 || add_types(module, state) < 0) {
        return -1;
    }
    state->variable = PyContextVar_New("tachograph", NULL);
    state->nothing = core_operation_new(state);
    state->declared = PyDict_New();
    if (state->variable == NULL || state->nothing == NULL || state->declared == NULL) {
        return -1;
    }
    (void)tacho_begin(NULL, NULL, &state->nothing->op);
    state->nothing->phase = CORE_OPEN;
    return PyModule_AddStringConstant(module, "version", tacho_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    core_state *state = core_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
    for (int i = 0; i <= CORE_STATUSES; i++) {
        Py_VISIT(state->errors[i]);
    }
    Py_VISIT(state->collector_type);
    Py_VISIT(state->series_type);
    Py_VISIT(state->session_type);
    Py_VISIT(state->operation_type);
    Py_VISIT(state->component_type);
    Py_VISIT(state->ready_type);
    Py_VISIT(state->tracked_type);
    Py_VISIT(state->coroutine_type);
    Py_VISIT(state->generator_type);
    Py_VISIT(state->async_generator_type);
    Py_VISIT(state->step_type);
    Py_VISIT(state->snapshot_type);
    Py_VISIT(state->table_type);
    for (int i = 0; i < TACHO_METRIC_TYPE_COUNT; i++) {
        Py_VISIT(state->metric_types[i]);
    }
    Py_VISIT(state->timer_type);
    Py_VISIT(state->cache_type);
    Py_VISIT(state->variable);
    Py_VISIT(state->standard);
    Py_VISIT(state->arguments);
    Py_VISIT(state->declared);
    Py_VISIT(state->told);
    Py_VISIT(state->nothing);
    return 0;
}

static int module_clear(PyObject *module) {
    core_state *state = core_state_of_module(module);
    if (state == NULL) {
        return 0;
    }
    core_pool_clear(state);
    Py_CLEAR(state->nothing);
    Py_CLEAR(state->standard);
    Py_CLEAR(state->arguments);
    Py_CLEAR(state->declared);
    Py_CLEAR(state->told);
    Py_CLEAR(state->variable);
    Py_CLEAR(state->decimal);
    Py_CLEAR(state->datetime);
    Py_CLEAR(state->timedelta);
    Py_CLEAR(state->epoch);
    Py_CLEAR(state->fromisoformat);
    Py_CLEAR(state->cost_names);
    Py_CLEAR(state->collector_type);
    Py_CLEAR(state->series_type);
    Py_CLEAR(state->session_type);
    Py_CLEAR(state->operation_type);
    Py_CLEAR(state->component_type);
    Py_CLEAR(state->ready_type);
    Py_CLEAR(state->tracked_type);
    Py_CLEAR(state->coroutine_type);
    Py_CLEAR(state->generator_type);
    Py_CLEAR(state->async_generator_type);
    Py_CLEAR(state->step_type);
    Py_CLEAR(state->snapshot_type);
    Py_CLEAR(state->table_type);
    for (int i = 0; i < TACHO_METRIC_TYPE_COUNT; i++) {
        Py_CLEAR(state->metric_types[i]);
    }
    Py_CLEAR(state->timer_type);
    Py_CLEAR(state->cache_type);
    for (int i = 0; i <= CORE_STATUSES; i++) {
        Py_CLEAR(state->errors[i]);
    }
    return 0;
}

static void module_free(void *module) {
    core_state *state = core_state_of_module((PyObject *)module);
    (void)module_clear((PyObject *)module);
    if (state != NULL) {
        tacho_response_free(state->response);
        state->response = NULL;
    }
}

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&module_def);
}
