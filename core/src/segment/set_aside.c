#include "segment/set_aside.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "damaged-base-"
#define LENGTH (sizeof PREFIX - 1 + 16)

size_t tacho__set_aside_list(const tacho__registry *registry, char names[TACHO__SET_ASIDE_MOST][TACHO__REGISTRY_NAME]) {
    /* A stream of its own: a copy of the folder's descriptor would share the position of other threads. */
    const int folder = openat(registry->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = folder >= 0 ? fdopendir(folder) : NULL;
    size_t count = 0;
    if (!listing) {
        if (folder >= 0) {
            close(folder);
        }
        return 0;
    }
    for (const struct dirent *entry; count < TACHO__SET_ASIDE_MOST && (entry = readdir(listing));) {
        if (strlen(entry->d_name) == LENGTH && strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0) {
            memcpy(names[count++], entry->d_name, LENGTH + 1);
        }
    }
    closedir(listing);
    return count;
}
