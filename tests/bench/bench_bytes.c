/*
 * What a series takes in a segment: how much more of its file is in use after 1,024 of them. What they share was there
 * before: header, rings, directories, and the texts, each of which a segment keeps once for all that use it; what a new
 * text takes is shown on its own. Prints one line per figure: name, measured bytes, limit, separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph.h>
#include <unistd.h>

#define SERIES 1024

static char folder[] = "/dev/shm/tacho-bench-XXXXXX";
static tacho_collector *collector;

static void give_up(const char *what) {
    fprintf(stderr, "bench_bytes: %s\n", what);
    exit(1);
}

static uint64_t used_bytes(void) {
    tacho_registry_state *state;
    if (tacho_registry_look(folder, &state) != TACHO_OK || state->count != 1) {
        give_up("cannot look at the folder");
    }
    const uint64_t used = state->segments[0].used_bytes;
    tacho_registry_state_free(state);
    return used;
}

/* One series of a metric with one label. */
static tacho_metric *label(tacho_metric *metric, int i) {
    char text[32];
    const char *values[] = {text};
    tacho_metric *series;
    snprintf(text, sizeof text, "a name of some length %d", i);
    if (tacho_metric_labels(metric, values, 1, &series) != TACHO_OK) {
        give_up("no series");
    }
    return series;
}

static void fill_counter(tacho_metric *metric, int i) {
    tacho_metric *series = label(metric, i);
    tacho_counter_count(series, 1);
    tacho_metric_release(series);
}

/* Every bucket octave of the grid of durations: 2^-20 to 2^12 seconds. */
static void fill_histogram(tacho_metric *metric, int i) {
    tacho_metric *series = label(metric, i);
    for (int octave = 0; octave < 32; octave++) {
        tacho_histogram_observe_ns(series, UINT64_C(1000) << octave);
    }
    tacho_metric_release(series);
}

/* Durations of model calls over five octaves, 100 ms to 2.5 s. */
static void fill_model(tacho_metric *unused, int i) {
    char name[32];
    tacho_series *series;
    const tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    (void)unused;
    snprintf(name, sizeof name, "a name of some length %d", i);
    if (tacho_bind(collector, TACHO_KIND_LLM, name, &labels, &series) != TACHO_OK) {
        give_up("no series");
    }
    for (int octave = 0; octave < 5; octave++) {
        tacho_observe(series, UINT64_C(100000000) << octave);
    }
    tacho_series_release(series);
}

/* The first series takes what all of them share. */
static double bytes_of(void (*fill)(tacho_metric *, int), tacho_metric *metric) {
    fill(metric, 0);
    const uint64_t before = used_bytes();
    for (int i = 1; i <= SERIES; i++) {
        fill(metric, i);
    }
    return (double)(used_bytes() - before) / SERIES;
}

int main(void) {
    static const char *const names[] = {"label"};
    const tacho_metric_spec pages = {
        .struct_size = sizeof pages, .name = "bench_pages", .labels = names, .label_count = 1};
    const tacho_metric_spec visits = {
        .struct_size = sizeof visits, .name = "bench_visits", .labels = names, .label_count = 1};
    const tacho_metric_spec waits = {
        .struct_size = sizeof waits, .name = "bench_wait", .unit = "s", .labels = names, .label_count = 1};
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_metric *counter = NULL, *other = NULL, *histogram = NULL;
    config.dir = mkdtemp(folder);
    if (!config.dir || tacho_collector_open(&collector, &config) != TACHO_OK ||
        tacho_counter(collector, &pages, &counter) != TACHO_OK ||
        tacho_counter(collector, &visits, &other) != TACHO_OK ||
        tacho_histogram(collector, &waits, &histogram) != TACHO_OK) {
        give_up("cannot open a collector");
    }
    const double first = bytes_of(fill_counter, other), counts = bytes_of(fill_counter, counter);
    printf("bytes of a counter series\t%.0f\t160\n", counts);
    printf("bytes of a text that is new\t%.0f\t\n", first - counts);
    printf("bytes of a typical model series (5 octaves)\t%.0f\t640\n", bytes_of(fill_model, NULL));
    printf("bytes of the largest histogram (32 octaves)\t%.0f\t2304\n", bytes_of(fill_histogram, histogram));
    tacho_metric_release(counter);
    tacho_metric_release(other);
    tacho_metric_release(histogram);
    tacho_collector_close(collector);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
