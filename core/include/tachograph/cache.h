/**
 * Caches of the application: hits, misses, evictions, entries refused for their size, and how full it is.
 *
 * A handle is bound once by name; its calls take no lock, no allocation and no system call, except at first use per
 * thread (tacho_cache_size reads the clock). A NULL collector, handle or operation is the disabled mode. At most 2,000
 * caches (tacho_config.max_series); those beyond are booked to the cache `other`, and that is counted. Provider-side
 * prompt caches are no caches in this sense: their tokens are a part of the usage (tachograph/usage.h).
 */
#ifndef TACHOGRAPH_CACHE_H
#define TACHOGRAPH_CACHE_H

#include <tachograph/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are ABI and on-disk. X(ENUM, word) */
#define TACHO_CACHE_EVENT_MAP(X)                                                                                       \
    X(HIT, "hit") X(MISS, "miss") X(EVICTION, "eviction") X(SIZE_REJECTION, "size_rejection")
typedef enum tacho_cache_event {
#define X(name, text) TACHO_CACHE_##name,
    TACHO_CACHE_EVENT_MAP(X)
#undef X
        TACHO_CACHE_EVENT_COUNT
} tacho_cache_event;
/** Word of an event, "" for one not on the list; static storage. And back: TACHO_NOT_FOUND leaves *out alone. */
TACHO_API const char *tacho_cache_event_text(int event);
TACHO_API tacho_status tacho_cache_event_parse(const char *text, tacho_cache_event *out);

typedef struct tacho_cache tacho_cache; /* a bound cache */

#define TACHO_CACHE_CAPACITY_UNKNOWN UINT64_MAX

/**
 * Bind a cache by name.
 *
 * @param name  1..200 bytes after cleaning; copied
 * @param out   the handle, with a reference; tacho_cache_release drops it. It keeps the collector alive
 * @return TACHO_OK; TACHO_INVALID (empty name); TACHO_NOMEM
 *
 * Any thread. Takes the collector's slow-path lock.
 */
TACHO_API tacho_status tacho_cache_bind(tacho_collector *collector, const char *name, tacho_cache **out);
/** One more reference / one less. NULL is allowed. */
TACHO_API tacho_cache *tacho_cache_retain(tacho_cache *cache);
TACHO_API void tacho_cache_release(tacho_cache *cache);

/** Count `n` events. TACHO_OK; TACHO_INVALID (an event not on the list: counted, not recorded). */
TACHO_API tacho_status tacho_cache_count(tacho_cache *cache, tacho_cache_event event, uint64_t n);
/** Entries in the cache now, and how many fit (TACHO_CACHE_CAPACITY_UNKNOWN: what was told before stays). The latest
 * call in a process wins; processes add up. TACHO_OK; TACHO_INVALID (a size above INT64_MAX). */
TACHO_API tacho_status tacho_cache_size(tacho_cache *cache, uint64_t size, uint64_t capacity);

/** Count `n` events by name: binds at each call. As tacho_cache_bind and tacho_cache_count. */
TACHO_API tacho_status tacho_record_cache(tacho_collector *collector, const char *name, tacho_cache_event event,
                                          uint64_t n);
/** The same in the collector of an operation, in flight or ended. */
TACHO_API tacho_status tacho_operation_cache(tacho_operation *operation, const char *name, tacho_cache_event event);

#ifdef __cplusplus
}
#endif
#endif
