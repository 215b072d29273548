#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "collect/collector.h"
#include "support/recorder.h"

static void record_many(tacho_series *series, int times, uint64_t duration_ns) {
    for (int i = 0; i < times; ++i) {
        const tacho_finished finished = {
            .struct_size = sizeof finished, .duration_ns = duration_ns, .cost_pusd = TACHO_COST_UNKNOWN};
        assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    }
}

static void test_session__time_of_steps_stays_at_the_end_of_its_range(void **state) {
    recorder *r = *state;
    tacho_series *endless = recorder_bind(r, TACHO_KIND_STEP, "endless", NULL, NULL);
    tacho_series *plan = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    record_many(plan, 40, 6 * MS);
    record_many(endless, 3, INT64_MAX);
    record_many(plan, 1, 6 * MS); /* an ordinary one, whose own series is far from the end */
    assert_true(recorder_session(r, NULL)->step_ns == UINT64_MAX);
    assert_true(recorder_drops(r, TACHO__DROP_SATURATED) > 0);
    tacho_series_release(endless);
    tacho_series_release(plan);
}

static void test_parent__of_boundless_costs_has_the_largest(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "agent", NULL, NULL);
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_operation parent;
    tacho_begin(agent, NULL, &parent);
    for (int i = 0; i < 2; ++i) {
        const tacho_finished finished = {
            .struct_size = sizeof finished, .duration_ns = MS, .parent = &parent, .cost_pusd = INT64_MAX};
        tacho_record(answer, &finished);
    }
    tacho_end(&parent, TACHO_OUTCOME_OK);
    assert_true(recorder_record(r, "agent")->inclusive_cost_pusd == INT64_MAX);
    tacho_series_release(agent);
    tacho_series_release(answer);
}

static void test_observe__says_that_a_sum_is_full(void **state) {
    recorder *r = *state;
    tacho_series *plan = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 3; ++i) {
        tacho_observe(plan, INT64_MAX);
    }
    assert_int_equal(recorder_series(r, TACHO_KIND_STEP, "plan", NULL)->calls, 3);
    assert_int_equal(recorder_drops(r, TACHO__DROP_SATURATED), 1);
    tacho_series_release(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_session__time_of_steps_stays_at_the_end_of_its_range, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_parent__of_boundless_costs_has_the_largest, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_observe__says_that_a_sum_is_full, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
