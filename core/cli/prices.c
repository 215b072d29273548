#include "prices.h"
#include "query_json.h"
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* -------------------------------------------------------------------------------------------------------------- files
 */

int cli_prices_file(const char *path, char **text, size_t *length) {
    *text = NULL;
    *length = 0;
    FILE *file = fopen(path, "rb");
    if (!file) {
        return cli_fail(CLI_NO_DATA, "%s: %s", path, strerror(errno));
    }
    size_t room = 1 << 16, got;
    char *bytes = malloc(room);
    while (bytes && (got = fread(bytes + *length, 1, room - *length, file)) > 0) {
        *length += got;
        if (*length > TACHO_PRICE_FILE_MAX) {
            break;
        }
        if (*length == room) {
            char *more = realloc(bytes, room * 2);
            if (!more) {
                free(bytes);
            }
            bytes = more;
            room *= 2;
        }
    }
    int failed = ferror(file);
    fclose(file);
    if (!bytes || failed || *length > TACHO_PRICE_FILE_MAX) {
        free(bytes);
        return cli_fail(failed ? CLI_NO_DATA : CLI_INTERNAL, "%s: %s", path, failed ? "cannot be read" : "too large");
    }
    *text = bytes;
    return CLI_DONE;
}

int cli_prices_table(const char *path, const tacho_price_table *base, tacho_price_table **out) {
    char *text;
    size_t length;
    *out = NULL;
    int code = cli_prices_file(path, &text, &length);
    if (code != CLI_DONE) {
        return code;
    }
    tacho_price_built built = TACHO_PRICE_BUILT_INIT;
    tacho_status status = tacho_price_table_read(out, text, length, base, &built);
    if (status != TACHO_OK && built.fault[0]) {
        code = cli_fail(CLI_NO_DATA, "%s:%" PRIu64 ":%" PRIu64 ": %s", path, built.fault_line, built.fault_column,
                        built.fault);
    } else if (status != TACHO_OK) {
        code = cli_fail(CLI_NO_DATA, "%s: %s", path, tacho_status_text(status));
    }
    tacho_price_built_clear(&built);
    free(text);
    return code;
}

/* -------------------------------------------------------------------------------------------------------------- texts
 */

/* A rate as USD: per million tokens, or per thousand of other units. */
static void rate_text(const tacho_price_rate *rate, char out[48]) {
    const tacho_unit_info *unit = tacho_unit_describe((tacho_unit)rate->unit);
    uint64_t units = unit->is_token ? 1000000 : unit->scale == 1000 ? 1000 : 1;
    __extension__ unsigned __int128 amount = (unsigned __int128)(uint64_t)rate->amount_fusd * units / rate->per;
    tacho_money_format((int64_t)(amount / 1000), out, 48);
}

static const char *per_text(uint32_t unit) {
    const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
    return info->is_token ? "per million" : info->scale == 1000 ? "per second" : "each";
}

static void day_text(int64_t unix_s, char out[24]) {
    time_t at = (time_t)unix_s;
    struct tm day;
    gmtime_r(&at, &day);
    strftime(out, 24, day.tm_hour || day.tm_min ? "%Y-%m-%d %H:%M" : "%Y-%m-%d", &day);
}

void cli_prices_json_text(cli_output *output, const char *text) {
    cli_json json = {.text = NULL};
    cli_json_text(&json, NULL, text);
    cli_output_print(output, "%s", json.failed ? "null" : json.text);
    cli_json_free(&json);
}

/* -------------------------------------------------------------------------------------------------------------- sheets
 */

/* Of the sheets that hold, the last is used: one without an end is over when a later one without an end begins. */
static void end_sheets(tacho_price_sheet_view *sheets, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count && sheets[i].to_unix_s == INT64_MAX; j++) {
            const tacho_price_sheet_view *later = &sheets[j];
            if (later->service == sheets[i].service && later->to_unix_s == INT64_MAX && later->hour_from_minute < 0 &&
                later->weekdays == 0x7f && later->from_unix_s > sheets[i].from_unix_s) {
                sheets[i].to_unix_s = later->from_unix_s;
            }
        }
    }
}

static bool is_repeated(const tacho_price_sheet_view *sheets, size_t index) {
    const tacho_price_sheet_view *sheet = &sheets[index];
    for (size_t i = 0; i < index; i++) {
        if (sheets[i].sheet == sheet->sheet && sheets[i].band == sheet->band &&
            sheets[i].from_unix_s == sheet->from_unix_s && sheets[i].to_unix_s == sheet->to_unix_s) {
            return true;
        }
    }
    return false;
}

/* The sheets of a model as a person reads them; freed by the caller; NULL = none, or out of memory. */
static tacho_price_sheet_view *sheets_of(const tacho_price_model *model, size_t *out_count) {
    tacho_price_sheet_view view;
    size_t count = 0, kept = 0;
    while (tacho_price_model_sheet(model, count, &view) == TACHO_OK) {
        count++;
    }
    tacho_price_sheet_view *sheets = count ? calloc(count, sizeof *sheets) : NULL;
    for (size_t i = 0; sheets && i < count; i++) {
        tacho_price_model_sheet(model, i, &sheets[i]);
    }
    count = sheets ? count : 0;
    end_sheets(sheets, count);
    for (size_t i = 0; i < count; i++) {
        sheets[kept] = sheets[i];
        kept += !is_repeated(sheets, kept);
    }
    *out_count = kept;
    return sheets;
}

static void print_sheet(const tacho_price_sheet_view *sheet, cli_output *output) {
    char day[24];
    cli_output_print(output, "  %s", tacho_price_service_name(sheet->service));
    if (sheet->from_unix_s != INT64_MIN) {
        day_text(sheet->from_unix_s, day);
        cli_output_print(output, ", from %s", day);
    }
    if (sheet->to_unix_s != INT64_MAX) {
        day_text(sheet->to_unix_s, day);
        cli_output_print(output, ", before %s", day);
    }
    if (sheet->hour_from_minute >= 0) {
        cli_output_print(output, ", %02d:%02d-%02d:%02d UTC", sheet->hour_from_minute / 60,
                         sheet->hour_from_minute % 60, sheet->hour_to_minute / 60, sheet->hour_to_minute % 60);
    }
    if (sheet->band) {
        cli_output_print(output, ", prompt %s %" PRIu64 " tokens", sheet->inclusive ? "from" : "above",
                         sheet->threshold);
    }
    cli_output_print(output, " (sheet %08x)\n", sheet->sheet);
    for (uint32_t i = 0; i < sheet->rate_count; i++) {
        char rate[48];
        rate_text(&sheet->rates[i], rate);
        cli_output_print(output, "    %-20s $%s %s\n", tacho_unit_describe((tacho_unit)sheet->rates[i].unit)->field,
                         rate, per_text(sheet->rates[i].unit));
    }
}

static void print_sheet_json(const tacho_price_sheet_view *sheet, cli_output *output) {
    char day[24];
    cli_output_print(output, "{\"sheet\": \"%08x\", \"service\": \"%s\", \"band\": %u, \"threshold\": %" PRIu64,
                     sheet->sheet, tacho_price_service_name(sheet->service), sheet->band, sheet->threshold);
    if (sheet->from_unix_s != INT64_MIN) {
        day_text(sheet->from_unix_s, day);
        cli_output_print(output, ", \"from\": \"%s\"", day);
    }
    if (sheet->to_unix_s != INT64_MAX) {
        day_text(sheet->to_unix_s, day);
        cli_output_print(output, ", \"to\": \"%s\"", day);
    }
    cli_output_print(output, ", \"rates\": {");
    for (uint32_t i = 0; i < sheet->rate_count; i++) {
        char rate[48];
        rate_text(&sheet->rates[i], rate);
        cli_output_print(output, "%s\"%s\": \"%s\"", i ? ", " : "",
                         tacho_unit_describe((tacho_unit)sheet->rates[i].unit)->field, rate);
    }
    cli_output_print(output, "}}");
}

/* ------------------------------------------------------------------------------------------------------------- answers
 */

void cli_prices_about(const tacho_price_table *table, cli_output *output) {
    size_t count = 0;
    tacho_price_model model;
    while (tacho_price_table_at(table, count, &model) == TACHO_OK) {
        count++;
    }
    cli_output_print(output, "price table %s, %zu ids\n", tacho_price_table_version(table), count);
}

typedef struct steps {
    cli_output *output;
    bool json;
    int count;
} steps;

static void on_step(void *context, const char *rule, const char *provider, const char *id, int found) {
    steps *s = context;
    if (!s->json) {
        cli_output_print(s->output, "  %s %s%s%s: %s\n", rule, provider, *provider ? " " : "", id,
                         found ? "yes" : "no");
        return;
    }
    cli_output_print(s->output, "%s{\"rule\": ", s->count++ ? ", " : "");
    cli_prices_json_text(s->output, rule);
    cli_output_print(s->output, ", \"provider\": ");
    cli_prices_json_text(s->output, provider);
    cli_output_print(s->output, ", \"id\": ");
    cli_prices_json_text(s->output, id);
    cli_output_print(s->output, ", \"found\": %s}", found ? "true" : "false");
}

static void explain_json(const tacho_price_table *table, const char *provider, const char *model, cli_output *output,
                         tacho_price_model *found) {
    steps s = {output, true, 0};
    cli_output_print(output, "{\"schema\": \"tacho.prices/1\", \"table_version\": \"%s\", \"steps\": [",
                     tacho_price_table_version(table));
    tacho_price_explain(table, provider, model, on_step, &s, found);
    size_t count;
    tacho_price_sheet_view *sheets = sheets_of(found, &count);
    cli_output_print(output, "], \"match\": \"%s\", \"provider\": ", tacho_price_match_name(found->match));
    cli_prices_json_text(output, tacho_price_model_provider(found));
    cli_output_print(output, ", \"model\": ");
    cli_prices_json_text(output, tacho_price_model_id(found));
    cli_output_print(output, ", \"context\": %u, \"sheets\": [", found->context);
    for (size_t i = 0; i < count; i++) {
        cli_output_print(output, "%s", i ? ", " : "");
        print_sheet_json(&sheets[i], output);
    }
    free(sheets);
    cli_output_print(output, "]}\n");
}

void cli_prices_now(const tacho_price_model *model, char input[24], char out[24]) {
    tacho_cost cost;
    int64_t at = (int64_t)time(NULL) * INT64_C(1000000000);
    tacho_usage usage = {.struct_size = (uint32_t)sizeof usage, .input = 1000, .output = 1000};
    input[0] = out[0] = 0;
    if (tacho_price_cost(model, &usage, at, &cost) != TACHO_OK) {
        return;
    }
    if (cost.priced & TACHO_UNIT_BIT(TACHO_UNIT_INPUT)) {
        tacho_money_format(cost.component_pusd[TACHO_UNIT_INPUT] * 1000, input, 24);
    }
    if (cost.priced & TACHO_UNIT_BIT(TACHO_UNIT_OUTPUT)) {
        tacho_money_format(cost.component_pusd[TACHO_UNIT_OUTPUT] * 1000, out, 24);
    }
}

/* What a call of now costs: the sheets below do not show the factor of a contract. */
static void print_now(const tacho_price_model *model, cli_output *output) {
    char input[24], out[24];
    tacho_cost cost;
    int64_t at = (int64_t)time(NULL) * INT64_C(1000000000);
    tacho_usage usage = {.struct_size = (uint32_t)sizeof usage, .input = 1, .output = 1};
    cli_prices_now(model, input, out);
    bool contract =
        tacho_price_cost(model, &usage, at, &cost) == TACHO_OK && (cost.modifiers & TACHO_PRICE_MODIFIER_CONTRACT);
    if (*input || *out) {
        cli_output_print(output, "  now %s%s in, %s%s out per million tokens%s\n", *input ? "$" : "",
                         *input ? input : "-", *out ? "$" : "", *out ? out : "-",
                         contract ? ", with the factor of your contract" : "");
    }
}

int cli_prices_explain(const tacho_price_table *table, const char *provider, const char *model, bool json,
                       cli_output *output) {
    tacho_price_model found;
    if (json) {
        explain_json(table, provider, model, output, &found);
        return found.match != TACHO_PRICE_MATCH_NONE;
    }
    steps s = {output, false, 0};
    cli_output_print(output, "price table %s\nsearch\n", tacho_price_table_version(table));
    if (tacho_price_explain(table, provider, model, on_step, &s, &found) != TACHO_OK) {
        return 0;
    }
    cli_output_print(output, "%s %s (%s)", tacho_price_model_provider(&found), tacho_price_model_id(&found),
                     tacho_price_match_name(found.match));
    if (found.context) {
        cli_output_print(output, ", context %u tokens", found.context);
    }
    cli_output_print(output, "\n");
    print_now(&found, output);
    size_t count;
    tacho_price_sheet_view *sheets = sheets_of(&found, &count);
    for (size_t i = 0; i < count; i++) {
        print_sheet(&sheets[i], output);
    }
    free(sheets);
    return 1;
}

/* --------------------------------------------------------------------------------------------------------------
 * changes */

static bool same_sheets(const tacho_price_model *a, const tacho_price_model *b) {
    tacho_price_sheet_view left, right;
    for (size_t i = 0;; i++) {
        bool more_left = tacho_price_model_sheet(a, i, &left) == TACHO_OK;
        bool more_right = tacho_price_model_sheet(b, i, &right) == TACHO_OK;
        if (!more_left || !more_right) {
            return more_left == more_right;
        }
        if (left.sheet != right.sheet || left.band != right.band) {
            return false;
        }
    }
}

static bool find_same(const tacho_price_table *table, const tacho_price_model *model, tacho_price_model *out) {
    return tacho_price_model_find(table, tacho_price_model_provider(model), tacho_price_model_id(model), out) ==
               TACHO_OK &&
           out->match == TACHO_PRICE_MATCH_EXACT;
}

void cli_prices_diff(const tacho_price_table *before, const tacho_price_table *after, cli_output *output) {
    tacho_price_model model, other;
    char old_in[24], old_out[24], new_in[24], new_out[24];
    for (size_t i = 0; tacho_price_table_at(after, i, &model) == TACHO_OK; i++) {
        const char *id = tacho_price_model_id(&model), *provider = tacho_price_model_provider(&model);
        cli_prices_now(&model, new_in, new_out);
        if (!find_same(before, &model, &other)) {
            cli_output_print(output, "+ %s %s: %s %s\n", provider, id, new_in, new_out);
        } else if (!same_sheets(&model, &other)) {
            cli_prices_now(&other, old_in, old_out);
            cli_output_print(output, "~ %s %s: %s %s -> %s %s\n", provider, id, old_in, old_out, new_in, new_out);
        }
    }
    for (size_t i = 0; tacho_price_table_at(before, i, &model) == TACHO_OK; i++) {
        if (!find_same(after, &model, &other)) {
            cli_output_print(output, "- %s %s\n", tacho_price_model_provider(&model), tacho_price_model_id(&model));
        }
    }
}
