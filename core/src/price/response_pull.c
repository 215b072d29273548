/*
 * The same rows over values of a host language: the trie says which members to ask for, so a large object costs no more
 * than its usage.
 */
#include "price/response.h"

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
        } else if (p->trie.nodes[at].kind == TACHO__TRIE_MATCH && member_is(p, element, &p->trie.nodes[at])) {
            walk(p, at, element);
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
        if (p->source->kind(p->source->context, element) == TACHO_VALUE_MAP) {
            walk_element(p, node, element);
        }
        p->source->release(p->source->context, element);
    }
}

/* Depth is that of the trie, which is finite: a host object that contains itself is no danger. */
static void walk(const pull *p, uint16_t node, void *value) {
    for (uint16_t at = p->trie.nodes[node].first; at != TACHO__TRIE_NONE; at = p->trie.nodes[at].next) {
        const tacho__trie_node *child = &p->trie.nodes[at];
        void *member;
        if (child->kind != TACHO__TRIE_KEY || !get_named(p->source, value, child->key, child->key_length, &member)) {
            continue;
        }
        tacho_value_kind kind = p->source->kind(p->source->context, member);
        if (kind == TACHO_VALUE_MAP) {
            walk(p, at, member);
        } else if (kind == TACHO_VALUE_ARRAY) {
            walk_array(p, at, member);
        } else if (child->row != TACHO__TRIE_NONE) {
            scalar(p, child->row, kind, member);
        }
        p->source->release(p->source->context, member);
    }
}

void tacho__response_pull(tacho_response *response, const tacho_value_source *source) {
    pull p = {response, source, response->walker.trie};
    if (source->kind(source->context, source->root) == TACHO_VALUE_MAP) {
        walk(&p, 0, source->root);
    }
}

/* Exact names only: "inputTokens" tells one provider, its other spelling "input_tokens" is everybody's. */
static int get_exact(const tacho_value_source *source, void *value, const char *key, void **out) {
    return source->get_key(source->context, value, key, out);
}

tacho__fingerprint tacho__response_pull_fingerprint(const tacho_value_source *source) {
    const char *parent, *key;
    tacho__fingerprint bit, seen = 0;
    if (source->kind(source->context, source->root) != TACHO_VALUE_MAP) {
        return 0;
    }
    for (size_t i = 0; tacho__fingerprint_question(i, &parent, &key, &bit); i++) {
        void *outer = NULL, *inner;
        if (*parent && !get_exact(source, source->root, parent, &outer)) {
            continue;
        }
        void *from = *parent ? outer : source->root;
        if (source->kind(source->context, from) == TACHO_VALUE_MAP && get_exact(source, from, key, &inner)) {
            seen |= source->kind(source->context, inner) == TACHO_VALUE_NULL ? 0 : bit;
            source->release(source->context, inner);
        }
        if (outer) {
            source->release(source->context, outer);
        }
    }
    return seen;
}
