#include "segment/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <unistd.h>

static int open_at(int folder, const char *name, int flags, mode_t mode) {
    return openat(folder, name, flags, mode);
}

static int make_folder(const char *path, mode_t mode) {
    return mkdir(path, mode);
}

static int filesystem(int file, uint64_t *type) {
#ifdef __linux__
    struct statfs about;
    if (fstatfs(file, &about) != 0) {
        return -1;
    }
    *type = (uint64_t)about.f_type;
    return 0;
#else
    (void)file;
    *type = 0;
    return 0;
#endif
}

/* Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ, which ends the host. */
static bool is_beyond_limit(off_t from, uint64_t bytes) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           (uint64_t)from + bytes > (uint64_t)limit.rlim_cur;
}

static int allocate(int file, off_t from, off_t bytes) {
    if (is_beyond_limit(from, (uint64_t)bytes)) {
        return EFBIG;
    }
    int error;
    do {
        error = posix_fallocate(file, from, bytes);
    } while (error == EINTR);
    return error;
}

static void *map(size_t bytes, int file) {
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

static int rename_at(int folder, const char *from, const char *to) {
    return renameat(folder, from, folder, to);
}

static int remove_at(int folder, const char *name) {
    return unlinkat(folder, name, 0);
}

static int link_at(int folder, const char *from, const char *to) {
    return linkat(folder, from, folder, to, 0);
}

static ssize_t read_at(int file, void *to, size_t bytes, off_t from) {
    return pread(file, to, bytes, from);
}

static ssize_t write_to(int file, const void *from, size_t bytes) {
    if (is_beyond_limit(lseek(file, 0, SEEK_CUR), bytes)) {
        errno = EFBIG;
        return -1;
    }
    return write(file, from, bytes);
}

static int sync_data(int file) {
#ifdef __linux__
    return fdatasync(file);
#else
    return fsync(file);
#endif
}

#define REAL                                                                                                           \
    {                                                                                                                  \
        .open_at = open_at, .make_folder = make_folder, .filesystem = filesystem, .allocate = allocate, .map = map,    \
        .lock = flock, .rename_at = rename_at, .remove_at = remove_at, .link_at = link_at, .read_at = read_at,         \
        .write_to = write_to, .sync = sync_data                                                                        \
    }

tacho__system tacho__system_calls = REAL;
const tacho__system tacho__system_real = REAL;
