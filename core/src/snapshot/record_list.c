#include "snapshot/record_list.h"

#include "base/memory.h"
#include "snapshot/notes.h"
#include "snapshot/tags.h"
#include "snapshot/arena.h"

#include <stdlib.h>
#include <string.h>

struct tacho__record_list {
    tacho_records result; /* first: tacho_records_free gets its address */
    tacho__arena arena;
    const char *unread; /* in `arena` */
    tacho_record_view *views;
    size_t count, room, limit;
    int (*compare)(const void *, const void *); /* what is kept longest comes first */
    tacho__record_order order;
    bool full; /* `weakest` holds: at least `limit` records are no worse than it */
    tacho_record_view weakest;
};

static int text_order(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "");
}

static int number_order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int by_end(const void *left, const void *right) {
    const tacho_record_view *a = left, *b = right;
    int order = number_order(b->ended_at_ns, a->ended_at_ns);
    if (order == 0) {
        order = number_order(b->started_at_ns, a->started_at_ns);
    }
    if (order == 0) {
        order = text_order(b->operation, a->operation);
    }
    return order != 0 ? order : text_order(b->id, a->id);
}

static int by_duration(const void *left, const void *right) {
    const tacho_record_view *a = left, *b = right;
    int order = number_order(b->duration_ns, a->duration_ns);
    if (order == 0) {
        order = text_order(a->operation, b->operation);
    }
    if (order == 0) {
        order = number_order(a->ended_at_ns, b->ended_at_ns);
    }
    return order != 0 ? order : text_order(a->id, b->id);
}

tacho__record_list *tacho__record_list_new(tacho__record_order order, size_t limit) {
    tacho__record_list *list = tacho__calloc(1, sizeof *list);
    if (list) {
        list->order = order;
        list->compare = order == TACHO__RECORDS_BY_DURATION ? by_duration : by_end;
        list->limit = limit;
    }
    return list;
}

static void keep_best(tacho__record_list *list) {
    if (list->count > 0) {
        qsort(list->views, list->count, sizeof *list->views, list->compare);
    }
    if (list->limit > 0 && list->count >= list->limit) {
        list->count = list->limit;
        list->weakest = list->views[list->limit - 1];
        list->full = true;
    }
}

/* Room for one more. A bounded list grows to twice its limit before it drops what is over. */
static bool make_room(tacho__record_list *list) {
    if (list->count < list->room) {
        return true;
    }
    if (list->limit > 0 && list->room / 2 >= list->limit) {
        keep_best(list);
        return true;
    }
    size_t room = list->room > 0 ? list->room * 2 : 64;
    if (room > SIZE_MAX / sizeof *list->views) {
        return false;
    }
    tacho_record_view *views = tacho__realloc(list->views, room * sizeof *views);
    if (!views) {
        return false;
    }
    list->views = views;
    list->room = room;
    return true;
}

static void copy_texts(tacho__arena *arena, tacho_record_view *view) {
    const char **const texts[] = {
        &view->id,          &view->parent_id,      &view->trace_id,   &view->session,         &view->operation,
        &view->kind,        &view->provider,       &view->model,      &view->requested_model, &view->tool,
        &view->outcome,     &view->error_category, &view->error_type, &view->source,          &view->source_id,
        &view->price_sheet, &view->service_tier,   &view->region,     &view->description};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = tacho__arena_text(arena, *texts[i]);
    }
}

static void copy_components(tacho__arena *arena, tacho_record_view *view) {
    tacho_named *components = tacho__arena_array(arena, view->component_count, sizeof *components);
    for (uint32_t i = 0; components && i < view->component_count; i++) {
        components[i] = (tacho_named){tacho__arena_text(arena, view->components[i].name), view->components[i].value};
    }
    view->components = view->component_count > 0 ? components : NULL;
}

tacho_status tacho__record_list_add(tacho__record_list *list, const tacho_record_view *record) {
    if (list->full && list->compare(record, &list->weakest) >= 0) {
        return TACHO_OK;
    }
    if (!make_room(list)) {
        list->arena.failed = true;
        return TACHO_NOMEM;
    }
    tacho_record_view view = *record;
    copy_texts(&list->arena, &view);
    copy_components(&list->arena, &view);
    view.tags = tacho__tags_copy(&list->arena, (tacho__tags_of){view.tags, view.tag_count}, false).list;
    tacho__notes_copy(&list->arena, &view);
    list->views[list->count++] = view;
    return list->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

void tacho__record_list_unread(tacho__record_list *list, const char *unread) {
    list->unread = tacho__arena_text(&list->arena, unread);
}

tacho_status tacho__record_list_finish(tacho__record_list *list, uint64_t lost, tacho_records **out) {
    *out = NULL;
    if (list->arena.failed) {
        tacho__record_list_free(list);
        return TACHO_NOMEM;
    }
    keep_best(list);
    if (list->order == TACHO__RECORDS_BY_END) {
        for (size_t i = 0, j = list->count; i + 1 < j; i++) {
            tacho_record_view swapped = list->views[i];
            list->views[i] = list->views[--j];
            list->views[j] = swapped;
        }
    }
    const bool by_duration = list->order == TACHO__RECORDS_BY_DURATION;
    list->result = (tacho_records){sizeof list->result, by_duration, list->views, list->count, lost, list->unread};
    *out = &list->result;
    return TACHO_OK;
}

void tacho__record_list_free(tacho__record_list *list) {
    if (list) {
        tacho__arena_free(&list->arena);
        tacho__free(list->views);
        tacho__free(list);
    }
}

void tacho_records_free(tacho_records *records) {
    tacho__record_list_free((tacho__record_list *)(void *)records);
}
