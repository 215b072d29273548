#include "base/timestamp.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>

#define DAY_SECONDS 86400

/*
 * Days and civil dates after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so
 * that the leap day is the last of its year, and repeat after 400 years of 146,097 days.
 */
int64_t tacho__days_from_civil(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void tacho__civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

size_t tacho__timestamp_text(int64_t unix_ns, char out[TACHO__TIMESTAMP_TEXT]) {
    int64_t ns = unix_ns % (int64_t)TACHO__NS_PER_SECOND, seconds = unix_ns / (int64_t)TACHO__NS_PER_SECOND;
    if (ns < 0) {
        ns += (int64_t)TACHO__NS_PER_SECOND;
        seconds--;
    }
    int64_t of_day = seconds % DAY_SECONDS, days = seconds / DAY_SECONDS, year;
    if (of_day < 0) {
        of_day += DAY_SECONDS;
        days--;
    }
    unsigned month, day, clock = (unsigned)of_day;
    tacho__civil_from_days(days, &year, &month, &day);
    int used = snprintf(out, TACHO__TIMESTAMP_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year % 10000u,
                        month % 100u, day % 100u, clock / 3600 % 100u, clock / 60 % 60, clock % 60);
    char *end = out + used;
    if (ns != 0) {
        *end++ = '.';
        for (int64_t place = (int64_t)TACHO__NS_PER_SECOND / 10; ns != 0; ns %= place, place /= 10) {
            *end++ = (char)('0' + ns / place);
        }
    }
    *end++ = 'Z';
    *end = '\0';
    return (size_t)(end - out);
}

typedef struct scanner {
    const char *next, *end;
    bool ok;
} scanner;

/* Exactly `count` digits. */
static unsigned digits(scanner *scan, int count) {
    unsigned value = 0;
    for (; count > 0; count--, scan->next++) {
        if (scan->next >= scan->end || *scan->next < '0' || *scan->next > '9') {
            scan->ok = false;
            return 0;
        }
        value = value * 10 + (unsigned)(*scan->next - '0');
    }
    return value;
}

static bool take(scanner *scan, char wanted) {
    bool there = scan->next < scan->end && *scan->next == wanted;
    scan->next += there;
    return there;
}

static void need(scanner *scan, bool there) {
    scan->ok = scan->ok && there;
}

static int64_t fraction(scanner *scan) {
    int64_t ns = 0, place = (int64_t)TACHO__NS_PER_SECOND / 10;
    if (!take(scan, '.')) {
        return 0;
    }
    const char *first = scan->next;
    for (; scan->next < scan->end && *scan->next >= '0' && *scan->next <= '9'; scan->next++, place /= 10) {
        ns += (*scan->next - '0') * place;
    }
    need(scan, scan->next > first);
    return ns;
}

/* Seconds east of UTC. */
static int64_t zone(scanner *scan) {
    if (take(scan, 'Z') || take(scan, 'z')) {
        return 0;
    }
    int64_t sign = take(scan, '-') ? -1 : 1;
    need(scan, sign < 0 || take(scan, '+'));
    unsigned hours = digits(scan, 2);
    need(scan, take(scan, ':'));
    unsigned minutes = digits(scan, 2);
    need(scan, hours < 24 && minutes < 60);
    return sign * (int64_t)(hours * 3600 + minutes * 60);
}

static unsigned month_length(unsigned year, unsigned month) {
    static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month < 1 || month > 12 ? 0u : lengths[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static int64_t date(scanner *scan) {
    unsigned year = digits(scan, 4);
    need(scan, take(scan, '-'));
    unsigned month = digits(scan, 2);
    need(scan, take(scan, '-'));
    unsigned day = digits(scan, 2);
    need(scan, day >= 1 && day <= month_length(year, month));
    return scan->ok ? tacho__days_from_civil(year, month, day) * DAY_SECONDS : 0;
}

static int64_t time_of_day(scanner *scan) {
    unsigned hour = digits(scan, 2);
    need(scan, take(scan, ':'));
    unsigned minute = digits(scan, 2);
    need(scan, take(scan, ':'));
    unsigned second = digits(scan, 2);
    need(scan, hour < 24 && minute < 60 && second <= 60);
    return INT64_C(3600) * hour + INT64_C(60) * minute + second;
}

tacho_status tacho__timestamp_parse(const char *text, size_t length, int64_t *unix_ns) {
    scanner scan = {.next = text, .end = text + length, .ok = true};
    int64_t seconds = date(&scan);
    need(&scan, take(&scan, 'T') || take(&scan, 't') || take(&scan, ' '));
    seconds += time_of_day(&scan);
    int64_t ns = fraction(&scan);
    seconds -= zone(&scan);
    if (!scan.ok || scan.next != scan.end) {
        return TACHO_INVALID;
    }
    __int128 total = (__int128)seconds * (int64_t)TACHO__NS_PER_SECOND + ns;
    if (total < INT64_MIN || total > INT64_MAX) {
        return TACHO_LIMIT;
    }
    *unix_ns = (int64_t)total;
    return TACHO_OK;
}
