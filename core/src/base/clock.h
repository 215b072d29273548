/**
 * Where time comes from: a table of functions, so that tests can own it.
 *
 * Only the monotonic clock is read when recording; wall time is derived from an anchor pair (semantics 50). Code that
 * takes a `const tacho__clock *` never calls clock_gettime itself; tacho__now() does it directly when the table is the
 * system's, which saves the indirect call on the record path.
 */
#ifndef TACHO_BASE_CLOCK_H
#define TACHO_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define TACHO__NS_PER_SECOND UINT64_C(1000000000)

typedef struct tacho__clock {
    uint64_t (*monotonic_ns)(void *context); /* nanoseconds since an arbitrary point; never goes back */
    int64_t (*wall_ns)(void *context);       /* nanoseconds since 1970-01-01T00:00:00Z; may jump */
    void *context;
} tacho__clock;

/** CLOCK_MONOTONIC and CLOCK_REALTIME. Static storage, any thread. */
extern const tacho__clock tacho__clock_system;

uint64_t tacho__clock_system_monotonic(void *context);
int64_t tacho__clock_system_wall(void *context);

/** Monotonic nanoseconds of `clock`. Any thread; no system call beyond the vDSO's for the system clock. */
static inline uint64_t tacho__now(const tacho__clock *clock) {
    if (clock->monotonic_ns == tacho__clock_system_monotonic) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * TACHO__NS_PER_SECOND + (uint64_t)now.tv_nsec;
    }
    return clock->monotonic_ns(clock->context);
}

/** Wall nanoseconds since 1970 (UTC) of `clock`. Any thread. */
static inline int64_t tacho__wall(const tacho__clock *clock) {
    return clock->wall_ns(clock->context);
}

/** The same instant on both hands. */
typedef struct tacho__clock_pair {
    int64_t mono_ns, wall_ns;
} tacho__clock_pair;

/** Reads both hands together: asks again, a few times, when the thread was held up in between. Any thread. */
tacho__clock_pair tacho__clock_read(const tacho__clock *clock);

/** A clock that stands still until it is told otherwise. Pass `&fake.clock`; `fake` must outlive every user. */
typedef struct tacho__clock_fake {
    tacho__clock clock;
    _Atomic uint64_t monotonic;
    _Atomic int64_t wall;
} tacho__clock_fake;

/** Starts both hands at the given values. The struct must not be moved or copied afterwards. */
void tacho__clock_fake_init(tacho__clock_fake *fake, uint64_t monotonic_ns, int64_t wall_ns);
/** Sets both hands; a test may also let the wall clock jump back this way. Any thread. */
void tacho__clock_fake_set(tacho__clock_fake *fake, uint64_t monotonic_ns, int64_t wall_ns);
/** Moves both hands on by `ns`. Any thread. */
void tacho__clock_fake_advance(tacho__clock_fake *fake, uint64_t ns);

#endif
