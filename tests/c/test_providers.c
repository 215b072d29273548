#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>
#include <tachograph.h>

#include "support/fill_collector.h"

static tacho_series *bind(tacho_collector *collector, tacho_kind kind, const char *name, const char *provider,
                          const char *model) {
    tacho_labels labels = TACHO_LABELS_INIT;
    labels.provider = provider;
    labels.model = model;
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, kind, name, &labels, &series), TACHO_OK);
    return series;
}

static void record_at(tacho_collector *collector, tacho_kind kind, const char *name, const char *provider,
                      const char *model, tacho_outcome outcome, tacho_category category) {
    tacho_series *series = bind(collector, kind, name, provider, model);
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.outcome = outcome;
    finished.category = category;
    finished.duration_ns = 1000000000;
    finished.ended_at_ns = NOON * S;
    finished.usage = outcome == TACHO_OUTCOME_OK ? &TACHO_USAGE(.input = 1000, .output = 100) : NULL;
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    tacho_series_release(series);
}

/* Ten calls of two providers: eight that count for the first one, of which four were not its fault. */
static void ten_calls(tacho_collector *collector) {
    const struct {
        tacho_outcome outcome;
        tacho_category category;
    } calls[] = {{TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE},
                 {TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE},
                 {TACHO_OUTCOME_ERROR, TACHO_CATEGORY_INVALID_REQUEST},
                 {TACHO_OUTCOME_ERROR, TACHO_CATEGORY_AUTH},
                 {TACHO_OUTCOME_ERROR, TACHO_CATEGORY_NETWORK},
                 {TACHO_OUTCOME_ERROR, TACHO_CATEGORY_RATE_LIMIT},
                 {TACHO_OUTCOME_ERROR, TACHO_CATEGORY_PROVIDER},
                 {TACHO_OUTCOME_TIMEOUT, TACHO_CATEGORY_TOOL},
                 {TACHO_OUTCOME_CANCELLED, TACHO_CATEGORY_NETWORK},
                 {TACHO_OUTCOME_ABORTED, TACHO_CATEGORY_NONE}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        record_at(collector, TACHO_KIND_LLM, "ask", "anthropic", "claude-opus-4-6", calls[i].outcome,
                  calls[i].category);
    }
    record_at(collector, TACHO_KIND_LLM, "ask", "openai", "gpt-4o", TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE);
    record_at(collector, TACHO_KIND_TOOL, "search", "openai", NULL, TACHO_OUTCOME_ERROR, TACHO_CATEGORY_TIMEOUT);
}

static void test_providers__have_an_availability(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    ten_calls(collector);
    record_at(collector, TACHO_KIND_AGENT, "run", "anthropic", NULL, TACHO_OUTCOME_ERROR, TACHO_CATEGORY_NETWORK);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_providers(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->by, TACHO_BY_PROVIDER);
    assert_int_equal(rows->count, 2); /* the agent holds calls and is none */
    const tacho_row *anthropic = find_row(rows, "anthropic"), *openai = find_row(rows, "openai");
    assert_int_equal(anthropic->calls, 10);
    assert_int_equal(anthropic->errors, 6);
    assert_true(anthropic->success_rate == 0.25);
    assert_true(anthropic->availability == 0.5); /* 4 of the 8 that ended */
    assert_int_equal(anthropic->in_flight, 0);
    assert_int_equal(openai->calls, 2);
    assert_true(openai->availability == 0.5);
    assert_null(anthropic->model);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

/* From the series, and from the records of the same calls. */
static void test_availability__is_the_same_from_records(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    ten_calls(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_query query = TACHO_QUERY_INIT;
    query.by = TACHO_BY_PROVIDER;
    query.all_kinds = TACHO_KINDS_ALL;
    for (int i = 0; i < 2; i++) {
        query.since_ns = i * S;
        tacho_rows *rows;
        assert_int_equal(tacho_snapshot_usage(snapshot, &query, &rows), TACHO_OK);
        assert_true(find_row(rows, "anthropic")->availability == 0.5);
        assert_true(rows->totals.availability == 0.5);
        assert_int_equal(rows->totals.in_flight, -1);
        tacho_rows_free(rows);
    }
    tacho_rows *sessions; /* the slots of sessions keep no categories */
    assert_int_equal(tacho_snapshot_sessions(snapshot, &sessions), TACHO_OK);
    assert_true(isnan(sessions->rows[0].availability));
    tacho_rows_free(sessions);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_tables__show_what_is_in_flight(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    tacho_operation first, second, third;
    tacho_series *series = bind(collector, TACHO_KIND_LLM, "ask", "anthropic", NULL);
    tacho_series *tool = bind(collector, TACHO_KIND_TOOL, "grep", NULL, NULL);
    tacho_begin(series, NULL, &first);
    tacho_begin(series, NULL, &second);
    tacho_begin(tool, NULL, &third);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_rows *operations, *tools, *providers, *models;
    assert_int_equal(tacho_snapshot_operations(snapshot, &operations), TACHO_OK);
    assert_int_equal(tacho_snapshot_tools(snapshot, &tools), TACHO_OK);
    assert_int_equal(tacho_snapshot_providers(snapshot, &providers), TACHO_OK);
    assert_int_equal(tacho_snapshot_models(snapshot, &models), TACHO_OK);
    assert_int_equal(operations->rows[0].in_flight, 2);
    assert_int_equal(operations->rows[0].calls, 0);
    assert_true(isnan(operations->rows[0].success_rate));
    assert_true(isnan(operations->rows[0].availability));
    assert_int_equal(tools->rows[0].in_flight, 1);
    assert_int_equal(providers->totals.in_flight, 2);
    assert_int_equal(models->count, 0);
    tacho_rows *const all[] = {operations, tools, providers, models};
    for (size_t i = 0; i < 4; i++) {
        tacho_rows_free(all[i]);
    }
    tacho_snapshot_free(snapshot);
    tacho_end(&first, TACHO_OUTCOME_OK);
    tacho_end(&second, TACHO_OUTCOME_OK);
    tacho_end(&third, TACHO_OUTCOME_OK);
    tacho_series_release(series);
    tacho_series_release(tool);
    tacho_collector_close(collector);
}

static const tacho_row *row_of(const tacho_rows *rows, const char *provider, const char *model, const char *operation) {
    for (size_t i = 0; i < rows->count; i++) {
        const tacho_row *row = &rows->rows[i];
        if (strcmp(row->provider, provider) == 0 && (!model || strcmp(row->model, model) == 0) &&
            (!operation || strcmp(row->operation, operation) == 0)) {
            return row;
        }
    }
    return NULL;
}

static void test_usage__groups_by_several_keys(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    const char *const models[] = {"claude-opus-4-6", "claude-haiku-4-5"}, *const operations[] = {"ask", "sum"};
    for (int i = 0; i < 12; i++) {
        record_at(collector, TACHO_KIND_LLM, operations[i % 2], "anthropic", models[i / 2 % 2], TACHO_OUTCOME_OK,
                  TACHO_CATEGORY_NONE);
    }
    record_at(collector, TACHO_KIND_TOOL, "ask", "openai", "gpt-4o", TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_query query = TACHO_QUERY_INIT;
    query.by = TACHO_BY_PROVIDER;
    query.by_also = TACHO_BY_BIT(TACHO_BY_MODEL) | TACHO_BY_BIT(TACHO_BY_OPERATION);
    query.all_kinds = TACHO_KINDS_CALLS;
    for (int i = 0; i < 2; i++) { /* from the series, then from the records */
        query.since_ns = i * S;
        tacho_rows *rows;
        assert_int_equal(tacho_snapshot_usage(snapshot, &query, &rows), TACHO_OK);
        assert_int_equal(rows->count, 5);
        assert_int_equal(rows->by_also, query.by_also);
        assert_int_equal(row_of(rows, "anthropic", models[0], "ask")->calls, 3);
        assert_int_equal(row_of(rows, "anthropic", models[1], "sum")->calls, 3);
        assert_int_equal(row_of(rows, "openai", "gpt-4o", "ask")->calls, 1); /* a tool that booked usage */
        assert_null(rows->rows[0].kind);
        assert_int_equal(rows->totals.calls, 13);
        tacho_rows_free(rows);
    }
    query.by_also = 1u << TACHO_BY_COUNT;
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &rows), TACHO_INVALID);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_context_limit__is_that_of_the_model(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 1000, 1,
                FINISHED(.usage = &TACHO_USAGE(.input = 500, .output = 1)));
    tacho_price_model model;
    assert_int_equal(tacho_price_model_find(NULL, "anthropic", "claude-opus-4-6", &model), TACHO_OK);
    assert_true(model.context > 0);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_summary *summary;
    tacho_rows *sessions;
    assert_int_equal(tacho_snapshot_summary(snapshot, "s", &summary), TACHO_OK);
    assert_int_equal(summary->context_size, 500);
    assert_int_equal(summary->context_limit, model.context);
    assert_int_equal(tacho_snapshot_sessions(snapshot, &sessions), TACHO_OK);
    assert_int_equal(sessions->rows[0].context_limit, model.context);
    tacho_rows_free(sessions);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_summary__tells_drops_by_cause(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s");
    tacho_series *series = bind(collector, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_end(&op, TACHO_OUTCOME_OK);
    uint64_t ns;
    assert_int_equal(tacho_seconds_to_ns(collector, -1, &ns), TACHO_INVALID);
    tacho_snapshot *snapshot = take_snapshot(collector), *both;
    assert_int_equal(tacho_snapshot_merge(snapshot, snapshot, &both), TACHO_OK);
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_summary(both, NULL, &summary), TACHO_OK);
    int64_t dropped = 0;
    assert_int_equal(summary->drop_count, 2);
    for (uint32_t i = 0; i < summary->drop_count; i++) {
        assert_true(i == 0 || strcmp(summary->drops[i - 1].name, summary->drops[i].name) < 0);
        dropped += summary->drops[i].value;
    }
    assert_int_equal(dropped, 3);
    tacho_summary_free(summary);
    tacho_snapshot_free(both);
    tacho_snapshot_free(snapshot);
    tacho_series_release(series);
    tacho_collector_close(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_providers__have_an_availability),
        cmocka_unit_test(test_availability__is_the_same_from_records),
        cmocka_unit_test(test_tables__show_what_is_in_flight),
        cmocka_unit_test(test_usage__groups_by_several_keys),
        cmocka_unit_test(test_context_limit__is_that_of_the_model),
        cmocka_unit_test(test_summary__tells_drops_by_cause),
    };
    return cmocka_run_group_tests_name("providers", tests, NULL, NULL);
}
