/* Custom metrics and caches, from the view of a segment to a part. */
#include "base/memory.h"
#include "segment/reader.h"
#include "snapshot/kept.h"
#include "snapshot/part.h"

#include <tachograph/metric.h>

static_assert(TACHO__PART_LABELS == TACHO__METRIC_LABELS, "labels of a part and of a segment");

static int64_t counted(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static bool take_measure(const tacho__histogram *from, tacho__arena *arena, tacho__measure *to) {
    const uint32_t per = TACHO__OCTAVE_BUCKETS;
    if (from->count == 0) {
        return true;
    }
    *to = (tacho__measure){.sum = counted(from->sum),
                           .min = counted(from->min),
                           .max = counted(from->max),
                           .low = counted(from->low),
                           .high = counted(from->high)};
    if (from->octaves != 0) {
        const uint32_t low = (uint32_t)__builtin_ctz(from->octaves), high = 31 - (uint32_t)__builtin_clz(from->octaves);
        const uint32_t length = (high - low + 1) * per;
        uint64_t *counts = tacho__arena_array(arena, length, sizeof *counts), total = 0;
        if (!counts) {
            return false;
        }
        for (uint32_t i = 0; i < length; i++) {
            counts[i] = tacho__histogram_bucket(from, low * per + i);
            total += counts[i];
        }
        to->buckets = (tacho__buckets){counts, (int16_t)tacho__grid_absolute(from->grid, low * per), (uint16_t)length,
                                       TACHO__BUCKETS_ARENA, total};
    }
    return tacho__buckets_add(&to->buckets, TACHO__BUCKET_ZERO, from->zero);
}

static int64_t digits_of(uint8_t grid) {
    return grid == TACHO__GRID_SECONDS || grid == TACHO__GRID_LONG_SECONDS ? 9 : grid == TACHO__GRID_ONE ? 6 : 0;
}

static void take_metric(const tacho__metric_view *from, tacho__kept *kept, tacho__part_metric *to) {
    *to = (tacho__part_metric){.name = tacho__keep(kept, from->name),
                               .unit = tacho__keep(kept, from->unit),
                               .description = tacho__keep(kept, from->description),
                               .type = tacho_metric_type_text(from->type - TACHO__TYPE_COUNTER),
                               .merge = tacho_merge_text(from->merge),
                               .label_count = from->label_count,
                               .digits = digits_of(from->grid)};
    for (uint32_t i = 0; i < from->label_count; i++) {
        to->labels[i] = tacho__keep(kept, from->labels[i]);
    }
}

static bool take_cache(const tacho__custom_view *from, tacho__kept *kept, tacho__part_cache *to) {
    bool known = from->changed_mono_ns != INT64_MIN;
    *to = (tacho__part_cache){.name = from->labels[0] ? tacho__keep(kept, from->labels[0]) : "other",
                              .flags = from->flags,
                              .hits = counted(from->events[TACHO__CACHE_HIT]),
                              .misses = counted(from->events[TACHO__CACHE_MISS]),
                              .evictions = counted(from->events[TACHO__CACHE_EVICTION]),
                              .size_rejections = counted(from->events[TACHO__CACHE_REJECTION]),
                              .size = known ? counted(from->size) : -1,
                              .capacity = from->capacity == UINT64_MAX ? -1 : counted(from->capacity)};
    bool used = to->hits || to->misses || to->evictions || to->size_rejections;
    return used || !(from->flags & TACHO__SERIES_IS_OVERFLOW);
}

/* Whether there is anything to tell of a series. */
static bool told(const tacho__custom_view *from) {
    bool overflow = (from->flags & TACHO__SERIES_IS_OVERFLOW) != 0;
    return from->type == TACHO__TYPE_GAUGE ? from->changed_mono_ns != INT64_MIN
                                           : !overflow || from->total > 0 || from->histogram.count > 0;
}

static bool take_custom(const tacho__view *view, const tacho__custom_view *from, tacho__kept *kept,
                        tacho__part_custom *to) {
    *to = (tacho__part_custom){.flags = from->flags};
    for (uint32_t i = 0; i < TACHO__PART_LABELS; i++) {
        to->values[i] = tacho__keep(kept, from->labels[i]);
    }
    if (from->type == TACHO__TYPE_GAUGE) {
        to->value = from->value == INT64_MIN ? INT64_MIN + 1 : from->value;
        to->changed_at_ns = tacho__view_wall(view, from->changed_mono_ns);
    } else {
        to->value = counted(from->total);
    }
    return take_measure(&from->histogram, kept->arena, &to->measure);
}

/* Index of a definition in the part; -1 for one that made no sense. */
static bool take_metrics(const tacho__view *view, tacho__kept *kept, tacho__part *part,
                         int64_t places[TACHO__METRICS]) {
    uint32_t count = tacho__view_metric_count(view);
    part->metrics = tacho__arena_array(&part->arena, count, sizeof *part->metrics);
    for (uint32_t i = 0; i < count && part->metrics; i++) {
        tacho__metric_view one;
        places[i] = -1;
        if (tacho__view_metric(view, i, &one)) {
            take_metric(&one, kept, &part->metrics[part->metric_count]);
            places[i] = (int64_t)part->metric_count++;
        }
    }
    return part->metrics != NULL;
}

static bool take_one(const tacho__view *view, const tacho__custom_view *one, const int64_t places[TACHO__METRICS],
                     uint32_t metrics, tacho__kept *kept, tacho__part *part) {
    if (one->type == TACHO__TYPE_CACHE) {
        part->cache_count += take_cache(one, kept, &part->caches[part->cache_count]);
        return true;
    }
    int64_t place = one->metric < metrics ? places[one->metric] : -1;
    if (place < 0 || !told(one)) {
        return true;
    }
    tacho__part_custom *to = &part->custom[part->custom_count++];
    bool done = take_custom(view, one, kept, to);
    to->metric = place;
    return done;
}

/* How many caches and series of metrics there are at most, and the first of them; those of operations are many more. */
typedef struct extent {
    uint32_t first, end;
    size_t caches, custom;
} extent;

static extent find_extent(const tacho__view *view) {
    extent all = {UINT32_MAX, 0, 0, 0};
    const uint32_t count = tacho__view_series_count(view);
    for (uint32_t i = 0; i < count; i++) {
        const int type = tacho__view_custom_type(view, i);
        if (type > 0) {
            all.first = i < all.first ? i : all.first;
            all.end = i + 1;
            all.caches += type == TACHO__TYPE_CACHE;
            all.custom += type != TACHO__TYPE_CACHE;
        }
    }
    return all;
}

bool tacho__part_take_custom(const tacho__view *view, tacho__kept *kept, tacho__part *part) {
    int64_t places[TACHO__METRICS];
    const uint32_t metrics = tacho__view_metric_count(view);
    const extent all = find_extent(view);
    tacho__custom_view *one = tacho__malloc(sizeof *one);
    bool done = one && take_metrics(view, kept, part, places);
    part->caches = done ? tacho__arena_array(&part->arena, all.caches, sizeof *part->caches) : NULL;
    part->custom = done ? tacho__arena_array(&part->arena, all.custom, sizeof *part->custom) : NULL;
    done = part->caches && part->custom;
    for (uint32_t i = all.first; i < all.end && done; i++) {
        if (tacho__view_custom(view, i, one)) {
            done = take_one(view, one, places, metrics, kept, part);
        }
    }
    tacho__free(one);
    return done;
}
