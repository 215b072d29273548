/* Declared tags in tables: the same rows from a living collector, from a file of it and from a history. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <tachograph/history.h>

#include "support/capture.h"
#include "support/fill_collector.h"
#include "support/scratch.h"

#include "base/clock.h"
#include "snapshot/ladder.h"
#include "wire/msgpack_reader.h"

static scratch place;
static int64_t ended_at_ns = NOON * S; /* 0 = now */

static void record(tacho_collector *collector, tacho_kind kind, const char *name, const char *tier, const char *team,
                   int64_t input) {
    const tacho_tag tags[] = {{"team", team}, {"tier", tier}};
    tacho_labels labels = TACHO_LABELS_INIT;
    tacho_finished finished = TACHO_FINISHED_INIT;
    tacho_series *series;
    const tacho_usage usage = TACHO_USAGE(.input = input, .output = 100);
    labels.tags = tags;
    labels.tag_count = 2;
    if (kind == TACHO_KIND_LLM) {
        labels.provider = "anthropic";
        labels.model = "claude-opus-4-6";
        finished.usage = &usage;
    }
    finished.duration_ns = (uint64_t)input * 1000000;
    finished.ended_at_ns = ended_at_ns;
    assert_int_equal(tacho_bind(collector, kind, name, &labels, &series), TACHO_OK);
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    tacho_series_release(series);
}

/* Five calls: two gold, two silver of which one has the other team, one without a tier; and a step. */
static tacho_collector *collector_with_tags(void) {
    static const char *const declared[] = {"tier", "team"};
    const tacho_config config = {.struct_size = sizeof config, .tags = declared, .tag_count = 2, .session = "tags"};
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    record(collector, TACHO_KIND_LLM, "ask", "gold", "search", 1000);
    record(collector, TACHO_KIND_LLM, "answer", "gold", "search", 2000);
    record(collector, TACHO_KIND_LLM, "ask", "silver", "search", 3000);
    record(collector, TACHO_KIND_LLM, "ask", "silver", "a, \"b\"", 500);
    record(collector, TACHO_KIND_LLM, "ask", NULL, "search", 100);
    record(collector, TACHO_KIND_STEP, "plan", "gold", NULL, 7);
    return collector;
}

/* Where the numbers are. */
typedef struct source {
    tacho_snapshot *snapshot;
    tacho_history *history;
} source;

#define SOURCES 3

static void open_sources(source sources[SOURCES]) {
    tacho_collector *collector = collector_with_tags();
    tacho_records *records;
    sources[0] = (source){take_snapshot(collector), NULL};
    sources[1] = sources[2] = (source){NULL, NULL};
    assert_int_equal(tacho_save(sources[0].snapshot, scratch_path(&place, "s.tacho")), TACHO_OK);
    assert_int_equal(tacho_load(scratch_path(&place, "s.tacho"), &sources[1].snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_records(sources[0].snapshot, NULL, &records), TACHO_OK);
    assert_int_equal(tacho_history_open(&sources[2].history, scratch_path(&place, "h.db"), 0), TACHO_OK);
    assert_int_equal(tacho_history_add(sources[2].history, records->records, records->count), TACHO_OK);
    tacho_records_free(records);
    tacho_collector_close(collector);
}

static void close_sources(source sources[SOURCES]) {
    for (int i = 0; i < SOURCES; i++) {
        tacho_snapshot_free(sources[i].snapshot);
        tacho_history_close(sources[i].history);
    }
}

static tacho_rows *usage(const source *from, const tacho_query *query) {
    tacho_rows *rows = NULL;
    assert_int_equal(from->history ? tacho_history_usage(from->history, query, &rows)
                                   : tacho_snapshot_usage(from->snapshot, query, &rows),
                     TACHO_OK);
    return rows;
}

static int set_up(void **state) {
    static source sources[SOURCES];
    scratch_make(&place);
    open_sources(sources);
    *state = sources;
    return 0;
}

static int tear_down(void **state) {
    close_sources(*state);
    scratch_remove(&place);
    return 0;
}

static void expect_row(const tacho_row *row, const char *tier, int64_t calls, int64_t input) {
    assert_int_equal(row->tag_count, 1);
    assert_string_equal(row->tags[0].name, "tier");
    if (tier) {
        assert_string_equal(row->tags[0].value, tier);
    } else {
        assert_null(row->tags[0].value);
    }
    assert_int_equal(row->calls, calls);
    assert_int_equal(row->units[TACHO_UNIT_INPUT], input);
    assert_null(row->model);
}

static void test_usage_by_tag__has_a_row_for_each_value_and_one_for_none(void **state) {
    const source *sources = *state;
    for (int i = 0; i < SOURCES; i++) {
        tacho_query query = TACHO_QUERY_INIT;
        assert_int_equal(tacho_query_by(&query, "tag:tier"), TACHO_OK);
        tacho_rows *rows = usage(&sources[i], &query);
        assert_int_equal(rows->by, TACHO_BY_TAG);
        assert_int_equal(rows->by_tag_count, 1);
        assert_string_equal(rows->by_tags[0], "tag:tier");
        assert_int_equal(rows->count, 3);
        expect_row(&rows->rows[0], "silver", 2, 3500); /* the dearest first */
        expect_row(&rows->rows[1], "gold", 2, 3000);
        expect_row(&rows->rows[2], NULL, 1, 100);
        assert_int_equal(rows->totals.calls, 5);
        int64_t cost = 0;
        for (size_t j = 0; j < rows->count; j++) {
            cost += rows->rows[j].cost_pusd;
        }
        assert_int_equal(rows->totals.cost_pusd, cost);
        tacho_rows_free(rows);
    }
}

static capture written(const source *from, const tacho_query *query, tacho_format format) {
    capture kept = {TACHO__BUFFER_INIT};
    tacho_rows *rows = usage(from, query);
    assert_int_equal(tacho_write_rows(rows, format, NULL, NULL, NULL, capture_sink, &kept), TACHO_OK);
    tacho_rows_free(rows);
    return kept;
}

static void test_tables__are_equal_from_every_source_in_every_format(void **state) {
    static const char *const keys[][3] = {
        {"tag:tier"}, {"tag:team", "tag:tier"}, {"operation", "tag:tier"}, {"model", "tag:none"}};
    static const tacho_format formats[] = {TACHO_FORMAT_JSON, TACHO_FORMAT_CSV, TACHO_FORMAT_TEXT};
    const source *sources = *state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys * 3; i++) {
        tacho_query query = TACHO_QUERY_INIT;
        assert_int_equal(tacho_query_by(&query, keys[i / 3][0]), TACHO_OK);
        if (keys[i / 3][1]) {
            assert_int_equal(tacho_query_by_also(&query, keys[i / 3][1]), TACHO_OK);
        }
        capture first = written(&sources[0], &query, formats[i % 3]);
        for (int j = 1; j < SOURCES; j++) {
            capture other = written(&sources[j], &query, formats[i % 3]);
            assert_string_equal(capture_text(&first), capture_text(&other));
            capture_free(&other);
        }
        query.since_ns = NOON * S - S; /* from the records */
        capture recent = written(&sources[0], &query, formats[i % 3]);
        assert_string_equal(capture_text(&first), capture_text(&recent));
        capture_free(&recent);
        capture_free(&first);
    }
}

static void test_csv__has_a_column_for_each_tag(void **state) {
    const source *sources = *state;
    tacho_query query = TACHO_QUERY_INIT;
    assert_int_equal(tacho_query_by(&query, "tag:team"), TACHO_OK);
    assert_int_equal(tacho_query_by_also(&query, "tag:tier"), TACHO_OK);
    capture kept = written(&sources[0], &query, TACHO_FORMAT_CSV);
    const char *text = capture_text(&kept);
    assert_ptr_equal(strstr(text, "tag:team,tag:tier,calls,"), text);
    assert_non_null(strstr(text, "\r\n\"a, \"\"b\"\"\",silver,1,"));
    assert_non_null(strstr(text, "\r\nsearch,,1,"));
    capture_free(&kept);
    kept = written(&sources[0], &query, TACHO_FORMAT_JSON);
    text = capture_text(&kept);
    assert_non_null(strstr(text, "\"tags\": {\n        \"team\": \"search\",\n        \"tier\": null\n      },"));
    capture_free(&kept);
}

static void test_where__takes_a_value_or_none(void **state) {
    const source *sources = *state;
    static const struct {
        const char *key, *value;
        int64_t calls;
    } cases[] = {{"tag:tier", "gold", 2},        {"tag:tier", "", 1},     {"tag:tier", NULL, 1},
                 {"tag:tier", "GOLD", 0},        {"tag:none", "gold", 0}, {"tag:none", NULL, 5},
                 {"model", "claude-opus-4-6", 5}};
    for (size_t i = 0; i < SOURCES * sizeof cases / sizeof *cases; i++) {
        tacho_query query = TACHO_QUERY_INIT;
        assert_int_equal(tacho_query_where(&query, cases[i / SOURCES].key, cases[i / SOURCES].value), TACHO_OK);
        tacho_rows *rows = usage(&sources[i % SOURCES], &query);
        assert_int_equal(rows->totals.calls, cases[i / SOURCES].calls);
        tacho_rows_free(rows);
    }
}

static void test_where__restricts_records_too(void **state) {
    const source *sources = *state;
    for (int i = 0; i < SOURCES; i++) {
        tacho_query query = TACHO_QUERY_INIT;
        tacho_records *records;
        assert_int_equal(tacho_query_where(&query, "tag:tier", "gold"), TACHO_OK);
        assert_int_equal(sources[i].history ? tacho_history_records(sources[i].history, &query, &records)
                                            : tacho_snapshot_records(sources[i].snapshot, &query, &records),
                         TACHO_OK);
        assert_int_equal(records->count, 3); /* with the step */
        for (size_t j = 0; j < records->count; j++) {
            assert_string_equal(records->records[j].tags[0].name, "tier");
            assert_string_equal(records->records[j].tags[0].value, "gold");
        }
        tacho_records_free(records);
    }
}

static void test_keys__that_make_no_sense_are_refused(void **state) {
    const source *sources = *state;
    tacho_query query = TACHO_QUERY_INIT;
    tacho_rows *rows;
    assert_int_equal(tacho_query_by(&query, "tag:"), TACHO_NOT_FOUND);
    assert_int_equal(tacho_query_by(&query, "week"), TACHO_NOT_FOUND);
    assert_int_equal(tacho_query_by(&query, NULL), TACHO_NOT_FOUND);
    assert_int_equal(tacho_query_where(&query, "kind", "llm"), TACHO_NOT_FOUND);
    assert_int_equal(query.by, TACHO_BY_MODEL);
    for (int i = 0; i < TACHO_TAGS_MAX; i++) {
        static const char *const tags[] = {"tag:a", "tag:b", "tag:c", "tag:d", "tag:e", "tag:f", "tag:g", "tag:h"};
        assert_int_equal(tacho_query_by_also(&query, tags[i]), TACHO_OK);
        assert_int_equal(tacho_query_where(&query, tags[i], "x"), TACHO_OK);
    }
    assert_int_equal(tacho_query_by_also(&query, "tag:a"), TACHO_OK); /* it is there */
    assert_int_equal(tacho_query_by_also(&query, "tag:i"), TACHO_LIMIT);
    assert_int_equal(tacho_query_where(&query, "tag:i", "x"), TACHO_LIMIT);
    query = (tacho_query)TACHO_QUERY_INIT;
    query.by = TACHO_BY_TAG; /* of which tag? */
    assert_int_equal(tacho_snapshot_usage(sources[0].snapshot, &query, &rows), TACHO_INVALID);
    query.by_tag_count = 9;
    assert_int_equal(tacho_snapshot_usage(sources[0].snapshot, &query, &rows), TACHO_INVALID);
    tacho_records *records;
    query = (tacho_query)TACHO_QUERY_INIT;
    query.tag_count = 9; /* more than there is room for */
    assert_int_equal(tacho_snapshot_records(sources[0].snapshot, &query, &records), TACHO_INVALID);
    assert_int_equal(tacho_history_records(sources[2].history, &query, &records), TACHO_INVALID);
}

/* ------------------------------------------------------------------------------------------------- over time */

static int64_t calls_over_time(const tacho__ladder *ladder, const char *what) {
    const int64_t step = tacho__ladder_step(2), last = tacho__ladder_fed(ladder) / step * step;
    tacho__ladder_point points[] = {{.start_ns = last - step, .end_ns = last},
                                    {.start_ns = last, .end_ns = last + step}};
    tacho__selector selector;
    char problem[TACHO__SELECTOR_PROBLEM];
    assert_int_equal(tacho__selector_parse(what, &selector, problem), TACHO_OK);
    assert_int_equal(tacho__ladder_read(ladder, &selector, points, 2), TACHO_OK);
    return points[0].n + points[1].n;
}

static void expect_calls_over_time(const tacho__ladder *ladder) {
    assert_int_equal(calls_over_time(ladder, "calls"), 6);
    assert_int_equal(calls_over_time(ladder, "calls{tag:tier=\"gold\"}"), 3);
    assert_int_equal(calls_over_time(ladder, "calls{ tag:tier != \"gold\" , kind=\"llm\"}"), 3);
    assert_int_equal(calls_over_time(ladder, "calls{tag:tier=\"\"}"), 1); /* without it */
    assert_int_equal(calls_over_time(ladder, "calls{tag:tier=\"s*\",tag:team=\"search\"}"), 1);
    assert_int_equal(calls_over_time(ladder, "calls{tag:ti=\"gold\"}"), 0);
}

static void test_timeline__takes_tags_also_from_what_was_saved(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__msgpack map;
    tacho__ladder *ladder = tacho__ladder_new(), *saved;
    ended_at_ns = 0;
    tacho_collector *collector = collector_with_tags();
    tacho_snapshot *snapshot = take_snapshot(collector);
    ended_at_ns = NOON * S;
    assert_non_null(ladder);
    assert_int_equal(tacho__ladder_feed(ladder, snapshot, tacho__wall(&tacho__clock_system)), TACHO_OK);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
    expect_calls_over_time(ladder);
    tacho__ladder_put(&out, ladder);
    assert_int_equal(tacho__msgpack_check(out.data, out.length, 0, &map, NULL), TACHO_OK);
    assert_int_equal(tacho__ladder_get(&map, &saved), TACHO_OK);
    expect_calls_over_time(saved);
    tacho__buffer_free(&out);
    tacho__ladder_free(ladder);
    tacho__ladder_free(saved);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_usage_by_tag__has_a_row_for_each_value_and_one_for_none),
        TEST(test_tables__are_equal_from_every_source_in_every_format),
        TEST(test_csv__has_a_column_for_each_tag),
        TEST(test_where__takes_a_value_or_none),
        TEST(test_where__restricts_records_too),
        TEST(test_keys__that_make_no_sense_are_refused),
        TEST(test_timeline__takes_tags_also_from_what_was_saved),
    };
    return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
