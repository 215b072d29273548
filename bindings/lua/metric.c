/*
 * Counters, gauges, histograms and caches. What a program gets is a table of closures, so that hot code keeps one:
 * local hit = tacho.cache("prompt").hit. Each closure has the module, the handle and that table as its upvalues; called
 * as a method it leaves the table out, and no other table: that one was given as an amount.
 */
#include "module.h"

#include <math.h>
#include <string.h>

#define LABELS 8
#define CACHE  TACHO_METRIC_TYPE_COUNT /* type of a handle that is a cache */

/* Upvalues of a closure. */
enum { MODULE = 1, HANDLE, FACE };

/** User values: 1 = its collector, 2 = name, 3 = options (nil: a cache), 4 = values of the labels (nil: none given). */
typedef struct handle {
    tacho_lua_module *module;
    tacho_metric *metric; /* NULL = nothing is recorded */
    tacho_cache *cache;
    uint64_t generation; /* of the module, when it was bound to the default collector */
    int type;            /* tacho_metric_type, or CACHE */
    int follows;         /* records to whatever the default collector is */
} handle;

/* --------------------------------------------------------------------------------------------------------- binding */

/* Texts of the array at `index`; they live as long as the array. */
static uint32_t texts_of(lua_State *L, int index, const char *out[LABELS]) {
    uint32_t count = 0;
    while (lua_istable(L, index) && count < LABELS) {
        int type = lua_rawgeti(L, index, (lua_Integer)count + 1);
        if (type == LUA_TSTRING)
            out[count++] = lua_tostring(L, -1);
        lua_pop(L, 1);
        if (type != LUA_TSTRING)
            break;
    }
    return count;
}

static const char *option(lua_State *L, int options, const char *key) {
    const char *text = NULL;
    if (lua_istable(L, options) && lua_getfield(L, options, key) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    return text; /* what was pushed is popped with the frame */
}

static tacho_status declare(tacho_collector *collector, int type, const tacho_metric_spec *spec, tacho_metric **out) {
    return type == TACHO_METRIC_COUNTER ? tacho_counter(collector, spec, out)
           : type == TACHO_METRIC_GAUGE ? tacho_gauge(collector, spec, out)
                                        : tacho_histogram(collector, spec, out);
}

/*
 * The declaration whose name and options stand at `at`; leaves what its texts live in on the stack. TACHO_INVALID: the
 * merge rule is none.
 */
static tacho_status read_spec(lua_State *L, int at, const char *labels[LABELS], tacho_metric_spec *out) {
    tacho_merge merge = TACHO_MERGE_NEWEST;
    *out = (tacho_metric_spec)TACHO_METRIC_SPEC_INIT;
    out->name = lua_tostring(L, at);
    out->description = option(L, at + 1, "description");
    out->unit = option(L, at + 1, "unit");
    const char *rule = option(L, at + 1, "merge");
    if (rule && tacho_merge_parse(rule, &merge) != TACHO_OK)
        return TACHO_INVALID;
    out->merge = (uint32_t)merge;
    out->labels = labels;
    if (lua_istable(L, at + 1)) {
        lua_getfield(L, at + 1, "labels");
        out->label_count = texts_of(L, lua_gettop(L), labels);
    }
    return TACHO_OK;
}

/* name, options and values stand at `at` and above. A NULL collector only checks what is declared. */
static tacho_status bind_metric(lua_State *L, int at, tacho_collector *collector, int type, tacho_metric **out) {
    const char *labels[LABELS], *values[LABELS];
    tacho_metric_spec spec;
    tacho_metric *plain = NULL;
    *out = NULL;
    tacho_status status = read_spec(L, at, labels, &spec);
    status = status == TACHO_OK ? declare(collector, type, &spec, &plain) : status;
    if (status != TACHO_OK || !lua_istable(L, at + 2)) {
        *out = plain;
        return status;
    }
    status = tacho_metric_labels(plain, values, texts_of(L, at + 2, values), out);
    tacho_metric_release(plain);
    return status;
}

static void let_go(handle *self) {
    tacho_metric_release(self->metric);
    tacho_cache_release(self->cache);
    self->metric = NULL;
    self->cache = NULL;
}

/* Binds the handle at `index` to a collector, which its user value keeps. */
static tacho_status bind_handle(lua_State *L, int index, handle *self, const tacho_lua_collector *collector,
                                int keeper) {
    int top = lua_gettop(L);
    luaL_checkstack(L, 12, NULL);
    index = lua_absindex(L, index);
    lua_pushvalue(L, keeper);
    lua_setiuservalue(L, index, 1);
    for (int i = 2; i <= 4; i++)
        lua_getiuservalue(L, index, i);
    tacho_status status = TACHO_OK;
    let_go(self);
    if (collector->handle && self->type == CACHE)
        status = tacho_cache_bind(collector->handle, lua_tostring(L, top + 1), &self->cache);
    else if (collector->handle)
        status = bind_metric(L, top + 1, collector->handle, self->type, &self->metric);
    lua_settop(L, top);
    return status;
}

/* The default collector was replaced, or this is the first use. */
static void bind_again(lua_State *L, handle *self) {
    tacho_lua_collector *collector = tacho_lua_standard(L);
    self->generation = self->module->generation;
    collector->used = 1;
    lua_pushvalue(L, lua_upvalueindex(HANDLE));
    if (bind_handle(L, -1, self, collector, lua_gettop(L) - 1) != TACHO_OK) {
        self->generation = UINT64_MAX; /* this value is lost, and counted; the next one tries again */
        tacho_metric_lost(collector->handle);
    }
    lua_pop(L, 2);
}

/* The handle of the running closure, ready to record; `L` has the arguments without the table of a method call. */
static inline handle *ready(lua_State *L) {
    handle *self = lua_touserdata(L, lua_upvalueindex(HANDLE));
    if (lua_rawequal(L, 1, lua_upvalueindex(FACE)))
        lua_remove(L, 1);
    if (self->follows && self->generation != self->module->generation)
        bind_again(L, self);
    return self;
}

/* -------------------------------------------------------------------------------------------------------- recording */

/* The number of a call; NaN, which the core refuses and counts, where it is none: recording never raises for it. */
static double amount_at(lua_State *L, int index) {
    int known;
    double amount = lua_tonumberx(L, index, &known);
    return known ? amount : (double)NAN;
}

/* How many: 1 where that was left out; -1, which is refused and counted, for what is no count. nil was not left out. */
static lua_Integer times_at(lua_State *L, int index) {
    int whole = 1;
    lua_Integer n = lua_isnone(L, index) ? 1 : lua_tointegerx(L, index, &whole);
    return whole && n >= 0 ? n : -1;
}

/* A value that must be there; luaL_checkany would speak of a bad self, since that was left out. */
static void check_given(lua_State *L) {
    if (lua_isnone(L, 1))
        luaL_error(L, "a value expected, got none");
}

static int counter_add(lua_State *L) {
    handle *self = ready(L);
    if (lua_isnone(L, 1))
        return tacho_lua_done(L, tacho_counter_count(self->metric, 1));
    return tacho_lua_done(L, tacho_counter_add(self->metric, amount_at(L, 1)));
}

static int gauge_set(lua_State *L) {
    handle *self = ready(L);
    check_given(L);
    return tacho_lua_done(L, tacho_gauge_set(self->metric, amount_at(L, 1)));
}

static int gauge_add(lua_State *L) {
    handle *self = ready(L);
    return tacho_lua_done(L, tacho_gauge_add(self->metric, lua_isnone(L, 1) ? 1 : amount_at(L, 1)));
}

static int gauge_dec(lua_State *L) {
    handle *self = ready(L);
    return tacho_lua_done(L, tacho_gauge_add(self->metric, lua_isnone(L, 1) ? -1 : -amount_at(L, 1)));
}

static int histogram_observe(lua_State *L) {
    handle *self = ready(L);
    check_given(L);
    return tacho_lua_done(L, tacho_histogram_observe(self->metric, amount_at(L, 1)));
}

static int count_event(lua_State *L, tacho_cache_event event) {
    handle *self = ready(L);
    lua_Integer n = times_at(L, 1);
    return tacho_lua_done(L, tacho_cache_count(self->cache, n < 0 ? TACHO_CACHE_EVENT_COUNT : event, (uint64_t)n));
}

static int cache_hit(lua_State *L) {
    return count_event(L, TACHO_CACHE_HIT);
}
static int cache_miss(lua_State *L) {
    return count_event(L, TACHO_CACHE_MISS);
}
static int cache_eviction(lua_State *L) {
    return count_event(L, TACHO_CACHE_EVICTION);
}
static int cache_size_rejection(lua_State *L) {
    return count_event(L, TACHO_CACHE_SIZE_REJECTION);
}

/* size(n [, capacity]), capacity also as {capacity = n}; nil = not known */
static int cache_size(lua_State *L) {
    handle *self = ready(L);
    check_given(L);
    lua_settop(L, 2);
    if (lua_istable(L, 2))
        lua_getfield(L, 2, "capacity");
    int known = !lua_isnil(L, -1);
    lua_Integer size = times_at(L, 1), capacity = known ? times_at(L, -1) : 0;
    if (size < 0 || capacity < 0)
        return tacho_lua_done(L, tacho_cache_size(self->cache, UINT64_MAX, 0)); /* counted */
    return tacho_lua_done(
        L, tacho_cache_size(self->cache, (uint64_t)size, known ? (uint64_t)capacity : TACHO_CACHE_CAPACITY_UNKNOWN));
}

/* ----------------------------------------------------------------------------------------------------------- timing */

typedef struct timer {
    tacho_metric *metric;
    uint64_t started;
} timer;

static int histogram_time(lua_State *L) {
    handle *self = ready(L);
    timer *made = lua_newuserdatauv(L, sizeof *made, 1);
    *made = (timer){tacho_metric_retain(self->metric), tacho_histogram_start(self->metric)};
    luaL_setmetatable(L, TACHO_LUA_TIMER);
    lua_pushvalue(L, lua_upvalueindex(HANDLE)); /* which keeps the collector */
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* timer:finish(), __close and __gc; only the first of them observes, and a timer that nobody finished does not. */
static int timer_finish(lua_State *L) {
    timer *self = luaL_checkudata(L, 1, TACHO_LUA_TIMER);
    tacho_status status = tacho_histogram_stop(self->metric, self->started);
    tacho_metric_release(self->metric);
    self->metric = NULL;
    return tacho_lua_done(L, status);
}

static int timer_gc(lua_State *L) {
    timer *self = luaL_checkudata(L, 1, TACHO_LUA_TIMER);
    tacho_metric_release(self->metric);
    self->metric = NULL;
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ the handles */

static int labels(lua_State *L);

typedef struct method {
    const char *name;
    lua_CFunction function;
} method;
static const method counter_methods[] = {{"inc", counter_add}, {"add", counter_add}, {"labels", labels}, {NULL, NULL}};
static const method gauge_methods[] = {{"set", gauge_set}, {"inc", gauge_add}, {"add", gauge_add},
                                       {"dec", gauge_dec}, {"labels", labels}, {NULL, NULL}};
static const method histogram_methods[] = {
    {"observe", histogram_observe}, {"time", histogram_time}, {"labels", labels}, {NULL, NULL}};
static const method cache_methods[] = {{"hit", cache_hit},           {"miss", cache_miss},
                                       {"eviction", cache_eviction}, {"size_rejection", cache_size_rejection},
                                       {"size", cache_size},         {NULL, NULL}};
static const method *const methods[] = {counter_methods, gauge_methods, histogram_methods, cache_methods};

/* Replaces the handle on top by the table of its closures. */
static void push_face(lua_State *L, const handle *self) {
    lua_createtable(L, 0, 6);
    for (const method *each = methods[self->type]; each->name; each++) {
        lua_pushvalue(L, lua_upvalueindex(MODULE));
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_pushcclosure(L, each->function, FACE);
        lua_setfield(L, -2, each->name);
    }
    lua_getiuservalue(L, -2, 2);
    lua_setfield(L, -2, "name");
    lua_remove(L, -2);
}

static handle *new_handle(lua_State *L, int type) {
    handle *self = lua_newuserdatauv(L, sizeof *self, 4);
    *self = (handle){.module = tacho_lua_module_of(L), .generation = UINT64_MAX, .type = type};
    luaL_setmetatable(L, TACHO_LUA_METRIC);
    return self;
}

/* Raises if the name, whose words before are `before`, stands for another metric. */
static void check_taken(lua_State *L, const char *name, const char *before, const char *words) {
    if (*before && strcmp(before, words) != 0)
        luaL_error(L, "'%s' is already %s; it cannot also be %s", name, before, words);
}

/* What the name and the options at `at` declare, in words; "" where that is not allowed. */
static void words_of(lua_State *L, int at, int type, char out[TACHO_METRIC_WORDS_MAX]) {
    const char *labels[LABELS];
    tacho_metric_spec spec;
    int top = lua_gettop(L);
    *out = 0;
    if (read_spec(L, at, labels, &spec) == TACHO_OK)
        tacho_metric_words((tacho_metric_type)type, &spec, out, TACHO_METRIC_WORDS_MAX);
    lua_settop(L, top);
}

/*
 * The module's own list of what was declared, since its handles are bound at their first use only, in any order. Names
 * stay on it as long as the module: a handle of before may be used at any time.
 */
static void declare_for_module(lua_State *L, int at, int type) {
    char words[TACHO_METRIC_WORDS_MAX], before[TACHO_METRIC_WORDS_MAX];
    const char *name = lua_tostring(L, at);
    words_of(L, at, type, words);
    lua_getiuservalue(L, lua_upvalueindex(MODULE), TACHO_LUA_UV_DECLARED);
    if (lua_getfield(L, -1, name) == LUA_TSTRING)
        check_taken(L, name, lua_tostring(L, -1), words);
    lua_pop(L, 1);
    if (lua_getiuservalue(L, lua_upvalueindex(MODULE), TACHO_LUA_UV_STANDARD) == LUA_TUSERDATA) {
        const tacho_lua_collector *standard = lua_touserdata(L, -1);
        tacho_metric_declared(standard->handle, name, before, sizeof before);
        check_taken(L, name, before, words);
    }
    lua_pop(L, 1);
    lua_pushstring(L, words);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static int refuse(lua_State *L, const tacho_lua_collector *collector, int type) {
    char words[TACHO_METRIC_WORDS_MAX], before[TACHO_METRIC_WORDS_MAX];
    const char *name = lua_tostring(L, 2);
    words_of(L, 2, type, words);
    tacho_metric_declared(collector ? collector->handle : NULL, name, before, sizeof before);
    if (*words)
        check_taken(L, name, before, words);
    return luaL_error(L,
                      "metric '%s' cannot be declared: a name is a letter or _, then letters, digits, _ . - /, and "
                      "none of tachograph's own; labels are at most 8 different names of letters, digits, _ and ., "
                      "neither le nor quantile",
                      name);
}

/* A handle of the default collector is one of the module's, wherever it was asked for. */
static int is_standard(lua_State *L, int collector) {
    lua_getiuservalue(L, lua_upvalueindex(MODULE), TACHO_LUA_UV_STANDARD);
    int same = lua_isnil(L, collector) || lua_rawequal(L, -1, collector);
    lua_pop(L, 1);
    return same;
}

/* A list of names and nothing else, on top of the stack. */
static void check_label_list(lua_State *L) {
    if (!lua_istable(L, -1))
        tacho_lua_bad_option(L, "labels", "list of names");
    int list = lua_gettop(L);
    lua_Unsigned count = lua_rawlen(L, list), given = 0;
    for (lua_pushnil(L); lua_next(L, list); lua_pop(L, 1), given++) {
        if (!lua_isinteger(L, -2) || (lua_Unsigned)lua_tointeger(L, -2) - 1 >= count)
            luaL_error(L, "option 'labels': list of names expected, got the key '%s'", luaL_tolstring(L, -2, NULL));
        if (lua_type(L, -1) != LUA_TSTRING)
            tacho_lua_bad_option(L, "labels", "names as strings");
    }
    if (given != count)
        luaL_error(L, "option 'labels': list of names expected, got one with gaps");
    if (count > LABELS)
        luaL_error(L, "option 'labels': a metric has at most %d labels, got %d", LABELS, (int)count);
}

/* Raises for what in the options at `at` is no declaration, and names it; whether the names are allowed tells the core.
 */
static void check_declaration(lua_State *L, int at) {
    static const char *const keys[] = {"description", "unit", "labels", "merge", NULL};
    static const char *const texts[] = {"description", "unit", "merge"};
    tacho_merge rule;
    int top = lua_gettop(L);
    tacho_lua_check_options(L, at, keys);
    if (lua_isnoneornil(L, at))
        return;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int type = lua_getfield(L, at, texts[i]);
        if (type != LUA_TNIL && type != LUA_TSTRING)
            tacho_lua_bad_option(L, texts[i], "string");
    }
    if (!lua_isnil(L, -1) && tacho_merge_parse(lua_tostring(L, -1), &rule) != TACHO_OK)
        luaL_error(L, "option 'merge': unknown rule '%s'; it is one of sum, newest, max", lua_tostring(L, -1));
    if (lua_getfield(L, at, "labels") != LUA_TNIL)
        check_label_list(L);
    lua_settop(L, top);
}

/* (collector or nil, name, options): the handle of a metric, checked now, bound now or at its first use. */
static int make(lua_State *L, int type) {
    int of_module = lua_toboolean(L, lua_upvalueindex(2));
    if (of_module) {
        lua_pushnil(L); /* the default collector stays unopened */
        lua_insert(L, 1);
    } else {
        tacho_lua_enter(L);
    }
    lua_settop(L, 3);
    (type == CACHE ? tacho_lua_check_name : tacho_lua_check_text)(L, 2); /* a metric's name is checked as a whole */
    if (type != CACHE)
        check_declaration(L, 3);
    handle *self = new_handle(L, type);
    self->follows = of_module;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 4, 2);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 4, 3);
    tacho_status status = TACHO_OK;
    if (!of_module) {
        status = bind_handle(L, 4, self, lua_touserdata(L, 1), 1);
    } else if (type != CACHE) {
        tacho_metric *none;
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        lua_pushnil(L);
        status = bind_metric(L, 5, NULL, type, &none);
    }
    lua_settop(L, 4);
    if (status == TACHO_INVALID)
        return type == CACHE ? tacho_lua_bad_argument(L, 2, "name of a cache expected")
                             : refuse(L, lua_touserdata(L, 1), type);
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status);
    if (type != CACHE && is_standard(L, 1))
        declare_for_module(L, 2, type);
    push_face(L, self);
    return 1;
}

int tacho_lua_counter(lua_State *L) {
    return make(L, TACHO_METRIC_COUNTER);
}
int tacho_lua_gauge(lua_State *L) {
    return make(L, TACHO_METRIC_GAUGE);
}
int tacho_lua_histogram(lua_State *L) {
    return make(L, TACHO_METRIC_HISTOGRAM);
}
int tacho_lua_cache(lua_State *L) {
    return make(L, CACHE);
}

/* labels {route = "/a"}, also as a method: another handle of the same metric. */
static int labels(lua_State *L) {
    handle *self = lua_touserdata(L, lua_upvalueindex(HANDLE)), *made;
    int values = lua_gettop(L) > 1 ? 2 : 1;
    luaL_checktype(L, values, LUA_TTABLE);
    lua_pushvalue(L, values);
    lua_replace(L, 1);
    lua_settop(L, 1);
    made = new_handle(L, self->type);
    made->follows = self->follows;
    for (int i = 1; i <= 3; i++) {
        lua_getiuservalue(L, lua_upvalueindex(HANDLE), i);
        lua_setiuservalue(L, 2, i);
    }
    lua_getiuservalue(L, 2, 3);
    if (!lua_istable(L, 3) || lua_getfield(L, 3, "labels") != LUA_TTABLE)
        return luaL_error(L, "this metric has no labels");
    lua_newtable(L); /* 5: values in the order of the declaration */
    lua_Integer count = 0, given = 0;
    for (; lua_rawgeti(L, 4, count + 1) == LUA_TSTRING; count++) {
        const char *label = lua_tostring(L, -1);
        int type = lua_getfield(L, 1, label);
        if (type == LUA_TNIL || (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN))
            return luaL_error(L, "label '%s' wants a string, a number or a boolean", label);
        luaL_tolstring(L, -1, NULL);
        lua_rawseti(L, 5, count + 1);
        lua_pop(L, 2);
    }
    lua_settop(L, 5);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        given++;
    if (given != count)
        return luaL_error(L, "a value for a label that the metric does not have");
    lua_pushvalue(L, 5);
    lua_setiuservalue(L, 2, 4);
    if (!self->follows) {
        lua_getiuservalue(L, 2, 1);
        bind_handle(L, 2, made, lua_touserdata(L, -1), lua_gettop(L));
    }
    lua_settop(L, 2);
    push_face(L, made);
    return 1;
}

/* ---------------------------------------------------------------------------------------------------------- by name */

static tacho_cache_event check_event(lua_State *L, int index) {
    tacho_cache_event event = TACHO_CACHE_EVENT_COUNT;
    tacho_cache_event_parse(luaL_checkstring(L, index), &event);
    return event;
}

/* record_cache(name, event [, n]) */
int tacho_lua_record_cache(lua_State *L) {
    tacho_lua_collector *collector = tacho_lua_enter(L);
    const char *name = tacho_lua_check_text(L, 2);
    lua_Integer n = times_at(L, 4);
    tacho_cache_event event = check_event(L, 3);
    collector->used = 1;
    return tacho_lua_done(
        L, tacho_record_cache(collector->handle, name, n < 0 ? TACHO_CACHE_EVENT_COUNT : event, (uint64_t)n));
}

/* operation:cache(name, event) */
int tacho_lua_operation_cache(lua_State *L) {
    tacho_operation *operation = tacho_lua_check_operation(L, 1);
    const char *name = luaL_checkstring(L, 2);
    return tacho_lua_done(L, tacho_operation_cache(operation, name, check_event(L, 3)));
}

static int handle_gc(lua_State *L) {
    let_go(luaL_checkudata(L, 1, TACHO_LUA_METRIC));
    return 0;
}

void tacho_lua_metric_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", handle_gc}, {NULL, NULL}};
    static const luaL_Reg timer_meta[] = {{"__close", timer_finish}, {"__gc", timer_gc}, {NULL, NULL}};
    static const luaL_Reg timer_methods[] = {{"finish", timer_finish}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_METRIC, meta, NULL);
    tacho_lua_make_type(L, TACHO_LUA_TIMER, timer_meta, timer_methods);
}
