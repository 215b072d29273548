#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "collect/collector.h"
#include "support/recorder.h"

static void test_bind__gives_one_series_per_name_kind_and_labels(void **state) {
    recorder *r = *state;
    tacho_series *a = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    tacho_series *same = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    tacho_series *model = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o-mini");
    tacho_series *kind = recorder_bind(r, TACHO_KIND_STEP, "answer", "openai", "gpt-4o");
    tacho_series *name = recorder_bind(r, TACHO_KIND_LLM, "answers", "openai", "gpt-4o");
    assert_ptr_equal(a, same);
    assert_ptr_not_equal(a, model);
    assert_ptr_not_equal(a, kind);
    assert_ptr_not_equal(a, name);
    tacho_series *all[] = {a, same, model, kind, name};
    for (int i = 0; i < 5; ++i) {
        tacho_series_release(all[i]);
    }
}

static void test_bind__cleans_names_and_knows_providers(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "an\nswer\x01\xff", "Bedrock", NULL);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer\xEF\xBF\xBD", NULL);
    assert_string_equal(view->provider, "aws.bedrock");
    tacho_series_release(series);
    static const char *const pairs[][2] = {{"google", "gcp.gemini"},
                                           {"GCP.Vertex_AI", "gcp.vertex_ai"},
                                           {"vertexai", "gcp.vertex_ai"},
                                           {"azure-openai", "azure.ai.openai"},
                                           {"xAI", "x_ai"},
                                           {"mistral", "mistral_ai"},
                                           {"OpenAI", "openai"},
                                           {"my-proxy", "my-proxy"},
                                           {"amazon bedrock", "aws.bedrock"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
        assert_string_equal(tacho__provider_name(pairs[i][0]), pairs[i][1]);
    }
}

static void test_bind__refuses_empty_names_and_unknown_kinds(void **state) {
    recorder *r = *state;
    tacho_series *series;
    assert_int_equal(tacho_bind(r->collector, TACHO_KIND_STEP, "", NULL, &series), TACHO_INVALID);
    assert_int_equal(tacho_bind(r->collector, TACHO_KIND_STEP, NULL, NULL, &series), TACHO_INVALID);
    assert_int_equal(tacho_bind(r->collector, TACHO_KIND_STEP, "\x01\x02", NULL, &series), TACHO_INVALID);
    assert_int_equal(tacho_bind(r->collector, (tacho_kind)11, "x", NULL, &series), TACHO_INVALID);
    assert_int_equal(tacho_bind(r->collector, TACHO_KIND_STEP, "x", NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_bind(NULL, TACHO_KIND_STEP, "x", NULL, &series), TACHO_OK);
    assert_null(series);
    tacho_series_release(NULL);
    assert_null(tacho_series_retain(NULL));
    assert_int_equal(recorder_drops(r, TACHO__DROP_INVALID), 4);
}

static void test_tags__that_are_declared_become_labels(void **state) {
    (void)state;
    recorder r;
    static const char *const declared[] = {"tier", "team"};
    const tacho_config config = {.struct_size = sizeof config, .tags = declared, .tag_count = 2};
    recorder_open(&r, &config);
    const tacho_tag one[] = {{"team", "search"}, {"tier", "gold"}, {"user", "u-1"}};
    const tacho_tag two[] = {{"tier", "gold"}, {"team", "search"}};
    tacho_series *a, *b;
    assert_int_equal(tacho_bind(r.collector, TACHO_KIND_STEP, "plan", &TACHO_LABELS(.tags = one, .tag_count = 3), &a),
                     TACHO_OK);
    assert_int_equal(tacho_bind(r.collector, TACHO_KIND_STEP, "plan", &TACHO_LABELS(.tags = two, .tag_count = 2), &b),
                     TACHO_OK);
    assert_ptr_equal(a, b); /* the order of a call makes no other series */
    const tacho__series_view *view = recorder_series(&r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->tag_count, 2);
    assert_string_equal(view->tags[0].name, "tier");
    assert_string_equal(view->tags[0].value, "gold");
    assert_string_equal(view->tags[1].value, "search");
    assert_int_equal(recorder_drops(&r, TACHO__DROP_TAG_UNDECLARED), 1);
    tacho_series_release(a);
    tacho_series_release(b);
    recorder_close(&r);
}

static void test_series__beyond_the_bound_go_to_the_overflow_series_of_their_kind(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_series = 50};
    recorder_open(&r, &config);
    for (int i = 0; i < 200; ++i) {
        char name[16];
        snprintf(name, sizeof name, "op%d", i);
        tacho_series *series = recorder_bind(&r, i % 2 ? TACHO_KIND_STEP : TACHO_KIND_LLM, name, NULL, NULL);
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 1));
        tacho_operation_fail(&op, TACHO_CATEGORY_OTHER, "E");
        tacho_end(&op, TACHO_OUTCOME_ERROR);
        tacho_observe(series, S);
        tacho_series_release(series);
    }
    assert_int_equal(recorder_all_calls(&r), 400);
    const tacho__series_view *view = recorder_series(&r, TACHO_KIND_STEP, "other", NULL);
    assert_true(view->flags & TACHO__SERIES_IS_OVERFLOW);
    assert_int_equal(view->calls, 150);
    assert_int_equal(view->usage.units[TACHO_UNIT_INPUT], 75);
    assert_int_equal(view->failed[TACHO_OUTCOME_ERROR - 1], 75);
    assert_int_equal(recorder_series(&r, TACHO_KIND_LLM, "other", NULL)->calls, 150);
    assert_int_equal(recorder_drops(&r, TACHO__DROP_SERIES_OVERFLOW), 150);
    assert_int_equal(tacho__view_describe(r.view)->operation_series, 50);
    recorder_close(&r);
}

static void test_models_and_providers__beyond_their_bounds_are_called_other(void **state) {
    recorder *r = *state;
    for (int i = 0; i < 300; ++i) {
        char model[16];
        snprintf(model, sizeof model, "model%d", i);
        tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, model);
        tacho_observe(series, S);
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
        tacho_series_release(series);
    }
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", "other");
    assert_int_equal(view->calls, 200);
    assert_int_equal(view->flags, TACHO__SERIES_OTHER_MODEL);
    assert_int_equal(recorder_drops(r, TACHO__DROP_MODEL_OVERFLOW), 100);
    for (int i = 0; i < 70; ++i) {
        char provider[16];
        snprintf(provider, sizeof provider, "provider%d", i);
        tacho_series_release(recorder_bind(r, TACHO_KIND_LLM, "ask", provider, NULL));
    }
    assert_int_equal(recorder_drops(r, TACHO__DROP_PROVIDER_OVERFLOW), 6);
    assert_int_equal(tacho__view_describe(r->view)->models, 200);
    assert_int_equal(tacho__view_describe(r->view)->providers, 64);
}

static void test_usage__of_a_model_called_other_is_still_priced(void **state) {
    recorder *r = *state;
    for (int i = 0; i < 200; ++i) {
        char model[16];
        snprintf(model, sizeof model, "model%d", i);
        tacho_series_release(recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, model));
    }
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6");
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100, .model = "claude-opus-4-6"));
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", "other");
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == INT64_C(500000000));
    assert_string_equal(recorder_record(r, "answer")->model, "claude-opus-4-6");
    tacho_series_release(series);
}

static void test_handle__keeps_its_collector(void **state) {
    (void)state;
    recorder r;
    recorder_open(&r, NULL);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_series *again = tacho_series_retain(series);
    tacho_session *session;
    tacho_session_open(r.collector, "x", &session);
    recorder_close(&r);
    tacho_observe(series, S);
    tacho_series_release(series);
    tacho_observe(again, S);
    tacho_snapshot *snapshot;
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_take(again->collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 2);
    assert_string_equal(tacho_session_id(session), "x");
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_series_release(again);
    tacho_session_end(session);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_bind__gives_one_series_per_name_kind_and_labels),
        WITH(test_bind__cleans_names_and_knows_providers),
        WITH(test_bind__refuses_empty_names_and_unknown_kinds),
        cmocka_unit_test(test_tags__that_are_declared_become_labels),
        cmocka_unit_test(test_series__beyond_the_bound_go_to_the_overflow_series_of_their_kind),
        WITH(test_models_and_providers__beyond_their_bounds_are_called_other),
        WITH(test_usage__of_a_model_called_other_is_still_priced),
        cmocka_unit_test(test_handle__keeps_its_collector),
    };
    return cmocka_run_group_tests_name("series", tests, NULL, NULL);
}
