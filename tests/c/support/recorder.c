#include "recorder.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static uint64_t fake_monotonic(void *context) {
    return tacho__now(&((tacho__clock_fake *)context)->clock);
}

static int64_t fake_wall(void *context) {
    return tacho__wall(&((tacho__clock_fake *)context)->clock);
}

void recorder_open(recorder *r, const tacho_config *config) {
    tacho_config own = TACHO_CONFIG_INIT;
    if (config) {
        own = *config;
    }
    memset(r, 0, sizeof *r);
    tacho__clock_fake_init(&r->clock, RECORDER_MONO, RECORDER_WALL);
    r->source = (tacho_time_source){sizeof r->source, 0, fake_monotonic, fake_wall, &r->clock};
    own.time_source = &r->source;
    assert_int_equal(tacho_collector_open(&r->collector, &own), TACHO_OK);
}

void recorder_close(recorder *r) {
    tacho__view_free(r->view);
    r->view = NULL;
    tacho_collector_close(r->collector);
}

int recorder_setup(void **state) {
    recorder *r = malloc(sizeof *r);
    if (!r) {
        return 1;
    }
    recorder_open(r, NULL);
    *state = r;
    return 0;
}

int recorder_teardown(void **state) {
    recorder_close(*state);
    free(*state);
    return 0;
}

tacho_series *recorder_bind(recorder *r, tacho_kind kind, const char *name, const char *provider, const char *model) {
    tacho_series *series = NULL;
    const tacho_labels labels = TACHO_LABELS(.provider = provider, .model = model);
    assert_int_equal(tacho_bind(r->collector, kind, name, &labels, &series), TACHO_OK);
    assert_non_null(series);
    return series;
}

tacho__view *recorder_read(recorder *r) {
    tacho__view_free(r->view);
    r->view = NULL;
    assert_int_equal(tacho__collector_view(r->collector, &r->view), TACHO_OK);
    return r->view;
}

static int same(const char *a, const char *b) {
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

const tacho__series_view *recorder_series(recorder *r, tacho_kind kind, const char *name, const char *model) {
    recorder_read(r);
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        if (r->series.type == TACHO__TYPE_OPERATION && r->series.kind == kind && same(r->series.name, name) &&
            (!model || same(r->series.model, model))) {
            return &r->series;
        }
    }
    fail_msg("no series %s", name);
    return NULL;
}

const tacho__series_view *recorder_component(recorder *r, const char *operation, const char *component) {
    recorder_read(r);
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        if (r->series.type == TACHO__TYPE_COMPONENT && same(r->series.name, operation) &&
            same(r->series.component, component)) {
            return &r->series;
        }
    }
    fail_msg("no component %s", component);
    return NULL;
}

const tacho__session_view *recorder_session(recorder *r, const char *id) {
    const char *wanted = id ? id : tacho_session_id(tacho_collector_session(r->collector));
    recorder_read(r);
    for (uint32_t i = 0; i < tacho__view_session_count(r->view); ++i) {
        assert_true(tacho__view_session(r->view, i, &r->session));
        if (same(r->session.id, wanted)) {
            return &r->session;
        }
    }
    fail_msg("no session %s", wanted);
    return NULL;
}

const tacho__record_view *recorder_record(recorder *r, const char *operation) {
    recorder_read(r);
    int found = 0;
    tacho__record_view record;
    for (uint32_t i = 0; i < tacho__view_record_count(r->view); ++i) {
        assert_true(tacho__view_record(r->view, i, &record));
        if (same(record.operation, operation)) {
            r->record = record;
            ++found;
        }
    }
    assert_int_equal(found, 1);
    return &r->record;
}

uint64_t recorder_drops(recorder *r, tacho__drop cause) {
    return tacho__view_drops(recorder_read(r), cause);
}

uint64_t recorder_all_calls(recorder *r) {
    uint64_t calls = 0;
    recorder_read(r);
    for (uint32_t i = 0; i < tacho__view_series_count(r->view); ++i) {
        if (!tacho__view_series(r->view, i, &r->series)) {
            continue; /* a custom metric or a cache */
        }
        calls += r->series.type == TACHO__TYPE_OPERATION ? r->series.calls : 0;
    }
    return calls;
}
