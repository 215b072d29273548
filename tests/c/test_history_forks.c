#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "history/in_use.h"
#include "history/store.h"
#include "keeper/keeper.h"
#include "support/keeping.h"

#define CHILDREN 20

static tacho_collector *inherited;

/* ---------------------------------------------------------------------------------------------- a fork during a turn
 */

static sem_t is_inside, may_leave;

static void *stay_inside(void *unused) {
    assert_true(tacho__sqlite_enter());
    sem_post(&is_inside);
    sem_wait(&may_leave);
    tacho__sqlite_leave();
    return unused;
}

static void use_what_is_left(int ready) {
    tacho_history *history;
    (void)ready;
    alarm(20);
    keeping_record(inherited, 4);
    if (tacho__keeper_runs() || keeping_drops(inherited, "history_refused") != 1) {
        _exit(2);
    }
    if (tacho_history_open(&history, keeping_file, TACHO_HISTORY_READ_ONLY) != TACHO_UNSUPPORTED) {
        _exit(3);
    }
    const pid_t grandchild = fork(); /* which is no better off, and does not wait */
    if (grandchild == 0) {
        _exit(tacho__sqlite_is_lost() ? 0 : 1);
    }
    int status = 1;
    waitpid(grandchild, &status, 0);
    tacho_collector_close(inherited);
    _exit(status == 0 ? 0 : 4);
}

static void test_fork__in_the_middle_of_sqlite_is_not_held_up_and_has_no_history(void **state) {
    (void)state;
    pthread_t thread;
    inherited = keeping_open_with(NULL, HOUR);
    keeping_flush(inherited);
    sem_init(&is_inside, 0, 0);
    sem_init(&may_leave, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, stay_inside, NULL), 0);
    sem_wait(&is_inside);
    const uint64_t begin = tacho__now(&tacho__clock_system);
    keeping_child child = keeping_start(use_what_is_left);
    assert_true(tacho__now(&tacho__clock_system) - begin < SECOND);
    assert_int_equal(keeping_end(&child), 0);
    sem_post(&may_leave);
    pthread_join(thread, NULL);
    keeping_record(inherited, 1);
    keeping_flush(inherited);
    assert_int_equal(keeping_rows(), 1);
    tacho_collector_close(inherited);
}

/* On a busy machine a turn may find the file in use by others for too long; then it is refused, and tried again. */
static bool flush_until_accepted(void) {
    for (int i = 0; i < 40; ++i) {
        const tacho_status status = tacho_collector_flush(inherited, 20 * SECOND);
        if (status != TACHO_IO) {
            return status == TACHO_OK;
        }
    }
    return false;
}

static void record_and_flush(int ready) {
    alarm(30); /* who waits for a mutex that its parent's thread had waits for ever */
    keeping_record(inherited, 10);
    const char said = tacho__sqlite_is_lost() ? 'l' : 'k';
    const bool flushed =
        said == 'k' ? flush_until_accepted() : tacho_collector_flush(inherited, 20 * SECOND) == TACHO_OK;
    if (!flushed || write(ready, &said, 1) != 1) {
        _exit(2);
    }
    _exit(0);
}

static void test_fork__while_turns_go_on_costs_no_child_its_history(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(TACHO__UNDER_TSAN)
    print_message(
        "skipped: a child of several threads may find the sanitizer's allocator locked, or begin no thread\n");
    skip();
#endif
    long long expected = 0;
    inherited = keeping_open_with(NULL, SECOND / 1000);
    for (int i = 0; i < CHILDREN; ++i) {
        const struct timespec pause = {.tv_nsec = i * 7919 % 11 * 1000000L};
        keeping_record(inherited, 100);
        nanosleep(&pause, NULL);
        keeping_child child = keeping_start(record_and_flush);
        const char said = keeping_event(&child);
        assert_int_equal(keeping_end(&child), 0);
        expected += 100 + (said == 'k' ? 10 : 0);
    }
    tacho_collector_close(inherited);
    assert_int_equal(keeping_rows(), expected);
}

/* ------------------------------------------------------------------------------------------- what a child is left with
 */

static int descriptors(void) {
    int count = 0;
    DIR *all = opendir("/proc/self/fd");
    while (all && readdir(all)) {
        ++count;
    }
    if (all) {
        closedir(all);
    }
    return count;
}

static int before;

static void live_for_a_generation(int ready) {
    (void)ready;
    alarm(30);
    keeping_record(inherited, 1);
    if (tacho_collector_flush(inherited, 20 * SECOND) != TACHO_OK) {
        _exit(2);
    }
    _exit(descriptors() == before + 1 ? 0 : 3); /* the pipe to its parent */
}

static void test_history__has_no_descriptor_between_two_turns(void **state) {
    (void)state;
    inherited = keeping_open(NULL);
    before = descriptors();
    assert_int_equal(tacho_history_keep(inherited, keeping_file, HOUR), TACHO_OK);
    keeping_record(inherited, 1);
    keeping_flush(inherited);
    assert_int_equal(descriptors(), before);
    keeping_child child = keeping_start(live_for_a_generation);
    assert_int_equal(keeping_end(&child), 0);
    tacho_collector_close(inherited);
    assert_int_equal(keeping_rows(), 2);
}

static void fork_then_lock_and_die(int ready) {
    tacho_history *history;
    if (tacho_history_open(&history, keeping_file, 0) != TACHO_OK) {
        _exit(1);
    }
    const pid_t idle = fork();
    if (idle == 0) {
        alarm(20);
        for (;;) {
            pause();
        }
    }
    if (tacho__store_begin(history) != TACHO_OK || write(ready, &idle, sizeof idle) != sizeof idle) {
        _exit(2);
    }
    raise(SIGKILL);
}

static void test_lock__that_was_taken_after_a_fork_is_not_the_childs(void **state) {
    (void)state;
    pid_t idle = 0;
    tacho_history *history;
    tacho_collector_close(keeping_open_with(NULL, HOUR)); /* makes the file */
    keeping_child parent = keeping_start(fork_then_lock_and_die);
    assert_int_equal(read(parent.events, &idle, sizeof idle), sizeof idle);
    assert_true(WIFSIGNALED(keeping_end(&parent)));
    assert_int_equal(tacho_history_open(&history, keeping_file, 0), TACHO_OK);
    assert_int_equal(tacho__store_begin(history), TACHO_OK);
    assert_int_equal(kill(idle, SIGKILL), 0);
    tacho_history_close(history);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keeping_make, keeping_unmake)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_fork__in_the_middle_of_sqlite_is_not_held_up_and_has_no_history),
        TEST(test_fork__while_turns_go_on_costs_no_child_its_history),
        TEST(test_history__has_no_descriptor_between_two_turns),
        TEST(test_lock__that_was_taken_after_a_fork_is_not_the_childs),
    };
    return cmocka_run_group_tests_name("history_forks", tests, NULL, NULL);
}
