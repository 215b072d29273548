/*
 * The figures of the recording core, as ratios within this run, on a segment that is a file in a shared folder. Prints
 * one line per figure: name, measured, limit (empty = for information), separated by tabs.
 *
 * Every round measures every way once, in short slices; a figure is the 10th percentile of the rounds, because what
 * disturbs a slice only ever makes it slower. Beside ours, in the same rounds: the clock, the same record under a
 * pthread mutex, and prometheus-cpp where it is installed.
 */
#include <tachograph.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "timing.h"

#define ROUNDS 201
#define SLICE  10000
#define BATCH  16 /* operations in flight while their ends are measured */

static tacho_collector *collector;
static tacho_series *step, *model;
static tacho_metric *counter, *histogram, *labelled;

/* ------------------------------------------------------------------------------------------------------------- ways */

static void read_clock(void) {
    read_clocks(SLICE);
}

static void count(void) {
    for (int i = 0; i < SLICE; i++) {
        tacho_counter_count(counter, 1);
    }
}

static void observe_metric(void) {
    for (uint32_t i = 0; i < SLICE; i++) {
        tacho_histogram_observe_ns(histogram, some_duration(i));
    }
}

static void observe_series(void) {
    for (uint32_t i = 0; i < SLICE; i++) {
        tacho_observe(step, some_duration(i));
    }
}

static void time_operation(void) {
    for (int i = 0; i < SLICE; i++) {
        tacho_operation op;
        tacho_begin(step, NULL, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
}

/* With one thread alone the C library leaves the atomic instructions of a mutex out, which no real program gets. */
static void *sleep_until_the_end(void *unused) {
    for (;;) {
        pause();
    }
    return unused;
}

static void count_under_mutex(void) {
    count_under_a_mutex(SLICE);
}

static void peer_count(void) {
    peer_counter(SLICE);
}

static void peer_observe(void) {
    for (uint32_t i = 0; i < SLICE; i++) {
        peer_histogram((double)some_duration(i) * 1e-9);
    }
}

static void bind_labels(void) {
    static const char *const values[] = {"anthropic", "claude-opus-4-6", "gold", "eu"};
    for (int i = 0; i < SLICE / 10; i++) {
        tacho_metric *metric = NULL;
        tacho_metric_labels(labelled, values, 4, &metric);
        tacho_metric_release(metric);
    }
}

/* Provider and model are cleaned and looked up among aliases every time: whoever is in a hurry keeps the handle. */
static void bind_operation(void) {
    const tacho_tag tags[] = {{"tier", "gold"}, {"region", "eu"}};
    const tacho_labels labels =
        TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6", .tag_count = 2, .tags = tags);
    for (int i = 0; i < SLICE / 10; i++) {
        tacho_series *series = NULL;
        tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &series);
        tacho_series_release(series);
    }
}

enum { CLOCK, COUNT, METRIC, SERIES, TIMED, MUTEX, PEER_COUNT, PEER_HISTOGRAM, BIND, BIND_OPERATION, USAGE, END, WAYS };
static void (*const ways[])(void) = {read_clock,        count,      observe_metric, observe_series, time_operation,
                                     count_under_mutex, peer_count, peer_observe,   bind_labels,    bind_operation};
static double took[WAYS][ROUNDS];

/* Usage and end of full model calls, apart: begun first, then the usages, then the ends. */
static void measure_model_calls(int round) {
    static const tacho_usage usage = {.struct_size = sizeof usage,
                                      .input = 1200,
                                      .cache_read = 10000,
                                      .cache_write = 300,
                                      .cache_write_1h = 20,
                                      .output = 340,
                                      .reasoning = 80};
    tacho_operation op[BATCH];
    uint64_t in_usage = 0, in_end = 0;
    for (int times = 0; times < SLICE / BATCH; times++) {
        for (int i = 0; i < BATCH; i++) {
            tacho_begin(model, NULL, &op[i]);
        }
        struct timespec a, b, c;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int i = 0; i < BATCH; i++) {
            tacho_operation_usage(&op[i], &usage);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        for (int i = 0; i < BATCH; i++) {
            tacho_end(&op[i], TACHO_OUTCOME_OK);
        }
        clock_gettime(CLOCK_MONOTONIC, &c);
        in_usage += (uint64_t)((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec);
        in_end += (uint64_t)((c.tv_sec - b.tv_sec) * 1000000000 + c.tv_nsec - b.tv_nsec);
    }
    if (round >= 0) {
        took[USAGE][round] = (double)in_usage / (SLICE / BATCH * BATCH);
        took[END][round] = (double)in_end / (SLICE / BATCH * BATCH);
    }
}

static void measure(void) {
    for (int round = -3; round < ROUNDS; round++) { /* the first ones warm up */
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
            const uint64_t start = cpu_ns();
            ways[way]();
            if (round >= 0) {
                took[way][round] =
                    (double)(cpu_ns() - start) / (way == BIND || way == BIND_OPERATION ? SLICE / 10 : SLICE);
            }
        }
        measure_model_calls(round);
    }
}

static double ns_of(int way) {
    return typical(took[way], ROUNDS);
}

/* ----------------------------------------------------------------------------------------------------------- folder */

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder) {
        closedir(folder);
    }
    rmdir(path);
}

static int open_shared(char *path) {
    static const char *const tags[] = {"tier", "region"};
    const tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    static const char *const names[] = {"provider", "model", "tier", "region"};
    const tacho_metric_spec requests = {
        .struct_size = sizeof requests, .name = "bench_requests", .labels = names, .label_count = 4};
    const tacho_metric_spec pages = {.struct_size = sizeof pages, .name = "bench_pages"};
    const tacho_metric_spec waits = {.struct_size = sizeof waits, .name = "bench_wait", .unit = "s"};
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = mkdtemp(path);
    config.tags = tags;
    config.tag_count = 2;
    return config.dir && tacho_collector_open(&collector, &config) == TACHO_OK &&
           tacho_bind(collector, TACHO_KIND_STEP, "bench", NULL, &step) == TACHO_OK &&
           tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &model) == TACHO_OK &&
           tacho_counter(collector, &pages, &counter) == TACHO_OK &&
           tacho_counter(collector, &requests, &labelled) == TACHO_OK &&
           tacho_histogram(collector, &waits, &histogram) == TACHO_OK;
}

static void print_peers(double clock) {
    printf("the same record under a pthread mutex, ns\t%.1f\t\n", ns_of(MUTEX));
    if (peer_is_there()) {
        printf("prometheus-cpp counter, ns\t%.1f\t\n", ns_of(PEER_COUNT));
        printf("prometheus-cpp histogram of 14 buckets, ns\t%.1f\t\n", ns_of(PEER_HISTOGRAM));
        printf("counter / prometheus-cpp's\t%.2f\t\n", ns_of(COUNT) / ns_of(PEER_COUNT));
        printf("histogram / prometheus-cpp's\t%.2f\t\n", ns_of(METRIC) / ns_of(PEER_HISTOGRAM));
    }
    printf("clock_gettime in this run, ns\t%.1f\t\n", clock);
}

int main(void) {
    char path[] = "/dev/shm/tacho-bench-XXXXXX";
    if (!open_shared(path)) {
        remove_folder(path);
        return 1;
    }
    pthread_t sleeper;
    pthread_create(&sleeper, NULL, sleep_until_the_end, NULL);
    measure();
    const double clock = ns_of(CLOCK);
    printf("counter, bound, shared file, ns\t%.1f\t4\n", ns_of(COUNT));
    printf("histogram, bound, shared file, ns\t%.1f\t4\n", ns_of(METRIC));
    printf("histogram / clock_gettime\t%.2f\t0.25\n", ns_of(METRIC) / clock);
    printf("duration of an operation series, ns\t%.1f\t\n", ns_of(SERIES));
    printf("end of a full model call, clock apart, ns\t%.1f\t60\n", ns_of(END) - clock);
    printf("its usage with six token classes and their price, ns\t%.1f\t\n", ns_of(USAGE));
    printf("begin and end of a timed operation, ns\t%.1f\t75\n", ns_of(TIMED));
    printf("begin and end of a timed operation / clock_gettime\t%.2f\t3.5\n", ns_of(TIMED) / clock);
    printf("4-label bind, ns\t%.1f\t90\n", ns_of(BIND));
    printf("bind of a model's operation with 2 tags, ns\t%.1f\t\n", ns_of(BIND_OPERATION));
    print_peers(clock);
    tacho_metric_release(counter);
    tacho_metric_release(labelled);
    tacho_metric_release(histogram);
    tacho_series_release(step);
    tacho_series_release(model);
    tacho_collector_close(collector);
    remove_folder(path);
    return 0;
}
