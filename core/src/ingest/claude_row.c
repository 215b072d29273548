#include "ingest/claude_row.h"

#include "ingest/claude_derive.h"

#include <stdio.h>
#include <string.h>

/*
 * Who was asked, as far as the name of the model tells: Claude under the names that Anthropic, Bedrock and Vertex give
 * it. Other models are reached through gateways that a transcript does not name.
 */
static const char *provider_of(const char *model) {
    if (!model || !strstr(model, "claude")) {
        return NULL;
    }
    if (strstr(model, "anthropic.")) {
        return "aws.bedrock";
    }
    return strchr(model, '@') ? "gcp.vertex_ai" : "anthropic";
}

static void set_cost(tacho__claude_row *out, const tacho_usage *known, const tacho_price_table *prices) {
    tacho_record_view *view = &out->row.view;
    tacho_usage usage = *known;
    tacho_cost cost;
    usage.model = view->model;
    usage.provider = view->provider;
    if (tacho_calculate_cost(prices, &usage, view->started_at_ns, &cost) != TACHO_OK) {
        return;
    }
    view->cost_state = (int32_t)cost.state;
    view->cost_pusd = cost.total_pusd;
    view->reported_pusd = cost.reported_pusd;
    view->table_pusd = cost.table_pusd;
    if (cost.sheet) {
        snprintf(out->price_sheet, sizeof out->price_sheet, "%s/%08x", cost.table_version, cost.sheet);
        view->price_sheet = out->price_sheet;
    }
}

static void call_row(const tacho__facts *facts, const tacho__fact *call, const tacho_price_table *prices,
                     tacho__claude_row *out) {
    const tacho_usage *usage = tacho__facts_usage(facts, call);
    tacho_record_view *view = &out->row.view;
    view->kind = "llm";
    view->operation = "chat"; /* gen_ai.operation.name of the OpenTelemetry conventions */
    view->model = tacho__facts_get_or_null(facts, call->name);
    view->provider = provider_of(view->model);
    if (!usage) {
        return;
    }
    view->present = usage->present;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        view->units[unit] = tacho_usage_get(usage, (tacho_unit)unit);
    }
    view->total_tokens = tacho_usage_total_tokens(usage);
    set_cost(out, usage, prices);
}

static void tool_row(const tacho__facts *facts, const tacho__fact *tool, tacho__claude_row *out) {
    tacho_record_view *view = &out->row.view;
    view->kind = "tool";
    view->operation = view->tool = tacho__facts_get_or_null(facts, tool->name);
    if (!view->operation) {
        view->operation = "tool";
    }
    if (tool->is_error) {
        view->error_category = tacho_category_text(TACHO_CATEGORY_TOOL);
    }
}

static void set_times(const tacho__fact *fact, tacho__history_row *row) {
    const tacho__fact_shape *shape = &fact->shape;
    bool timed = fact->kind == TACHO__FACT_TOOL ? fact->end_ns && fact->at_ns : fact->kind != TACHO__FACT_CALL;
    row->view.started_at_ns = shape->started_at_ns;
    row->view.ended_at_ns = shape->ended_at_ns;
    if (timed && shape->ended_at_ns >= shape->started_at_ns) {
        row->view.duration_ns = shape->ended_at_ns - shape->started_at_ns;
        row->estimated = 1;
    }
}

static void set_shape(const tacho__facts *facts, const tacho__fact *fact, tacho__history_row *row) {
    const tacho__fact_shape *shape = &fact->shape;
    row->view.outcome = tacho_outcome_text((int)shape->outcome);
    row->view.parent_id = tacho__facts_get_or_null(facts, shape->parent);
    row->view.context_size = shape->context_size;
    row->view.tool_calls = shape->tool_calls;
    row->view.compressions = shape->compressions;
    row->view.interventions = shape->interventions;
    row->view.low_confidence = shape->low_confidence;
    set_times(fact, row);
}

void tacho__claude_row_of(const tacho__facts *facts, const tacho__fact *fact, const tacho_price_table *prices,
                          tacho__claude_row *out) {
    tacho__history_row *row = &out->row;
    tacho__history_row_init(row);
    row->view.source = TACHO__CLAUDE_SOURCE;
    row->view.source_id = tacho__facts_get(facts, fact->id);
    tacho__claude_operation_id(row->view.source_id, out->id);
    row->view.id = out->id;
    row->view.session = tacho__facts_get_or_null(facts, fact->session);
    row->agent = tacho__facts_get_or_null(facts, fact->agent);
    row->line = tacho__facts_get_or_null(facts, fact->line);
    row->line_flags = fact->line_flags;
    set_shape(facts, fact, row);
    if (fact->kind == TACHO__FACT_CALL) {
        call_row(facts, fact, prices, out);
    } else if (fact->kind == TACHO__FACT_TOOL) {
        tool_row(facts, fact, out);
    } else {
        bool step = fact->kind == TACHO__FACT_PROMPT;
        row->view.kind = step ? "step" : "agent";
        row->view.operation = step ? "prompt" : tacho__facts_get_or_null(facts, fact->shape.name);
    }
}

/* --- back ------------------------------------------------------------------------------------------------------ */

tacho_status tacho__claude_shape_of(tacho__facts *facts, const tacho__history_row *row, tacho__fact_shape *shape) {
    const tacho_record_view *view = &row->view;
    tacho_outcome outcome = TACHO_OUTCOME_OK;
    tacho_status status = tacho__facts_text(facts, view->parent_id, &shape->parent);
    if (status == TACHO_OK && view->kind && strcmp(view->kind, "agent") == 0) {
        status = tacho__facts_text(facts, view->operation, &shape->name);
    }
    if (view->outcome) {
        tacho_outcome_parse(view->outcome, &outcome);
    }
    shape->there = 1;
    shape->outcome = (uint32_t)outcome;
    shape->started_at_ns = view->started_at_ns;
    shape->ended_at_ns = view->ended_at_ns;
    shape->context_size = view->context_size;
    shape->tool_calls = (uint32_t)view->tool_calls;
    shape->compressions = (uint32_t)view->compressions;
    shape->interventions = (uint32_t)view->interventions;
    shape->low_confidence = (uint32_t)view->low_confidence;
    return status;
}

static void call_of(const tacho_record_view *view, tacho__fact *call, tacho_usage *usage) {
    call->kind = TACHO__FACT_CALL;
    call->at_ns = view->started_at_ns;
    call->cost_pusd = view->cost_pusd;
    call->low_confidence = view->low_confidence != 0;
    call->output = view->present & TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT) ? view->units[TACHO_UNIT_OUTPUT] : -1;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (view->present & TACHO_UNIT_BIT(unit)) {
            tacho_usage_set(usage, (tacho_unit)unit, view->units[unit]);
        }
    }
}

static void tool_of(const tacho_record_view *view, tacho__fact *tool) {
    tool->kind = TACHO__FACT_TOOL;
    tool->has_use = true;
    tool->at_ns = view->started_at_ns;
    tool->output = -1;
    tool->is_error = view->error_category != NULL && *view->error_category;
    if (view->outcome && strcmp(view->outcome, tacho_outcome_text(TACHO_OUTCOME_ORPHANED)) != 0) {
        tool->end_ns = view->ended_at_ns;
    }
}

tacho_status tacho__claude_fact_of(tacho__facts *facts, const tacho__history_row *row, tacho__fact *fact,
                                   tacho_usage *usage) {
    const tacho_record_view *view = &row->view;
    bool is_call = strcmp(view->kind, "llm") == 0;
    const char *const texts[] = {view->source_id, view->session, row->agent, is_call ? view->model : view->tool,
                                 row->line};
    tacho__fact_text *const ids[] = {&fact->id, &fact->session, &fact->agent, &fact->name, &fact->line};
    tacho_status status = tacho__claude_shape_of(facts, row, &fact->written);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0] && status == TACHO_OK; i++) {
        status = tacho__facts_text(facts, texts[i], ids[i]);
    }
    fact->line_flags = (uint32_t)row->line_flags;
    if (is_call) {
        call_of(view, fact, usage);
    } else {
        tool_of(view, fact);
    }
    return status;
}
