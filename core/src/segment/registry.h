/**
 * A registry: the folder in which processes share their segments (core/FORMAT.md 1.18).
 *
 * Everything in it is opened relative to the folder's descriptor, never by path and never through a symbolic link. The
 * folder and its files belong to one user; nobody else can write there.
 */
#ifndef TACHO_SEGMENT_REGISTRY_H
#define TACHO_SEGMENT_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__REGISTRY_NAME 48 /* bytes of a file's name with its NUL */

#define TACHO__REGISTRY_META   "meta"
#define TACHO__REGISTRY_BASE   "base"
#define TACHO__REGISTRY_LEASE  "lease"
#define TACHO__REGISTRY_LIMITS "limits"
#define TACHO__REGISTRY_STATE  "state"

#define TACHO__REGISTRY_HISTORY       "history"
#define TACHO__REGISTRY_LEASE_HISTORY "lease-history"

#define TACHO__REGISTRY_LIMITS_BYTES 4096u

/* Flags of tacho__registry_open */
#define TACHO__REGISTRY_CREATE 1u /* make the folder and its `meta` if they are missing */

typedef struct tacho__registry {
    _Atomic uint32_t references;
    _Atomic int folder;     /* descriptor; -1 = it cannot be had any more */
    uint64_t device, inode; /* of the folder */
    int lease;              /* descriptor while this process holds the lease, else -1; one thread at a time */
    int64_t owner;          /* process id of whoever took the lease */
    uint8_t id[16];
    int64_t created_at_ns; /* Unix time */
    char path[];           /* absolute, unless the current folder had none */
} tacho__registry;

/** `meta`, byte by byte: core/FORMAT.md 1.18. */
typedef struct tacho__registry_meta {
    char magic[8];
    uint16_t major, minor;
    uint32_t byte_order;
    uint8_t id[16];
    int64_t created_at_ns;
    uint8_t reserved[20];
    uint32_t crc32c; /* of everything before it */
} tacho__registry_meta;
#define TACHO__REGISTRY_MAGIC "TACHOREG"
#define TACHO__REGISTRY_MAJOR 1u

/**
 * Opens the folder `path`; its last component must not be a symbolic link.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND (no folder, or one that is no registry, and not CREATE); TACHO_DENIED (another
 *         owner, writable by others, or not ours to use); TACHO_UNSUPPORTED (a filesystem of the network; a portable
 * build); TACHO_IO; TACHO_NOMEM; TACHO_INVALID (a path that is empty or, made absolute, longer than 4,000 bytes);
 * TACHO_FOREIGN, TACHO_NEWER, TACHO_DAMAGED (`meta`)
 */
tacho_status tacho__registry_open(const char *path, unsigned flags, tacho__registry **out);
tacho__registry *tacho__registry_retain(tacho__registry *registry); /* NULL is allowed and returned */
void tacho__registry_release(tacho__registry *registry);            /* NULL is allowed */

/**
 * Whether the folder can be used. Its descriptor may be another file's, where the host closed all it had, as daemons
 * do: then the folder is opened again by its path, in place, if it is the same registry still; else there is none, and
 * every use of it is refused. That number is not closed: it is somebody else's. Any thread.
 */
bool tacho__registry_reach(tacho__registry *registry);
/** Whether the descriptor is that folder's still. */
bool tacho__registry_is_ours(const tacho__registry *registry);
/** The same folder for a lease of its own, as long as `registry` lives; see tacho__registry_lease_try. */
static inline void tacho__registry_beside(const tacho__registry *registry, tacho__registry *out) {
    *out = (tacho__registry){
        .folder = registry->folder, .device = registry->device, .inode = registry->inode, .lease = -1};
}

/**
 * For a forked child, of whatever it still has (NULL is allowed): reaches for the folder, and makes it anew if it is
 * gone or was. What it was stays in memory then.
 */
void tacho__registry_renew(tacho__registry **registry);

/** Name of the file of a segment: "seg-" and its id in 32 hexadecimal digits. */
void tacho__registry_name(const uint8_t id[16], char name[TACHO__REGISTRY_NAME]);
/** The id in a file's name; false for any other name. */
bool tacho__registry_id(const char *name, uint8_t id[16]);

/**
 * A new empty file under a temporary name, open for reading and writing, mode 0600, under flock(LOCK_EX). Close it and
 * remove the name, or publish it. TACHO_OK; TACHO_DENIED; TACHO_IO.
 */
tacho_status tacho__registry_create(const tacho__registry *registry, char name[TACHO__REGISTRY_NAME], int *file);
/** Gives a file its name; whatever had it before is replaced at once. TACHO_OK; TACHO_IO. */
tacho_status tacho__registry_publish(const tacho__registry *registry, const char *from, const char *to);
/** Removes a name; one that is gone is gone. */
void tacho__registry_remove(const tacho__registry *registry, const char *name);
/** Writes `bytes` to a new file and publishes it as `name`. TACHO_OK; TACHO_DENIED; TACHO_IO. */
tacho_status tacho__registry_write(const tacho__registry *registry, const char *name, const void *bytes, size_t length);
/** The same, and the bytes are on the disk before the file has its name. */
tacho_status tacho__registry_write_lasting(const tacho__registry *registry, const char *name, const void *bytes,
                                           size_t length);
/** As the first for a file that is there once and for all: of several processes that try at once, one gives the name.
 */
tacho_status tacho__registry_write_once(const tacho__registry *registry, const char *name, const void *bytes,
                                        size_t length);

typedef struct tacho__registry_file {
    int file;
    uint64_t device, inode;
    uint64_t bytes;
} tacho__registry_file;
/**
 * Opens a file of the registry for reading. TACHO_OK; TACHO_NOT_FOUND; TACHO_DENIED; TACHO_FOREIGN (not a plain file of
 * this user); TACHO_IO. The caller closes `file`.
 */
tacho_status tacho__registry_find(const tacho__registry *registry, const char *name, tacho__registry_file *out);
/** Whether the writer of an open segment file lives. */
bool tacho__registry_is_alive(int file);

/** Ids of the segment files, in no order; freed with tacho__free. TACHO_OK; TACHO_NOMEM; TACHO_IO. */
tacho_status tacho__registry_list(const tacho__registry *registry, uint8_t (**ids)[16], size_t *count);
/** Removes temporary files that no living process holds. For the holder of the lease. */
void tacho__registry_sweep(const tacho__registry *registry);

/**
 * Takes a lock that has a file of its own, if nobody has it. Never waits. `out` receives the descriptor, -1 if it
 * cannot be had; it must stay where it is until tacho__registry_unlock, since a forked child, which closes its copy,
 * sets it to -1.
 */
bool tacho__registry_lock(const tacho__registry *registry, const char *name, int *out);
void tacho__registry_unlock(int *file);
/** Whether a lock that was taken is held still: a host that closed everything it had closed it, too. */
bool tacho__registry_holds(const int *file);
/** Takes the lease if nobody has it; true when this process holds it, at this place until it is released. Never waits.
 */
bool tacho__registry_lease_try(tacho__registry *registry);
/** Gives it back; in a forked child, forgets it. */
void tacho__registry_lease_release(tacho__registry *registry);

#endif
