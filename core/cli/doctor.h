/** What `tacho doctor` found, before it is printed. */
#ifndef TACHO_CLI_DOCTOR_H
#define TACHO_CLI_DOCTOR_H

#include "data.h"
#include "output.h"

#include <tachograph/registry.h>

#define CLI_DOCTOR_PROBLEMS 64
#define CLI_DOCTOR_PROBLEM  512 /* bytes of a sentence */

typedef struct cli_findings {
    const cli_arguments *arguments;
    tacho_settings *settings;
    /* the registry */
    const char *dir; /* "" = none is named */
    const char *dir_source;
    tacho_status registry_status;
    tacho_registry_state *registry; /* NULL = there is none, or it cannot be read */
    /* the history */
    char history_path[CLI_PATH_MAX]; /* "" = there is none */
    int history_is_default;
    tacho_status history_status;
    char history_problem[256];
    uint64_t history_records; /* where the status is TACHO_OK; else unknown */
    int64_t history_bytes;    /* -1 = unknown */
    /* the prices of now */
    char prices[CLI_PRICES_MAX];
    uint32_t prices_date; /* as 20261121 */
    int prices_stale;
    /* what is wrong, as sentences */
    char problems[CLI_DOCTOR_PROBLEMS][CLI_DOCTOR_PROBLEM];
    size_t problem_count;
} cli_findings;

/** One more thing that is wrong; beyond the limit it is left out. */
void cli_doctor_problem(cli_findings *found, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How it is printed: doctor_print.c. */
void cli_doctor_print(const cli_findings *found, cli_output *output);
/** CLI_DONE; CLI_INTERNAL (out of memory), said why. */
int cli_doctor_print_json(const cli_findings *found, cli_output *output);

#endif
