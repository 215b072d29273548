#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tachograph.h>
#include <unistd.h>

#include "support/fill_collector.h"

/* Clocks of our own, which go together: a snapshot is taken at `wall`. */
static int64_t wall;

static uint64_t mono_now(void *context) {
    (void)context;
    return (uint64_t)(wall - NOON * S + 3600 * S);
}

static int64_t wall_now(void *context) {
    (void)context;
    return wall;
}

static tacho_collector *open_at(const char *session, int64_t now) {
    const tacho_time_source source = {.struct_size = sizeof source, .wall_ns = wall_now, .monotonic_ns = mono_now};
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_collector *collector;
    wall = now;
    config.session = session;
    config.time_source = &source;
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
    return collector;
}

static tacho_system system_of(const tacho_snapshot *snapshot) {
    tacho_system system = TACHO_SYSTEM_INIT;
    assert_int_equal(tacho_snapshot_system(snapshot, &system), TACHO_OK);
    return system;
}

static tacho_system system_now(tacho_collector *collector) {
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_system system = system_of(snapshot);
    tacho_snapshot_free(snapshot);
    return system;
}

static void test_requests__are_calls_of_models_and_tools(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    record_call(collector, TACHO_KIND_EMBEDDING, "embed", NULL, 1, 21, PLAIN);
    const tacho_kind kinds[] = {TACHO_KIND_LLM, TACHO_KIND_TOOL, TACHO_KIND_AGENT, TACHO_KIND_AGENT, TACHO_KIND_STEP};
    tacho_operation ops[5];
    for (int i = 0; i < 5; i++) {
        tacho_series *series;
        assert_int_equal(tacho_bind(collector, kinds[i], "running", NULL, &series), TACHO_OK);
        tacho_begin(series, NULL, &ops[i]);
        tacho_series_release(series);
    }
    tacho_system system = system_now(collector);
    assert_int_equal(system.total_requests, 7); /* three model calls, three tools, one embedding; no step */
    assert_int_equal(system.concurrent_requests, 2);
    assert_int_equal(system.active_agents, 2);
    assert_int_equal(system.in_flight, 5);
    assert_int_equal(system.active_sessions, 1);
    for (int i = 0; i < 5; i++) {
        tacho_end(&ops[i], TACHO_OUTCOME_OK);
    }
    system = system_now(collector);
    assert_int_equal(system.total_requests, 9);
    assert_int_equal(system.in_flight, 0);
    tacho_collector_close(collector);
}

static void test_process__is_read_at_the_snapshot(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    tacho_system before = system_now(collector);
    assert_int_equal(before.processes, 1);
    assert_true(before.cpu_ns > 0 && before.cpu_ns < 600 * S);
    assert_true(before.memory_bytes > 100 * 1024);
    assert_true(before.descriptors >= 3);
    int file = open("/dev/null", O_RDONLY), more = dup(file);
    volatile unsigned spin = 0;
    while (spin < 50000000) {
        spin = spin + 1;
    }
    tacho_system after = system_now(collector);
    assert_int_equal(after.descriptors, before.descriptors + 2);
    assert_true(after.cpu_ns > before.cpu_ns);
    assert_true(after.uptime_ns > before.uptime_ns);
    assert_int_equal(after.started_at_ns, before.started_at_ns);
    close(file);
    close(more);
    tacho_collector_close(collector);
}

static void test_process__counts_once(void **state) {
    (void)state;
    tacho_collector *one = open_collector("s-one"), *two = open_collector("s-one");
    fill_collector(one);
    fill_collector(two);
    tacho_snapshot *first = take_snapshot(one), *second = take_snapshot(two), *both;
    assert_int_equal(tacho_snapshot_merge(first, second, &both), TACHO_OK);
    tacho_system system = system_of(both), alone = system_of(second);
    assert_int_equal(system.processes, 1);
    assert_int_equal(system.cpu_ns, alone.cpu_ns);
    assert_int_equal(system.total_requests, 12);
    tacho_snapshot_free(first);
    tacho_snapshot_free(second);
    tacho_snapshot_free(both);
    tacho_collector_close(one);
    tacho_collector_close(two);
}

/* In a child: records into the folder, says so, and waits to be told to go. */
static void live_in(const char *folder, int ready, int go) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_collector *collector;
    char byte = 0;
    config.dir = folder;
    if (tacho_collector_open(&collector, &config) == TACHO_OK) {
        fill_collector(collector);
        (void)!write(ready, &byte, 1);
        (void)!read(go, &byte, 1);
    }
    _exit(0);
}

static void test_processes__of_a_registry_are_those_that_live(void **state) {
    (void)state;
    char folder[] = "/tmp/tacho-system-XXXXXX", byte;
    int ready[2], go[2];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        live_in(folder, ready[1], go[0]);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(folder, &snapshot), TACHO_OK);
    tacho_system alive = system_of(snapshot);
    assert_int_equal(alive.processes, 1);
    assert_true(alive.memory_bytes > 100 * 1024 && alive.descriptors >= 3 && alive.cpu_ns >= 0);
    tacho_snapshot_free(snapshot);
    close(go[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(tacho_snapshot_attach(folder, &snapshot), TACHO_OK);
    tacho_system dead = system_of(snapshot);
    assert_int_equal(dead.processes, 0);
    assert_int_equal(dead.memory_bytes, -1);
    assert_int_equal(dead.total_requests, alive.total_requests);
    tacho_snapshot_free(snapshot);
    close(ready[0]);
    close(go[0]);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void test_sessions__are_active_for_a_quarter_of_an_hour(void **state) {
    (void)state;
    const int64_t noon = NOON * S, minute = 60 * S;
    tacho_collector *collector = open_at(NULL, noon);
    assert_int_equal(system_now(collector).active_sessions, 0); /* its own session has not been used */
    tacho_session *given, *ended;
    assert_int_equal(tacho_session_open(collector, "given", &given), TACHO_OK);
    assert_int_equal(tacho_session_open(collector, "ended", &ended), TACHO_OK);
    assert_int_equal(system_now(collector).active_sessions, 2);
    tacho_session_end(ended);
    assert_int_equal(system_now(collector).active_sessions, 1);
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 1000, 600, FINISHED(.session = given));
    record_call(collector, TACHO_KIND_STEP, "plan", NULL, 1000, 30, PLAIN);
    wall = noon + 15 * minute;
    assert_int_equal(system_now(collector).active_sessions, 2);
    wall = noon + 16 * minute;
    assert_int_equal(system_now(collector).active_sessions, 1);
    wall = noon + 26 * minute;
    assert_int_equal(system_now(collector).active_sessions, 0);
    tacho_session_end(given);
    tacho_collector_close(collector);
}

static void test_reset__drops_what_was_in_flight_before(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    tacho_series *series;
    tacho_operation op;
    assert_int_equal(tacho_bind(collector, TACHO_KIND_LLM, "ask", NULL, &series), TACHO_OK);
    tacho_begin(series, NULL, &op);
    tacho_snapshot *before = take_snapshot(collector), *both;
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    tacho_snapshot *after = take_snapshot(collector);
    assert_int_equal(tacho_snapshot_merge(before, after, &both), TACHO_OK);
    assert_int_equal(system_of(before).in_flight, 1);
    assert_int_equal(system_of(both).in_flight, system_of(after).in_flight);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_series_release(series);
    tacho_snapshot_free(before);
    tacho_snapshot_free(after);
    tacho_snapshot_free(both);
    tacho_collector_close(collector);
}

typedef struct text {
    char bytes[8192];
    size_t length;
} text;

static int take_text(void *context, const char *bytes, size_t length) {
    text *to = context;
    assert_true(to->length + length < sizeof to->bytes);
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
    to->bytes[to->length] = '\0';
    return 0;
}

static void test_system__is_written_in_every_format(void **state) {
    (void)state;
    const tacho_system system = {.struct_size = sizeof system,
                                 .total_requests = 1250,
                                 .concurrent_requests = 1,
                                 .active_sessions = 3,
                                 .processes = 1,
                                 .cpu_ns = 1500000000,
                                 .memory_bytes = 52428800,
                                 .descriptors = 12,
                                 .started_at_ns = NOON * S,
                                 .uptime_ns = 8000 * S};
    text out = {.length = 0};
    assert_int_equal(tacho_write_system(&system, TACHO_FORMAT_JSONL, NULL, take_text, &out), TACHO_OK);
    assert_string_equal(out.bytes, "{\"total_requests\":1250,\"concurrent_requests\":1,\"active_sessions\":3,"
                                   "\"active_agents\":0,\"in_flight\":0,\"processes\":1,\"cpu_seconds\":1.5,"
                                   "\"memory_bytes\":52428800,\"open_descriptors\":12,"
                                   "\"start_time\":\"2025-11-30T12:00:00Z\",\"uptime_seconds\":8000}\n");
    out.length = 0;
    assert_int_equal(tacho_write_system(&system, TACHO_FORMAT_TEXT, NULL, take_text, &out), TACHO_OK);
    assert_non_null(strstr(out.bytes, "1,250 ended, 1 running"));
    assert_non_null(strstr(out.bytes, "51,200 KiB"));
    out.length = 0;
    assert_int_equal(tacho_write_system(&system, TACHO_FORMAT_JSON, NULL, take_text, &out), TACHO_OK);
    assert_non_null(strstr(out.bytes, "\"tacho.system/1\""));
    out.length = 0;
    assert_int_equal(tacho_write_system(&system, TACHO_FORMAT_CSV, NULL, take_text, &out), TACHO_OK);
    assert_non_null(strstr(out.bytes, "total_requests,"));
    assert_int_equal(tacho_write_system(&system, TACHO_FORMAT_MSGPACK, NULL, take_text, &out), TACHO_UNSUPPORTED);
}

static void test_system__survives_a_file(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector), *loaded;
    char path[] = "/tmp/tacho-system-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(tacho_save(snapshot, path), TACHO_OK);
    assert_int_equal(tacho_load(path, &loaded), TACHO_OK);
    const tacho_system saved = system_of(snapshot), read = system_of(loaded);
    assert_memory_equal(&saved, &read, sizeof saved);
    unlink(path);
    tacho_snapshot_free(snapshot);
    tacho_snapshot_free(loaded);
    tacho_collector_close(collector);
}

static void test_system__of_nothing_is_unknown(void **state) {
    (void)state;
    tacho_snapshot *snapshot = take_snapshot(NULL);
    const tacho_system system = system_of(snapshot);
    assert_int_equal(system.total_requests, 0);
    assert_int_equal(system.processes, 0);
    assert_int_equal(system.cpu_ns, -1);
    assert_int_equal(system.uptime_ns, -1);
    assert_int_equal(system.started_at_ns, 0);
    tacho_system old = {.struct_size = 8};
    assert_int_equal(tacho_snapshot_system(snapshot, &old), TACHO_INVALID);
    tacho_snapshot_free(snapshot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests__are_calls_of_models_and_tools),
        cmocka_unit_test(test_process__is_read_at_the_snapshot),
        cmocka_unit_test(test_process__counts_once),
        cmocka_unit_test(test_processes__of_a_registry_are_those_that_live),
        cmocka_unit_test(test_sessions__are_active_for_a_quarter_of_an_hour),
        cmocka_unit_test(test_reset__drops_what_was_in_flight_before),
        cmocka_unit_test(test_system__is_written_in_every_format),
        cmocka_unit_test(test_system__survives_a_file),
        cmocka_unit_test(test_system__of_nothing_is_unknown),
    };
    return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
