/**
 * Python's side of tachograph: what the files of this folder share.
 *
 * The binding converts and the core decides. Every object keeps a pointer to the module's state (alive as long as the
 * object's type is), because slots such as vectorcall do not receive their defining class. All state is in the module,
 * save for one thread-local word (nesting.c). Everything here runs under the interpreter lock, which is what
 * TACHO_CONFIG_SERIALIZED promises to the core.
 */
#ifndef TACHOGRAPH_PYTHON_CORE_H
#define TACHOGRAPH_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <tachograph.h>

#define CORE_STATUSES 16   /* entries of TACHO_STATUS_MAP; checked in errors.c */
#define CORE_POOL     64u  /* operation objects kept for the next call */
#define CORE_CACHED   4096 /* bound series a collector remembers for operation() and record() */
#define CORE_SESSIONS 64   /* sessions a collector keeps open for operation(session=...) */

typedef struct core_operation core_operation;
typedef struct core_collector core_collector;

/** State of one module object, so of one interpreter. */
typedef struct core_state {
    PyObject *errors[CORE_STATUSES + 1]; /* by -status; the last is TachoError */
    PyTypeObject *collector_type, *series_type, *session_type, *operation_type, *component_type, *ready_type;
    PyTypeObject *tracked_type, *coroutine_type, *snapshot_type, *table_type;
    PyTypeObject *generator_type, *async_generator_type, *step_type;
    PyTypeObject *metric_types[TACHO_METRIC_TYPE_COUNT], *timer_type, *cache_type;
    PyObject *variable;       /* ContextVar: the innermost `with` block, async function or session */
    core_collector *standard; /* the default collector; NULL until it is first needed */
    PyObject *arguments;      /* dict given to configure(); read again by reset() */
    PyObject *declared;       /* dict: name -> what the module declared it as, in words */
    PyObject *told;           /* set: sentences about settings that were logged; NULL until there is one */
    core_operation *nothing;  /* what current() gives where there is no operation */
    core_operation *pool;     /* operations for tracked calls, linked by `below` */
    tacho_response *response; /* reader of usage; NULL while it is in use */
    PyObject *decimal, *datetime, *timedelta, *epoch, *fromisoformat; /* imported at their first use */
    PyObject *cost_names; /* tuple: fields of a cost, then of its components; made at the first use */
    void *datetime_api;   /* PyDateTime_CAPI; imported at the first use */
    uint64_t generation;  /* grows when the default collector is replaced */
    uint64_t sequence;    /* grows with every begin; orders operations of the two kinds of nesting */
    unsigned pooled;
    char ambient;   /* the ContextVar has been set at least once */
    char greenlets; /* tracked calls may be interleaved in a thread: use the ContextVar */
} core_state;

/** What every scope begins with: an operation or a session. */
typedef struct core_scope {
    PyObject_HEAD core_state *state;
    uint64_t sequence; /* when it began, in begins of this interpreter */
} core_scope;

struct core_collector {
    PyObject_HEAD core_state *state;
    tacho_collector *handle;  /* NULL = disabled */
    tacho_settings *settings; /* outlives the handle: it owns strings and prices of its configuration */
    PyObject *series;         /* (kind, name, provider, model) -> series */
    PyObject *sessions;       /* id -> session, for operation(session="id") */
    char strict;
    char used; /* a series was bound: configure() comes too late */
    char closed;
};

/** A bound series with what it was bound from, so that it can be bound again to another collector. */
typedef struct core_series {
    PyObject_HEAD core_collector *collector;
    tacho_series *handle;                     /* NULL = disabled */
    PyObject *name, *provider, *model, *tags; /* str; str, str, dict or None */
    PyObject *notes;                          /* the tags that are not declared, for the records; NULL = none */
    tacho_kind kind;
} core_series;

typedef struct core_session {
    core_scope scope;
    core_collector *collector;
    tacho_session *handle;
    PyObject *id;       /* str or NULL: random */
    PyObject *summary;  /* where the summary goes at the end; NULL = nowhere */
    core_scope *outer;  /* scope around the block, or NULL */
    PyObject *previous; /* what the ContextVar held before the block */
} core_session;

typedef enum core_phase { CORE_NEW, CORE_OPEN, CORE_ENDED } core_phase;

struct core_operation {
    core_scope scope;
    core_series *series;    /* NULL = records nothing */
    core_operation *below;  /* next on the thread's stack, or in the pool */
    core_operation **stack; /* of the thread whose stack it is on; NULL = on none */
    PyObject *context;      /* identity of the context it began in; never dereferenced */
    PyObject *previous;     /* what the ContextVar held before; NULL = nothing */
    core_session *session;  /* given by the caller, or NULL */
    core_session *within;   /* the session block it belongs to, or NULL */
    PyObject *traceparent;  /* given by the caller, or NULL */
    PyObject *metadata;     /* likewise */
    core_phase phase;
    tacho_outcome planned; /* how it ends when nothing raises: ok, or what fail() said */
    char entered;          /* this operation is in the ContextVar */
    char shown;            /* the collector of garbage knows it */
    tacho_operation op;
};

/* A text for the core: NUL-terminated UTF-8 and what keeps it alive. */
typedef struct core_text {
    const char *bytes; /* NULL = none given, or not a text */
    PyObject *owner;
} core_text;

/* ---- convert.c: values. Code of the program runs in them; its exceptions are dropped but KeyboardInterrupt and the
 * like, which stay set for the caller to return with. */
core_text core_text_of(PyObject *value);
void core_text_done(core_text *text);
/** NaN for what is no number; the core counts it. */
double core_seconds_of(PyObject *value);
/** Nanoseconds of a float, int or None (TACHO_DURATION_UNKNOWN); otherwise the core's status. */
tacho_status core_duration_of(core_collector *collector, PyObject *value, uint64_t *out);
/** Pico-USD of a Decimal, int, float or text. */
tacho_status core_money_of(PyObject *value, int64_t *out);
/** Unix nanoseconds of an aware datetime, ISO text or epoch seconds; -1 with ValueError or TypeError set. */
int core_instant_of(core_state *state, PyObject *value, int64_t *out);
/**
 * A count >= 0; 0 where none is given. What is no count is left out and counted as core_leave_out says: 0, or -1 with
 * an exception.
 */
int core_count_read(core_collector *collector, const char *argument, PyObject *value, uint64_t *out);
/** What raises is false. */
int core_truth_of(PyObject *value);
PyObject *core_seconds(int64_t ns);
PyObject *core_money(core_state *state, int64_t pusd);
PyObject *core_instant(core_state *state, int64_t ns);
PyObject *core_string(const char *text);
/** Import `module`.`name` into *slot once; borrowed reference or NULL with an exception. */
PyObject *core_import(PyObject **slot, const char *module, const char *name);

/* ---- errors.c */
int core_errors_ready(PyObject *module, core_state *state);
/** "detail: text of the status". */
PyObject *core_raise(core_state *state, tacho_status status, const char *detail);
/** The sentence alone, if there is one. */
PyObject *core_raise_sentence(core_state *state, tacho_status status, const char *sentence);
/** The end of every recording call: None, or in strict mode the exception of the status. */
PyObject *core_done(core_collector *collector, tacho_status status);
/**
 * A value of a recording call cannot be used: in strict mode -1 with the exception that is set, or one of `status` that
 * names the argument; else 0, and the call goes on without the value. KeyboardInterrupt and the like always stay.
 */
int core_refuse(core_collector *collector, const char *argument, tacho_status status);
/** The same, and the core counts it: for what no other call to the core has counted. */
int core_leave_out(core_collector *collector, const char *argument, tacho_status status);
/** Drops the exception that is set, but KeyboardInterrupt and the like. */
void core_drop(void);
/** In strict mode keeps the exception that is set, else drops it; KeyboardInterrupt and the like always stay. */
int core_forgive(core_collector *collector);

/** The exception that is set, taken out for a while and put back. */
typedef struct core_raised {
    PyObject *type, *value, *traceback;
} core_raised;
core_raised core_raised_take(void);
void core_raised_put(core_raised *raised);

/* ---- failure.c */
typedef struct core_failure {
    tacho_category category;
    tacho_outcome outcome;
    char type[201];
} core_failure;
/** Read an exception without touching its message. Never raises. */
void core_failure_read(PyObject *exception, core_failure *out);
/** The same from what a caller gave as `error`: exception, exception class, category or class name. */
void core_failure_given(PyObject *error, core_failure *out);
/** The exception being raised right now; it stays set. Ends the operation by it. */
void core_failure_end(core_operation *op);

/* ---- collector.c, series.c, session.c */
/** The default collector, opened at its first use; borrowed; NULL with an exception. */
core_collector *core_standard(core_state *state);
/** For a handle of the default collector: what that is now, put in place of `followed`, and its generation. NULL,
 * without an exception, where none can be opened. */
core_collector *core_follow(core_state *state, uint64_t *generation, core_collector **followed);
PyObject *core_configure(core_state *state, PyObject *config);
PyObject *core_reset(core_state *state);
/** Enabled and open: bound series record. */
int core_recording(const core_collector *collector);
core_series *core_series_bind(core_collector *collector, tacho_kind kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags);
/** The same for text arguments of a recording call; keeps what it bound. */
core_series *core_series_find(core_collector *collector, PyObject *kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags);
/** The same without the labels that cannot be used, which are counted. NULL without an exception: no usable name. */
core_series *core_series_mend(core_collector *collector, PyObject *kind, PyObject *name, PyObject *provider,
                              PyObject *model, PyObject *tags);
core_session *core_session_of(core_collector *collector, PyObject *value);
/** A new session scope that has not begun; id NULL = random. */
core_session *core_session_new(core_collector *collector, PyObject *id, PyObject *summary);
PyObject *core_session_function(core_collector *collector, PyObject *args, PyObject *kwargs);

/* ---- nesting.c: who is inside whom (semantics 7) */
/** Where the caller is: the stack of its thread and the identity of its context. */
typedef struct core_place {
    core_operation **stack;
    PyObject *context;
} core_place;
/** The scope that a new operation belongs to, or NULL; a new reference. `place` is filled. */
core_scope *core_scope_find(core_state *state, core_place *place);
/** The innermost operation of a scope that records with this collector, or NULL; borrowed. */
core_operation *core_scope_operation(core_scope *scope, const core_collector *collector);
/** Session of this collector between the scope and its innermost operation, or NULL; borrowed. */
core_session *core_scope_session(core_scope *scope, const core_collector *collector);
/** The caller's stack and context alone. */
void core_place_here(core_place *place);
/** What the ContextVar holds, as a new reference; NULL = nothing. Never raises. */
PyObject *core_ambient_get(core_state *state);
/** Makes it hold `value` (NULL = nothing). Never raises. */
void core_ambient_set(core_state *state, PyObject *value);
void core_stack_push(core_operation *op, const core_place *place);
void core_stack_pop(core_operation *op);
/** Make `scope` the current one of this context and tell what it replaces. 0, or -1 with an exception. */
int core_scope_enter(core_scope *scope, PyObject **previous);
/** Put `previous` (stolen, may be NULL) back; if somebody else has entered since, they will when they leave. */
void core_scope_leave(core_scope *scope, PyObject *previous);

/* ---- operation.c */
core_operation *core_operation_new(core_state *state);
/** Tell the collector of garbage of an operation that the program can now see. */
void core_operation_show(core_operation *op);
/** From the pool: for tracked calls. Reference count 1; give it back with core_operation_return. */
core_operation *core_operation_take(core_state *state);
void core_operation_return(core_operation *op);
/** Begin inside `outer`, which may be NULL. */
void core_operation_begin(core_operation *op, core_scope *outer);
/** Begin inside what is current, without becoming current. */
void core_operation_begin_here(core_operation *op);
PyObject *core_operation_function(core_collector *collector, PyObject *args, PyObject *kwargs);
void core_pool_clear(core_state *state);
/** Methods of Operation that only report something (operation_report.c). */
PyObject *core_operation_usage(core_operation *op, PyObject *args, PyObject *kwargs);
int core_operation_report(core_operation *op, PyObject *response, PyObject *dialect);
PyObject *core_operation_add_component(core_operation *op, PyObject *args);
PyObject *core_operation_tool_call(core_operation *op, PyObject *args, PyObject *kwargs);
PyObject *core_operation_model(core_operation *op, PyObject *model);
PyObject *core_operation_provider(core_operation *op, PyObject *provider);
PyObject *core_operation_cost(core_operation *op, PyObject *usd);
PyObject *core_operation_first_token(core_operation *op, PyObject *unused);
PyObject *core_operation_retry(core_operation *op, PyObject *args);
PyObject *core_operation_event(core_operation *op, PyObject *args, PyObject *kwargs); /* notes.c, as the next two */
/** Adds a mapping to an operation in flight. TACHO_INVALID: it is none. An exception may be set. */
tacho_status core_metadata_add(core_operation *op, PyObject *mapping);
/** Records a finished operation with a mapping as its metadata; -1 with an exception. */
int core_metadata_record(core_collector *collector, core_series *series, PyObject *mapping, tacho_finished *finished,
                         tacho_status *status);
PyObject *core_operation_human(core_operation *op, PyObject *unused);
PyObject *core_operation_warn(core_operation *op, PyObject *args);
PyObject *core_operation_context(core_operation *op, PyObject *args, PyObject *kwargs);
PyObject *core_operation_fail(core_operation *op, PyObject *args, PyObject *kwargs);

/* ---- usage.c: responses and classes */
typedef struct core_usage {
    tacho_usage classes;
    core_text texts[8];
    size_t text_count;
    const char *refused; /* name of an argument that is no text; NULL = none */
} core_usage;
/** Classes given by keyword. Unknown names raise TypeError. 0, or -1. */
int core_usage_read(PyObject *kwargs, core_usage *out);
void core_usage_done(core_usage *usage);
/** Takes out, and counts, a dialect that nobody knows and a number that cannot be a response. 0, or -1 in strict mode.
 */
int core_usage_check(core_collector *collector, PyObject **value, PyObject **dialect, const char *provider);
/** Names and numbers of which no dialect knows any: classes that were meant, not a response that has no usage. */
int core_usage_is_misspelt(PyObject *value);
/** The same of a response that was read under our own names: it has classes that we know and others that nobody does.
 */
int core_usage_is_partly_misspelt(PyObject *value, const tacho_response *read);
/** The classes that are known (NULL = none), with the fault UNKNOWN_CLASS that the core counts. */
void core_usage_misspelt(tacho_usage *out, const tacho_response *known);
/**
 * Read a response (mapping, object or JSON text). *out is to be given back with core_response_done.
 * TACHO_NO_DATA where it has no usage. A status below 0 with an exception set: KeyboardInterrupt and the like only.
 */
tacho_status core_response_read(core_state *state, PyObject *value, PyObject *dialect, const char *provider,
                                tacho_response **out);
void core_response_done(core_state *state, tacho_response *response);
/** The host's side of tacho_response_read (source.c). *raised receives an exception that must not be swallowed. */
void core_value_source(PyObject *root, PyObject **raised, tacho_value_source *out);

/* ---- metric.c, cache.c; collector NULL = the default one, whatever it is */
PyObject *core_metric_function(core_state *state, core_collector *collector, tacho_metric_type type, PyObject *args,
                               PyObject *kwargs);
PyObject *core_cache_function(core_state *state, core_collector *collector, PyObject *args, PyObject *kwargs);
PyObject *core_record_cache_function(core_collector *collector, PyObject *args, PyObject *kwargs);
PyObject *core_operation_cache(core_operation *op, PyObject *args);

/* ---- timeline.c */
PyObject *core_timeline_points(core_collector *self, PyObject *args);
/** Waits for the keeper, `timeout` seconds at most (an argument of the call): 1 = done, 0 = not in time, -1 = raised.
 */
int core_flush(core_collector *self, PyObject *args, PyObject *kwargs, const char *format);

/* ---- record.c, cost.c */
PyObject *core_record_function(core_collector *collector, PyObject *args, PyObject *kwargs);
PyObject *core_calculate_cost(core_state *state, PyObject *args, PyObject *kwargs);

/* ---- snapshot.c, query.c, table.c, fields.c */
PyObject *core_snapshot_of(core_collector *collector, PyObject *args); /* (alone=False): without others of its folder */
PyObject *core_snapshot_of_process(core_collector *collector);
PyObject *core_load(core_state *state, PyObject *path);
/** Arguments of usage(by, *, kinds="usual", session, since, until). 0, or -1 with an exception. */
/** A query with the objects whose texts it has. */
typedef struct core_query {
    tacho_query query;
    PyObject *keys, *where;
} core_query;
/** From (by, kinds=, session=, since=, until=, where=); -1 with an exception. core_query_done ends it either way. */
int core_query_read(core_state *state, PyObject *args, PyObject *kwargs, core_query *out);
void core_query_done(core_query *query);
/** A table that owns what it is made of, and frees it also when it cannot be made. `snapshot` keeps its strings alive.
 */
PyObject *core_table_of_rows(core_state *state, tacho_rows *rows, PyObject *snapshot);
PyObject *core_table_of_records(core_state *state, tacho_records *records, PyObject *snapshot);
PyObject *core_table_of_caches(core_state *state, tacho_cache_rows *rows, PyObject *snapshot);
PyObject *core_table_of_metrics(core_state *state, tacho_metric_rows *rows, PyObject *snapshot);
PyObject *core_table_of_summary(core_state *state, tacho_summary *summary, PyObject *snapshot);
PyObject *core_table_of_system(core_state *state, const tacho_system *system);
/** One struct described by a field table, as a tuple in the table's order. times: named values are nanoseconds. */
PyObject *core_fields_values(core_state *state, const tacho_field *fields, size_t count, const void *base, int times);
/** The table itself: list of (name, type word, help). */
PyObject *core_fields_describe(const tacho_field *fields, size_t count);
/** Collects what a writer of the core puts out. */
typedef struct core_output {
    char *bytes;
    size_t length, room;
    int failed;
} core_output;
int core_output_sink(void *context, const char *bytes, size_t length);
PyObject *core_output_done(core_state *state, core_output *output, tacho_status status, int binary);

/* ---- types: each file makes its own */
/* A method of any signature in a table of methods: through void (*)(void), which compilers let become every other. */
#define CORE_METHOD(function) ((PyCFunction)(void (*)(void))(function))
extern PyType_Spec core_collector_spec, core_series_spec, core_session_spec, core_operation_spec, core_component_spec;
extern PyType_Spec core_generator_spec, core_async_generator_spec, core_step_spec;
extern PyType_Spec core_ready_spec, core_tracked_spec, core_coroutine_spec, core_snapshot_spec, core_table_spec;
extern PyType_Spec core_metric_specs[TACHO_METRIC_TYPE_COUNT], core_timer_spec, core_cache_spec;
/* What a tracked function records under; NULL = as track() documents it. All borrowed. */
typedef struct core_track_options {
    PyObject *name, *kind, *provider, *model, *tags, *usage, *cost, *metadata, *collector;
    int nest;            /* 0 = no parent, and nobody's parent */
    int usage_is_result; /* the result itself is the provider's response */
} core_track_options;
/** Wrap a function, classmethod or staticmethod; the function itself where nothing is recorded. */
PyObject *core_track(core_state *state, PyObject *function, const core_track_options *options);
PyObject *core_track_function(core_state *state, PyObject *args, PyObject *kwargs);

/** What kind of function this is, after unwrapping methods and partials. */
typedef enum core_shape { CORE_SYNC, CORE_ASYNC, CORE_GENERATOR, CORE_ASYNC_GENERATOR } core_shape;
/** 0, or -1 with TypeError: cannot be tracked. */
int core_shape_of(PyObject *function, core_shape *shape);
/** Name of a function as semantics 19 wants it; a new reference. */
PyObject *core_function_name(PyObject *function);

typedef struct core_tracked {
    PyObject_HEAD vectorcallfunc vectorcall;
    core_state *state;
    PyObject *wrapped, *dict, *weak;
    core_series *series;
    PyObject *usage, *cost; /* callables given to track(), or NULL */
    PyObject *metadata;     /* of every call, or NULL */
    uint64_t generation;    /* of the default collector when the series was bound */
    char follows;           /* records to whatever the default collector is */
    char nest, reports, usage_is_result;
    core_shape shape;
} core_tracked;
/** Series to record under, bound again if the default collector has been replaced; borrowed; NULL = record nothing. */
core_series *core_tracked_series(core_tracked *tracked);
/** Call the hooks of track() on a result. 0, or -1 with an exception that must reach the program. */
int core_tracked_report(core_tracked *tracked, core_operation *op, PyObject *result);

/* ---- coroutine.c: driving coroutines and generators */
#if PY_VERSION_HEX < 0x030A0000
typedef enum { PYGEN_RETURN = 0, PYGEN_ERROR = -1, PYGEN_NEXT = 1 } PySendResult;
#endif
/** One step: PYGEN_NEXT with what it yielded, PYGEN_RETURN with what it returned, PYGEN_ERROR with an exception. */
PySendResult core_send(PyObject *inner, PyObject *value, PyObject **result);
/** Value of the StopIteration that is set, which is cleared. NULL with the exception, if it is another one. */
PyObject *core_stop_value(void);
/** Raises StopIteration(value), also where value is a tuple or an exception. */
void core_raise_stop(PyObject *value);

/* ---- generator.c, async_generator.c */
/** A generator or async generator of a tracked function. */
typedef struct core_stream {
    PyObject_HEAD core_tracked *tracked;
    PyObject *inner, *weak;
    core_operation *op; /* begun and not ended */
    PyObject *last;     /* the item before, where a hook of track() wants it; NULL = none */
    PyObject *inside;   /* what the ContextVar held in there when the last step ended; NULL = nothing */
    PyObject *outside;  /* what it held out here, while a step runs; NULL = nothing */
    char begun, running;
    char current;     /* a step runs, and the operation is current */
    char stepped;     /* `inside` is known */
    char by_variable; /* current by the ContextVar; else by the thread's stack */
    char first_token; /* the first item sets it */
} core_stream;
PyObject *core_stream_new(core_tracked *tracked, PyObject *inner);
/** Begins at the first step, and makes the operation current; and takes that back. An exception that is set stays. */
void core_stream_enter(core_stream *self);
void core_stream_leave(core_stream *self);
/** A step has given an item. */
void core_stream_yielded(core_stream *self, PyObject *item);
void core_stream_end(core_stream *self, tacho_outcome outcome);
/** By the exception that is set and stays. */
void core_stream_end_raised(core_stream *self);
/**
 * It returned `result`; hooks of track() get that, or, where it is None, the last item. 0, or -1 with an exception of a
 * hook that must reach the program.
 */
int core_stream_end_returned(core_stream *self, PyObject *result);
PyObject *core_stream_getattro(PyObject *self, PyObject *name);
/** What a tracked coroutine or generator shows of the one inside, which may be gone: attributes that it has not itself,
 * the class, the text. */
PyObject *core_inner_getattro(PyObject *self, PyObject *inner, PyObject *name);
PyObject *core_inner_class(PyObject *self, PyObject *inner);
PyObject *core_inner_repr(PyObject *inner);
PyObject *core_stream_class(core_stream *self, void *unused);
PyObject *core_stream_repr(core_stream *self);
int core_stream_traverse(core_stream *self, visitproc visit, void *arg);
int core_stream_clear(core_stream *self);
void core_stream_dealloc(core_stream *self);

PyObject *core_coroutine_new(core_tracked *tracked, PyObject *inner);
PyObject *core_ready_new(core_state *state, PyObject *value);
core_state *core_state_of_module(PyObject *module);
/** State from a type of this module or a class derived from one; NULL with an exception. */
core_state *core_state_of(PyTypeObject *type);

/* Rare paths that must not weigh on the common one, neither in its registers nor in its cache lines. */
#define CORE_RARE __attribute__((noinline, cold))

static inline void *core_own(void *object) {
    Py_XINCREF((PyObject *)object);
    return object;
}

static inline PyObject *core_none(void) {
    return (PyObject *)core_own(Py_None);
}

/** None and NULL are the same to a caller who leaves an argument out. */
static inline PyObject *core_given(PyObject *value) {
    return value == Py_None ? NULL : value;
}

#endif
