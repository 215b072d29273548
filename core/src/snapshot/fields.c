#include "snapshot/fields.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const tacho_field *tacho__field_find(const tacho_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static const void *at(const tacho_field *field, const void *base) {
    return (const char *)base + field->offset;
}

int64_t tacho__field_integer(const tacho_field *field, const void *base) {
    int64_t wide;
    int32_t state;
    if (field->type == TACHO_FIELD_STATE) {
        memcpy(&state, at(field, base), sizeof state);
        return state;
    }
    memcpy(&wide, at(field, base), sizeof wide);
    return wide;
}

double tacho__field_ratio(const tacho_field *field, const void *base) {
    double ratio;
    memcpy(&ratio, at(field, base), sizeof ratio);
    return ratio;
}

const char *tacho__field_text(const tacho_field *field, const void *base) {
    if (field->type == TACHO_FIELD_STATE) {
        return tacho_cost_state_name((uint32_t)tacho__field_integer(field, base));
    }
    const char *text;
    memcpy(&text, at(field, base), sizeof text);
    return text;
}

const tacho_named *tacho__field_named(const tacho_field *field, const void *base, uint32_t *count) {
    const tacho_named *list;
    memcpy(&list, at(field, base), sizeof list);
    memcpy(count, (const char *)at(field, base) + sizeof list, sizeof *count);
    return list;
}

const tacho_tag *tacho__field_tags(const tacho_field *field, const void *base, uint32_t *count) {
    const tacho_tag *list;
    memcpy(&list, at(field, base), sizeof list);
    memcpy(count, (const char *)at(field, base) + sizeof list, sizeof *count);
    return list;
}

unsigned tacho__field_digits(const void *base) {
    uint32_t digits;
    memcpy(&digits, (const char *)base + sizeof digits, sizeof digits);
    return digits;
}

const tacho_note *tacho__field_notes(const tacho_field *field, const void *base, uint32_t *count) {
    const tacho_note *list;
    memcpy(&list, at(field, base), sizeof list);
    memcpy(count, (const char *)at(field, base) + sizeof list, sizeof *count);
    return list;
}

const tacho_event *tacho__field_events(const tacho_field *field, const void *base, uint32_t *count) {
    const tacho_event *list;
    memcpy(&list, at(field, base), sizeof list);
    memcpy(count, (const char *)at(field, base) + sizeof list, sizeof *count);
    return list;
}

int tacho__field_unknown(const tacho_field *field, const void *base) {
    switch (field->type) {
    case TACHO_FIELD_TEXT:
        return !tacho__field_text(field, base);
    case TACHO_FIELD_COUNT:
    case TACHO_FIELD_SECONDS:
    case TACHO_FIELD_MILLIS:
        return tacho__field_integer(field, base) < 0;
    case TACHO_FIELD_USD:
        return tacho__field_integer(field, base) == TACHO_COST_UNKNOWN;
    case TACHO_FIELD_RATIO:
        return isnan(tacho__field_ratio(field, base));
    case TACHO_FIELD_TIME:
        return tacho__field_integer(field, base) == 0;
    case TACHO_FIELD_SCALED:
        return tacho__field_integer(field, base) == TACHO_VALUE_UNKNOWN;
    default:
        return 0;
    }
}
