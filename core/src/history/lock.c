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

tacho_status tacho__lock_open(const char *path, int *fd) {
    size_t size = strlen(path) + sizeof ".lock";
    char *name = tacho__malloc(size);
    *fd = -1;
    if (!name) {
        return TACHO_NOMEM;
    }
    snprintf(name, size, "%s.lock", path);
    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    tacho__free(name);
    if (*fd >= 0) {
        return TACHO_OK;
    }
    return errno == EACCES || errno == EPERM || errno == EROFS ? TACHO_DENIED : TACHO_IO;
}

/* One attempt: 0, or the error. A child that was forked in between would hold the lock and not know it. */
static int attempt(int fd, int *place) {
    if (!tacho__unforked_enter()) {
        return EWOULDBLOCK;
    }
    int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (error == 0 && !tacho__unforked_keep(fd, place)) {
        flock(fd, LOCK_UN);
        error = ENFILE;
    }
    tacho__unforked_leave();
    return error;
}

tacho_status tacho__lock_take(int fd, int wait_ms, int *place) {
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t end = tacho__now(&tacho__clock_system) + (uint64_t)wait_ms * UINT64_C(1000000);
    for (int error; (error = attempt(fd, place)) != 0;) {
        if (error != EWOULDBLOCK && error != EINTR) {
            return TACHO_IO;
        }
        if (tacho__now(&tacho__clock_system) >= end) {
            return TACHO_BUSY;
        }
        nanosleep(&pause, NULL);
    }
    return TACHO_OK;
}

void tacho__lock_give(int fd) {
    const bool entered = tacho__unforked_enter();
    tacho__unforked_forget(fd);
    flock(fd, LOCK_UN);
    if (entered) {
        tacho__unforked_leave();
    }
}
