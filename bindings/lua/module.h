/**
 * Lua's side of tachograph: what the files of this folder share.
 *
 * The binding converts and the core decides. All state hangs on one userdata per Lua state, the module; every function
 * has it as its first upvalue, so there are no C globals and two Lua states never meet. Three rules hold everywhere:
 *   - arguments are checked before anything is acquired, because a Lua error jumps out of C and frees nothing;
 *   - what the core hands out goes at once into a userdata with a __gc that was made before the call;
 *   - a child keeps its parent in a user value, so the collector may be closed or collected in any order.
 */
#ifndef TACHOGRAPH_LUA_MODULE_H
#define TACHOGRAPH_LUA_MODULE_H

#include <lauxlib.h>
#include <lua.h>
#include <tachograph.h>

#if LUA_VERSION_NUM != 504
#error "this module is written for Lua 5.4: to-be-closed slots and user values"
#endif

/* Names of the metatables in the registry; also what error messages call the types. */
#define TACHO_LUA_BOX       "tachograph.box"
#define TACHO_LUA_COLLECTOR "tachograph.collector"
#define TACHO_LUA_COMPONENT "tachograph.component"
#define TACHO_LUA_METRIC    "tachograph.metric"
#define TACHO_LUA_MODULE    "tachograph.module"
#define TACHO_LUA_OPERATION "tachograph.operation"
#define TACHO_LUA_SESSION   "tachograph.session"
#define TACHO_LUA_SNAPSHOT  "tachograph.snapshot"
#define TACHO_LUA_STACK     "tachograph.stack"
#define TACHO_LUA_TIMER     "tachograph.timer"
#define TACHO_LUA_TRACKED   "tachograph.tracked"

#define TACHO_LUA_TAGS 8 /* most tags of one series */

typedef struct tacho_lua_module tacho_lua_module;
typedef struct tacho_lua_collector tacho_lua_collector;
typedef struct tacho_lua_session tacho_lua_session;
typedef struct tacho_lua_operation tacho_lua_operation;
typedef struct tacho_lua_stack tacho_lua_stack;
typedef struct tacho_lua_tracked tacho_lua_tracked;

/**
 * An operation or a session that is open in a coroutine: a link of its stack (stack.c). The lowest one may stand for
 * what the coroutine inherits from its creator: then `object` and `session` are those of the creator.
 */
typedef struct tacho_lua_entry {
    struct tacho_lua_entry *below, *above;
    tacho_lua_stack *stack;      /* NULL = on no stack */
    tacho_collector *collector;  /* a parent must record through the same one */
    tacho_operation *operation;  /* NULL = not an operation of this coroutine */
    tacho_lua_session *session;  /* NULL = not a session */
    tacho_lua_operation *object; /* userdata of the operation; NULL = a tracked call that has none yet */
    const char *provider;        /* decides how a response is read; NULL = not known */
    int failed;                  /* outcome that fail() asked for, or -1 */
} tacho_lua_entry;

/** A tracked call in flight: storage that its coroutine's stack reuses. */
typedef struct tacho_lua_frame {
    tacho_lua_entry entry;
    struct tacho_lua_frame *outer; /* the tracked call around it, or the next spare one */
    tacho_lua_tracked *tracked;
    int returned; /* the function has returned; what closes otherwise is an error */
    tacho_operation operation;
} tacho_lua_frame;

/** What is open in one coroutine. User values: 1 = its thread, 2 = module, 3 and 4 = inherited operation and session.
 */
struct tacho_lua_stack {
    lua_State *thread;
    tacho_lua_module *module;
    tacho_lua_entry *top;
    tacho_lua_frame *frames; /* tracked calls, innermost first */
    tacho_lua_frame *spare;
    tacho_lua_stack *newer, *older; /* all stacks, most recently used first */
    tacho_lua_entry inherited;
    int finalized; /* used all the same by finalizers that run later, when the Lua state ends */
};

/** A tracked function. User values: 1 = collector (nil: the default one), 2 = name, 3 = options, 4 = its `usage`,
 * 5 = `notes`. */
struct tacho_lua_tracked {
    tacho_lua_module *module;
    tacho_series *series;       /* NULL = records nothing */
    tacho_collector *collector; /* that the series belongs to, and keeps alive */
    const char *provider;       /* a text of the options, or NULL */
    const tacho_note *notes;    /* for the record of each call */
    uint32_t note_count;
    uint64_t generation; /* of the module, when the series was bound */
    unsigned in_flight;  /* calls that hold the series */
    int finalized;       /* collected while calls of an unfinished coroutine hold the series */
    int nest;            /* operations inside become children */
    int has_usage;
};

/** User values of the module: see TACHO_LUA_UV_*. */
struct tacho_lua_module {
    lua_State *running;       /* coroutine of `stack`; kept alive by it */
    tacho_lua_stack *stack;   /* stack of the coroutine that used the module last; kept alive by a user value */
    tacho_lua_stack *newest;  /* all stacks */
    uint64_t generation;      /* grows when the default collector is replaced */
    tacho_response *response; /* reader of usage, made at its first use */
    int reading;              /* it is reading a table, which may run code of the program */
    int inherits;             /* coroutine.create and wrap have been extended */
    int finalized;            /* nothing is made any more that would have to be freed */
};
#define TACHO_LUA_UV_STACK     1 /* userdata of `stack` */
#define TACHO_LUA_UV_STACKS    2 /* thread -> stack, weak keys */
#define TACHO_LUA_UV_STANDARD  3 /* the default collector, or nil */
#define TACHO_LUA_UV_NOTHING   4 /* what current() gives where there is no operation */
#define TACHO_LUA_UV_OBJECTS   5 /* address -> operation or session object, weak values */
#define TACHO_LUA_UV_ARGUMENTS 6 /* table given to configure(); read again by reset() */
#define TACHO_LUA_UV_DECLARED  7 /* name -> what the module declared it as, in words */
#define TACHO_LUA_UV_COUNT     7

/** User values: 1 = sessions for ids given as options. */
struct tacho_lua_collector {
    tacho_collector *handle;  /* NULL = closed, or it could not be opened: nothing is recorded */
    tacho_settings *settings; /* owns strings and prices of the configuration; freed after every child */
    int used;                 /* something was bound: configure() comes too late */
};

/** User values: 1 = its collector, 2 = its stack, 3 = where its summary goes at the end. */
struct tacho_lua_session {
    tacho_lua_entry entry;
    tacho_session *handle; /* NULL = ended */
};

/** User values: 1 = its collector, 2 = its stack, 3 = session given by the caller, 4 = provider. A view has only 2. */
struct tacho_lua_operation {
    tacho_lua_entry entry;   /* its own place on a stack; unused in a view */
    tacho_lua_entry *source; /* the entry it speaks for: its own, or that of a tracked call in flight */
    tacho_series *series;
    tacho_operation operation;
};

/** An object of the core and what frees it. */
typedef struct tacho_lua_box {
    void *object;
    void (*free)(void *object);
} tacho_lua_box;

/** Usage as the caller gave it. */
typedef struct tacho_lua_usage {
    tacho_usage classes;            /* valid unless there is a response */
    const tacho_response *response; /* valid until the next usage is read */
} tacho_lua_usage;

/** Series as an options table describes it. Texts live as long as the table does not change. */
typedef struct tacho_lua_labels {
    tacho_kind kind;
    tacho_labels labels;
    tacho_tag tags[TACHO_LUA_TAGS];
} tacho_lua_labels;

/** Why something failed, in the core's terms. */
typedef struct tacho_lua_failure {
    tacho_category category;
    tacho_outcome outcome;
    const char *type; /* NULL = none; lives as long as the value it was read from */
} tacho_lua_failure;

/* ---- module.c */
tacho_lua_module *tacho_lua_module_of(lua_State *L);
/** nil, message, code: how every failure is returned. */
int tacho_lua_fail(lua_State *L, tacho_status status);
/** The same, or true. */
int tacho_lua_done(lua_State *L, tacho_status status);
/** Set functions in the table on top: upvalue 1 = the module, 2 = whether they are functions of the module itself. */
void tacho_lua_set_functions(lua_State *L, const luaL_Reg *list, int of_module);
/** New metatable `name` with the functions of `meta`, its __index = a table of `methods` unless `meta` has one. */
void tacho_lua_make_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

/* ---- arguments.c: positional arguments are counted with the collector as number 1, see tacho_lua_enter */
/** Raise "bad argument" for position `arg` of a function that tacho_lua_enter has entered. */
int tacho_lua_bad_argument(lua_State *L, int arg, const char *message);
/** Raise about the option `key`, whose value is on top of the stack. */
int tacho_lua_bad_option(lua_State *L, const char *key, const char *expected);
const char *tacho_lua_check_text(lua_State *L, int arg);
/** The same of what is bound or begun under a name, which must not be empty. */
const char *tacho_lua_check_name(lua_State *L, int arg);
const char *tacho_lua_optional_text(lua_State *L, int arg);
/** Seconds as a number; anything else raises. */
double tacho_lua_check_seconds(lua_State *L, int arg);
/** Raises unless `arg` is nil, none or a table that has only the keys of the NULL-terminated list. */
void tacho_lua_check_options(lua_State *L, int arg, const char *const *keys);
/* Value of an option; each leaves its value on the stack so that a text lives on. A wrong type raises. */
const char *tacho_lua_option_text(lua_State *L, int options, const char *key);
int tacho_lua_option_flag(lua_State *L, int options, const char *key, int fallback);
uint64_t tacho_lua_option_count(lua_State *L, int options, const char *key);
/** Pushes the value and tells whether it is there. */
int tacho_lua_option(lua_State *L, int options, const char *key);
/* notes.c: a table of name = value as notes that live as long as what was pushed stays on the stack. */
const tacho_note *tacho_lua_read_notes(lua_State *L, int table, uint32_t *count);
/**
 * Pushes what goes to the record of an operation: tags that the collector does not declare, then the `metadata` of the
 * options; nil where there is neither. The notes live as long as the value on the stack.
 */
const tacho_note *tacho_lua_push_notes(lua_State *L, const tacho_collector *collector, const tacho_lua_labels *labels,
                                       int options, uint32_t *count);
int tacho_lua_event(lua_State *L);
/** Kind, provider, model, tags of an options table. */
void tacho_lua_check_labels(lua_State *L, int options, tacho_kind kind, tacho_lua_labels *out);
/** Money given as decimal text or number; raises for anything else. */
int64_t tacho_lua_check_money(lua_State *L, int index);

/* ---- timestamp.c */
/** Epoch seconds or RFC 3339 text to Unix nanoseconds; raises for anything else. */
int64_t tacho_lua_check_instant(lua_State *L, int index);
/** The same, or how long ago ("24h"): the bound of a period. */
int64_t tacho_lua_check_bound(lua_State *L, int index);
void tacho_lua_push_instant(lua_State *L, int64_t unix_ns);

/* ---- timeline.c */
int tacho_lua_timeline(lua_State *L);
int tacho_lua_flush(lua_State *L);

/* ---- collector.c */
/**
 * The collector of the call, put at index 1: a method has it there already, a function of the module takes the default
 * one (its second upvalue says which of both it is).
 */
tacho_lua_collector *tacho_lua_enter(lua_State *L);
/** The default collector, opened at its first use; pushed. */
tacho_lua_collector *tacho_lua_standard(lua_State *L);
/** Bind a series; NULL where nothing is recorded. */
/** Whether misuse that is otherwise counted and ignored is an error. */
int tacho_lua_is_strict(const tacho_lua_collector *collector);
tacho_series *tacho_lua_bind(tacho_lua_collector *collector, const char *name, const tacho_lua_labels *labels);
int tacho_lua_configure(lua_State *L);
int tacho_lua_collector_function(lua_State *L);
int tacho_lua_reset(lua_State *L);
int tacho_lua_enabled(lua_State *L);
int tacho_lua_problems(lua_State *L);
/** The functions become methods: same code, upvalue 2 false. */
void tacho_lua_collector_type(lua_State *L, const luaL_Reg *functions);

/* ---- stack.c: who is inside whom (semantics 7) */
/** Stack of the running coroutine. The module is upvalue 1 of the running function. */
tacho_lua_stack *tacho_lua_stack_of(lua_State *L, tacho_lua_module *module);
void tacho_lua_push(tacho_lua_stack *stack, tacho_lua_entry *entry);
void tacho_lua_remove(tacho_lua_entry *entry);
/** Begin a tracked call; NULL when there is no memory. Never raises. */
tacho_lua_frame *tacho_lua_begin_frame(tacho_lua_stack *stack, tacho_lua_tracked *tracked);
/** Parent and session that an operation of this collector has when it begins now; both may be NULL. */
void tacho_lua_surroundings(const tacho_lua_stack *stack, const tacho_collector *collector,
                            const tacho_operation **parent, tacho_session **session);
/** Give the stack of `creator` to a coroutine that has none: the thread at `index` of L. */
void tacho_lua_inherit(lua_State *L, int index, tacho_lua_module *module, const tacho_lua_stack *creator);
tacho_status tacho_lua_end_entry(tacho_lua_entry *entry, const tacho_lua_failure *failure);
void tacho_lua_end_frame(tacho_lua_stack *stack, const tacho_lua_failure *failure);
/** End what is open in coroutines that died of an error; before every reading. */
void tacho_lua_bury_all(lua_State *L, tacho_lua_module *module);
void tacho_lua_stack_type(lua_State *L);

/* ---- coroutine.c */
/** Extend coroutine.create and coroutine.wrap so that what they make inherits from its creator; once per Lua state. */
void tacho_lua_extend_coroutines(lua_State *L, tacho_lua_module *module);

/* ---- failure.c */
/** Read an error object without touching its message. */
void tacho_lua_failure_of(lua_State *L, int index, tacho_lua_failure *out);
/** The same from what a caller gave as `error`: a category, a class name or an error object. */
void tacho_lua_failure_given(lua_State *L, int index, tacho_lua_failure *out);
/** From `success` and the `error` at an index (nil = none): an error given means failure, whatever `success` says. */
void tacho_lua_outcome(lua_State *L, int success, int error, tacho_lua_failure *out);

/* ---- operation.c, report.c, component.c */
tacho_lua_operation *tacho_lua_new_operation(lua_State *L);
/** (collector, name, options) -> operation, begun now and current. */
int tacho_lua_begin(lua_State *L, tacho_kind kind);
/** The innermost operation of this collector in the running coroutine; NULL = none. */
tacho_lua_entry *tacho_lua_innermost(lua_State *L, const tacho_collector *collector);
int tacho_lua_operation_function(lua_State *L);
int tacho_lua_step(lua_State *L);
int tacho_lua_tool(lua_State *L);
int tacho_lua_llm(lua_State *L);
int tacho_lua_agent(lua_State *L);
int tacho_lua_workflow(lua_State *L);
int tacho_lua_current(lua_State *L);
/** Pushes the object of an operation that is open in this coroutine, made now where it has none. */
void tacho_lua_push_object(lua_State *L, tacho_lua_entry *entry);
/** The tracked call of this view has ended: keep its last state in the view itself. */
void tacho_lua_detach_view(tacho_lua_operation *view);
tacho_lua_operation *tacho_lua_check_object(lua_State *L, int arg);
/** The operation at `arg` as the core knows it. */
tacho_operation *tacho_lua_check_operation(lua_State *L, int arg);
void tacho_lua_operation_type(lua_State *L);
extern const luaL_Reg tacho_lua_report_methods[];
/** Report usage, given as classes, response or JSON text at `index`. Wrong types raise. */
tacho_status tacho_lua_report(lua_State *L, int index, const char *dialect, const char *provider, tacho_operation *op);
int tacho_lua_component(lua_State *L);
void tacho_lua_component_type(lua_State *L);

/* ---- session.c */
int tacho_lua_session_function(lua_State *L);
/** Pushes a session of the collector at index `collector` that is on no stack; id NULL = random. */
tacho_lua_session *tacho_lua_new_session(lua_State *L, int collector, const char *id);
void tacho_lua_end_session(tacho_lua_session *session);
/** Pushes the session of an options table: the object given, or one that the collector keeps for an id; nil = NULL. */
tacho_lua_session *tacho_lua_option_session(lua_State *L, int options, int collector);
void tacho_lua_session_type(lua_State *L);

/* ---- track.c, record.c, cost.c */
int tacho_lua_track(lua_State *L);
/** Let the series go; no call may be in flight. */
void tacho_lua_release_tracked(tacho_lua_tracked *tracked);
void tacho_lua_tracked_type(lua_State *L);
int tacho_lua_record(lua_State *L);
int tacho_lua_record_step(lua_State *L);
int tacho_lua_record_tool_call(lua_State *L);
int tacho_lua_record_call(lua_State *L);
int tacho_lua_record_success(lua_State *L);
int tacho_lua_record_failure(lua_State *L);
int tacho_lua_record_usage(lua_State *L);
int tacho_lua_record_context(lua_State *L);
int tacho_lua_calculate_cost(lua_State *L);

/* ---- metric.c */
int tacho_lua_counter(lua_State *L);
int tacho_lua_gauge(lua_State *L);
int tacho_lua_histogram(lua_State *L);
int tacho_lua_cache(lua_State *L);
int tacho_lua_record_cache(lua_State *L);
int tacho_lua_operation_cache(lua_State *L);
void tacho_lua_metric_type(lua_State *L);

/* ---- usage.c, source.c */
/**
 * Read usage at `index`: a table of our classes, a response as a table, or its JSON text. Wrong types and an unknown
 * dialect raise. TACHO_INVALID: classes of which some have a name that nobody knows; the others are in `out->classes`.
 */
tacho_status tacho_lua_read_usage(lua_State *L, int index, const char *dialect_name, const char *provider,
                                  tacho_lua_usage *out);
tacho_status tacho_lua_read_table(lua_State *L, int index, const tacho_dialect *dialect, const char *provider,
                                  tacho_response *response);

/* ---- fields.c: structs described by field tables */
void tacho_lua_push_seconds(lua_State *L, int64_t ns);
void tacho_lua_push_money(lua_State *L, int64_t pusd);
void tacho_lua_push_row(lua_State *L, const tacho_row *row);
void tacho_lua_push_metric(lua_State *L, const tacho_metric_row *row);
void tacho_lua_push_cache(lua_State *L, const tacho_cache_row *row);
void tacho_lua_push_record(lua_State *L, const tacho_record_view *record);
void tacho_lua_push_system(lua_State *L, const tacho_system *system);
/** The fields of a summary that say how far it can be trusted. */
void tacho_lua_push_quality(lua_State *L, const tacho_summary *summary);
void tacho_lua_push_scalars(lua_State *L, const tacho_summary *summary);

/* ---- box.c, output.c */
/** Pushes an empty box. */
tacho_lua_box *tacho_lua_new_box(lua_State *L);
void tacho_lua_box_type(lua_State *L);
/** Pushes a new output for tacho_lua_sink; NULL = no memory, an empty box is pushed all the same. */
void *tacho_lua_new_output(lua_State *L);
int tacho_lua_sink(void *context, const char *bytes, size_t length);
/** Results of a function that ends with this output, which is on top: its text, or a failure. */
int tacho_lua_finish_output(lua_State *L, const void *output, tacho_status status);

#define TACHO_LUA_PATH_MAX 4096

/* ---- reading.c, metric_reading.c */
/** What a reading function was called on. */
typedef struct tacho_lua_reading {
    const tacho_snapshot *snapshot;
    tacho_status status;                  /* of taking it */
    const tacho_lua_collector *collector; /* NULL = a method of a snapshot */
} tacho_lua_reading;
/** Leaves the owner at index 1 and `arguments` arguments after it; a snapshot that was taken now stands above them. */
tacho_lua_reading tacho_lua_reading_enter(lua_State *L, int arguments);
typedef tacho_status (*tacho_lua_writer)(const void *object, const tacho_style *style, tacho_sink sink, void *context);
/** Body of a __tostring: writes the boxed object of its first upvalue. */
int tacho_lua_text_of(lua_State *L, tacho_lua_writer write);
/** Gives the table on top of L a __tostring that prints the boxed object at `box`. */
void tacho_lua_set_text(lua_State *L, int box, lua_CFunction text);
int tacho_lua_caches(lua_State *L);
int tacho_lua_metrics(lua_State *L);
/** Push the rows as a list. */
void tacho_lua_push_caches(lua_State *L, const tacho_cache_rows *rows);
void tacho_lua_push_metrics(lua_State *L, const tacho_metric_rows *rows);
/** Pushes the record of an ended operation, whose object is at index 1; nil when the ring has lost it. */
int tacho_lua_push_record_of(lua_State *L, uint64_t id);
/** A C function: gives the summary of an open session to an object that has a method write. */
int tacho_lua_write_summary(lua_State *L);
extern const luaL_Reg tacho_lua_reading_functions[];
void tacho_lua_snapshot_type(lua_State *L);
int tacho_lua_load(lua_State *L);

#endif
