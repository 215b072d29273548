/**
 * The collector inside: one writer, the table of bound series, sessions.
 *
 * Series objects live in slabs that are freed with the collector only, so a pointer to one never dangles while the
 * collector lives; a slot may be given to another series at a reset, which changes its stamp. Everything here that is
 * not atomic is under the writer's lock, or is immutable once the object was handed out.
 */
#ifndef TACHO_COLLECT_COLLECTOR_H
#define TACHO_COLLECT_COLLECTOR_H

#include "collect/memo.h"
#include "segment/cells.h"
#include "segment/lane.h"

#include <tachograph/collector.h>
#include <tachograph/record.h>

#define TACHO__MAX_SERIES_DEFAULT 2000u
#define TACHO__MAX_SERIES_MOST    10000u
#define TACHO__WINDOW_DEFAULT     1000u
#define TACHO__WINDOW_MOST        65536u
#define TACHO__MAX_MODELS         200u
#define TACHO__MAX_PROVIDERS      64u
#define TACHO__MAX_TOOLS          500u
#define TACHO__SERIES_SLAB        64u
#define TACHO__DURATION_MOST      ((uint64_t)INT64_MAX)

/** What a series is called; texts are clean, "" where there is none. */
typedef struct tacho__names {
    uint8_t type, kind;
    uint32_t tag_count;
    const char *name, *provider, *model, *component;
    const char *tag_name[TACHO__TAGS], *tag_value[TACHO__TAGS];
} tacho__names;

struct tacho_series {
    tacho_collector *collector; /* its writer comes first */
    uint32_t slot;
    uint32_t stamp; /* changes when the slot gets another series; under the lock */
    uint8_t group;  /* TACHO__GROUP_* */
    uint8_t grid;
    bool overflow;
    bool used;           /* the slot holds a series */
    uint64_t dead_since; /* generation at whose end it was given up; not `used` */
    tacho__names names;  /* texts in `text` */
    char *text;
    uint64_t hash;
    tacho_price_model price; /* of (provider, model); zeroed without model */
    _Atomic uint32_t references;
    uint64_t generation; /* of `number` and `error_names` */
    uint32_t number;
};

struct tacho_session {
    tacho_collector *collector;
    /* Generation (24 bits), slot (8 bits), line of the id (32 bits): one load tells whether it holds. */
    _Atomic uint64_t place;
    bool borrowed; /* the collector's own */
    char id[TACHO__STRING_BYTES + 1];
};

typedef struct tacho__distinct {
    uint64_t *hashes; /* of values seen, in `limit` places */
    uint32_t count, limit;
} tacho__distinct;

#define TACHO__REPLACED_MOST 32u

/** A segment that a reset replaced. */
typedef struct tacho__replaced {
    struct tacho__replaced *next;
    tacho__segment *segment;
} tacho__replaced;

typedef bool (*tacho__collector_leaving)(tacho_collector *collector);
typedef void (*tacho__collector_told)(tacho_collector *collector);

struct tacho_collector {
    tacho__writer writer; /* first: its first page is the collector's */
    _Atomic uint32_t enabled;
    _Atomic uint32_t references;
    bool strict;
    uint32_t max_series;
    uint32_t window;
    uint64_t max_bytes;
    tacho__registry *registry;     /* NULL = private memory */
    _Atomic(tacho_status) refusal; /* why the current segment is not in a registry although one was asked for */
    const tacho_price_table *prices;
    tacho__clock clock;
    tacho_session session;
    tacho_series *overflow[TACHO__SERIES_RESERVED]; /* by kind, then of components */
    tacho_series **slabs;
    uint32_t slots;  /* given out; never more than writer.series_slots */
    uint32_t *table; /* slot + 1 by hash */
    uint32_t table_mask;
    tacho__memo memo; /* slots of series and of caches, by the names that calls brought along */
    tacho__distinct models, providers, tools;
    struct tacho__custom_table *customs; /* custom metrics and caches; NULL until one is declared */
    char *tag_names[TACHO__TAGS];
    uint32_t tag_count;
    /* Told when the last reference goes; false = it frees the collector itself, later. NULL = nobody wants to know. */
    _Atomic(tacho__collector_leaving) leaving;
    /* Told once, in a forked child when the collector is used there, without any lock of ours; after a reset. */
    _Atomic(tacho__collector_told) reviving, reset;
    /* What resets replaced, for whoever wants it: pushed under the lock, taken as a whole by anybody. */
    _Atomic bool wants_replaced;
    _Atomic uint32_t replaced_count;
    _Atomic(tacho__replaced *) replaced;
};

/** The rest of the last tacho_collector_close: ends the segment and frees everything. */
void tacho__collector_free(tacho_collector *collector);

/** Puts a segment on the list of replaced ones. */
void tacho__replaced_push(tacho_collector *collector, tacho__replaced *one);
/** Takes the whole list. A reset puts a segment there before anybody can see the new one. */
tacho__replaced *tacho__replaced_take(tacho_collector *collector);
void tacho__replaced_free(tacho__replaced *one);

static inline tacho__segment *tacho__segment_of(tacho_collector *collector) {
    return atomic_load_explicit(&collector->writer.segment, memory_order_acquire);
}
static inline bool tacho__is_enabled(const tacho_collector *collector) {
    return atomic_load_explicit(&collector->enabled, memory_order_relaxed) != 0;
}
/** Counts a drop in the current segment. Not from inside a lane that may be about to be replaced: use the lane's. */
void tacho__count(tacho_collector *collector, tacho__drop cause);
/** `status` in a strict collector, else TACHO_OK. */
static inline tacho_status tacho__misuse(const tacho_collector *collector, tacho_status status) {
    return collector->strict ? status : TACHO_OK;
}

/* ---- series (series.c) */

/** Makes the overflow series. TACHO_OK; TACHO_NOMEM. */
tacho_status tacho__series_start(tacho_collector *collector);
void tacho__series_stop(tacho_collector *collector);
/**
 * The series of these names, made if it is new; at the bound the overflow series. NULL = out of memory. Needs the lock.
 */
tacho_series *tacho__series_intern(tacho_collector *collector, const tacho__names *names);
/** The series of these names, if there is one already. Needs the lock, if only to look. */
tacho_series *tacho__series_look_up(const tacho_collector *collector, const tacho__names *names);
/** After a reset: slots of series that nobody holds may be used again. Needs the lock. */
void tacho__series_sweep(tacho_collector *collector);

static inline tacho_series *tacho__series_at(const tacho_collector *collector, uint32_t slot) {
    return &collector->slabs[slot / TACHO__SERIES_SLAB][slot % TACHO__SERIES_SLAB];
}

/** The rest of tacho__series_bound. */
bool tacho__series_bind_lane(tacho_collector *collector, tacho__lane *lane, tacho_series *series);

/** This lane's cells of a series; NULL = no room. */
static inline const tacho__bound *tacho__series_bound(tacho_collector *collector, tacho__lane *lane,
                                                      tacho_series *series) {
    const tacho__bound *bound = &lane->bound[series->slot];
    if (__builtin_expect(!bound->block, 0) && !tacho__series_bind_lane(collector, lane, series)) {
        return NULL;
    }
    return bound;
}

/**
 * The series that takes an operation of `series` when another model or provider answered (semantics 18): same name,
 * kind and tags. "" = as in `series`. Lock-free when it was picked before. NULL = out of memory.
 */
tacho_series *tacho__series_pick(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                 const char *provider, const char *model);
/** The series of a component of operations of `series`. */
tacho_series *tacho__series_component(tacho_collector *collector, tacho__lane *lane, tacho_series *series,
                                      const char *name);
/** The series of a tool that is called without a handle. */
tacho_series *tacho__series_tool(tacho_collector *collector, tacho__lane *lane, tacho_series *series, const char *tool);

/**
 * Index (0 to 7) of an error type among the error names of a series; TACHO__ERROR_NAMES for the rest. `line` is its
 * text in the lane's segment.
 */
uint32_t tacho__series_error(tacho_collector *collector, tacho__lane *lane, const tacho__bound *bound,
                             tacho__line line);

/* ---- sessions (session.c) */

/** A session's slot and id line in the lane's segment. */
typedef struct tacho__session_place {
    uint16_t slot;
    tacho__line id;
} tacho__session_place;

tacho__session_place tacho__session_find(tacho_collector *collector, tacho__lane *lane, tacho_session *session);
/** Slot of an id; opens one if there is none. Needs the lock. `handle`: counts as an opener. */
tacho__session_place tacho__session_place_of(tacho_collector *collector, tacho__segment *segment, const char *id,
                                             bool handle);
/** Names a session: a given id, else a random one. False for an id that is empty or longer than 200 bytes. */
bool tacho__session_name(tacho_session *session, const char *id);
/** In a forked child: another random id, if nobody gave the session its name (semantics 4: one per process). */
void tacho__session_rename(tacho_session *session);
/** The collector's own session in a fresh segment. Needs the lock. */
void tacho__session_start(tacho_collector *collector, tacho__segment *segment);

/** Line of a text in the lane's segment, "detail" pocket; 0 for none. Lock-free when the text is there already. */
tacho__line tacho__lane_text(tacho_collector *collector, tacho__lane *lane, const char *text);

/** OpenTelemetry name of a provider: aliases are replaced, anything else stays. Static storage or the argument. */
const char *tacho__provider_name(const char *name);

#endif
