/*
 * The same rows over values of a host language: the trie says which members to ask for, so a large object costs no more
 * than its usage.
 */
#include "price/response.h"

#include <stddef.h>
#include <string.h>

#define KEY_MAX    80
#define NUMBER_MAX 64

typedef struct pull {
    tacho_response *response;
    const tacho_value_source *source;
    tacho__trie trie;
} pull;

static bool to_snake(const char *key, char out[KEY_MAX]) {
    size_t used = 0;
    bool changed = false;
    for (; *key && used + 2 < KEY_MAX; key++) {
        bool upper = *key >= 'A' && *key <= 'Z';
        if (upper) {
            out[used++] = '_';
        }
        out[used++] = upper ? (char)(*key + ('a' - 'A')) : *key;
        changed |= upper;
    }
    out[used] = 0;
    return changed;
}

static int get_named(const tacho_value_source *source, void *value, const char *key, size_t length, void **out) {
    char name[KEY_MAX], snake[KEY_MAX];
    if (length >= sizeof name) {
        return 0;
    }
    memcpy(name, key, length);
    name[length] = 0;
    return source->get_key(source->context, value, name, out) ||
           (to_snake(name, snake) && source->get_key(source->context, value, snake, out));
}

static void scalar(const pull *p, uint16_t row, tacho_value_kind kind, void *value) {
    char text[TACHO_RESPONSE_STRING_MAX];
    size_t length;
    switch (kind) {
    case TACHO_VALUE_NUMBER:
        length = p->source->text(p->source->context, value, text, NUMBER_MAX);
        tacho__response_number(p->response, row, text, length);
        break;
    case TACHO_VALUE_TEXT:
        length = p->source->text(p->source->context, value, text, sizeof text);
        tacho__response_text(p->response, row, text, length);
        break;
    case TACHO_VALUE_BOOLEAN:
        tacho__response_boolean(p->response, row, p->source->truth(p->source->context, value) != 0);
        break;
    default:
        break;
    }
}

static void walk(const pull *p, uint16_t node, void *value);

static bool member_is(const pull *p, void *element, const tacho__trie_node *node) {
    void *member;
    char text[64];
    if (!get_named(p->source, element, node->key, node->key_length, &member)) {
        return false;
    }
    bool is_text = p->source->kind(p->source->context, member) == TACHO_VALUE_TEXT;
    size_t length = is_text ? p->source->text(p->source->context, member, text, sizeof text) : 0;
    p->source->release(p->source->context, member);
    return is_text && length == node->match_length && memcmp(text, node->match, length) == 0;
}

static void walk_element(const pull *p, uint16_t node, void *element) {
    for (uint16_t at = p->trie.nodes[node].first; at != TACHO__TRIE_NONE; at = p->trie.nodes[at].next) {
        if (p->trie.nodes[at].kind == TACHO__TRIE_ITEM && tacho__response_item(p->response)) {
            walk(p, at, element);
            p->response->item = -1;
        } else if (p->trie.nodes[at].kind == TACHO__TRIE_EACH ||
                   (p->trie.nodes[at].kind == TACHO__TRIE_MATCH && member_is(p, element, &p->trie.nodes[at]))) {
            walk(p, at, element);
        }
    }
}

static void scalar_element(const pull *p, uint16_t node, tacho_value_kind kind, void *element) {
    for (uint16_t at = p->trie.nodes[node].first; at != TACHO__TRIE_NONE; at = p->trie.nodes[at].next) {
        if (p->trie.nodes[at].kind == TACHO__TRIE_EACH && p->trie.nodes[at].row != TACHO__TRIE_NONE) {
            scalar(p, p->trie.nodes[at].row, kind, element);
        }
    }
}

static void walk_array(const pull *p, uint16_t node, void *value) {
    size_t length = p->source->length(p->source->context, value);
    for (size_t i = 0; i < length; i++) {
        void *element;
        if (!p->source->get_index(p->source->context, value, i, &element)) {
            continue;
        }
        tacho_value_kind kind = p->source->kind(p->source->context, element);
        if (kind == TACHO_VALUE_MAP) {
            walk_element(p, node, element);
        } else {
            scalar_element(p, node, kind, element);
        }
        p->source->release(p->source->context, element);
    }
}

/* Sources that were compiled before `each` was there have a shorter struct. */
static bool visits(const tacho_value_source *source) {
    return source->struct_size >= offsetof(tacho_value_source, each) + sizeof source->each && source->each;
}

static void member_at(const pull *p, uint16_t node, void *member) {
    tacho_value_kind kind = p->source->kind(p->source->context, member);
    if (kind == TACHO_VALUE_MAP) {
        walk(p, node, member);
    } else if (kind == TACHO_VALUE_ARRAY) {
        walk_array(p, node, member);
    } else if (p->trie.nodes[node].row != TACHO__TRIE_NONE) {
        scalar(p, p->trie.nodes[node].row, kind, member);
    }
}

typedef struct visited_map {
    const pull *p;
    uint16_t node;
} visited_map;

static void visit_member(void *visitor, const char *name, size_t length, void *member) {
    const visited_map *map = visitor;
    uint16_t at = tacho__trie_key(map->p->trie, map->node, name, length);
    if (at != TACHO__TRIE_NONE) {
        member_at(map->p, at, member);
    }
}

/* Depth is that of the trie, which is finite: a host object that contains itself is no danger. */
static void walk(const pull *p, uint16_t node, void *value) {
    visited_map map = {p, node};
    if (visits(p->source) && p->source->each(p->source->context, value, visit_member, &map)) {
        return;
    }
    for (uint16_t at = p->trie.nodes[node].first; at != TACHO__TRIE_NONE; at = p->trie.nodes[at].next) {
        const tacho__trie_node *child = &p->trie.nodes[at];
        void *member;
        if (child->kind == TACHO__TRIE_KEY && get_named(p->source, value, child->key, child->key_length, &member)) {
            member_at(p, at, member);
            p->source->release(p->source->context, member);
        }
    }
}

void tacho__response_pull(tacho_response *response, const tacho_value_source *source) {
    pull p = {response, source, response->walker.trie};
    if (source->kind(source->context, source->root) == TACHO_VALUE_MAP) {
        walk(&p, 0, source->root);
    }
}

/* ------------------------------------------------------------------------------------------------------- fingerprints
 */

/* Exact names only: "inputTokens" tells one provider, its other spelling "input_tokens" is everybody's. */
static bool has_value(const tacho_value_source *source, void *value, const char *key) {
    void *member;
    if (!source->get_key(source->context, value, key, &member)) {
        return false;
    }
    bool is_null = source->kind(source->context, member) == TACHO_VALUE_NULL;
    source->release(source->context, member);
    return !is_null;
}

/* The marks inside one map: the root (`parent` is "") or its member of the name `parent`. */
static tacho__fingerprint ask(const tacho_value_source *source, void *value, const char *parent, size_t length) {
    const char *outer, *key;
    tacho__fingerprint bit, seen = 0;
    for (size_t i = 0; tacho__fingerprint_question(i, &outer, &key, &bit); i++) {
        if (strlen(outer) == length && memcmp(outer, parent, length) == 0 && has_value(source, value, key)) {
            seen |= bit;
        }
    }
    return seen;
}

typedef struct visited_level {
    const tacho_value_source *source;
    const char *parent; /* NULL at the top level */
    size_t parent_length;
    tacho__fingerprint seen;
} visited_level;

static void visit_mark(void *visitor, const char *name, size_t length, void *member) {
    visited_level *level = visitor;
    const tacho_value_source *source = level->source;
    tacho_value_kind kind = source->kind(source->context, member);
    if (kind == TACHO_VALUE_NULL) {
        return;
    }
    level->seen |= tacho__fingerprint_key(level->parent ? level->parent : "", level->parent_length, name, length);
    if (level->parent || kind != TACHO_VALUE_MAP || !tacho__fingerprint_parent(name, length)) {
        return;
    }
    visited_level inner = {source, name, length, 0};
    if (!source->each(source->context, member, visit_mark, &inner)) {
        inner.seen = ask(source, member, name, length);
    }
    level->seen |= inner.seen;
}

/* A root without a list of members: ask for each parent once, then for the marks inside it. */
static tacho__fingerprint ask_levels(const tacho_value_source *source) {
    const char *parent, *key;
    tacho__fingerprint bit, asked = 0, seen = ask(source, source->root, "", 0);
    for (size_t i = 0; tacho__fingerprint_question(i, &parent, &key, &bit); i++) {
        void *outer;
        if (!*parent || (asked & bit)) {
            continue;
        }
        asked |= tacho__fingerprint_parent(parent, strlen(parent));
        if (!source->get_key(source->context, source->root, parent, &outer)) {
            continue;
        }
        if (source->kind(source->context, outer) == TACHO_VALUE_MAP) {
            visited_level inner = {source, parent, strlen(parent), 0};
            bool listed = visits(source) && source->each(source->context, outer, visit_mark, &inner);
            seen |= listed ? inner.seen : ask(source, outer, parent, strlen(parent));
        }
        source->release(source->context, outer);
    }
    return seen;
}

tacho__fingerprint tacho__response_pull_fingerprint(const tacho_value_source *source) {
    visited_level top = {source, NULL, 0, 0};
    if (source->kind(source->context, source->root) != TACHO_VALUE_MAP) {
        return 0;
    }
    if (visits(source) && source->each(source->context, source->root, visit_mark, &top)) {
        return top.seen;
    }
    return ask_levels(source);
}
