/** What an import found, told to people and as JSON. */
#ifndef TACHO_CLI_IMPORT_REPORT_H
#define TACHO_CLI_IMPORT_REPORT_H

#include "output.h"

#include <tachograph/ingest.h>

#define CLI_PROBLEMS_NAMED   20 /* problems that are told one by one; the others are counted */
#define CLI_PROBLEMS_OF_FILE 5  /* of them those of one file, so that it does not hide the others */

typedef struct cli_import_report {
    const char *kind;    /* "claude-code" */
    const char *history; /* path */
    int is_default;
    int is_stopped;
    tacho_import_counts counts;
    char *problems[CLI_PROBLEMS_NAMED]; /* "file, line 3: what"; owned */
    size_t named_count;                 /* of the list */
    uint64_t problem_count;             /* all of them */
    char *last_file;                    /* of the last problem; owned */
    uint32_t of_file;                   /* problems of that file named in a row */
    tacho_row total;                    /* of the whole history afterwards; struct_size 0 = not asked for */
} cli_import_report;

/** Keeps a problem, if it is among those that are named. Returns its text (the report's); NULL = it is counted only. */
const char *cli_import_report_add(cli_import_report *report, const tacho_import_problem *problem);

void cli_import_report_print(const cli_import_report *report, cli_output *output);
/** "FILE, line 3: WHAT" in memory of its own (free); NULL when there is none left. */
char *cli_import_problem_text(const tacho_import_problem *problem);
/** One envelope, schema "tacho.import/1". CLI_DONE or CLI_INTERNAL. */
int cli_import_report_json(const cli_import_report *report, const cli_arguments *arguments, cli_output *output);
void cli_import_report_free(cli_import_report *report);

#endif
