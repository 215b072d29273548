/* What a person is told of a folder that is refused as a registry. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <tachograph.h>
#include <unistd.h>

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

/* Refused in earnest, then asked why. */
static void expect(const char *dir, tacho_status status, const char *words, int is_folder) {
    char why[TACHO_REGISTRY_WHY];
    const tacho_config config = {.struct_size = sizeof config, .dir = dir, .flags = TACHO_CONFIG_STRICT};
    tacho_collector *collector;
    assert_int_equal(tacho_collector_open(&collector, &config), status);
    assert_int_equal(tacho_registry_why(dir, status, why), is_folder);
    if (!strstr(why, words)) {
        fail_msg("'%s' does not say '%s'", why, words);
    }
}

static const char *made(const char *name, mode_t mode) {
    const char *path = scratch_path(&place, name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void test_why__names_the_reason_and_what_to_do(void **state) {
    (void)state;
    scratch_write(&place, "file", "w", "x", 1);
    const char *folder = made("folder", 0700), *link = scratch_path(&place, "link");
    assert_int_equal(symlink(folder, link), 0);
    expect(link, TACHO_DENIED, "symbolic link; name the folder", 1);
    expect(scratch_path(&place, "link/"), TACHO_DENIED, "symbolic link; name the folder", 1);
    expect(scratch_path(&place, "file"), TACHO_DENIED, "is a file and no folder", 0);
    expect(scratch_path(&place, "file/x"), TACHO_DENIED, "a folder above it", 0);
    expect(made("open", 0770), TACHO_DENIED, "others may write to it (mode 770); chmod go-w", 1);
    expect(scratch_path(&place, "none/x"), TACHO_NOT_FOUND, "nor the one above it; make that first", 0);
    scratch_write(&place, "foreign/meta", "w", "something else", 14);
    assert_int_equal(chmod(scratch_path(&place, "foreign"), 0700), 0);
    expect(scratch_path(&place, "foreign"), TACHO_FOREIGN, "'meta' is of another program", 1);
    if (geteuid() == 0) {
        const char *other = made("other", 0700);
        assert_int_equal(chown(other, 12345, 12345), 0);
        expect(other, TACHO_DENIED, "another user (number 12345); name one of your own", 1);
    }
}

static void test_why__has_words_for_every_status(void **state) {
    (void)state;
    char why[TACHO_REGISTRY_WHY];
    assert_int_equal(tacho_registry_why(place.folder, TACHO_UNSUPPORTED, why), 1);
    assert_non_null(strstr(why, "filesystem of the network, where locks do not hold; name one of your own"));
    assert_int_equal(tacho_registry_why(place.folder, TACHO_NOT_FOUND, why), 1);
    assert_string_equal(why, "no program has recorded there");
    for (int status = 0; status > -40; status--) {
        tacho_registry_why(place.folder, (tacho_status)status, why);
        assert_true(strlen(why) > 1 && strlen(why) < TACHO_REGISTRY_WHY - 1);
    }
    assert_int_equal(tacho_registry_why("", TACHO_INVALID, why), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_why__names_the_reason_and_what_to_do),
        TEST(test_why__has_words_for_every_status),
    };
    return cmocka_run_group_tests_name("registry_why", tests, NULL, NULL);
}
