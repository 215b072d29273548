/** Bounds of custom metrics and caches: memory stays under the cap and totals stay exact. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <tachograph.h>

#include "segment/layout.h"
#include "support/resident.h"

#define THREADS 8
#define VALUES  125000

static tacho_collector *open_collector(uint32_t max_series, uint64_t max_bytes) {
    tacho_collector *collector;
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_series = max_series;
    config.max_bytes = max_bytes;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

static tacho_metric *declare(tacho_collector *collector, const char *name) {
    static const char *const labels[] = {"user"};
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    tacho_metric *metric;
    spec.name = name;
    spec.unit = "By";
    spec.labels = labels;
    spec.label_count = 1;
    assert_int_equal(tacho_counter(collector, &spec, &metric), TACHO_OK);
    return metric;
}

typedef struct worker {
    tacho_metric *metric;
    int number;
} worker;

static void *count_values(void *argument) {
    const worker *me = argument;
    for (int i = 0; i < VALUES; ++i) {
        char value[32];
        snprintf(value, sizeof value, "user-%d-%d", me->number, i);
        tacho_metric *bound;
        if (tacho_metric_labels(me->metric, (const char *const[]){value}, 1, &bound) == TACHO_OK) {
            tacho_counter_count(bound, 1);
            tacho_counter_count(bound, 1);
            tacho_metric_release(bound);
        }
    }
    return NULL;
}

static int64_t total_of(tacho_collector *collector, size_t *rows_out, int64_t *other) {
    tacho_snapshot *snapshot;
    tacho_metric_rows *rows;
    int64_t total = 0;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_metrics(snapshot, NULL, &rows), TACHO_OK);
    *other = 0;
    for (size_t i = 0; i < rows->count; ++i) {
        total += rows->rows[i].value;
        if (rows->rows[i].label_count && strcmp(rows->rows[i].labels[0].value, "other") == 0) {
            *other = rows->rows[i].value;
        }
    }
    *rows_out = rows->count;
    tacho_metric_rows_free(rows);
    tacho_snapshot_free(snapshot);
    return total;
}

static void test_million_label_values__stay_under_the_cap_with_exact_totals(void **state) {
    (void)state;
    tacho_collector *collector = open_collector(0, 0);
    tacho_metric *metric = declare(collector, "requests");
    pthread_t threads[THREADS];
    worker workers[THREADS];
    const uint64_t before = resident_bytes();
    for (int i = 0; i < THREADS; ++i) {
        workers[i] = (worker){metric, i};
        assert_int_equal(pthread_create(&threads[i], NULL, count_values, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    const uint64_t grown = resident_bytes() - before;
    int64_t other;
    size_t rows;
    assert_int_equal(total_of(collector, &rows, &other), 2 * THREADS * VALUES);
    assert_int_equal(rows, 2001); /* and the overflow series */
    assert_int_equal(other, 2 * (THREADS * VALUES - 2000));
    printf("    %d values: %zu series, %.1f MiB more\n", THREADS * VALUES, rows, (double)grown / (1 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(TACHO__UNDER_TSAN)
    assert_true(grown < UINT64_C(8) << 20);
#endif
    tacho_metric_release(metric);
    tacho_collector_close(collector);
}

/* The smallest segment: some series find no room, which the metric `other` counts in millionths. */
static void test_full_segment__still_counts_everything(void **state) {
    (void)state;
    tacho_collector *collector = open_collector(10000, 1 << 20);
    int64_t all = 0;
    for (int metric = 0; metric < 4; ++metric) {
        char name[16];
        snprintf(name, sizeof name, "metric_%d", metric);
        tacho_metric *counter = declare(collector, name);
        for (int i = 0; i < 9000; ++i) {
            char value[64];
            snprintf(value, sizeof value, "a value of its own, number %d of %d", i, metric);
            tacho_metric *bound;
            assert_int_equal(tacho_metric_labels(counter, (const char *const[]){value}, 1, &bound), TACHO_OK);
            tacho_counter_count(bound, 1);
            all += 1;
            tacho_metric_release(bound);
        }
        tacho_metric_release(counter);
    }
    tacho_snapshot *snapshot;
    tacho_metric_rows *rows;
    int64_t total = 0;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_metrics(snapshot, NULL, &rows), TACHO_OK);
    for (size_t i = 0; i < rows->count; ++i) {
        total += rows->rows[i].digits ? rows->rows[i].value / 1000000 : rows->rows[i].value;
    }
    assert_int_equal(total, all);
    tacho_metric_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_metrics__beyond_the_bound_are_booked_to_other(void **state) {
    (void)state;
    tacho_collector *collector = open_collector(0, 0);
    int64_t total = 0;
    for (int i = 0; i < 300; ++i) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
        tacho_metric *metric = NULL;
        spec.name = name;
        assert_int_equal(tacho_counter(collector, &spec, &metric), TACHO_OK);
        tacho_counter_count(metric, 1);
        tacho_metric_release(metric);
    }
    size_t rows;
    int64_t other;
    total = total_of(collector, &rows, &other);
    assert_int_equal(total, INT64_C(300) * 1000000);
    assert_int_equal(rows, 254); /* 253 and `other` */
    tacho_collector_close(collector);
}

static void test_caches__beyond_the_bound_are_one(void **state) {
    (void)state;
    tacho_collector *collector = open_collector(10, 0);
    for (int i = 0; i < 1000; ++i) {
        char name[16];
        snprintf(name, sizeof name, "cache %d", i);
        assert_int_equal(tacho_record_cache(collector, name, TACHO_CACHE_HIT, 2), TACHO_OK);
    }
    assert_int_equal(tacho_record_cache(collector, "", TACHO_CACHE_HIT, 1), TACHO_INVALID);
    assert_int_equal(tacho_record_cache(collector, "x", TACHO_CACHE_EVENT_COUNT, 1), TACHO_INVALID);
    tacho_snapshot *snapshot;
    tacho_cache_rows *rows;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_caches(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->count, 11);
    assert_int_equal(rows->totals.hits, 2000);
    assert_string_equal(rows->rows[10].cache, "other");
    assert_int_equal(rows->rows[10].hits, 1980);
    tacho_cache_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_million_label_values__stay_under_the_cap_with_exact_totals),
        cmocka_unit_test(test_full_segment__still_counts_everything),
        cmocka_unit_test(test_metrics__beyond_the_bound_are_booked_to_other),
        cmocka_unit_test(test_caches__beyond_the_bound_are_one),
    };
    return cmocka_run_group_tests_name("metric bounds", tests, NULL, NULL);
}
