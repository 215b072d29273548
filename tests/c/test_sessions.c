#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/recorder.h"

#define OPUS "claude-opus-4-6"
#define FINISHED(...)                                                                                                  \
    ((tacho_finished){.struct_size = sizeof(tacho_finished), .cost_pusd = TACHO_COST_UNKNOWN, __VA_ARGS__})

static void test_session__of_the_configuration_is_the_default(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .session = "nightly-42"};
    recorder_open(&r, &config);
    assert_string_equal(tacho_session_id(tacho_collector_session(r.collector)), "nightly-42");
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    const tacho_finished finished = FINISHED(.duration_ns = 3 * S);
    tacho_record(series, &finished);
    const tacho__session_view *view = recorder_session(&r, "nightly-42");
    assert_int_equal(view->slot, 0);
    assert_int_equal(view->ok[TACHO__GROUP_STEP], 1);
    assert_int_equal(view->step_ns, 3 * S);
    assert_int_equal(view->timed_steps, 1);
    assert_true(view->first_begin_mono_ns == (int64_t)(RECORDER_MONO - 3 * S));
    assert_true(view->last_end_mono_ns == (int64_t)RECORDER_MONO);
    assert_string_equal(recorder_record(&r, "plan")->session, "nightly-42");
    tacho_series_release(series);
    recorder_close(&r);
}

static void test_session__without_operations_has_no_times(void **state) {
    recorder *r = *state;
    assert_int_equal(strncmp(tacho_session_id(tacho_collector_session(r->collector)), "auto-", 5), 0);
    const tacho__session_view *view = recorder_session(r, NULL);
    assert_true(view->first_begin_mono_ns == INT64_MIN);
    assert_true(view->last_end_mono_ns == INT64_MIN);
    assert_true(view->opened_mono_ns == (int64_t)RECORDER_MONO);
    assert_false(view->ended);
}

static void test_totals__are_those_of_all_operations_of_the_session(void **state) {
    recorder *r = *state;
    tacho_session *session;
    assert_int_equal(tacho_session_open(r->collector, "run-1", &session), TACHO_OK);
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", OPUS);
    tacho_series *other = recorder_bind(r, TACHO_KIND_RETRIEVER, "search", NULL, NULL);
    const tacho_usage usage = TACHO_USAGE(.input = 10, .output = 2), unpriced = TACHO_USAGE(.input = 3);
    const tacho_finished all[] = {
        FINISHED(.duration_ns = S, .session = session),
        FINISHED(.duration_ns = S, .session = session, .outcome = TACHO_OUTCOME_ERROR, .interventions = 2),
        FINISHED(.duration_ns = S, .session = session, .outcome = TACHO_OUTCOME_ABORTED),
    };
    for (size_t i = 0; i < 3; ++i) {
        tacho_record(step, &all[i]);
    }
    const tacho_finished priced = FINISHED(.duration_ns = S, .session = session, .usage = &usage, .retries = 1);
    tacho_record(llm, &priced);
    const tacho_finished free_text = FINISHED(.duration_ns = S, .session = session, .usage = &unpriced);
    tacho_record(other, &free_text);
    const tacho__session_view *view = recorder_session(r, "run-1");
    assert_int_equal(view->ok[TACHO__GROUP_STEP], 1);
    assert_int_equal(view->failed[TACHO__GROUP_STEP][TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(view->failed[TACHO__GROUP_STEP][TACHO_OUTCOME_ABORTED - 1], 1);
    assert_int_equal(view->ok[TACHO__GROUP_OTHER], 2);
    assert_int_equal(view->model_calls, 1);
    assert_int_equal(view->interventions, 2);
    assert_int_equal(view->retries, 1);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 13);
    assert_int_equal(view->usage.cost_calls[TACHO_COST_STATE_EXACT], 1);
    assert_int_equal(view->usage.cost_calls[TACHO_COST_STATE_UNKNOWN], 1);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == INT64_C(100000000));
    assert_int_equal(recorder_session(r, NULL)->ok[TACHO__GROUP_STEP], 0);
    tacho_series_release(step);
    tacho_series_release(llm);
    tacho_series_release(other);
    tacho_session_end(session);
}

static void test_session__is_joined_by_id_and_ends_with_its_last_handle(void **state) {
    recorder *r = *state;
    tacho_session *first, *second;
    tacho_session_open(r->collector, "run-1", &first);
    tacho_session_open(r->collector, "run-1", &second);
    assert_int_equal(tacho__view_session_count(recorder_read(r)), 2);
    tacho__clock_fake_advance(&r->clock, S);
    tacho_session_end(first);
    assert_false(recorder_session(r, "run-1")->ended);
    tacho_session_end(second);
    const tacho__session_view *view = recorder_session(r, "run-1");
    assert_true(view->ended);
    assert_true(view->ended_mono_ns == (int64_t)(RECORDER_MONO + S));
    tacho_session_open(r->collector, "run-1", &first);
    assert_false(recorder_session(r, "run-1")->ended);
    tacho_session_end(first);
    tacho_session_end(NULL);
}

static void test_sessions__beyond_the_slots_share_other(void **state) {
    recorder *r = *state;
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 100; ++i) {
        char id[16];
        snprintf(id, sizeof id, "run-%d", i);
        tacho_session *session;
        assert_int_equal(tacho_session_open(r->collector, id, &session), i < 63 ? TACHO_OK : TACHO_FULL);
        assert_string_equal(tacho_session_id(session), id);
        const tacho_finished finished = FINISHED(.duration_ns = S, .session = session);
        tacho_record(step, &finished);
        tacho_session_end(session);
    }
    const tacho__session_view *view = recorder_session(r, "other");
    assert_int_equal(view->slot, TACHO__SESSION_OTHER);
    assert_int_equal(view->ok[TACHO__GROUP_STEP], 37);
    assert_int_equal(view->shared, 37);
    assert_int_equal(recorder_drops(r, TACHO__DROP_SESSION_OVERFLOW), 37);
    uint64_t steps = 0;
    int named = 0;
    for (uint32_t i = 0; i < tacho__view_session_count(r->view); ++i) {
        assert_true(tacho__view_session(r->view, i, &r->session));
        steps += r->session.ok[TACHO__GROUP_STEP];
    }
    assert_int_equal(steps, 100);
    for (uint32_t i = 0; i < tacho__view_record_count(r->view); ++i) { /* records keep their own id */
        assert_true(tacho__view_record(r->view, i, &r->record));
        named += strncmp(r->record.session, "run-", 4) == 0;
    }
    assert_int_equal(named, 100);
    tacho_series_release(step);
}

static void test_session__with_a_bad_id_is_refused(void **state) {
    recorder *r = *state;
    tacho_session *session;
    char longer[202];
    memset(longer, 'x', 201);
    longer[201] = 0;
    assert_int_equal(tacho_session_open(r->collector, "", &session), TACHO_INVALID);
    assert_null(session);
    assert_int_equal(tacho_session_open(r->collector, longer, &session), TACHO_INVALID);
    assert_int_equal(tacho_session_open(NULL, "x", &session), TACHO_OK);
    assert_string_equal(tacho_session_id(NULL), "");
    longer[200] = 0;
    assert_int_equal(tacho_session_open(r->collector, longer, &session), TACHO_OK);
    tacho_session_end(session);
    const tacho_config config = {.struct_size = sizeof config, .session = ""};
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_INVALID);
    assert_null(collector);
}

static void test_context__is_the_newest_prompt_and_its_drops_are_compactions(void **state) {
    recorder *r = *state;
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", OPUS);
    static const int64_t prompts[] = {1000, 50000, 26000, 12000, 13000};
    for (size_t i = 0; i < 5; ++i) {
        tacho__clock_fake_advance(&r->clock, S);
        const tacho_usage usage = TACHO_USAGE(.input = prompts[i]);
        const tacho_finished finished = FINISHED(.duration_ns = S, .usage = &usage);
        tacho_record(llm, &finished);
    }
    const tacho__session_view *view = recorder_session(r, NULL);
    assert_int_equal(view->context_size, 13000);
    assert_int_equal(view->context_max, 50000);
    assert_int_equal(view->compactions, 1); /* 26000 to 12000 is more than half; 50000 to 26000 is not */
    const tacho_finished given =
        FINISHED(.duration_ns = S, .context_size = 9000, .context_limit = 200000, .compressed = 1);
    tacho__clock_fake_advance(&r->clock, S);
    tacho_record(llm, &given);
    view = recorder_session(r, NULL);
    assert_int_equal(view->context_size, 9000);
    assert_int_equal(view->context_limit, 200000);
    assert_int_equal(view->compactions, 2);
    tacho_series_release(llm);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__of_the_configuration_is_the_default),
        WITH(test_session__without_operations_has_no_times),
        WITH(test_totals__are_those_of_all_operations_of_the_session),
        WITH(test_session__is_joined_by_id_and_ends_with_its_last_handle),
        WITH(test_sessions__beyond_the_slots_share_other),
        WITH(test_session__with_a_bad_id_is_refused),
        WITH(test_context__is_the_newest_prompt_and_its_drops_are_compactions),
    };
    return cmocka_run_group_tests_name("sessions", tests, NULL, NULL);
}
