#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "codec/snapshot_file.h"
#include "collect/collector.h"
#include "segment/base.h"
#include "support/recorder.h"

static tacho_note text(const char *name, const char *value) {
    return (tacho_note){.name = name, .type = TACHO_NOTE_TEXT, .text = value};
}

static tacho_note integer(const char *name, int64_t value) {
    return (tacho_note){.name = name, .type = TACHO_NOTE_INTEGER, .integer = value};
}

/* The only record of a name, in a fresh snapshot. */
static const tacho_record_view *record_of(tacho_collector *collector, const char *name, tacho_records **records) {
    tacho_snapshot *snapshot;
    tacho_query query = TACHO_QUERY_INIT;
    query.operation = name;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_records(snapshot, &query, records), TACHO_OK);
    tacho_snapshot_free(snapshot);
    assert_int_equal((*records)->count, 1);
    return &(*records)->records[0];
}

static void assert_note(const tacho_note *note, const char *name, uint32_t type, const char *value, int64_t number) {
    assert_string_equal(note->name, name);
    assert_int_equal(note->type, type);
    if (value) {
        assert_string_equal(note->text, value);
    }
    assert_int_equal(note->integer, number);
}

static void test_notes__come_back_in_the_record(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    const tacho_begin_options options = {.struct_size = sizeof options, .description = "first\nwords"};
    tacho_begin_with(series, &options, &op);
    const tacho_note some[] = {text("tier", "gold"),
                               integer("tries", -3),
                               {.name = "ratio", .type = TACHO_NOTE_NUMBER, .number = 0.25},
                               {.name = "cached", .type = TACHO_NOTE_BOOLEAN, .integer = 1},
                               {.name = "nothing", .type = TACHO_NOTE_NONE}};
    assert_int_equal(tacho_operation_metadata(&op, some, 5), TACHO_OK);
    const tacho_note again = text("tier", "silver");
    assert_int_equal(tacho_operation_metadata(&op, &again, 1), TACHO_OK);
    tacho__clock_fake_advance(&r->clock, S);
    assert_int_equal(tacho_operation_event(&op, "saved", some, 2), TACHO_OK);
    tacho_operation_retry(&op, "rate limit");
    tacho_operation_warn(&op, NULL);
    assert_int_equal(tacho_operation_describe(&op, "what it does"), TACHO_OK);
    assert_int_equal(tacho_operation_event(&op, "", NULL, 0), TACHO_INVALID);
    const tacho_note nameless = integer("", 1);
    assert_int_equal(tacho_operation_metadata(&op, &nameless, 1), TACHO_INVALID);
    tacho_end(&op, TACHO_OUTCOME_OK);
    assert_int_equal(tacho_operation_describe(&op, "late"), TACHO_OK);
    tacho_records *records;
    const tacho_record_view *record = record_of(r->collector, "plan", &records);
    assert_string_equal(record->description, "what it does");
    assert_int_equal(record->metadata_count, 5);
    assert_note(&record->metadata[0], "cached", TACHO_NOTE_BOOLEAN, NULL, 1);
    assert_note(&record->metadata[1], "nothing", TACHO_NOTE_NONE, NULL, 0);
    assert_true(record->metadata[2].number == 0.25);
    assert_note(&record->metadata[3], "tier", TACHO_NOTE_TEXT, "silver", 0);
    assert_note(&record->metadata[4], "tries", TACHO_NOTE_INTEGER, NULL, -3);
    assert_int_equal(record->event_count, 2);
    assert_string_equal(record->events[0].name, "retry");
    assert_note(record->events[0].fields, "reason", TACHO_NOTE_TEXT, "rate limit", 0);
    assert_string_equal(record->events[1].name, "saved");
    assert_int_equal(record->events[1].at_ns, RECORDER_WALL + (int64_t)S);
    assert_int_equal(record->events[1].field_count, 2);
    tacho_records_free(records);
    tacho_series_release(series);
}

static void test_finished__operations_have_notes_and_many_components(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_component components[12];
    char names[12][8];
    for (int i = 0; i < 12; ++i) {
        snprintf(names[i], sizeof names[i], "part%d", i);
        components[i] = (tacho_component){names[i], (uint64_t)(i + 1) * MS};
    }
    const tacho_note note = text("tier", "gold");
    tacho_finished finished = TACHO_FINISHED_INIT;
    finished.duration_ns = S;
    finished.components = components;
    finished.component_count = 12;
    finished.description = "about it";
    finished.metadata = &note;
    finished.metadata_count = 1;
    assert_int_equal(tacho_record(series, &finished), TACHO_OK);
    tacho_records *records;
    const tacho_record_view *record = record_of(r->collector, "plan", &records);
    assert_int_equal(record->component_count, 12);
    for (int i = 0; i < 12; ++i) {
        assert_string_equal(record->components[i].name, names[i]);
        assert_int_equal(record->components[i].value, (i + 1) * (int64_t)MS);
    }
    assert_string_equal(record->description, "about it");
    assert_note(record->metadata, "tier", TACHO_NOTE_TEXT, "gold", 0);
    tacho_records_free(records);
    assert_int_equal(recorder_drops(r, TACHO__DROP_COMPONENT_MORE), 0);
    tacho_series_release(series);
}

static void test_notes__of_an_operation_are_bounded(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    char name[16], value[400];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = 0;
    tacho_begin(series, NULL, &op);
    tacho_note notes[50];
    char names[50][16];
    for (int i = 0; i < 50; ++i) {
        snprintf(names[i], sizeof names[i], "k%02d", i);
        notes[i] = text(names[i], i % 2 ? value : "short");
    }
    tacho_operation_metadata(&op, notes, 50); /* too much together: one by one, what fits */
    for (int i = 0; i < 100; ++i) {
        snprintf(name, sizeof name, "event%d", i);
        tacho_operation_event(&op, name, NULL, 0);
    }
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_records *records;
    const tacho_record_view *record = record_of(r->collector, "plan", &records);
    assert_in_range(record->metadata_count, 5, 40);
    assert_in_range(record->event_count, 0, 40);
    for (uint32_t i = 0; i < record->metadata_count; ++i) {
        assert_true(strlen(record->metadata[i].text) <= 200);
    }
    assert_true(recorder_drops(r, TACHO__DROP_NOTE_REFUSED) >= 60);
    tacho_records_free(records);
    tacho_series_release(series);
}

static void test_notes__lose_the_oldest_and_count_them(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    enum { CALLS = 5000 };
    for (int i = 0; i < CALLS; ++i) {
        tacho_operation op;
        tacho_begin(series, NULL, &op);
        char value[160];
        memset(value, 'a' + i % 26, sizeof value - 1);
        value[i % 150] = 0;
        const tacho_note notes[] = {integer("n", i), text("v", value)};
        tacho_operation_metadata(&op, notes, 2);
        tacho__clock_fake_advance(&r->clock, MS);
        tacho_end(&op, TACHO_OUTCOME_OK);
    }
    tacho_snapshot *snapshot;
    tacho_records *records;
    assert_int_equal(tacho_snapshot_take(r->collector, &snapshot), TACHO_OK);
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    uint64_t whole = 0;
    for (size_t i = 0; i < records->count; ++i) {
        const tacho_record_view *record = &records->records[i];
        if (record->metadata_count) { /* whole and its own, or not there */
            const int64_t n = CALLS - (int64_t)(records->count - i);
            assert_int_equal(record->metadata_count, 2);
            assert_note(&record->metadata[0], "n", TACHO_NOTE_INTEGER, NULL, n);
            assert_int_equal(strlen(record->metadata[1].text), n % 150);
            ++whole;
        }
    }
    assert_in_range(whole, 900, 1024);
    assert_true(recorder_drops(r, TACHO__DROP_NOTE_LOST) > 3000);
    tacho_records_free(records);
    tacho_snapshot_free(snapshot);
    tacho_series_release(series);
}

static void *end_it(void *op) {
    const tacho_note note = text("ended", "elsewhere");
    tacho_operation_metadata(op, &note, 1);
    tacho_end(op, TACHO_OUTCOME_OK);
    return NULL;
}

static void test_notes__come_together_from_several_lanes_and_through_a_file(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    const tacho_note note = text("begun", "here");
    tacho_begin(series, NULL, &op);
    tacho_operation_metadata(&op, &note, 1);
    tacho_operation_event(&op, "handed over", &note, 1);
    pthread_t thread;
    pthread_create(&thread, NULL, end_it, &op);
    pthread_join(thread, NULL);
    tacho_snapshot *snapshot, *loaded;
    assert_int_equal(tacho_snapshot_take(r->collector, &snapshot), TACHO_OK);
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    tacho__snapshot_encode(snapshot, &bytes);
    assert_int_equal(tacho_snapshot_decode(bytes.data, bytes.length, &loaded), TACHO_OK);
    tacho_records *records;
    assert_int_equal(tacho_snapshot_records(loaded, NULL, &records), TACHO_OK);
    const tacho_record_view *record = &records->records[0];
    assert_int_equal(record->metadata_count, 2);
    assert_note(&record->metadata[0], "begun", TACHO_NOTE_TEXT, "here", 0);
    assert_note(&record->metadata[1], "ended", TACHO_NOTE_TEXT, "elsewhere", 0);
    assert_int_equal(record->event_count, 1);
    assert_int_equal(record->events[0].at_ns, RECORDER_WALL);
    tacho_records_free(records);
    tacho_snapshot_free(loaded);
    tacho_snapshot_free(snapshot);
    tacho__buffer_free(&bytes);
    tacho_series_release(series);
}

static void test_base__keeps_notes_with_their_records(void **state) {
    recorder *r = *state;
    tacho_series *series = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    tacho_operation op;
    const tacho_note note = text("tier", "gold");
    tacho_begin(series, NULL, &op);
    tacho_operation_metadata(&op, &note, 1);
    tacho_operation_event(&op, "saved", &note, 1);
    const uint64_t id = tacho_operation_id(&op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    const tacho__segment *segment = tacho__segment_of(r->collector);
    tacho__view *dead, *view;
    assert_int_equal(tacho__view_of_dead(segment->base, tacho__base_length(segment), 0, RECORDER_WALL, &dead),
                     TACHO_OK);
    const tacho__view *views[] = {dead};
    const tacho__base_plan plan = {.views = views, .count = 1};
    tacho__segment *base;
    assert_int_equal(tacho__base_build(&plan, &base), TACHO_OK);
    assert_int_equal(tacho__view_of_bytes(base->base, tacho__base_length(base), RECORDER_WALL, RECORDER_WALL, &view),
                     TACHO_OK);
    tacho__note_view one;
    assert_true(tacho__view_note(view, id, 0, &one));
    assert_int_equal(one.sort, TACHO__NOTE_METADATA);
    assert_true(tacho__view_note(view, id, 1, &one));
    assert_int_equal(one.sort, TACHO__NOTE_EVENT);
    uint64_t at = 0;
    for (int i = 2; i < 10; ++i) {
        at = at << 8 | one.bytes[i];
    }
    assert_int_equal(at, RECORDER_WALL); /* the clock of a base is Unix time */
    assert_false(tacho__view_note(view, id, 2, &one));
    tacho__view_free(view);
    tacho__segment_release(base);
    tacho__view_free(dead);
    tacho_series_release(series);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, recorder_setup, recorder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(test_notes__come_back_in_the_record),
        WITH(test_finished__operations_have_notes_and_many_components),
        WITH(test_notes__of_an_operation_are_bounded),
        WITH(test_notes__lose_the_oldest_and_count_them),
        WITH(test_notes__come_together_from_several_lanes_and_through_a_file),
        WITH(test_base__keeps_notes_with_their_records),
    };
    return cmocka_run_group_tests_name("notes", tests, NULL, NULL);
}
