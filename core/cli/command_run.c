/*
 * tacho run: a command with a registry of its own, and the summary at its end.
 *
 * Signals are waited for, not handled: they stay blocked here, so nothing is missed between fork and wait. Those that a
 * terminal sends reach the command by itself, because it is in the same process group; those that somebody sends to
 * this process alone are passed on.
 */
#include "arguments.h"
#include "data.h"
#include "message.h"
#include "output.h"
#include "query_json.h"
#include "reading.h"
#include "run_folder.h"
#include "when.h"
#include "zone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSION_BYTES 16

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};

typedef struct command_run {
    const cli_arguments *arguments;
    cli_run_folder folder;
    char session[256];
    char *const *command; /* with a NULL at its end */
    sigset_t before;      /* the signal mask of the command */
} command_run;

/* ------------------------------------------------------------------------------------------------------ the command */

/* TACHO_SESSION, else a random id: all processes of the run belong to it (semantics 4). */
static int choose_session(command_run *run) {
    const char *given = getenv("TACHO_SESSION");
    unsigned char bytes[SESSION_BYTES];
    if (given != NULL && given[0] != '\0') {
        snprintf(run->session, sizeof(run->session), "%s", given);
        return CLI_DONE;
    }
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return cli_fail(CLI_INTERNAL, "no random session id could be had: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(run->session + 2 * i, 3, "%02x", bytes[i]);
    }
    return CLI_DONE;
}

/* Without a command, the shell of the user: what is started in it is recorded together. */
static char *const *command_of(const cli_arguments *arguments) {
    static char *shell[2];
    if (arguments->operand_count > 0) {
        return (char *const *)(uintptr_t)arguments->operands; /* exec takes what it never changes without const */
    }
    const char *named = getenv("SHELL");
    shell[0] = (char *)(uintptr_t)(named != NULL && named[0] == '/' ? named : "/bin/sh");
    return shell;
}

static void become_command(const command_run *run, int told) {
    if (setenv("TACHO_DIR", run->folder.path, 1) == 0 && setenv("TACHO_SESSION", run->session, 1) == 0) {
        signal(SIGPIPE, SIG_DFL); /* ignored here, and ignoring is inherited */
        sigprocmask(SIG_SETMASK, &run->before, NULL);
        execvp(run->command[0], run->command);
    }
    int problem = errno;
    (void)!write(told, &problem, sizeof(problem));
    _exit(127);
}

/* The child, or -1 and errno: the pipe closes by itself when the command has started. */
static pid_t start(const command_run *run) {
    int ends[2], problem = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        become_command(run, ends[1]);
    }
    problem = child < 0 ? errno : 0;
    close(ends[1]);
    ssize_t got = child < 0 ? 0 : read(ends[0], &problem, sizeof(problem));
    close(ends[0]);
    if (got == (ssize_t)sizeof(problem)) {
        waitpid(child, NULL, 0);
        child = -1;
    }
    errno = problem;
    return child;
}

static int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Its exit code. */
static int wait_for(pid_t child, const sigset_t *waited) {
    for (;;) {
        siginfo_t info;
        int status, number = sigwaitinfo(waited, &info);
        if (number == SIGCHLD) {
            pid_t ended = waitpid(child, &status, WNOHANG);
            if (ended == child) {
                return exit_code_of(status);
            }
        } else if (number > 0 && info.si_code <= 0 && info.si_pid != child) { /* sent by a process, not by a terminal */
            kill(child, number);
        }
    }
}

static int refuse_command(const char *name, int problem) {
    int code = problem == ENOENT ? 127 : problem == EACCES || problem == ENOEXEC || problem == EISDIR ? 126 : 0;
    return code ? cli_fail(code, "'%s' cannot be run: %s", name, strerror(problem))
                : cli_fail(CLI_INTERNAL, "'%s' cannot be started: %s", name, strerror(problem));
}

static int run_command(command_run *run) {
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
        sigaddset(&waited, passed_on[i]);
    }
    signal(SIGCHLD, SIG_DFL); /* whoever ignores it has no children to wait for */
    sigprocmask(SIG_BLOCK, &waited, &run->before);
    pid_t child = start(run);
    int code = child < 0 ? refuse_command(run->command[0], errno) : wait_for(child, &waited);
    return code;
}

/* ------------------------------------------------------------------------------------------------------ the summary */

static int64_t size_of(const tacho_summary *summary) {
    return summary->total_operations + summary->total_tool_calls;
}

static int has_own(const tacho_summary *summary) {
    return (summary->caches != NULL && summary->caches->count > 0) ||
           (summary->metrics != NULL && summary->metrics->count > 0);
}

static int is_empty(const tacho_summary *summary) {
    return size_of(summary) <= 0 && summary->model_calls <= 0 && !has_own(summary);
}

/* The session of the run; where programs began others of their own, or have caches and metrics, which belong to no
 * session, all that was recorded. */
static tacho_status read_summary(const command_run *run, const tacho_snapshot *snapshot, tacho_summary **out) {
    tacho_summary *all = NULL;
    tacho_status status = tacho_snapshot_summary(snapshot, run->session, out);
    if (!run->folder.is_own || tacho_snapshot_summary(snapshot, NULL, &all) != TACHO_OK) {
        return status;
    }
    if (status == TACHO_OK && size_of(*out) == size_of(all) && !has_own(all)) {
        tacho_summary_free(all);
        return status;
    }
    if (status == TACHO_OK) {
        tacho_summary_free(*out);
    }
    *out = all;
    return TACHO_OK;
}

static int write_summary(const command_run *run, const tacho_summary *summary, tacho_format format,
                         const tacho_zone *zone) {
    const cli_arguments *arguments = run->arguments;
    tacho_style style = TACHO_STYLE_INIT;
    cli_output output;
    int code = cli_output_open_beside(arguments, &output);
    if (code != CLI_DONE) {
        return code;
    }
    cli_style_read(arguments, &output, &style);
    style.zone = zone;
    if (arguments->value[CLI_FLAG_FORMAT] == NULL && !output.is_terminal && !style.color) {
        format = TACHO_FORMAT_PLAIN;
    }
    cli_json json = {0};
    style.generated_at_ns = cli_now_ns();
    style.query_json =
        cli_query_json(&json, arguments, run->folder.path, summary->price_table, &(tacho_query)TACHO_QUERY_INIT);
    tacho_status status = tacho_write_summary(summary, format, &style, cli_output_write, &output);
    cli_json_free(&json);
    return cli_output_close(&output, cli_written(status));
}

static void tell_nothing(const command_run *run) {
    cli_hint(run->arguments,
             "tacho: nothing was recorded by '%s': programs record with the tachograph library, "
             "which finds TACHO_DIR by itself",
             run->command[0]);
}

/* What the command did is told by its exit code; what is wrong here is only said. */
static void show_summary(command_run *run, tacho_format format, const tacho_zone *zone) {
    tacho_snapshot *snapshot = NULL;
    tacho_summary *summary = NULL;
    if (cli_given(run->arguments, CLI_FLAG_QUIET) && run->arguments->value[CLI_FLAG_OUTPUT] == NULL) {
        return;
    }
    tacho_status status = tacho_snapshot_attach(run->folder.path, &snapshot);
    status = status == TACHO_OK ? read_summary(run, snapshot, &summary) : status;
    if (status == TACHO_NOT_FOUND || (status == TACHO_OK && is_empty(summary))) {
        tell_nothing(run);
    } else if (status == TACHO_OK) {
        int code = write_summary(run, summary, format, zone);
        run->folder.is_unwritten = code != CLI_DONE && run->arguments->value[CLI_FLAG_OUTPUT] != NULL;
    } else {
        char why[TACHO_REGISTRY_WHY];
        tacho_registry_why(run->folder.path, status, why);
        cli_warn(run->arguments, "the registry '%s' cannot be read: %s", run->folder.path, why);
    }
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
}

/* ------------------------------------------------------------------------------------------------------ the history */

static tacho_status add_to_history(const char *path, const tacho_snapshot *snapshot) {
    tacho_history *history = NULL;
    tacho_status status = tacho_history_open(&history, path, TACHO_HISTORY_MAKE_FOLDER);
    status = status == TACHO_OK ? tacho_history_add_snapshot(history, snapshot) : status;
    tacho_history_close(history);
    return status;
}

/* Whoever was killed has handed nothing over since the last interval, and the folder is about to go. What the history
 * has already is not added again. */
static void hand_over(const command_run *run) {
    tacho_registry_state *state = NULL;
    tacho_snapshot *snapshot = NULL;
    if (!run->folder.is_own || tacho_registry_look(run->folder.path, &state) != TACHO_OK) {
        return;
    }
    if (state->history != NULL) {
        tacho_status status = tacho_snapshot_attach(run->folder.path, &snapshot);
        status = status == TACHO_OK ? add_to_history(state->history, snapshot) : status;
        if (status != TACHO_OK) {
            cli_warn(run->arguments, "the last operations are not in the history '%s': %s", state->history,
                     tacho_status_text(status));
        }
    }
    tacho_snapshot_free(snapshot);
    tacho_registry_state_free(state);
}

int cli_run(const cli_arguments *arguments) {
    command_run run = {.arguments = arguments, .command = command_of(arguments)};
    tacho_format format;
    tacho_zone zone;
    int code = cli_format_read(arguments, TACHO_FORMAT_TABLE, &format);
    if (code == CLI_DONE) {
        code = cli_zone_set(arguments, &zone);
    }
    if (code == CLI_DONE) {
        code = cli_output_check(arguments);
    }
    if (code == CLI_DONE) {
        code = choose_session(&run);
    }
    if (code == CLI_DONE) {
        code = cli_run_folder_make(arguments, &run.folder);
    }
    if (code != CLI_DONE) {
        return code;
    }
    code = run_command(&run);
    show_summary(&run, format, &zone);
    hand_over(&run);
    cli_run_folder_remove(arguments, &run.folder);
    return code;
}
