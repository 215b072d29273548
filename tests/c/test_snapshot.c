#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <time.h>

#include "support/fill_collector.h"

static void test_operations__are_all_but_tools(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_collector_close(collector); /* a snapshot stands on its own */
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->by, TACHO_BY_OPERATION);
    assert_int_equal(rows->count, 3);
    const tacho_row *ask = &rows->rows[0];
    assert_string_equal(ask->operation, "ask");
    assert_string_equal(ask->kind, "llm");
    assert_int_equal(ask->calls, 2);
    assert_int_equal(ask->attempts, 3);
    assert_int_equal(ask->total_ns, 6 * S);
    assert_int_equal(ask->avg_ns, 3 * S);
    assert_int_equal(ask->p50_ns, 3 * S);
    assert_int_equal(ask->units[TACHO_UNIT_INPUT], 1210);
    assert_int_equal(ask->units[TACHO_UNIT_CACHE_READ], 21200);
    assert_int_equal(ask->total_tokens, 22850);
    assert_true(ask->tokens_per_second == 440.0 / 6.0);
    const tacho_row *plan = find_row(rows, "plan");
    assert_int_equal(plan->errors, 1);
    assert_true(plan->success_rate == 0.5);
    assert_int_equal(plan->interventions, 1);
    assert_true(plan->cost_pusd == TACHO_COST_UNKNOWN);
    assert_int_equal(plan->total_tokens, -1);
    assert_int_equal(rows->totals.calls, 5);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
}

static void test_tools__have_their_own_table(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_tools(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->count, 2);
    assert_string_equal(rows->rows[0].tool, "grep");
    assert_null(rows->rows[0].operation);
    assert_int_equal(rows->rows[0].calls, 2);
    assert_int_equal(rows->rows[0].min_ns, 250 * MS);
    const tacho_row *edit = find_row(rows, "edit");
    assert_int_equal(edit->timeout, 1);
    assert_true(edit->success_rate == 0.0);
    assert_int_equal(edit->error_type_count, 1);
    assert_string_equal(edit->error_types[0].name, "TimeoutError");
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_models__are_priced_and_say_what_is_not(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_models(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->count, 2);
    const tacho_row *opus = &rows->rows[0];
    assert_string_equal(opus->model, "claude-opus-4-6");
    assert_string_equal(opus->provider, "anthropic");
    /* The first call by the table: 1200 x 5 + 10000 x 0.5 + 340 x 25 USD per million = 0.0195; the second as reported.
     */
    assert_int_equal(opus->cost_pusd, 19500000000 + TACHO_PUSD_PER_USD / 2);
    assert_int_equal(opus->cost_state, TACHO_COST_STATE_REPORTED);
    const tacho_row *other = &rows->rows[1];
    assert_string_equal(other->model, "no-such-model");
    assert_true(other->cost_pusd == TACHO_COST_UNKNOWN);
    assert_int_equal(other->unpriced_calls, 1);
    assert_int_equal(rows->totals.cost_state, TACHO_COST_STATE_PARTIAL);
    assert_int_equal(rows->warning_count, 1);
    assert_string_equal(rows->warnings[0], "1 call of 1 model has no price: no-such-model");
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_sessions__are_exact(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_session *second;
    assert_int_equal(tacho_session_open(collector, "s-two", &second), TACHO_OK);
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 1000, 30,
                FINISHED(.session = second, .usage = &TACHO_USAGE(.input = 180000)));
    tacho_session_end(second);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_sessions(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->count, 2);
    const tacho_row *two = &rows->rows[0]; /* 180,000 x 5 USD per million */
    assert_string_equal(two->session, "s-two");
    assert_int_equal(two->cost_pusd, 900000000000);
    assert_int_equal(two->started_at_ns, (NOON + 29) * S);
    assert_int_equal(two->ended_at_ns, (NOON + 30) * S);
    const tacho_row *one = &rows->rows[1];
    assert_string_equal(one->session, "s-one");
    assert_int_equal(one->calls, 8);
    assert_int_equal(one->steps, 2);
    assert_int_equal(one->tool_calls, 3);
    assert_int_equal(one->errors, 2);
    assert_int_equal(one->started_at_ns, (NOON + 1) * S);
    assert_int_equal(one->ended_at_ns, (NOON + 20) * S);
    assert_int_equal(rows->totals.calls, 9);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_usage__answers_from_series_and_from_records_alike(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_query query = TACHO_QUERY_INIT;
    tacho_rows *exact, *of_records;
    assert_int_equal(tacho_snapshot_usage(snapshot, NULL, &exact), TACHO_OK);
    query.since_ns = 1; /* a time range: answered from the records */
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &of_records), TACHO_OK);
    assert_int_equal(exact->count, of_records->count);
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    for (size_t row = 0; row < exact->count; row++) {
        assert_string_equal(exact->rows[row].model, of_records->rows[row].model);
        for (size_t i = 0; i < count; i++) {
            bool of_time = strcmp(fields[i].name, "started_at") == 0 || strcmp(fields[i].name, "ended_at") == 0;
            bool compared = fields[i].type != TACHO_FIELD_TEXT && fields[i].type != TACHO_FIELD_NAMED;
            bool of_windows = strncmp(fields[i].name, "recent_", 7) == 0; /* which records are left is chance */
            if (compared && !of_time && !of_windows) {
                assert_memory_equal((const char *)&exact->rows[row] + fields[i].offset,
                                    (const char *)&of_records->rows[row] + fields[i].offset, 4);
            }
        }
    }
    tacho_rows_free(exact);
    tacho_rows_free(of_records);
    query = (tacho_query)TACHO_QUERY_INIT;
    query.by = TACHO_BY_DAY;
    query.session = "s-on"; /* a unique prefix */
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &exact), TACHO_OK);
    assert_int_equal(exact->count, 1);
    assert_string_equal(exact->rows[0].day, "2025-11-30");
    assert_int_equal(exact->totals.calls, 3);
    tacho_rows_free(exact);
    query.session = "s-o";
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &exact), TACHO_INVALID);
    query.session = "nobody";
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &exact), TACHO_NOT_FOUND);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_records__are_whole_and_in_order(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    const tacho_component parts[] = {{"vector_search", 300000000}, {"llm_inference", 1500000000}};
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 2000, 3,
                FINISHED(.outcome = TACHO_OUTCOME_ERROR, .category = TACHO_CATEGORY_RATE_LIMIT, .error_type = "Slow",
                         .retries = 2, .usage = &TACHO_USAGE(.input = 12, .output = 5), .components = parts,
                         .component_count = 2, .first_token_ns = 400000000, .context_size = 17));
    record_call(collector, TACHO_KIND_TOOL, "grep", NULL, -1, 1, PLAIN);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_records *records;
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    assert_int_equal(records->count, 2);
    assert_int_equal(records->lost, 0);
    const tacho_record_view *tool = &records->records[0], *ask = &records->records[1];
    assert_string_equal(tool->tool, "grep");
    assert_int_equal(tool->duration_ns, -1);
    assert_int_equal(tool->present, 0);
    assert_int_equal(strlen(ask->id), 16);
    assert_int_equal(strlen(ask->trace_id), 32);
    assert_null(ask->parent_id);
    assert_string_equal(ask->session, "s-one");
    assert_string_equal(ask->outcome, "error");
    assert_string_equal(ask->error_category, "rate_limit");
    assert_string_equal(ask->error_type, "Slow");
    assert_string_equal(ask->model, "claude-opus-4-6");
    assert_string_equal(ask->provider, "anthropic");
    assert_int_equal(ask->duration_ns, 2 * S);
    assert_int_equal(ask->started_at_ns, (NOON + 1) * S);
    assert_int_equal(ask->ended_at_ns, (NOON + 3) * S);
    assert_int_equal(ask->first_token_ns, 400 * MS);
    assert_int_equal(ask->total_tokens, 17);
    assert_int_equal(ask->error_count, 3);
    assert_int_equal(ask->context_size, 17);
    assert_int_equal(ask->cost_pusd, 185000000); /* 12 x 5 + 5 x 25 USD per million */
    assert_int_equal(ask->cost_state, TACHO_COST_STATE_EXACT);
    assert_int_equal(ask->component_count, 2);
    assert_string_equal(ask->components[1].name, "llm_inference");
    assert_int_equal(ask->components[1].value, 1500 * MS);
    tacho_records_free(records);
    tacho_query query = TACHO_QUERY_INIT;
    query.tool = "grep";
    assert_int_equal(tacho_snapshot_records(snapshot, &query, &records), TACHO_OK);
    assert_int_equal(records->count, 1);
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_slowest__are_those_of_all_kinds(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    for (int i = 0; i < 5000; i++) { /* the ring forgets, the slowest do not */
        record_call(collector, TACHO_KIND_TOOL, "grep", NULL, 1, 100, PLAIN);
    }
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_records *slowest;
    assert_int_equal(tacho_snapshot_slowest(snapshot, 3, &slowest), TACHO_OK);
    assert_int_equal(slowest->count, 3);
    assert_int_equal(slowest->records[0].duration_ns, 6 * S);
    assert_string_equal(slowest->records[0].operation, "plan");
    assert_int_equal(slowest->records[1].duration_ns, 4 * S);
    assert_int_equal(slowest->records[2].duration_ns, 3 * S);
    tacho_records_free(slowest);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

/* 5,008 operations against a ring of 1,024: sessions and models stay exact, days carry a rest that makes them add up.
 */
static void test_lost_records__leave_totals_exact(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    for (int i = 0; i < 5000; i++) {
        record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 1, i,
                    FINISHED(.usage = &TACHO_USAGE(.input = 1)));
    }
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_records *records;
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    assert_true(records->lost > 0);
    assert_int_equal(records->count + records->lost, 5000);
    tacho_query query = TACHO_QUERY_INIT;
    query.by = TACHO_BY_DAY;
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 5000);
    assert_int_equal(rows->totals.units[TACHO_UNIT_INPUT], 5000);
    assert_int_equal(rows->totals.cost_pusd, 5000 * INT64_C(5000000));
    assert_int_equal(rows->count, 2);
    assert_null(rows->rows[1].day);
    assert_int_equal(rows->rows[1].calls, records->lost);
    assert_non_null(strstr(rows->warnings[0], "records were overwritten before they were read"));
    tacho_rows_free(rows);
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_summary(snapshot, "s-one", &summary), TACHO_OK);
    assert_int_equal(summary->model_calls, 5000);
    assert_int_equal(summary->total_tokens, 5000);
    assert_int_equal(summary->records_lost, records->lost);
    assert_int_equal(summary->models->totals.calls, 5000);
    assert_int_equal(summary->models->totals.cost_pusd, summary->total_cost_pusd);
    tacho_summary_free(summary);
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_reset__starts_over(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *before = take_snapshot(collector);
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    record_call(collector, TACHO_KIND_TOOL, "grep", NULL, 5, 50, PLAIN);
    tacho_snapshot *after = take_snapshot(collector);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_tools(after, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 1);
    tacho_rows_free(rows);
    tacho_snapshot *both; /* two generations are two sources */
    assert_int_equal(tacho_snapshot_merge(before, after, &both), TACHO_OK);
    assert_int_equal(tacho_snapshot_tools(both, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 4);
    tacho_rows_free(rows);
    tacho_snapshot_free(both);
    tacho_snapshot_free(before);
    tacho_snapshot_free(after);
    tacho_collector_close(collector);
}

static void test_merge__takes_the_later_part_of_a_segment(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one"), *other = open_collector("s-one");
    fill_collector(collector);
    fill_collector(other);
    tacho_snapshot *early = take_snapshot(collector);
    record_call(collector, TACHO_KIND_TOOL, "grep", NULL, 5, 50, PLAIN);
    tacho_snapshot *late = take_snapshot(collector), *second = take_snapshot(other), *merged, *all;
    assert_int_equal(tacho_snapshot_merge(late, early, &merged), TACHO_OK);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_tools(merged, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 4);
    tacho_rows_free(rows);
    assert_int_equal(tacho_snapshot_merge(merged, second, &all), TACHO_OK); /* another segment adds up exactly */
    assert_int_equal(tacho_snapshot_tools(all, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 7);
    assert_int_equal(rows->totals.total_ns, 2205 * MS);
    tacho_rows_free(rows);
    assert_int_equal(tacho_snapshot_sessions(all, &rows), TACHO_OK);
    assert_int_equal(rows->count, 1); /* the same id in several processes is one session (semantics 4) */
    assert_int_equal(rows->rows[0].calls, 17);
    tacho_rows_free(rows);
    tacho_snapshot *const snapshots[] = {early, late, second, merged, all};
    for (size_t i = 0; i < 5; i++) {
        tacho_snapshot_free(snapshots[i]);
    }
    tacho_collector_close(collector);
    tacho_collector_close(other);
}

static void test_snapshot__of_the_disabled_mode_is_empty(void **state) {
    (void)state;
    tacho_snapshot *snapshot = take_snapshot(NULL);
    tacho_rows *rows;
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->count, 0);
    tacho_rows_free(rows);
    assert_int_equal(tacho_snapshot_summary(snapshot, NULL, &summary), TACHO_OK);
    assert_int_equal(summary->total_operations, 0);
    assert_int_equal(summary->total_ns, -1);
    assert_true(isnan(summary->success_rate));
    tacho_summary_free(summary);
    assert_int_equal(tacho_snapshot_summary(snapshot, "nobody", &summary), TACHO_NOT_FOUND);
    assert_ptr_equal(tacho_snapshot_retain(snapshot), snapshot);
    tacho_snapshot_free(snapshot);
    tacho_snapshot_free(snapshot);
    tacho_snapshot_free(NULL);
}

static void test_readers__refuse_null(void **state) {
    (void)state;
    tacho_snapshot *snapshot = NULL, *none = (tacho_snapshot *)&snapshot;
    tacho_rows *rows = (tacho_rows *)&snapshot;
    tacho_records *records = (tacho_records *)&snapshot;
    tacho_summary *summary = (tacho_summary *)&snapshot;
    assert_int_equal(tacho_snapshot_take(NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_take_process(NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_take(NULL, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_operations(snapshot, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_tools(snapshot, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_models(snapshot, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_sessions(snapshot, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_usage(snapshot, NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_slowest(snapshot, 3, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_summary(snapshot, NULL, NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_operations(NULL, &rows), TACHO_INVALID);
    assert_null(rows);
    assert_int_equal(tacho_snapshot_records(NULL, NULL, &records), TACHO_INVALID);
    assert_null(records);
    assert_int_equal(tacho_snapshot_summary(NULL, NULL, &summary), TACHO_INVALID);
    assert_null(summary);
    assert_int_equal(tacho_save(NULL, "never-made.json"), TACHO_INVALID);
    assert_int_equal(tacho_save(snapshot, NULL), TACHO_INVALID);
    assert_int_equal(tacho_load(NULL, &none), TACHO_INVALID);
    assert_null(none);
    assert_int_equal(tacho_load("never-made.json", NULL), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_decode("", 0, NULL), TACHO_INVALID);
    tacho_snapshot_free(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations__are_all_but_tools),
        cmocka_unit_test(test_tools__have_their_own_table),
        cmocka_unit_test(test_models__are_priced_and_say_what_is_not),
        cmocka_unit_test(test_sessions__are_exact),
        cmocka_unit_test(test_usage__answers_from_series_and_from_records_alike),
        cmocka_unit_test(test_records__are_whole_and_in_order),
        cmocka_unit_test(test_slowest__are_those_of_all_kinds),
        cmocka_unit_test(test_lost_records__leave_totals_exact),
        cmocka_unit_test(test_reset__starts_over),
        cmocka_unit_test(test_merge__takes_the_later_part_of_a_segment),
        cmocka_unit_test(test_snapshot__of_the_disabled_mode_is_empty),
        cmocka_unit_test(test_readers__refuse_null),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
