/**
 * tachograph.io: what needs SQLite. Loaded by tachograph.core when the settings ask for it, and then settings do what
 * they say; it has no functions of its own.
 */
#include <lua.h>

#include <tachograph/history.h>

int luaopen_tachograph_io(lua_State *L);

int luaopen_tachograph_io(lua_State *L) {
    tacho_history_follow_settings();
    lua_pushboolean(L, 1);
    return 1;
}
