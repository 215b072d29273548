/**
 * Points in time as text, for hosts that have no type for them: RFC 3339, exact to the nanosecond. Pure functions, any
 * thread; no locale, no time zone.
 */
#ifndef TACHOGRAPH_INSTANT_H
#define TACHOGRAPH_INSTANT_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>
#include <tachograph/version.h>

/** Room for the longest text and its NUL: "2262-04-11T23:47:16.854775807Z". */
#define TACHO_INSTANT_TEXT 32

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Prints "2026-02-03T04:05:06.789Z", in UTC; trailing zeros of the fraction, and an empty one, are left out.
 *
 * @param unix_ns  nanoseconds since 1970-01-01T00:00:00Z, without leap seconds
 * @return bytes without the NUL
 */
TACHO_API size_t tacho_instant_text(int64_t unix_ns, char out[TACHO_INSTANT_TEXT]);

/**
 * Reads an RFC 3339 date-time: "2026-02-03T04:05:06[.fraction](Z|+hh:mm|-hh:mm)"; "t", "z" and a space between date and
 * time are accepted, digits beyond nanoseconds are dropped, second 60 is the first of the next minute.
 *
 * @param text     `length` bytes; need not be NUL-terminated
 * @param unix_ns  receives nanoseconds since 1970-01-01T00:00:00Z; untouched on failure
 * @return TACHO_OK; TACHO_INVALID (not such a text, no such day); TACHO_LIMIT (outside the range of int64 nanoseconds:
 *         before 1677-09-21 or after 2262-04-11)
 */
TACHO_API tacho_status tacho_instant_parse(const char *text, size_t length, int64_t *unix_ns);

/**
 * Reads how long ago: a whole number and s, m, h, d or w ("30s", "90m", "24h", "7d", "2w").
 *
 * @param now_ns   Unix time that it is counted back from
 * @param unix_ns  receives the instant, at least 1 (0 is "no bound" in a query); untouched on failure
 * @return TACHO_OK; TACHO_INVALID (not such a text)
 */
TACHO_API tacho_status tacho_instant_ago(const char *text, size_t length, int64_t now_ns, int64_t *unix_ns);

#ifdef __cplusplus
}
#endif
#endif
