/**
 * Forked processes (semantics 8, reliability P18): a child never writes where its parent does, starts with nothing, and
 * everything it holds of the parent's resolves again. Children tell what they saw through a pipe.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "collect/collector.h"
#include "support/recorder.h"
#include "support/scratch.h"

#ifdef TACHO__UNDER_TSAN
#define FORKS 20
#else
#define FORKS 60
#endif

/* What a child saw; written to the pipe as it is. */
typedef struct report {
    uint64_t calls, sessions, open, foreign, lost, generation, first_ns, parent_id, reused;
    uint8_t id[16];
    char session[64];
} report;

typedef struct family {
    recorder *r;
    tacho_series *series;
    tacho_session *session;
    tacho_operation outer; /* begun by the parent, before the fork */
    _Atomic int stop, ready;
} family;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

static void look(recorder *r, report *out) {
    static tacho__series_view series;
    static tacho__record_view record;
    tacho__view *view;
    if (tacho__collector_view(r->collector, &view) != TACHO_OK) {
        return;
    }
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        if (tacho__view_series(view, i, &series) && series.type == TACHO__TYPE_OPERATION) {
            out->calls += series.calls;
        }
    }
    for (uint32_t i = 0; i < tacho__view_record_count(view); ++i) {
        if (tacho__view_record(view, i, &record)) {
            out->parent_id = record.parent ? record.parent : out->parent_id;
        }
    }
    out->open = tacho__view_open_count(view);
    out->sessions = tacho__view_session_count(view);
    out->foreign = tacho__view_drops(view, TACHO__DROP_FOREIGN_END);
    out->lost = tacho__view_drops(view, TACHO__DROP_LOST);
    memcpy(out->id, tacho__view_describe(view)->id, sizeof out->id);
    out->generation = tacho__view_describe(view)->generation;
    tacho__view_free(view);
}

/* What every child does: 10 operations in each way, one of them below the parent's. */
static void live(family *f, report *out) {
    const uint64_t start = now_ns();
    tacho_observe(f->series, S);
    out->first_ns = now_ns() - start;
    for (int i = 0; i < 9; ++i) {
        tacho_observe(f->series, S);
    }
    tacho_operation op;
    tacho_begin(f->series, &f->outer, &op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    for (int i = 0; i < 9; ++i) {
        const tacho_begin_options options = {.struct_size = sizeof options, .session = f->session};
        tacho_begin_with(f->series, &options, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    tacho_end(&f->outer, TACHO_OUTCOME_OK);
    tacho_end(&f->outer, TACHO_OUTCOME_OK);
    strncpy(out->session, tacho_session_id(tacho_collector_session(f->r->collector)), sizeof out->session - 1);
    look(f->r, out);
}

static void tell(int pipe, const report *what) {
    _exit(write(pipe, what, sizeof *what) == sizeof *what ? 0 : 1);
}

static int raw_clone(void) {
    return (int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* The report of a child that does `work`. */
static report child_of(family *f, int (*make)(void), void (*work)(family *, report *)) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const int child = make();
    if (child == 0) {
        alarm(20); /* a child that hangs is a failure, not the end of the run */
        report own = {0};
        work(f, &own);
        tell(pipes[1], &own);
    }
    assert_true(child > 0);
    close(pipes[1]);
    report seen = {0};
    assert_int_equal(read(pipes[0], &seen, sizeof seen), sizeof seen);
    close(pipes[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return seen;
}

static void start(family *f, recorder *r) {
    *f = (family){.r = r};
    f->series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    assert_int_equal(tacho_session_open(r->collector, "shared-name", &f->session), TACHO_OK);
    tacho_begin(f->series, NULL, &f->outer);
    tacho_observe(f->series, S);
}

/* Returns the calls of the parent. */
static uint64_t finish(family *f) {
    tacho_end(&f->outer, TACHO_OUTCOME_OK);
    assert_int_equal(recorder_drops(f->r, TACHO__DROP_LOST), 0);
    assert_int_equal(recorder_drops(f->r, TACHO__DROP_FOREIGN_END), 0);
    assert_int_equal(tacho__view_open_count(f->r->view), 0);
    tacho_session_end(f->session);
    tacho_series_release(f->series);
    return recorder_all_calls(f->r);
}

static void expect_own_life(const report *child, const family *f) {
    assert_int_equal(child->calls, 20);
    assert_int_equal(child->open, 0);
    assert_int_equal(child->foreign, 1); /* the second end of the same operation is nothing new */
    assert_int_equal(child->lost, 0);
    assert_int_equal(child->sessions, 2);
    assert_true(child->parent_id == tacho_operation_id(&f->outer));
    assert_true(child->first_ns < 100 * MS);
    assert_memory_not_equal(child->id, f->r->collector->writer.segment->header->id, sizeof child->id);
    assert_string_not_equal(child->session, tacho_session_id(tacho_collector_session(f->r->collector)));
}

static void test_child__starts_with_nothing_of_its_parent(void **state) {
    family f;
    start(&f, *state);
    const report seen = child_of(&f, fork, live);
    expect_own_life(&seen, &f);
    assert_int_equal(seen.generation, 2);
    assert_int_equal(finish(&f), 2);
}

static void test_child__without_a_wiped_page_does_the_same(void **state) {
    family f;
    start(&f, *state);
    f.r->collector->writer.wiped = false;
#ifdef MADV_KEEPONFORK
    madvise(f.r->collector, TACHO__PAGE, MADV_KEEPONFORK);
#endif
    const report seen = child_of(&f, fork, live);
    expect_own_life(&seen, &f);
    assert_int_equal(finish(&f), 2);
}

static void test_child__made_without_the_handlers_is_noticed_all_the_same(void **state) {
    family f;
    start(&f, *state);
    if (!f.r->collector->writer.wiped) {
        print_message("SKIP: no MADV_WIPEONFORK here\n");
        skip();
    }
    const report seen = child_of(&f, raw_clone, live);
    expect_own_life(&seen, &f);
    assert_int_equal(finish(&f), 2);
}

static void only_look(family *f, report *out) {
    look(f->r, out);
}

static void test_snapshot__of_a_child_that_recorded_nothing_is_empty(void **state) {
    family f;
    start(&f, *state);
    assert_int_equal(child_of(&f, fork, only_look).calls, 0);
    assert_int_equal(child_of(&f, raw_clone, only_look).calls, 0);
    assert_int_equal(finish(&f), 2);
}

static void close_all(family *f, report *out) {
    tacho_end(&f->outer, TACHO_OUTCOME_OK);
    tacho_session_end(f->session);
    tacho_series_release(f->series);
    tacho_collector_close(f->r->collector);
    out->calls = 1;
}

static void open_another(family *f, report *out) {
    recorder other;
    memset(&other, 0, sizeof other);
    tacho_series *series;
    if (tacho_collector_open(&other.collector, NULL) != TACHO_OK ||
        tacho_bind(other.collector, TACHO_KIND_STEP, "plan", NULL, &series) != TACHO_OK) {
        return;
    }
    tacho_observe(series, S);
    look(&other, out);
    tacho_series_release(series);
    tacho_collector_close(other.collector);
    close_all(f, out);
}

static void test_child__may_close_and_open_collectors(void **state) {
    family f;
    start(&f, *state);
    assert_int_equal(child_of(&f, fork, close_all).calls, 1);
    assert_int_equal(child_of(&f, raw_clone, close_all).calls, 1);
    assert_int_equal(child_of(&f, fork, open_another).calls, 1);
    assert_int_equal(finish(&f), 2);
}

static void reset_at_once(family *f, report *out) {
    tacho_collector_reset(f->r->collector);
    live(f, out);
}

static void switch_off_and_on(family *f, report *out) {
    tacho_collector_set_enabled(f->r->collector, 0);
    tacho_observe(f->series, S);
    tacho_collector_set_enabled(f->r->collector, 1);
    live(f, out);
}

static void test_child__may_begin_with_any_call(void **state) {
    family f;
    start(&f, *state);
    report seen = child_of(&f, fork, reset_at_once);
    expect_own_life(&seen, &f);
    seen = child_of(&f, fork, switch_off_and_on);
    expect_own_life(&seen, &f);
    assert_int_equal(finish(&f), 2);
}

static void have_a_child(family *f, report *out) {
    report own = {0};
    live(f, &own);
    tacho_begin(f->series, NULL, &f->outer);
    int pipes[2];
    if (pipe(pipes) != 0) {
        return;
    }
    const int child = fork();
    if (child == 0) {
        report grandchild = {0};
        live(f, &grandchild);
        tell(pipes[1], &grandchild);
    }
    if (read(pipes[0], out, sizeof *out) != sizeof *out) {
        out->lost = 1;
    }
    waitpid(child, NULL, 0);
    out->parent_id = memcmp(own.id, out->id, sizeof own.id) == 0 ? 0 : tacho_operation_id(&f->outer);
    tacho_end(&f->outer, TACHO_OUTCOME_OK);
    report again = {0};
    look(f->r, &again);
    out->reused = again.calls;
}

static void test_child__of_a_child_is_a_process_of_its_own_too(void **state) {
    family f;
    start(&f, *state);
    const report seen = child_of(&f, fork, have_a_child);
    assert_int_equal(seen.calls, 20);
    assert_int_equal(seen.foreign, 1);
    assert_int_equal(seen.generation, 3);
    assert_true(seen.parent_id != 0);
    assert_int_equal(seen.reused, 21); /* what the child itself has, after its child is gone */
    assert_int_equal(finish(&f), 2);
}

/* As daemons begin: the parent exits at once, a child of the child does the work. */
static int daemonise(void) {
    const int child = fork();
    if (child == 0) {
        setsid();
        const int second = fork();
        if (second != 0) {
            _exit(0);
        }
    }
    return child;
}

static void test_daemon__records_as_its_own_process(void **state) {
    family f;
    start(&f, *state);
    const report seen = child_of(&f, daemonise, live);
    expect_own_life(&seen, &f);
    assert_int_equal(finish(&f), 2);
}

/* vfork and posix_spawn share memory and thread with the parent until the new program runs: that is the parent. */
static void test_spawned_programs__change_nothing(void **state) {
    family f;
    start(&f, *state);
    char *arguments[] = {"true", NULL};
    pid_t child;
    int status;
    assert_int_equal(posix_spawnp(&child, "true", NULL, NULL, arguments, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    tacho_observe(f.series, S);
#ifndef TACHO__UNDER_TSAN /* which makes a fork of every vfork */
    if ((child = vfork()) == 0) {
        tacho_observe(f.series, S);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
#else
    tacho_observe(f.series, S);
#endif
    tacho_observe(f.series, S);
    assert_int_equal(finish(&f), 5);
}

/* ---- the state of other threads at the fork */

static void *record_all_the_time(void *argument) {
    family *f = argument;
    uint64_t calls = 0;
    for (; !atomic_load(&f->stop); ++calls) {
        tacho_operation op;
        tacho_begin(f->series, NULL, &op);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 1));
        tacho_operation_component(&op, "part", MS);
        tacho_end(&op, TACHO_OUTCOME_OK);
        atomic_store(&f->ready, 1);
    }
    return (void *)(uintptr_t)calls;
}

static void test_fork__while_other_threads_record_loses_nothing(void **state) {
    family f;
    start(&f, *state);
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, record_all_the_time, &f), 0);
    }
    while (!atomic_load(&f.ready)) {
    }
    for (int i = 0; i < FORKS; ++i) {
        const report seen = child_of(&f, fork, live);
        expect_own_life(&seen, &f);
    }
    atomic_store(&f.stop, 1);
    uint64_t calls = 2;
    for (int i = 0; i < 3; ++i) {
        void *more;
        pthread_join(threads[i], &more);
        calls += (uintptr_t)more;
    }
    assert_int_equal(finish(&f), calls);
}

static void *bind_all_the_time(void *argument) {
    family *f = argument;
    for (int i = 0; !atomic_load(&f->stop); ++i) {
        char name[16] = "bound";
        name[5] = (char)('a' + i % 20);
        tacho_series *series;
        tacho_bind(f->r->collector, TACHO_KIND_STEP, name, NULL, &series);
        tacho_session *session;
        tacho_session_open(f->r->collector, name, &session);
        tacho_session_end(session);
        tacho_series_release(series);
        tacho_collector *other; /* the table of all writers changes too */
        const tacho_config small = {.struct_size = sizeof small, .max_bytes = 1 << 20, .max_series = 10};
        if (i % 16 == 0 && tacho_collector_open(&other, &small) == TACHO_OK) {
            tacho_collector_close(other);
        }
        if (i % 64 == 0) {
            tacho_collector_reset(f->r->collector);
        }
        atomic_store(&f->ready, 1);
    }
    return NULL;
}

static void test_fork__waits_for_tables_that_are_being_changed(void **state) {
    family f;
    start(&f, *state);
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(pthread_create(&threads[i], NULL, bind_all_the_time, &f), 0);
    }
    while (!atomic_load(&f.ready)) {
    }
    for (int i = 0; i < FORKS; ++i) {
        const report seen = child_of(&f, fork, live);
        assert_int_equal(seen.calls, 20);
        assert_int_equal(seen.foreign, 1);
        assert_int_equal(seen.lost, 0);
    }
    atomic_store(&f.stop, 1);
    for (int i = 0; i < 3; ++i) {
        pthread_join(threads[i], NULL);
    }
    tacho_end(&f.outer, TACHO_OUTCOME_OK);
    tacho_session_end(f.session);
    tacho_series_release(f.series);
}

/* A lock that a thread holds which the child does not have: free for the child. */
typedef struct holder {
    tacho__guard *guard;
    _Atomic int holds, stop;
} holder;

static void *hold(void *argument) {
    holder *h = argument;
    tacho__guard_enter(h->guard, TACHO__GUARD_QUIET);
    atomic_store(&h->holds, 1);
    while (!atomic_load(&h->stop)) {
    }
    tacho__guard_leave(h->guard);
    return NULL;
}

static void with_guard_held(family *f, tacho__guard *guard, int (*make)(void)) {
    holder h = {.guard = guard};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold, &h), 0);
    while (!atomic_load(&h.holds)) {
    }
    const report seen = child_of(f, make, live);
    expect_own_life(&seen, f);
    atomic_store(&h.stop, 1);
    pthread_join(thread, NULL);
}

static void test_lock__held_by_a_thread_that_the_child_has_not_is_free(void **state) {
    family f;
    start(&f, *state);
    tacho__writer *writer = &f.r->collector->writer;
    with_guard_held(&f, &writer->sharing, fork);
    if (writer->wiped) {
        with_guard_held(&f, &writer->sharing, raw_clone);
        with_guard_held(&f, &writer->lock, raw_clone); /* fork would wait for this one */
    }
    assert_int_equal(finish(&f), 2);
}

/* ---- the fork interrupts a call of the same thread */

static int handler_pipe[2];
static volatile sig_atomic_t forks, in_child;

static void fork_in_handler(int number) {
    (void)number;
    const int before = errno;
    if (in_child || forks >= FORKS) {
        return;
    }
    forks += 1;
    in_child = fork() == 0; /* a child's first use asks for memory, so not in here */
    errno = before;
}

/* What the child of a handler does when the call that was interrupted has returned. */
static void live_after(family *f) {
    report own = {0};
    live(f, &own);
    tell(handler_pipe[1], &own);
}

static void test_fork__in_a_signal_handler_in_the_middle_of_a_call(void **state) {
    family f;
    start(&f, *state);
    forks = in_child = 0;
    assert_int_equal(pipe(handler_pipe), 0);
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART}, before;
    sigaction(SIGALRM, &action, &before);
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    uint64_t calls = 2;
    setitimer(ITIMER_REAL, &often, NULL);
    while (forks < FORKS) {
        tacho_operation op;
        tacho_begin(f.series, NULL, &op);
        tacho_operation_component(&op, "part", MS);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = 1, .model = "gpt-4o"));
        tacho_end(&op, TACHO_OUTCOME_OK);
        calls += 1;
        if (in_child) {
            live_after(&f);
        }
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    if (in_child) {
        live_after(&f);
    }
    for (int i = 0; i < FORKS; ++i) {
        report seen;
        assert_int_equal(read(handler_pipe[0], &seen, sizeof seen), sizeof seen);
        /* An operation that began in the child before the interrupted loop came to its end counts too. */
        assert_in_range(seen.calls, 20, 21);
        assert_int_equal(seen.lost, 0);
        assert_in_range(seen.foreign, 1, 2);
    }
    while (waitpid(-1, NULL, 0) > 0) {
    }
    close(handler_pipe[0]);
    close(handler_pipe[1]);
    assert_int_equal(finish(&f), calls);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_child__starts_with_nothing_of_its_parent),
        WITH(test_child__without_a_wiped_page_does_the_same),
        WITH(test_child__made_without_the_handlers_is_noticed_all_the_same),
        WITH(test_snapshot__of_a_child_that_recorded_nothing_is_empty),
        WITH(test_child__may_close_and_open_collectors),
        WITH(test_child__may_begin_with_any_call),
        WITH(test_child__of_a_child_is_a_process_of_its_own_too),
        WITH(test_daemon__records_as_its_own_process),
        WITH(test_spawned_programs__change_nothing),
        WITH(test_fork__while_other_threads_record_loses_nothing),
        WITH(test_fork__waits_for_tables_that_are_being_changed),
        WITH(test_lock__held_by_a_thread_that_the_child_has_not_is_free),
        WITH(test_fork__in_a_signal_handler_in_the_middle_of_a_call),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
