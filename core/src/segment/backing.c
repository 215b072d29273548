#include "segment/backing.h"

#include "segment/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_AGAIN UINT64_C(256)

/* A huge page would cost 2 MiB for the first record. */
static void decline_huge_pages(const tacho__backing *backing) {
#ifdef MADV_NOHUGEPAGE
    madvise(backing->base, backing->bytes, MADV_NOHUGEPAGE);
#else
    (void)backing;
#endif
}

tacho_status tacho__backing_private(tacho__backing *out, uint64_t bytes) {
    memset(out, 0, sizeof *out);
    out->file = -1;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return TACHO_NOMEM;
    }
    out->base = base;
    out->bytes = out->ready = bytes;
    decline_huge_pages(out);
    return TACHO_OK;
}

tacho_status tacho__backing_file(tacho__backing *out, uint64_t bytes, int file) {
    memset(out, 0, sizeof *out);
    out->file = file;
    out->owner = getpid();
    struct stat about;
    if (fstat(file, &about) == 0) {
        out->device = (uint64_t)about.st_dev;
        out->inode = (uint64_t)about.st_ino;
    }
    void *base = tacho__system_calls.map(bytes, file);
    if (base == MAP_FAILED) {
        tacho__backing_close(out);
        return TACHO_NOMEM;
    }
    out->base = base;
    out->bytes = bytes;
    if (!tacho__backing_grow(out, 1)) {
        tacho__backing_close(out);
        return TACHO_IO;
    }
    decline_huge_pages(out);
    return TACHO_OK;
}

/* The number may be another file's by now, in a process that closed everything it had, as
 * daemons do. The mapping keeps the file and its lock all the same. */
static bool is_still_ours(const tacho__backing *backing) {
    struct stat about;
    return fstat(backing->file, &about) == 0 && (uint64_t)about.st_dev == backing->device &&
           (uint64_t)about.st_ino == backing->inode;
}

bool tacho__backing_grow(tacho__backing *backing, uint64_t bytes) {
    if (bytes <= backing->ready) {
        return true;
    }
    if (bytes > backing->bytes || (backing->refused != 0 && backing->refused++ % TRY_AGAIN != 0)) {
        return false;
    }
    uint64_t wanted = (bytes + TACHO__BACKING_STEP - 1) / TACHO__BACKING_STEP * TACHO__BACKING_STEP;
    wanted = wanted < backing->bytes ? wanted : backing->bytes;
    if (!is_still_ours(backing) ||
        tacho__system_calls.allocate(backing->file, (off_t)backing->ready, (off_t)(wanted - backing->ready)) != 0) {
        backing->refused = 1;
        return false;
    }
    backing->ready = wanted;
    backing->refused = 0;
    return true;
}

/* A mapping keeps the open file it was made from, and with it the lock. So the copy is made from the file opened anew;
 * where that cannot be had, of nothing, which only matters to a call that was interrupted by its own fork. If even that
 * fails, the old mapping stays, and nothing better can be had. */
static void replace_mapping(const tacho__backing *backing) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", backing->file);
    const int again = open(path, O_RDONLY | O_CLOEXEC);
    const int kind = again >= 0 ? 0 : MAP_ANONYMOUS;
    (void)mmap(backing->base, backing->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | kind,
               again, 0);
    if (again >= 0) {
        close(again);
    }
}

void tacho__backing_abandon(tacho__backing *backing) {
    if (backing->file < 0 || backing->owner == getpid()) {
        return;
    }
    if (is_still_ours(backing)) {
        if (backing->base) {
            replace_mapping(backing);
        }
        close(backing->file);
    }
    backing->file = -1;
}

void tacho__backing_close(tacho__backing *backing) {
    if (backing->base) {
        munmap(backing->base, backing->bytes);
    }
    if (backing->file >= 0 && is_still_ours(backing)) {
        /* A forked child that still has the descriptor would keep the lock alive, and a child must not give it back. */
        if (backing->owner == getpid()) {
            flock(backing->file, LOCK_UN);
        }
        close(backing->file);
    }
    backing->base = NULL;
    backing->file = -1;
}
