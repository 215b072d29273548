#include "config/value.h"
#include "base/decimal.h"
#include "base/seconds.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <tachograph/status.h>

#define OPEN_VALUE_MAX 4096 /* bytes of a member of an open section */
#define RATIO_DIGITS   9

static const char *refuse(char reason[200], const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *refuse(char reason[200], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, 200, format, arguments);
    va_end(arguments);
    return reason;
}

/* True if `word` is one of the words between the '|' of `list`, whatever the case. */
static int is_among(const char *word, const char *list) {
    size_t length = strlen(word);
    for (const char *at = list; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && strncasecmp(at, word, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *take_boolean(const char *text, tacho__buffer *out) {
    if (is_among(text, "true|1|on|yes")) {
        tacho__buffer_string(out, "true");
    } else if (is_among(text, "false|0|off|no")) {
        tacho__buffer_string(out, "false");
    } else {
        return "but must be true or false";
    }
    return NULL;
}

static const char *take_count(const tacho__setting_key *key, const char *text, tacho__buffer *out, char reason[200]) {
    int64_t value;
    tacho_status status = tacho__decimal_parse(text, strlen(text), 0, TACHO__DECIMAL_EXACT, &value);
    if (status != TACHO_OK || value < 0 || (uint64_t)value < key->minimum || (uint64_t)value > key->maximum) {
        return refuse(reason, "but must be a whole number from %" PRIu64 " to %" PRIu64, key->minimum, key->maximum);
    }
    tacho__buffer_int(out, value);
    return NULL;
}

static const char *take_ratio(const char *text, tacho__buffer *out) {
    int64_t value;
    char decimal[TACHO__DECIMAL_TEXT];
    tacho_status status = tacho__decimal_parse(text, strlen(text), RATIO_DIGITS, TACHO__DECIMAL_HALF_EVEN, &value);
    if (status != TACHO_OK || value < 0 || value > 1000000000) {
        return "but must be a number from 0 to 1";
    }
    tacho__buffer_append(out, decimal, tacho__decimal_text(value, RATIO_DIGITS, decimal));
    return NULL;
}

tacho_status tacho__setting_duration(const char *text, uint64_t *ns) {
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ms", 1000000},       {"s", 1000000000},      {"m", 60000000000}, {"h", 3600000000000},
                 {"d", 86400000000000}, {"w", 604800000000000}, {"", 1000000000}};
    size_t digits = strspn(text, "0123456789.");
    uint64_t value;
    tacho_status status = tacho__seconds_parse(text, digits, &value);
    for (size_t i = 0; status == TACHO_OK && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            unsigned __int128 product = (unsigned __int128)value * units[i].ns / 1000000000u;
            *ns = (uint64_t)product;
            return product > INT64_MAX ? TACHO_LIMIT : TACHO_OK;
        }
    }
    return status == TACHO_OK ? TACHO_INVALID : status;
}

static const char *take_duration(const char *text, tacho__buffer *out) {
    uint64_t ns;
    if (tacho__setting_duration(text, &ns) != TACHO_OK || ns == 0) {
        return "but must be a duration such as 10s, 15m or 30d";
    }
    tacho__buffer_string(out, text);
    return NULL;
}

static int has_control(const char *text) {
    for (; *text != '\0'; text++) {
        if (iscntrl((unsigned char)*text)) {
            return 1;
        }
    }
    return 0;
}

static const char *take_text(uint64_t minimum, uint64_t maximum, const char *text, tacho__buffer *out,
                             char reason[200]) {
    size_t length = strlen(text);
    if (length < minimum || length > maximum) {
        return refuse(reason, "but must have %" PRIu64 " to %" PRIu64 " bytes", minimum, maximum);
    }
    if (has_control(text) || !tacho__text_valid(text, length)) {
        return "but must be UTF-8 without control characters";
    }
    tacho__buffer_append(out, text, length);
    return NULL;
}

static void take_path(const char *text, const char *folder, tacho__buffer *out) {
    const char *home = getenv("HOME");
    if (folder != NULL && strncmp(text, "~/", 2) == 0 && home != NULL) {
        tacho__buffer_string(out, home);
        text++;
    } else if (folder != NULL && text[0] != '/' && text[0] != '\0') {
        tacho__buffer_string(out, folder);
        tacho__buffer_byte(out, '/');
    }
    tacho__buffer_string(out, text);
}

static const char *take_choice(const tacho__setting_key *key, const char *text, tacho__buffer *out, char reason[200]) {
    if (!is_among(text, key->choices)) {
        refuse(reason, "but must be one of %s", key->choices);
        for (char *bar = strchr(reason, '|'); bar != NULL; bar = strchr(bar, '|')) {
            *bar = ' ';
        }
        return reason;
    }
    for (; *text != '\0'; text++) {
        tacho__buffer_byte(out, (char)tolower((unsigned char)*text));
    }
    return NULL;
}

static const char *take_list(const tacho__setting_key *key, const char *text, tacho__buffer *out, char reason[200]) {
    size_t start = out->length;
    uint64_t count = 0;
    if (has_control(text) || !tacho__text_valid(text, strlen(text))) {
        return "but must be UTF-8 without control characters";
    }
    while (*text != '\0') {
        text += strspn(text, ", ");
        size_t length = strcspn(text, ",");
        size_t next = length;
        while (length > 0 && text[length - 1] == ' ') {
            length--;
        }
        if (length > 0 && ++count > key->maximum) {
            out->length = start;
            return refuse(reason, "but may have at most %" PRIu64 " items", key->maximum);
        }
        if (length > 0 && count > 1) {
            tacho__buffer_byte(out, ',');
        }
        tacho__buffer_append(out, text, length);
        text += next;
    }
    return NULL;
}

const char *tacho__setting_canonical(const tacho__setting_key *key, const char *text, const char *folder,
                                     tacho__buffer *out, char reason[200]) {
    switch (key->type) {
    case TACHO__SETTING_BOOLEAN:
        return take_boolean(text, out);
    case TACHO__SETTING_COUNT:
        return take_count(key, text, out, reason);
    case TACHO__SETTING_RATIO:
        return take_ratio(text, out);
    case TACHO__SETTING_DURATION:
        return take_duration(text, out);
    case TACHO__SETTING_CHOICE:
        return take_choice(key, text, out, reason);
    case TACHO__SETTING_LIST:
        return take_list(key, text, out, reason);
    case TACHO__SETTING_HISTORY:
        if (is_among(text, "off|false|0|no|auto")) {
            tacho__buffer_string(out, strcasecmp(text, "auto") == 0 ? "auto" : "off");
            return NULL;
        }
        take_path(text, folder, out);
        return NULL;
    case TACHO__SETTING_PATH:
        take_path(text, folder, out);
        return NULL;
    case TACHO__SETTING_TEXT:
        return take_text(key->minimum, key->maximum, text, out, reason);
    case TACHO__SETTING_OPEN:
        break;
    }
    return take_text(0, OPEN_VALUE_MAX, text, out, reason);
}
