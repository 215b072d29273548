/**
 * Percentiles and spread out of bucket counts. Every bucket answers with its geometric midpoint, clamped to the exact
 * [min, max]: off by at most 2.2 % (half a bucket at scale 4), and exact where all values are equal.
 */
#ifndef TACHO_SNAPSHOT_QUANTILE_H
#define TACHO_SNAPSHOT_QUANTILE_H

#include "snapshot/buckets.h"

/**
 * Quantiles of a distribution.
 *
 * The two neighbouring order statistics at position (n - 1) * q are looked up and interpolated, as for raw values
 * (Hyndman and Fan, "Sample Quantiles in Statistical Packages", type 7), the first and the last being the exact min and
 * max: so the answer stays within 2.2 % of that of the raw values even for a handful of calls.
 *
 * @param min,max    exact extremes of what the buckets hold
 * @param per_one    stored units in one second, token, dollar or whatever the grid is in
 * @param permilles  q in thousandths, 0..1000; fastest where they ascend
 * @param out        stored units, one for each q; -1 when the buckets are empty
 */
void tacho__quantiles(const tacho__buckets *buckets, int64_t min, int64_t max, double per_one,
                      const unsigned *permilles, int64_t *out, unsigned count);

/** One quantile of durations, in nanoseconds. */
int64_t tacho__quantile(const tacho__buckets *buckets, unsigned permille, int64_t min_ns, int64_t max_ns);

/** Sample standard deviation (n - 1) from bucket midpoints, in nanoseconds, about 3 %; -1 for fewer than 2 values. */
int64_t tacho__spread(const tacho__buckets *buckets, int64_t min_ns, int64_t max_ns);

#endif
