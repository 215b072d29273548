/** Cache: the handle of an application cache, bound at its first use as the handles of metrics are. */
#include "core.h"
#include <string.h>

typedef struct cache {
    PyObject_HEAD core_state *state;
    tacho_cache *handle; /* NULL = nothing is recorded */
    uint64_t generation;
    core_collector *collector;
    char follows;
    PyObject *name;
} cache;

static tacho_status bind_handle(cache *self) {
    core_text name = core_text_of(self->name);
    tacho_status status = self->collector->handle == NULL
                              ? TACHO_OK
                              : tacho_cache_bind(self->collector->handle, name.bytes, &self->handle);
    core_text_done(&name);
    return status;
}

CORE_RARE static int bind_again(cache *self) {
    tacho_cache_release(self->handle);
    self->handle = NULL;
    core_collector *collector = core_follow(self->state, &self->generation, &self->collector);
    tacho_status status = collector == NULL ? TACHO_OK : bind_handle(self);
    if (status != TACHO_OK && collector->strict) {
        core_raise(self->state, status, "binding a cache");
        return -1;
    }
    return 0;
}

static inline int ready(cache *self) {
    return self->follows && self->generation != self->state->generation ? bind_again(self) : 0;
}

PyObject *core_cache_function(core_state *state, core_collector *collector, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"name", NULL};
    PyObject *name;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U:cache", names, &name)) {
        return NULL;
    }
    if (PyUnicode_GET_LENGTH(name) == 0) {
        PyErr_SetString(PyExc_ValueError, "name must not be empty");
        return NULL;
    }
    cache *self = (cache *)state->cache_type->tp_alloc(state->cache_type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    self->name = core_own(name);
    self->follows = collector == NULL;
    self->generation = UINT64_MAX;
    self->collector = core_own(collector);
    tacho_status status = collector == NULL ? TACHO_OK : bind_handle(self);
    if (status != TACHO_OK) {
        core_raise(state, status, "binding a cache");
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* ----------------------------------------------------------------------------------------------------------- events */

/* How many: 1 if it was not said; UINT64_MAX, which is then refused, for what is no count. */
static uint64_t times_of(PyObject *const *args, Py_ssize_t count) {
    if (count == 0) {
        return 1;
    }
    long long n = PyLong_Check(args[0]) ? PyLong_AsLongLong(args[0]) : -1;
    PyErr_Clear();
    return n < 0 ? UINT64_MAX : (uint64_t)n;
}

static inline PyObject *count_event(cache *self, tacho_cache_event event, PyObject *const *args, Py_ssize_t count) {
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "it takes one number at most");
        return NULL;
    }
    if (ready(self) < 0) {
        return NULL;
    }
    uint64_t n = times_of(args, count);
    tacho_status status = tacho_cache_count(self->handle, n == UINT64_MAX ? TACHO_CACHE_EVENT_COUNT : event, n);
    return status == TACHO_OK ? core_none() : core_done(self->collector, status);
}

static PyObject *cache_hit(cache *self, PyObject *const *args, Py_ssize_t count) {
    return count_event(self, TACHO_CACHE_HIT, args, count);
}
static PyObject *cache_miss(cache *self, PyObject *const *args, Py_ssize_t count) {
    return count_event(self, TACHO_CACHE_MISS, args, count);
}
static PyObject *cache_eviction(cache *self, PyObject *const *args, Py_ssize_t count) {
    return count_event(self, TACHO_CACHE_EVICTION, args, count);
}
static PyObject *cache_size_rejection(cache *self, PyObject *const *args, Py_ssize_t count) {
    return count_event(self, TACHO_CACHE_SIZE_REJECTION, args, count);
}

static PyObject *cache_size(cache *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"n", "capacity", NULL};
    PyObject *n, *capacity = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:size", names, &n, &capacity) || ready(self) < 0) {
        return NULL;
    }
    uint64_t size = times_of(&n, 1), most = core_given(capacity) ? times_of(&capacity, 1) : 0;
    if (core_given(capacity) == NULL) {
        most = TACHO_CACHE_CAPACITY_UNKNOWN;
    } else if (most == UINT64_MAX) {
        size = UINT64_MAX; /* no count: refused as a whole */
    }
    return core_done(self->collector, tacho_cache_size(self->handle, size, most));
}

/* ---------------------------------------------------------------------------------------------------------- by name */

static tacho_cache_event event_of(PyObject *word) {
    tacho_cache_event event = TACHO_CACHE_EVENT_COUNT;
    const char *text = PyUnicode_Check(word) ? PyUnicode_AsUTF8(word) : NULL;
    PyErr_Clear();
    (void)tacho_cache_event_parse(text, &event);
    return event;
}

PyObject *core_record_cache_function(core_collector *collector, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"name", "event", "n", NULL};
    PyObject *name, *event, *n = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:record_cache", names, &name, &event, &n)) {
        return NULL;
    }
    uint64_t times = times_of(&n, n == NULL ? 0 : 1);
    core_text text = core_text_of(name);
    tacho_status status = tacho_record_cache(collector->handle, text.bytes,
                                             times == UINT64_MAX ? TACHO_CACHE_EVENT_COUNT : event_of(event), times);
    core_text_done(&text);
    collector->used = 1;
    return core_done(collector, status);
}

PyObject *core_operation_cache(core_operation *op, PyObject *args) {
    PyObject *name, *event;
    if (!PyArg_ParseTuple(args, "OO:cache", &name, &event)) {
        return NULL;
    }
    core_text text = core_text_of(name);
    tacho_status status = tacho_operation_cache(&op->op, text.bytes, event_of(event));
    core_text_done(&text);
    return core_done(op->series == NULL ? NULL : op->series->collector, status);
}

/* ------------------------------------------------------------------------------------------------------------ type */

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%.80s objects are made by tachograph only", type->tp_name);
    return NULL;
}

static void cache_dealloc(cache *self) {
    PyTypeObject *type = Py_TYPE(self);
    tacho_cache_release(self->handle);
    Py_CLEAR(self->name);
    Py_CLEAR(self->collector);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef cache_members[] = {{"name", T_OBJECT, offsetof(cache, name), READONLY, "Name of the cache."},
                                      {NULL, 0, 0, 0, NULL}};

static PyMethodDef cache_methods[] = {
    {"hit", CORE_METHOD(cache_hit), METH_FASTCALL, "hit(n=1): it answered."},
    {"miss", CORE_METHOD(cache_miss), METH_FASTCALL, "miss(n=1): it did not."},
    {"eviction", CORE_METHOD(cache_eviction), METH_FASTCALL, "eviction(n=1): an entry was thrown out."},
    {"size_rejection", CORE_METHOD(cache_size_rejection), METH_FASTCALL,
     "size_rejection(n=1): an entry was too large."},
    {"size", CORE_METHOD(cache_size), METH_VARARGS | METH_KEYWORDS,
     "size(n, capacity=None): entries in it now, and how many fit (None: as told before)."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot cache_slots[] = {{Py_tp_doc, "Hits, misses and the size of one cache of the application."},
                                    {Py_tp_new, (void *)no_new},
                                    {Py_tp_dealloc, (void *)cache_dealloc},
                                    {Py_tp_methods, cache_methods},
                                    {Py_tp_members, cache_members},
                                    {0, NULL}};

PyType_Spec core_cache_spec = {
    .name = "tachograph._core.Cache", .basicsize = sizeof(cache), .flags = Py_TPFLAGS_DEFAULT, .slots = cache_slots};
