#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "segment/crc32c.h"
#include "segment/layout.h"
#include "segment/segment.h"
#include "support/recorder.h"

/* Offsets are asserted at compile time in layout.c; here is what a byte-wise reader of core/FORMAT.md would do. */

static uint64_t word_at(const uint8_t *bytes, size_t offset) {
    uint64_t word;
    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

static uint32_t half_at(const uint8_t *bytes, size_t offset) {
    return (uint32_t)word_at(bytes, offset);
}

static tacho__segment *make_segment(uint64_t bytes) {
    const tacho__segment_plan plan = {.bytes = bytes,
                                      .generation = 1,
                                      .max_series = 2000,
                                      .wall_ns = RECORDER_WALL,
                                      .mono_ns = (int64_t)RECORDER_MONO};
    tacho__segment *segment;
    assert_int_equal(tacho__segment_create(&plan, &segment), TACHO_OK);
    return segment;
}

static void test_crc32c__gives_the_published_values(void **state) {
    (void)state;
    uint8_t bytes[32];
    /* RFC 3720 appendix B.4. */
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(tacho__crc32c(bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(tacho__crc32c(bytes, 32), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; ++i) {
        bytes[i] = i;
    }
    assert_int_equal(tacho__crc32c(bytes, 32), 0x46DD794E);
    assert_int_equal(tacho__crc32c("123456789", 9), 0xE3069283);
}

static void test_header__reads_as_the_format_says(void **state) {
    (void)state;
    tacho__segment *segment = make_segment(TACHO__SEGMENT_DEFAULT);
    const uint8_t *bytes = segment->base;
    assert_memory_equal(bytes, "TACHOSEG", 8);
    assert_int_equal(half_at(bytes, 8), 1);
    assert_int_equal(half_at(bytes, 12), 0x01020304);
    assert_int_equal(half_at(bytes, 16), 4096);
    assert_int_equal(half_at(bytes, 20), 64);
    assert_int_equal(word_at(bytes, 40), 0);
    assert_int_equal(word_at(bytes, 64), 1);
    assert_true((int64_t)word_at(bytes, 72) == RECORDER_WALL);
    assert_int_equal(word_at(bytes, 120), 8 << 20);
    assert_int_equal(half_at(bytes, 136), 2000);
    assert_memory_equal(bytes + 144, "tachograph ", 11);
    assert_int_equal(half_at(bytes, 1020), tacho__crc32c(bytes, 1020));
    assert_int_equal(half_at(bytes, 1024), 0x59444552);
    assert_int_equal(half_at(bytes, 1040), 16); /* the overflow series */
    assert_int_equal(half_at(bytes, 1116), 3);  /* the metrics `other` */
    tacho__segment_release(segment);
}

static void test_regions__lie_one_after_the_other(void **state) {
    (void)state;
    tacho__segment *segment = make_segment(TACHO__SEGMENT_LEAST);
    const uint8_t *bytes = segment->base;
    static const uint32_t counts[] = {81, 1024, 65, 512, 256}, strides[] = {512, 4, 448, 128, 64};
    uint32_t next = 64;
    for (size_t i = 0; i < 5; ++i) {
        assert_int_equal(half_at(bytes, 256 + 16 * i), next);
        assert_int_equal(half_at(bytes, 260 + 16 * i), counts[i]);
        assert_int_equal(half_at(bytes, 264 + 16 * i), strides[i]);
        next += (counts[i] * strides[i] + 63) / 64;
    }
    for (size_t i = 5; i < 16; ++i) { /* reserved, not faked */
        assert_int_equal(word_at(bytes, 256 + 16 * i), 0);
    }
    tacho__segment_release(segment);
}

static void test_grids__are_described(void **state) {
    (void)state;
    tacho__segment *segment = make_segment(TACHO__SEGMENT_LEAST);
    const tacho__grid_spec *grids = segment->header->grids;
    assert_int_equal(grids[TACHO__GRID_SECONDS].first_exponent, -20);
    assert_int_equal(grids[TACHO__GRID_LONG_SECONDS].first_exponent, -12);
    assert_int_equal(grids[TACHO__GRID_TOKENS].first_exponent, 0);
    assert_int_equal(grids[TACHO__GRID_USD].first_exponent, -22);
    for (int i = 0; i <= TACHO__GRID_ONE; ++i) {
        assert_int_equal(grids[i].octaves, 32);
        assert_int_equal(grids[i].scale, 4);
    }
    assert_int_equal(grids[TACHO__GRID_USD].stored_per_unit, UINT64_C(1000000000000));
    tacho__segment_release(segment);
}

static void test_stamps__sort_and_come_back(void **state) {
    (void)state;
    static const int64_t monos[] = {INT64_MIN + 1, -5, -1, 0, 1, 77, INT64_MAX};
    for (size_t i = 0; i < sizeof monos / sizeof *monos; ++i) {
        assert_true(tacho__stamp_mono(tacho__stamp(monos[i])) == monos[i]);
        assert_true(tacho__stamp(monos[i]) != 0);
        if (i > 0) {
            assert_true(tacho__stamp(monos[i - 1]) < tacho__stamp(monos[i]));
        }
    }
}

static void test_goals__of_bytes_per_series_hold(void **state) {
    (void)state;
    /* Block, directory and every octave; a typical model call spreads over five octaves. */
    assert_true(TACHO__BLOCK_LINES * 64 + 32 * 64 <= 2304);
    assert_true(TACHO__BLOCK_LINES * 64 + 5 * 64 + sizeof(tacho__descriptor) <= 640);
    /* A counter: descriptor, cell, and a text of its own. */
    assert_true(sizeof(tacho__descriptor) + sizeof(tacho__counter_cell) + TACHO__LINE <= 160);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c__gives_the_published_values),
        cmocka_unit_test(test_header__reads_as_the_format_says),
        cmocka_unit_test(test_regions__lie_one_after_the_other),
        cmocka_unit_test(test_grids__are_described),
        cmocka_unit_test(test_stamps__sort_and_come_back),
        cmocka_unit_test(test_goals__of_bytes_per_series_hold),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
