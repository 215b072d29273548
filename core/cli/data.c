#include "data.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------------------------------------- settings */

static void warn_from(const cli_arguments *arguments, const tacho_settings *settings, size_t first) {
    const char *sentence;
    for (size_t i = first; (sentence = tacho_settings_problem(settings, i)) != NULL; i++) {
        cli_warn(arguments, "%s", sentence);
    }
}

int cli_settings_read(const cli_arguments *arguments, tacho_settings **out) {
    const char *prices = arguments->value[CLI_FLAG_PRICES];
    const tacho_setting given[] = {{"prices", prices}};
    char problem[512];
    tacho_status status = tacho_settings_read(out, given, prices != NULL, problem, sizeof(problem));
    if (status != TACHO_OK) {
        return cli_fail(cli_exit_of(status), "%s", problem[0] != '\0' ? problem : tacho_status_text(status));
    }
    warn_from(arguments, *out, 0);
    return CLI_DONE;
}

int cli_settings_config(const cli_arguments *arguments, tacho_settings *settings, tacho_config *out) {
    size_t told = 0;
    while (tacho_settings_problem(settings, told) != NULL) {
        told++;
    }
    tacho_status status = tacho_settings_config(settings, out);
    const char *why = tacho_settings_problem(settings, told);
    if (status != TACHO_OK) {
        return cli_fail(status == TACHO_NOMEM ? CLI_INTERNAL : CLI_USAGE, "--prices: %s",
                        why != NULL ? why : tacho_status_text(status));
    }
    warn_from(arguments, settings, told);
    return CLI_DONE;
}

static int copy_path(const char *from, char path[CLI_PATH_MAX]) {
    if (snprintf(path, CLI_PATH_MAX, "%s", from) >= CLI_PATH_MAX) {
        return cli_fail(CLI_USAGE, "the path '%.60s...' is too long", from);
    }
    return CLI_DONE;
}

int cli_history_path(const cli_arguments *arguments, const tacho_settings *settings, char path[CLI_PATH_MAX],
                     int *is_default) {
    const char *source;
    const char *setting = tacho_settings_get(settings, "history", &source);
    *is_default = 0;
    if (arguments->value[CLI_FLAG_HISTORY] != NULL) {
        return copy_path(arguments->value[CLI_FLAG_HISTORY], path);
    }
    if (strcmp(setting, "off") == 0 && strcmp(source, "default") != 0) {
        return cli_fail(CLI_NO_DATA, "history is switched off by %s; name a file with --history FILE", source);
    }
    if (strcmp(setting, "off") != 0 && strcmp(setting, "auto") != 0) {
        cli_tell(arguments, "history %s (%s)", setting, source);
        return copy_path(setting, path);
    }
    *is_default = 1;
    tacho_status status = tacho_default_history_path(path, CLI_PATH_MAX);
    if (status != TACHO_OK) {
        return cli_fail(CLI_USAGE, "there is no default history: neither XDG_STATE_HOME nor HOME is an absolute path; "
                                   "name a file with --history FILE");
    }
    cli_tell(arguments, "history %s (default)", path);
    return CLI_DONE;
}

/* -------------------------------------------------------------------------------------------------------- opening */

int cli_no_data(const cli_arguments *arguments, const char *where) {
    cli_fail(CLI_NO_DATA, "nothing was recorded yet (looked in %s)", where);
    static const char *const lines[] = {
        "To see numbers:",
        "  tacho import --auto           read the logs of the agents on this machine",
        "  tacho run -- CMD              run a program that records, and print its summary",
        "  TACHO_DIR=FOLDER              for programs and for tacho: share what is recorded while they run",
        "  tacho summary --from FILE     read what a program saved: tacho.save(), tacho_save()",
        "  tacho usage --history FILE    read another history",
        "More: tacho --help",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cli_hint(arguments, "%s", lines[i]);
    }
    return CLI_NO_DATA;
}

/* An empty snapshot to read in place of what is not there. */
static int open_empty(cli_data *data) {
    tacho_collector *collector;
    tacho_status status = tacho_collector_open(&collector, NULL);
    if (status == TACHO_OK) {
        status = tacho_snapshot_take(collector, &data->snapshot);
        tacho_collector_close(collector);
    }
    data->path[0] = '\0';
    return status == TACHO_OK ? CLI_DONE : cli_fail(CLI_INTERNAL, "%s", tacho_status_text(status));
}

/* Why a file could not be read: the system's words where it has any. */
static const char *why_not(const char *path, tacho_status status, int problem) {
    struct stat info;
    if (status == TACHO_FOREIGN && stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        return "it is not a regular file";
    }
    int is_system = status == TACHO_NOT_FOUND || status == TACHO_DENIED || status == TACHO_IO;
    return is_system && problem != 0 ? strerror(problem) : tacho_status_text(status);
}

static int open_snapshot(const cli_arguments *arguments, const char *path, cli_data *data) {
    int code = copy_path(path, data->path);
    if (code != CLI_DONE) {
        return code;
    }
    errno = 0;
    tacho_status status = tacho_load(path, &data->snapshot);
    int problem = errno;
    if (status == TACHO_OK) {
        return CLI_DONE;
    }
    code = cli_fail(cli_exit_of(status), "--from: '%s' cannot be read: %s", path, why_not(path, status, problem));
    if (status == TACHO_FOREIGN) {
        cli_hint(arguments, "It is not a snapshot saved by tachograph; a history file is read with --history FILE.");
    }
    return code;
}

static int has_records(const cli_data *data) {
    uint64_t count = 0;
    return tacho_history_count(data->history, &count) != TACHO_OK || count > 0;
}

static int open_history(const cli_arguments *arguments, cli_data *data) {
    tacho_status status = tacho_history_open(&data->history, data->path, TACHO_HISTORY_READ_ONLY);
    int is_missing = status == TACHO_NOT_FOUND && arguments->value[CLI_FLAG_HISTORY] == NULL;
    if (is_missing || (status == TACHO_OK && !has_records(data))) {
        tacho_history_close(data->history);
        data->history = NULL;
        return cli_given(arguments, CLI_FLAG_ALLOW_EMPTY) ? open_empty(data) : cli_no_data(arguments, data->path);
    }
    if (status == TACHO_OK) {
        return CLI_DONE;
    }
    int code =
        cli_fail(cli_exit_of(status), "the history '%s' cannot be read: %s", data->path, tacho_history_problem(NULL));
    if (status == TACHO_FOREIGN) {
        cli_hint(arguments, "A snapshot that a program saved is read with --from FILE.");
    } else if (status == TACHO_NOT_FOUND) {
        cli_hint(arguments, "It is made by: tacho import --auto --history %s", data->path);
    }
    return code;
}

/* ----------------------------------------------------------------------------------------------------- registries */

/* `source` = where the folder was named; NULL = --from. */
static int refuse_registry(const cli_arguments *arguments, const char *dir, const char *source, tacho_status status) {
    if (status == TACHO_NOT_FOUND) {
        int code = cli_fail(CLI_NO_DATA, "there is no registry in '%s' (%s): no program has recorded there", dir,
                            source != NULL ? source : "--from");
        cli_hint(arguments, "A program shares what it records when it is started so: TACHO_DIR=%s CMD", dir);
        cli_hint(arguments, "Or with a folder for this run alone, and the summary at the end: tacho run -- CMD");
        return code;
    }
    char why[TACHO_REGISTRY_WHY];
    tacho_registry_why(dir, status, why);
    return cli_fail(status == TACHO_NOMEM || status == TACHO_IO ? CLI_INTERNAL : CLI_NO_DATA,
                    "the registry '%s' (%s) cannot be read: %s", dir, source != NULL ? source : "--from", why);
}

#define ATTACH_TRIES 20 /* while dead processes are being added up all the time */

static int open_registry(const cli_arguments *arguments, const char *dir, const char *source, cli_data *data) {
    int code = copy_path(dir, data->path);
    if (code != CLI_DONE) {
        return code;
    }
    tacho_status status = TACHO_BUSY;
    for (int i = 0; i < ATTACH_TRIES && status == TACHO_BUSY; i++) {
        status = tacho_snapshot_attach(dir, &data->snapshot);
    }
    data->is_registry = 1;
    if (status == TACHO_NOT_FOUND && cli_given(arguments, CLI_FLAG_ALLOW_EMPTY)) {
        return open_empty(data);
    }
    cli_tell(arguments, "registry %s (%s)", dir, source != NULL ? source : "--from");
    return status == TACHO_OK ? CLI_DONE : refuse_registry(arguments, dir, source, status);
}

static int is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* TACHO_DIR comes after --history and --from and before the default history (faces section 4). */
static int open_by_settings(const cli_arguments *arguments, const tacho_settings *settings, cli_data *data) {
    const char *source;
    const char *dir = tacho_settings_get(settings, "dir", &source);
    if (arguments->value[CLI_FLAG_HISTORY] == NULL && dir[0] != '\0') {
        return open_registry(arguments, dir, strcmp(source, "default") == 0 ? "dir" : source, data);
    }
    int code = cli_history_path(arguments, settings, data->path, &data->is_default);
    return code == CLI_DONE ? open_history(arguments, data) : code;
}

int cli_data_open(const cli_arguments *arguments, cli_data *data) {
    *data = (cli_data){.history = NULL};
    if (arguments->value[CLI_FLAG_FROM] != NULL && arguments->value[CLI_FLAG_HISTORY] != NULL) {
        return cli_fail(CLI_USAGE, "--from and --history name two sources; give one of them");
    }
    const char *from = arguments->value[CLI_FLAG_FROM];
    if (from != NULL) {
        return is_folder(from) ? open_registry(arguments, from, NULL, data) : open_snapshot(arguments, from, data);
    }
    tacho_settings *settings;
    int code = cli_settings_read(arguments, &settings);
    if (code != CLI_DONE) {
        return code;
    }
    code = open_by_settings(arguments, settings, data);
    tacho_settings_free(settings);
    return code;
}

void cli_data_close(cli_data *data) {
    tacho_history_close(data->history);
    tacho_snapshot_free(data->snapshot);
    *data = (cli_data){.history = NULL};
}

/* -------------------------------------------------------------------------------------------------------- reading */

tacho_status cli_data_usage(const cli_data *data, const tacho_query *query, tacho_rows **out) {
    return data->history != NULL ? tacho_history_usage(data->history, query, out)
                                 : tacho_snapshot_usage(data->snapshot, query, out);
}

tacho_status cli_data_records(const cli_data *data, const tacho_query *query, tacho_records **out) {
    return data->history != NULL ? tacho_history_records(data->history, query, out)
                                 : tacho_snapshot_records(data->snapshot, query, out);
}

tacho_status cli_data_summary(const cli_data *data, const char *session, tacho_summary **out) {
    return data->history != NULL ? tacho_history_summary(data->history, session, out)
                                 : tacho_snapshot_summary(data->snapshot, session, out);
}

void cli_data_prices(const cli_data *data, char out[CLI_PRICES_MAX]) {
    tacho_summary *summary = NULL;
    const char *version = NULL;
    if (data->history != NULL) {
        version = tacho_history_prices(data->history);
    } else if (tacho_snapshot_summary(data->snapshot, NULL, &summary) == TACHO_OK) {
        version = summary->price_table;
    }
    snprintf(out, CLI_PRICES_MAX, "%s", version != NULL ? version : "");
    tacho_summary_free(summary);
}

int cli_data_refuse(const cli_arguments *arguments, const cli_data *data, const char *session, tacho_status status) {
    int code;
    if (session != NULL && status == TACHO_NOT_FOUND) {
        code = cli_fail(CLI_NO_DATA, "no session begins with '%s' in %s", session, data->path);
    } else if (session != NULL && status == TACHO_INVALID) {
        code = cli_fail(CLI_USAGE, "'%s' is not one session: give more characters of its id, at least 4", session);
    } else {
        const char *problem = data->history != NULL ? tacho_history_problem(data->history) : "";
        return cli_fail(cli_exit_of(status), "%s: %s", data->path,
                        problem[0] != '\0' ? problem : tacho_status_text(status));
    }
    cli_hint(arguments, "Sessions are listed by: tacho usage --by session%s%s",
             data->is_default        ? ""
             : data->history != NULL ? " --history "
                                     : " --from ",
             data->is_default ? "" : data->path);
    return code;
}
