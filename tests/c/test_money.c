#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/money.h"

static int64_t product(uint64_t count, int64_t rate, uint64_t per, uint64_t numerator, uint64_t denominator) {
    bool saturated = false;
    int64_t amount = tacho__money_product(count, rate, per, numerator, denominator, &saturated);
    assert_false(saturated);
    return amount;
}

static void test_product__prices_tokens(void **state) {
    (void)state;
    /* 4,433 tokens at 5 USD per million: 5,000,000 pUSD a token = 5e9 fUSD. */
    assert_int_equal(product(4433, INT64_C(5000000000), 1, 1, 1), INT64_C(22165000000));
    /* The same rate given per million units, and halved by a modifier. */
    assert_int_equal(product(4433, INT64_C(5000000000000000), 1000000, 1, 1), INT64_C(22165000000));
    assert_int_equal(product(4433, INT64_C(5000000000), 1, 1, 2), INT64_C(11082500000));
    assert_int_equal(product(4433, INT64_C(5000000000), 1, 11, 10), INT64_C(24381500000));
    assert_int_equal(product(0, INT64_MAX, 1, 1, 1), 0);
    assert_int_equal(product(UINT64_MAX, 0, 1, 1, 1), 0);
    assert_int_equal(product(UINT64_MAX, INT64_MAX, 1, 0, 1), 0);
}

static void test_product__rounds_ties_to_even(void **state) {
    (void)state;
    assert_int_equal(product(1, 499, 1, 1, 1), 0);
    assert_int_equal(product(1, 500, 1, 1, 1), 0);
    assert_int_equal(product(1, 501, 1, 1, 1), 1);
    assert_int_equal(product(1, 1500, 1, 1, 1), 2);
    assert_int_equal(product(1, 2500, 1, 1, 1), 2);
    assert_int_equal(product(1, -500, 1, 1, 1), 0);
    assert_int_equal(product(1, -1500, 1, 1, 1), -2);
    assert_int_equal(product(1, -2501, 1, 1, 1), -3);
    /* A tie that two roundings would get wrong: 1499.9 fUSD is 1 pUSD and 499.9; rounded first to 1500, it would be 2.
     */
    assert_int_equal(product(1, 14999, 1, 1, 10), 1);
    assert_int_equal(product(3, 5000, 10, 1, 1), 2);
    assert_int_equal(product(3, 5000, 6, 1, 1), 2);
}

static void test_product__clamps_and_says_so(void **state) {
    (void)state;
    bool saturated = false;
    assert_true(tacho__money_product(UINT64_MAX, INT64_MAX, 1, UINT32_MAX, 1, &saturated) == TACHO__MONEY_MAX);
    assert_true(saturated);
    saturated = false;
    assert_true(tacho__money_product(UINT64_MAX, -INT64_MAX, TACHO__MONEY_MAX_PER, UINT32_MAX,
                                     TACHO__MONEY_MAX_DENOMINATOR, &saturated) == TACHO__MONEY_MIN);
    assert_true(saturated);
    assert_true(tacho__money_product(UINT64_MAX, INT64_MAX, 1, 1, 1, NULL) == TACHO__MONEY_MAX);
    saturated = false;
    assert_true(tacho__money_product(1000, INT64_MAX, 1, 1, 1, &saturated) == INT64_MAX);
    assert_false(saturated);
    assert_true(tacho__money_product(1001, INT64_MAX, 1, 1, 1, &saturated) == INT64_MAX);
    assert_true(saturated);
    assert_true(tacho__money_product(1, 0, 1, 1, 1, &saturated) == 0);
    assert_true(saturated); /* once set it stays */
}

static void test_product__of_an_unknown_rate_is_unknown(void **state) {
    (void)state;
    bool saturated = false;
    assert_true(tacho__money_product(0, TACHO__MONEY_UNKNOWN, 1, 1, 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_product(1, 1, 0, 1, 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_product(1, 1, TACHO__MONEY_MAX_PER + 1, 1, 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_product(1, 1, 1, (uint64_t)UINT32_MAX + 1, 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_product(1, 1, 1, 1, 0, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_product(1, 1, 1, 1, TACHO__MONEY_MAX_DENOMINATOR + 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_false(saturated);
}

/* |2 x (amount x divisor - product)| <= divisor, and equal only for even amounts: the definition of the rounding. */
static void test_product__is_the_nearest_amount(void **state) {
    (void)state;
    uint64_t seed = 7, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 200000; round++) {
        uint64_t draw[3];
        for (int i = 0; i < 3; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            draw[i] = random >> 16;
        }
        uint64_t count = draw[0] % 100000000, per = draw[1] % 3 == 0 ? 1 : draw[1] % 1000000 + 1;
        int64_t rate = (int64_t)(draw[1] % UINT64_C(100000000000)) - 20000000000;
        uint64_t numerator = draw[2] % 40 + 1, denominator = (draw[2] >> 20) % 40 + 1;
        int64_t amount = tacho__money_product(count, rate, per, numerator, denominator, NULL);
        __int128 exact = (__int128)count * rate * (int64_t)numerator,
                 divisor = (__int128)per * (int64_t)denominator * 1000;
        __int128 off = 2 * ((__int128)amount * divisor - exact);
        off = off < 0 ? -off : off;
        assert_true(off < divisor || (off == divisor && amount % 2 == 0));
    }
}

static void test_add__is_checked(void **state) {
    (void)state;
    bool saturated = false;
    assert_int_equal(tacho__money_add(2, -5, &saturated), -3);
    assert_true(tacho__money_add(TACHO__MONEY_UNKNOWN, 1, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_add(1, TACHO__MONEY_UNKNOWN, &saturated) == TACHO__MONEY_UNKNOWN);
    assert_true(tacho__money_add(INT64_MAX - 1, 1, &saturated) == INT64_MAX);
    assert_true(tacho__money_add(TACHO__MONEY_MIN + 1, -1, &saturated) == TACHO__MONEY_MIN);
    assert_false(saturated);
    assert_true(tacho__money_add(TACHO__MONEY_MIN, -1, &saturated) == TACHO__MONEY_MIN); /* not unknown */
    assert_true(saturated);
    saturated = false;
    assert_true(tacho__money_add(INT64_MAX, 1, &saturated) == TACHO__MONEY_MAX);
    assert_true(saturated);
    assert_true(tacho__money_add(TACHO__MONEY_MIN, TACHO__MONEY_MIN, NULL) == TACHO__MONEY_MIN);
}

static void test_text__of_unknown_is_nothing(void **state) {
    (void)state;
    char text[TACHO__DECIMAL_TEXT] = "x";
    assert_int_equal(tacho__money_text(TACHO__MONEY_UNKNOWN, text), 0);
    assert_string_equal(text, "");
    assert_int_equal(tacho__money_text(INT64_C(24818943200000), text), 10);
    assert_string_equal(text, "24.8189432");
    tacho__money_text(TACHO__MONEY_MIN, text);
    assert_string_equal(text, "-9223372.036854775807");
}

static void test_parse__reads_prices_exactly(void **state) {
    (void)state;
    int64_t value = 0;
    assert_int_equal(tacho__money_parse("0.0954790", 9, &value), TACHO_OK);
    assert_int_equal(value, INT64_C(95479000000));
    assert_int_equal(tacho__money_parse("0.0000000000001", 15, &value), TACHO_LIMIT);
    assert_int_equal(tacho__money_parse_rounded("0.0000000000005", 15, &value), TACHO_OK);
    assert_int_equal(value, 0);
    assert_int_equal(tacho__money_parse_rate("1.5e-06", 7, &value), TACHO_OK);
    assert_int_equal(value, INT64_C(1500000000));
    assert_int_equal(tacho__money_parse_rate("7.5e-08", 7, &value), TACHO_OK);
    assert_int_equal(value, INT64_C(75000000));
    assert_int_equal(tacho__money_parse("nothing", 7, &value), TACHO_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product__prices_tokens),
        cmocka_unit_test(test_product__rounds_ties_to_even),
        cmocka_unit_test(test_product__clamps_and_says_so),
        cmocka_unit_test(test_product__of_an_unknown_rate_is_unknown),
        cmocka_unit_test(test_product__is_the_nearest_amount),
        cmocka_unit_test(test_add__is_checked),
        cmocka_unit_test(test_text__of_unknown_is_nothing),
        cmocka_unit_test(test_parse__reads_prices_exactly),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
