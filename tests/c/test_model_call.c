#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect/operation.h"
#include "support/digest.h"
#include "support/recorder.h"

/* The short way of the usual model call (collect/model_call.c) gives the numbers of the general one: the same random
 * calls into two collectors, one of which forgets after each call what the short way needs. */

static uint64_t random_state;

static uint32_t roll(uint32_t below) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % below;
}

/* The lane of this thread takes the general way next time. */
static void forget(const recorder *r) {
    tacho__lane *lane = tacho__lane_of_thread(&r->collector->writer);
    for (uint32_t slot = 0; lane && slot < r->collector->slots; ++slot) {
        lane->bound[slot].model = NULL;
        lane->bound[slot].span = 0;
    }
    if (lane) {
        lane->model_count = 0;
    }
}

static int64_t some_count(void) {
    switch (roll(12)) {
    case 0:
        return 0;
    case 1:
        return (int64_t)roll(1000) << 24; /* too large for a half */
    case 2:
        return 1;
    default:
        return 1 + roll(20000);
    }
}

static tacho_usage some_usage(void) {
    tacho_usage usage = TACHO_USAGE_INIT;
    const uint32_t sort = roll(10);
    usage.input = some_count();
    usage.output = some_count();
    usage.cache_read = sort < 7 ? some_count() : 0;
    usage.cache_write = sort < 5 ? 300 + roll(10) : 0;
    usage.cache_write_1h = sort < 3 ? 20 : 0;
    usage.reasoning = sort < 6 ? some_count() : 0;
    usage.web_searches = sort == 0 ? 1 : 0;
    usage.requests = sort == 1 ? 1 : 0;
    usage.input_image = sort == 2 ? 77 : 0;
    usage.model = sort == 8 ? "claude-sonnet-4-5" : sort == 9 ? "no-such-model" : NULL;
    usage.service_tier = sort == 4 ? "batch" : NULL;
    return usage;
}

/* One call; everything that is rolled here is rolled alike for both. */
static void call(recorder *r, tacho_series *series, tacho_series *step) {
    tacho_operation parent, op;
    const uint32_t family = roll(6), extra = roll(40);
    tacho_begin(step, NULL, &parent);
    tacho_begin(series, family == 0 ? &parent : NULL, &op);
    tacho__clock_fake_advance(&r->clock, roll(8) ? MS + roll(3000) * MS : roll(2000));
    const tacho_usage usage = some_usage();
    tacho_operation_usage(&op, &usage);
    if (extra == 0) {
        tacho_operation_first_token(&op);
    } else if (extra == 1) {
        tacho_operation_component(&op, "wait", MS);
    } else if (extra == 2) {
        tacho_operation_cost(&op, 12345);
    } else if (extra == 3) {
        tacho_operation_retry(&op, NULL);
    } else if (extra == 4) {
        tacho_operation_context(&op, 1000 + roll(100000), 200000, 0);
    } else if (extra == 5) {
        tacho_operation_usage(&op, &usage);
    } else if (extra == 6) {
        tacho_operation child;
        tacho_begin(series, &op, &child);
        tacho_operation_usage(&child, &usage);
        tacho_end(&child, TACHO_OUTCOME_OK);
    } else if (extra == 7) {
        tacho_operation_describe(&op, "about it");
    }
    tacho_end(&op, extra == 8 ? TACHO_OUTCOME_ERROR : TACHO_OUTCOME_OK);
    tacho_end(&parent, TACHO_OUTCOME_OK);
}

static void live(recorder *r, uint64_t from, uint32_t calls, bool general) {
    tacho_series *series[3] = {recorder_bind(r, TACHO_KIND_LLM, "ask", "anthropic", "claude-opus-4-6"),
                               recorder_bind(r, TACHO_KIND_LLM, "guess", "openai", "gpt-4o"),
                               recorder_bind(r, TACHO_KIND_LLM, "local", NULL, NULL)};
    tacho_series *step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_observe(step, MS); /* the thread has a lane now; its ids become those of the other collector */
    tacho__lane_of_thread(&r->collector->writer)->id_base = 1000;
    random_state = from;
    for (uint32_t i = 0; i < calls; ++i) {
        if (general) {
            forget(r);
        }
        call(r, series[roll(3)], step);
    }
    for (int i = 0; i < 3; ++i) {
        tacho_series_release(series[i]);
    }
    tacho_series_release(step);
}

static void open_named(recorder *r) {
    tacho_config config = TACHO_CONFIG_INIT;
    config.session = "both";
    recorder_open(r, &config);
}

static char *numbers_of(recorder *r) {
    return digest_of(recorder_read(r), DIGEST_ALL);
}

/* The first lines that differ: the texts are long. */
static void show_difference(const char *a, const char *b) {
    size_t line = 0, i = 0;
    for (; a[i] && a[i] == b[i]; ++i) {
        line = a[i] == '\n' ? i + 1 : line;
    }
    if (a[i] != b[i]) {
        printf("short way: %.*s\ngeneral:   %.*s\n", (int)strcspn(a + line, "\n"), a + line,
               (int)strcspn(b + line, "\n"), b + line);
    }
}

static void test_short_way__gives_the_numbers_of_the_general_one(void **state) {
    (void)state;
    uint64_t seed = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20; ++round, ++seed) {
        recorder quick, general;
        open_named(&quick);
        open_named(&general);
        live(&quick, seed, 400, false);
        live(&general, seed, 400, true);
        char *a = numbers_of(&quick), *b = numbers_of(&general);
        show_difference(a, b);
        assert_string_equal(a, b);
        free(a);
        free(b);
        recorder_close(&quick);
        recorder_close(&general);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_way__gives_the_numbers_of_the_general_one),
    };
    return cmocka_run_group_tests_name("model_call", tests, NULL, NULL);
}
