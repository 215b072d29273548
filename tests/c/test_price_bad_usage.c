/* Usage that cannot be: each kind has a defined answer, is counted where it is booked, and never lowers a bill. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/recorder.h"

#define MODEL "claude-opus-4-6" /* 5 USD input, 25 output, 0.50 cache read, per million */

/* Counts and cost of one call whose response has this usage, and how often the fault was counted. */
static const tacho__record_view *book(recorder *r, const char *usage, uint32_t faults) {
    char text[512];
    tacho_response *response;
    tacho_operation op;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", MODEL);
    uint64_t before = recorder_drops(r, TACHO__DROP_USAGE_FAULT);
    snprintf(text, sizeof text, "{\"usage\": %s}", usage);
    assert_int_equal(tacho_response_create(&response), TACHO_OK);
    tacho_response_read_json(response, tacho_dialect_find("openai_chat", NULL), "anthropic", text, strlen(text));
    assert_int_equal(tacho_response_faults(response), faults);
    tacho_begin(series, NULL, &op);
    tacho_operation_response(&op, response);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_drops(r, TACHO__DROP_USAGE_FAULT), before + (faults != 0));
    tacho_response_free(response);
    tacho_series_release(series);
    return recorder_record(r, "answer");
}

static void test_usage__that_is_good_is_not_counted(void **state) {
    const tacho__record_view *record = book(*state, "{\"prompt_tokens\": 10, \"completion_tokens\": 2}", 0);
    assert_int_equal(record->cost_pusd, 100000000);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_EXACT);
}

static void test_usage__that_is_negative_becomes_zero(void **state) {
    const tacho__record_view *record =
        book(*state, "{\"prompt_tokens\": 10, \"completion_tokens\": -2}", TACHO_USAGE_FAULT_NEGATIVE);
    assert_int_equal(record->cost_pusd, 50000000);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_ESTIMATED);
}

static void test_usage__that_is_fractional_is_rounded(void **state) {
    const tacho__record_view *record =
        book(*state, "{\"prompt_tokens\": 10.5, \"completion_tokens\": 2}", TACHO_USAGE_FAULT_FRACTIONAL);
    assert_int_equal(record->cost_pusd, 100000000);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_ESTIMATED);
}

static void test_usage__beyond_2_to_the_53_is_clamped(void **state) {
    const tacho__record_view *record =
        book(*state, "{\"prompt_tokens\": 9007199254740993, \"completion_tokens\": 0}", TACHO_USAGE_FAULT_TOO_LARGE);
    assert_true(record->units[TACHO_UNIT_INPUT] > 0 && record->units[TACHO_UNIT_INPUT] <= TACHO_COUNT_MAX);
    assert_int_equal(record->cost_pusd, INT64_MAX);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_PARTIAL); /* a lower bound */
}

static void test_cost__that_saturates_is_a_lower_bound(void **state) {
    const tacho__record_view *record = book(*state, "{\"prompt_tokens\": 10000000000000, \"completion_tokens\": 0}", 0);
    assert_int_equal(record->cost_pusd, INT64_MAX);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_PARTIAL);
}

static void test_sum__that_saturates_is_a_lower_bound(void **state) {
    (void)state;
    tacho_cost sum, more;
    tacho_usage usage = TACHO_USAGE(.provider = "anthropic", .model = MODEL, .input = 800000000000);
    assert_int_equal(tacho_calculate_cost(NULL, &usage, 0, &sum), TACHO_OK);
    assert_int_equal(sum.state, TACHO_COST_STATE_EXACT);
    more = sum;
    for (int i = 0; i < 3; i++) {
        tacho_cost_add(&sum, &more);
    }
    assert_int_equal(sum.total_pusd, INT64_MAX);
    assert_int_equal(sum.state, TACHO_COST_STATE_PARTIAL);
}

static void test_subset__larger_than_its_total_leaves_nothing_of_it(void **state) {
    const tacho__record_view *record = book(
        *state, "{\"prompt_tokens\": 10, \"completion_tokens\": 2, \"prompt_tokens_details\": {\"cached_tokens\": 30}}",
        TACHO_USAGE_FAULT_SUBSET_LARGER);
    assert_int_equal(record->cost_pusd, 30 * 500000 + 50000000);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_ESTIMATED);
}

static void test_usage__that_is_text_is_left_out(void **state) {
    const tacho__record_view *record =
        book(*state, "{\"prompt_tokens\": \"many\", \"completion_tokens\": 2}", TACHO_USAGE_FAULT_NOT_A_NUMBER);
    assert_int_equal(record->cost_pusd, 50000000);
    assert_int_equal(record->cost_state, TACHO_COST_STATE_ESTIMATED);
}

static void test_total__that_is_not_the_sum_is_told(void **state) {
    book(*state, "{\"prompt_tokens\": 10, \"completion_tokens\": 2, \"total_tokens\": 99}",
         TACHO_USAGE_FAULT_TOTAL_MISMATCH);
}

static void test_response__of_the_same_id_twice_is_one_call(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", MODEL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    for (int i = 0; i < 2; i++) {
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 10, .output = 2, .response_id = "msg_1"));
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_record(r, "answer")->cost_pusd, 100000000);
    assert_int_equal(recorder_drops(r, TACHO__DROP_USAGE_REPEATED), 1);
    tacho_series_release(series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_usage__that_is_good_is_not_counted),
        WITH(test_usage__that_is_negative_becomes_zero),
        WITH(test_usage__that_is_fractional_is_rounded),
        WITH(test_usage__beyond_2_to_the_53_is_clamped),
        WITH(test_cost__that_saturates_is_a_lower_bound),
        WITH(test_sum__that_saturates_is_a_lower_bound),
        WITH(test_subset__larger_than_its_total_leaves_nothing_of_it),
        WITH(test_usage__that_is_text_is_left_out),
        WITH(test_total__that_is_not_the_sum_is_told),
        WITH(test_response__of_the_same_id_twice_is_one_call),
    };
    return cmocka_run_group_tests_name("price_bad_usage", tests, NULL, NULL);
}
