/* tacho prices list: what is in the tables, in an order for people. */
#include "message.h"
#include "prices.h"

#include <stdlib.h>
#include <string.h>

typedef struct rows {
    tacho_price_model *at;
    size_t count, room;
} rows;

static int add_row(rows *list, const tacho_price_model *model) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 1024;
        tacho_price_model *more = realloc(list->at, room * sizeof *more);
        if (!more) {
            return cli_fail(CLI_INTERNAL, "out of memory");
        }
        list->at = more;
        list->room = room;
    }
    list->at[list->count++] = *model;
    return CLI_DONE;
}

/* Own name of a provider that may be given by alias or base URL. */
typedef struct named {
    char name[256];
    bool found;
} named;

static void on_step(void *context, const char *rule, const char *provider, const char *id, int found) {
    named *n = context;
    (void)id;
    if (strcmp(rule, "provider") == 0 && found) {
        snprintf(n->name, sizeof n->name, "%s", provider);
        n->found = true;
    }
}

static bool is_wanted(const tacho_price_model *model, const char *part, const char *provider) {
    const char *id = tacho_price_model_id(model), *seller = tacho_price_model_provider(model);
    return (!part || strstr(id, part) || strstr(seller, part)) && (!provider || strcmp(seller, provider) == 0);
}

/* `below`: a table under `table`, whose ids count unless `table` has them; their handles carry its contracts. */
static int add_table(rows *list, const tacho_price_table *table, const tacho_price_table *below, const char *part,
                     const char *provider) {
    tacho_price_model model, found;
    int code = CLI_DONE;
    for (size_t i = 0; code == CLI_DONE && tacho_price_table_at(below ? below : table, i, &model) == TACHO_OK; i++) {
        if (!is_wanted(&model, part, provider)) {
            continue;
        }
        if (!below) {
            code = add_row(list, &model);
        } else if (tacho_price_model_find(table, tacho_price_model_provider(&model), tacho_price_model_id(&model),
                                          &found) == TACHO_OK &&
                   found.table == below) {
            code = add_row(list, &found);
        }
    }
    return code;
}

static int by_name(const void *left, const void *right) {
    const tacho_price_model *a = left, *b = right;
    int providers = strcmp(tacho_price_model_provider(a), tacho_price_model_provider(b));
    return providers ? providers : strcmp(tacho_price_model_id(a), tacho_price_model_id(b));
}

static void print_amount_json(cli_output *output, const char *key, const char *amount) {
    cli_output_print(output, *amount ? ", \"%s\": \"%s\"" : ", \"%s\": null", key, amount);
}

static void print_row(const tacho_price_model *model, bool json, bool first, cli_output *output) {
    const char *id = tacho_price_model_id(model), *provider = tacho_price_model_provider(model);
    char input[24], out[24];
    cli_prices_now(model, input, out);
    if (!json) {
        cli_output_print(output, "%-12s %-52s %12s %12s\n", *provider ? provider : "*", id, *input ? input : "-",
                         *out ? out : "-");
        return;
    }
    cli_output_print(output, "%s{\"provider\": ", first ? "" : ",\n");
    cli_prices_json_text(output, provider);
    cli_output_print(output, ", \"model\": ");
    cli_prices_json_text(output, id);
    print_amount_json(output, "input", input);
    print_amount_json(output, "output", out);
    cli_output_print(output, "}");
}

static void print_rows(const rows *list, bool json, cli_output *output) {
    cli_output_print(output, json ? "{\"schema\": \"tacho.prices/1\", \"rows\": [" : "");
    for (size_t i = 0; i < list->count; i++) {
        print_row(&list->at[i], json, i == 0, output);
    }
    cli_output_print(output, json ? "]}\n" : "");
}

int cli_prices_list(const tacho_price_table *table, const tacho_price_table *base, const cli_prices_wanted *wanted,
                    bool json, cli_output *output) {
    rows list = {0};
    named provider = {.found = false};
    if (wanted->provider) {
        tacho_price_model ignored;
        tacho_price_explain(table, wanted->provider, "any model", on_step, &provider, &ignored);
        if (!provider.found) {
            return cli_fail(CLI_NO_DATA, "no provider '%s' in the price table; tacho prices list shows the names",
                            wanted->provider);
        }
    }
    const char *seller = wanted->provider ? provider.name : NULL;
    int code = add_table(&list, table, NULL, wanted->part, seller);
    if (code == CLI_DONE && base != table) {
        code = add_table(&list, table, base, wanted->part, seller);
    }
    if (code == CLI_DONE && list.count) {
        qsort(list.at, list.count, sizeof *list.at, by_name);
        print_rows(&list, json, output);
    } else if (code == CLI_DONE) {
        code = cli_fail(CLI_NO_DATA, "no id or provider in the price table contains '%s'%s%s",
                        wanted->part ? wanted->part : "", seller ? ", of provider " : "", seller ? seller : "");
    }
    free(list.at);
    return code;
}
