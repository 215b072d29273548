#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "keeping.h"

#include "base/clock.h"
#include "fill_collector.h"
#include "keeper/keeper.h"

#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tachograph/history.h>
#include <time.h>
#include <unistd.h>

#define YEAR (365 * 86400)

scratch keeping_place;
const char *keeping_folder, *keeping_file;

int keeping_make(void **state) {
    (void)state;
    scratch_make(&keeping_place);
    keeping_folder = scratch_path(&keeping_place, "registry");
    keeping_file = scratch_path(&keeping_place, "state/history.db");
    tacho__keeper_set_pace(PACE);
    return 0;
}

/* A close after one that used up the patience of all leaves the end of the thread to itself. */
int keeping_unmake(void **state) {
    (void)state;
    const struct timespec pause = {.tv_nsec = 5000000};
    const uint64_t begin = tacho__now(&tacho__clock_system);
    while (tacho__keeper_runs() && tacho__now(&tacho__clock_system) - begin < 10 * SECOND) {
        nanosleep(&pause, NULL);
    }
    assert_false(tacho__keeper_runs());
    scratch_remove(&keeping_place);
    return 0;
}

tacho_collector *keeping_open(const char *dir) {
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .dir = dir};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

tacho_collector *keeping_open_with(const char *dir, uint64_t interval) {
    tacho_collector *collector = keeping_open(dir);
    assert_int_equal(tacho_history_keep(collector, keeping_file, interval), TACHO_OK);
    return collector;
}

void keeping_record(tacho_collector *collector, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        record_call(collector, TACHO_KIND_STEP, "step", NULL, 5, YEAR, PLAIN);
    }
}

void keeping_flush(tacho_collector *collector) {
    assert_int_equal(tacho_collector_flush(collector, 30 * SECOND), TACHO_OK);
}

/* Of a keeping_file that may be in the making; -1 = it cannot be read now. */
long long keeping_rows_of(const char *path) {
    tacho_history *history;
    uint64_t count = 0;
    if (tacho_history_open(&history, path, TACHO_HISTORY_READ_ONLY) != TACHO_OK) {
        return -1;
    }
    const tacho_status status = tacho_history_count(history, &count);
    tacho_history_close(history);
    return status == TACHO_OK ? (long long)count : -1;
}

long long keeping_rows(void) {
    return keeping_rows_of(keeping_file);
}

void keeping_await_rows(long long count) {
    const struct timespec pause = {.tv_nsec = 5000000};
    const uint64_t begin = tacho__now(&tacho__clock_system);
    while (keeping_rows() < count) {
        assert_true(tacho__now(&tacho__clock_system) - begin < 30 * SECOND);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(keeping_rows(), count);
}

int64_t keeping_drops(tacho_collector *collector, const char *cause) {
    int64_t count = 0;
    tacho_summary *summary;
    tacho_snapshot *snapshot = take_snapshot(collector);
    assert_int_equal(tacho_snapshot_summary(snapshot, NULL, &summary), TACHO_OK);
    for (uint32_t i = 0; i < summary->drop_count; ++i) {
        count = strcmp(summary->drops[i].name, cause) == 0 ? summary->drops[i].value : count;
    }
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
    return count;
}

keeping_child keeping_start(void (*live)(int events)) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    keeping_child self = {.events = ends[0]};
    self.pid = fork();
    assert_true(self.pid >= 0);
    if (self.pid == 0) {
        close(ends[0]);
        live(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return self;
}

char keeping_event(const keeping_child *self) {
    char byte = 0;
    return read(self->events, &byte, 1) == 1 ? byte : 0;
}

int keeping_end(keeping_child *self) {
    int status;
    assert_int_equal(waitpid(self->pid, &status, 0), self->pid);
    close(self->events);
    return status;
}

int keeping_close_file(const char *name) {
    struct stat wanted, one;
    char path[300];
    snprintf(path, sizeof path, "%s/%s", keeping_folder, name);
    assert_int_equal(stat(path, &wanted), 0);
    for (int file = 3; file < 256; ++file) {
        if (fstat(file, &one) == 0 && one.st_ino == wanted.st_ino && one.st_dev == wanted.st_dev) {
            assert_int_equal(syscall(SYS_close, file), 0); /* ThreadSanitizer would call it a race, which it is */
            return file;
        }
    }
    fail_msg("nobody has %s open", name);
    return -1;
}
