/*
 * Lines of a transcript, forwards and backwards: nothing may crash, and both orders have to end in the same facts of
 * the same shape.
 */
#include "base/hash.h"
#include "ingest/claude_collect.h"
#include "ingest/claude_derive.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 256

typedef struct line_span {
    const char *text;
    size_t length;
} line_span;

static size_t split(const char *text, size_t length, line_span lines[LINES_MAX]) {
    size_t count = 0;
    while (length > 0 && count < LINES_MAX) {
        const char *end = memchr(text, '\n', length);
        size_t bytes = end ? (size_t)(end - text) : length;
        lines[count++] = (line_span){text, bytes};
        bytes += end != NULL;
        text += bytes;
        length -= bytes;
    }
    return count;
}

static void collect(tacho__facts *facts, tacho__claude_parser *parser, const line_span *line) {
    const tacho__claude_line *read;
    if (tacho__claude_parse(parser, line->text, line->length, &read) == TACHO_OK &&
        tacho__claude_collect(facts, read, "session", NULL) != TACHO_OK) {
        abort();
    }
}

/* A hash of what is known of a fact and of its shape; texts count by what they say, not by their ids. */
static uint64_t hash_of(const tacho__facts *facts, const tacho__fact *fact) {
    const tacho__fact_text texts[] = {fact->id,   fact->session,      fact->agent,     fact->name,
                                      fact->line, fact->shape.parent, fact->shape.name};
    const int64_t numbers[] = {fact->kind,
                               fact->at_ns,
                               fact->end_ns,
                               fact->line_flags,
                               fact->output,
                               fact->is_error,
                               fact->has_use,
                               fact->has_result,
                               fact->low_confidence,
                               fact->shape.started_at_ns,
                               fact->shape.ended_at_ns,
                               fact->shape.context_size,
                               fact->shape.tool_calls,
                               fact->shape.compressions,
                               fact->shape.interventions,
                               fact->shape.outcome,
                               fact->shape.there};
    uint64_t hash = tacho__hash(numbers, sizeof numbers, 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = tacho__facts_get(facts, texts[i]);
        hash = tacho__hash(text, strlen(text), hash);
    }
    return hash;
}

static uint64_t hash_all(const tacho__facts *facts) {
    uint64_t sum = 0;
    for (size_t i = 0; i < facts->count; i++) {
        sum += hash_of(facts, &facts->facts[i]);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tacho__claude_parser *parser;
    line_span lines[LINES_MAX];
    tacho__facts forwards, backwards;
    size_t count = split((const char *)data, size, lines);
    if (!parser) {
        parser = tacho__claude_parser_new();
    }
    if (tacho__facts_init(&forwards) != TACHO_OK || tacho__facts_init(&backwards) != TACHO_OK) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        collect(&forwards, parser, &lines[i]);
        collect(&backwards, parser, &lines[count - 1 - i]);
    }
    if (tacho__claude_derive(&forwards) != TACHO_OK || tacho__claude_derive(&backwards) != TACHO_OK) {
        abort();
    }
    if (forwards.count != backwards.count || hash_all(&forwards) != hash_all(&backwards)) {
        abort();
    }
    tacho__facts_free(&forwards);
    tacho__facts_free(&backwards);
    return 0;
}
