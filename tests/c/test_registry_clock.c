/* Times of processes whose wall clock was set while they ran, as others read them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "segment/crc32c.h"
#include "support/recorder.h"
#include "support/shared.h"

#include <tachograph/registry.h>

#define HOUR_NS (INT64_C(3600) * (int64_t)S)

static tacho__header *header_of(tacho_collector *collector) {
    return tacho__segment_of(collector)->header;
}

/* The clock was wrong by so much when the process began, and has been set since. */
static void was_wrong_by(tacho_collector *collector, int64_t ns) {
    tacho__word *wall = &header_of(collector)->anchors[tacho__get(&header_of(collector)->anchor_index)].wall_ns;
    tacho__put(wall, tacho__get(wall) - (uint64_t)ns);
}

static void change_header(tacho_collector *collector, uint64_t clock, uint8_t boot) {
    tacho__header *header = header_of(collector);
    header->clock = clock ? clock : header->clock;
    header->boot_id[0] ^= boot;
    header->crc32c = tacho__crc32c(header, offsetof(tacho__header, crc32c));
}

/* When the only operation in the folder ended, as somebody else sees it. */
static int64_t end_seen(void) {
    tacho_snapshot *snapshot;
    tacho_records *records;
    const tacho_query query = TACHO_QUERY_INIT;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_records(snapshot, &query, &records), TACHO_OK);
    assert_int_equal(records->count, 1);
    const int64_t end = records->records[0].ended_at_ns;
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    return end;
}

/* When the only process in the folder began to record. */
static int64_t start_seen(void) {
    tacho_snapshot *snapshot;
    tacho_system system = TACHO_SYSTEM_INIT;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_system(snapshot, &system), TACHO_OK);
    tacho_snapshot_free(snapshot);
    return system.started_at_ns;
}

static void work(tacho_collector *collector) {
    tacho_series *series;
    tacho_operation operation;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, "step", NULL, &series), TACHO_OK);
    assert_int_equal(tacho_begin(series, NULL, &operation), TACHO_OK);
    assert_int_equal(tacho_end(&operation, TACHO_OUTCOME_OK), TACHO_OK);
    tacho_series_release(series);
}

static void assert_is_about(int64_t seen, int64_t expected) {
    assert_in_range(seen - expected + HOUR_NS / 4, HOUR_NS / 4 - 30 * (int64_t)S, HOUR_NS / 4 + 30 * (int64_t)S);
}

static void test_time__of_a_living_process_follows_a_clock_that_was_set(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    work(collector);
    const int64_t true_end = end_seen();
    assert_is_about(true_end, tacho__wall(&tacho__clock_system));
    was_wrong_by(collector, HOUR_NS);
    assert_int_equal(end_seen(), true_end);
    assert_int_equal(end_seen(), true_end); /* and no nanosecond differs from one reading to the next */
    was_wrong_by(collector, -3 * HOUR_NS - 137 * (int64_t)MS);
    const int64_t seen = end_seen();
    assert_in_range(seen - true_end + 100 * (int64_t)MS, 0, 200 * (int64_t)MS);
    assert_int_equal(end_seen(), seen);
    tacho_collector_close(collector);
}

/* The process is taken for another one of the same number, if it seems to have begun after its segment. */
static void test_start__follows_a_clock_that_was_set(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    const int64_t start = start_seen();
    assert_is_about(start, tacho__wall(&tacho__clock_system));
    header_of(collector)->started_wall_ns -= HOUR_NS;
    change_header(collector, 0, 0);
    was_wrong_by(collector, HOUR_NS);
    assert_int_equal(start_seen(), start);
    tacho_registry_state *state_seen;
    assert_int_equal(tacho_registry_look(shared_folder, &state_seen), TACHO_OK);
    assert_int_equal(state_seen->segments[0].started_at_ns, start);
    tacho_registry_state_free(state_seen);
    tacho_collector_close(collector);
}

static void test_time__stays_when_a_process_dies_and_is_folded(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    work(collector);
    const int64_t true_end = end_seen();
    was_wrong_by(collector, HOUR_NS);
    tacho_collector_close(collector);
    assert_int_equal(end_seen(), true_end); /* this folds */
    assert_int_equal(shared_count("seg-", NULL), 0);
    assert_int_equal(end_seen(), true_end);
}

static void test_time__of_less_than_the_step_stays_as_it_was(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    work(collector);
    const int64_t true_end = end_seen();
    was_wrong_by(collector, 60 * (int64_t)MS);
    assert_int_equal(end_seen(), true_end - 60 * (int64_t)MS);
    tacho_collector_close(collector);
}

static void test_time__of_another_boot_or_clock_is_as_the_anchor_says(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    work(collector);
    const int64_t true_end = end_seen();
    was_wrong_by(collector, HOUR_NS);
    const uint64_t clock = header_of(collector)->clock;
    assert_int_not_equal(clock, 0);
    change_header(collector, clock + 1, 0);
    assert_int_equal(end_seen(), true_end - HOUR_NS);
    change_header(collector, clock, 0xFF);
    assert_int_equal(end_seen(), true_end - HOUR_NS);
    change_header(collector, 0, 0xFF);
    assert_int_equal(end_seen(), true_end);
    tacho_collector_close(collector);
}

static void test_time__by_the_callers_clock_is_the_callers(void **state) {
    (void)state;
    recorder r;
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = shared_folder;
    recorder_open(&r, &config);
    work(r.collector);
    assert_int_equal(header_of(r.collector)->clock, 0);
    assert_int_equal(end_seen(), RECORDER_WALL);
    recorder_close(&r);
    assert_int_equal(end_seen(), RECORDER_WALL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_time__of_a_living_process_follows_a_clock_that_was_set),
        TEST(test_start__follows_a_clock_that_was_set),
        TEST(test_time__stays_when_a_process_dies_and_is_folded),
        TEST(test_time__of_less_than_the_step_stays_as_it_was),
        TEST(test_time__of_another_boot_or_clock_is_as_the_anchor_says),
        TEST(test_time__by_the_callers_clock_is_the_callers),
    };
    return cmocka_run_group_tests_name("registry_clock", tests, NULL, NULL);
}
