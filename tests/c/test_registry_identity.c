/**
 * Whoever has the same process id is not the same process (P33): ids are used again, and two containers with one folder
 * have the same ones. Needs namespaces of its own; skipped by name where there are none to be had.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "segment/layout.h"
#include "segment/registry.h"
#include "support/shared.h"

#define SKIPPED 77
#define SAME_ID 4711

/* 1,000 lives in a deep run. */
static int lives_wanted(void) {
    const char *deep = getenv("TACHO_TEST_DEEP");
#if defined(__SANITIZE_ADDRESS__) || defined(TACHO__UNDER_TSAN)
    return 40;
#endif
    return deep && *deep == '1' ? 1000 : 200;
}

/* The first process of a process-id namespace of its own runs `work`; what that gives, or SKIPPED. */
static int in_namespace(int (*work)(int argument), int argument) {
    const pid_t outer = fork();
    assert_true(outer >= 0);
    if (outer == 0) {
        if (unshare(CLONE_NEWPID) != 0) {
            _exit(SKIPPED);
        }
        const pid_t first = fork();
        if (first == 0) {
            _exit(work(argument));
        }
        int status = 0;
        _exit(first > 0 && waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    int status;
    assert_int_equal(waitpid(outer, &status, 0), outer);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_or_skip(int code, const char *test) {
    if (code == SKIPPED) {
        print_message("skipped %s: no process-id namespace to be had\n", test);
        skip();
    }
    assert_int_equal(code, 0);
}

/* A child with this very process id. */
static pid_t fork_as(pid_t id) {
    struct clone_args how;
    memset(&how, 0, sizeof how);
    how.exit_signal = SIGCHLD;
    how.set_tid = (uint64_t)(uintptr_t)&id;
    how.set_tid_size = 1;
    return (pid_t)syscall(SYS_clone3, &how, sizeof how);
}

/* Lives one after the other, all with the same id; each is killed. */
static int live_again_and_again(int lives) {
    for (int i = 0; i < lives; ++i) {
        const pid_t child = fork_as(SAME_ID);
        if (child == 0) {
            if (getpid() != SAME_ID) {
                _exit(1);
            }
            shared_record(shared_open(TACHO_CONFIG_STRICT), "work", 2);
            raise(SIGKILL);
        }
        int status;
        if (child < 0) {
            return SKIPPED;
        }
        if (child != SAME_ID || waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) {
            return 1;
        }
    }
    return 0;
}

static void test_process_id__used_again_is_another_process(void **state) {
    (void)state;
    const int lives = lives_wanted();
    expect_or_skip(in_namespace(live_again_and_again, lives), __func__);
    assert_int_equal(shared_attach(), 2 * lives);
    assert_true(shared_count("seg-", NULL) <= 1);
}

/* Two that live at the same time, each the first of its namespace. */
static int pipes[2][2], back[2][2];

static int live_until_told(int which) {
    char byte = 0;
    if (getpid() != 1) {
        return 1;
    }
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    shared_record(collector, "work", 3);
    (void)!write(back[which][1], "r", 1);
    (void)!read(pipes[which][0], &byte, 1);
    shared_record(collector, "work", 4);
    if (byte == 'k') {
        kill(getpid(), SIGKILL); /* ignored: nobody kills the first of a namespace from inside */
        _exit(9);
    }
    tacho_collector_close(collector);
    return 0;
}

/* Runs a namespace in a process of its own, so that two can be alive. */
static pid_t start(int which) {
    assert_int_equal(pipe(pipes[which]), 0);
    assert_int_equal(pipe(back[which]), 0);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        const int code = in_namespace(live_until_told, which);
        if (code == SKIPPED) {
            (void)!write(back[which][1], "s", 1);
        }
        _exit(code);
    }
    return child;
}

static int code_of(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned living(void) {
    tacho__registry *registry;
    uint8_t(*ids)[16];
    size_t count;
    unsigned alive = 0;
    assert_int_equal(tacho__registry_open(shared_folder, 0, &registry), TACHO_OK);
    assert_int_equal(tacho__registry_list(registry, &ids, &count), TACHO_OK);
    for (size_t i = 0; i < count; ++i) {
        char name[TACHO__REGISTRY_NAME];
        tacho__registry_file file;
        tacho__registry_name(ids[i], name);
        assert_int_equal(tacho__registry_find(registry, name, &file), TACHO_OK);
        alive += tacho__registry_is_alive(file.file);
        close(file.file);
    }
    tacho__free(ids);
    tacho__registry_release(registry);
    return alive;
}

static void test_two_namespaces__with_one_folder_are_two_processes(void **state) {
    (void)state;
    const pid_t children[] = {start(0), start(1)};
    char said[2];
    assert_int_equal(read(back[0][0], &said[0], 1), 1);
    assert_int_equal(read(back[1][0], &said[1], 1), 1);
    if (said[0] == 'r' && said[1] == 'r') {
        assert_int_equal(shared_attach(), 6);
        assert_int_equal(living(), 2);
        (void)!write(pipes[0][1], "k", 1);
        assert_int_equal(code_of(children[0]), 9); /* gone without a word, as after a kill */
        assert_int_equal(shared_attach(), 10);
        assert_int_equal(living(), 1); /* and the other one is not taken for dead */
        (void)!write(pipes[1][1], "c", 1);
        assert_int_equal(code_of(children[1]), 0);
        assert_int_equal(shared_attach(), 14);
        assert_int_equal(living(), 0);
    } else {
        expect_or_skip(code_of(children[0]), __func__);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_process_id__used_again_is_another_process),
        TEST(test_two_namespaces__with_one_folder_are_two_processes),
    };
    return cmocka_run_group_tests_name("registry_identity", tests, NULL, NULL);
}
