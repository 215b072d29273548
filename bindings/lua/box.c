/* A box: holds one object of the core until Lua collects it, so that an error in between frees it too. */
#include "module.h"

tacho_lua_box *tacho_lua_new_box(lua_State *L) {
    tacho_lua_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->object = NULL;
    box->free = NULL;
    luaL_setmetatable(L, TACHO_LUA_BOX);
    return box;
}

static int box_gc(lua_State *L) {
    tacho_lua_box *box = lua_touserdata(L, 1);
    if (box->free)
        box->free(box->object);
    box->object = NULL;
    box->free = NULL;
    return 0;
}

void tacho_lua_box_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", box_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_BOX, meta, NULL);
}
