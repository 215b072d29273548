/*
 * Rows are found by an open-addressed index over their keys, seeded at random because keys are foreign text. Key texts
 * are copied when a row is made, so a record's texts need to live only during the call that adds it.
 */
#include "snapshot/table_parts.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/timestamp.h"
#include "snapshot/kinds.h"

#include <stdio.h>
#include <string.h>

bool tacho__query_makes_sense(const tacho_query *query) {
    return query->by < TACHO_BY_COUNT && query->by_also >> TACHO_BY_COUNT == 0 &&
           query->by_tag_count <= TACHO_TAGS_MAX && query->tag_count <= TACHO_TAGS_MAX &&
           (query->by_tag_count > 0 || !(tacho__query_keys(query) & TACHO_BY_BIT(TACHO_BY_TAG)));
}

tacho_status tacho__table_create(const tacho_query *query, tacho__table **out) {
    *out = NULL;
    if (query && !tacho__query_makes_sense(query)) {
        return TACHO_INVALID;
    }
    tacho__table *table = tacho__calloc(1, sizeof *table);
    if (!table) {
        return TACHO_NOMEM;
    }
    table->query = query ? *query : (tacho_query)TACHO_QUERY_INIT;
    if (!(tacho__query_keys(&table->query) & TACHO_BY_BIT(TACHO_BY_TAG))) {
        table->query.by_tag_count = 0; /* left over from a query that grouped by tags */
    }
    table->seed = tacho__random_id();
    *out = table;
    return TACHO_OK;
}

void tacho__table_free(tacho__table *table) {
    if (table) {
        for (size_t i = 0; i < table->count; i++) {
            tacho__group_free(table->groups[i]);
        }
        tacho__free(table->groups);
        tacho__free(table->index);
        tacho__free(table->unpriced);
        tacho__free(table->warnings);
        tacho__arena_free(&table->arena);
        tacho__free(table);
    }
}

tacho_status tacho__table_refuse(tacho__table *table) {
    table->arena.failed = true;
    return TACHO_NOMEM;
}

/* ---------------------------------------------------------------------------------------------- which records count */

static bool same(const char *wanted, const char *text) {
    return !wanted || (text && strcmp(wanted, text) == 0);
}

static const char *tool_of(const tacho_record_view *record) {
    return record->tool || !tacho__is_kind(record->kind, "tool") ? record->tool : record->operation;
}

static tacho__tags_of tags_of(const tacho_record_view *record) {
    return (tacho__tags_of){record->tags, record->tag_count};
}

static bool groups_by(const tacho_query *query, tacho_by by) {
    return tacho__query_keys(query) & TACHO_BY_BIT(by);
}

static bool kind_wanted(const tacho_query *query, const tacho_record_view *record) {
    bool tool = groups_by(query, TACHO_BY_TOOL), operation = groups_by(query, TACHO_BY_OPERATION);
    if (query->all_kinds == TACHO_KINDS_CALLS) {
        return tacho__record_is_model_call(record);
    }
    if (tool != operation) {
        return tacho__is_kind(record->kind, "tool") == tool;
    }
    return tool || groups_by(query, TACHO_BY_KIND) || query->all_kinds || query->tool || query->operation ||
           tacho__record_is_model_call(record);
}

bool tacho__query_wants_tags(const tacho_query *query, const tacho_record_view *record) {
    const tacho__tags_of tags = tags_of(record);
    bool wanted = true;
    for (uint32_t i = 0; i < query->tag_count && wanted; i++) {
        const char *value = tacho__tags_value(tags, query->tags[i].name), *asked = query->tags[i].value;
        wanted = asked && *asked ? value && strcmp(value, asked) == 0 : !value;
    }
    return wanted;
}

bool tacho__table_wants(const tacho__table *table, const tacho_record_view *record) {
    const tacho_query *query = &table->query;
    bool in_time = (query->since_ns == 0 || (record->ended_at_ns != 0 && record->ended_at_ns >= query->since_ns)) &&
                   (query->until_ns == 0 || (record->ended_at_ns != 0 && record->ended_at_ns < query->until_ns));
    return in_time && same(query->session, record->session) && same(query->model, record->model) &&
           same(query->provider, record->provider) && same(query->operation, record->operation) &&
           same(query->tool, tool_of(record)) && tacho__query_wants_tags(query, record) && kind_wanted(query, record);
}

/* ------------------------------------------------------------------------------------------------------------- rows */

static uint64_t hash_key(const tacho__table *table, const char *text, uint64_t hash) {
    return text ? tacho__hash(text, strlen(text), hash ^ table->seed) : hash * 31 + 1;
}

/* The provider is a key only in a table by provider; a row by model just shows it. */
static const char *provider_key(const tacho__table *table, const tacho__keys *keys) {
    return groups_by(&table->query, TACHO_BY_PROVIDER) ? keys->provider : NULL;
}

static uint64_t hash_keys(const tacho__table *table, const tacho__keys *keys) {
    const char *const texts[] = {keys->operation, keys->kind, provider_key(table, keys), keys->model, keys->tool,
                                 keys->session,   keys->day};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hash = hash_key(table, texts[i], hash);
    }
    for (uint32_t i = 0; i < keys->tags.count; i++) {
        hash = hash_key(table, keys->tags.list[i].value, hash);
    }
    return hash;
}

static bool equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool equal_keys(const tacho__table *table, const tacho__keys *a, const tacho__keys *b) {
    return equal(a->operation, b->operation) && equal(a->kind, b->kind) && equal(a->model, b->model) &&
           equal(a->tool, b->tool) && equal(a->session, b->session) && equal(a->day, b->day) &&
           equal(provider_key(table, a), provider_key(table, b)) && tacho__tags_equal(a->tags, b->tags);
}

/* The slot of the index where these keys stand, or would stand. */
static size_t find_slot(const tacho__table *table, const tacho__keys *keys) {
    size_t mask = table->index_size - 1;
    size_t slot = (size_t)hash_keys(table, keys) & mask;
    while (table->index[slot] && !equal_keys(table, &table->groups[table->index[slot] - 1]->keys, keys)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static bool grow_to(tacho__table *table, size_t size) {
    uint32_t *index = tacho__calloc(size, sizeof *index);
    tacho__group **groups = tacho__realloc(table->groups, size / 2 * sizeof(tacho__group *));
    if (groups) {
        table->groups = groups;
    }
    if (!index || !groups) {
        tacho__free(index);
        return false;
    }
    tacho__free(table->index);
    table->index = index;
    table->index_size = size;
    for (size_t i = 0; i < table->count; i++) {
        index[find_slot(table, &table->groups[i]->keys)] = (uint32_t)(i + 1);
    }
    return true;
}

static bool grow(tacho__table *table) {
    return grow_to(table, table->index_size ? table->index_size * 2 : 64);
}

void tacho__table_expect(tacho__table *table, size_t rows) {
    size_t size = 64;
    while (size / 2 <= rows && size < SIZE_MAX / 16) {
        size *= 2;
    }
    if (size > table->index_size && !grow_to(table, size)) {
        tacho__table_refuse(table);
    }
}

/* Texts that live as long as the table need no copy. */
static void copy_keys(tacho__keys *keys, tacho__arena *arena) {
    const char **const texts[] = {&keys->operation, &keys->kind,    &keys->provider, &keys->model,
                                  &keys->tool,      &keys->session, &keys->day};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = tacho__arena_text(arena, *texts[i]);
    }
}

static tacho__group *group_new(tacho__table *table, const tacho__keys *keys, bool lent) {
    tacho__group *group = tacho__arena_take(&table->arena, sizeof *group);
    if (group) {
        tacho__group_init(group);
        group->keys = *keys;
        if (!lent) {
            copy_keys(&group->keys, &table->arena);
        }
        group->tags = tacho__tags_copy(&table->arena, keys->tags, lent);
    }
    return table->arena.failed ? NULL : group;
}

/* Tells the provider in a row by model, as long as all its calls have the same. `fresh`: the row has no calls yet. */
static bool note_provider(tacho__table *table, tacho__group *group, bool fresh, const char *provider) {
    if (!groups_by(&table->query, TACHO_BY_MODEL) || groups_by(&table->query, TACHO_BY_PROVIDER)) {
        return true;
    }
    if (fresh) {
        group->provider = tacho__arena_text(&table->arena, provider);
        return !table->arena.failed;
    }
    if (!group->providers_differ && !equal(group->provider, provider)) {
        group->providers_differ = true;
        group->provider = NULL;
    }
    return true;
}

/* The row with these keys, made if it is new; NULL when out of memory. */
static tacho__group *row_of(tacho__table *table, const tacho__keys *keys, bool lent) {
    if (table->count * 2 >= table->index_size && !grow(table)) {
        return NULL;
    }
    size_t slot = find_slot(table, keys);
    if (table->index[slot]) {
        return table->groups[table->index[slot] - 1];
    }
    tacho__group *group = group_new(table, keys, lent);
    if (group) {
        table->groups[table->count++] = group;
        table->index[slot] = (uint32_t)table->count;
    }
    return group;
}

const char *tacho__day_text(const tacho_zone *zone, int64_t unix_ns, char out[16]) {
    if (unix_ns == 0) {
        return NULL;
    }
    int64_t seconds = unix_ns / 1000000000 - (unix_ns % 1000000000 < 0);
    seconds += zone && zone->offset_s ? zone->offset_s(zone->context, seconds) : 0;
    int64_t year, days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned month, day;
    tacho__civil_from_days(days, &year, &month, &day);
    snprintf(out, 16, "%04d-%02u-%02u", (int)year, month % 100, day % 100);
    return out;
}

/* Each tag that the table groups by, in the order of the query. */
static tacho__tags_of pick_tags(tacho__table *table, tacho__tags_of source) {
    const uint32_t count = table->query.by_tag_count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = table->query.by_tags[i];
        table->picked[i] = (tacho_tag){name, tacho__tags_value(source, name)};
    }
    return (tacho__tags_of){table->picked, count};
}

/* The keys of `source` that the table groups by; its tags hold until the next call. */
static tacho__keys keys_of(tacho__table *table, const tacho__keys *source) {
    const uint32_t by = tacho__query_keys(&table->query);
    const bool operation = by & TACHO_BY_BIT(TACHO_BY_OPERATION);
    const bool kind = by & TACHO_BY_BIT(TACHO_BY_KIND) || (operation && table->query.all_kinds != TACHO_KINDS_CALLS);
    return (tacho__keys){.operation = operation ? source->operation : NULL,
                         .kind = kind ? source->kind : NULL,
                         .provider = by & TACHO_BY_BIT(TACHO_BY_PROVIDER) ? source->provider : NULL,
                         .model = by & TACHO_BY_BIT(TACHO_BY_MODEL) ? source->model : NULL,
                         .tool = by & TACHO_BY_BIT(TACHO_BY_TOOL) ? source->tool : NULL,
                         .session = by & TACHO_BY_BIT(TACHO_BY_SESSION) ? source->session : NULL,
                         .day = by & TACHO_BY_BIT(TACHO_BY_DAY) ? source->day : NULL,
                         .tags = pick_tags(table, source->tags)};
}

/* ----------------------------------------------------------------------------------------------------------- adding */

static bool note_unpriced(tacho__table *table, const char *model) {
    const char *name = model ? model : "(no model)";
    for (size_t i = 0; i < table->unpriced_count; i++) {
        if (strcmp(table->unpriced[i], name) == 0) {
            return true;
        }
    }
    if (table->unpriced_count == table->unpriced_room) {
        size_t room = table->unpriced_room ? table->unpriced_room * 2 : 8;
        const char **grown = tacho__realloc(table->unpriced, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        table->unpriced = grown;
        table->unpriced_room = room;
    }
    table->unpriced[table->unpriced_count++] = tacho__arena_text(&table->arena, name);
    return !table->arena.failed;
}

tacho_status tacho__table_add(tacho__table *table, const tacho_record_view *record) {
    if (!tacho__table_wants(table, record)) {
        return TACHO_OK;
    }
    char day[16];
    tacho__keys source = {.operation = record->operation,
                          .kind = record->kind,
                          .provider = record->provider,
                          .model = record->model,
                          .tool = tool_of(record),
                          .session = record->session,
                          .tags = tags_of(record)};
    source.day =
        groups_by(&table->query, TACHO_BY_DAY) ? tacho__day_text(table->query.zone, record->ended_at_ns, day) : NULL;
    const tacho__keys keys = keys_of(table, &source);
    size_t before = table->count;
    tacho__group *group = row_of(table, &keys, false);
    if (!group || !note_provider(table, group, table->count > before, record->provider) ||
        !tacho__group_add_record(group, &table->arena, record)) {
        return tacho__table_refuse(table);
    }
    if (record->present != 0 && record->cost_pusd == TACHO_COST_UNKNOWN && !note_unpriced(table, record->model)) {
        return tacho__table_refuse(table);
    }
    return TACHO_OK;
}

bool tacho__table_wants_group(const tacho__table *table, const tacho__group *group) {
    bool priced = tacho__group_cost_state(group) != TACHO_COST_STATE_UNKNOWN;
    tacho_record_view like = {.operation = group->operation,
                              .kind = group->kind,
                              .provider = group->provider,
                              .model = group->model,
                              .tool = group->tool,
                              .session = group->session,
                              .tags = group->tags.list,
                              .tag_count = group->tags.count};
    like.present = group->usage_calls > 0;
    like.cost_pusd = priced ? group->cost_pusd : TACHO_COST_UNKNOWN;
    return tacho__table_wants(table, &like);
}

static tacho_status add_group(tacho__table *table, const tacho__group *source, bool lent) {
    const tacho__keys keys = keys_of(table, &source->keys);
    size_t before = table->count;
    tacho__group *group = row_of(table, &keys, lent);
    const bool fresh = table->count > before;
    if (!group || !note_provider(table, group, fresh, source->provider) ||
        !(fresh && lent ? tacho__group_start : tacho__group_merge)(group, &table->arena, source)) {
        return tacho__table_refuse(table);
    }
    bool unpriced = source->cost_calls[TACHO_COST_STATE_UNKNOWN] > 0;
    return unpriced && !note_unpriced(table, source->model) ? tacho__table_refuse(table) : TACHO_OK;
}

tacho_status tacho__table_add_group(tacho__table *table, const tacho__group *source) {
    return add_group(table, source, false);
}

tacho_status tacho__table_lend_group(tacho__table *table, const tacho__group *source) {
    return add_group(table, source, true);
}

void tacho__table_forget_in_flight(tacho__table *table) {
    for (size_t i = 0; i < table->count; i++) {
        table->groups[i]->in_flight = -1;
    }
}

tacho_status tacho__table_total(tacho__table *table, tacho__group *total) {
    for (size_t i = 0; i < table->count; i++) {
        if (!tacho__group_merge(total, &table->arena, table->groups[i])) {
            return tacho__table_refuse(table);
        }
    }
    return TACHO_OK;
}

void tacho__table_warn(tacho__table *table, const char *warning) {
    if (!warning) {
        return;
    }
    const char **grown = tacho__realloc(table->warnings, (table->warning_count + 1) * sizeof *grown);
    if (!grown) {
        table->arena.failed = true;
        return;
    }
    table->warnings = grown;
    table->warnings[table->warning_count++] = tacho__arena_text(&table->arena, warning);
}

/* The extremes of what is left over are not known, so no time of it is told. */
static void forget_times(tacho__group *rest) {
    tacho__buckets_free(&rest->durations);
    tacho__recent_free(&rest->recent);
    rest->recent.missing = true;
    rest->timed = rest->total_ns = rest->first_tokens = rest->first_token_ns = rest->speed_ns = rest->speed_tokens = 0;
}

tacho_status tacho__table_add_rest(tacho__table *table, const tacho__group *all, const char *what) {
    tacho__group rest, known;
    tacho__group_init(&rest);
    tacho__group_init(&known);
    tacho_status status = tacho__table_total(table, &known);
    if (status == TACHO_OK && !tacho__group_merge(&rest, &table->arena, all)) {
        status = tacho__table_refuse(table);
    }
    if (status == TACHO_OK) {
        tacho__group_subtract(&rest, &known);
        forget_times(&rest);
        if (tacho__group_calls(&rest) > 0) {
            status = tacho__table_add_group(table, &rest);
            tacho__table_warn(table, what);
        }
    }
    tacho__group_free(&known);
    tacho__group_free(&rest);
    return status;
}
