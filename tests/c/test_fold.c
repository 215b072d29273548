#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "segment/attach.h"
#include "segment/fold.h"
#include "segment/lane.h"
#include "segment/system.h"
#include "support/digest.h"
#include "support/recorder.h"

static char folder[256]; /* of the test at hand */

static tacho_collector *open_shared(void) {
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .dir = folder, .session = "all of them"};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    assert_non_null(tacho_collector_dir(collector, NULL));
    return collector;
}

static void record(tacho_collector *collector, const char *name, unsigned n) {
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, name, NULL, &series), TACHO_OK);
    tacho_finished finished = TACHO_FINISHED_INIT;
    for (unsigned i = 0; i < n; ++i) {
        finished.duration_ns = (i + 1) * MS;
        tacho_record(series, &finished);
    }
    tacho_series_release(series);
}

/* A process that records `n` operations, leaves `open` of them in flight, and is killed. */
static void live_and_die(unsigned n, unsigned open) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tacho_collector *collector = open_shared();
        record(collector, "work", n);
        tacho_series *series;
        tacho_bind(collector, TACHO_KIND_AGENT, "run", NULL, &series);
        for (unsigned i = 0; i < open; ++i) {
            tacho_operation operation;
            tacho_begin(series, NULL, &operation);
        }
        raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static unsigned count_files(const char *prefix) {
    unsigned count = 0;
    DIR *listing = opendir(folder);
    for (const struct dirent *entry; listing && (entry = readdir(listing));) {
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    if (listing) {
        closedir(listing);
    }
    return count;
}

static tacho__registry *open_registry(void) {
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folder, TACHO__REGISTRY_CREATE, &registry), TACHO_OK);
    return registry;
}

static tacho_status add_calls(void *context, const tacho__view *view) {
    *(uint64_t *)context += digest_calls(view);
    const char *broken = digest_check(view);
    if (broken) {
        fail_msg("%s", broken);
    }
    return TACHO_OK;
}

static void forget_calls(void *context) {
    *(uint64_t *)context = 0;
}

/* Calls of everybody, read without folding anything; `damaged` files were left out, and nothing else. */
static uint64_t calls_beside(tacho__registry *registry, uint64_t damaged) {
    uint64_t calls = 0, skipped[TACHO__SKIP_COUNT];
    const tacho__visitor visitor = {&calls, add_calls, forget_calls};
    assert_int_equal(tacho__registry_read(registry, NULL, 0, RECORDER_WALL, &visitor, skipped), TACHO_OK);
    for (unsigned i = 0; i < TACHO__SKIP_COUNT; ++i) {
        assert_int_equal(skipped[i], i == TACHO__SKIP_DAMAGED ? damaged : 0);
    }
    return calls;
}

static uint64_t calls_without_folding(tacho__registry *registry) {
    return calls_beside(registry, 0);
}

static void test_fold__dead_segments_become_one(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    tacho_collector *alive = open_shared();
    record(alive, "work", 5);
    /* While somebody else has the lease, nobody folds. */
    assert_true(tacho__registry_lease_try(registry));
    for (unsigned i = 0; i < 10; ++i) {
        live_and_die(10 + i, 2);
    }
    assert_int_equal(count_files("seg-"), 11);
    assert_int_equal(calls_without_folding(registry), 5 + 145 + 20);
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_BUSY);
    assert_int_equal(count_files("seg-"), 11);
    assert_int_equal(tacho__fold(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 10);
    assert_int_equal(count_files("seg-"), 1);
    assert_int_equal(count_files("base"), 1);
    assert_int_equal(calls_without_folding(registry), 5 + 145 + 20);
    assert_int_equal(tacho__fold(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded + done.removed + done.left, 0);
    tacho__registry_lease_release(registry);
    tacho_collector_close(alive);
    tacho_snapshot *snapshot; /* reading folds */
    assert_int_equal(tacho_snapshot_attach(folder, &snapshot), TACHO_OK);
    assert_int_equal(count_files("seg-"), 0);
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 5 + 145 + 20);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    tacho__registry_release(registry);
}

static void test_fold__leaves_the_living_alone(void **state) {
    (void)state;
    tacho_collector *a = open_shared(), *b = open_shared();
    record(a, "work", 3);
    record(b, "work", 4);
    tacho__registry *registry = open_registry();
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 0);
    assert_int_equal(tacho_collector_reset(a), TACHO_OK);
    record(a, "work", 1);
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 0);
    assert_int_equal(calls_without_folding(registry), 5);
    tacho_collector_close(a);
    tacho_collector_close(b);
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 2);
    assert_int_equal(calls_without_folding(registry), 5);
    tacho__registry_release(registry);
}

static void test_fold__takes_sixty_four_at_a_time(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    assert_true(tacho__registry_lease_try(registry));
    for (unsigned i = 0; i < 70; ++i) {
        live_and_die(1, 0);
    }
    tacho__folding done;
    assert_int_equal(tacho__fold(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 64);
    assert_true(done.more);
    assert_int_equal(calls_without_folding(registry), 70);
    assert_int_equal(tacho__fold(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 6);
    assert_int_equal(calls_without_folding(registry), 70);
    tacho__registry_release(registry);
}

/* Forking would wait until the collectors of other threads may be held. */
static bool could_fork;

static void *hold_writers(void *nothing) {
    tacho__writers_hold();
    tacho__writers_let_go();
    return nothing;
}

static int rename_while_others_fork(int place, const char *from, const char *to) {
    pthread_t other;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    if (strcmp(to, "base") == 0 && pthread_create(&other, NULL, hold_writers, NULL) == 0) {
        could_fork = pthread_timedjoin_np(other, NULL, &until) == 0;
        if (!could_fork) {
            pthread_detach(other);
        }
    }
    return tacho__system_real.rename_at(place, from, to);
}

static void test_opening__folds_a_few_and_lets_others_fork_meanwhile(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    assert_true(tacho__registry_lease_try(registry));
    for (unsigned i = 0; i < 10; ++i) {
        live_and_die(3, 0);
    }
    tacho__registry_lease_release(registry);
    tacho__system_calls.rename_at = rename_while_others_fork;
    tacho_collector *collector = open_shared();
    tacho__system_calls = tacho__system_real;
    assert_true(could_fork);
    assert_int_equal(count_files("seg-"), 10 - TACHO__FOLD_AT_OPEN + 1);
    assert_int_equal(calls_without_folding(registry), 30);
    tacho_collector_close(collector);
    tacho__registry_release(registry);
}

static bool synced, sync_fails, removed_too_early;

static int note_sync(int file) {
    synced = true;
    return sync_fails ? -1 : tacho__system_real.sync(file);
}

static int rename_if_synced(int place, const char *from, const char *to) {
    removed_too_early = removed_too_early || (strcmp(to, "base") == 0 && !synced);
    return tacho__system_real.rename_at(place, from, to);
}

static void test_fold__has_its_base_on_the_disk_before_anything_goes(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    live_and_die(3, 0);
    tacho__folding done;
    tacho__system_calls.sync = note_sync;
    tacho__system_calls.rename_at = rename_if_synced;
    sync_fails = true;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_IO);
    assert_int_equal(count_files("seg-"), 1);
    assert_int_equal(count_files("base"), 0);
    sync_fails = synced = false;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    tacho__system_calls = tacho__system_real;
    assert_int_equal(done.folded, 1);
    assert_true(synced && !removed_too_early);
    assert_int_equal(calls_without_folding(registry), 3);
    tacho__registry_release(registry);
}

#define FULL_DISK 5u /* processes */

/* Segments of dead processes on a filesystem of their own that has no block left. Exit code 77 = may not mount. */
static int fold_on_a_full_disk(void) {
    if (mkdir(folder, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=12m,mode=700") != 0) {
        return 77;
    }
    tacho__registry *registry = open_registry();
    assert_true(tacho__registry_lease_try(registry));
    for (unsigned i = 0; i < FULL_DISK; ++i) {
        live_and_die(3000 * (i + 1), 0);
    }
    tacho__registry_lease_release(registry);
    char path[300];
    static const char block[4096];
    snprintf(path, sizeof path, "%s/of-somebody-else", folder);
    const int file = open(path, O_WRONLY | O_CREAT, 0600);
    while (write(file, block, sizeof block) > 0) {
    }
    tacho_collector *collector = NULL; /* whoever comes next */
    for (int i = 0; i < 3; ++i) {
        const tacho_config config = {.struct_size = sizeof config, .dir = folder};
        assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
        tacho_collector_close(collector);
    }
    collector = open_shared(); /* shares the folder again */
    record(collector, "work", 7);
    uint64_t calls = 7;
    for (unsigned i = 0; i < FULL_DISK; ++i) {
        calls += 3000 * (i + 1);
    }
    const bool exact = calls_without_folding(registry) == calls, one = count_files("seg-") == 1;
    return (exact ? 0 : 1) + (one ? 0 : 2);
}

static void test_fold__on_a_disk_that_is_full_makes_room(void **state) {
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(fold_on_a_full_disk());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped test_fold__on_a_disk_that_is_full_makes_room: this user may not mount a filesystem\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_fold__sets_a_damaged_base_aside(void **state) {
    (void)state;
    live_and_die(3, 0);
    tacho__registry *registry = open_registry();
    assert_int_equal(tacho__registry_write(registry, "base", "nonsense", 8), TACHO_OK);
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.folded, 1);
    assert_int_equal(count_files("damaged-base-"), 1);
    assert_int_equal(calls_beside(registry, 1), 3); /* what the old one held is missing, and told */
    tacho__registry_release(registry);
}

static uint64_t time_to_read(tacho__registry *registry, uint64_t calls) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 20; ++i) {
        const uint64_t before = tacho__now(&tacho__clock_system);
        assert_int_equal(calls_without_folding(registry), calls);
        const uint64_t took = tacho__now(&tacho__clock_system) - before;
        least = took < least ? took : least;
    }
    return least;
}

/* Workers that come and go one after the other; each one's opening folds those before. */
static void run_workers(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const pid_t worker = fork();
        assert_true(worker >= 0);
        if (worker == 0) {
            tacho_collector *collector = open_shared();
            tacho_series *series;
            tacho_bind(collector, TACHO_KIND_STEP, "work", NULL, &series);
            tacho_observe(series, 5 * MS);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(worker, &status, 0), worker);
        assert_int_equal(status, 0);
    }
}

/* Many short-lived workers (P34): neither files nor the time to read grow with their number. TACHO_TEST_DEEP=1: 5,000,
 * else 300. */
static void test_fold__thousands_of_workers_leave_two_files_behind(void **state) {
    (void)state;
    const char *deep = getenv("TACHO_TEST_DEEP");
    const unsigned workers = deep && *deep == '1' ? 5000 : 300, filled = 50;
    tacho__registry *registry = open_registry();
    tacho_collector *alive = open_shared();
    run_workers(filled);
    const uint64_t first = time_to_read(registry, filled);
    run_workers(workers - filled);
    assert_true(count_files("seg-") <= 2); /* live + 1 */
    const uint64_t last = time_to_read(registry, workers);
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(count_files("seg-"), 1);
    assert_int_equal(calls_without_folding(registry), workers);
    printf("    read after %u workers: %llu us, after %u: %llu us\n", filled, (unsigned long long)first / 1000, workers,
           (unsigned long long)last / 1000);
    assert_true(last < 3 * first + MS);
    tacho_collector_close(alive);
    tacho__registry_release(registry);
}

/* ------------------------------------------------------------------------------------------- a folder that is killed
 */

static int calls_left; /* system calls until the process is killed */

static void maybe_die(void) {
    if (calls_left-- == 0) {
        raise(SIGKILL);
    }
}
static int dying_open_at(int at, const char *name, int flags, mode_t mode) {
    maybe_die();
    return tacho__system_real.open_at(at, name, flags, mode);
}
static int dying_lock(int file, int how) {
    maybe_die();
    return tacho__system_real.lock(file, how);
}
static int dying_rename_at(int at, const char *from, const char *to) {
    maybe_die();
    return tacho__system_real.rename_at(at, from, to);
}
static int dying_remove_at(int at, const char *name) {
    maybe_die();
    return tacho__system_real.remove_at(at, name);
}
static ssize_t dying_read_at(int file, void *to, size_t bytes, off_t from) {
    maybe_die();
    return tacho__system_real.read_at(file, to, bytes, from);
}
/* A file is written piece by piece, so that it can be half there. */
static ssize_t dying_write_to(int file, const void *from, size_t bytes) {
    maybe_die();
    return tacho__system_real.write_to(file, from, bytes > 40000 ? 40000 : bytes);
}

/* Folds in a process that is killed at its system call number `step`; false when it came to the end before. */
static bool fold_until(int step) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tacho__registry *registry;
        if (tacho__registry_open(folder, 0, &registry) != TACHO_OK) {
            _exit(2);
        }
        calls_left = step;
        tacho__system_calls.open_at = dying_open_at;
        tacho__system_calls.lock = dying_lock;
        tacho__system_calls.rename_at = dying_rename_at;
        tacho__system_calls.remove_at = dying_remove_at;
        tacho__system_calls.read_at = dying_read_at;
        tacho__system_calls.write_to = dying_write_to;
        tacho__folding done;
        const tacho_status status = tacho__fold_if_free(registry, RECORDER_WALL, &done);
        _exit(status == TACHO_OK ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void test_folder__killed_at_any_step_loses_nothing(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    uint64_t calls = 0;
    int step = 0;
    bool killed = true;
    for (; killed; ++step) {
        assert_true(tacho__registry_lease_try(registry));
        live_and_die(3, 1);
        live_and_die(4, 0);
        calls += 3 + 1 + 4;
        tacho__registry_lease_release(registry); /* taken over from a living holder here, from a dead one below */
        killed = fold_until(step);
        assert_int_equal(calls_without_folding(registry), calls);
        tacho__folding done;
        assert_int_equal(tacho__fold_if_free(registry, RECORDER_WALL, &done), TACHO_OK);
        assert_int_equal(calls_without_folding(registry), calls);
        assert_int_equal(count_files("seg-"), 0);
        assert_int_equal(count_files(".new-"), 0);
    }
    printf("    the folder was killed at %d steps\n", step - 1);
    assert_true(step > 25);
    tacho__registry_release(registry);
}

/* -------------------------------------------------------------------------------- reading while somebody else folds */

typedef struct scene {
    _Atomic uint64_t issued, done; /* operations that will have been, or have been, recorded */
    _Atomic uint32_t stop;
    _Atomic uint64_t folds;
} scene;

static void keep_dying(scene *s) {
    while (!atomic_load(&s->stop)) {
        atomic_fetch_add(&s->issued, 3);
        live_and_die(2, 1);
        atomic_fetch_add(&s->done, 3);
    }
    _exit(0);
}

static void keep_folding(scene *s) {
    tacho__registry *registry = open_registry();
    while (!atomic_load(&s->stop)) {
        tacho__folding done;
        if (tacho__fold_if_free(registry, RECORDER_WALL, &done) == TACHO_OK) {
            atomic_fetch_add(&s->folds, done.folded);
        }
        sched_yield();
    }
    _exit(0);
}

static pid_t start(void (*run)(scene *), scene *s) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run(s);
    }
    return child;
}

static tacho_status add_begun_calls(void *context, const tacho__view *view) {
    /* with those of a process that lives still */
    *(uint64_t *)context += digest_calls(view) + tacho__view_in_flight(view, TACHO_KIND_AGENT);
    return TACHO_OK;
}

static void test_reader__never_sees_more_or_less_while_somebody_folds(void **state) {
    (void)state;
    tacho__registry *registry = open_registry();
    scene *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(s != MAP_FAILED);
    const pid_t children[] = {start(keep_dying, s), start(keep_dying, s), start(keep_folding, s),
                              start(keep_folding, s)};
    const time_t end = time(NULL) + 3;
    unsigned readings = 0, busy = 0;
    /* Three seconds, and on a busy machine as long as it takes to have seen something. */
    while (time(NULL) < end || ((readings <= 20 || atomic_load(&s->folds) <= 20) && time(NULL) < end + 60)) {
        const uint64_t least = atomic_load(&s->done);
        uint64_t calls = 0, skipped[TACHO__SKIP_COUNT];
        const tacho__visitor visitor = {&calls, add_begun_calls, forget_calls};
        const tacho_status status = tacho__registry_read(registry, NULL, 0, RECORDER_WALL, &visitor, skipped);
        const uint64_t most = atomic_load(&s->issued);
        if (status == TACHO_BUSY) {
            ++busy;
            continue;
        }
        assert_int_equal(status, TACHO_OK);
        if (calls < least || calls > most) {
            fail_msg("read %llu, between %llu and %llu were right", (unsigned long long)calls,
                     (unsigned long long)least, (unsigned long long)most);
        }
        ++readings;
    }
    atomic_store(&s->stop, 1);
    for (size_t i = 0; i < sizeof children / sizeof *children; ++i) {
        waitpid(children[i], NULL, 0);
    }
    printf("    %u readings, %u given up, %llu segments folded meanwhile\n", readings, busy,
           (unsigned long long)atomic_load(&s->folds));
    assert_true(readings > 20);
    assert_true(atomic_load(&s->folds) > 20);
    tacho__folding done;
    tacho__fold_if_free(registry, RECORDER_WALL, &done);
    assert_int_equal(calls_without_folding(registry), atomic_load(&s->done));
    munmap(s, sizeof *s);
    tacho__registry_release(registry);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/dev/shm/tacho-test-fold-%ld", (long)getpid());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[320];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fold__dead_segments_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__leaves_the_living_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__takes_sixty_four_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__on_a_disk_that_is_full_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opening__folds_a_few_and_lets_others_fork_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__has_its_base_on_the_disk_before_anything_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__sets_a_damaged_base_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold__thousands_of_workers_leave_two_files_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder__killed_at_any_step_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader__never_sees_more_or_less_while_somebody_folds, setup, teardown),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
