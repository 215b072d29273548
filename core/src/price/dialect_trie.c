#include "price/dialect_rows.h"

#include <string.h>

#define NODES_MAX 200

/* One per dialect; filled by the first who asks for it, unchanged after that. */
typedef struct store {
    int ready; /* 0 not yet, 1 under way, 2 done */
    uint16_t count;
    tacho__trie_node nodes[NODES_MAX];
} store;

static store stores[TACHO__DIALECTS];

static uint16_t add_node(store *s, uint16_t parent, tacho__trie_node node) {
    for (uint16_t at = s->nodes[parent].first; at != TACHO__TRIE_NONE; at = s->nodes[at].next) {
        const tacho__trie_node *other = &s->nodes[at];
        if (other->kind == node.kind && other->key_length == node.key_length &&
            memcmp(other->key, node.key, node.key_length) == 0 && other->match_length == node.match_length &&
            (node.match_length == 0 || memcmp(other->match, node.match, node.match_length) == 0)) {
            return at;
        }
    }
    uint16_t fresh = s->count++;
    node.first = node.row = TACHO__TRIE_NONE;
    node.next = s->nodes[parent].first;
    s->nodes[parent].first = fresh;
    s->nodes[fresh] = node;
    return fresh;
}

/* One step of a path: "key", "key[]", "key[*]" or "key[member=value]". */
static uint16_t add_step(store *s, uint16_t at, const char *step, size_t length) {
    const char *bracket = memchr(step, '[', length);
    size_t key = bracket ? (size_t)(bracket - step) : length;
    at = add_node(s, at, (tacho__trie_node){.key = step, .key_length = (uint8_t)key, .kind = TACHO__TRIE_KEY});
    if (!bracket) {
        return at;
    }
    const char *member = bracket + 1, *end = step + length - 1, *equals = memchr(member, '=', (size_t)(end - member));
    if (!equals) {
        tacho__trie_kind kind = *member == '*' ? TACHO__TRIE_EACH : TACHO__TRIE_ITEM;
        return add_node(s, at, (tacho__trie_node){.key = "", .kind = (uint8_t)kind});
    }
    return add_node(s, at,
                    (tacho__trie_node){.key = member,
                                       .key_length = (uint8_t)(equals - member),
                                       .kind = TACHO__TRIE_MATCH,
                                       .match = equals + 1,
                                       .match_length = (uint8_t)(end - equals - 1)});
}

static uint16_t add_path(store *s, uint16_t at, const char *path) {
    while (*path) {
        size_t length = strcspn(path, "/");
        at = add_step(s, at, path, length);
        path += length + (path[length] == '/');
    }
    return at;
}

static void fill(store *s, const tacho_dialect *dialect) {
    s->nodes[0] =
        (tacho__trie_node){.key = "", .first = TACHO__TRIE_NONE, .next = TACHO__TRIE_NONE, .row = TACHO__TRIE_NONE};
    s->count = 1;
    for (uint8_t row = 0; row < dialect->row_count; row++) {
        const char *path = dialect->rows[row].path;
        if (*path == '/') {
            s->nodes[add_path(s, 0, path + 1)].row = row;
            continue;
        }
        for (int i = 0; i < TACHO__DIALECT_ROOTS_MAX && dialect->roots[i]; i++) {
            s->nodes[add_path(s, add_path(s, 0, dialect->roots[i]), path)].row = row;
        }
    }
}

size_t tacho__dialect_index(const tacho_dialect *dialect) {
    return (size_t)(dialect - tacho__dialects);
}

tacho__trie tacho__dialect_trie(const tacho_dialect *dialect) {
    store *s = &stores[tacho__dialect_index(dialect)];
    int expected = 0;
    if (__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) != 2) {
        if (__atomic_compare_exchange_n(&s->ready, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            fill(s, dialect);
            __atomic_store_n(&s->ready, 2, __ATOMIC_RELEASE);
        }
        while (__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE) != 2) {
        }
    }
    return (tacho__trie){s->nodes, s->count};
}

/* "promptTokenCount" is met as itself and as "prompt_token_count": libraries rename, the numbers are the same. */
static bool same_key(const char *known, size_t known_length, const char *key, size_t length) {
    if (known_length == length && memcmp(known, key, length) == 0) {
        return true;
    }
    size_t at = 0;
    if (known_length > length) {
        return false; /* an underscore only makes it longer */
    }
    for (size_t i = 0; i < known_length; i++) {
        bool upper = known[i] >= 'A' && known[i] <= 'Z';
        if (upper && (at >= length || key[at++] != '_')) {
            return false;
        }
        if (at >= length || key[at++] != (upper ? known[i] + ('a' - 'A') : known[i])) {
            return false;
        }
    }
    return at == length;
}

uint16_t tacho__trie_key(tacho__trie trie, uint16_t node, const char *key, size_t length) {
    for (uint16_t at = trie.nodes[node].first; at != TACHO__TRIE_NONE; at = trie.nodes[at].next) {
        if (trie.nodes[at].kind == TACHO__TRIE_KEY &&
            same_key(trie.nodes[at].key, trie.nodes[at].key_length, key, length)) {
            return at;
        }
    }
    return TACHO__TRIE_NONE;
}
