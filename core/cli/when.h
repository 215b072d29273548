/** Points in time as people type them for --since and --until. */
#ifndef TACHO_CLI_WHEN_H
#define TACHO_CLI_WHEN_H

#include "command.h"

#include <stdbool.h>
#include <time.h>

/**
 * Reads --since and --until into query->since_ns and query->until_ns. A date is its first instant, for --until its
 * last, in the zone that was set before.
 *
 * @return CLI_DONE; CLI_USAGE, said why
 */
int cli_period_read(const cli_arguments *arguments, int64_t now_ns, tacho_query *query);

/** Reads "2026-11-21", a day of the calendar from 1971 to 2261, into the date of `out`; false if it is none. */
bool cli_day_read(const char *text, struct tm *out);

/** Prints an instant as RFC 3339 in UTC with whole seconds. */
void cli_when_print(int64_t unix_ns, char out[32]);

/** Nanoseconds since 1970 now. */
int64_t cli_now_ns(void);

#endif
