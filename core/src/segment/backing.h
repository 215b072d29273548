/**
 * The memory below a segment: private, or a file that other processes read.
 *
 * A file's address space is reserved once, for its largest size; the file behind it grows in steps of
 * TACHO__BACKING_STEP by posix_fallocate, which hands out real blocks or says no. So nothing ever moves, and no store
 * meets a page that does not exist (SIGBUS): only bytes below `ready` may be touched.
 *
 * The descriptor holds flock(LOCK_EX) until the backing is closed or its process dies: that lock, and nothing else,
 * says that the writer lives (core/FORMAT.md 1.18).
 */
#ifndef TACHO_SEGMENT_BACKING_H
#define TACHO_SEGMENT_BACKING_H

#include <stdbool.h>
#include <stdint.h>
#include <tachograph/status.h>

#define TACHO__BACKING_STEP (UINT64_C(256) << 10)

typedef struct tacho__backing {
    uint8_t *base;
    uint64_t bytes;   /* address space */
    uint64_t ready;   /* bytes that may be touched; all of them in private memory */
    uint64_t refused; /* requests to grow that were turned down since the last attempt */
    int file;         /* -1 = private memory */
    int64_t owner;    /* process id of whoever made it: only that process gives the lock back */
    uint64_t device, inode;
} tacho__backing;

/** Zeroed private memory. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__backing_private(tacho__backing *out, uint64_t bytes);
/**
 * The same over an empty file that was opened for reading and writing and locked; the descriptor belongs to the backing
 * from now on, also on failure. TACHO_OK; TACHO_NOMEM (address space); TACHO_IO (no room for the first step).
 */
tacho_status tacho__backing_file(tacho__backing *out, uint64_t bytes, int file);
/**
 * Makes the first `bytes` usable; false when there is no room. A refusal is remembered: most of the next requests are
 * turned down without a system call, every 256th tries again. So is every request once the descriptor is another
 * file's, because the host closed all it had. Needs the writer's lock.
 */
bool tacho__backing_grow(tacho__backing *backing, uint64_t bytes);
/**
 * In a forked child, of what the parent made; else nothing happens. The memory stays where it is and becomes a private
 * copy, for a call that the fork interrupted: nothing it still writes reaches the parent's file. The descriptor is
 * closed, so that the lock ends with the parent. Calls nothing that a child may not call before exec.
 */
void tacho__backing_abandon(tacho__backing *backing);
/** Unmaps, gives the lock back if this is the process that took it, and closes the descriptor if it is still ours. */
void tacho__backing_close(tacho__backing *backing);

#endif
