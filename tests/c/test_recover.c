#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"
#include "segment/redo.h"
#include "support/digest.h"
#include "support/recorder.h"

/* The bytes of a recorder's segment, as a killed process would leave them. */
typedef struct remains {
    uint8_t *bytes;
    size_t length;
} remains;

static remains remains_of(recorder *r) {
    const tacho__segment *segment = tacho__segment_of(r->collector);
    const size_t length = (size_t)tacho__get(&segment->header->lines_used) * TACHO__LINE;
    remains dead = {malloc(length), length};
    assert_non_null(dead.bytes);
    memcpy(dead.bytes, segment->base, length);
    return dead;
}

static tacho__view *recover(const remains *dead) {
    tacho__view *view = NULL;
    assert_int_equal(tacho__view_of_dead(dead->bytes, dead->length, 0, RECORDER_WALL, &view), TACHO_OK);
    return view;
}

static tacho__redo *redo_of(const remains *dead, uint32_t lane) {
    const tacho__header *header = (const tacho__header *)dead->bytes;
    const tacho__lane_header *lanes =
        (const tacho__lane_header *)(dead->bytes + (size_t)header->regions[TACHO__REGION_LANES].first * TACHO__LINE);
    return (tacho__redo *)(dead->bytes + (size_t)tacho__get_half(&lanes[lane].redo) * TACHO__LINE);
}

/* The last of `count` entries with a value each. */
static void put_entry(tacho__redo *redo, uint64_t count, uint64_t target, uint64_t value) {
    tacho__put(&redo->word[2 * count - 2], target);
    tacho__put(&redo->word[2 * count - 1], value);
    tacho__put(&redo->count, 2 * count);
}

static void find_series(const tacho__view *view, const char *name, tacho__series_view *out) {
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        if (tacho__view_series(view, i, out) && out->name && strcmp(out->name, name) == 0) {
            return;
        }
    }
    fail_msg("no series %s", name);
}

static void test_dead__shows_what_was_in_flight_as_orphaned(void **state) {
    recorder *r = *state;
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    tacho_operation done, open;
    tacho_begin(answer, NULL, &done);
    tacho_end(&done, TACHO_OUTCOME_OK);
    tacho__clock_fake_advance(&r->clock, S);
    tacho_begin(answer, NULL, &open);
    tacho__clock_fake_advance(&r->clock, S);
    const remains dead = remains_of(r);
    tacho__view *view = recover(&dead);
    assert_int_equal(tacho__view_describe(view)->orphans, 1);
    assert_int_equal(tacho__view_open_count(view), 0);
    assert_int_equal(tacho__view_in_flight(view, TACHO_KIND_LLM), 0);
    find_series(view, "answer", &r->series);
    assert_int_equal(r->series.calls, 2);
    assert_int_equal(r->series.ok, 1);
    assert_int_equal(r->series.failed[TACHO_OUTCOME_ORPHANED - 1], 1);
    assert_int_equal(r->series.untimed, 1);
    assert_int_equal(r->series.in_flight, 0);
    bool found = false;
    for (uint32_t i = 0; i < tacho__view_record_count(view); ++i) {
        assert_true(tacho__view_record(view, i, &r->record));
        if (r->record.id == tacho_operation_id(&open)) {
            found = true;
            assert_int_equal(r->record.outcome, TACHO_OUTCOME_ORPHANED);
            assert_int_equal(r->record.begin_wall_ns, RECORDER_WALL + (int64_t)S);
            assert_int_equal(r->record.duration_ns, -1);
            assert_string_equal(r->record.requested_model, "gpt-4o");
            assert_string_equal(r->record.session, tacho_session_id(tacho_collector_session(r->collector)));
        }
    }
    assert_true(found);
    assert_null(digest_check(view));
    tacho__view_free(view);
    free(dead.bytes);
    tacho_series_release(answer);
}

/* Also those that never came to a booking: their cells are made for them. */
static void test_dead__books_orphans_of_hundreds_of_series(void **state) {
    recorder *r = *state;
    enum { OPERATIONS = TACHO__OPEN_SLOTS };
    tacho_operation *operations = calloc(OPERATIONS, sizeof *operations);
    assert_non_null(operations);
    for (int i = 0; i < OPERATIONS; ++i) {
        const char name[] = {'n', (char)('0' + i / 64), (char)('0' + i % 64), 0};
        tacho_series *series = recorder_bind(r, (tacho_kind)(i % TACHO_KIND_COUNT), name, NULL, NULL);
        tacho_begin(series, NULL, &operations[i]);
        tacho_series_release(series);
    }
    const remains dead = remains_of(r);
    tacho__view *view = recover(&dead);
    const uint32_t orphans = tacho__view_describe(view)->orphans;
    assert_in_range(orphans, 200, OPERATIONS); /* half of the slots are kept for other lanes */
    assert_int_equal(digest_calls(view), orphans);
    assert_int_equal(tacho__view_record_count(view), orphans);
    assert_null(digest_check(view));
    tacho__view_free(view);
    free(dead.bytes);
    free(operations);
}

static void test_dead__always_gives_the_same_numbers(void **state) {
    recorder *r = *state;
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    tacho_operation open;
    tacho_begin(answer, NULL, &open);
    const remains dead = remains_of(r);
    tacho__view *first = recover(&dead), *second = recover(&dead);
    char *a = digest_of(first, DIGEST_ALL), *b = digest_of(second, DIGEST_ALL);
    assert_string_equal(a, b);
    free(a);
    free(b);
    tacho__view_free(first);
    tacho__view_free(second);
    free(dead.bytes);
    tacho_series_release(answer);
}

/* A slot of another lane that was used again at once: the set that ended its last operation must not end the next. */
static void test_dead__a_slot_used_again_stays_in_flight(void **state) {
    recorder *r = *state;
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_operation open;
    tacho_begin(answer, NULL, &open);
    const remains dead = remains_of(r);
    const tacho__segment *segment = tacho__segment_of(r->collector);
    uint64_t slot = 0;
    for (uint64_t i = 0; i < TACHO__OPEN_SLOTS; ++i) {
        slot = tacho__get(&segment->open[i].id) ? (uint64_t)((uint8_t *)&segment->open[i].id - segment->base) : slot;
    }
    put_entry(redo_of(&dead, 0), 1, slot | TACHO__REDO_CLOSE, tacho_operation_id(&open) + 1);
    tacho__view *view = recover(&dead);
    assert_int_equal(tacho__view_describe(view)->sets_applied, 1);
    assert_int_equal(tacho__view_describe(view)->orphans, 1);
    tacho__view_free(view);
    put_entry(redo_of(&dead, 0), 1, slot | TACHO__REDO_CLOSE, tacho_operation_id(&open));
    view = recover(&dead);
    assert_int_equal(tacho__view_describe(view)->orphans, 0);
    tacho__view_free(view);
    free(dead.bytes);
    tacho_series_release(answer);
}

/* Where the observation that came last left its mark. */
typedef struct short_set {
    tacho__redo *redo;
    tacho__half *bucket;
    tacho__word *sum, *counter;
} short_set;

static short_set short_set_of(const remains *dead) {
    tacho__redo *redo = redo_of(dead, 0);
    const uint64_t mark = tacho__get(&redo->mark);
    assert_int_not_equal(mark, 0);
    return (short_set){redo, (tacho__half *)(dead->bytes + tacho__mark_bucket(mark)),
                       (tacho__word *)(dead->bytes + tacho__mark_histogram(mark)),
                       (tacho__word *)(dead->bytes + (tacho__get(&redo->counter) >> 32))};
}

static char *digest_recovered(const remains *dead, uint32_t sets, uint32_t faults) {
    tacho__view *view = recover(dead);
    assert_int_equal(tacho__view_describe(view)->sets_applied, sets);
    assert_int_equal(tacho__view_describe(view)->faults, faults);
    char *digest = digest_of(view, DIGEST_ALL);
    tacho__view_free(view);
    return digest;
}

static void observe_three(recorder *r) {
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_observe(answer, 4 * MS);
    tacho_observe(answer, 6 * MS);
    tacho_observe(answer, 5 * MS); /* between those seen: the short way */
    tacho_series_release(answer);
}

static void test_dead__a_short_set_is_finished_once_its_bucket_was_stored(void **state) {
    observe_three(*state);
    const remains dead = remains_of(*state);
    const short_set set = short_set_of(&dead);
    char *whole = digest_recovered(&dead, 0, 0);
    tacho__put(set.sum, tacho__get(set.sum) - 5 * MS);
    tacho__put(set.counter, tacho__get(set.counter) - 1);
    char *finished = digest_recovered(&dead, 1, 0);
    assert_string_equal(finished, whole);
    free(finished);
    tacho__put(set.sum, tacho__get(&set.redo->sum)); /* the sum was stored, the counter not */
    finished = digest_recovered(&dead, 0, 0);
    assert_string_equal(finished, whole);
    free(finished);
    free(whole);
    free(dead.bytes);
}

static void test_dead__a_short_set_whose_bucket_was_not_stored_never_was(void **state) {
    observe_three(*state);
    const remains dead = remains_of(*state);
    const short_set set = short_set_of(&dead);
    tacho__put(set.sum, tacho__get(set.sum) - 5 * MS);
    tacho__put(set.counter, tacho__get(set.counter) - 1);
    tacho__put_half(set.bucket, tacho__get_half(set.bucket) - 1);
    char *marked = digest_recovered(&dead, 0, 0);
    tacho__put(&set.redo->mark, 0);
    char *unmarked = digest_recovered(&dead, 0, 0);
    assert_string_equal(marked, unmarked);
    free(marked);
    free(unmarked);
    free(dead.bytes);
}

static void test_dead__a_short_set_that_makes_no_sense_is_a_fault(void **state) {
    observe_three(*state);
    const remains dead = remains_of(*state);
    const short_set set = short_set_of(&dead);
    const uint64_t mark = tacho__get(&set.redo->mark), counter = tacho__get(&set.redo->counter);
    char *whole = digest_recovered(&dead, 0, 0);
    const uint64_t marks[] = {UINT64_MAX, mark | UINT64_C(0xFFFFFFFF) << 32, mark | UINT64_C(0xFFFFFFF0), 1,
                              mark & UINT32_MAX};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; ++i) {
        tacho__put(&set.redo->mark, marks[i]);
        char *digest = digest_recovered(&dead, 0, 1);
        assert_string_equal(digest, whole);
        free(digest);
    }
    const uint64_t counters[] = {UINT64_MAX, counter + 1000, counter + (UINT64_C(4) << 32), counter & UINT32_MAX};
    tacho__put(&set.redo->mark, mark);
    for (size_t i = 0; i < sizeof counters / sizeof *counters; ++i) {
        tacho__put(&set.redo->counter, counters[i]);
        char *digest = digest_recovered(&dead, 0, 1);
        assert_string_equal(digest, whole);
        free(digest);
    }
    free(whole);
    free(dead.bytes);
}

static void test_dead__a_set_that_makes_no_sense_is_left_out_whole(void **state) {
    recorder *r = *state;
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", NULL, NULL);
    tacho_observe(answer, 5 * MS);
    const remains dead = remains_of(r);
    tacho__view *before = recover(&dead);
    char *expected = digest_of(before, DIGEST_ALL);
    tacho__view_free(before);
    static const uint64_t targets[] = {0,          8,        TACHO__HEADER_BYTES - 8, TACHO__HEADER_BYTES + 4,
                                       UINT64_MAX, 1u << 30, TACHO__HEADER_BYTES + 3, TACHO__HEADER_BYTES + 7};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i) {
        tacho__redo *redo = redo_of(&dead, 0);
        put_entry(redo, 1, TACHO__HEADER_BYTES + 63 * sizeof(tacho__lane_header) + 16, 5); /* a good one */
        put_entry(redo, 2, targets[i], 99);
        tacho__view *view = recover(&dead);
        assert_int_equal(tacho__view_describe(view)->sets_applied, 0);
        assert_int_equal(tacho__view_describe(view)->faults, 1);
        char *digest = digest_of(view, DIGEST_ALL);
        assert_string_equal(digest, expected);
        free(digest);
        tacho__view_free(view);
    }
    tacho__put(&redo_of(&dead, 0)->count, UINT64_MAX);
    tacho__view *view = recover(&dead);
    assert_int_equal(tacho__view_describe(view)->faults, 1);
    tacho__view_free(view);
    free(expected);
    free(dead.bytes);
    tacho_series_release(answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dead__a_short_set_is_finished_once_its_bucket_was_stored, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__a_short_set_whose_bucket_was_not_stored_never_was, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__a_short_set_that_makes_no_sense_is_a_fault, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__shows_what_was_in_flight_as_orphaned, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__books_orphans_of_hundreds_of_series, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__always_gives_the_same_numbers, recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__a_slot_used_again_stays_in_flight, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_dead__a_set_that_makes_no_sense_is_left_out_whole, recorder_setup,
                                        recorder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
