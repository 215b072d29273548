/**
 * Who is inside whom (semantics 7).
 *
 * Two places hold what is open. The ContextVar holds the innermost `with` block, async function or session: tasks
 * inherit it, threads do not. A stack per thread holds the tracked synchronous calls: they cannot be interleaved within
 * a thread, so they need no ContextVar, whose set and reset would cost more than the rest of the call. Both are ordered
 * by one counter of begins, and the later one is the inner one.
 *
 * A call on the stack counts only in the context it began in: an event loop that runs inside a tracked function
 * switches between tasks that are not inside that function. Greenlets do interleave within a thread. The stack survives
 * that, because its frames live on the heap and each is taken out by itself, but finding one's own frame would mean
 * walking over everybody else's; where the walk is needed and the module greenlet is loaded, tracked calls change over
 * to the ContextVar.
 */
#include "core.h"

/* The one C global of the binding: what "per thread" means cannot be said otherwise. Frames of all interpreters that
 * run in this thread; each looks at its own only. */
static _Thread_local core_operation *stack_top;

/* Identity of the current context. A thread begins without one: it is made here, or the first `with` block would move
 * the thread into another context under the feet of the calls that are on the stack. */
CORE_RARE static PyObject *new_context(PyThreadState *thread) {
    PyObject *copy = PyContext_CopyCurrent();
    if (copy == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(copy);
    return thread->context;
}

static inline PyObject *context_of(PyThreadState *thread) {
    return thread->context != NULL ? thread->context : new_context(thread);
}

static void notice_greenlets(core_state *state) {
    if (!state->greenlets && !PyErr_Occurred()) {
        PyObject *modules = PyImport_GetModuleDict();
        state->greenlets = modules != NULL && PyDict_GetItemString(modules, "greenlet") != NULL;
    }
}

/* Past frames of other contexts. */
CORE_RARE static core_operation *stack_walk(core_state *state, const core_place *place) {
    core_operation *frame = *place->stack;
    PyObject *context = place->context;
    notice_greenlets(state);
    while (frame != NULL && (frame->context != context || frame->scope.state != state)) {
        frame = frame->below;
    }
    return frame;
}

static inline core_operation *stack_find(core_state *state, const core_place *place) {
    core_operation *frame = *place->stack;
    if (frame == NULL || (frame->context == place->context && frame->scope.state == state)) {
        return frame;
    }
    return stack_walk(state, place);
}

/* Before 3.12 the collector may run inside PyContextVar_Set, while CPython copies the nodes of the context. What it
 * calls (destructors, callbacks) may set the variable, too, which frees the nodes that are being copied. Since 3.12 it
 * runs between bytecodes only. */
static PyObject *set_undisturbed(PyObject *variable, PyObject *value) {
#if PY_VERSION_HEX >= 0x030C0000 || PY_VERSION_HEX < 0x030A0000 /* 3.9 has no call to stop the collector */
    return PyContextVar_Set(variable, value);
#else
    const int collects = PyGC_Disable();
    PyObject *token = PyContextVar_Set(variable, value);
    if (collects) {
        PyGC_Enable();
    }
    return token;
#endif
}

/* Sets the variable to `value`; NULL stands for "no value", which a variable can only return to by holding None. */
static int variable_set(core_state *state, PyObject *value) {
    PyObject *token = set_undisturbed(state->variable, value == NULL ? Py_None : value);
    Py_XDECREF(token);
    return token == NULL ? -1 : 0;
}

static PyObject *variable_get(core_state *state) {
    PyObject *value = NULL;
    if (PyContextVar_Get(state->variable, NULL, &value) < 0) {
        PyErr_Clear();
    }
    if (value == Py_None) {
        Py_CLEAR(value);
    }
    return value;
}

PyObject *core_ambient_get(core_state *state) {
    return state->variable == NULL ? NULL : variable_get(state);
}

void core_ambient_set(core_state *state, PyObject *value) {
    if (state->variable == NULL) {
        return; /* the interpreter ends and the module has been taken apart */
    }
    state->ambient = 1;
    if (variable_set(state, value) < 0) {
        PyErr_Clear();
    }
}

void core_place_here(core_place *place) {
    place->stack = &stack_top;
    place->context = context_of(PyThreadState_Get());
}

core_scope *core_scope_find(core_state *state, core_place *place) {
    core_place_here(place);
    core_scope *frame = (core_scope *)stack_find(state, place);
    PyObject *ambient = state->ambient ? core_ambient_get(state) : NULL;
    if (ambient != NULL && (frame == NULL || ((core_scope *)ambient)->sequence > frame->sequence)) {
        return (core_scope *)ambient;
    }
    Py_XDECREF(ambient);
    return core_own(frame);
}

core_operation *core_scope_operation(core_scope *scope, const core_collector *collector) {
    while (scope != NULL && Py_TYPE(scope) == scope->state->session_type) {
        scope = ((core_session *)scope)->outer;
    }
    core_operation *op = (core_operation *)scope;
    if (op == NULL || (collector != NULL && (op->series == NULL || op->series->collector != collector))) {
        return NULL;
    }
    return op;
}

core_session *core_scope_session(core_scope *scope, const core_collector *collector) {
    while (scope != NULL && Py_TYPE(scope) == scope->state->session_type) {
        core_session *session = (core_session *)scope;
        if (session->collector == collector) {
            return session;
        }
        scope = session->outer;
    }
    return NULL;
}

void core_stack_push(core_operation *op, const core_place *place) {
    op->context = place->context;
    op->stack = place->stack;
    op->below = *place->stack;
    *place->stack = op;
}

void core_stack_pop(core_operation *op) {
    core_operation **link = op->stack;
    op->stack = NULL;
    if (*link == op) {
        *link = op->below;
        return;
    }
    while (*link != NULL && *link != op) { /* not on top: another greenlet's call began later and has not ended */
        link = &(*link)->below;
    }
    if (*link == op) {
        *link = op->below;
    }
    op->below = NULL;
}

int core_scope_enter(core_scope *scope, PyObject **previous) {
    core_state *state = scope->state;
    *previous = NULL;
    if (state->variable == NULL) {
        return 0; /* the interpreter ends */
    }
    *previous = variable_get(state);
    if (variable_set(state, (PyObject *)scope) < 0) {
        Py_CLEAR(*previous);
        return -1;
    }
    state->ambient = 1;
    return 0;
}

static PyObject **previous_of(PyObject *scope) {
    core_state *state = ((core_scope *)scope)->state;
    return Py_TYPE(scope) == state->session_type ? &((core_session *)scope)->previous
                                                 : &((core_operation *)scope)->previous;
}

/* Somebody entered since: who would put this scope back gets what it would have put back. */
CORE_RARE static void unlink_scope(PyObject *now, PyObject *scope, PyObject *previous) {
    for (PyObject **link; now != NULL; now = *link) {
        link = previous_of(now);
        if (*link == scope) {
            *link = core_own(previous);
            Py_DECREF(scope);
            return;
        }
    }
}

void core_scope_leave(core_scope *scope, PyObject *previous) {
    core_raised raised = core_raised_take();
    PyObject *now = core_ambient_get(scope->state);
    if (now == (PyObject *)scope) {
        core_ambient_set(scope->state, previous);
    } else {
        unlink_scope(now, (PyObject *)scope, previous);
    }
    Py_XDECREF(now);
    Py_XDECREF(previous);
    core_raised_put(&raised);
}
