#include "history/watch.h"

#include "base/memory.h"

#include <string.h>

typedef struct tacho__watched {
    uint8_t id[16];
    uint64_t generation;
    uint64_t records[TACHO__LANES]; /* in the last look */
    uint64_t hurried[TACHO__LANES]; /* when a turn was last wanted: it may not have been able to read the segment */
} tacho__watched;

static const tacho__watched *find(const tacho__watch *self, const tacho__glance *glance) {
    for (size_t i = 0; i < self->count; ++i) {
        const tacho__watched *one = &self->seen[i];
        if (one->generation == glance->generation && memcmp(one->id, glance->id, sizeof one->id) == 0) {
            return one;
        }
    }
    return NULL;
}

static uint64_t above(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* How long until half a ring is filled, at the pace since the last look; 0 = it is. */
static uint64_t time_left(uint64_t waiting, uint64_t capacity, uint64_t more, uint64_t took_ns) {
    const uint64_t left = above(capacity / 2, waiting);
    if (left == 0 || more == 0) {
        return left == 0 ? 0 : UINT64_MAX;
    }
    const double time = (double)took_ns / (double)more * (double)left;
    return time < 1e18 ? (uint64_t)time : UINT64_MAX;
}

/* The shortest time that any lane of a segment has. */
static uint64_t time_of(const tacho__glance *glance, const tacho__watched *before, const tacho__handed_segment *handed,
                        uint64_t took_ns) {
    uint64_t least = UINT64_MAX;
    for (uint32_t lane = 0; lane < TACHO__LANES; ++lane) {
        const uint64_t known = handed ? handed->lanes[lane] : 0, hurried = before ? before->hurried[lane] : 0;
        const uint64_t waiting = above(glance->records[lane], known > hurried ? known : hurried);
        const uint64_t more = above(glance->records[lane], before ? before->records[lane] : 0);
        if (waiting > 0 && glance->capacity[lane] > 0) {
            const uint64_t time = time_left(waiting, glance->capacity[lane], more, took_ns);
            least = time < least ? time : least;
        }
    }
    return least;
}

static void note(tacho__watched *out, const tacho__glance *glance, const tacho__watched *before) {
    memcpy(out->id, glance->id, sizeof out->id);
    out->generation = glance->generation;
    memcpy(out->records, glance->records, sizeof out->records);
    if (before) {
        memcpy(out->hurried, before->hurried, sizeof out->hurried);
    }
}

static uint64_t at_least(uint64_t time) {
    return time > TACHO__WATCH_LEAST ? time : TACHO__WATCH_LEAST;
}

uint64_t tacho__watch_pace(uint64_t interval_ns) {
    return at_least(interval_ns / TACHO__WATCH_LOOKS);
}

static uint64_t pause_of(const tacho__watch *self, uint64_t time, uint64_t interval_ns) {
    const uint64_t pace = tacho__watch_pace(interval_ns);
    const uint64_t most = self->pause_ns ? self->pause_ns * 2 : at_least(pace / TACHO__WATCH_FIRST);
    const uint64_t pause = most < pace ? most : pace;
    return at_least(time < pause ? time : pause);
}

tacho__watch_advice tacho__watch_look(tacho__watch *self, const tacho__glance *glances, size_t count,
                                      const tacho__handed *handed, uint64_t interval_ns, uint64_t now_ns) {
    const uint64_t took = self->looked_ns && now_ns > self->looked_ns ? now_ns - self->looked_ns : interval_ns;
    uint64_t least = UINT64_MAX;
    tacho__watch next = {.seen = tacho__calloc(count + 1, sizeof *next.seen), .count = count, .looked_ns = now_ns};
    if (!next.seen) {
        return (tacho__watch_advice){.look_ns = tacho__watch_pace(interval_ns)};
    }
    for (size_t i = 0; i < count; ++i) {
        const tacho__watched *before = find(self, &glances[i]);
        const tacho__handed_segment *known = tacho__handed_find(handed, glances[i].id, glances[i].generation);
        const uint64_t time = time_of(&glances[i], before, known, took);
        least = time < least ? time : least;
        note(&next.seen[i], &glances[i], before);
    }
    for (size_t i = 0; i < count && least == 0; ++i) {
        memcpy(next.seen[i].hurried, next.seen[i].records, sizeof next.seen[i].hurried);
    }
    next.pause_ns = pause_of(self, least, interval_ns);
    tacho__free(self->seen);
    *self = next;
    return (tacho__watch_advice){least == 0, next.pause_ns};
}

void tacho__watch_free(tacho__watch *self) {
    tacho__free(self->seen);
    *self = (tacho__watch){.count = 0};
}
