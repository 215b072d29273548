/* tacho doctor: looks at everything that numbers depend on, and changes nothing. */
#include "arguments.h"
#include "doctor.h"
#include "message.h"
#include "reading.h"
#include "when.h"
#include "zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LITTLE_SPACE (UINT64_C(64) << 20) /* free bytes below which a registry is about to have no room */

void cli_doctor_problem(cli_findings *found, const char *format, ...) {
    va_list list;
    if (found->problem_count == CLI_DOCTOR_PROBLEMS) {
        return;
    }
    va_start(list, format);
    vsnprintf(found->problems[found->problem_count++], CLI_DOCTOR_PROBLEM, format, list);
    va_end(list);
}

/* ------------------------------------------------------------------------------------------------------- settings */

static int look_at_settings(cli_findings *found) {
    char problem[512];
    const char *sentence;
    tacho_status status = tacho_settings_read(&found->settings, NULL, 0, problem, sizeof(problem));
    if (status != TACHO_OK) {
        return cli_fail(cli_exit_of(status), "%s", problem[0] != '\0' ? problem : tacho_status_text(status));
    }
    for (size_t i = 0; (sentence = tacho_settings_problem(found->settings, i)) != NULL; i++) {
        cli_doctor_problem(found, "ignored: %s", sentence);
    }
    size_t told = found->problem_count, skipped = tacho_settings_skipped(found->settings);
    if (skipped > told) {
        cli_doctor_problem(found, "ignored: %zu more values of settings", skipped - told);
    }
    return CLI_DONE;
}

static void look_at_prices(cli_findings *found) {
    tacho_config config = TACHO_CONFIG_INIT;
    size_t told = 0;
    while (tacho_settings_problem(found->settings, told) != NULL) {
        told++;
    }
    tacho_status status = tacho_settings_config(found->settings, &config);
    const char *problem = tacho_settings_problem(found->settings, told);
    if (status != TACHO_OK || problem != NULL) {
        cli_doctor_problem(found, "prices: %s", problem != NULL ? problem : tacho_status_text(status));
    }
    const tacho_price_table *table = config.prices != NULL ? config.prices : tacho_price_table_builtin();
    tacho_usage usage = TACHO_USAGE_INIT;
    tacho_cost cost;
    snprintf(found->prices, sizeof(found->prices), "%s", tacho_price_table_version(table));
    found->prices_date = tacho_price_table_date(table);
    if (tacho_calculate_cost(table, &usage, cli_now_ns(), &cost) == TACHO_OK && (cost.flags & TACHO_COST_STALE) != 0) {
        found->prices_stale = 1;
        cli_doctor_problem(found, "the price table of %u is more than %d days old: tacho prices update",
                           cost.table_date, TACHO_PRICE_STALE_DAYS);
    }
}

/* ----------------------------------------------------------------------------------------------------- the registry */

/* Causes that say that numbers are missing; the others tell of misuse that was ignored, or of bounds that held. */
static int is_loss(const char *cause) {
    static const char *const losses[] = {"operation_lost",  "segment_full",  "out_of_memory",   "registry_refused",
                                         "metric_overflow", "record_unkept", "history_refused", "history_missed"};
    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        if (strcmp(losses[i], cause) == 0) {
            return 1;
        }
    }
    return 0;
}

static void judge_segment(cli_findings *found, const tacho_registry_segment *segment) {
    if (segment->skipped != NULL && !segment->is_folded) {
        cli_doctor_problem(found, "registry: %s is left out of all numbers: %s", segment->name, segment->skipped);
    }
    for (uint32_t i = 0; i < segment->drop_count; i++) {
        if (is_loss(segment->drops[i].name)) {
            cli_doctor_problem(found, "registry: %s of %s: %lld", segment->drops[i].name, segment->name,
                               (long long)segment->drops[i].value);
        }
    }
}

static void judge_registry(cli_findings *found) {
    const tacho_registry_state *state = found->registry;
    for (size_t i = 0; i < state->count; i++) {
        judge_segment(found, &state->segments[i]);
    }
    if (state->free_bytes < LITTLE_SPACE) {
        cli_doctor_problem(found, "registry: its filesystem has %llu bytes left",
                           (unsigned long long)state->free_bytes);
    }
}

static void look_at_registry(cli_findings *found) {
    const char *from = found->arguments->value[CLI_FLAG_FROM];
    found->dir = from != NULL ? from : tacho_settings_get(found->settings, "dir", &found->dir_source);
    if (from != NULL) {
        found->dir_source = "--from";
    }
    if (found->dir[0] == '\0') {
        return;
    }
    found->registry_status = tacho_registry_look(found->dir, &found->registry);
    if (found->registry != NULL) {
        judge_registry(found);
    } else {
        char why[TACHO_REGISTRY_WHY];
        tacho_registry_why(found->dir, found->registry_status, why);
        cli_doctor_problem(found, "registry: '%s' (%s) cannot be read: %s", found->dir, found->dir_source, why);
    }
}

/* ------------------------------------------------------------------------------------------------------ the history */

/* Counting reads an index only: whether the records can be read is known when they were. */
static tacho_status read_history(tacho_history *history, uint64_t *records) {
    tacho_query query = TACHO_QUERY_INIT;
    tacho_rows *rows = NULL;
    query.by = TACHO_BY_TOTAL;
    query.all_kinds = TACHO_KINDS_ALL;
    tacho_status status = tacho_history_count(history, records);
    status = status == TACHO_OK ? tacho_history_usage(history, &query, &rows) : status;
    tacho_rows_free(rows);
    return status;
}

static void look_into_history(cli_findings *found) {
    tacho_history *history = NULL;
    struct stat file;
    found->history_bytes = stat(found->history_path, &file) == 0 ? (int64_t)file.st_size : -1;
    found->history_status = tacho_history_open(&history, found->history_path, TACHO_HISTORY_READ_ONLY);
    if (found->history_status == TACHO_OK) {
        found->history_status = read_history(history, &found->history_records);
    }
    const char *problem = tacho_history_problem(history);
    snprintf(found->history_problem, sizeof(found->history_problem), "%s",
             problem[0] != '\0' ? problem : tacho_status_text(found->history_status));
    tacho_history_close(history);
    if (found->history_status != TACHO_OK && !(found->history_status == TACHO_NOT_FOUND && found->history_is_default)) {
        cli_doctor_problem(found, "history: '%s' cannot be read: %s", found->history_path, found->history_problem);
    }
}

static void look_at_history(cli_findings *found) {
    const char *source;
    const char *setting = tacho_settings_get(found->settings, "history", &source);
    int is_off = strcmp(setting, "off") == 0 && strcmp(source, "default") != 0;
    if ((is_off && found->arguments->value[CLI_FLAG_HISTORY] == NULL) ||
        cli_history_path(found->arguments, found->settings, found->history_path, &found->history_is_default) !=
            CLI_DONE) {
        found->history_path[0] = '\0';
        return;
    }
    look_into_history(found);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static int answer(cli_findings *found) {
    cli_output output;
    tacho_format format;
    int code = cli_format_read(found->arguments, TACHO_FORMAT_PLAIN, &format);
    if (code == CLI_DONE) {
        code = cli_output_open(found->arguments, &output);
    }
    if (code != CLI_DONE) {
        return code;
    }
    if (format == TACHO_FORMAT_JSON) {
        code = cli_doctor_print_json(found, &output);
    } else {
        cli_doctor_print(found, &output);
    }
    if (code == CLI_DONE && found->problem_count > 0 && cli_given(found->arguments, CLI_FLAG_STRICT)) {
        code = CLI_GATE;
    }
    return cli_output_close(&output, code);
}

static int look_and_answer(cli_findings *found) {
    tacho_zone zone;
    int code = cli_zone_set(found->arguments, &zone);
    if (code == CLI_DONE) {
        code = look_at_settings(found);
    }
    if (code != CLI_DONE) {
        return code;
    }
    look_at_prices(found);
    look_at_registry(found);
    look_at_history(found);
    return answer(found);
}

int cli_doctor(const cli_arguments *arguments) {
    cli_findings *found = calloc(1, sizeof(*found));
    if (found == NULL) {
        return cli_fail(CLI_INTERNAL, "out of memory");
    }
    found->arguments = arguments;
    int code = look_and_answer(found);
    tacho_registry_state_free(found->registry);
    tacho_settings_free(found->settings);
    free(found);
    return code;
}
