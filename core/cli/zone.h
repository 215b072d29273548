/** The time zone that days and times are shown in. The process has one; it is set once, before anything is printed. */
#ifndef TACHO_CLI_ZONE_H
#define TACHO_CLI_ZONE_H

#include "command.h"

/**
 * Sets the zone that --tz names, else the local one.
 *
 * @param out  filled; valid for the rest of the process
 * @return CLI_DONE; CLI_USAGE (no such zone), said why with the nearest
 */
int cli_zone_set(const cli_arguments *arguments, tacho_zone *out);

#endif
