/** What is read: a history file, a snapshot that a program saved, or the registry that programs share. */
#ifndef TACHO_CLI_DATA_H
#define TACHO_CLI_DATA_H

#include "command.h"

#include <tachograph/history.h>

#define CLI_PATH_MAX   4096
#define CLI_PRICES_MAX 64

typedef struct cli_data {
    tacho_history *history; /* one of the two is there */
    tacho_snapshot *snapshot;
    char path[CLI_PATH_MAX]; /* of the file or folder; "" = there is none, and --allow-empty was given */
    int is_default;          /* the history is the default one */
    int is_registry;         /* `path` is a folder, the snapshot is of now */
} cli_data;

/**
 * Settings of the command: environment, files, and --prices. What was skipped is said as warnings.
 *
 * @param out  freed by the caller
 * @return CLI_DONE; CLI_USAGE or CLI_INTERNAL, said why
 */
int cli_settings_read(const cli_arguments *arguments, tacho_settings **out);

/**
 * What a collector or an import is opened with; warns of what cannot be used. CLI_DONE; CLI_USAGE (--prices),
 * CLI_INTERNAL, said why.
 */
int cli_settings_config(const cli_arguments *arguments, tacho_settings *settings, tacho_config *out);

/**
 * Path of the history: --history, else the setting `history` if it names a file, else the default.
 *
 * @param path  receives it, CLI_PATH_MAX bytes
 * @return CLI_DONE; CLI_USAGE or CLI_NO_DATA, said why
 */
int cli_history_path(const cli_arguments *arguments, const tacho_settings *settings, char path[CLI_PATH_MAX],
                     int *is_default);

/** Opens what the arguments ask for, for reading. CLI_DONE; another exit code, said why and what to do. */
int cli_data_open(const cli_arguments *arguments, cli_data *data);
void cli_data_close(cli_data *data);

/* The readings of either. */
tacho_status cli_data_usage(const cli_data *data, const tacho_query *query, tacho_rows **out);
tacho_status cli_data_records(const cli_data *data, const tacho_query *query, tacho_records **out);
tacho_status cli_data_summary(const cli_data *data, const char *session, tacho_summary **out);

/** Whether a cost is a lower bound: calls without a price, a class without a rate, an amount too large to hold. */
static inline int cli_is_partial(const tacho_row *row) {
    return row->cost_state == TACHO_COST_STATE_PARTIAL;
}

/** Version of the price table that priced it ("2026-11-21.3f9a01bc"); "" where nothing is priced. */
void cli_data_prices(const cli_data *data, char out[CLI_PRICES_MAX]);

/** Says why a reading failed; `session` is what was asked for, or NULL. Returns the exit code. */
int cli_data_refuse(const cli_arguments *arguments, const cli_data *data, const char *session, tacho_status status);

/** Says what to do when there is nothing to read. Returns CLI_NO_DATA. */
int cli_no_data(const cli_arguments *arguments, const char *where);

#endif
