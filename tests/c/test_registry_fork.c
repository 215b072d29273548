/** A process that shares a folder and has a child: what the child inherited keeps nothing alive. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "segment/registry.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock__of_a_parent_ends_with_it_though_its_child_lives),
    };
    return cmocka_run_group_tests_name("registry fork", tests, NULL, NULL);
}
