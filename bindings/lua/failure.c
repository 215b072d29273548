/*
 * Why it failed: what of a Lua error object goes to the core's one table (semantics 30). Message text is never read, so
 * a plain string tells nothing but that it failed. A table may say `code`, `status`, `errno` and `class` (or `name`);
 * else the class is the __name of its metatable, as it is for userdata.
 */
#include "module.h"

/* Text of a member, borrowed from the table; NULL where there is none. Raw access: an error object runs no code here.
 */
static const char *text_member(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    const char *text = lua_rawget(L, index) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static int32_t number_member(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, index);
    lua_Integer number = lua_tointegerx(L, -1, NULL);
    lua_pop(L, 1);
    return number > 0 && number < INT32_MAX ? (int32_t)number : 0;
}

static const char *class_of(lua_State *L, int index) {
    const char *name = NULL;
    if (lua_istable(L, index)) {
        name = text_member(L, index, "class");
        if (!name)
            name = text_member(L, index, "name");
    }
    if (!name && lua_getmetatable(L, index)) {
        name = text_member(L, lua_gettop(L), "__name");
        lua_pop(L, 1);
    }
    return name;
}

void tacho_lua_failure_of(lua_State *L, int index, tacho_lua_failure *out) {
    tacho_failure failure = TACHO_FAILURE_INIT;
    index = lua_absindex(L, index);
    luaL_checkstack(L, 3, NULL);
    int is_object = lua_istable(L, index) || lua_isuserdata(L, index);
    const char *class_name = is_object ? class_of(L, index) : NULL;
    if (lua_istable(L, index)) {
        failure.code = text_member(L, index, "code");
        failure.http_status = number_member(L, index, "status");
        failure.error_number = number_member(L, index, "errno");
    }
    failure.class_names = &class_name;
    failure.class_count = class_name ? 1 : 0;
    tacho_classify(&failure, &out->category, &out->outcome);
    out->type = class_name ? class_name : failure.code;
}

void tacho_lua_failure_given(lua_State *L, int index, tacho_lua_failure *out) {
    if (lua_type(L, index) != LUA_TSTRING) {
        tacho_lua_failure_of(L, index, out);
        return;
    }
    const char *text = lua_tostring(L, index);
    out->type = NULL;
    if (tacho_category_parse(text, &out->category) == TACHO_OK) {
        out->outcome = out->category == TACHO_CATEGORY_TIMEOUT ? TACHO_OUTCOME_TIMEOUT : TACHO_OUTCOME_ERROR;
        return;
    }
    tacho_failure failure = TACHO_FAILURE_INIT;
    failure.class_names = &text;
    failure.class_count = 1;
    tacho_classify(&failure, &out->category, &out->outcome);
    out->type = text;
}

void tacho_lua_outcome(lua_State *L, int success, int error, tacho_lua_failure *out) {
    *out = (tacho_lua_failure){TACHO_CATEGORY_NONE, TACHO_OUTCOME_OK, NULL};
    if (!lua_isnoneornil(L, error))
        tacho_lua_failure_given(L, error, out);
    else if (!success)
        out->outcome = TACHO_OUTCOME_ERROR;
}
