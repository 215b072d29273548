#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <tachograph/instant.h>

#include "base/timestamp.h"

static void assert_prints(int64_t unix_ns, const char *wanted) {
    char text[TACHO__TIMESTAMP_TEXT];
    size_t length = tacho__timestamp_text(unix_ns, text);
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
    int64_t back = 1;
    assert_int_equal(tacho__timestamp_parse(text, length, &back), TACHO_OK);
    assert_true(back == unix_ns);
}

static void test_text__prints_and_reads_back(void **state) {
    (void)state;
    assert_prints(0, "1970-01-01T00:00:00Z");
    assert_prints(-1, "1969-12-31T23:59:59.999999999Z");
    assert_prints(500000000, "1970-01-01T00:00:00.5Z");
    assert_prints(1000000001, "1970-01-01T00:00:01.000000001Z");
    assert_prints(INT64_C(1709208000000000000), "2024-02-29T12:00:00Z");
    assert_prints(INT64_C(1728648000123000000), "2024-10-11T12:00:00.123Z");
    assert_prints(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    assert_prints(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
}

static int64_t parsed(const char *text) {
    int64_t ns = 0;
    assert_int_equal(tacho__timestamp_parse(text, strlen(text), &ns), TACHO_OK);
    return ns;
}

static void test_parse__knows_zones_and_spellings(void **state) {
    (void)state;
    int64_t noon = parsed("2026-02-03T12:00:00Z");
    assert_true(parsed("2026-02-03t12:00:00z") == noon);
    assert_true(parsed("2026-02-03 12:00:00Z") == noon);
    assert_true(parsed("2026-02-03T13:30:00+01:30") == noon);
    assert_true(parsed("2026-02-02T23:00:00-13:00") == noon);
    assert_true(parsed("2026-02-03T12:00:00.000Z") == noon);
    assert_true(parsed("2026-02-03T12:00:00.1234567899Z") == noon + 123456789);
    assert_true(parsed("2016-12-31T23:59:60Z") == parsed("2017-01-01T00:00:00Z"));
}

static void test_parse__refuses_what_is_none(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-02-03",
        "2026-02-03T12:00:00",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-00-03T12:00:00Z",
        "2026-13-03T12:00:00Z",
        "2026-02-00T12:00:00Z",
        "2026-02-03T24:00:00Z",
        "2026-02-03T12:60:00Z",
        "2026-02-03T12:00:61Z",
        "2026-02-03T12:00:00.Z",
        "2026-02-03T12:00:00+1:00",
        "2026-02-03T12:00:00+24:00",
        "2026-02-03T12:00:00+01:60",
        "2026-02-03T12:00:00ZZ",
        " 2026-02-03T12:00:00Z",
        "2026-2-3T12:00:00Z",
        "+026-02-03T12:00:00Z",
        "2026_02-03T12:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns = 42;
        assert_int_equal(tacho__timestamp_parse(bad[i], strlen(bad[i]), &ns), TACHO_INVALID);
        assert_int_equal(ns, 42);
    }
    int64_t ns;
    assert_int_equal(tacho__timestamp_parse("2262-04-11T23:47:16.854775808Z", 30, &ns), TACHO_LIMIT);
    assert_int_equal(tacho__timestamp_parse("1677-09-21T00:12:43.145224191Z", 30, &ns), TACHO_LIMIT);
    assert_int_equal(tacho__timestamp_parse("9999-12-31T23:59:59Z", 20, &ns), TACHO_LIMIT);
}

static void test_parse__refuses_every_truncation(void **state) {
    (void)state;
    const char *text = "2026-02-03T12:00:00+01:30";
    for (size_t length = 0; length < strlen(text); length++) {
        int64_t ns;
        assert_int_equal(tacho__timestamp_parse(text, length, &ns), TACHO_INVALID);
    }
}

static void test_civil__follows_the_calendar_day_by_day(void **state) {
    (void)state;
    int64_t year = 1599, last_year;
    unsigned month = 12, day = 31, lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int64_t days = tacho__days_from_civil(1600, 1, 1); days <= tacho__days_from_civil(2400, 12, 31); days++) {
        int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + (month == 2 && leap ? 1u : 0u)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
        unsigned got_month, got_day;
        tacho__civil_from_days(days, &last_year, &got_month, &got_day);
        assert_true(last_year == year && got_month == month && got_day == day);
        assert_true(tacho__days_from_civil(year, month, day) == days);
    }
    assert_int_equal(tacho__days_from_civil(1970, 1, 1), 0);
}

static void test_instant__is_the_same_for_hosts(void **state) {
    (void)state;
    char text[TACHO_INSTANT_TEXT];
    int64_t at = 0;
    assert_int_equal(tacho_instant_text(INT64_C(1767323045123000000), text), 24);
    assert_string_equal(text, "2026-01-02T03:04:05.123Z");
    assert_int_equal(tacho_instant_parse(text, strlen(text), &at), TACHO_OK);
    assert_true(at == INT64_C(1767323045123000000));
    assert_int_equal(tacho_instant_parse("yesterday", 9, &at), TACHO_INVALID);
    assert_int_equal(tacho_instant_parse(NULL, 0, &at), TACHO_INVALID);
    assert_int_equal(tacho_instant_parse(text, strlen(text), NULL), TACHO_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__prints_and_reads_back),
        cmocka_unit_test(test_parse__knows_zones_and_spellings),
        cmocka_unit_test(test_parse__refuses_what_is_none),
        cmocka_unit_test(test_parse__refuses_every_truncation),
        cmocka_unit_test(test_civil__follows_the_calendar_day_by_day),
        cmocka_unit_test(test_instant__is_the_same_for_hosts),
    };
    return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
