/**
 * calculate_cost(): the price of one usage without recording anything.
 */
#include "core.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Amounts of one answer that were already made: most costs have few different ones, and a Decimal costs more than the
 * price. */
#define MADE 4
typedef struct amounts {
    core_state *state;
    int64_t pusd[MADE];
    PyObject *made[MADE]; /* borrowed: each is in the answer */
    unsigned count;
} amounts;

static PyObject *amount_of(amounts *known, int64_t pusd) {
    for (unsigned i = 0; i < known->count; i++) {
        if (known->pusd[i] == pusd) {
            return core_own(known->made[i]);
        }
    }
    PyObject *made = core_money(known->state, pusd);
    if (made != NULL && known->count < MADE) {
        known->pusd[known->count] = pusd;
        known->made[known->count++] = made;
    }
    return made;
}

enum { USD, STATE, INPUT, OUTPUT, COMPONENTS, SERVICE, SHEET, VERSION, PRICED_AT, REPORTED, TABLE, FIELDS };

/* Names of the fields of tachograph.Cost, then those of all units. */
static PyObject *names_of(core_state *state) {
    static const char *const fields[FIELDS] = {
        [USD] = "usd",
        [STATE] = "state",
        [INPUT] = "input_usd",
        [OUTPUT] = "output_usd",
        [COMPONENTS] = "components",
        [SERVICE] = "service_tier",
        [SHEET] = "sheet",
        [VERSION] = "table_version",
        [PRICED_AT] = "priced_at",
        [REPORTED] = "reported_usd",
        [TABLE] = "table_usd",
    };
    if (state->cost_names != NULL) {
        return state->cost_names;
    }
    PyObject *names = PyTuple_New(FIELDS + TACHO_UNIT_COUNT);
    for (int i = 0; names != NULL && i < FIELDS + TACHO_UNIT_COUNT; i++) {
        PyObject *name =
            PyUnicode_InternFromString(i < FIELDS ? fields[i] : tacho_unit_describe((tacho_unit)(i - FIELDS))->field);
        if (name == NULL) {
            Py_CLEAR(names);
            break;
        }
        PyTuple_SET_ITEM(names, i, name);
    }
    state->cost_names = names;
    return names;
}

/* Add a value to a dict under the i-th name, and give the reference away; -1 with an exception. */
static int put(core_state *state, PyObject *dict, int name, PyObject *value) {
    PyObject *names = value == NULL ? NULL : names_of(state);
    int status = names == NULL ? -1 : PyDict_SetItem(dict, PyTuple_GET_ITEM(names, name), value);
    Py_XDECREF(value);
    return status;
}

/* class -> Decimal of everything that was priced. */
static PyObject *components_of(amounts *known, const tacho_cost *cost) {
    PyObject *components = PyDict_New();
    for (uint32_t left = cost->priced; components != NULL && left != 0; left &= left - 1) {
        int unit = __builtin_ctz(left);
        if (cost->component_pusd[unit] != 0 &&
            put(known->state, components, FIELDS + unit, amount_of(known, cost->component_pusd[unit])) < 0) {
            Py_CLEAR(components);
        }
    }
    return components;
}

static PyObject *sheet_of(const tacho_cost *cost) {
    if (cost->sheet == 0) {
        return core_none();
    }
    char text[9];
    (void)snprintf(text, sizeof(text), "%08x", (unsigned)cost->sheet);
    return PyUnicode_FromStringAndSize(text, 8);
}

static PyObject *version_of(const tacho_cost *cost) {
    return core_string(cost->table_version == NULL || cost->table_version[0] == '\0' ? NULL : cost->table_version);
}

/* Always known: an instant of 0 is that one, which elsewhere stands for none. */
static PyObject *priced_at(core_state *state, const tacho_cost *cost) {
    return core_instant(state, cost->priced_at_ns == 0 ? 1 : cost->priced_at_ns); /* a datetime has microseconds */
}

/* The fields of tachograph.Cost by name. */
static PyObject *cost_values(core_state *state, const tacho_cost *cost) {
    amounts known = {.state = state};
    PyObject *answer = PyDict_New();
    if (answer == NULL || put(state, answer, USD, amount_of(&known, cost->total_pusd)) < 0 ||
        put(state, answer, STATE, core_string(tacho_cost_state_name(cost->state))) < 0 ||
        put(state, answer, INPUT, amount_of(&known, cost->input_pusd)) < 0 ||
        put(state, answer, OUTPUT, amount_of(&known, cost->output_pusd)) < 0 ||
        put(state, answer, COMPONENTS, components_of(&known, cost)) < 0 ||
        put(state, answer, SERVICE, core_string(tacho_price_service_name(cost->service))) < 0 ||
        put(state, answer, SHEET, sheet_of(cost)) < 0 || put(state, answer, VERSION, version_of(cost)) < 0 ||
        put(state, answer, PRICED_AT, priced_at(state, cost)) < 0 ||
        put(state, answer, REPORTED, amount_of(&known, cost->reported_pusd)) < 0 ||
        put(state, answer, TABLE, amount_of(&known, cost->table_pusd)) < 0) {
        Py_CLEAR(answer);
    }
    return answer;
}

/* ------------------------------------------------------------------------------------------------------ a plain dict
 */

/* One whole number under a name of ours; 0 for everything that needs the dialects. */
static int take_count(tacho_usage *usage, PyObject *key, PyObject *value) {
    Py_ssize_t length = 0;
    const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &length) : NULL;
    int unit = name == NULL || strlen(name) != (size_t)length ? -1 : tacho_unit_find(name);
    int overflow = 0;
    if (name == NULL) {
        PyErr_Clear();
    }
    if (unit < 0 || !PyLong_CheckExact(value) || tacho_unit_describe((tacho_unit)unit)->scale != 1 ||
        (usage->present & TACHO_UNIT_BIT(unit)) != 0) {
        return 0;
    }
    tacho_usage_set(usage, (tacho_unit)unit, PyLong_AsLongLongAndOverflow(value, &overflow));
    return overflow == 0;
}

/*
 * Usage as most people write it: a dict with nothing but whole numbers under our names. The same numbers come out as
 * through a response under our own names, a few times faster; an empty dict says that nothing was used. 0 where it is
 * anything else.
 */
static int read_plain(PyObject *value, tacho_usage *usage) {
    PyObject *key, *count;
    Py_ssize_t at = 0;
    if (!PyDict_CheckExact(value)) {
        return 0;
    }
    while (PyDict_Next(value, &at, &key, &count)) {
        if (!take_count(usage, key, count)) {
            return 0;
        }
    }
    usage->present = 0; /* the caller named what there is: everything else is 0 (semantics 26) */
    return 1;
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
    tacho_status status = TACHO_NO_DATA; /* of a response without parts */
    for (size_t i = 0; i < tacho_response_parts(response) && (i == 0 || status == TACHO_OK); i++) {
        tacho_usage usage = *tacho_response_usage(response, i);
        tacho_cost part;
        usage.model = usage.model == NULL ? asked->model.bytes : usage.model;
        usage.provider = asked->provider.bytes != NULL ? asked->provider.bytes : usage.provider;
        usage.requested_tier = usage.requested_tier == NULL ? asked->service_tier.bytes : usage.requested_tier;
        status = tacho_calculate_cost(table, &usage, asked->at_ns, i == 0 ? out : &part);
        if (i > 0 && status == TACHO_OK) {
            tacho_cost_add(out, &part);
        }
    }
    return status;
}

static tacho_status price_plain(core_state *state, tacho_usage *usage, const question *asked, tacho_cost *out) {
    core_collector *collector = core_standard(state);
    if (collector == NULL) {
        return TACHO_INVALID; /* with the exception that says why */
    }
    usage->model = asked->model.bytes;
    usage->provider = asked->provider.bytes;
    usage->requested_tier = asked->service_tier.bytes; /* what was served is not known */
    return tacho_calculate_cost(tacho_collector_prices(collector->handle), usage, asked->at_ns, out);
}

static tacho_status price_response(core_state *state, PyObject *value, PyObject *dialect, const question *asked,
                                   tacho_cost *out) {
    tacho_response *response = NULL;
    tacho_status status = core_response_read(state, value, dialect, asked->provider.bytes, &response);
    if (!PyErr_Occurred() && (status == TACHO_OK || status == TACHO_NO_DATA)) {
        status = answer(state, response, asked, out);
    }
    core_response_done(state, response);
    return status;
}

static PyObject *price(core_state *state, PyObject *value, PyObject *dialect, const question *asked) {
    tacho_usage usage = TACHO_USAGE_INIT;
    tacho_cost cost = {.struct_size = sizeof cost};
    tacho_status status = dialect == NULL && read_plain(value, &usage)
                              ? price_plain(state, &usage, asked, &cost)
                              : price_response(state, value, dialect, asked, &cost);
    if (PyErr_Occurred()) {
        return NULL;
    }
    return status == TACHO_OK ? cost_values(state, &cost) : core_raise(state, status, "calculate_cost");
}

/* A word of the caller's; -1 with an exception for what is none. */
static int check_word(PyObject *value, const char *name) {
    if (core_given(value) != NULL && !PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.80s", name, Py_TYPE(value)->tp_name);
        return -1;
    }
    return 0;
}

/* Nothing is recorded here, so that a dialect nobody knows is not passed over: it would give another cost. */
static int check_dialect(PyObject *value, const char *provider) {
    const char *name = core_given(value) == NULL ? NULL : PyUnicode_AsUTF8(value);
    if (core_given(value) != NULL && name == NULL) {
        return -1;
    }
    if (name != NULL && tacho_dialect_find(name, provider) == NULL) {
        PyErr_Format(PyExc_ValueError, "unknown dialect '%.80s'", name);
        return -1;
    }
    return 0;
}

PyObject *core_calculate_cost(core_state *state, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"model", "usage", "provider", "at", "service_tier", "dialect", NULL};
    PyObject *model, *usage, *provider = NULL, *at = NULL, *service_tier = NULL, *dialect = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OOOO:calculate_cost", names, &model, &usage, &provider, &at,
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
    if (check_word(model, "model") < 0 || check_word(provider, "provider") < 0 ||
        check_word(service_tier, "service_tier") < 0 || check_word(dialect, "dialect") < 0) {
        return NULL;
    }
    asked.model = core_text_of(model);
    asked.provider = core_text_of(provider);
    asked.service_tier = core_text_of(service_tier);
    PyObject *values =
        check_dialect(dialect, asked.provider.bytes) < 0 ? NULL : price(state, usage, core_given(dialect), &asked);
    core_text_done(&asked.model);
    core_text_done(&asked.provider);
    core_text_done(&asked.service_tier);
    return values;
}
