/** What bench_core.c measures beside ours: prometheus-cpp behind C functions, or nothing where it is not installed. */
#ifndef TACHO_BENCH_PEER_H
#define TACHO_BENCH_PEER_H

#ifdef __cplusplus
extern "C" {
#endif

int peer_is_there(void);
void peer_counter(int times);      /* increments one counter */
void peer_histogram(double value); /* observes one value in a histogram of 14 buckets */

#ifdef __cplusplus
}
#endif
#endif
