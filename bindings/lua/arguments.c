/* Arguments: positional ones and options tables. Everything here may raise, so it runs before anything is acquired. */
#include "module.h"

#include <string.h>

/* luaL_argerror takes 1 off for method calls; for a function of the module the inserted collector has to be taken off.
 */
int tacho_lua_bad_argument(lua_State *L, int arg, const char *message) {
    return luaL_argerror(L, lua_toboolean(L, lua_upvalueindex(2)) ? arg - 1 : arg, message);
}

static int bad_type(lua_State *L, int arg, const char *expected) {
    const char *message = lua_pushfstring(L, "%s expected, got %s", expected, luaL_typename(L, arg));
    return tacho_lua_bad_argument(L, arg, message);
}

const char *tacho_lua_check_text(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TSTRING)
        bad_type(L, arg, "string");
    return lua_tostring(L, arg);
}

const char *tacho_lua_check_name(lua_State *L, int arg) {
    const char *name = tacho_lua_check_text(L, arg);
    if (name[0] == '\0')
        tacho_lua_bad_argument(L, arg, "a name must not be empty");
    return name;
}

const char *tacho_lua_optional_text(lua_State *L, int arg) {
    return lua_isnoneornil(L, arg) ? NULL : tacho_lua_check_text(L, arg);
}

double tacho_lua_check_seconds(lua_State *L, int arg) {
    if (lua_type(L, arg) != LUA_TNUMBER)
        bad_type(L, arg, "number of seconds");
    return lua_tonumber(L, arg);
}

static int is_listed(const char *word, const char *const *words) {
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

void tacho_lua_check_options(lua_State *L, int arg, const char *const *keys) {
    if (lua_isnoneornil(L, arg))
        return;
    if (!lua_istable(L, arg))
        bad_type(L, arg, "table of options");
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            tacho_lua_bad_argument(L, arg, "options have names");
        if (!is_listed(lua_tostring(L, -2), keys))
            tacho_lua_bad_argument(L, arg, lua_pushfstring(L, "unknown option '%s'", lua_tostring(L, -2)));
    }
}

int tacho_lua_option(lua_State *L, int options, const char *key) {
    if (!lua_istable(L, options)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_pushstring(L, key);
    return lua_rawget(L, options);
}

int tacho_lua_bad_option(lua_State *L, const char *key, const char *expected) {
    return luaL_error(L, "option '%s': %s expected, got %s", key, expected, luaL_typename(L, -1));
}

/* The text lives on in the table although its value is popped. */
const char *tacho_lua_option_text(lua_State *L, int options, const char *key) {
    int type = tacho_lua_option(L, options, key);
    if (type != LUA_TNIL && type != LUA_TSTRING)
        tacho_lua_bad_option(L, key, "string");
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

int tacho_lua_option_flag(lua_State *L, int options, const char *key, int fallback) {
    int type = tacho_lua_option(L, options, key);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        tacho_lua_bad_option(L, key, "boolean");
    int flag = type == LUA_TNIL ? fallback : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

uint64_t tacho_lua_option_count(lua_State *L, int options, const char *key) {
    int exact = 1;
    int type = tacho_lua_option(L, options, key);
    lua_Integer count = type == LUA_TNIL ? 0 : lua_tointegerx(L, -1, &exact);
    if (type != LUA_TNIL && (type != LUA_TNUMBER || !exact || count < 0))
        tacho_lua_bad_option(L, key, "whole number, 0 or more");
    lua_pop(L, 1);
    return (uint64_t)count;
}

/* The kind, under any of the names that the Python package takes too. */
static tacho_kind option_kind(lua_State *L, int options, tacho_kind kind) {
    static const char *const keys[] = {"kind", "type", "as_type"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = tacho_lua_option_text(L, options, keys[i]);
        if (text && tacho_kind_parse(text, &kind) != TACHO_OK)
            luaL_error(L, "option '%s': unknown kind '%s'", keys[i], text);
    }
    return kind;
}

static void option_tags(lua_State *L, int options, tacho_lua_labels *out) {
    int type = tacho_lua_option(L, options, "tags");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        tacho_lua_bad_option(L, "tags", "table of name = value");
    uint32_t count = 0;
    if (type == LUA_TTABLE)
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
                luaL_error(L, "option 'tags': names and values are strings");
            if (count < TACHO_LUA_TAGS)
                out->tags[count++] = (tacho_tag){lua_tostring(L, -2), lua_tostring(L, -1)};
        }
    out->labels.tags = out->tags;
    out->labels.tag_count = count;
    lua_pop(L, 1);
}

void tacho_lua_check_labels(lua_State *L, int options, tacho_kind kind, tacho_lua_labels *out) {
    out->labels = (tacho_labels)TACHO_LABELS_INIT;
    out->kind = option_kind(L, options, kind);
    out->labels.provider = tacho_lua_option_text(L, options, "provider");
    out->labels.model = tacho_lua_option_text(L, options, "model");
    option_tags(L, options, out);
}

int64_t tacho_lua_check_money(lua_State *L, int index) {
    int64_t pusd = 0;
    size_t length = 0;
    if (!lua_isnumber(L, index) && lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "amount in USD: decimal text or number expected, got %s", luaL_typename(L, index));
    lua_pushvalue(L, index); /* lua_tolstring turns a number into text where it stands */
    const char *text = lua_tolstring(L, -1, &length);
    if (tacho_money_parse(text, length, &pusd) != TACHO_OK)
        luaL_error(L, "amount in USD: '%s' is no decimal number that fits", text);
    lua_pop(L, 1);
    return pusd;
}
