#include "price/json_tree.h"

#include "base/memory.h"

#include <string.h>

#define BLOCK_BYTES  ((size_t)256 * 1024)
#define DEPTH_MAX    32u
#define BYTES_MAX    (UINT64_C(64) << 20)
#define ORDINALS_MAX UINT64_C(16000000)

/* Nodes and texts come from large blocks that are freed together: a price file has some 100,000 values. */
typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
} block;

struct tacho__json_tree {
    block *blocks;
    tacho__json_node *root;
    tacho__json_node *open[DEPTH_MAX + 1]; /* containers under way */
    tacho__json_node *last[DEPTH_MAX + 1]; /* their newest member */
    uint32_t depth;
    char *key;
    uint64_t ordinal;
    uint64_t stop_at; /* tacho__json_tree_place: event to stop at; 0 = read */
};

static void *take(tacho__json_tree *tree, size_t size) {
    size = (size + 15) & ~(size_t)15;
    block *top = tree->blocks;
    if (!top || top->size - top->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block *fresh = tacho__malloc(sizeof(block) + room);
        if (!fresh) {
            return NULL;
        }
        *fresh = (block){.next = top, .size = room};
        tree->blocks = top = fresh;
    }
    void *found = top->bytes + top->used;
    top->used += size;
    return found;
}

static char *keep_text(tacho__json_tree *tree, const char *text, size_t length) {
    char *kept = take(tree, length + 1);
    if (kept) {
        if (length) {
            memcpy(kept, text, length);
        }
        kept[length] = 0;
    }
    return kept;
}

static void attach(tacho__json_tree *tree, tacho__json_node *node) {
    if (tree->depth == 0) {
        tree->root = node;
    } else if (tree->last[tree->depth]) {
        tree->last[tree->depth]->next = node;
    } else {
        tree->open[tree->depth]->first = node;
    }
    tree->last[tree->depth] = node;
}

static tacho__json_kind kind_of(tacho__json_event event) {
    switch (event) {
    case TACHO__JSON_FALSE:
    case TACHO__JSON_TRUE:
        return TACHO__JSON_TREE_BOOLEAN;
    case TACHO__JSON_NUMBER:
        return TACHO__JSON_TREE_NUMBER;
    case TACHO__JSON_STRING:
        return TACHO__JSON_TREE_STRING;
    case TACHO__JSON_OBJECT_BEGIN:
        return TACHO__JSON_TREE_OBJECT;
    case TACHO__JSON_ARRAY_BEGIN:
        return TACHO__JSON_TREE_ARRAY;
    default:
        return TACHO__JSON_TREE_NULL;
    }
}

static tacho_status add_value(tacho__json_tree *tree, tacho__json_event event, const char *text, size_t length) {
    if (event == TACHO__JSON_TRUE || event == TACHO__JSON_FALSE) {
        text = event == TACHO__JSON_TRUE ? "true" : "false";
        length = strlen(text);
    }
    tacho__json_node *node = take(tree, sizeof *node);
    char *kept = keep_text(tree, text, text ? length : 0);
    if (!node || !kept) {
        return TACHO_NOMEM;
    }
    *node = (tacho__json_node){
        .kind = kind_of(event), .key = tree->key, .text = kept, .length = text ? length : 0, .ordinal = tree->ordinal};
    tree->key = NULL;
    attach(tree, node);
    if (node->kind == TACHO__JSON_TREE_OBJECT || node->kind == TACHO__JSON_TREE_ARRAY) {
        if (tree->depth >= DEPTH_MAX) {
            return TACHO_LIMIT;
        }
        tree->open[++tree->depth] = node;
        tree->last[tree->depth] = NULL;
    }
    return TACHO_OK;
}

static tacho_status on_event(void *context, tacho__json_event event, const char *text, size_t length) {
    tacho__json_tree *tree = context;
    if (++tree->ordinal == tree->stop_at) {
        return TACHO_STOPPED;
    }
    if (tree->stop_at) {
        return TACHO_OK;
    }
    if (tree->ordinal > ORDINALS_MAX) {
        return TACHO_LIMIT;
    }
    if (event == TACHO__JSON_OBJECT_END || event == TACHO__JSON_ARRAY_END) {
        tree->depth--;
        return TACHO_OK;
    }
    if (event == TACHO__JSON_KEY) {
        tree->key = keep_text(tree, text, length);
        return tree->key ? TACHO_OK : TACHO_NOMEM;
    }
    return add_value(tree, event, text, length);
}

static tacho_status run(tacho__json_tree *tree, const char *text, size_t length, tacho__json_place *place) {
    tacho__json_limits limits = {DEPTH_MAX, BYTES_MAX, TACHO__JSON_UTF8_REJECT, 1};
    tacho__json_reader *reader = tacho__json_reader_new(&limits);
    if (!reader) {
        return TACHO_NOMEM;
    }
    tacho_status status = tacho__json_read(reader, text, length, on_event, tree);
    if (place) {
        *place = tacho__json_reader_place(reader);
        place->reason = status == TACHO_LIMIT ? "too large or too deep" : "not valid JSON";
    }
    tacho__json_reader_free(reader);
    return status;
}

tacho_status tacho__json_tree_read(tacho__json_tree **out, const char *text, size_t length, tacho__json_place *place) {
    *out = NULL;
    tacho__json_tree *tree = tacho__calloc(1, sizeof *tree);
    if (!tree) {
        return TACHO_NOMEM;
    }
    tacho_status status = run(tree, text, length, place);
    if (status == TACHO_OK && !tree->root) {
        status = TACHO_DAMAGED;
    }
    if (status != TACHO_OK) {
        tacho__json_tree_free(tree);
        return status;
    }
    *out = tree;
    return TACHO_OK;
}

void tacho__json_tree_free(tacho__json_tree *tree) {
    if (!tree) {
        return;
    }
    while (tree->blocks) {
        block *next = tree->blocks->next;
        tacho__free(tree->blocks);
        tree->blocks = next;
    }
    tacho__free(tree);
}

const tacho__json_node *tacho__json_tree_root(const tacho__json_tree *tree) {
    return tree->root;
}

const tacho__json_node *tacho__json_member(const tacho__json_node *node, const char *key) {
    const tacho__json_node *found = NULL;
    if (node && node->kind == TACHO__JSON_TREE_OBJECT) {
        for (const tacho__json_node *member = node->first; member; member = member->next) {
            if (strcmp(member->key, key) == 0) {
                found = member;
            }
        }
    }
    return found;
}

const char *tacho__json_member_text(const tacho__json_node *node, const char *key, const char *otherwise) {
    const tacho__json_node *member = tacho__json_member(node, key);
    return member && member->kind == TACHO__JSON_TREE_STRING ? member->text : otherwise;
}

/* Positions are not kept per value: the text is read again, up to the event that made the value. */
tacho__json_place tacho__json_tree_place(const char *text, size_t length, const tacho__json_node *node) {
    tacho__json_tree tree = {.stop_at = node->ordinal};
    tacho__json_place place = {0};
    (void)run(&tree, text, length, &place);
    place.reason = "";
    return place;
}
