#include "collect/custom.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "segment/metrics.h"

#include <string.h>

#define TABLE_START 256u

static tacho__custom_places *make_places(uint32_t size, tacho__custom_places *older) {
    tacho__custom_places *places = tacho__calloc(1, sizeof *places + size * sizeof *places->place);
    if (places) {
        places->older = older;
        places->mask = size - 1;
    }
    return places;
}

static tacho__custom_places *places_of(const tacho__custom_table *table) {
    return atomic_load_explicit(&table->places, memory_order_acquire);
}

static tacho__custom_table *table_of(tacho_collector *collector) {
    if (!collector->customs) {
        tacho__custom_table *table = tacho__calloc(1, sizeof *table);
        tacho__custom_places *places = make_places(TABLE_START, NULL);
        if (!table || !places) {
            tacho__free(table);
            tacho__free(places);
            return NULL;
        }
        atomic_init(&table->places, places);
        collector->customs = table;
    }
    return collector->customs;
}

/* --------------------------------------------------------------------------------------------------------- texts */

static uint64_t hash_text(const char *text, uint64_t seed) {
    return tacho__hash(text, strlen(text), seed);
}

static uint64_t hash_values(const tacho__family *family, const char *const *values) {
    uint64_t hash = family->hash;
    for (uint32_t i = 0; i < family->label_count; ++i) {
        hash = hash_text(values[i], hash);
    }
    return hash;
}

static const char *copy_text(const char *text, char **next) {
    const size_t size = strlen(text) + 1;
    char *copy = memcpy(*next, text, size);
    *next += size;
    return copy;
}

static bool copy_values(tacho_metric *metric, uint32_t count, const char *const *values) {
    size_t size = 1;
    for (uint32_t i = 0; i < count; ++i) {
        size += strlen(values[i]) + 1;
    }
    char *text = tacho__malloc(size);
    if (!text) {
        return false;
    }
    tacho__free(metric->text);
    char *next = metric->text = text;
    for (uint32_t i = 0; i < TACHO__METRIC_LABELS; ++i) {
        metric->value[i] = i < count ? copy_text(values[i], &next) : "";
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------- slots and the table */

static bool has_values(const tacho_metric *metric, const tacho__family *family, const char *const *values) {
    bool same = metric->family == family;
    for (uint32_t i = 0; same && i < family->label_count; ++i) {
        same = strcmp(metric->value[i], values[i]) == 0;
    }
    return same;
}

static uint64_t hash_of(const tacho_metric *metric) {
    return atomic_load_explicit(&metric->hash, memory_order_relaxed);
}

/* Under the lock. */
static tacho_metric *look_up(const tacho__custom_table *table, const tacho__family *family, uint64_t hash,
                             const char *const *values, uint32_t *place) {
    const tacho__custom_places *places = places_of(table);
    for (*place = (uint32_t)hash & places->mask;; *place = (*place + 1) & places->mask) {
        const uint32_t slot = atomic_load_explicit(&places->place[*place], memory_order_relaxed);
        if (slot == 0) {
            return NULL;
        }
        tacho_metric *metric = tacho__custom_at(table, slot - 1);
        if (hash_of(metric) == hash && has_values(metric, family, values)) {
            return metric;
        }
    }
}

/* One more reference, unless the slot was given up. What a reference is held to does not change. */
static bool hold(tacho_metric *metric) {
    uint32_t count = atomic_load_explicit(&metric->references, memory_order_relaxed);
    do {
        if (count & TACHO__CUSTOM_DEAD) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&metric->references, &count, count + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

tacho_metric *tacho__custom_find(const tacho_collector *collector, const tacho__family *family,
                                 const char *const *values) {
    const tacho__custom_table *table = collector->customs;
    const tacho__custom_places *places = places_of(table);
    const uint64_t hash = hash_values(family, values);
    for (uint32_t place = (uint32_t)hash & places->mask, i = 0; i <= places->mask; ++i) {
        const uint32_t slot = atomic_load_explicit(&places->place[place], memory_order_acquire);
        if (slot == 0) {
            return NULL;
        }
        tacho_metric *metric = tacho__custom_at(table, slot - 1);
        if (hash_of(metric) == hash && hold(metric)) {
            if (has_values(metric, family, values)) {
                return metric;
            }
            atomic_fetch_sub_explicit(&metric->references, 1, memory_order_release);
        }
        place = (place + 1) & places->mask;
    }
    return NULL;
}

static void put(tacho__custom_table *table, const tacho_metric *metric) {
    uint32_t place;
    look_up(table, metric->family, hash_of(metric), metric->value, &place);
    atomic_store_explicit(&places_of(table)->place[place], metric->slot + 1, memory_order_release);
    table->used += 1;
}

/* Puts every series that is in use into `size` places; false when out of memory: the old ones stay. */
static bool rebuild(tacho__custom_table *table, uint32_t size) {
    tacho__custom_places *places = make_places(size, places_of(table));
    if (!places) {
        return false;
    }
    atomic_store_explicit(&table->places, places, memory_order_release);
    table->used = 0;
    for (uint32_t slot = 0; slot < table->slots; ++slot) {
        const tacho_metric *metric = tacho__custom_at(table, slot);
        if (metric->used && !metric->overflow) {
            put(table, metric);
        }
    }
    return true;
}

/* A slot that was given up may be used again once nobody can still be inside a segment of that time. */
static tacho_metric *reusable(const tacho_collector *collector, const tacho__custom_table *table) {
    uint64_t oldest = UINT64_MAX;
    for (const tacho__segment *segment = collector->writer.retired; segment; segment = segment->next_retired) {
        oldest = segment->generation < oldest ? segment->generation : oldest;
    }
    for (uint32_t slot = 0; slot < table->slots; ++slot) {
        tacho_metric *metric = tacho__custom_at(table, slot);
        if (!metric->used && metric->dead_since < oldest) {
            return metric;
        }
    }
    return NULL;
}

static tacho_metric *free_slot(const tacho_collector *collector, tacho__custom_table *table) {
    if (table->slots == TACHO__CUSTOM_MOST) {
        return reusable(collector, table);
    }
    tacho_metric **slab = &table->slabs[table->slots / TACHO__CUSTOM_SLAB];
    if (!*slab) {
        *slab = tacho__calloc(TACHO__CUSTOM_SLAB, sizeof **slab);
        if (!*slab) {
            return NULL;
        }
    }
    tacho_metric *metric = tacho__custom_at(table, table->slots);
    metric->slot = table->slots++;
    return metric;
}

static uint64_t stored_per_one(uint8_t grid) {
    return grid == TACHO__GRID_SECONDS ? UINT64_C(1000000000) : grid == TACHO__GRID_ONE ? UINT64_C(1000000) : 1;
}

static tacho_metric *make(tacho_collector *collector, tacho__custom_table *table, tacho__family *family,
                          const char *const *values, bool overflow) {
    tacho_metric *metric = free_slot(collector, table);
    if (!metric || !copy_values(metric, family->label_count, values)) {
        return NULL; /* a fresh slot that failed stays unused and is found again by reusable() */
    }
    metric->collector = collector;
    metric->family = family;
    metric->type = family->type;
    metric->overflow = overflow;
    metric->used = true;
    metric->one = stored_per_one(family->grid);
    const bool nanoseconds = family->type == TACHO__TYPE_HISTOGRAM && family->grid == TACHO__GRID_SECONDS;
    metric->at = metric->slot * (uint32_t)sizeof(tacho__known);
    metric->at_ns = nanoseconds ? metric->at : TACHO__NOT_IN_LANES;
    metric->generation = 0;
    atomic_store_explicit(&metric->hash, hash_values(family, values), memory_order_relaxed);
    atomic_store_explicit(&metric->references, 0, memory_order_release); /* from here on it can be held */
    return metric;
}

/* -------------------------------------------------------------------------------------------------- descriptors */

static tacho__line intern(tacho__segment *segment, const char *text) {
    return tacho__segment_intern(segment, text, strlen(text), TACHO__POCKET_ORDINARY);
}

/* Gives a series a descriptor; false where there is no room. */
static bool describe_as(tacho_collector *collector, tacho_metric *metric, uint32_t *number) {
    tacho__segment *segment = tacho__segment_of(collector);
    const tacho__family *family = metric->family;
    tacho__descriptor descriptor = {.hash = metric->overflow ? family->hash + 1 : hash_of(metric),
                                    .type = family->type,
                                    .grid = family->grid,
                                    .flags = metric->overflow ? TACHO__SERIES_IS_OVERFLOW : 0,
                                    .metric = family->number,
                                    .created_mono_ns = (int64_t)tacho__now(&collector->clock)};
    for (uint32_t i = 0; i < family->label_count; ++i) {
        const tacho__line line = *metric->value[i] ? intern(segment, metric->value[i]) : 0;
        if (line == 0 && *metric->value[i]) {
            return false;
        }
        *tacho__descriptor_label(&descriptor, i) = line;
    }
    return tacho__get_half(&segment->header->series_count) < TACHO__CUSTOM_MOST + TACHO__SERIES_BUILTIN &&
           tacho__segment_describe(segment, &descriptor, TACHO__POCKET_ORDINARY, number);
}

static bool define(tacho_collector *collector, tacho__family *family) {
    tacho__segment *segment = tacho__segment_of(collector);
    tacho__metric_definition definition = {.name = intern(segment, family->name),
                                           .unit = intern(segment, family->unit),
                                           .description =
                                               *family->description ? intern(segment, family->description) : 0,
                                           .type = family->type,
                                           .grid = family->grid,
                                           .merge = family->merge,
                                           .label_count = (uint8_t)family->label_count,
                                           .overflow = tacho__custom_common(family->type)};
    bool complete = definition.name && definition.unit;
    for (uint32_t i = 0; i < family->label_count; ++i) {
        definition.labels[i] = intern(segment, family->label[i]);
        complete = complete && definition.labels[i];
    }
    return complete && tacho__metric_define(segment, &definition, &family->number);
}

/* The family in the current segment: its definition and its overflow series. */
static void settle_family(tacho_collector *collector, tacho__family *family) {
    tacho__segment *segment = tacho__segment_of(collector);
    if (family->generation == segment->generation) {
        return;
    }
    family->generation = segment->generation;
    family->series = 0;
    tacho_metric *other = family->other;
    other->generation = segment->generation;
    if (family->type == TACHO__TYPE_CACHE) { /* is built in */
        other->number = TACHO__SERIES_CACHES;
        return;
    }
    family->homeless = !define(collector, family) || !describe_as(collector, other, &other->number);
    if (family->homeless) {
        other->number = tacho__custom_common(family->type);
        tacho__drop_count(segment, TACHO__DROP_METRIC_OVERFLOW);
    } else {
        tacho__metric_set_overflow(segment, family->number, other->number);
    }
}

/* The series in the current segment; at the bound, or without room, the number of the overflow series. */
static void describe(tacho_collector *collector, tacho_metric *metric) {
    tacho__segment *segment = tacho__segment_of(collector);
    tacho__family *family = metric->family;
    settle_family(collector, family);
    if (metric == family->other) {
        return;
    }
    metric->generation = segment->generation;
    metric->number = family->other->number;
    if (family->homeless) {
        return;
    }
    if (family->series >= collector->max_series) {
        tacho__drop_count(segment, TACHO__DROP_SERIES_OVERFLOW);
    } else if (!describe_as(collector, metric, &metric->number)) {
        metric->number = family->other->number;
        tacho__drop_count(segment, TACHO__DROP_SEGMENT_FULL);
    } else {
        family->series += 1;
    }
}

void *tacho__custom_cell_slow(tacho_collector *collector, tacho__lane *lane, tacho_metric *metric) {
    if (!tacho__writer_lock(&collector->writer, lane)) {
        return NULL;
    }
    void *cell = NULL;
    if (lane->segment->generation == tacho__segment_of(collector)->generation) { /* else a reset came in between */
        if (metric->generation != lane->segment->generation) {
            describe(collector, metric);
        }
        const tacho_metric *other = metric->family->other;
        const uint32_t first = metric->number == other->number ? other->at : metric->at;
        tacho__customs *customs = &lane->customs;
        const bool room = tacho__customs_grow(customs, first) && tacho__customs_grow(customs, metric->at);
        if (room && metric->number >= TACHO__SERIES_BUILTIN) {
            cell = tacho__customs_at(customs, first)->cell;
            cell = cell ? cell : tacho__metric_cell(lane, metric->number);
            tacho__customs_at(customs, first)->cell = tacho__customs_at(customs, metric->at)->cell = cell;
        }
    }
    tacho__writer_unlock(&collector->writer);
    return cell;
}

/* ---------------------------------------------------------------------------------------------------------- binding */

static bool is_plain(const tacho_metric *metric) {
    bool plain = metric->family->label_count > 0;
    for (uint32_t i = 0; i < metric->family->label_count; ++i) {
        plain = plain && *metric->value[i] == 0;
    }
    return plain;
}

static tacho_metric *bind_new(tacho_collector *collector, tacho__custom_table *table, tacho__family *family,
                              const char *const *values) {
    settle_family(collector, family);
    if (family->series >= collector->max_series) {
        tacho__drop_count(tacho__segment_of(collector), TACHO__DROP_SERIES_OVERFLOW);
        return family->other;
    }
    const uint32_t mask = places_of(table)->mask;
    if (table->used >= mask / 2 && !rebuild(table, (mask + 1) * 2)) {
        return family->other;
    }
    tacho_metric *metric = make(collector, table, family, values, false);
    if (!metric) {
        tacho__drop_count(tacho__segment_of(collector), TACHO__DROP_OUT_OF_MEMORY);
        return family->other;
    }
    put(table, metric);
    if (!is_plain(metric)) { /* of a metric with labels it is only where the others are bound from, mostly */
        describe(collector, metric);
    }
    return metric;
}

/* Values that were not clean: the same series as their clean form. */
static tacho_metric *bind_cleaned(tacho_collector *collector, tacho__custom_table *table, tacho__family *family,
                                  const char *const *values) {
    char text[TACHO__METRIC_LABELS][TACHO__TEXT_CAP + 1];
    const char *clean[TACHO__METRIC_LABELS];
    for (uint32_t i = 0; i < family->label_count; ++i) {
        text[i][tacho__text_clean(values[i], strlen(values[i]), text[i])] = 0;
        clean[i] = text[i];
    }
    uint32_t place;
    tacho_metric *metric = look_up(table, family, hash_values(family, clean), clean, &place);
    return metric ? metric : bind_new(collector, table, family, clean);
}

tacho_metric *tacho__custom_bind(tacho_collector *collector, tacho__family *family, const char *const *values) {
    tacho__custom_table *table = collector->customs;
    uint32_t place;
    tacho_metric *metric = look_up(table, family, hash_values(family, values), values, &place);
    return metric ? metric : bind_cleaned(collector, table, family, values);
}

/* -------------------------------------------------------------------------------------------------------- families */

static bool same_family(const tacho__family *family, const tacho__family_plan *plan) {
    bool same = family->type == plan->type && family->merge == plan->merge &&
                family->label_count == plan->label_count && strcmp(family->unit, plan->unit) == 0;
    for (uint32_t i = 0; same && i < plan->label_count; ++i) {
        same = strcmp(family->label[i], plan->label[i]) == 0;
    }
    return same;
}

static tacho__family *copy_plan(const tacho__family_plan *plan) {
    size_t size = strlen(plan->name) + strlen(plan->unit) + strlen(plan->description) + 3;
    for (uint32_t i = 0; i < plan->label_count; ++i) {
        size += strlen(plan->label[i]) + 1;
    }
    tacho__family *family = tacho__calloc(1, sizeof *family);
    char *next = family ? tacho__malloc(size) : NULL;
    if (!next) {
        tacho__free(family);
        return NULL;
    }
    family->text = next;
    family->type = plan->type;
    family->grid = plan->grid;
    family->merge = plan->merge;
    family->label_count = plan->label_count;
    family->name = copy_text(plan->name, &next);
    family->unit = copy_text(plan->unit, &next);
    family->description = copy_text(plan->description, &next);
    const uint8_t head[2] = {plan->type, 0};
    family->hash = hash_text(family->unit, hash_text(family->name, tacho__hash(head, sizeof head, 0)));
    for (uint32_t i = 0; i < plan->label_count; ++i) {
        family->label[i] = copy_text(plan->label[i], &next);
        family->hash = hash_text(family->label[i], family->hash);
    }
    return family;
}

static tacho_status add_family(tacho_collector *collector, tacho__custom_table *table, const tacho__family_plan *plan,
                               tacho__family **out) {
    static const char *const empty[TACHO__METRIC_LABELS] = {"", "", "", "", "", "", "", ""};
    if (table->family_count == TACHO__FAMILIES) {
        return TACHO_FULL;
    }
    tacho__family *family = copy_plan(plan);
    if (!family) {
        return TACHO_NOMEM;
    }
    family->other = make(collector, table, family, empty, true);
    if (!family->other) {
        tacho__free(family->text);
        tacho__free(family);
        return TACHO_NOMEM;
    }
    table->families[table->family_count++] = family;
    settle_family(collector, family);
    *out = family;
    return TACHO_OK;
}

tacho__family *tacho__family_find(const tacho_collector *collector, const char *name) {
    const tacho__custom_table *table = collector->customs;
    for (uint32_t i = 1; table && i < table->family_count; ++i) {
        if (strcmp(table->families[i]->name, name) == 0) {
            return table->families[i];
        }
    }
    return NULL;
}

tacho_status tacho__family_declare(tacho_collector *collector, const tacho__family_plan *plan, tacho__family **out) {
    tacho__custom_table *table = tacho__family_of_caches(collector) ? collector->customs : NULL;
    if (!table) {
        return TACHO_NOMEM;
    }
    *out = tacho__family_find(collector, plan->name);
    if (*out) {
        return same_family(*out, plan) ? TACHO_OK : TACHO_INVALID;
    }
    return add_family(collector, table, plan, out);
}

tacho__family *tacho__family_of_caches(tacho_collector *collector) {
    tacho__custom_table *table = table_of(collector);
    tacho__family *family = table && table->family_count ? table->families[0] : NULL;
    if (table && !family) {
        const tacho__family_plan plan = {.type = TACHO__TYPE_CACHE,
                                         .grid = TACHO__GRID_ONE,
                                         .label_count = 1,
                                         .name = "cache",
                                         .unit = "1",
                                         .description = "",
                                         .label = {"cache"}};
        add_family(collector, table, &plan, &family);
    }
    return family;
}

/* --------------------------------------------------------------------------------------------------- reset and end */

void tacho__custom_sweep(tacho_collector *collector) {
    tacho__custom_table *table = collector->customs;
    if (!table) {
        return;
    }
    tacho__custom_places *places = places_of(table);
    for (uint32_t i = 0; i <= places->mask; ++i) {
        atomic_store_explicit(&places->place[i], 0, memory_order_relaxed);
    }
    table->used = 0;
    for (uint32_t slot = 0; slot < table->slots; ++slot) {
        tacho_metric *metric = tacho__custom_at(table, slot);
        if (!metric->used || metric->overflow) {
            continue;
        }
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong_explicit(&metric->references, &nobody, TACHO__CUSTOM_DEAD,
                                                    memory_order_acquire, memory_order_relaxed)) {
            metric->used = false;
            metric->dead_since = tacho__segment_of(collector)->generation;
        } else {
            put(table, metric);
        }
    }
}

void tacho__custom_stop(tacho_collector *collector) {
    tacho__custom_table *table = collector->customs;
    if (!table) {
        return;
    }
    for (uint32_t slot = 0; slot < table->slots; ++slot) {
        tacho__free(tacho__custom_at(table, slot)->text);
    }
    for (uint32_t slab = 0; slab < TACHO__CUSTOM_SLABS; ++slab) {
        tacho__free(table->slabs[slab]);
    }
    for (uint32_t i = 0; i < table->family_count; ++i) {
        tacho__free(table->families[i]->text);
        tacho__free(table->families[i]);
    }
    for (tacho__custom_places *places = places_of(table), *older; places; places = older) {
        older = places->older;
        tacho__free(places);
    }
    tacho__free(table);
}
