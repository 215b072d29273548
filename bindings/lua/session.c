/*
 * Sessions: local run <close> = tacho.session("id"). While it is open, operations that begin in this coroutine, or in
 * coroutines made inside it, belong to it.
 */
#include "module.h"

#include <string.h>

#define SESSIONS 64 /* that a collector keeps for ids given as options */

static void remember(lua_State *L) {
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_OBJECTS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, lua_touserdata(L, -1));
    lua_pop(L, 1);
}

tacho_lua_session *tacho_lua_new_session(lua_State *L, int collector, const char *id) {
    tacho_lua_collector *owner = lua_touserdata(L, collector);
    tacho_lua_session *session = lua_newuserdatauv(L, sizeof *session, 3);
    memset(session, 0, sizeof *session);
    session->entry.session = session;
    session->entry.collector = owner->handle;
    luaL_setmetatable(L, TACHO_LUA_SESSION);
    lua_pushvalue(L, collector);
    lua_setiuservalue(L, -2, 1);
    remember(L);
    owner->used = 1;
    if (owner->handle)
        tacho_session_open(owner->handle, id, &session->handle); /* FULL still gives a handle; else nothing is kept */
    return session;
}

void tacho_lua_end_session(tacho_lua_session *session) {
    tacho_lua_remove(&session->entry);
    tacho_session_end(session->handle);
    session->handle = NULL;
}

/* The session of an id given as an option stays open with its collector, so that many calls may name it. */
static tacho_lua_session *kept_session(lua_State *L, int collector, const char *id) {
    if (lua_getiuservalue(L, collector, 1) == LUA_TNIL || lua_rawlen(L, -1) >= SESSIONS) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, collector, 1);
    }
    lua_pushstring(L, id);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        tacho_lua_new_session(L, collector, id);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, id);
        lua_pushvalue(L, -1); /* and once in the array, to count them */
        lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
    }
    lua_remove(L, -2);
    return lua_touserdata(L, -1);
}

tacho_lua_session *tacho_lua_option_session(lua_State *L, int options, int collector) {
    int type = tacho_lua_option(L, options, "session");
    if (type == LUA_TNIL)
        return NULL;
    if (type == LUA_TSTRING) {
        tacho_lua_session *session = kept_session(L, collector, lua_tostring(L, -1));
        lua_remove(L, -2);
        return session;
    }
    tacho_lua_session *session = luaL_testudata(L, -1, TACHO_LUA_SESSION);
    if (!session)
        luaL_error(L, "option 'session': session or id expected, got %s", luaL_typename(L, -1));
    return session;
}

/* session([id]) or session {id = ..., summary = file}: at the end the summary is given to file:write */
int tacho_lua_session_function(lua_State *L) {
    static const char *const keys[] = {"id", "name", "user", "tags", "summary", NULL};
    tacho_lua_enter(L);
    lua_settop(L, 3);
    int options = lua_istable(L, 2) ? 2 : 3;
    tacho_lua_check_options(L, options, keys);
    const char *id = options == 2 ? tacho_lua_option_text(L, 2, "id") : tacho_lua_optional_text(L, 2);
    if (id && id[0] == '\0')
        tacho_lua_bad_argument(L, 2, "the id of a session must not be empty");
    tacho_lua_module *module = tacho_lua_module_of(L);
    tacho_lua_extend_coroutines(L, module);
    tacho_lua_stack *stack = tacho_lua_stack_of(L, module);
    tacho_lua_session *session = tacho_lua_new_session(L, 1, id);
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STACK);
    lua_setiuservalue(L, -2, 2);
    tacho_lua_option(L, options, "summary");
    lua_setiuservalue(L, -2, 3);
    tacho_lua_push(stack, &session->entry);
    return 1;
}

static int session_gc(lua_State *L) {
    tacho_lua_end_session(luaL_checkudata(L, 1, TACHO_LUA_SESSION));
    return 0;
}

/* run:finish(), and __close. A fault of the file that takes the summary is not one of the session. */
static int finish(lua_State *L) {
    tacho_lua_session *session = luaL_checkudata(L, 1, TACHO_LUA_SESSION);
    lua_settop(L, 1);
    lua_pushcfunction(L, tacho_lua_write_summary);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 1);
    if (session->handle && lua_getiuservalue(L, 1, 3) != LUA_TNIL)
        lua_pcall(L, 3, 0, 0);
    tacho_lua_end_session(session);
    return 0;
}

static int session_index(lua_State *L) {
    const tacho_lua_session *session = luaL_checkudata(L, 1, TACHO_LUA_SESSION);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "finish") == 0)
        lua_pushcfunction(L, finish);
    else if (strcmp(key, "id") == 0 && session->handle)
        lua_pushstring(L, tacho_session_id(session->handle));
    else
        lua_pushnil(L);
    return 1;
}

void tacho_lua_session_type(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__close", finish}, {"__gc", session_gc}, {"__index", session_index}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_SESSION, meta, NULL);
}
