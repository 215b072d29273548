/*
 * What recording costs a C program, as ratios within this run. Prints one line per figure: name, measured, limit (empty
 * = for information), separated by tabs.
 *
 * Every round measures every way once, in slices of a few hundred microseconds; a figure is the 10th percentile of the
 * rounds, because what disturbs a slice (another process, a cold cache after it) only ever makes it slower. Time is the
 * thread's CPU time: waiting for a processor that others use is not the library's cost. For comparison the run has the
 * same count under a pthread mutex.
 */
#include <tachograph.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

#define ROUNDS 301
#define SLICE  4000
#define WAYS   9

static tacho_collector *collector;
static tacho_series *series, *model;

/* ------------------------------------------------------------------------------------------------------------- ways */

static void read_clock(void) {
    read_clocks(SLICE);
}

static void observe(void) {
    for (uint32_t i = 0; i < SLICE; i++) {
        tacho_observe(series, some_duration(i));
    }
}

static void time_operation(void) {
    for (int i = 0; i < SLICE; i++) {
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
}

static void time_child(void) {
    tacho_operation parent;
    tacho_begin(series, NULL, &parent);
    for (int i = 0; i < SLICE; i++) {
        tacho_operation op;
        tacho_begin(series, &parent, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    tacho_end(&parent, TACHO_OUTCOME_OK);
}

static void record(void) {
    tacho_finished finished = TACHO_FINISHED_INIT;
    for (uint32_t i = 0; i < SLICE; i++) {
        finished.duration_ns = some_duration(i);
        tacho_record(series, &finished);
    }
}

static const tacho_usage usage = {.struct_size = sizeof usage,
                                  .input = 1200,
                                  .cache_read = 10000,
                                  .cache_write = 300,
                                  .cache_write_1h = 20,
                                  .output = 340,
                                  .reasoning = 80};

static void call_model(void) {
    for (int i = 0; i < SLICE; i++) {
        tacho_operation op;
        tacho_begin(model, NULL, &op);
        tacho_operation_usage(&op, &usage);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
}

static void price_only(void) {
    static tacho_price_model price;
    if (!price.struct_size) {
        tacho_price_model_find(NULL, "anthropic", "claude-opus-4-6", &price);
    }
    for (int i = 0; i < SLICE; i++) {
        tacho_cost cost;
        tacho_price_cost(&price, &usage, INT64_C(1790000000000000000), &cost);
    }
}

static void call_tool(void) {
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    for (uint32_t i = 0; i < SLICE; i++) {
        tacho_operation_tool_call(&op, "edit_file", some_duration(i), TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
}

static void count_under_mutex(void) {
    count_under_a_mutex(SLICE);
}

static void (*const ways[WAYS])(void) = {read_clock, observe,    time_operation, time_child,       record,
                                         call_model, price_only, call_tool,      count_under_mutex};
enum { CLOCK, OBSERVE, TIMED, CHILD, RECORD, MODEL, PRICE, TOOL, MUTEX };
static double took[WAYS][ROUNDS];

/* ------------------------------------------------------------------------------------------------------------ rounds
 */

static double ns_of(int way) {
    return typical(took[way], ROUNDS);
}

static void measure_ways(void) {
    for (int round = -3; round < ROUNDS; round++) { /* the first ones warm up */
        for (int way = 0; way < WAYS; way++) {
            const uint64_t start = cpu_ns();
            ways[way]();
            if (round >= 0) {
                took[way][round] = (double)(cpu_ns() - start) / SLICE;
            }
        }
    }
}

/* ----------------------------------------------------------------------------------------------------------- threads
 */

#define THREAD_ROUNDS 61

typedef struct racer {
    _Atomic int *waiting;
    double ns;
} racer;

static void *race(void *argument) {
    racer *r = argument;
    observe(); /* the first use of a thread takes a lane */
    atomic_fetch_sub(r->waiting, 1);
    while (atomic_load(r->waiting) > 0) {
    }
    const uint64_t start = cpu_ns();
    for (int i = 0; i < 25; i++) {
        observe();
    }
    r->ns = (double)(cpu_ns() - start) / (25 * SLICE);
    return NULL;
}

/* The slower one of `count` threads that count on the same series at the same time. */
static double race_threads(int count) {
    _Atomic int waiting = count;
    pthread_t threads[2];
    racer racers[2] = {{&waiting, 0}, {&waiting, 0}};
    for (int i = 0; i < count; i++) {
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    return racers[0].ns > racers[1].ns ? racers[0].ns : racers[1].ns;
}

static double threads_ratio(void) {
    double one[THREAD_ROUNDS], two[THREAD_ROUNDS];
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        one[i] = race_threads(1);
        two[i] = race_threads(2);
    }
    return typical(two, THREAD_ROUNDS) / typical(one, THREAD_ROUNDS);
}

/* ------------------------------------------------------------------------------------------------------------- memory
 */

static long resident_kib(void) {
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &ignored, &pages) != 2) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static _Atomic int at_work;

static void *record_many(void *argument) {
    for (int i = 0; i < 25; i++) {
        record();
    }
    atomic_fetch_sub(&at_work, 1);
    while (atomic_load(&at_work) > 0) { /* together, so that each keeps a lane of its own */
        sched_yield();
    }
    return argument;
}

static void record_in_16_threads(void) {
    pthread_t threads[16];
    atomic_store(&at_work, 16);
    for (int i = 0; i < 16; i++) {
        pthread_create(&threads[i], NULL, record_many, NULL);
    }
    for (int i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Growth of the process by 16 threads x 100,000 records after as many before, in KiB. */
static long growth_kib(void) {
    record_in_16_threads();
    const long before = resident_kib();
    record_in_16_threads();
    return resident_kib() - before;
}

int main(void) {
    const tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    if (tacho_collector_open(&collector, NULL) != TACHO_OK ||
        tacho_bind(collector, TACHO_KIND_STEP, "bench", NULL, &series) != TACHO_OK ||
        tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &model) != TACHO_OK) {
        return 1;
    }
    measure_ways();
    const double clock = ns_of(CLOCK);
    printf("clock_gettime, ns\t%.1f\t\n", clock);
    printf("C record through a bound handle, ns\t%.1f\t6\n", ns_of(OBSERVE));
    printf("C record / clock_gettime\t%.2f\t0.3\n", ns_of(OBSERVE) / clock);
    printf("C record / the same under a mutex\t%.2f\t\n", ns_of(OBSERVE) / ns_of(MUTEX));
    printf("C timed operation, ns\t%.1f\t\n", ns_of(TIMED));
    printf("C timed operation / clock_gettime\t%.2f\t4\n", ns_of(TIMED) / clock);
    printf("C timed child operation / clock_gettime\t%.2f\t\n", ns_of(CHILD) / clock);
    printf("C finished operation / clock_gettime\t%.2f\t\n", ns_of(RECORD) / clock);
    printf("C tool call / clock_gettime\t%.2f\t\n", ns_of(TOOL) / clock);
    printf("C model call with usage and cost, ns\t%.1f\t\n", ns_of(MODEL));
    printf("price of six token classes, ns\t%.1f\t200\n", ns_of(PRICE));
    printf("C record, 2 threads on one series / 1 thread\t%.2f\t1.2\n", threads_ratio());
    printf("growth by 16 threads x 100,000 records, KiB\t%ld\t256\n", growth_kib());
    tacho_series_release(series);
    tacho_series_release(model);
    tacho_collector_close(collector);
    return 0;
}
