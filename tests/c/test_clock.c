#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"

static void test_now__never_goes_back(void **state) {
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = tacho__now(&tacho__clock_system);
        assert_true(now >= last);
        last = now;
    }
    assert_true(last > 0);
}

static void test_now__is_the_same_clock_by_either_way(void **state) {
    (void)state;
    uint64_t before = tacho__now(&tacho__clock_system);
    uint64_t between = tacho__clock_system.monotonic_ns(tacho__clock_system.context);
    uint64_t after = tacho__now(&tacho__clock_system);
    assert_true(before <= between && between <= after);
}

static void test_wall__is_after_2020(void **state) {
    (void)state;
    assert_true(tacho__wall(&tacho__clock_system) > INT64_C(1577836800000000000));
}

static void test_fake__stands_still_until_told(void **state) {
    (void)state;
    tacho__clock_fake fake;
    tacho__clock_fake_init(&fake, 7, -5);
    assert_int_equal(tacho__now(&fake.clock), 7);
    assert_int_equal(tacho__now(&fake.clock), 7);
    assert_int_equal(tacho__wall(&fake.clock), -5);
    tacho__clock_fake_advance(&fake, 10);
    assert_int_equal(tacho__now(&fake.clock), 17);
    assert_int_equal(tacho__wall(&fake.clock), 5);
}

static void test_fake__lets_the_wall_clock_jump_back(void **state) {
    (void)state;
    tacho__clock_fake fake;
    tacho__clock_fake_init(&fake, 100, 1000);
    tacho__clock_fake_set(&fake, 200, 10);
    assert_int_equal(tacho__now(&fake.clock), 200);
    assert_int_equal(tacho__wall(&fake.clock), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now__never_goes_back),
        cmocka_unit_test(test_now__is_the_same_clock_by_either_way),
        cmocka_unit_test(test_wall__is_after_2020),
        cmocka_unit_test(test_fake__stands_still_until_told),
        cmocka_unit_test(test_fake__lets_the_wall_clock_jump_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
