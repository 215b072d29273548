/*
 * track: a C closure around a Lua function.
 *
 * The call is not protected: an error passes through as if nobody had wrapped the function, so its object and its
 * traceback stay what they were. A to-be-closed slot of the C frame sees it go by; the value in that slot is the stack
 * of the coroutine, whose __close ends the innermost tracked call (frames of one coroutine are left in the order in
 * which Lua leaves them). lua_callk lets the function yield.
 */
#include "module.h"

#include <string.h>

/* Upvalues of a wrapper. */
enum { MODULE = 1, TRACKED, FUNCTION };

void tacho_lua_release_tracked(tacho_lua_tracked *tracked) {
    tacho_series_release(tracked->series);
    tracked->series = NULL;
}

static int tracked_gc(lua_State *L) {
    tacho_lua_tracked *tracked = lua_touserdata(L, 1);
    tracked->finalized = 1;
    if (tracked->in_flight == 0)
        tacho_lua_release_tracked(tracked);
    return 0;
}

/* Binds the tracked object at `index` to its collector, for the first time or to a new default collector. */
static void bind(lua_State *L, int index, tacho_lua_tracked *tracked) {
    tacho_lua_labels labels;
    int top = lua_gettop(L);
    luaL_checkstack(L, 8, NULL);
    lua_pushvalue(L, index);
    lua_getiuservalue(L, top + 1, 2);
    lua_getiuservalue(L, top + 1, 3);
    tacho_lua_check_labels(L, top + 3, TACHO_KIND_CUSTOM, &labels);
    tacho_lua_collector *collector =
        lua_getiuservalue(L, top + 1, 1) == LUA_TUSERDATA ? lua_touserdata(L, -1) : tacho_lua_standard(L);
    if (tracked->in_flight == 0) {
        tacho_lua_release_tracked(tracked);
        tracked->series = tacho_lua_bind(collector, lua_tostring(L, top + 2), &labels);
        tracked->collector = collector->handle;
        tracked->provider = labels.labels.provider;
        tracked->notes = tacho_lua_push_notes(L, collector->handle, &labels, top + 3, &tracked->note_count);
        lua_setiuservalue(L, top + 1, 5);
        tracked->generation = tracked->module->generation;
    }
    lua_settop(L, top);
}

/* ------------------------------------------------------------------------------------------------------ the call */

/* (frame, usage function, results...): what the function says about the results goes to the operation. */
static int report(lua_State *L) {
    tacho_lua_frame *frame = lua_touserdata(L, 1);
    lua_call(L, lua_gettop(L) - 2, 1);
    tacho_lua_report(L, 2, NULL, frame->entry.provider, frame->entry.operation);
    return 0;
}

/* Protected: a fault in the usage function is not the caller's problem. */
static void report_results(lua_State *L, tacho_lua_frame *frame) {
    int top = lua_gettop(L);
    if (!lua_checkstack(L, top + 4))
        return;
    lua_pushvalue(L, lua_upvalueindex(MODULE));
    lua_pushcclosure(L, report, 1);
    lua_pushlightuserdata(L, frame);
    lua_getiuservalue(L, lua_upvalueindex(TRACKED), 4);
    for (int i = 2; i <= top; i++)
        lua_pushvalue(L, i);
    lua_pcall(L, top + 1, 0, 0);
    lua_settop(L, top);
}

/* All results stand above the slot that is closed when this returns. */
static int finish(lua_State *L, int status, lua_KContext context) {
    tacho_lua_frame *frame = (tacho_lua_frame *)context;
    (void)status;
    if (frame->tracked->has_usage)
        report_results(L, frame);
    frame->returned = 1;
    return lua_gettop(L) - 1;
}

static int call(lua_State *L) {
    tacho_lua_tracked *tracked = lua_touserdata(L, lua_upvalueindex(TRACKED));
    int arguments = lua_gettop(L);
    if (tracked->generation != tracked->module->generation)
        bind(L, lua_upvalueindex(TRACKED), tracked);
    tacho_lua_stack *stack = tacho_lua_stack_of(L, tracked->module);
    lua_getiuservalue(L, lua_upvalueindex(MODULE), TACHO_LUA_UV_STACK);
    lua_pushvalue(L, lua_upvalueindex(FUNCTION));
    if (arguments > 0)
        lua_rotate(L, 1, 2);
    tacho_lua_frame *frame = tacho_lua_begin_frame(stack, tracked); /* from here to lua_toclose nothing can raise */
    if (!frame)
        return luaL_error(L, "not enough memory");
    lua_toclose(L, 1);
    lua_callk(L, arguments, LUA_MULTRET, (lua_KContext)frame, finish);
    return finish(L, LUA_OK, (lua_KContext)frame);
}

/* ---------------------------------------------------------------------------------------------------- track(...) */

static void check_callable(lua_State *L, int arg) {
    if (lua_isfunction(L, arg))
        return;
    if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL)
        tacho_lua_bad_argument(L, arg, "function expected");
    lua_pop(L, 1);
}

/* What could never read a usage is told where it is written, not passed over with every call. */
static void check_usage(lua_State *L) {
    int type = tacho_lua_option(L, 4, "usage");
    if (type != LUA_TNIL && type != LUA_TFUNCTION && luaL_getmetafield(L, -1, "__call") == LUA_TNIL)
        luaL_error(L, "option 'usage': function expected, got %s", luaL_typename(L, -1));
    lua_settop(L, 4);
}

/* Keeps a copy of the options, so that a later change of the caller's table changes nothing. */
static void push_copy(lua_State *L, int options) {
    lua_newtable(L);
    if (!lua_istable(L, options))
        return;
    for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
}

/* Pushes a tracked object for (collector, name, function, options). It is bound at its first call, so that configure()
 * may come after the decoration. */
static void new_tracked(lua_State *L) {
    tacho_lua_tracked *tracked = lua_newuserdatauv(L, sizeof *tracked, 5);
    memset(tracked, 0, sizeof *tracked);
    tracked->module = tacho_lua_module_of(L);
    tracked->generation = tracked->module->generation - 1;
    tracked->nest = tacho_lua_option_flag(L, 4, "nest", 1);
    luaL_setmetatable(L, TACHO_LUA_TRACKED);
    if (!lua_toboolean(L, lua_upvalueindex(2))) { /* a method: this collector for good */
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, 1);
    }
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 2);
    push_copy(L, 4);
    lua_setiuservalue(L, -2, 3);
    tracked->has_usage = tacho_lua_option(L, 4, "usage") != LUA_TNIL;
    lua_setiuservalue(L, -2, 4);
}

int tacho_lua_track(lua_State *L) {
    static const char *const keys[] = {"kind", "type",     "as_type", "provider", "model",
                                       "tags", "metadata", "nest",    "usage",    NULL};
    tacho_lua_labels labels;
    tacho_lua_collector *collector = tacho_lua_enter(L);
    lua_settop(L, 4);
    tacho_lua_check_name(L, 2);
    check_callable(L, 3);
    tacho_lua_check_options(L, 4, keys);
    check_usage(L);
    tacho_lua_check_labels(L, 4, TACHO_KIND_CUSTOM, &labels);
    uint32_t notes;
    tacho_lua_push_notes(L, collector->handle, &labels, 4, &notes); /* what is no metadata is told here */
    lua_settop(L, 4);
    if (!tacho_collector_enabled(collector->handle)) {
        lua_settop(L, 3);
        return 1;
    }
    tacho_lua_extend_coroutines(L, tacho_lua_module_of(L));
    lua_pushvalue(L, lua_upvalueindex(1));
    new_tracked(L);
    lua_pushvalue(L, 3);
    lua_pushcclosure(L, call, 3);
    return 1;
}

void tacho_lua_tracked_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", tracked_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_TRACKED, meta, NULL);
}
