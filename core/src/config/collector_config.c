/* From settings to the configuration of a collector. */
#include "base/memory.h"
#include "config/history_setting.h"
#include "config/price_files.h"
#include "config/store.h"
#include "config/value.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/collector.h>
#include <tachograph/registry.h>

#define SENTENCE 512

/* What `tacho prices update` left, once. A file that is not good is told, and the built-in table is used. */
static tacho_status find_updated(tacho_settings *settings) {
    char sentence[SENTENCE];
    if (settings->has_looked_for_prices) {
        return TACHO_OK;
    }
    tacho_status status = tacho_default_prices(&settings->updated);
    settings->has_looked_for_prices = status != TACHO_NOMEM;
    if (status != TACHO_OK && status != TACHO_NOT_FOUND && status != TACHO_NOMEM) {
        snprintf(sentence, sizeof(sentence), "the table of 'tacho prices update' cannot be used: %.200s",
                 tacho_status_text(status));
        tacho__settings_skip(settings, status, sentence);
    }
    return status == TACHO_NOMEM ? status : TACHO_OK;
}

/* Loads the table once. A file that cannot be used is an error only where an argument named it. */
static tacho_status find_prices(tacho_settings *settings) {
    const char *source;
    const char *path = tacho_settings_get(settings, "prices", &source);
    char why[SENTENCE], sentence[SENTENCE];
    if (settings->prices != NULL || settings->has_no_prices || path[0] == '\0') {
        return TACHO_OK;
    }
    const tacho_price_table *base = settings->updated != NULL ? settings->updated : tacho_price_table_builtin();
    tacho_status status = tacho__prices_load(path, base, &settings->prices, why, sizeof(why));
    if (status == TACHO_OK || status == TACHO_NOMEM) {
        return status;
    }
    int is_argument = strcmp(source, "argument") == 0;
    if (is_argument) { /* the caller is there to be told */
        tacho_price_table_free(settings->prices);
        settings->prices = NULL;
    }
    snprintf(sentence, sizeof(sentence), "%s: prices '%.200s' cannot be used%s: %.200s", source, path,
             settings->prices != NULL ? ", those of before stay in force" : "", why);
    tacho__settings_skip(settings, status, sentence);
    settings->has_no_prices = !is_argument && settings->prices == NULL;
    return is_argument ? status : TACHO_OK;
}

/* Splits the list of tags once. */
static tacho_status find_tags(tacho_settings *settings) {
    const char *list = tacho_settings_get(settings, "tags", NULL);
    if (settings->tags != NULL || list[0] == '\0') {
        return TACHO_OK;
    }
    size_t most = 1;
    for (const char *comma = list; (comma = strchr(comma, ',')) != NULL; comma++) {
        most++;
    }
    char *copy = (char *)tacho__settings_keep(settings, list);
    settings->tags = tacho__calloc(most, sizeof(*settings->tags));
    if (copy == NULL || settings->tags == NULL) {
        return TACHO_NOMEM;
    }
    char *rest;
    for (char *tag = strtok_r(copy, ",", &rest); tag != NULL; tag = strtok_r(NULL, ",", &rest)) {
        settings->tags[settings->tag_count++] = tag;
    }
    return TACHO_OK;
}

static uint32_t number(const tacho_settings *settings, const char *key) {
    return (uint32_t)strtoul(tacho_settings_get(settings, key, NULL), NULL, 10);
}

/* What is not set is NULL for the collector. */
static const char *text(const tacho_settings *settings, const char *key) {
    const char *value = tacho_settings_get(settings, key, NULL);
    return value[0] != '\0' ? value : NULL;
}

tacho_status tacho_settings_config(tacho_settings *settings, tacho_config *config) {
    tacho_status status = find_updated(settings);
    if (status == TACHO_OK) {
        status = find_prices(settings);
    }
    if (status == TACHO_OK) {
        status = find_tags(settings);
    }
    if (status != TACHO_OK) {
        return status;
    }
    config->session = text(settings, "session");
    config->dir = text(settings, "dir");
    config->window = number(settings, "window");
    config->max_series = number(settings, "max_series");
    config->prices = settings->prices != NULL ? settings->prices : settings->updated;
    config->tags = settings->tags;
    config->tag_count = settings->tag_count;
    if (strcmp(tacho_settings_get(settings, "strict", NULL), "true") == 0) {
        config->flags |= TACHO_CONFIG_STRICT;
    }
    return TACHO_OK;
}

static _Atomic(tacho__history_follow) follow_history;

void tacho__settings_follow_history(tacho__history_follow follow) {
    atomic_store_explicit(&follow_history, follow, memory_order_release);
}

/* A history that cannot be kept stops nobody, unless `strict` says so. */
static tacho_status keep_history(tacho_settings *settings, const tacho_config *config, tacho_collector *collector) {
    const char *source, *path = tacho_settings_get(settings, "history", &source);
    const tacho__history_follow follow = atomic_load_explicit(&follow_history, memory_order_acquire);
    if (strcmp(path, "off") == 0 || !tacho_settings_enabled(settings)) {
        return TACHO_OK;
    }
    uint64_t interval_ns = 0;
    (void)tacho__setting_duration(tacho_settings_get(settings, "history_interval", NULL), &interval_ns);
    const tacho_status status =
        !follow ? TACHO_UNSUPPORTED : follow(collector, strcmp(path, "auto") == 0 ? NULL : path, interval_ns);
    if (status != TACHO_OK) {
        char sentence[SENTENCE];
        snprintf(sentence, sizeof(sentence), "%s: history '%.200s' is not kept: %s", source, path,
                 follow ? tacho_status_text(status) : "the library that writes it is not loaded");
        tacho__settings_note(settings, sentence);
    }
    return (config->flags & TACHO_CONFIG_STRICT) != 0 ? status : TACHO_OK;
}

static void note_refused_dir(tacho_settings *settings, const char *dir, tacho_status status, const char *then) {
    char sentence[SENTENCE], why[TACHO_REGISTRY_WHY];
    tacho_registry_why(dir, status, why);
    snprintf(sentence, sizeof(sentence), "dir '%.200s' cannot be used (%s)%s", dir, why, then);
    tacho__settings_note(settings, sentence);
}

tacho_status tacho_settings_open(tacho_settings *settings, const tacho_config *config, tacho_collector **out) {
    tacho_status status = tacho_collector_open(out, config), refusal;
    if (status != TACHO_OK && status != TACHO_NOMEM && config->dir != NULL && config->dir[0] != '\0') {
        note_refused_dir(settings, config->dir, status, ""); /* `strict` asks for it */
    }
    if (status == TACHO_OK) {
        (void)tacho_collector_dir(*out, &refusal);
        if (refusal != TACHO_OK) {
            note_refused_dir(settings, config->dir, refusal, ": recording in private memory");
        }
        status = keep_history(settings, config, *out);
    }
    if (status != TACHO_OK) {
        tacho_collector_close(*out);
        *out = NULL;
    }
    return status;
}

int tacho_settings_same_collector(const tacho_settings *a, const tacho_settings *b) {
    static const char *const keys[] = {"session", "dir",    "window",  "max_series",      "prices",
                                       "tags",    "strict", "history", "history_interval"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *left = tacho_settings_get(a, keys[i], NULL), *right = tacho_settings_get(b, keys[i], NULL);
        if (strcmp(left != NULL ? left : "", right != NULL ? right : "") != 0) {
            return 0;
        }
    }
    return 1;
}
