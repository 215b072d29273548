#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

static void assert_prints(int64_t value, unsigned digits, const char *wanted) {
    char text[TACHO__DECIMAL_TEXT];
    assert_int_equal(tacho__decimal_text(value, digits, text), strlen(wanted));
    assert_string_equal(text, wanted);
    int64_t back = 1;
    tacho_status status = tacho__decimal_parse(text, strlen(text), digits, TACHO__DECIMAL_EXACT, &back);
    assert_int_equal(status, value == INT64_MIN ? TACHO_LIMIT : TACHO_OK);
    assert_true(value == INT64_MIN || back == value);
}

static void test_text__has_no_exponent_and_no_trailing_zeros(void **state) {
    (void)state;
    assert_prints(0, 12, "0");
    assert_prints(INT64_C(24818943200000), 12, "24.8189432");
    assert_prints(-15, 1, "-1.5");
    assert_prints(1, 12, "0.000000000001");
    assert_prints(-1, 18, "-0.000000000000000001");
    assert_prints(INT64_C(1000000000000), 12, "1");
    assert_prints(1200, 0, "1200");
    assert_prints(INT64_MAX, 12, "9223372.036854775807");
    assert_prints(INT64_MIN, 12, "-9223372.036854775808");
    assert_prints(INT64_MAX, 18, "9.223372036854775807");
    assert_prints(INT64_MAX, 0, "9223372036854775807");
    char text[TACHO__DECIMAL_TEXT];
    tacho__decimal_text_unsigned(UINT64_MAX, 18, text);
    assert_string_equal(text, "18.446744073709551615");
}

static void assert_reads(const char *text, unsigned digits, int64_t exact, tacho_status exact_status, int64_t rounded) {
    int64_t value = 77;
    assert_int_equal(tacho__decimal_parse(text, strlen(text), digits, TACHO__DECIMAL_EXACT, &value), exact_status);
    assert_true(value == (exact_status == TACHO_OK ? exact : 77));
    assert_int_equal(tacho__decimal_parse(text, strlen(text), digits, TACHO__DECIMAL_HALF_EVEN, &value), TACHO_OK);
    assert_true(value == rounded);
}

static void assert_fits(const char *text, unsigned digits, int64_t value) {
    assert_reads(text, digits, value, TACHO_OK, value);
}

static void test_parse__is_exact_in_every_spelling(void **state) {
    (void)state;
    assert_fits("1.5e-06", 12, 1500000);
    assert_fits("1.5E-6", 12, 1500000);
    assert_fits("0.0000015", 12, 1500000);
    assert_fits("150e-8", 12, 1500000);
    assert_fits("+1.50000000000000000000000000000000000000", 1, 15);
    assert_fits("00001.5", 1, 15);
    assert_fits("-0", 12, 0);
    assert_fits("0e999999999999999999999999", 12, 0);
    assert_fits("-0.000e-5", 12, 0);
    assert_fits("1e6", 12, INT64_C(1000000000000000000));
    assert_fits("9223372.036854775807", 12, INT64_MAX);
    assert_fits("-9223372.036854775807", 12, -INT64_MAX);
    assert_fits("0.000000000000000000000000000001e30", 0, 1);
    assert_fits("1000000000000000000000000000000e-30", 0, 1);
    assert_fits("9223372036854775807000e-3", 0, INT64_MAX);
    assert_fits("3e-15", 15, 3);
}

static void test_parse__rounds_once_half_to_even(void **state) {
    (void)state;
    assert_reads("0.5", 0, 0, TACHO_LIMIT, 0);
    assert_reads("1.5", 0, 0, TACHO_LIMIT, 2);
    assert_reads("2.5", 0, 0, TACHO_LIMIT, 2);
    assert_reads("-2.5", 0, 0, TACHO_LIMIT, -2);
    assert_reads("-3.5", 0, 0, TACHO_LIMIT, -4);
    assert_reads("2.500000000000000000000000000000000001", 0, 0, TACHO_LIMIT, 3);
    assert_reads("2.4999999999999999999999999999999999999", 0, 0, TACHO_LIMIT, 2);
    assert_reads("0.49", 0, 0, TACHO_LIMIT, 0);
    assert_reads("0.051", 1, 0, TACHO_LIMIT, 1);
    assert_reads("0.05", 0, 0, TACHO_LIMIT, 0);
    assert_reads("1e-400", 12, 0, TACHO_LIMIT, 0);
    assert_reads("9e-99999999999999999999", 12, 0, TACHO_LIMIT, 0);
    assert_reads("9223372036854775806.5", 0, 0, TACHO_LIMIT, INT64_MAX - 1);
    assert_reads("1.2345678901234567e-05", 12, 0, TACHO_LIMIT, 12345679);
}

static void test_parse__says_what_is_too_big(void **state) {
    (void)state;
    static const char *const big[] = {
        "9223372036854775808",  "-9223372036854775808",       "9223372036854775807.5", "1e19",
        "18446744073709551616", "99999999999999999999999999", "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
        int64_t value = 77;
        assert_int_equal(tacho__decimal_parse(big[i], strlen(big[i]), 0, TACHO__DECIMAL_HALF_EVEN, &value),
                         TACHO_LIMIT);
        assert_int_equal(tacho__decimal_parse(big[i], strlen(big[i]), 0, TACHO__DECIMAL_EXACT, &value), TACHO_LIMIT);
        assert_int_equal(value, 77);
    }
}

static void test_parse__refuses_what_is_no_number(void **state) {
    (void)state;
    static const char *const bad[] = {"",     "-",   "+",        ".",     ".5",    "5.",    "1e",   "1e+",
                                      "1e-",  "e5",  "1.e5",     "1,5",   " 1",    "1 ",    "--1",  "+-1",
                                      "0x10", "NaN", "Infinity", "1_000", "1.5.5", "1e5e5", "1e5.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 77;
        assert_int_equal(tacho__decimal_parse(bad[i], strlen(bad[i]), 12, TACHO__DECIMAL_EXACT, &value), TACHO_INVALID);
        assert_int_equal(value, 77);
    }
    int64_t value;
    assert_int_equal(tacho__decimal_parse("1\0", 2, 0, TACHO__DECIMAL_EXACT, &value), TACHO_INVALID);
}

static void test_parse__reads_what_text_prints(void **state) {
    (void)state;
    uint64_t seed = 42, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int64_t value = (int64_t)random >> (random >> 58);
        char text[TACHO__DECIMAL_TEXT];
        unsigned digits = (unsigned)(random >> 20) % (TACHO__DECIMAL_DIGITS + 1);
        size_t length = tacho__decimal_text(value, digits, text);
        int64_t back;
        assert_int_equal(tacho__decimal_parse(text, length, digits, TACHO__DECIMAL_EXACT, &back), TACHO_OK);
        assert_true(back == value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__has_no_exponent_and_no_trailing_zeros),
        cmocka_unit_test(test_parse__is_exact_in_every_spelling),
        cmocka_unit_test(test_parse__rounds_once_half_to_even),
        cmocka_unit_test(test_parse__says_what_is_too_big),
        cmocka_unit_test(test_parse__refuses_what_is_no_number),
        cmocka_unit_test(test_parse__reads_what_text_prints),
    };
    return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
