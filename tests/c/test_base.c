#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect/collector.h"
#include "segment/base.h"
#include "support/digest.h"
#include "support/recorder.h"

/* ------------------------------------------------------------------------------------------------- dead processes */

static uint64_t seed, rolled;

static uint32_t roll(uint32_t below) {
    rolled += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = rolled;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % below);
}

/* All processes of a test live in one session, so that one process could have done all of it. */
static void open_process(recorder *r, uint32_t max_series) {
    tacho_config config = TACHO_CONFIG_INIT;
    config.session = "all of them";
    config.max_series = max_series;
    recorder_open(r, &config);
}

static tacho__view *view_of(recorder *r) {
    const tacho__segment *segment = tacho__segment_of(r->collector);
    tacho__view *view = NULL;
    assert_int_equal(tacho__view_of_dead(segment->base, tacho__base_length(segment), 0, RECORDER_WALL, &view),
                     TACHO_OK);
    return view;
}

static void do_something(recorder *r, tacho_session *session) {
    static const char *const names[] = {"plan", "answer", "search", "rank", "write"};
    static const char *const models[] = {NULL, "claude-opus-4-6", "gpt-4o"};
    static const char *const errors[] = {"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"};
    const tacho_kind kind = (tacho_kind)roll(TACHO_KIND_COUNT);
    tacho_series *series = recorder_bind(r, kind, names[roll(5)], "openai", models[roll(3)]);
    const tacho_component components[] = {{"load", roll(1000) * MS}, {"run", roll(5) * S}};
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.outcome = roll(3) ? 0 : roll(TACHO_OUTCOME_COUNT - 1);
    finished.category = finished.outcome == TACHO_OUTCOME_ERROR ? 1 + roll(TACHO_CATEGORY_COUNT - 1) : 0;
    finished.error_type = finished.outcome == TACHO_OUTCOME_ERROR ? errors[roll(10)] : NULL;
    finished.duration_ns = roll(10) ? roll(3000) * MS : TACHO_DURATION_UNKNOWN;
    finished.first_token_ns = roll(2) && finished.duration_ns != TACHO_DURATION_UNKNOWN ? finished.duration_ns / 3 : 0;
    const tacho_usage usage = TACHO_USAGE(.input = roll(9000), .output = roll(900), .cache_read = roll(2) * 700);
    finished.usage = roll(2) ? &usage : NULL;
    finished.components = components;
    finished.component_count = roll(3);
    finished.retries = roll(4) ? 0 : roll(5);
    finished.context_size = roll(4) ? 0 : roll(100000);
    finished.session = roll(3) ? session : NULL;
    tacho_record(series, &finished);
    if (finished.duration_ns != TACHO_DURATION_UNKNOWN) {
        tacho_observe(series, finished.duration_ns);
    }
    tacho_series_release(series);
    tacho__clock_fake_advance(&r->clock, 1 + roll(100) * MS);
}

/* `count` operations of the stream that `from` begins; two recorders do the same with the same number. */
static void live(recorder *r, uint64_t from, int count) {
    rolled = from;
    tacho_session *session = NULL;
    tacho_session_open(r->collector, "task-7", &session);
    for (int i = 0; i < count; ++i) {
        do_something(r, session);
    }
    tacho_session_end(session);
}

static tacho__view *base_of(const tacho__view *const *views, size_t count, bool has_base) {
    const tacho__base_plan plan = {.views = views, .count = count, .has_base = has_base};
    tacho__segment *segment = NULL;
    assert_int_equal(tacho__base_build(&plan, &segment), TACHO_OK);
    tacho__view *view = NULL;
    assert_int_equal(
        tacho__view_of_bytes(segment->base, tacho__base_length(segment), RECORDER_WALL, RECORDER_WALL, &view),
        TACHO_OK);
    tacho__segment_release(segment);
    assert_int_equal(tacho__view_describe(view)->role, TACHO__ROLE_BASE);
    const char *broken = digest_check(view);
    if (broken) {
        fail_msg("%s", broken);
    }
    return view;
}

static void assert_same(const tacho__view *a, const tacho__view *b, unsigned what) {
    char *left = digest_of(a, what), *right = digest_of(b, what);
    if (strcmp(left, right) != 0) {
        size_t i = 0;
        while (left[i] == right[i]) {
            ++i;
        }
        i = i > 200 ? i - 200 : 0;
        fail_msg("seed %llu:\n%.600s\n is not\n%.600s", (unsigned long long)seed, left + i, right + i);
    }
    free(left);
    free(right);
}

/* ------------------------------------------------------------------------------------------------------------ tests */

static void test_base__of_one_process_says_what_it_said(void **state) {
    (void)state;
    recorder r;
    open_process(&r, 0);
    live(&r, seed, 700);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_AGENT, "left open", NULL, NULL);
    tacho_operation operation;
    tacho_begin(series, NULL, &operation);
    tacho__view *view = view_of(&r), *base = base_of((const tacho__view *const[]){view}, 1, false);
    assert_same(base, view, DIGEST_NUMBERS);
    assert_int_equal(tacho__view_record_count(base), tacho__view_record_count(view));
    assert_int_equal(tacho__view_describe(base)->records_lost, tacho__view_describe(view)->records_lost);
    assert_true(tacho__view_contains(base, tacho__view_describe(view)->id));
    tacho__view *again = base_of((const tacho__view *const[]){base}, 1, true);
    assert_same(again, base, DIGEST_ALL);
    tacho__view_free(again);
    tacho__view_free(base);
    tacho__view_free(view);
    tacho_series_release(series);
    recorder_close(&r);
}

/* Three processes one after the other are one process that did all of it. */
static void test_base__of_several_processes_is_one_that_did_all(void **state) {
    (void)state;
    recorder all, parts[3];
    tacho__view *views[3];
    open_process(&all, 0);
    for (int i = 0; i < 3; ++i) {
        open_process(&parts[i], 0);
        tacho__clock_fake_set(&parts[i].clock, tacho__now(&all.clock.clock), tacho__wall(&all.clock.clock));
        tacho_collector_reset(parts[i].collector); /* a segment that begins now */
        live(&parts[i], seed + 7u * (unsigned)i, 300);
        /* A fall of the context is told within a process only. */
        memset(tacho__segment_of(all.collector)->context, 0, sizeof tacho__segment_of(all.collector)->context);
        live(&all, seed + 7u * (unsigned)i, 300);
        views[i] = view_of(&parts[i]);
    }
    tacho__view *expected = view_of(&all), *base = base_of((const tacho__view *const *)views, 3, false);
    assert_same(base, expected, DIGEST_NUMBERS);
    assert_int_equal(tacho__view_record_count(base) + tacho__view_describe(base)->records_lost,
                     tacho__view_record_count(expected) + tacho__view_describe(expected)->records_lost);
    /* One by one, as they die. */
    tacho__view *first = base_of((const tacho__view *const[]){views[0]}, 1, false);
    tacho__view *second = base_of((const tacho__view *const[]){first, views[1]}, 2, true);
    tacho__view *third = base_of((const tacho__view *const[]){second, views[2]}, 2, true);
    assert_same(third, base, DIGEST_ALL);
    assert_memory_equal(tacho__view_describe(third)->id, tacho__view_describe(first)->id, 16);
    tacho__view_free(first);
    tacho__view_free(second);
    tacho__view_free(third);
    tacho__view_free(base);
    tacho__view_free(expected);
    recorder_close(&all);
    for (int i = 0; i < 3; ++i) {
        tacho__view_free(views[i]);
        recorder_close(&parts[i]);
    }
}

/* A process with other series than the base has room for: totals stay exact through the overflow series. */
static void test_base__keeps_totals_beyond_the_bound_of_series(void **state) {
    (void)state;
    recorder parts[4];
    tacho__view *views[4];
    uint64_t calls = 0;
    for (int i = 0; i < 4; ++i) {
        open_process(&parts[i], 30);
        for (int k = 0; k < 40; ++k) {
            char name[32];
            snprintf(name, sizeof name, "process %d step %d", i, k);
            tacho_series *series = recorder_bind(&parts[i], TACHO_KIND_STEP, name, NULL, NULL);
            tacho_observe(series, (uint64_t)k * MS);
            tacho_series_release(series);
        }
        views[i] = view_of(&parts[i]);
        calls += digest_calls(views[i]);
    }
    tacho__view *base = base_of((const tacho__view *const *)views, 4, false);
    assert_int_equal(digest_calls(base), calls);
    assert_int_equal(tacho__view_describe(base)->operation_series, 30);
    assert_int_equal(tacho__view_drops(base, TACHO__DROP_SERIES_OVERFLOW), 4 * 10 + 3 * 30);
    tacho__view_free(base);
    for (int i = 0; i < 4; ++i) {
        tacho__view_free(views[i]);
        recorder_close(&parts[i]);
    }
}

static void test_base__keeps_the_sessions_that_were_active_last(void **state) {
    (void)state;
    enum { PROCESSES = 30, EACH = 60 };
    tacho__view *base = NULL;
    recorder r;
    int64_t wall = RECORDER_WALL;
    for (int i = 0; i < PROCESSES; ++i) {
        open_process(&r, 0);
        tacho__clock_fake_set(&r.clock, RECORDER_MONO, wall);
        tacho_collector_reset(r.collector);
        tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
        for (int k = 0; k < EACH; ++k) {
            char id[32];
            snprintf(id, sizeof id, "session %04d", i * EACH + k);
            tacho_session *session = NULL;
            assert_int_equal(tacho_session_open(r.collector, id, &session), TACHO_OK);
            tacho_finished finished = TACHO_FINISHED_INIT;
            finished.duration_ns = MS;
            finished.session = session;
            tacho_record(series, &finished);
            tacho_session_end(session);
            tacho__clock_fake_advance(&r.clock, S);
        }
        wall = tacho__wall(&r.clock.clock);
        tacho__view *view = view_of(&r), *next;
        next = base ? base_of((const tacho__view *const[]){base, view}, 2, true)
                    : base_of((const tacho__view *const[]){view}, 1, false);
        tacho__view_free(base);
        tacho__view_free(view);
        base = next;
        tacho_series_release(series);
        recorder_close(&r);
    }
    assert_int_equal(digest_calls(base), PROCESSES * EACH);
    assert_int_equal(tacho__view_session_count(base), TACHO__BASE_SESSIONS + 1);
    unsigned newest = 0;
    for (uint32_t i = 0; i < tacho__view_session_count(base); ++i) {
        tacho__session_view session;
        assert_true(tacho__view_session(base, i, &session));
        newest += strcmp(session.id, "session 1799") == 0;
        assert_true(strcmp(session.id, "session 0000") != 0);
        if (session.is_other) {
            assert_int_equal(session.ok[TACHO__GROUP_STEP], PROCESSES * EACH + 1 - TACHO__BASE_SESSIONS);
        }
    }
    assert_int_equal(newest, 1);
    tacho__view_free(base);
}

static void test_base__keeps_the_newest_records(void **state) {
    (void)state;
    tacho__view *base = NULL;
    recorder r;
    for (int i = 0; i < 20; ++i) {
        open_process(&r, 0);
        tacho__clock_fake_set(&r.clock, RECORDER_MONO, RECORDER_WALL + i * 1000 * (int64_t)S);
        tacho_collector_reset(r.collector);
        live(&r, seed + (unsigned)i, 1000);
        tacho__view *view = view_of(&r), *next;
        next = base ? base_of((const tacho__view *const[]){base, view}, 2, true)
                    : base_of((const tacho__view *const[]){view}, 1, false);
        tacho__view_free(base);
        tacho__view_free(view);
        base = next;
        recorder_close(&r);
    }
    assert_int_equal(tacho__view_record_count(base), TACHO__BASE_RECORDS);
    assert_int_equal(tacho__view_describe(base)->records_lost, 20 * 1000 - TACHO__BASE_RECORDS);
    assert_true(tacho__view_describe(base)->bytes_used < 10 << 20);
    tacho__view_free(base);
}

int main(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base__of_one_process_says_what_it_said),
        cmocka_unit_test(test_base__of_several_processes_is_one_that_did_all),
        cmocka_unit_test(test_base__keeps_totals_beyond_the_bound_of_series),
        cmocka_unit_test(test_base__keeps_the_sessions_that_were_active_last),
        cmocka_unit_test(test_base__keeps_the_newest_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
