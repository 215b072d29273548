#include "snapshot/group.h"

#include "base/memory.h"
#include "snapshot/grid.h"
#include "snapshot/kinds.h"
#include "snapshot/quantile.h"

#include <math.h>
#include <stdlib.h>

void tacho__group_init(tacho__group *group) {
    *group = (tacho__group){.in_flight = -1,
                            .context_size = -1,
                            .max_context_size = -1,
                            .context_limit = -1,
                            .context_at_ns = INT64_MIN,
                            .recent = TACHO__RECENT_NONE};
}

void tacho__group_free(tacho__group *group) {
    tacho__buckets_free(&group->durations);
    tacho__recent_free(&group->recent);
    tacho__free(group->error_types);
    tacho__group_init(group);
}

bool tacho__group_error_type(tacho__group *group, tacho__arena *texts, const char *name, int64_t n) {
    for (uint32_t i = 0; i < group->error_type_count; i++) {
        if (strcmp(group->error_types[i].name, name) == 0) {
            group->error_types[i].value = tacho__sum(group->error_types[i].value, n);
            return true;
        }
    }
    if (group->error_type_count == group->error_type_room) {
        uint32_t room = group->error_type_room ? group->error_type_room * 2 : 4;
        tacho_named *grown = tacho__realloc(group->error_types, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        group->error_types = grown;
        group->error_type_room = room;
    }
    const char *copy = tacho__arena_text(texts, name);
    if (!copy) {
        return false;
    }
    group->error_types[group->error_type_count++] = (tacho_named){copy, n};
    return true;
}

static void add_span(tacho__group *group, int64_t started_ns, int64_t ended_ns) {
    started_ns = started_ns != 0 ? started_ns : ended_ns;
    if (started_ns != 0 && (group->started_at_ns == 0 || started_ns < group->started_at_ns)) {
        group->started_at_ns = started_ns;
    }
    if (ended_ns != 0 && (group->ended_at_ns == 0 || ended_ns > group->ended_at_ns)) {
        group->ended_at_ns = ended_ns;
    }
}

static void add_context(tacho__group *group, int64_t size, int64_t limit, int64_t largest, int64_t at_ns) {
    if (size >= 0 && at_ns >= group->context_at_ns) {
        group->context_size = size;
        group->context_limit = limit >= 0 ? limit : group->context_limit;
        group->context_at_ns = at_ns;
    }
    if (largest > group->max_context_size) {
        group->max_context_size = largest;
    }
}

static void add_extremes(tacho__group *group, int64_t min_ns, int64_t max_ns) {
    if (group->timed == 0 || min_ns < group->min_ns) {
        group->min_ns = min_ns;
    }
    if (group->timed == 0 || max_ns > group->max_ns) {
        group->max_ns = max_ns;
    }
}

static int64_t output_tokens(const int64_t *units, uint32_t present) {
    int64_t sum = 0;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        const tacho_unit_info *info = tacho_unit_describe((tacho_unit)unit);
        if (info->is_token && info->direction == TACHO_DIRECTION_OUT && (present & TACHO_UNIT_BIT(unit))) {
            sum = tacho__sum(sum, units[unit]);
        }
    }
    return sum;
}

static bool add_duration(tacho__group *group, const tacho_record_view *record, int64_t weight) {
    if (record->duration_ns < 0) {
        return true;
    }
    int64_t all_ns;
    if (__builtin_mul_overflow(record->duration_ns, weight, &all_ns)) {
        all_ns = INT64_MAX;
    }
    add_extremes(group, record->duration_ns, record->duration_ns);
    group->recent.missing = true; /* records are no window: which of them are left is chance */
    group->timed = tacho__sum(group->timed, weight);
    group->total_ns = tacho__sum(group->total_ns, all_ns);
    if (record->present != 0) {
        group->speed_ns = tacho__sum(group->speed_ns, record->duration_ns);
        group->speed_tokens = tacho__sum(group->speed_tokens, output_tokens(record->units, record->present));
    }
    int32_t index = tacho__grid_index(record->kind, (uint64_t)record->duration_ns);
    return tacho__buckets_add(&group->durations, index, (uint64_t)weight);
}

static void add_usage(tacho__group *group, const tacho_record_view *record) {
    if (record->present == 0) {
        group->usage_absent += tacho__kind_is_model(record->kind);
        return;
    }
    group->usage_calls++;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (record->present & TACHO_UNIT_BIT(unit)) {
            group->units[unit] = tacho__sum(group->units[unit], record->units[unit]);
        }
    }
}

static void add_cost(tacho__group *group, const tacho_record_view *record) {
    bool known = record->cost_pusd != TACHO_COST_UNKNOWN;
    if (!known && record->present == 0) {
        return; /* nothing was used that could have a price */
    }
    uint32_t state = known ? (uint32_t)record->cost_state : TACHO_COST_STATE_UNKNOWN;
    group->cost_calls[state < TACHO__GROUP_COST_STATES ? state : TACHO_COST_STATE_UNKNOWN]++;
    if (known) {
        group->cost_pusd = tacho__sum(group->cost_pusd, record->cost_pusd);
        group->low_confidence_pusd =
            tacho__sum(group->low_confidence_pusd, record->low_confidence ? record->cost_pusd : 0);
    }
}

static void add_availability(tacho__group *group, const tacho_record_view *record, tacho_outcome outcome,
                             int64_t weight) {
    tacho_category category = TACHO_CATEGORY_NONE;
    if (outcome == TACHO_OUTCOME_ERROR && record->error_category) {
        tacho_category_parse(record->error_category, &category);
    }
    bool unavailable = outcome == TACHO_OUTCOME_TIMEOUT || tacho__category_is_unavailable(category);
    group->unavailable = tacho__sum(group->unavailable, unavailable ? weight : 0);
    group->categories_unknown |= outcome == TACHO_OUTCOME_ERROR && !record->error_category;
}

/* Counts of a record that may be unknown (-1). */
static int64_t counted(int64_t value) {
    return value > 0 ? value : 0;
}

bool tacho__group_add_record(tacho__group *group, tacho__arena *texts, const tacho_record_view *record) {
    tacho_outcome outcome = TACHO_OUTCOME_OK;
    tacho_outcome_parse(record->outcome ? record->outcome : "", &outcome);
    int64_t weight = record->weight > 0 ? record->weight : 1;
    group->outcomes[outcome] = tacho__sum(group->outcomes[outcome], weight);
    group->retries = tacho__sum(group->retries, counted(record->retries));
    group->interventions = tacho__sum(group->interventions, counted(record->interventions));
    group->warnings = tacho__sum(group->warnings, counted(record->warnings));
    group->low_confidence += record->low_confidence != 0;
    group->steps += tacho__is_kind(record->kind, "step") ? weight : 0;
    group->tool_calls += tacho__is_kind(record->kind, "tool") ? weight : 0;
    group->compressions = tacho__sum(group->compressions, counted(record->compressions));
    if (record->first_token_ns >= 0) {
        group->first_tokens++;
        group->first_token_ns = tacho__sum(group->first_token_ns, record->first_token_ns);
    }
    add_span(group, record->started_at_ns, record->ended_at_ns);
    add_context(group, record->context_size, record->context_limit, record->context_size, record->ended_at_ns);
    add_usage(group, record);
    add_cost(group, record);
    add_availability(group, record, outcome, weight);
    bool failed = outcome == TACHO_OUTCOME_ERROR || outcome == TACHO_OUTCOME_TIMEOUT;
    if (failed && record->error_type && !tacho__group_error_type(group, texts, record->error_type, weight)) {
        return false;
    }
    return add_duration(group, record, weight);
}

static void merge_counts(tacho__group *group, const tacho__group *more) {
    for (int i = 0; i < TACHO_OUTCOME_COUNT; i++) {
        group->outcomes[i] = tacho__sum(group->outcomes[i], more->outcomes[i]);
    }
    for (int i = 0; i < TACHO__GROUP_COST_STATES; i++) {
        group->cost_calls[i] = tacho__sum(group->cost_calls[i], more->cost_calls[i]);
    }
    for (int i = 0; i < TACHO_UNIT_COUNT; i++) {
        group->units[i] = tacho__sum(group->units[i], more->units[i]);
    }
}

/* The plain sums of a group, in one place for adding and taking away. */
#define SUMS(X)                                                                                                        \
    X(retries)                                                                                                         \
    X(interventions)                                                                                                   \
    X(warnings)                                                                                                        \
    X(low_confidence)                                                                                                  \
    X(timed)                                                                                                           \
    X(total_ns)                                                                                                        \
    X(first_tokens)                                                                                                    \
    X(first_token_ns)                                                                                                  \
    X(speed_ns)                                                                                                        \
    X(speed_tokens)                                                                                                    \
    X(usage_calls)                                                                                                     \
    X(usage_absent)                                                                                                    \
    X(cost_pusd)                                                                                                       \
    X(low_confidence_pusd)                                                                                             \
    X(steps)                                                                                                           \
    X(tool_calls)                                                                                                      \
    X(compressions)                                                                                                    \
    X(unavailable)                                                                                                     \
    X(unsplit)

bool tacho__group_merge(tacho__group *group, tacho__arena *texts, const tacho__group *more) {
    if (more->timed > 0) {
        add_extremes(group, more->min_ns, more->max_ns);
    }
    merge_counts(group, more);
#define X(name) group->name = tacho__sum(group->name, more->name);
    SUMS(X)
#undef X
    add_span(group, more->started_at_ns, more->ended_at_ns);
    add_context(group, more->context_size, more->context_limit, more->max_context_size, more->context_at_ns);
    group->categories_unknown |= more->categories_unknown;
    if (more->in_flight >= 0) {
        group->in_flight = tacho__sum(group->in_flight < 0 ? 0 : group->in_flight, more->in_flight);
    }
    for (uint32_t i = 0; i < more->error_type_count; i++) {
        if (!tacho__group_error_type(group, texts, more->error_types[i].name, more->error_types[i].value)) {
            return false;
        }
    }
    return tacho__buckets_merge(&group->durations, &more->durations) &&
           tacho__recent_merge(&group->recent, &more->recent);
}

bool tacho__group_start(tacho__group *group, tacho__arena *texts, const tacho__group *more) {
    if (more->error_type_count > 0 || more->recent.count > 0) {
        return tacho__group_merge(group, texts, more);
    }
    const tacho__keys keys = group->keys;
    *group = *more;
    group->keys = keys;
    group->durations.owner = TACHO__BUCKETS_LENT;
    group->recent.calls = NULL;
    group->error_types = NULL;
    group->error_type_room = 0;
    return true;
}

static void take(int64_t *value, int64_t less) {
    *value = *value > less ? *value - less : 0;
}

/* Outcomes that only `less` knows are among the calls of `group` whose outcome is not known. */
static void take_outcomes(tacho__group *group, const tacho__group *less) {
    for (int i = 0; i < TACHO_OUTCOME_COUNT; i++) {
        int64_t over = less->outcomes[i] - group->outcomes[i];
        take(&group->outcomes[i], less->outcomes[i]);
        take(&group->unsplit, over > 0 ? over : 0);
    }
}

void tacho__group_subtract(tacho__group *group, const tacho__group *less) {
    take_outcomes(group, less);
    for (int i = 0; i < TACHO__GROUP_COST_STATES; i++) {
        take(&group->cost_calls[i], less->cost_calls[i]);
    }
    for (int i = 0; i < TACHO_UNIT_COUNT; i++) {
        take(&group->units[i], less->units[i]);
    }
#define X(name) take(&group->name, less->name);
    SUMS(X)
#undef X
    for (uint32_t i = 0; i < less->error_type_count; i++) {
        for (uint32_t j = 0; j < group->error_type_count; j++) {
            if (strcmp(group->error_types[j].name, less->error_types[i].name) == 0) {
                take(&group->error_types[j].value, less->error_types[i].value);
            }
        }
    }
    tacho__buckets_subtract(&group->durations, &less->durations);
}

int64_t tacho__group_calls(const tacho__group *group) {
    int64_t calls = group->unsplit;
    for (int i = 0; i < TACHO_OUTCOME_COUNT; i++) {
        calls = tacho__sum(calls, group->outcomes[i]);
    }
    return calls;
}
