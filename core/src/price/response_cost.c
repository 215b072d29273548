#include <tachograph/price.h>

tacho_status tacho_response_cost(const tacho_price_table *table, const tacho_response *response, const char *provider,
                                 const char *model, int64_t at_unix_ns, tacho_cost *out) {
    if (!response || !out) {
        return TACHO_INVALID;
    }
    if (tacho_response_parts(response) == 0) {
        tacho_usage absent = TACHO_USAGE(.flags = TACHO_USAGE_ABSENT, .provider = provider, .model = model);
        return tacho_calculate_cost(table, &absent, at_unix_ns, out);
    }
    tacho_status status = TACHO_OK;
    for (size_t i = 0; status == TACHO_OK && i < tacho_response_parts(response); i++) {
        tacho_usage part = *tacho_response_usage(response, i);
        part.provider = provider ? provider : part.provider;
        part.model = part.model ? part.model : model;
        tacho_cost cost;
        status = tacho_calculate_cost(table, &part, at_unix_ns, &cost);
        if (i == 0) {
            *out = cost;
        } else {
            tacho_cost_add(out, &cost);
        }
    }
    return status;
}
