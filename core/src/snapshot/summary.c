/*
 * The summary over a snapshot (semantics 5). Totals come from series (the whole process) or from session slots (one
 * session), which lose nothing; tools and models of one session come from its records, and what those no longer tell
 * stands in a row without a name, so that the tables add up to the totals.
 */
#include "snapshot/digest.h"
#include "snapshot/snapshot.h"

#include "base/memory.h"
#include "snapshot/kinds.h"

#include <stdlib.h>

/* ------------------------------------------------------------------------------------------------ the whole process */

static tacho_status add_series(tacho__digest *digest, const tacho__group *sums) {
    bool tool = tacho__is_kind(sums->kind, "tool"), model = tacho__kind_is_model(sums->kind);
    tacho_status status = tacho__digest_add_total(digest, TACHO__DIGEST_ALL, sums);
    if (status == TACHO_OK) {
        status = tool ? tacho__digest_add_tool(digest, sums)
                      : tacho__digest_add_total(digest, TACHO__DIGEST_OPERATIONS, sums);
    }
    if (status == TACHO_OK && tacho__is_kind(sums->kind, "step")) {
        status = tacho__digest_add_total(digest, TACHO__DIGEST_STEPS, sums);
    }
    if (status == TACHO_OK && model) {
        status = tacho__digest_add_total(digest, TACHO__DIGEST_MODEL_CALLS, sums);
    }
    bool booked = sums->usage_calls > 0 || tacho__group_cost_state(sums) != TACHO_COST_STATE_UNKNOWN;
    return status == TACHO_OK && (model || booked) ? tacho__digest_add_model(digest, sums) : status;
}

/* What only session slots know of the process: context and the span of time. */
static tacho_status add_span(tacho__digest *digest, const tacho__group *sums) {
    tacho__group span;
    tacho__group_init(&span);
    span.context_size = sums->context_size;
    span.context_at_ns = sums->context_at_ns;
    span.context_limit = sums->context_limit;
    span.max_context_size = sums->max_context_size;
    span.compressions = sums->compressions;
    span.started_at_ns = sums->started_at_ns;
    span.ended_at_ns = sums->ended_at_ns;
    return tacho__digest_add_total(digest, TACHO__DIGEST_ALL, &span);
}

static void digest_series(const tacho__series_list *list, tacho__digest *digest, tacho__digest_facts *facts) {
    for (size_t i = 0; i < list->count; i++) {
        const tacho__part_series *series = &list->series[i];
        if (!series->component && tacho__group_calls(&series->sums) > 0) {
            int64_t calls = series->flags != 0 ? tacho__group_calls(&series->sums) : 0;
            facts->series_overflow = tacho__sum(facts->series_overflow, calls);
            add_series(digest, &series->sums);
        }
    }
}

static void digest_process(const tacho_snapshot *snapshot, tacho__digest *digest, tacho__digest_facts *facts) {
    const tacho__series_list *list = tacho__snapshot_series(snapshot);
    if (list) {
        digest_series(list, digest, facts);
    } else {
        tacho__digest_refuse(digest);
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->session_count; j++) {
            add_span(digest, &part->sessions[j].sums);
        }
        for (size_t j = 0; j < part->slowest_count; j++) {
            tacho__digest_add_slowest(digest, &part->slowest[j]);
        }
    }
    uint64_t lost = tacho__snapshot_records_lost(snapshot);
    facts->records_lost = lost > INT64_MAX ? INT64_MAX : (int64_t)lost;
}

/* ------------------------------------------------------------------------------------------------------ one session */

/* Exact sums of one session over all parts. */
typedef struct session_sums {
    tacho__group all, operations, steps, models; /* totals */
    tacho__group tools, priced;                  /* what the tables of tools and models have to add up to */
    tacho__arena texts;
    bool found; /* the session has a slot */
} session_sums;

static void sums_init(session_sums *sums) {
    *sums = (session_sums){0};
    tacho__group *const groups[] = {&sums->all,    &sums->operations, &sums->steps,
                                    &sums->models, &sums->tools,      &sums->priced};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        tacho__group_init(groups[i]);
    }
}

static void sums_free(session_sums *sums) {
    tacho__group *const groups[] = {&sums->all,    &sums->operations, &sums->steps,
                                    &sums->models, &sums->tools,      &sums->priced};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        tacho__group_free(groups[i]);
    }
    tacho__arena_free(&sums->texts);
}

static void add_outcomes(tacho__group *group, const int64_t outcomes[TACHO_OUTCOME_COUNT]) {
    for (int i = 0; i < TACHO_OUTCOME_COUNT; i++) {
        group->outcomes[i] = tacho__sum(group->outcomes[i], outcomes[i]);
    }
}

/* Usage and cost of all calls; how many calls these were is known as a number only, not by outcome. */
static void add_priced(tacho__group *group, const tacho__part_session *session) {
    const tacho__group *sums = &session->sums;
    int64_t calls = session->model_calls > sums->usage_calls ? session->model_calls : sums->usage_calls;
    group->unsplit = tacho__sum(group->unsplit, calls);
    group->usage_calls = tacho__sum(group->usage_calls, sums->usage_calls);
    group->cost_pusd = tacho__sum(group->cost_pusd, sums->cost_pusd);
    for (int i = 0; i < TACHO__GROUP_COST_STATES; i++) {
        group->cost_calls[i] = tacho__sum(group->cost_calls[i], sums->cost_calls[i]);
    }
    for (int i = 0; i < TACHO_UNIT_COUNT; i++) {
        group->units[i] = tacho__sum(group->units[i], sums->units[i]);
    }
}

static bool add_session(session_sums *sums, const tacho__part_session *session) {
    sums->found = true;
    add_outcomes(&sums->operations, session->outcomes[TACHO__SESSION_STEPS]);
    add_outcomes(&sums->operations, session->outcomes[TACHO__SESSION_OTHERS]);
    add_outcomes(&sums->steps, session->outcomes[TACHO__SESSION_STEPS]);
    add_outcomes(&sums->tools, session->outcomes[TACHO__SESSION_TOOLS]);
    sums->steps.timed = tacho__sum(sums->steps.timed, session->timed_steps);
    sums->steps.total_ns = tacho__sum(sums->steps.total_ns, session->step_ns);
    sums->models.unsplit = tacho__sum(sums->models.unsplit, session->model_calls);
    add_priced(&sums->priced, session);
    return tacho__group_merge(&sums->all, &sums->texts, &session->sums);
}

static bool is_session(const char *text, const char *id) {
    return text && strcmp(text, id) == 0;
}

static int text_order(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The slowest since the start that are no longer among the records. */
static bool add_old_slowest(tacho__digest *digest, const tacho__part *part, const char *id) {
    const char **known = tacho__calloc(part->record_count, sizeof *known);
    size_t count = 0;
    for (size_t i = 0; known && i < part->record_count; i++) {
        if (part->records[i].id) {
            known[count++] = part->records[i].id;
        }
    }
    if (count > 0) {
        qsort(known, count, sizeof *known, text_order);
    }
    for (size_t i = 0; known && i < part->slowest_count; i++) {
        const tacho_record_view *record = &part->slowest[i];
        bool repeated = record->id && count > 0 && bsearch(&record->id, known, count, sizeof *known, text_order);
        if (is_session(record->session, id) && !repeated) {
            tacho__digest_add_slowest(digest, record);
        }
    }
    tacho__free(known);
    return known != NULL;
}

static bool add_session_records(tacho__digest *digest, const tacho_snapshot *snapshot, const char *id, bool totals,
                                int64_t *seen) {
    bool done = true;
    for (size_t i = 0; i < snapshot->count && done; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->record_count; j++) {
            const tacho_record_view *record = &part->records[j];
            if (is_session(record->session, id)) {
                *seen = tacho__sum(*seen, record->weight > 0 ? record->weight : 1);
                totals ? tacho__digest_add(digest, record) : tacho__digest_add_detail(digest, record);
            }
        }
        done = part->records_lost == 0 || add_old_slowest(digest, part, id);
    }
    return done;
}

static tacho_status digest_session(const tacho_snapshot *snapshot, const char *id, tacho__digest *digest,
                                   tacho__digest_facts *facts) {
    session_sums sums;
    sums_init(&sums);
    bool done = true;
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->session_count && done; j++) {
            const tacho__part_session *session = &part->sessions[j];
            done = session->is_other || !is_session(session->id, id) || add_session(&sums, session);
        }
    }
    int64_t seen = 0;
    done = done && add_session_records(digest, snapshot, id, !sums.found, &seen);
    if (done && sums.found) {
        tacho__digest_add_total(digest, TACHO__DIGEST_ALL, &sums.all);
        tacho__digest_add_total(digest, TACHO__DIGEST_OPERATIONS, &sums.operations);
        tacho__digest_add_total(digest, TACHO__DIGEST_STEPS, &sums.steps);
        tacho__digest_add_total(digest, TACHO__DIGEST_MODEL_CALLS, &sums.models);
        int64_t calls = tacho__group_calls(&sums.all);
        facts->records_lost = calls > seen ? calls - seen : 0;
    }
    if (done && facts->records_lost > 0) {
        done = tacho__digest_add_rest(digest, &sums.tools, &sums.priced) == TACHO_OK;
    }
    sums_free(&sums);
    return done ? TACHO_OK : TACHO_NOMEM;
}

/* What the application counts beside its operations. */
static tacho_status add_own(const tacho_snapshot *snapshot, tacho_summary *summary) {
    tacho_cache_rows *caches;
    tacho_metric_rows *metrics = NULL;
    tacho_status status = tacho_snapshot_caches(snapshot, &caches);
    if (status == TACHO_OK) {
        status = tacho_snapshot_metrics(snapshot, NULL, &metrics);
        tacho__summary_own(summary, caches, metrics);
    }
    return status;
}

tacho_status tacho_snapshot_summary(const tacho_snapshot *snapshot, const char *session, tacho_summary **out) {
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho__digest_facts facts = {.price_table = tacho__snapshot_prices(snapshot)};
    tacho__digest *digest;
    tacho_status status = session ? tacho__snapshot_find_session(snapshot, session, &facts.session) : TACHO_OK;
    if (status == TACHO_OK) {
        status = tacho__digest_create(&digest);
    }
    if (status != TACHO_OK) {
        return status;
    }
    tacho__arena arena = {0};
    facts.drops = tacho__snapshot_drops(snapshot, &arena, &facts.drop_count);
    facts.skipped = tacho__snapshot_skips(snapshot, &arena, &facts.skipped_count);
    if (facts.session) {
        status = digest_session(snapshot, facts.session, digest, &facts);
    } else {
        digest_process(snapshot, digest, &facts);
    }
    if (status == TACHO_OK && !arena.failed) {
        status = tacho__digest_finish(digest, &facts, out);
    } else {
        tacho__digest_free(digest);
        status = TACHO_NOMEM;
    }
    if (status == TACHO_OK && !facts.session) {
        status = add_own(snapshot, *out);
    }
    if (status != TACHO_OK) {
        tacho_summary_free(*out);
        *out = NULL;
    }
    tacho__arena_free(&arena);
    return status;
}
