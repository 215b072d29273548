/** Collectors that keep a history: a folder for it and for a registry, processes, and what is in the file. */
#ifndef TACHO_TEST_KEEPING_H
#define TACHO_TEST_KEEPING_H

#include "scratch.h"

#include <stdint.h>
#include <sys/types.h>
#include <tachograph.h>

#define SECOND UINT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define PACE   SECOND /* of the lease in these tests; 5 s otherwise */

extern scratch keeping_place;
extern const char *keeping_folder, *keeping_file; /* of the registry; of the history, in a folder that is missing */

int keeping_make(void **state);
int keeping_unmake(void **state); /* asserts that no thread is left */

tacho_collector *keeping_open(const char *dir);
tacho_collector *keeping_open_with(const char *dir, uint64_t interval);
/** Steps that ended a year after noon (fill_collector.h). */
void keeping_record(tacho_collector *collector, unsigned count);
void keeping_flush(tacho_collector *collector);

/** Of a file that may be in the making; -1 = it cannot be read now. */
long long keeping_rows_of(const char *path);
long long keeping_rows(void);
/** Until the history has that many rows; 30 s at most. */
void keeping_await_rows(long long count);
/** How often something was dropped or ignored for this reason. */
int64_t keeping_drops(tacho_collector *collector, const char *cause);

/** Closes the descriptor of a file of the folder, as a host does that closes everything it had. Gives its number. */
int keeping_close_file(const char *name);

typedef struct keeping_child {
    pid_t pid;
    int events; /* what it writes to the descriptor that it gets */
} keeping_child;

/** A forked process that calls `live` and ends. */
keeping_child keeping_start(void (*live)(int events));
/** The next byte; 0 = it has closed its end. */
char keeping_event(const keeping_child *self);
/** Waits for its end; the status of waitpid. */
int keeping_end(keeping_child *self);

#endif
