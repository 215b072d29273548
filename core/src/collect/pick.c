/**
 * From the handle that a caller holds to the series an operation, a component or a tool call is booked on. The answer
 * is cached in the handle; only a name that was never seen there takes the lock.
 */
#include "base/hash.h"
#include "base/text.h"
#include "collect/collector.h"

#include <string.h>

#define TOOL_SEED UINT64_C(0x746F6F6C)

static tacho_series *cached(const _Atomic uint64_t *key, const _Atomic(tacho_series *) *series, uint64_t wanted) {
    if (atomic_load_explicit(key, memory_order_acquire) != wanted) {
        return NULL;
    }
    tacho_series *found = atomic_load_explicit(series, memory_order_acquire);
    /* Read again: between the two loads the place may have got another series. */
    return atomic_load_explicit(key, memory_order_relaxed) == wanted ? found : NULL;
}

static void cache(_Atomic uint64_t *key, _Atomic(tacho_series *) *series, uint64_t wanted, tacho_series *found) {
    atomic_store_explicit(key, 0, memory_order_relaxed);
    atomic_store_explicit(series, found, memory_order_release);
    atomic_store_explicit(key, wanted, memory_order_release);
}

/* The series under the lock. A re-entrant call may neither wait nor ask for memory: the overflow series takes it. */
static tacho_series *intern(tacho_collector *collector, tacho__lane *lane, const tacho__names *names,
                            _Atomic uint64_t *key, _Atomic(tacho_series *) *place, uint64_t wanted) {
    if (lane->reentrant || !tacho__writer_lock(&collector->writer, lane)) {
        return collector->overflow[names->type == TACHO__TYPE_COMPONENT ? TACHO__SERIES_COMPONENTS : names->kind];
    }
    tacho_series *found = tacho__series_intern(collector, names);
    cache(key, place, wanted, found);
    tacho__writer_unlock(&collector->writer);
    return found;
}

static const char *clean(const char *text, char out[TACHO__TEXT_CAP + 1]) {
    out[tacho__text_clean(text, strlen(text), out)] = 0;
    return out;
}

tacho_series *tacho__series_pick(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                 const char *provider, const char *model) {
    if (series->overflow) {
        return series;
    }
    const char *stored = *provider ? tacho__provider_name(provider) : series->names.provider;
    model = *model ? model : series->names.model;
    if (strcmp(stored, series->names.provider) == 0 && strcmp(model, series->names.model) == 0) {
        return series;
    }
    const uint64_t key = tacho__hash(model, strlen(model), tacho__hash(stored, strlen(stored), 0)) | 1;
    const uint32_t place = (uint32_t)(key >> 32) % TACHO__PICKS;
    tacho_series *found = cached(&series->picks[place].key, &series->picks[place].series, key);
    if (found) {
        return found;
    }
    char clean_provider[TACHO__TEXT_CAP + 1], clean_model[TACHO__TEXT_CAP + 1];
    tacho__names names = series->names;
    names.provider = clean(stored, clean_provider);
    names.model = clean(model, clean_model);
    return intern(collector, lane, &names, &series->picks[place].key, &series->picks[place].series, key);
}

/* `field` of `names` is `text` as it may be stored, for as long as this runs. */
static tacho_series *child(tacho_collector *collector, tacho__lane *lane, tacho_series *series, const char *text,
                           uint64_t seed, tacho__names *names, const char **field) {
    const uint64_t key = tacho__hash(text, strlen(text), seed) | 1;
    const uint32_t place = (uint32_t)(key >> 32) % TACHO__COMPONENT_CACHE;
    tacho_series *found = cached(&series->components[place].key, &series->components[place].series, key);
    if (found) {
        return found;
    }
    char cleaned[TACHO__TEXT_CAP + 1];
    *field = clean(text, cleaned);
    found = intern(collector, lane, names, &series->components[place].key, &series->components[place].series, key);
    *field = text;
    return found;
}

tacho_series *tacho__series_component(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                      const char *name) {
    tacho__names names = {.type = TACHO__TYPE_COMPONENT,
                          .kind = series->names.kind,
                          .name = series->names.name,
                          .provider = "",
                          .model = "",
                          .component = ""};
    return child(collector, lane, series, name, 0, &names, &names.component);
}

tacho_series *tacho__series_tool(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                 const char *tool) {
    tacho__names names = {.type = TACHO__TYPE_OPERATION,
                          .kind = TACHO_KIND_TOOL,
                          .name = "",
                          .provider = "",
                          .model = "",
                          .component = ""};
    return child(collector, lane, series, tool, TOOL_SEED, &names, &names.name);
}

uint32_t tacho__series_error(tacho_collector *collector, tacho__lane *lane, const tacho__bound *bound,
                             tacho__line line) {
    tacho__half *link = &bound->descriptor->error_names;
    const tacho__line names_line = atomic_load_explicit(link, memory_order_acquire);
    tacho__error_names *names = names_line ? tacho__at(lane->segment, names_line) : NULL;
    uint32_t free_names = names ? 0 : TACHO__ERROR_NAMES;
    for (uint32_t i = 0; names && i < TACHO__ERROR_NAMES; ++i) {
        const tacho__line held = tacho__get_half(&names->name[i]);
        if (held == line && line != 0) {
            return i;
        }
        free_names += held == 0;
    }
    uint32_t found = TACHO__ERROR_NAMES;
    if (line == 0 || free_names == 0 || !tacho__writer_lock(&collector->writer, lane)) {
        return found;
    }
    if (!names) {
        const bool overflow = bound->descriptor->flags & TACHO__SERIES_IS_OVERFLOW;
        const tacho__line fresh =
            tacho__get_half(link) ? tacho__get_half(link) : tacho__lane_take_locked(lane, 1, overflow);
        atomic_store_explicit(link, fresh, memory_order_release);
        names = fresh ? tacho__at(lane->segment, fresh) : NULL;
    }
    for (uint32_t i = 0; names && i < TACHO__ERROR_NAMES && found == TACHO__ERROR_NAMES; ++i) {
        const tacho__line held = tacho__get_half(&names->name[i]);
        if (held == 0) {
            atomic_store_explicit(&names->name[i], line, memory_order_release);
        }
        if (held == 0 || held == line) {
            found = i;
        }
    }
    tacho__writer_unlock(&collector->writer);
    return found;
}
