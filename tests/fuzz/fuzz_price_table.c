/*
 * Any bytes as a file of prices (user prices, a source's JSON, a table): refused without a trace, or a table that
 * prices every id it has. A damaged table is tried once more with its checksum made right, so that the damage reaches
 * the checks behind it. The table below stays as it was.
 */
#include "base/hash.h"
#include "price/table.h"

#include <stdlib.h>
#include <string.h>
#include <tachograph/price_table.h>

#define AT INT64_C(1780315200000000000)

static tacho_cost price(const tacho_price_model *model, int64_t input) {
    tacho_usage usage = TACHO_USAGE(.input = input, .cache_read = 3, .output = 7, .web_searches = 1);
    tacho_cost cost;
    if (tacho_price_cost(model, &usage, AT, &cost) != TACHO_OK) {
        abort();
    }
    return cost;
}

static int64_t price_below(void) {
    static tacho_price_model model;
    if (!model.table && tacho_price_model_find(NULL, "anthropic", "claude-opus-4-6", &model) != TACHO_OK) {
        abort();
    }
    return price(&model, 1000).total_pusd;
}

static void use(const tacho_price_table *table) {
    tacho_price_model model;
    tacho_price_sheet_view view;
    static const char *const asked[] = {"claude-opus-4-6", "gpt-4o-2024-11-20", "ft:house-7b:x", "", "a"};
    for (size_t i = 0; i < 2000 && tacho_price_table_at(table, i, &model) == TACHO_OK; i++) {
        for (size_t k = 0; tacho_price_model_sheet(&model, k, &view) == TACHO_OK; k++) {
        }
        tacho_cost cost = price(&model, INT64_MAX);
        if (cost.total_pusd < 0 && cost.total_pusd != TACHO_COST_UNKNOWN) {
            abort();
        }
    }
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        tacho_price_model_find(table, i % 2 ? "anthropic" : NULL, asked[i], &model);
        price(&model, 1000);
    }
}

static void load(const void *bytes, size_t size) {
    tacho_price_table *table = NULL;
    tacho_price_built built = TACHO_PRICE_BUILT_INIT;
    tacho_status status = tacho_price_table_read(&table, bytes, size, tacho_price_table_builtin(), &built);
    if ((status == TACHO_OK) != (table != NULL)) {
        abort();
    }
    if (table) {
        use(table);
        tacho_price_table_free(table);
    }
    tacho_price_built_clear(&built);
}

/* The same bytes with the right checksum, when they are a table. */
static void load_signed(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    if (!copy) {
        return;
    }
    memcpy(copy, data, size);
    const tacho__price_header *sheets;
    size_t length, hashed = offsetof(tacho__price_header, flags);
    if (tacho__price_open(copy, size, &sheets, &length) == TACHO_OK && length > hashed) {
        uint64_t checksum = tacho__hash((const char *)sheets + hashed, length - hashed, 0);
        size_t at = (size_t)((const char *)sheets - copy) + offsetof(tacho__price_header, checksum);
        memcpy(copy + at, &checksum, sizeof checksum);
        load(copy, size);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t before = price_below();
    load(data, size);
    load_signed(data, size);
    if (price_below() != before) {
        abort();
    }
    return 0;
}
