#include "history/lock.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/unforked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int open_lock(const char *path, int *error) {
    size_t size = strlen(path) + sizeof ".lock";
    char *name = tacho__malloc(size);
    int file = -1;
    *error = ENOMEM;
    if (name) {
        snprintf(name, size, "%s.lock", path);
        file = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        *error = file >= 0 ? 0 : errno;
    }
    tacho__free(name);
    return file;
}

static tacho_status status_of(int error) {
    switch (error) {
    case 0:
        return TACHO_OK;
    case ENOMEM:
        return TACHO_NOMEM;
    case EACCES:
    case EPERM:
    case EROFS:
        return TACHO_DENIED;
    case EWOULDBLOCK:
    case EINTR:
        return TACHO_BUSY;
    default:
        return TACHO_IO;
    }
}

tacho_status tacho__lock_try(const char *path) {
    int error;
    const int file = open_lock(path, &error);
    if (file >= 0) {
        close(file);
    }
    return status_of(error);
}

/* One attempt: 0, or the error. A child that was forked in between would hold the lock and not know it: of a file that
 * was open and not locked then, the lock that somebody takes later is the child's as well. */
static int attempt(const char *path, int *file, int *place) {
    int error;
    if (!tacho__unforked_enter()) {
        return EWOULDBLOCK;
    }
    const int opened = open_lock(path, &error);
    if (opened >= 0) {
        error = flock(opened, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (error == 0 && !tacho__unforked_keep(opened, place)) {
            error = ENFILE;
        }
        if (error != 0) {
            close(opened);
        } else {
            *file = opened;
        }
    }
    tacho__unforked_leave();
    return error;
}

tacho_status tacho__lock_take(const char *path, int wait_ms, int *file, int *place) {
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t end = tacho__now(&tacho__clock_system) + (uint64_t)wait_ms * UINT64_C(1000000);
    tacho_status status;
    *file = -1;
    while ((status = status_of(attempt(path, file, place))) == TACHO_BUSY && tacho__now(&tacho__clock_system) < end) {
        nanosleep(&pause, NULL);
    }
    return status;
}

void tacho__lock_give(int *file) {
    const bool entered = tacho__unforked_enter();
    if (*file >= 0) {
        if (tacho__unforked_forget(*file)) {
            close(*file); /* and with it the lock */
        }
    }
    *file = -1;
    if (entered) {
        tacho__unforked_leave();
    }
}
