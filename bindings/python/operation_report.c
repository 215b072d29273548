/**
 * What an operation reports while it runs. Each method converts, makes one core call, and ends in core_done(): it never
 * raises but in strict mode (semantics "the host never suffers").
 */
#include "core.h"

static core_collector *collector_of(const core_operation *op) {
    return op->series == NULL ? NULL : op->series->collector;
}

PyObject *core_operation_add_component(core_operation *op, PyObject *args) {
    PyObject *name, *seconds;
    if (!PyArg_UnpackTuple(args, "add_component", 2, 2, &name, &seconds)) {
        return NULL;
    }
    core_collector *collector = collector_of(op);
    if (collector == NULL) {
        return core_none();
    }
    core_text text = core_text_of(name);
    uint64_t duration = 0;
    tacho_status status = tacho_seconds_to_ns(collector->handle, core_seconds_of(seconds), &duration);
    if (status == TACHO_OK) {
        status = tacho_operation_component(&op->op, text.bytes, duration);
    }
    core_text_done(&text);
    return core_done(collector, status);
}

PyObject *core_operation_tool_call(core_operation *op, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"name", "seconds", "success", "error", NULL};
    PyObject *name, *seconds, *success = Py_True, *error = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO:tool_call", names, &name, &seconds, &success, &error)) {
        return NULL;
    }
    core_collector *collector = collector_of(op);
    if (collector == NULL) {
        return core_none();
    }
    core_failure failure = {TACHO_CATEGORY_NONE, core_truth_of(success) ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR, ""};
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (core_given(error) != NULL) {
        core_failure_given(error, &failure);
    }
    core_text tool = core_text_of(name);
    uint64_t duration = 0;
    tacho_status status = core_duration_of(collector, seconds, &duration);
    if (status == TACHO_OK) {
        status = tacho_operation_tool_call(&op->op, tool.bytes, duration, failure.outcome, failure.category,
                                           failure.type[0] == '\0' ? NULL : failure.type);
    }
    core_text_done(&tool);
    return core_done(collector, status);
}

typedef tacho_status (*report_text)(tacho_operation *op, const char *text);

/* What is no text is told and left out; a call whose text is optional happened all the same. */
static PyObject *report(core_operation *op, report_text call, const char *argument, PyObject *value, int optional) {
    core_text text = core_text_of(value);
    if (op->series != NULL && value != NULL && text.bytes == NULL && !(optional && value == Py_None)) {
        if (core_leave_out(collector_of(op), argument, TACHO_INVALID) < 0) {
            return NULL;
        }
        if (!optional) {
            return core_none();
        }
    }
    tacho_status status = op->series == NULL ? TACHO_OK : call(&op->op, text.bytes);
    core_text_done(&text);
    return core_done(collector_of(op), status);
}

PyObject *core_operation_model(core_operation *op, PyObject *model) {
    return report(op, tacho_operation_model, "model", model, 0);
}

PyObject *core_operation_provider(core_operation *op, PyObject *provider) {
    return report(op, tacho_operation_provider, "provider", provider, 0);
}

PyObject *core_operation_retry(core_operation *op, PyObject *args) {
    PyObject *reason = NULL;
    return PyArg_UnpackTuple(args, "retry", 0, 1, &reason) ? report(op, tacho_operation_retry, "reason", reason, 1)
                                                           : NULL;
}

PyObject *core_operation_warn(core_operation *op, PyObject *args) {
    PyObject *type = NULL;
    return PyArg_UnpackTuple(args, "warn", 0, 1, &type) ? report(op, tacho_operation_warn, "type", type, 1) : NULL;
}

PyObject *core_operation_cost(core_operation *op, PyObject *usd) {
    int64_t pusd;
    core_collector *collector = collector_of(op);
    if (collector != NULL && core_money_of(usd, &pusd) != TACHO_OK) {
        return core_leave_out(collector, "cost", TACHO_INVALID) < 0 ? NULL : core_none();
    }
    return core_done(collector, collector == NULL ? TACHO_OK : tacho_operation_cost(&op->op, pusd));
}

PyObject *core_operation_first_token(core_operation *op, PyObject *unused) {
    (void)unused;
    return core_done(collector_of(op), tacho_operation_first_token(&op->op));
}

PyObject *core_operation_human(core_operation *op, PyObject *unused) {
    (void)unused;
    return core_done(collector_of(op), tacho_operation_human(&op->op));
}

PyObject *core_operation_context(core_operation *op, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"size", "limit", "compressed", NULL};
    PyObject *size, *limit = NULL, *compressed = Py_False;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:context", names, &size, &limit, &compressed)) {
        return NULL;
    }
    core_collector *collector = collector_of(op);
    uint64_t tokens, most;
    if (core_count_read(collector, "size", size, &tokens) < 0 ||
        core_count_read(collector, "limit", limit, &most) < 0) {
        return NULL;
    }
    const int compacted = core_truth_of(compressed);
    return core_done(collector, tacho_operation_context(&op->op, tokens, most, compacted));
}

PyObject *core_operation_fail(core_operation *op, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"category", "type", NULL};
    PyObject *error, *type = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:fail", names, &error, &type)) {
        return NULL;
    }
    core_failure failure;
    core_failure_given(error, &failure);
    core_text text = core_text_of(type);
    const int named = PyUnicode_Check(error) || PyExceptionInstance_Check(error) || PyExceptionClass_Check(error);
    const char *wrong = !named ? "category" : core_given(type) != NULL && text.bytes == NULL ? "type" : NULL;
    if (op->series != NULL && wrong != NULL && core_leave_out(collector_of(op), wrong, TACHO_INVALID) < 0) {
        core_text_done(&text);
        return NULL;
    }
    const char *kept = text.bytes != NULL ? text.bytes : failure.type[0] != '\0' ? failure.type : NULL;
    if (op->planned == TACHO_OUTCOME_OK && op->series != NULL) {
        op->planned = failure.outcome;
    }
    tacho_status status = tacho_operation_fail(&op->op, failure.category, kept);
    core_text_done(&text);
    return core_done(collector_of(op), status);
}

CORE_RARE static tacho_status report_misspelt(core_operation *op, const tacho_response *known) {
    tacho_usage usage;
    core_usage_misspelt(&usage, known);
    tacho_status status = tacho_operation_usage(&op->op, &usage);
    return status == TACHO_OK ? TACHO_INVALID : status;
}

/* 0, or -1 with an exception that must reach the program: strict mode, KeyboardInterrupt. */
int core_operation_report(core_operation *op, PyObject *response, PyObject *dialect) {
    core_series *series = op->series;
    if (series == NULL || series->handle == NULL) {
        return 0;
    }
    core_text provider = core_text_of(series->provider);
    if (core_usage_check(series->collector, &response, &dialect, provider.bytes) < 0 || response == Py_None) {
        core_text_done(&provider);
        return PyErr_Occurred() ? -1 : 0;
    }
    tacho_response *read = NULL;
    tacho_status status = core_response_read(op->scope.state, response, dialect, provider.bytes, &read);
    const int unread = status != TACHO_OK && status != TACHO_NO_DATA; /* else the core counts what is wrong */
    if (!PyErr_Occurred() && status == TACHO_NO_DATA && core_usage_is_misspelt(response)) {
        status = report_misspelt(op, NULL);
    } else if (!PyErr_Occurred() && status == TACHO_OK && core_usage_is_partly_misspelt(response, read)) {
        status = report_misspelt(op, read);
    } else if (!PyErr_Occurred() && (status == TACHO_OK || status == TACHO_NO_DATA) && read != NULL) {
        status = tacho_operation_response(&op->op, read);
    }
    core_response_done(op->scope.state, read);
    core_text_done(&provider);
    if (PyErr_Occurred()) {
        return core_forgive(series->collector);
    }
    if (status == TACHO_OK) {
        return 0;
    }
    return unread ? core_leave_out(series->collector, "usage", status)
                  : core_refuse(series->collector, "usage", status);
}

static PyObject *usage_of_classes(core_operation *op, PyObject *kwargs) {
    core_usage usage;
    if (core_usage_read(kwargs, &usage) < 0) {
        return NULL;
    }
    core_collector *collector = collector_of(op);
    const char *refused = usage.refused;
    tacho_status status = tacho_operation_usage(&op->op, &usage.classes);
    core_usage_done(&usage);
    if (collector != NULL && refused != NULL && core_leave_out(collector, refused, TACHO_INVALID) < 0) {
        return NULL;
    }
    return core_done(collector, status);
}

PyObject *core_operation_usage(core_operation *op, PyObject *args, PyObject *kwargs) {
    PyObject *response = NULL, *dialect = NULL;
    if (!PyArg_UnpackTuple(args, "usage", 0, 2, &response, &dialect)) {
        return NULL;
    }
    if (response == NULL) {
        return usage_of_classes(op, kwargs);
    }
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        PyObject *named = PyDict_GetItemString(kwargs, "dialect");
        if (named == NULL || PyDict_GET_SIZE(kwargs) > 1) {
            PyErr_SetString(PyExc_TypeError, "usage() takes a response (and dialect=) or classes by name, not both");
            return NULL;
        }
        dialect = named;
    }
    return core_operation_report(op, response, core_given(dialect)) < 0 ? NULL : core_none();
}
