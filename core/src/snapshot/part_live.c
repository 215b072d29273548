/* From the view of a segment to a part, which keeps nothing of the view: its memory is used for the next one. */
#include "snapshot/part.h"

#include "base/hash.h"
#include "base/memory.h"
#include "collect/reading.h"
#include "price/served.h"
#include "snapshot/kept.h"
#include "snapshot/part_notes.h"

#include <stdio.h>
#include <string.h>

static int64_t counted(uint64_t value) {
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
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

/* --------------------------------------------------------------------------------------------------------- sessions */

static int64_t wall(const tacho__view *view, int64_t mono_ns) {
    return mono_ns == INT64_MIN ? 0 : tacho__view_wall(view, mono_ns);
}

static void take_session(const tacho__view *view, const tacho__session_view *from, tacho__kept *kept,
                         tacho__part_session *to) {
    tacho__part_session_init(to);
    to->id = tacho__keep(kept, from->id);
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
    sums->session = to->id;
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

static bool take_all_sessions(const tacho__view *view, tacho__kept *kept, tacho__part *part) {
    uint32_t count = tacho__view_session_count(view);
    part->sessions = tacho__arena_array(&part->arena, count, sizeof *part->sessions);
    for (uint32_t i = 0; i < count && part->sessions; i++) {
        tacho__session_view one;
        if (tacho__view_session(view, i, &one)) {
            take_session(view, &one, kept, &part->sessions[part->session_count++]);
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

static void take_record_parts(const tacho__record_view *from, tacho__kept *kept, tacho_record_view *to) {
    tacho__arena *arena = kept->arena;
    tacho_named *components = tacho__arena_array(arena, from->component_count, sizeof *components);
    for (uint32_t i = 0; components && i < from->component_count; i++) {
        components[i] =
            (tacho_named){tacho__keep(kept, from->components[i].name), counted(from->components[i].duration_ns)};
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

static void take_record_names(const tacho__record_view *from, tacho__kept *kept, tacho_record_view *to) {
    to->session = tacho__keep(kept, from->session);
    to->operation = tacho__keep(kept, from->operation);
    to->kind = tacho_kind_text(from->kind);
    to->provider = tacho__keep(kept, from->provider);
    to->requested_model = tacho__keep(kept, from->requested_model);
    to->model = from->model ? tacho__keep(kept, from->model) : to->requested_model;
    to->tool = from->tool ? tacho__keep(kept, from->tool) : from->kind == TACHO_KIND_TOOL ? to->operation : NULL;
    to->error_type = tacho__keep(kept, from->error_type);
}

static void take_record_tags(const tacho__view *view, tacho__line line, tacho__kept *kept, tacho_record_view *to) {
    tacho_tag tags[TACHO__TAGS];
    const uint32_t count = line ? tacho__view_tags(view, line, tags) : 0;
    for (uint32_t i = 0; i < count; i++) {
        tags[i] = (tacho_tag){tacho__keep(kept, tags[i].name), tacho__keep(kept, tags[i].value)};
    }
    const tacho__tags_of copy = tacho__tags_copy(kept->arena, (tacho__tags_of){tags, count}, true);
    to->tags = copy.list;
    to->tag_count = copy.count;
}

static void take_record(const tacho__view *view, const tacho__record_view *from, tacho__kept *kept,
                        tacho_record_view *to) {
    tacho__arena *arena = kept->arena;
    *to = (tacho_record_view){.struct_size = sizeof *to};
    to->id = hex(arena, 0, from->id, false);
    to->parent_id = hex(arena, 0, from->parent, false);
    to->trace_id = hex(arena, from->trace[0], from->trace[1], true);
    take_record_names(from, kept, to);
    to->outcome = tacho_outcome_text(from->outcome);
    to->error_category = none_if_empty(tacho_category_text(from->category));
    to->started_at_ns = from->begin_wall_ns;
    to->ended_at_ns = from->end_wall_ns;
    to->duration_ns = from->duration_ns;
    bool first = (from->flags & TACHO__RECORD_FIRST_TOKEN) != 0;
    to->first_token_ns = first ? counted(from->first_token_ns) : -1;
    take_record_usage(from, to);
    take_record_calls(from, to);
    take_record_parts(from, kept, to);
    take_record_tags(view, from->tags, kept, to);
    if (from->flags & TACHO__RECORD_NOTES) {
        tacho__part_take_notes(view, from, arena, to);
    }
}

static bool take_all_records(const tacho__view *view, tacho__kept *kept, tacho__part *part) {
    tacho__record_view one;
    uint32_t count = tacho__view_record_count(view), slowest = tacho__view_slowest_count(view);
    part->records = tacho__arena_array(&part->arena, count, sizeof *part->records);
    part->slowest = tacho__arena_array(&part->arena, slowest, sizeof *part->slowest);
    part->origins = tacho__arena_array(&part->arena, count, sizeof *part->origins);
    if (!part->records || !part->origins || !part->slowest) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (tacho__view_record(view, i, &one)) {
            part->origins[part->record_count] = (tacho__part_origin){one.maker, one.place};
            take_record(view, &one, kept, &part->records[part->record_count++]);
        }
    }
    for (uint32_t i = 0; i < slowest; i++) {
        if (tacho__view_slowest(view, i, &one)) {
            take_record(view, &one, kept, &part->slowest[part->slowest_count++]);
        }
    }
    return !part->arena.failed;
}

/* -------------------------------------------------------------------------------------------------------- the whole */

static bool take_made(const tacho__view *view, tacho__part *part) {
    const tacho__view_info *info = tacho__view_describe(view);
    part->is_dead = !info->alive;
    if (info->role != TACHO__ROLE_PROCESS) {
        return true;
    }
    part->made = tacho__arena_array(&part->arena, TACHO__LANES, sizeof *part->made);
    for (uint32_t lane = 0; part->made && lane < TACHO__LANES; lane++) {
        part->made[lane] = tacho__view_lane_records(view, lane);
    }
    return part->made != NULL;
}

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

static bool take_folded(const tacho__view *view, tacho__part *part) {
    uint32_t count;
    const tacho__folded *folded = tacho__view_folded(view, &count);
    if (count == 0) {
        return true;
    }
    tacho__folded *copy = tacho__arena_array(&part->arena, count, sizeof *copy);
    if (copy) {
        memcpy(copy, folded, count * sizeof *copy);
        part->contains = copy;
        part->contains_count = count;
    }
    return copy != NULL;
}

static bool take_all(const tacho__view *view, tacho__part *part) {
    tacho__kept kept = {.arena = &part->arena};
    part->prices = tacho__keep(&kept, tacho__view_describe(view)->prices);
    const bool done = take_folded(view, part) && tacho__part_take_series(view, part) &&
                      take_all_sessions(view, &kept, part) && take_all_records(view, &kept, part) &&
                      take_made(view, part) && take_drops(view, part) && tacho__part_take_custom(view, &kept, part) &&
                      !part->arena.failed;
    tacho__kept_end(&kept);
    return done;
}

tacho_status tacho__part_of_view(const tacho__view *view, tacho__series_store *store, tacho__part **out) {
    *out = NULL;
    tacho__part *part = tacho__part_new(store);
    if (!part) {
        return TACHO_NOMEM;
    }
    const tacho__view_info *info = tacho__view_describe(view);
    memcpy(part->segment, info->id, sizeof part->segment);
    part->generation = info->generation;
    part->taken_at_ns = info->taken_wall_ns;
    part->started_at_ns = info->started_wall_ns;
    part->records_lost = info->records_lost;
    if (info->role == TACHO__ROLE_PROCESS) {
        tacho__process_read(info->pid, info->pid_namespace, info->started_wall_ns, part->taken_at_ns, &part->process);
    }
    if (!take_all(view, part)) {
        tacho__part_release(part);
        return TACHO_NOMEM;
    }
    *out = part;
    return TACHO_OK;
}

tacho_status tacho__part_take(tacho_collector *collector, tacho__series_store *store, tacho__part **out) {
    tacho__view *view;
    *out = NULL;
    tacho_status status = tacho__collector_view(collector, &view);
    if (status == TACHO_OK) {
        status = tacho__part_of_view(view, store, out);
        tacho__view_free(view);
    }
    return status;
}
