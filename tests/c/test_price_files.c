/* Where settings find prices: the table of `tacho prices update`, the user's own file, and its last good state. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "price/table.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/price_table.h>
#include <tachograph/settings.h>
#include <unistd.h>

#define OWN "{\"prices\": [{\"provider\": \"own\", \"model\": \"m\", \"rates\": {\"input\": 7}}]}"

static char folder[64];

static void write_file(const char *name, const void *bytes, size_t length) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static int make_folder(void **state) {
    (void)state;
    char path[128];
    strcpy(folder, "/tmp/tacho-prices-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/tachograph", folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    setenv("XDG_CONFIG_HOME", folder, 1);
    unsetenv("TACHO_PRICES");
    return mkdir(path, 0700);
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk) {
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

static int remove_folder(void **state) {
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A whole table with one model, of a day. */
static void write_updated(uint32_t date) {
    tacho_price_source source = TACHO_PRICE_SOURCE_INIT;
    tacho_price_built built;
    source.text = "{\"p/m\": {\"litellm_provider\": \"p\", \"input_cost_per_token\": 3e-06}}";
    source.length = strlen(source.text);
    assert_int_equal(tacho_price_build(&source, 1, date, TACHO_PRICE_BUILD_NO_OVERRIDES, NULL, &built), TACHO_OK);
    write_file("tachograph/prices", built.bytes, built.length);
    tacho_price_built_clear(&built);
}

static tacho_settings *read_settings(void) {
    tacho_settings *settings;
    assert_int_equal(tacho_settings_read(&settings, NULL, 0, NULL, 0), TACHO_OK);
    return settings;
}

static int64_t cost_of(const tacho_price_table *table, const char *provider, const char *model) {
    tacho_usage usage = TACHO_USAGE(.provider = provider, .model = model, .input = 1000000);
    tacho_cost cost;
    assert_int_equal(tacho_calculate_cost(table, &usage, INT64_C(1790000000000000000), &cost), TACHO_OK);
    return cost.total_pusd == TACHO_COST_UNKNOWN ? -1 : cost.total_pusd / 1000000000000;
}

static void test_default_prices__are_used_unless_the_built_in_ones_are_newer(void **state) {
    (void)state;
    tacho_price_table *table;
    assert_int_equal(tacho_default_prices(&table), TACHO_NOT_FOUND);
    assert_null(table);
    write_updated(tacho_price_table_date(NULL));
    assert_int_equal(tacho_default_prices(&table), TACHO_OK);
    assert_int_equal(cost_of(table, "p", "m"), 3);
    tacho_price_table_free(table);
    write_updated(tacho_price_table_date(NULL) - 1);
    assert_int_equal(tacho_default_prices(&table), TACHO_NOT_FOUND);
    assert_null(table);
    write_file("tachograph/prices", OWN, strlen(OWN));
    assert_int_equal(tacho_default_prices(&table), TACHO_FOREIGN);
    assert_null(table);
    write_file("tachograph/prices", "junk", 4);
    assert_true(tacho_default_prices(&table) < 0);
    assert_null(table);
}

static void test_config__puts_own_prices_above_the_updated_table(void **state) {
    (void)state;
    char path[128];
    tacho_config config = TACHO_CONFIG_INIT;
    write_updated(20991231);
    tacho_settings *settings = read_settings();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_int_equal(cost_of(config.prices, "p", "m"), 3);
    assert_int_equal(cost_of(config.prices, "openai", "gpt-4o"), -1); /* a whole table replaces the built-in one */
    tacho_settings_free(settings);

    snprintf(path, sizeof path, "%s/own.json", folder);
    write_file("own.json", OWN, strlen(OWN));
    setenv("TACHO_PRICES", path, 1);
    settings = read_settings();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_int_equal(cost_of(config.prices, "p", "m"), 3);
    assert_int_equal(cost_of(config.prices, "own", "m"), 7);
    tacho_settings_free(settings);
}

static void test_config__tells_an_updated_table_that_is_damaged(void **state) {
    (void)state;
    tacho_config config = TACHO_CONFIG_INIT;
    write_file("tachograph/prices", "junk", 4);
    tacho_settings *settings = read_settings();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_null(config.prices);
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "tacho prices update"));
    tacho_settings_free(settings);
}

static void test_config__keeps_the_last_good_prices(void **state) {
    (void)state;
    static const char bad[] = "{\"prices\": [\n{\"model\": \"m\"}]}";
    char path[128];
    snprintf(path, sizeof path, "%s/kept.json", folder);
    setenv("TACHO_PRICES", path, 1);
    for (int round = 0; round < 3; round++) {
        tacho_config config = TACHO_CONFIG_INIT;
        write_file("kept.json", round == 1 ? bad : OWN, strlen(round == 1 ? bad : OWN));
        tacho_settings *settings = read_settings();
        assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
        assert_int_equal(cost_of(config.prices, "own", "m"), 7);
        assert_int_equal(tacho_settings_skipped(settings), round == 1);
        if (round == 1) {
            assert_non_null(
                strstr(tacho_settings_problem(settings, 0), "those of before stay in force: line 2, column "));
        }
        tacho_settings_free(settings);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_default_prices__are_used_unless_the_built_in_ones_are_newer),
        CASE(test_config__puts_own_prices_above_the_updated_table),
        CASE(test_config__tells_an_updated_table_that_is_damaged),
        CASE(test_config__keeps_the_last_good_prices),
    };
    return cmocka_run_group_tests_name("price_files", tests, NULL, NULL);
}
