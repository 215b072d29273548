/** The log files below some paths, each once, in the order of their names. */
#ifndef TACHO_INGEST_LOG_FILES_H
#define TACHO_INGEST_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

typedef struct tacho__log_file {
    char *path; /* absolute, without symbolic links */
    uint64_t device, inode, size;
} tacho__log_file;

typedef struct tacho__log_files {
    tacho__log_file *files; /* owned */
    size_t count, room;
    /** Told of what cannot be looked into, before the walk goes on beside it; NULL = nobody. */
    void (*trouble)(void *context, const char *path, const char *what);
    void *context;
} tacho__log_files;

#define TACHO__LOG_FILES_INIT                                                                                          \
    { 0 }

/**
 * Adds a file, or the files below a folder whose names end in `suffix` (links to folders below it are not followed).
 * What is below the folder and cannot be looked into is told to `trouble` and passed over.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND; TACHO_DENIED; TACHO_IO; TACHO_NOMEM
 */
tacho_status tacho__log_files_add(tacho__log_files *list, const char *path, const char *suffix);
/** Sorts by name and drops what is there twice (the same file under two names counts once). */
void tacho__log_files_finish(tacho__log_files *list);
void tacho__log_files_free(tacho__log_files *list);

#endif
