/** Sessions of a base: which of them keep a slot of their own, and their sums. */
#include "base/memory.h"
#include "segment/base_work.h"

#include <stdlib.h>
#include <string.h>

/* A session of a view, then one of the base: sessions of one id are one. */
typedef struct tacho__session_pick {
    const char *id;
    int64_t last_ns; /* Unix time of its latest sign of life */
    uint32_t joining, index;
    uint32_t slot;
    bool is_other;
} tacho__session_pick;

static int by_id(const void *left, const void *right) {
    const tacho__session_pick *a = left, *b = right;
    if (a->is_other != b->is_other) {
        return a->is_other - b->is_other;
    }
    const int order = strcmp(a->id, b->id);
    return order ? order : (a->last_ns < b->last_ns) - (a->last_ns > b->last_ns); /* the latest first */
}

static int64_t wall_of(const tacho__view *view, int64_t mono_ns) {
    return mono_ns == INT64_MIN ? INT64_MIN : tacho__view_wall(view, mono_ns);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void collect(tacho__base_work *work) {
    for (uint32_t i = 0; i < work->count; ++i) {
        const tacho__view *view = work->joining[i].view;
        for (uint32_t k = 0; k < tacho__view_session_count(view); ++k) {
            tacho__session_view one;
            if (!tacho__view_session(view, k, &one)) {
                continue;
            }
            const int64_t opened = wall_of(view, one.opened_mono_ns), end = wall_of(view, one.last_end_mono_ns);
            work->picks[work->pick_count++] = (tacho__session_pick){
                .id = one.id, .last_ns = larger(opened, end), .joining = i, .index = k, .is_other = one.is_other};
        }
    }
}

static int by_time(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a < b) - (a > b);
}

/* How recent a session must be to keep a slot, if there are more than there are slots. */
static bool find_oldest(const tacho__base_work *work, size_t sessions, int64_t *oldest, size_t *exactly) {
    *oldest = INT64_MIN;
    *exactly = sessions;
    if (sessions <= TACHO__BASE_SESSIONS) {
        return true;
    }
    int64_t *times = tacho__calloc(sessions, sizeof *times);
    if (!times) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < work->pick_count && !work->picks[i].is_other; ++i) {
        if (i == 0 || strcmp(work->picks[i].id, work->picks[i - 1].id) != 0) {
            times[count++] = work->picks[i].last_ns;
        }
    }
    qsort(times, count, sizeof *times, by_time);
    *oldest = times[TACHO__BASE_SESSIONS - 1];
    *exactly = 0; /* of those with just this time, as many as fit */
    for (size_t i = TACHO__BASE_SESSIONS; i-- > 0 && times[i] == *oldest;) {
        ++*exactly;
    }
    tacho__free(times);
    return true;
}

bool tacho__base_pick_sessions(tacho__base_work *work) {
    size_t most = 0;
    for (size_t i = 0; i < work->count; ++i) {
        most += tacho__view_session_count(work->joining[i].view);
    }
    work->picks = tacho__calloc(most + 1, sizeof *work->picks);
    if (!work->picks) {
        return false;
    }
    collect(work);
    qsort(work->picks, work->pick_count, sizeof *work->picks, by_id);
    size_t sessions = 0, exactly;
    for (size_t i = 0; i < work->pick_count && !work->picks[i].is_other; ++i) {
        sessions += i == 0 || strcmp(work->picks[i].id, work->picks[i - 1].id) != 0;
    }
    int64_t oldest;
    if (!find_oldest(work, sessions, &oldest, &exactly)) {
        return false;
    }
    uint32_t next = 0;
    for (size_t i = 0; i < work->pick_count; ++i) {
        tacho__session_pick *pick = &work->picks[i];
        const bool same = i > 0 && !pick->is_other && strcmp(pick->id, work->picks[i - 1].id) == 0;
        const bool kept = !pick->is_other && (pick->last_ns > oldest || (pick->last_ns == oldest && exactly > 0));
        if (same) {
            pick->slot = work->picks[i - 1].slot;
        } else {
            pick->slot = kept ? next++ : UINT32_MAX;
            exactly -= kept && pick->last_ns == oldest;
        }
    }
    work->session_slots = next + 1;
    return true;
}

void tacho__base_free_sessions(tacho__base_work *work) {
    tacho__free(work->picks);
}

static void add_context(tacho__session_cell *cell, const tacho__session_view *one, int64_t at_ns) {
    const uint64_t stamp = at_ns == INT64_MIN ? 0 : tacho__stamp(at_ns);
    const bool newer = stamp > tacho__get(&cell->context_stamp);
    if (newer) {
        tacho__put(&cell->context_stamp, stamp);
        tacho__put(&cell->context_size, one->context_size);
    }
    if (one->context_limit && (newer || tacho__get(&cell->context_limit) == 0)) {
        tacho__put(&cell->context_limit, one->context_limit);
    }
    if (one->context_max > tacho__get(&cell->context_max)) {
        tacho__put(&cell->context_max, one->context_max);
    }
}

static void raise_stamp(tacho__word *cell, uint64_t stamp) {
    if (stamp > tacho__get(cell)) {
        tacho__put(cell, stamp);
    }
}

static void add_cell(tacho__session_cell *cell, const tacho__view *view, const tacho__session_view *one) {
    for (uint32_t group = 0; group < TACHO__GROUPS; ++group) {
        tacho__base_add(&cell->ok[group], one->ok[group]);
        for (uint32_t i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
            tacho__base_add(&cell->outcome[group][i], one->failed[group][i]);
        }
    }
    tacho__base_add(&cell->step_ns, one->step_ns);
    tacho__base_add(&cell->timed_steps, one->timed_steps);
    tacho__base_add(&cell->tool_ns, one->tool_ns);
    tacho__base_add(&cell->model_calls, one->model_calls);
    tacho__base_add(&cell->retries, one->retries);
    tacho__base_add(&cell->interventions, one->interventions);
    tacho__base_add(&cell->warnings, one->warnings);
    tacho__base_add(&cell->compactions, one->compactions);
    if (one->last_end_mono_ns != INT64_MIN) {
        raise_stamp(&cell->latest_end, tacho__stamp(wall_of(view, one->last_end_mono_ns)));
    }
    if (one->first_begin_mono_ns != INT64_MIN) {
        raise_stamp(&cell->earliest_begin, ~tacho__stamp(wall_of(view, one->first_begin_mono_ns)));
    }
    add_context(cell, one, wall_of(view, one->context_mono_ns));
    const tacho__money_cells cells = {cell->units,       cell->cost,    cell->states,
                                      &cell->calls,      &cell->absent, &cell->table_of_reported,
                                      &cell->not_booked, &cell->flags};
    tacho__base_add_money_cells(&cells, &one->usage);
}

/* State and times of a slot: opened first, ended when its last opener ended it and nothing came after. */
static void join_slot(tacho__base_work *work, tacho__session_slot *slot, const tacho__session_pick *pick,
                      const tacho__session_view *one) {
    const tacho__view *view = work->joining[pick->joining].view;
    const uint64_t opened = tacho__stamp(wall_of(view, one->opened_mono_ns));
    const bool fresh = tacho__get_half(&slot->state) == TACHO__SESSION_FREE;
    if (fresh || opened < tacho__get(&slot->opened)) {
        tacho__put(&slot->opened, opened);
    }
    if (pick->slot == UINT32_MAX) { /* `other`: how many sessions share it */
        tacho__base_add(&slot->shared, pick->is_other ? one->shared : 1);
    } else {
        tacho__put(&slot->shared, 1);
    }
    if (fresh) { /* the latest of them comes first */
        const bool ended = one->ended && pick->slot != UINT32_MAX;
        tacho__put(&slot->ended, ended ? tacho__stamp(wall_of(view, one->ended_mono_ns)) : 0);
        tacho__put_half(&slot->state, ended ? TACHO__SESSION_ENDED : TACHO__SESSION_USED);
    }
}

bool tacho__base_add_sessions(tacho__base_work *work) {
    tacho__segment *segment = work->segment;
    const uint32_t other = work->session_slots - 1;
    for (size_t i = 0; i < work->pick_count; ++i) {
        const tacho__session_pick *pick = &work->picks[i];
        tacho__joining *joining = &work->joining[pick->joining];
        tacho__session_view one;
        if (!tacho__view_session(joining->view, pick->index, &one)) {
            continue;
        }
        const uint32_t number = pick->slot == UINT32_MAX ? other : pick->slot;
        tacho__session_slot *slot = &segment->sessions[number];
        joining->sessions[one.slot] = (uint16_t)number;
        join_slot(work, slot, pick, &one);
        if (number != other && tacho__get_half(&slot->id) == 0) {
            tacho__put_half(&slot->id, tacho__segment_intern(segment, one.id, strlen(one.id), TACHO__POCKET_ORDINARY));
        }
        tacho__session_cell *cell =
            tacho__base_cell(segment, &slot->cells[0], TACHO__CELL_LINES, TACHO__POCKET_RESERVE);
        if (!cell || (number != other && tacho__get_half(&slot->id) == 0)) {
            return false;
        }
        add_cell(cell, joining->view, &one);
    }
    tacho__put_half(&segment->header->session_count, other);
    return true;
}
