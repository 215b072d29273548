#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/hash.h"
#include "price/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/price_table.h>
#include <time.h>

static const char small[] = "{\"prices\": ["
                            "{\"provider\": \"own\", \"model\": \"a\", \"rates\": {\"input\": 1, \"output\": 2}},"
                            "{\"provider\": \"own\", \"model\": \"b-*\", \"rates\": {\"input\": 3}},"
                            "{\"model\": \"c\", \"rates\": {\"input\": 4}, \"bands\": [{\"above\": 10, \"rates\": "
                            "{\"input\": 5}}]}],"
                            "\"modifiers\": [{\"provider\": \"openai\", \"factor\": \"17/20\"}]}";

static tacho_status build(const char *text, uint32_t flags, tacho_price_built *built) {
    tacho_price_source source = TACHO_PRICE_SOURCE_INIT;
    source.text = text;
    source.length = strlen(text);
    return tacho_price_build(&source, 1, 20261121, flags, NULL, built);
}

static int64_t cost_of(const tacho_price_table *table, const char *provider, const char *model, int64_t input) {
    tacho_usage usage = TACHO_USAGE(.provider = provider, .model = model, .input = input);
    tacho_cost cost;
    assert_int_equal(tacho_calculate_cost(table, &usage, INT64_C(1790000000000000000), &cost), TACHO_OK);
    return cost.total_pusd;
}

static void test_builtin__is_whole_and_small(void **state) {
    (void)state;
    const tacho__price_header *sheets = NULL;
    size_t length = 0;
    assert_int_equal(tacho__price_open(tacho__price_builtin_bytes, tacho__price_builtin_length, &sheets, &length),
                     TACHO_OK);
    assert_int_equal(tacho__price_check(sheets, length), TACHO_OK);
    assert_int_equal((uintptr_t)sheets % 8, 0); /* used in place */
    assert_true(tacho__price_builtin_length <= 400000);
    assert_true(tacho_price_table_date(NULL) > 20260101);
    assert_string_not_equal(tacho_price_table_version(NULL), "");
}

static void test_load__puts_user_prices_above_the_table(void **state) {
    (void)state;
    tacho_price_table *table;
    assert_int_equal(tacho_price_table_load(&table, small, strlen(small), tacho_price_table_builtin()), TACHO_OK);
    assert_int_equal(cost_of(table, "own", "a", 1000000), TACHO_PUSD_PER_USD);
    assert_int_equal(cost_of(table, "own", "B-7", 1000000), 3 * TACHO_PUSD_PER_USD);
    assert_int_equal(cost_of(table, "anybody", "c", 10), 40000000);
    assert_int_equal(cost_of(table, NULL, "c", 11), 55000000);
    int64_t list = cost_of(NULL, "openai", "gpt-4o", 1000000);
    assert_int_equal(cost_of(table, "openai", "gpt-4o", 1000000), list / 20 * 17);
    assert_true(cost_of(table, "own", "d", 1) == TACHO_COST_UNKNOWN);
    tacho_price_table_free(table);
}

/* The cost of a million tokens of gpt-4o, at an hour of 2026-09-21. */
static tacho_cost gpt_at(const tacho_price_table *table, int64_t hour) {
    tacho_usage usage = TACHO_USAGE(.provider = "openai", .model = "gpt-4o", .input = 1000000);
    tacho_price_model model;
    tacho_cost cost, bound;
    int64_t at = (INT64_C(1789948800) + hour * 3600) * 1000000000;
    assert_int_equal(tacho_calculate_cost(table, &usage, at, &cost), TACHO_OK);
    assert_int_equal(tacho_price_model_find(table, "openai", "gpt-4o", &model), TACHO_OK);
    usage.provider = usage.model = NULL; /* a bound model needs no names */
    assert_int_equal(tacho_price_cost(&model, &usage, at, &bound), TACHO_OK);
    assert_memory_equal(&cost, &bound, sizeof cost);
    return cost;
}

static void test_load__asks_below_where_user_prices_do_not_hold(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"prices\": [{\"provider\": \"openai\", \"model\": \"gpt-4o\", \"hours\": \"20:00-04:00\", \"rates\": "
        "{\"input\": "
        "1}}], \"modifiers\": [{\"provider\": \"openai\", \"factor\": \"1/2\"}]}",
        "{\"prices\": [{\"model\": \"gpt-*\", \"from\": \"2026-09-21T20:00Z\", \"rates\": {\"input\": 1}}],"
        "\"modifiers\": [{\"provider\": \"openai\", \"factor\": \"1/2\"}]}",
    };
    tacho_cost list = gpt_at(NULL, 12);
    for (size_t i = 0; i < 2; i++) {
        tacho_price_table *table;
        assert_int_equal(tacho_price_table_load(&table, texts[i], strlen(texts[i]), tacho_price_table_builtin()),
                         TACHO_OK);
        tacho_cost night = gpt_at(table, 21), day = gpt_at(table, 12);
        assert_int_equal(night.total_pusd, TACHO_PUSD_PER_USD);
        assert_int_equal(night.match, i == 0 ? TACHO_PRICE_MATCH_USER : TACHO_PRICE_MATCH_USER_GLOB);
        assert_int_equal(day.total_pusd, list.total_pusd / 2);
        assert_int_equal(day.match, TACHO_PRICE_MATCH_EXACT);
        assert_int_equal(day.sheet, list.sheet);
        assert_string_equal(day.table_version, list.table_version);
        tacho_price_table_free(table);
        assert_int_equal(tacho_price_table_load(&table, texts[i], strlen(texts[i]), NULL), TACHO_OK);
        assert_int_equal(gpt_at(table, 21).total_pusd, TACHO_PUSD_PER_USD);
        assert_int_equal(gpt_at(table, 12).state, TACHO_COST_STATE_UNKNOWN);
        tacho_price_table_free(table);
    }
}

static void test_load__lets_a_whole_table_replace_the_one_below(void **state) {
    (void)state;
    tacho_price_built built;
    assert_int_equal(build("[{\"id\": \"p\", \"models\": [{\"id\": \"m\", \"match\": {\"equals\": \"m\"}, \"prices\": "
                           "{\"input_mtok\": 1}}]}]",
                           0, &built),
                     TACHO_OK);
    tacho_price_table *table;
    assert_int_equal(tacho_price_table_load(&table, built.bytes, built.length, tacho_price_table_builtin()), TACHO_OK);
    assert_int_equal(cost_of(table, "p", "m", 1000000), TACHO_PUSD_PER_USD);
    assert_true(cost_of(table, "anthropic", "claude-opus-4-6", 1) == TACHO_COST_UNKNOWN);
    tacho_price_table_free(table);
    tacho_price_built_clear(&built);
}

static void expect_fault(const char *text, uint64_t line, const char *part) {
    tacho_price_built built;
    assert_true(build(text, TACHO_PRICE_BUILD_USER, &built) != TACHO_OK);
    if (!strstr(built.fault, part) || built.fault_line != line) {
        print_message("%s: '%s' at %d\n", text, built.fault, (int)built.fault_line);
    }
    assert_non_null(strstr(built.fault, part));
    assert_int_equal(built.fault_line, line);
    tacho_price_built_clear(&built);
}

static void test_build__names_line_and_column_of_a_fault(void **state) {
    (void)state;
    expect_fault("{\"prices\": [\n{\"model\": \"x\", \"rates\": {\"input\": 1}, \"currency\": \"EUR\"}]}", 2,
                 "only USD");
    expect_fault("{\"prices\": [\n\n{\"model\": \"x\", \"rates\": {\"input\": 2000}}]}", 3, "$0.001");
    expect_fault("{\"prices\": [{\"model\": \"x\",\n\"rates\": {\"inputs\": 1}}]}", 2, "no such unit");
    expect_fault("{\"prices\": [{\"model\": \"x\", \"rates\": {\"input\": -1}}]}", 1, "at least 0");
    expect_fault("{\"prices\": [{\"model\": \"x\", \"rates\": {\"input\": 1}},\n"
                 "{\"model\": \"x\", \"rates\": {\"input\": 2}}]}",
                 2, "at the same time");
    expect_fault("{\"prices\": [{\"model\": \"x\", \"from\": \"soon\", \"rates\": {\"input\": 1}}]}", 1, "2026-11-21");
    expect_fault("{\"prices\": [{\"model\": \"x\"}]}", 1, "rates");
    expect_fault("{\"prices\": [\n", 2, "not valid JSON");
    expect_fault("[1]", 1, "known form");
}

static void test_gates__reject_what_sources_got_wrong(void **state) {
    (void)state;
    tacho_price_built built;
    assert_int_equal(build("{\"a/x\": {\"litellm_provider\": \"a\", \"input_cost_per_token\": 0.01},"
                           "\"a/y\": {\"litellm_provider\": \"a\", \"input_cost_per_token\": 1e-06,"
                           "\"output_cost_per_token\": 2e-06, \"cache_read_input_token_cost\": 3e-06},"
                           "\"a/z\": {\"litellm_provider\": \"a\", \"input_cost_per_token\": 0,"
                           "\"output_cost_per_token\": 2e-06}}",
                           TACHO_PRICE_BUILD_NO_OVERRIDES, &built),
                     TACHO_OK);
    assert_int_equal(built.rejected, 2);
    assert_int_equal(built.reviewed, 1);
    tacho_price_table *table;
    assert_int_equal(tacho_price_table_load(&table, built.bytes, built.length, NULL), TACHO_OK);
    assert_true(cost_of(table, "a", "x", 1) == TACHO_COST_UNKNOWN);
    assert_int_equal(cost_of(table, "a", "y", 1000000), TACHO_PUSD_PER_USD);
    tacho_price_built_clear(&built);
    tacho_price_source source = TACHO_PRICE_SOURCE_INIT;
    source.text = "{\"a/y\": {\"litellm_provider\": \"a\", \"input_cost_per_token\": 2e-05}}";
    source.length = strlen(source.text);
    assert_int_equal(tacho_price_build(&source, 1, 20261122, TACHO_PRICE_BUILD_NO_OVERRIDES, table, &built), TACHO_OK);
    assert_int_equal(built.quarantined, 1);
    tacho_price_table_free(table);
    assert_int_equal(tacho_price_table_load(&table, built.bytes, built.length, NULL), TACHO_OK);
    assert_int_equal(cost_of(table, "a", "y", 1000000), TACHO_PUSD_PER_USD);
    tacho_price_table_free(table);
    tacho_price_built_clear(&built);
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 24;
}

/* Make the checksum right again, so that damage reaches the checks behind it. */
static void sign(char *bytes, size_t length) {
    const tacho__price_header *sheets;
    size_t size;
    if (tacho__price_open(bytes, length, &sheets, &size) != TACHO_OK) {
        return;
    }
    size_t hashed = offsetof(tacho__price_header, flags);
    uint64_t checksum = tacho__hash((const char *)sheets + hashed, size - hashed, 0);
    memcpy(bytes + ((const char *)sheets - bytes) + offsetof(tacho__price_header, checksum), &checksum,
           sizeof checksum);
}

/* Damage some bytes; a table that is still accepted must be usable to its last sheet. */
static void mutate(const char *bytes, size_t length, uint64_t *seed) {
    char *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    for (uint64_t i = 0; i < 1 + next_random(seed) % 4; i++) {
        copy[next_random(seed) % length] = (char)next_random(seed);
    }
    if (next_random(seed) % 4) {
        sign(copy, length);
    }
    size_t kept = next_random(seed) % 8 ? length : next_random(seed) % length;
    tacho_price_table *table;
    if (tacho_price_table_load(&table, copy, kept, tacho_price_table_builtin()) == TACHO_OK) {
        tacho_price_model model;
        tacho_price_sheet_view view;
        for (size_t i = 0; tacho_price_table_at(table, i, &model) == TACHO_OK; i++) {
            for (size_t k = 0; tacho_price_model_sheet(&model, k, &view) == TACHO_OK; k++) {
            }
            cost_of(table, tacho_price_model_provider(&model), tacho_price_model_id(&model), 100);
        }
        tacho_price_table_free(table);
    } else {
        assert_null(table);
    }
    free(copy);
}

static void test_load__survives_damage(void **state) {
    (void)state;
    uint64_t seed = (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    tacho_price_built built;
    assert_int_equal(build(small, TACHO_PRICE_BUILD_USER, &built), TACHO_OK);
    for (int i = 0; i < 20000; i++) {
        mutate(built.bytes, built.length, &seed);
        mutate(small, strlen(small), &seed);
    }
    tacho_price_built_clear(&built);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin__is_whole_and_small),
        cmocka_unit_test(test_load__puts_user_prices_above_the_table),
        cmocka_unit_test(test_load__asks_below_where_user_prices_do_not_hold),
        cmocka_unit_test(test_load__lets_a_whole_table_replace_the_one_below),
        cmocka_unit_test(test_build__names_line_and_column_of_a_fault),
        cmocka_unit_test(test_gates__reject_what_sources_got_wrong),
        cmocka_unit_test(test_load__survives_damage),
    };
    return cmocka_run_group_tests_name("price_table", tests, NULL, NULL);
}
