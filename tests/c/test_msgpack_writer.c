#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <msgpack.h>
#include <string.h>

#include "base/memory.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

#define assert_bytes(out, literal)                                                                                     \
    do {                                                                                                               \
        assert_int_equal((out)->length, sizeof(literal) - 1);                                                          \
        assert_memory_equal((out)->data, literal, sizeof(literal) - 1);                                                \
        tacho__buffer_clear(out);                                                                                      \
    } while (0)

static void test_integers__take_the_smallest_form(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__msgpack_put_uint(&out, 127);
    assert_bytes(&out, "\x7F");
    tacho__msgpack_put_int(&out, 128);
    assert_bytes(&out, "\xCC\x80");
    tacho__msgpack_put_uint(&out, 256);
    assert_bytes(&out, "\xCD\1\0");
    tacho__msgpack_put_uint(&out, 65536);
    assert_bytes(&out, "\xCE\0\1\0\0");
    tacho__msgpack_put_uint(&out, UINT64_C(4294967296));
    assert_bytes(&out, "\xCF\0\0\0\1\0\0\0\0");
    tacho__msgpack_put_int(&out, -1);
    assert_bytes(&out, "\xFF");
    tacho__msgpack_put_int(&out, -33);
    assert_bytes(&out, "\xD0\xDF");
    tacho__msgpack_put_int(&out, -129);
    assert_bytes(&out, "\xD1\xFF\x7F");
    tacho__msgpack_put_int(&out, -32769);
    assert_bytes(&out, "\xD2\xFF\xFF\x7F\xFF");
    tacho__msgpack_put_int(&out, INT64_MIN);
    assert_bytes(&out, "\xD3\x80\0\0\0\0\0\0\0");
    tacho__buffer_free(&out);
}

static void test_others__take_the_smallest_form(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__msgpack_put_nil(&out);
    tacho__msgpack_put_bool(&out, true);
    tacho__msgpack_put_bool(&out, false);
    tacho__msgpack_put_money(&out, INT64_MIN);
    tacho__msgpack_put_money(&out, -1);
    assert_bytes(&out, "\xC0\xC3\xC2\xC0\xFF");
    tacho__msgpack_put_double(&out, 1.0);
    assert_bytes(&out, "\xCB\x3F\xF0\0\0\0\0\0\0");
    tacho__msgpack_put_map(&out, 15);
    tacho__msgpack_put_map(&out, 16);
    tacho__msgpack_put_array(&out, 15);
    tacho__msgpack_put_array(&out, 65536);
    assert_bytes(&out, "\x8F\xDE\0\x10\x9F\xDD\0\1\0\0");
    tacho__msgpack_put_key(&out, "a");
    tacho__msgpack_put_str(&out, "", 0);
    tacho__msgpack_put_str(&out, NULL, 5);
    tacho__msgpack_put_bin(&out, "\0", 1);
    tacho__msgpack_put_bin(&out, NULL, 0);
    tacho__msgpack_put_bin(&out, NULL, 1);
    assert_bytes(&out, "\xA1"
                       "a\xA0\xC0\xC4\1\0\xC4\0\xC0");
    char text[300];
    memset(text, 'x', sizeof text);
    tacho__msgpack_put_str(&out, text, 31);
    assert_int_equal(out.length, 32);
    tacho__msgpack_put_str(&out, text, 32);
    assert_int_equal(out.length, 32 + 34);
    tacho__msgpack_put_str(&out, text, 256);
    assert_int_equal(out.length, 32 + 34 + 259);
    tacho__buffer_free(&out);
}

static void test_too_long__marks_the_buffer(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__msgpack_put_str(&out, "", (size_t)UINT32_MAX + 1);
    assert_int_equal(tacho__buffer_status(&out), TACHO_LIMIT);
    tacho__buffer_free(&out);
}

static void test_heap__refusal_is_told_at_the_end(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__memory_fail_after(0, 0);
    tacho__msgpack_put_key(&out, "a");
    tacho__memory_fail_after(-1, 0);
    tacho__msgpack_put_uint(&out, 1);
    assert_int_equal(tacho__buffer_status(&out), TACHO_NOMEM);
    assert_int_equal(out.length, 0);
    tacho__buffer_free(&out);
}

static void test_output__is_read_by_us_and_by_msgpack_c(void **state) {
    (void)state;
    static const int64_t edges[] = {0,
                                    1,
                                    127,
                                    128,
                                    255,
                                    256,
                                    65535,
                                    65536,
                                    -1,
                                    -32,
                                    -33,
                                    -128,
                                    -129,
                                    -32768,
                                    -32769,
                                    INT64_C(4294967295),
                                    INT64_C(4294967296),
                                    INT32_MIN,
                                    INT64_C(-2147483649),
                                    INT64_MAX,
                                    INT64_MIN};
    enum { COUNT = sizeof edges / sizeof *edges };
    tacho__buffer out = TACHO__BUFFER_INIT;
    tacho__msgpack_put_array(&out, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        tacho__msgpack_put_int(&out, edges[i]);
    }
    tacho__msgpack root, value;
    assert_int_equal(tacho__msgpack_check(out.data, out.length, 0, &root, NULL), TACHO_OK);
    tacho__msgpack_walker walker = tacho__msgpack_walk(&root);
    msgpack_unpacked theirs;
    msgpack_unpacked_init(&theirs);
    assert_int_equal(msgpack_unpack_next(&theirs, out.data, out.length, NULL), MSGPACK_UNPACK_SUCCESS);
    for (size_t i = 0; i < COUNT; i++) {
        int64_t ours = 0;
        assert_true(tacho__msgpack_next(&walker, &value));
        assert_int_equal(tacho__msgpack_as_int(&value, &ours), TACHO_OK);
        assert_true(ours == edges[i]);
        assert_true(theirs.data.via.array.ptr[i].via.i64 == edges[i]);
    }
    msgpack_unpacked_destroy(&theirs);
    tacho__buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers__take_the_smallest_form),
        cmocka_unit_test(test_others__take_the_smallest_form),
        cmocka_unit_test(test_too_long__marks_the_buffer),
        cmocka_unit_test(test_heap__refusal_is_told_at_the_end),
        cmocka_unit_test(test_output__is_read_by_us_and_by_msgpack_c),
    };
    return cmocka_run_group_tests_name("msgpack_writer", tests, NULL, NULL);
}
