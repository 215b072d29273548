/**
 * The record path asks for nothing: no system call, no memory, no lock. A child that may make no system call but write
 * and exit records through warm handles, in private memory and in a shared file, while the writer's locks look taken:
 * whatever waited for one, or asked the kernel for anything, would be killed. Switched off (P36), cold handles ask for
 * nothing either.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/collector.h"
#include "support/recorder.h"
#include "support/scratch.h"

#if defined(TACHO__UNDER_TSAN) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
/* All requests for memory of this program, counted. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
static uint64_t requests;

void *malloc(size_t size) {
    ++requests;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    ++requests;
    return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
    ++requests;
    return __libc_realloc(memory, size);
}
#else
static uint64_t requests;
#endif

/* Names that calls bring along: a working set, a part of which has to be cleaned before it can be kept. */
#define NAMES 64
static char names[NAMES][400];

static void make_names(void) {
    static const char *const sorts[] = {"name", "name \xff", "na\x07me", "a long name"};
    for (int i = 0; i < NAMES; ++i) {
        snprintf(names[i], sizeof names[i], "%s %d %*s", sorts[i % 4], i, i % 4 == 3 ? 300 : 0, "");
    }
}

typedef struct handles {
    tacho_collector *collector;
    tacho_series *step, *llm;
    tacho_session *session;
    tacho_metric *counter, *gauge, *histogram;
    tacho_cache *cache;
} handles;

typedef enum how { QUIET, LOUD, OFF } how; /* LOUD: something that needs the lock at the end */

static void bind_all(recorder *r, handles *h) {
    tacho_metric_spec spec = TACHO_METRIC_SPEC_INIT;
    h->collector = r->collector;
    h->step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL);
    h->llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6");
    assert_int_equal(tacho_session_open(r->collector, "task", &h->session), TACHO_OK);
    spec.name = "jobs";
    assert_int_equal(tacho_counter(r->collector, &spec, &h->counter), TACHO_OK);
    spec.name = "depth";
    assert_int_equal(tacho_gauge(r->collector, &spec, &h->gauge), TACHO_OK);
    spec.name = "wait";
    assert_int_equal(tacho_histogram(r->collector, &spec, &h->histogram), TACHO_OK);
    assert_int_equal(tacho_cache_bind(r->collector, "prompts", &h->cache), TACHO_OK);
}

static void release_all(const handles *h) {
    tacho_session_end(h->session);
    tacho_series_release(h->step);
    tacho_series_release(h->llm);
    tacho_metric_release(h->counter);
    tacho_metric_release(h->gauge);
    tacho_metric_release(h->histogram);
    tacho_cache_release(h->cache);
}

/* Whatever takes a name: the answering model, errors, tools, components, caches. */
static void record_named(const handles *h, const char *name) {
    tacho_operation op, call;
    tacho_begin(h->step, NULL, &op);
    tacho_begin(h->llm, &op, &call);
    tacho_operation_usage(&call, &TACHO_USAGE(.input = 1200, .output = 300, .provider = "openai", .model = name));
    tacho_operation_fail(&call, TACHO_CATEGORY_PROVIDER, name);
    tacho_end(&call, TACHO_OUTCOME_ERROR);
    tacho_operation_component(&op, name, MS);
    tacho_operation_tool_call(&op, name, MS, TACHO_OUTCOME_ERROR, TACHO_CATEGORY_TOOL, name);
    tacho_operation_tool(&op, name);
    tacho_operation_cache(&op, name, TACHO_CACHE_MISS);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_record_cache(h->collector, name, TACHO_CACHE_HIT, 2);
}

static void record_everything(const handles *h, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        const uint64_t ns = (uint64_t)(i % 50 + 1) * MS;
        tacho_observe(h->step, ns);
        tacho_operation outer, inner;
        const tacho_begin_options options = {.struct_size = sizeof options, .session = h->session};
        tacho_begin_with(h->step, &options, &outer);
        tacho_begin(h->llm, &outer, &inner);
        tacho_operation_first_token(&inner);
        tacho_operation_usage(&inner, &TACHO_USAGE(.input = 1200, .cache_read = 10000, .output = 300 + i % 50,
                                                   .model = "claude-opus-4-6"));
        tacho_operation_retry(&inner, "busy");
        if (i % 7 == 0) {
            tacho_operation_fail(&inner, TACHO_CATEGORY_RATE_LIMIT, "RateLimitError");
        }
        tacho_end(&inner, TACHO_OUTCOME_OK);
        tacho_operation_component(&outer, "vector_search", ns / 2);
        tacho_operation_tool_call(&outer, "grep", ns / 4, TACHO_OUTCOME_OK, TACHO_CATEGORY_NONE, NULL);
        tacho_operation_context(&outer, 10000, 200000, 0);
        tacho_end(&outer, TACHO_OUTCOME_OK);
        const tacho_finished finished = {
            .struct_size = sizeof finished, .duration_ns = ns, .cost_pusd = TACHO_COST_UNKNOWN, .session = h->session};
        tacho_record(h->step, &finished);
        tacho_counter_count(h->counter, 1);
        tacho_gauge_set(h->gauge, i);
        tacho_histogram_observe(h->histogram, i % 50 + 1);
        tacho_cache_count(h->cache, i % 2 ? TACHO_CACHE_HIT : TACHO_CACHE_MISS, 1);
        record_named(h, names[i % NAMES]);
    }
}

static void be_quiet(recorder *r, const handles *h, int out, how what) {
    if (what == OFF) {
        tacho_collector_set_enabled(r->collector, 0);
    } else { /* first uses: this process, this thread, each series and session, every octave that is reached */
        record_everything(h, 3000);
        for (int i = 0; i < NAMES * 1024; ++i) { /* and every page of the windows of what the names made */
            record_named(h, names[i % NAMES]);
        }
    }
    tacho__writer *writer = &r->collector->writer;
    const uint32_t somebody = UINT32_MAX >> 1;
    atomic_store(&writer->lock.holder, somebody);
    atomic_store(&writer->sharing.holder, somebody);
    const uint64_t before = requests;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        _exit(77);
    }
    record_everything(h, 3000);
    if (what == LOUD) {
        recorder_bind(r, TACHO_KIND_STEP, "never seen before", NULL, NULL);
    }
    const uint64_t asked = requests - before;
    (void)!write(out, &asked, sizeof asked);
    syscall(SYS_exit, 0); /* exit_group is refused, too */
}

/* The child's status; 77 = not to be had here. `asked`: requests for memory, UINT64_MAX if it did not live to tell. */
static int run_child(recorder *r, how what, uint64_t *asked) {
    handles h;
    make_names();
    bind_all(r, &h);
    int pipes[2], status;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        be_quiet(r, &h, pipes[1], what);
    }
    close(pipes[1]);
    if (read(pipes[0], asked, sizeof *asked) != sizeof *asked) {
        *asked = UINT64_MAX;
    }
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    release_all(&h);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("SKIP: seccomp is not to be had here\n");
        skip();
    }
    return status;
}

static void expect_quiet(recorder *r, how what) {
#ifdef SANITIZED
    print_message("SKIP: sanitizers make calls of their own\n");
    skip();
#endif
    uint64_t asked;
    assert_int_equal(run_child(r, what, &asked), 0); /* else it made a system call, or waited for a lock */
    assert_int_equal(asked, 0);
}

static void test_record_path__makes_no_system_call_and_asks_for_no_memory_or_lock(void **state) {
    expect_quiet(*state, QUIET);
}

static void test_record_path__of_a_shared_file_does_not_either(void **state) {
    (void)state;
#ifdef TACHO_PORTABLE
    print_message("SKIP: a portable build shares no file\n");
    skip();
#endif
    scratch place;
    recorder r;
    scratch_make(&place);
    tacho_config config = TACHO_CONFIG_INIT;
    config.dir = scratch_path(&place, "shared");
    config.flags = TACHO_CONFIG_STRICT;
    recorder_open(&r, &config);
    expect_quiet(&r, QUIET);
    recorder_close(&r);
    scratch_remove(&place);
}

static void test_recording__switched_off_asks_for_nothing_from_the_first_call_on(void **state) {
    expect_quiet(*state, OFF);
}

static void test_call__that_does_is_noticed(void **state) {
#ifdef SANITIZED
    print_message("SKIP: sanitizers make calls of their own\n");
    skip();
#endif
    uint64_t asked;
    const int status = run_child(*state, LOUD, &asked);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record_path__makes_no_system_call_and_asks_for_no_memory_or_lock,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test(test_record_path__of_a_shared_file_does_not_either),
        cmocka_unit_test_setup_teardown(test_recording__switched_off_asks_for_nothing_from_the_first_call_on,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_call__that_does_is_noticed, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests_name("quiet_path", tests, NULL, NULL);
}
