/* Any bytes: loading a price table refuses them or gives one that prices without a fault. */
#include <tachograph.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tacho_price_table *table = NULL;
    if (tacho_price_table_load(&table, data, size, NULL) != TACHO_OK) {
        if (table != NULL)
            abort();
        return 0;
    }
    static const char *const models[] = {"claude-opus-4-6", "gpt-4o", "", "a"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        tacho_usage usage = TACHO_USAGE(.input = INT64_MAX, .output = 7, .model = models[i]);
        tacho_cost cost = {.struct_size = sizeof cost};
        tacho_calculate_cost(table, &usage, 1780315200000000000, &cost);
    }
    tacho_price_table_free(table);
    return 0;
}
