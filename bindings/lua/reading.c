/*
 * Reading: the functions of the module and of a collector, which take a snapshot first, and the same as methods of a
 * snapshot. Lists and summaries print as the terminal tables of the core.
 */
#include "module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_snapshot(void *object) {
    tacho_snapshot_free(object);
}
static void free_rows(void *object) {
    tacho_rows_free(object);
}
static void free_records(void *object) {
    tacho_records_free(object);
}
static void free_summary(void *object) {
    tacho_summary_free(object);
}

/* Pushes a snapshot object that holds nothing yet. */
static tacho_lua_box *new_snapshot(lua_State *L) {
    tacho_lua_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->object = NULL;
    box->free = free_snapshot;
    luaL_setmetatable(L, TACHO_LUA_SNAPSHOT);
    return box;
}

typedef tacho_status (*taker)(tacho_collector *collector, tacho_snapshot **out);

/* Innermost session of the running coroutine on this collector, or NULL (semantics 58). */
static const char *enclosing_session(lua_State *L, const tacho_lua_collector *collector) {
    tacho_lua_stack *stack = tacho_lua_stack_of(L, tacho_lua_module_of(L));
    for (const tacho_lua_entry *entry = stack->top; entry; entry = entry->below)
        if (entry->collector == collector->handle && entry->session && entry->session->handle)
            return tacho_session_id(entry->session->handle);
    return NULL;
}

/* Leaves the owner at index 1 and `arguments` arguments after it; a snapshot that was taken now stands above them. With
 * `alone`, no session at index 2 and none around the caller, it is of this process alone, else of all that share. */
static tacho_lua_reading enter_as(lua_State *L, int arguments, int alone) {
    tacho_lua_reading on = {NULL, TACHO_OK, NULL};
    tacho_lua_box *box = lua_toboolean(L, lua_upvalueindex(2)) ? NULL : luaL_testudata(L, 1, TACHO_LUA_SNAPSHOT);
    if (!box)
        on.collector = tacho_lua_enter(L);
    lua_settop(L, arguments + 1);
    if (!box) {
        tacho_lua_bury_all(L, tacho_lua_module_of(L));
        box = new_snapshot(L);
        alone = alone && lua_isnil(L, 2) && !enclosing_session(L, on.collector);
        taker take = alone ? tacho_snapshot_take_process : tacho_snapshot_take;
        on.status = take(on.collector->handle, (tacho_snapshot **)&box->object);
    }
    on.snapshot = box->object;
    return on;
}

tacho_lua_reading tacho_lua_reading_enter(lua_State *L, int arguments) {
    return enter_as(L, arguments, 0);
}

/* ------------------------------------------------------------------------------------------------- text of a list */

static tacho_status write_rows(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_rows(object, TACHO_FORMAT_TABLE, "tacho.usage/1", NULL, style, sink, context);
}
static tacho_status write_records(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_records(object, TACHO_FORMAT_TABLE, style, sink, context);
}
static tacho_status write_summary(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_summary(object, TACHO_FORMAT_TEXT, style, sink, context);
}

int tacho_lua_text_of(lua_State *L, tacho_lua_writer write) {
    const tacho_lua_box *box = lua_touserdata(L, lua_upvalueindex(1));
    void *output = tacho_lua_new_output(L);
    if (!output)
        return luaL_error(L, "not enough memory");
    if (tacho_lua_finish_output(L, output, write(box->object, NULL, tacho_lua_sink, output)) != 1)
        return luaL_error(L, "%s", lua_tostring(L, -2));
    return 1;
}

static tacho_status write_system(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_system(object, TACHO_FORMAT_TEXT, style, sink, context);
}

static int rows_text(lua_State *L) {
    return tacho_lua_text_of(L, write_rows);
}
static int records_text(lua_State *L) {
    return tacho_lua_text_of(L, write_records);
}
static int summary_text(lua_State *L) {
    return tacho_lua_text_of(L, write_summary);
}
static int system_text(lua_State *L) {
    return tacho_lua_text_of(L, write_system);
}

/* Gives the table on top of L a __tostring that prints the boxed object at `box`. */
void tacho_lua_set_text(lua_State *L, int box, lua_CFunction text) {
    box = lua_absindex(L, box);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, box);
    lua_pushcclosure(L, text, 1);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
}

/* ---------------------------------------------------------------------------------------------------------- lists */

static void push_rows(lua_State *L, const tacho_rows *rows) {
    lua_createtable(L, (int)rows->count, 2);
    for (size_t i = 0; i < rows->count; i++) {
        tacho_lua_push_row(L, &rows->rows[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    tacho_lua_push_row(L, &rows->totals);
    lua_setfield(L, -2, "totals");
    lua_createtable(L, (int)rows->warning_count, 0);
    for (size_t i = 0; i < rows->warning_count; i++) {
        lua_pushstring(L, rows->warnings[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "warnings");
}

static void push_records(lua_State *L, const tacho_records *records) {
    lua_createtable(L, (int)records->count, 1);
    for (size_t i = 0; i < records->count; i++) {
        tacho_lua_push_record(L, &records->records[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, (lua_Integer)records->lost);
    lua_setfield(L, -2, "lost");
}

typedef tacho_status (*table_reader)(const tacho_snapshot *snapshot, tacho_rows **out);

static int read_table(lua_State *L, table_reader read) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 0);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_rows;
    tacho_status status = on.status == TACHO_OK ? read(on.snapshot, (tacho_rows **)&box->object) : on.status;
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    push_rows(L, box->object);
    tacho_lua_set_text(L, -2, rows_text);
    return 1;
}

static int operations(lua_State *L) {
    return read_table(L, tacho_snapshot_operations);
}
static int tools(lua_State *L) {
    return read_table(L, tacho_snapshot_tools);
}
static int models(lua_State *L) {
    return read_table(L, tacho_snapshot_models);
}
static int providers(lua_State *L) {
    return read_table(L, tacho_snapshot_providers);
}
static int sessions(lua_State *L) {
    return read_table(L, tacho_snapshot_sessions);
}

/* ------------------------------------------------------------------------------------------------ usage and costs */

static void add_key(lua_State *L, int index, int first, tacho_query *out) {
    const char *word = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index);
    tacho_status status = first ? tacho_query_by(out, word) : tacho_query_by_also(out, word);
    if (status == TACHO_NOT_FOUND)
        tacho_lua_bad_argument(L, 2, lua_pushfstring(L, "unknown grouping key '%s'", word));
    if (status != TACHO_OK)
        tacho_lua_bad_argument(L, 2, "too many tags");
}

/* by: a text, a list of them, or nil = `standard`. */
static void read_keys(lua_State *L, const tacho_query *standard, tacho_query *out) {
    *out = *standard;
    if (lua_isnil(L, 2))
        return;
    out->by = TACHO_BY_TOTAL;
    out->by_also = 0;
    if (!lua_istable(L, 2)) {
        add_key(L, 2, 1, out);
        return;
    }
    lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 2, i);
        add_key(L, -1, i == 1, out);
        lua_pop(L, 1);
    }
}

/* where = {model = "...", ["tag:tier"] = "gold"}; false asks for operations without the tag. Texts stay in the table.
 */
static void read_where(lua_State *L, tacho_query *out) {
    int type = tacho_lua_option(L, 3, "where");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "where: a table of keys and values expected, got %s", luaL_typename(L, -1));
    for (lua_pushnil(L); type == LUA_TTABLE && lua_next(L, -2); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
        const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        int tag = strncmp(key, "tag:", 4) == 0;
        if (!value && !(tag && lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1)))
            luaL_error(L, "where: '%s' is a text%s, got %s", key, tag ? " or false" : "", luaL_typename(L, -1));
        tacho_status status = tacho_query_where(out, key, value);
        if (status != TACHO_OK)
            luaL_error(L, status == TACHO_LIMIT ? "where: '%s' is a tag too many" : "where: unknown key '%s'", key);
    }
    lua_pop(L, type == LUA_TTABLE ? 1 : 2);
}

static void read_limits(lua_State *L, tacho_query *out) {
    static const char *const keys[] = {"session", "since", "until", "where", NULL};
    tacho_lua_check_options(L, 3, keys);
    out->session = tacho_lua_option_text(L, 3, "session");
    if (tacho_lua_option(L, 3, "since") != LUA_TNIL)
        out->since_ns = tacho_lua_check_bound(L, -1);
    if (tacho_lua_option(L, 3, "until") != LUA_TNIL)
        out->until_ns = tacho_lua_check_bound(L, -1);
    lua_pop(L, 2);
    read_where(L, out);
}

/* Pushes name -> cost of all rows by one key; those without a name or a cost are left out. */
static tacho_status push_costs_by(lua_State *L, const tacho_snapshot *snapshot, const tacho_query *query, tacho_by by) {
    tacho_query one = *query;
    one.by = by;
    one.by_also = 0;
    one.all_kinds = TACHO_KINDS_CALLS;
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_rows;
    tacho_status status = tacho_snapshot_usage(snapshot, &one, (tacho_rows **)&box->object);
    const tacho_rows *rows = box->object;
    lua_newtable(L);
    for (size_t i = 0; status == TACHO_OK && i < rows->count; i++) {
        const char *name = by == TACHO_BY_PROVIDER ? rows->rows[i].provider : rows->rows[i].operation;
        if (name) {
            tacho_lua_push_money(L, rows->rows[i].cost_pusd);
            lua_setfield(L, -2, name);
        }
    }
    lua_remove(L, -2);
    return status;
}

/* (by, {session =, since =, until =}): rows with what they add up to */
static int read_usage(lua_State *L, const tacho_query *standard) {
    tacho_query query;
    tacho_lua_reading on = tacho_lua_reading_enter(L, 2);
    read_keys(L, standard, &query);
    read_limits(L, &query);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_rows;
    int at = lua_gettop(L);
    tacho_status status =
        on.status == TACHO_OK ? tacho_snapshot_usage(on.snapshot, &query, (tacho_rows **)&box->object) : on.status;
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    const tacho_rows *rows = box->object;
    push_rows(L, rows);
    lua_pushinteger(L, rows->totals.calls);
    lua_setfield(L, -2, "total_calls");
    if (rows->totals.total_tokens >= 0) {
        lua_pushinteger(L, rows->totals.total_tokens);
        lua_setfield(L, -2, "total_tokens");
    }
    tacho_lua_push_money(L, rows->totals.cost_pusd);
    lua_setfield(L, -2, "total_cost_usd");
    status = push_costs_by(L, on.snapshot, &query, TACHO_BY_PROVIDER);
    lua_setfield(L, -2, "by_provider");
    if (status == TACHO_OK)
        status = push_costs_by(L, on.snapshot, &query, TACHO_BY_OPERATION);
    else
        lua_pushnil(L);
    lua_setfield(L, -2, "by_operation");
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    tacho_lua_set_text(L, at, rows_text);
    return 1;
}

/* usage([by = "model" [, limits]]) */
static int usage(lua_State *L) {
    static const tacho_query standard = TACHO_QUERY_INIT;
    return read_usage(L, &standard);
}

/* costs([by = {"provider", "model"} [, limits]]) */
static int costs(lua_State *L) {
    tacho_query standard = TACHO_QUERY_INIT;
    standard.by = TACHO_BY_PROVIDER;
    standard.by_also = TACHO_BY_BIT(TACHO_BY_MODEL);
    standard.all_kinds = TACHO_KINDS_CALLS;
    return read_usage(L, &standard);
}

typedef tacho_status (*list_reader)(const tacho_snapshot *snapshot, size_t n, tacho_records **out);

/* (n): n is at most INT32_MAX and 0 = the reader's own default */
static int read_list(lua_State *L, list_reader read) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 1);
    lua_Integer n = luaL_optinteger(L, 2, 0);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_records;
    tacho_status status = on.status;
    if (status == TACHO_OK)
        status = read(on.snapshot, n > 0 && n < INT32_MAX ? (size_t)n : 0, (tacho_records **)&box->object);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    push_records(L, box->object);
    tacho_lua_set_text(L, -2, records_text);
    return 1;
}

static tacho_status all_records(const tacho_snapshot *snapshot, size_t n, tacho_records **out) {
    tacho_query query = TACHO_QUERY_INIT;
    query.limit = (uint32_t)n;
    return tacho_snapshot_records(snapshot, &query, out);
}

/* slowest([n = 10]): slowest first */
static int slowest(lua_State *L) {
    return read_list(L, tacho_snapshot_slowest);
}

/* records([n = all]): finished operations that are still kept, oldest first */
static int records(lua_State *L) {
    return read_list(L, all_records);
}

/* The operation's object keeps its collector as its first user value. */
int tacho_lua_push_record_of(lua_State *L, uint64_t id) {
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    if (lua_getiuservalue(L, 1, 1) != LUA_TUSERDATA || id == 0) {
        lua_pushnil(L);
        return 1;
    }
    const tacho_lua_collector *collector = lua_touserdata(L, -1);
    tacho_lua_box *taken = new_snapshot(L), *box = tacho_lua_new_box(L);
    box->free = free_records;
    tacho_status status = tacho_snapshot_take_process(collector->handle, (tacho_snapshot **)&taken->object);
    if (status == TACHO_OK)
        status = all_records(taken->object, 0, (tacho_records **)&box->object);
    const tacho_records *records = status == TACHO_OK ? box->object : NULL;
    for (size_t i = 0; records && i < records->count; i++)
        if (records->records[i].id && strcmp(records->records[i].id, text) == 0) {
            tacho_lua_push_record(L, &records->records[i]);
            return 1;
        }
    lua_pushnil(L);
    return 1;
}

/* -------------------------------------------------------------------------------------------------------- summary */

/* summary([session]): of that session, else of the enclosing one, else of the process since start or reset */
static int summary(lua_State *L) {
    tacho_lua_reading on = enter_as(L, 1, 1);
    const char *session = tacho_lua_optional_text(L, 2);
    if (!session && on.collector)
        session = enclosing_session(L, on.collector);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_summary;
    tacho_status status = on.status;
    if (status == TACHO_OK)
        status = tacho_snapshot_summary(on.snapshot, session, (tacho_summary **)&box->object);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    const tacho_summary *all = box->object;
    int at = lua_gettop(L);
    tacho_lua_push_scalars(L, all);
    push_rows(L, all->tools);
    lua_setfield(L, -2, "tools");
    push_rows(L, all->models);
    lua_setfield(L, -2, "models");
    push_records(L, all->slowest);
    lua_setfield(L, -2, "slowest");
    if (all->caches) { /* nil in the summary of a session, to which they do not belong */
        tacho_lua_push_caches(L, all->caches);
        lua_setfield(L, -2, "caches");
    }
    if (all->metrics) {
        tacho_lua_push_metrics(L, all->metrics);
        lua_setfield(L, -2, "metrics");
    }
    tacho_lua_push_quality(L, all);
    lua_setfield(L, -2, "data_quality");
    tacho_lua_set_text(L, at, summary_text);
    return 1;
}

/* system(): what runs, and what it takes of the machine */
static int system_function(lua_State *L) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 0);
    tacho_lua_box *box = tacho_lua_new_box(L);
    tacho_system *system = box->object = malloc(sizeof *system);
    box->free = free;
    if (on.status == TACHO_OK && !system)
        on.status = TACHO_NOMEM;
    if (on.status == TACHO_OK) {
        *system = (tacho_system)TACHO_SYSTEM_INIT;
        on.status = tacho_snapshot_system(on.snapshot, system);
    }
    if (on.status != TACHO_OK)
        return tacho_lua_fail(L, on.status);
    tacho_lua_push_system(L, system);
    tacho_lua_set_text(L, -2, system_text);
    return 1;
}

/* (collector, session, target): gives the text of the session's summary to target:write */
int tacho_lua_write_summary(lua_State *L) {
    const tacho_lua_collector *collector = luaL_checkudata(L, 1, TACHO_LUA_COLLECTOR);
    const tacho_lua_session *session = luaL_checkudata(L, 2, TACHO_LUA_SESSION);
    tacho_lua_box *taken = new_snapshot(L), *box = tacho_lua_new_box(L);
    box->free = free_summary;
    void *output = tacho_lua_new_output(L);
    tacho_status status = tacho_snapshot_take(collector->handle, (tacho_snapshot **)&taken->object);
    if (status == TACHO_OK)
        status =
            tacho_snapshot_summary(taken->object, tacho_session_id(session->handle), (tacho_summary **)&box->object);
    if (status == TACHO_OK && output)
        status = write_summary(box->object, NULL, tacho_lua_sink, output);
    if (status != TACHO_OK || !output || tacho_lua_finish_output(L, output, status) != 1)
        return 0;
    lua_getfield(L, 3, "write");
    lua_pushvalue(L, 3);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 0);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- snapshots */

/* snapshot(): of this moment; immutable. As a method of a snapshot, the snapshot itself. */
static int snapshot_function(lua_State *L) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 0);
    return on.status == TACHO_OK ? 1 : tacho_lua_fail(L, on.status);
}

/* The text on top into a file of that name. */
static int write_file(lua_State *L, const char *path) {
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    FILE *file = fopen(path, "wb");
    int written = file && fwrite(text, 1, length, file) == length;
    int fault = written ? 0 : errno;
    if (file && fclose(file) != 0 && written)
        fault = errno;
    if (!fault) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(fault));
    lua_pushstring(L, tacho_status_name(TACHO_IO));
    return 3;
}

/* export(format [, file]): the text, or it is given to file:write (or written to the file of that name) and the result
 * is true (or its failure) */
static int export(lua_State *L) {
    tacho_format format;
    tacho_lua_reading on = tacho_lua_reading_enter(L, 2);
    const char *word = tacho_lua_check_text(L, 2);
    if (tacho_format_parse(word, &format) != TACHO_OK)
        tacho_lua_bad_argument(
            L, 2, lua_pushfstring(L, "unknown format '%s'; it is one of json, jsonl, msgpack, text and csv", word));
    int target = lua_type(L, 3);
    if (target != LUA_TNIL && target != LUA_TSTRING && luaL_getmetafield(L, 3, "__index") == LUA_TNIL &&
        target != LUA_TTABLE)
        tacho_lua_bad_argument(L, 3, "file, path or an object with a method write expected");
    void *output = on.status == TACHO_OK ? tacho_lua_new_output(L) : NULL;
    if (!output)
        return tacho_lua_fail(L, on.status == TACHO_OK ? TACHO_NOMEM : on.status);
    int results = tacho_lua_finish_output(L, output, tacho_export(on.snapshot, format, NULL, tacho_lua_sink, output));
    if (results != 1 || target == LUA_TNIL)
        return results;
    if (target == LUA_TSTRING)
        return write_file(L, lua_tostring(L, 3));
    lua_getfield(L, 3, "write");
    lua_pushvalue(L, 3);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 2);
    if (!lua_toboolean(L, -2) && lua_isstring(L, -1)) { /* an object's write may as well return nothing */
        lua_pushstring(L, tacho_status_name(TACHO_IO));
        return 3;
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* nil, message, code: of a folder with the reason. */
static int fail_to_load(lua_State *L, const char *path, tacho_status status) {
    char why[TACHO_REGISTRY_WHY];
    const int folder = tacho_registry_why(path, status, why);
    const int results = tacho_lua_fail(L, status);
    if (folder && status != TACHO_IO) {
        lua_pushfstring(L, "the registry '%s' cannot be read: %s", path, why);
        lua_replace(L, -3);
    }
    return results;
}

/* load(path) -> snapshot of a file, or of the registry in a folder: never mixes into live numbers */
int tacho_lua_load(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    tacho_lua_box *box = new_snapshot(L);
    tacho_status status = tacho_load(path, (tacho_snapshot **)&box->object);
    return status == TACHO_OK ? 1 : fail_to_load(L, path, status);
}

/* merge(other): both in one; what both have counts once */
static int merge(lua_State *L) {
    const tacho_lua_box *a = luaL_checkudata(L, 1, TACHO_LUA_SNAPSHOT), *b = luaL_checkudata(L, 2, TACHO_LUA_SNAPSHOT);
    tacho_lua_box *box = new_snapshot(L);
    tacho_status status = tacho_snapshot_merge(a->object, b->object, (tacho_snapshot **)&box->object);
    return status == TACHO_OK ? 1 : tacho_lua_fail(L, status);
}

/* save([path]): the path; without one, a new file in the data directory */
static int save(lua_State *L) {
    char standard[TACHO_LUA_PATH_MAX];
    tacho_lua_reading on = tacho_lua_reading_enter(L, 1);
    const char *path = tacho_lua_optional_text(L, 2);
    tacho_status status = on.status;
    if (status == TACHO_OK && !path) {
        status = tacho_default_save_file(standard, sizeof standard);
        path = standard;
    }
    if (status == TACHO_OK)
        status = tacho_save(on.snapshot, path);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    lua_pushstring(L, path);
    return 1;
}

const luaL_Reg tacho_lua_reading_functions[] = {
    {"caches", tacho_lua_caches},
    {"costs", costs},
    {"export", export},
    {"metrics", tacho_lua_metrics},
    {"models", models},
    {"operations", operations},
    {"providers", providers},
    {"records", records},
    {"save", save},
    {"sessions", sessions},
    {"slowest", slowest},
    {"snapshot", snapshot_function},
    {"summary", summary},
    {"system", system_function},
    {"tools", tools},
    {"usage", usage},
    {NULL, NULL},
};

static int snapshot_gc(lua_State *L) {
    tacho_lua_box *box = luaL_checkudata(L, 1, TACHO_LUA_SNAPSHOT);
    tacho_snapshot_free(box->object);
    box->object = NULL;
    return 0;
}

void tacho_lua_snapshot_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", snapshot_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_SNAPSHOT, meta, NULL);
    luaL_getmetatable(L, TACHO_LUA_SNAPSHOT);
    lua_newtable(L);
    tacho_lua_set_functions(L, tacho_lua_reading_functions, 0);
    lua_pushcfunction(L, merge);
    lua_setfield(L, -2, "merge");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
