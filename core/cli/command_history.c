/* tacho history reprice: stored costs under the prices of now. */
#include "arguments.h"
#include "data.h"
#include "message.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/settings.h>

/* Changed calls of one model. */
typedef struct changed_model {
    char *provider, *model;
    uint64_t calls;
    int64_t before_pusd, after_pusd;
} changed_model;

typedef struct reprice_run {
    const cli_arguments *arguments;
    cli_output output;
    tacho_format format;
    changed_model *models;
    size_t count;
    int is_short_of_memory;
} reprice_run;

static const char *or_dash(const char *text) {
    return text && *text ? text : "-";
}

static const char *usd(int64_t pusd, char out[TACHO_MONEY_TEXT_SIZE]) {
    return tacho_money_format(pusd, out, TACHO_MONEY_TEXT_SIZE) ? out : "-";
}

static changed_model *model_of(reprice_run *run, const tacho_record_view *record) {
    const char *provider = or_dash(record->provider);
    const char *model = or_dash(record->model ? record->model : record->requested_model);
    for (size_t i = 0; i < run->count; i++) {
        if (strcmp(run->models[i].provider, provider) == 0 && strcmp(run->models[i].model, model) == 0) {
            return &run->models[i];
        }
    }
    changed_model *more = realloc(run->models, (run->count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    run->models = more;
    more[run->count] = (changed_model){.provider = strdup(provider), .model = strdup(model)};
    return more[run->count].provider && more[run->count].model ? &more[run->count++] : NULL;
}

static void on_change(void *context, const tacho_record_view *record, const tacho_cost *cost) {
    reprice_run *run = context;
    char before[TACHO_MONEY_TEXT_SIZE], after[TACHO_MONEY_TEXT_SIZE];
    changed_model *model = model_of(run, record);
    if (!model) {
        run->is_short_of_memory = 1;
        return;
    }
    model->calls++;
    model->before_pusd += record->cost_pusd == TACHO_COST_UNKNOWN ? 0 : record->cost_pusd;
    model->after_pusd += cost->total_pusd == TACHO_COST_UNKNOWN ? 0 : cost->total_pusd;
    cli_tell(run->arguments, "%s %s: %s (%s) -> %s (%s)", or_dash(record->source_id), model->model,
             usd(record->cost_pusd, before), tacho_cost_state_name((uint32_t)record->cost_state),
             usd(cost->total_pusd, after), tacho_cost_state_name(cost->state));
}

static void print_plain(reprice_run *run, const tacho_repricing *counts, int dry) {
    char before[TACHO_MONEY_TEXT_SIZE], after[TACHO_MONEY_TEXT_SIZE];
    for (size_t i = 0; i < run->count; i++) {
        const changed_model *model = &run->models[i];
        cli_output_print(&run->output, "%s %s: %" PRIu64 " %s, %s -> %s USD\n", model->provider, model->model,
                         model->calls, model->calls == 1 ? "call" : "calls", usd(model->before_pusd, before),
                         usd(model->after_pusd, after));
    }
    cli_output_print(&run->output, "%" PRIu64 " of %" PRIu64 " costs %s: %s -> %s USD", counts->changed, counts->calls,
                     dry ? "would change" : "changed", usd(counts->before_pusd, before),
                     usd(counts->after_pusd, after));
    cli_output_print(&run->output, "; %" PRIu64 " reported and %" PRIu64 " of several models kept\n", counts->reported,
                     counts->parts);
}

/* Names of models come out of logs: everything that JSON would mistake is escaped. */
static void print_text(cli_output *output, const char *name, const char *text) {
    cli_output_print(output, "\"%s\":\"", name);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        cli_output_print(output, *c == '"' || *c == '\\' ? "\\%c" : *c < 0x20 ? "\\u%04x" : "%c", *c);
    }
    cli_output_print(output, "\",");
}

static void print_json(reprice_run *run, const tacho_repricing *counts, int dry) {
    char before[TACHO_MONEY_TEXT_SIZE], after[TACHO_MONEY_TEXT_SIZE];
    cli_output_print(&run->output,
                     "{\"dry_run\":%s,\"calls\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"reported\":%" PRIu64
                     ",\"parts\":%" PRIu64 ",\"before_usd\":\"%s\",\"after_usd\":\"%s\",\"models\":[",
                     dry ? "true" : "false", counts->calls, counts->changed, counts->reported, counts->parts,
                     usd(counts->before_pusd, before), usd(counts->after_pusd, after));
    for (size_t i = 0; i < run->count; i++) {
        const changed_model *model = &run->models[i];
        cli_output_print(&run->output, "%s{", i ? "," : "");
        print_text(&run->output, "provider", model->provider);
        print_text(&run->output, "model", model->model);
        cli_output_print(&run->output, "\"calls\":%" PRIu64 ",\"before_usd\":\"%s\",\"after_usd\":\"%s\"}",
                         model->calls, usd(model->before_pusd, before), usd(model->after_pusd, after));
    }
    cli_output_print(&run->output, "]}\n");
}

static int reprice(reprice_run *run, tacho_history *history, const tacho_price_table *table, int dry) {
    tacho_repricing counts;
    tacho_status status =
        tacho_history_reprice(history, table, dry ? TACHO_REPRICE_DRY_RUN : 0, on_change, run, &counts);
    if (status != TACHO_OK || run->is_short_of_memory) {
        const char *problem = tacho_history_problem(history);
        return cli_fail(status == TACHO_OK ? CLI_INTERNAL : cli_exit_of(status), "history: %s",
                        *problem ? problem : tacho_status_text(status == TACHO_OK ? TACHO_NOMEM : status));
    }
    int code = cli_output_open(run->arguments, &run->output);
    if (code != CLI_DONE) {
        return code;
    }
    (run->format == TACHO_FORMAT_JSON ? print_json : print_plain)(run, &counts, dry);
    return cli_output_close(&run->output, CLI_DONE);
}

static int reprice_with(reprice_run *run, tacho_settings *settings) {
    char path[CLI_PATH_MAX];
    int is_default, dry = cli_given(run->arguments, CLI_FLAG_DRY_RUN);
    tacho_config config = TACHO_CONFIG_INIT;
    int code = cli_settings_config(run->arguments, settings, &config);
    if (code == CLI_DONE) {
        code = cli_history_path(run->arguments, settings, path, &is_default);
    }
    if (code != CLI_DONE) {
        return code;
    }
    tacho_history *history = NULL;
    /* The file must be there: reprice never makes one. */
    tacho_status status = tacho_history_open(&history, path, TACHO_HISTORY_READ_ONLY);
    if (status == TACHO_OK && !dry) {
        tacho_history_close(history);
        status = tacho_history_open(&history, path, 0);
    }
    code = status == TACHO_OK ? reprice(run, history, config.prices, dry)
                              : cli_fail(cli_exit_of(status), "%s: %s", path, tacho_history_problem(NULL));
    tacho_history_close(history);
    return code;
}

int cli_history(const cli_arguments *arguments) {
    reprice_run run = {.arguments = arguments};
    tacho_settings *settings = NULL;
    if (arguments->operand_count != 1 || strcmp(arguments->operands[0], "reprice") != 0) {
        return cli_fail(CLI_USAGE, "usage: tacho history reprice [--dry-run]");
    }
    int code = cli_format_read(arguments, TACHO_FORMAT_PLAIN, &run.format);
    if (code == CLI_DONE) {
        code = cli_settings_read(arguments, &settings);
    }
    if (code == CLI_DONE) {
        code = reprice_with(&run, settings);
    }
    for (size_t i = 0; i < run.count; i++) {
        free(run.models[i].provider);
        free(run.models[i].model);
    }
    free(run.models);
    tacho_settings_free(settings);
    return code;
}
