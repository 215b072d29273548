/**
 * Windows (core/FORMAT.md 1.8): the last raw durations of a series in a lane. What tells exact recent percentiles.
 *
 * Two steps like every cell: find, which may take a page and the writer's lock; put, which writes the value to a place
 * that no reader takes and lets the set count it.
 */
#ifndef TACHO_SEGMENT_WINDOW_H
#define TACHO_SEGMENT_WINDOW_H

#include "segment/lane.h"
#include "segment/reader.h"

/** The rest of tacho__window_find: makes the window, or turns to the next page. */
bool tacho__window_turn(tacho__writer *writer, tacho__lane *lane, tacho__lane_window *window);

/** Finds the place of the next value; false: it cannot be kept (counted). The window may be NULL. */
static inline bool tacho__window_find(tacho__writer *writer, tacho__lane *lane, tacho__lane_window *window) {
    return window && (__builtin_expect(window->next != NULL, 1) || tacho__window_turn(writer, lane, window));
}

/** Puts a value after tacho__window_find said true. */
static inline void tacho__window_put(tacho__set *set, tacho__lane_window *window, int64_t end_ns,
                                     uint64_t duration_ns) {
    tacho__window_value *value = window->next;
    tacho__put(&value->end, (uint64_t)end_ns);
    tacho__put(&value->duration, duration_ns);
    TACHO__RECORD_FENCE(); /* the count must not be seen before the value */
    const uint64_t count = ++window->count;
    tacho__set_word(set, window->written, count);
    window->next = count % TACHO__WINDOW_PAGE ? value + 1 : NULL;
}

/**
 * Writes a whole window of a segment that nobody else writes: `count` values, at most header->window, in the order of
 * their ends. What finds no room is refused. NULL values = refused.
 */
void tacho__window_write(tacho__segment *segment, uint32_t lane, uint32_t number, const tacho__recent_value *values,
                         size_t count);

/** Gives a series that is described a window number + 1; 0 = none is left. Needs the lock. */
uint16_t tacho__window_number(tacho__segment *segment);

#endif
