/** Windows out of the copy (core/FORMAT.md 1.8): which values of which lane are whole, merged over lanes. */
#include "base/memory.h"
#include "segment/view.h"

#include <string.h>

#define MOST_PAGES  (TACHO__WINDOW_PAGES * TACHO__WINDOW_DIRECTORIES)
#define MOST_VALUES 65536u
#define SLACK       2u /* newest places that a writer may be writing to */

static uint32_t wanted_of(const tacho__view *view) {
    return view->header->window < MOST_VALUES ? view->header->window : MOST_VALUES;
}

static const tacho__window *window_of(const tacho__view *view, uint32_t lane, uint32_t number, bool *refused) {
    const tacho__line directory = tacho__get_half(&tacho__view_lane(view, lane)->windows);
    const tacho__windows *windows = tacho__view_lines(view, directory, TACHO__WINDOWS_LINES);
    const tacho__line line = windows ? tacho__get_half(&windows->window[number]) : 0;
    *refused |= directory == TACHO__NO_ROOM || line == TACHO__NO_ROOM;
    return tacho__view_lines(view, line, 1);
}

static const tacho__window_page *page_of(const tacho__view *view, const tacho__window *window, uint32_t page) {
    if (page / TACHO__WINDOW_PAGES >= TACHO__WINDOW_DIRECTORIES) {
        return NULL;
    }
    const tacho__line line = tacho__get_half(&window->directory[page / TACHO__WINDOW_PAGES]);
    const tacho__window_directory *directory = tacho__view_lines(view, line, TACHO__WINDOW_DIRECTORY_LINES);
    return directory ? tacho__view_lines(view, tacho__get_half(&directory->page[page % TACHO__WINDOW_PAGES]),
                                         TACHO__WINDOW_PAGE_LINES)
                     : NULL;
}

/* --------------------------------------------------------------------------------------------- copying a second time
 */

static bool copy_pages(tacho__view *view, const tacho__source *source, const tacho__window *window, uint32_t pages) {
    bool done = true;
    for (uint32_t page = 0; page < pages && done; ++page) {
        const tacho__window_page *copy = page_of(view, window, page);
        done = !copy || tacho__view_copy_again(view, source, copy, sizeof *copy);
    }
    return done;
}

/*
 * The copy of the whole segment takes long enough for a busy window to go round. So windows are copied once more, each
 * between two looks at its count: values that may have been overwritten between the two are left out.
 */
static uint64_t copy_window(tacho__view *view, const tacho__source *source, const tacho__window *window) {
    tacho__word *count = (tacho__word *)(uintptr_t)&window->written;
    const uint32_t capacity = tacho__get_half(&window->capacity);
    uint32_t pages = tacho__get_half(&window->pages);
    pages = pages < capacity / TACHO__WINDOW_PAGE ? pages : capacity / TACHO__WINDOW_PAGE;
    pages = pages < MOST_PAGES ? pages : MOST_PAGES;
    bool done = tacho__view_copy_again(view, source, count, sizeof *count);
    const uint64_t before = tacho__get(count);
    done =
        done && copy_pages(view, source, window, pages) && tacho__view_copy_again(view, source, count, sizeof *count);
    const uint64_t after = tacho__get(count);
    /* Pages that were added since are not in the copy; what they hold comes with the next view. */
    const uint64_t copied = (uint64_t)pages * TACHO__WINDOW_PAGE, bound = copied < capacity ? copied : UINT64_MAX;
    tacho__put(count, before < bound ? before : bound);
    return !done ? UINT64_MAX : after + SLACK >= capacity ? after + SLACK - capacity + 1 : 1;
}

tacho_status tacho__view_find_windows(tacho__view *view, const tacho__source *source) {
    if ((!source->live && source->file < 0) || view->header->window == 0) {
        return TACHO_OK;
    }
    view->window_first = tacho__calloc(TACHO__LANES, sizeof *view->window_first);
    if (!view->window_first) {
        return TACHO_NOMEM;
    }
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        for (uint32_t number = 0; number < TACHO__WINDOWS; ++number) {
            bool refused = false;
            const tacho__window *window = window_of(view, lane, number, &refused);
            if (window) {
                view->window_first[lane][number] = copy_window(view, source, window);
            }
        }
    }
    return TACHO_OK;
}

/* ----------------------------------------------------------------------------------------------------------- answers
 */

/* First and last value of a window that are whole and wanted; false: none. */
static bool range_of(const tacho__view *view, const tacho__window *window, uint32_t lane, uint32_t number,
                     uint64_t *first, uint64_t *last) {
    const uint64_t written = tacho__get(&window->written), wanted = wanted_of(view);
    const uint32_t capacity = tacho__get_half(&window->capacity);
    if (written == 0 || capacity < TACHO__WINDOW_PAGE || capacity % TACHO__WINDOW_PAGE != 0 ||
        capacity / TACHO__WINDOW_PAGE > MOST_PAGES) {
        return false;
    }
    const uint64_t safe = view->window_first            ? view->window_first[lane][number]
                          : written + SLACK >= capacity ? written + SLACK - capacity + 1
                                                        : 1;
    const uint64_t enough = written > wanted ? written - wanted + 1 : 1;
    *first = safe > enough ? safe : enough;
    *last = written;
    return *first <= *last;
}

static bool value_at(const tacho__view *view, const tacho__window *window, uint64_t number, tacho__recent_value *out) {
    const uint32_t place = (uint32_t)((number - 1) % tacho__get_half(&window->capacity));
    const tacho__window_page *page = page_of(view, window, place / TACHO__WINDOW_PAGE);
    if (!page) {
        return false;
    }
    const tacho__window_value *value = &page->value[place % TACHO__WINDOW_PAGE];
    out->end_mono_ns = (int64_t)tacho__get(&value->end);
    out->duration_ns = tacho__get(&value->duration);
    return true;
}

/* The values of one lane. A lane that has fewer than were asked for, though more were written, knows nothing about the
 * time before its oldest one. */
static void add_lane(const tacho__view *view, uint32_t lane, uint32_t number, tacho__recent_view *about,
                     tacho__recent_value *values, size_t room) {
    const tacho__window *window = window_of(view, lane, number, &about->refused);
    uint64_t first, last;
    if (!window || tacho__get(&window->written) == 0) {
        return;
    }
    if (!range_of(view, window, lane, number, &first, &last)) {
        about->refused = true;
        return;
    }
    tacho__recent_value value, oldest = {INT64_MAX, 0};
    for (uint64_t i = first; i <= last; ++i) {
        if (!value_at(view, window, i, &value)) {
            about->refused = true;
            return;
        }
        oldest = value.end_mono_ns < oldest.end_mono_ns ? value : oldest;
        if (about->count < room) {
            values[about->count] = value;
        }
        about->count += 1;
    }
    if (first > 1 && last - first + 1 < about->wanted && oldest.end_mono_ns > about->since_mono_ns) {
        about->since_mono_ns = oldest.end_mono_ns;
    }
}

bool tacho__view_recent(const tacho__view *view, uint32_t series, tacho__recent_view *about,
                        tacho__recent_value *values, size_t room) {
    const tacho__descriptor *descriptor = tacho__view_descriptor(view, series);
    *about = (tacho__recent_view){.wanted = wanted_of(view), .since_mono_ns = INT64_MIN};
    if (!descriptor || descriptor->window == 0 || descriptor->window > TACHO__WINDOWS || about->wanted == 0) {
        return false;
    }
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        add_lane(view, lane, descriptor->window - 1u, about, values, room);
    }
    return !about->refused;
}
