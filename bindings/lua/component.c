/*
 * A component's timer: local part <close> = op:component("vector_search"). It measures with the clock of its
 * operation, so a component never lasts longer than what it is a part of.
 */
#include "module.h"

/* User values: 1 = its operation, 2 = its name. */
typedef struct component {
    tacho_lua_operation *operation;
    uint64_t begun_ns; /* after the operation's begin */
    int open;
} component;

/* op:component(name) */
int tacho_lua_component(lua_State *L) {
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    luaL_checkstring(L, 2);
    component *part = lua_newuserdatauv(L, sizeof *part, 2);
    part->operation = op;
    part->open = 1;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 2);
    luaL_setmetatable(L, TACHO_LUA_COMPONENT);
    part->begun_ns = tacho_operation_elapsed_ns(op->source->operation);
    return 1;
}

/* part:finish(), and __close */
static int finish(lua_State *L) {
    component *part = luaL_checkudata(L, 1, TACHO_LUA_COMPONENT);
    if (!part->open)
        return tacho_lua_done(L, TACHO_OK);
    tacho_operation *op = part->operation->source->operation;
    part->open = 0;
    lua_getiuservalue(L, 1, 2);
    uint64_t now_ns = tacho_operation_elapsed_ns(op);
    /* Where nobody records any more it has no time: no duration, which the core counts. */
    uint64_t took_ns = now_ns >= part->begun_ns ? now_ns - part->begun_ns : UINT64_MAX;
    return tacho_lua_done(L, tacho_operation_component(op, lua_tostring(L, -1), took_ns));
}

void tacho_lua_component_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", finish}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"finish", finish}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_COMPONENT, meta, methods);
}
