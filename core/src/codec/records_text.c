#include "codec/records.h"

#include "codec/people.h"
#include "codec/tree.h"

#include <stdio.h>
#include <string.h>

enum { NAME, BEGIN, TIME, OUTCOME, TOKENS, COST, MODEL, COLUMNS };
#define DEEPEST 16 /* levels that are indented; what is deeper stands there too, under its place in the order */

static const char *name_text(const tacho__tree_node *node, tacho__arena *arena) {
    const tacho_record_view *record = node->record;
    const char *name = record->operation ? record->operation : record->tool ? record->tool : "-";
    int indent = (int)(node->depth < DEEPEST ? node->depth : DEEPEST) * 2;
    bool kind = record->kind && strcmp(record->kind, "step") != 0 && strcmp(record->kind, "custom") != 0;
    const char *text = kind ? tacho__arena_print(arena, "%*s%s: %s", indent, "", record->kind, name)
                            : tacho__arena_print(arena, "%*s%s", indent, "", name);
    return text ? text : "";
}

/* "ok" says nothing; everything else is told, with the reason. */
static const char *outcome_text(const tacho_record_view *record, tacho__arena *arena) {
    const char *outcome = record->outcome ? record->outcome : "";
    const char *why = record->error_type ? record->error_type : record->error_category;
    const char *retries =
        record->retries > 0 ? tacho__arena_print(arena, " (%lld retries)", (long long)record->retries) : "";
    if (strcmp(outcome, "ok") == 0) {
        return tacho__arena_print(arena, "ok%s", retries ? retries : "");
    }
    return why && *why ? tacho__arena_print(arena, "%s: %s%s", outcome, why, retries ? retries : "")
                       : tacho__arena_print(arena, "%s%s", outcome, retries ? retries : "");
}

static void add_node(tacho__text_table *table, const tacho__tree_node *node, const tacho_zone *zone) {
    const tacho_record_view *record = node->record;
    char text[TACHO__PEOPLE_TEXT];
    tacho__text_row(table);
    tacho__text_cell(table, NAME, name_text(node, &table->arena));
    const char *begin = tacho__people_instant(record->started_at_ns, zone, 1, text);
    tacho__text_cell(table, BEGIN, begin == text ? text + 11 : begin);
    tacho__text_cell(table, TIME, tacho__people_time(record->duration_ns, text));
    tacho__text_cell(table, OUTCOME, outcome_text(record, &table->arena));
    tacho__text_cell(table, TOKENS, tacho__people_count(node->tokens, text));
    tacho__text_cell(table, COST, tacho__people_cost(node->cost_pusd, node->cost_state, text));
    tacho__text_cell(table, MODEL, record->model);
}

/* In their own order, each by itself: an operation and what is inside it may both be among the slowest. */
static void add_list(tacho__text_table *table, const tacho_records *records, const tacho_zone *zone) {
    for (size_t i = 0; i < records->count; i++) {
        const tacho_record_view *record = &records->records[i];
        const tacho__tree_node node = {.record = record,
                                       .tokens = record->total_tokens,
                                       .cost_pusd = record->cost_pusd,
                                       .cost_state = (tacho_cost_state)record->cost_state};
        add_node(table, &node, zone);
    }
}

static tacho_status add_tree(tacho__text_table *table, const tacho_records *records, const tacho_zone *zone) {
    tacho__tree tree;
    tacho_status status = tacho__tree_build(records, &tree);
    for (size_t i = 0; status == TACHO_OK && i < tree.count; i++) {
        add_node(table, &tree.nodes[i], zone);
    }
    if (status == TACHO_OK) {
        tacho__tree_free(&tree);
    }
    return status;
}

tacho_status tacho__records_text(const tacho_records *records, const tacho__text_layout *layout, const tacho_zone *zone,
                                 tacho__output *output) {
    static const tacho__text_column columns[COLUMNS] = {
        [NAME] = {.title = "OPERATION"},
        [BEGIN] = {.title = "BEGIN", .right = true, .rank = 4},
        [TIME] = {.title = "TIME", .right = true},
        [OUTCOME] = {.title = "OUTCOME"},
        [TOKENS] = {.title = "TOKENS", .right = true, .rank = 2},
        [COST] = {.title = "COST", .right = true, .rank = 1},
        [MODEL] = {.title = "MODEL", .rank = 3},
    };
    tacho_status status = TACHO_OK;
    tacho__text_table table;
    tacho__text_table_begin(&table);
    for (size_t i = 0; i < COLUMNS; i++) {
        tacho__text_column_add(&table, columns[i]);
    }
    if (records->by_duration) {
        add_list(&table, records, zone);
    } else {
        status = add_tree(&table, records, zone);
    }
    if (status == TACHO_OK) {
        status = tacho__text_table_write(&table, layout, &output->buffer);
    }
    tacho__text_table_free(&table);
    return status;
}
