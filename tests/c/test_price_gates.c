/* Each gate of an import, fed with the defect it is for (reference/cost-tables.md, section 4). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tachograph/price_table.h>

#define DAY INT64_C(1790000000000000000)

static tacho_price_built built;

/* A table of one or two sources; what the gates said is in `built`. */
static tacho_price_table *table_of(const char *first, const char *second, const tacho_price_table *previous) {
    tacho_price_source sources[2] = {TACHO_PRICE_SOURCE_INIT, TACHO_PRICE_SOURCE_INIT};
    tacho_price_table *table;
    sources[0].text = first;
    sources[0].length = strlen(first);
    sources[1].text = second;
    sources[1].length = second ? strlen(second) : 0;
    tacho_price_built_clear(&built);
    tacho_status status =
        tacho_price_build(sources, second ? 2 : 1, 20261121, TACHO_PRICE_BUILD_NO_OVERRIDES, previous, &built);
    if (status != TACHO_OK) {
        print_message("%s\n", built.fault);
    }
    assert_int_equal(status, TACHO_OK);
    assert_int_equal(tacho_price_table_load(&table, built.bytes, built.length, NULL), TACHO_OK);
    return table;
}

static void expect_counts(unsigned rejected, unsigned quarantined, unsigned reviewed) {
    if (built.rejected != rejected || built.quarantined != quarantined || built.reviewed != reviewed) {
        print_message("%s", built.report);
    }
    assert_int_equal(built.rejected, rejected);
    assert_int_equal(built.quarantined, quarantined);
    assert_int_equal(built.reviewed, reviewed);
}

static tacho_cost cost_of(const tacho_price_table *table, const char *model, tacho_usage usage) {
    tacho_cost cost;
    usage.provider = "host";
    usage.model = model;
    assert_int_equal(tacho_calculate_cost(table, &usage, DAY, &cost), TACHO_OK);
    return cost;
}

/* Micro-dollars for a million tokens of prompt. */
static int64_t input_of(const tacho_price_table *table, const char *model) {
    int64_t amount = cost_of(table, model, TACHO_USAGE(.input = 1000000)).total_pusd;
    return amount == TACHO_COST_UNKNOWN ? -1 : amount / 1000000;
}

#define LITELLM(members) "{\"host/m\": {\"litellm_provider\": \"host\", " members "}}"
#define GENAI(prices)                                                                                                  \
    "[{\"id\": \"host\", \"models\": [{\"id\": \"m\", \"match\": {\"equals\": \"m\"}, \"prices\": " prices "}]}]"

static void test_gate__rejects_a_token_above_a_thousandth(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(LITELLM("\"input_cost_per_token\": 0.135, \"output_cost_per_token\": 4e-07"), NULL, NULL);
    expect_counts(1, 0, 0);
    assert_non_null(strstr(built.report, "rejected host/m: more than $0.001 per token"));
    assert_int_equal(input_of(table, "m"), -1);
    tacho_price_table_free(table);
    table = table_of(LITELLM("\"input_cost_per_token\": 0.001, \"output_cost_per_token\": 0.001"), NULL, NULL);
    expect_counts(0, 0, 0); /* the limit itself is allowed */
    assert_int_equal(input_of(table, "m"), 1000000000);
    tacho_price_table_free(table);
}

static void test_gate__looks_into_bands_and_service_classes(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(GENAI("{\"input_mtok\": {\"base\": 1, \"tiers\": [{\"start\": 1000, \"price\": 2000}]}}"), NULL, NULL);
    expect_counts(1, 0, 0);
    assert_true(cost_of(table, "m", TACHO_USAGE(.input = 2000)).total_pusd < 3 * TACHO_PUSD_PER_USD);
    tacho_price_table_free(table);
    table = table_of(LITELLM("\"input_cost_per_token\": 1e-06, \"input_cost_per_token_priority\": 0.5"), NULL, NULL);
    expect_counts(1, 0, 0);
    tacho_cost cost = cost_of(table, "m", TACHO_USAGE(.input = 1000000, .service_tier = "priority"));
    assert_int_equal(cost.total_pusd, TACHO_PUSD_PER_USD);
    assert_true(cost.flags & TACHO_COST_TIER_UNPRICED);
    assert_int_equal(cost.state, TACHO_COST_STATE_ESTIMATED);
    tacho_price_table_free(table);
}

static void test_gate__rejects_a_cache_read_dearer_than_the_input(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(LITELLM("\"input_cost_per_token\": 1e-06, \"cache_read_input_token_cost\": 3e-06"), NULL, NULL);
    expect_counts(1, 0, 0);
    tacho_cost cost = cost_of(table, "m", TACHO_USAGE(.cache_read = 1000000));
    assert_int_equal(cost.total_pusd, TACHO_PUSD_PER_USD);
    assert_true(cost.flags & TACHO_COST_PARENT_RATE);
    tacho_price_table_free(table);
}

static void test_gate__wants_a_look_at_zero_beside_paid(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(LITELLM("\"input_cost_per_token\": 0, \"output_cost_per_token\": 2e-06"), NULL, NULL);
    expect_counts(0, 0, 1);
    assert_non_null(strstr(built.report, "review host/m: zero beside"));
    assert_int_equal(input_of(table, "m"), 0); /* an explicit 0 is a price */
    tacho_price_table_free(table);
    table = table_of(GENAI("{\"input_mtok\": 0, \"output_mtok\": 0}"), NULL, NULL);
    expect_counts(0, 0, 0);
    assert_int_equal(cost_of(table, "m", TACHO_USAGE(.input = 5)).state, TACHO_COST_STATE_FREE);
    tacho_price_table_free(table);
    /* litellm writes 0 for what it does not know */
    table = table_of(LITELLM("\"input_cost_per_token\": 0, \"output_cost_per_token\": 0"), NULL, NULL);
    assert_int_equal(cost_of(table, "m", TACHO_USAGE(.input = 5)).state, TACHO_COST_STATE_UNKNOWN);
    tacho_price_table_free(table);
}

static void test_gate__wants_a_look_where_sources_disagree(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(GENAI("{\"input_mtok\": 1, \"output_mtok\": 2}"),
                 LITELLM("\"input_cost_per_token\": 1.5e-06, \"output_cost_per_token\": 2e-06"), NULL);
    expect_counts(0, 0, 1);
    assert_non_null(strstr(built.report, "disagree"));
    assert_int_equal(input_of(table, "m"), 1000000);
    tacho_price_table_free(table);
    table = table_of(GENAI("{\"input_mtok\": 1, \"output_mtok\": 2}"),
                     LITELLM("\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06"), NULL);
    expect_counts(0, 0, 0);
    tacho_price_table_free(table);
}

/* The price of `now` after a table that said `before`; 1 when it was held back. */
static int64_t after(const char *before, const char *now, const char *model, unsigned quarantined) {
    tacho_price_table *old = table_of(before, NULL, NULL);
    tacho_price_table *table = table_of(now, NULL, old);
    expect_counts(0, quarantined, built.reviewed);
    int64_t amount = input_of(table, model);
    tacho_price_table_free(table);
    tacho_price_table_free(old);
    return amount;
}

static void test_gate__quarantines_jumps(void **state) {
    (void)state;
    assert_int_equal(after(GENAI("{\"input_mtok\": 1}"), GENAI("{\"input_mtok\": 9.9}"), "m", 0), 9900000);
    assert_int_equal(after(GENAI("{\"input_mtok\": 1}"), GENAI("{\"input_mtok\": 10}"), "m", 1), 1000000);
    assert_int_equal(after(GENAI("{\"input_mtok\": 1}"), GENAI("{\"input_mtok\": 0.11}"), "m", 0), 110000);
    assert_int_equal(after(GENAI("{\"input_mtok\": 1}"), GENAI("{\"input_mtok\": 0.1}"), "m", 1), 1000000);
    assert_int_equal(after(GENAI("{\"input_mtok\": 1}"), GENAI("{\"input_mtok\": 0}"), "m", 1), 1000000);
    assert_int_equal(after(GENAI("{\"input_mtok\": 0}"), GENAI("{\"input_mtok\": 2}"), "m", 0), 2000000);
    /* one class that became free does not hide another that jumped */
    assert_int_equal(after(GENAI("{\"input_mtok\": 1, \"output_mtok\": 5}"),
                           GENAI("{\"input_mtok\": 20, \"output_mtok\": 5}"), "m", 1),
                     1000000);
}

static void test_quarantine__keeps_the_bands_too(void **state) {
    (void)state;
    tacho_price_table *old =
        table_of(GENAI("{\"input_mtok\": {\"base\": 1, \"tiers\": [{\"start\": 1000, \"price\": 2}]}}"), NULL, NULL);
    const char *jumps[] = {GENAI("{\"input_mtok\": {\"base\": 1, \"tiers\": [{\"start\": 1000, \"price\": 200}]}}"),
                           GENAI("{\"input_mtok\": 50}")};
    for (int i = 0; i < 2; i++) {
        tacho_price_table *table = table_of(jumps[i], NULL, old);
        expect_counts(0, 1, 0);
        assert_int_equal(cost_of(table, "m", TACHO_USAGE(.input = 1000)).total_pusd, 1000 * INT64_C(1000000));
        assert_int_equal(cost_of(table, "m", TACHO_USAGE(.input = 1001)).total_pusd, 2002 * INT64_C(1000000));
        tacho_price_table_free(table);
    }
    tacho_price_table_free(old);
}

/* A dated price is compared with the price of the same date, not with another one. */
static void test_quarantine__compares_sheets_of_the_same_time(void **state) {
    (void)state;
    const char *dated = GENAI("[{\"prices\": {\"input_mtok\": 40}}, {\"constraint\": {\"start_date\": \"2026-01-01\"}, "
                              "\"prices\": {\"input_mtok\": 2}}]");
    assert_int_equal(after(dated, dated, "m", 0), 2000000);
}

static void test_unknown_rate_keys__make_a_sheet_partial(void **state) {
    (void)state;
    tacho_price_table *table = table_of(GENAI("{\"input_mtok\": 1, \"dream_mtok\": 7}"), NULL, NULL);
    expect_counts(0, 0, 1);
    tacho_cost cost = cost_of(table, "m", TACHO_USAGE(.input = 1000000));
    assert_int_equal(cost.state, TACHO_COST_STATE_PARTIAL);
    assert_true(cost.flags & TACHO_COST_UNKNOWN_RATE);
    assert_int_equal(cost.total_pusd, TACHO_PUSD_PER_USD);
    tacho_price_table_free(table);
}

static void test_rates__that_are_no_prices_are_rejected(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(LITELLM("\"input_cost_per_token\": -1e-06, \"output_cost_per_token\": 2e-06"), NULL, NULL);
    assert_true(built.rejected >= 1);
    assert_true(cost_of(table, "m", TACHO_USAGE(.input = 5)).total_pusd == TACHO_COST_UNKNOWN);
    tacho_price_table_free(table);
    table = table_of(GENAI("{\"input_mtok\": -1}"), NULL, NULL);
    assert_true(built.rejected >= 1);
    tacho_price_table_free(table);
}

/* A class of service that nobody knows yet must not change the standard prices. */
static void test_keys__of_another_service_class_stay_there(void **state) {
    (void)state;
    tacho_price_table *table =
        table_of(LITELLM("\"input_cost_per_token\": 1e-06, \"input_cost_per_token_above_272k_tokens\": 2e-06, "
                         "\"input_cost_per_token_above_272k_tokens_ultrafast\": 9e-06, "
                         "\"input_cost_per_token_ultrafast\": 5e-06, "
                         "\"input_cost_per_token_above_272k_tokens_dreamy\": 0.0"),
                 NULL, NULL);
    assert_int_equal(input_of(table, "m"), 2000000);
    tacho_cost cost = cost_of(table, "m", TACHO_USAGE(.input = 1000000, .service_tier = "ultrafast"));
    assert_int_equal(cost.total_pusd, 9 * TACHO_PUSD_PER_USD);
    assert_int_equal(cost.service, TACHO_PRICE_SERVICE_ULTRAFAST);
    tacho_price_table_free(table);
}

/* A float artefact is the decimal that it stands for; a price finer than a femto-USD keeps its digits. */
static void test_rates__are_snapped_to_what_they_mean(void **state) {
    (void)state;
    tacho_price_table *table = table_of(LITELLM("\"input_cost_per_token\": 1.5000000000000002e-07, "
                                                "\"output_cost_per_token\": 7.50003e-07"),
                                        NULL, NULL);
    assert_int_equal(cost_of(table, "m", TACHO_USAGE(.input = 1000000)).total_pusd, INT64_C(150000000000));
    assert_int_equal(cost_of(table, "m", TACHO_USAGE(.output = 1000000)).total_pusd, INT64_C(750003000000));
    tacho_price_table_free(table);
}

static int clear(void **state) {
    (void)state;
    tacho_price_built_clear(&built);
    built = (tacho_price_built)TACHO_PRICE_BUILT_INIT;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate__rejects_a_token_above_a_thousandth),
        cmocka_unit_test(test_gate__looks_into_bands_and_service_classes),
        cmocka_unit_test(test_gate__rejects_a_cache_read_dearer_than_the_input),
        cmocka_unit_test(test_gate__wants_a_look_at_zero_beside_paid),
        cmocka_unit_test(test_gate__wants_a_look_where_sources_disagree),
        cmocka_unit_test(test_gate__quarantines_jumps),
        cmocka_unit_test(test_quarantine__keeps_the_bands_too),
        cmocka_unit_test(test_quarantine__compares_sheets_of_the_same_time),
        cmocka_unit_test(test_unknown_rate_keys__make_a_sheet_partial),
        cmocka_unit_test(test_rates__that_are_no_prices_are_rejected),
        cmocka_unit_test(test_keys__of_another_service_class_stay_there),
        cmocka_unit_test(test_rates__are_snapped_to_what_they_mean),
    };
    return cmocka_run_group_tests_name("price_gates", tests, clear, clear);
}
