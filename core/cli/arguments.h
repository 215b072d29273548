/** From argv to checked arguments, by the command table. */
#ifndef TACHO_CLI_ARGUMENTS_H
#define TACHO_CLI_ARGUMENTS_H

#include "command.h"

/**
 * Reads the command line. Flags may stand anywhere, also before the command; "--" ends them; no abbreviations.
 *
 * @param operands  room for `argc` pointers, which out->operands points into
 * @return CLI_DONE; CLI_USAGE, said why
 */
int cli_arguments_read(int argc, char **argv, const char **operands, cli_arguments *out);

/** The format asked for, else `fallback`. CLI_DONE; CLI_USAGE, said why. */
int cli_format_read(const cli_arguments *arguments, tacho_format fallback, tacho_format *out);

/** The conditions of --where into the query. CLI_DONE; CLI_USAGE, said why. */
int cli_where_read(const cli_arguments *arguments, tacho_query *query);

/** The value of --limit; 0 = not given. CLI_DONE; CLI_USAGE, said why. */
int cli_limit_read(const cli_arguments *arguments, uint32_t *out);

/** Says that a value is not one of the words it may be, with the nearest. Returns CLI_USAGE. */
int cli_refuse_word(cli_flag flag, const char *value, const char *const *words, size_t count);

#endif
