#include "config/paths.h"

#include "base/clock.h"
#include "base/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/settings.h>
#include <time.h>
#include <unistd.h>

#define PROJECT_FILE "tachograph.json"

/*
 * A file below an XDG base directory. The specification says that a relative path in these variables is invalid and to
 * be ignored.
 * Source: XDG Base Directory Specification 0.8, "Environment variables".
 */
static tacho_status below(const char *variable, const char *in_home, const char *file, char *out, size_t size) {
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    int length;
    if (base != NULL && base[0] == '/') {
        length = snprintf(out, size, "%s/tachograph/%s", base, file);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(out, size, "%s/%s/tachograph/%s", home, in_home, file);
    } else {
        return TACHO_NOT_FOUND;
    }
    return length >= 0 && (size_t)length < size ? TACHO_OK : TACHO_FULL;
}

tacho_status tacho_default_history_path(char *out, size_t size) {
    return below("XDG_STATE_HOME", ".local/state", "history.db", out, size);
}

tacho_status tacho_default_save_path(char *out, size_t size) {
    return below("XDG_DATA_HOME", ".local/share", "metrics/", out, size);
}

tacho_status tacho_default_save_file(char *out, size_t size) {
    tacho_status status = tacho_default_save_path(out, size);
    if (status == TACHO_OK) {
        status = tacho__make_folders(out);
    }
    if (status != TACHO_OK) {
        return status;
    }
    int64_t now_ns = tacho__wall(&tacho__clock_system);
    time_t seconds = (time_t)(now_ns / (int64_t)TACHO__NS_PER_SECOND);
    char instant[32];
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(instant, sizeof(instant), "%Y%m%dT%H%M%S", &utc);
    size_t length = strlen(out);
    int more = snprintf(out + length, size - length, "%s%09lld-%ld.msgpack", instant,
                        (long long)(now_ns % (int64_t)TACHO__NS_PER_SECOND), (long)getpid());
    return more > 0 && (size_t)more < size - length ? TACHO_OK : TACHO_FULL;
}

tacho_status tacho_default_prices_path(char *out, size_t size) {
    return below("XDG_CACHE_HOME", ".cache", "prices", out, size);
}

tacho_status tacho__user_settings_path(char *out, size_t size) {
    return below("XDG_CONFIG_HOME", ".config", "config.json", out, size);
}

/* Cuts the last component off; false at the root. */
static int go_up(char *folder) {
    char *slash = strrchr(folder, '/');
    if (slash == NULL || folder[1] == '\0') {
        return 0;
    }
    slash[slash == folder ? 1 : 0] = '\0';
    return 1;
}

tacho_status tacho__project_settings_path(char *out, size_t size) {
    char folder[TACHO__PATH_MAX];
    if (getcwd(folder, sizeof(folder)) == NULL) {
        return TACHO_NOT_FOUND;
    }
    do {
        int length = snprintf(out, size, "%s/%s", folder[1] == '\0' ? "" : folder, PROJECT_FILE);
        struct stat found;
        if (length < 0 || (size_t)length >= size) {
            return TACHO_FULL;
        }
        if (stat(out, &found) == 0 && S_ISREG(found.st_mode)) {
            return TACHO_OK;
        }
    } while (go_up(folder));
    return TACHO_NOT_FOUND;
}
