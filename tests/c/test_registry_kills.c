/**
 * A process killed at any system call of its life with a shared folder, from opening to growing (P4): what it had
 * recorded is there, the others record and read as before, and nothing it held stays held.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "segment/fold.h"
#include "segment/registry.h"
#include "segment/system.h"
#include "support/recorder.h"
#include "support/shared.h"

static unsigned calls_left; /* before the one that is not made any more */

static void maybe_die(void) {
    if (calls_left-- == 0) {
        raise(SIGKILL);
    }
}
static int dying_open_at(int at, const char *name, int flags, mode_t mode) {
    maybe_die();
    return tacho__system_real.open_at(at, name, flags, mode);
}
static int dying_make_folder(const char *path, mode_t mode) {
    maybe_die();
    return tacho__system_real.make_folder(path, mode);
}
static int dying_filesystem(int file, uint64_t *type) {
    maybe_die();
    return tacho__system_real.filesystem(file, type);
}
static int dying_allocate(int file, off_t from, off_t bytes) {
    maybe_die();
    return tacho__system_real.allocate(file, from, bytes);
}
static void *dying_map(size_t bytes, int file) {
    maybe_die();
    return tacho__system_real.map(bytes, file);
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
static int dying_link_at(int at, const char *from, const char *to) {
    maybe_die();
    return tacho__system_real.link_at(at, from, to);
}
static ssize_t dying_read_at(int file, void *to, size_t bytes, off_t from) {
    maybe_die();
    return tacho__system_real.read_at(file, to, bytes, from);
}
static ssize_t dying_write_to(int file, const void *from, size_t bytes) {
    maybe_die();
    return tacho__system_real.write_to(file, from, bytes);
}

static const tacho__system dying = {
    .open_at = dying_open_at,
    .make_folder = dying_make_folder,
    .filesystem = dying_filesystem,
    .allocate = dying_allocate,
    .map = dying_map,
    .lock = dying_lock,
    .rename_at = dying_rename_at,
    .remove_at = dying_remove_at,
    .link_at = dying_link_at,
    .read_at = dying_read_at,
    .write_to = dying_write_to,
};

typedef struct account {
    _Atomic int64_t begun, done;
} account;

#define SERIES 600 /* enough for some growth steps */

/* Opens, and records in so many series that the file has to grow; resets at the end. */
static void live(account *mine, unsigned calls) {
    calls_left = calls;
    tacho__system_calls = dying;
    tacho_collector *collector = shared_open(0);
    for (int i = 0; i < SERIES; ++i) {
        char name[32];
        snprintf(name, sizeof name, "step %d", i);
        atomic_fetch_add(&mine->begun, 1);
        shared_record(collector, name, 1);
        atomic_fetch_add(&mine->done, 1);
    }
    calls_left = UINT32_MAX;
    tacho_collector_close(collector);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * S + (uint64_t)now.tv_nsec;
}

/* Others record as fast as ever; the best of three, because the processor is somebody else's now and then. */
static void expect_no_wait(tacho_series *series, int64_t *calls) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
        const uint64_t start = now_ns();
        tacho_observe(series, MS);
        const uint64_t took = now_ns() - start;
        best = took < best ? took : best;
    }
    *calls += 3;
    assert_true(best < MS);
}

static bool kill_at(account *mine, unsigned calls) {
    atomic_store(&mine->begun, 0);
    atomic_store(&mine->done, 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(30);
        live(mine, calls);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

static void expect_lease_is_free(void) {
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(shared_folder, 0, &registry), TACHO_OK);
    assert_true(tacho__registry_lease_try(registry));
    tacho__folding done;
    assert_int_equal(tacho__fold(registry, RECORDER_WALL, &done), TACHO_OK);
    assert_int_equal(done.left, 0);
    tacho__registry_release(registry);
}

static void test_process__killed_at_any_system_call_leaves_the_others_alone(void **state) {
    (void)state;
    account *mine = mmap(NULL, sizeof *mine, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(mine != MAP_FAILED);
    tacho_collector *other = shared_open(TACHO_CONFIG_STRICT);
    tacho_series *series;
    assert_int_equal(tacho_bind(other, TACHO_KIND_STEP, "other", NULL, &series), TACHO_OK);
    int64_t calls = 0;
    unsigned kills = 0, while_recording = 0;
    for (bool killed = true; killed; ++kills) {
        killed = kill_at(mine, kills);
        while_recording += killed && atomic_load(&mine->begun) > 0;
        expect_no_wait(series, &calls);
        const int64_t recorded = shared_attach() - calls;
        assert_true(atomic_load(&mine->done) <= recorded && recorded <= atomic_load(&mine->begun));
        calls += recorded;
        expect_lease_is_free();
        assert_int_equal(shared_attach(), calls);
        assert_int_equal(shared_count("seg-", NULL), 1); /* the living one */
        assert_int_equal(shared_count(".new-", NULL), 0);
    }
    printf("    killed at %u calls, %u of them while recording\n", kills - 1, while_recording);
    assert_true(kills > 15);
    assert_true(while_recording >= 2);
    tacho_series_release(series);
    tacho_collector_close(other);
    munmap(mine, sizeof *mine);
}

/* The folder is not there yet: whoever makes it may leave it in any state. */
static void test_maker__of_the_folder_killed_at_any_system_call_leaves_it_usable(void **state) {
    (void)state;
    account *mine = mmap(NULL, sizeof *mine, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(mine != MAP_FAILED);
    unsigned kills = 0;
    for (bool killed = true; killed; ++kills) {
        char command[320];
        snprintf(command, sizeof command, "rm -rf '%s'", shared_folder);
        assert_int_equal(system(command), 0);
        killed = kill_at(mine, kills);
        const uint64_t start = now_ns();
        tacho_collector *next = shared_open(TACHO_CONFIG_STRICT);
        assert_true(now_ns() - start < S);
        shared_record(next, "x", 2);
        const int64_t recorded = shared_attach() - 2;
        assert_true(atomic_load(&mine->done) <= recorded && recorded <= atomic_load(&mine->begun));
        tacho_collector_close(next);
        expect_lease_is_free();
        assert_int_equal(shared_attach(), recorded + 2);
        assert_int_equal(shared_count(".new-", NULL), 0);
    }
    printf("    killed at %u calls\n", kills - 1);
    assert_true(kills > 20);
    munmap(mine, sizeof *mine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_process__killed_at_any_system_call_leaves_the_others_alone),
        TEST(test_maker__of_the_folder_killed_at_any_system_call_leaves_it_usable),
    };
    return cmocka_run_group_tests_name("registry_kills", tests, NULL, NULL);
}
