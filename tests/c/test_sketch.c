#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect/collector.h"
#include "segment/sketch.h"
#include "support/recorder.h"

/* Big integers of 64 x 32 bits, little-endian: enough for the 16th power of a 64-bit bound times 2^640. */
#define LIMBS 64
typedef struct big {
    uint32_t limb[LIMBS];
} big;

static big big_of(uint64_t value) {
    big b = {{(uint32_t)value, (uint32_t)(value >> 32)}};
    return b;
}

static big multiply(const big *a, const big *b) {
    big product = {{0}};
    for (int i = 0; i < LIMBS; ++i) {
        uint64_t carry = 0;
        for (int j = 0; i + j < LIMBS; ++j) {
            carry += (uint64_t)a->limb[i] * b->limb[j] + product.limb[i + j];
            product.limb[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    return product;
}

static big power16(uint64_t value) {
    big b = big_of(value);
    for (int i = 0; i < 4; ++i) {
        b = multiply(&b, &b);
    }
    return b;
}

static big shift(const big *a, unsigned bits) {
    big out = {{0}};
    for (unsigned i = 0; i + bits / 32 < LIMBS; ++i) {
        const uint64_t wide = (uint64_t)a->limb[i] << (bits % 32);
        out.limb[i + bits / 32] |= (uint32_t)wide;
        if (i + bits / 32 + 1 < LIMBS) {
            out.limb[i + bits / 32 + 1] |= (uint32_t)(wide >> 32);
        }
    }
    return out;
}

static int compare(const big *a, const big *b) {
    for (int i = LIMBS - 1; i >= 0; --i) {
        if (a->limb[i] != b->limb[i]) {
            return a->limb[i] < b->limb[i] ? -1 : 1;
        }
    }
    return 0;
}

/* -1, 0, 1: value against per_unit x 2^(k/16), by 16th powers. */
static int against(uint64_t value, uint64_t per_unit, int k) {
    big left = power16(value), right = power16(per_unit);
    if (k >= 0) {
        right = shift(&right, (unsigned)k);
    } else {
        left = shift(&left, (unsigned)-k);
    }
    return compare(&left, &right);
}

static void check_bounds(const uint64_t *bounds, int first, int last, uint64_t per_unit) {
    for (int k = first; k <= last; ++k) {
        const uint64_t bound = bounds[k - first];
        assert_true(against(bound, per_unit, k) <= 0);
        assert_true(against(bound + 1, per_unit, k) > 0);
    }
}

static void test_bounds__are_the_floor_of_the_exact_roots(void **state) {
    (void)state;
    check_bounds(tacho__bounds_seconds, -320, 320, 1000000000);
    check_bounds(tacho__bounds_tokens, 0, 512, 1);
    check_bounds(tacho__bounds_usd, -352, 160, UINT64_C(1000000000000));
    check_bounds(tacho__bounds_one, -256, 256, 1000000);
}

/* Bucket by definition: the smallest whose upper bound is not below the value. */
static uint32_t slow_bucket(const tacho__grid *grid, uint64_t value) {
    uint32_t bucket = 0;
    while (bucket < TACHO__BUCKETS - 1 && value > grid->bounds[bucket + 1]) {
        ++bucket;
    }
    return bucket;
}

static void check_value(const tacho__grid *grid, uint64_t value) {
    bool low, high;
    const uint32_t bucket = tacho__grid_place(grid, value, &low, &high);
    assert_int_equal(bucket, slow_bucket(grid, value));
    assert_int_equal(low, value <= grid->bounds[0]);
    assert_int_equal(high, value > grid->bounds[TACHO__BUCKETS]);
}

static void test_place__is_exact_at_every_bound_and_its_neighbours(void **state) {
    (void)state;
    tacho__grids_prepare();
    for (int number = 0; number < TACHO__GRID_ONE; ++number) {
        const tacho__grid *grid = &tacho__grids[number];
        for (uint32_t i = 0; i <= TACHO__BUCKETS; ++i) {
            for (uint64_t step = 0; step < 3; ++step) {
                if (grid->bounds[i] + step > 1) {
                    check_value(grid, grid->bounds[i] + step - 1);
                }
            }
        }
        check_value(grid, 1);
        check_value(grid, INT64_MAX);
        check_value(grid, UINT64_MAX);
    }
}

static void test_place__is_exact_for_random_values(void **state) {
    (void)state;
    tacho__grids_prepare();
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 200000; ++i) {
        const uint64_t random = (uint64_t)rand() << 32 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
        check_value(&tacho__grids[i % TACHO__GRID_ONE], (random >> (rand() % 63)) | 1);
    }
}

static void test_duration__of_zero_counts_without_bucket(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    assert_int_equal(tacho_observe(series, 0), TACHO_OK);
    assert_int_equal(tacho_observe(series, 0), TACHO_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->calls, 2);
    assert_int_equal(view->duration.zero, 2);
    assert_int_equal(view->duration.count, 2);
    assert_int_equal(view->duration.octaves, 0);
    assert_int_equal(view->duration.min, 0);
    assert_int_equal(view->duration.max, 0);
    tacho_series_release(series);
}

static void test_duration__outside_the_grid_is_counted_in_its_edge(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(series, 5);
    tacho_observe(series, 5);
    tacho_observe(series, 5);
    tacho_observe(series, 5000 * S);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->calls, 4);
    assert_int_equal(view->duration.low, 3);
    assert_int_equal(view->duration.high, 1);
    assert_int_equal(tacho__histogram_bucket(&view->duration, 0), 3);
    assert_int_equal(tacho__histogram_bucket(&view->duration, TACHO__BUCKETS - 1), 1);
    assert_int_equal(view->duration.min, 5);
    assert_int_equal(view->duration.max, 5000 * S);
    assert_int_equal(view->duration.sum, 5000 * S + 15);
    tacho_series_release(series);
}

static void test_duration__of_agents_uses_the_long_grid(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_observe(series, 5000 * S);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_AGENT, "fixer", NULL);
    assert_int_equal(view->duration.high, 0);
    assert_int_equal(view->duration.grid, TACHO__GRID_LONG_SECONDS);
    for (unsigned i = 0; i < TACHO__BUCKETS; ++i) {
        if (tacho__histogram_bucket(&view->duration, i)) {
            assert_int_equal(tacho__grid_absolute(TACHO__GRID_LONG_SECONDS, i), 196); /* ceil(16 log2 5000) - 1 */
        }
    }
    tacho_series_release(series);
}

/* Reaches into the segment: nobody counts four thousand million values in a test. */
static tacho__half *find_bucket(const tacho_series *series, uint32_t bucket) {
    const tacho__lane *lane = tacho__lane_of_thread(&series->collector->writer);
    const tacho__sketch *sketch = &lane->bound[series->slot].block->duration;
    return tacho__sketch_bucket(lane->base, sketch, bucket);
}

static void test_bucket__carries_into_a_high_line(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 3; ++i) {
        tacho_observe(series, 1 * S);
    }
    const uint32_t bucket = slow_bucket(&tacho__grids[TACHO__GRID_SECONDS], S);
    tacho__put_half(find_bucket(series, bucket), UINT32_MAX);
    tacho_observe(series, 1 * S);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_true(tacho__histogram_bucket(&view->duration, bucket) == UINT64_C(1) << 32);
    const tacho_finished again = {.struct_size = sizeof again, .duration_ns = S, .cost_pusd = TACHO_COST_UNKNOWN};
    tacho_record(series, &again);
    view = recorder_series(r, TACHO_KIND_STEP, "plan", NULL);
    assert_true(view->calls == (UINT64_C(1) << 32) + 1);
    tacho_series_release(series);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds__are_the_floor_of_the_exact_roots),
        cmocka_unit_test(test_place__is_exact_at_every_bound_and_its_neighbours),
        cmocka_unit_test(test_place__is_exact_for_random_values),
        cmocka_unit_test_setup_teardown(test_duration__of_zero_counts_without_bucket, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_duration__outside_the_grid_is_counted_in_its_edge, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_duration__of_agents_uses_the_long_grid, recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_bucket__carries_into_a_high_line, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests_name("sketch", tests, NULL, NULL);
}
