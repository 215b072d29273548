/**
 * The state of a registry, for people who look after it: which processes record there, what was left out and why.
 * Numbers are read with tacho_snapshot_attach.
 */
#ifndef TACHOGRAPH_REGISTRY_H
#define TACHOGRAPH_REGISTRY_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/snapshot.h>
#include <tachograph/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One file with numbers: the segment of a process, or `base`, where dead ones were added up. */
typedef struct tacho_registry_segment {
    uint32_t struct_size;
    uint32_t is_alive;   /* 1: its process lives */
    uint32_t is_base;    /* 1: this is `base` */
    uint32_t is_folded;  /* 1: `base` contains it already; it is not read again */
    const char *name;    /* of the file */
    const char *skipped; /* why it is left out: "damaged", "newer" ...; NULL = it is read */
    const char *writer;  /* the library that writes it: "tachograph 0.1.0"; NULL = not known. This and what follows
                            need a file that can be read */
    const char *prices;  /* version of the price table that it prices with; NULL = not known */
    int64_t process;     /* process id; 0 = none */
    int64_t started_at_ns;
    uint64_t generation; /* resets of its process so far */
    uint64_t file_bytes;
    uint64_t used_bytes, max_bytes;
    uint64_t series, max_series;
    uint64_t records_lost;    /* overwritten before they were read */
    uint64_t orphans;         /* operations that were in flight when the process died */
    const tacho_named *drops; /* what was dropped or ignored, by cause */
    uint32_t drop_count;
    uint32_t reserved;
} tacho_registry_segment;

typedef struct tacho_registry_state {
    uint32_t struct_size;
    uint32_t lease_is_held;                 /* 1: a process holds the lease and adds up dead segments */
    const char *path;                       /* as given */
    const char *id;                         /* 32 hexadecimal digits */
    int64_t lease_process;                  /* its process id; 0 = nobody, or not known */
    int64_t created_at_ns;                  /* Unix time */
    uint64_t file_bytes;                    /* of all files together */
    uint64_t free_bytes;                    /* of the filesystem, for this user */
    uint64_t folded_segments;               /* in `base` */
    const tacho_registry_segment *segments; /* `base` first, then by begin */
    size_t count;
    uint64_t live, dead, skipped; /* of the segments, without `base`; what is folded is none of these */
    const char *history; /* file that operations are or were handed to; NULL = none. Processes that wanted another one
                            count `setting_ignored` */
} tacho_registry_state;  /* grow at the end only */

/**
 * Look at a registry. Nothing is written, nobody is waited for, and no process notices.
 *
 * @param dir  the folder
 * @param out  freed with tacho_registry_state_free; NULL on failure
 * @return as tacho_snapshot_attach
 */
TACHO_API tacho_status tacho_registry_look(const char *dir, tacho_registry_state **out);
TACHO_API void tacho_registry_state_free(tacho_registry_state *state); /* NULL is allowed */

#define TACHO_REGISTRY_WHY 192 /* bytes of a reason with its NUL */
/**
 * Why a folder was refused as a registry, and what to do, for a person: "it is a symbolic link; name the folder that it
 * leads to". No capital, no full stop. Looks at the folder as it is now.
 *
 * @param status  what refused it: of tacho_snapshot_attach, tacho_registry_look, tacho_collector_dir, tacho_load
 * @return 1 if `dir` is a folder or leads to one, else 0
 */
TACHO_API int tacho_registry_why(const char *dir, tacho_status status, char out[TACHO_REGISTRY_WHY]);

#ifdef __cplusplus
}
#endif
#endif
