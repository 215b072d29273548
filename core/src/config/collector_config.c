/* From settings to the configuration of a collector. */
#include "base/memory.h"
#include "config/file.h"
#include "config/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/collector.h>

#define PRICES_MAX (4u * 1024u * 1024u) /* bytes of a price table, as tacho_price_table_load takes */

static tacho_status load_prices(tacho_settings *settings, const char *path) {
    char *bytes;
    size_t length;
    tacho_status status = tacho__settings_slurp(path, PRICES_MAX, &bytes, &length);
    if (status != TACHO_OK) {
        return status;
    }
    status = tacho_price_table_load(&settings->prices, bytes, length, tacho_price_table_builtin());
    tacho__free(bytes);
    return status;
}

/* Loads the table once. A file that cannot be used is an error only where an argument named it. */
static tacho_status find_prices(tacho_settings *settings) {
    const char *source;
    const char *path = tacho_settings_get(settings, "prices", &source);
    if (settings->prices != NULL || path[0] == '\0') {
        return TACHO_OK;
    }
    tacho_status status = load_prices(settings, path);
    if (status == TACHO_OK || status == TACHO_NOMEM || strcmp(source, "argument") == 0) {
        return status;
    }
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%s: prices '%s' cannot be used: %s", source, path, tacho_status_text(status));
    tacho__settings_skip(settings, status, sentence);
    return TACHO_OK;
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
    tacho_status status = find_prices(settings);
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
    config->prices = settings->prices;
    config->tags = settings->tags;
    config->tag_count = settings->tag_count;
    if (strcmp(tacho_settings_get(settings, "strict", NULL), "true") == 0) {
        config->flags |= TACHO_CONFIG_STRICT;
    }
    return TACHO_OK;
}
