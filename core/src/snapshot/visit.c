/* The tables over a snapshot: from the exact sums of series and sessions where these can answer, else from records. */
#include "snapshot/snapshot.h"
#include "snapshot/table.h"

#include "snapshot/arena.h"
#include "snapshot/kinds.h"
#include "snapshot/record_list.h"

#include <inttypes.h>
#include <stdio.h>

/* ----------------------------------------------------------------------------------------------- exact, from series */

/* Which series a table is made of. */
typedef bool (*series_filter)(const tacho__group *sums);

static bool has_ended(const tacho__group *sums) {
    return tacho__group_calls(sums) > 0;
}

/* Tables of what runs also show what has only begun; those of usage and cost are about what has ended. */
static bool has_begun(const tacho__group *sums) {
    return has_ended(sums) || sums->in_flight > 0;
}

static bool is_request(const tacho__group *sums) {
    bool booked = sums->usage_calls > 0 || tacho__group_cost_state(sums) != TACHO_COST_STATE_UNKNOWN;
    return has_begun(sums) && sums->provider && (booked || !tacho__kind_is_container(sums->kind));
}

static tacho_status add_series(const tacho_snapshot *snapshot, series_filter filter, tacho__table *table) {
    const tacho__series_list *list = tacho__snapshot_series(snapshot);
    tacho_status status = list ? TACHO_OK : tacho__table_refuse(table);
    tacho__table_expect(table, list ? list->count : 0);
    for (size_t i = 0; list && i < list->count && status == TACHO_OK; i++) {
        const tacho__group *sums = &list->series[i].sums;
        if (!list->series[i].component && filter(sums) && tacho__table_wants_group(table, sums)) {
            status = tacho__table_lend_group(table, sums);
        }
    }
    if (filter == has_ended) {
        tacho__table_forget_in_flight(table);
    }
    return status;
}

/* With what every answer of this snapshot lacks. */
static tacho_status finish_table(const tacho_snapshot *snapshot, tacho__table *table, tacho_rows **out) {
    tacho__arena arena = {0};
    tacho__table_warn(table, tacho__snapshot_unread(snapshot, &arena));
    tacho__arena_free(&arena);
    return tacho__table_finish(table, out);
}

static tacho_status table_of_series(const tacho_snapshot *snapshot, const tacho_query *query, series_filter filter,
                                    tacho_rows **out) {
    tacho__table *table;
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho_status status = tacho__table_create(query, &table);
    if (status != TACHO_OK) {
        return status;
    }
    add_series(snapshot, filter, table); /* a refusal of memory shows at the end */
    return finish_table(snapshot, table, out);
}

static tacho_status table_by(const tacho_snapshot *snapshot, tacho_by by, series_filter filter, tacho_rows **out) {
    tacho_query query = TACHO_QUERY_INIT;
    query.by = by;
    query.all_kinds = by == TACHO_BY_PROVIDER ? TACHO_KINDS_ALL : TACHO_KINDS_USUAL;
    return table_of_series(snapshot, &query, filter, out);
}

tacho_status tacho_snapshot_operations(const tacho_snapshot *snapshot, tacho_rows **out) {
    return table_by(snapshot, TACHO_BY_OPERATION, has_begun, out);
}

tacho_status tacho_snapshot_tools(const tacho_snapshot *snapshot, tacho_rows **out) {
    return table_by(snapshot, TACHO_BY_TOOL, has_begun, out);
}

tacho_status tacho_snapshot_models(const tacho_snapshot *snapshot, tacho_rows **out) {
    return table_by(snapshot, TACHO_BY_MODEL, has_ended, out);
}

tacho_status tacho_snapshot_providers(const tacho_snapshot *snapshot, tacho_rows **out) {
    return table_by(snapshot, TACHO_BY_PROVIDER, is_request, out);
}

tacho_status tacho_snapshot_sessions(const tacho_snapshot *snapshot, tacho_rows **out) {
    tacho_query query = TACHO_QUERY_INIT;
    query.by = TACHO_BY_SESSION;
    tacho__table *table;
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho_status status = tacho__table_create(&query, &table);
    if (status != TACHO_OK) {
        return status;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->session_count; j++) {
            const tacho__part_session *session = &part->sessions[j];
            if (tacho__group_calls(&session->sums) > 0) {
                tacho__table_add_group(table, &session->sums);
            }
        }
    }
    return finish_table(snapshot, table, out);
}

/* ----------------------------------------------------------------------------------------------------- from records */

static void add_records(const tacho_snapshot *snapshot, tacho__table *table) {
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->record_count; j++) {
            tacho__table_add(table, &part->records[j]);
        }
    }
}

/* What the series know beyond the records: as a row of its own, or, for a part of the time, as a warning. */
static tacho_status add_lost(const tacho_snapshot *snapshot, const tacho_query *query, tacho__table *table) {
    uint64_t lost = tacho__snapshot_records_lost(snapshot);
    if (lost == 0) {
        return TACHO_OK;
    }
    char text[160];
    const char *lack = query->since_ns == 0 && query->until_ns == 0 && !query->session
                           ? "the row without a name is what they held"
                           : "what they held is missing here";
    snprintf(text, sizeof text, "%" PRIu64 " record%s overwritten before they were read: %s", lost,
             lost == 1 ? " was" : "s were", lack);
    if (query->since_ns != 0 || query->until_ns != 0 || query->session) {
        tacho__table_warn(table, text);
        return TACHO_OK;
    }
    tacho__table *exact;
    tacho__group all;
    tacho_status status = tacho__table_create(query, &exact);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__group_init(&all);
    status = add_series(snapshot, has_ended, exact);
    if (status == TACHO_OK) {
        status = tacho__table_total(exact, &all);
    }
    if (status == TACHO_OK) {
        status = tacho__table_add_rest(table, &all, text);
    }
    tacho__group_free(&all);
    tacho__table_free(exact);
    return status;
}

static bool needs_records(const tacho_query *query) {
    const uint32_t of_records = TACHO_BY_BIT(TACHO_BY_DAY) | TACHO_BY_BIT(TACHO_BY_SESSION);
    return tacho__query_keys(query) & of_records || query->since_ns != 0 || query->until_ns != 0 || query->session;
}

/* A copy of the query with the whole id of its session. */
static tacho_status resolve(const tacho_snapshot *snapshot, const tacho_query *query, tacho_query *out) {
    *out = query ? *query : (tacho_query)TACHO_QUERY_INIT;
    return out->session ? tacho__snapshot_find_session(snapshot, out->session, &out->session) : TACHO_OK;
}

tacho_status tacho_snapshot_usage(const tacho_snapshot *snapshot, const tacho_query *query, tacho_rows **out) {
    tacho_query resolved;
    tacho__table *table;
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho_status status = resolve(snapshot, query, &resolved);
    if (status != TACHO_OK) {
        return status;
    }
    if (!needs_records(&resolved)) {
        return table_of_series(snapshot, &resolved, has_ended, out);
    }
    status = tacho__table_create(&resolved, &table);
    if (status != TACHO_OK) {
        return status;
    }
    add_records(snapshot, table);
    status = add_lost(snapshot, &resolved, table);
    if (status != TACHO_OK) {
        tacho__table_free(table);
        return status;
    }
    return finish_table(snapshot, table, out);
}

tacho_status tacho_snapshot_records(const tacho_snapshot *snapshot, const tacho_query *query, tacho_records **out) {
    tacho_query resolved;
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho_status status = resolve(snapshot, query, &resolved);
    if (status != TACHO_OK) {
        return status;
    }
    resolved.by = TACHO_BY_TOTAL;
    resolved.by_also = 0;
    resolved.all_kinds = TACHO_KINDS_ALL;
    tacho__table *filter;
    status = tacho__table_create(&resolved, &filter);
    tacho__record_list *list = tacho__record_list_new(TACHO__RECORDS_BY_END, resolved.limit);
    if (status != TACHO_OK || !list) {
        tacho__table_free(filter);
        tacho__record_list_free(list);
        return status != TACHO_OK ? status : TACHO_NOMEM;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->record_count; j++) {
            if (tacho__table_wants(filter, &part->records[j])) {
                tacho__record_list_add(list, &part->records[j]);
            }
        }
    }
    tacho__table_free(filter);
    tacho__arena arena = {0};
    tacho__record_list_unread(list, tacho__snapshot_unread(snapshot, &arena));
    tacho__arena_free(&arena);
    return tacho__record_list_finish(list, tacho__snapshot_records_lost(snapshot), out);
}

tacho_status tacho_snapshot_slowest(const tacho_snapshot *snapshot, size_t n, tacho_records **out) {
    if (out) {
        *out = NULL;
    }
    if (!snapshot || !out) {
        return TACHO_INVALID;
    }
    tacho__record_list *list = tacho__record_list_new(TACHO__RECORDS_BY_DURATION, n > 0 ? n : 10);
    if (!list) {
        return TACHO_NOMEM;
    }
    for (size_t i = 0; i < snapshot->count; i++) {
        const tacho__part *part = snapshot->parts[i];
        for (size_t j = 0; j < part->slowest_count; j++) {
            if (part->slowest[j].duration_ns >= 0) {
                tacho__record_list_add(list, &part->slowest[j]);
            }
        }
    }
    return tacho__record_list_finish(list, 0, out);
}
