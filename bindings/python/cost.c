/**
 * calculate_cost(): the price of one usage without recording anything.
 */
#include "core.h"
#include <time.h>

/* class -> Decimal of everything that was priced. */
static PyObject *components_of(core_state *state, const tacho_cost *cost) {
    PyObject *components = PyDict_New();
    for (int i = 0; components != NULL && i < TACHO_UNIT_COUNT; i++) {
        if (!(cost->priced & TACHO_UNIT_BIT(i)) || cost->component_pusd[i] == 0) {
            continue;
        }
        PyObject *amount = core_money(state, cost->component_pusd[i]);
        if (amount == NULL || PyDict_SetItemString(components, tacho_unit_describe((tacho_unit)i)->field, amount) < 0) {
            Py_CLEAR(components);
        }
        Py_XDECREF(amount);
    }
    return components;
}

static PyObject *sheet_of(const tacho_cost *cost) {
    return cost->sheet == 0 ? core_none() : PyUnicode_FromFormat("%08x", (int)cost->sheet);
}

/* In the order of the fields of tachograph.Cost. */
static PyObject *cost_values(core_state *state, const tacho_cost *cost) {
    return Py_BuildValue(
        "NsNNNsNNNNN", core_money(state, cost->total_pusd), tacho_cost_state_name(cost->state),
        core_money(state, cost->input_pusd), core_money(state, cost->output_pusd), components_of(state, cost),
        tacho_price_service_name(cost->service), sheet_of(cost),
        cost->table_version == NULL || cost->table_version[0] == '\0' ? core_none() : core_string(cost->table_version),
        core_instant(state, cost->priced_at_ns), core_money(state, cost->reported_pusd),
        core_money(state, cost->table_pusd));
}

/* What the caller asked for, over what the response says of itself. */
typedef struct question {
    core_text model, provider, service_tier;
    int64_t at_ns;
} question;

static tacho_status answer(core_state *state, const tacho_response *response, const question *asked, tacho_cost *out) {
    core_collector *collector = core_standard(state);
    if (collector == NULL) {
        return TACHO_INVALID; /* with the exception that says why */
    }
    const tacho_price_table *table = tacho_collector_prices(collector->handle);
    if (asked->service_tier.bytes == NULL && asked->model.bytes == NULL) {
        return tacho_response_cost(table, response, asked->provider.bytes, NULL, asked->at_ns, out);
    }
    tacho_status status = TACHO_NO_DATA;
    for (size_t i = 0; i < tacho_response_parts(response); i++) {
        tacho_usage usage = *tacho_response_usage(response, i);
        tacho_cost part;
        usage.model = asked->model.bytes != NULL && i == 0 ? asked->model.bytes : usage.model;
        usage.model = usage.model == NULL ? asked->model.bytes : usage.model;
        usage.provider = asked->provider.bytes != NULL ? asked->provider.bytes : usage.provider;
        usage.service_tier = asked->service_tier.bytes != NULL ? asked->service_tier.bytes : usage.service_tier;
        status = tacho_calculate_cost(table, &usage, asked->at_ns, i == 0 ? out : &part);
        if (i > 0 && status == TACHO_OK) {
            tacho_cost_add(out, &part);
        }
    }
    return status;
}

static PyObject *price(core_state *state, PyObject *usage, PyObject *dialect, const question *asked) {
    tacho_response *response = NULL;
    tacho_cost cost;
    tacho_status status = core_response_read(state, usage, dialect, asked->provider.bytes, &response);
    if (!PyErr_Occurred() && (status == TACHO_OK || status == TACHO_NO_DATA)) {
        status = answer(state, response, asked, &cost);
    }
    PyObject *values = NULL;
    if (!PyErr_Occurred()) {
        values = status == TACHO_OK ? cost_values(state, &cost) : core_raise(state, status, "calculate_cost");
    }
    core_response_done(state, response);
    return values;
}

PyObject *core_calculate_cost(core_state *state, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"model", "usage", "provider", "at", "service_tier", "dialect", NULL};
    PyObject *model, *usage, *provider = NULL, *at = NULL, *service_tier = NULL, *dialect = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|$OOOO:calculate_cost", names, &model, &usage, &provider, &at,
                                     &service_tier, &dialect)) {
        return NULL;
    }
    question asked = {.at_ns = 0};
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    asked.at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (core_given(at) != NULL && core_instant_of(state, at, &asked.at_ns) < 0) {
        return NULL;
    }
    if (core_given(model) != NULL && !PyUnicode_Check(model)) {
        PyErr_Format(PyExc_TypeError, "model must be a str, not %.80s", Py_TYPE(model)->tp_name);
        return NULL;
    }
    asked.model = core_text_of(model);
    asked.provider = core_text_of(provider);
    asked.service_tier = core_text_of(service_tier);
    PyObject *values = price(state, usage, core_given(dialect), &asked);
    core_text_done(&asked.model);
    core_text_done(&asked.provider);
    core_text_done(&asked.service_tier);
    return values;
}
