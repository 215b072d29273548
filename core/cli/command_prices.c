/* tacho prices: what a model costs and why, and the files of prices. Nothing here touches the network. */
#include "message.h"
#include "output.h"
#include "prices.h"
#include "when.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/settings.h>
#include <time.h>

typedef struct prices_run {
    const cli_arguments *arguments;
    cli_output output;
    tacho_format format;
    tacho_price_table *updated;            /* at the default place; NULL = none */
    tacho_price_table *loaded;             /* by --prices */
    const tacho_price_table *base, *table; /* below prices of the user's own; in use */
    bool is_default_place;                 /* `update` writes where settings look */
} prices_run;

static int64_t now_ns(void) {
    return (int64_t)time(NULL) * INT64_C(1000000000);
}

/* --date, else today in UTC; 0 = said what is wrong with it. */
static uint32_t date_of(const cli_arguments *arguments) {
    const char *text = arguments->value[CLI_FLAG_DATE];
    struct tm day;
    if (!text) {
        time_t now = time(NULL);
        gmtime_r(&now, &day);
    } else if (!cli_day_read(text, &day) || day.tm_year < 100) {
        cli_fail(CLI_USAGE, "--date: '%s' is no day since 2000 like 2026-11-21", text);
        return 0;
    }
    return (uint32_t)((day.tm_year + 1900) * 10000 + (day.tm_mon + 1) * 100 + day.tm_mday);
}

/* ------------------------------------------------------------------------------------------------- build, update,
 * check */

static void tell_report(const cli_arguments *arguments, const tacho_price_built *built) {
    for (const char *line = built->report; *line;) {
        size_t length = strcspn(line, "\n");
        cli_tell(arguments, "%.*s", (int)length, line);
        line += length + (line[length] != 0);
    }
    cli_hint(arguments, "%u ids, %zu bytes; %u rejected, %u quarantined, %u worth a look%s", built->models,
             built->length, built->rejected, built->quarantined, built->reviewed,
             cli_given(arguments, CLI_FLAG_VERBOSE) ? "" : " (--verbose names them)");
}

static int refuse_built(const tacho_price_built *built, const char *name, tacho_status status) {
    if (built->fault[0]) {
        return cli_fail(CLI_NO_DATA, "%s:%llu:%llu: %s", name, (unsigned long long)built->fault_line,
                        (unsigned long long)built->fault_column, built->fault);
    }
    return cli_fail(cli_exit_of(status), "%s: %s", name, tacho_status_text(status));
}

/* Prices of the user's own have no id of the built-in table: one is found in that table below them. */
static bool is_users(const tacho_price_built *built) {
    const tacho_price_table *below = tacho_price_table_builtin();
    tacho_price_table *table = NULL;
    tacho_price_model first, found;
    bool users = tacho_price_table_load(&table, built->bytes, built->length, below) == TACHO_OK &&
                 tacho_price_table_at(below, 0, &first) == TACHO_OK &&
                 tacho_price_model_find(table, tacho_price_model_provider(&first), tacho_price_model_id(&first),
                                        &found) == TACHO_OK &&
                 found.table == below;
    tacho_price_table_free(table);
    return users;
}

static int write_table(prices_run *run, const tacho_price_built *built) {
    if (run->is_default_place && is_users(built)) {
        return cli_fail(CLI_USAGE, "these are prices of your own, not a whole table: set TACHO_PRICES to the file");
    }
    int code = cli_output_write(&run->output, built->bytes, built->length) ? CLI_INTERNAL : CLI_DONE;
    if (code == CLI_DONE) {
        tell_report(run->arguments, built);
    }
    return code;
}

/* Read the files and build; `previous` quarantines what changed too much. */
static int build_files(prices_run *run, const char *const *paths, size_t count, const tacho_price_table *previous) {
    tacho_price_source *sources = calloc(count + 1, sizeof *sources);
    uint32_t date = date_of(run->arguments);
    int code = !date ? CLI_USAGE : sources ? CLI_DONE : CLI_INTERNAL;
    for (size_t i = 0; i < count && code == CLI_DONE; i++) {
        char *text;
        code = cli_prices_file(paths[i], &text, &sources[i].length);
        sources[i].struct_size = (uint32_t)sizeof sources[i];
        const char *slash = strrchr(paths[i], '/'); /* the table says which file, not where it lay */
        sources[i].name = slash ? slash + 1 : paths[i];
        sources[i].text = text;
    }
    if (code == CLI_DONE) {
        tacho_price_built built;
        tacho_status status = tacho_price_build(sources, count, date, TACHO_PRICE_BUILD_DETECT, previous, &built);
        code = status == TACHO_OK ? write_table(run, &built) : refuse_built(&built, paths[built.fault_source], status);
        tacho_price_built_clear(&built);
    }
    for (size_t i = 0; sources && i < count; i++) {
        free((char *)(uintptr_t)sources[i].text);
    }
    free(sources);
    return code;
}

static int run_build(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    if (arguments->operand_count < 2 || !cli_given(arguments, CLI_FLAG_OUTPUT)) {
        return cli_fail(CLI_USAGE, "usage: tacho prices build FILE... -o FILE");
    }
    return build_files(run, arguments->operands + 1, (size_t)arguments->operand_count - 1, NULL);
}

/* The file that is there keeps its name and content unless the new table is good. */
static int run_update(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    if (arguments->operand_count < 2) {
        return cli_fail(CLI_USAGE, "usage: tacho prices update FILE... [-o FILE]");
    }
    int code = build_files(run, arguments->operands + 1, (size_t)arguments->operand_count - 1, run->table);
    if (code == CLI_DONE && run->is_default_place) {
        cli_hint(arguments, "written to %s, and used from now on", run->output.path);
    }
    return code;
}

static int run_check(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    if (arguments->operand_count != 2) {
        return cli_fail(CLI_USAGE, "usage: tacho prices check FILE");
    }
    tacho_price_table *table = NULL;
    int code = cli_prices_table(arguments->operands[1], run->base, &table);
    if (code == CLI_DONE) {
        cli_output_print(&run->output, "%s: good, version %s\n", arguments->operands[1],
                         tacho_price_table_version(table));
    }
    tacho_price_table_free(table);
    return code;
}

static int run_diff(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    tacho_price_table *tables[2] = {NULL, NULL};
    if (arguments->operand_count < 2 || arguments->operand_count > 3) {
        return cli_fail(CLI_USAGE, "usage: tacho prices diff A [B]; without B, the table in use");
    }
    int code = cli_prices_table(arguments->operands[1], NULL, &tables[0]);
    if (code == CLI_DONE && arguments->operand_count == 3) {
        code = cli_prices_table(arguments->operands[2], NULL, &tables[1]);
    }
    if (code == CLI_DONE) {
        cli_prices_diff(tables[0], tables[1] ? tables[1] : run->table, &run->output);
    }
    tacho_price_table_free(tables[0]);
    tacho_price_table_free(tables[1]);
    return code;
}

/* ------------------------------------------------------------------------------------------------------ what it costs
 */

static void warn_if_old(const prices_run *run) {
    int64_t days = now_ns() / INT64_C(86400000000000);
    tacho_usage usage = {.struct_size = (uint32_t)sizeof usage};
    tacho_price_model model;
    tacho_cost cost;
    if (days > 0 && tacho_price_table_at(run->table, 0, &model) == TACHO_OK &&
        tacho_price_cost(&model, &usage, now_ns(), &cost) == TACHO_OK && (cost.flags & TACHO_COST_STALE)) {
        cli_warn(run->arguments, "the price table is of %s: older than %d days; see tacho prices update",
                 tacho_price_table_version(run->table), TACHO_PRICE_STALE_DAYS);
    }
}

static int run_model(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    if (arguments->operand_count > 1) {
        return cli_fail(CLI_USAGE, "one model at a time; sub-commands are list, build, update, check and diff");
    }
    bool json = run->format == TACHO_FORMAT_JSON;
    int found =
        cli_prices_explain(run->table, arguments->value[CLI_FLAG_PROVIDER], arguments->operands[0], json, &run->output);
    if (!found) {
        return cli_fail(CLI_NO_DATA, "%s has no price; unknown costs are shown as \"-\" and counted",
                        arguments->operands[0]);
    }
    return CLI_DONE;
}

static int run_list(prices_run *run) {
    const cli_arguments *arguments = run->arguments;
    if (arguments->operand_count > 2) {
        return cli_fail(CLI_USAGE, "usage: tacho prices list [PART] [--provider NAME]");
    }
    cli_prices_wanted wanted = {arguments->operand_count > 1 ? arguments->operands[1] : NULL,
                                arguments->value[CLI_FLAG_PROVIDER]};
    return cli_prices_list(run->table, run->base, &wanted, run->format == TACHO_FORMAT_JSON, &run->output);
}

static int run_word(prices_run *run) {
    static const struct {
        const char *word;
        int (*run)(prices_run *run);
    } words[] = {{"build", run_build}, {"update", run_update}, {"check", run_check}, {"diff", run_diff}};
    const cli_arguments *arguments = run->arguments;
    const char *word = arguments->operand_count ? arguments->operands[0] : "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) == 0) {
            return words[i].run(run);
        }
    }
    warn_if_old(run);
    if (!*word) {
        cli_prices_about(run->table, &run->output);
        return CLI_DONE;
    }
    if (strcmp(word, "list") == 0) {
        return run_list(run);
    }
    return run_model(run);
}

/* `update` without -o writes where settings look for a table; the folders above are made. */
static int choose_place(cli_arguments *arguments, char *path, size_t size) {
    if (tacho_default_prices_path(path, size) != TACHO_OK) {
        return cli_fail(CLI_USAGE, "neither XDG_CACHE_HOME nor HOME says where to write; give -o FILE");
    }
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, S_IRWXU) != 0 && errno != EEXIST ? errno : 0;
        *slash = '/';
        if (failed) {
            return cli_fail(CLI_INTERNAL, "%s cannot be made: %s", path, strerror(failed));
        }
    }
    arguments->value[CLI_FLAG_OUTPUT] = path;
    return CLI_DONE;
}

static int find_tables(prices_run *run) {
    const char *named = run->arguments->value[CLI_FLAG_PRICES];
    const char *path = named ? named : getenv("TACHO_PRICES");
    tacho_status status = tacho_default_prices(&run->updated);
    if (status != TACHO_OK && status != TACHO_NOT_FOUND) {
        cli_warn(run->arguments, "the table of 'tacho prices update' cannot be used: %s", tacho_status_text(status));
    }
    run->base = run->table = run->updated ? run->updated : tacho_price_table_builtin();
    int code = path && *path ? cli_prices_table(path, run->base, &run->loaded) : CLI_DONE;
    run->table = run->loaded ? run->loaded : run->table;
    return code;
}

int cli_prices(const cli_arguments *given) {
    cli_arguments arguments = *given;
    prices_run run = {.arguments = &arguments};
    char path[PATH_MAX];
    int code = cli_format_read(&arguments, TACHO_FORMAT_TABLE, &run.format);
    if (code == CLI_DONE) {
        code = find_tables(&run);
    }
    run.is_default_place = arguments.operand_count > 1 && strcmp(arguments.operands[0], "update") == 0 &&
                           !cli_given(&arguments, CLI_FLAG_OUTPUT);
    if (code == CLI_DONE && run.is_default_place) {
        code = choose_place(&arguments, path, sizeof path);
    }
    if (code == CLI_DONE) {
        code = cli_output_open(&arguments, &run.output);
        if (code == CLI_DONE) {
            code = cli_output_close(&run.output, run_word(&run));
        }
    }
    tacho_price_table_free(run.loaded);
    tacho_price_table_free(run.updated);
    return code;
}
