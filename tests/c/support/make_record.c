#include "make_record.h"

#include <string.h>

tacho_record_view make_record(const char *kind, const char *operation) {
    tacho_record_view record = {.struct_size = sizeof record, .kind = kind, .operation = operation, .outcome = "ok"};
    record.cost_pusd = record.reported_pusd = record.table_pusd = TACHO_COST_UNKNOWN;
    record.duration_ns = S;
    record.started_at_ns = 999 * S;
    record.ended_at_ns = 1000 * S;
    record.first_token_ns = record.total_tokens = record.context_size = record.context_limit = -1;
    record.weight = 1;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        record.units[unit] = -1;
    }
    return record;
}

void set_usage(tacho_record_view *record, int64_t input, int64_t cache_read, int64_t output) {
    record->present = UINT32_MAX;
    memset(record->units, 0, sizeof record->units);
    record->units[TACHO_UNIT_INPUT] = input;
    record->units[TACHO_UNIT_CACHE_READ] = cache_read;
    record->units[TACHO_UNIT_OUTPUT] = output;
    record->total_tokens = input + cache_read + output;
}

void set_cost(tacho_record_view *record, int64_t pusd, tacho_cost_state state) {
    record->cost_pusd = pusd;
    record->cost_state = (int32_t)state;
}

void set_time(tacho_record_view *record, int64_t duration_ns, int64_t ended_at_ns) {
    record->duration_ns = duration_ns;
    record->ended_at_ns = ended_at_ns;
    record->started_at_ns = ended_at_ns - (duration_ns > 0 ? duration_ns : 0);
}

const tacho_row *find_row(const tacho_rows *rows, const char *key) {
    for (size_t i = 0; i < rows->count; i++) {
        const tacho_row *row = &rows->rows[i];
        const char *const keys[] = {row->day,       row->session,  row->model, row->tool,
                                    row->operation, row->provider, row->kind};
        for (size_t j = 0; j < sizeof keys / sizeof *keys; j++) {
            if (keys[j]) {
                if (strcmp(keys[j], key) == 0) {
                    return row;
                }
                break;
            }
        }
    }
    return NULL;
}
