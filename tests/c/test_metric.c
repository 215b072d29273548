#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/custom.h"
#include "support/recorder.h"

typedef tacho_status (*declare)(tacho_collector *, const tacho_metric_spec *, tacho_metric **);

static tacho_metric *make(recorder *r, declare how, const char *name, const char *unit, const char *const *labels,
                          uint32_t count) {
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = name;
    spec.unit = unit;
    spec.labels = labels;
    spec.label_count = count;
    tacho_metric *metric;
    assert_int_equal(how(r->collector, &spec, &metric), TACHO_OK);
    return metric;
}

static tacho_metric_rows *read_rows(recorder *r, const char *metric) {
    tacho_snapshot *snapshot;
    tacho_metric_rows *rows;
    assert_int_equal(tacho_snapshot_take(r->collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_metrics(snapshot, metric, &rows), TACHO_OK);
    tacho_snapshot_free(snapshot);
    return rows;
}

/* The only row of an unlabelled metric; a copy whose texts are gone. */
static tacho_metric_row only_row(recorder *r, const char *metric) {
    tacho_metric_rows *rows = read_rows(r, metric);
    assert_int_equal(rows->count, 1);
    const tacho_metric_row row = rows->rows[0];
    tacho_metric_rows_free(rows);
    return row;
}

static void test_counter__adds_up_in_millionths(void **state) {
    recorder *r = *state;
    tacho_metric *counter = make(r, tacho_counter, "requests", NULL, NULL, 0);
    assert_int_equal(only_row(r, "requests").value, 0);
    for (int i = 0; i < 10; ++i) {
        assert_int_equal(tacho_counter_add(counter, 0.1), TACHO_OK);
    }
    assert_int_equal(tacho_counter_count(counter, 41), TACHO_OK);
    const tacho_metric_row row = only_row(r, "requests");
    assert_int_equal(row.value, 42000000);
    assert_int_equal(row.digits, 6);
    assert_int_equal(row.count, -1);
    tacho_metric_release(counter);
}

static void test_counter__of_bytes_and_seconds_has_their_unit(void **state) {
    recorder *r = *state;
    tacho_metric *bytes = make(r, tacho_counter, "sent", "bytes", NULL, 0);
    tacho_metric *seconds = make(r, tacho_counter, "busy", "s", NULL, 0);
    tacho_counter_add(bytes, 1e15);
    tacho_counter_add(bytes, 0.4);
    tacho_counter_add(seconds, 2.3);
    assert_int_equal(only_row(r, "sent").value, 1000000000000000);
    assert_int_equal(only_row(r, "sent").digits, 0);
    assert_int_equal(only_row(r, "busy").value, 2300000000);
    assert_int_equal(only_row(r, "busy").digits, 9);
    tacho_metric_release(bytes);
    tacho_metric_release(seconds);
}

static void test_recording__refuses_what_is_no_amount(void **state) {
    recorder *r = *state;
    tacho_metric *counter = make(r, tacho_counter, "a", NULL, NULL, 0);
    tacho_metric *histogram = make(r, tacho_histogram, "b", NULL, NULL, 0);
    tacho_metric *gauge = make(r, tacho_gauge, "c", NULL, NULL, 0);
    const double bad[] = {NAN, INFINITY, -INFINITY, -1.0, 1e300};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        assert_int_equal(tacho_counter_add(counter, bad[i]), TACHO_INVALID);
        assert_int_equal(tacho_histogram_observe(histogram, bad[i]), TACHO_INVALID);
    }
    assert_int_equal(tacho_gauge_set(gauge, NAN), TACHO_INVALID);
    assert_int_equal(tacho_gauge_set(gauge, 1e300), TACHO_INVALID);
    assert_int_equal(tacho_gauge_set(counter, 1), TACHO_INVALID);
    assert_int_equal(tacho_counter_add(gauge, 1), TACHO_INVALID);
    assert_int_equal(tacho_histogram_observe(counter, 1), TACHO_INVALID);
    assert_int_equal(tacho_counter_count(counter, UINT64_MAX), TACHO_INVALID);
    assert_int_equal(recorder_drops(r, TACHO__DROP_INVALID), 16);
    assert_int_equal(only_row(r, "a").value, 0);
    assert_int_equal(only_row(r, "b").count, 0);
    tacho_metric_rows *never_set = read_rows(r, "c");
    assert_int_equal(never_set->count, 0);
    tacho_metric_rows_free(never_set);
    tacho_metric_release(counter);
    tacho_metric_release(histogram);
    tacho_metric_release(gauge);
}

static void test_gauge__is_what_was_set_last(void **state) {
    recorder *r = *state;
    tacho_metric *gauge = make(r, tacho_gauge, "depth", NULL, NULL, 0);
    tacho_gauge_set(gauge, -3.5);
    assert_int_equal(only_row(r, "depth").value, -3500000);
    tacho_gauge_add(gauge, 5);
    tacho_gauge_add(gauge, -1);
    const tacho_metric_row row = only_row(r, "depth");
    assert_int_equal(row.value, 500000);
    assert_int_equal(row.changed_at_ns, RECORDER_WALL);
    tacho_metric_release(gauge);
}

static void test_histogram__knows_sum_extremes_and_percentiles(void **state) {
    recorder *r = *state;
    tacho_metric *histogram = make(r, tacho_histogram, "size", NULL, NULL, 0);
    for (int i = 1; i <= 1000; ++i) {
        assert_int_equal(tacho_histogram_observe(histogram, i), TACHO_OK);
    }
    tacho_histogram_observe(histogram, 0);
    const tacho_metric_row row = only_row(r, "size");
    assert_int_equal(row.count, 1001);
    assert_int_equal(row.sum, INT64_C(500500) * 1000000);
    assert_int_equal(row.min, 0);
    assert_int_equal(row.max, 1000000000);
    assert_int_equal(row.avg, 500000000);
    assert_true(fabs((double)row.p50 / 500e6 - 1) < 0.022);
    assert_true(fabs((double)row.p99 / 990e6 - 1) < 0.022);
    assert_int_equal(row.value, TACHO_VALUE_UNKNOWN);
    tacho_metric_release(histogram);
}

static void test_histogram__takes_durations_in_its_unit(void **state) {
    recorder *r = *state;
    const char *const units[] = {"s", "ms", "us", "1"};
    const int64_t stored[] = {1500000000, 1500000000, INT64_C(1500000000000), 1500000};
    for (size_t i = 0; i < 4; ++i) {
        char name[8];
        snprintf(name, sizeof name, "t%zu", i);
        tacho_metric *histogram = make(r, tacho_histogram, name, units[i], NULL, 0);
        const uint64_t start = tacho_histogram_start(histogram);
        tacho__clock_fake_advance(&r->clock, 1500 * MS);
        assert_int_equal(tacho_histogram_stop(histogram, start), TACHO_OK);
        assert_int_equal(only_row(r, name).sum, stored[i]);
        tacho_metric_release(histogram);
    }
    tacho_metric *bytes = make(r, tacho_histogram, "bytes", "By", NULL, 0);
    assert_int_equal(tacho_histogram_observe_ns(bytes, 5), TACHO_INVALID);
    tacho_metric_release(bytes);
}

static void test_labels__find_one_series_per_values(void **state) {
    recorder *r = *state;
    const char *const names[] = {"route", "status"};
    tacho_metric *counter = make(r, tacho_counter, "requests", NULL, names, 2);
    tacho_metric *a, *b, *again;
    assert_int_equal(tacho_metric_labels(counter, (const char *const[]){"/a", "200"}, 2, &a), TACHO_OK);
    assert_int_equal(tacho_metric_labels(a, (const char *const[]){"/a", "500"}, 2, &b), TACHO_OK);
    assert_int_equal(tacho_metric_labels(counter, (const char *const[]){"/\na", "200"}, 2, &again), TACHO_OK);
    assert_ptr_equal(a, again);
    assert_int_equal(tacho_metric_labels(counter, (const char *const[]){"/a"}, 1, &again), TACHO_INVALID);
    assert_null(again);
    tacho_counter_count(a, 1);
    tacho_counter_count(b, 2);
    tacho_metric_rows *rows = read_rows(r, NULL);
    assert_int_equal(rows->count, 2); /* the series without values was never used */
    assert_string_equal(rows->rows[0].labels[0].name, "route");
    assert_string_equal(rows->rows[0].labels[1].value, "200");
    assert_string_equal(rows->rows[1].labels[1].value, "500");
    assert_int_equal(rows->rows[1].value, 2000000);
    tacho_metric_rows_free(rows);
    tacho_metric_release(a);
    tacho_metric_release(a);
    tacho_metric_release(b);
    tacho_metric_release(counter);
}

static void test_declaring__the_same_twice_is_the_same(void **state) {
    recorder *r = *state;
    const char *const names[] = {"a"};
    tacho_metric *one = make(r, tacho_counter, "x", NULL, names, 1);
    tacho_metric *two = make(r, tacho_counter, "x", "1", names, 1);
    assert_ptr_equal(one, two);
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = "x";
    tacho_metric *other;
    assert_int_equal(tacho_counter(r->collector, &spec, &other), TACHO_INVALID);
    spec.labels = names;
    spec.label_count = 1;
    assert_int_equal(tacho_gauge(r->collector, &spec, &other), TACHO_INVALID);
    spec.unit = "s";
    assert_int_equal(tacho_counter(r->collector, &spec, &other), TACHO_INVALID);
    assert_null(other);
    assert_int_equal(tacho_counter(NULL, &spec, &other), TACHO_OK);
    assert_int_equal(tacho_counter_count(NULL, 1), TACHO_OK);
    tacho_metric_release(one);
    tacho_metric_release(two);
}

static void test_declaring__refuses_names_that_no_format_can_carry(void **state) {
    recorder *r = *state;
    static const char *const bad[] = {"", "1x", "a b", "tacho_cache_hits_total", "a\n", "\xff"};
    static const char *const bad_labels[] = {"le", "quantile", "a-b", "", "1"};
    tacho_metric *metric;
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
        spec.name = bad[i];
        assert_int_equal(tacho_counter(r->collector, &spec, &metric), TACHO_INVALID);
    }
    spec.name = "fine.name-1/x";
    spec.label_count = 1;
    for (size_t i = 0; i < sizeof bad_labels / sizeof *bad_labels; ++i) {
        spec.labels = &bad_labels[i];
        assert_int_equal(tacho_counter(r->collector, &spec, &metric), TACHO_INVALID);
    }
    const char *const twice[] = {"a", "a"};
    spec.labels = twice;
    spec.label_count = 2;
    assert_int_equal(tacho_counter(r->collector, &spec, &metric), TACHO_INVALID);
    assert_int_equal(tacho_counter(r->collector, NULL, &metric), TACHO_INVALID);
}

static void test_reset__starts_at_zero_and_keeps_handles(void **state) {
    recorder *r = *state;
    const char *const names[] = {"a"};
    tacho_metric *counter = make(r, tacho_counter, "x", NULL, names, 1), *kept, *dropped;
    tacho_metric_labels(counter, (const char *const[]){"kept"}, 1, &kept);
    tacho_metric_labels(counter, (const char *const[]){"dropped"}, 1, &dropped);
    tacho_counter_count(kept, 5);
    tacho_counter_count(dropped, 5);
    tacho_metric_release(dropped);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    tacho_metric_rows *rows = read_rows(r, NULL);
    assert_int_equal(rows->count, 0);
    tacho_metric_rows_free(rows);
    tacho_counter_count(kept, 2);
    assert_int_equal(only_row(r, "x").value, 2000000);
    tacho_metric_labels(counter, (const char *const[]){"kept"}, 1, &dropped);
    assert_ptr_equal(dropped, kept);
    tacho_metric_release(dropped);
    tacho_metric_release(kept);
    tacho_metric_release(counter);
}

static void test_a_declaration__is_told_in_words(void **state) {
    recorder *r = *state;
    const char *const labels[] = {"route", "method"};
    char words[TACHO_METRIC_WORDS_MAX];
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = "wait";
    spec.unit = "seconds";
    spec.labels = labels;
    spec.label_count = 2;
    spec.merge = TACHO_MERGE_SUM;
    assert_int_equal(tacho_metric_words(TACHO_METRIC_GAUGE, &spec, words, sizeof words), TACHO_OK);
    assert_string_equal(words, "a gauge in s with the labels route, method, merged by sum");
    assert_int_equal(tacho_metric_words(TACHO_METRIC_GAUGE, &spec, words, 8), TACHO_OK);
    assert_string_equal(words, "a gauge");
    assert_int_equal(tacho_metric_declared(r->collector, "wait", words, sizeof words), TACHO_NOT_FOUND);
    assert_string_equal(words, "");
    tacho_metric_release(make(r, tacho_histogram, "wait", "s", labels, 1));
    assert_int_equal(tacho_metric_declared(r->collector, "wait", words, sizeof words), TACHO_OK);
    assert_string_equal(words, "a histogram in s with the label route");
    spec.name = "not allowed";
    assert_int_equal(tacho_metric_words(TACHO_METRIC_GAUGE, &spec, words, sizeof words), TACHO_INVALID);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, recorder_setup, recorder_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_counter__adds_up_in_millionths),
        TEST(test_counter__of_bytes_and_seconds_has_their_unit),
        TEST(test_recording__refuses_what_is_no_amount),
        TEST(test_gauge__is_what_was_set_last),
        TEST(test_histogram__knows_sum_extremes_and_percentiles),
        TEST(test_histogram__takes_durations_in_its_unit),
        TEST(test_labels__find_one_series_per_values),
        TEST(test_declaring__the_same_twice_is_the_same),
        TEST(test_declaring__refuses_names_that_no_format_can_carry),
        TEST(test_reset__starts_at_zero_and_keeps_handles),
        TEST(test_a_declaration__is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
