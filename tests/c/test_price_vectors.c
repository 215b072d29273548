#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/price.h>

#include "price/json_tree.h"

#define COLUMNS 9

/* A file of the repository, or the one that the environment names. */
static FILE *open_file(const char *variable, const char *name) {
    const char *path = getenv(variable), *root = getenv("TACHO_TEST_SOURCE");
    char pinned[1024];
    snprintf(pinned, sizeof pinned, "%s/%s", root ? root : ".", name);
    FILE *file = fopen(path ? path : pinned, "rb");
    assert_non_null(file);
    return file;
}

static bool split(char *line, char *columns[COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = line;
        line += strcspn(line, "\t\n");
        if (!*line) {
            return false;
        }
        *line++ = 0;
    }
    return true;
}

/* Deviations on purpose: "vectors" of tests/prices/reviewed.json. */
static tacho__json_tree *read_reviewed(void) {
    static char text[65536];
    FILE *file = open_file("TACHO_PRICE_REVIEWED", "tests/prices/reviewed.json");
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    tacho__json_tree *tree;
    assert_int_equal(tacho__json_tree_read(&tree, text, length, NULL), TACHO_OK);
    return tree;
}

static bool is_reviewed(const tacho__json_tree *tree, const char *provider, const char *model) {
    const tacho__json_node *row = tacho__json_member(tacho__json_tree_root(tree), "vectors")->first;
    while (row && (strcmp(tacho__json_member_text(row, "provider", ""), provider) != 0 ||
                   strcmp(tacho__json_member_text(row, "model", ""), model) != 0)) {
        row = row->next;
    }
    return row != NULL;
}

/* Amounts that differ by no more than one rounding of each component. */
static bool is_near(int64_t a, int64_t b, int64_t off) {
    return a - b <= off && b - a <= off;
}

static void check_vectors(FILE *file, int64_t off) {
    char line[1024], *column[COLUMNS];
    long count = 0, wrong = 0, reviewed = 0, refused = 0, unknown = 0;
    tacho__json_tree *list = read_reviewed();
    while (fgets(line, sizeof line, file) && split(line, column)) {
        int64_t prompt = atoll(column[3]), read = atoll(column[4]), write = atoll(column[5]);
        int64_t output = atoll(column[6]), reasoning = atoll(column[7]), expected = atoll(column[8]);
        tacho_usage usage =
            TACHO_USAGE(.provider = column[0], .model = column[1], .input = prompt - read - write, .cache_read = read,
                        .cache_write = write, .output = output - reasoning, .reasoning = reasoning);
        tacho_cost cost;
        assert_int_equal(tacho_calculate_cost(NULL, &usage, atoll(column[2]) * 1000000000, &cost), TACHO_OK);
        count++;
        if (column[8][0] == '-') {
            refused++;
        } else if (cost.total_pusd == TACHO_COST_UNKNOWN && expected == 0) {
            unknown++;
        } else if (cost.total_pusd == TACHO_COST_UNKNOWN || !is_near(cost.total_pusd, expected, off)) {
            bool known = is_reviewed(list, column[0], column[1]);
            reviewed += known;
            wrong += !known;
            if (!known) {
                print_message("%s\t%s: %lld, not %s\n", column[0], column[1], (long long)cost.total_pusd, column[8]);
            }
        }
    }
    fclose(file);
    tacho__json_tree_free(list);
    print_message("%ld vectors, %ld reviewed, %ld refused there, %ld unknown here and 0 there, %ld wrong\n", count,
                  reviewed, refused, unknown, wrong);
    assert_true(count > 500);
    assert_int_equal(wrong, 0);
}

/*
 * Vectors that tests/prices/vectors.py computed with the genai-prices version of the built-in table (see
 * core/src/price/prices.lock.json); make them anew together with the table. TACHO_PRICE_VECTORS names a larger file.
 */
static void test_cost__equals_the_vectors_of_genai_prices(void **state) {
    (void)state;
    check_vectors(open_file("TACHO_PRICE_VECTORS", "tests/prices/pinned.tsv"), 0);
}

/* The same of litellm's rule (tests/prices/litellm_rule.py), on ids that no other source corrects. */
static void test_cost__equals_the_vectors_of_litellm(void **state) {
    (void)state;
    check_vectors(open_file("TACHO_PRICE_VECTORS_LITELLM", "tests/prices/pinned_litellm.tsv"), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost__equals_the_vectors_of_genai_prices),
                                       cmocka_unit_test(test_cost__equals_the_vectors_of_litellm)};
    return cmocka_run_group_tests_name("price_vectors", tests, NULL, NULL);
}
