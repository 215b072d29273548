/**
 * Every call that writes, interrupted at every atomic store by a signal handler of the same thread (P22): one that
 * records, and one that forks (P18), whose child comes back into the middle of the call.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "collect/collector.h"
#include "kill/kill_cases.h"
#include "kill/kill_points.h"
#include "support/digest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TACHO__UNDER_TSAN
#define FORK_EVERY 200u
#else
#define FORK_EVERY 9u
#endif

static struct {
    bool armed;
    uint64_t stores, at; /* interrupt before store number `at` of the run */
    uint64_t handled;
    tacho_series *series; /* of the handler */
    bool forks, in_child;
    pid_t child;
} now;

static uint64_t all_interrupts, all_forks;

void kill_point(const volatile void *cell) {
    (void)cell;
    if (now.armed && now.stores++ == now.at) {
        raise(SIGUSR1);
    }
}

static void on_signal(int number) {
    (void)number;
    now.handled += 1;
    if (now.forks) {
        now.child = fork();
        now.in_child = now.child == 0;
        return;
    }
    tacho_observe(now.series, S);
    tacho_operation op;
    tacho_begin(now.series, NULL, &op);
    tacho_operation_component(&op, "in a handler", MS);
    tacho_end(&op, TACHO_OUTCOME_OK);
}

/* ------------------------------------------------------------------------------------------------------------ worlds
 */

static void open_world(world *w) {
    kill_world_open(w);
    now.series = recorder_bind(&w->r, TACHO_KIND_STEP, "handler", NULL, NULL);
    tacho_operation op; /* names that a handler uses are known before: it may not ask for memory */
    tacho_begin(now.series, NULL, &op);
    tacho_operation_component(&op, "in a handler", MS);
    tacho_end(&op, TACHO_OUTCOME_OK);
}

static void close_world(world *w) {
    tacho_series_release(now.series);
    kill_world_close(w);
}

/* The case once, in a fresh world; returns the calls that were counted, and what is wrong. */
static uint64_t run_once(world *w, const kill_case *one, uint64_t at, const char **wrong) {
    open_world(w);
    if (one->prepare) {
        one->prepare(w);
    }
    now.stores = now.handled = 0;
    now.child = 0;
    now.at = at;
    now.armed = true;
    one->run(w);
    now.armed = false;
    *wrong = NULL;
    if (now.in_child) {
        return 0;
    }
    recorder_read(&w->r);
    *wrong = digest_check(w->r.view);
    if (!*wrong && tacho__view_drops(w->r.view, TACHO__DROP_LOST) != 0) {
        *wrong = "an operation was lost";
    }
    return digest_calls(w->r.view);
}

/* In these the handler may find recording switched off, or its numbers withdrawn. */
static bool takes_numbers_away(const kill_case *one) {
    return strcmp(one->function, "tacho_collector_reset") == 0 ||
           strcmp(one->function, "tacho_collector_set_enabled") == 0;
}

/* ------------------------------------------------------------------------------------------------------------ sweeps
 */

static void interrupt_case(const kill_case *one) {
    world w;
    const char *wrong;
    now.forks = false;
    const uint64_t usual = run_once(&w, one, UINT64_MAX, &wrong);
    const uint64_t stores = now.stores;
    close_world(&w);
    for (uint64_t at = 0; at < stores; ++at) {
        const uint64_t calls = run_once(&w, one, at, &wrong);
        if (wrong) {
            fail_msg("%s, interrupted at store %llu: %s", one->what, (unsigned long long)at, wrong);
        }
        assert_int_equal(now.handled, 1);
        if (!takes_numbers_away(one) && calls != usual + 2) {
            fail_msg("%s, interrupted at store %llu: %llu calls, not %llu", one->what, (unsigned long long)at,
                     (unsigned long long)calls, (unsigned long long)usual + 2);
        }
        close_world(&w);
        all_interrupts += now.handled;
    }
}

static void test_handlers__that_record_are_exact_at_every_store(void **state) {
    (void)state;
    for (size_t i = 0; i < kill_case_count; ++i) {
        interrupt_case(&kill_cases[i]);
    }
    printf("    %llu interrupts\n", (unsigned long long)all_interrupts);
    assert_true(all_interrupts > 20 * kill_case_count); /* the hook is there */
}

/* What a child does that came out of the middle of a call; its exit code says what is wrong. */
static void live_on(world *w, uint64_t lost_most) {
    alarm(20);
    for (int i = 0; i < 20; ++i) {
        tacho_operation op;
        tacho_begin(w->step, NULL, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    tacho__view *view;
    if (tacho__collector_view(w->r.collector, &view) != TACHO_OK) {
        _exit(2);
    }
    const uint64_t calls = digest_calls(view);
    /* An operation on its way from a full segment to the shared lane finds that of the child, and counts as lost there:
     * it is the parent's, where it is counted. */
    const bool fine = !digest_check(view) && tacho__view_drops(view, TACHO__DROP_LOST) <= lost_most;
    /* What the case does after the call in which it was interrupted is the child's, too. */
    _exit(!fine ? 3 : calls < 20 ? 4 : 0);
}

static void fork_case(const kill_case *one, uint64_t first) {
    world w;
    const char *wrong;
    if (strstr(one->what, "another thread")) {
        return; /* that thread is all the child would have, and ends before it could tell anything */
    }
    now.forks = false;
    const uint64_t usual = run_once(&w, one, UINT64_MAX, &wrong);
    const uint64_t stores = now.stores;
    close_world(&w);
    now.forks = true;
    for (uint64_t at = first; at < stores; at += FORK_EVERY) {
        const uint64_t calls = run_once(&w, one, at, &wrong);
        if (now.in_child) {
            live_on(&w, strstr(one->what, "full segment") ? 1 : 0);
        }
        int status;
        assert_int_equal(waitpid(now.child, &status, 0), now.child);
        if (wrong || status != 0 || calls != usual) {
            fail_msg("%s, forked at store %llu: %s, child's status %x, %llu calls, not %llu", one->what,
                     (unsigned long long)at, wrong ? wrong : "fine", (unsigned)status, (unsigned long long)calls,
                     (unsigned long long)usual);
        }
        close_world(&w);
        ++all_forks;
    }
}

static void test_handlers__that_fork_leave_both_processes_exact(void **state) {
    (void)state;
    for (size_t i = 0; i < kill_case_count; ++i) {
        fork_case(&kill_cases[i], i % FORK_EVERY);
    }
    printf("    %llu forks\n", (unsigned long long)all_forks);
    assert_true(all_forks > 2 * kill_case_count);
}

int main(void) {
    signal(SIGUSR1, on_signal);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers__that_record_are_exact_at_every_store),
        cmocka_unit_test(test_handlers__that_fork_leave_both_processes_exact),
    };
    return cmocka_run_group_tests_name("interrupt_sweep", tests, NULL, NULL);
}
