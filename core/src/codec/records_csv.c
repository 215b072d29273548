#include "codec/records.h"

#include "base/decimal.h"
#include "base/money.h"
#include "base/seconds.h"
#include "base/timestamp.h"
#include "codec/csv.h"
#include "codec/tree.h"

#include <string.h>

static void count_cell(tacho__csv *csv, int64_t count) {
    char text[TACHO__DECIMAL_TEXT] = "";
    if (count >= 0) {
        tacho__decimal_text(count, 0, text);
    }
    tacho__csv_number(csv, text);
}

static void seconds_cell(tacho__csv *csv, int64_t ns) {
    char text[TACHO__DECIMAL_TEXT] = "";
    if (ns >= 0) {
        tacho__seconds_text((uint64_t)ns, text);
    }
    tacho__csv_number(csv, text);
}

static void time_cell(tacho__csv *csv, int64_t unix_ns) {
    char text[TACHO__TIMESTAMP_TEXT] = "";
    if (unix_ns != 0) {
        tacho__timestamp_text(unix_ns, text);
    }
    tacho__csv_number(csv, text);
}

/* step,duration,tokens,cost,tool,success are what existing readers of such files know; the rest follows. */
static const char *const titles[] = {"step",       "duration", "tokens",         "cost",       "tool",    "success",
                                     "kind",       "outcome",  "error_category", "error_type", "model",   "cost_state",
                                     "tool_calls", "retries",  "started_at",     "ended_at",   "session", "id",
                                     NULL};

static void write_line(tacho__csv *csv, const tacho__tree_node *node) {
    const tacho_record_view *record = node->record;
    char cost[TACHO__DECIMAL_TEXT];
    tacho__money_text(node->cost_pusd, cost);
    tacho__csv_text(csv, record->operation);
    seconds_cell(csv, record->duration_ns);
    count_cell(csv, node->tokens);
    tacho__csv_number(csv, cost);
    tacho__csv_text(csv, node->tool);
    tacho__csv_number(csv, record->outcome && strcmp(record->outcome, "ok") == 0 ? "true" : "false");
    tacho__csv_text(csv, record->kind);
    tacho__csv_text(csv, record->outcome);
    tacho__csv_text(csv, record->error_category);
    tacho__csv_text(csv, record->error_type);
    tacho__csv_text(csv, record->model);
    tacho__csv_text(csv, tacho_cost_state_name((uint32_t)node->cost_state));
    count_cell(csv, node->tool_calls > record->tool_calls ? node->tool_calls : record->tool_calls);
    count_cell(csv, record->retries);
    time_cell(csv, record->started_at_ns);
    time_cell(csv, record->ended_at_ns);
    tacho__csv_text(csv, record->session);
    tacho__csv_text(csv, record->id);
    tacho__csv_line_end(csv);
}

static bool is_kind(const tacho__tree_node *node, const char *kind) {
    return node->record->kind && strcmp(node->record->kind, kind) == 0;
}

tacho_status tacho__records_csv(const tacho_records *records, tacho__output *output) {
    tacho__tree tree;
    tacho_status status = tacho__tree_build(records, &tree);
    if (status != TACHO_OK) {
        return status;
    }
    bool steps = false;
    for (size_t i = 0; i < tree.count; i++) {
        steps = steps || is_kind(&tree.nodes[i], "step");
    }
    tacho__csv csv = {&output->buffer, false};
    for (size_t i = 0; titles[i]; i++) {
        tacho__csv_text(&csv, titles[i]);
    }
    tacho__csv_line_end(&csv);
    for (size_t i = 0; i < tree.count && tacho__output_pass(output); i++) {
        if (steps ? is_kind(&tree.nodes[i], "step") : !is_kind(&tree.nodes[i], "tool")) {
            write_line(&csv, &tree.nodes[i]);
        }
    }
    tacho__tree_free(&tree);
    return TACHO_OK;
}
