/**
 * What the lines of all files say together. Each fact has a key and joins with what is known under it already; joining
 * is commutative, associative and idempotent, so neither the order of lines and files nor reading one twice changes the
 * result (semantics 38, 57). Everything that depends on several facts (steps, parents, context) is made from them
 * afterwards, in claude_derive.h.
 */
#ifndef TACHO_INGEST_CLAUDE_FACT_H
#define TACHO_INGEST_CLAUDE_FACT_H

#include "base/strings.h"

#include <stdbool.h>
#include <tachograph/usage.h>

/** An interned text; 0 = unknown. */
typedef uint32_t tacho__fact_text;

/* In the order in which facts of the same instant follow each other. */
typedef enum tacho__fact_kind {
    TACHO__FACT_PROMPT,     /* a human wrote something; id = the line's */
    TACHO__FACT_AGENT,      /* a sub-agent; id = "session/agent"; name = the tool that runs it */
    TACHO__FACT_CALL,       /* a model call; id = the response's; name = the model */
    TACHO__FACT_TOOL,       /* a tool call; id = the tool_use's; name = the tool */
    TACHO__FACT_AGENT_TYPE, /* kind of sub-agent that a tool call starts; id = the tool_use's; name = the kind */
    TACHO__FACT_COMPACTION, /* the context was compacted; id = the line's */
    TACHO__FACT_INTERRUPT   /* a human stopped the agent; id = the line's */
} tacho__fact_kind;

/** What a fact looks like in the file once it is seen among its neighbours; a plain value, compared byte by byte. */
typedef struct tacho__fact_shape {
    tacho__fact_text parent; /* source id of the parent; 0 = none */
    tacho__fact_text name;   /* operation, where it is derived */
    int64_t started_at_ns, ended_at_ns;
    int64_t context_size; /* -1 = unknown */
    uint32_t tool_calls, compressions, interventions;
    uint32_t outcome;        /* tacho_outcome */
    uint32_t there;          /* 1: it is an operation of its own */
    uint32_t low_confidence; /* CALL */
} tacho__fact_shape;

/** Usage of a call, and what it cost under the prices of the import. */
typedef struct tacho__fact_usage {
    uint32_t present; /* bit per unit */
    int32_t cost_state;
    int64_t cost_pusd, reported_pusd, table_pusd;
    int64_t units[TACHO_UNIT_COUNT];
    int64_t input_tokens, total_tokens;
    uint32_t served;      /* see price/served.h */
    char price_sheet[40]; /* "version/sheet" of the price table; "" = none */
} tacho__fact_usage;

typedef struct tacho__fact {
    tacho__fact_kind kind;
    tacho__fact_text id, session, agent, name, line;
    int64_t at_ns;  /* 0 = unknown */
    int64_t end_ns; /* TOOL: time of the result; 0 = unknown */
    uint32_t line_flags;
    uint32_t usage;      /* CALL: position in `usages` + 1; 0 = no usage was reported */
    int64_t output;      /* CALL: output tokens; -1 = unknown */
    bool is_error;       /* TOOL: of the result */
    bool has_result;     /* TOOL: a result was read */
    bool has_use;        /* TOOL: the call was read, not only its result */
    bool low_confidence; /* CALL: no direct line was read */
    bool dirty;          /* the file does not have this, or has another line of it */
    bool checked;        /* the file was asked for this key */
    bool in_file;        /* the file has it, in whatever form */
    bool seen;           /* it was read in this run */
    tacho__fact_shape shape, written;
} tacho__fact;

typedef struct tacho__facts {
    tacho__strings *strings;
    tacho__fact *facts;
    size_t count, room;
    uint32_t *slots; /* open addressing over (kind, id): index + 1 */
    size_t slot_count;
    tacho__fact_usage *usages; /* of calls */
    size_t usage_count, usage_room;
    uint8_t *sessions; /* by text id: TACHO__SESSION_* bits */
    size_t session_room;
} tacho__facts;

#define TACHO__SESSION_TOUCHED 1u /* a fact of it changed since it was last derived */
#define TACHO__SESSION_SEEN    4u /* a fact of it was read in this run */
#define TACHO__SESSION_LOADED  2u /* all that the file has of it is here */

/** TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__facts_init(tacho__facts *facts);
void tacho__facts_free(tacho__facts *facts);
/** Forgets everything and keeps the memory. TACHO_OK; TACHO_NOMEM (free it then). */
tacho_status tacho__facts_clear(tacho__facts *facts);

/** The id of a text; 0 for "" and NULL. TACHO_OK; TACHO_NOMEM; TACHO_FULL. */
tacho_status tacho__facts_text(tacho__facts *facts, const char *text, tacho__fact_text *id);
/** "a/b", interned. */
tacho_status tacho__facts_path(tacho__facts *facts, tacho__fact_text a, tacho__fact_text b, tacho__fact_text *id);
const char *tacho__facts_get(const tacho__facts *facts, tacho__fact_text id);
/** The text, NULL for 0. */
const char *tacho__facts_get_or_null(const tacho__facts *facts, tacho__fact_text id);

/** The fact under a key; NULL if there is none. Valid until the next join. */
tacho__fact *tacho__facts_find(const tacho__facts *facts, tacho__fact_kind kind, tacho__fact_text id);
/**
 * Joins a candidate; `usage` belongs to a call (NULL = none reported) and is copied. What changes is marked as dirty,
 * and its sessions as touched.
 *
 * @param taken  receives the fact if it shows the candidate's line and usage from now on, else NULL; valid until the
 *               next join; may be NULL
 */
tacho_status tacho__facts_join(tacho__facts *facts, const tacho__fact *candidate, const tacho__fact_usage *usage,
                               tacho__fact **taken);
/**
 * The same for what a history file says under a key that is already here (or not): afterwards the fact is dirty exactly
 * if it says more than the file.
 */
tacho_status tacho__facts_join_stored(tacho__facts *facts, const tacho__fact *stored, const tacho__fact_usage *usage,
                                      tacho__fact **joined);
/** Joins all facts of another table. */
tacho_status tacho__facts_merge(tacho__facts *facts, const tacho__facts *more);

/** Usage of a call, or NULL. */
const tacho__fact_usage *tacho__facts_usage(const tacho__facts *facts, const tacho__fact *fact);
/** The same to write to: for what takes part in no comparison. */
tacho__fact_usage *tacho__facts_usage_of(tacho__facts *facts, const tacho__fact *fact);

uint8_t tacho__facts_session(const tacho__facts *facts, tacho__fact_text session);
tacho_status tacho__facts_session_set(tacho__facts *facts, tacho__fact_text session, uint8_t set, uint8_t clear);

#endif
