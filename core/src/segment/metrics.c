#include "segment/metrics.h"

#include "base/hash.h"
#include "base/memory.h"
#include "segment/cells.h"

#include <string.h>

#define CELLS_PER_LINE (TACHO__LINE / TACHO__METRIC_CELL)

/* ----------------------------------------------------------------------------------------------------- definitions */

static tacho__metric_definition *definition_at(const tacho__segment *segment, uint32_t number) {
    return (tacho__metric_definition *)tacho__at(segment, segment->header->regions[TACHO__REGION_METRICS].first) +
           number;
}

bool tacho__metric_define(tacho__segment *segment, const tacho__metric_definition *from, uint16_t *number) {
    tacho__half *count = &segment->header->metrics;
    const uint32_t next = tacho__get_half(count);
    if (next == TACHO__METRICS) {
        return false;
    }
    tacho__store_body(definition_at(segment, next), from, sizeof *from);
    *number = (uint16_t)next;
    atomic_store_explicit(count, next + 1, memory_order_release);
    return true;
}

void tacho__metric_set_overflow(tacho__segment *segment, uint16_t number, uint32_t series) {
    tacho__metric_definition *definition = definition_at(segment, number);
    tacho__put_half((tacho__half *)&definition->overflow, series);
}

/* -------------------------------------------------------------------------------------------------------- cells */

static void *cell_at(const tacho__segment *segment, uint32_t cell) {
    return segment->base + (uint64_t)cell * TACHO__METRIC_CELL;
}

/* Small cells stand four in a line, and a line belongs to one lane: no two threads write to the same line. */
static uint32_t take_small(tacho__lane *lane) {
    tacho__customs *customs = &lane->customs;
    if (customs->next == customs->end) {
        const tacho__line line = tacho__lane_take_locked(lane, 1, false);
        if (line == 0) {
            return 0;
        }
        customs->next = line * CELLS_PER_LINE;
        customs->end = customs->next + CELLS_PER_LINE;
    }
    return customs->next++;
}

static void link_to(tacho__half *link, uint32_t cell) {
    atomic_store_explicit(link, cell, memory_order_release);
}

static void *make_counter(tacho__lane *lane, uint32_t number, tacho__half *first) {
    const uint32_t place = take_small(lane);
    tacho__counter_cell *cell = place ? cell_at(lane->segment, place) : NULL;
    if (cell) {
        tacho__put_half(&cell->series, number);
        tacho__put_half(&cell->next, tacho__get_half(first));
        link_to(first, place);
    }
    return cell;
}

static void *find_gauge(tacho__lane *lane, tacho__half *first) {
    uint32_t place = tacho__get_half(first);
    if (place == 0) {
        place = take_small(lane);
        if (place == 0) {
            return NULL;
        }
        link_to(first, place);
    }
    return cell_at(lane->segment, place);
}

static void *make_cache(tacho__lane *lane, uint32_t number, tacho__half *first) {
    const tacho__line line = tacho__lane_take_locked(lane, 1, false);
    tacho__cache_cell *cell = line ? tacho__at(lane->segment, line) : NULL;
    if (cell) {
        tacho__put_half(&cell->series, number);
        tacho__put_half(&cell->next, tacho__get_half(first));
        link_to(first, line);
    }
    return cell;
}

void *tacho__metric_cell(tacho__lane *lane, uint32_t number) {
    tacho__descriptor *descriptor = tacho__segment_descriptor(lane->segment, number);
    tacho__half *first = &descriptor->first_block;
    switch (descriptor->type) {
    case TACHO__TYPE_COUNTER:
        return make_counter(lane, number, first);
    case TACHO__TYPE_GAUGE:
        return find_gauge(lane, first);
    case TACHO__TYPE_CACHE:
        return make_cache(lane, number, first);
    default:
        return tacho__block_make(lane, number, false);
    }
}

void *tacho__metric_common(const tacho__segment *segment, uint32_t number) {
    const tacho__descriptor *descriptor = tacho__segment_descriptor(segment, number);
    const uint32_t place = tacho__get_half(&descriptor->first_block);
    const bool small = descriptor->type == TACHO__TYPE_COUNTER || descriptor->type == TACHO__TYPE_GAUGE;
    return small ? cell_at(segment, place) : tacho__at(segment, place);
}

/* ------------------------------------------------------------------------------------------------ from the start on */

/* A histogram with every octave it can ever need. */
static tacho__line whole_histogram(tacho__segment *segment, uint32_t number) {
    const uint32_t lines = TACHO__HISTOGRAM_LINES + TACHO__OCTAVES;
    const tacho__line line = tacho__segment_take(segment, lines, TACHO__POCKET_ORDINARY);
    if (line) {
        tacho__sketch *sketch = tacho__at(segment, line);
        tacho__put_half(&sketch->series, number);
        for (uint32_t octave = 0; octave < TACHO__OCTAVES; ++octave) {
            tacho__put_half(&sketch->octaves[octave],
                            tacho__octave_entry(line + TACHO__HISTOGRAM_LINES + octave, octave));
        }
    }
    return line;
}

static uint32_t common_cell(tacho__segment *segment, uint8_t type, uint32_t number) {
    if (type == TACHO__TYPE_HISTOGRAM) {
        return whole_histogram(segment, number);
    }
    const tacho__line line = tacho__segment_take(segment, 1, TACHO__POCKET_ORDINARY);
    if (type == TACHO__TYPE_CACHE) {
        tacho__put_half(&((tacho__cache_cell *)tacho__at(segment, line))->series, number);
        return line;
    }
    if (type == TACHO__TYPE_COUNTER) {
        tacho__put_half(&((tacho__counter_cell *)tacho__at(segment, line))->series, number);
    }
    return line * CELLS_PER_LINE;
}

static bool begin_series(tacho__segment *segment, uint8_t type, uint32_t number, uint16_t metric, tacho__line other) {
    const char identity[4] = {(char)type, 0, TACHO__SERIES_IS_OVERFLOW, 0};
    const tacho__descriptor descriptor = {
        .hash = tacho__hash(identity, sizeof identity, 0),
        .type = type,
        .grid = TACHO__GRID_ONE,
        .flags = TACHO__SERIES_IS_OVERFLOW,
        .name = type == TACHO__TYPE_CACHE ? other : 0,
        .created_mono_ns = segment->header->started_mono_ns,
        .first_block = common_cell(segment, type, number),
        .metric = metric,
    };
    uint32_t given;
    return descriptor.first_block && tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, &given) &&
           given == number;
}

bool tacho__metrics_begin(tacho__segment *segment, tacho__line other) {
    static const uint8_t types[] = {TACHO__TYPE_COUNTER, TACHO__TYPE_GAUGE, TACHO__TYPE_HISTOGRAM};
    if (!begin_series(segment, TACHO__TYPE_CACHE, TACHO__SERIES_CACHES, 0, other)) {
        return false;
    }
    for (uint32_t i = 0; i < sizeof types; ++i) {
        const tacho__metric_definition definition = {
            .name = other,
            .unit = tacho__segment_intern(segment, "1", 1, TACHO__POCKET_ORDINARY),
            .type = types[i],
            .grid = TACHO__GRID_ONE,
            .merge = types[i] == TACHO__TYPE_GAUGE ? TACHO__METRIC_NEWEST : TACHO__METRIC_SUM,
            .overflow = TACHO__SERIES_METRICS + i};
        uint16_t number;
        if (!tacho__metric_define(segment, &definition, &number) ||
            !begin_series(segment, types[i], TACHO__SERIES_METRICS + i, number, other)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------ what a lane knows */

tacho__known *tacho__customs_grow(tacho__customs *customs, uint32_t at) {
    if (at >= customs->bytes) {
        /* Pages, because a signal handler that comes here may not ask for memory otherwise. */
        const uint32_t bytes = at < TACHO__PAGE ? TACHO__PAGE : at * 2;
        tacho__known *grown = tacho__pages_new(bytes, NULL);
        if (!grown) {
            return NULL;
        }
        if (customs->known) {
            memcpy(grown, customs->known, customs->bytes);
        }
        tacho__customs_free(customs);
        customs->known = grown;
        customs->bytes = bytes;
    }
    return tacho__customs_at(customs, at);
}

void tacho__customs_free(tacho__customs *customs) {
    tacho__pages_free(customs->known, customs->bytes);
    customs->known = NULL;
    customs->bytes = 0;
}

void tacho__customs_forget(tacho__customs *customs) {
    if (customs->known) {
        memset(customs->known, 0, customs->bytes);
    }
    customs->next = customs->end = 0;
}
