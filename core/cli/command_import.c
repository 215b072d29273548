/* tacho import: agents' logs into the history. */
#include "arguments.h"
#include "data.h"
#include "import_report.h"
#include "message.h"
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What can be imported; --auto tries all of them in this order. */
static const struct {
    const char *kind;
    tacho_status (*import)(tacho_history *history, const char *const *paths, size_t count,
                           const tacho_import_options *options, tacho_import_counts *counts);
    const char *places; /* where it looks without a path */
} kinds[] = {
    {"claude-code", tacho_import_claude_code, "$CLAUDE_CONFIG_DIR, ~/.claude/projects, ~/.config/claude/projects"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

typedef struct import_run {
    const cli_arguments *arguments;
    cli_progress progress;
    cli_import_report report;
    char path[CLI_PATH_MAX]; /* of the history */
    uint64_t named_failed;   /* problems with whole files and folders of the command line */
} import_run;

/* ----------------------------------------------------------------------------------------------------- interruption */

static volatile sig_atomic_t signal_seen;

/* The first signal ends the import after the batch under way; a second one ends the program at once. */
static void on_signal(int number) {
    signal_seen = number;
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* -------------------------------------------------------------------------------------------------------- callbacks */

/* True if a path (as given, or made absolute) was named on the command line. */
static int is_operand(const cli_arguments *arguments, const char *path) {
    int found = 0;
    for (int i = 1; i < arguments->operand_count && !found; i++) {
        char *whole = realpath(arguments->operands[i], NULL);
        found = strcmp(arguments->operands[i], path) == 0 || (whole != NULL && strcmp(whole, path) == 0);
        free(whole);
    }
    return found;
}

static void on_problem(void *context, const tacho_import_problem *problem) {
    import_run *run = context;
    const char *text = cli_import_report_add(&run->report, problem);
    run->named_failed += problem->line == 0 && is_operand(run->arguments, problem->file);
    if (text != NULL) {
        cli_progress_erase(&run->progress);
        cli_warn(run->arguments, "%s", text);
    } else if (cli_given(run->arguments, CLI_FLAG_VERBOSE)) {
        char *own = cli_import_problem_text(problem);
        cli_progress_erase(&run->progress);
        cli_warn(run->arguments, "%s", own != NULL ? own : "out of memory");
        free(own);
    }
}

static int on_progress(void *context, const tacho_import_counts *so_far) {
    import_run *run = context;
    cli_progress_show(&run->progress, so_far);
    return signal_seen != 0;
}

/* ---------------------------------------------------------------------------------------------------------- the work
 */

/* The folder of the default history is ours to make; folders of other paths are not. */
static int open_history(const char *path, int is_default, tacho_history **out) {
    tacho_status status = tacho_history_open(out, path, is_default ? TACHO_HISTORY_MAKE_FOLDER : 0);
    return status == TACHO_OK ? CLI_DONE
                              : cli_fail(cli_exit_of(status), "the history '%s' cannot be written: %s", path,
                                         tacho_history_problem(NULL));
}

/* The whole history: costs as much as `tacho usage`, so only where it is asked for. */
static void read_total(tacho_history *history, cli_import_report *report) {
    tacho_query query = TACHO_QUERY_INIT;
    tacho_rows *rows;
    query.by = TACHO_BY_TOTAL;
    if (tacho_history_usage(history, &query, &rows) == TACHO_OK) {
        report->total = rows->totals;
        tacho_rows_free(rows);
    }
}

static void say_doubts(const import_run *run) {
    const cli_import_report *report = &run->report;
    if (report->problem_count > report->named_count && !cli_given(run->arguments, CLI_FLAG_VERBOSE)) {
        cli_warn(run->arguments, "and %" PRIu64 " more like these (-v names them)",
                 report->problem_count - report->named_count);
    }
    if (report->counts.low_confidence_calls > 0) {
        char money[40];
        tacho_money_format(report->counts.low_confidence_cost_pusd, money, sizeof(money));
        cli_warn(run->arguments, "%" PRIu64 " %s of low confidence ($%s): the log holds preliminary counts only",
                 report->counts.low_confidence_calls, report->counts.low_confidence_calls == 1 ? "call" : "calls",
                 money);
    }
}

static int refuse(const import_run *run, tacho_history *history, size_t kind, tacho_status status) {
    int has_paths = run->arguments->operand_count > 1;
    switch (status) {
    case TACHO_NOT_FOUND:
    case TACHO_NO_DATA:
        if (cli_given(run->arguments, CLI_FLAG_ALLOW_EMPTY)) {
            return CLI_DONE;
        }
        return has_paths ? cli_fail(CLI_NO_DATA, "no log files of %s there", kinds[kind].kind)
                         : cli_fail(CLI_NO_DATA,
                                    "no log files of %s found (looked in %s); name files or folders: tacho "
                                    "import %s PATH...",
                                    kinds[kind].kind, kinds[kind].places, kinds[kind].kind);
    case TACHO_BUSY:
        return cli_fail(CLI_INTERNAL,
                        "other processes kept '%s' busy; what was finished is kept, and trying again goes on there",
                        run->path);
    default:
        return cli_fail(cli_exit_of(status), "the import failed: %s",
                        tacho_history_problem(history)[0] != '\0' ? tacho_history_problem(history)
                                                                  : tacho_status_text(status));
    }
}

static int strict_code(const import_run *run) {
    const cli_import_report *report = &run->report;
    const tacho_import_counts *counts = &report->counts;
    if (counts->unreadable == 0 && counts->lines_unreadable == 0 && counts->lines_doubtful == 0 &&
        report->problem_count == 0 && report->total.unpriced_calls <= 0 && !cli_is_partial(&report->total)) {
        return CLI_DONE;
    }
    return cli_fail(CLI_INCOMPLETE,
                    "incomplete: unreadable files and folders %" PRIu64 ", unreadable lines %" PRIu64
                    ", doubtful lines %" PRIu64 ", calls without a price %" PRId64 "%s",
                    counts->unreadable, counts->lines_unreadable, counts->lines_doubtful,
                    report->total.unpriced_calls > 0 ? report->total.unpriced_calls : 0,
                    cli_is_partial(&report->total) ? ", and the cost is a lower bound" : "");
}

/* The exit code of an import that ended: what was asked for by name and not read is no success. */
static int end_code(const import_run *run) {
    if (cli_given(run->arguments, CLI_FLAG_STRICT)) {
        return strict_code(run);
    }
    return run->named_failed == 0 ? CLI_DONE : cli_fail(CLI_INTERNAL, "not all paths given could be read");
}

static int print_report(const import_run *run, cli_output *output, tacho_format format) {
    if (format == TACHO_FORMAT_JSON) {
        return cli_import_report_json(&run->report, run->arguments, output);
    }
    cli_import_report_print(&run->report, output);
    return CLI_DONE;
}

static int import_kind(import_run *run, tacho_history *history, size_t kind, const tacho_price_table *prices,
                       cli_output *output, tacho_format format) {
    const cli_arguments *arguments = run->arguments;
    const tacho_import_options options = {.struct_size = (uint32_t)sizeof(options),
                                          .prices = prices,
                                          .problem = on_problem,
                                          .progress = on_progress,
                                          .context = run};
    size_t paths = arguments->operand_count > 1 ? (size_t)arguments->operand_count - 1 : 0;
    run->report.kind = kinds[kind].kind;
    run->report.counts.struct_size = (uint32_t)sizeof(run->report.counts);
    cli_progress_begin(arguments, &run->progress);
    tacho_status status =
        kinds[kind].import(history, paths > 0 ? arguments->operands + 1 : NULL, paths, &options, &run->report.counts);
    cli_progress_erase(&run->progress);
    if (status != TACHO_OK && status != TACHO_STOPPED) {
        return refuse(run, history, kind, status);
    }
    run->report.is_stopped = status == TACHO_STOPPED;
    if (format == TACHO_FORMAT_JSON || cli_given(run->arguments, CLI_FLAG_STRICT)) {
        read_total(history, &run->report);
    }
    say_doubts(run);
    int code = print_report(run, output, format);
    if (output->is_terminal && format != TACHO_FORMAT_JSON) {
        const char *flag = run->report.is_default ? "" : " --history ", *path = run->report.is_default ? "" : run->path;
        cli_hint(run->arguments, "Next: tacho%s%s, tacho usage%s%s", flag, path, flag, path);
    }
    if (run->report.is_stopped) {
        return 128 + (signal_seen != 0 ? signal_seen : SIGINT);
    }
    return code == CLI_DONE ? end_code(run) : code;
}

/* ------------------------------------------------------------------------------------------------------- arguments */

static int find_kind(const cli_arguments *arguments, size_t *out) {
    const char *names[KINDS];
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i].kind;
        if (arguments->operand_count > 0 && strcmp(arguments->operands[0], kinds[i].kind) == 0) {
            *out = i;
            return CLI_DONE;
        }
    }
    if (arguments->operand_count == 0) {
        return cli_fail(CLI_USAGE, "import what? tacho import claude-code [PATH...], or tacho import --auto");
    }
    return cli_fail(CLI_USAGE, "unknown kind of log '%s'; the nearest is %s", arguments->operands[0],
                    tacho_nearest_word(arguments->operands[0], names, KINDS));
}

static int is_missing(const char *path) {
    struct stat info;
    return stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Before anything is opened or made: a mistyped path leaves everything as it was. */
static int check_paths(const cli_arguments *arguments) {
    int code = CLI_DONE, missing = 0;
    for (int i = 1; i < arguments->operand_count; i++) {
        missing += is_missing(arguments->operands[i]);
    }
    if (cli_given(arguments, CLI_FLAG_ALLOW_EMPTY) && missing == arguments->operand_count - 1) {
        return CLI_DONE;
    }
    for (int i = 1; i < arguments->operand_count && missing > 0; i++) {
        if (is_missing(arguments->operands[i])) {
            code = cli_fail(CLI_NO_DATA, "%s: there is no such file or folder", arguments->operands[i]);
        }
    }
    return code;
}

static int import_all(import_run *run, tacho_history *history, size_t kind, const tacho_price_table *prices,
                      tacho_format format) {
    cli_output output;
    int code = cli_output_open(run->arguments, &output);
    if (code != CLI_DONE) {
        return code;
    }
    code = import_kind(run, history, kind, prices, &output, format);
    return cli_output_close(&output, code);
}

/* Before the history is opened: where there are no logs, no file is made. What cannot be looked into is told later. */
static int has_nothing(const cli_arguments *arguments, size_t kind, tacho_status *out) {
    size_t paths = arguments->operand_count > 1 ? (size_t)arguments->operand_count - 1 : 0;
    tacho_import_counts counts = {.struct_size = (uint32_t)sizeof(counts)};
    *out = kinds[kind].import(NULL, paths > 0 ? arguments->operands + 1 : NULL, paths, NULL, &counts);
    return counts.unreadable == 0 && (*out == TACHO_NOT_FOUND || *out == TACHO_NO_DATA);
}

static int run_with_settings(import_run *run, size_t kind, tacho_format format, tacho_settings *settings) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_history *history = NULL;
    tacho_status status;
    int code = cli_settings_config(run->arguments, settings, &config);
    if (code == CLI_DONE) {
        code = cli_history_path(run->arguments, settings, run->path, &run->report.is_default);
    }
    run->report.history = run->path;
    if (code == CLI_DONE && has_nothing(run->arguments, kind, &status)) {
        return refuse(run, NULL, kind, status);
    }
    if (code == CLI_DONE) {
        code = open_history(run->path, run->report.is_default, &history);
    }
    if (code == CLI_DONE) {
        code = import_all(run, history, kind, config.prices, format);
    }
    tacho_history_close(history);
    return code;
}

int cli_import(const cli_arguments *arguments) {
    import_run run = {.arguments = arguments};
    tacho_settings *settings;
    tacho_format format;
    size_t kind = 0;
    int code = cli_format_read(arguments, TACHO_FORMAT_PLAIN, &format);
    if (code == CLI_DONE && cli_given(arguments, CLI_FLAG_AUTO) && arguments->operand_count > 0) {
        code = cli_fail(CLI_USAGE, "--auto finds logs by itself and takes no '%s'", arguments->operands[0]);
    } else if (code == CLI_DONE && !cli_given(arguments, CLI_FLAG_AUTO)) {
        code = find_kind(arguments, &kind);
    }
    if (code == CLI_DONE) {
        code = check_paths(arguments);
    }
    if (code == CLI_DONE) {
        code = cli_settings_read(arguments, &settings);
    }
    if (code == CLI_DONE) {
        catch_signals();
        code = run_with_settings(&run, kind, format, settings);
        tacho_settings_free(settings);
    }
    cli_import_report_free(&run.report);
    return code;
}
