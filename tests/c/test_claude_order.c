/*
 * Importing is a join: twice, in any order of files and lines, split over folders, cut at any byte and resumed, stopped
 * or killed between batches, it ends in the same history. Lines are random; the seed is printed, and TACHO_TEST_SEED
 * gives it back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "support/history_dump.h"
#include "support/scratch.h"
#include "support/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tachograph/ingest.h>
#include <unistd.h>

static scratch place;
static uint64_t seed;

static int set_up(void **state) {
    (void)state;
    const char *given = getenv("TACHO_TEST_SEED");
    scratch_make(&place);
    seed = given ? strtoull(given, NULL, 10) : tacho__random_id();
    print_message("seed %llu\n", (unsigned long long)seed);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(&place);
    return 0;
}

/* splitmix64 */
static uint64_t next_random(void) {
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static unsigned below(unsigned limit) {
    return (unsigned)(next_random() % limit);
}

/* ---------------------------------------------------------------------------------------------- random sessions */

#define LINES_MAX 600

typedef struct lines {
    char *line[LINES_MAX]; /* with their line ends */
    size_t count;
} lines;

static void keep(lines *all, tacho__buffer *line) {
    assert_true(all->count < LINES_MAX);
    assert_non_null(tacho__buffer_text(line));
    all->line[all->count] = malloc(line->length + 1);
    assert_non_null(all->line[all->count]);
    memcpy(all->line[all->count++], line->data, line->length + 1);
    tacho__buffer_clear(line);
}

static void forget(lines *all) {
    for (size_t i = 0; i < all->count; i++) {
        free(all->line[i]);
    }
    all->count = 0;
}

/* One of a few ids, so that lines meet; 8 places in turn. */
static const char *pick(const char *prefix, unsigned count) {
    static char names[8][24];
    static unsigned turn;
    char *name = names[turn++ % 8];
    snprintf(name, sizeof names[0], "%s-%u", prefix, below(count));
    return name;
}

static say random_frame(void) {
    static const char *const models[] = {"claude-opus-4-6", "claude-haiku-4-5-20251001", "unheard-of", "<synthetic>"};
    say line = {.session = pick("session", 3), .uuid = pick("line", 60), .at = below(100) / 10.0};
    line.model = models[below(20) ? below(3) : 3];
    if (below(3) == 0) {
        line.agent = pick("agent", 3);
        line.sidechain = true;
        line.inside = below(2) ? pick("tool", 40) : NULL;
    } else {
        line.sidechain = below(12) == 0;
    }
    line.no_time = below(30) == 0;
    return line;
}

static void random_line(tacho__buffer *out) {
    say line = random_frame();
    switch (below(10)) {
    case 0:
        say_prompt(out, line, below(4) ? NULL : "[Request interrupted by user]");
        break;
    case 1:
        say_boundary(out, line);
        break;
    case 2:
    case 3:
        line.tool_result = pick("tool", 40);
        line.is_error = below(3) == 0;
        line.result_agent = below(3) ? NULL : pick("agent", 3);
        say_result(out, line);
        break;
    default:
        line.id = below(40) ? pick("response", 50) : NULL;
        line.input = (int)below(5);
        line.cache_read = (int)below(3) * 1000;
        line.output = (int)below(3); /* so that most competitors tie */
        line.tool_use = below(2) ? pick("tool", 40) : NULL;
        line.tool = below(3) ? "Bash" : "Task";
        line.agent_type = below(3) ? NULL : pick("kind", 3);
        line.cost = below(10) ? NULL : "0.5";
        line.usage = below(8) ? NULL : below(2) ? "{\"input_tokens\":4}" : "{\"input_tokens\":5}";
        say_call(out, line);
    }
}

static void random_lines(lines *all, size_t count) {
    tacho__buffer line = TACHO__BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        random_line(&line);
        keep(all, &line);
    }
    tacho__buffer_free(&line);
}

static void shuffle(lines *all) {
    for (size_t i = all->count; i > 1; i--) {
        size_t other = below((unsigned)i);
        char *line = all->line[i - 1];
        all->line[i - 1] = all->line[other];
        all->line[other] = line;
    }
}

/* Deals the lines out to files; a name that sorts by chance, so that files come in any order. */
static void write_files(const lines *all, const char *folder, unsigned files) {
    char name[8][128];
    for (unsigned i = 0; i < files; i++) {
        snprintf(name[i], sizeof name[i], "%s/%u/x%u.jsonl", folder, below(3), below(1000000));
    }
    for (size_t i = 0; i < all->count; i++) {
        scratch_write(&place, name[below(files)], "a", all->line[i], strlen(all->line[i]));
    }
}

static tacho_status import_folder(const char *history_name, const char *folder) {
    tacho_history *history;
    const char *path = scratch_path(&place, folder);
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, history_name), 0), TACHO_OK);
    tacho_status status = tacho_import_claude_code(history, &path, 1, NULL, NULL);
    tacho_history_close(history);
    return status;
}

/* Shows the first line that differs: the dumps themselves are long. */
static void show_difference(const char *first, const char *second) {
    size_t start = 0;
    for (size_t i = 0; first[i] && first[i] == second[i]; i++) {
        start = first[i] == '\n' ? i + 1 : start;
    }
    print_message("%.*s\n%.*s\n", (int)strcspn(first + start, "\n"), first + start, (int)strcspn(second + start, "\n"),
                  second + start);
}

static void expect_same(const char *a, const char *b) {
    char *first = history_dump(scratch_path(&place, a)), *second = history_dump(scratch_path(&place, b));
    bool same = strcmp(first, second) == 0;
    assert_true(strlen(first) > 100);
    if (!same) {
        show_difference(first, second);
    }
    free(first);
    free(second);
    assert_true(same);
}

/* -------------------------------------------------------------------------------------------------------- orders */

static void test_order__of_lines_and_files_changes_nothing(void **state) {
    (void)state;
    lines all = {.count = 0};
    char folder[32], file[32];
    random_lines(&all, 500);
    write_files(&all, "first", 1);
    assert_int_equal(import_folder("first.db", "first"), TACHO_OK);
    for (unsigned round = 0; round < 8; round++) {
        shuffle(&all);
        snprintf(folder, sizeof folder, "round%u", round);
        snprintf(file, sizeof file, "round%u.db", round);
        write_files(&all, folder, 1 + below(8));
        assert_int_equal(import_folder(file, folder), TACHO_OK);
        expect_same("first.db", file);
    }
    forget(&all);
}

static void test_twice__changes_nothing(void **state) {
    (void)state;
    lines all = {.count = 0};
    random_lines(&all, 400);
    write_files(&all, "logs", 3);
    assert_int_equal(import_folder("once.db", "logs"), TACHO_OK);
    assert_int_equal(import_folder("twice.db", "logs"), TACHO_OK);
    assert_int_equal(import_folder("twice.db", "logs"), TACHO_OK);
    shuffle(&all);
    write_files(&all, "copies", 4); /* the same lines in other files */
    assert_int_equal(import_folder("twice.db", "copies"), TACHO_OK);
    expect_same("once.db", "twice.db");
    forget(&all);
}

/* Into one history, a file at a time, each import by a handle of its own: all that is known comes from the file. */
static void test_parts__imported_one_by_one_give_the_whole(void **state) {
    (void)state;
    lines all = {.count = 0};
    char folder[32];
    random_lines(&all, 500);
    write_files(&all, "whole", 2);
    assert_int_equal(import_folder("whole.db", "whole"), TACHO_OK);
    shuffle(&all);
    for (unsigned part = 0; part < 10; part++) {
        lines some = {.count = 0};
        for (size_t i = part * 50; i < part * 50 + 50; i++) {
            some.line[some.count++] = all.line[i];
        }
        snprintf(folder, sizeof folder, "part%u", part);
        write_files(&some, folder, 1);
        assert_int_equal(import_folder("parts.db", folder), TACHO_OK);
    }
    expect_same("whole.db", "parts.db");
    forget(&all);
}

/* Grows a file by `bytes` in random steps, importing after each. */
static void grow(const char *history, const char *folder, const char *file, const char *bytes, size_t length,
                 size_t step) {
    for (size_t at = 0; at < length;) {
        size_t more = 1 + below((unsigned)step);
        more = more < length - at ? more : length - at;
        scratch_write(&place, file, "a", bytes + at, more);
        at += more;
        tacho_status status = import_folder(history, folder);
        assert_int_equal(status, TACHO_OK);
    }
}

static void test_cut__at_any_byte_and_resumed_changes_nothing(void **state) {
    (void)state;
    lines all = {.count = 0};
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    random_lines(&all, 200);
    for (size_t i = 0; i < all.count; i++) {
        tacho__buffer_string(&bytes, all.line[i]);
    }
    scratch_write(&place, "whole/a.jsonl", "w", bytes.data, bytes.length);
    assert_int_equal(import_folder("whole.db", "whole"), TACHO_OK);
    grow("cut.db", "cut", "cut/a.jsonl", bytes.data, bytes.length, 2000);
    expect_same("whole.db", "cut.db");
    tacho__buffer_free(&bytes);
    forget(&all);
}

static void test_last_line__counts_without_its_end_and_only_once(void **state) {
    (void)state;
    tacho__buffer text = TACHO__BUFFER_INIT;
    say_call(&text, (say){.session = "s1", .uuid = "u1", .id = "m1", .model = "claude-opus-4-6", .output = 3});
    say_call(&text, (say){.session = "s1", .uuid = "u2", .id = "m2", .model = "claude-opus-4-6", .output = 4});
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length - 1);
    assert_int_equal(import_folder("h.db", "logs"), TACHO_OK);
    const char *path = scratch_path(&place, "h.db");
    assert_int_equal(history_number(path, "SELECT sum(output) FROM record"), 7);
    assert_int_equal(history_number(path, "SELECT lines FROM progress"), 1);
    assert_true(history_number(path, "SELECT pending FROM progress") > 100);
    scratch_write(&place, "logs/a.jsonl", "a", "\n", 1);
    assert_int_equal(import_folder("h.db", "logs"), TACHO_OK);
    assert_int_equal(history_number(path, "SELECT sum(output) FROM record"), 7);
    assert_int_equal(history_number(path, "SELECT lines FROM progress"), 2);
    assert_int_equal(history_number(path, "SELECT pending FROM progress"), 0);
    tacho__buffer_free(&text);
}

static void test_file__that_was_made_anew_is_read_from_its_start(void **state) {
    (void)state;
    tacho__buffer text = TACHO__BUFFER_INIT;
    say_call(&text, (say){.session = "s1", .uuid = "u1", .id = "m1", .model = "claude-opus-4-6", .output = 3});
    say_call(&text, (say){.session = "s1", .uuid = "u2", .id = "m2", .model = "claude-opus-4-6", .output = 4});
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    assert_int_equal(import_folder("h.db", "logs"), TACHO_OK);
    const char *path = scratch_path(&place, "h.db");
    tacho__buffer_clear(&text); /* shorter than before: the same inode, other lines */
    say_call(&text, (say){.session = "s1", .uuid = "u3", .id = "m3", .model = "claude-opus-4-6", .output = 5});
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    assert_int_equal(import_folder("h.db", "logs"), TACHO_OK);
    assert_int_equal(history_number(path, "SELECT sum(output) FROM record"), 12); /* what was known stays known */
    tacho__buffer_clear(&text);                                                   /* longer, with another head */
    for (int i = 0; i < 3; i++) {
        say_call(&text, (say){.session = "s2", .uuid = "u4", .id = "m4", .model = "claude-opus-4-6", .output = 6});
    }
    scratch_write(&place, "logs/a.jsonl", "w", text.data, text.length);
    assert_int_equal(import_folder("h.db", "logs"), TACHO_OK);
    assert_int_equal(history_number(path, "SELECT sum(output) FROM record"), 18);
    tacho__buffer_free(&text);
}

/* ---------------------------------------------------------------------------------------------- several batches */

/* More than a batch: the lines, each followed by a long one that says nothing. */
static void write_long(const lines *all, const char *name) {
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    for (size_t i = 0; i < all->count; i++) {
        tacho__buffer_string(&bytes, all->line[i]);
        tacho__buffer_string(&bytes, "{\"type\":\"summary\",\"summary\":\"");
        for (int j = 0; j < 60000; j++) {
            tacho__buffer_byte(&bytes, 'x');
        }
        tacho__buffer_string(&bytes, "\"}\n");
    }
    scratch_write(&place, name, "w", bytes.data, bytes.length);
    tacho__buffer_free(&bytes);
}

static int stop_at_once(void *context, const tacho_import_counts *counts) {
    int *calls = context;
    assert_true(counts->bytes <= counts->bytes_total);
    ++*calls;
    return 1;
}

static int die(void *context, const tacho_import_counts *counts) {
    (void)counts;
    int *batches = context;
    if (--*batches == 0) {
        _exit(7);
    }
    return 0;
}

static tacho_status import_with(const char *history_name, int (*progress)(void *, const tacho_import_counts *),
                                void *context) {
    tacho_history *history;
    const char *path = scratch_path(&place, "logs");
    const tacho_import_options options = {.struct_size = sizeof options, .progress = progress, .context = context};
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, history_name), 0), TACHO_OK);
    tacho_status status = tacho_import_claude_code(history, &path, 1, &options, NULL);
    tacho_history_close(history);
    return status;
}

static void test_stopped__keeps_its_batches_and_goes_on_there(void **state) {
    (void)state;
    lines all = {.count = 0};
    int calls = 0, imports = 1;
    random_lines(&all, 200);
    write_long(&all, "logs/a.jsonl"); /* 12 MB */
    assert_int_equal(import_folder("whole.db", "logs"), TACHO_OK);
    while (import_with("stopped.db", stop_at_once, &calls) == TACHO_STOPPED && imports < 20) {
        imports++;
    }
    assert_true(imports > 2); /* otherwise this tests nothing */
    assert_int_equal(import_folder("stopped.db", "logs"), TACHO_OK);
    expect_same("whole.db", "stopped.db");
    forget(&all);
}

static void test_killed__between_batches_goes_on_there(void **state) {
    (void)state;
    lines all = {.count = 0};
    random_lines(&all, 200);
    write_long(&all, "logs/a.jsonl");
    assert_int_equal(import_folder("whole.db", "logs"), TACHO_OK);
    for (int after = 1; after <= 2; after++) {
        int result, batches = after;
        pid_t child = fork();
        if (child == 0) {
            import_with("killed.db", die, &batches);
            _exit(1);
        }
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_int_equal(WEXITSTATUS(result), 7);
    }
    assert_int_equal(import_folder("killed.db", "logs"), TACHO_OK);
    expect_same("whole.db", "killed.db");
    forget(&all);
}

/* Another import writes the same history between two batches of ours. */
static int import_another(void *context, const tacho_import_counts *counts) {
    int *calls = context;
    (void)counts;
    if ((*calls)++ == 0) {
        assert_int_equal(import_folder("both.db", "others"), TACHO_OK);
    }
    return 0;
}

static void test_two_imports__at_once_miss_nothing(void **state) {
    (void)state;
    lines all = {.count = 0}, half = {.count = 0};
    int calls = 0;
    random_lines(&all, 200);
    for (size_t i = 0; i < all.count; i += 2) {
        half.line[half.count++] = all.line[i];
    }
    write_long(&all, "logs/a.jsonl");
    write_files(&half, "others", 2);
    assert_int_equal(import_folder("whole.db", "logs"), TACHO_OK);
    assert_int_equal(import_with("both.db", import_another, &calls), TACHO_OK);
    assert_true(calls > 1);
    expect_same("whole.db", "both.db");
    forget(&all);
}

/* -------------------------------------------------------------------------------------------------- real sessions */

static bool find_sample(char folder[1024]) {
    const char *data = getenv("TACHO_TEST_DATA");
    struct stat info;
    snprintf(folder, 1024, "%s/agent-sessions/claude-code", data ? data : "");
    bool there = data && stat(folder, &info) == 0;
    if (!there) {
        printf("skipped: TACHO_TEST_DATA has no agent-sessions/claude-code\n");
    }
    return there;
}

static void import_sample(const char *history_name, const char *path) {
    tacho_history *history;
    assert_int_equal(tacho_history_open(&history, scratch_path(&place, history_name), 0), TACHO_OK);
    assert_int_equal(tacho_import_claude_code(history, &path, 1, NULL, NULL), TACHO_OK);
    tacho_history_close(history);
}

static const char *const sample_files[] = {
    "project-a/tool_heavy.jsonl",
    "project-a/8463c716-a2ea-4c14-9efa-87158ebd9f20/subagents/agent-acompact-f46190.jsonl",
    "project-a/subagent.jsonl",
    "project-a/258c7280-ae70-4798-800f-63464d01a85d/subagents/agent-a881341.jsonl",
    "project-a/8463c716-a2ea-4c14-9efa-87158ebd9f20.jsonl",
    "project-a/short.jsonl",
    "project-a/258c7280-ae70-4798-800f-63464d01a85d/subagents/agent-acompact-fffbd0.jsonl",
    "project-a/258c7280-ae70-4798-800f-63464d01a85d.jsonl",
    "project-a/8463c716-a2ea-4c14-9efa-87158ebd9f20/subagents/agent-a7be2f0.jsonl",
};

#define SAMPLE_FILES (sizeof sample_files / sizeof sample_files[0])

static void test_sample__in_any_order_of_its_files(void **state) {
    (void)state;
    char folder[1024], path[1280];
    if (!find_sample(folder)) {
        skip();
    }
    import_sample("whole.db", folder);
    size_t order[SAMPLE_FILES];
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        order[i] = i;
    }
    for (size_t i = SAMPLE_FILES; i > 1; i--) {
        size_t other = below((unsigned)i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, sample_files[order[i]]);
        import_sample("files.db", path);
    }
    expect_same("whole.db", "files.db");
    import_sample("files.db", folder);
    expect_same("whole.db", "files.db");
}

static void test_sample__cut_at_any_byte_and_resumed(void **state) {
    (void)state;
    char folder[1024], path[1280];
    if (!find_sample(folder)) {
        skip();
    }
    import_sample("whole.db", folder);
    for (size_t i = 0; i < SAMPLE_FILES; i++) {
        size_t length;
        char copy[256];
        snprintf(path, sizeof path, "%s/%s", folder, sample_files[i]);
        snprintf(copy, sizeof copy, "cut/%s", sample_files[i]);
        char *bytes = scratch_read(path, &length);
        grow("cut.db", "cut", copy, bytes, length, length / 3 + 2);
        free(bytes);
    }
    expect_same("whole.db", "cut.db");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_order__of_lines_and_files_changes_nothing),
        TEST(test_twice__changes_nothing),
        TEST(test_parts__imported_one_by_one_give_the_whole),
        TEST(test_cut__at_any_byte_and_resumed_changes_nothing),
        TEST(test_last_line__counts_without_its_end_and_only_once),
        TEST(test_file__that_was_made_anew_is_read_from_its_start),
        TEST(test_stopped__keeps_its_batches_and_goes_on_there),
        TEST(test_killed__between_batches_goes_on_there),
        TEST(test_two_imports__at_once_miss_nothing),
        TEST(test_sample__in_any_order_of_its_files),
        TEST(test_sample__cut_at_any_byte_and_resumed),
    };
    return cmocka_run_group_tests_name("claude order", tests, NULL, NULL);
}
