#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/memory.h"
#include "history/hand_over.h"
#include "snapshot/snapshot.h"
#include "support/fill_collector.h"
#include "support/keeping.h"

static tacho_snapshot *both(tacho_collector *one, tacho_collector *other) {
    tacho_snapshot *a = take_snapshot(one), *b = take_snapshot(other), *all;
    assert_int_equal(tacho_snapshot_merge(a, b, &all), TACHO_OK);
    tacho_snapshot_free(a);
    tacho_snapshot_free(b);
    return all;
}

static uint64_t hand_over(tacho_snapshot *snapshot, tacho__handed *handed) {
    uint64_t missed = 0;
    tacho__visit visit = {.path = keeping_file};
    assert_int_equal(tacho__hand_over(&visit, snapshot, handed, &missed), TACHO_OK);
    tacho_snapshot_free(snapshot);
    return missed;
}

static void test_unreadable__for_some_turns_is_neither_missed_nor_passed_by(void **state) {
    (void)state;
    tacho__handed handed = {.count = 0};
    tacho_collector *one = keeping_open(NULL), *other = keeping_open(NULL);
    keeping_record(one, 3);
    keeping_record(other, 500);
    assert_int_equal(hand_over(both(one, other), &handed), 0);
    keeping_record(one, 2);
    keeping_record(other, 5);
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(hand_over(take_snapshot(one), &handed), 0);
        assert_int_equal(keeping_rows(), 505);
    }
    keeping_record(other, 1600); /* 576 and a little more are lost with the 505 that were there */
    const uint64_t missed = hand_over(both(one, other), &handed);
    assert_int_equal(missed, 5 + 1600 - 1024);
    assert_int_equal(keeping_rows() + (long long)missed, 3 + 2 + 500 + 5 + 1600);
    assert_int_equal(hand_over(both(one, other), &handed), 0);
    tacho__handed_free(&handed);
    tacho_collector_close(one);
    tacho_collector_close(other);
}

static void test_unseen__segments_are_remembered_but_not_for_ever(void **state) {
    (void)state;
    tacho__handed handed = {.count = 0};
    tacho_collector *collector = keeping_open(NULL);
    for (unsigned i = 0; i < TACHO__HANDED_UNSEEN + 10; ++i) {
        keeping_record(collector, 1);
        assert_int_equal(hand_over(take_snapshot(collector), &handed), 0);
        assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    }
    assert_int_equal(handed.count, TACHO__HANDED_UNSEEN + 1);
    assert_int_equal(handed.segments[0].generation, TACHO__HANDED_UNSEEN + 10);
    assert_int_equal(handed.segments[1].generation, TACHO__HANDED_UNSEEN + 9);
    tacho__handed_free(&handed);
    tacho_collector_close(collector);
}

static void test_memory__that_is_missing_leaves_everything_as_it_was(void **state) {
    (void)state;
    tacho__handed handed = {.count = 0};
    tacho__visit visit = {.path = keeping_file};
    uint64_t missed;
    tacho_collector *collector = keeping_open(NULL);
    keeping_record(collector, 3);
    assert_int_equal(hand_over(take_snapshot(collector), &handed), 0);
    keeping_record(collector, 4);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_status status = TACHO_NOMEM;
    for (int k = 0; status != TACHO_OK; ++k) {
        assert_int_equal(handed.segments[0].lanes[0], 3);
        tacho__memory_fail_after(k, 1);
        status = tacho__hand_over(&visit, snapshot, &handed, &missed);
        tacho__memory_fail_after(-1, 0);
        assert_true(k < 1000);
    }
    assert_int_equal(handed.segments[0].lanes[0], 7);
    assert_int_equal(missed, 0);
    assert_int_equal(keeping_rows(), 7);
    tacho_snapshot_free(snapshot);
    tacho__handed_free(&handed);
    tacho_collector_close(collector);
}

static void test_reset__does_not_hide_what_is_missed_after_it(void **state) {
    (void)state;
    tacho__handed handed = {.count = 0};
    tacho_collector *collector = keeping_open(NULL);
    for (int i = 0; i < 3; ++i) {
        keeping_record(collector, 1000);
        assert_int_equal(hand_over(take_snapshot(collector), &handed), 0);
    }
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    keeping_record(collector, 2500);
    const uint64_t missed = hand_over(take_snapshot(collector), &handed);
    assert_true(missed >= 1400);
    assert_int_equal(keeping_rows() + (long long)missed, 3 * 1000 + 2500);
    tacho__handed_free(&handed);
    tacho_collector_close(collector);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keeping_make, keeping_unmake)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unreadable__for_some_turns_is_neither_missed_nor_passed_by),
        TEST(test_unseen__segments_are_remembered_but_not_for_ever),
        TEST(test_memory__that_is_missing_leaves_everything_as_it_was),
        TEST(test_reset__does_not_hide_what_is_missed_after_it),
    };
    return cmocka_run_group_tests_name("hand_over", tests, NULL, NULL);
}
