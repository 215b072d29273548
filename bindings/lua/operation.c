/*
 * The operation object: from operation(), step() ... and from current().
 *
 * An operation that was begun here owns its storage. A view is what current() makes of a tracked call in flight: it
 * speaks for the frame of that call until the call ends, and then keeps a copy of its last state.
 */
#include "module.h"

#include <stdio.h>
#include <string.h>

tacho_lua_operation *tacho_lua_check_object(lua_State *L, int arg) {
    return luaL_checkudata(L, arg, TACHO_LUA_OPERATION);
}

tacho_operation *tacho_lua_check_operation(lua_State *L, int arg) {
    return tacho_lua_check_object(L, arg)->source->operation;
}

/* Pushes an operation that records nothing, for its caller to begin or to point elsewhere. */
tacho_lua_operation *tacho_lua_new_operation(lua_State *L) {
    tacho_lua_operation *op = lua_newuserdatauv(L, sizeof *op, 4);
    memset(op, 0, offsetof(tacho_lua_operation, operation));
    tacho_begin(NULL, NULL, &op->operation);
    op->entry.operation = &op->operation;
    op->entry.object = op;
    op->entry.failed = -1;
    op->source = &op->entry;
    luaL_setmetatable(L, TACHO_LUA_OPERATION);
    return op;
}

/* Makes the object on top of L known by its address, so that its stack can find the value again. */
static void remember(lua_State *L) {
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_OBJECTS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, lua_touserdata(L, -1));
    lua_pop(L, 1);
}

/* The object on top of L keeps the stack of the running coroutine. */
static void keep_stack(lua_State *L) {
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STACK);
    lua_setiuservalue(L, -2, 2);
}

/* ------------------------------------------------------------------------------------------------ begin and end */

/* Keeps what the operation points to, in the object on top of L: its collector and the name of the provider. */
static void keep_parents(lua_State *L, tacho_lua_operation *op, const char *provider) {
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushstring(L, provider); /* nil for NULL */
    op->entry.provider = lua_tostring(L, -1);
    lua_setiuservalue(L, -2, 4);
    keep_stack(L);
}

static int begin(lua_State *L, tacho_kind kind) {
    tacho_lua_enter(L);
    return tacho_lua_begin(L, kind);
}

int tacho_lua_begin(lua_State *L, tacho_kind kind) {
    static const char *const keys[] = {"kind", "type",    "as_type",  "provider",    "model",
                                       "tags", "session", "metadata", "traceparent", NULL};
    tacho_lua_labels labels;
    tacho_begin_options options = TACHO_BEGIN_OPTIONS_INIT;
    tacho_lua_collector *collector = lua_touserdata(L, 1);
    lua_settop(L, 3);
    const char *name = tacho_lua_check_name(L, 2);
    tacho_lua_check_options(L, 3, keys);
    tacho_lua_check_labels(L, 3, kind, &labels);
    options.traceparent = tacho_lua_option_text(L, 3, "traceparent");
    if (options.traceparent && tacho_traceparent_check(options.traceparent) != TACHO_OK &&
        tacho_lua_is_strict(collector))
        return luaL_error(L, "option 'traceparent': no W3C trace context: '%s'", options.traceparent);
    uint32_t notes = 0;
    const tacho_note *metadata = tacho_lua_push_notes(L, collector->handle, &labels, 3, &notes);
    tacho_lua_module *module = tacho_lua_module_of(L);
    tacho_lua_extend_coroutines(L, module);
    tacho_lua_stack *stack = tacho_lua_stack_of(L, module);
    tacho_lua_operation *op = tacho_lua_new_operation(L);
    keep_parents(L, op, labels.labels.provider);
    remember(L);
    const tacho_lua_session *session = tacho_lua_option_session(L, 3, 1);
    lua_setiuservalue(L, -2, 3);
    tacho_lua_surroundings(stack, collector->handle, &options.parent, &options.session);
    if (session)
        options.session = session->handle;
    op->entry.collector = collector->handle;
    op->series = tacho_lua_bind(collector, name, &labels);
    tacho_begin_with(op->series, &options, &op->operation);
    if (notes)
        tacho_operation_metadata(&op->operation, metadata, notes);
    tacho_lua_push(stack, &op->entry);
    return 1;
}

int tacho_lua_operation_function(lua_State *L) {
    return begin(L, TACHO_KIND_CUSTOM);
}
int tacho_lua_step(lua_State *L) {
    return begin(L, TACHO_KIND_STEP);
}
int tacho_lua_tool(lua_State *L) {
    return begin(L, TACHO_KIND_TOOL);
}
int tacho_lua_llm(lua_State *L) {
    return begin(L, TACHO_KIND_LLM);
}
int tacho_lua_agent(lua_State *L) {
    return begin(L, TACHO_KIND_AGENT);
}
int tacho_lua_workflow(lua_State *L) {
    return begin(L, TACHO_KIND_WORKFLOW);
}

/* op:finish([outcome]): does by hand what leaving a block does. A second end goes to the core too, which counts it. */
static int finish(lua_State *L) {
    tacho_outcome outcome = TACHO_OUTCOME_OK;
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    const char *text = luaL_optstring(L, 2, NULL);
    if (text && tacho_outcome_parse(text, &outcome) != TACHO_OK)
        luaL_argerror(L, 2, lua_pushfstring(L, "unknown outcome '%s'", text));
    const tacho_lua_failure given = {TACHO_CATEGORY_NONE, outcome, NULL};
    return tacho_lua_done(L, tacho_lua_end_entry(op->source, text ? &given : NULL));
}

/*
 * __close(op, error). A block that is left has its function below this one; when a suspended coroutine is closed there
 * is none, and nobody will ever see the rest of the operation.
 */
static int operation_close(lua_State *L) {
    lua_Debug caller;
    tacho_lua_failure failure = {TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED, NULL};
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    if (!op->source->stack)
        return 0; /* ended by hand */
    int failed = !lua_isnil(L, 2);
    if (failed)
        tacho_lua_failure_of(L, 2, &failure);
    tacho_lua_end_entry(op->source, failed || !lua_getstack(L, 1, &caller) ? &failure : NULL);
    return 0;
}

static int operation_gc(lua_State *L) {
    static const tacho_lua_failure abandoned = {TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED, NULL};
    tacho_lua_operation *op = tacho_lua_check_object(L, 1);
    if (op->source != &op->entry) {
        if (op->source->object == op)
            op->source->object = NULL;
        tacho_lua_detach_view(op); /* another finalizer may keep it for longer than its source lives */
        return 0;
    }
    if (op->entry.stack)
        tacho_lua_end_entry(&op->entry, &abandoned);
    if (op->entry.object && op->entry.object != op)
        tacho_lua_detach_view(op->entry.object); /* made between the loss of this object and its finalizer */
    tacho_series_release(op->series);
    op->series = NULL;
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- current */

void tacho_lua_push_object(lua_State *L, tacho_lua_entry *entry) {
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_OBJECTS);
    if (entry->object && lua_rawgetp(L, -1, entry->object) == LUA_TUSERDATA) {
        lua_remove(L, -2);
        return;
    }
    lua_settop(L, entry->object ? -3 : -2);
    tacho_lua_operation *view = tacho_lua_new_operation(L);
    keep_stack(L);
    remember(L);
    view->source = entry;
    entry->object = view;
}

void tacho_lua_detach_view(tacho_lua_operation *view) {
    if (view->source->operation)
        view->operation = *view->source->operation;
    view->source = &view->entry;
}

tacho_lua_entry *tacho_lua_innermost(lua_State *L, const tacho_collector *collector) {
    tacho_lua_stack *stack = tacho_lua_stack_of(L, tacho_lua_module_of(L));
    tacho_lua_entry *entry = stack->top;
    while (entry && (entry->collector != collector || (!entry->operation && !entry->object)))
        entry = entry->below;
    return entry;
}

/* current(): the innermost operation of this coroutine, or one that records nothing. */
int tacho_lua_current(lua_State *L) {
    tacho_lua_collector *collector = tacho_lua_enter(L);
    tacho_lua_entry *entry = tacho_lua_innermost(L, collector->handle);
    if (entry) {
        tacho_lua_push_object(L, entry);
        return 1;
    }
    if (lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_NOTHING) == LUA_TNIL) {
        tacho_lua_new_operation(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_NOTHING);
    }
    return 1;
}

/* -------------------------------------------------------------------------------------------------------- fields */

static void push_id(lua_State *L, uint64_t id) {
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    if (id)
        lua_pushstring(L, text);
    else
        lua_pushnil(L);
}

static int push_field(lua_State *L, const tacho_operation *op, const char *name) {
    tacho_cost_state state;
    if (strcmp(name, "seconds") == 0)
        tacho_lua_push_seconds(L, (int64_t)tacho_operation_elapsed_ns(op));
    else if (strcmp(name, "cost_usd") == 0)
        tacho_lua_push_money(L, tacho_operation_cost_pusd(op, &state));
    else if (strcmp(name, "outcome") == 0 && tacho_operation_outcome(op) >= 0)
        lua_pushstring(L, tacho_outcome_text(tacho_operation_outcome(op)));
    else if (strcmp(name, "id") == 0)
        push_id(L, tacho_operation_id(op));
    else if (strcmp(name, "record") == 0 && tacho_operation_outcome(op) >= 0)
        return tacho_lua_push_record_of(L, tacho_operation_id(op));
    else
        lua_pushnil(L);
    return 1;
}

/* __index(op, key): a method (upvalue 1 holds them), else a field. */
static int operation_index(lua_State *L) {
    const tacho_operation *op = tacho_lua_check_operation(L, 1);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    return lua_type(L, 2) == LUA_TSTRING ? push_field(L, op, lua_tostring(L, 2)) : 1;
}

void tacho_lua_operation_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", operation_close}, {"__gc", operation_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_OPERATION, meta, NULL);
    luaL_getmetatable(L, TACHO_LUA_OPERATION);
    lua_newtable(L);
    tacho_lua_set_functions(L, tacho_lua_report_methods, 0);
    lua_pushcfunction(L, finish);
    lua_setfield(L, -2, "finish");
    lua_pushcclosure(L, operation_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
