/**
 * Names that somebody else chooses (P24): a million of them from eight threads, and some of a mebibyte. Memory stays
 * below the cap, totals stay exact, what was known before goes on counting, and a reset begins anew.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <time.h>

#include "segment/layout.h" /* TACHO__UNDER_TSAN */
#include "support/resident.h"

#define THREADS 8
#if defined(__SANITIZE_ADDRESS__) || defined(TACHO__UNDER_TSAN)
#define NAMES 5000
#else
#define NAMES 125000
#endif
#define SERIES  2000
#define METRICS 10000
#define CAP     (UINT64_C(8) << 20)
#define HANDLES (UINT64_C(4) << 20) /* what a process keeps beside its segment: core/DESIGN.md, Memory */
#define MS      UINT64_C(1000000)

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static tacho_collector *open_collector(void) {
    tacho_collector *collector;
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_series = SERIES;
    config.max_bytes = CAP;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

static void count_one(tacho_collector *collector, const char *name, const char *model) {
    tacho_series *series = NULL;
    assert_int_equal(
        tacho_bind(collector, TACHO_KIND_LLM, name, &TACHO_LABELS(.provider = "own", .model = model), &series),
        TACHO_OK);
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = MS;
    const tacho_usage usage = TACHO_USAGE(.input = 3, .output = 5);
    finished.usage = &usage;
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    tacho_series_release(series);
}

typedef struct worker {
    tacho_collector *collector;
    int number;
    int declared, refused;
} worker;

static void *invent(void *argument) {
    const worker *me = argument;
    for (int i = 0; i < NAMES; ++i) {
        char name[32], model[32];
        snprintf(name, sizeof name, "name %d of %d", i, me->number);
        snprintf(model, sizeof model, "model-%d-%d", i, me->number);
        count_one(me->collector, name, model);
        if (i % 100 == 0) {
            count_one(me->collector, "known", "known");
        }
    }
    return NULL;
}

/* Calls of all operations, of the one named "known", and how many rows there are. */
static int64_t calls_of(tacho_collector *collector, int64_t *known, size_t *rows_out, int64_t *input) {
    tacho_snapshot *snapshot;
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    *known = 0;
    for (size_t i = 0; i < rows->count; ++i) {
        *known += strcmp(rows->rows[i].operation, "known") == 0 ? rows->rows[i].calls : 0;
    }
    const int64_t calls = rows->totals.calls;
    *input = rows->totals.units[TACHO_UNIT_INPUT];
    *rows_out = rows->count;
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    return calls;
}

static void test_million_names__stay_under_the_cap_with_exact_totals(void **state) {
    (void)state;
    tacho_collector *collector = open_collector();
    count_one(collector, "known", "known");
    const uint64_t before = resident_bytes();
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        workers[i] = (worker){.collector = collector, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, invent, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    const uint64_t grown = resident_bytes() - before;
    const int64_t known_calls = 1 + THREADS * (NAMES / 100), all = known_calls + THREADS * NAMES;
    int64_t known, input;
    size_t rows;
    const double start = seconds();
    assert_int_equal(calls_of(collector, &known, &rows, &input), all);
    const double took = seconds() - start;
    assert_int_equal(known, known_calls);
    assert_int_equal(input, 3 * all);
    assert_true(rows <= SERIES + TACHO_KIND_COUNT);
    printf("    %d names: %zu rows, %.1f MiB more, read in %.0f ms\n", THREADS * NAMES, rows, (double)grown / (1 << 20),
           took * 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(TACHO__UNDER_TSAN)
    assert_true(grown <= CAP + HANDLES);
    assert_true(took < 1);
#endif
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    count_one(collector, "after the reset", "new");
    assert_int_equal(calls_of(collector, &known, &rows, &input), 1);
    assert_int_equal(rows, 1);
    tacho_collector_close(collector);
}

static void test_names__of_a_mebibyte_take_the_room_of_a_name(void **state) {
    (void)state;
    enum { LENGTH = 1 << 20, TIMES = 50 };
    char *name = malloc(LENGTH + 1);
    assert_non_null(name);
    memset(name, 'n', LENGTH);
    name[LENGTH] = '\0';
    tacho_collector *collector = open_collector();
    count_one(collector, "known", "known");
    const uint64_t before = resident_bytes();
    for (int i = 0; i < TIMES; ++i) {
        name[LENGTH - 1] = (char)('a' + i % 26); /* differ at the very end only */
        count_one(collector, name, name);
        tacho_series *series;
        tacho_operation operation;
        assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, "plan", NULL, &series), TACHO_OK);
        tacho_begin(series, NULL, &operation);
        tacho_operation_component(&operation, name, MS);
        tacho_operation_tool_call(&operation, name, MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
        tacho_operation_fail(&operation, TACHO_CATEGORY_OTHER, name);
        tacho_end(&operation, TACHO_OUTCOME_ERROR);
        tacho_series_release(series);
        tacho_record_cache(collector, name, TACHO_CACHE_HIT, 1);
    }
    const uint64_t grown = resident_bytes() - before;
    int64_t known, input;
    size_t rows;
    assert_int_equal(calls_of(collector, &known, &rows, &input), 1 + 2 * TIMES);
    assert_int_equal(known, 1);
    printf("    %d names of %d bytes: %.1f MiB more\n", 5 * TIMES, LENGTH, (double)grown / (1 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(TACHO__UNDER_TSAN)
    assert_true(grown < UINT64_C(2) << 20);
#endif
    tacho_collector_close(collector);
    free(name);
}

static void *declare_many(void *argument) {
    worker *me = argument;
    for (int i = 0; i < METRICS / THREADS; ++i) {
        char name[32];
        tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
        tacho_metric *metric = NULL;
        snprintf(name, sizeof name, "metric_%d_%d", i, me->number);
        spec.name = name;
        const tacho_status status = tacho_counter(me->collector, &spec, &metric);
        me->declared += status == TACHO_OK;
        me->refused += status == TACHO_FULL;
        tacho_counter_count(metric, 2); /* of none: does nothing */
        tacho_metric_release(metric);
    }
    return NULL;
}

/* What is declared is counted exactly, in the metric `other` from the 254th on; from the 1,024th on the caller is told.
 */
static void test_ten_thousand_metrics__keep_an_exact_total(void **state) {
    (void)state;
    tacho_collector *collector = open_collector();
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        workers[i] = (worker){.collector = collector, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, declare_many, &workers[i]), 0);
    }
    int declared = 0, refused = 0;
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
        declared += workers[i].declared;
        refused += workers[i].refused;
    }
    tacho_snapshot *snapshot;
    tacho_metric_rows *rows;
    int64_t total = 0;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_metrics(snapshot, NULL, &rows), TACHO_OK);
    for (size_t i = 0; i < rows->count; ++i) { /* the metric `other` counts in millionths */
        total += rows->rows[i].digits ? rows->rows[i].value / 1000000 : rows->rows[i].value;
    }
    assert_true(rows->count < 300);
    tacho_metric_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
    assert_int_equal(declared, 1023);
    assert_int_equal(refused, METRICS - 1023);
    assert_int_equal(total, 2 * declared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_million_names__stay_under_the_cap_with_exact_totals),
        cmocka_unit_test(test_names__of_a_mebibyte_take_the_room_of_a_name),
        cmocka_unit_test(test_ten_thousand_metrics__keep_an_exact_total),
    };
    return cmocka_run_group_tests_name("hostile labels", tests, NULL, NULL);
}
