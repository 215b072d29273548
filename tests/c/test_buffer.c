#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "support/scratch.h"

static void test_append__keeps_every_byte_while_growing(void **state) {
    (void)state;
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    for (int i = 0; i < 5000; i++) {
        tacho__buffer_byte(&buffer, (char)(i % 251));
    }
    tacho__buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.length, 5000);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal((unsigned char)buffer.data[i], i % 251);
    }
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_OK);
    tacho__buffer_free(&buffer);
    assert_null(buffer.data);
}

static void test_numbers__print_their_extremes(void **state) {
    (void)state;
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    tacho__buffer_uint(&buffer, 0);
    tacho__buffer_byte(&buffer, ' ');
    tacho__buffer_uint(&buffer, UINT64_MAX);
    tacho__buffer_byte(&buffer, ' ');
    tacho__buffer_int(&buffer, INT64_MIN);
    tacho__buffer_byte(&buffer, ' ');
    tacho__buffer_int(&buffer, INT64_MAX);
    assert_string_equal(tacho__buffer_text(&buffer), "0 18446744073709551615 -9223372036854775808 9223372036854775807");
    tacho__buffer_free(&buffer);
}

static const char *printed(tacho__buffer *buffer, double value) {
    tacho__buffer_clear(buffer);
    tacho__buffer_double(buffer, value);
    return tacho__buffer_text(buffer);
}

static void test_double__is_shortest_and_reads_back(void **state) {
    (void)state;
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    assert_string_equal(printed(&buffer, 0.1), "0.1");
    assert_string_equal(printed(&buffer, -0.0), "-0");
    assert_string_equal(printed(&buffer, 1e22), "1e+22");
    assert_string_equal(printed(&buffer, 2.34), "2.34");
    assert_string_equal(printed(&buffer, (double)NAN), "NaN");
    assert_string_equal(printed(&buffer, (double)INFINITY), "+Inf");
    assert_string_equal(printed(&buffer, (double)-INFINITY), "-Inf");
    const double hard[] = {5e-324,  1.7976931348623157e308, 0.1 + 0.2,
                           1.0 / 3, 9007199254740993.0,     2.2250738585072014e-308};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        double back = strtod(printed(&buffer, hard[i]), NULL);
        assert_memory_equal(&back, &hard[i], sizeof back);
    }
    tacho__buffer_free(&buffer);
}

/* Minimal systems have no locale but C: then one is made in `folder`. */
static bool set_locale_with_comma(const char *folder) {
    static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
    for (size_t i = 0; i < sizeof with_comma / sizeof *with_comma; i++) {
        if (setlocale(LC_NUMERIC, with_comma[i])) {
            return true;
        }
    }
    char command[512];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", folder);
    return system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_NUMERIC, with_comma[0]);
}

static void test_double__has_a_point_in_every_locale(void **state) {
    (void)state;
    scratch place;
    scratch_make(&place);
    if (!set_locale_with_comma(place.folder)) {
        scratch_remove(&place);
        print_message("SKIP: no locale with a decimal comma is installed, and localedef cannot make one\n");
        skip();
    }
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    assert_string_equal(printed(&buffer, -1234.5), "-1234.5");
    setlocale(LC_NUMERIC, "C");
    tacho__buffer_free(&buffer);
    scratch_remove(&place);
}

static void test_limit__marks_it_failed_and_keeps_the_rest(void **state) {
    (void)state;
    tacho__buffer buffer = {.limit = 8};
    tacho__buffer_string(&buffer, "12345678");
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_OK);
    assert_string_equal(tacho__buffer_text(&buffer), "12345678");
    tacho__buffer_byte(&buffer, '9');
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_LIMIT);
    assert_int_equal(buffer.length, 8);
    assert_null(tacho__buffer_text(&buffer));
    tacho__buffer_clear(&buffer);
    tacho__buffer_string(&buffer, "again");
    assert_string_equal(tacho__buffer_text(&buffer), "again");
    tacho__buffer_free(&buffer);
    assert_int_equal(buffer.limit, 8);
}

static void test_reserve__refuses_absurd_sizes(void **state) {
    (void)state;
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    tacho__buffer_byte(&buffer, 'a');
    assert_false(tacho__buffer_reserve(&buffer, SIZE_MAX));
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_LIMIT);
    tacho__buffer_free(&buffer);
}

static void test_refusal__by_the_heap_is_nomem(void **state) {
    (void)state;
    tacho__buffer buffer = TACHO__BUFFER_INIT;
    tacho__buffer_string(&buffer, "kept");
    tacho__memory_fail_after(0, 0);
    char many[4096] = {0};
    tacho__buffer_append(&buffer, many, sizeof many);
    tacho__memory_fail_after(-1, 0);
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_NOMEM);
    assert_int_equal(buffer.length, 4);
    tacho__buffer_string(&buffer, "ignored");
    assert_int_equal(buffer.length, 4);
    tacho__buffer_free(&buffer);
    assert_int_equal(tacho__buffer_status(&buffer), TACHO_OK);
}

static void test_memory__fails_once_or_from_then_on(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        tacho__memory_fail_after(2, forever);
        void *got[4];
        for (int i = 0; i < 4; i++) {
            got[i] = tacho__malloc(0);
        }
        tacho__memory_fail_after(-1, 0);
        assert_non_null(got[0]);
        assert_non_null(got[1]);
        assert_null(got[2]);
        assert_int_equal(got[3] == NULL, forever);
        for (int i = 0; i < 4; i++) {
            tacho__free(got[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append__keeps_every_byte_while_growing),
        cmocka_unit_test(test_numbers__print_their_extremes),
        cmocka_unit_test(test_double__is_shortest_and_reads_back),
        cmocka_unit_test(test_double__has_a_point_in_every_locale),
        cmocka_unit_test(test_limit__marks_it_failed_and_keeps_the_rest),
        cmocka_unit_test(test_reserve__refuses_absurd_sizes),
        cmocka_unit_test(test_refusal__by_the_heap_is_nomem),
        cmocka_unit_test(test_memory__fails_once_or_from_then_on),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
