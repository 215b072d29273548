/**
 * A segment file that this version of the format wrote, and what it says. It must stay readable as long as the version
 * is the same; when the format changes on purpose, TACHO_TEST_WRITE_GOLDEN=1 writes it anew.
 *
 * The file is text: one line per line of the segment that is not all zero, its number and 64 bytes in hexadecimal.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"
#include "segment/base.h"
#include "support/digest.h"
#include "support/recorder.h"

static char folder[4096];

static FILE *open_file(const char *name, const char *mode) {
    char path[8192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, mode);
}

static void live(recorder *r) {
    tacho_series *answer = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6");
    tacho_series *plan = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation parent, child;
    for (unsigned i = 0; i < 5; ++i) {
        tacho_begin(plan, NULL, &parent);
        tacho_begin(answer, &parent, &child);
        tacho__clock_fake_advance(&r->clock, (i + 1) * 100 * MS);
        tacho_operation_usage(&child, &TACHO_USAGE(.input = 1200, .cache_read = 10000, .output = 340));
        tacho_operation_component(&child, "search", 3 * MS);
        tacho_operation_tool_call(&parent, "grep", 2 * MS, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
        if (i == 3) {
            tacho_operation_fail(&child, TACHO_CATEGORY_RATE_LIMIT, "Overloaded");
        }
        tacho_end(&child, TACHO_OUTCOME_OK);
        if (i < 4) { /* the last one is left in flight */
            tacho_end(&parent, TACHO_OUTCOME_OK);
        }
    }
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    tacho_metric *jobs = NULL;
    spec.name = "jobs";
    tacho_counter(r->collector, &spec, &jobs);
    tacho_counter_count(jobs, 7);
    tacho_metric_release(jobs);
    tacho_record_cache(r->collector, "prompts", TACHO_CACHE_HIT, 3);
    tacho_series_release(answer);
    tacho_series_release(plan);
}

static void write_lines(const uint8_t *bytes, size_t length) {
    static const uint8_t zero[TACHO__LINE];
    FILE *out = open_file("segment-1.txt", "w");
    assert_non_null(out);
    for (size_t line = 0; line < length / TACHO__LINE; ++line) {
        const uint8_t *at = bytes + line * TACHO__LINE;
        if (memcmp(at, zero, TACHO__LINE) == 0) {
            continue;
        }
        fprintf(out, "%zu ", line);
        for (unsigned i = 0; i < TACHO__LINE; ++i) {
            fprintf(out, "%02x", at[i]);
        }
        fputc('\n', out);
    }
    fclose(out);
}

static uint8_t *read_lines(size_t *length) {
    static const size_t most = 1 << 20;
    uint8_t *bytes = calloc(1, most);
    FILE *in = open_file("segment-1.txt", "r");
    assert_non_null(in);
    assert_non_null(bytes);
    size_t line;
    char text[2 * TACHO__LINE + 1];
    while (fscanf(in, "%zu %128s", &line, text) == 2) {
        assert_true(line < most / TACHO__LINE && strlen(text) == 2 * TACHO__LINE);
        for (unsigned i = 0; i < TACHO__LINE; ++i) {
            const char digits[3] = {text[2 * i], text[2 * i + 1], 0};
            bytes[line * TACHO__LINE + i] = (uint8_t)strtoul(digits, NULL, 16);
        }
    }
    fclose(in);
    const tacho__header *header = (const tacho__header *)bytes;
    *length = (size_t)tacho__get(&header->lines_used) * TACHO__LINE;
    assert_in_range(*length, TACHO__HEADER_BYTES, most);
    return bytes;
}

static char *digest_of_bytes(const uint8_t *bytes, size_t length) {
    tacho__view *view = NULL;
    assert_int_equal(tacho__view_of_dead(bytes, length, 0, RECORDER_WALL, &view), TACHO_OK);
    assert_null(digest_check(view));
    char *digest = digest_of(view, DIGEST_ALL);
    tacho__view_free(view);
    return digest;
}

static void write_golden(void) {
    recorder r;
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_bytes = 1 << 20;
    config.session = "golden";
    recorder_open(&r, &config);
    live(&r);
    const tacho__segment *segment = tacho__segment_of(r.collector);
    write_lines(segment->base, tacho__base_length(segment));
    char *digest = digest_of_bytes(segment->base, tacho__base_length(segment));
    FILE *out = open_file("segment-1.digest", "w");
    assert_non_null(out);
    fputs(digest, out);
    fclose(out);
    free(digest);
    recorder_close(&r);
}

static void test_golden__is_read_as_it_was_written(void **state) {
    (void)state;
    const char *source = getenv("TACHO_TEST_SOURCE");
    if (!source) {
        print_message("skipped: TACHO_TEST_SOURCE is not set\n");
        skip();
    }
    snprintf(folder, sizeof folder, "%s/tests/golden", source);
    if (getenv("TACHO_TEST_WRITE_GOLDEN")) {
        write_golden();
    }
    size_t length;
    uint8_t *bytes = read_lines(&length);
    char *digest = digest_of_bytes(bytes, length), *expected = calloc(1, 1 << 20);
    FILE *in = open_file("segment-1.digest", "r");
    assert_non_null(in);
    assert_non_null(expected);
    (void)!fread(expected, 1, (1 << 20) - 1, in);
    fclose(in);
    assert_string_equal(digest, expected);
    free(digest);
    free(expected);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden__is_read_as_it_was_written)};
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
