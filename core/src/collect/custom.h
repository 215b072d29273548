/**
 * Custom metrics and caches: the table of what was declared, and of the series that were bound (semantics 11, 16, 19).
 *
 * A declared metric is a family; its series are handles. Families and handles live as long as the collector, in slabs,
 * so a pointer never dangles; a slot that nobody holds may be given to another series after a reset. Everything that is
 * not atomic is under the writer's lock, or immutable once handed out.
 */
#ifndef TACHO_COLLECT_CUSTOM_H
#define TACHO_COLLECT_CUSTOM_H

#include "collect/collector.h"

#include <tachograph/cache.h>
#include <tachograph/metric.h>

#define TACHO__CUSTOM_SLAB  256u
#define TACHO__CUSTOM_SLABS 256u
#define TACHO__FAMILIES     1024u /* those without room in the segment are booked to `other` */
/** Series of all custom metrics and caches together: the series of operations keep the rest of the directory. */
#define TACHO__CUSTOM_MOST (TACHO__CUSTOM_SLAB * TACHO__CUSTOM_SLABS / 2)

typedef struct tacho__family {
    uint8_t type; /* TACHO__TYPE_COUNTER to _CACHE */
    uint8_t grid, merge;
    uint32_t label_count;
    const char *name, *unit, *description, *label[TACHO__METRIC_LABELS]; /* in `text` */
    char *text;
    uint64_t hash;
    tacho_metric *other; /* takes what is beyond the bound */
    /* of `generation` */
    uint64_t generation;
    uint16_t number;
    uint32_t series; /* without `other` */
    bool homeless;   /* no room for the definition: all goes to the built-in series of the type */
} tacho__family;

/** A bound series of a custom metric, or a cache (then it is seen as tacho_cache). */
struct tacho_metric {
    tacho_collector *collector;
    tacho__family *family;
    uint32_t slot;
    uint32_t at;    /* where a lane has what it knows of the slot (tacho__customs_at) */
    uint32_t at_ns; /* the same for durations: beyond every lane's unless nanoseconds are what the histogram stores */
    uint8_t type;
    bool overflow, used;
    uint64_t one;                            /* stored units in 1 */
    _Atomic uint32_t references;             /* TACHO__CUSTOM_DEAD: the slot was given up */
    const char *value[TACHO__METRIC_LABELS]; /* in `text`; "" beyond the labels of the family */
    char *text;
    _Atomic uint64_t hash;
    uint64_t dead_since;
    uint64_t generation; /* of `number` */
    uint32_t number;
};

/** Slot + 1 by hash. Read without the lock, so those that a larger one replaced stay until the collector ends. */
typedef struct tacho__custom_places {
    struct tacho__custom_places *older;
    uint32_t mask;
    _Atomic uint32_t place[];
} tacho__custom_places;

#define TACHO__CUSTOM_DEAD  UINT32_C(0x80000000)
#define TACHO__NOT_IN_LANES UINT32_MAX /* tacho_metric.at_ns */

typedef struct tacho__custom_table {
    tacho__family *families[TACHO__FAMILIES]; /* the first is the caches */
    uint32_t family_count;
    tacho_metric *slabs[TACHO__CUSTOM_SLABS];
    uint32_t slots;
    _Atomic(tacho__custom_places *) places;
    uint32_t used; /* of them; at most half */
} tacho__custom_table;

struct tacho_cache {
    tacho_metric metric;
};

/** What a family is declared as; texts are clean. */
typedef struct tacho__family_plan {
    uint8_t type, grid, merge;
    uint32_t label_count;
    const char *name, *unit, *description, *label[TACHO__METRIC_LABELS];
} tacho__family_plan;

/**
 * The family of this name, made if it is new. Needs the lock. TACHO_OK; TACHO_INVALID (declared before as something
 * else); TACHO_NOMEM; TACHO_FULL.
 */
tacho_status tacho__family_declare(tacho_collector *collector, const tacho__family_plan *plan, tacho__family **out);
/** The family of this name, or NULL. Needs the lock. */
tacho__family *tacho__family_find(const tacho_collector *collector, const char *name);
/** The family of all caches; NULL = out of memory. Needs the lock. */
tacho__family *tacho__family_of_caches(tacho_collector *collector);
/**
 * The series of these values (as many as the family has labels), which need not be clean, made if it is new; at the
 * bound `other`. NULL = out of memory. Needs the lock.
 */
tacho_metric *tacho__custom_bind(tacho_collector *collector, tacho__family *family, const char *const *values);

/**
 * The series of these values if it is bound already and they are clean, with a reference to it alone; else NULL. Any
 * thread, no lock.
 */
tacho_metric *tacho__custom_find(const tacho_collector *collector, const tacho__family *family,
                                 const char *const *values);

/** The series in this slot, which was remembered (collect/memo.h) and is the caller's as long as it is in a lane. */
static inline tacho_metric *tacho__custom_at(const tacho__custom_table *table, uint32_t slot) {
    return &table->slabs[slot / TACHO__CUSTOM_SLAB][slot % TACHO__CUSTOM_SLAB];
}

/** This lane's cell of a series; NULL = no room, or not of this lane's segment: the built-in cell takes it. */
void *tacho__custom_cell_slow(tacho_collector *collector, tacho__lane *lane, tacho_metric *metric);
static inline void *tacho__custom_cell(tacho_collector *collector, tacho__lane *lane, tacho_metric *metric) {
    const tacho__known *known = tacho__customs_at(&lane->customs, metric->at);
    return known && known->cell ? known->cell : tacho__custom_cell_slow(collector, lane, metric);
}
/** A lane that was entered for a short call. */
typedef struct tacho__visit {
    tacho__lane *lane;
    uint64_t before; /* its state */
} tacho__visit;

/**
 * As tacho__lane_enter, for calls that leave everything unusual to one slow call: false when the thread has no lane
 * yet, is inside already, a reset came, or recording is switched off.
 */
static inline bool tacho__custom_enter(const tacho__writer *writer, tacho__visit *visit) {
    if (__builtin_expect(!tacho__lane_is_cached(writer), 0)) {
        return false;
    }
    tacho__lane *lane = visit->lane = tacho__lane_cached.lane;
    visit->before = atomic_load_explicit(&lane->state, memory_order_relaxed);
    atomic_store_explicit(&lane->state, TACHO__LANE_BUSY, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(visit->before != atomic_load_explicit(&writer->gate, memory_order_acquire), 0)) {
        atomic_store_explicit(&lane->state, visit->before, memory_order_relaxed);
        return false;
    }
    return true;
}
static inline void tacho__custom_leave(const tacho__visit *visit) {
    atomic_store_explicit(&visit->lane->state, visit->before, memory_order_release);
}

/** Number of the built-in series of a type. */
static inline uint32_t tacho__custom_common(uint8_t type) {
    return type == TACHO__TYPE_CACHE ? TACHO__SERIES_CACHES : TACHO__SERIES_METRICS + type - TACHO__TYPE_COUNTER;
}

/** After a reset: slots of series that nobody holds may be used again. Needs the lock. */
void tacho__custom_sweep(tacho_collector *collector);
void tacho__custom_stop(tacho_collector *collector);

#endif
