/* tacho: one program over the public headers. */
#include "arguments.h"
#include "help.h"
#include "message.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(const cli_arguments *arguments) {
    if (cli_given(arguments, CLI_FLAG_VERSION)) {
        printf("tacho %s\n", tacho_version());
        return CLI_DONE;
    }
    if (cli_given(arguments, CLI_FLAG_HELP)) {
        cli_help(arguments->is_bare ? NULL : arguments->command);
        return CLI_DONE;
    }
    return arguments->command->run(arguments);
}

int main(int argc, char **argv) {
    /* A closed pipe shall be an error of write, not a death in the middle of an import. */
    signal(SIGPIPE, SIG_IGN);
    cli_arguments arguments;
    const char **operands = calloc((size_t)argc + 1, sizeof(*operands));
    if (operands == NULL) {
        return cli_fail(CLI_INTERNAL, "out of memory");
    }
    int code = cli_arguments_read(argc, argv, operands, &arguments);
    if (code == CLI_DONE) {
        code = run(&arguments);
    }
    free(operands);
    if (fflush(stdout) != 0 && errno != EPIPE && code == CLI_DONE) {
        return cli_fail(CLI_INTERNAL, "standard output cannot be written: %s", strerror(errno));
    }
    return code;
}
