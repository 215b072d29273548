#include "history/lock.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
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

tacho_status tacho__lock_take(int fd) {
    const struct timespec pause = {.tv_nsec = 1000000};
    uint64_t end = tacho__now(&tacho__clock_system) + TACHO__LOCK_WAIT_MS * UINT64_C(1000000);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
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
    flock(fd, LOCK_UN);
}
