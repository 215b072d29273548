#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "snapshot/packed.h"
#include "snapshot/series_list.h"
#include "snapshot/snapshot.h"
#include "support/recorder.h"

static uint64_t dice = 1;

static uint64_t roll(uint64_t below) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (dice >> 33) % below;
}

static void fill_buckets(tacho__buckets *buckets, uint64_t most) {
    const unsigned count = (unsigned)roll(40);
    const int32_t first = TACHO__BUCKET_ZERO + 1 + (int32_t)roll(700);
    for (unsigned i = 0; i < count; i++) {
        const int32_t index = roll(8) == 0 ? TACHO__BUCKET_ZERO : first + (int32_t)roll(150);
        assert_true(tacho__buckets_add(buckets, index, 1 + roll(most)));
    }
}

static void fill_measure(tacho__measure *measure, uint64_t most) {
    fill_buckets(&measure->buckets, most);
    if (measure->buckets.total > 0) {
        measure->sum = (int64_t)roll(1000000);
        measure->min = (int64_t)roll(1000);
        measure->max = measure->min + (int64_t)roll(1000);
        measure->low = (int64_t)roll(3);
        measure->high = (int64_t)roll(3);
    }
}

/* Any series: every sum may be 0, counts are of any width. */
static void fill_series(tacho__part_series *series, tacho__arena *texts) {
    static const uint64_t mosts[] = {3, 200, 60000, UINT64_C(1) << 31, UINT64_C(1) << 40};
    const uint64_t most = mosts[roll(5)];
    tacho__part_series_init(series);
    tacho__group *sums = &series->sums;
    sums->operation = roll(2) ? "answer" : "plan";
    sums->kind = "llm";
    sums->model = roll(2) ? "model-a" : NULL;
    series->component = roll(4) == 0 ? "search" : NULL;
    for (int i = 0; i < TACHO_OUTCOME_COUNT; i++) {
        sums->outcomes[i] = roll(2) ? (int64_t)roll(1000) : 0;
    }
    for (int i = 0; i < TACHO_UNIT_COUNT; i++) {
        sums->units[i] = roll(4) ? 0 : (int64_t)roll(100000);
    }
    for (int i = 0; i < TACHO_CATEGORY_COUNT; i++) {
        series->categories[i] = roll(4) ? 0 : (int64_t)roll(10);
    }
    tacho__part_series_complete(series);
    sums->cost_pusd = (int64_t)roll(1000000);
    sums->in_flight = series->component ? -1 : (int64_t)roll(3);
    series->inclusive_pusd = -(int64_t)roll(100);
    fill_buckets(&sums->durations, most);
    if (sums->durations.total > 0) {
        sums->timed = (int64_t)sums->durations.total;
        sums->min_ns = (int64_t)roll(1000);
        sums->max_ns = sums->min_ns + (int64_t)roll(100000);
        sums->total_ns = sums->max_ns;
    }
    fill_measure(&series->first_token, most);
    fill_measure(&series->cost, most);
    if (roll(3) == 0) {
        assert_true(tacho__group_error_type(sums, texts, "Odd", 1 + (int64_t)roll(5)));
    }
}

static uint64_t count_at(const tacho__buckets *buckets, int32_t index) {
    const int32_t at = index - buckets->first;
    return at >= 0 && at < (int32_t)buckets->length ? buckets->counts[at] : 0;
}

static void expect_same_buckets(const tacho__buckets *a, const tacho__buckets *b) {
    assert_int_equal(a->total, b->total);
    for (int32_t index = TACHO__BUCKET_ZERO; index <= TACHO__BUCKET_HIGHEST; index++) {
        assert_int_equal(count_at(a, index), count_at(b, index));
    }
}

static void expect_same_measure(const tacho__measure *a, const tacho__measure *b) {
    expect_same_buckets(&a->buckets, &b->buckets);
    assert_int_equal(a->sum, b->sum);
    assert_int_equal(a->min, b->min);
    assert_int_equal(a->max, b->max);
    assert_int_equal(a->low, b->low);
    assert_int_equal(a->high, b->high);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Everything that is no list: compared as bytes, after the lists were taken out of copies. */
static void expect_same_series(const tacho__part_series *a, const tacho__part_series *b) {
    assert_true(same_text(a->sums.operation, b->sums.operation));
    assert_true(same_text(a->sums.model, b->sums.model));
    assert_true(same_text(a->component, b->component));
    expect_same_buckets(&a->sums.durations, &b->sums.durations);
    expect_same_measure(&a->first_token, &b->first_token);
    expect_same_measure(&a->cost, &b->cost);
    assert_memory_equal(a->sums.outcomes, b->sums.outcomes, sizeof a->sums.outcomes);
    assert_memory_equal(a->sums.units, b->sums.units, sizeof a->sums.units);
    assert_memory_equal(a->categories, b->categories, sizeof a->categories);
    assert_int_equal(a->sums.unavailable, b->sums.unavailable);
    assert_int_equal(a->sums.cost_pusd, b->sums.cost_pusd);
    assert_int_equal(a->sums.in_flight, b->sums.in_flight);
    assert_int_equal(a->sums.timed, b->sums.timed);
    assert_int_equal(a->sums.total_ns, b->sums.total_ns);
    assert_int_equal(a->sums.min_ns, b->sums.min_ns);
    assert_int_equal(a->sums.max_ns, b->sums.max_ns);
    assert_int_equal(a->inclusive_pusd, b->inclusive_pusd);
    assert_int_equal(a->sums.error_type_count, b->sums.error_type_count);
}

static void test_series__come_out_as_they_were_packed(void **state) {
    (void)state;
    enum { COUNT = 300 };
    dice = (uint64_t)time(NULL);
    printf("    seed %llu\n", (unsigned long long)dice);
    tacho__arena texts = {NULL, false};
    tacho__part_series *series = calloc(COUNT, sizeof *series);
    tacho__part *part = tacho__part_new(NULL);
    tacho__series_list *list;
    assert_non_null(series);
    for (int i = 0; i < COUNT; i++) {
        fill_series(&series[i], &texts);
        assert_true(tacho__part_add_series(part, &series[i]));
    }
    assert_int_equal(tacho__series_of_part(part, &list), TACHO_OK);
    assert_int_equal(list->count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        expect_same_series(&list->series[i], &series[i]);
        tacho__part_series_free(&series[i]);
    }
    tacho__series_list_free(list);
    tacho__part_release(part);
    tacho__arena_free(&texts);
    free(series);
}

/* Three parts, two of which share what their series are called: the sums are those of adding one by one. */
static void test_parts__are_added_up_by_labels(void **state) {
    (void)state;
    dice = (uint64_t)time(NULL);
    printf("    seed %llu\n", (unsigned long long)dice);
    tacho__arena texts = {NULL, false};
    tacho__series_store *shared = tacho__series_store_new();
    tacho__part *parts[] = {tacho__part_new(shared), tacho__part_new(NULL), tacho__part_new(shared)};
    tacho__group expected;
    tacho__group_init(&expected);
    for (unsigned i = 0; i < 90; i++) {
        tacho__part_series one;
        fill_series(&one, &texts);
        assert_true(tacho__part_add_series(parts[i % 3], &one));
        assert_true(tacho__group_merge(&expected, &texts, &one.sums));
        tacho__part_series_free(&one);
    }
    const bool newest[] = {true, true, true};
    tacho__series_list *list;
    assert_int_equal(tacho__series_of_parts(parts, newest, 3, &list), TACHO_OK);
    assert_in_range(list->count, 2, 8); /* two names, two models, with a component or without */
    tacho__group sum;
    tacho__group_init(&sum);
    for (size_t i = 0; i < list->count; i++) {
        assert_true(tacho__group_merge(&sum, &texts, &list->series[i].sums));
    }
    expect_same_buckets(&sum.durations, &expected.durations);
    assert_memory_equal(sum.outcomes, expected.outcomes, sizeof sum.outcomes);
    assert_memory_equal(sum.units, expected.units, sizeof sum.units);
    assert_int_equal(sum.in_flight, expected.in_flight);
    assert_int_equal(sum.min_ns, expected.min_ns);
    assert_int_equal(sum.max_ns, expected.max_ns);
    tacho__group_free(&sum);
    tacho__group_free(&expected);
    tacho__series_list_free(list);
    for (int i = 0; i < 3; i++) {
        tacho__part_release(parts[i]);
    }
    tacho__series_store_release(shared);
    tacho__arena_free(&texts);
}

/* Texts decide, not the hash that somebody may have chosen. */
static void test_store__tells_labels_of_equal_hash_apart(void **state) {
    (void)state;
    tacho__series_store *store = tacho__series_store_new();
    const tacho__identity a = {.operation = "a", .kind = "llm", .hash = 7}, b = {.operation = "b", .hash = 7};
    assert_int_equal(tacho__series_store_identify(store, &a), 0);
    assert_int_equal(tacho__series_store_identify(store, &b), 1);
    assert_int_equal(tacho__series_store_identify(store, &a), 0);
    assert_int_equal(tacho__series_store_identify(store, &b), 1);
    tacho__series_store_release(store);
}

/* Counts of one byte and of two, and a zero. */
static void test_part__holds_what_the_view_says(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_TOOL, "search", NULL, NULL);
    for (int i = 0; i < 70000; i++) {
        tacho_observe(series, 3 * MS);
    }
    for (int i = 0; i < 300; i++) {
        tacho_observe(series, 2 * S);
    }
    tacho_observe(series, 0);
    const tacho__series_view *view = recorder_series(r, TACHO_KIND_TOOL, "search", NULL);
    tacho__part *part;
    tacho__series_list *list;
    assert_int_equal(tacho__part_of_view(r->view, NULL, &part), TACHO_OK);
    assert_int_equal(tacho__series_of_part(part, &list), TACHO_OK);
    assert_int_equal(list->count, 1);
    const tacho__group *sums = &list->series[0].sums;
    assert_string_equal(sums->tool, "search");
    assert_int_equal(sums->timed, 70301);
    assert_int_equal(sums->tool_calls, 70301);
    assert_int_equal(sums->outcomes[TACHO_OUTCOME_OK], 70301);
    assert_int_equal(sums->total_ns, view->duration.sum);
    assert_int_equal(sums->min_ns, 0);
    assert_int_equal(sums->max_ns, 2 * S);
    assert_int_equal(count_at(&sums->durations, TACHO__BUCKET_ZERO), 1);
    for (unsigned i = 0; i < TACHO__BUCKETS; i++) {
        assert_int_equal(count_at(&sums->durations, tacho__grid_absolute(view->duration.grid, i)),
                         tacho__histogram_bucket(&view->duration, i));
    }
    tacho__series_list_free(list);
    tacho__part_release(part);
    tacho_series_release(series);
}

/* Every request for memory is refused once: an answer or TACHO_NOMEM, and nothing is lost or freed twice. */
static void test_snapshot__survives_every_refusal_of_memory(void **state) {
    recorder *r = *state;
    const tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    tacho_series *series;
    assert_int_equal(tacho_bind(r->collector, TACHO_KIND_LLM, "answer", &labels, &series), TACHO_OK);
    const tacho_finished finished = {
        .struct_size = sizeof finished, .duration_ns = S, .outcome = TACHO_OUTCOME_ERROR, .error_type = "Odd"};
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    tacho_series_release(series);
    unsigned refused = 0;
    for (int64_t after = 0;; after++) {
        tacho_snapshot *snapshot = NULL;
        tacho_rows *rows = NULL;
        tacho__memory_fail_after(after, 0);
        tacho_status status = tacho_snapshot_take(r->collector, &snapshot);
        if (status == TACHO_OK) {
            status = tacho_snapshot_operations(snapshot, &rows);
        }
        tacho__memory_fail_after(-1, 0);
        assert_true(status == TACHO_OK || status == TACHO_NOMEM);
        const bool whole = rows && rows->count == 1 && rows->rows[0].error == 1 && rows->rows[0].error_type_count == 1;
        assert_true(status != TACHO_OK || whole);
        tacho_rows_free(rows);
        tacho_snapshot_free(snapshot);
        if (status == TACHO_OK) {
            break;
        }
        refused++;
    }
    assert_true(refused > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series__come_out_as_they_were_packed),
        cmocka_unit_test(test_parts__are_added_up_by_labels),
        cmocka_unit_test(test_store__tells_labels_of_equal_hash_apart),
        cmocka_unit_test_setup_teardown(test_part__holds_what_the_view_says, recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_snapshot__survives_every_refusal_of_memory, recorder_setup,
                                        recorder_teardown),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
