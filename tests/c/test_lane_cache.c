/* What a thread remembers of its lanes, when handlers, closed collectors and full segments come between. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "collect/collector.h"
#include "support/recorder.h"

static _Thread_local uint64_t masked; /* the lock of a writer changes the signal mask */

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
    ++masked;
    return (int)syscall(SYS_rt_sigprocmask, how, set, before, _NSIG / 8);
}

/* ------------------------------------------------------------------------------------- a handler between instructions
 */

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(TACHO__UNDER_TSAN)
#define TRAP_FLAG 0x100

static struct {
    volatile long step, at;
    volatile int on;
    tacho_series *series;
} stepping;

/* Once per instruction; at one of them it records to the other collector. */
static void on_step(int number, siginfo_t *info, void *interrupted) {
    greg_t *flags = &((ucontext_t *)interrupted)->uc_mcontext.gregs[REG_EFL];
    (void)number, (void)info;
    if (stepping.on && ++stepping.step == stepping.at) {
        tacho_observe(stepping.series, 5 * MS);
    }
    *flags = stepping.on && stepping.step < stepping.at ? *flags | TRAP_FLAG : *flags & ~TRAP_FLAG;
}

/* True: there was such an instruction. */
static bool observe_interrupted(tacho_series *series, long at) {
    stepping.step = 0;
    stepping.at = at;
    stepping.on = 1;
    raise(SIGTRAP);
    tacho_observe(series, 5 * MS);
    stepping.on = 0;
    return stepping.step >= at;
}

static uint64_t calls(recorder *r) {
    return recorder_series(r, TACHO_KIND_STEP, "plan", NULL)->calls;
}

static void test_handler__of_another_collector_never_mixes_them_up(void **state) {
    recorder *mine = *state, other;
    const struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    recorder_open(&other, NULL);
    tacho_series *series = recorder_bind(mine, TACHO_KIND_STEP, "plan", NULL, NULL);
    stepping.series = recorder_bind(&other, TACHO_KIND_STEP, "plan", NULL, NULL);
    uint64_t expected = 0, expected_of_other = 0;
    sigaction(SIGTRAP, &action, &before);
    for (int cached = 0; cached < 2; ++cached) { /* whose lane the thread used last */
        for (long at = 1, more = 1; more; ++at) {
            tacho_observe(cached ? stepping.series : series, 5 * MS);
            more = observe_interrupted(series, at);
            expected += 1 + (uint64_t)!cached;
            expected_of_other += (uint64_t)(cached + more);
            assert_int_equal(calls(mine), expected);
            assert_int_equal(calls(&other), expected_of_other);
        }
    }
    sigaction(SIGTRAP, &before, NULL);
    tacho_series_release(stepping.series);
    tacho_series_release(series);
    recorder_close(&other);
}
#else
static void test_handler__of_another_collector_never_mixes_them_up(void **state) {
    (void)state;
    print_message("skipped: steps through instructions of x86-64, not through those of a sanitizer\n");
    skip();
}
#endif

/* ------------------------------------------------------------------------------------------------------ full segments
 */

static pthread_barrier_t is_full;

/* Fills the segment from a lane of its own, and keeps the lane. */
static void *fill(void *argument) {
    recorder *r = argument;
    for (int i = 0; i < 2000; ++i) {
        char name[16];
        snprintf(name, sizeof name, "filler %d", i);
        tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, name, NULL, NULL);
        tacho_observe(series, S);
        tacho_series_release(series);
    }
    pthread_barrier_wait(&is_full);
    pthread_barrier_wait(&is_full);
    return NULL;
}

static void test_claim__that_fails_leaves_the_other_lanes_alone(void **state) {
    recorder *living = *state, closed, full;
    tacho_config small = TACHO_CONFIG_INIT;
    pthread_t filler;
    small.max_bytes = 1 << 20;
    recorder_open(&closed, NULL);
    recorder_open(&full, &small);
    tacho_series *old = recorder_bind(&closed, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_series *plan = recorder_bind(living, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(old, MS);
    tacho_observe(plan, MS);
    tacho_series_release(old);
    recorder_close(&closed); /* this thread may forget its lane there, and does so at its next claim */
    pthread_barrier_init(&is_full, NULL, 2);
    pthread_create(&filler, NULL, fill, &full);
    pthread_barrier_wait(&is_full);
    tacho_series *late = recorder_bind(&full, TACHO_KIND_STEP, "late", NULL, NULL);
    for (int i = 0; i < 3; ++i) {
        tacho_observe(late, MS);
    }
    assert_int_equal(recorder_all_calls(&full), 2003);
    tacho_observe(plan, MS);
    assert_int_equal(recorder_series(living, TACHO_KIND_STEP, "plan", NULL)->calls, 2);
    pthread_barrier_wait(&is_full);
    pthread_join(filler, NULL);
    pthread_barrier_destroy(&is_full);
    tacho_series_release(late);
    tacho_series_release(plan);
    recorder_close(&full);
}

/* Texts of records alone have a bounded room: what comes after it is counted, without a lock. */
static void test_text__without_room_takes_no_lock(void **state) {
    (void)state;
    recorder r;
    tacho_config small = TACHO_CONFIG_INIT;
    small.max_bytes = 1 << 20;
    recorder_open(&r, &small);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    uint64_t before = 0, refused = 0;
    for (uint64_t i = 0; i < 1024; ++i) { /* 1,024 lines are for texts, of which each takes one */
        for (int k = 0; k < 4; ++k) {
            char tool[24];
            tacho_operation op;
            snprintf(tool, sizeof tool, "tool %d of %d", k, (int)i);
            tacho_begin(series, NULL, &op);
            tacho_operation_tool(&op, tool);
            tacho_end(&op, TACHO_OUTCOME_OK);
        }
        if (i == 512) {
            refused = recorder_drops(&r, TACHO__DROP_STRING_REFUSED);
            before = masked;
        }
    }
    assert_true(refused > 0);
    assert_int_equal(masked, before);
    assert_int_equal(recorder_drops(&r, TACHO__DROP_STRING_REFUSED), refused + 4 * (1024 - 1 - 512));
    tacho_series_release(series);
    recorder_close(&r);
}

/* ------------------------------------------------------------------------------------------------- more threads than
 * lanes
 */

static pthread_barrier_t all_here;

static void *keep_a_lane(void *series) {
    tacho_observe(series, MS);
    pthread_barrier_wait(&all_here);
    pthread_barrier_wait(&all_here);
    return NULL;
}

static void test_thread__beyond_the_lanes_takes_no_lock(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    pthread_t threads[TACHO__LANES_OWNED];
    pthread_barrier_init(&all_here, NULL, TACHO__LANES_OWNED + 1);
    for (uint32_t i = 0; i < TACHO__LANES_OWNED; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, keep_a_lane, series), 0);
    }
    pthread_barrier_wait(&all_here);
    for (int i = 0; i < 10; ++i) {
        tacho_observe(series, MS); /* the first one makes the guests' lane */
    }
    const uint64_t before = masked;
    for (int i = 0; i < 1000; ++i) {
        tacho_observe(series, MS);
    }
    assert_int_equal(masked, before);
    pthread_barrier_wait(&all_here);
    for (uint32_t i = 0; i < TACHO__LANES_OWNED; ++i) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&all_here);
    assert_int_equal(recorder_all_calls(r), TACHO__LANES_OWNED + 1010);
    tacho_observe(series, MS); /* and once a lane is free, it has one */
    assert_non_null(tacho__lane_of_thread(&r->collector->writer));
    tacho_series_release(series);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handler__of_another_collector_never_mixes_them_up, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_claim__that_fails_leaves_the_other_lanes_alone, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test(test_text__without_room_takes_no_lock),
        cmocka_unit_test_setup_teardown(test_thread__beyond_the_lanes_takes_no_lock, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
