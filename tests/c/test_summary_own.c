#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "support/capture.h"
#include "support/fill_collector.h"

static capture kept;

/* Two hits and a miss of a cache, and a counter with a label. */
static tacho_collector *open_with_own(void) {
    tacho_collector *collector = open_collector("run");
    tacho_metric *jobs;
    const char *labels[] = {"queue"};
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = "jobs";
    spec.labels = labels;
    spec.label_count = 1;
    assert_int_equal(tacho_record_cache(collector, "files", TACHO_CACHE_HIT, 2), TACHO_OK);
    assert_int_equal(tacho_record_cache(collector, "files", TACHO_CACHE_MISS, 1), TACHO_OK);
    assert_int_equal(tacho_counter(collector, &spec, &jobs), TACHO_OK);
    const char *values[] = {"night"};
    tacho_metric *night;
    assert_int_equal(tacho_metric_labels(jobs, values, 1, &night), TACHO_OK);
    assert_int_equal(tacho_counter_count(night, 3), TACHO_OK);
    tacho_metric_release(night);
    tacho_metric_release(jobs);
    return collector;
}

static const char *written(tacho_collector *collector, const char *session, tacho_format format) {
    tacho_summary *summary;
    tacho_snapshot *snapshot = take_snapshot(collector);
    assert_int_equal(tacho_snapshot_summary(snapshot, session, &summary), TACHO_OK);
    capture_free(&kept);
    assert_int_equal(tacho_write_summary(summary, format, NULL, capture_sink, &kept), TACHO_OK);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    return capture_text(&kept);
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("no %s in\n%s", part, text);
    }
}

static void test_text__shows_caches_and_metrics(void **state) {
    (void)state;
    tacho_collector *collector = open_with_own();
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 5, 0, PLAIN);
    const char *text = written(collector, NULL, TACHO_FORMAT_PLAIN);
    assert_has(text, "\n  CACHE  HITS  MISSES  HIT RATE");
    assert_has(text, "\n  files     2       1      67 %");
    assert_has(text, "\n  METRIC  LABELS");
    assert_has(text, "\n  jobs    queue=night      3");
    tacho_collector_close(collector);
}

static void test_text__shows_them_without_operations_too(void **state) {
    (void)state;
    tacho_collector *collector = open_with_own();
    const char *text = written(collector, NULL, TACHO_FORMAT_PLAIN);
    assert_has(text, "No operations.\n");
    assert_has(text, "files     2       1");
    assert_null(strstr(text, "Nothing was recorded"));
    tacho_collector_close(collector);
}

static void test_csv__has_them_in_the_last_two_columns(void **state) {
    (void)state;
    tacho_collector *collector = open_with_own();
    const char *text = written(collector, NULL, TACHO_FORMAT_CSV);
    assert_has(text, ",caches,metrics\r\n");
    assert_has(text, "\"[{\"\"cache\"\":\"\"files\"\",\"\"hits\"\":2,\"\"misses\"\":1,");
    assert_has(text, "\"\"labels\"\":{\"\"queue\"\":\"\"night\"\"},\"\"value\"\":3,");
    tacho_collector_close(collector);
}

/* They are of no session. */
static void test_session__has_none(void **state) {
    (void)state;
    tacho_collector *collector = open_with_own();
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 5, 0, PLAIN);
    assert_null(strstr(written(collector, "run", TACHO_FORMAT_PLAIN), "CACHE"));
    assert_has(written(collector, "run", TACHO_FORMAT_CSV), ",caches,metrics\r\n");
    tacho_collector_close(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__shows_caches_and_metrics),
        cmocka_unit_test(test_text__shows_them_without_operations_too),
        cmocka_unit_test(test_csv__has_them_in_the_last_two_columns),
        cmocka_unit_test(test_session__has_none),
    };
    const int failed = cmocka_run_group_tests_name("summary_own", tests, NULL, NULL);
    capture_free(&kept);
    return failed;
}
