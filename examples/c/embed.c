/* Records one agent run after the fact and prints its summary; with a path as argument it saves a snapshot there too.
 * examples/python/service.py and examples/lua/harness.lua make the same calls and print the same text.
 * Build: cc embed.c $(pkg-config --cflags --libs tachograph) -o embed && ./embed demo.tacho */
#include <stdio.h>
#include <tachograph.h>
#define NOON_NS (INT64_C(1780315200) * 1000000000) /* 2026-06-01T12:00:00Z */
static tacho_collector *collector;
static tacho_session *session;

/* One finished operation that took `ms` and ended `second` after noon; `more` has what else is known of it. */
static void record(tacho_kind kind, const char *name, unsigned ms, int second, const tacho_labels *labels,
                   tacho_finished more) {
    tacho_series *series = NULL;
    more.duration_ns = ms * UINT64_C(1000000);
    more.ended_at_ns = NOON_NS + second * INT64_C(1000000000);
    more.session = session;
    if (tacho_bind(collector, kind, name, labels, &series) != TACHO_OK || tacho_record(series, &more) != TACHO_OK)
        fprintf(stderr, "%s was not recorded\n", name);
    tacho_series_release(series);
}

static void record_run(void) {
    tacho_finished plain = TACHO_FINISHED_INIT, late = plain, paid = plain;
    late.outcome = TACHO_OUTCOME_TIMEOUT;
    late.category = TACHO_CATEGORY_TIMEOUT;
    paid.first_token_ns = UINT64_C(400000000);
    paid.usage = &TACHO_USAGE(.input = 1200, .output = 340, .cache_read = 10000);
    record(TACHO_KIND_TOOL, "web_search", 250, 2, NULL, plain);
    record(TACHO_KIND_TOOL, "web_fetch", 1500, 3, NULL, late);
    record(TACHO_KIND_STEP, "search", 2100, 3, NULL, plain);
    record(TACHO_KIND_LLM, "answer", 1800, 5, &TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6"), paid);
    record(TACHO_KIND_AGENT, "plan_trip", 4200, 5, NULL, plain);
}

static int print(void *stream, const char *bytes, size_t length) {
    return fwrite(bytes, 1, length, stream) != length;
}

int main(int argc, char **argv) {
    tacho_snapshot *snapshot = NULL;
    tacho_summary *summary = NULL;
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_settings *settings = NULL; /* TACHO_DIR and the others */
    if (tacho_settings_read(&settings, NULL, 0, NULL, 0) == TACHO_OK &&
        tacho_settings_config(settings, &config) == TACHO_OK &&
        tacho_settings_open(settings, &config, &collector) == TACHO_OK &&
        tacho_session_open(collector, "demo", &session) == TACHO_OK)
        record_run();
    tacho_status status = tacho_snapshot_take(collector, &snapshot);
    if (status == TACHO_OK && (status = tacho_snapshot_summary(snapshot, "demo", &summary)) == TACHO_OK)
        status = tacho_write_summary(summary, TACHO_FORMAT_TEXT, NULL, print, stdout);
    if (status == TACHO_OK && argc > 1 && (status = tacho_save(snapshot, argv[1])) != TACHO_OK)
        fprintf(stderr, "%s: %s\n", argv[1], tacho_status_text(status));
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    tacho_session_end(session);
    tacho_collector_close(collector);
    tacho_settings_free(settings);
    return status != TACHO_OK;
}
