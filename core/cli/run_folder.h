/** The registry folder of one `tacho run`: made before the command starts, removed after it ends. */
#ifndef TACHO_CLI_RUN_FOLDER_H
#define TACHO_CLI_RUN_FOLDER_H

#include "command.h"
#include "data.h"

typedef struct cli_run_folder {
    char path[CLI_PATH_MAX];
    int lock;         /* descriptor of the file "run", locked while the command runs; -1 = none */
    int is_own;       /* made here; else it was named by TACHO_DIR, and belongs to somebody else */
    int is_unwritten; /* its numbers were not written where they should be */
} cli_run_folder;

/** Takes the folder of TACHO_DIR, or makes one in $XDG_RUNTIME_DIR, else /dev/shm, else $TMPDIR or /tmp. Before that,
 * folders there go that a `tacho run` which was killed left behind: those that nobody records to, a day after the last
 * change. CLI_DONE; CLI_INTERNAL, said why. */
int cli_run_folder_make(const cli_arguments *arguments, cli_run_folder *folder);
/** Removes a folder that was made here, unless --keep was given, its numbers were not written or somebody still records
 * there: then it says so. */
void cli_run_folder_remove(const cli_arguments *arguments, cli_run_folder *folder);

#endif
