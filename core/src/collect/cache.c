/** Caches: counts of events, one store each, and the size as one set. */
#include "base/hash.h"
#include "base/text.h"
#include "collect/custom.h"
#include "collect/operation.h"
#include "segment/metrics.h"

#include <string.h>

#define X(name, text) text,
static const char *const events[] = {TACHO_CACHE_EVENT_MAP(X)};
#undef X
static_assert((int)TACHO_CACHE_HIT == (int)TACHO__CACHE_HIT &&
                  (int)TACHO_CACHE_SIZE_REJECTION == (int)TACHO__CACHE_REJECTION &&
                  (int)TACHO_CACHE_EVENT_COUNT == (int)TACHO__CACHE_EVENTS,
              "events have one order");

const char *tacho_cache_event_text(int event) {
    return event >= 0 && event < TACHO_CACHE_EVENT_COUNT ? events[event] : "";
}

tacho_status tacho_cache_event_parse(const char *text, tacho_cache_event *out) {
    for (int i = 0; text && i < TACHO_CACHE_EVENT_COUNT; ++i) {
        if (strcmp(events[i], text) == 0) {
            *out = (tacho_cache_event)i;
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}

/* ---------------------------------------------------------------------------------------------------------- handles */

static tacho_metric *metric_of(tacho_cache *cache) {
    return (tacho_metric *)cache;
}

/* A series remembers under seeds from its own on; this one is before all of them. */
static uint64_t key_of(const tacho_collector *collector, const char *name) {
    return tacho__hash(name, strlen(name), collector->memo.seed - 1);
}

tacho_status tacho_cache_bind(tacho_collector *collector, const char *name, tacho_cache **out) {
    char clean[TACHO__TEXT_CAP + 1];
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    clean[name ? tacho__text_clean(name, strlen(name), clean) : 0] = 0;
    if (!*clean) {
        return TACHO_INVALID;
    }
    if (!collector) {
        return TACHO_OK;
    }
    if (!tacho__writer_lock(&collector->writer, NULL)) {
        return TACHO_BUSY;
    }
    const char *const values[TACHO__METRIC_LABELS] = {clean};
    tacho__family *family = tacho__family_of_caches(collector);
    tacho_metric *metric = family ? tacho__custom_bind(collector, family, values) : NULL;
    *out = (tacho_cache *)tacho_metric_retain(metric);
    if (metric) {
        tacho__memo_put(&collector->memo, key_of(collector, name), metric->slot);
    }
    tacho__writer_unlock(&collector->writer);
    return metric ? TACHO_OK : TACHO_NOMEM;
}

tacho_cache *tacho_cache_retain(tacho_cache *cache) {
    return (tacho_cache *)tacho_metric_retain(metric_of(cache));
}

void tacho_cache_release(tacho_cache *cache) {
    tacho_metric_release(metric_of(cache));
}

/* ----------------------------------------------------------------------------------------------------------- events */

static uint64_t more(uint64_t count, uint64_t n) {
    uint64_t sum;
    return __builtin_add_overflow(count, n, &sum) ? UINT64_MAX : sum;
}

static void count_common(tacho__writer *writer, tacho__lane *lane, unsigned event, uint64_t n) {
    if (!tacho__writer_lock(writer, lane)) {
        tacho__drop_count(lane->segment, TACHO__DROP_LOST);
        return;
    }
    tacho__cache_cell *cell = tacho__metric_common(lane->segment, TACHO__SERIES_CACHES);
    tacho__put(&cell->events[event], more(tacho__get(&cell->events[event]), n));
    tacho__writer_unlock(writer);
}

static void count_in(tacho_collector *collector, tacho__lane *lane, tacho_metric *metric, unsigned event, uint64_t n) {
    tacho__cache_cell *cell = tacho__custom_cell(collector, lane, metric);
    if (cell) {
        tacho__put(&cell->events[event], more(tacho__get(&cell->events[event]), n));
    } else {
        count_common(&collector->writer, lane, event, n);
    }
}

__attribute__((noinline)) static tacho_status count_slowly(tacho_metric *metric, unsigned event, uint64_t n) {
    tacho_collector *collector = metric->collector;
    if (event >= TACHO_CACHE_EVENT_COUNT) {
        tacho__count(collector, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    tacho__lane *lane = tacho__is_enabled(collector) ? tacho__lane_enter(&collector->writer) : NULL;
    if (lane) {
        count_in(collector, lane, metric, event, n);
        tacho__lane_leave(&collector->writer, lane);
    }
    return TACHO_OK;
}

tacho_status tacho_cache_count(tacho_cache *cache, tacho_cache_event event, uint64_t n) {
    tacho_metric *metric = metric_of(cache);
    if (__builtin_expect(!metric, 0)) {
        return TACHO_OK;
    }
    tacho__visit visit;
    const bool known = (unsigned)event < TACHO_CACHE_EVENT_COUNT;
    if (__builtin_expect(!known || !tacho__custom_enter(&metric->collector->writer, &visit), 0)) {
        return count_slowly(metric, event, n);
    }
    const tacho__known *of_lane = tacho__customs_at(&visit.lane->customs, metric->at);
    tacho__cache_cell *cell = of_lane ? of_lane->cell : NULL;
    if (__builtin_expect(cell != NULL, 1)) {
        tacho__put(&cell->events[event], more(tacho__get(&cell->events[event]), n));
    }
    tacho__custom_leave(&visit);
    return __builtin_expect(cell != NULL, 1) ? TACHO_OK : count_slowly(metric, event, n);
}

/* ------------------------------------------------------------------------------------------------------------- size */

tacho_status tacho_cache_size(tacho_cache *cache, uint64_t size, uint64_t capacity) {
    tacho_metric *metric = metric_of(cache);
    if (!metric) {
        return TACHO_OK;
    }
    tacho_collector *collector = metric->collector;
    if (size > INT64_MAX || (capacity > INT64_MAX && capacity != TACHO_CACHE_CAPACITY_UNKNOWN)) {
        tacho__count(collector, TACHO__DROP_INVALID);
        return TACHO_INVALID;
    }
    tacho__lane *lane = tacho__is_enabled(collector) ? tacho__lane_enter(&collector->writer) : NULL;
    if (!lane) {
        return TACHO_OK;
    }
    tacho__cache_cell *cell = tacho__custom_cell(collector, lane, metric);
    if (cell) { /* the size of `other` would be the size of nothing */
        tacho__set set = tacho__set_begin(lane);
        tacho__set_word(&set, &cell->size, size);
        if (capacity != TACHO_CACHE_CAPACITY_UNKNOWN) {
            tacho__set_word(&set, &cell->capacity, capacity + 1);
        }
        tacho__set_word(&set, &cell->stamp, tacho__stamp((int64_t)tacho__now(&collector->clock)));
        tacho__set_commit(&set, lane->redo, lane->base);
    }
    tacho__lane_leave(&collector->writer, lane);
    return TACHO_OK;
}

/* ---------------------------------------------------------------------------------------------------------- by name */

/* False: this name is not remembered. */
static bool count_remembered(tacho_collector *collector, const char *name, unsigned event, uint64_t n) {
    tacho__lane *lane = tacho__lane_enter(&collector->writer);
    if (!lane) {
        return true; /* counted as lost */
    }
    const uint32_t slot = tacho__memo_find(&collector->memo, key_of(collector, name));
    if (slot != TACHO__MEMO_NONE) {
        count_in(collector, lane, tacho__custom_at(collector->customs, slot), event, n);
    }
    tacho__lane_leave(&collector->writer, lane);
    return slot != TACHO__MEMO_NONE;
}

tacho_status tacho_record_cache(tacho_collector *collector, const char *name, tacho_cache_event event, uint64_t n) {
    tacho_cache *cache;
    const bool plain = collector && name && *name && (unsigned)event < TACHO_CACHE_EVENT_COUNT;
    if (plain && (!tacho__is_enabled(collector) || count_remembered(collector, name, event, n))) {
        return TACHO_OK;
    }
    tacho_status status = tacho_cache_bind(collector, name, &cache);
    if (cache) {
        status = tacho_cache_count(cache, event, n);
        tacho_cache_release(cache);
    } else if (status == TACHO_INVALID && collector) {
        tacho__count(collector, TACHO__DROP_INVALID);
    }
    return status;
}

tacho_status tacho_operation_cache(tacho_operation *operation, const char *name, tacho_cache_event event) {
    const tacho__op *op = tacho__op_of_const(operation);
    if (!op || op->serial == 0 || !tacho__writer_lives(op->serial)) {
        return TACHO_OK;
    }
    return tacho_record_cache(op->series->collector, name, event, 1);
}
