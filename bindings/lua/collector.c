/*
 * Collectors: the default one, opened at its first use from the settings, and those of tacho.collector(config). Every
 * function of the module is a method of a collector too.
 */
#include "module.h"

#include <stdio.h>
#include <string.h>

#define SETTINGS 64 /* most settings in one call */
#define DEPTH    16 /* most tables in one another; settings have two */

/* Pushes a collector that is not open. */
static tacho_lua_collector *new_collector(lua_State *L) {
    tacho_lua_collector *collector = lua_newuserdatauv(L, sizeof *collector, 1);
    memset(collector, 0, sizeof *collector);
    luaL_setmetatable(L, TACHO_LUA_COLLECTOR);
    return collector;
}

/* The reason of a refusal is the last thing that was skipped. */
static tacho_status configure(tacho_settings *settings, tacho_config *config, char *problem, size_t size) {
    tacho_status status = tacho_settings_config(settings, config);
    size_t skipped = tacho_settings_skipped(settings);
    const char *last = status == TACHO_OK || skipped == 0 ? NULL : tacho_settings_problem(settings, skipped - 1);
    if (last && problem)
        snprintf(problem, size, "%s", last);
    return status;
}

/* What keeps a history is a module of its own; where it cannot be loaded, the settings are told as a problem. */
static void load_history(lua_State *L, const tacho_settings *settings) {
    if (strcmp(tacho_settings_get(settings, "history", NULL), "off") == 0 || !tacho_settings_enabled(settings))
        return;
    int top = lua_gettop(L);
    if (luaL_loadstring(L, "return require 'tachograph.io'") == LUA_OK)
        lua_pcall(L, 0, 0, 0);
    lua_settop(L, top);
}

static tacho_status open_handle(tacho_lua_collector *collector, const tacho_config *config, char *problem,
                                size_t size) {
    size_t before = tacho_settings_skipped(collector->settings);
    tacho_status status = tacho_settings_open(collector->settings, config, &collector->handle);
    size_t skipped = tacho_settings_skipped(collector->settings);
    const char *last = skipped > before ? tacho_settings_problem(collector->settings, skipped - 1) : NULL;
    if (status != TACHO_OK && problem && last)
        snprintf(problem, size, "%s", last);
    return status;
}

static tacho_status open_collector(lua_State *L, tacho_lua_collector *collector, const tacho_setting *arguments,
                                   size_t count, char *problem, size_t size) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_status status = tacho_settings_read(&collector->settings, arguments, count, problem, size);
    if (status == TACHO_OK)
        status = configure(collector->settings, &config, problem, size);
    config.flags |= TACHO_CONFIG_SERIALIZED; /* a Lua state runs in one thread at a time */
    if (status == TACHO_OK)
        load_history(L, collector->settings);
    if (status == TACHO_OK)
        status = open_handle(collector, &config, problem, size);
    if (status == TACHO_OK)
        tacho_collector_set_enabled(collector->handle, tacho_settings_enabled(collector->settings));
    return status;
}

/* What was skipped in the environment or a file, by the warning system of the language: off until the program or `lua
 * -W` turns it on. */
static void warn_of_problems(lua_State *L, const tacho_lua_collector *collector) {
    const char *sentence;
    for (size_t i = 0; collector->settings && (sentence = tacho_settings_problem(collector->settings, i)); i++) {
        lua_warning(L, "tachograph: ", 1);
        lua_warning(L, sentence, 0);
    }
}

/* problems(): sentences about settings that were skipped */
int tacho_lua_problems(lua_State *L) {
    const tacho_lua_collector *collector = tacho_lua_enter(L);
    const char *sentence;
    lua_newtable(L);
    for (size_t i = 0; collector->settings && (sentence = tacho_settings_problem(collector->settings, i)); i++) {
        lua_pushstring(L, sentence);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

int tacho_lua_is_strict(const tacho_lua_collector *collector) {
    return collector->settings && strcmp(tacho_settings_get(collector->settings, "strict", NULL), "true") == 0;
}

tacho_series *tacho_lua_bind(tacho_lua_collector *collector, const char *name, const tacho_lua_labels *labels) {
    tacho_series *series = NULL;
    tacho_labels declared = labels->labels;
    tacho_tag tags[TACHO_LUA_TAGS];
    declared.tags = tags;
    declared.tag_count = 0;
    for (uint32_t i = 0; i < labels->labels.tag_count; i++)
        if (tacho_collector_has_tag(collector->handle, labels->tags[i].name))
            tags[declared.tag_count++] = labels->tags[i];
    collector->used = 1;
    if (collector->handle)
        tacho_bind(collector->handle, labels->kind, name, &declared, &series);
    return series;
}

/* ------------------------------------------------------------------------------------------------- configuration */

/* Flat list of settings; `anchor` is a table on the stack that keeps their texts. */
typedef struct settings_list {
    tacho_setting items[SETTINGS];
    size_t count;
    int anchor;
    int depth; /* tables that are being read */
} settings_list;

/* Pops the text on top of L into the anchor and returns it. */
static const char *keep(lua_State *L, const settings_list *list) {
    const char *text = lua_tostring(L, -1);
    lua_rawseti(L, list->anchor, (lua_Integer)lua_rawlen(L, list->anchor) + 1);
    return text;
}

/* Value on top of L as text, kept. */
static const char *keep_value(lua_State *L, const settings_list *list, const char *key) {
    if (lua_isboolean(L, -1))
        return lua_toboolean(L, -1) ? "true" : "false";
    if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "setting '%s': string, number or boolean expected, got %s", key, luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    lua_tostring(L, -1);
    return keep(L, list);
}

/* A list on top of L as one text with commas, kept: names of tags, price files. */
static const char *keep_list(lua_State *L, const settings_list *list, const char *key) {
    luaL_Buffer text;
    const int at = lua_gettop(L);
    const lua_Integer count = (lua_Integer)lua_rawlen(L, at);
    luaL_buffinit(L, &text);
    for (lua_Integer i = 1; i <= count; i++) {
        luaL_addstring(&text, i > 1 ? "," : "");
        if (lua_rawgeti(L, at, i) != LUA_TSTRING)
            luaL_error(L, "setting '%s': a list of strings expected, got %s", key, luaL_typename(L, -1));
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    return keep(L, list);
}

/* Keys of nested tables are joined by dots. A table may hold itself. */
static void flatten(lua_State *L, int table, const char *prefix, settings_list *list) {
    luaL_checkstack(L, 6, NULL);
    if (++list->depth > DEPTH)
        luaL_error(L, "settings are nested more than %d deep", DEPTH);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "settings have names");
        if (list->count == SETTINGS)
            luaL_error(L, "more than %d settings", SETTINGS);
        int listed = lua_istable(L, -1) && lua_rawlen(L, -1) > 0, nested = lua_istable(L, -1) && !listed;
        lua_pushfstring(L, nested ? "%s%s." : "%s%s", prefix, lua_tostring(L, -2));
        const char *key = keep(L, list);
        if (nested)
            flatten(L, lua_gettop(L), key, list);
        else
            list->items[list->count++] =
                (tacho_setting){key, listed ? keep_list(L, list, key) : keep_value(L, list, key)};
    }
    list->depth--;
}

/* Reads the settings in the table at `config` (nil = none) into the collector; problem says what is wrong. */
static tacho_status open_configured(lua_State *L, int config, tacho_lua_collector *collector, char *problem,
                                    size_t size) {
    settings_list list = {.count = 0};
    int top = lua_gettop(L);
    lua_newtable(L);
    list.anchor = top + 1;
    if (lua_istable(L, config))
        flatten(L, config, "", &list);
    tacho_status status = open_collector(L, collector, list.items, list.count, problem, size);
    lua_settop(L, top);
    return status;
}

/* Pushes a new collector; a failure = its results. */
static int make_collector(lua_State *L, int config) {
    char problem[256] = "";
    tacho_lua_collector *collector = new_collector(L);
    tacho_status status = open_configured(L, config, collector, problem, sizeof problem);
    if (status == TACHO_OK) {
        warn_of_problems(L, collector);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, problem[0] ? problem : tacho_status_text(status));
    lua_pushstring(L, tacho_status_name(status));
    return 3;
}

/* The collector on top becomes the default one; tracked functions follow it at their next call. */
static void set_standard(lua_State *L) {
    tacho_lua_module_of(L)->generation++;
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STANDARD);
}

tacho_lua_collector *tacho_lua_standard(lua_State *L) {
    if (lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STANDARD) == LUA_TUSERDATA)
        return lua_touserdata(L, -1);
    lua_pop(L, 1);
    tacho_lua_collector *collector = new_collector(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STANDARD);
    open_collector(L, collector, NULL, 0, NULL, 0); /* what cannot be opened records nothing: the host never suffers */
    warn_of_problems(L, collector);
    return collector;
}

tacho_lua_collector *tacho_lua_enter(lua_State *L) {
    if (!lua_toboolean(L, lua_upvalueindex(2)))
        return luaL_checkudata(L, 1, TACHO_LUA_COLLECTOR);
    tacho_lua_collector *collector = tacho_lua_standard(L);
    lua_insert(L, 1);
    return collector;
}

/* collector([config]): without one, the default collector. */
int tacho_lua_collector_function(lua_State *L) {
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        return make_collector(L, 1);
    }
    tacho_lua_standard(L);
    return 1;
}

/* What may change while recording goes on. */
static int is_only_enabled(lua_State *L, int config) {
    lua_pushnil(L);
    if (!lua_next(L, config))
        return 0;
    int found = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "enabled") == 0 && lua_isboolean(L, -1);
    lua_pop(L, 1);
    int more = lua_next(L, config);
    lua_pop(L, more ? 2 : 0);
    return found && !more;
}

/*
 * configure(config): a new default collector. Once something was recorded it is too late, because numbers would be
 * split over two collectors (semantics 20); `enabled` alone may always change.
 */
int tacho_lua_configure(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STANDARD);
    const tacho_lua_collector *old = lua_touserdata(L, 2);
    if (old && old->handle && is_only_enabled(L, 1)) {
        lua_getfield(L, 1, "enabled");
        tacho_collector_set_enabled(old->handle, lua_toboolean(L, -1));
        lua_settop(L, 2);
        return 1;
    }
    if (old && old->handle && old->used) {
        lua_pushnil(L);
        lua_pushliteral(L, "configure() after the first record may change `enabled` only");
        lua_pushstring(L, tacho_status_name(TACHO_BUSY));
        return 3;
    }
    int results = make_collector(L, 1);
    if (results != 1)
        return results;
    set_standard(L);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_ARGUMENTS);
    return 1;
}

/* ----------------------------------------------------------------------------------------------------- life cycle */

static int restart(lua_State *L, tacho_lua_collector *collector) {
    collector->used = 0;
    return tacho_lua_done(L, tacho_collector_reset(collector->handle));
}

/* reset(): all numbers at zero. The default collector reads its settings again, as semantics 58 wants. */
int tacho_lua_reset(lua_State *L) {
    tacho_lua_collector *collector = tacho_lua_enter(L);
    if (!lua_toboolean(L, lua_upvalueindex(2)))
        return restart(L, collector);
    lua_settop(L, 1);
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_ARGUMENTS);
    int results = make_collector(L, 2);
    if (results != 1)
        return results;
    const tacho_lua_collector *fresh = lua_touserdata(L, 3);
    if (collector->handle && tacho_settings_same_collector(collector->settings, fresh->settings)) {
        tacho_collector_set_enabled(collector->handle, tacho_collector_enabled(fresh->handle));
        return restart(L, collector);
    }
    set_standard(L);
    lua_pushboolean(L, 1);
    return 1;
}

int tacho_lua_enabled(lua_State *L) {
    lua_pushboolean(L, tacho_collector_enabled(tacho_lua_enter(L)->handle));
    return 1;
}

/* collector:close(), and __close: children may live on; what they still end is counted and ignored. */
static int collector_close(lua_State *L) {
    tacho_lua_collector *collector = luaL_checkudata(L, 1, TACHO_LUA_COLLECTOR);
    tacho_collector_close(collector->handle);
    collector->handle = NULL;
    return 0;
}

/* Children keep their collector, so they are gone by now, or are collected in this cycle and were finalized before. */
static int collector_gc(lua_State *L) {
    tacho_lua_collector *collector = luaL_checkudata(L, 1, TACHO_LUA_COLLECTOR);
    collector_close(L);
    tacho_settings_free(collector->settings);
    collector->settings = NULL;
    return 0;
}

void tacho_lua_collector_type(lua_State *L, const luaL_Reg *functions) {
    static const luaL_Reg meta[] = {{"__close", collector_close}, {"__gc", collector_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_COLLECTOR, meta, NULL);
    luaL_getmetatable(L, TACHO_LUA_COLLECTOR);
    lua_newtable(L);
    tacho_lua_set_functions(L, functions, 0);
    tacho_lua_set_functions(L, tacho_lua_reading_functions, 0);
    lua_pushcfunction(L, collector_close);
    lua_setfield(L, -2, "close");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
