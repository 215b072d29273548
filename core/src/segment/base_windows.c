/** Windows of a base: the newest durations of all segments that joined, by their end. */
#include "base/memory.h"
#include "segment/base_work.h"
#include "segment/window.h"

#include <stdlib.h>
#include <string.h>

struct tacho__base_window {
    tacho__recent_value *values; /* ends are Unix time, as the monotonic clock of a base is */
    size_t count, room;
    bool missing; /* a segment did not keep them all: the newest ones of all are not known */
};

static int by_end(const void *left, const void *right) {
    const tacho__recent_value *a = left, *b = right;
    const int order = (a->end_mono_ns > b->end_mono_ns) - (a->end_mono_ns < b->end_mono_ns);
    return order != 0 ? order : (a->duration_ns > b->duration_ns) - (a->duration_ns < b->duration_ns);
}

/* Puts the values in order and keeps the newest. */
static void settle(struct tacho__base_window *window, size_t wanted) {
    if (window->count > 1) {
        qsort(window->values, window->count, sizeof *window->values, by_end);
    }
    if (window->count > wanted) {
        memmove(window->values, window->values + (window->count - wanted), wanted * sizeof *window->values);
        window->count = wanted;
    }
}

static bool make_room(struct tacho__base_window *window, size_t more) {
    if (window->count + more > window->room) {
        const size_t room = 2 * (window->count + more);
        tacho__recent_value *grown = tacho__realloc(window->values, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        window->values = grown;
        window->room = room;
    }
    return true;
}

bool tacho__base_read_window(tacho__base_work *work, const tacho__view *view, uint32_t series, uint32_t number) {
    const tacho__descriptor *descriptor = tacho__segment_descriptor(work->segment, number);
    if (descriptor->window == 0 || work->series->duration.count == 0) {
        return true;
    }
    if (!work->windows) {
        work->windows = tacho__calloc(TACHO__WINDOWS, sizeof *work->windows);
    }
    struct tacho__base_window *window = work->windows ? &work->windows[descriptor->window - 1] : NULL;
    tacho__recent_view about;
    if (!window) {
        return false;
    }
    if (!tacho__view_recent(view, series, &about, NULL, 0) || about.since_mono_ns != INT64_MIN) {
        window->missing = true;
        return true;
    }
    if (!make_room(window, about.count)) {
        return false;
    }
    tacho__view_recent(view, series, &about, window->values + window->count, about.count);
    for (size_t i = 0; i < about.count; ++i) {
        tacho__recent_value *value = &window->values[window->count++];
        value->end_mono_ns = tacho__view_wall(view, value->end_mono_ns);
    }
    settle(window, work->window);
    return true;
}

void tacho__base_write_windows(tacho__base_work *work) {
    for (uint32_t number = 0; work->windows && number < work->segment->windows_given; ++number) {
        const struct tacho__base_window *window = &work->windows[number];
        if (window->missing || window->count > 0) {
            tacho__window_write(work->segment, 0, number, window->missing ? NULL : window->values, window->count);
        }
    }
}

void tacho__base_free_windows(tacho__base_work *work) {
    for (uint32_t number = 0; work->windows && number < TACHO__WINDOWS; ++number) {
        tacho__free(work->windows[number].values);
    }
    tacho__free(work->windows);
}
