/** Small JSON objects written by hand: "query" of the envelope, and the report of an import. */
#ifndef TACHO_CLI_QUERY_JSON_H
#define TACHO_CLI_QUERY_JSON_H

#include "command.h"

typedef struct cli_json {
    char *text; /* NUL-terminated once anything was added; NULL = out of memory (remembered) or still empty */
    size_t length, capacity;
    int failed;
    int needs_comma;
} cli_json;

/** Begins an object or an array: '{' or '['; `key` NULL inside arrays and at the top. */
void cli_json_begin(cli_json *json, const char *key, char bracket);
void cli_json_end(cli_json *json, char bracket);
/** Members; `key` NULL inside arrays. A text that is NULL is null; ill-formed UTF-8 becomes U+FFFD. */
void cli_json_text(cli_json *json, const char *key, const char *value);
void cli_json_integer(cli_json *json, const char *key, int64_t value);
void cli_json_free(cli_json *json);

/**
 * The query as it was understood: command, source and every flag that restricts or orders the answer.
 *
 * @param source  the file that is read
 * @param prices  version of its price table; "" leaves it out
 * @return the text, which lives as long as `json`; NULL when out of memory
 */
const char *cli_query_json(cli_json *json, const cli_arguments *arguments, const char *source, const char *prices,
                           const tacho_query *query);

#endif
