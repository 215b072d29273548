#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/traceparent.h"

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static void test_parse__reads_and_prints_the_standard_s_example(void **state) {
    (void)state;
    const char *text = "00-" TRACE "-" PARENT "-01";
    tacho__traceparent got;
    assert_int_equal(tacho__traceparent_parse(text, strlen(text), &got), TACHO_OK);
    assert_true(got.trace_high == UINT64_C(0x0af7651916cd43dd) && got.trace_low == UINT64_C(0x8448eb211c80319c));
    assert_true(got.parent == UINT64_C(0xb7ad6b7169203331));
    assert_int_equal(got.flags, 1);
    char out[TACHO__TRACEPARENT_LENGTH + 1];
    tacho__traceparent_text(&got, out);
    assert_string_equal(out, text);
}

static void test_parse__accepts(void **state) {
    (void)state;
    static const char *const good[] = {
        "00-" TRACE "-" PARENT "-00",
        "00-" TRACE "-" PARENT "-03",
        "00-" TRACE "-" PARENT "-ff",
        "cc-" TRACE "-" PARENT "-01",
        "cc-" TRACE "-" PARENT "-01-",
        "cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like",
        "fe-" TRACE "-" PARENT "-01",
        "00-0000000000000000"
        "8448eb211c80319c-" PARENT "-01",
        "00-0af7651916cd43dd"
        "0000000000000000-" PARENT "-01",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tacho__traceparent got;
        assert_int_equal(tacho__traceparent_parse(good[i], strlen(good[i]), &got), TACHO_OK);
    }
}

static void test_parse__rejects(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "ff-" TRACE "-" PARENT "-01",
        "0F-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01-",
        "00-" TRACE "-" PARENT "-01-extra",
        "00-" TRACE "-" PARENT "-011",
        "cc-" TRACE "-" PARENT "-01.what",
        "cc-" TRACE "-" PARENT "-011",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-" TRACE "-" PARENT "-0A",
        "00-" TRACE "-" PARENT "-x1",
        "00-.af7651916cd43dd8448eb211c80319c-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "000-" TRACE "-" PARENT "-1",
        " 00-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tacho__traceparent got = {.flags = 77};
        assert_int_equal(tacho__traceparent_parse(bad[i], strlen(bad[i]), &got), TACHO_INVALID);
        assert_int_equal(got.flags, 77);
    }
}

static void test_parse__rejects_every_truncation(void **state) {
    (void)state;
    const char *text = "00-" TRACE "-" PARENT "-01";
    for (size_t length = 0; length < TACHO__TRACEPARENT_LENGTH; length++) {
        tacho__traceparent got;
        assert_int_equal(tacho__traceparent_parse(text, length, &got), TACHO_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__reads_and_prints_the_standard_s_example),
        cmocka_unit_test(test_parse__accepts),
        cmocka_unit_test(test_parse__rejects),
        cmocka_unit_test(test_parse__rejects_every_truncation),
    };
    return cmocka_run_group_tests_name("traceparent", tests, NULL, NULL);
}
