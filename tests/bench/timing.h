/** What the benchmarks of single calls share: processor time, durations to record, ways that stand beside ours. */
#ifndef TACHO_BENCH_TIMING_H
#define TACHO_BENCH_TIMING_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/** Processor time of this thread. */
static inline uint64_t cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/** Durations from 1 to 17 ms, in no order. */
static inline uint64_t some_duration(uint32_t i) {
    return 1000000 + (i * UINT32_C(2654435761) >> 8);
}

static inline void read_clocks(int times) {
    for (int i = 0; i < times; i++) {
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
    }
}

/** The same count and sum as most libraries keep them: one histogram behind a lock. */
static inline void count_under_a_mutex(uint32_t times) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t buckets[64], sum;
    for (uint32_t i = 0; i < times; i++) {
        const uint64_t duration = some_duration(i);
        pthread_mutex_lock(&mutex);
        buckets[63 - __builtin_clzll(duration)]++;
        sum += duration;
        pthread_mutex_unlock(&mutex);
    }
}

static inline int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/** Sorts the figures of the rounds; the tenth of them that ran best ends there: what disturbs a round makes it slower.
 */
static inline double typical(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 10];
}

#endif
