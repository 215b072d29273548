/** Custom metrics and caches out of the copy, merged over lanes. */
#include "segment/view.h"

#include <string.h>

static void add(uint64_t *sum, const tacho__word *word) {
    if (__builtin_add_overflow(*sum, tacho__get(word), sum)) {
        *sum = UINT64_MAX;
    }
}

/* ------------------------------------------------------------------------------------------------------ definitions */

uint32_t tacho__view_metric_count(const tacho__view *view) {
    const uint32_t count = tacho__get_half(&view->header->metrics);
    return count < TACHO__METRICS ? count : TACHO__METRICS;
}

bool tacho__view_metric(const tacho__view *view, uint32_t number, tacho__metric_view *out) {
    const tacho__metric_definition *all = tacho__view_lines(view, view->metrics_first, 1);
    const tacho__metric_definition *definition = number < tacho__view_metric_count(view) ? &all[number] : NULL;
    if (!definition || definition->type < TACHO__TYPE_COUNTER || definition->type > TACHO__TYPE_HISTOGRAM ||
        definition->grid > TACHO__GRID_ONE || definition->merge >= TACHO__METRIC_RULES ||
        definition->label_count > TACHO__METRIC_LABELS) {
        return false;
    }
    memset(out, 0, sizeof *out);
    out->type = definition->type;
    out->grid = definition->grid;
    out->merge = definition->merge;
    out->name = tacho__view_text(view, definition->name);
    out->unit = tacho__view_text(view, definition->unit);
    out->description = tacho__view_text(view, definition->description);
    out->label_count = definition->label_count;
    for (uint32_t i = 0; i < out->label_count; ++i) {
        out->labels[i] = tacho__view_text(view, definition->labels[i]);
        if (!out->labels[i]) {
            return false;
        }
    }
    return out->name && out->unit;
}

/* ----------------------------------------------------------------------------------------------------------- series */

static const void *small_cell(const tacho__view *view, uint32_t place) {
    const uint32_t per_line = TACHO__LINE / TACHO__METRIC_CELL;
    const uint8_t *line = tacho__view_lines(view, place / per_line, 1);
    return line ? line + (size_t)(place % per_line) * TACHO__METRIC_CELL : NULL;
}

static void read_counter(const tacho__view *view, uint32_t number, uint32_t place, tacho__custom_view *out) {
    for (uint32_t cells = 0; place != 0 && cells <= TACHO__LANES; ++cells) {
        const tacho__counter_cell *cell = small_cell(view, place);
        if (!cell || tacho__get_half(&cell->series) != number) {
            return;
        }
        add(&out->total, &cell->value);
        place = tacho__get_half(&cell->next);
    }
}

static void read_gauge(const tacho__view *view, uint32_t place, tacho__custom_view *out) {
    const tacho__gauge_cell *cell = small_cell(view, place);
    const uint64_t stamp = cell ? tacho__get(&cell->stamp) : 0;
    if (stamp) {
        out->value = (int64_t)tacho__get(&cell->value);
        out->changed_mono_ns = tacho__stamp_mono(stamp);
    }
}

static void read_histogram(const tacho__view *view, uint32_t number, tacho__line line, tacho__custom_view *out) {
    for (uint32_t blocks = 0; line != 0 && blocks <= TACHO__LANES; ++blocks) {
        const tacho__sketch *sketch = tacho__view_lines(view, line, TACHO__HISTOGRAM_LINES);
        if (!sketch || tacho__get_half(&sketch->series) != number) {
            return;
        }
        tacho__view_sketch_add(view, &out->histogram, sketch);
        line = tacho__get_half(&sketch->next);
    }
}

static void read_cache(const tacho__view *view, uint32_t number, tacho__line line, tacho__custom_view *out) {
    uint64_t newest = 0, capacity_told = 0;
    for (uint32_t cells = 0; line != 0 && cells <= TACHO__LANES; ++cells) {
        const tacho__cache_cell *cell = tacho__view_lines(view, line, 1);
        if (!cell || tacho__get_half(&cell->series) != number) {
            return;
        }
        for (uint32_t i = 0; i < TACHO__CACHE_EVENTS; ++i) {
            add(&out->events[i], &cell->events[i]);
        }
        const uint64_t stamp = tacho__get(&cell->stamp);
        if (stamp > newest) {
            newest = stamp;
            out->size = tacho__get(&cell->size);
            out->changed_mono_ns = tacho__stamp_mono(stamp);
        }
        const uint64_t capacity = tacho__get(&cell->capacity);
        if (capacity && stamp > capacity_told) {
            capacity_told = stamp;
            out->capacity = capacity - 1;
        }
        line = tacho__get_half(&cell->next);
    }
}

static void start(tacho__custom_view *out, const tacho__descriptor *descriptor) {
    memset(out, 0, offsetof(tacho__custom_view, histogram));
    out->type = descriptor->type;
    out->flags = descriptor->flags;
    out->metric = descriptor->metric;
    out->hash = descriptor->hash;
    out->changed_mono_ns = INT64_MIN;
    out->size = out->capacity = UINT64_MAX;
    tacho__view_histogram_start(&out->histogram, descriptor->grid);
}

int tacho__view_custom_type(const tacho__view *view, uint32_t number) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, number);
    const bool custom = descriptor && descriptor->type >= TACHO__TYPE_COUNTER &&
                        descriptor->type <= TACHO__TYPE_CACHE && descriptor->grid <= TACHO__GRID_ONE;
    return custom ? descriptor->type : 0;
}

bool tacho__view_custom(const tacho__view *view, uint32_t number, tacho__custom_view *out) {
    if (tacho__view_custom_type(view, number) == 0) {
        return false;
    }
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, number);
    start(out, descriptor);
    for (uint32_t i = 0; i < TACHO__METRIC_LABELS; ++i) {
        out->labels[i] =
            tacho__view_text(view, *tacho__descriptor_label((tacho__descriptor *)(uintptr_t)descriptor, i));
    }
    const uint32_t place = tacho__get_half(&descriptor->first_block);
    switch (descriptor->type) {
    case TACHO__TYPE_COUNTER:
        read_counter(view, number, place, out);
        break;
    case TACHO__TYPE_GAUGE:
        read_gauge(view, place, out);
        break;
    case TACHO__TYPE_HISTOGRAM:
        read_histogram(view, number, place, out);
        break;
    default:
        read_cache(view, number, place, out);
        break;
    }
    return true;
}
