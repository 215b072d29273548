#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fill_collector.h"

tacho_collector *open_collector(const char *session) {
    tacho_config config = TACHO_CONFIG_INIT;
    config.session = session;
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

void record_call(tacho_collector *collector, tacho_kind kind, const char *name, const char *model, int64_t ms,
                 int64_t at, tacho_finished more) {
    tacho_labels labels = TACHO_LABELS_INIT;
    labels.provider = model ? "anthropic" : NULL;
    labels.model = model;
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, kind, name, &labels, &series), TACHO_OK);
    more.struct_size = sizeof more;
    more.cost_pusd = more.cost_pusd != 0 ? more.cost_pusd : TACHO_COST_UNKNOWN;
    more.duration_ns = ms < 0 ? TACHO_DURATION_UNKNOWN : (uint64_t)ms * 1000000u;
    more.ended_at_ns = (NOON + at) * S;
    assert_int_equal(tacho_record(series, &more), TACHO_OK);
    tacho_series_release(series);
}

void fill_collector(tacho_collector *collector) {
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 2000, 3,
                FINISHED(.usage = &TACHO_USAGE(.input = 1200, .cache_read = 10000, .output = 340), .retries = 1));
    record_call(collector, TACHO_KIND_LLM, "ask", "claude-opus-4-6", 4000, 8,
                FINISHED(.usage = &TACHO_USAGE(.input = 10, .cache_read = 11200, .output = 100),
                         .cost_pusd = TACHO_PUSD_PER_USD / 2));
    record_call(collector, TACHO_KIND_LLM, "guess", "no-such-model", 1000, 10,
                FINISHED(.usage = &TACHO_USAGE(.input = 7, .output = 3)));
    record_call(collector, TACHO_KIND_TOOL, "grep", NULL, 250, 11, PLAIN);
    record_call(collector, TACHO_KIND_TOOL, "grep", NULL, 750, 12, PLAIN);
    record_call(
        collector, TACHO_KIND_TOOL, "edit", NULL, 100, 13,
        FINISHED(.outcome = TACHO_OUTCOME_TIMEOUT, .category = TACHO_CATEGORY_TIMEOUT, .error_type = "TimeoutError"));
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 6000, 13, FINISHED(.interventions = 1));
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 3000, 20,
                FINISHED(.outcome = TACHO_OUTCOME_ERROR, .category = TACHO_CATEGORY_TOOL));
}

tacho_snapshot *take_snapshot(tacho_collector *collector) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    return snapshot;
}
