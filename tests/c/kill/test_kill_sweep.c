/**
 * Every call that writes to a segment, stopped at every store (P2).
 *
 * A kill leaves in a shared file exactly what was stored before it. So each call runs once, and before each of its
 * stores the segment's bytes are taken as a killed process would leave them, recovered and read. Required: the numbers
 * are those before a whole step of the call or those after it, in this order; what must always hold does
 * (digest_check).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "collect/collector.h"
#include "kill/kill_cases.h"
#include "kill/kill_points.h"
#include "segment/redo.h"
#include "support/digest.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MOST 16u

static struct {
    bool armed;
    const kill_case *now;
    tacho__segment *segment;
    uint64_t stores;
    char *states[STATES_MOST]; /* digests, a new one whenever it changed */
    size_t state_count;
    size_t steps;
    uint32_t open_before, sets_before;
} sweep;

static uint64_t all_stores;

static uint32_t count_open(const tacho__segment *segment) {
    uint32_t open = 0;
    for (uint32_t i = 0; i < TACHO__OPEN_SLOTS; ++i) {
        open += tacho__get(&segment->open[i].id) != 0;
    }
    return open;
}

static const tacho__redo *redo_of(const tacho__segment *segment, uint32_t lane) {
    const uint32_t line = tacho__get_half(&segment->lanes[lane].redo);
    return line ? tacho__at(segment, line) : NULL;
}

static bool is_applying(const tacho__segment *segment) {
    bool found = false;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const tacho__redo *redo = redo_of(segment, i);
        found |= redo && tacho__get(&redo->count) != 0;
    }
    return found;
}

/* Sets that were published, and short ones whose bucket has been stored. */
static uint32_t count_sets(const tacho__segment *segment) {
    uint32_t sets = 0;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        const tacho__redo *redo = redo_of(segment, i);
        if (redo) {
            const uint64_t mark = tacho__get(&redo->mark);
            const tacho__half *bucket = (const tacho__half *)(segment->base + tacho__mark_bucket(mark));
            sets += tacho__get(&redo->count) != 0 || tacho__mark_holds(mark, tacho__get_half(bucket));
        }
    }
    return sets;
}

/* What only a living process has is forgotten with it: it is looked at as of a living one. */
static bool fades(const kill_case *one) {
    return strcmp(one->function, "tacho_cache_size") == 0;
}

/* The numbers of a process that was killed now. */
static void look(void) {
    const tacho__segment *segment = sweep.segment;
    tacho__view *view = NULL;
    const size_t length = (size_t)tacho__get(&segment->header->lines_used) * TACHO__LINE;
    if (fades(sweep.now) && is_applying(segment)) {
        return; /* what a reader of a living process may see is decided when the set is applied */
    }
    const tacho_status status = fades(sweep.now) ? tacho__view_of_bytes(segment->base, length, 0, 0, &view)
                                                 : tacho__view_of_dead(segment->base, length, 0, 0, &view);
    if (status != TACHO_OK) {
        fail_msg("%s: unreadable after store %llu", sweep.now->what, (unsigned long long)sweep.stores);
    }
    const char *broken = digest_check(view);
    if (broken) {
        fail_msg("%s, store %llu: %s", sweep.now->what, (unsigned long long)sweep.stores, broken);
    }
    char *digest = digest_of(view, sweep.now->wraps ? DIGEST_NUMBERS : DIGEST_ALL);
    tacho__view_free(view);
    if (sweep.state_count && strcmp(sweep.states[sweep.state_count - 1], digest) == 0) {
        free(digest);
        return;
    }
    for (size_t i = 0; i < sweep.state_count; ++i) {
        if (strcmp(sweep.states[i], digest) == 0) {
            fail_msg("%s: back to an older state after store %llu", sweep.now->what, (unsigned long long)sweep.stores);
        }
    }
    assert_true(sweep.state_count < STATES_MOST);
    sweep.states[sweep.state_count++] = digest;
}

/* A slot that was taken and a set that was published are the only steps at which numbers change, but for the calls that
 * say that they change one by a single store. */
static void count_steps(void) {
    const uint32_t open = count_open(sweep.segment), sets = count_sets(sweep.segment);
    sweep.steps += (size_t)(open > sweep.open_before) + (size_t)(sets > sweep.sets_before);
    sweep.open_before = open;
    sweep.sets_before = sets;
}

void kill_point(const volatile void *cell) {
    const uint8_t *at = (const uint8_t *)(uintptr_t)cell;
    if (!sweep.armed || at < sweep.segment->base || at >= sweep.segment->base + sweep.segment->bytes) {
        return;
    }
    sweep.armed = false; /* recovery stores, too */
    look();
    count_steps();
    ++sweep.stores;
    sweep.armed = true;
}

/* ------------------------------------------------------------------------------------------------------------ worlds
 */

static void start_sweep(const world *w, const kill_case *one) {
    memset(&sweep, 0, sizeof sweep);
    sweep.now = one;
    sweep.segment = tacho__segment_of(w->r.collector);
    tacho__segment_retain(sweep.segment);
    sweep.open_before = count_open(sweep.segment);
    sweep.sets_before = count_sets(sweep.segment);
    look();
}

static void finish_sweep(void) {
    look();
    count_steps();
    sweep.steps += sweep.now->lone;
    if (sweep.state_count != sweep.steps + 1) {
        for (size_t i = 0; i < sweep.state_count; ++i) {
            print_error("state %zu:\n%s\n", i, sweep.states[i]);
        }
        fail_msg("%s: %zu states after %zu steps", sweep.now->what, sweep.state_count, sweep.steps);
    }
    for (size_t i = 0; i < sweep.state_count; ++i) {
        free(sweep.states[i]);
    }
    tacho__segment_release(sweep.segment);
    all_stores += sweep.stores;
}

/* Rounds: at the first use of everything, and when all cells exist. */
static void run_case(const kill_case *one) {
    world w;
    kill_world_open(&w);
    for (w.round = 0; w.round < 3; ++w.round) {
        if (one->prepare) {
            one->prepare(&w);
        }
        start_sweep(&w, one);
        sweep.armed = true;
        one->run(&w);
        sweep.armed = false;
        finish_sweep();
        printf("    %-28s round %u: %3llu stores, %zu steps\n", one->what, w.round, (unsigned long long)sweep.stores,
               sweep.steps);
        assert_true(sweep.stores >= sweep.steps); /* the hook is there: every step is a store */
        tacho__clock_fake_advance(&w.r.clock, MS);
    }
    kill_world_close(&w);
}

static void test_sweep__leaves_all_or_nothing_at_every_store(void **state) {
    (void)state;
    for (size_t i = 0; i < kill_case_count; ++i) {
        run_case(&kill_cases[i]);
    }
    printf("    kill sweep: %zu cases, 3 rounds each, %llu stores\n", kill_case_count, (unsigned long long)all_stores);
    assert_true(all_stores > 50 * kill_case_count);
}

/* ------------------------------------------------------------------------------------------------ nothing left out
 */

static bool has_case(const char *function) {
    for (size_t i = 0; i < kill_case_count; ++i) {
        if (strcmp(kill_cases[i].function, function) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < kill_exemption_count; ++i) {
        if (strcmp(kill_exemptions[i].function, function) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a list of parameters has a handle that the call may write through. */
static bool takes_handle(const char *parameters) {
    static const char *const handles[] = {"collector", "series", "operation", "session", "counter",
                                          "gauge",     "metric", "histogram", "cache"};
    for (size_t i = 0; i < sizeof handles / sizeof *handles; ++i) {
        char type[32];
        snprintf(type, sizeof type, "tacho_%s *", handles[i]);
        for (const char *at = parameters; (at = strstr(at, type)); at += strlen(type)) {
            if (at - parameters < 6 || memcmp(at - 6, "const ", 6) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Function by function: `TACHO_API type name(parameters);`. Gives the calls without a case. */
static unsigned check_header(char *text) {
    unsigned missing = 0;
    for (char *at = text; (at = strstr(at, "TACHO_API ")); ++at) {
        char *open = strchr(at, '('), *end = open ? strchr(open, ';') : NULL;
        if (!end) {
            break;
        }
        char *name = open;
        while (name > at && name[-1] != ' ' && name[-1] != '*') {
            --name;
        }
        *open = *end = 0;
        if (takes_handle(open + 1) && !has_case(name)) {
            print_error("no case and no exemption for %s\n", name);
            ++missing;
        }
        at = end;
    }
    return missing;
}

static char *read_text(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    assert_non_null(file);
    assert_non_null(text);
    (void)!fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static void test_cases__cover_every_public_call_that_takes_a_handle(void **state) {
    (void)state;
    const char *source = getenv("TACHO_TEST_SOURCE");
    if (!source) {
        print_message("SKIP: TACHO_TEST_SOURCE, the root of the source tree, is not set\n");
        skip();
    }
    char folder[4096], path[8192];
    snprintf(folder, sizeof folder, "%s/core/include/tachograph", source);
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    unsigned missing = 0;
    for (const struct dirent *entry; (entry = readdir(listing));) {
        if (strstr(entry->d_name, ".h")) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            char *text = read_text(path);
            missing += check_header(text);
            free(text);
        }
    }
    closedir(listing);
    assert_int_equal(missing, 0);
}

static void check_metric(const char *metric, const char *read) {
    const char *covered = NULL;
    for (size_t i = 0; i < kill_metric_count && !covered; ++i) {
        covered = strcmp(kill_metrics[i].read, read) == 0 ? kill_metrics[i].covered : NULL;
    }
    if (!covered) {
        fail_msg("no case is named for metric %s, read from %s", metric, read);
    }
    bool found = covered[0] == '(';
    for (size_t i = 0; i < kill_case_count && !found; ++i) {
        found = strcmp(kill_cases[i].what, covered) == 0;
    }
    if (!found) {
        fail_msg("metric %s names a case that does not exist: %s", metric, covered);
    }
}

static void test_cases__cover_the_metric_table(void **state) {
    (void)state;
#define X(id, name, genai, genai_next, statsd, instrument, unit, labels, merge, read, help) check_metric(name, #read);
#include "collect/metrics.def"
#undef X
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases__cover_every_public_call_that_takes_a_handle),
        cmocka_unit_test(test_cases__cover_the_metric_table),
        cmocka_unit_test(test_sweep__leaves_all_or_nothing_at_every_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
