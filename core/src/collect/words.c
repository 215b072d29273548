/** Kinds, outcomes and categories as words, and back. */
#include <string.h>
#include <tachograph/record.h>

#define X(name, text) text,
static const char *const kinds[] = {TACHO_KIND_MAP(X)};
static const char *const outcomes[] = {TACHO_OUTCOME_MAP(X)};
static const char *const categories[] = {TACHO_CATEGORY_MAP(X)};
#undef X

static const char *word(const char *const *words, int count, int value) {
    return value >= 0 && value < count ? words[value] : "";
}

static int find(const char *const *words, int count, const char *text) {
    for (int i = 0; text && *text && i < count; ++i) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

const char *tacho_kind_text(int kind) {
    return word(kinds, TACHO_KIND_COUNT, kind);
}

const char *tacho_outcome_text(int outcome) {
    return word(outcomes, TACHO_OUTCOME_COUNT, outcome);
}

const char *tacho_category_text(int category) {
    return word(categories, TACHO_CATEGORY_COUNT, category);
}

tacho_status tacho_kind_parse(const char *text, tacho_kind *out) {
    const int found = find(kinds, TACHO_KIND_COUNT, text);
    if (found < 0) {
        return TACHO_NOT_FOUND;
    }
    *out = (tacho_kind)found;
    return TACHO_OK;
}

tacho_status tacho_outcome_parse(const char *text, tacho_outcome *out) {
    const int found = find(outcomes, TACHO_OUTCOME_COUNT, text);
    if (found < 0) {
        return TACHO_NOT_FOUND;
    }
    *out = (tacho_outcome)found;
    return TACHO_OK;
}

tacho_status tacho_category_parse(const char *text, tacho_category *out) {
    const int found = find(categories, TACHO_CATEGORY_COUNT, text);
    if (found < 0) {
        return TACHO_NOT_FOUND;
    }
    *out = (tacho_category)found;
    return TACHO_OK;
}
