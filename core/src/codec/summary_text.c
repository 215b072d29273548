/*
 * Head, facts, tables, and at the end how far the figures can be trusted. Only what is known has a line: a session
 * without tokens has no line about tokens, instead of zeros that nobody measured.
 */
#include "codec/summary_text.h"

#include "codec/people.h"
#include "codec/phrases.h"
#include "codec/plain_rows.h"
#include "codec/rows_text.h"
#include "codec/text_width.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct screen {
    const tacho_summary *summary;
    tacho__text_layout layout;
    const tacho_zone *zone;
    tacho__buffer *out;
    tacho__arena arena;
} screen;

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

static void title(screen *page, const char *text) {
    tacho__buffer_string(page->out, page->layout.color ? "\033[1m" : "");
    tacho__text_show(page->out, text, page->layout.ascii);
    tacho__buffer_string(page->out, page->layout.color ? "\033[0m" : "");
}

static void write_head(screen *page) {
    const tacho_summary *summary = page->summary;
    char begin[TACHO__PEOPLE_TEXT], end[TACHO__PEOPLE_TEXT], time[TACHO__PEOPLE_TEXT], line[256];
    if (summary->session) {
        title(page, "Session ");
        title(page, summary->session);
    } else {
        title(page, "All sessions since the start");
    }
    tacho__buffer_byte(page->out, '\n');
    if (summary->started_at_ns == 0 || summary->ended_at_ns == 0) {
        return;
    }
    const char *from = tacho__people_instant(summary->started_at_ns, page->zone, 0, begin);
    const char *to = tacho__people_instant(summary->ended_at_ns, page->zone, 0, end);
    bool same_day = strlen(from) > 11 && strlen(to) > 11 && strncmp(from, to, 11) == 0;
    snprintf(line, sizeof line, "%s to %s %.60s, %s\n", from, same_day ? to + 11 : to, tacho__people_zone(page->zone),
             tacho__people_time(summary->total_ns, time));
    tacho__text_show(page->out, line, page->layout.ascii);
    tacho__buffer_byte(page->out, '\n');
}

static void write_facts(screen *page, const char *label, const tacho__phrases *facts) {
    tacho__phrases_write(facts, label, &page->layout, page->out);
}

static void write_cost(screen *page) {
    const tacho_summary *summary = page->summary;
    tacho__phrases facts = {.arena = &page->arena};
    tacho_cost_state state = (tacho_cost_state)summary->cost_state;
    char cost[TACHO__PEOPLE_TEXT];
    if (summary->total_cost_pusd == TACHO_COST_UNKNOWN) {
        tacho__phrase(&facts, "%s", summary->unpriced_calls > 0 ? "unknown: no price for the models used" : "");
    } else {
        tacho__phrase(&facts, "%s (%s)", tacho__people_cost(summary->total_cost_pusd, state, cost),
                      state == TACHO_COST_STATE_PARTIAL ? "at least" : tacho_cost_state_name((uint32_t)state));
        if (summary->total_steps > 0 && summary->total_cost_pusd > 0) {
            int64_t per_step = summary->total_cost_pusd / summary->total_steps;
            tacho__phrase(&facts, "%s per step", tacho__people_cost(per_step, TACHO_COST_STATE_EXACT, cost));
        }
    }
    write_facts(page, "Cost", &facts);
}

static void write_tokens(screen *page) {
    const tacho_summary *summary = page->summary;
    tacho__phrases facts = {.arena = &page->arena};
    char count[TACHO__PEOPLE_TEXT], part[TACHO__PEOPLE_TEXT];
    if (summary->total_tokens < 0) {
        return;
    }
    tacho__phrase(&facts, "%s in all", tacho__people_count(summary->total_tokens, count));
    tacho__phrase(&facts, "%s in", tacho__people_count(summary->total_input_tokens, count));
    if (!isnan(summary->cache_hit_rate)) {
        tacho__phrase(&facts, "%s of it from cache", tacho__people_part(summary->cache_hit_rate, part));
    }
    tacho__phrase(&facts, "%s out", tacho__people_count(summary->total_output_tokens, count));
    if (summary->units[TACHO_UNIT_REASONING] > 0) {
        tacho__phrase(&facts, "%s of it reasoning", tacho__people_count(summary->units[TACHO_UNIT_REASONING], count));
    }
    write_facts(page, "Tokens", &facts);
}

static void write_calls(screen *page) {
    const tacho_summary *summary = page->summary;
    tacho__phrases facts = {.arena = &page->arena};
    char count[TACHO__PEOPLE_TEXT], part[TACHO__PEOPLE_TEXT];
    if (summary->total_steps > 0) {
        tacho__phrase(&facts, "%s step%s", tacho__people_count(summary->total_steps, count),
                      plural(summary->total_steps));
    }
    if (summary->model_calls > 0) {
        tacho__phrase(&facts, "%s model call%s", tacho__people_count(summary->model_calls, count),
                      plural(summary->model_calls));
    }
    if (summary->total_tool_calls > 0) {
        tacho__phrase(&facts, "%s tool call%s", tacho__people_count(summary->total_tool_calls, count),
                      plural(summary->total_tool_calls));
    }
    tacho__phrase(&facts, "%s operation%s", tacho__people_count(summary->total_operations, count),
                  plural(summary->total_operations));
    if (!isnan(summary->success_rate)) {
        tacho__phrase(&facts, "%s success of %s", tacho__people_part(summary->success_rate, part),
                      summary->total_steps > 0 ? "steps" : "operations");
    }
    if (summary->failed_operations > 0) {
        tacho__phrase(&facts, "%s failed", tacho__people_count(summary->failed_operations, count));
    }
    const struct {
        int64_t n;
        const char *word;
    } apart[] = {{summary->cancelled_operations, "cancelled"},
                 {summary->aborted_operations, "aborted"},
                 {summary->orphaned_operations, "orphaned"}};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
        if (apart[i].n > 0) {
            tacho__phrase(&facts, "%s %s", tacho__people_count(apart[i].n, count), apart[i].word);
        }
    }
    if (summary->retries > 0) {
        tacho__phrase(&facts, "%s retr%s", tacho__people_count(summary->retries, count),
                      summary->retries == 1 ? "y" : "ies");
    }
    write_facts(page, "Calls", &facts);
}

static void write_rest_of_facts(screen *page) {
    const tacho_summary *summary = page->summary;
    char text[TACHO__PEOPLE_TEXT], part[TACHO__PEOPLE_TEXT];
    tacho__phrases steps = {.arena = &page->arena}, context = steps, people = steps;
    if (summary->avg_step_ns >= 0) {
        tacho__phrase(&steps, "%s on average", tacho__people_time(summary->avg_step_ns, text));
    }
    write_facts(page, "Steps", &steps);
    if (summary->context_size >= 0) {
        tacho__phrase(&context, "%s tokens now", tacho__people_short(summary->context_size, text));
        tacho__phrase(&context, "%s at most", tacho__people_short(summary->max_context_size, text));
        if (summary->context_limit > 0) {
            double fill = (double)summary->context_size / (double)summary->context_limit;
            tacho__phrase(&context, "%s of a limit of %s", tacho__people_part(fill, part),
                          tacho__people_short(summary->context_limit, text));
        }
        if (summary->compressions > 0) {
            tacho__phrase(&context, "%" PRId64 " compaction%s", summary->compressions, plural(summary->compressions));
        }
    }
    write_facts(page, "Context", &context);
    if (summary->interventions > 0) {
        tacho__phrase(&people, "%" PRId64 " intervention%s", summary->interventions, plural(summary->interventions));
        tacho__phrase(&people, "%s of the %s", tacho__people_part(summary->intervention_rate, part),
                      summary->total_steps > 0 ? "steps" : "operations");
    }
    write_facts(page, "Human", &people);
}

static void write_rows(screen *page, const tacho_rows *rows) {
    if (rows->count > 0) {
        tacho__buffer_byte(page->out, '\n');
        tacho__rows_text(rows, &page->layout, page->zone, page->out);
    }
}

/* The application's own: it may have nothing else. */
static void write_own(screen *page) {
    const tacho_summary *summary = page->summary;
    if (summary->caches && summary->caches->count > 0) {
        tacho__buffer_byte(page->out, '\n');
        tacho__caches_text(summary->caches, &page->layout, page->zone, page->out);
    }
    if (summary->metrics && summary->metrics->count > 0) {
        tacho__buffer_byte(page->out, '\n');
        tacho__metrics_text(summary->metrics, &page->layout, page->zone, page->out);
    }
}

static tacho_status write_slowest(screen *page) {
    const tacho_records *slowest = page->summary->slowest;
    if (slowest->count == 0) {
        return TACHO_OK;
    }
    tacho__text_table table;
    tacho__text_table_begin(&table);
    tacho__text_column_add(&table, (tacho__text_column){.title = "SLOWEST"});
    tacho__text_column_add(&table, (tacho__text_column){.title = "KIND", .rank = 2});
    tacho__text_column_add(&table, (tacho__text_column){.title = "TIME", .right = true});
    tacho__text_column_add(&table, (tacho__text_column){.title = "OUTCOME", .rank = 1});
    for (size_t i = 0; i < slowest->count; i++) {
        const tacho_record_view *record = &slowest->records[i];
        char text[TACHO__PEOPLE_TEXT];
        tacho__text_row(&table);
        tacho__text_cell(&table, 0, record->operation ? record->operation : record->tool);
        tacho__text_cell(&table, 1, record->kind);
        tacho__text_cell(&table, 2, tacho__people_time(record->duration_ns, text));
        tacho__text_cell(&table, 3, record->outcome);
    }
    tacho__buffer_byte(page->out, '\n');
    tacho_status status = tacho__text_table_write(&table, &page->layout, page->out);
    tacho__text_table_free(&table);
    return status;
}

static void write_quality(screen *page) {
    const tacho_summary *summary = page->summary;
    tacho__phrases facts = {.arena = &page->arena};
    char count[TACHO__PEOPLE_TEXT];
    if (summary->price_table) {
        tacho__phrase(&facts, "Prices of %s", summary->price_table);
    }
    int64_t skipped = 0;
    for (uint32_t i = 0; i < summary->segments_skipped_count; i++) {
        skipped += summary->segments_skipped[i].value;
    }
    const struct {
        int64_t n;
        const char *one, *many;
    } doubts[] = {{summary->unpriced_calls, "call without a price", "calls without a price"},
                  {summary->usage_absent, "model call without usage", "model calls without usage"},
                  {summary->low_confidence_calls, "call of low confidence", "calls of low confidence"},
                  {summary->records_lost, "record lost", "records lost"},
                  {summary->series_overflow, "operation under `other`", "operations under `other`"},
                  {skipped, "process that could not be read", "processes that could not be read"}};
    size_t before = facts.count;
    for (size_t i = 0; i < sizeof doubts / sizeof *doubts; i++) {
        if (doubts[i].n > 0) {
            tacho__phrase(&facts, "%s %s", tacho__people_count(doubts[i].n, count),
                          doubts[i].n == 1 ? doubts[i].one : doubts[i].many);
        }
    }
    if (facts.count == before) {
        tacho__phrase(&facts, "nothing lost, nothing unpriced");
    }
    tacho__buffer_byte(page->out, '\n');
    tacho__phrases_write(&facts, "", &page->layout, page->out);
}

tacho_status tacho__summary_text(const tacho_summary *summary, const tacho__text_layout *layout, const tacho_zone *zone,
                                 tacho__output *output) {
    screen page = {.summary = summary, .layout = *layout, .zone = zone, .out = &output->buffer};
    write_head(&page);
    if (summary->total_operations == 0 && summary->total_tool_calls == 0) {
        const bool own = (summary->caches && summary->caches->count) || (summary->metrics && summary->metrics->count);
        tacho__buffer_string(page.out, own ? "No operations.\n" : "Nothing was recorded yet.\n");
        page.layout.indent = 2;
        write_own(&page);
        return tacho__buffer_status(page.out);
    }
    page.layout.indent = 2;
    write_cost(&page);
    write_tokens(&page);
    write_calls(&page);
    write_rest_of_facts(&page);
    write_rows(&page, summary->models);
    write_rows(&page, summary->tools);
    write_own(&page);
    tacho_status status = write_slowest(&page);
    page.layout.indent = 0;
    write_quality(&page);
    if (page.arena.failed) {
        status = TACHO_NOMEM;
    }
    tacho__arena_free(&page.arena);
    return status == TACHO_OK ? tacho__buffer_status(page.out) : status;
}
