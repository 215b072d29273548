/* From settings to the configuration of a collector. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/timestamp.h"
#include "config/file.h"
#include "config/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/collector.h>
#include <tachograph/price_table.h>

#define PRICES_MAX ((size_t)64 << 20) /* bytes of a file of prices; as JSON they are larger than as a table */
#define SENTENCE   512

/* A built table is MessagePack; JSON begins with a bracket, a comment or white space. */
static int is_json(const char *bytes, size_t length) {
    return length > 0 && strchr("{[/ \t\r\n", bytes[0]) != NULL && bytes[0] != '\0';
}

static uint32_t today(void) {
    int64_t year, days = tacho__wall(&tacho__clock_system) / (86400 * (int64_t)TACHO__NS_PER_SECOND);
    unsigned month, day;
    tacho__civil_from_days(days, &year, &month, &day);
    return (uint32_t)year * 10000 + month * 100 + day;
}

/* Prices of the user's own stand above the built-in ones. */
static tacho_status build_prices(tacho_settings *settings, const char *path, const char *bytes, size_t length,
                                 char why[SENTENCE]) {
    const tacho_price_table *base = tacho_price_table_builtin();
    const tacho_price_source source = {
        .struct_size = (uint32_t)sizeof(source), .name = path, .text = bytes, .length = length};
    tacho_price_built built = TACHO_PRICE_BUILT_INIT;
    tacho_status status = tacho_price_build(&source, 1, today(), TACHO_PRICE_BUILD_USER, NULL, &built);
    if (status == TACHO_OK) {
        status = tacho_price_table_load(&settings->prices, built.bytes, built.length, base);
    } else if (built.fault[0] != '\0') {
        snprintf(why, SENTENCE, "line %llu, column %llu: %s", (unsigned long long)built.fault_line,
                 (unsigned long long)built.fault_column, built.fault);
    }
    tacho_price_built_clear(&built);
    return status;
}

static tacho_status load_prices(tacho_settings *settings, const char *path, char why[SENTENCE]) {
    char *bytes;
    size_t length;
    tacho_status status = tacho__settings_slurp(path, PRICES_MAX, &bytes, &length);
    why[0] = '\0';
    if (status == TACHO_OK && is_json(bytes, length)) {
        status = build_prices(settings, path, bytes, length, why);
    } else if (status == TACHO_OK) {
        status = tacho_price_table_load(&settings->prices, bytes, length, tacho_price_table_builtin());
    }
    if (status != TACHO_OK && why[0] == '\0') {
        snprintf(why, SENTENCE, "%s", status == TACHO_NOT_FOUND ? "no such file" : tacho_status_text(status));
    }
    tacho__free(bytes);
    return status;
}

/* Loads the table once. A file that cannot be used is an error only where an argument named it. */
static tacho_status find_prices(tacho_settings *settings) {
    const char *source;
    const char *path = tacho_settings_get(settings, "prices", &source);
    char why[SENTENCE], sentence[SENTENCE];
    if (settings->prices != NULL || settings->has_no_prices || path[0] == '\0') {
        return TACHO_OK;
    }
    tacho_status status = load_prices(settings, path, why);
    if (status == TACHO_OK || status == TACHO_NOMEM) {
        return status;
    }
    int is_argument = strcmp(source, "argument") == 0;
    snprintf(sentence, sizeof(sentence), "%s: prices '%.200s' cannot be used: %.200s", source, path, why);
    tacho__settings_skip(settings, status, sentence);
    settings->has_no_prices = !is_argument;
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
