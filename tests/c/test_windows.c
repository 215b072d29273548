#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "codec/snapshot_file.h"
#include "collect/collector.h"
#include "segment/base.h"
#include "segment/window.h"
#include "support/recorder.h"

/* ------------------------------------------------------------------------------------------------------ brute force */

typedef struct call {
    int64_t end;
    uint64_t duration;
} call;

static uint64_t random_state;

static uint64_t random_number(void) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 20;
}

static void seed(const char *test) {
    random_state = (uint64_t)time(NULL);
    printf("%s: seed %llu\n", test, (unsigned long long)random_state);
}

static int by_end(const void *a, const void *b) {
    const call *x = a, *y = b;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_duration(const void *a, const void *b) {
    const call *x = a, *y = b;
    return (x->duration > y->duration) - (x->duration < y->duration);
}

/* Type 7 over the last `window` of `calls` by end, which are put in order on the way; rounded half up. */
static int64_t quantile(call *calls, size_t count, size_t window, unsigned percent) {
    qsort(calls, count, sizeof *calls, by_end);
    const size_t n = count < window ? count : window;
    call *last = malloc(n * sizeof *last);
    memcpy(last, calls + (count - n), n * sizeof *last);
    qsort(last, n, sizeof *last, by_duration);
    const size_t position = (n - 1) * percent, rank = position / 100, rest = position % 100;
    int64_t value = (int64_t)last[rank].duration;
    if (rest) {
        const uint64_t step = last[rank + 1].duration - last[rank].duration;
        value += (int64_t)((step * rest + 50) / 100);
    }
    free(last);
    return value;
}

static void record_one(tacho_series *series, uint64_t duration, int64_t ended_at) {
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = duration;
    finished.ended_at_ns = ended_at;
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
}

/* The row of an operation; the rows are the caller's. */
static const tacho_row *row_of(const tacho_snapshot *snapshot, const char *operation, tacho_rows **rows) {
    assert_int_equal(tacho_snapshot_operations(snapshot, rows), TACHO_OK);
    for (size_t i = 0; i < (*rows)->count; ++i) {
        if (strcmp((*rows)->rows[i].operation, operation) == 0) {
            return &(*rows)->rows[i];
        }
    }
    fail_msg("no row of %s", operation);
    return NULL;
}

static tacho_snapshot *take(tacho_collector *collector) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    return snapshot;
}

static void assert_recent(const tacho_snapshot *snapshot, const char *operation, call *calls, size_t count,
                          size_t window) {
    tacho_rows *rows;
    const tacho_row *row = row_of(snapshot, operation, &rows);
    assert_int_equal(row->recent_calls, count < window ? count : window);
    assert_int_equal(row->recent_p50_ns, quantile(calls, count, window, 50));
    assert_int_equal(row->recent_p95_ns, quantile(calls, count, window, 95));
    assert_int_equal(row->recent_p99_ns, quantile(calls, count, window, 99));
    tacho_rows_free(rows);
}

/* ------------------------------------------------------------------------------------------------------------- tests
 */

static void test_recent__is_exact_however_many_calls_there_were(void **state) {
    recorder *r = *state;
    enum { CALLS = 5000 };
    static const size_t checks[] = {1, 2, 3, 63, 64, 65, 999, 1000, 1001, 1022, 1023, 1024, 1025, 2048, 4321, CALLS};
    seed(__func__);
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    call *calls = calloc(CALLS, sizeof *calls);
    for (size_t n = 0, check = 0; n < CALLS; ++n) {
        calls[n] = (call){RECORDER_WALL + (int64_t)(n * MS), random_number() % (100 * S)};
        record_one(series, calls[n].duration, calls[n].end);
        if (n + 1 == checks[check]) {
            tacho_snapshot *snapshot = take(r->collector);
            assert_recent(snapshot, "plan", calls, n + 1, 1000);
            tacho_snapshot_free(snapshot);
            ++check;
        }
    }
    free(calls);
    tacho_series_release(series);
}

static void test_recent__holds_operations_in_flight_that_end(void **state) {
    recorder *r = *state;
    call calls[150];
    tacho_series *series = recorder_bind(r, TACHO_KIND_TOOL, "grep", NULL, NULL);
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (size_t n = 0; n < 150; ++n) {
        tacho_operation op;
        tacho_begin(step, NULL, &op);
        calls[n].duration = (n * 7919 % 150 + 1) * MS;
        tacho__clock_fake_advance(&r->clock, calls[n].duration);
        calls[n].end = (int64_t)n;
        tacho_end(&op, n % 3 == 0 ? TACHO_OUTCOME_ERROR : TACHO_OUTCOME_OK);
        tacho_observe(step, 77 * S); /* counts, and is in no window */
    }
    tacho_snapshot *snapshot = take(r->collector);
    assert_recent(snapshot, "plan", calls, 150, 1000);
    tacho_snapshot_free(snapshot);
    tacho_series_release(series);
    tacho_series_release(step);
}

static void test_window__is_as_long_as_configured(void **state) {
    (void)state;
    static const uint32_t windows[] = {1, 62, 63, 64, 500, 9000};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; ++i) {
        recorder r;
        tacho_config config = TACHO_CONFIG_INIT;
        config.window = windows[i];
        recorder_open(&r, &config);
        tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
        call *calls = calloc(20000, sizeof *calls);
        for (size_t n = 0; n < 20000; ++n) {
            calls[n] = (call){RECORDER_WALL + (int64_t)(n * MS), n * 7919 % 20011};
            record_one(series, calls[n].duration, calls[n].end);
        }
        tacho_snapshot *snapshot = take(r.collector);
        assert_recent(snapshot, "plan", calls, 20000, windows[i]);
        tacho_snapshot_free(snapshot);
        free(calls);
        tacho_series_release(series);
        recorder_close(&r);
    }
}

typedef struct job {
    tacho_series *series;
    call *calls;
    size_t count;
    int64_t first, step;
} job;

static void *record_many(void *argument) {
    const job *j = argument;
    for (size_t n = 0; n < j->count; ++n) {
        j->calls[n] = (call){j->first + (int64_t)n * j->step, (uint64_t)(n * 2654435761u % 1000003u) * 1000};
        record_one(j->series, j->calls[n].duration, j->calls[n].end);
    }
    return NULL;
}

static void test_recent__merges_lanes_series_and_segments_by_end(void **state) {
    recorder *r = *state;
    recorder other;
    recorder_open(&other, NULL);
    enum { EACH = 1500 };
    call *calls = calloc(4 * EACH, sizeof *calls);
    tacho_series *series[4] = {recorder_bind(r, TACHO_KIND_LLM, "ask", "anthropic", "a"),
                               recorder_bind(r, TACHO_KIND_LLM, "ask", "anthropic", "a"),
                               recorder_bind(r, TACHO_KIND_LLM, "ask", "anthropic", "b"),
                               recorder_bind(&other, TACHO_KIND_LLM, "ask", "anthropic", "b")};
    pthread_t threads[4];
    job jobs[4];
    for (int i = 0; i < 4; ++i) {
        jobs[i] = (job){series[i], calls + i * EACH, EACH, RECORDER_WALL + i, (int64_t)MS * (i + 1)};
        pthread_create(&threads[i], NULL, record_many, &jobs[i]);
    }
    for (int i = 0; i < 4; ++i) {
        pthread_join(threads[i], NULL);
    }
    tacho_snapshot *one = take(r->collector), *two = take(other.collector), *both;
    assert_int_equal(tacho_snapshot_merge(one, two, &both), TACHO_OK);
    assert_recent(both, "ask", calls, 4 * EACH, 1000);
    tacho__buffer bytes = {0};
    tacho__snapshot_encode(both, &bytes); /* and through a file */
    tacho_snapshot *loaded;
    assert_int_equal(tacho_snapshot_decode(bytes.data, bytes.length, &loaded), TACHO_OK);
    assert_recent(loaded, "ask", calls, 4 * EACH, 1000);
    tacho__buffer_free(&bytes);
    tacho_snapshot *const snapshots[] = {one, two, both, loaded};
    for (int i = 0; i < 4; ++i) {
        tacho_snapshot_free(snapshots[i]);
        tacho_series_release(series[i]);
    }
    free(calls);
    recorder_close(&other);
}

static tacho__view *view_of_dead(recorder *r) {
    const tacho__segment *segment = tacho__segment_of(r->collector);
    tacho__view *view = NULL;
    assert_int_equal(tacho__view_of_dead(segment->base, tacho__base_length(segment), 0, RECORDER_WALL, &view),
                     TACHO_OK);
    return view;
}

/* Dead processes one after the other: each joins the base so far. */
static void test_base__keeps_the_newest_of_all_that_joined(void **state) {
    (void)state;
    enum { PROCESSES = 4, EACH = 700 };
    call *calls = calloc(PROCESSES * EACH, sizeof *calls);
    tacho__segment *base = NULL;
    for (int i = 0; i < PROCESSES; ++i) {
        recorder r;
        recorder_open(&r, NULL);
        job j = {recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL), calls + i * EACH, EACH, RECORDER_WALL + i * 7,
                 (int64_t)MS * (i + 1)};
        record_many(&j);
        const tacho__view *views[2] = {NULL, view_of_dead(&r)};
        tacho__view *before = NULL;
        if (base) {
            assert_int_equal(
                tacho__view_of_bytes(base->base, tacho__base_length(base), RECORDER_WALL, RECORDER_WALL, &before),
                TACHO_OK);
            views[0] = before;
        }
        const tacho__base_plan plan = {.views = base ? views : views + 1, .count = base ? 2 : 1, .has_base = base};
        tacho__segment *joined;
        assert_int_equal(tacho__base_build(&plan, &joined), TACHO_OK);
        tacho__view_free(before);
        tacho__view_free((tacho__view *)(uintptr_t)views[1]);
        tacho__segment_release(base);
        base = joined;
        tacho_series_release(j.series);
        recorder_close(&r);
    }
    tacho__view *view;
    assert_int_equal(tacho__view_of_bytes(base->base, tacho__base_length(base), RECORDER_WALL, RECORDER_WALL, &view),
                     TACHO_OK);
    tacho__recent_value values[1100];
    tacho__recent_view about;
    assert_true(tacho__view_recent(view, TACHO__SERIES_BUILTIN, &about, values, 1100));
    assert_int_equal(about.count, 1000);
    assert_true(about.since_mono_ns == INT64_MIN);
    qsort(calls, PROCESSES * EACH, sizeof *calls, by_end);
    for (int n = 0; n < 1000; ++n) {
        assert_int_equal(values[n].end_mono_ns, calls[PROCESSES * EACH - 1000 + n].end);
    }
    tacho__view_free(view);
    tacho__segment_release(base);
    free(calls);
}

static void test_recent__is_unknown_without_a_window(void **state) {
    recorder *r = *state;
    char name[16];
    for (int i = 0; i < 66; ++i) {
        snprintf(name, sizeof name, "op%d", i);
        tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, name, NULL, NULL);
        record_one(series, MS, RECORDER_WALL);
        tacho_series_release(series);
    }
    tacho_snapshot *snapshot = take(r->collector);
    tacho_rows *rows;
    assert_int_equal(row_of(snapshot, "op63", &rows)->recent_p50_ns, MS);
    tacho_rows_free(rows);
    const tacho_row *row = row_of(snapshot, "op64", &rows);
    assert_int_equal(row->recent_p50_ns, -1);
    assert_int_equal(row->recent_calls, -1);
    assert_int_equal(row->p50_ns, MS);
    assert_int_equal(rows->totals.recent_p50_ns, -1);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
}

/* All windows of a segment of 1 MiB may take 256 KiB: 16 pages each are too many for 40 series. */
static void test_window__is_shorter_or_refused_where_room_is_short(void **state) {
    (void)state;
    recorder r;
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_bytes = 1 << 20;
    recorder_open(&r, &config);
    enum { SERIES = 40, CALLS = 1100 };
    call *calls = calloc((size_t)SERIES * CALLS, sizeof *calls);
    tacho_series *series[SERIES];
    char name[16];
    for (int i = 0; i < SERIES; ++i) {
        snprintf(name, sizeof name, "op%d", i);
        series[i] = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
        for (int n = 0; n < CALLS; ++n) {
            call *one = &calls[i * CALLS + n];
            *one = (call){RECORDER_WALL + (int64_t)(n * (int)MS), (uint64_t)(n * 7919 % 1103) * MS};
            record_one(series[i], one->duration, one->end);
        }
    }
    tacho_snapshot *snapshot = take(r.collector);
    int whole = 0, shorter = 0, refused = 0;
    for (int i = 0; i < SERIES; ++i) {
        tacho_rows *rows;
        snprintf(name, sizeof name, "op%d", i);
        const tacho_row *row = row_of(snapshot, name, &rows);
        whole += row->recent_calls == 1000;
        refused += row->recent_calls == -1;
        shorter += row->recent_calls > 0 && row->recent_calls < 1000;
        if (row->recent_calls > 0) { /* exact about what it has */
            assert_recent(snapshot, name, calls + i * CALLS, CALLS, (size_t)row->recent_calls);
        }
        assert_int_equal(row->calls, CALLS);
        tacho_rows_free(rows);
        tacho_series_release(series[i]);
    }
    assert_true(whole > 10 && shorter > 0 && refused > 0);
    assert_true(recorder_drops(&r, TACHO__DROP_WINDOW_REFUSED) == (uint64_t)refused);
    assert_true(recorder_drops(&r, TACHO__DROP_WINDOW_SHORT) == (uint64_t)shorter);
    tacho_snapshot_free(snapshot);
    free(calls);
    recorder_close(&r);
}

/* ----------------------------------------------------------------------------------------------- readers meanwhile */

static _Atomic int stop;

static void *record_until_stopped(void *argument) {
    int64_t end = RECORDER_WALL;
    while (!atomic_load(&stop)) {
        end += 1000;
        record_one(argument, (uint64_t)(end - RECORDER_WALL) * 3, end);
    }
    return NULL;
}

/* Values are whole pairs and neighbours in time, while the window goes round all the time. */
static void test_reading__gives_whole_values_while_others_record(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    record_one(series, 0, RECORDER_WALL);
    pthread_t threads[2];
    atomic_store(&stop, 0);
    for (int i = 0; i < 2; ++i) {
        pthread_create(&threads[i], NULL, record_until_stopped, series);
    }
    tacho__recent_value *values = calloc(10000, sizeof *values);
    for (int i = 0; i < 100; ++i) {
        tacho__view *view = recorder_read(r);
        tacho__recent_view about;
        for (uint32_t number = 0; number < tacho__view_series_count(view); ++number) {
            tacho__view_recent(view, number, &about, values, 10000);
            assert_true(about.count < 10000);
            for (size_t n = 0; n < about.count; ++n) {
                const int64_t since = values[n].end_mono_ns - (int64_t)RECORDER_MONO;
                assert_int_equal(values[n].duration_ns, (uint64_t)since * 3);
            }
        }
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; ++i) {
        pthread_join(threads[i], NULL);
    }
    free(values);
    tacho_series_release(series);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recent__is_exact_however_many_calls_there_were, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_recent__holds_operations_in_flight_that_end, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test(test_window__is_as_long_as_configured),
        cmocka_unit_test_setup_teardown(test_recent__merges_lanes_series_and_segments_by_end, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test(test_base__keeps_the_newest_of_all_that_joined),
        cmocka_unit_test_setup_teardown(test_recent__is_unknown_without_a_window, recorder_setup, recorder_teardown),
        cmocka_unit_test(test_window__is_shorter_or_refused_where_room_is_short),
        cmocka_unit_test_setup_teardown(test_reading__gives_whole_values_while_others_record, recorder_setup,
                                        recorder_teardown),
    };
    return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
