#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/keeper.h"
#include "keeper/windows.h"
#include "segment/registry.h"
#include "support/recorder.h"
#include "support/scratch.h"

#define SECOND INT64_C(1000000000)

static scratch place;
static const char *folder;

static int make(void **state) {
    (void)state;
    scratch_make(&place);
    folder = scratch_path(&place, "registry");
    tacho__keeper_set_pace(S);
    return 0;
}

static int unmake(void **state) {
    (void)state;
    assert_false(tacho__keeper_runs());
    scratch_remove(&place);
    return 0;
}

static void record(tacho_collector *collector, const char *name, unsigned n) {
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_LLM, name, NULL, &series), TACHO_OK);
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = 100 * MS;
    finished.cost_pusd = 1000;
    for (unsigned i = 0; i < n; ++i) {
        assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    }
    tacho_series_release(series);
}

static tacho_timeline *take(tacho_collector *collector, const char *what, const char *period, const char *step) {
    tacho_timeline *timeline;
    assert_int_equal(tacho_timeline_take(collector, what, period, step, &timeline), TACHO_OK);
    assert_string_equal(timeline->problem, "");
    return timeline;
}

static int64_t sum_of(tacho_collector *collector, const char *what, const char *period, const char *step) {
    tacho_timeline *timeline = take(collector, what, period, step);
    int64_t sum = 0;
    for (size_t i = 0; i < timeline->count; ++i) {
        sum += timeline->points[i].n;
    }
    tacho_timeline_free(timeline);
    return sum;
}

static void test_timeline__starts_the_keeper_and_tells_what_happened(void **state) {
    (void)state;
    recorder r;
    recorder_open(&r, NULL);
    assert_false(tacho__keeper_runs());
    record(r.collector, "plan", 2);
    tacho__clock_fake_advance(&r.clock, 20 * S);
    record(r.collector, "act", 3);
    tacho_timeline *timeline = take(r.collector, "calls", "1m", NULL);
    assert_true(tacho__keeper_runs());
    assert_int_equal(timeline->step_ns, 10 * SECOND);
    assert_int_equal(timeline->count, 7);
    assert_false(timeline->is_money);
    /* begun at :05, now is :25 */
    const tacho_point *last = &timeline->points[6];
    assert_int_equal(last->start_ns, RECORDER_WALL + 15 * SECOND);
    assert_int_equal(last->end_ns, RECORDER_WALL + 25 * SECOND);
    assert_int_equal(last->n, 3);
    assert_false(last->complete);
    assert_int_equal(last[-1].n, 0);
    assert_true(last[-1].complete);
    assert_true(last[-1].value == 0);
    assert_int_equal(last[-2].n, 2);
    assert_true(last[-2].value == 2);
    assert_int_equal(last[-2].value_pusd, TACHO_COST_UNKNOWN);
    assert_true(isnan(last[-3].value));
    assert_false(last[-3].complete);
    assert_int_equal(timeline->covered_ns, 25 * SECOND);
    tacho_timeline_free(timeline);
    timeline = take(r.collector, "cost{operation=\"plan\"}", "1m", "1m");
    assert_true(timeline->is_money);
    assert_int_equal(timeline->points[timeline->count - 1].value_pusd, 2000);
    tacho_timeline_free(timeline);
    recorder_close(&r);
}

static void test_timeline__says_what_is_wrong_with_the_question(void **state) {
    (void)state;
    static const char *const wrong[][3] = {{"what", "1h", NULL},  {"calls", "1y", NULL}, {"calls", "", NULL},
                                           {"calls", "0s", NULL}, {"calls", "1h", "2m"}, {"calls", "52w", "10s"},
                                           {NULL, "1h", NULL},    {"calls", NULL, NULL}, {"calls", "99999999h", NULL}};
    recorder r;
    recorder_open(&r, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        tacho_timeline *timeline;
        assert_int_equal(tacho_timeline_take(r.collector, wrong[i][0], wrong[i][1], wrong[i][2], &timeline),
                         TACHO_INVALID);
        assert_true(strlen(timeline->problem) > 0);
        assert_int_equal(timeline->count, 0);
        tacho_timeline_free(timeline);
    }
    assert_int_equal(tacho_timeline_take(r.collector, "calls", "1h", NULL, NULL), TACHO_INVALID);
    assert_false(tacho__keeper_runs());
    recorder_close(&r);
    tacho_timeline_free(NULL);
}

static void test_timeline__of_nothing_knows_nothing(void **state) {
    (void)state;
    tacho_timeline *timeline = take(NULL, "avg", "10m", NULL);
    assert_int_equal(timeline->count, 61);
    assert_true(isnan(timeline->points[0].value));
    tacho_timeline_free(timeline);
}

static void test_timeline__in_a_registry_all_processes_are_one(void **state) {
    (void)state;
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = folder;
    tacho_collector *one, *other;
    assert_int_equal(tacho_collector_open(&one, &config), TACHO_OK);
    assert_int_equal(tacho_collector_open(&other, &config), TACHO_OK);
    record(one, "plan", 2);
    assert_int_equal(sum_of(one, "calls", "10m", NULL), 2); /* keeps from now on, and has saved it */
    assert_true(tacho__keeper_holds(one, TACHO__LEASE_REGISTRY));
    record(other, "plan", 3);
    assert_int_equal(sum_of(other, "calls", "10m", NULL), 5); /* what was saved, and what is new */
    assert_false(tacho__keeper_holds(other, TACHO__LEASE_REGISTRY));
    record(one, "act", 4);
    assert_int_equal(sum_of(one, "calls", "10m", NULL), 9);
    assert_int_equal(sum_of(one, "calls{operation=\"act\"}", "10m", NULL), 4);
    tacho_collector_close(other);
    tacho_collector_close(one);
}

static void keep_and_wait(int ready) {
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = folder;
    tacho_collector *collector;
    if (tacho_collector_open(&collector, &config) != TACHO_OK) {
        _exit(1);
    }
    record(collector, "plan", 7);
    tacho_timeline *timeline;
    if (tacho_timeline_take(collector, "calls", "10m", NULL, &timeline) != TACHO_OK) {
        _exit(2);
    }
    /* The first turn saved it. */
    if (!tacho__keeper_holds(collector, TACHO__LEASE_REGISTRY) || write(ready, "r", 1) != 1) {
        _exit(3);
    }
    for (;;) {
        pause();
    }
}

static void test_timeline__is_kept_over_a_takeover(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        keep_and_wait(ends[1]);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = folder;
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    record(collector, "plan", 2);
    assert_int_equal(sum_of(collector, "calls{operation=\"plan\"}", "10m", NULL), 9);
    assert_true(tacho__keeper_holds(collector, TACHO__LEASE_REGISTRY));
    tacho_collector_close(collector);
    close(ends[0]);
    close(ends[1]);
}

static void test_state__that_cannot_be_read_begins_anew(void **state) {
    (void)state;
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = folder;
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folder, 0, &registry), TACHO_OK);
    tacho__ladder *ladder;
    assert_int_equal(tacho__state_load(registry, &ladder), TACHO_NOT_FOUND);
    assert_int_equal(tacho__registry_write(registry, TACHO__REGISTRY_STATE, "nonsense", 8), TACHO_OK);
    assert_int_equal(tacho__state_load(registry, &ladder), TACHO_DAMAGED);
    record(collector, "plan", 2);
    assert_int_equal(sum_of(collector, "calls", "10m", NULL), 2);
    assert_int_equal(tacho__state_load(registry, &ladder), TACHO_OK);
    tacho__ladder_free(ladder);
    tacho__registry_release(registry);
    tacho_collector_close(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timeline__starts_the_keeper_and_tells_what_happened, make, unmake),
        cmocka_unit_test_setup_teardown(test_timeline__says_what_is_wrong_with_the_question, make, unmake),
        cmocka_unit_test_setup_teardown(test_timeline__of_nothing_knows_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(test_timeline__in_a_registry_all_processes_are_one, make, unmake),
        cmocka_unit_test_setup_teardown(test_timeline__is_kept_over_a_takeover, make, unmake),
        cmocka_unit_test_setup_teardown(test_state__that_cannot_be_read_begins_anew, make, unmake),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
