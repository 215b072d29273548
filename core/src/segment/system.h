/**
 * The calls to the operating system that a shared registry depends on, as a table: a test puts one that fails in its
 * place and sees what follows. All of them are far from the record path.
 */
#ifndef TACHO_SEGMENT_SYSTEM_H
#define TACHO_SEGMENT_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tacho__system {
    int (*open_at)(int folder, const char *name, int flags, mode_t mode);
    int (*make_folder)(const char *path, mode_t mode);
    int (*filesystem)(int file, uint64_t *type);        /* f_type of fstatfs; 0 or -1 with errno */
    int (*allocate)(int file, off_t from, off_t bytes); /* as posix_fallocate: 0 or the error */
    void *(*map)(size_t bytes, int file);               /* shared, readable and writable; MAP_FAILED with errno */
    int (*lock)(int file, int how);                     /* as flock */
    int (*rename_at)(int folder, const char *from, const char *to);
    int (*remove_at)(int folder, const char *name);
    int (*link_at)(int folder, const char *from, const char *to);
    ssize_t (*read_at)(int file, void *to, size_t bytes, off_t from);
    /* As write; what would pass RLIMIT_FSIZE fails with EFBIG: the kernel would send SIGXFSZ, which ends the host. */
    ssize_t (*write_to)(int file, const void *from, size_t bytes);
    int (*sync)(int file); /* as fdatasync; costs nothing in memory */
} tacho__system;

/** In use now. Replaced by tests only, before there is a second thread. */
extern tacho__system tacho__system_calls;
/** The real ones. */
extern const tacho__system tacho__system_real;

#endif
