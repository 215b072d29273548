/** Lines of a Claude Code transcript, as the agent writes them, for tests. */
#ifndef TACHO_TEST_TRANSCRIPT_H
#define TACHO_TEST_TRANSCRIPT_H

#include "base/buffer.h"

#include <stdbool.h>

/** One line. Fields that are NULL, 0 or false are left out of it. */
typedef struct say {
    const char *session;
    const char *uuid;
    double at; /* seconds after 2026-02-11T20:00:00Z */
    bool no_time;
    const char *agent; /* a line of this sub-agent */
    bool sidechain;
    const char *inside; /* wrapped in a progress line of the tool call with this id */
    const char *id;     /* of the model's response */
    const char *request;
    const char *model;
    int input, output, cache_read, cache_write, cache_write_1h;
    const char *usage;    /* JSON of the usage in place of the figures */
    const char *cost;     /* costUSD */
    const char *tool_use; /* id of a tool call */
    const char *tool;     /* its name */
    const char *agent_type;
    const char *tool_result; /* id of the tool call whose result this is */
    const char *result_agent;
    bool is_error;
} say;

/** A line of the model. */
void say_call(tacho__buffer *out, say line);
/** A tool's result. */
void say_result(tacho__buffer *out, say line);
/** What a human wrote; `text` NULL = "please". */
void say_prompt(tacho__buffer *out, say line, const char *text);
/** The context was compacted here. */
void say_boundary(tacho__buffer *out, say line);
/** Any line. */
void say_line(tacho__buffer *out, const char *json);

#endif
