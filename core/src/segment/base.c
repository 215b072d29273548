#include "segment/base.h"

#include "base/memory.h"
#include "segment/base_work.h"
#include "segment/crc32c.h"

#include <string.h>

static bool join_views(tacho__base_work *work, const tacho__base_plan *plan) {
    work->count = plan->count;
    work->most_records = plan->without_records ? 0 : TACHO__BASE_RECORDS;
    work->joining = tacho__calloc(plan->count + 1, sizeof *work->joining);
    work->series = tacho__calloc(1, sizeof *work->series);
    work->custom = tacho__calloc(1, sizeof *work->custom);
    size_t series = 0;
    bool done = work->joining && work->series && work->custom;
    for (size_t i = 0; i < plan->count && done; ++i) {
        tacho__joining *joining = &work->joining[i];
        joining->view = plan->views[i];
        joining->series = tacho__calloc(tacho__view_series_count(joining->view) + 1u, sizeof *joining->series);
        joining->sessions = tacho__calloc(joining->view->session_slots, sizeof *joining->sessions);
        done = joining->series && joining->sessions;
        series += tacho__view_series_count(joining->view);
        const uint32_t most = tacho__view_describe(joining->view)->max_series;
        work->max_series = most > work->max_series ? most : work->max_series;
        const uint32_t window = joining->view->header->window;
        work->window = window > work->window ? window : work->window;
    }
    uint32_t size = 64;
    while (size < 2 * series + 2) {
        size *= 2;
    }
    work->table = done ? tacho__calloc(size, sizeof *work->table) : NULL;
    work->table_mask = size - 1;
    return work->table != NULL;
}

static void dispose(tacho__base_work *work) {
    for (size_t i = 0; work->joining && i < work->count; ++i) {
        tacho__free(work->joining[i].series);
        tacho__free(work->joining[i].sessions);
    }
    tacho__base_free_sessions(work);
    tacho__base_free_windows(work);
    tacho__free(work->joining);
    tacho__free(work->series);
    tacho__free(work->custom);
    tacho__free(work->table);
    tacho__free(work->records);
    tacho__free(work);
}

static tacho_status make_segment(tacho__base_work *work, const tacho__base_plan *plan, size_t folded) {
    const tacho__view_info *first = tacho__view_describe(plan->views[0]);
    int64_t started = first->started_wall_ns, latest = INT64_MIN;
    const char *prices = NULL; /* of the process that began last */
    for (size_t i = 0; i < plan->count; ++i) {
        const tacho__view_info *info = tacho__view_describe(plan->views[i]);
        started = info->started_wall_ns < started ? info->started_wall_ns : started;
        if (info->prices && info->started_wall_ns >= latest) {
            latest = info->started_wall_ns;
            prices = info->prices;
        }
    }
    const tacho__segment_plan segment = {.bytes = TACHO__BASE_BYTES,
                                         .generation = 1,
                                         .max_series = work->max_series,
                                         .window = work->window,
                                         .id = plan->has_base ? first->id : NULL,
                                         .wall_ns = started,
                                         .mono_ns = started, /* in a base the monotonic clock is Unix time */
                                         .prices = prices,
                                         .role = TACHO__ROLE_BASE,
                                         .session_slots = work->session_slots,
                                         .ended_records = (uint32_t)work->record_count,
                                         .folded = (uint32_t)folded};
    return tacho__segment_create(&segment, &work->segment);
}

/* The ids, and how often each kind of loss occurred. */
static void write_folded(const tacho__base_work *work, const tacho__base_plan *plan, size_t folded) {
    tacho__folded *out = tacho__at(work->segment, work->segment->header->regions[TACHO__REGION_FOLDED].first);
    size_t count = 0;
    for (size_t i = 0; i < plan->outstanding_count; ++i) {
        out[count++] = plan->outstanding[i];
    }
    for (size_t i = plan->has_base; i < plan->count && count < folded; ++i) {
        const tacho__view_info *info = tacho__view_describe(plan->views[i]);
        memcpy(out[count].id, info->id, sizeof out[count].id);
        out[count++].generation = info->generation;
    }
}

static void add_drops(const tacho__base_work *work) {
    for (unsigned cause = 0; cause < TACHO__DROPS; ++cause) {
        for (size_t i = 0; i < work->count; ++i) {
            tacho__base_add(&work->segment->header->drops[cause], tacho__view_drops(work->joining[i].view, cause));
        }
    }
}

static tacho_status build(tacho__base_work *work, const tacho__base_plan *plan) {
    const size_t folded = plan->outstanding_count + plan->count - plan->has_base;
    if (!join_views(work, plan) || !tacho__base_pick_sessions(work) || !tacho__base_pick_records(work)) {
        return TACHO_NOMEM;
    }
    const tacho_status status = make_segment(work, plan, folded);
    if (status != TACHO_OK) {
        return status;
    }
    write_folded(work, plan, folded);
    tacho__base_keep_metrics(work);
    bool done = tacho__base_add_sessions(work);
    for (size_t i = 0; i < work->count && done; ++i) {
        done = tacho__base_add_series(work, i) && tacho__base_add_metrics(work, i);
    }
    done = done && tacho__base_add_records(work);
    tacho__base_write_windows(work);
    add_drops(work);
    tacho__put_half(&work->segment->header->lane_count, 1);
    return done ? TACHO_OK : TACHO_FULL;
}

tacho_status tacho__base_build(const tacho__base_plan *plan, tacho__segment **out) {
    *out = NULL;
    tacho__base_work *work = tacho__calloc(1, sizeof *work);
    if (!work) {
        return TACHO_NOMEM;
    }
    tacho_status status = plan->count > 0 ? build(work, plan) : TACHO_INVALID;
    if (status == TACHO_OK) {
        *out = work->segment;
    } else {
        tacho__segment_release(work->segment);
    }
    dispose(work);
    return status;
}
