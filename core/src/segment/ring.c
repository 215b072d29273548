#include "segment/ring.h"

#include <string.h>

#define SEQUENCE_BITS 8 /* of an entry: the place + 1 */

static void store_words(tacho__stored_record *stored, const uint64_t *words, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; ++i) {
        atomic_store_explicit(&stored->word[i], words[i], TACHO__RECORD_ORDER);
    }
}

/* Word numbers of the optional parts of a record. */
enum {
    FIXED_FIRST = 1,
    FIXED_WORDS = offsetof(tacho__record, components) / 8 - 1,
    COMPONENTS_FIRST = offsetof(tacho__record, components) / 8,
    STORED_FIRST = offsetof(tacho__record, stored) / 8,
    COUNTS_FIRST = offsetof(tacho__record, counts) / 8,
    COUNTS_WORDS = TACHO__RECORD_COUNTS / 2,
    INCLUSIVE_FIRST = offsetof(tacho__record, inclusive_input) / 8,
    INCLUSIVE_WORDS = 3
};

static void write_record(tacho__stored_record *stored, const tacho__record *record, uint64_t sequence) {
    uint64_t words[TACHO__RECORD_WORDS] TACHO__UNINITIALIZED;
    memcpy(words, record, sizeof words);
    tacho__put(&stored->word[0], 0);
    TACHO__RECORD_FENCE();
    store_words(stored, words, FIXED_FIRST, FIXED_WORDS);
    store_words(stored, words, COMPONENTS_FIRST, record->component_count);
    store_words(stored, words, STORED_FIRST, 1);
    if (record->stored) {
        store_words(stored, words, COUNTS_FIRST, COUNTS_WORDS);
    }
    if (record->flags & TACHO__RECORD_INCLUSIVE) {
        store_words(stored, words, INCLUSIVE_FIRST, INCLUSIVE_WORDS);
    }
    atomic_store_explicit(&stored->word[0], sequence, memory_order_release);
}

void tacho__ring_put(tacho__lane *lane, tacho__set *set, tacho__record *record) {
    tacho__lane_header *header = lane->header;
    if (!lane->ring) {
        tacho__set_add(set, &header->records_unkept, 1);
        return;
    }
    const uint64_t sequence = ++lane->records;
    write_record(&lane->ring[(sequence - 1) & lane->ring_mask], record, sequence);
    tacho__set_word(set, &header->records, sequence);
}

static tacho__slowest *table_of(tacho__writer *writer, tacho__lane *lane, unsigned kind) {
    if (lane->slowest[kind] || !tacho__writer_lock(writer, lane)) {
        return lane->slowest[kind];
    }
    tacho__half *link = &lane->header->slowest[kind];
    tacho__line line = tacho__get_half(link);
    if (line == 0) {
        line = tacho__segment_take(lane->segment, TACHO__SLOWEST_LINES, TACHO__POCKET_DETAIL);
        atomic_store_explicit(link, line, memory_order_release);
    }
    tacho__writer_unlock(writer);
    lane->slowest[kind] = line ? tacho__at(lane->segment, line) : NULL;
    lane->slowest_used[kind] = 0;
    lane->slowest_free[kind] = 0;
    return lane->slowest[kind];
}

/* The entry that the newcomer takes, and from which duration on the next one is wanted. */
static uint32_t take_entry(tacho__lane *lane, unsigned kind, uint64_t duration_ns) {
    uint64_t *held = lane->slowest_ns[kind];
    uint32_t entry = lane->slowest_least[kind];
    if (lane->slowest_used[kind] < TACHO__SLOWEST) {
        entry = lane->slowest_used[kind]++;
    }
    held[entry] = duration_ns;
    if (lane->slowest_used[kind] == TACHO__SLOWEST) {
        uint32_t least = 0;
        for (uint32_t i = 1; i < TACHO__SLOWEST; ++i) {
            least = held[i] < held[least] ? i : least;
        }
        lane->slowest_least[kind] = (uint8_t)least;
        lane->slowest_floor[kind] = held[least] + 1;
    }
    return entry;
}

void tacho__slowest_put(tacho__writer *writer, tacho__lane *lane, tacho__set *set, tacho__record *record,
                        uint64_t duration_ns) {
    const unsigned kind = record->kind;
    tacho__slowest *table = table_of(writer, lane, kind);
    if (!table) {
        tacho__drop_count(lane->segment, TACHO__DROP_SLOWEST_UNKEPT);
        return;
    }
    const uint32_t entry = take_entry(lane, kind, duration_ns);
    const uint32_t place = lane->slowest_free[kind];
    const uint64_t replaced = tacho__get(&table->entry[entry]);
    const uint64_t sequence = ++lane->slowest_sequence;
    write_record(&table->place[place], record, sequence);
    /* The place of whoever is replaced is the free one now; before the table is full it is the next one. */
    lane->slowest_free[kind] =
        (uint8_t)(replaced ? (replaced & ((1u << SEQUENCE_BITS) - 1)) - 1 : lane->slowest_used[kind]);
    tacho__set_word(set, &table->entry[entry], sequence << SEQUENCE_BITS | (place + 1));
}
