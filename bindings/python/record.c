/**
 * record(): one finished operation after the fact. A value that cannot be used never raises (but in strict mode): it is
 * left out and counted, and the operation is recorded without it. Seconds that are none refuse the operation, because
 * without them it would count as one of unknown duration. Unknown argument names raise TypeError, as with any function.
 */
#include "core.h"

#define COMPONENTS 64

typedef struct record_arguments {
    PyObject *name, *seconds, *kind, *provider, *model, *success, *error, *usage, *cost, *tool, *components, *tags;
    PyObject *metadata, *ended_at, *session, *dialect, *first_token, *retries, *interventions, *warnings;
    PyObject *context_size, *context_limit, *compressed;
} record_arguments;

/* What a tacho_finished points into. */
typedef struct record_parts {
    tacho_finished finished;
    tacho_response *response;
    core_text tool, names[COMPONENTS];
    core_failure failure;
    tacho_component components[COMPONENTS];
    core_scope *scope;
    core_session *session;
    tacho_usage misspelt;
} record_parts;

static int parse(PyObject *args, PyObject *kwargs, record_arguments *out) {
    static char *names[] = {"name",          "seconds",  "kind",         "provider",      "model",       "success",
                            "error",         "usage",    "cost",         "tool",          "components",  "tags",
                            "metadata",      "ended_at", "session",      "dialect",       "first_token", "retries",
                            "interventions", "warnings", "context_size", "context_limit", "compressed",  NULL};
    *out = (record_arguments){.success = Py_True, .compressed = Py_False};
    return PyArg_ParseTupleAndKeywords(
        args, kwargs, "OO|$OOOOOOOOOOOOOOOOOOOOO:record", names, &out->name, &out->seconds, &out->kind, &out->provider,
        &out->model, &out->success, &out->error, &out->usage, &out->cost, &out->tool, &out->components, &out->tags,
        &out->metadata, &out->ended_at, &out->session, &out->dialect, &out->first_token, &out->retries,
        &out->interventions, &out->warnings, &out->context_size, &out->context_limit, &out->compressed);
}

static int read_small_count(core_collector *collector, const char *argument, PyObject *value, uint32_t *out) {
    uint64_t count;
    int result = core_count_read(collector, argument, value, &count);
    *out = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return result;
}

static int read_counts(core_collector *collector, const record_arguments *in, tacho_finished *out) {
    if (read_small_count(collector, "retries", in->retries, &out->retries) < 0 ||
        read_small_count(collector, "interventions", in->interventions, &out->interventions) < 0 ||
        read_small_count(collector, "warnings", in->warnings, &out->warnings) < 0 ||
        core_count_read(collector, "context_size", in->context_size, &out->context_size) < 0 ||
        core_count_read(collector, "context_limit", in->context_limit, &out->context_limit) < 0) {
        return -1;
    }
    out->compressed = (uint32_t)core_truth_of(in->compressed);
    return PyErr_Occurred() ? -1 : 0;
}

/* One component into the next place; what cannot be used leaves the place free. */
static int read_component(core_collector *collector, PyObject *name, PyObject *seconds, record_parts *out) {
    uint32_t at = out->finished.component_count;
    core_text text = core_text_of(name);
    if (text.bytes == NULL || text.bytes[0] == '\0') {
        core_text_done(&text);
        return core_leave_out(collector, "components", TACHO_INVALID);
    }
    out->names[at] = text;
    out->components[at].name = text.bytes;
    tacho_status status =
        tacho_seconds_to_ns(collector->handle, core_seconds_of(seconds), &out->components[at].duration_ns);
    if (status != TACHO_OK) {
        core_text_done(&out->names[at]);
        return core_refuse(collector, "components", status);
    }
    out->finished.component_count++;
    return 0;
}

static int read_components(core_collector *collector, PyObject *components, record_parts *out) {
    PyObject *name, *seconds;
    Py_ssize_t at = 0;
    int result = 0;
    if (!PyDict_Check(components)) {
        return core_leave_out(collector, "components", TACHO_INVALID);
    }
    out->finished.components = out->components;
    while (result == 0 && out->finished.component_count < COMPONENTS && PyDict_Next(components, &at, &name, &seconds)) {
        result = read_component(collector, name, seconds, out);
    }
    return result;
}

static void read_outcome(const record_arguments *in, record_parts *out) {
    int success = core_given(in->success) == NULL || core_truth_of(in->success); /* None = not given */
    out->failure = (core_failure){TACHO_CATEGORY_NONE, success ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR, ""};
    if (!PyErr_Occurred() && core_given(in->error) != NULL) {
        core_failure_given(in->error, &out->failure);
    }
    out->finished.outcome = out->failure.outcome;
    out->finished.category = out->failure.category;
    out->finished.error_type = out->failure.type[0] == '\0' ? NULL : out->failure.type;
}

static int read_usage(core_collector *collector, const record_arguments *in, record_parts *out) {
    core_text provider = core_text_of(in->provider);
    PyObject *usage = in->usage, *dialect = core_given(in->dialect);
    if (core_usage_check(collector, &usage, &dialect, provider.bytes) < 0 || usage == Py_None) {
        core_text_done(&provider);
        return PyErr_Occurred() ? -1 : 0;
    }
    tacho_status status = core_response_read(collector->state, usage, dialect, provider.bytes, &out->response);
    core_text_done(&provider);
    if (PyErr_Occurred() || (status != TACHO_OK && status != TACHO_NO_DATA)) {
        return core_leave_out(collector, "usage", status);
    }
    if (status == TACHO_NO_DATA && core_usage_is_misspelt(in->usage)) {
        core_usage_misspelt(&out->misspelt, NULL);
        out->finished.usage = &out->misspelt;
        return core_refuse(collector, "usage", TACHO_INVALID);
    }
    if (status == TACHO_OK && core_usage_is_partly_misspelt(in->usage, out->response)) {
        core_usage_misspelt(&out->misspelt, out->response);
        out->finished.usage = &out->misspelt;
        return core_refuse(collector, "usage", TACHO_INVALID);
    }
    out->finished.response = out->response;
    return 0;
}

static int read_ended_at(core_collector *collector, PyObject *value, record_parts *out) {
    int64_t instant;
    if (core_instant_of(collector->state, value, &instant) == 0) {
        out->finished.ended_at_ns = instant;
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_Exception)) {
        core_raised raised = core_raised_take();
        PyErr_Format(PyExc_ValueError, "ended_at: %S", raised.value == NULL ? Py_None : raised.value);
        Py_XDECREF(raised.type);
        Py_XDECREF(raised.value);
        Py_XDECREF(raised.traceback);
    }
    return core_leave_out(collector, "ended_at", TACHO_INVALID);
}

static int read_cost(core_collector *collector, PyObject *value, record_parts *out) {
    int64_t pusd;
    if (core_money_of(value, &pusd) == TACHO_OK && pusd >= 0) {
        out->finished.cost_pusd = pusd;
        return 0;
    }
    return core_leave_out(collector, "cost", TACHO_INVALID);
}

static int read_first_token(core_collector *collector, PyObject *value, record_parts *out) {
    uint64_t ns;
    tacho_status status = tacho_seconds_to_ns(collector->handle, core_seconds_of(value), &ns);
    if (status != TACHO_OK) {
        return core_refuse(collector, "first_token", status);
    }
    out->finished.first_token_ns = ns;
    return 0;
}

static int read_tool(core_collector *collector, PyObject *value, record_parts *out) {
    out->tool = core_text_of(value);
    out->finished.tool = out->tool.bytes;
    return out->tool.bytes == NULL ? core_leave_out(collector, "tool", TACHO_INVALID) : 0;
}

static int read_place(core_collector *collector, const record_arguments *in, record_parts *out) {
    core_place place;
    out->scope = core_scope_find(collector->state, &place);
    core_operation *parent = core_scope_operation(out->scope, collector);
    core_session *session = core_scope_session(out->scope, collector);
    if (core_given(in->session) != NULL) {
        out->session = core_session_of(collector, in->session);
        if (out->session == NULL && core_leave_out(collector, "session", TACHO_INVALID) < 0) {
            return -1;
        }
        session = out->session != NULL ? out->session : session;
    }
    out->finished.parent = parent == NULL ? NULL : &parent->op;
    out->finished.session = session == NULL ? NULL : session->handle;
    return 0;
}

typedef int (*read_value)(core_collector *collector, PyObject *value, record_parts *out);

/* 0, or -1 with an exception that must reach the program. */
static int read_optional(core_collector *collector, PyObject *value, read_value read, record_parts *out) {
    return core_given(value) == NULL ? 0 : read(collector, value, out);
}

/* 0, or -1 with an exception. Code of the program that runs here may raise; none of it may be dropped or tripped over.
 */
static int read_arguments(core_collector *collector, const record_arguments *in, record_parts *out) {
    read_outcome(in, out);
    if (PyErr_Occurred()) {
        return -1;
    }
    if (read_optional(collector, in->tool, read_tool, out) < 0 || read_place(collector, in, out) < 0) {
        return -1;
    }
    if (read_counts(collector, in, &out->finished) < 0 ||
        read_optional(collector, in->components, read_components, out) < 0 ||
        read_optional(collector, in->first_token, read_first_token, out) < 0 ||
        read_optional(collector, in->cost, read_cost, out) < 0 ||
        read_optional(collector, in->ended_at, read_ended_at, out) < 0) {
        return -1;
    }
    return core_given(in->usage) == NULL ? 0 : read_usage(collector, in, out);
}

/* The seconds come first: nothing else is read of an operation that is refused. */
static int read_and_record(core_collector *collector, core_series *series, const record_arguments *in,
                           record_parts *out) {
    tacho_status status = core_duration_of(collector, in->seconds, &out->finished.duration_ns);
    if (status != TACHO_OK) {
        return core_refuse(collector, "seconds", status);
    }
    if (read_arguments(collector, in, out) < 0) {
        return -1;
    }
    if (core_given(in->metadata) != NULL || series->notes != NULL) {
        if (core_metadata_record(collector, series, core_given(in->metadata), &out->finished, &status) < 0) {
            return -1;
        }
    } else {
        status = tacho_record(series->handle, &out->finished);
    }
    return status == TACHO_OK ? 0 : core_refuse(collector, NULL, status);
}

static void release_parts(core_collector *collector, record_parts *parts) {
    for (uint32_t i = 0; i < parts->finished.component_count; i++) {
        core_text_done(&parts->names[i]);
    }
    core_text_done(&parts->tool);
    core_response_done(collector->state, parts->response);
    Py_XDECREF(parts->scope);
    Py_XDECREF(parts->session);
}

PyObject *core_record_function(core_collector *collector, PyObject *args, PyObject *kwargs) {
    record_arguments in;
    if (!parse(args, kwargs, &in)) {
        return NULL;
    }
    if (!core_recording(collector)) {
        return core_none();
    }
    core_series *series = core_series_find(collector, in.kind, in.name, in.provider, in.model, in.tags);
    if (series == NULL) {
        series = core_series_mend(collector, in.kind, in.name, in.provider, in.model, in.tags);
    }
    if (series == NULL) {
        return core_forgive(collector) < 0 ? NULL : core_none();
    }
    record_parts parts;
    parts.finished = (tacho_finished)TACHO_FINISHED_INIT;
    parts.response = NULL;
    parts.tool = (core_text){NULL, NULL};
    parts.scope = NULL;
    parts.session = NULL;
    collector->used = 1;
    int failed = read_and_record(collector, series, &in, &parts) < 0;
    release_parts(collector, &parts);
    Py_DECREF(series);
    return failed ? NULL : core_none();
}
