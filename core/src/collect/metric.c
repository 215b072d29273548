/**
 * Recording to custom metrics. Each call has a short way, which touches the handle, the lane and the cell only, and a
 * slow one for everything unusual.
 *
 * A counter and a gauge change by one store, so they need no redo: whoever dies leaves the old value or the new one.
 */
#include "collect/custom.h"
#include "segment/cells.h"
#include "segment/metrics.h"

#include <string.h>

#define STORED_MOST 9.2e18

/* --------------------------------------------------------------------------------------------------------- amounts */

/* In the stored unit, rounded to the nearest; false for what cannot be stored. Needs no math library. */
static bool to_stored(const tacho_metric *metric, double value, int64_t *out) {
    const double scaled = value * (double)metric->one;
    if (!(scaled > -STORED_MOST && scaled < STORED_MOST)) { /* NaN too */
        return false;
    }
    const int64_t whole = (int64_t)scaled;
    const double rest = scaled - (double)whole;
    *out = whole + (rest >= 0.5) - (rest <= -0.5);
    return true;
}

/* The built-in series counts in millionths of whatever it is. */
static int64_t to_millionths(const tacho_metric *metric, int64_t stored) {
    int64_t millionths;
    if (metric->one > 1000000) {
        return stored / 1000;
    }
    if (__builtin_mul_overflow(stored, INT64_C(1000000) / (int64_t)metric->one, &millionths)) {
        return stored < 0 ? INT64_MIN + 1 : INT64_MAX;
    }
    return millionths;
}

static tacho_status refuse(tacho_metric *metric) {
    tacho__count(metric->collector, TACHO__DROP_INVALID);
    return TACHO_INVALID;
}

static bool is_counter(const tacho_metric *metric) {
    return metric->type == TACHO__TYPE_COUNTER;
}

/* --------------------------------------------------------------------------------------------------------- counters */

static void add_to(tacho__segment *segment, tacho__counter_cell *cell, uint64_t stored) {
    uint64_t sum;
    if (__builtin_add_overflow(tacho__get(&cell->value), stored, &sum)) {
        sum = UINT64_MAX;
        tacho__drop_count(segment, TACHO__DROP_SATURATED);
    }
    tacho__put(&cell->value, sum);
}

/* No room for a cell of its own: the built-in series takes it, under the lock. */
static void add_to_common(tacho__writer *writer, tacho__lane *lane, const tacho_metric *metric, uint64_t stored) {
    if (!tacho__writer_lock(writer, lane)) {
        tacho__drop_count(lane->segment, TACHO__DROP_LOST);
        return;
    }
    const uint64_t most = INT64_MAX;
    const int64_t millionths = to_millionths(metric, (int64_t)(stored < most ? stored : most));
    add_to(lane->segment, tacho__metric_common(lane->segment, tacho__custom_common(metric->type)),
           (uint64_t)millionths);
    tacho__writer_unlock(writer);
}

__attribute__((noinline)) static tacho_status add_slowly(tacho_metric *metric, uint64_t stored) {
    tacho_collector *collector = metric->collector;
    if (!is_counter(metric)) {
        return refuse(metric);
    }
    tacho__writer *writer = &collector->writer;
    tacho__lane *lane = tacho__is_enabled(collector) ? tacho__lane_enter(writer) : NULL;
    if (!lane) {
        return TACHO_OK;
    }
    tacho__counter_cell *cell = tacho__custom_cell(collector, lane, metric);
    if (cell) {
        add_to(lane->segment, cell, stored);
    } else {
        add_to_common(writer, lane, metric, stored);
    }
    tacho__lane_leave(writer, lane);
    return TACHO_OK;
}

static inline tacho_status add(tacho_metric *metric, uint64_t stored) {
    tacho__visit visit;
    if (__builtin_expect(!is_counter(metric) || !tacho__custom_enter(&metric->collector->writer, &visit), 0)) {
        return add_slowly(metric, stored);
    }
    const tacho__known *known = tacho__customs_at(&visit.lane->customs, metric->at);
    tacho__counter_cell *cell = known ? known->cell : NULL;
    uint64_t sum;
    const bool done = cell && !__builtin_add_overflow(tacho__get(&cell->value), stored, &sum);
    if (__builtin_expect(done, 1)) {
        tacho__put(&cell->value, sum);
    }
    tacho__custom_leave(&visit);
    return __builtin_expect(done, 1) ? TACHO_OK : add_slowly(metric, stored);
}

tacho_status tacho_counter_count(tacho_metric *metric, uint64_t count) {
    uint64_t stored;
    if (__builtin_expect(!metric, 0)) {
        return TACHO_OK;
    }
    if (__builtin_expect(__builtin_mul_overflow(count, metric->one, &stored) || stored > INT64_MAX, 0)) {
        return refuse(metric);
    }
    return add(metric, stored);
}

tacho_status tacho_counter_add(tacho_metric *metric, double amount) {
    int64_t stored;
    if (!metric) {
        return TACHO_OK;
    }
    if (!to_stored(metric, amount, &stored) || stored < 0 || amount < 0) {
        return refuse(metric);
    }
    return add(metric, (uint64_t)stored);
}

/* ----------------------------------------------------------------------------------------------------------- gauges */

/* Sets, or adds to, the one cell of a gauge, which any thread may be writing to. */
static void change(tacho_collector *collector, tacho__segment *segment, tacho__gauge_cell *cell, int64_t stored,
                   bool more) {
    uint64_t before = atomic_load_explicit(&cell->value, memory_order_relaxed);
    int64_t after = stored;
    do {
        if (more && __builtin_add_overflow((int64_t)before, stored, &after)) {
            after = stored < 0 ? INT64_MIN + 1 : INT64_MAX;
            tacho__drop_count(segment, TACHO__DROP_SATURATED);
        }
    } while (!atomic_compare_exchange_weak_explicit(&cell->value, &before, (uint64_t)after, memory_order_relaxed,
                                                    memory_order_relaxed));
    tacho__put(&cell->stamp, tacho__stamp((int64_t)tacho__now(&collector->clock)));
}

static tacho_status change_gauge(tacho_metric *metric, double value, bool more) {
    int64_t stored;
    if (!metric) {
        return TACHO_OK;
    }
    if (metric->type != TACHO__TYPE_GAUGE || !to_stored(metric, value, &stored)) {
        return refuse(metric);
    }
    tacho_collector *collector = metric->collector;
    tacho__writer *writer = &collector->writer;
    tacho__lane *lane = tacho__is_enabled(collector) ? tacho__lane_enter(writer) : NULL;
    if (!lane) {
        return TACHO_OK;
    }
    tacho__gauge_cell *cell = tacho__custom_cell(collector, lane, metric);
    if (cell) {
        change(collector, lane->segment, cell, stored, more);
    } else { /* the one cell has several writers anyway: no lock */
        cell = tacho__metric_common(lane->segment, tacho__custom_common(metric->type));
        change(collector, lane->segment, cell, to_millionths(metric, stored), more);
    }
    tacho__lane_leave(writer, lane);
    return TACHO_OK;
}

tacho_status tacho_gauge_set(tacho_metric *metric, double value) {
    return change_gauge(metric, value, false);
}

tacho_status tacho_gauge_add(tacho_metric *metric, double amount) {
    return change_gauge(metric, amount, true);
}

/* ------------------------------------------------------------------------------------------------------- histograms */

/* Bucket and sum of an ordinary value: between those seen so far, inside the grid, in a bucket with room. */
static inline bool observe_ordinary(const tacho__lane *lane, const tacho__known *known, const tacho__grid *grid,
                                    uint64_t value) {
    if (__builtin_expect(value - known->least >= known->span, 0)) {
        return false;
    }
    tacho__sketch *sketch = known->cell;
    const size_t number = tacho__grid_bucket(grid, value);
    const uint64_t entry = tacho__get_half(&sketch->octaves[number / TACHO__OCTAVE_BUCKETS]);
    if (__builtin_expect(entry == 0, 0)) {
        return false;
    }
    const uint64_t place = entry + number, mark = known->mark + place * sizeof(tacho__half);
    __asm__("" : : "r"(mark)); /* now, while what it is made of is in registers anyway */
    tacho__half *bucket = (tacho__half *)lane->base + place;
    uint32_t count;
    uint64_t sum;
    if (__builtin_expect(__builtin_add_overflow(tacho__get_half(bucket), 1u, &count), 0) ||
        __builtin_expect(__builtin_add_overflow(tacho__get(&sketch->sum), value, &sum), 0)) {
        return false;
    }
    tacho__short_set(lane->redo, mark, bucket, count, sketch, sum);
    return true;
}

/* The built-in histogram has every octave; only a bucket that is full has no way on. Under the lock. */
static void observe_common(tacho__writer *writer, tacho__lane *lane, const tacho_metric *metric, uint64_t stored) {
    if (!tacho__writer_lock(writer, lane)) {
        tacho__drop_count(lane->segment, TACHO__DROP_LOST);
        return;
    }
    const uint32_t number = tacho__custom_common(metric->type);
    tacho__spot spot = {.sketch = tacho__metric_common(lane->segment, number),
                        .value = (uint64_t)to_millionths(metric, (int64_t)stored)};
    bool room = true;
    if (spot.value) {
        const uint32_t place = tacho__grid_place(&tacho__grids[TACHO__GRID_ONE], spot.value, &spot.low, &spot.high);
        spot.bucket = tacho__sketch_bucket(lane->base, spot.sketch, place);
        room = tacho__get_half(spot.bucket) != UINT32_MAX;
    }
    if (room) {
        tacho__set set = tacho__set_begin(lane);
        tacho__spot_put(&set, &spot);
        tacho__lane_commit(lane, &set);
    } else {
        tacho__drop_count(lane->segment, TACHO__DROP_LOST);
    }
    tacho__writer_unlock(writer);
}

static void observe_in(tacho_collector *collector, tacho__lane *lane, tacho_metric *metric, uint64_t stored) {
    tacho__writer *writer = &collector->writer;
    tacho__sketch *sketch = tacho__custom_cell(collector, lane, metric);
    tacho__spot spot;
    if (!sketch || !tacho__spot_find(writer, lane, sketch, metric->family->grid, stored, false, &spot)) {
        observe_common(writer, lane, metric, stored);
        return;
    }
    tacho__set set = tacho__set_begin(lane);
    tacho__spot_put(&set, &spot);
    tacho__lane_commit(lane, &set);
    tacho__known *known = tacho__customs_at(&lane->customs, metric->at);
    if (known) {
        tacho__known_quicken(lane, known, metric->family->grid);
    }
}

__attribute__((noinline)) static tacho_status observe_slowly(tacho_metric *metric, uint64_t stored) {
    tacho_collector *collector = metric->collector;
    if (metric->type != TACHO__TYPE_HISTOGRAM || stored > INT64_MAX) {
        return refuse(metric);
    }
    tacho__lane *lane = tacho__is_enabled(collector) ? tacho__lane_enter(&collector->writer) : NULL;
    if (lane) {
        observe_in(collector, lane, metric, stored);
        tacho__lane_leave(&collector->writer, lane);
    }
    return TACHO_OK;
}

/* The usual case, of what a lane has at `at`. False, and nothing done, if it is not usual. Where the grid is known to
 * the compiler, it is one load less. */
__attribute__((always_inline)) static inline bool observe_at(const tacho_metric *metric, uint32_t at, bool nanoseconds,
                                                             uint64_t stored) {
    tacho__visit visit;
    if (__builtin_expect(!tacho__custom_enter(&metric->collector->writer, &visit), 0)) {
        return false;
    }
    const tacho__customs *customs = &visit.lane->customs;
    bool done = false;
    if (__builtin_expect(at < customs->bytes, 1)) {
        const tacho__known *known = tacho__customs_known(customs, at);
        done =
            observe_ordinary(visit.lane, known, nanoseconds ? &tacho__grids[TACHO__GRID_SECONDS] : known->grid, stored);
    }
    tacho__custom_leave(&visit);
    return done;
}

static tacho_status observe(tacho_metric *metric, uint64_t stored) {
    return observe_at(metric, metric->at, false, stored) ? TACHO_OK : observe_slowly(metric, stored);
}

tacho_status tacho_histogram_observe(tacho_metric *metric, double value) {
    int64_t stored;
    if (!metric) {
        return TACHO_OK;
    }
    if (!to_stored(metric, value, &stored) || stored < 0 || value < 0) {
        return refuse(metric);
    }
    return observe(metric, (uint64_t)stored);
}

/* A duration that is not usual, or in a histogram that does not keep nanoseconds. */
__attribute__((noinline)) static tacho_status observe_duration(tacho_metric *metric, uint64_t duration_ns) {
    const tacho__family *family = metric->family;
    if (metric->at_ns != TACHO__NOT_IN_LANES) {
        return observe_slowly(metric, duration_ns);
    }
    if (family->grid != TACHO__GRID_ONE || duration_ns > TACHO__DURATION_MOST) {
        return refuse(metric);
    }
    const bool millis = strcmp(family->unit, "ms") == 0, micros = strcmp(family->unit, "us") == 0;
    if (micros && duration_ns > TACHO__DURATION_MOST / 1000) {
        return refuse(metric);
    }
    return observe(metric, millis ? duration_ns : micros ? duration_ns * 1000 : (duration_ns + 500) / 1000);
}

tacho_status tacho_histogram_observe_ns(tacho_metric *metric, uint64_t duration_ns) {
    if (!metric) {
        return TACHO_OK;
    }
    const bool done = observe_at(metric, metric->at_ns, true, duration_ns);
    return __builtin_expect(done, 1) ? TACHO_OK : observe_duration(metric, duration_ns);
}

uint64_t tacho_histogram_start(const tacho_metric *metric) {
    return metric ? tacho__now(&metric->collector->clock) : 0;
}

tacho_status tacho_histogram_stop(tacho_metric *metric, uint64_t started_ns) {
    const uint64_t now = tacho_histogram_start(metric);
    return tacho_histogram_observe_ns(metric, now > started_ns ? now - started_ns : 0);
}
