#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot/table.h"
#include "support/capture.h"
#include "support/fill_collector.h"
#include "wire/json_reader.h"

static tacho_status swallow(void *context, tacho__json_event event, const char *text, size_t length) {
    (void)context;
    (void)event;
    (void)text;
    (void)length;
    return TACHO_OK;
}

static void check_is_json(const char *text) {
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    assert_non_null(reader);
    assert_int_equal(tacho__json_read(reader, text, strlen(text), swallow, NULL), TACHO_OK);
    tacho__json_reader_free(reader);
}

static void test_rows_json__is_one_envelope(void **state) {
    (void)state;
    tacho_record_view record = make_record("llm", "plan");
    record.model = "large \"x\"";
    record.duration_ns = -1;
    set_usage(&record, 1200, 10000, 340);
    set_cost(&record, 24818943200000, TACHO_COST_STATE_EXACT);
    tacho__table *table;
    tacho_rows *rows;
    assert_int_equal(tacho__table_create(NULL, &table), TACHO_OK);
    assert_int_equal(tacho__table_add(table, &record), TACHO_OK);
    assert_int_equal(tacho__table_finish(table, &rows), TACHO_OK);
    tacho_style style = TACHO_STYLE_INIT;
    style.generated_at_ns = NOON * S;
    style.query_json = "{\"by\":\"model\",\"tz\":\"UTC\"}";
    static const char *const fields[] = {"model", "calls", "input_tokens", "cost_usd", "p50_seconds", NULL};
    capture out = {0};
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_JSON, "tacho.usage/1", fields, &style, capture_sink, &out),
                     TACHO_OK);
    assert_string_equal(capture_text(&out), "{\n"
                                            "  \"schema\": \"tacho.usage/1\",\n"
                                            "  \"generated_at\": \"2025-11-30T12:00:00Z\",\n"
                                            "  \"query\": {\n"
                                            "    \"by\": \"model\",\n"
                                            "    \"tz\": \"UTC\"\n"
                                            "  },\n"
                                            "  \"rows\": [\n"
                                            "    {\n"
                                            "      \"model\": \"large \\\"x\\\"\",\n"
                                            "      \"calls\": 1,\n"
                                            "      \"input_tokens\": 1200,\n"
                                            "      \"cost_usd\": \"24.8189432\",\n"
                                            "      \"p50_seconds\": null\n"
                                            "    }\n"
                                            "  ],\n"
                                            "  \"totals\": {\n"
                                            "    \"calls\": 1,\n"
                                            "    \"input_tokens\": 1200,\n"
                                            "    \"cost_usd\": \"24.8189432\",\n"
                                            "    \"p50_seconds\": null\n"
                                            "  },\n"
                                            "  \"warnings\": []\n"
                                            "}\n");
    tacho__buffer_clear(&out.buffer);
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_JSONL, NULL, fields, NULL, capture_sink, &out), TACHO_OK);
    assert_string_equal(capture_text(&out), "{\"model\":\"large \\\"x\\\"\",\"calls\":1,\"input_tokens\":1200,"
                                            "\"cost_usd\":\"24.8189432\",\"p50_seconds\":null}\n");
    tacho__buffer_clear(&out.buffer);
    style.query_json = "{\"by\":";
    assert_int_equal(tacho_write_rows(rows, TACHO_FORMAT_JSON, NULL, NULL, &style, capture_sink, &out), TACHO_INVALID);
    capture_free(&out);
    tacho_rows_free(rows);
}

static void export_to(tacho_collector *collector, tacho_format format, capture *out) {
    tacho_snapshot *snapshot = take_snapshot(collector);
    assert_int_equal(tacho_export(snapshot, format, NULL, capture_sink, out), TACHO_OK);
    tacho_snapshot_free(snapshot);
}

/* Two processes' worth of recording: other ids, other segments, other times of the snapshot, equal numbers. */
static void test_export_json__is_equal_for_equal_numbers(void **state) {
    (void)state;
    const char *const sessions[] = {"s-one", NULL}; /* a session id that nobody gave is random, and is not told */
    for (size_t i = 0; i < 2; i++) {
        tacho_collector *first = open_collector(sessions[i]), *second = open_collector(sessions[i]);
        fill_collector(first);
        fill_collector(second);
        capture one = {0}, other = {0};
        export_to(first, TACHO_FORMAT_JSON, &one);
        export_to(second, TACHO_FORMAT_JSON, &other);
        check_is_json(capture_text(&one));
        assert_string_equal(capture_text(&one), capture_text(&other));
        assert_int_equal(strstr(capture_text(&one), "\"session\": \"s-one\"") != NULL, i == 0);
        assert_null(strstr(capture_text(&one), "trace_id"));
        assert_null(strstr(capture_text(&one), "generated_at"));
        capture_free(&one);
        capture_free(&other);
        tacho_collector_close(first);
        tacho_collector_close(second);
    }
}

static void test_export_json__holds_the_figures(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    capture out = {0};
    export_to(collector, TACHO_FORMAT_JSON, &out);
    const char *const parts[] = {"\"schema\": \"tacho.snapshot/1\"",
                                 "\"total_operations\": 5,",
                                 "\"total_seconds\": 19,",
                                 "\"avg_step_seconds\": 4.5,",
                                 "\"total_cost_usd\": \"0.5195\",",
                                 "\"success_rate\": 0.5,",
                                 "\"data_quality\": {",
                                 "\"error_types\": {\n        \"TimeoutError\": 1\n      }",
                                 "\"started_at\": \"2025-11-30T12:00:01Z\"",
                                 "1 call of 1 model has no price: no-such-model"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(capture_text(&out), parts[i])) {
            fail_msg("%s is missing in\n%s", parts[i], capture_text(&out));
        }
    }
    static const char *const lists[] = {"operations", "tools", "models", "sessions", "slowest", "warnings"};
    const char *at = capture_text(&out);
    for (size_t i = 0; i < 6; i++) { /* in this order at the top */
        char key[32];
        snprintf(key, sizeof key, "\n  \"%s\": [", lists[i]);
        at = strstr(at, key);
        assert_non_null(at);
    }
    capture_free(&out);
    tacho_collector_close(collector);
}

static void test_export__knows_its_formats(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    capture out = {0};
    export_to(collector, TACHO_FORMAT_JSONL, &out);
    assert_ptr_equal(strchr(capture_text(&out), '\n'), capture_text(&out) + out.buffer.length - 1);
    tacho__buffer_clear(&out.buffer);
    export_to(collector, TACHO_FORMAT_TEXT, &out);
    assert_memory_equal(capture_text(&out), "All sessions since the start\n", 29);
    tacho__buffer_clear(&out.buffer);
    export_to(collector, TACHO_FORMAT_CSV, &out);
    assert_memory_equal(capture_text(&out), "step,duration,tokens,cost,tool,success,", 39);
    assert_non_null(strstr(capture_text(&out), "\r\nplan,6,"));
    tacho__buffer_clear(&out.buffer);
    tacho_snapshot *snapshot = take_snapshot(collector);
    assert_int_equal(tacho_export(snapshot, TACHO_FORMAT_COUNT, NULL, capture_sink, &out), TACHO_UNSUPPORTED);
    tacho_snapshot_free(snapshot);
    capture_free(&out);
    tacho_collector_close(collector);
}

static void test_records_json__tells_every_field(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    const tacho_component parts[] = {{"vector_search", 300000000}};
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 2000, 3,
                FINISHED(.components = parts, .component_count = 1, .usage = &TACHO_USAGE(.input_audio_ms = 1500)));
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_records *records;
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    capture out = {0};
    assert_int_equal(tacho_write_records(records, TACHO_FORMAT_JSON, NULL, capture_sink, &out), TACHO_OK);
    check_is_json(capture_text(&out));
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    for (size_t i = 0; i < count; i++) {
        char key[64];
        snprintf(key, sizeof key, "\n      \"%s\": ", fields[i].name);
        assert_non_null(strstr(capture_text(&out), key));
    }
    assert_non_null(strstr(capture_text(&out), "\"components\": {\n        \"vector_search\": 0.3\n      }"));
    assert_non_null(strstr(capture_text(&out), "\"input_audio_seconds\": 1.5,"));
    assert_non_null(strstr(capture_text(&out), "\"records\": 1,"));
    capture_free(&out);
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

/* The list of units and the list of their fields say the same. */
static void test_fields__cover_every_unit_once(void **state) {
    (void)state;
    size_t counts[3];
    const tacho_field *const tables[] = {tacho_row_fields(&counts[0]), tacho_record_fields(&counts[1]),
                                         tacho_summary_fields(&counts[2])};
    for (size_t table = 0; table < 3; table++) {
        for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
            const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
            size_t found = 0;
            for (size_t i = 0; i < counts[table]; i++) {
                if (strcmp(tables[table][i].name, info->key) == 0) {
                    found++;
                    assert_int_equal(tables[table][i].type,
                                     info->scale == 1000 ? TACHO_FIELD_MILLIS : TACHO_FIELD_COUNT);
                }
            }
            assert_int_equal(found, 1);
        }
        for (size_t i = 0; i < counts[table]; i++) {
            assert_true(strlen(tables[table][i].help) >= 3);
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(tables[table][i].name, tables[table][j].name);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_json__is_one_envelope),
        cmocka_unit_test(test_export_json__is_equal_for_equal_numbers),
        cmocka_unit_test(test_export_json__holds_the_figures),
        cmocka_unit_test(test_export__knows_its_formats),
        cmocka_unit_test(test_records_json__tells_every_field),
        cmocka_unit_test(test_fields__cover_every_unit_once),
    };
    return cmocka_run_group_tests_name("export_json", tests, NULL, NULL);
}
