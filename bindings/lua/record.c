/* Finished operations after the fact: record and its common cases. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

static const char *const options_of_record[] = {
    "as_type", "category", "components", "compressed", "context_limit", "context_size",  "cost",     "description",
    "dialect", "ended_at", "error",      "error_type", "first_token",   "interventions", "kind",     "metadata",
    "model",   "outcome",  "provider",   "retries",    "session",       "success",       "tags",     "tool",
    "type",    "usage",    "warnings",   "step",       "name",          "seconds",       "duration", NULL,
};

/* What a record is made of, read from the options; texts live in the options table. */
typedef struct draft {
    tacho_finished finished;
    tacho_lua_labels labels;
    tacho_lua_usage usage;
    tacho_lua_failure failure;
    tacho_status status; /* of the first number that is out of range */
} draft;

static void read_outcome(lua_State *L, int options, draft *into) {
    const char *outcome = tacho_lua_option_text(L, options, "outcome");
    int success = tacho_lua_option_flag(L, options, "success", 1);
    tacho_lua_option(L, options, "error"); /* stays on the stack: it may hold the text of the type */
    tacho_lua_outcome(L, success, lua_gettop(L), &into->failure);
    if (outcome && tacho_outcome_parse(outcome, &into->failure.outcome) != TACHO_OK)
        luaL_error(L, "option 'outcome': unknown outcome '%s'", outcome);
    into->finished.outcome = into->failure.outcome;
    into->finished.category = into->failure.category;
    into->finished.error_type = into->failure.type;
}

/* NaN, infinite and negative seconds are counted by the core, and the whole record is refused. */
static void read_seconds(lua_State *L, int index, tacho_collector *collector, draft *into, uint64_t *out) {
    tacho_status status = tacho_seconds_to_ns(collector, lua_tonumber(L, index), out);
    if (into->status == TACHO_OK)
        into->status = status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tacho_component *)a)->name, ((const tacho_component *)b)->name);
}

/* Components in the order of their names: Lua's own order differs from run to run. */
static void read_components(lua_State *L, int options, tacho_collector *collector, draft *into) {
    int type = tacho_lua_option(L, options, "components");
    if (type == LUA_TNIL)
        return;
    if (type != LUA_TTABLE)
        luaL_error(L, "option 'components': table of name = seconds expected, got %s", luaL_typename(L, -1));
    int table = lua_gettop(L);
    size_t room = 0, count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), room++)
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L, "option 'components': names are strings, values are seconds");
    tacho_component *items = lua_newuserdatauv(L, (room + 1) * sizeof *items, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        items[count].name = lua_tostring(L, -2);
        read_seconds(L, -1, collector, into, &items[count++].duration_ns);
    }
    qsort(items, count, sizeof *items, by_name);
    into->finished.components = items;
    into->finished.component_count = (uint32_t)count;
}

static void read_usage(lua_State *L, int options, draft *into) {
    const char *dialect = tacho_lua_option_text(L, options, "dialect");
    if (tacho_lua_option(L, options, "usage") == LUA_TNIL)
        return;
    tacho_status status = tacho_lua_read_usage(L, -1, dialect, into->labels.labels.provider, &into->usage);
    if (into->usage.response)
        into->finished.response = into->usage.response;
    else if (status == TACHO_OK || status == TACHO_INVALID) /* the classes that are known */
        into->finished.usage = &into->usage.classes;
}

static uint32_t small_count(lua_State *L, int options, const char *key) {
    uint64_t count = tacho_lua_option_count(L, options, key);
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static void read_numbers(lua_State *L, int options, tacho_collector *collector, draft *into) {
    tacho_finished *out = &into->finished;
    out->retries = small_count(L, options, "retries");
    out->interventions = small_count(L, options, "interventions");
    out->warnings = small_count(L, options, "warnings");
    out->context_size = tacho_lua_option_count(L, options, "context_size");
    out->context_limit = tacho_lua_option_count(L, options, "context_limit");
    out->compressed = (uint32_t)tacho_lua_option_flag(L, options, "compressed", 0);
    out->tool = tacho_lua_option_text(L, options, "tool");
    out->description = tacho_lua_option_text(L, options, "description");
    out->metadata = tacho_lua_push_notes(L, collector, &into->labels, options, &out->metadata_count);
    if (tacho_lua_option(L, options, "first_token") != LUA_TNIL) {
        luaL_checknumber(L, -1);
        read_seconds(L, -1, collector, into, &out->first_token_ns);
    }
    if (tacho_lua_option(L, options, "cost") != LUA_TNIL)
        out->cost_pusd = tacho_lua_check_money(L, -1);
    if (tacho_lua_option(L, options, "ended_at") != LUA_TNIL)
        out->ended_at_ns = tacho_lua_check_instant(L, -1);
}

/* Parent and session by what is open now, unless a session is given. */
static void read_place(lua_State *L, int options, tacho_lua_collector *collector, draft *into) {
    tacho_finished *out = &into->finished;
    const tacho_lua_stack *stack = tacho_lua_stack_of(L, tacho_lua_module_of(L));
    const tacho_lua_session *session = tacho_lua_option_session(L, options, 1);
    tacho_lua_surroundings(stack, collector->handle, &out->parent, &out->session);
    if (session)
        out->session = session->handle;
}

/* Records (collector, ..., options at `options`); `seconds` is an index, where nil means that nobody knows. */
static int record(lua_State *L, tacho_kind kind, const char *name, int seconds, int options) {
    draft all = {.finished = TACHO_FINISHED_INIT};
    tacho_lua_collector *collector = lua_touserdata(L, 1);
    luaL_checkstack(L, 24, NULL);
    tacho_lua_check_options(L, options, options_of_record);
    tacho_lua_check_labels(L, options, kind, &all.labels);
    all.finished.duration_ns = TACHO_DURATION_UNKNOWN;
    if (!lua_isnil(L, seconds)) {
        tacho_lua_check_seconds(L, seconds);
        read_seconds(L, seconds, collector->handle, &all, &all.finished.duration_ns);
    }
    read_outcome(L, options, &all);
    read_numbers(L, options, collector->handle, &all);
    read_components(L, options, collector->handle, &all);
    read_place(L, options, collector, &all);
    read_usage(L, options, &all); /* last: what it read lives until the next usage is read */
    if (all.status == TACHO_OK) {
        tacho_series *series = tacho_lua_bind(collector, name, &all.labels);
        all.status = tacho_record(series, &all.finished);
        tacho_series_release(series);
    }
    return tacho_lua_done(L, all.status);
}

/* record(name, seconds, options) */
int tacho_lua_record(lua_State *L) {
    tacho_lua_enter(L);
    lua_settop(L, 4);
    return record(L, TACHO_KIND_CUSTOM, tacho_lua_check_text(L, 2), 3, 4);
}

/* Pushes the first of two members of the table at `index` that is there. */
static void push_either(lua_State *L, int index, const char *key, const char *other) {
    if (tacho_lua_option(L, index, key) == LUA_TNIL) {
        lua_pop(L, 1);
        tacho_lua_option(L, index, other);
    }
}

/* `tokens` of a step: a table of classes, or one number that counts as input. Replaces it by `usage`, in a copy. */
static void name_usage(lua_State *L, int options) {
    if (tacho_lua_option(L, options, "tokens") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_pushnil(L);
    lua_setfield(L, -2, "tokens");
    if (!lua_istable(L, -2)) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, "input");
        lua_replace(L, -3);
    }
    if (lua_getfield(L, -1, "usage") == LUA_TNIL) {
        lua_pushvalue(L, -3);
        lua_setfield(L, -3, "usage");
    }
    lua_pop(L, 1);
    lua_replace(L, options);
    lua_pop(L, 1);
}

/* record_step(step [, seconds] [, options]) or record_step {step = ..., seconds = ..., ...}; without seconds, begins.
 */
int tacho_lua_record_step(lua_State *L) {
    int inserted = lua_toboolean(L, lua_upvalueindex(2));
    int first = inserted ? 1 : 2;
    if (!lua_istable(L, first) && lua_type(L, first + 1) != LUA_TNUMBER)
        return tacho_lua_step(L);
    tacho_lua_enter(L);
    lua_settop(L, 4);
    if (!lua_istable(L, 2))
        return record(L, TACHO_KIND_STEP, tacho_lua_check_text(L, 2), 3, 4);
    name_usage(L, 2);
    push_either(L, 2, "step", "name");
    const char *name = luaL_checkstring(L, 5);
    push_either(L, 2, "seconds", "duration");
    return record(L, TACHO_KIND_STEP, name, 6, 2);
}

/* Pushes a copy of the options at `options` (nil = none) with one more member, the value on top of L, and puts it
 * there. */
static void add_option(lua_State *L, int options, const char *key) {
    lua_newtable(L);
    if (lua_istable(L, options))
        for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, -5);
        }
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, key);
    lua_replace(L, options);
    lua_pop(L, 1);
}

/* Pushes the operation's name: the option `operation`, else the provider. */
static void push_name_of_call(lua_State *L, int options, const char *provider) {
    const char *name = tacho_lua_option_text(L, options, "operation");
    lua_pushstring(L, name ? name : provider);
}

/* The copied options without the name, which record() and operation() take as an argument. */
static void take_operation(lua_State *L, int options) {
    lua_pushnil(L);
    lua_setfield(L, options, "operation");
}

/* (collector, provider, seconds, options): a call of a model that has ended */
static int record_provider(lua_State *L) {
    const char *provider = tacho_lua_check_text(L, 2);
    if (!lua_isnoneornil(L, 4) && !lua_istable(L, 4))
        tacho_lua_bad_argument(L, 4, "table of options expected");
    push_name_of_call(L, 4, provider); /* 5 */
    lua_pushvalue(L, 2);
    add_option(L, 4, "provider");
    take_operation(L, 4);
    return record(L, TACHO_KIND_LLM, lua_tostring(L, 5), 3, 4);
}

/* record_call(provider [, operation] [, seconds] [, options]): without seconds, begins */
int tacho_lua_record_call(lua_State *L) {
    tacho_lua_enter(L);
    const char *provider = tacho_lua_check_text(L, 2);
    const int named = lua_type(L, 3) == LUA_TSTRING;
    if (!named && !lua_isnoneornil(L, 3)) {
        lua_pushnil(L);
        lua_insert(L, 3);
    }
    if (lua_istable(L, 4)) { /* options where the seconds may stand */
        lua_pushnil(L);
        lua_insert(L, 4);
    }
    lua_settop(L, 5);
    if (!lua_isnil(L, 3)) {
        lua_pushvalue(L, 3);
        add_option(L, 5, "operation");
    }
    lua_remove(L, 3); /* collector, provider, seconds, options */
    if (!lua_isnil(L, 3))
        return record_provider(L);
    lua_pushvalue(L, 2);
    add_option(L, 4, "provider");
    push_name_of_call(L, 4, provider);
    lua_replace(L, 2);
    take_operation(L, 4);
    lua_remove(L, 3); /* collector, name, options */
    return tacho_lua_begin(L, TACHO_KIND_LLM);
}

/* record_success(provider, seconds [, options]) */
int tacho_lua_record_success(lua_State *L) {
    tacho_lua_enter(L);
    lua_settop(L, 4);
    return record_provider(L);
}

/* record_failure(provider, seconds, error [, options]): error = category, class name or error object */
int tacho_lua_record_failure(lua_State *L) {
    tacho_lua_enter(L);
    lua_settop(L, 5);
    if (!lua_isnil(L, 5) && !lua_istable(L, 5))
        tacho_lua_bad_argument(L, 5, "table of options expected");
    lua_pushvalue(L, 4);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushliteral(L, "other");
    }
    add_option(L, 5, "error");
    lua_remove(L, 4);
    return record_provider(L);
}

/* record_usage(usage [, options]): of the current operation; without one, or with options, a call of its own */
int tacho_lua_record_usage(lua_State *L) {
    const tacho_lua_collector *collector = tacho_lua_enter(L);
    lua_settop(L, 3);
    tacho_lua_entry *entry = tacho_lua_innermost(L, collector->handle);
    if (entry && entry->operation && lua_isnil(L, 3))
        return tacho_lua_done(L, tacho_lua_report(L, 2, NULL, entry->provider, entry->operation));
    if (!lua_isnil(L, 3) && !lua_istable(L, 3))
        tacho_lua_bad_argument(L, 3, "table of options expected");
    lua_pushvalue(L, 2);
    add_option(L, 3, "usage");
    const char *provider = tacho_lua_option_text(L, 3, "provider");
    push_name_of_call(L, 3, provider ? provider : "llm"); /* 4 */
    take_operation(L, 3);
    lua_pushnil(L); /* 5: nobody knows how long it took */
    return record(L, TACHO_KIND_LLM, lua_tostring(L, 4), 5, 3);
}

/* record_context(size [, limit [, compressed]]) of the current operation; without one it is not kept */
int tacho_lua_record_context(lua_State *L) {
    const tacho_lua_collector *collector = tacho_lua_enter(L);
    lua_settop(L, 4);
    lua_Integer size = luaL_checkinteger(L, 2), limit = luaL_optinteger(L, 3, 0);
    tacho_lua_entry *entry = tacho_lua_innermost(L, collector->handle);
    if (!entry || !entry->operation)
        return tacho_lua_done(L, TACHO_OK);
    return tacho_lua_done(L, tacho_operation_context(entry->operation, size > 0 ? (uint64_t)size : 0,
                                                     limit > 0 ? (uint64_t)limit : 0, lua_toboolean(L, 4)));
}

/* record_tool_call(tool, seconds, options) */
int tacho_lua_record_tool_call(lua_State *L) {
    tacho_lua_enter(L);
    lua_settop(L, 4);
    return record(L, TACHO_KIND_TOOL, tacho_lua_check_text(L, 2), 3, 4);
}
