/** What the command says on standard error. Control characters out of file names and labels never reach the terminal.
 */
#ifndef TACHO_CLI_MESSAGE_H
#define TACHO_CLI_MESSAGE_H

#include "command.h"

/** "tacho: <sentence>": why it failed. Returns `code`, so that `return cli_fail(...)` reads well. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A line without prefix that says what to do next; not with --quiet. */
void cli_hint(const cli_arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "tacho: warning: <sentence>"; not with --quiet. */
void cli_warn(const cli_arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "tacho: <sentence>"; only with --verbose, and not with --quiet. */
void cli_tell(const cli_arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The exit code for a status of the library that is not TACHO_OK. */
int cli_exit_of(tacho_status status);

#endif
