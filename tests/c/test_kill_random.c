/**
 * Processes killed at random moments (P1, P4): nothing acknowledged is lost, nothing is torn, the others never notice.
 *
 * Each writer counts in a mapping of its own what it is about to do and what it has done; whoever killed it compares:
 * done <= recorded <= begun. TACHO_TEST_DEEP=1: 10,000 kills for each number of writers, else 100.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/collector.h"
#include "segment/attach.h"
#include "segment/fold.h"
#include "support/digest.h"

#define WRITERS_MOST 8u
#define INPUT        3u /* tokens of every call that reports usage */
#define OUTPUT       5u
#define BURST        1000u

static char folder[256];
static uint64_t seed, state_of_roll;

static uint64_t roll(void) {
    state_of_roll += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = state_of_roll;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* What a writer says; it survives the writer. */
typedef struct account {
    _Atomic uint64_t begun, done;
    _Atomic uint32_t chosen; /* it will be killed in a moment: full speed */
    uint8_t id[16];
} account;

static account *accounts; /* WRITERS_MOST of them, shared */

/* ---------------------------------------------------------------------------------------------------------- victims */

static void do_one(tacho_series *const series[3], uint64_t turn) {
    tacho_operation operation;
    tacho_finished finished = TACHO_FINISHED_INIT;
    const tacho_component components[] = {{"load", 1000}, {"run", 2000 + turn}};
    switch (turn % 4) {
    case 0:
        tacho_observe(series[0], 1000 + turn * 997 % 1000000);
        break;
    case 1:
        tacho_begin(series[1], NULL, &operation);
        tacho_operation_usage(&operation, &TACHO_USAGE(.input = INPUT, .output = OUTPUT));
        tacho_end(&operation, turn % 8 == 1 ? TACHO_OUTCOME_OK : TACHO_OUTCOME_TIMEOUT);
        break;
    case 2:
        finished.duration_ns = 5000 + turn;
        finished.components = components;
        finished.component_count = 2;
        finished.retries = 1;
        tacho_record(series[2], &finished);
        break;
    default:
        tacho_begin(series[0], NULL, &operation);
        tacho_end(&operation, TACHO_OUTCOME_OK);
        break;
    }
}

typedef struct victim {
    account *mine;
    tacho_collector *collector;
} victim;

static void *write_for_ever(void *argument) {
    const victim *v = argument;
    tacho_series *series[3];
    tacho_bind(v->collector, TACHO_KIND_STEP, "plan", NULL, &series[0]);
    tacho_bind(v->collector, TACHO_KIND_LLM, "answer", &TACHO_LABELS(.provider = "openai", .model = "gpt-4o"),
               &series[1]);
    tacho_bind(v->collector, TACHO_KIND_TOOL, "search", NULL, &series[2]);
    for (uint64_t turn = 0;; ++turn) {
        if (turn > BURST && !atomic_load(&v->mine->chosen)) {
            sched_yield(); /* the others are to get somewhere, too */
        }
        atomic_fetch_add(&v->mine->begun, 1);
        do_one(series, turn);
        atomic_fetch_add(&v->mine->done, 1);
    }
    return NULL;
}

static void be_killed(account *mine, unsigned threads) {
    const tacho_config config = {.struct_size = sizeof config, .dir = folder};
    victim v = {mine, NULL};
    if (tacho_collector_open(&v.collector, &config) != TACHO_OK || !tacho_collector_dir(v.collector, NULL)) {
        _exit(3);
    }
    memcpy(mine->id, tacho__segment_of(v.collector)->header->id, sizeof mine->id);
    for (unsigned i = 1; i < threads; ++i) {
        pthread_t thread;
        pthread_create(&thread, NULL, write_for_ever, &v);
    }
    write_for_ever(&v);
}

static pid_t start(account *mine, unsigned threads) {
    memset(mine, 0, sizeof *mine);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody running */
        be_killed(mine, threads);
        _exit(4);
    }
    return child;
}

/* -------------------------------------------------------------------------------------------------------- the killer
 */

typedef struct tally {
    uint64_t recorded, sets, orphans;
    unsigned kills;
} tally;

static void wait_for(account *one) {
    atomic_store(&one->chosen, 1);
    const uint64_t before = atomic_load(&one->begun);
    while (atomic_load(&one->done) == 0 || atomic_load(&one->begun) <= before + 1) { /* it runs just now */
        sched_yield();
    }
    const uint64_t until = tacho__now(&tacho__clock_system) + roll() % 400000; /* ns */
    while (tacho__now(&tacho__clock_system) < until) {
    }
}

static void check_tokens(const tacho__view *view) {
    static tacho__series_view series;
    for (uint32_t i = 0; i < tacho__view_series_count(view); ++i) {
        if (!tacho__view_series(view, i, &series)) {
            continue; /* of a custom metric, which has no usage */
        }
        assert_int_equal(series.usage.units[TACHO_UNIT_INPUT], series.usage.calls * INPUT);
        assert_int_equal(series.usage.units[TACHO_UNIT_OUTPUT], series.usage.calls * OUTPUT);
    }
}

/* What the dead writer left must be what it said. */
static void audit(tacho__registry *registry, const account *dead, tally *sum) {
    char name[TACHO__REGISTRY_NAME];
    tacho__registry_name(dead->id, name);
    tacho__registry_file file;
    tacho__view *view = NULL;
    assert_int_equal(tacho__registry_find(registry, name, &file), TACHO_OK);
    assert_false(tacho__registry_is_alive(file.file));
    assert_int_equal(tacho__view_of_file(file.file, false, 0, 0, &view), TACHO_OK);
    close(file.file);
    const char *broken = digest_check(view);
    if (broken) {
        fail_msg("seed %llu, kill %u: %s", (unsigned long long)seed, sum->kills, broken);
    }
    check_tokens(view);
    const uint64_t recorded = digest_calls(view), done = atomic_load(&dead->done), begun = atomic_load(&dead->begun);
    if (recorded < done || recorded > begun) {
        fail_msg("seed %llu, kill %u: %llu done, %llu recorded, %llu begun", (unsigned long long)seed, sum->kills,
                 (unsigned long long)done, (unsigned long long)recorded, (unsigned long long)begun);
    }
    sum->recorded += recorded;
    sum->sets += tacho__view_describe(view)->sets_applied;
    sum->orphans += tacho__view_describe(view)->orphans;
    tacho__view_free(view);
}

typedef struct reading {
    uint64_t calls;
    size_t segments;
} reading;

static tacho_status take(void *context, const tacho__view *view) {
    reading *r = context;
    assert_null(digest_check(view));
    r->calls += digest_calls(view);
    r->segments += 1;
    return TACHO_OK;
}

static void take_anew(void *context) {
    *(reading *)context = (reading){0, 0};
}

static uint64_t calls_in(const tacho__registry *registry, size_t *segments) {
    reading r = {0, 0};
    uint64_t skipped[TACHO__SKIP_COUNT];
    const tacho__visitor visitor = {&r, take, take_anew};
    assert_int_equal(tacho__registry_read(registry, NULL, 0, 0, &visitor, skipped), TACHO_OK);
    *segments = r.segments;
    return r.calls;
}

static unsigned kills_wanted(void) {
    const char *deep = getenv("TACHO_TEST_DEEP");
    return deep && *deep == '1' ? 10000 : 100;
}

/* The lease is held while somebody audits, so that nobody folds what was not looked at. */
static void kill_many(unsigned writers, unsigned threads, unsigned kills) {
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(folder, TACHO__REGISTRY_CREATE, &registry), TACHO_OK);
    assert_true(tacho__registry_lease_try(registry));
    pid_t children[WRITERS_MOST];
    for (unsigned i = 0; i < writers; ++i) {
        children[i] = start(&accounts[i], threads);
    }
    tally sum = {0};
    while (sum.kills < kills) {
        const unsigned next = (unsigned)(roll() % writers);
        wait_for(&accounts[next]);
        int status;
        assert_int_equal(kill(children[next], SIGKILL), 0);
        assert_int_equal(waitpid(children[next], &status, 0), children[next]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        sum.kills += 1;
        audit(registry, &accounts[next], &sum);
        tacho__folding done;
        if (sum.kills % 16 == 0) {
            assert_int_equal(tacho__fold(registry, 0, &done), TACHO_OK);
        }
        children[next] = start(&accounts[next], threads);
    }
    for (unsigned i = 0; i < writers; ++i) {
        wait_for(&accounts[i]);
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
        audit(registry, &accounts[i], &sum);
    }
    size_t segments;
    assert_int_equal(calls_in(registry, &segments), sum.recorded);
    tacho__folding done;
    assert_int_equal(tacho__fold(registry, 0, &done), TACHO_OK);
    assert_int_equal(calls_in(registry, &segments), sum.recorded);
    assert_int_equal(segments, 1);
    printf("    %u kills, %u writers of %u threads: %llu operations, %llu sets finished, %llu orphans\n", sum.kills,
           writers, threads, (unsigned long long)sum.recorded, (unsigned long long)sum.sets,
           (unsigned long long)sum.orphans);
    assert_true(sum.sets + sum.orphans > 0); /* some kills hit the middle of an operation */
    tacho__registry_release(registry);
}

static void test_kills__of_one_writer(void **state) {
    (void)state;
    kill_many(1, 1, kills_wanted());
}
static void test_kills__of_four_writers(void **state) {
    (void)state;
    kill_many(4, 1, kills_wanted());
}
static void test_kills__of_eight_writers(void **state) {
    (void)state;
    kill_many(8, 1, kills_wanted());
}
static void test_kills__of_a_writer_with_threads(void **state) {
    (void)state;
    kill_many(1, 4, kills_wanted() / 4);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/dev/shm/tacho-test-kill-%ld", (long)getpid());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[320];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void) {
    const char *given = getenv("TACHO_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    state_of_roll = seed;
    printf("seed %llu\n", (unsigned long long)seed);
    accounts = mmap(NULL, WRITERS_MOST * sizeof *accounts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (accounts == MAP_FAILED) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kills__of_one_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kills__of_four_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kills__of_eight_writers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kills__of_a_writer_with_threads, setup, teardown),
    };
    return cmocka_run_group_tests_name("kill_random", tests, NULL, NULL);
}
