#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/json_reader.h"

/* Writes events down as text: {k:a n:1 s:x [t f z]}. */
typedef struct tape {
    tacho__buffer text;
    int stop_after; /* events; 0 = never */
    tacho_status stop_with;
} tape;

static tacho_status record(void *context, tacho__json_event event, const char *text, size_t length) {
    static const char *const marks[] = {"z", "f", "t", "n:", "s:", "k:", "{", "}", "[", "]"};
    tape *out = context;
    tacho__buffer_string(&out->text, marks[event]);
    tacho__buffer_append(&out->text, text, length);
    tacho__buffer_byte(&out->text, ' ');
    return out->stop_after > 0 && --out->stop_after == 0 ? out->stop_with : TACHO_OK;
}

static const char *text_of(tape *out) {
    return tacho__buffer_text(&out->text);
}

static tacho_status ignore(void *context, tacho__json_event event, const char *text, size_t length) {
    (void)context, (void)event, (void)text, (void)length;
    return TACHO_OK;
}

static tacho_status read_literal(tacho__json_reader *reader, const char *document) {
    return tacho__json_read(reader, document, strlen(document), ignore, NULL);
}

/* Reads a document in one piece with all defaults and compares the events. */
static void assert_events(const char *document, const char *wanted) {
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    tape out = {0};
    assert_int_equal(tacho__json_read(reader, document, strlen(document), record, &out), TACHO_OK);
    assert_string_equal(text_of(&out), wanted);
    assert_string_equal(tacho__json_reader_place(reader).reason, "");
    assert_int_equal(tacho__json_reader_place(reader).line, 0);
    tacho__buffer_free(&out.text);
    tacho__json_reader_free(reader);
}

static const char sample[] = "{\"model\": \"claude-opus-4-6\", \"usage\": {\"input\": 4433, \"rate\": -2.50e-06,\n"
                             " \"list\": [1, [], {}, null, true, false, \"a\\u00e9\\n\\\"\\ud83d\\ude00\"]}}";
static const char sample_events[] =
    "{ k:model s:claude-opus-4-6 k:usage { k:input n:4433 k:rate n:-2.50e-06 k:list [ n:1 [ ] { } z t f "
    "s:a\xC3\xA9\n\"\xF0\x9F\x98\x80 ] } } ";

static void test_read__gives_events_with_raw_numbers(void **state) {
    (void)state;
    assert_events(sample, sample_events);
    assert_events("1.0", "n:1.0 ");
    assert_events(" -0.000000000000000000001E+400 ", "n:-0.000000000000000000001E+400 ");
    assert_events("123456789012345678901234567890", "n:123456789012345678901234567890 ");
    assert_events("\xEF\xBB\xBF[]", "[ ] ");
    assert_events("{\"a\":1,\"a\":2}", "{ k:a n:1 k:a n:2 } ");
    assert_events("\"\"", "s: ");
}

static void test_read__hands_over_nul(void **state) {
    (void)state;
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    tape out = {0};
    assert_int_equal(tacho__json_read(reader, "\"a\\u0000b\"", 10, record, &out), TACHO_OK);
    assert_int_equal(out.text.length, 6);
    assert_memory_equal(out.text.data, "s:a\0b ", 6);
    tacho__buffer_free(&out.text);
    tacho__json_reader_free(reader);
}

static void test_read__refuses_what_is_not_json(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           " ",        "[",   "]",      "{",           "{\"a\"}",    "{\"a\":}", "{a:1}",     "[1,]",
        "{\"a\":1,}", "[1 2]",    "01",  "1.",     ".5",          "+1",         "1e",       "-",         "0x1",
        "NaN",        "Infinity", "nul", "True",   "'a'",         "\"a",        "\"\\x\"",  "\"\\u12\"", "\"\n\"",
        "[1]x",       "[1][2]",   "1 2", "/*c*/1", "\"\\u12G4\"", "\xEF\xBB[]", "\xEF",     "\x80",      "\xFE\xFF[]",
    };
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(read_literal(reader, bad[i]), TACHO_DAMAGED);
        assert_true(strlen(tacho__json_reader_place(reader).reason) > 0);
        assert_null(strchr(tacho__json_reader_place(reader).reason, '\n'));
        assert_true(tacho__json_reader_place(reader).line >= 1);
        assert_int_equal(read_literal(reader, "[1]"), TACHO_OK);
    }
    assert_int_equal(tacho__json_read(reader, "[1]\0", 4, ignore, NULL), TACHO_DAMAGED);
    tacho__json_reader_free(reader);
}

static void test_read__refuses_every_truncation(void **state) {
    (void)state;
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    for (size_t length = 0; length < sizeof sample - 1; length++) {
        char *exact = malloc(length + 1); /* a block of its own, so that reading past it is seen */
        memcpy(exact, sample, length);
        assert_int_equal(tacho__json_read(reader, exact, length, ignore, NULL), TACHO_DAMAGED);
        free(exact);
    }
    assert_int_equal(read_literal(reader, sample), TACHO_OK);
    tacho__json_reader_free(reader);
}

static tacho_status feed_split(tacho__json_reader *reader, const char *text, size_t length, size_t first, size_t second,
                               tape *out) {
    assert_int_equal(tacho__json_begin(reader, record, out), TACHO_OK);
    tacho__json_feed(reader, text, first);
    tacho__json_feed(reader, text + first, second - first);
    tacho__json_feed(reader, text + second, length - second);
    return tacho__json_finish(reader);
}

static void test_feed__gives_the_same_in_any_pieces(void **state) {
    (void)state;
    static const char marked[] = "\xEF\xBB\xBF{\"caf\xC3\xA9 \\ud83d\\ude00\": [-1.5e3, true]}";
    static const char marked_events[] = "{ k:caf\xC3\xA9 \xF0\x9F\x98\x80 [ n:-1.5e3 t ] } ";
    tacho__json_limits limits = {.utf8 = TACHO__JSON_UTF8_REJECT};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    size_t length = sizeof marked - 1;
    for (size_t first = 0; first <= length; first++) {
        for (size_t second = first; second <= length; second++) {
            tape out = {0};
            assert_int_equal(feed_split(reader, marked, length, first, second, &out), TACHO_OK);
            assert_string_equal(text_of(&out), marked_events);
            tacho__buffer_free(&out.text);
        }
    }
    tacho__json_reader_free(reader);
}

static void test_place__is_the_same_in_any_pieces(void **state) {
    (void)state;
    static const char broken[] = "{\n \"a\": [1,\n\n   tru, 2]}";
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    assert_int_equal(read_literal(reader, broken), TACHO_DAMAGED);
    tacho__json_place whole = tacho__json_reader_place(reader);
    assert_int_equal(whole.line, 4);
    assert_in_range(whole.column, 4, 8);
    assert_in_range(whole.offset, 16, 20);
    assert_non_null(strstr(whole.reason, "lexical error"));
    for (size_t first = 0; first < sizeof broken; first++) {
        tape out = {0};
        assert_int_equal(feed_split(reader, broken, sizeof broken - 1, first, first, &out), TACHO_DAMAGED);
        tacho__json_place place = tacho__json_reader_place(reader);
        assert_int_equal(place.line, whole.line);
        assert_int_equal(place.column, whole.column);
        assert_int_equal(place.offset, whole.offset);
        tacho__buffer_free(&out.text);
    }
    assert_int_equal(read_literal(reader, "[1,\n2"), TACHO_DAMAGED);
    assert_int_equal(tacho__json_reader_place(reader).line, 2);
    assert_int_equal(tacho__json_reader_place(reader).column, 2);
    tacho__json_reader_free(reader);
}

static void test_handler__stops_the_reader(void **state) {
    (void)state;
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    tape out = {.stop_after = 3, .stop_with = TACHO_NOT_FOUND};
    assert_int_equal(tacho__json_read(reader, "[1,\n2,3]", 8, record, &out), TACHO_NOT_FOUND);
    assert_string_equal(text_of(&out), "[ n:1 n:2 ");
    assert_int_equal(tacho__json_reader_place(reader).line, 2);
    assert_int_equal(tacho__json_feed(reader, "4", 1), TACHO_NOT_FOUND);
    assert_int_equal(tacho__json_finish(reader), TACHO_NOT_FOUND);
    tacho__buffer_free(&out.text);
    tacho__json_reader_free(reader);
}

static void test_depth__is_limited(void **state) {
    (void)state;
    for (uint32_t depth = 1; depth < 40; depth++) {
        tacho__json_limits limits = {.max_depth = depth};
        tacho__json_reader *reader = tacho__json_reader_new(&limits);
        char text[100] = {0};
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(read_literal(reader, text), TACHO_OK);
        text[depth] = '{';
        assert_int_equal(read_literal(reader, text), TACHO_LIMIT);
        assert_string_equal(tacho__json_reader_place(reader).reason, "nested too deeply");
        assert_int_equal(tacho__json_reader_place(reader).offset, depth + 1);
        tacho__json_reader_free(reader);
    }
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP);
    memset(deep, '[', DEEP);
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    assert_int_equal(tacho__json_read(reader, deep, DEEP, ignore, NULL), TACHO_LIMIT);
    tacho__json_reader_free(reader);
    free(deep);
}

static void test_size__is_limited(void **state) {
    (void)state;
    tacho__json_limits limits = {.max_bytes = 8};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    assert_int_equal(read_literal(reader, "[123456]"), TACHO_OK);
    assert_int_equal(read_literal(reader, "[1234567]"), TACHO_LIMIT);
    assert_int_equal(tacho__json_begin(reader, ignore, NULL), TACHO_OK);
    assert_int_equal(tacho__json_feed(reader, "[123", 4), TACHO_OK);
    assert_int_equal(tacho__json_feed(reader, "456]", 4), TACHO_OK);
    assert_int_equal(tacho__json_feed(reader, " ", 1), TACHO_LIMIT);
    assert_int_equal(tacho__json_finish(reader), TACHO_LIMIT);
    tacho__json_reader_free(reader);
}

static void test_comments__only_on_request(void **state) {
    (void)state;
    static const char text[] = "// settings\n{/* a */\"a\": 1 // one\n}\n";
    tacho__json_reader *strict = tacho__json_reader_new(NULL);
    assert_int_equal(read_literal(strict, text), TACHO_DAMAGED);
    tacho__json_reader_free(strict);
    tacho__json_limits limits = {.comments = 1};
    tacho__json_reader *lenient = tacho__json_reader_new(&limits);
    assert_int_equal(read_literal(lenient, text), TACHO_OK);
    assert_int_equal(read_literal(lenient, "/* never closed"), TACHO_DAMAGED);
    assert_int_equal(read_literal(lenient, "// only this"), TACHO_DAMAGED);
    tacho__json_reader_free(lenient);
}

static void test_utf8__is_replaced_rejected_or_passed(void **state) {
    (void)state;
    static const char text[] = "{\"k\xFF\": \"a\xE2\x82 \\u0041\xC3\xA9\"}";
    static const char *const wanted[] = {"{ k:k\xEF\xBF\xBD s:a\xEF\xBF\xBD A\xC3\xA9 } ", NULL,
                                         "{ k:k\xFF s:a\xE2\x82 A\xC3\xA9 } "};
    for (int mode = 0; mode < 3; mode++) {
        tacho__json_limits limits = {.utf8 = (tacho__json_utf8)mode};
        tacho__json_reader *reader = tacho__json_reader_new(&limits);
        tape out = {0};
        tacho_status status = tacho__json_read(reader, text, sizeof text - 1, record, &out);
        assert_int_equal(status, wanted[mode] == NULL ? TACHO_DAMAGED : TACHO_OK);
        if (wanted[mode] != NULL) {
            assert_string_equal(text_of(&out), wanted[mode]);
        }
        tacho__buffer_free(&out.text);
        tacho__json_reader_free(reader);
    }
}

static void test_utf8__half_a_surrogate_pair_is_ill_formed(void **state) {
    (void)state;
    tacho__json_limits limits = {.utf8 = TACHO__JSON_UTF8_REJECT};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    assert_int_equal(read_literal(reader, "[\"\\ude00\"]"), TACHO_DAMAGED);
    assert_string_equal(tacho__json_reader_place(reader).reason, "a string is not UTF-8");
    assert_int_equal(read_literal(reader, "[\"\\ud83d\\ude00\"]"), TACHO_OK);
    tacho__json_reader_free(reader);
    assert_events("\"\\ude00\"", "s:\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD ");
}

static void test_heap__is_not_asked_again_for_documents_alike(void **state) {
    (void)state;
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    assert_int_equal(read_literal(reader, sample), TACHO_OK);
    tacho__memory_fail_after(0, 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(read_literal(reader, sample), TACHO_OK);
    }
    tacho__memory_fail_after(-1, 0);
    tacho__json_reader_free(reader);
}

static void test_heap__every_refusal_is_survived(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (int64_t k = 0;; k++) {
            tacho__memory_fail_after(k, forever);
            tacho__json_reader *reader = tacho__json_reader_new(NULL);
            tacho_status status = TACHO_NOMEM;
            if (reader != NULL && (status = tacho__json_begin(reader, ignore, NULL)) == TACHO_OK) {
                for (size_t at = 0; at < sizeof sample - 1; at++) { /* byte by byte: every token is put together */
                    tacho__json_feed(reader, sample + at, 1);
                }
                status = tacho__json_finish(reader);
            }
            tacho__memory_fail_after(-1, 0);
            if (reader != NULL) {
                assert_int_equal(read_literal(reader, sample), TACHO_OK);
            }
            tacho__json_reader_free(reader);
            if (status == TACHO_OK) {
                assert_true(k > 4);
                break;
            }
            assert_int_equal(status, TACHO_NOMEM);
        }
    }
}

static void test_long_strings__arrive_whole(void **state) {
    (void)state;
    enum { LONG = 3 << 20 };
    char *text = malloc(LONG + 4);
    memset(text, 'x', LONG + 4);
    text[0] = text[LONG + 3] = '"';
    memcpy(text + 1, "\\n", 2);
    tacho__json_reader *reader = tacho__json_reader_new(NULL);
    for (int round = 0; round < 3; round++) {
        tape out = {0};
        assert_int_equal(tacho__json_begin(reader, record, &out), TACHO_OK);
        for (size_t at = 0; at < LONG + 4; at += 1 << 16) {
            size_t left = LONG + 4 - at;
            assert_int_equal(tacho__json_feed(reader, text + at, left < 1 << 16 ? left : 1 << 16), TACHO_OK);
        }
        assert_int_equal(tacho__json_finish(reader), TACHO_OK);
        assert_int_equal(out.text.length, LONG + 4);
        tacho__buffer_free(&out.text);
    }
    tacho__json_reader_free(reader);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__gives_events_with_raw_numbers),
        cmocka_unit_test(test_read__hands_over_nul),
        cmocka_unit_test(test_read__refuses_what_is_not_json),
        cmocka_unit_test(test_read__refuses_every_truncation),
        cmocka_unit_test(test_feed__gives_the_same_in_any_pieces),
        cmocka_unit_test(test_place__is_the_same_in_any_pieces),
        cmocka_unit_test(test_handler__stops_the_reader),
        cmocka_unit_test(test_depth__is_limited),
        cmocka_unit_test(test_size__is_limited),
        cmocka_unit_test(test_comments__only_on_request),
        cmocka_unit_test(test_utf8__is_replaced_rejected_or_passed),
        cmocka_unit_test(test_utf8__half_a_surrogate_pair_is_ill_formed),
        cmocka_unit_test(test_heap__is_not_asked_again_for_documents_alike),
        cmocka_unit_test(test_heap__every_refusal_is_survived),
        cmocka_unit_test(test_long_strings__arrive_whole),
    };
    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
