#include "import_report.h"
#include "message.h"
#include "query_json.h"
#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS_MAX 16

char *cli_import_problem_text(const tacho_import_problem *problem) {
    char line[32] = "";
    if (problem->line > 0) {
        snprintf(line, sizeof(line), ", line %" PRIu32, problem->line);
    }
    size_t size = strlen(problem->file) + strlen(line) + strlen(problem->what) + 3;
    char *text = malloc(size);
    if (text != NULL) {
        snprintf(text, size, "%s%s: %s", problem->file, line, problem->what);
    }
    return text;
}

static void count_of_file(cli_import_report *report, const char *file) {
    if (report->last_file == NULL || strcmp(report->last_file, file) != 0) {
        free(report->last_file);
        report->last_file = strdup(file);
        report->of_file = 0;
    }
}

const char *cli_import_report_add(cli_import_report *report, const tacho_import_problem *problem) {
    count_of_file(report, problem->file);
    report->problem_count++;
    if (report->named_count == CLI_PROBLEMS_NAMED || report->of_file == CLI_PROBLEMS_OF_FILE) {
        return NULL;
    }
    report->of_file++;
    report->problems[report->named_count] = cli_import_problem_text(problem);
    return report->problems[report->named_count++];
}

void cli_import_report_free(cli_import_report *report) {
    for (size_t i = 0; i < CLI_PROBLEMS_NAMED; i++) {
        free(report->problems[i]);
    }
    free(report->last_file);
}

/* --------------------------------------------------------------------------------------------------- for people */

/* "1,204,118" */
static const char *number(uint64_t value, char out[32]) {
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            out[used++] = ',';
        }
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

/* A count with its word: "1 file", "3 files", with a comma before if it is not the first of a line. */
static void say_count(cli_output *output, int *is_first, uint64_t value, const char *one, const char *many) {
    char text[32];
    cli_output_print(output, "%s%s %s", *is_first ? "  " : ", ", number(value, text), value == 1 ? one : many);
    *is_first = 0;
}

static void say_dollars(cli_output *output, int64_t pusd) {
    char money[40];
    tacho_money_format(pusd, money, sizeof(money));
    cli_output_print(output, "$%s", money);
}

static void print_read(const cli_import_report *report, cli_output *output) {
    const tacho_import_counts *counts = &report->counts;
    char text[32];
    int first = 1;
    say_count(output, &first, counts->files, "file", "files");
    if (counts->files_unchanged > 0) {
        cli_output_print(output, " (%s unchanged)", number(counts->files_unchanged, text));
    }
    say_count(output, &first, counts->lines, "line read", "lines read");
    if (counts->lines_unreadable > 0) {
        cli_output_print(output, ", %s of them unreadable", number(counts->lines_unreadable, text));
    }
    if (counts->lines_foreign > 0) {
        say_count(output, &first, counts->lines_foreign, "of an unknown kind", "of unknown kinds");
    }
    cli_output_print(output, "\n");
}

static void print_found(const cli_import_report *report, cli_output *output) {
    const tacho_import_counts *counts = &report->counts;
    char text[32];
    int first = 1;
    say_count(output, &first, counts->calls, "model call", "model calls");
    if (counts->calls > 0) {
        cli_output_print(output, " (%s new)", number(counts->calls_new, text));
    }
    say_count(output, &first, counts->tool_calls, "tool call", "tool calls");
    say_count(output, &first, counts->steps, "step", "steps");
    say_count(output, &first, counts->agents, "sub-agent", "sub-agents");
    say_count(output, &first, counts->sessions, "session", "sessions");
    cli_output_print(output, "\n");
}

static void print_cost(const cli_import_report *report, cli_output *output) {
    const tacho_import_counts *counts = &report->counts;
    char text[32];
    if (counts->cost_pusd != TACHO_COST_UNKNOWN) {
        cli_output_print(output, "  cost %s", counts->unpriced_calls > 0 ? "at least " : "");
        say_dollars(output, counts->cost_pusd);
    } else if (counts->unpriced_calls > 0) {
        cli_output_print(output, "  cost unknown");
    }
    if (counts->unpriced_calls > 0) {
        cli_output_print(output, "; %s without a price", number(counts->unpriced_calls, text));
    }
    if (counts->cost_pusd != TACHO_COST_UNKNOWN || counts->unpriced_calls > 0) {
        cli_output_print(output, "\n");
    }
}

void cli_import_report_print(const cli_import_report *report, cli_output *output) {
    cli_output_print(output, "%s %s into %s%s\n", report->is_stopped ? "Stopped the import of" : "Imported",
                     report->kind, report->history,
                     report->is_default ? " (the default history; --history FILE for another)" : "");
    print_read(report, output);
    print_found(report, output);
    print_cost(report, output);
}

/* -------------------------------------------------------------------------------------------------------- as JSON */

static void add_counts(cli_json *json, const cli_import_report *report) {
    const tacho_import_counts *counts = &report->counts;
    const struct {
        const char *name;
        uint64_t value;
    } members[COUNTS_MAX] = {{"files", counts->files},
                             {"files_unchanged", counts->files_unchanged},
                             {"bytes", counts->bytes},
                             {"lines", counts->lines},
                             {"lines_unreadable", counts->lines_unreadable},
                             {"lines_foreign", counts->lines_foreign},
                             {"lines_doubtful", counts->lines_doubtful},
                             {"unreadable", counts->unreadable},
                             {"calls", counts->calls},
                             {"calls_new", counts->calls_new},
                             {"tool_calls", counts->tool_calls},
                             {"steps", counts->steps},
                             {"agents", counts->agents},
                             {"sessions", counts->sessions},
                             {"low_confidence_calls", counts->low_confidence_calls}};
    char money[40];
    for (size_t i = 0; i < COUNTS_MAX && members[i].name != NULL; i++) {
        cli_json_integer(json, members[i].name, (int64_t)members[i].value);
    }
    tacho_money_format(counts->low_confidence_cost_pusd, money, sizeof(money));
    cli_json_text(json, "low_confidence_cost_usd", money);
}

static void add_history(cli_json *json, const cli_import_report *report) {
    char money[40];
    const tacho_row *total = &report->total;
    if (total->struct_size == 0) {
        return;
    }
    int has_cost = total->cost_pusd != TACHO_COST_UNKNOWN;
    if (has_cost) {
        tacho_money_format(total->cost_pusd, money, sizeof(money));
    }
    cli_json_integer(json, "calls", total->calls);
    cli_json_text(json, "cost_usd", has_cost ? money : NULL);
    cli_json_text(json, "cost_state", tacho_cost_state_name((uint32_t)total->cost_state));
    cli_json_integer(json, "unpriced_calls", total->unpriced_calls);
}

static void add_warnings(cli_json *json, const cli_import_report *report) {
    char rest[64];
    for (size_t i = 0; i < report->named_count; i++) {
        cli_json_text(json, NULL, report->problems[i] != NULL ? report->problems[i] : "out of memory");
    }
    if (report->problem_count > report->named_count) {
        snprintf(rest, sizeof(rest), "and %" PRIu64 " more like these", report->problem_count - report->named_count);
        cli_json_text(json, NULL, rest);
    }
}

int cli_import_report_json(const cli_import_report *report, const cli_arguments *arguments, cli_output *output) {
    cli_json json = {.text = NULL};
    char now[32];
    cli_when_print(cli_now_ns(), now);
    cli_json_begin(&json, NULL, '{');
    cli_json_text(&json, "schema", "tacho.import/1");
    cli_json_text(&json, "generated_at", now);
    cli_json_begin(&json, "query", '{');
    cli_json_text(&json, "command", arguments->command->name);
    cli_json_text(&json, "history", report->history);
    cli_json_end(&json, '}');
    cli_json_begin(&json, "rows", '[');
    cli_json_begin(&json, NULL, '{');
    cli_json_text(&json, "kind", report->kind);
    add_counts(&json, report);
    cli_json_end(&json, '}');
    cli_json_end(&json, ']');
    cli_json_begin(&json, "totals", '{');
    add_history(&json, report);
    cli_json_end(&json, '}');
    cli_json_begin(&json, "warnings", '[');
    add_warnings(&json, report);
    cli_json_end(&json, ']');
    cli_json_end(&json, '}');
    int failed = json.failed;
    if (!failed) {
        cli_output_print(output, "%s\n", json.text);
    }
    cli_json_free(&json);
    return failed ? cli_fail(CLI_INTERNAL, "out of memory") : CLI_DONE;
}
