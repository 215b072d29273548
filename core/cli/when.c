#include "when.h"
#include "message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <tachograph/instant.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)

int64_t cli_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

void cli_when_print(int64_t unix_ns, char out[32]) {
    time_t seconds = (time_t)(unix_ns / NS_PER_SECOND - (unix_ns % NS_PER_SECOND < 0));
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Takes `digits` digits and the character after them (0 = nothing is asked for). */
static int take_number(const char **text, int digits, int after, int *out) {
    *out = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) {
            return 0;
        }
        *out = *out * 10 + (**text - '0');
    }
    if (after != 0 && *(*text)++ != after) {
        return 0;
    }
    return 1;
}

static int take_date(const char **text, struct tm *out) {
    int year, month, day;
    if (!take_number(text, 4, '-', &year) || !take_number(text, 2, '-', &month) || !take_number(text, 2, 0, &day)) {
        return 0;
    }
    *out = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1};
    struct tm check = *out;
    time_t noon = timegm(&check); /* moves 30 February on, which shows */
    return noon != -1 && check.tm_mon == out->tm_mon && check.tm_mday == out->tm_mday && year >= 1971 && year <= 2261;
}

bool cli_day_read(const char *text, struct tm *out) {
    return take_date(&text, out) && *text == '\0';
}

/* "hh:mm[:ss[.fraction]]"; the fraction is dropped behind nanoseconds. */
static int take_clock(const char **text, struct tm *out, int64_t *fraction_ns) {
    if (!take_number(text, 2, ':', &out->tm_hour) || !take_number(text, 2, 0, &out->tm_min)) {
        return 0;
    }
    if (**text == ':') {
        (*text)++;
        if (!take_number(text, 2, 0, &out->tm_sec)) {
            return 0;
        }
    }
    if (**text == '.') {
        int64_t unit = NS_PER_SECOND / 10;
        for ((*text)++; isdigit((unsigned char)**text); (*text)++, unit /= 10) {
            *fraction_ns += (**text - '0') * unit;
        }
    }
    return out->tm_hour < 24 && out->tm_min < 60 && out->tm_sec <= 60;
}

/* "Z" or "+hh:mm"; 0 if there is none. */
static int take_offset(const char **text, int *has, int *seconds) {
    int hours, minutes, sign = **text == '-' ? -1 : 1;
    *has = **text != '\0';
    *seconds = 0;
    if (!*has) {
        return 1;
    }
    if (**text == 'Z' || **text == 'z') {
        (*text)++;
        return 1;
    }
    if (**text != '+' && **text != '-') {
        return 0;
    }
    (*text)++;
    if (!take_number(text, 2, ':', &hours) || !take_number(text, 2, 0, &minutes) || hours > 23 || minutes > 59) {
        return 0;
    }
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 1;
}

/* A date, or a date and a time of day with or without an offset. */
static int read_instant(const char *text, int day_ends, int64_t *out) {
    struct tm at;
    int64_t fraction_ns = 0;
    int has_offset = 0, offset = 0;
    if (!take_date(&text, &at)) {
        return 0;
    }
    if (*text == '\0') {
        at.tm_mday += day_ends;
    } else if ((*text != 'T' && *text != 't' && *text != ' ') || !take_clock((text++, &text), &at, &fraction_ns) ||
               !take_offset(&text, &has_offset, &offset) || *text != '\0') {
        return 0;
    }
    time_t seconds = has_offset ? timegm(&at) - offset : mktime(&at);
    *out = (int64_t)seconds * NS_PER_SECOND + fraction_ns;
    return 1;
}

static int read_flag(const cli_arguments *arguments, cli_flag flag, int64_t now_ns, int64_t *out) {
    const char *text = arguments->value[flag];
    if (text == NULL || tacho_instant_ago(text, strlen(text), now_ns, out) == TACHO_OK ||
        read_instant(text, flag == CLI_FLAG_UNTIL, out)) {
        return CLI_DONE;
    }
    return cli_fail(CLI_USAGE,
                    "--%s: '%s' is no time; write a date (2026-02-03), an RFC 3339 time (2026-02-03T04:05:06Z), or how "
                    "long ago (30m, 24h, 7d, 2w)",
                    cli_flag_describe(flag)->name, text);
}

int cli_period_read(const cli_arguments *arguments, int64_t now_ns, tacho_query *query) {
    int code = read_flag(arguments, CLI_FLAG_SINCE, now_ns, &query->since_ns);
    if (code == CLI_DONE) {
        code = read_flag(arguments, CLI_FLAG_UNTIL, now_ns, &query->until_ns);
    }
    if (code == CLI_DONE && query->since_ns != 0 && query->until_ns != 0 && query->since_ns >= query->until_ns) {
        return cli_fail(CLI_USAGE, "--since %s is not before --until %s", arguments->value[CLI_FLAG_SINCE],
                        arguments->value[CLI_FLAG_UNTIL]);
    }
    return code;
}
