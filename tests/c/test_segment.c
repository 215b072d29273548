#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "collect/collector.h"
#include "segment/crc32c.h"
#include "support/recorder.h"

#define FINISHED(...)                                                                                                  \
    ((tacho_finished){.struct_size = sizeof(tacho_finished), .cost_pusd = TACHO_COST_UNKNOWN, __VA_ARGS__})

/* ---- bytes that lie: the reader must survive every one of them */

static tacho__series_view series_view;

/* ThreadSanitizer is slow and has nothing to say about one thread: every 16th case is enough under it. */
#ifdef TACHO__UNDER_TSAN
#define THINNING 16
#else
#define THINNING 1
#endif

/* Asks a view everything there is to ask. */
static void walk(const tacho__view *view) {
    for (uint32_t i = 0; i < tacho__view_series_count(view) && i < 3000; ++i) {
        (void)tacho__view_series(view, i, &series_view);
    }
    tacho__session_view session;
    for (uint32_t i = 0; i < tacho__view_session_count(view); ++i) {
        (void)tacho__view_session(view, i, &session);
    }
    tacho__record_view record;
    for (uint32_t i = 0; i < tacho__view_record_count(view); ++i) {
        (void)tacho__view_record(view, i, &record);
    }
    for (uint32_t i = 0; i < tacho__view_slowest_count(view); ++i) {
        (void)tacho__view_slowest(view, i, &record);
    }
    tacho__open_view open;
    for (uint32_t i = 0; i < tacho__view_open_count(view); ++i) {
        (void)tacho__view_open(view, i, &open);
    }
    for (unsigned kind = 0; kind < 20; ++kind) {
        (void)tacho__view_in_flight(view, kind);
    }
    (void)tacho__view_drops(view, 1000);
}

static tacho_status try_bytes(const uint8_t *bytes, size_t length) {
    tacho__view *view;
    const tacho_status status = tacho__view_of_bytes(bytes, length, 0, 0, &view);
    if (status == TACHO_OK) {
        walk(view);
        tacho__view_free(view);
    }
    return status;
}

/* A segment with a little of everything, as bytes. */
static uint8_t *sample(recorder *r, size_t *length) {
    tacho_series *agent = recorder_bind(r, TACHO_KIND_AGENT, "fixer", NULL, NULL);
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6");
    static tacho_operation outer;
    tacho_begin(agent, NULL, &outer);
    for (uint64_t i = 0; i < 50; ++i) {
        const tacho_usage usage = TACHO_USAGE(.input = (int64_t)i * 100, .output = 7);
        const tacho_finished finished =
            FINISHED(.duration_ns = i * 100 * MS, .usage = &usage, .parent = &outer, .first_token_ns = i * MS,
                     .outcome = i % 7 == 0, .error_type = "E", .warnings = 1);
        tacho_record(llm, &finished);
    }
    tacho_operation_component(&outer, "search", S);
    tacho_series_release(agent);
    tacho_series_release(llm);
    const tacho__segment *segment = tacho__segment_of(r->collector);
    *length = (size_t)(segment->next * TACHO__LINE);
    uint8_t *bytes = malloc(*length);
    assert_non_null(bytes);
    memcpy(bytes, segment->base, *length);
    return bytes;
}

static void test_bytes__read_like_the_live_segment(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length);
    tacho__view *view;
    assert_int_equal(tacho__view_of_bytes(bytes, length, (int64_t)RECORDER_MONO, RECORDER_WALL, &view), TACHO_OK);
    const tacho__view_info *info = tacho__view_describe(view);
    assert_int_equal(info->generation, 1);
    assert_int_equal(info->faults, 0);
    assert_int_equal(tacho__view_record_count(view), 50);
    assert_int_equal(tacho__view_open_count(view), 1);
    assert_int_equal(tacho__view_slowest_count(view), 32);
    tacho__view_free(view);
    free(bytes);
}

static void test_header__with_any_bit_flipped_is_refused_or_harmless(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length);
    unsigned refused = 0;
    for (size_t bit = 0; bit < 4096 * 8; bit += THINNING) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        const tacho_status status = try_bytes(bytes, length);
        if (bit < 1028 * 8) { /* the immutable part, its checksum, the ready word */
            assert_int_not_equal(status, TACHO_OK);
        }
        refused += status != TACHO_OK;
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(refused, 1028 * 8 / THINNING);
    free(bytes);
}

static void test_body__corrupted_anywhere_is_harmless(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length);
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 4000 / THINNING; ++i) {
        /* Mostly where something stands: lines near the start of the used part hold the links. */
        const size_t at = 1028 + (size_t)rand() % (length - 1036);
        uint64_t before, after = rand() % 2 ? UINT64_MAX : (uint64_t)rand();
        memcpy(&before, bytes + at, 8);
        memcpy(bytes + at, &after, 1 + (size_t)rand() % 8);
        (void)try_bytes(bytes, length);
        memcpy(bytes + at, &before, 8);
    }
    free(bytes);
}

static void test_truncation__to_any_length_is_refused_or_harmless(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length);
    for (size_t cut = 0; cut < 8192; cut += 7) {
        assert_int_not_equal(try_bytes(bytes, cut), TACHO_OK); /* the regions are missing */
    }
    for (size_t cut = 8192; cut < length; cut += 4999) {
        (void)try_bytes(bytes, cut);
    }
    free(bytes);
}

static void change_header(uint8_t *bytes, size_t offset, uint64_t value, size_t size) {
    memcpy(bytes + offset, &value, size);
    const uint32_t crc = tacho__crc32c(bytes, 1020);
    memcpy(bytes + 1020, &crc, sizeof crc);
}

static void test_versions__are_told_apart(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length), *copy = malloc(length);
    assert_non_null(copy);
    static const struct {
        size_t offset;
        uint64_t value;
        size_t size;
        tacho_status status;
    } changes[] = {
        {8, 2, 2, TACHO_NEWER},
        {8, 0, 2, TACHO_FOREIGN},
        {10, 9, 2, TACHO_OK},
        {12, 0x04030201, 4, TACHO_FOREIGN},
        {16, 8192, 4, TACHO_DAMAGED},
        {24, 1, 8, TACHO_OK},
        {32, 1, 8, TACHO_OK},
        {40, 1, 8, TACHO_NEWER},
        {256, 1000000, 4, TACHO_DAMAGED},
        {260, 65, 4, TACHO_DAMAGED},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
        memcpy(copy, bytes, length);
        change_header(copy, changes[i].offset, changes[i].value, changes[i].size);
        assert_int_equal(try_bytes(copy, length), changes[i].status);
    }
    memset(copy, 0, length);
    assert_int_equal(try_bytes(copy, length), TACHO_FOREIGN);
    memcpy(copy, bytes, length);
    memset(copy + 1024, 0, 4);
    assert_int_equal(try_bytes(copy, length), TACHO_NO_DATA);
    free(copy);
    free(bytes);
}

static void test_chain__that_is_a_circle_ends(void **state) {
    recorder *r = *state;
    size_t length;
    uint8_t *bytes = sample(r, &length);
    const tacho__segment *segment = tacho__segment_of(r->collector);
    const tacho__descriptor *descriptor = tacho__segment_descriptor(segment, TACHO__SERIES_BUILTIN + 1);
    const uint32_t line = tacho__get_half(&descriptor->first_block);
    memcpy(bytes + (size_t)line * TACHO__LINE + offsetof(tacho__sketch, next), &line, sizeof line);
    assert_int_equal(try_bytes(bytes, length), TACHO_OK);
    free(bytes);
}

/* ---- room */

static void test_segment__that_is_full_keeps_totals_exact(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_bytes = 1 << 20, .max_series = 10000};
    recorder_open(&r, &config);
    uint64_t tokens = 0;
    for (int i = 0; i < 8000; ++i) {
        char name[16];
        snprintf(name, sizeof name, "op%d", i);
        tacho_series *series = recorder_bind(&r, TACHO_KIND_LLM, name, NULL, NULL);
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho__clock_fake_advance(&r.clock, (uint64_t)(i % 100 + 1) * MS);
        tacho_operation_usage(&op, &TACHO_USAGE(.input = i, .output = 1));
        tacho_operation_component(&op, "part", MS);
        tacho_end(&op, TACHO_OUTCOME_OK);
        tacho_observe(series, (uint64_t)i * 1000);
        tokens += (uint64_t)i;
        tacho_series_release(series);
    }
    assert_int_equal(recorder_all_calls(&r), 16000);
    assert_true(recorder_drops(&r, TACHO__DROP_SEGMENT_FULL) > 0);
    assert_int_equal(recorder_drops(&r, TACHO__DROP_LOST), 0);
    assert_true(tacho__view_describe(r.view)->bytes_used <= 1 << 20);
    uint64_t counted = 0, parts = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(r.view); ++i) {
        if (!tacho__view_series(r.view, i, &r.series)) {
            continue; /* a custom metric or a cache */
        }
        counted += r.series.usage.units[TACHO_UNIT_INPUT];
        parts += r.series.type == TACHO__TYPE_COMPONENT ? r.series.calls : 0;
    }
    assert_int_equal(counted, tokens);
    assert_int_equal(parts, 8000);
    assert_int_equal(recorder_session(&r, NULL)->usage.units[TACHO_UNIT_INPUT], tokens);
    assert_int_equal(recorder_session(&r, NULL)->ok[TACHO__GROUP_OTHER], 16000);
    recorder_close(&r);
}

static void test_texts__beyond_their_budget_are_refused_and_counted(void **state) {
    (void)state;
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_bytes = 1 << 20};
    recorder_open(&r, &config);
    tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, "plan", NULL, NULL);
    for (int i = 0; i < 3000; ++i) {
        char type[24];
        snprintf(type, sizeof type, "Error%d", i);
        const tacho_finished finished = FINISHED(.duration_ns = S, .outcome = TACHO_OUTCOME_ERROR, .error_type = type);
        tacho_record(series, &finished);
    }
    assert_true(recorder_drops(&r, TACHO__DROP_STRING_REFUSED) > 0);
    const tacho__series_view *view = recorder_series(&r, TACHO_KIND_STEP, "plan", NULL);
    assert_int_equal(view->failed[TACHO_OUTCOME_ERROR - 1], 3000);
    tacho_series_release(series);
    tacho_series *late = recorder_bind(&r, TACHO_KIND_STEP, "a series still finds its name", NULL, NULL);
    tacho_observe(late, S);
    assert_int_equal(recorder_series(&r, TACHO_KIND_STEP, "a series still finds its name", NULL)->calls, 1);
    tacho_series_release(late);
    recorder_close(&r);
}

/* ---- opening */

static void test_open__checks_its_configuration(void **state) {
    (void)state;
    tacho_collector *collector;
    static const char *const none[] = {NULL};
    const tacho_config wrong[] = {
        {.struct_size = sizeof(tacho_config), .max_bytes = 4096},
        {.struct_size = sizeof(tacho_config), .max_bytes = UINT64_C(1) << 40},
        {.struct_size = sizeof(tacho_config), .max_series = 1000000},
        {.struct_size = sizeof(tacho_config), .flags = 64},
        {.struct_size = sizeof(tacho_config), .tag_count = 9, .tags = none},
        {.struct_size = sizeof(tacho_config), .tag_count = 1},
        {.struct_size = 3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(tacho_collector_open(&collector, &wrong[i]), TACHO_INVALID);
        assert_null(collector);
    }
    const tacho_config shared = {.struct_size = sizeof shared, .flags = TACHO_CONFIG_STRICT, .dir = "/nowhere/x"};
#ifdef TACHO_PORTABLE
    assert_int_equal(tacho_collector_open(&collector, &shared), TACHO_UNSUPPORTED);
#else
    assert_int_equal(tacho_collector_open(&collector, &shared), TACHO_NOT_FOUND);
#endif
    assert_int_equal(tacho_collector_open(NULL, NULL), TACHO_INVALID);
    tacho_collector_close(NULL);
    assert_null(tacho_collector_retain(NULL));
    assert_int_equal(tacho_collector_enabled(NULL), 0);
    assert_int_equal(tacho_collector_reset(NULL), TACHO_OK);
}

static void test_open__of_an_older_program_gets_defaults(void **state) {
    (void)state;
    tacho_config older = TACHO_CONFIG_INIT;
    older.struct_size = offsetof(tacho_config, prices);
    older.tag_count = 99; /* beyond its size: not read */
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &older), TACHO_OK);
    assert_ptr_equal(tacho_collector_prices(collector), tacho_price_table_builtin());
    tacho_collector_close(collector);
}

static void test_memory__that_is_refused_at_any_point_leaves_nothing_behind(void **state) {
    (void)state;
    int successes = 0;
    for (int k = 0; k < 100 && !successes; ++k) {
        tacho_collector *collector;
        tacho__memory_fail_after(k, 0);
        const tacho_status status = tacho_collector_open(&collector, NULL);
        tacho__memory_fail_after(-1, 0);
        if (status == TACHO_OK) {
            tacho_collector_close(collector);
            ++successes;
        } else {
            assert_int_equal(status, TACHO_NOMEM);
            assert_null(collector);
        }
    }
    assert_int_equal(successes, 1);
}

static void test_recording__survives_refused_memory(void **state) {
    recorder *r = *state;
    uint64_t calls = 0;
    for (int k = 0; k < 25; ++k) {
        char name[16];
        snprintf(name, sizeof name, "op%d", k);
        tacho_series *series = NULL;
        tacho__memory_fail_after(k % 5, k % 2);
        const tacho_status status = tacho_bind(r->collector, TACHO_KIND_STEP, name, NULL, &series);
        const tacho_finished finished = FINISHED(.duration_ns = S);
        calls += series ? 1 : 0;
        tacho_record(series, &finished);
        tacho__view *view;
        (void)(tacho__collector_view(r->collector, &view) == TACHO_OK ? tacho__view_free(view) : (void)0);
        (void)(tacho_collector_reset(NULL));
        tacho__memory_fail_after(-1, 0);
        assert_true(status == TACHO_OK || status == TACHO_NOMEM);
        tacho_series_release(series);
    }
    assert_int_equal(recorder_all_calls(r), calls);
    tacho__memory_fail_after(0, 1);
    assert_int_equal(tacho_collector_reset(r->collector), TACHO_NOMEM);
    tacho__memory_fail_after(-1, 0);
    assert_int_equal(recorder_all_calls(r), calls); /* the old numbers stay */
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_bytes__read_like_the_live_segment),
        WITH(test_header__with_any_bit_flipped_is_refused_or_harmless),
        WITH(test_body__corrupted_anywhere_is_harmless),
        WITH(test_truncation__to_any_length_is_refused_or_harmless),
        WITH(test_versions__are_told_apart),
        WITH(test_chain__that_is_a_circle_ends),
        cmocka_unit_test(test_segment__that_is_full_keeps_totals_exact),
        cmocka_unit_test(test_texts__beyond_their_budget_are_refused_and_counted),
        cmocka_unit_test(test_open__checks_its_configuration),
        cmocka_unit_test(test_open__of_an_older_program_gets_defaults),
        cmocka_unit_test(test_memory__that_is_refused_at_any_point_leaves_nothing_behind),
        WITH(test_recording__survives_refused_memory),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
