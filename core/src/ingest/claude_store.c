#include "ingest/claude_store.h"

#include "base/memory.h"
#include "ingest/claude_derive.h"
#include "ingest/claude_row.h"

#include <string.h>

/* Words of the column `kind` of the table `mark`. A result is a tool call whose use was not read yet. */
static const char *const mark_words[] = {
    [TACHO__FACT_PROMPT] = "prompt",         [TACHO__FACT_AGENT] = "agent",
    [TACHO__FACT_TOOL] = "result",           [TACHO__FACT_AGENT_TYPE] = "agent type",
    [TACHO__FACT_COMPACTION] = "compaction", [TACHO__FACT_INTERRUPT] = "interrupt",
};

#define MARK_KINDS (sizeof mark_words / sizeof mark_words[0])

/* --- reading --------------------------------------------------------------------------------------------------- */

/* A step or an agent: what it is follows from marks and from other rows; the row itself says what was written. */
static tacho_status take_derived(tacho__facts *facts, const tacho__history_row *row) {
    bool step = strcmp(row->view.kind, "step") == 0;
    tacho__fact candidate = {.kind = step ? TACHO__FACT_PROMPT : TACHO__FACT_AGENT, .output = -1};
    tacho__fact_shape shape = {0};
    tacho_status status = tacho__facts_text(facts, row->view.source_id, &candidate.id);
    if (status == TACHO_OK) {
        status = tacho__facts_text(facts, row->view.session, &candidate.session);
    }
    if (status == TACHO_OK) {
        status = tacho__facts_text(facts, row->agent, &candidate.agent);
    }
    if (status == TACHO_OK) {
        status = tacho__claude_shape_of(facts, row, &shape);
    }
    tacho__fact *fact = tacho__facts_find(facts, candidate.kind, candidate.id);
    if (status == TACHO_OK && !fact) {
        candidate.at_ns = step ? row->view.started_at_ns : 0;
        status = tacho__facts_join_stored(facts, &candidate, NULL, &fact);
    }
    if (status == TACHO_OK) {
        fact->written = shape;
    }
    return status;
}

static tacho_status take_row(void *context, const tacho__history_row *row) {
    tacho__facts *facts = context;
    tacho__fact fact = {0}, *joined;
    tacho__fact_usage usage = {0};
    const char *kind = row->view.kind;
    if (kind && (strcmp(kind, "step") == 0 || strcmp(kind, "agent") == 0)) {
        return take_derived(facts, row);
    }
    if (!kind || (strcmp(kind, "llm") != 0 && strcmp(kind, "tool") != 0)) {
        return TACHO_OK;
    }
    tacho_status status = tacho__claude_fact_of(facts, row, &fact, &usage);
    return status == TACHO_OK ? tacho__facts_join_stored(facts, &fact, usage.present ? &usage : NULL, &joined) : status;
}

static tacho_status take_mark(void *context, const tacho__mark *mark) {
    tacho__facts *facts = context;
    tacho__fact fact = {.at_ns = mark->at_ns, .output = -1}, *joined;
    size_t kind = 0;
    while (kind < MARK_KINDS && (!mark_words[kind] || strcmp(mark_words[kind], mark->kind) != 0)) {
        kind++;
    }
    if (kind == MARK_KINDS) {
        return TACHO_OK;
    }
    fact.kind = (tacho__fact_kind)kind;
    tacho_status status = tacho__facts_text(facts, mark->source_id, &fact.id);
    if (status == TACHO_OK) {
        status = tacho__facts_text(facts, mark->session, &fact.session);
    }
    if (status == TACHO_OK) {
        status = tacho__facts_text(facts, mark->agent, &fact.agent);
    }
    if (fact.kind == TACHO__FACT_TOOL) {
        fact.has_result = true;
        fact.end_ns = mark->at_ns;
        fact.at_ns = 0;
        fact.is_error = mark->value && strcmp(mark->value, "error") == 0;
    } else if (status == TACHO_OK) {
        status = tacho__facts_text(facts, mark->value, &fact.name);
    }
    const tacho__fact *known = tacho__facts_find(facts, fact.kind, fact.id);
    fact.written = known ? known->written : fact.written;
    return status == TACHO_OK ? tacho__facts_join_stored(facts, &fact, NULL, &joined) : status;
}

static tacho_status load_key(tacho__facts *facts, tacho_history *history, const tacho__fact *fact) {
    const char *id = tacho__facts_get(facts, fact->id);
    tacho__mark mark = {.source = TACHO__CLAUDE_SOURCE, .source_id = id, .kind = mark_words[fact->kind]};
    tacho__history_row row;
    bool has_mark = mark.kind != NULL;
    bool has_row = fact->kind == TACHO__FACT_CALL || fact->kind == TACHO__FACT_TOOL ||
                   fact->kind == TACHO__FACT_PROMPT || fact->kind == TACHO__FACT_AGENT;
    tacho_status status = has_mark ? tacho__mark_find(history, &mark) : TACHO_NOT_FOUND;
    if (status == TACHO_OK) {
        status = take_mark(facts, &mark);
    }
    if ((status != TACHO_OK && status != TACHO_NOT_FOUND) || !has_row) {
        return status;
    }
    status = tacho__store_find(history, TACHO__CLAUDE_SOURCE, id, &row);
    return status == TACHO_OK ? take_row(facts, &row) : status;
}

/* By index and not by pointer: joining what the file has may add facts. */
static tacho_status load_keys(tacho__facts *facts, tacho_history *history, bool fresh, size_t *from) {
    tacho_status status = TACHO_OK;
    for (; *from < facts->count && status == TACHO_OK; ++*from) {
        tacho__fact *fact = &facts->facts[*from];
        if (fact->checked) {
            continue;
        }
        fact->checked = true;
        const tacho__fact key = *fact;
        status = fresh ? TACHO_OK : load_key(facts, history, &key);
        status = status == TACHO_NOT_FOUND ? TACHO_OK : status;
    }
    return status;
}

static tacho_status load_session(tacho__facts *facts, tacho_history *history, tacho__fact_text session) {
    const char *name = tacho__facts_get(facts, session);
    tacho_status status = tacho__mark_of_session(history, TACHO__CLAUDE_SOURCE, name, take_mark, facts);
    return status == TACHO_OK ? tacho__store_of_session(history, TACHO__CLAUDE_SOURCE, name, take_row, facts) : status;
}

/* A fact that turns out to have stood in another session touches that one too: until nothing more is touched. */
static tacho_status load_sessions(tacho__facts *facts, tacho_history *history, bool fresh, bool *loaded_any) {
    tacho_status status = TACHO_OK;
    *loaded_any = false;
    for (tacho__fact_text id = 1; id < facts->session_room && status == TACHO_OK; id++) {
        uint8_t flags = facts->sessions[id];
        if (!(flags & TACHO__SESSION_TOUCHED) || (flags & TACHO__SESSION_LOADED)) {
            continue;
        }
        status = tacho__facts_session_set(facts, id, TACHO__SESSION_LOADED, 0);
        if (status == TACHO_OK && !fresh) {
            status = load_session(facts, history, id);
            *loaded_any = true;
        }
    }
    return status;
}

tacho_status tacho__claude_load(tacho__facts *facts, tacho_history *history, bool fresh) {
    size_t from = 0;
    bool again = true;
    tacho_status status = TACHO_OK;
    while (again && status == TACHO_OK) {
        status = load_keys(facts, history, fresh, &from);
        if (status == TACHO_OK) {
            status = load_sessions(facts, history, fresh, &again);
        }
    }
    return status;
}

/* --- writing --------------------------------------------------------------------------------------------------- */

static tacho_status write_mark(const tacho__facts *facts, tacho_history *history, const tacho__fact *fact) {
    bool tool = fact->kind == TACHO__FACT_TOOL;
    const tacho__mark mark = {.source = TACHO__CLAUDE_SOURCE,
                              .source_id = tacho__facts_get(facts, fact->id),
                              .kind = mark_words[fact->kind],
                              .session = tacho__facts_get_or_null(facts, fact->session),
                              .agent = tacho__facts_get_or_null(facts, fact->agent),
                              .value = !tool            ? tacho__facts_get_or_null(facts, fact->name)
                                       : fact->is_error ? "error"
                                                        : "ok",
                              .at_ns = tool ? fact->end_ns : fact->at_ns};
    return tacho__mark_put(history, &mark);
}

/* A result whose use was found is an operation now. */
static tacho_status forget_mark(const tacho__facts *facts, tacho_history *history, const tacho__fact *fact) {
    const tacho__mark mark = {
        .source = TACHO__CLAUDE_SOURCE, .source_id = tacho__facts_get(facts, fact->id), .kind = mark_words[fact->kind]};
    return tacho__mark_remove(history, &mark);
}

static bool reshaped(const tacho__fact *fact) {
    return memcmp(&fact->shape, &fact->written, sizeof fact->shape) != 0;
}

static tacho_status write_row(const tacho__facts *facts, tacho_history *history, const tacho__fact *fact) {
    tacho__claude_row row;
    tacho__claude_row_of(facts, fact, &row);
    bool place = fact->kind == TACHO__FACT_CALL && fact->in_file && !fact->dirty;
    return place ? tacho__store_place(history, &row.row) : tacho__store_put(history, &row.row);
}

static tacho_status write_fact(const tacho__facts *facts, tacho_history *history, const tacho__fact *fact) {
    bool marks = mark_words[fact->kind] && !(fact->kind == TACHO__FACT_TOOL && fact->has_use) &&
                 !(fact->kind == TACHO__FACT_AGENT && !fact->name);
    bool content = fact->dirty && fact->kind != TACHO__FACT_PROMPT && fact->kind != TACHO__FACT_AGENT;
    tacho_status status = TACHO_OK;
    if (marks && fact->dirty) {
        status = write_mark(facts, history, fact);
    } else if (fact->kind == TACHO__FACT_TOOL && fact->has_use && fact->in_file && !fact->written.there) {
        status = forget_mark(facts, history, fact);
    }
    if (status != TACHO_OK || !(content || reshaped(fact))) {
        return status;
    }
    if (fact->shape.there) {
        return write_row(facts, history, fact);
    }
    return fact->written.there ? tacho__store_remove(history, TACHO__CLAUDE_SOURCE, tacho__facts_get(facts, fact->id))
                               : TACHO_OK;
}

tacho_status tacho__claude_write(tacho__facts *facts, tacho_history *history, uint64_t *calls_new, size_t *touched) {
    tacho_status status = TACHO_OK;
    *touched = 0;
    for (size_t i = 0; i < facts->count && status == TACHO_OK; i++) {
        tacho__fact *fact = &facts->facts[i];
        if (!(tacho__facts_session(facts, fact->session) & TACHO__SESSION_TOUCHED)) {
            continue;
        }
        status = write_fact(facts, history, fact);
        ++*touched;
        *calls_new += fact->kind == TACHO__FACT_CALL && !fact->in_file;
        fact->written = fact->shape;
        fact->dirty = false;
        fact->in_file = true;
    }
    for (size_t id = 0; id < facts->session_room; id++) {
        facts->sessions[id] &= (uint8_t)~TACHO__SESSION_TOUCHED;
    }
    return status;
}
