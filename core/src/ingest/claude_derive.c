/*
 * One pass over the facts of a session in the order of time. A step is one human prompt up to the next (semantics 57);
 * a prompt that nothing came of is none. A sub-agent hangs under the tool that runs it, everything it does under it,
 * all else under the step. The context is what the main thread's last call sent (semantics 28); a call that sends less
 * than half of the one before, or has an explicit line before it, comes after a compaction.
 */
#include "ingest/claude_derive.h"

#include "base/hash.h"
#include "base/memory.h"
#include "history/columns.h"

#include <stdlib.h>
#include <string.h>
#include <tachograph/record.h>

void tacho__claude_operation_id(const char *source_id, char out[17]) {
    tacho__hex_text(tacho__hash(source_id, strlen(source_id), 1), out);
}

/* One session being walked through. */
typedef struct session_walk {
    tacho__facts *facts;
    tacho__fact *step;      /* the last prompt; NULL = none yet */
    tacho__fact *last_call; /* of the main thread */
    uint32_t boundaries;    /* compaction lines since it */
} session_walk;

static tacho_status parent_of(tacho__facts *facts, const tacho__fact *parent, tacho__fact_text *id) {
    char hex[17];
    tacho__claude_operation_id(tacho__facts_get(facts, parent->id), hex);
    return tacho__facts_text(facts, hex, id);
}

static void stretch(tacho__fact_shape *shape, int64_t at_ns) {
    if (at_ns && (!shape->started_at_ns || at_ns < shape->started_at_ns)) {
        shape->started_at_ns = at_ns;
    }
    if (at_ns > shape->ended_at_ns) {
        shape->ended_at_ns = at_ns;
    }
}

static bool on_main_thread(const tacho__fact *fact) {
    return !fact->agent && !(fact->line_flags & TACHO__LINE_SIDECHAIN);
}

static tacho__fact *agent_of(const session_walk *walk, const tacho__fact *fact) {
    tacho__fact_text id = 0;
    if (!fact->agent || tacho__facts_path(walk->facts, fact->session, fact->agent, &id) != TACHO_OK) {
        return NULL;
    }
    return tacho__facts_find(walk->facts, TACHO__FACT_AGENT, id);
}

/* Hangs a call or tool call under its sub-agent or step, both of which reach at least until it ended. */
static tacho_status hang(session_walk *walk, tacho__fact *fact) {
    tacho__fact *agent = agent_of(walk, fact), *step = walk->step;
    int64_t end_ns = fact->end_ns > fact->at_ns ? fact->end_ns : fact->at_ns;
    uint32_t tools = fact->kind == TACHO__FACT_TOOL;
    tacho_status status = TACHO_OK;
    if (step) {
        step->shape.there = 1;
        stretch(&step->shape, end_ns);
    }
    if (!agent) {
        if (step) {
            step->shape.tool_calls += tools;
        }
        return step ? parent_of(walk->facts, step, &fact->shape.parent) : TACHO_OK;
    }
    if (!agent->shape.there && step) { /* until its tool is known, see finish_agent */
        status = parent_of(walk->facts, step, &agent->shape.parent);
    }
    agent->shape.there = 1;
    agent->shape.tool_calls += tools;
    stretch(&agent->shape, fact->at_ns);
    stretch(&agent->shape, end_ns);
    return status == TACHO_OK ? parent_of(walk->facts, agent, &fact->shape.parent) : status;
}

static void shape_tool(tacho__fact *tool) {
    tacho__fact_shape *shape = &tool->shape;
    shape->there = tool->has_use;
    shape->started_at_ns = tool->at_ns;
    shape->ended_at_ns = tool->end_ns ? tool->end_ns : tool->at_ns;
    shape->outcome = !tool->has_result ? TACHO_OUTCOME_ORPHANED
                     : tool->is_error  ? TACHO_OUTCOME_ERROR
                                       : TACHO_OUTCOME_OK;
}

static void shape_call(session_walk *walk, tacho__fact *call) {
    const tacho__fact_usage *usage = tacho__facts_usage(walk->facts, call);
    tacho__fact_shape *shape = &call->shape;
    shape->there = 1;
    shape->low_confidence = call->low_confidence;
    shape->started_at_ns = shape->ended_at_ns = call->at_ns;
    if (!usage || !on_main_thread(call)) {
        return;
    }
    shape->context_size = usage->input_tokens;
    int64_t before = walk->last_call ? walk->last_call->shape.context_size : 0;
    shape->compressions = walk->boundaries ? walk->boundaries : shape->context_size * 2 < before;
    walk->last_call = call;
    walk->boundaries = 0;
}

/* The new step cuts the one before: a tool that was still running does not make them overlap. */
static void begin_step(session_walk *walk, tacho__fact *prompt) {
    if (walk->step && walk->step->shape.ended_at_ns > prompt->at_ns) {
        walk->step->shape.ended_at_ns = prompt->at_ns;
    }
    prompt->shape.started_at_ns = prompt->shape.ended_at_ns = prompt->at_ns;
    walk->step = prompt;
}

static tacho_status visit(session_walk *walk, tacho__fact *fact) {
    switch (fact->kind) {
    case TACHO__FACT_PROMPT:
        begin_step(walk, fact);
        return TACHO_OK;
    case TACHO__FACT_CALL:
        shape_call(walk, fact);
        return hang(walk, fact);
    case TACHO__FACT_TOOL:
        shape_tool(fact);
        return fact->has_use ? hang(walk, fact) : TACHO_OK;
    case TACHO__FACT_COMPACTION:
        walk->boundaries++;
        return TACHO_OK;
    case TACHO__FACT_INTERRUPT:
        if (walk->step) {
            walk->step->shape.interventions++;
            walk->step->shape.outcome = TACHO_OUTCOME_CANCELLED;
        }
        return TACHO_OK;
    default:
        return TACHO_OK;
    }
}

/*
 * What is known of the tool call that runs an agent. Only within its session: what a session looks like follows from
 * its own facts, whether those of another one are at hand or not. (Where a session was copied, its calls are in one of
 * the two, and so is the agent.)
 */
static const tacho__fact *of_tool(const tacho__facts *facts, const tacho__fact *agent, tacho__fact_kind kind) {
    const tacho__fact *fact = agent->name ? tacho__facts_find(facts, kind, agent->name) : NULL;
    return fact && fact->session == agent->session ? fact : NULL;
}

static tacho_status name_agent(tacho__facts *facts, tacho__fact *agent) {
    const tacho__fact *type = of_tool(facts, agent, TACHO__FACT_AGENT_TYPE);
    bool compacts = strncmp(tacho__facts_get(facts, agent->agent), "acompact", 8) == 0;
    if (type) {
        agent->shape.name = type->name;
    }
    return type ? TACHO_OK : tacho__facts_text(facts, compacts ? "compaction" : "agent", &agent->shape.name);
}

static tacho_status finish_agent(tacho__facts *facts, tacho__fact *agent) {
    const tacho__fact *tool = of_tool(facts, agent, TACHO__FACT_TOOL);
    tacho_status status = name_agent(facts, agent);
    if (status != TACHO_OK || !tool || !tool->has_use) {
        return status;
    }
    agent->shape.started_at_ns = tool->at_ns;
    if (tool->end_ns) {
        agent->shape.ended_at_ns = tool->end_ns;
        agent->shape.outcome = tool->is_error ? TACHO_OUTCOME_ERROR : TACHO_OUTCOME_OK;
    }
    return parent_of(facts, tool, &agent->shape.parent);
}

/* --- sessions -------------------------------------------------------------------------------------------------- */

static int compare_number(int64_t a, int64_t b) {
    return a < b ? -1 : a > b;
}

static int by_session_and_time(const void *left, const void *right, void *context) {
    const tacho__facts *facts = context;
    const tacho__fact *a = &facts->facts[*(const uint32_t *)left], *b = &facts->facts[*(const uint32_t *)right];
    int order = compare_number(a->session, b->session);
    if (!order) {
        order = compare_number(a->at_ns, b->at_ns);
    }
    if (!order) {
        order = compare_number(a->kind, b->kind);
    }
    return order ? order : strcmp(tacho__facts_get(facts, a->id), tacho__facts_get(facts, b->id));
}

static tacho_status derive_session(tacho__facts *facts, const uint32_t *order, size_t count) {
    session_walk walk = {.facts = facts};
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < count; i++) {
        facts->facts[order[i]].shape = (tacho__fact_shape){.context_size = -1};
    }
    for (size_t i = 0; i < count && status == TACHO_OK; i++) {
        status = visit(&walk, &facts->facts[order[i]]);
    }
    if (walk.last_call) {
        walk.last_call->shape.compressions += walk.boundaries;
    }
    for (size_t i = 0; i < count && status == TACHO_OK; i++) {
        if (facts->facts[order[i]].kind == TACHO__FACT_AGENT) {
            status = finish_agent(facts, &facts->facts[order[i]]);
        }
    }
    return status;
}

tacho_status tacho__claude_derive(tacho__facts *facts) {
    uint32_t *order = tacho__calloc(facts->count, sizeof *order);
    size_t count = 0, end = 0;
    tacho_status status = TACHO_OK;
    if (!order) {
        return TACHO_NOMEM;
    }
    for (size_t i = 0; i < facts->count; i++) {
        if (tacho__facts_session(facts, facts->facts[i].session) & TACHO__SESSION_TOUCHED) {
            order[count++] = (uint32_t)i;
        }
    }
    qsort_r(order, count, sizeof *order, by_session_and_time, facts);
    for (size_t start = 0; start < count && status == TACHO_OK; start = end) {
        tacho__fact_text session = facts->facts[order[start]].session;
        while (end < count && facts->facts[order[end]].session == session) {
            end++;
        }
        status = derive_session(facts, order + start, end - start);
    }
    tacho__free(order);
    return status;
}
