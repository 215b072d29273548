/** Where the answer goes: standard output or the file of --output. */
#ifndef TACHO_CLI_OUTPUT_H
#define TACHO_CLI_OUTPUT_H

#include "command.h"

#include <stdio.h>

typedef struct cli_output {
    FILE *file;
    const char *path;     /* NULL = standard output */
    char temporary[4096]; /* written first, then renamed; "" where `path` is no regular file */
    int is_terminal;
    int fault; /* errno of the first write that failed; 0 */
} cli_output;

/**
 * Opens the place for the answer. A file is written beside and takes its name in cli_output_close, so that a failure
 * leaves an older file whole.
 *
 * @return CLI_DONE; CLI_USAGE (the file is what is read); CLI_INTERNAL; said why
 */
int cli_output_open(const cli_arguments *arguments, cli_output *output);

/** Whether cli_output_open is going to find a place to write to, for what takes long before it. Leaves nothing behind.
 * Returns as cli_output_open, said why. */
int cli_output_check(const cli_arguments *arguments);

/** The same for what stands beside the answer of another program: standard error, unless --output says otherwise. */
int cli_output_open_beside(const cli_arguments *arguments, cli_output *output);

/** A tacho_sink; the context is a cli_output. */
int cli_output_write(void *context, const char *bytes, size_t length);
void cli_output_print(cli_output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Ends the answer. A closed pipe is no failure: whoever reads has seen enough.
 *
 * @param code  exit code so far; a file is kept only with CLI_DONE, CLI_GATE and CLI_INCOMPLETE
 * @return `code`, or CLI_INTERNAL if writing failed, said why
 */
int cli_output_close(cli_output *output, int code);

/** Size, colours and characters of the place, by --color, --ascii and the environment. */
void cli_style_read(const cli_arguments *arguments, const cli_output *output, tacho_style *style);

#endif
