/*
 * Numbers of a process from /proc as proc(5) describes it; processor time of this process from getrusage, which needs
 * no /proc and is exact to the microsecond. Files are read with plain system calls into memory on the stack: no stream,
 * no allocation but opendir's.
 */
#include "collect/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define CLOCK_ERROR   NS_PER_SECOND /* between a start in clock ticks and one by the wall clock */
#define PATH_SIZE     64

/* Fields of /proc/<pid>/stat, counted from 1. */
enum { FIELD_USER_TIME = 14, FIELD_SYSTEM_TIME = 15, FIELD_START = 22 };

static const char *path_of(uint64_t pid, const char *name, char out[PATH_SIZE]) {
    snprintf(out, PATH_SIZE, "/proc/%llu/%s", (unsigned long long)pid, name);
    return out;
}

/* A small file as text; false if it cannot be read. */
static bool read_text(uint64_t pid, const char *name, char *out, size_t size) {
    char path[PATH_SIZE];
    int file = open(path_of(pid, name, path), O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, out, size - 1);
    if (file >= 0) {
        close(file);
    }
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* A number of the stat file; -1 = not there. The name of the program, in parentheses, may hold anything. */
static int64_t stat_field(const char *stat, int wanted) {
    const char *at = strrchr(stat, ')');
    for (int field = 1; at && field + 1 < wanted; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? (int64_t)strtoll(at + 1, NULL, 10) : -1;
}

static int64_t of_ticks(int64_t ticks) {
    const long per_second = sysconf(_SC_CLK_TCK);
    if (ticks < 0 || per_second <= 0) {
        return -1;
    }
    return ticks / per_second * NS_PER_SECOND + ticks % per_second * (NS_PER_SECOND / per_second);
}

static int64_t started_at(const char *stat, int64_t wall_ns) {
    const int64_t start = of_ticks(stat_field(stat, FIELD_START));
    struct timespec since_boot;
    if (start < 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) {
        return 0;
    }
    return wall_ns - ((int64_t)since_boot.tv_sec * NS_PER_SECOND + since_boot.tv_nsec - start);
}

static int64_t nanoseconds(struct timeval time) {
    return (int64_t)time.tv_sec * NS_PER_SECOND + (int64_t)time.tv_usec * 1000;
}

static int64_t own_cpu_time(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime) : -1;
}

static int64_t cpu_time(const char *stat) {
    const int64_t user = stat_field(stat, FIELD_USER_TIME), system = stat_field(stat, FIELD_SYSTEM_TIME);
    return user < 0 || system < 0 ? -1 : of_ticks(user + system);
}

/* "size resident shared ..." in pages. */
static int64_t resident_memory(uint64_t pid) {
    char text[256], *after;
    const long page = sysconf(_SC_PAGESIZE);
    if (page <= 0 || !read_text(pid, "statm", text, sizeof text)) {
        return -1;
    }
    (void)strtoull(text, &after, 10);
    const unsigned long long pages = strtoull(after, NULL, 10);
    return pages > 0 ? (int64_t)pages * page : -1;
}

/* Entries of the folder of descriptors, less "." and "..", and less the one that lists it in this process. */
static int64_t open_descriptors(uint64_t pid, bool own) {
    char path[PATH_SIZE];
    DIR *folder = opendir(path_of(pid, "fd", path));
    int64_t count = own ? -3 : -2;
    if (!folder) {
        return -1;
    }
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count >= 0 ? count : -1;
}

static bool same_namespace(uint64_t pid, uint64_t wanted) {
    char path[PATH_SIZE];
    struct stat found;
    return wanted == 0 || (stat(path_of(pid, "ns/pid", path), &found) == 0 && (uint64_t)found.st_ino == wanted);
}

void tacho__process_read(uint64_t pid, uint64_t pid_namespace, int64_t segment_ns, int64_t wall_ns,
                         tacho__process *out) {
    const bool own = pid == (uint64_t)getpid() && same_namespace(pid, pid_namespace);
    char stat[1024];
    *out = (tacho__process)TACHO__PROCESS_UNKNOWN;
    const bool found = pid != 0 && pid <= INT32_MAX && read_text(pid, "stat", stat, sizeof stat);
    const int64_t started = found ? started_at(stat, wall_ns) : 0;
    if (!own && (started == 0 || started > segment_ns + CLOCK_ERROR || !same_namespace(pid, pid_namespace))) {
        return;
    }
    out->pid = (int64_t)pid;
    out->started_at_ns = started;
    out->cpu_ns = own ? own_cpu_time() : cpu_time(stat);
    out->memory_bytes = resident_memory(pid);
    out->descriptors = open_descriptors(pid, own);
}
