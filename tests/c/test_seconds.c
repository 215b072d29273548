#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/seconds.h"

static uint64_t converted(double seconds) {
    uint64_t ns = 42;
    assert_int_equal(tacho__seconds_from_double(seconds, &ns), TACHO_OK);
    return ns;
}

static void test_from_double__rounds_the_true_value_once(void **state) {
    (void)state;
    assert_int_equal(converted(0.0), 0);
    assert_int_equal(converted(-0.0), 0);
    assert_int_equal(converted(2.34), 2340000000);
    assert_int_equal(converted(0.35), 350000000);
    assert_int_equal(converted(1e-9), 1);
    assert_int_equal(converted(4.9e-10), 0);
    assert_int_equal(converted(5e-324), 0);
    assert_int_equal(converted(ldexp(1, -32)), 0);
    /* Multiples of 2^-10 s are whole numbers of 2^-1 ns: true ties. */
    assert_int_equal(converted(ldexp(1, -10)), 976562);  /* 976,562.5 */
    assert_int_equal(converted(ldexp(3, -10)), 2929688); /* 2,929,687.5 */
    assert_int_equal(converted(ldexp(5, -10)), 4882812); /* 4,882,812.5 */
    assert_int_equal(converted(9223372036.0), UINT64_C(9223372036000000000));
}

static void test_from_double__refuses_what_is_no_duration(void **state) {
    (void)state;
    const double bad[] = {(double)NAN, (double)INFINITY, (double)-INFINITY, -1e-9, -5e-324, 9223372037.0,
                          1e300,       ldexp(1, 34)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t ns = 42;
        assert_int_equal(tacho__seconds_from_double(bad[i], &ns), TACHO_INVALID);
        assert_int_equal(ns, 42);
    }
}

static void test_from_double__agrees_with_the_text(void **state) {
    (void)state;
    uint64_t seed = 11, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        double seconds = ldexp((double)(random >> 11), (int)(random % 60) - 90);
        char text[1200];
        /* %.*f prints the exact value of a double, so the text rounds to the same nanosecond. */
        int length = snprintf(text, sizeof text, "%.1100f", seconds);
        uint64_t from_text;
        assert_int_equal(tacho__seconds_parse(text, (size_t)length, &from_text), TACHO_OK);
        assert_true(converted(seconds) == from_text);
    }
}

static void test_text__is_exact(void **state) {
    (void)state;
    char text[TACHO__DECIMAL_TEXT];
    tacho__seconds_text(2340000000, text);
    assert_string_equal(text, "2.34");
    tacho__seconds_text(1, text);
    assert_string_equal(text, "0.000000001");
    assert_int_equal(tacho__seconds_text(UINT64_MAX, text), 21);
    assert_string_equal(text, "18446744073.709551615");
}

static void test_parse__reads_seconds(void **state) {
    (void)state;
    uint64_t ns = 42;
    assert_int_equal(tacho__seconds_parse("2.34", 4, &ns), TACHO_OK);
    assert_int_equal(ns, 2340000000);
    assert_int_equal(tacho__seconds_parse("0.0000000005", 12, &ns), TACHO_OK);
    assert_int_equal(ns, 0);
    assert_int_equal(tacho__seconds_parse("-1", 2, &ns), TACHO_INVALID);
    assert_int_equal(tacho__seconds_parse("1s", 2, &ns), TACHO_INVALID);
    assert_int_equal(tacho__seconds_parse("1e11", 4, &ns), TACHO_LIMIT);
    assert_int_equal(ns, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_double__rounds_the_true_value_once),
        cmocka_unit_test(test_from_double__refuses_what_is_no_duration),
        cmocka_unit_test(test_from_double__agrees_with_the_text),
        cmocka_unit_test(test_text__is_exact),
        cmocka_unit_test(test_parse__reads_seconds),
    };
    return cmocka_run_group_tests_name("seconds", tests, NULL, NULL);
}
