#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tachograph.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/keys.h"
#include "config/value.h"
#include "support/scratch.h"

extern char **environ;

static char root[64];  /* each test's own folder with home/, config/ and project/below/, which it works in */
static char tree[400]; /* the source tree */

static void place(char out[200], const char *name) {
    snprintf(out, 200, "%s/%s", root, name);
}

static void make_folder(const char *name) {
    char path[200];
    place(path, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void write_file(const char *name, const char *text) {
    char path[200];
    place(path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
    (void)state;
    char path[200];
    snprintf(root, sizeof(root), "/tmp/tacho-settings-XXXXXX");
    if (mkdtemp(root) == NULL) {
        return -1;
    }
    static const char *const folders[] = {"home", "config", "config/tachograph", "project", "project/below"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        make_folder(folders[i]);
    }
    for (char **variable = environ; *variable != NULL;) {
        char name[TACHO__SETTING_VARIABLE] = "";
        size_t length = strcspn(*variable, "=");
        if (strncmp(*variable, "TACHO_", 6) == 0 && length < sizeof(name)) {
            memcpy(name, *variable, length);
            unsetenv(name);
            variable = environ;
        } else {
            variable++;
        }
    }
    place(path, "home");
    setenv("HOME", path, 1);
    place(path, "config");
    setenv("XDG_CONFIG_HOME", path, 1);
    place(path, "project/below");
    return chdir(path);
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    if (chdir("/") != 0) {
        return -1;
    }
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static tacho_settings *read_all(void) {
    tacho_settings *settings;
    assert_int_equal(tacho_settings_read(&settings, NULL, 0, NULL, 0), TACHO_OK);
    return settings;
}

static void expect(const tacho_settings *settings, const char *key, const char *value, const char *source) {
    const char *found_source = NULL;
    const char *found = tacho_settings_get(settings, key, &found_source);
    assert_non_null(found);
    assert_string_equal(found, value);
    assert_string_equal(found_source, source);
}

static void test_read__gives_defaults_without_any_source(void **state) {
    (void)state;
    tacho_settings *settings = read_all();
    expect(settings, "window", "1000", "default");
    expect(settings, "session", "", "default");
    expect(settings, "serve.port", "9109", "default");
    expect(settings, "retention.records", "30d", "default");
    assert_int_equal(tacho_settings_enabled(settings), 1);
    assert_int_equal(tacho_settings_skipped(settings), 0);
    assert_null(tacho_settings_get(settings, "windw", NULL));
    assert_null(tacho_settings_get(settings, "thresholds", NULL));
    assert_null(tacho_settings_get(settings, "thresholds.none", NULL));
    tacho_settings_free(settings);
}

static void test_read__takes_every_default_as_a_value(void **state) {
    (void)state;
    size_t rows;
    const tacho__setting_key *keys = tacho__setting_keys(&rows);
    for (size_t i = 0; i < rows; i++) {
        tacho__buffer out = TACHO__BUFFER_INIT;
        char reason[200];
        if (keys[i].fallback[0] != '\0') {
            assert_null(tacho__setting_canonical(&keys[i], keys[i].fallback, NULL, &out, reason));
            assert_string_equal(tacho__buffer_text(&out), keys[i].fallback);
        }
        tacho__buffer_free(&out);
    }
}

static void test_read__prefers_argument_then_environment_then_project_then_user(void **state) {
    (void)state;
    char user[200], project[200];
    place(user, "config/tachograph/config.json");
    place(project, "project/tachograph.json");
    write_file("config/tachograph/config.json",
               "{\"window\": 10, \"max_series\": 20, \"session\": \"user\", \"sample\": 0.25} // mine\n");
    write_file("project/tachograph.json", "/* ours */ {\"window\": 11, \"max_series\": 21, \"session\": \"project\"}");
    setenv("TACHO_WINDOW", "12", 1);
    setenv("TACHO_SESSION", "environment", 1);
    const tacho_setting arguments[] = {{"session", "argument"}};
    tacho_settings *settings;
    assert_int_equal(tacho_settings_read(&settings, arguments, 1, NULL, 0), TACHO_OK);
    expect(settings, "sample", "0.25", user);
    expect(settings, "max_series", "21", project);
    expect(settings, "window", "12", "TACHO_WINDOW");
    expect(settings, "session", "argument", "argument");
    assert_int_equal(tacho_settings_skipped(settings), 0);
    tacho_settings_free(settings);
}

static void test_read__finds_the_nearest_project_file(void **state) {
    (void)state;
    write_file("project/tachograph.json", "{\"window\": 11}");
    write_file("project/below/tachograph.json", "{\"session\": \"below\"}");
    tacho_settings *settings = read_all();
    assert_string_equal(tacho_settings_get(settings, "session", NULL), "below");
    expect(settings, "window", "1000", "default");
    tacho_settings_free(settings);
}

static void test_read__reads_the_file_of_tacho_config_in_place_of_both(void **state) {
    (void)state;
    char path[200];
    write_file("config/tachograph/config.json", "{\"window\": 10}");
    write_file("project/tachograph.json", "{\"session\": \"project\"}");
    write_file("third.json", "{\"prices\": \"~/p.bin\", \"dir\": \"run\"}");
    place(path, "third.json");
    setenv("TACHO_CONFIG", path, 1);
    tacho_settings *settings = read_all();
    expect(settings, "window", "1000", "default");
    expect(settings, "session", "", "default");
    place(path, "home/p.bin");
    assert_string_equal(tacho_settings_get(settings, "prices", NULL), path);
    place(path, "run");
    assert_string_equal(tacho_settings_get(settings, "dir", NULL), path);
    tacho_settings_free(settings);

    setenv("TACHO_CONFIG", "/nowhere/tachograph.json", 1);
    settings = read_all();
    assert_int_equal(tacho_settings_skipped(settings), 1);
    assert_string_equal(tacho_settings_problem(settings, 0), "/nowhere/tachograph.json: no such configuration file");
    tacho_settings_free(settings);

    char problem[200];
    const tacho_setting argument = {"config", "/nowhere/else.json"};
    assert_int_equal(tacho_settings_read(&settings, &argument, 1, problem, sizeof(problem)), TACHO_INVALID);
    assert_string_equal(problem, "/nowhere/else.json: no such configuration file");
    assert_null(settings);
}

static void test_read__survives_more_problems_than_it_keeps(void **state) {
    (void)state;
    static char text[200 * 16];
    char path[200], problem[300];
    size_t length = 0;
    for (int i = 0; i < 200; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%c\"bad%d\": 1", i ? ',' : '{', i);
    }
    snprintf(text + length, sizeof text - length, "}");
    write_file("bad.json", text);
    place(path, "bad.json");
    const tacho_setting argument = {"config", path};
    tacho_settings *settings;
    assert_int_equal(tacho_settings_read(&settings, &argument, 1, problem, sizeof problem), TACHO_INVALID);
    assert_true(strstr(problem, "'bad0'") != NULL);
}

static void test_read__refuses_an_unknown_argument_with_the_nearest_name(void **state) {
    (void)state;
    tacho_settings *settings = (tacho_settings *)root;
    char problem[200];
    const tacho_setting unknown = {"windw", "5"}, bad = {"window", "many"}, none = {"thresholds", "1"};
    assert_int_equal(tacho_settings_read(&settings, &unknown, 1, problem, sizeof(problem)), TACHO_INVALID);
    assert_string_equal(problem, "unknown setting 'windw', nearest is 'window'");
    assert_null(settings);
    assert_int_equal(tacho_settings_read(&settings, &bad, 1, problem, sizeof(problem)), TACHO_INVALID);
    assert_string_equal(problem, "window is 'many', but must be a whole number from 1 to 65536");
    assert_int_equal(tacho_settings_read(&settings, &bad, 1, problem, 12), TACHO_INVALID);
    assert_string_equal(problem, "window is '");
    assert_int_equal(tacho_settings_read(&settings, &none, 1, NULL, 0), TACHO_INVALID);
}

static void test_read__skips_and_counts_bad_values_of_environment_and_files(void **state) {
    (void)state;
    write_file("config/tachograph/config.json", "{\"window\": 10, \"windw\": 5, \"sample\": 7}");
    setenv("TACHO_WINDOW", "-3", 1);
    setenv("TACHO_SERVE_PORT", "", 1); /* empty = not set */
    setenv("TACHO_SERVE_METRICS_DEFAULT", "xml", 1);
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_skipped(settings), 4);
    expect(settings, "serve.port", "9109", "default");
    expect(settings, "sample", "1", "default");
    assert_string_equal(tacho_settings_get(settings, "window", NULL), "10"); /* the weaker source holds */
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "unknown setting 'windw', nearest is 'window'"));
    assert_non_null(
        strstr(tacho_settings_problem(settings, 1), "config.json: sample is '7', but must be a number from 0 to 1"));
    assert_string_equal(tacho_settings_problem(settings, 2),
                        "TACHO_WINDOW is '-3', but must be a whole number from 1 to 65536");
    assert_string_equal(tacho_settings_problem(settings, 3),
                        "TACHO_SERVE_METRICS_DEFAULT is 'xml', but must be one of prometheus json");
    assert_null(tacho_settings_problem(settings, 4));
    tacho_settings_free(settings);
}

static void test_read__names_line_and_column_of_a_broken_file(void **state) {
    (void)state;
    write_file("config/tachograph/config.json", "{\n  \"window\": 10,\n  \"sample\" 1\n}\n");
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_skipped(settings), 1);
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "config.json: line 3, column "));
    tacho_settings_free(settings);

    write_file("config/tachograph/config.json", "[1]");
    settings = read_all();
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "the outermost value must be an object"));
    tacho_settings_free(settings);
}

static void test_read__ignores_what_a_project_file_may_not_set(void **state) {
    (void)state;
    write_file(
        "project/tachograph.json",
        "{\"prices\": \"x\", \"history\": \"h.db\", \"config\": \"c\", \"plugins\": [\"evil.so\"], \"window\": 7,"
        " \"export\": {\"endpoint\": \"http://192.0.2.1\", \"headers_file\": \"/etc/passwd\", \"interval\": 5},"
        " \"alerts\": {\"slow\": {\"rule\": \"p95 > 1s\", \"notify\": \"http://192.0.2.1\"}},"
        " \"serve\": {\"address\": \"0.0.0.0\", \"port\": 1}}");
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_skipped(settings), 8);
    expect(settings, "prices", "", "default");
    expect(settings, "history", "off", "default");
    expect(settings, "export.endpoint", "", "default");
    expect(settings, "serve.address", "127.0.0.1", "default");
    assert_null(tacho_settings_get(settings, "alerts.slow.notify", NULL));
    assert_string_equal(tacho_settings_get(settings, "alerts.slow.rule", NULL), "p95 > 1s");
    assert_string_equal(tacho_settings_get(settings, "export.interval", NULL), "5");
    assert_string_equal(tacho_settings_get(settings, "window", NULL), "7");
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "'prices' is ignored in a project file"));
    tacho_settings_free(settings);
}

static void test_enabled__is_off_by_its_four_words(void **state) {
    (void)state;
    static const char *const off[] = {"false", "0", "off", "no", "FALSE", "Off", "nO"};
    static const char *const on[] = {"true", "1", "on", "yes", "True", "nonsense", ""};
    for (size_t i = 0; i < 7; i++) {
        setenv("TACHO_ENABLED", off[i], 1);
        tacho_settings *settings = read_all();
        assert_int_equal(tacho_settings_enabled(settings), 0);
        tacho_settings_free(settings);
        setenv("TACHO_ENABLED", on[i], 1);
        settings = read_all();
        assert_int_equal(tacho_settings_enabled(settings), 1);
        tacho_settings_free(settings);
    }
}

static void test_read__flattens_arrays_and_open_sections(void **state) {
    (void)state;
    write_file(
        "config/tachograph/config.json",
        "{\"tags\": [\"tier\", \"team\"], \"thresholds\": {\"vector_search\": 0.5, \"a.b\": 2},"
        " \"alerts\": [{\"name\": \"x\"}, {\"name\": \"y\"}], \"session\": null, \"serve\": {\"cors_origins\": []}}");
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_skipped(settings), 0);
    assert_string_equal(tacho_settings_get(settings, "tags", NULL), "tier,team");
    assert_string_equal(tacho_settings_get(settings, "thresholds.vector_search", NULL), "0.5");
    assert_string_equal(tacho_settings_get(settings, "thresholds.a.b", NULL), "2");
    assert_string_equal(tacho_settings_get(settings, "alerts.1.name", NULL), "y");
    expect(settings, "session", "", "default");
    tacho_settings_free(settings);
}

static void test_read__survives_hostile_files(void **state) {
    (void)state;
    char deep[256] = "";
    for (int i = 0; i < 40; i++) {
        strcat(deep, "{\"a\":");
    }
    const char *const texts[] = {"",   "{", "nul", "{\"window\": \"a\\u0000b\"}",         "{\"win\\u0000dow\": 1}",
                                 deep, "1", "{}}", "{\"\": 1, \"thresholds\": {\"\": 1}}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file("config/tachograph/config.json", texts[i]);
        tacho_settings *settings = read_all();
        assert_true(tacho_settings_skipped(settings) > 0);
        expect(settings, "window", "1000", "default");
        tacho_settings_free(settings);
    }
}

static void test_config__fills_a_collector_configuration(void **state) {
    (void)state;
    const tacho_setting arguments[] = {
        {"session", "s1"}, {"window", "64"}, {"max_series", "100.0"}, {"strict", "on"}, {"tags", "a, b ,c"}};
    tacho_settings *settings;
    tacho_config config = TACHO_CONFIG_INIT;
    assert_int_equal(tacho_settings_read(&settings, arguments, 5, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK); /* twice is the same */
    assert_string_equal(config.session, "s1");
    assert_null(config.dir);
    assert_int_equal(config.window, 64);
    assert_int_equal(config.max_series, 100);
    assert_int_equal(config.flags, TACHO_CONFIG_STRICT);
    assert_int_equal(config.tag_count, 3);
    assert_string_equal(config.tags[1], "b");
    assert_null(config.prices);
    tacho_settings_free(settings);
}

static void test_config__passes_the_folder_on(void **state) {
    (void)state;
    tacho_config config = TACHO_CONFIG_INIT;
    setenv("TACHO_DIR", "/run/x", 1);
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_string_equal(config.dir, "/run/x");
    assert_int_equal(tacho_settings_skipped(settings), 0);
    tacho_settings_free(settings);
    unsetenv("TACHO_DIR");
}

static void test_config__refuses_prices_of_an_argument_only(void **state) {
    (void)state;
    char path[200];
    tacho_config config = TACHO_CONFIG_INIT;
    place(path, "prices.bin");
    write_file("prices.bin", "no table");
    setenv("TACHO_PRICES", path, 1);
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_null(config.prices);
    assert_int_equal(tacho_settings_skipped(settings), 1);
    tacho_settings_free(settings);

    const tacho_setting argument = {"prices", path}, missing = {"prices", "/nowhere/prices.bin"};
    assert_int_equal(tacho_settings_read(&settings, &argument, 1, NULL, 0), TACHO_OK);
    assert_int_not_equal(tacho_settings_config(settings, &config), TACHO_OK);
    tacho_settings_free(settings);
    assert_int_equal(tacho_settings_read(&settings, &missing, 1, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_NOT_FOUND);
    tacho_settings_free(settings);
}

static void test_config__loads_json_prices_above_the_built_in_ones(void **state) {
    (void)state;
    char path[200];
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_price_model model;
    place(path, "prices.json");
    write_file("prices.json", "{\"prices\": [ // ours\n{\"provider\": \"anthropic\", \"model\": \"claude-test\","
                              " \"rates\": {\"input\": 7, \"output\": 9}}]}");
    setenv("TACHO_PRICES", path, 1);
    tacho_settings *settings = read_all();
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_OK);
    assert_int_equal(tacho_settings_skipped(settings), 0);
    assert_non_null(config.prices);
    assert_int_equal(tacho_price_model_find(config.prices, "anthropic", "claude-test", &model), TACHO_OK);
    assert_int_equal(tacho_price_model_find(config.prices, "anthropic", "claude-opus-4-6", &model), TACHO_OK);
    tacho_settings_free(settings);

    const tacho_setting argument = {"prices", path};
    write_file("prices.json", "{\"prices\": [\n {]}");
    assert_int_equal(tacho_settings_read(&settings, &argument, 1, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_config(settings, &config), TACHO_DAMAGED);
    assert_non_null(strstr(tacho_settings_problem(settings, 0), "line 2, column "));
    tacho_settings_free(settings);
}

static void test_read__reports_every_refusal_of_the_heap(void **state) {
    (void)state;
    write_file("config/tachograph/config.json", "{\"tags\": [\"a\"], \"thresholds\": {\"x\": 1}, \"windw\": 1}");
    setenv("TACHO_SESSION", "s", 1);
    const tacho_setting argument = {"window", "5"};
    tacho_status status = TACHO_NOMEM;
    for (int successes = 0; status != TACHO_OK; successes++) {
        tacho_settings *settings;
        tacho_config config = TACHO_CONFIG_INIT;
        assert_true(successes < 1000);
        tacho__memory_fail_after(successes, 1);
        status = tacho_settings_read(&settings, &argument, 1, NULL, 0);
        assert_true(status == TACHO_OK || status == TACHO_NOMEM);
        if (status == TACHO_OK) {
            status = tacho_settings_config(settings, &config);
            tacho_settings_free(settings);
        }
        tacho__memory_fail_after(-1, 0);
    }
}

static void test_default_paths__follow_xdg_then_home(void **state) {
    (void)state;
    char path[200];
    setenv("HOME", "/home/x", 1);
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(tacho_default_history_path(path, sizeof(path)), TACHO_OK);
    assert_string_equal(path, "/home/x/.local/state/tachograph/history.db");
    setenv("XDG_STATE_HOME", "/s", 1);
    assert_int_equal(tacho_default_history_path(path, sizeof(path)), TACHO_OK);
    assert_string_equal(path, "/s/tachograph/history.db");
    setenv("XDG_STATE_HOME", "relative", 1);
    assert_int_equal(tacho_default_history_path(path, sizeof(path)), TACHO_OK);
    assert_string_equal(path, "/home/x/.local/state/tachograph/history.db");
    setenv("XDG_DATA_HOME", "/d", 1);
    assert_int_equal(tacho_default_save_path(path, sizeof(path)), TACHO_OK);
    assert_string_equal(path, "/d/tachograph/metrics/");
    assert_int_equal(tacho_default_save_path(path, 22), TACHO_FULL);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_int_equal(tacho_default_history_path(path, sizeof(path)), TACHO_NOT_FOUND);
}

static void test_duration__reads_its_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {{"30d", 2592000000000000u}, {"250ms", 250000000u},     {"1.5h", 5400000000000u},
                 {"0.5", 500000000u},        {"2w", 1209600000000000u}, {"90s", 90000000000u}};
    uint64_t ns;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(tacho__setting_duration(cases[i].text, &ns), TACHO_OK);
        assert_int_equal(ns, cases[i].ns);
    }
    static const char *const wrong[] = {"", "d", "30x", "-1s", "1 d", "1e3s", "99999999999w", "0x5", "30d "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_not_equal(tacho__setting_duration(wrong[i], &ns), TACHO_OK);
    }
}

static void test_nearest__counts_swaps_as_one_step(void **state) {
    (void)state;
    static const char *const words[] = {"since", "until", "sort"};
    assert_int_equal(tacho__edit_distance("sicne", "since"), 1);
    assert_int_equal(tacho__edit_distance("", "abc"), 3);
    assert_int_equal(tacho__edit_distance("kitten", "sitting"), 3);
    assert_int_equal(tacho__edit_distance("SINCE", "since"), 0);
    assert_string_equal(tacho_nearest_word("untl", words, 3), "until");
    assert_null(tacho_nearest_word("x", words, 0));
}

/* The page for users names every key, its variable and its default. */
static void test_documentation__names_every_setting(void **state) {
    (void)state;
    if (tree[0] == '\0') {
        print_message("skipped: TACHO_TEST_SOURCE is not set\n");
        skip();
    }
    char path[500];
    static char page[65536];
    snprintf(path, sizeof(path), "%s/core/doc/settings.md", tree);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    size_t rows;
    const tacho__setting_key *keys = tacho__setting_keys(&rows);
    for (size_t i = 0; i < rows; i++) {
        char row[200], variable[TACHO__SETTING_VARIABLE];
        tacho__setting_variable(keys[i].name, variable);
        if (keys[i].type == TACHO__SETTING_OPEN) {
            snprintf(row, sizeof(row), "| `%s.*` | |", keys[i].name);
        } else {
            snprintf(row, sizeof(row), "| `%s` | `%s` | %s%s%s|", keys[i].name, variable,
                     keys[i].fallback[0] != '\0' ? "`" : "", keys[i].fallback, keys[i].fallback[0] != '\0' ? "` " : "");
        }
        if (strstr(page, row) == NULL || strstr(page, keys[i].help) == NULL) {
            print_error("core/doc/settings.md lacks: %s ... %s\n", row, keys[i].help);
            fail();
        }
    }
}

static void test_default_save_file__is_new_and_its_folder_is_there(void **state) {
    (void)state;
    scratch place;
    char path[512];
    struct stat info;
    scratch_make(&place);
    setenv("XDG_DATA_HOME", scratch_path(&place, "data"), 1);
    assert_int_equal(tacho_default_save_file(path, sizeof(path)), TACHO_OK);
    unsetenv("XDG_DATA_HOME");
    assert_true(strncmp(path, scratch_path(&place, "data/tachograph/metrics/2"),
                        strlen(place.folder) + sizeof("/data/tachograph/metrics/2") - 1) == 0);
    assert_non_null(strstr(path, ".msgpack"));
    assert_int_not_equal(stat(path, &info), 0);
    assert_int_equal(stat(scratch_path(&place, "data/tachograph/metrics"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    scratch_remove(&place);
}

static void test_same_collector__looks_at_what_lasts(void **state) {
    (void)state;
    static const tacho_setting session[] = {{"session", "one"}}, sample[] = {{"sample", "0.5"}};
    tacho_settings *none, *other, *same;
    assert_int_equal(tacho_settings_read(&none, NULL, 0, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_read(&other, session, 1, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_read(&same, sample, 1, NULL, 0), TACHO_OK);
    assert_int_equal(tacho_settings_same_collector(none, same), 1);
    assert_int_equal(tacho_settings_same_collector(none, other), 0);
    tacho_settings_free(none);
    tacho_settings_free(other);
    tacho_settings_free(same);
}

static void test_setting_name__lists_all(void **state) {
    (void)state;
    size_t count = 0;
    tacho_settings *settings;
    assert_int_equal(tacho_settings_read(&settings, NULL, 0, NULL, 0), TACHO_OK);
    while (tacho_setting_name(count) != NULL) {
        assert_int_not_equal(tacho_setting_name(count)[0], 0);
        count++;
    }
    assert_true(count > 20);
    assert_string_equal(tacho_setting_name(0), "enabled");
    tacho_settings_free(settings);
}

int main(void) {
    const char *variable = getenv("TACHO_TEST_SOURCE"); /* each test clears all TACHO_* variables */
    snprintf(tree, sizeof(tree), "%s", variable != NULL ? variable : "");
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_read__gives_defaults_without_any_source),
        CASE(test_read__takes_every_default_as_a_value),
        CASE(test_read__prefers_argument_then_environment_then_project_then_user),
        CASE(test_read__finds_the_nearest_project_file),
        CASE(test_read__reads_the_file_of_tacho_config_in_place_of_both),
        CASE(test_read__survives_more_problems_than_it_keeps),
        CASE(test_read__refuses_an_unknown_argument_with_the_nearest_name),
        CASE(test_read__skips_and_counts_bad_values_of_environment_and_files),
        CASE(test_read__names_line_and_column_of_a_broken_file),
        CASE(test_read__ignores_what_a_project_file_may_not_set),
        CASE(test_enabled__is_off_by_its_four_words),
        CASE(test_read__flattens_arrays_and_open_sections),
        CASE(test_read__survives_hostile_files),
        CASE(test_config__fills_a_collector_configuration),
        CASE(test_config__passes_the_folder_on),
        CASE(test_config__refuses_prices_of_an_argument_only),
        CASE(test_config__loads_json_prices_above_the_built_in_ones),
        CASE(test_read__reports_every_refusal_of_the_heap),
        CASE(test_default_paths__follow_xdg_then_home),
        CASE(test_duration__reads_its_units),
        CASE(test_nearest__counts_swaps_as_one_step),
        CASE(test_documentation__names_every_setting),
        CASE(test_default_save_file__is_new_and_its_folder_is_there),
        CASE(test_same_collector__looks_at_what_lasts),
        CASE(test_setting_name__lists_all),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
