/** What an import found, told to people and as JSON. */
#ifndef TACHO_CLI_IMPORT_REPORT_H
#define TACHO_CLI_IMPORT_REPORT_H

#include "output.h"

#include <tachograph/ingest.h>

#define CLI_PROBLEMS_NAMED 20 /* problems that are told one by one; the others are counted */

typedef struct cli_import_report {
    const char *kind;    /* "claude-code" */
    const char *history; /* path */
    int is_default;
    int is_stopped;
    tacho_import_counts counts;
    char *problems[CLI_PROBLEMS_NAMED]; /* "file, line 3: what"; owned */
    uint64_t problem_count;             /* all of them */
    tacho_row total;                    /* of the whole history afterwards; struct_size 0 = not asked for */
} cli_import_report;

/** Keeps a problem. */
void cli_import_report_add(cli_import_report *report, const tacho_import_problem *problem);

void cli_import_report_print(const cli_import_report *report, cli_output *output);
/** One envelope, schema "tacho.import/1". CLI_DONE or CLI_INTERNAL. */
int cli_import_report_json(const cli_import_report *report, const cli_arguments *arguments, cli_output *output);
void cli_import_report_free(cli_import_report *report);

#endif
