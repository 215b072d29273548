/** The line that tells how far an import is: only on a terminal, only after a second, erased at the end. */
#ifndef TACHO_CLI_PROGRESS_H
#define TACHO_CLI_PROGRESS_H

#include "command.h"

#include <tachograph/ingest.h>

typedef struct cli_progress {
    int64_t shown_from_ns; /* time of the first line; INT64_MAX = never */
    int is_shown;
} cli_progress;

void cli_progress_begin(const cli_arguments *arguments, cli_progress *progress);
void cli_progress_show(cli_progress *progress, const tacho_import_counts *so_far);
/** Erases the line, before something else is said and at the end. */
void cli_progress_erase(cli_progress *progress);

#endif
