/**
 * Counter, Gauge and Histogram: handles of custom metrics.
 *
 * A handle of the default collector is bound at its first use, and again when that collector was replaced; until then
 * it only knows what was declared. Recording never raises, except in strict mode.
 */
#include "core.h"
#include <stdio.h>
#include <string.h>

#define LABELS 8

typedef struct metric {
    PyObject_HEAD core_state *state;
    tacho_metric *handle; /* NULL = nothing is recorded */
    uint64_t generation;  /* of the default collector when it was bound; UINT64_MAX = not yet */
    core_collector *collector;
    char follows; /* records to whatever the default collector is */
    uint8_t type; /* tacho_metric_type */
    tacho_merge merge;
    PyObject *name, *description, *unit; /* str or NULL */
    PyObject *labels;                    /* tuple of str */
    PyObject *values;                    /* tuple of str as long as labels, or NULL: none given */
} metric;

/* --------------------------------------------------------------------------------------------------------- binding */

typedef tacho_status (*declare)(tacho_collector *collector, const tacho_metric_spec *spec, tacho_metric **out);
static const declare declares[] = {tacho_counter, tacho_gauge, tacho_histogram};

/* Texts of a tuple of str; they live as long as the tuple. */
static int read_texts(PyObject *tuple, const char *out[LABELS]) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        out[i] = PyUnicode_AsUTF8(PyTuple_GET_ITEM(tuple, i));
        if (out[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static const char *text_or_null(PyObject *text) {
    return text == NULL ? NULL : PyUnicode_AsUTF8(text);
}

/* What is declared, with the texts of self. Texts that are not UTF-8 are NULL, which the core refuses. */
static tacho_status read_spec(const metric *self, const char *labels[LABELS], tacho_metric_spec *out) {
    *out = (tacho_metric_spec)TACHO_METRIC_SPEC_INIT;
    out->name = text_or_null(self->name);
    out->description = text_or_null(self->description);
    out->unit = text_or_null(self->unit);
    out->merge = (uint32_t)self->merge;
    out->label_count = (uint32_t)PyTuple_GET_SIZE(self->labels);
    out->labels = labels;
    int done = read_texts(self->labels, labels);
    PyErr_Clear();
    return done < 0 ? TACHO_INVALID : TACHO_OK;
}

/* Declares, and binds the values if there are any. Handle NULL: only checks what is declared. */
static tacho_status bind_handle(const metric *self, tacho_collector *collector, tacho_metric **out) {
    const char *labels[LABELS], *values[LABELS];
    tacho_metric_spec spec;
    tacho_metric *plain = NULL;
    *out = NULL;
    tacho_status status = read_spec(self, labels, &spec);
    if (status == TACHO_OK && self->values != NULL && read_texts(self->values, values) < 0) {
        PyErr_Clear();
        status = TACHO_INVALID;
    }
    status = status == TACHO_OK ? declares[self->type](collector, &spec, &plain) : status;
    if (status != TACHO_OK || self->values == NULL) {
        *out = plain;
        return status;
    }
    status = tacho_metric_labels(plain, values, spec.label_count, out);
    tacho_metric_release(plain);
    return status;
}

/* The declaration in words; "" where it is not allowed. */
static void words_of(const metric *self, char out[TACHO_METRIC_WORDS_MAX]) {
    const char *labels[LABELS];
    tacho_metric_spec spec;
    out[0] = '\0';
    if (read_spec(self, labels, &spec) == TACHO_OK) {
        (void)tacho_metric_words((tacho_metric_type)self->type, &spec, out, TACHO_METRIC_WORDS_MAX);
    }
}

/* Whether the name stands for another metric in this collector (NULL = none); then with a ValueError. */
static int is_taken(const metric *self, const core_collector *collector, const char *words) {
    char before[TACHO_METRIC_WORDS_MAX];
    const char *name = text_or_null(self->name);
    PyObject *declared = PyDict_GetItemWithError(self->state->declared, self->name);
    before[0] = '\0';
    if (collector == NULL && declared != NULL) {
        snprintf(before, sizeof(before), "%s", text_or_null(declared));
    } else if (collector != NULL && name != NULL) {
        (void)tacho_metric_declared(collector->handle, name, before, sizeof(before));
    }
    PyErr_Clear();
    if (before[0] == '\0' || words[0] == '\0' || strcmp(before, words) == 0) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "%R is already %s; it cannot also be %s", self->name, before, words);
    return 1;
}

/*
 * The module's own list of what was declared, since its handles are bound at their first use only, in any order. Names
 * stay on it as long as the module: a handle of before may be used at any time. 0, or -1 with an exception.
 */
static int declare_for_module(const metric *self) {
    char words[TACHO_METRIC_WORDS_MAX];
    core_collector *standard = self->state->standard;
    words_of(self, words);
    if (is_taken(self, NULL, words) || (standard != NULL && is_taken(self, standard, words))) {
        return -1;
    }
    PyObject *text = PyUnicode_FromString(words);
    int done = text == NULL ? -1 : PyDict_SetItem(self->state->declared, self->name, text);
    Py_XDECREF(text);
    return done;
}

/* What is wrong with a declaration, as a ValueError. */
static PyObject *raise_declaration(const metric *self, tacho_status status) {
    char words[TACHO_METRIC_WORDS_MAX];
    if (status != TACHO_INVALID) {
        return core_raise(self->state, status, "declaring a metric");
    }
    words_of(self, words);
    if (self->collector != NULL && is_taken(self, self->collector, words)) {
        return NULL;
    }
    PyErr_Format(PyExc_ValueError,
                 "metric %R cannot be declared: a name is a letter or _, then letters, digits, _ . - /, and none of "
                 "tachograph's own; labels are at most 8 different names of letters, digits, _ and ., neither le nor "
                 "quantile",
                 self->name);
    return NULL;
}

/* Binds to the default collector as it is now. Never raises; strict collectors leave the exception set. */
CORE_RARE static int bind_again(metric *self) {
    tacho_metric_release(self->handle);
    self->handle = NULL;
    core_collector *collector = core_follow(self->state, &self->generation, &self->collector);
    const int opened = collector != NULL && collector->handle != NULL;
    tacho_status status = opened ? bind_handle(self, collector->handle, &self->handle) : TACHO_OK;
    if (status != TACHO_OK) { /* this value is lost, and counted; the next one tries again */
        self->generation = UINT64_MAX;
        tacho_metric_lost(collector->handle);
    }
    if (status != TACHO_OK && collector->strict) {
        raise_declaration(self, status);
        return -1;
    }
    return 0;
}

static inline int ready(metric *self) {
    if (self->follows && self->generation != self->state->generation) {
        return bind_again(self);
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- declaring
 */

static PyObject *tuple_of_texts(PyObject *given) {
    if (given == NULL) {
        return PyTuple_New(0);
    }
    PyObject *tuple = PyUnicode_Check(given) ? PyTuple_Pack(1, given) : PySequence_Tuple(given);
    for (Py_ssize_t i = 0; tuple != NULL && i < PyTuple_GET_SIZE(tuple); i++) {
        if (!PyUnicode_Check(PyTuple_GET_ITEM(tuple, i))) {
            PyErr_SetString(PyExc_TypeError, "labels are str");
            Py_CLEAR(tuple);
        }
    }
    if (tuple != NULL && PyTuple_GET_SIZE(tuple) > LABELS) {
        PyErr_Format(PyExc_ValueError, "a metric has at most %d labels", LABELS);
        Py_CLEAR(tuple);
    }
    return tuple;
}

static metric *metric_new(core_state *state, unsigned type) {
    PyTypeObject *python_type = state->metric_types[type];
    metric *self = (metric *)python_type->tp_alloc(python_type, 0);
    if (self != NULL) {
        self->state = state;
        self->type = (uint8_t)type;
    }
    return self;
}

static int check_text(const char *what, PyObject *value) {
    if (value != NULL && !PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.80s", what, Py_TYPE(value)->tp_name);
        return -1;
    }
    return 0;
}

/* Binds now, or, for the default collector, checks now and binds at the first use. */
static PyObject *metric_bind(metric *self, core_collector *collector) {
    tacho_metric *none = NULL;
    tacho_status status;
    if (collector == NULL) {
        self->follows = 1;
        self->generation = UINT64_MAX;
        status = bind_handle(self, NULL, &none);
    } else {
        self->collector = core_own(collector);
        status = bind_handle(self, collector->handle, &self->handle);
    }
    if (status != TACHO_OK) {
        raise_declaration(self, status);
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* A handle of the default collector is one of the module's, wherever it was asked for. */
static PyObject *metric_declare(metric *self, core_collector *collector) {
    core_state *state = self->state;
    metric *made = (metric *)metric_bind(self, collector);
    if (made != NULL && (collector == NULL || collector == state->standard) && declare_for_module(made) < 0) {
        Py_CLEAR(made);
    }
    return (PyObject *)made;
}

PyObject *core_metric_function(core_state *state, core_collector *collector, tacho_metric_type type, PyObject *args,
                               PyObject *kwargs) {
    static char *of_gauge[] = {"name", "description", "unit", "labels", "merge", NULL};
    static char *of_others[] = {"name", "description", "unit", "labels", NULL};
    PyObject *name, *description = NULL, *unit = NULL, *labels = NULL;
    const char *merge = NULL;
    int gauge = type == TACHO_METRIC_GAUGE;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, gauge ? "O|OOO$s" : "O|OOO", gauge ? of_gauge : of_others, &name,
                                     &description, &unit, &labels, &merge)) {
        return NULL;
    }
    tacho_merge rule = TACHO_MERGE_NEWEST;
    if (merge != NULL && tacho_merge_parse(merge, &rule) != TACHO_OK) {
        return PyErr_Format(PyExc_ValueError, "unknown merge rule '%.40s'; it is one of sum, newest, max", merge);
    }
    description = core_given(description);
    unit = core_given(unit);
    PyObject *tuple = tuple_of_texts(core_given(labels));
    if (tuple == NULL || check_text("name", name) < 0 || check_text("description", description) < 0 ||
        check_text("unit", unit) < 0) {
        Py_XDECREF(tuple);
        return NULL;
    }
    metric *self = metric_new(state, (unsigned)type);
    if (self == NULL) {
        Py_DECREF(tuple);
        return NULL;
    }
    self->merge = rule;
    self->name = core_own(name);
    self->description = core_own(description);
    self->unit = core_own(unit);
    self->labels = tuple;
    return metric_declare(self, collector);
}

/* ----------------------------------------------------------------------------------------------------------- labels */

/* As a text that UTF-8 can hold: of one that it cannot, what the core keeps of it elsewhere too. */
static PyObject *text_of(PyObject *value) {
    PyObject *text = value == Py_None         ? PyUnicode_FromString("")
                     : PyUnicode_Check(value) ? core_own(value)
                                              : PyObject_Str(value);
    if (text == NULL || PyUnicode_AsUTF8(text) != NULL) {
        return text;
    }
    PyErr_Clear();
    core_text bytes = core_text_of(text);
    Py_DECREF(text);
    const char *given = bytes.bytes == NULL ? "" : bytes.bytes;
    text = PyUnicode_DecodeUTF8(given, (Py_ssize_t)strlen(given), "replace");
    core_text_done(&bytes);
    return text;
}

/* Values in the order of the declaration; NULL with TypeError. */
static PyObject *read_values(const metric *self, PyObject *args, PyObject *kwargs) {
    Py_ssize_t count = PyTuple_GET_SIZE(self->labels), given = PyTuple_GET_SIZE(args), used = given;
    PyObject *values = given <= count ? PyTuple_New(count) : NULL;
    for (Py_ssize_t i = 0; values != NULL && i < count; i++) {
        PyObject *label = PyTuple_GET_ITEM(self->labels, i), *found = NULL;
        if (kwargs != NULL) {
            found = PyDict_GetItemWithError(kwargs, label);
            used += found != NULL;
        }
        if ((found == NULL) == (i >= given)) { /* missing, or given twice */
            Py_CLEAR(values);
            break;
        }
        PyObject *text = text_of(i < given ? PyTuple_GET_ITEM(args, i) : found);
        if (text == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        PyTuple_SET_ITEM(values, i, text);
    }
    if (values != NULL && used != given + (kwargs == NULL ? 0 : PyDict_GET_SIZE(kwargs))) {
        Py_CLEAR(values);
    }
    if (values == NULL && !PyErr_Occurred()) {
        PyErr_Format(PyExc_TypeError, "metric %R has the labels %R: each wants one value", self->name, self->labels);
    }
    return values;
}

static PyObject *metric_labels(metric *self, PyObject *args, PyObject *kwargs) {
    PyObject *values = read_values(self, args, kwargs);
    metric *bound = values == NULL ? NULL : metric_new(self->state, self->type);
    if (bound == NULL) {
        Py_XDECREF(values);
        return NULL;
    }
    bound->merge = self->merge;
    bound->name = core_own(self->name);
    bound->description = core_own(self->description);
    bound->unit = core_own(self->unit);
    bound->labels = core_own(self->labels);
    bound->values = values;
    const char *texts[LABELS];
    if (self->follows || self->handle == NULL || read_texts(values, texts) < 0) {
        PyErr_Clear();
        return metric_bind(bound, self->follows ? NULL : self->collector);
    }
    bound->collector = core_own(self->collector);
    (void)tacho_metric_labels(self->handle, texts, (size_t)PyTuple_GET_SIZE(values), &bound->handle);
    return (PyObject *)bound;
}

/* ---------------------------------------------------------------------------------------------------------- recording
 */

/* The one number of a call, or 1. NaN, which the core refuses and counts, where it is no number. */
static double amount_of(PyObject *value) {
    double amount = PyFloat_AsDouble(value);
    if (amount == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return Py_NAN;
    }
    return amount;
}

static PyObject *too_many(const metric *self, const char *method) {
    PyErr_Format(PyExc_TypeError, "%.80s.%s() takes one number", Py_TYPE(self)->tp_name, method);
    return NULL;
}

static PyObject *counter_add(metric *self, PyObject *const *args, Py_ssize_t count) {
    tacho_status status;
    if (count > 1) {
        return too_many(self, "add");
    }
    if (ready(self) < 0) {
        return NULL;
    }
    if (count == 0) {
        status = tacho_counter_count(self->handle, 1);
    } else {
        status = tacho_counter_add(self->handle, amount_of(args[0]));
    }
    return status == TACHO_OK ? core_none() : core_done(self->collector, status);
}

static PyObject *gauge_add(metric *self, PyObject *const *args, Py_ssize_t count) {
    if (count > 1) {
        return too_many(self, "add");
    }
    if (ready(self) < 0) {
        return NULL;
    }
    return core_done(self->collector, tacho_gauge_add(self->handle, count == 0 ? 1.0 : amount_of(args[0])));
}

static PyObject *gauge_dec(metric *self, PyObject *const *args, Py_ssize_t count) {
    if (count > 1) {
        return too_many(self, "dec");
    }
    if (ready(self) < 0) {
        return NULL;
    }
    return core_done(self->collector, tacho_gauge_add(self->handle, count == 0 ? -1.0 : -amount_of(args[0])));
}

static PyObject *gauge_set(metric *self, PyObject *value) {
    return ready(self) < 0 ? NULL : core_done(self->collector, tacho_gauge_set(self->handle, amount_of(value)));
}

static PyObject *histogram_observe(metric *self, PyObject *value) {
    if (ready(self) < 0) {
        return NULL;
    }
    tacho_status status = tacho_histogram_observe(self->handle, amount_of(value));
    return status == TACHO_OK ? core_none() : core_done(self->collector, status);
}

/* ------------------------------------------------------------------------------------------------------------ timing
 */

typedef struct timer {
    PyObject_HEAD metric *histogram;
    uint64_t started;
} timer;

static PyObject *histogram_time(metric *self, PyObject *unused) {
    (void)unused;
    static const char *const not_time[] = {"By", "byte", "bytes", "{token}", "token", "tokens"};
    for (size_t i = 0; self->unit != NULL && i < sizeof(not_time) / sizeof(not_time[0]); i++) {
        if (PyUnicode_CompareWithASCIIString(self->unit, not_time[i]) == 0) {
            return PyErr_Format(PyExc_ValueError, "metric %R counts %s, not time", self->name, not_time[i]);
        }
    }
    PyTypeObject *type = self->state->timer_type;
    timer *made = (timer *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->histogram = core_own(self);
    }
    return (PyObject *)made;
}

static PyObject *timer_enter(timer *self, PyObject *unused) {
    (void)unused;
    if (ready(self->histogram) < 0) {
        return NULL;
    }
    self->started = tacho_histogram_start(self->histogram->handle);
    return core_own(self);
}

static PyObject *timer_exit(timer *self, PyObject *args) {
    (void)args;
    metric *histogram = self->histogram;
    return core_done(histogram->collector, tacho_histogram_stop(histogram->handle, self->started));
}

static PyObject *timer_aenter(timer *self, PyObject *unused) {
    PyObject *entered = timer_enter(self, unused);
    PyObject *ready_object = entered == NULL ? NULL : core_ready_new(self->histogram->state, entered);
    Py_XDECREF(entered);
    return ready_object;
}

static PyObject *timer_aexit(timer *self, PyObject *args) {
    PyObject *left = timer_exit(self, args);
    PyObject *ready_object = left == NULL ? NULL : core_ready_new(self->histogram->state, left);
    Py_XDECREF(left);
    return ready_object;
}

static void timer_dealloc(timer *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(self->histogram);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ------------------------------------------------------------------------------------------------------------- types
 */

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%.80s objects are made by tachograph only", type->tp_name);
    return NULL;
}

static void metric_dealloc(metric *self) {
    PyTypeObject *type = Py_TYPE(self);
    tacho_metric_release(self->handle);
    Py_CLEAR(self->name);
    Py_CLEAR(self->description);
    Py_CLEAR(self->unit);
    Py_CLEAR(self->labels);
    Py_CLEAR(self->values);
    Py_CLEAR(self->collector);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef metric_members[] = {{"name", T_OBJECT, offsetof(metric, name), READONLY, "Name of the metric."},
                                       {NULL, 0, 0, 0, NULL}};

#define LABELS_METHOD                                                                                                  \
    {                                                                                                                  \
        "labels", CORE_METHOD(metric_labels), METH_VARARGS | METH_KEYWORDS,                                            \
            "labels(*values, **values): the handle of one series; every label wants a value."                          \
    }

static PyMethodDef counter_methods[] = {
    LABELS_METHOD,
    {"inc", CORE_METHOD(counter_add), METH_FASTCALL, "inc(amount=1): that many more; not negative."},
    {"add", CORE_METHOD(counter_add), METH_FASTCALL, "add(amount=1): that many more; not negative."},
    {NULL, NULL, 0, NULL}};
static PyMethodDef gauge_methods[] = {
    LABELS_METHOD,
    {"set", CORE_METHOD(gauge_set), METH_O, "set(value): the value from now on."},
    {"inc", CORE_METHOD(gauge_add), METH_FASTCALL, "inc(amount=1): that much more."},
    {"add", CORE_METHOD(gauge_add), METH_FASTCALL, "add(amount=1): that much more, or (negative) less."},
    {"dec", CORE_METHOD(gauge_dec), METH_FASTCALL, "dec(amount=1): that much less."},
    {NULL, NULL, 0, NULL}};
static PyMethodDef histogram_methods[] = {
    LABELS_METHOD,
    {"observe", CORE_METHOD(histogram_observe), METH_O, "observe(value): one more value; not negative."},
    {"time", CORE_METHOD(histogram_time), METH_NOARGS,
     "A block whose duration is observed, for `with` and `async with`."},
    {NULL, NULL, 0, NULL}};
static PyMethodDef timer_methods[] = {{"__enter__", CORE_METHOD(timer_enter), METH_NOARGS, NULL},
                                      {"__exit__", CORE_METHOD(timer_exit), METH_VARARGS, NULL},
                                      {"__aenter__", CORE_METHOD(timer_aenter), METH_NOARGS, NULL},
                                      {"__aexit__", CORE_METHOD(timer_aexit), METH_VARARGS, NULL},
                                      {NULL, NULL, 0, NULL}};

#define METRIC_SLOTS(name, doc)                                                                                        \
    static PyType_Slot name##_slots[] = {{Py_tp_doc, doc},                                                             \
                                         {Py_tp_new, (void *)no_new},                                                  \
                                         {Py_tp_dealloc, (void *)metric_dealloc},                                      \
                                         {Py_tp_methods, name##_methods},                                              \
                                         {Py_tp_members, metric_members},                                              \
                                         {0, NULL}}
METRIC_SLOTS(counter, "A sum that only grows.");
METRIC_SLOTS(gauge, "A value that goes up and down.");
METRIC_SLOTS(histogram, "A distribution of values, with exact sum, count and extremes.");
static PyType_Slot timer_slots[] = {
    {Py_tp_new, (void *)no_new}, {Py_tp_dealloc, (void *)timer_dealloc}, {Py_tp_methods, timer_methods}, {0, NULL}};

PyType_Spec core_metric_specs[] = {
    {.name = "tachograph._core.Counter",
     .basicsize = sizeof(metric),
     .flags = Py_TPFLAGS_DEFAULT,
     .slots = counter_slots},
    {.name = "tachograph._core.Gauge", .basicsize = sizeof(metric), .flags = Py_TPFLAGS_DEFAULT, .slots = gauge_slots},
    {.name = "tachograph._core.Histogram",
     .basicsize = sizeof(metric),
     .flags = Py_TPFLAGS_DEFAULT,
     .slots = histogram_slots}};
PyType_Spec core_timer_spec = {
    .name = "tachograph._core.Timer", .basicsize = sizeof(timer), .flags = Py_TPFLAGS_DEFAULT, .slots = timer_slots};
