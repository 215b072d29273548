/*
 * A new coroutine inherits what is open in its creator (semantics 7). Lua tells nobody that a coroutine was made, so
 * coroutine.create and coroutine.wrap are extended, once, when the first operation or session begins or the first
 * function is tracked: before that there is nothing to inherit. They behave as before; while nothing is open they add
 * one function call. Code that kept the old functions, and C code that makes threads, gets the rule of stack.c:
 * inherit from who resumes first.
 */
#include "module.h"

enum { MODULE = 1, ORIGINAL };

/* Pushes the thread that create returned or that wrap's function holds; false where there is none. */
static int push_thread(lua_State *L, int result) {
    if (lua_isthread(L, result)) {
        lua_pushvalue(L, result);
        return 1;
    }
    return lua_iscfunction(L, result) && lua_getupvalue(L, result, 1) && lua_isthread(L, -1);
}

static int extended(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(ORIGINAL));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    tacho_lua_module *module = lua_touserdata(L, lua_upvalueindex(MODULE));
    tacho_lua_stack *stack = tacho_lua_stack_of(L, module);
    if (stack->top && push_thread(L, 1))
        tacho_lua_inherit(L, -1, module, stack);
    lua_settop(L, 1);
    return 1;
}

static void extend(lua_State *L, int library, const char *name) {
    lua_pushvalue(L, lua_upvalueindex(1));
    if (lua_getfield(L, library, name) != LUA_TFUNCTION) {
        lua_pop(L, 2);
        return;
    }
    lua_pushcclosure(L, extended, 2);
    lua_setfield(L, library, name);
}

void tacho_lua_extend_coroutines(lua_State *L, tacho_lua_module *module) {
    if (module->inherits)
        return;
    module->inherits = 1;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, "coroutine") == LUA_TTABLE) {
        extend(L, lua_gettop(L), "create");
        extend(L, lua_gettop(L), "wrap");
    }
    lua_pop(L, 2);
}
