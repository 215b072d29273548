#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "keeper/keeper.h"
#include "segment/registry_history.h"
#include "support/fill_collector.h"
#include "support/keeping.h"

#include <tachograph/history.h>

#define YEAR (365 * 86400)

/* ------------------------------------------------------------------------------------------------ one process alone */

static void test_keep__hands_over_at_the_interval(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, SECOND / 50);
    keeping_record(collector, 3);
    keeping_await_rows(3);
    keeping_record(collector, 2);
    keeping_await_rows(5);
    tacho_collector_close(collector);
    assert_int_equal(keeping_rows(), 5);
}

/* Time and again half a ring, and each time it is there long before the interval is over. */
static void hand_over_halves(const char *dir, tacho_collector *recording) {
    tacho_collector *collector = keeping_open_with(dir, 40 * SECOND);
    recording = recording ? recording : collector;
    keeping_flush(collector);
    const uint64_t begin = tacho__now(&tacho__clock_system);
    for (int i = 1; i <= 3; ++i) {
        keeping_record(recording, 600);
        keeping_await_rows(600 * i);
    }
    const uint64_t took = tacho__now(&tacho__clock_system) - begin;
    print_message("1800 records of a thread in %.2f s at an interval of 40 s\n", (double)took / 1e9);
    assert_true(took < 30 * SECOND);
    assert_int_equal(keeping_drops(collector, "history_missed"), 0);
    tacho_collector_close(collector);
}

static void test_keep__hands_over_sooner_when_a_ring_fills(void **state) {
    (void)state;
    hand_over_halves(NULL, NULL);
}

static void test_keep__hands_over_sooner_when_a_ring_of_others_fills(void **state) {
    (void)state;
    tacho_collector *other = keeping_open(keeping_folder);
    hand_over_halves(keeping_folder, other);
    tacho_collector_close(other);
}

static void test_close__hands_over_what_is_left(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_flush(collector);
    keeping_record(collector, 7);
    tacho_collector_close(collector);
    assert_int_equal(keeping_rows(), 7);
}

static void test_keep__takes_operations_of_any_time(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    record_call(collector, TACHO_KIND_STEP, "late", NULL, 5, 0, PLAIN);
    keeping_flush(collector);
    record_call(collector, TACHO_KIND_STEP, "old", NULL, 5, -20 * YEAR, PLAIN); /* 2005 */
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 2);
    tacho_collector_close(collector);
}

static void test_keep__gives_the_numbers_of_the_live_summary(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    fill_collector(collector);
    keeping_flush(collector);
    const tacho_query query = TACHO_QUERY_INIT;
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_history *history;
    tacho_rows *live, *stored;
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &live), TACHO_OK);
    assert_int_equal(tacho_history_open(&history, keeping_file, TACHO_HISTORY_READ_ONLY), TACHO_OK);
    assert_int_equal(tacho_history_usage(history, &query, &stored), TACHO_OK);
    assert_true(live->count > 0);
    assert_int_equal(stored->count, live->count);
    for (size_t i = 0; i < live->count; ++i) {
        const tacho_row *a = &live->rows[i], *b = &stored->rows[i];
        assert_string_equal(b->model, a->model);
        assert_int_equal(b->calls, a->calls);
        assert_int_equal(b->total_tokens, a->total_tokens);
        assert_int_equal(b->cost_pusd, a->cost_pusd);
        assert_int_equal(b->cost_state, a->cost_state);
        assert_int_equal(b->total_ns, a->total_ns);
    }
    assert_int_equal(stored->totals.cost_pusd, live->totals.cost_pusd);
    tacho_rows_free(live);
    tacho_rows_free(stored);
    tacho_history_close(history);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

static void test_keep__refuses_a_second_one_and_bad_paths(void **state) {
    (void)state;
    char path[TACHO__HISTORY_PATH], small[4];
    tacho_collector *collector = keeping_open(NULL);
    assert_int_equal(tacho_history_kept(collector, path, sizeof path), TACHO_NOT_FOUND);
    assert_int_equal(tacho_history_keep(collector, "", 0), TACHO_INVALID);
    assert_false(tacho__keeper_runs());
    assert_int_equal(tacho_history_keep(collector, keeping_file, 0), TACHO_OK);
    assert_int_equal(tacho_history_keep(collector, keeping_file, 0), TACHO_BUSY);
    assert_int_equal(tacho_history_kept(collector, path, sizeof path), TACHO_OK);
    assert_string_equal(path, keeping_file);
    assert_int_equal(tacho_history_kept(collector, small, sizeof small), TACHO_FULL);
    assert_int_equal(tacho_history_keep(NULL, keeping_file, 0), TACHO_OK); /* disabled mode */
    tacho_collector_close(collector);
}

static void test_keep__without_memory_leaves_the_collector_as_it_was(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open(NULL);
    for (int k = 0; k < 2; ++k) {
        tacho__memory_fail_after(k, 1);
        const tacho_status status = tacho_history_keep(collector, keeping_file, HOUR);
        tacho__memory_fail_after(-1, 0);
        assert_int_equal(status, TACHO_NOMEM);
    }
    assert_int_equal(tacho_history_keep(collector, keeping_file, HOUR), TACHO_OK);
    keeping_record(collector, 1);
    tacho_collector_close(collector);
    assert_int_equal(keeping_rows(), 1);
}

static void test_reset__hands_over_what_it_takes_away(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_flush(collector);
    keeping_record(collector, 4);
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 4);
    keeping_record(collector, 2);
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    keeping_record(collector, 1);
    tacho_collector_close(collector);
    assert_int_equal(keeping_rows(), 7);
}

static atomic_bool is_over;
static _Atomic unsigned made;

static void *record_until_over(void *collector) {
    for (; !atomic_load(&is_over); atomic_fetch_add(&made, 1)) {
        const struct timespec pause = {.tv_nsec = 50000};
        record_call(collector, TACHO_KIND_STEP, "step", NULL, 5, YEAR, PLAIN);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void test_reset__loses_nothing_of_threads_that_record_meanwhile(void **state) {
    (void)state;
    const struct timespec pause = {.tv_nsec = 5000000};
    pthread_t thread;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    atomic_store(&is_over, false);
    atomic_store(&made, 0);
    assert_int_equal(pthread_create(&thread, NULL, record_until_over, collector), 0);
    for (int i = 0; i < 25 || (atomic_load(&made) <= 100 && i < 5000); ++i) { /* a busy machine may take longer */
        nanosleep(&pause, NULL);
        assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    keeping_flush(collector);
    assert_true(atomic_load(&made) > 100);
    assert_int_equal(keeping_rows() + keeping_drops(collector, "history_missed"), atomic_load(&made));
    tacho_collector_close(collector);
}

static void test_reset__does_not_wait_for_a_locked_file(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_flush(collector);
    char lock[TACHO__HISTORY_PATH];
    snprintf(lock, sizeof lock, "%s.lock", keeping_file);
    const int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    const uint64_t begin = tacho__now(&tacho__clock_system);
    for (int i = 0; i < 50; ++i) { /* more than are kept */
        keeping_record(collector, 3);
        assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    }
    assert_true(tacho__now(&tacho__clock_system) - begin < SECOND);
    close(held);
    keeping_flush(collector);
    assert_true(keeping_rows() >= 30 * 3);
    assert_true(keeping_rows() + keeping_drops(collector, "history_missed") <= 50 * 3);
    tacho_collector_close(collector);
}

static void test_missed__counts_what_was_overwritten_in_between(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_flush(collector);
    keeping_record(collector, 1500);
    keeping_flush(collector);
    assert_int_equal(keeping_rows() + keeping_drops(collector, "history_missed"), 1500);
    assert_true(keeping_drops(collector, "history_missed") >= 400);
    keeping_record(collector, 500);
    keeping_flush(collector);
    assert_int_equal(keeping_rows() + keeping_drops(collector, "history_missed"), 2000);
    assert_true(keeping_drops(collector, "history_missed") < 600);
    tacho_collector_close(collector);
}

/* --------------------------------------------------------------------------------------------- a keeping_file out of
 * order */

static void test_locked__is_counted_and_tried_again(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_record(collector, 1);
    keeping_flush(collector);
    char lock[TACHO__HISTORY_PATH];
    snprintf(lock, sizeof lock, "%s.lock", keeping_file);
    const int held = open(lock, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    keeping_record(collector, 2);
    assert_int_equal(tacho_collector_flush(collector, 30 * SECOND), TACHO_IO);
    assert_int_equal(keeping_rows(), 1);
    assert_int_equal(keeping_drops(collector, "history_refused"), 1);
    close(held);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 3);
    assert_int_equal(keeping_drops(collector, "history_refused"), 1);
    tacho_collector_close(collector);
}

static void test_unreachable__never_stops_the_host(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open(NULL);
    scratch_write(&keeping_place, "blocked", "w", "x", 1);
    char path[TACHO__HISTORY_PATH];
    snprintf(path, sizeof path, "%s/in/history.db", scratch_path(&keeping_place, "blocked"));
    assert_int_equal(tacho_history_keep(collector, path, HOUR), TACHO_OK);
    keeping_record(collector, 2);
    assert_int_equal(tacho_collector_flush(collector, 30 * SECOND), TACHO_IO);
    assert_true(keeping_drops(collector, "history_refused") >= 1);
    assert_int_equal(unlink(scratch_path(&keeping_place, "blocked")), 0);
    keeping_flush(collector);
    assert_int_equal(keeping_rows_of(path), 2);
    tacho_collector_close(collector);
}

static void test_foreign__is_left_as_it_is(void **state) {
    (void)state;
    static const char text[] = "notes of somebody, and no history at all\n";
    size_t length;
    scratch_write(&keeping_place, "state/history.db", "w", text, sizeof text - 1);
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_record(collector, 1);
    assert_int_equal(tacho_collector_flush(collector, 30 * SECOND), TACHO_IO);
    assert_true(keeping_drops(collector, "history_refused") >= 1);
    tacho_collector_close(collector);
    char *now = scratch_read(keeping_file, &length);
    assert_int_equal(length, sizeof text - 1);
    assert_memory_equal(now, text, length);
    free(now);
}

static void test_removed__file_is_made_anew_with_what_is_still_there(void **state) {
    (void)state;
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_record(collector, 3);
    keeping_flush(collector);
    assert_int_equal(unlink(keeping_file), 0);
    keeping_record(collector, 1);
    keeping_flush(collector);
    assert_int_equal(keeping_rows(), 4);
    tacho_collector_close(collector);
}

static void fill_the_disk(int ready) {
    const struct rlimit none = {4096, 4096};
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    setrlimit(RLIMIT_FSIZE, &none); /* every write beyond it fails, as on a full disk */
    keeping_record(collector, 5);
    tacho_collector_flush(collector, 30 * SECOND);
    const char said = keeping_drops(collector, "history_refused") > 0 ? 'r' : 'n';
    const uint64_t begin = tacho__now(&tacho__clock_system);
    keeping_record(collector, 1000);
    const bool quick = tacho__now(&tacho__clock_system) - begin < SECOND;
    if (write(ready, quick ? &said : "s", 1) != 1) {
        _exit(1);
    }
    exit(0);
}

static void test_full__is_counted_and_the_host_goes_on(void **state) {
    (void)state;
    const uint64_t begin = tacho__now(&tacho__clock_system);
    keeping_child other = keeping_start(fill_the_disk);
    assert_int_equal(keeping_event(&other), 'r');
    assert_int_equal(keeping_end(&other), 0);
    assert_true(tacho__now(&tacho__clock_system) - begin < 3 * SECOND);
}

/* ------------------------------------------------------------------------------------------------------------- exit */

static void record_and_exit(int ready) {
    tacho_collector *collector = keeping_open_with(keeping_folder, HOUR);
    tacho_collector_flush(collector, 30 * SECOND);
    keeping_record(collector, 9);
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    exit(0);
}

static void test_exit__hands_over_within_two_seconds(void **state) {
    (void)state;
    keeping_child other = keeping_start(record_and_exit);
    assert_int_equal(keeping_event(&other), 'r');
    const uint64_t begin = tacho__now(&tacho__clock_system);
    assert_int_equal(keeping_end(&other), 0);
    assert_true(tacho__now(&tacho__clock_system) - begin < 2 * SECOND);
    assert_int_equal(keeping_rows(), 9);
}

static void exit_while_locked(int ready) {
    tacho_collector *collector = keeping_open_with(NULL, HOUR);
    keeping_record(collector, 1);
    tacho_collector_flush(collector, 30 * SECOND);
    keeping_record(collector, 1);
    char go;
    if (write(ready, "r", 1) != 1 || read(ready, &go, 1) != 0) {
    }
    exit(0);
}

static void test_exit__is_not_held_up_by_a_locked_file(void **state) {
    (void)state;
    scratch_write(&keeping_place, "state/history.db.lock", "w", "", 0);
    const int held = open(scratch_path(&keeping_place, "state/history.db.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    keeping_child other = keeping_start(exit_while_locked);
    assert_int_equal(keeping_event(&other), 'r');
    const uint64_t begin = tacho__now(&tacho__clock_system);
    assert_int_equal(keeping_end(&other), 0);
    assert_true(tacho__now(&tacho__clock_system) - begin < 2 * SECOND);
    close(held);
}

/* As many collectors as would take four seconds, each with a patience of its own. */
static void close_while_locked(int ready) {
    tacho_collector *all[8];
    for (int i = 0; i < 8; ++i) {
        all[i] = keeping_open_with(NULL, HOUR);
        keeping_record(all[i], 1);
    }
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    for (int i = 0; i < 8; ++i) {
        tacho_collector_close(all[i]);
    }
    exit(0);
}

static void leave_open_while_locked(int ready) {
    for (int i = 0; i < 4; ++i) {
        keeping_record(keeping_open_with(NULL, HOUR), 1);
    }
    if (write(ready, "r", 1) != 1) {
        _exit(1);
    }
    exit(0);
}

static void assert_over_in_two_seconds(void (*live)(int ready)) {
    scratch_write(&keeping_place, "state/history.db.lock", "w", "", 0);
    const int held = open(scratch_path(&keeping_place, "state/history.db.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    keeping_child other = keeping_start(live);
    assert_int_equal(keeping_event(&other), 'r');
    const uint64_t begin = tacho__now(&tacho__clock_system);
    assert_int_equal(keeping_end(&other), 0);
    const uint64_t took = tacho__now(&tacho__clock_system) - begin;
    close(held);
    print_message("over after %.2f s\n", (double)took / 1e9);
    assert_true(took < 4 * SECOND); /* six without that; a sanitizer is slow */
}

static void test_close__of_many_and_the_exit_wait_two_seconds_in_all(void **state) {
    (void)state;
    assert_over_in_two_seconds(close_while_locked);
}

static void test_exit__with_many_collectors_waits_two_seconds_in_all(void **state) {
    (void)state;
    assert_over_in_two_seconds(leave_open_while_locked);
}

/* ---------------------------------------------------------------------------------------------- what the caller gave
 */

static atomic_bool is_gone;
static atomic_int asked_after;

static uint64_t mono_of_caller(void *context) {
    (void)context;
    atomic_fetch_add(&asked_after, atomic_load(&is_gone));
    return tacho__now(&tacho__clock_system);
}

static int64_t wall_of_caller(void *context) {
    (void)context;
    atomic_fetch_add(&asked_after, atomic_load(&is_gone));
    return tacho__wall(&tacho__clock_system);
}

/* Collectors that are closed while the thread is held up become its own, and their owner frees what he gave them. */
static void close_and_free_the_clock(int ready) {
    const struct timespec moment = {.tv_nsec = 10000000};
    const tacho_time_source source = {
        .struct_size = sizeof source, .monotonic_ns = mono_of_caller, .wall_ns = wall_of_caller};
    const tacho_config config = {.struct_size = sizeof config, .time_source = &source};
    tacho_collector *all[8];
    alarm(60);
    for (int i = 0; i < 8; ++i) {
        if (tacho_collector_open(&all[i], &config) != TACHO_OK) {
            _exit(1);
        }
        keeping_record(all[i], 1);
        if (tacho_history_keep(all[i], keeping_file, HOUR) != TACHO_OK) {
            _exit(2);
        }
    }
    for (int i = 0; i < 8; ++i) {
        tacho_collector_close(all[i]);
    }
    atomic_store(&is_gone, true);
    const char said = tacho__keeper_runs() ? 'o' : 'n'; /* with orphans */
    if (write(ready, &said, 1) != 1) {
        _exit(3);
    }
    while (tacho__keeper_runs()) {
        nanosleep(&moment, NULL);
    }
    const char result = atomic_load(&asked_after) == 0 ? 'k' : 'n';
    if (write(ready, &result, 1) != 1) {
        _exit(4);
    }
    raise(SIGKILL); /* nobody joins the thread */
}

static void test_close__that_waited_long_enough_leaves_nothing_of_the_callers_in_use(void **state) {
    (void)state;
    scratch_write(&keeping_place, "state/history.db.lock", "w", "", 0);
    const int held = open(scratch_path(&keeping_place, "state/history.db.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    keeping_child other = keeping_start(close_and_free_the_clock);
    assert_int_equal(keeping_event(&other), 'o');
    close(held);
    assert_int_equal(keeping_event(&other), 'k');
    assert_true(WIFSIGNALED(keeping_end(&other)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keeping_make, keeping_unmake)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_keep__hands_over_at_the_interval),
        TEST(test_keep__hands_over_sooner_when_a_ring_fills),
        TEST(test_keep__hands_over_sooner_when_a_ring_of_others_fills),
        TEST(test_close__hands_over_what_is_left),
        TEST(test_keep__takes_operations_of_any_time),
        TEST(test_keep__gives_the_numbers_of_the_live_summary),
        TEST(test_keep__refuses_a_second_one_and_bad_paths),
        TEST(test_keep__without_memory_leaves_the_collector_as_it_was),
        TEST(test_reset__hands_over_what_it_takes_away),
        TEST(test_reset__loses_nothing_of_threads_that_record_meanwhile),
        TEST(test_reset__does_not_wait_for_a_locked_file),
        TEST(test_missed__counts_what_was_overwritten_in_between),
        TEST(test_locked__is_counted_and_tried_again),
        TEST(test_unreachable__never_stops_the_host),
        TEST(test_foreign__is_left_as_it_is),
        TEST(test_removed__file_is_made_anew_with_what_is_still_there),
        TEST(test_full__is_counted_and_the_host_goes_on),
        TEST(test_exit__hands_over_within_two_seconds),
        TEST(test_exit__is_not_held_up_by_a_locked_file),
        TEST(test_close__of_many_and_the_exit_wait_two_seconds_in_all),
        TEST(test_exit__with_many_collectors_waits_two_seconds_in_all),
        TEST(test_close__that_waited_long_enough_leaves_nothing_of_the_callers_in_use),
    };
    return cmocka_run_group_tests_name("history_keep", tests, NULL, NULL);
}
