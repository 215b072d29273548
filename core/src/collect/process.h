/** What the operating system says of a process. Read when a snapshot is taken, never while recording (semantics 31). */
#ifndef TACHO_COLLECT_PROCESS_H
#define TACHO_COLLECT_PROCESS_H

#include <stdint.h>

/** -1 = unknown; a pid of 0 = nothing is known. */
typedef struct tacho__process {
    int64_t pid;
    int64_t started_at_ns; /* Unix time, to the clock tick of the kernel; 0 = unknown */
    int64_t cpu_ns;        /* user and system time of all threads */
    int64_t memory_bytes;  /* resident */
    int64_t descriptors;   /* open */
} tacho__process;

#define TACHO__PROCESS_UNKNOWN                                                                                         \
    { 0, 0, -1, -1, -1 }

/**
 * Reads the process that writes a segment: this one, or another that lives. What the system does not tell stays
 * unknown, and so does everything about a process that is gone: whoever has its number now began after its segment, or
 * is counted in another namespace.
 *
 * @param pid           as its segment says
 * @param pid_namespace as its segment says; 0 = unknown
 * @param segment_ns    Unix time when its segment began
 * @param wall_ns       Unix time now
 */
void tacho__process_read(uint64_t pid, uint64_t pid_namespace, int64_t segment_ns, int64_t wall_ns,
                         tacho__process *out);

#endif
