/**
 * The table of series objects: names to slots, slots to descriptors of the current segment, descriptors to this lane's
 * block. The record path reaches none of this after the first use; see tacho__series_bound.
 */
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "collect/collector.h"
#include "segment/window.h"

#include <string.h>

#define OTHER "other"

/* --------------------------------------------------------------------------------------------------------- names */

static uint64_t hash_text(const char *text, uint64_t seed) {
    return tacho__hash(text, strlen(text), seed);
}

static uint64_t hash_names(const tacho__names *names) {
    const uint8_t head[2] = {names->type, names->kind};
    uint64_t hash = tacho__hash(head, sizeof head, 0);
    hash = hash_text(names->name, hash);
    hash = hash_text(names->provider, hash);
    hash = hash_text(names->model, hash);
    hash = hash_text(names->component, hash);
    for (uint32_t i = 0; i < names->tag_count; ++i) {
        hash = hash_text(names->tag_value[i], hash_text(names->tag_name[i], hash));
    }
    return hash;
}

static bool same_names(const tacho__names *a, const tacho__names *b) {
    bool same = a->type == b->type && a->kind == b->kind && a->tag_count == b->tag_count &&
                strcmp(a->name, b->name) == 0 && strcmp(a->provider, b->provider) == 0 &&
                strcmp(a->model, b->model) == 0 && strcmp(a->component, b->component) == 0;
    for (uint32_t i = 0; same && i < a->tag_count; ++i) {
        same = strcmp(a->tag_name[i], b->tag_name[i]) == 0 && strcmp(a->tag_value[i], b->tag_value[i]) == 0;
    }
    return same;
}

static const char *copy_text(const char *text, char **next) {
    const size_t size = strlen(text) + 1;
    char *copy = memcpy(*next, text, size);
    *next += size;
    return copy;
}

static bool copy_names(tacho_series *series, const tacho__names *names) {
    size_t size = strlen(names->name) + strlen(names->provider) + strlen(names->model) + strlen(names->component) + 4;
    for (uint32_t i = 0; i < names->tag_count; ++i) {
        size += strlen(names->tag_name[i]) + strlen(names->tag_value[i]) + 2;
    }
    char *next = tacho__malloc(size);
    if (!next) {
        return false;
    }
    tacho__free(series->text);
    series->text = next;
    series->names = *names;
    series->names.name = copy_text(names->name, &next);
    series->names.provider = copy_text(names->provider, &next);
    series->names.model = copy_text(names->model, &next);
    series->names.component = copy_text(names->component, &next);
    for (uint32_t i = 0; i < names->tag_count; ++i) {
        series->names.tag_name[i] = copy_text(names->tag_name[i], &next);
        series->names.tag_value[i] = copy_text(names->tag_value[i], &next);
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------- bounds */

/* Whether `text` is among the distinct values, or may become one. */
static bool admit(tacho__distinct *distinct, const char *text) {
    if (*text == 0) {
        return true;
    }
    const uint64_t hash = hash_text(text, 0);
    for (uint32_t i = 0; i < distinct->count; ++i) {
        if (distinct->hashes[i] == hash) {
            return true;
        }
    }
    if (distinct->count == distinct->limit) {
        return false;
    }
    distinct->hashes[distinct->count++] = hash;
    return true;
}

/* What does not fit under its bound is called `other`; returns the flags of the descriptor. */
static uint8_t bound_names(tacho_collector *collector, tacho__names *names) {
    tacho__segment *segment = tacho__segment_of(collector);
    uint8_t flags = 0;
    if (!admit(&collector->models, names->model)) {
        names->model = OTHER;
        flags |= TACHO__SERIES_OTHER_MODEL;
        tacho__drop_count(segment, TACHO__DROP_MODEL_OVERFLOW);
    }
    if (!admit(&collector->providers, names->provider)) {
        names->provider = OTHER;
        flags |= TACHO__SERIES_OTHER_PROVIDER;
        tacho__drop_count(segment, TACHO__DROP_PROVIDER_OVERFLOW);
    }
    if (names->type == TACHO__TYPE_OPERATION && names->kind == TACHO_KIND_TOOL &&
        !admit(&collector->tools, names->name)) {
        names->name = OTHER;
        flags |= TACHO__SERIES_OTHER_NAME;
        tacho__drop_count(segment, TACHO__DROP_TOOL_OVERFLOW);
    }
    tacho__put_half(&segment->header->models, collector->models.count);
    tacho__put_half(&segment->header->providers, collector->providers.count);
    tacho__put_half(&segment->header->tools, collector->tools.count);
    return flags;
}

static tacho_series *overflow_of(const tacho_collector *collector, const tacho__names *names) {
    return collector->overflow[names->type == TACHO__TYPE_COMPONENT ? TACHO__SERIES_COMPONENTS : names->kind];
}

/* -------------------------------------------------------------------------------------------------- the descriptor */

static tacho__line intern(tacho__segment *segment, const char *text) {
    return tacho__segment_intern(segment, text, strlen(text), TACHO__POCKET_ORDINARY);
}

static bool fill_descriptor(tacho__segment *segment, const tacho_series *series, uint8_t flags, int64_t now,
                            tacho__descriptor *out) {
    const tacho__names *names = &series->names;
    *out = (tacho__descriptor){.hash = series->hash,
                               .type = names->type,
                               .kind = names->kind,
                               .grid = series->grid,
                               .flags = flags,
                               .name = intern(segment, names->name),
                               .provider = intern(segment, names->provider),
                               .model = intern(segment, names->model),
                               .component = intern(segment, names->component),
                               .created_mono_ns = now};
    bool complete = out->name && (!*names->provider || out->provider) && (!*names->model || out->model) &&
                    (!*names->component || out->component);
    if (complete && names->tag_count) {
        out->tags = tacho__segment_take(segment, 1, TACHO__POCKET_ORDINARY);
        complete = out->tags != 0;
    }
    if (complete && names->tag_count) {
        tacho__tags tags = {0};
        for (uint32_t i = 0; i < names->tag_count; ++i) {
            tags.pair[i].name = intern(segment, names->tag_name[i]);
            tags.pair[i].value = intern(segment, names->tag_value[i]);
        }
        tacho__store_body(tacho__at(segment, out->tags), &tags, sizeof tags);
    }
    return complete;
}

/* Gives the series a descriptor in the current segment; where the bound is reached or no room is left, the number of
 * the overflow series. */
static void describe(tacho_collector *collector, tacho_series *series, uint8_t flags) {
    tacho__segment *segment = tacho__segment_of(collector);
    const bool component = series->names.type == TACHO__TYPE_COMPONENT;
    tacho__half *count = component ? &segment->header->component_series : &segment->header->operation_series;
    series->generation = segment->generation;
    series->number = overflow_of(collector, &series->names)->slot;
    if (series->overflow) {
        return;
    }
    tacho__descriptor descriptor;
    if (tacho__get_half(count) >= collector->max_series) {
        tacho__drop_count(segment, TACHO__DROP_SERIES_OVERFLOW);
        return;
    }
    const int64_t now = (int64_t)tacho__now(&collector->clock);
    const bool filled = fill_descriptor(segment, series, flags, now, &descriptor);
    if (filled && !component) {
        descriptor.window = tacho__window_number(segment);
    }
    if (!filled || !tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, &series->number)) {
        tacho__drop_count(segment, TACHO__DROP_SEGMENT_FULL);
        return;
    }
    tacho__put_half(count, tacho__get_half(count) + 1);
}

/* After a reset: the same series in the new segment. The bounds hold there anew. */
static void describe_again(tacho_collector *collector, tacho_series *series) {
    tacho__names names = series->names;
    const uint8_t flags = bound_names(collector, &names);
    if (flags) { /* it would have another name now: the overflow series takes it */
        series->generation = tacho__segment_of(collector)->generation;
        series->number = overflow_of(collector, &series->names)->slot;
        return;
    }
    describe(collector, series, flags);
}

bool tacho__series_bind_lane(tacho_collector *collector, tacho__lane *lane, tacho_series *series) {
    if (!tacho__writer_lock(&collector->writer, lane)) {
        return false;
    }
    if (series->generation != lane->segment->generation &&
        lane->segment->generation == tacho__segment_of(collector)->generation) {
        describe_again(collector, series);
    }
    /* A reset came between entering the lane and here: the operation still ends into the old segment. */
    const uint32_t number =
        series->generation == lane->segment->generation ? series->number : overflow_of(collector, &series->names)->slot;
    tacho__bound *bound = &lane->bound[series->slot];
    tacho__bound *of_number = number < TACHO__SERIES_RESERVED ? &lane->bound[number] : bound;
    if (!of_number->block) {
        tacho__descriptor *descriptor = tacho__segment_descriptor(lane->segment, number);
        of_number->block = tacho__block_make(lane, number, number < TACHO__SERIES_RESERVED);
        of_number->descriptor = descriptor;
    }
    bound->block = of_number->block;
    bound->descriptor = of_number->descriptor;
    bound->grid = &tacho__grids[bound->descriptor->grid];
    if (bound->block && bound->descriptor->window) {
        const uint32_t window = bound->descriptor->window - 1u;
        bound->window = &lane->windows[window];
        bound->window->number = window;
    }
    tacho__writer_unlock(&collector->writer);
    return bound->block != NULL;
}

/* ------------------------------------------------------------------------------------------------------ the table */

static tacho_series *look_up(const tacho_collector *collector, const tacho__names *names, uint64_t hash,
                             uint32_t *place) {
    for (*place = (uint32_t)hash & collector->table_mask;; *place = (*place + 1) & collector->table_mask) {
        const uint32_t slot = collector->table[*place];
        if (slot == 0) {
            return NULL;
        }
        tacho_series *series = tacho__series_at(collector, slot - 1);
        if (series->hash == hash && same_names(&series->names, names)) {
            return series;
        }
    }
}

/* A slot that was given up may be used again once nobody can still be inside a segment of that time. */
static tacho_series *reusable(const tacho_collector *collector) {
    uint64_t oldest = UINT64_MAX;
    for (const tacho__segment *segment = collector->writer.retired; segment; segment = segment->next_retired) {
        oldest = segment->generation < oldest ? segment->generation : oldest;
    }
    for (uint32_t slot = TACHO__SERIES_RESERVED; slot < collector->slots; ++slot) {
        tacho_series *series = tacho__series_at(collector, slot);
        if (!series->used && series->dead_since < oldest) {
            return series;
        }
    }
    return NULL;
}

static tacho_series *free_slot(tacho_collector *collector) {
    if (collector->slots == collector->writer.series_slots) {
        return reusable(collector);
    }
    tacho_series **slab = &collector->slabs[collector->slots / TACHO__SERIES_SLAB];
    if (!*slab) {
        *slab = tacho__calloc(TACHO__SERIES_SLAB, sizeof **slab);
        if (!*slab) {
            return NULL;
        }
    }
    tacho_series *series = tacho__series_at(collector, collector->slots);
    series->slot = collector->slots++;
    return series;
}

static uint8_t group_of(unsigned kind) {
    return kind == TACHO_KIND_STEP   ? TACHO__GROUP_STEP
           : kind == TACHO_KIND_TOOL ? TACHO__GROUP_TOOL
                                     : TACHO__GROUP_OTHER;
}

static tacho_series *make(tacho_collector *collector, const tacho__names *names, uint64_t hash) {
    tacho_series *series = free_slot(collector);
    if (!series || !copy_names(series, names)) {
        return NULL; /* a fresh slot that failed stays unused and is found again by reusable() */
    }
    if (!series->collector) { /* written once: an operation that comes late may be reading it */
        series->collector = collector;
    }
    series->stamp += 1;
    series->used = true;
    series->hash = hash;
    series->group = group_of(names->kind);
    series->grid = names->type == TACHO__TYPE_COMPONENT ? TACHO__GRID_SECONDS : tacho__grid_of_kind(names->kind);
    series->generation = 0;
    memset(&series->price, 0, sizeof series->price);
    if (*names->model) {
        tacho_price_model_find(collector->prices, *names->provider ? names->provider : NULL, names->model,
                               &series->price);
    }
    return series;
}

tacho_series *tacho__series_look_up(const tacho_collector *collector, const tacho__names *names) {
    uint32_t place;
    return look_up(collector, names, hash_names(names), &place);
}

tacho_series *tacho__series_intern(tacho_collector *collector, const tacho__names *given) {
    tacho__names names = *given;
    uint32_t place;
    tacho_series *series = look_up(collector, &names, hash_names(&names), &place);
    if (series) {
        return series;
    }
    tacho__segment *segment = tacho__segment_of(collector);
    const uint32_t count = tacho__get_half(names.type == TACHO__TYPE_COMPONENT ? &segment->header->component_series
                                                                               : &segment->header->operation_series);
    if (count >= collector->max_series) {
        tacho__drop_count(segment, TACHO__DROP_SERIES_OVERFLOW);
        return overflow_of(collector, &names);
    }
    const uint8_t flags = bound_names(collector, &names);
    const uint64_t hash = hash_names(&names);
    series = look_up(collector, &names, hash, &place);
    if (series) {
        return series;
    }
    series = make(collector, &names, hash);
    if (!series) {
        tacho__drop_count(segment, TACHO__DROP_OUT_OF_MEMORY);
        return overflow_of(collector, &names);
    }
    if (flags & (TACHO__SERIES_OTHER_MODEL | TACHO__SERIES_OTHER_PROVIDER)) {
        memset(&series->price, 0, sizeof series->price); /* many models: each usage finds its own price */
    }
    collector->table[place] = series->slot + 1;
    describe(collector, series, flags);
    return series;
}

void tacho__series_sweep(tacho_collector *collector) {
    memset(collector->table, 0, (collector->table_mask + 1) * sizeof *collector->table);
    tacho__memo_clear(&collector->memo);
    collector->models.count = collector->providers.count = collector->tools.count = 0;
    for (uint32_t slot = TACHO__SERIES_RESERVED; slot < collector->slots; ++slot) {
        tacho_series *series = tacho__series_at(collector, slot);
        if (!series->used) {
            continue;
        }
        if (atomic_load_explicit(&series->references, memory_order_acquire) == 0) {
            series->used = false;
            series->dead_since = tacho__segment_of(collector)->generation;
            continue; /* its texts go when the slot is used again: somebody may be reading them */
        }
        uint32_t place;
        look_up(collector, &series->names, series->hash, &place);
        collector->table[place] = slot + 1;
    }
}

static bool make_tables(tacho_collector *collector) {
    collector->writer.series_slots = TACHO__SERIES_RESERVED + 2 * collector->max_series;
    uint32_t size = 64;
    while (size < 2 * collector->writer.series_slots) {
        size *= 2;
    }
    collector->table = tacho__calloc(size, sizeof *collector->table);
    collector->table_mask = size - 1;
    collector->slabs = tacho__calloc(collector->writer.series_slots / TACHO__SERIES_SLAB + 1, sizeof *collector->slabs);
    collector->models.limit = TACHO__MAX_MODELS;
    collector->providers.limit = TACHO__MAX_PROVIDERS;
    collector->tools.limit = TACHO__MAX_TOOLS;
    const size_t distinct = TACHO__MAX_MODELS + TACHO__MAX_PROVIDERS + TACHO__MAX_TOOLS;
    collector->models.hashes = tacho__calloc(distinct, sizeof(uint64_t));
    if (!collector->table || !collector->slabs || !collector->models.hashes ||
        !tacho__memo_start(&collector->memo, collector->writer.series_slots)) {
        return false;
    }
    collector->providers.hashes = collector->models.hashes + TACHO__MAX_MODELS;
    collector->tools.hashes = collector->providers.hashes + TACHO__MAX_PROVIDERS;
    return true;
}

tacho_status tacho__series_start(tacho_collector *collector) {
    if (!make_tables(collector)) {
        return TACHO_NOMEM;
    }
    for (uint32_t slot = 0; slot < TACHO__SERIES_RESERVED; ++slot) {
        const bool component = slot == TACHO__SERIES_COMPONENTS;
        const tacho__names names = {.type = component ? TACHO__TYPE_COMPONENT : TACHO__TYPE_OPERATION,
                                    .kind = (uint8_t)(component ? 0 : slot),
                                    .name = OTHER,
                                    .provider = "",
                                    .model = "",
                                    .component = component ? OTHER : ""};
        tacho_series *series = make(collector, &names, 0);
        if (!series) {
            return TACHO_NOMEM;
        }
        series->overflow = true;
        collector->overflow[slot] = series;
    }
    return TACHO_OK;
}

void tacho__series_stop(tacho_collector *collector) {
    for (uint32_t slot = 0; slot < collector->slots; ++slot) {
        tacho__free(tacho__series_at(collector, slot)->text);
    }
    for (uint32_t slab = 0; collector->slabs && slab <= collector->writer.series_slots / TACHO__SERIES_SLAB; ++slab) {
        tacho__free(collector->slabs[slab]);
    }
    tacho__memo_stop(&collector->memo);
    tacho__free(collector->slabs);
    tacho__free(collector->table);
    tacho__free(collector->models.hashes);
}
