#include "snapshot/part.h"

#include "base/memory.h"
#include "snapshot/kinds.h"

tacho__part *tacho__part_new(tacho__series_store *store) {
    tacho__part *part = tacho__calloc(1, sizeof *part);
    if (part) {
        part->store = store ? tacho__series_store_retain(store) : tacho__series_store_new();
    }
    if (part && !part->store) {
        tacho__free(part);
        return NULL;
    }
    if (part) {
        atomic_init(&part->references, 1);
        part->process = (tacho__process)TACHO__PROCESS_UNKNOWN;
        part->series_end = &part->series;
    }
    return part;
}

tacho__part *tacho__part_retain(tacho__part *part) {
    atomic_fetch_add_explicit(&part->references, 1, memory_order_relaxed);
    return part;
}

void tacho__part_release(tacho__part *part) {
    if (!part || atomic_fetch_sub_explicit(&part->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < part->session_count; i++) {
        tacho__group_free(&part->sessions[i].sums);
    }
    for (size_t i = 0; i < part->custom_count; i++) {
        tacho__buckets_free(&part->custom[i].measure.buckets);
    }
    tacho__series_store_release(part->store);
    tacho__arena_free(&part->arena);
    tacho__free(part);
}

void tacho__part_series_init(tacho__part_series *series) {
    *series = (tacho__part_series){0};
    tacho__group_init(&series->sums);
}

void tacho__part_series_free(tacho__part_series *series) {
    tacho__group_free(&series->sums);
    tacho__buckets_free(&series->first_token.buckets);
    tacho__buckets_free(&series->time_per_token.buckets);
    tacho__buckets_free(&series->input.buckets);
    tacho__buckets_free(&series->output.buckets);
    tacho__buckets_free(&series->cost.buckets);
}

void tacho__part_session_init(tacho__part_session *session) {
    *session = (tacho__part_session){0};
    tacho__group_init(&session->sums);
}

void tacho__part_series_complete(tacho__part_series *series) {
    series->sums.unavailable = 0;
    for (int category = 0; category < TACHO_CATEGORY_COUNT; category++) {
        if (tacho__category_is_unavailable((tacho_category)category)) {
            series->sums.unavailable = tacho__sum(series->sums.unavailable, series->categories[category]);
        }
    }
}

void tacho__part_session_complete(tacho__part_session *session) {
    tacho__group *sums = &session->sums;
    for (int outcome = 0; outcome < TACHO_OUTCOME_COUNT; outcome++) {
        sums->outcomes[outcome] = 0;
        for (int group = 0; group < TACHO__SESSION_GROUPS; group++) {
            sums->outcomes[outcome] = tacho__sum(sums->outcomes[outcome], session->outcomes[group][outcome]);
        }
    }
    sums->steps = sums->tool_calls = 0;
    for (int outcome = 0; outcome < TACHO_OUTCOME_COUNT; outcome++) {
        sums->steps = tacho__sum(sums->steps, session->outcomes[TACHO__SESSION_STEPS][outcome]);
        sums->tool_calls = tacho__sum(sums->tool_calls, session->outcomes[TACHO__SESSION_TOOLS][outcome]);
    }
    sums->categories_unknown = sums->outcomes[TACHO_OUTCOME_ERROR] > 0;
    sums->unavailable = sums->outcomes[TACHO_OUTCOME_TIMEOUT];
    sums->usage_absent = session->model_calls > sums->usage_calls ? session->model_calls - sums->usage_calls : 0;
}
