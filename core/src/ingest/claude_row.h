/** A fact as a row of the history file, and back. */
#ifndef TACHO_INGEST_CLAUDE_ROW_H
#define TACHO_INGEST_CLAUDE_ROW_H

#include "history/store.h"
#include "ingest/claude_fact.h"

/** A row and the texts that only it needs. */
typedef struct tacho__claude_row {
    tacho__history_row row;
    char id[17];
} tacho__claude_row;

/** The operation that a fact with a shape is. Texts live as long as the facts and `out`. */
void tacho__claude_row_of(const tacho__facts *facts, const tacho__fact *fact, tacho__claude_row *out);
/** The fact that a stored call or tool call is, its shape in `written`; `usage` of a call, with present 0 if unknown.
 */
tacho_status tacho__claude_fact_of(tacho__facts *facts, const tacho__history_row *row, tacho__fact *fact,
                                   tacho__fact_usage *usage);
/** The shape that a stored row shows. */
tacho_status tacho__claude_shape_of(tacho__facts *facts, const tacho__history_row *row, tacho__fact_shape *shape);

#endif
