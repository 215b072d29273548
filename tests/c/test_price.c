#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/timestamp.h"
#include "support/price_corpus.h"

static const char *const files[] = {"prices/genai-prices.json", "prices/litellm.json"};
#define TABLE_DATE 20260821

/* ------------------------------------------------------------------------------------------------ conformance cases */

typedef struct bench {
    tacho_price_table *table;
    tacho_response *response;
    tacho__buffer text;
} bench;

static char *repository_file(const char *name, size_t *length) {
    const char *root = getenv("TACHO_TEST_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    *length = fread(text, 1, 1 << 20, file);
    fclose(file);
    return text;
}

/* A table with the case's own prices above, or built with a further source. */
static tacho_price_table *table_of_case(bench *b, const tacho__json_node *node, bool user) {
    tacho_price_source sources[3];
    char *texts[2] = {NULL};
    size_t count = 0;
    for (; !user && count < 2; count++) {
        sources[count] = (tacho_price_source)TACHO_PRICE_SOURCE_INIT;
        texts[count] = corpus_file(files[count], &sources[count].length);
        sources[count].text = texts[count];
    }
    corpus_json(node, &b->text);
    sources[count] = (tacho_price_source)TACHO_PRICE_SOURCE_INIT;
    sources[count].text = b->text.data;
    sources[count++].length = b->text.length;
    tacho_price_built built;
    tacho_status status =
        tacho_price_build(sources, count, TABLE_DATE, user ? TACHO_PRICE_BUILD_USER : 0, NULL, &built);
    if (status != TACHO_OK) {
        print_message("%s at %d:%d\n", built.fault, (int)built.fault_line, (int)built.fault_column);
    }
    assert_int_equal(status, TACHO_OK);
    tacho_price_table *table;
    assert_int_equal(tacho_price_table_load(&table, built.bytes, built.length, user ? b->table : NULL), TACHO_OK);
    tacho_price_built_clear(&built);
    free(texts[0]);
    free(texts[1]);
    return table;
}

static void read_usage(bench *b, const tacho__json_node *item) {
    const tacho__json_node *usage = tacho__json_member(item, "usage"), *stream = tacho__json_member(item, "stream");
    const char *provider = tacho__json_member_text(item, "provider", NULL);
    const tacho_dialect *dialect = tacho_dialect_find(tacho__json_member_text(item, "dialect", NULL), provider);
    tacho_response_clear(b->response);
    for (const tacho__json_node *event = stream ? stream->first : NULL; event; event = event->next) {
        corpus_json(event, &b->text);
        tacho_status status = tacho_response_fold_json(b->response, dialect, provider, b->text.data, b->text.length);
        assert_true(status == TACHO_OK || status == TACHO_NO_DATA);
    }
    if (!stream) {
        const tacho__json_node *body = usage ? usage : tacho__json_member(item, "response");
        corpus_json(body, &b->text);
        const tacho_dialect *with = usage ? tacho_dialect_find("disjoint", NULL) : dialect;
        tacho_response_read_json(b->response, with, provider, b->text.data, b->text.length);
    }
}

static void price_case(bench *b, const tacho__json_node *item, const tacho_price_table *table, tacho_cost *cost) {
    const char *provider = tacho__json_member_text(item, "provider", NULL);
    const char *model = tacho__json_member_text(item, "model", NULL);
    int64_t at;
    assert_int_equal(tacho__timestamp_parse(tacho__json_member_text(item, "at", ""), 20, &at), TACHO_OK);
    const tacho__json_node *usage = tacho__json_member(item, "usage");
    if (usage) {
        tacho_usage part = *tacho_response_usage(b->response, 0);
        part.flags &= ~TACHO_USAGE_ABSENT; /* usage that names nothing is usage all the same */
        part.provider = provider;
        part.model = model;
        part.requested_tier = tacho__json_member_text(item, "requested_tier", NULL);
        assert_int_equal(tacho_calculate_cost(table, &part, at, cost), TACHO_OK);
    } else {
        assert_int_equal(tacho_response_cost(table, b->response, provider, model, at, cost), TACHO_OK);
    }
    const tacho__json_node *repeat = tacho__json_member(item, "repeat");
    tacho_cost one = *cost;
    for (long i = repeat ? strtol(repeat->text, NULL, 10) : 1; i > 1; i--) {
        tacho_cost_add(cost, &one);
    }
}

static bool check_amount(const char *name, const char *what, int64_t amount, const char *expected) {
    char text[TACHO_MONEY_TEXT_SIZE];
    tacho_money_format(amount, text, sizeof text);
    if (expected && strcmp(text, expected) != 0) {
        print_message("%s: %s is %s, not %s\n", name, what, text, expected);
        return false;
    }
    return true;
}

/* Femto-USD before rounding: what a thousand times the usage costs in pico-USD. */
static bool check_femto(bench *b, const tacho__json_node *item, const tacho_price_table *table) {
    const char *expected = tacho__json_member_text(item, "fusd", NULL);
    if (!expected) {
        return true;
    }
    tacho_usage usage = *tacho_response_usage(b->response, 0);
    tacho_cost cost;
    int64_t at;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        tacho_usage_set(&usage, (tacho_unit)unit, 1000 * tacho_usage_get(&usage, (tacho_unit)unit));
    }
    usage.provider = tacho__json_member_text(item, "provider", NULL);
    usage.model = tacho__json_member_text(item, "model", NULL);
    assert_int_equal(tacho__timestamp_parse(tacho__json_member_text(item, "at", ""), 20, &at), TACHO_OK);
    assert_int_equal(tacho_calculate_cost(table, &usage, at, &cost), TACHO_OK);
    if (cost.total_pusd != strtoll(expected, NULL, 10)) {
        print_message("%s: %lld fUSD, not %s\n", tacho__json_member_text(item, "name", "?"), (long long)cost.total_pusd,
                      expected);
        return false;
    }
    return true;
}

static bool check_case(bench *b, const tacho__json_node *item) {
    const char *name = tacho__json_member_text(item, "name", "?");
    const tacho__json_node *prices = tacho__json_member(item, "prices"), *more = tacho__json_member(item, "sources");
    tacho_price_table *own = prices ? table_of_case(b, prices, true) : more ? table_of_case(b, more, false) : NULL;
    tacho_cost cost;
    read_usage(b, item);
    price_case(b, item, own ? own : b->table, &cost);
    bool good = check_amount(name, "the cost", cost.total_pusd, tacho__json_member_text(item, "usd", NULL));
    good &= check_amount(name, "the table's cost", cost.table_pusd, tacho__json_member_text(item, "table_usd", NULL));
    good &= check_femto(b, item, own ? own : b->table);
    const char *state = tacho__json_member_text(item, "state", NULL);
    if (state && strcmp(state, tacho_cost_state_name(cost.state)) != 0) {
        print_message("%s: state %s, not %s\n", name, tacho_cost_state_name(cost.state), state);
        good = false;
    }
    const tacho__json_node *input = tacho__json_member(item, "total_input");
    const tacho__json_node *output = tacho__json_member(item, "total_output");
    const tacho_usage *usage = tacho_response_usage(b->response, 0);
    if ((input && tacho_usage_input_tokens(usage) != strtol(input->text, NULL, 10)) ||
        (output && tacho_usage_output_tokens(usage) != strtol(output->text, NULL, 10))) {
        print_message("%s: %lld in, %lld out\n", name, (long long)tacho_usage_input_tokens(usage),
                      (long long)tacho_usage_output_tokens(usage));
        good = false;
    }
    tacho_price_table_free(own);
    return good;
}

static void test_cost__gives_the_figures_of_all_cases(void **state) {
    (void)state;
    bench b = {.table = corpus_table(files, 2, TABLE_DATE)};
    if (!b.table) {
        skip();
    }
    size_t length;
    char *text = repository_file("tests/conformance/prices/cases.json", &length);
    tacho__json_tree *tree;
    assert_int_equal(tacho__json_tree_read(&tree, text, length, NULL), TACHO_OK);
    assert_int_equal(tacho_response_create(&b.response), TACHO_OK);
    int cases = 0, bad = 0;
    for (const tacho__json_node *item = tacho__json_member(tacho__json_tree_root(tree), "cases")->first; item;
         item = item->next, cases++) {
        bad += !check_case(&b, item);
    }
    print_message("%d cases\n", cases);
    tacho_response_free(b.response);
    tacho__buffer_free(&b.text);
    tacho__json_tree_free(tree);
    tacho_price_table_free(b.table);
    free(text);
    assert_int_equal(bad, 0);
    assert_true(cases >= 56);
}

/* -------------------------------------------------------------------------------------------------- recorded bodies */

#define CORPUS_INSTANT (INT64_C(1784116800) * 1000000000) /* 2026-07-15T12:00:00Z */

/* Deviations on purpose are the rows of tests/prices/reviewed.json, with the figures that we have instead. */
static bool is_money(const tacho__json_node *row, const char *key, int64_t amount) {
    const char *text = tacho__json_member_text(row, key, "");
    int64_t value;
    return tacho_money_parse(text, strlen(text), &value) == TACHO_OK && value == amount;
}

static bool is_text(const tacho__json_node *row, const char *key, const char *text) {
    return text && strcmp(tacho__json_member_text(row, key, ""), text) == 0;
}

static bool is_reviewed(const tacho__json_node *rows, const tacho__json_node *extract, const char *model, int64_t in,
                        int64_t out, const tacho_cost *cost) {
    const char *provider = tacho__json_member_text(extract, "provider_id", "");
    const char *flavour = tacho__json_member_text(extract, "api_flavor", "default");
    for (const tacho__json_node *row = rows->first; row; row = row->next) {
        if (is_text(row, "model", model) && is_text(row, "provider", provider) && is_text(row, "dialect", flavour) &&
            is_money(row, "input_price", in) && is_money(row, "output_price", out)) {
            return is_money(row, "input_usd", cost->input_pusd) && is_money(row, "output_usd", cost->output_pusd);
        }
    }
    return false;
}

typedef struct totals {
    const tacho__json_node *on_purpose;
    long priced, equal, reviewed, wrong;
} totals;

static void check_extract(bench *b, const tacho__json_node *entry, const tacho__json_node *extract, totals *sum) {
    const tacho__json_node *body = tacho__json_member(entry, "body");
    const char *provider = tacho__json_member_text(extract, "provider_id", "");
    const char *model = tacho__json_member_text(entry, "model", NULL);
    const char *input = tacho__json_member_text(extract, "input_price", NULL);
    const char *output = tacho__json_member_text(extract, "output_price", NULL);
    const char *total = tacho__json_member_text(extract, "total_price", NULL);
    const tacho_dialect *dialect =
        tacho_dialect_find(tacho__json_member_text(extract, "api_flavor", "default"), provider);
    tacho_cost cost, pulled;
    tacho_response_read_json(b->response, dialect, provider, b->text.data, b->text.length);
    tacho_response_cost(b->table, b->response, provider, model, CORPUS_INSTANT, &cost);
    tacho_value_source source = corpus_source(body);
    tacho_response_read(b->response, dialect, provider, &source);
    tacho_response_cost(b->table, b->response, provider, model, CORPUS_INSTANT, &pulled);
    assert_memory_equal(&cost, &pulled, sizeof cost);
    source.each = corpus_each;
    tacho_response_read(b->response, dialect, provider, &source);
    tacho_response_cost(b->table, b->response, provider, model, CORPUS_INSTANT, &pulled);
    assert_memory_equal(&cost, &pulled, sizeof cost);
    if (!input) {
        return;
    }
    int64_t in, out, all = 0;
    assert_int_equal(tacho_money_parse(input, strlen(input), &in), TACHO_OK);
    assert_int_equal(tacho_money_parse(output, strlen(output), &out), TACHO_OK);
    if (total) {
        assert_int_equal(tacho_money_parse(total, strlen(total), &all), TACHO_OK);
    }
    bool equal = cost.input_pusd == in && cost.output_pusd == out && (!total || cost.table_pusd == all);
    sum->priced++;
    sum->equal += equal;
    if (!equal && is_reviewed(sum->on_purpose, extract, model, in, out, &cost)) {
        sum->reviewed++;
    } else if (!equal) {
        sum->wrong++;
        print_message("%s %s %s: %s in, %s out expected\n", provider, tacho_dialect_name(dialect), model, input,
                      output);
    }
}

static void test_cost__equals_the_recorded_bodies(void **state) {
    (void)state;
    bench b = {.table = corpus_table(files, 2, TABLE_DATE)};
    size_t length;
    char *text = corpus_file("prices/usage-bodies.json", &length);
    if (!b.table || !text) {
        free(text);
        skip();
    }
    size_t list_length;
    char *list = repository_file("tests/prices/reviewed.json", &list_length);
    tacho__json_tree *tree, *reviewed;
    assert_int_equal(tacho__json_tree_read(&tree, text, length, NULL), TACHO_OK);
    assert_int_equal(tacho__json_tree_read(&reviewed, list, list_length, NULL), TACHO_OK);
    assert_int_equal(tacho_response_create(&b.response), TACHO_OK);
    totals sum = {.on_purpose = tacho__json_member(tacho__json_tree_root(reviewed), "bodies")};
    for (const tacho__json_node *entry = tacho__json_tree_root(tree)->first; entry; entry = entry->next) {
        corpus_json(tacho__json_member(entry, "body"), &b.text);
        for (const tacho__json_node *group = tacho__json_member(entry, "extracted")->first; group;
             group = group->next) {
            for (const tacho__json_node *extract = tacho__json_member(group, "extractors")->first; extract;
                 extract = extract->next) {
                check_extract(&b, entry, extract, &sum);
            }
        }
    }
    print_message("%ld priced, %ld equal, %ld reviewed, %ld wrong\n", sum.priced, sum.equal, sum.reviewed, sum.wrong);
    long listed = 0;
    for (const tacho__json_node *row = sum.on_purpose->first; row; row = row->next) {
        listed++;
    }
    tacho_response_free(b.response);
    tacho__buffer_free(&b.text);
    tacho__json_tree_free(tree);
    tacho__json_tree_free(reviewed);
    tacho_price_table_free(b.table);
    free(text);
    free(list);
    assert_true(sum.priced > 1000);
    assert_int_equal(sum.wrong, 0);
    assert_int_equal(sum.reviewed, listed);
    assert_true(listed <= 20);
}

/* ------------------------------------------------------------------------------------------------------------- states
 */

static void test_state__joins_to_the_weakest(void **state) {
    (void)state;
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_EXACT, TACHO_COST_STATE_REPORTED),
                     TACHO_COST_STATE_REPORTED);
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_EXACT, TACHO_COST_STATE_ESTIMATED),
                     TACHO_COST_STATE_ESTIMATED);
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_EXACT, TACHO_COST_STATE_UNKNOWN), TACHO_COST_STATE_PARTIAL);
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_FREE, TACHO_COST_STATE_FREE), TACHO_COST_STATE_FREE);
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_FREE, TACHO_COST_STATE_EXACT), TACHO_COST_STATE_EXACT);
    assert_int_equal(tacho_cost_state_join(TACHO_COST_STATE_UNKNOWN, TACHO_COST_STATE_UNKNOWN),
                     TACHO_COST_STATE_UNKNOWN);
}

static void test_cost__of_absent_usage_is_unknown(void **state) {
    (void)state;
    tacho_usage usage = TACHO_USAGE(.flags = TACHO_USAGE_ABSENT, .provider = "anthropic", .model = "claude-opus-4-6");
    tacho_cost cost;
    assert_int_equal(tacho_calculate_cost(NULL, &usage, 0, &cost), TACHO_OK);
    assert_int_equal(cost.state, TACHO_COST_STATE_UNKNOWN);
    assert_true(cost.total_pusd == TACHO_COST_UNKNOWN);
    assert_true(cost.table_date > 20260000);
}

static void test_cost__does_not_believe_a_reported_zero(void **state) {
    (void)state;
    tacho_usage usage = TACHO_USAGE(.flags = TACHO_USAGE_REPORTED_COST, .provider = "anthropic",
                                    .model = "claude-opus-4-6", .input = 1000);
    tacho_cost cost;
    tacho_calculate_cost(NULL, &usage, INT64_C(1770000000000000000), &cost);
    assert_true(cost.flags & TACHO_COST_REPORTED_ZERO);
    assert_true(cost.total_pusd == cost.table_pusd && cost.total_pusd > 0);
    usage.reported_cost_pusd = 7;
    tacho_calculate_cost(NULL, &usage, INT64_C(1770000000000000000), &cost);
    assert_int_equal(cost.state, TACHO_COST_STATE_REPORTED);
    assert_int_equal(cost.total_pusd, 7);
    assert_true(cost.table_pusd > 7);
}

static void test_cost__keeps_a_reported_cost_of_an_unknown_model(void **state) {
    (void)state;
    tacho_usage usage = TACHO_USAGE(.flags = TACHO_USAGE_REPORTED_COST, .model = "nobody-knows-me", .input = 1000,
                                    .reported_cost_pusd = 5);
    tacho_cost cost;
    tacho_calculate_cost(NULL, &usage, 0, &cost);
    assert_int_equal(cost.total_pusd, 5);
    assert_true(cost.table_pusd == TACHO_COST_UNKNOWN);
}

static void test_cost__says_that_a_table_is_old(void **state) {
    (void)state;
    tacho_usage usage = TACHO_USAGE(.provider = "anthropic", .model = "claude-opus-4-6", .input = 1000);
    tacho_cost cost;
    tacho_calculate_cost(NULL, &usage, INT64_C(1900000000) * 1000000000, &cost);
    assert_true(cost.flags & TACHO_COST_STALE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cost__gives_the_figures_of_all_cases),
        cmocka_unit_test(test_cost__equals_the_recorded_bodies),
        cmocka_unit_test(test_state__joins_to_the_weakest),
        cmocka_unit_test(test_cost__of_absent_usage_is_unknown),
        cmocka_unit_test(test_cost__does_not_believe_a_reported_zero),
        cmocka_unit_test(test_cost__keeps_a_reported_cost_of_an_unknown_model),
        cmocka_unit_test(test_cost__says_that_a_table_is_old),
    };
    return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
