#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/registry.h"
#include "support/recorder.h"
#include "support/scratch.h"

static char folder[256]; /* of the test at hand, removed afterwards; not made yet */

static tacho_collector *open_shared(unsigned flags) {
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .flags = flags, .dir = folder};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

static void record(tacho_collector *collector, const char *name, unsigned n) {
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, name, NULL, &series), TACHO_OK);
    for (unsigned i = 0; i < n; ++i) {
        tacho_observe(series, 1000000);
    }
    tacho_series_release(series);
}

/* Calls of all operations in a snapshot, which is freed. */
static int64_t calls_of(tacho_snapshot *snapshot) {
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    const int64_t calls = rows->totals.calls;
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    return calls;
}

static int64_t calls_attached(void) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(folder, &snapshot), TACHO_OK);
    return calls_of(snapshot);
}

static void test_registry__two_collectors_are_read_as_one(void **state) {
    (void)state;
    tacho_collector *a = open_shared(0), *b = open_shared(0);
    record(a, "x", 3);
    record(b, "x", 4);
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(a, &snapshot), TACHO_OK);
    assert_int_equal(calls_of(snapshot), 7);
    assert_int_equal(tacho_snapshot_take_process(a, &snapshot), TACHO_OK);
    assert_int_equal(calls_of(snapshot), 3);
    assert_int_equal(calls_attached(), 7);
    tacho_collector_close(a);
    assert_int_equal(calls_attached(), 7);
    record(b, "x", 1);
    assert_int_equal(calls_attached(), 8);
    assert_int_equal(tacho_collector_reset(b), TACHO_OK);
    assert_int_equal(calls_attached(), 3);
    tacho_collector_close(b);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/dev/shm/tacho-test-registry-%ld", (long)getpid());
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
        cmocka_unit_test_setup_teardown(test_registry__two_collectors_are_read_as_one, setup, teardown),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
