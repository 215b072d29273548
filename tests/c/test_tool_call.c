#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/recorder.h"

static void test_tool_call__is_a_child_of_kind_tool(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_tool_call(&op, "grep", 20 * MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL),
                     TACHO_OK);
    assert_int_equal(
        tacho_operation_tool_call(&op, "edit_file", 2300 * MS, TACHO_OUTCOME_ERROR, TACHO_CATEGORY_TOOL, "ValueError"),
        TACHO_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_TOOL, "edit_file", NULL);
    assert_int_equal(view->calls, 1); /* booked at once, the step still runs */
    assert_int_equal(view->failed[TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(view->categories[TACHO_CATEGORY_TOOL], 1);
    assert_string_equal(view->error_types[0].name, "ValueError");
    const tacho__record_view *record = recorder_record(r, "edit_file");
    assert_true(record->parent == tacho_operation_id(&op));
    assert_string_equal(record->tool, "edit_file");
    assert_string_equal(record->error_type, "ValueError");
    assert_int_equal(record->duration_ns, 2300 * MS);
    assert_true(record->flags & TACHO__RECORD_ON_PARENT);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_record(r, "plan")->tool_calls, 2);
    const tacho__session_view *session = recorder_session(r, NULL);
    assert_int_equal(session->ok[TACHO__GROUP_TOOL], 1);
    assert_int_equal(session->failed[TACHO__GROUP_TOOL][TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(session->tool_ns, 2320 * MS);
    tacho_series_release(series);
}

static void test_tool_call__of_unknown_duration_is_counted(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_tool_call(&op, "grep", TACHO_DURATION_UNKNOWN, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_TOOL, "grep", NULL);
    assert_int_equal(view->calls, 1);
    assert_int_equal(view->untimed, 1);
    tacho_series_release(series);
}

static void test_tool_call__with_wrong_arguments_is_refused(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    assert_int_equal(tacho_operation_tool_call(&op, "", 1, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL), TACHO_INVALID);
    assert_int_equal(tacho_operation_tool_call(&op, "grep", 1, (tacho_outcome)9, TACHO_CATEGORY_NONE, NULL),
                     TACHO_INVALID);
    assert_int_equal(tacho_operation_tool_call(&op, "grep", 1, TACHO_OUTCOME_OK, (tacho_category)99, NULL),
                     TACHO_INVALID);
    assert_int_equal(
        tacho_operation_tool_call(&op, "grep", UINT64_MAX - 1, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL),
        TACHO_INVALID);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_drops(r, TACHO__DROP_INVALID), 4);
    tacho_series_release(series);
}

static void test_tools__beyond_the_bound_are_called_other(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    for (int i = 0; i < 600; ++i) {
        char name[16];
        snprintf(name, sizeof name, "tool%d", i);
        tacho_operation_tool_call(&op, name, MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_series(r, TACHO_KIND_TOOL, "tool499", NULL)->calls, 1);
    uint64_t other = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        tacho__view_series(r->view, i, &r->series);
        if (r->series.kind == TACHO_KIND_TOOL && strcmp(r->series.name, "other") == 0) {
            other += r->series.calls;
        }
    }
    assert_int_equal(other, 100);
    assert_int_equal(recorder_drops(r, TACHO__DROP_TOOL_OVERFLOW), 100);
    tacho_series_release(series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_tool_call__is_a_child_of_kind_tool),
        WITH(test_tool_call__of_unknown_duration_is_counted),
        WITH(test_tool_call__with_wrong_arguments_is_refused),
        WITH(test_tools__beyond_the_bound_are_called_other),
    };
    return cmocka_run_group_tests_name("tool_call", tests, NULL, NULL);
}
