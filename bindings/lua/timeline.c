/** timeline(): a number over time; flush(): waits for the keeper. */
#include "module.h"

#include <math.h>

static void free_timeline(void *timeline) {
    tacho_timeline_free(timeline);
}

static void push_point(lua_State *L, const tacho_timeline *timeline, const tacho_point *point) {
    lua_createtable(L, 0, 5);
    tacho_lua_push_instant(L, point->start_ns);
    lua_setfield(L, -2, "start");
    tacho_lua_push_instant(L, point->end_ns);
    lua_setfield(L, -2, "end");
    if (timeline->is_money)
        tacho_lua_push_money(L, point->value_pusd);
    else if (isnan(point->value))
        lua_pushnil(L);
    else
        lua_pushnumber(L, point->value);
    lua_setfield(L, -2, "value");
    lua_pushinteger(L, point->n);
    lua_setfield(L, -2, "n");
    lua_pushboolean(L, point->complete);
    lua_setfield(L, -2, "complete");
}

int tacho_lua_timeline(lua_State *L) {
    tacho_lua_collector *collector = tacho_lua_enter(L);
    const char *what = tacho_lua_check_text(L, 2), *period = tacho_lua_check_text(L, 3);
    const char *step = tacho_lua_optional_text(L, 4);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_timeline;
    tacho_status status = tacho_timeline_take(collector->handle, what, period, step, (tacho_timeline **)&box->object);
    const tacho_timeline *timeline = box->object;
    if (status != TACHO_OK) {
        int results = tacho_lua_fail(L, status);
        if (status == TACHO_INVALID && timeline) { /* nil, message, code: with the sentence that says where */
            lua_pushstring(L, timeline->problem);
            lua_replace(L, -3);
        }
        return results;
    }
    lua_createtable(L, (int)timeline->count, 0);
    for (size_t i = 0; i < timeline->count; i++) {
        push_point(L, timeline, &timeline->points[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

int tacho_lua_flush(lua_State *L) {
    tacho_lua_collector *collector = tacho_lua_enter(L);
    lua_Number seconds = luaL_optnumber(L, 2, 2);
    uint64_t wait = seconds > 0 ? seconds < 1e6 ? (uint64_t)(seconds * 1e9) : UINT64_C(1000000000000000) : 0;
    return tacho_lua_done(L, tacho_collector_flush(collector->handle, wait));
}
