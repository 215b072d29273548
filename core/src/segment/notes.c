#include "segment/notes.h"

#include <string.h>

#define DETAIL_SHARE 4u /* as rings of records: no lane may take more than a quarter of what is left */

/* Takes the lines of a ring, or refuses it for good. Needs the lock, or a segment that nobody else writes. */
static void make_ring(tacho__segment *segment, tacho__lane_header *header, tacho__notes_ring *ring) {
    static const uint32_t sizes[] = {131072, 32768, 8192};
    tacho__line line = tacho__get_half(&header->notes);
    for (size_t i = 0; line == 0 && i < sizeof sizes / sizeof *sizes; ++i) {
        const uint32_t lines = sizes[i] / TACHO__LINE;
        if ((uint64_t)lines * DETAIL_SHARE <= segment->detail_left) {
            line = tacho__segment_take(segment, lines, TACHO__POCKET_DETAIL);
            tacho__put_half(&header->notes_bytes, sizes[i]);
        }
    }
    line = line ? line : TACHO__NO_ROOM;
    atomic_store_explicit(&header->notes, line, memory_order_release);
    ring->base = line == TACHO__NO_ROOM ? NULL : tacho__at(segment, line);
    ring->bytes = tacho__get_half(&header->notes_bytes);
}

static uint32_t size_of(uint32_t length) {
    return (uint32_t)sizeof(tacho__note_entry) +
           (length + TACHO__NOTE_ALIGN - 1) / TACHO__NOTE_ALIGN * TACHO__NOTE_ALIGN;
}

static tacho__note_entry *entry_at(const tacho__notes_ring *ring, uint64_t position) {
    return (tacho__note_entry *)(ring->base + position % ring->bytes);
}

/* Gives up the oldest entries until `size` bytes fit behind `written`. */
static void make_space(tacho__segment *segment, tacho__lane_header *header, const tacho__notes_ring *ring,
                       uint64_t written, uint32_t size) {
    uint64_t from = tacho__get(&header->notes_from);
    while (written + size - from > ring->bytes) {
        const tacho__note_entry *oldest = entry_at(ring, from);
        if (tacho__get(&oldest->id) != 0) {
            tacho__drop_count(segment, TACHO__DROP_NOTE_LOST);
        }
        from += size_of((uint32_t)tacho__get(&oldest->about));
    }
    atomic_store_explicit(&header->notes_from, from, memory_order_release);
    TACHO__RECORD_FENCE(); /* given up before it is overwritten */
}

static void put_entry(tacho__segment *segment, tacho__lane_header *header, const tacho__notes_ring *ring,
                      const tacho__note *note) {
    const uint64_t written = tacho__get(&header->notes_written);
    const uint32_t size = size_of(note->length);
    make_space(segment, header, ring, written, size);
    tacho__note_entry *entry = entry_at(ring, written);
    atomic_store_explicit(&entry->id, note->id, TACHO__RECORD_ORDER);
    atomic_store_explicit(&entry->about, note->length | (uint64_t)note->sort << 32, TACHO__RECORD_ORDER);
    for (uint32_t i = 0; note->bytes && i < size - sizeof *entry; i += 8) {
        uint64_t word = 0;
        if (i < note->length) {
            memcpy(&word, note->bytes + i, note->length - i < 8 ? note->length - i : 8);
        }
        atomic_store_explicit(&entry->bytes[i / 8], word, TACHO__RECORD_ORDER);
    }
    atomic_store_explicit(&header->notes_written, written + size, memory_order_release);
}

static void put(tacho__segment *segment, tacho__lane_header *header, const tacho__notes_ring *ring,
                const tacho__note *note) {
    const uint64_t written = tacho__get(&header->notes_written);
    const uint32_t left = ring->bytes - (uint32_t)(written % ring->bytes);
    if (left < size_of(note->length)) {
        const tacho__note filler = {.length = left - (uint32_t)sizeof(tacho__note_entry)};
        put_entry(segment, header, ring, &filler);
    }
    put_entry(segment, header, ring, note);
}

bool tacho__notes_add(tacho__writer *writer, tacho__lane *lane, const tacho__note *note) {
    tacho__lane_header *header = lane->header;
    if (!lane->notes.base && tacho__get_half(&header->notes) != TACHO__NO_ROOM && tacho__writer_lock(writer, lane)) {
        make_ring(lane->segment, header, &lane->notes);
        tacho__writer_unlock(writer);
    }
    if (!lane->notes.base || note->length > TACHO__NOTE_BYTES) {
        tacho__drop_count(lane->segment, TACHO__DROP_NOTE_REFUSED);
        return false;
    }
    put(lane->segment, header, &lane->notes, note);
    return true;
}

void tacho__notes_copy_to(tacho__segment *segment, uint32_t lane, const tacho__note *note) {
    tacho__lane_header *header = &segment->lanes[lane];
    tacho__notes_ring ring;
    if (tacho__get_half(&header->notes) == TACHO__NO_ROOM) {
        return;
    }
    make_ring(segment, header, &ring);
    if (ring.base && note->length <= TACHO__NOTE_BYTES) {
        put(segment, header, &ring, note);
    }
}
