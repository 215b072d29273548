#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <tachograph/status.h>

static const tacho_status all[] = {
#define X(name, value, text) TACHO_##name,
    TACHO_STATUS_MAP(X)
#undef X
};
static const size_t all_count = sizeof all / sizeof *all;

static void test_status_text__is_a_distinct_sentence_for_each(void **state) {
    (void)state;
    for (size_t i = 0; i < all_count; i++) {
        const char *text = tacho_status_text(all[i]);
        assert_true(strlen(text) > 3);
        assert_true(text[strlen(text) - 1] != '.');
        assert_string_not_equal(text, "unknown status");
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(text, tacho_status_text(all[j]));
            assert_string_not_equal(tacho_status_name(all[i]), tacho_status_name(all[j]));
            assert_int_not_equal(all[i], all[j]);
        }
    }
}

static void test_status_values__are_what_was_published(void **state) {
    (void)state;
    assert_int_equal(TACHO_OK, 0);
    assert_int_equal(TACHO_INVALID, -1);
    assert_int_equal(TACHO_DENIED, -15);
    assert_string_equal(tacho_status_name(TACHO_NOT_FOUND), "NOT_FOUND");
}

static void test_status__off_the_list_is_unknown(void **state) {
    (void)state;
    assert_string_equal(tacho_status_text((tacho_status)1), "unknown status");
    assert_string_equal(tacho_status_text((tacho_status)-1000), "unknown status");
    assert_string_equal(tacho_status_name((tacho_status)1), "?");
}

static void test_version__is_the_header_s(void **state) {
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", TACHO_VERSION_MAJOR, TACHO_VERSION_MINOR, TACHO_VERSION_PATCH);
    assert_string_equal(tacho_version(), text);
    assert_string_equal(tacho_version(), TACHO_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_text__is_a_distinct_sentence_for_each),
        cmocka_unit_test(test_status_values__are_what_was_published),
        cmocka_unit_test(test_status__off_the_list_is_unknown),
        cmocka_unit_test(test_version__is_the_header_s),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
