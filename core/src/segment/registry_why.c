/* Why a folder is refused as a registry, for people. Looked at anew: a refusal is rare, and must cost nothing before.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/registry.h>
#include <unistd.h>

#define ELSEWHERE "name one of your own, as in $XDG_RUNTIME_DIR or /dev/shm"

/* With a slash at the end even lstat follows a link. */
static int look(const char *dir, struct stat *out) {
    char path[4096];
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') {
        --length;
    }
    const int printed = snprintf(path, sizeof path, "%.*s", (int)(length < sizeof path ? length : 0), dir);
    return printed > 0 ? lstat(path, out) : -1;
}

static void say_denied(const char *dir, char *out, size_t size) {
    struct stat about;
    const int found = look(dir, &about);
    if (found != 0 && errno == ENOENT) {
        snprintf(out, size, "it cannot be made: the folder above it is not yours to write to; " ELSEWHERE);
    } else if (found != 0) {
        snprintf(out, size, "a folder above it may not be entered, or is none; " ELSEWHERE);
    } else if (S_ISLNK(about.st_mode)) {
        snprintf(out, size, "it is a symbolic link; name the folder that it leads to");
    } else if (!S_ISDIR(about.st_mode)) {
        snprintf(out, size, "it is a file and no folder");
    } else if (about.st_uid != geteuid()) {
        snprintf(out, size, "it belongs to another user (number %u); " ELSEWHERE, (unsigned)about.st_uid);
    } else if (about.st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(out, size, "others may write to it (mode %o); chmod go-w would mend that",
                 (unsigned)about.st_mode & 07777u);
    } else {
        snprintf(out, size, "its rights (mode %o) or those of its files keep you out",
                 (unsigned)about.st_mode & 07777u);
    }
}

static int has_parent(const char *dir) {
    char path[4096];
    struct stat about;
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/') {
        --length;
    }
    while (length > 0 && dir[length - 1] != '/') {
        --length;
    }
    snprintf(path, sizeof path, "%.*s", (int)(length < sizeof path ? length : 0), dir);
    return length == 0 || stat(path, &about) == 0;
}

int tacho_registry_why(const char *dir, tacho_status status, char out[TACHO_REGISTRY_WHY]) {
    struct stat about;
    switch (status) {
    case TACHO_DENIED:
        say_denied(dir, out, TACHO_REGISTRY_WHY);
        break;
    case TACHO_UNSUPPORTED:
#ifdef TACHO_PORTABLE
        snprintf(out, TACHO_REGISTRY_WHY, "this build shares nothing between processes");
#else
        snprintf(out, TACHO_REGISTRY_WHY, "it is on a filesystem of the network, where locks do not hold; " ELSEWHERE);
#endif
        break;
    case TACHO_NOT_FOUND:
        snprintf(out, TACHO_REGISTRY_WHY, "%s",
                 look(dir, &about) == 0 ? "no program has recorded there"
                 : has_parent(dir)      ? "there is no such folder; no program has recorded there"
                                        : "there is no such folder, nor the one above it; make that first");
        break;
    case TACHO_FOREIGN:
        snprintf(out, TACHO_REGISTRY_WHY, "its file 'meta' is of another program; name an empty or a new folder");
        break;
    case TACHO_NEWER:
        snprintf(out, TACHO_REGISTRY_WHY, "a newer version of tachograph made it; " ELSEWHERE);
        break;
    case TACHO_DAMAGED:
        snprintf(out, TACHO_REGISTRY_WHY, "its file 'meta' is damaged; name an empty or a new folder");
        break;
    default:
        snprintf(out, TACHO_REGISTRY_WHY, "%s", tacho_status_text(status));
        break;
    }
    return dir && stat(dir, &about) == 0 && S_ISDIR(about.st_mode);
}
