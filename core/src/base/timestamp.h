/**
 * Points in time as text: RFC 3339, UTC, from and to nanoseconds since 1970-01-01T00:00:00Z (no leap seconds, as
 * POSIX). An int64 of nanoseconds reaches from 1677-09-21 to 2262-04-11; all functions are pure and need no locale or
 * time zone.
 */
#ifndef TACHO_BASE_TIMESTAMP_H
#define TACHO_BASE_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** Room for the longest text and its NUL: "2262-04-11T23:47:16.854775807Z". */
#define TACHO__TIMESTAMP_TEXT 32

/** Prints "2026-02-03T04:05:06.789Z"; trailing zeros of the fraction, and an empty one, are left out. Returns bytes. */
size_t tacho__timestamp_text(int64_t unix_ns, char out[TACHO__TIMESTAMP_TEXT]);

/**
 * Reads an RFC 3339 date-time: "2026-02-03T04:05:06[.fraction](Z|+hh:mm|-hh:mm)"; "t", "z" and a space between date and
 * time are accepted, digits beyond nanoseconds are dropped, second 60 is the first of the next minute.
 *
 * @return TACHO_OK; TACHO_INVALID (not such a text, no such day); TACHO_LIMIT (outside the range of int64 nanoseconds)
 */
tacho_status tacho__timestamp_parse(const char *text, size_t length, int64_t *unix_ns);

/** Days since 1970-01-01 of a day of the proleptic Gregorian calendar. `month` 1..12, `day` 1..31. */
int64_t tacho__days_from_civil(int64_t year, unsigned month, unsigned day);
/** The reverse of tacho__days_from_civil. */
void tacho__civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
