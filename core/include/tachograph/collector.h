/**
 * The collector: the handle an application records through. It owns one segment: private memory, or
 * a file in a registry, the folder whose processes are read as one.
 *
 * Lifetime: reference counted. Series handles, sessions and snapshots keep what they need, so a garbage-collected host
 * may close in any order. Threads: every call of this header may be made from any thread.
 */
#ifndef TACHOGRAPH_COLLECTOR_H
#define TACHOGRAPH_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/price.h>
#include <tachograph/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tacho_collector
    tacho_collector;                        /* opaque; tacho_collector_open makes it, tacho_collector_close ends it */
typedef struct tacho_session tacho_session; /* opaque; one agent run or user session, see tacho_session_open */

/** Where time comes from. Replaced in tests only; NULL functions mean the system's clocks. */
typedef struct tacho_time_source {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t (*monotonic_ns)(void *context); /* never goes back */
    int64_t (*wall_ns)(void *context);       /* nanoseconds since 1970-01-01T00:00:00Z */
    void *context;
} tacho_time_source;

/* Bits of tacho_config.flags */
#define TACHO_CONFIG_SERIALIZED                                                                                        \
    1u /* the caller holds a lock of its own in every call (an interpreter lock): all use lane 0 */
#define TACHO_CONFIG_STRICT 2u /* ending twice and other ignored misuse return their status instead of TACHO_OK */

typedef struct tacho_config {
    uint32_t struct_size; /* set by TACHO_CONFIG_INIT */
    uint32_t flags;       /* TACHO_CONFIG_* bits */
    uint64_t max_bytes;   /* hard bound of the segment in bytes; 0 = 8 MiB */
    uint32_t max_series;  /* series per metric; 0 = 2,000 */
    uint32_t window;      /* recent raw durations kept of each of the first 64 operation series; 0 = 1,000;
                             at most 65,536 */
    const char *session;  /* id of the process's session, 1..200 bytes; NULL = a random id. Read during open only */
    const char *dir; /* folder of the shared registry, made if it is missing; NULL or "" = private memory. Read during
                        open only */
    const tacho_price_table *prices;      /* must outlive the collector; NULL = the built-in table */
    const tacho_time_source *time_source; /* copied; NULL = the system's clocks */
    const char *const *tags;              /* names of declared tags (they become labels); copied */
    size_t tag_count;                     /* 0..8 */
} tacho_config;                           /* grow at the end only */
#define TACHO_CONFIG_INIT                                                                                              \
    { sizeof(tacho_config), 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0 }

/**
 * Open a collector.
 *
 * A registry must be a folder of the calling user that nobody else can write to, on a filesystem of this machine. One
 * that cannot be used or has no room never stops the host: the collector then records in private memory, counts
 * `registry_refused` and says so once an hour. With TACHO_CONFIG_STRICT the refusal is returned instead.
 *
 * @param out     receives the collector; NULL on failure
 * @param config  NULL = all defaults
 * @return TACHO_OK; TACHO_INVALID (a field outside its range); TACHO_NOMEM; with STRICT and `dir` also TACHO_DENIED
 *         (another owner, writable by others, a symbolic link), TACHO_UNSUPPORTED (a filesystem of the network),
 *         TACHO_NOT_FOUND (the folder above it is missing), TACHO_IO, TACHO_FOREIGN, TACHO_NEWER, TACHO_DAMAGED
 */
TACHO_API tacho_status tacho_collector_open(tacho_collector **out, const tacho_config *config);

/** One more reference. NULL is allowed and returned. */
TACHO_API tacho_collector *tacho_collector_retain(tacho_collector *collector);

/** Drop one reference; the last one frees. Operations still open may be ended later: that is counted and ignored. NULL
 * is allowed. */
TACHO_API void tacho_collector_close(tacho_collector *collector);

/**
 * Start over: a new segment generation with all numbers at zero (semantics 20). Bound handles stay valid and resolve
 * again at their next use; operations in flight end into the new generation.
 *
 * @return TACHO_OK; TACHO_NOMEM (the old numbers stay)
 */
TACHO_API tacho_status tacho_collector_reset(tacho_collector *collector);

/** 0 stops recording through this collector (one flag check per call), 1 starts it again. Returns the former value. */
TACHO_API int tacho_collector_set_enabled(tacho_collector *collector, int enabled);

/** 1 when recording. NULL gives 0. */
TACHO_API int tacho_collector_enabled(const tacho_collector *collector);

/**
 * The folder of the registry that this collector shares now, an absolute path; NULL = private memory. Lives as long as
 * the collector.
 *
 * @param refusal  receives why a folder that was asked for is not used, TACHO_OK if none was or it is; NULL is allowed
 */
TACHO_API const char *tacho_collector_dir(const tacho_collector *collector, tacho_status *refusal);

/** 1 if the configuration declares a tag of this name, so that it is a label; a tag that is none belongs into the
 * metadata of operations (semantics 17). */
TACHO_API int tacho_collector_has_tag(const tacho_collector *collector, const char *name);

/** The price table that this collector prices with; lives as long as the collector. */
TACHO_API const tacho_price_table *tacho_collector_prices(const tacho_collector *collector);

/**
 * Begin a session, or join the one of the same id (semantics 4, 5).
 *
 * @param id   UTF-8, 1..200 bytes; NULL = a random id
 * @param out  a handle with a reference of its own; end it with tacho_session_end
 * @return TACHO_OK; TACHO_INVALID; TACHO_NOMEM; TACHO_FULL (the 64 slots are taken: the handle works and books to the
 *         counted `other` slot)
 */
TACHO_API tacho_status tacho_session_open(tacho_collector *collector, const char *id, tacho_session **out);

/** The session that operations without one belong to: from the configuration, else random. Borrowed; lives as long as
 * the collector. */
TACHO_API tacho_session *tacho_collector_session(tacho_collector *collector);

/** Mark the session ended and drop the handle. NULL is allowed. */
TACHO_API void tacho_session_end(tacho_session *session);

/** The id, NUL-terminated; lives as long as the handle. */
TACHO_API const char *tacho_session_id(const tacho_session *session);

#ifdef __cplusplus
}
#endif
#endif
