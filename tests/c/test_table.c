#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "codec/people.h"
#include "codec/text_table.h"
#include "codec/text_width.h"
#include "snapshot/record_list.h"
#include "snapshot/table.h"
#include "support/capture.h"
#include "support/make_record.h"

static void shows(const char *actual, const char *expected) {
    assert_string_equal(actual, expected);
}

static void test_people__times_choose_their_unit(void **state) {
    (void)state;
    char out[TACHO__PEOPLE_TEXT];
    shows(tacho__people_time(-1, out), "-");
    shows(tacho__people_time(0, out), "0 ns");
    shows(tacho__people_time(999, out), "999 ns");
    shows(tacho__people_time(1500, out), "1.50 us");
    shows(tacho__people_time(12345678, out), "12.3 ms");
    shows(tacho__people_time(999499999, out), "999 ms");
    shows(tacho__people_time(999500000, out), "1.00 s");
    shows(tacho__people_time(2340 * MS, out), "2.34 s");
    shows(tacho__people_time(9994999999, out), "9.99 s");
    shows(tacho__people_time(9996000000, out), "10.0 s");
    shows(tacho__people_time(59949999999, out), "59.9 s");
    shows(tacho__people_time(59950000000, out), "1m 00s");
    shows(tacho__people_time(1025 * S, out), "17m 05s");
    shows(tacho__people_time(7500 * S, out), "2h 05m");
    shows(tacho__people_time(273600 * S, out), "3d 04h");
    assert_true(strlen(tacho__people_time(INT64_MAX, out)) < TACHO__PEOPLE_TEXT);
}

static void test_people__money_has_four_decimals_below_ten_dollars(void **state) {
    (void)state;
    char out[TACHO__PEOPLE_TEXT];
    const tacho_cost_state exact = TACHO_COST_STATE_EXACT;
    shows(tacho__people_cost(TACHO_COST_UNKNOWN, TACHO_COST_STATE_UNKNOWN, out), "-");
    shows(tacho__people_cost(0, TACHO_COST_STATE_FREE, out), "$0.0000");
    shows(tacho__people_cost(1, exact, out), "<$0.0001");
    shows(tacho__people_cost(50000001, exact, out), "$0.0001");
    shows(tacho__people_cost(1842650000000, exact, out), "$1.8426"); /* half to even */
    shows(tacho__people_cost(1842750000000, exact, out), "$1.8428");
    shows(tacho__people_cost(9999949999999, exact, out), "$9.9999");
    shows(tacho__people_cost(9999950000001, exact, out), "$10.00");
    shows(tacho__people_cost(24818943200000, exact, out), "$24.82");
    shows(tacho__people_cost(1234567 * USD, exact, out), "$1,234,567.00");
    shows(tacho__people_cost(2 * USD, TACHO_COST_STATE_PARTIAL, out), "$2.0000+");
    shows(tacho__people_cost(-2 * USD, exact, out), "-$2.0000");
    assert_true(strlen(tacho__people_cost(INT64_MAX, exact, out)) < TACHO__PEOPLE_TEXT);
}

static void test_people__parts_are_whole_only_when_they_are(void **state) {
    (void)state;
    char out[TACHO__PEOPLE_TEXT];
    shows(tacho__people_part((double)NAN, out), "-");
    shows(tacho__people_part(0.0, out), "0 %");
    shows(tacho__people_part(1.0, out), "100 %");
    shows(tacho__people_part(0.9999, out), "99.9 %");
    shows(tacho__people_part(0.0001, out), "<0.1 %");
    shows(tacho__people_part(0.034, out), "3.4 %");
    shows(tacho__people_part(0.834, out), "83 %");
    shows(tacho__people_count(-1, out), "-");
    shows(tacho__people_count(1204118, out), "1,204,118");
    shows(tacho__people_count(999, out), "999");
    shows(tacho__people_short(141400, out), "141k");
    shows(tacho__people_short(1400, out), "1.4k");
    shows(tacho__people_short(1250000, out), "1.2M");
}

static int32_t west(void *context, int64_t unix_seconds) {
    (void)context;
    (void)unix_seconds;
    return -3600;
}

static void test_people__instants_are_those_of_the_zone(void **state) {
    (void)state;
    char out[TACHO__PEOPLE_TEXT];
    tacho_zone zone = {sizeof zone, 0, "Atlantic/Azores", west, NULL};
    shows(tacho__people_instant(0, NULL, 0, out), "-");
    shows(tacho__people_instant(INT64_C(1763676000) * S, NULL, 0, out), "2025-11-20 22:00");
    shows(tacho__people_instant(INT64_C(1763676031) * S, &zone, 1, out), "2025-11-20 21:00:31");
    tacho__people_instant(INT64_MIN, &zone, 0, out); /* harmless */
    tacho__people_instant(INT64_MAX, &zone, 0, out);
    shows(tacho__people_zone(&zone), "Atlantic/Azores");
    shows(tacho__people_zone(NULL), "UTC");
}

static void test_text_width__counts_columns(void **state) {
    (void)state;
    assert_int_equal(tacho__text_width("plain"), 5);
    assert_int_equal(tacho__text_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4); /* two wide characters */
    assert_int_equal(tacho__text_width("e\xCC\x81"), 1);                /* a combining accent */
    assert_int_equal(tacho__text_width("\xF0\x9F\x98\x80"), 2);         /* an emoji */
    assert_int_equal(tacho__text_width("a\033[31mb"), 6);               /* without its escape character */
}

static void test_text_show__leaves_out_what_may_not_reach_a_terminal(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__text_show(&out,
                     "a\033[31m\x07\xE2\x80\xAE"
                     "b\xC3\xA9",
                     false);
    assert_string_equal(tacho__buffer_text(&out), "a[31m\xEF\xBF\xBD"
                                                  "b\xC3\xA9");
    tacho__buffer_clear(&out);
    tacho__text_show(&out, "caf\xC3\xA9", true);
    assert_string_equal(tacho__buffer_text(&out), "caf?");
    tacho__buffer_free(&out);
}

/* Two rows and a total: NAME 5 wide, CALLS, TOKENS (leaves first), COST. */
static void example(tacho__text_table *table) {
    static const char *const cells[3][4] = {
        {"alpha", "12", "1,204,118", "$1.50"}, {"b", "3", "-", "-"}, {"TOTAL", "15", "1,204,118", "$1.50"}};
    tacho__text_table_begin(table);
    tacho__text_column_add(table, (tacho__text_column){.title = "NAME"});
    tacho__text_column_add(table, (tacho__text_column){.title = "CALLS", .right = true});
    tacho__text_column_add(table, (tacho__text_column){.title = "TOKENS", .right = true, .rank = 1});
    tacho__text_column_add(table, (tacho__text_column){.title = "COST", .right = true});
    for (size_t row = 0; row < 3; row++) {
        if (row == 2) {
            tacho__text_footer(table);
        }
        tacho__text_row(table);
        for (size_t column = 0; column < 4; column++) {
            tacho__text_cell(table, column, cells[row][column]);
        }
    }
}

static void lays_out(uint32_t width, const char *expected) {
    tacho__text_table table;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__text_layout layout = {.width = width};
    example(&table);
    assert_int_equal(tacho__text_table_write(&table, &layout, &out), TACHO_OK);
    assert_string_equal(tacho__buffer_text(&out), expected);
    tacho__buffer_free(&out);
    tacho__text_table_free(&table);
}

static void test_text_table__drops_columns_then_stacks_and_cuts_nothing(void **state) {
    (void)state;
    const char *const whole = "NAME   CALLS     TOKENS   COST\n"
                              "alpha     12  1,204,118  $1.50\n"
                              "b          3          -      -\n"
                              "------------------------------\n"
                              "TOTAL     15  1,204,118  $1.50\n";
    const char *const narrow = "NAME   CALLS   COST\n"
                               "alpha     12  $1.50\n"
                               "b          3      -\n"
                               "-------------------\n"
                               "TOTAL     15  $1.50\n";
    lays_out(0, whole);
    lays_out(30, whole);
    lays_out(29, narrow);
    lays_out(19, narrow);
    lays_out(18, "alpha\n  CALLS   12\n  TOKENS  1,204,118\n  COST    $1.50\n"
                 "b\n  CALLS   3\n  TOKENS  -\n  COST    -\n"
                 "TOTAL\n  CALLS   15\n  TOKENS  1,204,118\n  COST    $1.50\n");
}

static void test_text_table__aligns_by_width_and_colours_failures(void **state) {
    (void)state;
    tacho__text_table table;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__text_layout layout = {.width = 80, .color = true};
    tacho__text_table_begin(&table);
    tacho__text_column_add(&table, (tacho__text_column){.title = "N"});
    tacho__text_column_add(&table, (tacho__text_column){.title = "FAIL", .right = true, .red = true});
    tacho__text_row(&table);
    tacho__text_cell(&table, 0, "\xE6\x97\xA5");
    tacho__text_cell(&table, 1, "3");
    tacho__text_row(&table);
    tacho__text_cell(&table, 0, "a");
    tacho__text_cell(&table, 1, "0");
    assert_int_equal(tacho__text_table_write(&table, &layout, &out), TACHO_OK);
    assert_string_equal(tacho__buffer_text(&out), "\033[1mN\033[0m   \033[1mFAIL\033[0m\n"
                                                  "\xE6\x97\xA5     \033[31m3\033[0m\n"
                                                  "a      0\n");
    tacho__buffer_free(&out);
    tacho__text_table_free(&table);
}

static tacho_rows *two_models(void) {
    tacho_record_view records[2] = {make_record("llm", "a"), make_record("llm", "b")};
    tacho__table *table;
    tacho_rows *rows;
    records[0].model = "claude-sonnet-4-5-20250929";
    set_usage(&records[0], 1234567, 31802050, 81085);
    set_cost(&records[0], 24460070500000, TACHO_COST_STATE_EXACT);
    records[0].duration_ns = -1;
    records[1].model = "m";
    records[1].duration_ns = -1;
    set_usage(&records[1], 5, 0, 1);
    assert_int_equal(tacho__table_create(NULL, &table), TACHO_OK);
    tacho__table_add(table, &records[0]);
    tacho__table_add(table, &records[1]);
    assert_int_equal(tacho__table_finish(table, &rows), TACHO_OK);
    return rows;
}

static void test_rows_text__shows_only_what_tells_something(void **state) {
    (void)state;
    tacho_rows *rows = two_models();
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_PLAIN, NULL, NULL, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(
        capture_text(&out),
        "MODEL                       CALLS      INPUT  FROM CACHE  OUTPUT      TOKENS     COST  SHARE\n"
        "claude-sonnet-4-5-20250929      1  1,234,567  31,802,050  81,085  33,117,702   $24.46  100 %\n"
        "m                               1          5           0       1           6        -      -\n"
        "--------------------------------------------------------------------------------------------\n"
        "TOTAL                           2  1,234,572  31,802,050  81,086  33,117,708  $24.46+  100 %\n");
    capture_free(&out);
    tacho_rows_free(rows);
}

/* No line is wider than asked for, whatever the width, and every figure of the rows is there whole. */
static void test_rows_text__fits_every_width(void **state) {
    (void)state;
    tacho_rows *rows = two_models();
    for (uint32_t width = 44; width <= 130; width++) {
        tacho_style style = TACHO_STYLE_INIT;
        style.width = width;
        capture out = {0};
        assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_TABLE, NULL, NULL, &style, capture_sink, &out), TACHO_OK);
        char *text = (char *)(uintptr_t)capture_text(&out);
        assert_non_null(strstr(text, "$24.46"));
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            assert_true(tacho__text_width(line) <= width);
        }
        capture_free(&out);
    }
    tacho_rows_free(rows);
}

static void test_rows_text__chosen_columns_are_all_shown(void **state) {
    (void)state;
    static const char *const columns[] = {"model", "calls", "cost_usd", "cost_state", NULL};
    tacho_rows *rows = two_models();
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_PLAIN, NULL, columns, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out), "MODEL                       CALLS  COST USD  COST STATE\n"
                                            "claude-sonnet-4-5-20250929      1    $24.46  exact\n"
                                            "m                               1         -  unknown\n"
                                            "-------------------------------------------------------\n"
                                            "TOTAL                           2    $24.46  partial\n");
    capture_free(&out);
    tacho_rows_free(rows);
}

static void test_records_text__is_a_tree(void **state) {
    (void)state;
    tacho_record_view records[4] = {make_record("step", "plan"), make_record("agent", "helper"),
                                    make_record("tool", "grep"), make_record("step", "loop")};
    records[0].id = "a";
    set_time(&records[0], 9 * S, 10 * S);
    records[1].id = "b";
    records[1].parent_id = "a";
    set_time(&records[1], 5 * S, 8 * S);
    records[2].id = "c";
    records[2].parent_id = "b";
    records[2].outcome = "timeout";
    records[2].error_type = "TimeoutError";
    records[2].retries = 2;
    set_time(&records[2], 2 * S, 6 * S);
    records[3].id = "d";
    records[3].parent_id = "d"; /* its own parent: a root */
    set_time(&records[3], S, 20 * S);
    tacho__record_list *list = tacho__record_list_new(TACHO__RECORDS_BY_END, 0);
    tacho_records *all;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tacho__record_list_add(list, &records[i]), TACHO_OK);
    }
    assert_int_equal(tacho__record_list_finish(list, 0, &all), TACHO_OK);
    capture out = {0};
    assert_int_equal(tacho_write_records(all, TACHO_FORMAT_PLAIN, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out),
                        "OPERATION           BEGIN    TIME  OUTCOME                            TOKENS  COST  MODEL\n"
                        "plan             00:00:01  9.00 s  ok                                      -     -\n"
                        "  agent: helper  00:00:03  5.00 s  ok                                      -     -\n"
                        "    tool: grep   00:00:04  2.00 s  timeout: TimeoutError (2 retries)       -     -\n"
                        "loop             00:00:19  1.00 s  ok                                      -     -\n");
    capture_free(&out);
    tacho_records_free(all);
}

static void test_record_list__keeps_the_best_and_sorts(void **state) {
    (void)state;
    tacho__record_list *list = tacho__record_list_new(TACHO__RECORDS_BY_DURATION, 3);
    tacho_records *all;
    for (int64_t i = 0; i < 1000; i++) {
        tacho_record_view record = make_record("llm", "x");
        set_time(&record, (i * 7919) % 1000 * MS, i * S); /* every duration from 0 to 999 ms once */
        assert_int_equal(tacho__record_list_add(list, &record), TACHO_OK);
    }
    assert_int_equal(tacho__record_list_finish(list, 0, &all), TACHO_OK);
    assert_int_equal(all->count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(all->records[i].duration_ns, (999 - (int64_t)i) * MS);
    }
    tacho_records_free(all);
    list = tacho__record_list_new(TACHO__RECORDS_BY_END, 2); /* the newest two, oldest first */
    for (int64_t i = 1; i <= 500; i++) {
        tacho_record_view record = make_record("llm", "x");
        set_time(&record, S, (i * 211) % 503 * S);
        assert_int_equal(tacho__record_list_add(list, &record), TACHO_OK);
    }
    assert_int_equal(tacho__record_list_finish(list, 7, &all), TACHO_OK);
    assert_int_equal(all->lost, 7);
    assert_int_equal(all->count, 2);
    assert_true(all->records[0].ended_at_ns < all->records[1].ended_at_ns);
    assert_int_equal(all->records[1].ended_at_ns, 502 * S);
    tacho_records_free(all);
}

static void test_formats__name_themselves(void **state) {
    (void)state;
    for (int i = 0; i < TACHO_FORMAT_COUNT; i++) {
        tacho_format back = TACHO_FORMAT_COUNT;
        assert_int_equal(tacho_format_parse(tacho_format_text(i), &back), TACHO_OK);
        assert_int_equal(back, i);
    }
    tacho_format untouched = TACHO_FORMAT_CSV;
    assert_int_equal(tacho_format_parse("xml", &untouched), TACHO_NOT_FOUND);
    assert_int_equal(untouched, TACHO_FORMAT_CSV);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people__times_choose_their_unit),
        cmocka_unit_test(test_people__money_has_four_decimals_below_ten_dollars),
        cmocka_unit_test(test_people__parts_are_whole_only_when_they_are),
        cmocka_unit_test(test_people__instants_are_those_of_the_zone),
        cmocka_unit_test(test_text_width__counts_columns),
        cmocka_unit_test(test_text_show__leaves_out_what_may_not_reach_a_terminal),
        cmocka_unit_test(test_text_table__drops_columns_then_stacks_and_cuts_nothing),
        cmocka_unit_test(test_text_table__aligns_by_width_and_colours_failures),
        cmocka_unit_test(test_rows_text__shows_only_what_tells_something),
        cmocka_unit_test(test_rows_text__fits_every_width),
        cmocka_unit_test(test_rows_text__chosen_columns_are_all_shown),
        cmocka_unit_test(test_records_text__is_a_tree),
        cmocka_unit_test(test_record_list__keeps_the_best_and_sorts),
        cmocka_unit_test(test_formats__name_themselves),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
