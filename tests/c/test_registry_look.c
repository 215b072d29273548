/* The state of a registry: what `tacho doctor` shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "segment/registry.h"
#include "support/scratch.h"

#include <stdio.h>
#include <string.h>
#include <tachograph.h>
#include <tachograph/registry.h>
#include <unistd.h>

static scratch place;

static int set_up(void **state) {
    (void)state;
    scratch_make(&place);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(&place);
    return 0;
}

static const char *folder(void) {
    return scratch_path(&place, "registry");
}

static tacho_collector *open_shared(void) {
    tacho_collector *collector;
    const tacho_config config = {.struct_size = sizeof config, .flags = TACHO_CONFIG_STRICT, .dir = folder()};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

static tacho_registry_state *look(void) {
    tacho_registry_state *state;
    assert_int_equal(tacho_registry_look(folder(), &state), TACHO_OK);
    return state;
}

static void test_look__tells_who_records(void **unused) {
    (void)unused;
    tacho_collector *a = open_shared(), *b = open_shared();
    tacho_registry_state *state = look();
    assert_string_equal(state->path, folder());
    assert_int_equal(strlen(state->id), 32);
    assert_int_equal(state->live, 2);
    assert_int_equal(state->dead + state->skipped + state->folded_segments, 0);
    assert_true(state->created_at_ns > 0 && state->free_bytes > 0);
    assert_true(state->count >= 2);
    const tacho_registry_segment *segment = &state->segments[state->count - 1];
    assert_int_equal(segment->process, getpid());
    assert_int_equal(segment->is_alive, 1);
    assert_null(segment->skipped);
    assert_true(segment->used_bytes > 0 && segment->used_bytes <= segment->max_bytes);
    assert_true(strncmp(segment->name, "seg-", 4) == 0);
    tacho_registry_state_free(state);
    tacho_collector_close(a);
    tacho_collector_close(b);
}

static void test_look__counts_what_was_ignored(void **unused) {
    (void)unused;
    tacho_collector *collector = open_shared();
    tacho_series *series;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_STEP, "x", NULL, &series), TACHO_OK);
    tacho_operation op;
    tacho_begin(series, NULL, &op);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_registry_state *state = look();
    const tacho_registry_segment *segment = &state->segments[state->count - 1];
    assert_int_equal(segment->drop_count, 1);
    assert_string_equal(segment->drops[0].name, "second_end");
    assert_int_equal(segment->drops[0].value, 1);
    tacho_registry_state_free(state);
    tacho_series_release(series);
    tacho_collector_close(collector);
}

static void test_look__says_why_a_segment_is_left_out(void **unused) {
    (void)unused;
    tacho_collector_close(open_shared());
    scratch_write(&place, "registry/seg-00000000000000000000000000000000", "w", "nothing", 7);
    tacho_registry_state *state = look();
    const tacho_registry_segment *found = NULL;
    for (size_t i = 0; i < state->count; i++) {
        found = state->segments[i].skipped ? &state->segments[i] : found;
    }
    assert_non_null(found);
    assert_string_equal(found->skipped, "foreign");
    assert_int_equal(state->skipped, 1);
    assert_int_equal(found->file_bytes, 7);
    tacho_registry_state_free(state);
}

static void test_look__names_the_holder_of_the_lease(void **unused) {
    (void)unused;
    tacho_collector_close(open_shared());
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folder(), 0, &registry), TACHO_OK);
    assert_true(tacho__registry_lease_try(registry));
    tacho_registry_state *state = look();
    assert_int_equal(state->lease_is_held, 1);
    if (access("/proc/locks", R_OK) == 0) {
        assert_true(state->lease_process == getpid() || state->lease_process == 0); /* 0: of another pid namespace */
    }
    tacho_registry_state_free(state);
    tacho__registry_lease_release(registry);
    state = look();
    assert_int_equal(state->lease_is_held, 0);
    assert_int_equal(state->lease_process, 0);
    tacho_registry_state_free(state);
    tacho__registry_release(registry);
}

static void test_look__refuses_what_is_no_registry(void **unused) {
    (void)unused;
    tacho_registry_state *state;
    assert_int_equal(tacho_registry_look(folder(), &state), TACHO_NOT_FOUND);
    assert_null(state);
    assert_int_equal(tacho_registry_look(NULL, &state), TACHO_INVALID);
    assert_int_equal(tacho_registry_look(folder(), NULL), TACHO_INVALID);
    tacho_registry_state_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_look__tells_who_records),
        TEST(test_look__counts_what_was_ignored),
        TEST(test_look__says_why_a_segment_is_left_out),
        TEST(test_look__names_the_holder_of_the_lease),
        TEST(test_look__refuses_what_is_no_registry),
    };
    return cmocka_run_group_tests_name("registry_look", tests, NULL, NULL);
}
