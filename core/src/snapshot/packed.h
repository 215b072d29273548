/**
 * The sums of a series as few bytes: what is not 0, with counts of buckets as narrow as they fit. A snapshot of eight
 * processes holds tens of thousands of these, most of which have a histogram and nothing else; as plain structs they
 * would be ten times as large, and fresh memory is what taking a snapshot would spend its time with.
 *
 * An entry holds one lane of a series, or all of it: entries are added up when somebody reads.
 */
#ifndef TACHO_SNAPSHOT_PACKED_H
#define TACHO_SNAPSHOT_PACKED_H

#include "segment/reader.h"
#include "snapshot/part.h"

/** Place of a sum in tacho__part_series, in words: what an entry calls it. */
#define TACHO__CELL(member) ((uint8_t)(offsetof(tacho__part_series, member) / sizeof(int64_t)))

enum {
    TACHO__PACKED_IN_FLIGHT = 1,     /* operations in flight are known: 0, or the sum of that name */
    TACHO__PACKED_RECENT_MISSING = 2 /* of some durations nobody knows which are the newest */
};

/** What few series have. In the arena of the store. */
typedef struct tacho__packed_more {
    tacho__recent recent;
    tacho_named *error_types;
    uint32_t error_type_count;
} tacho__packed_more;

typedef struct tacho__packed {
    struct tacho__packed *next; /* of the part; the entries of a series follow each other */
    const tacho__packed_more *more;
    uint32_t identity; /* in the store of the part */
    uint32_t number;   /* of the series in its part */
    uint8_t flags, sketches, cells, reserved[5];
    uint64_t words[]; /* sketches, values of cells, places of cells */
} tacho__packed;

/** An entry in the making; one at a time in a store. */
typedef struct tacho__packer {
    tacho__series_store *store;
    tacho__packed *entry;
    uint64_t *at;
    unsigned cells;
    uint64_t values[256]; /* of cells */
    uint8_t places[256];
} tacho__packer;

/** Begins an entry; false when out of memory. One that is not ended leaves nothing. */
bool tacho__packer_begin(tacho__packer *packer, tacho__series_store *store);
/** A histogram of a lane (TACHO__SKETCH_*); returns its number of values. */
uint64_t tacho__packer_sketch(tacho__packer *packer, unsigned which, const tacho__sketch *sketch,
                              const tacho__sketch_octaves *octaves, uint32_t grid);
/** Adds to a sum; 0 costs nothing. */
static inline void tacho__packer_cell(tacho__packer *packer, uint8_t place, uint64_t value) {
    packer->values[packer->cells] = value > INT64_MAX ? INT64_MAX : value;
    packer->places[packer->cells] = place;
    packer->cells += value != 0;
}
static inline void tacho__packer_amount(tacho__packer *packer, uint8_t place, int64_t value) {
    packer->values[packer->cells] = (uint64_t)value;
    packer->places[packer->cells] = place;
    packer->cells += value != 0;
}
/** Ends the entry of series `number` of a part and puts it behind the part's others. */
tacho__packed *tacho__packer_end(tacho__packer *packer, uint32_t identity, uint32_t number, uint8_t flags,
                                 tacho__part *part);

/** Packs a whole series as the next one of a part. False when out of memory. */
bool tacho__part_add_series(tacho__part *part, const tacho__part_series *series);
/**
 * Adds an entry to a series, whose buckets are of `arena`.
 *
 * @param in_flight  whether its operations in flight count
 * @return false when out of memory
 */
bool tacho__packed_add(const tacho__packed *entry, bool in_flight, tacho__arena *arena, tacho__part_series *to);

#endif
