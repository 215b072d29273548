/* What holds for every usage, model and instant; seeds are printed, TACHO_TEST_SEED repeats one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/price_table.h>
#include <time.h>

#define AT     INT64_C(1790000000000000000)
#define ROUNDS 20000

typedef struct dice {
    uint64_t seed;
    size_t models;
} dice;

static uint64_t next_random(dice *d) {
    d->seed = d->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return d->seed >> 24;
}

static dice roll(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    dice d = {given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), 0};
    tacho_price_model model;
    print_message("seed %llu\n", (unsigned long long)d.seed);
    while (tacho_price_table_at(NULL, d.models, &model) == TACHO_OK) {
        d.models++;
    }
    return d;
}

static tacho_price_model any_model(dice *d) {
    tacho_price_model model;
    assert_int_equal(tacho_price_table_at(NULL, next_random(d) % d->models, &model), TACHO_OK);
    return model;
}

static tacho_usage any_usage(dice *d, int64_t most) {
    tacho_usage usage = TACHO_USAGE_INIT;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        tacho_usage_set(&usage, (tacho_unit)unit, next_random(d) % 3 ? 0 : (int64_t)(next_random(d) % (uint64_t)most));
    }
    return usage;
}

static tacho_cost cost_of(const tacho_price_model *model, const tacho_usage *usage) {
    tacho_cost cost;
    assert_int_equal(tacho_price_cost(model, usage, AT, &cost), TACHO_OK);
    return cost;
}

static int64_t sum_of_components(const tacho_cost *cost) {
    int64_t sum = 0;
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        sum += cost->component_pusd[unit];
    }
    return sum;
}

/* ------------------------------------------------------------------------------------------------------------ amounts
 */

static void test_total__is_the_sum_of_its_components(void **state) {
    (void)state;
    dice d = roll();
    for (int i = 0; i < ROUNDS; i++) {
        tacho_price_model model = any_model(&d);
        tacho_usage usage = any_usage(&d, 90000);
        tacho_cost cost = cost_of(&model, &usage);
        if (cost.state != TACHO_COST_STATE_UNKNOWN) {
            assert_true(sum_of_components(&cost) == cost.table_pusd);
        }
    }
}

/* Two calls in the same band cost what one call of both costs, but for one rounding of each component. */
static void test_cost__is_additive_within_a_band(void **state) {
    (void)state;
    dice d = roll();
    long compared = 0;
    for (int i = 0; i < ROUNDS; i++) {
        tacho_price_model model = any_model(&d);
        tacho_usage a = any_usage(&d, 9000), b = any_usage(&d, 9000), both = a;
        tacho_usage_set(&a, TACHO_UNIT_REQUESTS, 1);
        tacho_usage_set(&b, TACHO_UNIT_REQUESTS, 1);
        for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
            tacho_usage_set(&both, (tacho_unit)unit,
                            tacho_usage_get(&a, (tacho_unit)unit) + tacho_usage_get(&b, (tacho_unit)unit));
        }
        tacho_cost of_a = cost_of(&model, &a), of_b = cost_of(&model, &b), of_both = cost_of(&model, &both);
        if (of_a.band != of_both.band || of_b.band != of_both.band || of_both.state == TACHO_COST_STATE_UNKNOWN ||
            of_a.state == TACHO_COST_STATE_UNKNOWN || of_b.state == TACHO_COST_STATE_UNKNOWN) {
            continue;
        }
        for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
            int64_t off = of_a.component_pusd[unit] + of_b.component_pusd[unit] - of_both.component_pusd[unit];
            assert_true(off >= -1 && off <= 1);
        }
        compared++;
    }
    print_message("%ld pairs\n", compared);
    assert_true(compared > ROUNDS / 4);
}

static void test_cost__grows_with_every_unit_within_a_band(void **state) {
    (void)state;
    dice d = roll();
    for (int i = 0; i < ROUNDS; i++) {
        tacho_price_model model = any_model(&d);
        tacho_usage usage = any_usage(&d, 90000);
        tacho_cost cost = cost_of(&model, &usage), more;
        unsigned unit = (unsigned)(next_random(&d) % TACHO_UNIT_COUNT);
        if (unit == TACHO_UNIT_REQUESTS || cost.state == TACHO_COST_STATE_UNKNOWN) {
            continue; /* a fee per request is due for 0 counted requests as for 1 */
        }
        tacho_usage_set(&usage, (tacho_unit)unit,
                        tacho_usage_get(&usage, (tacho_unit)unit) + 1 + (int64_t)(next_random(&d) % 5000));
        more = cost_of(&model, &usage);
        if (more.state == TACHO_COST_STATE_UNKNOWN) {
            continue; /* nothing was used before, and what is used now has no price */
        }
        if (more.band == cost.band && more.table_pusd < cost.table_pusd) {
            print_message("%s %s: one more of %s costs less\n", tacho_price_model_provider(&model),
                          tacho_price_model_id(&model), tacho_unit_describe((tacho_unit)unit)->field);
        }
        assert_true(more.band != cost.band || more.table_pusd >= cost.table_pusd);
    }
}

/* Numbers that no provider can mean, in any mixture: clamped and told, never a credit. */
static void test_cost__is_never_negative(void **state) {
    (void)state;
    static const int64_t strange[] = {INT64_MIN,       INT64_MIN + 1,       -1,       0, 1,
                                      TACHO_COUNT_MAX, TACHO_COUNT_MAX + 1, INT64_MAX};
    dice d = roll();
    for (int i = 0; i < ROUNDS; i++) {
        tacho_price_model model = any_model(&d);
        tacho_usage usage = any_usage(&d, INT64_MAX);
        usage.present = 0;
        for (int k = 0; k < 6; k++) {
            tacho_usage_set(&usage, (tacho_unit)(next_random(&d) % TACHO_UNIT_COUNT), strange[next_random(&d) % 8]);
        }
        usage.flags |= next_random(&d) % 2 ? TACHO_USAGE_INCLUSIVE : 0;
        tacho_cost cost = cost_of(&model, &usage);
        assert_true(cost.total_pusd >= 0 || cost.total_pusd == TACHO_COST_UNKNOWN);
        assert_true((cost.total_pusd == TACHO_COST_UNKNOWN) == (cost.state == TACHO_COST_STATE_UNKNOWN));
        for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
            assert_true(cost.component_pusd[unit] >= 0);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------- order of things
 */

#define CALLS 12

static void shuffle(dice *d, int order[], int count) {
    for (int i = 0; i < count; i++) {
        int other = (int)(next_random(d) % (uint64_t)(i + 1));
        order[i] = order[other];
        order[other] = i;
    }
}

static tacho_cost sum_in_order(const tacho_cost *costs, const int *order) {
    tacho_cost sum = costs[order[0]];
    for (int i = 1; i < CALLS; i++) {
        tacho_cost_add(&sum, &costs[order[i]]);
    }
    return sum;
}

static void test_sum__does_not_depend_on_the_order(void **state) {
    (void)state;
    dice d = roll();
    for (int i = 0; i < ROUNDS / 10; i++) {
        tacho_cost costs[CALLS];
        int first[CALLS], second[CALLS];
        for (int k = 0; k < CALLS; k++) {
            tacho_price_model model = any_model(&d);
            tacho_usage usage = any_usage(&d, 90000);
            usage.flags |= next_random(&d) % 8 ? 0 : TACHO_USAGE_ABSENT;
            usage.flags |= next_random(&d) % 4 ? 0 : TACHO_USAGE_REPORTED_COST;
            usage.reported_cost_pusd = (int64_t)(next_random(&d) % 1000000);
            costs[k] = cost_of(&model, &usage);
        }
        shuffle(&d, first, CALLS);
        shuffle(&d, second, CALLS);
        tacho_cost a = sum_in_order(costs, first), b = sum_in_order(costs, second);
        assert_int_equal(a.state, b.state);
        assert_true(a.total_pusd == b.total_pusd && a.table_pusd == b.table_pusd);
        assert_true(a.input_pusd == b.input_pusd && a.output_pusd == b.output_pusd);
        assert_memory_equal(a.component_pusd, b.component_pusd, sizeof a.component_pusd);
    }
}

/* The members of a JSON object in any order. */
static void write_shuffled(dice *d, char *out, size_t size, const char members[][64], int count) {
    int order[16];
    size_t used = 0;
    shuffle(d, order, count);
    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", members[order[i]]);
    }
}

typedef struct counts {
    int input, read, write5, write1, output, thinking, searches;
} counts;

static counts any_counts(dice *d) {
    counts c = {(int)(next_random(d) % 300000), (int)(next_random(d) % 90000), (int)(next_random(d) % 9000),
                (int)(next_random(d) % 9000),   (int)(next_random(d) % 9000),  0,
                (int)(next_random(d) % 4)};
    c.thinking = c.output / 3;
    return c;
}

static void write_usage(dice *d, const counts *c, char out[640]) {
    char members[7][64];
    snprintf(members[0], 64, "\"input_tokens\": %d", c->input);
    snprintf(members[1], 64, "\"cache_read_input_tokens\": %d", c->read);
    snprintf(members[2], 64, "\"cache_creation_input_tokens\": %d", c->write5 + c->write1);
    snprintf(members[3], 64, "\"cache_creation\": {\"ephemeral_1h_input_tokens\": %d}", c->write1);
    snprintf(members[4], 64, "\"output_tokens\": %d", c->output);
    snprintf(members[5], 64, "\"output_tokens_details\": {\"thinking_tokens\": %d}", c->thinking);
    snprintf(members[6], 64, "\"server_tool_use\": {\"web_search_requests\": %d}", c->searches);
    write_shuffled(d, out, 640, members, 7);
}

static tacho_cost cost_of_response(const tacho_response *response) {
    tacho_cost cost;
    assert_int_equal(tacho_response_cost(NULL, response, "anthropic", "claude-sonnet-4-5", AT, &cost), TACHO_OK);
    return cost;
}

static void test_response__does_not_depend_on_the_order_of_its_members(void **state) {
    dice d = roll();
    for (int i = 0; i < ROUNDS / 10; i++) {
        counts c = any_counts(&d);
        char usage[640], text[800];
        tacho_cost costs[2];
        for (int k = 0; k < 2; k++) {
            write_usage(&d, &c, usage);
            snprintf(text, sizeof text, "{\"type\": \"message\", \"usage\": {%s}}", usage);
            assert_int_equal(tacho_response_read_json(*state, NULL, NULL, text, strlen(text)), TACHO_OK);
            costs[k] = cost_of_response(*state);
        }
        assert_int_equal(costs[0].component_pusd[TACHO_UNIT_CACHE_WRITE_1H] > 0, c.write1 > 0);
        assert_memory_equal(&costs[0], &costs[1], sizeof costs[0]);
    }
}

/* A stream whose counts rise from event to event costs what the whole response costs, folded one by one or as a list.
 */
static void test_stream__costs_what_the_whole_response_costs(void **state) {
    dice d = roll();
    for (int i = 0; i < ROUNDS / 20; i++) {
        counts c = any_counts(&d), start = c;
        char usage[640], whole[800], list[8192] = "[";
        write_usage(&d, &c, usage);
        snprintf(whole, sizeof whole, "{\"model\": \"claude-sonnet-4-5\", \"usage\": {%s}}", usage);
        assert_int_equal(tacho_response_read_json(*state, NULL, NULL, whole, strlen(whole)), TACHO_OK);
        tacho_cost expected = cost_of_response(*state);
        start.output = start.thinking = start.searches = 0;
        tacho_response_clear(*state);
        int events = 2 + (int)(next_random(&d) % 4);
        for (int k = 0; k < events; k++) {
            char event[1000];
            counts now = k == 0 ? start : c;
            now.output = k == events - 1 ? c.output : c.output * k / events;
            now.thinking = now.output < c.thinking ? now.output : c.thinking;
            write_usage(&d, &now, usage);
            snprintf(event, sizeof event,
                     k == 0
                         ? "{\"type\": \"message_start\", \"message\": {\"model\": \"claude-sonnet-4-5\", \"usage\": "
                           "{%s}}}"
                         : "{\"type\": \"message_delta\", \"usage\": {%s}}",
                     usage);
            assert_int_equal(tacho_response_fold_json(*state, NULL, NULL, event, strlen(event)), TACHO_OK);
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", k ? ", " : "", event);
        }
        tacho_cost folded = cost_of_response(*state);
        assert_memory_equal(&folded, &expected, sizeof folded);
        strcat(list, "]");
        assert_int_equal(tacho_response_read_json(*state, NULL, NULL, list, strlen(list)), TACHO_OK);
        tacho_cost listed = cost_of_response(*state);
        assert_memory_equal(&listed, &expected, sizeof listed);
    }
}

static int make_response(void **state) {
    return tacho_response_create((tacho_response **)state) == TACHO_OK ? 0 : -1;
}

static int free_response(void **state) {
    tacho_response_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_total__is_the_sum_of_its_components),
        cmocka_unit_test(test_cost__is_additive_within_a_band),
        cmocka_unit_test(test_cost__grows_with_every_unit_within_a_band),
        cmocka_unit_test(test_cost__is_never_negative),
        cmocka_unit_test(test_sum__does_not_depend_on_the_order),
        cmocka_unit_test(test_response__does_not_depend_on_the_order_of_its_members),
        cmocka_unit_test(test_stream__costs_what_the_whole_response_costs),
    };
    return cmocka_run_group_tests_name("price_properties", tests, make_response, free_response);
}
