#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "support/recorder.h"

#define OPUS "claude-opus-4-6"
#define PUSD INT64_C(1000000)
#define FINISHED(...)                                                                                                  \
    ((tacho_finished){.struct_size = sizeof(tacho_finished), .cost_pusd = TACHO_COST_UNKNOWN, __VA_ARGS__})

static void test_record__books_everything_it_is_given(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", OPUS);
    const tacho_usage usage = TACHO_USAGE(.input = 100, .output = 11);
    const tacho_component components[] = {{"search", 200 * MS}, {"inference", 700 * MS}};
    const tacho_finished finished =
        FINISHED(.duration_ns = S, .ended_at_ns = RECORDER_WALL - 3600 * (int64_t)S, .first_token_ns = 250 * MS,
                 .usage = &usage, .components = components, .component_count = 2, .retries = 3, .interventions = 1,
                 .warnings = 2, .context_size = 4000, .context_limit = 200000, .tool = "edit");
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->ok, 1);
    assert_int_equal(view->duration.sum, S);
    assert_int_equal(view->first_token.sum, 250 * MS);
    assert_int_equal(view->time_per_token.sum, 75 * MS);
    assert_int_equal(view->retries, 3);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == (100 * 5 + 11 * 25) * PUSD);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_true(record->end_wall_ns == finished.ended_at_ns);
    assert_true(record->begin_wall_ns == finished.ended_at_ns - (int64_t)S);
    assert_int_equal(record->component_count, 2);
    assert_string_equal(record->components[1].name, "inference");
    assert_int_equal(record->components[1].duration_ns, 700 * MS);
    assert_string_equal(record->tool, "edit");
    assert_int_equal(recorder_component(r, "answer", "search")->duration.sum, 200 * MS);
    tacho_series_release(series);
}

static void test_record__of_an_unknown_duration_counts_but_is_not_timed(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    const tacho_finished finished = FINISHED(.duration_ns = TACHO_DURATION_UNKNOWN);
    tacho_record(series, &finished);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->calls, 1);
    assert_int_equal(view->ok, 1);
    assert_int_equal(view->untimed, 1);
    assert_int_equal(view->duration.count, 0);
    assert_int_equal(recorder_record(r, "plan")->duration_ns, -1);
    assert_int_equal(recorder_session(r, NULL)->timed_steps, 0);
    tacho_series_release(series);
}

static void test_record__refuses_what_is_off_its_list(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    const tacho_finished wrong[] = {
        FINISHED(.outcome = 6),
        FINISHED(.category = 12),
        FINISHED(.duration_ns = (uint64_t)INT64_MAX + 1),
        {.struct_size = sizeof(tacho_finished), .cost_pusd = -1},
        {.struct_size = 4, .cost_pusd = TACHO_COST_UNKNOWN},
        FINISHED(.component_count = 2),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(tacho_record(series, &wrong[i]), TACHO_INVALID);
    }
    assert_int_equal(tacho_record(series, NULL), TACHO_INVALID);
    assert_int_equal(recorder_all_calls(r), 0);
    assert_int_equal(recorder_drops(r, TACHO__DROP_INVALID), 7);
    tacho_series_release(series);
}

static void test_record__at_the_ends_of_time_does_not_overflow(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 1, INT64_MAX};
    static const uint64_t durations[] = {0, 1, (uint64_t)INT64_MAX};
    for (size_t i = 0; i < 5; ++i) {
        for (size_t j = 0; j < 3; ++j) {
            const tacho_finished finished = FINISHED(.duration_ns = durations[j], .ended_at_ns = ends[i]);
            assert_int_equal(tacho_record(series, &finished), TACHO_OK);
        }
    }
    assert_int_equal(recorder_all_calls(r), 15);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_true(view->duration.sum == UINT64_MAX); /* five times 292 years: saturated, and said so */
    assert_true(recorder_drops(r, TACHO__DROP_SATURATED) > 0);
    tacho_series_release(series);
}

static void test_record__counts_beyond_32_bits_are_kept(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    const tacho_usage usage =
        TACHO_USAGE(.input = INT64_C(5000000000), .output = 7, .pages = INT64_C(1) << 40, .input_characters = 1);
    const tacho_finished finished = FINISHED(.duration_ns = S, .usage = &usage);
    tacho_record(series, &finished);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_true(record->units[TACHO_UNIT_INPUT] == UINT64_C(5000000000));
    assert_int_equal(record->units[TACHO_UNIT_OUTPUT], 7);
    assert_true(record->units[TACHO_UNIT_PAGES] == UINT64_C(1) << 40);
    assert_int_equal(record->units[TACHO_UNIT_INPUT_CHARACTERS], 1);
    tacho_series_release(series);
}

static void test_record__of_every_unit_keeps_totals_exact(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_usage usage = TACHO_USAGE_INIT;
    for (int i = 0; i < TACHO_UNIT_COUNT; ++i) {
        tacho_usage_set(&usage, (tacho_unit)i, i + 1);
    }
    const tacho_finished finished =
        FINISHED(.duration_ns = S, .usage = &usage, .outcome = TACHO_OUTCOME_ERROR, .category = TACHO_CATEGORY_PROVIDER,
                 .error_type = "E", .retries = 1, .interventions = 1, .warnings = 1, .first_token_ns = 1,
                 .context_size = 9, .context_limit = 10, .compressed = 1);
    tacho_record(series, &finished); /* the largest set there is */
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", NULL);
    for (unsigned i = 0; i < TACHO_UNIT_COUNT; ++i) {
        assert_int_equal(view->usage.units[i], i + 1);
    }
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_true(record->flags & TACHO__RECORD_CUT); /* 24 of them fit into the record */
    assert_int_equal(record->units[23], 24);
    assert_int_equal(recorder_drops(r, TACHO__DROP_COUNTS_CUT), 2); /* the ring and the slowest */
    tacho_series_release(series);
}

static void test_record__under_a_parent_reaches_it(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", OPUS);
    tacho_operation op;
    tacho_begin(agent, NULL, &op);
    const tacho_usage usage = TACHO_USAGE(.input = 100);
    const tacho_finished finished = FINISHED(.duration_ns = S, .usage = &usage, .parent = &op);
    tacho_record(llm, &finished);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_record(r, "fixer")->inclusive_input, 100);
    assert_true(recorder_record(r, "answer")->parent == tacho_operation_id(&op));
    tacho_series_release(agent);
    tacho_series_release(llm);
}

static void test_record__takes_a_response_with_several_parts(void **state) {
    recorder *r = *state;
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", OPUS);
    static const char body[] = "{\"id\":\"msg_1\",\"model\":\"claude-opus-4-6\",\"usage\":{\"input_tokens\":100,"
                               "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":10,\"output_tokens\":5}}";
    tacho_response *response;
    assert_int_equal(tacho_response_create(&response), TACHO_OK);
    assert_int_equal(tacho_response_read_json(response, NULL, "anthropic", body, sizeof body - 1), TACHO_OK);
    const tacho_finished finished = FINISHED(.duration_ns = S, .response = response);
    tacho_record(llm, &finished);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 100);
    assert_int_equal(view->usage.units[TACHO_UNIT_CACHE_READ], 10);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == (100 * 5 + 5 * 25 + 5) * PUSD);
    tacho_response_free(response);
    tacho_series_release(llm);
}

static void test_observe__counts_without_a_record(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
        assert_int_equal(tacho_observe(series, i * i * 1000), TACHO_OK);
        sum += i * i * 1000;
    }
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->ok, 1000);
    assert_int_equal(view->duration.sum, sum);
    assert_int_equal(view->duration.max, 999 * 999 * 1000);
    assert_int_equal(view->duration.min, 0);
    assert_int_equal(tacho__view_record_count(r->view), 0);
    assert_int_equal(recorder_session(r, NULL)->ok[TACHO__GROUP_STEP], 1000);
    assert_int_equal(tacho_observe(series, TACHO_DURATION_UNKNOWN), TACHO_INVALID);
    assert_int_equal(recorder_drops(r, TACHO__DROP_NEGATIVE), 1);
    tacho_series_release(series);
}

static void test_seconds__become_nanoseconds_or_are_counted(void **state) {
    recorder *r = *state;
    uint64_t ns = 7;
    assert_int_equal(tacho_seconds_to_ns(r->collector, 2.34, &ns), TACHO_OK);
    assert_int_equal(ns, 2340 * MS);
    static const double wrong[] = {-1.0, INFINITY, -INFINITY, NAN, 1e12};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(tacho_seconds_to_ns(r->collector, wrong[i], &ns), TACHO_INVALID);
    }
    assert_int_equal(recorder_drops(r, TACHO__DROP_NEGATIVE), 5);
}

static void test_times__stay_while_the_wall_clock_does(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    const tacho_finished finished = FINISHED(.duration_ns = S);
    tacho_record(series, &finished);
    const int64_t before = recorder_record(r, "plan")->end_wall_ns;
    tacho__clock_fake_set(&r->clock, RECORDER_MONO + 10 * S, RECORDER_WALL + 10 * (int64_t)S + 99 * (int64_t)MS);
    assert_true(recorder_record(r, "plan")->end_wall_ns == before); /* drift below a step moves nothing */
    tacho__clock_fake_set(&r->clock, RECORDER_MONO + 10 * S, RECORDER_WALL + 12 * (int64_t)S);
    assert_true(recorder_record(r, "plan")->end_wall_ns == before + 2 * (int64_t)S);
    tacho_series_release(series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_record__books_everything_it_is_given),
        WITH(test_record__of_an_unknown_duration_counts_but_is_not_timed),
        WITH(test_record__refuses_what_is_off_its_list),
        WITH(test_record__at_the_ends_of_time_does_not_overflow),
        WITH(test_record__counts_beyond_32_bits_are_kept),
        WITH(test_record__of_every_unit_keeps_totals_exact),
        WITH(test_record__under_a_parent_reaches_it),
        WITH(test_record__takes_a_response_with_several_parts),
        WITH(test_observe__counts_without_a_record),
        WITH(test_seconds__become_nanoseconds_or_are_counted),
        WITH(test_times__stay_while_the_wall_clock_does),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
