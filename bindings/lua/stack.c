/*
 * Who is inside whom: one stack of open operations and sessions per coroutine (semantics 7).
 *
 * A stack is a userdata under its thread in a table with weak keys. It keeps its thread alive through a user value; the
 * pair still goes when nobody else holds the thread, because the table holds its values only as long as their keys live
 * (ephemerons), and the thread outlives the finalizer of its stack, so `thread` is never dangling. The stack used last
 * is remembered in the module, which makes the common case one comparison.
 *
 * Links are doubly linked, not an array, because operations may end in any order and in any coroutine.
 *
 * A new coroutine inherits from the coroutine that made it when coroutine.create or wrap was used through their table
 * (coroutine.c); otherwise, at its first use, from the coroutine that resumed it.
 */
#include "module.h"

#include <string.h>

void tacho_lua_push(tacho_lua_stack *stack, tacho_lua_entry *entry) {
    entry->stack = stack;
    entry->above = NULL;
    entry->below = stack->top;
    if (stack->top)
        stack->top->above = entry;
    stack->top = entry;
}

void tacho_lua_remove(tacho_lua_entry *entry) {
    if (!entry->stack)
        return;
    if (entry->above)
        entry->above->below = entry->below;
    else
        entry->stack->top = entry->below;
    if (entry->below)
        entry->below->above = entry->above;
    entry->stack = NULL;
    entry->above = entry->below = NULL;
}

/* Frames come from the state's allocator directly: as userdata they would be work for the collector at every call. */
static tacho_lua_frame *take(tacho_lua_stack *stack) {
    tacho_lua_frame *frame = stack->spare;
    if (frame) {
        stack->spare = frame->outer;
        return frame;
    }
    void *context;
    lua_Alloc allocate = lua_getallocf(stack->thread, &context);
    frame = allocate(context, NULL, 0, sizeof *frame);
    if (frame)
        memset(frame, 0, sizeof *frame);
    return frame;
}

static void free_spare(tacho_lua_stack *stack) {
    void *context;
    lua_Alloc allocate = lua_getallocf(stack->thread, &context);
    while (stack->spare) {
        tacho_lua_frame *next = stack->spare->outer;
        allocate(context, stack->spare, sizeof *stack->spare, 0);
        stack->spare = next;
    }
}

void tacho_lua_surroundings(const tacho_lua_stack *stack, const tacho_collector *collector,
                            const tacho_operation **parent, tacho_session **session) {
    *parent = NULL;
    *session = NULL;
    for (const tacho_lua_entry *entry = stack->top; entry && !*parent; entry = entry->below) {
        if (entry->collector != collector)
            continue;
        if (entry->session && !*session)
            *session = entry->session->handle;
        *parent = entry->operation;
        if (entry == &stack->inherited && entry->object)
            *parent = entry->object->source->operation;
    }
}

static void unlink_stack(tacho_lua_stack *stack) {
    if (stack->newer)
        stack->newer->older = stack->older;
    else if (stack->module->newest == stack)
        stack->module->newest = stack->older;
    if (stack->older)
        stack->older->newer = stack->newer;
    stack->newer = stack->older = NULL;
}

static void link_stack(tacho_lua_stack *stack) {
    stack->newer = NULL;
    stack->older = stack->module->newest;
    if (stack->older)
        stack->older->newer = stack;
    stack->module->newest = stack;
}

/* A thread that has frames and has not yielded is running or has resumed another one. */
static int is_active(lua_State *thread) {
    lua_Debug frame;
    return lua_status(thread) == LUA_OK && lua_getstack(thread, 0, &frame);
}

/* Every thread between the main one and the running one is active; of those known here, the one used last is taken. */
static const tacho_lua_stack *resumer(const tacho_lua_module *module, const lua_State *L) {
    const tacho_lua_stack *stack = module->newest;
    while (stack && (stack->thread == L || !is_active(stack->thread)))
        stack = stack->older;
    return stack;
}

/* Pushes a new stack for the thread at `index`, known to the module from then on. */
static tacho_lua_stack *new_stack(lua_State *L, int index, tacho_lua_module *module) {
    lua_State *thread = lua_tothread(L, index);
    tacho_lua_stack *stack = lua_newuserdatauv(L, sizeof *stack, 4);
    memset(stack, 0, sizeof *stack);
    stack->thread = thread;
    stack->module = module;
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setiuservalue(L, -2, 2);
    luaL_setmetatable(L, TACHO_LUA_STACK);
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STACKS);
    lua_pushvalue(L, index);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    link_stack(stack);
    return stack;
}

/* Keeps the creator's session for the new stack on top of L. */
static void inherit_session(lua_State *L, tacho_lua_entry *entry, tacho_lua_session *session) {
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_OBJECTS);
    if (lua_rawgetp(L, -1, session) == LUA_TUSERDATA)
        entry->session = session;
    lua_setiuservalue(L, -3, 4);
    lua_pop(L, 1);
}

/* Keeps the creator's operation for the new stack on top of L: as an object, so that it may end before its children. */
static void inherit_operation(lua_State *L, tacho_lua_entry *entry, tacho_lua_entry *from) {
    tacho_lua_push_object(L, from);
    entry->object = lua_touserdata(L, -1);
    lua_setiuservalue(L, -2, 3);
}

void tacho_lua_inherit(lua_State *L, int index, tacho_lua_module *module, const tacho_lua_stack *creator) {
    tacho_lua_stack *stack = new_stack(L, lua_absindex(L, index), module);
    tacho_lua_entry *entry = &stack->inherited;
    tacho_lua_entry *from = creator ? creator->top : NULL;
    entry->collector = from ? from->collector : NULL;
    for (; from && !entry->object; from = from->below) {
        if (from->collector != entry->collector)
            continue;
        if (from->session && !entry->session)
            inherit_session(L, entry, from->session);
        if (from->operation || from == &creator->inherited)
            inherit_operation(L, entry, from);
    }
    if (entry->collector)
        tacho_lua_push(stack, entry);
    lua_pop(L, 1);
}

/* ------------------------------------------------------------------------------------------ the running coroutine */

/*
 * A coroutine that died of an error under coroutine.resume has not closed its to-be-closed slots, and perhaps never
 * will. What is open in it ends here, at the next use of the module by another coroutine.
 */
static void bury(lua_State *L, tacho_lua_stack *stack) {
    if ((!stack->top && !stack->frames) || lua_status(stack->thread) <= LUA_YIELD || !lua_checkstack(stack->thread, 1))
        return;
    tacho_lua_failure failure;
    lua_pushvalue(stack->thread, -1); /* the error object; looked at in L, where an error of ours can be caught */
    lua_xmove(stack->thread, L, 1);
    tacho_lua_failure_of(L, -1, &failure);
    while (stack->frames)
        tacho_lua_end_frame(stack, &failure);
    for (tacho_lua_entry *entry = stack->top, *below; entry; entry = below) {
        below = entry->below;
        if (entry->operation)
            tacho_lua_end_entry(entry, &failure);
    }
    lua_pop(L, 1);
}

void tacho_lua_bury_all(lua_State *L, tacho_lua_module *module) {
    for (tacho_lua_stack *stack = module->newest; stack; stack = stack->older)
        bury(L, stack);
}

/* The running coroutine is another one than at the last use. */
static tacho_lua_stack *switch_stack(lua_State *L, tacho_lua_module *module) {
    if (module->stack)
        bury(L, module->stack);
    lua_getiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STACKS);
    lua_pushthread(L);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushthread(L);
        tacho_lua_inherit(L, -1, module, resumer(module, L));
        lua_rawget(L, -2);
    }
    tacho_lua_stack *stack = lua_touserdata(L, -1);
    lua_setiuservalue(L, lua_upvalueindex(1), TACHO_LUA_UV_STACK);
    lua_pop(L, 1);
    unlink_stack(stack);
    link_stack(stack);
    module->stack = stack;
    module->running = L;
    return stack;
}

tacho_lua_stack *tacho_lua_stack_of(lua_State *L, tacho_lua_module *module) {
    return module->running == L ? module->stack : switch_stack(L, module);
}

/* -------------------------------------------------------------------------------------------------- tracked calls */

/* Ends what an entry stands for and takes it off its stack; `failure` NULL = it went well, unless fail() was called. */
tacho_status tacho_lua_end_entry(tacho_lua_entry *entry, const tacho_lua_failure *failure) {
    int outcome = entry->failed >= 0 ? entry->failed : TACHO_OUTCOME_OK;
    if (failure) {
        outcome = (int)failure->outcome;
        if (failure->category != TACHO_CATEGORY_NONE)
            tacho_operation_fail(entry->operation, failure->category, failure->type);
    }
    tacho_lua_remove(entry);
    return tacho_end(entry->operation, (tacho_outcome)outcome);
}

tacho_lua_frame *tacho_lua_begin_frame(tacho_lua_stack *stack, tacho_lua_tracked *tracked) {
    tacho_begin_options options = TACHO_BEGIN_OPTIONS_INIT;
    tacho_lua_frame *frame = take(stack);
    if (!frame)
        return NULL;
    tacho_lua_surroundings(stack, tracked->collector, &options.parent, &options.session);
    if (options.session)
        tacho_begin_with(tracked->series, &options, &frame->operation);
    else
        tacho_begin(tracked->series, options.parent, &frame->operation);
    if (tracked->note_count)
        tacho_operation_metadata(&frame->operation, tracked->notes, tracked->note_count);
    frame->entry.operation = &frame->operation;
    frame->entry.collector = tracked->collector;
    frame->entry.provider = tracked->provider;
    frame->entry.object = NULL;
    frame->entry.failed = -1;
    frame->returned = 0;
    frame->tracked = tracked;
    frame->outer = stack->frames;
    stack->frames = frame;
    tracked->in_flight++;
    if (tracked->nest)
        tacho_lua_push(stack, &frame->entry);
    return frame;
}

/* Ends the innermost tracked call of a stack and gives its frame back. `failure` NULL = it went well. */
void tacho_lua_end_frame(tacho_lua_stack *stack, const tacho_lua_failure *failure) {
    tacho_lua_frame *frame = stack->frames;
    tacho_lua_tracked *tracked = frame->tracked;
    stack->frames = frame->outer;
    tacho_lua_end_entry(&frame->entry, failure);
    if (frame->entry.object)
        tacho_lua_detach_view(frame->entry.object);
    tracked->in_flight--;
    if (tracked->finalized && tracked->in_flight == 0)
        tacho_lua_release_tracked(tracked);
    frame->outer = stack->spare;
    stack->spare = frame;
    if (stack->finalized)
        free_spare(stack);
}

/*
 * __close(stack, error): a tracked call is left, by return, by an error or because its coroutine is closed. error(nil)
 * and coroutine.close look the same here; the second is the likely one.
 */
static int stack_close(lua_State *L) {
    tacho_lua_failure failure = {TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED, NULL};
    tacho_lua_stack *stack = lua_touserdata(L, 1);
    if (!stack->frames)
        return 0; /* buried before */
    if (stack->frames->returned) {
        tacho_lua_end_frame(stack, NULL);
        return 0;
    }
    if (!lua_isnil(L, 2))
        tacho_lua_failure_of(L, 2, &failure);
    tacho_lua_end_frame(stack, &failure);
    return 0;
}

static int stack_gc(lua_State *L) {
    static const tacho_lua_failure abandoned = {TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED, NULL};
    tacho_lua_stack *stack = lua_touserdata(L, 1);
    bury(L, stack);
    while (stack->frames)
        tacho_lua_end_frame(stack, &abandoned);
    while (stack->top)
        tacho_lua_remove(stack->top);
    if (stack->module->stack == stack) {
        stack->module->stack = NULL;
        stack->module->running = NULL;
    }
    unlink_stack(stack);
    free_spare(stack);
    stack->finalized = 1;
    return 0;
}

void tacho_lua_stack_type(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", stack_close}, {"__gc", stack_gc}, {NULL, NULL}};
    tacho_lua_make_type(L, TACHO_LUA_STACK, meta, NULL);
}
