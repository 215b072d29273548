/** All numbers of a view as one text, so that two states of a segment can be compared; and what must always hold. */
#ifndef TACHO_TESTS_DIGEST_H
#define TACHO_TESTS_DIGEST_H

#include "segment/reader.h"

#define DIGEST_NUMBERS 1u /* series and sessions that count anything */
#define DIGEST_RECORDS 2u /* recent records and the slowest, in the order of their ids */
#define DIGEST_ALL     3u

/** To be freed. Without times of taking, drops and bounds; with everything that was counted. */
char *digest_of(const tacho__view *view, unsigned what);

/** Sum of calls over all operation series. */
uint64_t digest_calls(const tacho__view *view);

/**
 * What no crash may break: no fault; outcomes and buckets within the calls; calls, tokens and money of all sessions are
 * those of all series. NULL, or what is broken (static storage).
 */
const char *digest_check(const tacho__view *view);

#endif
