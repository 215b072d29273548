/** A process that shares a folder and has a child: what the child inherited keeps nothing alive. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "segment/fold.h"
#include "segment/registry.h"
#include "segment/system.h"
#include "support/recorder.h"
#include "support/scratch.h"

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

/* A process that shares `folder`, has a child that lives on, and is killed. Returns the child. */
static pid_t die_and_leave_a_child(const char *folder, const int pipes[2]) {
    const pid_t parent = fork();
    if (parent == 0) {
        tacho_collector *collector;
        tacho_series *series;
        const tacho_config config = {.struct_size = sizeof config, .dir = folder, .flags = TACHO_CONFIG_STRICT};
        if (tacho_collector_open(&collector, &config) != TACHO_OK ||
            tacho_bind(collector, TACHO_KIND_STEP, "plan", NULL, &series) != TACHO_OK) {
            _exit(1);
        }
        tacho_observe(series, S);
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            for (;;) {
                pause(); /* has all that it inherited, and uses none of it */
            }
        }
        (void)!write(pipes[1], &child, sizeof child);
        raise(SIGKILL);
    }
    pid_t child = 0;
    assert_int_equal(read(pipes[0], &child, sizeof child), sizeof child);
    waitpid(parent, NULL, 0);
    return child;
}

static void test_lock__of_a_parent_ends_with_it_though_its_child_lives(void **state) {
    (void)state;
    scratch place;
    scratch_make(&place);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const char *folder = scratch_path(&place, "shared");
    const pid_t child = die_and_leave_a_child(folder, pipes);
    tacho__registry *registry;
    uint8_t(*ids)[16];
    size_t count;
    assert_int_equal(tacho__registry_open(folder, 0, &registry), TACHO_OK);
    assert_int_equal(tacho__registry_list(registry, &ids, &count), TACHO_OK);
    assert_int_equal(count, 1);
    char name[TACHO__REGISTRY_NAME];
    tacho__registry_name(ids[0], name);
    tacho__registry_file file;
    assert_int_equal(tacho__registry_find(registry, name, &file), TACHO_OK);
    const uint64_t until = now_ns() + 10 * S; /* the child may still be on its way out of fork() */
    bool alive;
    while ((alive = tacho__registry_is_alive(file.file)) && now_ns() < until) {
    }
    assert_false(alive);
    kill(child, SIGKILL);
    close(file.file);
    close(pipes[0]);
    close(pipes[1]);
    tacho__free(ids);
    tacho__registry_release(registry);
    scratch_remove(&place);
}

/* ------------------------------------------------------------------------------------ a thread that folds meanwhile
 */

static struct {
    char folder[300];
    _Atomic int inside, forked;
} folding;

/* The step before `base` gets its name: the lease is held. Goes on when there is a child. */
static int rename_once_forked(int folder, const char *from, const char *to) {
    atomic_store(&folding.inside, 1);
    while (!atomic_load(&folding.forked)) {
        sched_yield();
    }
    return tacho__system_real.rename_at(folder, from, to);
}

static void *fold(void *registry) {
    tacho__folding done;
    tacho__fold_if_free(registry, 0, &done);
    return NULL;
}

static bool lease_is_free(const tacho__registry *registry) {
    tacho__registry asking;
    tacho__registry_beside(registry, &asking);
    const bool is_free = tacho__registry_lease_try(&asking);
    tacho__registry_lease_release(&asking);
    return is_free;
}

/* A process one thread of which folds while another one forks; then it is killed. Says who its child is; 0 = nobody
 * held the lease. */
static void fork_while_folding(int out) {
    tacho__registry *registry;
    pthread_t thread;
    if (tacho__registry_open(folding.folder, 0, &registry) != TACHO_OK) {
        _exit(1);
    }
    tacho__system_calls.rename_at = rename_once_forked;
    pthread_create(&thread, NULL, fold, registry);
    while (!atomic_load(&folding.inside)) {
        sched_yield();
    }
    pid_t child = lease_is_free(registry) ? 0 : fork();
    if (child == 0) {
        alarm(20);
        for (;;) {
            pause();
        }
    }
    (void)!write(out, &child, sizeof child);
    raise(SIGKILL);
}

static void record_and_die(void) {
    const pid_t child = fork();
    if (child == 0) {
        tacho_collector *collector;
        tacho_series *series;
        const tacho_config config = {.struct_size = sizeof config, .dir = folding.folder, .flags = TACHO_CONFIG_STRICT};
        if (tacho_collector_open(&collector, &config) == TACHO_OK &&
            tacho_bind(collector, TACHO_KIND_STEP, "plan", NULL, &series) == TACHO_OK) {
            tacho_observe(series, S);
        }
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
}

static void test_lease__of_a_folding_thread_ends_with_its_process_though_a_child_lives(void **state) {
    (void)state;
    scratch place;
    scratch_make(&place);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    snprintf(folding.folder, sizeof folding.folder, "%s", scratch_path(&place, "shared"));
    record_and_die();
    const pid_t parent = fork();
    if (parent == 0) {
        alarm(20);
        fork_while_folding(pipes[1]);
    }
    close(pipes[1]);
    pid_t child = 0;
    assert_int_equal(read(pipes[0], &child, sizeof child), sizeof child);
    assert_true(child > 0);
    waitpid(parent, NULL, 0);
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folding.folder, 0, &registry), TACHO_OK);
    const uint64_t until = now_ns() + 10 * S;
    bool is_free;
    while (!(is_free = lease_is_free(registry)) && now_ns() < until) {
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_true(is_free);
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, 0, &done), TACHO_OK);
    assert_int_equal(done.folded, 1); /* what the killed one had begun */
    close(pipes[0]);
    tacho__registry_release(registry);
    scratch_remove(&place);
}

/* A child that closes all it has and leaves the folder, as daemons do, and records one step. */
static pid_t daemon_in(const char *folder, tacho_series *series, int file) {
    const pid_t child = fork();
    if (child == 0) {
        for (int i = 3; i < 100; ++i) {
            if (i != file) {
                close(i);
            }
        }
        if (chdir(folder) != 0) {
            _exit(1);
        }
        tacho_observe(series, S);
        (void)!write(file, "r", 1);
        pause();
        _exit(0);
    }
    return child;
}

static void test_daemon__finds_a_folder_that_was_given_relative(void **state) {
    (void)state;
    scratch place;
    scratch_make(&place);
    char before[4096], byte;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(place.folder), 0);
    assert_int_equal(mkdir("elsewhere", 0700), 0);
    tacho_collector *collector;
    tacho_series *series;
    const tacho_config config = {.struct_size = sizeof config, .dir = "reg", .flags = TACHO_CONFIG_STRICT};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    assert_string_equal(tacho_collector_dir(collector, NULL), scratch_path(&place, "reg"));
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, "plan", NULL, &series), TACHO_OK);
    tacho_observe(series, S);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = daemon_in("elsewhere", series, pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_not_equal(access("elsewhere/reg", F_OK), 0);
    tacho_snapshot *snapshot;
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_attach("reg", &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 2);
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    tacho_series_release(series);
    tacho_collector_close(collector);
    assert_int_equal(chdir(before), 0);
    scratch_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__of_a_folding_thread_ends_with_its_process_though_a_child_lives),
        cmocka_unit_test(test_daemon__finds_a_folder_that_was_given_relative),
        cmocka_unit_test(test_lock__of_a_parent_ends_with_it_though_its_child_lives),
    };
    return cmocka_run_group_tests_name("registry fork", tests, NULL, NULL);
}
