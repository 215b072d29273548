/**
 * A JSON document as a tree, for price files: read once, small (a few MiB), looked at in any order. Numbers stay text.
 * Whoever reads large or many documents uses the events of wire/json_reader.h instead. Not thread-safe.
 */
#ifndef TACHO_PRICE_JSON_TREE_H
#define TACHO_PRICE_JSON_TREE_H

#include "wire/json_reader.h"

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

typedef enum tacho__json_kind {
    TACHO__JSON_TREE_NULL,
    TACHO__JSON_TREE_BOOLEAN, /* text is "true" or "false" */
    TACHO__JSON_TREE_NUMBER,
    TACHO__JSON_TREE_STRING,
    TACHO__JSON_TREE_OBJECT,
    TACHO__JSON_TREE_ARRAY
} tacho__json_kind;

/** One value. Texts are NUL-terminated and live as long as the tree. */
typedef struct tacho__json_node {
    tacho__json_kind kind;
    const char *key; /* NULL in arrays and at the top */
    const char *text;
    size_t length;
    struct tacho__json_node *first; /* members of an object or array, in order */
    struct tacho__json_node *next;
    uint64_t ordinal; /* number of the reader's event, from 1: names the place in the text */
} tacho__json_node;

typedef struct tacho__json_tree tacho__json_tree;

/**
 * Read a document; comments are allowed.
 *
 * @param out    free with tacho__json_tree_free; NULL on failure
 * @param place  where it was refused; `reason` is static text; may be NULL
 * @return TACHO_OK; TACHO_DAMAGED, TACHO_LIMIT (64 MiB, depth 32, 4 million values), TACHO_NOMEM
 */
tacho_status tacho__json_tree_read(tacho__json_tree **out, const char *text, size_t length, tacho__json_place *place);
void tacho__json_tree_free(tacho__json_tree *tree);

/** The value at the top. */
const tacho__json_node *tacho__json_tree_root(const tacho__json_tree *tree);

/** Member of an object; NULL when there is none or `node` is no object (or NULL). Of equal keys the last counts. */
const tacho__json_node *tacho__json_member(const tacho__json_node *node, const char *key);

/** Text of a string member, else `otherwise`. */
const char *tacho__json_member_text(const tacho__json_node *node, const char *key, const char *otherwise);

/** Line and column of a value in the text that the tree was read from. */
tacho__json_place tacho__json_tree_place(const char *text, size_t length, const tacho__json_node *node);

#endif
