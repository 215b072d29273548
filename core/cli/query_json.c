#include "query_json.h"
#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(cli_json *json, const char *bytes, size_t length) {
    if (json->failed) {
        return;
    }
    if (json->length + length + 1 > json->capacity) {
        size_t capacity = (json->length + length + 1) * 2;
        char *grown = realloc(json->text, capacity);
        if (grown == NULL) {
            json->failed = 1;
            return;
        }
        json->text = grown;
        json->capacity = capacity;
    }
    memcpy(json->text + json->length, bytes, length);
    json->length += length;
    json->text[json->length] = '\0';
}

static void add_text(cli_json *json, const char *text) {
    add(json, text, strlen(text));
}

/* Length of the well-formed UTF-8 sequence at `text` (Unicode 15, table 3-7); 0 = ill-formed. */
static size_t sequence(const unsigned char *text) {
    unsigned char first = text[0], second = text[1];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xc2 && first < 0xe0   ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (length == 0 || second < low || second > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static void add_quoted(cli_json *json, const char *text) {
    add(json, "\"", 1);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        char escape[8];
        size_t length = sequence(at);
        if (length == 0) {
            add_text(json, "\xef\xbf\xbd");
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            add(json, escape, (size_t)snprintf(escape, sizeof(escape), "\\%c", *at));
        } else if (*at < 0x20) {
            add(json, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *at));
        } else {
            add(json, (const char *)at, length);
        }
        at += length;
    }
    add(json, "\"", 1);
}

static void member(cli_json *json, const char *key) {
    if (json->needs_comma) {
        add(json, ",", 1);
    }
    if (key != NULL) {
        add_quoted(json, key);
        add(json, ":", 1);
    }
    json->needs_comma = 1;
}

void cli_json_begin(cli_json *json, const char *key, char bracket) {
    member(json, key);
    add(json, &bracket, 1);
    json->needs_comma = 0;
}

void cli_json_end(cli_json *json, char bracket) {
    add(json, &bracket, 1);
    json->needs_comma = 1;
}

void cli_json_text(cli_json *json, const char *key, const char *value) {
    member(json, key);
    if (value == NULL) {
        add_text(json, "null");
    } else {
        add_quoted(json, value);
    }
}

void cli_json_integer(cli_json *json, const char *key, int64_t value) {
    char digits[24];
    member(json, key);
    add(json, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, value));
}

void cli_json_free(cli_json *json) {
    free(json->text);
    *json = (cli_json){0};
}

/* What is not given is left out. */
static void given_text(cli_json *json, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        cli_json_text(json, key, value);
    }
}

static void given_time(cli_json *json, const char *key, int64_t unix_ns) {
    char text[32];
    if (unix_ns != 0) {
        cli_when_print(unix_ns, text);
        cli_json_text(json, key, text);
    }
}

static void given_tags(cli_json *json, const tacho_query *query) {
    if (query->tag_count > 0) {
        cli_json_begin(json, "tags", '{');
        for (uint32_t i = 0; i < query->tag_count; i++) {
            const char *value = query->tags[i].value;
            cli_json_text(json, query->tags[i].name, value[0] != '\0' ? value : NULL);
        }
        cli_json_end(json, '}');
    }
}

const char *cli_query_json(cli_json *json, const cli_arguments *arguments, const char *source, const char *prices,
                           const tacho_query *query) {
    cli_json_begin(json, NULL, '{');
    cli_json_text(json, "command", arguments->command->name);
    cli_json_text(json, "source", source);
    given_text(json, "prices", prices);
    given_text(json, "session", query->session);
    given_text(json, "model", query->model);
    given_text(json, "provider", query->provider);
    given_text(json, "operation", query->operation);
    given_text(json, "tool", query->tool);
    given_tags(json, query);
    if ((arguments->command->flags & CLI_BIT(BY)) != 0) {
        const char *by = arguments->value[CLI_FLAG_BY];
        cli_json_text(json, "by", by != NULL ? by : tacho_by_text((int)query->by));
    }
    given_time(json, "since", query->since_ns);
    given_time(json, "until", query->until_ns);
    given_text(json, "tz", query->zone != NULL ? query->zone->name : NULL);
    given_text(json, "sort", arguments->value[CLI_FLAG_SORT]);
    if (query->limit != 0) {
        cli_json_integer(json, "limit", query->limit);
    }
    cli_json_end(json, '}');
    return json->failed ? NULL : json->text;
}
