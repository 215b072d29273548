#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "price/decoration.h"

#include <string.h>
#include <tachograph/price_table.h>

/* A small table of its own, so that no change of real prices changes these tests. */
static const char text[] =
    "[{\"id\": \"openai\", \"models\": ["
    "{\"id\": \"gpt-9\", \"match\": {\"equals\": \"gpt-9\"}, \"prices\": {\"input_mtok\": 1}},"
    "{\"id\": \"gpt-8\", \"match\": {\"equals\": \"gpt-8\"}, \"prices\": {\"input_mtok\": 2}},"
    "{\"id\": \"gpt-8-2026-01-01\", \"match\": {\"equals\": \"gpt-8-2026-01-01\"}, \"prices\": {\"input_mtok\": 3}},"
    "{\"id\": \"ft:gpt-9\", \"match\": {\"equals\": \"ft:gpt-9\"}, \"prices\": {\"input_mtok\": 4}},"
    "{\"id\": \"family\", \"match\": {\"starts_with\": \"gpt-7\"}, \"prices\": {\"input_mtok\": 5}}]},"
    "{\"id\": \"azure\", \"fallback_model_providers\": [\"openai\"], \"models\": ["
    "{\"id\": \"only-here\", \"match\": {\"equals\": \"only-here\"}, \"prices\": {\"input_mtok\": 6}}]},"
    "{\"id\": \"aws\", \"models\": ["
    "{\"id\": \"anthropic.claude-9-v1:0\", \"match\": {\"equals\": \"anthropic.claude-9-v1:0\"}, \"prices\": "
    "{\"input_mtok\": 7}}]},"
    "{\"id\": \"host\", \"models\": ["
    "{\"id\": \"shared\", \"match\": {\"equals\": \"shared\"}, \"prices\": {\"input_mtok\": 8}},"
    "{\"id\": \"gpt-9\", \"match\": {\"equals\": \"gpt-9\"}, \"prices\": {\"input_mtok\": 9}},"
    "{\"id\": \"disputed\", \"match\": {\"equals\": \"disputed\"}, \"prices\": {\"input_mtok\": 1}}]},"
    "{\"id\": \"other\", \"models\": ["
    "{\"id\": \"shared\", \"match\": {\"equals\": \"shared\"}, \"prices\": {\"input_mtok\": 8}},"
    "{\"id\": \"disputed\", \"match\": {\"equals\": \"disputed\"}, \"prices\": {\"input_mtok\": 2}}]}]";

static int make_table(void **state) {
    tacho_price_table *table;
    if (tacho_price_table_load(&table, text, sizeof text - 1, NULL) != TACHO_OK) {
        return -1;
    }
    *state = table;
    return 0;
}

static int free_table(void **state) {
    tacho_price_table_free(*state);
    return 0;
}

/* Dollars for a million tokens, and how the price was found; -1 without one. */
static void expect(void **state, const char *provider, const char *model, int usd, uint32_t match) {
    tacho_usage usage = TACHO_USAGE(.provider = provider, .model = model, .input = 1000000);
    tacho_cost cost;
    assert_int_equal(tacho_calculate_cost(*state, &usage, INT64_C(1790000000000000000), &cost), TACHO_OK);
    int64_t expected = usd < 0 ? TACHO_COST_UNKNOWN : usd * TACHO_PUSD_PER_USD;
    if (cost.total_pusd != expected || cost.match != match) {
        print_message("%s %s: %s\n", provider ? provider : "-", model, tacho_price_match_name(cost.match));
    }
    assert_true(cost.total_pusd == expected);
    assert_int_equal(cost.match, match);
}

static void test_find__normalises(void **state) {
    expect(state, "openai", "gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, " OpenAI ", " GPT-9 ", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, "openai", "models/gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, "openai", "publishers/openai/models/gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, NULL, "openai/gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, "openai", "openai/gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, NULL, "openai/openai/gpt-9", -1, TACHO_PRICE_MATCH_NONE); /* never stripped twice */
    expect(state, "https://api.openai.com/v1", "gpt-9", 1, TACHO_PRICE_MATCH_EXACT);
    expect(state, "https://api.openai.com.evil.example", "gpt-9", -1, TACHO_PRICE_MATCH_NONE);
}

static void test_find__removes_one_decoration(void **state) {
    expect(state, "openai", "gpt-9-20260102", 1, TACHO_PRICE_MATCH_DECORATED);
    expect(state, "openai", "gpt-9-2026-01-02", 1, TACHO_PRICE_MATCH_DECORATED);
    expect(state, "openai", "gpt-9@default", 1, TACHO_PRICE_MATCH_DECORATED);
    expect(state, "openai", "gpt-9:beta", 1, TACHO_PRICE_MATCH_DECORATED);
    expect(state, "openai", "gpt-9-20260102:beta", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "gpt-9-latest", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "gpt-9-mini", -1, TACHO_PRICE_MATCH_NONE);
}

static void test_find__respects_dated_siblings(void **state) {
    expect(state, "openai", "gpt-8-20260101", 3, TACHO_PRICE_MATCH_DECORATED); /* the date in its other notation */
    expect(state, "openai", "gpt-8-2026-02-02", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "gpt-8", 2, TACHO_PRICE_MATCH_EXACT);
}

static void test_find__has_no_families(void **state) {
    expect(state, "openai", "gpt-7", 5, TACHO_PRICE_MATCH_EXACT);
    expect(state, "openai", "gpt-7-turbo", -1, TACHO_PRICE_MATCH_NONE);
}

static void test_find__prices_fine_tuned_models_apart(void **state) {
    expect(state, "openai", "ft:gpt-9:org:name:id", 4, TACHO_PRICE_MATCH_FINE_TUNED);
    expect(state, "openai", "ft:gpt-8:org:name:id", -1, TACHO_PRICE_MATCH_NONE);
}

static void test_find__falls_back_and_agrees(void **state) {
    expect(state, "azure", "gpt-9", 1, TACHO_PRICE_MATCH_FALLBACK);
    expect(state, "azure", "only-here", 6, TACHO_PRICE_MATCH_EXACT);
    expect(state, "openai", "only-here", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, NULL, "shared", 8, TACHO_PRICE_MATCH_AGREEING);
    expect(state, NULL, "disputed", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, NULL, "gpt-9", 1, TACHO_PRICE_MATCH_MAKER);
    expect(state, "nobody", "shared", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "bedrock", "claude-9", 7, TACHO_PRICE_MATCH_DECORATED);
}

static void test_find__takes_strange_names(void **state) {
    char longer[600];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    expect(state, "openai", longer, -1, TACHO_PRICE_MATCH_NONE);
    expect(state, longer, "gpt-9", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "ft:", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, "openai", "/", -1, TACHO_PRICE_MATCH_NONE);
    expect(state, NULL, "arn:aws:bedrock:eu-west-1:1:inference-profile/", -1, TACHO_PRICE_MATCH_NONE);
    tacho_price_model model;
    assert_int_equal(tacho_price_model_find(*state, NULL, NULL, &model), TACHO_NOT_FOUND);
    assert_int_equal(tacho_price_model_find(*state, NULL, NULL, NULL), TACHO_INVALID);
}

static void test_decoration__is_cut_once(void **state) {
    (void)state;
    bool dated;
    assert_int_equal(tacho__decoration_length("a-20260101", 10, &dated), 1);
    assert_true(dated);
    assert_int_equal(tacho__decoration_length("a-20261301", 10, &dated), 0); /* no such month */
    assert_int_equal(tacho__decoration_length("model-v1:0", 10, &dated), 5);
    assert_int_equal(tacho__decoration_length("model:12", 8, &dated), 5);
    assert_int_equal(tacho__decoration_length("", 0, &dated), 0);
    assert_int_equal(tacho__decoration_length(":0", 2, &dated), 0);
}

static void test_find__takes_the_users_price_where_no_provider_is_named(void **state) {
    static const char own[] =
        "{\"prices\": [{\"provider\": \"openai\", \"model\": \"gpt-9\", \"rates\": {\"input\": 90}},"
        "{\"provider\": \"host\", \"model\": \"mine\", \"rates\": {\"input\": 91}},"
        "{\"provider\": \"host\", \"model\": \"two\", \"rates\": {\"input\": 92}},"
        "{\"provider\": \"other\", \"model\": \"two\", \"rates\": {\"input\": 93}}]}";
    tacho_price_table *user;
    assert_int_equal(tacho_price_table_load(&user, own, sizeof own - 1, *state), TACHO_OK);
    void *with_user = user;
    expect(&with_user, NULL, "gpt-9", 90, TACHO_PRICE_MATCH_USER);
    expect(&with_user, NULL, "openai/gpt-9", 90, TACHO_PRICE_MATCH_USER);
    expect(&with_user, "openai", "gpt-9", 90, TACHO_PRICE_MATCH_USER);
    expect(&with_user, "host", "gpt-9", 9, TACHO_PRICE_MATCH_EXACT);
    expect(&with_user, NULL, "host/gpt-9", 9, TACHO_PRICE_MATCH_EXACT);
    expect(&with_user, NULL, "mine", 91, TACHO_PRICE_MATCH_USER);
    expect(&with_user, "openai", "mine", -1, TACHO_PRICE_MATCH_NONE);
    expect(&with_user, NULL, "two", -1, TACHO_PRICE_MATCH_NONE);
    expect(&with_user, NULL, "host/two", 92, TACHO_PRICE_MATCH_USER);
    tacho_price_table_free(user);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find__normalises),
        cmocka_unit_test(test_find__removes_one_decoration),
        cmocka_unit_test(test_find__respects_dated_siblings),
        cmocka_unit_test(test_find__has_no_families),
        cmocka_unit_test(test_find__prices_fine_tuned_models_apart),
        cmocka_unit_test(test_find__falls_back_and_agrees),
        cmocka_unit_test(test_find__takes_strange_names),
        cmocka_unit_test(test_decoration__is_cut_once),
        cmocka_unit_test(test_find__takes_the_users_price_where_no_provider_is_named),
    };
    return cmocka_run_group_tests_name("price_match", tests, make_table, free_table);
}
