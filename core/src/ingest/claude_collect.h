/** From a line to facts. */
#ifndef TACHO_INGEST_CLAUDE_COLLECT_H
#define TACHO_INGEST_CLAUDE_COLLECT_H

#include "ingest/claude_fact.h"
#include "ingest/claude_line.h"

/**
 * Joins everything that a line says.
 *
 * @param session for lines that do not name theirs
 * @return TACHO_OK; TACHO_NOMEM; TACHO_FULL
 */
tacho_status tacho__claude_collect(tacho__facts *facts, const tacho__claude_line *line, const char *session);

#endif
