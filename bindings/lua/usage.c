/*
 * Usage given by the caller: a table of our own classes, a provider's response as a table, or its JSON text.
 */
#include "module.h"

#include <math.h>
#include <string.h>

/* Words beside the units that a table of classes may have. */
static const char **word_of(tacho_usage *usage, const char *key) {
    const struct {
        const char *key;
        const char **to;
    } words[] = {
        {"model", &usage->model},
        {"provider", &usage->provider},
        {"region", &usage->region},
        {"requested_tier", &usage->requested_tier},
        {"response_id", &usage->response_id},
        {"service_tier", &usage->service_tier},
        {"speed", &usage->speed},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].key, key) == 0)
            return words[i].to;
    return NULL;
}

/* Every key is a unit or one of our words, and no value is nested: not a provider's response. */
static int is_classes(lua_State *L, int index) {
    tacho_usage usage = TACHO_USAGE_INIT;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        int known = tacho_unit_find(key) >= 0 || word_of(&usage, key) || strcmp(key, "inclusive") == 0;
        if (!known || lua_istable(L, -1)) {
            lua_pop(L, 2);
            return 0;
        }
    }
    return 1;
}

/* A flat table of numbers with a name that means nothing to us, such as {input = 1, outptu = 2}: classes, one misspelt.
 */
static int is_partly_misspelt(lua_State *L, int index, const tacho_response *read) {
    tacho_usage usage = TACHO_USAGE_INIT;
    int strange = 0;
    if (tacho_response_dialect(read) || tacho_response_parts(read) != 1)
        return 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        if (key && (tacho_unit_find(key) >= 0 || word_of(&usage, key) || strcmp(key, "inclusive") == 0))
            continue;
        if (!key || lua_type(L, -1) != LUA_TNUMBER) {
            lua_pop(L, 2);
            return 0;
        }
        strange |= strncmp(key, "total_", 6) != 0; /* sums that our own results carry beside the classes */
    }
    return strange;
}

/* A count of a unit in the core's integer; what is no count is a fault of the usage, not of the program. */
static void read_count(lua_State *L, const char *key, tacho_usage *usage) {
    tacho_unit unit = (tacho_unit)tacho_unit_find(key);
    const tacho_unit_info *info = tacho_unit_describe(unit);
    int scaled = info->scale != 1 && strcmp(key, info->key) == 0;
    if (lua_isinteger(L, -1) && !scaled) {
        tacho_usage_set(usage, unit, lua_tointeger(L, -1));
        return;
    }
    double count = lua_tonumber(L, -1) * (scaled ? info->scale : 1), whole = nearbyint(count);
    if (!isfinite(count)) {
        usage->faults |= TACHO_USAGE_FAULT_NOT_A_NUMBER;
        return;
    }
    if (fabs(whole - count) > (scaled ? 1e-6 : 0)) /* 1.001 s x 1000 is 1000.9999999999999: no fraction */
        usage->faults |= TACHO_USAGE_FAULT_FRACTIONAL;
    tacho_usage_set(usage, unit, fabs(whole) < 9e18 ? (int64_t)whole : whole < 0 ? INT64_MIN : INT64_MAX);
}

static void read_member(lua_State *L, const char *key, tacho_usage *out) {
    const char **word = word_of(out, key);
    int type = lua_type(L, -1);
    if (word ? type != LUA_TSTRING : strcmp(key, "inclusive") == 0 ? type != LUA_TBOOLEAN : type != LUA_TNUMBER)
        luaL_error(L, "usage '%s' cannot be a %s", key, luaL_typename(L, -1));
    if (word)
        *word = lua_tostring(L, -1); /* the table keeps the text */
    else if (type == LUA_TNUMBER)
        read_count(L, key, out);
    else if (lua_toboolean(L, -1))
        out->flags |= TACHO_USAGE_INCLUSIVE;
}

/* Classes that are not named are 0, not unknown (semantics 26). */
static void read_classes(lua_State *L, int index, tacho_usage *out) {
    *out = (tacho_usage)TACHO_USAGE_INIT;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        read_member(L, lua_tostring(L, -2), out);
    out->present = 0;
}

static const tacho_dialect *check_dialect(lua_State *L, const char *name, const char *provider) {
    const tacho_dialect *dialect = name ? tacho_dialect_find(name, provider) : NULL;
    if (name && !dialect)
        luaL_error(L, "unknown dialect '%s'", name);
    return dialect;
}

static void free_response(void *response) {
    tacho_response_free(response);
}

/* The module's reader, made at its first use. Code of the program that runs while a table is read (__index, a
 * finalizer) and reports usage itself gets one of its own, which stays on the stack until the collector takes it. */
static tacho_response *reader(lua_State *L) {
    tacho_lua_module *module = tacho_lua_module_of(L);
    if (module->reading) {
        tacho_lua_box *box = tacho_lua_new_box(L);
        box->free = free_response;
        tacho_response_create((tacho_response **)&box->object);
        return box->object;
    }
    if (!module->response && !module->finalized)
        tacho_response_create(&module->response);
    return module->response;
}

static tacho_status read_table(lua_State *L, int index, const tacho_dialect *dialect, const char *provider,
                               tacho_response *response) {
    tacho_lua_module *module = tacho_lua_module_of(L);
    int outer = module->reading;
    module->reading = 1;
    tacho_status status = tacho_lua_read_table(L, index, dialect, provider, response);
    module->reading = outer;
    return status;
}

tacho_status tacho_lua_read_usage(lua_State *L, int index, const char *dialect_name, const char *provider,
                                  tacho_lua_usage *out) {
    const tacho_dialect *dialect = check_dialect(L, dialect_name, provider);
    int type = lua_type(L, index);
    index = lua_absindex(L, index);
    out->response = NULL;
    if (type != LUA_TTABLE && type != LUA_TSTRING)
        luaL_error(L, "usage: table or JSON text expected, got %s", luaL_typename(L, index));
    if (type == LUA_TTABLE && !dialect && is_classes(L, index)) {
        read_classes(L, index, &out->classes);
        return TACHO_OK;
    }
    tacho_response *response = reader(L);
    if (!response)
        return TACHO_NOMEM;
    tacho_status status;
    if (type == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(L, index, &length);
        status = tacho_response_read_json(response, dialect, provider, text, length);
    } else
        status = read_table(L, index, dialect, provider, response);
    if (tacho_response_parts(response) > 0)
        out->response = response;
    if (status == TACHO_OK && type == LUA_TTABLE && is_partly_misspelt(L, index, response)) {
        out->classes = *tacho_response_usage(response, 0);
        out->classes.faults |= TACHO_USAGE_FAULT_UNKNOWN_CLASS; /* counted by the core */
        out->response = NULL;
        return TACHO_INVALID;
    }
    return status;
}

tacho_status tacho_lua_report(lua_State *L, int index, const char *dialect, const char *provider, tacho_operation *op) {
    tacho_lua_usage usage;
    tacho_status status = tacho_lua_read_usage(L, index, dialect, provider, &usage);
    if (usage.response)
        return tacho_operation_response(op, usage.response);
    if (status != TACHO_OK && status != TACHO_INVALID)
        return status;
    tacho_status told = tacho_operation_usage(op, &usage.classes);
    return status == TACHO_OK ? told : status;
}
