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

static void test_end__books_duration_and_record(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    assert_int_equal(tacho_begin(series, NULL, &op), TACHO_OK);
    assert_int_equal(tacho_operation_outcome(&op), -1);
    pass(r, 1500 * MS);
    assert_int_equal(tacho_operation_elapsed_ns(&op), 1500 * MS);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
    pass(r, S);
    assert_int_equal(tacho_operation_elapsed_ns(&op), 1500 * MS);
    assert_int_equal(tacho_operation_outcome(&op), TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->calls, 1);
    assert_int_equal(view->ok, 1);
    assert_int_equal(view->duration.sum, 1500 * MS);
    assert_string_equal(view->provider, PROVIDER);
    assert_false(view->has_usage);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_true(record->id == tacho_operation_id(&op));
    assert_int_equal(record->parent, 0);
    assert_int_equal(record->duration_ns, 1500 * MS);
    assert_true(record->begin_wall_ns == RECORDER_WALL);
    assert_true(record->end_wall_ns == RECORDER_WALL + (int64_t)(1500 * MS));
    assert_int_equal(record->present, 0);
    assert_true(record->cost_pusd == TACHO_COST_UNKNOWN);
    assert_string_equal(record->requested_model, OPUS);
    assert_null(record->model);
    assert_int_equal(record->outcome, TACHO_OUTCOME_OK);
    tacho_series_release(series);
}

static void test_usage__is_booked_and_priced_at_the_end(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_usage(&op, &TACHO_USAGE(.input = 1200, .cache_read = 10000, .output = 340)),
                     TACHO_OK);
    const int64_t cost = (1200 * 5 + 340 * 25) * PUSD + 10000 * PUSD / 2;
    tacho_cost_state cost_state;
    assert_true(tacho_operation_cost_pusd(&op, &cost_state) == cost);
    assert_int_equal(cost_state, TACHO_COST_STATE_EXACT);
    assert_false(recorder_series(r, TACHO_KIND_LLM, "answer", OPUS)->has_usage); /* nothing before the end */
    pass(r, 2 * S);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 1200);
    assert_int_equal(view->usage.units[TACHO_UNIT_CACHE_READ], 10000);
    assert_int_equal(view->usage.units[TACHO_UNIT_OUTPUT], 340);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == cost);
    assert_int_equal(view->usage.cost_calls[TACHO_COST_STATE_EXACT], 1);
    assert_int_equal(view->usage.calls, 1);
    assert_int_equal(view->input.sum, 11200);
    assert_int_equal(view->output.sum, 340);
    assert_true(view->cost.sum == (uint64_t)cost);
    assert_int_equal(view->timed_output, 340);
    assert_int_equal(view->timed_ns, 2 * S);
    assert_int_equal(view->inclusive_input, 11200);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_int_equal(record->present, UINT32_MAX); /* what was not named is 0, not unknown */
    assert_int_equal(record->units[TACHO_UNIT_CACHE_READ], 10000);
    assert_true(record->cost_pusd == cost);
    assert_true(record->table_pusd == cost);
    assert_true(record->reported_pusd == TACHO_COST_UNKNOWN);
    assert_int_equal(record->context_size, 11200); /* the prompt of a model call */
    assert_true(record->sheet != 0);
    tacho_series_release(series);
}

static void test_usage__of_different_responses_adds(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100, .output = 10));
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 20, .output = 2));
    assert_true(tacho_operation_cost_pusd(&op, NULL) == (120 * 5 + 12 * 25) * PUSD);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 120);
    assert_int_equal(view->usage.calls, 1);
    tacho_series_release(series);
}

static void test_usage__of_the_same_response_replaces(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_usage start = TACHO_USAGE(.input = 100, .output = 1, .response_id = "msg_1");
    start.present = TACHO_UNIT_BIT(TACHO_UNIT_INPUT) | TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT);
    tacho_usage delta = TACHO_USAGE(.output = 50, .response_id = "msg_1");
    delta.present = TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT);
    tacho_operation_usage(&op, &start);
    tacho_operation_usage(&op, &delta);
    assert_true(tacho_operation_cost_pusd(&op, NULL) == (100 * 5 + 50 * 25) * PUSD);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 100);
    assert_int_equal(view->usage.units[TACHO_UNIT_OUTPUT], 50);
    assert_int_equal(recorder_drops(r, TACHO__DROP_USAGE_REPEATED), 1);
    tacho_series_release(series);
}

static void test_usage__of_the_newest_of_several_responses_replaces_only_its_part(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100, .output = 10, .response_id = "msg_1"));
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 1000, .output = 1, .response_id = "msg_2"));
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 1000, .output = 70, .response_id = "msg_2"));
    assert_true(tacho_operation_cost_pusd(&op, NULL) == (1100 * 5 + 80 * 25) * PUSD);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 1100);
    assert_int_equal(view->usage.units[TACHO_UNIT_OUTPUT], 80);
    tacho_series_release(series);
}

static void test_usage__that_is_negative_is_refused_and_counted(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_usage(&op, &TACHO_USAGE(.input = -5, .output = 3)), TACHO_INVALID);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 0);
    assert_int_equal(view->usage.units[TACHO_UNIT_OUTPUT], 3);
    assert_int_equal(recorder_drops(r, TACHO__DROP_USAGE_FAULT), 1);
    tacho_series_release(series);
}

static void test_usage__of_an_unknown_model_has_no_cost(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", "nobody", "no-such-model");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 5, .output = 3));
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", NULL);
    assert_int_equal(view->usage.cost_calls[TACHO_COST_STATE_UNKNOWN], 1);
    for (unsigned i = 0; i < TACHO__COST_STATES; ++i) {
        assert_int_equal(view->usage.cost_pusd[i], 0);
    }
    assert_int_equal(view->cost.count, 0);
    assert_true(recorder_record(r, "answer")->cost_pusd == TACHO_COST_UNKNOWN);
    tacho_series_release(series);
}

static void test_usage__that_is_absent_is_counted(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.flags = TACHO_USAGE_ABSENT));
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->usage.absent, 1);
    assert_int_equal(view->usage.calls, 0);
    assert_int_equal(view->usage.cost_calls[TACHO_COST_STATE_UNKNOWN], 1);
    assert_int_equal(recorder_record(r, "answer")->flags & TACHO__RECORD_ABSENT, TACHO__RECORD_ABSENT);
    tacho_series_release(series);
}

static void test_cost__that_is_reported_wins(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_cost(&op, 777);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100));
    tacho_cost_state cost_state;
    assert_true(tacho_operation_cost_pusd(&op, &cost_state) == 777);
    assert_int_equal(cost_state, TACHO_COST_STATE_REPORTED);
    assert_int_equal(tacho_operation_cost(&op, -1), TACHO_INVALID);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_REPORTED] == 777);
    assert_true(view->usage.table_of_reported_pusd == 500 * PUSD);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_true(record->reported_pusd == 777);
    assert_true(record->table_pusd == 500 * PUSD);
    tacho_series_release(series);
}

static void test_model__that_answers_picks_the_series(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", PROVIDER, NULL);
    for (int i = 0; i < 3; ++i) {
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 100, .model = OPUS));
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->calls, 3);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == 1500 * PUSD);
    assert_string_equal(view->provider, PROVIDER);
    assert_int_equal(recorder_all_calls(r), 3);
    tacho_series_release(series);
}

static void test_model__that_comes_after_the_usage_prices_it(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100));
    assert_true(tacho_operation_cost_pusd(&op, NULL) == TACHO_COST_UNKNOWN);
    tacho_operation_provider(&op, "claude"); /* an alias */
    tacho_operation_model(&op, OPUS);
    assert_true(tacho_operation_cost_pusd(&op, NULL) == 500 * PUSD);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_string_equal(record->provider, PROVIDER);
    assert_string_equal(record->model, OPUS);
    assert_null(record->requested_model);
    tacho_series_release(series);
}

static void test_first_token__the_first_call_wins(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    pass(r, 300 * MS);
    tacho_operation_first_token(&op);
    pass(r, 100 * MS);
    tacho_operation_first_token(&op);
    pass(r, 600 * MS);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 1, .output = 8));
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->first_token.count, 1);
    assert_int_equal(view->first_token.sum, 300 * MS);
    assert_int_equal(view->time_per_token.sum, 100 * MS); /* 700 ms for the 7 tokens after the first */
    assert_int_equal(recorder_record(r, "answer")->first_token_ns, 300 * MS);
    tacho_series_release(series);
}

static void test_fail__decides_outcome_category_and_type(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_fail(&op, TACHO_CATEGORY_RATE_LIMIT, "RateLimitError");
    tacho_operation_fail(&op, TACHO_CATEGORY_AUTH, "Later");
    tacho_end(&op, TACHO_OUTCOME_ERROR);
    tacho_begin(series, NULL, &op);
    tacho_operation_fail(&op, TACHO_CATEGORY_TIMEOUT, "TimeoutError");
    tacho_end(&op, TACHO_OUTCOME_OK); /* it failed all the same */
    tacho_begin(series, NULL, &op);
    tacho_end(&op, TACHO_OUTCOME_TIMEOUT);
    tacho_begin(series, NULL, &op);
    tacho_end(&op, TACHO_OUTCOME_CANCELLED);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->calls, 4);
    assert_int_equal(view->ok, 0);
    assert_int_equal(view->failed[TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(view->failed[TACHO_OUTCOME_TIMEOUT - 1], 2);
    assert_int_equal(view->failed[TACHO_OUTCOME_CANCELLED - 1], 1);
    assert_int_equal(view->categories[TACHO_CATEGORY_RATE_LIMIT], 1);
    assert_int_equal(view->categories[TACHO_CATEGORY_TIMEOUT], 2);
    assert_int_equal(view->categories[TACHO_CATEGORY_NONE], 1);
    assert_int_equal(view->error_type_count, 2);
    assert_string_equal(view->error_types[0].name, "RateLimitError");
    assert_string_equal(view->error_types[1].name, "TimeoutError");
    tacho_series_release(series);
}

static void test_error_types__beyond_eight_go_to_the_rest(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    for (int i = 0; i < 30; ++i) {
        char type[16];
        snprintf(type, sizeof type, "Error%d", i % 15);
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_operation_fail(&op, TACHO_CATEGORY_OTHER, type);
        tacho_end(&op, TACHO_OUTCOME_ERROR);
    }
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->error_type_count, 9);
    for (uint32_t i = 0; i < 8; ++i) {
        assert_int_equal(view->error_types[i].count, 2);
    }
    assert_null(view->error_types[8].name);
    assert_int_equal(view->error_types[8].count, 14);
    tacho_series_release(series);
}

static void test_counters__of_an_operation_are_booked(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_retry(&op, "rate limit");
    tacho_operation_retry(&op, NULL);
    tacho_operation_human(&op);
    tacho_operation_warn(&op, "truncated");
    tacho_operation_context(&op, 5000, 200000, 1);
    tacho_operation_tool(&op, "edit_file");
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->retries, 2);
    assert_int_equal(view->interventions, 1);
    assert_int_equal(view->warnings, 1);
    assert_int_equal(view->ok, 1);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_int_equal(record->retries, 2);
    assert_int_equal(record->interventions, 1);
    assert_int_equal(record->warnings, 1);
    assert_int_equal(record->context_size, 5000);
    assert_int_equal(record->context_limit, 200000);
    assert_string_equal(record->tool, "edit_file");
    assert_true(record->flags & TACHO__RECORD_COMPACTION);
    tacho_series_release(series);
}

static void test_second_end__is_counted_and_ignored(void **state) {
    recorder *r = *state;
    tacho_series *series = bind_llm(r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_ERROR), TACHO_OK);
    assert_int_equal(tacho_operation_usage(&op, &TACHO_USAGE(.input = 1)), TACHO_OK);
    assert_int_equal(tacho_operation_outcome(&op), TACHO_OUTCOME_OK);
    assert_int_equal(recorder_all_calls(r), 1);
    assert_int_equal(recorder_drops(r, TACHO__DROP_SECOND_END), 1);
    tacho_series_release(series);
}

static void test_strict__says_what_was_wrong(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .flags = TACHO_CONFIG_STRICT};
    recorder_open(&r, &config);
    tacho_series *series = bind_llm(&r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_end(&op, (tacho_outcome)77), TACHO_INVALID);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_ENDED);
    assert_int_equal(tacho_operation_human(&op), TACHO_ENDED);
    tacho_series_release(series);
    recorder_close(&r);
}

static void test_disabled__does_nothing(void **state) {
    recorder *r = *state;
    tacho_operation op;
    memset(&op, 0xAB, sizeof op);
    assert_int_equal(tacho_begin(NULL, NULL, &op), TACHO_OK);
    assert_int_equal(tacho_operation_usage(&op, &TACHO_USAGE(.input = 1)), TACHO_OK);
    assert_int_equal(tacho_operation_component(&op, "x", 1), TACHO_OK);
    assert_int_equal(tacho_operation_id(&op), 0);
    assert_int_equal(tacho_operation_elapsed_ns(&op), 0);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
    assert_int_equal(tacho_end(NULL, TACHO_OUTCOME_OK), TACHO_OK);
    tacho_series *series = bind_llm(r, "answer");
    assert_int_equal(tacho_collector_set_enabled(r->collector, 0), 1);
    tacho_begin(series, NULL, &op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_observe(series, S);
    assert_int_equal(tacho_collector_set_enabled(r->collector, 1), 0);
    assert_int_equal(recorder_all_calls(r), 0);
    tacho_observe(series, S);
    assert_int_equal(recorder_all_calls(r), 1);
    tacho_series_release(series);
}

static void test_end__after_close_is_harmless(void **state) {
    (void)state;
    recorder r;
    recorder_open(&r, NULL);
    tacho_series *series = bind_llm(&r, "answer");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    recorder_close(&r); /* the handle keeps the collector */
    tacho_operation_retry(&op, NULL);
    tacho_series_release(series);
    assert_int_equal(tacho_operation_usage(&op, &TACHO_USAGE(.input = 1)), TACHO_OK);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_OK), TACHO_OK);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_end__books_duration_and_record),
        WITH(test_usage__is_booked_and_priced_at_the_end),
        WITH(test_usage__of_different_responses_adds),
        WITH(test_usage__of_the_same_response_replaces),
        WITH(test_usage__of_the_newest_of_several_responses_replaces_only_its_part),
        WITH(test_usage__that_is_negative_is_refused_and_counted),
        WITH(test_usage__of_an_unknown_model_has_no_cost),
        WITH(test_usage__that_is_absent_is_counted),
        WITH(test_cost__that_is_reported_wins),
        WITH(test_model__that_answers_picks_the_series),
        WITH(test_model__that_comes_after_the_usage_prices_it),
        WITH(test_first_token__the_first_call_wins),
        WITH(test_fail__decides_outcome_category_and_type),
        WITH(test_error_types__beyond_eight_go_to_the_rest),
        WITH(test_counters__of_an_operation_are_booked),
        WITH(test_second_end__is_counted_and_ignored),
        cmocka_unit_test(test_strict__says_what_was_wrong),
        WITH(test_disabled__does_nothing),
        cmocka_unit_test(test_end__after_close_is_harmless),
    };
    return cmocka_run_group_tests_name("operation", tests, NULL, NULL);
}
