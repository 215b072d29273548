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
