/* Files of an older layout: brought up to date once, with a copy beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "history/schema.h"
#include "support/history_dump.h"
#include "support/make_record.h"
#include "support/scratch.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tachograph/history.h>
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

static const char *path(const char *name) {
    return scratch_path(&place, name);
}

/* Batch calls of two models, stored under layout 1: without the class of service. */
static void make_old_file(void) {
    tacho_history *history;
    tacho_record_view record = make_record("llm", "chat");
    record.id = record.source_id = "1";
    record.session = "one";
    record.provider = "anthropic";
    record.model = "claude-opus-4-6";
    record.service_tier = "batch";
    set_usage(&record, 1000, 0, 100);
    set_time(&record, -1, INT64_C(1767323045000000000));
    assert_int_equal(tacho_history_open(&history, path("h.db"), 0), TACHO_OK);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_OK);
    tacho_history_close(history);
    history_number(path("h.db"), "DROP VIEW calls");
    history_number(path("h.db"), "DROP VIEW records");
    history_number(path("h.db"), "ALTER TABLE record DROP COLUMN service_tier");
    history_number(path("h.db"), "ALTER TABLE record DROP COLUMN region");
    history_number(path("h.db"), "ALTER TABLE record DROP COLUMN tags");
    history_number(path("h.db"), "DROP INDEX record_key");
    history_number(path("h.db"), "CREATE UNIQUE INDEX record_key ON record(source, source_id)");
    history_number(path("h.db"), "PRAGMA user_version=1");
}

static uint64_t count_of(uint32_t flags) {
    tacho_history *history;
    uint64_t count = 0;
    assert_int_equal(tacho_history_open(&history, path("h.db"), flags), TACHO_OK);
    assert_int_equal(tacho_history_count(history, &count), TACHO_OK);
    tacho_history_close(history);
    return count;
}

static void expect_upgraded(uint32_t flags) {
    struct stat info;
    make_old_file();
    assert_int_equal(count_of(flags), 1);
    assert_int_equal(history_number(path("h.db"), "PRAGMA user_version"), TACHO__HISTORY_VERSION);
    assert_int_equal(history_number(path("h.db"), "SELECT service_tier IS NULL FROM records"), 1);
    assert_int_equal(stat(path("h.db.layout1"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(history_number(path("h.db.layout1"), "PRAGMA user_version"), 1);
    assert_int_equal(history_number(path("h.db.layout1"), "SELECT count(*) FROM record"), 1);
    assert_int_not_equal(access(path("h.db.layout1.new"), F_OK), 0);
    assert_int_equal(count_of(0), 1);
}

static void test_open__brings_an_older_layout_up_to_date(void **state) {
    (void)state;
    expect_upgraded(0);
}

static void test_open__does_so_for_readers_too(void **state) {
    (void)state;
    expect_upgraded(TACHO_HISTORY_READ_ONLY);
}

/* The copy of a migration that was killed is in nobody's way. */
static void test_open__takes_over_from_one_that_was_killed(void **state) {
    (void)state;
    scratch_write(&place, "h.db.layout1.new", "w", "half", 4);
    expect_upgraded(0);
}

static void test_open__leaves_tables_alone_that_are_not_of_the_layout(void **state) {
    (void)state;
    tacho_history *history;
    make_old_file();
    history_number(path("h.db"), "DROP INDEX record_key");
    assert_int_equal(tacho_history_open(&history, path("h.db"), 0), TACHO_DAMAGED);
    assert_int_equal(history_number(path("h.db"), "PRAGMA user_version"), 1);
    assert_int_equal(history_number(path("h.db"), "SELECT count(*) FROM record"), 1);
}

/* As somebody who may read the folder and not write to it; root may everywhere. 77: nobody else can be had here. */
static int open_where_one_may_read(void) {
    tacho_history *history;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 77;
    }
    return tacho_history_open(&history, path("h.db"), TACHO_HISTORY_READ_ONLY) != TACHO_UNSUPPORTED ||
           !strstr(tacho_history_problem(NULL), "older layout");
}

static void test_open__says_what_it_may_not_do(void **state) {
    (void)state;
    int status;
    make_old_file();
    unlink(path("h.db.lock"));
    assert_int_equal(chmod(path("h.db"), 0644), 0);
    assert_int_equal(chmod(place.folder, 0555), 0);
    const pid_t child = fork();
    if (child == 0) {
        _exit(open_where_one_may_read());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(place.folder, 0700), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: root may write everywhere, and may not become somebody else\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_open__brings_an_older_layout_up_to_date),
        TEST(test_open__does_so_for_readers_too),
        TEST(test_open__takes_over_from_one_that_was_killed),
        TEST(test_open__leaves_tables_alone_that_are_not_of_the_layout),
        TEST(test_open__says_what_it_may_not_do),
    };
    return cmocka_run_group_tests_name("history_layout", tests, NULL, NULL);
}
