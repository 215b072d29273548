#include "kill/kill_cases.h"

#include "collect/collector.h"
#include "kill/kill_custom.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- before the run */

static void begin(world *w) {
    tacho_begin(w->step, NULL, &w->op);
    tacho__clock_fake_advance(&w->r.clock, 5 * MS + w->round * S);
}

static void begin_plain(world *w) {
    tacho_observe(w->step, 1 * MS);
    tacho_observe(w->step, 900 * MS);
    tacho_begin(w->step, NULL, &w->op);
    tacho__clock_fake_advance(&w->r.clock, 5 * MS);
}

static void begin_model_call(world *w) {
    tacho_begin(w->step, NULL, &w->parent);
    const tacho_begin_options options = {sizeof options, 0, &w->parent, w->session, NULL, NULL};
    tacho_begin_with(w->llm, &options, &w->op);
    tacho__clock_fake_advance(&w->r.clock, 20 * MS);
    tacho_operation_first_token(&w->op);
    tacho__clock_fake_advance(&w->r.clock, 80 * MS);
    tacho_operation_usage(&w->op, &TACHO_USAGE(.input = 1200, .cache_read = 10000, .cache_write = 300, .output = 340,
                                               .reasoning = 77, .requests = 1));
    tacho_operation_retry(&w->op, "busy");
    tacho_operation_warn(&w->op, NULL);
    tacho_operation_human(&w->op);
    tacho_operation_context(&w->op, 11500, 200000, 1);
}

static void begin_parent(world *w) {
    tacho_begin(w->step, NULL, &w->op);
    tacho_operation child;
    tacho_begin(w->llm, &w->op, &child);
    tacho_operation_usage(&child, &TACHO_USAGE(.input = 10, .output = 20));
    tacho_operation_cost(&child, 5000000);
    tacho_end(&child, TACHO_OUTCOME_OK);
    tacho__clock_fake_advance(&w->r.clock, 3 * MS);
}

static void begin_bare(world *w) {
    tacho_begin(w->bare, NULL, &w->op);
    tacho__clock_fake_advance(&w->r.clock, 7 * MS);
}

static void fail_begun(world *w) {
    begin(w);
    char type[32];
    snprintf(type, sizeof type, "Failure%u", w->round);
    tacho_operation_fail(&w->op, TACHO_CATEGORY_RATE_LIMIT, type);
}

/* The segment has only its reserve left: everything goes to overflow series. */
static void fill_up(world *w) {
    tacho__segment *segment = tacho__segment_of(w->r.collector);
    while (tacho__segment_take(segment, 64, TACHO__POCKET_ORDINARY)) {
    }
    while (tacho__segment_take(segment, 1, TACHO__POCKET_ORDINARY)) {
    }
    tacho__lane *lane = tacho__lane_of_thread(&w->r.collector->writer);
    if (lane) {
        lane->chunk_next = lane->chunk_end;
    }
}

static void fill_up_then_begin(world *w) {
    begin_model_call(w);
    fill_up(w);
}

/* 2^32 - 1 durations in the bucket of 5 ms. */
static void fill_bucket(world *w) {
    tacho_observe(w->step, 5 * MS);
    tacho__lane *lane = tacho__lane_of_thread(&w->r.collector->writer);
    const tacho__bound *bound = &lane->bound[w->step->slot];
    const size_t place = tacho__grid_bucket(&tacho__grids[TACHO__GRID_SECONDS], 5 * MS);
    tacho__half *bucket = tacho__sketch_bucket(lane->base, &bound->block->duration, place);
    const uint32_t before = tacho__get_half(bucket);
    tacho__put_half(bucket, UINT32_MAX);
    tacho__word *ok = &lane->cells[0]->ok[TACHO__GROUP_STEP];
    tacho__put(ok, tacho__get(ok) + UINT32_MAX - before);
    tacho__put(&lane->redo->mark, 0); /* the mark of the call above knows another count */
}

static void wrap_ring(world *w) {
    for (int i = 0; i < 1100; ++i) {
        tacho_record(w->tool, &(tacho_finished)TACHO_FINISHED_INIT);
    }
    begin(w);
}

/* ------------------------------------------------------------------------------------------------------------ runs */

static void bind(world *w) {
    char name[32];
    snprintf(name, sizeof name, "name %u", w->round);
    tacho_series *series = recorder_bind(&w->r, TACHO_KIND_LLM, name, "openai", name);
    tacho_series_release(series);
}

static void begin_root(world *w) {
    tacho_begin(w->step, NULL, &w->op);
}

static void begin_child(world *w) {
    const tacho_begin_options options = {
        sizeof options, 0, &w->op, w->session, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL};
    tacho_operation child;
    tacho_begin_with(w->llm, &options, &child);
}

static void end_ok(world *w) {
    tacho_end(&w->op, TACHO_OUTCOME_OK);
}
static void end_timeout(world *w) {
    tacho_end(&w->op, TACHO_OUTCOME_TIMEOUT);
}
static void end_cancelled(world *w) {
    tacho_end(&w->op, TACHO_OUTCOME_CANCELLED);
}

static void *end_in_thread(void *argument) {
    end_ok(argument);
    return NULL;
}

static void end_elsewhere(world *w) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_in_thread, w) == 0) {
        pthread_join(thread, NULL);
    }
}

static void fail(world *w) {
    tacho_operation_fail(&w->op, TACHO_CATEGORY_NETWORK, "ConnectionReset");
}
static void component(world *w) {
    tacho_operation_component(&w->op, "vector_search", 2 * MS + w->round * S);
}
static void tool_call(world *w) {
    tacho_operation_tool_call(&w->op, "edit_file", 2 * MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
}
static void failed_tool_call(world *w) {
    tacho_operation_tool_call(&w->op, "edit_file", TACHO_DURATION_UNKNOWN, TACHO_OUTCOME_ERROR, TACHO_CATEGORY_TOOL,
                              "NotFound");
}
static void usage(world *w) {
    tacho_operation_usage(&w->op, &TACHO_USAGE(.input = 5, .output = 7, .model = "gpt-4o", .provider = "openai"));
}
static void response(world *w) {
    static const char json[] = "{\"model\":\"gpt-4o\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}";
    tacho_response *read = NULL;
    if (tacho_response_create(&read) == TACHO_OK) {
        tacho_response_read_json(read, tacho_dialect_find("openai", NULL), "openai", json, sizeof json - 1);
        tacho_operation_response(&w->op, read);
        tacho_response_free(read);
    }
}
static void model(world *w) {
    tacho_operation_model(&w->op, "gpt-4o-2024-08-06");
}
static void provider(world *w) {
    tacho_operation_provider(&w->op, "openai");
}
static void cost(world *w) {
    tacho_operation_cost(&w->op, 42000000);
}
static void first_token(world *w) {
    tacho_operation_first_token(&w->op);
}
static void retry(world *w) {
    tacho_operation_retry(&w->op, "busy");
}
static void human(world *w) {
    tacho_operation_human(&w->op);
}
static void warn(world *w) {
    tacho_operation_warn(&w->op, "slow");
}
static void context(world *w) {
    tacho_operation_context(&w->op, 1000, 2000, 0);
}
static void tool(world *w) {
    tacho_operation_tool(&w->op, "grep");
}

static void metadata(world *w) {
    const tacho_note notes[] = {{.name = "tier", .type = TACHO_NOTE_TEXT, .text = "gold"},
                                {.name = "round", .type = TACHO_NOTE_INTEGER, .integer = (int64_t)w->round}};
    tacho_operation_metadata(&w->op, notes, 2);
}
static void event(world *w) {
    const tacho_note field = {.name = "lines", .type = TACHO_NOTE_INTEGER, .integer = 7};
    tacho_operation_event(&w->op, "saved", &field, 1);
}
static void describe(world *w) {
    tacho_operation_describe(&w->op, "reads the plan");
}

static void record_all(world *w) {
    const tacho_component components[] = {{"search", 3 * MS}, {"rank", 1 * MS}};
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.outcome = TACHO_OUTCOME_ERROR;
    finished.category = TACHO_CATEGORY_PROVIDER;
    finished.error_type = "Overloaded";
    finished.duration_ns = 10 * MS;
    finished.ended_at_ns = RECORDER_WALL + 10;
    finished.cost_pusd = 77;
    finished.first_token_ns = 4 * MS;
    finished.tool = "grep";
    finished.usage = &TACHO_USAGE(.input = 100, .output = 50);
    finished.components = components;
    finished.component_count = 2;
    finished.retries = finished.interventions = finished.warnings = 1;
    finished.context_size = 150;
    finished.session = w->session;
    tacho_record(w->llm, &finished);
}

static void observe(world *w) {
    tacho_observe(w->step, 5 * MS);
}
static void observe_twice(world *w) {
    tacho_observe(w->step, 1);
    tacho_observe(w->step, 100 * S);
}
static void invalid_seconds(world *w) {
    uint64_t ns;
    tacho_seconds_to_ns(w->r.collector, -1, &ns);
}
static void open_session(world *w) {
    char id[32];
    snprintf(id, sizeof id, "session %u", w->round);
    tacho_session *session = NULL;
    tacho_session_open(w->r.collector, id, &session);
    tacho_session_end(session);
}
static void reset(world *w) {
    tacho_collector_reset(w->r.collector);
}

const kill_case kill_cases[] = {
    {"tacho_bind", "bind", NULL, bind, false, 0},
    {"tacho_begin", "begin", NULL, begin_root, false, 0},
    {"tacho_begin_with", "begin a child in a session", begin, begin_child, false, 0},
    {"tacho_end", "end", begin, end_ok, false, 0},
    {"tacho_end", "end of a plain operation", begin_plain, end_ok, false, 0},
    {"tacho_end", "end of a model call", begin_model_call, end_ok, false, 0},
    {"tacho_end", "end of a parent", begin_parent, end_ok, false, 0},
    {"tacho_end", "end with another model", begin_bare, end_ok, false, 0},
    {"tacho_end", "end with a failure", fail_begun, end_ok, false, 0},
    {"tacho_end", "end with a timeout", begin, end_timeout, false, 0},
    {"tacho_end", "end of a cancelled call", begin_model_call, end_cancelled, false, 0},
    {"tacho_end", "end in another thread", begin_model_call, end_elsewhere, false, 0},
    {"tacho_end", "end in a full segment", fill_up_then_begin, end_ok, false, 0},
    {"tacho_end", "end into a full ring", wrap_ring, end_ok, true, 0},
    {"tacho_operation_fail", "failure", begin, fail, false, 0},
    {"tacho_operation_component", "component", begin, component, false, 0},
    {"tacho_operation_tool_call", "tool call", begin, tool_call, false, 0},
    {"tacho_operation_tool_call", "failed tool call", begin, failed_tool_call, false, 0},
    {"tacho_operation_usage", "usage", begin, usage, false, 0},
    {"tacho_operation_response", "response", begin, response, false, 0},
    {"tacho_operation_model", "model", begin, model, false, 0},
    {"tacho_operation_provider", "provider", begin, provider, false, 0},
    {"tacho_operation_cost", "cost", begin, cost, false, 0},
    {"tacho_operation_first_token", "first token", begin, first_token, false, 0},
    {"tacho_operation_retry", "retry", begin, retry, false, 0},
    {"tacho_operation_human", "intervention", begin, human, false, 0},
    {"tacho_operation_warn", "warning", begin, warn, false, 0},
    {"tacho_operation_context", "context", begin, context, false, 0},
    {"tacho_operation_tool", "tool of a step", begin, tool, false, 0},
    {"tacho_operation_metadata", "metadata", begin, metadata, false, 0},
    {"tacho_operation_event", "event", begin, event, false, 0},
    {"tacho_operation_describe", "description", begin, describe, false, 0},
    {"tacho_record", "finished operation", NULL, record_all, false, 0},
    {"tacho_observe", "duration", NULL, observe, false, 0},
    {"tacho_observe", "new extremes", observe, observe_twice, false, 0},
    {"tacho_observe", "duration into a full bucket", fill_bucket, observe, false, 0},
    {"tacho_observe", "duration in a full segment", fill_up, observe, false, 0},
    {"tacho_seconds_to_ns", "invalid seconds", NULL, invalid_seconds, false, 0},
    {"tacho_session_open", "session", NULL, open_session, false, 0},
    {"tacho_session_end", "end of a session", NULL, open_session, false, 0},
    {"tacho_collector_reset", "reset", begin, reset, false, 0},
    {"tacho_counter", "declare a counter", NULL, custom_declare_counter, false, 0},
    {"tacho_gauge", "declare a gauge", NULL, custom_declare_gauge, false, 0},
    {"tacho_histogram", "declare a histogram", NULL, custom_declare_histogram, false, 0},
    {"tacho_metric_labels", "bind labels", NULL, custom_bind, false, 0},
    {"tacho_counter_count", "count", NULL, custom_count, false, 1},
    {"tacho_counter_add", "amount", NULL, custom_add, false, 1},
    {"tacho_counter_add", "amount in a full segment", fill_up, custom_add, false, 1},
    {"tacho_gauge_set", "set a gauge", NULL, custom_set, false, 1},
    {"tacho_gauge_add", "change a gauge", custom_set, custom_change, false, 1},
    {"tacho_histogram_observe", "value", NULL, custom_observe, false, 0},
    {"tacho_histogram_observe", "extreme values", custom_observe, custom_observe_extremes, false, 0},
    {"tacho_histogram_observe", "value in a full segment", fill_up, custom_observe, false, 0},
    {"tacho_histogram_observe_ns", "durations of a metric", NULL, custom_observe_time, false, 0},
    {"tacho_histogram_stop", "time of a metric", NULL, custom_observe_time, false, 0},
    {"tacho_cache_bind", "bind a cache", NULL, custom_bind_cache, false, 0},
    {"tacho_cache_count", "hit", NULL, custom_hit, false, 1},
    {"tacho_cache_count", "hit in a full segment", fill_up, custom_hit, false, 1},
    {"tacho_cache_size", "size of a cache", NULL, custom_size, false, 0},
    {"tacho_record_cache", "eviction by name", NULL, custom_record_cache, false, 1},
    {"tacho_operation_cache", "miss of an operation", begin, custom_operation_cache, false, 1},
};
const size_t kill_case_count = sizeof kill_cases / sizeof *kill_cases;

const kill_exemption kill_exemptions[] = {
    {"tacho_collector_open", "a segment is not one before `ready`, its last store"},
    {"tacho_settings_open", "is tacho_collector_open"},
    {"tacho_collector_retain", "counts references in the process"},
    {"tacho_collector_close", "stores when the segment ended, which is no number"},
    {"tacho_collector_session", "returns a pointer"},
    {"tacho_collector_has_tag", "reads"},
    {"tacho_collector_set_enabled", "changes a switch of the process"},
    {"tacho_series_retain", "counts references in the process"},
    {"tacho_series_release", "counts references in the process"},
    {"tacho_metric_retain", "counts references in the process"},
    {"tacho_metric_release", "counts references in the process"},
    {"tacho_metric_declared", "reads"},
    {"tacho_metric_lost", "counts a drop, by one store"},
    {"tacho_cache_retain", "counts references in the process"},
    {"tacho_cache_release", "counts references in the process"},
    {"tacho_history_keep", "reads; what it counts is a drop"},
    {"tacho_history_kept", "reads"},
    {"tacho_snapshot_take", "moves the anchor of the wall clock, which is no number"},
    {"tacho_snapshot_take_process", "moves the anchor of the wall clock, which is no number"},
    {"tacho_timeline_take", "reads; its windows are in the memory of the process"},
    {"tacho_collector_flush", "waits for the keeper"},
};
const size_t kill_exemption_count = sizeof kill_exemptions / sizeof *kill_exemptions;

const kill_metric kill_metrics[] = {
    {"BLOCK_DURATION", "end"},
    {"BLOCK_OUTCOMES", "end with a timeout"},
    {"BLOCK_CATEGORIES", "end with a failure"},
    {"BLOCK_ERROR_TYPES", "end with a failure"},
    {"OPEN_SLOTS", "begin"},
    {"COMPONENT_DURATION", "component"},
    {"BLOCK_RETRIES", "end of a model call"},
    {"BLOCK_ATTEMPTS", "end of a model call"},
    {"BLOCK_INTERVENTIONS", "end of a model call"},
    {"BLOCK_WARNINGS", "end of a model call"},
    {"BLOCK_DURATION_AGENT", "end"},
    {"RECORD_MODEL_CALLS", "end of a parent"},
    {"RECORD_TOOL_CALLS", "tool call"},
    {"BLOCK_DURATION_TOOL", "tool call"},
    {"BLOCK_DURATION_LLM", "end of a model call"},
    {"BLOCK_FIRST_TOKEN", "end of a model call"},
    {"BLOCK_TOKEN_TIME", "end of a model call"},
    {"BLOCK_UNITS", "end of a model call"},
    {"BLOCK_UNITS_INPUT", "end of a model call"},
    {"BLOCK_UNITS_OUTPUT", "end of a model call"},
    {"BLOCK_UNITS_CACHE_READ", "end of a model call"},
    {"BLOCK_UNITS_CACHE_WRITE", "end of a model call"},
    {"BLOCK_UNITS_REASONING", "end of a model call"},
    {"BLOCK_INPUT_TOKENS", "end of a model call"},
    {"BLOCK_OUTPUT_TOKENS", "end of a model call"},
    {"BLOCK_UNITS_OTHER", "end of a model call"},
    {"BLOCK_USAGE_ABSENT", "end of a model call"},
    {"BLOCK_COST", "finished operation"},
    {"BLOCK_COST_HISTOGRAM", "finished operation"},
    {"BLOCK_UNPRICED", "end of a model call"},
    {"BLOCK_COST_DRIFT", "finished operation"},
    {"SESSION_CONTEXT", "end of a model call"},
    {"SESSION_CONTEXT_MAX", "end of a model call"},
    {"SESSION_CONTEXT_LIMIT", "end of a model call"},
    {"SESSION_COMPRESSIONS", "end of a model call"},
    {"CACHE_HITS", "hit"},
    {"CACHE_MISSES", "miss of an operation"},
    {"CACHE_EVICTIONS", "eviction by name"},
    {"CACHE_REJECTIONS", "hit"},
    {"CACHE_SIZE", "size of a cache"},
    {"CACHE_CAPACITY", "size of a cache"},
    {"CUSTOM_VALUE", "amount"},
    {"CUSTOM_HISTOGRAM", "value"},
    {"BLOCK_DURATION_MCP", "end"},
    {"DERIVED_AVAILABILITY", "(computed from outcomes and categories)"},
    {"DERIVED_ACTIVE_SESSIONS", "(computed from sessions)"},
    {"DERIVED_ACTIVE_AGENTS", "(computed from open slots)"},
    {"DERIVED_REQUESTS", "(computed from outcomes)"},
    {"HEADER_SESSIONS", "session"},
    {"STATE_ALERTS", "(not in a segment)"},
    {"HEADER_START", "(immutable)"},
    {"SYSTEM_CPU", "(read from the system)"},
    {"SYSTEM_MEMORY", "(read from the system)"},
    {"SYSTEM_DESCRIPTORS", "(read from the system)"},
    {"HEADER_DROPS", "invalid seconds"},
    {"HEADER_FAULTS", "(counted by the reader)"},
    {"HEADER_OVERFLOWS", "end in a full segment"},
    {"LANE_RECORDS_LOST", "end into a full ring"},
    {"READER_SKIPPED", "(counted by the reader)"},
    {"HEADER_COMMITTED", "bind"},
    {"HEADER_SERIES", "bind"},
};
const size_t kill_metric_count = sizeof kill_metrics / sizeof *kill_metrics;

void kill_world_open(world *w) {
    memset(w, 0, sizeof *w);
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_bytes = 2 << 20;
    recorder_open(&w->r, &config);
    w->step = recorder_bind(&w->r, TACHO_KIND_STEP, "plan", NULL, NULL);
    w->llm = recorder_bind(&w->r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6");
    w->tool = recorder_bind(&w->r, TACHO_KIND_TOOL, "grep", NULL, NULL);
    w->bare = recorder_bind(&w->r, TACHO_KIND_LLM, "ask", NULL, NULL);
    tacho_session_open(w->r.collector, "task-7", &w->session);
    custom_open(w);
}

void kill_world_close(world *w) {
    custom_close(w);
    tacho_session_end(w->session);
    tacho_series_release(w->step);
    tacho_series_release(w->llm);
    tacho_series_release(w->tool);
    tacho_series_release(w->bare);
    recorder_close(&w->r);
}
