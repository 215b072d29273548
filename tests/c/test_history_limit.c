/* A history under RLIMIT_FSIZE: SQLite's writes fail, and nobody is killed by SIGXFSZ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tachograph/history.h>
#include <unistd.h>

#include "support/history_dump.h"
#include "support/make_record.h"
#include "support/scratch.h"

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

static const char *path(void) {
    return scratch_path(&place, "h.db");
}

static tacho_status add_calls(tacho_history *history, int from, int count) {
    tacho_status status = TACHO_OK;
    for (int i = from; i < from + count && status == TACHO_OK; ++i) {
        char id[16];
        tacho_record_view record = make_record("llm", "chat");
        snprintf(id, sizeof id, "%d", i);
        record.id = record.source_id = id;
        status = tacho_history_add(history, &record, 1);
    }
    return status;
}

static void limit_files(rlim_t bytes) {
    const struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        _exit(9);
    }
}

static bool signal_is(int (*look)(sigset_t *)) {
    sigset_t set;
    return look(&set) == 0 && sigismember(&set, SIGXFSZ) == 1;
}

static int blocked(sigset_t *set) {
    return sigprocmask(SIG_SETMASK, NULL, set);
}

/* In a child, which is not killed; its result. */
static int result_of(int (*live)(void)) {
    int status;
    const pid_t child = fork();
    if (child == 0) {
        _exit(live());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFSIGNALED(status));
    return WEXITSTATUS(status);
}

static int add_beyond_the_limit(void) {
    tacho_history *history;
    if (tacho_history_open(&history, path(), 0) != TACHO_OK || add_calls(history, 0, 1) != TACHO_OK) {
        return 1;
    }
    limit_files(4096);
    if (add_calls(history, 1, 50) == TACHO_OK || !*tacho_history_problem(history)) {
        return 2;
    }
    if (signal_is(sigpending) || signal_is(blocked)) {
        return 3;
    }
    tacho_history_close(history);
    return 0;
}

static void test_add__beyond_the_limit_fails_and_kills_nobody(void **state) {
    (void)state;
    assert_int_equal(result_of(add_beyond_the_limit), 0);
    assert_int_equal(history_number(path(), "SELECT count(*) FROM record"), 1);
}

static int bring_up_to_date_beyond_the_limit(void) {
    tacho_history *history;
    limit_files(4096);
    const tacho_status status = tacho_history_open(&history, path(), 0);
    tacho_history_close(history);
    return status == TACHO_OK ? 1 : signal_is(sigpending) || signal_is(blocked) ? 2 : 0;
}

static void test_open__of_an_older_file_beyond_the_limit_kills_nobody(void **state) {
    (void)state;
    tacho_history *history;
    assert_int_equal(tacho_history_open(&history, path(), 0), TACHO_OK);
    assert_int_equal(add_calls(history, 0, 1), TACHO_OK);
    tacho_history_close(history);
    history_number(path(), "DROP VIEW calls");
    history_number(path(), "DROP VIEW records");
    history_number(path(), "ALTER TABLE record DROP COLUMN service_tier");
    history_number(path(), "ALTER TABLE record DROP COLUMN region");
    history_number(path(), "PRAGMA user_version=1");
    assert_int_equal(result_of(bring_up_to_date_beyond_the_limit), 0);
}

/* One that the program has pending, blocked by itself, stays its own. */
static int keep_what_was_pending(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGXFSZ);
    if (add_beyond_the_limit() != 3) { /* pending and blocked, both */
        return 1;
    }
    return signal_is(sigpending) && signal_is(blocked) ? 0 : 2;
}

static void test_signal__of_the_program_is_left_to_it(void **state) {
    (void)state;
    assert_int_equal(result_of(keep_what_was_pending), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_add__beyond_the_limit_fails_and_kills_nobody),
        TEST(test_open__of_an_older_file_beyond_the_limit_kills_nobody),
        TEST(test_signal__of_the_program_is_left_to_it),
    };
    return cmocka_run_group_tests_name("history_limit", tests, NULL, NULL);
}
