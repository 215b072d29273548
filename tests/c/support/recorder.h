/** A collector whose time stands still, and readings of it: what the tests of segment and collect share. */
#ifndef TACHO_TESTS_RECORDER_H
#define TACHO_TESTS_RECORDER_H

#include "base/clock.h"
#include "collect/reading.h"

#include <tachograph.h>

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

/** 2026-01-02T03:04:05Z: where the wall hand of `recorder` starts; the monotonic one starts at 1000 s. */
#define RECORDER_WALL INT64_C(1767323045000000000)
#define RECORDER_MONO (1000 * S)

typedef struct recorder {
    tacho__clock_fake clock;
    tacho_time_source source;
    tacho_collector *collector;
    tacho__view *view; /* of the last reading */
    tacho__series_view series;
    tacho__session_view session;
    tacho__record_view record;
} recorder;

/** Opens a collector with this clock; `config` gives the other settings, NULL = defaults. */
void recorder_open(recorder *r, const tacho_config *config);
void recorder_close(recorder *r);

/** cmocka setup and teardown: a recorder in *state. */
int recorder_setup(void **state);
int recorder_teardown(void **state);

/** Binds, or fails the test. */
tacho_series *recorder_bind(recorder *r, tacho_kind kind, const char *name, const char *provider, const char *model);
/** Takes a new reading. */
tacho__view *recorder_read(recorder *r);
/** The operation series of this name and kind (and model, if not NULL) in a new reading; fails the test if there is
 * none. */
const tacho__series_view *recorder_series(recorder *r, tacho_kind kind, const char *name, const char *model);
/** The series of a component. */
const tacho__series_view *recorder_component(recorder *r, const char *operation, const char *component);
/** The session of this id; NULL = the collector's own. */
const tacho__session_view *recorder_session(recorder *r, const char *id);
/** The only record of an operation of this name; fails the test if there are more or none. */
const tacho__record_view *recorder_record(recorder *r, const char *operation);
/** How often a cause of drops.h was counted. */
uint64_t recorder_drops(recorder *r, tacho__drop cause);
/** Sum of calls over all operation series. */
uint64_t recorder_all_calls(recorder *r);

#endif
