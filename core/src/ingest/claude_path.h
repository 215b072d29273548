/**
 * The places of a transcript line that something is taken from. Whatever lies outside them is passed over, with all
 * that is inside it.
 */
#ifndef TACHO_INGEST_CLAUDE_PATH_H
#define TACHO_INGEST_CLAUDE_PATH_H

#include <stddef.h>

typedef enum tacho__claude_node {
    NODE_NOWHERE,
    /* containers */
    NODE_LINE,
    NODE_DATA,
    NODE_INNER,
    NODE_MESSAGE,
    NODE_CONTENT,
    NODE_BLOCK,
    NODE_INPUT,
    NODE_USAGE,
    NODE_RESULT,
    NODE_LAST_CONTAINER = NODE_RESULT,
    /* values of the line itself */
    NODE_TYPE,
    NODE_SUBTYPE,
    NODE_UUID,
    NODE_TIMESTAMP,
    NODE_SESSION,
    NODE_AGENT,
    NODE_REQUEST,
    NODE_SIDECHAIN,
    NODE_META,
    NODE_SUMMARY,
    NODE_COST,
    NODE_PARENT_TOOL,
    NODE_RESULT_AGENT,
    /* of a wrapped line */
    NODE_INNER_TYPE,
    NODE_INNER_UUID,
    NODE_INNER_TIMESTAMP,
    NODE_INNER_SIDECHAIN,
    /* of the message */
    NODE_MESSAGE_ID,
    NODE_MODEL,
    NODE_BLOCK_TYPE,
    NODE_BLOCK_ID,
    NODE_BLOCK_NAME,
    NODE_BLOCK_TOOL,
    NODE_BLOCK_ERROR,
    NODE_BLOCK_TEXT,
    NODE_AGENT_TYPE
} tacho__claude_node;

/** Where `key` leads inside the container `parent`; NODE_NOWHERE = nothing is taken from its value. */
tacho__claude_node tacho__claude_child(tacho__claude_node parent, const char *key, size_t length);

#endif
