#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "history/lock.h"
#include "history/schema.h"
#include "history/store.h"
#include "snapshot/table.h"
#include "support/fill_collector.h"
#include "support/history_dump.h"
#include "support/make_record.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

static tacho_history *open_file(const char *name, uint32_t flags) {
    tacho_history *history = NULL;
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, name), flags), TACHO_OK);
    return history;
}

static tacho_record_view a_call(const char *id, const char *session, int64_t ended_at_s) {
    tacho_record_view record = make_record("llm", "chat");
    record.id = record.source_id = id;
    record.source = "test";
    record.session = session;
    record.provider = "anthropic";
    record.model = "claude-opus-4-6";
    set_usage(&record, 10, 2000, 300);
    set_cost(&record, 12 * TACHO_PUSD_PER_USD / 1000, TACHO_COST_STATE_EXACT);
    set_time(&record, -1, ended_at_s * INT64_C(1000000000));
    return record;
}

/* A file in which something is: one that was only opened has no content. */
static void make_file(const char *name) {
    tacho_history *history = open_file(name, 0);
    const tacho_record_view record = a_call("0", "none", 50);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_OK);
    tacho_history_close(history);
}

static uint64_t count_of(tacho_history *history) {
    uint64_t count = 0;
    assert_int_equal(tacho_history_count(history, &count), TACHO_OK);
    return count;
}

/* ------------------------------------------------------------------------------------------------ opening */

static void test_open__makes_a_private_file_that_is_ours(void **state) {
    (void)state;
    struct stat info;
    make_file("h.db");
    assert_int_equal(stat(scratch_path(&place, "h.db"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(history_number(scratch_path(&place, "h.db"), "PRAGMA application_id"), 0x54414348);
    assert_int_equal(history_number(scratch_path(&place, "h.db"), "PRAGMA user_version"), TACHO__HISTORY_VERSION);
    tacho_history_close(open_file("h.db", 0));
    tacho_history_close(open_file("h.db", TACHO_HISTORY_READ_ONLY));
}

static void test_open__of_an_empty_file_is_a_history_in_which_nothing_is(void **state) {
    (void)state;
    tacho_history *first = open_file("h.db", 0), *second = open_file("h.db", 0);
    tacho_history *reader = open_file("h.db", TACHO_HISTORY_READ_ONLY);
    tacho_rows *rows;
    assert_int_equal(tacho_history_usage(reader, NULL, &rows), TACHO_OK);
    assert_int_equal(rows->count, 0);
    tacho_rows_free(rows);
    const tacho_record_view records[] = {a_call("1", "one", 100), a_call("2", "one", 200)};
    assert_int_equal(tacho_history_add(first, &records[0], 1), TACHO_OK);  /* makes the tables */
    assert_int_equal(tacho_history_add(second, &records[1], 1), TACHO_OK); /* and finds them */
    assert_int_equal(count_of(reader), 2);
    tacho_history_close(first);
    tacho_history_close(second);
    tacho_history_close(reader);
}

static void test_open__makes_folders_only_on_request(void **state) {
    (void)state;
    tacho_history *history;
    const char *path = scratch_path(&place, "a/b/h.db");
    assert_int_not_equal(tacho_history_open(&history, path, 0), TACHO_OK);
    assert_null(history);
    assert_int_equal(tacho_history_open(&history, path, TACHO_HISTORY_MAKE_FOLDER), TACHO_OK);
    tacho_history_close(history);
}

static void test_open__tells_a_missing_file(void **state) {
    (void)state;
    tacho_history *history;
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, "none.db"), TACHO_HISTORY_READ_ONLY),
                     TACHO_NOT_FOUND);
    assert_null(history);
    assert_string_equal(tacho_history_problem(NULL), "there is no such file");
}

/* Opens `name` both ways, expects `status` and the file as it was. */
static void expect_refused(const char *name, tacho_status status) {
    size_t before_length, after_length;
    const char *path = scratch_path(&place, name);
    char *before = scratch_read(path, &before_length);
    for (uint32_t flags = 0; flags <= TACHO_HISTORY_READ_ONLY; flags++) {
        tacho_history *history;
        assert_int_equal(tacho_history_open(&history, path, flags), status);
        assert_null(history);
        assert_true(*tacho_history_problem(NULL));
    }
    char *after = scratch_read(path, &after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, before_length);
    free(before);
    free(after);
}

static void test_open__leaves_foreign_files_alone(void **state) {
    (void)state;
    static const char text[] = "dear diary, this is no database at all, and it is long enough to hold a header of one";
    scratch_write(&place, "text", "w", text, sizeof text);
    expect_refused("text", TACHO_FOREIGN);
    scratch_write(&place, "other.db", "w", "", 0);
    history_number(scratch_path(&place, "other.db"), "CREATE TABLE record(a)");
    expect_refused("other.db", TACHO_FOREIGN);
}

static void test_open__leaves_newer_files_alone(void **state) {
    (void)state;
    make_file("h.db");
    history_number(scratch_path(&place, "h.db"), "PRAGMA user_version=1000");
    expect_refused("h.db", TACHO_NEWER);
}

static void test_open__leaves_damaged_files_alone(void **state) {
    (void)state;
    size_t length;
    make_file("h.db");
    char *bytes = scratch_read(scratch_path(&place, "h.db"), &length);
    memset(bytes + 100, 0x5A, 2000); /* the first page: the schema */
    scratch_write(&place, "h.db", "w", bytes, length);
    free(bytes);
    expect_refused("h.db", TACHO_DAMAGED);
}

static void test_open__names_a_missing_column_as_damage(void **state) {
    (void)state;
    sqlite3 *other;
    static const char *const changes[] = {"ALTER TABLE record RENAME COLUMN retries TO tries",
                                          "ALTER TABLE progress RENAME COLUMN inode TO node"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        make_file(i ? "b.db" : "a.db");
        assert_int_equal(sqlite3_open(scratch_path(&place, i ? "b.db" : "a.db"), &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, changes[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(other);
        expect_refused(i ? "b.db" : "a.db", TACHO_DAMAGED);
    }
}

static void test_count__of_what_cannot_be_read_is_unknown(void **state) {
    (void)state;
    static const char text[] = "dear diary, this is no database at all, and it is long enough to hold a header of one";
    uint64_t count;
    scratch_write(&place, "h.db", "w", "", 0);
    tacho_history *history = open_file("h.db", TACHO_HISTORY_READ_ONLY);
    assert_int_equal(count_of(history), 0);
    scratch_write(&place, "h.db", "w", text, sizeof text);
    assert_int_equal(tacho_history_count(history, &count), TACHO_FOREIGN);
    tacho_history_close(history);
}

static void test_open__refuses_what_is_no_file(void **state) {
    (void)state;
    tacho_history *history;
    assert_int_equal(tacho_history_open(&history, place.folder, 0), TACHO_FOREIGN);
    assert_int_equal(tacho_history_open(&history, "", 0), TACHO_INVALID);
    assert_int_equal(tacho_history_open(&history, NULL, 0), TACHO_INVALID);
    assert_int_equal(tacho_history_open(NULL, "x", 0), TACHO_INVALID);
}

/* ------------------------------------------------------------------------------------------------- adding */

static void test_add__the_same_twice_changes_nothing(void **state) {
    (void)state;
    const tacho_record_view records[] = {a_call("1", "one", 100), a_call("2", "one", 200)};
    tacho_history *history = open_file("h.db", 0);
    assert_int_equal(tacho_history_add(history, records, 2), TACHO_OK);
    char *before = history_dump(scratch_path(&place, "h.db"));
    assert_int_equal(tacho_history_add(history, records, 2), TACHO_OK);
    char *after = history_dump(scratch_path(&place, "h.db"));
    assert_string_equal(before, after);
    assert_int_equal(count_of(history), 2);
    tacho_history_close(history);
    free(before);
    free(after);
}

static void test_add__fills_what_was_not_known(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    tacho_record_view first = a_call("1", "one", 100), second = first;
    first.model = NULL;
    second.model = "claude-opus-4-6";
    second.session = "another";
    assert_int_equal(tacho_history_add(history, &first, 1), TACHO_OK);
    assert_int_equal(tacho_history_add(history, &second, 1), TACHO_OK);
    tacho_records *records;
    assert_int_equal(tacho_history_records(history, NULL, &records), TACHO_OK);
    assert_int_equal(records->count, 1);
    assert_string_equal(records->records[0].model, "claude-opus-4-6");
    assert_string_equal(records->records[0].session, "one");
    tacho_records_free(records);
    tacho_history_close(history);
}

static void test_add__keeps_every_field(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    tacho_record_view in = a_call("1", "one", 100);
    in.parent_id = "00000000000000ff";
    in.trace_id = "0af7651916cd43dd8448eb211c80319c";
    in.requested_model = "opus";
    in.tool = "grep";
    in.outcome = "timeout";
    in.error_category = "timeout";
    in.error_type = "ReadTimeout";
    in.duration_ns = 5;
    in.first_token_ns = 3;
    in.reported_pusd = 7;
    in.table_pusd = 8;
    in.retries = 1;
    in.interventions = 2;
    in.warnings = 3;
    in.error_count = 4;
    in.tool_calls = 5;
    in.context_size = 6;
    in.context_limit = 7;
    in.compressions = 8;
    in.low_confidence = 1;
    in.weight = 9;
    in.price_sheet = "2026-11-21.3f9a01bc/1a2b3c4d";
    in.service_tier = "batch";
    in.region = "regional";
    const tacho_named components[] = {{"vector_search", 12}, {"llm_inference", INT64_C(1) << 40}};
    in.components = components;
    in.component_count = 2;
    const tacho_note metadata[] = {{.name = "n", .type = TACHO_NOTE_INTEGER, .integer = -7},
                                   {.name = "tier", .type = TACHO_NOTE_TEXT, .text = "gold"}};
    const tacho_event events[] = {{.name = "saved", .at_ns = 5, .fields = metadata, .field_count = 2}};
    in.description = "about it";
    in.metadata = metadata;
    in.metadata_count = 2;
    in.events = events;
    in.event_count = 1;
    assert_int_equal(tacho_history_add(history, &in, 1), TACHO_OK);
    tacho_records *records;
    assert_int_equal(tacho_history_records(history, NULL, &records), TACHO_OK);
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    const tacho_record_view *out = &records->records[0];
    for (size_t i = 0; i < count; i++) {
        const char *a = (const char *)&in + fields[i].offset, *b = (const char *)out + fields[i].offset;
        if (fields[i].type == TACHO_FIELD_TEXT) {
            assert_string_equal(*(const char *const *)a, *(const char *const *)b);
        } else if (fields[i].type != TACHO_FIELD_NAMED && fields[i].type < TACHO_FIELD_NOTES) {
            assert_memory_equal(a, b, fields[i].type == TACHO_FIELD_STATE ? 4 : 8);
        }
    }
    assert_int_equal(out->present, in.present);
    assert_int_equal(out->weight, 9);
    assert_int_equal(out->metadata_count, 2);
    assert_int_equal(out->metadata[0].integer, -7);
    assert_string_equal(out->metadata[1].text, "gold");
    assert_int_equal(out->event_count, 1);
    assert_int_equal(out->events[0].at_ns, 5);
    assert_string_equal(out->events[0].fields[1].text, "gold");
    assert_int_equal(out->component_count, 2);
    assert_string_equal(out->components[0].name, "vector_search");
    assert_int_equal(out->components[0].value, 12);
    assert_string_equal(out->components[1].name, "llm_inference");
    assert_true(out->components[1].value == INT64_C(1) << 40);
    assert_string_equal(tacho_history_prices(history), "2026-11-21.3f9a01bc");
    tacho_records_free(records);
    tacho_history_close(history);
}

static void test_add__needs_a_key_and_a_kind(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    tacho_record_view record = a_call("1", "one", 100);
    record.source_id = record.id = NULL;
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_INVALID);
    assert_int_equal(tacho_history_add(history, NULL, 1), TACHO_INVALID);
    assert_int_equal(tacho_history_add(NULL, &record, 1), TACHO_INVALID);
    assert_int_equal(count_of(history), 0);
    tacho_history_close(history);
}

static void test_add__is_refused_to_a_reader(void **state) {
    (void)state;
    tacho_history_close(open_file("h.db", 0));
    tacho_history *history = open_file("h.db", TACHO_HISTORY_READ_ONLY);
    const tacho_record_view record = a_call("1", "one", 100);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_DENIED);
    tacho_history_close(history);
}

static void test_add__waits_for_another_writer_only_so_long(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    const tacho_record_view record = a_call("1", "one", 100);
    int fd = open(scratch_path(&place, "h.db.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_BUSY);
    assert_string_equal(tacho_history_problem(history), "another process writes this history");
    assert_int_equal(flock(fd, LOCK_UN), 0);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_OK);
    close(fd);
    tacho_history_close(history);
}

static void test_add__of_a_process_that_dies_leaves_nothing_half(void **state) {
    (void)state;
    tacho_history_close(open_file("h.db", 0));
    pid_t child = fork();
    if (child == 0) {
        tacho_history *history;
        tacho__history_row row;
        if (tacho_history_open(&history, scratch_path(&place, "h.db"), 0) != TACHO_OK) {
            _exit(1);
        }
        tacho__history_row_init(&row);
        row.view = a_call("1", "one", 100);
        tacho_status status = tacho__store_begin(history);
        if (status == TACHO_OK) {
            status = tacho__store_put(history, &row);
        }
        _exit(status == TACHO_OK ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    tacho_history *history = open_file("h.db", 0);
    assert_int_equal(count_of(history), 0);
    const tacho_record_view record = a_call("1", "one", 100);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_OK);
    tacho_history_close(history);
}

static void copy_file(const char *from, const char *to) {
    char command[1024], source[400];
    snprintf(source, sizeof source, "%s", scratch_path(&place, from));
    snprintf(command, sizeof command, "cp '%s' '%s'", source, scratch_path(&place, to));
    assert_int_equal(system(command), 0);
}

/* The journal of a transaction that outgrew the cache has to be rolled back before anybody can read. */
static void test_open__reads_what_a_dead_writer_left(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    const tacho_record_view record = a_call("1", "one", 100);
    assert_int_equal(tacho_history_add(history, &record, 1), TACHO_OK);
    const char spill[] = "PRAGMA cache_size=1; BEGIN IMMEDIATE;"
                         "UPDATE record SET operation=hex(randomblob(90000)), session=hex(randomblob(90000))";
    assert_int_equal(sqlite3_exec(history->db, spill, NULL, NULL, NULL), SQLITE_OK);
    copy_file("h.db", "dead.db");
    copy_file("h.db-journal", "dead.db-journal");
    tacho_history_close(history);
    history = open_file("dead.db", TACHO_HISTORY_READ_ONLY);
    assert_int_equal(count_of(history), 1);
    tacho_history_close(history);
}

static void test_add_snapshot__twice_stores_its_records_once(void **state) {
    (void)state;
    tacho_collector *collector = open_collector("s-one");
    fill_collector(collector);
    tacho_snapshot *snapshot = take_snapshot(collector);
    tacho_history *history = open_file("h.db", 0);
    assert_int_equal(tacho_history_add_snapshot(history, snapshot), TACHO_OK);
    assert_int_equal(tacho_history_add_snapshot(history, snapshot), TACHO_OK);
    tacho_rows *live, *kept;
    tacho_query query = TACHO_QUERY_INIT;
    assert_int_equal(tacho_snapshot_usage(snapshot, &query, &live), TACHO_OK);
    assert_int_equal(tacho_history_usage(history, &query, &kept), TACHO_OK);
    assert_int_equal(kept->count, live->count);
    assert_int_equal(kept->totals.calls, live->totals.calls);
    assert_int_equal(kept->totals.total_tokens, live->totals.total_tokens);
    assert_true(kept->totals.cost_pusd == live->totals.cost_pusd);
    tacho_rows_free(live);
    tacho_rows_free(kept);
    tacho_records *records;
    assert_int_equal(tacho_history_records(history, NULL, &records), TACHO_OK);
    assert_true(records->count > 0);
    assert_null(records->records[0].source);
    tacho_records_free(records);
    tacho_history_close(history);
    tacho_snapshot_free(snapshot);
    tacho_collector_close(collector);
}

/* ------------------------------------------------------------------------------------------------ reading */

static void fill_sessions(tacho_history *history) {
    const tacho_record_view records[] = {a_call("1", "abcd-1", 100), a_call("2", "abcd-2", 200),
                                         a_call("3", "abcd-2", 300), a_call("4", "abzz", 86500)};
    assert_int_equal(tacho_history_add(history, records, 4), TACHO_OK);
}

static void test_usage__is_that_of_a_table_over_the_same_records(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    fill_sessions(history);
    tacho_rows *rows;
    tacho_query query = TACHO_QUERY_INIT;
    query.by = TACHO_BY_DAY;
    assert_int_equal(tacho_history_usage(history, &query, &rows), TACHO_OK);
    assert_int_equal(rows->count, 2);
    assert_string_equal(rows->rows[0].day, "1970-01-01");
    assert_int_equal(rows->rows[0].calls, 3);
    assert_int_equal(rows->totals.calls, 4);
    assert_int_equal(rows->totals.units[TACHO_UNIT_CACHE_READ], 8000);
    assert_true(rows->totals.cost_pusd == 48 * TACHO_PUSD_PER_USD / 1000);
    tacho_rows_free(rows);
    tacho_history_close(history);
}

static void test_usage__keeps_to_times_and_names(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    fill_sessions(history);
    tacho_rows *rows;
    tacho_query query = TACHO_QUERY_INIT;
    query.since_ns = 200 * INT64_C(1000000000);
    query.until_ns = 86500 * INT64_C(1000000000); /* exclusive */
    assert_int_equal(tacho_history_usage(history, &query, &rows), TACHO_OK);
    assert_int_equal(rows->totals.calls, 2);
    tacho_rows_free(rows);
    query.model = "none";
    assert_int_equal(tacho_history_usage(history, &query, &rows), TACHO_OK);
    assert_int_equal(rows->count, 0);
    tacho_rows_free(rows);
    tacho_history_close(history);
}

static void test_session__is_found_by_its_beginning(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    fill_sessions(history);
    tacho_summary *summary;
    assert_int_equal(tacho_history_summary(history, "abcd-2", &summary), TACHO_OK);
    assert_int_equal(summary->model_calls, 2);
    tacho_summary_free(summary);
    assert_int_equal(tacho_history_summary(history, "abzz", &summary), TACHO_OK);
    tacho_summary_free(summary);
    assert_int_equal(tacho_history_summary(history, NULL, &summary), TACHO_OK); /* the newest */
    assert_string_equal(summary->session, "abzz");
    tacho_summary_free(summary);
    assert_int_equal(tacho_history_summary(history, "abcd", &summary), TACHO_INVALID); /* two of them */
    assert_int_equal(tacho_history_summary(history, "abz", &summary), TACHO_INVALID);  /* too short */
    assert_int_equal(tacho_history_summary(history, "zzzz", &summary), TACHO_NOT_FOUND);
    assert_true(strstr(tacho_history_problem(history), "zzzz") != NULL);
    tacho_history_close(history);
}

static void test_session__of_a_locked_file_is_not_said_to_be_missing(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    tacho_summary *summary;
    sqlite3 *other;
    fill_sessions(history);
    assert_int_equal(sqlite3_open(scratch_path(&place, "h.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(tacho_history_summary(history, "abzz", &summary), TACHO_BUSY);
    sqlite3_close(other);
    tacho_history_close(history);
}

static void test_summary__of_nothing_is_no_data(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    tacho_summary *summary;
    assert_int_equal(tacho_history_summary(history, NULL, &summary), TACHO_NO_DATA);
    assert_string_equal(tacho_history_prices(history), "");
    tacho_history_close(history);
}

static void test_views__carry_the_names_of_the_json_output(void **state) {
    (void)state;
    tacho_history *history = open_file("h.db", 0);
    fill_sessions(history);
    tacho_history_close(history);
    const char *path = scratch_path(&place, "h.db");
    assert_int_equal(history_number(path, "SELECT sum(cache_read_tokens) FROM calls"), 8000);
    assert_int_equal(history_number(path, "SELECT count(*) FROM records WHERE cost_usd='0.012'"), 4);
    assert_int_equal(history_number(path, "SELECT count(*) FROM records WHERE ended_at='1970-01-01T00:01:40.000Z'"), 1);
    assert_int_equal(history_number(path, "SELECT count(seconds) FROM records"), 0); /* unknown, not 0 */
}

static void test_finish__leaves_nobody_locked_out(void **state) {
    (void)state;
    tacho_history *history = open_file("a.db", 0);
    tacho__mark mark = {.source = "test", .source_id = "1", .kind = "seen", .session = "s", .value = "v"};
    assert_int_equal(tacho__store_begin(history), TACHO_OK);
    assert_int_equal(tacho__mark_put(history, &mark), TACHO_OK);
    assert_int_equal(tacho__store_finish(history, TACHO_OK), TACHO_OK);
    assert_int_equal(tacho__store_begin(history), TACHO_OK);
    assert_int_equal(tacho__mark_find(history, &mark), TACHO_OK);
    assert_int_equal(tacho__store_finish(history, TACHO_OK), TACHO_OK);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(scratch_path(&place, "a.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    tacho_history_close(history);
}

static void test_two_handles__see_each_other(void **state) {
    (void)state;
    tacho_history *writer = open_file("h.db", 0), *reader = open_file("h.db", TACHO_HISTORY_READ_ONLY);
    fill_sessions(writer);
    assert_int_equal(count_of(reader), 4);
    int64_t before = tacho__store_data_version(reader);
    const tacho_record_view record = a_call("5", "one", 100);
    assert_int_equal(tacho_history_add(writer, &record, 1), TACHO_OK);
    assert_int_not_equal(tacho__store_data_version(reader), before);
    tacho_history_close(writer);
    tacho_history_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_open__makes_a_private_file_that_is_ours),
        TEST(test_open__of_an_empty_file_is_a_history_in_which_nothing_is),
        TEST(test_open__makes_folders_only_on_request),
        TEST(test_open__tells_a_missing_file),
        TEST(test_open__leaves_foreign_files_alone),
        TEST(test_open__leaves_newer_files_alone),
        TEST(test_open__leaves_damaged_files_alone),
        TEST(test_open__names_a_missing_column_as_damage),
        TEST(test_count__of_what_cannot_be_read_is_unknown),
        TEST(test_open__refuses_what_is_no_file),
        TEST(test_add__the_same_twice_changes_nothing),
        TEST(test_add__fills_what_was_not_known),
        TEST(test_add__keeps_every_field),
        TEST(test_add__needs_a_key_and_a_kind),
        TEST(test_add__is_refused_to_a_reader),
        TEST(test_add__waits_for_another_writer_only_so_long),
        TEST(test_add__of_a_process_that_dies_leaves_nothing_half),
        TEST(test_open__reads_what_a_dead_writer_left),
        TEST(test_add_snapshot__twice_stores_its_records_once),
        TEST(test_usage__is_that_of_a_table_over_the_same_records),
        TEST(test_usage__keeps_to_times_and_names),
        TEST(test_session__is_found_by_its_beginning),
        TEST(test_session__of_a_locked_file_is_not_said_to_be_missing),
        TEST(test_summary__of_nothing_is_no_data),
        TEST(test_views__carry_the_names_of_the_json_output),
        TEST(test_finish__leaves_nobody_locked_out),
        TEST(test_two_handles__see_each_other),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
