/*
 * What reading costs: a registry of 1 and of 8 processes with 10,000 histograms each (max_series 10,000, 32 MiB), and
 * of 8 with 10,000 together, while the processes live. Prints one line per figure: name, measured in ms, limit (empty =
 * for information), separated by tabs.
 *
 * A figure is the best of the rounds in CPU time of the reading thread: what disturbs a round only makes it slower.
 */
#include <tachograph.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SERIES    10000
#define PROCESSES 8
#define ROUNDS    25

static char folder[128];

static double cpu_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void give_up(const char *what) {
    fprintf(stderr, "bench_read: %s\n", what);
    exit(1);
}

static uint32_t random_state = 1;

/* 20 durations over five octaves: what a typical model call's histogram looks like. */
static void fill(tacho_collector *collector, int series_count) {
    for (int i = 0; i < series_count; i++) {
        char name[32];
        tacho_series *series;
        snprintf(name, sizeof name, "operation-%d", i);
        if (tacho_bind(collector, TACHO_KIND_STEP, name, NULL, &series) != TACHO_OK) {
            give_up("cannot bind");
        }
        for (int j = 0; j < 20; j++) {
            random_state = random_state * 1664525 + 1013904223;
            tacho_observe(series, UINT64_C(100000000) + random_state / 2);
        }
        tacho_series_release(series);
    }
}

/* A process that records, says so, and stays until the parent dies. */
static void start_process(int series_count) {
    int ready[2];
    char byte = 0;
    if (pipe(ready) != 0) {
        give_up("no pipe");
    }
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        tacho_collector *collector;
        tacho_config config = TACHO_CONFIG_INIT;
        config.dir = folder;
        config.max_series = SERIES;
        config.max_bytes = UINT64_C(32) << 20;
        config.flags = TACHO_CONFIG_STRICT;
        if (tacho_collector_open(&collector, &config) != TACHO_OK) {
            give_up("cannot open the folder");
        }
        fill(collector, series_count);
        (void)!write(ready[1], "", 1);
        for (;;) {
            pause();
        }
    }
    close(ready[1]);
    if (child < 0 || read(ready[0], &byte, 1) != 1) {
        give_up("no process");
    }
    close(ready[0]);
}

typedef struct figures {
    double snapshot, rows;
} figures;

/* One reading: a complete snapshot from nothing, and then the percentiles of every series. */
static figures read_once(int processes, size_t series_count) {
    figures taken;
    tacho_snapshot *snapshot;
    tacho_rows *rows;
    const double start = cpu_ms();
    if (tacho_snapshot_attach(folder, &snapshot) != TACHO_OK) {
        give_up("cannot read the folder");
    }
    taken.snapshot = cpu_ms() - start;
    if (tacho_snapshot_operations(snapshot, &rows) != TACHO_OK) {
        give_up("no rows");
    }
    taken.rows = cpu_ms() - start;
    if (rows->count != series_count || rows->totals.calls != (int64_t)(20 * series_count) * processes) {
        fprintf(stderr, "bench_read: %zu rows, %" PRId64 " calls\n", rows->count, rows->totals.calls);
        exit(1);
    }
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    return taken;
}

static figures best_of(int processes, size_t series_count) {
    figures best =
        read_once(processes, series_count); /* the first maps and touches memory, as any first reading does */
    for (int i = 1; i < ROUNDS; i++) {
        const figures next = read_once(processes, series_count);
        best.snapshot = next.snapshot < best.snapshot ? next.snapshot : best.snapshot;
        best.rows = next.rows < best.rows ? next.rows : best.rows;
    }
    return best;
}

static void new_folder(const char *name) {
    snprintf(folder, sizeof folder, "/dev/shm/tacho-bench-%ld-%s", (long)getpid(), name);
}

int main(void) {
    new_folder("each");
    start_process(SERIES);
    const figures first = read_once(1, SERIES);
    const figures one = best_of(1, SERIES);
    for (int i = 1; i < PROCESSES; i++) {
        start_process(SERIES);
    }
    const figures eight = best_of(PROCESSES, SERIES);
    new_folder("together");
    for (int i = 0; i < PROCESSES; i++) {
        start_process(SERIES / PROCESSES);
    }
    const figures together = best_of(PROCESSES, SERIES / PROCESSES);
    printf("attach and first snapshot, 10,000 series, ms\t%.1f\t20\n", first.snapshot);
    printf("snapshot of 10,000 histograms, 1 process, ms\t%.1f\t5\n", one.snapshot);
    printf("snapshot of 10,000 histograms, 8 processes with 10,000 each, ms\t%.1f\t15\n", eight.snapshot);
    printf("the same and p50, p95, p99 of all, 1 process, ms\t%.1f\t25\n", one.rows);
    printf("the same and p50, p95, p99 of all, 8 processes, ms\t%.1f\t25\n", eight.rows);
    printf("snapshot of 8 processes with 10,000 histograms together, ms\t%.1f\t\n", together.snapshot);
    printf("the same and p50, p95, p99 of all, together, ms\t%.1f\t\n", together.rows);
    char command[200];
    snprintf(command, sizeof command, "rm -rf /dev/shm/tacho-bench-%ld-*", (long)getpid());
    return system(command) == 0 ? 0 : 1;
}
