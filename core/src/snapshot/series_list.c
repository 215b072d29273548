#include "snapshot/series_list.h"

#include "base/memory.h"
#include "snapshot/packed.h"

void tacho__series_list_free(tacho__series_list *list) {
    if (!list) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) { /* all else is in the arena */
        tacho__group *sums = &list->series[i].sums;
        tacho__free(sums->error_types);
        tacho__recent_free(&sums->recent);
    }
    tacho__arena_free(&list->arena);
    tacho__free(list);
}

static tacho__series_list *list_new(size_t most) {
    tacho__series_list *list = tacho__calloc(1, sizeof *list);
    if (list) {
        list->series = tacho__arena_array(&list->arena, most, sizeof *list->series);
    }
    if (list && !list->series) {
        tacho__arena_free(&list->arena);
        tacho__free(list);
        return NULL;
    }
    return list;
}

static void start_series(const tacho__identity *labels, tacho__part_series *to) {
    tacho__part_series_init(to);
    to->sums.operation = labels->operation;
    to->sums.kind = labels->kind;
    to->sums.tool = labels->tool;
    to->sums.provider = labels->provider;
    to->sums.model = labels->model;
    to->sums.tags = labels->tags;
    to->component = labels->component;
    to->flags = labels->flags;
}

static tacho_status finish(tacho__series_list *list, bool done, tacho__series_list **out) {
    if (!done) {
        tacho__series_list_free(list);
        list = NULL;
    }
    *out = list;
    return done ? TACHO_OK : TACHO_NOMEM;
}

tacho_status tacho__series_of_part(const tacho__part *part, tacho__series_list **out) {
    tacho__series_list *list = list_new(part->series_count);
    bool done = list != NULL;
    for (const tacho__packed *entry = part->series; entry && done; entry = entry->next) {
        tacho__part_series *to = &list->series[entry->number];
        if (entry->number == list->count) {
            start_series(&part->store->identities[entry->identity], to);
            list->count++;
        }
        done = tacho__packed_add(entry, true, &list->arena, to);
    }
    return finish(list, done, out);
}

/* ------------------------------------------------------------------------------------------------------ all parts */

/* Where the series of a store stand in the list. */
typedef struct places {
    const tacho__series_store *store;
    uint32_t *place; /* by identity: place + 1; 0 = none yet */
} places;

/* Series of several stores are found by their labels: `known` has what is in the list, in its order. */
typedef struct merging {
    tacho__series_list *list;
    tacho__series_store *known;
    places *stores;
    size_t store_count;
} merging;

static uint32_t *places_of(merging *m, const tacho__series_store *store) {
    for (size_t i = 0; i < m->store_count; i++) {
        if (m->stores[i].store == store) {
            return m->stores[i].place;
        }
    }
    uint32_t *place = tacho__calloc(store->count + (size_t)1, sizeof *place);
    if (place) {
        m->stores[m->store_count++] = (places){store, place};
    }
    return place;
}

/* The series of an identity; NULL when out of memory. A single store is its own list of what is known. */
static tacho__part_series *series_of(merging *m, const tacho__identity *labels, uint32_t *place) {
    if (*place == 0) {
        const uint32_t number = m->known ? tacho__series_store_identify(m->known, labels) : (uint32_t)m->list->count;
        if (number == TACHO__IDENTITY_NONE) {
            return NULL;
        }
        if (number == m->list->count) {
            start_series(labels, &m->list->series[m->list->count++]);
        }
        *place = number + 1;
    }
    return &m->list->series[*place - 1];
}

/* How far the entries of a part were added. */
typedef struct walk {
    const tacho__packed *next;
    const tacho__series_store *store;
    uint32_t *place;
    bool newest;
} walk;

static bool add_next(merging *m, walk *w) {
    const tacho__packed *entry = w->next;
    tacho__part_series *to = series_of(m, &w->store->identities[entry->identity], &w->place[entry->identity]);
    w->next = entry->next;
    return to && tacho__packed_add(entry, w->newest, &m->list->arena, to);
}

/* Part by part in turns: processes make their series in the same order, so a series stays in the cache for all of them.
 */
static bool add_parts(merging *m, walk *walks, size_t count) {
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (walks[i].next) {
                more = true;
                if (!add_next(m, &walks[i])) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* At most this many series: the identities of all stores. */
static size_t most_series(tacho__part *const *parts, size_t count, bool *several) {
    size_t most = 0;
    *several = false;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) {
            seen = parts[j]->store == parts[i]->store;
        }
        most += seen ? 0 : parts[i]->store->count;
        *several |= i > 0 && !seen;
    }
    return most;
}

static void merging_end(merging *m) {
    for (size_t i = 0; i < m->store_count; i++) {
        tacho__free(m->stores[i].place);
    }
    tacho__free(m->stores);
    tacho__series_store_release(m->known);
}

tacho_status tacho__series_of_parts(tacho__part *const *parts, const bool *newest, size_t count,
                                    tacho__series_list **out) {
    bool several;
    const size_t most = most_series(parts, count, &several);
    merging m = {.list = list_new(most), .stores = tacho__calloc(count + 1, sizeof *m.stores)};
    m.known = several ? tacho__series_store_new() : NULL;
    walk *walks = tacho__calloc(count + 1, sizeof *walks);
    bool done = m.list && m.stores && walks && (m.known || !several);
    for (size_t i = 0; i < count && done; i++) {
        walks[i] = (walk){parts[i]->series, parts[i]->store, places_of(&m, parts[i]->store), newest[i]};
        done = walks[i].place != NULL;
    }
    done = done && add_parts(&m, walks, count);
    tacho__free(walks);
    merging_end(&m);
    return finish(m.list, done, out);
}
