#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strings.h"
#include "base/text.h"

static uint32_t id_of(tacho__strings *strings, const char *text) {
    uint32_t id = 99;
    assert_int_equal(tacho__strings_intern(strings, text, strlen(text), &id), TACHO_OK);
    return id;
}

static void test_new__holds_the_empty_string(void **state) {
    (void)state;
    tacho__strings *strings = tacho__strings_new(0, 0);
    assert_int_equal(tacho__strings_count(strings), 1);
    assert_int_equal(id_of(strings, ""), TACHO__STRING_EMPTY);
    assert_string_equal(tacho__strings_get(strings, TACHO__STRING_EMPTY).text, "");
    assert_string_equal(tacho__strings_get(strings, 1).text, "");
    assert_string_equal(tacho__strings_get(strings, UINT32_MAX).text, "");
    tacho__strings_free(strings);
    tacho__strings_free(NULL);
}

static void test_intern__gives_each_text_one_id_for_ever(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    tacho__strings *strings = tacho__strings_new(0, 0);
    const char *first = tacho__strings_get(strings, id_of(strings, "name 0")).text;
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[32];
        snprintf(text, sizeof text, "name %u", i);
        assert_int_equal(id_of(strings, text), i + 1);
    }
    assert_int_equal(tacho__strings_count(strings), COUNT + 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "name %u", i);
        uint32_t id;
        assert_int_equal(tacho__strings_find(strings, text, (size_t)length, &id), TACHO_OK);
        assert_int_equal(id, i + 1);
        tacho__string got = tacho__strings_get(strings, id);
        assert_string_equal(got.text, text);
        assert_int_equal(got.length, length);
    }
    assert_ptr_equal(tacho__strings_get(strings, 1).text, first);
    tacho__strings_free(strings);
}

static void test_intern__cleans_first(void **state) {
    (void)state;
    tacho__strings *strings = tacho__strings_new(0, 0);
    uint32_t id, same;
    assert_int_equal(tacho__strings_intern(strings, "a\0b\n\xFF", 5, &id), TACHO_OK);
    assert_string_equal(tacho__strings_get(strings, id).text, "ab\xEF\xBF\xBD");
    assert_int_equal(tacho__strings_intern(strings, "ab\xEF\xBF\xBD", 5, &same), TACHO_OK);
    assert_int_equal(id, same);
    char long_text[5000];
    memset(long_text, 'n', sizeof long_text);
    assert_int_equal(tacho__strings_intern(strings, long_text, sizeof long_text, &id), TACHO_OK);
    assert_int_equal(tacho__strings_get(strings, id).length, TACHO__TEXT_CAP);
    tacho__strings_free(strings);
}

static void test_find__adds_nothing(void **state) {
    (void)state;
    tacho__strings *strings = tacho__strings_new(0, 0);
    uint32_t id = 5;
    assert_int_equal(tacho__strings_find(strings, "absent", 6, &id), TACHO_NOT_FOUND);
    assert_int_equal(id, TACHO__STRING_EMPTY);
    assert_int_equal(tacho__strings_count(strings), 1);
    tacho__strings_free(strings);
}

static void test_intern__is_bounded_in_count_and_bytes(void **state) {
    (void)state;
    tacho__strings *strings = tacho__strings_new(3, 0);
    uint32_t a = id_of(strings, "a"), b = id_of(strings, "b"), id = 7;
    assert_int_equal(tacho__strings_intern(strings, "c", 1, &id), TACHO_FULL);
    assert_int_equal(id, TACHO__STRING_EMPTY);
    assert_int_equal(tacho__strings_refused(strings), 1);
    assert_int_equal(id_of(strings, "a"), a);
    assert_int_equal(id_of(strings, "b"), b);
    tacho__strings_free(strings);

    strings = tacho__strings_new(0, 1 + 5);
    id_of(strings, "1234");
    assert_int_equal(tacho__strings_bytes(strings), 6);
    assert_int_equal(tacho__strings_intern(strings, "x", 1, &id), TACHO_FULL);
    tacho__strings_free(strings);
}

static void test_intern__survives_every_refusal_of_the_heap(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (int64_t k = 0;; k++) {
            tacho__memory_fail_after(k, forever);
            tacho__strings *strings = tacho__strings_new(0, 0);
            tacho_status worst = strings == NULL ? TACHO_NOMEM : TACHO_OK;
            for (uint32_t i = 0; strings != NULL && i < 300; i++) {
                char text[64];
                int length = snprintf(text, sizeof text, "a name of some length, number %u", i);
                uint32_t id;
                tacho_status status = tacho__strings_intern(strings, text, (size_t)length, &id);
                worst = status != TACHO_OK ? status : worst;
                assert_true(status == TACHO_NOMEM || strcmp(tacho__strings_get(strings, id).text, text) == 0);
            }
            tacho__memory_fail_after(-1, 0);
            tacho__strings_free(strings);
            if (worst == TACHO_OK) {
                assert_true(k > 4);
                break;
            }
            assert_int_equal(worst, TACHO_NOMEM);
        }
    }
}

static _Atomic int finished;

static void *read_all(void *strings) {
    while (!atomic_load(&finished)) {
        uint32_t count = tacho__strings_count(strings);
        for (uint32_t id = 1; id < count; id++) {
            char text[32];
            snprintf(text, sizeof text, "n%u", id);
            if (strcmp(tacho__strings_get(strings, id).text, text) != 0) {
                return "wrong";
            }
        }
    }
    return NULL;
}

static void test_get__runs_beside_interning(void **state) {
    (void)state;
    tacho__strings *strings = tacho__strings_new(0, 0);
    pthread_t reader;
    atomic_store(&finished, 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all, strings), 0);
    for (uint32_t i = 1; i < 3000; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%u", i);
        id_of(strings, text);
    }
    atomic_store(&finished, 1);
    void *result;
    pthread_join(reader, &result);
    assert_null(result);
    tacho__strings_free(strings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new__holds_the_empty_string),
        cmocka_unit_test(test_intern__gives_each_text_one_id_for_ever),
        cmocka_unit_test(test_intern__cleans_first),
        cmocka_unit_test(test_find__adds_nothing),
        cmocka_unit_test(test_intern__is_bounded_in_count_and_bytes),
        cmocka_unit_test(test_intern__survives_every_refusal_of_the_heap),
        cmocka_unit_test(test_get__runs_beside_interning),
    };
    return cmocka_run_group_tests_name("strings", tests, NULL, NULL);
}
