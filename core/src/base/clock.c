#include "base/clock.h"

uint64_t tacho__clock_system_monotonic(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * TACHO__NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int64_t tacho__clock_system_wall(void *context) {
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * (int64_t)TACHO__NS_PER_SECOND + (int64_t)now.tv_nsec;
}

const tacho__clock tacho__clock_system = {
    .monotonic_ns = tacho__clock_system_monotonic,
    .wall_ns = tacho__clock_system_wall,
    .context = NULL,
};

#define PAIR_TRIES 5
#define PAIR_NS    UINT64_C(1000000) /* what lies between two readings of a thread that runs, and much more */

tacho__clock_pair tacho__clock_read(const tacho__clock *clock) {
    tacho__clock_pair best = {0, 0};
    uint64_t least = UINT64_MAX, before = tacho__now(clock);
    for (int i = 0; i < PAIR_TRIES && least > PAIR_NS; ++i) {
        const int64_t wall = tacho__wall(clock);
        const uint64_t after = tacho__now(clock);
        if (after - before < least) {
            least = after - before;
            best = (tacho__clock_pair){(int64_t)before, wall};
        }
        before = after;
    }
    return best;
}

static uint64_t fake_monotonic(void *context) {
    return atomic_load(&((tacho__clock_fake *)context)->monotonic);
}

static int64_t fake_wall(void *context) {
    return atomic_load(&((tacho__clock_fake *)context)->wall);
}

void tacho__clock_fake_init(tacho__clock_fake *fake, uint64_t monotonic_ns, int64_t wall_ns) {
    fake->clock = (tacho__clock){.monotonic_ns = fake_monotonic, .wall_ns = fake_wall, .context = fake};
    atomic_init(&fake->monotonic, monotonic_ns);
    atomic_init(&fake->wall, wall_ns);
}

void tacho__clock_fake_set(tacho__clock_fake *fake, uint64_t monotonic_ns, int64_t wall_ns) {
    atomic_store(&fake->monotonic, monotonic_ns);
    atomic_store(&fake->wall, wall_ns);
}

void tacho__clock_fake_advance(tacho__clock_fake *fake, uint64_t ns) {
    atomic_fetch_add(&fake->monotonic, ns);
    atomic_fetch_add(&fake->wall, (int64_t)ns);
}
