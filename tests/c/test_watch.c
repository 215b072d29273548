/* When the keeper hands over before its interval is over. Time is given, and nothing waits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "history/watch.h"

#define MS       UINT64_C(1000000)
#define INTERVAL (10000 * MS)
#define PACE     (1250 * MS)
#define RING     TACHO__RING_RECORDS

/* One segment in which lane 2 records. */
typedef struct scene {
    tacho__watch watch;
    tacho__handed handed;
    tacho__glance glance;
    uint64_t now_ns;
    tacho__watch_advice advice;
} scene;

static int begin(void **state) {
    static scene s;
    memset(&s, 0, sizeof s);
    s.glance.generation = 1;
    s.glance.capacity[2] = RING;
    s.now_ns = 1000 * MS;
    *state = &s;
    return 0;
}

static int end(void **state) {
    scene *s = *state;
    tacho__watch_free(&s->watch);
    tacho__handed_free(&s->handed);
    return 0;
}

static void look(scene *s) {
    s->advice = tacho__watch_look(&s->watch, &s->glance, 1, &s->handed, INTERVAL, s->now_ns);
    s->now_ns += s->advice.look_ns;
}

/* Until the pauses are as long as they get. */
static void be_quiet(scene *s) {
    for (int i = 0; i < 6; ++i) {
        look(s);
        assert_false(s->advice.hurry);
    }
    assert_int_equal(s->advice.look_ns, PACE);
}

static void hand_over(scene *s) {
    tacho__handed_segment entry = {.generation = 1};
    memcpy(entry.lanes, s->glance.records, sizeof entry.lanes);
    assert_true(tacho__handed_put(&s->handed, &entry));
}

static void test_quiet__is_looked_at_eight_times_an_interval(void **state) {
    scene *s = *state;
    be_quiet(s);
    look(s);
    assert_int_equal(s->advice.look_ns, PACE);
    assert_int_equal(tacho__watch_pace(INTERVAL), PACE);
    assert_int_equal(tacho__watch_pace(10 * MS), TACHO__WATCH_LEAST);
}

static void test_beginning__is_looked_at_sooner(void **state) {
    scene *s = *state;
    uint64_t expected[] = {100, 200, 400, 800, 1250, 1250};
    for (int i = 0; i < 6; ++i) {
        look(s);
        assert_int_equal(s->advice.look_ns, expected[i] * MS);
    }
}

static void test_half_a_ring__is_handed_over_now(void **state) {
    scene *s = *state;
    be_quiet(s);
    s->glance.records[2] = RING / 2 - 1;
    look(s);
    assert_false(s->advice.hurry);
    s->glance.records[2] = RING / 2;
    look(s);
    assert_true(s->advice.hurry);
    hand_over(s);
    look(s);
    assert_false(s->advice.hurry);
}

static void test_pace__is_that_of_the_records(void **state) {
    scene *s = *state;
    be_quiet(s);
    s->glance.records[2] = 200;
    look(s); /* 160 a second: 312 more take 1.95 s */
    assert_int_equal(s->advice.look_ns, PACE);
    s->glance.records[2] = 400;
    look(s); /* 112 more take 0.7 s */
    assert_int_equal(s->advice.look_ns, 700 * MS);
    s->glance.records[2] = 512;
    look(s);
    assert_true(s->advice.hurry);
}

/* However fast it is: not more than ten looks a second, and when it is over as few as before. */
static void test_speed__has_a_bound_and_an_end(void **state) {
    scene *s = *state;
    be_quiet(s);
    for (int i = 0; i < 50; ++i) {
        s->glance.records[2] += 100000;
        look(s);
        assert_true(s->advice.hurry);
        assert_int_equal(s->advice.look_ns, TACHO__WATCH_LEAST);
        hand_over(s);
    }
    be_quiet(s);
}

/* A file that nobody can read whole, or a disk that is full: one turn for each half ring, and no more. */
static void test_hurry__that_was_of_no_use_comes_once(void **state) {
    scene *s = *state;
    be_quiet(s);
    s->glance.records[2] = 5000;
    look(s);
    assert_true(s->advice.hurry);
    for (int i = 0; i < 20; ++i) {
        look(s);
        assert_false(s->advice.hurry);
    }
    assert_int_equal(s->advice.look_ns, PACE);
    s->glance.records[2] += RING / 2;
    look(s);
    assert_true(s->advice.hurry);
}

static void test_lane__without_a_ring_hurries_nobody(void **state) {
    scene *s = *state;
    s->glance.capacity[2] = 0;
    s->glance.records[2] = 5000;
    be_quiet(s);
}

static void test_reset__begins_at_nothing(void **state) {
    scene *s = *state;
    s->glance.records[2] = 5000;
    hand_over(s);
    be_quiet(s);
    s->glance.generation = 2;
    s->glance.records[2] = 10;
    look(s);
    assert_false(s->advice.hurry);
    s->glance.records[2] = RING / 2;
    look(s);
    assert_true(s->advice.hurry);
}

static void test_memory__that_is_missing_is_no_look(void **state) {
    scene *s = *state;
    be_quiet(s);
    s->glance.records[2] = RING;
    tacho__memory_fail_after(0, 1);
    look(s);
    tacho__memory_fail_after(-1, 0);
    assert_false(s->advice.hurry);
    assert_int_equal(s->advice.look_ns, PACE);
    look(s);
    assert_true(s->advice.hurry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_quiet__is_looked_at_eight_times_an_interval),
        TEST(test_beginning__is_looked_at_sooner),
        TEST(test_half_a_ring__is_handed_over_now),
        TEST(test_pace__is_that_of_the_records),
        TEST(test_speed__has_a_bound_and_an_end),
        TEST(test_hurry__that_was_of_no_use_comes_once),
        TEST(test_lane__without_a_ring_hurries_nobody),
        TEST(test_reset__begins_at_nothing),
        TEST(test_memory__that_is_missing_is_no_look),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
