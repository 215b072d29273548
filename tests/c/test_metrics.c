/**
 * The metric table, and the page made from it. With TACHO_WRITE_PAGES=1 the page core/doc/metrics.md is written anew
 * instead of compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "collect/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool is_template(const tacho__metric *metric) {
    return strncmp(metric->name, "tacho_custom_", 13) == 0;
}

static void test_names__occur_once(void **state) {
    (void)state;
    for (unsigned i = 0; i < TACHO__METRIC_COUNT; ++i) {
        for (unsigned k = i + 1; k < TACHO__METRIC_COUNT; ++k) {
            assert_string_not_equal(tacho__metric_at(i)->name, tacho__metric_at(k)->name);
        }
    }
}

static void test_names__follow_the_rules_of_prometheus(void **state) {
    (void)state;
    for (unsigned i = 0; i < TACHO__METRIC_COUNT; ++i) {
        const tacho__metric *metric = tacho__metric_at(i);
        assert_int_equal(strspn(metric->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(metric->name));
        assert_true(strncmp(metric->name, "tacho_", 6) == 0 || strncmp(metric->name, "process_", 8) == 0);
        if (metric->instrument == TACHO__COUNTER && !is_template(metric)) {
            assert_true(ends_with(metric->name, "_total"));
        }
        if (metric->instrument == TACHO__HISTOGRAM && metric->unit == TACHO__UNIT_S) {
            assert_true(ends_with(metric->name, "_seconds"));
        }
        if (metric->unit == TACHO__UNIT_USD) {
            assert_non_null(strstr(metric->name, "_usd_"));
        }
    }
}

static void test_help__is_one_sentence(void **state) {
    (void)state;
    for (unsigned i = 0; i < TACHO__METRIC_COUNT; ++i) {
        const char *help = tacho__metric_at(i)->help;
        assert_true(help[0] >= 'A' && help[0] <= 'Z');
        assert_ptr_equal(strchr(help, '.'), help + strlen(help) - 1);
    }
}

static void test_values_off_the_lists__have_no_words(void **state) {
    (void)state;
    assert_null(tacho__metric_at(TACHO__METRIC_COUNT));
    assert_string_equal(tacho__instrument_word(3), "");
    assert_string_equal(tacho__metric_unit_word(5), "");
    assert_string_equal(tacho__metric_merge_word(4), "");
    assert_string_equal(tacho__metric_label_word(TACHO__LABEL_PLACE_COUNT), "");
}

/* ------------------------------------------------------------------------------------------------------- the page */

static void add(tacho__buffer *page, const char *text) {
    tacho__buffer_string(page, text);
}

static void add_labels(tacho__buffer *page, uint32_t labels) {
    const char *between = "";
    for (unsigned place = 0; place < TACHO__LABEL_PLACE_COUNT; ++place) {
        if (labels >> place & 1) {
            add(page, between);
            add(page, place == TACHO__LABEL_PLACE_SERIES ? "operation, kind, provider, model, tags"
                                                         : tacho__metric_label_word(place));
            between = ", ";
        }
    }
}

static void add_metric(tacho__buffer *page, const tacho__metric *metric) {
    const char *cells[] = {metric->name, tacho__instrument_word(metric->instrument),
                           tacho__metric_unit_word(metric->unit), tacho__metric_merge_word(metric->merge)};
    add(page, "| `");
    for (size_t i = 0; i < sizeof cells / sizeof *cells; ++i) {
        add(page, cells[i]);
        add(page, i == 0 ? "` | " : " | ");
    }
    add_labels(page, metric->labels);
    add(page, " | ");
    add(page, metric->genai_next);
    add(page, " | ");
    add(page, metric->statsd);
    add(page, " | ");
    add(page, metric->help);
    add(page, " |\n");
}

static void make_page(tacho__buffer *page) {
    add(page, "# Metrics\n\nGenerated from `core/src/collect/metrics.def` by `tests/c/test_metrics.c`; do not edit.\n"
              "\"Merge\" says how the values of several processes become one. Metrics that no part of this version\n"
              "records or exports yet are listed too: their names are decided.\n\n"
              "| name | instrument | unit | merge | labels | OpenTelemetry GenAI (coming) | StatsD | help |\n"
              "|---|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < TACHO__METRIC_COUNT; ++i) {
        add_metric(page, tacho__metric_at(i));
    }
}

static void test_page__is_what_the_table_says(void **state) {
    (void)state;
    const char *root = getenv("TACHO_TEST_SOURCE");
    if (!root) {
        print_message("skipped: TACHO_TEST_SOURCE, the root of the source tree, is not set\n");
        skip();
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/core/doc/metrics.md", root);
    tacho__buffer page = {0};
    make_page(&page);
    const bool write = getenv("TACHO_WRITE_PAGES") != NULL;
    FILE *file = fopen(path, write ? "w" : "r");
    assert_non_null(file);
    if (write) {
        assert_int_equal(fwrite(page.data, 1, page.length, file), page.length);
    } else {
        static char found[1 << 16];
        assert_int_equal(fread(found, 1, sizeof found, file), page.length);
        assert_memory_equal(found, page.data, page.length);
    }
    fclose(file);
    tacho__buffer_free(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__occur_once),
        cmocka_unit_test(test_names__follow_the_rules_of_prometheus),
        cmocka_unit_test(test_help__is_one_sentence),
        cmocka_unit_test(test_values_off_the_lists__have_no_words),
        cmocka_unit_test(test_page__is_what_the_table_says),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
