/**
 * Damaged segments (P9): whatever stands in a file, reading it ends, touches nothing else, and the healthy segments
 * beside it are read. TACHO_TEST_DEEP=1: 20,000 damages and all lengths, else a part of them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "collect/collector.h"
#include "segment/attach.h"
#include "segment/base.h"
#include "segment/crc32c.h"
#include "segment/fold.h"
#include "snapshot/series_list.h"
#include "support/digest.h"
#include "support/recorder.h"

static uint64_t seed, rolled;

static uint64_t roll(uint64_t below) {
    rolled += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = rolled;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

static bool is_deep(void) {
    const char *deep = getenv("TACHO_TEST_DEEP");
    return deep && *deep == '1';
}

/* Under a sanitizer everything takes five to ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(TACHO__UNDER_TSAN)
#define SHARE 7u
#else
#define SHARE 1u
#endif

/* A small segment with something of everything: operations of all kinds of life, metrics, caches, a pending set. */
typedef struct sample {
    uint8_t *bytes, *work; /* `work` is what is damaged */
    size_t length;
} sample;

static void use_custom(tacho_collector *collector) {
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    tacho_metric *metric = NULL;
    tacho_cache *cache = NULL;
    spec.name = "jobs";
    tacho_counter(collector, &spec, &metric);
    tacho_counter_count(metric, 5);
    tacho_metric_release(metric);
    spec.name = "wait";
    tacho_histogram(collector, &spec, &metric);
    tacho_histogram_observe(metric, 5);
    tacho_metric_release(metric);
    spec.name = "depth";
    tacho_gauge(collector, &spec, &metric);
    tacho_gauge_set(metric, 5);
    tacho_metric_release(metric);
    tacho_cache_bind(collector, "prompts", &cache);
    tacho_cache_count(cache, TACHO_CACHE_HIT, 1);
    tacho_cache_size(cache, 5, 6);
    tacho_cache_release(cache);
}

static void live(recorder *r) {
    tacho_series *llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation parent, child;
    for (int i = 0; i < 20; ++i) {
        tacho_begin(step, NULL, &parent);
        tacho_begin(llm, &parent, &child);
        tacho__clock_fake_advance(&r->clock, (uint64_t)(1 + i) * MS);
        tacho_operation_usage(&child, &TACHO_USAGE(.input = 100, .output = 20));
        tacho_operation_component(&child, "load", MS);
        tacho_operation_fail(&child, TACHO_CATEGORY_NETWORK, "Reset");
        tacho_end(&child, i % 2 ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR);
        if (i < 18) {
            tacho_end(&parent, TACHO_OUTCOME_OK);
        }
    }
    use_custom(r->collector);
    tacho_series_release(llm);
    tacho_series_release(step);
}

static sample make_sample(void) {
    recorder r;
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_bytes = 1 << 20;
    recorder_open(&r, &config);
    live(&r);
    const tacho__segment *segment = tacho__segment_of(r.collector);
    sample s = {.length = tacho__base_length(segment)};
    s.bytes = malloc(s.length);
    s.work = malloc(s.length);
    assert_non_null(s.bytes);
    assert_non_null(s.work);
    memcpy(s.bytes, segment->base, s.length);
    recorder_close(&r);
    return s;
}

static void free_sample(sample *s) {
    free(s->bytes);
    free(s->work);
}

static void fix_checksum(uint8_t *bytes) {
    tacho__header *header = (tacho__header *)bytes;
    header->crc32c = tacho__crc32c(header, offsetof(tacho__header, crc32c));
}

/* Everything that a reader asks: as of a living process, as of a dead one, and added to a base. */
static unsigned read_all(const uint8_t *bytes, size_t length, bool fold) {
    tacho__view *live_view = NULL, *dead = NULL;
    unsigned read = 0;
    if (tacho__view_of_bytes(bytes, length, 0, RECORDER_WALL, &live_view) == TACHO_OK) {
        free(digest_of(live_view, DIGEST_ALL));
        ++read;
    }
    tacho__part *part = NULL;
    tacho__series_list *list = NULL;
    if (live_view && tacho__part_of_view(live_view, NULL, &part) == TACHO_OK) {
        assert_int_equal(tacho__series_of_part(part, &list), TACHO_OK);
        tacho__series_list_free(list);
        tacho__part_release(part);
    }
    tacho__view_free(live_view);
    if (tacho__view_of_dead(bytes, length, 0, RECORDER_WALL, &dead) == TACHO_OK) {
        free(digest_of(dead, DIGEST_ALL));
        const tacho__base_plan plan = {.views = (const tacho__view *const[]){dead}, .count = 1};
        tacho__segment *base = NULL;
        if (fold && tacho__base_build(&plan, &base) == TACHO_OK) {
            tacho__segment_release(base);
        }
        tacho__view_free(dead);
        ++read;
    }
    return read;
}

static void test_header__survives_every_bit_flip(void **state) {
    (void)state;
    sample s = make_sample();
    unsigned refused = 0, flips = 0;
    for (uint32_t bit = 0; bit < TACHO__HEADER_BYTES * 8; bit += SHARE) {
        memcpy(s.work, s.bytes, TACHO__HEADER_BYTES);
        s.work[bit / 8] ^= (uint8_t)(1u << bit % 8);
        tacho__view *view = NULL;
        const tacho_status status = tacho__view_of_dead(s.work, s.length, 0, 0, &view);
        if (bit < 1024 * 8) { /* the immutable part has a checksum */
            assert_int_not_equal(status, TACHO_OK);
        }
        refused += status != TACHO_OK;
        tacho__view_free(view);
        if (flips % (is_deep() ? 4 : 32) == 0) {
            memcpy(s.work + TACHO__HEADER_BYTES, s.bytes + TACHO__HEADER_BYTES, s.length - TACHO__HEADER_BYTES);
            fix_checksum(s.work);
            read_all(s.work, s.length, bit % 128 == 0);
        }
        ++flips;
    }
    printf("    %u flips, %u refused\n", flips, refused);
    free_sample(&s);
}

/* Bytes behind the header, one to eight of them, often a whole word: links, counts and sets that mean anything. */
static void test_body__survives_random_damage(void **state) {
    (void)state;
    sample s = make_sample();
    const unsigned times = is_deep() ? 20000 : 3000 / SHARE;
    unsigned read = 0;
    for (unsigned i = 0; i < times; ++i) {
        memcpy(s.work, s.bytes, s.length);
        for (uint64_t hits = 1 + roll(4); hits > 0; --hits) {
            const uint64_t value = roll(2) ? roll(UINT64_MAX) : roll(s.length / TACHO__LINE + 2);
            const size_t at = TACHO__HEADER_BYTES + (size_t)roll((s.length - TACHO__HEADER_BYTES) / 8) * 8;
            memcpy(s.work + at, &value, 1 + (size_t)roll(8));
        }
        read += read_all(s.work, s.length, i % 8 == 0);
    }
    printf("    seed %llu: %u damages, read %u times\n", (unsigned long long)seed, times, read);
    assert_true(read > times); /* the checksum covers the header only: most are read all the same */
    free_sample(&s);
}

/* The header's regions, counts and features, with a checksum that fits. */
static void test_header__survives_damage_that_was_signed(void **state) {
    (void)state;
    sample s = make_sample();
    const unsigned times = is_deep() ? 20000 : 1500 / SHARE;
    for (unsigned i = 0; i < times; ++i) {
        memcpy(s.work, s.bytes, s.length);
        for (uint64_t hits = 1 + roll(3); hits > 0; --hits) {
            const uint64_t value = roll(2) ? roll(UINT64_MAX) : roll(s.length / TACHO__LINE + 2);
            memcpy(s.work + 16 + (size_t)roll(260) * 4, &value, 4);
        }
        fix_checksum(s.work);
        ((tacho__header *)s.work)->ready = TACHO__READY;
        read_all(s.work, s.length, i % 8 == 0);
    }
    free_sample(&s);
}

/* The copy lies at the end of a mapping: one byte too far is a signal. */
static void test_file__survives_every_length(void **state) {
    (void)state;
    sample s = make_sample();
    const size_t page = 4096, room = (s.length / page + 2) * page;
    uint8_t *mapping = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    assert_int_equal(mprotect(mapping + room - page, page, PROT_NONE), 0);
    for (size_t length = 0; length <= 8192; length += is_deep() ? 1 : 3) {
        uint8_t *at = mapping + room - page - length;
        memcpy(at, s.bytes, length);
        tacho__view *view = NULL;
        assert_int_not_equal(tacho__view_of_bytes(at, length, 0, 0, &view), TACHO_OK);
    }
    for (int i = 0; i < 300; ++i) {
        const size_t length = (size_t)roll(s.length) / 8 * 8;
        read_all(memcpy(mapping + room - page - length, s.bytes, length), length, false);
    }
    munmap(mapping, room);
    free_sample(&s);
}

static tacho_status expect_one_call(void *context, const tacho__view *view) {
    *(uint64_t *)context += 1;
    assert_int_equal(digest_calls(view), 1);
    return TACHO_OK;
}

static void test_registry__reads_the_healthy_beside_the_damaged(void **state) {
    (void)state;
    char folder[256], command[320];
    snprintf(folder, sizeof folder, "/dev/shm/tacho-test-damage-%ld", (long)getpid());
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .dir = folder};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, "work", NULL, &series), TACHO_OK);
    tacho_observe(series, MS);
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folder, 0, &registry), TACHO_OK);
    sample s = make_sample();
    uint8_t id[16] = {1};
    for (unsigned i = 0; i < 60; ++i) {
        char name[TACHO__REGISTRY_NAME];
        memcpy(s.work, s.bytes, s.length);
        s.work[i * 4] ^= 1; /* each word of the header once */
        id[15] = (uint8_t)i;
        tacho__registry_name(id, name);
        const size_t length = i % 2 ? s.length : (size_t)roll(s.length);
        assert_int_equal(tacho__registry_write(registry, name, s.work, length), TACHO_OK);
    }
    tacho__folding done;
    assert_int_equal(tacho__fold_if_free(registry, 0, &done), TACHO_OK);
    assert_int_equal(done.folded, 0);
    assert_int_equal(done.left, 60);
    uint64_t skips[TACHO__SKIP_COUNT], skipped = 0, segments = 0;
    const tacho__visitor visitor = {&segments, expect_one_call, NULL};
    assert_int_equal(tacho__registry_read(registry, NULL, 0, 0, &visitor, skips), TACHO_OK);
    assert_int_equal(segments, 1);
    for (unsigned i = 0; i < TACHO__SKIP_COUNT; ++i) {
        skipped += skips[i];
    }
    assert_int_equal(skipped, 60);
    free_sample(&s);
    tacho__registry_release(registry);
    tacho_series_release(series);
    tacho_collector_close(collector);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    rolled = seed;
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header__survives_every_bit_flip),
        cmocka_unit_test(test_body__survives_random_damage),
        cmocka_unit_test(test_header__survives_damage_that_was_signed),
        cmocka_unit_test(test_file__survives_every_length),
        cmocka_unit_test(test_registry__reads_the_healthy_beside_the_damaged),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
