#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "collect/collector.h"
#include "support/recorder.h"

#ifdef TACHO__UNDER_TSAN
#define CALLS 200
#else
#define CALLS 2000
#endif

typedef struct job {
    recorder *r;
    tacho_series *series;
    uint64_t calls;
    pthread_barrier_t *all_here;
    uint32_t lane;
} job;

static void *observe_in_thread(void *argument) {
    job *j = argument;
    for (uint64_t i = 0; i < j->calls; ++i) {
        tacho_observe(j->series, (i % 1000 + 1) * MS);
    }
    const tacho__lane *lane = tacho__lane_of_thread(&j->series->collector->writer);
    j->lane = lane ? lane->number : TACHO__LANE_SHARED;
    if (j->all_here) {
        pthread_barrier_wait(j->all_here);
    }
    return NULL;
}

static void test_lane__goes_back_when_its_thread_ends(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 200; ++i) {
        pthread_t thread;
        job j = {.r = r, .series = series, .calls = 10};
        assert_int_equal(pthread_create(&thread, NULL, observe_in_thread, &j), 0);
        pthread_join(thread, NULL);
        assert_int_equal(j.lane, 0); /* always the same one, nobody else records */
    }
    assert_int_equal(recorder_all_calls(r), 2000);
    assert_int_equal(recorder_drops(r, TACHO__DROP_LANE_SHARED), 0);
    tacho_series_release(series);
}

/* Threads that all live at the same time, each with `calls` calls; returns how many have no lane of their own. */
static unsigned run_together(recorder *r, tacho_series *series, unsigned count, uint64_t calls) {
    enum { MOST = 200 };
    static pthread_t threads[MOST];
    static job jobs[MOST];
    pthread_barrier_t all_here;
    pthread_barrier_init(&all_here, NULL, count);
    for (unsigned i = 0; i < count; ++i) {
        jobs[i] = (job){.r = r, .series = series, .calls = calls, .all_here = &all_here};
        assert_int_equal(pthread_create(&threads[i], NULL, observe_in_thread, &jobs[i]), 0);
    }
    unsigned guests = 0;
    for (unsigned i = 0; i < count; ++i) {
        pthread_join(threads[i], NULL);
        guests += jobs[i].lane == TACHO__LANE_SHARED;
    }
    pthread_barrier_destroy(&all_here);
    return guests;
}

static void test_threads__beyond_the_lanes_are_guests(void **state) {
    recorder *r = *state;
    enum { THREADS = 200 };
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    const uint64_t calls = CALLS;
    assert_int_equal(run_together(r, series, THREADS, calls), THREADS - TACHO__LANES_OWNED);
    assert_int_equal(recorder_all_calls(r), THREADS * calls);
    assert_int_equal(recorder_drops(r, TACHO__DROP_LOST), 0);
    assert_int_equal(atomic_load(&r->collector->writer.guests), 0);
    /* In turn, one guest's lane is enough and nobody waits. */
    const uint64_t waited = recorder_drops(r, TACHO__DROP_LANE_SHARED);
    assert_int_equal(run_together(r, series, 10, 10), 0); /* the lanes of those that ended */
    assert_int_equal(recorder_drops(r, TACHO__DROP_LANE_SHARED), waited);
    tacho_series_release(series);
}

static void test_threads__more_than_lanes_in_a_full_segment_are_exact(void **state) {
    (void)state;
    recorder r;
    const tacho_config small = {.struct_size = sizeof small, .max_bytes = 1 << 20};
    recorder_open(&r, &small);
    tacho_series *series = NULL;
    for (int i = 0; i < 2000; ++i) { /* each with a lane's cells, until none has room */
        char name[24];
        snprintf(name, sizeof name, "filler%d", i);
        series = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
        tacho_observe(series, S);
        tacho_series_release(series);
    }
    series = recorder_bind(&r, TACHO_KIND_STEP, "late", NULL, NULL);
    run_together(&r, series, 100, 50);
    assert_int_equal(recorder_all_calls(&r), 2000 + 100 * 50);
    assert_int_equal(recorder_drops(&r, TACHO__DROP_LOST), 0);
    assert_true(recorder_drops(&r, TACHO__DROP_SEGMENT_FULL) > 0);
    tacho_series_release(series);
    recorder_close(&r);
}

static void test_serialized__uses_one_lane_for_all_threads(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .flags = TACHO_CONFIG_SERIALIZED};
    recorder_open(&r, &config);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 5; ++i) { /* one after the other, as a host's lock would have it */
        pthread_t thread;
        job j = {.r = &r, .series = series, .calls = 100};
        pthread_create(&thread, NULL, observe_in_thread, &j);
        pthread_join(thread, NULL);
        assert_int_equal(j.lane, 0);
    }
    assert_int_equal(recorder_all_calls(&r), 500);
    static tacho_operation ops[512];
    for (int i = 0; i < 512; ++i) { /* all open slots are this lane's */
        tacho_begin(series, NULL, &ops[i]);
    }
    assert_int_equal(tacho__view_open_count(recorder_read(&r)), 512);
    for (int i = 0; i < 512; ++i) {
        tacho_end(&ops[i], TACHO_OUTCOME_OK);
    }
    tacho_series_release(series);
    recorder_close(&r);
}

static void test_several_collectors__have_lanes_of_their_own(void **state) {
    (void)state;
    enum { COLLECTORS = 9 };
    recorder r[COLLECTORS];
    tacho_series *series[COLLECTORS];
    for (int i = 0; i < COLLECTORS; ++i) {
        recorder_open(&r[i], NULL);
        series[i] = recorder_bind(&r[i], TACHO_KIND_STEP, "plan", NULL, NULL);
    }
    for (int n = 0; n < 100; ++n) {
        for (int i = 0; i < COLLECTORS; ++i) {
            tacho_observe(series[i], S);
        }
    }
    for (int i = 0; i < COLLECTORS; ++i) {
        assert_int_equal(recorder_all_calls(&r[i]), 100);
        tacho_series_release(series[i]);
        recorder_close(&r[i]);
    }
}

static void test_collectors__beyond_their_number_are_refused(void **state) {
    (void)state;
    static tacho_collector *all[TACHO__WRITERS + 1];
    int count = 0;
    const tacho_config small = {.struct_size = sizeof small, .max_bytes = 1 << 20, .max_series = 10};
    while (count <= (int)TACHO__WRITERS && tacho_collector_open(&all[count], &small) == TACHO_OK) {
        ++count;
    }
    assert_int_equal(count, TACHO__WRITERS);
    assert_int_equal(tacho_collector_open(&all[count], &small), TACHO_FULL);
    assert_null(all[count]);
    while (count > 0) {
        tacho_collector_close(all[--count]);
    }
}

/* ---- signal handlers, which come at any instruction */

static tacho_series *signal_series;
static _Atomic uint64_t signalled;

static void on_signal(int number) {
    (void)number;
    const int before = errno; /* clock functions of a host may set it */
    tacho_observe(signal_series, S);
    tacho_operation op;
    tacho_begin(signal_series, NULL, &op);
    tacho_operation_component(&op, "in a handler", MS);
    tacho_end(&op, TACHO_OUTCOME_OK);
    atomic_fetch_add(&signalled, 1);
    errno = before;
}

/* What the handler interrupts: every kind of call, also those that take locks, ask for room and read. */
static uint64_t call_in_turn(recorder *r, tacho_series *series, int i) {
    tacho_observe(series, (uint64_t)(i % 977) * MS);
    if (i % 4) {
        return 1;
    }
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = i % 100, .model = "gpt-4o"));
    tacho_end(&op, i % 8 ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR);
    char name[24];
    snprintf(name, sizeof name, "bound%d", i / 4 % 100);
    tacho_series *bound = recorder_bind(r, TACHO_KIND_LLM, name, NULL, NULL);
    tacho_observe(bound, S);
    tacho_series_release(bound);
    tacho_session *session;
    tacho_session_open(r->collector, name, &session);
    tacho_session_end(session);
    if (i % 512 == 0) {
        recorder_read(r);
    }
    return 3;
}

static void test_signal_handler__at_10_khz_is_exact(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    signal_series = recorder_bind(r, TACHO_KIND_STEP, "handler", NULL, NULL);
    tacho_observe(series, S);
    on_signal(SIGALRM); /* first uses ask for memory, which no handler may: names are known before */
    atomic_store(&signalled, 1);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigaction(SIGALRM, &action, &before);
    const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    uint64_t own = 1;
    for (int i = 0; i < 20000 || atomic_load(&signalled) < 2000; ++i) {
        own += call_in_turn(r, series, i);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(recorder_drops(r, TACHO__DROP_LOST), 0);
    uint64_t mine = 0, handlers = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        if (r->series.type == TACHO__TYPE_OPERATION) {
            *(r->series.kind == TACHO_KIND_LLM ? &mine : &handlers) += r->series.calls;
        }
    }
    assert_int_equal(mine, own);
    assert_int_equal(handlers, 2 * atomic_load(&signalled));
    assert_int_equal(atomic_load(&r->collector->writer.guests), 0);
    assert_int_equal(tacho__view_open_count(r->view), 0);
    tacho_series_release(series);
    tacho_series_release(signal_series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_lane__goes_back_when_its_thread_ends),
        WITH(test_threads__beyond_the_lanes_are_guests),
        cmocka_unit_test(test_threads__more_than_lanes_in_a_full_segment_are_exact),
        cmocka_unit_test(test_serialized__uses_one_lane_for_all_threads),
        cmocka_unit_test(test_several_collectors__have_lanes_of_their_own),
        cmocka_unit_test(test_collectors__beyond_their_number_are_refused),
        WITH(test_signal_handler__at_10_khz_is_exact),
    };
    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
