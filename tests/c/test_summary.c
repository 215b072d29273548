#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/text_width.h"
#include "snapshot/digest.h"
#include "support/capture.h"
#include "support/fill_collector.h"

static tacho_summary *summary_of(const tacho_snapshot *snapshot, const char *session) {
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_summary(snapshot, session, &summary), TACHO_OK);
    return summary;
}

/* The figures of fill_collector() by hand. */
static void check_filled(const tacho_summary *summary) {
    assert_int_equal(summary->total_operations, 5);
    assert_int_equal(summary->successful_operations, 4);
    assert_int_equal(summary->failed_operations, 1);
    assert_int_equal(summary->total_steps, 2);
    assert_int_equal(summary->total_tool_calls, 3);
    assert_int_equal(summary->model_calls, 3);
    assert_int_equal(summary->started_at_ns, (NOON + 1) * S);
    assert_int_equal(summary->ended_at_ns, (NOON + 20) * S);
    assert_int_equal(summary->total_ns, 19 * S);
    assert_int_equal(summary->avg_step_ns, 4500 * MS);
    assert_int_equal(summary->total_tokens, 22860);
    assert_int_equal(summary->total_input_tokens, 22417);
    assert_int_equal(summary->total_output_tokens, 443);
    assert_int_equal(summary->units[TACHO_UNIT_CACHE_READ], 21200);
    assert_int_equal(summary->total_cost_pusd, 519500000000);
    assert_int_equal(summary->cost_state, TACHO_COST_STATE_PARTIAL);
    assert_int_equal(summary->unpriced_calls, 1);
    assert_true(summary->success_rate == 0.5); /* of the steps */
    assert_int_equal(summary->retries, 1);
    assert_int_equal(summary->interventions, 1);
    assert_true(summary->intervention_rate == 0.5);
    assert_true(summary->cache_hit_rate == 21200.0 / 22417.0);
    assert_string_equal(summary->most_used_tool, "grep");
    assert_string_equal(summary->least_used_tool, "edit");
    assert_int_equal(summary->records_lost, 0);
    assert_int_equal(summary->usage_absent, 0);
    assert_int_equal(summary->low_confidence_calls, 0);
    assert_non_null(summary->price_table);
    assert_int_equal(summary->tools->totals.calls, 3);
    assert_int_equal(summary->models->totals.calls, 3);
    assert_int_equal(summary->models->totals.cost_pusd, summary->total_cost_pusd);
    assert_int_equal(summary->slowest->count, 5);
    assert_string_equal(summary->slowest->records[0].operation, "plan");
    assert_int_equal(summary->slowest->records[0].duration_ns, 6 * S);
}

static void test_summary__of_the_process(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_summary *summary = summary_of(snapshot, NULL);
    assert_null(summary->session);
    check_filled(summary);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_summary__of_one_session_leaves_the_others_out(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_session *second;
    assert_int_equal(tacho_session_open(collector, "other", &second), TACHO_OK);
    record_call(collector, TACHO_KIND_TOOL, "sed", NULL, 90000, 500, FINISHED(.session = second));
    tacho_session_end(second);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_summary *summary = summary_of(snapshot, "s-on");
    assert_string_equal(summary->session, "s-one");
    check_filled(summary);
    tacho_summary_free(summary);
    summary = summary_of(snapshot, "other");
    assert_int_equal(summary->total_operations, 0);
    assert_int_equal(summary->total_tool_calls, 1);
    assert_string_equal(summary->most_used_tool, "sed");
    assert_true(isnan(summary->success_rate));
    assert_int_equal(summary->total_tokens, -1);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

/* The records of a session give the same summary as its slot: history shows what the live process showed. */
static void test_summary__from_records_alone_is_the_same(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_records *records;
    tacho__digest *digest;
    tacho_summary *summary, *live = summary_of(snapshot, "s-one");
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    assert_int_equal(tacho__digest_create(&digest), TACHO_OK);
    for (size_t i = 0; i < records->count; i++) {
        assert_int_equal(tacho__digest_add(digest, &records->records[i]), TACHO_OK);
    }
    const tacho__digest_facts facts = {.session = "s-one", .price_table = live->price_table};
    assert_int_equal(tacho__digest_finish(digest, &facts, &summary), TACHO_OK);
    check_filled(summary);
    capture of_slot = {0}, of_records = {0};
    assert_int_equal(tacho_write_summary(live, TACHO_FORMAT_JSON, NULL, capture_sink, &of_slot), TACHO_OK);
    assert_int_equal(tacho_write_summary(summary, TACHO_FORMAT_JSON, NULL, capture_sink, &of_records), TACHO_OK);
    assert_string_equal(capture_text(&of_slot), capture_text(&of_records));
    capture_free(&of_slot);
    capture_free(&of_records);
    tacho_summary_free(summary);
    tacho_summary_free(live);
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_digest__derives_context_from_prompts(void **state) {
    (void)state;
    static const int64_t prompts[] = {100, 900, 400, 500}; /* 900 to 400: less than half is left */
    tacho__digest *digest;
    tacho_summary *summary;
    assert_int_equal(tacho__digest_create(&digest), TACHO_OK);
    for (size_t i = 4; i-- > 0;) { /* in any order */
        tacho_record_view record = make_record("llm", "ask");
        set_usage(&record, 10, prompts[i] - 10, 5);
        set_time(&record, S, (int64_t)(i + 1) * 10 * S);
        assert_int_equal(tacho__digest_add(digest, &record), TACHO_OK);
    }
    const tacho__digest_facts facts = {0};
    assert_int_equal(tacho__digest_finish(digest, &facts, &summary), TACHO_OK);
    assert_int_equal(summary->context_size, 500);
    assert_int_equal(summary->max_context_size, 900);
    assert_int_equal(summary->compressions, 1);
    tacho_summary_free(summary);
}

static void test_digest__of_calls_without_usage_knows_no_tokens(void **state) {
    (void)state;
    tacho__digest *digest;
    tacho_summary *summary;
    tacho_record_view record = make_record("llm", "ask");
    assert_int_equal(tacho__digest_create(&digest), TACHO_OK);
    assert_int_equal(tacho__digest_add(digest, &record), TACHO_OK);
    const tacho__digest_facts facts = {.records_lost = 3};
    assert_int_equal(tacho__digest_finish(digest, &facts, &summary), TACHO_OK);
    assert_int_equal(summary->usage_absent, 1);
    assert_int_equal(summary->total_tokens, -1);
    assert_true(summary->total_cost_pusd == TACHO_COST_UNKNOWN);
    assert_int_equal(summary->unpriced_calls, 0);
    assert_int_equal(summary->context_size, -1);
    assert_true(isnan(summary->cache_hit_rate));
    assert_int_equal(summary->records_lost, 3);
    assert_true(summary->success_rate == 1.0); /* without steps: of the operations */
    tacho_summary_free(summary);
}

/* --------------------------------------------------------------------------------------------------------- the screen
 */

static void test_summary_text__is_what_people_read(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_summary *summary = summary_of(snapshot, "s-one");
    summary->price_table = "2026-11-21";
    capture out = {0};
    assert_int_equal(tacho_write_summary(summary, TACHO_FORMAT_TEXT, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out),
                        "Session s-one\n"
                        "2025-11-30 12:00 to 12:00 UTC, 19.0 s\n"
                        "  Cost      $0.5195+ (at least), $0.2598 per step\n"
                        "  Tokens    22,860 in all, 22,417 in, 95 % of it from cache, 443 out\n"
                        "  Calls     2 steps, 3 model calls, 3 tool calls, 5 operations,\n"
                        "            50 % success of steps, 1 failed, 1 retry\n"
                        "  Steps     4.50 s on average\n"
                        "  Context   7 tokens now, 11k at most, <0.1 % of a limit of 1.0M, 1 compaction\n"
                        "  Human     1 intervention, 50 % of the steps\n"
                        "\n"
                        "  MODEL            CALLS     P50     P95  INPUT  FROM CACHE  OUTPUT      COST\n"
                        "  claude-opus-4-6      2  3.00 s  3.90 s  1,210      21,200     440   $0.5195\n"
                        "  no-such-model        1  1.00 s  1.00 s      7           0       3         -\n"
                        "  ---------------------------------------------------------------------------\n"
                        "  TOTAL                3  1.96 s  3.80 s  1,217      21,200     443  $0.5195+\n"
                        "\n"
                        "  TOOL   CALLS  FAIL     P50     P95    TIME\n"
                        "  grep       2     0  500 ms  725 ms  1.00 s\n"
                        "  edit       1     1  100 ms  100 ms  100 ms\n"
                        "  ------------------------------------------\n"
                        "  TOTAL      3     1  245 ms  699 ms  1.10 s\n"
                        "\n"
                        "  SLOWEST  KIND    TIME  OUTCOME\n"
                        "  plan     step  6.00 s  ok\n"
                        "  ask      llm   4.00 s  ok\n"
                        "  plan     step  3.00 s  error\n"
                        "  ask      llm   2.00 s  ok\n"
                        "  guess    llm   1.00 s  ok\n"
                        "\n"
                        "Prices of 2026-11-21, 1 call without a price\n");
    capture_free(&out);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_summary_text__fits_its_width_and_is_plain_without_a_terminal(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_summary *summary = summary_of(snapshot, "s-one");
    for (uint32_t width = 60; width <= 100; width += 5) {
        tacho_style style = TACHO_STYLE_INIT;
        style.width = width;
        capture out = {0};
        assert_int_equal(tacho_write_summary(summary, TACHO_FORMAT_TABLE, &style, capture_sink, &out), TACHO_OK);
        assert_null(strchr(capture_text(&out), '\033'));
        char *text = (char *)(uintptr_t)capture_text(&out);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            assert_true(tacho__text_width(line) <= width);
        }
        capture_free(&out);
    }
    tacho_style style = TACHO_STYLE_INIT;
    style.color = 1;
    capture out = {0};
    assert_int_equal(tacho_write_summary(summary, TACHO_FORMAT_TABLE, &style, capture_sink, &out), TACHO_OK);
    assert_non_null(strstr(capture_text(&out), "\033[1mSession \033[0m"));
    capture_free(&out);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_summary_text__says_when_there_is_nothing(void **state) {
    (void)state;
    tacho_snapshot *snapshot = take_snapshot(NULL);
    tacho_summary *summary = summary_of(snapshot, NULL);
    capture out = {0};
    assert_int_equal(tacho_write_summary(summary, TACHO_FORMAT_TEXT, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out), "All sessions since the start\nNothing was recorded yet.\n");
    capture_free(&out);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary__of_the_process),
        cmocka_unit_test(test_summary__of_one_session_leaves_the_others_out),
        cmocka_unit_test(test_summary__from_records_alone_is_the_same),
        cmocka_unit_test(test_digest__derives_context_from_prompts),
        cmocka_unit_test(test_digest__of_calls_without_usage_knows_no_tokens),
        cmocka_unit_test(test_summary_text__is_what_people_read),
        cmocka_unit_test(test_summary_text__fits_its_width_and_is_plain_without_a_terminal),
        cmocka_unit_test(test_summary_text__says_when_there_is_nothing),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
