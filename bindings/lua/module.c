/* luaopen_tachograph_core: makes the types and the table of functions. */
#include "module.h"

#include <string.h>

tacho_lua_module *tacho_lua_module_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

int tacho_lua_fail(lua_State *L, tacho_status status) {
    lua_pushnil(L);
    lua_pushstring(L, tacho_status_text(status));
    lua_pushstring(L, tacho_status_name(status));
    return 3;
}

int tacho_lua_done(lua_State *L, tacho_status status) {
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    lua_pushboolean(L, 1);
    return 1;
}

void tacho_lua_make_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

/* Functions of the module: each takes the default collector where its method has one at index 1. */
static const luaL_Reg functions[] = {
    {"agent", tacho_lua_agent},
    {"cache", tacho_lua_cache},
    {"calculate_cost", tacho_lua_calculate_cost},
    {"counter", tacho_lua_counter},
    {"current", tacho_lua_current},
    {"enabled", tacho_lua_enabled},
    {"flush", tacho_lua_flush},
    {"gauge", tacho_lua_gauge},
    {"histogram", tacho_lua_histogram},
    {"llm", tacho_lua_llm},
    {"operation", tacho_lua_operation_function},
    {"problems", tacho_lua_problems},
    {"record", tacho_lua_record},
    {"record_cache", tacho_lua_record_cache},
    {"record_call", tacho_lua_record_call},
    {"record_context", tacho_lua_record_context},
    {"record_failure", tacho_lua_record_failure},
    {"record_step", tacho_lua_record_step},
    {"record_success", tacho_lua_record_success},
    {"record_tool_call", tacho_lua_record_tool_call},
    {"record_usage", tacho_lua_record_usage},
    {"reset", tacho_lua_reset},
    {"session", tacho_lua_session_function},
    {"step", tacho_lua_step},
    {"timeline", tacho_lua_timeline},
    {"tool", tacho_lua_tool},
    {"track", tacho_lua_track},
    {"workflow", tacho_lua_workflow},
    {NULL, NULL},
};

/* Functions that have no collector of their own. */
static const luaL_Reg global_functions[] = {
    {"collector", tacho_lua_collector_function},
    {"configure", tacho_lua_configure},
    {"load", tacho_lua_load},
    {NULL, NULL},
};

void tacho_lua_set_functions(lua_State *L, const luaL_Reg *list, int of_module) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushboolean(L, of_module);
    luaL_setfuncs(L, list, 2);
}

static int module_gc(lua_State *L) {
    tacho_lua_module *module = lua_touserdata(L, 1);
    tacho_response_free(module->response);
    module->response = NULL;
    module->finalized = 1;
    return 0;
}

/* Pushes the module's state. */
static void new_module(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", module_gc}, {NULL, NULL}};
    static const struct {
        int value;
        const char *mode;
    } weak[] = {{TACHO_LUA_UV_STACKS, "k"}, {TACHO_LUA_UV_OBJECTS, "v"}};
    tacho_lua_make_type(L, TACHO_LUA_MODULE, meta, NULL);
    tacho_lua_module *module = lua_newuserdatauv(L, sizeof *module, TACHO_LUA_UV_COUNT);
    memset(module, 0, sizeof *module);
    luaL_setmetatable(L, TACHO_LUA_MODULE);
    lua_newtable(L);
    lua_setiuservalue(L, -2, TACHO_LUA_UV_DECLARED);
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        lua_newtable(L);
        lua_createtable(L, 0, 1);
        lua_pushstring(L, weak[i].mode);
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
        lua_setiuservalue(L, -2, weak[i].value);
    }
}

/* Runs with the state as its first upvalue, like every other function. */
static int open_module(lua_State *L) {
    tacho_lua_box_type(L);
    tacho_lua_stack_type(L);
    tacho_lua_tracked_type(L);
    tacho_lua_operation_type(L);
    tacho_lua_component_type(L);
    tacho_lua_session_type(L);
    tacho_lua_metric_type(L);
    tacho_lua_snapshot_type(L);
    tacho_lua_collector_type(L, functions);
    lua_newtable(L);
    tacho_lua_set_functions(L, functions, 1);
    tacho_lua_set_functions(L, tacho_lua_reading_functions, 1);
    tacho_lua_set_functions(L, global_functions, 1);
    lua_pushstring(L, tacho_version());
    lua_setfield(L, -2, "version");
    return 1;
}

int luaopen_tachograph_core(lua_State *L);
int luaopen_tachograph_core(lua_State *L) {
    new_module(L);
    lua_pushcclosure(L, open_module, 1);
    lua_call(L, 0, 1);
    return 1;
}
