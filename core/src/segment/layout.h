/**
 * The segment as structs: core/FORMAT.md section 1, byte by byte. Every offset is asserted below; change that text
 * first.
 *
 * Cells are single words or halves, read and written with relaxed atomics; every one below a lane has one writer, so a
 * writer may load, add and store. The few exceptions (inclusive sums of open slots, drop counters) use atomic addition.
 */
#ifndef TACHO_SEGMENT_LAYOUT_H
#define TACHO_SEGMENT_LAYOUT_H

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
#define TACHO__LANES           64u
#define TACHO__LANE_SHARED     63u
#define TACHO__KINDS           11u /* kinds that have an overflow series */
#define TACHO__KIND_CELLS      16u
#define TACHO__CATEGORIES      12u
#define TACHO__FAILED_OUTCOMES 5u /* error, timeout, cancelled, aborted, orphaned */
#define TACHO__UNITS           32u
#define TACHO__COST_STATES     6u
#define TACHO__COST_SUMS       4u /* partial, estimated, reported, exact */
#define TACHO__ERROR_NAMES     8u
#define TACHO__TAGS            8u

#define TACHO__OCTAVES        32u
#define TACHO__OCTAVE_BUCKETS 16u
#define TACHO__BUCKETS        (TACHO__OCTAVES * TACHO__OCTAVE_BUCKETS)

#define TACHO__SERIES_CHUNK      64u
#define TACHO__SERIES_CHUNKS     1024u
#define TACHO__SERIES_OVERFLOW   0u /* series 0..10: operations of that kind */
#define TACHO__SERIES_COMPONENTS TACHO__KINDS
#define TACHO__SERIES_RESERVED   (TACHO__KINDS + 1u)
#define TACHO__SESSION_SLOTS     64u
#define TACHO__SESSION_OTHER     64u
#define TACHO__SESSION_CELLS     65u
#define TACHO__OPEN_SLOTS        512u
#define TACHO__OPEN_CHUNK        8u
#define TACHO__RECORD_BYTES      384u
#define TACHO__RECORD_WORDS      48u
#define TACHO__RECORD_COMPONENTS 8u
#define TACHO__RECORD_COUNTS     24u
#define TACHO__RING_RECORDS      1024u
#define TACHO__SLOWEST           32u
#define TACHO__REDO_ENTRIES      160u
#define TACHO__DROPS             64u
#define TACHO__STRING_BYTES      200u

#define TACHO__BLOCK_LINES     4u
#define TACHO__HISTOGRAM_LINES 3u
#define TACHO__USAGE_LINES     7u
#define TACHO__FAILURE_LINES   4u
#define TACHO__CELL_LINES      10u
#define TACHO__REDO_LINES      41u
#define TACHO__SLOWEST_LINES   202u

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
    TACHO__REGION_SPILL,
    TACHO__REGION_FOLDED,
    TACHO__REGION_RECORDS,
    TACHO__REGIONS = 16
};

enum { TACHO__UNIT_SECONDS = 1, TACHO__UNIT_TOKENS, TACHO__UNIT_USD, TACHO__UNIT_BYTES, TACHO__UNIT_ONE };

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
    uint8_t reserved1[80];
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
    uint32_t reserved4;
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
    uint32_t notes, notes_bytes; /* reserved */
    uint64_t notes_written, notes_lost;
    uint32_t windows;
    uint8_t reserved2[228];
} tacho__lane_header;

enum {
    TACHO__TYPE_OPERATION = 1,
    TACHO__TYPE_COMPONENT,
    TACHO__TYPE_COUNTER,
    TACHO__TYPE_GAUGE,
    TACHO__TYPE_HISTOGRAM
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
    uint16_t window, metric; /* reserved */
    uint8_t reserved[12];
} tacho__descriptor;

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
    tacho__half octaves[TACHO__OCTAVES];
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

typedef struct tacho__octaves { /* a high directory */
    tacho__half line[TACHO__OCTAVES];
} tacho__octaves;

/* Usage and money, in the usage extension of a block and, in the same order, in the cell of a session. */
typedef struct tacho__usage_cell {
    tacho__word units[TACHO__UNITS];
    tacho__word cost[TACHO__COST_SUMS];
    tacho__word states[TACHO__COST_STATES];
    tacho__word calls;
    tacho__word absent;
    tacho__word timed_output;
    tacho__word timed_ns;
    tacho__word table_of_reported;
    tacho__word not_booked;
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
} tacho__session_slot;

typedef struct tacho__session_cell {
    tacho__word ok[TACHO__GROUPS];
    tacho__word latest_end;
    tacho__word earliest_begin;
    tacho__word step_ns;
    tacho__word timed_steps;
    tacho__word model_calls;
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
    tacho__half series;
    tacho__half place; /* session slot, kind << 16 */
    tacho__half session;
    tacho__half model;
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
#define TACHO__RECORD_REPEATED    4096u

/* A record as it is composed; it is stored and read as TACHO__RECORD_WORDS words. */
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
    uint64_t reserved[2];
} tacho__record;

typedef struct tacho__stored_record {
    tacho__word word[TACHO__RECORD_WORDS];
} tacho__stored_record;

typedef struct tacho__slowest {
    tacho__word entry[TACHO__SLOWEST];
    tacho__stored_record place[TACHO__SLOWEST + 1];
} tacho__slowest;

#define TACHO__REDO_HALF (UINT64_C(1) << 63)

typedef struct tacho__redo_entry {
    tacho__word target;
    tacho__word value;
} tacho__redo_entry;

typedef struct tacho__redo {
    tacho__word count;
    uint64_t reserved;
    tacho__redo_entry entry[TACHO__REDO_ENTRIES];
} tacho__redo;

#define TACHO__AT(type, member, offset) static_assert(offsetof(type, member) == (offset), #type "." #member)
#define TACHO__SIZE(type, size)         static_assert(sizeof(type) == (size), #type)

TACHO__SIZE(tacho__word, 8);
TACHO__SIZE(tacho__half, 4);
TACHO__SIZE(tacho__region, 16);
TACHO__SIZE(tacho__grid_spec, 32);
TACHO__AT(tacho__grid_spec, first_exponent, 4);
TACHO__AT(tacho__grid_spec, octaves, 6);
TACHO__AT(tacho__grid_spec, scale, 8);
TACHO__AT(tacho__grid_spec, stored_per_unit, 16);
TACHO__SIZE(tacho__header, 4096);
TACHO__AT(tacho__header, major, 8);
TACHO__AT(tacho__header, minor, 10);
TACHO__AT(tacho__header, byte_order, 12);
TACHO__AT(tacho__header, header_bytes, 16);
TACHO__AT(tacho__header, line_bytes, 20);
TACHO__AT(tacho__header, compat, 24);
TACHO__AT(tacho__header, ro_compat, 32);
TACHO__AT(tacho__header, incompat, 40);
TACHO__AT(tacho__header, id, 48);
TACHO__AT(tacho__header, generation, 64);
TACHO__AT(tacho__header, started_wall_ns, 72);
TACHO__AT(tacho__header, started_mono_ns, 80);
TACHO__AT(tacho__header, boot_id, 88);
TACHO__AT(tacho__header, pid, 104);
TACHO__AT(tacho__header, pid_namespace, 112);
TACHO__AT(tacho__header, max_bytes, 120);
TACHO__AT(tacho__header, id_base, 128);
TACHO__AT(tacho__header, max_series, 136);
TACHO__AT(tacho__header, role, 140);
TACHO__AT(tacho__header, writer, 144);
TACHO__AT(tacho__header, regions, 256);
TACHO__AT(tacho__header, grids, 512);
TACHO__AT(tacho__header, crc32c, 1020);
TACHO__AT(tacho__header, ready, 1024);
TACHO__AT(tacho__header, lines_used, 1032);
TACHO__AT(tacho__header, series_count, 1040);
TACHO__AT(tacho__header, string_count, 1044);
TACHO__AT(tacho__header, operation_series, 1048);
TACHO__AT(tacho__header, component_series, 1052);
TACHO__AT(tacho__header, lane_count, 1056);
TACHO__AT(tacho__header, session_count, 1060);
TACHO__AT(tacho__header, anchor_index, 1064);
TACHO__AT(tacho__header, anchors, 1072);
TACHO__AT(tacho__header, models, 1104);
TACHO__AT(tacho__header, providers, 1108);
TACHO__AT(tacho__header, tools, 1112);
TACHO__AT(tacho__header, ended_mono_ns, 1120);
TACHO__AT(tacho__header, drops, 2048);
TACHO__AT(tacho__header, fold_mark, 2560);
TACHO__AT(tacho__string_entry, hash, 8);
TACHO__AT(tacho__string_entry, bytes, 16);
TACHO__SIZE(tacho__lane_header, 512);
TACHO__AT(tacho__lane_header, redo, 4);
TACHO__AT(tacho__lane_header, ring, 8);
TACHO__AT(tacho__lane_header, ring_capacity, 12);
TACHO__AT(tacho__lane_header, records, 16);
TACHO__AT(tacho__lane_header, records_unkept, 24);
TACHO__AT(tacho__lane_header, chunk_next, 32);
TACHO__AT(tacho__lane_header, chunk_end, 36);
TACHO__AT(tacho__lane_header, open_chunks, 40);
TACHO__AT(tacho__lane_header, owner, 48);
TACHO__AT(tacho__lane_header, unlisted, 64);
TACHO__AT(tacho__lane_header, slowest, 192);
TACHO__AT(tacho__lane_header, notes, 256);
TACHO__AT(tacho__lane_header, notes_written, 264);
TACHO__AT(tacho__lane_header, windows, 280);
TACHO__SIZE(tacho__descriptor, 64);
TACHO__AT(tacho__descriptor, type, 8);
TACHO__AT(tacho__descriptor, flags, 11);
TACHO__AT(tacho__descriptor, name, 12);
TACHO__AT(tacho__descriptor, provider, 16);
TACHO__AT(tacho__descriptor, model, 20);
TACHO__AT(tacho__descriptor, component, 24);
TACHO__AT(tacho__descriptor, tags, 28);
TACHO__AT(tacho__descriptor, created_mono_ns, 32);
TACHO__AT(tacho__descriptor, error_names, 40);
TACHO__AT(tacho__descriptor, first_block, 44);
TACHO__AT(tacho__descriptor, window, 48);
TACHO__AT(tacho__descriptor, metric, 50);
TACHO__SIZE(tacho__error_names, 64);
TACHO__SIZE(tacho__tags, 64);
TACHO__SIZE(tacho__sketch, TACHO__HISTOGRAM_LINES *TACHO__LINE);
TACHO__AT(tacho__sketch, min_inverse, 8);
TACHO__AT(tacho__sketch, max, 16);
TACHO__AT(tacho__sketch, zero, 24);
TACHO__AT(tacho__sketch, low, 32);
TACHO__AT(tacho__sketch, high, 36);
TACHO__AT(tacho__sketch, high_directory, 40);
TACHO__AT(tacho__sketch, usage, 44);
TACHO__AT(tacho__sketch, failures, 48);
TACHO__AT(tacho__sketch, first_token, 52);
TACHO__AT(tacho__sketch, series, 56);
TACHO__AT(tacho__sketch, next, 60);
TACHO__AT(tacho__sketch, octaves, 64);
TACHO__SIZE(tacho__block, TACHO__BLOCK_LINES *TACHO__LINE);
TACHO__AT(tacho__block, untimed, 192);
TACHO__AT(tacho__block, outcome, 200);
TACHO__AT(tacho__block, retries, 240);
TACHO__AT(tacho__block, interventions, 248);
TACHO__SIZE(tacho__octave, TACHO__LINE);
TACHO__SIZE(tacho__octaves, 2 * TACHO__LINE);
TACHO__SIZE(tacho__usage_cell, TACHO__USAGE_LINES *TACHO__LINE);
TACHO__AT(tacho__usage_cell, cost, 256);
TACHO__AT(tacho__usage_cell, states, 288);
TACHO__AT(tacho__usage_cell, calls, 336);
TACHO__AT(tacho__usage_cell, absent, 344);
TACHO__AT(tacho__usage_cell, timed_output, 352);
TACHO__AT(tacho__usage_cell, timed_ns, 360);
TACHO__AT(tacho__usage_cell, table_of_reported, 368);
TACHO__AT(tacho__usage_cell, not_booked, 376);
TACHO__AT(tacho__usage_cell, inclusive_cost, 384);
TACHO__AT(tacho__usage_cell, inclusive_calls, 408);
TACHO__AT(tacho__usage_cell, flags, 416);
TACHO__AT(tacho__usage_cell, time_per_token, 424);
TACHO__AT(tacho__usage_cell, cost_sketch, 436);
TACHO__SIZE(tacho__failure_cell, TACHO__FAILURE_LINES *TACHO__LINE);
TACHO__AT(tacho__failure_cell, type, 96);
TACHO__AT(tacho__failure_cell, warnings, 168);
TACHO__SIZE(tacho__session_slot, 320);
TACHO__AT(tacho__session_slot, opened, 8);
TACHO__AT(tacho__session_slot, ended, 16);
TACHO__AT(tacho__session_slot, shared, 24);
TACHO__AT(tacho__session_slot, cells, 64);
TACHO__SIZE(tacho__session_cell, TACHO__CELL_LINES *TACHO__LINE);
TACHO__AT(tacho__session_cell, latest_end, 24);
TACHO__AT(tacho__session_cell, earliest_begin, 32);
TACHO__AT(tacho__session_cell, step_ns, 40);
TACHO__AT(tacho__session_cell, timed_steps, 48);
TACHO__AT(tacho__session_cell, model_calls, 56);
TACHO__AT(tacho__session_cell, outcome, 64);
TACHO__AT(tacho__session_cell, tool_ns, 184);
TACHO__AT(tacho__session_cell, retries, 192);
TACHO__AT(tacho__session_cell, interventions, 200);
TACHO__AT(tacho__session_cell, warnings, 208);
TACHO__AT(tacho__session_cell, compactions, 216);
TACHO__AT(tacho__session_cell, context_size, 224);
TACHO__AT(tacho__session_cell, context_limit, 248);
TACHO__AT(tacho__session_cell, units, 256);
TACHO__AT(tacho__session_cell, cost, 512);
TACHO__AT(tacho__session_cell, states, 544);
TACHO__AT(tacho__session_cell, calls, 592);
TACHO__AT(tacho__session_cell, not_booked, 624);
TACHO__SIZE(tacho__open_slot, 128);
TACHO__AT(tacho__open_slot, begin, 16);
TACHO__AT(tacho__open_slot, series, 24);
TACHO__AT(tacho__open_slot, place, 28);
TACHO__AT(tacho__open_slot, session, 32);
TACHO__AT(tacho__open_slot, model, 36);
TACHO__AT(tacho__open_slot, trace, 40);
TACHO__AT(tacho__open_slot, had_child, 56);
TACHO__AT(tacho__open_slot, adding, 60);
TACHO__AT(tacho__open_slot, inclusive_input, 64);
TACHO__AT(tacho__open_slot, inclusive_states, 88);
TACHO__AT(tacho__open_slot, booked, 96);
TACHO__AT(tacho__open_slot, tools, 104);
TACHO__SIZE(tacho__record, TACHO__RECORD_BYTES);
TACHO__AT(tacho__record, trace, 24);
TACHO__AT(tacho__record, begin_ns, 40);
TACHO__AT(tacho__record, end_ns, 48);
TACHO__AT(tacho__record, end_wall_ns, 56);
TACHO__AT(tacho__record, series, 64);
TACHO__AT(tacho__record, session_slot, 68);
TACHO__AT(tacho__record, kind, 70);
TACHO__AT(tacho__record, outcome, 71);
TACHO__AT(tacho__record, session, 72);
TACHO__AT(tacho__record, requested_model, 76);
TACHO__AT(tacho__record, model, 80);
TACHO__AT(tacho__record, provider, 84);
TACHO__AT(tacho__record, tool, 88);
TACHO__AT(tacho__record, error_type, 92);
TACHO__AT(tacho__record, category, 96);
TACHO__AT(tacho__record, inclusive_state, 99);
TACHO__AT(tacho__record, flags, 100);
TACHO__AT(tacho__record, present, 104);
TACHO__AT(tacho__record, weight, 108);
TACHO__AT(tacho__record, first_token_ns, 112);
TACHO__AT(tacho__record, cost_pusd, 120);
TACHO__AT(tacho__record, table_pusd, 136);
TACHO__AT(tacho__record, sheet, 144);
TACHO__AT(tacho__record, retries, 152);
TACHO__AT(tacho__record, warnings, 160);
TACHO__AT(tacho__record, context_size, 168);
TACHO__AT(tacho__record, components, 176);
TACHO__AT(tacho__record, stored, 240);
TACHO__AT(tacho__record, counts, 248);
TACHO__AT(tacho__record, inclusive_input, 344);
TACHO__AT(tacho__record, inclusive_cost, 360);
TACHO__SIZE(tacho__stored_record, TACHO__RECORD_BYTES);
TACHO__SIZE(tacho__slowest, TACHO__SLOWEST_LINES *TACHO__LINE);
TACHO__AT(tacho__slowest, place, 256);
TACHO__AT(tacho__redo, entry, 16);
static_assert(sizeof(tacho__redo) <= TACHO__REDO_LINES * TACHO__LINE, "tacho__redo");

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
/** Stamps (FORMAT.md 1.1): sort as unsigned, 0 = none. */
static inline uint64_t tacho__stamp(int64_t mono_ns) {
    return (uint64_t)mono_ns ^ (UINT64_C(1) << 63);
}
static inline int64_t tacho__stamp_mono(uint64_t stamp) {
    return (int64_t)(stamp ^ (UINT64_C(1) << 63));
}

#endif
