/**
 * The record path asks for nothing (P36, issue "promise"): no system call, no memory, no lock. A child that may make no
 * system call but write and exit records through warm handles, while the writer's locks look taken: whatever waited for
 * one, or asked the kernel for anything, would be killed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/collector.h"
#include "support/recorder.h"

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

typedef struct handles {
    tacho_series *step, *llm;
    tacho_session *session;
} handles;

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
    }
}

/* `loud`: something that needs the lock at the end, to see that this would be noticed. */
static void be_quiet(recorder *r, const handles *h, int out, bool loud) {
    /* First uses: this process, this thread, each series, each session, every octave that the durations reach. */
    record_everything(h, 3000);
    tacho__writer *writer = &r->collector->writer;
    const uint32_t somebody = UINT32_MAX >> 1;
    atomic_store(&writer->lock.holder, somebody);
    atomic_store(&writer->sharing.holder, somebody);
    const uint64_t before = requests;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        _exit(77);
    }
    record_everything(h, 3000);
    if (loud) {
        recorder_bind(r, TACHO_KIND_STEP, "never seen before", NULL, NULL);
    }
    const uint64_t asked = requests - before;
    (void)!write(out, &asked, sizeof asked);
    syscall(SYS_exit, 0); /* exit_group is refused, too */
}

/* The child's status; 77 = not to be had here. `asked`: requests for memory, UINT64_MAX if it did not live to tell. */
static int run_child(recorder *r, bool loud, uint64_t *asked) {
    handles h = {.step = recorder_bind(r, TACHO_KIND_STEP, "plan", NULL, NULL),
                 .llm = recorder_bind(r, TACHO_KIND_LLM, "answer", "anthropic", "claude-opus-4-6")};
    assert_int_equal(tacho_session_open(r->collector, "task", &h.session), TACHO_OK);
    int pipes[2], status;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    if (child == 0) {
        be_quiet(r, &h, pipes[1], loud);
    }
    close(pipes[1]);
    if (read(pipes[0], asked, sizeof *asked) != sizeof *asked) {
        *asked = UINT64_MAX;
    }
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    tacho_session_end(h.session);
    tacho_series_release(h.step);
    tacho_series_release(h.llm);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("SKIP: seccomp is not to be had here\n");
        skip();
    }
    return status;
}

static void test_record_path__makes_no_system_call_and_asks_for_no_memory_or_lock(void **state) {
#ifdef SANITIZED
    print_message("SKIP: sanitizers make calls of their own\n");
    skip();
#endif
    uint64_t asked;
    assert_int_equal(run_child(*state, false, &asked), 0); /* else it made a system call, or waited for a lock */
    assert_int_equal(asked, 0);
}

static void test_call__that_does_is_noticed(void **state) {
#ifdef SANITIZED
    print_message("SKIP: sanitizers make calls of their own\n");
    skip();
#endif
    uint64_t asked;
    const int status = run_child(*state, true, &asked);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record_path__makes_no_system_call_and_asks_for_no_memory_or_lock,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_call__that_does_is_noticed, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests_name("quiet_path", tests, NULL, NULL);
}
