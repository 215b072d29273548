/*
 * Instants: Lua has no type for them. In: epoch seconds or RFC 3339 text, exact to the nanosecond where text is given.
 * Out: RFC 3339 text in UTC, as JSON has it.
 */
#include "module.h"

#include <math.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

int64_t tacho_lua_check_instant(lua_State *L, int index) {
    int64_t unix_ns = 0;
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER) {
        lua_Number seconds = lua_tonumber(L, index), whole = floor(seconds);
        if (!(fabs(seconds) < 9.2e9))
            luaL_error(L, "instant: epoch seconds out of range");
        return (int64_t)whole * NS_PER_S + llrint((seconds - whole) * 1e9);
    }
    size_t length = 0;
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, index, &length) : NULL;
    if (!text || tacho_instant_parse(text, length, &unix_ns) != TACHO_OK)
        luaL_error(L, "instant: epoch seconds or a text like 2026-06-01T12:00:00Z expected, got %s",
                   type == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index));
    return unix_ns;
}

int64_t tacho_lua_check_bound(lua_State *L, int index) {
    struct timespec now;
    int64_t unix_ns = 0;
    size_t length = 0;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &length) : NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
    if (tacho_instant_ago(text, length, now_ns, &unix_ns) == TACHO_OK)
        return unix_ns;
    if (!text)
        return tacho_lua_check_instant(L, index);
    if (tacho_instant_parse(text, length, &unix_ns) != TACHO_OK)
        luaL_error(L,
                   "'%s' is no time: give epoch seconds, a text like 2026-06-01T12:00:00Z, or how long ago (30m, 24h, "
                   "7d, 2w)",
                   text);
    return unix_ns;
}

void tacho_lua_push_instant(lua_State *L, int64_t unix_ns) {
    char text[TACHO_INSTANT_TEXT];
    lua_pushlstring(L, text, tacho_instant_text(unix_ns, text));
}
