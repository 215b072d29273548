/** Help, made from the command table: examples first. */
#ifndef TACHO_CLI_HELP_H
#define TACHO_CLI_HELP_H

#include "command.h"

/** Prints the help of a command to standard output; NULL = of the whole program. */
void cli_help(const cli_command *command);

#endif
