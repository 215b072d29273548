/*
 * A Lua table as a response: the host's side of tacho_response_read. A value is its index on the Lua stack; the core
 * gives values back in reverse order, so releasing one is cutting the stack. Only a member that __index must look up,
 * or a name that must be made a string, can raise: both happen inside lua_pcall, because no jump may leave the core.
 */
#include "module.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int index_of(void *value) {
    return (int)(intptr_t)value;
}

static tacho_value_kind kind(void *context, void *value) {
    lua_State *L = context;
    switch (lua_type(L, index_of(value))) {
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA: /* null of the JSON libraries */
        return TACHO_VALUE_NULL;
    case LUA_TBOOLEAN:
        return TACHO_VALUE_BOOLEAN;
    case LUA_TNUMBER:
        return TACHO_VALUE_NUMBER;
    case LUA_TSTRING:
        return TACHO_VALUE_TEXT;
    case LUA_TTABLE:
        return lua_rawlen(L, index_of(value)) > 0 ? TACHO_VALUE_ARRAY : TACHO_VALUE_MAP;
    default:
        return TACHO_VALUE_OTHER;
    }
}

/* (table, name as light userdata) -> member */
static int get_member(lua_State *L) {
    lua_getfield(L, 1, lua_touserdata(L, 2));
    return 1;
}

static int give(lua_State *L, void **out) {
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return 0;
    }
    *out = (void *)(intptr_t)lua_gettop(L);
    return 1;
}

static int get_key(void *context, void *value, const char *name, void **out) {
    lua_State *L = context;
    if (!lua_checkstack(L, 6))
        return 0;
    lua_pushcfunction(L, get_member);
    lua_pushvalue(L, index_of(value));
    lua_pushlightuserdata(L, (void *)(uintptr_t)name);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        return 0;
    }
    return give(L, out);
}

static size_t length(void *context, void *value) {
    return lua_rawlen(context, index_of(value));
}

static int get_index(void *context, void *value, size_t index, void **out) {
    lua_State *L = context;
    if (!lua_checkstack(L, 6))
        return 0;
    lua_rawgeti(L, index_of(value), (lua_Integer)index + 1);
    return give(L, out);
}

/* The shortest decimal text that reads back as the same number; the decimal point is one whatever the locale says. */
static size_t number_text(lua_Number number, char out[40]) {
    if (!isfinite(number))
        return 0;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
    for (char *c = out; *c; c++)
        if (!strchr("0123456789+-eE", *c))
            *c = '.';
    return strlen(out);
}

static size_t text(void *context, void *value, char *out, size_t size) {
    lua_State *L = context;
    int index = index_of(value);
    char digits[40];
    size_t bytes = 0;
    if (lua_type(L, index) == LUA_TSTRING) {
        const char *from = lua_tolstring(L, index, &bytes);
        bytes = bytes < size ? bytes : size;
        memcpy(out, from, bytes);
        return bytes;
    }
    if (lua_isinteger(L, index))
        bytes = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)lua_tointeger(L, index));
    else
        bytes = number_text(lua_tonumber(L, index), digits);
    if (bytes > size)
        return 0;
    memcpy(out, digits, bytes);
    return bytes;
}

static int truth(void *context, void *value) {
    return lua_toboolean(context, index_of(value));
}

static void release(void *context, void *value) {
    lua_settop(context, index_of(value) - 1);
}

tacho_status tacho_lua_read_table(lua_State *L, int index, const tacho_dialect *dialect, const char *provider,
                                  tacho_response *response) {
    int top = lua_gettop(L);
    const tacho_value_source source = {
        .struct_size = sizeof source,
        .context = L,
        .root = (void *)(intptr_t)index,
        .kind = kind,
        .get_key = get_key,
        .length = length,
        .get_index = get_index,
        .text = text,
        .truth = truth,
        .release = release,
    };
    tacho_status status = tacho_response_read(response, dialect, provider, &source);
    lua_settop(L, top);
    return status;
}
