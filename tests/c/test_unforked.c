/** What a fork finds: nothing half changed, and no lock of the parent's in the child (base/unforked.h). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/unforked.h"
#include "config/price_files.h"
#include "history/lock.h"
#include "segment/layout.h"
#include "support/scratch.h"

#ifdef TACHO__UNDER_TSAN
#define FORKS 20
#else
#define FORKS 200
#endif

static scratch place;

static int setup(void **state) {
    (void)state;
    scratch_make(&place);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_remove(&place);
    return 0;
}

static pid_t raw_clone(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* What `work` gives in a child; a child that hangs is a failure. */
static int in_child(pid_t (*make)(void), int (*work)(void *), void *argument) {
    const pid_t child = make();
    if (child == 0) {
        alarm(20);
        _exit(work(argument));
    }
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ------------------------------------------------------------------------------------------------------- the fork
 * waits
 */

static struct {
    _Atomic bool stop;
    _Atomic uint64_t turns;
    volatile int first, second; /* the same but for moments in which nobody forks */
} changing;

static void *change_for_ever(void *unused) {
    while (!atomic_load(&changing.stop)) {
        assert_true(tacho__unforked_enter());
        changing.first += 1;
        sched_yield();
        changing.second += 1;
        tacho__unforked_leave();
        atomic_fetch_add(&changing.turns, 1);
    }
    return unused;
}

static int is_whole(void *unused) {
    (void)unused;
    const bool whole = changing.first == changing.second && tacho__unforked_enter();
    tacho__unforked_leave();
    return whole ? 0 : 1;
}

static void test_fork__waits_for_a_change_to_be_whole(void **state) {
    (void)state;
    pthread_t thread;
    memset(&changing, 0, sizeof changing);
    assert_int_equal(pthread_create(&thread, NULL, change_for_ever, NULL), 0);
    for (int i = 0; i < FORKS; ++i) {
        const uint64_t before = atomic_load(&changing.turns);
        while (atomic_load(&changing.turns) == before) {
            sched_yield();
        }
        assert_int_equal(in_child(fork, is_whole, NULL), 0);
    }
    atomic_store(&changing.stop, true);
    pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------------------------------------------------ locks */

typedef struct locked {
    int file, place;
} locked;

static void lock_a_file(locked *it) {
    it->place = 7;
    it->file = open(scratch_path(&place, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(it->file >= 0);
    assert_true(tacho__unforked_enter());
    assert_int_equal(flock(it->file, LOCK_EX | LOCK_NB), 0);
    assert_true(tacho__unforked_keep(it->file, &it->place));
    tacho__unforked_leave();
}

static int unlock(locked *it) {
    assert_true(tacho__unforked_enter());
    tacho__unforked_forget(it->file);
    tacho__unforked_leave();
    return close(it->file);
}

static int is_closed(void *argument) {
    const locked *it = argument;
    return fcntl(it->file, F_GETFD) == -1 && it->place == -1 ? 0 : 1;
}

static int is_closed_later(void *argument) {
    const locked *it = argument;
    const bool before = fcntl(it->file, F_GETFD) != -1 && it->place == 7;
    tacho__unforked_disinherit();
    return before ? is_closed(argument) : 2;
}

static void test_child__has_no_locked_file_of_its_parent(void **state) {
    (void)state;
    locked it;
    lock_a_file(&it);
    assert_int_equal(in_child(fork, is_closed, &it), 0);
    assert_int_equal(in_child(raw_clone, is_closed_later, &it), 0);
    assert_int_equal(it.place, 7);
    assert_int_equal(unlock(&it), 0);
}

/* As daemons do: everything is closed, and the numbers are given to other files. */
static int keeps_its_own(void *argument) {
    const locked *it = argument;
    close(it->file);
    const int own = open("/dev/null", O_RDWR);
    if (own != it->file && dup2(own, it->file) != it->file) {
        return 2;
    }
    tacho__unforked_disinherit();
    return fcntl(it->file, F_GETFD) != -1 && it->place == -1 ? 0 : 1;
}

static void test_child__keeps_a_file_of_its_own_with_that_number(void **state) {
    (void)state;
    locked it;
    lock_a_file(&it);
    assert_int_equal(in_child(raw_clone, keeps_its_own, &it), 0);
    assert_int_equal(unlock(&it), 0);
}

static void test_keep__refuses_what_it_has_no_room_for(void **state) {
    (void)state;
    int files[TACHO__KEPT_FILES + 1];
    assert_true(tacho__unforked_enter());
    for (unsigned i = 0; i <= TACHO__KEPT_FILES; ++i) {
        files[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        assert_true(files[i] >= 0);
        assert_int_equal(tacho__unforked_keep(files[i], NULL), i < TACHO__KEPT_FILES);
    }
    for (unsigned i = 0; i <= TACHO__KEPT_FILES; ++i) {
        tacho__unforked_forget(files[i]);
        close(files[i]);
    }
    tacho__unforked_leave();
}

/* A process that holds the lock of a history, has a child, and is killed. Returns the child. */
static pid_t die_and_leave_a_child(const char *path) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        int lock, again;
        if (tacho__lock_take(path, TACHO__LOCK_WAIT_MS, &lock, NULL) != TACHO_OK ||
            tacho__lock_take(path, TACHO__LOCK_WAIT_MS, &again, NULL) != TACHO_BUSY) {
            _exit(1);
        }
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            for (;;) {
                pause();
            }
        }
        (void)!write(pipes[1], &child, sizeof child);
        raise(SIGKILL);
    }
    pid_t child = 0;
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &child, sizeof child), sizeof child);
    close(pipes[0]);
    waitpid(parent, NULL, 0);
    return child;
}

static void test_history__lock_of_a_parent_ends_with_it_though_its_child_lives(void **state) {
    (void)state;
    char path[300];
    snprintf(path, sizeof path, "%s", scratch_path(&place, "history.db"));
    const pid_t child = die_and_leave_a_child(path);
    const time_t end = time(NULL) + 10; /* the child may still be on its way out of fork() */
    int lock;
    tacho_status status;
    while ((status = tacho__lock_take(path, TACHO__LOCK_WAIT_MS, &lock, NULL)) == TACHO_BUSY && time(NULL) < end) {
    }
    assert_int_equal(kill(child, SIGKILL), 0); /* it lives still */
    assert_int_equal(status, TACHO_OK);
    tacho__lock_give(&lock);
}

/* ------------------------------------------------------------------------------------------ the last good prices */

#define GOOD "{\"prices\": [{\"provider\": \"own\", \"model\": \"m\", \"rates\": {\"input\": 7}}]}"
#define BAD  "{\"prices\": [\n{\"model\": \"m\"}]}"

static char good_path[300];

static void *read_for_ever(void *unused) {
    while (!atomic_load(&changing.stop)) {
        tacho_price_table *table;
        char why[200];
        assert_int_equal(tacho__prices_load(good_path, NULL, &table, why, sizeof why), TACHO_OK);
        tacho_price_table_free(table);
        atomic_fetch_add(&changing.turns, 1);
    }
    return unused;
}

static int falls_back(void *unused) {
    (void)unused;
    tacho_price_table *table;
    char why[200];
    scratch_write(&place, "prices.json.bad", "w", BAD, sizeof BAD - 1);
    rename(scratch_path(&place, "prices.json.bad"), good_path);
    const tacho_status status = tacho__prices_load(good_path, NULL, &table, why, sizeof why);
    const bool fell_back = status != TACHO_OK && table;
    tacho_price_table_free(table);
    return fell_back ? 0 : 1;
}

static void write_good_prices(void) {
    scratch_write(&place, "prices.json.good", "w", GOOD, sizeof GOOD - 1);
    assert_int_equal(rename(scratch_path(&place, "prices.json.good"), good_path), 0);
}

static void test_prices__of_before_hold_in_a_child_of_any_moment(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: the allocator of AddressSanitizer may be locked in a child of several threads\n");
    skip();
#endif
    snprintf(good_path, sizeof good_path, "%s", scratch_path(&place, "prices.json"));
    for (int i = 0; i < FORKS / 4; ++i) {
        pthread_t thread;
        memset(&changing, 0, sizeof changing);
        write_good_prices();
        assert_int_equal(pthread_create(&thread, NULL, read_for_ever, NULL), 0);
        while (atomic_load(&changing.turns) < 3) {
            sched_yield();
        }
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            int go = 0;
            while (access(scratch_path(&place, "go"), F_OK) != 0 && go++ < 1000000) {
                sched_yield();
            }
            _exit(falls_back(NULL));
        }
        atomic_store(&changing.stop, true);
        pthread_join(thread, NULL);
        scratch_write(&place, "go", "w", "", 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(unlink(scratch_path(&place, "go")), 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_fork__waits_for_a_change_to_be_whole),
        CASE(test_child__has_no_locked_file_of_its_parent),
        CASE(test_child__keeps_a_file_of_its_own_with_that_number),
        CASE(test_keep__refuses_what_it_has_no_room_for),
        CASE(test_history__lock_of_a_parent_ends_with_it_though_its_child_lives),
        CASE(test_prices__of_before_hold_in_a_child_of_any_moment),
    };
    return cmocka_run_group_tests_name("unforked", tests, NULL, NULL);
}
