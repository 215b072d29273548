/*
 * Parents are found by id in a sorted list. A node's parent may only be a record that began before it (ties: the longer
 * one, then the earlier in the list), so damaged or foreign parents can form no ring.
 */
#include "codec/tree.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOT SIZE_MAX

typedef struct entry { /* a record on its way into the tree */
    const tacho_record_view *record;
    size_t parent; /* index of an entry, in order of begin */
    size_t first_child, next_sibling;
} entry;

typedef struct known_id {
    const char *id;
    size_t at;
} known_id;

static int number_order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int by_begin(const void *left, const void *right) {
    const entry *a = left, *b = right;
    int order = number_order(a->record->started_at_ns, b->record->started_at_ns);
    if (order == 0) {
        order = number_order(b->record->ended_at_ns, a->record->ended_at_ns);
    }
    return order != 0 ? order : (a->record > b->record) - (a->record < b->record);
}

static int by_id(const void *left, const void *right) {
    const known_id *a = left, *b = right;
    int order = strcmp(a->id, b->id);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static size_t find(const known_id *ids, size_t count, const char *id) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(ids[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && strcmp(ids[low].id, id) == 0 ? ids[low].at : ROOT;
}

static void link_parents(entry *entries, size_t count, known_id *ids) {
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].record->id) {
            ids[known++] = (known_id){entries[i].record->id, i};
        }
    }
    if (known > 0) {
        qsort(ids, known, sizeof *ids, by_id);
    }
    for (size_t i = count; i-- > 0;) { /* backwards, so that children end up in order */
        const char *parent = entries[i].record->parent_id;
        size_t at = parent ? find(ids, known, parent) : ROOT;
        entries[i].parent = at < i ? at : ROOT;
        if (entries[i].parent != ROOT) {
            entries[i].next_sibling = entries[at].first_child;
            entries[at].first_child = i;
        }
    }
}

static tacho__tree_node new_node(const tacho_record_view *record) {
    tacho__tree_node node = {.record = record, .parent = ROOT, .tokens = record->total_tokens, .tool = record->tool};
    node.cost_pusd = record->cost_pusd;
    node.cost_state = (tacho_cost_state)record->cost_state;
    return node;
}

/* Walks the tree without recursion: depth is the caller's to choose, the stack is not. */
static void lay_out(const entry *entries, size_t count, size_t *place, tacho__tree *tree) {
    for (size_t root = 0; root < count; root++) {
        if (entries[root].parent != ROOT) {
            continue;
        }
        size_t at = root;
        for (;;) {
            tacho__tree_node node = new_node(entries[at].record);
            if (entries[at].parent != ROOT) {
                node.parent = place[entries[at].parent];
                node.depth = tree->nodes[node.parent].depth + 1;
            }
            place[at] = tree->count;
            tree->nodes[tree->count++] = node;
            if (entries[at].first_child != ROOT) {
                at = entries[at].first_child;
                continue;
            }
            while (at != root && entries[at].next_sibling == ROOT) {
                at = entries[at].parent;
            }
            if (at == root) {
                break;
            }
            at = entries[at].next_sibling;
        }
    }
}

static bool is_tool(const tacho_record_view *record) {
    return record->kind && strcmp(record->kind, "tool") == 0;
}

static void note_tool(tacho__tree_node *parent, const tacho_record_view *tool) {
    const char *name = tool->tool ? tool->tool : tool->operation;
    parent->tool_calls++;
    if (parent->record->tool || parent->tools_differ || !name) {
        return; /* the record names its tool itself */
    }
    if (parent->tool && strcmp(parent->tool, name) != 0) {
        parent->tools_differ = true;
        parent->tool = NULL;
    } else {
        parent->tool = name;
    }
}

static int64_t known_sum(int64_t a, int64_t b) {
    int64_t sum;
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* An operation that used nothing has no cost, and none that is missing. */
static bool costs(const tacho__tree_node *node) {
    return node->cost_pusd != TACHO_COST_UNKNOWN || node->tokens >= 0;
}

static void add_inside(tacho__tree_node *parent, const tacho__tree_node *child) {
    if (costs(child)) {
        uint32_t joined =
            costs(parent) ? tacho_cost_state_join(parent->cost_state, child->cost_state) : (uint32_t)child->cost_state;
        parent->cost_state = (tacho_cost_state)joined;
        if (child->cost_pusd != TACHO_COST_UNKNOWN) {
            parent->cost_pusd = parent->cost_pusd == TACHO_COST_UNKNOWN
                                    ? child->cost_pusd
                                    : known_sum(parent->cost_pusd, child->cost_pusd);
        }
        if (parent->cost_pusd == INT64_MAX) {
            parent->cost_state = TACHO_COST_STATE_PARTIAL; /* the sum saturated: a lower bound */
        }
    }
    parent->tokens = known_sum(parent->tokens, child->tokens);
}

tacho_status tacho__tree_build(const tacho_records *records, tacho__tree *out) {
    size_t count = records->count;
    *out = (tacho__tree){0};
    entry *entries = tacho__calloc(count, sizeof *entries);
    known_id *ids = tacho__calloc(count, sizeof *ids);
    size_t *place = tacho__calloc(count, sizeof *place);
    out->nodes = tacho__calloc(count, sizeof *out->nodes);
    bool done = entries && ids && place && out->nodes;
    if (done && count > 0) {
        for (size_t i = 0; i < count; i++) {
            entries[i] = (entry){&records->records[i], ROOT, ROOT, ROOT};
        }
        qsort(entries, count, sizeof *entries, by_begin);
        link_parents(entries, count, ids);
        lay_out(entries, count, place, out);
        for (size_t i = out->count; i-- > 0;) { /* what is inside stands behind its parent, so it is complete */
            tacho__tree_node *node = &out->nodes[i];
            if (node->parent != ROOT) {
                add_inside(&out->nodes[node->parent], node);
                if (is_tool(node->record)) {
                    note_tool(&out->nodes[node->parent], node->record);
                }
            }
        }
    }
    tacho__free(entries);
    tacho__free(ids);
    tacho__free(place);
    if (!done) {
        tacho__tree_free(out);
    }
    return done ? TACHO_OK : TACHO_NOMEM;
}

void tacho__tree_free(tacho__tree *tree) {
    tacho__free(tree->nodes);
    *tree = (tacho__tree){0};
}
