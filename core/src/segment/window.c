#include "segment/window.h"

/* What the writer keeps between a reader and the place it writes to (core/FORMAT.md 1.8). */
#define SLACK 2u

uint16_t tacho__window_number(tacho__segment *segment) {
    if (segment->header->window == 0 || segment->windows_given == TACHO__WINDOWS) {
        return 0;
    }
    return (uint16_t)++segment->windows_given;
}

static tacho__line take(tacho__segment *segment, uint32_t lines) {
    if (segment->window_left < lines) {
        return 0;
    }
    const tacho__line line = tacho__segment_take(segment, lines, TACHO__POCKET_DETAIL);
    segment->window_left -= line ? lines : 0;
    return line;
}

/* Takes lines for `link`, which names none yet; refused for good where there is no room. */
static void *make(tacho__segment *segment, tacho__half *link, uint32_t lines) {
    if (tacho__get_half(link) == 0) {
        const tacho__line line = take(segment, lines);
        atomic_store_explicit(link, line ? line : TACHO__NO_ROOM, memory_order_release);
    }
    const tacho__line line = tacho__get_half(link);
    return line == TACHO__NO_ROOM ? NULL : tacho__at(segment, line);
}

static tacho__window *make_window(tacho__segment *segment, tacho__lane_header *lane, uint32_t number) {
    tacho__windows *windows = make(segment, &lane->windows, TACHO__WINDOWS_LINES);
    tacho__half *link = windows ? &windows->window[number] : NULL;
    tacho__window *window = NULL;
    if (link && tacho__get_half(link) == 0) { /* complete before it is linked */
        const tacho__line line = take(segment, 1);
        window = line ? tacho__at(segment, line) : NULL;
        if (window) {
            const uint32_t pages = (segment->header->window + SLACK + TACHO__WINDOW_PAGE - 1) / TACHO__WINDOW_PAGE;
            tacho__put_half(&window->capacity, pages * TACHO__WINDOW_PAGE);
        }
        atomic_store_explicit(link, line ? line : TACHO__NO_ROOM, memory_order_release);
        return window;
    }
    return link ? make(segment, link, 1) : NULL;
}

static tacho__window_value *page_at(const tacho__segment *segment, const tacho__window *window, uint32_t page) {
    const tacho__line line = tacho__get_half(&window->directory[page / TACHO__WINDOW_PAGES]);
    const tacho__window_directory *directory = tacho__at(segment, line);
    const tacho__window_page *found = tacho__at(segment, tacho__get_half(&directory->page[page % TACHO__WINDOW_PAGES]));
    return (tacho__window_value *)(uintptr_t)found->value;
}

/* One more page; false: no room. */
static bool add_page(tacho__segment *segment, tacho__window *window) {
    const uint32_t page = tacho__get_half(&window->pages);
    tacho__half *link = &window->directory[page / TACHO__WINDOW_PAGES];
    if (tacho__get_half(link) == 0) {
        const tacho__line line = take(segment, TACHO__WINDOW_DIRECTORY_LINES);
        if (line == 0) {
            return false;
        }
        atomic_store_explicit(link, line, memory_order_release);
    }
    const tacho__line line = take(segment, TACHO__WINDOW_PAGE_LINES);
    if (line == 0) {
        return false;
    }
    tacho__window_directory *directory = tacho__at(segment, tacho__get_half(link));
    atomic_store_explicit(&directory->page[page % TACHO__WINDOW_PAGES], line, memory_order_release);
    atomic_store_explicit(&window->pages, page + 1, memory_order_release);
    return true;
}

/* The page of the next value, with the lock held. NULL: there is not even one. */
static tacho__window_value *next_page(tacho__segment *segment, tacho__window *window, uint64_t count) {
    uint32_t page = (uint32_t)(count % tacho__get_half(&window->capacity)) / TACHO__WINDOW_PAGE;
    const uint32_t pages = tacho__get_half(&window->pages);
    if (page >= pages && !add_page(segment, window)) {
        if (pages == 0) {
            return NULL;
        }
        tacho__put_half(&window->capacity, pages * TACHO__WINDOW_PAGE); /* a shorter window is a window all the same */
        tacho__drop_count(segment, TACHO__DROP_WINDOW_SHORT);
        page = 0;
    }
    return page_at(segment, window, page);
}

static void refuse(tacho__segment *segment, const tacho__lane_header *lane, uint32_t number) {
    tacho__drop_count(segment, TACHO__DROP_WINDOW_REFUSED);
    if (tacho__get_half(&lane->windows) != TACHO__NO_ROOM) {
        tacho__windows *windows = tacho__at(segment, tacho__get_half(&lane->windows));
        atomic_store_explicit(&windows->window[number], TACHO__NO_ROOM, memory_order_release);
    }
}

/* The page that comes next, if the window has it already: once it goes round, that is always so. */
static tacho__window_value *known_page(const tacho__lane *lane, const tacho__lane_window *window) {
    if (!window->written) {
        return NULL;
    }
    const tacho__window *made = (const tacho__window *)(const void *)window->written; /* its first word */
    const uint32_t page = (uint32_t)(window->count % tacho__get_half(&made->capacity)) / TACHO__WINDOW_PAGE;
    return page < tacho__get_half(&made->pages) ? page_at(lane->segment, made, page) : NULL;
}

bool tacho__window_turn(tacho__writer *writer, tacho__lane *lane, tacho__lane_window *window) {
    window->next = known_page(lane, window);
    if (window->next) {
        return true;
    }
    if (window->refused || !tacho__writer_lock(writer, lane)) {
        return false;
    }
    tacho__window *made = make_window(lane->segment, lane->header, window->number);
    window->next = made ? next_page(lane->segment, made, window->count) : NULL;
    if (window->next) {
        window->written = &made->written;
    } else {
        window->refused = true;
        refuse(lane->segment, lane->header, window->number);
    }
    tacho__writer_unlock(writer);
    return window->next != NULL;
}

void tacho__window_write(tacho__segment *segment, uint32_t lane, uint32_t number, const tacho__recent_value *values,
                         size_t count) {
    tacho__lane_header *header = &segment->lanes[lane];
    tacho__window *window = make_window(segment, header, number);
    tacho__window_value *next = NULL;
    bool done = window && values;
    for (size_t i = 0; i < count && done; ++i) {
        if (i % TACHO__WINDOW_PAGE == 0) {
            done = add_page(segment, window);
            next = done ? page_at(segment, window, (uint32_t)i / TACHO__WINDOW_PAGE) : NULL;
        }
        if (done) {
            tacho__put(&next->end, (uint64_t)values[i].end_mono_ns);
            tacho__put(&next->duration, values[i].duration_ns);
            ++next;
        }
    }
    if (done) {
        tacho__put(&window->written, count);
    } else {
        refuse(segment, header, number);
    }
}
