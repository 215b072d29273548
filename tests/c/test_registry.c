#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segment/crc32c.h"
#include "segment/registry.h"
#include "snapshot/snapshot.h"
#include "support/shared.h"

/* ---- reading as one */

static void test_registry__collectors_are_read_as_one(void **state) {
    (void)state;
    tacho_collector *a = shared_open(0), *b = shared_open(0);
    shared_record(a, "x", 3);
    shared_record(b, "x", 4);
    assert_string_equal(tacho_collector_dir(a, NULL), shared_folder);
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(a, &snapshot), TACHO_OK);
    assert_int_equal(shared_calls(snapshot), 7);
    assert_int_equal(tacho_snapshot_take_process(a, &snapshot), TACHO_OK);
    assert_int_equal(shared_calls(snapshot), 3);
    assert_int_equal(shared_attach(), 7);
    tacho_collector_close(a);
    assert_int_equal(shared_attach(), 7);
    shared_record(b, "x", 1);
    assert_int_equal(shared_attach(), 8);
    tacho_collector_close(b);
    assert_int_equal(shared_attach(), 8);
}

static void test_reset__takes_the_old_numbers_of_this_process_from_everybody(void **state) {
    (void)state;
    tacho_collector *a = shared_open(0), *b = shared_open(0);
    shared_record(a, "x", 3);
    shared_record(b, "x", 4);
    assert_int_equal(tacho_collector_reset(b), TACHO_OK);
    assert_int_equal(shared_attach(), 3);
    assert_int_equal(shared_count("seg-", NULL), 2);
    shared_record(b, "y", 2);
    assert_int_equal(shared_attach(), 5);
    tacho_collector_close(a);
    tacho_collector_close(b);
}

static void test_snapshot__of_two_parts_is_saved_and_loaded(void **state) {
    (void)state;
    tacho_collector *a = shared_open(0), *b = shared_open(0);
    shared_record(a, "x", 3);
    shared_record(b, "x", 4);
    tacho_snapshot *taken, *loaded, *merged;
    assert_int_equal(tacho_snapshot_take(a, &taken), TACHO_OK);
    assert_int_equal(taken->count, 2);
    assert_int_equal(tacho_save(taken, shared_path("all.msgpack")), TACHO_OK);
    assert_int_equal(tacho_load(shared_path("all.msgpack"), &loaded), TACHO_OK);
    assert_int_equal(tacho_snapshot_merge(taken, loaded, &merged), TACHO_OK);
    assert_int_equal(shared_calls(loaded), 7);
    assert_int_equal(shared_calls(merged), 7);
    tacho_snapshot_free(taken);
    assert_int_equal(tacho_load(shared_folder, &loaded), TACHO_OK);
    assert_int_equal(shared_calls(loaded), 7);
    tacho_collector_close(a);
    tacho_collector_close(b);
}

/* ---- liveness, lease, leftovers */

static void die_recording(unsigned n);

/* A process that was alive in one file and is in the sum of dead ones in the next counts once. */
static void test_merge__counts_a_process_once_that_died_between(void **state) {
    (void)state;
    tacho_collector *dying = shared_open(0);
    shared_record(dying, "x", 5);
    die_recording(6);
    tacho_snapshot *alive, *dead, *merged;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &alive), TACHO_OK);
    assert_int_equal(tacho_save(alive, shared_path("alive")), TACHO_OK);
    tacho_snapshot_free(alive);
    shared_record(dying, "x", 1);
    tacho_collector_close(dying);
    assert_int_equal(tacho_snapshot_attach(shared_folder, &dead), TACHO_OK);
    assert_int_equal(shared_count("seg-", NULL), 0);
    assert_int_equal(tacho_save(dead, shared_path("dead")), TACHO_OK);
    tacho_snapshot_free(dead);
    assert_int_equal(tacho_load(shared_path("alive"), &alive), TACHO_OK);
    assert_int_equal(tacho_load(shared_path("dead"), &dead), TACHO_OK);
    assert_int_equal(tacho_snapshot_merge(alive, dead, &merged), TACHO_OK);
    assert_int_equal(shared_calls(merged), 12);
    assert_int_equal(tacho_snapshot_merge(dead, alive, &merged), TACHO_OK);
    assert_int_equal(shared_calls(merged), 12);
    tacho_snapshot_free(alive);
    tacho_snapshot_free(dead);
}

/* A child that records and then dies without a word. */
static void die_recording(unsigned n) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tacho_collector *collector = shared_open(0);
        shared_record(collector, "x", n);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_liveness__ends_with_the_process(void **state) {
    (void)state;
    die_recording(5);
    tacho__registry *registry;
    tacho__registry_file file;
    assert_int_equal(tacho__registry_open(shared_folder, 0, &registry), TACHO_OK);
    const char *name = strrchr(shared_segment(), '/') + 1;
    assert_int_equal(tacho__registry_find(registry, name, &file), TACHO_OK);
    assert_false(tacho__registry_is_alive(file.file));
    close(file.file);
    remove(shared_path(name));
    tacho_collector *collector = shared_open(0);
    name = strrchr(shared_segment(), '/') + 1;
    assert_int_equal(tacho__registry_find(registry, name, &file), TACHO_OK);
    assert_true(tacho__registry_is_alive(file.file));
    tacho_collector_close(collector);
    assert_false(tacho__registry_is_alive(file.file));
    close(file.file);
    tacho__registry_release(registry);
}

static void test_death__loses_nothing(void **state) {
    (void)state;
    die_recording(5);
    die_recording(6);
    assert_int_equal(shared_attach(), 11);
}

static void test_lease__is_held_once(void **state) {
    (void)state;
    tacho__registry *a, *b;
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &a), TACHO_OK);
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &b), TACHO_OK);
    assert_memory_equal(a->id, b->id, sizeof a->id);
    assert_true(tacho__registry_lease_try(a));
    assert_true(tacho__registry_lease_try(a));
    assert_false(tacho__registry_lease_try(b));
    tacho__registry_lease_release(a);
    assert_true(tacho__registry_lease_try(b));
    tacho__registry_release(b);
    assert_true(tacho__registry_lease_try(a));
    tacho__registry_release(a);
}

/* As daemons do: everything is closed, and the numbers are given to other files. */
static int replace_file(int file) {
    const int own = open("/dev/null", O_RDWR);
    assert_int_equal(dup2(own, file), file);
    return close(own);
}

static void test_lease__that_the_host_closed_is_lost_and_its_number_is_left_alone(void **state) {
    (void)state;
    tacho__registry *a, *b;
    int lock;
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &a), TACHO_OK);
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &b), TACHO_OK);
    assert_true(tacho__registry_lease_try(a));
    assert_true(tacho__registry_lock(a, TACHO__REGISTRY_LEASE_HISTORY, &lock));
    const int lease = a->lease, number = lock;
    replace_file(lease);
    replace_file(lock);
    assert_false(tacho__registry_holds(&lock));
    assert_true(tacho__registry_lease_try(b));
    assert_false(tacho__registry_lease_try(a));
    tacho__registry_unlock(&lock);
    assert_int_equal(lock, -1);
    tacho__registry_release(a);
    assert_true(fcntl(lease, F_GETFD) != -1);
    assert_true(fcntl(number, F_GETFD) != -1);
    close(lease);
    close(number);
    tacho__registry_release(b);
}

static void test_lease__is_not_made_in_another_folder(void **state) {
    (void)state;
    tacho__registry *registry;
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &registry), TACHO_OK);
    const int other = open(shared_path(".."), O_RDONLY | O_DIRECTORY);
    assert_true(other >= 0 && dup2(other, registry->folder) == registry->folder);
    assert_false(tacho__registry_lease_try(registry));
    assert_int_equal(faccessat(other, TACHO__REGISTRY_LEASE, F_OK, 0), -1);
    close(other);
    close(registry->folder);
    tacho__registry_release(registry);
}

static void test_sweep__removes_what_nobody_holds(void **state) {
    (void)state;
    tacho__registry *registry;
    char left[TACHO__REGISTRY_NAME], held[TACHO__REGISTRY_NAME];
    int files[2];
    assert_int_equal(tacho__registry_open(shared_folder, TACHO__REGISTRY_CREATE, &registry), TACHO_OK);
    assert_int_equal(tacho__registry_create(registry, left, &files[0]), TACHO_OK);
    assert_int_equal(tacho__registry_create(registry, held, &files[1]), TACHO_OK);
    close(files[0]);
    tacho__registry_sweep(registry);
    assert_int_equal(access(shared_path(left), F_OK), -1);
    assert_int_equal(access(shared_path(held), F_OK), 0);
    close(files[1]);
    tacho__registry_release(registry);
}

static void test_names__round_trip(void **state) {
    (void)state;
    const uint8_t id[16] = {0xAB, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xFF};
    uint8_t back[16];
    char name[TACHO__REGISTRY_NAME];
    tacho__registry_name(id, name);
    assert_string_equal(name, "seg-ab0102030405060708090a0b0c0d0eff");
    assert_true(tacho__registry_id(name, back));
    assert_memory_equal(id, back, sizeof id);
    assert_false(tacho__registry_id("seg-AB0102030405060708090a0b0c0d0eff", back));
    assert_false(tacho__registry_id("seg-", back));
    assert_false(tacho__registry_id("base", back));
}

/* ---- segments that cannot be read */

/* Counts of one reading, which must see `calls` in the segments that are well. */
static void check_skipped(tacho__skip reason, uint64_t count, int64_t calls) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    for (unsigned i = 0; i < TACHO__SKIP_COUNT; ++i) {
        assert_int_equal(snapshot->skipped[i], i == reason ? count : 0);
    }
    assert_int_equal(tacho__snapshot_skipped(snapshot), count);
    tacho_snapshot *loaded;
    assert_int_equal(tacho_save(snapshot, shared_path("saved")), TACHO_OK);
    assert_int_equal(tacho_load(shared_path("saved"), &loaded), TACHO_OK);
    tacho_summary *summary;
    assert_int_equal(tacho_snapshot_summary(loaded, NULL, &summary), TACHO_OK);
    assert_int_equal(summary->segments_skipped_count, 1);
    assert_string_equal(summary->segments_skipped[0].name, tacho__skip_name(reason));
    assert_int_equal(summary->segments_skipped[0].value, count);
    tacho_summary_free(summary);
    tacho_snapshot_free(loaded);
    assert_int_equal(shared_calls(snapshot), calls);
}

/* Changes bytes of a segment file and, if `seal`, gives its header the checksum that belongs to it. */
static void spoil(const char *path, size_t at, uint8_t byte, bool seal) {
    static tacho__header header;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    ((uint8_t *)&header)[at] = byte;
    if (seal) {
        header.crc32c = tacho__crc32c(&header, offsetof(tacho__header, crc32c));
    }
    rewind(file);
    assert_int_equal(fwrite(&header, sizeof header, 1, file), 1);
    fclose(file);
}

static void test_skip__counts_by_reason_and_reads_the_others(void **state) {
    (void)state;
    const struct {
        tacho__skip reason;
        size_t at;
        uint8_t byte;
        bool seal;
    } cases[] = {
        {TACHO__SKIP_FOREIGN, offsetof(tacho__header, magic), 'X', true},
        {TACHO__SKIP_OLDER, offsetof(tacho__header, major), 0, true},
        {TACHO__SKIP_NEWER, offsetof(tacho__header, major), 2, true},
        {TACHO__SKIP_NEWER, offsetof(tacho__header, incompat), 1, true},
        {TACHO__SKIP_DAMAGED, offsetof(tacho__header, max_bytes), 7, false},
        {TACHO__SKIP_DAMAGED, offsetof(tacho__header, lines_used) + 3, 1, true},
        {TACHO__SKIP_DAMAGED, offsetof(tacho__header, regions) + 1, 255, true},
        {TACHO__SKIP_UNFINISHED, offsetof(tacho__header, ready), 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        die_recording(3);
        spoil(shared_writable_segment(), cases[i].at, cases[i].byte, cases[i].seal);
        const char *bad = shared_segment();
        tacho_collector *healthy = shared_open(0);
        shared_record(healthy, "x", 2);
        check_skipped(cases[i].reason, 1, 2);
        tacho_collector_close(healthy);
        remove(bad);
        remove(shared_segment());
    }
}

static void test_skip__of_every_length_of_a_file(void **state) {
    (void)state;
    die_recording(3);
    tacho__registry *registry; /* holds the lease, so that nobody folds */
    assert_int_equal(tacho__registry_open(shared_folder, 0, &registry), TACHO_OK);
    assert_true(tacho__registry_lease_try(registry));
    const char *path = shared_writable_segment();
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    for (off_t length = about.st_size; length >= 0; length -= length > 8192 ? 4096 : length > 4096 ? 64 : 512) {
        tacho_snapshot *snapshot;
        assert_int_equal(truncate(path, length), 0);
        assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
        const uint64_t skipped = tacho__snapshot_skipped(snapshot);
        assert_int_equal(shared_calls(snapshot), skipped ? 0 : 3);
        assert_true(skipped == 1 || length > 100000);
    }
    tacho__registry_release(registry);
}

/* Cut short, it would kill the process that has it mapped. */
static int cut_own_segment(void) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) { /* root may write to any file */
        return 77;
    }
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    shared_record(collector, "x", 1);
    const char *path = shared_segment();
    const bool cut = truncate(path, 0) == 0 || open(path, O_WRONLY | O_TRUNC) >= 0 || errno != EACCES;
    shared_record(collector, "x", 100000);
    return cut;
}

static void test_segment__cannot_be_cut_short_by_its_own_user(void **state) {
    (void)state;
    int status;
    const pid_t child = fork();
    if (child == 0) {
        _exit(cut_own_segment());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: root may not become somebody else here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A process that lives, and does nothing more. */
static pid_t live_in_peace(void) {
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
        shared_record(shared_open(0), "x", 3);
        (void)!write(told[1], "x", 1);
        for (;;) {
            pause();
        }
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    close(told[1]);
    return child;
}

static void check_one_left_out(int64_t calls) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_OK);
    assert_int_equal(tacho__snapshot_skipped(snapshot), 1);
    assert_int_equal(shared_calls(snapshot), calls);
}

static void test_reader__of_a_living_segment_that_is_cut_short_lives_on(void **state) {
    (void)state;
    const pid_t child = live_in_peace();
    const char *path = shared_writable_segment();
    tacho_collector *healthy = shared_open(0);
    shared_record(healthy, "x", 2);
    for (int length = 200000; length > 0; length = length > 64 ? length / 3 : length - 1) {
        assert_int_equal(truncate(path, length), 0);
        check_one_left_out(2);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    check_one_left_out(2); /* and nobody folds it */
    assert_int_equal(access(path, F_OK), 0);
    tacho_collector_close(healthy);
}

static void test_skip__of_what_is_no_file(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    shared_record(collector, "x", 2);
    const char *pipe = shared_path("seg-00000000000000000000000000000001");
    const char *folder = shared_path("seg-00000000000000000000000000000002");
    const char *link = shared_path("seg-00000000000000000000000000000003");
    const char *empty = shared_path("seg-00000000000000000000000000000004");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    close(open(empty, O_CREAT | O_WRONLY, 0600));
    check_skipped(TACHO__SKIP_FOREIGN, 4, 2);
    tacho_collector_close(collector);
}

static void test_attach__of_no_registry(void **state) {
    (void)state;
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_NOT_FOUND);
    assert_int_equal(mkdir(shared_folder, 0700), 0);
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_NOT_FOUND);
    assert_int_equal(shared_count("meta", NULL), 0);
    assert_null(snapshot);
    assert_int_equal(tacho_snapshot_attach(NULL, &snapshot), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_attach("", &snapshot), TACHO_INVALID);
    assert_int_equal(tacho_snapshot_attach(shared_folder, NULL), TACHO_INVALID);
    tacho_collector *collector = shared_open(0);
    tacho_collector_close(collector);
    assert_int_equal(shared_attach(), 0);
}

/* ---- meta */

static void test_meta__is_checked(void **state) {
    (void)state;
    const struct {
        size_t at;
        uint8_t byte;
        bool seal;
        tacho_status expected;
    } cases[] = {
        {offsetof(tacho__registry_meta, magic), 'X', true, TACHO_FOREIGN},
        {offsetof(tacho__registry_meta, major), 2, true, TACHO_NEWER},
        {offsetof(tacho__registry_meta, major), 1, true, TACHO_FOREIGN},
        {offsetof(tacho__registry_meta, id), 1, false, TACHO_DAMAGED},
    };
    tacho_collector_close(shared_open(0));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        tacho__registry_meta meta, changed;
        FILE *file = fopen(shared_path("meta"), "r+b");
        assert_non_null(file);
        assert_int_equal(fread(&meta, sizeof meta, 1, file), 1);
        changed = meta;
        ((uint8_t *)&changed)[cases[i].at] ^= cases[i].byte;
        changed.crc32c = cases[i].seal ? tacho__crc32c(&changed, offsetof(tacho__registry_meta, crc32c)) : meta.crc32c;
        rewind(file);
        assert_int_equal(fwrite(&changed, sizeof changed, 1, file), 1);
        fflush(file);
        tacho_snapshot *snapshot;
        const tacho_status status = tacho_snapshot_attach(shared_folder, &snapshot);
        rewind(file);
        assert_int_equal(fwrite(&meta, sizeof meta, 1, file), 1);
        fclose(file);
        assert_int_equal(status, cases[i].expected);
    }
    assert_int_equal(shared_attach(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_registry__collectors_are_read_as_one),
        TEST(test_reset__takes_the_old_numbers_of_this_process_from_everybody),
        TEST(test_snapshot__of_two_parts_is_saved_and_loaded),
        TEST(test_merge__counts_a_process_once_that_died_between),
        TEST(test_liveness__ends_with_the_process),
        TEST(test_death__loses_nothing),
        TEST(test_lease__is_held_once),
        TEST(test_lease__that_the_host_closed_is_lost_and_its_number_is_left_alone),
        TEST(test_lease__is_not_made_in_another_folder),
        TEST(test_sweep__removes_what_nobody_holds),
        TEST(test_names__round_trip),
        TEST(test_skip__counts_by_reason_and_reads_the_others),
        TEST(test_skip__of_every_length_of_a_file),
        TEST(test_segment__cannot_be_cut_short_by_its_own_user),
        TEST(test_reader__of_a_living_segment_that_is_cut_short_lives_on),
        TEST(test_skip__of_what_is_no_file),
        TEST(test_attach__of_no_registry),
        TEST(test_meta__is_checked),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
