#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/recorder.h"

#define FINISHED(...)                                                                                                  \
    ((tacho_finished){.struct_size = sizeof(tacho_finished), .cost_pusd = TACHO_COST_UNKNOWN, __VA_ARGS__})

static void record_steps(tacho_series *series, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
        const tacho_finished finished = FINISHED(.duration_ns = (first + i) * 1000);
        tacho_record(series, &finished);
    }
}

static void test_ring__keeps_the_newest_and_counts_the_lost(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    record_steps(series, 1, 1000);
    tacho__view *view = recorder_read(r);
    assert_int_equal(tacho__view_record_count(view), 1000);
    assert_int_equal(tacho__view_describe(view)->records_lost, 0);
    record_steps(series, 1001, 2000);
    view = recorder_read(r);
    assert_int_equal(tacho__view_record_count(view), 1024);
    assert_int_equal(tacho__view_describe(view)->records_lost, 3000 - 1024);
    uint64_t least = UINT64_MAX, sum = 0;
    tacho__record_view record;
    for (uint32_t i = 0; i < 1024; ++i) {
        assert_true(tacho__view_record(view, i, &record));
        least = (uint64_t)record.duration_ns < least ? (uint64_t)record.duration_ns : least;
        sum += (uint64_t)record.duration_ns;
    }
    assert_int_equal(least, (3000 - 1023) * 1000);
    assert_int_equal(sum, (uint64_t)(3000 - 1023 + 3000) * 512 * 1000);
    assert_int_equal(recorder_all_calls(r), 3000);
    tacho_series_release(series);
}

static void test_ids__are_distinct_and_not_zero(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    record_steps(series, 1, 1000);
    tacho__view *view = recorder_read(r);
    uint64_t ids[1000];
    tacho__record_view record;
    for (uint32_t i = 0; i < 1000; ++i) {
        tacho__view_record(view, i, &record);
        assert_true(record.id != 0);
        for (uint32_t j = 0; j < i; ++j) {
            assert_true(ids[j] != record.id);
        }
        ids[i] = record.id;
    }
    tacho_series_release(series);
}

static int longer_first(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

static void test_slowest__are_the_32_longest_of_each_kind_since_the_start(void **state) {
    recorder *r = *state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    static const tacho_kind kinds[] = {TACHO_KIND_STEP, TACHO_KIND_TOOL};
    static uint64_t durations[2][5000];
    for (int k = 0; k < 2; ++k) {
        tacho_series *series = recorder_bind(r, kinds[k], "work", NULL, NULL);
        for (int i = 0; i < 5000; ++i) {
            durations[k][i] = (uint64_t)(rand() % 1000000) * 1000 + (uint64_t)i;
            const tacho_finished finished = FINISHED(.duration_ns = durations[k][i]);
            tacho_record(series, &finished);
        }
        tacho_series_release(series);
        qsort(durations[k], 5000, sizeof durations[k][0], longer_first);
    }
    tacho__view *view = recorder_read(r);
    assert_int_equal(tacho__view_slowest_count(view), 64);
    uint64_t found[2][32];
    int count[2] = {0, 0};
    tacho__record_view record;
    for (uint32_t i = 0; i < 64; ++i) {
        assert_true(tacho__view_slowest(view, i, &record));
        const int k = record.kind == TACHO_KIND_TOOL;
        assert_true(count[k] < 32);
        found[k][count[k]++] = (uint64_t)record.duration_ns;
    }
    for (int k = 0; k < 2; ++k) {
        qsort(found[k], 32, sizeof found[k][0], longer_first);
        assert_memory_equal(found[k], durations[k], sizeof found[k]);
    }
}

static void test_small_segment__keeps_fewer_records_but_all_counts(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_bytes = 1 << 20};
    recorder_open(&r, &config);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    record_steps(series, 1, 3000);
    tacho__view *view = recorder_read(&r);
    assert_int_equal(tacho__view_record_count(view) + tacho__view_describe(view)->records_lost, 3000);
    assert_true(tacho__view_record_count(view) == 256); /* a quarter of what is left for details */
    assert_int_equal(recorder_all_calls(&r), 3000);
    tacho_series_release(series);
    recorder_close(&r);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_ring__keeps_the_newest_and_counts_the_lost),
        WITH(test_ids__are_distinct_and_not_zero),
        WITH(test_slowest__are_the_32_longest_of_each_kind_since_the_start),
        cmocka_unit_test(test_small_segment__keeps_fewer_records_but_all_counts),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
