/*
 * Sources are read from the weakest to the strongest, and each value replaces what was there; so a bad value in a
 * strong source leaves the good one of a weaker source in place.
 */
#include <tachograph/settings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "config/file.h"
#include "config/paths.h"
#include "config/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE 512 /* bytes of a problem, with NUL */

/* ---------------------------------------------------------------------------------------------------------- files */

typedef struct file_reading {
    tacho_settings *settings;
    tacho__setting_origin origin;
} file_reading;

/* A value of a file that cannot be used is skipped; only a lack of memory ends the reading. */
static tacho_status take_from_file(void *context, const char *key, const char *value) {
    file_reading *reading = context;
    char problem[SENTENCE];
    tacho_status status =
        tacho__settings_put(reading->settings, &reading->origin, key, value, problem, sizeof(problem));
    if (status == TACHO_NOMEM) {
        return status;
    }
    if (status != TACHO_OK) {
        tacho__settings_skip(reading->settings, status, problem);
    }
    return TACHO_OK;
}

static int folder_of(const char *path, char folder[TACHO__PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    int length = slash == NULL   ? snprintf(folder, TACHO__PATH_MAX, ".")
                 : slash == path ? snprintf(folder, TACHO__PATH_MAX, "/")
                                 : snprintf(folder, TACHO__PATH_MAX, "%.*s", (int)(slash - path), path);
    return length >= 0 && length < TACHO__PATH_MAX;
}

/* TACHO_NOT_FOUND for a file that is not there; any other fault of the file is a skipped source. */
static tacho_status read_file(tacho_settings *settings, const char *path, int is_project) {
    char folder[TACHO__PATH_MAX], fault[SENTENCE / 2], sentence[SENTENCE];
    const char *kept = tacho__settings_keep(settings, path);
    if (kept == NULL) {
        return TACHO_NOMEM;
    }
    if (!folder_of(path, folder)) {
        return TACHO_NOT_FOUND;
    }
    file_reading reading = {settings, {.name = kept, .folder = folder, .is_project = is_project, .is_file = 1}};
    tacho_status status = tacho__settings_file_read(path, take_from_file, &reading, fault, sizeof(fault));
    if (status == TACHO_OK || status == TACHO_NOMEM || status == TACHO_NOT_FOUND) {
        return status;
    }
    snprintf(sentence, sizeof(sentence), "%s: %s", path, fault);
    tacho__settings_skip(settings, status, sentence);
    return TACHO_OK;
}

/* The value of the setting `config`, from an argument or the environment; NULL = look for the usual files. */
static const char *chosen_file(const tacho_setting *arguments, size_t count, const char **source) {
    const char *path = NULL;
    *source = "TACHO_CONFIG";
    for (size_t i = 0; i < count; i++) {
        if (arguments[i].key != NULL && strcmp(arguments[i].key, "config") == 0) {
            path = arguments[i].value;
            *source = "argument";
        }
    }
    path = path != NULL ? path : getenv("TACHO_CONFIG");
    return path != NULL && path[0] != '\0' ? path : NULL;
}

static tacho_status read_usual_files(tacho_settings *settings) {
    char user[TACHO__PATH_MAX], project[TACHO__PATH_MAX];
    tacho_status status = TACHO_OK;
    int has_user = tacho__user_settings_path(user, sizeof(user)) == TACHO_OK;
    if (has_user) {
        status = read_file(settings, user, 0);
    }
    if (status != TACHO_NOMEM && tacho__project_settings_path(project, sizeof(project)) == TACHO_OK) {
        status = read_file(settings, project, 1);
    }
    return status == TACHO_NOMEM ? status : TACHO_OK;
}

static tacho_status read_files(tacho_settings *settings, const tacho_setting *arguments, size_t count, char *problem,
                               size_t problem_size) {
    const char *source;
    const char *path = chosen_file(arguments, count, &source);
    if (path == NULL) {
        return read_usual_files(settings);
    }
    size_t skipped = settings->skipped;
    tacho_status status = read_file(settings, path, 0);
    if (status == TACHO_NOT_FOUND) {
        char sentence[SENTENCE];
        snprintf(sentence, sizeof(sentence), "%s: no such configuration file", path);
        tacho__settings_skip(settings, status, sentence);
        status = TACHO_OK;
    }
    if (status == TACHO_OK && settings->skipped > skipped && strcmp(source, "argument") == 0) {
        snprintf(problem, problem_size, "%s", settings->problems[skipped]); /* files come first: there is room */
        return TACHO_INVALID;
    }
    return status;
}

/* ------------------------------------------------------------------------------------- environment and arguments */

static tacho_status read_environment(tacho_settings *settings) {
    size_t rows;
    const tacho__setting_key *keys = tacho__setting_keys(&rows);
    for (size_t i = 0; i < rows; i++) {
        char variable[TACHO__SETTING_VARIABLE], problem[SENTENCE];
        tacho__setting_variable(keys[i].name, variable);
        const char *value = keys[i].type == TACHO__SETTING_OPEN ? NULL : getenv(variable);
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        tacho__setting_origin origin = {.name = tacho__settings_keep(settings, variable)};
        if (origin.name == NULL) {
            return TACHO_NOMEM;
        }
        tacho_status status = tacho__settings_put(settings, &origin, keys[i].name, value, problem, sizeof(problem));
        if (status == TACHO_NOMEM) {
            return status;
        }
        if (status != TACHO_OK) {
            tacho__settings_skip(settings, status, problem);
        }
    }
    return TACHO_OK;
}

static tacho_status read_arguments(tacho_settings *settings, const tacho_setting *arguments, size_t count,
                                   char *problem, size_t problem_size) {
    const tacho__setting_origin origin = {.name = "argument"};
    for (size_t i = 0; i < count; i++) {
        if (arguments[i].key == NULL || arguments[i].value == NULL) {
            snprintf(problem, problem_size, "a setting without a name or a value");
            return TACHO_INVALID;
        }
        tacho_status status =
            tacho__settings_put(settings, &origin, arguments[i].key, arguments[i].value, problem, problem_size);
        if (status != TACHO_OK) {
            return status == TACHO_NOMEM ? status : TACHO_INVALID;
        }
    }
    return TACHO_OK;
}

/* ------------------------------------------------------------------------------------------------------ public API */

static tacho_settings *new_settings(void) {
    size_t rows;
    (void)tacho__setting_keys(&rows);
    tacho_settings *settings = tacho__calloc(1, sizeof(*settings));
    if (settings != NULL) {
        settings->fixed = tacho__calloc(rows, sizeof(*settings->fixed));
        if (settings->fixed == NULL) {
            tacho__free(settings);
            return NULL;
        }
    }
    return settings;
}

tacho_status tacho_settings_read(tacho_settings **out, const tacho_setting *arguments, size_t count, char *problem,
                                 size_t problem_size) {
    char unwanted[SENTENCE];
    if (problem == NULL || problem_size == 0) {
        problem = unwanted;
        problem_size = sizeof(unwanted);
    }
    problem[0] = '\0';
    *out = NULL;
    tacho_settings *settings = new_settings();
    if (settings == NULL) {
        return TACHO_NOMEM;
    }
    tacho_status status = read_files(settings, arguments, count, problem, problem_size);
    if (status == TACHO_OK) {
        status = read_environment(settings);
    }
    if (status == TACHO_OK) {
        status = read_arguments(settings, arguments, count, problem, problem_size);
    }
    if (status != TACHO_OK) {
        tacho_settings_free(settings);
        return status;
    }
    *out = settings;
    return TACHO_OK;
}

void tacho_settings_free(tacho_settings *settings) {
    if (settings == NULL) {
        return;
    }
    tacho_price_table_free(settings->prices);
    tacho_price_table_free(settings->updated);
    for (size_t i = 0; i < settings->text_count; i++) {
        tacho__free(settings->texts[i]);
    }
    tacho__free(settings->texts);
    tacho__free(settings->tags);
    tacho__free(settings->members);
    tacho__free(settings->fixed);
    tacho__free(settings);
}

static const tacho__setting_entry *find_member(const tacho_settings *settings, const char *key) {
    for (size_t i = 0; i < settings->member_count; i++) {
        if (strcmp(settings->members[i].name, key) == 0) {
            return &settings->members[i];
        }
    }
    return NULL;
}

const char *tacho_settings_get(const tacho_settings *settings, const char *key, const char **source) {
    size_t rows;
    const tacho__setting_key *keys = tacho__setting_keys(&rows);
    int at = tacho__setting_find(key);
    const tacho__setting_entry *entry = at < 0                                 ? NULL
                                        : keys[at].type == TACHO__SETTING_OPEN ? find_member(settings, key)
                                                                               : &settings->fixed[at];
    if (source != NULL) {
        *source = entry == NULL ? NULL : entry->value == NULL ? "default" : entry->source;
    }
    return entry == NULL ? NULL : entry->value == NULL ? keys[at].fallback : entry->value;
}

const char *tacho_setting_name(size_t index) {
    size_t count;
    const tacho__setting_key *keys = tacho__setting_keys(&count);
    return index < count ? keys[index].name : NULL;
}

const char *tacho_settings_problem(const tacho_settings *settings, size_t index) {
    return index < settings->skipped && index < TACHO__SETTINGS_PROBLEMS ? settings->problems[index] : NULL;
}

size_t tacho_settings_skipped(const tacho_settings *settings) {
    return settings->skipped;
}

int tacho_settings_enabled(const tacho_settings *settings) {
    return strcmp(tacho_settings_get(settings, "enabled", NULL), "true") == 0;
}

const char *tacho_nearest_word(const char *word, const char *const *words, size_t count) {
    int at = tacho__nearest(word, words, count);
    return at < 0 ? NULL : words[at];
}
