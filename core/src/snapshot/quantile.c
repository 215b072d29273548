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

/* A walk over the buckets, up to the one that a rank falls into; ranks that ascend need one walk only. */
typedef struct walk {
    const tacho__buckets *buckets;
    int64_t min, max;
    double per_one;
    uint32_t at;
    uint64_t before; /* values in the buckets before that one */
} walk;

/* The value of a 0-based rank. */
static double at_rank(walk *w, uint64_t rank) {
    const tacho__buckets *buckets = w->buckets;
    if (rank == 0 || rank + 1 >= buckets->total) {
        return (double)(rank == 0 ? w->min : w->max);
    }
    if (rank < w->before) {
        w->at = 0;
        w->before = 0;
    }
    while (w->at < buckets->length && w->before + buckets->counts[w->at] <= rank) {
        w->before += buckets->counts[w->at++];
    }
    return w->at < buckets->length ? midpoint(buckets, w->at, w->min, w->max, w->per_one) : (double)w->max;
}

static int64_t quantile(walk *w, unsigned permille) {
    __extension__ typedef unsigned __int128 wide;
    const wide position = (wide)(w->buckets->total - 1) * permille;
    const uint64_t rank = (uint64_t)(position / 1000);
    const double rest = (double)(unsigned)(position % 1000) / 1000.0;
    const double low = at_rank(w, rank);
    return llround(rest == 0.0 ? low : low + (at_rank(w, rank + 1) - low) * rest);
}

void tacho__quantiles(const tacho__buckets *buckets, int64_t min, int64_t max, double per_one,
                      const unsigned *permilles, int64_t *out, unsigned count) {
    walk w = {buckets, min, max, per_one, 0, 0};
    prepare();
    for (unsigned i = 0; i < count; i++) {
        out[i] = buckets->total > 0 ? quantile(&w, permilles[i]) : -1;
    }
}

int64_t tacho__quantile(const tacho__buckets *buckets, unsigned permille, int64_t min_ns, int64_t max_ns) {
    int64_t value;
    tacho__quantiles(buckets, min_ns, max_ns, 1e9, &permille, &value, 1);
    return value;
}

int64_t tacho__spread(const tacho__buckets *buckets, int64_t min_ns, int64_t max_ns) {
    if (buckets->total < 2) {
        return -1;
    }
    prepare();
    /* Deviations are taken from the median, which is near the mean: one pass, and nothing that matters cancels out. */
    walk w = {buckets, min_ns, max_ns, 1e9, 0, 0};
    const double pivot = at_rank(&w, buckets->total / 2), min = (double)min_ns, max = (double)max_ns;
    const double *values = &middles[buckets->first - TACHO__BUCKET_ZERO];
    double sum = 0.0, squares = 0.0;
    for (uint32_t i = 0; i < buckets->length; i++) {
        const double value = values[i] * 1e9, above = value < min ? min : value;
        const double step = (above > max ? max : above) - pivot;
        const double weighted = (double)(int64_t)buckets->counts[i] * step;
        sum += weighted;
        squares += weighted * step;
    }
    const double n = (double)buckets->total;
    const double variance = (squares - sum * sum / n) / (n - 1.0);
    return variance > 0.0 ? llround(sqrt(variance)) : 0;
}
