/**
 * From the handle that a caller holds to the series an operation, a component or a tool call is booked on. The answer
 * is remembered (collect/memo.h); only a name that is not takes the lock.
 */
#include "base/hash.h"
#include "base/text.h"
#include "collect/collector.h"

#include <string.h>

/* What a key is about, beside the series that was asked: names of one sort are no names of another. */
enum { ANSWER, COMPONENT, TOOL, SORTS };

static uint64_t seed_of(const tacho_series *series, unsigned sort) {
    return series->collector->memo.seed + (uint64_t)series->slot * SORTS + sort;
}

static tacho_series *remembered(tacho_collector *collector, uint64_t key) {
    const uint32_t slot = tacho__memo_find(&collector->memo, key);
    return slot == TACHO__MEMO_NONE ? NULL : tacho__series_at(collector, slot);
}

/* The series under the lock. A re-entrant call may neither wait nor ask for memory: the overflow series takes it. */
static tacho_series *intern(tacho_collector *collector, tacho__lane *lane, const tacho__names *names, uint64_t key) {
    if (lane->reentrant || !tacho__writer_lock(&collector->writer, lane)) {
        return collector->overflow[names->type == TACHO__TYPE_COMPONENT ? TACHO__SERIES_COMPONENTS : names->kind];
    }
    tacho_series *found = tacho__series_intern(collector, names);
    tacho__memo_put(&collector->memo, key, found->slot);
    tacho__writer_unlock(&collector->writer);
    return found;
}

static const char *clean(const char *text, char out[TACHO__TEXT_CAP + 1]) {
    out[tacho__text_clean(text, strlen(text), out)] = 0;
    return out;
}

__attribute__((noinline)) static tacho_series *pick(tacho_collector *collector, tacho__lane *lane,
                                                    const tacho_series *series, const char *provider, const char *model,
                                                    uint64_t key) {
    char clean_provider[TACHO__TEXT_CAP + 1], clean_model[TACHO__TEXT_CAP + 1];
    tacho__names names = series->names;
    names.provider = clean(provider, clean_provider);
    names.model = clean(model, clean_model);
    return intern(collector, lane, &names, key);
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
    const uint64_t key =
        tacho__hash(model, strlen(model), tacho__hash(stored, strlen(stored), seed_of(series, ANSWER)));
    tacho_series *found = remembered(collector, key);
    return found ? found : pick(collector, lane, series, stored, model, key);
}

__attribute__((noinline)) static tacho_series *component(tacho_collector *collector, tacho__lane *lane,
                                                         const tacho_series *series, const char *name, uint64_t key) {
    char cleaned[TACHO__TEXT_CAP + 1];
    const tacho__names names = {.type = TACHO__TYPE_COMPONENT,
                                .kind = series->names.kind,
                                .name = series->names.name,
                                .provider = "",
                                .model = "",
                                .component = clean(name, cleaned)};
    return intern(collector, lane, &names, key);
}

tacho_series *tacho__series_component(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                      const char *name) {
    const uint64_t key = tacho__hash(name, strlen(name), seed_of(series, COMPONENT));
    tacho_series *found = remembered(collector, key);
    return found ? found : component(collector, lane, series, name, key);
}

__attribute__((noinline)) static tacho_series *tool_of(tacho_collector *collector, tacho__lane *lane, const char *tool,
                                                       uint64_t key) {
    char cleaned[TACHO__TEXT_CAP + 1];
    const tacho__names names = {.type = TACHO__TYPE_OPERATION,
                                .kind = TACHO_KIND_TOOL,
                                .name = clean(tool, cleaned),
                                .provider = "",
                                .model = "",
                                .component = ""};
    return intern(collector, lane, &names, key);
}

tacho_series *tacho__series_tool(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                 const char *tool) {
    const uint64_t key = tacho__hash(tool, strlen(tool), seed_of(series, TOOL));
    tacho_series *found = remembered(collector, key);
    return found ? found : tool_of(collector, lane, tool, key);
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
