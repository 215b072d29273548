/** Records as a tree by parent, with the sums of everything inside each. */
#ifndef TACHO_CODEC_TREE_H
#define TACHO_CODEC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <tachograph/snapshot.h>

typedef struct tacho__tree_node {
    const tacho_record_view *record;
    size_t parent;     /* index of a node; SIZE_MAX = a root, or its parent is not among the records */
    uint32_t depth;    /* 0 = root */
    int64_t tokens;    /* own and of everything inside; -1 = unknown */
    int64_t cost_pusd; /* the same; unknown when nothing inside is priced */
    tacho_cost_state cost_state;
    int64_t tool_calls; /* operations of kind tool directly inside */
    const char *tool;   /* the tool it used, if that was only one */
    bool tools_differ;
} tacho__tree_node;

/** Nodes in the order in which a reader meets them: by begin, what is inside an operation after it. */
typedef struct tacho__tree {
    tacho__tree_node *nodes;
    size_t count;
} tacho__tree;

/** TACHO_OK; TACHO_NOMEM. Ids that repeat, and parents that form a ring, make roots; nothing is left out. */
tacho_status tacho__tree_build(const tacho_records *records, tacho__tree *out);
void tacho__tree_free(tacho__tree *tree);

#endif
