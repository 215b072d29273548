/** Notes out of the copy (core/FORMAT.md 1.8): which of them are whole, found by their operation. */
#include "base/memory.h"
#include "segment/view.h"

#include <stdlib.h>

typedef struct tacho__note_place {
    uint64_t id;
    uint32_t order; /* among the notes of the view */
    uint32_t length, sort;
    const uint8_t *bytes;
} tacho__note_place;

static int by_operation(const void *left, const void *right) {
    const tacho__note_place *a = left, *b = right;
    const int order = (a->id > b->id) - (a->id < b->id);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static const uint8_t *ring_of(const tacho__view *view, const tacho__lane_header *lane, uint32_t *bytes) {
    *bytes = tacho__get_half(&lane->notes_bytes);
    const bool known = *bytes == 131072 || *bytes == 32768 || *bytes == 8192;
    return known ? tacho__view_lines(view, tacho__get_half(&lane->notes), *bytes / TACHO__LINE) : NULL;
}

/* Bytes [from, written) of all that were ever written are whole in the copy. */
static bool find_range(tacho__view *view, const tacho__source *source, const tacho__lane_header *lane,
                       const uint8_t *ring, uint32_t bytes, uint64_t *from, uint64_t *written) {
    bool done = true;
    if (source->live || source->file >= 0) {
        done = tacho__view_copy_again(view, source, &lane->notes_written, 8) &&
               tacho__view_copy_again(view, source, ring, bytes) &&
               tacho__view_copy_again(view, source, &lane->notes_from, 8);
    }
    *written = tacho__get(&lane->notes_written);
    *from = tacho__get(&lane->notes_from);
    return done && *from <= *written && *written - *from <= bytes && *from % TACHO__NOTE_ALIGN == 0;
}

/* Entries of one lane; stops where one makes no sense. */
static void collect(tacho__view *view, const uint8_t *ring, uint32_t bytes, uint64_t from, uint64_t written) {
    while (from < written) {
        const uint32_t place = (uint32_t)(from % bytes);
        const tacho__note_entry *entry = (const tacho__note_entry *)(const void *)(ring + place);
        const uint64_t about = tacho__get(&entry->about);
        const uint64_t length = (uint32_t)about;
        const uint64_t size = sizeof *entry + (length + TACHO__NOTE_ALIGN - 1) / TACHO__NOTE_ALIGN * TACHO__NOTE_ALIGN;
        if (size > bytes - place || size > written - from) {
            view->info.faults += 1;
            return;
        }
        if (tacho__get(&entry->id) != 0 && length <= TACHO__NOTE_BYTES) {
            view->notes[view->note_count] =
                (tacho__note_place){tacho__get(&entry->id), view->note_count, (uint32_t)length, (uint32_t)(about >> 32),
                                    (const uint8_t *)(const void *)entry->bytes};
            view->note_count += 1;
        }
        from += size;
    }
}

tacho_status tacho__view_find_notes(tacho__view *view, const tacho__source *source) {
    uint64_t room = 0;
    uint32_t bytes;
    for (uint32_t i = 0; i < TACHO__LANES; ++i) {
        room += ring_of(view, tacho__view_lane(view, i), &bytes) ? bytes / sizeof(tacho__note_entry) : 0;
    }
    view->notes = room ? tacho__malloc(room * sizeof *view->notes) : NULL;
    if (room && !view->notes) {
        return TACHO_NOMEM;
    }
    for (uint32_t i = 0; i < TACHO__LANES && room; ++i) {
        const tacho__lane_header *lane = tacho__view_lane(view, i);
        const uint8_t *ring = ring_of(view, lane, &bytes);
        uint64_t from, written;
        if (ring && find_range(view, source, lane, ring, bytes, &from, &written)) {
            collect(view, ring, bytes, from, written);
        }
    }
    if (view->note_count > 1) {
        qsort(view->notes, view->note_count, sizeof *view->notes, by_operation);
    }
    return TACHO_OK;
}

bool tacho__view_note(const tacho__view *view, uint64_t id, uint32_t index, tacho__note_view *out) {
    uint32_t low = 0, high = view->note_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (view->notes[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low >= view->note_count || index >= view->note_count - low || view->notes[low + index].id != id) {
        return false;
    }
    const tacho__note_place *place = &view->notes[low + index];
    *out = (tacho__note_view){place->sort, place->length, place->bytes};
    return true;
}
