#include "ingest/claude_path.h"

#include <string.h>

typedef struct key_row {
    const char *key;
    size_t length;
    tacho__claude_node node;
} key_row;

#define KEY(text, node)                                                                                                \
    { text, sizeof text - 1, node }

static const key_row line_keys[] = {
    KEY("type", NODE_TYPE),
    KEY("subtype", NODE_SUBTYPE),
    KEY("uuid", NODE_UUID),
    KEY("timestamp", NODE_TIMESTAMP),
    KEY("sessionId", NODE_SESSION),
    KEY("agentId", NODE_AGENT),
    KEY("requestId", NODE_REQUEST),
    KEY("isSidechain", NODE_SIDECHAIN),
    KEY("isMeta", NODE_META),
    KEY("isCompactSummary", NODE_SUMMARY),
    KEY("costUSD", NODE_COST),
    KEY("parentToolUseID", NODE_PARENT_TOOL),
    KEY("message", NODE_MESSAGE),
    KEY("data", NODE_DATA),
    KEY("toolUseResult", NODE_RESULT),
};
static const key_row result_keys[] = {
    KEY("agentId", NODE_RESULT_AGENT),
};
static const key_row data_keys[] = {
    KEY("agentId", NODE_AGENT),
    KEY("message", NODE_INNER),
};
static const key_row inner_keys[] = {
    KEY("type", NODE_INNER_TYPE),
    KEY("uuid", NODE_INNER_UUID),
    KEY("timestamp", NODE_INNER_TIMESTAMP),
    KEY("requestId", NODE_REQUEST),
    KEY("isSidechain", NODE_INNER_SIDECHAIN),
    KEY("costUSD", NODE_COST),
    KEY("message", NODE_MESSAGE),
};
static const key_row message_keys[] = {
    KEY("id", NODE_MESSAGE_ID),
    KEY("model", NODE_MODEL),
    KEY("content", NODE_CONTENT),
    KEY("usage", NODE_USAGE),
};
static const key_row block_keys[] = {
    KEY("type", NODE_BLOCK_TYPE),      KEY("id", NODE_BLOCK_ID),
    KEY("name", NODE_BLOCK_NAME),      KEY("tool_use_id", NODE_BLOCK_TOOL),
    KEY("is_error", NODE_BLOCK_ERROR), KEY("text", NODE_BLOCK_TEXT),
    KEY("input", NODE_INPUT),
};
static const key_row input_keys[] = {
    KEY("subagent_type", NODE_AGENT_TYPE),
};

#define KEYS(rows)                                                                                                     \
    { rows, sizeof rows / sizeof rows[0] }

static const struct {
    const key_row *rows;
    size_t count;
} keys[NODE_LAST_CONTAINER + 1] = {
    [NODE_LINE] = KEYS(line_keys),   [NODE_RESULT] = KEYS(result_keys),   [NODE_DATA] = KEYS(data_keys),
    [NODE_INNER] = KEYS(inner_keys), [NODE_MESSAGE] = KEYS(message_keys), [NODE_BLOCK] = KEYS(block_keys),
    [NODE_INPUT] = KEYS(input_keys),
};

tacho__claude_node tacho__claude_child(tacho__claude_node parent, const char *key, size_t length) {
    const key_row *row = keys[parent].rows;
    for (const key_row *end = row + keys[parent].count; row < end; row++) {
        if (row->length == length && row->key[0] == key[0] && memcmp(row->key, key, length) == 0) {
            return row->node;
        }
    }
    return NODE_NOWHERE;
}
