#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "segment/system.h"
#include "support/recorder.h"
#include "support/shared.h"

/* ---- what a refusal looks like from outside */

static unsigned messages;

static void hear(void *context, const tacho__log_class *class, const char *text) {
    (void)context;
    messages += strcmp(class->name, "registry_refused") == 0 && strstr(text, "recording in private memory");
}

static uint64_t drops_of(tacho_collector *collector, tacho__drop cause) {
    tacho__view *view;
    assert_int_equal(tacho__collector_view(collector, &view), TACHO_OK);
    const uint64_t count = tacho__view_drops(view, cause);
    tacho__view_free(view);
    return count;
}

static int64_t calls_of(tacho_collector *collector) {
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_take(collector, &snapshot), TACHO_OK);
    return shared_calls(snapshot);
}

/* The folder cannot be used, for this reason: everything works in private memory, and it is told. */
static void check_refused(tacho_status reason) {
    tacho_collector *collector;
    tacho_status refusal;
    const tacho_config strict = {.struct_size = sizeof strict, .flags = TACHO_CONFIG_STRICT, .dir = shared_folder};
    assert_int_equal(tacho_collector_open(&collector, &strict), reason);
    assert_null(collector);
    collector = shared_open(0);
    assert_null(tacho_collector_dir(collector, &refusal));
    assert_int_equal(refusal, reason);
    shared_record(collector, "x", 3);
    assert_int_equal(calls_of(collector), 3);
    assert_int_equal(drops_of(collector, TACHO__DROP_REGISTRY_REFUSED), 1);
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    assert_int_equal(drops_of(collector, TACHO__DROP_REGISTRY_REFUSED), 1);
    shared_record(collector, "x", 1);
    assert_int_equal(calls_of(collector), 1);
    tacho_collector_close(collector);
}

static void test_refusal__is_said_once_an_hour(void **state) {
    (void)state;
    static const tacho__log_sink sink = {hear, NULL};
    tacho__log_install(&sink);
    strcpy(shared_folder, "/nowhere/at/all");
    for (int i = 0; i < 3; ++i) {
        tacho_collector_close(shared_open(0));
    }
    tacho__log_install(NULL);
    assert_int_equal(messages, 1);
}

/* ---- folders that are not ours to use */

static void test_folder__is_made_for_its_user_only(void **state) {
    (void)state;
    struct stat about;
    tacho_collector *collector = shared_open(0);
    assert_int_equal(stat(shared_folder, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_int_equal(stat(shared_path("meta"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(stat(shared_path("limits"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_size, 4096);
    assert_int_equal(stat(shared_segment(), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0400);
    tacho_collector_close(collector);
    assert_int_equal(shared_count(".new", NULL), 0);
}

static void test_folder__that_others_can_write_to_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkdir(shared_folder, 0700), 0);
    const mode_t modes[] = {0770, 0702, 01777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i) {
        assert_int_equal(chmod(shared_folder, modes[i]), 0);
        check_refused(TACHO_DENIED);
        assert_int_equal(shared_count("meta", NULL), 0);
    }
    assert_int_equal(chmod(shared_folder, 0755), 0);
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    tacho_collector_close(collector);
    assert_int_equal(chmod(shared_folder, 0775), 0);
    tacho_snapshot *snapshot;
    assert_int_equal(tacho_snapshot_attach(shared_folder, &snapshot), TACHO_DENIED);
}

static void test_folder__of_another_user_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkdir(shared_folder, 0700), 0);
    if (chown(shared_folder, 65534, 65534) != 0) {
        print_message("skipped test_folder__of_another_user_is_refused: only root can give a folder away\n");
        skip();
    }
    check_refused(TACHO_DENIED);
}

static void test_folder__behind_a_link_is_refused(void **state) {
    (void)state;
    char real[300];
    snprintf(real, sizeof real, "%s-real", shared_folder);
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, shared_folder), 0);
    check_refused(TACHO_DENIED);
    strcat(shared_folder, "///");
    check_refused(TACHO_DENIED);
    shared_folder[strlen(shared_folder) - 3] = 0;
    rmdir(real);
}

static void test_folder__that_is_a_file_is_refused(void **state) {
    (void)state;
    close(open(shared_folder, O_CREAT | O_WRONLY, 0600));
    check_refused(TACHO_DENIED);
}

static void test_folder__without_a_folder_above_it_is_refused(void **state) {
    (void)state;
    strcat(shared_folder, "/b/c");
    check_refused(TACHO_NOT_FOUND);
    tacho_collector *collector;
    char long_path[5000];
    memset(long_path, '/', sizeof long_path);
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    const tacho_config config = {.struct_size = sizeof config, .flags = TACHO_CONFIG_STRICT, .dir = long_path};
    assert_int_equal(tacho_collector_open(&collector, &config), TACHO_INVALID);
}

static uint64_t filesystem_type;

static int fake_filesystem(int file, uint64_t *type) {
    (void)file;
    *type = filesystem_type;
    return 0;
}

static void test_folder__on_a_network_is_refused(void **state) {
    (void)state;
    const uint64_t remote[] = {0x6969, 0xFF534D42, 0xFE534D42, 0x65735546, 0x01021997, 0xFFFFFFFFFF534D42};
    tacho__system_calls.filesystem = fake_filesystem;
    for (size_t i = 0; i < sizeof remote / sizeof *remote; ++i) {
        filesystem_type = remote[i];
        check_refused(TACHO_UNSUPPORTED);
    }
    const uint64_t local[] = {0x01021994 /* tmpfs */, 0xEF53 /* ext */,       0x58465342 /* xfs */,
                              0x9123683E /* btrfs */, 0x858458F6 /* ramfs */, 0x794C7630 /* overlay */};
    for (size_t i = 0; i < sizeof local / sizeof *local; ++i) {
        filesystem_type = local[i];
        tacho_collector_close(shared_open(TACHO_CONFIG_STRICT));
    }
}

/* ---- calls that fail */

static int error_now;       /* what the fakes fail with */
static unsigned calls_left; /* calls that succeed before; counted in all fakes together */

static bool fails(void) {
    if (calls_left > 0) {
        --calls_left;
        return false;
    }
    errno = error_now;
    return true;
}

static int fail_open_at(int folder, const char *name, int flags, mode_t mode) {
    return fails() ? -1 : tacho__system_real.open_at(folder, name, flags, mode);
}
static int fail_make_folder(const char *path, mode_t mode) {
    return fails() ? -1 : tacho__system_real.make_folder(path, mode);
}
static int fail_filesystem(int file, uint64_t *type) {
    return fails() ? -1 : tacho__system_real.filesystem(file, type);
}
static int fail_allocate(int file, off_t from, off_t bytes) {
    return fails() ? error_now : tacho__system_real.allocate(file, from, bytes);
}
static void *fail_map(size_t bytes, int file) {
    return fails() ? MAP_FAILED : tacho__system_real.map(bytes, file);
}
static int fail_lock(int file, int how) {
    return fails() ? -1 : tacho__system_real.lock(file, how);
}
static int fail_rename_at(int folder, const char *from, const char *to) {
    return fails() ? -1 : tacho__system_real.rename_at(folder, from, to);
}
static int fail_link_at(int folder, const char *from, const char *to) {
    return fails() ? -1 : tacho__system_real.link_at(folder, from, to);
}
static ssize_t fail_read_at(int file, void *to, size_t bytes, off_t from) {
    return fails() ? -1 : tacho__system_real.read_at(file, to, bytes, from);
}
static ssize_t fail_write_to(int file, const void *from, size_t bytes) {
    return fails() ? -1 : tacho__system_real.write_to(file, from, bytes);
}

static int fail_remove_at(int folder, const char *name) {
    return fails() ? -1 : tacho__system_real.remove_at(folder, name);
}

static const tacho__system failing = {
    .open_at = fail_open_at,
    .make_folder = fail_make_folder,
    .filesystem = fail_filesystem,
    .allocate = fail_allocate,
    .map = fail_map,
    .lock = fail_lock,
    .rename_at = fail_rename_at,
    .link_at = fail_link_at,
    .read_at = fail_read_at,
    .write_to = fail_write_to,
    .remove_at = fail_remove_at,
};

/* Every call that opening makes fails once, with every error, and from there on all do: never more than a refusal. */
static void test_opening__survives_every_failing_call(void **state) {
    (void)state;
    const int errors[] = {ENOSPC, EROFS, EACCES, EDQUOT, EMFILE, ENOMEM, EIO, ENOENT, EINTR};
    unsigned fired = 0;
    for (size_t e = 0; e < sizeof errors / sizeof *errors; ++e) {
        bool refused = true;
        for (unsigned k = 0; refused; ++k) {
            assert_true(k < 100);
            char name[300];
            snprintf(name, sizeof name, "%s/k", shared_folder);
            assert_true(mkdir(shared_folder, 0700) == 0 || errno == EEXIST);
            error_now = errors[e];
            calls_left = k;
            tacho__system_calls = failing;
            tacho_collector *collector;
            const tacho_config config = {.struct_size = sizeof config, .dir = name};
            assert_int_equal(tacho_collector_open(&collector, &config), TACHO_OK);
            tacho__system_calls = tacho__system_real;
            shared_record(collector, "x", 2);
            assert_int_equal(calls_of(collector), 2);
            refused = tacho_collector_dir(collector, NULL) == NULL;
            assert_int_equal(drops_of(collector, TACHO__DROP_REGISTRY_REFUSED), refused);
            fired += refused;
            tacho_collector_close(collector);
            char command[400];
            snprintf(command, sizeof command, "rm -rf '%s'", name);
            assert_int_equal(system(command), 0);
        }
    }
    print_message("    %u failing calls\n", fired);
    assert_true(fired >= 9 * 10);
}

static void test_opening__without_blocks_leaves_no_file(void **state) {
    (void)state;
    error_now = ENOSPC;
    tacho_collector *first = shared_open(TACHO_CONFIG_STRICT);
    tacho__system_calls.allocate = fail_allocate;
    for (calls_left = 0; calls_left < 2; ++calls_left) {
        const unsigned before = calls_left;
        check_refused(TACHO_IO);
        calls_left = before;
    }
    assert_int_equal(shared_count(".new", NULL), 0);
    assert_int_equal(shared_count("seg-", NULL), 1);
    tacho_collector_close(first);
}

static void test_reading__survives_every_failing_call(void **state) {
    (void)state;
    tacho_collector *a = shared_open(0), *b = shared_open(0);
    shared_record(a, "x", 3);
    shared_record(b, "x", 4);
    error_now = EIO;
    for (unsigned k = 0;; ++k) {
        assert_true(k < 200);
        tacho_snapshot *snapshot;
        calls_left = k;
        tacho__system_calls = failing;
        const tacho_status status = tacho_snapshot_attach(shared_folder, &snapshot);
        const bool all = calls_left > 0;
        tacho__system_calls = tacho__system_real;
        if (status == TACHO_OK) {
            const int64_t calls = shared_calls(snapshot);
            assert_true(calls == 7 || calls == 3 || calls == 4 || calls == 0);
            if (all) {
                assert_int_equal(calls, 7);
                break;
            }
        }
    }
    tacho_collector_close(a);
    tacho_collector_close(b);
}

static void test_reset__without_blocks_goes_on_in_private_memory(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    shared_record(collector, "x", 3);
    error_now = ENOSPC;
    calls_left = 0;
    tacho__system_calls.allocate = fail_allocate;
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    assert_int_equal(shared_attach(), 0);
    shared_record(collector, "x", 2);
    assert_int_equal(calls_of(collector), 2);
    assert_int_equal(shared_attach(), 0);
    tacho__system_calls = tacho__system_real;
    assert_int_equal(tacho_collector_reset(collector), TACHO_OK);
    assert_string_equal(tacho_collector_dir(collector, NULL), shared_folder);
    shared_record(collector, "x", 1);
    assert_int_equal(shared_attach(), 1);
    tacho_collector_close(collector);
}

/* ---- growth that is refused */

/* Binds new series until long after the file may not grow any more. */
static void bind_many(tacho_collector *collector, unsigned first, unsigned count) {
    char name[32];
    for (unsigned i = first; i < first + count; ++i) {
        snprintf(name, sizeof name, "series-%u", i);
        shared_record(collector, name, 1);
    }
}

static void test_growth__that_is_refused_keeps_totals_exact(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(0);
    bind_many(collector, 0, 100);
    error_now = ENOSPC;
    calls_left = 1;
    tacho__system_calls.allocate = fail_allocate;
    bind_many(collector, 100, 1800);
    assert_int_equal(calls_left, 0);
    assert_int_equal(calls_of(collector), 1900);
    assert_int_equal(shared_attach(), 1900);
    assert_true(drops_of(collector, TACHO__DROP_SEGMENT_FULL) > 100);
    tacho__system_calls = tacho__system_real;
    const uint64_t before = drops_of(collector, TACHO__DROP_SEGMENT_FULL);
    bind_many(collector, 5000, 1000); /* there is room again: found out within 256 requests */
    assert_true(drops_of(collector, TACHO__DROP_SEGMENT_FULL) - before < 600);
    assert_int_equal(shared_attach(), 2900);
    tacho_collector_close(collector);
    assert_int_equal(shared_attach(), 2900);
}

/* What daemons do, and then the host opens files of its own, which get the same numbers. */
static int with_every_descriptor_closed(void) {
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    bind_many(collector, 0, 100);
    int mine[8];
    struct stat about;
    for (int file = 3; file < 100; ++file) {
        close(file);
    }
    for (int i = 0; i < 8; ++i) {
        mine[i] = open(shared_folder, O_TMPFILE | O_RDWR, 0600);
        if (mine[i] != 3 + i) {
            return 77;
        }
    }
    bind_many(collector, 100, 1800);
    const bool exact = calls_of(collector) == 1900 && drops_of(collector, TACHO__DROP_SEGMENT_FULL) > 100;
    const bool alive = shared_attach() == 1900; /* the mapping keeps the lock */
    tacho_collector_close(collector);
    bool untouched = true;
    for (int i = 0; i < 8; ++i) {
        untouched = untouched && fstat(mine[i], &about) == 0 && about.st_size == 0;
    }
    return (exact ? 0 : 1) + (alive ? 0 : 2) + (untouched ? 0 : 4);
}

static void test_growth__leaves_files_alone_that_have_its_number_now(void **state) {
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(with_every_descriptor_closed());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status)); /* no SIGBUS */
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped test_growth__leaves_files_alone_that_have_its_number_now: no unnamed files here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A child that does it on a filesystem of 1 MiB of its own. Exit code 77 = may not mount. */
static int on_small_filesystem(void) {
    if (mkdir(shared_folder, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", shared_folder, "tmpfs", 0, "size=1m,mode=700") != 0) {
        return 77;
    }
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT), *second;
    bind_many(collector, 0, 1900);
    const bool exact = shared_attach() == 1900 && calls_of(collector) == 1900;
    const bool full = drops_of(collector, TACHO__DROP_SEGMENT_FULL) > 0;
    second = shared_open(0); /* finds no room at all */
    shared_record(second, "x", 2);
    const bool fell_back = tacho_collector_dir(second, NULL) == NULL && calls_of(second) == 1902;
    return exact && full && fell_back ? 0 : 1;
}

static void test_disk__that_is_full_never_kills(void **state) {
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(on_small_filesystem());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status)); /* no SIGBUS */
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped test_disk__that_is_full_never_kills: this user may not mount a filesystem\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A child in which no file may become larger; its exit code. */
static int in_child_with_file_limit(rlim_t bytes, int (*body)(void)) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {bytes, bytes};
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(body());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status)); /* no SIGXFSZ */
    return WEXITSTATUS(status);
}

static int within_a_file_limit(void) {
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    bind_many(collector, 0, 1900);
    return calls_of(collector) == 1900 && drops_of(collector, TACHO__DROP_SEGMENT_FULL) > 0 ? 0 : 1;
}

static void test_limit__of_file_size_never_kills(void **state) {
    (void)state;
    assert_int_equal(in_child_with_file_limit(700 << 10, within_a_file_limit), 0);
}

static int without_room_for_any_file(void) {
    tacho_status why = TACHO_OK;
    tacho_collector *collector = shared_open(0);
    shared_record(collector, "x", 3);
    const bool refused = tacho_collector_dir(collector, &why) == NULL && why == TACHO_IO;
    return refused && calls_of(collector) == 3 && shared_count(".new", NULL) == 0 ? 0 : 1;
}

static void test_limit__that_not_even_a_new_registry_fits_never_kills(void **state) {
    (void)state;
    const rlim_t limits[] = {0, 63, 100, 4095};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; ++i) {
        assert_int_equal(in_child_with_file_limit(limits[i], without_room_for_any_file), 0);
    }
}

static int without_room_for_a_saved_snapshot(void) {
    tacho_collector *collector;
    tacho_snapshot *snapshot;
    const bool taken =
        tacho_collector_open(&collector, NULL) == TACHO_OK && tacho_snapshot_take(collector, &snapshot) == TACHO_OK;
    return taken && tacho_save(snapshot, shared_folder) == TACHO_IO && access(shared_folder, F_OK) != 0 ? 0 : 1;
}

static void test_limit__that_a_saved_snapshot_does_not_fit_never_kills(void **state) {
    (void)state;
    assert_int_equal(in_child_with_file_limit(100, without_room_for_a_saved_snapshot), 0);
}

static int without_room_for_a_base(void) {
    tacho_collector *collector = shared_open(0); /* folds, or tries to */
    return calls_of(collector) == 7 && shared_count("base", NULL) == 0 && shared_count(".new", NULL) == 0 ? 0 : 1;
}

static void test_limit__that_a_base_does_not_fit_never_kills(void **state) {
    (void)state;
    tacho_collector *collector = shared_open(TACHO_CONFIG_STRICT);
    shared_record(collector, "x", 7);
    tacho_collector_close(collector);
    assert_int_equal(in_child_with_file_limit(5000, without_room_for_a_base), 0);
    assert_int_equal(shared_attach(), 7);
    assert_int_equal(shared_count("base", NULL), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shared_setup, shared_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_refusal__is_said_once_an_hour),
        TEST(test_folder__is_made_for_its_user_only),
        TEST(test_folder__that_others_can_write_to_is_refused),
        TEST(test_folder__of_another_user_is_refused),
        TEST(test_folder__behind_a_link_is_refused),
        TEST(test_folder__that_is_a_file_is_refused),
        TEST(test_folder__without_a_folder_above_it_is_refused),
        TEST(test_folder__on_a_network_is_refused),
        TEST(test_opening__survives_every_failing_call),
        TEST(test_opening__without_blocks_leaves_no_file),
        TEST(test_reading__survives_every_failing_call),
        TEST(test_reset__without_blocks_goes_on_in_private_memory),
        TEST(test_growth__that_is_refused_keeps_totals_exact),
        TEST(test_growth__leaves_files_alone_that_have_its_number_now),
        TEST(test_disk__that_is_full_never_kills),
        TEST(test_limit__of_file_size_never_kills),
        TEST(test_limit__that_not_even_a_new_registry_fits_never_kills),
        TEST(test_limit__that_a_saved_snapshot_does_not_fit_never_kills),
        TEST(test_limit__that_a_base_does_not_fit_never_kills),
    };
    return cmocka_run_group_tests_name("registry_faults", tests, NULL, NULL);
}
