/**
 * Usage dialects (semantics 55): tables of rows (key path, what it feeds, how) that one walker serves, whether the
 * response arrives as JSON events or is asked for in a host language.
 */
#ifndef TACHO_PRICE_DIALECT_H
#define TACHO_PRICE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/usage.h>

/** What a row feeds: a unit (0..TACHO_UNIT_COUNT - 1), or one of these. */
typedef enum tacho__dialect_target {
    TACHO__TARGET_MODEL = TACHO_UNIT_COUNT,
    TACHO__TARGET_ID,
    TACHO__TARGET_TIER,
    TACHO__TARGET_SPEED,
    TACHO__TARGET_REGION,
    TACHO__TARGET_PROVIDER,
    TACHO__TARGET_TEXTS_END,
    TACHO__TARGET_COST = TACHO__TARGET_TEXTS_END, /* USD, the full charge */
    TACHO__TARGET_TICKS,                          /* 10^-10 USD, the full charge */
    TACHO__TARGET_UPSTREAM,                       /* USD paid upstream; an addend only with BYOK */
    TACHO__TARGET_BYOK,                           /* boolean */
    TACHO__TARGET_INCLUSIVE,                      /* boolean: input and output include their other classes */
    TACHO__TARGET_TOTAL,                          /* the provider's own total of all tokens: checked */
    TACHO__TARGET_QUERY,                          /* a text of which the different ones are counted, not kept */
    TACHO__TARGET_FALLBACK,                       /* a text; "fallback_message" = answered after a refusal */
    TACHO__TARGET_DELTA                           /* a text; "message_delta" = goes on with the response before */
} tacho__dialect_target;

typedef enum tacho__dialect_rule {
    TACHO__RULE_ADD,    /* a class of its own, outside any total */
    TACHO__RULE_TOTAL,  /* part of its direction's inclusive total */
    TACHO__RULE_SUBSET, /* inside that total */
    TACHO__RULE_INSIDE, /* inside the class CACHE_WRITE: its split by time to live */
    TACHO__RULE_LAST    /* a text, an amount, a total to check */
} tacho__dialect_rule;

#define TACHO__ROW_OTHERWISE 1u /* only where no earlier row of this target and rule is present */
#define TACHO__ROW_OF_TOOL   2u /* part of the class INPUT_TOOL too: taken out of it */

typedef struct tacho__dialect_row {
    const char *path; /* keys joined by "/"; "[]" = the elements of an array, each a usage of its own; "[*]" = the
                         elements as parts of this usage; "[key=value]" = those of them with that member; a leading "/"
                         = from the top of the response, else from a root of the dialect */
    uint8_t target;
    uint8_t rule;
    uint8_t flags;
} tacho__dialect_row;

/** At most one named repair per dialect, for what rows cannot say. */
typedef enum tacho__dialect_fix {
    TACHO__FIX_NONE,
    TACHO__FIX_GEMINI,             /* thoughts already inside the candidates when the total says so; searches */
    TACHO__FIX_XAI_REASONING,      /* reasoning beside the completion when the total says so, else inside */
    TACHO__FIX_CONVERSE_INCLUSIVE, /* input already includes the cache when the total says so */
    TACHO__FIX_ITERATIONS          /* each element of iterations[] is a usage of its own, refused ones are none */
} tacho__dialect_fix;

#define TACHO__DIALECT_ROWS_MAX  64
#define TACHO__DIALECT_ROOTS_MAX 6

struct tacho_dialect {
    const char *name;
    const char *roots[TACHO__DIALECT_ROOTS_MAX]; /* "" = the usage object itself; NULL ends */
    const tacho__dialect_row *rows;
    uint8_t row_count;
    uint8_t fix;
};

/** Position in the list of dialects. */
size_t tacho__dialect_index(const tacho_dialect *dialect);

/* ------------------------------------------------------------------------------------------------------------- trie */

#define TACHO__TRIE_NONE UINT16_MAX

/** Keys of all rows under all roots of a dialect, as a tree. Key texts are not NUL-terminated. */
typedef struct tacho__trie_node {
    const char *key;
    uint8_t key_length;
    uint8_t kind;         /* tacho__trie_kind */
    uint16_t first, next; /* child, sibling */
    uint16_t row;         /* fed by the value here; TACHO__TRIE_NONE = none */
    const char *match;    /* TACHO__TRIE_MATCH: value that the member `key` must have */
    uint8_t match_length;
} tacho__trie_node;

typedef enum tacho__trie_kind {
    TACHO__TRIE_KEY,  /* member of a map */
    TACHO__TRIE_ITEM, /* each element of an array, as a usage of its own */
    TACHO__TRIE_EACH, /* each element of an array */
    TACHO__TRIE_MATCH /* elements of an array whose member `key` equals `match`; its children are their members */
} tacho__trie_kind;

typedef struct tacho__trie {
    const tacho__trie_node *nodes; /* node 0 is the top */
    uint16_t count;
} tacho__trie;

/** The trie of a dialect: made by the first who asks, then shared. No allocation; any thread. */
tacho__trie tacho__dialect_trie(const tacho_dialect *dialect);

/** Child of a map's node with this key, in camelCase or snake_case; TACHO__TRIE_NONE. */
uint16_t tacho__trie_key(tacho__trie trie, uint16_t node, const char *key, size_t length);

/* ---------------------------------------------------------------------------------------------------------- choosing
 */

/** Bits of what a response shows of itself, gathered while its keys pass by. */
typedef uint64_t tacho__fingerprint;

/** Fold the path of a key (at most 3 levels matter) into a fingerprint. `parent` may be "". */
tacho__fingerprint tacho__fingerprint_key(const char *parent, size_t parent_length, const char *key, size_t length);

/** Bits of all marks that stand in a member of the top level of this name; 0 = none do. */
tacho__fingerprint tacho__fingerprint_parent(const char *name, size_t length);

/** The dialect that a fingerprint is unique to, with what the provider changes about it; NULL = none. */
const tacho_dialect *tacho__dialect_choose(tacho__fingerprint seen, const char *provider);

/** Keys whose presence makes the fingerprint, for sources that are asked: the i-th, or false behind the last. */
bool tacho__fingerprint_question(size_t index, const char **parent, const char **key, tacho__fingerprint *bit);

#endif
