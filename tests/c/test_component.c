#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/recorder.h"

static void test_component__is_booked_at_once(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_AGENT, "answer", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_component(&op, "search", 40 * MS), TACHO_OK);
    assert_int_equal(tacho_operation_component(&op, "search", 60 * MS), TACHO_OK);
    const tacho__series_view *view = recorder_component(r, "answer", "search");
    assert_int_equal(view->calls, 2);
    assert_int_equal(view->duration.sum, 100 * MS);
    assert_int_equal(view->kind, TACHO_KIND_AGENT);
    assert_int_equal(recorder_all_calls(r), 0); /* components are no operations */
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_int_equal(record->component_count, 2);
    assert_string_equal(record->components[0].name, "search");
    assert_int_equal(record->components[0].duration_ns, 40 * MS);
    tacho_series_release(series);
}

static void test_components__beyond_eight_are_counted_and_noted(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    for (int i = 0; i < 11; ++i) {
        char name[8];
        snprintf(name, sizeof name, "part%d", i);
        tacho_operation_component(&op, name, MS);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__record_view *record = recorder_record(r, "plan");
    assert_int_equal(record->component_count, 8);
    assert_true(record->flags & TACHO__RECORD_MORE);
    assert_int_equal(recorder_component(r, "plan", "part10")->calls, 1);
    assert_int_equal(recorder_drops(r, TACHO__DROP_COMPONENT_MORE), 0); /* they are in its notes: test_notes.c */
    tacho_series_release(series);
}

static void test_component__of_two_operations_is_two_series(void **state) {
    recorder *r = *state;
    static const char *const names[] = {"a", "b"};
    for (int i = 0; i < 2; ++i) {
        tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, names[i], NULL, NULL);
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        for (int n = 0; n <= i; ++n) {
            tacho_operation_component(&op, "search", MS);
        }
        tacho_end(&op, TACHO_OUTCOME_OK);
        tacho_series_release(series);
    }
    assert_int_equal(recorder_component(r, "a", "search")->calls, 1);
    assert_int_equal(recorder_component(r, "b", "search")->calls, 2);
}

static void test_component__without_name_or_with_a_wild_duration_is_refused(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_component(&op, "", MS), TACHO_INVALID);
    assert_int_equal(tacho_operation_component(&op, NULL, MS), TACHO_INVALID);
    assert_int_equal(tacho_operation_component(&op, "x", TACHO_DURATION_UNKNOWN), TACHO_INVALID);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_drops(r, TACHO__DROP_INVALID), 3);
    tacho_series_release(series);
}

static void test_component__longer_than_48_bits_saturates_in_the_record_only(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_component(&op, "sleep", UINT64_C(1) << 50);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_true(recorder_component(r, "plan", "sleep")->duration.sum == UINT64_C(1) << 50);
    assert_true(recorder_record(r, "plan")->components[0].duration_ns == (UINT64_C(1) << 48) - 1);
    tacho_series_release(series);
}

static void test_components__beyond_the_bound_go_to_their_overflow_series(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_series = 10};
    recorder_open(&r, &config);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    for (int i = 0; i < 30; ++i) {
        char name[8];
        snprintf(name, sizeof name, "part%d", i);
        tacho_operation_component(&op, name, MS);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_component(&r, "plan", "part9")->calls, 1);
    const tacho__series_view *other = recorder_component(&r, "other", "other");
    assert_int_equal(other->calls, 20);
    assert_true(other->flags & TACHO__SERIES_IS_OVERFLOW);
    tacho_series_release(series);
    recorder_close(&r);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_component__is_booked_at_once),
        WITH(test_components__beyond_eight_are_counted_and_noted),
        WITH(test_component__of_two_operations_is_two_series),
        WITH(test_component__without_name_or_with_a_wild_duration_is_refused),
        WITH(test_component__longer_than_48_bits_saturates_in_the_record_only),
        cmocka_unit_test(test_components__beyond_the_bound_go_to_their_overflow_series),
    };
    return cmocka_run_group_tests_name("component", tests, NULL, NULL);
}
