/* Metadata and events: tables of the program as notes of the core. */
#include "module.h"

/* Pushes the value at the top as a note reads it: other values than text, number and truth as tostring() tells them. */
static void read_value(lua_State *L, tacho_note *note) {
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        note->type = TACHO_NOTE_BOOLEAN;
        note->integer = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        note->type = lua_isinteger(L, -1) ? TACHO_NOTE_INTEGER : TACHO_NOTE_NUMBER;
        note->integer = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        note->number = lua_tonumber(L, -1);
        break;
    case LUA_TSTRING:
        note->type = TACHO_NOTE_TEXT;
        note->text = lua_tostring(L, -1);
        break;
    default:
        luaL_error(L, "metadata and fields are text, numbers and truth, not %s", luaL_typename(L, -1));
    }
}

/* The notes stay on the stack, above the table, as long as the caller needs them. */
const tacho_note *tacho_lua_read_notes(lua_State *L, int table, uint32_t *count) {
    size_t room = 0;
    table = lua_absindex(L, table);
    luaL_checktype(L, table, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), room++)
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "names of metadata and fields are strings, got %s", luaL_typename(L, -2));
    tacho_note *notes = lua_newuserdatauv(L, (room + 1) * sizeof *notes, 0);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        tacho_note *note = &notes[*count];
        *note = (tacho_note){.name = lua_tostring(L, -2)};
        read_value(L, note);
        *count += *note->name != 0;
    }
    return notes;
}

/* op:event(name [, fields]) */
int tacho_lua_event(lua_State *L) {
    tacho_operation *op = tacho_lua_check_operation(L, 1);
    const char *name = luaL_checkstring(L, 2);
    uint32_t count = 0;
    const tacho_note *fields = lua_isnoneornil(L, 3) ? NULL : tacho_lua_read_notes(L, 3, &count);
    return tacho_lua_done(L, tacho_operation_event(op, name, fields, count));
}
