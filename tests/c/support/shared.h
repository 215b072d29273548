/** A folder for a registry, and collectors in it: what the tests of shared segments have in common. */
#ifndef TACHO_TESTS_SHARED_H
#define TACHO_TESTS_SHARED_H

#include <tachograph.h>

/** The folder of the test at hand: a path on tmpfs that does not exist yet. */
extern char shared_folder[256];

/** cmocka setup and teardown: names the folder; removes it and puts the real system calls back. */
int shared_setup(void **state);
int shared_teardown(void **state);

/** A collector in the folder; fails the test if it cannot be opened. `flags`: TACHO_CONFIG_*. */
tacho_collector *shared_open(unsigned flags);
/** `n` steps of 1 ms of this name. */
void shared_record(tacho_collector *collector, const char *name, unsigned n);
/** Calls of all operations in a snapshot, which is freed. */
int64_t shared_calls(tacho_snapshot *snapshot);
/** The same of a snapshot that is taken from outside. */
int64_t shared_attach(void);
/** Path of a file in the folder; one of 8 static places in turn. */
const char *shared_path(const char *name);
/** Path of the only segment file; fails the test if there are more or none. */
const char *shared_segment(void);
/** The same, and the file may be written to from now on: the library makes it read-only, for its owner too. */
const char *shared_writable_segment(void);
/** Files in the folder whose names begin so; `path`, unless NULL, receives the path of one. */
int shared_count(const char *prefix, const char **path);

#endif
