#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Cleans a literal, which may hold NULs, and compares. */
#define assert_cleaned(literal, wanted)                                                                                \
    do {                                                                                                               \
        char out[TACHO__TEXT_CAP + 1];                                                                                 \
        size_t size = tacho__text_clean(literal, sizeof(literal) - 1, out);                                            \
        assert_int_equal(size, sizeof(wanted) - 1);                                                                    \
        assert_memory_equal(out, wanted, sizeof(wanted));                                                              \
    } while (0)

#define BAD "\xEF\xBF\xBD"

static void test_decode__round_trips_every_scalar_value(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (code >= 0xD800 && code <= 0xDFFF) {
            continue;
        }
        char encoded[4];
        uint32_t back;
        bool valid;
        size_t size = tacho__text_encode(code, encoded);
        assert_int_equal(tacho__text_decode(encoded, size, &back, &valid), size);
        assert_true(valid && back == code);
        assert_true(tacho__text_valid(encoded, size));
        assert_true(size == 1 || !tacho__text_valid(encoded, size - 1));
    }
}

static void test_valid__refuses_ill_formed(void **state) {
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5",
                                      "\xFF",
                                      "\xFE",
                                      "\xE2\x82",
                                      "\xF0\x9F\x98",
                                      "ascii then \xC3",
                                      "\xC3(",
                                      "a\xE2(\xA1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(tacho__text_valid(bad[i], strlen(bad[i])));
    }
    assert_true(tacho__text_valid("", 0));
    const char *mixed = "plain ascii of more than eight bytes, then \xC3\xA9 and more of it";
    assert_true(tacho__text_valid(mixed, strlen(mixed)));
    assert_true(tacho__text_valid("a\0b", 3));
}

static void test_clean__replaces_maximal_subparts(void **state) {
    (void)state;
    /* The example of Unicode 15, table 3-8. */
    assert_cleaned("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", "a" BAD BAD BAD "b" BAD "c" BAD BAD "d");
    assert_cleaned("\xED\xA0\x80", BAD BAD BAD);
    assert_cleaned("\xEF\xBF\xBD", BAD);
}

static void test_clean__drops_control_characters(void **state) {
    (void)state;
    assert_cleaned("a\0b\r\nc\x1B[31m\td\x7F", "abc[31md");
    assert_cleaned("\xC2\x80\xC2\x9F\xC2\xA0", "\xC2\xA0");
    assert_cleaned("\0\0\0", "");
    assert_cleaned("", "");
}

static void test_clean__keeps_hostile_but_printable_text(void **state) {
    (void)state;
    assert_cleaned("=1+1|#:,\"\\<script>%s%n\xE2\x80\xA8", "=1+1|#:,\"\\<script>%s%n\xE2\x80\xA8");
}

static void test_clean__cuts_with_a_hash_of_the_whole(void **state) {
    (void)state;
    char a[1000], b[1000], one[TACHO__TEXT_CAP + 1], two[TACHO__TEXT_CAP + 1];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    assert_int_equal(tacho__text_clean(a, 200, one), 200);
    assert_int_equal(one[199], 'x');
    b[999] = 'y';
    assert_int_equal(tacho__text_clean(a, sizeof a, one), 200);
    assert_int_equal(tacho__text_clean(b, sizeof b, two), 200);
    assert_memory_equal(one, two, 192);
    assert_int_equal(one[191], '~');
    assert_string_not_equal(one, two);
    assert_int_equal(strspn(one + 192, "0123456789abcdef"), 8);
    assert_int_equal(tacho__text_clean(one, 200, two), 200);
    assert_string_equal(one, two);
}

static void test_clean__never_cuts_inside_a_code_point(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        char in[400], out[TACHO__TEXT_CAP + 1];
        memset(in, 'x', shift);
        for (size_t at = shift; at + 4 <= sizeof in; at += 4) {
            memcpy(in + at, "\xF0\x9F\x98\x80", 4);
        }
        size_t size = tacho__text_clean(in, sizeof in - 4, out);
        assert_true(size <= TACHO__TEXT_CAP && size > TACHO__TEXT_CAP - 13);
        assert_true(tacho__text_valid(out, size));
        assert_int_equal(out[size], '\0');
    }
}

static void test_clean__is_stable_on_random_bytes(void **state) {
    (void)state;
    uint64_t seed = 20240229, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        char in[300], once[TACHO__TEXT_CAP + 1], twice[TACHO__TEXT_CAP + 1];
        size_t length = (size_t)(random >> 33) % sizeof in;
        for (size_t at = 0; at < length; at++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            in[at] = (char)(random >> 56);
        }
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t size = tacho__text_clean(in, length, once);
        assert_true(size <= TACHO__TEXT_CAP);
        assert_true(tacho__text_valid(once, size));
        assert_int_equal(strlen(once), size);
        assert_int_equal(tacho__text_clean(once, size, twice), size);
        assert_string_equal(once, twice);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__round_trips_every_scalar_value),
        cmocka_unit_test(test_valid__refuses_ill_formed),
        cmocka_unit_test(test_clean__replaces_maximal_subparts),
        cmocka_unit_test(test_clean__drops_control_characters),
        cmocka_unit_test(test_clean__keeps_hostile_but_printable_text),
        cmocka_unit_test(test_clean__cuts_with_a_hash_of_the_whole),
        cmocka_unit_test(test_clean__never_cuts_inside_a_code_point),
        cmocka_unit_test(test_clean__is_stable_on_random_bytes),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
