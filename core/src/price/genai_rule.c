#include "price/genai_rule.h"

#include <regex.h>
#include <string.h>
#include <strings.h>

#define PATTERN_MAX 512

/* Python's \d and (?: in POSIX terms; anything else that POSIX lacks makes regcomp fail, which means no match. */
static bool to_posix(const char *pattern, char out[PATTERN_MAX]) {
    size_t used = 0;
    for (const char *p = pattern; *p; p++) {
        const char *piece = (char[2]){*p, 0};
        if (strncmp(p, "\\d", 2) == 0) {
            piece = "[0-9]";
            p++;
        } else if (strncmp(p, "(?:", 3) == 0) {
            piece = "(";
            p += 2;
        } else if (strncmp(p, "(?", 2) == 0) {
            return false;
        }
        size_t size = strlen(piece);
        if (used + size + 1 > PATTERN_MAX) {
            return false;
        }
        memcpy(out + used, piece, size);
        used += size;
    }
    out[used] = 0;
    return true;
}

static bool regex_matches(const char *pattern, const char *id) {
    char posix[PATTERN_MAX];
    regex_t compiled;
    if (!to_posix(pattern, posix) || regcomp(&compiled, posix, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool found = regexec(&compiled, id, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static bool contains(const char *id, const char *part) {
    size_t size = strlen(part);
    for (; strlen(id) >= size; id++) {
        if (strncasecmp(id, part, size) == 0) {
            return true;
        }
        if (!*id) {
            break;
        }
    }
    return false;
}

static bool list_matches(const tacho__json_node *list, const char *id, bool all) {
    for (const tacho__json_node *rule = list->first; rule; rule = rule->next) {
        if (tacho__genai_matches(rule, id) != all) {
            return !all;
        }
    }
    return all;
}

bool tacho__genai_matches(const tacho__json_node *rule, const char *id) {
    const tacho__json_node *clause = rule ? rule->first : NULL;
    if (!clause || !clause->key) {
        return false;
    }
    size_t length = strlen(id), size = clause->length;
    if (strcmp(clause->key, "equals") == 0) {
        return strcasecmp(id, clause->text) == 0;
    }
    if (strcmp(clause->key, "starts_with") == 0) {
        return strncasecmp(id, clause->text, size) == 0;
    }
    if (strcmp(clause->key, "ends_with") == 0) {
        return length >= size && strcasecmp(id + length - size, clause->text) == 0;
    }
    if (strcmp(clause->key, "contains") == 0) {
        return contains(id, clause->text);
    }
    if (strcmp(clause->key, "regex") == 0) {
        return regex_matches(clause->text, id);
    }
    return list_matches(clause, id, strcmp(clause->key, "and") == 0);
}

const tacho__json_node *tacho__genai_find(const tacho__json_node *models, const char *id) {
    for (const tacho__json_node *model = models; model; model = model->next) {
        if (tacho__genai_matches(tacho__json_member(model, "match"), id)) {
            return model;
        }
    }
    return NULL;
}

/* The literal text that a pattern begins with: "^gpt-4\.1(-\d+)?$" names "gpt-4.1". */
static void literal_beginning(const char *pattern, char out[PATTERN_MAX]) {
    size_t used = 0;
    const char *p = *pattern == '^' ? pattern + 1 : pattern;
    for (; *p && !strchr("[(?*+|$", *p) && used + 1 < PATTERN_MAX; p++) {
        if (*p == '\\') {
            if (!p[1] || strchr("dwsb", p[1])) {
                break;
            }
            p++;
        }
        out[used++] = *p;
    }
    if (used && (*p == '?' || *p == '*')) {
        used--; /* the last character is optional */
    }
    out[used] = 0;
}

static void give(const char *text, bool is_prefix, void (*found)(void *context, const char *id), void *context) {
    char id[PATTERN_MAX];
    size_t length = strlen(text);
    if (length >= PATTERN_MAX) {
        return;
    }
    memcpy(id, text, length + 1);
    while (length && strchr("-:@.", id[length - 1])) {
        id[--length] = 0;
    }
    if (length) {
        found(context, id);
    }
    if (is_prefix && length && length + sizeof "-latest" <= PATTERN_MAX) {
        memcpy(id + length, "-latest", sizeof "-latest"); /* the name that moves with the newest of a family */
        found(context, id);
    }
}

void tacho__genai_ids(const tacho__json_node *rule, void (*found)(void *context, const char *id), void *context) {
    const tacho__json_node *clause = rule ? rule->first : NULL;
    if (!clause || !clause->key) {
        return;
    }
    if (clause->kind == TACHO__JSON_TREE_ARRAY) {
        for (const tacho__json_node *part = clause->first; part; part = part->next) {
            tacho__genai_ids(part, found, context);
        }
    } else if (strcmp(clause->key, "regex") == 0) {
        char literal[PATTERN_MAX];
        literal_beginning(clause->text, literal);
        give(literal, false, found, context);
    } else if (strcmp(clause->key, "equals") == 0) {
        found(context, clause->text);
    } else if (strcmp(clause->key, "ends_with") != 0) {
        give(clause->text, strcmp(clause->key, "starts_with") == 0, found, context);
    }
}
