#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/money.h"
#include "base/text.h"
#include "wire/json_reader.h"
#include "wire/json_writer.h"

typedef struct fixture {
    tacho__buffer out;
    tacho__json_writer writer;
} fixture;

static tacho__json_writer *begin(fixture *f, bool pretty) {
    tacho__buffer_clear(&f->out);
    tacho__json_writer_init(&f->writer, &f->out, pretty);
    return &f->writer;
}

static const char *finished(fixture *f) {
    assert_int_equal(tacho__json_writer_finish(&f->writer), TACHO_OK);
    return tacho__buffer_text(&f->out);
}

static void write_sample(tacho__json_writer *w) {
    tacho__json_object_begin(w);
    tacho__json_key(w, "rows");
    tacho__json_array_begin(w);
    tacho__json_object_begin(w);
    tacho__json_key(w, "model");
    tacho__json_string(w, "claude-opus-4-6");
    tacho__json_key(w, "cost_usd");
    tacho__json_money(w, INT64_C(24818943200000));
    tacho__json_object_end(w);
    tacho__json_int(w, -5);
    tacho__json_array_end(w);
    tacho__json_key(w, "empty");
    tacho__json_array_begin(w);
    tacho__json_array_end(w);
    tacho__json_key(w, "none");
    tacho__json_object_begin(w);
    tacho__json_object_end(w);
    tacho__json_object_end(w);
}

static void test_layout__is_compact_or_pretty(void **state) {
    (void)state;
    fixture f = {0};
    write_sample(begin(&f, false));
    assert_string_equal(
        finished(&f),
        "{\"rows\":[{\"model\":\"claude-opus-4-6\",\"cost_usd\":\"24.8189432\"},-5],\"empty\":[],\"none\":{}}");
    write_sample(begin(&f, true));
    assert_string_equal(finished(&f), "{\n"
                                      "  \"rows\": [\n"
                                      "    {\n"
                                      "      \"model\": \"claude-opus-4-6\",\n"
                                      "      \"cost_usd\": \"24.8189432\"\n"
                                      "    },\n"
                                      "    -5\n"
                                      "  ],\n"
                                      "  \"empty\": [],\n"
                                      "  \"none\": {}\n"
                                      "}");
    tacho__buffer_free(&f.out);
}

static void test_values__print_exactly(void **state) {
    (void)state;
    fixture f = {0};
    tacho__json_writer *w = begin(&f, false);
    tacho__json_array_begin(w);
    tacho__json_null(w);
    tacho__json_bool(w, true);
    tacho__json_bool(w, false);
    tacho__json_int(w, INT64_MIN);
    tacho__json_uint(w, UINT64_MAX);
    tacho__json_double(w, 0.1);
    tacho__json_double(w, (double)NAN);
    tacho__json_double(w, (double)-INFINITY);
    tacho__json_decimal(w, -1500000, 6);
    tacho__json_money(w, TACHO__MONEY_UNKNOWN);
    tacho__json_money(w, 0);
    tacho__json_seconds(w, 2340000000);
    tacho__json_timestamp(w, 500000000);
    tacho__json_number_text(w, "1e5", 3);
    tacho__json_string(w, NULL);
    tacho__json_string(w, "");
    tacho__json_array_end(w);
    assert_string_equal(finished(&f),
                        "[null,true,false,-9223372036854775808,18446744073709551615,0.1,null,null,-1.5,null,"
                        "\"0\",2.34,\"1970-01-01T00:00:00.5Z\",1e5,null,\"\"]");
    tacho__buffer_free(&f.out);
}

static void test_strings__are_escaped(void **state) {
    (void)state;
    fixture f = {0};
    static const char hostile[] =
        "\"\\\b\f\n\r\t\x01\0\x1F\x7F/<\xC3\xA9\xE2\x80\xA8\xE2\x80\xA9\xF0\x9F\x98\x80\xFF\xE2\x82!";
    tacho__json_string_bytes(begin(&f, false), hostile, sizeof hostile - 1);
    assert_string_equal(finished(&f), "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u0000\\u001f\\u007f/<\xC3\xA9\\u2028\\u2029"
                                      "\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD!\"");
    tacho__json_writer *w = begin(&f, false);
    tacho__json_object_begin(w);
    tacho__json_key_bytes(w, "a\"\n", 3);
    tacho__json_uint(w, 1);
    tacho__json_object_end(w);
    assert_string_equal(finished(&f), "{\"a\\\"\\n\":1}");
    tacho__buffer_free(&f.out);
}

static tacho_status keep_string(void *context, tacho__json_event event, const char *text, size_t length) {
    assert_int_equal(event, TACHO__JSON_STRING);
    tacho__buffer_append(context, text, length);
    return TACHO_OK;
}

static void test_strings__come_back_from_the_reader(void **state) {
    (void)state;
    uint64_t seed = 3, random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture f = {0};
    tacho__buffer back = TACHO__BUFFER_INIT;
    tacho__json_limits limits = {.utf8 = TACHO__JSON_UTF8_REJECT};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    for (int round = 0; round < 5000; round++) {
        char text[256];
        size_t length = 0;
        for (int i = 0; i < 60; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            uint32_t code = (uint32_t)(random >> 40) >> (random >> 59) % 22;
            code = code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0xFFFD : code;
            length += tacho__text_encode(code, text + length);
        }
        tacho__json_string_bytes(begin(&f, false), text, length);
        finished(&f);
        tacho__buffer_clear(&back);
        assert_int_equal(tacho__json_read(reader, f.out.data, f.out.length, keep_string, &back), TACHO_OK);
        assert_int_equal(back.length, length);
        assert_memory_equal(back.data, text, length);
    }
    tacho__json_reader_free(reader);
    tacho__buffer_free(&back);
    tacho__buffer_free(&f.out);
}

typedef void (*misuse)(tacho__json_writer *w);

static void value_without_key(tacho__json_writer *w) {
    tacho__json_object_begin(w);
    tacho__json_null(w);
    tacho__json_object_end(w);
}

static void key_without_value(tacho__json_writer *w) {
    tacho__json_object_begin(w);
    tacho__json_key(w, "a");
    tacho__json_object_end(w);
}

static void two_keys(tacho__json_writer *w) {
    tacho__json_object_begin(w);
    tacho__json_key(w, "a");
    tacho__json_key(w, "b");
    tacho__json_null(w);
    tacho__json_object_end(w);
}

static void key_in_array(tacho__json_writer *w) {
    tacho__json_array_begin(w);
    tacho__json_key(w, "a");
    tacho__json_array_end(w);
}

static void wrong_end(tacho__json_writer *w) {
    tacho__json_array_begin(w);
    tacho__json_object_end(w);
}

static void end_of_nothing(tacho__json_writer *w) {
    tacho__json_array_end(w);
}

static void two_values(tacho__json_writer *w) {
    tacho__json_null(w);
    tacho__json_null(w);
}

static void left_open(tacho__json_writer *w) {
    tacho__json_array_begin(w);
}

static void nothing(tacho__json_writer *w) {
    (void)w;
}

static void too_deep(tacho__json_writer *w) {
    for (int i = 0; i <= TACHO__JSON_WRITER_DEPTH; i++) {
        tacho__json_array_begin(w);
    }
    for (int i = 0; i <= TACHO__JSON_WRITER_DEPTH; i++) {
        tacho__json_array_end(w);
    }
}

static void test_misuse__is_invalid(void **state) {
    (void)state;
    static const misuse all[] = {value_without_key, key_without_value, two_keys,  key_in_array, wrong_end,
                                 end_of_nothing,    two_values,        left_open, nothing,      too_deep};
    fixture f = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        all[i](begin(&f, false));
        assert_int_equal(tacho__json_writer_finish(&f.writer), TACHO_INVALID);
    }
    tacho__buffer_free(&f.out);
}

static void test_depth__reaches_its_bound(void **state) {
    (void)state;
    fixture f = {0};
    tacho__json_writer *w = begin(&f, false);
    for (int i = 0; i < TACHO__JSON_WRITER_DEPTH; i++) {
        tacho__json_array_begin(w);
        tacho__json_uint(w, 1);
    }
    for (int i = 0; i < TACHO__JSON_WRITER_DEPTH; i++) {
        tacho__json_array_end(w);
    }
    assert_int_equal(strlen(finished(&f)), TACHO__JSON_WRITER_DEPTH * 4 - 1);
    tacho__buffer_free(&f.out);
}

static void test_heap__refusal_is_told_at_the_end(void **state) {
    (void)state;
    fixture f = {0};
    tacho__memory_fail_after(0, 1);
    write_sample(begin(&f, true));
    tacho__memory_fail_after(-1, 0);
    assert_int_equal(tacho__json_writer_finish(&f.writer), TACHO_NOMEM);
    tacho__buffer_free(&f.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout__is_compact_or_pretty),
        cmocka_unit_test(test_values__print_exactly),
        cmocka_unit_test(test_strings__are_escaped),
        cmocka_unit_test(test_strings__come_back_from_the_reader),
        cmocka_unit_test(test_misuse__is_invalid),
        cmocka_unit_test(test_depth__reaches_its_bound),
        cmocka_unit_test(test_heap__refusal_is_told_at_the_end),
    };
    return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
