/**
 * Values across the border: seconds, money, instants and texts. Reading what a caller gave never raises unless its
 * comment says so: a recording call hands what it cannot read to the core as "not a number" or "no name", which the
 * core counts.
 */
#include "core.h"
#include <datetime.h>
#include <math.h>
#include <string.h>

#define NS_PER_SECOND INT64_C(1000000000)

core_text core_text_of(PyObject *value) {
    core_text text = {NULL, NULL};
    if (value == NULL || !PyUnicode_Check(value)) {
        return text;
    }
    text.bytes = PyUnicode_AsUTF8(value);
    if (text.bytes != NULL) {
        text.owner = core_own(value);
        return text;
    }
    PyErr_Clear(); /* a lone surrogate: bytes that are not UTF-8, as in a file name, or a faulty text; the core cleans
                    */
    text.owner = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
    if (text.owner == NULL) {
        PyErr_Clear();
        text.owner = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    }
    text.bytes = text.owner == NULL ? NULL : PyBytes_AsString(text.owner);
    PyErr_Clear();
    return text;
}

void core_text_done(core_text *text) {
    Py_CLEAR(text->owner);
    text->bytes = NULL;
}

double core_seconds_of(PyObject *value) {
    double seconds = value == NULL ? (double)NAN : PyFloat_AsDouble(value);
    if (PyErr_Occurred()) {
        core_drop();
        return (double)NAN;
    }
    return seconds;
}

tacho_status core_duration_of(core_collector *collector, PyObject *value, uint64_t *out) {
    if (value == NULL || value == Py_None) {
        *out = TACHO_DURATION_UNKNOWN;
        return TACHO_OK;
    }
    return tacho_seconds_to_ns(collector->handle, core_seconds_of(value), out);
}

/* A float without a fraction is a count too: that is what arithmetic on counts gives. */
static PyObject *index_of(PyObject *value) {
    return PyFloat_Check(value) && floor(PyFloat_AS_DOUBLE(value)) == PyFloat_AS_DOUBLE(value)
               ? PyLong_FromDouble(PyFloat_AS_DOUBLE(value))
               : PyNumber_Index(value);
}

int core_count_read(core_collector *collector, const char *argument, PyObject *value, uint64_t *out) {
    *out = 0;
    if (core_given(value) == NULL || collector == NULL) {
        return 0;
    }
    int overflow = 0;
    PyObject *index = index_of(value);
    long long count = index == NULL ? -1 : PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_XDECREF(index);
    if (PyErr_Occurred() || overflow < 0 || (overflow == 0 && count < 0)) {
        return core_leave_out(collector, argument, TACHO_INVALID);
    }
    *out = overflow > 0 ? UINT64_MAX : (uint64_t)count;
    return 0;
}

tacho_status core_money_of(PyObject *value, int64_t *out) {
    *out = TACHO_COST_UNKNOWN;
    PyObject *text = value == NULL || PyBool_Check(value) ? NULL : PyObject_Str(value);
    Py_ssize_t length = 0;
    const char *bytes = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    tacho_status status = bytes == NULL ? TACHO_INVALID : tacho_money_parse(bytes, (size_t)length, out);
    Py_XDECREF(text);
    core_drop();
    return status;
}

PyObject *core_import(PyObject **slot, const char *module, const char *name) {
    if (*slot == NULL) {
        PyObject *imported = PyImport_ImportModule(module);
        *slot = imported == NULL ? NULL : PyObject_GetAttrString(imported, name);
        Py_XDECREF(imported);
    }
    return *slot;
}

/* 1970-01-01T00:00:00+00:00 */
static PyObject *epoch_of(core_state *state) {
    if (state->epoch == NULL && core_import(&state->datetime, "datetime", "datetime") != NULL) {
        PyObject *zone_type = NULL;
        PyObject *utc =
            core_import(&zone_type, "datetime", "timezone") == NULL ? NULL : PyObject_GetAttrString(zone_type, "utc");
        state->epoch = utc == NULL ? NULL : PyObject_CallMethod(state->datetime, "fromtimestamp", "iO", 0, utc);
        Py_XDECREF(utc);
        Py_XDECREF(zone_type);
    }
    return state->epoch;
}

static int instant_of_datetime(core_state *state, PyObject *value, int64_t *out) {
    PyObject *epoch = epoch_of(state);
    PyObject *zone = epoch == NULL ? NULL : PyObject_GetAttrString(value, "tzinfo");
    if (zone == NULL) {
        return -1;
    }
    int naive = zone == Py_None;
    Py_DECREF(zone);
    if (naive) {
        PyErr_SetString(PyExc_ValueError, "a time without a zone is ambiguous: give an aware datetime");
        return -1;
    }
    PyObject *span = PyNumber_Subtract(value, epoch);
    PyObject *step = span == NULL || core_import(&state->timedelta, "datetime", "timedelta") == NULL
                         ? NULL
                         : PyObject_CallFunction(state->timedelta, "iii", 0, 0, 1);
    PyObject *count = step == NULL ? NULL : PyNumber_FloorDivide(span, step);
    long long microseconds = count == NULL ? -1 : PyLong_AsLongLong(count);
    Py_XDECREF(span);
    Py_XDECREF(step);
    Py_XDECREF(count);
    if (PyErr_Occurred()) {
        return -1;
    }
    if (microseconds > INT64_MAX / 1000 || microseconds < INT64_MIN / 1000) {
        PyErr_SetString(PyExc_ValueError, "a time outside the years 1678 to 2262");
        return -1;
    }
    *out = microseconds * 1000;
    return 0;
}

static int instant_of_text(core_state *state, PyObject *value, int64_t *out) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(value);
    PyObject *parsed = NULL;
    if (core_import(&state->datetime, "datetime", "datetime") == NULL) {
        return -1;
    }
    Py_UCS4 last = length == 0 ? 0 : PyUnicode_READ_CHAR(value, length - 1);
    if (last == 'Z' || last == 'z') { /* fromisoformat reads it from 3.11 on only */
        PyObject *head = PyUnicode_Substring(value, 0, length - 1);
        PyObject *full = head == NULL ? NULL : PyUnicode_FromFormat("%U+00:00", head);
        parsed = full == NULL ? NULL : PyObject_CallMethod(state->datetime, "fromisoformat", "O", full);
        Py_XDECREF(head);
        Py_XDECREF(full);
    } else {
        parsed = PyObject_CallMethod(state->datetime, "fromisoformat", "O", value);
    }
    if (parsed == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Format(PyExc_ValueError,
                     "%R is no time: give an aware datetime, ISO text with its zone "
                     "(2026-06-01T12:00:00Z), or epoch seconds",
                     value);
    }
    int failed = parsed == NULL || instant_of_datetime(state, parsed, out) < 0;
    Py_XDECREF(parsed);
    return failed ? -1 : 0;
}

static int instant_of_number(PyObject *value, int64_t *out) {
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    uint64_t ns = 0;
    if (tacho_seconds_to_ns(NULL, seconds, &ns) != TACHO_OK || ns > INT64_MAX) {
        PyErr_SetString(PyExc_ValueError, "epoch seconds outside the years 1970 to 2262");
        return -1;
    }
    *out = (int64_t)ns;
    return 0;
}

int core_instant_of(core_state *state, PyObject *value, int64_t *out) {
    if (PyUnicode_Check(value)) {
        return instant_of_text(state, value, out);
    }
    if (PyFloat_Check(value) || (PyLong_Check(value) && !PyBool_Check(value))) {
        return instant_of_number(value, out);
    }
    if (core_import(&state->datetime, "datetime", "datetime") == NULL) {
        return -1;
    }
    int is_datetime = PyObject_IsInstance(value, state->datetime);
    if (is_datetime == 0) {
        PyErr_Format(PyExc_TypeError, "a time is an aware datetime, ISO text or epoch seconds, not %.80s",
                     Py_TYPE(value)->tp_name);
    }
    return is_datetime > 0 ? instant_of_datetime(state, value, out) : -1;
}

PyObject *core_seconds(int64_t ns) {
    return ns < 0 ? core_none() : PyFloat_FromDouble((double)ns / (double)NS_PER_SECOND);
}

PyObject *core_money(core_state *state, int64_t pusd) {
    if (pusd == TACHO_COST_UNKNOWN) {
        return core_none();
    }
    char text[TACHO_MONEY_TEXT_SIZE];
    size_t length = tacho_money_format(pusd, text, sizeof(text));
    PyObject *type = core_import(&state->decimal, "decimal", "Decimal");
    PyObject *digits = type == NULL ? NULL : PyUnicode_FromStringAndSize(text, (Py_ssize_t)length);
    PyObject *amount = digits == NULL ? NULL : PyObject_CallOneArg(type, digits);
    Py_XDECREF(digits);
    return amount;
}

static const PyDateTime_CAPI *datetime_api(core_state *state) {
    if (state->datetime_api == NULL) {
        state->datetime_api = PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
    }
    return state->datetime_api;
}

/* Year, month and day of a day since 1970, by eras of 400 years that begin in March. */
static void date_of(int64_t day, int out[3]) {
    int64_t shifted = day + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int of_era = (int)(shifted - era * 146097);
    int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    out[0] = year + (int)era * 400 + (month >= 10);
    out[1] = month < 10 ? month + 3 : month - 9;
    out[2] = of_year - (153 * month + 2) / 5 + 1;
}

PyObject *core_instant(core_state *state, int64_t ns) {
    const PyDateTime_CAPI *api = ns == 0 ? NULL : datetime_api(state);
    if (api == NULL) {
        return ns == 0 ? core_none() : NULL;
    }
    int64_t second = ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0), day = second / 86400 - (second % 86400 < 0);
    int date[3], of_day = (int)(second - day * 86400), microsecond = (int)((ns - second * NS_PER_SECOND) / 1000);
    date_of(day, date);
    return api->DateTime_FromDateAndTime(date[0], date[1], date[2], of_day / 3600, of_day / 60 % 60, of_day % 60,
                                         microsecond, api->TimeZone_UTC, api->DateTimeType);
}

PyObject *core_string(const char *text) {
    return text == NULL ? core_none() : PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

int core_truth_of(PyObject *value) {
    int truth = PyObject_IsTrue(value);
    if (truth < 0) {
        core_drop();
    }
    return truth > 0;
}
