/*
 * Methods of an operation that report something about it: true, or nil, message and code for what cannot be recorded.
 * A call after the end is the core's to count; with the setting `strict` it says so.
 */
#include "module.h"

/*
 * Seconds to nanoseconds. What is no duration is counted at the collector, which the operation's series keeps alive;
 * an operation without a series, which has no id, may be left with a collector that is gone.
 */
static tacho_status duration(lua_State *L, int arg, const tacho_lua_operation *op, uint64_t *ns) {
    int records = tacho_operation_id(op->source->operation) != 0;
    return tacho_seconds_to_ns(records ? op->source->collector : NULL, luaL_checknumber(L, arg), ns);
}

static int add_component(lua_State *L) {
    uint64_t ns;
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    const char *name = luaL_checkstring(L, 2);
    tacho_status status = duration(L, 3, op, &ns);
    if (status == TACHO_OK)
        status = tacho_operation_component(op->source->operation, name, ns);
    return tacho_lua_done(L, status);
}

/* op:tool_call(tool, seconds, success = true, error = nil) */
static int tool_call(lua_State *L) {
    uint64_t ns;
    tacho_lua_failure failure = {TACHO_CATEGORY_NONE, TACHO_OUTCOME_OK, NULL};
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    const char *tool = luaL_checkstring(L, 2);
    lua_settop(L, 5);
    tacho_lua_outcome(L, lua_isnil(L, 4) || lua_toboolean(L, 4), 5, &failure);
    tacho_status status = duration(L, 3, op, &ns);
    if (status == TACHO_OK)
        status =
            tacho_operation_tool_call(op->source->operation, tool, ns, failure.outcome, failure.category, failure.type);
    return tacho_lua_done(L, status);
}

/* op:usage(classes or response [, dialect]) */
static int usage(lua_State *L) {
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    const char *dialect = luaL_optstring(L, 3, NULL);
    lua_settop(L, 2);
    return tacho_lua_done(L, tacho_lua_report(L, 2, dialect, op->source->provider, op->source->operation));
}

static int model(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_model(tacho_lua_check_operation(L, 1), luaL_checkstring(L, 2)));
}

static int provider(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_provider(tacho_lua_check_operation(L, 1), luaL_checkstring(L, 2)));
}

static int cost(lua_State *L) {
    tacho_operation *op = tacho_lua_check_operation(L, 1);
    return tacho_lua_done(L, tacho_operation_cost(op, tacho_lua_check_money(L, 2)));
}

static int first_token(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_first_token(tacho_lua_check_operation(L, 1)));
}

static int retry(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_retry(tacho_lua_check_operation(L, 1), luaL_optstring(L, 2, NULL)));
}

static int human(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_human(tacho_lua_check_operation(L, 1)));
}

static int warn(lua_State *L) {
    return tacho_lua_done(L, tacho_operation_warn(tacho_lua_check_operation(L, 1), luaL_optstring(L, 2, NULL)));
}

static uint64_t tokens(lua_State *L, int arg) {
    lua_Integer count = luaL_optinteger(L, arg, 0);
    luaL_argcheck(L, count >= 0, arg, "whole number, 0 or more, expected");
    return (uint64_t)count;
}

/* op:context(size [, limit [, compressed]]), or op:context(size, {limit = ..., compressed = ...}) */
static int context(lua_State *L) {
    static const char *const keys[] = {"limit", "compressed", NULL};
    tacho_operation *op = tacho_lua_check_operation(L, 1);
    lua_settop(L, 4);
    luaL_checkinteger(L, 2);
    int named = lua_istable(L, 3);
    if (named)
        tacho_lua_check_options(L, 3, keys);
    uint64_t limit = named ? tacho_lua_option_count(L, 3, "limit") : tokens(L, 3);
    int compressed = named ? tacho_lua_option_flag(L, 3, "compressed", 0) : lua_toboolean(L, 4);
    return tacho_lua_done(L, tacho_operation_context(op, tokens(L, 2), limit, compressed));
}

/* op:fail(category or class [, type]): the operation will end as a failure even when its block is left normally. */
static int fail(lua_State *L) {
    tacho_lua_failure failure;
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    luaL_checkstring(L, 2);
    const char *type = luaL_optstring(L, 3, NULL);
    tacho_lua_failure_given(L, 2, &failure);
    if (op->source->failed < 0)
        op->source->failed = (int)failure.outcome;
    return tacho_lua_done(L, tacho_operation_fail(op->source->operation, failure.category, type ? type : failure.type));
}

static int traceparent(lua_State *L) {
    char text[56];
    tacho_status status = tacho_operation_traceparent(tacho_lua_check_operation(L, 1), text);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    lua_pushstring(L, text);
    return 1;
}

const luaL_Reg tacho_lua_report_methods[] = {
    {"add_component", add_component},
    {"cache", tacho_lua_operation_cache},
    {"component", tacho_lua_component},
    {"context", context},
    {"cost", cost},
    {"event", tacho_lua_event},
    {"fail", fail},
    {"first_token", first_token},
    {"human", human},
    {"model", model},
    {"provider", provider},
    {"retry", retry},
    {"tool_call", tool_call},
    {"traceparent", traceparent},
    {"usage", usage},
    {"warn", warn},
    {NULL, NULL},
};
