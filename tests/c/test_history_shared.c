#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "keeper/keeper.h"
#include "segment/crc32c.h"
#include "segment/registry_history.h"
#include "support/fill_collector.h"
#include "support/history_dump.h"
#include "support/keeping.h"

#include <tachograph/history.h>
#include <tachograph/registry.h>
#include <tachograph/timeline.h>

/* -------------------------------------------------------------------------------------------------------- a registry
 */

static void keep_until_killed(int ready) {
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_record(collector, 3);
    tacho_collector_flush(collector, 30 * SECOND);
    keeping_record(collector, 4); /* only in its ring */
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static void test_takeover__hands_over_what_the_dead_one_left_once(void **state) {
    (void)state;
    keeping_child holder = keeping_start(keep_until_killed);
    assert_int_equal(keeping_event(&holder), 'r');
    assert_int_equal(keeping_rows(), 3);
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_record(collector, 5);
    keeping_flush(collector);
    assert_false(tacho__keeper_holds(collector, TACHO__LEASE_HISTORY));
    assert_int_equal(keeping_rows(), 3); /* the other one holds the lease */
    const uint64_t begin = tacho__now(&tacho__clock_system);
    kill(holder.pid, SIGKILL);
    assert_true(WIFSIGNALED(keeping_end(&holder)));
    keeping_await_rows(12);
    const uint64_t took = tacho__now(&tacho__clock_system) - begin;
    print_message("taken over after %.3f s at a pace of %.0f s\n", (double)took / 1e9, (double)PACE / 1e9);
    assert_true(took < 2 * PACE); /* 10 s at the usual 5 s */
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 12);
    assert_int_equal(keeping_drops(collector, "history_missed"), 0);
    tacho_collector_close(collector);
    assert_int_equal(keeping_rows(), 12);
}

static void record_until_killed(int ready) {
    tacho_collector *collector = keeping_open(keeping_folder);
    keeping_record(collector, 6);
    tacho_series *series;
    tacho_operation open;
    if (tacho_bind(collector, TACHO_KIND_STEP, "open", NULL, &series) != TACHO_OK ||
        tacho_begin(series, NULL, &open) != TACHO_OK || write(ready, "r", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static void test_registry__hands_over_what_others_recorded_living_or_dead(void **state) {
    (void)state;
    keeping_child other = keeping_start(record_until_killed);
    assert_int_equal(keeping_event(&other), 'r');
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 6);
    kill(other.pid, SIGKILL);
    keeping_end(&other);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 7);
    assert_int_equal(history_number(keeping_file, "SELECT count(*) FROM record WHERE outcome='orphaned'"), 1);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 7);
    tacho_collector_close(collector);
}

static void keep_and_close(unsigned records) {
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_record(collector, records);
    tacho_collector_close(collector);
}

/* Takes all rows away but the one by which the file is known: whatever comes back was handed over once more. */
static void empty_the_file(void) {
    tacho__registry *registry;
    tacho__handed left;
    char path[TACHO__HISTORY_PATH], sql[128];
    assert_int_equal(tacho__registry_open(keeping_folder, 0, &registry), TACHO_OK);
    assert_int_equal(tacho__registry_history_load(registry, path, &left), TACHO_OK);
    assert_string_equal(path, keeping_file);
    snprintf(sql, sizeof sql, "DELETE FROM record WHERE source_id<>'%s'", left.one);
    history_number(keeping_file, sql);
    assert_int_equal(keeping_rows(), 1);
    tacho__handed_free(&left);
    tacho__registry_release(registry);
}

/* Who comes after a close does not hand over all the dead once more. */
static void test_watermark__is_left_to_whoever_comes_next(void **state) {
    (void)state;
    keep_and_close(5);
    assert_int_equal(keeping_rows(), 5);
    empty_the_file();
    keep_and_close(2); /* this folds the first */
    assert_int_equal(keeping_rows(), 1 + 2);
    empty_the_file();
    keep_and_close(3);
    assert_int_equal(keeping_rows(), 1 + 3);
    tacho_collector *collector = keeping_open(keeping_folder);
    assert_int_equal(keeping_drops(collector, "history_missed"), 0);
    tacho_collector_close(collector);
}

static void test_watermark__of_another_file_is_none(void **state) {
    (void)state;
    keep_and_close(5);
    assert_int_equal(unlink(keeping_file), 0);
    keep_and_close(2);
    assert_int_equal(keeping_rows(), 7);
}

static void record_until_told(int ready) {
    tacho_collector *collector = keeping_open(keeping_folder);
    for (;;) {
        keeping_record(collector, 700);
        if (write(ready, "r", 1) != 1 || raise(SIGSTOP) != 0) {
            _exit(1);
        }
    }
}

static void go_on(const keeping_child *self) {
    int status;
    assert_int_equal(waitpid(self->pid, &status, WUNTRACED), self->pid);
    assert_true(WIFSTOPPED(status));
    kill(self->pid, SIGCONT);
    assert_int_equal(keeping_event(self), 'r');
}

/* A worker dies after its records were handed over in part; another process folds it, and yet another hands over. */
static void test_worker__that_was_folded_since_is_handed_over_from_where_it_was(void **state) {
    (void)state;
    keeping_child worker = keeping_start(record_until_told);
    assert_int_equal(keeping_event(&worker), 'r');
    keep_and_close(0);
    assert_int_equal(keeping_rows(), 700);
    go_on(&worker);
    kill(worker.pid, SIGKILL);
    keeping_end(&worker);
    empty_the_file();
    tacho_collector_close(keeping_open(keeping_folder)); /* folds */
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 1 + 700);
    assert_int_equal(keeping_drops(collector, "history_missed"), 0);
    tacho_collector_close(collector);
}

static int die_at_once(const keeping_child *self) {
    kill(self->pid, SIGKILL);
    return keeping_end((keeping_child *)(uintptr_t)self);
}

static void keep_and_wait(int ready) {
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    tacho_collector_flush(collector, 30 * SECOND);
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

/* Nobody hands over for a while: what was overwritten meanwhile is known to the successor, to the record. */
static void test_takeover__knows_what_was_missed_before_it(void **state) {
    (void)state;
    keeping_child worker = keeping_start(record_until_told);
    assert_int_equal(keeping_event(&worker), 'r');
    keeping_child holder = keeping_start(keep_and_wait);
    assert_int_equal(keeping_event(&holder), 'r');
    assert_int_equal(keeping_rows(), 700);
    assert_true(WIFSIGNALED(die_at_once(&holder)));
    for (int i = 0; i < 3; ++i) {
        go_on(&worker);
    }
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(collector);
    const int64_t missed = keeping_drops(collector, "history_missed");
    assert_true(missed >= 4 * 700 - 700 - 1024);
    assert_int_equal(keeping_rows() + missed, 4 * 700);
    keeping_flush(collector);
    assert_int_equal(keeping_drops(collector, "history_missed"), missed);
    die_at_once(&worker); /* of what it had in its ring, nothing is new */
    keeping_flush(collector);
    assert_int_equal(keeping_drops(collector, "history_missed"), missed);
    assert_int_equal(keeping_rows() + missed, 4 * 700);
    tacho_collector_close(collector);
}

/* The worker began when the clock was an hour behind, or ahead; no watermark in time would find its records. */
static void take_over_with_a_clock_off_by(int64_t ns) {
    tacho_collector *worker = keeping_open(keeping_folder);
    tacho_series *series;
    keep_and_close(0);
    tacho__header *header = tacho__segment_of(worker)->header;
    header->clock = 0; /* one of its own, which no reader corrects */
    header->crc32c = tacho__crc32c(header, offsetof(tacho__header, crc32c));
    tacho__put(&header->anchors[0].wall_ns, tacho__get(&header->anchors[0].wall_ns) + (uint64_t)ns);
    assert_int_equal(tacho_bind(worker, TACHO_KIND_STEP, "plan", NULL, &series), TACHO_OK);
    for (int i = 0; i < 50; ++i) {
        tacho_operation operation;
        assert_int_equal(tacho_begin(series, NULL, &operation), TACHO_OK);
        assert_int_equal(tacho_end(&operation, TACHO_OUTCOME_OK), TACHO_OK);
    }
    tacho_series_release(series);
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 50);
    tacho_collector_close(collector);
    tacho_collector_close(worker);
}

static void test_takeover__finds_records_whatever_the_clock_said(void **state) {
    (void)state;
    take_over_with_a_clock_off_by(-(int64_t)HOUR);
}

static void test_takeover__finds_records_of_the_future(void **state) {
    (void)state;
    take_over_with_a_clock_off_by((int64_t)HOUR);
}

/* The host closes the lease's descriptor; another process has the lease for a while, and then it comes back. */
static void test_lease__that_came_back_begins_with_what_the_other_left(void **state) {
    (void)state;
    keeping_child worker = keeping_start(record_until_told);
    assert_int_equal(keeping_event(&worker), 'r');
    tacho_collector *one = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(one);
    assert_int_equal(keeping_rows(), 700);
    (void)keeping_close_file("lease-history");
    tacho_collector *other = keeping_open_with(keeping_folder, HOUR);
    for (int i = 0; i < 3; ++i) {
        go_on(&worker);
        keeping_flush(other);
    }
    assert_int_equal(keeping_rows(), 4 * 700);
    assert_int_equal(keeping_drops(other, "history_missed"), 0);
    tacho_collector_close(other);
    keeping_flush(one);
    assert_int_equal(keeping_rows(), 4 * 700);
    assert_int_equal(keeping_drops(one, "history_missed"), 0);
    die_at_once(&worker);
    tacho_collector_close(one);
}

static void hide(const char *from, const char *to) {
    char command[1024];
    snprintf(command, sizeof command, "cd '%s' && for f in %s*; do mv \"$f\" \"%s${f#%s}\"; done", keeping_folder, from,
             to, from);
    assert_int_equal(system(command), 0);
}

/* More records than a ring has in all, of which none is missed. */
static void test_hidden__for_a_turn_is_not_missed(void **state) {
    (void)state;
    keeping_child worker = keeping_start(record_until_told);
    assert_int_equal(keeping_event(&worker), 'r');
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(collector);
    for (int i = 0; i < 4; ++i) {
        go_on(&worker);
        keeping_flush(collector);
    }
    assert_int_equal(keeping_rows(), 3500);
    hide("seg-", "hidden-");
    keeping_flush(collector);
    hide("hidden-", "seg-");
    keeping_flush(collector);
    go_on(&worker);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 4200);
    assert_int_equal(keeping_drops(collector, "history_missed"), 0);
    die_at_once(&worker);
    tacho_collector_close(collector);
}

static void test_another_path__is_ignored_and_counted_while_one_is_kept(void **state) {
    (void)state;
    char path[TACHO__HISTORY_PATH];
    const char *second = scratch_path(&keeping_place, "second.db");
    tacho_collector *one = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(one);
    tacho_collector *other = keeping_open(keeping_folder);
    assert_int_equal(tacho_history_keep(other, second, HOUR), TACHO_OK);
    assert_int_equal(tacho_history_kept(other, path, sizeof path), TACHO_OK);
    assert_string_equal(path, keeping_file);
    assert_int_equal(keeping_drops(other, "setting_ignored"), 1);
    tacho_registry_state *seen;
    assert_int_equal(tacho_registry_look(keeping_folder, &seen), TACHO_OK);
    assert_string_equal(seen->history, keeping_file);
    tacho_registry_state_free(seen);
    keeping_record(other, 2);
    tacho_collector_close(one);
    tacho_collector_close(other);
    assert_int_equal(access(second, F_OK), -1);
    assert_int_equal(keeping_rows(), 2);
    other = keeping_open(keeping_folder); /* nobody keeps one any more */
    assert_int_equal(tacho_history_keep(other, second, HOUR), TACHO_OK);
    tacho_collector_close(other);
    assert_int_equal(keeping_rows_of(second), 2);
}

static void test_reset__of_who_does_not_hold_the_lease_hands_over_its_own(void **state) {
    (void)state;
    tacho_collector *one = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(one);
    tacho_collector *other = keeping_open_with(keeping_folder, HOUR);
    keeping_record(other, 3);
    assert_int_equal(tacho_collector_reset(other), TACHO_OK);
    keeping_flush(other);
    assert_int_equal(keeping_rows(), 3);
    tacho_collector_close(one);
    tacho_collector_close(other);
    assert_int_equal(keeping_rows(), 3);
}

static void test_reset__of_who_does_not_hold_the_lease_counts_what_is_missed(void **state) {
    (void)state;
    tacho_collector *one = keeping_open_with(keeping_folder, HOUR);
    keeping_flush(one);
    tacho_collector *other = keeping_open_with(keeping_folder, HOUR);
    keeping_record(other, 900);
    keeping_flush(one);
    keeping_record(other, 1500);
    assert_int_equal(tacho_collector_reset(other), TACHO_OK);
    keeping_flush(other);
    const int64_t missed = keeping_drops(other, "history_missed");
    assert_int_equal(missed, 1500 - 1024);
    assert_int_equal(keeping_rows() + missed, 900 + 1500);
    tacho_collector_close(one);
    tacho_collector_close(other);
}

static void test_lease__of_others_does_not_stand_in_the_way(void **state) {
    (void)state;
    tacho_collector *windows = keeping_open(keeping_folder), *keeping;
    tacho_timeline *timeline;
    assert_int_equal(tacho_timeline_take(windows, "calls", "1m", NULL, &timeline), TACHO_OK);
    tacho_timeline_free(timeline);
    assert_true(tacho__keeper_holds(windows, TACHO__LEASE_REGISTRY));
    keeping = keeping_open_with(keeping_folder, HOUR);
    keeping_record(windows, 2);
    keeping_flush(keeping);
    assert_false(tacho__keeper_holds(keeping, TACHO__LEASE_REGISTRY));
    assert_true(tacho__keeper_holds(keeping, TACHO__LEASE_HISTORY));
    assert_int_equal(keeping_rows(), 2);
    tacho_collector_close(keeping);
    tacho_collector_close(windows);
}

/* ------------------------------------------------------------------------------------------------------------- forks
 */

static tacho_collector *inherited;

static void record_in_child(int ready) {
    if (tacho__keeper_runs()) {
        _exit(2);
    }
    keeping_record(inherited, 4);
    if (!tacho__keeper_runs() || write(ready, "r", 1) != 1) {
        _exit(3);
    }
    tacho_collector_close(inherited);
    _exit(tacho__keeper_runs() ? 4 : 0);
}

static void fork_with_history(const char *dir) {
    inherited = keeping_open_with(dir, HOUR);
    keeping_record(inherited, 2);
    keeping_flush(inherited);
    keeping_child other = keeping_start(record_in_child);
    assert_int_equal(keeping_event(&other), 'r');
    assert_int_equal(keeping_end(&other), 0);
    keeping_record(inherited, 1);
    keeping_flush(inherited);
    assert_int_equal(keeping_rows(), 7);
    tacho_collector_close(inherited);
    assert_int_equal(keeping_rows(), 7);
    assert_int_equal(
        history_number(keeping_file, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
}

static void test_fork__child_keeps_the_history_with_a_connection_of_its_own(void **state) {
    (void)state;
    fork_with_history(NULL);
}

static void test_fork__child_in_a_registry_leaves_it_to_the_parent(void **state) {
    (void)state;
    fork_with_history(keeping_folder);
}

static void do_nothing(int ready) {
    (void)ready;
    _exit(tacho__keeper_runs() ? 1 : 0);
}

static void test_fork__child_that_records_nothing_has_no_thread(void **state) {
    (void)state;
    inherited = keeping_open_with(NULL, HOUR);
    keeping_flush(inherited);
    keeping_child other = keeping_start(do_nothing);
    assert_int_equal(keeping_end(&other), 0);
    tacho_collector_close(inherited);
}

static void live_on(int ready) {
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

static pid_t idle;

static void keep_and_fork(int ready) {
    static char said[32];
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_record(collector, 1);
    tacho_collector_flush(collector, 30 * SECOND);
    idle = fork();
    if (idle == 0) {
        live_on(ready);
    }
    const int length = snprintf(said, sizeof said, "%d\n", (int)idle);
    if (write(ready, said, (size_t)length) != length) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

/* Locks that a child inherited would last as long as the child. */
static void test_fork__child_does_not_hold_the_locks_of_a_dead_parent(void **state) {
    (void)state;
    keeping_child parent = keeping_start(keep_and_fork);
    char text[64] = "";
    for (size_t i = 0; i + 1 < sizeof text && (!strchr(text, '\n') || !strchr(text, 'r'));) {
        const ssize_t got = read(parent.events, text + i, 1);
        assert_true(got == 1);
        ++i;
    }
    const char *number = text[0] == 'r' ? text + 1 : text;
    const pid_t grandchild = (pid_t)strtol(number, NULL, 10);
    assert_true(grandchild > 0);
    kill(parent.pid, SIGKILL);
    assert_true(WIFSIGNALED(keeping_end(&parent)));
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    keeping_record(collector, 1);
    keeping_flush(collector);
    assert_true(tacho__keeper_holds(collector, TACHO__LEASE_HISTORY));
    assert_int_equal(keeping_rows(), 2);
    tacho_collector_close(collector);
    kill(grandchild, SIGKILL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keeping_make, keeping_unmake)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_takeover__hands_over_what_the_dead_one_left_once),
        TEST(test_registry__hands_over_what_others_recorded_living_or_dead),
        TEST(test_watermark__is_left_to_whoever_comes_next),
        TEST(test_watermark__of_another_file_is_none),
        TEST(test_worker__that_was_folded_since_is_handed_over_from_where_it_was),
        TEST(test_takeover__knows_what_was_missed_before_it),
        TEST(test_takeover__finds_records_whatever_the_clock_said),
        TEST(test_takeover__finds_records_of_the_future),
        TEST(test_lease__that_came_back_begins_with_what_the_other_left),
        TEST(test_hidden__for_a_turn_is_not_missed),
        TEST(test_another_path__is_ignored_and_counted_while_one_is_kept),
        TEST(test_reset__of_who_does_not_hold_the_lease_hands_over_its_own),
        TEST(test_reset__of_who_does_not_hold_the_lease_counts_what_is_missed),
        TEST(test_lease__of_others_does_not_stand_in_the_way),
        TEST(test_fork__child_keeps_the_history_with_a_connection_of_its_own),
        TEST(test_fork__child_in_a_registry_leaves_it_to_the_parent),
        TEST(test_fork__child_that_records_nothing_has_no_thread),
        TEST(test_fork__child_does_not_hold_the_locks_of_a_dead_parent),
    };
    return cmocka_run_group_tests_name("history_shared", tests, NULL, NULL);
}
