#include "run_folder.h"
#include "message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/registry.h>
#include <unistd.h>

/* mkdtemp makes it with mode 0700: a registry belongs to one user. */
static int make_in(const char *parent, cli_run_folder *folder) {
    if (parent == NULL || parent[0] != '/' ||
        snprintf(folder->path, sizeof(folder->path), "%s/tacho-run-XXXXXX", parent) >= (int)sizeof(folder->path)) {
        return 0;
    }
    return mkdtemp(folder->path) != NULL;
}

int cli_run_folder_make(const cli_arguments *arguments, cli_run_folder *folder) {
    const char *given = getenv("TACHO_DIR");
    *folder = (cli_run_folder){.is_own = 0};
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

void cli_run_folder_remove(const cli_arguments *arguments, const cli_run_folder *folder) {
    tacho_registry_state *state = NULL;
    if (!folder->is_own) {
        return;
    }
    if (cli_given(arguments, CLI_FLAG_KEEP)) {
        cli_hint(arguments, "The registry is kept; read it with: tacho summary --from %s", folder->path);
        return;
    }
    if (tacho_registry_look(folder->path, &state) == TACHO_OK && state->live > 0) {
        cli_warn(arguments, "%llu process%s still record%s; the registry is kept: %s", (unsigned long long)state->live,
                 state->live == 1 ? "" : "es", state->live == 1 ? "s" : "", folder->path);
    } else if (!remove_all(folder->path)) {
        cli_warn(arguments, "the registry '%s' could not be removed: %s", folder->path, strerror(errno));
    }
    tacho_registry_state_free(state);
}
