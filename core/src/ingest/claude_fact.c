#include "ingest/claude_fact.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define STRINGS_MAX (UINT32_C(1) << 24)
#define BYTES_MAX   ((size_t)1 << 30)
#define SLOTS_FIRST 4096u

tacho_status tacho__facts_init(tacho__facts *facts) {
    *facts = (tacho__facts){.strings = tacho__strings_new(STRINGS_MAX, BYTES_MAX), .slot_count = SLOTS_FIRST};
    facts->slots = tacho__calloc(SLOTS_FIRST, sizeof *facts->slots);
    return facts->strings && facts->slots ? TACHO_OK : TACHO_NOMEM;
}

void tacho__facts_free(tacho__facts *facts) {
    tacho__strings_free(facts->strings);
    tacho__free(facts->facts);
    tacho__free(facts->slots);
    tacho__free(facts->usages);
    tacho__free(facts->sessions);
    *facts = (tacho__facts){0};
}

tacho_status tacho__facts_clear(tacho__facts *facts) {
    tacho__strings_free(facts->strings);
    facts->strings = tacho__strings_new(STRINGS_MAX, BYTES_MAX);
    memset(facts->slots, 0, facts->slot_count * sizeof *facts->slots);
    facts->count = facts->usage_count = 0;
    if (facts->sessions) {
        memset(facts->sessions, 0, facts->session_room);
    }
    return facts->strings ? TACHO_OK : TACHO_NOMEM;
}

/* --- texts ----------------------------------------------------------------------------------------------------- */

tacho_status tacho__facts_text(tacho__facts *facts, const char *text, tacho__fact_text *id) {
    *id = TACHO__STRING_EMPTY;
    return text && *text ? tacho__strings_intern(facts->strings, text, strlen(text), id) : TACHO_OK;
}

const char *tacho__facts_get(const tacho__facts *facts, tacho__fact_text id) {
    return tacho__strings_get(facts->strings, id).text;
}

const char *tacho__facts_get_or_null(const tacho__facts *facts, tacho__fact_text id) {
    return id ? tacho__facts_get(facts, id) : NULL;
}

tacho_status tacho__facts_path(tacho__facts *facts, tacho__fact_text a, tacho__fact_text b, tacho__fact_text *id) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", tacho__facts_get(facts, a), tacho__facts_get(facts, b));
    return tacho__facts_text(facts, path, id);
}

/* --- the table ------------------------------------------------------------------------------------------------- */

static size_t slot_of(const tacho__facts *facts, tacho__fact_kind kind, tacho__fact_text id) {
    uint64_t mixed = ((uint64_t)kind << 32 | id) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(mixed >> 32) & (facts->slot_count - 1);
    while (facts->slots[slot]) {
        const tacho__fact *fact = &facts->facts[facts->slots[slot] - 1];
        if (fact->id == id && fact->kind == kind) {
            break;
        }
        slot = (slot + 1) & (facts->slot_count - 1);
    }
    return slot;
}

/* From 1; 0 = there is none. */
static uint32_t place_of(const tacho__facts *facts, tacho__fact_kind kind, tacho__fact_text id) {
    return facts->slots[slot_of(facts, kind, id)];
}

tacho__fact *tacho__facts_find(const tacho__facts *facts, tacho__fact_kind kind, tacho__fact_text id) {
    uint32_t place = place_of(facts, kind, id);
    return place ? &facts->facts[place - 1] : NULL;
}

static tacho_status grow_slots(tacho__facts *facts) {
    size_t count = facts->slot_count * 2;
    uint32_t *slots = tacho__calloc(count, sizeof *slots);
    if (!slots) {
        return TACHO_NOMEM;
    }
    tacho__free(facts->slots);
    facts->slots = slots;
    facts->slot_count = count;
    for (size_t i = 0; i < facts->count; i++) {
        slots[slot_of(facts, facts->facts[i].kind, facts->facts[i].id)] = (uint32_t)i + 1;
    }
    return TACHO_OK;
}

static tacho_status grow(void **items, size_t size, size_t count, size_t *room) {
    if (count < *room) {
        return TACHO_OK;
    }
    size_t more = *room ? *room * 2 : 1024;
    void *grown = tacho__realloc(*items, more * size);
    if (!grown) {
        return TACHO_NOMEM;
    }
    *items = grown;
    *room = more;
    return TACHO_OK;
}

static tacho_status add_fact(tacho__facts *facts, const tacho__fact *candidate, tacho__fact **added) {
    tacho_status status = facts->count * 2 < facts->slot_count ? TACHO_OK : grow_slots(facts);
    if (status == TACHO_OK) {
        status = grow((void **)&facts->facts, sizeof *facts->facts, facts->count, &facts->room);
    }
    if (status != TACHO_OK) {
        return status;
    }
    size_t slot = slot_of(facts, candidate->kind, candidate->id);
    *added = &facts->facts[facts->count++];
    **added = *candidate;
    facts->slots[slot] = (uint32_t)facts->count;
    return TACHO_OK;
}

/* --- usage ----------------------------------------------------------------------------------------------------- */

const tacho__fact_usage *tacho__facts_usage(const tacho__facts *facts, const tacho__fact *fact) {
    return fact->usage ? &facts->usages[fact->usage - 1] : NULL;
}

tacho__fact_usage *tacho__facts_usage_of(tacho__facts *facts, const tacho__fact *fact) {
    return fact->usage ? &facts->usages[fact->usage - 1] : NULL;
}

static tacho_status set_usage(tacho__facts *facts, tacho__fact *fact, const tacho__fact_usage *usage) {
    if (!usage) {
        fact->usage = 0;
        return TACHO_OK;
    }
    if (!fact->usage) {
        tacho_status status = grow((void **)&facts->usages, sizeof *usage, facts->usage_count, &facts->usage_room);
        if (status != TACHO_OK) {
            return status;
        }
        fact->usage = (uint32_t)++facts->usage_count;
    }
    facts->usages[fact->usage - 1] = *usage;
    return TACHO_OK;
}

/* --- joining --------------------------------------------------------------------------------------------------- */

/* Unknown comes last. */
static int compare_text(const tacho__facts *facts, tacho__fact_text a, tacho__fact_text b) {
    if (a == b || !a || !b) {
        return a == b ? 0 : a ? -1 : 1;
    }
    return strcmp(tacho__facts_get(facts, a), tacho__facts_get(facts, b));
}

static int compare_time(int64_t a, int64_t b) {
    if (a == b || !a || !b) {
        return a == b ? 0 : a ? -1 : 1;
    }
    return a < b ? -1 : 1;
}

/* What decides between two sightings that are otherwise equal: a total order, so that the last word is the same. */
static int compare_rest(const tacho__facts *facts, const tacho__fact *a, const tacho__fact *b) {
    int order = compare_time(a->at_ns, b->at_ns);
    if (!order) {
        order = compare_text(facts, a->line, b->line);
    }
    if (!order) {
        order = compare_text(facts, a->session, b->session);
    }
    if (!order) {
        order = compare_text(facts, a->agent, b->agent);
    }
    return order ? order : compare_text(facts, a->name, b->name);
}

static int compare_count(int64_t a, int64_t b) {
    return a == b ? 0 : a > b ? -1 : 1;
}

/* More comes first. What it cost is left out: that depends on the prices, which may differ between two imports. */
static int compare_usage(const tacho__fact_usage *a, const tacho__fact_usage *b) {
    if (!a || !b) {
        return (a == NULL) - (b == NULL);
    }
    int order = compare_count(a->present, b->present);
    for (int unit = 0; unit < TACHO_UNIT_COUNT && !order; unit++) {
        order = compare_count(a->units[unit], b->units[unit]);
    }
    order = order ? order : compare_count(a->reported_pusd, b->reported_pusd);
    return order ? order : compare_count(a->served, b->served);
}

/* Semantics 57: most output tokens; not sidechain; direct before wrapped; earliest; smallest id of the line. */
static int compare_calls(const tacho__facts *facts, const tacho__fact *a, const tacho__fact_usage *usage_of_a,
                         const tacho__fact *b, const tacho__fact_usage *usage_of_b) {
    int order = compare_count(a->output, b->output);
    if (!order) {
        order = -compare_count(a->line_flags, b->line_flags); /* the sidechain bit is above the wrapped one */
    }
    if (!order) {
        order = compare_rest(facts, a, b);
    }
    return order ? order : compare_usage(usage_of_a, usage_of_b);
}

/* A call is one whole line. Returns true if `fact` changed. */
static bool join_call(const tacho__facts *facts, tacho__fact *fact, const tacho__fact *candidate,
                      const tacho__fact_usage *usage) {
    bool sure = fact->low_confidence && !candidate->low_confidence;
    if (sure) {
        fact->low_confidence = false;
    }
    if (compare_calls(facts, candidate, usage, fact, tacho__facts_usage(facts, fact)) >= 0) {
        return sure;
    }
    fact->session = candidate->session;
    fact->agent = candidate->agent;
    fact->name = candidate->name;
    fact->line = candidate->line;
    fact->at_ns = candidate->at_ns;
    fact->line_flags = candidate->line_flags;
    fact->output = candidate->output;
    fact->dirty = true;
    return true;
}

/* The earliest result counts; of two at the same time the one that says it failed. */
static int compare_results(const tacho__fact *a, const tacho__fact *b) {
    if (a->has_result != b->has_result) {
        return a->has_result ? -1 : 1;
    }
    int order = compare_time(a->end_ns, b->end_ns);
    return order ? order : (int)b->is_error - (int)a->is_error;
}

static int compare_uses(const tacho__facts *facts, const tacho__fact *a, const tacho__fact *b) {
    if (a->has_use != b->has_use) {
        return a->has_use ? -1 : 1;
    }
    return compare_rest(facts, a, b);
}

/* A tool call has two halves that may be read in any order: the use (who, when) and the result (when, error). */
static bool join_tool(tacho__facts *facts, tacho__fact *fact, const tacho__fact *candidate) {
    bool result = compare_results(candidate, fact) < 0, use = compare_uses(facts, candidate, fact) < 0;
    if (result) {
        fact->has_result = candidate->has_result;
        fact->end_ns = candidate->end_ns;
        fact->is_error = candidate->is_error;
    }
    if (use) {
        fact->has_use = candidate->has_use;
        fact->at_ns = candidate->at_ns;
        fact->line = candidate->line;
        fact->session = candidate->session;
        fact->agent = candidate->agent;
        fact->name = candidate->name;
    }
    return result || use;
}

static bool join_mark(tacho__facts *facts, tacho__fact *fact, const tacho__fact *candidate) {
    bool changed = false;
    if (compare_text(facts, candidate->name, fact->name) < 0) {
        fact->name = candidate->name;
        changed = true;
    }
    if (compare_time(candidate->at_ns, fact->at_ns) < 0) {
        fact->at_ns = candidate->at_ns;
        changed = true;
    }
    if (compare_text(facts, candidate->session, fact->session) < 0) {
        fact->session = candidate->session;
        changed = true;
    }
    if (compare_text(facts, candidate->agent, fact->agent) < 0) {
        fact->agent = candidate->agent;
        changed = true;
    }
    return changed;
}

static bool join_known(tacho__facts *facts, tacho__fact *fact, const tacho__fact *candidate,
                       const tacho__fact_usage *usage) {
    switch (fact->kind) {
    case TACHO__FACT_CALL:
        return join_call(facts, fact, candidate, usage);
    case TACHO__FACT_TOOL:
        return join_tool(facts, fact, candidate);
    default:
        return join_mark(facts, fact, candidate);
    }
}

static tacho_status touch(tacho__facts *facts, tacho__fact_text session) {
    return tacho__facts_session_set(facts, session, TACHO__SESSION_TOUCHED, 0);
}

/* What a join did to its fact. */
typedef struct join_result {
    tacho__fact *fact;
    bool changed;
    bool taken; /* the fact shows the candidate's line, with its usage */
} join_result;

static tacho_status add_joined(tacho__facts *facts, const tacho__fact *candidate, const tacho__fact_usage *usage,
                               join_result *result) {
    tacho_status status = add_fact(facts, candidate, &result->fact);
    result->changed = result->taken = true;
    if (status != TACHO_OK) {
        return status;
    }
    result->fact->usage = 0;
    return set_usage(facts, result->fact, usage);
}

static tacho_status join(tacho__facts *facts, const tacho__fact *candidate, const tacho__fact_usage *usage,
                         join_result *result) {
    uint32_t place = place_of(facts, candidate->kind, candidate->id);
    tacho_status status = TACHO_OK;
    if (!place) {
        *result = (join_result){.fact = NULL};
        return add_joined(facts, candidate, usage, result);
    }
    tacho__fact *fact = &facts->facts[place - 1];
    *result = (join_result){.fact = fact};
    tacho__fact_text session = fact->session;
    bool was_dirty = fact->dirty;
    fact->dirty = false;
    result->changed = join_known(facts, fact, candidate, usage);
    result->taken = fact->dirty; /* calls only */
    if (result->taken) {
        status = set_usage(facts, fact, usage);
    }
    fact->dirty = fact->dirty || was_dirty;
    return status == TACHO_OK && session != fact->session ? touch(facts, session) : status;
}

tacho_status tacho__facts_join(tacho__facts *facts, const tacho__fact *candidate, const tacho__fact_usage *usage,
                               tacho__fact **taken) {
    join_result result;
    tacho_status status = join(facts, candidate, usage, &result);
    tacho__fact *fact = result.fact;
    if (status == TACHO_OK && result.changed) {
        fact->dirty = fact->dirty || fact->kind != TACHO__FACT_CALL || !fact->in_file;
        status = touch(facts, fact->session);
    }
    if (fact) {
        fact->seen = true;
    }
    if (taken) {
        *taken = result.taken ? fact : NULL;
    }
    return status;
}

static bool differs(const tacho__facts *facts, const tacho__fact *a, const tacho__fact *b,
                    const tacho__fact_usage *usage_of_b) {
    switch (a->kind) {
    case TACHO__FACT_CALL:
        return compare_calls(facts, a, tacho__facts_usage(facts, a), b, usage_of_b) != 0;
    case TACHO__FACT_TOOL:
        return compare_results(a, b) != 0 || compare_uses(facts, a, b) != 0;
    default:
        return compare_rest(facts, a, b) != 0;
    }
}

tacho_status tacho__facts_join_stored(tacho__facts *facts, const tacho__fact *stored, const tacho__fact_usage *usage,
                                      tacho__fact **joined) {
    join_result result;
    tacho_status status = join(facts, stored, usage, &result);
    if (status != TACHO_OK) {
        return status;
    }
    result.fact->dirty = differs(facts, result.fact, stored, usage);
    result.fact->in_file = result.fact->checked = true;
    result.fact->written = stored->written;
    *joined = result.fact;
    return touch(facts, stored->session);
}

/* A text of `more` under our ids; `map` remembers those that were asked for before. */
static tacho_status translate(tacho__facts *facts, const tacho__facts *more, tacho__fact_text *map,
                              tacho__fact_text *id) {
    if (*id && !map[*id]) {
        tacho_status status = tacho__facts_text(facts, tacho__facts_get(more, *id), &map[*id]);
        if (status != TACHO_OK) {
            return status;
        }
    }
    *id = map[*id];
    return TACHO_OK;
}

tacho_status tacho__facts_merge(tacho__facts *facts, const tacho__facts *more) {
    tacho__fact_text *map = tacho__calloc(tacho__strings_count(more->strings), sizeof *map);
    tacho_status status = map ? TACHO_OK : TACHO_NOMEM;
    for (size_t i = 0; i < more->count && status == TACHO_OK; i++) {
        tacho__fact fact = more->facts[i];
        tacho__fact_text *const texts[] = {&fact.id, &fact.session, &fact.agent, &fact.name, &fact.line};
        for (size_t text = 0; text < sizeof texts / sizeof texts[0] && status == TACHO_OK; text++) {
            status = translate(facts, more, map, texts[text]);
        }
        if (status == TACHO_OK) {
            status = tacho__facts_join(facts, &fact, tacho__facts_usage(more, &more->facts[i]), NULL);
        }
    }
    tacho__free(map);
    return status;
}

/* --- sessions -------------------------------------------------------------------------------------------------- */

uint8_t tacho__facts_session(const tacho__facts *facts, tacho__fact_text session) {
    return session < facts->session_room ? facts->sessions[session] : 0;
}

tacho_status tacho__facts_session_set(tacho__facts *facts, tacho__fact_text session, uint8_t set, uint8_t clear) {
    if (session >= facts->session_room) {
        size_t room = ((size_t)session + 1) * 2;
        uint8_t *grown = tacho__realloc(facts->sessions, room);
        if (!grown) {
            return TACHO_NOMEM;
        }
        memset(grown + facts->session_room, 0, room - facts->session_room);
        facts->sessions = grown;
        facts->session_room = room;
    }
    facts->sessions[session] = (uint8_t)((facts->sessions[session] & ~clear) | set);
    return TACHO_OK;
}
