/**
 * Bound series. A series object keeps what it was bound from, because the default collector may be replaced by
 * configure() after functions were decorated.
 */
#include "core.h"

/* ------------------------------------------------------------------------------------------------------- arguments */

static int read_kind(PyObject *kind, tacho_kind *out) {
    *out = TACHO_KIND_CUSTOM;
    if (core_given(kind) == NULL) {
        return 0;
    }
    const char *word = PyUnicode_Check(kind) ? PyUnicode_AsUTF8(kind) : NULL;
    if (word != NULL && tacho_kind_parse(word, out) == TACHO_OK) {
        return 0;
    }
    PyErr_Clear();
    PyObject *known = PyUnicode_FromString("");
    for (int i = 0; known != NULL && i < TACHO_KIND_COUNT; i++) {
        Py_SETREF(known, PyUnicode_FromFormat(i == 0 ? "%U%s" : "%U, %s", known, tacho_kind_text(i)));
    }
    if (known != NULL) {
        PyErr_Format(PyExc_ValueError, "unknown kind %R; it is one of %U", kind, known);
        Py_DECREF(known);
    }
    return -1;
}

static int check_text(const char *what, PyObject *value, int required) {
    if (!required && core_given(value) == NULL) {
        return 0;
    }
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.80s", what, Py_TYPE(value)->tp_name);
        return -1;
    }
    if (PyUnicode_GET_LENGTH(value) == 0) {
        PyErr_Format(PyExc_ValueError, "%s must not be empty", what);
        return -1;
    }
    return 0;
}

static int check_tags(PyObject *tags) {
    if (core_given(tags) == NULL) {
        return 0;
    }
    if (!PyDict_Check(tags)) {
        PyErr_Format(PyExc_TypeError, "tags must be a dict of str to str, not %.80s", Py_TYPE(tags)->tp_name);
        return -1;
    }
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(tags, &at, &name, &value)) {
        if (!PyUnicode_Check(name) || !PyUnicode_Check(value)) {
            PyErr_SetString(PyExc_TypeError, "tags must be a dict of str to str");
            return -1;
        }
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- binding */

#define TAGS 32

/* Those of the tags that the collector does not declare, which go to the records; NULL = there are none, or an
 * exception is set. */
static PyObject *undeclared(core_collector *collector, PyObject *tags) {
    PyObject *name, *value, *found = NULL;
    Py_ssize_t at = 0;
    while (tags != NULL && PyDict_Next(tags, &at, &name, &value)) {
        core_text text = core_text_of(name);
        if (!tacho_collector_has_tag(collector->handle, text.bytes)) {
            found = found == NULL ? PyDict_New() : found;
            if (found == NULL || PyDict_SetItem(found, name, value) < 0) {
                Py_CLEAR(found);
                tags = NULL;
            }
        }
        core_text_done(&text);
    }
    return found;
}

/* Texts of the declared tags; returns how many. */
static size_t read_tags(const core_series *series, tacho_tag out[TAGS], core_text texts[2 * TAGS]) {
    PyObject *name, *value;
    Py_ssize_t at = 0;
    size_t count = 0;
    while (series->tags != NULL && count < TAGS && PyDict_Next(series->tags, &at, &name, &value)) {
        if (series->notes != NULL && PyDict_Contains(series->notes, name) != 0) {
            continue;
        }
        texts[2 * count] = core_text_of(name);
        texts[2 * count + 1] = core_text_of(value);
        out[count].name = texts[2 * count].bytes;
        out[count].value = texts[2 * count + 1].bytes;
        count++;
    }
    return count;
}

static tacho_status bind_handle(core_series *series) {
    tacho_tag tags[TAGS];
    core_text texts[2 * TAGS];
    core_text name = core_text_of(series->name), provider = core_text_of(series->provider);
    core_text model = core_text_of(series->model);
    tacho_labels labels = TACHO_LABELS_INIT;
    labels.provider = provider.bytes;
    labels.model = model.bytes;
    const size_t tag_count = read_tags(series, tags, texts);
    labels.tag_count = (uint32_t)tag_count;
    labels.tags = tags;
    tacho_status status = tacho_bind(series->collector->handle, series->kind, name.bytes, &labels, &series->handle);
    for (size_t i = 0; i < 2 * tag_count; i++) {
        core_text_done(&texts[i]);
    }
    core_text_done(&name);
    core_text_done(&provider);
    core_text_done(&model);
    return status;
}

core_series *core_series_bind(core_collector *collector, tacho_kind kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags) {
    core_series *series = PyObject_GC_New(core_series, collector->state->series_type);
    if (series == NULL) {
        return NULL;
    }
    series->collector = core_own(collector);
    series->handle = NULL;
    series->kind = kind;
    series->name = core_own(name);
    series->provider = core_own(core_given(provider));
    series->model = core_own(core_given(model));
    series->tags = core_given(tags) == NULL ? NULL : PyDict_Copy(tags);
    series->notes = undeclared(collector, series->tags);
    PyObject_GC_Track(series);
    tacho_status status = collector->handle == NULL || PyErr_Occurred() ? TACHO_OK : bind_handle(series);
    if (status != TACHO_OK) {
        core_raise(collector->state, status, "binding a series");
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(series);
    }
    return series;
}

static core_series *find_cached(core_collector *collector, PyObject *key) {
    PyObject *found = PyDict_GetItemWithError(collector->series, key);
    return core_own(found);
}

static core_series *bind_checked(core_collector *collector, PyObject *kind, PyObject *name, PyObject *provider,
                                 PyObject *model, PyObject *tags) {
    tacho_kind parsed;
    if (read_kind(kind, &parsed) < 0 || check_text("name", name, 1) < 0 || check_text("provider", provider, 0) < 0 ||
        check_text("model", model, 0) < 0 || check_tags(tags) < 0) {
        return NULL;
    }
    return core_series_bind(collector, parsed, name, provider, model, tags);
}

core_series *core_series_find(core_collector *collector, PyObject *kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags) {
    if (core_given(tags) != NULL) {
        return bind_checked(collector, kind, name, provider, model, tags);
    }
    PyObject *key = PyTuple_Pack(4, kind == NULL ? Py_None : kind, name, provider == NULL ? Py_None : provider,
                                 model == NULL ? Py_None : model);
    core_series *series = key == NULL ? NULL : find_cached(collector, key);
    if (series == NULL && !PyErr_Occurred()) {
        series = bind_checked(collector, kind, name, provider, model, NULL);
        if (PyDict_GET_SIZE(collector->series) >= CORE_CACHED) {
            PyDict_Clear(collector->series);
        }
        if (series != NULL && PyDict_SetItem(collector->series, key, (PyObject *)series) < 0) {
            Py_CLEAR(series);
        }
    }
    Py_XDECREF(key);
    return series;
}

/* The tags that are texts; a new reference, NULL where there are none. */
static PyObject *good_tags(PyObject *tags) {
    PyObject *name, *value, *good = PyDict_Check(tags) ? PyDict_New() : NULL;
    Py_ssize_t at = 0;
    while (good != NULL && PyDict_Next(tags, &at, &name, &value)) {
        if (PyUnicode_Check(name) && PyUnicode_Check(value) && PyDict_SetItem(good, name, value) < 0) {
            Py_CLEAR(good);
        }
    }
    return good;
}

static void drop_raised(core_raised *raised) {
    Py_CLEAR(raised->type);
    Py_CLEAR(raised->value);
    Py_CLEAR(raised->traceback);
}

/* Leaves out a label whose check has failed; -1 with its exception in strict mode. */
static int mend(core_collector *collector, int failed, const char *what, PyObject **value) {
    if (failed) {
        *value = NULL;
        return core_leave_out(collector, what, TACHO_INVALID);
    }
    return 0;
}

core_series *core_series_mend(core_collector *collector, PyObject *kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags) {
    tacho_kind parsed;
    PyObject *const given[] = {kind, provider, model, tags};
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return NULL;
    }
    core_raised refusal = core_raised_take();
    if (mend(collector, check_text("name", name, 1) < 0, "name", &name) < 0 || name == NULL ||
        mend(collector, read_kind(kind, &parsed) < 0, "kind", &kind) < 0 ||
        mend(collector, check_text("provider", provider, 0) < 0, "provider", &provider) < 0 ||
        mend(collector, check_text("model", model, 0) < 0, "model", &model) < 0 ||
        mend(collector, check_tags(tags) < 0, "tags", &tags) < 0) {
        drop_raised(&refusal);
        return NULL;
    }
    if (kind == given[0] && provider == given[1] && model == given[2] && tags == given[3]) {
        core_raised_put(&refusal); /* the core refused the name, and has counted that */
        return NULL;
    }
    drop_raised(&refusal);
    PyObject *good = tags == given[3] ? core_own(tags) : good_tags(given[3]);
    core_series *series = PyErr_Occurred() ? NULL : core_series_find(collector, kind, name, provider, model, good);
    Py_XDECREF(good);
    return series;
}

/* ------------------------------------------------------------------------------------------------------------ type */

static int series_traverse(core_series *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->collector);
    Py_VISIT(self->tags);
    Py_VISIT(self->notes);
    return 0;
}

static int series_clear(core_series *self) {
    Py_CLEAR(self->tags);
    Py_CLEAR(self->notes);
    return 0; /* the collector stays until the handle is released: it owns the prices the handle points to */
}

static void series_dealloc(core_series *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    tacho_series_release(self->handle);
    Py_CLEAR(self->name);
    Py_CLEAR(self->provider);
    Py_CLEAR(self->model);
    Py_CLEAR(self->tags);
    Py_CLEAR(self->notes);
    Py_CLEAR(self->collector);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%.80s objects are made by tachograph only", type->tp_name);
    return NULL;
}

static PyType_Slot series_slots[] = {{Py_tp_doc, "A bound series."},          {Py_tp_new, (void *)no_new},
                                     {Py_tp_dealloc, (void *)series_dealloc}, {Py_tp_traverse, (void *)series_traverse},
                                     {Py_tp_clear, (void *)series_clear},     {0, NULL}};

PyType_Spec core_series_spec = {.name = "tachograph._core.Series",
                                .basicsize = sizeof(core_series),
                                .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                .slots = series_slots};
