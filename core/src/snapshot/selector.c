#include "snapshot/selector.h"

#include "snapshot/tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    tacho__stat stat;
} stats[] = {
    {"calls", TACHO__STAT_CALLS},
    {"errors", TACHO__STAT_ERRORS},
    {"error_rate", TACHO__STAT_ERROR_RATE},
    {"success_rate", TACHO__STAT_SUCCESS_RATE},
    {"availability", TACHO__STAT_AVAILABILITY},
    {"retries", TACHO__STAT_RETRIES},
    {"interventions", TACHO__STAT_INTERVENTIONS},
    {"avg", TACHO__STAT_AVG},
    {"min", TACHO__STAT_MIN},
    {"max", TACHO__STAT_MAX},
    {"std", TACHO__STAT_STD},
    {"rate", TACHO__STAT_RATE},
    {"cost", TACHO__STAT_COST},
    {"cost_per_call", TACHO__STAT_COST_PER_CALL},
    {"tokens", TACHO__STAT_TOKENS},
    {"input_tokens", TACHO__STAT_INPUT_TOKENS},
    {"output_tokens", TACHO__STAT_OUTPUT_TOKENS},
    {"total_input_tokens", TACHO__STAT_TOTAL_INPUT_TOKENS},
    {"total_output_tokens", TACHO__STAT_TOTAL_OUTPUT_TOKENS},
};

enum { OPERATION, KIND, PROVIDER, MODEL, TOOL, COMPONENT, TAG };
static const char *const label_names[] = {"operation", "kind", "provider", "model", "tool", "component"};
#define LABELS     (sizeof label_names / sizeof *label_names)
#define TAG_PREFIX "tag:"

typedef struct reader {
    const char *text, *at;
    char *problem;
} reader;

static tacho_status fail(const reader *r, const char *what) {
    snprintf(r->problem, TACHO__SELECTOR_PROBLEM, "column %d of '%.60s': %s", (int)(r->at - r->text) + 1, r->text,
             what);
    return TACHO_INVALID;
}

static void skip_spaces(reader *r) {
    r->at += strspn(r->at, " \t");
}

static size_t word_length(const reader *r) {
    return strspn(r->at, "abcdefghijklmnopqrstuvwxyz_0123456789.");
}

static bool is_word(const reader *r, size_t length, const char *name) {
    return strlen(name) == length && memcmp(r->at, name, length) == 0;
}

/* p50 to p99.9, with one digit behind the point at most. */
static bool read_quantile(const reader *r, size_t length, unsigned *permille) {
    const char *at = r->at + 1;
    const size_t digits = strspn(at, "0123456789");
    if (r->at[0] != 'p' || digits < 1 || digits > 2) {
        return false;
    }
    *permille = (unsigned)strtoul(at, NULL, 10) * 10;
    if (length == digits + 3 && at[digits] == '.') {
        *permille += (unsigned)(at[digits + 1] - '0');
        return *permille > 0 && at[digits + 1] >= '0' && at[digits + 1] <= '9';
    }
    return length == digits + 1 && *permille > 0;
}

static tacho_status read_stat(reader *r, tacho__selector *out) {
    const size_t length = word_length(r);
    for (size_t i = 0; i < sizeof stats / sizeof *stats; ++i) {
        if (is_word(r, length, stats[i].name)) {
            out->stat = stats[i].stat;
            r->at += length;
            return TACHO_OK;
        }
    }
    out->stat = TACHO__STAT_QUANTILE;
    if (length > 0 && read_quantile(r, length, &out->permille)) {
        r->at += length;
        return TACHO_OK;
    }
    return fail(r, "expected a number's name, such as calls, avg, p95 or cost");
}

/* `tag:` and a name up to what compares it. */
static tacho_status read_tag(reader *r, tacho__matcher *matcher) {
    r->at += sizeof TAG_PREFIX - 1;
    size_t length = strcspn(r->at, "=!");
    while (length > 0 && (r->at[length - 1] == ' ' || r->at[length - 1] == '\t')) {
        --length;
    }
    if (length == 0 || length >= sizeof matcher->tag) {
        return fail(r, "expected the name of a tag of at most 200 bytes");
    }
    memcpy(matcher->tag, r->at, length);
    matcher->tag[length] = 0;
    matcher->label = TAG;
    r->at += length;
    return TACHO_OK;
}

static tacho_status read_label(reader *r, tacho__matcher *matcher) {
    const size_t length = word_length(r);
    if (strncmp(r->at, TAG_PREFIX, sizeof TAG_PREFIX - 1) == 0) {
        return read_tag(r, matcher);
    }
    for (matcher->label = 0; matcher->label < LABELS; ++matcher->label) {
        if (is_word(r, length, label_names[matcher->label])) {
            r->at += length;
            return TACHO_OK;
        }
    }
    return fail(r, "expected operation, kind, provider, model, tool, component or tag:NAME");
}

static tacho_status read_value(reader *r, char *value) {
    if (*r->at != '"') {
        return fail(r, "expected a value in quotation marks");
    }
    size_t length = 0;
    for (++r->at; *r->at && *r->at != '"'; ++r->at) {
        if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\')) {
            ++r->at;
        }
        if (length + 1 == TACHO__SELECTOR_VALUE) {
            return fail(r, "the value is longer than 200 bytes");
        }
        value[length++] = *r->at;
    }
    value[length] = 0;
    if (!*r->at) {
        return fail(r, "the quotation mark is missing");
    }
    ++r->at;
    return TACHO_OK;
}

static tacho_status read_matcher(reader *r, tacho__selector *out) {
    if (out->count == TACHO__SELECTOR_MATCHERS) {
        return fail(r, "too many labels");
    }
    tacho__matcher *matcher = &out->matchers[out->count];
    tacho_status status = read_label(r, matcher);
    if (status != TACHO_OK) {
        return status;
    }
    skip_spaces(r);
    matcher->unlike = *r->at == '!';
    r->at += matcher->unlike;
    if (*r->at != '=') {
        return fail(r, "expected = or !=");
    }
    ++r->at;
    skip_spaces(r);
    status = read_value(r, matcher->value);
    out->count += status == TACHO_OK;
    return status;
}

static tacho_status read_matchers(reader *r, tacho__selector *out) {
    tacho_status status = TACHO_OK;
    do {
        ++r->at; /* the brace or the comma */
        skip_spaces(r);
        if (*r->at == '}') {
            break;
        }
        status = read_matcher(r, out);
        skip_spaces(r);
    } while (status == TACHO_OK && *r->at == ',');
    if (status == TACHO_OK && *r->at != '}') {
        return fail(r, "expected , or }");
    }
    r->at += status == TACHO_OK;
    return status;
}

tacho_status tacho__selector_parse(const char *text, tacho__selector *out, char problem[TACHO__SELECTOR_PROBLEM]) {
    reader r = {text, text, problem};
    memset(out, 0, sizeof *out);
    problem[0] = 0;
    skip_spaces(&r);
    tacho_status status = read_stat(&r, out);
    skip_spaces(&r);
    if (status == TACHO_OK && *r.at == '{') {
        status = read_matchers(&r, out);
        skip_spaces(&r);
    }
    return status == TACHO_OK && *r.at ? fail(&r, "expected the end") : status;
}

/* `*` stands for any text. On a mismatch behind a star, the star takes one more byte. */
static bool like(const char *pattern, const char *text) {
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == *text) {
            ++pattern;
            ++text;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == 0;
}

static const char *label_of(const tacho__labels *labels, unsigned label) {
    switch (label) {
    case OPERATION:
        return labels->operation;
    case KIND:
        return labels->kind;
    case PROVIDER:
        return labels->provider;
    case MODEL:
        return labels->model;
    case TOOL:
        return labels->kind && strcmp(labels->kind, "tool") == 0 ? labels->operation : NULL;
    default:
        return labels->component;
    }
}

static bool tag_like(const tacho__matcher *matcher, const char *tags) {
    char text[TACHO__SELECTOR_VALUE];
    size_t length = 0;
    const char *value = tacho__tags_text_value(tags, matcher->tag, &length);
    length = value && length < sizeof text ? length : 0;
    memcpy(text, value ? value : "", length);
    text[length] = 0;
    return like(matcher->value, text);
}

bool tacho__selector_matches(const tacho__selector *selector, const tacho__labels *labels) {
    bool component = false;
    for (uint32_t i = 0; i < selector->count; ++i) {
        const tacho__matcher *matcher = &selector->matchers[i];
        const char *value = matcher->label == TAG ? NULL : label_of(labels, matcher->label);
        component |= matcher->label == COMPONENT;
        const bool matches =
            matcher->label == TAG ? tag_like(matcher, labels->tags) : like(matcher->value, value ? value : "");
        if (matches == matcher->unlike) {
            return false;
        }
    }
    return component || !labels->component;
}
