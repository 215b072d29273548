/* From sums to what is shown: rates, means, percentiles, the cost of a sum. */
#include "snapshot/group.h"

#include "snapshot/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

tacho_cost_state tacho__group_cost_state(const tacho__group *group) {
    const int64_t *calls = group->cost_calls;
    int64_t priced = 0;
    for (int state = TACHO_COST_STATE_PARTIAL; state < TACHO__GROUP_COST_STATES; state++) {
        priced |= calls[state];
    }
    if (priced == 0) {
        return TACHO_COST_STATE_UNKNOWN;
    }
    bool saturated = group->cost_pusd == INT64_MAX || group->cost_pusd <= -INT64_MAX;
    if (calls[TACHO_COST_STATE_UNKNOWN] > 0 || saturated) {
        return TACHO_COST_STATE_PARTIAL;
    }
    int state = TACHO_COST_STATE_PARTIAL;
    while (calls[state] == 0) { /* the states stand in the order of strength, free last */
        state++;
    }
    return (tacho_cost_state)state;
}

int64_t tacho__group_cost(const tacho__group *group) {
    bool unknown = tacho__group_cost_state(group) == TACHO_COST_STATE_UNKNOWN;
    return unknown ? TACHO_COST_UNKNOWN : group->cost_pusd;
}

double tacho__group_success_rate(const tacho__group *group) {
    const int64_t *n = group->outcomes;
    int64_t ended = tacho__sum(n[TACHO_OUTCOME_OK], tacho__sum(n[TACHO_OUTCOME_ERROR], n[TACHO_OUTCOME_TIMEOUT]));
    return ended > 0 ? (double)n[TACHO_OUTCOME_OK] / (double)ended : (double)NAN;
}

double tacho__group_availability(const tacho__group *group) {
    const int64_t *n = group->outcomes;
    int64_t failed = tacho__sum(n[TACHO_OUTCOME_ERROR], n[TACHO_OUTCOME_TIMEOUT]);
    int64_t ended = tacho__sum(n[TACHO_OUTCOME_OK], failed);
    bool known = ended > 0 && !group->categories_unknown && group->unavailable <= failed;
    return known ? (double)(ended - group->unavailable) / (double)ended : (double)NAN;
}

int64_t tacho__group_tokens(const tacho__group *group, int direction) {
    int64_t sum = 0;
    if (group->usage_calls == 0) {
        return -1;
    }
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
        bool wanted = info->is_token && (direction == TACHO_DIRECTION_NONE || info->direction == direction);
        if (wanted) {
            sum = tacho__sum(sum, group->units[unit]);
        }
    }
    return sum;
}

static int by_name(const void *a, const void *b) {
    const tacho_named *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void row_error_types(const tacho__group *group, tacho__arena *arena, tacho_row *row) {
    tacho_named *types = tacho__arena_array(arena, group->error_type_count, sizeof *types);
    uint32_t count = 0;
    for (uint32_t i = 0; types && i < group->error_type_count; i++) {
        const char *name = tacho__arena_text(arena, group->error_types[i].name);
        if (name && group->error_types[i].value > 0) {
            types[count++] = (tacho_named){name, group->error_types[i].value};
        }
    }
    if (count > 0) {
        qsort(types, count, sizeof *types, by_name);
        row->error_types = types;
        row->error_type_count = count;
    }
}

static const unsigned percentiles[] = {500, 950, 990};

static bool row_recent(const tacho__group *group, tacho_row *row) {
    int64_t ns[3];
    const bool done = tacho__recent_quantiles(&group->recent, percentiles, ns, 3);
    row->recent_calls = group->recent.missing || group->timed == 0 ? -1 : (int64_t)group->recent.count;
    row->recent_p50_ns = ns[0];
    row->recent_p95_ns = ns[1];
    row->recent_p99_ns = ns[2];
    return done;
}

static void row_times(const tacho__group *group, tacho_row *row) {
    bool timed = group->timed > 0;
    int64_t ns[3];
    row->timed_calls = group->timed;
    row->total_ns = timed ? group->total_ns : -1;
    row->avg_ns = tacho__mean(group->total_ns, group->timed);
    row->min_ns = timed ? group->min_ns : -1;
    row->max_ns = timed ? group->max_ns : -1;
    row->std_ns = tacho__spread(&group->durations, group->min_ns, group->max_ns);
    tacho__quantiles(&group->durations, group->min_ns, group->max_ns, 1e9, percentiles, ns, 3);
    row->p50_ns = ns[0];
    row->p95_ns = ns[1];
    row->p99_ns = ns[2];
    row->first_token_ns = tacho__mean(group->first_token_ns, group->first_tokens);
    row->tokens_per_second =
        group->speed_ns > 0 ? (double)group->speed_tokens * 1e9 / (double)group->speed_ns : (double)NAN;
}

static void row_usage(const tacho__group *group, tacho_row *row) {
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        row->units[unit] = group->usage_calls > 0 ? group->units[unit] : -1;
    }
    row->total_input_tokens = tacho__group_tokens(group, TACHO_DIRECTION_IN);
    row->total_output_tokens = tacho__group_tokens(group, TACHO_DIRECTION_OUT);
    row->total_tokens = tacho__group_tokens(group, TACHO_DIRECTION_NONE);
    row->cost_pusd = tacho__group_cost(group);
    row->cost_state = (int32_t)tacho__group_cost_state(group);
    row->unpriced_calls = group->cost_calls[TACHO_COST_STATE_UNKNOWN];
}

static void row_calls(const tacho__group *group, tacho_row *row) {
    row->calls = tacho__group_calls(group);
    row->attempts = tacho__sum(row->calls, group->retries);
    row->ok = group->outcomes[TACHO_OUTCOME_OK];
    row->error = group->outcomes[TACHO_OUTCOME_ERROR];
    row->timeout = group->outcomes[TACHO_OUTCOME_TIMEOUT];
    row->cancelled = group->outcomes[TACHO_OUTCOME_CANCELLED];
    row->aborted = group->outcomes[TACHO_OUTCOME_ABORTED];
    row->orphaned = group->outcomes[TACHO_OUTCOME_ORPHANED];
    row->errors = tacho__sum(row->error, row->timeout);
    row->success_rate = tacho__group_success_rate(group);
    row->availability = tacho__group_availability(group);
    row->in_flight = group->in_flight;
    row->retries = group->retries;
    row->interventions = group->interventions;
    row->warnings = group->warnings;
    row->low_confidence_calls =
        group->low_confidence > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)group->low_confidence;
}

void tacho__group_row(const tacho__group *group, tacho__arena *arena, tacho_row *row) {
    *row = (tacho_row){.struct_size = sizeof *row};
    row->operation = tacho__arena_text(arena, group->operation);
    row->kind = tacho__arena_text(arena, group->kind);
    row->provider = tacho__arena_text(arena, group->provider);
    row->model = tacho__arena_text(arena, group->model);
    row->tool = tacho__arena_text(arena, group->tool);
    row->session = tacho__arena_text(arena, group->session);
    row->day = tacho__arena_text(arena, group->day);
    const tacho__tags_of tags = tacho__tags_copy(arena, group->tags, false);
    row->tags = tags.list;
    row->tag_count = tags.count;
    row_calls(group, row);
    row_error_types(group, arena, row);
    row_times(group, row);
    arena->failed |= !row_recent(group, row);
    row_usage(group, row);
    row->steps = group->steps;
    row->tool_calls = group->tool_calls;
    row->context_size = group->context_size;
    row->max_context_size = group->max_context_size;
    row->context_limit = group->context_limit;
    row->compressions = group->compressions;
    row->started_at_ns = group->started_at_ns;
    row->ended_at_ns = group->ended_at_ns;
}
