/* A look at the counts of all segments in a folder, whatever else lies there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "collect/collector.h"
#include "collect/reading.h"
#include "segment/glance.h"
#include "segment/system.h"
#include "support/fill_collector.h"
#include "support/shared.h"

static void record(tacho_collector *collector, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
        record_call(collector, TACHO_KIND_STEP, "step", NULL, 5, 0, PLAIN);
    }
}

static tacho__glance *look(tacho_collector *own, size_t *count) {
    tacho__glance mine, *others;
    tacho__registry *registry = tacho__collector_registry(own);
    assert_true(tacho__collector_glance(own, &mine));
    assert_int_equal(tacho__glance_registry(registry, mine.id, &others, count), TACHO_OK);
    tacho__registry_release(registry);
    return others;
}

static void test_glance__sees_own_and_others(void **state) {
    (void)state;
    tacho__glance mine, *others;
    size_t count;
    tacho_collector *own = shared_open(0), *other = shared_open(0);
    record(own, 3);
    record(other, 1030);
    assert_true(tacho__collector_glance(own, &mine));
    assert_int_equal(mine.records[0], 3);
    assert_int_equal(mine.capacity[0], TACHO__RING_RECORDS);
    assert_int_equal(mine.capacity[1], 0);
    others = look(own, &count);
    assert_int_equal(count, 1);
    assert_int_equal(others[0].records[0], 1030);
    assert_int_equal(others[0].generation, 1);
    assert_memory_equal(others[0].id, tacho__segment_of(other)->header->id, 16);
    tacho__free(others);
    tacho_collector_close(own);
    tacho_collector_close(other);
}

static void lay_down(const char *name, const void *bytes, size_t length) {
    const int file = open(shared_path(name), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, length), (ssize_t)length);
    close(file);
}

static void test_glance__passes_by_what_is_none(void **state) {
    (void)state;
    size_t count;
    tacho_collector *own = shared_open(0);
    uint8_t bytes[TACHO__HEADER_BYTES];
    memcpy(bytes, tacho__segment_of(own)->header, sizeof bytes);
    lay_down("seg-00000000000000000000000000000001", "x", 1);
    lay_down("seg-00000000000000000000000000000002", bytes, sizeof bytes); /* a header, and no lanes */
    memset(bytes, 0xA5, sizeof bytes);
    lay_down("seg-00000000000000000000000000000003", bytes, sizeof bytes);
    assert_int_equal(mkdir(shared_path("seg-00000000000000000000000000000004"), 0700), 0);
    tacho__free(look(own, &count));
    assert_int_equal(count, 0);
    tacho_collector_close(own);
}

static void test_glance__without_memory_is_refused(void **state) {
    (void)state;
    tacho_collector *own = shared_open(0), *other = shared_open(0);
    tacho__registry *registry = tacho__collector_registry(own);
    tacho_status status = TACHO_NOMEM;
    for (int k = 0; status != TACHO_OK; ++k) {
        tacho__glance *all;
        size_t count;
        tacho__memory_fail_after(k, 1);
        status = tacho__glance_registry(registry, NULL, &all, &count);
        tacho__memory_fail_after(-1, 0);
        assert_true(k < 20);
        assert_true(status == TACHO_OK ? count == 2 : all == NULL);
        tacho__free(all);
    }
    tacho__registry_release(registry);
    tacho_collector_close(own);
    tacho_collector_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_glance__sees_own_and_others),
        TEST(test_glance__passes_by_what_is_none),
        TEST(test_glance__without_memory_is_refused),
    };
    return cmocka_run_group_tests_name("registry_glance", tests, NULL, NULL);
}
