/**
 * The segment as structs: core/FORMAT.md section 1, byte by byte. Every offset is asserted below; change that text
 * first.
 *
 * Cells are single words or halves, read and written with relaxed atomics; every one below a lane has one writer, so a
 * writer may load, add and store. The few exceptions (inclusive sums of open slots, drop counters) use atomic addition.
 */
#ifndef TACHO_SEGMENT_LAYOUT_H
#define TACHO_SEGMENT_LAYOUT_H

#include "base/compiler.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t tacho__word;
typedef _Atomic uint32_t tacho__half;
typedef uint32_t tacho__line; /* number of a line of 64 bytes; 0 = none */

#define TACHO__LINE            64u
#define TACHO__HEADER_BYTES    4096u
#define TACHO__MAGIC           "TACHOSEG"
#define TACHO__FORMAT_MAJOR    1u
#define TACHO__FORMAT_MINOR    0u
#define TACHO__BYTE_ORDER      0x01020304u
#define TACHO__READY           0x59444552u
#define TACHO__LANES_OWNED     64u /* one per thread; after them 16 for a call each, and the shared one */
#define TACHO__LANES_GUEST     16u
#define TACHO__LANE_SHARED     80u
#define TACHO__LANES           81u
#define TACHO__KINDS           11u /* kinds that have an overflow series */
#define TACHO__KIND_CELLS      16u
#define TACHO__CATEGORIES      12u
#define TACHO__FAILED_OUTCOMES 5u /* error, timeout, cancelled, aborted, orphaned */
#define TACHO__UNITS           32u
#define TACHO__COST_STATES     6u
#define TACHO__COST_SUMS       4u /* partial, estimated, reported, exact */
#define TACHO__ERROR_NAMES     8u
#define TACHO__TAGS            8u
#define TACHO__METRICS         256u /* custom metrics, the three `other` included */
#define TACHO__METRIC_LABELS   8u

#define TACHO__OCTAVES        32u
#define TACHO__OCTAVE_BUCKETS 16u
#define TACHO__BUCKETS        512u /* of all octaves */

#define TACHO__SERIES_CHUNK      64u
#define TACHO__SERIES_CHUNKS     1024u
#define TACHO__SERIES_OVERFLOW   0u /* series 0..10: operations of that kind */
#define TACHO__SERIES_COMPONENTS TACHO__KINDS
#define TACHO__SERIES_RESERVED   (TACHO__KINDS + 1u)
#define TACHO__SERIES_CACHES     (TACHO__KINDS + 1u) /* then what found no room: caches, counters, gauges, histograms */
#define TACHO__SERIES_METRICS    (TACHO__KINDS + 2u)
#define TACHO__SERIES_BUILTIN    (TACHO__KINDS + 5u) /* series that exist from the start */
#define TACHO__SESSION_SLOTS     64u
#define TACHO__SESSION_OTHER     64u
#define TACHO__SESSION_CELLS     65u
#define TACHO__BASE_SESSIONS     1024u
#define TACHO__BASE_RECORDS      16384u
#define TACHO__OPEN_SLOTS        512u
#define TACHO__OPEN_CHUNK        8u
#define TACHO__RECORD_BYTES      384u
#define TACHO__RECORD_WORDS      48u
#define TACHO__RECORD_COMPONENTS 8u
#define TACHO__RECORD_COUNTS     24u
#define TACHO__RING_RECORDS      1024u
#define TACHO__SLOWEST           32u
#define TACHO__REDO_WORDS        320u
#define TACHO__DROPS             64u
#define TACHO__STRING_BYTES      200u

#define TACHO__WINDOWS            64u
#define TACHO__WINDOW_PAGE        64u  /* values */
#define TACHO__WINDOW_PAGES       128u /* in a page directory */
#define TACHO__WINDOW_DIRECTORIES 12u
#define TACHO__NO_ROOM            UINT32_MAX /* in place of a line: it was refused */

#define TACHO__BLOCK_LINES     4u
#define TACHO__HISTOGRAM_LINES 3u
#define TACHO__USAGE_LINES     7u
#define TACHO__FAILURE_LINES   4u
#define TACHO__CELL_LINES      10u
#define TACHO__REDO_LINES      41u
#define TACHO__SLOWEST_LINES   202u

#define TACHO__WINDOWS_LINES          4u
#define TACHO__WINDOW_DIRECTORY_LINES 8u
#define TACHO__WINDOW_PAGE_LINES      16u

typedef struct tacho__region {
    tacho__line first;
    uint32_t count;
    uint32_t stride; /* bytes */
    uint32_t reserved;
} tacho__region;

enum {
    TACHO__REGION_LANES,
    TACHO__REGION_SERIES,
    TACHO__REGION_SESSIONS,
    TACHO__REGION_OPEN,
    TACHO__REGION_METRICS,
    TACHO__REGION_UNUSED, /* reserved */
    TACHO__REGION_FOLDED,
    TACHO__REGION_RECORDS,
    TACHO__REGIONS = 16
};

enum { TACHO__ROLE_PROCESS, TACHO__ROLE_BASE };

enum {
    TACHO__GRID_UNIT_SECONDS = 1,
    TACHO__GRID_UNIT_TOKENS,
    TACHO__GRID_UNIT_USD,
    TACHO__GRID_UNIT_BYTES,
    TACHO__GRID_UNIT_ONE
};

typedef struct tacho__grid_spec {
    uint32_t unit;
    int16_t first_exponent;
    uint16_t octaves;
    uint8_t scale;
    uint8_t reserved[7];
    uint64_t stored_per_unit;
    uint64_t reserved2;
} tacho__grid_spec;

enum {
    TACHO__GRID_SECONDS,
    TACHO__GRID_LONG_SECONDS,
    TACHO__GRID_TOKENS,
    TACHO__GRID_USD,
    TACHO__GRID_BYTES,
    TACHO__GRID_ONE,
    TACHO__GRIDS = 8
};

typedef struct tacho__anchor {
    tacho__word wall_ns;
    tacho__word mono_ns;
} tacho__anchor;

typedef struct tacho__header {
    char magic[8];
    uint16_t major, minor;
    uint32_t byte_order;
    uint32_t header_bytes;
    uint32_t line_bytes;
    uint64_t compat, ro_compat, incompat;
    uint8_t id[16];
    uint64_t generation;
    int64_t started_wall_ns;
    int64_t started_mono_ns;
    uint8_t boot_id[16];
    uint64_t pid;
    uint64_t pid_namespace;
    uint64_t max_bytes;
    uint64_t id_base;
    uint32_t max_series;
    uint32_t role;
    char writer[32];
    char prices[48];
    uint32_t window;
    uint32_t reserved0;
    uint64_t clock;
    uint8_t reserved1[16];
    tacho__region regions[TACHO__REGIONS];
    tacho__grid_spec grids[TACHO__GRIDS];
    uint8_t reserved2[252];
    uint32_t crc32c; /* of everything before it */

    tacho__half ready; /* mutable from here on; stored last */
    uint32_t reserved3;
    tacho__word lines_used;
    tacho__half series_count;
    tacho__half string_count;
    tacho__half operation_series;
    tacho__half component_series;
    tacho__half lane_count;
    tacho__half session_count;
    tacho__word anchor_index;
    tacho__anchor anchors[2];
    tacho__half models;
    tacho__half providers;
    tacho__half tools;
    tacho__half metrics;
    tacho__word ended_mono_ns;
    uint8_t reserved5[920];
    tacho__word drops[TACHO__DROPS];
    tacho__word fold_mark[8]; /* reserved */
    uint8_t reserved6[1472];
} tacho__header;

typedef struct tacho__string_entry {
    uint32_t length;
    uint32_t reserved;
    uint64_t hash;
    char bytes[]; /* NUL-terminated */
} tacho__string_entry;

enum { TACHO__LANE_FREE, TACHO__LANE_TAKEN, TACHO__LANE_RETURNED };

typedef struct tacho__lane_header {
    tacho__half state;
    tacho__half redo;
    tacho__half ring;
    tacho__half ring_capacity;
    tacho__word records;
    tacho__word records_unkept;
    tacho__half chunk_next, chunk_end;
    tacho__word open_chunks;
    tacho__word owner;
    uint64_t reserved1;
    tacho__word unlisted[TACHO__KIND_CELLS];
    tacho__half slowest[TACHO__KIND_CELLS];
    tacho__half notes, notes_bytes;
    tacho__word notes_written, notes_from;
    tacho__half windows;
    uint8_t reserved2[228];
} tacho__lane_header;

enum {
    TACHO__TYPE_OPERATION = 1,
    TACHO__TYPE_COMPONENT,
    TACHO__TYPE_COUNTER,
    TACHO__TYPE_GAUGE,
    TACHO__TYPE_HISTOGRAM,
    TACHO__TYPE_CACHE
};
#define TACHO__SERIES_IS_OVERFLOW    1u
#define TACHO__SERIES_OTHER_MODEL    2u
#define TACHO__SERIES_OTHER_PROVIDER 4u
#define TACHO__SERIES_OTHER_NAME     8u

typedef struct tacho__descriptor {
    uint64_t hash;
    uint8_t type, kind, grid, flags;
    tacho__line name, provider, model, component, tags;
    int64_t created_mono_ns;
    tacho__half error_names;
    tacho__half first_block;
    uint16_t window; /* its number + 1; 0 = none */
    uint16_t metric; /* types counter, gauge, histogram: number of the definition */
    tacho__line labels_more[3];
} tacho__descriptor;

/* Values of the labels of a custom metric stand where an operation has its names. */
static inline tacho__line *tacho__descriptor_label(tacho__descriptor *descriptor, unsigned index) {
    tacho__line *const first[] = {&descriptor->name, &descriptor->provider, &descriptor->model, &descriptor->component,
                                  &descriptor->tags};
    return index < 5 ? first[index] : &descriptor->labels_more[index - 5];
}

/* How the values of several processes become one (only gauges differ from the sum). */
enum { TACHO__METRIC_SUM, TACHO__METRIC_NEWEST, TACHO__METRIC_MAX, TACHO__METRIC_RULES };

typedef struct tacho__metric_definition {
    tacho__line name, unit, description;
    uint8_t type, grid, merge, label_count;
    tacho__line labels[TACHO__METRIC_LABELS];
    uint32_t overflow; /* series */
    uint8_t reserved[12];
} tacho__metric_definition;

#define TACHO__METRIC_CELL 16u /* bytes; cells of counters and gauges are named by byte offset / 16 */

typedef struct tacho__counter_cell { /* one per lane */
    tacho__word value;               /* stored units of the grid */
    tacho__half series;
    tacho__half next; /* cell; 0 = last */
} tacho__counter_cell;

typedef struct tacho__gauge_cell { /* one per series; several writers */
    tacho__word value;             /* int64_t, stored units of the grid */
    tacho__word stamp;             /* of the latest change; 0 = never set */
} tacho__gauge_cell;

enum { TACHO__CACHE_HIT, TACHO__CACHE_MISS, TACHO__CACHE_EVICTION, TACHO__CACHE_REJECTION, TACHO__CACHE_EVENTS };

typedef struct tacho__cache_cell { /* one per lane */
    tacho__word events[TACHO__CACHE_EVENTS];
    tacho__word size;
    tacho__word capacity; /* plus 1; 0 = unknown */
    tacho__word stamp;    /* of size and capacity; 0 = never told */
    tacho__half series;
    tacho__half next; /* line; 0 = last */
} tacho__cache_cell;

typedef struct tacho__error_names {
    tacho__half name[TACHO__ERROR_NAMES];
    uint8_t reserved[32];
} tacho__error_names;

typedef struct tacho__tags {
    struct {
        tacho__line name, value;
    } pair[TACHO__TAGS];
} tacho__tags;

/* What a block of durations and every other histogram begin with. */
typedef struct tacho__sketch {
    tacho__word sum;
    tacho__word min_inverse;
    tacho__word max;
    tacho__word zero;
    tacho__half low, high;
    tacho__half high_directory;
    tacho__half usage; /* blocks only, as the next four */
    tacho__half failures;
    tacho__half first_token;
    tacho__half series;
    tacho__half next;
    tacho__half octaves[TACHO__OCTAVES]; /* tacho__octave_entry; 0 = no line */
} tacho__sketch;

typedef struct tacho__block {
    tacho__sketch duration;
    tacho__word untimed;
    tacho__word outcome[TACHO__FAILED_OUTCOMES];
    tacho__word retries;
    tacho__word interventions;
} tacho__block;

typedef struct tacho__octave {
    tacho__half bucket[TACHO__OCTAVE_BUCKETS];
} tacho__octave;

/* What the octave directory has of an octave: added to the number of a bucket it gives the bucket's place, in halves.
 */
static inline uint32_t tacho__octave_entry(tacho__line line, uint32_t octave) {
    return (line - octave) * TACHO__OCTAVE_BUCKETS;
}
static inline tacho__line tacho__octave_line(uint32_t entry, uint32_t octave) {
    return entry ? entry / TACHO__OCTAVE_BUCKETS + octave : 0;
}

typedef struct tacho__octaves { /* a high directory */
    tacho__half line[TACHO__OCTAVES];
} tacho__octaves;

/* Usage and money, in the usage extension of a block and, in the same order, in the cell of a session. */
typedef struct tacho__usage_cell {
    tacho__word units[TACHO__UNITS];
    tacho__word cost[TACHO__COST_SUMS];
    tacho__word states[TACHO__COST_STATES];
    tacho__word absent;
    tacho__word table_of_reported;
    tacho__word not_booked;
    tacho__word calls;
    tacho__word timed_output;
    tacho__word timed_ns;
    tacho__word inclusive_cost;
    tacho__word inclusive_input;
    tacho__word inclusive_output;
    tacho__word inclusive_calls;
    tacho__word flags;
    tacho__half time_per_token, input, output, cost_sketch;
    uint64_t reserved;
} tacho__usage_cell;
#define TACHO__SATURATED 1u

typedef struct tacho__failure_cell {
    tacho__word category[TACHO__CATEGORIES];
    tacho__word type[TACHO__ERROR_NAMES + 1];
    tacho__word warnings;
    uint8_t reserved[80];
} tacho__failure_cell;

enum { TACHO__GROUP_STEP, TACHO__GROUP_TOOL, TACHO__GROUP_OTHER, TACHO__GROUPS };
enum { TACHO__SESSION_FREE, TACHO__SESSION_USED, TACHO__SESSION_ENDED };

typedef struct tacho__session_slot {
    tacho__half state;
    tacho__half id;
    tacho__word opened;
    tacho__word ended;
    tacho__word shared;
    uint8_t reserved[32];
    tacho__half cells[TACHO__LANES];
    uint8_t reserved2[60];
} tacho__session_slot;

typedef struct tacho__session_cell {
    tacho__word ok[TACHO__GROUPS]; /* from here on in the order that the usual ends of operations write in */
    tacho__word model_calls;
    tacho__word latest_end;
    tacho__word step_ns;
    tacho__word timed_steps;
    tacho__word earliest_begin;
    tacho__word outcome[TACHO__GROUPS][TACHO__FAILED_OUTCOMES];
    tacho__word tool_ns;
    tacho__word retries;
    tacho__word interventions;
    tacho__word warnings;
    tacho__word compactions;
    tacho__word context_size;
    tacho__word context_stamp;
    tacho__word context_max;
    tacho__word context_limit;
    tacho__word units[TACHO__UNITS];
    tacho__word cost[TACHO__COST_SUMS];
    tacho__word states[TACHO__COST_STATES];
    tacho__word calls;
    tacho__word absent;
    tacho__word table_of_reported;
    tacho__word flags;
    tacho__word not_booked;
    uint64_t reserved;
} tacho__session_cell;

typedef struct tacho__open_slot {
    tacho__word id;
    tacho__word parent;
    tacho__word begin;
    tacho__word series; /* session slot << 32, kind << 48 */
    tacho__word texts;  /* session id, requested model << 32 */
    tacho__word trace[2];
    tacho__half had_child;
    tacho__half adding;
    tacho__word inclusive_input;
    tacho__word inclusive_output;
    tacho__word inclusive_cost;
    tacho__word inclusive_states;
    tacho__word booked;
    tacho__word tools;
    uint8_t reserved[16];
} tacho__open_slot;

#define TACHO__RECORD_TIMED       1u
#define TACHO__RECORD_WALL        2u
#define TACHO__RECORD_FIRST_TOKEN 4u
#define TACHO__RECORD_USAGE       8u
#define TACHO__RECORD_NOT_BOOKED  16u
#define TACHO__RECORD_INCLUSIVE   32u
#define TACHO__RECORD_MORE        64u
#define TACHO__RECORD_CUT         128u
#define TACHO__RECORD_COMPACTION  256u
#define TACHO__RECORD_ON_PARENT   512u
#define TACHO__RECORD_ABSENT      1024u
#define TACHO__RECORD_LOW         2048u
#define TACHO__RECORD_SHORT       8192u
#define TACHO__RECORD_NOTES       16384u
/* Bits 16 to 20: how the call was served, see price/served.h. */
#define TACHO__RECORD_SERVED_SHIFT 16
#define TACHO__RECORD_SERVED_MASK  31u

/* A record as a struct; it is stored and read as TACHO__RECORD_WORDS words. */
typedef struct tacho__record {
    uint64_t sequence;
    uint64_t id, parent;
    uint64_t trace[2];
    int64_t begin_ns, end_ns, end_wall_ns;
    uint32_t series;
    uint16_t session_slot;
    uint8_t kind, outcome;
    tacho__line session, requested_model, model, provider, tool, error_type;
    uint8_t category, cost_state, component_count, inclusive_state;
    uint32_t flags, present, weight;
    uint64_t first_token_ns;
    int64_t cost_pusd, reported_pusd, table_pusd;
    uint32_t sheet, table_date;
    uint32_t retries, interventions, warnings, tool_calls;
    uint32_t context_size, context_limit;
    uint64_t components[TACHO__RECORD_COMPONENTS];
    uint32_t stored, wide;
    uint32_t counts[TACHO__RECORD_COUNTS];
    uint64_t inclusive_input, inclusive_output;
    int64_t inclusive_cost;
    uint64_t maker, place; /* in a base */
} tacho__record;

/* Where a record was made: its lane, above its sequence there. */
#define TACHO__PLACE_LANE     56
#define TACHO__PLACE_ORPHAN   UINT64_C(255) /* in place of a lane: it was in flight when its process died */
#define TACHO__PLACE_SEQUENCE ((UINT64_C(1) << TACHO__PLACE_LANE) - 1)

typedef struct tacho__stored_record {
    tacho__word word[TACHO__RECORD_WORDS];
} tacho__stored_record;

typedef struct tacho__slowest {
    tacho__word entry[TACHO__SLOWEST];
    tacho__stored_record place[TACHO__SLOWEST + 1];
} tacho__slowest;

/* A segment that is contained in this one, which is a `base`. */
typedef struct tacho__folded {
    uint8_t id[16];
    uint64_t generation;
    uint64_t reserved;
} tacho__folded;

enum { TACHO__NOTE_FILLER, TACHO__NOTE_METADATA, TACHO__NOTE_EVENT, TACHO__NOTE_COMPONENT, TACHO__NOTE_DESCRIPTION };

#define TACHO__NOTE_ALIGN 16u
#define TACHO__NOTE_BYTES 1008u /* of all notes of an operation */

typedef struct tacho__note_entry {
    tacho__word id;    /* of the operation */
    tacho__word about; /* bytes of MessagePack, sort << 32 */
    tacho__word bytes[];
} tacho__note_entry;

/* The last raw durations of a series in a lane. */
typedef struct tacho__window_value {
    tacho__word end; /* mono */
    tacho__word duration;
} tacho__window_value;

typedef struct tacho__window_page {
    tacho__window_value value[TACHO__WINDOW_PAGE];
} tacho__window_page;

typedef struct tacho__window_directory {
    tacho__half page[TACHO__WINDOW_PAGES];
} tacho__window_directory;

typedef struct tacho__window {
    tacho__word written;
    tacho__half capacity;
    tacho__half pages;
    tacho__half directory[TACHO__WINDOW_DIRECTORIES];
} tacho__window;

typedef struct tacho__windows {
    tacho__half window[TACHO__WINDOWS];
} tacho__windows;

/* What an entry of a set begins with: a byte offset, a multiple of 4, and how many more values follow the first. */
#define TACHO__REDO_HALF    UINT64_C(1) /* the cell is a half */
#define TACHO__REDO_CLOSE   UINT64_C(2) /* id of an open slot: becomes 0 if it is the value */
#define TACHO__REDO_MORE    48          /* shift of the number of further values, for the words that follow the cell */
#define TACHO__REDO_RUN(n)  ((uint64_t)((n)-1) << TACHO__REDO_MORE)
#define TACHO__REDO_OFFSETS ((UINT64_C(1) << TACHO__REDO_MORE) - 4)

typedef struct tacho__redo_entry { /* with one value, as most */
    tacho__word target;
    tacho__word value;
} tacho__redo_entry;

#define TACHO__MARK_ODD     UINT64_C(1) /* the bucket's new count is odd */
#define TACHO__MARK_COUNTER UINT64_C(2) /* and a counter with it */
#define TACHO__MARK_SKETCH  26          /* shift of the byte offset of the histogram, which is at a line */

typedef struct tacho__redo {
    tacho__word count;
    tacho__word mark; /* short set: bucket, histogram, TACHO__MARK_ bits */
    tacho__word sum;
    tacho__word counter;
    uint64_t reserved[4];
    tacho__word word[TACHO__REDO_WORDS];
} tacho__redo;

/* Relaxed loads and stores of cells: every field above that is not immutable is reached through these. */
static inline uint64_t tacho__get(const tacho__word *word) {
    return atomic_load_explicit(word, memory_order_relaxed);
}
static inline uint32_t tacho__get_half(const tacho__half *half) {
    return atomic_load_explicit(half, memory_order_relaxed);
}
static inline void tacho__put(tacho__word *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_relaxed);
}
static inline void tacho__put_half(tacho__half *half, uint32_t value) {
    atomic_store_explicit(half, value, memory_order_relaxed);
}
/* Records are written word by word between two stores of their sequence. Fences order that; ThreadSanitizer knows none,
 * so under it every word is stored with release instead. */
#ifdef TACHO__UNDER_TSAN
#define TACHO__RECORD_ORDER   memory_order_release
#define TACHO__RECORD_FENCE() ((void)0)
#else
#define TACHO__RECORD_ORDER   memory_order_relaxed
#define TACHO__RECORD_FENCE() atomic_thread_fence(memory_order_release)
#endif

/** Stamps (FORMAT.md 1.1): sort as unsigned, 0 = none. */
static inline uint64_t tacho__stamp(int64_t mono_ns) {
    return (uint64_t)mono_ns ^ (UINT64_C(1) << 63);
}
static inline int64_t tacho__stamp_mono(uint64_t stamp) {
    return (int64_t)(stamp ^ (UINT64_C(1) << 63));
}

#endif
