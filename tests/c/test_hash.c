#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/hash.h"

static void test_hash__is_xxh3_for_ever(void **state) {
    (void)state;
    /* Values stand in files, so they may never change: the empty input under seed 0 is XXH3's published value. */
    assert_true(tacho__hash("", 0, 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(tacho__hash("claude-opus-4-6", 15, 0) == tacho__hash("claude-opus-4-6", 15, 0));
    assert_true(tacho__hash("a", 1, 0) != tacho__hash("a", 1, 1));
    assert_true(tacho__hash("a", 1, 0) != tacho__hash("b", 1, 0));
}

static void test_random__does_not_repeat(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    uint64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        ids[i] = tacho__random_id();
        assert_true(ids[i] != 0);
        for (int j = 0; j < i; j++) {
            assert_true(ids[i] != ids[j]);
        }
    }
    unsigned char bytes[2][37] = {{0}};
    tacho__random_bytes(bytes[0], sizeof bytes[0]);
    tacho__random_bytes(bytes[1], sizeof bytes[1]);
    assert_memory_not_equal(bytes[0], bytes[1], sizeof bytes[0]);
}

static void test_hex__reads_what_it_prints(void **state) {
    (void)state;
    static const uint64_t values[] = {0, 1, 0xDEADBEEF, UINT64_C(0x0123456789abcdef), UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[17];
        uint64_t back;
        tacho__hex_text(values[i], text);
        assert_int_equal(strlen(text), 16);
        assert_true(tacho__hex_parse(text, 16, &back));
        assert_true(back == values[i]);
    }
    uint64_t value = 5;
    assert_true(tacho__hex_parse("0a", 2, &value));
    assert_int_equal(value, 10);
    assert_false(tacho__hex_parse("0A", 2, &value));
    assert_false(tacho__hex_parse("g0", 2, &value));
    assert_false(tacho__hex_parse("", 0, &value));
    assert_false(tacho__hex_parse("00000000000000000", 17, &value));
    assert_int_equal(value, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__is_xxh3_for_ever),
        cmocka_unit_test(test_random__does_not_repeat),
        cmocka_unit_test(test_hex__reads_what_it_prints),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
