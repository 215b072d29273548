#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "snapshot/record_list.h"
#include "snapshot/table.h"
#include "support/capture.h"
#include "support/make_record.h"

static tacho_rows *one_row(const tacho_record_view *record, tacho_by by) {
    tacho_query query = TACHO_QUERY_INIT;
    query.by = by;
    tacho__table *table;
    tacho_rows *rows;
    assert_int_equal(tacho__table_create(&query, &table), TACHO_OK);
    assert_int_equal(tacho__table_add(table, record), TACHO_OK);
    assert_int_equal(tacho__table_finish(table, &rows), TACHO_OK);
    return rows;
}

static void test_rows_csv__has_the_columns_of_the_contract(void **state) {
    (void)state;
    tacho_record_view record = make_record("llm", "plan");
    record.model = "claude-opus-4-6";
    set_usage(&record, 1200, 10000, 340);
    set_cost(&record, 24818943200000, TACHO_COST_STATE_EXACT);
    tacho_rows *rows = one_row(&record, TACHO_BY_MODEL);
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, NULL, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(
        capture_text(&out),
        "model,calls,errors,input_tokens,cache_read_tokens,cache_write_tokens,cache_write_1h_tokens,output_tokens,"
        "reasoning_tokens,cost_usd,cost_state,unpriced_calls,total_input_tokens,total_output_tokens,total_tokens,"
        "success_rate,timed_calls,total_seconds,min_seconds,avg_seconds,p50_seconds,p95_seconds,p99_seconds,"
        "max_seconds\r\n"
        "claude-opus-4-6,1,0,1200,10000,0,0,340,0,24.8189432,exact,0,11200,340,11540,1,1,1,1,1,1,1,1,1\r\n");
    capture_free(&out);
    tacho_rows_free(rows);
}

static void test_rows_csv__leaves_unknown_empty(void **state) {
    (void)state;
    tacho_record_view record = make_record("llm", "plan");
    record.duration_ns = -1;
    tacho_rows *rows = one_row(&record, TACHO_BY_MODEL);
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, NULL, NULL, capture_sink, &out), TACHO_OK);
    assert_non_null(strstr(capture_text(&out), "\r\n,1,0,,,,,,,,unknown,0,,,,1,0,,,,,,,\r\n"));
    capture_free(&out);
    tacho_rows_free(rows);
}

/* Reads one line of CSV as RFC 4180 has it; returns what follows. */
static const char *read_cells(const char *at, char cells[][256], size_t *count) {
    *count = 0;
    for (;;) {
        char *cell = cells[(*count)++];
        size_t length = 0;
        if (*at == '"') {
            for (at++; *at != '"' || at[1] == '"'; at++) {
                at += *at == '"';
                cell[length++] = *at;
            }
            at++;
        } else {
            while (*at != ',' && *at != '\r') {
                cell[length++] = *at++;
            }
        }
        cell[length] = '\0';
        if (*at == ',') {
            at++;
            continue;
        }
        assert_memory_equal(at, "\r\n", 2);
        return at + 2;
    }
}

static void test_rows_csv__reads_back_exactly(void **state) {
    (void)state;
    static const char *const names[] = {"plain",      "with,comma", "with \"quotes\"",
                                        "two\nlines", " blank ",    "\xE6\x97\xA5\xE6\x9C\xAC"};
    static const char *const columns[] = {"operation", "calls", NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tacho_record_view record = make_record("step", names[i]);
        tacho_rows *rows = one_row(&record, TACHO_BY_OPERATION);
        capture out = {0};
        char cells[8][256];
        size_t count;
        assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, columns, NULL, capture_sink, &out), TACHO_OK);
        const char *rest = read_cells(capture_text(&out), cells, &count);
        assert_int_equal(count, 2);
        rest = read_cells(rest, cells, &count);
        assert_int_equal(count, 2);
        assert_string_equal(cells[0], names[i]);
        assert_string_equal(cells[1], "1");
        assert_string_equal(rest, "");
        capture_free(&out);
        tacho_rows_free(rows);
    }
}

static void test_rows_csv__disarms_formulas(void **state) {
    (void)state;
    static const char *const names[] = {"=HYPERLINK(0)", "+1", "-1+1", "@SUM(A1)", "\tx"};
    static const char *const columns[] = {"operation", NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tacho_record_view record = make_record("step", names[i]);
        tacho_rows *rows = one_row(&record, TACHO_BY_OPERATION);
        capture out = {0};
        char cells[8][256], expected[64] = "'";
        size_t count;
        assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, columns, NULL, capture_sink, &out), TACHO_OK);
        read_cells(read_cells(capture_text(&out), cells, &count), cells, &count);
        strcat(expected, names[i]);
        assert_string_equal(cells[0], expected);
        capture_free(&out);
        tacho_rows_free(rows);
    }
}

static void test_rows_csv__rejects_a_name_that_is_no_field(void **state) {
    (void)state;
    static const char *const columns[] = {"calls", "latency", NULL};
    tacho_record_view record = make_record("step", "a");
    tacho_rows *rows = one_row(&record, TACHO_BY_OPERATION);
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, columns, NULL, capture_sink, &out), TACHO_INVALID);
    assert_int_equal(out.buffer.length, 0);
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_MSGPACK, NULL, NULL, NULL, capture_sink, &out),
                     TACHO_UNSUPPORTED);
    capture_free(&out);
    tacho_rows_free(rows);
}

static int stop(void *context, const char *bytes, size_t length) {
    (void)bytes;
    (void)length;
    return ++*(int *)context;
}

static void test_rows_csv__stops_when_told(void **state) {
    (void)state;
    tacho_record_view record = make_record("step", "a");
    tacho_rows *rows = one_row(&record, TACHO_BY_OPERATION);
    int calls = 0;
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_CSV, NULL, NULL, NULL, stop, &calls), TACHO_STOPPED);
    assert_int_equal(calls, 1);
    tacho_rows_free(rows);
}

/* -------------------------------------------------------------------------------------------------------------- steps
 */

static tacho_records *list_of(const tacho_record_view *records, size_t count) {
    tacho__record_list *list = tacho__record_list_new(TACHO__RECORDS_BY_END, 0);
    tacho_records *out;
    assert_non_null(list);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tacho__record_list_add(list, &records[i]), TACHO_OK);
    }
    assert_int_equal(tacho__record_list_finish(list, 0, &out), TACHO_OK);
    return out;
}

static void test_records_csv__is_one_line_per_step_with_what_is_inside(void **state) {
    (void)state;
    tacho_record_view records[5] = {make_record("step", "plan"), make_record("llm", "ask"), make_record("tool", "grep"),
                                    make_record("step", "build"), make_record("tool", "sed")};
    records[0].id = "00000000000000a0";
    set_time(&records[0], 5 * S, 10 * S);
    for (size_t i = 1; i < 3; i++) {
        records[i].parent_id = "00000000000000a0";
        set_time(&records[i], S, 7 * S);
    }
    set_usage(&records[1], 100, 900, 50);
    set_cost(&records[1], 1500000000, TACHO_COST_STATE_EXACT);
    records[3].outcome = "error";
    records[3].error_category = "timeout";
    records[3].error_type = "TimeoutError";
    records[3].tool = "edit_file";
    records[3].retries = 1;
    set_time(&records[3], 2340 * MS, 20 * S);
    set_time(&records[4], S, 30 * S); /* a tool call outside of every step */
    tacho_records *list = list_of(records, 5);
    capture out = {0};
    assert_int_equal(tacho_write_records(list, TACHO_FORMAT_CSV, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out),
                        "step,duration,tokens,cost,tool,success,kind,outcome,error_category,error_type,model,"
                        "cost_state,tool_calls,retries,started_at,ended_at,session,id\r\n"
                        "plan,5,1050,0.0015,grep,true,step,ok,,,,exact,1,0,1970-01-01T00:00:05Z,"
                        "1970-01-01T00:00:10Z,,00000000000000a0\r\n"
                        "build,2.34,,,edit_file,false,step,error,timeout,TimeoutError,,unknown,0,1,"
                        "1970-01-01T00:00:17.66Z,1970-01-01T00:00:20Z,,\r\n");
    capture_free(&out);
    tacho_records_free(list);
}

static void test_records_csv__without_steps_is_one_line_per_operation(void **state) {
    (void)state;
    tacho_record_view records[2] = {make_record("llm", "ask"), make_record("tool", "grep")};
    tacho_records *list = list_of(records, 2);
    capture out = {0};
    assert_int_equal(tacho_write_records(list, TACHO_FORMAT_CSV, NULL, capture_sink, &out), TACHO_OK);
    assert_non_null(strstr(capture_text(&out), "\r\nask,1,,"));
    assert_null(strstr(capture_text(&out), "grep"));
    capture_free(&out);
    tacho_records_free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_csv__has_the_columns_of_the_contract),
        cmocka_unit_test(test_rows_csv__leaves_unknown_empty),
        cmocka_unit_test(test_rows_csv__reads_back_exactly),
        cmocka_unit_test(test_rows_csv__disarms_formulas),
        cmocka_unit_test(test_rows_csv__rejects_a_name_that_is_no_field),
        cmocka_unit_test(test_rows_csv__stops_when_told),
        cmocka_unit_test(test_records_csv__is_one_line_per_step_with_what_is_inside),
        cmocka_unit_test(test_records_csv__without_steps_is_one_line_per_operation),
    };
    return cmocka_run_group_tests_name("export_csv", tests, NULL, NULL);
}
