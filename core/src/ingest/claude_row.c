#include "ingest/claude_row.h"

#include "ingest/claude_collect.h"
#include "ingest/claude_derive.h"
#include "price/served.h"

#include <stdio.h>
#include <string.h>

static void call_row(const tacho__facts *facts, const tacho__fact *call, tacho__history_row *row) {
    const tacho__fact_usage *usage = tacho__facts_usage(facts, call);
    tacho_record_view *view = &row->view;
    view->kind = "llm";
    view->operation = "chat"; /* gen_ai.operation.name of the OpenTelemetry conventions */
    view->model = tacho__facts_get_or_null(facts, call->name);
    view->provider = tacho__claude_provider(view->model);
    if (!usage) {
        return;
    }
    view->present = usage->present;
    memcpy(view->units, usage->units, sizeof view->units);
    view->total_tokens = usage->total_tokens;
    view->cost_state = usage->cost_state;
    view->cost_pusd = usage->cost_pusd;
    view->reported_pusd = usage->reported_pusd;
    view->table_pusd = usage->table_pusd;
    view->price_sheet = *usage->price_sheet ? usage->price_sheet : NULL;
    view->service_tier = tacho__served_tier(usage->served);
    view->region = tacho__served_place(usage->served);
}

static void tool_row(const tacho__facts *facts, const tacho__fact *tool, tacho__history_row *row) {
    tacho_record_view *view = &row->view;
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
    bool timed = fact->kind == TACHO__FACT_TOOL    ? fact->end_ns && fact->at_ns
                 : fact->kind == TACHO__FACT_AGENT ? shape->ended_at_ns > shape->started_at_ns /* not one line only */
                                                   : fact->kind != TACHO__FACT_CALL;
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

void tacho__claude_row_of(const tacho__facts *facts, const tacho__fact *fact, tacho__claude_row *out) {
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
        call_row(facts, fact, row);
    } else if (fact->kind == TACHO__FACT_TOOL) {
        tool_row(facts, fact, row);
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

static int64_t input_tokens(const tacho_record_view *view) {
    int64_t sum = 0;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
        if ((view->present & TACHO_UNIT_BIT(unit)) && info->is_token && info->direction == TACHO_DIRECTION_IN) {
            sum += view->units[unit];
        }
    }
    return sum;
}

static void call_of(const tacho_record_view *view, tacho__fact *call, tacho__fact_usage *usage) {
    call->kind = TACHO__FACT_CALL;
    call->at_ns = view->started_at_ns;
    call->low_confidence = view->low_confidence != 0;
    call->output = view->present & TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT) ? view->units[TACHO_UNIT_OUTPUT] : -1;
    *usage = (tacho__fact_usage){.present = view->present,
                                 .cost_state = view->cost_state,
                                 .cost_pusd = view->cost_pusd,
                                 .reported_pusd = view->reported_pusd,
                                 .table_pusd = view->table_pusd,
                                 .input_tokens = input_tokens(view),
                                 .total_tokens = view->total_tokens};
    memcpy(usage->units, view->units, sizeof usage->units);
    const tacho_usage texts = TACHO_USAGE(.service_tier = view->service_tier, .region = view->region);
    usage->served = tacho__served_of(&texts);
    snprintf(usage->price_sheet, sizeof usage->price_sheet, "%s", view->price_sheet ? view->price_sheet : "");
}

static void tool_of(const tacho_record_view *view, tacho__fact *tool) {
    tool->kind = TACHO__FACT_TOOL;
    tool->has_use = true;
    tool->at_ns = view->started_at_ns;
    tool->output = -1;
    tool->is_error = view->error_category != NULL && *view->error_category;
    tool->has_result = view->outcome && strcmp(view->outcome, tacho_outcome_text(TACHO_OUTCOME_ORPHANED)) != 0;
    /* Without a time of its own the result stands at that of the use, and the call has no duration. */
    tool->end_ns = view->duration_ns >= 0 || view->ended_at_ns != view->started_at_ns ? view->ended_at_ns : 0;
}

tacho_status tacho__claude_fact_of(tacho__facts *facts, const tacho__history_row *row, tacho__fact *fact,
                                   tacho__fact_usage *usage) {
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
