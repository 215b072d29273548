#include "snapshot/digest.h"

#include "base/memory.h"
#include "snapshot/kinds.h"
#include "snapshot/record_list.h"
#include "snapshot/snapshot.h"
#include "snapshot/table.h"

#include <math.h>
#include <stdlib.h>

#define SLOWEST 5

/* Prompt size of one model call, for sessions whose context nobody reported. */
typedef struct prompt {
    int64_t at_ns;
    int64_t tokens;
} prompt;

struct tacho__digest {
    tacho__group parts[TACHO__DIGEST_PARTS];
    tacho__table *tools, *models;
    tacho__record_list *slowest;
    prompt *prompts;
    size_t prompt_count, prompt_room;
    tacho__arena texts;
};

typedef struct owned_summary {
    tacho_summary summary; /* first: tacho_summary_free gets its address */
    tacho__arena arena;
    tacho_rows *tools, *models;
    tacho_records *slowest;
    tacho_cache_rows *caches;
    tacho_metric_rows *metrics;
} owned_summary;

tacho_status tacho__digest_create(tacho__digest **out) {
    *out = NULL;
    tacho__digest *digest = tacho__calloc(1, sizeof *digest);
    if (!digest) {
        return TACHO_NOMEM;
    }
    for (int part = 0; part < TACHO__DIGEST_PARTS; part++) {
        tacho__group_init(&digest->parts[part]);
    }
    tacho_query by_tool = TACHO_QUERY_INIT;
    by_tool.by = TACHO_BY_TOOL;
    digest->slowest = tacho__record_list_new(TACHO__RECORDS_BY_DURATION, SLOWEST);
    if (!digest->slowest || tacho__table_create(&by_tool, &digest->tools) != TACHO_OK ||
        tacho__table_create(NULL, &digest->models) != TACHO_OK) {
        tacho__digest_free(digest);
        return TACHO_NOMEM;
    }
    *out = digest;
    return TACHO_OK;
}

void tacho__digest_free(tacho__digest *digest) {
    if (digest) {
        for (int part = 0; part < TACHO__DIGEST_PARTS; part++) {
            tacho__group_free(&digest->parts[part]);
        }
        tacho__table_free(digest->tools);
        tacho__table_free(digest->models);
        tacho__record_list_free(digest->slowest);
        tacho__free(digest->prompts);
        tacho__arena_free(&digest->texts);
        tacho__free(digest);
    }
}

tacho_status tacho__digest_refuse(tacho__digest *digest) {
    digest->texts.failed = true;
    return TACHO_NOMEM;
}

/* ----------------------------------------------------------------------------------------------------------- adding */

static int64_t prompt_tokens(const tacho_record_view *record) {
    tacho_usage usage = TACHO_USAGE_INIT;
    usage.present = record->present;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        if (record->present & TACHO_UNIT_BIT(unit)) {
            tacho_usage_set(&usage, (tacho_unit)unit, record->units[unit]);
        }
    }
    return tacho_usage_input_tokens(&usage);
}

static bool note_prompt(tacho__digest *digest, const tacho_record_view *record) {
    if (!tacho__is_kind(record->kind, "llm") || record->present == 0 || record->context_size >= 0) {
        return true;
    }
    if (digest->prompt_count == digest->prompt_room) {
        size_t room = digest->prompt_room ? digest->prompt_room * 2 : 64;
        prompt *grown = tacho__realloc(digest->prompts, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        digest->prompts = grown;
        digest->prompt_room = room;
    }
    digest->prompts[digest->prompt_count++] = (prompt){record->ended_at_ns, prompt_tokens(record)};
    return true;
}

static bool add_part(tacho__digest *digest, tacho__digest_part part, const tacho_record_view *record) {
    return tacho__group_add_record(&digest->parts[part], &digest->texts, record);
}

tacho_status tacho__digest_add(tacho__digest *digest, const tacho_record_view *record) {
    bool tool = tacho__is_kind(record->kind, "tool");
    bool step = tacho__is_kind(record->kind, "step");
    bool done = add_part(digest, TACHO__DIGEST_ALL, record) && note_prompt(digest, record);
    done = done && (tool || add_part(digest, TACHO__DIGEST_OPERATIONS, record));
    done = done && (!step || add_part(digest, TACHO__DIGEST_STEPS, record));
    done = done && (!tacho__kind_is_model(record->kind) || add_part(digest, TACHO__DIGEST_MODEL_CALLS, record));
    return done ? tacho__digest_add_detail(digest, record) : tacho__digest_refuse(digest);
}

tacho_status tacho__digest_add_total(tacho__digest *digest, tacho__digest_part part, const tacho__group *group) {
    return tacho__group_merge(&digest->parts[part], &digest->texts, group) ? TACHO_OK : tacho__digest_refuse(digest);
}

tacho_status tacho__digest_add_tool(tacho__digest *digest, const tacho__group *group) {
    return tacho__table_add_group(digest->tools, group);
}

tacho_status tacho__digest_add_model(tacho__digest *digest, const tacho__group *group) {
    return tacho__table_add_group(digest->models, group);
}

tacho_status tacho__digest_add_slowest(tacho__digest *digest, const tacho_record_view *record) {
    return record->duration_ns < 0 ? TACHO_OK : tacho__record_list_add(digest->slowest, record);
}

tacho_status tacho__digest_add_detail(tacho__digest *digest, const tacho_record_view *record) {
    tacho_status status = tacho__table_add(digest->tools, record);
    if (status == TACHO_OK) {
        status = tacho__table_add(digest->models, record);
    }
    return status == TACHO_OK ? tacho__digest_add_slowest(digest, record) : status;
}

tacho_status tacho__digest_add_rest(tacho__digest *digest, const tacho__group *tools, const tacho__group *models) {
    const char *what = "the row without a name stands for records that were overwritten before they were read";
    tacho_status status = tacho__table_add_rest(digest->tools, tools, what);
    return status == TACHO_OK ? tacho__table_add_rest(digest->models, models, what) : status;
}

/* -------------------------------------------------------------------------------------------------------- finishing */

static int prompt_order(const void *left, const void *right) {
    const prompt *a = left, *b = right;
    int order = (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
    return order != 0 ? order : (a->tokens > b->tokens) - (a->tokens < b->tokens);
}

/* Semantics 28: without a report, the context is the prompt of the last model call, and a drop of more than half is a
 * compaction. */
static void derive_context(tacho__digest *digest) {
    tacho__group *all = &digest->parts[TACHO__DIGEST_ALL];
    if (all->context_size >= 0 || digest->prompt_count == 0) {
        return;
    }
    qsort(digest->prompts, digest->prompt_count, sizeof *digest->prompts, prompt_order);
    int64_t before = 0;
    for (size_t i = 0; i < digest->prompt_count; i++) {
        int64_t tokens = digest->prompts[i].tokens;
        all->compressions += tokens < before - tokens;
        all->max_context_size = tokens > all->max_context_size ? tokens : all->max_context_size;
        before = tokens;
    }
    all->context_size = before;
}

static double part_of(int64_t part, int64_t whole) {
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

static double cache_hit_rate(const tacho__group *all) {
    static const tacho_unit reads[] = {TACHO_UNIT_CACHE_READ, TACHO_UNIT_CACHE_READ_AUDIO, TACHO_UNIT_CACHE_READ_IMAGE,
                                       TACHO_UNIT_CACHE_READ_VIDEO};
    int64_t cached = 0;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        cached = tacho__sum(cached, all->units[reads[i]]);
    }
    return part_of(cached, tacho__group_tokens(all, TACHO_DIRECTION_IN));
}

static void summarise_calls(const tacho__group *parts, tacho_summary *summary) {
    const tacho__group *all = &parts[TACHO__DIGEST_ALL], *operations = &parts[TACHO__DIGEST_OPERATIONS];
    const tacho__group *steps = &parts[TACHO__DIGEST_STEPS];
    summary->total_operations = tacho__group_calls(operations);
    summary->successful_operations = operations->outcomes[TACHO_OUTCOME_OK];
    summary->failed_operations =
        tacho__sum(operations->outcomes[TACHO_OUTCOME_ERROR], operations->outcomes[TACHO_OUTCOME_TIMEOUT]);
    summary->cancelled_operations = operations->outcomes[TACHO_OUTCOME_CANCELLED];
    summary->aborted_operations = operations->outcomes[TACHO_OUTCOME_ABORTED];
    summary->orphaned_operations = operations->outcomes[TACHO_OUTCOME_ORPHANED];
    summary->total_steps = tacho__group_calls(steps);
    summary->total_tool_calls = all->tool_calls;
    summary->model_calls = tacho__group_calls(&parts[TACHO__DIGEST_MODEL_CALLS]);
    bool has_steps = summary->total_steps > 0;
    summary->success_rate = tacho__group_success_rate(has_steps ? steps : operations);
    summary->retries = all->retries;
    summary->interventions = all->interventions;
    int64_t per = has_steps ? summary->total_steps : summary->total_operations;
    summary->intervention_rate = part_of(all->interventions, per);
    summary->avg_step_ns = tacho__mean(steps->total_ns, steps->timed);
}

static void summarise_usage(const tacho__group *all, tacho_summary *summary) {
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        summary->units[unit] = all->usage_calls > 0 ? all->units[unit] : -1;
    }
    summary->total_tokens = tacho__group_tokens(all, TACHO_DIRECTION_NONE);
    summary->total_input_tokens = tacho__group_tokens(all, TACHO_DIRECTION_IN);
    summary->total_output_tokens = tacho__group_tokens(all, TACHO_DIRECTION_OUT);
    summary->total_cost_pusd = tacho__group_cost(all);
    summary->cost_state = (int32_t)tacho__group_cost_state(all);
    summary->unpriced_calls = all->cost_calls[TACHO_COST_STATE_UNKNOWN];
    summary->cache_hit_rate = cache_hit_rate(all);
    summary->usage_absent = all->usage_absent;
    summary->low_confidence_calls = all->low_confidence;
}

static void summarise_session(const tacho__group *all, tacho_summary *summary) {
    summary->started_at_ns = all->started_at_ns;
    summary->ended_at_ns = all->ended_at_ns;
    bool known = all->started_at_ns != 0 && all->ended_at_ns >= all->started_at_ns &&
                 !__builtin_sub_overflow(all->ended_at_ns, all->started_at_ns, &summary->total_ns);
    summary->total_ns = known ? summary->total_ns : -1;
    summary->context_size = all->context_size;
    summary->max_context_size = all->max_context_size;
    summary->context_limit = all->context_limit;
    summary->compressions = all->compressions;
}

/* Tools by calls; of equal ones the first by name. The row without a name is a rest and no tool. */
static void find_tools(const tacho_rows *tools, tacho_summary *summary) {
    const tacho_row *most = NULL, *least = NULL;
    for (size_t i = 0; i < tools->count; i++) {
        const tacho_row *row = &tools->rows[i];
        if (!row->tool) {
            continue;
        }
        bool before_most = most && row->calls == most->calls && strcmp(row->tool, most->tool) < 0;
        bool before_least = least && row->calls == least->calls && strcmp(row->tool, least->tool) < 0;
        most = !most || row->calls > most->calls || before_most ? row : most;
        least = !least || row->calls < least->calls || before_least ? row : least;
    }
    summary->most_used_tool = most ? most->tool : NULL;
    summary->least_used_tool = least ? least->tool : NULL;
}

/* Ends the tables of the digest; they belong to `owned` then. */
static tacho_status finish_lists(tacho__digest *digest, owned_summary *owned) {
    tacho_status tools = tacho__table_finish(digest->tools, &owned->tools);
    tacho_status models = tacho__table_finish(digest->models, &owned->models);
    tacho_status slowest = tacho__record_list_finish(digest->slowest, 0, &owned->slowest);
    digest->tools = digest->models = NULL;
    digest->slowest = NULL;
    return tools == TACHO_OK && models == TACHO_OK && slowest == TACHO_OK ? TACHO_OK : TACHO_NOMEM;
}

static const tacho_named *copy_named(const tacho_named *from, uint32_t count, tacho__arena *arena) {
    tacho_named *named = tacho__arena_array(arena, count, sizeof *named);
    for (uint32_t i = 0; named && i < count; i++) {
        named[i] = (tacho_named){tacho__arena_text(arena, from[i].name), from[i].value};
    }
    return named;
}

static void copy_quality(const tacho__digest_facts *facts, owned_summary *owned) {
    tacho_summary *summary = &owned->summary;
    summary->drops = copy_named(facts->drops, facts->drop_count, &owned->arena);
    summary->drop_count = summary->drops ? facts->drop_count : 0;
    summary->segments_skipped = copy_named(facts->skipped, facts->skipped_count, &owned->arena);
    summary->segments_skipped_count = summary->segments_skipped ? facts->skipped_count : 0;
}

static tacho_status fill(tacho__digest *digest, const tacho__digest_facts *facts, owned_summary *owned) {
    tacho_summary *summary = &owned->summary;
    tacho__table_warn(digest->models, tacho__skips_text(facts->skipped, facts->skipped_count, &digest->texts));
    if (digest->texts.failed || finish_lists(digest, owned) != TACHO_OK) {
        return TACHO_NOMEM;
    }
    derive_context(digest);
    summary->struct_size = sizeof *summary;
    summary->session = tacho__arena_text(&owned->arena, facts->session);
    summary->price_table = tacho__arena_text(&owned->arena, facts->price_table);
    summary->records_lost = facts->records_lost;
    summary->series_overflow = facts->series_overflow;
    copy_quality(facts, owned);
    summarise_calls(digest->parts, summary);
    summarise_usage(&digest->parts[TACHO__DIGEST_ALL], summary);
    summarise_session(&digest->parts[TACHO__DIGEST_ALL], summary);
    find_tools(owned->tools, summary);
    summary->tools = owned->tools;
    summary->models = owned->models;
    summary->slowest = owned->slowest;
    return owned->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

tacho_status tacho__digest_finish(tacho__digest *digest, const tacho__digest_facts *facts, tacho_summary **out) {
    *out = NULL;
    owned_summary *owned = tacho__calloc(1, sizeof *owned);
    tacho_status status = owned ? fill(digest, facts, owned) : TACHO_NOMEM;
    tacho__digest_free(digest);
    if (status == TACHO_OK) {
        *out = &owned->summary;
    } else if (owned) {
        tacho_summary_free(&owned->summary);
    }
    return status;
}

void tacho__summary_own(tacho_summary *summary, tacho_cache_rows *caches, tacho_metric_rows *metrics) {
    owned_summary *owned = (owned_summary *)(void *)summary;
    summary->caches = owned->caches = caches;
    summary->metrics = owned->metrics = metrics;
}

void tacho_summary_free(tacho_summary *summary) {
    if (summary) {
        owned_summary *owned = (owned_summary *)(void *)summary;
        tacho_cache_rows_free(owned->caches);
        tacho_metric_rows_free(owned->metrics);
        tacho_rows_free(owned->tools);
        tacho_rows_free(owned->models);
        tacho_records_free(owned->slowest);
        tacho__arena_free(&owned->arena);
        tacho__free(owned);
    }
}
