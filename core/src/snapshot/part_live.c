/* From the view of a live segment to a part. The view is kept, because texts of the part point into it. */
#include "snapshot/part.h"

#include "base/hash.h"
#include "base/memory.h"
#include "collect/reading.h"
#include "price/served.h"
#include "snapshot/kinds.h"
#include "snapshot/part_notes.h"

#include <stdio.h>
#include <string.h>

static int64_t counted(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* In the arena of the part, which never changes them: one series after the other, as they are read. */
static bool take_buckets(const tacho__histogram *from, tacho__arena *arena, tacho__buckets *to) {
    const uint32_t per = TACHO__OCTAVE_BUCKETS;
    if (from->octaves != 0) {
        const uint32_t low = (uint32_t)__builtin_ctz(from->octaves), high = 31 - (uint32_t)__builtin_clz(from->octaves);
        const uint32_t length = (high - low + 1) * per;
        uint64_t *counts = tacho__arena_array(arena, length, sizeof *counts), total = 0;
        if (!counts) {
            return false;
        }
        for (uint32_t octave = low; octave <= high; octave++) {
            for (uint32_t i = 0; from->octaves >> octave & 1 && i < per; i++) {
                counts[(octave - low) * per + i] = from->bucket[octave * per + i];
                total += from->bucket[octave * per + i];
            }
        }
        *to =
            (tacho__buckets){counts, (int16_t)tacho__grid_absolute(from->grid, low * per), (uint16_t)length, 1, total};
    }
    return tacho__buckets_add(to, TACHO__BUCKET_ZERO, from->zero);
}

bool tacho__part_take_measure(const tacho__histogram *from, tacho__arena *arena, tacho__measure *to) {
    if (from->count == 0) {
        return true;
    }
    to->sum = counted(from->sum);
    to->min = counted(from->min);
    to->max = counted(from->max);
    to->low = counted(from->low);
    to->high = counted(from->high);
    return take_buckets(from, arena, &to->buckets);
}

static void take_usage(const tacho__usage_sums *from, tacho__group *to) {
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        to->units[unit] = counted(from->units[unit]);
    }
    for (int state = 0; state < TACHO__GROUP_COST_STATES; state++) {
        to->cost_calls[state] = counted(from->cost_calls[state]);
        to->cost_pusd = tacho__sum(to->cost_pusd, from->cost_pusd[state]);
    }
    to->usage_calls = counted(from->calls);
    /* A call that said "no usage" is a call without usage (usage_absent), not one without a price. */
    int64_t absent = counted(from->absent);
    int64_t *unknown = &to->cost_calls[TACHO_COST_STATE_UNKNOWN];
    *unknown = *unknown > absent ? *unknown - absent : 0;
}

/* ----------------------------------------------------------------------------------------------------------- series */

static bool take_error_types(const tacho__series_view *from, tacho__arena *texts, tacho__group *to) {
    for (uint32_t i = 0; i < from->error_type_count; i++) {
        const char *name = from->error_types[i].name ? from->error_types[i].name : "other";
        if (from->error_types[i].count > 0 &&
            !tacho__group_error_type(to, texts, name, counted(from->error_types[i].count))) {
            return false;
        }
    }
    return true;
}

static void take_calls(const tacho__series_view *from, tacho__group *to) {
    to->outcomes[TACHO_OUTCOME_OK] = counted(from->ok);
    for (int i = 0; i < (int)TACHO__FAILED_OUTCOMES; i++) {
        to->outcomes[i + 1] = counted(from->failed[i]);
    }
    to->retries = counted(from->retries);
    to->interventions = counted(from->interventions);
    to->warnings = counted(from->warnings);
    to->steps = from->kind == TACHO_KIND_STEP ? counted(from->calls) : 0;
    to->tool_calls = from->kind == TACHO_KIND_TOOL ? counted(from->calls) : 0;
}

static void take_times(const tacho__series_view *from, tacho__group *to) {
    to->timed = counted(from->duration.count);
    to->total_ns = counted(from->duration.sum);
    to->min_ns = counted(from->duration.min);
    to->max_ns = counted(from->duration.max);
    to->first_tokens = counted(from->first_token.count);
    to->first_token_ns = counted(from->first_token.sum);
    to->speed_ns = counted(from->timed_ns);
    to->speed_tokens = counted(from->timed_output);
}

/* The window of a series. What was timed without one is "not known", which is an answer too. */
static bool take_recent(const tacho__view *view, uint32_t number, tacho__part_series *to) {
    tacho__recent *recent = &to->sums.recent;
    tacho__recent_view about;
    if (to->component || to->sums.timed == 0) {
        return true;
    }
    recent->missing = !tacho__view_recent(view, number, &about, NULL, 0);
    recent->wanted = about.wanted;
    if (recent->missing || about.count == 0) {
        return true;
    }
    tacho__recent_value *values = tacho__malloc(about.count * sizeof *values);
    recent->calls = tacho__malloc(about.count * sizeof *recent->calls);
    if (!values || !recent->calls) {
        tacho__free(values);
        return false;
    }
    tacho__view_recent(view, number, &about, values, about.count);
    recent->since_ns = about.since_mono_ns == INT64_MIN ? INT64_MIN : tacho__view_wall(view, about.since_mono_ns);
    for (recent->count = 0; recent->count < about.count; recent->count++) {
        const tacho__recent_value *value = &values[recent->count];
        recent->calls[recent->count] =
            (tacho__recent_call){tacho__view_wall(view, value->end_mono_ns), counted(value->duration_ns)};
    }
    tacho__free(values);
    tacho__recent_settle(recent);
    return true;
}

static void take_labels(const tacho__series_view *from, tacho__part_series *to) {
    tacho__group *sums = &to->sums;
    bool operation = from->type == TACHO__TYPE_OPERATION;
    sums->operation = from->name;
    sums->kind = tacho_kind_text(from->kind);
    sums->tool = from->kind == TACHO_KIND_TOOL ? from->name : NULL;
    sums->provider = from->provider;
    sums->model = from->model;
    to->component = operation ? NULL : from->component ? from->component : "";
    to->flags = from->flags;
}

static bool take_series(const tacho__series_view *from, tacho__arena *texts, tacho__part_series *to) {
    tacho__part_series_init(to);
    take_labels(from, to);
    take_calls(from, &to->sums);
    take_times(from, &to->sums);
    if (from->has_usage) {
        take_usage(&from->usage, &to->sums);
        to->absent = counted(from->usage.absent);
        to->not_booked = counted(from->usage.not_booked);
        to->table_of_reported_pusd = from->usage.table_of_reported_pusd;
    }
    int64_t known = to->sums.usage_calls, calls = counted(from->calls);
    to->sums.usage_absent = tacho__kind_is_model(to->sums.kind) && calls > known ? calls - known : 0;
    to->sums.in_flight = to->component ? -1 : counted(from->in_flight);
    to->duration_low = counted(from->duration.low);
    to->duration_high = counted(from->duration.high);
    to->inclusive_calls = counted(from->inclusive_calls);
    to->inclusive_input = counted(from->inclusive_input);
    to->inclusive_output = counted(from->inclusive_output);
    to->inclusive_pusd = from->inclusive_cost_pusd;
    for (int i = 0; i < (int)TACHO__CATEGORIES; i++) {
        to->categories[i] = counted(from->categories[i]);
    }
    tacho__part_series_complete(to);
    return take_error_types(from, texts, &to->sums) && take_buckets(&from->duration, texts, &to->sums.durations) &&
           tacho__part_take_measure(&from->first_token, texts, &to->first_token) &&
           tacho__part_take_measure(&from->time_per_token, texts, &to->time_per_token) &&
           tacho__part_take_measure(&from->input, texts, &to->input) &&
           tacho__part_take_measure(&from->output, texts, &to->output) &&
           tacho__part_take_measure(&from->cost, texts, &to->cost);
}

static bool take_all_series(const tacho__view *view, tacho__part *part) {
    uint32_t count = tacho__view_series_count(view);
    tacho__series_view *one = tacho__malloc(sizeof *one);
    part->series = tacho__arena_array(&part->arena, count, sizeof *part->series);
    bool done = one && part->series;
    for (uint32_t i = 0; i < count && done; i++) {
        if (tacho__view_series(view, i, one) && (one->calls > 0 || one->in_flight > 0 || one->duration.count > 0)) {
            tacho__part_series *to = &part->series[part->series_count++];
            done = take_series(one, &part->arena, to) && take_recent(view, i, to);
        }
    }
    tacho__free(one);
    return done;
}

/* --------------------------------------------------------------------------------------------------------- sessions */

static int64_t wall(const tacho__view *view, int64_t mono_ns) {
    return mono_ns == INT64_MIN ? 0 : tacho__view_wall(view, mono_ns);
}

static void take_session(const tacho__view *view, const tacho__session_view *from, tacho__part_session *to) {
    tacho__part_session_init(to);
    to->id = from->id;
    to->shared = counted(from->shared);
    to->is_other = from->is_other;
    to->ended = from->ended;
    to->opened_at_ns = wall(view, from->opened_mono_ns);
    to->ended_at_ns = from->ended_mono_ns != 0 ? wall(view, from->ended_mono_ns) : 0;
    to->model_calls = counted(from->model_calls);
    to->step_ns = counted(from->step_ns);
    to->timed_steps = counted(from->timed_steps);
    to->tool_ns = counted(from->tool_ns);
    for (int group = 0; group < TACHO__SESSION_GROUPS; group++) {
        to->outcomes[group][TACHO_OUTCOME_OK] = counted(from->ok[group]);
        for (int i = 0; i < (int)TACHO__FAILED_OUTCOMES; i++) {
            to->outcomes[group][i + 1] = counted(from->failed[group][i]);
        }
    }
    tacho__group *sums = &to->sums;
    take_usage(&from->usage, sums);
    sums->session = from->id;
    sums->retries = counted(from->retries);
    sums->interventions = counted(from->interventions);
    sums->warnings = counted(from->warnings);
    sums->compressions = counted(from->compactions);
    sums->started_at_ns = wall(view, from->first_begin_mono_ns);
    sums->ended_at_ns = wall(view, from->last_end_mono_ns);
    sums->context_size = from->context_size > 0 ? counted(from->context_size) : -1;
    sums->max_context_size = from->context_max > 0 ? counted(from->context_max) : -1;
    sums->context_limit = from->context_limit > 0 ? counted(from->context_limit) : -1;
    sums->context_at_ns = sums->ended_at_ns;
    tacho__part_session_complete(to);
}

static bool take_all_sessions(const tacho__view *view, tacho__part *part) {
    uint32_t count = tacho__view_session_count(view);
    part->sessions = tacho__arena_array(&part->arena, count, sizeof *part->sessions);
    for (uint32_t i = 0; i < count && part->sessions; i++) {
        tacho__session_view one;
        if (tacho__view_session(view, i, &one)) {
            take_session(view, &one, &part->sessions[part->session_count++]);
        }
    }
    return part->sessions != NULL;
}

/* ---------------------------------------------------------------------------------------------------------- records */

static const char *hex(tacho__arena *arena, uint64_t high, uint64_t low, bool wide) {
    char text[33], tail[17];
    if (high == 0 && low == 0) {
        return NULL;
    }
    tacho__hex_text(wide ? high : low, text);
    tacho__hex_text(low, tail);
    if (wide) {
        memcpy(text + 16, tail, sizeof tail);
    }
    return tacho__arena_text(arena, text);
}

static void take_record_usage(const tacho__record_view *from, tacho_record_view *to) {
    bool booked = (from->flags & TACHO__RECORD_NOT_BOOKED) == 0;
    to->present = booked ? from->present : 0; /* what repeats its descendants' usage would be counted twice */
    to->total_tokens = -1;
    tacho_usage usage = TACHO_USAGE_INIT;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        bool known = (to->present & TACHO_UNIT_BIT(unit)) != 0;
        to->units[unit] = known ? counted(from->units[unit]) : -1;
        if (known) {
            tacho_usage_set(&usage, (tacho_unit)unit, to->units[unit]);
        }
    }
    if (to->present != 0) {
        to->total_tokens = tacho_usage_total_tokens(&usage);
    }
    to->cost_pusd = booked ? from->cost_pusd : TACHO_COST_UNKNOWN;
    to->cost_state = booked ? from->cost_state : TACHO_COST_STATE_UNKNOWN;
    to->reported_pusd = from->reported_pusd;
    to->table_pusd = from->table_pusd;
    const uint32_t served = from->flags >> TACHO__RECORD_SERVED_SHIFT & TACHO__RECORD_SERVED_MASK;
    to->service_tier = tacho__served_tier(served);
    to->region = tacho__served_place(served);
}

static void take_record_parts(const tacho__record_view *from, tacho__arena *arena, tacho_record_view *to) {
    tacho_named *components = tacho__arena_array(arena, from->component_count, sizeof *components);
    for (uint32_t i = 0; components && i < from->component_count; i++) {
        components[i] = (tacho_named){from->components[i].name, counted(from->components[i].duration_ns)};
    }
    to->components = from->component_count > 0 ? components : NULL;
    to->component_count = components ? from->component_count : 0;
    to->price_sheet = from->sheet != 0 ? tacho__arena_print(arena, "%08x", from->sheet) : NULL;
}

static void take_record_calls(const tacho__record_view *from, tacho_record_view *to) {
    bool failed = from->outcome == TACHO_OUTCOME_ERROR || from->outcome == TACHO_OUTCOME_TIMEOUT;
    to->retries = from->retries;
    to->interventions = from->interventions;
    to->warnings = from->warnings;
    to->error_count = (int64_t)from->retries + failed;
    to->tool_calls = from->tool_calls;
    to->context_size = from->context_size > 0 ? (int64_t)from->context_size : -1;
    to->context_limit = from->context_limit > 0 ? (int64_t)from->context_limit : -1;
    to->compressions = (from->flags & TACHO__RECORD_COMPACTION) != 0;
    to->low_confidence = (from->flags & TACHO__RECORD_LOW) != 0;
    to->weight = from->weight;
}

static const char *none_if_empty(const char *text) {
    return text && *text ? text : NULL;
}

static void take_record(const tacho__view *view, const tacho__record_view *from, tacho__arena *arena,
                        tacho_record_view *to) {
    *to = (tacho_record_view){.struct_size = sizeof *to};
    to->id = hex(arena, 0, from->id, false);
    to->parent_id = hex(arena, 0, from->parent, false);
    to->trace_id = hex(arena, from->trace[0], from->trace[1], true);
    to->session = from->session;
    to->operation = from->operation;
    to->kind = tacho_kind_text(from->kind);
    to->provider = from->provider;
    to->model = from->model ? from->model : from->requested_model;
    to->requested_model = from->requested_model;
    to->tool = !from->tool && from->kind == TACHO_KIND_TOOL ? from->operation : from->tool;
    to->outcome = tacho_outcome_text(from->outcome);
    to->error_category = none_if_empty(tacho_category_text(from->category));
    to->error_type = from->error_type;
    to->started_at_ns = from->begin_wall_ns;
    to->ended_at_ns = from->end_wall_ns;
    to->recorded_at_ns = tacho__view_wall(view, from->end_mono_ns);
    to->duration_ns = from->duration_ns;
    bool first = (from->flags & TACHO__RECORD_FIRST_TOKEN) != 0;
    to->first_token_ns = first ? counted(from->first_token_ns) : -1;
    take_record_usage(from, to);
    take_record_calls(from, to);
    take_record_parts(from, arena, to);
    if (from->flags & TACHO__RECORD_NOTES) {
        tacho__part_take_notes(view, from, arena, to);
    }
}

static bool take_all_records(const tacho__view *view, tacho__part *part) {
    tacho__record_view one;
    uint32_t count = tacho__view_record_count(view), slowest = tacho__view_slowest_count(view);
    part->records = tacho__arena_array(&part->arena, count, sizeof *part->records);
    part->slowest = tacho__arena_array(&part->arena, slowest, sizeof *part->slowest);
    if (!part->records || !part->slowest) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (tacho__view_record(view, i, &one)) {
            take_record(view, &one, &part->arena, &part->records[part->record_count++]);
        }
    }
    for (uint32_t i = 0; i < slowest; i++) {
        if (tacho__view_slowest(view, i, &one)) {
            take_record(view, &one, &part->arena, &part->slowest[part->slowest_count++]);
        }
    }
    return !part->arena.failed;
}

/* -------------------------------------------------------------------------------------------------------- the whole */

static bool take_drops(const tacho__view *view, tacho__part *part) {
    part->drops = tacho__arena_array(&part->arena, TACHO__DROP_COUNT, sizeof *part->drops);
    for (unsigned cause = 0; cause < TACHO__DROP_COUNT && part->drops; cause++) {
        uint64_t n = tacho__view_drops(view, cause);
        if (n > 0) {
            part->drops[part->drop_count++] = (tacho_named){tacho__drop_name(cause), counted(n)};
        }
    }
    return part->drops != NULL;
}

static void free_view(void *view) {
    tacho__view_free(view);
}

tacho_status tacho__part_of_view(tacho__view *view, tacho__part **out) {
    *out = NULL;
    tacho__part *part = tacho__part_new();
    if (!part) {
        tacho__view_free(view);
        return TACHO_NOMEM;
    }
    const tacho__view_info *info = tacho__view_describe(view);
    part->backing = view;
    part->free_backing = free_view;
    memcpy(part->segment, info->id, sizeof part->segment);
    part->generation = info->generation;
    part->taken_at_ns = info->taken_wall_ns;
    part->started_at_ns = info->started_wall_ns;
    part->records_lost = info->records_lost;
    part->prices = info->prices;
    uint32_t contained;
    part->contains = tacho__view_folded(view, &contained);
    part->contains_count = contained;
    if (info->role == TACHO__ROLE_PROCESS) {
        tacho__process_read(info->pid, info->pid_namespace, info->started_wall_ns, part->taken_at_ns, &part->process);
    }
    bool done = take_all_series(view, part) && take_all_sessions(view, part) && take_all_records(view, part) &&
                take_drops(view, part) && tacho__part_take_custom(view, part) && !part->arena.failed;
    if (!done) {
        tacho__part_release(part);
        return TACHO_NOMEM;
    }
    *out = part;
    return TACHO_OK;
}

tacho_status tacho__part_take(tacho_collector *collector, tacho__part **out) {
    tacho__view *view;
    *out = NULL;
    tacho_status status = tacho__collector_view(collector, &view);
    return status == TACHO_OK ? tacho__part_of_view(view, out) : status;
}
