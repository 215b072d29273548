/** From a line to facts. */
#ifndef TACHO_INGEST_CLAUDE_COLLECT_H
#define TACHO_INGEST_CLAUDE_COLLECT_H

#include "ingest/claude_fact.h"
#include "ingest/claude_line.h"

#include <tachograph/price.h>

/**
 * Who was asked, as far as the name of the model tells: Claude under the names that Anthropic, Bedrock and Vertex give
 * it. Other models are reached through gateways that a transcript does not name: NULL. Static storage.
 */
const char *tacho__claude_provider(const char *model);

/**
 * Joins everything that a line says.
 *
 * @param session for lines that do not name theirs
 * @param prices  what calls are priced with; NULL = the built-in table
 * @return TACHO_OK; TACHO_NOMEM; TACHO_FULL
 */
tacho_status tacho__claude_collect(tacho__facts *facts, const tacho__claude_line *line, const char *session,
                                   const tacho_price_table *prices);

#endif
