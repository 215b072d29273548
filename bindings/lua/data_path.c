/* Where save() without a path writes: a new file in the data directory, under metrics/, named after the instant. */
#include "module.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Makes the folder `path`, which ends in a slash, and those above it. */
static tacho_status make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return TACHO_IO;
    }
    return TACHO_OK;
}

tacho_status tacho_lua_default_path(char *out, size_t size) {
    struct timespec now;
    struct tm utc;
    char instant[32];
    tacho_status status = tacho_default_save_path(out, size);
    if (status == TACHO_OK)
        status = make_folders(out);
    if (status != TACHO_OK)
        return status;
    timespec_get(&now, TIME_UTC);
    gmtime_r(&now.tv_sec, &utc);
    strftime(instant, sizeof instant, "%Y%m%dT%H%M%S", &utc);
    size_t length = strlen(out);
    int more = snprintf(out + length, size - length, "%s%09ld-%ld.msgpack", instant, now.tv_nsec, (long)getpid());
    return more > 0 && (size_t)more < size - length ? TACHO_OK : TACHO_FULL;
}
