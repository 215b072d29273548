/** Opening a registry: is this folder ours, safe and local, and what does its `meta` say? */
#include "segment/registry.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "segment/crc32c.h"
#include "segment/layout.h"
#include "segment/system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(sizeof(tacho__registry_meta) == 64, "core/FORMAT.md 1.18");
static_assert(offsetof(tacho__registry_meta, id) == 16, "core/FORMAT.md 1.18");
static_assert(offsetof(tacho__registry_meta, created_at_ns) == 32, "core/FORMAT.md 1.18");
static_assert(offsetof(tacho__registry_meta, crc32c) == 60, "core/FORMAT.md 1.18");

#define PATH_MOST 4000

/*
 * Filesystems on which locks and shared mappings of one machine do not mean the same on another, or whose server can
 * stall a store: f_type values of statfs(2). All of FUSE is among them, since sshfs and its like look the same.
 */
static const uint64_t remote_filesystems[] = {
    0x6969,     /* NFS */
    0x517B,     /* SMB */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB2 */
    0x65735546, /* FUSE */
    0x01021997, /* 9P */
    0x5346414F, /* AFS */
    0x6B414653, /* kAFS */
    0x73757245, /* Coda */
    0x00C36400, /* Ceph */
    0x01161970, /* GFS2 */
    0x7461636F, /* OCFS2 */
    0x0BD00BD0, /* Lustre */
    0x47504653, /* GPFS */
    0x564C,     /* NCP */
    0x786F4256, /* shared folders of VirtualBox */
    0xBACBACBC, /* shared folders of VMware */
    0x19830326, /* BeeGFS */
    0xAAD7AAEA, /* PanFS */
};

static bool is_remote(uint64_t type) {
    for (size_t i = 0; i < sizeof remote_filesystems / sizeof *remote_filesystems; ++i) {
        if (remote_filesystems[i] == (type & 0xFFFFFFFF)) {
            return true;
        }
    }
    return false;
}

static tacho_status status_of_error(int error) {
    switch (error) {
    case ENOENT:
        return TACHO_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP: /* a symbolic link where none may be */
    case ENOTDIR:
        return TACHO_DENIED;
    case ENOMEM:
        return TACHO_NOMEM;
    default:
        return TACHO_IO;
    }
}

/* ------------------------------------------------------------------------------------------------------- the folder */

static tacho_status check_folder(int folder) {
    struct stat about;
    uint64_t type;
    if (fstat(folder, &about) != 0 || tacho__system_calls.filesystem(folder, &type) != 0) {
        return TACHO_IO;
    }
    /* Others may see that the folder exists, but whoever can write there can replace our files. */
    if (about.st_uid != geteuid() || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return TACHO_DENIED;
    }
    return is_remote(type) ? TACHO_UNSUPPORTED : TACHO_OK;
}

static tacho_status open_folder(tacho__registry *registry, const char *path, unsigned flags) {
    if ((flags & TACHO__REGISTRY_CREATE) && tacho__system_calls.make_folder(path, 0700) != 0 && errno != EEXIST) {
        return status_of_error(errno);
    }
    const int folder = tacho__system_calls.open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (folder < 0) {
        return status_of_error(errno);
    }
    struct stat about;
    const tacho_status status = fstat(folder, &about) == 0 ? check_folder(folder) : TACHO_IO;
    if (status != TACHO_OK) {
        close(folder);
        return status;
    }
    registry->folder = folder;
    registry->device = (uint64_t)about.st_dev;
    registry->inode = (uint64_t)about.st_ino;
    return TACHO_OK;
}

bool tacho__registry_is_ours(const tacho__registry *registry) {
    struct stat about;
    return fstat(registry->folder, &about) == 0 && (uint64_t)about.st_dev == registry->device &&
           (uint64_t)about.st_ino == registry->inode;
}

/* ------------------------------------------------------------------------------------------------------------- meta */

static tacho_status check_meta(const tacho__registry_meta *meta, size_t length) {
    if (length < sizeof *meta || memcmp(meta->magic, TACHO__REGISTRY_MAGIC, sizeof meta->magic) != 0 ||
        meta->byte_order != TACHO__BYTE_ORDER) {
        return TACHO_FOREIGN;
    }
    if (meta->major != TACHO__REGISTRY_MAJOR) {
        return meta->major > TACHO__REGISTRY_MAJOR ? TACHO_NEWER : TACHO_FOREIGN;
    }
    return meta->crc32c == tacho__crc32c(meta, offsetof(tacho__registry_meta, crc32c)) ? TACHO_OK : TACHO_DAMAGED;
}

static tacho_status read_meta(tacho__registry *registry) {
    tacho__registry_file file;
    tacho_status status = tacho__registry_find(registry, TACHO__REGISTRY_META, &file);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__registry_meta meta;
    const ssize_t length = tacho__system_calls.read_at(file.file, &meta, sizeof meta, 0);
    close(file.file);
    status = length < 0 ? TACHO_IO : check_meta(&meta, (size_t)length);
    if (status == TACHO_OK) {
        memcpy(registry->id, meta.id, sizeof registry->id);
        registry->created_at_ns = meta.created_at_ns;
    }
    return status;
}

static tacho_status make_meta(const tacho__registry *registry) {
    tacho__registry_meta meta = {.major = TACHO__REGISTRY_MAJOR,
                                 .byte_order = TACHO__BYTE_ORDER,
                                 .created_at_ns = tacho__wall(&tacho__clock_system)};
    memcpy(meta.magic, TACHO__REGISTRY_MAGIC, sizeof meta.magic);
    tacho__random_bytes(meta.id, sizeof meta.id);
    meta.crc32c = tacho__crc32c(&meta, offsetof(tacho__registry_meta, crc32c));
    return tacho__registry_write_once(registry, TACHO__REGISTRY_META, &meta, sizeof meta);
}

/* The page of limits comes with the registry, so that those who share it need not agree on who makes it. */
static tacho_status make_limits(const tacho__registry *registry) {
    static const uint8_t page[TACHO__REGISTRY_LIMITS_BYTES];
    return tacho__registry_write_once(registry, TACHO__REGISTRY_LIMITS, page, sizeof page);
}

static tacho_status find_meta(tacho__registry *registry, unsigned flags) {
    tacho_status status = read_meta(registry);
    if (status == TACHO_NOT_FOUND && (flags & TACHO__REGISTRY_CREATE)) {
        status = make_limits(registry);
        status = status == TACHO_OK ? make_meta(registry) : status;
        status = status == TACHO_OK ? read_meta(registry) : status;
    }
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- opening */

/* With a slash at the end even O_NOFOLLOW follows a link. */
static size_t length_without_slashes(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        --length;
    }
    return length;
}

/* As it is now: a host may change its folder, and the path is asked for again (tacho__registry_reach). */
static bool make_absolute(const char *path, size_t length, char out[PATH_MOST + 1]) {
    size_t start = 0;
    if (path[0] != '/' && getcwd(out, PATH_MOST - 1)) {
        start = strlen(out);
        start += out[start - 1] != '/';
    }
    if (length == 0 || start + length > PATH_MOST) {
        return false;
    }
    if (start > 0) {
        out[start - 1] = '/';
    }
    memcpy(out + start, path, length);
    out[start + length] = 0;
    return true;
}

tacho_status tacho__registry_open(const char *given, unsigned flags, tacho__registry **out) {
    *out = NULL;
    char path[PATH_MOST + 1];
    if (!make_absolute(given, length_without_slashes(given), path)) {
        return TACHO_INVALID;
    }
    const size_t length = strlen(path);
#ifdef TACHO_PORTABLE
    return TACHO_UNSUPPORTED; /* its promises rest on what Linux says of locks, filesystems and growing files */
#endif
    tacho__registry *registry = tacho__calloc(1, sizeof *registry + length + 1);
    if (!registry) {
        return TACHO_NOMEM;
    }
    atomic_init(&registry->references, 1);
    registry->folder = registry->lease = -1;
    memcpy(registry->path, path, length);
    tacho_status status = open_folder(registry, registry->path, flags);
    if (status == TACHO_OK) {
        status = find_meta(registry, flags);
    }
    if (status != TACHO_OK) {
        tacho__registry_release(registry);
        return status;
    }
    *out = registry;
    return TACHO_OK;
}

static bool is_intact(const tacho__registry *registry) {
    tacho__registry again = {.folder = registry->folder, .lease = -1};
    return read_meta(&again) == TACHO_OK && memcmp(again.id, registry->id, sizeof again.id) == 0;
}

bool tacho__registry_reach(tacho__registry *registry) {
    if (tacho__registry_is_ours(registry)) {
        return true;
    }
    tacho__registry again = {.folder = -1, .lease = -1};
    memcpy(again.id, registry->id, sizeof again.id);
    if (open_folder(&again, registry->path, 0) == TACHO_OK &&
        (again.device != registry->device || again.inode != registry->inode || !is_intact(&again))) {
        close(again.folder);
        again.folder = -1;
    }
    registry->folder = again.folder;
    return again.folder >= 0;
}

void tacho__registry_renew(tacho__registry **registry) {
    tacho__registry *again;
    if (*registry && !(tacho__registry_reach(*registry) && is_intact(*registry)) && (*registry)->path[0] == '/' &&
        tacho__registry_open((*registry)->path, TACHO__REGISTRY_CREATE, &again) == TACHO_OK) {
        *registry = again;
    }
}

tacho__registry *tacho__registry_retain(tacho__registry *registry) {
    if (registry) {
        atomic_fetch_add_explicit(&registry->references, 1, memory_order_relaxed);
    }
    return registry;
}

void tacho__registry_release(tacho__registry *registry) {
    if (!registry || atomic_fetch_sub_explicit(&registry->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    tacho__registry_lease_release(registry);
    if (registry->folder >= 0 && tacho__registry_is_ours(registry)) {
        close(registry->folder);
    }
    tacho__free(registry);
}
