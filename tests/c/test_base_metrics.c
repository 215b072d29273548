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

static tacho__view *dead_view(recorder *r) {
    const tacho__segment *segment = tacho__segment_of(r->collector);
    tacho__view *view = NULL;
    assert_int_equal(tacho__view_of_dead(segment->base, tacho__base_length(segment), 0, RECORDER_WALL, &view),
                     TACHO_OK);
    return view;
}

static tacho__view *base_of(const tacho__view *const *views, size_t count, bool has_base) {
    const tacho__base_plan plan = {.views = views, .count = count, .has_base = has_base};
    tacho__segment *segment = NULL;
    tacho__view *view = NULL;
    assert_int_equal(tacho__base_build(&plan, &segment), TACHO_OK);
    assert_int_equal(
        tacho__view_of_bytes(segment->base, tacho__base_length(segment), RECORDER_WALL, RECORDER_WALL, &view),
        TACHO_OK);
    tacho__segment_release(segment);
    assert_int_equal(tacho__view_describe(view)->faults, 0);
    return view;
}

/* A series by the name of its metric (NULL: a cache) and its first label. */
static const tacho__custom_view *find(const tacho__view *view, const char *metric, const char *label) {
    static tacho__custom_view one;
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        tacho__metric_view about = {.name = NULL};
        if (!tacho__view_custom(view, i, &one) || (one.type == TACHO__TYPE_CACHE) != (metric == NULL)) {
            continue;
        }
        if (metric && (!tacho__view_metric(view, one.metric, &about) || strcmp(about.name, metric) != 0)) {
            continue;
        }
        const char *first = one.labels[0] ? one.labels[0] : "";
        if (strcmp(first, label) == 0 && !(one.flags & TACHO__SERIES_IS_OVERFLOW)) {
            return &one;
        }
    }
    fail_msg("no series of %s with label '%s'", metric ? metric : "caches", label);
    return NULL;
}

static tacho_metric *declare(recorder *r, int type, const char *name, tacho_merge merge) {
    static const char *const labels[] = {"route", NULL};
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    spec.name = name;
    spec.unit = "s";
    spec.labels = labels;
    spec.label_count = 1;
    spec.merge = merge;
    tacho_metric *metric = NULL;
    const tacho_status status = type == TACHO__TYPE_COUNTER ? tacho_counter(r->collector, &spec, &metric)
                                : type == TACHO__TYPE_GAUGE ? tacho_gauge(r->collector, &spec, &metric)
                                                            : tacho_histogram(r->collector, &spec, &metric);
    assert_int_equal(status, TACHO_OK);
    return metric;
}

static tacho_metric *labelled(tacho_metric *metric, const char *value) {
    tacho_metric *one = NULL;
    assert_int_equal(tacho_metric_labels(metric, &value, 1, &one), TACHO_OK);
    tacho_metric_release(metric);
    return one;
}

/* What a process does; the second one also has something that the first has not. */
static void live(recorder *r, int which) {
    if (which == 1) {
        tacho_metric_release(declare(r, TACHO__TYPE_COUNTER, "first_here", TACHO_MERGE_SUM));
    }
    tacho_metric *jobs = labelled(declare(r, TACHO__TYPE_COUNTER, "jobs", TACHO_MERGE_SUM), "a");
    tacho_metric *wait = labelled(declare(r, TACHO__TYPE_HISTOGRAM, "wait", TACHO_MERGE_SUM), "a");
    tacho_metric *speed = labelled(declare(r, TACHO__TYPE_GAUGE, "speed", TACHO_MERGE_NEWEST), "a");
    tacho_metric *peak = labelled(declare(r, TACHO__TYPE_GAUGE, "peak", TACHO_MERGE_MAX), "a");
    tacho_metric *queue = labelled(declare(r, TACHO__TYPE_GAUGE, "queue", TACHO_MERGE_SUM), "a");
    tacho_counter_add(jobs, 2 + which);
    for (int i = 1; i <= 10 * (which + 1); ++i) {
        tacho_histogram_observe(wait, i);
    }
    tacho_gauge_set(speed, 10 + which);
    tacho_gauge_set(peak, which ? 5 : 50);
    tacho_gauge_set(queue, 7);
    tacho_cache *cache = NULL;
    assert_int_equal(tacho_cache_bind(r->collector, "prompts", &cache), TACHO_OK);
    tacho_cache_count(cache, TACHO_CACHE_HIT, 3);
    tacho_cache_count(cache, TACHO_CACHE_MISS, 1);
    tacho_cache_size(cache, 100, 1000);
    tacho_cache_release(cache);
    tacho_metric_release(jobs);
    tacho_metric_release(wait);
    tacho_metric_release(speed);
    tacho_metric_release(peak);
    tacho_metric_release(queue);
}

static void check_sums(const tacho__view *base) {
    assert_int_equal(find(base, "jobs", "a")->total, 5 * S);
    const tacho__histogram *wait = &find(base, "wait", "a")->histogram;
    assert_int_equal(wait->count, 30);
    assert_int_equal(wait->sum, (55 + 210) * S);
    assert_int_equal(wait->min, S);
    assert_int_equal(wait->max, 20 * S);
    assert_int_equal(find(base, "speed", "a")->value, 11 * (int64_t)S); /* the newest */
    assert_int_equal(find(base, "peak", "a")->value, 50 * (int64_t)S);
    assert_true(find(base, "queue", "a")->changed_mono_ns == INT64_MIN); /* its part went with the process */
    const tacho__custom_view *cache = find(base, NULL, "prompts");
    assert_int_equal(cache->events[TACHO__CACHE_HIT], 6);
    assert_int_equal(cache->events[TACHO__CACHE_MISS], 2);
    assert_true(cache->size == UINT64_MAX);
}

static void test_base__adds_custom_metrics_by_their_kind(void **state) {
    (void)state;
    recorder r[2];
    tacho__view *views[2];
    for (int i = 0; i < 2; ++i) {
        recorder_open(&r[i], NULL);
        tacho__clock_fake_advance(&r[i].clock, (uint64_t)i * 100 * S);
        live(&r[i], i);
        views[i] = dead_view(&r[i]);
    }
    tacho__view *both = base_of((const tacho__view *const *)views, 2, false);
    check_sums(both);
    tacho__view *again = base_of((const tacho__view *const[]){both}, 1, true);
    check_sums(again);
    tacho__view *turned = base_of((const tacho__view *const[]){views[1], views[0]}, 2, false);
    check_sums(turned);
    tacho__view_free(turned);
    tacho__view_free(again);
    tacho__view_free(both);
    for (int i = 0; i < 2; ++i) {
        tacho__view_free(views[i]);
        recorder_close(&r[i]);
    }
}

static uint64_t total_of(const tacho__view *view, const char *metric) {
    static tacho__custom_view one;
    uint64_t total = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        tacho__metric_view about;
        if (tacho__view_custom(view, i, &one) && one.type == TACHO__TYPE_COUNTER &&
            tacho__view_metric(view, one.metric, &about) && strcmp(about.name, metric) == 0) {
            total += one.total;
        }
    }
    return total;
}

static void test_base__keeps_totals_beyond_the_bound_of_a_metric(void **state) {
    (void)state;
    recorder r[3];
    tacho__view *views[3], *base = NULL;
    uint64_t expected = 0;
    for (int i = 0; i < 3; ++i) {
        tacho_config config = TACHO_CONFIG_INIT;
        config.max_series = 20;
        recorder_open(&r[i], &config);
        tacho_metric *jobs = declare(&r[i], TACHO__TYPE_COUNTER, "jobs", TACHO_MERGE_SUM);
        for (int k = 0; k < 30; ++k) {
            char value[32];
            snprintf(value, sizeof value, "process %d job %d", i, k);
            tacho_metric *one = labelled(tacho_metric_retain(jobs), value);
            tacho_counter_count(one, 1);
            tacho_metric_release(one);
        }
        tacho_metric_release(jobs);
        views[i] = dead_view(&r[i]);
        expected += total_of(views[i], "jobs");
        tacho__view *next = base ? base_of((const tacho__view *const[]){base, views[i]}, 2, true)
                                 : base_of((const tacho__view *const[]){views[i]}, 1, false);
        tacho__view_free(base);
        base = next;
    }
    assert_int_equal(expected, 90 * S);
    assert_int_equal(total_of(base, "jobs"), expected);
    tacho__view_free(base);
    for (int i = 0; i < 3; ++i) {
        tacho__view_free(views[i]);
        recorder_close(&r[i]);
    }
}

/* A process with many histograms that take much room, or, for `late`, with what nobody had before. */
static tacho__view *live_wide(recorder *r, int which, bool late) {
    tacho_config config = TACHO_CONFIG_INIT;
    config.max_series = 10000;
    recorder_open(r, &config);
    for (int m = 0; m < (late ? 1 : 30); ++m) {
        char name[32], value[32];
        snprintf(name, sizeof name, late ? "late_%d" : "wide_%d", late ? which : m);
        tacho_metric *wide = declare(r, TACHO__TYPE_HISTOGRAM, name, TACHO_MERGE_SUM);
        for (int k = 0; k < (late ? 1 : 100); ++k) {
            snprintf(value, sizeof value, "%d of %d", k, which);
            tacho_metric *one = labelled(tacho_metric_retain(wide), value);
            for (int i = 0; i < 14; ++i) {
                tacho_histogram_observe(one, 0.0001 * (1 << i));
            }
            tacho_metric_release(one);
        }
        tacho_metric_release(wide);
    }
    if (late) {
        tacho_metric *jobs = labelled(declare(r, TACHO__TYPE_COUNTER, "late_jobs", TACHO_MERGE_SUM), "a");
        tacho_counter_count(jobs, 1000);
        tacho_metric_release(jobs);
        char step[32];
        snprintf(step, sizeof step, "late %d", which);
        tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, step, NULL, NULL);
        tacho_observe(series, MS);
        tacho_series_release(series);
    }
    tacho__view *view = dead_view(r);
    recorder_close(r);
    return view;
}

/* Observations of all histograms, and of those of one metric. */
static uint64_t observed(const tacho__view *view, const char *metric) {
    static tacho__custom_view one;
    uint64_t count = 0;
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        tacho__metric_view about;
        if (tacho__view_custom(view, i, &one) && one.type == TACHO__TYPE_HISTOGRAM &&
            tacho__view_metric(view, one.metric, &about) && (!metric || strcmp(about.name, metric) == 0)) {
            count += one.histogram.count;
        }
    }
    return count;
}

#define WIDE 12

static void test_base__that_is_full_still_adds_every_metric(void **state) {
    (void)state;
    static recorder r;
    const tacho__view *views[WIDE + 1];
    uint64_t expected = 0;
    for (int i = 0; i < WIDE; ++i) {
        tacho__view *one = live_wide(&r, i, false);
        expected += observed(one, NULL);
        views[i] = one;
    }
    tacho__view *base = base_of(views, WIDE, false);
    assert_true(tacho__view_describe(base)->bytes_used > 28u << 20);
    assert_int_equal(observed(base, NULL), expected);
    const uint64_t full = tacho__view_drops(base, TACHO__DROP_SEGMENT_FULL);
    assert_true(full > 0);
    assert_int_equal(tacho__view_drops(base, TACHO__DROP_SERIES_OVERFLOW), 0);
    for (int i = 0; i < WIDE; ++i) {
        tacho__view_free((tacho__view *)views[i]);
    }
    views[0] = base;
    for (int i = 0; i < WIDE; ++i) {
        views[i + 1] = live_wide(&r, i, true);
    }
    tacho__view *next = base_of(views, WIDE + 1, true);
    assert_int_equal(observed(next, NULL), expected + 14 * WIDE);
    assert_int_equal(observed(next, "late_3"), 14);
    assert_int_equal(total_of(next, "late_jobs"), 1000 * WIDE * S);
    assert_int_equal(digest_calls(next), WIDE);
    /* What has no room is not beyond the bound of series: three of each late process, and some of the base's own, whose
     * room the sessions of the late ones take. */
    assert_int_equal(tacho__view_drops(next, TACHO__DROP_SERIES_OVERFLOW), 0);
    assert_in_range(tacho__view_drops(next, TACHO__DROP_SEGMENT_FULL), full + 3 * WIDE, full + 5 * WIDE);
    tacho__view *again = base_of((const tacho__view *const[]){next}, 1, true);
    assert_int_equal(observed(again, NULL), expected + 14 * WIDE);
    assert_int_equal(total_of(again, "late_jobs"), 1000 * WIDE * S);
    assert_int_equal(digest_calls(again), WIDE);
    assert_int_equal(tacho__view_drops(again, TACHO__DROP_METRIC_OVERFLOW), 0);
    assert_int_equal(tacho__view_drops(again, TACHO__DROP_SERIES_OVERFLOW), 0);
    assert_int_equal(tacho__view_drops(again, TACHO__DROP_SEGMENT_FULL),
                     tacho__view_drops(next, TACHO__DROP_SEGMENT_FULL)); /* a base by itself loses nothing more */
    for (int i = 0; i <= WIDE; ++i) {
        tacho__view_free((tacho__view *)views[i]);
    }
    tacho__view_free(next);
    tacho__view_free(again);
}

/* A process with 250 metrics of its own: a counter of seconds and a histogram of seconds in turn. */
static tacho__view *live_with_many(recorder *r, int which) {
    recorder_open(r, NULL);
    for (int m = 0; m < 250; ++m) {
        char name[32];
        snprintf(name, sizeof name, "many_%d_%d", which, m);
        if (m % 2) {
            tacho_metric *one = labelled(declare(r, TACHO__TYPE_COUNTER, name, TACHO_MERGE_SUM), "a");
            tacho_counter_count(one, 1);
            tacho_metric_release(one);
        } else {
            tacho_metric *one = labelled(declare(r, TACHO__TYPE_HISTOGRAM, name, TACHO_MERGE_SUM), "a");
            tacho_histogram_observe(one, 2.0);
            tacho_metric_release(one);
        }
    }
    tacho__view *view = dead_view(r);
    recorder_close(r);
    return view;
}

static void test_base__adds_metrics_beyond_its_definitions_to_other(void **state) {
    (void)state;
    static recorder r;
    tacho__view *views[3];
    for (int i = 0; i < 3; ++i) {
        views[i] = live_with_many(&r, i);
    }
    tacho__view *base = base_of((const tacho__view *const *)views, 3, false);
    assert_int_equal(observed(base, NULL), 3 * 125);
    const uint64_t beyond = observed(base, "other");
    assert_int_equal(beyond, 3 * 125 - 127); /* 253 definitions are left, the even ones are histograms */
    assert_int_equal(total_of(base, "other"), (3 * 125 - 126) * UINT64_C(1000000));
    static tacho__custom_view other;
    assert_true(tacho__view_custom(base, TACHO__SERIES_METRICS + 2, &other));
    assert_int_equal(other.histogram.sum, beyond * 2000000);
    assert_int_equal(other.histogram.max, 2000000);
    const unsigned place =
        (unsigned)(15 - tacho__grid_absolute(TACHO__GRID_ONE, 0)); /* up to 2^(16/16), closed above */
    assert_int_equal(tacho__histogram_bucket(&other.histogram, place), beyond);
    assert_int_equal(tacho__view_drops(base, TACHO__DROP_METRIC_OVERFLOW), 3 * 250 - 253);
    for (int i = 0; i < 3; ++i) {
        tacho__view_free(views[i]);
    }
    tacho__view_free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base__adds_custom_metrics_by_their_kind),
        cmocka_unit_test(test_base__keeps_totals_beyond_the_bound_of_a_metric),
        cmocka_unit_test(test_base__that_is_full_still_adds_every_metric),
        cmocka_unit_test(test_base__adds_metrics_beyond_its_definitions_to_other),
    };
    return cmocka_run_group_tests_name("base_metrics", tests, NULL, NULL);
}
