/* calculate_cost: from usage to money, without recording anything. */
#include "module.h"

#include <stdio.h>
#include <time.h>

static int64_t now_ns(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A part of a response under the names and the tier that the caller gave, where it has none of its own. */
static tacho_usage complete(const tacho_usage *part, const tacho_usage *given) {
    tacho_usage usage = *part;
    if (!usage.model)
        usage.model = given->model;
    if (!usage.provider)
        usage.provider = given->provider;
    if (!usage.requested_tier)
        usage.requested_tier = given->requested_tier;
    return usage;
}

static tacho_status price(const tacho_price_table *prices, const tacho_lua_usage *usage, const tacho_usage *given,
                          int64_t at, tacho_cost *out) {
    tacho_usage part = complete(usage->response ? tacho_response_usage(usage->response, 0) : &usage->classes, given);
    tacho_status status = tacho_calculate_cost(prices, &part, at, out);
    size_t parts = usage->response ? tacho_response_parts(usage->response) : 1;
    for (size_t i = 1; i < parts && status == TACHO_OK; i++) {
        tacho_cost more;
        part = complete(tacho_response_usage(usage->response, i), given);
        status = tacho_calculate_cost(prices, &part, at, &more);
        if (status == TACHO_OK)
            tacho_cost_add(out, &more);
    }
    return status;
}

static void set_money(lua_State *L, const char *name, int64_t pusd) {
    tacho_lua_push_money(L, pusd);
    lua_setfield(L, -2, name);
}

static void push_components(lua_State *L, const tacho_cost *cost) {
    lua_newtable(L);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++)
        if ((cost->priced & TACHO_UNIT_BIT(unit)) && cost->component_pusd[unit] != 0)
            set_money(L, tacho_unit_describe((tacho_unit)unit)->field, cost->component_pusd[unit]);
}

static void push_cost(lua_State *L, const tacho_cost *cost) {
    char sheet[9];
    lua_newtable(L);
    set_money(L, "usd", cost->total_pusd);
    set_money(L, "input_usd", cost->input_pusd);
    set_money(L, "output_usd", cost->output_pusd);
    set_money(L, "reported_usd", cost->reported_pusd);
    set_money(L, "table_usd", cost->table_pusd);
    lua_pushstring(L, tacho_cost_state_name(cost->state));
    lua_setfield(L, -2, "state");
    lua_pushliteral(L, "USD");
    lua_setfield(L, -2, "currency");
    push_components(L, cost);
    lua_setfield(L, -2, "components");
    lua_pushstring(L, tacho_price_service_name(cost->service));
    lua_setfield(L, -2, "service_tier");
    snprintf(sheet, sizeof sheet, "%08x", (unsigned)cost->sheet);
    lua_pushstring(L, cost->sheet ? sheet : NULL);
    lua_setfield(L, -2, "sheet");
    lua_pushstring(L, cost->table_version && cost->table_version[0] ? cost->table_version : NULL);
    lua_setfield(L, -2, "table_version");
    tacho_lua_push_instant(L, cost->priced_at_ns);
    lua_setfield(L, -2, "priced_at");
}

/* calculate_cost(model, usage, {provider, at, service_tier, dialect}) -> cost */
int tacho_lua_calculate_cost(lua_State *L) {
    static const char *const keys[] = {"provider", "at", "service_tier", "dialect", NULL};
    tacho_usage given = TACHO_USAGE_INIT;
    tacho_lua_usage usage;
    tacho_cost cost;
    tacho_lua_collector *collector = tacho_lua_enter(L);
    lua_settop(L, 4);
    given.model = tacho_lua_check_text(L, 2);
    tacho_lua_check_options(L, 4, keys);
    given.provider = tacho_lua_option_text(L, 4, "provider");
    given.requested_tier = tacho_lua_option_text(L, 4, "service_tier");
    const char *dialect = tacho_lua_option_text(L, 4, "dialect");
    int64_t at = tacho_lua_option(L, 4, "at") == LUA_TNIL ? now_ns() : tacho_lua_check_instant(L, -1);
    tacho_status status = tacho_lua_read_usage(L, 3, dialect, given.provider, &usage);
    if (status != TACHO_OK && !usage.response)
        return tacho_lua_fail(L, status);
    const tacho_price_table *prices = collector->handle ? tacho_collector_prices(collector->handle) : NULL;
    status = price(prices, &usage, &given, at, &cost);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    push_cost(L, &cost);
    return 1;
}
