#include "segment/reader_clock.h"

#include "segment/view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOME_CLOCK 1 /* of the system, which does not tell its namespaces of time */

void tacho__boot_id(uint8_t out[16]) {
    char text[64] = {0};
    memset(out, 0, 16);
    const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return;
    }
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    int digits = 0;
    for (ssize_t i = 0; i < length && digits < 32; ++i) {
        const char c = text[i];
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value >= 0) {
            out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | value);
            ++digits;
        }
    }
}

/* In another namespace of time the monotonic clock of the same boot is another one. */
uint64_t tacho__clock_number(const tacho__clock *clock) {
    struct stat namespace;
    if (clock->monotonic_ns != tacho__clock_system.monotonic_ns || clock->wall_ns != tacho__clock_system.wall_ns) {
        return 0;
    }
    return stat("/proc/self/ns/time", &namespace) == 0 ? (uint64_t) namespace.st_ino : SOME_CLOCK;
}

tacho__reader_clock tacho__reader_clock_now(void) {
    tacho__reader_clock clock = {.number = tacho__clock_number(&tacho__clock_system),
                                 .now = tacho__clock_read(&tacho__clock_system)};
    tacho__boot_id(clock.boot_id);
    return clock;
}

static bool is_same(const tacho__header *header, const tacho__reader_clock *clock) {
    static const uint8_t unknown[sizeof header->boot_id];
    return header->clock != 0 && header->clock == clock->number &&
           memcmp(header->boot_id, clock->boot_id, sizeof unknown) == 0 &&
           memcmp(header->boot_id, unknown, sizeof unknown) != 0;
}

/* The nearest whole number of steps, as nanoseconds; 0 for less than one. */
static int64_t whole_steps(int64_t moved) {
    const int64_t rest = moved % TACHO__ANCHOR_STEP;
    const int64_t steps = moved / TACHO__ANCHOR_STEP;
    const int64_t more = rest >= TACHO__ANCHOR_STEP / 2 ? 1 : rest <= -TACHO__ANCHOR_STEP / 2 ? -1 : 0;
    int64_t whole;
    return steps == 0 || __builtin_mul_overflow(steps + more, TACHO__ANCHOR_STEP, &whole) ? 0 : whole;
}

void tacho__view_follow(tacho__view *view, const tacho__reader_clock *clock) {
    int64_t moved, anchor;
    if (!is_same(view->header, clock)) {
        return;
    }
    if (!__builtin_sub_overflow(clock->now.wall_ns, tacho__view_wall(view, clock->now.mono_ns), &moved) &&
        !__builtin_add_overflow(view->anchor_wall, whole_steps(moved), &anchor)) {
        view->anchor_wall = anchor;
    }
    view->info.started_wall_ns = tacho__view_wall(view, view->info.started_mono_ns);
}
