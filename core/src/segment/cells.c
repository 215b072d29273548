#include "segment/cells.h"

/* Links a fresh, empty cell. Released: a reader that sees the link sees zeros behind it, or later values. */
static void link_to(tacho__half *link, tacho__line line) {
    atomic_store_explicit(link, line, memory_order_release);
}

void *tacho__cell_find(tacho__writer *writer, tacho__lane *lane, tacho__half *link, uint32_t lines, bool overflow) {
    tacho__line line = tacho__get_half(link);
    if (__builtin_expect(line == 0, 0)) {
        line = tacho__lane_take(writer, lane, lines, overflow);
        if (line == 0) {
            return NULL;
        }
        link_to(link, line);
    }
    return lane->base + (uint64_t)line * TACHO__LINE;
}

/* The bucket, in an octave that is made if there is none. NULL = no room. */
static tacho__half *bucket_make(tacho__writer *writer, tacho__lane *lane, tacho__sketch *sketch, uint32_t bucket,
                                bool overflow) {
    const uint32_t octave = bucket / TACHO__OCTAVE_BUCKETS;
    if (tacho__get_half(&sketch->octaves[octave]) == 0) {
        const tacho__line line = tacho__lane_take(writer, lane, 1, overflow);
        if (line == 0) {
            return NULL;
        }
        link_to(&sketch->octaves[octave], tacho__octave_entry(line, octave));
    }
    return tacho__sketch_bucket(lane->base, sketch, bucket);
}

bool tacho__spot_find_slow(tacho__writer *writer, tacho__lane *lane, tacho__spot *spot, uint32_t bucket,
                           bool overflow) {
    const uint32_t octave = bucket / TACHO__OCTAVE_BUCKETS;
    const uint32_t place = bucket % TACHO__OCTAVE_BUCKETS;
    spot->bucket = bucket_make(writer, lane, spot->sketch, bucket, overflow);
    if (!spot->bucket) {
        return false;
    }
    if (tacho__get_half(spot->bucket) != UINT32_MAX) {
        return true;
    }
    tacho__octaves *directory = tacho__cell_find(writer, lane, &spot->sketch->high_directory, 2, overflow);
    tacho__octave *high = directory ? tacho__cell_find(writer, lane, &directory->line[octave], 1, overflow) : NULL;
    if (!high) {
        return false;
    }
    spot->carry = &high->bucket[place];
    return true;
}

tacho__block *tacho__block_make(tacho__lane *lane, uint32_t number, bool overflow) {
    tacho__descriptor *descriptor = tacho__segment_descriptor(lane->segment, number);
    const bool operation = descriptor->type == TACHO__TYPE_OPERATION;
    const uint32_t lines = operation ? TACHO__BLOCK_LINES : TACHO__HISTOGRAM_LINES;
    const tacho__line line = tacho__lane_take_locked(lane, lines, overflow);
    if (line == 0) {
        return NULL;
    }
    tacho__block *block = (tacho__block *)(lane->base + (uint64_t)line * TACHO__LINE);
    tacho__put_half(&block->duration.series, number);
    tacho__put_half(&block->duration.next, tacho__get_half(&descriptor->first_block));
    link_to(&descriptor->first_block, line);
    return block;
}

tacho__session_cell *tacho__session_cell_find(tacho__writer *writer, tacho__lane *lane, uint32_t slot) {
    if (__builtin_expect(!lane->cells[slot], 0)) {
        tacho__half *link = &lane->segment->sessions[slot].cells[lane->number];
        lane->cells[slot] = tacho__cell_find(writer, lane, link, TACHO__CELL_LINES, true);
    }
    return lane->cells[slot];
}

/* Values between those seen so far and inside the grid. */
static void find_range(const tacho__sketch *sketch, const tacho__grid *grid, uint64_t *least, uint64_t *span) {
    const uint64_t min = ~tacho__get(&sketch->min_inverse), max = tacho__get(&sketch->max);
    const uint64_t low = min > grid->bounds[0] ? min : grid->bounds[0] + 1;
    const uint64_t high = max < grid->bounds[TACHO__BUCKETS] ? max : grid->bounds[TACHO__BUCKETS];
    *least = low;
    *span = high >= low ? high - low + 1 : 0;
}

void tacho__bound_quicken(tacho__bound *bound, tacho__word *counter) {
    bound->counter = counter;
    find_range(&bound->block->duration, bound->grid, &bound->least, &bound->span);
}

void tacho__known_quicken(const tacho__lane *lane, tacho__known *known, uint8_t grid) {
    known->grid = &tacho__grids[grid];
    known->mark = tacho__mark_of(lane->base, known->cell);
    find_range(known->cell, known->grid, &known->least, &known->span);
}

static void quicken_sketch(const tacho__lane *lane, const tacho__half *link, unsigned grid, tacho__quick_sketch *out) {
    out->sketch = (tacho__sketch *)(lane->base + (uint64_t)tacho__get_half(link) * TACHO__LINE);
    find_range(out->sketch, &tacho__grids[grid], &out->least, &out->span);
}

void tacho__bound_quicken_model(tacho__lane *lane, tacho__bound *bound, tacho__usage_cell *usage) {
    if (!bound->model && lane->model_count < TACHO__LANE_MODELS) {
        bound->model = &lane->models[lane->model_count++];
    }
    tacho__model_cells *cells = bound->model;
    if (cells) {
        cells->usage = usage;
        quicken_sketch(lane, &usage->input, TACHO__GRID_TOKENS, &cells->input);
        quicken_sketch(lane, &usage->output, TACHO__GRID_TOKENS, &cells->output);
        quicken_sketch(lane, &usage->cost_sketch, TACHO__GRID_USD, &cells->cost);
    }
}
