/** Operations inside operations: parents, traces, inclusive sums, and the list of what is in flight. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "collect/operation.h"
#include "support/recorder.h"

/* claude-opus-4-6 from 2026 on: 5 USD input, 25 output, 0.50 cache read, 6.25 cache write, 10 for an hour, per million.
 */
#define OPUS     "claude-opus-4-6"
#define PUSD     INT64_C(1000000) /* one USD per million tokens is a million pico-USD per token */
#define PROVIDER "anthropic"

static tacho_series *bind_llm(recorder *r, const char *name) {
    return recorder_bind(r, TACHO_KIND_LLM, name, PROVIDER, OPUS);
}

static void pass(recorder *r, uint64_t ns) {
    tacho__clock_fake_advance(&r->clock, ns);
}

static void test_parent__gives_trace_session_and_id(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_session *session;
    assert_int_equal(tacho_session_open(r->collector, "run-7", &session), TACHO_OK);
    tacho_operation outer, inner;
    const tacho_begin_options options = {.struct_size = sizeof options, .session = session};
    tacho_begin_with(agent, &options, &outer);
    tacho_begin(step, &outer, &inner);
    tacho_end(&inner, TACHO_OUTCOME_OK);
    tacho_end(&outer, TACHO_OUTCOME_OK);
    const tacho__record_view child = *recorder_record(r, "plan");
    const tacho__record_view *parent = recorder_record(r, "fixer");
    assert_true(child.parent == parent->id);
    assert_true(child.trace[0] == parent->trace[0] && child.trace[1] == parent->trace[1]);
    assert_true((parent->trace[0] | parent->trace[1]) != 0);
    assert_string_equal(parent->session, "run-7");
    assert_int_equal(child.session_slot, parent->session_slot);
    tacho_session_end(session);
    tacho_series_release(agent);
    tacho_series_release(step);
}

static void test_traceparent__is_followed_and_given(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin_options options = {.struct_size = sizeof options,
                                   .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
    tacho_begin_with(series, &options, &op);
    char text[56], id[17], expected[56];
    assert_int_equal(tacho_operation_traceparent(&op, text), TACHO_OK);
    tacho__hex_text(tacho_operation_id(&op), id);
    snprintf(expected, sizeof expected, "00-0af7651916cd43dd8448eb211c80319c-%s-01", id);
    assert_string_equal(text, expected);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_true(recorder_record(r, "answer")->parent == UINT64_C(0xb7ad6b7169203331));
    options.traceparent = "nonsense";
    tacho_begin_with(series, &options, &op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_drops(r, TACHO__DROP_TRACEPARENT_INVALID), 1);
    tacho_series_release(series);
}

static void test_inclusive__sums_reach_the_parent(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_series *llm = bind_llm(r, "answer");
    tacho_series *tool = recorder_bind(r, TACHO_KIND_TOOL, "grep", NULL, NULL);
    tacho_operation outer, middle, inner;
    tacho_begin(agent, NULL, &outer);
    tacho_begin(step, &outer, &middle);
    for (int i = 0; i < 2; ++i) {
        tacho_begin(llm, &middle, &inner);
        tacho_operation_usage(&inner, &TACHO_USAGE(.input = 100, .output = 10));
        tacho_end(&inner, TACHO_OUTCOME_OK);
    }
    tacho_begin(tool, &middle, &inner);
    tacho_end(&inner, TACHO_OUTCOME_OK);
    tacho_end(&middle, TACHO_OUTCOME_OK);
    tacho_end(&outer, TACHO_OUTCOME_OK);
    const tacho__record_view *record = recorder_record(r, "plan");
    assert_true(record->flags & TACHO__RECORD_INCLUSIVE);
    assert_int_equal(record->inclusive_input, 200);
    assert_int_equal(record->inclusive_output, 20);
    assert_true(record->inclusive_cost_pusd == 2 * (100 * 5 + 10 * 25) * PUSD);
    assert_int_equal(record->inclusive_state, TACHO_COST_STATE_EXACT);
    assert_int_equal(record->tool_calls, 1);
    assert_int_equal(record->present, 0);
    record = recorder_record(r, "fixer");
    assert_int_equal(record->inclusive_input, 200);
    assert_int_equal(record->tool_calls, 0); /* the tool is its step's */
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_AGENT, "fixer", NULL);
    assert_true(view->inclusive_cost_pusd == record->inclusive_cost_pusd);
    assert_int_equal(view->usage.calls, 0);
    tacho_series_release(agent);
    tacho_series_release(step);
    tacho_series_release(llm);
    tacho_series_release(tool);
}

static void test_parents_own_report__of_what_children_booked_is_not_booked(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", PROVIDER, OPUS);
    tacho_series *llm = bind_llm(r, "answer");
    tacho_operation outer, inner;
    for (int difference = 0; difference < 2; ++difference) {
        tacho_begin(agent, NULL, &outer);
        tacho_begin(llm, &outer, &inner);
        tacho_operation_usage(&inner, &TACHO_USAGE(.input = 100, .output = 10));
        tacho_end(&inner, TACHO_OUTCOME_OK);
        tacho_operation_usage(&outer, &TACHO_USAGE(.input = 100 + 50 * difference, .output = 10));
        tacho_end(&outer, TACHO_OUTCOME_OK);
    }
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_AGENT, "fixer", NULL);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 0);
    assert_int_equal(view->usage.not_booked, 2);
    assert_int_equal(view->inclusive_input, 200);
    assert_int_equal(recorder_session(r, NULL)->usage.units[TACHO_UNIT_INPUT], 200);
    assert_int_equal(recorder_drops(r, TACHO__DROP_USAGE_CONFLICT), 1);
    tacho_series_release(agent);
    tacho_series_release(llm);
}

static void test_open_operations__are_listed(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation ops[20];
    for (int i = 0; i < 20; ++i) {
        pass(r, MS);
        tacho_begin(series, i ? &ops[i - 1] : NULL, &ops[i]);
    }
    tacho__view *view = recorder_read(r);
    assert_int_equal(tacho__view_open_count(view), 20);
    assert_int_equal(tacho__view_in_flight(view, TACHO_KIND_LLM), 20);
    tacho__open_view open;
    uint64_t newest = 0;
    for (uint32_t i = 0; i < 20; ++i) {
        assert_true(tacho__view_open(view, i, &open));
        assert_string_equal(open.operation, "answer");
        assert_string_equal(open.model, OPUS);
        newest = open.begin_mono_ns > (int64_t)newest ? (uint64_t)open.begin_mono_ns : newest;
    }
    assert_int_equal(newest, RECORDER_MONO + 20 * MS);
    assert_int_equal(recorder_series(r, TACHO_KIND_LLM, "answer", OPUS)->in_flight, 20);
    for (int i = 19; i >= 0; --i) {
        tacho_end(&ops[i], TACHO_OUTCOME_OK);
    }
    assert_int_equal(tacho__view_open_count(recorder_read(r)), 0);
    tacho_series_release(series);
}

static void test_open_operations__beyond_the_slots_are_counted(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    static tacho_operation ops[600];
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 600; ++i) {
            tacho_begin(series, NULL, &ops[i]);
        }
        tacho__view *view = recorder_read(r);
        assert_int_equal(tacho__view_in_flight(view, TACHO_KIND_LLM), 600);
        assert_true(tacho__view_open_count(view) < 600);
        for (int i = 0; i < 600; ++i) {
            tacho_end(&ops[(i * 7 + round) % 600], TACHO_OUTCOME_OK);
        }
        view = recorder_read(r);
        assert_int_equal(tacho__view_in_flight(view, TACHO_KIND_LLM), 0);
        assert_int_equal(tacho__view_open_count(view), 0);
    }
    assert_int_equal(recorder_all_calls(r), 1800);
    tacho_series_release(series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_parent__gives_trace_session_and_id),
        WITH(test_traceparent__is_followed_and_given),
        WITH(test_inclusive__sums_reach_the_parent),
        WITH(test_parents_own_report__of_what_children_booked_is_not_booked),
        WITH(test_open_operations__are_listed),
        WITH(test_open_operations__beyond_the_slots_are_counted),
    };
    return cmocka_run_group_tests_name("nesting", tests, NULL, NULL);
}
