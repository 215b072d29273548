/*
 * A machine over JSON events. `keys` says which key inside which container leads to which node; a value whose key is
 * not in it is passed over, whatever is inside. Nodes that hold containers are pushed, the others are taken.
 */
#include "ingest/claude_line.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "ingest/claude_path.h"
#include "price/response.h"

#include <string.h>
#include <tachograph/price.h>

#define STACK 16 /* deeper than any path of `keys` */

struct tacho__claude_parser {
    tacho__json_reader *reader;
    tacho__claude_line line;
    size_t block_room;
    tacho__claude_node stack[STACK];
    uint32_t depth;          /* containers of `stack` that are open */
    uint32_t skip;           /* containers open that nothing is taken from */
    tacho__claude_node next; /* what the value that comes is; NODE_NOWHERE = pass over */
    bool inner_time;         /* the wrapped message has a time of its own, which counts */
    bool inner_chain;        /* and says itself whether it is of a sub-agent */
    const tacho_dialect *dialect;
    tacho_response *response;
    bool has_usage;       /* the line has a usage object */
    uint32_t usage_depth; /* containers open inside the usage object, itself included; 0 = not in it */
};

/* --- where we are ---------------------------------------------------------------------------------------------- */

static tacho__claude_node here(const tacho__claude_parser *parser) {
    return parser->depth ? parser->stack[parser->depth - 1] : NODE_NOWHERE;
}

/* What the next value inside a container is before any key is read: an item, if the container is a list. */
static tacho__claude_node item_of(tacho__claude_node container) {
    return container == NODE_CONTENT ? NODE_BLOCK : NODE_NOWHERE;
}

static tacho_status new_block(tacho__claude_parser *parser) {
    tacho__claude_line *line = &parser->line;
    if (line->block_count == parser->block_room) {
        size_t room = parser->block_room ? parser->block_room * 2 : 16;
        tacho__claude_block *grown = tacho__realloc(line->blocks, room * sizeof *grown);
        if (!grown) {
            return TACHO_NOMEM;
        }
        line->blocks = grown;
        parser->block_room = room;
    }
    line->blocks[line->block_count++] = (tacho__claude_block){0};
    return TACHO_OK;
}

static tacho_status open_container(tacho__claude_parser *parser, bool list) {
    tacho__claude_node node = parser->next;
    bool fits =
        node != NODE_NOWHERE && node <= NODE_LAST_CONTAINER && (node == NODE_CONTENT) == list && parser->depth < STACK;
    if (parser->skip || !fits) {
        parser->skip++;
        return TACHO_OK;
    }
    parser->stack[parser->depth++] = node;
    parser->next = item_of(node);
    if (node == NODE_MESSAGE) {
        parser->line.flags |= TACHO__CLAUDE_MESSAGE;
    } else if (node == NODE_INNER) {
        parser->line.flags |= TACHO__CLAUDE_WRAPPED;
    }
    return node == NODE_BLOCK ? new_block(parser) : TACHO_OK;
}

static void close_container(tacho__claude_parser *parser) {
    if (parser->skip) {
        parser->skip--;
    } else {
        parser->depth--;
    }
    if (!parser->skip) {
        parser->next = item_of(here(parser));
    }
}

/* --- what is taken --------------------------------------------------------------------------------------------- */

static bool is(const char *text, size_t length, const char *word) {
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static bool ends(const char *text, size_t length, const char *word) {
    size_t tail = strlen(word);
    return length >= tail && memcmp(text + length - tail, word, tail) == 0;
}

static bool begins(const char *text, size_t length, const char *word) {
    return length >= strlen(word) && memcmp(text, word, strlen(word)) == 0;
}

/* Keeps a text for the length of this line, cleaned; ids and names only. */
static void keep(tacho__claude_parser *parser, tacho__claude_text *place, const char *text, size_t length) {
    char clean[TACHO__TEXT_CAP + 1];
    tacho__buffer *texts = &parser->line.texts;
    size_t bytes = tacho__text_clean(text, length, clean);
    if (bytes == 0) {
        return;
    }
    tacho__claude_text at = (tacho__claude_text)texts->length;
    tacho__buffer_append(texts, clean, bytes + 1);
    *place = texts->failed ? 0 : at;
}

static tacho__claude_type type_of(const char *text, size_t length) {
    static const char *const silent[] = {
        "summary",        "file-history-snapshot", "queue-operation", "attachment", "custom-title",
        "agent-name",     "last-prompt",           "pr-link",         "tag",        "mode",
        "permission-mode"};
    if (is(text, length, "assistant")) {
        return TACHO__CLAUDE_ASSISTANT;
    }
    if (is(text, length, "user")) {
        return TACHO__CLAUDE_USER;
    }
    if (is(text, length, "system")) {
        return TACHO__CLAUDE_SYSTEM;
    }
    if (is(text, length, "progress")) {
        return TACHO__CLAUDE_SILENT;
    }
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        if (is(text, length, silent[i])) {
            return TACHO__CLAUDE_SILENT;
        }
    }
    return TACHO__CLAUDE_FOREIGN;
}

/* The kind of sub-agent is an argument, and arguments are content: it has to look like a name. */
static bool plain_name(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        if (!letter && !(text[i] >= '0' && text[i] <= '9') && !strchr("-_.:/", text[i])) {
            return false;
        }
    }
    return length > 0 && length <= 64;
}

static void take_time(tacho__claude_parser *parser, const char *text, size_t length, bool inner) {
    int64_t at_ns;
    if ((!inner && parser->inner_time) || tacho__timestamp_parse(text, length, &at_ns) != TACHO_OK) {
        return;
    }
    parser->line.at_ns = at_ns;
    parser->inner_time = inner;
}

static void take_words(tacho__claude_parser *parser, const char *text, size_t length) {
    parser->line.flags |= TACHO__CLAUDE_WORDS;
    if (begins(text, length, "[Request interrupted by user")) {
        parser->line.flags |= TACHO__CLAUDE_INTERRUPTED;
    }
}

static void take_block_text(tacho__claude_parser *parser, tacho__claude_node node, const char *text, size_t length) {
    tacho__claude_block *block = &parser->line.blocks[parser->line.block_count - 1];
    switch (node) {
    case NODE_BLOCK_TYPE:
        block->is_use = ends(text, length, "tool_use");
        block->is_result = ends(text, length, "tool_result");
        if (block->is_result) {
            parser->line.flags |= TACHO__CLAUDE_RESULTS;
        } else if (is(text, length, "text") || is(text, length, "image")) {
            parser->line.flags |= TACHO__CLAUDE_WORDS;
        }
        break;
    case NODE_BLOCK_ID:
    case NODE_BLOCK_TOOL:
        keep(parser, &block->id, text, length);
        break;
    case NODE_BLOCK_NAME:
        keep(parser, &block->tool, text, length);
        break;
    case NODE_AGENT_TYPE:
        if (plain_name(text, length)) {
            keep(parser, &block->agent_type, text, length);
        }
        break;
    default:
        take_words(parser, text, length);
    }
}

static void take_text(tacho__claude_parser *parser, tacho__claude_node node, const char *text, size_t length) {
    tacho__claude_line *line = &parser->line;
    switch (node) {
    case NODE_TYPE:
        if (!(line->flags & TACHO__CLAUDE_WRAPPED)) {
            line->type = type_of(text, length);
        }
        break;
    case NODE_INNER_TYPE:
        line->type = type_of(text, length);
        break;
    case NODE_SUBTYPE:
        if (is(text, length, "compact_boundary")) {
            line->flags |= TACHO__CLAUDE_BOUNDARY;
        }
        break;
    case NODE_UUID:
        if (!(line->flags & TACHO__CLAUDE_WRAPPED)) {
            keep(parser, &line->uuid, text, length);
        }
        break;
    case NODE_INNER_UUID:
        keep(parser, &line->uuid, text, length);
        break;
    case NODE_TIMESTAMP:
    case NODE_INNER_TIMESTAMP:
        take_time(parser, text, length, node == NODE_INNER_TIMESTAMP);
        break;
    case NODE_SESSION:
        keep(parser, &line->session, text, length);
        break;
    case NODE_AGENT:
        keep(parser, &line->agent, text, length);
        break;
    case NODE_REQUEST:
        keep(parser, &line->request_id, text, length);
        break;
    case NODE_PARENT_TOOL:
        keep(parser, &line->parent_tool, text, length);
        break;
    case NODE_RESULT_AGENT:
        keep(parser, &line->result_agent, text, length);
        break;
    case NODE_MESSAGE_ID:
        keep(parser, &line->message_id, text, length);
        break;
    case NODE_MODEL:
        keep(parser, &line->model, text, length);
        break;
    case NODE_CONTENT:
        take_words(parser, text, length);
        break;
    case NODE_BLOCK_TYPE:
    case NODE_BLOCK_ID:
    case NODE_BLOCK_TOOL:
    case NODE_BLOCK_NAME:
    case NODE_BLOCK_TEXT:
    case NODE_AGENT_TYPE:
        take_block_text(parser, node, text, length);
        break;
    default:
        break;
    }
}

static void take_number(tacho__claude_parser *parser, tacho__claude_node node, const char *text, size_t length) {
    int64_t cost_pusd;
    if (node == NODE_COST && tacho_money_parse(text, length, &cost_pusd) == TACHO_OK && cost_pusd >= 0) {
        parser->line.reported_pusd = cost_pusd;
    }
}

static void take_truth(tacho__claude_parser *parser, tacho__claude_node node, bool truth) {
    tacho__claude_line *line = &parser->line;
    uint32_t flag = node == NODE_META ? TACHO__CLAUDE_META : node == NODE_SUMMARY ? TACHO__CLAUDE_SUMMARY : 0;
    if (node == NODE_INNER_SIDECHAIN) {
        parser->inner_chain = true;
    }
    if (node == NODE_INNER_SIDECHAIN || (node == NODE_SIDECHAIN && !parser->inner_chain)) {
        flag = TACHO__CLAUDE_SIDECHAIN;
    }
    if (node == NODE_BLOCK_ERROR) {
        line->blocks[line->block_count - 1].is_error = truth;
    }
    line->flags = truth ? line->flags | flag : line->flags & ~flag;
}

/* --- the line -------------------------------------------------------------------------------------------------- */

static void take_value(tacho__claude_parser *parser, tacho__json_event event, const char *text, size_t length) {
    if (event == TACHO__JSON_STRING) {
        take_text(parser, parser->next, text, length);
    } else if (event == TACHO__JSON_NUMBER) {
        take_number(parser, parser->next, text, length);
    } else if (event != TACHO__JSON_NULL) {
        take_truth(parser, parser->next, event == TACHO__JSON_TRUE);
    }
}

/* The usage object is the dialect's: it gets the events from its begin to its end. */
static tacho_status on_usage_event(tacho__claude_parser *parser, tacho__json_event event, const char *text,
                                   size_t length) {
    if (event == TACHO__JSON_OBJECT_BEGIN || event == TACHO__JSON_ARRAY_BEGIN) {
        parser->usage_depth++;
    } else if (event == TACHO__JSON_OBJECT_END || event == TACHO__JSON_ARRAY_END) {
        parser->usage_depth--;
    }
    return tacho__response_event(parser->response, event, text, length);
}

static tacho_status begin_usage(tacho__claude_parser *parser) {
    tacho_response_clear(parser->response);
    tacho__response_begin(parser->response, parser->dialect);
    parser->next = NODE_NOWHERE;
    parser->has_usage = true;
    return on_usage_event(parser, TACHO__JSON_OBJECT_BEGIN, NULL, 0);
}

static tacho_status on_event(void *context, tacho__json_event event, const char *text, size_t length) {
    tacho__claude_parser *parser = context;
    if (parser->usage_depth > 0) {
        return on_usage_event(parser, event, text, length);
    }
    if (event == TACHO__JSON_OBJECT_BEGIN && !parser->skip && parser->next == NODE_USAGE) {
        return begin_usage(parser);
    }
    switch (event) {
    case TACHO__JSON_OBJECT_BEGIN:
    case TACHO__JSON_ARRAY_BEGIN:
        return open_container(parser, event == TACHO__JSON_ARRAY_BEGIN);
    case TACHO__JSON_OBJECT_END:
    case TACHO__JSON_ARRAY_END:
        close_container(parser);
        return TACHO_OK;
    case TACHO__JSON_KEY:
        if (!parser->skip) {
            parser->next = tacho__claude_child(here(parser), text, length);
        }
        return TACHO_OK;
    default:
        if (!parser->skip && parser->next != NODE_NOWHERE) {
            take_value(parser, event, text, length);
            parser->next = item_of(here(parser));
        }
        return TACHO_OK;
    }
}

static void begin_line(tacho__claude_parser *parser) {
    tacho__claude_line *line = &parser->line;
    tacho__claude_block *blocks = line->blocks;
    tacho__buffer texts = line->texts;
    tacho__buffer_clear(&texts);
    tacho__buffer_byte(&texts, 0); /* so that no text is at 0 */
    *line = (tacho__claude_line){.blocks = blocks, .texts = texts};
    line->response = parser->response;
    line->reported_pusd = TACHO_COST_UNKNOWN;
    parser->depth = parser->skip = parser->usage_depth = 0;
    parser->next = NODE_LINE;
    parser->inner_time = parser->inner_chain = parser->has_usage = false;
}

static void end_line(tacho__claude_parser *parser) {
    tacho__claude_line *line = &parser->line;
    if (parser->has_usage && tacho__response_settle(parser->response) == TACHO_OK) {
        line->flags |= TACHO__CLAUDE_USAGE;
    }
    /* A message inside a progress line is one of a sub-agent, whatever the line around it is. */
    if ((line->flags & TACHO__CLAUDE_WRAPPED) && !parser->inner_chain) {
        line->flags |= TACHO__CLAUDE_SIDECHAIN;
    }
}

tacho__claude_parser *tacho__claude_parser_new(void) {
    const tacho__json_limits limits = {.utf8 = TACHO__JSON_UTF8_PASS}; /* what is kept is cleaned here */
    tacho__claude_parser *parser = tacho__calloc(1, sizeof *parser);
    if (!parser) {
        return NULL;
    }
    parser->dialect = tacho_dialect_find("anthropic", NULL);
    parser->reader = tacho__json_reader_new(&limits);
    if (!parser->reader || tacho_response_create(&parser->response) != TACHO_OK) {
        tacho__claude_parser_free(parser);
        return NULL;
    }
    return parser;
}

void tacho__claude_parser_free(tacho__claude_parser *parser) {
    if (!parser) {
        return;
    }
    tacho__json_reader_free(parser->reader);
    tacho_response_free(parser->response);
    tacho__buffer_free(&parser->line.texts);
    tacho__free(parser->line.blocks);
    tacho__free(parser);
}

tacho_status tacho__claude_parse(tacho__claude_parser *parser, const char *text, size_t length,
                                 const tacho__claude_line **line) {
    begin_line(parser);
    tacho_status status = tacho__json_read(parser->reader, text, length, on_event, parser);
    if (status == TACHO_OK) {
        status = tacho__buffer_status(&parser->line.texts);
    }
    if (status == TACHO_OK) {
        end_line(parser);
    }
    *line = &parser->line;
    return status;
}

const char *tacho__claude_parser_problem(const tacho__claude_parser *parser) {
    return tacho__json_reader_place(parser->reader).reason;
}
