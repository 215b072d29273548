#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "snapshot/table.h"
#include "support/make_record.h"

static tacho_rows *rows_of(const tacho_query *query, const tacho_record_view *records, size_t count) {
    tacho__table *table;
    tacho_rows *rows;
    assert_int_equal(tacho__table_create(query, &table), TACHO_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tacho__table_add(table, &records[i]), TACHO_OK);
    }
    assert_int_equal(tacho__table_finish(table, &rows), TACHO_OK);
    return rows;
}

static tacho_query by(tacho_by what) {
    tacho_query query = TACHO_QUERY_INIT;
    query.by = what;
    return query;
}

/* Three calls of two models, added up by hand. */
static size_t three_calls(tacho_record_view records[3]) {
    records[0] = make_record("llm", "plan");
    records[0].model = "large-x";
    records[0].provider = "a";
    set_usage(&records[0], 1200, 10000, 340);
    set_cost(&records[0], 2 * USD, TACHO_COST_STATE_EXACT);
    set_time(&records[0], 2 * S, 100 * S);
    records[1] = make_record("llm", "plan");
    records[1].model = "large-x";
    records[1].provider = "a";
    records[1].outcome = "error";
    records[1].error_type = "RateLimitError";
    records[1].retries = 2;
    set_time(&records[1], 500 * MS, 101 * S);
    records[2] = make_record("llm", "build");
    records[2].model = "small-x";
    records[2].provider = "b";
    set_usage(&records[2], 100, 0, 20);
    set_cost(&records[2], USD / 4, TACHO_COST_STATE_ESTIMATED);
    set_time(&records[2], 4 * S, 102 * S);
    return 3;
}

static void test_rows__add_up_by_model(void **state) {
    (void)state;
    tacho_record_view records[3];
    tacho_query query = by(TACHO_BY_MODEL);
    tacho_rows *rows = rows_of(&query, records, three_calls(records));
    assert_int_equal(rows->count, 2);
    const tacho_row *large = &rows->rows[0]; /* the dearer one first */
    assert_string_equal(large->model, "large-x");
    assert_string_equal(large->provider, "a");
    assert_null(large->operation);
    assert_int_equal(large->calls, 2);
    assert_int_equal(large->errors, 1);
    assert_int_equal(large->attempts, 4);
    assert_true(large->success_rate == 0.5);
    assert_int_equal(large->total_ns, 2500 * MS);
    assert_int_equal(large->avg_ns, 1250 * MS);
    assert_int_equal(large->min_ns, 500 * MS);
    assert_int_equal(large->max_ns, 2 * S);
    assert_int_equal(large->units[TACHO_UNIT_INPUT], 1200);
    assert_int_equal(large->units[TACHO_UNIT_CACHE_WRITE], 0);
    assert_int_equal(large->total_input_tokens, 11200);
    assert_int_equal(large->total_tokens, 11540);
    assert_int_equal(large->cost_pusd, 2 * USD);
    assert_int_equal(large->cost_state, TACHO_COST_STATE_EXACT); /* a failed call without usage cost nothing */
    assert_int_equal(large->error_type_count, 1);
    assert_string_equal(large->error_types[0].name, "RateLimitError");
    assert_true(large->tokens_per_second == 170.0);
    assert_int_equal(rows->totals.calls, 3);
    assert_int_equal(rows->totals.cost_pusd, 2 * USD + USD / 4);
    assert_int_equal(rows->totals.cost_state, TACHO_COST_STATE_ESTIMATED);
    assert_int_equal(rows->totals.started_at_ns, 98 * S);
    assert_int_equal(rows->totals.ended_at_ns, 102 * S);
    tacho_rows_free(rows);
}

static void test_rows__unknown_is_never_zero(void **state) {
    (void)state;
    tacho_record_view records[1] = {make_record("tool", "grep")};
    records[0].duration_ns = -1;
    tacho_query query = by(TACHO_BY_TOOL);
    tacho_rows *rows = rows_of(&query, records, 1);
    const tacho_row *row = &rows->rows[0];
    assert_string_equal(row->tool, "grep");
    assert_int_equal(row->calls, 1);
    assert_int_equal(row->timed_calls, 0);
    assert_int_equal(row->total_ns, -1);
    assert_int_equal(row->p95_ns, -1);
    assert_int_equal(row->std_ns, -1);
    assert_int_equal(row->units[TACHO_UNIT_INPUT], -1);
    assert_int_equal(row->total_tokens, -1);
    assert_true(row->cost_pusd == TACHO_COST_UNKNOWN);
    assert_int_equal(row->cost_state, TACHO_COST_STATE_UNKNOWN);
    assert_int_equal(row->unpriced_calls, 0);
    assert_true(isnan(row->tokens_per_second));
    assert_int_equal(row->context_size, -1);
    tacho_rows_free(rows);
}

static int32_t state_of(size_t count, const tacho_cost_state *states) {
    tacho_record_view records[4];
    for (size_t i = 0; i < count; i++) {
        records[i] = make_record("llm", "x");
        set_usage(&records[i], 1, 0, 1);
        set_cost(&records[i], states[i] == TACHO_COST_STATE_UNKNOWN ? TACHO_COST_UNKNOWN : 5, states[i]);
    }
    tacho_query query = by(TACHO_BY_TOTAL);
    tacho_rows *rows = rows_of(&query, records, count);
    int32_t state = rows->totals.cost_state;
    tacho_rows_free(rows);
    return state;
}
#define STATE(...)                                                                                                     \
    state_of(sizeof((tacho_cost_state[]){__VA_ARGS__}) / sizeof(tacho_cost_state), (tacho_cost_state[]){__VA_ARGS__})

static void test_cost_state__is_that_of_semantics_27(void **state) {
    (void)state;
    const tacho_cost_state unknown = TACHO_COST_STATE_UNKNOWN, partial = TACHO_COST_STATE_PARTIAL;
    const tacho_cost_state estimated = TACHO_COST_STATE_ESTIMATED, reported = TACHO_COST_STATE_REPORTED;
    const tacho_cost_state exact = TACHO_COST_STATE_EXACT, is_free = TACHO_COST_STATE_FREE;
    assert_int_equal(STATE(unknown, unknown), unknown);
    assert_int_equal(STATE(unknown, exact), partial);
    assert_int_equal(STATE(partial, exact), partial);
    assert_int_equal(STATE(exact, reported, estimated), estimated);
    assert_int_equal(STATE(exact, reported), reported);
    assert_int_equal(STATE(exact, is_free), exact);
    assert_int_equal(STATE(is_free, is_free), is_free);
    assert_int_equal(STATE(unknown, is_free), partial);
}

static void test_rows__count_model_calls_and_whatever_booked_usage(void **state) {
    (void)state;
    tacho_record_view records[4] = {make_record("llm", "a"), make_record("step", "b"), make_record("step", "c"),
                                    make_record("tool", "d")};
    set_usage(&records[1], 5, 0, 5);
    tacho_query query = by(TACHO_BY_TOTAL);
    tacho_rows *rows = rows_of(&query, records, 4);
    assert_int_equal(rows->totals.calls, 2);
    tacho_rows_free(rows);
    query.all_kinds = 1;
    rows = rows_of(&query, records, 4);
    assert_int_equal(rows->totals.calls, 4);
    tacho_rows_free(rows);
    query = by(TACHO_BY_OPERATION);
    rows = rows_of(&query, records, 4);
    assert_int_equal(rows->count, 3);
    assert_null(find_row(rows, "d"));
    tacho_rows_free(rows);
    query = by(TACHO_BY_KIND);
    rows = rows_of(&query, records, 4);
    assert_int_equal(find_row(rows, "step")->calls, 2);
    assert_int_equal(find_row(rows, "tool")->calls, 1);
    tacho_rows_free(rows);
}

static void test_rows__filters_restrict(void **state) {
    (void)state;
    tacho_record_view records[3];
    size_t count = three_calls(records);
    tacho_query query = by(TACHO_BY_TOTAL);
    query.since_ns = 101 * S; /* inclusive */
    query.until_ns = 102 * S; /* exclusive */
    tacho_rows *rows = rows_of(&query, records, count);
    assert_int_equal(rows->totals.calls, 1);
    assert_int_equal(rows->totals.errors, 1);
    tacho_rows_free(rows);
    query = by(TACHO_BY_TOTAL);
    query.operation = "plan";
    query.model = "large-x";
    rows = rows_of(&query, records, count);
    assert_int_equal(rows->totals.calls, 2);
    tacho_rows_free(rows);
    query.provider = "b";
    rows = rows_of(&query, records, count);
    assert_int_equal(rows->count, 0);
    assert_int_equal(rows->totals.calls, 0);
    assert_true(isnan(rows->totals.success_rate));
    tacho_rows_free(rows);
}

static int32_t two_hours_east(void *context, int64_t unix_seconds) {
    (void)unix_seconds;
    return *(int32_t *)context;
}

static void test_rows__days_are_those_of_the_zone_in_order(void **state) {
    (void)state;
    int32_t offset = 7200;
    tacho_zone zone = {sizeof zone, 0, "somewhere", two_hours_east, &offset};
    tacho_record_view records[2] = {make_record("llm", "a"), make_record("llm", "b")};
    set_time(&records[0], S, (INT64_C(1763676000) - 1) * S); /* 2025-11-20T21:59:59Z */
    set_time(&records[1], S, INT64_C(1763676000) * S);       /* 22:00:00Z: the next day two hours east */
    set_usage(&records[1], 1, 1, 1);
    set_cost(&records[1], USD, TACHO_COST_STATE_EXACT);
    tacho_query query = by(TACHO_BY_DAY);
    query.zone = &zone;
    tacho_rows *rows = rows_of(&query, records, 2);
    assert_int_equal(rows->count, 2);
    assert_string_equal(rows->rows[0].day, "2025-11-20"); /* though the other one is dearer */
    assert_string_equal(rows->rows[1].day, "2025-11-21");
    tacho_rows_free(rows);
    query.zone = NULL;
    rows = rows_of(&query, records, 2);
    assert_int_equal(rows->count, 1);
    tacho_rows_free(rows);
}

static void test_rows__limit_keeps_totals_and_says_so(void **state) {
    (void)state;
    tacho_record_view records[3];
    tacho_query query = by(TACHO_BY_MODEL);
    query.limit = 1;
    tacho_rows *rows = rows_of(&query, records, three_calls(records));
    assert_int_equal(rows->count, 1);
    assert_int_equal(rows->totals.calls, 3);
    assert_int_equal(rows->warning_count, 1);
    assert_string_equal(rows->warnings[0], "1 of 2 rows are shown; totals are over all");
    tacho_rows_free(rows);
}

static void test_rows__warn_of_what_has_no_price(void **state) {
    (void)state;
    static const char *const models[] = {"m4", "m2", "m1", "m3"};
    tacho_record_view records[6];
    for (size_t i = 0; i < 4; i++) {
        records[i] = make_record("llm", "x");
        records[i].model = models[i];
        set_usage(&records[i], 1, 0, 0);
    }
    records[4] = records[0];
    records[5] = make_record("llm", "y");
    records[5].model = "priced";
    records[5].low_confidence = 1;
    set_usage(&records[5], 1, 0, 0);
    set_cost(&records[5], 38163300000, TACHO_COST_STATE_EXACT);
    tacho_query query = by(TACHO_BY_MODEL);
    tacho_rows *rows = rows_of(&query, records, 6);
    assert_int_equal(rows->warning_count, 2);
    assert_string_equal(rows->warnings[0], "5 calls of 4 models have no price: m1, m2, m3 and 1 more");
    assert_string_equal(rows->warnings[1],
                        "1 call (0.0381633 USD) is of low confidence: only preliminary counts were found");
    assert_string_equal(rows->rows[0].model, "priced");
    assert_string_equal(rows->rows[1].model, "m4"); /* then by calls, then by name */
    assert_string_equal(rows->rows[2].model, "m1");
    assert_int_equal(rows->totals.unpriced_calls, 5);
    assert_int_equal(rows->totals.cost_state, TACHO_COST_STATE_PARTIAL);
    tacho_rows_free(rows);
}

static void test_rows__warn_of_calls_without_usage(void **state) {
    (void)state;
    tacho_record_view records[2] = {make_record("llm", "x"), make_record("llm", "y")};
    set_usage(&records[1], 1, 0, 0);
    set_cost(&records[1], 5, TACHO_COST_STATE_EXACT);
    tacho_query query = by(TACHO_BY_TOTAL);
    tacho_rows *rows = rows_of(&query, records, 2);
    assert_int_equal(rows->totals.cost_state, TACHO_COST_STATE_EXACT);
    assert_int_equal(rows->warning_count, 1);
    assert_string_equal(rows->warnings[0], "1 model call reported no usage: its cost is not known");
    tacho_rows_free(rows);
}

static void test_rows__a_rest_makes_them_add_up(void **state) {
    (void)state;
    tacho_record_view records[3];
    three_calls(records);
    tacho__group all;
    tacho__arena texts = {0};
    tacho__group_init(&all);
    for (size_t i = 0; i < 3; i++) {
        assert_true(tacho__group_add_record(&all, &texts, &records[i]));
    }
    tacho_query query = by(TACHO_BY_SESSION);
    tacho__table *table;
    tacho_rows *rows;
    records[2].session = "known";
    assert_int_equal(tacho__table_create(&query, &table), TACHO_OK);
    assert_int_equal(tacho__table_add(table, &records[2]), TACHO_OK);
    assert_int_equal(tacho__table_add_rest(table, &all, "two are gone"), TACHO_OK);
    assert_int_equal(tacho__table_finish(table, &rows), TACHO_OK);
    assert_int_equal(rows->count, 2);
    assert_null(rows->rows[0].session);
    assert_int_equal(rows->rows[0].calls, 2);
    assert_int_equal(rows->rows[0].cost_pusd, 2 * USD);
    assert_int_equal(rows->rows[0].total_ns, -1); /* which of the extremes were theirs is not known */
    assert_int_equal(rows->totals.calls, 3);
    assert_int_equal(rows->totals.cost_pusd, 2 * USD + USD / 4);
    assert_string_equal(rows->warnings[0], "two are gone");
    tacho_rows_free(rows);
    tacho__group_free(&all);
    tacho__arena_free(&texts);
}

/* ------------------------------------------------------------------------------------------------- against brute force
 */

static uint64_t seed;
static uint64_t next_random(void) { /* splitmix64 (Steele and others 2014) */
    uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
static uint64_t below(uint64_t n) {
    return next_random() % n;
}

static tacho_record_view random_record(void) {
    static const char *const kinds[] = {"llm", "embedding", "tool", "step", "agent"};
    static const char *const outcomes[] = {"ok", "ok", "ok", "error", "timeout", "cancelled", "aborted", "orphaned"};
    static const char *const models[] = {NULL, "m1", "m2", "m3"};
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    tacho_record_view record = make_record(kinds[below(5)], names[below(5)]);
    record.outcome = outcomes[below(8)];
    record.model = models[below(4)];
    record.retries = (int64_t)below(3);
    set_time(&record, below(10) == 0 ? -1 : (int64_t)(below(100) * below(100) * below(1000000)),
             (int64_t)(1 + below(100)) * S);
    if (below(3) > 0) {
        set_usage(&record, (int64_t)below(100000), (int64_t)below(100000), (int64_t)below(1000));
        if (below(5) > 0) {
            set_cost(&record, (int64_t)below(1000000000000), (tacho_cost_state)(1 + below(5)));
        }
    }
    return record;
}

static bool belongs(const tacho_record_view *record, const char *model) {
    bool counts = strcmp(record->kind, "llm") == 0 || strcmp(record->kind, "embedding") == 0 || record->present != 0;
    return counts && (model ? record->model && strcmp(record->model, model) == 0 : !record->model);
}

static int number_order(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Quantile of raw values, type 7. */
static double exact_quantile(const int64_t *sorted, size_t n, double q) {
    double position = (double)(n - 1) * q;
    size_t low = (size_t)position;
    double rest = position - (double)low;
    return low + 1 < n ? (double)sorted[low] + rest * (double)(sorted[low + 1] - sorted[low]) : (double)sorted[low];
}

static void compare_row(const tacho_row *row, const tacho_record_view *records, size_t count, const char *model) {
    int64_t calls = 0, errors = 0, input = 0, cost = 0, total = 0, priced = 0, usages = 0, retries = 0;
    int64_t *times = calloc(count, sizeof *times);
    size_t timed = 0;
    assert_non_null(times);
    for (size_t i = 0; i < count; i++) {
        const tacho_record_view *record = &records[i];
        if (!belongs(record, model)) {
            continue;
        }
        calls++;
        errors += strcmp(record->outcome, "error") == 0 || strcmp(record->outcome, "timeout") == 0;
        retries += record->retries;
        usages += record->present != 0;
        input += record->present != 0 ? record->units[TACHO_UNIT_INPUT] : 0;
        priced += record->cost_pusd != TACHO_COST_UNKNOWN;
        cost += record->cost_pusd != TACHO_COST_UNKNOWN ? record->cost_pusd : 0;
        if (record->duration_ns >= 0) {
            times[timed++] = record->duration_ns;
            total += record->duration_ns;
        }
    }
    assert_int_equal(row->calls, calls);
    assert_int_equal(row->attempts, calls + retries);
    assert_int_equal(row->errors, errors);
    assert_int_equal(row->units[TACHO_UNIT_INPUT], usages > 0 ? input : -1);
    assert_true(row->cost_pusd == (priced > 0 ? cost : TACHO_COST_UNKNOWN));
    assert_int_equal(row->unpriced_calls, usages - priced);
    assert_int_equal(row->timed_calls, timed);
    if (timed > 0) {
        qsort(times, timed, sizeof *times, number_order);
        assert_int_equal(row->total_ns, total);
        assert_int_equal(row->min_ns, times[0]);
        assert_int_equal(row->max_ns, times[timed - 1]);
        double p95 = exact_quantile(times, timed, 0.95), p50 = exact_quantile(times, timed, 0.5);
        assert_true(fabs((double)row->p50_ns - p50) <= 0.022 * p50 + 1000.0); /* below 2^-20 s there is one bucket */
        assert_true(fabs((double)row->p95_ns - p95) <= 0.022 * p95 + 1000.0);
    }
    free(times);
}

static void test_rows__equal_brute_force(void **state) {
    (void)state;
    static const char *const models[] = {"m1", "m2", "m3"};
    for (int round = 0; round < 50; round++) {
        size_t count = 1 + below(300);
        tacho_record_view *records = calloc(count, sizeof *records);
        assert_non_null(records);
        for (size_t i = 0; i < count; i++) {
            records[i] = random_record();
        }
        tacho_query query = by(TACHO_BY_MODEL);
        tacho_rows *rows = rows_of(&query, records, count);
        int64_t calls = 0;
        for (size_t i = 0; i < rows->count; i++) {
            compare_row(&rows->rows[i], records, count, rows->rows[i].model);
            calls += rows->rows[i].calls;
        }
        assert_int_equal(rows->totals.calls, calls);
        for (size_t i = 0; i < 3; i++) {
            bool any = false;
            for (size_t j = 0; j < count; j++) {
                any = any || belongs(&records[j], models[i]);
            }
            assert_int_equal(find_row(rows, models[i]) != NULL, any);
        }
        tacho_rows_free(rows);
        free(records);
    }
}

static void test_rows__do_not_depend_on_order_or_on_how_they_are_added(void **state) {
    (void)state;
    enum { COUNT = 200 };
    static tacho_record_view records[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        records[i] = random_record();
    }
    tacho_query query = by(TACHO_BY_TOTAL);
    query.all_kinds = 1;
    tacho_rows *one = rows_of(&query, records, COUNT);
    tacho__table *table;
    assert_int_equal(tacho__table_create(&query, &table), TACHO_OK);
    tacho__arena texts = {0};
    for (size_t start = COUNT; start > 0; start -= 50) { /* groups of 50, backwards */
        tacho__group group;
        tacho__group_init(&group);
        for (size_t i = start - 50; i < start; i++) {
            assert_true(tacho__group_add_record(&group, &texts, &records[i]));
        }
        assert_int_equal(tacho__table_add_group(table, &group), TACHO_OK);
        tacho__group_free(&group);
    }
    tacho_rows *other;
    assert_int_equal(tacho__table_finish(table, &other), TACHO_OK);
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type != TACHO_FIELD_TEXT && fields[i].type != TACHO_FIELD_NAMED) {
            size_t size = fields[i].type == TACHO_FIELD_STATE ? sizeof(int32_t) : sizeof(int64_t);
            assert_memory_equal((const char *)&one->totals + fields[i].offset,
                                (const char *)&other->totals + fields[i].offset, size);
        }
    }
    tacho_rows_free(one);
    tacho_rows_free(other);
    tacho__arena_free(&texts);
}

static void test_by__names_itself(void **state) {
    (void)state;
    for (int i = 0; i < TACHO_BY_COUNT; i++) {
        tacho_by back = TACHO_BY_COUNT;
        assert_int_equal(tacho_by_parse(tacho_by_text(i), &back), TACHO_OK);
        assert_int_equal(back, i);
    }
    tacho_by untouched = TACHO_BY_DAY;
    assert_int_equal(tacho_by_parse("week", &untouched), TACHO_NOT_FOUND);
    assert_int_equal(untouched, TACHO_BY_DAY);
    assert_string_equal(tacho_by_text(99), "");
    tacho_query query = by((tacho_by)99);
    tacho__table *table;
    assert_int_equal(tacho__table_create(&query, &table), TACHO_INVALID);
}

int main(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows__add_up_by_model),
        cmocka_unit_test(test_rows__unknown_is_never_zero),
        cmocka_unit_test(test_cost_state__is_that_of_semantics_27),
        cmocka_unit_test(test_rows__count_model_calls_and_whatever_booked_usage),
        cmocka_unit_test(test_rows__filters_restrict),
        cmocka_unit_test(test_rows__days_are_those_of_the_zone_in_order),
        cmocka_unit_test(test_rows__limit_keeps_totals_and_says_so),
        cmocka_unit_test(test_rows__warn_of_what_has_no_price),
        cmocka_unit_test(test_rows__warn_of_calls_without_usage),
        cmocka_unit_test(test_rows__a_rest_makes_them_add_up),
        cmocka_unit_test(test_rows__equal_brute_force),
        cmocka_unit_test(test_rows__do_not_depend_on_order_or_on_how_they_are_added),
        cmocka_unit_test(test_by__names_itself),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
