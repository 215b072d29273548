/** From facts to operations: what hangs under what, how long it took, and how the context grew. */
#ifndef TACHO_INGEST_CLAUDE_DERIVE_H
#define TACHO_INGEST_CLAUDE_DERIVE_H

#include "ingest/claude_fact.h"

/** `source` of everything that this importer stores. */
#define TACHO__CLAUDE_SOURCE "claude-code"

/** The id that an operation has under our names: 16 hex digits, made from its source id. */
void tacho__claude_operation_id(const char *source_id, char out[17]);

/**
 * Gives every fact of the touched sessions its shape. It depends on the facts alone, not on how they came in. All that
 * the file has of these sessions has to be joined before.
 */
tacho_status tacho__claude_derive(tacho__facts *facts);

#endif
