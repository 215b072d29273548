/*
 * Instants: Lua has no type for them. In: epoch seconds or RFC 3339 text, exact to the nanosecond where text is given.
 * Out: RFC 3339 text in UTC, as JSON has it.
 */
#include "module.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Source: H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil and civil_from_days. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2);
}

/* Digits after the seconds, as nanoseconds; further digits are dropped. */
static int64_t fraction(const char **text) {
    int64_t ns = 0, unit = NS_PER_S / 10;
    if (**text != '.' || (*text)[1] < '0' || (*text)[1] > '9')
        return 0;
    for (++*text; **text >= '0' && **text <= '9'; ++*text, unit /= 10)
        ns += (**text - '0') * unit;
    return ns;
}

/* Seconds that "Z", "+02:00" or "-0530" is east of UTC; 0 is returned for what is none of these. */
static int zone(const char *text, int64_t *east) {
    int hours, minutes, length = 0;
    *east = 0;
    if ((*text == 'Z' || *text == 'z') && text[1] == '\0')
        return 1;
    if ((*text != '+' && *text != '-') || text[1] < '0' || text[1] > '9')
        return 0;
    if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || text[1 + length] != '\0' || minutes > 59)
        return 0;
    *east = (hours * 60 + minutes) * (*text == '-' ? -60 : 60);
    return hours < 24 && minutes >= 0;
}

static int parse(const char *text, int64_t *unix_ns) {
    int year, month, day, hour, minute, second, length = 0;
    char separator;
    int64_t east;
    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &year, &month, &day, &separator, &hour, &minute, &second, &length) !=
            7 ||
        length != 19 || !strchr("Tt ", separator))
        return 0;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || year < 1678 ||
        year > 2261)
        return 0;
    text += length;
    int64_t ns = fraction(&text);
    if (!zone(text, &east))
        return 0;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    *unix_ns = seconds * NS_PER_S + ns;
    return 1;
}

int64_t tacho_lua_check_instant(lua_State *L, int index) {
    int64_t unix_ns = 0;
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER) {
        lua_Number seconds = lua_tonumber(L, index), whole = floor(seconds);
        if (!(fabs(seconds) < 9.2e9))
            luaL_error(L, "instant: epoch seconds out of range");
        return (int64_t)whole * NS_PER_S + llrint((seconds - whole) * 1e9);
    }
    if (type != LUA_TSTRING || !parse(lua_tostring(L, index), &unix_ns))
        luaL_error(L, "instant: epoch seconds or a text like 2026-06-01T12:00:00Z expected, got %s",
                   type == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index));
    return unix_ns;
}

void tacho_lua_push_instant(lua_State *L, int64_t unix_ns) {
    char text[48], digits[12] = "";
    int64_t year, month, day, seconds = unix_ns / NS_PER_S, ns = unix_ns % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    int64_t days = seconds / 86400, of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        days--;
    }
    date_of(days, &year, &month, &day);
    if (ns > 0) {
        int end = snprintf(digits, sizeof digits, ".%09d", (int)ns);
        while (end > 1 && digits[end - 1] == '0')
            digits[--end] = '\0';
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)year, (int)month, (int)day,
             (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), digits);
    lua_pushstring(L, text);
}
