#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "collect/collector.h"
#include "support/recorder.h"

#define OPUS "claude-opus-4-6"

static void test_reset__starts_with_zeros_under_the_same_id(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(series, S);
    uint8_t id[16];
    memcpy(id, tacho__view_describe(recorder_read(r))->id, 16);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    assert_int_equal(recorder_all_calls(r), 0);
    assert_memory_equal(tacho__view_describe(r->view)->id, id, 16);
    assert_int_equal(tacho__view_describe(r->view)->generation, 2);
    tacho_observe(series, S); /* the handle resolves again */
    tacho_observe(series, S);
    assert_int_equal(recorder_series(r, TACHO_KIND_STEP, "plan", NULL)->calls, 2);
    assert_int_equal(recorder_session(r, NULL)->ok[TACHO__GROUP_STEP], 2);
    tacho_series_release(series);
}

static void test_operation__in_flight_ends_into_the_new_generation(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", NULL);
    tacho_session *session;
    tacho_session_open(r->collector, "run-1", &session);
    tacho_operation outer, inner;
    const tacho_begin_options options = {.struct_size = sizeof options, .session = session};
    tacho_begin_with(agent, &options, &outer);
    tacho_begin(llm, &outer, &inner);
    tacho_operation_usage(&inner, &TACHO_USAGE(.input = 100, .model = OPUS));
    tacho_operation_tool(&inner, "edit_file");
    tacho_operation_component(&inner, "search", MS);
    tacho_operation_fail(&inner, TACHO_CATEGORY_NETWORK, "ConnectError");
    tacho__clock_fake_advance(&r->clock, S);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    tacho__clock_fake_advance(&r->clock, S);
    tacho_end(&inner, TACHO_OUTCOME_ERROR);
    tacho_end(&outer, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->calls, 1);
    assert_int_equal(view->duration.sum, 2 * S);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == INT64_C(500000000));
    assert_string_equal(view->error_types[0].name, "ConnectError");
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_string_equal(record->session, "run-1");
    assert_string_equal(record->model, OPUS);
    assert_string_equal(record->tool, "edit_file");
    assert_true(record->parent == tacho_operation_id(&outer));
    assert_int_equal(recorder_session(r, "run-1")->failed[TACHO__GROUP_OTHER][TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(tacho__view_open_count(r->view), 0);
    tacho_session_end(session);
    tacho_series_release(agent);
    tacho_series_release(llm);
}

static void test_operation__older_than_two_resets_still_counts(void **state) {
    recorder *r = *state;
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, OPUS);
    tacho_operation op;
    tacho_begin(llm, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100));
    for (int i = 0; i < 3; ++i) {
        tacho_collector_reset(r->collector);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_series(r, TACHO_KIND_LLM, "answer", OPUS)->calls, 1);
    assert_int_equal(recorder_session(r, NULL)->usage.units[TACHO_UNIT_INPUT], 100);
    tacho_series_release(llm);
}

static void test_operation__whose_series_was_given_back_goes_to_the_overflow_series(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_series_release(series);
    tacho_collector_reset(r->collector);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_series(r, TACHO_KIND_STEP, "other", NULL)->calls, 1);
    assert_int_equal(recorder_drops(r, TACHO__DROP_STALE_SERIES), 1);
}

static void test_bounds__hold_anew_after_a_reset(void **state) {
#ifdef TACHO_PORTABLE
    print_message("SKIP: without membarrier a replaced segment waits until each lane has moved on\n");
    skip();
#endif
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_series = 20};
    recorder_open(&r, &config);
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 25; ++i) {
            char name[24];
            snprintf(name, sizeof name, "op%d-%d", round, i);
            tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
            tacho_observe(series, S);
            tacho_series_release(series);
        }
        assert_int_equal(recorder_series(&r, TACHO_KIND_STEP, "other", NULL)->calls, 5);
        assert_int_equal(recorder_all_calls(&r), 25);
        assert_int_equal(tacho__view_describe(r.view)->operation_series, 20);
        tacho_collector_reset(r.collector);
    }
    assert_true(r.collector->slots <= r.collector->writer.series_slots);
    recorder_close(&r);
}

static void test_resets__leave_no_memory_behind(void **state) {
#ifdef TACHO_PORTABLE
    print_message("SKIP: without membarrier a replaced segment waits until each lane has moved on\n");
    skip();
#endif
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 50; ++i) {
        tacho_observe(series, S);
        tacho_collector_reset(r->collector);
        assert_null(r->collector->writer.retired); /* nobody is inside: unmapped at once */
        assert_null(r->collector->writer.previous);
    }
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_collector_reset(r->collector);
    assert_non_null(r->collector->writer.previous); /* its texts, for the operation in flight */
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_collector_reset(r->collector);
    assert_null(r->collector->writer.previous);
    tacho_series_release(series);
}

static void test_snapshot__taken_before_a_reset_stays(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(series, S);
    recorder_read(r);
    tacho_collector_reset(r->collector);
    uint64_t calls = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        calls += r->series.calls;
    }
    assert_int_equal(calls, 1);
    tacho_series_release(series);
}

/* A thread that records once, waits for the test to reset, and ends. */
typedef struct visitor {
    tacho_series *series;
    pthread_barrier_t recorded, reset;
} visitor;

static void *record_and_wait(void *argument) {
    visitor *v = argument;
    tacho_observe(v->series, MS);
    pthread_barrier_wait(&v->recorded);
    pthread_barrier_wait(&v->reset);
    return NULL;
}

static void test_thread__that_ends_after_a_reset_leaves_the_replaced_segment_alone(void **state) {
    recorder *r = *state;
    visitor v = {.series = recorder_bind(r, TACHO_KIND_STEP, "visit", NULL, NULL)};
    pthread_barrier_init(&v.recorded, NULL, 2);
    pthread_barrier_init(&v.reset, NULL, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, record_and_wait, &v), 0);
    pthread_barrier_wait(&v.recorded);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK); /* the first segment is unmapped by now */
    pthread_barrier_wait(&v.reset);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&v.recorded);
    pthread_barrier_destroy(&v.reset);
    assert_int_equal(recorder_all_calls(r), 0);
    tacho_series_release(v.series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_reset__starts_with_zeros_under_the_same_id),
        WITH(test_operation__in_flight_ends_into_the_new_generation),
        WITH(test_operation__older_than_two_resets_still_counts),
        WITH(test_operation__whose_series_was_given_back_goes_to_the_overflow_series),
        WITH(test_bounds__hold_anew_after_a_reset),
        WITH(test_resets__leave_no_memory_behind),
        WITH(test_snapshot__taken_before_a_reset_stays),
        WITH(test_thread__that_ends_after_a_reset_leaves_the_replaced_segment_alone),
    };
    return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
