/**
 * record(): one finished operation after the fact. A value that cannot be read never raises (but in strict mode); it
 * reaches the core as what the core counts and refuses. Unknown argument names raise TypeError, as with any function.
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

static uint32_t small_count_of(PyObject *value) {
    uint64_t count = core_count_of(value);
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static void read_counts(const record_arguments *in, tacho_finished *out) {
    out->retries = small_count_of(in->retries);
    out->interventions = small_count_of(in->interventions);
    out->warnings = small_count_of(in->warnings);
    out->context_size = core_count_of(in->context_size);
    out->context_limit = core_count_of(in->context_limit);
    out->compressed = (uint32_t)core_truth_of(in->compressed);
}

static tacho_status read_components(core_collector *collector, PyObject *components, record_parts *out) {
    PyObject *name, *seconds;
    Py_ssize_t at = 0;
    uint32_t count = 0;
    tacho_status status = PyDict_Check(components) ? TACHO_OK : TACHO_INVALID;
    while (status == TACHO_OK && count < COMPONENTS && PyDict_Next(components, &at, &name, &seconds)) {
        out->names[count] = core_text_of(name);
        out->components[count].name = out->names[count].bytes;
        status = tacho_seconds_to_ns(collector->handle, core_seconds_of(seconds), &out->components[count].duration_ns);
        count++;
    }
    out->finished.components = out->components;
    out->finished.component_count = count;
    return status;
}

static void read_outcome(const record_arguments *in, record_parts *out) {
    int success = core_truth_of(in->success);
    out->failure = (core_failure){TACHO_CATEGORY_NONE, success ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR, ""};
    if (core_given(in->error) != NULL) {
        core_failure_given(in->error, &out->failure);
    }
    out->finished.outcome = out->failure.outcome;
    out->finished.category = out->failure.category;
    out->finished.error_type = out->failure.type[0] == '\0' ? NULL : out->failure.type;
}

static tacho_status read_usage(core_collector *collector, const record_arguments *in, record_parts *out) {
    core_text provider = core_text_of(in->provider);
    tacho_status status =
        core_response_read(collector->state, in->usage, core_given(in->dialect), provider.bytes, &out->response);
    core_text_done(&provider);
    if (status == TACHO_OK || status == TACHO_NO_DATA) {
        out->finished.response = out->response;
        return TACHO_OK;
    }
    return status;
}

static tacho_status read_ended_at(core_collector *collector, PyObject *value, record_parts *out) {
    if (core_instant_of(collector->state, value, &out->finished.ended_at_ns) < 0) {
        PyErr_Clear();
        return TACHO_INVALID;
    }
    return TACHO_OK;
}

static void read_place(core_collector *collector, const record_arguments *in, record_parts *out) {
    core_place place;
    out->scope = core_scope_find(collector->state, &place);
    core_operation *parent = core_scope_operation(out->scope, collector);
    core_session *session = core_scope_session(out->scope, collector);
    if (core_given(in->session) != NULL) {
        out->session = core_session_of(collector, in->session);
        session = out->session;
    }
    out->finished.parent = parent == NULL ? NULL : &parent->op;
    out->finished.session = session == NULL ? NULL : session->handle;
}

/* Everything that is not a number of its own; the first status that is not TACHO_OK. */
static tacho_status read_arguments(core_collector *collector, const record_arguments *in, record_parts *out) {
    tacho_finished *finished = &out->finished;
    tacho_status status = core_duration_of(collector, in->seconds, &finished->duration_ns);
    read_outcome(in, out);
    out->tool = core_text_of(in->tool);
    finished->tool = out->tool.bytes;
    read_place(collector, in, out);
    if (PyErr_Occurred()) { /* what is read next would drop the exception, or trip over it */
        return TACHO_INVALID;
    }
    read_counts(in, finished);
    if (status == TACHO_OK && core_given(in->components) != NULL) {
        status = read_components(collector, in->components, out);
    }
    if (status == TACHO_OK && core_given(in->first_token) != NULL) {
        status = tacho_seconds_to_ns(collector->handle, core_seconds_of(in->first_token), &finished->first_token_ns);
    }
    if (status == TACHO_OK && core_given(in->cost) != NULL) {
        status = core_money_of(in->cost, &finished->cost_pusd);
    }
    if (status == TACHO_OK && core_given(in->ended_at) != NULL) {
        status = read_ended_at(collector, in->ended_at, out);
    }
    if (status == TACHO_OK && core_given(in->usage) != NULL) {
        status = read_usage(collector, in, out);
    }
    return status;
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
        return core_forgive(collector) < 0 ? NULL : core_none();
    }
    record_parts parts;
    parts.finished = (tacho_finished)TACHO_FINISHED_INIT;
    parts.response = NULL;
    parts.scope = NULL;
    parts.session = NULL;
    collector->used = 1;
    tacho_status status = read_arguments(collector, &in, &parts);
    if (status == TACHO_OK && !PyErr_Occurred()) {
        status = tacho_record(series->handle, &parts.finished);
    }
    release_parts(collector, &parts);
    Py_DECREF(series);
    return PyErr_Occurred() && core_forgive(collector) < 0 ? NULL : core_done(collector, status);
}
