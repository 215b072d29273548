#include "codec/people.h"

#include "base/money.h"
#include "base/timestamp.h"
#include "snapshot/fields.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NONE          "-"

/* value / unit, rounded half to even. Both are >= 0. */
static int64_t rounded(int64_t value, int64_t unit) {
    int64_t whole = value / unit, rest = value % unit;
    int64_t other = unit - rest;
    return whole + (rest > other || (rest == other && whole % 2 == 1));
}

static size_t group_digits(int64_t count, char out[TACHO__PEOPLE_TEXT]) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            out[used++] = ',';
        }
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return used;
}

const char *tacho__people_count(int64_t count, char out[TACHO__PEOPLE_TEXT]) {
    if (count < 0) {
        return NONE;
    }
    group_digits(count, out);
    return out;
}

const char *tacho__people_short(int64_t count, char out[TACHO__PEOPLE_TEXT]) {
    static const struct {
        int64_t unit;
        char letter;
    } sizes[] = {{INT64_C(1000000000), 'G'}, {1000000, 'M'}, {1000, 'k'}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t unit = sizes[i].unit;
        if (count >= 10 * unit) {
            group_digits(rounded(count, unit), out);
            snprintf(out + strlen(out), 2, "%c", sizes[i].letter);
            return out;
        }
        if (count >= unit) {
            int64_t tenths = rounded(count, unit / 10);
            snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 ".%" PRId64 "%c", tenths / 10, tenths % 10, sizes[i].letter);
            return out;
        }
    }
    return tacho__people_count(count, out);
}

/* Three digits of a value in a unit of `unit` ns: "2.34 ms", "23.4 ms", "234 ms". */
static const char *three_digits(int64_t ns, int64_t unit, const char *name, char out[TACHO__PEOPLE_TEXT]) {
    int64_t hundredths = rounded(ns, unit / 100), tenths = rounded(ns, unit / 10);
    if (hundredths < 1000) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 ".%02" PRId64 " %s", hundredths / 100, hundredths % 100, name);
    } else if (tenths < 1000) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 ".%" PRId64 " %s", tenths / 10, tenths % 10, name);
    } else {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 " %s", rounded(ns, unit), name);
    }
    return out;
}

const char *tacho__people_time(int64_t ns, char out[TACHO__PEOPLE_TEXT]) {
    if (ns < 0) {
        return NONE;
    }
    if (ns < 1000) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 " ns", ns);
        return out;
    }
    if (ns < 999500) {
        return three_digits(ns, 1000, "us", out);
    }
    if (ns < INT64_C(999500000)) {
        return three_digits(ns, 1000000, "ms", out);
    }
    if (ns < 60 * NS_PER_SECOND - NS_PER_SECOND / 20) {
        return three_digits(ns, NS_PER_SECOND, "s", out);
    }
    int64_t seconds = rounded(ns, NS_PER_SECOND);
    if (seconds < 3600) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 "m %02" PRId64 "s", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%" PRId64 "h %02" PRId64 "m", seconds / 3600, seconds / 60 % 60);
    } else {
        group_digits(seconds / 86400, out);
        snprintf(out + strlen(out), 8, "d %02" PRId64 "h", seconds / 3600 % 24);
    }
    return out;
}

const char *tacho__people_cost(int64_t pusd, tacho_cost_state state, char out[TACHO__PEOPLE_TEXT]) {
    if (pusd == TACHO_COST_UNKNOWN) {
        return NONE;
    }
    const char *more = state == TACHO_COST_STATE_PARTIAL ? "+" : "";
    const char *sign = pusd < 0 ? "-" : "";
    int64_t amount = pusd < 0 ? -pusd : pusd;
    int64_t small = rounded(amount, TACHO_PUSD_PER_USD / 10000);
    if (amount > 0 && small == 0) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%s<$0.0001%s", sign, more);
    } else if (small < 100000) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%s$%" PRId64 ".%04" PRId64 "%s", sign, small / 10000, small % 10000, more);
    } else {
        char dollars[TACHO__PEOPLE_TEXT];
        int64_t cents = rounded(amount, TACHO_PUSD_PER_USD / 100);
        group_digits(cents / 100, dollars);
        snprintf(out, TACHO__PEOPLE_TEXT, "%s$%.20s.%02" PRId64 "%s", sign, dollars, cents % 100, more);
    }
    return out;
}

const char *tacho__people_part(double ratio, char out[TACHO__PEOPLE_TEXT]) {
    if (isnan(ratio)) {
        return NONE;
    }
    double percent = ratio * 100.0;
    bool edge = percent == 0.0 || percent >= 100.0;
    if (edge || (percent >= 10.0 && percent < 99.0)) {
        snprintf(out, TACHO__PEOPLE_TEXT, "%.0f %%", percent);
    } else if (percent < 0.1) {
        snprintf(out, TACHO__PEOPLE_TEXT, "<0.1 %%");
    } else {
        snprintf(out, TACHO__PEOPLE_TEXT, "%.1f %%", percent > 99.9 ? 99.9 : percent);
    }
    return out;
}

const char *tacho__people_rate(double value, char out[TACHO__PEOPLE_TEXT]) {
    if (isnan(value)) {
        return NONE;
    }
    snprintf(out, TACHO__PEOPLE_TEXT, "%.1f", value);
    return out;
}

const char *tacho__people_instant(int64_t unix_ns, const tacho_zone *zone, int seconds, char out[TACHO__PEOPLE_TEXT]) {
    if (unix_ns == 0) {
        return NONE;
    }
    int64_t at = unix_ns / NS_PER_SECOND - (unix_ns % NS_PER_SECOND < 0);
    at += zone && zone->offset_s ? zone->offset_s(zone->context, at) : 0;
    char text[TACHO__TIMESTAMP_TEXT];
    if (at > INT64_MAX / NS_PER_SECOND || at < INT64_MIN / NS_PER_SECOND) {
        return NONE;
    }
    tacho__timestamp_text(at * NS_PER_SECOND, text);
    snprintf(out, TACHO__PEOPLE_TEXT, "%.10s %.*s", text, seconds ? 8 : 5, text + 11);
    return out;
}

const char *tacho__people_zone(const tacho_zone *zone) {
    return zone && zone->name ? zone->name : "UTC";
}

/* A figure of a custom metric: seconds as a time, bytes and tokens as counts, others as they are. */
static const char *people_scaled(int64_t value, unsigned digits, char out[TACHO__PEOPLE_TEXT]) {
    if (value == TACHO_VALUE_UNKNOWN) {
        return NONE;
    }
    if (value >= 0 && (digits == 0 || digits == 9)) {
        return digits ? tacho__people_time(value, out) : tacho__people_count(value, out);
    }
    tacho__decimal_text(value, digits, out);
    return out;
}

const char *tacho__people_field(const tacho_field *field, const void *base, const tacho_zone *zone,
                                char out[TACHO__PEOPLE_TEXT]) {
    switch (field->type) {
    case TACHO_FIELD_TEXT:
    case TACHO_FIELD_STATE: {
        const char *text = tacho__field_text(field, base);
        return text ? text : NONE;
    }
    case TACHO_FIELD_COUNT:
        return tacho__people_count(tacho__field_integer(field, base), out);
    case TACHO_FIELD_SECONDS:
        return tacho__people_time(tacho__field_integer(field, base), out);
    case TACHO_FIELD_MILLIS: {
        int64_t ms = tacho__field_integer(field, base);
        return tacho__people_time(ms < 0 || ms > INT64_MAX / 1000000 ? -1 : ms * 1000000, out);
    }
    case TACHO_FIELD_USD:
        return tacho__people_cost(tacho__field_integer(field, base), TACHO_COST_STATE_EXACT, out);
    case TACHO_FIELD_RATIO:
        return strstr(field->name, "_rate") ? tacho__people_part(tacho__field_ratio(field, base), out)
                                            : tacho__people_rate(tacho__field_ratio(field, base), out);
    case TACHO_FIELD_SCALED:
        return people_scaled(tacho__field_integer(field, base), tacho__field_digits(base), out);
    case TACHO_FIELD_TIME:
        return tacho__people_instant(tacho__field_integer(field, base), zone, 1, out);
    default: {
        uint32_t count;
        tacho__field_named(field, base, &count);
        return count > 0 ? tacho__people_count(count, out) : NONE;
    }
    }
}

const char *tacho__people_tags(tacho__arena *arena, const tacho_tag *list, uint32_t count) {
    const char *text = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].value) {
            text =
                tacho__arena_print(arena, "%s%s%s=%s", text ? text : "", text ? " " : "", list[i].name, list[i].value);
        }
    }
    return text ? text : NONE;
}

const char *tacho__people_title(tacho__arena *arena, const char *name) {
    char title[64];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof title; i++) {
        title[i] = name[i] == '_' ? ' ' : (char)toupper((unsigned char)name[i]);
    }
    title[i] = '\0';
    const char *copy = tacho__arena_text(arena, title);
    return copy ? copy : "";
}
