/** Durations at the edges: nanoseconds inside, seconds outside. Pure functions; any thread. */
#ifndef TACHO_BASE_SECONDS_H
#define TACHO_BASE_SECONDS_H

#include "base/decimal.h"

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** Longest duration that can be given in seconds: INT64_MAX nanoseconds, 292 years. */
#define TACHO__SECONDS_MAX_NS ((uint64_t)INT64_MAX)

/** Prints nanoseconds as seconds, exactly: "2.34", "0", "0.000000001". Returns bytes without the NUL. */
size_t tacho__seconds_text(uint64_t ns, char out[TACHO__DECIMAL_TEXT]);

/** Reads seconds as nanoseconds, rounding half to even: TACHO_OK; TACHO_INVALID (no number, negative); TACHO_LIMIT. */
tacho_status tacho__seconds_parse(const char *text, size_t length, uint64_t *ns);

/**
 * Converts seconds to nanoseconds with exactly one rounding, half to even, of the double's true value.
 *
 * @return TACHO_OK; TACHO_INVALID for NaN, infinities, negative values (-0.0 is 0) and what exceeds
 *         TACHO__SECONDS_MAX_NS; `*ns` is then untouched
 */
tacho_status tacho__seconds_from_double(double seconds, uint64_t *ns);

#endif
