#include "ingest/claude_collect.h"

#include "base/hash.h"
#include "history/columns.h"
#include "price/served.h"

#include <stdio.h>
#include <string.h>

/* What is the same for all facts of one line. */
typedef struct seen_line {
    tacho__facts *facts;
    const tacho__claude_line *line;
    const tacho_price_table *prices;
    tacho__fact_text session, agent, uuid;
} seen_line;

static tacho__fact candidate_of(const seen_line *seen, tacho__fact_kind kind, tacho__fact_text id) {
    return (tacho__fact){.kind = kind,
                         .id = id,
                         .session = seen->session,
                         .agent = seen->agent,
                         .line = seen->uuid,
                         .at_ns = seen->line->at_ns,
                         .output = -1};
}

static tacho_status intern(const seen_line *seen, tacho__claude_text text, tacho__fact_text *id) {
    return tacho__facts_text(seen->facts, tacho__claude_text_of(seen->line, text), id);
}

/* An id for what has none: the same for every sighting of the same line, in whatever file it stands. */
static tacho_status made_up_id(const seen_line *seen, const char *prefix, const char *rest, tacho__fact_text *id) {
    char text[64 + 256], hex[17];
    int length = snprintf(text, sizeof text, "%s/%lld/%s", tacho__facts_get(seen->facts, seen->session),
                          (long long)seen->line->at_ns, rest);
    tacho__hex_text(tacho__hash(text, length < (int)sizeof text ? (size_t)length : sizeof text - 1, 0), hex);
    snprintf(text, sizeof text, "%s:%s", prefix, hex);
    return tacho__facts_text(seen->facts, text, id);
}

/* --- model calls ----------------------------------------------------------------------------------------------- */

static tacho_status call_id(const seen_line *seen, tacho__fact_text *id) {
    const tacho__claude_line *line = seen->line;
    char text[256];
    if (line->message_id) {
        return intern(seen, line->message_id, id);
    }
    if (!line->request_id && !line->uuid) {
        return made_up_id(seen, "call", tacho__claude_text_of(line, line->model), id);
    }
    snprintf(text, sizeof text, line->request_id ? "request:%s" : "line:%s",
             tacho__claude_text_of(line, line->request_id ? line->request_id : line->uuid));
    return tacho__facts_text(seen->facts, text, id);
}

const char *tacho__claude_provider(const char *model) {
    if (!model || !strstr(model, "claude")) {
        return NULL;
    }
    if (strstr(model, "anthropic.")) {
        return "aws.bedrock";
    }
    return strchr(model, '@') ? "gcp.vertex_ai" : "anthropic";
}

/* All parts together. */
static void read_usage(const tacho_response *response, tacho_usage *sum) {
    *sum = *tacho_response_usage(response, 0);
    for (size_t part = 1; part < tacho_response_parts(response); part++) {
        tacho_usage_add(sum, tacho_response_usage(response, part));
    }
}

static void keep_usage(const tacho_usage *sum, int64_t reported_pusd, tacho__fact_usage *usage) {
    *usage = (tacho__fact_usage){.present = sum->present,
                                 .cost_pusd = TACHO_COST_UNKNOWN,
                                 .reported_pusd = reported_pusd,
                                 .table_pusd = TACHO_COST_UNKNOWN,
                                 .served = tacho__served_of(sum),
                                 .input_tokens = tacho_usage_input_tokens(sum),
                                 .total_tokens = tacho_usage_total_tokens(sum)};
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        usage->units[unit] = tacho_usage_get(sum, (tacho_unit)unit);
    }
}

/* A cost that the agent wrote down is that of the whole response; else each part has the price of its own model. */
static tacho_status calculate(const seen_line *seen, const tacho_usage *sum, tacho_cost *cost) {
    const tacho__claude_line *line = seen->line;
    const char *model = line->model ? tacho__claude_text_of(line, line->model) : NULL;
    if (line->reported_pusd == TACHO_COST_UNKNOWN) {
        return tacho_response_cost(seen->prices, line->response, tacho__claude_provider(model), model, line->at_ns,
                                   cost);
    }
    tacho_usage usage = *sum;
    usage.model = model;
    usage.provider = tacho__claude_provider(model);
    usage.flags |= TACHO_USAGE_REPORTED_COST;
    usage.reported_cost_pusd = line->reported_pusd;
    return tacho_calculate_cost(seen->prices, &usage, line->at_ns, cost);
}

static void price(const seen_line *seen, const tacho_usage *sum, tacho__fact_usage *usage) {
    tacho_cost cost;
    if (calculate(seen, sum, &cost) != TACHO_OK) {
        return;
    }
    usage->cost_state = (int32_t)cost.state;
    usage->cost_pusd = cost.total_pusd;
    usage->table_pusd = cost.table_pusd;
    if (cost.sheet) {
        snprintf(usage->price_sheet, sizeof usage->price_sheet, "%.30s/%08x", cost.table_version, cost.sheet);
    }
}

/* Messages that the agent wrote itself in the model's place: no call was made for them. */
static bool synthetic(const tacho__claude_line *line) {
    return strcmp(tacho__claude_text_of(line, line->model), "<synthetic>") == 0;
}

/* Most lines of a call are not the one that counts: only that is priced. */
static tacho_status join_call(const seen_line *seen, tacho__fact *call) {
    tacho_usage sum;
    tacho__fact_usage usage;
    tacho__fact *taken = NULL;
    if (!(seen->line->flags & TACHO__CLAUDE_USAGE)) {
        return tacho__facts_join(seen->facts, call, NULL, NULL);
    }
    read_usage(seen->line->response, &sum);
    keep_usage(&sum, seen->line->reported_pusd, &usage);
    call->output = sum.present & TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT) ? sum.output : -1;
    tacho_status status = tacho__facts_join(seen->facts, call, &usage, &taken);
    if (status == TACHO_OK && taken) {
        price(seen, &sum, tacho__facts_usage_of(seen->facts, taken));
    }
    return status;
}

static tacho_status collect_call(const seen_line *seen) {
    const tacho__claude_line *line = seen->line;
    tacho__fact_text id;
    tacho_status status = call_id(seen, &id);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__fact call = candidate_of(seen, TACHO__FACT_CALL, id);
    call.low_confidence = (line->flags & TACHO__CLAUDE_WRAPPED) != 0;
    call.line_flags = (line->flags & TACHO__CLAUDE_SIDECHAIN ? TACHO__LINE_SIDECHAIN : 0) |
                      (line->flags & TACHO__CLAUDE_WRAPPED ? TACHO__LINE_WRAPPED : 0);
    status = intern(seen, line->model, &call.name);
    return status == TACHO_OK ? join_call(seen, &call) : status;
}

/* --- tools and sub-agents -------------------------------------------------------------------------------------- */

static tacho_status collect_use(const seen_line *seen, const tacho__claude_block *block, tacho__fact_text id) {
    tacho__fact tool = candidate_of(seen, TACHO__FACT_TOOL, id);
    tool.has_use = true;
    tacho_status status = intern(seen, block->tool, &tool.name);
    if (status == TACHO_OK) {
        status = tacho__facts_join(seen->facts, &tool, NULL, NULL);
    }
    if (status != TACHO_OK || !block->agent_type) {
        return status;
    }
    tacho__fact type = candidate_of(seen, TACHO__FACT_AGENT_TYPE, id);
    type.line = 0;
    status = intern(seen, block->agent_type, &type.name);
    return status == TACHO_OK ? tacho__facts_join(seen->facts, &type, NULL, NULL) : status;
}

static tacho_status collect_result(const seen_line *seen, const tacho__claude_block *block, tacho__fact_text id) {
    tacho__fact tool = candidate_of(seen, TACHO__FACT_TOOL, id);
    tool.has_result = true;
    tool.end_ns = seen->line->at_ns;
    tool.is_error = block->is_error;
    tool.at_ns = 0; /* of the use, which stands elsewhere */
    tool.line = 0;
    return tacho__facts_join(seen->facts, &tool, NULL, NULL);
}

/* A sub-agent is known by its name in the session; `tool` = the call that runs it, 0 = this line does not say. */
static tacho_status collect_agent(const seen_line *seen, tacho__fact_text agent, tacho__fact_text tool) {
    tacho__fact_text id;
    tacho_status status = tacho__facts_path(seen->facts, seen->session, agent, &id);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__fact fact = candidate_of(seen, TACHO__FACT_AGENT, id);
    fact.agent = agent;
    fact.name = tool;
    fact.at_ns = 0; /* follows from what it did */
    fact.line = 0;
    return tacho__facts_join(seen->facts, &fact, NULL, NULL);
}

static tacho_status collect_blocks(const seen_line *seen) {
    const tacho__claude_line *line = seen->line;
    tacho_status status = TACHO_OK;
    tacho__fact_text id = 0, agent = 0;
    size_t results = 0;
    for (size_t i = 0; i < line->block_count && status == TACHO_OK; i++) {
        const tacho__claude_block *block = &line->blocks[i];
        if (!block->id || !(block->is_use || block->is_result)) {
            continue;
        }
        status = intern(seen, block->id, &id);
        if (status == TACHO_OK) {
            status = block->is_use ? collect_use(seen, block, id) : collect_result(seen, block, id);
        }
        results += block->is_result;
    }
    if (status != TACHO_OK || results != 1 || !line->result_agent) {
        return status;
    }
    status = intern(seen, line->result_agent, &agent);
    return status == TACHO_OK ? collect_agent(seen, agent, id) : status;
}

static tacho_status collect_own_agent(const seen_line *seen) {
    tacho__fact_text tool = 0;
    tacho_status status = TACHO_OK;
    if (seen->line->flags & TACHO__CLAUDE_WRAPPED) {
        status = intern(seen, seen->line->parent_tool, &tool);
    }
    return status == TACHO_OK ? collect_agent(seen, seen->agent, tool) : status;
}

/* --- humans and compactions ------------------------------------------------------------------------------------ */

static tacho_status collect_mark(const seen_line *seen, tacho__fact_kind kind) {
    tacho__fact_text id = seen->uuid;
    tacho_status status = id ? TACHO_OK : made_up_id(seen, "line", "mark", &id);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__fact mark = candidate_of(seen, kind, id);
    mark.line = 0;
    return tacho__facts_join(seen->facts, &mark, NULL, NULL);
}

/* A human prompt is text in a user line of the main thread that is neither a tool's result nor written by the agent. */
static bool human(const tacho__claude_line *line) {
    const uint32_t not_human = TACHO__CLAUDE_WRAPPED | TACHO__CLAUDE_SIDECHAIN | TACHO__CLAUDE_META |
                               TACHO__CLAUDE_SUMMARY | TACHO__CLAUDE_RESULTS;
    return line->type == TACHO__CLAUDE_USER && (line->flags & TACHO__CLAUDE_WORDS) && !(line->flags & not_human) &&
           !line->agent;
}

static tacho_status collect_facts(const seen_line *seen) {
    const tacho__claude_line *line = seen->line;
    tacho_status status = TACHO_OK;
    if (line->flags & TACHO__CLAUDE_BOUNDARY) {
        return line->agent ? TACHO_OK : collect_mark(seen, TACHO__FACT_COMPACTION);
    }
    if (human(line)) {
        bool stop = (line->flags & TACHO__CLAUDE_INTERRUPTED) != 0;
        return collect_mark(seen, stop ? TACHO__FACT_INTERRUPT : TACHO__FACT_PROMPT);
    }
    if (!(line->flags & TACHO__CLAUDE_MESSAGE) || synthetic(line)) {
        return TACHO_OK;
    }
    if (line->type == TACHO__CLAUDE_ASSISTANT) {
        status = collect_call(seen);
    }
    if (status == TACHO_OK && seen->agent) {
        status = collect_own_agent(seen);
    }
    return status == TACHO_OK ? collect_blocks(seen) : status;
}

tacho_status tacho__claude_collect(tacho__facts *facts, const tacho__claude_line *line, const char *session,
                                   const tacho_price_table *prices) {
    seen_line seen = {.facts = facts, .line = line, .prices = prices};
    const char *own = tacho__claude_text_of(line, line->session);
    if (line->type == TACHO__CLAUDE_FOREIGN || line->type == TACHO__CLAUDE_SILENT) {
        return TACHO_OK;
    }
    tacho_status status = tacho__facts_text(facts, *own ? own : session, &seen.session);
    if (status == TACHO_OK) {
        status = intern(&seen, line->agent, &seen.agent);
    }
    if (status == TACHO_OK) {
        status = intern(&seen, line->uuid, &seen.uuid);
    }
    return status == TACHO_OK ? collect_facts(&seen) : status;
}
