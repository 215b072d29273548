#include "digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const char *shown(const char *text) {
    return text ? text : "-";
}

static void put_words(FILE *out, const char *name, const uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (words[i]) {
            fprintf(out, " %s%zu=%llu", name, i, (ull)words[i]);
        }
    }
}

static void put_histogram(FILE *out, const char *name, const tacho__histogram *histogram) {
    if (histogram->count == 0) {
        return;
    }
    fprintf(out, " | %s n=%llu zero=%llu low=%llu high=%llu sum=%llu min=%llu max=%llu:", name, (ull)histogram->count,
            (ull)histogram->zero, (ull)histogram->low, (ull)histogram->high, (ull)histogram->sum, (ull)histogram->min,
            (ull)histogram->max);
    for (unsigned i = 0; i < TACHO__BUCKETS; ++i) {
        const uint64_t count = tacho__histogram_bucket(histogram, i);
        if (count) {
            fprintf(out, " %u:%llu", i, (ull)count);
        }
    }
}

static void put_usage(FILE *out, const tacho__usage_sums *usage) {
    put_words(out, "unit", usage->units, TACHO__UNITS);
    put_words(out, "cost", (const uint64_t *)usage->cost_pusd, TACHO__COST_STATES);
    put_words(out, "state", usage->cost_calls, TACHO__COST_STATES);
    fprintf(out, " usage=%llu/%llu/%llu table=%lld", (ull)usage->calls, (ull)usage->absent, (ull)usage->not_booked,
            (long long)usage->table_of_reported_pusd);
}

static void put_series(FILE *out, const tacho__series_view *series) {
    fprintf(out, "series %u %u %s %s %s %s calls=%llu ok=%llu untimed=%llu retries=%llu/%llu/%llu", series->type,
            series->kind, shown(series->name), shown(series->provider), shown(series->model), shown(series->component),
            (ull)series->calls, (ull)series->ok, (ull)series->untimed, (ull)series->retries, (ull)series->interventions,
            (ull)series->warnings);
    put_words(out, "failed", series->failed, TACHO__FAILED_OUTCOMES);
    put_words(out, "category", series->categories, TACHO__CATEGORIES);
    for (uint32_t i = 0; i < series->error_type_count; ++i) {
        fprintf(out, " %s=%llu", shown(series->error_types[i].name), (ull)series->error_types[i].count);
    }
    const tacho__usage_sums *usage = &series->usage;
    if (usage->calls | usage->absent | usage->not_booked | series->inclusive_calls) { /* an empty cell is none */
        put_usage(out, &series->usage);
        fprintf(out, " timed=%llu/%llu inclusive=%lld/%llu/%llu/%llu", (ull)series->timed_output, (ull)series->timed_ns,
                (long long)series->inclusive_cost_pusd, (ull)series->inclusive_input, (ull)series->inclusive_output,
                (ull)series->inclusive_calls);
    }
    put_histogram(out, "duration", &series->duration);
    put_histogram(out, "first", &series->first_token);
    put_histogram(out, "per_token", &series->time_per_token);
    put_histogram(out, "input", &series->input);
    put_histogram(out, "output", &series->output);
    put_histogram(out, "cost", &series->cost);
    fputc('\n', out);
}

static uint64_t session_calls(const tacho__session_view *session) {
    uint64_t calls = 0;
    for (unsigned group = 0; group < TACHO__GROUPS; ++group) {
        calls += session->ok[group];
        for (unsigned i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
            calls += session->failed[group][i];
        }
    }
    return calls;
}

static long long wall_of(const tacho__view *view, int64_t mono_ns) {
    return mono_ns == INT64_MIN ? 0 : tacho__view_wall(view, mono_ns);
}

static void put_session(FILE *out, const tacho__view *view, const tacho__session_view *session) {
    fprintf(out, "session %s", session->id);
    put_words(out, "ok", session->ok, TACHO__GROUPS);
    put_words(out, "failed", session->failed[0], TACHO__GROUPS * TACHO__FAILED_OUTCOMES);
    fprintf(out, " steps=%llu/%llu tools=%llu models=%llu %llu/%llu/%llu context=%llu/%llu/%llu/%llu span=%lld..%lld",
            (ull)session->step_ns, (ull)session->timed_steps, (ull)session->tool_ns, (ull)session->model_calls,
            (ull)session->retries, (ull)session->interventions, (ull)session->warnings, (ull)session->compactions,
            (ull)session->context_size, (ull)session->context_max, (ull)session->context_limit,
            wall_of(view, session->first_begin_mono_ns), wall_of(view, session->last_end_mono_ns));
    put_usage(out, &session->usage);
    fputc('\n', out);
}

static void put_record(FILE *out, const tacho__view *view, const char *name, const tacho__record_view *record) {
    fprintf(out, "%s %016llx %016llx %s %s %s %s %s %s %s o=%u c=%u %lld..%lld cost=%lld/%u", name, (ull)record->id,
            (ull)record->parent, shown(record->session), shown(record->operation), shown(record->requested_model),
            shown(record->model), shown(record->provider), shown(record->tool), shown(record->error_type),
            record->outcome, record->category, wall_of(view, record->begin_mono_ns), wall_of(view, record->end_mono_ns),
            (long long)record->cost_pusd, record->cost_state);
    put_words(out, "unit", record->units, TACHO__UNITS);
    for (uint32_t i = 0; i < record->component_count; ++i) {
        fprintf(out, " %s=%llu", shown(record->components[i].name), (ull)record->components[i].duration_ns);
    }
    fputc('\n', out);
}

static int by_id(const void *left, const void *right) {
    const tacho__record_view *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static void put_custom(FILE *out, const tacho__view *view, const tacho__custom_view *one) {
    tacho__metric_view metric = {.name = "cache"};
    if (one->type != TACHO__TYPE_CACHE && !tacho__view_metric(view, one->metric, &metric)) {
        return; /* a damaged definition */
    }
    fprintf(out, "%s %u", metric.name, one->flags);
    for (uint32_t i = 0; i < TACHO__METRIC_LABELS; ++i) {
        fprintf(out, " %s", one->labels[i] ? one->labels[i] : "-");
    }
    fprintf(out, " %" PRIu64, one->total);
    if (one->changed_mono_ns != INT64_MIN) {
        fprintf(out, " %" PRId64 " %" PRIu64 " %" PRIu64, one->value, one->size, one->capacity);
    }
    for (uint32_t i = 0; i < TACHO__CACHE_EVENTS; ++i) {
        fprintf(out, " %" PRIu64, one->events[i]);
    }
    const tacho__histogram *histogram = &one->histogram;
    fprintf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, histogram->count,
            histogram->zero, histogram->sum, histogram->low, histogram->high, histogram->count ? histogram->min : 0);
    for (unsigned i = 0; i < TACHO__BUCKETS; ++i) {
        const uint64_t count = tacho__histogram_bucket(histogram, i);
        if (count) {
            fprintf(out, " %u:%" PRIu64, i, count);
        }
    }
    fprintf(out, "\n");
}

/* Series that were bound and not used yet are no number. */
static bool is_used(const tacho__custom_view *one) {
    bool used = one->total || one->histogram.count || one->changed_mono_ns != INT64_MIN;
    for (uint32_t i = 0; i < TACHO__CACHE_EVENTS; ++i) {
        used = used || one->events[i];
    }
    return used;
}

static void put_customs(FILE *out, const tacho__view *view) {
    tacho__custom_view *one = malloc(sizeof *one);
    for (uint32_t i = 0; one && i < tacho__view_series_count(view); ++i) {
        if (tacho__view_custom(view, i, one) && is_used(one)) {
            put_custom(out, view, one);
        }
    }
    free(one);
}

static void put_records(FILE *out, const tacho__view *view, bool slowest) {
    const uint32_t count = slowest ? tacho__view_slowest_count(view) : tacho__view_record_count(view);
    tacho__record_view *records = calloc(count + 1u, sizeof *records);
    uint32_t found = 0;
    for (uint32_t i = 0; records && i < count; ++i) {
        found += slowest ? tacho__view_slowest(view, i, &records[found]) : tacho__view_record(view, i, &records[found]);
    }
    if (records) {
        qsort(records, found, sizeof *records, by_id);
    }
    for (uint32_t i = 0; i < found; ++i) {
        put_record(out, view, slowest ? "slowest" : "record", &records[i]);
    }
    free(records);
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Lines in the order of their text: where a series or session stands in a segment is no number. */
static char *in_order(char *text) {
    size_t count = 0;
    for (const char *at = text; (at = strchr(at, '\n')); ++at) {
        ++count;
    }
    char **lines = calloc(count + 1, sizeof *lines), *sorted = calloc(1, strlen(text) + 1), *end = sorted;
    if (!lines || !sorted) {
        abort();
    }
    char *rest = NULL;
    size_t found = 0;
    for (; found < count && (lines[found] = strtok_r(found ? NULL : text, "\n", &rest)); ++found) {
    }
    count = found; /* names out of damaged files may hold line breaks, and empty lines are none */
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; ++i) {
        end += sprintf(end, "%s\n", lines[i]);
    }
    free(lines);
    free(text);
    return sorted;
}

char *digest_of(const tacho__view *view, unsigned what) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    tacho__series_view *series = malloc(sizeof *series);
    if (!out || !series) {
        abort();
    }
    for (uint32_t i = 0; what & DIGEST_NUMBERS && i < tacho__view_series_count(view); ++i) {
        if (tacho__view_series(view, i, series) && series->calls) {
            put_series(out, series);
        }
    }
    for (uint32_t i = 0; what & DIGEST_NUMBERS && i < tacho__view_session_count(view); ++i) {
        tacho__session_view session;
        if (tacho__view_session(view, i, &session) && session_calls(&session)) {
            put_session(out, view, &session);
        }
    }
    if (what & DIGEST_NUMBERS) {
        put_customs(out, view);
    }
    if (what & DIGEST_RECORDS) {
        put_records(out, view, false);
        put_records(out, view, true);
    }
    free(series);
    fclose(out);
    return in_order(text);
}

/* ----------------------------------------------------------------------------------------------------------- checks */

typedef struct totals {
    uint64_t calls, model_calls, usage_calls, retries, units[TACHO__UNITS];
    int64_t cost;
} totals;

static void add_usage(totals *sum, const tacho__usage_sums *usage) {
    sum->usage_calls += usage->calls;
    for (unsigned i = 0; i < TACHO__UNITS; ++i) {
        sum->units[i] += usage->units[i];
    }
    for (unsigned i = 0; i < TACHO__COST_STATES; ++i) {
        sum->cost = (int64_t)((uint64_t)sum->cost + (uint64_t)usage->cost_pusd[i]); /* hostile amounts, too */
    }
}

static const char *check_series(const tacho__series_view *series) {
    uint64_t failed = 0, categories = 0, buckets = series->duration.zero;
    for (unsigned i = 0; i < TACHO__FAILED_OUTCOMES; ++i) {
        failed += series->failed[i];
    }
    for (unsigned i = 0; i < TACHO__CATEGORIES; ++i) {
        categories += series->categories[i];
    }
    for (unsigned i = 0; i < TACHO__BUCKETS; ++i) {
        buckets += tacho__histogram_bucket(&series->duration, i);
    }
    const tacho__histogram *duration = &series->duration;
    return buckets != duration->count                    ? "count of durations is not the sum of the buckets"
           : series->calls != buckets + series->untimed  ? "calls are not durations and untimed calls"
           : series->ok + failed != series->calls        ? "outcomes are not the calls"
           : failed != categories                        ? "categories are not the failures"
           : buckets && duration->sum < duration->max    ? "sum of durations is less than the largest"
           : buckets && duration->min > duration->max    ? "smallest duration is above the largest"
           : series->input.count != series->output.count ? "input and output tokens of different calls"
           : series->has_usage && series->input.count != series->usage.calls ? "token histogram misses calls"
                                                                             : NULL;
}

uint64_t digest_calls(const tacho__view *view) {
    uint64_t calls = 0;
    tacho__series_view *series = malloc(sizeof *series);
    for (uint32_t i = 0; series && i < tacho__view_series_count(view); ++i) {
        if (tacho__view_series(view, i, series) && series->type == TACHO__TYPE_OPERATION) {
            calls += series->calls;
        }
    }
    free(series);
    return calls;
}

static const char *add_series(const tacho__view *view, totals *sum) {
    const char *broken = NULL;
    tacho__series_view *series = malloc(sizeof *series);
    for (uint32_t i = 0; series && !broken && i < tacho__view_series_count(view); ++i) {
        if (!tacho__view_series(view, i, series)) {
            broken = tacho__view_custom_type(view, i) ? NULL : "a series cannot be read";
        } else if (series->type == TACHO__TYPE_OPERATION) {
            broken = check_series(series);
            sum->calls += series->calls;
            sum->model_calls += series->kind == 2 || series->kind == 3 ? series->calls : 0;
            sum->retries += series->retries;
            add_usage(sum, &series->usage);
        }
    }
    free(series);
    return broken;
}

static const char *add_sessions(const tacho__view *view, totals *sum) {
    for (uint32_t i = 0; i < tacho__view_session_count(view); ++i) {
        tacho__session_view session;
        if (!tacho__view_session(view, i, &session)) {
            return "a session cannot be read";
        }
        sum->calls += session_calls(&session);
        sum->model_calls += session.model_calls;
        sum->retries += session.retries;
        add_usage(sum, &session.usage);
    }
    return NULL;
}

const char *digest_check(const tacho__view *view) {
    totals series = {0}, sessions = {0};
    const char *broken = add_series(view, &series);
    broken = broken ? broken : add_sessions(view, &sessions);
    if (broken) {
        return broken;
    }
    return tacho__view_describe(view)->faults           ? "the reader found a fault"
           : series.calls != sessions.calls             ? "calls of sessions are not those of series"
           : series.model_calls < sessions.model_calls  ? "more model calls in sessions than in series"
           : series.retries != sessions.retries         ? "retries of sessions are not those of series"
           : series.usage_calls != sessions.usage_calls ? "calls with usage of sessions are not those of series"
           : series.cost != sessions.cost               ? "cost of sessions is not that of series"
           : memcmp(series.units, sessions.units, sizeof series.units) ? "tokens of sessions are not those of series"
                                                                       : NULL;
}
