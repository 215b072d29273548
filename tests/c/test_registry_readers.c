#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/attach.h"
#include "support/recorder.h"
#include "support/scratch.h"
#include "support/shared.h"

#include <tachograph/registry.h>

#define WRITERS   4
#define SNAPSHOTS 15

/* What each writer says it has done, and what it is about to do: in memory of its own. */
typedef struct account {
    _Atomic uint64_t issued, acknowledged;
    _Atomic uint32_t stop;
} account;

/*
 * Writes until it is told to stop: new series all the time (so the file grows), operations with usage, records. One
 * operation in a hundred goes to a series of its own.
 */
static void write_on(account *mine, unsigned number) {
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    tacho_series *usual, *rare = NULL;
    const tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    assert_int_equal(tacho_bind(collector, TACHO_KIND_LLM, "answer", &labels, &usual), TACHO_OK);
    for (uint64_t i = 0; !atomic_load(&mine->stop); ++i) {
        if (i % 100 == 0) {
            char name[40];
            tacho_series_release(rare);
            snprintf(name, sizeof name, "rare-%u-%u", number, (unsigned)(i / 100 % 3000));
            assert_int_equal(tacho_bind(collector, TACHO_KIND_LLM, name, &labels, &rare), TACHO_OK);
        }
        const tacho_usage usage = TACHO_USAGE(.input = 10, .output = 5);
        const tacho_finished finished = {.struct_size = sizeof finished,
                                         .duration_ns = (i % 1000 + 1) * 1000000,
                                         .usage = &usage,
                                         .cost_pusd = 1000,
                                         .error_type = "Odd"};
        atomic_store(&mine->issued, i + 1);
        (void)tacho_record(i % 100 == 99 ? rare : usual, &finished);
        atomic_store(&mine->acknowledged, i + 1);
    }
    tacho_series_release(usual);
    tacho_series_release(rare);
    tacho_collector_close(collector);
}

static uint64_t sum_issued(account *accounts) {
    uint64_t sum = 0;
    for (int i = 0; i < WRITERS; ++i) {
        sum += atomic_load(&accounts[i].issued);
    }
    return sum;
}

static uint64_t sum_acknowledged(account *accounts) {
    uint64_t sum = 0;
    for (int i = 0; i < WRITERS; ++i) {
        sum += atomic_load(&accounts[i].acknowledged);
    }
    return sum;
}

/* Records of a snapshot are whole: what was written together is read together. */
static void check_records(const tacho_snapshot *snapshot) {
    tacho_records *records;
    const tacho_query query = TACHO_QUERY_INIT;
    assert_int_equal(tacho_snapshot_records(snapshot, &query, &records), TACHO_OK);
    for (size_t i = 0; i < records->count; ++i) {
        const tacho_record_view *record = &records->records[i];
        assert_string_equal(record->kind, "llm");
        if (strcmp(record->operation, "other") != 0) { /* beyond the bound of series there are no labels */
            assert_true(strcmp(record->operation, "answer") == 0 || strncmp(record->operation, "rare-", 5) == 0);
            assert_string_equal(record->provider, "anthropic");
        }
        assert_int_equal(record->duration_ns % 1000000, 0);
        assert_int_equal(record->units[TACHO_UNIT_INPUT], 10);
        assert_int_equal(record->units[TACHO_UNIT_OUTPUT], 5);
        assert_int_equal(record->cost_pusd, 1000);
    }
    tacho_records_free(records);
}

static uint64_t distance(int64_t a, int64_t b) {
    return (uint64_t)(a < b ? b - a : a - b);
}

/*
 * Every snapshot, whatever the writers do meanwhile: all processes, nothing skipped, no number smaller than before, at
 * least what had been acknowledged before it began, at most what had been begun when it was over. Sums of one operation
 * may be apart by the few operations that were booked while their cells were copied.
 */
static void check_snapshot(account *accounts, uint64_t *before) {
    tacho_snapshot *snapshot;
    tacho_rows *rows;
    const uint64_t least = sum_acknowledged(accounts);
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    const uint64_t most = sum_issued(accounts);
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_summary(snapshot, NULL, &summary), TACHO_OK);
    assert_int_equal(summary->segments_skipped_count, 0);
    assert_int_equal(tacho_snapshot_operations(snapshot, &rows), TACHO_OK);
    const tacho_row *all = &rows->totals;
    assert_true((uint64_t)all->calls >= least && (uint64_t)all->calls <= most);
    assert_true((uint64_t)all->calls >= *before);
    *before = (uint64_t)all->calls;
    assert_int_equal(all->timed_calls, all->calls);
    assert_int_equal(all->ok, all->calls);
    assert_true(distance(all->units[TACHO_UNIT_INPUT], all->calls * 10) <= (most - least + 16) * 10);
    const int64_t cost = all->cost_pusd == TACHO_COST_UNKNOWN ? 0 : all->cost_pusd; /* before the first call */
    assert_true(distance(cost, all->calls * 1000) <= (most - least + 16) * 1000);
    tacho_rows_free(rows);
    check_records(snapshot);
    tacho_summary_free(summary);
    tacho_snapshot_free(snapshot);
}

static void test_readers__see_all_of_what_others_are_writing(void **state) {
    (void)state;
    account *accounts =
        mmap(NULL, WRITERS * sizeof *accounts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(accounts != MAP_FAILED);
    pid_t children[WRITERS];
    for (unsigned i = 0; i < WRITERS; ++i) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
            write_on(&accounts[i], i);
            _exit(0);
        }
    }
    while (access(shared_folder, F_OK) != 0 || shared_count("seg-", NULL) < WRITERS) {
        sched_yield();
    }
    uint64_t before = 0;
    for (int i = 0; i < SNAPSHOTS; ++i) {
        check_snapshot(accounts, &before);
    }
    /* Two end as they should, two are killed: nobody's numbers are lost. */
    for (unsigned i = 0; i < WRITERS; ++i) {
        if (i % 2) {
            kill(children[i], SIGKILL);
        }
        atomic_store(&accounts[i].stop, 1);
    }
    for (unsigned i = 0; i < WRITERS; ++i) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(i % 2 ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    const uint64_t calls = (uint64_t)shared_attach();
    assert_true(calls >= sum_acknowledged(accounts) && calls <= sum_issued(accounts));
    print_message("    %llu operations by %d processes, %d snapshots meanwhile\n", (unsigned long long)calls, WRITERS,
                  SNAPSHOTS);
    munmap(accounts, WRITERS * sizeof *accounts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

/* Somebody who folds whenever a reader is half way, as far as nobody keeps him from it: `base` is another file then. */
typedef struct churning {
    tacho__registry *registry;
    char *base;
    size_t length;
    unsigned rewritten, refused;
} churning;

static tacho_status churn(void *context, const tacho__view *view) {
    (void)view;
    churning *c = context;
    tacho__registry own;
    tacho__registry_beside(c->registry, &own);
    if (!tacho__registry_lease_try(&own)) {
        c->refused += 1;
        return TACHO_OK;
    }
    assert_int_equal(tacho__registry_write(c->registry, TACHO__REGISTRY_BASE, c->base, c->length), TACHO_OK);
    c->rewritten += 1;
    tacho__registry_lease_release(&own);
    return TACHO_OK;
}

static void restart(void *context) {
    (void)context;
}

static void test_reader__among_those_who_fold_all_the_time_gets_its_turn(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    shared_record(collector, "x", 3);
    tacho_collector_close(collector);
    assert_int_equal(shared_attach(), 3); /* folds */
    churning c = {0};
    c.base = scratch_read(shared_path("base"), &c.length);
    assert_int_equal(tacho__registry_open(shared_folder, 0, &c.registry), TACHO_OK);
    const tacho__visitor visitor = {&c, churn, restart};
    uint64_t skipped[TACHO__SKIP_COUNT];
    assert_int_equal(tacho__registry_read(c.registry, NULL, 0, RECORDER_WALL, &visitor, skipped), TACHO_OK);
    assert_true(c.rewritten >= 2);
    assert_int_equal(c.refused, 1);
    free(c.base);
    tacho__registry_release(c.registry);
}

/* Its numbers would be added once more by every reader that folds. */
static void test_copy__of_a_segment_under_another_name_is_left_out(void **state) {
    (void)state;
    char command[1024], other[40];
    const pid_t child = fork();
    if (child == 0) {
        shared_record(shared_open(0), "work", 10);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    snprintf(other, sizeof other, "seg-%032d", 1);
    snprintf(command, sizeof command, "cp '%s' '%s'", shared_segment(), shared_path(other));
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(shared_attach(), 10);
    }
    assert_string_equal(strrchr(shared_segment(), '/') + 1, other);
    tacho_registry_state *seen;
    assert_int_equal(tacho_registry_look(shared_folder, &seen), TACHO_OK);
    assert_int_equal(seen->skipped, 1);
    assert_int_equal(seen->dead, 0);
    tacho_registry_state_free(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_readers__see_all_of_what_others_are_writing),
        TEST(test_reader__among_those_who_fold_all_the_time_gets_its_turn),
        TEST(test_copy__of_a_segment_under_another_name_is_left_out),
    };
    return cmocka_run_group_tests_name("registry_readers", tests, NULL, NULL);
}
