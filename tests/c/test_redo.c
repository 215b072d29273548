/* The redo area of a lane: one operation is one set, so the largest there is has to fit (core/FORMAT.md 1.13). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "collect/collector.h"
#include "support/recorder.h"

#define UNTOUCHED UINT64_C(0xDEADBEEFDEADBEEF)

/* Everything that an operation can say about itself; every count is new to its histogram, inside the grid or beyond. */
static void say_everything(tacho_operation *op, int64_t count) {
    tacho_usage usage = TACHO_USAGE_INIT;
    const int64_t counts[] = {
#define X(name, field, key, is_token, direction, scale) count + TACHO_UNIT_##name,
        TACHO_UNIT_MAP(X)
#undef X
    };
    memcpy(&usage.input, counts, sizeof counts);
    usage.present = UINT32_MAX;
    usage.provider = "openai";
    usage.model = "gpt-4o";
    usage.flags = TACHO_USAGE_REPORTED_COST;
    usage.reported_cost_pusd = count * 1000;
    tacho_operation_first_token(op);
    tacho_operation_usage(op, &usage);
    tacho_operation_retry(op, "busy");
    tacho_operation_warn(op, "slow");
    tacho_operation_human(op);
    tacho_operation_context(op, 1000, 20000, 1);
    tacho_operation_fail(op, TACHO_CATEGORY_PROVIDER, "ServerError");
}

/* Words of the area that the end of such an operation writes. */
static uint32_t words_of(recorder *r, tacho_series *series, const tacho_operation *parent, int64_t count) {
    tacho_operation op;
    tacho_begin(series, parent, &op);
    tacho__clock_fake_advance(&r->clock, (uint64_t)count);
    say_everything(&op, count);
    tacho__clock_fake_advance(&r->clock, (uint64_t)count);
    tacho__redo *redo = tacho__lane_of_thread(&r->collector->writer)->redo;
    for (uint32_t i = 0; i < TACHO__REDO_WORDS; ++i) {
        tacho__put(&redo->word[i], UNTOUCHED);
    }
    assert_int_equal(tacho_end(&op, TACHO_OUTCOME_ERROR), TACHO_OK);
    uint32_t words = TACHO__REDO_WORDS;
    while (words > 0 && tacho__get(&redo->word[words - 1]) == UNTOUCHED) {
        --words;
    }
    return words;
}

static void test_redo__has_room_for_the_largest_operation(void **state) {
    recorder *r = *state;
    tacho_series *steps = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_series *calls = recorder_bind(r, TACHO_KIND_LLM, "answer", "openai", "gpt-4o");
    uint32_t most = 0;
    for (int64_t count = 1; count < INT64_C(1) << 52; count *= 3) {
        tacho_operation parent;
        tacho_begin(steps, NULL, &parent);
        const uint32_t words = words_of(r, calls, &parent, count);
        tacho_end(&parent, TACHO_OUTCOME_OK);
        most = words > most ? words : most;
    }
    print_message("%u of %u words\n", most, TACHO__REDO_WORDS);
    assert_true(most > 2 * TACHO__UNITS); /* all units were in it, in the series and in the session */
    assert_true(most < TACHO__REDO_WORDS);
    tacho_series_release(steps);
    tacho_series_release(calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_redo__has_room_for_the_largest_operation, recorder_setup,
                                        recorder_teardown),
    };
    return cmocka_run_group_tests_name("redo", tests, NULL, NULL);
}
