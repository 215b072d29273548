/* One of the writers of test_together.py: see there. */
#include <stdio.h>
#include <stdlib.h>
#include <tachograph.h>

static void say(const char *name) {
    FILE *file = fopen(name, "a");
    if (!file || fputc('.', file) == EOF || fclose(file) != 0) {
        exit(2);
    }
}

static void call(tacho_series *series) {
    const tacho_usage usage = TACHO_USAGE(.input = 3, .output = 5);
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = 1000000;
    finished.usage = &usage;
    if (tacho_record(series, &finished) != TACHO_OK) {
        exit(3);
    }
}

int main(int count, char **arguments) {
    tacho_collector *collector;
    tacho_series *series;
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = getenv("TACHO_DIR");
    config.flags = TACHO_CONFIG_STRICT;
    if (count != 2 || tacho_collector_open(&collector, &config) != TACHO_OK ||
        tacho_bind(collector, TACHO_KIND_LLM, "call", &TACHO_LABELS(.provider = "own", .model = "m"), &series) !=
            TACHO_OK) {
        return 1;
    }
    for (int i = atoi(arguments[1]); i > 0; --i) {
        call(series);
    }
    puts("done");
    fflush(stdout);
    if (getchar() == EOF) {
        return 4;
    }
    for (;;) {
        say("begun");
        call(series);
        say("done");
    }
}
