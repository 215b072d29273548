/* The rules of the importer one by one, on lines made here, and the figures of real sessions. The order in which things
 * are read is the business of test_claude_order.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/memory.h"
#include "support/history_dump.h"
#include "support/scratch.h"
#include "support/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph/ingest.h>
#include <unistd.h>

#define OPUS "claude-opus-4-6"

static scratch place;
static tacho__buffer text;

static int set_up(void **state) {
    (void)state;
    scratch_make(&place);
    tacho__buffer_clear(&text);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(&place);
    return 0;
}

/* What an import said. */
typedef struct heard {
    char problems[4096];
    unsigned count;
} heard;

static void hear(void *context, const tacho_import_problem *problem) {
    heard *told = context;
    size_t used = strlen(told->problems);
    const char *name = strrchr(problem->file, '/');
    told->count++;
    snprintf(told->problems + used, sizeof told->problems - used, "%s:%u: %s\n", name ? name + 1 : problem->file,
             problem->line, problem->what);
}

static tacho_status import_into(const char *history_name, const char *path, heard *told, tacho_import_counts *counts) {
    tacho_history *history;
    const tacho_import_options options = {
        .struct_size = sizeof options, .problem = told ? hear : NULL, .context = told};
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, history_name), 0), TACHO_OK);
    tacho_status status = tacho_import_claude_code(history, &path, 1, &options, counts);
    tacho_history_close(history);
    return status;
}

/* Writes the lines said so far into a log and imports the folder. */
static tacho_import_counts import_text(void) {
    tacho_import_counts counts;
    scratch_write(&place, "logs/project/s1.jsonl", "w", text.data, text.length);
    assert_int_equal(import_into("h.db", scratch_path(&place, "logs"), NULL, &counts), TACHO_OK);
    return counts;
}

static long long number(const char *sql) {
    return history_number(scratch_path(&place, "h.db"), sql);
}

/* --------------------------------------------------------------------------------------------- model calls */

static void test_call__is_one_however_many_lines_it_has(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        say_call(&text,
                 (say){.session = "s1", .uuid = "u1", .at = i, .id = "m1", .model = OPUS, .input = 3, .output = 9});
    }
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.calls, 1);
    assert_int_equal(counts.calls_new, 1);
    assert_int_equal(counts.sessions, 1);
    assert_int_equal(number("SELECT count(*) FROM record WHERE kind='llm'"), 1);
    assert_int_equal(number("SELECT input FROM record"), 3);
    assert_int_equal(number("SELECT count(duration_ns) FROM record"), 0); /* no latency is known */
}

static void test_call__is_the_line_with_the_largest_output(void **state) {
    (void)state;
    say_call(&text,
             (say){.session = "s1", .uuid = "u1", .at = 1, .id = "m1", .model = OPUS, .input = 100, .output = 1});
    say_call(&text,
             (say){.session = "s1", .uuid = "u2", .at = 2, .id = "m1", .model = OPUS, .input = 7, .output = 500});
    say_call(&text,
             (say){.session = "s1", .uuid = "u3", .at = 3, .id = "m1", .model = OPUS, .input = 50, .output = 20});
    import_text();
    assert_int_equal(number("SELECT input FROM record"), 7); /* the whole line, not the largest of each */
    assert_int_equal(number("SELECT output FROM record"), 500);
    assert_int_equal(number("SELECT line='u2' FROM record"), 1);
}

static void test_call__ties_go_to_the_main_thread_then_direct_then_early_then_small(void **state) {
    (void)state;
    const say base = {.session = "s1", .model = OPUS, .output = 5};
    say a = base, b = base;
    /* a replay in a sidechain loses, even when it is earlier */
    a.id = b.id = "m1", a.uuid = "a", b.uuid = "b", a.sidechain = true, a.at = 1, b.at = 2;
    say_call(&text, a), say_call(&text, b);
    /* wrapped loses against direct, both of a sub-agent */
    a = b = base, a.id = b.id = "m2", a.uuid = "a", b.uuid = "b", a.inside = "t1", a.agent = b.agent = "x";
    b.sidechain = true, a.at = 1, b.at = 2;
    say_call(&text, a), say_call(&text, b);
    /* later loses */
    a = b = base, a.id = b.id = "m3", a.uuid = "a", b.uuid = "b", a.at = 2, b.at = 1;
    say_call(&text, a), say_call(&text, b);
    /* the larger id loses */
    a = b = base, a.id = b.id = "m4", a.uuid = "c", b.uuid = "b";
    say_call(&text, a), say_call(&text, b);
    import_text();
    assert_int_equal(number("SELECT count(*) FROM record WHERE kind='llm' AND line='b'"), 4);
}

static void test_call__only_in_progress_lines_is_of_low_confidence(void **state) {
    (void)state;
    const say wrapped = {
        .session = "s1", .uuid = "u1", .id = "m1", .model = OPUS, .output = 900, .inside = "t1", .agent = "x"};
    say direct = wrapped;
    say_call(&text, wrapped);
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.low_confidence_calls, 1);
    assert_true(counts.low_confidence_cost_pusd > 0);
    assert_int_equal(number("SELECT low_confidence FROM record WHERE kind='llm'"), 1);
    /* a direct line makes it sure, although the wrapped one still has the larger count */
    direct.inside = NULL, direct.sidechain = true, direct.output = 1;
    tacho__buffer_clear(&text);
    say_call(&text, direct);
    scratch_write(&place, "logs/project/s1/subagents/agent-x.jsonl", "w", text.data, text.length);
    assert_int_equal(import_into("h.db", scratch_path(&place, "logs"), NULL, &counts), TACHO_OK);
    assert_int_equal(counts.low_confidence_calls, 0);
    assert_int_equal(number("SELECT low_confidence FROM record WHERE kind='llm'"), 0);
    assert_int_equal(number("SELECT output FROM record WHERE kind='llm'"), 900);
}

static void test_call__synthetic_is_none(void **state) {
    (void)state;
    say_call(&text, (say){.session = "s1", .uuid = "u1", .id = "m1", .model = "<synthetic>", .output = 1});
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.calls, 0);
    assert_int_equal(number("SELECT count(*) FROM record"), 0);
}

static void test_call__with_missing_fields_is_counted_all_the_same(void **state) {
    (void)state;
    say_call(&text, (say){.uuid = "u1", .at = 1, .request = "r1", .model = OPUS, .output = 1}); /* no id, no session */
    say_call(&text, (say){.uuid = "u2", .at = 2, .request = "r1", .model = OPUS, .output = 2}); /* the same request */
    say_call(&text, (say){.uuid = "u3", .at = 3, .model = OPUS, .output = 1});                  /* only a line id */
    say_call(&text, (say){.at = 4, .model = OPUS, .output = 1});                                /* not even that */
    say_call(&text, (say){.id = "m5", .no_time = true, .model = OPUS, .output = 1});            /* no time */
    say_call(&text, (say){.id = "m6", .at = 5, .output = 1});                                   /* no model */
    say_line(&text, "{\"type\":\"assistant\",\"message\":{\"id\":\"m7\",\"model\":\"" OPUS "\"}}"); /* no usage */
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.calls, 6);
    assert_int_equal(counts.lines_unreadable, 0);
    assert_int_equal(number("SELECT count(*) FROM record WHERE session='s1'"), 6); /* the name of the file */
    assert_int_equal(number("SELECT count(*) FROM record WHERE ended_at_ns IS NULL"), 2);
    assert_int_equal(number("SELECT count(*) FROM record WHERE output IS NULL AND cost_pusd IS NULL"), 1);
    assert_int_equal(number("SELECT count(*) FROM record WHERE model IS NULL AND cost_state='unknown'"), 1);
}

static void test_call__is_priced_and_the_sheet_is_told(void **state) {
    (void)state;
    say_call(&text, (say){.session = "s1", .uuid = "u1", .id = "m1", .model = OPUS, .input = 100000});
    say_call(&text, (say){.session = "s1", .uuid = "u2", .id = "m2", .model = "nobody-knows", .input = 5});
    say_call(&text, (say){.session = "s1", .uuid = "u3", .id = "m3", .model = OPUS, .input = 5, .cost = "0.25"});
    import_text();
    assert_int_equal(number("SELECT cost_pusd FROM record WHERE source_id='m1'"), TACHO_PUSD_PER_USD / 2);
    assert_int_equal(number("SELECT cost_state='exact' FROM record WHERE source_id='m1'"), 1);
    assert_int_equal(number("SELECT price_sheet LIKE '20%/%' FROM record WHERE source_id='m1'"), 1);
    assert_int_equal(number("SELECT cost_state='unknown' AND cost_pusd IS NULL FROM record WHERE source_id='m2'"), 1);
    assert_int_equal(number("SELECT cost_state='reported' AND cost_pusd=250000000000 FROM record WHERE source_id='m3'"),
                     1);
}

static void test_call__knows_both_lifetimes_of_written_cache(void **state) {
    (void)state;
    say_call(&text, (say){.id = "m1", .model = OPUS, .cache_write = 10, .cache_write_1h = 200});
    say_call(&text,
             (say){.id = "m2", .model = OPUS, .usage = "{\"input_tokens\":1,\"cache_creation_input_tokens\":77}"});
    import_text();
    assert_int_equal(number("SELECT cache_write FROM record WHERE source_id='m1'"), 10);
    assert_int_equal(number("SELECT cache_write_1h FROM record WHERE source_id='m1'"), 200);
    assert_int_equal(number("SELECT cache_write FROM record WHERE source_id='m2'"), 77); /* of old agents: 5 minutes */
}

static void test_call__names_the_provider_by_the_model(void **state) {
    (void)state;
    say_call(&text, (say){.id = "m1", .model = "claude-sonnet-4-5-20250929", .input = 1});
    say_call(&text, (say){.id = "m2", .model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", .input = 1});
    say_call(&text, (say){.id = "m3", .model = "claude-sonnet-4-5@20250929", .input = 1});
    say_call(&text, (say){.id = "m4", .model = "glm-4.6", .input = 1});
    import_text();
    assert_int_equal(number("SELECT provider='anthropic' FROM record WHERE source_id='m1'"), 1);
    assert_int_equal(number("SELECT provider='aws.bedrock' FROM record WHERE source_id='m2'"), 1);
    assert_int_equal(number("SELECT provider='gcp.vertex_ai' FROM record WHERE source_id='m3'"), 1);
    assert_int_equal(number("SELECT provider IS NULL FROM record WHERE source_id='m4'"), 1);
}

/* ------------------------------------------------------------------------------------------- tools and steps */

static void test_tool__takes_from_its_use_to_its_result(void **state) {
    (void)state;
    say_call(&text, (say){.session = "s1", .at = 1, .id = "m1", .model = OPUS, .tool_use = "t1", .tool = "Bash"});
    say_result(&text, (say){.session = "s1", .at = 3.5, .tool_result = "t1"});
    say_call(&text, (say){.session = "s1", .at = 4, .id = "m2", .model = OPUS, .tool_use = "t2", .tool = "Edit"});
    say_result(&text, (say){.session = "s1", .at = 5, .tool_result = "t2", .is_error = true});
    say_call(&text, (say){.session = "s1", .at = 6, .id = "m3", .model = OPUS, .tool_use = "t3", .tool = "Read"});
    say_result(&text, (say){.session = "s1", .at = 7, .tool_result = "t9"}); /* of a call that is not in the logs */
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.tool_calls, 3);
    assert_int_equal(number("SELECT duration_ns FROM record WHERE source_id='t1'"), 2500000000);
    assert_int_equal(number("SELECT estimated FROM record WHERE source_id='t1'"), 1);
    assert_int_equal(number("SELECT outcome='ok' FROM record WHERE source_id='t1'"), 1);
    assert_int_equal(number("SELECT outcome='error' AND error_category='tool' FROM record WHERE source_id='t2'"), 1);
    assert_int_equal(number("SELECT outcome='orphaned' AND duration_ns IS NULL FROM record WHERE source_id='t3'"), 1);
    assert_int_equal(number("SELECT tool='Edit' AND operation='Edit' FROM record WHERE source_id='t2'"), 1);
}

static void test_step__is_one_prompt_up_to_the_next(void **state) {
    (void)state;
    say_prompt(&text, (say){.session = "s1", .uuid = "p1", .at = 1}, NULL);
    say_call(&text, (say){.session = "s1", .at = 2, .id = "m1", .model = OPUS, .tool_use = "t1"});
    say_result(&text, (say){.session = "s1", .at = 4, .tool_result = "t1"});
    say_prompt(&text, (say){.session = "s1", .uuid = "p2", .at = 10}, NULL); /* nothing came of it */
    say_prompt(&text, (say){.session = "s1", .uuid = "p3", .at = 20}, NULL);
    say_call(&text, (say){.session = "s1", .at = 21, .id = "m2", .model = OPUS});
    say_prompt(&text, (say){.session = "s1", .uuid = "p4", .at = 22}, "[Request interrupted by user]");
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.steps, 2);
    assert_int_equal(number("SELECT count(*) FROM record WHERE kind='step'"), 2);
    assert_int_equal(number("SELECT duration_ns FROM record WHERE source_id='p1'"), 3000000000);
    assert_int_equal(number("SELECT tool_calls FROM record WHERE source_id='p1'"), 1);
    assert_int_equal(number("SELECT outcome='cancelled' AND interventions=1 FROM record WHERE source_id='p3'"), 1);
    assert_int_equal(number("SELECT count(*) FROM record c JOIN record p ON c.parent_id=p.id WHERE p.source_id='p1'"),
                     2);
}

static void test_step__is_not_made_by_what_no_human_wrote(void **state) {
    (void)state;
    say_line(&text,
             "{\"type\":\"user\",\"isMeta\":true,\"uuid\":\"p1\",\"message\":{\"role\":\"user\",\"content\":\"x\"},"
             "\"timestamp\":\"2026-02-11T20:00:01Z\"}");
    say_line(&text, "{\"type\":\"user\",\"isCompactSummary\":true,\"uuid\":\"p2\",\"message\":{\"role\":\"user\","
                    "\"content\":\"x\"},\"timestamp\":\"2026-02-11T20:00:02Z\"}");
    say_prompt(&text, (say){.uuid = "p3", .at = 3, .sidechain = true, .agent = "x"}, NULL);
    say_call(&text, (say){.id = "m1", .at = 4, .model = OPUS});
    assert_int_equal(import_text().steps, 0);
}

static void say_agent(void) {
    say_prompt(&text, (say){.session = "s1", .uuid = "p1", .at = 0}, NULL);
    say_call(&text, (say){.session = "s1",
                          .at = 1,
                          .id = "m1",
                          .model = OPUS,
                          .input = 9000,
                          .tool_use = "t1",
                          .tool = "Task",
                          .agent_type = "Explore"});
    say_call(&text, (say){.session = "s1",
                          .at = 2,
                          .id = "m2",
                          .model = OPUS,
                          .agent = "a1",
                          .inside = "t1",
                          .input = 5,
                          .tool_use = "t2",
                          .tool = "Read"});
    say_result(&text, (say){.session = "s1", .at = 3, .agent = "a1", .inside = "t1", .tool_result = "t2"});
    say_result(&text, (say){.session = "s1", .at = 9, .tool_result = "t1", .result_agent = "a1"});
    say_call(&text, (say){.session = "s1", .at = 10, .id = "m3", .model = OPUS, .input = 9500});
}

static void test_agent__hangs_under_its_tool(void **state) {
    (void)state;
    say_agent();
    tacho_import_counts counts = import_text();
    assert_int_equal(counts.agents, 1);
    assert_int_equal(number("SELECT operation='Explore' FROM record WHERE kind='agent'"), 1);
    assert_int_equal(number("SELECT duration_ns FROM record WHERE kind='agent'"), 8000000000);
    assert_int_equal(
        number("SELECT p.source_id='t1' FROM record a JOIN record p ON a.parent_id=p.id WHERE a.kind='agent'"), 1);
    assert_int_equal(number("SELECT count(*) FROM record c JOIN record a ON c.parent_id=a.id WHERE a.kind='agent'"), 2);
    assert_int_equal(
        number("SELECT p.kind='step' FROM record t JOIN record p ON t.parent_id=p.id WHERE t.source_id='t1'"), 1);
}

static void test_context__is_that_of_the_main_thread(void **state) {
    (void)state;
    say_agent();
    import_text();
    assert_int_equal(number("SELECT context_size FROM record WHERE source_id='m1'"), 9000);
    assert_int_equal(number("SELECT context_size IS NULL FROM record WHERE source_id='m2'"), 1);
    assert_int_equal(number("SELECT sum(compressions) FROM record"), 0); /* the agent's small context is no drop */
}

static void test_compaction__is_a_drop_or_a_line_and_not_both(void **state) {
    (void)state;
    const int sizes[] = {1000, 600, 299, 500, 100}; /* 600 -> 299 drops by more than half, 500 -> 100 too */
    char ids[5][8];
    for (int i = 0; i < 5; i++) {
        snprintf(ids[i], sizeof ids[i], "m%d", i);
        if (i == 4) {
            say_boundary(&text, (say){.session = "s1", .uuid = "b1", .at = i - 0.5});
        }
        say_call(&text, (say){.session = "s1", .at = i, .id = ids[i], .model = OPUS, .cache_read = sizes[i]});
    }
    say_boundary(&text, (say){.session = "s1", .uuid = "b2", .at = 9});
    import_text();
    assert_int_equal(number("SELECT compressions FROM record WHERE source_id='m2'"), 1);
    assert_int_equal(number("SELECT compressions FROM record WHERE source_id='m4'"), 2); /* and the line behind it */
    assert_int_equal(number("SELECT sum(compressions) FROM record"), 3);
}

/* -------------------------------------------------------------------------------------------------- bad input */

static void test_lines__that_cannot_be_read_are_named_and_passed_over(void **state) {
    (void)state;
    heard told = {0};
    tacho_import_counts counts;
    say_call(&text, (say){.id = "m1", .model = OPUS});
    say_line(&text, "");
    say_line(&text, "{\"type\":\"assistant\",\"message\":{\"id\":\"m2\"");
    tacho__buffer_append(&text, "\x00\xff\x01\n", 4);
    for (int i = 0; i < 100000; i++) {
        tacho__buffer_byte(&text, '[');
    }
    say_line(&text, "");
    say_line(&text, "{\"type\":\"of next year\",\"x\":1}");
    say_line(&text, "[1,2]");
    say_call(&text, (say){.id = "m3", .model = OPUS});
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    assert_int_equal(import_into("h.db", scratch_path(&place, "logs"), &told, &counts), TACHO_OK);
    assert_int_equal(counts.lines, 8);
    assert_int_equal(counts.lines_unreadable, 4);
    assert_int_equal(counts.lines_foreign, 2);
    assert_int_equal(counts.calls, 2);
    assert_int_equal(told.count, 4);
    const char *const beginnings[] = {"a.jsonl:2: the line is empty\n", "a.jsonl:3: ", "a.jsonl:4: ", "a.jsonl:5: "};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(strstr(told.problems, beginnings[i]));
    }
}

static void test_line__of_more_than_32_mib_is_passed_over(void **state) {
    (void)state;
    heard told = {0};
    tacho_import_counts counts;
    tacho__buffer chunk = TACHO__BUFFER_INIT;
    for (int i = 0; i < 1 << 20; i++) {
        tacho__buffer_byte(&chunk, 'x');
    }
    say_call(&text, (say){.id = "m1", .model = OPUS});
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    scratch_write(&place, "logs/a.jsonl", "a", "{\"type\":\"", 9);
    for (int i = 0; i < 33; i++) {
        scratch_write(&place, "logs/a.jsonl", "a", chunk.data, chunk.length);
    }
    scratch_write(&place, "logs/a.jsonl", "a", "\"}\n", 3);
    tacho__buffer_clear(&text);
    say_call(&text, (say){.id = "m2", .model = OPUS});
    scratch_write(&place, "logs/a.jsonl", "a", text.data, text.length);
    assert_int_equal(import_into("h.db", scratch_path(&place, "logs"), &told, &counts), TACHO_OK);
    assert_int_equal(counts.calls, 2);
    assert_string_equal(told.problems, "a.jsonl:2: the line is longer than 32 MiB\n");
    tacho__buffer_free(&chunk);
}

static void test_text__is_never_stored(void **state) {
    (void)state;
    size_t length;
    say_agent();
    import_text();
    char *bytes = scratch_read(scratch_path(&place, "h.db"), &length);
    assert_null(memmem(bytes, length, "secret", 6));
    free(bytes);
}

static void test_paths__that_are_not_there_are_told(void **state) {
    (void)state;
    heard told = {0};
    assert_int_equal(import_into("h.db", scratch_path(&place, "none"), &told, NULL), TACHO_NOT_FOUND);
    assert_string_equal(told.problems, "none:0: there is no such file or folder\n");
    scratch_write(&place, "empty/readme", "w", "x", 1);
    assert_int_equal(import_into("h.db", scratch_path(&place, "empty"), NULL, NULL), TACHO_NO_DATA);
}

static void test_defaults__are_where_the_agent_writes(void **state) {
    (void)state;
    tacho_history *history;
    tacho_import_counts counts;
    char list[1024];
    say_call(&text, (say){.id = "m1", .model = OPUS});
    scratch_write(&place, "one/projects/p/a.jsonl", "w", text.data, text.length);
    tacho__buffer_clear(&text);
    say_call(&text, (say){.id = "m2", .model = OPUS});
    scratch_write(&place, "two/p/b.jsonl", "w", text.data, text.length);
    snprintf(list, sizeof list, "%s/one,%s/two,%s/three", place.folder, place.folder, place.folder);
    setenv("CLAUDE_CONFIG_DIR", list, 1);
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, "h.db"), 0), TACHO_OK);
    assert_int_equal(tacho_import_claude_code(history, NULL, 0, NULL, &counts), TACHO_OK);
    assert_int_equal(counts.calls, 2);
    unsetenv("CLAUDE_CONFIG_DIR");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", place.folder, 1);
    assert_int_equal(tacho_import_claude_code(history, NULL, 0, NULL, &counts), TACHO_NOT_FOUND);
    scratch_write(&place, ".claude/projects/p/c.jsonl", "w", text.data, text.length);
    assert_int_equal(tacho_import_claude_code(history, NULL, 0, NULL, &counts), TACHO_OK);
    assert_int_equal(counts.calls, 1);
    assert_int_equal(counts.calls_new, 0);
    tacho_history_close(history);
}

/* Refuses every request of an import in turn: it ends with a status and keeps nothing of its own. */
static void test_memory__refused_anywhere_leaves_a_history_that_goes_on(void **state) {
    (void)state;
    tacho_history *history;
    const char *path = scratch_path(&place, "logs");
    bool refused = true;
    say_agent();
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, "h.db"), 0), TACHO_OK);
    for (int64_t k = 0; refused; k++) {
        assert_true(k < 10000);
        tacho__memory_fail_after(k, 0);
        tacho_status status = tacho_import_claude_code(history, &path, 1, NULL, NULL);
        tacho__memory_fail_after(-1, 0);
        assert_true(status == TACHO_OK || status == TACHO_NOMEM);
        refused = status == TACHO_NOMEM;
    }
    tacho_history_close(history);
    assert_int_equal(number("SELECT count(*) FROM record"), 8 - 1);
    assert_int_equal(number("SELECT count(*) FROM record WHERE kind='llm'"), 3);
}

/* ------------------------------------------------------------------------------------------------ real sessions */

static void test_sample__gives_the_known_figures(void **state) {
    (void)state;
    const char *data = getenv("TACHO_TEST_DATA");
    char folder[1024];
    struct stat info;
    tacho_import_counts counts;
    snprintf(folder, sizeof folder, "%s/agent-sessions/claude-code", data ? data : "");
    if (!data || stat(folder, &info) != 0) {
        printf("skipped: TACHO_TEST_DATA has no agent-sessions/claude-code\n");
        skip();
    }
    assert_int_equal(import_into("h.db", folder, NULL, &counts), TACHO_OK);
    assert_int_equal(counts.calls, 335);
    assert_int_equal(counts.low_confidence_calls, 5);
    assert_int_equal(counts.low_confidence_cost_pusd, 38163300000);
    assert_int_equal(counts.lines_unreadable + counts.lines_foreign, 0);
    assert_int_equal(number("SELECT sum(input) FROM record"), 4433);
    assert_int_equal(number("SELECT sum(output) FROM record"), 81085);
    assert_int_equal(number("SELECT sum(cache_write) FROM record"), 0);
    assert_int_equal(number("SELECT sum(cache_write_1h) FROM record"), 742614);
    assert_int_equal(number("SELECT sum(cache_read) FROM record"), 31802050);
    assert_int_equal(number("SELECT sum(cost_pusd) FROM record"), 24818943200000);
    assert_int_equal(number("SELECT sum(cost_pusd) FROM record WHERE model='claude-opus-4-6'"), 24460070500000);
    assert_int_equal(number("SELECT sum(cost_pusd) FROM record WHERE model='claude-sonnet-4-5-20250929'"),
                     263393700000);
    assert_int_equal(number("SELECT sum(cost_pusd) FROM record WHERE model='claude-haiku-4-5-20251001'"), 95479000000);
    assert_int_equal(number("SELECT sum(compressions) FROM record"), 2);
    assert_int_equal(number("SELECT max(context_size) FROM record"), 167094); /* what the log itself says */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_call__is_one_however_many_lines_it_has),
        TEST(test_call__is_the_line_with_the_largest_output),
        TEST(test_call__ties_go_to_the_main_thread_then_direct_then_early_then_small),
        TEST(test_call__only_in_progress_lines_is_of_low_confidence),
        TEST(test_call__synthetic_is_none),
        TEST(test_call__with_missing_fields_is_counted_all_the_same),
        TEST(test_call__is_priced_and_the_sheet_is_told),
        TEST(test_call__knows_both_lifetimes_of_written_cache),
        TEST(test_call__names_the_provider_by_the_model),
        TEST(test_tool__takes_from_its_use_to_its_result),
        TEST(test_step__is_one_prompt_up_to_the_next),
        TEST(test_step__is_not_made_by_what_no_human_wrote),
        TEST(test_agent__hangs_under_its_tool),
        TEST(test_context__is_that_of_the_main_thread),
        TEST(test_compaction__is_a_drop_or_a_line_and_not_both),
        TEST(test_lines__that_cannot_be_read_are_named_and_passed_over),
        TEST(test_line__of_more_than_32_mib_is_passed_over),
        TEST(test_text__is_never_stored),
        TEST(test_paths__that_are_not_there_are_told),
        TEST(test_defaults__are_where_the_agent_writes),
        TEST(test_memory__refused_anywhere_leaves_a_history_that_goes_on),
        TEST(test_sample__gives_the_known_figures),
    };
    int failed = cmocka_run_group_tests_name("claude code", tests, NULL, NULL);
    tacho__buffer_free(&text);
    return failed;
}
