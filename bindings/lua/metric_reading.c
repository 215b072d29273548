/* Reading caches and custom metrics. */
#include "module.h"

static void free_caches(void *object) {
    tacho_cache_rows_free(object);
}
static void free_metrics(void *object) {
    tacho_metric_rows_free(object);
}
static tacho_status write_caches(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_caches(object, TACHO_FORMAT_TABLE, style, sink, context);
}
static tacho_status write_metrics(const void *object, const tacho_style *style, tacho_sink sink, void *context) {
    return tacho_write_metrics(object, TACHO_FORMAT_TABLE, style, sink, context);
}

static int caches_text(lua_State *L) {
    return tacho_lua_text_of(L, write_caches);
}
static int metrics_text(lua_State *L) {
    return tacho_lua_text_of(L, write_metrics);
}

void tacho_lua_push_caches(lua_State *L, const tacho_cache_rows *rows) {
    lua_createtable(L, (int)rows->count, 1);
    for (size_t i = 0; i < rows->count; i++) {
        tacho_lua_push_cache(L, &rows->rows[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    tacho_lua_push_cache(L, &rows->totals);
    lua_setfield(L, -2, "totals");
}

void tacho_lua_push_metrics(lua_State *L, const tacho_metric_rows *rows) {
    lua_createtable(L, (int)rows->count, 0);
    for (size_t i = 0; i < rows->count; i++) {
        tacho_lua_push_metric(L, &rows->rows[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* caches() */
int tacho_lua_caches(lua_State *L) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 0);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_caches;
    tacho_cache_rows **rows = (tacho_cache_rows **)&box->object;
    tacho_status status = on.status == TACHO_OK ? tacho_snapshot_caches(on.snapshot, rows) : on.status;
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    tacho_lua_push_caches(L, *rows);
    tacho_lua_set_text(L, -2, caches_text);
    return 1;
}

/* metrics([name]) */
int tacho_lua_metrics(lua_State *L) {
    tacho_lua_reading on = tacho_lua_reading_enter(L, 1);
    const char *name = luaL_optstring(L, 2, NULL);
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->free = free_metrics;
    tacho_metric_rows **rows = (tacho_metric_rows **)&box->object;
    tacho_status status = on.status == TACHO_OK ? tacho_snapshot_metrics(on.snapshot, name, rows) : on.status;
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    tacho_lua_push_metrics(L, *rows);
    tacho_lua_set_text(L, -2, metrics_text);
    return 1;
}
