/**
 * One line of a Claude Code transcript, reduced to what is counted: ids, times, names and usage. Text of prompts,
 * answers, arguments and results is passed over and never copied; of a tool's arguments only the kind of sub-agent that
 * it starts is taken, and only if it is a plain name.
 *
 * A line either is a message itself ("direct"), or carries one of a sub-agent in `data.message` ("wrapped").
 */
#ifndef TACHO_INGEST_CLAUDE_LINE_H
#define TACHO_INGEST_CLAUDE_LINE_H

#include "base/buffer.h"
#include "wire/json_reader.h"

#include <stdbool.h>
#include <tachograph/usage.h>

/** A text inside tacho__claude_line.texts, NUL-terminated there; 0 = not in the line. */
typedef uint32_t tacho__claude_text;

typedef enum tacho__claude_type {
    TACHO__CLAUDE_FOREIGN, /* JSON, but no line that we know */
    TACHO__CLAUDE_ASSISTANT,
    TACHO__CLAUDE_USER,
    TACHO__CLAUDE_SYSTEM,
    TACHO__CLAUDE_SILENT /* known, and nothing to count in it */
} tacho__claude_type;

/* Bits of tacho__claude_line.flags. */
#define TACHO__CLAUDE_WRAPPED     1u   /* the message stood inside a progress line */
#define TACHO__CLAUDE_SIDECHAIN   2u   /* of a sub-agent, or a replay */
#define TACHO__CLAUDE_META        4u   /* a user line that no human wrote */
#define TACHO__CLAUDE_SUMMARY     8u   /* the summary after a compaction */
#define TACHO__CLAUDE_BOUNDARY    16u  /* a compaction happened here */
#define TACHO__CLAUDE_MESSAGE     32u  /* there is a message object */
#define TACHO__CLAUDE_USAGE       64u  /* it has a usage object with something in it */
#define TACHO__CLAUDE_WORDS       128u /* the message has text: a string, or a text or image block */
#define TACHO__CLAUDE_RESULTS     256u /* it has tool results */
#define TACHO__CLAUDE_INTERRUPTED 512u /* its text says that the user interrupted the agent */

/** A tool_use or tool_result block. */
typedef struct tacho__claude_block {
    tacho__claude_text id;
    tacho__claude_text tool;       /* of a use; 0 = a result */
    tacho__claude_text agent_type; /* kind of sub-agent that a use starts */
    bool is_use, is_result, is_error;
} tacho__claude_block;

typedef struct tacho__claude_line {
    tacho__claude_type type;
    uint32_t flags;
    int64_t at_ns; /* 0 = no valid timestamp */
    tacho__claude_text uuid, session, agent, message_id, request_id, model;
    tacho__claude_text parent_tool;  /* tool that runs the sub-agent of a wrapped line */
    tacho__claude_text result_agent; /* sub-agent whose result a direct line carries */
    const tacho_response *response;  /* the usage, read by the dialect; valid with TACHO__CLAUDE_USAGE */
    int64_t reported_pusd;           /* cost that the agent wrote beside it; TACHO_COST_UNKNOWN = none */
    tacho__claude_block *blocks;
    size_t block_count;
    tacho__buffer texts; /* owned by the parser */
} tacho__claude_line;

typedef struct tacho__claude_parser tacho__claude_parser;

/** NULL when out of memory. One thread at a time. */
tacho__claude_parser *tacho__claude_parser_new(void);
void tacho__claude_parser_free(tacho__claude_parser *parser);

/**
 * Reads one line.
 *
 * @param line   filled on TACHO_OK; lives until the next call
 * @return TACHO_OK; TACHO_DAMAGED (not JSON); TACHO_LIMIT (too deep or long); TACHO_NOMEM
 */
tacho_status tacho__claude_parse(tacho__claude_parser *parser, const char *text, size_t length,
                                 const tacho__claude_line **line);
/** Why the last line could not be read; without a full stop; lives until the next call. */
const char *tacho__claude_parser_problem(const tacho__claude_parser *parser);

/** The text, "" for 0. */
static inline const char *tacho__claude_text_of(const tacho__claude_line *line, tacho__claude_text text) {
    return text ? line->texts.data + text : "";
}

#endif
