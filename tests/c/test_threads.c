#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collect/collector.h"
#include "support/recorder.h"
#include "support/resident.h"

/* ThreadSanitizer is 10 to 20 times slower: the same threads, fewer calls. */
#ifdef TACHO__UNDER_TSAN
#define CALLS 3000
#else
#define CALLS 100000
#endif
#define THREADS 16

/* Sanitizers keep freed memory; what the process holds says nothing then. */
#if defined(TACHO__UNDER_TSAN) || defined(__SANITIZE_ADDRESS__)
#define RESIDENT_TELLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RESIDENT_TELLS 0
#endif
#endif
#ifndef RESIDENT_TELLS
#define RESIDENT_TELLS 1
#endif

#define FINISHED(...)                                                                                                  \
    ((tacho_finished){.struct_size = sizeof(tacho_finished), .cost_pusd = TACHO_COST_UNKNOWN, __VA_ARGS__})

typedef struct crowd {
    recorder *r;
    tacho_series *series[4];
    tacho_session *session;
    _Atomic int stop;
    _Atomic uint64_t begun;
    pthread_barrier_t all_done;
} crowd;

/* One call in the way that its number says; returns how many operations it adds. */
static uint64_t one_call(crowd *c, uint64_t i) {
    tacho_series *series = c->series[i % 4];
    const tacho_usage usage = TACHO_USAGE(.input = (int64_t)(i % 100), .output = 1);
    if (i % 8 < 5) {
        const tacho_finished finished = FINISHED(.duration_ns = (i % 50000) * 1000, .usage = i % 2 ? &usage : NULL,
                                                 .session = i % 3 ? c->session : NULL, .outcome = i % 5 == 0,
                                                 .error_type = i % 2 ? "Left" : "Right");
        tacho_record(series, &finished);
        return 1;
    }
    if (i % 8 < 7) {
        tacho_observe(series, i * 1000);
        return 1;
    }
    tacho_operation outer, inner;
    tacho_begin(series, NULL, &outer);
    tacho_begin(c->series[(i + 1) % 4], &outer, &inner);
    tacho_operation_usage(&inner, &usage);
    tacho_end(&inner, TACHO_OUTCOME_OK);
    tacho_operation_component(&outer, "part", i);
    tacho_end(&outer, TACHO_OUTCOME_OK);
    return 2;
}

static void *record_many(void *argument) {
    crowd *c = argument;
    uint64_t begun = 0;
    for (uint64_t i = 0; i < CALLS; ++i) {
        begun += one_call(c, i);
    }
    atomic_fetch_add(&c->begun, begun);
    pthread_barrier_wait(&c->all_done); /* all alive at once, so that each has a lane of its own */
    return NULL;
}

/* cmocka's assertions only work in the thread that runs the test; what another one finds is kept here. */
static const char *_Atomic complaint;
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            atomic_store(&complaint, #condition);                                                                      \
        }                                                                                                              \
    } while (0)

static void read_once(const crowd *c) {
    static tacho__series_view series;
    tacho__view *view;
    EXPECT(tacho__collector_view(c->r->collector, &view) == TACHO_OK);
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        if (!tacho__view_series(view, i, &series)) {
            continue; /* a custom metric or a cache */
        }
    }
    tacho__record_view record;
    for (uint32_t i = 0; i < tacho__view_record_count(view); ++i) {
        EXPECT(tacho__view_record(view, i, &record)); /* whole, or not there */
        EXPECT(record.duration_ns <= 100000 * 1000 && record.begin_mono_ns > 0);
        EXPECT(record.operation != NULL);
        EXPECT(record.session != NULL);
    }
    EXPECT(tacho__view_describe(view)->faults == 0);
    tacho__view_free(view);
}

static void *read_all_the_time(void *argument) {
    crowd *c = argument;
    while (!atomic_load(&c->stop)) {
        read_once(c);
    }
    return NULL;
}

static void expect_no_complaint(void) {
    if (atomic_load(&complaint)) {
        fail_msg("the reader found: %s", atomic_load(&complaint));
    }
}

static void crowd_start(crowd *c, recorder *r) {
    *c = (crowd){.r = r};
    for (int i = 0; i < 4; ++i) {
        char name[8];
        snprintf(name, sizeof name, "op%d", i);
        c->series[i] = recorder_bind(r, i % 2 ? TACHO_KIND_STEP : TACHO_KIND_LLM, name, NULL, NULL);
    }
    assert_int_equal(tacho_session_open(r->collector, "crowd", &c->session), TACHO_OK);
}

static void crowd_end(crowd *c) {
    for (int i = 0; i < 4; ++i) {
        tacho_series_release(c->series[i]);
    }
    tacho_session_end(c->session);
}

static void run_threads(crowd *c, void *(*work)(void *)) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&c->all_done, NULL, THREADS);
    for (int i = 0; i < THREADS; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, c), 0);
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&c->all_done);
}

static void test_sixteen_threads__give_exact_totals_while_somebody_reads(void **state) {
    recorder *r = *state;
    crowd c;
    crowd_start(&c, r);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &c), 0);
    run_threads(&c, record_many);
    atomic_store(&c.stop, 1);
    pthread_join(reader, NULL);
    expect_no_complaint();
    assert_int_equal(recorder_all_calls(r), atomic_load(&c.begun));
    /* The same numbers, worked out one by one. */
    uint64_t input = 0, output = 0, errors = 0, parts = 0;
    for (uint64_t i = 0; i < CALLS; ++i) {
        const int usage = i % 8 == 7 || (i % 8 < 5 && i % 2);
        input += usage ? i % 100 : 0;
        output += (uint64_t)usage;
        errors += i % 8 < 5 && i % 5 == 0;
        parts += i % 8 == 7;
    }
    uint64_t seen_input = 0, seen_output = 0, seen_errors = 0, seen_parts = 0, seen_types = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        seen_input += r->series.usage.units[TACHO_UNIT_INPUT];
        seen_output += r->series.usage.units[TACHO_UNIT_OUTPUT];
        seen_errors += r->series.failed[TACHO_OUTCOME_ERROR - 1];
        seen_parts += r->series.type == TACHO__TYPE_COMPONENT ? r->series.calls : 0;
        for (uint32_t t = 0; t < r->series.error_type_count; ++t) {
            assert_non_null(r->series.error_types[t].name);
            seen_types += r->series.error_types[t].count;
        }
    }
    assert_int_equal(seen_input, input * THREADS);
    assert_int_equal(seen_output, output * THREADS);
    assert_int_equal(seen_errors, errors * THREADS);
    assert_int_equal(seen_types, errors * THREADS);
    assert_int_equal(seen_parts, parts * THREADS);
    uint64_t session_input = 0, session_calls = 0;
    for (uint32_t i = 0; i < tacho__view_session_count(r->view); ++i) {
        assert_true(tacho__view_session(r->view, i, &r->session));
        session_input += r->session.usage.units[TACHO_UNIT_INPUT];
        for (int group = 0; group < TACHO__GROUPS; ++group) {
            session_calls += r->session.ok[group] + r->session.failed[group][0];
        }
    }
    assert_int_equal(session_input, seen_input);
    assert_int_equal(session_calls, atomic_load(&c.begun));
    assert_int_equal(tacho__view_open_count(r->view), 0);
    assert_int_equal(recorder_drops(r, TACHO__DROP_LOST), 0);
    crowd_end(&c);
}

static void test_memory__does_not_grow_with_the_number_of_calls(void **state) {
    recorder *r = *state;
    crowd c;
    crowd_start(&c, r);
    run_threads(&c, record_many);
    const uint64_t before = resident_bytes();
    const uint64_t used = tacho__view_describe(recorder_read(r))->bytes_used;
    for (int i = 0; i < 3; ++i) {
        run_threads(&c, record_many);
    }
    assert_int_equal(tacho__view_describe(recorder_read(r))->bytes_used, used);
    if (RESIDENT_TELLS) {
        assert_true(resident_bytes() < before + (UINT64_C(3) << 20)); /* stacks of threads come and go */
    }
    crowd_end(&c);
}

/* ---- an operation begun here and ended there */

typedef struct handover {
    crowd *c;
    tacho_operation *ops;
    pthread_barrier_t *start;
} handover;

enum { HANDED = 400 };

static void *end_all(void *argument) {
    handover *h = argument;
    pthread_barrier_wait(h->start);
    for (int i = 0; i < HANDED; ++i) {
        tacho_end(&h->ops[i], TACHO_OUTCOME_OK);
    }
    return NULL;
}

static void test_two_threads__ending_the_same_operations_book_each_once(void **state) {
    recorder *r = *state;
    crowd c;
    crowd_start(&c, r);
    static tacho_operation ops[HANDED];
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < HANDED; ++i) {
            tacho_begin(c.series[i % 4], NULL, &ops[i]);
        }
        pthread_barrier_t start;
        pthread_barrier_init(&start, NULL, 2);
        handover h = {&c, ops, &start};
        pthread_t threads[2];
        for (int i = 0; i < 2; ++i) {
            assert_int_equal(pthread_create(&threads[i], NULL, end_all, &h), 0);
        }
        for (int i = 0; i < 2; ++i) {
            pthread_join(threads[i], NULL);
        }
        pthread_barrier_destroy(&start);
    }
    assert_int_equal(recorder_all_calls(r), HANDED * 10);
    assert_int_equal(recorder_drops(r, TACHO__DROP_SECOND_END), HANDED * 10);
    assert_int_equal(tacho__view_open_count(recorder_read(r)), 0);
    assert_int_equal(tacho__view_in_flight(r->view, TACHO_KIND_LLM), 0);
    crowd_end(&c);
}

/* ---- children of one parent in many threads */

typedef struct family {
    crowd *c;
    tacho_operation parent;
} family;

static void *bear_children(void *argument) {
    family *f = argument;
    for (int i = 0; i < 500; ++i) {
        tacho_operation op;
        tacho_begin(f->c->series[0], &f->parent, &op);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 3, .output = 2));
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    return NULL;
}

static void test_children__in_many_threads_add_up_in_their_parent(void **state) {
    recorder *r = *state;
    crowd c;
    crowd_start(&c, r);
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "parent", NULL, NULL);
    family f = {.c = &c};
    tacho_begin(agent, NULL, &f.parent);
    pthread_t threads[8];
    for (int i = 0; i < 8; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, bear_children, &f), 0);
    }
    for (int i = 0; i < 8; ++i) {
        pthread_join(threads[i], NULL);
    }
    tacho_end(&f.parent, TACHO_OUTCOME_OK);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_AGENT, "parent", NULL);
    assert_int_equal(view->inclusive_input, 8 * 500 * 3);
    assert_int_equal(view->inclusive_output, 8 * 500 * 2);
    tacho_series_release(agent);
    crowd_end(&c);
}

/* ---- everything at once: binding, resets, sessions, switching off, reading */

static void *bind_and_record(void *argument) {
    crowd *c = argument;
    for (int i = 0; !atomic_load(&c->stop); ++i) {
        char name[16];
        snprintf(name, sizeof name, "bound%d", i % 300);
        tacho_series *series = NULL;
        tacho_bind(c->r->collector, TACHO_KIND_STEP, name, NULL, &series);
        tacho_session *session = NULL;
        tacho_session_open(c->r->collector, i % 5 ? "a" : "b", &session);
        const tacho_begin_options options = {.struct_size = sizeof options, .session = session};
        tacho_operation op;
        tacho_begin_with(series, &options, &op);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 1, .model = i % 2 ? "gpt-4o" : "gpt-4o-mini"));
        tacho_operation_tool_call(&op, "grep", MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
        tacho_session_end(session);
        tacho_series_release(series);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    return NULL;
}

static void test_resets__while_everybody_records_are_safe(void **state) {
    recorder *r = *state;
    crowd c;
    crowd_start(&c, r);
    pthread_t threads[6], reader;
    for (int i = 0; i < 6; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, bind_and_record, &c), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &c), 0);
    for (int i = 0; i < 300; ++i) {
        assert_int_equal(tacho_collector_reset(r->collector), TACHO_OK);
        tacho_collector_set_enabled(r->collector, i % 7 != 0);
        for (int n = 0; n < 20; ++n) {
            (void)one_call(&c, (uint64_t)(i * 20 + n));
        }
    }
    tacho_collector_set_enabled(r->collector, 1);
    atomic_store(&c.stop, 1);
    for (int i = 0; i < 6; ++i) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(reader, NULL);
    expect_no_complaint();
    tacho_collector_reset(r->collector);
#ifndef TACHO_PORTABLE /* without membarrier a replaced segment waits until each lane has moved on */
    assert_null(r->collector->writer.retired);
#endif
    uint64_t begun = 0;
    for (uint64_t i = 0; i < 1000; ++i) {
        begun += one_call(&c, i);
    }
    assert_int_equal(recorder_all_calls(r), begun);
    crowd_end(&c);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_sixteen_threads__give_exact_totals_while_somebody_reads),
        WITH(test_memory__does_not_grow_with_the_number_of_calls),
        WITH(test_two_threads__ending_the_same_operations_book_each_once),
        WITH(test_children__in_many_threads_add_up_in_their_parent),
        WITH(test_resets__while_everybody_records_are_safe),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
