#include "price/build_read.h"

#include "base/decimal.h"
#include "base/money.h"

#include <string.h>

#define FUSD_DIGITS 15

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static tacho__price_rate lowest_terms(int64_t amount, uint32_t per) {
    uint64_t divisor = common_divisor((uint64_t)amount, per);
    divisor = divisor ? divisor : 1;
    return (tacho__price_rate){(int64_t)((uint64_t)amount / divisor), (uint32_t)(per / divisor), 0};
}

/* Distance of a rounded value to the one with three more digits, in units of the finer one. */
static bool is_close(const char *text, size_t length, int64_t rounded) {
    int64_t fine;
    if (tacho__decimal_parse(text, length, FUSD_DIGITS + 3, TACHO__DECIMAL_HALF_EVEN, &fine) != TACHO_OK) {
        return true; /* too large for three more digits: the rounding is far below 1e-12 of it */
    }
    int64_t off = fine > rounded * 1000 ? fine - rounded * 1000 : rounded * 1000 - fine;
    return off == 0 || fine / off >= INT64_C(1000000000000);
}

tacho_status tacho__build_rate(const char *text, size_t length, uint32_t per, tacho__price_rate *out) {
    int64_t amount;
    tacho_status status = tacho__decimal_parse(text, length, FUSD_DIGITS, TACHO__DECIMAL_HALF_EVEN, &amount);
    if (status != TACHO_OK) {
        return status;
    }
    if (amount < 0) {
        return TACHO_INVALID;
    }
    /* A price for one unit that is finer than a femto-USD is kept for a thousand units. */
    int64_t finer;
    if (per == 1 && !is_close(text, length, amount) &&
        tacho__decimal_parse(text, length, FUSD_DIGITS + 3, TACHO__DECIMAL_HALF_EVEN, &finer) == TACHO_OK) {
        *out = lowest_terms(finer, 1000);
        return TACHO_OK;
    }
    *out = lowest_terms(amount, per);
    return TACHO_OK;
}

static bool digits_at(const char *text, int count, uint32_t *value) {
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *value = *value * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

static uint32_t days_from_civil(uint32_t year, uint32_t month, uint32_t day) {
    year -= month <= 2;
    uint32_t era = year / 400, of_era = year % 400;
    uint32_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool tacho__build_day(const char *text, uint32_t *minutes) {
    uint32_t year, month, day;
    if (strlen(text) < 10 || !digits_at(text, 4, &year) || text[4] != '-' || !digits_at(text + 5, 2, &month) ||
        text[7] != '-' || !digits_at(text + 8, 2, &day) || year < 1970 || year > 9999 || month < 1 || month > 12 ||
        day < 1 || day > 31) {
        return false;
    }
    *minutes = days_from_civil(year, month, day) * 1440;
    uint16_t of_day;
    if (text[10] == 0) {
        return true;
    }
    if (text[10] != 'T' || !tacho__build_time_of_day(text + 11, &of_day)) {
        return false;
    }
    *minutes += of_day;
    return true;
}

bool tacho__build_time_of_day(const char *text, uint16_t *minute) {
    uint32_t hours, minutes;
    if (strlen(text) < 5 || !digits_at(text, 2, &hours) || text[2] != ':' || !digits_at(text + 3, 2, &minutes) ||
        hours > 24 || minutes > 59) {
        return false;
    }
    const char *rest = text + 5;
    rest += strncmp(rest, ":00", 3) == 0 ? 3 : 0;
    rest += *rest == 'Z' ? 1 : 0;
    *minute = (uint16_t)(hours * 60 + minutes);
    return *rest == 0;
}

void tacho__report_line(tacho__build_report *report, const char *kind, const char *provider, const char *id,
                        const char *words) {
    if (!report) {
        return;
    }
    report->rejected += strcmp(kind, "rejected") == 0;
    report->quarantined += strcmp(kind, "quarantined") == 0;
    report->reviewed += strcmp(kind, "review") == 0;
    const char *parts[] = {kind, " ", provider, "/", id, ": ", words, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        tacho__buffer_string(&report->text, parts[i]);
    }
}

tacho__build_source_kind tacho__build_recognise(const tacho__json_node *root) {
    if (root->kind == TACHO__JSON_TREE_ARRAY) {
        return tacho__json_member(root->first, "models") ? TACHO__SOURCE_GENAI : TACHO__SOURCE_UNKNOWN;
    }
    if (tacho__json_member(root, "prices") || tacho__json_member(root, "aliases") ||
        tacho__json_member(root, "providers") || tacho__json_member(root, "modifiers")) {
        return TACHO__SOURCE_OWN;
    }
    for (const tacho__json_node *entry = root->first; entry; entry = entry->next) {
        if (tacho__json_member(entry, "litellm_provider")) {
            return TACHO__SOURCE_LITELLM;
        }
    }
    return TACHO__SOURCE_UNKNOWN;
}
