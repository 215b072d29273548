#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "codec/base64.h"
#include "support/capture.h"
#include "support/fill_collector.h"
#include "wire/msgpack_writer.h"

static char folder[64];

static const char *place(const char *name) {
    static char path[4][128];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/tacho-save-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static tacho_snapshot *filled(void) {
    tacho_collector *collector = open_collector("s-one");
    const tacho_component parts[] = {{"vector_search", 300000000}};
    fill_collector(collector);
    record_call(collector, TACHO_KIND_AGENT, "agent \xE2\x82\xAC", NULL, 12345, 40,
                FINISHED(.components = parts, .component_count = 1, .context_size = 1000, .warnings = 2));
    record_call(collector, TACHO_KIND_LLM, "stream", "claude-opus-4-6", 3000, 41,
                FINISHED(.first_token_ns = 400000000, .usage = &TACHO_USAGE(.output = 30, .input_audio_ms = 1500),
                         .compressed = 1, .context_size = 10, .context_limit = 200));
    record_call(collector, TACHO_KIND_LLM, "free", NULL, -1, 42, FINISHED(.outcome = TACHO_OUTCOME_CANCELLED));
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_collector_close(collector);
    return snapshot;
}

static void export_json(const tacho_snapshot *snapshot, capture *out) {
    assert_int_equal(tacho_export(snapshot, TACHO_FORMAT_JSON, NULL, capture_sink, out), TACHO_OK);
    tacho_records *records; /* and all records, with everything that JSON of the whole leaves out */
    assert_int_equal(tacho_snapshot_records(snapshot, NULL, &records), TACHO_OK);
    assert_int_equal(tacho_write_records(records, TACHO_FORMAT_JSON, NULL, capture_sink, out), TACHO_OK);
    tacho_records_free(records);
}

static void check_equal(const tacho_snapshot *a, const tacho_snapshot *b) {
    capture one = {0}, other = {0};
    export_json(a, &one);
    export_json(b, &other);
    assert_string_equal(capture_text(&one), capture_text(&other));
    capture_free(&one);
    capture_free(&other);
}

static void encode(const tacho_snapshot *snapshot, capture *out) {
    assert_int_equal(tacho_export(snapshot, TACHO_FORMAT_MSGPACK, NULL, capture_sink, out), TACHO_OK);
}

static void test_load__gives_back_what_was_saved(void **state) {
    (void)state;
    static const char *const names[] = {"a.msgpack", "a.json", "plain"};
    tacho_snapshot *snapshot = filled();
    for (size_t i = 0; i < 3; i++) {
        tacho_snapshot *loaded;
        struct stat about;
        assert_int_equal(tacho_save(snapshot, place(names[i])), TACHO_OK);
        assert_int_equal(stat(place(names[i]), &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
        assert_int_equal(tacho_load(place(names[i]), &loaded), TACHO_OK);
        check_equal(snapshot, loaded);
        capture bytes = {0}, again = {0}; /* and saving that gives the same bytes */
        encode(snapshot, &bytes);
        encode(loaded, &again);
        assert_int_equal(bytes.buffer.length, again.buffer.length);
        assert_memory_equal(bytes.buffer.data, again.buffer.data, bytes.buffer.length);
        capture_free(&bytes);
        capture_free(&again);
        tacho_snapshot_free(loaded);
    }
    tacho_snapshot_free(snapshot);
}

static void test_load__twice_and_merge_changes_nothing(void **state) {
    (void)state;
    tacho_snapshot *snapshot = filled(), *once, *twice, *merged, *all;
    assert_int_equal(tacho_save(snapshot, place("m")), TACHO_OK);
    assert_int_equal(tacho_load(place("m"), &once), TACHO_OK);
    assert_int_equal(tacho_load(place("m"), &twice), TACHO_OK);
    assert_int_equal(tacho_snapshot_merge(once, twice, &merged), TACHO_OK);
    assert_int_equal(tacho_snapshot_merge(merged, snapshot, &all), TACHO_OK);
    check_equal(snapshot, all);
    tacho_snapshot *const snapshots[] = {snapshot, once, twice, merged, all};
    for (size_t i = 0; i < 5; i++) {
        tacho_snapshot_free(snapshots[i]);
    }
}

static void test_decode__says_damaged_at_every_length(void **state) {
    (void)state;
    tacho_snapshot *snapshot = filled(), *decoded;
    capture bytes = {0};
    encode(snapshot, &bytes);
    for (size_t length = 0; length < bytes.buffer.length; length++) {
        void *cut = malloc(length ? length : 1); /* of exactly this size: a sanitizer sees any byte beyond */
        assert_non_null(cut);
        memcpy(cut, bytes.buffer.data, length);
        assert_int_equal(tacho_snapshot_decode(cut, length, &decoded), TACHO_DAMAGED);
        assert_null(decoded);
        free(cut);
    }
    capture_free(&bytes);
    tacho_snapshot_free(snapshot);
}

/* Every byte, flipped in three ways: refused, or a snapshot that can be read whole. */
static void test_decode__survives_every_flipped_byte(void **state) {
    (void)state;
    tacho_snapshot *snapshot = filled(), *decoded;
    capture bytes = {0};
    size_t refused = 0, read = 0;
    encode(snapshot, &bytes);
    for (size_t at = 0; at < bytes.buffer.length; at += 3) {
        static const char flips[] = {0x01, (char)0x80, (char)0xff};
        char before = bytes.buffer.data[at];
        for (size_t i = 0; i < 3; i++) {
            bytes.buffer.data[at] = (char)(before ^ flips[i]);
            if (tacho_snapshot_decode(bytes.buffer.data, bytes.buffer.length, &decoded) == TACHO_OK) {
                capture out = {0};
                read++;
                if (at % 7 == 0) {
                    export_json(decoded, &out);
                }
                capture_free(&out);
                tacho_snapshot_free(decoded);
            } else {
                refused++;
            }
        }
        bytes.buffer.data[at] = before;
    }
    printf("%zu refused, %zu read\n", refused, read);
    assert_true(refused > 0);
    capture_free(&bytes);
    tacho_snapshot_free(snapshot);
}

static void write_file(const char *path, const void *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void test_load__names_what_is_wrong_and_leaves_the_file(void **state) {
    (void)state;
    tacho_snapshot *loaded, *snapshot = filled();
    assert_int_equal(tacho_load(place("missing"), &loaded), TACHO_NOT_FOUND);
    write_file(place("foreign"), "hello, world", 12);
    assert_int_equal(tacho_load(place("foreign"), &loaded), TACHO_FOREIGN);
    assert_int_equal(mkfifo(place("pipe"), 0600), 0); /* nobody will ever write into it */
    assert_int_equal(tacho_load(place("pipe"), &loaded), TACHO_FOREIGN);
    unlink(place("pipe"));
    assert_null(loaded);
    write_file(place("empty"), "", 0);
    assert_int_equal(tacho_load(place("empty"), &loaded), TACHO_DAMAGED);
    write_file(place("json"), "{\"a\": 1}", 8);
    assert_int_equal(tacho_load(place("json"), &loaded), TACHO_FOREIGN);
#ifdef TACHO_PORTABLE /* folders are registries, which this build does not know */
    assert_int_equal(tacho_load(folder, &loaded), TACHO_UNSUPPORTED);
#else
    assert_int_equal(tacho_load(folder, &loaded), TACHO_IO);
#endif

    capture bytes = {0};
    encode(snapshot, &bytes);
    char *version = memmem(bytes.buffer.data, 64, "version", 7);
    assert_non_null(version);
    assert_int_equal(version[7], 1);
    version[7] = 2;
    write_file(place("newer"), bytes.buffer.data, bytes.buffer.length);
    assert_int_equal(tacho_load(place("newer"), &loaded), TACHO_NEWER);
    version[7] = (char)0xce; /* a version of four bytes */
    assert_int_equal(tacho_snapshot_decode(bytes.buffer.data, bytes.buffer.length, &loaded), TACHO_NEWER);
    capture_free(&bytes);

    assert_int_equal(tacho_save(snapshot, place("cut.json")), TACHO_OK);
    struct stat about;
    assert_int_equal(stat(place("cut.json"), &about), 0);
    for (off_t length = 1; length < about.st_size; length = length * 3 / 2 + 1) {
        assert_int_equal(tacho_save(snapshot, place("cut.json")), TACHO_OK);
        assert_int_equal(truncate(place("cut.json"), length), 0);
        tacho_status status = tacho_load(place("cut.json"), &loaded);
        assert_int_equal(status, length > 40 ? TACHO_DAMAGED : status == TACHO_FOREIGN ? TACHO_FOREIGN : TACHO_DAMAGED);
        struct stat after;
        assert_int_equal(stat(place("cut.json"), &after), 0);
        assert_int_equal(after.st_size, length);
    }
    tacho_snapshot_free(snapshot);
}

static void test_save__replaces_snapshots_only(void **state) {
    (void)state;
    tacho_snapshot *snapshot = filled(), *loaded;
    assert_int_equal(tacho_save(snapshot, place("same")), TACHO_OK);
    assert_int_equal(tacho_save(snapshot, place("same")), TACHO_OK);
    write_file(place("same.json"), "", 0);
    assert_int_equal(tacho_save(snapshot, place("same.json")), TACHO_OK);
    assert_int_equal(tacho_save(snapshot, place("same.json")), TACHO_OK);
    write_file(place("letter"), "dear reader", 11);
    assert_int_equal(tacho_save(snapshot, place("letter")), TACHO_FOREIGN);
    char text[16] = "";
    FILE *file = fopen(place("letter"), "rb");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text, file), 11);
    fclose(file);
    assert_string_equal(text, "dear reader");
    errno = 0;
    assert_int_equal(tacho_save(snapshot, place("no/such/folder")), TACHO_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(tacho_save(snapshot, folder), TACHO_FOREIGN);
    assert_int_equal(tacho_load(place("same"), &loaded), TACHO_OK);
    tacho_snapshot_free(loaded);
    /* Nothing is left beside: the files above, and nothing else. */
    char command[160];
    snprintf(command, sizeof command, "test \"$(ls -A '%s' | grep -c '^same')\" = 2", folder);
    assert_int_equal(system(command), 0);
    tacho_snapshot_free(snapshot);
}

/* Counts that promise more than the bytes hold, deep nesting, and rows that are small on the wire and large in memory.
 */
static void test_decode__refuses_bombs(void **state) {
    (void)state;
    tacho_snapshot *decoded;
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    const char *const head = "\x84\xa6"
                             "format"
                             "\xb3"
                             "tachograph-snapshot"
                             "\xa7"
                             "version"
                             "\x01\xa6"
                             "writer"
                             "\xa1x\xa5parts";
    tacho__buffer_string(&bytes, head);
    tacho__buffer_append(&bytes, "\xdd\xff\xff\xff\xff", 5); /* 2^32 - 1 parts */
    assert_int_equal(tacho_snapshot_decode(bytes.data, bytes.length, &decoded), TACHO_DAMAGED);
    tacho__buffer_clear(&bytes);
    tacho__buffer_string(&bytes, head);
    for (int i = 0; i < 200; i++) {
        tacho__buffer_append(&bytes, "\x91", 1);
    }
    tacho__buffer_append(&bytes, "\xc0", 1);
    assert_int_equal(tacho_snapshot_decode(bytes.data, bytes.length, &decoded), TACHO_LIMIT);
    tacho__buffer_clear(&bytes);
    tacho__buffer_string(&bytes, head);
    tacho__msgpack_put_array(&bytes, 5000);
    for (int i = 0; i < 5000; i++) {
        tacho__msgpack_put_nil(&bytes);
    }
    assert_int_equal(tacho_snapshot_decode(bytes.data, bytes.length, &decoded), TACHO_LIMIT);
    tacho__buffer_free(&bytes);
}

static void test_decode__needs_only_the_columns_it_knows(void **state) {
    (void)state;
    /* An empty snapshot is a whole file too. */
    tacho_snapshot *empty = take_snapshot(NULL), *decoded;
    capture bytes = {0};
    encode(empty, &bytes);
    assert_int_equal(tacho_snapshot_decode(bytes.buffer.data, bytes.buffer.length, &decoded), TACHO_OK);
    check_equal(empty, decoded);
    tacho_snapshot_free(decoded);
    tacho_snapshot_free(empty);
    capture_free(&bytes);
    /* Keys that a later version may add are stepped over. */
    tacho__buffer more = TACHO__BUFFER_INIT;
    tacho__buffer_string(&more, "\x85\xa6"
                                "format"
                                "\xb3"
                                "tachograph-snapshot"
                                "\xa7"
                                "version"
                                "\x01\xa6"
                                "writer"
                                "\xa1x\xa6"
                                "future"
                                "\x93\x01\x02\x03\xa5parts\x90");
    assert_int_equal(tacho_snapshot_decode(more.data, more.length, &decoded), TACHO_OK);
    tacho_snapshot_free(decoded);
    tacho__buffer_free(&more);
}

static void test_base64__is_that_of_the_rfc(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) { /* RFC 4648 section 10 */
        tacho__buffer out = TACHO__BUFFER_INIT;
        tacho__base64_encode(&out, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(tacho__buffer_text(&out), pairs[i][1]);
        tacho__buffer_clear(&out);
        assert_int_equal(tacho__base64_decode(&out, pairs[i][1], strlen(pairs[i][1])), TACHO_OK);
        assert_string_equal(tacho__buffer_text(&out), pairs[i][0]);
        tacho__buffer_free(&out);
    }
    static const char *const wrong[] = {"Zg", "Zg=", "====", "Z===", "Zg==Zg==", "Zm9v!m9v", "Zm9v\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tacho__buffer out = TACHO__BUFFER_INIT;
        assert_int_equal(tacho__base64_decode(&out, wrong[i], strlen(wrong[i])), TACHO_DAMAGED);
        tacho__buffer_free(&out);
    }
}

/* Every request for memory refused in turn: TACHO_NOMEM, nothing leaks, nothing half made comes out. */
static void test_everything__survives_refusal_of_memory(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    capture bytes = {0};
    encode(snapshot, &bytes);
    bool done = false;
    int64_t k = 0;
    for (; !done; k++) {
        tacho_snapshot *taken = NULL, *decoded = NULL;
        tacho_summary *summary = NULL;
        tacho_rows *rows = NULL;
        tacho_query query = TACHO_QUERY_INIT;
        query.by = TACHO_BY_DAY;
        tacho__memory_fail_after(k, 1);
        tacho_status a = tacho_snapshot_take(collector, &taken);
        tacho_status b = tacho_snapshot_decode(bytes.buffer.data, bytes.buffer.length, &decoded);
        tacho__memory_fail_after(k, 1);
        tacho_status c = tacho_snapshot_summary(snapshot, "s-one", &summary);
        tacho__memory_fail_after(k, 1);
        tacho_status d = tacho_snapshot_usage(snapshot, &query, &rows);
        tacho__memory_fail_after(k, 1);
        capture out = {0};
        tacho_status e = tacho_export(snapshot, TACHO_FORMAT_TEXT, NULL, capture_sink, &out);
        tacho__memory_fail_after(-1, 0);
        assert_true(a == TACHO_OK ? taken != NULL : a == TACHO_NOMEM && !taken);
        assert_true(b == TACHO_OK ? decoded != NULL : b == TACHO_NOMEM && !decoded);
        assert_true(c == TACHO_OK ? summary != NULL : c == TACHO_NOMEM && !summary);
        assert_true(d == TACHO_OK ? rows != NULL : d == TACHO_NOMEM && !rows);
        assert_true(e == TACHO_OK || e == TACHO_NOMEM);
        done = a == TACHO_OK && b == TACHO_OK && c == TACHO_OK && d == TACHO_OK && e == TACHO_OK;
        capture_free(&out);
        tacho_snapshot_free(taken);
        tacho_snapshot_free(decoded);
        tacho_summary_free(summary);
        tacho_rows_free(rows);
    }
    printf("%lld requests\n", (long long)k);
    assert_true(k > 10);
    capture_free(&bytes);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load__gives_back_what_was_saved),
        cmocka_unit_test(test_load__twice_and_merge_changes_nothing),
        cmocka_unit_test(test_decode__says_damaged_at_every_length),
        cmocka_unit_test(test_decode__survives_every_flipped_byte),
        cmocka_unit_test(test_load__names_what_is_wrong_and_leaves_the_file),
        cmocka_unit_test(test_save__replaces_snapshots_only),
        cmocka_unit_test(test_decode__refuses_bombs),
        cmocka_unit_test(test_decode__needs_only_the_columns_it_knows),
        cmocka_unit_test(test_base64__is_that_of_the_rfc),
        cmocka_unit_test(test_everything__survives_refusal_of_memory),
    };
    return cmocka_run_group_tests_name("save_load", tests, make_folder, remove_folder);
}
