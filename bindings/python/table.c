/**
 * The type Table: rows, records, a summary or system numbers of the core, to be taken over as Python values or written
 * by the core's own writers, so that a screen or a file looks the same from every language.
 */
#include "core.h"
#include <string.h>

typedef enum table_holds {
    HOLDS_ROWS,
    HOLDS_RECORDS,
    HOLDS_SUMMARY,
    HOLDS_SYSTEM,
    HOLDS_CACHES,
    HOLDS_METRICS
} table_holds;

typedef struct table {
    PyObject_HEAD core_state *state;
    PyObject *owner; /* keeps the pointer alive: a summary's lists, the snapshot's strings */
    table_holds holds;
    char owned; /* freed with this table */
    union {
        const tacho_rows *rows;
        const tacho_records *records;
        const tacho_summary *summary;
        const tacho_system *system;
        const tacho_cache_rows *caches;
        const tacho_metric_rows *metrics;
        void *any;
    } of;
} table;

static table *table_new(core_state *state, table_holds holds, const void *what, PyObject *owner, int owned) {
    table *self = (table *)state->table_type->tp_alloc(state->table_type, 0);
    if (self != NULL) {
        self->state = state;
        self->holds = holds;
        self->of.any = (void *)(uintptr_t)what;
        self->owner = core_own(owner);
        self->owned = (char)owned;
    }
    return self;
}

PyObject *core_table_of_rows(core_state *state, tacho_rows *rows, PyObject *snapshot) {
    table *self = table_new(state, HOLDS_ROWS, rows, snapshot, 1);
    if (self == NULL) {
        tacho_rows_free(rows);
    }
    return (PyObject *)self;
}

PyObject *core_table_of_records(core_state *state, tacho_records *records, PyObject *snapshot) {
    table *self = table_new(state, HOLDS_RECORDS, records, snapshot, 1);
    if (self == NULL) {
        tacho_records_free(records);
    }
    return (PyObject *)self;
}

PyObject *core_table_of_caches(core_state *state, tacho_cache_rows *rows, PyObject *snapshot) {
    table *self = table_new(state, HOLDS_CACHES, rows, snapshot, 1);
    if (self == NULL) {
        tacho_cache_rows_free(rows);
    }
    return (PyObject *)self;
}

PyObject *core_table_of_metrics(core_state *state, tacho_metric_rows *rows, PyObject *snapshot) {
    table *self = table_new(state, HOLDS_METRICS, rows, snapshot, 1);
    if (self == NULL) {
        tacho_metric_rows_free(rows);
    }
    return (PyObject *)self;
}

PyObject *core_table_of_summary(core_state *state, tacho_summary *summary, PyObject *snapshot) {
    table *self = table_new(state, HOLDS_SUMMARY, summary, snapshot, 1);
    if (self == NULL) {
        tacho_summary_free(summary);
    }
    return (PyObject *)self;
}

PyObject *core_table_of_system(core_state *state, const tacho_system *system) {
    tacho_system *copy = PyMem_Malloc(sizeof(*copy));
    if (copy == NULL) {
        return PyErr_NoMemory();
    }
    *copy = *system;
    table *self = table_new(state, HOLDS_SYSTEM, copy, NULL, 1);
    if (self == NULL) {
        PyMem_Free(copy);
    }
    return (PyObject *)self;
}

/* --------------------------------------------------------------------------------------------------------- reading */

static size_t count_of(const table *self) {
    return self->holds == HOLDS_ROWS      ? self->of.rows->count
           : self->holds == HOLDS_RECORDS ? self->of.records->count
           : self->holds == HOLDS_CACHES  ? self->of.caches->count
           : self->holds == HOLDS_METRICS ? self->of.metrics->count
                                          : 1;
}

static PyObject *values_at(const table *self, size_t index) {
    size_t count = 0;
    const tacho_field *fields;
    const void *base;
    if (self->holds == HOLDS_ROWS) {
        fields = tacho_row_fields(&count);
        base = &self->of.rows->rows[index];
    } else if (self->holds == HOLDS_RECORDS) {
        fields = tacho_record_fields(&count);
        base = &self->of.records->records[index];
    } else if (self->holds == HOLDS_SYSTEM) {
        fields = tacho_system_fields(&count);
        base = self->of.system;
    } else if (self->holds == HOLDS_CACHES) {
        fields = tacho_cache_fields(&count);
        base = &self->of.caches->rows[index];
    } else if (self->holds == HOLDS_METRICS) {
        fields = tacho_metric_fields(&count);
        base = &self->of.metrics->rows[index];
    } else {
        fields = tacho_summary_fields(&count);
        base = self->of.summary;
    }
    return core_fields_values(self->state, fields, count, base, self->holds == HOLDS_RECORDS);
}

static PyObject *table_values(table *self, PyObject *unused) {
    (void)unused;
    size_t count = count_of(self);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *values = values_at(self, i);
        if (values == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, values);
        }
    }
    return list;
}

/* A list inside a summary, as a table that keeps the summary alive. NULL holds nothing: an empty table is made. */
static PyObject *part(table *self, table_holds holds, const void *what) {
    if (what == NULL) {
        return core_none();
    }
    return (PyObject *)table_new(self->state, holds, what, (PyObject *)self, 0);
}

static PyObject *table_parts(table *self, PyObject *unused) {
    (void)unused;
    if (self->holds != HOLDS_SUMMARY) {
        PyErr_SetString(PyExc_TypeError, "only a summary has parts");
        return NULL;
    }
    const tacho_summary *summary = self->of.summary;
    return Py_BuildValue("(NNNNN)", part(self, HOLDS_ROWS, summary->tools), part(self, HOLDS_ROWS, summary->models),
                         part(self, HOLDS_RECORDS, summary->slowest), part(self, HOLDS_CACHES, summary->caches),
                         part(self, HOLDS_METRICS, summary->metrics));
}

static PyObject *table_totals(table *self, PyObject *unused) {
    (void)unused;
    size_t count = 0;
    if (self->holds == HOLDS_CACHES) {
        const tacho_field *of_caches = tacho_cache_fields(&count);
        return core_fields_values(self->state, of_caches, count, &self->of.caches->totals, 0);
    }
    if (self->holds != HOLDS_ROWS) {
        return core_none();
    }
    const tacho_field *fields = tacho_row_fields(&count);
    return core_fields_values(self->state, fields, count, &self->of.rows->totals, 0);
}

static PyObject *table_warnings(table *self, PyObject *unused) {
    (void)unused;
    size_t count = self->holds == HOLDS_ROWS ? self->of.rows->warning_count : 0;
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *warning = core_string(self->of.rows->warnings[i]);
        if (warning == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, warning);
        }
    }
    return list;
}

/* --------------------------------------------------------------------------------------------------------- writing */

#define COLUMNS 96

/* Names of a sequence of str, NULL-terminated; they live as long as the sequence. */
static int read_columns(PyObject *columns, const char *out[COLUMNS + 1]) {
    Py_ssize_t count = PyTuple_GET_SIZE(columns);
    if (count > COLUMNS) {
        PyErr_SetString(PyExc_ValueError, "too many columns");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        out[i] = PyUnicode_AsUTF8(PyTuple_GET_ITEM(columns, i));
        if (out[i] == NULL) {
            return -1;
        }
    }
    out[count] = NULL;
    return 0;
}

static tacho_status write_table(const table *self, tacho_format format, const char *schema, const char *const *columns,
                                const tacho_style *style, core_output *output) {
    switch (self->holds) {
    case HOLDS_ROWS:
        return tacho_write_rows(self->of.rows, format, schema, columns, style, core_output_sink, output);
    case HOLDS_RECORDS:
        return tacho_write_records(self->of.records, format, style, core_output_sink, output);
    case HOLDS_SYSTEM:
        return tacho_write_system(self->of.system, format, style, core_output_sink, output);
    case HOLDS_CACHES:
        return tacho_write_caches(self->of.caches, format, style, core_output_sink, output);
    case HOLDS_METRICS:
        return tacho_write_metrics(self->of.metrics, format, style, core_output_sink, output);
    default:
        return tacho_write_summary(self->of.summary, format, style, core_output_sink, output);
    }
}

static PyObject *table_write(table *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"format", "schema", "columns", "width", "color", "ascii", NULL};
    const char *word, *schema = NULL;
    PyObject *columns = NULL;
    tacho_style style = TACHO_STYLE_INIT;
    int color = 0, ascii = 0;
    unsigned int width = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|$zO!Ipp:write", names, &word, &schema, &PyTuple_Type, &columns,
                                     &width, &color, &ascii)) {
        return NULL;
    }
    const char *list[COLUMNS + 1];
    tacho_format format;
    if (columns != NULL && read_columns(columns, list) < 0) {
        return NULL;
    }
    if (tacho_format_parse(word, &format) != TACHO_OK) {
        return PyErr_Format(PyExc_ValueError, "unknown format '%.40s'", word);
    }
    style.width = width;
    style.color = (uint32_t)color;
    style.ascii = (uint32_t)ascii;
    core_output output = {NULL, 0, 0, 0};
    tacho_status status = write_table(self, format, schema, columns == NULL ? NULL : list, &style, &output);
    return core_output_done(self->state, &output, status, 0);
}

int core_output_sink(void *context, const char *bytes, size_t length) {
    core_output *output = context;
    if (length > output->room - output->length) {
        size_t room = output->room == 0 ? 4096 : output->room;
        while (room - output->length < length) {
            room *= 2;
        }
        char *grown = PyMem_Realloc(output->bytes, room);
        if (grown == NULL) {
            output->failed = 1;
            return 1;
        }
        output->bytes = grown;
        output->room = room;
    }
    memcpy(output->bytes + output->length, bytes, length);
    output->length += length;
    return 0;
}

PyObject *core_output_done(core_state *state, core_output *output, tacho_status status, int binary) {
    PyObject *result = NULL;
    if (output->failed) {
        PyErr_NoMemory();
    } else if (status != TACHO_OK) {
        core_raise(state, status, NULL);
    } else if (binary) {
        result = PyBytes_FromStringAndSize(output->bytes, (Py_ssize_t)output->length);
    } else {
        result =
            PyUnicode_DecodeUTF8(output->bytes == NULL ? "" : output->bytes, (Py_ssize_t)output->length, "replace");
    }
    PyMem_Free(output->bytes);
    return result;
}

/* ------------------------------------------------------------------------------------------------------------ type */

static PyObject *no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%.80s objects are made by tachograph only", type->tp_name);
    return NULL;
}

static int table_traverse(table *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->owner);
    return 0;
}

static void table_free(table *self) {
    switch (self->holds) {
    case HOLDS_ROWS:
        tacho_rows_free((tacho_rows *)self->of.any);
        break;
    case HOLDS_RECORDS:
        tacho_records_free((tacho_records *)self->of.any);
        break;
    case HOLDS_CACHES:
        tacho_cache_rows_free((tacho_cache_rows *)self->of.any);
        break;
    case HOLDS_METRICS:
        tacho_metric_rows_free((tacho_metric_rows *)self->of.any);
        break;
    case HOLDS_SUMMARY:
        tacho_summary_free((tacho_summary *)self->of.any);
        break;
    case HOLDS_SYSTEM:
        PyMem_Free(self->of.any);
        break;
    }
}

static void table_dealloc(table *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->owned) {
        table_free(self);
    }
    Py_CLEAR(self->owner);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef table_methods[] = {
    {"values", CORE_METHOD(table_values), METH_NOARGS, "The rows as tuples in the order of fields()."},
    {"parts", CORE_METHOD(table_parts), METH_NOARGS, "(tools, models, slowest) of a summary."},
    {"totals", CORE_METHOD(table_totals), METH_NOARGS, "The totals as a tuple; None for records."},
    {"warnings", CORE_METHOD(table_warnings), METH_NOARGS, "What a reader should know about the rows."},
    {"write", CORE_METHOD(table_write), METH_VARARGS | METH_KEYWORDS,
     "write(format, *, schema=None, columns=None, width=0, color=False, ascii=False) -> str"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot table_slots[] = {{Py_tp_doc, "Rows, records or a summary of the core."},
                                    {Py_tp_new, (void *)no_new},
                                    {Py_tp_dealloc, (void *)table_dealloc},
                                    {Py_tp_traverse, (void *)table_traverse},
                                    {Py_tp_methods, table_methods},
                                    {0, NULL}};

PyType_Spec core_table_spec = {.name = "tachograph._core.Table",
                               .basicsize = sizeof(table),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                               .slots = table_slots};
