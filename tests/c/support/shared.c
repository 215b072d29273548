#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/shared.h"

#include "segment/system.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char shared_folder[256];

int shared_setup(void **state) {
    (void)state;
    static unsigned number;
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(shared_folder, sizeof shared_folder, "%s/tacho-test-%ld-%u", place, (long)getpid(), number++);
    return 0;
}

int shared_teardown(void **state) {
    (void)state;
    char command[320];
    tacho__system_calls = tacho__system_real;
    snprintf(command, sizeof command, "rm -rf '%s'", shared_folder);
    return system(command);
}

tacho_collector *shared_open(unsigned flags) {
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .flags = flags, .dir = shared_folder};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

void shared_record(tacho_collector *collector, const char *name, unsigned n) {
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, name, NULL, &series), TACHO_OK);
    for (unsigned i = 0; i < n; ++i) {
        tacho_observe(series, 1000000);
    }
    tacho_series_release(series);
}

int64_t shared_calls(tacho_snapshot *snapshot) {
    tacho_rows *rows;
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    const int64_t calls = rows->totals.calls;
    tacho_rows_free(rows);
    tacho_snapshot_free(snapshot);
    return calls;
}

int64_t shared_attach(void) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    return shared_calls(snapshot);
}

const char *shared_path(const char *name) {
    static char places[8][512];
    static unsigned next;
    char *place = places[next++ % 8];
    snprintf(place, sizeof *places, "%s/%s", shared_folder, name);
    return place;
}

int shared_count(const char *prefix, const char **path) {
    int count = 0;
    DIR *listing = opendir(shared_folder);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            ++count;
            if (path) {
                *path = shared_path(entry->d_name);
            }
        }
    }
    closedir(listing);
    return count;
}

const char *shared_segment(void) {
    const char *path = NULL;
    assert_int_equal(shared_count("seg-", &path), 1);
    return path;
}

const char *shared_writable_segment(void) {
    const char *path = shared_segment();
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}
