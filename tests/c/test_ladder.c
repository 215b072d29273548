#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keeper/windows.h"
#include "segment/registry.h"
#include "snapshot/ladder_inside.h"
#include "support/recorder.h"
#include "support/scratch.h"
#include "wire/msgpack_reader.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

/* ------------------------------------------------------------------------------------------------------ random streams
 */

static uint64_t random_state;

static uint64_t random_below(uint64_t n) {
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % n;
}

static void seed(const char *test) {
    const char *given = getenv("TACHO_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("%s: seed %llu\n", test, (unsigned long long)random_state);
}

/* What was recorded, for brute force. */
typedef struct event {
    int64_t at_ns, duration_ns, cost_pusd;
    bool ok;
    int name;
} event;

typedef struct stream {
    recorder r;
    tacho_series *series[3];
    event *events;
    size_t count, room;
    tacho__ladder *ladder;
} stream;

static const char *const names[] = {"plan", "act", "look"};

static void stream_open(stream *s) {
    memset(s, 0, sizeof *s);
    recorder_open(&s->r, NULL);
    const int64_t start = RECORDER_WALL - RECORDER_WALL % (15 * MINUTE);
    tacho__clock_fake_set(&s->r.clock, RECORDER_MONO, start);
    for (int i = 0; i < 3; ++i) {
        s->series[i] = recorder_bind(&s->r, TACHO_KIND_LLM, names[i], NULL, NULL);
    }
    s->ladder = tacho__ladder_new();
    assert_non_null(s->ladder);
}

static void stream_close(stream *s) {
    for (int i = 0; i < 3; ++i) {
        tacho_series_release(s->series[i]);
    }
    tacho__ladder_free(s->ladder);
    free(s->events);
    recorder_close(&s->r);
}

static int64_t now_of(const stream *s) {
    return tacho__wall(&s->r.clock.clock);
}

static void record_one(stream *s) {
    event one = {.at_ns = now_of(s),
                 .duration_ns = (int64_t)((1 + random_below(1000)) * (1 + random_below(1000)) * 10000),
                 .cost_pusd = (int64_t)random_below(1000000),
                 .ok = random_below(10) != 0,
                 .name = (int)random_below(3)};
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = (uint64_t)one.duration_ns;
    finished.outcome = one.ok ? TACHO_OUTCOME_OK : TACHO_OUTCOME_ERROR;
    finished.cost_pusd = one.cost_pusd;
    assert_int_equal(tacho_record(s->series[one.name], &finished), TACHO_OK);
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->events = realloc(s->events, s->room * sizeof *s->events);
        assert_non_null(s->events);
    }
    s->events[s->count++] = one;
}

static void feed(stream *s) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(s->r.collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho__ladder_feed(s->ladder, snapshot, now_of(s)), TACHO_OK);
    tacho_snapshot_free(snapshot);
    assert_true(tacho__ladder_bytes(s->ladder) <= TACHO__LADDER_BYTES);
}

/* Records at random times until `until_ns`. */
static void live_until(stream *s, int64_t until_ns, uint64_t longest_pause_ns) {
    for (;;) {
        const int64_t pause = (int64_t)(1 + random_below(longest_pause_ns));
        if (now_of(s) + pause >= until_ns) {
            tacho__clock_fake_advance(&s->r.clock, (uint64_t)(until_ns - now_of(s)));
            return;
        }
        tacho__clock_fake_advance(&s->r.clock, (uint64_t)pause);
        record_one(s);
    }
}

typedef struct sums {
    int64_t calls, errors, cost_pusd, ns;
    int64_t durations[20000];
    size_t count;
} sums;

static int by_size(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* name -1 = all. */
static void brute_force(const stream *s, int name, int64_t from_ns, int64_t to_ns, sums *out) {
    memset(out, 0, offsetof(sums, durations));
    out->count = 0;
    for (size_t i = 0; i < s->count; ++i) {
        const event *one = &s->events[i];
        if (one->at_ns >= from_ns && one->at_ns < to_ns && (name < 0 || one->name == name)) {
            out->calls += 1;
            out->errors += !one->ok;
            out->cost_pusd += one->cost_pusd;
            out->ns += one->duration_ns;
            out->durations[out->count++] = one->duration_ns;
        }
    }
    qsort(out->durations, out->count, sizeof *out->durations, by_size);
}

static double type_7(const sums *from, double q) {
    const double at = q * (double)(from->count - 1);
    const size_t low = (size_t)at, high = low + 1 < from->count ? low + 1 : low;
    return ((double)from->durations[low] +
            (at - (double)low) * (double)(from->durations[high] - from->durations[low])) /
           1e9;
}

static tacho__ladder_point ask(const stream *s, const char *what, int64_t start_ns, int64_t step_ns) {
    tacho__selector selector;
    char problem[TACHO__SELECTOR_PROBLEM];
    assert_int_equal(tacho__selector_parse(what, &selector, problem), TACHO_OK);
    tacho__ladder_point point = {.start_ns = start_ns, .end_ns = start_ns + step_ns};
    assert_int_equal(tacho__ladder_read(s->ladder, &selector, &point, 1), TACHO_OK);
    return point;
}

static void close_to(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected) + 1e-12)) {
        fail_msg("%.9g instead of %.9g", value, expected);
    }
}

static void check_step(const stream *s, int name, int64_t start_ns, int64_t step_ns, sums *expected) {
    char what[64];
    const char *labels = name < 0 ? "" : names[name];
#define ASK(stat)                                                                                                      \
    (snprintf(what, sizeof what, name < 0 ? "%s" : "%s{operation=\"%s\"}", stat, labels),                              \
     ask(s, what, start_ns, step_ns))
    brute_force(s, name, start_ns, start_ns + step_ns, expected);
    const tacho__ladder_point calls = ASK("calls");
    assert_true(calls.complete);
    assert_int_equal(calls.n, expected->calls);
    assert_int_equal((int64_t)calls.number, expected->calls);
    assert_int_equal((int64_t)ASK("errors").number, expected->errors);
    assert_int_equal(ASK("cost").pusd, expected->cost_pusd);
    if (expected->calls == 0) {
        assert_true(isnan(ASK("avg").number) && isnan(ASK("p95").number) && isnan(ASK("error_rate").number));
        return;
    }
    close_to(ASK("avg").number, (double)expected->ns / (double)expected->calls / 1e9, 1e-9);
    close_to(ASK("error_rate").number, (double)expected->errors / (double)expected->calls, 1e-12);
    close_to(ASK("rate").number, (double)expected->calls / ((double)step_ns / 1e9), 1e-12);
    static const struct {
        const char *stat;
        double q;
    } quantiles[] = {{"p50", .5}, {"p95", .95}, {"p99.9", .999}, {"min", 0}, {"max", 1}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; ++i) {
        close_to(ASK(quantiles[i].stat).number, type_7(expected, quantiles[i].q), .0225);
    }
#undef ASK
}

/* Fed at the edges of steps, every step is exact, in every tier. */
static void test_ladder__fed_at_edges_equals_brute_force(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    static sums expected;
    const int64_t start = now_of(&s);
    feed(&s);
    for (int i = 1; i <= 150; ++i) { /* 25 minutes */
        live_until(&s, start + i * 10 * SECOND, i % 20 == 0 ? 30 * S : 2 * S);
        feed(&s);
    }
    const int64_t end = now_of(&s);
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        const int64_t step = tacho__ladder_step(tier);
        const int64_t reach = end - (int64_t)tacho__ladder_steps(tier) * step;
        int64_t checked = 0;
        for (int64_t at = reach > start ? reach : start; at + step <= end; at += step, ++checked) {
            check_step(&s, (int)random_below(4) - 1, at, step, &expected);
        }
        assert_true(checked == (tier == 0 ? 60 : tier == 1 ? 25 : 1));
    }
    assert_false(ask(&s, "calls", start, 10 * SECOND).watched); /* longer ago than a tier reaches */
    check_step(&s, 1, start, 15 * MINUTE, &expected);
    assert_false(ask(&s, "calls", start, 60 * MINUTE).complete); /* it is not over */
    stream_close(&s);
}

/* Fed at any time, a step has what happened in it, give or take half of the time between two feeds at its edges. */
static void test_ladder__fed_at_random_is_within_half_a_step_of_brute_force(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    static sums least, most;
    tacho__clock_fake_advance(&s.r.clock, random_below(10 * S));
    const int64_t start = now_of(&s);
    feed(&s);
    while (now_of(&s) < start + 30 * MINUTE) {
        live_until(&s, now_of(&s) + (int64_t)(8 * S + random_below(4 * S)), S);
        feed(&s);
    }
    const int64_t end = now_of(&s), edge = 6 * SECOND;
    int64_t all = 0;
    for (unsigned tier = 0; tier < 2; ++tier) {
        const int64_t step = tacho__ladder_step(tier);
        for (int64_t at = end - end % step - 29 * step; at + step <= end; at += step) {
            const tacho__ladder_point point = ask(&s, "calls", at, step);
            brute_force(&s, -1, at + edge, at + step - edge, &least);
            brute_force(&s, -1, at - edge, at + step + edge, &most);
            assert_true(point.n >= (step > 2 * edge ? least.calls : 0) && point.n <= most.calls);
        }
    }
    for (int64_t at = start - start % (15 * MINUTE); at <= end; at += 15 * MINUTE) {
        all += ask(&s, "calls", at, 15 * MINUTE).n;
    }
    assert_int_equal(all, s.count);
    stream_close(&s);
}

static void test_ladder__begins_with_the_records_there_are(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    static sums expected;
    const int64_t start = now_of(&s);
    live_until(&s, start + 5 * MINUTE, 2 * S);
    feed(&s);
    for (int64_t at = start; at < now_of(&s); at += 10 * SECOND) {
        check_step(&s, (int)random_below(4) - 1, at, 10 * SECOND, &expected);
    }
    check_step(&s, -1, start, MINUTE, &expected);
    stream_close(&s);
}

static void test_ladder__does_not_guess_what_was_before_it(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    const int64_t start = now_of(&s);
    live_until(&s, start + 5 * MINUTE, S / 10); /* more than the ring of records holds */
    feed(&s);
    assert_int_equal(ask(&s, "calls", start, 10 * SECOND).watched, false);
    assert_true(isnan(ask(&s, "calls", start, 10 * SECOND).number));
    assert_int_equal(ask(&s, "calls", start, 15 * MINUTE).n, s.count); /* all of it began in this step */
    stream_close(&s);
}

static void test_ladder__reset_counts_what_is_new(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    const int64_t start = now_of(&s);
    feed(&s);
    live_until(&s, start + 10 * SECOND, S);
    feed(&s);
    const size_t before = s.count;
    assert_int_equal(tacho_collector_reset(s.r.collector), TACHO_OK);
    live_until(&s, start + 20 * SECOND, S / 3);
    feed(&s);
    assert_int_equal(ask(&s, "calls", start, 10 * SECOND).n, before);
    assert_int_equal(ask(&s, "calls", start + 10 * SECOND, 10 * SECOND).n, s.count - before);
    stream_close(&s);
}

static void test_ladder__marks_steps_that_nobody_watched(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    const int64_t start = now_of(&s);
    feed(&s);
    live_until(&s, start + 10 * SECOND, S);
    feed(&s);
    live_until(&s, start + 70 * SECOND, S); /* nobody feeds */
    feed(&s);
    assert_true(ask(&s, "calls", start, 10 * SECOND).complete);
    assert_false(ask(&s, "calls", start + 20 * SECOND, 10 * SECOND).complete);
    assert_false(ask(&s, "calls", start, MINUTE).complete);
    assert_int_equal(ask(&s, "calls", start, 15 * MINUTE).n, s.count);
    stream_close(&s);
}

static void test_ladder__sums_over_all_keep_what_has_no_series_of_its_own(void **state) {
    (void)state;
    recorder r;
    recorder_open(&r, NULL);
    tacho__ladder *ladder = tacho__ladder_new();
    for (int i = 0; i < 200; ++i) {
        char name[16];
        snprintf(name, sizeof name, "work-%d", i);
        tacho_series *series = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
        tacho_finished finished = TACHO_FINISHED_INIT;
        finished.duration_ns = MS;
        tacho_record(series, &finished);
        tacho_series_release(series);
    }
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(r.collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho__ladder_feed(ladder, snapshot, tacho__wall(&r.clock.clock)), TACHO_OK);
    tacho_snapshot_free(snapshot);
    assert_int_equal(tacho__ladder_series(ladder), TACHO__LADDER_SERIES);
    stream s = {.ladder = ladder};
    const int64_t at = RECORDER_WALL - RECORDER_WALL % (10 * SECOND);
    assert_int_equal(ask(&s, "calls", at, 10 * SECOND).n, 200);
    assert_int_equal(ask(&s, "calls{operation=\"work-*\"}", at, 10 * SECOND).n, 128);
    tacho__ladder_free(ladder);
    recorder_close(&r);
}

/* Busy series with durations all over the grid: the oldest fine steps go, the sums of coarse ones stay. */
static void test_ladder__stays_within_its_bound(void **state) {
    (void)state;
    seed(__func__);
    recorder r;
    const tacho_config config = {.struct_size = sizeof config, .max_bytes = 64 << 20};
    recorder_open(&r, &config);
    const int64_t start = RECORDER_WALL - RECORDER_WALL % (15 * MINUTE) + 15 * MINUTE;
    tacho__clock_fake_set(&r.clock, RECORDER_MONO, start);
    stream s = {.ladder = tacho__ladder_new()};
    tacho_series *series[TACHO__LADDER_SERIES];
    for (unsigned i = 0; i < TACHO__LADDER_SERIES; ++i) {
        char name[16];
        snprintf(name, sizeof name, "work-%u", i);
        series[i] = recorder_bind(&r, TACHO_KIND_STEP, name, NULL, NULL);
    }
    int64_t calls = 0;
    uint64_t most = 0;
    for (int turn = 0; turn < 90; ++turn) { /* 15 minutes */
        for (unsigned i = 0; i < 400 * TACHO__LADDER_SERIES; ++i, ++calls) {
            tacho_finished finished = TACHO_FINISHED_INIT;
            finished.duration_ns = UINT64_C(1000) << random_below(30);
            finished.duration_ns += random_below(finished.duration_ns);
            assert_int_equal(tacho_record(series[i % TACHO__LADDER_SERIES], &finished), TACHO_OK);
        }
        tacho_snapshot *snapshot;
        assert_int_equal(tacho_snapshot_take(r.collector, &snapshot), TACHO_OK);
        assert_int_equal(tacho__ladder_feed(s.ladder, snapshot, tacho__wall(&r.clock.clock)), TACHO_OK);
        tacho_snapshot_free(snapshot);
        const uint64_t bytes = tacho__ladder_bytes(s.ladder);
        assert_true(bytes <= TACHO__LADDER_BYTES);
        most = bytes > most ? bytes : most;
        tacho__clock_fake_advance(&r.clock, 10 * S);
    }
    printf("at most %llu bytes\n", (unsigned long long)most);
    const int64_t before = 400 * TACHO__LADDER_SERIES; /* the first feed */
    assert_int_equal(ask(&s, "calls", start, 15 * MINUTE).n, calls - before);
    assert_false(ask(&s, "calls", start, 10 * SECOND).watched);
    assert_true(ask(&s, "calls", start + 13 * MINUTE, MINUTE).complete);
    assert_int_equal(ask(&s, "calls", start + 13 * MINUTE, MINUTE).n, 6 * before);
    for (unsigned i = 0; i < TACHO__LADDER_SERIES; ++i) {
        tacho_series_release(series[i]);
    }
    tacho__ladder_free(s.ladder);
    recorder_close(&r);
}

/* ----------------------------------------------------------------------------------------------------------------
 * bytes */

static void put_ladder(const tacho__ladder *ladder, tacho__buffer *out) {
    tacho__ladder_put(out, ladder);
    assert_int_equal(tacho__buffer_status(out), TACHO_OK);
}

static tacho_status get_ladder(const void *bytes, size_t length, tacho__ladder **out) {
    tacho__msgpack map;
    *out = NULL;
    return tacho__msgpack_check(bytes, length, 0, &map, NULL) == TACHO_OK ? tacho__ladder_get(&map, out)
                                                                          : TACHO_DAMAGED;
}

static void test_ladder__goes_on_after_it_was_saved(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    static sums expected;
    const int64_t start = now_of(&s);
    feed(&s);
    for (int i = 1; i <= 24; ++i) {
        live_until(&s, start + i * 10 * SECOND, 2 * S);
        feed(&s);
        tacho__buffer out = TACHO__BUFFER_INIT, again = TACHO__BUFFER_INIT;
        put_ladder(s.ladder, &out);
        tacho__ladder_free(s.ladder);
        assert_int_equal(get_ladder(out.data, out.length, &s.ladder), TACHO_OK);
        put_ladder(s.ladder, &again);
        assert_int_equal(again.length, out.length);
        assert_memory_equal(again.data, out.data, out.length);
        tacho__buffer_free(&out);
        tacho__buffer_free(&again);
    }
    for (int64_t at = start; at < now_of(&s); at += 10 * SECOND) {
        check_step(&s, (int)random_below(4) - 1, at, 10 * SECOND, &expected);
    }
    stream_close(&s);
}

static void test_ladder__damaged_bytes_are_refused_or_harmless(void **state) {
    (void)state;
    seed(__func__);
    stream s;
    stream_open(&s);
    const int64_t start = now_of(&s);
    feed(&s);
    for (int i = 1; i <= 6; ++i) {
        live_until(&s, start + i * 10 * SECOND, 3 * S);
        feed(&s);
    }
    tacho__buffer out = TACHO__BUFFER_INIT;
    put_ladder(s.ladder, &out);
    unsigned refused = 0;
    for (int i = 0; i < 20000; ++i) {
        const size_t at = random_below(out.length);
        const char before = out.data[at];
        out.data[at] = (char)random_below(256);
        tacho__ladder *ladder;
        if (get_ladder(out.data, out.length, &ladder) == TACHO_OK) {
            stream other = {.ladder = ladder};
            ask(&other, "p95{operation!=\"plan\"}", start, MINUTE);
            tacho__ladder_free(ladder);
        } else {
            ++refused;
        }
        out.data[at] = before;
    }
    for (size_t length = 0; length < out.length; ++length) {
        tacho__ladder *ladder;
        assert_int_not_equal(get_ladder(out.data, length, &ladder), TACHO_OK);
    }
    printf("%u of 20000 damaged ladders refused\n", refused);
    tacho__buffer_free(&out);
    stream_close(&s);
}

/* -------------------------------------------------------------------------------------------------------------
 * selector */

static void test_selector__refuses_what_it_does_not_know(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "what",
                                        "calls{",
                                        "calls{operation}",
                                        "calls{operation=}",
                                        "calls{operation=\"a}",
                                        "calls{operation=\"a\"",
                                        "calls{user=\"a\"}",
                                        "calls{tag:=\"a\"}",
                                        "calls{tag: =\"a\"}",
                                        "calls{tag:tier}",
                                        "calls x",
                                        "p0",
                                        "p100",
                                        "p99.99",
                                        "p9x",
                                        "calls{operation~\"a\"}"};
    tacho__selector selector;
    char problem[TACHO__SELECTOR_PROBLEM];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(tacho__selector_parse(wrong[i], &selector, problem), TACHO_INVALID);
        assert_true(strlen(problem) > 0);
    }
}

static bool meant(const char *what, tacho__labels labels) {
    tacho__selector selector;
    char problem[TACHO__SELECTOR_PROBLEM];
    assert_int_equal(tacho__selector_parse(what, &selector, problem), TACHO_OK);
    return tacho__selector_matches(&selector, &labels);
}

static void test_selector__matches_labels(void **state) {
    (void)state;
    const tacho__labels search = {.operation = "vector_search", .kind = "tool"};
    const tacho__labels part = {.operation = "answer", .kind = "step", .component = "search"};
    assert_true(meant("calls", search));
    assert_true(meant(" p99.9 { tool = \"vector*\" , kind!=\"step\" } ", search));
    assert_true(meant("calls{operation=\"*\"}", search));
    assert_true(meant("calls{operation=\"v*r_s*h\"}", search));
    assert_false(meant("calls{operation=\"v*r_s\"}", search));
    assert_true(meant("calls{model=\"\"}", search));
    assert_false(meant("calls{tool=\"answer\"}", part));
    assert_false(meant("calls", part));
    assert_true(meant("avg{component=\"search\"}", part));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder__fed_at_edges_equals_brute_force),
        cmocka_unit_test(test_ladder__fed_at_random_is_within_half_a_step_of_brute_force),
        cmocka_unit_test(test_ladder__begins_with_the_records_there_are),
        cmocka_unit_test(test_ladder__does_not_guess_what_was_before_it),
        cmocka_unit_test(test_ladder__reset_counts_what_is_new),
        cmocka_unit_test(test_ladder__marks_steps_that_nobody_watched),
        cmocka_unit_test(test_ladder__sums_over_all_keep_what_has_no_series_of_its_own),
        cmocka_unit_test(test_ladder__stays_within_its_bound),
        cmocka_unit_test(test_ladder__goes_on_after_it_was_saved),
        cmocka_unit_test(test_ladder__damaged_bytes_are_refused_or_harmless),
        cmocka_unit_test(test_selector__refuses_what_it_does_not_know),
        cmocka_unit_test(test_selector__matches_labels),
    };
    return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
