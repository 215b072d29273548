#include "progress.h"
#include "when.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELAY_NS INT64_C(1000000000)

void cli_progress_begin(const cli_arguments *arguments, cli_progress *progress) {
    const char *terminal = getenv("TERM");
    int can_erase = isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
    int is_wanted = can_erase && !cli_given(arguments, CLI_FLAG_QUIET);
    *progress = (cli_progress){.shown_from_ns = is_wanted ? cli_now_ns() + DELAY_NS : INT64_MAX};
}

void cli_progress_show(cli_progress *progress, const tacho_import_counts *so_far) {
    if (progress->shown_from_ns == INT64_MAX || cli_now_ns() < progress->shown_from_ns) {
        return;
    }
    uint64_t percent = so_far->bytes_total > 0 ? so_far->bytes * 100 / so_far->bytes_total : 0;
    fprintf(stderr, "\r\033[Kimporting: %" PRIu64 " %%, %" PRIu64 " of %" PRIu64 " MiB, %" PRIu64 " calls", percent,
            so_far->bytes >> 20, so_far->bytes_total >> 20, so_far->calls);
    fflush(stderr);
    progress->is_shown = 1;
}

void cli_progress_erase(cli_progress *progress) {
    if (progress->is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->is_shown = 0;
    }
}
