#include "snapshot/quantile.h"

#include <math.h>
#include <pthread.h>

/* Geometric middle of every bucket, in its unit, computed once: tables of many rows ask for the same ones again and
 * again. */
static double middles[TACHO__BUCKET_HIGHEST - TACHO__BUCKET_ZERO + 1];

static void fill_middles(void) {
    for (int32_t index = TACHO__BUCKET_ZERO + 1; index <= TACHO__BUCKET_HIGHEST; index++) {
        middles[index - TACHO__BUCKET_ZERO] = exp2((2.0 * index + 1.0) / 32.0);
    }
}

static void prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_middles);
}

static double midpoint(const tacho__buckets *buckets, uint32_t at, int64_t min_ns, int64_t max_ns, double per_one) {
    int32_t index = buckets->first + (int32_t)at;
    double ns = middles[index - TACHO__BUCKET_ZERO] * per_one; /* of the zeros 0 */
    if (ns < (double)min_ns) {
        return (double)min_ns;
    }
    return ns > (double)max_ns ? (double)max_ns : ns;
}

/* The value of a 0-based rank. */
static double at_rank(const tacho__buckets *buckets, uint64_t rank, int64_t min_ns, int64_t max_ns, double per_one) {
    if (rank == 0) {
        return (double)min_ns;
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < buckets->length && rank + 1 < buckets->total; i++) {
        seen += buckets->counts[i];
        if (seen > rank) {
            return midpoint(buckets, i, min_ns, max_ns, per_one);
        }
    }
    return (double)max_ns;
}

int64_t tacho__quantile_of(const tacho__buckets *buckets, unsigned permille, int64_t min_ns, int64_t max_ns,
                           double per_one) {
    if (buckets->total == 0) {
        return -1;
    }
    prepare();
    __extension__ typedef unsigned __int128 wide;
    wide position = (wide)(buckets->total - 1) * permille;
    uint64_t rank = (uint64_t)(position / 1000);
    double rest = (double)(unsigned)(position % 1000) / 1000.0;
    double low = at_rank(buckets, rank, min_ns, max_ns, per_one);
    if (rest == 0.0) {
        return llround(low);
    }
    double high = at_rank(buckets, rank + 1, min_ns, max_ns, per_one);
    return llround(low + (high - low) * rest);
}

int64_t tacho__quantile(const tacho__buckets *buckets, unsigned permille, int64_t min_ns, int64_t max_ns) {
    return tacho__quantile_of(buckets, permille, min_ns, max_ns, 1e9);
}

int64_t tacho__spread(const tacho__buckets *buckets, int64_t min_ns, int64_t max_ns) {
    if (buckets->total < 2) {
        return -1;
    }
    prepare();
    double n = 0.0, mean = 0.0, squares = 0.0;
    for (uint32_t i = 0; i < buckets->length; i++) {
        if (buckets->counts[i] > 0) { /* West (1979), "Updating mean and variance estimates" */
            double weight = (double)buckets->counts[i];
            double value = midpoint(buckets, i, min_ns, max_ns, 1e9);
            double step = value - mean;
            n += weight;
            mean += step * weight / n;
            squares += weight * step * (value - mean);
        }
    }
    return llround(sqrt(squares / (n - 1.0)));
}
