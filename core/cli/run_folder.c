#include "run_folder.h"
#include "message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tachograph/registry.h>
#include <time.h>
#include <unistd.h>

#define NAME      "tacho-run-"
#define LOCK_FILE "run" /* in a folder of ours: its lock says that the command runs */
#define LEFT_FOR  86400 /* seconds that a folder stays after the last change, for whoever wants to look at it */

/* A registry holds plain files only. */
static int remove_all(const char *path) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    if (listing == NULL) {
        return errno == ENOENT;
    }
    while ((entry = readdir(listing)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(listing), entry->d_name, 0);
        }
    }
    closedir(listing);
    return rmdir(path) == 0;
}

static int lock_in(const char *path, int flags) {
    char name[CLI_PATH_MAX + sizeof("/" LOCK_FILE)];
    snprintf(name, sizeof(name), "%s/" LOCK_FILE, path);
    int file = open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        file = -1;
    }
    return file;
}

/* A folder of this user's that nobody has touched for long. */
static int is_old(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid() &&
           time(NULL) - about.st_mtime > LEFT_FOR;
}

static void sweep_one(const char *path) {
    tacho_registry_state *state = NULL;
    int lock = is_old(path) ? lock_in(path, 0) : -1;
    if (lock < 0) {
        return;
    }
    tacho_status status = tacho_registry_look(path, &state);
    if (status == TACHO_NOT_FOUND || (status == TACHO_OK && state->live == 0)) {
        remove_all(path);
    }
    tacho_registry_state_free(state);
    close(lock);
}

/* What was left by a `tacho run` that was killed. */
static void sweep(const char *parent) {
    DIR *listing = opendir(parent);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        char path[CLI_PATH_MAX];
        if (strncmp(entry->d_name, NAME, sizeof(NAME) - 1) == 0 &&
            snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name) < (int)sizeof(path)) {
            sweep_one(path);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

/* mkdtemp makes it with mode 0700: a registry belongs to one user. */
static int make_in(const char *parent, cli_run_folder *folder) {
    if (parent == NULL || parent[0] != '/' ||
        snprintf(folder->path, sizeof(folder->path), "%s/" NAME "XXXXXX", parent) >= (int)sizeof(folder->path)) {
        return 0;
    }
    sweep(parent);
    if (mkdtemp(folder->path) == NULL) {
        return 0;
    }
    folder->lock = lock_in(folder->path, O_CREAT | O_EXCL);
    return 1;
}

int cli_run_folder_make(const cli_arguments *arguments, cli_run_folder *folder) {
    const char *given = getenv("TACHO_DIR");
    *folder = (cli_run_folder){.lock = -1};
    if (given != NULL && given[0] != '\0') {
        cli_tell(arguments, "registry %s (TACHO_DIR)", given);
        return snprintf(folder->path, sizeof(folder->path), "%s", given) < (int)sizeof(folder->path)
                   ? CLI_DONE
                   : cli_fail(CLI_USAGE, "the path in TACHO_DIR is too long");
    }
    const char *const parents[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", getenv("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
        if (make_in(parents[i], folder)) {
            folder->is_own = 1;
            cli_tell(arguments, "registry %s", folder->path);
            return CLI_DONE;
        }
    }
    return cli_fail(CLI_INTERNAL,
                    "no folder for the registry could be made below $XDG_RUNTIME_DIR, /dev/shm or /tmp: %s",
                    strerror(errno));
}

/* Without the file nobody sweeps it. */
static void keep(const cli_run_folder *folder) {
    char name[CLI_PATH_MAX + sizeof("/" LOCK_FILE)];
    snprintf(name, sizeof(name), "%s/" LOCK_FILE, folder->path);
    unlink(name);
}

static void remove_or_keep(const cli_arguments *arguments, const cli_run_folder *folder) {
    tacho_registry_state *state = NULL;
    if (folder->is_unwritten) { /* said with --quiet too: nobody else knows the name */
        keep(folder);
        cli_fail(CLI_INTERNAL, "the registry is kept; read it with: tacho summary --from %s", folder->path);
        return;
    }
    if (cli_given(arguments, CLI_FLAG_KEEP)) {
        keep(folder);
        cli_hint(arguments, "The registry is kept; read it with: tacho summary --from %s", folder->path);
        return;
    }
    if (tacho_registry_look(folder->path, &state) == TACHO_OK && state->live > 0) {
        keep(folder);
        cli_warn(arguments, "%llu process%s still record%s; the registry is kept: %s", (unsigned long long)state->live,
                 state->live == 1 ? "" : "es", state->live == 1 ? "s" : "", folder->path);
    } else if (!remove_all(folder->path)) {
        cli_warn(arguments, "the registry '%s' could not be removed: %s", folder->path, strerror(errno));
    }
    tacho_registry_state_free(state);
}

void cli_run_folder_remove(const cli_arguments *arguments, cli_run_folder *folder) {
    if (folder->is_own) {
        remove_or_keep(arguments, folder);
    }
    if (folder->lock >= 0) {
        close(folder->lock);
        folder->lock = -1;
    }
}
