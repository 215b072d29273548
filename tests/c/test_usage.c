#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <tachograph/usage.h>

static void test_units__are_found_by_both_names(void **state) {
    (void)state;
    assert_int_equal(tacho_unit_find("input"), TACHO_UNIT_INPUT);
    assert_int_equal(tacho_unit_find("input_tokens"), TACHO_UNIT_INPUT);
    assert_int_equal(tacho_unit_find("cache_write_1h_tokens"), TACHO_UNIT_CACHE_WRITE_1H);
    assert_int_equal(tacho_unit_find("tokens"), -1);
    assert_int_equal(tacho_unit_find(NULL), -1);
    assert_null(tacho_unit_describe(TACHO_UNIT_COUNT));
}

static void test_normalise__makes_totals_disjoint(void **state) {
    (void)state;
    tacho_usage out, in = TACHO_USAGE(.flags = TACHO_USAGE_INCLUSIVE, .input = 1000, .cache_read = 200,
                                      .cache_write = 100, .output = 50, .reasoning = 20);
    assert_int_equal(tacho_usage_normalise(&in, &out), TACHO_OK);
    assert_int_equal(out.input, 700);
    assert_int_equal(out.output, 30);
    assert_int_equal(tacho_usage_input_tokens(&out), 1000);
    assert_int_equal(tacho_usage_total_tokens(&out), 1050);
    assert_int_equal(out.flags & TACHO_USAGE_INCLUSIVE, 0);
    assert_int_equal(out.faults, 0);
    tacho_usage again;
    tacho_usage_normalise(&out, &again);
    assert_memory_equal(&again, &out, sizeof out);
}

static void test_normalise__clamps_what_cannot_be(void **state) {
    (void)state;
    tacho_usage out, in = TACHO_USAGE(.flags = TACHO_USAGE_INCLUSIVE, .input = 10, .cache_read = 20, .output = -1,
                                      .web_searches = INT64_MAX);
    tacho_usage_normalise(&in, &out);
    assert_int_equal(out.input, 0);
    assert_int_equal(out.output, 0);
    assert_int_equal(out.web_searches, TACHO_COUNT_MAX);
    assert_int_equal(out.faults,
                     TACHO_USAGE_FAULT_SUBSET_LARGER | TACHO_USAGE_FAULT_NEGATIVE | TACHO_USAGE_FAULT_TOO_LARGE);
}

static void test_normalise__tells_zero_from_absent(void **state) {
    (void)state;
    tacho_usage out, named = TACHO_USAGE(.input = 1), absent = TACHO_USAGE(.flags = TACHO_USAGE_ABSENT, .input = 5);
    tacho_usage_normalise(&named, &out);
    assert_true(out.present == UINT32_MAX); /* what was not named is 0 */
    tacho_usage_normalise(&absent, &out);
    assert_int_equal(out.present, 0);
    assert_int_equal(out.input, 0);
    tacho_usage set = TACHO_USAGE_INIT;
    tacho_usage_set(&set, TACHO_UNIT_OUTPUT, 7);
    tacho_usage_normalise(&set, &out);
    assert_int_equal(out.present, TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT));
    assert_int_equal(tacho_usage_normalise(NULL, &out), TACHO_INVALID);
    tacho_usage empty = {0};
    assert_int_equal(tacho_usage_normalise(&empty, &out), TACHO_INVALID);
}

static void test_add__sums_and_update_replaces(void **state) {
    (void)state;
    tacho_usage a = TACHO_USAGE(.input = 10, .output = 5), b = TACHO_USAGE_INIT;
    tacho_usage_normalise(&a, &a);
    tacho_usage_set(&b, TACHO_UNIT_OUTPUT, 9);
    b.model = "m";
    tacho_usage sum = a, merged = a;
    tacho_usage_add(&sum, &b);
    assert_int_equal(sum.output, 14);
    tacho_usage_update(&merged, &b);
    assert_int_equal(merged.output, 9);
    assert_int_equal(merged.input, 10);
    assert_string_equal(merged.model, "m");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units__are_found_by_both_names),
        cmocka_unit_test(test_normalise__makes_totals_disjoint),
        cmocka_unit_test(test_normalise__clamps_what_cannot_be),
        cmocka_unit_test(test_normalise__tells_zero_from_absent),
        cmocka_unit_test(test_add__sums_and_update_replaces),
    };
    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
