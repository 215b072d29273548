#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifndef TACHO_PORTABLE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "collect/collector.h"
#include "support/recorder.h"

#define OPUS "claude-opus-4-6"

static void test_reset__starts_with_zeros_under_the_same_id(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(series, S);
    uint8_t id[16];
    memcpy(id, tacho__view_describe(recorder_read(r))->id, 16);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    assert_int_equal(recorder_all_calls(r), 0);
    assert_memory_equal(tacho__view_describe(r->view)->id, id, 16);
    assert_int_equal(tacho__view_describe(r->view)->generation, 2);
    tacho_observe(series, S); /* the handle resolves again */
    tacho_observe(series, S);
    assert_int_equal(recorder_series(r, TACHO_KIND_STEP, "plan", NULL)->calls, 2);
    assert_int_equal(recorder_session(r, NULL)->ok[TACHO__GROUP_STEP], 2);
    tacho_series_release(series);
}

static void test_operation__in_flight_ends_into_the_new_generation(void **state) {
    recorder *r = *state;
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", NULL);
    tacho_session *session;
    tacho_session_open(r->collector, "run-1", &session);
    tacho_operation outer, inner;
    const tacho_begin_options options = {.struct_size = sizeof options, .session = session};
    tacho_begin_with(agent, &options, &outer);
    tacho_begin(llm, &outer, &inner);
    tacho_operation_usage(&inner, &TACHO_USAGE(.input = 100, .model = OPUS));
    tacho_operation_tool(&inner, "edit_file");
    tacho_operation_component(&inner, "search", MS);
    tacho_operation_fail(&inner, TACHO_CATEGORY_NETWORK, "ConnectError");
    tacho__clock_fake_advance(&r->clock, S);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    tacho__clock_fake_advance(&r->clock, S);
    tacho_end(&inner, TACHO_OUTCOME_ERROR);
    tacho_end(&outer, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_LLM, "answer", OPUS);
    assert_int_equal(view->calls, 1);
    assert_int_equal(view->duration.sum, 2 * S);
    assert_true(view->usage.cost_pusd[TACHO_COST_STATE_EXACT] == INT64_C(500000000));
    assert_string_equal(view->error_types[0].name, "ConnectError");
    const tacho__record_view *record = recorder_record(r, "answer");
    assert_string_equal(record->session, "run-1");
    assert_string_equal(record->model, OPUS);
    assert_string_equal(record->tool, "edit_file");
    assert_true(record->parent == tacho_operation_id(&outer));
    assert_int_equal(recorder_session(r, "run-1")->failed[TACHO__GROUP_OTHER][TACHO_OUTCOME_ERROR - 1], 1);
    assert_int_equal(tacho__view_open_count(r->view), 0);
    tacho_session_end(session);
    tacho_series_release(agent);
    tacho_series_release(llm);
}

static void test_operation__older_than_two_resets_still_counts(void **state) {
    recorder *r = *state;
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, OPUS);
    tacho_operation op;
    tacho_begin(llm, NULL, &op);
    tacho_operation_usage(&op, &TACHO_USAGE(.input = 100));
    for (int i = 0; i < 3; ++i) {
        tacho_collector_reset(r->collector);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_series(r, TACHO_KIND_LLM, "answer", OPUS)->calls, 1);
    assert_int_equal(recorder_session(r, NULL)->usage.units[TACHO_UNIT_INPUT], 100);
    tacho_series_release(llm);
}

static void test_operation__whose_series_was_given_back_goes_to_the_overflow_series(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_series_release(series);
    tacho_collector_reset(r->collector);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_series(r, TACHO_KIND_STEP, "other", NULL)->calls, 1);
    assert_int_equal(recorder_drops(r, TACHO__DROP_STALE_SERIES), 1);
}

#ifdef TACHO_PORTABLE /* without a barrier of the kernel nobody knows yet that this thread is outside */
#define NOT_YET 1
#else
#define NOT_YET 0
#endif

/* Replaced segments that are mapped still; `age`: as if they had been replaced long ago. */
static unsigned count_replaced(const recorder *r, bool age) {
    unsigned count = 0;
    for (tacho__segment *segment = r->collector->writer.retired; segment; segment = segment->next_retired) {
        segment->retired_ns = age ? 0 : segment->retired_ns;
        count += 1;
    }
    return count;
}

static void test_bounds__hold_anew_after_a_reset(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_series = 20};
    recorder_open(&r, &config);
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 25; ++i) {
            char name[24];
            snprintf(name, sizeof name, "op%d-%d", round, i);
            tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
            tacho_observe(series, S);
            tacho_series_release(series);
        }
        assert_int_equal(recorder_series(&r, TACHO_KIND_STEP, "other", NULL)->calls, 5);
        assert_int_equal(recorder_all_calls(&r), 25);
        assert_int_equal(tacho__view_describe(r.view)->operation_series, 20);
        count_replaced(&r, true);
        tacho_collector_reset(r.collector);
    }
    assert_true(r.collector->slots <= r.collector->writer.series_slots);
    recorder_close(&r);
}

static void test_resets__leave_no_memory_behind(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 50; ++i) {
        tacho_observe(series, S);
        tacho_collector_reset(r->collector);
        assert_int_equal(count_replaced(r, true), NOT_YET); /* nobody is inside: unmapped at once, or at the next */
        assert_null(r->collector->writer.previous);
    }
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_collector_reset(r->collector);
    assert_non_null(r->collector->writer.previous); /* its texts, for the operation in flight */
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_collector_reset(r->collector);
    assert_null(r->collector->writer.previous);
    tacho_series_release(series);
}

static void test_snapshot__taken_before_a_reset_stays(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(series, S);
    recorder_read(r);
    tacho_collector_reset(r->collector);
    uint64_t calls = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        calls += r->series.calls;
    }
    assert_int_equal(calls, 1);
    tacho_series_release(series);
}

/* A thread that records once, waits for the test to reset, and ends. */
typedef struct visitor {
    tacho_series *series;
    pthread_barrier_t recorded, reset;
} visitor;

static void *record_and_wait(void *argument) {
    visitor *v = argument;
    tacho_observe(v->series, MS);
    pthread_barrier_wait(&v->recorded);
    pthread_barrier_wait(&v->reset);
    return NULL;
}

static void test_thread__that_ends_after_a_reset_leaves_the_replaced_segment_alone(void **state) {
    recorder *r = *state;
    visitor v = {.series = recorder_bind(r, TACHO_KIND_STEP, "visit", NULL, NULL)};
    pthread_barrier_init(&v.recorded, NULL, 2);
    pthread_barrier_init(&v.reset, NULL, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, record_and_wait, &v), 0);
    pthread_barrier_wait(&v.recorded);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK); /* the first segment is unmapped by now */
    pthread_barrier_wait(&v.reset);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&v.recorded);
    pthread_barrier_destroy(&v.reset);
    assert_int_equal(recorder_all_calls(r), 0);
    tacho_series_release(v.series);
}

/* ------------------------------------------------------------------------------------ without a barrier of the kernel
 */

/* As kernels and sandboxes without membarrier; a portable build never asks for it. False: it cannot be taken away. */
static bool refuse_barriers(void) {
#ifdef TACHO_PORTABLE
    return true;
#else
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
           syscall(SYS_membarrier, 0, 0, 0) == -1;
#endif
}

#define IDLERS 3

/* Threads that recorded once each, in different generations, and have done nothing since. A code that tells what was
 * wrong, 0 = nothing. */
static int reset_beside_idlers(void) {
    recorder r;
    pthread_t threads[IDLERS];
    if (!refuse_barriers()) {
        return 77;
    }
    recorder_open(&r, NULL);
    visitor v = {.series = recorder_bind(&r, TACHO_KIND_STEP, "visit", NULL, NULL)};
    pthread_barrier_init(&v.recorded, NULL, 2);
    pthread_barrier_init(&v.reset, NULL, IDLERS + 1);
    for (int i = 0; i < IDLERS * 20; ++i) {
        if (i % 20 == 0) {
            pthread_create(&threads[i / 20], NULL, record_and_wait, &v);
            pthread_barrier_wait(&v.recorded);
        }
        tacho_observe(v.series, MS);
        tacho_collector_reset(r.collector);
        if (count_replaced(&r, false) > (unsigned)i / 20 + 2) { /* of each idler, and of this thread */
            return 1;
        }
    }
    tacho__lane *lane = r.collector->writer.lanes[1]; /* as if one were in a call */
    const uint64_t state = atomic_exchange(&lane->state, TACHO__LANE_BUSY);
    count_replaced(&r, true);
    tacho_collector_reset(r.collector);
    if (count_replaced(&r, true) != 1) { /* whoever is outside has been there for long enough */
        return 2;
    }
    atomic_store(&lane->state, state);
    tacho_collector_reset(r.collector);
    if (count_replaced(&r, true) != 0) {
        return 3;
    }
    pthread_barrier_wait(&v.reset);
    for (int i = 0; i < IDLERS; ++i) {
        pthread_join(threads[i], NULL);
    }
    tacho_series_release(v.series);
    recorder_close(&r);
    return 0;
}

static void test_resets__keep_one_segment_for_each_idle_thread_at_most_where_there_is_no_barrier(void **state) {
    (void)state;
    int status;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        _exit(reset_beside_idlers());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: no filter of system calls is to be had here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_reset__starts_with_zeros_under_the_same_id),
        WITH(test_operation__in_flight_ends_into_the_new_generation),
        WITH(test_operation__older_than_two_resets_still_counts),
        WITH(test_operation__whose_series_was_given_back_goes_to_the_overflow_series),
        WITH(test_bounds__hold_anew_after_a_reset),
        WITH(test_resets__leave_no_memory_behind),
        WITH(test_snapshot__taken_before_a_reset_stays),
        WITH(test_thread__that_ends_after_a_reset_leaves_the_replaced_segment_alone),
        cmocka_unit_test(test_resets__keep_one_segment_for_each_idle_thread_at_most_where_there_is_no_barrier),
    };
    return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
