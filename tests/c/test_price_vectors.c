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

#define COLUMNS 9

/*
 * Vectors that tests/prices/vectors.py computed with the genai-prices version of the built-in table (see
 * core/src/price/prices.lock.json); make them anew together with the table. TACHO_PRICE_VECTORS names a larger file.
 */
static FILE *open_vectors(void) {
    const char *path = getenv("TACHO_PRICE_VECTORS"), *root = getenv("TACHO_TEST_SOURCE");
    char pinned[1024];
    snprintf(pinned, sizeof pinned, "%s/tests/prices/pinned.tsv", root ? root : ".");
    return fopen(path ? path : pinned, "rb");
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

/* A deviation on purpose: a cache read dearer than the input is not used (an import gate). */
static bool is_reviewed(const char *model) {
    return strcmp(model, "~deepseek/deepseek-pro-latest") == 0;
}

static void test_cost__equals_the_vectors_of_genai_prices(void **state) {
    (void)state;
    FILE *file = open_vectors();
    assert_non_null(file);
    char line[1024], *column[COLUMNS];
    long count = 0, wrong = 0, reviewed = 0;
    while (fgets(line, sizeof line, file) && split(line, column)) {
        int64_t prompt = atoll(column[3]), read = atoll(column[4]), write = atoll(column[5]);
        int64_t output = atoll(column[6]), reasoning = atoll(column[7]);
        tacho_usage usage =
            TACHO_USAGE(.provider = column[0], .model = column[1], .input = prompt - read - write, .cache_read = read,
                        .cache_write = write, .output = output - reasoning, .reasoning = reasoning);
        tacho_cost cost;
        assert_int_equal(tacho_calculate_cost(NULL, &usage, atoll(column[2]) * 1000000000, &cost), TACHO_OK);
        count++;
        int64_t amount = cost.total_pusd == TACHO_COST_UNKNOWN ? 0 : cost.total_pusd;
        if (column[8][0] == '-' || amount == atoll(column[8])) {
            continue;
        }
        if (is_reviewed(column[1])) {
            reviewed++;
            continue;
        }
        wrong++;
        print_message("%s %s: %lld, not %s\n", column[0], column[1], (long long)cost.total_pusd, column[8]);
    }
    fclose(file);
    print_message("%ld vectors, %ld reviewed, %ld wrong\n", count, reviewed, wrong);
    assert_true(count > 500);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost__equals_the_vectors_of_genai_prices)};
    return cmocka_run_group_tests_name("price_vectors", tests, NULL, NULL);
}
