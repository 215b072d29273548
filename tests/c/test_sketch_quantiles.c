#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "snapshot/grid.h"
#include "snapshot/quantile.h"

#define S INT64_C(1000000000)

static void fill(tacho__buckets *buckets, const int64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_true(tacho__buckets_add(buckets, tacho__grid_index("llm", (uint64_t)values[i]), 1));
    }
}

static void test_quantile__of_nothing_is_unknown(void **state) {
    (void)state;
    tacho__buckets buckets = {0};
    assert_int_equal(tacho__quantile(&buckets, 500, 0, 0), -1);
    assert_int_equal(tacho__spread(&buckets, 0, 0), -1);
}

static void test_quantile__of_one_value_is_that_value(void **state) {
    (void)state;
    const int64_t value = 2340000001;
    tacho__buckets buckets = {0};
    fill(&buckets, &value, 1);
    assert_int_equal(tacho__quantile(&buckets, 500, value, value), value);
    assert_int_equal(tacho__quantile(&buckets, 990, value, value), value);
    assert_int_equal(tacho__spread(&buckets, value, value), -1); /* one value has no spread */
    tacho__buckets_free(&buckets);
}

static void test_quantile__of_equal_values_is_exact(void **state) {
    (void)state;
    tacho__buckets buckets = {0};
    assert_true(tacho__buckets_add(&buckets, tacho__grid_index("llm", 3 * S), 1000000));
    assert_int_equal(tacho__quantile(&buckets, 500, 3 * S, 3 * S), 3 * S);
    assert_int_equal(tacho__quantile(&buckets, 950, 3 * S, 3 * S), 3 * S);
    assert_int_equal(tacho__spread(&buckets, 3 * S, 3 * S), 0);
    tacho__buckets_free(&buckets);
}

static void test_quantile__interpolates_between_neighbours(void **state) {
    (void)state;
    const int64_t values[] = {1 * S, 3 * S};
    tacho__buckets buckets = {0};
    fill(&buckets, values, 2);
    assert_int_equal(tacho__quantile(&buckets, 0, 1 * S, 3 * S), 1 * S);
    assert_int_equal(tacho__quantile(&buckets, 500, 1 * S, 3 * S), 2 * S); /* both ends are exact */
    assert_int_equal(tacho__quantile(&buckets, 950, 1 * S, 3 * S), 2900000000);
    assert_int_equal(tacho__quantile(&buckets, 1000, 1 * S, 3 * S), 3 * S);
    tacho__buckets_free(&buckets);
}

static void test_quantile__answers_with_the_midpoint_of_a_bucket(void **state) {
    (void)state;
    /* 1 s is the upper bound of bucket -1, whose midpoint is 2^(-1/32) s = 0.978572... s. */
    const int64_t values[] = {S / 4, 1 * S, 4 * S};
    tacho__buckets buckets = {0};
    fill(&buckets, values, 3);
    assert_int_equal(tacho__quantile(&buckets, 500, S / 4, 4 * S), 978572062);
    tacho__buckets_free(&buckets);
}

static void test_quantile__knows_zero(void **state) {
    (void)state;
    const int64_t values[] = {0, 0, 0, 1 * S};
    tacho__buckets buckets = {0};
    fill(&buckets, values, 4);
    assert_int_equal(tacho__quantile(&buckets, 500, 0, 1 * S), 0);
    assert_int_equal(tacho__quantile(&buckets, 1000, 0, 1 * S), 1 * S);
    tacho__buckets_free(&buckets);
}

static void test_buckets__merge_and_subtract_exactly(void **state) {
    (void)state;
    tacho__buckets a = {0}, b = {0};
    assert_true(tacho__buckets_add(&a, -300, 2));
    assert_true(tacho__buckets_add(&a, 10, 5));
    assert_true(tacho__buckets_add(&b, 10, 1));
    assert_true(tacho__buckets_add(&b, 200, 7));
    assert_true(tacho__buckets_add(&b, 5000, 1)); /* beyond the grid: its last bucket */
    assert_true(tacho__buckets_merge(&a, &b));
    assert_int_equal(a.total, 16);
    assert_int_equal(a.counts[10 - a.first], 6);
    assert_int_equal(a.counts[TACHO__BUCKET_HIGHEST - a.first], 1);
    tacho__buckets_subtract(&a, &b);
    assert_int_equal(a.total, 7);
    assert_int_equal(a.counts[10 - a.first], 5);
    assert_int_equal(a.counts[200 - a.first], 0);
    tacho__buckets_subtract(&a, &a); /* and never below zero */
    assert_int_equal(a.total, 0);
    tacho__buckets_free(&a);
    tacho__buckets_free(&b);
}

/* ------------------------------------------------------------------------------------------------------ random values
 */

static uint64_t seed;
static double uniform(void) { /* splitmix64 (Steele and others 2014) */
    uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int number_order(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static double worst_error(const int64_t *sorted, size_t count, const tacho__buckets *buckets) {
    double worst = 0.0;
    for (unsigned permille = 0; permille <= 1000; permille += 5) {
        double position = (double)(count - 1) * permille / 1000.0;
        size_t low = (size_t)position;
        double rest = position - (double)low;
        double truth = (double)sorted[low];
        truth += low + 1 < count ? rest * (double)(sorted[low + 1] - sorted[low]) : 0.0;
        double answer = (double)tacho__quantile(buckets, permille, sorted[0], sorted[count - 1]);
        double error = fabs(answer - truth) / truth;
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void test_quantile__is_within_its_bound(void **state) {
    (void)state;
    double worst = 0.0, worst_spread = 0.0;
    for (int round = 0; round < 40; round++) {
        size_t count = 2 + (size_t)(uniform() * 2000.0);
        int64_t *values = calloc(count, sizeof *values);
        tacho__buckets buckets = {0};
        double mean = 0.0, squares = 0.0;
        assert_non_null(values);
        for (size_t i = 0; i < count; i++) { /* log-uniform from 10 us to 1,000 s */
            values[i] = (int64_t)(1e4 * pow(10.0, 8.0 * uniform()));
            double step = (double)values[i] - mean;
            mean += step / (double)(i + 1);
            squares += step * ((double)values[i] - mean);
        }
        fill(&buckets, values, count);
        qsort(values, count, sizeof *values, number_order);
        double error = worst_error(values, count, &buckets);
        worst = error > worst ? error : worst;
        double sd = sqrt(squares / (double)(count - 1));
        double spread_error = fabs((double)tacho__spread(&buckets, values[0], values[count - 1]) - sd) / sd;
        /* a few values may share a bucket, and then their spread is lost */
        worst_spread = count >= 100 && spread_error > worst_spread ? spread_error : worst_spread;
        tacho__buckets_free(&buckets);
        free(values);
    }
    printf("worst quantile %.4f, worst standard deviation %.4f\n", worst, worst_spread);
    assert_true(worst <= 0.022);
    assert_true(worst_spread <= 0.03);
}

int main(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile__of_nothing_is_unknown),
        cmocka_unit_test(test_quantile__of_one_value_is_that_value),
        cmocka_unit_test(test_quantile__of_equal_values_is_exact),
        cmocka_unit_test(test_quantile__interpolates_between_neighbours),
        cmocka_unit_test(test_quantile__answers_with_the_midpoint_of_a_bucket),
        cmocka_unit_test(test_quantile__knows_zero),
        cmocka_unit_test(test_buckets__merge_and_subtract_exactly),
        cmocka_unit_test(test_quantile__is_within_its_bound),
    };
    return cmocka_run_group_tests_name("sketch_quantiles", tests, NULL, NULL);
}
