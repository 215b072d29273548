#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

static tacho_status check(const char *bytes, size_t length, tacho__msgpack *root) {
    return tacho__msgpack_check(bytes, length, 0, root, NULL);
}

#define CHECK(literal, root) check(literal, sizeof(literal) - 1, root)

static void write_sample(tacho__buffer *out) {
    tacho__msgpack_put_map(out, 8);
    tacho__msgpack_put_key(out, "unknown");
    tacho__msgpack_put_array(out, 2);
    tacho__msgpack_put_map(out, 1);
    tacho__msgpack_put_key(out, "name");
    tacho__msgpack_put_uint(out, 1);
    tacho__msgpack_put_array(out, 0);
    tacho__msgpack_put_key(out, "name");
    tacho__msgpack_put_str(out, "caf\xC3\xA9", 5);
    tacho__msgpack_put_key(out, "count");
    tacho__msgpack_put_uint(out, UINT64_MAX);
    tacho__msgpack_put_key(out, "cost");
    tacho__msgpack_put_money(out, -1500000);
    tacho__msgpack_put_key(out, "none");
    tacho__msgpack_put_money(out, INT64_MIN);
    tacho__msgpack_put_key(out, "ok");
    tacho__msgpack_put_bool(out, true);
    tacho__msgpack_put_key(out, "p");
    tacho__msgpack_put_double(out, 0.25);
    tacho__msgpack_put_key(out, "raw");
    tacho__msgpack_put_bin(out, "\0\1\2", 3);
}

static void test_get__finds_by_key_and_type(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    write_sample(&out);
    tacho__msgpack root, value;
    assert_int_equal(check(out.data, out.length, &root), TACHO_OK);
    assert_int_equal(root.type, TACHO__MSGPACK_MAP);
    assert_int_equal(root.count, 8);

    uint64_t u = 0;
    int64_t i = 0;
    double d = 0;
    bool ok = false;
    const char *text = NULL;
    const uint8_t *bytes = NULL;
    size_t length = 0;
    assert_int_equal(tacho__msgpack_get_str(&root, "name", &text, &length), TACHO_OK);
    assert_int_equal(length, 5);
    assert_memory_equal(text, "caf\xC3\xA9", 5);
    assert_int_equal(tacho__msgpack_get_uint(&root, "count", &u), TACHO_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(tacho__msgpack_get_int(&root, "count", &i), TACHO_FOREIGN);
    assert_int_equal(tacho__msgpack_get_int(&root, "cost", &i), TACHO_OK);
    assert_int_equal(i, -1500000);
    assert_int_equal(tacho__msgpack_get_uint(&root, "cost", &u), TACHO_FOREIGN);
    assert_int_equal(tacho__msgpack_get_int(&root, "none", &i), TACHO_NOT_FOUND);
    assert_int_equal(tacho__msgpack_get_int(&root, "absent", &i), TACHO_NOT_FOUND);
    assert_int_equal(tacho__msgpack_get_bool(&root, "ok", &ok), TACHO_OK);
    assert_true(ok);
    assert_int_equal(tacho__msgpack_get_bool(&root, "name", &ok), TACHO_FOREIGN);
    assert_int_equal(tacho__msgpack_get_double(&root, "p", &d), TACHO_OK);
    assert_true(d == 0.25);
    assert_int_equal(tacho__msgpack_get_double(&root, "cost", &d), TACHO_OK);
    assert_true(d == -1500000);
    assert_int_equal(tacho__msgpack_get_double(&root, "ok", &d), TACHO_FOREIGN);
    assert_int_equal(tacho__msgpack_get_bin(&root, "raw", &bytes, &length), TACHO_OK);
    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "\0\1\2", 3);
    assert_int_equal(tacho__msgpack_get_bin(&root, "name", &bytes, &length), TACHO_FOREIGN);
    assert_int_equal(tacho__msgpack_get_array(&root, "unknown", &value), TACHO_OK);
    assert_int_equal(value.count, 2);
    assert_int_equal(tacho__msgpack_get_map(&root, "unknown", &value), TACHO_FOREIGN);
    assert_false(tacho__msgpack_get(&value, "name", &value));
    tacho__buffer_free(&out);
}

static void test_walk__steps_over_what_is_inside(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    write_sample(&out);
    tacho__msgpack root, key, value;
    assert_int_equal(check(out.data, out.length, &root), TACHO_OK);
    static const char *const names[] = {"unknown", "name", "count", "cost", "none", "ok", "p", "raw"};
    tacho__msgpack_walker walker = tacho__msgpack_walk(&root);
    for (size_t i = 0; i < 8; i++) {
        assert_true(tacho__msgpack_next_pair(&walker, &key, &value));
        assert_true(tacho__msgpack_is(&key, names[i]));
        assert_false(tacho__msgpack_is(&key, "nam"));
    }
    assert_false(tacho__msgpack_next_pair(&walker, &key, &value));
    walker = tacho__msgpack_walk(&value);
    assert_false(tacho__msgpack_next(&walker, &value));
    tacho__buffer_free(&out);
}

static void test_check__refuses_every_truncation_and_every_extension(void **state) {
    (void)state;
    tacho__buffer out = TACHO__BUFFER_INIT;
    write_sample(&out);
    tacho__msgpack root;
    for (size_t length = 0; length < out.length; length++) {
        char *exact = malloc(length + 1);
        memcpy(exact, out.data, length);
        size_t offset = 999;
        assert_int_equal(tacho__msgpack_check(exact, length, 0, &root, &offset), TACHO_DAMAGED);
        assert_true(offset <= length);
        free(exact);
    }
    tacho__msgpack_put_nil(&out);
    assert_int_equal(check(out.data, out.length, &root), TACHO_DAMAGED);
    assert_int_equal(check(NULL, 0, &root), TACHO_DAMAGED);
    tacho__buffer_free(&out);
}

static void test_check__refuses_bombs_without_allocating(void **state) {
    (void)state;
    tacho__msgpack root;
    char bomb[160], nested[64];
    for (size_t at = 0; at < sizeof bomb; at += 5) {
        memcpy(bomb + at, "\xDD\xFF\xFF\xFF\xFF", 5); /* array32 of 2^32 - 1 */
    }
    tacho__memory_fail_after(0, 1);
    assert_int_equal(check(bomb, sizeof bomb, &root), TACHO_DAMAGED);
    for (size_t at = 0; at < sizeof bomb; at += 5) {
        memcpy(bomb + at, "\xDD\0\0\0\1", 5); /* 32 arrays, each in the one before */
    }
    assert_int_equal(check(bomb, sizeof bomb, &root), TACHO_LIMIT);
    assert_int_equal(CHECK("\xDF\xFF\xFF\xFF\xFF\xC0\xC0", &root), TACHO_DAMAGED);
    assert_int_equal(CHECK("\xDF\x80\0\0\0\xC0\xC0", &root), TACHO_DAMAGED); /* twice 2^31 would wrap to 0 */
    assert_int_equal(CHECK("\xDB\xFF\xFF\xFF\xFF"
                           "a",
                           &root),
                     TACHO_DAMAGED);
    assert_int_equal(CHECK("\xC6\xFF\xFF\xFF\xFF"
                           "a",
                           &root),
                     TACHO_DAMAGED);
    assert_int_equal(CHECK("\xC9\xFF\xFF\xFF\xFF\1a", &root), TACHO_DAMAGED);
    for (size_t depth = 1; depth < sizeof nested; depth++) {
        memset(nested, '\x91', depth - 1);
        nested[depth - 1] = '\x90';
        assert_int_equal(check(nested, depth, &root), depth <= TACHO__MSGPACK_MAX_DEPTH ? TACHO_OK : TACHO_LIMIT);
    }
    tacho__memory_fail_after(-1, 0);
}

static void test_check__keeps_the_size_limit(void **state) {
    (void)state;
    tacho__msgpack root;
    assert_int_equal(tacho__msgpack_check("\xC4\1a", 3, 3, &root, NULL), TACHO_OK);
    assert_int_equal(tacho__msgpack_check("\xC4\1a", 3, 2, &root, NULL), TACHO_LIMIT);
    assert_int_equal(tacho__msgpack_check("\xC0", (size_t)TACHO__MSGPACK_MAX_BYTES + 1, 0, &root, NULL), TACHO_LIMIT);
}

static void test_check__refuses_the_byte_that_is_never_used(void **state) {
    (void)state;
    tacho__msgpack root;
    size_t offset;
    assert_int_equal(CHECK("\xC1", &root), TACHO_DAMAGED);
    assert_int_equal(tacho__msgpack_check("\x92\xC0\xC1", 3, 0, &root, &offset), TACHO_DAMAGED);
    assert_int_equal(offset, 2);
    assert_int_equal(tacho__msgpack_check("\xC0\xC0", 2, 0, &root, &offset), TACHO_DAMAGED);
    assert_int_equal(offset, 1);
}

typedef struct number_case {
    const char *bytes;
    size_t length;
    bool is_negative;
    uint64_t u;
    int64_t i;
} number_case;

static void test_integers__of_every_width(void **state) {
    (void)state;
    static const number_case cases[] = {
        {"\x00", 1, false, 0, 0},
        {"\x7F", 1, false, 127, 0},
        {"\xCC\xFF", 2, false, 255, 0},
        {"\xCD\xFF\xFF", 3, false, 65535, 0},
        {"\xCE\xFF\xFF\xFF\xFF", 5, false, UINT32_MAX, 0},
        {"\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, false, UINT64_MAX, 0},
        {"\xFF", 1, true, 0, -1},
        {"\xE0", 1, true, 0, -32},
        {"\xD0\x80", 2, true, 0, -128},
        {"\xD0\x7F", 2, false, 127, 0},
        {"\xD1\x80\x00", 3, true, 0, INT16_MIN},
        {"\xD2\x80\x00\x00\x00", 5, true, 0, INT32_MIN},
        {"\xD3\x80\x00\x00\x00\x00\x00\x00\x00", 9, true, 0, INT64_MIN},
        {"\xD3\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, false, INT64_MAX, 0},
        {"\xD3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, true, 0, -1},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        tacho__msgpack root;
        int64_t i = 0;
        uint64_t u = 0;
        assert_int_equal(check(cases[at].bytes, cases[at].length, &root), TACHO_OK);
        assert_int_equal(root.type, cases[at].is_negative ? TACHO__MSGPACK_INT : TACHO__MSGPACK_UINT);
        if (cases[at].is_negative) {
            assert_int_equal(tacho__msgpack_as_int(&root, &i), TACHO_OK);
            assert_true(i == cases[at].i);
            assert_int_equal(tacho__msgpack_as_uint(&root, &u), TACHO_FOREIGN);
        } else {
            assert_int_equal(tacho__msgpack_as_uint(&root, &u), TACHO_OK);
            assert_true(u == cases[at].u);
            assert_int_equal(tacho__msgpack_as_int(&root, &i), u > INT64_MAX ? TACHO_FOREIGN : TACHO_OK);
        }
    }
}

static void test_other_types__are_read(void **state) {
    (void)state;
    tacho__msgpack root;
    assert_int_equal(CHECK("\xCA\x3E\x80\x00\x00", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_DOUBLE && root.as.number == 0.25);
    assert_int_equal(CHECK("\xCB\x7F\xF8\0\0\0\0\0\0", &root), TACHO_OK);
    assert_true(isnan(root.as.number));
    assert_int_equal(CHECK("\xC3", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_BOOL && root.as.boolean);
    assert_int_equal(CHECK("\xC2", &root), TACHO_OK);
    assert_false(root.as.boolean);
    assert_int_equal(CHECK("\xC0", &root), TACHO_OK);
    assert_int_equal(root.type, TACHO__MSGPACK_NIL);
    assert_int_equal(CHECK("\xD6\xFF\1\2\3\4", &root), TACHO_OK); /* a 32-bit timestamp */
    assert_true(root.type == TACHO__MSGPACK_EXT && root.ext_type == -1 && root.length == 4);
    assert_int_equal(CHECK("\xD8\x05"
                           "0123456789abcdef",
                           &root),
                     TACHO_OK);
    assert_true(root.ext_type == 5 && root.length == 16);
    assert_int_equal(CHECK("\xC7\0\x7F", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_EXT && root.ext_type == 127 && root.length == 0);
    assert_int_equal(CHECK("\xC8\0\1\2x", &root), TACHO_OK);
    assert_true(root.ext_type == 2 && root.length == 1 && root.bytes[0] == 'x');
    assert_int_equal(CHECK("\xD9\1x", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_STR && root.length == 1);
    assert_int_equal(CHECK("\xDA\0\1x", &root), TACHO_OK);
    assert_int_equal(CHECK("\xDB\0\0\0\1x", &root), TACHO_OK);
    assert_int_equal(CHECK("\xDC\0\1\xC0", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_ARRAY && root.count == 1);
    assert_int_equal(CHECK("\xDE\0\1\xC0\xC0", &root), TACHO_OK);
    assert_int_equal(CHECK("\xC5\0\1x", &root), TACHO_OK);
    assert_true(root.type == TACHO__MSGPACK_BIN);
}

static void test_get__takes_the_first_of_equal_keys_and_skips_other_keys(void **state) {
    (void)state;
    tacho__msgpack root, value;
    /* {1: 2, ["a"]: 3, bin "a": 4, "a": 5, "a": 6} */
    assert_int_equal(CHECK("\x85\1\2\x91\xA1"
                           "a\3\xC4\1a\4\xA1"
                           "a\5\xA1"
                           "a\6",
                           &root),
                     TACHO_OK);
    assert_true(tacho__msgpack_get(&root, "a", &value));
    assert_int_equal(value.as.u, 5);
    assert_false(tacho__msgpack_get(&root, "", &value));
}

/* Any bytes that pass the check can be walked whole, and the walk ends where they end. */
static size_t count_values(const tacho__msgpack *value) {
    size_t count = 1;
    tacho__msgpack inner;
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    while (tacho__msgpack_next(&walker, &inner)) {
        count += count_values(&inner);
    }
    assert_int_equal(walker.left, 0);
    return count;
}

static void test_check__lets_only_pass_what_can_be_walked(void **state) {
    (void)state;
    uint64_t seed = 5, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    tacho__buffer out = TACHO__BUFFER_INIT;
    write_sample(&out);
    int passed = 0;
    for (int round = 0; round < 50000; round++) {
        char copy[256];
        memcpy(copy, out.data, out.length);
        for (int i = 0; i < 3; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            copy[(random >> 33) % out.length] = (char)(random >> 56);
        }
        tacho__msgpack root;
        if (check(copy, out.length, &root) == TACHO_OK) {
            passed++;
            assert_true(count_values(&root) <= out.length);
        }
    }
    assert_true(passed > 0);
    tacho__buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get__finds_by_key_and_type),
        cmocka_unit_test(test_walk__steps_over_what_is_inside),
        cmocka_unit_test(test_check__refuses_every_truncation_and_every_extension),
        cmocka_unit_test(test_check__refuses_bombs_without_allocating),
        cmocka_unit_test(test_check__keeps_the_size_limit),
        cmocka_unit_test(test_check__refuses_the_byte_that_is_never_used),
        cmocka_unit_test(test_integers__of_every_width),
        cmocka_unit_test(test_other_types__are_read),
        cmocka_unit_test(test_get__takes_the_first_of_equal_keys_and_skips_other_keys),
        cmocka_unit_test(test_check__lets_only_pass_what_can_be_walked),
    };
    return cmocka_run_group_tests_name("msgpack_reader", tests, NULL, NULL);
}
