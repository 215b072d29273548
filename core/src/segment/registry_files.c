/** The files of a registry: making, naming, finding, listing, and the lease. */
#include "segment/registry.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/unforked.h"
#include "segment/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_PREFIX   "seg-"
#define TEMPORARY_PREFIX ".new-"
#define PREFIX_LENGTH    (sizeof SEGMENT_PREFIX - 1)
#define TRIES            8
#define INTERRUPTIONS    100

static tacho_status status_of_error(int error) {
    switch (error) {
    case ENOENT:
        return TACHO_NOT_FOUND;
    case EACCES:
    case EPERM:
        return TACHO_DENIED;
    case ELOOP:
        return TACHO_FOREIGN;
    default:
        return TACHO_IO;
    }
}

/* ------------------------------------------------------------------------------------------------------------ names */

void tacho__registry_name(const uint8_t id[16], char name[TACHO__REGISTRY_NAME]) {
    uint64_t words[2] = {0, 0};
    for (int i = 0; i < 16; ++i) {
        words[i / 8] = words[i / 8] << 8 | id[i];
    }
    char high[17], low[17];
    tacho__hex_text(words[0], high);
    tacho__hex_text(words[1], low);
    snprintf(name, TACHO__REGISTRY_NAME, SEGMENT_PREFIX "%s%s", high, low);
}

bool tacho__registry_id(const char *name, uint8_t id[16]) {
    uint64_t words[2];
    if (strlen(name) != PREFIX_LENGTH + 32 || memcmp(name, SEGMENT_PREFIX, PREFIX_LENGTH) != 0 ||
        !tacho__hex_parse(name + PREFIX_LENGTH, 16, &words[0]) ||
        !tacho__hex_parse(name + PREFIX_LENGTH + 16, 16, &words[1])) {
        return false;
    }
    for (int i = 0; i < 16; ++i) {
        id[i] = (uint8_t)(words[i / 8] >> (8 * (7 - i % 8)));
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------- making and naming */

/* A sweeper may have taken the lock and removed the name before we got the lock: then the file has no name left. */
static bool is_locked_with_name(int file) {
    struct stat about;
    return tacho__system_calls.lock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &about) == 0 && about.st_nlink > 0;
}

tacho_status tacho__registry_create(const tacho__registry *registry, char name[TACHO__REGISTRY_NAME], int *file) {
    for (int i = 0; i < TRIES; ++i) {
        char digits[17];
        tacho__hex_text(tacho__random_id(), digits);
        snprintf(name, TACHO__REGISTRY_NAME, TEMPORARY_PREFIX "%s", digits);
        const int made = tacho__system_calls.open_at(registry->folder, name,
                                                     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (made < 0 && errno != EEXIST && errno != EINTR) {
            return status_of_error(errno);
        }
        if (made >= 0 && is_locked_with_name(made)) {
            *file = made;
            return TACHO_OK;
        }
        if (made >= 0) {
            tacho__registry_remove(registry, name);
            close(made);
        }
    }
    return TACHO_IO;
}

tacho_status tacho__registry_publish(const tacho__registry *registry, const char *from, const char *to) {
    return tacho__system_calls.rename_at(registry->folder, from, to) == 0 ? TACHO_OK : TACHO_IO;
}

void tacho__registry_remove(const tacho__registry *registry, const char *name) {
    tacho__system_calls.remove_at(registry->folder, name);
}

static tacho_status fill(int file, const void *bytes, size_t length) {
    size_t written = 0;
    for (unsigned interrupted = 0; written < length;) {
        const ssize_t n = tacho__system_calls.write_to(file, (const char *)bytes + written, length - written);
        if (n > 0) {
            written += (size_t)n;
        } else if (n == 0 || errno != EINTR || ++interrupted > INTERRUPTIONS) {
            return TACHO_IO;
        }
    }
    return TACHO_OK;
}

static tacho_status write_and_publish(const tacho__registry *registry, const char *name, const void *bytes,
                                      size_t length, bool lasting) {
    char temporary[TACHO__REGISTRY_NAME];
    int file;
    tacho_status status = tacho__registry_create(registry, temporary, &file);
    if (status != TACHO_OK) {
        return status;
    }
    status = fill(file, bytes, length);
    if (status == TACHO_OK && lasting && tacho__system_calls.sync(file) != 0) {
        status = TACHO_IO;
    }
    if (status == TACHO_OK) {
        status = tacho__registry_publish(registry, temporary, name);
    }
    if (status != TACHO_OK) {
        tacho__registry_remove(registry, temporary);
    }
    close(file);
    return status;
}

tacho_status tacho__registry_write(const tacho__registry *registry, const char *name, const void *bytes,
                                   size_t length) {
    return write_and_publish(registry, name, bytes, length, false);
}

tacho_status tacho__registry_write_lasting(const tacho__registry *registry, const char *name, const void *bytes,
                                           size_t length) {
    return write_and_publish(registry, name, bytes, length, true);
}

tacho_status tacho__registry_write_once(const tacho__registry *registry, const char *name, const void *bytes,
                                        size_t length) {
    char temporary[TACHO__REGISTRY_NAME];
    int file;
    tacho_status status = tacho__registry_create(registry, temporary, &file);
    if (status != TACHO_OK) {
        return status;
    }
    status = fill(file, bytes, length);
    if (status == TACHO_OK && tacho__system_calls.link_at(registry->folder, temporary, name) != 0 && errno != EEXIST) {
        status = status_of_error(errno);
    }
    tacho__registry_remove(registry, temporary);
    close(file);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- finding */

tacho_status tacho__registry_find(const tacho__registry *registry, const char *name, tacho__registry_file *out) {
    /* O_NONBLOCK: somebody may have put a pipe there. */
    const int file = tacho__system_calls.open_at(registry->folder, name,
                                                 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (file < 0) {
        return status_of_error(errno);
    }
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid()) {
        close(file);
        return TACHO_FOREIGN;
    }
    *out = (tacho__registry_file){file, (uint64_t)about.st_dev, (uint64_t)about.st_ino, (uint64_t)about.st_size};
    return TACHO_OK;
}

bool tacho__registry_is_alive(int file) {
    if (tacho__system_calls.lock(file, LOCK_SH | LOCK_NB) == 0) {
        flock(file, LOCK_UN);
        return false;
    }
    return true; /* held, or the kernel could not say: then nothing is folded */
}

/* ---------------------------------------------------------------------------------------------------------- listing */

/* A stream of its own: a copy of the folder's descriptor would share the position of other threads. */
static DIR *open_listing(const tacho__registry *registry) {
    const int folder = openat(registry->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = folder >= 0 ? fdopendir(folder) : NULL;
    if (folder >= 0 && !listing) {
        close(folder);
    }
    return listing;
}

static bool add_id(uint8_t (**ids)[16], size_t *count, size_t *room, const uint8_t id[16]) {
    if (*count == *room) {
        const size_t more = *room ? *room * 2 : 16;
        uint8_t(*grown)[16] = tacho__realloc(*ids, more * sizeof **ids);
        if (!grown) {
            return false;
        }
        *ids = grown;
        *room = more;
    }
    memcpy((*ids)[(*count)++], id, 16);
    return true;
}

tacho_status tacho__registry_list(const tacho__registry *registry, uint8_t (**ids)[16], size_t *count) {
    *ids = NULL;
    *count = 0;
    DIR *listing = open_listing(registry);
    if (!listing) {
        return TACHO_IO;
    }
    size_t room = 0;
    bool added = true;
    uint8_t id[16];
    for (const struct dirent *entry; added && (entry = readdir(listing));) {
        added = !tacho__registry_id(entry->d_name, id) || add_id(ids, count, &room, id);
    }
    closedir(listing);
    if (!added) {
        tacho__free(*ids);
        *ids = NULL;
        *count = 0;
    }
    return added ? TACHO_OK : TACHO_NOMEM;
}

static void sweep_one(const tacho__registry *registry, const char *name) {
    tacho__registry_file file;
    if (tacho__registry_find(registry, name, &file) != TACHO_OK) {
        return;
    }
    if (tacho__system_calls.lock(file.file, LOCK_EX | LOCK_NB) == 0) {
        tacho__registry_remove(registry, name);
    }
    close(file.file);
}

void tacho__registry_sweep(const tacho__registry *registry) {
    DIR *listing = open_listing(registry);
    if (!listing) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(listing));) {
        if (strncmp(entry->d_name, TEMPORARY_PREFIX, sizeof TEMPORARY_PREFIX - 1) == 0) {
            sweep_one(registry, entry->d_name);
        }
    }
    closedir(listing);
}

/* -------------------------------------------------------------------------------------------------------- the lease */

/* No fork between locking and noting that it is. */
static int lock_inside(const tacho__registry *registry, const char *name, int *place) {
    if (!tacho__registry_is_ours(registry)) { /* it would make its file in another folder */
        return -1;
    }
    const int file = tacho__system_calls.open_at(registry->folder, name,
                                                 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file >= 0 && tacho__system_calls.lock(file, LOCK_EX | LOCK_NB) == 0 && tacho__unforked_keep(file, place)) {
        return file;
    }
    if (file >= 0) {
        close(file);
    }
    return -1;
}

bool tacho__registry_lock(const tacho__registry *registry, const char *name, int *out) {
    if (!tacho__unforked_enter()) {
        return false;
    }
    *out = lock_inside(registry, name, out);
    tacho__unforked_leave();
    return *out >= 0;
}

void tacho__registry_unlock(int *file) {
    const bool entered = tacho__unforked_enter();
    if (*file >= 0 && tacho__unforked_forget(*file)) {
        flock(*file, LOCK_UN); /* a child that ran no handlers may still have the descriptor */
        close(*file);
    }
    *file = -1;
    if (entered) {
        tacho__unforked_leave();
    }
}

bool tacho__registry_holds(const int *file) {
    if (!tacho__unforked_enter()) {
        return false;
    }
    const bool holds = *file >= 0 && tacho__unforked_has(*file);
    tacho__unforked_leave();
    return holds;
}

bool tacho__registry_lease_try(tacho__registry *registry) {
    if (registry->owner == getpid() && tacho__registry_holds(&registry->lease)) {
        return true;
    }
    tacho__registry_lease_release(registry);
    if (!tacho__unforked_enter()) {
        return false;
    }
    registry->lease = lock_inside(registry, TACHO__REGISTRY_LEASE, &registry->lease);
    registry->owner = getpid();
    tacho__unforked_leave();
    return registry->lease >= 0;
}

void tacho__registry_lease_release(tacho__registry *registry) {
    if (registry->owner == getpid()) { /* a parent's was closed when the child was made */
        tacho__registry_unlock(&registry->lease);
    }
    registry->lease = -1;
}
