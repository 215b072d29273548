/*
 * What recording costs a C program, as ratios within this run: a duration through a bound handle, a timed operation,
 * and two threads on one series. Prints one line per figure: name, measured, limit, separated by tabs. Each figure is
 * the best of ROUNDS rounds, because everything that disturbs a round makes it slower.
 */
#include <tachograph.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 21
#define CALLS  400000

static tacho_collector *collector;
static tacho_series *series;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void read_clock(void) {
    for (int i = 0; i < CALLS; i++)
        (void)now_ns();
}

static void observe(void) {
    for (uint64_t i = 0; i < CALLS; i++)
        tacho_observe(series, 1000000 + i);
}

static void time_operation(void) {
    for (int i = 0; i < CALLS; i++) {
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
}

static void *observe_in_thread(void *seconds) {
    observe(); /* the first use of a thread takes a lane */
    uint64_t start = now_ns();
    observe();
    *(double *)seconds = (double)(now_ns() - start);
    return NULL;
}

/* Nanoseconds per call. */
static double best(void (*work)(void)) {
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        work();
        double took = (double)(now_ns() - start);
        least = took < least ? took : least;
    }
    return least / CALLS;
}

/* The same for `count` threads at once: the slower of them in the best round. */
static double best_of_threads(int count) {
    double least = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[2];
        double took[2] = {0, 0};
        for (int i = 0; i < count; i++)
            pthread_create(&threads[i], NULL, observe_in_thread, &took[i]);
        for (int i = 0; i < count; i++)
            pthread_join(threads[i], NULL);
        double slower = took[0] > took[1] ? took[0] : took[1];
        least = slower < least ? slower : least;
    }
    return least / CALLS;
}

int main(void) {
    if (tacho_collector_open(&collector, NULL) != TACHO_OK ||
        tacho_bind(collector, TACHO_KIND_STEP, "bench", NULL, &series) != TACHO_OK)
        return 1;
    double clock_ns = best(read_clock), observe_ns = best(observe), operation_ns = best(time_operation);
    double one = best_of_threads(1), two = best_of_threads(2);
    printf("clock_gettime, ns\t%.1f\t\n", clock_ns);
    printf("C record through a bound handle, ns\t%.1f\t6\n", observe_ns);
    printf("C record / clock_gettime\t%.2f\t0.3\n", observe_ns / clock_ns);
    printf("C timed operation, ns\t%.1f\t\n", operation_ns);
    printf("C timed operation / clock_gettime\t%.2f\t4\n", operation_ns / clock_ns);
    printf("C record, 2 threads on one series / 1 thread\t%.2f\t1.2\n", two / one);
    tacho_series_release(series);
    tacho_collector_close(collector);
    return 0;
}
